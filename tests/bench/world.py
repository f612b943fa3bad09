"""A synthetic world for measuring: teams and athletes of all 51 units, reports with rosters of five. No real person is in it."""
import json
import random
import re
import subprocess
import sys
import time
import uuid

import lj
import load

TEAMS, ATHLETES, ROSTER = 20, 8, 5
WORDS = ["今天带孩子们练了传球和垫球", "先做热身再分组练习", "老师们一起参加了最后的比赛", "孩子们问了很多训练中的问题", "我们讲了备战时的一天", "器材都检查过才开始",
         "天气很好操场上很热闹", "大家约好下学期再来", "最后全班一起做了拉伸", "校长说这样的课孩子们最喜欢", "小队员第一次当助教很认真", "社区的老人们也跟着做了几组"]


def uuid7(r):
    return str(uuid.UUID(int=(int(time.time() * 1000) << 80) | (7 << 76) | (r.getrandbits(12) << 64) | (2 << 62) | r.getrandbits(62)))


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(seconds + 8 * 3600))


class World:
    def __init__(self, seed=7, teams=TEAMS):
        self.random = random.Random(seed)
        self.teams = teams  # of each unit
        self.units = [e["payload"]["code"] for e in load.Work.unit_events(51)[:-1]]
        self.made = 0

    def event(self, type, unit, payload):
        return {"id": uuid7(self.random), "type": type, "unit": unit, "payload": payload}

    def registers(self):
        out = []
        for u in self.units:
            out.append(self.event("site.registered", u, {"code": "S1", "name": "试验小学", "kind": "PRIMARY"}))
            for t in range(self.teams):
                out.append(self.event("team.registered", u, {"code": "T%d" % t, "name": "试验%d队" % t, "level": "PROVINCIAL", "sport": "VOLLEYBALL",
                                                             "gender": "F", "valid_from": "2022-01-01"}))
                for p in range(ATHLETES):
                    code = "P%d-%d" % (t, p)
                    out.append(self.event("person.registered", u, {"code": code, "name": "试验员" + "甲乙丙丁戊己庚辛"[p % 8], "sex": "F", "birth_year": 2000}))
                    out.append(self.event("membership.started", u, {"person": code, "team": "T%d" % t, "role": "ATHLETE", "status": "FORMAL",
                                                                    "valid_from": "2022-01-01"}))
        return out

    def report(self):
        """A clean report of one team and ROSTER athletes, about 900 bytes; teams in turn, days of the last four weeks at random."""
        r, n = self.random, self.made
        self.made += 1
        unit, team = self.units[n % len(self.units)], "T%d" % (n // len(self.units) % self.teams)
        start = int(time.time()) - 3600 * r.randrange(4, 28 * 24)
        roster = [{"person": "P%s-%d" % (team[1:], p), "team": team, "role": "INSTRUCT", "minutes": 90} for p in r.sample(range(ATHLETES), ROSTER)]
        late = {"late_reason": "集中训练结束后统一补报"} if time.time() - start > 6 * 86400 else {}
        return self.event("activity.submitted", unit, dict(late, **{
            "title": "排球进校园第%d场" % n, "mode": "ONSITE", "start_at": stamp(start), "end_at": stamp(start + 5400), "break_minutes": 0, "teams": [team],
            "roster": roster, "site": "S1", "served_body": "SCHOOL", "audience": 120, "content": ["TEACH"], "guidance_minutes": 60, "fee_charged": False,
            "narrative": ",".join(r.sample(WORDS, 5)) + "。"}))


def send_units(s):
    """All 51 units and the policy, until the directory has them; and the gateway, where there is one."""
    events = load.Work.unit_events(51)
    send(s, events, origin=2)
    lj.wait_until(lambda: s.one("select count(*) from unit") >= 52, "the units")
    if s.gateway:
        last = events[-2]["payload"]["code"]

        def known():
            w = World()
            return s.post(w.event("feedback.received", last, {"n": 0}))[0] == 202
        lj.wait_until(known, "the gateway to know the units", 60, 0.2)


def start(world, **options):
    """A running system of the release build with the world's registers in it; a context manager like lj.System, whose options it takes."""
    s = lj.System(**dict({"gateway": False}, **options))
    s.__enter__()
    try:
        send_units(s)
        rows = world.registers()
        send(s, rows, origin=2)
        s.wait_drained(300)
    except BaseException:
        s.__exit__(*sys.exc_info())
        raise
    return s


class running:
    """with world.running(w) as s: what start() gives, with its logs printed when the block fails."""

    def __init__(self, world, **options):
        self.world, self.options = world, options

    def __enter__(self):
        self.s = start(self.world, **self.options)
        return self.s

    def __exit__(self, *exc):
        self.s.__exit__(*exc)


def send(s, events, origin=1):
    """Over ZeroMQ in messages of 500; a unit that the broker does not know yet is tried again."""
    with lj.Peer(s.endpoint(), "world") as p:
        for i in range(0, len(events), 500):
            part = events[i:i + 500]

            def taken():
                return all(a[0] in (0, 1) for a in p.submit(part, origin=origin))
            lj.wait_until(taken, "registers to be taken", 60, 0.2)


class Submit:
    """liangjin-submit that has all its events in memory before it begins, and leaves no history: what it takes from the two cores is little."""

    def __init__(self, s, name, options, stdin=subprocess.DEVNULL, endpoint=None, window=8000):
        self.err = open(s.file(name + ".err"), "w+b")
        argv = [s.program("liangjin-submit"), "--endpoint", endpoint or s.endpoint(), "--name", name, "--window", str(window), "--quiet",
                "--preload", "--deadline", "120000"]
        self.child = subprocess.Popen(argv + list(options), stdin=stdin, stdout=subprocess.DEVNULL, stderr=self.err,
                                      preexec_fn=lj._die_with_parent(9))

    def finish(self, seconds=300):
        """{acked, seconds, ...} as it prints them; seconds run from its first event to its last answer.

        acked: stored now, or stored before: where an answer took seconds the library has sent the same id again. What the log holds, callers count.
        """
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise
        self.err.seek(0)
        text = self.err.read().decode(errors="replace")
        self.err.close()
        assert self.child.returncode == 0, text
        out = {k: float(v) for k, v in re.findall(r"(\w+)(?:<?)=([\d.]+)", text.splitlines()[-1])}
        return dict(out, acked=out["stored"] + out["repeated"])


def write_events(path, events):
    size = 0
    with open(path, "w", encoding="utf-8") as f:
        for e in events:
            line = json.dumps(e, ensure_ascii=False, separators=(",", ":"))
            size += len(line.encode())
            f.write(line + "\n")
    return size // max(1, len(events))
