"""Saved and brought back: a database with everything in it, while httpd serves it - SQLite by saasctl's own commands,
PostgreSQL by its programs, as docs/backup.md tells."""

import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import threading
import time

import pytest

from operators import ADA, BOB
from saastest import Api, Postgres, Site, saasctl, seed
from saastest.places import BUILD, clean_environment
from saastest.postgres import bindir
from saastest.site import Pgsql, Sqlite


sqlite_only = pytest.mark.only_db("sqlite")


def rows(database):
    """Every table's rows, in no order."""
    if database.kind == "sqlite":
        tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        return {table: sorted(map(repr, database.execute(f"SELECT * FROM {table}"))) for table in tables}
    tables = [name for name, in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {table: sorted(row for row, in database.execute(f"SELECT {table}::text FROM {table}")) for table in tables}


# -------------------------------------------------------------------------------------- SQLite --

@pytest.fixture
def folder(tmp_path):
    return tmp_path


@sqlite_only
def test_a_copy_has_all_rows_in_one_file_that_is_its_owners(ctl, acme, folder):
    file = folder / "monday.db"
    told = ctl.ok("backup", str(file))
    info = os.lstat(file)
    assert told == {"file": str(file), "bytes": info.st_size, "version": told["version"]}
    assert stat.S_IMODE(info.st_mode) == 0o600 and sorted(os.listdir(folder)) == ["monday.db"]
    with open(file, "rb") as copy:
        assert copy.read(20)[18:20] == b"\x01\x01", "needs a write-ahead log beside it"
    before = rows(ctl.database)
    assert any(before["users"]) and any(before["memberships"])
    copied = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
    assert {table: sorted(map(repr, copied.execute(f"SELECT * FROM {table}"))) for table in before} == before
    copied.close()


@sqlite_only
def test_a_copy_is_of_one_moment(ctl, acme, folder):
    """Whatever is written meanwhile: two rows of one transaction are both in it, or neither."""
    ctl.database.execute("CREATE TABLE pair_a (n INTEGER)")
    ctl.database.execute("CREATE TABLE pair_b (n INTEGER, filler BLOB)")
    stop, wrote = threading.Event(), []

    def write():
        connection = ctl.database.connect()
        connection.execute("PRAGMA busy_timeout = 30000")
        while not stop.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO pair_a VALUES (?)", (len(wrote),))
            connection.execute("INSERT INTO pair_b VALUES (?, zeroblob(20000))", (len(wrote),))
            connection.execute("COMMIT")
            wrote.append(1)
        connection.close()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(8):
            ctl.ok("backup", str(folder / f"{n}.db"))
    finally:
        stop.set()
        writer.join()
    seen = []
    for n in range(8):
        copy = sqlite3.connect(folder / f"{n}.db")
        a, b = (copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("pair_a", "pair_b"))
        copy.close()
        assert a == b
        seen.append(a)
    assert seen == sorted(seen) and seen[-1] > seen[0] and len(wrote) >= seen[-1], "nobody wrote meanwhile"


@sqlite_only
def test_a_backup_replaces_nothing(ctl, acme, folder):
    file = folder / "there.db"
    file.write_text("precious")
    assert "is there already" in ctl.fails(1, "backup", str(file))
    assert file.read_text() == "precious" and os.listdir(folder) == ["there.db"]
    (folder / "new.db.part").write_text("of another run")
    assert "another backup" in ctl.fails(1, "backup", str(folder / "new.db"))
    assert not (folder / "new.db").exists()
    assert "No such file" in ctl.fails(1, "backup", str(folder / "nowhere" / "x.db"))


@sqlite_only
def test_a_full_disk_leaves_no_half_a_copy(ctl, acme, folder):
    argv = [str(BUILD / "bin" / "saasctl"), "--db", ctl.database.url, "backup", str(folder / "half.db")]
    done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, timeout=60, restore_signals=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert done.returncode == 1 and "no backup was made" in done.stderr and not done.stdout, done
    assert os.listdir(folder) == []


@sqlite_only
def test_a_restored_database_counts_at_once(ctl, acme, folder):
    """httpd goes on meanwhile: what it has cached of the state before is worth nothing, though a change has the same
    number in both histories."""
    site = Site(ctl.database, with_stripe=False)
    try:
        site.start()
        people = {name: Api(site.base, ctl.ok("token", "create", "--user", name, "--name", "x")["token"]) for name in (ADA, BOB)}
        ctl.ok("backup", str(folder / "copy.db"))
        before = rows(ctl.database)
        ctl.ok("member", "role", "acme", BOB, "--role", "ADMIN")
        assert people[BOB].ok("GET", "organizations/acme/")["role"] == "ADMIN"
        people[ADA].ok("PUT", "organizations/acme/", json={"name": "Changed"})
        ctl.ok("restore", str(folder / "copy.db"), "--replace")
        me = people[BOB].ok("GET", "organizations/acme/")
        assert (me["role"], me["name"]) == ("MEMBER", "Acme")
        after = rows(ctl.database)
        for table in ("users", "organizations", "memberships", "activity"):
            assert after[table] == before[table], table
        people[ADA].ok("PUT", "organizations/acme/", json={"name": "Goes on"})
    finally:
        site.close()


@sqlite_only
def test_into_a_place_where_there_is_none(ctl, acme, folder, places):
    file = folder / "copy.db"
    ctl.ok("backup", str(file))
    there = places.folder("new")
    saasctl(f"sqlite:{there}/saas.db", "restore", str(file))
    assert saasctl(f"sqlite:{there}/saas.db", "user", "list") == saasctl(ctl.database.url, "user", "list")


@sqlite_only
def test_what_is_no_copy_changes_nothing(ctl, acme, folder):
    good, before = folder / "good.db", rows(ctl.database)
    ctl.ok("backup", str(good))

    def bad(name, text):
        (folder / name).write_bytes(text)
        return str(folder / name)
    whole = good.read_bytes()
    newer = folder / "newer.db"
    shutil.copy(good, newer)
    connection = sqlite3.connect(newer)
    connection.execute("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'x', 'x', 'x')")
    connection.commit()
    connection.execute("CREATE TABLE other (n)")
    connection.close()
    foreign = folder / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE mine (n)")
    connection.close()
    cases = [
        (bad("text.db", b"no database at all, only words" * 40), "not a database"),
        (bad("empty.db", b""), "no database of mod_saas"),
        (bad("cut.db", whole[:len(whole) // 2]), "malformed|damaged"),
        (bad("hurt.db", whole[:8192] + os.urandom(8192) + whole[16384:]), "malformed|damaged"),
        (str(newer), "version 9999"), (str(foreign), "no database of mod_saas"), (str(folder / "none.db"), "unable to open"),
    ]
    for path, word in cases:
        said = ctl.fails(1, "restore", path, "--replace")
        assert re.search(word, said), (path, said)
    assert "the database itself" in ctl.fails(2, "restore", str(ctl.database.path), "--replace")
    assert "say --replace" in ctl.fails(1, "restore", str(good))
    assert rows(ctl.database) == before


@sqlite_only
def test_an_earlier_version_is_restored_and_says_that_it_wants_migrating(ctl, folder, places):
    old = Sqlite(places, "old.db", to=5)
    saasctl(old.url, "backup", str(folder / "old.db"))
    done = ctl.run("restore", str(folder / "old.db"), "--replace")
    assert done.returncode == 0 and "version 5" in done.stderr and "run saasctl migrate" in done.stderr, done
    ctl.ok("migrate")
    ctl.user(ADA)


# ---------------------------------------------------------------------------------- PostgreSQL --

@pytest.mark.only_db("pgsql")
def test_saasctl_names_the_programs_for_postgresql(ctl, folder):
    for command in ("backup", "restore"):
        assert "pg_dump" in ctl.fails(2, command, str(folder / "x"))


def as_superuser(cluster, program, *args, database=()):
    """A program of PostgreSQL's as an operator runs it on the database's machine."""
    argv = [str(bindir() / program), "--host", str(cluster.socket), "--username", "postgres", *database, *args]
    done = subprocess.run(argv, capture_output=True, text=True, env=clean_environment(), timeout=120)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.fixture
def elsewhere():
    """Another cluster, without any role or database of ours."""
    made = Postgres().create()
    made.sql("postgres", "DROP ROLE saas_owner", "DROP ROLE saas_app")
    yield made
    made.close()


class Restored(Pgsql):
    """A database that is there, not made."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.url = cluster, name, cluster.url(name)


@pytest.mark.only_db("pgsql")
def test_dumped_and_restored_in_another_cluster(ctl, acme, cluster, elsewhere, folder):
    """Roles, rows, row-level security; what another node had in its hands is taken over; changes are heard of."""
    ctl.org(ADA, "Gone")
    ctl.ok("org", "delete", "gone", "--purge")
    ctl.database.execute("UPDATE jobs SET state = 'running', lease_node = 'the-old-node', lease_owner = 'it', lease_until = ?, attempts = 1", seed.now())
    before, name = rows(ctl.database), ctl.database.name
    roles = as_superuser(cluster, "pg_dumpall", "--roles-only")
    as_superuser(cluster, "pg_dump", "--format=custom", f"--file={folder}/saas.dump", database=("--dbname", name))
    (folder / "roles.sql").write_text("".join(line + "\n" for line in roles.splitlines() if not re.match(r"(CREATE|ALTER) ROLE postgres\b", line)))
    as_superuser(elsewhere, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "roles.sql"), database=("--dbname", "postgres"))
    as_superuser(elsewhere, "pg_restore", "--create", "--exit-on-error", str(folder / "saas.dump"), database=("--dbname", "postgres"))
    there = Restored(elsewhere, name)
    assert rows(there) == before
    assert there.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1") == \
        ctl.database.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1")
    site = Site(there, with_stripe=False)
    try:
        site.start()
        person = Api(site.base, saasctl(there.url, "token", "create", "--user", BOB, "--name", "x").strip())
        assert person.ok("GET", "organizations/acme/")["role"] == "MEMBER"
        saasctl(there.url, "member", "role", "acme", BOB, "--role", "VIEWER")
        until = time.monotonic() + 10
        while person.ok("GET", "organizations/acme/")["role"] != "VIEWER":
            assert time.monotonic() < until, "nobody hears of changes"
        until = time.monotonic() + 30
        while there.execute("SELECT 1 FROM organizations WHERE slug = 'gone'"):
            assert time.monotonic() < until, "nobody does what the old node had begun"
            time.sleep(0.1)
    finally:
        site.close()

