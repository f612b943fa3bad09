#!/usr/bin/python3
"""Random histories through the system and through the oracle: every figure must be equal, wherever settlement was cut.

    tests/oracle/histories.py --histories 10000 --seed 1       # in logs of 250 histories
    tests/oracle/histories.py --only 4711                      # one history again, by the number that a failure printed
    tests/oracle/histories.py --fault no_day_cap               # the oracle made wrong in one rule: must fail

A failing history is made smaller: events are left out while it still fails (all candidates of a round are copies in one log), then printed
with both figures. Environment as for the system tests (tests/lib/lj.py): LJ_BUILD, TMPDIR."""
import argparse
import datetime
import json
import multiprocessing
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import drive  # noqa: E402
import make  # noqa: E402
import oracle  # noqa: E402


class Difference(dict):
    """One figure: what, key, system, oracle, where (live, or the cut)."""

    def __str__(self):
        return "%(what)s of %(key)s: the system says %(system)s, the oracle %(oracle)s (%(where)s)" % self


def plan_of(seed, rounds, cuts):
    """Times at which settlement is cut, and which of them are compared: [[(time, compare)]], a list a round. By times, so that it holds for other logs too."""
    r = random.Random("cuts %d" % seed)
    span = (make.LAST - make.FIRST).days * 86400
    out = []
    for n in range(rounds):
        times = sorted(drive.midnight(make.FIRST) + datetime.timedelta(seconds=r.randint(1, span)) for _ in range(r.choice([1, 3, cuts, cuts])))
        look = set(r.sample(times, min(len(times), 2)))
        out.append([(t, t in look) for t in times])
    return out


def units_of(n):
    return [make.unit_code(3 * n + k) for k in range(3)]


class Snapshot:
    """The system's figures where settlement stands, and how to compare a world with them."""

    def __init__(self, run, where, days, last=False):
        self.where, self.days = where, days
        self.diff = run.diff() if last else {}
        self.ledger, self.totals = run.ledger(), run.totals()
        self.pacing = {d: run.pacing(d) for d in days}
        self.coverage = {y: run.coverage(y) for y in sorted({d.year for d in days})}

    def differences(self, n, w):
        found = []

        def differ(what, key, system, by_oracle):
            found.append(Difference(what=what, key=key, system=system, oracle=by_oracle, where=self.where))

        figures = {y: w.figures(y) for y in w.years()}
        for what, code, year, activity, stored, computed in (row for unit in units_of(n) for row in self.diff.get(unit, ())):
            found.append(Difference(what="recomputed " + what, key=(code, year, activity), system=stored, oracle=computed, where=self.where))
        self.compare_ledger(n, figures, differ)
        self.compare_totals(n, w, figures, differ)
        for day in self.days:
            if day.year not in w.frozen:
                self.compare_pacing(n, w, figures, day, differ)
        for year in self.coverage:
            if year in figures:
                self.compare_coverage(n, w, year, differ)
        return found

    def compare_ledger(self, n, figures, differ):
        stands = {}
        for unit in units_of(n):
            stands.update(self.ledger.get(unit, {}))
        should = {(s, f.year, a): tuple(line) for f in figures.values() for (s, a), line in f.ledger.items()}
        carried = {(("P",) + p, f.year, None): c for f in figures.values() for p, c in f.carry_in.items()}
        for key in sorted(set(stands) | set(should) | set(carried), key=str):
            have = stands.get(key, (0, 0))
            if key[2] is None:
                if have[0] not in carried.get(key, {0}):
                    differ("carry", key, have[0], carried.get(key, {0}))
            elif have != should.get(key, (0, 0)):
                differ("minutes, sessions", key, have, should.get(key, (0, 0)))

    def compare_totals(self, n, w, figures, differ):
        stands = {}
        for unit in units_of(n):
            stands.update(self.totals.get(unit, {}))
        nothing = dict(minutes=0, sessions=0, duty=0, carried=0, deficit=0)
        for y, f in figures.items():
            for subject, duty in f.duty.items():
                have = stands.pop((subject, y), nothing)
                if have["duty"] not in duty and (have is not nothing or y >= make.FIRST.year):
                    differ("duty", (subject, y), have["duty"], duty)
                if subject[0] == "T":
                    if have["sessions"] != w.sessions_of(f, subject[1:]):
                        differ("total sessions", (subject, y), have["sessions"], w.sessions_of(f, subject[1:]))
                    continue
                if have["minutes"] not in w.minutes_of(f, subject[1:]):
                    differ("total minutes", (subject, y), have["minutes"], w.minutes_of(f, subject[1:]))
                for what, allowed in (("carried", f.carry_in), ("deficit", f.deficit_in)):
                    if have[what] not in allowed.get(subject[1:], {0}):
                        differ(what, (subject, y), have[what], allowed.get(subject[1:], {0}))
        for key, have in stands.items():
            if any(have.values()):
                differ("total", key, have, nothing)

    def compare_pacing(self, n, w, figures, day, differ):
        if day.year not in figures:
            return
        stands = {}
        for unit in units_of(n):
            stands.update(self.pacing[day].get(unit, {}))
        for subject, duty in figures[day.year].duty.items():
            if subject not in stands:
                differ("pacing", (subject, day.isoformat()), None, "a row")
                continue
            done, expected, level = stands[subject]
            exact = w.expected(subject, day)
            if all(abs(oracle.Fraction(str(expected)) - e) > oracle.Fraction(1, 20000) for e in exact):
                differ("expected share", (subject, day.isoformat()), expected, [str(e) for e in sorted(exact)])
            if level not in w.levels(subject, day):
                differ("level", (subject, day.isoformat()), (level, done), w.levels(subject, day))

    def compare_coverage(self, n, w, year, differ):
        stands = self.coverage[year]
        figures = w.figures(year)
        if any(len(d) > 1 for d in figures.duty.values()) or any(len(c) > 1 for c in figures.carry_in.values()):
            return
        for team in w.teams:
            (o, m, a), (to, tm, _) = w.coverage(year, w.members_of(year, team), [team])
            row = stands.get(team, (0,) * 7)
            if (row[0], row[1], row[2], row[4], row[5]) != (o, m, a, to, tm):
                differ("coverage", (team, year), row, (o, m, a, "-", to, tm, "-"))
        for unit in units_of(n):
            teams = [t for t in w.teams if t[0] == unit]
            people = sorted({p for t in teams for p in w.members_of(year, t)})
            (o, m, a), (to, tm, _) = w.coverage(year, people, teams)
            row = stands.get((unit, None), (0,) * 7)
            if (row[0], row[1], row[2], row[4], row[5]) != (o, m, a, to, tm):
                differ("coverage", (unit, year), row, (o, m, a, "-", to, tm, "-"))


def days_for(rng, when):
    """Days whose pacing is asked for: in the year of a time and, while that is open, the one before."""
    day = oracle.local_day(when)
    out = [datetime.date(day.year, 1, 1) + make.DAY * rng.randint(0, 364), day]
    if (day.month, day.day) < (2, 8):
        out.append(datetime.date(day.year - 1, 12, 31))
    return out


class Observation:
    """What the system made of histories in one log: acceptance, and figures at several positions."""

    def __init__(self, histories, seed, rounds=2, cuts=40, build=None):
        self.log, self.shots = drive.Log(histories, seed), []
        log, rng = self.log, random.Random("days %d" % seed)
        with drive.Run(log, build) as run:
            self.verdicts = run.verdicts()
            self.shots.append((log.end, Snapshot(run, "live", days_for(rng, log.times[-1]), True)))
            for k, steps in enumerate(plan_of(seed, rounds, cuts)):
                run.forget()
                for t, look in steps:
                    run.settle(log.upto(t))
                    if look and log.upto(t):
                        self.shots.append((log.upto(t), Snapshot(run, "round %d, cut at %s" % (k, t.isoformat()), days_for(rng, t))))
                run.settle(run.top)
                self.shots.append((log.end, Snapshot(run, "round %d, at the end" % k, days_for(rng, log.times[-1]), True)))
        self.shots.sort(key=lambda x: x[0])
        assert all(r[3] in self.verdicts for rows in log.own for r in rows), "an event has no verdict"

    def differences(self, faults=()):
        """(n, [differences]) of each history that differs, as they are found."""
        global _shared
        _shared = (self.log, self.shots, self.verdicts, faults)
        with multiprocessing.get_context("fork").Pool(min(4, os.cpu_count() or 1)) as pool:
            for n, found in pool.imap_unordered(_judge_one, range(len(self.log.histories)), 2):
                if found:
                    yield n, found


def compare(histories, seed, o):
    return dict(Observation(histories, seed, o.rounds, o.cuts).differences(o.fault))


def judge(log, shots, verdicts, faults, n):
    """All differences of history n: its world is folded once and compared at each snapshot's position."""
    found, events, at, w = [], log.events_of(n), 0, oracle.World(faults)
    for stop, shot in shots:
        while at < len(events) and log.position[events[at]["id"]] <= stop:
            e = events[at]
            accepted = w.apply(e)
            if e["id"] in verdicts and verdicts[e["id"]] != accepted:
                found.append(Difference(what="verdict", key=(e["type"], e["id"]), system=verdicts[e["id"]], oracle=accepted, where="live"))
            at += 1
        w.at(log.times[min(stop, log.end) - 1])
        found += shot.differences(n, w)
    return found


_shared = None     # what the processes of a pool inherit


def _judge_one(n):
    return n, judge(*_shared, n)


def smaller(history, wanted, again, seconds):
    """Leaves out events while a difference of the same kind stays. again(histories) -> {n: differences}."""
    end = time.monotonic() + seconds
    best, size, last = history, max(1, len(history["events"]) // 2), None
    while size and time.monotonic() < end:
        candidates = []
        events = best["events"]
        for at in range(0, len(events), size):
            cut = [e for k, e in enumerate(events) if not at <= k < at + size or e["fixed"]]
            if len(cut) < len(events):
                candidates.append(dict(best, events=cut))
        found = {n: d for n, d in again(candidates).items() if any(x["what"] == wanted for x in d)}
        if found:
            n = min(found, key=lambda n: len(candidates[n]["events"]))
            best, last = candidates[n], [x for x in found[n] if x["what"] == wanted]
        else:
            size //= 2
    return best, last


def show(history):
    for k, row in enumerate(make.realise(history, 0)):
        print("    %2d %s %s %s %s %s" % (k, row[0].isoformat(), row[1], row[2], row[3], row[4]))


def report(number, history, differences, seed, shrink, again, seconds=240):
    print("history %s (log %d, %d events):" % (number, seed, len(history["events"])))
    for d in differences[:6]:
        print("    %s" % d)
    if shrink:
        sys.stdout.flush()
        small, last = smaller(history, differences[0]["what"], again, seconds)
        print("  the smallest that still differs, with %d events; policies of the nation: %s" % (len(small["events"]), json.dumps([p for _, p in make.nation(seed)])))
        show(small)
        for d in (last or differences)[:4]:
            print("    %s" % d)
    sys.stdout.flush()


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--histories", type=int, default=300)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--only", type=int, action="append", help="this history alone (may stand several times)")
    a.add_argument("--log", type=int, help="number of the log (policies of the nation, cuts) for --only")
    a.add_argument("--fault", action="append", default=[], choices=sorted(oracle.FAULTS))
    a.add_argument("--rounds", type=int, default=2)
    a.add_argument("--cuts", type=int, default=40)
    a.add_argument("--per-log", type=int, default=250, help="histories in one log")
    a.add_argument("--shrink", type=int, default=3, help="how many failing histories are made smaller")
    o = a.parse_args()
    numbers = o.only or [o.seed * 1000000 + i for i in range(o.histories)]
    failed = done = events = 0
    kinds = {}
    for at in range(0, len(numbers), o.per_log):
        part = numbers[at:at + o.per_log]
        log_seed = o.log if o.log is not None else o.seed * 1000 + at // o.per_log
        histories = [make.history(s) for s in part]
        events += sum(len(h["events"]) for h in histories)
        started = time.monotonic()
        found = compare(histories, log_seed, o)
        done += len(part)
        print("log %d: %d histories, %d differ, %.1f s" % (log_seed, len(part), len(found), time.monotonic() - started), flush=True)
        for n, d in sorted(found.items()):
            failed += 1
            for what in {x["what"] for x in d}:
                kinds[what] = kinds.get(what, 0) + 1
            if failed <= 20:
                report(part[n], histories[n], d, log_seed, failed <= o.shrink, lambda hs: compare(hs, log_seed, o))
    print("%d histories, %d events, %d differ %s" % (done, events, failed, kinds or ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
