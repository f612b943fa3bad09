"""What a report of the whole job costs when there are many already: blocks of reports behind 10^5 and 10^6 stored activities, against blocks behind 10^4.

Processor time of all processes is the figure: it says what grows, whatever else the machine does; the rate stands beside it. The first report of an athlete in
a year costs more, so the beginning is where nearly every athlete has had his. Reports lie in the last four weeks, as the rules want it; behind them lie
copies of the first 10^4 by SQL (stored.py), each on days of its own, so that a team's day is as full as in life: nearly empty. Each mark is a system of its
own. Nights (the settlement of a local day's event) are not in it.
"""
import job_bench
import stored
import world

START, TEAMS = 10000, 40  # teams of each unit: 2,040 teams, 16,320 athletes


def block(s, w, n):
    job = job_bench.do_job(s, w, n)
    return sum(m for m, _ in job["costs"][0]), n / job["seconds"], job["costs"][0]


def fill(s, w, upto, part=5000):
    while w.made < upto:
        job_bench.do_job(s, w, min(part, upto - w.made))


def grown(rounds, n, mark):
    w = world.World(teams=TEAMS)
    with world.running(w) as s:
        fill(s, w, START - rounds * n)
        first = [block(s, w, n) for _ in range(rounds)]
        job_bench.settled_well(s)
        there = stored.fill(s, mark // START - 1)
        block(s, w, n)  # caches, plans and the broker's memory are as they are after a start
        now = [block(s, w, n) for _ in range(rounds)]
        size = s.one("select pg_database_size(current_database())") / 2 ** 20
        rates = [r for _, r, _ in now], [r for _, r, _ in first]
        yield {"name": "whole job at %d activities" % mark, "ours": [b[0] for b in now], "yard": [b[0] for b in first], "unit": "µs of processor a report",
               "yardstick": "at %d" % START, "less": True,
               "how": "blocks of %d reports, %d teams, %d athletes; %.0f to %.0f reports a second from %d activities on, %.0f to %.0f before %d; database %.0f MiB; "
                      "not in turns: what is stored only grows" % (n, 51 * TEAMS, 51 * TEAMS * world.ATHLETES, min(rates[0]), max(rates[0]), there,
                                                                   min(rates[1]), max(rates[1]), START, size)}


def measure(rounds, full):
    n = min(2000, 6000 // rounds)
    yield from grown(rounds, n, 100000)
    if full:
        yield from grown(rounds, n, 1000000)
