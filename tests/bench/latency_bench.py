"""How long an answer takes at half of what intake can do, and the last effect at half of what the whole job can do.

Both from the moment at which the schedule wanted the event sent (tests/bench/probe.py): a standstill shows in everything that was due meanwhile. The last
effect is the last closure that names the event, as the broker publishes it after its COMMIT; settling, which is every second at low load
(--settle-ms), is not in it.
"""
import job_bench
import lj
import load
import probe
import world

PAD = 720


def acks(rounds, full):
    n, seconds = (100000, 5) if full else (40000, 3)
    rates, p50, p99, bound = [], [], [], 0
    w = world.World()
    with lj.System(gateway=False, kinds=["register"], broker_options=["--backlog-max", "10000000"]) as s:
        load.seed(s)
        for i in range(rounds + 1):
            figures = world.Submit(s, "max%d" % i, ["--count", str(n), "--pad", str(PAD)]).finish()
            assert figures["acked"] == n, figures
            rate = n / figures["seconds"] / 2
            events = [probe.feedback(w, "PS00%d" % (1 + j % 3), PAD) for j in range(int(rate * seconds))]
            stream = probe.Stream(s)
            before = stream.metrics()
            paced = probe.Paced(s, "half%d" % i, events, rate).run()
            bound = probe.upper(*(probe.buckets(m, "liangjin_broker_ack_seconds") for m in (before, stream.metrics())), 0.99)
            stream.close()
            stored = s.one("select count(*) from event where source = %s", ("half%d" % i,))
            assert stored == len(events), "%d of %d events are in the log" % (stored, len(events))
            if i:
                rates.append(rate)
                p50.append(paced.ack_ms(0.5))
                p99.append(paced.ack_ms(0.99))
    how = "ZeroMQ, 750 bytes of payload, at half of the round's own greatest rate (%.0f to %.0f a second here), %d s a round" % (min(rates), max(rates), seconds)
    yield {"name": "acknowledgement, p50", "ours": p50, "unit": "ms", "how": how, "less": True}
    yield {"name": "acknowledgement, p99", "ours": p99, "unit": "ms", "less": True,
           "how": how + "; the broker's own histogram, last round: p99 under %g ms" % bound}


def effects(rounds, full):
    n, seconds = (30000, 10) if full else (8000, 4)
    rates, effect, ack, bound = [], [], [], 0
    w = world.World()
    with world.running(w) as s:
        for i in range(rounds + 1):
            rate = n / job_bench.do_job(s, w, n)["seconds"] / 2
            last = s.one("select max(position) from event")
            stream = probe.Stream(s)
            before = stream.metrics()
            paced = probe.Paced(s, "halfjob%d" % i, [w.report() for _ in range(int(rate * seconds))], rate, stream).run(until=s.drained)
            bound = probe.upper(*(probe.buckets(m, "liangjin_broker_effect_seconds") for m in (before, stream.metrics())), 0.99)
            stream.close()
            accepted = s.one("select count(*) from validation where position > %s and verdict = 1", (last,))
            assert accepted == len(paced.records), "%d of %d reports are accepted" % (accepted, len(paced.records))
            if i:
                rates.append(rate)
                effect.append(paced.effect_ms(0.99))
                ack.append(paced.ack_ms(0.99))
    yield {"name": "submission to last effect, p99", "ours": effect, "yard": ack, "unit": "ms", "yardstick": "the acknowledgements of the same events, p99", "less": True,
           "how": "reports with rosters of %d at half of the round's own greatest rate of the whole job (%.0f to %.0f a second here), %d s a round; until the last "
                  "closure of the event was published, without settling; the broker's own histogram of all closures, last round: p99 under %g ms" % (
                      world.ROSTER, min(rates), max(rates), seconds, bound)}


def measure(rounds, full):
    yield from acks(rounds, full)
    yield from effects(rounds, full)
