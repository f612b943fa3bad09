"""What a report of the whole job costs when there are many already: blocks of reports at marks of stored activities, against blocks near the beginning.

Processor time of all processes is the figure: it says what grows, whatever else the machine does; the rate stands beside it. The first report of an athlete in
a year costs more, so the beginning is where nearly every athlete has had his. Reports lie in the last four weeks, as the rules want it; the larger marks
have a world of more teams, so that what is settled together (a team's day) stays nearly as small as in life: seven reports at a million.
"""
import job_bench
import world


def block(s, w, n):
    job = job_bench.do_job(s, w, n)
    return sum(m for m, _ in job["costs"][0]), n / job["seconds"]


def fill(s, w, upto, part):
    while w.made < upto:
        job_bench.do_job(s, w, min(part, upto - w.made))


def grown(rounds, teams, start, n, marks):
    w = world.World(teams=teams)
    with world.running(w) as s:
        fill(s, w, start, 20000)
        first = [block(s, w, n) for _ in range(rounds)]
        for mark in marks:
            fill(s, w, mark, 20000)
            begun = w.made
            now = [block(s, w, n) for _ in range(rounds)]
            job_bench.settled_well(s)
            activities = s.one("select count(*) from validation where verdict = 1")
            assert activities == w.made, "%d of %d reports are accepted" % (activities, w.made)
            size = s.one("select pg_database_size(current_database())") / 2 ** 20
            rates = [r for _, r in now], [r for _, r in first]
            yield {"name": "whole job at %d activities" % mark, "ours": [c for c, _ in now], "yard": [c for c, _ in first], "unit": "µs of processor a report",
                   "yardstick": "at %d" % start, "less": True,
                   "how": "blocks of %d reports, %d teams, %d athletes; %.0f to %.0f reports a second from %d activities on, %.0f to %.0f at %d; database %.0f MiB; "
                          "not in turns: what is stored only grows" % (n, 51 * teams, 51 * teams * world.ATHLETES, min(rates[0]), max(rates[0]), begun,
                                                                       min(rates[1]), max(rates[1]), start, size)}


def measure(rounds, full):
    yield from grown(rounds, world.TEAMS, 4000, 6000 // rounds, [10000])
    if full:
        yield from grown(rounds, 100, 25000, 4000, [100000, 1000000])
