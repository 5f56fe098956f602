"""PostgreSQL's own guard: whatever httpd's connection is made to ask, it sees one organization or none."""

import psycopg2
import pytest

from saastest import seed

pytestmark = pytest.mark.only_db("pgsql")


@pytest.fixture
def app(site):
    connection = site.database.cluster.connect(site.database.name, site.database.cluster.APP)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def rows(site, databases, alice, bob):
    for person in (alice, bob):
        seed.audit(site.database, person.org["id"], [("r", "c", "PASS", "low", "x")])
    return site


def ask(connection, sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def tenant_tables(connection):
    """Every table with an organization in its key."""
    return [r[0] for r in ask(connection, """
        SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'org_id' AND c.relname <> 'user_organizations'
        UNION SELECT 'organizations' ORDER BY 1""")]


def test_there_are_tenant_tables(rows, app):
    assert {"organizations", "memberships", "audits", "evidence", "invites", "activity", "subscriptions"} <= set(tenant_tables(app))


def test_without_an_organization_nothing_is_visible(rows, app):
    for table in tenant_tables(app):
        assert ask(app, f'SELECT count(*) FROM "{table}"') == [(0,)], table


def test_row_security_is_on_and_forced_on_every_tenant_table(rows, app):
    for name, on, forced in ask(app, "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = ANY(%s) AND relkind IN ('r', 'p')", tenant_tables(app)):
        assert on and forced, name


@pytest.mark.parametrize("table", ["organizations", "audits", "evidence", "memberships"])
def test_one_organization_sees_only_itself(rows, app, alice, table):
    ask(app, "BEGIN")
    ask(app, "SELECT set_config('saas.organization', %s, true)", alice.org["id"])
    column = "id" if table == "organizations" else "org_id"
    assert {str(r[0]) for r in ask(app, f"SELECT DISTINCT {column} FROM {table}")} == {alice.org["id"]}
    ask(app, "ROLLBACK")


def test_an_organization_cannot_write_into_another(rows, app, alice, bob):
    ask(app, "BEGIN")
    ask(app, "SELECT set_config('saas.organization', %s, true)", alice.org["id"])
    assert ask(app, "UPDATE audits SET name = 'stolen' WHERE org_id = %s", bob.org["id"]) == 0
    assert ask(app, "DELETE FROM memberships WHERE org_id = %s", bob.org["id"]) == 0
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(app, "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES (%s, %s, 'ADMIN', now(), now())", bob.org["id"], alice.user["id"])
    ask(app, "ROLLBACK")
    ask(app, "BEGIN")
    ask(app, "SELECT set_config('saas.organization', %s, true)", alice.org["id"])
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(app, "UPDATE audits SET org_id = %s", bob.org["id"])
    ask(app, "ROLLBACK")


@pytest.mark.parametrize("value", ["", "nonsense", "' OR true --"])
def test_a_wrong_setting_fails_closed(rows, app, value):
    ask(app, "BEGIN")
    ask(app, "SELECT set_config('saas.organization', %s, true)", value)
    try:
        assert ask(app, "SELECT count(*) FROM audits") == [(0,)]
    except psycopg2.Error:
        pass
    ask(app, "ROLLBACK")


def test_the_setting_ends_with_the_transaction(rows, app, alice):
    ask(app, "BEGIN")
    ask(app, "SELECT set_config('saas.organization', %s, true)", alice.org["id"])
    assert ask(app, "SELECT count(*) FROM audits")[0][0] > 0
    ask(app, "COMMIT")
    assert ask(app, "SELECT count(*) FROM audits") == [(0,)]


def test_secrets_are_out_of_reach_of_a_tenant_statement(rows, app):
    for sql in ("SELECT hash FROM sessions", "SELECT hash FROM tokens", "SELECT hash FROM password_resets", "SELECT payload FROM stripe_events"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(app, sql)


def test_the_application_owns_nothing_and_cannot_bypass(rows, app):
    owned = ask(app, "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN ('saas_app', 'saas_system')")
    assert owned == [(0,)]
    assert ask(app, "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit FROM pg_roles WHERE rolname = 'saas_app'") == [(False,) * 5]
    assert ask(app, "SELECT count(*) FROM pg_roles WHERE rolname = 'saas_system' AND (rolsuper OR rolbypassrls OR rolcanlogin)") == [(0,)]
    for sql in ("CREATE TABLE mine (x int)", "ALTER TABLE audits DISABLE ROW LEVEL SECURITY", "DROP POLICY tenant ON audits", "SET ROLE saas_owner",
                "TRUNCATE audits", "UPDATE activity SET action = 'x'", "DELETE FROM activity"):
        with pytest.raises(psycopg2.Error):
            ask(app, sql)


def test_every_key_of_a_tenant_table_begins_with_the_organization(rows, app):
    """So that the data can be partitioned, or distributed by organization, without a rewrite."""
    wrong = ask(app, """
        SELECT c.relname, i.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
        WHERE c.relname = ANY(%s) AND c.relname <> 'organizations' AND a.attname <> 'org_id'""", tenant_tables(app))
    assert wrong == []
    constraints = ask(app, """
        SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
        WHERE k.contype IN ('p', 'u') AND c.relname = ANY(%s) AND c.relname <> 'organizations' AND a.attname <> 'org_id'""", tenant_tables(app))
    assert constraints == []
