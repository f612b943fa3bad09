"""What a report of the whole job costs when there are many already: blocks of reports at marks of stored activities, against blocks at the beginning.

Processor time of all processes is the figure: it says what grows, whatever else the machine does; the rate stands beside it. Reports lie in the last four
weeks, as the rules want it. A world of more teams is taken than elsewhere, so that the groups that are settled together (a team's day) stay as small as in life.
"""
import job_bench
import world


def block(s, w, n):
    job = job_bench.do_job(s, w, n)
    return sum(m for m, _ in job["costs"][0]), n / job["seconds"]


def fill(s, w, upto, part):
    while w.made < upto:
        job_bench.do_job(s, w, min(part, upto - w.made))


def measure(rounds, full):
    teams, n, marks = (100, 10000, [10000, 100000, 1000000]) if full else (20, 2500, [10000])
    w = world.World(teams=teams)
    with world.running(w) as s:
        block(s, w, n // 5)  # caches, plans
        first = [block(s, w, n) for _ in range(rounds)]
        for mark in marks:
            fill(s, w, mark, 20000)
            begun = w.made
            now = [block(s, w, n) for _ in range(rounds)]
            job_bench.settled_well(s)
            size = s.one("select pg_database_size(current_database())") / 2 ** 20
            yield {"name": "whole job at %d activities" % mark, "ours": [c for c, _ in now], "yard": [c for c, _ in first], "unit": "µs of processor a report",
                   "yardstick": "the first %d" % (n // 5 + rounds * n), "less": True,
                   "how": "blocks of %d reports, %d teams, %d athletes; %d to %d reports a second from %d activities on, %d to %d at the beginning; database "
                          "%.0f MiB; not in turns: what is stored only grows" % (n, 51 * teams, 51 * teams * world.ATHLETES, min(r for _, r in now),
                                                                                 max(r for _, r in now), begun, min(r for _, r in first), max(r for _, r in first), size)}
