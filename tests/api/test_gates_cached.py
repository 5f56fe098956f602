"""Gates beside mod_cache in the same server: what one caller was let in to see is given to no other, and what is open
is served from the cache as before.
"""

import http.client
import os
import re
import time

import pytest

from saastest import Api
from saastest.apps import Application

# httpd's own lines about a refusal, and about a part that may not be shown.
pytestmark = pytest.mark.expects("AH01630", "AH01631", "unable to include")
APP = Application()
SITE_MODULES = ("cache", "cache_socache", "cache_disk", "socache_shmcb", "expires", "include", "cgid", "filter", "rewrite", "autoindex",
                "actions", "negotiation")

# One virtual host for each way in which mod_cache can stand beside the gates.
CACHES = {f"{kind}-{'quick' if quick == 'On' else 'handler'}": f"CacheEnable {kind} /\nCacheQuickHandler {quick}"
          for kind in ("socache", "disk") for quick in ("On", "Off")}
HOSTS = {
    "plain": "",
    **CACHES,
    # The filter where the administrator wants it, before everything that says who the page is for.
    "marker": "CacheEnable socache /\nCacheQuickHandler Off\nSetOutputFilter CACHE",
    "marker-includes": "CacheEnable socache /\nCacheQuickHandler Off\n<Location />\nSetOutputFilter INCLUDES;CACHE\n</Location>",
    "private-too": "CacheEnable socache /\nCacheStorePrivate On\nCacheStoreNoStore On",
    # Meant for static files.
    "expires": 'CacheEnable socache /\nExpiresActive On\nExpiresDefault "access plus 1 hour"',
    "headers": 'CacheEnable socache /\nHeader set Cache-Control "public, max-age=3600"',
    "headers-always": 'CacheEnable socache /\nHeader always set Cache-Control "public, s-maxage=3600"\nHeader always set X-Accel-Expires 3600',
}

SITE_CONF = f"""
CacheSocache shmcb
CacheRoot "{{docs}}/../state"
CacheHeader On
CacheIgnoreNoLastMod On
CacheDefaultExpire 600
ScriptSock "{{docs}}/../run/cgid.sock"
<Directory "{{docs}}">
    Options +Includes +ExecCGI +Indexes +FollowSymLinks +MultiViews
    AddOutputFilter INCLUDES .shtml
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
        "premium/and/index.html": "secret words", "either/index.html": "secret words", "posting/index.html": "open words",
        "mixed/hidden.html": "secret words", "mixed/index.html": "secret words", "listing/seen.html": "open words",
        "fallback/readme.txt": "secret words", "kept/index.html": "kept words", "left/index.html": "left words", "to-gated/x.txt": "x",
        "ssi/first.shtml": '<!--#include virtual="/premium/index.html" --> after', "ssi/late.shtml": 'before <!--#include virtual="/premium/index.html" --> after',
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
