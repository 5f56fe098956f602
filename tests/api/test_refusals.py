"""What a refused client of a gated section is sent: JSON for programs, a login page or a link for browsers, the
administrator's own page where there is one; and identity that other modules have established."""

import base64

import pytest

pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH01617", "AH01618")

SITE_MODULES = ("auth_basic", "authn_file")
USERS = "{docs}/../users"
SITE_CONF = f"""
<Location "/app">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasLoginURL https://app.example.test/login?from=saas
    SaasDenied subscription "Buy <it> first" https://app.example.test/billing
    SaasDenied role "Ask an administrator"
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
    Header always set X-Always yes
</Location>
<Location "/app/inner">
    SaasDenied role "Inner words"
</Location>
<Location "/own-pages">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasLoginURL /login
    SaasDenied subscription "not shown" /billing
    ErrorDocument 401 "own 401"
    ErrorDocument 403 "own 403"
    <RequireAll>
        Require saas-member
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/basic">
    AuthType Basic
    AuthName "outer"
    AuthBasicProvider file
    AuthUserFile "{USERS}"
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    Require saas-role ADMIN
</Location>
<Location "/mapped">
    AuthType Basic
    AuthName "outer"
    AuthBasicProvider file
    AuthUserFile "{USERS}"
    SaasUser "%{{REMOTE_USER}}@example.test"
    Require saas-user
</Location>
<Location "/variable">
    AuthType Saas
    SetEnvIf X-Test-Certificate "^(.+)$" CERT_EMAIL=$1
    SaasUser "%{{env:CERT_EMAIL}}"
    Require saas-user
</Location>
"""
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Origin": None}
FETCH = {**BROWSER, "Sec-Fetch-Mode": "cors"}


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in ("app", "app/inner", "own-pages", "basic", "mapped", "variable"):
        site.httpd.page(f"{area}/index.html", "<p>in</p>")


def headers_of(person, more):
    return {"X-Organization-ID": person.org["id"], **more}


def test_a_browser_that_is_nobody_is_sent_to_the_login_page(site):
    reply = site.nobody().get("/app/?a=1&b=2", headers=BROWSER)
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith("https://app.example.test/login?from=saas&next=http%3a%2f%2f")
    assert reply.headers["Location"].endswith("%2fapp%2f%3fa%3d1%26b%3d2")
    assert "Accept" in reply.headers["Vary"] and reply.headers["X-Always"] == "yes"


@pytest.mark.parametrize("more", [{}, {"Accept": "application/json"}, {"Accept": "*/*"}, FETCH, {"Accept": "application/json, text/html;q=0.5"},
                                  {**BROWSER, "X-Requested-With": "XMLHttpRequest"}, {**BROWSER, "Authorization": "Bearer saas_none"}])
def test_a_program_is_never_redirected(site, more):
    reply = site.nobody().get("/app/", headers=more)
    assert reply.status_code == 401 and reply.headers["Content-Type"] == "application/json"
    assert reply.headers["WWW-Authenticate"] == "Bearer" and "Location" not in reply.headers


def test_a_change_is_never_redirected(site):
    assert site.nobody().post("/app/", headers=BROWSER).status_code == 401


def test_the_upgrade_link_is_a_page_for_browsers_and_a_text_for_programs(site, alice):
    page = alice.get("/app/", headers=headers_of(alice, BROWSER))
    assert page.status_code == 403 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Buy &lt;it&gt; first" in page.text and 'href="https://app.example.test/billing"' in page.text
    program = alice.get("/app/", headers=headers_of(alice, {}))
    assert program.status_code == 403 and program.json() == {"detail": "Buy <it> first", "code": "subscription_required"}
    assert program.headers["X-Always"] == "yes"


def test_inner_sections_inherit_and_override(site, payer):
    viewer = payer.as_token(role="VIEWER")
    assert viewer.get("/app/", headers=headers_of(payer, {})).json()["detail"] == "Ask an administrator"
    assert viewer.get("/app/inner/", headers=headers_of(payer, {})).json()["detail"] == "Inner words"
    assert site.nobody().get("/app/inner/", headers=BROWSER).status_code == 302


@pytest.mark.parametrize("more", [{}, BROWSER])
def test_the_administrators_error_document_wins(site, alice, more):
    nobody = site.nobody().get("/own-pages/", headers=more)
    assert (nobody.status_code, nobody.text) == (401, "own 401")
    free = alice.get("/own-pages/", headers=headers_of(alice, more))
    assert (free.status_code, free.text) == (403, "own 403")


@pytest.fixture(scope="module")
def outer(site, alice, bob):
    """Users of the password file: Alice under her e-mail, Bob, and one whom we do not know."""
    import subprocess
    path = site.httpd.docs.parent / "users"
    for i, name in enumerate((alice.email, bob.email, "stranger@example.test", "noemail", alice.email.split("@")[0])):
        subprocess.run(["htpasswd", "-b", *(["-c"] if i == 0 else []), str(path), name, "outer-password"], check=True, capture_output=True)
    path.chmod(0o644)

    def headers(name, **more):
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:outer-password".encode()).decode(), **more}
    return headers


def test_the_outer_modules_user_is_matched_by_e_mail(site, alice, outer):
    nobody = site.nobody()
    assert nobody.get("/basic/", headers=outer(alice.email, **{"X-Organization-ID": alice.org["id"]})).status_code == 200
    assert nobody.get("/basic/", headers=outer(alice.email.upper())).status_code == 401, "the file knows no such name"
    assert nobody.get("/basic/").headers["WWW-Authenticate"].startswith("Basic")


def test_the_outer_user_is_no_member_elsewhere(site, alice, bob, outer):
    assert site.nobody().get("/basic/", headers=outer(bob.email, **{"X-Organization-ID": alice.org["id"]})).status_code == 404


@pytest.mark.parametrize("name", ["stranger@example.test", "noemail"])
def test_an_outer_user_whom_we_do_not_know_gets_nowhere(site, alice, outer, name):
    reply = site.nobody().get("/basic/", headers=outer(name, **{"X-Organization-ID": alice.org["id"]}))
    assert reply.status_code in (401, 403)


def test_a_session_beside_the_outer_user_does_not_count(site, alice, bob, outer):
    """Bob's browser still has his session; the outer module says that this is a stranger."""
    reply = bob.get("/basic/", headers=outer("stranger@example.test", **{"X-Organization-ID": bob.org["id"]}))
    assert reply.status_code in (401, 403)


def test_an_expression_maps_the_outer_user(site, alice, outer):
    assert site.nobody().get("/mapped/", headers=outer(alice.email.split("@")[0])).status_code == 200
    assert site.nobody().get("/mapped/", headers=outer(alice.email)).status_code in (401, 403)


def test_an_expression_alone_names_the_user(site, alice):
    """As with a client certificate, whose e-mail mod_ssl puts into a variable."""
    assert site.nobody().get("/variable/", headers={"X-Test-Certificate": alice.email}).status_code == 200
    assert site.nobody().get("/variable/", headers={"X-Test-Certificate": "stranger@example.test"}).status_code == 401
    assert site.nobody().get("/variable/").status_code == 401
