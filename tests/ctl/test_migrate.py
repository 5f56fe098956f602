"""Bad days of a migration: killed, several at once, a full disk, the wrong role. A clear message, nothing lost, and the next run goes
on. (Nodes at work meanwhile: tests/faults/test_upgrade.py.)
"""

import os
import re
import resource
import secrets
import subprocess
import time

import pytest

from saastest import BUILD, ROOT, Places, Postgres, saasctl, seed
from saastest.places import clean_environment, give
from saastest.postgres import bindir
from saastest.site import Pgsql

pytestmark = pytest.mark.long(40)
pgsql = pytest.mark.only_db("pgsql")
sqlite = pytest.mark.only_db("sqlite")
LAST = len(list((ROOT / "sql" / "sqlite").glob("*.sql")))


@pytest.fixture
def empty(db_kind, request, places):
    """Makes databases that nothing has been done to; the URL of each."""
    def make():
        name = "troubled_" + secrets.token_hex(6)
        if db_kind == "sqlite":
            return f"sqlite:{places.path / name}.db"
        cluster = request.getfixturevalue("cluster")
        cluster.database(name)
        return cluster.url(name)
    return make


def begin(url, *args, **more):
    return subprocess.Popen([str(BUILD / "bin" / "saasctl"), "--db", url, "migrate", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=clean_environment(SAASCTL_SQL=ROOT / "sql"), **more)


def structure(url):
    """All that migrations have made, as the database itself writes it."""
    kind, _, where = url.partition(":")
    if kind == "pgsql":
        done = subprocess.run([str(bindir() / "pg_dump"), "--schema-only", "-d", where], capture_output=True, text=True, check=True,
                              env=clean_environment())
        return re.sub(r"(?m)^(--|\\).*\n", "", done.stdout)
    done = subprocess.run(["sqlite3", where, ".schema"], capture_output=True, text=True, check=True)
    return sorted(done.stdout.splitlines())


@pytest.fixture
def fresh(empty):
    url = empty()
    saasctl(url, "migrate")
    return structure(url)


@pytest.fixture
def whole(empty):
    """The seconds that a run takes here which nothing disturbs."""
    url, begun = empty(), time.monotonic()
    saasctl(url, "migrate")
    return time.monotonic() - begun


def assert_whole(url, fresh):
    assert structure(url) == fresh
    assert [line.split("\t")[0] for line in saasctl(url, "migrate", "--status").splitlines()[1:]] == [str(n + 1) for n in range(LAST)]
    assert "nothing to do" in saasctl(url, "migrate")


def test_killed_again_and_again(empty, fresh, whole):
    """Each run gets a little further, or not; what is there is whole files."""
    url, kills, seconds = empty(), 0, whole / 20
    while True:
        run = begin(url)
        try:
            out, err = run.communicate(timeout=seconds)
            break
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            kills += 1
            seconds *= 1.25
    assert run.returncode == 0, err
    assert kills >= 3, "it was never killed on its way"
    assert_whole(url, fresh)


def test_several_at_once(empty, fresh):
    url = empty()
    runs = [begin(url) for _ in range(4)]
    said = [(*run.communicate(timeout=120), run.returncode) for run in runs]
    assert {code for _, _, code in said} == {0}, said
    applied = re.findall(r"applied (\d+)_", "".join(out for out, _, _ in said))
    assert sorted(map(int, applied)) == list(range(1, LAST + 1)), "each by one of them"
    assert_whole(url, fresh)


# ------------------------------------------------------------- full disk --

@sqlite
@pytest.mark.parametrize("since", [0, 10], ids=["the first time", "an update"])
def test_a_full_disk_of_sqlite(empty, fresh, since):
    """Files grow so far and no further; each time there is a little more room."""
    url, full = empty(), 0
    if since:
        saasctl(url, "migrate", "--to", str(since))
    for room in range(50_000, 3_000_000, 100_000):
        run = begin(url, restore_signals=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
        out, err = run.communicate(timeout=60)
        if run.returncode == 0:
            break
        full += 1
        assert run.returncode == 3 and "full" in err and "run it again" in err, (out, err)
    assert full >= 2 and run.returncode == 0, (out, err)
    assert_whole(url, fresh)


@pytest.fixture
def small(db_kind):
    """A cluster on a disk of its own, which can be filled."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    places = Places()
    disk = places.folder("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(disk)], check=True)
    try:
        cluster = Postgres()
        cluster.data = disk / "pg"
        give(disk, cluster.user)
        try:
            yield cluster.create()
        finally:
            cluster.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        places.close()


@pgsql
def test_a_full_disk_of_postgresql(small, fresh):
    database = Pgsql(small, "full", to=10)
    database.execute("INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES (?, 'Acme', 'acme', ?, ?)", seed.uuid7(), seed.now(), seed.now())
    small.sql("full", "CHECKPOINT")
    filler, disk = small.data / "filler", os.statvfs(small.data)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - 150_000)
    done = saasctl(database.url, "migrate", check=False)
    assert done.returncode == 3 and "No space left on device" in done.stderr and "make room, and run it again" in done.stderr, done
    filler.unlink()
    saasctl(database.url, "migrate")
    assert_whole(database.url, fresh)
    assert database.execute("SELECT name FROM organizations") == [("Acme",)]


# ------------------------------------------------------------ wrong role --

@pgsql
def test_httpds_role_makes_nothing(cluster, empty):
    url = empty()
    name = url.partition("dbname=")[2].split()[0]
    theirs = "pgsql:" + cluster.dsn(name, cluster.APP)
    done = saasctl(theirs, "migrate", check=False)
    assert done.returncode == 3 and "connect as the owner of the database" in done.stderr
    assert cluster.sql(name, "SELECT count(*) FROM pg_class WHERE relname = 'schema_migrations'") == [(0,)]
    saasctl(url, "migrate", "--to", "20")
    done = saasctl(theirs, "migrate", check=False)
    assert done.returncode == 3 and "the schema belongs to saas_owner: connect as that role" in done.stderr
    assert len(saasctl(url, "migrate", "--status").splitlines()) == LAST + 1


@pgsql
def test_an_owner_that_may_not_make_roles(db_kind):
    """In a cluster that has not got them yet."""
    cluster = Postgres().create()
    try:
        cluster.sql("postgres", "DROP ROLE saas_app", "CREATE ROLE plain LOGIN", "CREATE DATABASE plain OWNER plain")
        url = "pgsql:" + cluster.dsn("plain", "plain")
        done = saasctl(url, "migrate", check=False)
        assert done.returncode == 3 and "0001_roles.sql failed, nothing of it was applied" in done.stderr and "CREATEROLE" in done.stderr
        cluster.sql("postgres", "ALTER ROLE plain CREATEROLE")
        assert f"applied {LAST:04d}" in saasctl(url, "migrate")
    finally:
        cluster.close()


@pgsql
def test_a_superusers_run_leaves_nothing_of_his_own(cluster, empty, fresh):
    """The next run is the owner's again, and can go on."""
    url = empty()
    name = url.partition("dbname=")[2].split()[0]
    saasctl(url, "migrate", "--to", "10")
    saasctl("pgsql:" + cluster.dsn(name, "postgres"), "migrate", "--to", str(LAST - 1))
    assert cluster.sql(name, "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace") \
        == [("saas_owner",)]
    saasctl(url, "migrate")
    assert_whole(url, fresh)


@pgsql
def test_a_table_that_was_given_away(cluster, empty, fresh):
    url = empty()
    name = url.partition("dbname=")[2].split()[0]
    saasctl(url, "migrate", "--to", "20")
    cluster.sql(name, "ALTER TABLE audits OWNER TO postgres")
    done = saasctl(url, "migrate", check=False)
    assert done.returncode == 3 and "must be owner of table audits" in done.stderr and "OWNER TO that role" in done.stderr
    cluster.sql(name, "ALTER TABLE audits OWNER TO saas_owner")
    saasctl(url, "migrate")
    assert_whole(url, fresh)
