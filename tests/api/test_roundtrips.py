"""How often the database is asked: a gated request at most once, an ungated location not at all. PostgreSQL counts
the transactions itself, and each of the server's statements outside of a transaction is one."""

import time

import pytest

pytestmark = pytest.mark.only_db("pgsql")

# No background work and no change feed: they ask, too. And no cache, which would not ask at all.
SITE_CONF = """
SaasJobThreads 0
SaasCacheSize 0
<Location "/gated">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
"""
REQUESTS = 200
# Those of the test itself and of PostgreSQL's own housekeeping.
OTHERS = 40


def transactions(site):
    """The count, once it has stood still: idle sessions hand in what they counted within a second or so."""
    last = -1
    for _ in range(20):
        now = site.database.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")[0][0]
        if 0 <= now - last <= 4:
            return now
        last = now
        time.sleep(1.2)
    raise AssertionError("the count never stood still")


def asked(site, call):
    call()
    before = transactions(site)
    for _ in range(REQUESTS):
        call()
    return transactions(site) - before


def test_a_gated_request_asks_at_most_once(site, payer):
    (site.httpd.docs / "gated").mkdir()
    (site.httpd.docs / "gated" / "index.html").write_text("paid\n")

    def call():
        assert payer.get("/gated/").status_code == 200

    assert asked(site, call) <= REQUESTS + OTHERS


def test_an_ungated_location_asks_nothing(site, payer):
    def call():
        assert payer.get("/index.html").status_code == 200

    assert asked(site, call) <= OTHERS
