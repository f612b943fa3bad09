"""More faults: of limits and clocks, by hostile peers, by operators. As in harm.py, which this file belongs behind: the order of all is what a seed draws from."""
import contextlib
import socket
import time

import zmq

import lj
import world as worlds
from harm import fault, pause, some_worker


# ---------------------------------------------------------------------------------------------------------------------------- resources, time

@fault("R1 memory limit", 1, lambda w: None if w.release else "address space cannot be limited under a sanitizer")
def memory_limit(w, rng):
    p = rng.choice([w.broker, w.gateway, some_worker(w, rng)])
    with w.hold(p):
        if not p.alive():
            return p.name + " was not there"
        # Whoever cannot note that an event is open must stop (1); libzmq ends the process where its own allocation fails (-6).
        w.forgive(p, (1, -6), 20)
        room = (lj.status_kib(p.pid, "VmSize") + rng.choice((0, 256, 2048))) * 1024
        old = worlds.soft_limit(p.pid, "as")
        worlds.limit(p.pid, "as", room)
        t = pause(rng, 2, 4)
        worlds.limit(p.pid, "as", old)
        if not p.alive():
            w.ended(p)
            p.start()
            return "%s ended with %s" % (p.name, w.ends[-1][2])
    return "%s for %.1f s" % (p.name, t)


@fault("R3 no more files", 2)
def no_files(w, rng):
    p = rng.choice([w.broker, w.gateway, w.gateway, some_worker(w, rng)])
    with w.hold(p):
        if not p.alive():
            return p.name + " was not there"
        if time.monotonic() - p.started < 8:
            w.forgive(p, (1,), 10)  # who finds no files while it starts cannot start
        old = worlds.soft_limit(p.pid, "nofile")
        worlds.limit(p.pid, "nofile", worlds.fds(p.pid) + rng.randrange(0, 3))
        try:
            with contextlib.ExitStack() as held:
                # Somebody who wants connections just now.
                for _ in range(20):
                    with contextlib.suppress(OSError):
                        held.enter_context(socket.create_connection(("127.0.0.1", w.port), timeout=0.2))
                t = pause(rng, 1, 3)
                if not p.alive():
                    w.ended(p)
                    p.start()
                    return "%s ended with %s" % (p.name, w.ends[-1][2])
                if p is w.broker:
                    w.link("pg-broker", mode="cut")
                    time.sleep(1)
        finally:
            worlds.limit(p.pid, "nofile", old)
    return "%s for %.1f s" % (p.name, t)


@fault("R5, R6 clock jump", 2, lambda w: None if w.clocks else "no libclockjump.so")
def clock_jump(w, rng):
    name = rng.choice(sorted(w.clocks))
    seconds = rng.choice((-3600, 3600, -259200, 259200, -2, 2))
    w.clock_back |= name == "broker"
    w.clocks[name].jump(seconds)
    try:
        t = pause(rng, 1, 4)
    finally:
        w.clocks[name].jump(0)
    return "%s by %+d s for %.1f s" % (name, seconds, t)


# ---------------------------------------------------------------------------------------------------------------------------- hostile peers

@fault("H5 hostile frames")
def hostile_frames(w, rng):
    n = 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        with lj.Peer(w.endpoint(rng.choice(("intake", "work", "admin"))), "bad", hello=False) as p:
            for _ in range(200):
                if rng.random() < 0.5:  # the right head, of this version or another, with anything behind it
                    head = bytearray(lj.envelope(rng.choice((lj.HELLO, lj.SUBMIT, lj.RESULT, lj.BYE, rng.randrange(256))), rng.randrange(1 << 16)))
                    head[2] = rng.choice((1, 1, 0, 2, 255))
                    frames = [bytes(head), rng.randbytes(rng.randrange(0, 300))]
                else:
                    frames = [rng.randbytes(rng.randrange(0, 40)) for _ in range(rng.choice((1, 2, 3, 100)))]
                try:
                    p.sock.send_multipart(frames, zmq.NOBLOCK)
                    n += 1
                except zmq.Again:
                    break
    return "%d messages" % n


@fault("N12, H4 flood of connections and garbage")
def flood(w, rng):
    targets = [("127.0.0.1", w.ports["intake"]), ("127.0.0.1", w.ports["work"]), ("127.0.0.1", w.ports["http"])]
    with contextlib.ExitStack() as held:
        n, end = 0, time.monotonic() + 2
        while time.monotonic() < end and n < 600:
            with contextlib.suppress(OSError):
                s = held.enter_context(socket.create_connection(rng.choice(targets), timeout=1))
                s.settimeout(0.2)
                s.sendall(rng.choice((b"", rng.randbytes(rng.randrange(1, 400)), b"\xff\0\0\0\0\0\0\0\x01\x7f\x03", b"POST /v1/events HTTP/1.1\r\nHo",
                                      b"GET / HTTP/1.1\r\nA: b\r\n" * 40)))
                n += 1
    return "%d connections" % n


@fault("N9 slow subscriber")
def slow_reader(w, rng):
    head = ("GET /v1/stream?from=start HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n" % lj.TOKENS["centre"][0]).encode()
    with contextlib.ExitStack() as held:
        for _ in range(8):
            with contextlib.suppress(OSError):
                s = held.enter_context(socket.create_connection(("127.0.0.1", w.port), timeout=1))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                s.sendall(head)
        t = pause(rng, 2, 5)
    return "8 readers that read nothing for %.1f s" % t


# ---------------------------------------------------------------------------------------------------------------------------- operators

@fault("O1 a kind paused and resumed")
def pause_kind(w, rng):
    kind = rng.choice([k for k in w.kinds])
    done = []

    def ask(op):
        try:
            with lj.Peer(w.endpoint("admin"), "chaos", role=3, hello=False) as p:
                p.seq += 1
                p.sock.send_multipart([lj.envelope(lj.ADMIN, p.seq), ('{"op":"%s","kind":"%s"}' % (op, kind)).encode()])
                if p.sock.poll(5000):
                    done.append((op, b'"ok":true' in p.sock.recv_multipart()[1].replace(b" ", b"")))
                    return done[-1][1]
        except zmq.ZMQError:
            pass
        return False
    with w.operator_lock:
        ask("pause")
        pause(rng, 0.5, 2)
        lj.wait_until(lambda: ask("resume"), "the kind %s to be resumed" % kind, 120, 0.2)
        w.operated.extend((op, kind) for op, ok in done if ok)
    return "%s: %s" % (kind, done[:4])
