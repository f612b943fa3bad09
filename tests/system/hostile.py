#!/usr/bin/python3
"""Peers and clients that do not follow the rules, over ZeroMQ and HTTP: clear refusals, nothing stored, flat memory, good clients go on."""
import os
import random
import resource
import selectors
import socket
import struct
import sys
import time

import zmq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

CONNECTIONS = 8000
LIMIT_KIB = 192 * 1024  # of memory after the attacks
ROOM_KIB = 32 * 1024  # what memory may grow by from one round of an attack to the next like it


def feedback(work, **more):
    return dict(work.event("feedback.received", "PS001", {"text": "很好"}), **more)


def submit_raw(peer, records, count=None):
    peer.seq += 1
    body = struct.pack(">H", len(records) if count is None else count) + b"".join(records)
    peer.sock.send_multipart([lj.envelope(lj.SUBMIT, peer.seq), body])


def good_client_goes_on(s, work):
    """An event of a sound client is stored: the broker works."""
    with lj.Peer(s.endpoint(), "good") as p:
        assert p.submit([feedback(work)])[0][0] == 0


def stored(s):
    return s.one("select count(*) from event")


def rounds(process, attack, n=int(os.environ.get("LJ_ROUNDS", "4"))):
    """The attack several times, and what memory the last time cost: a leak or a queue without a bound shows. Not under a sanitizer, which
    keeps freed memory on purpose."""
    sizes = []
    for _ in range(n):
        attack()
        assert process.alive(), process.name + " has ended"
        sizes.append(process.rss_kib())
    print("    %s: KiB after each round %s" % (process.name, sizes))
    # The allocator's own waste settles within a few rounds (the gateway: 50, 80, 105, 115, ... 123 MiB after ten); a leak does not settle.
    steps = [b - a for a, b in zip(sizes, sizes[1:])]
    assert steps[-1] < ROOM_KIB // 4 or steps[-1] < max(steps) * 0.6, "%s grows: %s KiB" % (process.name, sizes)
    assert sizes[-1] < LIMIT_KIB, "%s has %d KiB" % (process.name, sizes[-1])


def product():
    """The build without sanitizers, where memory means something."""
    return lj.RELEASE if os.path.exists(os.path.join(lj.RELEASE, "broker/liangjin-broker")) else None


def test_frames_and_envelopes():
    """50,000 tiny frames, garbage, other versions, wrong numbers of frames: dropped and counted, nothing else; memory flat"""
    for build, n in ((lj.BUILD, 1), (product(), 4)):
        frames_and_envelopes(build, n)


def frames_and_envelopes(build, times):
    with lj.System(gateway=False, build=build) as s:
        work = load.seed(s)
        s.wait_drained()
        n = stored(s)
        rng = random.Random(5)

        def attack():
            for where in ("intake", "work", "admin"):
                with lj.Peer(s.endpoint(where), "bad", hello=False) as p:
                    for _ in range(3):
                        p.sock.send_multipart([b"x"] * 50000)
                    p.sock.send_multipart([lj.envelope(lj.SUBMIT, 1)] + [b"x"] * 50000)
                    for _ in range(300):
                        p.sock.send_multipart([rng.randbytes(rng.randrange(0, 40)), rng.randbytes(rng.randrange(0, 200))])
                    for frames in ([b""], [b"", b""], [lj.envelope(lj.SUBMIT)], [lj.envelope(lj.SUBMIT), b"", b""]):
                        p.sock.send_multipart(frames)
                    good = lj.envelope(lj.SUBMIT, 1)
                    for i in range(8):
                        bad = bytearray(good)
                        bad[i] ^= 0xff
                        p.sock.send_multipart([bytes(bad), b"\0\0"])
                    for kind in range(256):
                        if kind not in (lj.ADMIN,):
                            p.sock.send_multipart([lj.envelope(kind, 7), rng.randbytes(rng.randrange(0, 60))])
            with lj.Peer(s.endpoint(), "after") as p:  # its answer comes after all of that was read
                assert p.submit([feedback(work)])[0][0] == 0
        if times > 1:
            rounds(s.broker, attack, times)
        else:
            attack()
        assert stored(s) == n + times
        s.wait_drained()


def test_submits_that_lie():
    """SUBMITs cut at every byte, with wrong counts and lengths, with bad content: refused by code, not stored"""
    with lj.System(gateway=False) as s:
        work = load.seed(s)
        s.wait_drained()
        n = stored(s)
        r = lj.record(feedback(work))
        with lj.Peer(s.endpoint(), "liar") as p:
            whole = struct.pack(">H", 1) + r
            for cut in range(len(whole)):
                p.sock.send_multipart([lj.envelope(lj.SUBMIT, 9), whole[:cut]])
            for count in (0, 2, 501, 65535):
                submit_raw(p, [r], count)
            submit_raw(p, [r], 1)
            p.sock.send_multipart([lj.envelope(lj.SUBMIT, 10), whole + b"trailing"])
            for at in range(2, 6):  # the record's own length
                bad = bytearray(whole)
                bad[at] ^= 0x55
                p.sock.send_multipart([lj.envelope(lj.SUBMIT, 11), bytes(bad)])
        good_client_goes_on(s, work)
        lj.wait_until(lambda: stored(s) >= n + 2, "the two sound events")
        assert stored(s) == n + 2, "%d events were stored where 2 were sound" % (stored(s) - n)
        judged(s, work)
        s.wait_drained()


def judged(s, work):
    """Whole records with content that must be refused: event by event, with the right code."""
    def with_payload(text):
        e = feedback(work)
        old = lj.record(e)
        payload = text if isinstance(text, bytes) else text.encode()
        head = old[4:len(old) - 4 - len('{"text": "很好"}'.encode())]
        rest = head + struct.pack(">I", len(payload)) + payload
        return struct.pack(">I", len(rest)) + rest
    too_deep = b'{"a":' * 17 + b"1" + b"}" * 17
    cases = [
        ("a worker's type", lj.record(dict(feedback(work), type="activity.rejected")), -61),
        ("a worker's type as the Centre", lj.record(dict(feedback(work), type="activity.rejected"), origin=2), -61),
        ("an operator's type", lj.record(dict(feedback(work), type="operator.drained"), origin=2), -61),
        ("the Centre's type from a client", lj.record(dict(feedback(work), type="policy.set", unit="CN000")), -61),
        ("an unknown type", lj.record(dict(feedback(work), type="no.such_type")), -52),
        ("an unknown unit", lj.record(dict(feedback(work), unit="ZZ999")), -53),
        ("an id of version 8", lj.record(dict(feedback(work), id="01a20cce-ac40-8258-a2c3-5642b0a844e5")), -54),
        ("an id of zeros", lj.record(dict(feedback(work), id="00000000-0000-0000-0000-000000000000")), -54),
        ("no object", with_payload("[1]"), None), ("cut JSON", with_payload('{"a":'), None), ("nothing", with_payload(""), None),
        ("a key twice", with_payload('{"a":1,"a":2}'), -35), ("bad UTF-8", with_payload(b'{"a":"\xff\xfe"}'), -36),
        ("an escaped NUL", with_payload('{"a":"\\u0000"}'), -36), ("17 levels and more", with_payload(too_deep), -31),
        ("65 members", with_payload("{" + ",".join('"k%d":1' % i for i in range(65)) + "}"), -32),
        ("a number past 2^63", with_payload('{"a":9223372036854775808}'), -34), ("a huge exponent", with_payload('{"a":1e400}'), -34),
        ("a long string", with_payload('{"a":"' + "x" * 32769 + '"}'), -33),
    ]
    with lj.Peer(s.endpoint(), "judged") as p:
        for name, rec, code in cases:
            submit_raw(p, [rec])
            kind, _, body = p.recv()
            assert kind == lj.ACK, "%s: answered with type %d" % (name, kind)
            got, _, position, detail = lj.answers(body)[0]
            assert got < 0 and position == 0, "%s: %d at %d" % (name, got, position)
            assert code is None or got == code, "%s: code %d (%s) where %d was due" % (name, got, detail, code)
        # One bad event among good ones refuses itself alone.
        good, bad = [feedback(work) for _ in range(2)], dict(feedback(work), type="activity.rejected")
        n = stored(s)
        assert [a[0] for a in p.submit([good[0], bad, good[1]])] == [0, -61, 0]
        assert stored(s) == n + 2
    with lj.Peer(s.endpoint(), "big") as p:
        rest = b"x" * 70000
        submit_raw(p, [struct.pack(">I", len(rest)) + rest])
        try:
            kind, _, _ = p.recv(5)
            assert kind in (lj.ERROR, lj.ACK)
        except AssertionError:
            pass  # cut off is an answer too
    with lj.Peer(s.endpoint(), "huge") as p:
        p.sock.send_multipart([lj.envelope(lj.SUBMIT, 1), b"x" * (64 << 20)])
        good_client_goes_on(s, work)


def test_anothers_identity_and_batches():
    """a peer under another's routing id, results for batches of others, results without HELLO: no effect"""
    with lj.System(gateway=False) as s:
        work = load.seed(s)
        s.wait_drained()
        with lj.Peer(s.endpoint(), "first", rid=b"same-id") as first:
            assert first.submit([feedback(work)])[0][0] == 0
            second = zmq.Context.instance().socket(zmq.DEALER)
            second.linger = 0
            second.setsockopt(zmq.ROUTING_ID, b"same-id")
            second.connect(s.endpoint())
            second.send_multipart([lj.envelope(lj.SUBMIT, 77), struct.pack(">H", 1) + lj.record(feedback(work))])
            for _ in range(20):  # the first one's answers keep coming to the first
                assert first.submit([feedback(work)])[0][0] == 0
            assert not second.poll(0), "the second peer got an answer under the first one's identity"
            second.close()
        # Results for every batch number that may be out, from a worker that got none of them, and from a stranger.
        outcome = struct.pack(">Bh", 0, 1) + struct.pack(">I", 0)
        submit = load.SubmitLoad(s, "zmq", events=[work.report(good=False) for _ in range(3000)], rate=3000)
        with lj.Peer(s.endpoint("work"), "thief", role=2, worker=("validation", "0", 0), hello=False) as thief:
            for rounds in range(20):
                for batch in range(1, 200):
                    thief.sock.send_multipart([lj.envelope(lj.RESULT, batch), struct.pack(">QIH", batch, 5, 1) + outcome + struct.pack(">H", 0)])
        assert submit.finish(stop=False)["stored"] == 3000
        s.wait_drained()
        accepted = s.one("select count(*) from (select unnest(positions) p, unnest(verdicts) v from closure where kind = 2) c join event e on e.position ="
                         " c.p where e.source = 'zmq' and c.v = 1")
        assert accepted == 0, "%d bad reports were accepted: somebody else's result was applied" % accepted
        s.check("--only", "I1,I3,I4,I7,I12")


def raise_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = CONNECTIONS + 2000
    if hard != resource.RLIM_INFINITY and hard < want:
        raise ljtest.Skip("only %d files may be open here" % hard)
    if soft != resource.RLIM_INFINITY and soft < want:
        resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


def open_many(connect, n):
    out = []
    for _ in range(n):
        while True:
            try:
                out.append(connect())
                break
            except (BlockingIOError, ConnectionRefusedError, OSError) as e:
                if len(out) == 0 and not isinstance(e, BlockingIOError):
                    raise
                time.sleep(0.001)  # the backlog of the listening socket is full for a moment
    return out


def fds(process):
    try:
        return len(os.listdir("/proc/%d/fd" % process.pid))
    except OSError:
        return 0


def test_many_connections_zmq():
    """8,000 connections that say nothing or half a greeting on the broker's intake: good clients go on, memory flat, the files come back"""
    raise_limit()
    with lj.System(build=product(), gateway=False) as s:
        work = load.seed(s)
        base = fds(s.broker)
        path = os.path.join(s.run_dir, "intake.sock")

        def connect():
            c = socket.socket(socket.AF_UNIX)
            c.settimeout(10)
            c.connect(path)
            return c

        def attack():
            socks = open_many(connect, CONNECTIONS)
            try:
                for i, c in enumerate(socks):
                    if i % 2:
                        c.setblocking(False)
                        try:
                            c.send(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03")
                        except OSError:
                            pass
                good_client_goes_on(s, work)
            finally:
                for c in socks:
                    c.close()
            lj.wait_until(lambda: fds(s.broker) <= base + 8, "the broker to close the connections (%d files, %d before)" % (fds(s.broker), base))
        rounds(s.broker, attack)
        s.wait_drained()


def test_slow_http_clients():
    """8,000 idle connections, half-sent and one-byte-a-second bodies at the gateway: cut off in time, good clients go on, memory flat"""
    raise_limit()
    with lj.System(build=product()) as s:
        load.seed(s)
        base = fds(s.gateway)
        head = ("POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n"
                % lj.TOKENS["centre"][0]).encode()

        def connect():
            return socket.create_connection(("127.0.0.1", s.port), timeout=20)

        def attack():
            good = load.HttpLoad(s, "good%d" % time.monotonic_ns(), load.Work(time.monotonic_ns() % 1000))
            socks = open_many(connect, CONNECTIONS)
            dripping = []
            selector = selectors.DefaultSelector()
            for i, c in enumerate(socks):
                c.setblocking(False)
                if i < 400:
                    c.send(head + b'{"type":"feedback')      # half a body, then silence
                elif i < 800:
                    c.send(head)
                    dripping.append(c)                       # a byte a second
                elif i < 1200:
                    c.send(b"POST /v1/events HTTP/1.1\r\nHo")  # half a head
                if i < 1200:
                    selector.register(c, selectors.EVENT_READ)
            acked = good.acked
            lj.wait_until(lambda: good.acked > acked + 50 or good.error, "a good client to go on beside them")
            peak = s.gateway.rss_kib()
            left = {c.fileno() for c in socks[:1200]}

            def all_cut():
                for c in list(dripping):
                    try:
                        c.send(b"x")
                    except OSError:
                        dripping.remove(c)
                for key, _ in selector.select(0):
                    try:
                        if not key.fileobj.recv(65536):
                            raise ConnectionError
                    except BlockingIOError:
                        continue
                    except OSError:
                        left.discard(key.fd)
                        selector.unregister(key.fileobj)
                return not left
            lj.wait_until(all_cut, "the gateway to cut the slow ones off", 90, every=1.0)
            for c in socks:
                c.close()
            good.finish()
            lj.wait_until(lambda: fds(s.gateway) <= base + 16, "the gateway to close its side")
            print("    gateway %d KiB with %d connections open" % (peak, CONNECTIONS))
        rounds(s.gateway, attack)
        s.wait_drained()
        s.check()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
