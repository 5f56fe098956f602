"""Starts and stops the demo: httpd with every plugin, the Stripe sandbox, with DB=pgsql a private PostgreSQL,
and puts the main job through them once over HTTP. State is kept in a folder of /var/tmp that httpd's and
PostgreSQL's users can enter, also when the checkout is below a home that only its owner may enter; several
checkouts and ports live beside each other. With --nodes several httpds stand behind HAProxy, on one PostgreSQL. Only processes that this script started are ever ended.
"""

import argparse
import hashlib
import json
import os
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

CONF = """
SaasMailRelay "smtp://127.0.0.1:{smtp}"
SaasMailFrom noreply@demo.example
SaasProductName "mod_saas demo"
{console}
<Location "/premium">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    {refused}
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/reports">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasIdentityHeaders On
    {refused}
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
    ProxyPass "http://127.0.0.1:{backend}" retry=0
</Location>
"""

# A site to audit: some headers right, some wrong on purpose. Of several nodes one has it.
LAB = """
Listen 127.0.0.1:{lab}
SSLSessionCache "shmcb:{state}/httpd/run/tls(65536)"
<VirtualHost 127.0.0.1:{lab}>
    ServerName 127.0.0.1
    DocumentRoot "{{docs}}/lab"
    SSLEngine On
    SSLCertificateFile "{state}/lab.pem"
    SSLCertificateKeyFile "{state}/lab.key"
    Header always set Strict-Transport-Security "max-age=86400"
    Header always set X-Content-Type-Options nosniff
    Header always set Content-Security-Policy "default-src 'self'; script-src 'self' 'unsafe-inline'"
    Header always set Set-Cookie "sessionid=demo; Path=/"
</VirtualHost>
"""

# A node of several: its name in the leases of background work, and HAProxy's word for who the client is.
NODE = """
SaasNodeName node{number}
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
"""

# Built where npm is. What is gated sends a browser to it, to log in and to pay.
CONSOLE = """
# Not the audited site's.
RewriteEngine On
RewriteRule "^/$" "/app/" [R=302,L]
<Location "/app">
    SaasConsole On
    SaasConsoleFiles "{files}"
    SaasConsoleWelcome "{here}/welcome.txt" "{here}/welcome.de.txt"
    SaasConsoleLink other /premium/ "/premium/"
    SaasConsoleLink other /reports/ "/reports/"
</Location>
"""
REFUSED = """SaasLoginURL /app/login
    SaasDenied subscription "Upgrade to Premium to access this feature" /app/billing"""

STYLE = "<meta charset=utf-8><meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'>"
NO_CONSOLE = f"""<!doctype html>
<html lang="en">{STYLE}<title>mod_saas demo</title>
<h1>mod_saas demo</h1><p>The console was not built, for want of npm. Everything else is here: the API below <code>/api/v1/</code>,
its description at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p></html>
"""

PREMIUM = f"""<!doctype html>
<html lang="en">{STYLE}<title>Premium</title>
<h1>Premium area</h1><p>Static files behind <code>Require saas-subscription active</code>: your organization has paid, so you are here.</p>
<p><a href="/">back</a></p></html>
"""


def fail(text):
    sys.exit("demo: " + text)


def started_at(pid):
    """When a process began (clock ticks since boot), or None: tells a process from a later one of the same id."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as line:
            return int(line.read().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return None


class State:
    """The folder of one instance, and the processes that belong to it."""

    def __init__(self, checkout, port=None):
        key = hashlib.sha256(str(checkout).encode()).hexdigest()[:10]
        self.all = Path(os.environ.get("SAAS_DEMO_STATE", "/var/tmp")) / f"mod_saas-{os.geteuid()}-{key}"
        self.path = self.all / str(port) if port else None
        self.record = self.path / "processes.json" if port else None

    @staticmethod
    def ours(path):
        """Make a folder, or make sure that what is there is a folder of ours that nobody else can write."""
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            pass
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            fail(f"{path} is not a folder that belongs to this user alone: remove it, then start again")
        os.chmod(path, 0o755)

    def make(self):
        self.ours(self.all)
        self.ours(self.path)

    def note(self, name, process):
        known = self.processes()
        known[name] = [process.pid, started_at(process.pid)]
        self.record.write_text(json.dumps(known))

    def processes(self):
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError):
            return {}

    def end(self):
        """End what is recorded and still the same process; then remove the folder. Returns how many were ended."""
        if not self.path.exists() and not self.path.is_symlink():
            return 0
        self.ours(self.all)
        self.ours(self.path)
        live = [(name, pid) for name, (pid, began) in self.processes().items() if began is not None and started_at(pid) == began]
        live.sort(key=lambda entry: ("haproxy", "httpd", "backend", "sandbox", "mail", "postgres").index(entry[0].rstrip("0123456789")))
        for name, pid in live:
            try:
                os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
            except ProcessLookupError:
                pass    # it has ended since, for want of the one before
            until = time.monotonic() + 15
            while gone_or_zombie(pid) is False and time.monotonic() < until:
                time.sleep(0.05)
            # Whatever is left of its session: each was started as the leader of one.
            try:
                os.killpg(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        shutil.rmtree(self.path)
        return len(live)


def gone_or_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as line:
            return line.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def instances(checkout):
    """Every instance of this checkout that has left a folder."""
    every = State(checkout).all
    if not every.is_dir() or every.is_symlink():
        return []
    return [State(checkout, int(entry.name)) for entry in sorted(every.iterdir()) if entry.name.isdigit()]


def stop(args):
    chosen = [State(ROOT, args.port)] if args.port else instances(ROOT)
    ended = sum(state.end() for state in chosen)
    try:
        State(ROOT).all.rmdir()
    except OSError:
        pass
    for name in ("demo.env", "state"):
        path = args.build / "demo" / name
        if path.is_symlink() or path.exists():
            path.unlink()
    print(f"demo: stopped ({ended} processes)" if ended else "demo: nothing was running")


def has_console(args):
    return (args.build / "console" / "index.html").exists()


def section(title):
    print(f"\n== {title}")


def shown(command):
    print(f"$ {command}")


def start(args):
    os.environ["SAAS_BUILD"] = str(args.build.absolute())
    from saastest import Person, Places, Postgres, Site, wait_audit
    from saastest.places import (clean_environment, command_as, free_port, httpd_user, port_is_open, program)
    from saastest.site import PRICE, Pgsql, Sqlite

    if args.action == "debug" and not shutil.which(shlex.split(args.gdb)[0]):
        fail(f"{args.gdb} is not installed: apt-get install gdb")
    for needed in ("modules/mod_saas.so", "bin/saasctl"):
        if not (args.build / needed).exists():
            fail(f"{args.build / needed} is missing: run make first")
    if args.nodes > 1 and args.db != "pgsql":
        fail("several nodes need a database that they share: make demo NODES=3 DB=pgsql")
    if not 1 <= args.nodes <= 9 or (args.nodes > 1 and args.action == "debug"):
        fail("--nodes is a number from 1 to 9, and the debugger has one")
    port = args.port or 8080
    state = State(ROOT, port)
    if state.end():
        print(f"demo: the instance on port {port} was running and is started anew")
    if port_is_open(port):
        fail(f"port {port} of 127.0.0.1 is taken by another program; choose one: make demo PORT={free_port()}")
    state.make()
    out = args.build / "demo"
    out.mkdir(parents=True, exist_ok=True)

    try:
        places = Places(state.path)
        backend_port, lab_port, smtp_port = free_port(), free_port(), free_port()
        shutil.rmtree(out / "mail", ignore_errors=True)
        with open(state.path / "mail.log", "ab") as log:
            state.note("mail", subprocess.Popen(
                [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{smtp_port}", "-c", "aiosmtpd.handlers.Mailbox", out / "mail"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), cwd="/", start_new_session=True))
        shutil.copy(HERE / "backend.py", state.path / "backend.py")
        os.chmod(state.path / "backend.py", 0o644)
        with open(state.path / "backend.log", "ab") as log:
            state.note("backend", subprocess.Popen(
                command_as(httpd_user(), [sys.executable, "-u", state.path / "backend.py", backend_port], False),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), cwd="/", start_new_session=True))
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(state.path / "lab.key"), "-out",
                        str(state.path / "lab.pem")], check=True, capture_output=True)
        os.chmod(state.path / "lab.key", 0o600)

        if args.db == "pgsql":
            cluster = Postgres(places, detached=True, durable=True)
            try:
                cluster.create()
            finally:
                if cluster.process is not None:
                    state.note("postgres", cluster.process)
            database = Pgsql(cluster, "saas")
        else:
            database = Sqlite(places)

        secret, key = "whsec_" + secrets.token_hex(24), "sk_test_" + secrets.token_hex(24)
        console = CONSOLE.format(files=args.build / "console", here=HERE) if has_console(args) else ""
        conf = CONF.format(console=console, refused=REFUSED if console else "", backend=backend_port, smtp=smtp_port)
        lab = LAB.format(lab=lab_port, state=state.path)
        front = port if args.nodes > 1 else None
        sites = []
        for number in range(1, args.nodes + 1):
            more = (lab if number == 1 else "") + (NODE.format(number=number) if front else "")
            own = places if number == 1 else Places(places.folder(f"node{number}"))
            site = Site(database, conf + more, places=own, port=free_port() if front else port, detached=True, front=front,
                        sandbox=sites[0].sandbox if sites else None, frontend=f"http://127.0.0.1:{port}/app" if console else f"http://127.0.0.1:{port}",
                        modules=("rewrite", "ssl", "socache_shmcb", *(("remoteip",) if front else ())), webhook_secret=secret, secret_key=key,
                        price=PRICE, workers="StartServers 2\nServerLimit 4\nThreadsPerChild 25\nMaxRequestWorkers 100")
            sites.append(site)
            if number == 1:
                state.note("sandbox", site.sandbox.process)
            site.httpd.page("index.html", NO_CONSOLE)
            site.httpd.page("premium/index.html", PREMIUM)
            site.httpd.page("lab/index.html", "<!doctype html><title>Lab</title><p>A site with deliberately mixed headers.</p>\n")
            try:
                site.start()
            finally:
                if site.httpd.process is not None:
                    state.note(f"httpd{number if number > 1 else ''}", site.httpd.process)
        site = sites[0]
        if front:
            balance(state, port, [each.httpd.port for each in sites], clean_environment, command_as, httpd_user, port_is_open, program)
        story(args, sites, out, f"https://127.0.0.1:{lab_port}/", secret, Person, wait_audit)
        if args.action == "debug":
            debug(args, site, state)
    except BaseException as failure:
        if not isinstance(failure, (BrokenPipeError, KeyboardInterrupt)):
            tail(state)
        state.end()
        raise


def balance(state, port, nodes, clean_environment, command_as, httpd_user, port_is_open, program):
    """HAProxy before the nodes, as its example has it."""
    from saastest.fronts import nodes_configuration

    path = state.path / "haproxy.cfg"
    path.write_text(nodes_configuration(port, nodes))
    os.chmod(path, 0o644)
    with open(state.path / "haproxy.log", "ab") as log:
        process = subprocess.Popen(command_as(httpd_user(), [program("haproxy", "/usr/sbin/haproxy"), "-db", "-f", path], False), stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, env=clean_environment(), cwd="/", start_new_session=True)
    state.note("haproxy", process)
    until = time.monotonic() + 30
    while not port_is_open(port):
        if process.poll() is not None or time.monotonic() > until:
            fail("HAProxy did not start")
        time.sleep(0.05)


def debug(args, site, state):
    """The same server once more, as one process under a debugger; when that ends, all ends."""
    site.httpd.stop()
    print("\n== httpd -X under " + args.gdb)
    command = [*shlex.split(args.gdb), "-ex", "set breakpoint pending on", "-ex", "handle SIGPIPE SIGTERM nostop noprint pass"]
    # What was asked of gdb comes after the settings it needs.
    asked = command[1:-4]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the debugger's
    subprocess.call([command[0], *command[-4:], *asked, "--args", site.httpd.binary, "-X", "-f", site.httpd.root / "httpd.conf"])
    state.end()
    print("demo: the debugger has ended, and the demo with it")


def tail(state):
    """What the servers said last, for whoever has to find out why."""
    for name in ("httpd/error.log", "httpd/console.log", "haproxy.log", "sandbox.log", "postgres.log", "backend.log", "mail.log"):
        path = state.path / name
        if path.exists() and path.stat().st_size:
            print(f"--- {path}", *path.read_text(errors="replace").splitlines()[-15:], sep="\n", file=sys.stderr)


def story(args, sites, out, lab, secret, Person, wait_audit):
    """The main job, once, over HTTP."""
    site = sites[0]
    base = site.base
    word = {who: secrets.token_urlsafe(12) for who in ("admin", "free")}
    section("Two people register, each gets an organization")
    free = Person(base, email="free@free-labs.example", password=word["free"], organization="Free Labs", name="Frieda Free")
    admin = Person(base, email="admin@premium-works.example", password=word["admin"], organization="Premium Works", name="Ada Admin")
    for person in (free, admin):
        org = person.ok("GET", f"organizations/{person.org['id']}/")
        print(f"  {person.email:30} {org['role']:6} of {org['name']:14} subscription: {org['subscription_status']}")

    section(f"Each starts an audit of a live web server, {lab}")
    audits = {}
    for person in (free, admin):
        reply = person.post("audits/start/", {"targets": [lab], "name": "Demo audit"})
        if reply.status_code != 202:
            fail(f"POST audits/start/ answered {reply.status_code}: {reply.text}")
        audits[person] = reply.json()["id"]
    for person in (free, admin):
        body = wait_audit(person, audits[person], 90)
        if body["status"] != "completed":
            fail(f"the audit ended as {body['status']}: {body['error']}")
        print(f"  {person.org['name']:14} {body['status']}, score {body['score']}, {json.dumps(body['counts'])}")
    export = {person: f"{base}/api/v1/audits/{audits[person]}/export/csv/" for person in (free, admin)}

    section("Free tier: the export is refused")
    shown(f"curl -i -b free.jar {export[free]}")
    reply = free.get(export[free])
    print(f"HTTP/1.1 {reply.status_code}\n{reply.text.strip()}")
    if reply.status_code != 403:
        fail("the free tier was not refused")

    section("Premium Works pays on Stripe's page (the sandbox), Stripe's webhook unlocks it")
    session = admin.ok("POST", "billing/checkout-session/", {})
    print(f"  checkout page: {session['checkout_url']}")
    paid = site.sandbox.pay(session["checkout_url"])
    org = admin.ok("GET", f"organizations/{admin.org['id']}/")
    print(f"  Pay pressed: {paid.status_code} -> {paid.headers.get('Location')}")
    print(f"  subscription: {org['subscription_status']}, has_active_subscription: {json.dumps(org['has_active_subscription'])}")
    if not org["has_active_subscription"]:
        fail("paid, but still locked")

    section("Premium: the export streams")
    shown(f"curl -i -b admin.jar {export[admin]}")
    reply = admin.get(export[admin])
    if reply.status_code != 200:
        fail(f"the export answered {reply.status_code}: {reply.text[:500]}")
    print(f"HTTP/1.1 {reply.status_code}\nContent-Type: {reply.headers['Content-Type']}\nContent-Disposition: {reply.headers['Content-Disposition']}\n")
    lines = reply.content.decode().split("\r\n")
    print(*[line if len(line) <= 160 else line[:157] + "..." for line in lines[:6]], sep="\n")
    print(f"... {len(lines) - 2} findings, {len(reply.content)} bytes")

    section("The same gate in httpd.conf, for static files and for a proxied application")
    for person in (free, admin):
        for path in ("/premium/", "/reports/"):
            reply = person.get(path)
            print(f"  {person.email:30} GET {path:10} {reply.status_code} {reply.json()['detail'] if reply.status_code == 403 else ''}")

    env = {"BASE_URL": base, "ADMIN_EMAIL": admin.email, "ADMIN_PASSWORD": word["admin"], "FREE_EMAIL": free.email,
           "FREE_PASSWORD": word["free"], "WEBHOOK_SECRET": secret, "STRIPE_SANDBOX_URL": site.sandbox.url,
           "MAIL_DIR": str((out / "mail").resolve())}
    path = out / "demo.env"
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in env.items())
    (out / "state").unlink(missing_ok=True)
    (out / "state").write_text(f"{site.places.path}\n")

    shown_env = os.path.relpath(path)
    section("It runs; go on in a browser or with curl")
    if has_console(args):
        print(f"  {base}/app/                log in or sign up, audit {lab}, upgrade, export, invite")
    else:
        print(f"  {base}/api/v1/             the API; the console was not built, for want of npm")
    print(f"""  {site.sandbox.url}/_sandbox/state   what the Stripe sandbox knows
  {os.path.relpath(out / "mail")}/new   the mail it sends, a file each
  {admin.email} / {word['admin']}   (paid)
  {free.email} / {word['free']}   (free: press Upgrade, then Pay)

  . {shown_env}
  curl -c jar -H 'Content-Type: application/json' -d "{{\\"email\\": \\"$FREE_EMAIL\\", \\"password\\": \\"$FREE_PASSWORD\\"}}" $BASE_URL/api/v1/auth/login/
  curl -b jar $BASE_URL/api/v1/audits/{audits[free]}/export/csv/        # 403: Upgrade to Premium to export data
  curl -b jar -X POST -H "Origin: $BASE_URL" $BASE_URL/api/v1/billing/checkout-session/   # open checkout_url, press Pay
  curl -b jar $BASE_URL/api/v1/audits/{audits[free]}/export/csv/        # the CSV

  logs: {", ".join(str(each.httpd.error_log) for each in sites)}
  make stop ends it.""")


def main():
    parser = argparse.ArgumentParser(description="the mod_saas demo")
    parser.add_argument("action", choices=("start", "debug", "stop"))
    parser.add_argument("--db", choices=("sqlite", "pgsql"), default="sqlite")
    parser.add_argument("--port", type=int, help="start: 8080 unless given; stop: only that instance, all of this checkout's unless given")
    parser.add_argument("--nodes", type=int, default=1, help="start: so many httpds behind HAProxy, on one PostgreSQL")
    parser.add_argument("--gdb", default="gdb -q", help="debug: the debugger, and what it is told first")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    args = parser.parse_args()
    args.build = args.build.absolute()
    sys.stdout.reconfigure(line_buffering=True)
    (stop if args.action == "stop" else start)(args)


if __name__ == "__main__":
    main()
