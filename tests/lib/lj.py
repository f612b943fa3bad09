"""The whole system in a temporary folder, from the real programs: what the system tests stand on.

    with lj.System() as s:            # PostgreSQL, broker, gateway and a worker of every kind, as user nobody when root starts it
        s.seed()                      # units, a policy
        s.broker.kill(); s.broker.start()
        s.wait_drained()

Standard library, psycopg2, pyzmq. Every process is a child of this one and dies with it (PR_SET_PDEATHSIG); nothing else is touched. Nothing
sleeps to let something happen: wait_until polls a condition up to a deadline. When a block ends by an exception the ends of all logs are
printed; in any case a sanitizer's report in a log is a failure.

Environment: LJ_BUILD (build folder with fail points and sanitizers, default build/asan), LJ_RELEASE (default build/release), TMPDIR.
"""
import ctypes
import glob
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import psycopg2
import psycopg2.extensions
import zmq

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.path.abspath(os.environ.get("LJ_BUILD") or os.path.join(ROOT, "build/asan"))
RELEASE = os.path.abspath(os.environ.get("LJ_RELEASE") or os.path.join(ROOT, "build/release"))
FULL = bool(os.environ.get("LJ_FULL"))
PG_BIN = "/usr/lib/postgresql/15/bin"
NOBODY = dict(user="nobody", group="nogroup", extra_groups=[]) if os.geteuid() == 0 else {}
_libc = ctypes.CDLL(None, use_errno=True)
DEADLINE = 60.0


def wait_until(condition, what, seconds=DEADLINE, every=0.02):
    """The first true value of condition(); AssertionError after the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain for %s" % (seconds, what))
        time.sleep(every)


def own(path):
    if NOBODY:
        shutil.chown(path, "nobody", "nogroup")


class Folder:
    """A temporary folder that user nobody may enter; gone at the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="s", dir=os.environ.get("TMPDIR") or "/tmp")
        os.chmod(self.path, 0o755)

    def __enter__(self):
        return self.path

    def __exit__(self, *exc):
        if not os.environ.get("LJ_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)


def _die_with_parent(sig):
    def before_exec():
        _libc.prctl(1, sig)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return before_exec


class Process:
    """A program that can be started, killed, stopped (SIGSTOP) and started again with the same arguments."""

    def __init__(self, name, argv, folder, env=None, death=signal.SIGKILL):
        self.name, self.argv, self.env, self.death = name, argv, dict(env or {}), death
        self.log = os.path.join(folder, name + ".log")
        self.as_root = False  # the command line itself becomes another user
        self.child = None

    def start(self, **env):
        assert not self.alive(), self.name + " runs already"
        e = {k: v for k, v in os.environ.items() if not k.startswith("LJ_")}
        e.update(ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1", LC_ALL="C.UTF-8")
        e.update(self.env)
        e.update({k: v for k, v in env.items() if v is not None})
        self.started = time.monotonic()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=e, cwd="/",
                                          preexec_fn=_die_with_parent(self.death), **({} if self.as_root else NOBODY))
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def send(self, sig):
        if self.alive():
            self.child.send_signal(sig)

    def kill(self):
        """kill -9, and wait until it is gone."""
        if self.child is not None:
            if self.child.poll() is None:
                self.child.kill()
            self.child.wait(30)

    def stop(self):
        self.send(signal.SIGSTOP)

    def cont(self):
        self.send(signal.SIGCONT)

    def wait(self, seconds=DEADLINE):
        """Exit status; -9 = killed by SIGKILL."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s has not ended within %.0f s" % (self.name, seconds)) from None

    def terminate(self, seconds=DEADLINE):
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def rss_kib(self):
        return status_kib(self.pid, "VmRSS")

    def tail(self, n=3000):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()[-n:]
        except OSError:
            return ""


def status_kib(pid, field):
    """A size in /proc/PID/status; 0 when the process is gone."""
    try:
        with open("/proc/%d/status" % pid) as f:
            m = re.search(field + r":\s+(\d+)", f.read())
            return int(m.group(1)) if m else 0
    except OSError:
        return 0


class Postgres:
    """A private cluster in a folder, on a Unix socket only; fsync on unless said otherwise (the broker refuses to start without)."""

    def __init__(self, folder, fsync=True, data=None, options=()):
        self.socket = os.path.join(folder, "sock")
        self.data = data or os.path.join(folder, "pg")
        os.mkdir(self.socket, 0o700)
        own(self.socket)
        if not os.path.isdir(self.data):
            os.mkdir(self.data, 0o700)
        own(self.data)
        self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums")
        settings = ["listen_addresses=", "unix_socket_directories=" + self.socket, "fsync=" + ("on" if fsync else "off"), "shared_buffers=64MB",
                    "max_connections=100", "timezone=UTC", "jit=off", "log_min_messages=warning"] + list(options)
        argv = [os.path.join(PG_BIN, "postgres"), "-D", self.data]
        for s in settings:
            argv += ["-c", s]
        self.process = Process("postgres", argv, folder, death=signal.SIGQUIT)

    def tool(self, name, *words, check=True):
        return subprocess.run([os.path.join(PG_BIN, name)] + list(words), check=check, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/",
                              **NOBODY)

    def dsn_parts(self, user, db=None):
        return "host=%s user=%s%s" % (self.socket, user, " dbname=" + db if db else "")

    def dsn(self, user="postgres", db="liangjin"):
        return self.dsn_parts(user, db)

    def answers(self):
        try:
            psycopg2.connect(self.dsn(db="postgres") + " connect_timeout=3").close()
            return True
        except psycopg2.Error:
            return False

    def start(self, seconds=DEADLINE):
        def tried():
            if not self.process.alive():
                # After a kill -9 of the postmaster its old children may still hold the shared memory for a moment; it then refuses to start.
                self.process.start()
            return self.answers()
        wait_until(tried, "PostgreSQL to answer; its log ends:\n" + self.process.tail(500), seconds, 0.1)
        return self

    def kill(self):
        """kill -9 of the postmaster; its children notice and end."""
        self.process.kill()

    def kill_all(self):
        """kill -9 of every process at once, frozen or not: what they have not written to a file is gone."""
        pids = self.children()
        self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self, mode="fast"):
        self.process.send(dict(fast=signal.SIGINT, immediate=signal.SIGQUIT, smart=signal.SIGTERM)[mode])
        return self.process.wait()

    def children(self):
        return [int(p) for p in subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()]

    def freeze(self, sig):
        """SIGSTOP or SIGCONT to the postmaster and all its children."""
        pids = [self.process.pid] + self.children()
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if self.process.alive():
            self.freeze(signal.SIGCONT)
            self.process.send(signal.SIGQUIT)
            try:
                self.process.child.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()


# ---------------------------------------------------------------------------------------------------------------------------- ZeroMQ peers

HELLO, WELCOME, WHO, BYE, ERROR, SUBMIT, ACK, BATCH, RESULT, ADMIN, ADMIN_REPLY = 1, 2, 3, 4, 5, 16, 17, 32, 33, 48, 49
TIME_NONE = -(1 << 63)


def envelope(kind, seq=0):
    return struct.pack(">2sBBIQ", b"LJ", 1, kind, 0, seq)


def str8(s):
    b = s if isinstance(s, bytes) else s.encode()
    return bytes([len(b)]) + b


def record(event, origin=1, source="test", cls=255):
    """One event record of a SUBMIT, from an event as HTTP takes it."""
    payload = json.dumps(event["payload"], ensure_ascii=False).encode()
    occurred = event.get("occurred_at")
    rest = (uuid.UUID(event["id"]).bytes + struct.pack(">qHBB", micros(occurred) if occurred else TIME_NONE, event.get("schema_version", 1), origin, cls)
            + str8(event["type"]) + str8(event["unit"]) + str8(event.get("key", "")) + str8(source) + struct.pack(">I", len(payload)) + payload)
    return struct.pack(">I", len(rest)) + rest


def micros(text):
    import datetime
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000000)


class Peer:
    """A DEALER on one of the broker's sockets, in the protocol's own bytes."""

    def __init__(self, endpoint, name="peer", role=1, hello=True, rid=None, worker=None, nonce=None):
        self.ctx = zmq.Context.instance()
        self.sock = self.ctx.socket(zmq.DEALER)
        self.sock.linger = 0
        if rid:
            self.sock.setsockopt(zmq.ROUTING_ID, rid)
        self.sock.connect(endpoint)
        self.seq = 0
        self.name, self.role, self.worker = name, role, worker
        self.nonce = nonce if nonce is not None else struct.unpack(">Q", os.urandom(8))[0]
        if hello:
            self.hello()

    def hello(self):
        body = struct.pack(">BQ", self.role, self.nonce) + str8(self.name)
        if self.worker:
            body += str8(self.worker[0]) + str8(self.worker[1]) + struct.pack(">H", self.worker[2])
        self.sock.send_multipart([envelope(HELLO, 0), body])
        kind, _, body = self.recv()
        assert kind == WELCOME, kind
        return body

    def recv(self, seconds=20):
        """(type, seq, body) of the next message; AssertionError when none comes."""
        assert self.sock.poll(int(seconds * 1000)), "no answer from the broker within %.0f s" % seconds
        env, body = self.sock.recv_multipart()
        _, _, kind, _, seq = struct.unpack(">2sBBIQ", env)
        return kind, seq, body

    def submit(self, events, **how):
        """Send and wait for the answers: [(code, retry_after_s, position, detail)]."""
        self.seq += 1
        body = struct.pack(">H", len(events)) + b"".join(record(e, **how) for e in events)
        self.sock.send_multipart([envelope(SUBMIT, self.seq), body])
        while True:
            kind, seq, body = self.recv()
            if kind == WHO:
                self.hello()
                continue
            if seq != self.seq:
                continue
            assert kind == ACK, "type %d instead of ACK: %r" % (kind, body[:80])
            return answers(body)

    def admin(self, op, **more):
        self.seq += 1
        self.sock.send_multipart([envelope(ADMIN, self.seq), json.dumps(dict(more, op=op)).encode()])
        while True:
            kind, seq, body = self.recv()
            if kind == ADMIN_REPLY and seq == self.seq:
                return json.loads(body)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def answers(body):
    n, at, out = struct.unpack_from(">H", body)[0], 2, []
    for _ in range(n):
        code, retry, position, length = struct.unpack_from(">hHqB", body, at)
        at += 13
        out.append((code, retry, position, body[at:at + length].decode()))
        at += length
    return out


# ---------------------------------------------------------------------------------------------------------------------------- the system

TOKENS = {"centre": ("test-centre-0123456789abcdef", "CN000", "centre"), "client": ("test-client-0123456789abcdef", "PS001", "client"),
          "other": ("test-other-0123456789abcdef", "PS002", "client"), "observer": ("test-observer-0123456789abcd", "CN000", "observer")}


def worker_kinds(build):
    """The kinds that the built worker knows, from the registry the build made."""
    with open(os.path.join(build, "workers/registry.c"), encoding="utf-8") as f:
        return sorted(set(re.findall(r"&lj_worker_(\w+)", f.read())))


class System:
    def __init__(self, build=None, gateway=True, kinds=None, workers=1, broker_options=(), worker_options=(), gateway_options=(), env=None,
                 pg_options=(), pg_data=None, start=True, pg_prepare=None):
        self.build = build or BUILD
        self.with_gateway, self.only_kinds, self.nworkers = gateway, kinds, workers
        self.broker_options, self.worker_options, self.gateway_options = list(broker_options), list(worker_options), list(gateway_options)
        self.env, self.pg_options, self.pg_data, self.start_now = dict(env or {}), pg_options, pg_data, start
        self.pg_prepare = pg_prepare  # called with the cluster before it starts
        self.workers, self.kinds, self.unserved = {}, [], []
        self.folder = self.pg = self.broker = self.gateway = None
        self.histories, self.inputs, self.streams = [], [], []
        self._conn = None

    # -- life --

    def __enter__(self):
        self._folder = Folder()
        self.folder = self._folder.path
        try:
            self.run_dir = os.path.join(self.folder, "run")
            os.mkdir(self.run_dir, 0o700)
            own(self.run_dir)
            self.pg = Postgres(self.folder, options=self.pg_options, data=self.pg_data)
            if self.pg_prepare:
                self.pg_prepare(self.pg)
            self.pg.start()
            self._migrate()
            self._processes()
            if self.start_now:
                self.start_all()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, (KeyboardInterrupt, SystemExit)):
            self.print_logs()
        for p in self.processes():
            p.cont()
            p.kill()
        if self._conn is not None:
            self._conn.close()
            self._conn = None
        reports = self.sanitizer_reports()
        if self.pg is not None:
            self.pg.__exit__()
        self._folder.__exit__()
        if reports and kind is None:
            raise AssertionError("a sanitizer has reported:\n" + reports)

    def print_logs(self):
        for p in self.processes() + ([self.pg.process] if self.pg else []):
            text = p.tail()
            if text:
                print("---- the end of %s's log%s\n%s" % (p.name, "" if p.alive() else " (it does not run)", text), flush=True)

    def sanitizer_reports(self):
        out = ""
        for p in self.processes():
            text = p.tail(200000)
            m = re.search(r"ERROR: (Address|Leak)Sanitizer|runtime error: ", text)
            if m:
                out += "%s: %s\n" % (p.name, text[max(0, m.start() - 200):m.start() + 3500])
        return out

    def processes(self):
        return [p for p in [self.gateway, self.broker] + list(self.workers.values()) if p is not None]

    def program(self, name):
        """A program of the build, as a link (or copy) in our folder: user nobody can reach it, and a build under way does not change it."""
        path = next(p for p in glob.glob(os.path.join(self.build, "*", name)) if os.access(p, os.X_OK))
        to = os.path.join(self.folder, "bin", name)
        if not os.path.exists(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            try:
                os.link(path, to)
            except OSError:
                shutil.copy2(path, to)
        return to

    def _migrate(self):
        r = subprocess.run(["bash", os.path.join(ROOT, "tests/lib/dbsetup.sh"), self.pg.dsn_parts("postgres"), "liangjin"], capture_output=True,
                           text=True)
        assert r.returncode == 0, "dbsetup.sh: " + r.stderr
        there = [k for (k,) in self.sql("select name from kind order by number")]
        have = worker_kinds(self.build)
        wanted = self.only_kinds or there
        self.kinds = [k for k in there if k in have and k in wanted]
        self.unserved = [k for k in there if k not in self.kinds]
        self.settling = [k for (k,) in self.sql("select name from kind where settle_function is not null") if k in self.kinds]
        for name, (text, unit, role) in TOKENS.items():
            if unit == "CN000":
                self.token(name)

    def token(self, name):
        text, unit, role = TOKENS[name]
        self.sql("select create_token(%s, %s, %s, %s, 1::int2, 1000000, 1000000, null)",
                 (name, hashlib.blake2b(text.encode(), digest_size=32).digest(), unit, role))

    def _processes(self):
        f = self.folder
        self.broker = Process("broker", [self.program("liangjin-broker"), "--dsn", self.pg.dsn("liangjin_broker"), "--run-dir", self.run_dir]
                              + ["--calendar=no"] + self.broker_options, f, self.env)
        for kind in self.kinds:
            for i in range(self.nworkers):
                name = "worker-%s-%d" % (kind, i + 1)
                self.workers[name] = Process(name, [self.program("liangjin-worker"), kind, "--dsn", self.pg.dsn("liangjin_worker"), "--run-dir",
                                                    self.run_dir, "--name", "w%d" % (i + 1)] + self.worker_options, f, self.env)
        if self.with_gateway:
            # A fixed port after the first start, so that clients find a restarted gateway: as one behind a proxy would stand.
            self.port = free_port()
            self.gateway = Process("gateway", [self.program("liangjin-gateway"), "--dsn", self.pg.dsn("liangjin_web"), "--run-dir", self.run_dir,
                                               "--port", str(self.port)] + self.gateway_options, f, self.env)

    def start_all(self, **env):
        for p in [self.broker] + list(self.workers.values()) + ([self.gateway] if self.gateway else []):
            if not p.alive():
                p.start(**env)
        self.wait_running()

    def wait_running(self):
        def running():
            for p in self.processes():
                assert p is self.gateway or p.alive(), "%s has ended with %s: %s" % (p.name, p.child and p.child.returncode, p.tail(500))
            s = self.status()
            return s and s["state"] == "running" and s["peers"] and len({p["kind"] for p in s["peers"]}) == len(self.kinds)
        wait_until(running, "the broker and its workers")
        if self.gateway:
            self.wait_gateway()

    def wait_gateway(self):
        def ready():
            assert self.gateway.alive(), "the gateway has ended: " + self.gateway.tail()
            return self.get("/readyz")[0] == 200
        wait_until(ready, "the gateway's readiness")

    def worker(self, kind, i=1):
        return self.workers["worker-%s-%d" % (kind, i)]

    def endpoint(self, name="intake"):
        return "ipc://%s/%s.sock" % (self.run_dir, name)

    # -- looking --

    def sql(self, text, values=None, user="postgres"):
        """Rows of one statement, as superuser; reconnects when PostgreSQL was away."""
        for last in (False, True):
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = psycopg2.connect(self.pg.dsn() + " options='-c search_path=liangjin,pg_catalog' connect_timeout=5")
                    self._conn.autocommit = True
                with self._conn.cursor() as c:
                    c.execute(text, values)
                    return c.fetchall() if c.description else []
            except psycopg2.Error as e:
                lost = self._conn is None or self._conn.closed or e.pgcode is None or isinstance(e, psycopg2.OperationalError)
                if self._conn is not None and lost:
                    self._conn.close()
                    self._conn = None
                if last or not lost:
                    raise

    def one(self, text, values=None):
        return self.sql(text, values)[0][0]

    def status(self):
        """The broker's status, or None when it does not answer now."""
        if not self.broker.alive():
            return None
        try:
            with Peer(self.endpoint("admin"), "test", role=3, hello=False) as p:
                p.seq += 1
                p.sock.send_multipart([envelope(ADMIN, p.seq), b'{"op":"status"}'])
                if not p.sock.poll(2000):
                    return None
                return json.loads(p.sock.recv_multipart()[1])
        except zmq.ZMQError:
            return None

    def admin(self, op, **more):
        with Peer(self.endpoint("admin"), "test", role=3, hello=False) as p:
            return p.admin(op, **more)

    def drained(self, kinds=None):
        s = self.status()
        if not s or s["state"] != "running" or s["intake"]["queued"] or s["intake"]["held"]:
            return False
        for k in s["kinds"]:
            if k["name"] in self.unserved or (kinds and k["name"] not in kinds):
                continue
            if k["open"] or k["leased"] or k["held"] or k["again"]:
                return False
            if k["name"] in self.settling and k["settled"] < s["frontier"]:
                return False  # it may still announce something
        return s

    def wait_drained(self, seconds=DEADLINE, kinds=None):
        """Until nothing waits; the broker's status then, as last_status too."""
        try:
            self.last_status = wait_until(lambda: self.drained(kinds), "the backlog to reach 0", seconds)
        except AssertionError as e:
            raise AssertionError("%s; status: %s" % (e, json.dumps(self.status()))) from None
        return self.last_status

    def file(self, name):
        return os.path.join(self.folder, name)

    # -- HTTP --

    def http(self, timeout=20):
        import http.client
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, token=None, headers=None, timeout=20):
        """(status, headers, body); (0, None, b"") when there was no answer."""
        import http.client
        h = dict(headers or {})
        if token:
            h["Authorization"] = "Bearer " + TOKENS[token][0]
        c = self.http(timeout)
        try:
            c.request(method, path, body, h)
            r = c.getresponse()
            return r.status, r.headers, r.read()
        except (OSError, http.client.HTTPException):
            return 0, None, b""
        finally:
            c.close()

    def get(self, path, token=None):
        return self.request("GET", path, None, token)

    def post(self, event, token="centre", content_type="application/json"):
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        status, _, answer = self.request("POST", "/v1/events", body, token, {"Content-Type": content_type})
        return status, (json.loads(answer) if answer else {})

    # -- the checker --

    def check(self, *more, expect=0):
        """Run tests/lib/check.py over every history made here; returns its output."""
        with open(self.file("status.json"), "w") as f:
            json.dump(getattr(self, "last_status", None) or {}, f)
        argv = ["/usr/bin/python3", os.path.join(ROOT, "tests/lib/check.py"), "--dsn", self.pg.dsn("liangjin_audit")]
        for flag, names in (("--history", self.histories), ("--input", self.inputs), ("--stream", self.streams)):
            for n in names:
                argv += [flag, n]
        for k in self.unserved:
            argv += ["--unserved", k]
        argv += ["--status", self.file("status.json")] + list(more)
        r = subprocess.run(argv, capture_output=True, text=True)
        print("    " + r.stdout.strip().replace("\n", "\n    "), flush=True)
        if expect is not None:
            assert r.returncode == expect, "the checker: exit %d\n%s%s" % (r.returncode, r.stdout, r.stderr)
        return r


def free_port():
    """A free port below those that the system gives to outgoing connections, so that no connection of another test takes it before its program does."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Keeper(threading.Thread):
    """Starts processes again when they die, as a supervisor does; counts how often. Use as `with Keeper(p, ...) as k`."""

    def __init__(self, *processes, **env):
        super().__init__(daemon=True)
        self.kept, self.env, self.restarts = processes, env, 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.05):
            for p in self.kept:
                if not p.alive():
                    p.start(**self.env)
                    self.restarts += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.join()
