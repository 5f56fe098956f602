"""Gates in httpd.conf: files and a proxied application behind Require saas-…, in every composition httpd has."""

import pytest

from saastest import Api, EchoServer, seed

# mod_authz_core's own words for a refusal.
pytestmark = pytest.mark.expects("AH01630", "AH01631")
BACKEND = EchoServer()

SITE_CONF = f"""
<Location "/open">
    Require all granted
</Location>
<Location "/user">
    AuthType Saas
    Require saas-user
</Location>
<Location "/member">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    Require saas-member
</Location>
<Location "/writers">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    Require saas-role ADMIN MEMBER
</Location>
<Location "/premium">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/free">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    Require saas-subscription free expired canceled
</Location>
<Location "/either">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    <RequireAny>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAny>
</Location>
<Location "/not-viewers">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    <RequireAll>
        Require saas-member
        <RequireNone>
            Require saas-role VIEWER
        </RequireNone>
    </RequireAll>
</Location>
<Location "/named">
    AuthType Saas
    Require saas-user named@example.test other@example.test
</Location>
<Location "/from-here">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    <RequireAll>
        Require saas-member
        Require ip 10.9.9.9
    </RequireAll>
</Location>
<LocationMatch "^/t/(?<slug>[^/]+)/">
    AuthType Saas
    SaasOrganization "%{{env:MATCH_SLUG}}"
    Require saas-member
</LocationMatch>
<Location "/reports">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasIdentityHeaders On
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
    ProxyPass "{BACKEND.url}/app"
</Location>
<Location "/plain-proxy">
    Require all granted
    ProxyPass "{BACKEND.url}/plain"
</Location>
"""

AREAS = ("open", "user", "member", "writers", "premium", "free", "either", "not-viewers", "named", "from-here")


@pytest.fixture(scope="module", autouse=True)
def pages(site, databases):
    for area in AREAS:
        site.httpd.page(f"{area}/index.html", f"<p>this is {area}</p>")


def in_org(api, org):
    """A look at every area: {area: status}."""
    return {area: api.get(f"/{area}/", headers={"X-Organization-ID": org["id"]}).status_code for area in AREAS}


GATED = {"user": 200, "member": 200, "writers": 200, "premium": 200, "free": 403, "either": 200, "not-viewers": 200, "open": 200,
         "named": 403}


def but(**more):
    return {**GATED, **{k.replace("_", "-"): v for k, v in more.items()}}


def without_ip(seen):
    assert seen.pop("from-here") in (401, 403, 404), "Require ip must still count"
    return seen


@pytest.mark.smoke
def test_nobody_gets_401_everywhere_but_in_the_open(site, alice):
    seen = in_org(site.nobody(), alice.org)
    assert seen.pop("open") == 200
    assert set(without_ip(seen).values()) == {401}, seen
    reply = site.nobody().get("/premium/")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json() == {"detail": "Authentication credentials were not provided.", "code": "not_authenticated"}


@pytest.mark.smoke
def test_a_paying_admin_gets_in(payer):
    assert without_ip(in_org(payer, payer.org)) == but()


@pytest.mark.smoke
def test_a_free_admin_is_told_to_upgrade(alice):
    assert without_ip(in_org(alice, alice.org)) == but(premium=403, free=200)
    reply = alice.get("/premium/", headers={"X-Organization-ID": alice.org["id"]})
    assert reply.json() == {"detail": "Upgrade to Premium to access this feature", "code": "subscription_required"}
    assert reply.headers["Content-Type"].startswith("application/json")


def test_a_viewer_of_a_paying_organization(payer):
    viewer = payer.as_token(role="VIEWER")
    assert without_ip(in_org(viewer, payer.org)) == but(writers=403, premium=403, **{"not-viewers": 403})
    reply = viewer.get("/premium/", headers={"X-Organization-ID": payer.org["id"]})
    assert reply.json() == {"detail": "You do not have permission to perform this action.", "code": "permission_denied"}


def test_a_viewer_of_a_free_organization_is_told_of_the_role_first(alice):
    reply = alice.as_token(role="VIEWER").get("/premium/", headers={"X-Organization-ID": alice.org["id"]})
    assert reply.status_code == 403 and reply.json()["code"] == "permission_denied"


def test_an_outsider_gets_404_where_an_organization_is_asked_for(alice, payer):
    for area in ("member", "writers", "premium", "free", "either", "not-viewers"):
        reply = alice.get(f"/{area}/", headers={"X-Organization-ID": payer.org["id"]})
        missing = alice.get(f"/{area}/", headers={"X-Organization-ID": seed.uuid7()})
        assert reply.status_code == missing.status_code == 404, area
        assert reply.content == missing.content and reply.json() == {"detail": "Not found.", "code": "not_found"}


def test_a_token_of_another_organization_is_an_outsider(site, payer, alice):
    other = payer.ok("POST", "organizations/", {"name": "Elsewhere"})
    token = payer.as_token(organization=other["id"])
    assert token.get("/member/", headers={"X-Organization-ID": payer.org["id"]}).status_code == 404
    assert token.get("/premium/", headers={"X-Organization-ID": payer.org["id"]}).status_code == 404


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer saas_wrong"}, {"Authorization": "Basic dTpw"}, {"Cookie": "saas_session=wrong"},
                                     {"Authorization": "Bearer " + "saas_" * 1500}, {"Cookie": "saas_session=" + "x" * 6000}, {"Cookie": "saas_session="}])
def test_bad_credentials_get_nowhere(site, headers):
    for area in AREAS[1:-1]:
        assert site.nobody().get(f"/{area}/", headers=headers).status_code == 401, area


def test_named_users(site):
    from saastest import Person
    named = Person(site.base, email="Named@Example.Test")
    assert named.get("/named/").status_code == 200
    assert site.newcomer().get("/named/").status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"])
def test_no_method_walks_around_a_gate(site, method):
    reply = site.nobody().call(method, "/premium/")
    assert reply.status_code in (401, 405, 501), reply.status_code
    assert b"this is premium" not in reply.content


@pytest.mark.parametrize("path", ["/premium/index.html", "/premium//index.html", "//premium/index.html", "/premium/./index.html", "/./premium/index.html",
                                  "/premium/x/../index.html", "/x/../premium/index.html", "/%70remium/index.html", "/premium/%69ndex.html",
                                  "/premium/index.html/", "/premium/index.html?x=1", "/premium/index.html;x", "/premium%2findex.html", "/PREMIUM/index.html"])
def test_no_spelling_walks_around_a_gate(site, path):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", site.httpd.port, timeout=10)
    connection.request("GET", path)
    reply = connection.getresponse()
    assert reply.status in (400, 401, 404) and b"this is premium" not in reply.read()


def test_path_capture_chooses_the_organization(site, alice, bob):
    slug = alice.ok("GET", f"organizations/{alice.org['id']}/")["slug"]
    site.httpd.page(f"t/{slug}/index.html", "<p>tenant page</p>")
    assert alice.get(f"/t/{slug}/").status_code == 200
    assert bob.get(f"/t/{slug}/").status_code == 404
    assert site.nobody().get(f"/t/{slug}/").status_code == 401


@pytest.mark.smoke
def test_the_backend_sees_who_calls(payer):
    reply = payer.get("/reports/q3?x=1", headers={"X-Organization-ID": payer.org["id"]})
    assert reply.status_code == 200
    seen = reply.json()
    assert seen["path"] == "/app/q3?x=1"
    headers = {k.lower(): v for k, v in seen["headers"]}
    assert headers["x-saas-email"] == payer.email and headers["x-saas-user"] == payer.user["id"]
    assert headers["x-saas-organization"] == payer.org["id"]
    assert headers["x-saas-role"] == "ADMIN" and headers["x-saas-subscription"] == "active"


FORGED = ["X-Saas-User", "X-Saas-Email", "X-Saas-Organization", "X-Saas-Role", "X-Saas-Subscription", "x-saas-user", "X_Saas_User", "X-Saas_Role",
          "X-SAAS-ANYTHING", "X_SAAS_EMAIL"]


@pytest.mark.parametrize("name", FORGED)
def test_forged_identity_never_arrives(payer, name):
    """Neither where we set the headers nor where we do not."""
    for path in ("/reports/", "/plain-proxy/"):
        reply = payer.get(path, headers={"X-Organization-ID": payer.org["id"], name: "forged-value"})
        assert reply.status_code == 200
        assert "forged-value" not in reply.text


@pytest.mark.parametrize("who, status", [("nobody", 401), ("free", 403), ("viewer", 403)])
def test_the_backend_is_never_asked_for_the_refused(site, alice, payer, who, status):
    api, org = {"nobody": (site.nobody(), payer.org), "free": (alice, alice.org), "viewer": (payer.as_token(role="VIEWER"), payer.org)}[who]
    before = len(BACKEND.hits)
    assert api.post("/reports/", data=b"x" * 100, headers={"X-Organization-ID": org["id"]}).status_code == status
    assert len(BACKEND.hits) == before


def test_a_cookie_from_elsewhere_cannot_post_to_the_backend(payer):
    before = len(BACKEND.hits)
    reply = payer.post("/reports/", data=b"x", headers={"X-Organization-ID": payer.org["id"], "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    assert reply.status_code == 403 and reply.json()["code"] == "csrf_failed"
    assert len(BACKEND.hits) == before


def test_a_body_goes_through_the_gate_whole(payer):
    reply = payer.post("/reports/upload", data=b"0123456789" * 5000, headers={"X-Organization-ID": payer.org["id"]})
    assert reply.status_code == 200 and reply.json()["body"] == "0123456789" * 5000


@pytest.mark.smoke
def test_paying_and_ending_act_on_the_next_request(site):
    person = site.newcomer()
    headers = {"X-Organization-ID": person.org["id"]}
    site.httpd.page("premium/index.html", "<p>this is premium</p>")
    assert person.get("/premium/", headers=headers).status_code == 403
    org = site.pay(person)
    assert person.get("/premium/", headers=headers).status_code == 200
    site.sandbox.control("POST", f"subscriptions/{org['stripe_subscription_id']}/transition", {"status": "canceled"})
    from test_webhooks import until
    until(lambda: person.get("/premium/", headers=headers).status_code == 403)


def test_the_access_log_knows_the_user_of_a_gate_only(site, payer):
    payer.get("/premium/", headers={"X-Organization-ID": payer.org["id"]})
    assert payer.http.cookies["saas_session"] not in site.httpd.access_log.read_text()


def test_a_session_works_beside_a_token(site, payer):
    token = Api(site.base, token=payer.new_token(organization=payer.org["id"])["token"])
    assert token.get("/premium/").status_code == 200, "a token's organization is its choice"
