#!/usr/bin/python3
"""Named edge cases of the field: what happens at the ends of days, years, statuses and policies; figures reckoned by hand.

One log, filled as the broker would have stored it at the times that are named here, holds all cases of the quota; each case has a unit of its own. The number
in a test's name is the case's in docs/edge-cases.md. Cases of opinion, mail and intake are at the end, in a running system."""
import bisect
import datetime
import json
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import drive  # noqa: E402
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

LOCAL = datetime.timezone(datetime.timedelta(hours=8))
LEGACY = 2000


def at(text):
    """'2024-05-10 09:00' local; a day alone is its noon."""
    return datetime.datetime.fromisoformat(text if " " in text else text + " 12:00").replace(tzinfo=LOCAL)


def full(unit, code):
    """UNIT/CODE. A log that is taken over whole may be handed out before the broker's directory has its units, so nothing here leans on the event's own unit."""
    return code if "/" in code else unit + "/" + code


class Story:
    """Events of all cases by time of receipt, as drive.Run takes them."""

    def __init__(self):
        self.rows, self.names = [], {}
        self.send("2022-01-01 00:00", "policy.set", "CN000", {
            "scope": "NATION", "version": 1, "valid_from": "2022-01-01", "team_min_sessions": 4, "athlete_min_minutes": 360, "source": "test", "confidence": "none",
            "author": "a", "approver": "b"})
        self.send("2024-06-01 00:00", "policy.set", "CN000", {
            "scope": "NATION", "version": 2, "valid_from": "2024-07-01", "team_min_sessions": 4, "athlete_min_minutes": 480, "source": "test", "confidence": "none",
            "author": "a", "approver": "b"})
        for day in ("2022-01-01", "2023-01-01", "2024-01-01", "2024-02-08", "2025-01-01"):
            self.send(day + " 00:00", "calendar.day_started", "CN000", {"day": day})

    def send(self, when, type, unit, payload, id=None):
        id = id or str(uuid.uuid5(uuid.NAMESPACE_OID, "%s %d" % (type, len(self.rows))))
        self.rows.append((at(when), type, unit, id, json.dumps(payload, ensure_ascii=False)))
        return id

    def unit(self, code, when="2022-01-01 01:00", kind="PROVINCE"):
        self.send(when, "unit.registered", "CN000", {"code": code, "name": "单位" + code, "kind": kind})
        self.send(when, "site.registered", code, {"code": "school", "name": "试验小学" + code, "kind": "PRIMARY"})
        self.send(when, "site.registered", code, {"code": "base", "name": "训练基地" + code, "kind": "TRAINING_BASE"})
        return code

    def team(self, unit, code, when="2022-01-01 02:00", **more):
        self.send(when, "team.registered", unit, dict({"code": code, "name": "试验" + code, "level": "PROVINCIAL", "sport": "TABLE_TENNIS", "gender": "F",
                                                       "valid_from": "2022-01-01"}, **more))

    def person(self, unit, code, team, since="2022-01-01", when="2022-01-01 03:00", status="FORMAL"):
        self.send(when, "person.registered", unit, {"code": code, "name": "试验员", "sex": "F", "birth_year": 1995})
        self.member(unit, code, team, since, when, status)

    def member(self, unit, person, team, since, when="2022-01-01 04:00", status="FORMAL"):
        self.send(when, "membership.started", unit, {"person": full(unit, person), "team": full(unit, team), "role": "ATHLETE", "status": status, "valid_from": since})

    def report(self, name, unit, start, minutes, roster, filed=None, **more):
        """roster: [(person, team)]; filed on the next day at noon, if not otherwise told."""
        start = at(start)
        end = start + datetime.timedelta(minutes=minutes)
        body = {"title": "健身指导进校园活动", "mode": "ONSITE", "start_at": start.isoformat(), "end_at": end.isoformat(), "break_minutes": 0,
                "teams": sorted({full(unit, t) for _, t in roster}), "roster": [{"person": full(unit, p), "team": full(unit, t), "role": "INSTRUCT", "minutes": minutes} for p, t in roster],
                "site": unit + "/school", "served_body": "SCHOOL", "school_approval_no": "试〔2024〕1号", "audience": 60, "content": ["TEACH"],
                "guidance_minutes": minutes, "fee_charged": False}
        body.update(more)
        body = {k: v for k, v in body.items() if v is not None}
        filed = filed or (start + datetime.timedelta(days=1)).strftime("%Y-%m-%d 12:00")
        self.names[name] = self.send(filed, "activity.submitted", unit, body)

    def log(self):
        self.rows.sort(key=lambda r: r[0])
        self.times = [r[0] for r in self.rows]
        self.end = len(self.rows)
        return self

    def upto(self, when):
        return bisect.bisect_right(self.times, when)


def two_teams(s):
    for unit, kind in (("PS002", "PROVINCE"), ("NO002", "NATIONAL_ORG")):
        s.unit(unit, kind=kind)
        s.team(unit, "t")
    s.person("PS002", "p", "t")
    s.member("NO002", "PS002/p", "t", "2022-01-01")
    s.report("2a", "PS002", "2023-06-10 09:00", 120, [("p", "t")])
    s.report("2b", "NO002", "2023-06-10 14:00", 90, [("PS002/p", "t")])


def status_day(s):
    s.unit("PS003")
    s.team("PS003", "t")
    s.person("PS003", "p", "t", status="TRIAL")
    s.person("PS003", "q", "t")
    s.send("2023-05-09", "membership.changed", "PS003", {"person": "PS003/p", "team": "PS003/t", "from": "2023-05-10", "status": "FORMAL"})
    s.send("2023-05-10 08:00", "membership.changed", "PS003", {"person": "PS003/p", "team": "PS003/t", "from": "2023-05-11", "status": "RETIRED"})
    for day in (9, 10, 11):
        s.report("3-%d" % day, "PS003", "2023-05-%02d 09:00" % day, 60, [("p", "t"), ("q", "t")])


def merged(s):
    s.unit("PS004")
    s.team("PS004", "old")
    s.team("PS004", "new")
    s.person("PS004", "p", "old")
    s.report("4a", "PS004", "2023-03-01 09:00", 60, [("p", "old")])
    s.send("2023-07-01 10:00", "membership.ended", "PS004", {"person": "PS004/p", "team": "PS004/old", "on": "2023-07-01"})
    s.member("PS004", "p", "new", "2023-07-02", "2023-07-01 11:00")
    s.send("2023-07-01 12:00", "team.disbanded", "PS004", {"team": "PS004/old", "on": "2023-07-01", "merged_into": "PS004/new"})
    s.report("4b", "PS004", "2023-09-01 09:00", 60, [("p", "new")])


def policy_and_leap_day(s):
    s.unit("PS005")
    s.team("PS005", "t")
    s.person("PS005", "p", "t")
    s.person("PS005", "leap", "t", since="2024-02-29", when="2024-02-28")
    s.report("5a", "PS005", "2024-06-30 09:00", 240, [("p", "t")])
    s.report("5b", "PS005", "2024-07-01 09:00", 240, [("p", "t")])


def over_midnight(s):
    s.unit("PS007")
    s.team("PS007", "t")
    s.person("PS007", "p", "t")
    s.report("7", "PS007", "2023-12-31 23:00", 120, [("p", "t")], filed="2024-01-02 12:00")


def anchors(s):
    for n, (name, day, anchor) in enumerate((("8a", "2022-10-04", "CHONGYANG"), ("8b", "2030-10-05", "CHONGYANG"), ("8c", "2024-06-10", "A0610"), ("8d", "2024-06-18", "A0610"))):
        unit = s.unit("PS%03d" % (80 + n))
        s.team(unit, "t")
        s.person(unit, "p", "t")
        s.report(name, unit, day + " 09:00", 60, [("p", "t")], anchor=anchor)


def paris(s):
    s.unit("PS009")
    s.team("PS009", "t", games_task=["PARIS_2024"])
    s.person("PS009", "p", "t")


def base(s):
    s.unit("PS019")
    s.team("PS019", "t")
    s.person("PS019", "p", "t")
    s.report("19a", "PS019", "2023-05-23 09:00", 60, [("p", "t")], site="PS019/base", served_name="某某小学三年级")
    s.report("19b", "PS019", "2023-05-24 09:00", 60, [("p", "t")], site="PS019/base")


def recorded(s):
    s.unit("PS020")
    s.team("PS020", "t")
    s.person("PS020", "p", "t")
    s.report("20", "PS020", "2023-06-12 09:00", 60, [("p", "t")], mode="RECORDED", site=None, audience=0, audience_online=500000, url="https://video.invalid/1")


def two_of_one_item(s):
    """One school, one team, two days running; items that fit both, one of which a person decides about, and one that names another school."""
    s.unit("PS025")
    s.team("PS025", "t")
    s.person("PS025", "p", "t")
    for day in (5, 6):
        s.report("25-%d" % day, "PS025", "2023-06-%02d 09:00" % day, 60, [("p", "t")])
    for name, text in (("25-open", "试验t到试验小学PS025上课,孩子们等了一个小时。"), ("25-decided", "试验小学PS025:试验t的活动占用了上课时间。"),
                       ("25-none", "试验t到别的小学上课,孩子们等了一个小时。")):
        s.names[name] = s.send("2023-06-08 10:00", "opinion.item_received", "PS025", {"source": "WEIBO", "text": text, "posted_at": "2023-06-07T20:00:00+08:00"})
    for when, names in (("2023-06-09 09:00", ["25-5"]), ("2023-06-09 10:00", ["25-6", "25-5"])):
        s.send(when, "opinion.item_linked", "CN000", {"item": s.names["25-decided"], "activities": [s.names[n] for n in names], "reason": "按时间核实", "by": "值班员"})


def legacy(s):
    """A window lets in what is older than 30 days; the system's first day is 2023-05-01."""
    s.unit("PS027")
    s.team("PS027", "t")
    for n in range(20):
        s.person("PS027", "p%d" % n, "t")
    s.send("2023-05-02 08:00", "filing_window.opened", "PS027", {"from": "2023-05-02", "to": "2023-05-31", "reason": "系统启用前的历史补录", "by": "管理员"})
    for n in range(LEGACY):
        day = datetime.date(2023, 1, 3) + datetime.timedelta(days=n // 20)
        s.report("27-%d" % n, "PS027", "%s %02d:00" % (day, 8 + n % 20 // 2), 30, [("p%d" % (n % 20), "t")], filed="2023-05-03 12:00",
                 late_reason="系统启用前的历史活动集中补录")


_run = []


def run():
    if not _run:
        story = Story()
        for case in (two_teams, status_day, merged, policy_and_leap_day, over_midnight, anchors, paris, base, recorded, two_of_one_item, legacy):
            case(story)
        r = drive.Run(story.log())
        r.__enter__()
        _run.append((r, story, r.ledger(), r.totals()))
    return _run[0]


def of_ledger(unit, code, year, kind="P"):
    """(minutes, sessions) of a subject in the ledger."""
    _, _, ledger, _ = run()
    lines = [v for (subject, y, _), v in ledger.get(unit, {}).items() if subject == (kind, unit, code) and y == year]
    return sum(int(m) for m, _ in lines), sum(int(n) for _, n in lines)


def duty(unit, code, year, kind="P"):
    return run()[3][unit][(kind, unit, code), year]["duty"]


def verdict(name):
    """(1 accepted or 2 rejected, codes of what was found)."""
    r, story, _, _ = run()
    v, notes, rejected = r.system.sql("select v.verdict, v.notes, (select f.payload from event f join event_type t on t.number = f.type and t.name = 'activity.rejected'"
                                      " where f.causation_id = e.id) from validation v join event e using (position) where e.id = %s", (story.names[name],))[0]
    found = json.loads(notes) if notes else []
    return v, {n["code"] for n in found} | ({x["code"] for x in json.loads(rejected)["reasons"]} if rejected else set())


def test_02_one_athlete_of_two_teams():
    """hours are pooled once, the duty is one, each team has its session"""
    assert of_ledger("PS002", "p", 2023) == (210, 0)
    assert of_ledger("PS002", "t", 2023, "T")[1] == 1 and of_ledger("NO002", "t", 2023, "T")[1] == 1
    assert duty("PS002", "p", 2023) == 360


def test_03_formal_on_the_day_retired_on_the_next():
    """a trial athlete earns nothing on the 9th, all on the 10th, on which he became formal, and nothing on the 11th, on which he had retired"""
    assert of_ledger("PS003", "p", 2023) == (60, 0), of_ledger("PS003", "p", 2023)
    assert of_ledger("PS003", "q", 2023) == (180, 0) and of_ledger("PS003", "t", 2023, "T") == (0, 3)
    assert verdict("3-11") == (1, {"V07"}), verdict("3-11")


def test_04_team_merged_in_mid_year():
    """the old team keeps its session and owes for its 182 of 365 days, 2 of 4; the new one was there all year and owes 4"""
    assert of_ledger("PS004", "old", 2023, "T") == (0, 1) and of_ledger("PS004", "new", 2023, "T") == (0, 1)
    assert duty("PS004", "old", 2023, "T") == 2 and duty("PS004", "new", 2023, "T") == 4
    assert of_ledger("PS004", "p", 2023) == (120, 0) and duty("PS004", "p", 2023) == 360


def test_05_policy_changes_on_1_july():
    """360 x 182/366 + 480 x 184/366 = 420.3, up to the quarter of an hour 435; minutes by the policy of their day"""
    assert duty("PS005", "p", 2024) == 435
    assert of_ledger("PS005", "p", 2024) == (480, 0)


def test_06_duty_of_a_leap_year():
    """who came on 29 February owes for 123 and 184 of 366 days: 362.3, 375"""
    assert duty("PS005", "leap", 2024) == 375


def test_07_over_the_end_of_a_year():
    """23:00 on 31 December to 01:00 belongs to the old year whole"""
    assert of_ledger("PS007", "p", 2023) == (120, 0) and of_ledger("PS007", "p", 2024) == (0, 0)
    assert of_ledger("PS007", "t", 2023, "T") == (0, 1)


def test_08_anchors_in_other_holidays():
    """the Double Ninth in the National Day holiday (2022, 2030), 10 June on the Dragon Boat holiday (2024): the anchor holds; outside its window it does not"""
    for name in ("8a", "8b", "8c"):
        v, codes = verdict(name)
        assert v == 1 and "V22" not in codes, (name, v, codes)
    assert verdict("8d") == (2, {"V22"}), verdict("8d")


def test_09_a_paris_team_is_silent_until_august():
    """with no session at all it is in order to 6 September 2024, and watched from the 7th"""
    r = run()[0]
    levels = [r.pacing(datetime.date.fromisoformat(d))["PS009"]["T", "PS009", "t"][2] for d in ("2024-08-25", "2024-09-06", "2024-09-07")]
    assert levels == ["OK", "OK", "WATCH"], levels


def test_19_children_at_the_training_base():
    """with the school's name it counts, without it is rejected"""
    assert verdict("19a")[0] == 1 and of_ledger("PS019", "p", 2023) == (60, 0)
    assert verdict("19b") == (2, {"V12"}), verdict("19b")


def test_20_a_recorded_lesson_with_half_a_million_plays():
    """is accepted, and gives neither minutes nor a session"""
    assert verdict("20")[0] == 1
    assert of_ledger("PS020", "p", 2023) == (0, 0) and of_ledger("PS020", "t", 2023, "T") == (0, 0)


def test_25_an_item_that_fits_two_activities():
    """both are candidates and it counts for neither, until a person decides: the last decision holds, and it counts for the first that it names"""
    r, story, _, _ = run()
    of = {story.names[n]: n for n in ("25-5", "25-6")}

    def links(name):
        return {of[str(a)]: (state, counts) for a, state, counts in r.system.sql("select activity, state, counts from opinion_links(%s)", (story.names[name],))}
    assert links("25-open") == {"25-5": ("CANDIDATE", False), "25-6": ("CANDIDATE", False)}, links("25-open")
    assert links("25-decided") == {"25-5": ("DECIDED", False), "25-6": ("DECIDED", True)}, links("25-decided")
    assert links("25-none") == {}, links("25-none")


def test_27_legacy_rows_in_bulk():
    """2,000 rows from before the first day, in a window: all accepted, all marked, the day's cap and one session a day kept"""
    r, story, _, _ = run()
    accepted, marked = r.system.sql("select count(*) filter (where v.verdict = 1), count(*) filter (where v.legacy) from validation v join event e using (position)"
                                    " join unit u on u.number = e.unit where u.code = 'PS027'")[0]
    why = r.system.sql("select x ->> 'code', count(*), min(f.position), max(f.position) from event f join event_type t on t.number = f.type and t.name = 'activity.rejected' join unit u on"
                       " u.number = f.unit, json_array_elements(f.payload::json -> 'reasons') x where u.code = 'PS027' group by 1")
    assert (accepted, marked) == (LEGACY, LEGACY), (accepted, marked, why)
    assert sum(of_ledger("PS027", "p%d" % n, 2023)[0] for n in range(20)) == LEGACY * 30
    assert of_ledger("PS027", "t", 2023, "T") == (0, LEGACY // 20)


def test_zz_stop():
    """the log's system is stopped"""
    if _run:
        _run.pop()[0].__exit__(None, None, None)


ITEMS = {
    "22": "这位奥运冠军当年十字韧带断裂、骨折三次,带着伤痛和眼泪坚持训练,今天他走进校园教孩子们如何热身防止受伤,同学们听得入神。",
    "23": "网传昨天活动中运动员殴打学生。经核实,该消息不实,活动全程秩序良好,没有发生打人的情况,造谣者已被警方处罚。",
    "24": "孩子在昨天奥运冠军进校园活动上摔断了胳膊,现在还在医院,学校和队里都不管。",
}


def send(s, work, history, *events):
    """(type, unit, payload), with the Centre's right for types of the Centre; ids in the log."""
    made = [work.event(*e) for e in events]
    for e in made:
        history.put(sent=e["id"], event=e)
    with lj.Peer(s.endpoint(), "edges") as p:
        for e, (code, _, position, detail) in zip(made, p.submit(made, origin=2)):
            assert code == 0, detail
            history.put(ack=e["id"], code=code, position=position)
    return [e["id"] for e in made]


def recall_after_one_has_signed(s, work, history):
    """13: of three units one has signed, one has read, one has done nothing"""
    units = work.units[:3]
    send(s, work, history, ("mail.broadcast_requested", "CN000", {"scope": "list", "units": units, "title": "误发的整改通知", "body": "正文", "needs": "SIGN"}))
    stand = lambda: dict(s.sql("select unit_code, state from mailbox where template = 'N03'"))  # noqa: E731
    lj.wait_until(lambda: len(stand()) == 3, "the mail")
    mail = str(s.one("select distinct id from mailbox where template = 'N03'"))
    by = {"mail": mail, "by": "值班员甲"}
    send(s, work, history, ("mail.read", units[0], by), ("mail.signed", units[0], by), ("mail.read", units[1], by),
         ("mail.recalled", "CN000", {"mail": mail, "reason": "发错范围"}), ("mail.signed", units[1], by), ("mail.read", units[2], by))
    s.wait_drained()
    lj.wait_until(lambda: stand() == dict(zip(units, ("SIGNED", "RECALLED", "RECALLED"))), "the recall")
    assert dict(s.sql("select unit_code, title from mailbox where template = 'N03'")) == dict(zip(units, ("误发的整改通知",) * 2 + ("来信已撤回",)))
    assert sorted(u for (u,) in s.sql("select unit_code from mailbox where template = 'N26'")) == sorted(units[:2])
    assert not s.sql("select 1 from mail_open where template = 'N03'")


def test_13_22_23_24_mail_and_what_is_said():
    """a mail is recalled after one unit has signed; a positive story full of injury words and a rumour with its denial raise nothing; a case about an activity
    that was never reported reaches its unit"""
    with lj.System(gateway=False, kinds=["register", "opinion", "mail"]) as s:
        work = load.seed(s)
        history = load.History(s, "edges")
        recall_after_one_has_signed(s, work, history)
        unit = work.units[0]
        sent = {n: work.event("opinion.item_received", unit, {"source": "WEIBO", "text": text}) for n, text in ITEMS.items()}
        for e in sent.values():
            history.put(sent=e["id"], event=e)
        with lj.Peer(s.endpoint(), "items") as p:
            for e, (code, _, position, detail) in zip(sent.values(), p.submit(list(sent.values()))):
                assert code == 0, detail
                history.put(ack=e["id"], code=code, position=position)
        s.wait_drained()
        flagged = {str(i) for (i,) in s.sql("select e.id from opinion_score o join event e using (position) where o.verdict = 2")}
        assert flagged == {sent["24"]["id"]}, [n for n in sent if sent[n]["id"] in flagged]
        assert s.sql("select b.unit_code from mailbox b join mail m on m.id = b.id join event f on f.position = m.position where b.template = 'N25'"
                     " and f.causation_id = %s and b.unit_code = %s", (sent["24"]["id"], unit))
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
