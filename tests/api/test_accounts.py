"""Registration, log-in, sessions, the same-origin rule, throttling."""

import re
import statistics
import time

import pytest

from saastest import Api, Person
from saastest.client import PASSWORD

pytestmark = pytest.mark.long(30)
UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
REQUIRED = ["This field is required."]


def login(site, email, password, address=None):
    api = Api(site.base, address=address)
    return api, api.post("auth/login/", {"email": email, "password": password})


@pytest.mark.smoke
def test_register_makes_user_organization_and_membership(site):
    api = site.nobody()
    reply = api.post("auth/register/", {"email": "Ada@Example.TEST", "password": PASSWORD, "name": "Ada", "organization": "Ada Works"})
    assert reply.status_code == 201
    body = reply.json()
    assert UUID7.match(body["user"]["id"]) and UUID7.match(body["organization"]["id"])
    assert body["user"]["name"] == "Ada" and body["user"]["email"].casefold() == "ada@example.test"
    assert body["organization"]["name"] == "Ada Works" and body["role"] == "ADMIN"
    me = api.ok("GET", "auth/me/")
    assert me["id"] == body["user"]["id"]
    org = api.ok("GET", f"organizations/{body['organization']['id']}/")
    assert org["role"] == "ADMIN" and org["subscription_status"] == "free" and org["has_active_subscription"] is False
    assert "scrypt" not in reply.text and "password" not in me


def test_register_sets_a_guarded_session_cookie(site):
    api = site.nobody()
    reply = api.post("auth/register/", {"email": "cookie@example.test", "password": PASSWORD})
    assert reply.status_code == 201
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("saas_session=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes, "over plain HTTP a Secure cookie would never come back"
    assert reply.headers.get("Cache-Control", "").find("no-store") >= 0


def test_register_without_organization_name_still_gives_one(site):
    api = site.nobody()
    body = api.ok("POST", "auth/register/", {"email": "noorg@example.test", "password": PASSWORD})
    assert UUID7.match(body["organization"]["id"]) and body["organization"]["name"].strip()


@pytest.mark.parametrize("body, fields", [
    ({}, {"email", "password"}), ({"email": "a@example.test"}, {"password"}), ({"password": PASSWORD}, {"email"}),
])
def test_register_names_each_missing_field(site, body, fields):
    reply = site.nobody().post("auth/register/", body)
    assert reply.status_code == 400
    assert reply.json() == {field: REQUIRED for field in fields}


@pytest.mark.parametrize("email", ["", "plain", "@example.test", "a@", "a b@example.test", "a@b@example.test",
                                   "a\u0000@example.test", "a@exa mple.test", "x" * 250 + "@example.test", 7, None, [], {}])
def test_register_refuses_bad_addresses(site, email):
    reply = site.nobody().post("auth/register/", {"email": email, "password": PASSWORD})
    assert reply.status_code == 400
    body = reply.json()
    assert list(body) in (["email"], ["detail", "code"], ["code", "detail"]), body
    if "email" in body:
        assert body["email"] and all(isinstance(text, str) for text in body["email"])


@pytest.mark.parametrize("password", ["", "short", "123456789", "x" * 129, "password123", "1234567890", "pw-same@example.test",
                                      "PW-SAME@EXAMPLE.TEST", 1234567890123, None, ["correct horse battery 9"]])
def test_register_refuses_weak_passwords(site, password):
    reply = site.nobody().post("auth/register/", {"email": "pw-same@example.test", "password": password})
    assert reply.status_code == 400
    assert list(reply.json()) == ["password"]


@pytest.mark.parametrize("password", ["ten chars!", "ünïcödé pässwörd", "x7" * 64, " leading and trailing "])
def test_good_passwords_are_taken_as_they_are(site, password):
    person = Person(site.base, password=password)
    assert login(site, person.email, password)[1].status_code == 200
    assert login(site, person.email, password.strip() + "x")[1].status_code == 401


def test_duplicate_address_is_refused_whatever_its_case(site, person):
    reply = site.nobody().post("auth/register/", {"email": person.email.upper(), "password": PASSWORD})
    assert reply.status_code == 400 and list(reply.json()) == ["email"]


def test_a_refused_registration_leaves_nothing_behind(site, person):
    before = site.database.execute("SELECT count(*) FROM organizations")[0][0]
    assert site.nobody().post("auth/register/", {"email": person.email, "password": PASSWORD, "organization": "Ghost"}).status_code == 400
    assert site.database.execute("SELECT count(*) FROM organizations")[0][0] == before


@pytest.mark.smoke
def test_login_gives_a_new_session_and_the_old_one_stays_apart(site, person):
    first = person.http.cookies["saas_session"]
    api, reply = login(site, person.email.upper(), person.password)
    assert reply.status_code == 200
    assert api.http.cookies["saas_session"] != first
    assert api.ok("GET", "auth/me/")["id"] == person.user["id"]


def test_login_never_keeps_the_session_id_a_client_brings(site, person):
    api = Api(site.base)
    api.http.cookies.set("saas_session", "A" * 48)
    assert api.post("auth/login/", {"email": person.email, "password": person.password}).status_code == 200
    assert api.http.cookies.get_dict().get("saas_session") != "A" * 48 or len(api.http.cookies) > 1


def test_wrong_password_and_unknown_user_get_the_same_answer(site, person):
    wrong = login(site, person.email, "not the password 1")[1]
    unknown = login(site, "nobody-here@example.test", "not the password 1")[1]
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert "WWW-Authenticate" in wrong.headers and "Set-Cookie" not in wrong.headers


def test_unknown_user_costs_the_time_of_a_wrong_password(site, person):
    def seconds(email):
        started = time.monotonic()
        assert login(site, email, "not the password 1")[1].status_code == 401
        return time.monotonic() - started

    known, unknown = [], []
    for n in range(3):
        known.append(seconds(person.email))
        unknown.append(seconds(f"ghost{n}@example.test"))
    assert statistics.median(unknown) > statistics.median(known) / 3


@pytest.mark.smoke
def test_logout_ends_the_session(site):
    person = site.register()
    stolen = person.http.cookies["saas_session"]
    reply = person.post("auth/logout/")
    assert reply.status_code == 204 and reply.content == b""
    thief = Api(site.base)
    thief.http.cookies.set("saas_session", stolen)
    assert thief.get("auth/me/").status_code == 401


def test_me_shows_and_changes_the_profile(site):
    person = site.register(name="Before", organization="Profile Org")
    me = person.ok("GET", "auth/me/")
    assert me["email"] == person.email and me["name"] == "Before"
    memberships = me["memberships"]
    assert len(memberships) == 1 and memberships[0]["role"] == "ADMIN"
    assert person.org["id"] in str(memberships[0])
    changed = person.ok("PATCH", "auth/me/", {"name": "After Ünïcode", "id": "x", "is_active": False, "unknown": 1})
    assert changed["name"] == "After Ünïcode"
    assert person.ok("GET", "auth/me/")["name"] == "After Ünïcode"


@pytest.mark.parametrize("name", [7, None, "x" * 5000, "a\u0000b", ["x"]])
def test_me_refuses_bad_names(person, name):
    assert person.patch("auth/me/", {"name": name}).status_code == 400
    assert person.ok("GET", "auth/me/")["name"] == "Test Person"


@pytest.mark.parametrize("path, method", [("auth/me/", "GET"), ("auth/me/", "PATCH"), ("auth/logout/", "POST"), ("auth/tokens/", "GET"),
                                          ("organizations/", "GET"), ("audits/", "GET")])
def test_nobody_is_told_to_authenticate(site, path, method):
    reply = site.nobody().call(method, path, {} if method != "GET" else None)
    assert reply.status_code == 401
    assert reply.json() == {"detail": "Authentication credentials were not provided.", "code": "not_authenticated"}
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert reply.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("value", ["Bearer saas_nonsense", "Bearer ", "Bearer", "Bearer saas_" + "A" * 43, "Bearer x y", "Bearer " + "a" * 4000])
def test_bad_bearer_tokens(site, value):
    reply = site.nobody().get("auth/me/", headers={"Authorization": value})
    assert reply.status_code == 401
    assert reply.json()["code"] in ("authentication_failed", "not_authenticated")
    assert "WWW-Authenticate" in reply.headers


def test_a_bad_token_is_not_rescued_by_a_good_cookie(site, person):
    reply = person.get("auth/me/", headers={"Authorization": "Bearer saas_nonsense"})
    assert reply.status_code == 401
    assert reply.json() == {"detail": "Invalid token.", "code": "authentication_failed"}


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": None, "Origin": "https://evil.example"}, {"Sec-Fetch-Site": None, "Origin": "null"},
    {"Sec-Fetch-Site": None, "Origin": "http://127.0.0.1:1"},
])
@pytest.mark.parametrize("method, path", [("PATCH", "auth/me/"), ("POST", "organizations/"), ("POST", "auth/logout/"), ("POST", "auth/tokens/")])
def test_a_cookie_is_refused_on_unsafe_methods_from_elsewhere(site, alice, headers, method, path):
    reply = alice.call(method, path, {"name": "Forged"}, headers=headers)
    assert reply.status_code == 403 and reply.json()["code"] == "csrf_failed"
    assert alice.get("auth/me/").status_code == 200
    assert alice.ok("GET", "auth/me/")["name"] != "Forged"


def test_a_cookie_from_elsewhere_may_read(alice):
    assert alice.get("auth/me/", headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}).status_code == 200


def test_origin_alone_is_enough_when_it_is_ours(site, alice):
    assert alice.patch("auth/me/", {"name": "Test Person"}, headers={"Sec-Fetch-Site": None, "Origin": site.base}).status_code == 200


def test_a_bearer_token_is_exempt_from_the_origin_rule(alice):
    token = alice.as_token()
    reply = token.patch("auth/me/", {"name": "Test Person"}, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 200


def test_login_is_throttled_per_account_from_many_addresses_or_per_address(site):
    person = site.register()
    address = Api(site.base).address
    seen = []
    for n in range(60):
        reply = login(site, person.email, f"wrong password {n}", address)[1]
        seen.append(reply.status_code)
        if reply.status_code == 429:
            break
    assert seen[-1] == 429 and set(seen[:-1]) == {401}, seen
    wait = int(reply.headers["Retry-After"])
    assert wait >= 1
    body = reply.json()
    assert body["code"] == "throttled"
    assert re.fullmatch(r"Request was throttled\. Expected available in \d+ seconds?\.", body["detail"])
    # Every child of the server knows it, not only the one that counted, and the right password does not help.
    for _ in range(12):
        assert login(site, person.email, person.password, address)[1].status_code == 429
    # Others are not shut out.
    other = site.register()
    assert login(site, other.email, other.password)[1].status_code == 200


def test_passwords_and_sessions_are_not_kept_in_the_clear(site):
    secret = "kept nowhere in clear 77"
    person = Person(site.base, password=secret)
    cookie = person.http.cookies["saas_session"]
    stored = site.database.execute("SELECT password_hash FROM users WHERE id = ?", person.user["id"])[0][0]
    assert stored.startswith("$scrypt$ln=15,r=8,p=3$")
    log = site.httpd.error_log.read_text(errors="replace")
    sessions = str(site.database.execute("SELECT * FROM sessions WHERE user_id = ?", person.user["id"]))
    for text in (secret, cookie):
        assert text not in log and text not in sessions and text not in stored
