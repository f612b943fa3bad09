"""The opinion engine by itself, one core: texts a second with models and evidence, and the slowest text of 8 KB that its test knows how to craft."""
import glob
import os
import subprocess

LABELS = {"dense_150": "opinion, 150 characters", "real_240": "opinion, 240 characters", "dense_500": "opinion, 500 characters"}


def once(rounds):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = os.path.join(os.environ["LJ_RELEASE"], "workers/opinion/opinion_bench")
    texts = sorted(glob.glob(os.path.join(root, "workers/opinion/data/texts/?.tsv")))
    done = subprocess.run([program, "-r", str(rounds)] + texts, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return {r[0]: float(r[1]) for r in rows}


def measure(rounds, full):
    figures = [once(20 if full else 8) for _ in range(rounds)]
    how = "labelled texts of this repository that are held back from training, cut and joined to that length; one core, the program's best of several passes, no broker and no database"
    for key, name in LABELS.items():
        yield {"name": name, "ours": [f[key] for f in figures], "unit": "texts/s", "how": how}
    worst = [max(v for k, v in f.items() if k.startswith("crafted")) for f in figures]
    yield {"name": "opinion, worst crafted text", "ours": worst, "unit": "ms", "less": True, "how": "the slowest of the crafted texts of 8 KB"}
