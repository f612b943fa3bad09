#!/usr/bin/python3
"""Review of activities through a running broker: what an approval, a return, a dispute and a revocation do to the ledger, and who may not decide."""
import os
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


def test_a_reviewed_life():
    """filed, not decided on by its filer, returned, sent again, approved, disputed, corrected, solved, sampled, revoked: the ledger after every step"""
    with lj.System(gateway=False, kinds=["register", "validation", "quota", "mail"], broker_options=["--settle-ms=20"]) as s:
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
            letters = [code for code, in s.sql("select t.code from mail m join mail_template t using (rule) where t.code <> 'N24' order by m.position, m.rule")]
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
            differs = s.sql("select * from quota_diff() limit 3")
            assert not differs, differs
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
