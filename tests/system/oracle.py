#!/usr/bin/python3
"""Random histories through register, validation, quota and settlement, and through an oracle in Python that was written from the rules' text alone."""
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import histories  # noqa: E402
import lj  # noqa: E402
import ljtest  # noqa: E402
import make  # noqa: E402
import oracle  # noqa: E402

SEED = 20261124
HISTORIES = 2100 if lj.FULL else 300
seen = []


def build():
    """The release build where it is not older than the other: tests/run makes it only for whole runs."""
    age = [max((os.path.getmtime(p) for p in glob.glob(os.path.join(b, "workers/liangjin-worker"))), default=0) for b in (lj.BUILD, lj.RELEASE)]
    return lj.RELEASE if age[1] >= age[0] else lj.BUILD


def test_figures_equal_the_oracles():
    """acceptance, minutes, sessions, duties, carries, deficits, levels and coverage of 300 histories, settled by the broker and at random cuts"""
    failed = 0
    for at in range(0, HISTORIES, 300):
        part = [make.history(SEED + at + i) for i in range(300)]

        def observe(some):
            return histories.Observation(some, SEED + at, rounds=1, cuts=12, build=build())

        o = observe(part)
        seen[:] = seen or [o]
        for n, found in o.differences():
            failed += 1
            if failed <= 5:
                histories.report(SEED + at + n, part[n], found, SEED + at, failed == 1, lambda some: dict(observe(some).differences()), 90)
                print("    again: tests/oracle/histories.py --only %d --log %d --rounds 1 --cuts 12" % (SEED + at + n, SEED + at), flush=True)
    assert not failed, "%d of %d histories differ" % (failed, HISTORIES)


def test_comparison_notices_every_fault():
    """with one rule of the oracle wrong the comparison fails, whichever rule that is"""
    if not seen:
        raise ljtest.Skip("needs the histories of the test before")
    unnoticed = [f for f in sorted(oracle.FAULTS) if next(seen[0].differences([f]), None) is None]
    assert not unnoticed, unnoticed


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
