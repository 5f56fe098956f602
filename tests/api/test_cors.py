"""Pages of other origins: what a browser is told before and after a call, for the API and in gated sections, and which
origins' cookies count. The calls are those of a frontend on an origin of its own.
"""

import pytest
import requests

from saastest import Api, Places, Site, seed

pytestmark = pytest.mark.expects("AH01630", "AH01631")
FRONTEND = "https://app.example.test"      # SaasFrontendURL of every site of these tests
LOCAL = "http://localhost:3000"
FOREIGN = ("https://evil.example", "null", "https://app.example.test.evil.example", "http://app.example.test", "https://app.example.test:8443",
           "https://APP.example.test", "https://app.example.test/", "", "https://example.test", "*")
SITE_CONF = f"""
SaasAllowOrigin {LOCAL} https://*.partner.test
SaasAllowHeaders X-Custom
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/other">
    AuthType Saas
    SaasAllowOrigin https://only.example.test
    Require saas-member
</Location>
<Location "/outer">
    AuthType Basic
    AuthName outer
    AuthUserFile "{{docs}}/../staff"
    Require saas-member
</Location>
"""
SITE_MODULES = ("auth_basic", "authn_file")
EXPOSED = {"Content-Disposition", "ETag", "Link", "Location", "Retry-After", "X-Request-ID"}


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for name in ("premium", "other", "outer", "open"):
        site.httpd.page(f"{name}/index.html", "<p>words</p>")
    (site.httpd.root / "staff").write_text("somebody:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n")


def preflight(site, path, origin, method="POST", headers="content-type"):
    sent = {"Origin": origin, "Access-Control-Request-Method": method} | ({"Access-Control-Request-Headers": headers} if headers else {})
    return requests.options(site.base + path, headers=sent, timeout=30, allow_redirects=False)


def control(reply):
    return {name.lower() for name in reply.headers if name.lower().startswith("access-control-")}


def words(text):
    return {word.strip() for word in text.split(",")}


@pytest.mark.parametrize("origin", [FRONTEND, LOCAL, "https://a.partner.test", "https://a.b.partner.test"])
@pytest.mark.parametrize("path, method, methods", [
    ("/api/v1/auth/login/", "POST", {"POST", "OPTIONS"}), ("/api/v1/audits/", "GET", {"GET", "HEAD", "OPTIONS"}),
    ("/api/v1/organizations/acme/", "PUT", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}), ("/api/v1/openapi.json", "GET", {"GET", "HEAD", "OPTIONS"}),
    ("/premium/", "GET", {"GET"}), ("/premium/", "DELETE", {"DELETE"}), ("/premium/none", "POST", {"POST"}), ("/outer/", "GET", {"GET"})])
def test_a_preflight_from_an_allowed_origin_is_answered_before_anybody_is_asked(site, origin, path, method, methods):
    reply = preflight(site, path, origin, method, "authorization, content-type, x-organization-id, idempotency-key, x-custom, x-evil")
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == origin and reply.headers["Access-Control-Allow-Credentials"] == "true"
    assert words(reply.headers["Access-Control-Allow-Methods"]) == methods
    assert words(reply.headers["Access-Control-Allow-Headers"]) == {"authorization", "content-type", "x-organization-id", "idempotency-key", "x-custom"}
    assert int(reply.headers["Access-Control-Max-Age"]) > 0 and "Origin" in words(reply.headers["Vary"])
    assert "WWW-Authenticate" not in reply.headers and "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path, status", [("/api/v1/auth/login/", 204), ("/premium/", 401), ("/outer/", 401), ("/api/v1/none/", 404)])
def test_a_preflight_from_elsewhere_is_told_nothing(site, origin, path, status):
    reply = preflight(site, path, origin)
    assert reply.status_code == status and not control(reply)
    assert "Origin" in words(reply.headers.get("Vary", ""))


def test_a_preflight_asks_for_what_there_is(site):
    assert preflight(site, "/api/v1/none/", LOCAL).status_code == 404
    reply = preflight(site, "/api/v1/audits/", LOCAL, headers=None)
    assert reply.status_code == 204 and "Access-Control-Allow-Headers" not in reply.headers
    reply = preflight(site, "/api/v1/audits/", LOCAL, headers="x-evil, x-worse")
    assert reply.status_code == 204 and "Access-Control-Allow-Headers" not in reply.headers
    reply = preflight(site, "/premium/", LOCAL, method="GET\tX")
    assert reply.status_code in (204, 400) and "\t" not in reply.headers.get("Access-Control-Allow-Methods", "")


def test_other_options_are_gated_as_ever(site, payer):
    assert requests.options(site.base + "/premium/", headers={"Origin": LOCAL}, timeout=30).status_code == 401
    reply = requests.options(site.base + "/api/v1/audits/", headers={"Origin": LOCAL}, timeout=30)
    assert reply.status_code == 204 and "GET" in reply.headers["Allow"] and "Access-Control-Allow-Methods" not in reply.headers


def test_a_place_without_a_gate_says_nothing(site):
    for reply in (preflight(site, "/open/", LOCAL), requests.get(site.base + "/open/", headers={"Origin": LOCAL}, timeout=30)):
        assert not control(reply) and "Origin" not in reply.headers.get("Vary", "")


def readable(reply, origin):
    """Whether a page of the origin could read the reply."""
    allowed = reply.headers.get("Access-Control-Allow-Origin")
    assert "Origin" in words(reply.headers["Vary"]) and allowed in (None, origin)
    assert (allowed is not None) == ("Access-Control-Allow-Credentials" in reply.headers)
    assert allowed is None or EXPOSED <= words(reply.headers["Access-Control-Expose-Headers"])
    return allowed == origin


@pytest.mark.parametrize("origin, yes", [(LOCAL, True), (FRONTEND, True), ("https://evil.example", False), ("null", False)])
def test_replies_and_refusals_can_be_read(site, payer, alice, origin, yes):
    token = {"Authorization": "Bearer " + payer.new_token(organization=payer.org["id"])["token"], "Origin": origin}
    free = {"Authorization": "Bearer " + alice.new_token(organization=alice.org["id"])["token"], "Origin": origin}
    audit, own = (seed.audit(site.database, who.org["id"], [("https://x.test/", "hsts_enabled", "FAIL", "high", "words")]) for who in (payer, alice))
    for path, headers, status in (
            ("/api/v1/auth/me/", token, 200), ("/api/v1/auth/me/", {"Origin": origin}, 401), ("/api/v1/audits/none/", token, 404),
            ("/api/v1/none/", token, 404), (f"/api/v1/audits/{own}/export/csv/", free, 403), ("/api/v1/audits/?page=0", token, 400),
            (f"/api/v1/audits/{audit}/export/csv/", token, 200), ("/premium/", token, 200), ("/premium/", free, 403), ("/premium/", {"Origin": origin}, 401),
            ("/premium/none", token, 404), ("/api/v1/openapi.json", {"Origin": origin}, 200), ("/outer/", {"Origin": origin}, 401)):
        reply = requests.get(site.base + path, headers=headers, timeout=30)
        assert reply.status_code == status, (path, reply.text)
        assert readable(reply, origin) == yes, path
        if path.endswith("csv/") and status == 200:
            assert "attachment" in reply.headers["Content-Disposition"] and reply.text.count("\r\n") == 2


def test_without_an_origin_it_only_varies(site, payer):
    reply = payer.get("auth/me/", headers={"Origin": None})
    assert not control(reply) and "Origin" in words(reply.headers["Vary"])


@pytest.mark.parametrize("site_fetch", [None, "same-site", "cross-site"])
@pytest.mark.parametrize("origin, status", [(LOCAL, 200), (FRONTEND, 200), ("https://a.partner.test", 200), ("https://evil.example", 403), ("null", 403),
                                            ("https://partner.test", 403)])
def test_a_cookie_changes_something_from_an_allowed_origin_alone(site, payer, origin, status, site_fetch):
    headers = {"Origin": origin, "Sec-Fetch-Site": site_fetch}
    reply = payer.patch("auth/me/", {"name": "Changed"}, headers=headers)
    assert reply.status_code == status, reply.text
    assert status == 200 or reply.json()["code"] == "csrf_failed"
    assert payer.post("/premium/", {}, headers=headers).status_code in ((405, 200) if status == 200 else (403,))


def test_a_section_may_have_origins_of_its_own(site, payer):
    """They stand in place of the server's."""
    assert preflight(site, "/other/", "https://only.example.test").status_code == 204
    for origin in (LOCAL, "https://a.partner.test"):
        assert preflight(site, "/other/", origin).status_code == 401
    assert not control(preflight(site, "/premium/", "https://only.example.test"))
    assert preflight(site, "/other/", FRONTEND).status_code == 204, "the product's own"


# ------------------------------------------------------------------ cookies --

def cookies(databases, db_kind, conf):
    """Set-Cookie of a log-in and of a log-out with this configuration."""
    places = Places()
    site = Site(databases.fresh(db_kind, places), places=places, with_stripe=False)
    site.parts.append(conf)
    try:
        site.start()
        person = site.register()
        first = person.http.post(site.base + "/api/v1/auth/login/", json={"email": person.email, "password": person.password}, timeout=30).headers["Set-Cookie"]
        name, value = first.split(";")[0].split("=")
        last = requests.post(site.base + "/api/v1/auth/logout/", headers={"Cookie": f"{name}={value}", "Origin": site.base}, timeout=30)
        assert last.status_code == 204, last.text
        return first, last.headers["Set-Cookie"]
    finally:
        site.close()


@pytest.mark.parametrize("conf, name, has, has_not", [
    ("", "saas_session", ["SameSite=Lax", "HttpOnly", "Path=/"], ["Domain", "Secure"]),
    ("SaasCookieSameSite Strict", "saas_session", ["SameSite=Strict"], ["Secure"]),
    ("SaasCookieSameSite none\nSaasSecureCookies On", "__Host-saas_session", ["SameSite=None", "Secure"], ["Domain"]),
    ("SaasCookieDomain example.test\nSaasSecureCookies On", "saas_session", ["Domain=example.test", "Secure", "SameSite=Lax"], []),
])
def test_the_cookie_is_as_it_was_ordered(databases, db_kind, conf, name, has, has_not):
    for cookie in cookies(databases, db_kind, conf):
        parts = [part.strip() for part in cookie.split(";")]
        assert parts[0].startswith(name + "=") and set(has) <= set(parts)
        assert not [part for part in parts if part.split("=")[0] in has_not]


@pytest.mark.parametrize("line, said", [
    ("SaasAllowOrigin *", ["every page"]), ("SaasAllowOrigin null", ["null"]), ("SaasAllowOrigin https://app.example.com/", ["https://app.example.com/"]),
    ("SaasAllowOrigin https://App.example.com", ["lower case", "upper case"]), ("SaasAllowOrigin https://app.example.com:443", ["write https://app.example.com"]),
    ("SaasAllowOrigin http://app.example.com:80", ["write http://app.example.com"]), ("SaasAllowOrigin app.example.com", ["https://app.example.com"]),
    ("SaasAllowOrigin https://*.com", ["*.example.com"]), ("SaasAllowOrigin http://localhost:3000 https://a.example/x", ["https://a.example/x"]),
    ("SaasAllowHeaders X:Y", ["X:Y"]), ("SaasCookieSameSite None", ["SaasSecureCookies On"]), ("SaasCookieSameSite Sometimes", ["Lax, Strict, None"]),
    ("SaasCookieDomain localhost", ["localhost"]), ("SaasCookieDomain .example.com", [".example.com"]), ("SaasCookieDomain 192.0.2.7", ["192.0.2.7"]),
])
def test_bad_origins_and_cookies_are_refused(site, line, said):
    status, out = site.httpd.configtest("\n".join(site.parts) + f"\n{line}\n")
    assert status != 0 and line.split()[0] in out and any(word in out for word in said), out


def test_an_unset_frontend_and_no_origins_say_nothing(databases, db_kind):
    places = Places()
    site = Site(databases.fresh(db_kind, places), places=places, with_stripe=False)
    site.parts = ["\n".join(line for line in part.splitlines() if not line.startswith("SaasFrontendURL")) for part in site.parts]
    try:
        site.start()
        reply = preflight(site, "/api/v1/auth/login/", LOCAL)
        assert reply.status_code == 204 and not control(reply) and "Vary" not in reply.headers
        reply = Api(site.base).get("auth/me/", headers={"Origin": LOCAL})
        assert reply.status_code == 401 and not control(reply)
    finally:
        site.close()
