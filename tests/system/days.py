#!/usr/bin/python3
"""Days begin as events of the log, once each; what follows from a day is told once: the digests of credits (N06), one a team and day, and of flags
(N12), one a unit and day."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

DAY = 86400


def days(s):
    return [r[0] for r in s.sql("select payload::json ->> 'day' from event where type = (select number from event_type where name = 'calendar.day_started')"
                                " order by position")]


def restart(s, shift_s):
    assert s.broker.terminate() == 0
    s.broker.start(LJ_CLOCK_SHIFT_S=str(shift_s))
    s.wait_running()


def digests(s):
    """{(unit, team code): payload} of the digests in the log; two of one team are an error."""
    rows = s.sql("select unit, payload::json from event where type = (select number from event_type where name = 'quota.credited') order by position")
    assert len({(unit, d["team"], d["to"]) for unit, d in rows}) == len(rows), rows
    return {(unit, d["team"]): d for unit, d in rows}


def send(s, work, history, type, unit, payload, origin=1):
    """One event by hand; its id."""
    e = work.event(type, unit, payload)
    history.put(sent=e["id"], event=e)
    with lj.Peer(s.endpoint(), "by-hand") as p:
        (code, _, position, detail), = p.submit([e], origin=origin)
    assert code == 0, detail
    history.put(ack=e["id"], code=code, position=position)
    return e["id"]


def flag_is_explained_and_decided(s, work, activity):
    """The flag that its unit was told of: another unit's word is refused, the unit's taken, the Centre decides; what is decided moves no more."""
    history = load.History(s, "flags")
    flag, unit = s.sql("select id::text, unit from flag_list where code = 'X01' and activity = %s", (activity,))[0]
    state = lambda: s.one("select state from flag where id = %s", (flag,))  # noqa: E731
    refused = lambda: sorted(r for (r,) in s.sql("select refused from flag_move where refused is not null"))  # noqa: E731
    other = "PS002" if unit != "PS002" else "PS003"
    said = {"flags": [flag], "explanation": "当日以开营仪式为主,次日补课", "by": "值班员甲"}
    send(s, work, history, "flag.explained", other, said)
    lj.wait_until(lambda: refused() == ["OTHER_UNIT"], "another unit's word to be refused")
    send(s, work, history, "flag.explained", unit, said)
    lj.wait_until(lambda: state() == "EXPLAINED", "the unit's word")
    send(s, work, history, "flag.decided", "CN000", {"flags": [flag], "decision": "DISMISSED", "reason": "说明合理", "by": "审核员"}, origin=2)
    lj.wait_until(lambda: state() == "DISMISSED", "the auditor's word")
    send(s, work, history, "flag.explained", unit, said)
    lj.wait_until(lambda: refused() == ["OTHER_UNIT", "STATE"], "a word that comes too late to be refused")
    assert s.one("select count(*) from object_score where activity = %s and position('X01' in evidence) > 0", (activity,)) == 0


def duplicate_is_decided(s, work, pair, unit):
    """One event reported twice: the report that came later is withdrawn, its credit is gone, and its unit is told."""
    history = load.History(s, "duplicates")
    flag = s.one("select id::text from flag_list where code = 'DUP' and activity in %s and other_activity in %s", (pair, pair))
    later, sooner = (r[0] for r in s.sql("select activity::text from validation where activity in %s and version = 1 order by position desc", (pair,)))
    credit = lambda a: s.one("select coalesce(sum(minutes) + sum(sessions), 0) from ledger_entry where activity = %s", (a,))  # noqa: E731
    assert credit(later) + credit(sooner) > 0
    send(s, work, history, "duplicate.decided", "CN000", {"flag": flag, "outcome": "SAME_EVENT_DOUBLE", "reason": "同一场活动报了两次", "by": "审核员"}, origin=2)
    lj.wait_until(lambda: s.one("select state_name from activity where activity = %s", (later,)) == "WITHDRAWN", "the later report to be withdrawn")
    s.wait_drained()
    assert credit(later) == 0 and credit(sooner) > 0, (credit(later), credit(sooner))
    assert s.one("select count(*) from mailbox where template = 'N21' and unit_code = %s and body like '%%重复上报%%'", (unit,)) == 1


def test_one_digest_a_team_and_day():
    """the next day tells each team what it was credited, in sums equal to the ledger's, one mail each; said again by no restart, nor by a clock set back"""
    with lj.System(gateway=False, broker_options=["--calendar=yes"]) as s:
        lj.wait_until(lambda: len(days(s)) == 1, "today to begin")
        work = load.seed(s)
        flagged = work.report()
        flagged["payload"]["guidance_minutes"] = 1
        twin = work.event("activity.submitted", flagged["unit"], flagged["payload"])  # the same report again, under another id
        submit = load.SubmitLoad(s, "zmq", events=[flagged, twin] + [work.report() for _ in range(118)])
        assert submit.finish(stop=False)["stored"] == 120
        s.wait_drained()
        assert not digests(s)
        restart(s, 0)
        restart(s, DAY)
        lj.wait_until(lambda: len(days(s)) == 2, "tomorrow to begin")
        told = "select count(distinct t.team) from quota_version v join quota_participation t on t.position = v.position and t.listed"
        lj.wait_until(lambda: len(digests(s)) == s.one(told), "a digest for each team")
        s.wait_drained()
        mails = s.one("select count(*) from mailbox where template = 'N06'")
        assert mails == len(digests(s)) > 0, (mails, len(digests(s)))
        sums = {(r[0], r[1]): (int(r[2]), int(r[3])) for r in s.sql(
            "select t.unit, t.code::text, coalesce(sum(l.minutes) filter (where l.subject_kind = 2), 0),"
            " coalesce(sum(l.sessions) filter (where l.subject_kind = 1), 0)"
            " from ledger_entry l join team t on t.number = l.team group by t.unit, t.code")}
        for team, d in digests(s).items():
            assert (d["minutes"], d["sessions"]) == sums.get(team, (0, 0)), (team, d, sums.get(team))
        pair = (flagged["id"], twin["id"])
        suspected = lambda: s.sql("select evidence::json ->> 'level', state from flag_list where code = 'DUP' and activity in %s and other_activity in %s",  # noqa: E731
                                  (pair, pair))
        lj.wait_until(lambda: suspected() == [("DUP", "OPEN")], "the report that came twice to be suspected")
        letter = "select count(*) from mailbox where template = 'N12' and unit_code = %s and body like '%%X01 以仪式讲话为主%%' and body like '%%DUP 疑似重复上报%%'"
        lj.wait_until(lambda: s.one(letter, (flagged["unit"],)) == 1, "the unit to be told of the flags")
        assert s.one("select count(*) from mailbox where template = 'N12'") == s.one(
            "select count(distinct unit) from flag where severity = 'F'"), "one a unit, of all its flags"
        flag_is_explained_and_decided(s, work, flagged["id"])
        duplicate_is_decided(s, work, pair, flagged["unit"])
        restart(s, 0)
        restart(s, DAY)
        s.wait_drained()
        assert len(days(s)) == 2 and s.one("select count(*) from mailbox where template = 'N06'") == mails
        s.check()


def reminders(s):
    return [tuple(r) for r in s.sql("select unit_code, template from mailbox where template between 'N31' and 'N35' order by position, template, unit_code")]


def test_mail_that_is_not_signed_is_reminded_of():
    """a mail to sign within one working day: units that have not signed are reminded step by step as the days begin, who has signed is not"""
    with lj.System(gateway=False, broker_options=["--calendar=yes"]) as s:
        work = load.seed(s)
        lj.wait_until(lambda: len(days(s)) == 1, "today to begin")
        history = load.History(s, "centre")
        send(s, work, history, "mail.broadcast_requested", "CN000", {"scope": "list", "units": ["PS001", "PS002"], "title": "整改通知", "body": "请签收",
                                                                     "needs": "SIGN", "due_working_days": 1}, origin=2)
        lj.wait_until(lambda: s.sql("select 1 from mailbox where template = 'N03'"), "the mail")
        mail, due, today = s.sql("select id, due_on - (sent_at at time zone 'Asia/Shanghai')::date, due_on from mailbox where template = 'N03' limit 1")[0]
        for type in ("mail.read", "mail.signed"):
            send(s, work, history, type, "PS001", {"mail": str(mail), "by": "值班员甲"})
        lj.wait_until(lambda: s.one("select state from mailbox where template = 'N03' and unit_code = 'PS001'") == "SIGNED", "PS001 to have signed")
        restart(s, due * DAY)
        lj.wait_until(lambda: reminders(s) == [("PS002", "N32")], "the day on which it falls due to be told")
        restart(s, (due + 30) * DAY)
        lj.wait_until(lambda: reminders(s) == [("PS002", "N32"), ("CN000", "N35")], "ten working days over: the Centre, and no step in between")
        restart(s, (due + 31) * DAY)
        lj.wait_until(lambda: len(days(s)) == 4 and s.status()["kinds"][3]["settled"] >= s.one("select max(position) from calendar_day"), "another day to be settled")
        assert len(reminders(s)) == 2, reminders(s)
        s.wait_drained()
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
