"""The whole job with one worker of every kind killed (SIGKILL) and started again once in the run, against the same job undisturbed."""
import job_bench
import world


class Killer:
    """Kills one worker after another, each when so much more of the job is done; every one has to have had work, and gets to do more."""

    def __init__(self, s, n):
        self.s, self.left = s, list(s.workers.values())
        self.closed_before = self.closed()
        self.step = n / (len(self.left) + 1)
        self.killed = 0

    def closed(self):
        status = self.s.status()
        return next(k["watermark"] for k in status["kinds"] if k["name"] == "validation") if status else 0

    def __call__(self):
        if self.left and self.closed() - self.closed_before >= self.step * (self.killed + 1):
            worker = self.left.pop()
            worker.kill()
            worker.start()
            self.killed += 1


def one_round(s, w, n):
    plain = job_bench.do_job(s, w, n, meanwhile=lambda: s.status())  # both are watched in the same way
    killer = Killer(s, n)
    killed = job_bench.do_job(s, w, n, meanwhile=killer)
    assert not killer.left, "%d workers have outlived the run" % len(killer.left)
    job_bench.settled_well(s)
    assert s.one("select count(*) from parked") == 0, "a kill has parked an event"
    s.wait_running()
    return n / killed["seconds"], n / plain["seconds"], killer.killed


def measure(rounds, full):
    n = 40000 if full else 12000
    w = world.World()
    with world.running(w) as s:
        job_bench.do_job(s, w, n // 4)
        got = [one_round(s, w, n) for _ in range(rounds)]
    yield {"name": "whole job, workers killed", "ours": [g[0] for g in got], "yard": [g[1] for g in got], "unit": "reports/s", "yardstick": "the same, undisturbed",
           "how": "%d reports a round, one worker a kind; each of the %d killed by SIGKILL once, at equal parts of the run, and started again at once; every report "
                  "accepted, none parked, the totals equal to a recomputation" % (n, got[0][2])}
