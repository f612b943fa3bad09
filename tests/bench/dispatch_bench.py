"""Stored and flushed, handed to a worker that does nothing, its result closed and flushed: the whole way of an event without any work on it.

Beside the project's own loader (the same final rows by binary COPY, two connections), and beside other queues where LJ_YARDSTICKS names them (peers.py). The
worker is tests/bench/idleworker.c; the kind is a row of the table `kind` without an apply function, so its closures are all that is written of it.
"""
import subprocess
import time

import lj
import load
import peers
import web
import world
import yardstick

PAD = 808  # payload of 838 bytes, as the other systems' programs send
SLOTS = 8
EVENT = yardstick.Table("event", "position >= %(low)s and position < %(high)s")
KIND = """insert into kind (number, name, ordering, follow_on_max) values (99, 'idle', 'none', 0);
delete from want where type = (select number from event_type where name = 'feedback.received');
insert into want (kind, type) select 99, number from event_type where name = 'feedback.received'"""


def start_worker(s):
    """Its child; the kind has a worker when this returns. The socket's folder is the broker's own."""
    child = subprocess.Popen([web.program("idleworker", "zmq"), s.endpoint("work"), "idle", str(SLOTS)])
    lj.wait_until(lambda: any(p["kind"] == "idle" for p in s.status()["peers"]), "the idle worker to be welcomed", 60)
    return child


def one_round(s, n, number):
    """(ours, COPY): events a second."""
    before = s.one("select coalesce(max(position), 0) from event")
    closure = s.one("select coalesce(max(number), 0) from closure")
    figures = world.Submit(s, "idle%d" % number, ["--count", str(n), "--pad", str(PAD)]).finish()
    acked = time.monotonic()
    assert figures["acked"] == n, figures
    lj.wait_until(lambda: s.drained(["idle"]), "the last closure", 120, 0.002)
    seconds = figures["seconds"] + time.monotonic() - acked
    closed = s.one("select count(*) from (select distinct unnest(positions) p from closure where kind = 99 and number > %s) c join event e on e.position = c.p",
                   (closure,))
    assert closed == n, "%d of %d events are closed" % (closed, n)
    positions = [r[0] for r in s.sql("select position from event where position > %s order by position", (before,))]
    assert len(positions) == n, "%d of %d events are in the log" % (len(positions), n)
    closures = yardstick.Table("closure", "number > %d and lo >= %%(low)s and lo < %%(high)s" % closure)
    yardstick.make(s, [EVENT, closures])
    spent = yardstick.load(s, yardstick.parts(s, [EVENT, closures], positions[::yardstick.PART] + [positions[-1] + 1]), 2)
    assert yardstick.count(s, "event") == n and yardstick.count(s, "closure") > 0
    return n / seconds, n / spent


def peers_rates(at, n):
    """{peer: messages a second}."""
    out = {}
    for name, _, server, program, more in peers.PEERS:
        with peers.serving(at, server):
            out[name] = peers.end_to_end(at, program, more, n)
    return out


def measure(rounds, full):
    n = 200000 if full else 60000
    got, others, at = [], [], peers.folder()
    with lj.System(gateway=False, kinds=["register"], broker_options=["--backlog-max", "10000000"], start=False) as s:
        s.sql(KIND)
        s.start_all()
        load.seed(s)
        child = start_worker(s)
        try:
            for i in range(rounds + 1):
                got.append(one_round(s, n, i))
                if at and i:
                    others.append(peers_rates(at, n))
        finally:
            child.kill()
            child.wait()
        yardstick.drop(s)
    ours, name = [a for a, _ in got[1:]], "stored, dispatched, closed"
    how = "%d events of 838 bytes of payload a round, one client, one worker that does nothing, with %d slots; until the last event is closed" % (n, SLOTS)
    yield {"name": name, "ours": ours, "yard": [b for _, b in got[1:]], "unit": "events/s", "how": how,
           "yardstick": "the same rows of event and closure, binary COPY, two connections"}
    for peer, keeps, _, _, _ in peers.PEERS if others else ():
        yield {"name": "%s, beside %s" % (name, peer), "ours": ours, "yard": [o[peer] for o in others], "unit": "events/s",
               "yardstick": "%s: %s" % (peer, keeps), "how": how + "; the peer: one publisher, one consumer that acknowledges each, C clients"}
