"""The migrations, read off the catalogs of both databases after they have run."""

import re
import subprocess

import pytest

import source
from saastest import ROOT, saasctl
from saastest.places import program
from saastest.site import Pgsql, Sqlite

# Finds the organizations of a user, and so must lead with the user. A directory, no tenant table.
DIRECTORIES = {"user_organizations"}
# SQLite is never distributed by organization, and deleting a user has to find the memberships.
LOCAL_INDEXES = {"sqlite": {"memberships_user"}, "pgsql": set()}


def version():
    text = (ROOT / "mod_saas" / "core" / "schema.h").read_text()
    return int(re.search(r"^#define SAAS_SCHEMA_VERSION (\d+)$", text, re.M).group(1))


def test_both_folders_have_the_same_migrations():
    names = {kind: [p.name for p in source.files(f"sql/{kind}/*")] for kind in ("pgsql", "sqlite")}
    assert names["pgsql"] == names["sqlite"], f"{sorted(set(names['pgsql']) ^ set(names['sqlite']))}: a migration is a file of one name for each"
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names["pgsql"]), names["pgsql"]
    assert [int(name[:4]) for name in names["pgsql"]] == list(range(1, version() + 1)), \
        f"{names['pgsql']}: numbered from 1 without a gap to SAAS_SCHEMA_VERSION of mod_saas/core/schema.h, {version()}"


# ------------------------------------------------------------------ catalogs --

class SqliteCatalog:
    def __init__(self, database):
        self.ask = database.execute

    def tables(self):
        return {row[0] for row in self.ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")}

    def columns(self, table):
        """Names with: may it be NULL?"""
        return {row[0]: not row[1] for row in self.ask("SELECT name, \"notnull\" OR pk > 0 FROM pragma_table_info(?)", table)}

    def primary_key(self, table):
        return [row[0] for row in self.ask("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)]

    def indexes(self, table):
        """Columns of every index and unique constraint, by name."""
        names = [row[0] for row in self.ask("SELECT name FROM pragma_index_list(?)", table)]
        return {name: [row[0] for row in self.ask("SELECT name FROM pragma_index_info(?) ORDER BY seqno", name)] for name in names}

    def foreign_keys(self, table):
        """(referenced table, own columns) of each."""
        found = {}
        for key, target, column in self.ask('SELECT id, "table", "from" FROM pragma_foreign_key_list(?) ORDER BY id, seq', table):
            found.setdefault((key, target), []).append(column)
        return [(target, columns) for (_, target), columns in found.items()]

    def uniques(self, table):
        """Sets of columns that are unique, conditions aside."""
        names = [row[0] for row in self.ask("SELECT name FROM pragma_index_list(?) WHERE \"unique\"", table)]
        return {tuple(self.indexes(table)[name]) for name in names}

    def dump(self):
        return self.ask("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2") + self.ask("SELECT * FROM schema_migrations")


class PgsqlCatalog:
    COLUMNS = "(SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest({}) WITH ORDINALITY k(num, n)" \
              " JOIN pg_attribute a ON a.attrelid = {} AND a.attnum = k.num)"

    def __init__(self, database):
        self.database = database
        self.ask = database.execute

    def tables(self):
        return {row[0] for row in self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}

    def columns(self, table):
        return dict(self.ask("SELECT attname::text, NOT attnotnull FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0"
                             " AND NOT attisdropped", table))

    def primary_key(self, table):
        return self.ask(f"SELECT {self.COLUMNS.format('conkey', 'conrelid')} FROM pg_constraint WHERE conrelid = ?::regclass"
                        " AND contype = 'p'", table)[0][0]

    def indexes(self, table):
        return dict(self.ask(f"SELECT indexrelid::regclass::text, {self.COLUMNS.format('indkey::int2[]', 'indrelid')}"
                             " FROM pg_index WHERE indrelid = ?::regclass", table))

    def uniques(self, table):
        return {tuple(row[0]) for row in self.ask(f"SELECT {self.COLUMNS.format('indkey::int2[]', 'indrelid')} FROM pg_index"
                                                  " WHERE indrelid = ?::regclass AND indisunique", table)}

    def foreign_keys(self, table):
        return self.ask(f"SELECT confrelid::regclass::text, {self.COLUMNS.format('conkey', 'conrelid')} FROM pg_constraint"
                        " WHERE conrelid = ?::regclass AND contype = 'f'", table)

    def security(self, table):
        """(enabled, forced) of row-level security."""
        return self.ask("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = ?::regclass", table)[0]

    def dump(self):
        dump = subprocess.run([program("pg_dump"), "-s", self.database.cluster.dsn(self.database.name, "postgres")],
                              capture_output=True, text=True, check=True).stdout
        # Newer ones put a random word at both ends.
        return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.M), self.ask("SELECT * FROM schema_migrations ORDER BY 1")


def catalog_of(database):
    return {"sqlite": SqliteCatalog, "pgsql": PgsqlCatalog}[database.kind](database)


@pytest.fixture(scope="module")
def catalog(migrated):
    return catalog_of(migrated)


@pytest.fixture(scope="module")
def both(cluster, places):
    return catalog_of(Sqlite(places, "both.db")), catalog_of(Pgsql(cluster, "saas_guard_both"))


# ---------------------------------------------------------------- migrations --

def test_they_run_from_empty_and_are_recorded(migrated, catalog):
    rows = catalog.ask("SELECT version, name FROM schema_migrations ORDER BY version")
    assert [(v, n) for v, n in rows] == [(int(p.name[:4]), p.stem) for p in source.files(f"sql/{migrated.kind}/*.sql")]


def test_they_are_idempotent(migrated, catalog):
    before = catalog.dump()
    saasctl(migrated.url, "migrate")
    assert catalog.dump() == before


def test_a_changed_migration_is_refused(migrated, catalog):
    before = catalog.dump()
    catalog.ask("UPDATE schema_migrations SET checksum = 'x' || checksum WHERE version = 1")
    try:
        done = saasctl(migrated.url, "migrate", check=False)
        assert done.returncode == 1 and "0001" in done.stderr, done
    finally:
        catalog.ask("UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 1")
    assert catalog.dump() == before


def test_both_databases_have_the_same_tables_and_columns(both):
    sqlite, pgsql = both
    # PostgreSQL notifies what SQLite has to write down.
    assert sqlite.tables() - {"principal_changes"} == pgsql.tables()
    assert len(sqlite.tables()) > 10
    # saasctl makes the other one for itself, and SQLite's rowid is a key that it does not list.
    for table in pgsql.tables() - {"schema_migrations"}:
        assert sqlite.columns(table) == pgsql.columns(table), f"{table}: names, or which may be NULL"
        assert sqlite.primary_key(table) == pgsql.primary_key(table), table
        keys = [sorted((target, columns) for target, columns in c.foreign_keys(table)) for c in both]
        assert keys[0] == keys[1], f"{table}: foreign keys"
        assert sqlite.uniques(table) == pgsql.uniques(table), f"{table}: unique constraints"


# --------------------------------------------------------------------- rules --

def tenant_tables(catalog):
    found = {t for t in catalog.tables() if "org_id" in catalog.columns(t)} - DIRECTORIES
    assert {"memberships", "audits", "evidence", "activity"} <= found
    return sorted(found)


def test_the_organization_leads_every_key_of_a_tenant_table(migrated, catalog):
    wrong = []
    tenants = tenant_tables(catalog)
    for table in tenants:
        if catalog.columns(table)["org_id"]:
            wrong.append(f"{table}: org_id may be NULL")
        if catalog.primary_key(table)[:1] != ["org_id"]:
            wrong.append(f"{table}: primary key {catalog.primary_key(table)}")
        for name, columns in catalog.indexes(table).items():
            if columns[:1] != ["org_id"] and name not in LOCAL_INDEXES[migrated.kind]:
                wrong.append(f"{table}: index {name} {columns}")
        for target, columns in catalog.foreign_keys(table):
            # A table without organizations (users) cannot be reached through one.
            if columns[:1] != ["org_id"] and (target in tenants or target == "organizations"):
                wrong.append(f"{table}: foreign key {columns} to {target}")
        if ("organizations", ["org_id"]) not in [(t, list(c)) for t, c in catalog.foreign_keys(table)] \
                and not [1 for t, c in catalog.foreign_keys(table) if t in tenants and c[0] == "org_id"]:
            wrong.append(f"{table}: its org_id is tied to nothing")
    assert not wrong, "\n".join(wrong)


def test_directories_and_exceptions_still_exist(migrated, catalog):
    assert DIRECTORIES <= catalog.tables()
    indexes = {name for table in catalog.tables() for name in catalog.indexes(table)}
    assert LOCAL_INDEXES[migrated.kind] <= indexes


@pytest.mark.only_db("pgsql")
def test_row_level_security_is_forced_on_tenant_tables(catalog):
    for table in [*tenant_tables(catalog), "organizations"]:
        assert catalog.security(table) == (True, True), f"{table} (enabled, forced)"
        policies = dict(catalog.ask("SELECT roles::text, qual FROM pg_policies WHERE tablename = ?", table))
        column = "id" if table == "organizations" else "org_id"
        assert policies.get("{saas_app}") == f"({column} = saas_organization())", f"{table}: {policies}"
        checks = [row[0] for row in catalog.ask("SELECT with_check FROM pg_policies WHERE tablename = ? AND roles = '{saas_app}'", table)]
        assert checks == [f"({column} = saas_organization())"], f"{table}: what may be written"
        assert "{public}" not in policies


@pytest.mark.only_db("pgsql")
def test_the_application_role_can_reach_only_what_rows_or_grants_confine(catalog):
    """saas_app reads tables without row-level security only where that is meant, and writes none of them."""
    open_tables = {}
    for table in catalog.tables():
        if not catalog.security(table)[0]:
            rights = [right for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
                      if catalog.ask("SELECT has_table_privilege('saas_app', ?, ?)", table, right)[0][0]]
            if rights:
                open_tables[table] = rights
    assert open_tables == {"user_organizations": ["SELECT"], "schema_migrations": ["SELECT"]}
    shown = {row[0] for row in catalog.ask(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0"
        " AND has_column_privilege('saas_app', 'users', attnum, 'SELECT')")}
    assert shown == {"id", "email", "email_key", "name"}
    roles = catalog.ask("SELECT rolname, rolsuper, rolbypassrls, rolinherit FROM pg_roles WHERE rolname IN ('saas_app', 'saas_system')")
    assert all(not superuser and not bypass for _, superuser, bypass, _ in roles) and len(roles) == 2
    assert not [r for r in roles if r[0] == "saas_app" and r[3]], "saas_app must be NOINHERIT"
    owned = catalog.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner IN ('saas_app', 'saas_system')")
    assert not owned


@pytest.mark.only_db("pgsql")
def test_functions_that_run_as_their_owner_fix_their_path(catalog):
    loose = catalog.ask("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
                        " AND NOT coalesce(proconfig::text, '') LIKE '%search_path=%'")
    assert not loose, loose
