"""Gates behind nginx's proxy_cache and Varnish, as Debian has them, set up to keep what they may for everybody."""

import os
import time

import pytest

from saastest import Api
from saastest.apps import Application, query
from saastest.caches import CACHES

pytestmark = [pytest.mark.expects("AH01630", "AH01631", "unable to include"), pytest.mark.long(20)]
APP = Application()
SITE_MODULES = ("include", "expires", "cgid")
SITE_CONF = f"""
<Directory "{{docs}}">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/premium/app">
    ProxyPass "{APP.url}"
</Location>
<Location "/app">
    ProxyPass "{APP.url}"
</Location>
<Location "/premium/gone">
    ErrorDocument 404 /open/sorry.html
</Location>
<Location "/premium/expires">
    ExpiresActive On
    ExpiresDefault "access plus 1 hour"
</Location>
<Location "/premium/headers">
    Header always set Cache-Control "public, s-maxage=3600"
    Header set X-Accel-Expires 3600
    Header set Surrogate-Control "max-age=3600"
</Location>
"""
OPEN = "/open/index.html"


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for name, text in {
            "open/index.html": "open words", "open/sorry.html": "secret words about what is not there", "premium/index.html": "secret words", "premium/expires/index.html": "secret words",
            "premium/headers/index.html": "secret words", "ssi/first.shtml": '<!--#include virtual="/premium/index.html" --> after',
            "ssi/late.shtml": 'before <!--#include virtual="/premium/index.html" --> after',
            "ssi/open.shtml": 'before <!--#include virtual="/open/index.html" --> after'}.items():
        os.utime(site.httpd.page(name, f"<p>{text}</p>\n"), (time.time() - 7 * 86400,) * 2)


@pytest.fixture(scope="module", params=sorted(CACHES))
def cache(request, site):
    front = CACHES[request.param](site.httpd.port, site.httpd.port)
    yield front
    front.close()


@pytest.fixture(scope="module")
def subscribers(payer):
    """With the cookie, and with a token."""
    return [payer, payer.as_token()]


@pytest.fixture(scope="module")
def strangers(site, alice):
    """Nobody, a member of the free tier by cookie and by token, and a token that is none."""
    return [site.nobody(), alice, alice.as_token(), Api(site.base, token="saas_" + "y" * 43)]


def get(api, cache, path, **headers):
    return api.get(cache.base + path, headers=headers)


def hit(reply):
    return reply.headers["X-Cache"] == "HIT"


def theirs_alone(cache, subscribers, strangers, path):
    for subscriber in subscribers:
        for _ in range(2):
            reply = get(subscriber, cache, path)
            assert "secret words" in reply.text and not hit(reply), (path, reply.status_code, reply.headers)
            assert "private" in reply.headers["Cache-Control"]
    for stranger in strangers:
        reply = get(stranger, cache, path)
        assert "secret" not in reply.text and not hit(reply), (path, reply.headers, reply.text)


def from_the_cache(site, cache, path, words):
    first, second = (get(api, cache, path) for api in (site.nobody(), site.nobody()))
    assert words in first.text and hit(second) and second.text == first.text, (path, second.headers)


def test_files(site, cache, subscribers, strangers):
    from_the_cache(site, cache, OPEN, "open words")
    for path in ("/premium/index.html", "/premium/", "/premium/expires/index.html", "/premium/headers/index.html", "/premium/index.html?v=1"):
        theirs_alone(cache, subscribers, strangers, path)
    from_the_cache(site, cache, OPEN + "?again", "open words")


HEADERS = [
    (), ("Cache-Control: public, max-age=3600",), ("Cache-Control: s-maxage=3600",), ("Cache-Control: max-age=3600",),
    ("Expires: Fri, 01 Jan 2100 00:00:00 GMT",), ("X-Accel-Expires: 3600",), ("X-Accel-Expires: @4102444800",),
    ("Surrogate-Control: max-age=3600",), ("CDN-Cache-Control: max-age=3600",), ("Cache-Control: no-cache", "Expires: Fri, 01 Jan 2100 00:00:00 GMT"),
    # What it says first, nginx believes.
    ("Expires: Fri, 01 Jan 2100 00:00:00 GMT", "Cache-Control: private"), ("X-Accel-Expires: 60", "Cache-Control: no-store, private"),
    ("Surrogate-Control: max-age=60", "Cache-Control: private"), ("Cache-Control: public", "Cache-Control: private, max-age=60"),
]


@pytest.mark.parametrize("said", HEADERS, ids=lambda said: ";".join(said).replace("Cache-Control", "CC") or "nothing")
def test_an_application(cache, subscribers, strangers, said):
    theirs_alone(cache, subscribers, strangers, "/premium/app/page?" + query(*said))
    theirs_alone(cache, subscribers, strangers, "/premium/app/page?" + query(*said, etag='"v1"', a=1))


@pytest.mark.parametrize("said", [("Cache-Control: public, max-age=3600",), ("Expires: Fri, 01 Jan 2100 00:00:00 GMT",)])
def test_the_application_in_the_open_is_cached(site, cache, said):
    from_the_cache(site, cache, "/app/page?" + query(*said, body="open words"), "open words")


def test_parts_of_pages(site, cache, subscribers, strangers):
    for page in ("first", "late"):
        theirs_alone(cache, subscribers, strangers, f"/ssi/{page}.shtml")
    from_the_cache(site, cache, "/ssi/open.shtml", "open words")


def test_statuses(site, cache, payer, alice):
    for status in (301, 302, 404, 410, 500):
        path = "/premium/app/gone?" + query("Cache-Control: public, max-age=3600", "Location: /x", status=status)
        for _ in range(2):
            reply = get(payer, cache, path)
            assert reply.status_code == status and not hit(reply)
        assert get(site.nobody(), cache, path).status_code == 401 and get(alice, cache, path).status_code == 403


def test_an_error_document_in_the_open(cache, subscribers, strangers):
    """What is said of a gated place is said to one; no mod_cache is here to be asked."""
    theirs_alone(cache, subscribers, strangers, "/premium/gone/nothing")


def test_revalidation_ranges_and_refusals(site, cache, payer):
    whole = get(payer, cache, "/premium/index.html")
    again = get(payer, cache, "/premium/index.html", **{"If-None-Match": whole.headers["ETag"]})
    # nginx asks for the whole where it may cache.
    assert again.status_code == {"nginx": 200, "varnish": 304}[cache.name] and "private" in again.headers["Cache-Control"]
    assert get(payer, cache, "/premium/index.html", Range="bytes=3-8").text in ("secret", whole.text)
    assert payer.call("HEAD", cache.base + "/premium/index.html").status_code == 200
    # What a stranger is told does not stand in a subscriber's way.
    for _ in range(2):
        assert get(site.nobody(), cache, "/premium/index.html?x").status_code == 401
    assert get(payer, cache, "/premium/index.html?x").status_code == 200
