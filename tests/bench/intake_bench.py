"""Durable intake over ZeroMQ, each event confirmed after its COMMIT, against the same rows by binary COPY on one connection."""
import lj
import load
import world
import yardstick

PAD = 720  # payload of 750 bytes, about 800 with the envelope's texts
EVENT = yardstick.Table("event", "position >= %(low)s and position < %(high)s")


def one_round(s, n, number):
    before = s.one("select coalesce(max(position), 0) from event")
    figures = world.Submit(s, "intake%d" % number, ["--count", str(n), "--pad", str(PAD), "--type", "feedback.received"]).finish()
    assert figures["acked"] == n, figures
    rate = n / figures["seconds"]
    positions = [r[0] for r in s.sql("select position from event where position > %s order by position", (before,))]
    bounds = positions[::yardstick.PART] + [positions[-1] + 1]
    yardstick.make(s, [EVENT])
    seconds = yardstick.load(s, yardstick.parts(s, [EVENT], bounds), 1)
    assert yardstick.count(s, "event") == n
    return rate, n / seconds


def measure(rounds, full):
    n = 200000 if full else 60000
    ours, yard = [], []
    with lj.System(gateway=False, kinds=["register"], broker_options=["--backlog-max", "10000000"]) as s:
        load.seed(s)
        for i in range(rounds + 1):
            a, b = one_round(s, n, i)
            if i:  # the first fills caches
                ours.append(a)
                yard.append(b)
        yardstick.drop(s)
    yield {"name": "durable intake, ZeroMQ", "ours": ours, "yard": yard, "unit": "events/s", "yardstick": "binary COPY, 1,000 rows a commit",
           "how": "%d events of 750 bytes of payload a round, one client, no worker of the type runs; the log's own columns and indexes" % n}
