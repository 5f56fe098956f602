"""The owner of an address comes by another module (Debian's mod_auth_openidc), and somebody has set up an account under it
without proving it: that account is worth nothing, and nothing of it reaches the owner.
"""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import Api, Person, seed
from saastest.client import PASSWORD
from saastest.oidc import OpenidProvider

pytestmark = pytest.mark.expects("AH01630", "AH01631")
PROVIDER = OpenidProvider("0123456789abcdef0123456789abcdef")
SITE_STRIPE = False
SITE_MODULES = ("auth_openidc",)
SITE_CONF = f"""
LogLevel saas:notice
{PROVIDER.conf}
<Location "/oidc">
    AuthType openid-connect
    Require saas-user
</Location>
<Location "/oidc/verified">
    Require saas-verified
</Location>
<Location "/oidc/member">
    Require saas-member
</Location>
<Location "/direct">
    AuthType Saas
    SaasUser "%{{HTTP:X-Tested-User}}"
    Require saas-user
</Location>
<Location "/oidc/new">
    SaasUserCreate On
    Require saas-user
</Location>
"""
BROWSER = {"Accept": "text/html", "Origin": None, "Sec-Fetch-Site": None}


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in ("oidc", "oidc/member", "oidc/verified", "oidc/new", "direct"):
        site.httpd.page(f"{area}/index.html", f"<p>{area} words</p>")


def come(site, email, path="/oidc/"):
    """The owner, whom the provider has authenticated: a browser of theirs, and what it got."""
    PROVIDER.login = {"sub": "sub-" + email, "email": email}
    browser = Api(site.base)
    return browser, browser.get(path, headers=BROWSER, allow_redirects=True)


def users(site, email):
    return site.database.execute("SELECT id, email_verified_at FROM users WHERE email_key = ?", email)


@pytest.mark.expects("SAAS2051")
def test_an_account_prepared_under_somebody_elses_address_is_worth_nothing(site):
    email = f"victim-{secrets.token_hex(4)}@example.test"
    claimant, accomplice = Person(site.base, email=email, organization="Trap"), site.newcomer()
    api, bound = Api(site.base, token=claimant.new_token()["token"]), claimant.as_token()
    shared = claimant.ok("POST", "organizations/", {"name": "Shared trap"})["id"]
    seed.member(site.database, shared, accomplice.user["id"], "MEMBER")
    host = site.newcomer()
    seed.member(site.database, host.org["id"], claimant.user["id"], "VIEWER")
    invited = claimant.ok("POST", f"organizations/{shared}/invites/", {"email": "third@example.test", "role": "ADMIN"})
    for who in (claimant, api, bound):
        assert who.get("auth/me/").status_code == 200

    owner, reply = come(site, email)
    assert reply.status_code == 200 and "oidc words" in reply.text
    found = users(site, email)
    assert len(found) == 1 and str(found[0][0]) != claimant.user["id"] and found[0][1] is not None
    assert f"SAAS1451: user {claimant.user['id']} was removed" in site.httpd.error_log.read_text()
    # Of the claim nothing is left.
    for who in (claimant, api, bound):
        assert who.get("auth/me/").status_code == 401
    for password in (PASSWORD, ""):
        assert site.nobody().post("auth/login/", {"email": email, "password": password}).status_code in (400, 401)
    assert owner.get("/oidc/member/", headers=BROWSER).status_code == 404, "in none of the claimant's organizations"
    assert owner.get("/oidc/verified/", headers=BROWSER).status_code == 200
    assert site.database.execute("SELECT count(*) FROM memberships WHERE user_id IN (?, ?)", claimant.user["id"], str(found[0][0])) == [(0,)]
    for table in ("sessions", "tokens", "password_resets", "email_proofs"):
        assert site.database.execute(f"SELECT count(*) FROM {table} WHERE user_id = ?", claimant.user["id"]) == [(0,)], table
    assert not site.database.execute("SELECT id FROM organizations WHERE id = ? AND deleted_at IS NULL", claimant.org["id"])
    assert site.database.execute("SELECT state FROM invites WHERE id = ?", invited["id"]) == [("revoked",)]
    # What others are in stays theirs, and says who left.
    assert accomplice.get(f"organizations/{shared}/").status_code == 200
    left = host.ok("GET", f"organizations/{host.org['id']}/activity/?action=member.left")["results"][0]
    assert left["target"]["id"] == claimant.user["id"] and left["actor"]["type"] == "system"
    # The owner is the same one when they come again.
    assert come(site, email)[1].status_code == 200 and users(site, email) == found


def test_an_account_whose_address_was_proven_is_its_owners(site):
    person = site.newcomer()
    browser, reply = come(site, person.email, "/oidc/member/")
    assert reply.status_code == 200 and "oidc/member words" in reply.text
    assert person.get("auth/me/").status_code == 200 and str(users(site, person.email)[0][0]) == person.user["id"]


def test_several_requests_at_once_end_it_once(site):
    email = f"victim-{secrets.token_hex(4)}@example.test"
    claimant = Person(site.base, email=email)
    PROVIDER.login = {"sub": "sub-" + email, "email": email}
    browser = Api(site.base)
    site.database.execute("UPDATE users SET email_verified_at = ? WHERE id = ?", seed.now(), claimant.user["id"])
    seed.change_counts()
    assert browser.get("/oidc/", headers=BROWSER, allow_redirects=True).status_code == 200
    site.database.execute("UPDATE users SET email_verified_at = NULL WHERE id = ?", claimant.user["id"])
    seed.change_counts()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: browser.get("/oidc/", headers=BROWSER).status_code, range(8)))
    assert set(replies) == {200}, replies
    assert len(users(site, email)) == 1 and str(users(site, email)[0][0]) != claimant.user["id"]
    assert claimant.get("auth/me/").status_code == 401


def shared_mailbox(site, proven=True):
    """Two users of one mailbox, as an older version let them be: one under a key of its own spelling, and the other."""
    local = f"m{secrets.token_hex(4)}"
    first, second = Person(site.base, email=f"x{local}@bücher.example"), Person(site.base, email=f"{local}@xn--bcher-kva.example")
    spelled = f"{local}@bücher.example"
    site.database.execute("UPDATE users SET email = ?, email_key = ? WHERE id = ?", spelled, spelled, first.user["id"])
    for person in (first, second) if proven else (second,):
        site.database.execute("UPDATE users SET email_verified_at = ? WHERE id = ?", seed.now(), person.user["id"])
    seed.change_counts()
    first.email = spelled
    return first, second


def whose(site, browser, *people):
    """Which of them the gates take somebody for: by whose organization is theirs."""
    return [browser.get("/oidc/member/", headers={**BROWSER, "X-Organization-ID": person.org["id"]}).status_code for person in people]


def test_who_shares_a_mailbox_since_before_comes_by_another_module_as_before(site):
    """Neither is taken for the other: it may be somebody else who has set that one up."""
    first, second = shared_mailbox(site)
    for _ in range(2):
        for spelled in (first.email, first.email.upper().replace("Ü", "ü")):
            browser, reply = come(site, spelled)
            assert reply.status_code == 200 and whose(site, browser, first, second) == [200, 404], spelled
        for spelled in (second.email, second.email.replace(".", "\uff0e")):
            browser, reply = come(site, spelled)
            assert reply.status_code == 200 and whose(site, browser, first, second) == [404, 200], spelled
    # Without the one there is the other.
    site.database.execute("DELETE FROM users WHERE id = ?", first.user["id"])
    seed.change_counts()
    browser, reply = come(site, first.email)
    assert reply.status_code == 200 and whose(site, browser, second) == [200]


def test_a_claim_on_a_shared_mailbox_ends_for_the_other_user_of_it(site):
    first, second = shared_mailbox(site, proven=False)
    browser, reply = come(site, first.email)
    assert reply.status_code == 200 and whose(site, browser, second) == [200]
    assert not users(site, first.email) and first.get("auth/me/").status_code == 401
    assert second.get("auth/me/").status_code == 200


def test_who_is_locked_under_an_old_key_gets_no_new_account(site):
    first, second = shared_mailbox(site)
    site.database.execute("DELETE FROM users WHERE id = ?", second.user["id"])
    assert come(site, first.email, "/oidc/new/")[1].status_code == 200
    site.database.execute("UPDATE users SET is_active = FALSE WHERE id = ?", first.user["id"])
    seed.change_counts()
    assert come(site, first.email, "/oidc/new/")[1].status_code in (401, 403)
    assert not users(site, second.email)


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS1106", "SAAS1107")
def test_what_cannot_be_ended_lets_nobody_in(site):
    """Neither the owner as the claimant, nor anything half done."""
    email = f"victim-{secrets.token_hex(4)}@example.test"
    claimant = Person(site.base, email=email)
    holder = site.database.connect()
    try:
        holder.autocommit = False
        with holder.cursor() as cursor:
            cursor.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", (claimant.user["id"],))
        reply = come(site, email)[1]
        assert reply.status_code == 503 and "words" not in reply.text
        assert claimant.get("auth/me/").status_code == 200 and str(users(site, email)[0][0]) == claimant.user["id"]
        # What was read of the claimant is not remembered for the owner, either, where gates look into memory alone.
        for _ in range(2):
            assert site.nobody().get("/direct/", headers={"X-Tested-User": email}).status_code == 503
    finally:
        holder.rollback()
        holder.close()
    assert come(site, email)[1].status_code == 200
    assert claimant.get("auth/me/").status_code == 401


@pytest.mark.only_db("pgsql")
def test_who_proves_the_address_at_that_moment_is_its_owner(site):
    email = f"owner-{secrets.token_hex(4)}@example.test"
    person = Person(site.base, email=email)
    holder = site.database.connect()
    with ThreadPoolExecutor(1) as pool:
        try:
            holder.autocommit = False
            with holder.cursor() as cursor:
                cursor.execute("UPDATE users SET email_verified_at = now() WHERE id = %s", (person.user["id"],))
            coming = pool.submit(come, site, email)
            end = time.monotonic() + 5
            while site.database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
                assert time.monotonic() < end, "nobody waits"
                time.sleep(0.02)
            holder.commit()
        finally:
            holder.close()
        assert coming.result()[1].status_code == 200
    assert str(users(site, email)[0][0]) == person.user["id"] and person.get("auth/me/").status_code == 200
    assert f"user {person.user['id']} was removed" not in site.httpd.error_log.read_text()
