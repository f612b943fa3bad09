"""Start, drain, loss of broker and database, many connections, metrics (reliability.md I11, N11, P6)."""
import http.client
import json
import os
import resource
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import TOKENS, Gateway, Stack, Stream, event, new_id, wait_until

stack = None


def setUpModule():
    global stack
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    stack = Stack(os.environ["LJ_BUILD"], "--ack-timeout", "4000", "--token-grace", "4000").__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


class Life(unittest.TestCase):
    def setUp(self):
        if stack.gateway.process.poll() is not None:
            stack.gateway = Gateway(stack.build, stack.run_dir, stack.pg.dsn("liangjin_web", "liangjin"), *stack.options).ready()
        stack.broker.tell("mode store")

    def test_metrics(self):
        stack.gateway.post(event())
        r = stack.gateway.get("/metrics")
        self.assertEqual((r.status, r.getheader("Content-Type")), (200, "text/plain; version=0.0.4; charset=utf-8"))
        wait_until(lambda: b"liangjin_broker_fake 1" in stack.gateway.get("/metrics").body, 5, "the broker's metrics")
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        self.assertEqual(stack.gateway.get("/metrics", headers=proxied).status, 401)
        self.assertEqual(stack.gateway.get("/metrics", headers=proxied, token="metrics").status, 200)
        self.assertEqual(stack.gateway.get("/metrics", headers=proxied, token="client").status, 403)
        if not shutil.which("promtool"):
            print("skip promtool is not there: the metrics' form is not checked")
            return
        check = subprocess.run(["promtool", "check", "metrics"], input=stack.gateway.get("/metrics").body, capture_output=True)
        self.assertEqual((check.returncode, check.stdout, check.stderr), (0, b"", b""))

    def test_revocation_within_a_second(self):
        self.assertEqual(stack.gateway.post(event(), token="revokable").status, 202)
        stack.pg.sql("select liangjin.revoke_token('revokable')")
        begin = time.monotonic()
        wait_until(lambda: stack.gateway.post(event(), token="revokable").status == 401, 5, "the revocation")
        self.assertLess(time.monotonic() - begin, 1.5)

    def test_drain(self):
        stack.broker.tell("mode silent")
        e, answers = event(id=new_id()), []
        waiting = threading.Thread(target=lambda: answers.append(stack.gateway.post(e)))
        waiting.start()
        stream = Stream(stack.gateway)
        wait_until(lambda: b"liangjin_gateway_events_in_flight 1\n" in stack.gateway.get("/metrics").body, 5, "the event to be on its way")
        stack.gateway.process.terminate()
        wait_until(lambda: stack.gateway.get("/readyz").status == 503, 5, "readiness to flip")
        r = stack.gateway.post(event())
        self.assertEqual((r.status, json.loads(r.body)["code"]), (503, "draining"))
        self.assertEqual(stack.gateway.get("/livez").status, 200)
        stack.broker.tell("mode store")  # the client library sends it again
        waiting.join(15)
        self.assertEqual(answers[0].status, 202, answers[0].body)
        while stream.block() is not None:
            pass
        self.assertEqual(stack.gateway.process.wait(15), 0, stack.gateway.tail())
        self.assertFalse(os.path.exists(os.path.join(stack.run_dir, "gateway.port")))

    def test_drain_gives_up_in_time(self):
        stack.broker.tell("mode silent")
        waiting = threading.Thread(target=lambda: stack.gateway.post(event()))
        waiting.start()
        wait_until(lambda: b"liangjin_gateway_events_in_flight 1\n" in stack.gateway.get("/metrics").body, 5, "the event to be on its way")
        self.assertEqual(stack.gateway.terminate(20), 0)
        waiting.join(5)

    def test_second_signal_ends_at_once(self):
        stack.broker.tell("mode silent")

        def post():
            try:
                stack.gateway.post(event())
            except (OSError, http.client.HTTPException):
                pass  # cut off without an answer
        waiting = threading.Thread(target=post)
        waiting.start()
        wait_until(lambda: b"liangjin_gateway_events_in_flight 1\n" in stack.gateway.get("/metrics").body, 5, "the event to be on its way")
        stack.gateway.process.terminate()
        wait_until(lambda: stack.gateway.get("/readyz").status == 503, 5, "readiness to flip")
        self.assertEqual(stack.gateway.terminate(3), 0)
        waiting.join(5)

    def test_broker_away(self):
        stack.broker.kill()
        wait_until(lambda: stack.gateway.get("/readyz").status == 503, 15, "readiness to flip")
        r = stack.gateway.post(event())
        self.assertEqual((r.status, json.loads(r.body)["code"], r.getheader("Retry-After")), (503, "broker_unavailable", "1"))
        self.assertEqual(stack.gateway.get("/livez").status, 200)
        stack.start_broker()
        wait_until(lambda: stack.gateway.get("/readyz").status == 200, 15, "readiness")
        self.assertEqual(stack.gateway.post(event()).status, 202)

    def test_database_away(self):
        def unknown():
            return stack.gateway.post(event(), headers={"Authorization": "Bearer nobody-knows-this"}, token=None).status

        def provenance():
            return json.loads(stack.gateway.get("/v1/events/" + new_id(), token="client").body)["code"]

        self.assertEqual(unknown(), 401)
        stack.broker.kill()  # it has a connection of its own
        stack.pg.stop("immediate")
        stack.start_broker(database=False)
        try:
            wait_until(lambda: stack.gateway.post(event()).status == 202, 5, "a known token to be taken without the database")
            wait_until(lambda: unknown() == 503, 10, "unknown tokens to get 503, for they cannot be judged")
            self.assertEqual(provenance(), "database_unavailable")
            wait_until(lambda: stack.gateway.post(event()).status == 503, 10, "the grace to be over")
        finally:
            stack.broker.kill()
            stack.pg.start()
            stack.start_broker()
        wait_until(lambda: stack.gateway.get("/readyz").status == 200, 20, "readiness")
        wait_until(lambda: stack.gateway.post(event()).status == 202, 20, "intake")
        wait_until(lambda: provenance() == "not_found", 20, "queries")

    def test_8000_connections(self):
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        n = min(8000, soft - 200)
        before = stack.gateway.rss_kib()
        crowd = []
        try:
            for _ in range(n):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", stack.gateway.port))
                crowd.append(s)
                if len(crowd) % 1000 == 0:
                    self.assertEqual(stack.gateway.post(event()).status, 202)
            times = []
            for _ in range(50):
                begin = time.monotonic()
                self.assertEqual(stack.gateway.post(event()).status, 202)
                times.append(time.monotonic() - begin)
            self.assertLess(sorted(times)[45], 0.5)
            self.assertLess(stack.gateway.rss_kib() - before, 512 * 1024)
        finally:
            for s in crowd:
                s.close()
        wait_until(lambda: b"liangjin_gateway_connections 1\n" in stack.gateway.get("/metrics").body, 30, "the crowd to be gone")

    def test_bad_options(self):
        program = os.path.join(stack.build, "gateway/liangjin-gateway")
        for options in (["--port", "70000", "--dsn", "x", "--run-dir", "/tmp"], ["--no-such", "1"], ["--dsn", "x"],
                        ["--dsn", "x", "--run-dir", "/tmp", "--listen", "nowhere"], ["--dsn", "x", "--run-dir", "/tmp", "--trusted", "here"]):
            r = subprocess.run([program] + options, capture_output=True, timeout=20)
            self.assertEqual(r.returncode, 2, (options, r.stderr))
        self.assertEqual(subprocess.run([program, "--help"], capture_output=True, timeout=20).returncode, 0)
        r = subprocess.run([program, "--dsn", "x", "--run-dir", stack.run_dir, "--port", str(stack.gateway.port)], capture_output=True, timeout=20)
        self.assertEqual(r.returncode, 1)


if __name__ == "__main__":
    unittest.main()
