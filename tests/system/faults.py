#!/usr/bin/python3
"""Poison, a database that stops, freezes or has no room, two brokers, operators' switches, orderly ends: nothing lost, nothing parked that is sound."""
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys

import psycopg2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

POISON = "毒药试验"


def parked(s, state="parked"):
    return [r[0] for r in s.sql("select position from parked where state = %s order by position", (state,))]


def nothing_parked(s):
    assert s.one("select count(*) from parked") == 0, s.sql("select * from parked limit 5")


def test_poison_is_parked_and_redriven():
    """an event that no worker survives is parked after its attempts, its neighbours go through; a healthy worker takes it by redrive"""
    with lj.System(gateway=False, kinds=["register", "validation"]) as s:
        work = load.seed(s)
        worker = s.worker("validation")
        worker.kill()
        history = load.History(s, "poison")
        events = [work.report() for _ in range(60)]
        poisoned = events[30]
        poisoned["payload"]["title"] = "排球" + POISON + "进校园"
        for e in events:
            history.put(sent=e["id"], event=e)
        with lj.Peer(s.endpoint(), "poison") as p:
            for (code, _, position, detail), e in zip(p.submit(events), events):
                assert code == 0, detail
                history.put(ack=e["id"], code=code, position=position)
        position = s.one("select position from event where id = %s", (poisoned["id"],))
        with lj.Keeper(worker, LJ_POISON=POISON) as k:
            lj.wait_until(lambda: parked(s) == [position], "the poisoned event, alone, to be parked", 120)
            others = "select count(*) from (select unnest(positions) p from closure where kind = 2) c join event e on e.position = c.p where e.id = any(%s::uuid[])"
            lj.wait_until(lambda: s.one(others, ([e["id"] for e in events],)) == len(events) - 1, "its neighbours to be judged")
        attempts, worker_name, version = s.sql("select attempts, worker, version from parked where position = %s", (position,))[0]
        assert attempts >= 5, attempts
        print("    parked after %d attempts, worker %s version %s; the worker died %d times" % (attempts, worker_name, version, k.restarts - 1))
        s.wait_drained()
        s.check()
        worker.kill()
        worker.start()
        answer = s.admin("redrive", kind="validation", positions=[position], reason="test")
        assert answer["ok"] and answer["count"] == 1, answer
        lj.wait_until(lambda: parked(s, "redriven") == [position], "the redriven event to be closed")
        s.wait_drained()
        assert parked(s) == []
        s.check()


def stopped_database(how):
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s)
        running.wait_more()
        retries = sum(h.retries for h in running.http)
        how(s, lambda: sum(h.retries for h in running.http) > retries)
        running.wait_more()
        running.finish()
        s.check()
        nothing_parked(s)


def test_database_stopped():
    """PostgreSQL stopped by pg_ctl's fast and immediate ways under load: honest refusals, then everything goes on by itself, nothing parked"""
    def how(s, refused):
        for mode in ("fast", "immediate"):
            s.pg.stop(mode)
            lj.wait_until(refused, "clients to be told to try again")
            s.pg.start()
            lj.wait_until(lambda: (s.status() or {}).get("state") == "running", "the broker to run again by itself")
    stopped_database(how)


def test_database_frozen():
    """PostgreSQL stands still (SIGSTOP) under load and goes on: nothing lost, nothing parked"""
    def how(s, refused):
        s.pg.freeze(signal.SIGSTOP)
        lj.wait_until(lambda: (s.status() or {"intake": {"held": 0}})["intake"]["held"] >= 20, "events to wait for the frozen database")
        s.pg.freeze(signal.SIGCONT)
    stopped_database(how)


def test_disk_full():
    """no room for data and WAL under load; room again: it recovers without help but PostgreSQL's restart, nothing lost, nothing parked"""
    with lj.Folder() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "none", folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise ljtest.Skip("a small file system cannot be mounted here: " + mounted.stderr.strip())
        try:
            disk_full(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


def fill(path):
    """Take all room there is, although others write at the same time."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    at, step = 0, 8 << 20
    while step >= 4096:
        try:
            os.posix_fallocate(fd, at, step)
            at += step
        except OSError:
            step //= 2
    os.close(fd)


def disk_full(folder):
    with lj.System(pg_data=os.path.join(folder, "pg"), pg_options=["max_wal_size=64MB", "min_wal_size=32MB"]) as s:
        load.seed(s)
        running = load.Everything(s, rate=1500)
        running.wait_more()
        retries = sum(h.retries for h in running.http)
        filler = os.path.join(folder, "filler")
        fill(filler)
        with lj.Keeper(s.pg.process):
            lj.wait_until(lambda: sum(h.retries for h in running.http) > retries, "clients to be told to try again", 120)
            log = s.pg.process.tail(100000)
            assert "No space left on device" in log, log[-2000:]
            os.unlink(filler)
            lj.wait_until(s.pg.answers, "PostgreSQL to answer")
            lj.wait_until(lambda: (s.status() or {}).get("state") == "running", "the broker to run again by itself")
            running.wait_more()
        print("    PostgreSQL said: %s" % ("PANIC" if "PANIC:" in log else "ERROR") + " for want of room")
        running.finish()
        s.check()
        nothing_parked(s)


def second_broker(s):
    run_dir = s.file("run2")
    os.mkdir(run_dir, 0o700)
    lj.own(run_dir)
    argv = list(s.broker.argv)
    argv[argv.index("--run-dir") + 1] = run_dir
    return lj.Process("broker2", argv, s.folder), "ipc://%s/intake.sock" % run_dir


def test_two_brokers():
    """a second broker on the same database fences the first, which exits 3; each answers only for what is stored"""
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s)
        running.wait_more()
        other, endpoint = second_broker(s)
        try:
            other.start()
            assert s.broker.wait() == 3, "the fenced broker ended with %d: %s" % (s.broker.child.returncode, s.broker.tail(800))
            submit = load.SubmitLoad(s, "zmq2", events=load.Work(8).some(500), endpoint=endpoint)
            figures = submit.finish(stop=False)
            assert figures["stored"] == 500, figures
            s.broker.start()
            lj.wait_until(lambda: (s.status() or {}).get("state") == "running", "the first broker to own the log again")
            # With nothing to do it may not have noticed yet; the next event tells it. (It may have ended before: by its own settling.)
            with lj.Peer(endpoint, "late", hello=False) as p:
                p.sock.send_multipart([lj.envelope(lj.HELLO), struct.pack(">BQ", 1, p.nonce) + lj.str8("late")])
                p.sock.send_multipart([lj.envelope(lj.SUBMIT, 1), struct.pack(">H", 1) + lj.record(running.http[0].work.feedback())])
                assert other.wait() == 3, other.tail(800)
            running.wait_more()
            running.finish()
            s.check()
        finally:
            other.kill()


def test_a_frozen_broker_wakes_up_fenced():
    """a broker that stood still (SIGSTOP) while another took over exits 3 and acks nothing that is not stored"""
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s)
        running.wait_more()
        other, endpoint = second_broker(s)
        s.workers["broker2"] = other  # its log is shown and looked at with the others
        try:
            s.broker.stop()
            other.start()
            submit = load.SubmitLoad(s, "zmq2", events=load.Work(8).some(500), endpoint=endpoint)
            figures = submit.finish(stop=False)
            assert figures["stored"] == 500, figures
            s.broker.cont()
            assert s.broker.wait() == 3, "the fenced broker ended with %d: %s" % (s.broker.child.returncode, s.broker.tail(800))
            other.kill()
            s.broker.start()
            running.wait_more()
            running.finish()
            s.check()
        finally:
            other.kill()


def test_pause_resume():
    """a paused kind gets nothing, also after a restart of the broker; resumed it does all that waited"""
    with lj.System(gateway=False) as s:
        work = load.seed(s)
        s.wait_drained()
        assert s.admin("pause", kind="validation")["ok"]
        closed = s.one("select count(*) from closure where kind = 2")

        def paused():
            k = [k for k in s.status()["kinds"] if k["name"] == "validation"][0]
            return k if k["state"] == "paused" and not k["leased"] else None
        lj.wait_until(paused, "validation to be paused")
        submit = load.SubmitLoad(s, "zmq", events=[work.report() for _ in range(300)])
        assert submit.finish(stop=False)["stored"] == 300
        assert paused()["open"] == 300, paused()
        s.broker.kill()
        s.broker.start()
        s.wait_running()
        assert paused()["open"] == 300, paused()
        # Register is not paused: something given out after the pause has been closed by it, while validation closed nothing.
        more = work.registers(teams=3)[-3:]
        history = load.History(s, "more")
        with lj.Peer(s.endpoint(), "more") as p:
            for e in more:
                history.put(sent=e["id"], event=e)
            for e, a in zip(more, p.submit(more)):
                history.put(ack=e["id"], code=a[0], position=a[2])
        s.wait_drained(kinds=["register"])
        assert s.one("select count(*) from closure where kind = 2") == closed
        assert s.admin("resume", kind="validation")["ok"]
        s.wait_drained()
        s.check()


def burst_of(work, unit, n):
    return [work.event("feedback.received", unit, {"n": i}, key="k%d" % (i % 7)) for i in range(n)]


def send_unanswered(p, events):
    for i in range(0, len(events), 500):
        p.seq += 1
        part = events[i:i + 500]
        p.sock.send_multipart([lj.envelope(lj.SUBMIT, p.seq), struct.pack(">H", len(part)) + b"".join(lj.record(e) for e in part)])


def all_stored(p, n):
    while n:
        kind, _, body = p.recv(120)
        assert kind == lj.ACK, kind
        found = lj.answers(body)
        assert all(a[0] == 0 for a in found), found[:3]
        n -= len(found)


def arrived(s, unit, after):
    """[(position, n)] of a unit's feedback in the log, beyond a position."""
    return s.sql("select e.position, (e.payload::json ->> 'n')::int from event e join unit u on u.number = e.unit join event_type t on t.number = e.type "
                 "where u.code = %s and t.name = 'feedback.received' and e.position > %s order by 1", (unit, after))


TURNS_FAIL = """create sequence liangjin.chaos;
create function liangjin.chaos() returns trigger language plpgsql security definer as $$
begin
    if nextval('liangjin.chaos') % 3 = 0 then raise exception 'chaos' using errcode = '40001'; end if;
    return null;
end $$;
create trigger chaos before insert on liangjin.event for each statement execute function liangjin.chaos()"""


def test_a_burst_shares_intake_and_keeps_its_order():
    """behind one unit's long queue another's event is in the next turn, by the same connection too; turns that fail reorder nothing of a unit"""
    n = 8000
    with lj.System(gateway=False, kinds=["register", "validation"]) as s:
        work = load.seed(s)
        s.wait_drained(kinds=["register"])
        last = s.one("select max(position) from event")

        def queued(count):
            lj.wait_until(lambda: s.status()["intake"]["held"] == count, "%d events to be queued" % count, 60)
        with lj.Peer(s.endpoint(), "loud") as p, lj.Peer(s.endpoint(), "quiet") as q:
            with contextlib.closing(psycopg2.connect(s.pg.dsn())) as conn, conn.cursor() as c:
                c.execute("lock table liangjin.event in exclusive mode")  # what a lane appends waits; intake goes on taking
                send_unanswered(p, burst_of(work, "PS001", n) + burst_of(work, "PS002", 1))
                queued(n + 1)
                send_unanswered(q, burst_of(work, "PS003", 1))
                queued(n + 2)
            all_stored(p, n + 1)
            all_stored(q, 1)
            loud, others = arrived(s, "PS001", last), arrived(s, "PS002", last) + arrived(s, "PS003", last)
            assert [r[1] for r in loud] == list(range(n))
            assert len(others) == 2 and max(r[0] for r in others) < loud[0][0] + 3100, "two turns of 1,000 may be under way: %s behind %s" % (others, loud[0])
            last = s.one("select max(position) from event")
            s.sql(TURNS_FAIL)
            send_unanswered(p, [e for pair in zip(burst_of(work, "PS001", n // 2), burst_of(work, "PS002", n // 2)) for e in pair])
            all_stored(p, n)
            for unit in ("PS001", "PS002"):
                assert [r[1] for r in arrived(s, unit, last)] == list(range(n // 2))
            assert s.one("select last_value from liangjin.chaos") >= 6, "no turn has failed"
        nothing_parked(s)
        event_of_unknown_unit(s, work)


def event_of_unknown_unit(s, work):
    """A log that was filled by other means: an event of a unit that is registered behind it waits, and is judged under its unit's code in the end."""
    s.sql("drop trigger chaos on event")
    s.broker.kill()
    report = work.report()
    number = s.one("select max(number) + 1 from unit")
    position = s.one("select max(position) + 1000 from event")
    s.sql("insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload) select %s, now(), %s, number, %s, 1, 1, "
          "'test', '\\x00', %s from event_type where name = 'activity.submitted'", (position, report["id"], number, json.dumps(report["payload"])))
    s.broker.start()
    lj.wait_until(lambda: "dispatch.held_back kind=validation position=%d unit=%d" % (position, number) in s.broker.tail(1000000), "the event to be held back")
    assert not s.one("select count(*) from validation where position = %s", (position,))
    with lj.Peer(s.endpoint(), "units") as p:
        event = work.event("unit.registered", "CN000", {"code": "PS004", "name": "试验四", "kind": "PROVINCE"})
        assert p.submit([event], origin=2)[0][0] == 0
    lj.wait_until(lambda: s.one("select count(*) from validation where position = %s", (position,)), "the event to be judged")
    assert s.one("select code from unit where number = %s", (number,)) == "PS004"


def test_drain():
    """drain lets leased work end, intake stays open; resumed, all is done"""
    with lj.System(gateway=False) as s:
        work = load.seed(s)
        submit = load.SubmitLoad(s, "zmq", events=[work.report() for _ in range(2000)], rate=1000)
        lj.wait_until(lambda: submit.acked() > 100, "acks")
        answer = s.admin("drain", timeout_ms=20000)
        assert answer["ok"] and answer["leased"] == 0, answer
        assert submit.finish(stop=False)["stored"] == 2000
        for k in s.kinds + s.unserved:
            assert s.admin("resume", kind=k)["ok"]
        s.wait_drained()
        s.check()


def test_orderly_end_under_load():
    """SIGTERM to each process under load: exit 0, nothing lost"""
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s)
        for p in [s.broker] + list(s.workers.values()) + [s.gateway]:
            running.wait_more(10)
            status = p.terminate()
            assert status == 0, "%s ended with %d: %s" % (p.name, status, p.tail(2000))
            p.start()
        running.wait_more()
        running.finish()
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
