#!/usr/bin/python3
"""The checker: from the clients' own histories and SQL alone, was every promise kept? Counts and violations on stdout; exit 1 on any.

I1  what was acked stands in the log, at the position acked, with the content sent
I2  nothing that was refused for good is in the log; nothing is in the log that no client sent and no worker or operator is the source of
I3  no id twice; content that came later under a known id has changed nothing
I4  every event has exactly one closure of each kind that wants it (behind a gate: exactly when the gate closed it so), or is parked; and exactly
    the effects that its verdict asks for (effects.py)
I5  totals are the ledger's sums, the ledger is what the rules give for all accepted activities, reckoned anew (reckon.py)
I6  one mail for each event, rule and receiver, receipts as the log has moved them (effects.py)
I7  no stage before the one it waits for: gate, barrier, parent of a follow-on, receipt; each key in the order of its positions (effects.py)
I8  every stream shows exactly the log in both series: no gap, no repeat, nothing else, through all resumptions by Last-Event-ID
I9  a unit's own stream shows that unit's events and no other's (--scoped)
I10 what an operator was told is done stands in the log (--operated)
I12 nothing is left: no backlog, no lease, no intake without an answer (from the broker's status, if --status is given)

It shares no code with the programs, and none with the load but the form of the files (tests/lib/load.py says what they hold). The one thing it
reads from the source is common/err.def: which refusals say "send the same again" and are therefore not final.
"""
import argparse
import bisect
import datetime
import hashlib
import json
import os
import re
import sys
import uuid

import psycopg2

import effects
import reckon

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SHOWN = 5
CONFLICT = 55


def retryable_codes():
    with open(os.path.join(ROOT, "common/err.def"), encoding="utf-8") as f:
        return {int(m.group(1)) for m in re.finditer(r'^LJ_ERR\((\d+), \w+, "\w+", \d+, 1,', f.read(), re.M)}


class Violations:
    def __init__(self):
        self.by_invariant = {}

    def add(self, invariant, text, *values):
        self.by_invariant.setdefault(invariant, []).append(text % values if values else text)

    def print(self):
        for name in sorted(self.by_invariant):
            found = self.by_invariant[name]
            print("VIOLATED %s: %d" % (name, len(found)))
            for text in found[:SHOWN]:
                print("    " + text)
            if len(found) > SHOWN:
                print("    ... and %d more" % (len(found) - SHOWN))


class Clients:
    """What all clients together know."""

    def __init__(self):
        self.sent = {}        # id -> list of contents (None: content not known here)
        self.acked = {}       # id -> set of positions
        self.refused = {}     # id -> code: final, and nobody was ever told it was stored
        self.conflicts = {}   # id -> list of contents sent under a known id
        self.bad_lines = 0
        self.unknown = 0
        self.duplicates = 0

    def read_history(self, path, retryable):
        with open(path, "rb") as f:
            for raw in f:
                if not raw.endswith(b"\n"):
                    continue  # the last line of a client that was killed
                if raw.startswith(b"{"):
                    self._json(json.loads(raw))
                else:
                    self._words(raw.decode().split(), retryable)

    def _json(self, h):
        if "sent" in h:
            self.sent.setdefault(h["sent"], []).append(h["event"])
        elif "ack" in h:
            self.acked.setdefault(h["ack"], set()).add(h["position"])
            self.duplicates += h["code"] == 1
            if h.get("of") == "conflict":
                self.refused.setdefault("conflict taken: " + h["ack"], "taken")
        elif "refused" in h:
            self.refused[h["refused"]] = h["code"]
        elif "conflict" in h:
            self.conflicts.setdefault(h["conflict"], []).append(h["event"])
        elif "unknown" in h:
            self.unknown += 1

    def _words(self, w, retryable):
        if w[0] == "sent":
            self.sent.setdefault(w[1], [])
        elif w[0] == "ack":
            code = int(w[2])
            if code >= 0:
                self.acked.setdefault(w[1], set()).add(int(w[3]))
                self.duplicates += code == 1
            elif -code in retryable:
                self.unknown += 1
            else:
                self.refused[w[1]] = str(code)

    def read_input(self, path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                e = json.loads(line)
                if e["id"] in self.sent:
                    self.sent[e["id"]].append(e)


def micros(t):
    if t is None:
        return None
    if isinstance(t, str):
        t = datetime.datetime.fromisoformat(t.replace("Z", "+00:00"))
    return round(t.timestamp() * 1000000)


def differs(content, row, types, units):
    """Where the stored row is not what was sent; None where it is."""
    if types[row["type"]] != content["type"]:
        return "type"
    if units.get(row["unit"]) != content["unit"]:
        return "unit"
    if content.get("key") and row["key"] != content["key"]:
        return "key"
    if micros(content.get("occurred_at")) != micros(row["occurred_at"]):
        return "occurred_at"
    if row["schema_version"] != content.get("schema_version", 1):
        return "schema_version"
    if json.loads(row["payload"]) != content["payload"]:
        return "payload"
    return None


class Check:
    def __init__(self, dsn, clients, unserved, clock_back=False):
        self.db = psycopg2.connect(dsn + " options='-c search_path=liangjin,pg_catalog'")
        self.db.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self.c, self.v = clients, Violations()
        self.clock_back = clock_back  # a wall clock was put back: times are no order, numbers and positions are
        self.types = dict(self.rows("select number, name from event_type"))
        self.origins = dict(self.rows("select number, origin from event_type"))
        self.kinds = {r[0]: dict(name=r[1], after=r[2], after_verdict=r[3], barrier=r[4])
                      for r in self.rows("select number, name, after, after_verdict, barrier from kind")}
        self.units = dict(self.rows("select number, code from unit"))
        self.unserved = {n for n, k in self.kinds.items() if k["name"] in unserved}
        self.counts = {}

    def rows(self, text, values=None):
        with self.db.cursor() as c:
            c.execute(text, values)
            return c.fetchall()

    # I1, I2, I3: the log against the clients
    def log(self):
        names = ["position", "received_at", "occurred_at", "id", "causation_id", "type", "unit", "schema_version", "key", "source", "payload"]
        c = self.db.cursor("log")
        c.itersize = 5000
        c.execute("select %s from event order by position" % ", ".join(names))
        seen, parents, total, by_clients, last = {}, [], 0, 0, None
        for values in c:
            row = dict(zip(names, values))
            id, position = row["id"], row["position"]
            total += 1
            if id in seen:
                self.v.add("I3", "id %s stands at %d and at %d", id, seen[id], position)
            if last is not None and position <= last:
                self.v.add("I3", "position %d comes twice", position)
            last = position
            seen[id] = position
            origin = self.origins.get(row["type"])
            if origin in ("client", "centre"):
                by_clients += 1
                self._client_row(id, row)
            elif origin == "worker":
                parents.append((position, id, row["causation_id"], row["source"], row if row["source"] == "quota" else None))
            elif origin != "operator":
                self.v.add("I2", "the event at %d has a type (%d) that nobody may send", position, row["type"])
        c.close()
        for id, positions in self.c.acked.items():
            if id not in seen:
                self.v.add("I1", "%s was acked at %s and is not in the log", id, sorted(positions))
            elif positions != {seen[id]}:
                self.v.add("I1", "%s was acked at %s and stands at %d", id, sorted(positions), seen[id])
        for id, code in self.c.refused.items():
            if id.startswith("conflict taken: "):
                self.v.add("I3", "other content under the id %s was answered as stored", id[16:])
            elif id in seen and id not in self.c.acked:
                self.v.add("I2", "%s was refused (%s) and stands at %d", id, code, seen[id])
        for position, id, parent, source, duty in parents:
            if parent is None or parent not in seen:
                self.v.add("I2", "the follow-on event %s at %d has no parent in the log", id, position)
            elif seen[parent] >= position:
                self.v.add("I7", "the follow-on event at %d stands before its parent at %d", position, seen[parent])
            if not self._follow_on_id(id, parent, source, self._settled_numbers(duty) if duty else []):
                self.v.add("I2", "the follow-on event %s at %d has not the id that its parent and kind give", id, position)
        self.positions = sorted(seen.values())
        self.counts.update(events=total, of_clients=by_clients, follow_ons=len(parents), acked=len(self.c.acked), sent=len(self.c.sent),
                           refused=len(self.c.refused), unanswered=self.c.unknown, repeats=self.c.duplicates, conflicts=len(self.c.conflicts))

    def _client_row(self, id, row):
        if id not in self.c.sent:
            self.v.add("I2", "%s at %d: no client has sent it", id, row["position"])
            return
        contents = self.c.sent[id]
        found = [differs(x, row, self.types, self.units) for x in contents]
        if contents and None not in found:
            others = [x for x in self.c.conflicts.get(id, []) if differs(x, row, self.types, self.units) is None]
            self.v.add("I3" if others else "I1", "%s at %d differs from what was sent: %s%s", id, row["position"], found[0],
                       " (it has the content of a later event)" if others else "")

    def _settled_numbers(self, row):
        """A duty that is met has a number made of subject and year, what a team was credited the team's, that it is behind 1,010,000,000 more;
        what is decided of a duplicate 1,040,000,000, what is suspected on a day those above."""
        d = json.loads(row["payload"])
        if self.types[row["type"]].startswith("duplicate."):
            return [1040000000] if self.types[row["type"]] == "duplicate.settled" else list(range(1040000001, 1040000100))
        if self.types[row["type"]] in ("flag.opened", "account.bulk_entry"):
            return [1000000035 if self.types[row["type"]] == "account.bulk_entry" else 1000000000 + row["unit"]]
        if self.types[row["type"]] == "quota.quarter_summed":
            return [1020000000 + row["unit"]]
        if self.types[row["type"]] == "activity.report_missing":
            return [1030000000 + row["unit"]]
        if self.types[row["type"]] in ("quota.credited", "quota.level_changed"):
            base = 1010000000 if self.types[row["type"]] == "quota.level_changed" else 0
            return [base + n for (n,) in self.rows("select number from team where unit = %s and code = %s", (row["unit"], d["team"]))]
        if d.get("subject") not in ("TEAM", "PERSON"):
            return []
        which = d["subject"] == "PERSON"
        found = self.rows("select number from %s where unit = %%s and code = %%s" % d["subject"].lower(), (row["unit"], d["code"]))
        return [first | n << 5 | which << 4 | d["year"] & 15 for (n,) in found for first in (0, 1 << 30)]  # the second: met as a day began

    @staticmethod
    def _follow_on_id(id, parent, source, numbers):
        """UUID version 8: the parent's 48 bits of time, then sha256(parent, kind, number)."""
        if parent is None:
            return False
        p = uuid.UUID(parent).bytes
        for number in list(range(8)) + numbers:
            b = bytearray(p[:6] + hashlib.sha256(p + source.encode() + number.to_bytes(4, "big")).digest()[:10])
            b[6], b[8] = (b[6] & 15) | 128, (b[8] & 63) | 128
            if uuid.UUID(bytes=bytes(b)) == uuid.UUID(id):
                return True
        return False

    # I4
    def closures(self):
        skip = tuple(self.unserved) or (-2,)
        base = ("with c as materialized (select number, kind, closed_at, unnest(positions) p, unnest(verdicts) v from closure),"
                " w as materialized (select w.kind, k.after, k.after_verdict, e.position p from event e join want w on w.type = e.type and e.position >"
                " w.from_position join kind k on k.number = w.kind where w.kind not in %s and coalesce(k.after, -1) not in %s) ")
        for kind, p, n in self.rows(base + "select kind, p, count(*) from c group by 1, 2 having count(*) > 1 limit 1000", (skip, skip)):
            self.v.add("I4", "position %d was closed %d times by %s", p, n, self.kinds[kind]["name"])
        for kind, p in self.rows(base + "select c.kind, c.p from c left join w using (kind, p) where w.p is null and c.kind not in %s limit 1000",
                                 (skip, skip, skip)):
            self.v.add("I4", "position %d was closed by %s, which does not want it", p, self.kinds[kind]["name"])
        missing = base + (
            "select w.kind, w.p from w left join c using (kind, p) left join c g on g.kind = w.after and g.p = w.p"
            " left join parked d on d.kind = w.kind and d.position = w.p and d.state in ('parked', 'dropped')"
            " where c.p is null and d.position is null and (w.after is null or g.v = w.after_verdict) order by 1, 2 limit 1000")
        for kind, p in self.rows(missing, (skip, skip)):
            self.v.add("I4", "position %d has no closure of %s and is not parked", p, self.kinds[kind]["name"])
        through = base + ("select w.kind, w.p from w join c using (kind, p) left join c g on g.kind = w.after and g.p = w.p"
                          " where w.after is not null and g.v is distinct from w.after_verdict limit 1000")
        for kind, p in self.rows(through, (skip, skip)):
            self.v.add("I4", "position %d was closed by %s although its gate did not let it through", p, self.kinds[kind]["name"])
        for kind, p in self.rows("select d.kind, d.position from parked d join (select kind, unnest(positions) p from closure) c on c.kind = d.kind"
                                 " and c.p = d.position where d.state in ('parked', 'dropped') limit 1000"):
            self.v.add("I4", "position %d is parked for %s and closed too", p, self.kinds[kind]["name"])
        self.counts["closed"] = self.rows("select coalesce(sum(cardinality(positions)), 0) from closure")[0][0]
        self.counts["closures"] = self.rows("select count(*) from closure")[0][0]
        self.counts["parked"] = self.rows("select count(*) from parked where state = 'parked'")[0][0]

    # I7
    def stages(self):
        base = "with c as materialized (select number, kind, closed_at, unnest(positions) p from closure) "
        for p, kind in self.rows(base + "select c.p, c.kind from c join kind k on k.number = c.kind join c g on g.kind = k.after and g.p = c.p"
                                 " where g.number >= c.number or (g.closed_at > c.closed_at and %s) limit 1000", (not self.clock_back,)):
            self.v.add("I7", "position %d: %s closed it before its gate", p, self.kinds[kind]["name"])
        for p, kind in self.rows(base + "select c.p, c.kind from c join event e on e.position = c.p where c.closed_at < e.received_at and %s limit"
                                 " 1000", (not self.clock_back,)):
            self.v.add("I7", "position %d: %s closed it before it was received", p, self.kinds[kind]["name"])
        for p, in self.rows("select f.position from event f join event e on e.id = f.causation_id where f.received_at < e.received_at"
                            " and %s limit 1000", (not self.clock_back,)):
            self.v.add("I7", "the follow-on event at %d was received before its parent", p)
        for kind in [n for n, k in self.kinds.items() if k["barrier"] is not None and n not in self.unserved]:
            before = self.rows("select p, number from (select number, unnest(positions) p from closure where kind = %s) c where p not in"
                               " (select position from parked where kind = %s) order by p", (self.kinds[kind]["barrier"],) * 2)
            at, highest, top = [p for p, _ in before], [], 0
            for _, number in before:
                top = max(top, number)
                highest.append(top)
            for number, hi in self.rows("select number, hi from closure where kind = %s", (kind,)):
                i = bisect.bisect_right(at, hi)
                if i and highest[i - 1] >= number:
                    self.v.add("I7", "closure %d of %s (up to position %d) came before %s had closed up to there (closure %d)", number,
                               self.kinds[kind]["name"], hi, self.kinds[self.kinds[kind]["barrier"]]["name"], highest[i - 1])

    # I4, I6, I7
    def effects(self):
        self.told("I4", self.effects_of_events)

    def effects_of_events(self):
        served = {k["name"] for n, k in self.kinds.items() if n not in self.unserved}
        effects.Effects(self.rows, self.v.add, served).run()

    # I5
    def quota(self):
        self.told("I5", self.quota_by_the_rules)

    def told(self, invariant, check):
        """Rows of a form that no program of ours would leave: the check cannot go on, which is a violation too."""
        try:
            check()
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
            self.v.add(invariant, "cannot be checked: %s", repr(e))

    def quota_by_the_rules(self):
        needed = {"register", "validation", "quota"}
        if not needed & {self.kinds[n]["name"] for n in self.unserved}:
            reckon.check(self.rows, lambda text, *values: self.v.add("I5", text, *values), self.counts)

    # I8
    def stream(self, path):
        events = {r[0]: (r[1], self.types[r[2]], self.units.get(r[3])) for r in self.rows("select position, id, type, unit from event")}
        closures = {r[0]: (self.kinds[r[1]]["name"], list(r[2]), list(r[3])) for r in self.rows("select number, kind, positions, verdicts from closure")}
        order, numbers = sorted(events), sorted(closures)
        ne = nc = connects = 0
        position = number = 0
        with open(path, encoding="utf-8") as f:
            for line in f:
                if not line.endswith("\n"):
                    continue
                item = json.loads(line)
                if "connect" in item:
                    connects += 1
                    continue
                d = item["data"]
                if item["event"] == "event":
                    if ne >= len(order) or order[ne] != d["position"]:
                        self.v.add("I8", "%s: position %d after %d where %s was due", os.path.basename(path), d["position"], position,
                                   order[ne] if ne < len(order) else "nothing")
                        ne = bisect.bisect_right(order, d["position"])
                    else:
                        ne += 1
                        if (d["id"], d["type"], d["unit"]) != events[d["position"]]:
                            self.v.add("I8", "%s: position %d shown as %s", os.path.basename(path), d["position"], d)
                    position = d["position"]
                else:
                    if nc >= len(numbers) or numbers[nc] != d["number"]:
                        self.v.add("I8", "%s: closure %d after %d where %s was due", os.path.basename(path), d["number"], number,
                                   numbers[nc] if nc < len(numbers) else "nothing")
                        nc = bisect.bisect_right(numbers, d["number"])
                    else:
                        nc += 1
                        if (d["kind"], d["positions"], d["verdicts"]) != closures[d["number"]]:
                            self.v.add("I8", "%s: closure %d shown as %s", os.path.basename(path), d["number"], str(d)[:200])
                    number = d["number"]
        if ne < len(order) or nc < len(numbers):
            self.v.add("I8", "%s: ended at event %d of %d, closure %d of %d", os.path.basename(path), ne, len(order), nc, len(numbers))
        self.counts["stream_items"] = self.counts.get("stream_items", 0) + ne + nc
        self.counts["stream_connects"] = self.counts.get("stream_connects", 0) + connects

    # I9
    def scoped(self, unit, path):
        """A stream of a token of one unit (without units below it): every event of that unit in order, once, and none of another."""
        own = [p for (p,) in self.rows("select position from event where unit = (select number from unit where code = %s) order by position", (unit,))]
        known, at = set(own), 0
        with open(path, encoding="utf-8") as f:
            for line in f:
                item = json.loads(line) if line.endswith("\n") else {"connect": None}
                if "connect" in item:
                    continue
                d = item["data"]
                if item["event"] != "event":
                    for p in set(d["positions"]) - known:
                        self.v.add("I9", "%s: closure %d shows position %d, which is not of %s", os.path.basename(path), d["number"], p, unit)
                    continue
                if d["position"] not in known:
                    self.v.add("I9", "%s: position %d is not of %s", os.path.basename(path), d["position"], unit)
                elif at >= len(own) or own[at] != d["position"]:
                    self.v.add("I8", "%s: position %d where %s was due", os.path.basename(path), d["position"], own[at] if at < len(own) else "nothing")
                    at = bisect.bisect_right(own, d["position"])
                else:
                    at += 1
        if at < len(own):
            self.v.add("I8", "%s: ended at event %d of %d of %s", os.path.basename(path), at, len(own), unit)
        self.counts["scoped"] = len(own)

    # I10
    def operated(self, acts):
        """Each act that an operator was told is done stands in the log (a broker that is killed in between may lose it: that is known debt, so the test
        says only what was answered and could be looked for)."""
        for op, name in (("pause", "operator.kind_paused"), ("resume", "operator.kind_resumed")):
            told = sum(1 for o, _ in acts if o == op)
            stands = self.rows("select count(*) from event where type = (select number from event_type where name = %s)", (name,))[0][0]
            if stands < told:
                self.v.add("I10", "%d times an operator was told that %s is done, and %d events %s are in the log", told, op, stands, name)
        self.counts["operated"] = len(acts)

    # I12
    def status(self, s):
        if not s:
            self.v.add("I12", "the broker did not say that its backlog is 0")
            return
        for k in s["kinds"]:
            left = {x: k[x] for x in ("open", "held", "again", "leased") if k[x]}
            if left and k["name"] not in {self.kinds[n]["name"] for n in self.unserved}:
                self.v.add("I12", "%s has work left: %s", k["name"], left)
        if s["intake"]["queued"] or s["intake"]["held"]:
            self.v.add("I12", "events without an answer at the broker: %s", s["intake"])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--dsn", required=True)
    p.add_argument("--history", action="append", default=[])
    p.add_argument("--input", action="append", default=[], help="events that liangjin-submit was given")
    p.add_argument("--stream", action="append", default=[])
    p.add_argument("--status", help="file with the broker's status after the drain")
    p.add_argument("--unserved", action="append", default=[], help="a kind that no worker serves in this run")
    p.add_argument("--scoped", action="append", default=[], help="UNIT=FILE: a stream of a token of one unit")
    p.add_argument("--operated", help="file with what operators were told is done")
    p.add_argument("--clock-back", action="store_true", help="the broker's wall clock was put back during the run: order is judged by numbers alone")
    p.add_argument("--only", default="", help="comma-separated invariants that count")
    a = p.parse_args()
    clients = Clients()
    retryable = retryable_codes()
    for path in a.history:
        clients.read_history(path, retryable)
    for path in a.input:
        clients.read_input(path)
    check = Check(a.dsn, clients, set(a.unserved), a.clock_back)
    check.log()
    check.closures()
    check.stages()
    check.effects()
    check.quota()
    for path in a.stream:
        check.stream(path)
    for x in a.scoped:
        check.scoped(*x.split("=", 1))
    if a.operated:
        with open(a.operated, encoding="utf-8") as f:
            check.operated(json.load(f))
    if a.status:
        with open(a.status, encoding="utf-8") as f:
            check.status(json.load(f))
    if a.only:
        check.v.by_invariant = {k: x for k, x in check.v.by_invariant.items() if k in a.only.split(",")}
    print("checked: " + " ".join("%s=%s" % x for x in check.counts.items()) + (" unserved=%s" % ",".join(a.unserved) if a.unserved else ""))
    check.v.print()
    violated = sum(len(x) for x in check.v.by_invariant.values())
    print("violations: %d" % violated)
    if not check.counts["acked"]:
        print("nothing was acked: nothing is shown")
        return 1
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
