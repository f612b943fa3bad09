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
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
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


def wait_until(condition, what, seconds=DEADLINE):
    """The first true value of condition(); AssertionError after the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain for %s" % (seconds, what))
        time.sleep(0.02)


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
        self.child = None

    def start(self, **env):
        assert not self.alive(), self.name + " runs already"
        e = {k: v for k, v in os.environ.items() if not k.startswith("LJ_")}
        e.update(ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1", LC_ALL="C.UTF-8")
        e.update(self.env)
        e.update({k: v for k, v in env.items() if v is not None})
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=e, cwd="/",
                                          preexec_fn=_die_with_parent(self.death), **NOBODY)
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
        wait_until(tried, "PostgreSQL to answer; its log ends:\n" + self.process.tail(500), seconds)
        return self

    def kill(self):
        """kill -9 of the postmaster; its children notice and end."""
        self.process.kill()

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
