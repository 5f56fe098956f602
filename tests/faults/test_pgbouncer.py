"""PgBouncer between httpd and PostgreSQL: in session mode everything works as without it, the change feed too; in transaction
mode nothing does, and nobody is let in.
"""

import contextlib
import subprocess
import time

import pytest

from load import Load
from nodes import CONF, cache
from saastest import Places, Site, seed
from saastest.places import clean_environment, command_as, free_port, give, program

pytestmark = [pytest.mark.only_db("pgsql"), pytest.mark.long(20)]
INI = """[databases]
* = host={socket} user={user}
[pgbouncer]
pool_mode = {mode}
auth_type = any
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
max_client_conn = 200
default_pool_size = {size}
ignore_startup_parameters = options
logfile = {folder}/log
pidfile = {folder}/pid
"""


class Pooled:
    """A database whose httpd comes through a PgBouncer of its own; everybody else as ever."""

    kind = "pgsql"

    def __init__(self, database, mode, size=40):
        self.database, self.places, self.port = database, Places(), free_port()
        self.folder = self.places.folder("pool", database.cluster.user)
        (self.folder / "ini").write_text(INI.format(socket=database.cluster.socket, user=database.cluster.APP, mode=mode, port=self.port, folder=self.folder, size=size)
                                         + f"user = {database.cluster.user.pw_name}\n" * bool(database.cluster.user))
        give(self.folder, database.cluster.user)
        self.process = subprocess.Popen(command_as(None, [program("pgbouncer", "/usr/sbin/pgbouncer"), "-q", self.folder / "ini"], True), cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
        end = time.monotonic() + 30
        while not (self.folder / f".s.PGSQL.{self.port}").exists():
            assert self.process.poll() is None and time.monotonic() < end, "pgbouncer does not start"
            time.sleep(0.02)

    def __getattr__(self, name):
        return getattr(self.database, name)

    def conf(self):
        return (f'DBDriver pgsql\nDBDParams "host={self.folder} port={self.port} dbname={self.name} user={self.cluster.APP} connect_timeout=3"\n'
                "DBDMax 12")

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.database.close()
        self.places.close()


@contextlib.contextmanager
def site_behind(databases, mode):
    scratch = Places()
    site = Site(Pooled(databases.fresh("pgsql", scratch), mode), conf=CONF, places=scratch)
    try:
        for page in ("user", "premium"):
            site.httpd.page(f"{page}/index.html", "<p>words</p>")
        yield site.start()
    finally:
        site.close()


@pytest.fixture(scope="module")
def behind(databases, db_kind):
    with site_behind(databases, "session") as site:
        yield site


def token_of(person):
    return {"Authorization": f"Bearer {person.new_token(organization=person.org['id'])['token']}"}


def test_session_mode_is_as_without_it(behind):
    person = behind.register()
    assert person.get("audits/").status_code == 200
    headers = token_of(person)
    assert behind.nobody().get("/premium/", headers=headers).status_code == 403
    behind.pay(person)
    assert behind.nobody().get("/premium/", headers=headers).status_code == 200
    key = seed.large_audit(behind.database, person.org["id"], 5000)
    assert person.get(f"audits/{key}/export/csv/").text.count("\n") == 5001


def test_session_mode_carries_the_change_feed(behind):
    person = behind.register()
    headers = token_of(person)
    before = cache(behind)
    with Load(behind.httpd.port, ["/user/"], headers, threads=2) as load:
        while cache(behind)["hits"] - before["hits"] < 20:
            time.sleep(0.05)
    assert set(load.outcomes()) == {200} and cache(behind)["state"] == "live"
    behind.saasctl("user", "disable", person.email)
    end = time.monotonic() + 5
    while behind.nobody().get("/user/", headers=headers).status_code != 401:
        assert time.monotonic() < end


@pytest.mark.expects("SAAS", "AH0")
def test_transaction_mode_is_no_feed(databases, db_kind):
    """Notifications of others go to whoever has the session, heartbeats come back: to believe those would be stale grants."""
    with site_behind(databases, "transaction") as site:
        said = "lends sessions to transactions"
        end = time.monotonic() + 30
        while said not in site.httpd.error_log.read_text():
            assert time.monotonic() < end, site.httpd.said()
            time.sleep(0.05)
        _, _, _, cookie = seed.person(site.database, "!", "ada@example.test", "Ada", "Acme")
        headers = {"Cookie": f"saas_session={cookie}"}
        states = set()
        with Load(site.httpd.port, ["/user/"], headers, threads=4) as load:
            while len(load.seen) < 400:
                states.add(cache(site)["state"])
        assert "live" not in states and cache(site)["hits"] == 0
        assert set(load.outcomes()) <= {200, 503}, load.outcomes()


@pytest.mark.expects("SAAS", "AH0")
def test_transaction_mode_lets_nobody_in(databases, db_kind):
    """A session of somebody else's has not our role: statements fail, and with them requests; none is a grant."""
    with site_behind(databases, "transaction") as site:
        api = site.nobody()
        _, org, _, cookie = seed.person(site.database, "!", "ada@example.test", "Ada", "Acme")
        _, other, _, stranger = seed.person(site.database, "!", "bob@example.test", "Bob", "Others")
        seed.audit(site.database, other)
        outcomes = []
        loads = [Load(site.httpd.port, ["/premium/", "/api/v1/audits/"], {"Cookie": f"saas_session={c}", "X-Organization-ID": other}, threads=2)
                 for c in (cookie, "nonsense")]
        for load in loads:
            load.__enter__()
        while min(len(load.seen) for load in loads) < 150:
            reply = api.get("audits/", headers={"Cookie": f"saas_session={cookie}", "X-Organization-ID": org})
            if reply.status_code == 200:
                outcomes.append(reply.json()["count"])
        for load in loads:
            load.__exit__()
        assert not [row for load in loads for row in load.seen if row[2] == 200], "somebody was let in"
        assert set(outcomes) <= {0}, "another organization's rows were shown"
