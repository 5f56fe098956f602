"""The proof that gates fail closed: every kind of gated area, every way in which what decides about it can be
missing. Whatever is broken, the answer is never 200, and the page's words are never sent.

Two people come: one whom the server has let in everywhere a moment ago, and one whom it sees for the first time.
"""

import base64
import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import Api, EchoServer, Httpd, Places, Site, seed
from saastest.site import MOUNTS

BACKEND = EchoServer()
# No grant may be staler than this once the database is out of reach: SaasFeedTimeout's default, a second, and some.
STALE = 1.1
SHARES_NOTHING = True

# Every gated area by its path; {docs} and the like are filled in by Site.
AREAS = {
    "/user/": 'AuthType Saas\nRequire saas-user',
    "/valid/": 'AuthType Saas\nRequire valid-user',
    "/named/": 'AuthType Saas\nRequire saas-user warm@example.test cold@example.test',
    "/member/": 'AuthType Saas\nRequire saas-member',
    "/member-of/": 'AuthType Saas\nRequire saas-member the-org other-org',
    "/role/": 'AuthType Saas\nRequire saas-role ADMIN MEMBER',
    "/paid/": 'AuthType Saas\nRequire saas-subscription active',
    "/all/": 'AuthType Saas\n<RequireAll>\nRequire saas-role ADMIN MEMBER\nRequire saas-subscription active\n</RequireAll>',
    "/any/": 'AuthType Saas\n<RequireAny>\nRequire saas-role ADMIN MEMBER\nRequire saas-subscription active\n</RequireAny>',
    "/implicit/": 'AuthType Saas\nRequire saas-role ADMIN MEMBER\nRequire saas-subscription active',
    "/not/": 'AuthType Saas\n<RequireAll>\nRequire saas-user\nRequire not saas-role VIEWER\n</RequireAll>',
    "/not-from-here/": 'AuthType Saas\n<RequireAll>\nRequire ip 127.0.0.0/8\nRequire not saas-role VIEWER\n</RequireAll>',
    "/none/": 'AuthType Saas\n<RequireAll>\nRequire ip 127.0.0.0/8\n<RequireNone>\nRequire saas-role VIEWER\nRequire saas-subscription free\n'
              '</RequireNone>\n</RequireAll>',
    "/named-organization/": 'AuthType Saas\nSaasOrganization "the-org"\nRequire saas-member',
    "/header/": 'AuthType Saas\nSaasOrganization "%{HTTP:X-Organization-ID}"\nRequire saas-role ADMIN MEMBER',
    "/expression/": 'AuthType Saas\nRequire saas-member "%{HTTP:X-Organization-ID}"',
    "/browser/": 'AuthType Saas\nSaasLoginURL /login\nSaasDenied subscription "Pay" https://app.example.test/\nRequire saas-subscription active',
    "/pages/": 'AuthType Saas\nErrorDocument 401 "own words 401"\nErrorDocument 503 "own 503"\nRequire saas-member',
    "/basic/": 'AuthType Basic\nAuthName outer\nAuthBasicProvider file\nAuthUserFile "{docs}/../users"\nRequire saas-role ADMIN MEMBER',
    "/basic-created/": 'AuthType Basic\nAuthName outer\nAuthBasicProvider file\nAuthUserFile "{docs}/../users"\nSaasUserCreate On\nRequire saas-user',
    "/basic-not/": 'AuthType Basic\nAuthName outer\nAuthBasicProvider file\nAuthUserFile "{docs}/../users"\n<RequireAll>\nRequire valid-user\n'
                   'Require not saas-role VIEWER\n</RequireAll>',
    "/certificate/": 'AuthType Saas\nSetEnvIf X-Test-Certificate "^(.+)$" CERT=$1\nSaasUser "%{env:CERT}"\nRequire saas-user',
    "/proxied/": f'AuthType Saas\nSaasIdentityHeaders On\nRequire saas-member\nProxyPass "{BACKEND.url}/words"',
}
SECTIONS = {path: f'<Location "{path.rstrip("/")}">\n{text}\n</Location>' for path, text in AREAS.items()}
SECTIONS["/tenants/the-org/"] = ('<LocationMatch "^/tenants/(?<slug>[a-z0-9-]+)/">\nAuthType Saas\nSaasOrganization "%{reqenv:MATCH_SLUG}"\n'
                                 'Require saas-member\n</LocationMatch>')
SECTIONS["/directory/"] = '<Directory "{docs}/directory">\nAuthType Saas\nRequire saas-user\n</Directory>'
SECTIONS["/directory/merged/"] = '<Directory "{docs}/directory/merged">\nAuthMerging And\nRequire saas-subscription active\n</Directory>'
SECTIONS["/files/"] = '<Directory "{docs}/files">\n<Files "index.html">\nAuthType Saas\nRequire saas-user\n</Files>\n</Directory>'
SECTIONS["/if/"] = '<If "%{REQUEST_URI} =~ m#^/if/#">\nAuthType Saas\nRequire saas-user\n</If>'
SECTIONS["/htaccess/"] = '<Directory "{docs}/htaccess">\nAllowOverride AuthConfig\n</Directory>'
ROUTES = ("/api/v1/auth/me/", "/api/v1/organizations/", "/api/v1/audits/", "/api/v1/auth/tokens/")
LIMITS = "SaasDBWait 300ms\nSaasDBTimeout 1s\n"
SITE_MODULES = ("auth_basic", "authn_file")
SITE_STRIPE = False
SITE_CONF = LIMITS + "\n".join(SECTIONS.values())
PATHS = (*SECTIONS, *ROUTES)

pytestmark = pytest.mark.expects("SAAS", "AH01630", "AH01631", "AH00629", "AH00630", "AH00632", "AH00633", "AH00634", "AH02653", "AH00647", "AH00628",
                                 "DBD", "dbd")


class Comer:
    """Somebody with all that may open an area at once: a token, a name and password, a certificate's address."""

    def __init__(self, site, org, email):
        self.user = site.newcomer(email=email)
        if org is None:
            org = self.user.org["id"]
            site.database.execute("UPDATE organizations SET slug = ?, subscription_status = ? WHERE id = ?", "the-org", "active", org)
        else:
            seed.member(site.database, org, self.user.user["id"], "ADMIN")
        self.org, self.email, self.base = org, email, site.base
        self.token = self.user.new_token(organization=org)["token"]
        self.cookie = self.user.http.cookies["saas_session"]

    def status(self, path):
        """Of one request; also checks that words and status agree."""
        headers = {"X-Organization-ID": self.org, "X-Test-Certificate": self.email}
        if path.startswith("/basic"):
            headers["Authorization"] = "Basic " + base64.b64encode(f"{self.email}:outer".encode()).decode()
        elif path.startswith("/certificate"):
            pass
        elif path in ("/member/", "/user/", "/api/v1/auth/me/"):
            headers["Cookie"] = f"saas_session={self.cookie}"
        else:
            headers["Authorization"] = f"Bearer {self.token}"
        reply = Api(self.base).get(path, headers=headers, timeout=40)
        if reply.status_code != 200:
            assert "page words" not in reply.text and '"path"' not in reply.text, (path, reply.status_code)
        return reply.status_code

    def look(self, paths=PATHS):
        with ThreadPoolExecutor(8) as pool:
            return dict(zip(paths, pool.map(self.status, paths)))


def furnish(site):
    """Pages, .htaccess, the password file."""
    for path in SECTIONS:
        site.httpd.page(path.strip("/") + "/index.html", "<p>page words</p>")
    site.httpd.page("htaccess/.htaccess", 'AuthType Saas\nRequire saas-member\n')
    users = site.httpd.docs.parent / "users"
    digest = base64.b64encode(hashlib.sha1(b"outer").digest()).decode()
    users.write_text("".join(f"{name}@example.test:{{SHA}}{digest}\n" for name in ("warm", "cold", "new")))
    users.chmod(0o644)


class House:
    """An installation of a test's own, with both people; the first one has been everywhere."""

    def __init__(self, databases, db_kind, extra="", workers=None):
        self.places = Places()
        self.site = Site(databases.fresh(db_kind, self.places), conf=SITE_CONF + "\n" + extra, places=self.places, with_stripe=False, modules=SITE_MODULES,
                         workers=workers)
        furnish(self.site)

    def __enter__(self):
        self.site.start()
        self.warm = Comer(self.site, None, "warm@example.test")
        self.cold = Comer(self.site, self.warm.org, "cold@example.test")
        self.well(people=(self.warm,))
        return self

    def __exit__(self, *exc):
        self.site.close()
        shutil.rmtree(self.places.path, ignore_errors=True)

    def closed(self, stale=STALE, people=None):
        """Nobody gets in anywhere; what is open stays open; and it is the database's fault, not theirs."""
        time.sleep(stale)
        for comer in people or (self.cold, self.warm):
            seen = comer.look()
            opened = {path: status for path, status in seen.items() if status == 200}
            assert not opened, f"open to {comer.email}: {opened}"
            strange = {path: status for path, status in seen.items() if status != 503}
            assert not strange, f"refused, but not as 503: {strange}"
        nobody = Api(self.site.base)
        assert not [path for path in PATHS if nobody.get(path, timeout=40).status_code == 200]
        assert nobody.get("/index.html").status_code == 200
        assert "exit signal" not in self.site.httpd.error_log.read_text()

    def well(self, seconds=90, people=None):
        """Everything opens, sooner or later: waits for the database are short here, and the machine may be busy."""
        end = time.monotonic() + seconds
        for comer in people or (self.cold, self.warm):
            closed = PATHS
            while closed := [path for path, status in comer.look(closed).items() if status != 200]:
                assert time.monotonic() < end, f"closed to {comer.email}: {closed}"
                time.sleep(0.1)


@pytest.fixture
def house(databases, db_kind):
    with House(databases, db_kind) as made:
        yield made


# ---------------------------------------------------------------- database --

@pytest.mark.only_db("pgsql")
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stopped_postgresql(house, mode):
    cluster = house.site.database.cluster
    cluster.stop(mode)
    try:
        house.closed()
    finally:
        cluster.start()
    house.well()


@pytest.mark.only_db("pgsql")
def test_a_frozen_postgresql(house):
    cluster = house.site.database.cluster
    cluster.freeze()
    try:
        house.closed()
    finally:
        cluster.thaw()
    house.well()


@pytest.mark.only_db("pgsql")
def test_a_role_that_has_lost_its_rights(house):
    """Privileges of the tables taken away: an error of the database is no "not a member"."""
    cluster, name = house.site.database.cluster, house.site.database.name
    cluster.sql(name, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM saas_app, saas_system")
    house.closed(people=(house.cold,))


@pytest.mark.only_db("pgsql")
def test_a_database_that_refuses_connections(house):
    cluster, name = house.site.database.cluster, house.site.database.name
    cluster.sql("postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    house.closed()
    cluster.sql("postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    house.well()


def drop_schema(database):
    if database.kind == "pgsql":
        database.cluster.sql(database.name, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO saas_app, saas_system")
        return
    connection = database.connect()
    connection.execute("PRAGMA foreign_keys = OFF")
    for kind in ("trigger", "table"):
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'", (kind,)).fetchall():
            connection.execute(f'DROP {kind} "{name}"')
    connection.close()


def older_schema(database):
    database.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")


SCHEMAS = {"dropped": drop_schema, "older": older_schema, "newer": seed.newer_schema}


@pytest.mark.parametrize("which", SCHEMAS)
def test_a_schema_that_changes_under_the_running_server(house, which):
    """On PostgreSQL a connection looks at the version every few seconds."""
    SCHEMAS[which](house.site.database)
    house.closed(5 if house.site.database.kind == "pgsql" and which != "dropped" else 0, people=(house.cold,))


@pytest.mark.parametrize("which", SCHEMAS)
def test_a_schema_that_is_wrong_at_the_next_start(house, which):
    SCHEMAS[which](house.site.database)
    house.site.httpd.restart()
    house.closed()


def files_of(database):
    return [path for path in database.folder.iterdir() if path.name.startswith(database.path.name)]


def remove(database):
    for path in files_of(database):
        path.unlink()


def unreadable(database):
    for path in files_of(database):
        path.chmod(0)
        os.chown(path, 0, 0)


def replace(database, content):
    other = database.folder / "other"
    other.write_bytes(content)
    os.chown(other, database.path.stat().st_uid, database.path.stat().st_gid)
    os.replace(other, database.path)


def overwrite(database, content):
    with open(database.path, "r+b") as f:
        f.truncate(len(content))
        f.write(content)


FILES = {
    "removed": remove, "unreadable": unreadable, "replaced by garbage": lambda d: replace(d, os.urandom(65536)),
    "replaced by nothing": lambda d: replace(d, b""), "overwritten by garbage": lambda d: overwrite(d, os.urandom(d.path.stat().st_size)),
    "truncated": lambda d: overwrite(d, b""), "moved": lambda d: os.rename(d.path, str(d.path) + ".away"),
}


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("which", FILES)
def test_what_can_happen_to_a_sqlite_file(house, which):
    FILES[which](house.site.database)
    house.closed()


@pytest.mark.only_db("sqlite")
def test_a_sqlite_file_that_comes_back(house):
    path = house.site.database.path
    os.rename(path, str(path) + ".away")
    house.closed()
    os.rename(str(path) + ".away", path)
    house.well()


# -------------------------------------------------------------------- pool --

ONE_CHILD = "StartServers 1\nServerLimit 1\nThreadsPerChild 48\nMaxRequestWorkers 48\nMinSpareThreads 8\nMaxSpareThreads 48"


def test_an_exhausted_pool(databases, db_kind):
    """Every connection is with a write that waits for a lock."""
    with House(databases, db_kind, extra="DBDMax 2\nDBDKeep 2\nSaasDBTimeout 8s\n", workers=ONE_CHILD) as house:
        lock = house.site.database.connect()
        cursor = lock.cursor()
        cursor.execute("BEGIN IMMEDIATE" if db_kind == "sqlite" else "BEGIN")
        if db_kind == "pgsql":
            cursor.execute("LOCK TABLE organizations IN EXCLUSIVE MODE")
        with ThreadPoolExecutor(2) as pool:
            writes = [pool.submit(house.warm.user.post, "organizations/", {"name": f"Waiting {n}"}) for n in range(2)]
            time.sleep(0.5)
            try:
                seen = house.cold.look()
                assert not any(write.done() for write in writes), "the pool may be free again by now"
                assert set(seen.values()) == {503}, seen
            finally:
                cursor.execute("ROLLBACK")
                lock.close()
            assert [w.result().status_code for w in writes] == [201, 201]
        house.well()


# ----------------------------------------------------------- configuration --

def prefixes():
    """Every beginning of the configuration, whole lines only."""
    lines = (MOUNTS + SITE_CONF).splitlines()
    return ["\n".join(lines[:n]) for n in range(len(lines) + 1)]


@pytest.mark.long(60)
@pytest.mark.only_db("sqlite")
def test_a_truncated_configuration(databases, db_kind):
    """A beginning of the configuration either is refused, or keeps closed what it still names."""
    places = Places()
    database = databases.fresh(db_kind, places)
    site = Site(database, mounts="", places=places, with_stripe=False, modules=SITE_MODULES)
    furnish(site)
    started, refused = 0, 0
    try:
        for text in prefixes():
            text = text.replace("{docs}", str(site.httpd.docs))
            status, said = site.httpd.configtest(database.conf() + "\n" + text)
            whole = [path for path, section in SECTIONS.items() if section.replace("{docs}", str(site.httpd.docs)) + "\n" in text + "\n"]
            if status != 0:
                refused += 1
                assert "not closed" in said or "was not closed" in said or "expected" in said, said
                continue
            if "/api/v1" in text and not whole:
                continue
            site.httpd.start()
            started += 1
            api = Api(site.base)
            for path in whole:
                for headers in ({}, {"Authorization": "Bearer saas_" + "A" * 43}, {"X-Test-Certificate": "nobody@example.test"}):
                    # A connection each: one that is kept open may be closed just as it is used again.
                    reply = api.get(path, headers={"Connection": "close", **headers})
                    assert reply.status_code in (401, 404), (path, reply.status_code, text[-300:])
                    assert "page words" not in reply.text
            site.httpd.stop()
        assert started >= len(SECTIONS) and refused >= 2 * len(SECTIONS), (started, refused)
    finally:
        site.close()
        shutil.rmtree(places.path, ignore_errors=True)


@pytest.mark.only_db("sqlite")
def test_a_configuration_without_the_host_or_its_database(databases):
    """Gates without mod_saas, and mod_saas without a database, do not start."""
    server = Httpd(with_saas=False, modules=SITE_MODULES)
    try:
        for section in SECTIONS.values():
            if "Saas" in section.replace("AuthType Saas", "") or "saas-" in section:
                assert server.configtest(section.replace("{docs}", str(server.docs)))[0] != 0, section
    finally:
        server.close()
    server = Httpd(modules=SITE_MODULES)
    try:
        status, said = server.configtest(MOUNTS + SITE_CONF.replace("{docs}", str(server.docs)))
        assert status != 0 and "SAAS1002" in said
    finally:
        server.close()


# ---------------------------------------------------------------- children --

def test_children_that_are_killed_open_nothing(house):
    """While children die and come, the stranger and the refused are refused."""
    site = house.site
    stranger = site.newcomer()
    headers = {"Authorization": f"Bearer {stranger.new_token()['token']}", "X-Organization-ID": house.warm.org}
    api = Api(site.base)
    seen = set()
    for _ in range(4):
        site.httpd.kill_children(1)
        for path in ("/member/", "/role/", "/all/", "/not/", "/none/", "/directory/merged/", "/basic/"):
            try:
                seen.add(api.get(path, headers=headers).status_code)
            except OSError:
                pass
    assert seen <= {401, 403, 404, 503}, seen
