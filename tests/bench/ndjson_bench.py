"""HTTP, NDJSON of 500 lines a request, against the ZeroMQ intake of the same broker; both with up to 8,000 events on their way."""
import lj
import web
import world

LINES, CONNECTIONS, PAD = 500, 16, 720


def one_round(s, units, n, number):
    before = s.one("select count(*) from event")
    ours = web.post(s.port, CONNECTIONS, n // LINES, LINES, PAD, units)
    stored = s.one("select count(*) from event") - before
    assert stored == n, "%d of %d events that were answered 202 are in the log" % (stored, n)
    yard = world.Submit(s, "zmq%d" % number, ["--count", str(n), "--pad", str(PAD)], window=LINES * CONNECTIONS).finish()
    assert yard["acked"] == n == s.one("select count(*) from event") - before - n, yard
    return n / ours["seconds"], n / yard["seconds"], ours


def measure(rounds, full):
    n = 200000 if full else 60000
    units = world.World().units
    with lj.System(**web.INTAKE_ONLY) as s:
        web.start(s)
        got = [one_round(s, units, n if i else n // 4, i) for i in range(rounds + 1)][1:]
    yield {"name": "HTTP, NDJSON", "ours": [g[0] for g in got], "yard": [g[1] for g in got], "unit": "events/s", "yardstick": "ZeroMQ intake",
           "how": "%d events of 750 bytes of payload a round, %d lines a request, %d connections; p99 of a request %.0f ms; the generator took %.2f cores" % (
               n, LINES, CONNECTIONS, got[-1][2]["p99_us"] / 1e3, got[-1][2]["cpu_seconds"] / got[-1][2]["seconds"])}
