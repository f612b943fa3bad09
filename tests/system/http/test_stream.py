"""The stream against a broker that drops messages, restarts, and leaves holes: no gap, no repeat (reliability.md I8, N9)."""
import os
import socket
import threading
import time
import unittest

from harness import TOKENS, Stack, Stream, event, new_id, wait_until

stack = None


def setUpModule():
    global stack
    stack = Stack(os.environ["LJ_BUILD"], "--stream-ring-items", "64", "--stream-heartbeat", "1500", "--stream-readers", "60").__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


def post(n, **members):
    """n events; their positions."""
    import json
    positions = []
    for at in range(0, n, 500):
        body = b"".join(json.dumps(event(**members)).encode() + b"\n" for _ in range(min(500, n - at)))
        r = stack.gateway.post(body, token="centre", content_type="application/x-ndjson")
        lines = [json.loads(x) for x in r.body.splitlines()]
        assert all(x["status"] == 202 for x in lines), lines[:3]
        positions += [x["position"] for x in lines]
    return positions


def take(stream, upto_position, upto_closure=0):
    """Items until both are reached; positions and closure numbers in order."""
    positions, closures = [], []
    while (positions or [0])[-1] < upto_position or (closures or [0])[-1] < upto_closure:
        name, data = stream.item()
        (positions if name == "event" else closures).append(data["position" if name == "event" else "number"])
    return positions, closures


class TheStream(unittest.TestCase):
    def setUp(self):
        for line in ("mode store", "publish on", "head on"):
            stack.broker.tell(line)

    def log(self):
        return [int(x) for x in stack.pg.sql("select position from liangjin.event order by 1").split()]

    def closure_log(self):
        return [int(x) for x in stack.pg.sql("select number from liangjin.closure order by 1").split()]

    def test_from_the_frontier(self):
        post(3)
        wait_until(lambda: b"liangjin_gateway_stream_position %d\n" % self.log()[-1] in stack.gateway.get("/metrics").body, 5, "the ring")
        s = Stream(stack.gateway)
        self.assertEqual(s.status, 200)
        first = s.block()
        self.assertIn("id", first)
        self.assertNotIn("data", first)
        p = post(2)
        self.assertEqual(take(s, p[-1])[0], p)
        s.close()

    def test_from_the_start_through_log_and_ring(self):
        post(1500)
        stack.broker.tell("close validation 1 200 1")
        stack.broker.tell("close register 300 600 1")
        log, closures = self.log(), self.closure_log()
        s = Stream(stack.gateway, query="?from=start")
        self.assertEqual(take(s, log[-1], closures[-1]), (log, closures))
        p = post(3)
        self.assertEqual(take(s, p[-1])[0], p)
        s.close()

    def test_resume_at_every_place(self):
        p = post(5)
        stack.broker.tell("close validation %d %d 1" % (p[0], p[2]))
        p += post(5)
        stack.broker.tell("close validation %d %d 2" % (p[3], p[9]))
        last_closure = self.closure_log()[-1]
        s = Stream(stack.gateway, query="?from=start")
        items, ids = [], []
        while not items or ("event", p[-1]) not in items or ("closure", last_closure) not in items:
            name, data = s.item()
            items.append((name, data["position" if name == "event" else "number"]))
            ids.append(s.last_id)
        s.close()
        self.assertEqual(len(items), len(set(items)))
        for i in list(range(0, len(ids), max(1, len(ids) // 40))) + list(range(len(ids) - 12, len(ids) - 1)):
            s = Stream(stack.gateway, last_id=ids[i])
            rest = []
            while len(rest) < len(items) - i - 1:
                name, data = s.item()
                rest.append((name, data["position" if name == "event" else "number"]))
            s.close()
            # the two series may be merged in another order; each is exact
            for series in ("event", "closure"):
                self.assertEqual([x for x in rest if x[0] == series], [x for x in items[i + 1:] if x[0] == series])

    def test_lost_messages_are_filled(self):
        s = Stream(stack.gateway)
        s.block()
        a = post(5)
        stack.broker.tell("publish off")
        b = post(1200)
        stack.broker.tell("close validation %d %d 1" % (b[0], b[9]))
        stack.broker.tell("publish on")
        c = post(2)
        stack.broker.tell("close validation %d %d 1" % (c[0], c[1]))
        number = self.closure_log()[-1]
        positions, closures = take(s, c[-1], number)
        self.assertEqual(positions, a + b + c)
        self.assertEqual(closures, [number - 1, number])
        s.close()

    def test_gap_at_the_tail_is_filled(self):
        s = Stream(stack.gateway)
        s.block()
        stack.broker.tell("publish off")
        p = post(4)
        stack.broker.tell("close validation %d %d 1" % (p[0], p[3]))
        number = self.closure_log()[-1]
        self.assertEqual(take(s, p[-1], number), (p, [number]))  # by HEAD alone
        s.close()

    def test_holes(self):
        s = Stream(stack.gateway)
        s.block()
        p = post(2)
        stack.broker.tell("skip 1000")
        p += post(2)
        stack.broker.tell("skip 5")
        p += post(1)
        self.assertEqual(take(s, p[-1])[0], p)
        s.close()

    def test_broker_restart(self):
        s = Stream(stack.gateway)
        s.block()
        p = post(3)
        stack.broker.tell("publish off")  # committed, never published
        p += post(2)
        stack.broker.tell("restart")
        stack.broker.tell("publish on")
        wait_until(lambda: stack.gateway.post(event()).status == 202, 10, "the gateway to be known again")
        p = [x for x in self.log() if x >= p[0]]
        self.assertEqual(take(s, p[-1])[0], p)
        stack.broker.kill()
        stack.start_broker()
        wait_until(lambda: stack.gateway.get("/readyz").status == 200, 20, "readiness")
        q = post(3)
        self.assertEqual(take(s, q[-1])[0], [x for x in self.log() if x > p[-1]])
        s.close()

    def test_database_restart(self):
        s = Stream(stack.gateway)
        s.block()
        a = post(2)
        self.assertEqual(take(s, a[-1])[0], a)
        stack.broker.kill()
        stack.pg.stop("immediate")
        stack.pg.start()
        stack.start_broker()
        wait_until(lambda: stack.gateway.get("/readyz").status == 200, 20, "readiness")
        stack.broker.tell("publish off")
        b = post(3)
        stack.broker.tell("publish on")
        b += post(1)
        self.assertEqual(take(s, b[-1])[0], b)
        s.close()

    def test_bad_ids(self):
        top = "%d-0" % (self.log()[-1] + 1000000) if self.log() else "1000000-0"
        for bad in ("", "x", "1", "-1-0", "1-", "01-0", "1-0 ", "1.0", "99999999999999999999-0", top, "0-99999999"):
            with self.subTest(bad):
                r = stack.gateway.get("/v1/stream", token="centre", headers={"Last-Event-ID": bad} if bad else {"Last-Event-ID": "-"})
                self.assertEqual((r.status, b"unknown_stream_id" in r.body), (400, True), r.body)

    def test_subtree_and_filters(self):
        mine = Stream(stack.gateway, token="client")
        other = Stream(stack.gateway, token="other")
        below = Stream(stack.gateway, token="centre", query="?unit=SU003")
        typed = Stream(stack.gateway, token="centre", query="?type=feedback.received")
        for s in (mine, other, below, typed):
            s.block()
        a, b, c = post(1, unit="PS001"), post(1, unit="PS002"), post(1, unit="SU003")
        d = post(1, unit="PS002", type="feedback.received")
        stack.broker.tell("close validation %d %d 1" % (a[0], d[0]))
        number = self.closure_log()[-1]
        self.assertEqual(take(mine, c[0])[0], a + c)
        self.assertEqual(take(other, d[0])[0], b + d)
        self.assertEqual(take(below, c[0])[0], c)
        self.assertEqual(take(typed, d[0])[0], d)
        for s, positions in ((mine, a + c), (other, b + d), (below, c)):
            name, data = s.item()
            self.assertEqual((name, data["number"], data["positions"], data["verdicts"]), ("closure", number, positions, [1] * len(positions)))
        for s in (mine, other, below, typed):
            s.close()
        get = stack.gateway.get
        self.assertEqual(get("/v1/stream?unit=PS002", token="client").status, 403)
        self.assertEqual(get("/v1/stream?unit=XX999", token="client").status, 400)
        self.assertEqual(get("/v1/stream?type=no.such", token="client").status, 400)
        self.assertEqual(get("/v1/stream?from=end", token="client").status, 400)

    def test_heartbeat(self):
        s = Stream(stack.gateway)
        s.block()
        block = s.block()
        self.assertIn(":", block)
        self.assertNotIn("data", block)
        s.close()

    def test_limit_of_readers(self):
        open_ones = [Stream(stack.gateway, token="observer") for _ in range(60)]
        r = stack.gateway.get("/v1/stream", token="observer")
        self.assertEqual(r.status, 429)
        self.assertTrue(int(r.getheader("Retry-After")) > 0)
        for s in open_ones:
            s.close()
        wait_until(lambda: b"liangjin_gateway_stream_readers 0\n" in stack.gateway.get("/metrics").body, 10, "the readers to be gone")

    def test_slow_reader_costs_little_and_misses_nothing(self):
        slow = socket.create_connection(("127.0.0.1", stack.gateway.port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n\r\n" % TOKENS["centre"][0].encode())
        slow.recv(600)
        before = stack.gateway.rss_kib()
        fast = Stream(stack.gateway)
        fast.block()
        p = []
        for _ in range(12):
            p += post(500)
        self.assertEqual(take(fast, p[-1])[0], p)
        fast.close()
        self.assertLess(stack.gateway.rss_kib() - before, 24 * 1024)
        got, want = b"", b'"position":%d,' % p[-1]
        slow.settimeout(20)
        while want not in got[-4000:]:
            piece = slow.recv(65536)
            self.assertTrue(piece)
            got += piece
        missing = [x for x in p if b'"position":%d,' % x not in got]
        self.assertEqual(len(missing), 0)
        slow.close()

    def test_revoked_token_ends_its_stream(self):
        s = Stream(stack.gateway, token="revokable")
        s.block()
        stack.pg.sql("select liangjin.revoke_token('revokable')")
        begin = time.monotonic()
        while s.block() is not None:
            self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(stack.gateway.post(event(), token="revokable").status, 401)


if __name__ == "__main__":
    unittest.main()
