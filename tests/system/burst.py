#!/usr/bin/python3
"""A burst of small events over ZeroMQ into the release build: none lost, the broker under 128 MiB. 1,000,000 events; LJ_BURST sets another number."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lj  # noqa: E402
import load  # noqa: E402
import ljtest  # noqa: E402

CLIENTS = 4
EVENTS = int(os.environ.get("LJ_BURST") or 1000000)
LIMIT_KIB = 128 * 1024


def test_burst():
    """a burst from four clients: every event in the log once, every wanted one closed, the broker's peak memory under 128 MiB"""
    if not os.path.exists(os.path.join(lj.RELEASE, "broker/liangjin-broker")):
        raise ljtest.Skip("there is no release build (tests/run makes one)")
    with lj.System(build=lj.RELEASE, gateway=False) as s:
        load.seed(s)
        before = s.broker.rss_kib()
        submits = [load.SubmitLoad(s, "burst%d" % i, count=EVENTS // CLIENTS, window=4000, options=("--deadline", "60000")) for i in range(CLIENTS)]
        rates = [x.finish(stop=False, seconds=1500) for x in submits]
        after_intake = lj.status_kib(s.broker.pid, "VmHWM")
        assert all(f["stored"] + f["repeated"] == EVENTS // CLIENTS for f in rates), rates
        s.wait_drained(1500)
        peak = lj.status_kib(s.broker.pid, "VmHWM")
        print("    %d events: %.0f acked a second, p99 %.0f ms; broker %d KiB before, peak %d KiB after intake, %d KiB after all was done" % (
            EVENTS, EVENTS / max(f["seconds"] for f in rates), max(f["p99_us"] for f in rates) / 1000, before, after_intake, peak))
        stored = s.one("select count(*) from event where source like 'burst%'")
        assert stored == EVENTS, "%d of %d events are in the log" % (stored, EVENTS)
        numbers = s.one("select count(distinct (source, payload)) from event where source like 'burst%'")
        assert numbers == EVENTS, "%d different events of %d" % (numbers, EVENTS)
        s.check()
        assert peak < LIMIT_KIB, "the broker's peak was %d KiB, the limit is %d KiB" % (peak, LIMIT_KIB)


if __name__ == "__main__":
    sys.exit(ljtest.main(globals()))
