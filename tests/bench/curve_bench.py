"""CURVE on the hop into the broker: the durable intake over tcp with CURVE, against the same broker's local socket without."""
import os

import lj
import load
import world
import zmq

PAD = 720


def key_file(s, name, secret):
    path = s.file(name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
        f.write("# made for one measurement\n%s\n" % secret.decode())
    return path


def measure(rounds, full):
    n = 200000 if full else 60000
    server_public, server_secret = zmq.curve_keypair()
    public, secret = zmq.curve_keypair()
    port = lj.free_port()
    s = lj.System(gateway=False, kinds=["register"], start=False)
    got = []
    with s:
        keys = key_file(s, "broker.key", server_secret)
        lj.own(keys)
        with open(s.file("peers"), "w", encoding="ascii") as f:
            f.write("%s client * bench\n" % public.decode())
        os.chmod(s.file("peers"), 0o644)
        s.broker.argv += ["--backlog-max", "10000000", "--intake-tcp", "tcp://127.0.0.1:%d" % port, "--curve-secret", keys, "--peers", s.file("peers")]
        s.start_all()
        load.seed(s)
        curve = ["--curve-server", server_public.decode(), "--curve-secret", key_file(s, "client.key", secret)]
        for i in range(rounds + 1):
            rates = []
            for name, endpoint, options in (("curve%d" % i, "tcp://127.0.0.1:%d" % port, curve), ("plain%d" % i, s.endpoint(), [])):
                before = s.one("select count(*) from event")
                figures = world.Submit(s, name, ["--count", str(n), "--pad", str(PAD)] + options, endpoint=endpoint).finish()
                stored = s.one("select count(*) from event") - before
                assert figures["acked"] == n == stored, (figures, stored)
                rates.append(n / figures["seconds"])
            got.append(rates)
    got = got[1:]
    yield {"name": "durable intake, CURVE", "ours": [g[0] for g in got], "yard": [g[1] for g in got], "unit": "events/s", "yardstick": "the local socket, no CURVE",
           "how": "%d events of 750 bytes of payload a round, one client; tcp on loopback with CURVE against ipc (the broker has no tcp without)" % n}
