"""Other systems that take, keep and hand out events, measured beside ours where somebody has their programs: LJ_YARDSTICKS names the folder.

The folder holds, built: 03-peers/srv.sh start|stop nats|redis|rabbitmq, which runs a server of its own on loopback; and 03-peers/natsjs, redisst, rabbit,
called as `PROGRAM e2e N RATE`: they publish N messages of some 840 bytes, confirmed, RATE a second (0: as fast as it goes), and consume and acknowledge each in
a second process; `..._e2e_acked RATE msg/s` is what they print. What a confirmation is worth differs: JetStream (file store) confirms before it flushes, Redis
(appendfsync always) and a RabbitMQ quorum queue after.
"""
import contextlib
import os
import re
import subprocess

# (name, how it keeps what it has confirmed, server, program, more environment)
PEERS = [("NATS JetStream", "file store, confirmed before the flush", "nats", "natsjs", {}),
         ("Redis Streams", "appendfsync always", "redis", "redisst", {}),
         ("RabbitMQ", "quorum queue, one node", "rabbitmq", "rabbit", {"QTYPE": "quorum"})]


def folder():
    """The folder, or None where there are no such yardsticks."""
    named = os.environ.get("LJ_YARDSTICKS")
    if not named:
        return None
    at = os.path.join(named, "03-peers")
    for name in ["srv.sh"] + [program for _, _, _, program, _ in PEERS]:
        assert os.access(os.path.join(at, name), os.X_OK), "%s has no %s that can be run" % (at, name)
    return at


@contextlib.contextmanager
def serving(at, server):
    """The server runs inside the block, with an empty store."""
    quiet = {"cwd": at, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["./srv.sh", "start", server], check=True, timeout=60, **quiet)
    try:
        yield
    finally:
        subprocess.run(["./srv.sh", "stop", server], check=False, timeout=60, **quiet)


def end_to_end(at, program, more, n):
    """Messages a second, from the first publication to the last acknowledged consumption."""
    done = subprocess.run(["./" + program, "e2e", str(n), "0"], cwd=at, env=dict(os.environ, **more), capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"_e2e_acked (\d+) msg/s", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found.group(1))
