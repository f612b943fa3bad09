#!/usr/bin/python3
"""A broker that says "stored" at once and stores nothing: what the gateway costs without the durable half. RUN_DIR as its one argument.

It reads of a SUBMIT the number of its events only, so it takes almost nothing from the cores: a SUBMIT holds what many connections sent
meanwhile. The gateway in front of it does all that it does in earnest: head, token, buckets, strict reading, judging, packing, answering.
"""
import os
import struct
import sys
import time

import zmq

HELLO, WELCOME, WHO, SUBMIT, ACK, HEAD = 1, 2, 3, 16, 17, 66
NONCE = struct.unpack(">Q", os.urandom(8))[0] | 1


def envelope(kind, seq):
    return struct.pack(">2sBBIQ", b"LJ", 1, kind, 0, seq)


def head():
    text = struct.pack(">I", 2) + b"{}" + struct.pack(">I", 0)
    return [envelope(HEAD, 0), struct.pack(">Qqqq", NONCE, 0, 0, int(time.time() * 1e6)) + text]


def serve(run_dir):
    ctx = zmq.Context()
    router, xpub = ctx.socket(zmq.ROUTER), ctx.socket(zmq.XPUB)
    router.bind("ipc://%s/intake.sock" % run_dir)
    xpub.bind("ipc://%s/stream.sock" % run_dir)
    known, position, next_head = set(), 0, 0.0
    while True:
        if time.monotonic() >= next_head:
            xpub.send_multipart(head())
            next_head = time.monotonic() + 1
        if not router.poll(200):
            continue
        peer, env, body = router.recv_multipart()
        kind, seq = env[3], struct.unpack_from(">Q", env, 8)[0]
        if kind == HELLO:
            known.add(peer)
            router.send_multipart([peer, envelope(WELCOME, seq), struct.pack(">QIII", NONCE, 500, 65536, 1048576 + 65536)])
        elif kind == SUBMIT and peer not in known:
            router.send_multipart([peer, envelope(WHO, seq), b""])
        elif kind == SUBMIT:
            n = struct.unpack_from(">H", body)[0]
            answers = b"".join(struct.pack(">hHqB", 0, 0, position + i + 1, 0) for i in range(n))
            position += n
            router.send_multipart([peer, envelope(ACK, seq), struct.pack(">H", n) + answers])


if __name__ == "__main__":
    serve(sys.argv[1])
