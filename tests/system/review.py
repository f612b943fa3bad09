#!/usr/bin/python3
"""Review of activities through a running broker: what an approval, a return, a dispute and a revocation do to the ledger, and who may not decide."""
import hashlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

# The filler is an administrator too: another role makes nobody another person.
SELF = "filler:UNIT_ADMIN@PS001"
FILLER, ADMIN, CENTRE = "filler:TEAM_FILLER@PS001", "admin:UNIT_ADMIN@PS001", "auditor:CENTRE_AUDITOR@CN000"


class Case:
    """One activity and what is said about it; every step waits until it is judged."""

    def __init__(self, s, work, peer, history):
        self.s, self.work, self.peer, self.history = s, work, peer, history
        body = work.body()
        body["roster"] = body["roster"][:1] + [dict(body["roster"][0], person=body["roster"][0]["person"][:-1] + "3")]
        body["roster"] = [dict(r, minutes=90) for r in body["roster"]]
        self.persons = [r["person"] for r in body["roster"]]
        self.unit, self.body = work.units[0], body
        self.id = None

    def send(self, type, payload, source, origin=1):
        e = self.work.event(type, self.unit, payload)
        if self.id is None:
            self.id = e["id"]
        self.history.put(sent=e["id"], event=e)
        (code, _, position, detail), = self.peer.submit([e], source=source, origin=origin)
        assert code == 0, (code, detail)
        self.history.put(ack=e["id"], code=code, position=position)
        lj.wait_until(lambda: self.s.one("select count(*) from validation where position = %s", (position,)), "position %d to be judged" % position)
        (state, why), = self.s.sql("select coalesce(s.name, ''), coalesce(v.notes::json -> 0 ->> 'code', '') from validation v"
                                   " left join activity_state s on s.number = v.state where v.position = %s", (position,))
        return state or why

    def say(self, type, source=ADMIN, **payload):
        return self.send(type, dict(payload, activity=self.id), source, 2 if type.startswith(("activity.sam", "activity.conf", "activity.rev",
                                                                                           "participation.c", "participation.d", "host.c", "host.d")) else 1)

    def credit(self):
        """(minutes of the first person, of the second, sessions) that the ledger has of this activity, once all is settled."""
        self.s.wait_drained()
        minutes = [self.s.one("select coalesce(sum(l.minutes), 0)::int from ledger_entry l join person p on p.number = l.subject join unit u on u.number = p.unit"
                              " where l.subject_kind = 2 and l.activity = %s and u.code = %s and p.code = %s", (self.id, self.unit, p)) for p in self.persons]
        return tuple(minutes) + (self.s.one("select coalesce(sum(sessions), 0)::int from ledger_entry where subject_kind = 1 and activity = %s", (self.id,)),)


    def note(self, id):
        """An event that went another way than through our peer, for the checker."""
        (position, type, unit, payload), = self.s.sql("select e.position, t.name, u.code, e.payload from event e join event_type t on t.number = e.type"
                                                      " join unit u on u.number = e.unit where e.id = %s", (id,))
        self.history.put(sent=id, event={"id": id, "type": type, "unit": unit, "payload": json.loads(payload)})
        self.history.put(ack=id, code=0, position=position)

    def ljctl(self, *words, expect=0):
        argv = [self.s.program("ljctl"), "activity", words[0], "--dsn", self.s.pg.dsn("postgres"), "--run-dir", self.s.run_dir, "--output", "json"]
        r = subprocess.run(argv + list(words[1:]), capture_output=True, text=True, timeout=60)
        assert r.returncode == expect, "%s: exit %d\n%s%s" % (words, r.returncode, r.stdout, r.stderr)
        return json.loads(r.stdout) if r.stdout.strip() else []

    def link(self, person=None):
        token = "ljt_test_%s_%s" % (self.id, person)
        self.s.sql("select * from create_confirm_link(%s, %s, %s)", (hashlib.blake2b(token.encode(), digest_size=32).digest(), self.id, person))
        return token

    def confirm(self, token, say, **answer):
        """(status, body) of POST /v1/confirm."""
        body = dict(token=token, say=say, **({"answer": answer} if answer else {}))
        status, _, text = self.s.request("POST", "/v1/confirm", json.dumps(body, ensure_ascii=False).encode(), None, {"Content-Type": "application/json"})
        return status, json.loads(text)


def test_a_reviewed_life():
    """filed, not decided on by its filer, returned, sent again, approved, disputed, corrected, solved, sampled, revoked: the ledger after every step"""
    with lj.System(kinds=["register", "validation", "quota", "mail"], broker_options=["--settle-ms=20"]) as s:
        work = load.seed(s)
        with lj.Peer(s.endpoint(), "review") as p:
            history = load.History(s, "review")
            c = Case(s, work, p, history)
            policy = dict(load.Work.unit_events(0)[-1]["payload"], version=2, review="CENTRE", author="a", approver="b")
            e = work.event("policy.set", "CN000", policy)
            history.put(sent=e["id"], event=e)
            (code, _, position, _), = p.submit([e], origin=2)
            history.put(ack=e["id"], code=code, position=position)
            s.wait_drained()
            assert s.one("select count(*) from policy_version where review = 'CENTRE'") == 1

            assert c.send("activity.submitted", c.body, FILLER) == "UNIT_REVIEW"
            assert c.credit() == (0, 0, 0), c.credit()
            assert c.say("activity.approved", SELF, version=1) == "R01"          # case 29: the reviewer is who submitted
            assert c.say("activity.returned", version=1, reason="人数与照片不符") == "RETURNED"
            assert c.say("activity.approved", version=1) == "V31"
            assert c.say("activity.corrected", FILLER, base_version=1, body=c.body) == "UNIT_REVIEW"
            assert c.say("activity.approved", version=1) == "V31"                  # not the version that waits
            assert c.credit() == (0, 0, 0), c.credit()
            assert c.say("activity.approved", version=2) == "APPROVED"
            assert c.credit() == (90, 90, 1), c.credit()
            assert c.say("participation.disputed", "link:athlete", person=c.persons[0], reason="只参加了半场") == "APPROVED"  # case 26
            assert c.credit() == (0, 90, 1), c.credit()
            shorter = dict(c.body, roster=[dict(r, minutes=60) for r in c.body["roster"]])
            assert c.say("activity.corrected", FILLER, base_version=2, body=shorter) == "CORRECTION_PENDING"
            assert c.credit() == (0, 90, 1), c.credit()                            # what was approved stands
            assert c.say("activity.approved", version=3) == "APPROVED"
            assert c.credit() == (0, 60, 1), c.credit()                            # a correction does not clear the dispute
            assert c.say("participation.resolved", SELF, person=c.persons[0], outcome="KEPT", reason="签到属实") == "R01"
            assert c.say("participation.resolved", person=c.persons[0], outcome="KEPT", reason="签到属实") == "APPROVED"
            assert c.credit() == (60, 60, 1), c.credit()
            assert c.say("activity.sampled", CENTRE, version=3) == "SAMPLED"
            assert c.say("activity.confirmed", CENTRE, version=3) == "CONFIRMED"
            assert c.say("activity.withdrawal_requested", FILLER, base_version=3, reason="重复上报") == "V31"
            assert c.credit() == (60, 60, 1), c.credit()
            assert c.say("activity.revoked", CENTRE, version=3, reason="活动未举办") == "REVOKED"
            assert c.credit() == (0, 0, 0), c.credit()
            s.wait_drained()
            letters = [code for code, in s.sql("select t.code from mail m join mail_template t using (rule) where t.code not in ('N17', 'N24') order by m.position, m.rule")]
            rejected = ["N23"] * 5
            assert sorted(letters) == sorted(["N04", "N05", "N04", "N07", "N04", "N21"] + rejected), letters

            h = Case(s, work, p, history)
            assert h.send("activity.submitted", h.body, FILLER) == "UNIT_REVIEW"
            assert h.say("activity.approved", version=1) == "APPROVED"
            assert h.say("host.asked") == "APPROVED"
            assert h.say("host.disputed", "link:host", place_ok=False, comment="当日没有活动") == "UNIT_REVIEW"
            assert h.credit() == (0, 0, 0), h.credit()
            assert h.say("activity.approved", version=1) == "APPROVED"
            assert h.credit()[:2] == (90, 90), h.credit()
            one_time_links(s, work, p, history)
            differs = s.sql("select * from quota_diff() limit 3")
            assert not differs, differs
        s.check()


def one_time_links(s, work, p, history):
    """A host and an athlete answer over HTTP with nothing but their link: once, of their own activity, and not late."""
    c = Case(s, work, p, history)
    assert c.send("activity.submitted", c.body, FILLER) == "UNIT_REVIEW"
    waits, = c.ljctl("ls")
    assert (waits["activity"], waits["version"], waits["sent_by"]) == (c.id, 1, FILLER), waits
    c.note(c.ljctl("approve", c.id, "1")[0]["id"])
    lj.wait_until(lambda: s.one("select count(*) from validation where activity = %s and state = 4", (c.id,)), "the approval")
    assert c.ljctl("ls") == []
    athlete = c.link(c.unit + "/" + c.persons[0])
    status, shown = c.confirm(athlete, "show")
    assert (status, shown["kind"], shown["minutes"], shown["audience"]) == (200, "athlete", 90, None), shown
    status, answer = c.confirm(athlete, "dispute", reason="只参加了半场")
    assert (status, answer["duplicate"]) == (202, False), answer
    again = c.confirm(athlete, "dispute", reason="只参加了半场")
    assert again == (200, dict(answer, duplicate=True)), again                      # a second use is a repeat
    assert c.confirm(athlete, "confirm")[0] == 409                                 # and with another answer a conflict
    c.note(answer["id"])
    assert c.credit()[:2] == (0, 90), c.credit()
    token = c.ljctl("link", c.id)[0]["token"]
    asked = s.one("select e.id::text from event e join event_type t on t.number = e.type where t.name = 'host.asked' and e.key = %s", (c.id,))
    c.note(asked)
    lj.wait_until(lambda: s.one("select count(*) from validation where activity = %s and op = 14", (c.id,)), "the host to be asked")
    status, problem = c.confirm(token, "confirm", activity=c.id)                   # cannot be told another activity: a member twice
    assert status == 422 or status == 400, (status, problem)
    status, answer = c.confirm(token, "confirm", place_ok=True, head_count=120, satisfied=5)
    assert status == 202, answer
    c.note(answer["id"])
    assert s.one("select source from event where id = %s", (answer["id"],)) == "link:host"
    late = c.link(c.unit + "/" + c.persons[1])
    s.sql("update confirm_link set expires_at = now() where hash = %s", (hashlib.blake2b(late.encode(), digest_size=32).digest(),))
    assert c.confirm(late, "show")[0] == 404 and c.confirm("ljt_nobody", "confirm")[0] == 404
    assert c.confirm(athlete, "perhaps")[0] == 422
    s.wait_drained()
    assert dict(s.sql("select who, word from activity_words(%s)", (c.id,))) == {
        c.unit + "/" + c.persons[0]: "DISPUTED", c.unit + "/" + c.persons[1]: "PENDING", "HOST": "CONFIRMED"}
    story = [(x["type"], x["state"]) for x in c.ljctl("show", c.id)]
    assert story == [("activity.submitted", "UNIT_REVIEW"), ("activity.approved", "APPROVED"), ("participation.disputed", "APPROVED"),
                     ("host.asked", "APPROVED"), ("host.confirmed", "APPROVED")], story
    c.ljctl("return", c.id, "1", expect=2)                                         # without a reason


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
