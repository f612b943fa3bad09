"""Raw bytes against the gateway: what no HTTP library would send (reliability.md H3, H4, N11)."""
import re
import socket
import struct
import time
import unittest

from harness import TOKENS, Stack, event, wait_until
import harness
import json
import os

stack = None


def setUpModule():
    global stack
    stack = Stack(os.environ["LJ_BUILD"], "--header-timeout", "1000", "--body-grace", "1000", "--keepalive", "2000").__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


AUTH = b"Authorization: Bearer " + TOKENS["client"][0].encode() + b"\r\n"
BODY = json.dumps(event()).encode()
CL = b"Content-Length: %d\r\n" % len(BODY)
JSON = b"Content-Type: application/json\r\n"
HOST = b"Host: t\r\n"
POST = b"POST /v1/events HTTP/1.1\r\n"
GET = b"GET /livez HTTP/1.1\r\n"


def status_of(answer):
    m = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(m.group(1)) if m else None


def statuses(answer):
    return [int(x) for x in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


# name, bytes, statuses allowed for the first answer, closed by the server afterwards
HEADS = [
    ("good get", GET + HOST + b"\r\n", {200}, False),
    ("good post", POST + HOST + AUTH + JSON + CL + b"\r\n" + BODY, {202}, False),
    ("head", b"HEAD /livez HTTP/1.1\r\n" + HOST + b"\r\n", {200}, False),
    ("absolute form", b"GET http://t/livez HTTP/1.1\r\n" + HOST + b"\r\n", {200}, False),
    ("http/1.0", b"GET /livez HTTP/1.0\r\n\r\n", {200}, True),
    ("no host", GET + b"\r\n", {400}, True),
    ("two hosts", GET + HOST + b"Host: u\r\n\r\n", {400}, True),
    ("same host twice", GET + HOST + HOST + b"\r\n", {400}, True),
    ("empty host", GET + b"Host: \r\n\r\n", {400}, True),
    ("bare LF behind the request line", b"GET /livez HTTP/1.1\n" + HOST + b"\r\n", {400}, True),
    ("bare LF behind a field", GET + HOST + b"X-A: b\n\r\n", {400}, True),
    ("bare LF between fields", GET + HOST + b"X-A: b\nX-C: d\r\n\r\n", {400}, True),
    ("bare LF everywhere", b"GET /livez HTTP/1.1\nHost: t\n\n", {400}, True),
    ("bare LF as the empty line, body behind", POST + HOST + AUTH + JSON + CL + b"\n" + BODY, {400}, True),
    ("bare CR in a value", GET + HOST + b"X-A: b\rc\r\n\r\n", {400}, True),
    ("folded line", GET + HOST + b"X-A: b\r\n c\r\n\r\n", {400}, True),
    ("folded line with a tab", GET + HOST + b"X-A: b\r\n\tc\r\n\r\n", {400}, True),
    ("folded last line", GET + b"X-A: b\r\n" + HOST + b" more\r\n\r\n", {400}, True),
    ("blank before the colon", GET + HOST + b"X-A : b\r\n\r\n", {400}, True),
    ("no colon", GET + HOST + b"X-A\r\n\r\n", {400}, True),
    ("empty field name", GET + HOST + b": b\r\n\r\n", {400}, True),
    ("NUL in a value", GET + HOST + b"X-A: b\0c\r\n\r\n", {400}, True),
    ("NUL in a name", GET + HOST + b"X\0A: b\r\n\r\n", {400}, True),
    ("NUL in the path", b"GET /livez\0x HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404}, True),
    ("control byte in a value", GET + HOST + b"X-A: \x01\r\n\r\n", {400}, True),
    ("two lengths, equal", POST + HOST + AUTH + JSON + CL + CL + b"\r\n" + BODY, {400}, True),
    ("two lengths, different", POST + HOST + AUTH + JSON + CL + b"Content-Length: 3\r\n\r\n" + BODY, {400}, True),
    ("length list", POST + HOST + AUTH + JSON + b"Content-Length: 5, 5\r\n\r\nhello", {400}, True),
    ("length with sign", POST + HOST + AUTH + JSON + b"Content-Length: +5\r\n\r\nhello", {400}, True),
    ("length negative", POST + HOST + AUTH + JSON + b"Content-Length: -5\r\n\r\nhello", {400}, True),
    ("length hex", POST + HOST + AUTH + JSON + b"Content-Length: 0x5\r\n\r\nhello", {400}, True),
    ("length beyond 64 bits", POST + HOST + AUTH + JSON + b"Content-Length: 99999999999999999999999\r\n\r\nhello", {400, 413}, True),
    ("length and chunked", POST + HOST + AUTH + JSON + CL + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("chunked and length", POST + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\n" + CL + b"\r\n0\r\n\r\n", {400}, True),
    ("chunked twice", POST + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("chunked, chunked", POST + HOST + AUTH + JSON + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("gzip, chunked", POST + HOST + AUTH + JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("identity encoding", POST + HOST + AUTH + JSON + b"Transfer-Encoding: identity\r\n\r\n", {400}, True),
    ("xchunked", POST + HOST + AUTH + JSON + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("chunked in http/1.0", b"POST /v1/events HTTP/1.0\r\n" + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}, True),
    ("no length", POST + HOST + AUTH + JSON + b"\r\n", {411}, False),
    ("uri of 3,000 bytes", b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {414}, True),
    ("query of 3,000 bytes", b"GET /livez?" + b"a" * 3000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {414}, True),
    ("fields of 9,000 bytes", GET + HOST + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", {431}, True),
    ("fields of 16 KiB", GET + HOST + b"X-A: " + b"a" * 16384 + b"\r\n\r\n", {431}, True),
    ("fields of 64 KiB", GET + HOST + b"X-A: " + b"a" * 65536 + b"\r\n\r\n", {400, 413, 431}, True),
    ("80 fields", GET + HOST + b"".join(b"X-%d: a\r\n" % i for i in range(80)) + b"\r\n", {431}, True),
    ("1,000 fields", GET + HOST + b"".join(b"X-%d: a\r\n" % i for i in range(1000)) + b"\r\n", {400, 413, 431}, True),
    ("http/2.0", b"GET /livez HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505}, True),
    ("http/0.9", b"GET /livez\r\n\r\n", {400}, True),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", {400, None}, True),
    ("target is no path", b"GET livez HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404}, True),
    ("method is no token", b"GE(T /livez HTTP/1.1\r\n" + HOST + b"\r\n", {400}, True),
]

# bodies of application/json: name, bytes, status, code
BODIES = [
    ("empty", b"", 400, "malformed_json"),
    ("blank", b"  \n", 400, "malformed_json"),
    ("truncated", BODY[:-1], 400, "malformed_json"),
    ("top-level array", b"[]", 400, "malformed_json"),
    ("top-level scalar", b"1", 400, "malformed_json"),
    ("trailing data", BODY + b"{}", 400, "malformed_json"),
    ("BOM", b"\xef\xbb\xbf" + BODY, 400, "malformed_json"),
    ("UTF-16", json.dumps(event()).encode("utf-16"), 400, None),
    ("single quotes", b"{'type':1}", 400, "malformed_json"),
    ("NaN", BODY.replace(b"1", b"NaN"), 400, "malformed_json"),
    ("comment", b"/* */" + BODY, 400, "malformed_json"),
    ("trailing comma", BODY[:-1] + b",}", 400, "malformed_json"),
    ("leading zero", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":01}}', 400, "malformed_json"),
    ("duplicate key", b'{"type":"a","type":"b","unit":"PS001","payload":{}}', 400, "json_duplicate_key"),
    ("duplicate key, escaped", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":1,"\\u0061":2}}', 400, "json_duplicate_key"),
    ("2^63", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":9223372036854775808}}', 400, "json_number_out_of_range"),
    ("2^63-1", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":9223372036854775807}}', 202, None),
    ("-2^63", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":-9223372036854775808}}', 202, None),
    ("1e400", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":1e400}}', 400, "json_number_out_of_range"),
    ("-0", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":-0}}', 202, None),
    ("NUL byte", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\x00"}}', 400, "invalid_utf8"),
    ("NUL escape", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\\u0000"}}', 400, "invalid_utf8"),
    ("overlong", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\xc0\xaf"}}', 400, "invalid_utf8"),
    ("surrogate bytes", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\xed\xa0\x80"}}', 400, "invalid_utf8"),
    ("lone surrogate", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\\ud800"}}', 400, "invalid_utf8"),
    ("latin-1", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"\xe9"}}', 400, "invalid_utf8"),
    ("depth 16", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":' + b"[" * 14 + b"]" * 14 + b"}}", 202, None),
    ("depth 17", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":' + b"[" * 15 + b"]" * 15 + b"}}", 400, "json_too_deep"),
    ("depth bomb", b"[" * 60000, 400, None),
    ("depth bomb of objects", b'{"payload":' + b'{"a":' * 10000, 400, "json_too_deep"),
    ("64 keys", b'{"type":"activity.submitted","unit":"PS001","payload":{%s}}' % b",".join(b'"k%d":1' % i for i in range(64)), 202, None),
    ("65 keys", b'{"type":"activity.submitted","unit":"PS001","payload":{%s}}' % b",".join(b'"k%d":1' % i for i in range(65)), 400, "json_too_many_keys"),
    ("string of 32 KiB", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"%s"}}' % (b"x" * 32768), 202, None),
    ("string over 32 KiB", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"%s"}}' % (b"x" * 32769), 400, "json_string_too_long"),
    ("string of 32 KiB by escapes", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":"%s"}}' % (b"\\u0041" * 10000), 202, None),
    ("long key", b'{"type":"activity.submitted","unit":"PS001","payload":{"%s":1}}' % (b"x" * 40000), 400, "json_string_too_long"),
    ("array of 30,000", b'{"type":"activity.submitted","unit":"PS001","payload":{"a":[%s]}}' % b",".join([b"1"] * 30000), 202, None),
    ("64 KiB exactly", BODY + b" " * (65536 - len(BODY)), 202, None),
    ("64 KiB and a byte", BODY + b" " * (65537 - len(BODY)), 413, "too_large"),
    ("1 MiB", b'{"a":"' + b"x" * 1048576 + b'"}', 413, "too_large"),
    ("unknown member", json.dumps(event(extra=1)).encode(), 400, "unknown_member"),
]


class Raw(unittest.TestCase):
    def test_heads(self):
        g = stack.gateway
        for name, data, allowed, closes in HEADS:
            with self.subTest(name):
                answer, closed = g.raw(data, timeout=4)
                self.assertIn(status_of(answer), allowed, answer[:300])
                if b"<html>" not in answer:  # libmicrohttpd 0.9.75 writes the head of its own refusal of a length twice
                    self.assertEqual(len(statuses(answer)), 1 if answer else 0, answer[:500])
                if closes:
                    self.assertTrue(closed, "the connection stayed open")

    def test_our_refusals_are_problems(self):
        g = stack.gateway
        for name, data, allowed, closes in HEADS:
            if not allowed & {400, 411, 414, 431} or len(allowed) > 1 or name in ("no colon", "http/0.9"):
                continue
            with self.subTest(name):
                answer, _ = g.raw(data, timeout=4)
                head, _, body = answer.partition(b"\r\n\r\n")
                if b"application/problem+json" not in head:
                    self.assertIn(name, {"length list", "length with sign", "length negative", "length hex", "NUL in a name"},
                                  "not a problem: %r" % answer[:200])  # refused by the library itself, before the handler
                    continue
                problem = json.loads(body)
                self.assertEqual(problem["status"], status_of(answer))
                self.assertTrue(problem["code"] and problem["detail"] and problem["detail_zh"])

    def test_smuggled_request_is_not_answered(self):
        """Two parsers, two requests: the second must never be seen as one of ours."""
        inner = b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n"
        for first in (POST + HOST + AUTH + JSON + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(inner),
                      POST + HOST + AUTH + JSON + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(inner)),
                      POST + HOST + AUTH + JSON + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            answer, closed = stack.gateway.raw(first + inner, timeout=4)
            self.assertTrue(closed)
            self.assertEqual(statuses(answer), [400], answer)

    def test_bodies(self):
        g = stack.gateway
        for name, data, status, code in BODIES:
            with self.subTest(name):
                r = g.post(data)
                self.assertEqual(r.status, status, r.body[:300])
                if status >= 400:
                    self.assertEqual(r.getheader("Content-Type"), "application/problem+json")
                    problem = json.loads(r.body)
                    self.assertEqual(sorted(set(problem) - {"retry_after"}),
                                     sorted(["type", "title", "status", "code", "pointer", "detail", "detail_zh"]))
                    if code:
                        self.assertEqual(problem["code"], code)

    def test_chunked(self):
        head = POST + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        one_by_one = b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n"
        self.assertEqual(status_of(stack.gateway.raw(head + one_by_one, timeout=2)[0]), 202)
        extension = b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
        self.assertIn(status_of(stack.gateway.raw(head + extension, timeout=2)[0]), {202, 400})
        for bad in (b"zz\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"ffffffffffffffffff\r\nhello\r\n"):
            answer, closed = stack.gateway.raw(head + bad, timeout=4)
            self.assertNotIn(status_of(answer), {200, 202}, bad)
            self.assertTrue(closed, bad)
        big = b"".join(b"1000\r\n" + b" " * 4096 + b"\r\n" for _ in range(17)) + b"0\r\n\r\n"
        self.assertEqual(status_of(stack.gateway.raw(head + big, timeout=4)[0]), 413)

    def test_chunked_without_end(self):
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=10) as s:
            s.sendall(POST + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
            before = stack.gateway.rss_kib()
            sent, answer = 0, b""
            try:
                while sent < 64 * 1024 * 1024:
                    s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    sent += 65536
                self.fail("64 MiB were taken")
            except (ConnectionError, socket.timeout):
                pass
            try:
                answer = s.recv(4096)
            except ConnectionError:
                pass
            self.assertLess(sent, 32 * 1024 * 1024)
            self.assertIn(status_of(answer), {413, None})
            self.assertLess(stack.gateway.rss_kib() - before, 32768)

    def test_length_longer_than_body(self):
        answer, closed = stack.gateway.raw(POST + HOST + AUTH + JSON + b"Content-Length: 500\r\n\r\n" + BODY, timeout=8)
        self.assertTrue(closed)
        self.assertNotIn(status_of(answer), {200, 202})
        answer, closed = stack.gateway.raw(POST + HOST + AUTH + JSON + b"Content-Length: 500\r\n\r\n" + BODY, timeout=8, shut=True)
        self.assertTrue(closed)
        self.assertNotIn(status_of(answer), {200, 202})

    def test_length_shorter_than_body(self):
        """The rest is read as the next request, and refused as one."""
        answer, closed = stack.gateway.raw(POST + HOST + AUTH + JSON + b"Content-Length: 10\r\n\r\n" + BODY + b"\r\n\r\n", timeout=4)
        self.assertTrue(closed)
        self.assertEqual(statuses(answer)[0], 400)
        self.assertNotIn(202, statuses(answer))

    def drip(self, first, drip, seconds):
        """Send the first bytes, then one byte every 0.2 s; how long the server stood it."""
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=seconds) as s:
            s.sendall(first)
            begin = time.monotonic()
            s.settimeout(0.2)
            while time.monotonic() - begin < seconds:
                try:
                    s.sendall(drip)
                    if s.recv(4096) == b"":
                        return time.monotonic() - begin
                except socket.timeout:
                    continue
                except ConnectionError:
                    return time.monotonic() - begin
        return seconds

    def test_slow_head_is_cut(self):
        self.assertLess(self.drip(b"GET /livez HTTP/1.1\r\nHost: t\r\nX-A: ", b"a", 10), 5)

    def test_slow_body_is_cut(self):
        self.assertLess(self.drip(POST + HOST + AUTH + JSON + b"Content-Length: 60000\r\n\r\n", b" ", 10), 5)

    def test_half_a_second_head_on_keepalive_is_cut(self):
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=10) as s:
            s.sendall(GET + HOST + b"\r\n")
            self.assertEqual(status_of(s.recv(4096)), 200)
            begin = time.monotonic()
            s.settimeout(0.2)
            gone = False
            while time.monotonic() - begin < 9 and not gone:
                try:
                    s.sendall(b"G")
                    gone = s.recv(10) == b""
                except socket.timeout:
                    continue
                except ConnectionError:
                    gone = True
            self.assertTrue(gone)

    def test_idle_connection_is_closed(self):
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=10) as s:
            s.sendall(GET + HOST + b"\r\n")
            self.assertEqual(status_of(s.recv(4096)), 200)
            self.assertEqual(s.recv(10), b"")

    def test_reset_in_the_middle(self):
        before = stack.gateway.get("/livez").status
        for _ in range(50):
            s = socket.create_connection(("127.0.0.1", stack.gateway.port))
            s.sendall(POST + HOST + AUTH + JSON + b"Content-Length: 500\r\n\r\n" + BODY)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        self.assertEqual(before, 200)
        self.assertEqual(stack.gateway.post(event()).status, 202)

    def test_expect_continue(self):
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=5) as s:
            s.sendall(POST + HOST + AUTH + JSON + CL + b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(status_of(s.recv(100)), 100)
            s.sendall(BODY)
            self.assertEqual(status_of(s.recv(4096)), 202)
        with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=5) as s:
            s.sendall(POST + HOST + JSON + CL + b"Expect: 100-continue\r\n\r\n")  # no token: refused before the body
            self.assertEqual(status_of(s.recv(4096)), 401)

    def test_pipelined(self):
        answer, _ = stack.gateway.raw((GET + HOST + b"\r\n") * 5 + b"GET /livez HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", timeout=5)
        self.assertEqual(statuses(answer), [200] * 6)

    def test_memory_is_flat(self):
        g = stack.gateway

        def round_of_hostility():
            for _, data, _, _ in HEADS:
                try:
                    s = socket.create_connection(("127.0.0.1", g.port), timeout=2)
                    s.sendall(data)
                    s.close()
                except OSError:
                    pass
            for _, data, status, _ in BODIES:
                if status != 202:
                    g.post(data)
        for _ in range(3):
            round_of_hostility()
        before = g.rss_kib()
        for _ in range(10):
            round_of_hostility()
        self.assertLess(g.rss_kib() - before, 16384)
        wait_until(lambda: b"liangjin_gateway_connections 1\n" in g.get("/metrics").body, 20, "all connections but one to be gone")


if __name__ == "__main__":
    unittest.main()
