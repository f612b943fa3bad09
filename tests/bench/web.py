"""The HTTP side: our load generator as a child, a gateway for measuring, and a second one that stores nothing."""
import json
import os
import shutil
import subprocess

import cpu
import lj
import world

HERE = os.path.dirname(os.path.abspath(__file__))
# One unit may send 20,000 events a second, a connection make 1,000 requests: neither is to be the figure.
OPTIONS = ["--unit-rate", "1000000", "--unit-burst", "1000000", "--keepalive-requests", "100000000"]
INTAKE_ONLY = dict(gateway=True, kinds=["register"], broker_options=["--backlog-max", "10000000"], gateway_options=OPTIONS)


def program(name, *libraries):
    """A C program of this folder, compiled when it is older than its source."""
    source, to = os.path.join(HERE, name + ".c"), os.path.join(lj.ROOT, "build", "bench", name)
    if not os.path.exists(to) or os.path.getmtime(to) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o", to + ".new", source] + ["-l" + x for x in libraries], check=True)
        os.rename(to + ".new", to)
    return to


def post(port, connections, requests, lines, pad, units, seconds=300):
    """What httpload says; an error when a request had another answer than the wanted one."""
    done = subprocess.run([program("httpload"), str(port), lj.TOKENS["centre"][0], str(connections), str(requests), str(lines), str(pad), ",".join(units)],
                          capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["other"] == 0 and out["accepted"] == requests * lines, "%s\n%s" % (out, done.stderr)
    return out


def start(s):
    """A lj.System made with INTAKE_ONLY: the units into it."""
    world.send_units(s)


class NullGateway:
    """The same gateway program on the same database, with nullbroker.py behind it."""

    def __init__(self, s):
        self.run_dir = s.file("null")
        os.mkdir(self.run_dir, 0o700)
        lj.own(self.run_dir)
        script = s.file("nullbroker.py")
        shutil.copyfile(os.path.join(HERE, "nullbroker.py"), script)
        os.chmod(script, 0o644)
        self.port = lj.free_port()
        self.broker = lj.Process("nullbroker", ["/usr/bin/python3", script, self.run_dir], s.folder)
        self.gateway = lj.Process("nullgateway", [s.program("liangjin-gateway"), "--dsn", s.pg.dsn("liangjin_web"), "--run-dir", self.run_dir,
                                                  "--port", str(self.port)] + OPTIONS, s.folder)
        self.s = s

    def __enter__(self):
        try:
            self.broker.start()
            self.gateway.start()
            lj.wait_until(self._ready, "the second gateway to answer 202", 60, 0.1)
        except BaseException:
            print(self.broker.tail() + self.gateway.tail(), flush=True)
            self.__exit__()
            raise
        return self

    def _ready(self):
        w = world.World()
        own, self.s.port = self.s.port, self.port
        try:
            return self.s.post(w.event("feedback.received", w.units[-1], {"n": 0}))[0] == 202
        finally:
            self.s.port = own

    def __exit__(self, *exc):
        self.gateway.kill()
        self.broker.kill()


def shares(before, after, seconds, generator):
    """Text: how many cores each took. before, after: {name: seconds} of cpu.ticks."""
    rows = [(k, (after[k] - before[k]) / seconds) for k in after] + [("generator", generator / seconds)]
    return ", ".join("%s %.2f" % (k, v) for k, v in rows)


def taken(s, null=None):
    out = {"gateway": cpu.ticks(s.gateway.pid), "broker": cpu.ticks(s.broker.pid)}
    backends = [p for (p,) in s.sql("select pid from pg_stat_activity where pid <> pg_backend_pid() and application_name like 'liangjin-broker%%'")]
    out["PostgreSQL for the broker"] = sum(cpu.ticks(p) for p in backends)
    if null:
        out = {"gateway": cpu.ticks(null.gateway.pid), "answerer": cpu.ticks(null.broker.pid)}
    return out
