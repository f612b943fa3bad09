"""Rows of measures as text for the terminal, as a table and as pictures for docs/performance.md.

A row: name; ours, a figure a round; unit; how; and where it is measured in turns with something, yard (as long as ours) and yardstick. `less`: the smaller
the better. Pictures are SVG written by hand: a bar to the median of the ratios, a line from the least to the greatest, a mark where the goal is.
"""
import html
import os

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
# What is aimed at, by the name of a row: a ratio where the row has a yardstick, else its unit. They were set from measurements of a prototype and of
# other systems on a machine of the same kind, before the programs existed; rows without one have no goal, and get none for looking good.
GOALS = {
    "durable intake, ZeroMQ": 0.7,
    "stored, dispatched, closed, beside NATS JetStream": 1.2,
    "stored, dispatched, closed, beside Redis Streams": 2.0,
    "stored, dispatched, closed, beside RabbitMQ": 2.5,
    "whole job, ZeroMQ": 0.5,
    "whole job, beside NATS JetStream and C workers": 1.2,
    "whole job, beside RabbitMQ and C workers": 1.8,
    "whole job, beside graphile-worker": 3.0,
    "rows and indexes of a whole job": 0.5,
    "whole job, workers killed": 0.9,
    "HTTP, one event a POST": 0.5,
    "HTTP, NDJSON": 0.8,
    "submission to last effect, p99": 5.0,
    "burst, worked off": 0.8,
    "burst, broker's greatest memory": 128.0,
    "quiet unit beside a burst, acknowledgement p99": 3.0,
    "quiet unit beside a burst, last effect p99": 3.0,
    "quiet unit beside a burst, POST p99": 3.0,
    "durable intake, CURVE": 0.6,
    "opinion, 150 characters": 200000.0,
    "opinion, 240 characters": 200000.0,
    "opinion, 500 characters": 60000.0,
    "opinion, worst crafted text": 2.0,
}
WIDTH, LEFT, BAR, ROW = 930, 330, 400, 30
GREEN, GREY, RED, INK = "#3b7d5d", "#8a939b", "#c0392b", "#24292f"


def median(values):
    v = sorted(values)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2


def number(x):
    return "%.0f" % x if abs(x) >= 100 else "%.3g" % x


def spread(values):
    m, least, most = (number(x) for x in (median(values), min(values), max(values)))
    return m if least == most else "%s (%s to %s)" % (m, least, most)


def ratios(row):
    return [a / b for a, b in zip(row["ours"], row["yard"])] if row.get("yard") else None


def shown(row):
    out = "%-42s %s %s" % (row["name"], spread(row["ours"]), row["unit"])
    if row.get("yard"):
        out += "\n%-42s %s %s\n%-42s %s" % ("  " + row["yardstick"], spread(row["yard"]), row["unit"], "  ratio", spread(ratios(row)))
    if row["name"] in GOALS:
        out += "\n%-42s %s" % ("  goal", goal_text(row))
    return out + "\n  " + row["how"] + "\n"


def goal_text(row):
    goal = GOALS.get(row["name"])
    return "" if goal is None else "%s %s" % ("≤" if row.get("less") else "≥", number(goal))


def table(rows, now, failures):
    out = ["| measure | ours | yardstick | ratio | goal | how |", "|---|---|---|---|---|---|"]
    for r in rows:
        yard = "%s: %s" % (r["yardstick"], spread(r["yard"])) if r.get("yard") else ""
        ratio = spread(ratios(r)) if r.get("yard") else ""
        name = r["name"] + ("" if len(r["ours"]) == now["rounds"] else " (rounds: %d)" % len(r["ours"]))
        cells = [name, "%s %s" % (spread(r["ours"]), r["unit"]), yard, ratio, goal_text(r), r["how"]]
        out.append("| %s |" % " | ".join(c.replace("|", "\\|") for c in cells))
    others = [r["conditions"]["others"] for r in rows]
    out.append("\nTaken %s UTC at %s by `tests/bench/run%s`, on %d cores of %s with %s GiB, Linux %s; median (least to greatest) of %d rounds, in turns with the "
               "yardstick. The load generators ran on the same cores; others had %s to %s cores in the second before a measure." % (
                   now["date"], now["commit"], " --full" if now["full"] else "", now["cores"], now["cpu"], now["memory_gib"], now["kernel"], now["rounds"],
                   number(min(others)), number(max(others))))
    if failures:
        out.append("\nFailed in this run, so without figures or with some only: %s." % ", ".join(failures))
    return "\n".join(out)


# ---------------------------------------------------------------------------------------------------------------------------- pictures

def text(x, y, what, anchor="start", size=12, fill=INK):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s">%s</text>' % (x, y, size, anchor, fill, html.escape(what))


def line(x1, y1, x2, y2, stroke, width):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%s"/>' % (x1, y1, x2, y2, stroke, width)


def bars(title, rows, note):
    """rows: [(name, values, goal or None, text behind the bar)]. All share one scale that begins at 0, with a line at 1."""
    top = max(max(max(v), goal or 0) for _, v, goal, _ in rows + [("", [1.0], None, "")]) * 1.05
    height = 64 + ROW * len(rows) + 30
    at = lambda v: LEFT + BAR * v / top  # noqa: E731
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" role="img">' % (WIDTH, height, WIDTH, height),
           "<title>%s</title>" % html.escape(title), '<rect width="100%" height="100%" fill="#ffffff"/>', text(16, 26, title, size=15),
           line(at(0), 44, at(0), height - 36, GREY, 1), line(at(1), 44, at(1), height - 36, GREY, 1), text(at(1), 40, "1", "middle", 11, GREY)]
    for i, (name, values, goal, behind) in enumerate(rows):
        y = 52 + ROW * i
        out.append(text(LEFT - 8, y + 14, name, "end"))
        out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="18" fill="%s"/>' % (at(0), y, max(1.0, at(median(values)) - at(0)), GREEN))
        out += [line(at(min(values)), y + 9, at(max(values)), y + 9, INK, 2)] + [line(at(v), y + 4, at(v), y + 14, INK, 2) for v in (min(values), max(values))]
        if goal is not None:
            out.append(line(at(goal), y - 4, at(goal), y + 22, RED, 2.5))
        out.append(text(LEFT + BAR + 12, y + 14, behind))
    out.append(text(16, height - 12, note, size=11, fill=GREY))
    return "\n".join(out + ["</svg>"]) + "\n"


def pictures(rows):
    """{file name: (what it shows, SVG)}."""
    note = "bar: median; black: least to greatest round; red: goal"
    out = {}
    for name, less, title in (("rates", False, "Ratio to the yardstick (more is better)"), ("costs", True, "Ratio to the yardstick (less is better)")):
        some = [(r["name"], ratios(r), GOALS.get(r["name"]), spread(ratios(r))) for r in rows if r.get("yard") and bool(r.get("less")) == less]
        if some:
            out[name + ".svg"] = (title, bars(title, some, note))
    return out


def write(root, rows, now, failures):
    path = os.path.join(root, "docs", "performance.md")
    with open(path, encoding="utf-8") as f:
        content = f.read()
    if BEGIN not in content or END not in content:
        raise SystemExit("docs/performance.md has no place for the table: %s and %s" % (BEGIN, END))
    folder = os.path.join(root, "docs", "performance")
    os.makedirs(folder, exist_ok=True)
    shown_there = []
    for name, (title, svg) in pictures(rows).items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(svg)
        shown_there.append("![%s](performance/%s)" % (title, name))
    before, rest = content.split(BEGIN)
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + "\n" + "\n\n".join(shown_there + [table(rows, now, failures)]) + "\n" + END + rest.split(END)[1])
