"""What the start says of gates that caches stand before, and which values SaasCacheControl takes."""

import pytest

from saastest import Httpd

SHARES_NOTHING = True
BASE = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\nCacheSocache shmcb\nSaasFrontendURL https://app.example.test\n'
GATE = "AuthType Saas\n<RequireAll>\nRequire saas-role ADMIN\nRequire saas-subscription active\n</RequireAll>"


def section(line='<Location "/premium">', inside=GATE):
    return f"{line}\n{inside}\n</{line[1:].split(None, 1)[0]}>\n"


def host(inside):
    return f"<VirtualHost *:80>\n{inside}\n</VirtualHost>\n"


@pytest.fixture(scope="module")
def httpd(databases):
    server = Httpd(modules=("cache", "cache_socache", "cache_disk", "socache_shmcb"))
    yield server
    server.close()


def warned(httpd, conf):
    status, said = httpd.configtest(BASE + conf)
    assert status == 0, said
    return [line for line in said.splitlines() if "SAAS1309" in line]


COVERED = [
    "CacheEnable socache /\n" + section(),
    "CacheEnable disk /pre\n" + section(),
    "CacheEnable disk /premium/files\n" + section(),
    "CacheEnable socache /\nCacheQuickHandler On\n" + section(),
    "CacheEnable socache /\n" + section('<Location ~ "^/premium/.*">'),
    "CacheEnable disk /t/\n" + section('<LocationMatch "^/t/(?<slug>[a-z]+)/">'),
    "CacheEnable socache /\n" + section('<LocationMatch "\\.pdf$">'),
    'CacheEnable "socache" "/"\n' + section('<Directory "/srv/premium">'),
    "CacheEnable socache /\n" + section('<Files "report.pdf">'),
    "CacheEnable socache /\n" + section(inside="AuthType Saas\n<RequireAll>\nRequire not saas-role VIEWER\nRequire all granted\n</RequireAll>"),
    "CacheEnable socache /\n" + section(inside=f"<If \"true\">\n{GATE}\n</If>"),
    "CacheEnable socache /\nCacheDisable /other\n" + section(),
    "CacheEnable socache /\nCacheDisable /premium/part\n" + section(),
    "CacheEnable socache /\n" + host(section()),
    host("CacheEnable socache /\n" + section()),
    host("CacheEnable socache /\nCacheQuickHandler On\n" + section()) + "CacheQuickHandler Off\n",
    section() + host("CacheEnable socache /"),
]
OTHERWISE = [
    section(),
    "CacheEnable socache /\nCacheQuickHandler Off\n" + section(),
    "CacheEnable socache /static\n" + section(),
    "CacheEnable disk /t/\n" + section('<LocationMatch "^/premium/(.*)">'),
    "CacheEnable socache /static\n" + section('<Directory "/srv/premium">'),
    "CacheEnable socache /\nCacheDisable /\n" + section('<Directory "/srv/premium">'),
    "CacheEnable socache /\n" + section(inside="Require all granted"),
    "CacheEnable socache /\nCacheDisable /premium\n" + section(),
    "CacheEnable socache /\nCacheDisable /pre\n" + section(),
    "CacheEnable socache http://\n" + section(),
    "CacheEnable socache /\nCacheQuickHandler Off\n" + host(section()),
    host("CacheEnable socache /\nCacheQuickHandler Off\n" + section()),
    host("CacheEnable socache /") + host(section()),
    # In a section mod_cache's quick handler does not see it.
    section(inside=GATE + "\nCacheEnable socache"),
]


@pytest.mark.parametrize("conf", COVERED)
def test_the_quick_handler_before_a_gate(httpd, conf):
    said = warned(httpd, conf)
    assert len(said) == 1 and "CacheQuickHandler Off" in said[0] and "httpd.conf:" in said[0] and "CacheDisable /" in said[0], said


@pytest.mark.parametrize("conf", OTHERWISE)
def test_no_gate_behind_it(httpd, conf):
    assert warned(httpd, conf) == []


@pytest.mark.parametrize("value", ['"private, no-cache"', "no-store", '"private, max-age=300"', "Off", "off"])
def test_values(httpd, value):
    status, said = httpd.configtest(BASE + section(inside=f"{GATE}\nSaasCacheControl {value}"))
    assert status == 0 and ("SAAS1310" in said) == (value.lower() == "off"), said


@pytest.mark.parametrize("value", ["On", "public", '"private, public"', '"max-age=60"', '"private, s-maxage=60"', '"private; max-age=60"', '""', '"no-cache"'])
def test_values_that_share(httpd, value):
    status, said = httpd.configtest(BASE + section(inside=f"{GATE}\nSaasCacheControl {value}"))
    assert status != 0 and "SaasCacheControl" in said, said
