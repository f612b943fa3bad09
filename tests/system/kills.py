#!/usr/bin/python3
"""kill -9 under load over HTTP and ZeroMQ at once: broker, workers, gateway and PostgreSQL in turn; then the checker."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import clerk  # noqa: E402
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

ROUNDS = 10 if lj.FULL else 2


def test_kill_each_in_turn():
    """kill -9 of broker, each worker, gateway, postmaster and one backend under load: no violation"""
    with lj.System() as s:
        load.seed(s)
        running, desk = load.Everything(s), clerk.Clerk(s)
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
        desk.finish()
        running.finish()
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
