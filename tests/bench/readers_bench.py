"""Many readers of the stream over HTTP, each following one unit, ten of them stalled: what intake notices, and that the others miss nothing."""
import resource
import subprocess
import time

import cpu
import lj
import probe
import web
import world

RATE, STALLED = 5000, 10


class Readers:
    def __init__(self, s, n, units):
        self.child = subprocess.Popen([web.program("streamload"), str(s.port), lj.TOKENS["centre"][0], str(n), str(STALLED), ",".join(units)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=lj._die_with_parent(9))
        assert self.child.stdout.readline() == "ready\n", "the readers have not all begun"

    def look(self):
        """[(unit, count, sum)] of those that read, and the processor time so far."""
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        out = []
        for line in self.child.stdout:
            if line.startswith("end"):
                return out, float(line.split()[1])
            if line != "-\n":
                unit, count, total, _, disorder, is_open = line.split()
                assert is_open == "1" and disorder == "0", "a reader: " + line
                out.append((unit, int(count), int(total)))
        raise AssertionError("the readers have ended")

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


def events(w, units, seconds):
    return [probe.feedback(w, units[i % len(units)]) for i in range(int(RATE * seconds))]


def stored(s, name):
    """{unit: (count, sum of positions)}."""
    return {u: (n, int(total)) for u, n, total in s.sql(
        "select u.code, count(*), sum(e.position) from event e join unit u on u.number = e.unit where e.source = %s group by 1", (name,))}


def one_round(s, w, units, n, seconds, number):
    alone = probe.Paced(s, "alone%d" % number, events(w, units, seconds), RATE).run()
    assert sum(c for c, _ in stored(s, "alone%d" % number).values()) == len(alone.records)
    s.wait_drained(60)
    readers = Readers(s, n, units)
    try:
        before, began = cpu.ticks(s.gateway.pid), time.monotonic()
        paced = probe.Paced(s, "read%d" % number, events(w, units, seconds), RATE).run()
        acked = time.monotonic()
        want = stored(s, "read%d" % number)
        assert sum(c for c, _ in want.values()) == len(paced.records)
        lj.wait_until(lambda: all(count >= want[u][0] for u, count, _ in readers.look()[0]), "every reader to have the whole stream", 120, 0.05)
        late = time.monotonic() - acked
        rows, generator = readers.look()
        wrong = [r for r in rows if (r[1], r[2]) != want[r[0]]]
        assert not wrong and len(rows) == n - STALLED, "gaps or repeats: %s, for instance" % (wrong[:1],)
        seconds = time.monotonic() - began
        return {"ours": paced.ack_ms(0.99), "yard": alone.ack_ms(0.99), "late": late, "items": sum(c for _, c, _ in rows),
                "gateway": (cpu.ticks(s.gateway.pid) - before) / seconds, "readers": generator / seconds, "memory": s.gateway.rss_kib() / 1024}
    finally:
        readers.close()


def measure(rounds, full):
    n, seconds = (1000, 10) if full else (200, 4)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
    w = world.World()
    options = dict(web.INTAKE_ONLY, gateway_options=web.OPTIONS + ["--stream-readers", "4096"])
    with lj.System(**options) as s:
        web.start(s)
        got = [one_round(s, w, w.units, n, seconds, i) for i in range(rounds + 1)][1:]
    last = got[-1]
    yield {"name": "acknowledgement p99, stream readers", "ours": [g["ours"] for g in got], "yard": [g["yard"] for g in got], "unit": "ms", "yardstick": "no reader",
           "less": True, "how": "%d events a second over ZeroMQ for %d s, %d readers each following one of 51 units, %d of them stalled; every other reader got exactly "
                                "its unit's events, in order" % (RATE, seconds, n, STALLED)}
    yield {"name": "stream readers, behind the last ack", "ours": [g["late"] * 1000 for g in got], "unit": "ms", "less": True,
           "how": "until the last of %d readers had everything (looked at every 50 ms); %d items a round; last round: gateway %.2f cores and %.0f MiB, the "
                  "readers themselves %.2f cores" % (n - STALLED, last["items"], last["gateway"], last["memory"], last["readers"])}
