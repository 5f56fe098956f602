"""API tokens: shown once, hashed at rest, capped, bound, revoked at once."""

import datetime
import time

import pytest

from saastest import Api, seed
from test_webhooks import until


def soon(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(api):
    body = api.ok("GET", "auth/tokens/")
    return body["results"] if isinstance(body, dict) else body


def test_a_token_is_shown_once_and_works(site, person):
    made = person.new_token(name="ci")
    assert made["token"].startswith("saas_") and len(made["token"]) >= 40
    assert made["name"] == "ci" and made["id"]
    api = Api(site.base, token=made["token"])
    assert api.ok("GET", "auth/me/")["id"] == person.user["id"]
    entries = listed(person)
    assert [e["id"] for e in entries] == [made["id"]]
    assert "token" not in entries[0] or not entries[0]["token"]
    assert made["token"] not in person.get("auth/tokens/").text


def test_created_answers_201_and_never_caches(person):
    reply = person.post("auth/tokens/", {"name": "one"})
    assert reply.status_code == 201
    assert "no-store" in reply.headers.get("Cache-Control", "")


def test_only_a_hash_is_stored(site, person):
    token = person.new_token()["token"]
    rows = str(site.database.execute("SELECT * FROM tokens WHERE user_id = ?", person.user["id"]))
    assert token not in rows and token[-32:] not in rows
    import hashlib
    assert hashlib.sha256(token.encode()).hexdigest() in rows


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": "x" * 2000}, "name"),
    ({"name": "t", "role": "OWNER"}, "role"), ({"name": "t", "role": "admin"}, "role"), ({"name": "t", "role": 3}, "role"),
    ({"name": "t", "expires_at": "tomorrow"}, "expires_at"), ({"name": "t", "expires_at": 17}, "expires_at"),
    ({"name": "t", "expires_at": soon(days=-1)}, "expires_at"),
])
def test_bad_input_is_refused_by_field(person, body, field):
    reply = person.post("auth/tokens/", body)
    assert reply.status_code == 400, reply.text
    assert list(reply.json()) == [field]
    assert listed(person) == []


def test_a_foreign_organization_cannot_be_chosen(person, bob):
    reply = person.post("auth/tokens/", {"name": "t", "organization": bob.org["id"]})
    assert reply.status_code in (400, 404)
    missing = person.post("auth/tokens/", {"name": "t", "organization": "01890000-0000-7000-8000-000000000000"})
    assert (missing.status_code, missing.text) == (reply.status_code, reply.text)
    assert listed(person) == []


def test_expiry_is_kept(site, person):
    end = time.time() + 3
    made = person.new_token(expires_at=soon(seconds=3))
    api = Api(site.base, token=made["token"])
    assert api.get("auth/me/").status_code == 200
    time.sleep(max(0.0, end + 0.5 - time.time()))
    reply = api.get("auth/me/")
    assert reply.status_code == 401 and reply.json()["code"] == "authentication_failed"


def test_revoking_acts_on_the_next_request(site, person):
    made = person.new_token()
    apis = [Api(site.base, token=made["token"]) for _ in range(6)]
    assert all(api.get("auth/me/").status_code == 200 for api in apis)
    reply = person.delete(f"auth/tokens/{made['id']}/")
    assert reply.status_code == 204 and reply.content == b""
    for api in apis:
        answer = api.get("auth/me/")
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Invalid token.", "code": "authentication_failed"}
    assert made["id"] not in [e["id"] for e in listed(person)]
    assert person.delete(f"auth/tokens/{made['id']}/").status_code == 404


def test_somebody_elses_token_looks_missing(site, person, bob):
    theirs = bob.new_token()
    foreign = person.delete(f"auth/tokens/{theirs['id']}/")
    missing = person.delete("auth/tokens/01890000-0000-7000-8000-000000000000/")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert Api(site.base, token=theirs["token"]).get("auth/me/").status_code == 200


@pytest.mark.parametrize("role, start, rename", [("VIEWER", 403, 403), ("MEMBER", 202, 403), ("ADMIN", 202, 200)])
def test_a_token_acts_in_its_own_role(person, role, start, rename):
    api = person.as_token(role=role)
    org = api.ok("GET", f"organizations/{person.org['id']}/")
    assert org["role"] == role
    assert api.patch(f"organizations/{person.org['id']}/", {"name": "Renamed"}).status_code == rename
    reply = api.post("audits/start/", {"targets": ["http://127.0.0.1:1/"]})
    assert reply.status_code == start, reply.text
    if start == 202:
        api.post(f"audits/{reply.json()['id']}/cancel/")


def test_a_role_above_the_creators_is_refused(site, person, bob):
    seed.member(site.database, bob.org["id"], person.user["id"], "VIEWER")
    for role in ("MEMBER", "ADMIN"):
        reply = person.post("auth/tokens/", {"name": "t", "organization": bob.org["id"], "role": role})
        assert reply.status_code in (400, 403), reply.text
    token = person.new_token(organization=bob.org["id"], role="VIEWER")["token"]
    assert Api(site.base, token=token).ok("GET", f"organizations/{bob.org['id']}/")["role"] == "VIEWER"


def test_a_viewer_token_cannot_make_itself_more(site, person):
    viewer = person.as_token(role="VIEWER")
    for role in (None, "MEMBER", "ADMIN"):
        reply = viewer.post("auth/tokens/", {"name": "t", "organization": person.org["id"], **({"role": role} if role else {})})
        if reply.status_code == 201:
            more = Api(site.base, token=reply.json()["token"])
            assert more.patch(f"organizations/{person.org['id']}/", {"name": "Climbed"}).status_code == 403
        else:
            assert reply.status_code in (400, 403)


def test_demotion_caps_tokens_made_before(site, bob):
    somebody = site.newcomer()
    seed.member(site.database, bob.org["id"], somebody.user["id"], "ADMIN")
    api = somebody.as_token(organization=bob.org["id"], role="ADMIN")
    assert api.ok("GET", f"organizations/{bob.org['id']}/")["role"] == "ADMIN"
    seed.role(site.database, bob.org["id"], somebody.user["id"], "VIEWER")
    seed.change_counts()
    assert api.patch(f"organizations/{bob.org['id']}/", {"name": "No"}).status_code == 403
    seed.remove_member(site.database, bob.org["id"], somebody.user["id"])
    seed.change_counts()
    assert api.get(f"organizations/{bob.org['id']}/").status_code in (401, 404)


def test_last_use_is_noted(site, person):
    made = person.new_token()
    assert listed(person)[0]["last_used_at"] is None
    Api(site.base, token=made["token"]).ok("GET", "auth/me/")
    until(lambda: listed(person)[0]["last_used_at"])  # noted after the answer, which must not wait for it
    assert listed(person)[0]["last_used_at"].endswith("Z")


def test_tokens_of_the_operators_command_work(site, person):
    token = site.saasctl("token", "create", "--user", person.email, "--name", "ops", "--org", person.org["id"], "--role", "MEMBER").strip()
    api = Api(site.base, token=token)
    assert api.ok("GET", f"organizations/{person.org['id']}/")["role"] == "MEMBER"
