#!/usr/bin/python3
"""Replay: a log of all kinds, made under kills, is run once more in an empty database and gives the same; and what is changed there is found."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import clerk  # noqa: E402
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

POISON = "毒丸"


class Replay:
    """A second database in the same cluster, with a broker and workers of its own."""

    def __init__(self, s):
        self.s = s
        self.run_dir = s.file("run2")
        os.mkdir(self.run_dir, 0o700)
        lj.own(self.run_dir)
        self.processes = []
        r = subprocess.run(["bash", os.path.join(lj.ROOT, "tests/lib/dbsetup.sh"), s.pg.dsn_parts("postgres"), "replay"], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr

    def ljctl(self, command, *more, expect=0, target="liangjin_audit"):
        argv = [self.s.program("ljctl"), "replay", command, "--source", self.s.pg.dsn("liangjin_audit"), "--target", self.s.pg.dsn(target, "replay")]
        r = subprocess.run(argv + list(more), capture_output=True, text=True, timeout=120)
        assert r.returncode == expect, "ljctl replay %s: exit %d where %d was due\n%s%s" % (command, r.returncode, expect, r.stdout, r.stderr)
        return r

    def copy(self, expect=0):
        return self.ljctl("copy", expect=expect, target="postgres")

    def compare(self, expect=0):
        """The facts by name, and what was said."""
        r = self.ljctl("compare", "--timeout", "90", "--output", "json", expect=expect)
        return {x["fact"]: x for x in json.loads(r.stdout)}, r.stderr

    def start(self):
        s = self.s
        args = ["--run-dir", self.run_dir]
        self.broker = lj.Process("replay-broker", [s.program("liangjin-broker"), "--dsn", s.pg.dsn("liangjin_broker", "replay")] + args, s.folder, s.env)
        self.workers = [lj.Process("replay-" + k, [s.program("liangjin-worker"), k, "--dsn", s.pg.dsn("liangjin_worker", "replay"), "--name", "w1"]
                                   + args, s.folder, s.env) for k in s.kinds]
        self.processes = [self.broker] + self.workers
        for p in self.processes:
            p.start()
        return self

    def sql(self, text):
        import psycopg2
        c = psycopg2.connect(self.s.pg.dsn("postgres", "replay") + " options='-c search_path=liangjin,pg_catalog'")
        try:
            with c, c.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else cursor.rowcount
        finally:
            c.close()

    def closures(self):
        return self.sql("select count(*) from closure")[0][0]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for p in self.processes:
            if kind is not None:
                print("---- the end of %s's log\n%s" % (p.name, p.tail()), flush=True)
            p.kill()
            assert kind or "Sanitizer" not in p.tail(200000), p.tail(5000)


STARTED = time.monotonic()


def said(what):
    print("    %5.1f s: %s" % (time.monotonic() - STARTED, what), flush=True)


def live(s, events):
    """Load of every kind, kills, one event that stays parked, one that is dropped, one that is redriven; drained and checked."""
    load.seed(s)
    said("seeded")
    running = load.Everything(s, rate=150, events=events)
    desk = clerk.Clerk(s)
    running.wait_more()
    for victim in (s.worker("validation"), s.worker("quota"), s.broker, s.worker("mail"), s.worker("register")):
        victim.kill()
        victim.start()
        running.wait_more(20)
    for h in running.http:
        h.finish()
    said("killed")
    lj.wait_until(lambda: desk.error or desk.acked > 160, "the clerk's events", 90)
    desk.finish()
    said("clerk's done")
    parked(s)
    said("draining")
    running.finish()
    said("drained")
    lj.wait_until(lambda: not s.sql("select 1 from kind k join want w on w.kind = k.number where (select max(watermark) from kind_mark m where"
                                    " m.kind = k.number) < (select max(position) from event)"), "the marks to be written")
    s.check()


def parked(s):
    """Three reports that kill the worker of opinion: parked for it; then one is given up, one redriven by a worker that can."""
    work = load.Work(77)
    worker = s.worker("opinion")
    worker.kill()
    history = load.History(s, "poison")
    events = [work.event("feedback.received", "PS001", {"from": "HOST", "text": POISON + "第%d份" % i}) for i in range(3)]
    for e in events:
        history.put(sent=e["id"], event=e)
        status, answer = s.post(e)
        assert status == 202, answer
        history.put(ack=e["id"], code=0, position=answer["position"])
    with lj.Keeper(worker, LJ_POISON=POISON):
        lj.wait_until(lambda: s.one("select count(*) from parked where state = 'parked'") == 3, "three parked events", 90)
    worker.kill()
    worker.start()
    positions = [p for (p,) in s.sql("select position from parked order by position")]
    s.admin("drop", kind="opinion", positions=positions[:1], reason="a test")
    s.admin("redrive", kind="opinion", positions=positions[1:2])
    lj.wait_until(lambda: s.one("select count(*) from parked where state = 'redriven'") == 1, "the redriven one")


NOT_EMPTY = ("follow-on events", "registers", "register events", "validations", "activities", "quota versions", "participations", "totals and duties",
             "duties met", "ledger sums", "sessions", "mails", "mail receipts", "mail events", "opinions", "verdicts", "parked, dropped")


def test_a_replay_gives_the_same():
    """all kinds, kills, parked, dropped and redriven events: an empty database gives the same, and each change in it is found"""
    with lj.System(broker_options=("--attempts-max", "2")) as s:
        live(s, 6000 if lj.FULL else 900)
        with Replay(s) as r:
            r.ljctl("compare", expect=3)     # no replay yet
            said("copying")
            assert s.broker.terminate() == 0  # nothing may come now, not even a new day
            r.copy()
            r.copy(expect=3)                 # not empty any more
            r.start()
            for p in (r.broker, r.workers[1]):
                n = r.closures()
                lj.wait_until(lambda: r.closures() > n + 3, "the replay to go on")
                p.kill()
                p.start()
            facts, _ = r.compare()
            said("replayed")
            for name, f in facts.items():
                print("    %-20s %6d equal" % (name, f["equal"]), flush=True)
                assert f["equal"] == f["source"] == f["replay"] and not f["different"], f
            for name in NOT_EMPTY:
                assert facts[name]["equal"], "nothing to compare: " + name
            there = dict(s.sql("select t.name, count(*) from event e join event_type t on t.number = e.type group by 1"))
            for name in ("activity.rejected", "activity.withdrawn", "quota.duty_met", "opinion.flagged", "mail.read", "mail.signed", "policy.set"):
                assert there.get(name), "nothing to compare: %s, %s" % (name, there)
            assert s.one("select count(*) from register_log where verdict = 2")
            finds_changes(r)
            said("changes found")
            refuses(s, r)


def refuses(s, r):
    """A replay takes no events, and the source is looked at again."""
    with lj.Peer("ipc://%s/intake.sock" % r.run_dir, "test") as p:
        code = p.submit([load.Work(5).feedback()])[0][0]
        assert code < 0, code
    s.start_all()
    work, history = load.Work(6), load.History(s, "later")
    e = work.feedback()
    history.put(sent=e["id"], event=e)
    status, answer = s.post(e)
    assert status == 202, answer
    assert "has gone on" in r.ljctl("compare", expect=3).stderr


CHANGES = (
    ("ledger sums", "update ledger_entry set minutes = minutes + 15 where (subject_kind, subject, day, activity, team, position) in (select subject_kind,"
                    " subject, day, activity, team, position from ledger_entry where subject_kind = 2 and minutes > 0 limit 1)"),
    ("sessions", "delete from ledger_entry where (subject_kind, subject, day, activity, team, position) in (select subject_kind, subject, day, activity,"
                 " team, position from ledger_entry where subject_kind = 1 limit 1)"),
    ("totals and duties", "update quota_total set duty = duty + 1 where (subject_kind, subject, year) in (select subject_kind, subject, year from"
                          " quota_total limit 1)"),
    ("duties met", "update quota_total set met = null where (subject_kind, subject, year) in (select subject_kind, subject, year from quota_total"
                   " where met is not null limit 1)"),
    ("mails", "delete from mail where id = (select id from mail limit 1)"),
    ("mail receipts", "update mail_receipt set state = 2, read_at = null where (position, rule, unit) in (select position, rule, unit from mail_receipt"
                      " where state > 2 limit 1)"),
    ("registers", "update team_version set name = name || '!' where (number, position) in (select number, position from team_version limit 1)"),
    ("register events", "delete from register_refusal where position = (select min(position) from register_refusal)"),
    ("validations", "update validation set state = 8 where position = (select max(position) from validation where verdict = 1 and state <> 8)"),
    ("opinions", "update opinion_score set score = score + 1 where position = (select min(position) from opinion_score where score < 100)"),
    ("verdicts", "update closure set verdicts[1] = verdicts[1] + 1 where number = (select min(number) from closure)"),
    ("follow-on events", "delete from replay_follow_on where id = (select id from replay_follow_on limit 1)"),
    ("follow-on events", "insert into replay_follow_on select follow_on_id(causation_id, 'mail', 7), causation_id, kind, type, unit, key, payload from"
                         " replay_follow_on limit 1"),
    ("follow-on events", "update replay_follow_on set payload = payload || ' ' where id = (select id from replay_follow_on limit 1)"),
    ("events", "update event set unit = unit + 1 where position = (select min(position) from event)"),
    ("parked, dropped", "delete from parked where state = 'dropped'"),
)


def finds_changes(r):
    """The negative control: rows changed by hand in the replay, and the comparison names each fact as often as it was changed."""
    due = {}
    for fact, change in CHANGES:
        assert r.sql("set session_replication_role = replica; " + change), change
        due[fact] = due.get(fact, 0) + 1
    due["ledger sums"] += 1     # the session that went was a sum of the ledger too,
    due["activities"] = 1       # and the state that changed is the activity's
    facts, text = r.compare(expect=1)
    for name, f in facts.items():
        off = f["different"] + f["missing"] + f["additional"]
        assert off == due.get(name, 0) or name == "duties met" and off in (1, 2), "%s: %d rows off where %d were changed" % (name, off, due.get(name, 0))
        assert not off or f["first"] and name + " " + f["first"] in text, (f, text)


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
