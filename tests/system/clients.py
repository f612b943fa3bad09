#!/usr/bin/python3
"""The example clients as a newcomer would use them, and what a monitoring system would say to /metrics."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402
import newer  # noqa: E402

EXAMPLE = os.path.join(lj.ROOT, "client/python/submit.py")


def test_python_client():
    """the Python example, at most 80 lines, submits and gets acks; also through a kill -9 of the broker"""
    if not os.path.exists(EXAMPLE):
        raise ljtest.Skip("client/python/submit.py is not there")
    with open(EXAMPLE, encoding="utf-8") as f:
        assert len(f.readlines()) <= 80
    with lj.System(gateway=False) as s:
        work = load.seed(s)
        events = work.some(4000)
        path = s.file("python.ndjson")
        with open(path, "w", encoding="utf-8") as f:
            for e in events:
                f.write(json.dumps(dict(e, schema_version=1), ensure_ascii=False) + "\n")
        history = s.file("python.submit")
        s.histories.append(history)
        s.inputs.append(path)
        with open(path, "rb") as source:
            child = subprocess.Popen(["/usr/bin/python3", EXAMPLE, s.endpoint(), history], stdin=source, stdout=subprocess.PIPE, text=True)

            def acks():
                try:
                    with open(history) as f:
                        return f.read().count("ack ")
                except OSError:
                    return 0
            lj.wait_until(lambda: acks() > 100 or child.poll() is not None, "acks of the Python client")
            s.broker.kill()
            s.broker.start()
            out, _ = child.communicate(timeout=120)
        assert child.returncode == 0, "exit %d: %s" % (child.returncode, out[-500:])
        assert len(out.splitlines()) == len(events), out[-500:]
        s.wait_drained()
        s.check()


def test_metrics():
    """promtool finds nothing wrong with /metrics of a system that works"""
    promtool = shutil.which("promtool")
    if not promtool:
        raise ljtest.Skip("promtool is not there")
    with lj.System() as s:
        load.seed(s)
        running = load.Everything(s, rate=200, events=2000)
        running.wait_more(20)
        running.finish()

        def broker_metrics():
            status, _, body = s.get("/metrics")
            assert status == 200, status
            return body if b"liangjin_broker_" in body else None
        text = lj.wait_until(broker_metrics, "the broker's metrics in the gateway's")
        r = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
        print("    %d lines of metrics; promtool: %s" % (len(text.splitlines()), (r.stdout + r.stderr).decode() or "no complaint"))
        assert r.returncode == 0, (r.stdout + r.stderr).decode()


def test_beside_the_next_revision():
    """half of the workers, the gateway and a client meet a broker of a later minor revision, and it them; the other half and a client meet this one; both
    sides are killed once: nothing is lost, nothing twice"""
    with lj.System(workers=2, start=False) as s:
        beside = os.path.join(s.folder, "newer")
        os.mkdir(beside, 0o755)
        lj.own(beside)
        relay = newer.Newer(s.run_dir, beside)
        try:
            later = [p for name, p in s.workers.items() if name.endswith("-2")] + [s.gateway]
            for process in later:
                at = process.argv.index("--run-dir") + 1
                process.argv[at] = beside
            s.start_all()
            load.seed(s)
            running = load.Everything(s, rate=300, events=8000)
            through = load.SubmitLoad(s, "next", events=load.Work(8).some(1500), rate=300, endpoint="ipc://%s/intake.sock" % beside)
            running.wait_more(60)
            for process in [s.broker] + later[:2]:
                process.kill()
                process.start()
            running.wait_more(60)
            running.finish()
            assert through.child.wait(60) == 0, through.figures()[1]
            s.wait_drained()
            s.check()
            print("    altered by the relay: %s" % relay.counts)
            assert all(relay.counts.values()), relay.counts
        finally:
            relay.close()


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
