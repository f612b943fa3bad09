#!/usr/bin/python3
"""docs/config.md from what the programs themselves say with --help.

    tests/docs/config.py            print the page
    tests/docs/config.py --write    put it into docs/config.md

The programs are taken from the build that LJ_BUILD names, else from build/asan, build/dev or build/release, the first that has them all. --help is
printed from the table that also parses the options, so the page cannot name an option that does not exist, or leave one out.
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/config.md"

DAEMONS = [
    ("liangjin-broker", "broker/liangjin-broker", "role `liangjin_broker`; `--dsn` and `--run-dir` are needed"),
    ("liangjin-gateway", "gateway/liangjin-gateway", "role `liangjin_web`; `--dsn` and `--run-dir` are needed"),
    ("liangjin-worker", "workers/liangjin-worker",
     "the kinds are given as words: `liangjin-worker validation quota --dsn ...`; role `liangjin_worker`; `--dsn` and one of `--run-dir` and `--connect` are needed"),
    ("liangjin-submit", "client/liangjin-submit",
     "example of the client library and load generator of the tests: events from standard input, or made up by number"),
]
CTL = "ctl/ljctl"
EVERYWHERE = {"config", "help", "version"}

HEAD = """# Options of every program

<!-- Made by tests/docs/config.py from --help. Do not edit: run tests/docs/config.py --write after a build. -->

All programs take options the same way: `--name value` or `--name=value` on the command line, or a line `name = value` in the file that `--config FILE`
names (`#` begins a comment line; `_` and `-` are the same in names). The command line wins over the file, the file over the defaults. An unknown name, a
name given twice in the file, a value out of its bounds or with trailing characters is an error (exit status 2): nothing is guessed. Secrets are never
values of options of the daemons and of `ljctl`: an option names the file that holds them. `--help` prints the same table, `--version` the version.

Exit status of the daemons: 0 drained, 1 failed while running, 2 bad configuration, 3 refused by the state of the database (its settings, its schema, or
another broker owns the log now). Exit codes of `ljctl`: [at the end](#exit-codes-of-ljctl).

`ljctl up` starts the daemons with the few options it needs (`--dsn`, `--run-dir`, `--listen`, `--port`, names); everything else has its default there.

Limits of an event itself (64 KiB, 500 a batch, depth 16, 64 members, 32 KiB a string) are no options: they are the contract (`proto/limits.h`).
No option comes from the environment. `NOTIFY_SOCKET` is used where a service manager sets it (readiness and stopping are told to it).
"""


def build_dir():
    named = os.environ.get("LJ_BUILD")
    tried = [pathlib.Path(named)] if named else [ROOT / "build" / n for n in ("asan", "dev", "release")]
    for d in tried:
        if all((d / p).exists() for p in [x[1] for x in DAEMONS] + [CTL]):
            return d
    return None


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, argv))}: exit {done.returncode}: {done.stderr[:300]}")
    return done.stdout


OPTION = re.compile(r"^  --([a-z][a-z0-9-]*)(?: ([A-Za-z][A-Za-z|-]*))?$")


def options(text):
    """[(name, value, help)] of a --help text, in its order."""
    out = []
    lines = text.splitlines()
    for i, line in enumerate(lines):
        m = OPTION.match(line)
        if m and i + 1 < len(lines) and lines[i + 1].startswith("      "):
            out.append((m.group(1), m.group(2) or "", lines[i + 1].strip()))
    return out


def cell(s):
    return s.replace("|", "\\|")


def split_help(text):
    """'sentence [bounds] (default x)' -> sentence, bounds, default"""
    default = ""
    m = re.search(r" \(default:? ([^()]*)\)$", text)
    if m:
        default, text = m.group(1), text[:m.start()]
    bounds = ""
    m = re.search(r" \[([^\]]*)\]$", text)
    if m:
        bounds, text = m.group(1), text[:m.start()]
    return text.rstrip("."), bounds, default


def daemon_part(build, name, path, about):
    out = [f"\n## {name}\n\n{about[0].upper() + about[1:]}.\n\n| option | default | bounds | meaning |\n|---|---|---|---|\n"]
    for option, _, text in options(run(build / path, "--help")):
        if option in EVERYWHERE:
            continue
        sentence, bounds, default = split_help(text)
        default = f"`{default}`" if default else "–"
        out.append(f"| `--{option}` | {cell(default)} | {cell(bounds) or '–'} | {cell(sentence)} |\n")
    return "".join(out)


def ctl_part(build):
    top = run(build / CTL, "--help")
    section = top.split("\ncommands:\n", 1)[1].split("\n\n", 1)[0]
    commands = []
    for line in section.splitlines():
        m = re.match(r"^  ([a-z]+(?: [a-z]+)?)((?: \[?[A-Z|]+[.\]]*)*)  +(.*)$", line)
        if not m:
            sys.exit(f"ljctl --help: cannot read the line {line!r}")
        commands.append((m.group(1), m.group(2).strip(), m.group(3)))
    global_part = top.split("\nglobal options:\n", 1)[1].split("\nexit codes:\n", 1)[0]
    global_options = [o for o in options(global_part) if o[0] not in EVERYWHERE]
    out = ["\n## ljctl\n\n`--help` of each sub-command, the manual page (`ljctl man`) and the completion (`ljctl completion`) come from one table.\n\n"
           "| sub-command | what it does | options |\n|---|---|---|\n"]
    seen = {}
    for name, operands, summary in commands:
        text = run(build / CTL, *name.split(), "--help")
        own = options(text.split("\nglobal options:\n", 1)[0])
        for o in own:
            seen.setdefault(o[0], o)
        names = " ".join(f"`--{o[0]}`" for o in own) or "–"
        out.append(f"| `{name}{' ' if operands else ''}{cell(operands)}` | {cell(summary)} | {names} |\n")
    out.append("\nOptions of every sub-command:\n\n| option | default | meaning |\n|---|---|---|\n")
    for name, _, text in global_options:
        out.append(ctl_row(name, text))
    out.append("\nOptions of some:\n\n| option | default | meaning |\n|---|---|---|\n")
    for name in sorted(seen):
        out.append(ctl_row(name, seen[name][2]))
    out.append("\n### Exit codes of ljctl\n\n| code | meaning |\n|---|---|\n")
    for line in top.split("\nexit codes:\n", 1)[1].split("\n\n", 1)[0].splitlines():
        m = re.match(r"^  (\d)  (.*)$", line)
        if m:
            out.append(f"| {m.group(1)} | {cell(m.group(2))} |\n")
    return "".join(out)


def ctl_row(name, text):
    sentence, _, default = split_help(text)
    return f"| `--{name}` | {cell(f'`{default}`') if default else '–'} | {cell(sentence)} |\n"


def page(build):
    return HEAD + "".join(daemon_part(build, *d) for d in DAEMONS) + ctl_part(build)


if __name__ == "__main__":
    where = build_dir()
    if not where:
        sys.exit("config.py: no build with all programs: build first (cmake --preset asan && cmake --build --preset asan), or name it in LJ_BUILD")
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(where), encoding="utf-8")
    elif sys.argv[1:]:
        sys.exit("usage: config.py [--write]")
    else:
        sys.stdout.write(page(where))
