"""From one version to the next without a moment away: the schema is expanded first, then node after node is updated, both
versions work on one database meanwhile, and only then it is contracted. The next version is this one, built for the next
version of the schema.
"""

import os
import shutil
import subprocess
import threading
import time

import pytest

from load import Load
from saastest import BUILD, ROOT, Places, Site, saasctl, seed
from saastest.places import clean_environment
from saastest.site import Pgsql

pytestmark = [pytest.mark.long(40), pytest.mark.expects("SAAS1101", "SAAS1103", "SAAS1106", "SAAS17", "SAAS1801", "this build needs")]
PATHS = ["/user/", "/api/v1/audits/", "/api/v1/auth/me/"]
CONF = '<Location "/user">\nAuthType Saas\nRequire saas-user\n</Location>\n'


class Release:
    """The version after this one: host, saasctl, migrations."""

    def __init__(self, folder):
        self.folder = folder
        done = subprocess.run(["make", "-s", "-f", "tests/faults/next.mk", f"OUT={folder}", f"BUILD={os.path.relpath(BUILD, ROOT)}"],
                              cwd=ROOT, capture_output=True, text=True, env=clean_environment())
        assert done.returncode == 0, done.stdout + done.stderr
        self.version = len(list((ROOT / "sql/pgsql").glob("*.sql"))) + 1

    def begin(self, database, works_from, *args):
        """Starts its migrate; its migration says with which builds it works."""
        sql = self.folder / "sql"
        shutil.rmtree(sql, ignore_errors=True)
        shutil.copytree(ROOT / "sql", sql)
        says = f"-- works-from: {works_from}\n" if works_from else ""
        for kind in ("pgsql", "sqlite"):
            (sql / kind / f"{self.version:04d}_next.sql").write_text(f"-- What the next version needs.\n{says}\nALTER TABLE audits ADD COLUMN"
                                                                     " mood text DEFAULT 'calm';\n")
        return subprocess.Popen([str(self.folder / "saasctl"), "--db", database.url, "--sql", str(sql), "migrate", *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())

    def saasctl(self, database, works_from, *args):
        """What became of it."""
        process = self.begin(database, works_from, *args)
        out, err = process.communicate(timeout=120)
        database.claim()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def on(self, httpd):
        """Has a server load its host."""
        own = httpd.module_lines
        httpd.module_lines = lambda: [f'LoadModule saas_module "{self.folder}/mod_saas.so"' if " saas_module " in line else line
                                      for line in own()]


@pytest.fixture(scope="module")
def release(places):
    folder = places.folder("next")
    folder.chmod(0o755)
    return Release(folder)


@pytest.fixture
def node(databases, db_kind):
    """A database of the test's own with a server of this version on it."""
    scratch = Places()
    site = Site(databases.fresh(db_kind, scratch), conf=CONF, places=scratch, with_stripe=False)
    try:
        for page in ("user",):
            site.httpd.page(f"{page}/index.html", "<p>words</p>")
        yield site.start()
    finally:
        site.close()


def another(site, release=None):
    """One more node on the same database."""
    made = Site(site.database, conf=CONF, with_stripe=False)
    made.httpd.page("user/index.html", "<p>words</p>")
    if release:
        release.on(made.httpd)
    return made.start()


def token_of(person):
    return {"Authorization": f"Bearer {person.new_token(organization=person.org['id'])['token']}"}


def assert_all_granted(load, least=20):
    outcomes = load.outcomes()
    assert set(outcomes) == {200} and outcomes[200] >= least, (outcomes, [row for row in load.seen if row[2] != 200][:5])


def test_expand_then_node_after_node_without_a_failed_request(node, release):
    person = node.register()
    headers = token_of(person)
    with Load(node.httpd.port, PATHS, headers, threads=3) as load:
        load.wait_for(200, 0)
        done = release.saasctl(node.database, release.version - 1)
        assert done.returncode == 0, done.stderr
        newer = another(node, release)
        try:
            with Load(newer.httpd.port, PATHS, headers, threads=3) as beside:
                beside.wait_for(200, 0)
                # What one node writes, the other has: both versions are at work.
                made = newer.nobody().post("auth/tokens/", headers=headers, json={"name": "made by the newer"})
                assert made.status_code in (201, 403), made.text
                seen = len(load.seen)
                while len(load.seen) < seen + 60:
                    assert set(load.outcomes()) == {200}, load.outcomes()
            assert_all_granted(beside)
            load.going = False
            for thread in load.threads:
                thread.join(40)
            assert_all_granted(load)
            node.stop()
            assert newer.nobody().get("/user/", headers=headers).status_code == 200, "the last node of the older version has gone"
            assert newer.nobody().get("audits/", headers=headers).status_code == 200
        finally:
            newer.httpd.stop()


def test_a_version_can_be_taken_back(node, release):
    """Expanded and nothing contracted: a node of this version starts on the newer schema."""
    person = node.register()
    headers = token_of(person)
    node.stop()
    assert release.saasctl(node.database, release.version - 1).returncode == 0
    node.start()
    assert node.nobody().get("audits/", headers=headers).status_code == 200
    assert node.saasctl("org", "list").count("\n") == 1, "saasctl of this version works on it, too"


def test_contracted_the_older_nodes_are_refused(node, release):
    """A migration that says nothing, or of this version no more, leaves no node of before at work - and none is let in."""
    person = node.register()
    headers = token_of(person)
    done = release.saasctl(node.database, None)
    assert done.returncode == 0, done.stderr
    with Load(node.httpd.port, ["/api/v1/audits/"], headers, threads=1) as load:
        load.wait_for(503, 0)
    assert set(load.outcomes()) <= {200, 503}
    # Each child notices by itself, and keeps it.
    end, refused = time.monotonic() + 60, 0
    while refused < 40:
        status = node.nobody().get("audits/", headers=headers).status_code
        assert status in (200, 503) and time.monotonic() < end, status
        refused = refused + 1 if status == 503 else 0
    refused = node.saasctl("org", "list", check=False)
    assert refused.returncode == 3 and f"version {release.version}" in refused.stderr
    newer = another(node, release)
    try:
        assert newer.nobody().get("audits/", headers=headers).status_code == 200
    finally:
        newer.httpd.stop()


@pytest.mark.parametrize("works_from, words", [(1, "works-from is a version"), (99, "works-from is a version"), (0, None)])
def test_what_a_migration_may_say(node, release, works_from, words):
    done = release.saasctl(node.database, works_from)
    assert (done.returncode == 2 and words in done.stderr) if words else done.returncode == 0


def test_the_plan_says_who_goes_on_working(node, release):
    plan = release.saasctl(node.database, release.version - 1, "--plan")
    head, row = (line.split("\t") for line in plan.stdout.splitlines())
    assert head == ["version", "name", "older_nodes", "locks"] and row[:2] == [str(release.version), f"{release.version:04d}_next"]
    assert row[2] == f"of version {release.version - 1} on go on working"
    assert "answer 503 until" in release.saasctl(node.database, None, "--plan").stdout
    rows = node.database.execute("SELECT count(*) FROM schema_migrations")
    assert rows[0][0] == release.version - 1, "a plan changes nothing"


@pytest.mark.only_db("pgsql")
def test_a_migration_does_not_queue_up_those_behind_it(node, release):
    """Somebody's open transaction holds the table: those who read are let through between the turns, and once it ends, it is done."""
    headers = token_of(node.register())
    holder = node.database.connect()
    holder.autocommit = False
    holder.cursor().execute("SELECT count(*) FROM audits")
    results = []
    migration = threading.Thread(target=lambda: results.append(release.saasctl(node.database, release.version - 1)))
    try:
        with Load(node.httpd.port, ["/api/v1/audits/"], headers, threads=2) as load:
            migration.start()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%mood%'"
            while not node.database.execute(waits)[0][0]:
                assert migration.is_alive(), results
            seen = len(load.seen)
            while len(load.seen) < seen + 10:
                assert migration.is_alive(), results
            holder.rollback()
            migration.join(60)
        assert results and results[0].returncode == 0, results
        assert set(load.outcomes()) == {200}, load.outcomes()
    finally:
        holder.close()
        migration.join(90)


@pytest.mark.only_db("pgsql")
def test_a_migration_that_is_killed_has_done_nothing(node, release):
    """While it waits for a table, with half of its file done: the next run goes on from what was there."""
    holder = node.database.connect()
    holder.autocommit = False
    holder.cursor().execute("SELECT count(*) FROM audits")
    try:
        migration = release.begin(node.database, release.version - 1)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%mood%'"
        while not node.database.execute(waits)[0][0]:
            assert migration.poll() is None
        migration.kill()
        migration.wait(30)
    finally:
        holder.close()
    assert node.database.execute("SELECT max(version) FROM schema_migrations")[0][0] == release.version - 1
    done = release.saasctl(node.database, release.version - 1)
    assert done.returncode == 0 and "applied" in done.stdout, done.stderr


@pytest.mark.only_db("pgsql")
def test_the_plan_of_a_database_of_before(databases, places, cluster):
    """Locks and rows of what it would touch."""
    old = Pgsql(cluster, f"saas_plan_{os.getpid()}", to=21)
    seed.person(old, "!", "ada@example.test", "Ada", "Acme")
    old.execute("ANALYZE audits")
    lines = [line.split("\t") for line in saasctl(old.url, "migrate", "--plan").splitlines()]
    assert lines[1][:2] == ["22", "0022_score_details"] and lines[1][2].startswith("answer 503 until they are updated to 22")
    assert lines[1][3] == "audits: ACCESS EXCLUSIVE (about 0 rows)"
