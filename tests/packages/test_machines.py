"""Three nodes, two databases and a balancer, each a clean Debian, by the commands of docs/machines.md as they stand there: set up,
each part lost once, updated, and put back to a backup.
"""

import re
import time

import pytest
import requests

from cleanroot import CleanRoot, Lan
from saastest import ROOT, Api
from saastest.client import Person
from test_life import FINDINGS, GATES, VERSION, built, installable, next_release, places  # noqa: F401

MANUAL = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
ADDRESSES = {"db1": "10.0.0.11", "db2": "10.0.0.12", "node1": "10.0.0.21", "node2": "10.0.0.22", "node3": "10.0.0.23", "balancer": "10.0.0.10"}
NODES = ("node1", "node2", "node3")
BASE = "http://" + ADDRESSES["balancer"]
OWNER = "'pgsql:host=db1,db2 dbname=saas user=saas_owner target_session_attrs=read-write'"
PASSWORDS = {"OWNER_PASSWORD": "owners0wn", "APP_PASSWORD": "httpds0wn", "STANDBY_PASSWORD": "standbys0wn"}


def blocks(heading):
    """The manual's blocks of commands below a heading, in order."""
    part = MANUAL.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", part, re.M | re.S)


class Machines:
    """What an operator has made of them, and what customers see of it through the balancer."""

    def __init__(self, debs):
        self.roots = {}
        self.lan = None
        try:
            for name in ADDRESSES:
                self.roots[name] = CleanRoot(debs) if name in NODES else CleanRoot(packages=["ca-certificates", "curl", "haproxy", "postgresql", "procps", "socat"])
            self.lan = Lan({name: (ADDRESSES[name], root) for name, root in self.roots.items()})
        except BaseException:
            self.close()
            raise

    def run(self, name, script, **more):
        return self.roots[name].run(script, **PASSWORDS, **more)

    def carry(self, name, source, target):
        """A file of a machine is on others, too: in the folder with their packages."""
        for other in target:
            self.roots[other].file("/srv/packages/").mkdir(exist_ok=True)
            self.roots[other].file("/srv/packages/" + source.rsplit("/", 1)[1]).write_bytes(self.roots[name].file(source).read_bytes())

    def outside(self):
        """Whatever is asked meanwhile is asked by a client in the same network."""
        return self.roots["balancer"].network()

    def ready(self, name):
        return self.run(name, "curl -s -m 5 -o /dev/null -w '%{http_code}' http://localhost/saas/ready", check=False).stdout == "200"

    def customer(self, email):
        """Somebody with an organization that may use everything, and an audit."""
        with self.outside():
            person = Person(BASE, email=email, organization="Acme of " + email)
            assert Api(BASE).get("/premium/").status_code == 401 and person.get("/premium/").status_code == 403
        self.run("node1", f"saasctl --db {OWNER} org trial {person.org['slug']} 14d")
        self.roots["node1"].file("/srv/findings.csv").write_text(FINDINGS)
        self.run("node1", f"saasctl --db {OWNER} audit import /srv/findings.csv --org {person.org['slug']} --format generic --name Kept")
        self.served(person)
        return person

    def served(self, person, seconds=0):
        """The gate lets in who has paid, nobody else; a log-in, a change and an export are as ever. Within seconds: how long it took."""
        begun = time.monotonic()
        while True:
            try:
                self._served(person)
                return time.monotonic() - begun
            except (AssertionError, requests.RequestException):
                if time.monotonic() - begun > seconds:
                    raise
                time.sleep(0.2)

    def _served(self, person):
        with self.outside():
            assert Api(BASE).get("/premium/").status_code == 401
            assert person.get("/premium/").text == "paid for"
            again = Person(BASE, email=person.email, register=False)
            again.ok("POST", "auth/login/", {"email": person.email, "password": person.password})
            again.ok("PATCH", "auth/me/", {"name": f"at {time.monotonic()}"})
            audit, = person.ok("GET", "audits/")["results"]
            rows = person.get(f"audits/{audit['id']}/export/csv/")
            assert rows.status_code == 200 and "host-1,tls,FAIL,high," in rows.text and rows.text.rstrip().endswith("kept")

    def close(self):
        if self.lan:
            self.lan.close()
        for root in self.roots.values():
            root.close()


@pytest.fixture
def machines(built):  # noqa: F811
    made = Machines(installable(built))
    yield made
    made.close()


def in_sync(machines, primary, standby):
    end = time.monotonic() + 30
    while True:
        said = machines.run(primary, "runuser -u postgres -- psql -Atc 'SELECT application_name, state, sync_state FROM pg_stat_replication'")
        if f"{standby}|streaming|sync" in said:
            return
        assert time.monotonic() < end, said
        time.sleep(0.2)


def set_up(machines):
    """The manual's first part."""
    first, = blocks("The first database")
    machines.run("db1", first)
    copy, wait = blocks("The second database")
    machines.run("db2", copy)
    assert "db2" in machines.run("db1", wait)
    in_sync(machines, "db1", "db2")

    first, = blocks("The first node")
    assert '"status":"ready"' in machines.run("node1", first)
    gates = machines.roots["node1"].file("/etc/apache2/conf-available/saas-gates.conf")
    gates.write_text(GATES)
    machines.run("node1", "a2enconf -q saas-gates; apache2ctl configtest; service apache2 reload")
    for name in NODES:
        folder = machines.roots[name].file("/var/www/html/premium")
        folder.mkdir()
        (folder / "index.html").write_text("paid for")
    pack, unpack, doctor = blocks("The second node, the third")
    machines.run("node1", pack + "mv ~/node.tar.gz /srv\n")
    machines.carry("node1", "/srv/node.tar.gz", ("node2", "node3"))
    for name in ("node2", "node3"):
        assert '"status":"ready"' in machines.run(name, unpack)
    assert "\nwrong" not in machines.run("node1", doctor)

    machines.carry("node1", "/usr/share/doc/libapache2-mod-saas/examples/nodes.cfg", ["balancer"])
    balancer, = blocks("The balancer")
    said = machines.run("balancer", balancer)
    assert all(name in said for name in NODES), said


def restarted(machines, names=NODES):
    """The manual's way of restarting each node, taken out of the balancer meanwhile."""
    *_, out, restart, back = blocks("A new release")
    for name in names:
        machines.run("balancer", out.replace("node1", name))
        assert "ready" in machines.run(name, restart)
        machines.run("balancer", back.replace("node1", name))


def test_by_the_manual(machines, built, places):  # noqa: F811
    set_up(machines)
    ada = machines.customer("ada@example.test")
    with machines.outside():
        seen = {entry["address"] for entry in ada.ok("GET", "organizations/" + ada.org["id"] + "/activity/")["results"]}
    assert ADDRESSES["balancer"] not in seen, "the trail names who asked"

    # A node at once, and another one without its network; the manual has nothing to do.
    machines.run("node1", "pkill -9 apache2")
    machines.served(ada, seconds=5)
    machines.lan.cut("node2")
    machines.served(ada, seconds=10)
    machines.run("node1", "service apache2 start")
    machines.lan.cut("node2", off=False)
    for name in NODES:
        waits(lambda: machines.ready(name), 30)

    # The primary.
    machines.run("db1", "pkill -9 postgres")
    machines.lan.cut("db1")
    promote, prefer, clear, copy, name_it = blocks("The primary is lost")
    with machines.outside():
        assert Api(BASE).call("POST", "auth/login/", {"email": ada.email, "password": ada.password}).status_code == 503
    machines.run("db2", promote)
    print(f"served {machines.served(ada, seconds=20):.1f} s after the standby was promoted")
    for name in NODES:
        machines.run(name, prefer)
    for name in NODES:
        waits(lambda: machines.ready(name), 30)
    with machines.outside():
        for number in range(40):
            begun = time.monotonic()
            ada.ok("PATCH", "auth/me/", {"name": f"Ada {number}"})
            assert time.monotonic() - begun < 2, "it has asked who is away"
    bob = machines.customer("bob@example.test")
    machines.run("db1", clear)
    machines.lan.cut("db1", off=False)
    machines.run("db1", copy)
    machines.run("db2", name_it)
    in_sync(machines, "db2", "db1")
    for customer in (ada, bob):
        machines.served(customer)

    # The standby: what writes waits in vain, until the primary goes on alone. It comes back by itself.
    alone, = blocks("The standby is lost")
    machines.run("db1", "pkill -9 postgres")
    with machines.outside():
        assert ada.call("PATCH", "auth/me/", {"name": "Ada"}).status_code == 503
        assert ada.get("/premium/").text == "paid for"
    machines.run("db2", alone)
    machines.served(ada, seconds=10)
    machines.run("db1", "service postgresql start")
    machines.run("db2", name_it)
    in_sync(machines, "db2", "db1")

    # A new release.
    install, migrate, *_ = blocks("A new release")
    later = next_release(built, places, works_from=VERSION)
    for name in NODES:
        machines.roots[name].put(later)
        assert "wants database schema" in machines.run(name, install)
        machines.served(ada)
    said = machines.run("node1", migrate)
    assert "go on working" in said and "applied" in said, said
    machines.served(ada)
    restarted(machines)
    for customer in (ada, bob):
        machines.served(customer)

    # Somebody's mistake, and the backup of before.
    backup, restore = blocks("A backup, and back")
    machines.run("db1", backup)
    machines.run("node1", f"saasctl --db {OWNER} user delete {bob.email} --with-organizations")
    with machines.outside():
        assert bob.get("/premium/").status_code == 401
    for name in NODES:
        machines.run(name, "service apache2 stop")
    machines.roots["db2"].file("/var/backups/saas.dump").write_bytes(machines.roots["db1"].file("/var/backups/saas.dump").read_bytes())
    machines.run("db2", restore)
    for name in NODES:
        machines.run(name, "service apache2 start")
    for customer in (ada, bob):
        machines.served(customer, seconds=20)
    in_sync(machines, "db2", "db1")


def waits(for_what, seconds):
    end = time.monotonic() + seconds
    while not for_what():
        assert time.monotonic() < end
        time.sleep(0.2)
