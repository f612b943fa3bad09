"""The system under chaos: every path between the programs leads through the fault proxy, PostgreSQL stands on a disk that can forget, clocks can jump.

    clients --http--> gateway --gw-intake, gw-stream--> broker <--curve-work-- worker over TCP, in a network namespace of its own where root may make one
    clients --curve-intake (TCP)--> broker          broker, gateway, workers --pg-broker, pg-gateway, pg-worker--> PostgreSQL

Every process has a lock: a fault that touches it holds that, the supervisor starts again what has ended and is not held, and notes how it ended.
"""
import contextlib
import json
import mmap
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

import lj
import powerloss
import zmq

# Ends that libzmq 4.3.4 causes and this project cannot keep it from: the process is started again and nothing is lost. Counted and told; at any other
# process, or with other words, an abort is a failure.
LIBZMQ = (
    # A connection given up after corrupted bytes leaves a timer behind (zeromq/libzmq#4364, open).
    ("worker-far", "Assertion failed: !_io_error (src/stream_engine_base.cpp"),
    # Its listener on a local socket takes "no more files" for impossible; that for TCP does not.
    ("broker", "Too many open files (src/ipc_listener.cpp"),
)
HERE = os.path.dirname(os.path.abspath(__file__))


def library(build, name):
    """Of this build, or of the one with tests: the release preset has none."""
    for b in (build, lj.BUILD):
        path = os.path.join(b, "tests/chaos", name)
        if os.path.exists(path):
            return path
    return None


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True)


class Namespace:
    """A network namespace with a pair of interfaces to this one, addresses of a /30 of its own; gone at the end. `why` says what is missing."""

    def __init__(self, seed):
        self.name = "ljc%d" % os.getpid()
        self.host, self.inner = "ljh%d" % (os.getpid() % 100000), "ljn%d" % (os.getpid() % 100000)
        a, b = os.getpid() >> 8 & 63, os.getpid() & 63
        self.address, self.other = "10.%d.%d.1" % (192 + a, b * 4), "10.%d.%d.2" % (192 + a, b * 4)
        self.why = self._make()
        self.netem = not self.why and self._netem()

    def _make(self):
        if os.geteuid() != 0 or not shutil.which("ip"):
            return "not root, or no ip(8)"
        for name in run("ip", "netns", "list").stdout.split():
            # Of a run that was killed and could not clean up.
            if name.startswith("ljc") and name[3:].isdigit() and not os.path.exists("/proc/" + name[3:]):
                run("ip", "netns", "del", name)
        for words in (("netns", "add", self.name), ("link", "add", self.host, "type", "veth", "peer", "name", self.inner, "netns", self.name),
                      ("addr", "add", self.address + "/30", "dev", self.host), ("link", "set", self.host, "up"),
                      ("-n", self.name, "addr", "add", self.other + "/30", "dev", self.inner), ("-n", self.name, "link", "set", self.inner, "up"),
                      ("-n", self.name, "link", "set", "lo", "up")):
            r = run("ip", *words)
            if r.returncode:
                self.close()
                return "ip %s: %s" % (" ".join(words), r.stderr.strip())
        return None

    def _netem(self):
        ok = run("tc", "qdisc", "add", "dev", self.host, "root", "netem", "delay", "1ms").returncode == 0
        self.clear()
        return ok

    def clear(self):
        run("tc", "qdisc", "del", "dev", self.host, "root")
        run("ip", "link", "set", self.host, "up")

    def close(self):
        run("ip", "netns", "del", self.name)
        run("ip", "link", "del", self.host)


class Proxy:
    def __init__(self, folder, seed, links):
        self.control = os.path.join(folder, "proxy.ctl")
        self.log = open(os.path.join(folder, "proxy.log"), "ab")
        self.links = [x.split("=")[0] for x in links]
        argv = ["/usr/bin/python3", os.path.join(HERE, "faultproxy.py"), "--seed", str(seed), "--control", self.control] + links
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, preexec_fn=lj._die_with_parent(9))
        assert self.child.stdout.readline() == b"ready\n", "the fault proxy did not start"

    def order(self, **what):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.control)
            with s.makefile("rw") as f:
                f.write(json.dumps(what) + "\n")
                f.flush()
                return json.loads(f.readline())

    def close(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.log.close()


class Clock:
    """The wall clock of one process, in microseconds away from the true one."""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.write(bytes(8))
        os.chmod(path, 0o644)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8)
        self.path, self.far_back = path, 0.0

    def jump(self, seconds):
        self.map[:8] = struct.pack("<q", int(seconds * 1000000))


class World(lj.System):
    def __init__(self, seed, build, **how):
        self.seed_number, self.release = seed, "release" in os.path.basename(build) or os.path.basename(build) == "r"
        self.locks, self.ends, self.restarts, self.libzmq, self.clocks = {}, [], 0, 0, {}
        self.forgives = []          # (since, until, process name, exit statuses that a fault explains)
        self.notes = []             # what could not be done here
        self.operated = []          # (operation, kind) that an operator was told is done
        self.clock_back = False     # a wall clock has gone back in this run: times are no order then
        self.extra_lock, self.operator_lock = threading.Lock(), threading.Lock()
        self.supervising = threading.Event()
        self.disk = self.proxy = self.netns = None
        # A short lease: what a dead or frozen worker holds comes back within a run.
        super().__init__(build=build, start=False, pg_prepare=self._prepare, pg_options=["max_wal_size=64MB", "min_wal_size=32MB"],
                         broker_options=["--lease-min-ms", "2000"], **how)

    # -- building --

    def _prepare(self, pg):
        lib = library(self.build, "libpowerloss.so")
        if not lib:
            self.notes.append("no power loss, slow or failing disk: libpowerloss.so is not built")
            return
        self.disk = powerloss.Disk(pg, lib, self.folder)

    def _processes(self):
        super()._processes()
        f = self.folder
        self.netns = Namespace(self.seed_number)
        if self.netns.why:
            self.notes.append("no network namespace: " + self.netns.why)
        elif not self.netns.netem:
            self.notes.append("no netem in this kernel: loss and reordering of packets are not tried, only the namespace's link down and tbf")
        host = "127.0.0.1" if self.netns.why else self.netns.address
        ports = [lj.free_port() for _ in range(5)]
        # The gateway's own too: between a kill and the start nobody's outgoing connection may take it.
        self.port = lj.free_port()
        self.gateway.argv[self.gateway.argv.index("--port") + 1] = str(self.port)
        self.ports = dict(zip(("http", "intake", "work", "px-intake", "px-work"), ports))
        links = []
        for who in ("broker", "gateway", "worker"):
            os.mkdir(os.path.join(f, "pg-" + who), 0o755)
            links.append("pg-%s=unix:%s/pg-%s/.s.PGSQL.5432=unix:%s/.s.PGSQL.5432" % (who, f, who, self.pg.socket))
        gw = os.path.join(f, "gw")
        os.mkdir(gw, 0o700)
        lj.own(gw)
        for name in ("intake", "stream"):
            links.append("gw-%s=unix:%s/%s.sock=unix:%s/%s.sock" % (name, gw, name, self.run_dir, name))
        links.append("http=tcp:127.0.0.1:%d=tcp:127.0.0.1:%d" % (self.ports["http"], self.port))
        links.append("curve-intake=tcp:127.0.0.1:%d=tcp:127.0.0.1:%d" % (self.ports["px-intake"], self.ports["intake"]))
        links.append("curve-work=tcp:%s:%d=tcp:127.0.0.1:%d" % (host, self.ports["px-work"], self.ports["work"]))
        self.proxy = Proxy(f, self.seed_number, links)
        # Clients and this class find the gateway behind the proxy.
        self.port = self.ports["http"]
        self._keys()
        self._dsn(self.broker, "broker")
        self._dsn(self.gateway, "gateway")
        self.gateway.argv[self.gateway.argv.index("--run-dir") + 1] = gw
        # A restart of the gateway must not wait long for streams that a stalled link holds.
        self.gateway.argv += ["--ack-timeout", "4000", "--drain", "3000"]
        self.broker.argv += ["--intake-tcp", "tcp://127.0.0.1:%d" % self.ports["intake"], "--work-tcp", "tcp://127.0.0.1:%d" % self.ports["work"],
                             "--curve-secret", self.file("broker.key"), "--peers", self.file("peers")]
        for p in self.workers.values():
            self._dsn(p, "worker")
        far = lj.Process("worker-far", [self.program("liangjin-worker"), "validation", "opinion", "--dsn", self.pg.dsn("liangjin_worker"), "--name", "far",
                                        "--connect", "tcp://%s:%d" % (host, self.ports["px-work"]), "--curve-server", self.server_key[0].decode(),
                                        "--curve-secret", self.file("worker.key")], f)
        self._dsn(far, "worker")
        if not self.netns.why:
            self._enter(far)
        self.workers["worker-far"] = far
        self._clocks()
        for p in self.processes() + [self.pg.process]:
            self.locks[p.name] = threading.RLock()

    def _keys(self):
        self.server_key, self.client_key, worker = zmq.curve_keypair(), zmq.curve_keypair(), zmq.curve_keypair()
        for name, key in (("broker.key", self.server_key), ("client.key", self.client_key), ("worker.key", worker)):
            with open(os.open(self.file(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
                f.write("# made for one test\n%s\n" % key[1].decode())
            lj.own(self.file(name))
        with open(self.file("peers"), "w", encoding="ascii") as f:
            f.write("%s client * far-client\n%s worker * far\n" % (self.client_key[0].decode(), worker[0].decode()))
        os.chmod(self.file("peers"), 0o644)

    def _dsn(self, process, who):
        at = process.argv.index("--dsn") + 1
        process.argv[at] = process.argv[at].replace(self.pg.socket, os.path.join(self.folder, "pg-" + who))

    def _enter(self, process):
        """The process lives in the namespace (a wrapper that becomes it: its pid and signals are the program's own)."""
        process.argv = ["/usr/bin/nsenter", "--net=/run/netns/" + self.netns.name] + self._as_nobody() + process.argv
        process.as_root = True

    @staticmethod
    def _as_nobody():
        return ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL"]

    def _clocks(self):
        lib = library(self.build, "libclockjump.so")
        if not lib:
            self.notes.append("no clock jumps: libclockjump.so is not built")
            return
        lib = shutil.copy(lib, self.file("libclockjump.so"))  # where the programs' user can read it
        os.chmod(lib, 0o755)
        for p in [self.broker, self.gateway] + [w for w in self.workers.values() if w.name.startswith("worker-validation")]:
            c = self.clocks[p.name] = Clock(self.file(p.name + ".clock"))
            p.env.update(LD_PRELOAD=lib, LJ_CLOCK_FILE=c.path,
                         ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99:verify_asan_link_order=0")

    def wait_running(self):
        def running():
            s = self.status()
            return s and s["state"] == "running" and s["peers"] and len({p["kind"] for p in s["peers"]}) == len(self.kinds)
        lj.wait_until(running, "the broker and its workers", 120)
        if self.gateway:
            lj.wait_until(lambda: self.get("/readyz")[0] == 200, "the gateway's readiness", 120)

    def __exit__(self, kind, value, trace):
        self.supervising.clear()
        thread = getattr(self, "_supervisor", None)
        if thread:
            thread.join(10)
        try:
            super().__exit__(kind, value, trace)
        finally:
            if self.proxy:
                self.proxy.close()
            if self.netns:
                self.netns.close()

    # -- life under faults --

    @contextlib.contextmanager
    def hold(self, *processes):
        """These are ours for a while: nobody else touches or restarts them. Always in the same order, so that two faults cannot wait for each other."""
        names = sorted({p.name for p in processes})
        for n in names:
            self.locks[n].acquire()
        try:
            yield
        finally:
            for n in reversed(names):
                self.locks[n].release()

    def supervise(self):
        """Starts again what has ended by itself, as `ljctl up` would."""
        self.supervising.set()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _supervise(self):
        while self.supervising.is_set():
            for p in self.processes() + [self.pg.process]:
                if p.alive() or not self.locks[p.name].acquire(blocking=False):
                    continue
                try:
                    if not p.alive() and self.supervising.is_set():
                        self.ended(p)
                        p.start()
                        self.restarts += 1
                finally:
                    self.locks[p.name].release()
            time.sleep(0.05)

    def ended(self, p):
        status = p.child.returncode if p.child else None
        now = time.monotonic()
        explained = any(n == p.name and since <= now <= until and status in statuses for since, until, n, statuses in self.forgives)
        tail = p.tail(1500)
        if status == -6 and any(p.name == n and text in tail for n, text in LIBZMQ):
            self.libzmq += 1
            explained = True
        self.ends.append((now, p.name, status, explained, "" if explained else tail))

    def forgive(self, process, statuses, seconds):
        """For so long these exit statuses of a process are what a fault asks for."""
        now = time.monotonic()
        self.forgives.append((now, now + seconds, process.name, statuses))

    def surprises(self):
        """Ends by themselves that nothing explains. PostgreSQL's are the faults' own doing or seen in the checks."""
        return [e for e in self.ends if not e[3] and e[1] != "postgres"]

    def epoch(self):
        with contextlib.closing(self.background_sql()) as c, c.cursor() as cursor:
            cursor.execute("select epoch from shard")
            return cursor.fetchone()[0]

    def all_workers_back(self):
        """Every kind of every worker process is a peer of the broker."""
        s = self.status()
        want = {(p.argv[p.argv.index("--name") + 1], k) for p in self.workers.values() for k in self.kinds if "-%s-" % k in p.name}
        want |= {("far", "validation"), ("far", "opinion")}
        # A peer under CURVE has the name that belongs to its key, another PROCESS.KIND.
        have = {(p["name"].split(".")[0], p["kind"]) for p in s["peers"]} if s else set()
        self.missing = sorted(want - have)
        return s and not self.missing

    def link(self, name, **mode):
        return self.proxy.order(link=name, **mode)

    def background_sql(self):
        import psycopg2
        return psycopg2.connect(self.pg.dsn() + " options='-c search_path=liangjin,pg_catalog' connect_timeout=5")


def limit(pid, what, soft):
    """Sets a soft limit of a running process: "nofile" or "as". As the user that it runs as: root may be without the capability for others'."""
    r = subprocess.run(["/usr/bin/prlimit", "--pid", str(pid), "--%s=%s:" % (what, soft)], capture_output=True, text=True, **lj.NOBODY)
    return r.returncode == 0


def soft_limit(pid, what):
    with open("/proc/%d/limits" % pid) as f:
        line = next(x for x in f if x.startswith({"nofile": "Max open files", "as": "Max address space"}[what]))
    return line[26:].split()[0]


def fds(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0

