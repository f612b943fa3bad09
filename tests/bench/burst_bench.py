"""A burst as fast as it goes in, and how fast it is worked off afterwards, against the pipeline that never has more than a few thousand open."""
import time

import lj
import load
import probe
import world

CLIENTS, WINDOW = 4, 2000  # one unit may have 10,000 events without an answer; more is busy


def open_now(s):
    return next(k["open"] for k in s.status()["kinds"] if k["name"] == "opinion")


def checked(s, prefix, n):
    stored = s.one("select count(*) from event where source like %s", (prefix + "%",))
    assert stored == n, "%d of %d events are in the log" % (stored, n)
    scored = s.one("select count(*) from opinion_score o join event e using (position) where e.source like %s", (prefix + "%",))
    assert scored == n, "%d of %d events are scored" % (scored, n)


def steady(s, n, name):
    """Events a second when every event is closed before more than 4,000 newer ones are there."""
    w = world.World()
    text = {"from": "PUPIL", "text": "老师讲得很好,孩子们很喜欢"}
    part = [lj.record(w.event("feedback.received", "PS001", text), source=name) for _ in range(n)]
    stream = probe.Stream(s)
    began = time.monotonic()
    with lj.Peer(s.endpoint(), name) as p:
        sent = acked = 0
        first = s.one("select coalesce(max(position), 0) from event")
        seen = 0
        while acked < n or seen < n:
            while sent < n and sent - min(acked, seen) < 4000:
                p.seq += 1
                some = part[sent:sent + 200]
                p.sock.send_multipart([lj.envelope(lj.SUBMIT, p.seq), len(some).to_bytes(2, "big") + b"".join(some)])
                sent += len(some)
            p.sock.poll(1)
            while p.sock.poll(0):
                _, body = p.sock.recv_multipart()
                answers = lj.answers(body)
                assert all(a[0] == 0 for a in answers), answers[:3]
                acked += len(answers)
            stream.take()
            seen += sum(1 for position in stream.drain_closed() if position > first)
            assert time.monotonic() - began < 300, "%d acked, %d closed of %d" % (acked, seen, n)
    spent = time.monotonic() - began
    stream.close()
    return n / spent


def new_peak(s):
    """The broker's greatest memory begins anew."""
    with open("/proc/%d/clear_refs" % s.broker.pid, "w", encoding="ascii") as f:
        f.write("5")


def burst(s, n, name):
    """{acked a second, open events when the last was acked, seconds until nothing was open, greatest memory in MiB}."""
    new_peak(s)
    payload = '{"from":"PUPIL","text":"老师讲得很好,孩子们很喜欢"}'
    clients = [world.Submit(s, name + str(i), ["--count", str(n // CLIENTS), "--payload", payload], window=WINDOW) for i in range(CLIENTS)]
    figures = [c.finish(600) for c in clients]
    assert sum(f["acked"] for f in figures) == n, figures
    left = open_now(s)
    return {"acked": n / max(f["seconds"] for f in figures), "open": left}


def drained(s, n, name, out):
    began = time.monotonic()
    s.wait_drained(600)
    checked(s, name, n)
    return dict(out, drain=time.monotonic() - began, memory=lj.status_kib(s.broker.pid, "VmHWM") / 1024)


def held(s, n, name):
    """A burst whose events all wait: the kind is paused meanwhile."""
    s.admin("pause", kind="opinion")
    try:
        out = burst(s, n, name)
        assert out["open"] >= n, out
    finally:
        s.admin("resume", kind="opinion")
    return drained(s, n, name, out)


def measure(rounds, full):
    n, small = (1000000, 100000) if full else (200000, 30000)
    rounds = min(rounds, 3 if full else 2)  # of 1,000,000 events twice each: the log would fill a small disk
    usual, running, waiting = [], [], []
    with lj.System(gateway=False, kinds=["register", "opinion"], broker_options=["--backlog-max", "10000000"]) as s:
        load.seed(s)
        steady(s, small // 4, "warm")
        for i in range(rounds):
            usual.append(steady(s, small, "steady%d-" % i))
            checked(s, "steady%d-" % i, small)
            running.append(drained(s, n, "burst%d-" % i, burst(s, n, "burst%d-" % i)))
            waiting.append(held(s, n, "held%d-" % i))
    what = "%d small events over ZeroMQ from %d clients, each stored and scored once" % (n, CLIENTS)
    pipeline = "steady pipeline, 4,000 on their way"
    yield {"name": "burst, going in", "ours": [r["acked"] for r in running], "yard": usual, "unit": "events/s", "yardstick": pipeline,
           "how": what + "; acked while the worker runs; %s open when the last was acked" % ", ".join(str(r["open"]) for r in running)}
    yield {"name": "burst, worked off", "ours": [n / r["drain"] for r in waiting], "yard": usual, "unit": "events/s", "yardstick": pipeline,
           "how": what + "; the kind was paused until all were acked (%s a second), then let go: until nothing is open" % (
               ", ".join("%.0f" % r["acked"] for r in waiting))}
    yield {"name": "burst, broker's greatest memory", "ours": [r["memory"] for r in waiting], "unit": "MiB", "less": True,
           "how": what + "; all of them waiting; VmHWM of the process; %.1f MiB in the first burst, with the worker running from the start" % (
               running[0]["memory"])}
