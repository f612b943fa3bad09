#!/usr/bin/python3
"""A seeded proxy for TCP and Unix sockets that does to connections what a bad network does.

    faultproxy.py --seed N --control PATH --user UID:GID NAME=LISTEN=TARGET ...       LISTEN, TARGET: unix:PATH or tcp:HOST:PORT

One process, one selector, no threads. A link begins as `pass`. The control socket (Unix, one JSON object a line, one answer a line) sets what a link does:

    {"link": NAME, "mode": MODE, ...}       the modes below; answers {"ok": true, "conns": N, "bytes": N, "cuts": N}
    {"all": "pass"}                         every link passes again; what has lost bytes is reset

    pass        forward
    cut         end every connection now (reset) and go on passing
    refuse      end every connection, and each new one as soon as it is there
    budget      each connection is cut after so many bytes (drawn from 1..max for each, both directions together): at every step of a protocol
    delay       each chunk waits ms (plus up to jitter); order is kept
    slow        so many bytes a second and direction
    split       forward byte by byte (at most 64 writes a turn)
    stall       take nothing from either side: a partition that heals. Nothing is lost
    blackhole   take and forget, in direction up, down or both: a half-open connection. Reset when the mode changes
    corrupt     flip one bit in about every n-th byte; duplicate: send a chunk twice, about one of n. Only for paths that are under CURVE: a
                plain stream has nothing that could notice, and a network does not do that to a local socket
"""
import argparse
import collections
import errno
import heapq
import json
import os
import random
import selectors
import socket
import struct
import sys
import time

CHUNK = 65536
HELD = 1 << 20    # bytes that wait in one direction before reading stops
LOSSY = ("blackhole", "corrupt", "duplicate")


def address(text):
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))


class Pipe:
    """One direction: what was read and must be written, each piece not before its time."""

    def __init__(self, up):
        self.up, self.queue, self.held, self.eof, self.last = up, collections.deque(), 0, False, 0.0
        self.tokens, self.filled = 0.0, time.monotonic()


class Conn:
    def __init__(self, link, a, b, connected):
        self.link, self.a, self.b, self.connected = link, a, b, connected
        self.up, self.down = Pipe(True), Pipe(False)
        self.dead = self.lossy = False
        self.budget = None
        self.draw()

    def draw(self):
        m = self.link.mode
        self.budget = self.link.proxy.rng.randrange(1, m["max"] + 1) if m["mode"] == "budget" else None


class Link:
    def __init__(self, proxy, name, listen, target):
        self.proxy, self.name, self.target = proxy, name, address(target)
        self.mode = {"mode": "pass"}
        self.conns, self.bytes, self.cuts = set(), 0, 0
        family, where = address(listen)
        self.sock = socket.socket(family)
        if family == socket.AF_UNIX:
            if os.path.exists(where):
                os.unlink(where)
        else:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(where)
        if family == socket.AF_UNIX:
            os.chmod(where, 0o666)
        self.sock.listen(512)
        self.sock.setblocking(False)


class Proxy:
    def __init__(self, seed, control):
        self.rng = random.Random(seed)
        self.sel = selectors.DefaultSelector()
        self.links, self.timers, self.n = {}, [], 0
        self.control = socket.socket(socket.AF_UNIX)
        self.control.bind(control)
        self.control.listen(4)
        self.sel.register(self.control, selectors.EVENT_READ, self.on_control)

    def add(self, spec):
        name, listen, target = spec.split("=")
        link = self.links[name] = Link(self, name, listen, target)
        self.sel.register(link.sock, selectors.EVENT_READ, lambda mask: self.accept(link))

    # -- connections --

    def accept(self, link):
        try:
            a, _ = link.sock.accept()
        except OSError:
            return
        if link.mode["mode"] == "refuse":
            self.reset(a)
            link.cuts += 1
            return
        family, where = link.target
        b = socket.socket(family)
        connected = True
        try:
            b.setblocking(False)
            b.connect(where)
        except BlockingIOError:
            connected = False
        except OSError:
            b.close()
            self.reset(a)
            return
        a.setblocking(False)
        for s in (a, b):
            if s.family == socket.AF_INET:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c = Conn(link, a, b, connected)
        link.conns.add(c)
        for s in (a, b):
            self.sel.register(s, selectors.EVENT_READ, lambda mask, c=c, s=s: self.on_socket(c, s, mask))
        self.interest(c)

    @staticmethod
    def reset(s):
        try:
            if s.family == socket.AF_INET:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        s.close()

    def cut(self, c, gracefully=False):
        if c.dead:
            return
        c.dead = True
        c.link.conns.discard(c)
        for s in (c.a, c.b):
            try:
                self.sel.unregister(s)
            except KeyError:
                pass  # nothing was wanted of it just now
            if gracefully:
                s.close()
            else:
                self.reset(s)
        c.link.cuts += not gracefully

    def interest(self, c):
        if c.dead:
            return
        stalled = c.link.mode["mode"] == "stall"
        now = time.monotonic()
        for s, inward, outward in ((c.a, c.up, c.down), (c.b, c.down, c.up)):
            want = 0
            if not inward.eof and inward.held < HELD and not stalled and (c.connected or s is c.a):
                want |= selectors.EVENT_READ
            if (outward.queue and outward.queue[0][0] <= now and not stalled) or (s is c.b and not c.connected):
                want |= selectors.EVENT_WRITE
            key = self.sel.get_map().get(s)
            if want == (key.events if key else 0):
                continue
            if not want:
                self.sel.unregister(s)
            elif key:
                self.sel.modify(s, want, key.data)
            else:
                self.sel.register(s, want, lambda mask, c=c, s=s: self.on_socket(c, s, mask))

    def on_socket(self, c, s, mask):
        if c.dead:
            return
        if s is c.b and not c.connected:
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.cut(c)
                return
            c.connected = True
        try:
            if mask & selectors.EVENT_WRITE:
                self.write(c, s, c.down if s is c.a else c.up)
            if not c.dead and mask & selectors.EVENT_READ:
                self.read(c, s, c.up if s is c.a else c.down)
        except OSError as e:
            if e.errno not in (errno.EAGAIN, errno.EINTR):
                self.cut(c)
                return
        self.interest(c)

    def read(self, c, s, pipe):
        data = s.recv(CHUNK)
        if not data:
            pipe.eof = True
            if not pipe.queue:
                self.half_closed(c)
            return
        m = c.link.mode
        mode = m["mode"]
        c.link.bytes += len(data)
        if mode == "blackhole" and m.get("way", "both") in ("both", "up" if pipe.up else "down"):
            c.lossy = True
            return
        if mode == "budget":
            if c.budget <= len(data):
                data = data[:c.budget]
                try:
                    (c.b if pipe.up else c.a).send(data)  # exactly so many, then the end
                finally:
                    self.cut(c)
                return
            c.budget -= len(data)
        if mode == "corrupt":
            data, spoiled = self.spoil(data, m["n"])
            c.lossy |= spoiled
        if mode == "duplicate" and self.rng.randrange(m["n"]) == 0:
            data += data
            c.lossy = True
        due = time.monotonic()
        if mode == "delay":
            due += (m["ms"] + self.rng.random() * m.get("jitter", 0)) / 1000
        pipe.last = due = max(due, pipe.last)
        pipe.queue.append((due, data))
        pipe.held += len(data)
        if due > time.monotonic():
            self.later(due, c)
        else:
            self.write(c, c.b if pipe.up else c.a, pipe)

    def spoil(self, data, n):
        if self.rng.randrange(max(1, n // len(data))):
            return data, False
        out = bytearray(data)
        out[self.rng.randrange(len(out))] ^= 1 << self.rng.randrange(8)
        return bytes(out), True

    def write(self, c, s, pipe):
        m, turns = c.link.mode, 0
        if m["mode"] == "stall" or (s is c.b and not c.connected):
            return
        while pipe.queue and pipe.queue[0][0] <= time.monotonic():
            due, data = pipe.queue.popleft()
            part = data
            if m["mode"] == "split":
                part = data[:1]
            elif m["mode"] == "slow":
                part = data[:self.allowance(pipe, m["rate"])]
                if not part:
                    pipe.queue.appendleft((time.monotonic() + 0.02, data))
                    self.later(time.monotonic() + 0.02, c)
                    return
            try:
                n = s.send(part)
            except BlockingIOError:
                pipe.queue.appendleft((due, data))
                return
            pipe.held -= n
            if n < len(data):
                pipe.queue.appendleft((due, data[n:]))
            turns += 1
            if turns >= 64:
                return
        if pipe.eof and not pipe.queue:
            self.half_closed(c)

    @staticmethod
    def allowance(pipe, rate):
        now = time.monotonic()
        pipe.tokens = min(rate / 5, pipe.tokens + (now - pipe.filled) * rate)
        pipe.filled = now
        n = int(pipe.tokens)
        pipe.tokens -= n
        return n

    def half_closed(self, c):
        """An end was read and passed on. Both ends: closed."""
        if c.up.eof and c.down.eof:
            self.cut(c, gracefully=True)
            return
        try:
            (c.b if c.up.eof else c.a).shutdown(socket.SHUT_WR)
        except OSError:
            self.cut(c)

    # -- time --

    def later(self, due, c):
        self.n += 1
        heapq.heappush(self.timers, (due, self.n, c))

    def run(self):
        while True:
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                c = heapq.heappop(self.timers)[2]
                self.interest(c)
            wait = None if not self.timers else max(0.0, self.timers[0][0] - now)
            for key, mask in self.sel.select(wait):
                key.data(mask)

    # -- control --

    def on_control(self, mask):
        s, _ = self.control.accept()
        with s:
            s.settimeout(5)
            try:
                with s.makefile("rw") as f:
                    line = f.readline()
                    f.write(json.dumps(self.order(json.loads(line))) + "\n")
            except (OSError, ValueError) as e:
                print("control: %s" % e, file=sys.stderr, flush=True)

    def order(self, o):
        if "all" in o:
            for link in self.links.values():
                self.set(link, {"mode": o["all"]})
            return {"ok": True}
        link = self.links[o["link"]]
        if o.get("mode"):
            self.set(link, o)
        return {"ok": True, "conns": len(link.conns), "bytes": link.bytes, "cuts": link.cuts}

    def set(self, link, m):
        before, now = link.mode["mode"], m["mode"]
        link.mode = {"mode": "pass"} if now == "cut" else m
        for c in list(link.conns):
            if now in ("cut", "refuse") or (c.lossy and now not in LOSSY) or (before == "blackhole" and c.lossy):
                self.cut(c)
                continue
            c.draw()
            if now == "pass":
                for pipe in (c.up, c.down):  # what a delay holds goes now, in order
                    pipe.queue = collections.deque((0.0, d) for _, d in pipe.queue)
                    pipe.last = 0.0
            self.interest(c)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--control", required=True)
    p.add_argument("--user")
    p.add_argument("links", nargs="+")
    a = p.parse_args()
    if a.user:
        uid, gid = map(int, a.user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    proxy = Proxy(a.seed, a.control)
    for spec in a.links:
        proxy.add(spec)
    print("ready", flush=True)
    proxy.run()


if __name__ == "__main__":
    main()
