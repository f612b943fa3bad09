"""A relay that makes each side of the protocol look like a later minor revision to the other (PROTOCOL.md, 12): a field behind the last one of HELLO,
WELCOME and HEAD, a flag of BATCH that nobody knows, messages with unknown numbers. Sockets of its own in a folder of its own; peers that use the
folder as their run directory talk through it, others beside it talk to the broker directly. What it changed is counted: a test that relies on it
asks `counts`."""
import os
import struct
import threading

import zmq

import lj

HELLO, WELCOME, BATCH, HEAD = 1, 2, 32, 66
UNKNOWN, UNKNOWN_FLAG = 200, 0x80
FLAGS_AT = 8 + 4 + 2  # in BATCH: behind the batch's number, deadline and attempt
FIELD = b"\x00\x07a field of the next revision"


class Newer(threading.Thread):
    def __init__(self, run_dir, own_dir):
        super().__init__(daemon=True)
        self.run_dir, self.own_dir = run_dir, own_dir
        self.counts = {"HELLO": 0, "WELCOME": 0, "BATCH": 0, "HEAD": 0, "unknown": 0}
        self.ended = threading.Event()
        self.ctx = zmq.Context()
        self.fronts = {name: self._bind(name, zmq.ROUTER) for name in ("intake", "work")}
        self.xpub = self._bind("stream", zmq.XPUB)
        self.xsub = self.ctx.socket(zmq.XSUB)
        self.xsub.connect("ipc://%s/stream.sock" % run_dir)
        self.backs = {}  # (socket's name, routing id of the peer) -> DEALER to the broker
        self.start()

    def _bind(self, name, kind):
        sock = self.ctx.socket(kind)
        sock.linger = 0
        sock.bind("ipc://%s/%s.sock" % (self.own_dir, name))
        lj.own(os.path.join(self.own_dir, name + ".sock"))
        return sock

    def _back(self, name, peer):
        if (name, peer) not in self.backs:
            sock = self.ctx.socket(zmq.DEALER)
            sock.linger = 0
            sock.connect("ipc://%s/%s.sock" % (self.run_dir, name))
            self.backs[name, peer] = sock
        return self.backs[name, peer]

    def _unknown(self, send):
        send([lj.envelope(UNKNOWN), b"what nobody knows yet"])
        self.counts["unknown"] += 1

    def _altered(self, frames, send):
        """The two frames as the next revision might send them, behind a message that it has and this one has not."""
        kind, body = frames[0][3], frames[1]
        name = {HELLO: "HELLO", WELCOME: "WELCOME", HEAD: "HEAD", BATCH: "BATCH"}.get(kind)
        if name is None:
            return frames
        self.counts[name] += 1
        self._unknown(send)
        if kind == BATCH:
            flags, = struct.unpack_from(">B", body, FLAGS_AT)
            return [frames[0], body[:FLAGS_AT] + bytes([flags | UNKNOWN_FLAG]) + body[FLAGS_AT + 1:]]
        return [frames[0], body + FIELD]

    def _turn(self):
        poller = zmq.Poller()
        for sock in list(self.fronts.values()) + list(self.backs.values()) + [self.xpub, self.xsub]:
            poller.register(sock, zmq.POLLIN)
        ready = dict(poller.poll(100))
        for name, front in self.fronts.items():
            if front in ready:
                peer, *frames = front.recv_multipart()
                back = self._back(name, peer)
                back.send_multipart(self._altered(frames, back.send_multipart))
        for (name, peer), back in self.backs.items():
            if back in ready:
                def to_peer(frames, front=self.fronts[name], peer=peer):
                    front.send_multipart([peer] + frames)
                to_peer(self._altered(back.recv_multipart(), to_peer))
        if self.xpub in ready:
            self.xsub.send_multipart(self.xpub.recv_multipart())
        if self.xsub in ready:
            self.xpub.send_multipart(self._altered(self.xsub.recv_multipart(), self.xpub.send_multipart))

    def run(self):
        while not self.ended.is_set():
            self._turn()

    def close(self):
        self.ended.set()
        self.join()
        self.ctx.destroy(linger=0)
