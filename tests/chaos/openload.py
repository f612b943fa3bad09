"""Open-loop clients: events arrive at times that a seed has drawn, whether the last one was answered or not, as from teams who do not know of each other.

Each line of a history is on disk (fsync) before the bytes that it announces leave, so that a client that dies, or a machine, has not forgotten what it
sent. An event goes again with its id until its answer is final. `acks` holds (when it was acked, when it was first sent) by the monotonic clock.
"""
import heapq
import http.client
import json
import os
import random
import struct
import threading
import time

import lj
import load
import zmq


NOBODYS = "018e85ca-2000-7000-8000-000000000000"    # an id that no event has


class SafeHistory(load.History):
    """put() notes; safe() has it on disk. Several threads may share one."""

    def __init__(self, system, name):
        super().__init__(system, name)
        self.lock = threading.Lock()

    def put(self, **what):
        with self.lock:
            super().put(**what)

    def safe(self):
        os.fsync(self.fd)


class Arrivals:
    """Times at which events come: exponential pauses; `due` gives those whose time has come, at most so many of a late start."""

    def __init__(self, seed, rate):
        self.random, self.rate = random.Random(seed), rate
        self.next = time.monotonic()
        self.late = 0

    def due(self, most=200):
        n, now = 0, time.monotonic()
        while self.next <= now and n < most:
            n += 1
            self.next += self.random.expovariate(self.rate)
        if now - self.next > 10:  # this machine cannot keep up: said in the report, not hidden
            self.late += 1
            self.next = now
        return n


class Open:
    """What HTTP and ZeroMQ have in common."""

    def __init__(self, system, name, work, rate, seed):
        self.system, self.name, self.work = system, name, work
        self.history = SafeHistory(system, name)
        self.arrivals = Arrivals(seed, rate)
        self.acks = []
        self.sent = self.retries = self.refused = 0
        self.refusals = {}
        self.error = None
        self.stopping = threading.Event()    # nothing new
        self.end = None                      # deadline for what is under way

    def left(self):
        raise NotImplementedError

    def final(self, event, first, code, position):
        """An answer that is final: stored (0, 1) or refused."""
        if isinstance(code, int) and code >= 0:
            self.history.put(ack=event["id"], code=code, position=position)
            self.acks.append((time.monotonic(), first))
        else:
            self.refused += 1
            self.refusals[code] = self.refusals.get(code, 0) + 1
            self.history.put(refused=event["id"], code=code)

    def stop(self, seconds):
        self.end = time.monotonic() + seconds
        self.stopping.set()

    def over(self):
        return self.stopping.is_set() and (not self.left() or time.monotonic() > self.end)


class HttpOpen(Open):
    """One thread lets events arrive, `hands` threads send them; what failed comes again after a pause that grows."""

    def __init__(self, system, name, work, rate, seed, hands=8, token="centre"):
        super().__init__(system, name, work, rate, seed)
        self.token = token
        self.cond = threading.Condition()
        self.ready = []          # heap of (due, n, pause, first, event)
        self.n = self.busy = 0
        self.threads = [threading.Thread(target=self._guard, args=(f,), name="%s-%d" % (name, i), daemon=True)
                        for i, f in enumerate([self._arrive] + [self._hand] * hands)]
        for t in self.threads:
            t.start()

    def left(self):
        return len(self.ready) + self.busy

    def _guard(self, f):
        try:
            f()
        except Exception as e:  # shown by finish
            self.error = self.error or e
            raise

    def _push(self, due, pause, first, event):
        with self.cond:
            self.n += 1
            heapq.heappush(self.ready, (due, self.n, pause, first, event))
            self.cond.notify()

    def _arrive(self):
        while not self.stopping.is_set():
            events = [self.work.mixed() for _ in range(self.arrivals.due())]
            for e in events:
                self.history.put(sent=e["id"], event=e)
            if events:
                self.history.safe()
            now = time.monotonic()
            for e in events:
                self.sent += 1
                self._push(now, 0.1, now, e)
            self.stopping.wait(0.02)

    def _hand(self):
        connection = None
        while not self.over():
            with self.cond:
                now = time.monotonic()
                if not self.ready or self.ready[0][0] > now:
                    self.cond.wait(0.05)
                    continue
                _, _, pause, first, event = heapq.heappop(self.ready)
                self.busy += 1
            try:
                connection, answer = self._post(connection, event)
                if answer is None:
                    self.history.put(unknown=event["id"])
                    self.retries += 1
                    self._push(time.monotonic() + pause, min(1.0, pause * 2), first, event)
                else:
                    self.final(event, first, *answer)
            finally:
                with self.cond:
                    self.busy -= 1
        if connection:
            connection.close()

    def _post(self, connection, event):
        """(connection or None, (code, position) or None)"""
        try:
            connection = connection or self.system.http(15)
            connection.request("POST", "/v1/events", json.dumps(event, ensure_ascii=False).encode(),
                               {"Content-Type": "application/json", "Authorization": "Bearer " + lj.TOKENS[self.token][0]})
            r = connection.getresponse()
            data = r.read()
            if r.getheader("Connection", "") == "close":
                connection.close()
                connection = None
            answer = json.loads(data)
        except (OSError, http.client.HTTPException, ValueError):
            if connection:
                connection.close()
            return None, None
        if r.status in (200, 202):
            assert answer["id"] == event["id"], answer
            return connection, (0 if r.status == 202 else 1, answer["position"])
        if r.status in (429, 500, 502, 503, 504):
            return connection, None
        return connection, ("%d %s" % (r.status, answer.get("code")), 0)

    def finish(self):
        for t in self.threads:
            t.join(60)
            assert not t.is_alive(), t.name + " hangs"
        if self.error:
            raise self.error
        return self.left()


class ZmqOpen(Open):
    """One DEALER; SUBMITs of one to four events without waiting for the last ACK; a SUBMIT without answer goes again."""

    PATIENCE = 3.0

    def __init__(self, system, name, work, rate, seed, endpoint=None, curve=None, retryable=()):
        super().__init__(system, name, work, rate, seed)
        self.endpoint, self.curve, self.retryable = endpoint or system.endpoint(), curve, retryable
        self.out = {}           # seq -> (when, [(first, event)])
        self.again = []         # heap of (due, n, first, event)
        self.seq = self.n = self.sockets = 0
        self.nonce = struct.unpack(">Q", os.urandom(8))[0]
        self.thread = threading.Thread(target=self._guard, name=name, daemon=True)
        self.thread.start()

    def left(self):
        return len(self.out) + len(self.again)

    def _guard(self):
        try:
            self._run()
        except Exception as e:
            self.error = e
            raise

    def _socket(self):
        s = zmq.Context.instance().socket(zmq.DEALER)
        s.linger = 0
        s.sndhwm = s.rcvhwm = 0
        s.setsockopt(zmq.RECONNECT_IVL, 50)
        s.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        s.setsockopt(zmq.HEARTBEAT_IVL, 2000)
        s.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        if self.curve:
            server, public, secret = self.curve
            s.curve_serverkey, s.curve_publickey, s.curve_secretkey = server, public, secret
        s.connect(self.endpoint)
        return s

    def _run(self):
        sock = self._socket()
        self.heard = time.monotonic()
        try:
            while not self.over():
                if self.out and time.monotonic() - self.heard > 3 * self.PATIENCE:
                    # libzmq gives a connection up for good after what it takes for a fault of protocol, such as a corrupted byte.
                    sock.close()
                    sock = self._socket()
                    self.sockets += 1
                    self.heard = time.monotonic()
                self._send_due(sock)
                if sock.poll(20):
                    for _ in range(500):
                        try:
                            self._receive(sock, sock.recv_multipart(zmq.NOBLOCK))
                        except zmq.Again:
                            break
        finally:
            sock.close()

    def _send_due(self, sock):
        now = time.monotonic()
        new = [] if self.stopping.is_set() else [self.work.mixed() for _ in range(self.arrivals.due())]
        for e in new:
            self.history.put(sent=e["id"], event=e)
        if new:
            self.history.safe()
        self.sent += len(new)
        go = [(now, e) for e in new]
        while self.again and self.again[0][0] <= now:
            go.append(heapq.heappop(self.again)[2:])
        for seq in [q for q, (when, _) in self.out.items() if now - when > self.PATIENCE]:
            for first, e in self.out.pop(seq)[1]:
                self.history.put(unknown=e["id"])
                self.retries += 1
                go.append((first, e))
        while go:
            n = self.work.random.choice((1, 1, 2, 4))
            part, go = go[:n], go[n:]
            self.seq += 1
            self.out[self.seq] = now, part
            body = struct.pack(">H", len(part)) + b"".join(lj.record(e, source=self.name, origin=1) for _, e in part)
            self._put(sock, [lj.envelope(lj.SUBMIT, self.seq), body])

    @staticmethod
    def _put(sock, frames):
        try:
            sock.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            pass  # no connection now: it goes again after PATIENCE

    def _receive(self, sock, frames):
        if len(frames) != 2 or len(frames[0]) != 16:
            raise AssertionError("a message of %s frames came" % [len(f) for f in frames])
        self.heard = time.monotonic()
        kind, seq = frames[0][3], int.from_bytes(frames[0][8:], "big")
        if kind == lj.WHO:
            self._put(sock, [lj.envelope(lj.HELLO), struct.pack(">BQ", 1, self.nonce) + lj.str8(self.name)])
            for q in list(self.out):  # the broker is another one: what it has not answered goes again
                for first, e in self.out.pop(q)[1]:
                    self._later(first, e, 0.05)
        elif kind == lj.ACK and seq in self.out:
            for (first, e), (code, retry, position, _) in zip(self.out.pop(seq)[1], lj.answers(frames[1])):
                if -code in self.retryable:
                    self.history.put(unknown=e["id"])
                    self.retries += 1
                    self._later(first, e, min(1.0, max(0.1, retry)))
                else:
                    self.final(e, first, code, position)

    def _later(self, first, event, pause):
        self.n += 1
        heapq.heappush(self.again, (time.monotonic() + pause, self.n, first, event))

    def finish(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), self.name + " hangs"
        if self.error:
            raise self.error
        return self.left()
