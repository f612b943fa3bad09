"""A client that does what the plain load does not: registers that change (also backwards in time), policies, broadcasts, mails that are read,
signed, answered and recalled, and reports of all the forms that the rules of minutes and sessions distinguish. A load.HttpLoad with a slower hand: every kind has work.
"""
import json
import os
import time

import psycopg2

import lj
import load


def day(back):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600 - back * 86400))


class Desk(load.Work):
    """Makes the clerk's events. Reads mails from the database, as a page would show them; without one it does something else."""

    def __init__(self, system, seed=900, pause=0.02):
        super().__init__(seed)
        self.system, self.pause = system, pause
        self.made = 0
        self.queue = []         # what follows on an event, in order
        self.people = []        # (unit, person, team)
        self.policies = 0
        self.conn = None

    def mixed(self):
        time.sleep(self.pause)  # the pace of a clerk, not a wait for anything
        self.made += 1
        if self.queue:
            return self.queue.pop(0)
        # A policy goes over everything that is there: seldom, and early enough.
        if self.made in (40, 120):
            return self.policy()
        x = self.random.random()
        table = ((0.40, self.rich_report), (0.55, self.newcomer), (0.68, self.status), (0.74, self.team), (0.78, self.refused), (0.80, self.unit),
                 (0.82, self.broadcast), (1.0, self.mail))
        return next(make for limit, make in table if x < limit)()

    # -- registers --

    def newcomer(self):
        u, t = self.random.choice(self.units), "T%d" % self.random.randrange(2)
        code = "N%d" % self.made
        self.people.append((u, code, t))
        self.queue.append(self.event("membership.started", u, {"person": code, "team": t, "role": self.random.choice(("ATHLETE",) * 4 + ("COACH",)),
                                                               "status": self.random.choice(("FORMAL", "FORMAL", "TRIAL")),
                                                               "valid_from": day(self.random.randrange(0, 400))}))
        return self.event("person.registered", u, {"code": code, "name": "后来者" + "甲乙丙丁戊己庚辛"[self.made % 8], "sex": "M", "birth_year": 1999})

    def status(self):
        u = self.random.choice(self.units)
        known = [(u, "P%d-%d" % (t, p), "T%d" % t) for t in range(2) for p in range(4)] + self.people
        u, code, team = self.random.choice(known)
        if self.random.random() < 0.15:
            return self.event("membership.ended", u, {"person": code, "team": team, "on": day(self.random.randrange(0, 5))})
        return self.event("membership.changed", u, {"person": code, "team": team, "from": day(self.random.randrange(0, 6)),
                                                    "status": self.random.choice(("FORMAL", "FORMAL", "TRIAL", "RETIRED"))})

    def team(self):
        payload = {"team": "T%d" % self.random.randrange(2), "state": self.random.choice(("ACTIVE", "ACTIVE", "PAUSED")),
                   "from": day(self.random.randrange(0, 6))}
        return self.event("team.changed", self.random.choice(self.units), payload)

    def refused(self):
        return self.event("membership.changed", self.random.choice(self.units), {"person": "nobody", "team": "T0", "from": day(1), "status": "RETIRED"})

    def unit(self):
        u = self.random.choice(self.units)
        return self.event("unit.changed", "CN000", {"unit": u, "aliases": ["别名%d" % self.made]})

    def policy(self):
        self.policies += 1
        with open(os.path.join(lj.ROOT, "db/seed/policy.json"), encoding="utf-8") as f:
            payload = json.load(f)["payload"]
        payload.update(version=self.policies + 1, valid_from=day(3 - self.policies), athlete_min_minutes=(480, 240)[self.policies - 1],
                       day_cap_minutes=(300, 200)[self.policies - 1], team_min_sessions=(3, 6)[self.policies - 1], min_team_athletes=(2, 1)[self.policies - 1],
                       rounding=(15, 10)[self.policies - 1])
        payload["mode_factor"]["LIVE"] = 0.5
        if self.policies == 2:
            payload.update(scope="UNIT", unit="PS002", version=1)
        return self.event("policy.set", "CN000", payload)

    # -- reports --

    def rich_report(self):
        r = self.random
        u = r.choice(self.units)
        others = [x for x in self.units if x != u]
        body = self.body()
        start = int(time.time()) - 3600 * r.randrange(4, 130)
        length = r.choice((5400, 5400, 10800, 3 * 3600 + 1))
        stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(s + 8 * 3600))  # noqa: E731
        team = body["teams"][0]
        net = length // 60 - 10
        body.update(start_at=stamp(start), end_at=stamp(start + length), break_minutes=10, guidance_minutes=min(60, net))
        if r.random() < 0.3:
            body.update(mode="LIVE", url="https://example.org/live", audience=0, audience_online=50)
            del body["site"]
        if r.random() < 0.2:
            body.update(content=["LECTURE"])
        if r.random() < 0.1:
            body.update(themes=["PARTY"], content=["LECTURE"], guidance_minutes=0)
        people = ["P%s-%d" % (team[1], p) for p in range(4)] + [p for unit, p, t in self.people if unit == u and t == team]
        rows = []
        for p in r.sample(people, r.randrange(1, 1 + min(6, len(people)))):
            row = {"person": p, "team": team, "role": r.choice(("INSTRUCT", "INSTRUCT", "DEMO", "ATTEND")), "minutes": r.randrange(30, net + 1)}
            if r.random() < 0.4:
                row.update({"in": stamp(start + r.randrange(0, 2400)), "out": stamp(start + length - r.randrange(0, 2400))})
            rows.append(row)
        if r.random() < 0.3:
            body["teams"].append("%s/T0" % others[0])
            rows.append({"person": "%s/P0-0" % others[0], "team": "%s/T0" % others[0], "role": "INSTRUCT", "minutes": min(90, net)})
        body["roster"] = rows
        e = self.event("activity.submitted", u, body)
        self.sent_reports = self.sent_reports[-100:] + [e]
        if r.random() < 0.3:
            old = r.choice(self.sent_reports)
            if r.random() < 0.3:
                payload = {"activity": old["id"], "base_version": 1, "reason": "重复上报,现申请撤回"}
                self.queue.append(self.event("activity.withdrawal_requested", old["unit"], payload))
            else:
                payload = {"activity": old["id"], "base_version": 1, "body": dict(body, title="更正后的题目第%d" % self.made)}
                self.queue.append(self.event("activity.corrected", old["unit"], payload))
        return e

    # -- mail --

    def broadcast(self):
        scope = self.random.choice(({"scope": "all"}, {"scope": "kind", "kinds": ["PROVINCE"]}, {"scope": "list", "units": ["PS001", "PS003"]}))
        return self.event("mail.broadcast_requested", "CN000", dict(scope, title="通知第%d号" % self.made, body="请各单位于年底前报送材料。",
                                                                    needs=self.random.choice(("SIGN", "READ", "NONE", "REPLY"))))

    def mail(self):
        found = self._some_mail()
        if not found:
            return self.event("mail.read", self.random.choice(self.units), {"mail": self.uuid7()})  # no such mail
        unit, mail, state, needs = found
        if self.random.random() < 0.04:
            return self.event("mail.recalled", "CN000", {"mail": mail, "reason": "发错单位", "by": "值班员"})
        if needs == "REPLY" and state == 3:
            return self.event("mail.replied", unit, {"mail": mail, "text": "已组织落实", "by": "值班员"})
        return self.event("mail.read" if state == 2 or self.random.random() < 0.2 else "mail.signed", unit, {"mail": mail, "by": "值班员"})

    def _some_mail(self):
        try:
            if self.conn is None or self.conn.closed:
                self.conn = psycopg2.connect(self.system.pg.dsn() + " connect_timeout=2")
                self.conn.autocommit = True
            with self.conn.cursor() as c:
                c.execute("select u.code, m.id::text, r.state, m.needs from liangjin.mail_receipt r join liangjin.mail m using (position, rule)"
                          " join liangjin.unit u on u.number = r.unit where r.state < 4 order by (m.needs in ('SIGN', 'REPLY')) desc, r.state desc, m.id limit 20")
                rows = c.fetchall()
                return self.random.choice(rows) if rows else None
        except psycopg2.Error:
            if self.conn is not None:
                self.conn.close()
            return None


class Clerk(load.HttpLoad):
    def __init__(self, system, seed=900, pause=0.02):
        super().__init__(system, "clerk%d" % seed, Desk(system, seed, pause), conflicts=0.02)

    def finish(self, seconds=60):
        super().finish(seconds)
        if self.work.conn is not None:
            self.work.conn.close()
