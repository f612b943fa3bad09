"""What the HTTP tests run against: a throw-away PostgreSQL, a broker that plays one, and the gateway of a build directory.

Standard library only. Everything is started as a child of this process and ended by its pid; nothing else is touched. As root the server of
PostgreSQL runs as `nobody`.
"""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PG_BIN = "/usr/lib/postgresql/15/bin"
# Freed memory is kept aside by AddressSanitizer to find uses after free; little of it, or "memory is flat" could not be tested.
ASAN = os.environ.get("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64")

TOKENS = {  # name: text, unit, role, rate, burst
    "centre": ("tok-centre-aaaaaaaaaaaa", "CN000", "centre", 100000, 100000),
    "client": ("tok-client-bbbbbbbbbbbb", "PS001", "client", 100000, 100000),
    "other": ("tok-other-cccccccccccc", "PS002", "client", 100000, 100000),
    "observer": ("tok-observer-dddddddd", "CN000", "observer", 100, 100),
    "operator": ("tok-operator-eeeeeeee", "CN000", "operator", 100, 100),
    "metrics": ("tok-metrics-ffffffffff", "CN000", "metrics", 100, 100),
    "slow": ("tok-slow-gggggggggggg", "PS001", "client", 1, 3),
    "expired": ("tok-expired-hhhhhhhhh", "PS001", "client", 100, 100),
    "revokable": ("tok-revokable-iiiiiii", "PS001", "client", 100000, 100000),
}

SEED = """
set search_path = liangjin, pg_catalog;
insert into unit (position, number, code) values (0, 1, 'PS001'), (0, 2, 'PS002'), (0, 3, 'SU003');
insert into unit_version (position, number, parent, name, kind, state) values (0, 1, 0, '甲单位', 'PROVINCE', 'ACTIVE'),
    (0, 2, 0, '乙单位', 'PROVINCE', 'ACTIVE'), (0, 3, 1, '甲单位下级', 'SUB_UNIT', 'ACTIVE');
"""

# An activity with one-time links for its host, for the contract alone: text, days the link is good for.
LINKED = """
set search_path = liangjin, pg_catalog;
insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
    values (0, now(), '01900000-0000-7000-8000-00000000c0de', 20, 1, 1, 1, 'client', '\\x00', '{"title":"进校园"}');
insert into validation (position, received_at, start_at, end_at, activity, day, version, unit, op, verdict, state, short, audience)
    values (0, now(), '2026-03-01 01:00Z', '2026-03-01 03:00Z', '01900000-0000-7000-8000-00000000c0de', '2026-03-01', 1, 1, 1, 1, 4, '{"roster":[],"site":null}', 80);
insert into flag (position, activity, unit, code, severity, pointer, evidence) values (0, '01900000-0000-7000-8000-00000000c0de', 1, 'X02', 'F', '', '{"a":20,"b":30}');
insert into person values (0, 1, 1, 'P1');
insert into account values (0, 1, 'invited'), (0, 2, 'tardy');
insert into account_version (position, number, unit, name, state, state_on, roles) select 0, n, 1, '张', 'INVITED', '2026-01-01', '{UNIT_ADMIN}' from generate_series(1, 2) n;
insert into certificate (position, through, person, minutes, year) values (0, 0, 1, 90, 2026);
"""
LINKS = (("link-host-aaaaaaaaaaaaaa", 15), ("link-late-bbbbbbbbbbbbbb", -1))


def wait_until(condition, seconds, what):
    """Wait for a condition, never for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %.0f s in vain for %s" % (seconds, what))


class Postgres:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "pg")
        os.mkdir(self.folder, 0o700)
        self.user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
            os.chmod(folder, 0o711)
            self.user = ["runuser", "-u", "nobody", "--"]
        self.data = os.path.join(self.folder, "data")
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()
        subprocess.run(["bash", os.path.join(ROOT, "tests/lib/dbsetup.sh"), self.dsn("postgres"), "liangjin"], check=True,
                       stderr=subprocess.DEVNULL)
        self.sql(SEED)
        for name, (text, unit, role, rate, burst) in TOKENS.items():
            digest = hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
            expires = "now() - interval '1 day'" if name == "expired" else "null"
            self.sql("select liangjin.create_token('%s', '\\x%s', '%s', '%s', 1::int2, %d, %d, %s)"
                     % (name, digest, unit, role, rate, burst, expires))

    def _run(self, *words):
        subprocess.run(self.user + [os.path.join(PG_BIN, words[0])] + list(words[1:]), check=True, stdout=subprocess.DEVNULL,
                       cwd="/")

    def start(self):
        options = "-c listen_addresses='' -c unix_socket_directories=%s -c fsync=off -c shared_buffers=16MB" % self.folder
        self._run("pg_ctl", "-D", self.data, "-l", os.path.join(self.folder, "log"), "-o", options, "-w", "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def dsn(self, user, db=None):
        return "host=%s user=%s%s" % (self.folder, user, " dbname=" + db if db else "")

    def sql(self, text):
        return subprocess.run(["psql", "-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn("postgres", "liangjin"), "-c", text],
                              check=True, capture_output=True, text=True).stdout.strip()


class FakeBroker:
    def __init__(self, build, run_dir, dsn=None):
        program = os.path.join(build, "tests/system/http/lj-fakebroker")
        self.process = subprocess.Popen([program, run_dir] + ([dsn] if dsn else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n", line

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


class Gateway:
    def __init__(self, build, run_dir, dsn, *options):
        self.run_dir = run_dir
        self.log_path = os.path.join(run_dir, "gateway.log")
        self.log = open(self.log_path, "ab")
        port_file = os.path.join(run_dir, "gateway.port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        self.process = subprocess.Popen([os.path.join(build, "gateway/liangjin-gateway"), "--dsn", dsn, "--run-dir", run_dir, "--port", "0"]
                                        + list(options), stderr=self.log, env=dict(os.environ, ASAN_OPTIONS=ASAN))
        self.log.close()
        wait_until(lambda: os.path.exists(port_file) or self.process.poll() is not None, 20, "the gateway's port")
        assert self.process.poll() is None, self.tail()
        with open(port_file) as f:
            self.port = int(f.read())

    def ready(self):
        wait_until(lambda: self.get("/readyz").status == 200, 20, "readiness")
        wait_until(lambda: json.loads(self.get("/readyz?verbose").body)["checks"]["stream"], 20, "the stream")
        return self

    def tail(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-4000:]

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def terminate(self, seconds=20):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def request(self, method, path, body=None, token=None, headers=None, timeout=20):
        h = dict(headers or {})
        if token:
            h["Authorization"] = "Bearer " + TOKENS[token][0]
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body=body, headers=h)
            r = c.getresponse()
            r.body = r.read()
            return r
        finally:
            c.close()

    def get(self, path, token=None, headers=None):
        return self.request("GET", path, token=token, headers=headers)

    def post(self, event, token="client", content_type="application/json", headers=None):
        body = event if isinstance(event, (bytes, str)) else json.dumps(event)
        h = {"Content-Type": content_type}
        h.update(headers or {})
        return self.request("POST", "/v1/events", body.encode() if isinstance(body, str) else body, token, h)

    def raw(self, data, timeout=10, shut=False):
        """Send bytes, return everything until the server closes (or the timeout)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as s:
            got = b""
            try:
                s.sendall(data)
                if shut:
                    s.shutdown(socket.SHUT_WR)
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return got, True
                    got += piece
            except socket.timeout:
                return got, False
            except ConnectionError:
                return got, True


class Stack:
    """All three together; use as `with Stack(build) as s`."""

    def __init__(self, build, *options):
        self.build = os.path.abspath(build)
        self.folder = tempfile.mkdtemp(prefix="ljhttp-")
        self.run_dir = os.path.join(self.folder, "run")
        os.mkdir(self.run_dir, 0o700)
        self.options = options
        self.pg = self.broker = self.gateway = None

    def __enter__(self):
        try:
            self.pg = Postgres(self.folder)
            self.start_broker()
            self.gateway = Gateway(self.build, self.run_dir, self.pg.dsn("liangjin_web", "liangjin"), *self.options).ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start_broker(self, database=True):
        self.broker = FakeBroker(self.build, self.run_dir, self.pg.dsn("postgres", "liangjin") if database else None)

    def __exit__(self, *exc):
        if self.gateway:
            if exc[0] or self.gateway.process.poll():
                print(self.gateway.tail())
            if self.gateway.process.poll() is None:
                self.gateway.process.kill()
                self.gateway.process.wait(10)
        if self.broker and self.broker.process.poll() is None:
            self.broker.kill()
        if self.pg:
            try:
                self.pg.stop("immediate")
            except subprocess.CalledProcessError:
                pass  # it was stopped by the test
        shutil.rmtree(self.folder, ignore_errors=True)


class Stream:
    """A reader of server-sent events over its own socket. It undoes the chunks itself: http.client's readline takes a chunk that is not there
    yet for the end."""

    def __init__(self, gateway, token="centre", query="", last_id=None):
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        self.raw = self.sock.makefile("rb")
        self.text = b""
        head = "GET /v1/stream%s HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n" % (query, TOKENS[token][0])
        if last_id is not None:
            head += "Last-Event-ID: %s\r\n" % last_id
        self.sock.sendall((head + "\r\n").encode())
        self.status = int(self.raw.readline().split()[1])
        self.headers = {}
        for line in iter(self.raw.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.last_id = last_id

    def readline(self):
        while b"\n" not in self.text:
            size = self.raw.readline()
            n = int(size, 16) if size else 0
            if n == 0:
                return b""
            self.text += self.raw.read(n)
            self.raw.read(2)
        line, _, self.text = self.text.partition(b"\n")
        return line + b"\n"

    def block(self):
        """The next block as a dict of its fields; None at the end. Comments stand under ':'."""
        fields = {}
        while True:
            line = self.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if line == "":
                if "id" in fields:
                    self.last_id = fields["id"]
                return fields
            name, _, value = line.partition(":")
            fields[name or ":"] = value[1:] if value.startswith(" ") else value

    def item(self):
        """The next block with data: (event name, decoded data)."""
        while True:
            b = self.block()
            if b is None:
                return None
            if "data" in b:
                return b["event"], json.loads(b["data"])

    def close(self):
        self.raw.close()
        self.sock.close()


def event(**members):
    e = {"type": "activity.submitted", "unit": "PS001", "payload": {"a": 1}}
    e.update(members)
    return {k: v for k, v in e.items() if v is not ...}


def new_id():
    return str(uuid.uuid1())


def serve(build, options):
    """For tests in another language: one line of JSON says where the gateway is, then a command a line, answered by a line; the end of stdin
    ends it all. Commands: `broker stop`, `broker start`, `pg stop`, `pg start`, `gateway term`, else what the fake broker knows."""
    import sys
    with Stack(build, *options) as s:
        # The account "contract"; its password is "contract password".
        s.pg.sql("select liangjin.create_account('contract', 'CN000', 'operator', '$argon2id$v=19$m=65536,t=2,p=1"
                 "$1tuh1P6L7YFIQVUneoZrwA$Eh6t360Ys/vU1BYbAlmBNcMDp8DL+TEywaCbCx4W5Uo')")
        s.pg.sql(LINKED)
        for text, days in LINKS:
            s.pg.sql("insert into liangjin.confirm_link (hash, activity, unit, expires_at) select '\\x%s', v.activity, 1, now() + interval '%d days'"
                     " from liangjin.validation v" % (hashlib.blake2b(text.encode(), digest_size=32).hexdigest(), days))
        for text, login, days in (("invite-good-cccccccccccc", "invited", 7), ("invite-late-dddddddddddd", "tardy", -1)):
            s.pg.sql("insert into liangjin.invite_link (hash, login, expires_at) values ('\\x%s', '%s', now() + interval '%d days')"
                     % (hashlib.blake2b(text.encode(), digest_size=32).hexdigest(), login, days))
        print(json.dumps({"port": s.gateway.port, "tokens": {name: t[0] for name, t in TOKENS.items()}}), flush=True)
        actions = {"broker stop": lambda: s.broker.kill(), "broker start": lambda: s.start_broker(), "pg stop": lambda: s.pg.stop("immediate"),
                   "pg start": lambda: s.pg.start(), "gateway term": lambda: s.gateway.process.terminate()}
        for line in sys.stdin:
            line = line.strip()
            (actions[line] if line in actions else lambda: s.broker.tell(line))()
            print("ok", flush=True)


if __name__ == "__main__":
    import sys
    serve(sys.argv[1], sys.argv[2:])
