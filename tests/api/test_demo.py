"""make demo's script, from a copy of the checkout in a folder with spaces: the main job's output, a second
start, two beside each other, a taken port, the end of everything.
"""

import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from saastest import BUILD, ROOT, Person, Places, wait_audit
from saastest.places import AS_ROOT, account, free_port, give, port_is_open

pytestmark = pytest.mark.long(30)
SHARES_NOTHING = True


class Checkout:
    """A copy of what the demo needs, and the demo's script in it, run by `user`."""

    def __init__(self, places, user=None, name="a check out"):
        self.user = user
        self.path = places.folder(name)
        for part in ("tools/demo", "tests/lib", "tests/sandbox", "sql", "conf/examples"):
            shutil.copytree(ROOT / part, self.path / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "npm"))
        for part in ("modules", "bin", "console"):
            shutil.copytree(BUILD / part, self.path / "build" / part)
        give(self.path, user)
        self.state = places.folder(name.replace(" ", "-") + "-state", user)

    def argv(self, *args):
        argv = [sys.executable, str(self.path / "tools/demo/demo.py"), *args, "--build", str(self.path / "build")]
        if self.user:
            argv = ["setpriv", "--reuid", self.user.pw_name, "--regid", str(self.user.pw_gid), "--clear-groups", "--", *argv]
        return argv

    def environment(self):
        return {"PATH": os.environ["PATH"], "SAAS_DEMO_STATE": str(self.state), "HOME": str(self.path)}

    def run(self, *args):
        return subprocess.run(self.argv(*args), capture_output=True, text=True, timeout=240, cwd=self.path, stdin=subprocess.DEVNULL,
                              env=self.environment())

    def start(self, db, port, *more):
        return self.run("start", "--db", db, "--port", str(port), *more)

    def env(self):
        """demo.env as a shell reads it."""
        done = subprocess.run(["sh", "-c", 'set -a; . "$1"; env', "sh", str(self.path / "build/demo/demo.env")], capture_output=True,
                              text=True, check=True, env={"PATH": os.environ["PATH"]})
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def processes_below(path):
    """Command lines of processes that have this folder in them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(path) in line and "demo.py" not in line:
                found.append(line)
    return found


@pytest.fixture
def checkout(databases):
    places = Places()
    made = []

    def make(user=None, name="a check out"):
        made.append(Checkout(places, user, name))
        return made[-1]

    yield make
    for each in made:
        each.run("stop")
        assert not processes_below(each.state)
    places.close()


def login(env, who):
    session = requests.Session()
    reply = session.post(env["BASE_URL"] + "/api/v1/auth/login/", json={"email": env[who + "_EMAIL"], "password": env[who + "_PASSWORD"]},
                         headers={"Origin": env["BASE_URL"]}, timeout=30)
    assert reply.status_code == 200, reply.text
    return session


# What an audit of the demo's own sites may take, from its start to its end as its row has them: what a visitor waits for who tries
# the product out. It takes a few tenths of a second; other work on the machine makes it longer and nothing makes it shorter, so the
# quickest of three is judged.
SECONDS = 5


def seconds(body):
    began, ended = (datetime.datetime.strptime(body[name], "%Y-%m-%dT%H:%M:%S.%fZ") for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def audited_by_somebody_new(base, said):
    """Registers, starts an audit of the demo's pages and of its lab, and has an answer to every check of both."""
    person = Person(base)
    targets = [base + "/", re.search(r"audit (https://127\.0\.0\.1:\d+/)", said)[1]]
    checks = [check["name"] for check in person.ok("GET", "audits/checks/?engine=web&page_size=200")["results"]]
    assert len(checks) == len(set(checks)) > 40
    took = []
    while not took or min(took) >= SECONDS and len(took) < 3:
        body = wait_audit(person, person.ok("POST", "audits/start/", {"targets": targets})["id"], 120)
        assert body["status"] == "completed", body
        took.append(seconds(body))
        rows, url = [], f"audits/{body['id']}/evidence/?page_size=200"
        while url:
            page = person.ok("GET", url)
            rows, url = rows + page["results"], page["next"]
        for target in targets:
            assert [row["check_name"] for row in rows if row["resource_id"] == target] == checks
        assert len(rows) == len(targets) * len(checks) == body["evidence_count"]
        # Nothing was out of reach, and what could not be told says why.
        assert {row["status"] for row in rows} == {"PASS", "FAIL", "MANUAL"} and all(row["comment"] for row in rows)
        assert body["score"] is not None and body["score_details"]["grade"]
    print(f"\nan audit of the demo's own sites: {min(took):.2f} s, {len(checks)} checks of each")
    assert min(took) < SECONDS, took


@pytest.mark.parametrize("unprivileged", [False, True], ids=["as we are", "unprivileged"])
def test_the_demo_shows_the_main_job(checkout, db_kind, unprivileged):
    if unprivileged and not AS_ROOT:
        pytest.skip("already unprivileged")
    place = checkout(account("nobody") if unprivileged else None)
    port = free_port()
    done = place.start(db_kind, port)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Upgrade to Premium to export data", "Resource ID,Check Name,Status,Severity,Timestamp,Comment", "subscription: active", "bytes"):
        assert words in done.stdout, done.stdout
    env = place.env()
    assert env["BASE_URL"] == f"http://127.0.0.1:{port}" and env["STRIPE_SANDBOX_URL"] and env["WEBHOOK_SECRET"].startswith("whsec_")
    free, admin = login(env, "FREE"), login(env, "ADMIN")
    assert free.get(env["BASE_URL"] + "/premium/", timeout=30).status_code == 403
    assert admin.get(env["BASE_URL"] + "/premium/", timeout=30).status_code == 200
    assert "<title>mod_saas demo</title>" in admin.get(env["BASE_URL"] + "/app/o/premium-works/", timeout=30).text
    assert env["ADMIN_EMAIL"] in admin.get(env["BASE_URL"] + "/reports/", timeout=30).text
    # The console is where a browser comes to, and where what is gated sends one.
    front = requests.get(env["BASE_URL"] + "/", timeout=30)
    assert f"{env['BASE_URL']}/app/" in done.stdout and front.url == env["BASE_URL"] + "/app/" and "<title>mod_saas demo</title>" in front.text
    browser = {"Accept": "text/html"}
    asked = requests.get(env["BASE_URL"] + "/premium/", headers=browser, timeout=30, allow_redirects=False)
    assert asked.status_code == 302 and "/app/login?next=" in asked.headers["Location"]
    refused = free.get(env["BASE_URL"] + "/premium/", headers=browser, timeout=30)
    assert refused.status_code == 403 and "/app/billing" in refused.text
    audited_by_somebody_new(env["BASE_URL"], done.stdout)

    again = place.start(db_kind, port)
    assert again.returncode == 0, again.stdout + again.stderr
    login(place.env(), "ADMIN")

    stopped = place.run("stop")
    assert stopped.returncode == 0 and not port_is_open(port)
    assert not processes_below(place.state) and not (place.path / "build/demo/demo.env").exists()
    assert place.run("stop").returncode == 0


class Browser(threading.Thread):
    """Somebody who comes again and again, on a new connection each time; what came of it."""

    def __init__(self, url, session):
        super().__init__(daemon=True)
        self.url, self.cookies, self.seen, self.going = url, session.cookies.get_dict(), [], True

    def run(self):
        while self.going:
            try:
                self.seen.append(requests.get(self.url, cookies=self.cookies, timeout=30, headers={"Connection": "close"}).status_code)
            except requests.RequestException as failure:
                self.seen.append(repr(failure))

    def sees(self, more):
        end, begun = time.monotonic() + 60, len(self.seen)
        while len(self.seen) < begun + more:
            assert time.monotonic() < end, self.seen[-5:]
            time.sleep(0.01)


@pytest.mark.only_db("pgsql")
def test_three_nodes_behind_haproxy(checkout, db_kind):
    """One is killed, one restarted, one stopped in order: nobody who comes by HAProxy notices."""
    place = checkout()
    port = free_port()
    done = place.start(db_kind, port, "--nodes", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    env = place.env()
    assert env["BASE_URL"] == f"http://127.0.0.1:{port}"
    admin = login(env, "ADMIN")
    state = place.state / f"mod_saas-{os.geteuid()}-{hashlib.sha256(str(place.path).encode()).hexdigest()[:10]}" / str(port)
    pids = {name: pid for name, (pid, _) in json.loads((state / "processes.json").read_text()).items()}
    assert {"httpd", "httpd2", "httpd3", "haproxy"} <= set(pids)
    visitors = [Browser(env["BASE_URL"] + path, admin) for path in ("/premium/", "/api/v1/audits/", "/reports/")]
    for visitor in visitors:
        visitor.start()
    try:
        visitors[0].sees(30)
        for pid in [*children(pids["httpd2"]), pids["httpd2"]]:
            os.kill(pid, signal.SIGKILL)
        visitors[0].sees(60)
        os.kill(pids["httpd3"], signal.SIGUSR1)     # graceful
        visitors[1].sees(60)
        os.kill(pids["httpd3"], signal.SIGWINCH)    # graceful-stop
        visitors[2].sees(60)
    finally:
        for visitor in visitors:
            visitor.going = False
        for visitor in visitors:
            visitor.join(60)
    for visitor in visitors:
        assert set(visitor.seen) == {200} and len(visitor.seen) > 60, (visitor.url, [what for what in visitor.seen if what != 200][:5])
    stopped = place.run("stop")
    assert stopped.returncode == 0 and not processes_below(place.state) and not port_is_open(port)


def children(pid):
    return [int(line) for line in subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()]


@pytest.mark.only_db("sqlite")
def test_several_nodes_need_a_database_that_they_share(checkout, db_kind):
    done = checkout().start("sqlite", free_port(), "--nodes", "3")
    assert done.returncode != 0 and "DB=pgsql" in done.stderr


@pytest.mark.only_db("sqlite")
def test_without_the_console_the_rest_is_there(checkout, db_kind):
    """As on a machine without npm."""
    place = checkout()
    shutil.rmtree(place.path / "build/console")
    done = place.start(db_kind, free_port())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the console was not built, for want of npm" in done.stdout and "/app/" not in done.stdout
    base = place.env()["BASE_URL"]
    front = requests.get(base + "/", timeout=30)
    assert front.url == base + "/" and "for want of npm" in front.text and requests.get(base + "/app/", timeout=30).status_code == 404


@pytest.mark.only_db("sqlite")
def test_it_runs_under_a_debugger(checkout, db_kind):
    """make debug: one process, stopped where gdb was told, with names and lines; when gdb ends, all ends."""
    place, port = checkout(), free_port()
    gdb = "gdb -q -batch -nx -ex 'break saas_router_serve' -ex run -ex bt"
    process = subprocess.Popen(place.argv("debug", "--db", db_kind, "--port", str(port), "--gdb", gdb), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, cwd=place.path, env=place.environment())
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "httpd -X under gdb" in line:
                break
        until = time.monotonic() + 60
        while not port_is_open(port) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.2)
        with pytest.raises(requests.exceptions.ConnectionError):  # it is stopped there, and then ended
            requests.get(f"http://127.0.0.1:{port}/api/v1/auth/me/", timeout=60)
        said += process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 0 and "hit Breakpoint 1, saas_router_serve" in said, said
    assert "mod_saas/api/router.c:" in said and "the debugger has ended" in said, said
    assert not port_is_open(port) and not processes_below(place.state)


@pytest.mark.only_db("sqlite")
def test_without_a_debugger_it_says_so(checkout, db_kind):
    done = checkout().run("debug", "--db", db_kind, "--port", str(free_port()), "--gdb", "no-such-debugger -q")
    assert done.returncode == 1 and "no-such-debugger" in done.stderr and "apt-get install gdb" in done.stderr


@pytest.mark.only_db("sqlite")
def test_two_stand_beside_each_other(checkout, db_kind):
    first, second = checkout(name="one"), checkout(name="the other")
    ports = free_port(), free_port()
    assert first.start(db_kind, ports[0]).returncode == 0
    assert second.start(db_kind, ports[1]).returncode == 0
    assert first.run("stop").returncode == 0
    assert not port_is_open(ports[0]) and port_is_open(ports[1])
    login(second.env(), "FREE")


@pytest.mark.only_db("sqlite")
def test_a_taken_port_is_named(checkout, db_kind):
    place = checkout()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        done = place.start(db_kind, port)
    assert done.returncode == 1 and str(port) in done.stderr and "PORT=" in done.stderr
    assert "Traceback" not in done.stderr and not processes_below(place.state)


@pytest.mark.only_db("sqlite")
def test_a_planted_link_is_refused(checkout, db_kind, tmp_path):
    place = checkout()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    key = hashlib.sha256(str(place.path).encode()).hexdigest()[:10]
    os.symlink(victim, place.state / f"mod_saas-{os.geteuid()}-{key}")
    done = place.start(db_kind, free_port())
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert (victim / "precious").exists() and os.listdir(victim) == ["precious"]
    os.unlink(place.state / f"mod_saas-{os.geteuid()}-{key}")
