"""Clients with a memory: what they send, what they were told, and what a stream showed them, appended to files that the checker reads.

A history is one JSON object a line, written with one write each before (sent, conflict) or after (the rest) the fact:

    {"sent": ID, "event": EVENT}        about to be sent; the event as HTTP takes it
    {"ack": ID, "code": 0|1, "position": N}    stored now / stored before
    {"refused": ID, "code": NAME}       a final refusal: never stored
    {"unknown": ID}                     no answer, or one that says: send the same again
    {"conflict": ID, "event": EVENT}    the same id with other content is about to be sent; {"conflicted": ID, "code": NAME} the refusal

liangjin-submit writes its own form (`sent ID`, `ack ID CODE POSITION`); the events it was given stand in a file beside it.
"""
import http.client
import json
import os
import random
import re
import socket
import struct
import subprocess
import threading
import time
import uuid

import lj


class History:
    def __init__(self, system, name):
        self.path = system.file(name + ".history")
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        system.histories.append(self.path)

    def put(self, **what):
        line = (json.dumps(what, ensure_ascii=False) + "\n").encode()
        assert os.write(self.fd, line) == len(line)


# ---------------------------------------------------------------------------------------------------------------------------- events

class Work:
    """Makes events, reproducibly but for their times: a report's times must lie in the last days."""

    def __init__(self, seed=1, units=("PS001", "PS002", "PS003")):
        self.random = random.Random(seed)
        self.units = units
        self.n = 0
        self.sent_reports = []

    def uuid7(self):
        r = self.random
        ms = int(time.time() * 1000)
        return str(uuid.UUID(int=(ms << 80) | (7 << 76) | (r.getrandbits(12) << 64) | (2 << 62) | r.getrandbits(62)))

    def event(self, type, unit, payload, **more):
        return dict(more, id=self.uuid7(), type=type, unit=unit, payload=payload)

    @staticmethod
    def unit_events(n=3):
        """The first units of the letter and the policy, with their fixed ids."""
        out = []
        with open(os.path.join(lj.ROOT, "db/seed/units.tsv"), encoding="utf-8") as f:
            for line in f:
                if line.startswith("#") or not line.strip():
                    continue
                code, id, kind, region, name = line.rstrip("\n").split("\t")
                payload = {"code": code, "name": name, "kind": kind}
                if region != "-":
                    payload["region"] = region
                out.append({"id": id, "type": "unit.registered", "unit": "CN000", "occurred_at": "2024-03-29T00:00:00+08:00", "payload": payload})
        with open(os.path.join(lj.ROOT, "db/seed/policy.json"), encoding="utf-8") as f:
            policy = json.load(f)
        return out[:n] + [policy]

    def registers(self, teams=2, persons=4):
        """Teams, persons, memberships and sites of every unit."""
        out = []
        for u in self.units:
            out.append(self.event("site.registered", u, {"code": "S1", "name": "试验小学", "kind": "PRIMARY"}))
            for t in range(teams):
                out.append(self.event("team.registered", u, {"code": "T%d" % t, "name": "试验%d队" % t, "level": "PROVINCIAL", "sport": "VOLLEYBALL",
                                                             "gender": "F", "valid_from": "2022-01-01"}))
                for p in range(persons):
                    code = "P%d-%d" % (t, p)
                    out.append(self.event("person.registered", u, {"code": code, "name": "试验员" + "甲乙丙丁戊己庚辛"[p % 8] + "一二三四五六七八"[t % 8], "sex": "F",
                                                                   "birth_year": 2000}))
                    out.append(self.event("membership.started", u, {"person": code, "team": "T%d" % t, "role": "ATHLETE", "status": "FORMAL",
                                                                    "valid_from": "2022-01-01"}))
        return out

    def body(self, good=True):
        r = self.random
        team = "T%d" % r.randrange(2)
        start = int(time.time()) - 3600 * r.randrange(4, 120)
        stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(s + 8 * 3600))  # noqa: E731
        self.n += 1
        roster = [{"person": "P%s-%d" % (team[1], p), "team": team, "role": "INSTRUCT", "minutes": 90} for p in range(r.randrange(1, 5))]
        body = {"title": "排球进校园第%d场" % self.n, "mode": "ONSITE", "start_at": stamp(start), "end_at": stamp(start + 5400), "break_minutes": 0,
                "teams": [team], "roster": roster, "site": "S1", "served_body": "SCHOOL", "audience": 120, "content": ["TEACH"],
                "guidance_minutes": 60, "fee_charged": False}
        if not good:
            body["roster"][0]["minutes"] = 500
            body["guidance_minutes"] = 700
        return body

    def report(self, good=True):
        e = self.event("activity.submitted", self.random.choice(self.units), self.body(good))
        self.sent_reports = self.sent_reports[-200:] + [e] if good else self.sent_reports
        return e

    def feedback(self):
        return self.event("feedback.received", self.random.choice(self.units), {"from": "PUPIL", "text": "老师讲得很好,孩子们很喜欢"})

    def risky(self):
        return self.event("opinion.item_received", self.random.choice(self.units),
                          {"source": "WEIBO", "text": "活动中教练打人,有孩子受伤骨折,家长要求退费并投诉"})

    def follow_up(self):
        if not self.sent_reports:
            return self.report()
        old = self.random.choice(self.sent_reports)
        if self.random.random() < 0.5:
            payload = {"activity": old["id"], "base_version": 1, "body": dict(old["payload"], audience=100)}
            return self.event("activity.corrected", old["unit"], payload)
        return self.event("activity.withdrawal_requested", old["unit"], {"activity": old["id"], "base_version": 1, "reason": "重复上报,现申请撤回"})

    def mixed(self):
        x = self.random.random()
        if x < 0.45:
            return self.report()
        if x < 0.6:
            return self.report(good=False)
        if x < 0.7:
            return self.follow_up()
        if x < 0.9:
            return self.feedback()
        return self.risky()

    def some(self, n):
        return [self.mixed() for _ in range(n)]


def seed(system, work=None, units=3):
    """Units, a policy, teams and people into a running system, over ZeroMQ; waits until they are registered, then makes the tokens of units."""
    work = work or Work()
    events = Work.unit_events(units)
    history = History(system, "seed")

    def send(list_of_events):
        for e in list_of_events:
            history.put(sent=e["id"], event=e)
        with lj.Peer(system.endpoint(), "seed") as p:
            for (code, _, position, detail), e in zip(p.submit(list_of_events, origin=2), list_of_events):
                assert code in (0, 1), (code, detail, e)
                history.put(ack=e["id"], code=code, position=position)
    send(events)
    lj.wait_until(lambda: system.one("select count(*) from unit") >= units + 1, "the units to be registered")
    for name, (_, unit, _) in lj.TOKENS.items():
        if unit != "CN000" and not system.sql("select 1 from token where name = %s", (name,)):
            system.token(name)

    def known():
        # The broker reads the directory again after the register's commit: until then it does not know a unit.
        with lj.Peer(system.endpoint(), "seed") as p:
            probe = work.event("feedback.received", work.units[-1], {"from": "HOST", "text": "试"})
            history.put(sent=probe["id"], event=probe)
            code, _, position, _ = p.submit([probe])[0]
            history.put(**(dict(ack=probe["id"], code=code, position=position) if code >= 0 else dict(refused=probe["id"], code=str(code))))
            return code >= 0
    lj.wait_until(known, "the broker to know the units")
    send(work.registers())
    refused = system.sql("select code from register_refusal limit 5")
    system.wait_drained(kinds=["register"])
    refused = system.sql("select * from register_refusal limit 5")
    assert not refused, refused
    if system.gateway:
        def gateway_knows():
            probe = work.event("feedback.received", work.units[-1], {"from": "HOST", "text": "试"})
            history.put(sent=probe["id"], event=probe)
            status, answer = system.post(probe)
            if status == 202:
                history.put(ack=probe["id"], code=0, position=answer["position"])
            else:
                history.put(**({"refused": probe["id"], "code": answer.get("code")} if 400 <= status < 429 else {"unknown": probe["id"]}))
            return status == 202
        lj.wait_until(gateway_knows, "the gateway to know the units")
    return work


# ---------------------------------------------------------------------------------------------------------------------------- HTTP

class HttpLoad(threading.Thread):
    """Sends events over HTTP, one after the other or by batches, each again with the same id until its answer is final."""

    def __init__(self, system, name, work, batch=1, token="centre", conflicts=0.05):
        super().__init__(name=name, daemon=True)
        self.system, self.work, self.batch, self.token, self.conflicts = system, work, batch, token, conflicts
        self.history = History(system, name)
        self.stopping = threading.Event()
        self.connection = None
        self.acked = self.unknown = self.refused = self.duplicates = self.retries = self.conflicted = 0
        self.error = None
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                events = [self.work.mixed() for _ in range(self.batch)]
                for e in events:
                    self.history.put(sent=e["id"], event=e)
                self._until_final(events)
                if events and self.work.random.random() < self.conflicts:
                    self._conflict(events[0])
        except Exception as e:  # shown by finish(): a thread has nobody to raise to
            self.error = e

    def _request(self, body, kind):
        """(status, object or list of answer lines) or None when there was no whole answer."""
        try:
            if self.connection is None:
                self.connection = self.system.http(30)
            self.connection.request("POST", "/v1/events", body, {"Content-Type": kind, "Authorization": "Bearer " + lj.TOKENS[self.token][0]})
            r = self.connection.getresponse()
            data = r.read()
            if r.getheader("Connection", "") == "close":
                self._close()
            lines = [json.loads(x) for x in data.splitlines() if x]
            return r.status, lines
        except (OSError, http.client.HTTPException, ValueError):
            self._close()
            return None

    def _close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _until_final(self, events):
        left = list(events)
        pause = 0.02
        while left:
            if self.batch == 1:
                answer = self._request(json.dumps(left[0], ensure_ascii=False).encode(), "application/json")
            else:
                answer = self._request("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in left).encode(), "application/x-ndjson")
            again = self._judge(left, answer)
            if again and (self.stopping.is_set()):
                return
            if again:
                self.retries += 1
                self.stopping.wait(pause)  # back off; a client would read Retry-After
                pause = min(0.5, pause * 2)
            left = again

    def _judge(self, events, answer):
        """Writes what is known of each; returns those to send again."""
        if answer is None or (self.batch > 1 and answer[0] != 200):
            for e in events:
                self.history.put(unknown=e["id"])
            self.unknown += len(events)
            return events
        status, lines = answer
        again = []
        for i, e in enumerate(events):
            one = lines[i] if self.batch > 1 else dict(lines[0], status=status)
            if one["status"] in (200, 202):
                self.acked += 1
                self.duplicates += one["status"] == 200
                assert one["id"] == e["id"], one
                self.history.put(ack=e["id"], code=0 if one["status"] == 202 else 1, position=one["position"])
            elif one["status"] in (429, 500, 503):
                self.unknown += 1
                self.history.put(unknown=e["id"])
                again.append(e)
            else:
                self.refused += 1
                self.history.put(refused=e["id"], code=one.get("code"))
        return again

    def _conflict(self, e):
        other = dict(e, payload=dict(e["payload"], other=True))
        self.history.put(conflict=e["id"], event=other)
        answer = self._request(json.dumps(other, ensure_ascii=False).encode(), "application/json")
        if answer is not None and answer[0] == 409:
            self.conflicted += 1
            self.history.put(conflicted=e["id"], code="409")
        elif answer is not None and answer[0] in (200, 202):
            self.history.put(ack=e["id"], code=-1, position=answer[1][0]["position"], of="conflict")

    def finish(self, seconds=60):
        self.stopping.set()
        self.join(seconds)
        assert not self.is_alive(), self.name + " hangs"
        self._close()
        if self.error:
            raise self.error


# ---------------------------------------------------------------------------------------------------------------------------- ZeroMQ

class SubmitLoad:
    """liangjin-submit with events from a file, or made up by itself (count); its history beside it."""

    def __init__(self, system, name, events=None, count=0, rate=0, window=500, endpoint=None, retry=True, options=()):
        self.system, self.name = system, name
        self.history = system.file(name + ".submit")
        system.histories.append(self.history)
        argv = [system.program("liangjin-submit"), "--endpoint", endpoint or system.endpoint(), "--name", name, "--history", self.history, "--window",
                str(window), "--quiet", "--deadline", "10000"]
        if retry:
            argv.append("--retry")
        if rate:
            argv += ["--rate", str(rate)]
        source = subprocess.DEVNULL
        if events is not None:
            path = system.file(name + ".ndjson")
            with open(path, "w", encoding="utf-8") as f:
                for e in events:
                    f.write(json.dumps(e, ensure_ascii=False) + "\n")
            system.inputs.append(path)
            source = open(path, "rb")
        else:
            argv += ["--count", str(count)]
        self.err = open(system.file(name + ".err"), "w+b")
        env = {k: v for k, v in os.environ.items() if not k.startswith("LJ_")}
        self.child = subprocess.Popen(argv + list(options), stdin=source, stdout=subprocess.DEVNULL, stderr=self.err, env=env,
                                      preexec_fn=lj._die_with_parent(9))

    def figures(self):
        self.err.seek(0)
        text = self.err.read().decode(errors="replace")
        found = dict(re.findall(r"(\w+)(?:<?)=([\d.]+)", text.splitlines()[-1] if text else ""))
        return {k: float(v) for k, v in found.items()}, text

    def acked(self):
        """How many acks its history shows so far."""
        try:
            with open(self.history, "rb") as f:
                return f.read().count(b"\nack ")
        except OSError:
            return 0

    def finish(self, stop=True, seconds=120):
        if stop and self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise AssertionError("liangjin-submit hangs: " + self.figures()[1]) from None
        f, text = self.figures()
        assert "Sanitizer" not in text, text
        return f


class PeerLoad(threading.Thread):
    """One event a SUBMIT, one SUBMIT at a time, in the protocol's own bytes; again with the same id until the answer is final."""

    def __init__(self, system, name, work):
        super().__init__(name=name, daemon=True)
        self.system, self.work = system, work
        self.history = History(system, name)
        self.stopping = threading.Event()
        self.patience_ms = 1500  # without an answer for so long: the same again
        self.acked = 0
        self.error = None
        self.start()

    def run(self):
        try:
            with lj.Peer(self.system.endpoint(), self.name, hello=False) as p:
                while not self.stopping.is_set():
                    e = self.work.feedback()
                    self.history.put(sent=e["id"], event=e)
                    self._until_final(p, e)
        except Exception as e:
            self.error = e

    def _until_final(self, p, e):
        while not self.stopping.is_set():
            p.seq += 1
            p.sock.send_multipart([lj.envelope(lj.SUBMIT, p.seq), struct.pack(">H", 1) + lj.record(e, source=self.name)])
            answer = self._answer(p)
            if answer is None or answer[0] < 0:
                self.history.put(unknown=e["id"])
                continue
            self.acked += 1
            self.history.put(ack=e["id"], code=answer[0], position=answer[2])
            return

    def _answer(self, p):
        while p.sock.poll(self.patience_ms):
            env, body = p.sock.recv_multipart()
            kind, seq = env[3], int.from_bytes(env[8:], "big")
            if kind == lj.WHO:
                p.sock.send_multipart([lj.envelope(lj.HELLO), struct.pack(">BQ", 1, p.nonce) + lj.str8(self.name)])
                return None
            if kind == lj.ACK and seq == p.seq:
                return lj.answers(body)[0]
        return None

    def finish(self):
        self.stopping.set()
        self.join(30)
        if self.error:
            raise self.error


# ---------------------------------------------------------------------------------------------------------------------------- the stream

class StreamReader(threading.Thread):
    """Reads /v1/stream from the start, again with Last-Event-ID whenever it breaks off; every whole item goes to a file."""

    def __init__(self, system, name, token="centre"):
        super().__init__(name=name, daemon=True)
        self.system, self.token = system, token
        self.path = system.file(name + ".stream")
        system.streams.append(self.path)
        self.out = open(self.path, "a", encoding="utf-8")
        self.last_id = None
        self.position = self.number = 0
        self.connects = self.items = 0
        self.error = None
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                self._read()
            except (OSError, http.client.HTTPException):
                pass  # resumed below
            except Exception as e:
                self.error = e
                return
            self.stopping.wait(0.05)

    def _read(self):
        headers = {"Authorization": "Bearer " + lj.TOKENS[self.token][0], "Accept": "text/event-stream"}
        path = "/v1/stream"
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        else:
            path += "?from=start"
        c = self.system.http(5)
        try:
            c.request("GET", path, headers=headers)
            r = c.getresponse()
            if r.status != 200:
                body = r.read()
                assert r.status in (429, 500, 503), "the stream answered %d to %r: %s" % (r.status, self.last_id, body)
                return
            self.connects += 1
            self._write({"connect": self.last_id})
            block = {}
            while not self.stopping.is_set():
                try:
                    line = r.readline()
                except socket.timeout:
                    return
                if not line:
                    return
                line = line.decode().rstrip("\r\n")
                if line == "":
                    self._item(block)
                    block = {}
                elif not line.startswith(":"):
                    k, _, v = line.partition(":")
                    block[k] = v.strip()
        finally:
            c.close()

    def _item(self, block):
        if "data" not in block:
            return
        data = json.loads(block["data"])
        self._write({"id": block["id"], "event": block["event"], "data": data})
        self.last_id = block["id"]
        self.items += 1
        if block["event"] == "event":
            self.position = data["position"]
        else:
            self.number = data["number"]

    def _write(self, what):
        self.out.write(json.dumps(what) + "\n")
        self.out.flush()

    def catch_up(self, seconds=60):
        """Until it has seen the whole log as it stands."""
        position = self.system.one("select coalesce(max(position), 0) from event")
        number = self.system.one("select coalesce(max(number), 0) from closure")

        def there():
            assert self.error is None, self.error
            return self.position >= position and self.number >= number
        lj.wait_until(there, "the stream to show position %d and closure %d" % (position, number), seconds)

    def finish(self):
        self.stopping.set()
        self.join(15)
        self.out.close()
        if self.error:
            raise self.error


# ---------------------------------------------------------------------------------------------------------------------------- all at once

class Everything:
    """HTTP single and by batches, liangjin-submit, and two readers of the stream."""

    def __init__(self, s, rate=400, events=40000):
        self.s = s
        self.http = [HttpLoad(s, "http%d" % i, Work(100 + i), batch) for i, batch in enumerate((1, 1, 20))]
        self.submit = SubmitLoad(s, "zmq", events=Work(7).some(events), rate=rate)
        self.readers = [StreamReader(s, "reader%d" % i) for i in range(2)]

    def acked(self):
        return sum(h.acked for h in self.http), self.submit.acked()

    def wait_more(self, n=30, seconds=60):
        """Until n more events were acked over each way in: it works, and there is load."""
        http, zmq = self.acked()

        def more():
            h, z = self.acked()
            for x in self.http:
                assert x.error is None, x.error
            assert self.submit.child.poll() is None, self.submit.figures()[1]
            return h >= http + n and z >= zmq + n
        lj.wait_until(more, "%d more acks over HTTP and over ZeroMQ (from %s, now %s)" % (n, (http, zmq), self.acked()), seconds)

    def finish(self):
        for h in self.http:
            h.finish()
        figures = self.submit.finish()
        self.s.wait_drained()
        for r in self.readers:
            r.catch_up()
            r.finish()
        print("    load: http acked=%d retries=%d conflicts=%d; zmq %s; stream connects=%s" % (
            sum(h.acked for h in self.http), sum(h.retries for h in self.http), sum(h.conflicted for h in self.http), figures,
            [r.connects for r in self.readers]), flush=True)
