"""Debian's mod_auth_openidc in front, our gates behind it: its user, and nobody else's, is asked for."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import Api, seed
from saastest.oidc import OpenidProvider

pytestmark = pytest.mark.expects("AH01630", "AH01631")
PROVIDER = OpenidProvider("0123456789abcdef0123456789abcdef")

SITE_MODULES = ("auth_openidc",)
SITE_CONF = f"""
{PROVIDER.conf}
<Location "/oidc">
    AuthType openid-connect
    Require saas-user
</Location>
<Location "/oidc/writers">
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/oidc/strangers">
    SaasUserCreate On
    Require saas-user
</Location>
<Location "/oidc/member">
    SaasUserCreate On
    Require saas-member
</Location>
<Location "/oidc/not-viewers">
    <RequireAll>
        Require valid-user
        Require not saas-role VIEWER
    </RequireAll>
</Location>
"""
BROWSER = {"Accept": "text/html", "Origin": None, "Sec-Fetch-Site": None}


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in ("oidc", "oidc/writers", "oidc/strangers", "oidc/member", "oidc/not-viewers"):
        site.httpd.page(f"{area}/index.html", f"<p>{area} words</p>")


def log_in(site, email, path="/oidc/", **claims):
    """A browser of its own, logged in at the provider; and what it got at the end."""
    PROVIDER.login = {"sub": "sub-" + email, "email": email, **claims}
    browser = Api(site.base)
    return browser, browser.get(path, headers=BROWSER, allow_redirects=True)


def test_nobody_is_sent_to_the_provider(site):
    reply = site.nobody().get("/oidc/", headers=BROWSER)
    assert reply.status_code == 302 and reply.headers["Location"].startswith(PROVIDER.url + "/authorize?")
    assert "words" not in reply.text


def test_the_providers_user_is_ours(site, alice):
    browser, reply = log_in(site, alice.email)
    assert reply.status_code == 200 and "oidc words" in reply.text
    assert browser.get("/oidc/", headers=BROWSER).status_code == 200, "the outer session goes on"


def test_roles_and_subscription_of_the_providers_user(site, alice, payer):
    headers = {**BROWSER, "X-Organization-ID": payer.org["id"]}
    browser, _ = log_in(site, payer.email)
    assert browser.get("/oidc/writers/", headers=headers).status_code == 200
    browser, _ = log_in(site, alice.email)
    reply = browser.get("/oidc/writers/", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    reply = browser.get("/oidc/writers/", headers={**BROWSER, "X-Organization-ID": alice.org["id"]})
    assert (reply.status_code, reply.json()["code"]) == (403, "subscription_required")


def test_letter_case_of_the_providers_address_does_not_matter(site, alice):
    assert log_in(site, alice.email.upper())[1].status_code == 200


def test_a_stranger_gets_nowhere_whatever_else_the_browser_holds(site, alice):
    browser, reply = log_in(site, "stranger@example.test")
    assert reply.status_code == 401 and "words" not in reply.text
    token = alice.new_token()["token"]
    for more in ({"Authorization": f"Bearer {token}"}, {"Cookie": "; ".join(f"{c.name}={c.value}" for c in [*browser.http.cookies, *alice.http.cookies])}):
        assert browser.get("/oidc/", headers={**BROWSER, **more}).status_code == 401


def test_a_user_without_an_address_is_nobody(site):
    PROVIDER.login = {"sub": "no-mail", "email": "not an address"}
    assert Api(site.base).get("/oidc/", headers=BROWSER, allow_redirects=True).status_code == 401


def test_not_is_no_grant_to_strangers(site, alice):
    """mod_authz_core would take "no VIEWER" for enough, beside valid-user."""
    assert log_in(site, "other-stranger@example.test", "/oidc/not-viewers/")[1].status_code == 401
    assert log_in(site, alice.email, "/oidc/not-viewers/")[1].status_code == 200


def users(site, email):
    return site.database.execute("SELECT email, is_active FROM users WHERE email_key = ?", email.lower())


def test_a_user_is_created_where_that_is_wanted_and_only_there(site):
    email = f"New.{secrets.token_hex(4)}@Example.Test"
    assert log_in(site, email)[1].status_code == 401
    assert users(site, email) == []
    browser, reply = log_in(site, email, "/oidc/strangers/")
    assert reply.status_code == 200 and "strangers words" in reply.text
    assert [(row[0], bool(row[1])) for row in users(site, email)] == [(email, True)]
    assert browser.get("/oidc/", headers=BROWSER).status_code == 200
    assert browser.get("/oidc/member/", headers=BROWSER).status_code == 404, "a new user has no organization"
    reply = site.nobody().post("auth/login/", {"email": email, "password": "correct horse battery 9"})
    assert reply.status_code == 401, "without a password nobody logs in with one"


def test_eight_first_requests_at_once_create_one_user(site):
    email = f"race.{secrets.token_hex(4)}@example.test"
    browser, _ = log_in(site, email)
    cookie = "; ".join(f"{c.name}={c.value}" for c in browser.http.cookies)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda n: Api(site.base).get("/oidc/strangers/", headers={**BROWSER, "Cookie": cookie}).status_code, range(8)))
    assert seen == [200] * 8
    assert len(users(site, email)) == 1


def test_a_locked_user_is_neither_let_in_nor_created_anew(site):
    somebody = site.newcomer()
    site.database.execute("UPDATE users SET is_active = ? WHERE id = ?", 0 if site.database.kind == "sqlite" else False, somebody.user["id"])
    seed.change_counts()
    assert log_in(site, somebody.email, "/oidc/strangers/")[1].status_code == 401
    assert len(users(site, somebody.email)) == 1


def test_removal_counts_for_the_providers_user_too(site, payer):
    guest = site.newcomer()
    seed.member(site.database, payer.org["id"], guest.user["id"], "MEMBER")
    browser, _ = log_in(site, guest.email)
    headers = {**BROWSER, "X-Organization-ID": payer.org["id"]}
    assert browser.get("/oidc/writers/", headers=headers).status_code == 200
    seed.remove_member(site.database, payer.org["id"], guest.user["id"])
    seed.change_counts()
    assert browser.get("/oidc/writers/", headers=headers).status_code == 404
