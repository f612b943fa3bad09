#!/usr/bin/python3
"""Submit events, one JSON object a line on standard input, to a Liangjin broker; one line an answer. Written from proto/PROTOCOL.md alone.
    submit.py ENDPOINT [HISTORY] < events.ndjson
An event is {"type", "unit", "payload", "id"?, "key"?, "occurred_at"?, "schema_version"?}. HISTORY gets `sent <id>` and `ack <id> <code> <position>`.
Exit status: 0 when every event is stored, 1 otherwise."""
import datetime, itertools, json, os, random, struct, sys, time, uuid, zmq

HELLO, WELCOME, WHO, ERROR, SUBMIT, ACK = 1, 2, 3, 5, 16, 17
PACK, WINDOW, RESEND = 50, 20, 3.0  # events a SUBMIT, SUBMITs without an answer, seconds
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

def str8(text):
    return struct.pack("B", len(text.encode())) + text.encode()

def record(event):
    at = event.get("occurred_at")
    when = (datetime.datetime.fromisoformat(at) - EPOCH) // datetime.timedelta(microseconds=1) if at else -(1 << 63)
    payload = json.dumps(event["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    body = uuid.UUID(event["id"]).bytes + struct.pack(">qHBB", when, event.get("schema_version", 0), 1, 255)
    body += str8(event["type"]) + str8(event["unit"]) + str8(event.get("key", "")) + str8("submit.py")
    return struct.pack(">I", len(body) + 4 + len(payload)) + body + struct.pack(">I", len(payload)) + payload

def answers(number, body, count):
    """(code, position, detail) of each event; nothing when the message is malformed or answers another number of events."""
    try:
        if number == ERROR:  # refuses the whole SUBMIT
            return [(struct.unpack_from(">h", body)[0], 0, body[3:].decode())] * count
        out, at = [], 2
        for _ in range(struct.unpack_from(">H", body)[0]):
            code, _, position, n = struct.unpack_from(">hHqB", body, at)
            out.append((code, position, body[at + 13:at + 13 + n].decode()))
            at += 13 + n
        return out if len(out) == count and at == len(body) else []
    except (struct.error, UnicodeDecodeError):
        return []

def main(endpoint, history):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger, socket.heartbeat_ivl, socket.heartbeat_timeout = 0, 5000, 15000
    socket.connect(endpoint)
    seqs, nonce, broker, hello_at, status = itertools.count(1), random.getrandbits(64), None, 0.0, 0
    waiting, ended = {}, False  # seq -> [ids, body, when to send it, how often it was sent]

    def send(number, seq, body):
        if socket.poll(0, zmq.POLLOUT):  # else nobody is there, or there is no room: sent again later, as if it were lost
            socket.send_multipart([b"LJ" + struct.pack(">BBIQ", 1, number, 0, seq), body], zmq.DONTWAIT)

    while waiting or not ended:
        now = time.monotonic()
        if now >= hello_at:
            send(HELLO, next(seqs), struct.pack(">BQ", 1, nonce) + str8("submit.py"))
            hello_at = now + (1.0 if broker else 0.5)
        while broker and not ended and len(waiting) < WINDOW:
            lines = list(itertools.islice(sys.stdin, PACK))
            events, ended = [{"id": str(uuid.uuid4()), **json.loads(line)} for line in lines if line.strip()], not lines
            if events:
                history(f"sent {event['id']}" for event in events)
                waiting[next(seqs)] = [[e["id"] for e in events], struct.pack(">H", len(events)) + b"".join(map(record, events)), 0.0, 0]
        for seq, entry in waiting.items() if broker else ():
            if now >= entry[2]:
                send(SUBMIT, seq, entry[1])
                entry[2:] = now + min(RESEND * 2 ** entry[3], 15) * random.uniform(0.75, 1.25), entry[3] + 1
        frames = socket.recv_multipart() if socket.poll(50) else []
        if len(frames) != 2 or len(frames[0]) != 16 or frames[0][:3] != b"LJ\x01":
            continue
        number, seq, body = frames[0][3], struct.unpack(">Q", frames[0][8:])[0], frames[1]
        if number == WELCOME and body[:8] != broker:  # another broker, or after WHO: again all that has no answer
            broker, waiting = body[:8], {s: [ids, b, 0.0, n] for s, (ids, b, _, n) in waiting.items()}
        elif broker and (number == WHO or number == ERROR and body[:2] == struct.pack(">h", -91)):
            broker, hello_at = None, 0.0
        elif number in (ACK, ERROR) and seq in waiting and (got := answers(number, body, len(waiting[seq][0]))):
            for i, (code, position, detail) in zip(waiting.pop(seq)[0], got):
                history([f"ack {i} {code} {position}"])
                print(i, code, position, detail, flush=True)
                status |= code < 0
    return status

fd = os.open(sys.argv[2] if len(sys.argv) > 2 else os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
sys.exit(main(sys.argv[1], lambda rows: [os.write(fd, (row + "\n").encode()) for row in rows]))
