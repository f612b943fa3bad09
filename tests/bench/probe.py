"""A client that sends at a given rate whatever the answers do, and knows for each event how long its answer, and its last effect, took.

Latency counts from the moment at which the schedule wanted the event sent: a system that stands still for a second shows it in every event that was due in
that second. All records are made before the clock runs; each tick sends what is due as SUBMITs. In one thread, by exact times, not by the buckets of
liangjin-submit.
"""
import gc
import re
import struct
import time

import lj
import zmq

TICK = 0.001
EVENTS, CLOSURES, HEAD = 64, 65, 66


def quantile(values, q):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * q))]


def members(body):
    """The positions in a CLOSURES message, closure by closure."""
    at, n = 18, struct.unpack_from(">H", body, 16)[0]
    for _ in range(n):
        at += 8
        at += 1 + body[at] + 8
        count = struct.unpack_from(">H", body, at)[0]
        at += 2
        for _ in range(count):
            yield struct.unpack_from(">q", body, at)[0]
            at += 15


class Stream:
    """The broker's stream as it comes, each message with the time of its arrival; read apart afterwards."""

    def __init__(self, s):
        self.sock = zmq.Context.instance().socket(zmq.SUB)
        self.sock.setsockopt(zmq.RCVHWM, 0)
        self.sock.setsockopt(zmq.SUBSCRIBE, b"")
        self.sock.linger = 0
        self.sock.connect(s.endpoint("stream"))
        self.got = []
        assert self.sock.poll(5000), "the broker's stream is silent"  # a HEAD a second

    def take(self):
        while self.sock.poll(0):
            env, body = self.sock.recv_multipart()
            self.got.append((time.monotonic(), env[3], body))

    def last_closed(self):
        """{position: when the last closure that names it was published}."""
        return {position: when for when, kind, body in self.got if kind == CLOSURES for position in members(body)}

    def drain_closed(self):
        """Positions closed in what has come, which is then forgotten: for a kind alone."""
        out = [position for _, kind, body in self.got if kind == CLOSURES for position in members(body)]
        self.got.clear()
        return out

    def metrics(self):
        """The broker's metrics of a HEAD that begins after now."""
        after = time.monotonic()
        while True:
            assert self.sock.poll(5000), "the broker's stream is silent"
            self.take()
            for when, kind, body in reversed(self.got):
                if kind == HEAD and when > after:
                    at = 32
                    at += 4 + struct.unpack_from(">I", body, at)[0]
                    return body[at + 4:].decode()

    def close(self):
        self.sock.close()


def buckets(metrics, name):
    """[(upper bound in seconds, count so far)] of a histogram."""
    return [(float(b), int(n)) for b, n in re.findall(r'%s_bucket\{le="([^"]+)"\} (\d+)' % name, metrics)]


def upper(before, after, q):
    """The upper bound of the bucket in which the quantile of what came between lies, in milliseconds."""
    rows = [(b, n - m) for (b, n), (_, m) in zip(after, before)]
    return next(b for b, n in rows if n >= rows[-1][1] * q) * 1000


class Paced:
    """events: as HTTP takes them. stream: a Stream that is read meanwhile, or None."""

    def __init__(self, s, name, events, rate, stream=None):
        self.records = [lj.record(e, source=name) for e in events]
        self.peer = lj.Peer(s.endpoint(), name)
        self.rate, self.stream = rate, stream
        self.ack_seconds, self.position, self.due = [], {}, {}
        self.codes = {}
        self.end = 0.0

    def _answers(self, sent):
        sock = self.peer.sock
        while sock.poll(0):
            env, body = sock.recv_multipart()
            now = time.monotonic()
            kind, seq = env[3], struct.unpack_from(">Q", env, 8)[0]
            assert kind == lj.ACK, "type %d instead of ACK" % kind
            first, count, _ = sent.pop(seq)
            for i, (code, _, position, _) in enumerate(lj.answers(body), first):
                self.codes[code] = self.codes.get(code, 0) + 1
                self.ack_seconds.append(now - self.due[i])
                self.position[i] = position
            self.end = now

    def _send(self, first, upto, sent):
        while first < upto:
            part = self.records[first:min(upto, first + 500)]
            self.peer.seq += 1
            self.peer.sock.send_multipart([lj.envelope(lj.SUBMIT, self.peer.seq), struct.pack(">H", len(part)) + b"".join(part)])
            sent[self.peer.seq] = (first, len(part), None)
            first += len(part)

    def run(self, seconds=120, until=None):
        """Until every event has its answer, and until() is true, with the stream read all the while so that its messages have their true times.

        AssertionError after so many seconds more than the schedule takes, or when an event was not stored.
        """
        gc.collect()
        gc.disable()
        try:
            n, sent, done = len(self.records), {}, 0
            began = time.monotonic()
            self.due = [began + i / self.rate for i in range(n)]
            deadline = self.due[-1] + seconds
            while done < n or sent:
                now = time.monotonic()
                upto = min(n, int((now - began) * self.rate) + 1)
                self._send(done, upto, sent)
                done = max(done, upto)
                self.peer.sock.poll(max(1, int(TICK * 1000)))
                self._answers(sent)
                if self.stream:
                    self.stream.take()
                assert now < deadline, "%d messages without an answer" % len(sent)
            while until and not until():
                self.stream.sock.poll(20)
                self.stream.take()
                assert time.monotonic() < deadline, "waited in vain for the last effect"
            if self.stream:
                self.stream.take()
        finally:
            gc.enable()
            self.peer.close()
        assert set(self.codes) == {0}, "not all were stored: %s" % self.codes
        return self

    def ack_ms(self, q):
        return quantile(self.ack_seconds, q) * 1000

    def effect_ms(self, q):
        """From when it was due to the publication of its last closure, over all events."""
        closed = self.stream.last_closed()
        lost = [p for p in self.position.values() if p not in closed]
        assert not lost, "%d events have no closure in the stream" % len(lost)
        return quantile([closed[p] - self.due[i] for i, p in self.position.items()], q) * 1000


def feedback(w, unit, pad=0):
    return w.event("feedback.received", unit, {"n": w.random.getrandbits(30), "pad": "x" * pad})

