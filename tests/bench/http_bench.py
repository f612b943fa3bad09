"""HTTP, one event a POST: 202 after COMMIT, against the same gateway program whose broker says "stored" at once and stores nothing."""
import lj
import web
import world

CONNECTIONS, PAD = 256, 720


def one_round(s, null, units, n):
    before = s.one("select count(*) from event")
    cpu = web.taken(s)
    ours = web.post(s.port, CONNECTIONS, n, 1, PAD, units)
    ours["shares"] = web.shares(cpu, web.taken(s), ours["seconds"], ours["cpu_seconds"])
    stored = s.one("select count(*) from event") - before
    assert stored == n, "%d of %d events that were answered 202 are in the log" % (stored, n)
    cpu = web.taken(s, null)
    yard = web.post(null.port, CONNECTIONS, n, 1, PAD, units)
    yard["shares"] = web.shares(cpu, web.taken(s, null), yard["seconds"], yard["cpu_seconds"])
    assert s.one("select count(*) from event") - before == n, "the yardstick has stored something"
    return ours, yard


def measure(rounds, full):
    n = 100000 if full else 30000
    units = world.World().units
    got = []
    with lj.System(**web.INTAKE_ONLY) as s:
        web.start(s)
        with web.NullGateway(s) as null:
            for i in range(rounds + 1):
                got.append(one_round(s, null, units, n if i else n // 4))
    got = got[1:]  # the first fills caches
    ours, yard = [g[0] for g in got], [g[1] for g in got]
    yield {"name": "HTTP, one event a POST", "ours": [n / x["seconds"] for x in ours], "yard": [n / x["seconds"] for x in yard], "unit": "POST/s",
           "yardstick": "the same gateway, stored nowhere", "p50_ms": [x["p50_us"] / 1e3 for x in ours], "p99_ms": [x["p99_us"] / 1e3 for x in ours],
           "how": "%d POSTs of 750 bytes of payload a round over %d keep-alive connections, 202 after COMMIT; p50 %.1f, p99 %.1f ms. Cores, last round: %s; "
                  "without storing: %s" % (n, CONNECTIONS, ours[-1]["p50_us"] / 1e3, ours[-1]["p99_us"] / 1e3, ours[-1]["shares"], yard[-1]["shares"])}
