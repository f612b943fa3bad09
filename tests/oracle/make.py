"""Random histories of the quota: what one or two units, their teams and athletes do in one to two years, as events with times of receipt.

A history is made from a number alone. Its events name its units `~0~`, `~1~`, `~2~`, itself `~h~` and activities `~a7~`, so that the same history can
stand several times in one log: `realise` puts the names in. Times cluster where rules bite: few days with many reports, year ends, 1 October,
29 February, the days on which years close, the bound of presence, equal starts, registers dated back, corrections with a stale version."""
import json
import random
import uuid
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction

import oracle

LOCAL = oracle.LOCAL
FIRST, LAST = date(2023, 1, 1), date(2026, 10, 31)
DAY = timedelta(days=1)
OFFSETS = ["+08:00", "+08:00", "+08:00", "Z", "+09:00", "-05:00", "+05:30", "-11:00", "+14:00"]
STARTS = ["08:00", "09:00", "09:00", "09:00", "13:30", "14:00", "19:30", "23:00", "00:10", "07:45"]


class Lazy(oracle.World):
    """Registers and versions only, for choosing what comes next: years need not be closed for that."""

    def at(self, when):
        self.today = oracle.local_day(when)


def iso(day):
    return day.isoformat()


def stamp(t, offset, rng):
    zone = timezone.utc if offset == "Z" else datetime.fromisoformat("2000-01-01T00:00:00" + offset).tzinfo
    text = t.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
    if t.microsecond:
        text += (".%06d" % t.microsecond).rstrip("0")
    elif rng.random() < 0.1:
        text += ".000"
    return text + offset


def policy(rng, scope, version, valid_from, **more):
    """A policy with numbers that bind often."""
    p = {"scope": scope, "version": version, "valid_from": iso(valid_from), "team_min_sessions": rng.choice([1, 2, 4, 4, 6, 12, 52]),
         "athlete_min_minutes": rng.choice([60, 120, 240, 360, 360, 480, 600, 1000]), "source": "test", "confidence": "none", "author": "a",
         "approver": "b"}
    p.update(more)
    if rng.random() < 0.06:
        p[rng.choice(["team_min_sessions", "athlete_min_minutes"])] = 0
    maybe = {
        "counted_statuses": [["FORMAL"], ["FORMAL", "TRIAL"], ["FORMAL", "TRAINEE"]], "session_statuses": [["FORMAL"], ["FORMAL", "TRIAL", "TRAINEE"]],
        "mode_factor": [{"ONSITE": 1, "HYBRID": 0.75, "LIVE": 0.5, "RECORDED": 0.25}, {"ONSITE": 1.5, "HYBRID": 1, "LIVE": 0, "RECORDED": 0.3333}],
        "activity_cap_minutes": [60, 100, 180, 300], "day_cap_minutes": [100, 120, 200, 300], "lecture_cap_minutes": [30, 50, 90], "rounding": [1, 5, 10, 20, 60],
        "presence_min": [0, 0.5, 0.6667, 0.9, 1], "min_team_athletes": [2, 3], "carry_over": ["SURPLUS_25", "SURPLUS_25", "DEFICIT"],
        "session_tolerance": [0, 0.5, 0.9], "entry_cutoff": ["07-01", "12-31", "02-29"], "blackout_after_days": [0, 30], "pacing_bounds": [[0, 0.1, 0.2]],
        "review": ["UNIT", "UNIT", "CENTRE"], "month_weights": [[1] * 12, [0, 0, 5, 5, 5, 5, 0, 0, 5, 5, 5, 5]], "feasible_minutes_per_month": [30, 60]}
    for name, values in maybe.items():
        if rng.random() < (0.5 if name == "carry_over" else 0.35 if name == "review" else 0.18):
            p[name] = rng.choice(values)
    return p


def nation(seed):
    """[(received, payload)] of the nation's policy in one log: versions with changes inside years, one late, one that ends."""
    rng = random.Random("nation %d" % seed)
    out = []
    for version in range(1, rng.choice([2, 3, 4]) + 1):
        if version == 1:
            received, valid = FIRST, rng.choice([date(2020, 1, 1), date(2022, 1, 1), date(2023, 3, 1)])
        else:
            received = FIRST + DAY * rng.randint(100, 1200)
            valid = received + DAY * rng.randint(-150, 60)
        p = policy(rng, "NATION", version, valid)
        if version > 1 and rng.random() < 0.3:
            p["valid_to"] = iso(valid + DAY * rng.randint(20, 300))
        out.append((received, p))
    return [(r, p) for r, p in sorted(out, key=lambda x: x[1]["version"])] if [r for r, _ in out] == sorted(r for r, _ in out) else out[:1]


class Maker:
    def __init__(self, seed):
        self.rng = random.Random("history %s" % seed)
        r = self.rng
        self.first = FIRST + DAY * r.choice([0, 5, 36, 200, 300, 340, 365, 500, 640, 700])
        self.last = min(LAST, self.first + DAY * r.randint(250, 800))
        self.events, self.spans, self.todo = [], [], []
        self.units, self.teams, self.persons, self.sites = [0], [], [], []
        self.reports = {}       # number -> {"unit", "day", "teams"}
        self.world = Lazy()
        self.versions = {}
        self.exempt = []
        self.seq = 0

    # -- sending --

    def send(self, when, type, unit, payload, fixed=False, number=None, source="oracle"):
        """One event; the world follows, so that what comes next can fit it, or not."""
        e = {"received": when.isoformat(), "type": type, "unit": unit, "id": "~a%d~" % number if number is not None else None,
             "payload": payload, "fixed": fixed, "source": source}
        self.events.append(e)
        text = json.dumps(e["payload"])
        return self.world.apply({"id": e["id"] or "-", "type": type, "unit": unit, "received": when, "source": source,
                                 "payload": json.loads(text, parse_float=Fraction)})

    def later(self, when, act, *more):
        if when.astimezone(LOCAL).date() <= self.last:
            self.seq += 1
            self.todo.append((when, self.seq, act, more))

    def moment(self, day):
        return datetime.combine(day, time(self.rng.randint(0, 23), self.rng.randint(0, 59), self.rng.randint(1, 59)), LOCAL)

    def some_day(self):
        return self.first + DAY * self.rng.randint(0, (self.last - self.first).days)

    # -- the world at the beginning --

    def team_ref(self, t, in_activity=False):
        return "~%d~%s%s" % (t[0], ":" if in_activity and self.rng.random() < 0.2 else "/", t[1])

    def person_ref(self, p):
        return "~%d~/%s" % p

    def set_up(self):
        r, t = self.rng, self.moment(self.first)
        tick = timedelta(seconds=1)
        self.send(t, "unit.registered", "CN000", {"code": "~0~", "name": "省~0~", "kind": "PROVINCE"}, True)
        if r.random() < 0.5:
            self.units.append(1)
            self.send(t, "unit.registered", "CN000", {"code": "~1~", "name": "中心~1~", "kind": "SUB_UNIT", "parent": "~0~"}, True)
        if r.random() < 0.5:
            self.units.append(2)
            self.send(t, "unit.registered", "CN000", {"code": "~2~", "name": "省~2~", "kind": "PROVINCE"}, True)
        for n in range(r.choice([1, 2, 2, 3])):
            team = (r.choice(self.units), "T%d" % n)
            p = {"code": team[1], "name": "队%d" % n, "level": "PROVINCIAL", "sport": "JUDO", "gender": "X"}
            if r.random() < 0.3:
                p["valid_from"] = iso(self.first + DAY * r.randint(-100, 60))
                if r.random() < 0.2:
                    p["valid_to"] = iso(self.first + DAY * r.randint(150, 600))
            if r.random() < 0.2:
                p["games_task"] = r.sample(["PARIS_2024", "PARIS_2024_PARA", "LA_2028", "NO_SUCH"], r.randint(1, 2))
            self.teams.append(team)
            self.send(t + tick, "team.registered", "~%d~" % team[0], p)
        for n in range(r.randint(1, 5)):
            self.persons.append((r.choice(self.units), "P%d" % n))
            self.send(t + tick, "person.registered", "~%d~" % self.persons[-1][0], {"code": "P%d" % n, "name": "甲", "sex": "F", "birth_year": 2000})
        for n in range(2):
            self.sites.append((r.choice(self.units), "S%d" % n))
            self.send(t + tick, "site.registered", "~%d~" % self.sites[-1][0], {"code": "S%d" % n, "name": "小学", "kind": "PRIMARY"})
        for p in self.persons:
            for team in r.sample(self.teams, min(len(self.teams), r.choice([1, 1, 1, 2, 3]))):
                self.join(t + 2 * tick, p, team, self.first + DAY * r.choice([-900, -400, -100, -10, 0, 0, 15, 60]))
        for scope in ("UNIT", "TEAM"):
            if r.random() < 0.35:
                self.set_policy(t + 2 * tick, scope, self.first + DAY * r.randint(-200, 40))
        self.start = t + 3 * tick

    # -- registers --

    def join(self, when, p, team, day):
        r = self.rng
        x = {"person": self.person_ref(p), "team": self.team_ref(team), "role": r.choices(["ATHLETE", "COACH"], [12, 1])[0],
             "status": r.choices(["FORMAL", "TRIAL", "TRAINEE", "RETIRED"], [8, 3, 1, 1])[0], "valid_from": iso(day)}
        if r.random() < 0.2:
            x["valid_to"] = iso(day + DAY * r.randint(0, 400))
        self.spans.append((p, team, day))
        self.send(when, "membership.started", "~%d~" % team[0], x)

    def do_join(self, when):
        day = when.astimezone(LOCAL).date()
        self.join(when, self.rng.choice(self.persons), self.rng.choice(self.teams), self.near(day))

    def near(self, day):
        """A day that an event of this day may name: today, dated back, ahead, or where a rule has its bound."""
        r = self.rng
        special = [date(day.year, 10, 1), date(day.year, 10, 2), date(day.year, 7, 1), date(day.year, 1, 1), date(day.year - 1, 12, 31), date(day.year, 12, 31)]
        if day.year % 4 == 0:
            special += [date(day.year, 2, 29), date(day.year, 2, 28)]
        return r.choice([day, day, day + DAY * r.randint(-200, 0), day + DAY * r.randint(-30, 60), day + DAY * r.randint(-500, 0), r.choice(special),
                         r.choice(self.busy)])

    def do_change(self, when):
        r = self.rng
        p, team, _ = r.choice(self.spans)
        x = {"person": self.person_ref(p), "team": self.team_ref(team), "from": iso(self.near(when.astimezone(LOCAL).date()))}
        if r.random() < 0.85:
            x["status"] = r.choice(["FORMAL", "FORMAL", "TRIAL", "RETIRED", "LEFT", "TRAINEE"])
        else:
            x["role"] = r.choice(["ATHLETE", "COACH"])
        self.send(when, "membership.changed", "~%d~" % team[0], x)

    def do_end(self, when):
        p, team, _ = self.rng.choice(self.spans)
        x = {"person": self.person_ref(p), "team": self.team_ref(team), "on": iso(self.near(when.astimezone(LOCAL).date()))}
        self.send(when, "membership.ended", "~%d~" % team[0], x)

    def do_team(self, when):
        r, team = self.rng, self.rng.choice(self.teams)
        day = self.near(when.astimezone(LOCAL).date())
        if r.random() < 0.15:
            x = {"team": self.team_ref(team), "on": iso(day)}
            if len(self.teams) > 1 and r.random() < 0.5:
                x["merged_into"] = self.team_ref(r.choice([t for t in self.teams if t != team]))
            first = self.world.teams.get(("~%d~" % team[0], team[1]), {}).get("first")
            if first is None or first <= day:
                self.send(when, "team.disbanded", "~%d~" % team[0], x)
        elif r.random() < 0.2:
            self.send(when, "team.changed", "~%d~" % team[0], {"team": self.team_ref(team), "games_task": r.choice([["PARIS_2024"], ["LA_2028"]])})
        else:
            self.send(when, "team.changed", "~%d~" % team[0], {"team": self.team_ref(team), "state": r.choice(["PAUSED", "PAUSED", "ACTIVE"]), "from": iso(day)})

    def do_unit(self, when):
        if 1 in self.units and 2 in self.units:
            self.send(when, "unit.changed", "CN000", {"unit": "~1~", "parent": self.rng.choice(["~0~", "~2~"])})

    def set_policy(self, when, scope, day):
        r = self.rng
        more = {"unit": "~%d~" % r.choice(self.units)} if scope == "UNIT" else {"team": self.team_ref(r.choice(self.teams))}
        key = (scope,) + tuple(more.values())
        self.versions[key] = self.versions.get(key, 0) + 1
        p = policy(r, scope, self.versions[key] if r.random() < 0.9 else 1, day, **more)
        if r.random() < 0.2:
            p["valid_to"] = iso(day + DAY * r.randint(0, 300))
        self.send(when, "policy.set", "CN000", p)

    def do_policy(self, when):
        self.set_policy(when, self.rng.choice(["UNIT", "TEAM"]), self.near(when.astimezone(LOCAL).date()))

    def do_exempt(self, when):
        r = self.rng
        day = when.astimezone(LOCAL).date()
        if self.exempt and r.random() < 0.3:
            self.send(when, "exemption.ended", "CN000", {"code": r.choice(self.exempt), "on": iso(day + DAY * r.randint(-60, 60))})
            return
        first = day + DAY * r.choice([0, -10, -59, -60, -61, r.randint(-60, 100)])
        x = {"code": "X~h~.%d" % len(self.exempt), "kind": "OTHER", "effect": r.choice(["PRORATE", "WAIVE", "DEFER"]), "from": iso(first)}
        if r.random() < 0.3:
            x["team"] = self.team_ref(r.choice(self.teams))
        else:
            x["person"] = self.person_ref(r.choice(self.persons))
        if r.random() < 0.8:
            x["to"] = iso(first + DAY * r.choice([0, 5, 30, 100, 400]))
        self.exempt.append(x["code"])
        self.send(when, "exemption.approved", "CN000", x)

    # -- activities --

    def body(self, day, teams):
        r = self.rng
        h, m = r.choice(STARTS).split(":")
        start = datetime.combine(day, time(int(h), int(m)), LOCAL)
        if r.random() < 0.15:
            start += timedelta(seconds=r.choice([1, 30, 59.5]))
        length = r.choice([25, 30, 45, 60, 60, 90, 100, 104, 120, 120, 150, 200, 240, 300, 480, 480] + ([721] if r.random() < 0.2 else [30]))
        end = start + timedelta(minutes=length, seconds=r.choice([0, 0, 0, 59, 1, 0.5]))
        breaks = r.choice([0, 0, 0, 10, 15, 30]) if length > 45 or r.random() < 0.1 else 0
        net = length - breaks
        talk = r.random() < 0.25
        b = {"title": "进校园活动一场", "mode": r.choices(["ONSITE", "HYBRID", "LIVE", "RECORDED"], [10, 2, 2, 1])[0], "break_minutes": breaks,
             "start_at": stamp(start, r.choice(OFFSETS), r), "end_at": stamp(end, r.choice(OFFSETS), r), "teams": [self.team_ref(t, True) for t in teams],
             "served_body": "SCHOOL", "audience": 50, "fee_charged": False,
             "content": r.choice([["LECTURE"], ["CEREMONY", "Q_A"], ["DONATION"]]) if talk else r.choice([["TEACH"], ["LECTURE", "DEMO"], ["MATCH_PLAY"], ["TEST"]]),
             "guidance_minutes": max(0, net if net < 1 else r.randint(0, min(net, 720))), "roster": []}
        if r.random() < 0.25:
            b["themes"] = r.choice([["PARTY"], ["RED_EDU", "PARTY"], ["PARTY", "VOLUNTEER"], ["BRAND"]])
            if r.random() < 0.6:
                b["guidance_minutes"] = 0
        if b["mode"] in ("LIVE", "RECORDED"):
            b.update(url="https://example.org/x", audience=0, audience_online=10)
        if b["mode"] in ("ONSITE", "HYBRID") or r.random() < 0.2:
            b["site"] = "~%d~/%s" % r.choice(self.sites)
        fit = [p for p in self.persons if any(self.takes_part(p, t, day) for t in teams)]
        some = r.sample(self.persons, r.randint(1, len(self.persons)))
        if fit and r.random() < 0.8 and not set(some) & set(fit):
            some.append(r.choice(fit))
        for p in some:
            b["roster"].append(self.roster_row(p, teams, start, end, net, breaks))
        return b

    def takes_part(self, p, team, day):
        s = self.world.span_on(("~%d~" % p[0], p[1]), ("~%d~" % team[0], team[1]), day)
        return s is not None and s.role == "ATHLETE" and s.status in ("FORMAL", "TRIAL", "TRAINEE")

    def roster_row(self, p, teams, start, end, net, breaks):
        r = self.rng
        mine = [t for q, t, _ in self.spans if q == p and t in teams]
        team = r.choice(mine) if mine and r.random() < 0.9 else r.choice(self.teams)
        row = {"person": self.person_ref(p), "team": self.team_ref(team, True), "role": r.choice(["INSTRUCT", "INSTRUCT", "DEMO", "TALK", "SUPPORT", "ATTEND"]),
               "minutes": r.choices([max(0, net), r.randint(0, max(0, net)), max(0, net) * 3 // 5, max(0, net) + 1], [12, 4, 4, 0.15])[0]}
        if r.random() < 0.35:
            came = start + timedelta(minutes=r.choice([-10, 0, 0, 5, 20, r.randint(0, 90)]), seconds=r.choice([0, 0, 30, 1]))
            want = [net, -(-net * 3 // 5), -(-net * 3 // 5) - 1, net // 2, r.randint(0, 200)]
            left = max(start, came) + timedelta(minutes=max(0, r.choice(want)) + breaks, seconds=r.choice([0, 0, 0, 59]))
            row.update({"in": stamp(came, r.choice(OFFSETS), r), "out": stamp(max(left, came + timedelta(minutes=1)), r.choice(OFFSETS), r)})
        return row

    def do_report(self, when, day):
        r = self.rng
        n = len(self.reports)
        teams = r.sample(self.teams, min(len(self.teams), r.choice([1, 1, 1, 2, 3])))
        if r.random() < 0.8:    # mostly a team with somebody in it that day
            manned = [t for t in self.teams if any(self.takes_part(p, t, day) for p in self.persons)]
            if manned and teams[0] not in manned:
                teams = [r.choice(manned)] + [t for t in teams if t not in manned][:1]
        unit = 0 if teams[0][0] == 1 and r.random() < 0.3 else teams[0][0]
        self.reports[n] = {"unit": unit, "day": day, "teams": teams}
        b = self.body(day, teams)
        late = (when.astimezone(LOCAL).date() - day).days
        if late > 7 and r.random() < 0.9:
            b["late_reason"] = "比赛期间无法及时填报活动"
        self.send(when, "activity.submitted", "~%d~" % unit, b, number=n, source=self.sender(unit))
        accepted = "~a%d~" % n in self.world.activities
        if accepted:
            self.follow(when, n, day)
        for _ in range(r.choices([0, 1, 2, 3], [5, 3, 2, 1])[0] if accepted or r.random() < 0.2 else 0):
            year_end = datetime(day.year + 1, 2, 1, tzinfo=LOCAL) + timedelta(days=r.uniform(-40, 12))
            self.later(r.choice([when + timedelta(seconds=r.randint(1, 600)), when + timedelta(days=r.uniform(0, 60)), max(year_end, when + DAY)]), self.do_correct, n)

    def do_correct(self, when, n):
        r, a = self.rng, self.reports[n]
        have = self.world.activities.get("~a%d~" % n)
        version = have.version if have else 1
        if r.random() < 0.15:
            version = max(1, version + r.choice([-1, 1]))
        if r.random() < 0.25:
            self.send(when, "activity.withdrawal_requested", "~%d~" % a["unit"], {"activity": "~a%d~" % n, "base_version": version, "reason": "登记有误"},
                      source=self.sender(a["unit"]))
            return
        day = a["day"] if r.random() < 0.7 else r.choice([d for d in self.busy if d <= when.date()] or [a["day"]])
        teams = a["teams"] if r.random() < 0.7 else r.sample(self.teams, r.randint(1, len(self.teams)))
        self.send(when, "activity.corrected", "~%d~" % a["unit"], {"activity": "~a%d~" % n, "base_version": version, "body": self.body(day, teams)},
                  source=self.sender(a["unit"]))
        if have and have.state in ("UNIT_REVIEW", "CORRECTION_PENDING"):
            self.later(when + timedelta(days=self.rng.uniform(0, 6)), self.do_review, n)

    # -- review, duplicates, closed years --

    CENTRE = ("centre:CENTRE_OPERATOR@CN000", "audit:CENTRE_AUDITOR@CN000", "polly:POLICY_ADMIN@CN000", "audit:POLICY_ADMIN@CN000")

    def sender(self, unit):
        return self.rng.choice(["oracle", "oracle", "boss:UNIT_ADMIN@~%d~" % unit, "filler:TEAM_FILLER@~%d~" % unit])

    def follow(self, when, n, day):
        """What may come after a report: its review, what is said about it, a decision about a duplicate, something when its year is closed."""
        r = self.rng
        if self.world.activities["~a%d~" % n].state == "UNIT_REVIEW" and r.random() < 0.9:
            self.later(when + timedelta(days=r.choice([0.01, r.uniform(0, 5), r.uniform(0, 40)])), self.do_review, n)
        for _ in range(r.choices([0, 1, 3], [7, 2, 1])[0]):
            self.later(when + timedelta(days=r.choice([r.uniform(0, 3), r.uniform(0, 50)])), r.choice([self.do_review, self.do_word]), n)
        if n > 0 and r.random() < 0.15:
            self.later(when + timedelta(days=r.choice([1, r.uniform(0, 20), r.uniform(0, 200)])), self.do_duplicate, n)
        if r.random() < 0.12:
            close = datetime(day.year + 1, 2, 8, tzinfo=LOCAL)
            self.later(close + timedelta(days=r.choice([-1, 0.001, r.uniform(0, 90)])), self.do_open, n)

    def do_review(self, when, n):
        r, unit = self.rng, self.reports[n]["unit"]
        a = self.world.activities["~a%d~" % n]
        state = a.state_on(when.astimezone(LOCAL).date())
        fit = [t for t, moves in oracle.MOVES.items() if state in moves]
        fit += ["activity.approved"] * 5 if "activity.approved" in fit else ["activity.sampled"] * 2 if "activity.sampled" in fit else ["activity.confirmed"]
        if state == "RETURNED" and r.random() < 0.7:
            self.do_correct(when, n)
            return
        type = r.choice(fit) if fit and r.random() < 0.9 else r.choice(sorted(oracle.MOVES))
        p = {"activity": "~a%d~" % n, "version": a.about if r.random() < 0.95 else a.about + 1}
        if type in ("activity.returned", "activity.revoked", "activity.reopened"):
            p["reason"] = "人数与照片不符"
        who = ["boss:UNIT_ADMIN@~%d~" % unit, "deputy:UNIT_ADMIN@~%d~" % unit, "oracle", r.choice(self.CENTRE)]
        self.send(when, type, "~%d~" % unit, p, source=r.choices(who, [4, 3, 1, 2])[0])
        if type == "activity.returned" and r.random() < 0.8:
            self.later(when + timedelta(days=r.choice([1, r.uniform(0, 29), r.uniform(29, 33), r.uniform(25, 60)])), r.choice([self.do_correct, self.do_review]), n)
        elif r.random() < 0.2:
            self.later(when + timedelta(days=r.uniform(0, 30)), self.do_review, n)

    def do_word(self, when, n):
        """An athlete or the host says something, or is asked."""
        r, unit = self.rng, self.reports[n]["unit"]
        a, p = self.world.activities["~a%d~" % n], {"activity": "~a%d~" % n}
        roster = [row["person"] for row in a.bodies[a.about]["roster"]] if a.about in a.bodies else []
        if r.random() < 0.6 and roster:
            person = r.choice(roster + [("~%d~" % q[0], q[1]) for q in self.persons[:1]])
            p["person"] = "%s/%s" % person
            type = "participation.resolved" if a.words.get(person) == "DISPUTED" and r.random() < 0.8 else r.choice(["participation.disputed", "participation.disputed",
                                                                                                                    "participation.confirmed", "participation.resolved"])
            if type != "participation.confirmed":
                p["reason"] = "只参加了半场"
            if type == "participation.resolved":
                p["outcome"] = r.choice(["KEPT", "DROPPED"])
            if type == "participation.disputed":
                self.later(when + timedelta(days=r.uniform(0, 40)), self.do_word, n)
        else:
            type = r.choice(["host.confirmed", "host.disputed", "host.disputed"]) if a.host == "SENT" else r.choice(["host.asked", "host.asked", "host.disputed"])
            if type == "host.disputed":
                p["comment"] = "当日没有活动"
                self.later(when + timedelta(days=r.uniform(0, 9)), self.do_review, n)
            if type == "host.asked":
                self.later(when + timedelta(days=r.choice([r.uniform(0, 9), 14.9, 15.5, 16.2])), self.do_word, n)
        self.send(when, type, "~%d~" % unit, p, source=r.choice(["link:host", "boss:UNIT_ADMIN@~%d~" % unit, "deputy:UNIT_ADMIN@~%d~" % unit]))

    def do_duplicate(self, when, n):
        """What follows from a decision about two reports; the later one is told. Mostly of a report that shares teams or its day."""
        r = self.rng
        sooner = [m for m in range(n) if "~a%d~" % m in self.world.activities]
        near = [m for m in sooner if abs((self.reports[m]["day"] - self.reports[n]["day"]).days) <= 1]
        if not sooner:
            return
        p = {"activity": "~a%d~" % n, "other": "~a%d~" % r.choice(near if near and r.random() < 0.9 else sooner)}
        unit = "~%d~" % self.reports[n]["unit"]
        if r.random() < 0.4:
            self.send(when, "duplicate.suspected", unit, dict(p), source="quota")
            self.later(when + timedelta(days=r.uniform(0, 3)), self.do_review, n)
            when += timedelta(days=r.uniform(0, 8))
            if when.astimezone(LOCAL).date() > self.last:
                return
        self.later(when, self.do_settle, n, dict(p, outcome=r.choices(["SAME_EVENT_JOINT", "SAME_EVENT_DOUBLE", "DIFFERENT"], [6, 2, 2])[0], reason="核对了签到表"))

    def do_settle(self, when, n, p):
        self.send(when, "duplicate.settled", "~%d~" % self.reports[n]["unit"], p, source="quota")
        if self.rng.random() < 0.3:
            self.later(when + timedelta(days=self.rng.uniform(0, 20)), self.rng.choice([self.do_correct, self.do_review, self.do_word]), n)

    def do_open(self, when, n):
        r, unit = self.rng, "~%d~" % self.reports[n]["unit"]
        p = {"activity": "~a%d~" % n, "reason": "复核发现错误"}
        first = r.choice(self.CENTRE[1:])
        if r.random() < 0.9:
            self.send(when, "record.reopen_asked", unit, dict(p), source=first if r.random() < 0.9 else "boss:UNIT_ADMIN" + "@" + unit)
        other = {"audit:CENTRE_AUDITOR@CN000": "polly:POLICY_ADMIN@CN000", "polly:POLICY_ADMIN@CN000": "audit:CENTRE_AUDITOR@CN000"}
        self.send(when + timedelta(minutes=1), "record.reopened", unit, dict(p), source=other.get(first, first) if r.random() < 0.85 else r.choice(self.CENTRE))
        for _ in range(r.choice([1, 1, 2])):
            self.later(when + timedelta(days=r.choice([0.01, r.uniform(0, 60)])), r.choice([self.do_correct, self.do_review, self.do_word, self.do_duplicate if n else self.do_review]), n)

    def plan(self):
        r = self.rng
        ends = [date(y, m, d) for y in range(2023, 2027) for m, d in ((12, 31), (12, 30), (1, 1), (10, 1))] + [date(2024, 2, 29), date(2024, 2, 28)]
        ends = [d for d in ends if self.first <= d <= self.last]
        self.busy = [self.some_day() for _ in range(r.randint(2, 4))] + r.sample(ends, min(len(ends), 2))
        for _ in range(r.randint(6, 22)):
            day = r.choice(self.busy) if r.random() < 0.75 else self.some_day()
            lag = r.choices([r.uniform(0.6, 2), r.uniform(0, 8), r.uniform(8, 31), r.uniform(25, 50)], [10, 6, 2, 0.5])[0]
            when = datetime.combine(day, time(), LOCAL) + timedelta(days=1.2 + lag - 0.6)
            self.later(when, self.do_report, day)
        acts = [(self.do_join, 2), (self.do_change, 5), (self.do_end, 2), (self.do_team, 2), (self.do_policy, 2), (self.do_exempt, 3), (self.do_unit, 0.5)]
        for _ in range(r.choice([0, 2, 5, 8, 12])):
            self.later(self.moment(self.some_day()) + DAY, r.choices([a for a, _ in acts], [w for _, w in acts])[0])

    def make(self):
        self.busy = [self.first]
        self.set_up()
        self.plan()
        while self.todo:
            self.todo.sort(key=lambda x: x[:2])
            when, _, act, more = self.todo.pop(0)
            act(max(when, self.start), *more)
            self.start = max(when, self.start)
        return self.events


def history(seed):
    """{"seed", "events"}: in order of receipt."""
    return {"seed": seed, "events": Maker(seed).make()}


def unit_code(n):
    return "%s%s%03d" % (chr(65 + n // 26000), chr(65 + n // 1000 % 26), n % 1000)


def activity_id(seed, number, copy):
    """The same order by bytes in every copy: only the last two bytes tell copies apart."""
    u = bytearray(random.Random("activity %s %d" % (seed, number)).randbytes(16))
    u[6], u[8], u[14:16] = u[6] & 15 | 112, u[8] & 63 | 128, copy.to_bytes(2, "big")
    return str(uuid.UUID(bytes=bytes(u)))


def realise(h, copy):
    """The history's events with names of its own in a log: [(received, type, unit code, id, payload text, source)]."""
    names = {"~%d~" % k: unit_code(3 * copy + k) for k in range(3)}
    names["~h~"] = "%d" % copy
    numbers = {e["id"] for e in h["events"] if e["id"]}
    names.update({i: activity_id(h["seed"], int(i[2:-1]), copy) for i in numbers | {"~a%d~" % n for n in range(60)}})
    out = []
    for k, e in enumerate(h["events"]):
        text = json.dumps(e["payload"], ensure_ascii=False)
        unit, own = e["unit"], e["id"]
        for a, b in names.items():
            if a in text:
                text = text.replace(a, b)
        unit = names.get(unit, unit)
        if own is None:
            own = str(uuid.UUID(bytes=random.Random("event %s %d %d" % (h["seed"], k, copy)).randbytes(16), version=4))
        source = e["source"]
        for a, b in names.items():
            source = source.replace(a, b)
        out.append((datetime.fromisoformat(e["received"]), e["type"], unit, names.get(own, own), text, source))
    return out


def for_oracle(row):
    received, type, unit, id, text, *source = row
    return {"received": received, "source": (source or ["oracle"])[0], "type": type, "unit": unit, "id": id, "payload": json.loads(text, parse_float=Fraction)}
