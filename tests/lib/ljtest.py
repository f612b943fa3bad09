"""The few lines of a test program: functions test_* in order, `ok`, `not ok`, `skip` lines, and a last line that tests/run counts."""
import signal
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the reason is printed."""


def _stop(number, frame):
    raise SystemExit(128 + number)


def main(names):
    """names: the module's globals(). An argument picks the tests whose name contains it."""
    signal.signal(signal.SIGTERM, _stop)
    pick = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = skipped = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or not callable(test) or pick not in name:
            continue
        started = time.monotonic()
        said = (test.__doc__ or name).strip().split("\n")[0]
        try:
            test()
            passed += 1
            print("ok - %s: %s (%.1f s)" % (name, said, time.monotonic() - started), flush=True)
        except Skip as e:
            skipped += 1
            print("skip - %s: %s" % (name, e), flush=True)
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print("not ok - %s: %s (%.1f s)" % (name, said, time.monotonic() - started), flush=True)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped), flush=True)
    return 1 if failed or not passed + skipped else 0
