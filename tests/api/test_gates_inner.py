"""Requests within requests: SSI, DirectoryIndex, mod_rewrite, mod_negotiation, ErrorDocument. A page that is
reached in a roundabout way is as closed as it is straight on."""

import time

import pytest

from saastest import Api, EchoServer, seed

# httpd's own lines about a refusal, a failed include, a variant that may not be shown.
pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH01371", "AH00690", "unable to include", "Negotiation")
BACKEND = EchoServer()

SITE_MODULES = ("include", "rewrite", "negotiation")
SITE_CONF = f"""
<Directory "{{docs}}">
    Options +Includes +MultiViews +FollowSymLinks
    AddOutputFilter INCLUDES .shtml
    AddLanguage en .en
    AddLanguage de .de
    DirectoryIndex index.html index.shtml
</Directory>
RewriteEngine On
RewriteRule "^/rewritten/(.*)" "/gated/$1" [PT]
RewriteRule "^/rewritten-file/(.*)" "/gated-files/$1"
RewriteRule "^/gated/alias-out$" "/open/index.html"
<Directory "{{docs}}/open">
    RewriteEngine On
    RewriteRule "^inner-jump$" "/gated/index.html" [L]
    RewriteRule "^proxy-jump$" "{BACKEND.url}/jump" [P]
</Directory>
<Directory "{{docs}}/gated">
    RewriteEngine On
    RewriteRule "^out$" "/open/index.html" [L]
    RewriteCond "%{{ENV:SAAS_ROLE}}" "=ADMIN"
    RewriteRule "^of-role$" "/open/index.html" [L]
    RewriteRule "^to-backend$" "/backend/after" [L,PT]
</Directory>
<Directory "{{docs}}/t">
    RewriteEngine On
    RewriteRule "^([^/]+)/jump-(.+)$" "/t/$2/secret.html" [L]
</Directory>
<Location "/gated">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasIdentityHeaders On
    Require saas-role ADMIN
</Location>
<Directory "{{docs}}/gated-files">
    AuthType Saas
    Require saas-role ADMIN
</Directory>
<Location "/backend">
    ProxyPass "{BACKEND.url}/b"
</Location>
<LocationMatch "^/t/(?<slug>[a-z0-9-]+)/">
    AuthType Saas
    SaasOrganization "%{{reqenv:MATCH_SLUG}}"
    Require saas-member
</LocationMatch>
<LocationMatch "^/m/(?<slug>[a-z0-9-]+)/">
    AuthType Saas
    Require saas-member "%{{reqenv:MATCH_SLUG}}"
</LocationMatch>
<Files "index.de.html">
    AuthType Saas
    Require saas-user
</Files>
<Files "only.txt.en">
    AuthType Saas
    Require saas-user
</Files>
<Location "/errors/gated-page">
    ErrorDocument 401 /gated/error.html
    ErrorDocument 403 /gated/error.html
    AuthType Saas
    Require saas-user named@example.test
</Location>
<Location "/errors/own-area">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    ErrorDocument 401 /errors/own-area/sorry.html
    ErrorDocument 403 /errors/own-area/sorry.html
    Require saas-role VIEWER
</Location>
<Location "/errors/open-page">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    ErrorDocument 401 /open/sorry.html
    ErrorDocument 403 /open/sorry.shtml
    Require saas-role VIEWER
</Location>
LogFormat "%{{SAAS_EMAIL}}e %{{saas-user}}n %{{saas-org}}n %{{saas-verdict}}n %>s %U" saas
CustomLog "{{docs}}/../saas.log" saas
"""


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for name, text in {
            "open/index.html": "open words", "open/includes.shtml": 'before <!--#include virtual="/gated/index.html" --> after',
            "open/nested.shtml": 'nest <!--#include virtual="/open/includes.shtml" --> nest', "open/sorry.html": "sorry words",
            "open/sorry.shtml": 'sorry <!--#echo var="REDIRECT_SAAS_EMAIL" -->', "gated/index.html": "gated words", "gated/error.html": "gated error",
            "gated/includes.shtml": 'in <!--#include virtual="/gated/index.html" --> <!--#include virtual="/open/index.html" --> <!--#echo var="SAAS_EMAIL" -->',
            "gated-files/index.html": "gated words", "neg/page.html.en": "english words", "neg/page.html.de": "german words", "neg/index.html.en": "e words",
            "neg/only.txt.en": "only words", "errors/gated-page/index.html": "named words", "errors/own-area/index.html": "own words",
            "errors/own-area/sorry.html": "own sorry", "errors/open-page/index.html": "open-page words"}.items():
        site.httpd.page(name, f"<p>{text}</p>")


def at(person):
    return {"X-Organization-ID": person.org["id"]}


def test_ssi_includes_what_the_caller_may_see(site, alice, bob):
    for path in ("/open/includes.shtml", "/open/nested.shtml"):
        assert "gated words" in alice.get(path, headers=at(alice)).text
        for api, headers in ((site.nobody(), {}), (bob, at(alice)), (alice.as_token(role="VIEWER"), at(alice))):
            reply = api.get(path, headers=headers)
            assert reply.status_code == 200 and "gated words" not in reply.text and "error occurred" in reply.text
            assert "Location" not in reply.headers and "WWW-Authenticate" not in reply.headers


def test_ssi_within_a_gated_area(alice):
    text = alice.get("/gated/includes.shtml", headers=at(alice)).text
    assert "gated words" in text and "open words" in text and alice.email in text


@pytest.fixture(scope="module")
def tenants(site, alice, bob):
    """Each has pages that include the other's, under a path that names the organization."""
    found = {}
    for person in (alice, bob):
        found[person.email] = person.ok("GET", f"organizations/{person.org['id']}/")["slug"]
    for area in ("t", "m"):
        for person, other in ((alice, bob), (bob, alice)):
            mine, theirs = found[person.email], found[other.email]
            site.httpd.page(f"{area}/{mine}/secret.html", f"<p>secret of {mine}</p>")
            site.httpd.page(f"{area}/{mine}/own.shtml", f'<p><!--#include virtual="/{area}/{mine}/secret.html" --></p>')
            site.httpd.page(f"{area}/{mine}/foreign.shtml", f'<p><!--#include virtual="/{area}/{theirs}/secret.html" --></p>')
            site.httpd.page(f"{area}/{mine}/foreign-deep.shtml", f'<p><!--#include virtual="/{area}/{mine}/foreign.shtml" --></p>')
    return found[alice.email], found[bob.email]


@pytest.mark.parametrize("area", ["t", "m"])
def test_ssi_shows_no_other_organizations_page(alice, bob, tenants, area):
    mine, theirs = tenants
    assert alice.get(f"/{area}/{mine}/secret.html").status_code == 200
    assert f"secret of {mine}" in alice.get(f"/{area}/{mine}/own.shtml").text
    assert alice.get(f"/{area}/{theirs}/secret.html").status_code == 404
    for page in ("foreign", "foreign-deep"):
        reply = alice.get(f"/{area}/{mine}/{page}.shtml")
        assert reply.status_code == 200 and "secret of" not in reply.text and "error occurred" in reply.text
    assert f"secret of {theirs}" in bob.get(f"/{area}/{theirs}/own.shtml").text


def test_a_redirect_within_the_same_sections_asks_again(site, alice, tenants):
    mine, theirs = tenants
    assert f"secret of {mine}" in alice.get(f"/t/{mine}/jump-{mine}").text
    reply = alice.get(f"/t/{mine}/jump-{theirs}")
    assert reply.status_code == 404 and "secret" not in reply.text
    assert site.nobody().get(f"/t/{mine}/jump-{mine}").status_code == 401


def test_somebody_of_both_organizations_sees_both(site, alice, bob, tenants):
    both = site.newcomer()
    for person in (alice, bob):
        seed.member(site.database, person.org["id"], both.user["id"], "VIEWER")
    mine, theirs = tenants
    assert f"secret of {theirs}" in both.get(f"/t/{mine}/foreign.shtml").text
    assert f"secret of {theirs}" in both.get(f"/t/{mine}/jump-{theirs}").text


@pytest.mark.parametrize("path", ["/rewritten/index.html", "/rewritten/", "/rewritten-file/index.html", "/rewritten-file/", "/open/inner-jump", "/gated/", "/gated"])
def test_a_redirect_into_a_gated_area(site, alice, bob, path):
    reply = alice.get(path, headers=at(alice), allow_redirects=True)
    assert reply.status_code == 200 and "gated words" in reply.text
    assert site.nobody().get(path).status_code == 401
    assert bob.get(path, headers=at(alice)).status_code == 404
    assert "words" not in site.nobody().get(path).text


def test_a_redirect_out_of_a_gated_area_is_gated_by_what_is_reached_first(site, alice):
    for path in ("/gated/alias-out", "/gated/out"):
        assert site.nobody().get(path).status_code == 401
        assert "open words" in alice.get(path, headers=at(alice)).text


def test_headers_of_one_section_do_not_reach_the_back_end_of_another(site, alice):
    """SaasIdentityHeaders is On where the request began, not where it ends."""
    reply = alice.get("/gated/to-backend", headers=at(alice))
    assert reply.status_code == 200
    assert not [k for k, _ in reply.json()["headers"] if k.lower().startswith("x-saas-")]
    reply = site.nobody().get("/open/proxy-jump", headers={"X-Saas-Role": "ADMIN"})
    assert reply.status_code == 200 and not [k for k, _ in reply.json()["headers"] if k.lower().startswith("x-saas-")]


def test_negotiation_shows_only_what_may_be_shown(site, alice):
    nobody = site.nobody()
    assert "english words" in nobody.get("/neg/page", headers={"Accept-Language": "en"}).text
    assert "only words" not in nobody.get("/neg/only", headers={"Accept-Language": "en"}).text
    assert nobody.get("/neg/only").status_code in (401, 403, 404, 406)
    assert alice.get("/neg/only").status_code == 200


def test_an_error_page_that_is_gated_itself(site, alice):
    reply = site.nobody().get("/errors/gated-page/")
    assert reply.status_code == 401 and "gated error" not in reply.text and "words" not in reply.text
    reply = alice.get("/errors/gated-page/", headers=at(alice))
    assert reply.status_code == 403 and "gated error" in reply.text, "she may see the error page"
    reply = alice.as_token(role="VIEWER").get("/errors/gated-page/", headers=at(alice))
    assert reply.status_code == 403 and "gated error" not in reply.text


def test_an_error_page_in_the_area_it_is_for(site, alice):
    assert alice.get("/errors/own-area/", headers=at(alice)).status_code == 403
    assert "own words" not in alice.get("/errors/own-area/", headers=at(alice)).text
    reply = site.nobody().get("/errors/own-area/")
    assert reply.status_code == 401 and "own words" not in reply.text


def test_an_open_error_page_knows_who_was_refused(site, alice):
    reply = site.nobody().get("/errors/open-page/")
    assert reply.status_code == 401 and "sorry words" in reply.text and reply.headers["WWW-Authenticate"] == "Bearer"
    reply = alice.get("/errors/open-page/", headers=at(alice))
    assert reply.status_code == 403 and f"sorry {alice.email}" in reply.text


class Access:
    """What the access log says of the requests for a path since this was made."""

    def __init__(self, site, path):
        self.log, self.path = site.httpd.root / "saas.log", path
        self.known = len(self.lines())

    def lines(self):
        return [line.split()[:5] for line in self.log.read_text().splitlines() if line.endswith(" " + self.path)]

    def next(self):
        end = time.monotonic() + 30
        while len(self.lines()) <= self.known:
            assert time.monotonic() < end, f"{self.path} is not in the log"
            time.sleep(0.02)
        return self.lines()[self.known]


def test_the_access_log_knows_who_and_why(site, alice, bob):
    """Of the granted, the refused, the redirected."""
    for path, api, email, org, verdict, status in (
            ("/gated/index.html", alice, alice.email, alice.org["id"], "granted", "200"),
            ("/gated/includes.shtml", alice.as_token(role="VIEWER"), alice.email, alice.org["id"], "permission_denied", "403"),
            ("/gated/no-such-page", bob, bob.email, "-", "not_found", "404"),
            ("/gated/missing", site.nobody(), "-", "-", "not_authenticated", "401"),
            ("/errors/open-page/", alice, alice.email, alice.org["id"], "permission_denied", "403"),
            ("/open/inner-jump", alice, alice.email, alice.org["id"], "granted", "200"),
            ("/open/index.html", alice, "-", "-", "-", "200"),
            ("/api/v1/auth/me/", alice, alice.email, "-", "granted", "200"),
            ("/api/v1/audits/", site.nobody(), "-", "-", "not_authenticated", "401"),
            (f"/api/v1/organizations/{alice.org['id']}/", bob, bob.email, "-", "not_found", "404")):
        log = Access(site, path)
        assert str(api.get(path, headers=at(alice)).status_code) == status, path
        seen = log.next()
        user = {alice.email: alice.user["id"], bob.email: bob.user["id"]}.get(email, "-")
        assert seen == [email, user, org, verdict, status], (path, seen)


def test_an_included_refusal_is_not_the_pages_own(site, alice):
    viewer = alice.as_token(role="VIEWER")
    log = Access(site, "/open/nested.shtml")
    assert viewer.get("/open/nested.shtml", headers=at(alice)).status_code == 200
    assert log.next()[3:] == ["-", "200"]


@pytest.mark.parametrize("method, more", [("HEAD", {}), ("GET", {"Range": "bytes=0-3"}), ("GET", {"If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"}),
                                          ("GET", {"If-None-Match": "*"}), ("POST", {"Range": "bytes=0-3"}), ("OPTIONS", {})])
def test_conditions_and_ranges_change_nothing_for_the_refused(site, alice, bob, method, more):
    assert site.nobody().call(method, "/gated/index.html", headers=more).status_code == 401
    assert bob.call(method, "/gated/index.html", headers={**at(alice), **more}).status_code == 404
    reply = alice.as_token(role="VIEWER").call(method, "/gated/index.html", headers={**at(alice), **more})
    assert reply.status_code == 403 and (method == "HEAD") == (reply.content == b"")
    assert "words" not in reply.text and reply.headers["Cache-Control"] == "no-store"


def test_trace_shows_nothing_but_the_request(site):
    """httpd answers it before any gate, with what the client has sent."""
    assert "words" not in site.nobody().call("TRACE", "/gated/index.html").text


def test_conditions_and_ranges_work_for_the_granted(alice):
    assert alice.get("/gated/index.html", headers={**at(alice), "Range": "bytes=3-7"}).content == b"gated"
    assert alice.get("/gated/index.html", headers={**at(alice), "If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"}).status_code in (200, 304)
    assert alice.call("HEAD", "/gated/index.html", headers=at(alice)).content == b""


def test_a_tokens_use_is_recorded_where_only_a_redirect_is_gated(site, alice):
    made = alice.new_token(organization=alice.org["id"])
    reply = Api(site.base, token=made["token"]).get("/open/inner-jump", headers=at(alice))
    assert reply.status_code == 200 and "gated words" in reply.text
    end = time.monotonic() + 30
    while not next(t for t in alice.ok("GET", "auth/tokens/")["results"] if t["id"] == made["id"])["last_used_at"]:
        assert time.monotonic() < end, "no use has been recorded"
        time.sleep(0.05)


def test_rules_of_a_directory_see_who_was_let_in(alice):
    reply = alice.get("/gated/of-role", headers=at(alice))
    assert reply.status_code == 200 and "open words" in reply.text
