"""Migrations are append-only: what has landed is in sql/checksums and never changes, and a filled database of every earlier
version becomes what a fresh one is, with its rows.
"""

import hashlib
import re
import shutil
import subprocess

import pytest

import fillings
import locks
import source
from saastest import ROOT, Api, Places, Site, saasctl
from saastest.places import clean_environment, program
from saastest.site import Pgsql, Sqlite
from test_schema import catalog_of, version

SQL = ROOT / "sql"
WAY_OUT = "a migration that has landed is never changed: write a new one, and take it into the list with `make sql-checksums`"


def recorded():
    return {name: checksum for checksum, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", (SQL / "checksums").read_text(), re.M)}


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files():
    return {str(path.relative_to(SQL)): path for path in source.files("sql/pgsql/*", "sql/sqlite/*")}


def test_each_file_is_as_it_has_landed():
    changed = sorted(name for name, path in files().items() if name in recorded() and recorded()[name] != checksum(path))
    assert not changed, f"{changed}: {WAY_OUT}"


def test_each_file_is_in_the_list_and_the_list_has_no_other():
    assert sorted(files()) == sorted(recorded()), f"{sorted(set(files()) ^ set(recorded()))}: {WAY_OUT}"
    assert len((SQL / "checksums").read_text().splitlines()) == len(recorded()), "a line that is none, or twice"


def test_a_database_records_the_same_checksums(migrated):
    rows = catalog_of(migrated).ask("SELECT name, checksum FROM schema_migrations")
    assert {f"{migrated.kind}/{name}.sql": text for name, text in rows} == {name: text for name, text in recorded().items() if name.startswith(migrated.kind)}


@pytest.fixture
def tree():
    """Enough of the project to run the target, elsewhere."""
    places = Places()
    root = places.folder("tree")
    for name in ("Makefile", "apxs.mk", "mod_saas/rooms.mk"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(SQL, root / "sql")
    yield root
    places.close()


def take_in(tree):
    return subprocess.run([program("make"), "-s", "-C", str(tree), "sql-checksums"], capture_output=True, text=True, env=clean_environment())


def test_a_new_file_is_taken_into_the_list(tree):
    before = (tree / "sql/checksums").read_text()
    (tree / "sql/pgsql/9001_new.sql").write_text("SELECT 1;\n")
    assert take_in(tree).returncode == 0
    after = (tree / "sql/checksums").read_text()
    assert after == before + f"{checksum(tree / 'sql/pgsql/9001_new.sql')}  pgsql/9001_new.sql\n"
    assert take_in(tree).returncode == 0 and (tree / "sql/checksums").read_text() == after


def test_a_changed_file_is_not(tree):
    before = (tree / "sql/checksums").read_text()
    path = tree / "sql/sqlite/0003_audits.sql"
    path.write_text(path.read_text() + "\n")
    (tree / "sql/sqlite/9001_new.sql").write_text("SELECT 1;\n")
    done = take_in(tree)
    assert done.returncode != 0 and "sqlite/0003_audits.sql" in done.stdout + done.stderr and "write a new one" in done.stderr
    assert (tree / "sql/checksums").read_text() == before


def test_the_locks_of_each_are_told(cluster):
    assert (SQL / "locks").read_text() == locks.measure(cluster), "run `make sql-locks`"


# ----------------------------------------------------- from every version --

@pytest.fixture(scope="module")
def make_database(request, db_kind, places):
    def make(name, to, copied=None):
        if db_kind == "sqlite":
            return Sqlite(places, name + ".db", copied and copied.path, to=to)
        return Pgsql(request.getfixturevalue("cluster"), "saas_" + name, copied and copied.name, to=to)
    return make


def structure(database):
    """The catalog in words, without what schema_migrations says of times."""
    dump = catalog_of(database).dump()
    return dump[0] if database.kind == "pgsql" else [row for row in dump if row[0] in ("table", "index", "trigger", "view")]


@pytest.fixture(scope="module")
def fresh(make_database):
    return structure(make_database("fresh", None))


def insert(database, tables):
    mark = "?" if database.kind == "sqlite" else "%s"
    connection = database.connect()
    try:
        cursor = connection.cursor()
        for table, rows in tables:
            for row in rows or ():
                cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join([mark] * len(row))})", list(row.values()))
    finally:
        connection.close()


def gone(table, column, since, upto):
    """Does a migration after a version take it away?"""
    return any({(number, table), (number, table, column)} & fillings.GONE for number in range(since + 1, upto + 1))


def assert_filled(database, upto):
    """Every table that there is has rows, and every column a value: of what is empty nothing can be lost."""
    catalog = catalog_of(database)
    made = [(number, table) for number, tables in fillings.ROWS.items() for table, _ in tables]
    made += [(number, table) for table, number in fillings.TRIGGERED[database.kind].items()]
    told = {table for number, table in made if number <= upto and not gone(table, None, number, upto)}
    tables = catalog.tables() - {"schema_migrations"}
    assert tables == told, f"version {upto} has {sorted(tables ^ told)} without rows, or not at all: tests/guards/fillings.py"
    empty = []
    for table in sorted(tables):
        columns = list(catalog.columns(table))
        values = catalog.ask(f"SELECT {', '.join(f'count({column})' for column in columns)} FROM {table}")[0]
        empty += [f"{table}.{column}" for column, there in zip(columns, values) if not there]
    assert not empty, f"version {upto} has no value in {empty}: tests/guards/fillings.py"


@pytest.fixture(scope="module")
def filled(make_database):
    """Databases by version: each one's rows were written in the version that they are told for, one migration after the other
    on one database, of which each is the copy that was made on the way."""
    growing, copies = make_database("growing", 1), {}
    for number in range(1, version() + 1):
        saasctl(growing.url, "migrate", "--to", str(number))
        insert(growing, fillings.ROWS.get(number, ()))
        copies[number] = make_database(f"filled{number}", None, growing)
    return copies


def columns_of(database):
    """Of each table whose rows are ours its columns, sorted."""
    catalog = catalog_of(database)
    tables = catalog.tables() - {"schema_migrations"} - fillings.TRIGGERED[database.kind].keys()
    return {table: sorted(catalog.columns(table)) for table in sorted(tables)}


def rows_of(database, columns):
    """Of each table its rows, as the database writes them."""
    ask, texts = catalog_of(database).ask, {table: ", ".join(f"CAST({name} AS text)" for name in names) for table, names in columns.items()}
    return {table: [dict(zip(names, row)) for row in ask(f"SELECT {texts[table]} FROM {table}")] for table, names in columns.items()}


def carried(since, table, column, value):
    """What the migrations after a version make of a value."""
    for number in range(since + 1, version() + 1):
        value = fillings.CHANGED.get((number, table, column), lambda same: same)(value)
    return value


def in_order(rows):
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


# The newest, too: what it has made is full before there is a next one.
@pytest.mark.parametrize("since", range(1, version() + 1))
def test_a_filled_database_becomes_what_a_fresh_one_is(filled, fresh, since):
    database = filled[since]
    assert_filled(database, since)
    assert [row[0] for row in catalog_of(database).ask("SELECT version FROM schema_migrations ORDER BY version")] == list(range(1, since + 1))
    columns = columns_of(database)
    before = rows_of(database, columns)
    saasctl(database.url, "migrate")
    assert structure(database) == fresh
    there, stays = columns_of(database), {}
    for table, names in columns.items():
        stays[table] = [name for name in names if not gone(table, name, since, version())]
        found = [name for name in names if name in there.get(table, ())]
        assert found == stays[table], f"{table}: {sorted(set(found) ^ set(stays[table]))} is gone, or is not: GONE in tests/guards/fillings.py"
    stays = {table: names for table, names in stays.items() if names}
    after = rows_of(database, stays)
    for table, names in stays.items():
        expected = [{name: carried(since, table, name, row[name]) for name in names} for row in before[table]]
        assert in_order(after[table]) == in_order(expected), f"{table}: other rows than before: CHANGED in tests/guards/fillings.py"


@pytest.mark.parametrize("since", [2, version() - 1])
def test_a_server_works_on_it(make_database, filled, since):
    """Who was logged in still is, with role, organizations and audits."""
    database = make_database(f"serves{since}", None, filled[since])
    saasctl(database.url, "migrate")
    listed = saasctl(database.url, "org", "list")
    assert all(f"organization-{n}" in listed for n in (0, 1))
    database.claim()
    site = Site(database, with_stripe=False)
    try:
        site.start()
        person = Api(site.base)
        person.http.cookies.set("saas_session", fillings.COOKIE)
        me = person.ok("GET", "auth/me/")
        assert me["email"] == "Person0@example.test"
        org = person.ok("GET", "organizations/organization-0/")
        assert org["has_active_subscription"] and org["role"] == "ADMIN"
        audits = {audit["name"]: audit["id"] for audit in person.ok("GET", "audits/")["results"]}
        assert ("weekly" in audits) == (since >= 3)
        if audits:
            assert person.get(f"audits/{audits['weekly']}/export/csv/").text.count("\r\n") == 3
        assert person.get("organizations/organization-1/").status_code == 404
    finally:
        site.close()


@pytest.mark.parametrize("to", ["0", str(version() + 1), "two", "", "-1", "3x"])
def test_a_version_that_there_is_not(places, to):
    done = saasctl(f"sqlite:{places.folder('db')}/none.db", "migrate", "--to", to, check=False)
    assert done.returncode == 2 and f"1 to {version()}" in done.stderr


def test_an_earlier_version_than_there_is_changes_nothing(make_database):
    database = make_database("newest", None)
    before = structure(database)
    assert f"version {version()}" in saasctl(database.url, "migrate", "--to", "3")
    assert structure(database) == before
