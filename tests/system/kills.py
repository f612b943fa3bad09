#!/usr/bin/python3
"""kill -9 under load over HTTP and ZeroMQ at once: broker, workers, gateway and PostgreSQL in turn; then the checker."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

ROUNDS = 10 if lj.FULL else 2


class Load:
    """HTTP single and by batches, liangjin-submit, and two readers of the stream."""

    def __init__(self, s, work, rate=400, events=40000):
        self.s = s
        self.http = [load.HttpLoad(s, "http%d" % i, load.Work(100 + i), batch) for i, batch in enumerate((1, 1, 20))]
        self.submit = load.SubmitLoad(s, "zmq", events=(load.Work(7)).some(events), rate=rate)
        self.readers = [load.StreamReader(s, "reader%d" % i) for i in range(2)]

    def acked(self):
        return sum(h.acked for h in self.http), self.submit.acked()

    def wait_more(self, n=30, seconds=60):
        """Until n more events were acked over each way in: it works, and there is load."""
        http, zmq = self.acked()

        def more():
            h, z = self.acked()
            for x in self.http:
                assert x.error is None, x.error
            assert self.submit.child.poll() is None, self.submit.figures()[1]
            return h >= http + n and z >= zmq + n
        lj.wait_until(more, "%d more acks over HTTP and over ZeroMQ (from %s, now %s)" % (n, (http, zmq), self.acked()), seconds)

    def finish(self):
        for h in self.http:
            h.finish()
        figures = self.submit.finish()
        self.s.wait_drained()
        for r in self.readers:
            r.catch_up()
            r.finish()
        print("    load: http acked=%d retries=%d conflicts=%d; zmq %s; stream connects=%s" % (
            sum(h.acked for h in self.http), sum(h.retries for h in self.http), sum(h.conflicted for h in self.http), figures,
            [r.connects for r in self.readers]), flush=True)


def test_kill_each_in_turn():
    """kill -9 of broker, each worker, gateway, postmaster and one backend under load: no violation"""
    with lj.System() as s:
        work = load.seed(s)
        running = Load(s, work)
        running.wait_more()
        for _ in range(ROUNDS):
            s.broker.kill()
            s.broker.start()
            running.wait_more()
            for w in s.workers.values():
                w.kill()
                w.start()
                running.wait_more()
            s.gateway.kill()
            s.gateway.start()
            running.wait_more()
            s.pg.kill()
            s.pg.start()
            running.wait_more()
            victim = s.one("select pid from pg_stat_activity where usename = 'liangjin_broker' order by pid limit 1")
            os.kill(victim, 9)  # a backend: the postmaster restarts all
            running.wait_more()
        running.finish()
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
