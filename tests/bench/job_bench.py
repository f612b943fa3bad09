"""The whole job: reports in, validated, counted, scored, settled, everything committed; against the same final rows by binary COPY on two connections."""
import time

import cpu
import lj
import world
import yardstick

BY_POSITION = "position > %(low)s and position <= %(high)s"
CHUNKED = [yardstick.Table(t, BY_POSITION) for t in ("event", "validation", "quota_version", "quota_team", "quota_participation", "opinion_score", "mail_log",
                                                     "mail", "mail_receipt")]
# Keyed by something else: what the run wrote of them goes into the last part.
AT_END = ["closure", "ledger_entry", "quota_total"]


def settled(s, upto):
    k = {k["name"]: k for k in s.status()["kinds"]}
    return k["quota"]["settled"] >= upto and all(x["watermark"] >= upto for x in k.values())


def tables_there(s, names):
    found = {r[0] for r in s.sql("select tablename from pg_tables where schemaname = 'liangjin'")}
    return [n for n in names if n in found]


def one_round(s, w, n):
    path = s.file("job-%d.ndjson" % w.made)
    size = world.write_events(path, [w.report() for _ in range(n)])
    last = s.one("select coalesce(max(position), 0) from event")
    closure = s.one("select coalesce(max(number), 0) from closure")
    settled_before = s.one("select position from settled where kind = 3")
    before = cpu.taken(s)
    with open(path, "rb") as f:
        figures = world.Submit(s, "job%d" % w.made, [], f).finish()
    assert figures["stored"] == n, figures
    acked = time.monotonic()
    upto = s.one("select max(position) from event where source = %s", ("job%d" % w.made,))
    lj.wait_until(lambda: settled(s, upto), "the whole job to be done", 300, 0.01)
    seconds = figures["seconds"] + time.monotonic() - acked
    costs = cpu.difference(before, cpu.taken(s), n)
    assert s.one("select count(*) from validation where position > %s and verdict = 1", (last,)) == n
    assert not s.sql("select 1 from quota_diff() limit 1"), "the ledger is not what the reports give"
    head = s.one("select max(position) from event")
    positions = [r[0] for r in s.sql("select position from event where position > %s order by position", (last,))]
    bounds = [last] + positions[yardstick.PART - 1::yardstick.PART]
    if bounds[-1] < head:
        bounds.append(head)
    chunked = [t for t in CHUNKED if t.name in tables_there(s, [x.name for x in CHUNKED])]
    ends = {"closure": "number > %d" % closure, "ledger_entry": "position > %d" % settled_before,
            "quota_total": "changed > %d" % settled_before}
    at_end = [yardstick.Table(t, ends[t]) for t in tables_there(s, AT_END)]
    yardstick.make(s, chunked + at_end)
    transactions = yardstick.parts(s, chunked, bounds)
    with yardstick.connect(s) as conn:
        transactions += [[(t.name, yardstick.fetch(conn, t.name, ends[t.name]))] for t in at_end]
    spent = yardstick.load(s, transactions, 2)
    rows = sum(yardstick.count(s, t.name) for t in chunked + at_end)
    return n / seconds, n / spent, rows / n, size, costs


def measure(rounds, full):
    n = 40000 if full else 15000
    w = world.World()
    ours, yard, rows, size, costs = [], [], 0, 0, None
    s = world.start(w)
    try:
        for i in range(rounds + 1):
            a, b, rows, size, costs = one_round(s, w, n)
            if i:
                ours.append(a)
                yard.append(b)
        yardstick.drop(s)
    finally:
        s.__exit__(None, None, None)
    yield {"name": "whole job, ZeroMQ", "ours": ours, "yard": yard, "unit": "reports/s", "yardstick": "the same final rows, binary COPY, two connections",
           "how": "%d clean reports of %d bytes with rosters of %d a round (%.1f rows a report in all tables), 1,020 teams, 8,160 athletes; one worker a kind; until the "
                  "last is settled; the totals equal to a recomputation" % (n, size, world.ROSTER, rows)}
    micros, wal = costs
    yield {"name": "whole job, processor time a report", "ours": [sum(m for m, _ in micros)], "unit": "µs",
           "how": "last round; " + ", ".join("%s %.1f" % (name, m) for m, name in micros) + "; WAL %.0f bytes a report" % wal}
