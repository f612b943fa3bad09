#!/usr/bin/python3
"""The broker, the workers and the gateway die at every named fail point of the event's path, under load; then the checker. And its negative control."""
import glob
import os
import re
import signal
import sys

import psycopg2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import clerk  # noqa: E402
import effects  # noqa: E402
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402
import reckon  # noqa: E402


def points(folder):
    """The names in the sources: a new fail point is tested without being listed here."""
    found = set()
    for path in glob.glob(os.path.join(lj.ROOT, folder, "**", "*.c"), recursive=True):
        with open(path, encoding="utf-8") as f:
            found.update(re.findall(r'LJ_FAILPOINT\("([a-z._]+)"\)', f.read()))
    return sorted(found)


PASSAGES = (1, 7, 40) if lj.FULL else (3,)  # at which passage it dies


def die_at(s, running, process, point, passage):
    process.kill()
    process.start(LJ_FAIL_AT="%s:%d" % (point, passage))
    lj.wait_until(lambda: not process.alive(), "%s to die at %s:%d" % (process.name, point, passage), 40)
    status = process.wait()
    assert status == -9, "%s ended with %d at %s" % (process.name, status, point)
    process.start()
    running.wait_more(10)
    print("    %s died at %s, passage %d" % (process.name, point, passage), flush=True)


def reachable_points(s):
    """The broker's points that this system can reach: settling needs a kind that settles and a worker of it."""
    settles = s.one("select count(*) from kind where settle_function is not null and name = any(%s)", (s.kinds,))
    for p in points("broker"):
        if "settle" in p and not settles:
            print("skip - %s: no kind that settles has a worker" % p)
        else:
            yield p


def test_broker_dies_at_each_point():
    """kill -9 of the broker at each named step of an event's path: no violation"""
    with lj.System() as s:
        load.seed(s)
        running, desk = load.Everything(s), clerk.Clerk(s)
        running.wait_more()
        for passage in PASSAGES:
            for point in reachable_points(s):
                die_at(s, running, s.broker, point, passage)
        desk.finish()
        running.finish()
        s.check()


def test_workers_and_gateway_die_at_each_point():
    """kill -9 of workers and gateway at each of their named steps: no violation"""
    with lj.System() as s:
        load.seed(s)
        running, desk = load.Everything(s), clerk.Clerk(s)
        running.wait_more()
        for passage in PASSAGES:
            for point in points("workers"):
                die_at(s, running, s.worker("validation"), point, passage)
            for point in points("gateway"):
                die_at(s, running, s.gateway, point, passage)
        desk.finish()
        running.finish()
        s.check()


def power_cut(s, round, **env):
    """Load; PostgreSQL stands still and every client waits; it and the broker die by SIGKILL at once; both start again."""
    s.broker.kill()
    s.broker.start(**env)
    s.wait_running()
    clients = [load.PeerLoad(s, "peer%d-%d" % (round, i), load.Work(1000 * round + i)) for i in range(8)]
    # So much besides that a turn of intake is always under way.
    submit = load.SubmitLoad(s, "bulk%d" % round, events=[clients[0].work.feedback() for _ in range(20000)], window=1000)
    lj.wait_until(lambda: submit.acked() > 500 and all(c.acked > 20 or c.error for c in clients), "acks")
    s.pg.freeze(signal.SIGSTOP)
    lj.wait_until(lambda: (s.status() or {"intake": {"held": 0}})["intake"]["held"] >= 1000, "every client to wait")
    s.broker.kill()
    s.pg.kill_all()
    s.pg.start()
    s.broker.start()
    acked = [c.acked for c in clients]
    lj.wait_until(lambda: all(c.acked > n or c.error for c, n in zip(clients, acked)), "acks after the restart")
    for c in clients:
        c.finish()
    submit.finish()
    s.wait_drained(120)


def test_power_cut():
    """PostgreSQL freezes, then it and the broker die at once: nothing that was acked is lost"""
    with lj.System(gateway=False) as s:
        load.seed(s)
        for i in range(3):
            power_cut(s, i)
        s.check()


def test_negative_control_ack_before_commit():
    """the same with LJ_BREAK=ack_before_commit: the checker must report lost events (I1)"""
    with lj.System(gateway=False, kinds=["register"]) as s:  # so that the lanes have intake alone to do
        load.seed(s)
        for i in range(20):
            # A turn of intake must be under way at the moment of the freeze; mostly it is.
            power_cut(s, i, LJ_BREAK="ack_before_commit")
            r = s.check("--only", "I1", expect=None)
            if r.returncode:
                assert "VIOLATED I1" in r.stdout, r.stdout + r.stderr
                return
        raise AssertionError("acks before the commit, twenty power cuts, and the checker has seen no loss")


def test_the_checker_sees_each_kind_of_fault():
    """what a broken system would leave behind, made by hand, is reported under the right invariant"""
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s, rate=200, events=2000)
        running.wait_more(20)
        running.finish()
        s.check()
        superuser = "set session_replication_role = replica; "
        some = s.one("select position from event e where exists (select from closure c where c.positions @> array[e.position]) and type ="
                     " (select number from event_type where name = 'activity.submitted') order by position desc limit 1")

        def expect(invariant, *more):
            r = s.check(*more, expect=1)
            assert "VIOLATED %s:" % invariant in r.stdout, r.stdout

        reader = s.streams[0]
        with open(reader, encoding="utf-8") as f:
            lines = f.readlines()

        def stream(changed):
            with open(reader, "w", encoding="utf-8") as f:
                f.writelines(changed)
        middle = len(lines) // 2
        stream(lines[:middle] + lines[middle + 1:])
        expect("I8")
        stream(lines[:middle] + [lines[middle]] + lines[middle:])
        expect("I8")
        stream(lines[:-3])
        expect("I8")
        stream(lines)
        s.check()
        # A closure twice, a closure away, a closure before its gate, a phantom, a changed payload, an event away.
        kept = s.sql("select number, positions, verdicts from closure where positions @> array[%s::int8] limit 1", (some,))[0]
        s.sql(superuser + "insert into closure select number + 1000000, lo, hi, closed_at, kind, attempt, positions, verdicts, worker, version from"
              " closure where number = %s", (kept[0],))
        expect("I4")
        s.sql(superuser + "delete from closure where number in (%s, %s)", (kept[0], kept[0] + 1000000))
        expect("I4")
        s.sql(superuser + "update event set payload = '{\"changed\":1}' where position = %s", (some,))
        expect("I1")
        s.sql(superuser + "update event set id = '018e85ca-2000-7000-8000-0000000000ff' where position = %s", (some,))
        expect("I2")
        s.sql(superuser + "delete from event where position = %s", (some,))
        expect("I1")


# Made in a transaction that is rolled back: what a broken system would leave behind in its effects. (invariant, words of the report, statements)
SOME_CREDIT = "(subject_kind, subject, day, activity, team, position) in (select subject_kind, subject, day, activity, team, position from ledger_entry" \
              " where subject_kind = %d and kind = 'CREDIT' order by 1, 2, 3, 4 limit 1)"
WRONG_EFFECTS = (
    ("I5", "stand in the ledger", "update ledger_entry set minutes = minutes + 15 where " + SOME_CREDIT % 2),
    ("I5", "stand in the ledger", "with l as (update ledger_entry set minutes = minutes + 15 where " + SOME_CREDIT % 2 + " returning *), p as (update"
     " quota_total q set minutes = q.minutes + 15 from l where q.subject_kind = 2 and q.subject = l.subject and q.year = l.year) update quota_total q"
     " set member_minutes = q.member_minutes + 15 from l where q.subject_kind = 1 and q.subject = l.team and q.year = l.year"),
    ("I5", "stand in the ledger", "with l as (delete from ledger_entry where " + SOME_CREDIT % 1 + " returning *) update quota_total q set sessions ="
     " q.sessions - l.sessions from l where q.subject_kind = 1 and q.subject = l.subject and q.year = l.year"),
    ("I5", "not the ledger's sum", "update quota_total set minutes = minutes + 1 where (subject_kind, subject, year) in (select subject_kind, subject,"
     " year from quota_total limit 1)"),
    ("I5", "has no total", "delete from quota_total where (subject_kind, subject, year) in (select subject_kind, subject, year from quota_total where"
     " minutes > 0 limit 1)"),
    ("I5", "by the registers", "update quota_total set duty = duty + 15 where (subject_kind, subject, year) in (select subject_kind, subject, year from"
     " quota_total where subject_kind = 2 and duty > 0 limit 1)"),
    ("I5", "by the registers", "update quota_total set duty = duty + 1 where (subject_kind, subject, year) in (select subject_kind, subject, year from"
     " quota_total where subject_kind = 1 limit 1)"),
    ("I5", "is met and not noted", "update quota_total set met = null where (subject_kind, subject, year) in (select subject_kind, subject, year from"
     " quota_total where met is not null and duty > 0 and minutes >= duty limit 1)"),
    ("I5", "announced", "delete from event where position = (select max(e.position) from event e join event_type t on t.number = e.type where t.name ="
     " 'quota.duty_met')"),
    ("I5", "should", "update policy_version set activity_cap_minutes = 15"),
    ("I5", "should", "update policy_version set day_cap_minutes = 30"),
    ("I5", "should", "update membership_version set status = 'RETIRED' where number in (select m.number from membership m join ledger_entry l on l.subject ="
     " m.person and l.subject_kind = 2 limit 1)"),
    ("I5", "should", "update team_version set paused = '{[1900-01-01,2999-01-01)}' where number = (select subject from ledger_entry where subject_kind = 1"
     " limit 1)"),
    ("I4", "row in validation", "delete from validation where position = (select max(position) from validation)"),
    ("I4", "its row in opinion_score", "update opinion_score set verdict = 2 where position = (select min(position) from opinion_score where verdict = 1)"),
    ("I4", "row in register_log", "delete from register_log where position = (select max(position) from register_log)"),
    ("I4", "refusal", "delete from register_refusal where position = (select max(position) from register_refusal)"),
    ("I4", "which was not applied", "update membership_version set position = (select max(position) from register_log where verdict = 2) where (number,"
     " position) in (select number, position from membership_version limit 1)"),
    ("I4", "follow-on activity.rejected", "delete from event where position = (select max(e.position) from event e join event_type t on t.number = e.type"
     " where t.name = 'activity.rejected')"),
    ("I4", "times activity.rejected", "insert into event select (select max(position) + 1 from event), received_at, occurred_at,"
     " 'ffffffff-0000-7000-8000-000000000000', causation_id, type, unit, class, schema_version, key, source, content_hash, payload from event where position ="
     " (select max(e.position) from event e join event_type t on t.number = e.type where t.name = 'activity.rejected')"),
    ("I4", "quota: ", "delete from quota_version where position = (select max(position) from quota_version)"),
    ("I4", "rows of roster", "delete from quota_participation where (position, person) in (select position, person from quota_participation limit 1)"),
    ("I4", "rows of teams", "delete from quota_team where position = (select max(position) from quota_team)"),
    ("I6", "no letter", "delete from mail where id = (select id from mail where rule = 23 limit 1)"),
    ("I6", "a letter", "insert into mail select (select max(position) from validation), sent_at, 'ffffffff-0000-7000-8000-000000000000', unit, rule,"
     " due_working_days, urgent, kind, needs, title, body from mail limit 1"),
    ("I6", "are due", "delete from mail_receipt where (position, rule, unit) in (select position, rule, unit from mail_receipt limit 1)"),
    ("I6", "are due", "insert into mail_receipt select position, null, null, rule, 0, role, 2, null, null from mail_receipt where unit <> 0 limit 1"),
    ("I6", "has not the id", "update mail set id = 'ffffffff-0000-7000-8000-000000000000' where id = (select id from mail limit 1)"),
    ("I6", "by the log at", "update mail_receipt set state = 3 where (position, rule, unit) in (select position, rule, unit from mail_receipt where state = 2"
     " limit 1)"),
    ("I6", "by the log at", "update mail_receipt set read_by = 'another' where (position, rule, unit) in (select position, rule, unit from mail_receipt"
     " where state > 2 limit 1)"),
    ("I6", "row in mail_log", "delete from mail_log where position = (select max(position) from mail_log)"),
    ("I6", "in its closure", "update mail_log set verdict = 3 - verdict, reason = case verdict when 1 then 'x' end where position = (select max(position)"
     " from mail_log)"),
    ("I7", "before it", "update closure set number = number + 1000000 where kind = 2 and positions @> array[(select min(v.position) from validation v where"
     " v.verdict = 1 and exists (select from validation w where w.activity = v.activity and w.position > v.position and w.verdict = 1))]"),
    ("I7", "was due", "update validation set base = 7 where position = (select max(position) from validation where verdict = 1 and op = 2)"),
    ("I7", "came after", "update closure set positions = (select array_agg(p order by p desc) from unnest(positions) p) where number = (select number from"
     " closure where kind = 1 and cardinality(positions) > 1 limit 1)"),
)


def wrong_effects(s, statement):
    """What the checks of effects report after the statement, in a transaction that never happened."""
    found = []
    c = psycopg2.connect(s.pg.dsn() + " options='-c search_path=liangjin,pg_catalog'")
    try:
        with c.cursor() as cursor:
            def rows(text, values=None):
                cursor.execute(text, values)
                return cursor.fetchall()
            cursor.execute("set local session_replication_role = replica; " + statement)
            assert cursor.rowcount or not statement, "nothing to change: " + statement
            effects.Effects(rows, lambda i, text, *v: found.append((i, text % v if v else text)), set(s.kinds)).run()
            reckon.check(rows, lambda text, *v: found.append(("I5", text % v if v else text)), {})
    finally:
        c.rollback()
        c.close()
    return found


def test_the_checker_sees_each_wrong_effect():
    """each kind of wrong effect, in a transaction that is rolled back, is reported under the right invariant; without one nothing is"""
    with lj.System() as s:
        load.seed(s)
        running, desk = load.Everything(s, rate=100, events=300), clerk.Clerk(s, pause=0.01)
        running.wait_more(20)
        for h in running.http:
            h.finish()
        lj.wait_until(lambda: desk.error or desk.acked > 160, "the clerk's events", 120)
        desk.finish()
        running.finish()
        s.check()
        assert wrong_effects(s, "") == []
        assert s.one("select count(*) from mail where rule = 25") and s.one("select count(*) from mail where rule = 24")
        print("    verdicts: %s" % s.sql("select k.name, u.v, count(*) from closure c join kind k on k.number = c.kind cross join lateral unnest(c.verdicts)"
                                         " u(v) group by 1, 2 order by 1, 2"), flush=True)
        for invariant, words, statement in WRONG_EFFECTS:
            found = wrong_effects(s, statement)
            assert any(i == invariant and words in text for i, text in found), "%s, '%s' not reported: %s\n%s" % (invariant, words, found[:5], statement)
        print("    %d wrong effects, each reported" % len(WRONG_EFFECTS), flush=True)


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
