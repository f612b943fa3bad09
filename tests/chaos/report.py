#!/usr/bin/python3
"""The figures of docs/reliability.md from what `tests/chaos/run --report FILE` has appended.

    tests/chaos/report.py FILE [--write]        to standard output, or into the page between its two marks
"""
import collections
import json
import os
import sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "reliability.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def median(values):
    values = sorted(values)
    return values[len(values) // 2] if values else None


def seconds(values):
    """Median and worst."""
    return "%.2f / %.2f" % (median(values), max(values)) if values else "–"


def lines(path):
    faults, runs = collections.defaultdict(list), []
    with open(path) as f:
        for line in f:
            r = json.loads(line)
            if "run" in r:
                runs.append(r)
            else:
                faults[r["row"]].append(r)
    runs = [r for r in runs if r["totals"] or not r["ok"]]
    good = [r for r in runs if r["totals"]]
    acked = sum(x["acked"] for r in good for x in r["totals"].values())
    n = sum(len(x) for x in faults.values())
    yield "%d runs of %s (seeds %s; commit %s), %d faults, %d events acked to open-loop clients, %d runs with a violation. Drained %s s after the last fault" \
          " (median / worst)." % (len(runs), "/".join(sorted({"%g min" % (r["seconds"] / 60) for r in runs})), ", ".join(str(r["run"]) for r in runs),
                                  ", ".join(sorted({r["commit"] for r in runs})), n, acked, sum(not r["ok"] for r in runs),
                                  seconds([r["drained"] for r in runs if r["drained"] >= 0]))
    yield ""
    yield "| fault | times | in runs with a violation | rate below (95 %) | ack again over HTTP, s | over ZeroMQ, s | over CURVE, s | longest without an ack, s | backlog, most |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in sorted(faults, key=lambda x: (x[0], int("".join(c for c in x.split()[0].split(",")[0].split("-")[0] if c.isdigit()) or 0), x)):
        found = faults[row]
        bad = sum(not r["ok"] for r in found)
        measured = [r for r in found if "again" in r]
        ways = [seconds([r["again"][w] for r in measured if r["again"][w] is not None]) for w in ("http", "zmq", "curve")]
        # Rule of three: with none in n, at 95 % below 3/n.
        bound = "–" if bad else "%.0f %%" % min(100, 300 / len(found))
        yield "| %s | %d | %d | %s | %s | %.1f | %d |" % (row, len(found), bad, bound, " | ".join(ways),
                                                       max((max(r["gap"].values()) for r in measured), default=0), max((r["backlog"] for r in measured), default=0))


def main():
    text = "\n".join(lines(sys.argv[1]))
    if "--write" not in sys.argv:
        print(text)
        return
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(BEGIN)
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
