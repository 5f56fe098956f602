"""One name of a request in its reply, the trail, the logs and at a back end; a client's is taken if it is harmless."""

import re
import time

import pytest

from saastest import EchoServer
from saastest.apps import Application, query

BACKEND, ECHOES = EchoServer(), Application()
SITE_STRIPE = False
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SITE_MODULES = ("setenvif",)
SITE_CONF = f"""
LogLevel saas:info
ErrorLogFormat "[%{{u}}t] [%-m:%l] [pid %P:tid %T] [id %L] %E: %M"
LogFormat "%L %U" named
CustomLog "{{docs}}/../named.log" named
SetEnvIf Request_URI "^/area/unique" UNIQUE_ID=Z-of-mod-unique-id@1
<Location "/area">
    AuthType Saas
    Require saas-role ADMIN
</Location>
<Location "/told">
    AuthType Saas
    Require saas-user
    ProxyPass "{BACKEND.url}/told"
</Location>
<Location "/echoes">
    AuthType Saas
    Require saas-user
    ProxyPass "{ECHOES.url}/anything"
</Location>
<Location "/untold">
    ProxyPass "{BACKEND.url}/untold"
</Location>
"""
NAMED = "edge-01:7f/a.b~c+d=@"
# What could break a line of a log, or a header; too long; nothing at all.
HARMFUL = ("a b", 'a"b', "a\\b", "a,b", "a;b", "é".encode("utf-8"), "<x>", "a\tb", "x" * 129, "")


@pytest.fixture(scope="module", autouse=True)
def page(site):
    site.httpd.page("area/index.html", "inside")
    site.httpd.page("open.html", "for everybody")


def named(reply):
    """The one name of a reply."""
    assert len(reply.raw.headers.getlist("X-Request-ID")) == 1, reply.headers
    return reply.headers["X-Request-ID"]


def told(reply):
    """The headers that the back end has had."""
    return {name.lower(): value for name, value in reply.json()["headers"]}


def logged(site):
    """{path: name} of the access log, the later line counting."""
    return {path: name for name, path in (line.split() for line in (site.httpd.root / "named.log").read_text().splitlines())}


def test_a_reply_has_a_name_of_its_own(person):
    names = [named(person.get(path)) for path in ("auth/me/", "auth/me/", "/area/", "organizations/no-such/")]
    assert len(set(names)) == 4 and all(UUID7.fullmatch(name) for name in names)
    assert named(person.get("/area/unique")) == "Z-of-mod-unique-id@1"


@pytest.mark.parametrize("path", ["auth/me/", "/area/", "audits/nothing/", "no/such/route/"])
@pytest.mark.parametrize("known", [True, False])
def test_a_name_that_is_harmless_is_kept(site, person, path, known):
    caller = person if known else site.nobody()
    assert named(caller.get(path, headers={"X-Request-ID": NAMED})) == NAMED
    assert named(caller.get(path, headers={"X-Request-ID": "x" * 128})) == "x" * 128


@pytest.mark.parametrize("harmful", HARMFUL)
def test_any_other_is_not(site, person, harmful):
    reply = person.get("/told/", headers={"X-Request-ID": harmful})
    name = named(reply)
    assert name and name != harmful
    assert told(reply)["x-request-id"] == name


def test_the_trail_has_it(person):
    path = f"organizations/{person.org['id']}/"
    reply = person.patch(path, {"name": "Renamed"}, headers={"X-Request-ID": NAMED})
    assert reply.status_code == 200
    made = person.patch(path, {"name": "Renamed again"})
    entries = person.ok("GET", path + "activity/")["results"]
    assert [e["request_id"] for e in entries[:2]] == [named(made), NAMED]


def test_the_logs_have_it(site, person):
    reply = site.nobody().get("/area/", headers={"X-Request-ID": "of-the-log"})
    assert reply.status_code == 401
    end = time.monotonic() + 10     # the line of a refusal is written when the client has its answer
    while "[id of-the-log]" not in site.httpd.error_log.read_text():
        assert time.monotonic() < end, site.httpd.said()
        time.sleep(0.05)
    name = named(person.get("/area/index.html"))
    end = time.monotonic() + 10     # and that of any, when it is over
    while logged(site).get("/area/index.html") != name:
        assert time.monotonic() < end, logged(site)
        time.sleep(0.05)


def test_a_back_end_is_told_it_and_the_trace(person):
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "vendor=opaque"}
    reply = person.get("/told/", headers={"X-Request-ID": NAMED, **trace})
    assert told(reply)["x-request-id"] == named(reply) == NAMED
    assert {k: told(reply)[k] for k in trace} == trace
    reply = person.get("/told/")
    assert told(reply)["x-request-id"] == named(reply)


def test_a_back_end_that_says_one_does_not_double_it(person):
    reply = person.get("/echoes?" + query("X-Request-ID: of-the-back-end"), headers={"X-Request-ID": NAMED})
    assert reply.status_code == 200 and named(reply) == NAMED


def test_pages_of_other_origins_may_read_it(person):
    reply = person.get("auth/me/", headers={"Origin": "https://app.example.test"})
    assert "X-Request-ID" in reply.headers["Access-Control-Expose-Headers"]


def test_what_is_none_of_ours_is_left_alone(site):
    assert "X-Request-ID" not in site.nobody().get("/open.html").headers
    reply = site.nobody().get("/untold/", headers={"X-Request-ID": "as it came"})
    assert told(reply)["x-request-id"] == "as it came" and "X-Request-ID" not in reply.headers
