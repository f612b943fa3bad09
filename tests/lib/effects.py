"""Effects: what each closed event must have left behind, and nothing besides. From the log, the closures and the effect tables alone.

I4  each event that a kind has closed has exactly the rows and follow-on events that its verdict asks for
I6  one mail for each event that asks for one, its rule and its receivers; receipts stand where the moves in the log have brought them
I7  within a key of an ordered kind (register: over all) events were closed in the order of their positions; versions of an activity follow on
"""
import collections
import datetime
import hashlib
import json
import uuid

MAILS = {"activity.rejected": 23, "quota.duty_met": 24, "opinion.flagged": 25, "quota.credited": 6, "flag.opened": 12, "account.bulk_entry": 22,
         "quota.level_changed": 10, "incident.reported": 15, "activity.report_missing": 8, "quota.quarter_summed": 11, "story.decided": 20}
JUDGED = set(MAILS.values()) | {3, 4, 5, 7, 9, 16, 17, 18, 21, 26, 27}
# What a day tells by itself: the days of a year of N18, the anchors of N09 (the Double Ninth of each year is written down: Python has no Chinese calendar).
CLOSING = {(12, 1), (12, 20), (1, 10), (1, 25), (2, 8)}
DOUBLE_NINTH = {(2024, 10, 11), (2025, 10, 29), (2026, 10, 18), (2027, 10, 8), (2028, 10, 26), (2029, 10, 16), (2030, 10, 5), (2031, 10, 24), (2032, 10, 12)}
AHEAD, MISSED = (30, 14, 3), 60


def anchor(d):
    return (d.month, d.day) in {(6, 10), (8, 8)} or (d.year, d.month, d.day) in DOUBLE_NINTH


def told_on(first, last):
    """Rules that tell everybody something on `last`, when `first` is the first day that nobody has told of yet."""
    days = [first + datetime.timedelta(n) for n in range(max(0, (last - first).days + 1))]
    rules = {9 for d in days for n in AHEAD if anchor(d + datetime.timedelta(n)) and d + datetime.timedelta(n) >= last}
    return rules | {18 for d in days if (d.month, d.day) in CLOSING}


def review_mail(d):
    """Which letter tells that an activity's state has changed; None where nobody is told."""
    if d["type"] in ("host.disputed", "participation.disputed"):
        return 7
    if d["type"] == "activity.reopened":
        return None
    if d["type"] == "duplicate.settled":
        return 21
    if d["state"] in ("UNIT_REVIEW", "CORRECTION_PENDING"):
        return 4
    return 5 if d["type"] == "activity.returned" else 21 if d["state"] == "REVOKED" else None


def same(violations, kind, what, should, stands):
    for p in sorted(should - stands, key=str):
        violations("%s: %s has no %s", kind, p, what)
    for p in sorted(stands - should, key=str):
        violations("%s: %s has a %s and should not", kind, p, what)


class Effects:
    """rows(sql, values=None) reads in one snapshot; add(invariant, text, *values) notes a violation; served: names of kinds that count."""

    def __init__(self, rows, add, served):
        self.rows, self.add, self.served = rows, add, served
        self.closed = collections.defaultdict(dict)     # kind -> position -> verdict
        self.numbers = collections.defaultdict(dict)    # kind -> position -> closure
        for kind, number, positions, verdicts in rows("select k.name, c.number, c.positions, c.verdicts from closure c join kind k on k.number = c.kind"):
            for p, v in zip(positions, verdicts):
                self.closed[kind][p] = v
                self.numbers[kind][p] = number
        self.type = {p: t for p, t in rows("select e.position, t.name from event e join event_type t on t.number = e.type")}
        self.children = collections.defaultdict(collections.Counter)    # (kind, type) -> position of the parent -> how many
        for kind, type, parent in rows("select f.source, t.name, e.position from event f join event_type t on t.number = f.type join event e on"
                                       " e.id = f.causation_id"):
            self.children[kind, type][parent] += 1

    def with_verdict(self, kind, verdict):
        return {p for p, v in self.closed[kind].items() if v == verdict}

    def judged(self, kind, table):
        """One row a closed event, with the closure's verdict."""
        rows = dict(self.rows("select position, verdict from " + table))
        same(lambda *x: self.add("I4", *x), kind, "row in " + table, set(self.closed[kind]), set(rows))
        for p, v in rows.items():
            if self.closed[kind].get(p, v) != v:
                self.add("I4", "%s: position %d was closed with verdict %d, and its row in %s says %d", kind, p, self.closed[kind][p], table, v)

    def announced(self, kind, type, parents):
        stands = self.children[kind, type]
        same(lambda *x: self.add("I4", *x), kind, "follow-on " + type, parents, set(stands))
        for p, n in stands.items():
            if n > 1:
                self.add("I4", "%s: %d has %d times %s", kind, p, n, type)

    def run(self):
        for kind, check in (("register", self.register), ("validation", self.validation), ("quota", self.quota), ("opinion", self.opinion),
                            ("mail", self.mail)):
            if kind in self.served:
                check()
        self.order()

    # -- the kinds --

    def register(self):
        self.judged("register", "register_log")
        refused = {p for (p,) in self.rows("select position from register_refusal")}
        same(lambda *x: self.add("I4", *x), "register", "refusal", self.with_verdict("register", 2), refused)
        made = {p for (p,) in self.rows(" union ".join("select position from %s_version" % t for t in ("unit", "team", "person", "membership", "site",
                                                                                                  "policy")))} - {0}
        for p in made - self.with_verdict("register", 1):
            self.add("I4", "register: versions of position %d, which was not applied", p)

    def validation(self):
        self.judged("validation", "validation")
        settled = {p for p, type in self.type.items() if type in ("duplicate.suspected", "duplicate.settled")}  # nobody's own: nobody is told
        self.announced("validation", "activity.rejected", self.with_verdict("validation", 2) - settled)
        withdrawals = {p for p in self.with_verdict("validation", 1) if self.type.get(p) == "activity.withdrawal_requested"}
        self.announced("validation", "activity.withdrawn", withdrawals)
        last, stands, told = {}, {}, set()
        for p, activity, version, base, op, state in self.rows("select position, activity, version, base, op, state from validation where verdict = 1"
                                                               " order by position"):
            was, stands[activity] = stands.get(activity), state
            if op in (1, 2) and state in (2, 7) or op in (9, 11, 16, 19) or op > 3 and state != was:
                told.add(p)  # in review, disputed, or decided
            if op > 3:
                continue
            due = last.get(activity, 0) + 1
            if version != due or op != 1 and base != due - 1:
                self.add("I7", "validation: position %d made version %s on base %s of %s where %d was due", p, version, base, activity, due)
            last[activity] = version
        self.announced("validation", "activity.state_changed", told)

    def quota(self):
        versions = dict(self.rows("select position, op from quota_version"))
        same(lambda *x: self.add("I4", *x), "quota", "version", set(self.closed["quota"]), set(versions))
        bodies = {}
        for p, payload in self.rows("select position, payload from event where position = any(%s)", ([p for p, op in versions.items() if op < 3],)):
            body = json.loads(payload)
            bodies[p] = body.get("body", body)
        for what, member in (("participation", "roster"), ("team", "teams")):
            found = collections.Counter(p for (p,) in self.rows("select position from quota_" + what))
            for p in set(found) | set(bodies):
                due = len(bodies[p][member]) if p in bodies else 0
                if found[p] != due:
                    self.add("I4", "quota: position %d has %d rows of %s where %d are due", p, found[p], member, due)

    def opinion(self):
        self.judged("opinion", "opinion_score")
        self.announced("opinion", "opinion.flagged", self.with_verdict("opinion", 2))

    # -- mail --

    def mail(self):
        add = lambda *x: self.add("I6", *x)  # noqa: E731
        rows = dict(self.rows("select position, verdict from mail_log"))
        same(add, "mail", "row in mail_log", set(self.closed["mail"]), set(rows))
        letters = {}      # (position, rule) -> id, event's id, receivers
        due = self.due_mails()
        receivers = collections.defaultdict(set)
        for p, rule, unit in self.rows("select position, rule, unit from mail_receipt"):
            receivers[p, rule].add(unit)
        ids = {}
        for p, rule, id, event in self.rows("select m.position, m.rule, m.id::text, e.id::text from mail m left join event e using (position)"):
            letters[p, rule] = id
            ids[id] = p, rule
            if event is None or str(mail_id(event, rule)) != id:
                add("the mail of position %d, rule %d has not the id that they give: %s", p, rule, id)
        moved = self.moves(ids, receivers, due, add)
        # Reminders follow from days, not from events: of them only that they are whole is asked here, tests/system/days.py asks the rest.
        same(add, "mail", "letter (position, rule)", set(due),
             {k for k in letters if k[1] in JUDGED and (k[1] != 16 or self.type.get(k[0]) != "calendar.day_started")})
        for key in set(letters) - set(receivers):
            add("the mail of position %d, rule %d went to nobody", *key)
        for key, units in due.items():
            if receivers.get(key, set()) != units:
                add("the mail of position %d, rule %d went to units %s where %s are due", *key, sorted(receivers.get(key, ())), sorted(units))
        for key in set(receivers) - set(letters):
            add("receipts of position %d, rule %d without a mail", *key)
        for p, v in rows.items():
            expected = 1 if p in moved or any((p, r) in due for r in JUDGED) else 2
            if v != expected or self.closed["mail"].get(p) != v:
                add("mail: position %d: verdict %s in the log of mail, %s in its closure, %d due", p, v, self.closed["mail"].get(p), expected)

    def due_mails(self):
        """(position, rule) -> units."""
        versions = collections.defaultdict(list)
        for n, p, parent, kind, state in self.rows("select number, position, parent, kind, state from unit_version order by position"):
            versions[n].append((p, parent, kind, state))
        codes = dict(self.rows("select code, number from unit"))

        def at(position):
            return {n: [v for v in found if v[0] <= position][-1] for n, found in versions.items() if found[0][0] <= position}
        due = {}
        before = None
        for p, day in self.rows("select c.position, c.day from calendar_day c order by c.position"):
            first = day if before is None else max(before + datetime.timedelta(1), day - datetime.timedelta(MISSED - 1))
            before = day if before is None else max(before, day)
            units = {n for n, (_, _, _, state) in at(p).items() if n and state == "ACTIVE"}
            if units and p in self.closed["mail"]:
                due.update({(p, rule): units for rule in told_on(first, day)})
        for p, scope, unit, team in self.rows("select v.position, p.scope, p.unit, t.unit from policy_version v join policy p using (number) left join team t on"
                                              " t.number = p.team"):
            directory = at(p)
            told = {"NATION": set(directory), "UNIT": {unit}, "TEAM": {team}}[scope]
            while scope == "UNIT" and any(n not in told and v[1] in told for n, v in directory.items()):
                told |= {n for n, v in directory.items() if v[1] in told}
            told = {n for n in told if n and n in directory and directory[n][3] in ("ACTIVE", "SUSPENDED")}
            if told and p in self.closed["mail"]:
                due[p, 17] = told
        for p, *units in self.rows("select v.position, x.unit, coalesce(t.unit, p.unit) from exemption_version v join exemption x using (number) left join team t on"
                                   " t.number = v.team left join person p on p.number = v.person"):
            if p in self.closed["mail"]:
                due[p, 16] = set(units)
        for p, type, unit, payload in self.rows("select e.position, t.name, e.unit, e.payload from event e join event_type t on t.number = e.type where"
                                                " t.name in ('activity.rejected', 'quota.duty_met', 'opinion.flagged', 'quota.credited', 'flag.opened',"
                                                " 'account.bulk_entry', 'quota.level_changed', 'incident.reported', 'story.decided', 'activity.report_missing', 'quota.quarter_summed', 'mail.broadcast_requested', 'activity.state_changed')"):
            if p not in self.closed["mail"]:
                continue  # parked: I4 has seen to it
            d = json.loads(payload)
            if type == "activity.state_changed":
                if review_mail(d):
                    due[p, review_mail(d)] = {unit}
                continue
            if type != "mail.broadcast_requested":
                units = {unit}
                if type in ("account.bulk_entry", "incident.reported"):
                    units.add(0)
                if type == "opinion.flagged" and d["severity"] >= 3:
                    units.add(at(p)[unit][1] or 0)
                due[p, MAILS[type]] = units
                continue
            directory = at(p)
            units = {n for n, (_, _, kind, _) in directory.items() if n and (d["scope"] == "all" or d["scope"] == "kind" and kind in d["kinds"])}
            if d["scope"] == "list":
                units = {codes[c] for c in d["units"] if codes.get(c) in directory}
            if units:
                due[p, 3] = units
        return due

    def moves(self, ids, receivers, due, add):
        """Plays what moves receipts in order of position; the positions that moved something. Receipts must stand as they leave them. Adds to due
        what replies and recalls tell."""
        needs = dict(self.rows("select id::text, needs from mail"))
        stand = {(p, rule, unit): [2, None, None, None, None] for (p, rule), units in receivers.items() for unit in units}
        moved, recalled, hidden = set(), {}, set()
        for p, type, unit, received, payload in self.rows(
                "select e.position, t.name, e.unit, e.received_at, e.payload from event e join event_type t on t.number = e.type where t.name in"
                " ('mail.read', 'mail.signed', 'mail.replied', 'mail.recalled') order by e.position"):
            d = json.loads(payload)
            if type == "mail.recalled":
                mail = ids.get(d.get("mail"), (p, 0))
                if p in self.closed["mail"] and mail[0] < p and mail not in recalled:
                    recalled[mail] = p
                    moved.add(p)
                    told = {unit for (*m, unit), x in stand.items() if tuple(m) == mail and x[0] > 2}
                    if told and any(x[0] < 4 for (*m, _), x in stand.items() if tuple(m) == mail):
                        due[p, 26] = told
                    hidden.update(k for k, x in stand.items() if k[:2] == mail and x[0] < 4)
                continue
            key = ids.get(d.get("mail"), (0, 0)) + (unit,)
            if p not in self.closed["mail"] or key not in stand or key[0] > p:
                continue
            x = stand[key]
            if type == "mail.read" and x[0] == 2:
                x[:3] = [3, received, d.get("by")]
            elif type == "mail.signed" and x[0] == 3 and needs[d["mail"]] == "SIGN":
                x[0], x[3:] = 4, [received, d.get("by")]
            elif type == "mail.replied" and x[0] == 3 and needs[d["mail"]] == "REPLY":
                x[0] = 5
                due[p, 27] = {0}
            else:
                continue
            moved.add(p)
        for p, rule, unit, *stands in self.rows("select position, rule, unit, state, read_at, read_by, signed_at, signed_by from mail_receipt"):
            if stand[p, rule, unit] != stands:
                add("the receipt of unit %d of the mail of position %d, rule %d stands at %s, by the log at %s", unit, p, rule, stands, stand[p, rule, unit])
        same(add, "mail", "recalled receipt", hidden, {tuple(r) for r in self.rows("select position, rule, unit from mail_receipt where recalled")})
        return moved

    # -- order --

    def order(self):
        """Parked and redriven events, and those behind them, go when an operator says so: their keys are left out."""
        late = {(k, p) for k, p in self.rows("select k.name, d.position from parked d join kind k on k.number = d.kind")}
        keys = {p: (u, k) for p, u, k in self.rows("select position, unit, coalesce(key, id::text) from event")}
        keys.update((p, (p,)) for kind in self.numbers for p in self.numbers[kind] if p not in keys)  # that is another fault, told by others
        for kind, ordering, single in self.rows("select name, ordering, single from kind where ordering <> 'none'"):
            if kind not in self.served:
                continue
            last, skipped = {}, {keys.get(p) for k, p in late if k == kind}
            for p in sorted(self.numbers[kind]):
                key = None if ordering == "position" else keys[p]
                if keys[p] in skipped or key is None and skipped:
                    continue
                number = self.numbers[kind][p]
                before = last.get(key)
                if before and (number < before[1] or number == before[1] and single):
                    self.add("I7", "%s closed position %d in closure %d, and %d of the same key before it in %d", kind, p, number, *before)
                last[key] = p, number
        for kind, ordering, positions in self.rows("select k.name, k.ordering, c.positions from closure c join kind k on k.number = c.kind where"
                                                   " k.ordering <> 'none' and cardinality(c.positions) > 1"):
            last = {}
            for p in positions if kind in self.served else ():
                key = None if ordering == "position" else keys[p]
                if last.get(key, 0) > p and (kind, p) not in late:
                    self.add("I7", "%s: in a batch position %d came after %d of the same key", kind, p, last[key])
                last[key] = p


def mail_id(event, rule):
    """UUID version 8 of (event, 'mail', rule), as for follow-on events."""
    p = uuid.UUID(event).bytes
    b = bytearray(p[:6] + hashlib.sha256(p + b"mail" + rule.to_bytes(4, "big")).digest()[:10])
    b[6], b[8] = (b[6] & 15) | 128, (b[8] & 63) | 128
    return uuid.UUID(bytes=bytes(b))
