"""The quota rules a second time, written from the text of the field's rules alone (no SQL of the project was read for it).

`World` folds events in the order of their positions and answers what the sums, duties, levels, carries and rates are then. Exact arithmetic only:
`fractions.Fraction`, `datetime`, integers. An event is a dict: id (uuid text), type, unit (code), received (aware datetime), payload (dict; numbers as
int or Fraction). Subjects are ("T", unit, code) and ("P", unit, code); activities are uuid texts. A day is a `date` of Asia/Shanghai.

Where the text leaves two readings (a tie of two policies that differ in rounding, say) the figure is the set of all that it allows. `faults` names rules
that are computed wrongly on purpose, so that a comparison can be shown to notice it: see FAULTS."""
import bisect
import math
import re
import uuid
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction

LOCAL = timezone(timedelta(hours=8))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
GUIDANCE = {"TEACH", "DEMO", "MATCH_PLAY", "TEST"}
# Closing days, from the text's table of Games; the codes are the project's (db/migrations/0007_games.sql).
GAMES = {"PARIS_2024": date(2024, 8, 11), "PARIS_2024_PARA": date(2024, 9, 8), "LA_2028": date(2028, 7, 30), "LA_2028_PARA": date(2028, 8, 27)}
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PARTS = math.lcm(28, 29, 30, 31)
LEVELS = ("OK", "WATCH", "LAG", "CRITICAL")
LIVE = ("APPROVED", "SAMPLED", "CONFIRMED", "CORRECTION_PENDING")
HEARD = LIVE + ("UNIT_REVIEW", "RETURNED")      # states in which athletes are heard
# {event: {state: state}}, of the rules' state machine; what a report, a correction and a withdrawal do depends on more.
MOVES = {
    "activity.approved": {"UNIT_REVIEW": "APPROVED", "CORRECTION_PENDING": "APPROVED"},
    "activity.returned": {"UNIT_REVIEW": "RETURNED", "SAMPLED": "RETURNED", "CORRECTION_PENDING": "APPROVED"},
    "activity.sampled": {"APPROVED": "SAMPLED"},
    "activity.confirmed": {"SAMPLED": "CONFIRMED"},
    "activity.revoked": {s: "REVOKED" for s in LIVE},
    "activity.reopened": {"LAPSED": "RETURNED"},
}
NOT_FINAL = HEARD[:2] + HEARD[3:] + ("LAPSED",)
REVIEWS = ("NONE", "UNIT", "CENTRE")

FAULTS = {
    "no_day_cap": "a person's day has no cap",
    "no_merge": "every activity is a session of its own",
    "no_rounding": "credit is not rounded down",
    "no_lecture_cap": "talks are capped like lessons",
    "always_365": "leap years have 365 days",
    "no_cutoff": "who enters after 1 October owes as everybody",
    "declared_only": "the time of presence is not looked at",
    "utc_days": "days are those of UTC",
    "no_exemptions": "exemptions take no days out",
    "first_version": "corrections change nothing",
    "no_review": "what is accepted counts at once",
    "no_disputes": "disputed minutes stay",
    "joint_twice": "two reports of one event count twice",
}

POLICY_DEFAULTS = {
    "counted_statuses": ["FORMAL"], "session_statuses": ["FORMAL", "TRIAL"],
    "mode_factor": {"ONSITE": Fraction(1), "HYBRID": Fraction(1), "LIVE": Fraction(1), "RECORDED": Fraction(0)},
    "activity_cap_minutes": 240, "day_cap_minutes": 480, "lecture_cap_minutes": 120, "rounding": 15, "presence_min": Fraction(3, 5),
    "guidance_min_share": Fraction(3, 10), "min_team_athletes": 1, "carry_over": "NONE", "session_tolerance": Fraction(1, 20),
    "entry_cutoff": "10-01", "month_weights": [3, 2, 10, 10, 12, 14, 5, 8, 10, 12, 8, 6], "blackout_after_days": 14,
    "pacing_bounds": [Fraction(1, 10), Fraction(1, 4), Fraction(2, 5)], "feasible_minutes_per_month": 480, "review": "NONE",
}


def day_of(text):
    return date.fromisoformat(text) if text else None


def instant(text):
    """RFC 3339 to an aware datetime; Python 3.11 reads it, the letters are made large for older texts."""
    m = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?([Zz]|[+-]\d\d:\d\d)", text)
    zone = "+00:00" if m[4] in "Zz" else m[4]
    return datetime.fromisoformat("%sT%s.%s%s" % (m[1], m[2], (m[3] or "0").ljust(6, "0"), zone))


def local_day(t):
    return t.astimezone(LOCAL).date()


def days_in_year(year):
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def days_of(year):
    first = date(year, 1, 1)
    return [first + DAY * i for i in range(days_in_year(year))]


def holds(valid_from, valid_to, day):
    return (valid_from is None or valid_from <= day) and (valid_to is None or day <= valid_to)


def floor_to(x, step):
    return int(x // step) * step


def ceil_to(x, step):
    return -int(-x // step) * step


def reference(text, unit):
    """CODE of the event's unit, or UNIT/CODE (activities may write UNIT:CODE)."""
    for sign in "/:":
        if sign in text:
            return tuple(text.split(sign, 1))
    return (unit, text)


class Span:
    """One membership: person, team, role, status, first and last day."""
    __slots__ = ("person", "team", "role", "status", "first", "last")

    def __init__(self, person, team, role, status, first, last):
        self.person, self.team, self.role, self.status, self.first, self.last = person, team, role, status, first, last


class Record:
    """An activity: its versions by number, the state and the version that it is of (`about`), the one that counts where it is live (`force`)."""

    def __init__(self, unit, body, state, sender, place):
        self.unit, self.state, self.place = unit, state, place
        self.version = self.about = self.force = 1
        self.bodies, self.senders = {1: body}, {1: sender}
        self.words, self.host, self.asked, self.since = {}, "NONE", None, None
        self.suspect, self.opener, self.opened = None, None, False

    @property
    def body(self):
        return self.bodies[self.force]

    @property
    def day(self):
        return self.body["day"]

    @property
    def year(self):
        """Of the version that the record is about, or that was asked for last."""
        return local_day(self.bodies[max(v for v in self.bodies if v <= self.version)]["start"]).year

    def correct(self, body, sender, state):
        self.version += 1
        self.about, self.state = self.version, state
        self.bodies[self.version], self.senders[self.version] = body, sender
        if state == "APPROVED":
            self.force = self.version

    def state_on(self, today):
        return "LAPSED" if self.state == "RETURNED" and self.since + 30 * DAY < today else self.state

    def host_on(self, today):
        return "EXPIRED" if self.host == "SENT" and self.asked + 15 * DAY < today else self.host


class Figures:
    """What a year's figures are: ledger {(subject, activity or None): [minutes, sessions]}, duty {subject: set}, own minutes, deficit shown beside duty."""

    def __init__(self, year):
        self.year = year
        self.ledger = {}
        self.duty = {}
        self.own = {}
        self.counted = {}      # person -> {day: [(policy, team)]} of counted days
        self.carry_in = {}     # person -> set of minutes carried into this year
        self.deficit_in = {}   # person -> set of minutes missing from the year before


class World:
    EARLIEST = 2022     # first year with figures: the one that is still open when the logs begin

    def __init__(self, faults=()):
        self.faults = set(faults)
        self.parent = {"CN000": None}
        self.teams = {}
        self.persons = set()
        self.sites = set()
        self.spans = []
        self.policies = {}      # scope object -> [version dicts]
        self.exemptions = {}
        self.activities = {}    # id -> Record
        self.joint = []         # pairs of activities that are one event
        self.frozen = {}        # year -> Figures by the registers of the year's close
        self.kept = {}          # year -> these registers
        self.cache = {}         # what was computed from the state as it is
        self.edges, self.rows = [], {}
        self.today = None
        self.hand = {name[3:].replace("__", "."): getattr(self, name) for name in dir(self) if name.startswith("on_")}

    # ------------------------------------------------------------------------------------------------------------- events

    def at(self, when):
        """The local date has become `when`'s: closes the years whose publicity has ended (7 February of the next year was the last day)."""
        day = local_day(when)
        if self.today is not None and day <= self.today:
            return
        self.today = day
        last_closed = day.year - 1 if (day.month, day.day) >= (2, 8) else day.year - 2
        for year in range(self.EARLIEST, last_closed + 1):
            if year not in self.frozen:
                self.frozen[year] = self.compute(year)
                self.kept[year] = self.registers()
                self.cache = {}                 # what is carried enters the year behind it

    def years(self):
        """The years that figures are asked for, up to today's."""
        return range(self.EARLIEST, self.today.year + 1)

    def apply(self, event):
        """True: applied or accepted. False: refused or rejected, and nothing has changed."""
        self.at(event["received"])
        before = self.years_of(event)
        done = self.hand[event["type"]](event["unit"], event["payload"], event)
        if done:
            self.cache = {}
            self.again(before | self.years_of(event))
        return done

    REGISTERS = ("parent", "teams", "persons", "sites", "spans", "policies", "exemptions", "edges")

    def registers(self):
        copies = {"teams": {k: dict(v) for k, v in self.teams.items()}, "policies": {k: list(v) for k, v in self.policies.items()},
                  "exemptions": {k: dict(v) for k, v in self.exemptions.items()}}
        return {name: copies.get(name) or type(getattr(self, name))(getattr(self, name)) for name in self.REGISTERS}

    def years_of(self, event):
        """The years that an event about an activity can change: those of its versions, and of what is one event with it."""
        found = {event["payload"].get("activity"), event["id"]} & set(self.activities)
        for _ in self.joint:
            found |= {x for pair in self.joint for x in pair if found & set(pair)}
        return {local_day(b["start"]).year for i in found for b in self.activities[i].bodies.values()}

    def again(self, years):
        """A record of a closed year has changed, since it was opened again: by the registers of the close; what is carried follows."""
        for year in sorted(self.frozen):
            if years and year >= min(years):
                now, self.rows = {name: getattr(self, name) for name in self.REGISTERS}, {}
                vars(self).update(self.kept[year])
                self.cache = {}
                self.frozen[year] = self.compute(year)
                vars(self).update(now)
                self.cache, self.rows = {}, {}

    # registers

    def on_unit__registered(self, unit, p, event):
        if p["code"] in self.parent:
            return False
        self.parent[p["code"]] = p.get("parent", "CN000")
        self.rows = {}
        return True

    def on_unit__changed(self, unit, p, event):
        if p["unit"] not in self.parent or self.parent[p["unit"]] == p.get("parent"):
            return False
        self.parent[p["unit"]] = p["parent"]
        self.rows = {}
        return True

    def on_calendar__day_started(self, unit, p, event):
        return True

    def on_team__registered(self, unit, p, event):
        key = (unit, p["code"])
        if key in self.teams:
            return False
        self.teams[key] = {"unit": unit, "first": day_of(p.get("valid_from")), "last": day_of(p.get("valid_to")), "states": [],
                           "declared": "ACTIVE", "games": p.get("games_task", []), "ended": False}
        return True

    def on_team__changed(self, unit, p, event):
        team = self.teams.get(reference(p["team"], unit))
        if team is None or team["ended"] or unit not in self.chain(team["unit"]):
            return False
        new = dict(team)
        if "state" in p:
            start = day_of(p["from"])
            new["states"] = [s for s in team["states"] if s[0] < start]
            if p["state"] != (new["states"][-1][1] if new["states"] else "ACTIVE"):
                new["states"].append((start, p["state"]))
            new["declared"] = p["state"]
        for name, member in (("first", "valid_from"), ("last", "valid_to")):
            if member in p:
                new[name] = day_of(p[member])
        new["games"] = p.get("games_task", team["games"])
        if new == team:
            return False
        self.teams[reference(p["team"], unit)] = new
        return True

    def on_team__disbanded(self, unit, p, event):
        team = self.teams.get(reference(p["team"], unit))
        if team is None or team["ended"] or unit not in self.chain(team["unit"]):
            return False
        if "merged_into" in p:
            into = self.teams.get(reference(p["merged_into"], unit))
            if into is None or into is team or into["ended"]:
                return False                    # nobody goes over into a team that has ended
        team["last"], team["ended"] = day_of(p["on"]), True
        return True

    def on_person__registered(self, unit, p, event):
        self.persons.add((unit, p["code"]))
        return True

    def on_site__registered(self, unit, p, event):
        self.sites.add((unit, p["code"]))
        return True

    def on_membership__started(self, unit, p, event):
        person, team = reference(p["person"], unit), reference(p["team"], unit)
        first, last = day_of(p["valid_from"]), day_of(p.get("valid_to"))
        if person not in self.persons or team not in self.teams:
            return False
        if self.teams[team]["last"] is not None and first > self.teams[team]["last"]:
            return False
        if last is not None and last < first:
            return False
        new = Span(person, team, p["role"], p["status"], first, last)
        if any((s.person, s.team, s.role, s.status, s.first, s.last) == (person, team, new.role, new.status, first, last) for s in self.spans):
            return True     # the same again: applied, and nothing to write
        if any(s.person == person and s.team == team and self.meet(s, new) for s in self.spans):
            return False
        if not self.fits(self.spans + [new], person):
            return False
        self.spans.append(new)
        return True

    @staticmethod
    def meet(a, b):
        return (a.last is None or b.first <= a.last) and (b.last is None or a.first <= b.last)

    @staticmethod
    def fits(spans, person):
        """At most three teams at once with a status other than RETIRED and LEFT; the number can only grow on a first day."""
        mine = [s for s in spans if s.person == person and s.status not in ("RETIRED", "LEFT")]
        return all(len({s.team for s in mine if holds(s.first, s.last, d.first)}) <= 3 for d in mine)

    def span_on(self, person, team, day):
        for s in self.spans:
            if s.person == person and s.team == team and holds(s.first, s.last, day):
                return s
        return None

    def on_membership__changed(self, unit, p, event):
        start = day_of(p["from"])
        old = self.span_on(reference(p["person"], unit), reference(p["team"], unit), start)
        if old is None:
            return False
        role, status = p.get("role", old.role), p.get("status", old.status)
        if (role, status) == (old.role, old.status) and "primary" not in p:
            return False
        rest = [s for s in self.spans if s is not old]
        new = Span(old.person, old.team, role, status, start, old.last)
        if old.first < start:
            rest.append(Span(old.person, old.team, old.role, old.status, old.first, start - DAY))
        if not self.fits(rest + [new], old.person):
            return False
        self.spans = rest + [new]
        return True

    def on_membership__ended(self, unit, p, event):
        on = day_of(p["on"])
        person, team = reference(p["person"], unit), reference(p["team"], unit)
        old = self.span_on(person, team, on)
        if old is None or old.last == on:
            return False
        if old.last is not None and self.span_on(person, team, old.last + DAY) is not None:
            return False    # a later change follows without a gap
        self.spans = [s for s in self.spans if s is not old] + [Span(person, team, old.role, old.status, old.first, on)]
        return True

    def on_policy__set(self, unit, p, event):
        where = {"NATION": ("NATION",), "UNIT": ("UNIT", p.get("unit")), "TEAM": ("TEAM", reference(p.get("team", ""), unit))}[p["scope"]]
        versions = self.policies.setdefault(where, [])
        if versions and p["version"] <= versions[-1]["version"]:
            return False
        row = dict(POLICY_DEFAULTS)
        row.update(p)
        row["object"] = list(self.policies).index(where)
        row["first"], row["last"] = day_of(p["valid_from"]), day_of(p.get("valid_to"))
        versions.append(row)
        self.edges = sorted(set(self.edges) | {row["first"]} | ({row["last"] + DAY} if row["last"] else set()))
        self.rows = {}
        return True

    def on_exemption__approved(self, unit, p, event):
        key = (unit, p["code"])
        received = local_day(event["received"])
        asked = day_of(p.get("submitted_on")) or received
        first, last = day_of(p["from"]), day_of(p.get("to"))
        if key in self.exemptions or asked > received or (asked - first).days > 60 or (last is not None and last < first):
            return False
        subject = ("P",) + reference(p["person"], unit) if "person" in p else ("T",) + reference(p["team"], unit)
        if subject[1:] not in (self.persons if subject[0] == "P" else self.teams):
            return False
        self.exemptions[key] = {"subject": subject, "first": first, "last": last, "effect": p["effect"], "ended": False}
        return True

    def on_exemption__ended(self, unit, p, event):
        row = self.exemptions.get((unit, p["code"]))
        on = day_of(p["on"])
        if row is None or on < row["first"] or (row["last"] is not None and on > row["last"]) or (row["ended"] and on == row["last"]):
            return False
        row["last"], row["ended"] = on, True
        return True

    # activities

    def body_of(self, unit, p):
        start = instant(p["start_at"])
        roster = []
        for r in p["roster"]:
            both = "in" in r and "out" in r
            roster.append({"person": reference(r["person"], unit), "team": reference(r["team"], unit), "role": r["role"], "declared": r["minutes"],
                           "in": instant(r["in"]) if both else None, "out": instant(r["out"]) if both else None})
        end = instant(p["end_at"])
        online = p["mode"] in ("LIVE", "RECORDED")
        return {"start": start, "end": end, "break": p["break_minutes"], "net": (end - start) // MINUTE - p["break_minutes"], "mode": p["mode"],
                "teams": [reference(t, unit) for t in p["teams"]], "roster": roster, "content": set(p["content"]), "themes": set(p.get("themes", [])),
                "guidance": p["guidance_minutes"], "site": reference(p["site"], unit) if "site" in p and not online else None,
                "day": self.day_in_rules(start), "late_reason": p.get("late_reason", "")}

    def day_in_rules(self, t):
        return t.astimezone(timezone.utc).date() if "utc_days" in self.faults else local_day(t)

    def sound(self, unit, b, received):
        """The rules of severity E that histories can break: V02 to V06, V08, V11."""
        if not (b["start"] < b["end"] <= received + 5 * MINUTE and b["end"] - b["start"] <= timedelta(hours=12)):
            return False
        if b["net"] < 20 or b["guidance"] > b["net"]:
            return False
        if any(t not in self.teams for t in b["teams"]) or len(set(b["teams"])) < len(b["teams"]):
            return False
        day = local_day(b["start"])
        if not any(unit in self.chain(self.teams[t]["unit"]) and self.team_active(t, day) for t in b["teams"]):
            return False
        if len({r["person"] for r in b["roster"]}) < len(b["roster"]) or any(r["declared"] > b["net"] for r in b["roster"]):
            return False
        if any(r["person"] not in self.persons or r["team"] not in self.teams for r in b["roster"]):
            return False
        spans = [self.span_on(r["person"], r["team"], day) for r in b["roster"]]
        return any(s is not None and s.role == "ATHLETE" and s.status in ("FORMAL", "TRIAL", "TRAINEE") for s in spans)

    @staticmethod
    def open_for(year, received, month, day):
        """Is `year` still open at the local date of `received`, if it is until that day of the next year?"""
        return local_day(received) <= date(year + 1, month, day)

    def on_activity__submitted(self, unit, p, event):
        b = self.body_of(unit, p)
        if event["id"] in self.activities or not self.sound(unit, b, event["received"]):
            return False
        late = (local_day(event["received"]) - local_day(b["start"])).days
        if late > 30 or (late > 7 and len(b["late_reason"]) < 10) or not self.open_for(local_day(b["start"]).year, event["received"], 1, 31):
            return False
        self.activities[event["id"]] = Record(unit, b, "UNIT_REVIEW" if self.reviewed(unit, b) else "APPROVED", self.account(event), len(self.activities))
        return True

    @staticmethod
    def account(event):
        return event.get("source", "").split(":")[0]

    @staticmethod
    def role(event):
        return (event.get("source", "").split("@")[0].split(":") + [""])[1]

    def reviewed(self, unit, b):
        """Whether a policy asks for a review: the strictest of those that hold that day for the activity's own active teams."""
        if "no_review" in self.faults:
            return False
        day = local_day(b["start"])
        rows = [self.policy(t, day, "athlete_min_minutes") for t in b["teams"] if unit in self.chain(self.teams[t]["unit"]) and self.team_active(t, day)]
        return any(p is not None and p["review"] != "NONE" for p in rows)

    def changeable(self, unit, p, event):
        """V31 and the year's close: the record, if it may be changed at all."""
        a = self.activities.get(p["activity"])
        if a is None or a.unit != unit:
            return None
        return a if a.opened or self.open_for(a.year, event["received"], 2, 7) else None

    def on_activity__corrected(self, unit, p, event):
        a = self.changeable(unit, p, event)
        if a is None or a.version != p["base_version"] or a.state_on(self.today) not in HEARD or a.state == "CONFIRMED":
            return False
        b = self.body_of(unit, p["body"])
        year = local_day(b["start"]).year
        if not self.sound(unit, b, event["received"]) or not (self.open_for(year, event["received"], 2, 7) or (a.opened and year == a.year)):
            return False
        stood = a.state in LIVE
        if not self.reviewed(unit, b):
            a.correct(b, self.account(event), "APPROVED")
        else:
            a.correct(b, self.account(event), "CORRECTION_PENDING" if stood else "UNIT_REVIEW")
        if "first_version" in self.faults:
            a.bodies[a.version] = a.bodies[1]
        return True

    def on_activity__withdrawal_requested(self, unit, p, event):
        a = self.changeable(unit, p, event)
        if a is None or a.version != p["base_version"] or a.state_on(self.today) not in NOT_FINAL:
            return False
        a.version += 1
        a.about, a.state = a.version, "WITHDRAWN"
        return True

    # review

    def decide(self, unit, p, event):
        """A decision about the version that the state is of: the record, moved; None where it is refused."""
        a = self.changeable(unit, p, event)
        to = MOVES[event["type"]].get(a.state_on(self.today)) if a else None
        if to is None or p["version"] != a.about:
            return None
        if event["type"] in ("activity.approved", "activity.returned", "activity.confirmed") and a.senders[a.about] == self.account(event):
            return None                         # four eyes
        of_unit = self.role(event) and not event["source"].endswith("@CN000")
        if event["type"] == "activity.returned" and a.state == "SAMPLED" and of_unit:
            return None                         # the Centre's sample is returned by the Centre
        if event["type"] == "activity.approved" and a.suspect == a.about:
            return None                         # perhaps a duplicate, and not decided
        if event["type"] == "activity.returned" and a.state == "CORRECTION_PENDING":
            a.about = a.force                   # what was approved before stays
        a.state, a.since = to, self.today
        if to == "APPROVED":
            a.force = a.about
        return a

    def on_activity__approved(self, unit, p, event):
        return self.decide(unit, p, event) is not None

    on_activity__returned = on_activity__sampled = on_activity__confirmed = on_activity__revoked = on_activity__reopened = on_activity__approved

    def heard(self, unit, p, event, states):
        a = self.changeable(unit, p, event)
        return a if a is not None and a.state_on(self.today) in states else None

    def athlete(self, unit, p, event, before, after):
        a = self.heard(unit, p, event, HEARD)
        person = reference(p["person"], unit)
        if a is None or person not in {r["person"] for r in a.bodies[a.about]["roster"]} or a.words.get(person, "PENDING") != before:
            return False
        if event["type"] == "participation.resolved" and a.senders[a.about] == self.account(event):
            return False
        a.words[person] = after
        return True

    def on_participation__confirmed(self, unit, p, event):
        return self.athlete(unit, p, event, "PENDING", "YES")

    def on_participation__disputed(self, unit, p, event):
        return self.athlete(unit, p, event, "PENDING", "DISPUTED")

    def on_participation__resolved(self, unit, p, event):
        return self.athlete(unit, p, event, "DISPUTED", p["outcome"])

    def host(self, unit, p, event, before, after):
        a = self.heard(unit, p, event, ("UNIT_REVIEW", "APPROVED", "SAMPLED", "CORRECTION_PENDING"))
        if a is None or a.host_on(self.today) not in before:
            return False
        a.host, a.asked = after, self.today
        if after == "DISPUTED":
            a.state = "UNIT_REVIEW"
        return True

    def on_host__asked(self, unit, p, event):
        return self.host(unit, p, event, ("NONE", "EXPIRED", "DISPUTED"), "SENT")

    def on_host__confirmed(self, unit, p, event):
        return self.host(unit, p, event, ("SENT",), "CONFIRMED")

    def on_host__disputed(self, unit, p, event):
        return self.host(unit, p, event, ("SENT",), "DISPUTED")

    # duplicates

    def on_duplicate__suspected(self, unit, p, event):
        a = self.heard(unit, p, event, ("UNIT_REVIEW", "CORRECTION_PENDING"))
        if a is None:
            return False
        a.suspect = a.about
        return True

    def on_duplicate__settled(self, unit, p, event):
        a = self.heard(unit, p, event, HEARD + ("LAPSED",))
        if a is None:
            return False
        a.suspect = None
        if p["outcome"] == "SAME_EVENT_DOUBLE":
            a.state = "REVOKED" if a.state == "CONFIRMED" else "WITHDRAWN"
        elif p["outcome"] == "SAME_EVENT_JOINT":
            self.joint.append((p["activity"], p["other"]))
        return True

    # closed years

    def opening(self, unit, p, event):
        a = self.activities.get(p["activity"])
        if a is None or a.unit != unit or a.state_on(self.today) not in HEARD + ("LAPSED",) or a.opened:
            return None
        if self.open_for(a.year, event["received"], 2, 7) or self.role(event) not in ("POLICY_ADMIN", "CENTRE_AUDITOR"):
            return None
        return a

    def on_record__reopen_asked(self, unit, p, event):
        a = self.opening(unit, p, event)
        if a is None:
            return False
        a.opener = event["source"]
        return True

    def on_record__reopened(self, unit, p, event):
        a = self.opening(unit, p, event)
        if a is None or a.opener is None:
            return False
        account, role = a.opener.split("@")[0].split(":")
        if account == self.account(event) or role == self.role(event):
            return False
        a.opened = True
        return True

    # ------------------------------------------------------------------------------------------------------------- registers on a day

    def chain(self, unit):
        """The unit and all above it, nearest first."""
        found = []
        while unit is not None:
            found.append(unit)
            unit = self.parent.get(unit)
        return found

    def team_active(self, team, day):
        t = self.teams[team]
        if not holds(t["first"], t["last"], day):
            return False
        state = "ACTIVE"
        for start, s in t["states"]:
            if start <= day:
                state = s
        return state == "ACTIVE"

    def policy(self, team, day, measure):
        """The row that holds for a team on a day: the greatest `measure` of those in force, the narrower scope on a tie; None without any."""
        # Between two days on which a version's span begins or has ended the row is the same.
        key = (team, measure, bisect.bisect_right(self.edges, day))
        if key not in self.rows:
            best = None
            for where in [("TEAM", team)] + [("UNIT", u) for u in self.chain(self.teams[team]["unit"])] + [("NATION",)]:
                in_force = [v for v in self.policies.get(where, ()) if holds(v["first"], v["last"], day)]
                row = max(in_force, key=lambda v: v["version"], default=None)
                if row is not None and (best is None or row[measure] > best[measure]):
                    best = row
            self.rows[key] = best
        return self.rows[key]

    def excused(self, subject, effects):
        """The spans of days of a subject's exemptions with one of these effects."""
        if "no_exemptions" in self.faults:
            return []
        return [(e["first"], e["last"]) for e in self.exemptions.values() if e["subject"] == subject and e["effect"] in effects]

    # ------------------------------------------------------------------------------------------------------------- credit and sessions

    def present(self, b, row):
        if row["in"] is None or "declared_only" in self.faults:
            return row["declared"]
        overlap = min(row["out"], b["end"]) - max(row["in"], b["start"])
        return max(0, overlap // MINUTE - b["break"])

    @staticmethod
    def empty_of_guidance(b):
        """Only party themes and no guidance at all: neither minutes nor a session."""
        return bool(b["themes"]) and b["themes"] <= {"PARTY", "RED_EDU"} and b["guidance"] == 0

    def credit(self, b, row):
        """(minutes before the day's cap, policy) of one roster row."""
        if row["team"] not in b["teams"] or row["role"] == "ATTEND" or self.empty_of_guidance(b):
            return 0, None
        span = self.span_on(row["person"], row["team"], b["day"])
        p = self.policy(row["team"], b["day"], "athlete_min_minutes")
        if span is None or span.role != "ATHLETE" or p is None or span.status not in p["counted_statuses"]:
            return 0, None
        present = self.present(b, row)
        if present < p["presence_min"] * b["net"]:
            return 0, None
        talk = not b["content"] & GUIDANCE and "no_lecture_cap" not in self.faults
        cap = p["lecture_cap_minutes"] if talk else p["activity_cap_minutes"]
        return self.round_down(min(present, row["declared"], cap) * p["mode_factor"][b["mode"]], p), p

    def round_down(self, x, p):
        return floor_to(x, 1 if "no_rounding" in self.faults else p["rounding"])

    def in_order(self, year):
        """Live activities of the year in the order (start, id by bytes)."""
        live = [(a.body["start"], uuid.UUID(i).bytes, i, a.body) for i, a in self.activities.items() if a.state in LIVE and a.day.year == year]
        return [(i, b) for _, _, i, b in sorted(live, key=lambda x: x[:2])]

    def sooner(self, activity):
        """Live reports of the same event that were filed before this one."""
        event = {activity}
        if "joint_twice" in self.faults or not self.joint:
            return []
        for _ in self.joint:
            event |= {x for pair in self.joint for x in pair if event & set(pair)}
        place = self.activities[activity].place
        return [(i, self.activities[i].body) for i in event if self.activities[i].place < place and self.activities[i].state in LIVE]

    def silent(self, activity, person):
        """Disputed, and not solved in the person's favour."""
        return "no_disputes" not in self.faults and self.activities[activity].words.get(person) in ("DISPUTED", "DROPPED")

    def worth(self, i, b, row):
        return (0, None) if self.silent(i, row["person"]) else self.credit(b, row)

    def book(self, f, subject, activity, minutes, sessions):
        if minutes or sessions:
            line = f.ledger.setdefault((subject, activity), [0, 0])
            line[0] += minutes
            line[1] += sessions

    def book_minutes(self, f):
        spent = {}
        for i, b in self.in_order(f.year):
            before = self.sooner(i)
            for row in b["roster"]:
                credit, p = self.worth(i, b, row)
                if p is None or any(self.worth(j, c, r)[0] > 0 for j, c in before for r in c["roster"] if r["person"] == row["person"]):
                    continue
                so_far = spent.get((row["person"], b["day"]), 0)
                if "no_day_cap" not in self.faults:
                    credit = max(0, self.round_down(min(credit, p["day_cap_minutes"] - so_far), p))
                spent[row["person"], b["day"]] = so_far + credit
                self.book(f, ("P",) + row["person"], i, credit, 0)
                f.own[row["person"]] = f.own.get(row["person"], 0) + credit

    def counted_athletes(self, i, b, team, p):
        n = 0
        for row in b["roster"]:
            if row["team"] != team or row["role"] == "ATTEND" or self.silent(i, row["person"]):
                continue
            span = self.span_on(row["person"], team, b["day"])
            if span is not None and span.role == "ATHLETE" and span.status in p["session_statuses"] and \
                    self.present(b, row) >= p["presence_min"] * b["net"]:
                n += 1
        return n

    def makes_session(self, i, b, team):
        p = self.policy(team, b["day"], "team_min_sessions") if team in b["teams"] else None
        if p is None or not self.team_active(team, b["day"]) or p["mode_factor"][b["mode"]] == 0 or self.empty_of_guidance(b):
            return False
        return self.counted_athletes(i, b, team, p) >= p["min_team_athletes"]

    def book_sessions(self, f):
        seen = set()
        for i, b in self.in_order(f.year):
            for team in b["teams"]:
                place = (team, b["day"], b["site"], i if "no_merge" in self.faults else None)
                if place in seen or not self.makes_session(i, b, team):
                    continue
                if any(self.makes_session(j, c, team) for j, c in self.sooner(i)):
                    continue
                seen.add(place)
                self.book(f, ("T",) + team, i, 0, 1)

    # ------------------------------------------------------------------------------------------------------------- duties

    def counted_days(self, person, year):
        """{day: [(policy, team)]}: the days with a counted status in at least one team."""
        found = {}
        first, last = date(year, 1, 1), date(year, 12, 31)
        for s in self.spans:
            if s.person != person or s.role != "ATHLETE":
                continue
            day, end = max(s.first, first), min(s.last or last, last)
            while day <= end:
                p = self.policy(s.team, day, "athlete_min_minutes")
                if p is not None and s.status in p["counted_statuses"]:
                    found.setdefault(day, []).append((p, s.team))
                day += DAY
        return found

    @staticmethod
    def highest(rows):
        """All rows of a day that may be taken: the greatest duty; several on a tie, in the order in which their objects got a policy."""
        if len(rows) == 1:
            return [rows[0][0]]
        most = max(p["athlete_min_minutes"] for p, _ in rows)
        return sorted((p for p, _ in rows if p["athlete_min_minutes"] == most), key=lambda p: p["object"])

    def year_days(self, year):
        return 365 if "always_365" in self.faults else days_in_year(year)

    def athlete_duty(self, person, counted, year):
        """The duty that the year allows: a set, one value but for ties."""
        if not counted:
            return {0}
        entry = min(counted)
        late = {p["entry_cutoff"] < entry.strftime("%m-%d") for p in self.highest(counted[entry])}
        if "no_cutoff" in self.faults:
            late = {False}
        free = self.excused(("P",) + person, ("PRORATE", "WAIVE"))
        # A day whose duty is 0 carries none.
        owing = [d for d in sorted(counted) if not any(holds(a, z, d) for a, z in free) and self.highest(counted[d])[0]["athlete_min_minutes"] > 0]
        duty = set()
        if True in late:
            duty.add(0)
        if False in late:
            if not owing:
                duty.add(0)
            else:
                total = Fraction(sum(self.highest(counted[d])[0]["athlete_min_minutes"] for d in owing), self.year_days(year))
                duty |= {ceil_to(total, p["rounding"]) for p in self.highest(counted[owing[-1]])}
        return duty

    def team_days(self, team, year):
        """[(day, policy)] of the days that carry the team's duty."""
        free = self.excused(("T",) + team, ("PRORATE", "WAIVE"))
        found = []
        for d in days_of(year):
            if self.team_active(team, d) and not any(holds(a, z, d) for a, z in free):
                p = self.policy(team, d, "team_min_sessions")
                if p is not None and p["team_min_sessions"] > 0:
                    found.append((d, p))
        return found

    def team_duty(self, days, year):
        if not days:
            return {0}
        total = Fraction(sum(p["team_min_sessions"] for _, p in days), self.year_days(year))
        return {max(0, ceil_to(total - days[-1][1]["session_tolerance"], 1))}

    # ------------------------------------------------------------------------------------------------------------- a year

    def figures(self, year):
        """The figures of a year as they stand: of a closed year those of its close."""
        if year in self.frozen:
            return self.frozen[year]
        key = ("figures", year)
        if key not in self.cache:
            self.cache[key] = self.compute(year)
        return self.cache[key]

    def compute(self, year):
        f = Figures(year)
        self.book_minutes(f)
        self.book_sessions(f)
        for person in sorted({s.person for s in self.spans}):
            f.counted[person] = self.counted_days(person, year)
            f.duty[("P",) + person] = self.athlete_duty(person, f.counted[person], year)
        for team in self.teams:
            f.duty[("T",) + team] = self.team_duty(self.team_days(team, year), year)
        if year - 1 in self.frozen:
            self.carry(self.frozen[year - 1], f)
        return f

    def carry(self, old, new):
        """What the year before leaves to this one; only a closed year does."""
        last = date(old.year, 12, 31)
        for person, counted in old.counted.items():
            subject = ("P",) + person
            for p in self.highest(counted[last]) if last in counted else []:
                for duty in old.duty[subject]:
                    own = old.own.get(person, 0)
                    carries, lacks = new.carry_in.setdefault(person, set()), new.deficit_in.setdefault(person, set())
                    if p["carry_over"] == "SURPLUS_25":
                        most = floor_to(Fraction(duty, 4), p["rounding"])
                        carries.add(min(max(0, own - duty), most))
                        lacks.add(0)
                    elif p["carry_over"] == "DEFICIT":
                        for had in {own} | {own + c for c in old.carry_in.get(person, ())}:
                            lacks.add(max(0, duty - had))
                        carries.add(0)
                    else:
                        carries.add(0)
                        lacks.add(0)

    def minutes_of(self, f, person):
        """All totals the text allows: own credit plus what was carried in."""
        return {f.own.get(person, 0) + c for c in f.carry_in.get(person, {0})}

    def sessions_of(self, f, team):
        return sum(line[1] for (subject, _), line in f.ledger.items() if subject == ("T",) + team)

    # ------------------------------------------------------------------------------------------------------------- coverage

    def coverage(self, year, persons=None, teams=None):
        """(owing, met, took part) of persons and of teams; rates are met/owing, None without anybody. Of single-valued figures only."""
        f = self.figures(year)
        persons = [s[1:] for s in f.duty if s[0] == "P"] if persons is None else persons
        teams = [s[1:] for s in f.duty if s[0] == "T"] if teams is None else teams
        owing = [p for p in persons if min(f.duty.get(("P",) + p, {0})) > 0]
        had = {p: min(self.minutes_of(f, p)) for p in owing}
        people = (len(owing), sum(had[p] >= max(f.duty[("P",) + p]) for p in owing), sum(had[p] > 0 for p in owing))
        owe = [t for t in teams if max(f.duty.get(("T",) + t, {0})) > 0]
        n = {t: self.sessions_of(f, t) for t in owe}
        return people, (len(owe), sum(n[t] >= max(f.duty[("T",) + t]) for t in owe), sum(n[t] > 0 for t in owe))

    def members_of(self, year, team):
        """Persons who belong to a team in coverage: a counted day there in that year."""
        f = self.figures(year)
        return sorted(p for p, days in f.counted.items() if any(t == team for rows in days.values() for _, t in rows))

    # ------------------------------------------------------------------------------------------------------------- pacing

    # The text does not say which row's blackout_after_days holds: the day's own, or the team's of the closing day (by sessions or by minutes).
    # Of two memberships' rows that tie, either may be taken.
    READINGS = [(black, tie) for black in ("day", "team_min_sessions", "athlete_min_minutes") for tie in (0, -1)]

    def blacked_out(self, team, day, p, reading):
        for name in self.teams[team]["games"]:
            closing = GAMES.get(name)
            if closing is None or closing.year != day.year:
                continue
            row = p if reading == "day" else self.policy(team, closing, reading)
            if day <= closing + DAY * (row["blackout_after_days"] if row is not None else 0):
                return True
        return False

    def weights(self, subject, year, reading=("day", 0)):
        """[(day, weight, policy)] of the days that carry duty; weights in whole parts, so that every length of a month divides them."""
        key = ("weights", subject, year, reading)
        if key in self.cache:
            return self.cache[key]
        free = self.excused(subject, ("DEFER",))
        gone = self.excused(subject, ("PRORATE", "WAIVE"))
        if subject[0] == "T":
            rows = [(d, p, self.blacked_out(subject[1:], d, p, reading[0])) for d, p in self.team_days(subject[1:], year)]
        else:
            counted = self.figures(year).counted.get(subject[1:], {})
            rows = []
            for d in sorted(counted):
                if not any(holds(a, z, d) for a, z in gone) and self.highest(counted[d])[0]["athlete_min_minutes"] > 0:
                    rows.append((d, self.highest(counted[d])[reading[1]], any(self.blacked_out(t, d, p, reading[0]) for p, t in counted[d])))
        out = []
        for d, p, black in rows:
            month = MONTHS[d.month - 1] + (d.month == 2 and days_in_year(d.year) == 366)
            off = black or any(holds(a, z, d) for a, z in free)
            out.append((d, 0 if off else p["month_weights"][d.month - 1] * (PARTS // month), p))
        self.cache[key] = out
        return out

    def expected(self, subject, day):
        """e(d), all that the text allows: the weight of the days up to and with d over that of the year; 0 if the year has none."""
        found = set()
        for reading in self.READINGS if self.has_games() else self.READINGS[:2]:
            rows = self.weights(subject, day.year, reading)
            total = sum(w for _, w, _ in rows)
            found.add(Fraction(sum(w for d, w, _ in rows if d <= day), total) if total else Fraction(0))
        return found

    def has_games(self):
        return any(set(t["games"]) & set(GAMES) for t in self.teams.values())

    def done_by(self, subject, day):
        f = self.figures(day.year)
        n = 0
        for (s, activity), line in f.ledger.items():
            if s == subject and self.activities[activity].day <= day:
                n += line[1] if subject[0] == "T" else line[0]
        return n

    def levels(self, subject, day):
        """The levels that the text allows at d: a set."""
        f = self.figures(day.year)
        ends = [rows[-1][2] for rows in (self.weights(subject, day.year, ("day", tie)) for tie in (0, -1)) if rows]
        carried = f.carry_in.get(subject[1:], {0}) | {0} if subject[0] == "P" else {0}
        return {self.level(subject, day, duty, self.done_by(subject, day) + extra, e, p)
                for e in self.expected(subject, day) for duty in f.duty.get(subject, {0}) for extra in carried for p in ends or [None]}

    @staticmethod
    def level(subject, day, duty, done, e, p):
        """p: the row of the last day that carries duty."""
        if duty == 0:
            return "OK"
        gap = e - Fraction(done, duty)
        if subject[0] == "P" and duty - done > p["feasible_minutes_per_month"] * (13 - day.month):
            return "CRITICAL"
        return LEVELS[bisect.bisect_left(p["pacing_bounds"], gap)]
