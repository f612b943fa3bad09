"""Many histories through the real programs, in one log, and every figure that stands then.

The log is filled with the events as if the broker had stored them, with the times of receipt that the histories name and the calendar's days in between;
then broker and workers start and take it over as after a crash: register and validation judge, the quota's worker computes, the broker settles. That is
the first settlement ("live"). Its cuts are the broker's; so the ledger is emptied afterwards and settled again with `settle_quota` at
cuts that the caller chooses, as often as wanted, over the same rows."""
import datetime
import bisect
import io
import json
import os
import random
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import make  # noqa: E402
import oracle  # noqa: E402

NOBODYS = "00000000-0000-0000-0000-000000000000"


def midnight(day):
    return datetime.datetime.combine(day, datetime.time(), oracle.LOCAL)


def shared_events(seed):
    """Calendar and nation's policy: [(received, type, unit, id, text, source)]."""
    out = [(midnight(make.FIRST + make.DAY * i), "calendar.day_started", "CN000", json.dumps({"day": (make.FIRST + make.DAY * i).isoformat()}))
           for i in range((make.LAST - make.FIRST).days + 1)]
    out += [(midnight(day) + datetime.timedelta(microseconds=1 + n), "policy.set", "CN000", json.dumps(p)) for n, (day, p) in enumerate(make.nation(seed))]
    return [(t, type, unit, str(uuid.UUID(bytes=random.Random("shared %d" % i).randbytes(16), version=4)), text, "oracle")
            for i, (t, type, unit, text) in enumerate(out)]


class Log:
    """The histories' events in the order of receipt; positions from 1 on."""

    def __init__(self, histories, seed):
        shared = shared_events(seed)
        self.policies = [r for r in shared if r[1] == "policy.set"]
        self.histories, self.own = histories, []
        rows = [(r[0], -1, k, r) for k, r in enumerate(shared)]
        for n, h in enumerate(histories):
            self.own.append(make.realise(h, n))
            rows += [(r[0], n, k, r) for k, r in enumerate(self.own[-1])]
        rows.sort(key=lambda x: x[:3])
        self.rows = [r for _, _, _, r in rows]
        self.times = [r[0] for r in self.rows]
        self.position = {r[3]: i + 1 for i, r in enumerate(self.rows)}
        self.end = len(self.rows)

    def upto(self, when):
        """The last position received at or before a time."""
        return bisect.bisect_right(self.times, when)

    def events_of(self, n):
        """What the oracle is told of history n: the nation's policies and its own, in order."""
        rows = sorted([(r[0], 0, k, r) for k, r in enumerate(self.policies)] + [(r[0], 1, k, r) for k, r in enumerate(self.own[n])], key=lambda x: x[:3])
        return [make.for_oracle(r) for _, _, _, r in rows]


def escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


class Run:
    """One log in one system. `with Run(log) as run`: live figures at once, then run.settle(cuts)."""

    def __init__(self, log, build=None):
        self.log = log
        self.system = lj.System(build=build, gateway=False, kinds=["register", "validation", "quota"], start=False)

    def __enter__(self):
        self.system.__enter__()
        try:
            self.fill()
            self.system.start_all()
            self.drain()
            for p in self.system.processes():
                assert p.terminate() == 0, p.tail()
            self.top = self.system.one("select max(position) from event")
            parked = self.system.one("select count(*) from parked")
            assert parked == 0, "%d parked events" % parked
        except BaseException:
            self.system.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exc):
        return self.system.__exit__(*exc)

    def drain(self):
        """Until all is judged and settled. The planner is told of the tables while they grow: nobody waits for autovacuum here."""
        end, told = time.monotonic() + 600, 0
        while not self.system.drained(["register", "validation", "quota"]):
            assert time.monotonic() < end, "not drained within 600 s: %s" % self.system.status()
            for p in self.system.processes():
                assert p.alive(), p.tail()
            if time.monotonic() > told + 1.5:
                self.system.sql("analyze")
                told = time.monotonic()
            time.sleep(0.1)

    def fill(self):
        s = self.system
        types = {name: (n, cls, key) for n, name, cls, key in s.sql("select number, name, class, default_key from event_type")}
        numbers, out = {"CN000": 0}, io.StringIO()
        for i, (received, type, unit, id, text, *source) in enumerate(self.log.rows):
            if type == "unit.registered":
                numbers[json.loads(text)["code"]] = len(numbers)
            n, cls, key = types[type]
            if key.startswith("payload:"):
                key = json.loads(text)[key[8:]]
            else:
                key = key[6:] if key.startswith("const:") else "\\N"
            out.write("%d\t%s\t\\N\t%s\t%d\t%d\t%d\t1\t%s\t%s\t\\\\x%s\t%s\n" % (
                i + 1, received.isoformat(), id, n, numbers.get(unit, 0), cls, key, (source or ["oracle"])[0], uuid.UUID(id).hex, escaped(text)))
        out.seek(0)
        # The ledger alone is compared. What else a settlement does at each of 1,400 days (flags, digests, statistics) would take most of the time.
        s.sql("update kind set settle_function = 'settle_quota' where name = 'quota'")
        with s._conn.cursor() as c:
            c.copy_expert("copy event (position, received_at, occurred_at, id, type, unit, class, schema_version, key, source, content_hash, payload) from stdin", out)
            c.execute("analyze")

    def verdicts(self):
        """{event id: True where register applied or validation accepted it}."""
        return {id: v == 1 for id, v in self.system.sql(
            "select e.id::text, v.verdict from (select position, verdict from register_log union all select position, verdict from validation) v"
            " join event e using (position)")}

    # -- settling anew --

    def forget(self):
        self.system.sql("alter table ledger_entry disable trigger user; truncate ledger_entry, quota_total, quota_year, quota_late, settlement;"
                        " alter table ledger_entry enable trigger user; delete from settled where kind = 3; update quota_seen set register_closure = 0")
        self.system.sql("analyze")

    def settle(self, upto):
        self.system.sql("select count(*) from settle_quota(%s)", (upto,))

    def diff(self):
        """What `ljctl quota diff` finds: the stored figures against a recomputation from the raw rows, closed years included. {unit: [rows]}."""
        out = {}
        for what, unit, code, year, activity, stored, computed in self.system.sql(
                "select d.what, u.code, x.code, d.year, d.activity::text, d.stored, d.computed from quota_diff() d"
                " join (select 1 as kind, number, unit, code from team union all select 2, number, unit, code from person) x"
                "   on x.kind = d.subject_kind and x.number = d.subject join unit u on u.number = x.unit"):
            out.setdefault(unit, []).append((what, code, year, activity, stored, computed))
        return out

    # -- figures --

    def ledger(self):
        """{unit: {((T or P, unit, code), year, activity or None): (minutes, sessions)}}."""
        out = {}
        for kind, unit, code, year, activity, minutes, sessions in self.system.sql(
                "select case l.subject_kind when 1 then 'T' else 'P' end, u.code, x.code, l.year, l.activity::text, l.minutes, l.sessions"
                " from (select subject_kind, subject, year, activity, sum(minutes)::int8 as minutes, sum(sessions)::int8 as sessions from ledger_entry"
                "       group by 1, 2, 3, 4) l"
                " join (select 1 as kind, number, unit, code from team union all select 2, number, unit, code from person) x"
                "   on x.kind = l.subject_kind and x.number = l.subject"
                " join unit u on u.number = x.unit where l.minutes <> 0 or l.sessions <> 0"):
            out.setdefault(unit, {})[(kind, unit, code), year, None if activity == NOBODYS else activity] = (minutes, sessions)
        return out

    def totals(self):
        """{unit: {(subject, year): {minutes, sessions, duty, carried, deficit}}}."""
        out = {}
        for subject, unit, code, year, *rest in self.system.sql("select subject, unit, code, year, minutes, sessions, duty, carried, deficit from quota_subject"):
            out.setdefault(unit, {})[(subject[0], unit, code), year] = dict(zip(("minutes", "sessions", "duty", "carried", "deficit"), map(int, rest)))
        return out

    def pacing(self, day):
        """{unit: {subject: (done, expected, level)}} at a day."""
        out = {}
        for kind, letter, table in ((1, "T", "team"), (2, "P", "person")):
            for unit, code, done, expected, level in self.system.sql(
                    "select u.code, x.code, p.done, p.expected, p.level from quota_pacing(%%s::int2, array(select number from %s), %%s) p"
                    " join %s x on x.number = p.subject join unit u on u.number = x.unit" % (table, table), (kind, day)):
                out.setdefault(unit, {})[letter, unit, code] = (done, expected, level)
        return out

    def coverage(self, year):
        """{(unit or None, team or None): (athletes owing, met, taking part, minutes short, teams owing, met, sessions short)}."""
        return {(unit, team): tuple(int(x) for x in rest) for unit, team, *rest in self.system.sql(
            "select unit, team, athletes_owing, athletes_met, athletes_taking_part, minutes_short, teams_owing, teams_met, sessions_short"
            " from quota_coverage(%s::int2)", (year,))}
