"""POST /v1/events and GET /v1/events/{id}: the contract to the letter (docs/contracts.md, proto/openapi.json)."""
import json
import os
import unittest

from harness import TOKENS, Stack, Stream, event, new_id, wait_until

stack = None


def setUpModule():
    global stack
    stack = Stack(os.environ["LJ_BUILD"], "--ack-timeout", "1500").__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


V8 = "01890a5d-ac96-874b-bcce-b302099a8057"

# name, members that differ from a good event (... = left out), token, status, code, pointer
JUDGED = [
    ("type missing", {"type": ...}, "client", 422, "member_missing", "/type"),
    ("unit missing", {"unit": ...}, "client", 422, "member_missing", "/unit"),
    ("payload missing", {"payload": ...}, "client", 422, "member_missing", "/payload"),
    ("type null", {"type": None}, "client", 422, "member_invalid", "/type"),
    ("type number", {"type": 1}, "client", 422, "member_invalid", "/type"),
    ("unit number", {"unit": 1}, "client", 422, "member_invalid", "/unit"),
    ("payload array", {"payload": []}, "client", 422, "member_invalid", "/payload"),
    ("payload string", {"payload": "{}"}, "client", 422, "member_invalid", "/payload"),
    ("payload null", {"payload": None}, "client", 422, "member_invalid", "/payload"),
    ("id null", {"id": None}, "client", 422, "member_invalid", "/id"),
    ("id no uuid", {"id": "1"}, "client", 422, "member_invalid", "/id"),
    ("id in braces", {"id": "{%s}" % V8}, "client", 422, "member_invalid", "/id"),
    ("id version 8", {"id": V8}, "client", 422, "id_version", "/id"),
    ("id nil", {"id": "00000000-0000-0000-0000-000000000000"}, "client", 422, "id_version", "/id"),
    ("id max", {"id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}, "client", 422, "id_version", "/id"),
    ("key empty", {"key": ""}, "client", 422, "member_invalid", "/key"),
    ("key of 201 bytes", {"key": "x" * 201}, "client", 422, "member_invalid", "/key"),
    ("key of 67 Chinese characters", {"key": "钥" * 67}, "client", 422, "member_invalid", "/key"),
    ("key number", {"key": 5}, "client", 422, "member_invalid", "/key"),
    ("occurred_at no time", {"occurred_at": "yesterday"}, "client", 422, "member_invalid", "/occurred_at"),
    ("occurred_at without offset", {"occurred_at": "2026-01-01T00:00:00"}, "client", 422, "member_invalid", "/occurred_at"),
    ("occurred_at 30 February", {"occurred_at": "2026-02-30T00:00:00Z"}, "client", 422, "member_invalid", "/occurred_at"),
    ("occurred_at number", {"occurred_at": 1767225600}, "client", 422, "member_invalid", "/occurred_at"),
    ("schema_version 0", {"schema_version": 0}, "client", 422, "member_invalid", "/schema_version"),
    ("schema_version -1", {"schema_version": -1}, "client", 422, "member_invalid", "/schema_version"),
    ("schema_version 32768", {"schema_version": 32768}, "client", 422, "member_invalid", "/schema_version"),
    ("schema_version 1.0", {"schema_version": 1.0}, "client", 422, "member_invalid", "/schema_version"),
    ("schema_version text", {"schema_version": "1"}, "client", 422, "member_invalid", "/schema_version"),
    ("unknown type", {"type": "activity.imagined"}, "client", 422, "type_unknown", "/type"),
    ("type with a blank", {"type": "activity.submitted "}, "client", 422, "type_unknown", "/type"),
    ("long type", {"type": "a" * 500}, "client", 422, "type_unknown", "/type"),
    ("a worker's type", {"type": "activity.rejected"}, "client", 403, "type_forbidden", "/type"),
    ("a worker's type by the Centre", {"type": "activity.rejected"}, "centre", 403, "type_forbidden", "/type"),
    ("an operator's type", {"type": "operator.drained"}, "centre", 403, "type_forbidden", "/type"),
    ("the Centre's type", {"type": "policy.set"}, "client", 403, "type_forbidden", "/type"),
    ("unknown unit", {"unit": "XX999"}, "client", 422, "unit_unknown", "/unit"),
    ("unit in lower case", {"unit": "ps001"}, "client", 422, "unit_unknown", "/unit"),
    ("foreign unit", {"unit": "PS002"}, "client", 403, "unit_forbidden", "/unit"),
    ("the Centre's unit", {"unit": "CN000"}, "client", 403, "unit_forbidden", "/unit"),
    ("unknown member", {"position": 1}, "client", 400, "unknown_member", "/position"),
    ("unknown member with a slash", {"a/b~c": 1}, "client", 400, "unknown_member", "/a~1b~0c"),
    # taken
    ("unit below", {"unit": "SU003"}, "client", 202, None, None),
    ("any unit by the Centre", {"unit": "PS002"}, "centre", 202, None, None),
    ("the Centre's own type", {"type": "policy.set", "unit": "CN000"}, "centre", 202, None, None),
    ("a client's type by the Centre", {}, "centre", 202, None, None),
    ("key of 200 bytes", {"key": "x" * 200}, "client", 202, None, None),
    ("occurred_at with offset", {"occurred_at": "2026-01-01T08:00:00.123456+08:00"}, "client", 202, None, None),
    ("occurred_at with a small t", {"occurred_at": "2026-01-01t08:00:00Z"}, "client", 202, None, None),
    ("schema_version 32767", {"schema_version": 32767}, "client", 202, None, None),
    ("empty payload", {"payload": {}}, "client", 202, None, None),
]


class Events(unittest.TestCase):
    def setUp(self):
        stack.broker.tell("mode store")

    def test_judgement(self):
        for name, members, token, status, code, pointer in JUDGED:
            with self.subTest(name):
                r = stack.gateway.post(event(**members), token=token)
                answer = json.loads(r.body)
                self.assertEqual((r.status, answer.get("code"), answer.get("pointer")), (status, code, pointer), r.body)

    def test_id_versions(self):
        for version in "1234567":
            r = stack.gateway.post(event(id="%s-ac96-%s74b-bcce-b302099a8057" % (new_id()[:8], version)))
            self.assertEqual(r.status, 202, r.body)
        upper = new_id().upper()
        r = stack.gateway.post(event(id=upper))
        self.assertEqual(json.loads(r.body)["id"], upper.lower())

    def test_the_same_again(self):
        e = event(id=new_id())
        first, second = stack.gateway.post(e), stack.gateway.post(e)
        self.assertEqual((first.status, second.status), (202, 200))
        a, b = json.loads(first.body), json.loads(second.body)
        self.assertEqual(a, {"id": e["id"], "position": a["position"], "duplicate": False})
        self.assertEqual(b, {"id": e["id"], "position": a["position"], "duplicate": True})
        conflict = stack.gateway.post(dict(e, payload={"b": 2}))
        self.assertEqual((conflict.status, json.loads(conflict.body)["code"]), (409, "id_conflict"))

    def test_made_ids_are_version_7_and_grow(self):
        ids = [json.loads(stack.gateway.post(event()).body)["id"] for _ in range(20)]
        self.assertEqual(ids, sorted(ids))
        self.assertTrue(all(i[14] == "7" for i in ids))

    def test_authentication(self):
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Basic abc"},
                        {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer " + "x" * 3000},
                        {"Authorization": "Bearer " + TOKENS["expired"][0]}):
            r = stack.gateway.post(event(), token=None, headers=headers)
            self.assertEqual(r.status, 401, headers)
            self.assertTrue(r.getheader("WWW-Authenticate").startswith("Bearer"))
        for token in ("observer", "operator", "metrics"):
            r = stack.gateway.post(event(), token=token)
            self.assertEqual((r.status, json.loads(r.body)["code"]), (403, "forbidden"))
        self.assertEqual(stack.gateway.get("/v1/stream", token="metrics").status, 403)

    def test_media_types(self):
        for good in ("application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'):
            self.assertEqual(stack.gateway.post(event(), content_type=good).status, 202, good)
        for bad in ("", "text/plain", "application/json; charset=gbk", "application/jsonp", "application/json, text/plain", "application/xml",
                    "application/x-www-form-urlencoded", "application/json; foo=bar"):
            r = stack.gateway.post(event(), content_type=bad)
            self.assertEqual((r.status, json.loads(r.body)["code"]), (415, "unsupported_media_type"), bad)
        self.assertEqual(stack.gateway.post(event(), headers={"Content-Encoding": "gzip"}).status, 415)
        self.assertEqual(stack.gateway.post(event(), headers={"Content-Encoding": "identity"}).status, 202)

    def test_paths_and_methods(self):
        for method, path, status, allow in (("GET", "/v1/events", 405, "POST"), ("DELETE", "/v1/events", 405, "POST"),
                                            ("POST", "/v1/stream", 405, "GET, HEAD"), ("PUT", "/livez", 405, "GET, HEAD"),
                                            ("FOO", "/metrics", 405, "GET, HEAD"), ("GET", "/v1/events/", 404, None),
                                            ("GET", "/v1/events/a/b", 404, None), ("GET", "/v2/events", 404, None), ("GET", "//", 404, None),
                                            ("GET", "/v1/../livez", 404, None), ("OPTIONS", "/nope", 404, None)):
            r = stack.gateway.request(method, path, token="centre")
            self.assertEqual((r.status, r.getheader("Allow")), (status, allow), (method, path))
        r = stack.gateway.request("HEAD", "/livez")
        self.assertEqual((r.status, r.body, r.getheader("Content-Length")), (200, b"", "15"))

    def test_ndjson(self):
        e = event(id=new_id())
        good, bad = json.dumps(e), json.dumps(event(unit="PS002"))
        body = "\n%s\r\n  \t\n%s\n%s\n{oops\n%s" % (good, bad, good, json.dumps(event(payload={"a": "x" * 70000})))
        r = stack.gateway.post(body, content_type="application/x-ndjson")
        self.assertEqual((r.status, r.getheader("Content-Type")), (200, "application/x-ndjson"))
        lines = [json.loads(x) for x in r.body.splitlines()]
        self.assertEqual([x["line"] for x in lines], [2, 4, 5, 6, 7])
        self.assertEqual([x["status"] for x in lines], [202, 403, 200, 400, 413])
        self.assertEqual(lines[0]["position"], lines[2]["position"])
        self.assertEqual((lines[0]["duplicate"], lines[2]["duplicate"]), (False, True))
        for x in lines[1::2] + lines[4:]:
            self.assertTrue(x["code"] and x["detail"] and x["detail_zh"] and "pointer" in x)

    def test_ndjson_limits(self):
        line = json.dumps(event()).encode() + b"\n"
        before = stack.pg.sql("select count(*) from liangjin.event")
        r = stack.gateway.post(line * 501, content_type="application/x-ndjson")
        self.assertEqual((r.status, json.loads(r.body)["code"]), (413, "too_large"))
        self.assertEqual(stack.pg.sql("select count(*) from liangjin.event"), before)
        for empty in (b"", b"\n", b" \n\r\n\t\n"):
            r = stack.gateway.post(empty, content_type="application/x-ndjson")
            self.assertEqual((r.status, json.loads(r.body)["code"]), (400, "bad_request"))
        r = stack.gateway.post(line * 500, content_type="application/x-ndjson")
        self.assertEqual([json.loads(x)["status"] for x in r.body.splitlines()], [202] * 500)
        wide = json.dumps(event(payload={"a": "x" * 30000})).encode() + b"\n"
        r = stack.gateway.post(wide * 36, content_type="application/x-ndjson")  # over 1 MiB
        self.assertEqual(r.status, 413)

    def test_what_the_broker_says(self):
        for mode, status, code, retry in (("busy", 503, "busy", "7"), ("unknown", 503, "outcome_unknown", "1"), ("full", 429, "rate_limited", "3"),
                                          ("silent", 503, "outcome_unknown", "1")):
            stack.broker.tell("mode " + mode)
            r = stack.gateway.post(event())
            answer = json.loads(r.body)
            self.assertEqual((r.status, answer["code"], r.getheader("Retry-After"), str(answer["retry_after"])), (status, code, retry, retry))

    def test_no_answer_before_the_ack(self):
        stack.broker.tell("mode silent")
        r = stack.gateway.post(event(id=new_id()))
        self.assertEqual(r.status, 503)

    def test_rate(self):
        codes = [stack.gateway.post(event(), token="slow") for _ in range(5)]
        self.assertEqual([r.status for r in codes][:3], [202] * 3)
        last = codes[-1]
        self.assertEqual((last.status, json.loads(last.body)["code"]), (429, "rate_limited"))
        self.assertGreaterEqual(int(last.getheader("Retry-After")), 1)

    def test_provenance(self):
        e = event(id=new_id())
        position = json.loads(stack.gateway.post(e).body)["position"]
        stack.broker.tell("close validation %d %d 1" % (position, position))
        r = stack.gateway.get("/v1/events/" + e["id"], token="client")
        answer = json.loads(r.body)
        self.assertEqual((r.status, answer["position"], answer["unit"], answer["type"]), (200, position, "PS001", "activity.submitted"))
        validation = [k for k in answer["kinds"] if k["kind"] == "validation"][0]
        self.assertEqual((validation["state"], validation["verdict"], validation["worker"]), ("closed", 1, "fake"))
        self.assertEqual(stack.gateway.get("/v1/events/" + e["id"].upper(), token="observer").status, 200)
        for path, token, status, code in (("/v1/events/" + e["id"], "other", 404, "not_found"), ("/v1/events/" + new_id(), "client", 404, "not_found"),
                                          ("/v1/events/abc", "client", 400, "bad_argument"), ("/v1/events/" + e["id"], None, 401, "unauthenticated"),
                                          ("/v1/events/" + e["id"], "metrics", 403, "forbidden")):
            r = stack.gateway.get(path, token=token)
            self.assertEqual((r.status, json.loads(r.body)["code"]), (status, code))


if __name__ == "__main__":
    unittest.main()
