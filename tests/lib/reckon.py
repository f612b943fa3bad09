"""I5: minutes, sessions and duties reckoned anew, from the payloads of accepted activities and the registers, by the text of the field's rules.

Written from the rules alone and against the simplest way to state them: day by day, row by row, whole fractions; nothing of it is how the system
does it (no spans, no touched groups, no SQL arithmetic), and no row that the system derived is read but the verdict and the registers' versions.
What stands at the settled position is compared with the sums of the ledger by subject, day, activity and team, and the totals with the ledger.
Not reckoned: years that are closed (they keep the registers of their close), pacing, what is carried.
"""
import collections
import datetime
import json
import math
from fractions import Fraction

LOCAL = datetime.timezone(datetime.timedelta(hours=8))
GUIDED = {"TEACH", "DEMO", "MATCH_PLAY", "TEST"}
SOLEMN = {"PARTY", "RED_EDU"}
EVER = datetime.date(2999, 12, 31)
LONG_AGO = datetime.date(1900, 1, 1)
Row = collections.namedtuple("Row", "person team role present base")
Activity = collections.namedtuple("Activity", "id start day net mode guided solemn site teams rows")


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(LOCAL)


def minutes(delta):
    return delta // datetime.timedelta(minutes=1)


def floor_to(x, step):
    return math.floor(Fraction(x) / step) * step


class Registers:
    """The registers as they stand at a position: plain dictionaries of the latest versions."""

    def __init__(self, rows, upto):
        def latest(sql):
            """number -> the rest of the row, of the greatest position."""
            return {r[0]: r[1:] for r in rows(sql + " where v.position <= %s order by v.number, v.position", (upto,))}
        self.unit_code = {code: n for n, code in rows("select number, code from unit")}
        self.parent = {n: p for n, (p,) in latest("select v.number, v.parent from unit_version v").items()}
        self.codes = {table: {(u, c): n for n, u, c in rows("select number, unit, code from " + table)} for table in ("team", "person", "site")}
        self.unit_of_team = {n: u for n, u in rows("select number, unit from team")}
        self.teams = latest("select v.number, v.valid_from, v.valid_to, v.paused::text from team_version v")
        self.memberships = collections.defaultdict(list)
        who = {n: (p, t) for n, p, t in rows("select number, person, team from membership")}
        for n, (role, status, first, last) in latest("select v.number, v.role, v.status, v.valid_from, v.valid_to from membership_version v").items():
            if role == "ATHLETE":
                self.memberships[who[n][0]].append((who[n][1], status, first, last or EVER))
        self.scopes = {n: (s, u, t) for n, s, u, t in rows("select number, scope, unit, team from policy")}
        columns = ("number", "version", "valid_from", "valid_to", "athlete_min_minutes", "team_min_sessions", "activity_cap_minutes", "day_cap_minutes",
                   "lecture_cap_minutes", "rounding", "min_team_athletes", "presence_min", "session_tolerance", "mode_onsite", "mode_live",
                   "mode_recorded", "mode_hybrid", "counted_statuses", "session_statuses", "entry_cutoff")
        self.policies = [dict(zip(columns, r)) for r in rows("select %s from policy_version where position <= %%s" % ", ".join(columns), (upto,))]
        self.exempt = collections.defaultdict(list)     # ("PERSON" or "TEAM", number) -> [(first, last)]
        if rows("select to_regclass('liangjin.exemption_version') is not null")[0][0]:
            for _, (person, team, effect, first, last) in latest("select v.number, v.person, v.team, v.effect, v.valid_from, v.valid_to from"
                                                                 " exemption_version v").items():
                if effect in ("PRORATE", "WAIVE"):
                    self.exempt["TEAM" if person is None else "PERSON", team if person is None else person].append((first, last or EVER))
        self._above, self._policy = {}, {}

    def ref(self, table, own_unit, text):
        """Number of CODE or UNIT/CODE; None where it is not known."""
        for mark in "/:":
            if mark in text:
                unit, code = text.split(mark, 1)
                return self.codes[table].get((self.unit_code.get(unit), code))
        return self.codes[table].get((own_unit, text))

    def above(self, unit):
        """The unit and all above it, nearest first."""
        if unit not in self._above:
            out, at = [], unit
            while at is not None and at not in out:
                out.append(at)
                at = self.parent.get(at)
            self._above[unit] = out
        return self._above[unit]

    def policy(self, team, day, by):
        """The strictest row in force for a team on a day, by athlete_min_minutes or team_min_sessions; None where there is none."""
        key = team, day, by
        if key not in self._policy:
            chain = self.above(self.unit_of_team[team])
            best = {}
            for p in self.policies:
                scope, unit, of_team = self.scopes[p["number"]]
                if scope == "TEAM" and of_team != team or scope == "UNIT" and unit not in chain:
                    continue
                if p["valid_from"] <= day <= (p["valid_to"] or EVER) and (p["number"] not in best or best[p["number"]]["version"] < p["version"]):
                    best[p["number"]] = p
            width = lambda p: {"TEAM": -1, "NATION": 1000}.get(self.scopes[p["number"]][0]) if self.scopes[p["number"]][0] != "UNIT" else chain.index(  # noqa: E731
                self.scopes[p["number"]][1])
            self._policy[key] = min(best.values(), key=lambda p: (-p[by], width(p), p["number"]), default=None)
        return self._policy[key]

    def status(self, person, team, day):
        for t, status, first, last in self.memberships[person]:
            if t == team and first <= day <= last:
                return status
        return None

    def active(self, team, day):
        if team not in self.teams:
            return False
        first, last, paused = self.teams[team]
        return (first or LONG_AGO) <= day <= (last or EVER) and not any(a <= day < b for a, b in multirange(paused))

    def excused(self, which, number, day):
        return any(a <= day <= b for a, b in self.exempt[which, number])


def multirange(text):
    """[first, behind) pairs of a datemultirange in its text form, which is always [a,b)."""
    out = []
    for part in text.strip("{}").replace("),", ")|").split("|"):
        if part:
            a, b = part.strip("[)(").split(",")
            out.append((datetime.date.fromisoformat(a) if a else LONG_AGO, datetime.date.fromisoformat(b) if b and b != "infinity" else EVER))
    return out


def read_activity(registers, id, unit, body):
    start, end = instant(body["start_at"]), instant(body["end_at"])
    pause = body["break_minutes"]
    rows = []
    for r in body["roster"]:
        present = declared = r["minutes"]
        if r.get("in") and r.get("out"):
            present = max(0, minutes(max(datetime.timedelta(0), min(end, instant(r["out"])) - max(start, instant(r["in"])))) - pause)
        rows.append(Row(registers.ref("person", unit, r["person"]), registers.ref("team", unit, r["team"]), r["role"], present, min(present, declared)))
    themes = set(body.get("themes", ()))
    site = registers.ref("site", unit, body["site"]) if body["mode"] in ("ONSITE", "HYBRID") and body.get("site") else None
    return Activity(id, start, start.date(), minutes(end - start) - pause, body["mode"], bool(GUIDED & set(body["content"])),
                    bool(themes) and themes <= SOLEMN and body["guidance_minutes"] == 0, site, [registers.ref("team", unit, t) for t in body["teams"]], rows)


def live_activities(registers, accepted):
    """The version of each activity that counts, without who disputes it; accepted: (position, id, type, unit, payload, state) in order of position."""
    versions, live, disputed = collections.defaultdict(list), {}, collections.defaultdict(set)
    for _, id, type, unit, payload, state in accepted:
        payload = json.loads(payload)
        id = payload.get("activity", id) if type != "activity.submitted" else id
        if type in ("activity.submitted", "activity.corrected"):
            versions[id].append((unit, payload.get("body", payload)))
            if state == "APPROVED":
                live[id] = versions[id][-1]
        elif type == "activity.withdrawal_requested":
            versions[id].append(None)
            live[id] = None
        elif type == "activity.approved":
            live[id] = versions[id][payload["version"] - 1]
        elif type in ("participation.disputed", "participation.resolved"):
            person = registers.ref("person", unit, payload["person"])
            if payload.get("outcome") == "KEPT":
                disputed[id].discard(person)
            else:
                disputed[id].add(person)
        elif state not in ("APPROVED", "SAMPLED", "CONFIRMED", "CORRECTION_PENDING"):
            live[id] = None
    out = [read_activity(registers, id, *x) for id, x in live.items() if x]
    return [a._replace(rows=[r for r in a.rows if r.person not in disputed[a.id]]) for a in out]


def factor(policy, mode):
    return Fraction(policy["mode_" + mode.lower()])


def credits(registers, activities):
    """(person, day, activity, team) -> minutes."""
    days = collections.defaultdict(list)
    for a in activities:
        for r in a.rows:
            p = registers.policy(r.team, a.day, "athlete_min_minutes") if r.team in a.teams else None
            if p is None or r.role == "ATTEND" or a.solemn or registers.status(r.person, r.team, a.day) not in p["counted_statuses"]:
                continue
            if r.present < Fraction(p["presence_min"]) * a.net:
                continue
            cap = p["activity_cap_minutes"] if a.guided else p["lecture_cap_minutes"]
            days[r.person, a.day].append((a.start, a.id, r.team, floor_to(min(r.base, cap) * factor(p, a.mode), p["rounding"]), p))
    out = {}
    for (person, day), found in days.items():
        so_far = 0
        for _, id, team, credit, p in sorted(found, key=lambda x: x[:2]):
            got = floor_to(max(0, min(credit, p["day_cap_minutes"] - so_far)), p["rounding"])
            so_far += got
            if got:
                out[person, day, id, team] = got
    return out


def sessions(registers, activities):
    """(team, day, activity) of each session."""
    first = {}
    for a in sorted(activities, key=lambda a: (a.start, a.id)):
        for team in a.teams:
            p = registers.policy(team, a.day, "team_min_sessions")
            if p is None or a.solemn or not factor(p, a.mode) or not registers.active(team, a.day):
                continue
            counted = [r for r in a.rows if r.team == team and r.role != "ATTEND" and r.present >= Fraction(p["presence_min"]) * a.net
                       and registers.status(r.person, team, a.day) in p["session_statuses"]]
            if len(counted) >= p["min_team_athletes"]:
                first.setdefault((team, a.day, a.site), a.id)
    return {(team, day, id) for (team, day, _), id in first.items()}


def days_of(year):
    day = datetime.date(year, 1, 1)
    while day.year == year:
        yield day
        day += datetime.timedelta(days=1)


def person_duty(registers, person, year):
    mass, n, entry, cutoff, rounding = 0, 0, None, None, None
    for day in days_of(year):
        n += 1
        best = None
        for team, status, first, last in registers.memberships[person]:
            p = registers.policy(team, day, "athlete_min_minutes") if first <= day <= last else None
            if p is not None and status in p["counted_statuses"] and (best is None or p["athlete_min_minutes"] > best["athlete_min_minutes"]):
                best = p
        if best is None:
            continue
        if entry is None:
            entry, cutoff = day, best["entry_cutoff"]
        if best["athlete_min_minutes"] and not registers.excused("PERSON", person, day):
            mass, rounding = mass + best["athlete_min_minutes"], best["rounding"]
    if rounding is None or entry.strftime("%m-%d") > cutoff:
        return 0
    return math.ceil(Fraction(mass, n) / rounding) * rounding


def team_duty(registers, team, year):
    mass, n, tolerance = 0, 0, Fraction(0)
    for day in days_of(year):
        n += 1
        p = registers.policy(team, day, "team_min_sessions") if registers.active(team, day) and not registers.excused("TEAM", team, day) else None
        if p is not None and p["team_min_sessions"]:
            mass, tolerance = mass + p["team_min_sessions"], Fraction(p["session_tolerance"])
    return max(0, math.ceil(Fraction(mass, n) - tolerance))


def check(rows, violations, counts):
    """rows(sql, values=None) reads in one snapshot; violations(text, *values) notes one."""
    upto = (rows("select position from settled where kind = (select number from kind where name = 'quota')") or [(0,)])[0][0]
    top = rows("select coalesce(max(position), 0) from event")[0][0]
    if upto < top:
        violations("quota is settled to %d of %d", upto, top)
    registers = Registers(rows, upto)
    accepted = rows("select e.position, e.id::text, t.name, e.unit, e.payload, s.name from validation v join event e using (position) join event_type t on"
                    " t.number = e.type join activity_state s on s.number = v.state where v.verdict = 1 and e.position <= %s and e.position not in (select p.position from parked p join kind k on k.number ="
                    " p.kind where k.name = 'quota' and p.state in ('parked', 'dropped')) order by e.position", (upto,))
    activities = live_activities(registers, accepted)
    closed = set()
    if rows("select to_regclass('liangjin.quota_year') is not null")[0][0]:
        closed = {y for (y,) in rows("select year from quota_year where closed is not null")}
    should = {("PERSON",) + k: m for k, m in credits(registers, activities).items()}
    should.update({("TEAM", team, day, id, team): 1 for team, day, id in sessions(registers, activities)})
    ledger = {}
    for kind, subject, day, id, team, m, s in rows(
            "select subject_kind, subject, day, activity::text, team, sum(minutes), sum(sessions) from ledger_entry where kind <> 'CARRY' group by 1, 2,"
            " 3, 4, 5 having sum(minutes) <> 0 or sum(sessions) <> 0"):
        ledger["PERSON" if kind == 2 else "TEAM", subject, day, id, team] = m if kind == 2 else s
    for key in sorted(set(should) | set(ledger), key=str):
        if should.get(key, 0) != ledger.get(key, 0) and key[2].year not in closed:
            violations("%s %d on %s, activity %s, team %s: %d stand in the ledger, %d should", *key, ledger.get(key, 0), should.get(key, 0))
    totals(rows, violations, registers, closed, counts)
    counts.update(quota_live=len(activities), quota_sums=len(ledger))


def totals(rows, violations, registers, closed, counts):
    """Every total is the sum of its ledger entries, none is missing; duties by the registers; a duty that is met was announced once."""
    sums = collections.defaultdict(lambda: [0, 0, 0])
    for kind, subject, year, team, m, s in rows("select subject_kind, subject, year, team, minutes, sessions from ledger_entry"):
        sums[kind, subject, year][0] += m
        sums[kind, subject, year][1] += s
        if kind == 2 and team:
            sums[1, team, year][2] += m
    names = {1: "TEAM", 2: "PERSON"}
    announced = collections.Counter()
    for unit, payload in rows("select e.unit, e.payload from event e join event_type t on t.number = e.type where t.name = 'quota.duty_met'"):
        d = json.loads(payload)
        announced[d["subject"], registers.codes[d["subject"].lower()].get((unit, d["code"])), d["year"]] += 1
        if not d["duty"] or (d["minutes"] if d["subject"] == "PERSON" else d["sessions"]) < d["duty"]:
            violations("quota.duty_met of %s %s %d: not met with %s", d["subject"], d["code"], d["year"], payload)
    stored = rows("select subject_kind, subject, year, minutes, sessions, member_minutes, duty, met is not null from quota_total")
    for kind, subject, year, m, s, mm, duty, met in stored:
        name = names[kind], subject, year
        if [m, s, mm] != sums.pop((kind, subject, year), [0, 0, 0]):
            violations("total of %s %d %d: minutes, sessions, members' minutes %s are not the ledger's sum", *name, (m, s, mm))
        if year not in closed:
            due = person_duty(registers, subject, year) if kind == 2 else team_duty(registers, subject, year)
            if due != duty:
                violations("duty of %s %d %d is %d, by the registers %d", *name, duty, due)
        if duty and (m if kind == 2 else s) >= duty and not met:
            violations("%s %d %d: the duty is met and not noted so", *name)
        if announced.pop(name, 0) != met:
            violations("%s %d %d: met is %s, and that was not announced just so often", *name, met)
    for kind, subject, year in [k for k, x in sums.items() if any(x)]:
        violations("%s %d %d stands in the ledger and has no total", names[kind], subject, year)
    for name in announced:
        violations("quota.duty_met of %s %s %d without a total", *name)
    counts["quota_totals"] = len(stored)
