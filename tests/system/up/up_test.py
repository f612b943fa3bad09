"""The life of a system under `ljctl up`, from outside: start, two at once, what runs as whom, deaths of every process, a killed
supervisor, stop, start again; and directories that cannot work.

Each test starts from the running system that setUpClass made (one cluster for all: making one costs seconds) and leaves it running.
Nothing sleeps for a fixed time: conditions are waited for, with a deadline. Standard library, and tests/lib/lj.py where the broker is asked by hand.
"""
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from lj import Peer  # noqa: E402

BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build/release"
LJCTL = os.path.join(BUILD, "ctl", "ljctl")
DEADLINE = 120  # seconds; a machine under load is slow, a hanging program is not finished by then either


def wait_for(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class System:
    """One `ljctl up` and the commands on its directory."""

    def __init__(self, directory):
        self.dir = directory
        self.process = None
        self.out = None

    def close(self):
        if self.out:
            self.out.close()
            self.out = None

    def start(self, *options):
        self.close()
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([LJCTL, "up", "--dir", self.dir, "--port", "0", "--once-ready", *options], stdout=self.out,
                                        stderr=self.out, stdin=subprocess.DEVNULL)
        return self

    def text(self):
        self.out.seek(0)
        return self.out.read()

    def ready(self):
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"ljctl up ended with {self.process.returncode}:\n{self.text()}")
            return "\nREADY\n" in self.text()
        wait_for("READY", look)
        return self

    def ctl(self, *words, code=0, text=None):
        r = subprocess.run([LJCTL, *words, "--dir", self.dir], capture_output=True, text=True, input=text, timeout=DEADLINE)
        if code is not None and r.returncode != code:
            raise AssertionError(f"ljctl {words} ended with {r.returncode}, not {code}:\n{r.stdout}{r.stderr}")
        return r

    def status(self, code=0):
        return json.loads(self.ctl("status", "--output", "json", code=code).stdout)

    def processes(self):
        with open(os.path.join(self.dir, "processes.json")) as f:
            return {p["name"]: p["pid"] for p in json.load(f)["processes"]}

    def port(self):
        with open(os.path.join(self.dir, "processes.json")) as f:
            return json.load(f)["port"]

    def secret(self, name):
        with open(os.path.join(self.dir, "secret", name)) as f:
            return f.read().strip()

    def get(self, path, token=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        c.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, body

    def healthy(self):
        r = self.ctl("status", "--output", "json", code=None)
        if r.returncode != 0:
            return False
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            return self.process.wait(DEADLINE)
        return None


def fresh_folder():
    """A folder that the service user may enter, as a product's would be."""
    path = tempfile.mkdtemp(prefix="lj-up-")
    os.chmod(path, 0o755)
    return path


FIRST_UNIT = ('{"id":"018e85ca-2000-7000-8000-000000000001","type":"unit.registered","unit":"CN000",'
              '"occurred_at":"2024-03-29T00:00:00+08:00","payload":{"code":"PS001","name":"重庆体育局","kind":"PROVINCE","region":"500000"}}')


class Up(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = fresh_folder()
        cls.s = System(os.path.join(cls.base, "var")).start().ready()

    @classmethod
    def tearDownClass(cls):
        cls.s.stop()
        cls.s.close()
        shutil.rmtree(cls.base, ignore_errors=True)

    def test_10_processes_and_status(self):
        st = self.s.status()
        names = {p["name"]: p["pid"] for p in st["processes"]}
        self.assertEqual(names["supervisor"], self.s.process.pid)
        for name in ("postmaster", "broker", "gateway", "worker-register-1", "worker-validation-1"):
            self.assertTrue(alive(names[name]), name)
        self.assertTrue(os.readlink(f"/proc/{names['postmaster']}/exe").endswith("/postgres"))
        self.assertTrue(st["broker"] and st["supervisor"])
        self.assertGreaterEqual(st["frontier"], 52)
        self.assertIn("register", [k["name"] for k in st["kinds"]])
        table = self.s.ctl("status").stdout
        for word in ("frontier", "intake", "KIND", "PEER", "processes", "register"):
            self.assertIn(word, table)

    def test_11_everything_runs_as_the_service_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root starts others")
        wanted = pwd.getpwnam("liangjin").pw_uid
        for name, pid in self.s.processes().items():
            if name != "supervisor":
                with open(f"/proc/{pid}/status") as f:
                    fields = dict(line.split(":", 1) for line in f if ":" in line)
                self.assertEqual(set(fields["Uid"].split()), {str(wanted)}, name)
                self.assertEqual(fields["Groups"].split(), [str(pwd.getpwnam("liangjin").pw_gid)], name)
                self.assertEqual(int(fields["CapEff"], 16), 0, name)

    def test_12_what_others_may_read(self):
        for name in ("admin.token", "unit.token", "observer.token"):
            mode = os.stat(os.path.join(self.s.dir, "secret", name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600)
        for folder, mode in (("secret", 0o700), ("run", 0o700), ("pg", 0o700)):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.s.dir, folder)).st_mode), mode, folder)
        secrets = {self.s.secret(n) for n in ("admin.token", "unit.token", "observer.token")}
        self.assertEqual(len(secrets), 3)
        for log in os.listdir(os.path.join(self.s.dir, "log")):
            with open(os.path.join(self.s.dir, "log", log), errors="replace") as f:
                text = f.read()
            for secret in secrets:
                self.assertNotIn(secret, text, log)

    def test_13_database_is_reached_by_its_socket_only(self):
        pid = self.s.processes()["postmaster"]
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table) as f:
                for line in list(f)[1:]:
                    self.assertNotIn(f"socket:[{line.split()[9]}]", inodes)

    def test_14_doctor_finds_nothing_broken(self):
        checks = {c["check"]: c for c in json.loads(self.s.ctl("doctor", "--output", "json").stdout)}
        for name in ("database", "durability", "migrations", "broker", "sockets", "permissions", "supervisor"):
            self.assertEqual(checks[name]["result"], "ok", checks[name])

    def test_20_second_start_is_refused(self):
        r = subprocess.run([LJCTL, "up", "--dir", self.s.dir, "--port", "0"], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(r.returncode, 3)
        self.assertIn(f"pid {self.s.process.pid}", r.stderr)
        self.assertTrue(self.s.healthy())

    def test_21_units_of_the_register_are_the_letters(self):
        register = self.s.ctl("units", "--output", "csv")
        self.assertIn("register in the database", register.stderr)
        self.assertEqual(register.stdout, self.s.ctl("units", "--embedded", "--output", "csv").stdout)
        self.assertEqual(len(register.stdout.splitlines()), 52)

    def test_22_submit_and_show(self):
        again = json.loads(self.s.ctl("events", "submit", "--output", "json", text=FIRST_UNIT).stdout)
        self.assertEqual([r["result"] for r in again], ["stored before"])
        other = FIRST_UNIT.replace("重庆体育局", "另一个名字")
        r = self.s.ctl("events", "submit", "--output", "json", text=other, code=3)
        self.assertEqual(json.loads(r.stdout)[0]["code"], "id_conflict")
        r = self.s.ctl("events", "submit", "--output", "json", text='{"type":"activity.rejected","unit":"PS001","payload":{}}', code=3)
        self.assertEqual(json.loads(r.stdout)[0]["code"], "type_forbidden")
        r = self.s.ctl("events", "submit", "--output", "json", text='{"type":"x"}\n\n[]\n{"a":1}\n', code=3)
        self.assertEqual([a["line"] for a in json.loads(r.stdout)], [1, 2, 3])
        shown = json.loads(self.s.ctl("events", "show", again[0]["id"], "--output", "json").stdout)
        self.assertEqual(shown["position"], again[0]["position"])
        self.assertEqual(shown["payload"]["code"], "PS001")
        self.assertEqual([(k["kind"], k["state"], k["verdict"]) for k in shown["kinds"]], [("register", "closed", 1)])
        self.s.ctl("events", "show", "018e85ca-2000-7000-8000-00000000ffff", code=3)
        tail = [json.loads(line) for line in self.s.ctl("events", "tail", "--from", "start", "--output", "json").stdout.splitlines()]
        positions = [e["position"] for e in tail]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertIn("policy.set", {e["type"] for e in tail})

    def test_23_tokens(self):
        made = json.loads(self.s.ctl("token", "create", "t23", "--unit", "PS001", "--output", "json").stdout)[0]
        self.assertEqual(len(made["token"]), 47)
        wait_for("the new token is known", lambda: self.s.get("/v1/events/018e85ca-2000-7000-8000-00000000ffff", made["token"])[0] == 404)
        self.s.ctl("token", "create", "t23", "--unit", "PS001", code=3)
        self.assertIn("t23", self.s.ctl("token", "ls").stdout)
        self.s.ctl("token", "revoke", "t23", code=3)  # not without --yes
        self.s.ctl("token", "revoke", "t23", "--yes")
        wait_for("the ended token is refused", lambda: self.s.get("/v1/events/018e85ca-2000-7000-8000-00000000ffff", made["token"])[0] == 401)
        self.assertNotIn("t23", self.s.ctl("token", "ls").stdout)
        path = os.path.join(self.base, "t23.token")
        self.s.ctl("token", "create", "t23b", "--unit", "CN000", "--file", path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.s.ctl("token", "create", "t23c", "--unit", "CN000", "--file", path, code=3)  # never written over

    def post(self, path, body, cookie=None):
        """(status, cookie, answer) of a request as a page of this server makes it."""
        c = http.client.HTTPConnection("127.0.0.1", self.s.port(), timeout=30)
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        if cookie:
            headers["Cookie"] = cookie
        c.request("POST", path, json.dumps(body), headers)
        r = c.getresponse()
        answer = r.read()
        set_cookie = r.getheader("Set-Cookie")
        c.close()
        return r.status, set_cookie.split(";")[0] if set_cookie else None, json.loads(answer) if answer else {}

    def test_23p_persons_log_in_and_the_last_administrator_stays(self):
        """edge case 30, and a person's account from the invitation to the hand-over"""
        password = {}
        for login, roles in (("p_anna", "UNIT_ADMIN,UNIT_LEADER"), ("p_bertha", "UNIT_ADMIN")):
            self.s.ctl("account", "create", login, roles, "--unit", "PS001", code=2)  # a person has a name
            password[login] = json.loads(self.s.ctl("account", "create", login, roles, "--unit", "PS001", "--name", "Zhang", "--output", "json").stdout)[0]["password"]
        self.s.ctl("account", "create", "p_carla", "POLICY_ADMIN", "--unit", "PS001", "--name", "Li", code=3)  # not a unit's role
        status, cookie, me = self.post("/v1/login", {"login": "p_anna", "password": password["p_anna"]})
        self.assertEqual((status, me["role"], me["unit"]), (200, "UNIT_ADMIN,UNIT_LEADER", "PS001"))
        event = {"type": "person.registered", "unit": "PS001", "payload": {"code": "P23", "name": "王·五", "sex": "F", "birth_year": 2000}}
        status, _, sent = self.post("/v1/events", event, cookie)
        self.assertEqual(status, 202)
        self.assertEqual(self.post("/v1/events", dict(event, type="policy.set"), cookie)[0], 403)
        self.assertEqual(self.post("/v1/events", dict(event, unit="PS002"), cookie)[0], 403)
        shown = json.loads(self.s.ctl("events", "show", sent["id"], "--output", "json").stdout)
        self.assertEqual(shown["source"], "p_anna:UNIT_ADMIN@PS001")
        # five wrong passwords lock the other one, from wherever they come
        for _ in range(5):
            self.assertEqual(self.post("/v1/login", {"login": "p_bertha", "password": "not this password"})[0], 401)
        states = lambda: {a["login"]: a["state"] for a in json.loads(self.s.ctl("account", "ls", "--output", "json").stdout)}
        wait_for("the account is locked", lambda: states()["p_bertha"] == "LOCKED")
        self.s.ctl("account", "disable", "p_anna", "--yes", "--reason", "moved", "--handover", "p_bertha", code=3)  # the last active one
        self.s.ctl("account", "unlock", "p_bertha")
        self.s.ctl("account", "disable", "p_anna", "--yes", code=2)  # no reason
        self.s.ctl("account", "disable", "p_anna", "--yes", "--reason", "moved", "--handover", "p_bertha")
        wait_for("her login ends", lambda: self.post("/v1/events", event, cookie)[0] == 401)
        self.s.ctl("account", "disable", "p_bertha", "--yes", "--reason", "moved", code=3)  # edge case 30
        self.assertEqual((states()["p_anna"], states()["p_bertha"]), ("DISABLED", "ACTIVE"))
        self.s.ctl("account", "activate", "p_anna")
        self.assertEqual(self.post("/v1/login", {"login": "p_anna", "password": password["p_anna"]})[0], 200)

    def test_23q_a_policy_takes_two_persons(self):
        path = os.path.join(self.base, "setting.json")
        with open(path, "w") as f:
            json.dump({"rule": "V14", "name": "visits", "values": ["5"]}, f)
        self.s.ctl("policy", "propose", "RS1", path, code=2)  # nobody
        self.s.ctl("policy", "propose", "RS1", path, "--as", "zhang_li")
        self.s.ctl("policy", "approve", "RS1", "--as", "zhang_li", code=3)  # the same person
        rules = lambda: {(r["rule"], r["name"]): r["value"] for r in json.loads(self.s.ctl("policy", "show", "rules", "--output", "json").stdout)}
        self.assertEqual(rules()["V14", "visits"], "4")
        self.s.ctl("policy", "approve", "RS1", "--as", "wang_wu")
        self.assertEqual(rules()["V14", "visits"], "5")
        proposals = json.loads(self.s.ctl("policy", "show", "proposals", "--output", "json").stdout)
        self.assertEqual([(p["code"], p["state"], p["author"], p["approver"]) for p in proposals], [("RS1", "APPROVED", "zhang_li", "wang_wu")])
        policies = json.loads(self.s.ctl("policy", "show", "--output", "json").stdout)
        self.assertEqual((policies[0]["scope"], policies[0]["minutes"]), ("NATION", 360))

    def test_24_pause_and_resume(self):
        def state():
            return {k["name"]: k["state"] for k in self.s.status()["kinds"]}["validation"]
        self.s.ctl("pause", "validation")
        self.assertEqual(state(), "paused")
        self.s.ctl("resume", "validation")
        self.assertEqual(state(), "running")
        self.s.ctl("pause", "nonsense", code=3)

    def test_25_drain_waits_and_pauses(self):
        self.s.ctl("drain", code=3)  # all of them: not without --yes
        self.s.ctl("drain", "validation")
        states = {k["name"]: k["state"] for k in self.s.status()["kinds"]}
        self.assertEqual((states["validation"], states["register"]), ("paused", "running"))
        self.s.ctl("resume", "validation")
        self.assertIn('did you mean "register"?', self.s.ctl("drain", "registre", code=3).stderr)
        states = {k["name"]: k["state"] for k in self.s.status()["kinds"]}
        self.assertEqual(set(states.values()), {"running"})
        for kind in ("registre", "", 7):  # named but none: it must not mean all
            with Peer(f"ipc://{self.s.dir}/run/admin.sock", "test", role=3, hello=False) as peer:
                answer = peer.admin("drain", kind=kind)
            self.assertEqual((answer["ok"], answer["code"]), (False, "not_found"))
        states = {k["name"]: k["state"] for k in self.s.status()["kinds"]}
        self.assertEqual(set(states.values()), {"running"})

    def test_26_parked(self):
        self.assertIn("nothing is parked", self.s.ctl("parked", "ls").stderr)
        dsn = f"host={self.s.dir}/run dbname=liangjin user=postgres"
        subprocess.run(["psql", "-Xq", "-o", "/dev/null", "-d", dsn, "-c", "select liangjin.park(2::int2, '{1,2,3}', '{0,0,0}', 5::int2, false,"
                        " 'internal', E'bad \\u001b[31m thing 17', 'w', '1', now())"], check=True)
        rows = json.loads(self.s.ctl("parked", "ls", "--output", "json").stdout)
        self.assertEqual({(r["kind"], r["position"], r["state"]) for r in rows}, {("validation", n, "parked") for n in (1, 2, 3)})
        self.assertNotIn("\x1b", self.s.ctl("parked", "ls").stdout + self.s.ctl("parked", "show", "validation", "1").stdout)
        print_of = rows[0]["fingerprint"]
        preview = self.s.ctl("parked", "redrive", "--kind", "validation", "--fingerprint", print_of, "--dry-run")
        self.assertIn("3 event(s) would be touched", preview.stderr)
        self.assertEqual(len(json.loads(self.s.ctl("parked", "ls", "--output", "json").stdout)), 3)
        self.s.ctl("parked", "drop", "--kind", "validation", "1", "--reason", "test", code=3)  # not without --yes
        self.s.ctl("parked", "drop", "--kind", "validation", "1", "2", "3", "--reason", "test", "--yes")
        self.s.ctl("parked", "drop", "--kind", "validation", "1", "--reason", "test", "--yes", code=3)  # nothing there any more
        self.assertEqual(json.loads(self.s.ctl("parked", "ls", "--output", "json").stdout), [])
        kept = json.loads(self.s.ctl("parked", "ls", "--all", "--output", "json").stdout)
        self.assertEqual({(r["state"], r["reason"]) for r in kept}, {("dropped", "test")})

        def told():  # the operator's event follows the answer
            return self.s.ctl("events", "tail", "--type", "operator.parked_dropped", "--output", "json").stdout.splitlines()
        self.assertEqual(len(wait_for("the event of the drop", told)), 1)

    def test_27_check(self):
        r = self.s.ctl("check")
        self.assertRegex(r.stdout, r"^LIANGJIN OK - .* \| .*backlog_age=")
        self.s.ctl("pause", "opinion")
        self.assertIn("WARNING", self.s.ctl("check", code=1).stdout)
        self.s.ctl("resume", "opinion")
        broker = self.s.processes()["broker"]
        os.kill(broker, signal.SIGSTOP)
        try:
            self.assertIn("CRITICAL", self.s.ctl("check", code=2).stdout)
        finally:
            os.kill(broker, signal.SIGCONT)
        r = subprocess.run([LJCTL, "check", "--dir", "/nonexistent"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 3)
        wait_for("the broker again", self.s.healthy)

    def test_28_mail_and_quota(self):
        sent = json.loads(self.s.ctl("mail", "broadcast", "-", "--title", "关于年底填报的通知", "--to", "PS001,NO041", "--needs", "SIGN", "--due", "5",
                                     "--id", "018e85ca-2000-7000-8000-00000000b001", "--yes", "--output", "json", text="请核对。\n").stdout)[0]
        again = self.s.ctl("mail", "broadcast", "-", "--title", "关于年底填报的通知", "--to", "PS001,NO041", "--needs", "SIGN", "--due", "5",
                           "--id", "018e85ca-2000-7000-8000-00000000b001", "--yes", "--output", "json", text="请核对。\n")
        self.assertEqual(json.loads(again.stdout)[0]["result"], "stored before")

        def letters():
            return [m for m in json.loads(self.s.ctl("mail", "ls", "--output", "json").stdout) if m["number"] == sent["position"]]
        rows = wait_for("the mail is there", letters)
        self.assertEqual({r["unit"] for r in rows}, {"PS001", "NO041"})
        self.assertEqual({(r["template"], r["needs"], r["state"]) for r in rows}, {("N03", "SIGN", "DELIVERED")})
        shown = self.s.ctl("mail", "show", str(rows[0]["number"])).stdout
        self.assertIn("请核对。", shown)
        self.assertIn("NO041", shown)
        self.s.ctl("mail", "show", "999999999", code=3)
        self.s.ctl("mail", "broadcast", "-", "--title", "x", code=3, text="y")  # not without --yes
        self.assertIn("agree", self.s.ctl("quota", "diff").stderr)
        self.s.ctl("quota", "recompute")

    def test_29_opinion_explain_needs_no_system(self):
        r = subprocess.run([LJCTL, "opinion", "explain", "--output", "json", "活动中一名学生摔倒骨折,被送往医院治疗。"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(any(x["kind"] == "injury" and x["counts"] for x in json.loads(r.stdout)))
        marked = subprocess.run([LJCTL, "opinion", "explain", "没有学生受伤"], capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(marked[0].strip(), "没有学生受伤")
        self.assertIn("-", marked[1])
        self.assertNotIn("^", marked[1])

    def test_29_opinion_bundle_is_taken_up(self):
        with open(os.path.join(self.s.dir, "log", "worker-opinion-1.log")) as log:
            self.assertIn("opinion.bundle_awaited", log.read())
            place = os.path.join(self.s.dir, "opinion.bundle")
            bundle = os.path.join(BUILD, "workers/opinion/opinion.bundle")
            shutil.copyfile(bundle, place + ".new")
            os.chmod(place + ".new", 0o644)
            os.rename(place + ".new", place)
            os.kill(self.s.processes()["worker-opinion-1"], signal.SIGHUP)
            said = []

            def taken():
                said.append(log.read())
                return f'opinion.bundle path="{place}"' in "".join(said)
            wait_for("the bundle in use", taken)

    def test_30_every_process_comes_back(self):
        for name in ("worker-validation-1", "gateway", "broker", "postmaster"):
            old = self.s.processes()[name]
            os.kill(old, signal.SIGKILL)
            wait_for(f"{name} again", lambda: self.s.processes().get(name, old) != old)
            wait_for(f"health after {name}", self.s.healthy)
            wait_for("stored before", lambda: json.loads(self.s.ctl("events", "submit", "--output", "json", text=FIRST_UNIT,
                                                                    code=None).stdout)[0]["result"] == "stored before")

    def test_31_status_without_the_broker(self):
        broker = self.s.processes()["broker"]
        os.kill(broker, signal.SIGSTOP)
        try:
            r = self.s.ctl("status", "--output", "json", code=4)
            st = json.loads(r.stdout)
            self.assertFalse(st["broker"])
            self.assertIn("broker does not answer", r.stderr)
            self.assertGreaterEqual(st["frontier"], 52)  # from the database
            self.assertIn("postmaster", [p["name"] for p in st["processes"]])
        finally:
            os.kill(broker, signal.SIGCONT)
        wait_for("health", self.s.healthy)

    def test_40_no_child_outlives_a_killed_supervisor(self):
        before = self.s.processes()
        self.s.process.kill()
        self.s.process.wait()
        self.s.start()  # at once: a PostgreSQL that still shuts down is waited for
        for name, pid in before.items():
            wait_for(f"the end of {name}", lambda pid=pid: not alive(pid) or pid == self.s.process.pid)
        self.s.ready()
        self.assertEqual(json.loads(self.s.ctl("events", "submit", "--output", "json", text=FIRST_UNIT).stdout)[0]["result"], "stored before")

    def test_50_stop_and_start_again(self):
        first = json.loads(self.s.ctl("events", "submit", "--output", "json", text=FIRST_UNIT).stdout)[0]
        secret = self.s.secret("admin.token")
        before = self.s.processes()
        self.assertEqual(self.s.stop(), 0, self.s.text())
        for name, pid in before.items():
            self.assertFalse(alive(pid), name)
        with open(os.path.join(self.s.dir, "log", "postmaster.log"), errors="replace") as f:
            self.assertIn("database system is shut down", f.read()[-2000:])
        self.assertEqual(self.s.status(code=4)["processes"], [])
        self.s.start().ready()
        again = json.loads(self.s.ctl("events", "submit", "--output", "json", text=FIRST_UNIT).stdout)[0]
        self.assertEqual((again["id"], again["position"]), (first["id"], first["position"]))
        self.assertEqual(self.s.secret("admin.token"), secret)
        self.assertEqual(self.s.get("/v1/events/" + first["id"], secret)[0], 200)
        self.assertEqual(self.s.stop(signal.SIGINT), 0, self.s.text())
        self.s.start().ready()


class Places(unittest.TestCase):
    def setUp(self):
        self.base = fresh_folder()

    def tearDown(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def test_folder_in_the_way_is_named(self):
        if os.geteuid() != 0:
            self.skipTest("root's folders only")
        closed = os.path.join(self.base, "closed")
        os.mkdir(closed, 0o700)
        r = subprocess.run([LJCTL, "up", "--dir", os.path.join(closed, "a", "var")], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(r.returncode, 3, r.stderr)
        self.assertIn(f"may not enter {closed}:", r.stderr)
        self.assertEqual(os.listdir(closed), [])

    def test_long_directory_gets_short_sockets(self):
        long_dir = os.path.join(self.base, "d" * 60, "e" * 60)
        s = System(long_dir).start("--workers", "2").ready()
        try:
            with open(os.path.join(long_dir, "run-path")) as f:
                run = f.read().strip()
            self.assertLess(len(run), 60)
            self.assertEqual(stat.S_IMODE(os.stat(run).st_mode), 0o700)
            names = s.processes()
            self.assertIn("worker-validation-2", names)
            wait_for("health", s.healthy)
        finally:
            self.assertEqual(s.stop(), 0, s.text())
            s.close()
            shutil.rmtree(run, ignore_errors=True)

    def test_taken_port_is_told(self):
        holder = socket.socket()
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        try:
            r = subprocess.run([LJCTL, "up", "--dir", os.path.join(self.base, "var"), "--listen", f"127.0.0.1:{port}"], capture_output=True,
                               text=True, timeout=DEADLINE)
            self.assertEqual(r.returncode, 1, r.stderr)
            self.assertIn("gateway.log", r.stderr)
        finally:
            holder.close()


class Manual(unittest.TestCase):
    def test_every_log_id_is_in_the_manual(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
        with open(os.path.join(root, "docs", "operations.md")) as f:
            known = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", f.read()))
        used = {}
        for folder in ("broker", "gateway", "workers", "common"):
            for path, _, names in os.walk(os.path.join(root, folder)):
                for name in names:
                    if name.endswith(".c") and "template" not in path:
                        with open(os.path.join(path, name)) as f:
                            text = f.read()
                        for found in re.findall(r'lj_log\(\s*LJ_(?:INFO|WARN|ERROR),\s*"([a-z_.]+)"', text):
                            used[found] = os.path.join(folder, name)
                        for found in re.findall(r'broker_fail\(\w+, \d, "([a-z_.]+)"', text):
                            used[found] = os.path.join(folder, name)
        self.assertGreater(len(used), 30)
        self.assertEqual({i: f for i, f in used.items() if i not in known}, {}, "log ids that docs/operations.md does not explain")


class Notify(unittest.TestCase):
    def test_readiness_is_told_once_and_by_the_supervisor_only(self):
        base = fresh_folder()
        name = os.path.join(base, "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(name)
        os.chmod(name, 0o777)
        listener.setblocking(False)
        os.environ["NOTIFY_SOCKET"] = name
        try:
            s = System(os.path.join(base, "var")).start()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        s.ready()
        self.assertEqual(s.stop(), 0, s.text())
        s.close()
        told = []
        while True:
            try:
                told.append(listener.recv(1000).decode())
            except BlockingIOError:
                break
        listener.close()
        shutil.rmtree(base, ignore_errors=True)
        self.assertEqual(told, ["READY=1", "STOPPING=1"])


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2, failfast=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed")
    sys.exit(1 if bad else 0)
