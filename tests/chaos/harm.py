"""The faults. Each is a function of the world and a generator of random numbers of its own; it does its harm, undoes it, and says what it has done.

A fault leaves nothing behind: whatever it has changed stands as before when it returns, also by an exception. `row` is the name in
docs/reliability.md; `needs` says why a fault cannot be tried here, or None.
"""
import contextlib
import os
import signal
import struct
import time

import psycopg2

import failpoints
import lj
import load
import world as worlds

ALL = {}
PG_LINKS = ("pg-broker", "pg-gateway", "pg-worker")
LOCAL_LINKS = PG_LINKS + ("gw-intake", "gw-stream", "http")
CURVE_LINKS = ("curve-intake", "curve-work")


class Fault:
    def __init__(self, row, weight, needs, function):
        self.row, self.weight, self.needs, self.function = row, weight, needs, function
        self.name = function.__name__.replace("_", "-")
        self.said = (function.__doc__ or "").split("\n")[0]


def fault(row, weight=1, needs=lambda w: None):
    def enter(function):
        f = Fault(row, weight, needs, function)
        ALL[f.name] = f
        return function
    return enter


def pause(rng, least, most):
    """A fault lasts so long; that is its nature, not a wait for something."""
    seconds = least + rng.random() * (most - least)
    time.sleep(seconds)
    return seconds


def some_worker(w, rng):
    return rng.choice(sorted(w.workers.values(), key=lambda p: p.name))


def failpoints_built(w):
    return "no fail points in this build" if w.release else None


def disk(w):
    return None if w.disk else "no libpowerloss.so"


def namespace(w):
    return w.netns.why


# ---------------------------------------------------------------------------------------------------------------------------- processes

def kill(w, rng, p):
    with w.hold(p):
        p.kill()
        time.sleep(rng.choice((0, 0, rng.random())))
        if not p.alive():
            p.start()
    return p.name


@fault("P1 kill -9 broker", 3)
def kill_broker(w, rng):
    return kill(w, rng, w.broker)


@fault("P2 kill -9 worker", 2)
def kill_worker(w, rng):
    return kill(w, rng, some_worker(w, rng))


@fault("P3 kill -9 gateway", 2)
def kill_gateway(w, rng):
    return kill(w, rng, w.gateway)


@fault("P1-P3 kill -9 at a fail point", 3, failpoints_built)
def die_at_a_step(w, rng):
    folder, p = rng.choice((("broker", w.broker), ("broker", w.broker), ("workers", w.worker("validation")), ("gateway", w.gateway)))
    point, passage = rng.choice(failpoints.points(folder)), rng.randrange(1, 30)
    with w.hold(p):
        p.kill()
        p.start(LJ_FAIL_AT="%s:%d" % (point, passage))
        end = time.monotonic() + 8
        while p.alive() and time.monotonic() < end:
            time.sleep(0.02)
        died = not p.alive()
        p.kill()
        p.start()
    return "%s:%d %s" % (point, passage, "died" if died else "was not passed so often")


@fault("P4 kill -9 postmaster")
def kill_postgres(w, rng):
    with w.hold(w.pg.process):
        w.pg.kill()
        w.pg.start(120)
    return "postmaster"


@fault("P4 kill -9 of a backend")
def kill_backend(w, rng):
    with w.hold(w.pg.process), contextlib.suppress(psycopg2.Error):
        with contextlib.closing(w.background_sql()) as c, c.cursor() as cursor:
            cursor.execute("select pid from pg_stat_activity where usename like 'liangjin%' order by backend_start")
            pids = [p for (p,) in cursor.fetchall()]
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(pids), signal.SIGKILL)
        lj.wait_until(w.pg.answers, "PostgreSQL after a backend's death", 120, 0.1)
    return "backend"


@fault("P5 PostgreSQL restarted", 2)
def restart_postgres(w, rng):
    mode = rng.choice(("immediate", "immediate", "fast"))
    with w.hold(w.pg.process):
        w.pg.stop(mode)
        time.sleep(rng.choice((0, 1.5)) * rng.random())
        w.pg.start(120)
    return mode


@fault("P6 SIGTERM", 2)
def terminate(w, rng):
    p = rng.choice([w.broker, w.gateway, some_worker(w, rng)])
    with w.hold(p):
        if not p.alive():
            return p.name + " was not there"
        young = time.monotonic() - p.started < 5  # it may not have come to its handler yet
        status = p.terminate(60)
        if status != 0 and not (young and status == -signal.SIGTERM):
            w.ends.append((time.monotonic(), p.name, status, False, "SIGTERM: exit status 0 was due\n" + p.tail(1500)))
        p.start()
    return p.name


@fault("P7 SIGSTOP, short", 2)
def freeze(w, rng):
    p = rng.choice([w.broker, w.gateway, some_worker(w, rng)])
    with w.hold(p):
        p.stop()
        try:
            t = pause(rng, 0.3, 2)
        finally:
            p.cont()
    return "%s for %.1f s" % (p.name, t)


@fault("P7 SIGSTOP, beyond every lease", 1)
def freeze_long(w, rng):
    p = rng.choice([w.broker, some_worker(w, rng), some_worker(w, rng)])
    with w.hold(p):
        p.stop()
        try:
            t = pause(rng, 5, 8)
        finally:
            p.cont()
    return "%s for %.1f s" % (p.name, t)


@fault("P7 SIGSTOP of PostgreSQL")
def freeze_postgres(w, rng):
    with w.hold(w.pg.process):
        w.pg.freeze(signal.SIGSTOP)
        try:
            t = pause(rng, 0.5, 4)
        finally:
            w.pg.freeze(signal.SIGCONT)
    return "%.1f s" % t


@fault("P8 SIGABRT of a worker")
def abort_worker(w, rng):
    p = some_worker(w, rng)
    with w.hold(p):
        p.send(signal.SIGABRT)
        if p.child:
            p.wait()
        p.start()
    return p.name


@fault("P9 poison", 1, failpoints_built)
def poison(w, rng):
    """A worker that dies at every event that holds a word, kept alive by a supervisor; events with that word among the others"""
    word, kind = "毒药试验%d" % rng.randrange(1000), "opinion"
    p, far = w.worker(kind), w.workers["worker-far"]
    work = load.Work(rng.randrange(1 << 30))
    events = [work.feedback() for _ in range(12)]
    events[5]["payload"]["text"] += word
    with w.hold(p, far):
        far.kill()  # it has the kind too and would survive
        p.kill()
        p.start(LJ_POISON=word)
        send_once(w, "poison", events)
        end, deaths = time.monotonic() + 4, 0
        while time.monotonic() < end:
            if not p.alive():
                deaths += 1
                p.start(LJ_POISON=word)
            time.sleep(0.05)
        p.kill()
        p.start()
        far.start()
    return "%d deaths of %s" % (deaths, p.name)


def send_once(w, name, events):
    """Over ZeroMQ, noted; without an answer they are unknown."""
    with w.extra_lock:
        history = load.History(w, "%s%d" % (name, len(w.histories)))
    for e in events:
        history.put(sent=e["id"], event=e)
    os.fsync(history.fd)
    try:
        with lj.Peer(w.endpoint(), name) as p:
            for e, (code, _, position, _) in zip(events, p.submit(events)):
                if code >= 0:
                    history.put(ack=e["id"], code=code, position=position)
                else:
                    history.put(unknown=e["id"])
    except AssertionError:
        for e in events:
            history.put(unknown=e["id"])


@fault("F1 a second broker takes over", 2)
def second_broker(w, rng):
    """Another broker owns the log for a while; the first ends with 3 or is frozen meanwhile; then the first comes back and the other ends"""
    run_dir = w.file("run2-%d" % rng.randrange(1 << 30))
    os.mkdir(run_dir, 0o700)
    lj.own(run_dir)
    argv = list(w.broker.argv)
    argv[argv.index("--run-dir") + 1] = run_dir
    for option in ("--intake-tcp", "--work-tcp"):
        at = argv.index(option)
        del argv[at:at + 2]
    other = lj.Process("broker2", argv, w.folder, w.broker.env)
    frozen = rng.random() < 0.4
    with w.hold(w.broker):
        # One that is just taking the log over, or over again, may do that after the second has, and is then right to stay.
        epoch = None
        with contextlib.suppress(psycopg2.Error):
            epoch = w.epoch()
        settled = (w.status() or {}).get("state") == "running"
        try:
            if frozen:
                w.broker.stop()
            other.start()
            # Whoever owns the log takes these; the first one is told by its next transaction.
            with lj.Peer("ipc://%s/intake.sock" % run_dir, "second", hello=False) as p:
                for _ in range(40):  # a HELLO that comes before it has read the log has no answer
                    p.sock.send_multipart([lj.envelope(lj.HELLO), struct.pack(">BQ", 1, p.nonce) + lj.str8("second")])
                    answered = p.sock.poll(500)
                    if answered:
                        break
            w.broker.cont()
            end = time.monotonic() + 20
            while w.broker.alive() and time.monotonic() < end:
                time.sleep(0.05)
            status = w.broker.child.poll()
            if status != 3 and answered and settled and epoch and w.epoch() == epoch + 1:
                w.ends.append((time.monotonic(), "broker", status, False, "fenced: exit status 3 was due\n" + w.broker.tail(1500)))
            other.kill()
            w.broker.kill()
        finally:
            w.broker.cont()
            other.kill()
            if "Sanitizer" in other.tail(20000):
                w.ends.append((time.monotonic(), "broker2", 99, False, other.tail(3500)))
            if not w.broker.alive():
                w.broker.start()
    return "%s; the first ended with %s" % ("frozen meanwhile" if frozen else "running", status)


# ---------------------------------------------------------------------------------------------------------------------------- PostgreSQL, disk

@fault("D1 no room on the disk", 1, disk)
def disk_full(w, rng):
    """Every write that would make a file of PostgreSQL longer fails with ENOSPC"""
    with w.hold(w.pg.process):
        w.disk.set(enospc=1)
        try:
            t = pause(rng, 0.5, 3)
        finally:
            w.disk.set(enospc=0)
        if not w.pg.process.alive():
            w.ended(w.pg.process)
        w.pg.start(120)
    return "%.1f s" % t


@fault("D2 fsync fails", 1, disk)
def fsync_error(w, rng):
    n = rng.randrange(1, 3)
    with w.hold(w.pg.process):
        w.disk.set(eio=n)
        end = time.monotonic() + 3
        while w.disk.map[8:12] != b"\0\0\0\0" and time.monotonic() < end:
            time.sleep(0.02)
        w.disk.set(eio=0)
        w.pg.start(120)
    return "%d times" % n


@fault("D3 slow disk", 1, disk)
def slow_disk(w, rng):
    us = rng.choice((20000, 100000, 300000))
    w.disk.set(delay_us=us)
    try:
        t = pause(rng, 2, 5)
    finally:
        w.disk.set(delay_us=0)
    return "each flush %d ms for %.1f s" % (us / 1000, t)


@fault("D4 power loss", 3, disk)
def power_loss(w, rng):
    """PostgreSQL's processes die at once and its files lose what was not flushed: all, or what a seed picks; the broker dies with it, or lives"""
    some, whole = rng.random() < 0.6, rng.random() < 0.5
    with w.hold(w.pg.process, w.broker):
        if whole:
            w.broker.stop()
        w.disk.power_off()
        if whole:
            w.broker.kill()
        lost, names = w.disk.forget(rng, some)
        w.pg.start(120)
        if not w.broker.alive():
            w.broker.start()
    return "%d bytes and %d names lost (%s)%s" % (lost, names, "what a seed picks" if some else "all that was not flushed", "; the broker too" if whole else "")


@fault("D6 lock held")
def lock_held(w, rng):
    table = rng.choice(("event", "closure", "shard", "kind_mark", "activity"))
    try:
        with contextlib.closing(w.background_sql()) as c, c.cursor() as cursor:
            cursor.execute("select 1 from pg_class where relname = %s and relnamespace = 'liangjin'::regnamespace", (table,))
            table = table if cursor.fetchone() else "event"
            cursor.execute("set lock_timeout = '5s'")
            cursor.execute("lock table %s in access exclusive mode" % table)
            t = pause(rng, 0.5, 4)
    except psycopg2.Error as e:
        return "%s: %s" % (table, str(e).strip().split("\n")[0])
    return "%s for %.1f s" % (table, t)


@fault("D6 statement timeout")
def statement_timeout(w, rng):
    ms = rng.choice((1, 3, 10))
    with role_setting(w, "liangjin_broker", "set statement_timeout = '%dms'" % ms, "reset statement_timeout"):
        t = pause(rng, 1, 3)
    return "%d ms for %.1f s" % (ms, t)


@fault("D8 connection limit")
def connection_limit(w, rng):
    n = rng.randrange(0, 3)
    role = rng.choice(("liangjin_broker", "liangjin_worker", "liangjin_web"))
    with role_setting(w, role, "connection limit %d" % n, "connection limit -1"):
        t = pause(rng, 1, 3)
    return "%s may have %d for %.1f s" % (role, n, t)


@contextlib.contextmanager
def role_setting(w, role, on, off):
    """For new sessions, so the present ones end; both again at the end. The other track may have stopped PostgreSQL: then nothing happens."""
    def change(words):
        with contextlib.closing(w.background_sql()) as c, c.cursor() as cursor:
            c.autocommit = True
            cursor.execute("alter role %s %s" % (role, words))
            cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (role,))
    try:
        with contextlib.suppress(psycopg2.Error):
            change(on)
        yield
    finally:
        def undone():
            try:
                change(off)
                return True
            except psycopg2.Error:
                return False
        lj.wait_until(undone, "a setting to be undone", 120, 0.1)


@fault("D11 long transaction")
def old_snapshot(w, rng):
    try:
        with contextlib.closing(w.background_sql()) as c, c.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            cursor.execute("select count(*) from event")
            t = pause(rng, 3, 6)
    except psycopg2.Error as e:
        return str(e).strip().split("\n")[0]
    return "%.1f s" % t


# ---------------------------------------------------------------------------------------------------------------------------- network

def link_mode(w, rng, name, least, most, **mode):
    w.link(name, **mode)
    try:
        t = pause(rng, least, most)
    finally:
        w.link(name, mode="pass")
    return "%s, %s for %.1f s" % (name, " ".join("%s=%s" % x for x in mode.items()), t)


@fault("N5 connections cut", 2)
def cut(w, rng):
    name, n = rng.choice(LOCAL_LINKS + CURVE_LINKS), rng.randrange(1, 4)
    for _ in range(n):
        w.link(name, mode="cut")
        time.sleep(rng.random() * 0.5)
    return "%s, %d times" % (name, n)


@fault("N5 connections cut at every step", 3)
def cut_at_every_step(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 2, 4, mode="budget", max=rng.choice((40, 400, 4000, 60000)))


@fault("N5 connections refused")
def refuse(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 1, 3, mode="refuse")


@fault("N4 delay")
def delay(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 2, 4, mode="delay", ms=rng.choice((5, 50, 200)), jitter=rng.choice((0, 100)))


@fault("N4 narrow")
def narrow(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 2, 4, mode="slow", rate=rng.choice((2000, 20000)))


@fault("N7 byte by byte")
def byte_by_byte(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 1, 3, mode="split")


@fault("N1 partition that heals", 2)
def stall(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 1, 6, mode="stall")


@fault("N2, N6 half-open", 2)
def half_open(w, rng):
    return link_mode(w, rng, rng.choice(LOCAL_LINKS + CURVE_LINKS), 1, 6, mode="blackhole", way=rng.choice(("up", "down", "both")))


@fault("N7 corrupted bytes (CURVE)", 2)
def corrupt(w, rng):
    return link_mode(w, rng, rng.choice(CURVE_LINKS), 2, 4, mode="corrupt", n=rng.choice((500, 5000, 50000)))


@fault("N8 bytes sent twice (CURVE)")
def duplicate(w, rng):
    return link_mode(w, rng, rng.choice(CURVE_LINKS), 2, 4, mode="duplicate", n=rng.choice((2, 10)))


@fault("N1 link down (namespace)", 1, namespace)
def link_down(w, rng):
    worlds.run("ip", "link", "set", w.netns.host, "down")
    try:
        t = pause(rng, 2, 7)
    finally:
        w.netns.clear()
    return "the far worker cut off for %.1f s" % t


@fault("N3, N4 bad link (namespace)", 1, namespace)
def bad_link(w, rng):
    words = ["netem", "delay", "40ms", "30ms", "loss", "10%", "reorder", "20%"] if w.netns.netem else ["tbf", "rate", "64kbit", "burst", "4kb", "latency", "400ms"]
    r = worlds.run("tc", "qdisc", "add", "dev", w.netns.host, "root", *words)
    try:
        t = pause(rng, 3, 6)
    finally:
        w.netns.clear()
    return "%s for %.1f s%s" % (" ".join(words), t, "" if r.returncode == 0 else ": " + r.stderr.strip())


def choose(w, only=()):
    """The faults that can be tried here, with their weights; the reasons of the others."""
    able, missing = [], {}
    for f in ALL.values():
        why = f.needs(w)
        if only and f.name not in only:
            continue
        if why:
            missing[f.name] = why
        else:
            able.append(f)
    return able, missing

