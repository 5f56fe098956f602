"""Gates beside mod_cache in the same server: what one caller was let in to see is given to no other, and what is open
is served from the cache as before.
"""

import os
import subprocess
import time

import pytest

from saastest import Api
from saastest.apps import Application, query
from saastest.places import program

# httpd's own lines about a refusal, and about a part that may not be shown.
pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH01797", "unable to include")
APP = Application()
SITE_MODULES = ("cache", "cache_socache", "cache_disk", "socache_shmcb", "expires", "include", "cgid", "filter", "http2", "rewrite", "autoindex",
                "actions", "negotiation", "access_compat")

# One virtual host for each way in which mod_cache can stand beside the gates.
CACHES = {f"{kind}-{'quick' if quick == 'On' else 'handler'}": f"CacheEnable {kind} /\nCacheQuickHandler {quick}"
          for kind in ("socache", "disk") for quick in ("On", "Off")}
HOSTS = {
    "plain": "",
    **CACHES,
    # The filter where the administrator wants it, before everything that says who the page is for.
    "marker": "CacheEnable disk /\nCacheQuickHandler Off\nSetOutputFilter CACHE",
    "marker-includes": "CacheEnable disk /\nCacheQuickHandler Off\n<Location />\nSSILastModified On\nSetOutputFilter INCLUDES;CACHE\n</Location>",
    "marker-raw": "CacheEnable disk /\nCacheQuickHandler Off\n<Location />\nSetOutputFilter CACHE;INCLUDES\n</Location>",
    "private-too": "CacheEnable socache /\nCacheStorePrivate On\nCacheStoreNoStore On",
    # Meant for static files.
    "expires": 'CacheEnable socache /\nExpiresActive On\nExpiresDefault "access plus 1 hour"',
    "headers": 'CacheEnable socache /\nHeader set Cache-Control "public, max-age=3600"',
    "headers-always": 'CacheEnable socache /\nHeader always set Cache-Control "public, s-maxage=3600"\nHeader always set X-Accel-Expires 3600',
}

SITE_CONF = f"""
Protocols h2c http/1.1
CacheSocache shmcb
CacheRoot "{{docs}}/../state"
CacheHeader On
CacheIgnoreNoLastMod On
CacheDefaultExpire 600
ScriptSock "{{docs}}/../run/cgid.sock"
<Directory "{{docs}}">
    Options +Includes +ExecCGI +Indexes +FollowSymLinks +MultiViews
    AddOutputFilter INCLUDES .shtml
    AddType text/html .stored
    AddHandler cgi-script .cgi
    DirectoryIndex index.html index.cgi
    AllowOverride All
</Directory>
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/app">
    Require all granted
    ProxyPass "{APP.url}"
</Location>
<Location "/premium/app">
    ProxyPass "{APP.url}"
</Location>
<Location "/either">
    AuthType Saas
    <RequireAny>
        Require env FROM_OFFICE
        Require saas-subscription active
    </RequireAny>
</Location>
SetEnvIf X-Office "." FROM_OFFICE
<Location "/premium/open">
    Require all granted
</Location>
<Location "/premium/and">
    AuthMerging And
    Require method GET
</Location>
<Location "/premium/satisfy">
    AuthMerging And
    Require method GET
    Satisfy Any
    Order allow,deny
    Allow from env=FROM_OFFICE
</Location>
<Location "/posting">
    AuthType Saas
    <Limit POST>
        Require saas-user
    </Limit>
</Location>
<Directory "{{docs}}/mixed">
    <Files "hidden.html">
        AuthType Saas
        Require saas-user
    </Files>
    <Files "index.html">
        AuthType Saas
        Require saas-user
    </Files>
</Directory>
<Location "/fallback">
    AuthType Saas
    Require saas-user
</Location>
<Directory "{{docs}}/fallback">
    FallbackResource /open/index.html
</Directory>
<Directory "{{docs}}/to-gated">
    FallbackResource /premium/index.html
</Directory>
<Directory "{{docs}}/premium">
    RewriteEngine On
    RewriteRule "^moved$" "/open/index.html" [R=301,L]
    RewriteRule "^inside$" "/open/index.html" [L]
</Directory>
<Location "/premium/gone">
    ErrorDocument 404 /open/sorry.html
</Location>
<Location "/kept">
    AuthType Saas
    Require saas-user
    SaasCacheControl "private, max-age=60"
</Location>
<Location "/left">
    AuthType Saas
    Require saas-user
    SaasCacheControl Off
</Location>
""" + "".join(f"""
<VirtualHost *>
    ServerName {name}.test
    DocumentRoot "{{docs}}"
    {conf}
</VirtualHost>
""" for name, conf in HOSTS.items())

CGI = """#!/bin/sh
printf 'Content-Type: text/html\\n%s\\n\\nsecret words of cgi\\n' "$(echo "$QUERY_STRING" | sed 's/%20/ /g; s/%22/"/g')"
"""
LONG = "x" * 70000


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    pages = {
        "open/index.html": "open words", "open/sorry.html": "sorry words", "premium/index.html": "secret words", "premium/open/index.html": "open words",
        "premium/satisfy/index.html": "secret words",
        "premium/and/index.html": "secret words", "either/index.html": "secret words", "posting/index.html": "open words",
        "mixed/hidden.html": "secret words", "mixed/index.html": "secret words", "listing/seen.html": "open words",
        "fallback/readme.txt": "secret words", "kept/index.html": "kept words", "left/index.html": "left words", "to-gated/x.txt": "x",
        "ssi/first.shtml": '<!--#include virtual="/premium/index.html" --> after', "ssi/late.shtml": 'before <!--#include virtual="/premium/index.html" --> after',
        "ssi/late.stored": 'before <!--#include virtual="/premium/index.html" --> after',
        "ssi/open.shtml": 'before <!--#include virtual="/open/index.html" --> after',
        "ssi/nested.shtml": 'nest <!--#include virtual="/ssi/late.shtml" --> nest',
        "ssi/long.shtml": LONG + ' before <!--#include virtual="/premium/index.html" --> after',
        "ssi/long-open.shtml": LONG + ' before <!--#include virtual="/open/index.html" --> after',
        "ssi/office.shtml": LONG + ' before <!--#include virtual="/either/index.html" --> after',
        "ssi/if.shtml": '<!--#if expr="-A \'/premium/index.html\'" -->members words<!--#else -->others words<!--#endif -->',
        "ssi/cgi.shtml": 'before <!--#include virtual="/premium/app.cgi" --> after',
    }
    for name, text in pages.items():
        # Of last week, so that a cache takes them for fresh.
        os.utime(site.httpd.page(name, f"<p>{text}</p>\n"), (time.time() - 7 * 86400,) * 2)
    for name in ("premium/app.cgi", "open/app.cgi"):
        site.httpd.page(name, CGI).chmod(0o755)
    (site.httpd.docs / "premium" / ".htaccess").write_text("")


def at(host):
    return {"Host": f"{host}.test"}


def get(api, host, path, **headers):
    return api.get(path, headers={**at(host), **headers})


def hit(reply):
    return reply.headers.get("X-Cache", "").startswith("HIT")


def directives(reply):
    return [word.strip() for word in reply.headers.get("Cache-Control", "").split(",") if word.strip()]


def closed(reply, words="secret"):
    return words not in reply.text and not hit(reply)


@pytest.fixture(scope="module")
def strangers(site, alice, bob):
    """Nobody; a member of the free tier; somebody with a token that is wrong."""
    return [site.nobody(), alice, Api(site.base, token="saas_" + "y" * 43)]


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_a_subscribers_page_is_the_subscribers(site, payer, strangers, host):
    for _ in range(2):
        reply = get(payer, host, "/premium/index.html")
        assert reply.status_code == 200 and "secret words" in reply.text and not hit(reply)
        assert directives(reply) == ["private", "no-cache"]
        assert "X-Accel-Expires" not in reply.headers and "Expires" not in reply.headers
    for stranger in strangers:
        reply = get(stranger, host, "/premium/index.html")
        assert reply.status_code in (401, 403) and closed(reply), (host, reply.status_code, reply.text)
        assert "no-store" in directives(reply)


@pytest.mark.parametrize("host", sorted(set(HOSTS) - {"plain"}))
def test_what_is_open_comes_from_the_cache(site, payer, host):
    """Else nothing here would prove anything."""
    get(payer, host, "/open/index.html")
    reply = get(site.nobody(), host, "/open/index.html")
    assert reply.status_code == 200 and "open words" in reply.text and hit(reply), reply.headers
    assert "private" not in directives(reply)


# ------------------------------------------------------- what applications say --

SHARED = [
    ("Cache-Control: public, max-age=3600",), ("Cache-Control: max-age=3600",), ("Cache-Control: s-maxage=3600",),
    ("Cache-Control: public",), ("Cache-Control: max-age=0, s-maxage=3600",), ("Cache-Control: max-age=60, proxy-revalidate",),
    ("Cache-Control: public", "Cache-Control: max-age=60"), ("Cache-Control: no-cache",), ("Cache-Control: must-revalidate, max-age=60",),
    ('Cache-Control: private="Set-Cookie", max-age=60',), ("Cache-Control: must-understand, no-store, max-age=60",),
    ("Cache-Control: max-age=60, x=\"private",), ("Expires: Fri, 01 Jan 2100 00:00:00 GMT",), ("Pragma: public",),
    ("Expires: Fri, 01 Jan 2100 00:00:00 GMT", "Cache-Control: public, max-age=60"), ("X-Accel-Expires: 3600",), ("X-Accel-Expires: @4102444800",),
    ("Surrogate-Control: max-age=3600",), ("CDN-Cache-Control: max-age=3600",), ("Cloudflare-CDN-Cache-Control: public, max-age=60",),
    ("Edge-Control: cache-maxage=1h",), ("Surrogate-Control: private",),
]
NAMES = ("Expires", "Pragma", "X-Accel-Expires", "Surrogate-Control", "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Edge-Control")

# What the application says, and what becomes of it.
PRIVATE = [
    (("Cache-Control: private, max-age=60",), ["private", "max-age=60"]), (("Cache-Control: no-store",), ["no-store"]),
    (("Cache-Control: private",), ["private"]), (("Cache-Control: Private , Max-Age=5",), ["Private", "Max-Age=5"]),
    (("Cache-Control: no-cache, no-store, must-revalidate",), ["no-cache", "no-store", "must-revalidate"]),
    (("Cache-Control: private, max-age=60, public, s-maxage=60",), ["private", "max-age=60"]),
    (("Cache-Control: private", "Cache-Control: max-age=60"), ["private", "max-age=60"]),
    (("Cache-Control: private, max-age=60", "Expires: Fri, 01 Jan 2100 00:00:00 GMT"), ["private", "max-age=60"]),
    (("Cache-Control: no-store", "Expires: Thu, 19 Nov 1981 08:52:00 GMT", "Pragma: no-cache"), ["no-store"]),
    (("Cache-Control: private, max-age=60", "CDN-Cache-Control: max-age=60", "X-Accel-Expires: 60"), ["private", "max-age=60"]),
]


def left_over(reply):
    return {name: reply.headers[name] for name in NAMES if name in reply.headers}


@pytest.mark.parametrize("host", ["plain", "socache-quick", "disk-handler"])
@pytest.mark.parametrize("said", SHARED, ids=lambda said: said[0].replace("Cache-Control", "CC"))
def test_an_application_that_does_not_know_shares_nothing(site, payer, alice, host, said):
    path = "/premium/app/page?" + query(*said, etag='"v1"')
    for _ in range(2):
        reply = get(payer, host, path)
        assert "secret words" in reply.text and not hit(reply)
        assert directives(reply) == ["private", "no-cache"] and left_over(reply) == {}, reply.headers
    for stranger in (site.nobody(), alice):
        assert closed(get(stranger, host, path)), said
    again = get(payer, host, path, **{"If-None-Match": '"v1"'})
    assert again.status_code == 304 and directives(again) == ["private", "no-cache"] and left_over(again) == {}


@pytest.mark.parametrize("said, left", PRIVATE)
def test_an_application_that_knows_has_its_word(site, payer, said, left):
    path = "/premium/app/page?" + query(*said)
    for host in ("plain", "socache-quick"):
        reply = get(payer, host, path)
        assert "secret words" in reply.text and directives(reply) == left
        kept = {"Expires": "Thu, 19 Nov 1981 08:52:00 GMT", "Pragma": "no-cache"} if "Pragma: no-cache" in said else {}
        assert left_over(reply) == kept
        assert closed(get(site.nobody(), host, path))


@pytest.mark.parametrize("name, value", [("X-Accel-Expires", "0"), ("Surrogate-Control", "no-store"), ("CDN-Cache-Control", "no-store")])
def test_what_forbids_a_cache_stays(payer, name, value):
    reply = get(payer, "plain", "/premium/app/page?" + query(f"{name}: {value}"))
    assert left_over(reply) == {name: value} and directives(reply) == ["private", "no-cache"]


def test_the_same_application_in_the_open_is_as_it_says(site):
    path = "/app/page?" + query("Cache-Control: public, max-age=3600", "X-Accel-Expires: 60", "CDN-Cache-Control: max-age=60", body="open words")
    first, second = (get(site.nobody(), "socache-quick", path) for _ in range(2))
    assert not hit(first) and hit(second) and second.text == first.text
    assert directives(second) == ["public", "max-age=3600"]
    assert left_over(second) == {"X-Accel-Expires": "60", "CDN-Cache-Control": "max-age=60"}


@pytest.mark.parametrize("status", [200, 203, 301, 302, 307, 308, 404, 405, 410, 414, 500, 501, 503])
def test_every_status_of_an_application(site, payer, status):
    path = f"/premium/app/status?" + query("Cache-Control: public, max-age=3600", "Location: /open/", status=status)
    for _ in range(2):
        reply = get(payer, "socache-quick", path)
        assert reply.status_code == status and directives(reply) == ["private", "no-cache"]
    assert closed(get(site.nobody(), "socache-quick", path))


def test_what_a_browser_navigates_to_is_not_kept(payer):
    """Back shows again what a browser has, whatever no-cache says."""
    for headers in ({"Sec-Fetch-Mode": "navigate"}, {"Accept": "text/html,*/*;q=0.8"}):
        assert directives(get(payer, "plain", "/premium/index.html", **headers)) == ["private", "no-store"]
    for headers in ({"Sec-Fetch-Mode": "cors", "Accept": "text/html"}, {"Sec-Fetch-Mode": "no-cors"}, {"Accept": "*/*"}):
        assert directives(get(payer, "plain", "/premium/index.html", **headers)) == ["private", "no-cache"]
    path = "/premium/app/page?" + query("Cache-Control: private, max-age=5")
    assert directives(get(payer, "plain", path, **{"Sec-Fetch-Mode": "navigate"})) == ["private", "max-age=5"]


# --------------------------------------------------------------- every way --

PLACES = ["socache-quick", "socache-handler", "disk-quick", "disk-handler", "marker", "private-too", "expires", "headers"]


def only_theirs(site, payer, host, path, status=200, words="secret words", **more):
    for _ in range(2):
        reply = get(payer, host, path, **more)
        assert reply.status_code == status and words in reply.text, (path, reply.status_code, reply.text[-300:])
        assert not hit(reply) and directives(reply) == ["private", "no-cache"], (path, reply.headers)
    reply = get(site.nobody(), host, path)
    assert "secret" not in reply.text and not hit(reply), (path, reply.text[-300:])
    return reply


@pytest.mark.parametrize("host", PLACES)
def test_files_and_programs(site, payer, host):
    only_theirs(site, payer, host, "/premium/")
    only_theirs(site, payer, host, "/premium/and/")
    only_theirs(site, payer, host, "/premium/app.cgi?Cache-Control:%20public,%20max-age=60", words="words of cgi")
    only_theirs(site, payer, host, "/premium/app/page?" + query("Cache-Control: public, max-age=60"))


@pytest.mark.parametrize("host", PLACES)
def test_ranges_heads_and_revalidation(site, payer, host):
    whole = get(payer, host, "/premium/index.html")
    part = get(payer, host, "/premium/index.html", Range="bytes=3-8")
    assert (part.status_code, part.text) == (206, "secret") and directives(part) == ["private", "no-cache"]
    head = payer.call("HEAD", "/premium/index.html", headers=at(host))
    assert head.status_code == 200 and directives(head) == ["private", "no-cache"]
    for header in ({"If-None-Match": whole.headers["ETag"]}, {"If-Modified-Since": whole.headers["Last-Modified"]}):
        again = get(payer, host, "/premium/index.html", **header)
        assert again.status_code == 304 and directives(again) == ["private", "no-cache"], again.headers
        assert get(site.nobody(), host, "/premium/index.html", **header).status_code == 401
    assert closed(get(site.nobody(), host, "/premium/index.html", Range="bytes=3-8"))


@pytest.mark.parametrize("host", PLACES)
def test_redirects_and_error_documents(site, payer, host):
    reply = get(payer, host, "/premium")   # mod_dir adds the slash
    assert reply.status_code == 301 and directives(reply) == ["private", "no-cache"]
    reply = get(payer, host, "/premium/moved")
    assert reply.status_code == 301 and directives(reply) == ["private", "no-cache"]
    only_theirs(site, payer, host, "/premium/nothing-here", status=404, words="")
    only_theirs(site, payer, host, "/premium/gone/nothing", status=404, words="sorry words")
    # With the quick handler mod_dir finds no file that mod_cache has.
    for path in ("/premium/inside",) + ("/fallback/whatever",) * host.endswith("handler"):
        for _ in range(2):   # the open page itself may come from the cache
            reply = get(payer, host, path)
            assert "open words" in reply.text and directives(reply) == ["private", "no-cache"], (path, reply.headers)
        assert get(site.nobody(), host, path).status_code == 401
    only_theirs(site, payer, host, "/to-gated/whatever")
    only_theirs(site, payer, host, "/mixed/")
    only_theirs(site, payer, host, "/mixed/hidden.html")
    only_theirs(site, payer, host, "/premium/index")   # mod_negotiation
    # The places that they end at are open, and stay so.
    assert hit(get(site.nobody(), "socache-quick", "/open/sorry.html")) or hit(get(site.nobody(), "socache-quick", "/open/sorry.html"))


@pytest.mark.parametrize("host", PLACES)
def test_whom_another_line_lets_in_shares_nothing_either(site, payer, host):
    for path in ("/either/index.html", "/premium/satisfy/index.html"):
        reply = get(site.nobody(), host, path, **{"X-Office": "1"})
        assert "secret words" in reply.text and directives(reply) == ["private", "no-cache"], path
        only_theirs(site, payer, host, path)


def test_what_is_open_inside_stays_open(site, payer):
    """Require lines of an inner section take the place of the gate; a gate for POST is none for GET."""
    for path in ("/premium/open/index.html", "/posting/index.html"):
        replies = [get(api, "socache-quick", path) for api in (payer, site.nobody(), site.nobody())]
        assert [reply.status_code for reply in replies] == [200] * 3 and hit(replies[2]), path
        assert all("open words" in reply.text and "private" not in directives(reply) for reply in replies)


# --------------------------------------------------------------------- SSI --

SSI = {"first": "secret words", "late": "secret words", "nested": "secret words", "if": "members words", "cgi": "words of cgi"}


@pytest.mark.parametrize("host", sorted(set(PLACES) - {"marker"}))
def test_a_page_with_a_gated_part_is_for_one(site, payer, host):
    for page, words in SSI.items():
        path = f"/ssi/{page}.shtml"
        for api in (site.nobody(), payer, payer):
            reply = get(api, host, path)
            assert reply.status_code == 200 and not hit(reply) and directives(reply) == ["private", "no-cache"], (path, reply.headers)
        for _ in range(2):
            reply = get(payer, host, path)
            assert words in reply.text and not hit(reply) and directives(reply) == ["private", "no-cache"], (path, reply.text, reply.headers)
        for _ in range(2):
            other = get(site.nobody(), host, path)
            assert "secret" not in other.text and "members" not in other.text and "of cgi" not in other.text, path
        assert "members" not in get(site.nobody(), host, path).text


@pytest.mark.parametrize("host", ["socache-quick", "disk-quick", "expires", "headers", "private-too"])
def test_a_page_of_open_parts_is_cached_as_before(site, payer, host):
    # shmcb has no room for the long one.
    for path in ("/ssi/open.shtml",) + ("/ssi/long-open.shtml",) * (host == "disk-quick"):
        get(site.nobody(), host, path)
        reply = get(site.nobody(), host, path)
        assert hit(reply) and "before <p>open words" in reply.text and "private" not in directives(reply), (path, reply.headers)


def test_a_long_page_is_for_one_where_it_may_come_to_that(site, payer):
    """Longer than what is held back, before its gated part is known: for somebody with a cookie it is private."""
    reply = get(payer, "headers", "/ssi/long.shtml")
    assert "secret words" in reply.text and directives(reply) == ["private", "no-cache"]
    for _ in range(2):
        assert "secret" not in get(site.nobody(), "headers", "/ssi/long.shtml").text


@pytest.mark.expects("SAAS1308")
def test_a_part_that_comes_too_late_is_left_out(site, payer):
    """Let in without a credential, behind more than is held back: the page has left as one for everybody."""
    for host in ("headers", "socache-quick"):
        for _ in range(2):
            reply = get(site.nobody(), host, "/ssi/office.shtml", **{"X-Office": "1"})
            assert reply.status_code == 200 and "after" in reply.text and "secret" not in reply.text


@pytest.mark.expects("SAAS1308")
def test_a_page_that_is_stored_as_it_is_made_has_no_gated_part(site, payer):
    """SetOutputFilter INCLUDES;CACHE has mod_cache store before anything is held."""
    path = "/ssi/late.stored"
    replies = [get(api, "marker-includes", path) for api in (payer, payer, site.nobody())]
    assert all("after" in reply.text and "secret" not in reply.text for reply in replies)


def test_a_page_that_is_stored_before_its_parts_are_put_in(site, payer):
    """SetOutputFilter CACHE, before INCLUDES, as httpd's manual has it: each gets their own parts."""
    replies = [get(api, "marker-raw", "/ssi/late.stored") for api in (payer, payer, site.nobody(), payer)]
    assert ["secret words" in reply.text for reply in replies] == [True, True, False, True]
    assert [hit(reply) for reply in replies[1:]] == [True] * 3
    assert all(directives(reply) == ["private", "no-cache"] for reply in replies)


def test_a_listing_of_what_one_may_see_is_for_one(site, payer):
    """mod_autoindex asks about each file."""
    (site.httpd.docs / "mixed" / "index.html").rename(site.httpd.docs / "mixed" / "index.off")
    try:
        for host in ("socache-quick", "headers"):
            only_theirs(site, payer, host, "/mixed/", words="hidden.html")
            assert "hidden.html" not in get(site.nobody(), host, "/mixed/").text
    finally:
        (site.httpd.docs / "mixed" / "index.off").rename(site.httpd.docs / "mixed" / "index.html")


@pytest.mark.parametrize("host", ["plain", "socache-quick", "disk-handler"])
@pytest.mark.parametrize("path, words", [("/premium/index.html", "secret words"), ("/premium/gone/x", "sorry words"), ("/ssi/late.shtml", "secret words"),
                                         ("/premium/app/h2?" + query("Cache-Control: public, max-age=60", "X-Accel-Expires: 5"), "secret words")])
def test_over_http2(site, payer, host, path, words):
    def ask(*more):
        argv = [program("curl"), "-s", "-i", "--http2-prior-knowledge", "--max-time", "60", "-H", f"Host: {host}.test", *more, site.base + path]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    for _ in range(2):
        said = ask("-b", f"saas_session={payer.http.cookies['saas_session']}")
        assert said.startswith("HTTP/2 ") and words in said and "cache-control: private, no-cache" in said
        assert "x-accel-expires" not in said and said.count("cache-control:") == 1, said
        assert "sorry" in said or "x-cache: HIT" not in said   # the error document is an open page
    assert "secret" not in ask() and "sorry" not in ask()


# --------------------------------------------------------------- directive --

def test_saascachecontrol(site, payer):
    assert directives(get(payer, "plain", "/kept/index.html")) == ["private", "max-age=60"]
    assert directives(get(payer, "headers", "/kept/index.html")) == ["private", "max-age=60"]
    assert closed(get(site.nobody(), "headers", "/kept/index.html"), "kept words")
    # Off is for those who know better, and this is what they get.
    assert get(payer, "socache-quick", "/left/index.html").status_code == 200
    assert "left words" in get(site.nobody(), "socache-quick", "/left/index.html").text
