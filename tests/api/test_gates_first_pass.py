"""A gate that has the caller in memory grants the first time that httpd asks: nothing but the time may tell. Every
place is asked twice, out of the database and out of memory, and has to say the same both times.
"""

import time

import pytest

from saastest import Api
from saastest.metrics import moved, wait_for

pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH01617", "AH01618", "AH01797", "AH01796")

SITE_MODULES = ("access_compat", "auth_basic", "authn_file")
GATES = """
        Require saas-user
        Require saas-member
        Require saas-role ADMIN MEMBER
        Require saas-subscription free"""

# Tells what ask() reads, and has the first of the places.
ALL = f"""
LogLevel core:trace3 saas:info
Header always set X-Who "expr=%{{REMOTE_USER}}|%{{AUTH_TYPE}}|%{{reqenv:SAAS_EMAIL}}|%{{reqenv:SAAS_ROLE}}"
LogFormat "%u %{{saas-user}}n %{{saas-verdict}}n %{{SAAS_ORG}}e %>s %U" told
CustomLog "{{docs}}/../told.log" told
<Location "/all">
    AuthType Saas
    <RequireAll>{GATES}
    </RequireAll>
</Location>
"""
SITE_CONF = f"""
{ALL}
<Location "/all/basic">
    AuthType Basic
    AuthName "staff"
    AuthUserFile "{{docs}}/../staff"
</Location>
<Location "/all/none">
    AuthType None
</Location>
<Location "/all/expression">
    AuthType "%{{HTTP:X-Auth-Type}}"
</Location>
<Location "/one">
    AuthType Saas
    Require saas-member
</Location>
<Location "/any-gate">
    AuthType Saas
    <RequireAny>
        Require saas-role VIEWER
        Require saas-member
    </RequireAny>
</Location>
<Location "/any-ip">
    AuthType Saas
    <RequireAny>
        Require saas-member
        Require ip 127.0.0.0/8
    </RequireAny>
</Location>
<Location "/any-other-ip">
    AuthType Saas
    <RequireAny>
        Require saas-member
        Require ip 10.9.9.9
    </RequireAny>
</Location>
<Location "/nested">
    AuthType Saas
    <RequireAll>
        <RequireAny>
            Require saas-role ADMIN
            Require ip 127.0.0.0/8
        </RequireAny>
        Require saas-member
    </RequireAll>
</Location>
<Location "/and-ip">
    AuthType Saas
    <RequireAll>
        Require ip 127.0.0.0/8
        Require saas-member
    </RequireAll>
</Location>
<Location "/and-valid">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require valid-user
    </RequireAll>
</Location>
<Location "/not">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/none-of">
    AuthType Saas
    <RequireAll>
        Require saas-member
        <RequireNone>
            Require saas-role VIEWER
        </RequireNone>
    </RequireAll>
</Location>
<Location "/expression">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-user "%{{REMOTE_USER}}"
    </RequireAll>
</Location>
<Location "/computed">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-role "%{{toupper:admin}}"
    </RequireAll>
</Location>
<Location "/limit">
    AuthType Saas
    <Limit GET>
        Require saas-member
    </Limit>
</Location>
<Location "/if">
    <If "%{{REQUEST_METHOD}} == 'GET'">
        AuthType Saas
        Require saas-member
    </If>
</Location>
<Location "/satisfy">
    AuthType Saas
    Satisfy Any
    Order allow,deny
    Deny from all
    Require saas-member
</Location>
<Directory "{{docs}}/ht">
    AllowOverride AuthConfig
</Directory>
"""

# What each place is: does it know its caller, and is one asking enough once the caller is in memory?
PLACES = {"all": (True, True), "one": (True, True), "any-gate": (True, False), "any-ip": (False, None), "any-other-ip": (True, False),
          "nested": (True, False), "and-ip": (True, True), "and-valid": (True, False), "not": (True, False), "none-of": (True, False),
          "expression": (True, False), "computed": (True, False), "limit": (True, False), "if": (True, True), "satisfy": (True, False), "ht": (True, False)}
ONCE = "request authorized without authentication by access_checker_ex hook: /{}/page.html"


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for place in (*PLACES, "all/basic", "all/none", "all/expression"):
        site.httpd.page(f"{place}/page.html", "<p>words</p>")
    site.httpd.page("ht/.htaccess", "AuthType Saas\n<RequireAll>" + GATES + "\n</RequireAll>\n")
    (site.httpd.root / "staff").write_text("somebody:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n")  # 123456
    wait_for(site, "saas_feed_live", 1)  # until then nothing is in memory


def new_caller(site, person):
    return Api(site.base, token=person.new_token(organization=person.org["id"])["token"])


def told(site, place):
    return [line for line in (site.httpd.root / "told.log").read_text().splitlines() if line.endswith(f" /{place}/page.html")]


def ask(site, api, place):
    """What one request shows: to its client, to the log, to the counters; and whether it was asked once."""
    seen, lines = len(site.httpd.error_log.read_text()), len(told(site, place))
    with moved(site) as change:
        reply = api.get(f"/{place}/page.html")
        end = time.monotonic() + 10
        while len(told(site, place)) == lines and time.monotonic() < end:  # written after the reply
            time.sleep(0.01)
    assert reply.status_code == 200 and "words" in reply.text, reply.text
    once = ONCE.format(place) in site.httpd.error_log.read_text()[seen:]
    return (reply.headers["X-Who"], told(site, place)[lines:], change.of("requests")), once


@pytest.mark.parametrize("place", PLACES)
def test_memory_says_what_the_database_said(site, person, place):
    knows, once = PLACES[place]
    api = new_caller(site, person)
    cold, cold_once = ask(site, api, place)
    assert cold[0] == (f"{person.email}|Saas|{person.email}|ADMIN" if knows else "|||")
    assert bool(cold[2]) == knows and len(cold[1]) == 1 and cold[1][0].startswith(person.email if knows else "- - - - ")
    assert once is None or not cold_once
    for _ in range(10):  # the feed may still tell of the token that was made
        warm, warm_once = ask(site, api, place)
        assert warm == cold
        if warm_once:
            break
    assert once is None or warm_once == once


@pytest.mark.parametrize("place", [place for place, (knows, _) in PLACES.items() if knows])
def test_others_stay_outside(site, person, place):
    """Beside somebody who is in memory; and what was in memory ends at once with the token."""
    site.newcomer()
    token = person.new_token(organization=person.org["id"])
    api = Api(site.base, token=token["token"])
    for _ in range(3):
        assert api.get(f"/{place}/page.html").status_code == 200
        assert site.nobody().get(f"/{place}/page.html").status_code == 401
        assert Api(site.base, token=token["token"][:-1] + ("a" if token["token"][-1] != "a" else "b")).get(f"/{place}/page.html").status_code == 401
    assert person.delete(f"auth/tokens/{token['id']}/").status_code == 204
    assert api.get(f"/{place}/page.html").status_code == 401


def test_a_refusal_is_the_same(site, person):
    """In memory by another place, refused by this one: the whole way is gone, with its answer."""
    viewer = Api(site.base, token=person.new_token(organization=person.org["id"], role="VIEWER")["token"])
    cold, warm = viewer.get("/all/page.html"), (viewer.get("/one/page.html"), viewer.get("/all/page.html"))[1]
    assert cold.status_code == warm.status_code == 403
    assert cold.json() == warm.json() and cold.json()["code"] == "permission_denied"
    for place in ("not", "none-of"):
        reply = viewer.get(f"/{place}/page.html")
        assert reply.status_code == 403 and reply.json()["code"] == "permission_denied"


@pytest.mark.expects("AH01614", "AH00027", "AH01615")
def test_another_auth_type_inside(site, person):
    """The section's own AuthType counts, whatever stood around it: a token is nothing to Basic."""
    api = new_caller(site, person)
    for _ in range(2):
        assert api.get("/all/page.html").status_code == 200
        assert api.get("/all/basic/page.html").status_code == 401
        assert api.get("/all/none/page.html").status_code != 200
        assert api.get("/all/expression/page.html", headers={"X-Auth-Type": "Saas"}).status_code == 200
        assert api.get("/all/expression/page.html", headers={"X-Auth-Type": "Basic"}).status_code in (401, 500)


def test_a_cookie_from_elsewhere_is_refused_when_warm(site, person):
    """What a browser shows another site's request by is judged before memory is."""
    for _ in range(3):
        assert person.get("/one/page.html").status_code == 200
        reply = person.post("/one/page.html", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
        assert reply.status_code == 403 and reply.json()["code"] == "csrf_failed"


def test_nothing_stands_in_the_way(site):
    assert "SAAS1307" not in site.httpd.error_log.read_text()
