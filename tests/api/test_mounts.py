"""What else the configuration says of the places below a mount point: its API and status pages answer nonetheless."""

import pytest

SITE_MODULES = ("rewrite", "status", "info")
# As a site with a single-page application has it: whatever is no file is the application's.
SITE_CONF = """
FallbackResource /app.html
AddHandler server-status .json
RewriteEngine On
RewriteRule "^/old/(.*)$" "/api/v1/$1" [PT]
RewriteRule "^/was/(.*)$" "/saas/$1" [PT]
<Location "/">
    SetHandler server-info
</Location>
<LocationMatch "^/(?!handled)">
    SetHandler None
</LocationMatch>
<Location "/api/v1/auth">
    SetHandler server-status
</Location>
"""


@pytest.fixture(scope="module", autouse=True)
def application(site):
    site.httpd.page("app.html", "the application")


def test_the_application_has_what_is_no_file(site):
    assert site.nobody().get("/some/view").text == "the application"
    assert "Server Information" in site.nobody().get("/handled").text


@pytest.mark.parametrize("place", ["", "/old/", "/api/v1/"])
def test_the_api_is_not_the_applications(alice, place):
    assert alice.get(place + "auth/me/").json()["email"] == alice.email
    assert alice.get(place + "audits/").json()["results"] == []
    reply = alice.get(place + "no/such/route/")
    assert reply.status_code == 404 and reply.json()["code"] == "not_found"
    assert alice.get(place + "openapi.json").json()["openapi"].startswith("3.")


@pytest.mark.parametrize("place", ["/saas/", "/was/"])
def test_nor_is_the_status(site, place):
    assert site.nobody().get(place + "live").json() == {"status": "live"}
    assert site.nobody().get(place + "none").status_code == 404
