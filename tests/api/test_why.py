"""Why a request was refused: one line in the log for operators who want to know, and nothing of it for the client."""

import base64
import contextlib
import re
import subprocess
import time

import pytest

from saastest import Api, seed, stripe

# The last are httpd's own lines of its Basic authentication, and what a test says that fails the database.
pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH01617", "AH01618")
SITE_MODULES = ("auth_basic", "authn_file", "include", "autoindex")
SITE_CONF = """
LogLevel saas:info
<Directory "{docs}/ht">
    AllowOverride AuthConfig
</Directory>
<Directory "{docs}/pages">
    Options +Includes
    SetOutputFilter INCLUDES
</Directory>
<Directory "{docs}/list">
    Options +Indexes
    <Files "gated.html">
        AuthType Saas
        Require saas-role ADMIN
    </Files>
</Directory>
<Location "/user">
    AuthType Saas
    Require saas-user
</Location>
<Location "/named">
    AuthType Saas
    Require saas-user somebody@example.test "else@example.test"
</Location>
<Location "/role">
    AuthType Saas
    Require saas-role ADMIN MEMBER
</Location>
<Location "/paid">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/either">
    AuthType Saas
    <RequireAny>
        Require saas-subscription active
        Require saas-role ADMIN
        Require saas-member some-other
    </RequireAny>
</Location>
<Location "/all">
    AuthType Saas
    <RequireAll>
        Require saas-user
        <RequireAny>
            Require saas-role MEMBER
            Require saas-subscription active
        </RequireAny>
    </RequireAll>
</Location>
<Location "/not">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/not-free">
    AuthType Saas
    <RequireAll>
        Require saas-member
        <RequireNone>
            Require saas-subscription free
        </RequireNone>
    </RequireAll>
</Location>
<Location "/nonsense">
    AuthType Saas
    SaasOrganization "Not A Slug"
    Require saas-member
</Location>
<Location "/other">
    AuthType Saas
    Require saas-member some-other
</Location>
<Location "/own-page">
    AuthType Saas
    ErrorDocument 403 /role/
    Require saas-role ADMIN
</Location>
<Location "/foreign">
    AuthType Saas
    Require user somebody-else
</Location>
<Location "/basic">
    AuthType Basic
    AuthName "outer"
    AuthBasicProvider file
    AuthUserFile "{docs}/../users"
    Require saas-user
</Location>
<Location "/ask">
    SaasVerify nginx
    AuthType Saas
    Require saas-role ADMIN
</Location>
<Location "/quiet">
    LogLevel saas:warn
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/loud/">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
"""
AREAS = ("user", "named", "role", "paid", "either", "all", "not", "not-free", "nonsense", "other", "own-page", "foreign", "basic", "quiet", "loud", "ht")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in AREAS:
        site.httpd.page(f"{area}/index.html", "<p>words</p>")
    site.httpd.page("ht/.htaccess", "AuthType Saas\nRequire saas-role ADMIN\n")
    users = site.httpd.docs.parent / "users"
    subprocess.run(["htpasswd", "-b", "-c", str(users), "stranger@example.test", "outer"], check=True, capture_output=True)
    users.chmod(0o644)


def lines(watch, least=1, seconds=5):
    """The lines since the mark, once there are so many: they come after the reply, and may be seen while they are written."""
    end = time.monotonic() + seconds
    while True:
        whole = [line for line in watch.text().splitlines(keepends=True) if line.endswith("\n")]
        found = [line[line.index("SAAS1330"):].rstrip("\n") for line in whole if "SAAS1330" in line]
        if len(found) >= least or time.monotonic() > end:
            return found
        time.sleep(0.02)


def told(site, call, status):
    """The one line that a refused call is worth; it is asked again when too much was asked in its second."""
    for _ in range(4):
        watch = site.httpd.watch()
        reply = call()
        assert reply.status_code == status, (reply.status_code, reply.text)
        found = lines(watch)
        assert len(found) == 1, found
        if "not looked up" not in found[0]:
            return found[0]
        time.sleep(1.05)
    raise AssertionError("the history was never looked up: " + found[0])


def place(site, section, require):
    """The section and its Require line, as the line should name them."""
    text = (site.httpd.root / "httpd.conf").read_text().splitlines()
    first = text.index(section) + 1
    line = next(n for n, words in enumerate(text, 1) if n > first and words.strip() == require)
    conf = site.httpd.root / "httpd.conf"
    return f'{section[:-1]}> ({conf}:{first}), "{require}" ({conf}:{line})'


def as_member(site, org, role, somebody=None):
    somebody = somebody or site.newcomer()
    seed.member(site.database, org["id"], somebody.user["id"], role)
    return somebody


def naming(org):
    return {"X-Organization-ID": org["id"] if isinstance(org, dict) else org}


# ------------------------------------------------------------ no user --

def token_row(site, token, sql):
    site.database.execute(f"UPDATE tokens SET {sql} WHERE id = ?", token["id"])
    seed.change_counts()


def with_token(site, token):
    return lambda: Api(site.base, token=token["token"]).get("/user/")


def test_no_credential(site):
    line = told(site, lambda: site.nobody().get("/user/"), 401)
    assert "SAAS1330: 401 not_authenticated: nobody, " + place(site, '<Location "/user">', "Require saas-user") in line
    assert "no credential came with the request. Way out: log in" in line


def test_a_bearer_that_can_be_no_token(site):
    line = told(site, lambda: site.nobody().get("/user/", headers={"Authorization": "Bearer nonsense"}), 401)
    assert "401 authentication_failed: nobody" in line and "can be no API token" in line and "nonsense" not in line


def test_an_unknown_token(site):
    line = told(site, with_token(site, {"token": "saas_" + "x" * 43}), 401)
    assert "the API token is not known" in line and "xxx" not in line


def test_a_revoked_token(site, person):
    token = person.new_token()
    person.delete(f"auth/tokens/{token['id']}/")
    line = told(site, with_token(site, token), 401)
    assert re.search(f"API token {token['id']} of user {person.user['id']} was revoked {TIME}", line) and token["token"] not in line


def test_an_expired_token(site, person):
    token = person.new_token()
    token_row(site, token, "expires_at = '2026-01-02T03:04:05.000000Z'")
    assert "expired 2026-01-02T03:04:05Z" in told(site, with_token(site, token), 401)


def test_a_disabled_user(site, person):
    token = person.new_token()
    site.saasctl("user", "disable", person.user["id"])
    seed.change_counts()
    line = told(site, with_token(site, token), 401)
    assert f"user {person.user['id']} is disabled. Way out: saasctl user enable" in line


def test_sessions(site, person):
    unknown = Api(site.base)
    unknown.http.cookies.set("saas_session", "y" * 43)
    assert "the session is not known" in told(site, lambda: unknown.get("/user/"), 401)
    site.database.execute("UPDATE sessions SET expires_at = '2026-01-02T03:04:05.000000Z' WHERE user_id = ?", person.user["id"])
    seed.change_counts()
    line = told(site, lambda: person.get("/user/"), 401)
    assert f"session of user {person.user['id']} expired 2026-01-02T03:04:05Z" in line and "log in again" in line


def test_a_user_of_another_module(site):
    known = {"Authorization": "Basic " + base64.b64encode(b"stranger@example.test:outer").decode()}
    line = told(site, lambda: site.nobody().get("/basic/", headers=known), 401)
    assert "another module of this server has authenticated is none of ours" in line and "stranger" not in line


@pytest.mark.parametrize("path", ["/user/", "/api/v1/auth/tokens/"])
def test_another_sites_doing(site, alice, path):
    line = told(site, lambda: alice.post(path, headers={"Origin": "https://evil.example.test", "Sec-Fetch-Site": "cross-site"}), 403)
    assert "403 csrf_failed: user " + alice.user["id"] in line and "cross-site" in line and "https://evil.example.test" in line


@pytest.mark.expects("SAAS1105")
@pytest.mark.parametrize("path", ["/user/", "/api/v1/auth/tokens/"])
def test_what_could_not_be_decided(site, path):
    somebody = site.newcomer()
    site.database.execute("ALTER TABLE sessions RENAME TO sessions_away")
    try:
        line = told(site, lambda: somebody.get(path), 503)
    finally:
        site.database.execute("ALTER TABLE sessions_away RENAME TO sessions")
    assert "503 unavailable: nobody" in line and "could not be decided: the database did not answer" in line


# ----------------------------------------------------------- outsiders --

def test_never_a_member(site, alice, bob):
    line = told(site, lambda: alice.get("/paid/", headers=naming(bob.org)), 404)
    assert f"404 not_found: user {alice.user['id']}, organization {bob.org['id']}" in line
    assert place(site, '<Location "/paid">', "Require saas-member") in line
    assert f"no member of {bob.org['slug']}, and never was" in line and f"saasctl member add {bob.org['slug']} {alice.user['id']}" in line


def test_removed_by_whom(site, alice):
    somebody = as_member(site, alice.org, "MEMBER")
    alice.ok("DELETE", f"organizations/{alice.org['id']}/members/{somebody.user['id']}/")
    line = told(site, lambda: somebody.get("/role/", headers=naming(alice.org)), 404)
    assert re.search(f"no member of {alice.org['slug']}: removed {TIME} by user {alice.user['id']}", line), line


def test_removed_by_an_operator(site, alice):
    somebody = as_member(site, alice.org, "MEMBER")
    site.saasctl("member", "remove", alice.org["slug"], somebody.email)
    line = told(site, lambda: somebody.get("/role/", headers=naming(alice.org["slug"])), 404)
    assert re.search(f"removed {TIME} by saasctl:", line), line


def test_left(site, alice):
    somebody = as_member(site, alice.org, "MEMBER")
    somebody.ok("DELETE", f"organizations/{alice.org['id']}/members/{somebody.user['id']}/", headers=naming(alice.org))
    assert re.search(f"no member of {alice.org['slug']}: left {TIME}\\.", told(site, lambda: somebody.get("/role/", headers=naming(alice.org)), 404))


def test_other_outsiders(site, alice, bob):
    assert "there is no organization no-such-org" in told(site, lambda: alice.get("/role/", headers=naming("no-such-org")), 404)
    assert "neither the id nor the slug" in told(site, lambda: alice.get("/nonsense/"), 404)
    line = told(site, lambda: alice.get("/other/"), 404)
    assert f"the request is for the organization {alice.org['slug']}, which the gate does not name" in line
    token = alice.new_token(organization=alice.org["id"])
    as_member(site, bob.org, "MEMBER", alice)
    line = told(site, lambda: Api(site.base, token=token["token"]).get("/role/", headers=naming(bob.org)), 404)
    assert f"the API token is bound to another organization, {alice.org['id']}" in line
    seed.remove_member(site.database, bob.org["id"], alice.user["id"])


def test_a_deleted_organization_and_none(site):
    somebody = site.newcomer()
    # Not by the API, whose job takes the rows away within moments.
    site.saasctl("org", "delete", somebody.org["slug"])
    line = told(site, lambda: somebody.get("/role/", headers=naming(somebody.org)), 404)
    assert re.search(f"was deleted {TIME}. Way out: saasctl org restore {somebody.org['id']}", line), line
    assert "the user is in no organization" in told(site, lambda: somebody.get("/role/"), 404)


def test_an_object_of_a_route(site, alice):
    line = told(site, lambda: alice.get(f"audits/{seed.uuid7()}/"), 404)
    assert 'route GET /audits/{audit}/ of audits, "saas-member"' in line and "the object is in no organization of the user's" in line


def test_several_organizations(site, alice):
    somebody = as_member(site, alice.org, "MEMBER")
    site.database.execute("UPDATE users SET default_org_id = NULL WHERE id = ?", somebody.user["id"])
    seed.change_counts()
    for path in ("/role/", "audits/"):
        line = told(site, lambda: somebody.get(path), 400)
        assert "400 organization_required" in line and "in several organizations" in line and "X-Organization-ID" in line


# --------------------------------------------------------------- roles --

def test_since_when_and_by_whom_a_role_is(site, alice):
    somebody = as_member(site, alice.org, "MEMBER")
    alice.ok("PATCH", f"organizations/{alice.org['id']}/members/{somebody.user['id']}/", {"role": "VIEWER"})
    line = told(site, lambda: somebody.get("/role/", headers=naming(alice.org)), 403)
    assert place(site, '<Location "/role">', "Require saas-role ADMIN MEMBER") in line
    assert f"user {somebody.user['id']}, organization {alice.org['id']} ({alice.org['slug']})" in line
    assert re.search(rf"the role is VIEWER since {TIME}, set by user {alice.user['id']} \(member.role_changed\)", line), line
    assert f"saasctl member role {alice.org['slug']} {somebody.user['id']} --role ROLE" in line
    site.database.execute("UPDATE memberships SET updated_at = '2099-01-01T00:00:00.000000Z' WHERE user_id = ? AND org_id = ?", somebody.user["id"], alice.org["id"])
    assert "since 2099-01-01T00:00:00Z, by whom the trail does not say" in told(site, lambda: somebody.get("/role/", headers=naming(alice.org)), 403)


def test_a_role_by_an_invite_or_an_operator(site, alice):
    somebody = site.newcomer()
    site.saasctl("member", "add", alice.org["slug"], somebody.email, "--role", "VIEWER")
    line = told(site, lambda: somebody.get("/role/", headers=naming(alice.org)), 403)
    assert re.search(rf"VIEWER since {TIME}, set by saasctl:\S+ \(member.added\)", line), line


def test_a_route_that_wants_a_role(site, alice):
    somebody = as_member(site, alice.org, "VIEWER")
    line = told(site, lambda: somebody.post("audits/start/", {}, headers=naming(alice.org)), 403)
    assert 'route POST /audits/start/ of audits, "saas-role MEMBER ADMIN"' in line and "the role is VIEWER since" in line


def test_a_tokens_role(site, payer):
    token = payer.new_token(organization=payer.org["id"], role="VIEWER")
    line = told(site, lambda: Api(site.base, token=token["token"]).get("/role/"), 403)
    assert f"the role is VIEWER by API token {token['id']}; the user's own is ADMIN" in line and token["token"] not in line


def test_users_by_name(site, alice):
    line = told(site, lambda: alice.get("/named/"), 403)
    assert "the user is not one of those whom the gate names" in line and 'saas-user s...@example.test "e...@example.test"' in line


def test_not(site, payer):
    line = told(site, lambda: payer.as_token(role="VIEWER").get("/not/"), 403)
    assert place(site, '<Location "/not">', "Require not saas-role VIEWER") in line and "the role is VIEWER" in line


def test_none(site, alice):
    line = told(site, lambda: alice.get("/not-free/"), 403)
    assert place(site, '<Location "/not-free">', "Require saas-subscription free") in line
    assert "is free: the organization has never had another. Way out: have the gate not name what it is" in line


def test_another_modules_line(site, alice):
    assert "a Require line of another module has refused a user whom we know" in told(site, lambda: alice.get("/foreign/"), 403)


def test_of_several_gates_the_one_that_is_told(site, alice):
    line = told(site, lambda: alice.get("/all/"), 403)
    assert place(site, '<Location "/all">', "Require saas-role MEMBER") in line and "permission_denied" in line, "the order of verdicts"
    viewer = as_member(site, alice.org, "VIEWER")
    line = told(site, lambda: viewer.get("/either/", headers=naming(alice.org)), 404)
    assert place(site, '<Location "/either">', "Require saas-member some-other") in line


# ------------------------------------------------------- subscriptions --

def test_never_paid(site, alice):
    line = told(site, lambda: alice.get("/paid/"), 403)
    assert "403 subscription_required" in line and place(site, '<Location "/paid">', "Require saas-subscription active") in line
    assert f"the subscription of {alice.org['slug']} is free: the organization has never had another. Way out: an ADMIN subscribes" in line


def test_ended_by_an_event(site):
    somebody = site.newcomer()
    story = stripe.Story(somebody.org["id"], site.price)
    for event in (story.created("active"), story.deleted()):
        last = event["id"]
        assert site.deliver(event).status_code == 200
    line = told(site, lambda: somebody.get("/paid/"), 403)
    assert re.search(rf"is canceled since {TIME}, by event {last}\.", line), line
    assert re.search(rf"route GET .* \"saas-feature export\": .*by event {last}",
                     told(site, lambda: somebody.get(f"audits/{seed.audit(site.database, somebody.org['id'])}/export/csv/"), 403))


def test_ended_by_the_clock(site):
    somebody = site.newcomer()
    event = stripe.Story(somebody.org["id"], site.price).created("active")
    assert site.deliver(event).status_code == 200
    site.database.execute("UPDATE organizations SET subscription_ends_at = '2026-01-02T03:04:05.000000Z' WHERE id = ?", somebody.org["id"])
    seed.change_counts()
    line = told(site, lambda: somebody.get("/paid/"), 403)
    assert "is expired: it ended 2026-01-02T03:04:05Z by the clock" in line and f"by event {event['id']}" in line


# --------------------------------------------------------- where and how --

def test_htaccess(site, alice):
    viewer = as_member(site, alice.org, "VIEWER")
    line = told(site, lambda: viewer.get("/ht/", headers=naming(alice.org)), 403)
    assert f'"Require saas-role ADMIN" ({site.httpd.docs}/ht/.htaccess:2)' in line


def test_a_verdict_for_another_proxy(site, alice):
    viewer = as_member(site, alice.org, "VIEWER")
    asked = {"X-Original-Method": "GET", "X-Original-URI": "/app/?token=hidden", **naming(alice.org)}
    viewer.http.mount("http://", Api(site.base, address="127.0.0.1").http.adapters["http://"])
    line = told(site, lambda: viewer.get("/ask", headers=asked), 403)
    assert place(site, '<Location "/ask">', "Require saas-role ADMIN") in line and "hidden" not in line


def test_a_page_of_the_administrators_own_is_part_of_the_refusal(site, alice):
    viewer = as_member(site, alice.org, "VIEWER")
    assert place(site, '<Location "/own-page">', "Require saas-role ADMIN") in told(site, lambda: viewer.get("/own-page/", headers=naming(alice.org)), 403)


@pytest.mark.expects("unable to include")
def test_a_part_of_a_page(site, alice):
    """Its subrequest's memory is gone by the time that it is told."""
    viewer = as_member(site, alice.org, "VIEWER")
    site.httpd.page("pages/index.html", '<p>before <!--#include virtual="/role/index.html" --> after</p>')
    line = told(site, lambda: viewer.get("/pages/index.html", headers=naming(alice.org)), 200)
    assert place(site, '<Location "/role">', "Require saas-role ADMIN MEMBER") in line and "the role is VIEWER" in line


def test_whom_a_gate_lets_in_is_not_told(site, payer):
    watch = site.httpd.watch()
    for path in ("/user/", "/role/", "/paid/", "/either/", "/not/", "/loud/", "audits/"):
        assert payer.get(path).status_code == 200
    assert payer.get("/named/").status_code == 403
    assert len(lines(watch)) == 1


# ------------------------------------------------- nothing for the client --

def bare(reply):
    headers = {name: value for name, value in reply.headers.items() if name not in ("Date", "X-Request-ID")}
    return reply.status_code, headers, reply.content


def test_the_client_gets_the_same(site, alice, bob, payer):
    viewer = payer.as_token(role="VIEWER")
    browser = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    for caller, more in ((site.nobody(), {}), (site.nobody(), browser), (viewer, {}), (alice, {}), (alice, naming(bob.org)), (alice, naming("#")),
                         (Api(site.base, token="saas_" + "z" * 43), {})):
        watch = site.httpd.watch()
        more = {**more, "Connection": "close"}  # a connection that is kept counts its requests
        quiet = bare(caller.get("/quiet/", headers=more))
        assert not lines(watch, seconds=0.1)
        loud = bare(caller.get("/loud/", headers=more))
        assert len(lines(watch)) == 1 and quiet == loud and quiet[0] >= 400


@contextlib.contextmanager
def locked_trail(database):
    """Whoever asks the trail waits meanwhile; gives a function that counts who does."""
    connection = database.connect()
    connection.autocommit = False
    cursor = connection.cursor()
    try:
        cursor.execute("LOCK TABLE activity IN ACCESS EXCLUSIVE MODE")
        yield lambda: database.execute("SELECT count(*) FROM pg_locks WHERE relation = 'activity'::regclass AND NOT granted")[0][0]
    finally:
        connection.rollback()
        connection.close()


@pytest.mark.only_db("pgsql")
@pytest.mark.parametrize("path, status", [("/role/", 403), ("/list/", 200)])
def test_the_client_does_not_wait_for_the_history(site, payer, path, status):
    """The trail is locked: whoever asked it before the reply would wait. The memory of a listing's subrequests, one of which
    is refused, ends long before the reply."""
    viewer = payer.as_token(role="VIEWER")
    site.httpd.page("list/gated.html", "words")
    assert viewer.get(path).status_code == status
    time.sleep(1.05)
    watch = site.httpd.watch()
    with locked_trail(site.database) as waiting:
        began = time.monotonic()
        assert viewer.get(path, headers={"Connection": "close"}, stream=True).status_code == status
        assert time.monotonic() - began < 0.5
        assert not lines(watch, seconds=0.3) and waiting() == 1, "it waits for the history"
    assert "by API token" in lines(watch)[0]


@pytest.mark.only_db("pgsql")
def test_nobody_wants_to_know(site, payer):
    """Below info the database is not asked."""
    viewer = payer.as_token(role="VIEWER")
    with locked_trail(site.database) as waiting:
        assert viewer.get("/quiet/", headers={"Connection": "close"}).status_code == 403
        time.sleep(0.3)
        assert not waiting()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS1106")
def test_a_database_that_hangs_costs_the_history_alone(site, payer):
    viewer = payer.as_token(role="VIEWER")
    assert viewer.get("/user/").status_code == 200
    time.sleep(1.05)
    watch = site.httpd.watch()
    with locked_trail(site.database):
        assert viewer.get("/role/").status_code == 403
        assert "the role is VIEWER (since when and by whom was not looked up)" in lines(watch, seconds=8)[0]
    # The same connection, and so the same child: it leaves the database alone for a while.
    assert viewer.get("/role/").status_code == 403
    assert "not looked up" in lines(watch, 2)[1]
    time.sleep(5.1)
    assert viewer.get("/role/").status_code == 403
    assert "by API token" in lines(watch, 3)[2]


def test_a_flood_asks_the_database_little(site, alice):
    viewer = as_member(site, alice.org, "VIEWER")
    time.sleep(1.05)
    watch, began, n = site.httpd.watch(), time.monotonic(), 150
    for _ in range(n):
        assert viewer.get("/role/", headers=naming(alice.org)).status_code == 403
    seconds = int(time.monotonic() - began) + 2
    found = lines(watch, n)
    looked = [line for line in found if "not looked up" not in line]
    assert len(found) == n and 0 < len(looked) <= 10 * seconds * 3, "ten a second in each of three children at most"
    assert len(looked) < n / 2


def test_nothing_secret_is_told(site, alice, payer):
    """Of all that these tests have had written."""
    text = "\n".join(line for line in site.httpd.error_log.read_text().splitlines() if "SAAS1330" in line)
    assert text.count("\n") > 30
    assert not re.search(r"saas_[A-Za-z0-9_-]{20}", text)
    assert not re.search(r"[^.\s\"]{2,}@\w", text), "an address of mail"
    cookies = [cookie.value for person in (alice, payer) for cookie in person.http.cookies]
    assert cookies and not any(cookie in text for cookie in cookies)
    assert not re.search(r"\b[0-9a-f]{64}\b", text), "a hash"
