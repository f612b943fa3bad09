"""`ljctl up --demo`: from an empty directory to every count as expected, a second time on the same directory, and a system whose rules were
changed behind the demonstration's back, which it must notice. Standard library only; no fixed waits: every step is a program that ends.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv.pop(1))
LJCTL = os.path.join(BUILD, "ctl", "ljctl")
DEADLINE = 240
REPORTS = 2000


def policy(version, **changes):
    """The next version of the first policy."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../db/seed/policy.json"), encoding="utf-8") as f:
        event = json.load(f)
    del event["id"]
    event["payload"].update(changes, version=version)
    return json.dumps(event)


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="lj-demo-")
        os.chmod(cls.base, 0o755)
        cls.dir = os.path.join(cls.base, "var")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    def up(self, *options):
        """To its end: exit code, figures by name, everything it said."""
        r = subprocess.run([LJCTL, "up", "--dir", self.dir, "--port", "0", "--once", "--output", "json", *options], capture_output=True,
                           text=True, timeout=DEADLINE)
        start = r.stdout.find("[")
        figures = {x["figure"]: x for x in json.loads(r.stdout[start:])} if start >= 0 else {}
        return r.returncode, figures, r.stdout + r.stderr

    def figure(self, figures, part):
        found = [f for name, f in figures.items() if part in name]
        self.assertEqual(len(found), 1, part)
        return found[0]

    def test_1_all_as_expected(self):
        code, figures, said = self.up("--demo", str(REPORTS))
        self.assertEqual(code, 0, said)
        self.assertEqual([f for f in figures.values() if not f["equal"]], [], said)
        self.assertEqual(self.figure(figures, "events stored")["found"], REPORTS * 98 // 100)
        self.assertEqual(figures["退回 rejected"]["found"], REPORTS * 12 // 100)
        self.assertEqual(self.figure(figures, "withdrawn")["found"], REPORTS // 100)
        for part in ("minutes credited", "sessions", "athletes whose duty", "teams whose duty", "opinion flags", "two places", "signs X01", "signs X02", "signs X03", "signs X04"):
            self.assertGreater(self.figure(figures, part)["found"], 0, part)
        codes = {name.rsplit(" ", 1)[1] for name in figures if "rejected by" in name}
        self.assertLessEqual({"V01", "V02", "V03", "V04", "V05", "V06", "V08", "V11", "V12", "V16", "V18", "V20", "V22", "V23", "V25", "V29", "V31", "V37", "V38",
                              "V40"}, codes)

    def test_2_again_on_the_same_directory(self):
        code, _, said = self.up("--demo", "300", "--seed", "7")
        self.assertEqual(code, 0, said)
        self.assertIn("demonstration 2", said)

    def test_3_changed_rules_are_noticed(self):
        """Negative control: with another cap a day and another duty the counts must be off, and the exit code 1."""
        system = subprocess.Popen([LJCTL, "up", "--dir", self.dir, "--port", "0", "--once-ready"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            for line in system.stdout:
                if line == "READY\n":
                    break
            subprocess.run([LJCTL, "events", "submit", "--dir", self.dir], input=policy(2, day_cap_minutes=240, activity_cap_minutes=60), text=True,
                           check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE)
            r = subprocess.run([LJCTL, "demo", "300", "--dir", self.dir, "--output", "json"], capture_output=True, text=True, timeout=DEADLINE)
            figures = {x["figure"]: x for x in json.loads(r.stdout)}
            self.assertEqual(r.returncode, 1, r.stderr)
            self.assertFalse(self.figure(figures, "minutes credited")["equal"])
            self.assertFalse(self.figure(figures, "other totals")["equal"])
            self.assertTrue(self.figure(figures, "events stored")["equal"])
            self.assertIn("first total that differs", r.stderr)
        finally:
            system.send_signal(signal.SIGTERM)
            system.stdout.read()
            self.assertEqual(system.wait(DEADLINE), 0)

    def test_4_wrong_options(self):
        self.assertEqual(self.up()[0], 2)
        self.assertEqual(self.up("--demo", "5")[0], 2)


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(Demo))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
