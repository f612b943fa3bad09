"""Other systems that take, keep and hand out events, measured beside ours where somebody has their programs: LJ_YARDSTICKS names the folder.

The folder holds, built: 03-peers/srv.sh start|stop nats|redis|rabbitmq, which runs a server of its own on loopback; and 03-peers/natsjs, redisst, rabbit,
called as `PROGRAM e2e N RATE`: they publish N messages of some 840 bytes, confirmed, RATE a second (0: as fast as it goes), and consume and acknowledge each in
a second process; `..._e2e_acked RATE msg/s` is what they print. What a confirmation is worth differs: JetStream (file store) confirms before it flushes, Redis
(appendfsync always) and a RabbitMQ quorum queue after.

For the whole job: pg.sh start|stop, a PostgreSQL of the folder's own; 04-pipeline/nats_worker and rabbit_worker N BATCH WORKERS, which take N reports of some
820 bytes from a queue and write a simpler result set of 10 rows each, all of a batch in one transaction; node/graphile_pipe.mjs N batch, the same jobs in
PostgreSQL itself, where Node has what it needs; and 02-pg/resultset2, the loader of those rows. Their rules are simpler than ours: no policy, no duties, no
order, no opinion.
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


PIPELINES = [("NATS JetStream and C workers", "nats", ["./nats_worker"], {}), ("RabbitMQ and C workers", "rabbitmq", ["./rabbit_worker"], {"QTYPE": "quorum"})]
BATCH, WORKERS = "100", "2"


@contextlib.contextmanager
def postgres(at):
    """The folder's own PostgreSQL runs inside the block."""
    quiet = {"cwd": os.path.dirname(at), "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["./pg.sh", "start"], check=False, timeout=120, **quiet)
    try:
        yield
    finally:
        subprocess.run(["./pg.sh", "stop"], check=False, timeout=120, **quiet)


def printed(folder_of, argv, more, pattern):
    done = subprocess.run(argv, cwd=folder_of, env=dict(os.environ, **more), capture_output=True, text=True, timeout=170, check=False)
    found = re.search(pattern, done.stdout)
    assert done.returncode == 0 and found, "%s: %s%s" % (argv, done.stdout[-500:], done.stderr[-500:])
    return float(found.group(1))


def pipelines(at, n):
    """{peer: whole jobs a second}, with postgres() running."""
    out, top = {}, os.path.dirname(at)
    for name, server, argv, more in PIPELINES:
        with serving(at, server):
            out[name] = printed(os.path.join(top, "04-pipeline"), argv + [str(n), BATCH, WORKERS], more, r"pipe_\S+ (\d+) events/s")
    if os.path.isdir(os.path.join(top, "node", "node_modules", "graphile-worker")):
        out["graphile-worker"] = printed(os.path.join(top, "node"), ["node", "graphile_pipe.mjs", str(n), "batch"], {}, r"pipe_graphile_\S+ (\d+) events/s")
    return out


def lean_rows(at, n):
    """Reports a second of the loader with the leanest rows and indexes that hold a whole job (its design B), two connections, 1,000 reports a commit."""
    return printed(os.path.join(os.path.dirname(at), "02-pg"), ["./resultset2", "copy", "1000", "2", str(n)], {"CFLUSH": "20", "PARTPK": "seq", "TAG": "_B"},
                   r"rs_copy\S* (\d+) events/s")


def end_to_end(at, program, more, n):
    """Messages a second, from the first publication to the last acknowledged consumption."""
    done = subprocess.run(["./" + program, "e2e", str(n), "0"], cwd=at, env=dict(os.environ, **more), capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"_e2e_acked (\d+) msg/s", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found.group(1))
