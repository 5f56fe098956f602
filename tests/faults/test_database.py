"""The database restarts, dies, freezes, is not there, is the wrong one: 503 and nothing else, never a grant."""

import os
import shutil
import time

import pytest

from load import Load
from saastest import Places, Site, TargetServer, seed, stripe, wait_audit
from saastest.site import Pgsql

pytestmark = pytest.mark.long(40)
SITE_CONF = """
<Location "/gated">
    AuthType Saas
    Require saas-user
</Location>
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
"""

NOISE = ("SAAS", "AH00629", "AH00630", "AH00632", "AH00633", "AH00634", "AH02653", "AH00647", "AH00628", "DBD", "dbd")


@pytest.fixture(autouse=True)
def pages(site):
    for area in ("gated", "premium"):
        site.httpd.page(f"{area}/index.html", f"<p>{area} words</p>")


def token_of(person):
    return {"Authorization": f"Bearer {person.new_token(organization=person.org['id'])['token']}"}


def assert_unavailable(reply):
    assert reply.status_code == 503, (reply.status_code, reply.text)
    assert reply.json()["code"] == "unavailable" and int(reply.headers["Retry-After"]) >= 1
    assert "words" not in reply.text


def until_well(api, path="auth/me/", seconds=60, headers=None):
    end = time.monotonic() + seconds
    while api.get(path, headers=headers).status_code != 200:
        assert time.monotonic() < end, f"not well again: {api.get(path, headers=headers).text}"
        time.sleep(0.1)


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_restarts_under_load(site, mode):
    person = site.register()
    with Load(site.httpd.port, ["/gated/", "/api/v1/auth/me/", "/api/v1/audits/", "/api/v1/organizations/"], token_of(person)) as load:
        time.sleep(0.7)
        site.database.cluster.restart(mode, down=1.0)
        back = time.monotonic()
        load.wait_for(200, back, 15)
        time.sleep(3)
        settled = time.monotonic()
        time.sleep(1.5)
    assert set(load.outcomes()) <= {200, 503}, load.outcomes()
    assert set(load.outcomes(settled)) == {200}, (
        "still failing three seconds after PostgreSQL was back",
        [(round(when - back, 2), path, outcome) for when, path, outcome in load.seen if when > back and outcome != 200],
        site.httpd.error_log.read_text()[-6000:])


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_idle_connections_that_postgresql_closed_cost_no_request(site):
    person = site.register()
    headers = token_of(person)
    with Load(site.httpd.port, ["/gated/", "/api/v1/audits/"], headers) as load:
        time.sleep(0.7)
    for _ in range(3):
        site.database.end_backends()
        with Load(site.httpd.port, ["/gated/", "/api/v1/audits/"], headers) as load:
            time.sleep(0.7)
        assert set(load.outcomes()) == {200}, load.outcomes()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_a_stopped_postgresql_is_503_everywhere_and_opens_nothing(site, person):
    site.pay(person)
    headers = token_of(person)
    api = site.nobody()
    assert api.get("/premium/", headers=headers).status_code == 200
    site.database.cluster.stop("fast")
    try:
        for path in ("/gated/", "/premium/", "auth/me/", "audits/", "organizations/"):
            for _ in range(3):
                assert_unavailable(api.get(path, headers=headers))
            assert api.get(path).status_code in (401, 503)
        assert_unavailable(api.post("auth/login/", {"email": person.email, "password": person.password}))
        assert_unavailable(api.post("auth/register/", {"email": "new@example.test", "password": person.password}))
        assert site.nobody().get("/").status_code == 200, "what is not gated does not depend on the database"
        assert site.nobody().get("/saas/live").status_code == 200
        assert site.nobody().get("/saas/ready").status_code == 503
        assert site.deliver(stripe.Story(person.org["id"], site.price).updated("active")).status_code >= 500, "Stripe must try again"
    finally:
        site.database.cluster.start()
    until_well(api, "/premium/", headers=headers)
    until_well(site.nobody(), "/saas/ready")


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_a_frozen_postgresql_is_503_in_bounded_time(site, person):
    headers = token_of(person)
    api = site.nobody()
    assert api.get("/gated/", headers=headers).status_code == 200
    site.database.cluster.freeze()
    try:
        for _ in range(2):
            began = time.monotonic()
            assert_unavailable(api.get("audits/", headers=headers))
            assert time.monotonic() - began < 15
    finally:
        site.database.cluster.thaw()
    time.sleep(0.3)  # who failed to connect a moment ago keeps its child's others from trying for 100 ms
    until_well(api, "/gated/", headers=headers)


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_an_audit_lives_through_a_restart_of_postgresql(site, person):
    with TargetServer(seconds=2) as slow:
        reply = person.post("audits/start/", {"targets": [f"{slow.url}/{n}" for n in range(4)]})
        assert reply.status_code == 202, (reply.status_code, reply.text, site.httpd.error_log.read_text()[-6000:])
        key = reply.json()["id"]
        wait_audit(person, key, 30, until=("running",))
        site.database.cluster.restart("immediate", down=1.0)
        until_well(person)
        slow.seconds = 0.05
        body = wait_audit(person, key, 150)
    assert body["status"] == "completed", body
    rows = person.ok("GET", f"audits/{key}/evidence/?page_size=200")
    pairs = [(r["resource_id"], r["check_name"]) for r in rows["results"]]
    assert len(pairs) == len(set(pairs))


class Broken:
    """A database that is not as it should be, and what makes it whole."""

    def __init__(self, kind, databases, which):
        self.places = Places()
        self.database = databases.fresh(kind, self.places)
        self.kind, self.which = kind, which

    def spoil(self):
        database = self.database
        if self.which == "absent":
            if self.kind == "pgsql":
                database.cluster.sql("postgres", f'ALTER DATABASE "{database.name}" RENAME TO "{database.name}_away"')
            else:
                os.rename(database.path, str(database.path) + ".away")
                os.rename(database.folder, str(database.folder) + ".away")
        elif self.which == "empty":
            if self.kind == "pgsql":
                self.database = Pgsql.__new__(Pgsql)
                self.database.cluster, self.database.name = database.cluster, database.name + "_empty"
                self.database.url = database.cluster.url(self.database.name)
                database.cluster.database(self.database.name)
            else:
                database.path.write_bytes(b"")
        elif self.which == "newer":
            seed.newer_schema(database)
        elif self.which == "garbage":
            database.path.write_bytes(os.urandom(65536))


@pytest.mark.parametrize("which", ["absent", "empty", "newer"])
def test_a_wrong_database_at_start_opens_nothing(databases, db_kind, which):
    assert_opens_nothing(databases, db_kind, which)


@pytest.mark.only_db("sqlite")
def test_a_file_of_garbage_opens_nothing(databases, db_kind):
    assert_opens_nothing(databases, db_kind, "garbage")


def assert_opens_nothing(databases, db_kind, which):
    broken = Broken(db_kind, databases, which)
    broken.spoil()
    site = Site(broken.database, conf=SITE_CONF, places=broken.places, with_stripe=False)
    try:
        for area in ("gated", "premium"):
            site.httpd.page(f"{area}/index.html", f"<p>{area} words</p>")
        site.start()
        api = site.nobody()
        for path in ("/gated/", "/premium/", "auth/me/", "audits/", "organizations/"):
            for headers in ({"Authorization": "Bearer saas_" + "A" * 43}, {"Cookie": "saas_session=" + "A" * 43}):
                assert_unavailable(api.get(path, headers=headers))
            assert api.get(path).status_code in (401, 503)
        assert_unavailable(api.post("auth/login/", {"email": "a@example.test", "password": "whatever it is 1"}))
        assert_unavailable(api.post("auth/register/", {"email": "a@example.test", "password": "whatever it is 1"}))
        assert api.get("/").status_code == 200
        assert api.get("/saas/ready").status_code == 503
        log = site.httpd.error_log.read_text()
        assert "SAAS" in log, "the log must say why"
        if which in ("empty", "newer"):
            assert "migrate" in log or "schema" in log, log[-2000:]
        assert "exit signal" not in log
    finally:
        site.close()
        shutil.rmtree(broken.places.path, ignore_errors=True)


@pytest.mark.only_db("pgsql")
def test_a_database_that_comes_late_is_used_without_a_restart(databases, db_kind):
    broken = Broken(db_kind, databases, "absent")
    name, cluster = broken.database.name, broken.database.cluster
    broken.spoil()
    site = Site(broken.database, conf=SITE_CONF, places=broken.places, with_stripe=False).start()
    try:
        assert site.nobody().get("/saas/ready").status_code == 503
        cluster.sql("postgres", f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
        end = time.monotonic() + 60
        while site.nobody().get("/saas/ready").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        assert site.register().get("auth/me/").status_code == 200
    finally:
        site.close()
        shutil.rmtree(broken.places.path, ignore_errors=True)


@pytest.mark.only_db("sqlite")
@pytest.mark.expects(*NOISE)
def test_a_locked_sqlite_file_is_503_for_writers_and_recovers(site, person):
    connection = site.database.connect()
    connection.execute("BEGIN EXCLUSIVE")
    try:
        began = time.monotonic()
        reply = person.post("organizations/", {"name": "Locked out"})
        assert_unavailable(reply)
        assert time.monotonic() - began < 20
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    assert person.post("organizations/", {"name": "Let in"}).status_code == 201
