#!/usr/bin/python3
"""The pgTAP tests (db/test/run) on a throw-away cluster; the last line says how many."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lj  # noqa: E402


def main():
    with lj.Folder() as folder, lj.Postgres(folder, fsync=False) as pg:
        p = subprocess.run(["bash", os.path.join(lj.ROOT, "db/test/run"), pg.dsn_parts("postgres")], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    print(p.stdout)
    total = re.findall(r"^Files=\d+, Tests=(\d+)", p.stdout, re.M)
    failed = sum(int(n) for n in re.findall(r"Failed:\s+(\d+)", p.stdout))
    broken = 1 if p.returncode != 0 and not failed else 0
    print("%d passed, %d failed" % ((int(total[0]) if total else 0) - failed, failed + broken))
    return 1 if p.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
