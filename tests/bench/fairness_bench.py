"""What a quiet unit notices of another unit's burst: its acknowledgements and last effects, against the same without the burst.

Over ZeroMQ each has a connection of its own; over HTTP both go through one gateway, which has one connection to the broker for all.
"""
import subprocess
import time

import lj
import load
import probe
import web
import world

LOUD, QUIET, OTHER = "PS001", "PS002", "PS003"
RATE = 200  # events a second of the quiet unit
TEXT = {"from": "PUPIL", "text": "老师讲得很好,孩子们很喜欢"}


def prepared(s, w, name, seconds):
    events = [w.event("feedback.received", QUIET, TEXT) for _ in range(int(RATE * seconds))]
    return probe.Paced(s, name, events, RATE, probe.Stream(s))


def quiet(s, paced, name):
    """The quiet unit's events at their pace, until each has its last effect: (ack p99, effect p99) in ms."""
    stream = paced.stream
    missing, read = set(), 0

    def closed():
        nonlocal read, missing
        missing = missing or set(paced.position.values())
        for _, kind, body in stream.got[read:]:
            if kind == probe.CLOSURES:
                missing.difference_update(probe.members(body))
        read = len(stream.got)
        return not missing
    paced.run(until=closed)
    stream.close()
    stored = s.one("select count(*) from event where source = %s and unit = (select number from unit where code = %s)", (name, QUIET))
    assert stored == len(paced.records), "%d of %d events are in the log" % (stored, len(paced.records))
    return paced.ack_ms(0.99), paced.effect_ms(0.99)


def one_round(s, w, n, seconds, number):
    alone = quiet(s, prepared(s, w, "alone%d" % number, seconds), "alone%d" % number)
    paced, before = prepared(s, w, "quiet%d" % number, seconds), s.status()["frontier"]
    payload = '{"from":"PUPIL","text":"老师讲得很好,孩子们很喜欢"}'
    loud = [world.Submit(s, "loud%d" % number, ["--count", str(n * 9 // 10), "--payload", payload, "--unit", LOUD], window=8000),
            world.Submit(s, "other%d" % number, ["--count", str(n // 10 - int(RATE * seconds)), "--payload", payload, "--unit", OTHER], window=1000)]
    lj.wait_until(lambda: s.status()["frontier"] > before, "the burst to begin", 60, 0.005)
    crowded = quiet(s, paced, "quiet%d" % number)
    lasts = loud[0].child.poll() is None or next(k["open"] for k in s.status()["kinds"] if k["name"] == "opinion") > 0
    figures = [x.finish(300) for x in loud]
    assert sum(f["acked"] for f in figures) == n - int(RATE * seconds), figures
    assert lasts, "the burst was over before the quiet unit was: nothing was measured"
    s.wait_drained(300)
    scored = s.one("select count(*) from opinion_score join event e using (position) where e.source in (%s, %s, %s)",
                   ("loud%d" % number, "other%d" % number, "quiet%d" % number))
    assert scored == n, "%d of %d events are scored" % (scored, n)
    return crowded, alone


def posts(s, w, seconds):
    """POSTs of the quiet unit, one at a time, by a schedule: p99 in ms of the time from when one was due to its 202."""
    taken, conn, rate = [], s.http(), RATE // 2
    began = time.monotonic()
    for i in range(int(rate * seconds)):
        due = began + i / rate
        time.sleep(max(0, due - time.monotonic()))
        body = web.json.dumps(w.event("feedback.received", QUIET, TEXT))
        conn.request("POST", "/v1/events", body, {"Authorization": "Bearer " + lj.TOKENS["centre"][0], "Content-Type": "application/json"})
        answer = conn.getresponse()
        answer.read()
        assert answer.status == 202, answer.status
        taken.append(time.monotonic() - due)
    conn.close()
    return probe.quantile(taken, 0.99) * 1000


def one_gateway(rounds, n, seconds):
    """[(beside the burst, alone)] of the quiet unit's POSTs."""
    w, got = world.World(), []
    with lj.System(**web.INTAKE_ONLY) as s:
        web.start(s)
        for _ in range(rounds + 1):
            alone = posts(s, w, seconds)
            argv = [web.program("httpload"), str(s.port), lj.TOKENS["centre"][0], "16", str(n // 500), "500", "80", LOUD]
            before = s.one("select count(*) from event")
            child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, preexec_fn=lj._die_with_parent(9))
            lj.wait_until(lambda: s.one("select count(*) from event") > before, "the burst to begin", 60, 0.005)
            crowded = posts(s, w, seconds)
            lasts = child.poll() is None
            out = web.json.loads(child.communicate(timeout=300)[0])
            assert out["accepted"] == n // 500 * 500 and out["other"] == 0, out
            assert lasts, "the burst was over before the quiet unit was: nothing was measured"
            got.append((crowded, alone))
    return got[1:]


def measure(rounds, full):
    n, seconds = (600000, 5) if full else (200000, 1.5)
    w = world.World()
    with lj.System(gateway=False, kinds=["register", "opinion"], broker_options=["--backlog-max", "10000000"]) as s:
        load.seed(s)
        got = [one_round(s, w, n, seconds, i) for i in range(rounds + 1)][1:]
    how = "a burst of %d events, 90 %% of them from one unit, as fast as they go in; the quiet unit sends %d a second for %g s meanwhile" % (n, RATE, seconds)
    for i, name in ((0, "acknowledgement"), (1, "last effect")):
        yield {"name": "quiet unit beside a burst, %s p99" % name, "ours": [c[i] for c, _ in got], "yard": [a[i] for _, a in got], "unit": "ms",
               "yardstick": "without the burst", "how": how, "less": True}
    n *= 3  # its POSTs wait for their answers: what they are measured beside has to last longer
    http = one_gateway(rounds, n, seconds)
    yield {"name": "quiet unit beside a burst, POST p99", "ours": [c for c, _ in http], "yard": [a for _, a in http], "unit": "ms", "less": True,
           "yardstick": "without the burst", "how": "both through one gateway: NDJSON of 500 lines over 16 connections from one unit, %d events; POSTs of one event, %d "
           "a second for %g s, of another" % (n, RATE // 2, seconds)}
