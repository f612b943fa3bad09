"""What a quiet unit notices of another unit's burst: its acknowledgements and last effects, against the same without the burst."""
import lj
import load
import probe
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
