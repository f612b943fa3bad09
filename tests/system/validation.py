#!/usr/bin/python3
"""The kind validation through a running broker: V30 (an event's id is in the log once, so a repeat is judged once), and a report's life in versions."""
import copy
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

STORED, REPEATED, CONFLICT = 0, 1, -55  # answers of an ACK; common/err.def


def told(history, p, events, conflicts=()):
    """Submit, with a history for the checker: [(code, position)]."""
    for e in events:
        history.put(**({"conflict": e["id"], "event": e} if e in conflicts else {"sent": e["id"], "event": e}))
    answers = [(code, position) for code, _, position, _ in p.submit(events)]
    for e, (code, position) in zip(events, answers):
        if code >= 0:
            history.put(ack=e["id"], code=code, position=position)
        elif e in conflicts:
            history.put(conflicted=e["id"], code="id_conflict")
    return answers


def judged(s, activity):
    """(verdict, version) of every event about an activity, in order."""
    s.wait_drained()
    return s.sql("select verdict, version from validation where activity = %s order by position", (activity,))


def test_v30_is_the_logs():
    """the same id with equal content gets the same answer and no second verdict; with other content a conflict, and nothing changes"""
    with lj.System(gateway=False, kinds=["register", "validation"]) as s:
        work = load.seed(s)
        with lj.Peer(s.endpoint(), "v30") as p:
            history, report = load.History(s, "v30"), work.report()
            (code, position), = told(history, p, [report])
            assert code == STORED, code
            reordered = dict(report, payload=dict(reversed(list(report["payload"].items()))))
            other = copy.deepcopy(report)
            other["payload"]["audience"] += 1
            answers = told(history, p, [report, reordered, other, report], [other])
            assert [a[0] for a in answers] == [REPEATED, REPEATED, CONFLICT, REPEATED], answers
            assert [a[1] for a in answers if a[0] >= 0] == [position] * 3, answers
            assert judged(s, report["id"]) == [(1, 1)], judged(s, report["id"])
            assert s.one("select count(*) from event where id = %s", (report["id"],)) == 1
            assert told(history, p, [report]) == [(REPEATED, position)]  # after the verdict as before it
            assert judged(s, report["id"]) == [(1, 1)]
        s.check()


def test_a_burst_about_one_activity():
    """report, corrections and withdrawal sent at once are judged in the order in which they were stored; what comes too late is refused"""
    with lj.System(gateway=False, kinds=["register", "validation"]) as s:
        work = load.seed(s)
        with lj.Peer(s.endpoint(), "burst") as p:
            r = work.report()
            change = lambda base: work.event("activity.corrected", r["unit"],  # noqa: E731
                                             {"activity": r["id"], "base_version": base, "body": dict(r["payload"], audience=90 + base)})
            withdraw = lambda base: work.event("activity.withdrawal_requested", r["unit"],  # noqa: E731
                                               {"activity": r["id"], "base_version": base, "reason": "重复上报"})
            events = [change(1), r, change(1), change(1), change(2), withdraw(1), withdraw(3), change(4)]
            assert [a[0] for a in told(load.History(s, "burst"), p, events)] == [STORED] * len(events)
            want = [(2, None), (1, 1), (1, 2), (2, None), (1, 3), (2, None), (1, 4), (2, None)]
            assert judged(s, r["id"]) == want, judged(s, r["id"])
            rejected = "select count(*) from event e join event_type t on t.number = e.type where t.name = %s and e.key = %s"
            assert s.one(rejected, ("activity.rejected", r["id"])) == 4
            assert s.one(rejected, ("activity.withdrawn", r["id"])) == 1
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
