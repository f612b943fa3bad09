#!/usr/bin/python3
"""proto/asyncapi.json (AsyncAPI 3.0) from proto/event_types.tsv, proto/event_roles.tsv, and the schemas.

    tests/docs/asyncapi.py            print it
    tests/docs/asyncapi.py --write    put it into proto/asyncapi.json

One message a type of event: who may send it, its default key, which kinds take it. Channels: where events come in (POST /v1/events), the stream that
goes out (GET /v1/stream), and one channel a kind, which is what a worker of that kind is handed. tests/docs/check compares the file in the tree with what
this prints and follows every reference in it.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "proto/asyncapi.json"
ORIGINS = {"client": "a unit's program or person", "centre": "the Centre", "operator": "an operator, or the broker itself", "worker": "a worker's result (follow-on)"}
CLASSES = ["urgent", "normal", "bulk", "statistics"]


def table(name, columns):
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row = line.split("\t")
            if len(row) != columns:
                sys.exit(f"{name}: {len(row)} columns where {columns} are expected: {line}")
            yield row


def version():
    return re.search(r"project\([^)]*VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")).group(1)


def message(row, roles):
    number, name, origin, key, klass, kinds, sentence = row
    schema = ROOT / "proto/schemas" / (name + ".json")
    body = {"type": {"const": name}}
    if schema.exists():
        body["payload"] = {"$ref": f"schemas/{name}.json"}
    said = {"name": name, "title": sentence, "contentType": "application/json",
            "payload": {"allOf": [{"$ref": "schemas/event.json"}, {"type": "object", "properties": body}]},
            "x-number": int(number), "x-origin": origin, "x-sent-by": ORIGINS[origin], "x-key": key, "x-class": CLASSES[int(klass)],
            "x-kinds": [k for k in kinds.split(",") if k]}
    if schema.exists():
        said["x-title-zh"] = json.loads(schema.read_text(encoding="utf-8")).get("x-title-zh", "")
    if name in roles:
        said["x-roles"] = roles[name]
    return said


def stream(name, schema, title):
    return {"name": name, "title": title, "contentType": "application/json", "payload": {"$ref": f"schemas/{schema}.json"}}


def document():
    roles = {t: r.split(",") for t, r in table("proto/event_roles.tsv", 2)}
    types = sorted(table("proto/event_types.tsv", 7), key=lambda r: int(r[0]))
    messages = {r[1]: message(r, roles) for r in types}
    messages["stream.event"] = stream("event", "stream_event", "an event stands in the log and is below the frontier; the data of `event: event`")
    messages["stream.closure"] = stream("closure", "stream_closure", "a batch of a kind is closed, with verdicts; the data of `event: closure`")
    ref = lambda names: {n: {"$ref": f"#/components/messages/{n}"} for n in names}  # noqa: E731
    sent = [r[1] for r in types if r[2] in ("client", "centre")]
    kinds = sorted({k for r in types for k in r[5].split(",") if k})
    channels = {
        "events": {"address": "/v1/events", "title": "where events come in",
                   "description": "POST, one event or NDJSON; answered after COMMIT. proto/openapi.json has the request and its answers.", "messages": ref(sent)},
        "stream": {"address": "/v1/stream", "title": "what has happened, in order",
                   "description": "GET, server-sent events; resumes at Last-Event-ID. The same series goes out over ZeroMQ: proto/PROTOCOL.md.",
                   "messages": ref(["stream.event", "stream.closure"])}}
    operations = {"send": {"action": "receive", "channel": {"$ref": "#/channels/events"}, "summary": "the gateway takes an event"},
                  "follow": {"action": "send", "channel": {"$ref": "#/channels/stream"}, "summary": "the gateway sends what has happened"}}
    for k in kinds:
        channels["kind." + k] = {"address": None, "title": f"what a worker of the kind {k} is handed", "description": "Batches over ZeroMQ: proto/PROTOCOL.md.",
                                 "messages": ref([r[1] for r in types if k in r[5].split(",")])}
        operations["work." + k] = {"action": "send", "channel": {"$ref": f"#/channels/kind.{k}"}, "summary": f"the broker hands a batch to a worker of {k}"}
    return {"asyncapi": "3.0.0",
            "info": {"title": "Liangjin", "version": version(), "license": {"name": (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines()[0].strip()},
                     "description": "Every type of event. Made by tests/docs/asyncapi.py; do not edit."},
            "defaultContentType": "application/json",
            "servers": {"gateway": {"host": "127.0.0.1:8080", "protocol": "http", "description": "as `deploy/up` starts it"}},
            "channels": channels, "operations": operations, "components": {"messages": messages}}


def page():
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def dangling():
    """References that lead nowhere."""
    whole, out = document(), []

    def walk(node):
        if isinstance(node, dict):
            r = node.get("$ref")
            if r and r.startswith("#/"):
                at = whole
                for part in r[2:].split("/"):
                    at = at.get(part) if isinstance(at, dict) else None
                if at is None:
                    out.append(r)
            elif r and not (ROOT / "proto" / r).is_file():
                out.append(r)
            for v in node.values():
                walk(v)
        elif isinstance(node, list):
            for v in node:
                walk(v)
    walk(whole)
    return out


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        sys.stdout.write(page())
