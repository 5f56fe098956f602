"""saasctl doctor: all is well on a good installation, and each thing that breaks is found, by its name, with a way out."""

import json
import os
import stat

import pytest

from saastest import Places, saasctl, seed
from saastest.httpd import apxs
from saastest.places import free_port, program
from saastest.site import Site
from saastest.smtp import SmtpServer

pytestmark = pytest.mark.expects("SAAS", "AH0", "dbd", "DBD")
RELAY = free_port()
BASE = f"SaasMailRelay smtp://127.0.0.1:{RELAY}\nSaasMailFrom \"App <app@example.test>\"\nSaasMailTLS off\n"
GATES = """
<Location "/careful">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-subscription active
    </RequireAll>
</Location>
"""
pgsql = pytest.mark.only_db("pgsql")
sqlite = pytest.mark.only_db("sqlite")


@pytest.fixture(scope="module")
def relay():
    server = SmtpServer(RELAY).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def house(databases, db_kind, relay, places):
    """An installation that runs, with nothing wrong."""
    site = Site(databases.fresh(db_kind, places), conf=BASE + GATES, places=places)
    try:
        yield site.start()
    finally:
        site.close()


def doctor(site, *args, conf=None, wrapped=()):
    """(exit status, {check: [(state, fact, way out)]}, all of it in order)."""
    path = site.httpd.root / "doctor.conf"
    path.write_text(conf if conf is not None else (site.httpd.root / "httpd.conf").read_text())
    done = saasctl(site.database.url, "--json", "doctor", "--config", str(path), "--httpd", site.httpd.binary, *args, check=False,
                   wrapped=wrapped)
    site.database.claim()
    assert done.returncode in (0, 1) and not done.stderr, (done.returncode, done.stdout, done.stderr)
    order = json.loads(done.stdout)
    found = {}
    for row in order:
        assert (row["way_out"] is None) == (row["state"] == "well"), row
        found.setdefault(row["check"], []).append((row["state"], row["fact"], row["way_out"]))
    return done.returncode, found, order


def conf_of(site):
    return (site.httpd.root / "httpd.conf").read_text()


def states(found, check):
    return {state for state, _, _ in found.get(check, [])}


def assert_found(site, check, state, words, *args, **more):
    code, found, order = doctor(site, *args, **more)
    hits = [fact for how, fact, _ in found.get(check, []) if how == state and words in fact]
    assert hits, [row for row in order if row["state"] != "well"]
    assert code == (1 if "wrong" in {row["state"] for row in order} else 0)
    rank = ["wrong", "doubtful", "well"]
    assert [row["state"] for row in order] == sorted((row["state"] for row in order), key=rank.index), "the worst first"
    return found


def test_a_good_installation_is_well(house):
    code, found, order = doctor(house, "--strict")
    assert code == 0 and {row["state"] for row in order} == {"well"}, [row for row in order if row["state"] != "well"]
    checks = {"schema", "database", "statements", "cookies", "relay", "key", "price", "secret", "jobs", "webhooks"}
    checks |= {"files", "file"} if house.database.kind == "sqlite" else {"roles", "policies", "indexes", "connections",
                                                                                      "clock", "feed"}
    assert set(found) == checks
    secrets = (house.secret_key, house.webhook_secret)
    assert not [row for row in order for secret in secrets if secret in json.dumps(row)]


def test_as_text_it_is_a_line_each(house):
    done = saasctl(house.database.url, "doctor", "--database-only", check=False)
    house.database.claim()
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.returncode == 0 and lines[0] == ["state", "check", "fact", "way_out"]
    assert all(len(line) == 4 for line in lines) and ["schema"] in [line[1:2] for line in lines]
    assert "relay" not in done.stdout, "--database-only asks no httpd"


# ------------------------------------------------------------------------------------------- the configuration --

def test_a_configuration_that_does_not_start(house):
    assert_found(house, "configuration", "wrong", "SaasNonsense", conf=conf_of(house) + "SaasNonsense On\n")
    assert_found(house, "configuration", "wrong", "SAAS1002", conf=conf_of(house) + "SaasCookieSameSite None\n")


def test_no_httpd_is_said_so(house):
    done = saasctl(house.database.url, "doctor", "--httpd", "no-such-program", check=False)
    assert done.returncode == 2 and "no-such-program" in done.stderr and "--httpd" in done.stderr


def test_gates_without_a_container(house):
    conf = conf_of(house) + '<Location "/loose">\nAuthType Saas\nRequire saas-member\nRequire saas-subscription active\n</Location>\n'
    found = assert_found(house, "configuration", "doubtful", "/loose", conf=conf)
    assert "SAAS1304" in found["configuration"][0][1]
    assert doctor(house, "--strict", conf=conf)[0] == 1, "with --strict a doubt counts"


@pytest.mark.parametrize("words, tag", [
    ('<Location "/cached">\nAuthType Saas\nSaasCacheControl Off\nRequire saas-member\n</Location>\n', "SAAS1310"),
    ('LoadModule cache_module {modules}/mod_cache.so\nCacheEnable disk /cached\n'
     '<Location "/cached">\nAuthType Saas\nRequire saas-member\n</Location>\n', "SAAS1309")], ids=["kept", "quick-handler"])
def test_gated_sections_that_caches_keep(house, words, tag):
    found = assert_found(house, "configuration", "doubtful", "/cached" if tag == "SAAS1309" else "SaasCacheControl",
                         conf=conf_of(house) + words.replace("{modules}", apxs("LIBEXECDIR")))
    assert any(tag in fact for _, fact, _ in found["configuration"])


def test_a_secret_that_everybody_reads(house):
    secret = house.httpd.root / "secret"
    secret.write_text(house.webhook_secret + "\n")
    secret.chmod(0o644)
    found = assert_found(house, "configuration", "doubtful", str(secret),
                         conf=conf_of(house).replace(house.webhook_secret, f"file:{secret}"))
    assert house.webhook_secret not in json.dumps(found)
    secret.chmod(0o600)
    assert "configuration" not in doctor(house, conf=conf_of(house).replace(house.webhook_secret, f"file:{secret}"))[1]


def test_cookies_without_tls(house):
    conf = conf_of(house).replace("ServerName 127.0.0.1", "ServerName app.example.test")
    assert_found(house, "cookies", "doubtful", "app.example.test", conf=conf)
    assert states(doctor(house, conf=conf + "SaasSecureCookies On\n")[1], "cookies") == {"well"}


# ------------------------------------------------------------------------------------------------- what is outside --

def test_a_relay_that_is_away(house):
    found = assert_found(house, "relay", "wrong", str(RELAY + 1), conf=conf_of(house).replace(f":{RELAY}\n", f":{RELAY + 1}\n"))
    assert "SaasMailTLS" in found["relay"][0][2]


def test_a_relay_that_offers_no_tls(house):
    assert_found(house, "relay", "wrong", f"smtp://127.0.0.1:{RELAY}", conf=conf_of(house).replace("SaasMailTLS off", "SaasMailTLS require"))


def test_no_relay(house):
    assert_found(house, "relay", "doubtful", "dropped", conf=conf_of(house).replace("SaasMailRelay", "#"))


def test_a_price_that_stripe_does_not_have(house):
    assert_found(house, "price", "wrong", "price_of_yesterday", conf=conf_of(house).replace(house.price, "price_of_yesterday"))


def test_a_price_that_is_archived(house):
    house.sandbox.control("POST", "prices", {"id": "price_old", "active": False, "amount": 900, "currency": "eur"})
    assert_found(house, "price", "wrong", "archived", conf=conf_of(house) + "SaasStripePrice price_old\n")


def test_a_key_that_stripe_refuses(house):
    conf = conf_of(house).replace(house.secret_key, "sk_test_of_somebody_else")
    found = assert_found(house, "key", "wrong", "refuses the test key", conf=conf)
    assert "somebody_else" not in json.dumps(found)


def test_stripe_out_of_reach(house):
    assert_found(house, "price", "doubtful", house.price,
                 conf=conf_of(house).replace(house.sandbox.url, f"http://127.0.0.1:{free_port()}"))


def test_billing_without_a_key(house):
    conf = "\n".join(line for line in conf_of(house).splitlines() if not line.startswith("SaasStripeSecretKey"))
    assert_found(house, "key", "doubtful", "nothing can be bought", conf=conf)


def test_selling_without_a_signing_secret(house):
    conf = "\n".join(line for line in conf_of(house).splitlines() if not line.startswith("SaasStripeWebhookSecret"))
    assert_found(house, "secret", "wrong", "refused", conf=conf)


# ---------------------------------------------------------------------------------------------------- the database --

@pytest.fixture
def broken(databases, db_kind, house):
    """The same configuration on a database of the test's own."""
    class Broken:
        def __init__(self, database):
            self.database, self.httpd = database, house.httpd

        def conf(self):
            return conf_of(house).replace(house.database.conf(), self.database.conf())
    scratch = Places()
    made = Broken(databases.fresh(db_kind, scratch))
    yield made
    made.database.close()
    scratch.close()


def test_a_schema_of_another_version(broken):
    broken.database.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
    found = assert_found(broken, "schema", "wrong", "saasctl migrate", conf=broken.conf())
    assert states(found, "database") == {"wrong"}, "httpd finds it, too"


def test_a_database_that_is_away(broken):
    if broken.database.kind == "sqlite":
        broken.database.url += ".not"
        assert_found(broken, "owner", "wrong", "no database file", conf=broken.conf())
        return
    conf = broken.conf().replace(f"dbname={broken.database.name}", "dbname=nowhere")
    assert conf != broken.conf()
    broken.database.url = broken.database.url.replace(broken.database.name, "nowhere")
    found = assert_found(broken, "owner", "wrong", "nowhere", conf=conf)
    assert states(found, "database") == {"wrong"} and "\n" not in found["database"][0][1]


def test_a_statement_that_cannot_run(broken):
    """A right that was taken away, a column that somebody has renamed: by the name of the statement."""
    if broken.database.kind == "pgsql":
        broken.database.execute("REVOKE INSERT ON evidence FROM saas_app, saas_system")
        found = assert_found(broken, "statements", "wrong", "permission denied for table evidence", conf=broken.conf())
    else:
        broken.database.execute("ALTER TABLE invites RENAME COLUMN email TO mail")
        found = assert_found(broken, "statements", "wrong", "no such column", conf=broken.conf())
    assert states(found, "database") == {"well"}


def test_jobs_that_nobody_does(broken):
    later, before = seed.now(), "2026-01-01T00:00:00.000000Z"
    for state, after in (("queued", before), ("dead", before), ("queued", later)):
        broken.database.execute("INSERT INTO jobs (id, kind, state, attempts, run_after, created_at) VALUES (?, 'mail', ?, 1, ?, ?)",
                                seed.uuid7(), state, after, before)
    found = assert_found(broken, "jobs", "wrong", "1 jobs", conf=broken.conf())
    assert {fact.split(" ", 1)[0] for _, fact, _ in found["jobs"]} == {"1"}
    assert states(found, "jobs") == {"wrong", "doubtful"}


def event(database, received, verdict="applied"):
    database.execute("INSERT INTO stripe_events (id, type, created, verdict, payload, received_at) VALUES (?, 'invoice.paid', 1, ?, '{}', ?)",
                     "evt_" + seed.uuid7(), verdict, received)


def test_webhooks_that_do_not_arrive(broken):
    _, org, _, _ = seed.person(broken.database, "!", "ada@example.test", "Ada", "Acme")
    broken.database.execute("INSERT INTO subscriptions (org_id, id, customer_id, status, price_id, last_event_created, last_event_rank,"
                            " updated_at) VALUES (?, 'sub_1', 'cus_1', 'active', 'price_1', 1, 1, ?)", org, seed.now())
    assert_found(broken, "webhooks", "wrong", "1 subscriptions run, and Stripe has told nothing yet", conf=broken.conf())
    event(broken.database, "2026-01-01T00:00:00.000000Z")
    assert_found(broken, "webhooks", "wrong", "nothing since 2026-01-01", conf=broken.conf())
    event(broken.database, seed.now())
    assert states(doctor(broken, conf=broken.conf())[1], "webhooks") == {"well"}
    event(broken.database, seed.now(), "refused:other")
    assert_found(broken, "webhooks", "doubtful", "1 events", conf=broken.conf())


@pgsql
@pytest.mark.parametrize("sql, words", [
    ("ALTER TABLE evidence NO FORCE ROW LEVEL SECURITY", "evidence"),
    ("ALTER TABLE audits DISABLE ROW LEVEL SECURITY", "audits"),
    ("DROP POLICY tenant ON organizations", "organizations")])
def test_row_level_security_that_is_not_forced(broken, sql, words):
    broken.database.execute(sql)
    assert_found(broken, "policies", "wrong", words, conf=broken.conf())


@pgsql
@pytest.mark.parametrize("sql, undo, words", [
    ("ALTER ROLE saas_system BYPASSRLS", "ALTER ROLE saas_system NOBYPASSRLS", "saas_system"),
    ("ALTER ROLE saas_app INHERIT", "ALTER ROLE saas_app NOINHERIT", "inherits")])
def test_roles_that_nothing_holds(broken, sql, undo, words):
    cluster = broken.database.cluster
    cluster.sql("postgres", sql)
    try:
        assert_found(broken, "roles", "wrong", words, conf=broken.conf())
    finally:
        cluster.sql("postgres", undo)


@pgsql
def test_httpd_as_the_owner_of_the_schema(broken):
    cluster = broken.database.cluster
    conf = broken.conf().replace(cluster.dsn(broken.database.name, cluster.APP), cluster.dsn(broken.database.name, cluster.OWNER))
    assert_found(broken, "database", "wrong", "owns tables", conf=conf)


@pgsql
def test_an_index_that_is_not_valid(broken):
    broken.database.cluster.sql(broken.database.name, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_due'::regclass")
    assert_found(broken, "indexes", "doubtful", "jobs_due", conf=broken.conf())


@pgsql
def test_no_room_for_the_connections(broken):
    conf = broken.conf()
    assert "DBDMax 12" in conf
    assert_found(broken, "connections", "wrong", "may want", conf=conf.replace("DBDMax 12", "DBDMax 5000"))


@pgsql
def test_nobody_listens(broken):
    """The house's own httpd is connected to another database of the cluster, which does not count."""
    assert_found(broken, "feed", "doubtful", "no httpd is connected", conf=broken.conf())
    connection = broken.database.cluster.connect(broken.database.name, broken.database.cluster.APP)
    try:
        assert_found(broken, "feed", "doubtful", "no node listens", conf=broken.conf())
    finally:
        connection.close()


@pgsql
def test_clocks_that_are_apart(house):
    assert_found(house, "clock", "doubtful", "apart", "--database-only", wrapped=(program("faketime"), "-f", "-5s"))
    assert_found(house, "clock", "wrong", "apart", "--database-only", wrapped=(program("faketime"), "-f", "+300s"))


@sqlite
def test_files_that_httpd_cannot_write(broken):
    if os.geteuid() != 0:
        pytest.skip("needs root, whose files they become")
    path = broken.database.path
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)
    assert_found(broken, "files", "wrong", str(path), conf=broken.conf())


@sqlite
def test_files_that_everybody_reads(broken):
    os.chmod(broken.database.path, 0o644)
    assert states(doctor(broken, conf=broken.conf())[1], "files") == {"well"}, "its folder lets nobody in"
    os.chmod(broken.database.folder, 0o755)
    found = assert_found(broken, "files", "doubtful", str(broken.database.path), conf=broken.conf())
    os.chmod(broken.database.path, stat.S_IRUSR | stat.S_IWUSR)
    assert found["files"] != doctor(broken, conf=broken.conf())[1]["files"]


@sqlite
def test_a_damaged_file(broken):
    saasctl(broken.database.url, "backup", str(broken.httpd.root / "whole.db"))
    (page,), = broken.database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'notify_deliveries'")
    (size,), = broken.database.execute("PRAGMA page_size")
    with open(broken.httpd.root / "whole.db", "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    broken.database.url = f"sqlite:{broken.httpd.root / 'whole.db'}"
    assert_found(broken, "file", "wrong", "damaged", "--database-only")
    os.unlink(broken.httpd.root / "whole.db")
