"""The owner of an address comes by another module (Debian's mod_auth_openidc), and somebody has set up an account under it
without proving it: that account is worth nothing, and nothing of it reaches the owner.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import Api, Person, seed
from saastest.client import PASSWORD
from saastest.oidc import OpenidProvider

pytestmark = pytest.mark.expects("AH01630", "AH01631")
SECRET = "0123456789abcdef0123456789abcdef"
PROVIDER = OpenidProvider(SECRET)
SITE_STRIPE = False
SITE_MODULES = ("auth_openidc",)
SITE_CONF = f"""
OIDCProviderMetadataURL {PROVIDER.url}/.well-known/openid-configuration
OIDCSSLValidateServer Off
OIDCClientID saas
OIDCClientSecret {SECRET}
OIDCRedirectURI {{base}}/oidc/callback
OIDCCryptoPassphrase fedcba9876543210
OIDCScope "openid email"
OIDCIDTokenSignedResponseAlg HS256
OIDCRemoteUserClaim email
OIDCSessionType client-cookie
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
"""
BROWSER = {"Accept": "text/html", "Origin": None, "Sec-Fetch-Site": None}


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in ("oidc", "oidc/member", "oidc/verified"):
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
    finally:
        holder.rollback()
        holder.close()
    assert come(site, email)[1].status_code == 200
    assert claimant.get("auth/me/").status_code == 401
