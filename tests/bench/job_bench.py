"""The whole job: reports in, validated, counted, scored, settled, everything committed; against the same final rows by binary COPY on two connections."""
import os
import time

import cpu
import lj
import peers
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


def do_job(s, w, n, meanwhile=None):
    """n reports in, until the last is settled: seconds, size of an event, costs. meanwhile(): called again and again until all is done.

    Nothing is lost when this returns: all are in the log, all are accepted by validation, and the ledger is what a recomputation gives.
    """
    name = "job%d" % w.made
    path = s.file(name + ".ndjson")
    size = world.write_events(path, [w.report() for _ in range(n)])
    last = s.one("select coalesce(max(position), 0) from event")
    before = cpu.taken(s) if meanwhile is None else None
    with open(path, "rb") as f:
        submit = world.Submit(s, name, [], f)
    while meanwhile and submit.child.poll() is None:
        meanwhile()
        time.sleep(0.01)
    figures = submit.finish()
    os.unlink(path)
    assert figures["acked"] == n, figures
    acked = time.monotonic()
    upto = s.one("select max(position) from event where source = %s", (name,))

    def done():
        if meanwhile:
            meanwhile()
        return settled(s, upto)
    lj.wait_until(done, "the whole job to be done", 300, 0.01)
    seconds = figures["seconds"] + time.monotonic() - acked
    costs = cpu.difference(before, cpu.taken(s), n) if before else None
    accepted = s.one("select count(*) from validation where position > %s and verdict = 1", (last,))
    assert accepted == n, "%d of %d reports are accepted" % (accepted, n)
    return {"seconds": seconds, "acked": figures["seconds"], "size": size, "costs": costs, "last": last, "upto": upto}


def settled_well(s):
    assert not s.sql("select 1 from quota_diff() limit 1"), "the ledger is not what the reports give"


def one_round(s, w, n):
    closure = s.one("select coalesce(max(number), 0) from closure")
    settled_before = s.one("select position from settled where kind = 3")
    job = do_job(s, w, n)
    settled_well(s)
    last = job["last"]
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
    return n / job["seconds"], n / spent, rows / n, job["size"], job["costs"]


def measure(rounds, full):
    n = 40000 if full else 15000
    w = world.World()
    ours, yard, rows, size, costs = [], [], 0, 0, None
    others, lean, at = [], [], peers.folder()
    with world.running(w) as s:
        for i in range(rounds + 1):
            a, b, rows, size, costs = one_round(s, w, n)
            if i:
                ours.append(a)
                yard.append(b)
                if at:
                    with peers.postgres(at):
                        others.append(peers.pipelines(at, n))
                        lean.append(peers.lean_rows(at, n))
        yardstick.drop(s)
    yield {"name": "whole job, ZeroMQ", "ours": ours, "yard": yard, "unit": "reports/s", "yardstick": "the same final rows, binary COPY, two connections",
           "how": "%d clean reports of %d bytes with rosters of %d a round (%.1f rows a report in all tables), 1,020 teams, 8,160 athletes; one worker a kind; until the "
                  "last is settled; the totals equal to a recomputation" % (n, size, world.ROSTER, rows)}
    micros, wal = costs
    yield {"name": "whole job, processor time a report", "ours": [sum(m for m, _ in micros)], "unit": "µs",
           "how": "last round; " + ", ".join("%s %.1f" % (name, m) for m, name in micros) + "; WAL %.0f bytes a report" % wal}
    for peer in others[0] if others else ():
        yield {"name": "whole job, beside " + peer, "ours": ours, "yard": [o[peer] for o in others], "unit": "reports/s", "yardstick": peer,
               "how": "the same runs of ours; the peer: %s reports a batch and transaction, %s workers, 10 rows a report, no rules, order or settlement" % (
                   peers.BATCH, peers.WORKERS)}
    if lean:
        yield {"name": "rows and indexes of a whole job", "ours": yard, "yard": lean, "unit": "reports/s", "yardstick": "COPY of the leanest rows that hold a job",
               "how": "our rows by binary COPY against 10 lean rows a report by the same method; two connections, 1,000 reports a commit"}
