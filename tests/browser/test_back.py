"""Back and reload after a log-out, and after access has been taken away, show nothing of a gated page."""

import pytest

from saastest import seed
from saastest.browser import Browser

pytestmark = pytest.mark.expects("AH01630", "AH01631")
SITE_CONF = """
<Location "/gated">
    AuthType Saas
    Require saas-role ADMIN MEMBER
</Location>
"""
# Pages of which nothing is kept in memory once they are left, as in browsers that are short of it.
FORGETFUL = "--disable-features=BackForwardCache"
LOG_OUT = "fetch('/api/v1/auth/logout/', {method: 'POST'}).then(reply => reply.status)"


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    site.httpd.page("gated/index.html", "<!doctype html><title>gated</title><link rel=stylesheet href=style.css><p>secret words</p>")
    site.httpd.page("gated/style.css", "p { color: red }")
    site.httpd.page("open/index.html", "<!doctype html><title>open</title><p>open words</p>")


@pytest.fixture(scope="module")
def forgetful_browser():
    started = Browser(FORGETFUL)
    yield started
    started.close()


@pytest.fixture
def forgetful(forgetful_browser):
    opened = forgetful_browser.page()
    yield opened
    opened.close()


def walk(page, site, person, between=()):
    page.session(person)
    assert page.goto(site.base + "/gated/index.html") == 200
    assert "secret words" in page.text()
    for path in ("/open/index.html", *between):
        assert page.goto(site.base + path) == 200


def shows_nothing(page):
    page.back()
    assert "secret" not in page.text(), page.text()
    assert page.reload() == 401
    assert "secret" not in page.text()


def test_back_after_a_log_out(site, page, person):
    walk(page, site, person)
    assert page.evaluate(LOG_OUT) == 204
    shows_nothing(page)


def revoke(site, person):
    """Behind the browser's back."""
    site.database.execute("DELETE FROM sessions WHERE user_id = ?", person.user["id"])
    seed.change_counts()


def test_back_after_access_has_been_taken_away(site, forgetful, person):
    """Nothing has told the browser: it asks anew for what it has not kept."""
    walk(forgetful, site, person)
    revoke(site, person)
    shows_nothing(forgetful)


def test_back_after_a_refusal(site, page, person):
    """As it comes, Chromium has the whole page in memory for some minutes, and wakes it without asking anybody: a
    refusal on the way has it forget."""
    walk(page, site, person)
    revoke(site, person)
    assert page.goto(site.base + "/gated/index.html") == 401
    page.back()
    assert "open words" in page.text()
    shows_nothing(page)


def test_reload_after_access_has_been_taken_away(site, page, person):
    walk(page, site, person)
    revoke(site, person)
    page.back()
    assert page.reload() == 401 and "secret" not in page.text()


def test_back_while_it_is_allowed(site, page, forgetful, person):
    for window in (page, forgetful):
        walk(window, site, person)
        window.back()
        assert "secret words" in window.text() and window.reload() == 200
