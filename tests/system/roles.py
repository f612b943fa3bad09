#!/usr/bin/python3
"""Who may send what: roles of persons at the gateway, in the broker, and in the provenance of an event."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import load     # noqa: E402
import lj       # noqa: E402
import ljtest   # noqa: E402

UNITS = [{"type": "unit.registered", "unit": "CN000", "payload": p} for p in (
    {"code": "PS001", "name": "甲省体育局", "kind": "PROVINCE"}, {"code": "PS002", "name": "乙省体育局", "kind": "PROVINCE"},
    {"code": "SU101", "name": "甲省训练中心", "kind": "SUB_UNIT", "parent": "PS001"})]
ROLES = {"filler": ("TEAM_FILLER", "PS001"), "admin": ("UNIT_ADMIN", "PS001"), "leader": ("UNIT_LEADER", "PS001"), "centre_op": ("CENTRE_OPERATOR", "CN000"),
         "auditor": ("CENTRE_AUDITOR", "CN000"), "policy": ("POLICY_ADMIN", "CN000"), "duty": ("OPINION_DUTY", "CN000"), "watcher": ("OBSERVER", "CN000")}


def add_tokens(s):
    for name, (role, unit) in ROLES.items():
        lj.TOKENS[name] = ("test-%s-0123456789abcdef0123" % name, unit, role)
        if not s.sql("select 1 from token where name = %s", (name,)):
            s.token(name)


def status_of(s, token, type_, unit="PS001", payload=None):
    status, answer = s.post({"type": type_, "unit": unit, "payload": payload or {}}, token)
    return status, answer.get("code")


def test_roles_send_what_the_table_says():
    """every role and type: the gateway as proto/event_roles.tsv, the broker again, and the source says who it was"""
    with lj.System(kinds=["register"]) as s:
        for e in UNITS:
            assert s.post(e)[0] == 202
        s.wait_drained()
        add_tokens(s)
        unknown = "/v1/events/018e85ca-2000-7000-8000-00000000ffff"
        lj.wait_until(lambda: all(s.get(unknown, name)[0] == 404 for name in ROLES), "the tokens to be known")
        lj.wait_until(lambda: status_of(s, "admin", "person.registered", "SU101")[0] == 202, "the units to be known")
        may = {(r, t) for r, t in s.sql("select role, type from role_type")}
        types = [t for (t,) in s.sql("select name from event_type where origin in ('client', 'centre') order by number")]
        assert may and types
        for name, (role, unit) in ROLES.items():
            for t in types:
                want = (202, None) if (role, t) in may else (403, "forbidden") if role == "OBSERVER" else (403, "type_forbidden")
                got = status_of(s, name, t, unit)
                assert got == want, (role, t, want, got)
        assert status_of(s, "admin", "person.registered", "SU101")[0] == 202
        assert status_of(s, "admin", "person.registered", "PS002") == (403, "unit_forbidden")
        assert s.one("select count(*) from event e join event_type t on t.number = e.type where source_role(e.source) is not null"
                     " and not exists (select from role_type r where r.role = source_role(e.source) and r.type = t.name)") == 0
        assert s.one("select count(*) from event where source_account(source) = 'admin' and source_role(source) = 'UNIT_ADMIN' and"
                     " source_unit(source) = 'PS001'") > 0
        the_broker_judges_again(s)


def the_broker_judges_again(s):
    """A gateway that says something impossible of a person is refused, event by event."""
    work = load.Work(9)

    def event(type_="activity.submitted", unit="PS001"):
        return {"id": work.uuid7(), "type": type_, "unit": unit, "payload": {}}
    with lj.Peer(s.endpoint(), "test") as p:
        for source, e, code in (("a:UNIT_ADMIN@PS001", event(), 0), ("a:UNIT_ADMIN@PS001", event(unit="SU101"), 0),
                                ("a:UNIT_ADMIN@PS001", event(unit="PS002"), -62), ("a:UNIT_LEADER@PS001", event(), -61),
                                ("a:UNIT_ADMIN@CN000", event(), -62), ("a:CENTRE_AUDITOR@PS001", event("mail.read"), -62),
                                ("a:UNIT_ADMIN@XX999", event(), -62), ("a:NOBODY@PS002", event(), 0), ("machine", event(), 0)):
            assert p.submit([e], source=source)[0][0] == code, (source, e)


def ask(s, sender, type_, unit, payload, status=202):
    got, answer = s.post({"type": type_, "unit": unit, "payload": payload}, sender)
    assert got == status, (type_, got, answer)
    return answer.get("id")


def test_a_unit_from_the_letter_to_the_directory():
    """addressed, invited, applied, returned, applied again, activated: each by its role, and the mail that tells of it"""
    with lj.System(kinds=["register", "mail"]) as s:
        for e in UNITS + [{"type": "unit.addressed", "unit": "CN000", "payload": {"code": "PS052", "name": "天津体育局", "kind": "PROVINCE"}}]:
            assert s.post(e)[0] == 202
        s.wait_drained()
        add_tokens(s)
        lj.TOKENS["tianjin"] = ("test-tianjin-0123456789abcdef01", "PS052", "UNIT_ADMIN")
        s.token("tianjin")
        lj.wait_until(lambda: status_of(s, "tianjin", "unit.applied", "PS052", {"unit": "PS052"})[0] == 202, "the unit's token and code to be known")
        ask(s, "centre_op", "unit.invited", "CN000", {"unit": "PS052"})
        ask(s, "tianjin", "unit.applied", "PS052", {"unit": "PS052"})
        ask(s, "tianjin", "unit.activated", "PS052", {"unit": "PS052"}, status=403)
        ask(s, "centre_op", "unit.returned", "CN000", {"unit": "PS052", "reason": "缺联系人"})
        ask(s, "tianjin", "unit.applied", "PS052", {"unit": "PS052"})
        ask(s, "centre_op", "unit.activated", "CN000", {"unit": "PS052"})
        ask(s, "centre_op", "unit.activated", "CN000", {"unit": "PS052"})      # refused by the register: no second mail
        s.wait_drained()
        assert s.one("select state from current_unit where code = 'PS052'") == "ACTIVE"
        mails = s.sql("select title, body from mailbox where unit_code = 'PS052' and template = 'N02' order by position")
        assert [m[0] for m in mails] == ["注册申请已退回", "注册申请已批准"] and "缺联系人" in mails[0][1], mails
        refused = s.sql("select r.code from register_refusal r join event e using (position) join event_type t on t.number = e.type"
                        " where t.name = 'unit.activated'")
        assert refused == [("nothing_changes",)], refused
        broadcast_to_a_suspended_unit(s)


def broadcast_to_a_suspended_unit(s):
    """Edge case 12: a broadcast is sent while a unit is suspended, and its administrator is replaced before anybody has signed."""
    for login in ("old_admin", "new_admin"):
        ask(s, "centre", "account.invited", "PS052", {"login": login, "name": "张三", "roles": ["UNIT_ADMIN"]})
        ask(s, "centre", "account.accepted", "PS052", {"login": login})
        ask(s, "centre", "account.activated", "PS052", {"login": login})
    ask(s, "centre_op", "unit.suspended", "CN000", {"unit": "PS052", "suspended": True})
    ask(s, "centre_op", "mail.broadcast_requested", "CN000", {"scope": "list", "units": ["PS052"], "title": "整改", "body": "请签收", "needs": "SIGN", "due_working_days": 5})
    s.wait_drained()
    mail = s.one("select id::text from mailbox where unit_code = 'PS052' and template = 'N03'")
    s.sql("insert into calendar_day select max(position) + 1, current_date + 60 from event")  # long past the term: the suspended unit is not reminded
    due = "select count(*) from mail_steps_due((select max(position) from calendar_day), current_date + 60, now()) d join unit u on u.number = d.unit where u.code = 'PS052'"
    assert s.one(due) == 0
    s.sql("set session_replication_role = replica; delete from calendar_day where day > current_date; set session_replication_role = origin")
    ask(s, "centre_op", "unit.resumed", "CN000", {"unit": "PS052"})
    ask(s, "tianjin", "mail.read", "PS052", {"mail": mail, "by": "old_admin"})
    ask(s, "centre", "account.disabled", "PS052", {"login": "old_admin", "reason": "调离", "handover_to": "new_admin"})
    ask(s, "tianjin", "mail.signed", "PS052", {"mail": mail, "by": "new_admin"})
    ask(s, "centre", "account.disabled", "PS052", {"login": "new_admin", "reason": "调离"})    # edge case 30: refused
    s.wait_drained()
    got = s.sql("select state, read_by, signed_by from mailbox where id = %s and unit_code = 'PS052'", (mail,))
    assert got == [("SIGNED", "old_admin", "new_admin")], got
    assert s.sql("select login, state from current_account where login like '%admin' order by 1") == [("new_admin", "ACTIVE"), ("old_admin", "DISABLED")]
    assert s.one("select code from register_refusal order by position desc limit 1") == "last_admin"


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
