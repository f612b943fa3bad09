#!/usr/bin/python3
"""The broker, the workers and the gateway die at every named fail point of the event's path, under load; then the checker. And its negative control."""
import glob
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402


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
        running = load.Everything(s)
        running.wait_more()
        for passage in PASSAGES:
            for point in reachable_points(s):
                die_at(s, running, s.broker, point, passage)
        running.finish()
        s.check()


def test_workers_and_gateway_die_at_each_point():
    """kill -9 of workers and gateway at each of their named steps: no violation"""
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s)
        running.wait_more()
        for passage in PASSAGES:
            for point in points("workers"):
                die_at(s, running, s.worker("validation"), point, passage)
            for point in points("gateway"):
                die_at(s, running, s.gateway, point, passage)
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


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
