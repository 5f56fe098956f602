"""Pages of other origins call the API for their visitor: what a browser then sends, lets through and gives them. All are on
one site, so that the cookie goes along from each of them, but for one.
"""

import pytest

from saastest import seed
from saastest.apps import Application

pytestmark = pytest.mark.expects("AH01630", "AH01631")
FRONTEND, FOREIGN = Application(), Application()
SITE_CONF = f"""
SaasAllowOrigin {FRONTEND.url}
<Location "/gated">
    AuthType Saas
    Require saas-role ADMIN MEMBER
</Location>
"""


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    site.httpd.page("gated/index.html", "<p>secret words</p>")


def call(page, url, **options):
    """[status, body, Content-Disposition] as a script of the page gets them, or what it is told instead."""
    options = {"credentials": "include"} | options
    return page.evaluate(f"fetch({url!r}, {options!r}).then(async reply => [reply.status, await reply.text(), reply.headers.get('Content-Disposition')],"
                         " error => String(error))")


def change(name):
    return {"method": "PATCH", "headers": {"Content-Type": "application/json"}, "body": '{"name": "%s"}' % name}


def name_of(site, person):
    return site.database.execute("SELECT name FROM users WHERE id = ?", person.user["id"])[0][0]


def test_a_frontend_on_an_origin_of_its_own(site, page, payer):
    audit = seed.audit(site.database, payer.org["id"], [("https://x.test/", "hsts_enabled", "FAIL", "high", "words")])
    api = site.base + "/api/v1/"
    assert page.goto(FRONTEND.url) == 200
    status, body, _ = call(page, api + "auth/me/")
    assert status == 401 and "not_authenticated" in body
    status, body, _ = call(page, api + "auth/login/", method="POST", headers={"Content-Type": "application/json"},
                           body='{"email": "%s", "password": "%s"}' % (payer.email, payer.password))
    assert status == 200, body
    status, body, _ = call(page, api + "auth/me/")
    assert status == 200 and payer.email in body
    assert call(page, api + "auth/me/", **change("From afar"))[0] == 200 and name_of(site, payer) == "From afar"
    status, body, disposition = call(page, api + f"audits/{audit}/export/csv/", headers={"X-Organization-ID": payer.org["slug"]})
    assert status == 200 and "hsts_enabled" in body and "attachment" in disposition
    assert call(page, site.base + "/gated/")[:2] == [200, "<p>secret words</p>"]
    assert call(page, api + "auth/logout/", method="POST")[0] == 204
    assert call(page, site.base + "/gated/")[0] == 401


@pytest.mark.parametrize("origin", [FOREIGN.url, FRONTEND.url.replace("127.0.0.1", "localhost")], ids=["another port", "another name"])
def test_any_other_origin_is_given_nothing_and_changes_nothing(site, page, person, origin):
    page.session(person)
    before = name_of(site, person)
    assert page.goto(origin) == 200
    for path in ("/api/v1/auth/me/", "/api/v1/openapi.json", "/gated/"):
        assert "TypeError" in call(page, site.base + path)
    assert "TypeError" in call(page, site.base + "/api/v1/auth/me/", **change("Taken"))
    # What a browser sends without a preflight.
    assert "TypeError" in call(page, site.base + "/api/v1/auth/logout/", method="POST")
    call(page, site.base + "/api/v1/auth/logout/", method="POST", mode="no-cors", body="x")
    assert name_of(site, person) == before
    assert page.goto(site.base + "/gated/") == 200, "still logged in"
