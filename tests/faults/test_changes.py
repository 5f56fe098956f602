"""Changes that other programs make, on either database: what is cached counts no more, by the feed or by the clock."""

import secrets
import subprocess
import time

import pytest

from nodes import BOUND, CONF, SLACK, Asker, answered_from, cache, in_use, pages, until_live
from rights import RIGHTS, Membership, Role, Round, Token
from saastest import Places, Site, seed
from saastest.places import program

SITE_CONF = CONF
SITE_STRIPE = False
pytestmark = pytest.mark.long(40)


@pytest.fixture
def live_site(site):
    until_live(pages(site))
    return site


@pytest.mark.parametrize("what", ["subscription", "token", "session"])
def test_what_ends_by_the_clock_is_refused_on_time_without_any_event(live_site, what):
    site = live_site
    person = site.newcomer()
    token = person.new_token(organization=person.org["id"])
    when = time.time() + 2
    end = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{int(when % 1 * 1e6):06d}Z"
    area, refusal = {"subscription": ("premium", 403), "token": ("user", 401), "session": ("user", 401)}[what]
    if what == "subscription":
        site.database.execute("UPDATE organizations SET subscription_status = 'active', subscription_ends_at = ? WHERE id = ?",
                              end, person.org["id"])
    elif what == "token":
        site.database.execute("UPDATE tokens SET expires_at = ? WHERE id = ?", end, token["id"])
    else:
        site.database.execute("UPDATE sessions SET expires_at = ? WHERE user_id = ?", end, person.user["id"])
    if what == "session":
        ask = lambda: person.get(f"/{area}/").status_code  # noqa: E731
    else:
        asker = Asker(site, token["token"], f"/{area}/")
        ask = lambda: asker.ask()[1]  # noqa: E731
    time.sleep(0.3)
    hits = cache(site)["hits"]
    granted = 0
    while True:
        asked = time.time()
        status = ask()
        if status != 200:
            break
        assert asked < when + 0.05, "granted after its end"
        granted += 1
    assert time.time() > when, "refused before its end"
    assert status == refusal and granted > 10
    assert cache(site)["hits"] - hits > granted / 2, "it did not come from the cache: nothing was tested"


# ------------------------------------------------------- both databases --

@pytest.mark.parametrize("kind", RIGHTS)
def test_a_change_by_another_program_is_seen(live_site, kind):
    """By a connection of its own, as saasctl and an administrator's shell make them."""
    round_ = Round(kind(live_site), [live_site])
    round_.run(20)
    assert not round_.wrong
    assert round_.stalest < BOUND + SLACK


@pytest.mark.only_db("sqlite")
def test_a_change_by_the_sqlite3_shell_is_seen(live_site):
    right = Token(live_site)
    asker = Asker(live_site, right.token["token"], "/user/")
    assert [asker.ask()[1] for _ in range(5)] == [200] * 5
    subprocess.run([program("sqlite3"), "-cmd", ".timeout 5000", str(live_site.database.path),
                    f"DELETE FROM tokens WHERE id = '{right.token['id']}'"],
                   check=True)
    live_site.database.claim()
    asker.until_refused(time.monotonic(), 401)


@pytest.mark.only_db("sqlite")
def test_more_changes_at_once_than_the_table_keeps_void_everything(live_site):
    right = Token(live_site)
    asker = Asker(live_site, right.token["token"], "/user/")
    assert asker.ask()[1] == 200
    connection = live_site.database.connect()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE tokens SET revoked_at = ? WHERE id = ?", (seed.now(), right.token["id"]))
    for n in range(3000):
        connection.execute("UPDATE users SET name = ? WHERE id = ?", (str(n), right.user))
    connection.execute("COMMIT")
    done = time.monotonic()
    assert connection.execute("SELECT count(*) FROM principal_changes").fetchone()[0] == 1024
    connection.close()
    asker.until_refused(done, 401)


def test_noting_a_tokens_use_voids_nothing(live_site):
    right = Token(live_site)
    asker = Asker(live_site, right.token["token"], "/user/")
    assert in_use(live_site, asker)
    end = time.monotonic() + 30
    while not live_site.database.execute("SELECT last_used_at FROM tokens WHERE id = ?", right.token["id"])[0][0]:
        assert time.monotonic() < end, "the first use is not noted"
        time.sleep(0.02)
    for last in (False, False, True):
        assert in_use(live_site, asker)
        live_site.database.execute("UPDATE tokens SET last_used_at = ? WHERE id = ?", seed.now(), right.token["id"])
        live_site.database.execute("UPDATE users SET last_login_at = ? WHERE id = ?", seed.now(), right.user)
        seed.change_counts()
        # A feed that is late for a moment voids everything as well, but not each time.
        if answered_from(live_site, asker) == "hits":
            break
        assert not last, "noting a use has voided what was cached"


def test_refusals_are_not_kept(live_site):
    before = cache(live_site)["stores"]
    for n in range(20):
        assert Asker(live_site, "saas_" + secrets.token_urlsafe(32), "/user/").ask()[1] == 401
    right = Membership(live_site)
    right.take()
    asker = Asker(live_site, right.token["token"], "/member/")
    assert asker.ask()[1] == 404
    right.give()
    assert asker.ask()[1] == 200, "the refusal was kept"
    # new_token and what went before it asked for a session; the 20 strangers and the outsider for nothing.
    assert cache(live_site)["stores"] - before < 20


def test_two_selectors_of_one_token_are_two_answers(live_site):
    """The organization that a request names is part of the question."""
    site = live_site
    person, stranger = site.newcomer(), site.newcomer()
    token = person.new_token()["token"]
    for _ in range(3):
        for org, status in ((person.org["id"], 200), (stranger.org["id"], 404), (person.org["slug"], 200), (stranger.org["slug"], 404)):
            reply = site.nobody().get("/member/", headers={"Authorization": f"Bearer {token}", "X-Organization-ID": org})
            assert reply.status_code == status, org


@pytest.mark.parametrize("conf", ["SaasCacheSize 0", "SaasCacheSize 256K"])
def test_without_a_cache_and_with_a_tiny_one(site, databases, db_kind, quiet_log, conf):
    scratch = Places()
    small = Site(databases.fresh(db_kind, scratch), conf=CONF + conf, with_stripe=False, places=scratch)
    try:
        pages(small.start())
        quiet_log.append(small.httpd.watch())
        if conf.endswith(" 0"):
            assert cache(small) == {"state": "off"}
        else:
            until_live(small)
            person = small.newcomer()
            tokens = [person.new_token(organization=person.org["id"])["token"] for _ in range(12)]
            for n in range(600):
                reply = small.nobody().get("/member/", headers={"Authorization": f"Bearer {tokens[n % 12]}",
                                                                "X-Organization-ID": person.org["id"]})
                assert reply.status_code == 200
        for kind in (Role, Token):
            round_ = Round(kind(small), [small])
            round_.run(10)
            assert not round_.wrong
            if conf.endswith(" 0"):
                round_.right.take()
                assert round_.askers[0].ask()[1] == round_.right.refusal, "the database was not asked"
    finally:
        small.close()


@pytest.mark.only_db("sqlite")
@pytest.mark.expects("SAAS1703", "dbd", "DBD")
def test_a_virtual_host_with_a_database_of_its_own_means_no_cache(site, databases, quiet_log):
    """The feed hears of one database. Whether the path is written out or defined makes no difference."""
    for other, state in (("${WHERE}", "live"), ("/nonexistent/saas.db", "off")):
        scratch = Places()
        database = databases.fresh("sqlite", scratch)
        database.conf = lambda: f'Define WHERE "{database.path}"\nDBDriver sqlite3\nDBDParams "${{WHERE}}"\nDBDMax 12'
        two = Site(database, conf=CONF + f'<VirtualHost *:1>\nDBDriver sqlite3\nDBDParams "{other}"\n</VirtualHost>\n',
                   with_stripe=False, places=scratch)
        try:
            pages(two.start())
            quiet_log.append(two.httpd.watch())
            if state == "live":
                until_live(two)
            assert cache(two) == {"state": "off"} or state == "live"
            assert two.register().get("/user/").status_code == 200
        finally:
            two.close()
