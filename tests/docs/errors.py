#!/usr/bin/python3
"""docs/errors.md from common/err.def.

    tests/docs/errors.py            print the page
    tests/docs/errors.py --write    put it into docs/errors.md

tests/docs/check compares the page in the tree with what this prints, so an error cannot be added without its line in the reference.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/errors.md"

ROW = re.compile(
    r'^LJ_ERR\((\d+),\s*([A-Z0-9_]+),\s*"([^"]+)",\s*(\d+),\s*([01]),\s*"([^"]*)",\s*"([^"]*)"\)\s*$')

# First number of each block of the table, in its order.
BLOCKS = [
    (1, "General"),
    (20, "Database"),
    (30, "Reading a request"),
    (50, "Members of an event"),
    (60, "Rights"),
    (70, "HTTP, limits and load"),
    (90, "Peers of the broker"),
]

HEAD = """# Errors

<!-- Made by tests/docs/errors.py from common/err.def. Do not edit: run tests/docs/errors.py --write. -->

One table holds every error of the project. Its **number** is on the wire between programs with a minus sign
([PROTOCOL.md](../proto/PROTOCOL.md#2-errors)); its **code** stands in `problem+json`, in logs and in what `ljctl` prints. Neither ever changes its
meaning. *HTTP* is the status a gateway answers with where the error reaches a client. *Again*: the very same request may be sent again,
unchanged, after `Retry-After`; otherwise sending it again gives the same answer.

A problem over HTTP is `application/problem+json` with `type`, `title`, `status`, `code`, `pointer` (JSON pointer to the member at fault, empty where
there is none), `detail` and `detail_zh`. Two codes need care in a client:

- `outcome_unknown`: the event may be stored or not. Send the **same id** again until another answer comes.
- `id_conflict`: the id is stored already with other content. The stored event stays as it is; the client has a bug or needs another id.

Reasons for which a *stored* event is rejected by validation are no errors of this table: they are in `workers/validation/rules.def` (V01 and up) and,
for register events, in `workers/register/reasons.def`.
"""


def rows():
    out = []
    for n, line in enumerate((ROOT / "common/err.def").read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("LJ_ERR("):
            continue
        m = ROW.match(line)
        if not m:
            sys.exit(f"common/err.def:{n}: this row has a form that errors.py does not know")
        number, symbol, code, http, again, en, zh = m.groups()
        out.append((int(number), symbol, code, http, again == "1", en, zh))
    return out


def page():
    parts = [HEAD]
    table = rows()
    for i, (first, title) in enumerate(BLOCKS):
        end = BLOCKS[i + 1][0] if i + 1 < len(BLOCKS) else 1 << 30
        block = [r for r in table if first <= r[0] < end]
        if not block:
            continue
        parts.append(f"\n## {title}\n\n| number | code | symbol | HTTP | again | meaning | 说明 |\n|---|---|---|---|---|---|---|\n")
        for number, symbol, code, http, again, en, zh in block:
            parts.append(f"| {number} | `{code}` | `LJ_E_{symbol}` | {http} | {'yes' if again else 'no'} | {en} | {zh} |\n")
    return "".join(parts)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif sys.argv[1:]:
        sys.exit("usage: errors.py [--write]")
    else:
        sys.stdout.write(page())
