"""Invites: made, resent, revoked, previewed, accepted as a new user, as a signed-in one, by somebody signed out; used once."""

import re
import secrets

import pytest

from saastest import Api, Httpd, Person, seed
from saastest.client import PASSWORD, invite_token
from saastest.site import MOUNTS
from test_members import join, together, trail
from test_tenancy import MISSING

NOT_FOUND = {"detail": "Not found.", "code": "not_found"}


def address():
    return f"guest-{secrets.token_hex(5)}@example.test"


def invite(admin, email=None, role="MEMBER"):
    return admin.ok("POST", f"organizations/{admin.org['id']}/invites/", {"email": email or address(), "role": role})


def expire(site, made, ago="2020-01-01T00:00:00.000000Z"):
    site.database.execute("UPDATE invites SET expires_at = ? WHERE id = ?", ago, made["id"])


def path(admin, made, more=""):
    return f"organizations/{admin.org['id']}/invites/{made['id']}/{more}"


def test_create_tells_the_token_once_and_keeps_its_hash(site, person):
    made = invite(person, "Guest.One@Example.Test", "VIEWER")
    assert made["email"] == "Guest.One@Example.Test" and made["role"] == "VIEWER" and made["state"] == "pending"
    assert made["invited_by"] == {"id": person.user["id"], "email": person.email, "name": "Test Person"}
    token = invite_token(made)
    assert made["invite_url"] == f"https://app.example.test/invite?token={token}"
    assert re.fullmatch("inv_" + person.org["id"].replace("-", "") + r"\.[A-Za-z0-9]{43}", token)
    body = person.ok("GET", f"organizations/{person.org['id']}/invites/")
    assert body["count"] == 1 and token not in str(body) and "invite_url" not in body["results"][0]
    stored = str(site.database.execute("SELECT * FROM invites WHERE id = ?", made["id"])) + str(
        site.database.execute("SELECT * FROM activity WHERE org_id = ?", person.org["id"]))
    assert token.split(".")[1] not in stored
    assert trail(person, action="invite.created")[0]["new"]["email"] == "Guest.One@Example.Test"


@pytest.mark.parametrize("body, fields", [
    ({}, {"email", "role"}), ({"email": "a@example.test"}, {"role"}), ({"role": "MEMBER"}, {"email"}),
    ({"email": "nobody", "role": "MEMBER"}, {"email"}), ({"email": "a@b@c", "role": "OWNER"}, {"email", "role"}),
    ({"email": "a\u0007@example.test", "role": "MEMBER"}, {"email"}), ({"email": "a\r\nBcc: x@example.test", "role": "MEMBER"}, {"email"}),
    ({"email": "x" * 65536 + "@example.test", "role": "MEMBER"}, {"email"}), ({"email": 5, "role": 5}, {"email", "role"}),
    ({"email": "a@example.test", "role": "admin"}, {"role"}),
])
def test_bad_input(person, body, fields):
    reply = person.post(f"organizations/{person.org['id']}/invites/", body)
    assert reply.status_code == 400 and set(reply.json()) == fields, reply.text
    assert person.ok("GET", f"organizations/{person.org['id']}/invites/")["count"] == 0


@pytest.mark.parametrize("role", ["MEMBER", "VIEWER"])
def test_only_admins_invite(site, person, role):
    other, made = join(site, person, role), invite(person)
    for method, where in (("GET", ""), ("POST", ""), ("DELETE", made["id"] + "/"), ("POST", made["id"] + "/resend/")):
        reply = other.call(method, f"organizations/{person.org['id']}/invites/{where}", {} if method == "POST" else None)
        assert reply.status_code == 403 and reply.json()["code"] == "permission_denied"


def test_a_member_is_not_invited_again(site, person):
    other = join(site, person)
    reply = person.post(f"organizations/{person.org['id']}/invites/", {"email": other.email.upper(), "role": "ADMIN"})
    assert reply.status_code == 400 and list(reply.json()) == ["email"]


def test_one_pending_for_an_address(site, person, bob):
    first = invite(person, "Same@example.test")
    again = person.post(f"organizations/{person.org['id']}/invites/", {"email": "sAME@example.test", "role": "VIEWER"})
    assert again.status_code == 409 and again.json()["code"] == "conflict"
    assert bob.post(f"organizations/{bob.org['id']}/invites/", {"email": "same@example.test", "role": "VIEWER"}).status_code == 201
    expire(site, first)
    second = invite(person, "same@example.test", "VIEWER")
    assert second["id"] != first["id"]
    assert site.nobody().get(f"invites/{invite_token(first)}/").json()["code"] == "invite_expired"
    assert site.nobody().get(f"invites/{invite_token(second)}/").status_code == 200


def test_eight_at_once_make_one_invite(site, person):
    url, body = f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "MEMBER"}
    statuses = together(*[lambda: person.post(url, body).status_code] * 8)
    assert sorted(statuses) == [201] + [409] * 7
    assert person.ok("GET", url)["count"] == 1


def test_the_list_computes_what_has_expired(site, person):
    pending, expired, revoked = invite(person), invite(person), invite(person)
    expire(site, expired)
    assert person.delete(path(person, revoked)).status_code == 204
    url = f"organizations/{person.org['id']}/invites/"
    assert [i["state"] for i in person.ok("GET", url)["results"]] == ["revoked", "expired", "pending"]
    for state, made in (("pending", pending), ("expired", expired), ("revoked", revoked)):
        assert [i["id"] for i in person.ok("GET", url, params={"state": state})["results"]] == [made["id"]]
    assert person.get(url + "?state=lost").status_code == 400
    assert len(person.ok("GET", url, params={"page_size": 2, "page": 2})["results"]) == 1


def test_resend_kills_the_old_token_and_extends(site, person):
    made = invite(person)
    expire(site, made)
    again = person.ok("POST", path(person, made, "resend/"))
    assert again["id"] == made["id"] and again["state"] == "pending" and invite_token(again) != invite_token(made)
    nobody = site.nobody()
    assert nobody.get(f"invites/{invite_token(made)}/").status_code == 404
    assert nobody.get(f"invites/{invite_token(again)}/").status_code == 200
    assert trail(person, action="invite.resent")


def test_revoke_is_final(site, person):
    made = invite(person)
    assert person.delete(path(person, made)).status_code == 204
    assert site.nobody().get(f"invites/{invite_token(made)}/").json()["code"] == "invite_revoked"
    for reply in (person.delete(path(person, made)), person.post(path(person, made, "resend/"))):
        assert reply.status_code == 409 and reply.json()["code"] == "conflict"
    assert len(trail(person, action="invite.revoked")) == 1


@pytest.mark.parametrize("id", [MISSING, "x", "foreign"])
def test_an_unknown_invite_is_404(person, bob, id):
    id = invite(bob)["id"] if id == "foreign" else id
    for method, more in (("DELETE", ""), ("POST", "resend/")):
        reply = person.call(method, f"organizations/{person.org['id']}/invites/{id}/{more}")
        assert reply.status_code == 404 and reply.json() == NOT_FOUND


def test_preview(site, person):
    made = invite(person, "preview.guest@example.test", "VIEWER")
    body = site.nobody().ok("GET", f"invites/{invite_token(made)}/")
    assert set(body) == {"organization", "role", "email", "inviter", "expires_at"}
    assert body["organization"]["name"] == person.org["name"] and body["role"] == "VIEWER"
    assert body["inviter"] == {"name": "Test Person", "email": person.email}
    assert body["email"] == "p***@example.test" and "preview.guest" not in str(body)


def tampered(token):
    head, secret = token.split(".")
    flipped = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    return [head + "." + flipped, head + ".", head, head + "." + secret + "x", "inv_" + "0" * 32 + "." + secret,
            "inv_" + head[4:].upper() + "." + secret + "!", token.upper(), "inv_", "x", "inv_" + "z" * 32 + "." + secret, "a" * 500,
            "inv_%27%20OR%201." + secret]


def test_a_tampered_token_is_unknown(site, person):
    token = invite_token(invite(person))
    for wrong in tampered(token):
        assert site.nobody().get(f"invites/{wrong}/").status_code == 404, wrong
        if len(wrong) <= 200:
            reply = person.post("invites/accept/", {"token": wrong})
            assert reply.status_code == 404 and reply.json() == NOT_FOUND, wrong
    assert site.nobody().get(f"invites/{token}/").status_code == 200


def test_accepting_as_a_signed_in_user(site, person):
    guest = site.newcomer()
    made = invite(person, guest.email.upper(), "VIEWER")
    body = guest.ok("POST", "invites/accept/", {"token": invite_token(made)})
    assert body["organization"]["id"] == person.org["id"] and body["role"] == "VIEWER" and body["joined"] is True
    assert guest.ok("GET", f"organizations/{person.org['id']}/")["role"] == "VIEWER"
    entry = trail(person, action="invite.accepted")[0]
    assert entry["actor"]["id"] == guest.user["id"] and entry["new"]["role"] == "VIEWER"
    again = guest.post("invites/accept/", {"token": invite_token(made)})
    assert again.status_code == 400 and again.json()["code"] == "invite_used"
    state = person.ok("GET", f"organizations/{person.org['id']}/invites/")["results"][0]
    assert state["state"] == "accepted" and state["accepted_at"]


@pytest.mark.parametrize("role, asked", [("ADMIN", "VIEWER"), ("VIEWER", "ADMIN")])
def test_accepting_never_changes_a_member(site, person, role, asked):
    guest = site.newcomer()
    made = invite(person, guest.email, asked)
    seed.member(site.database, person.org["id"], guest.user["id"], role)
    body = guest.ok("POST", "invites/accept/", {"token": invite_token(made)})
    assert body["role"] == role and body["joined"] is False
    assert guest.ok("GET", f"organizations/{person.org['id']}/")["role"] == role
    assert guest.post("invites/accept/", {"token": invite_token(made)}).json()["code"] == "invite_used"


def test_another_address_is_told_apart(site, person, bob):
    made = invite(person)
    reply = bob.post("invites/accept/", {"token": invite_token(made)})
    assert reply.status_code == 400 and reply.json()["code"] == "invite_email_mismatch"
    assert bob.get(f"organizations/{person.org['id']}/").status_code == 404
    assert site.nobody().get(f"invites/{invite_token(made)}/").status_code == 200, "it is still good"


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_what_has_ended_cannot_be_accepted(site, person, how):
    guest = site.newcomer()
    made = invite(person, guest.email)
    if how == "expired":
        expire(site, made)
    else:
        person.ok("DELETE", path(person, made))
    reply = guest.post("invites/accept/", {"token": invite_token(made)})
    assert reply.status_code == 400 and reply.json()["code"] == "invite_" + how
    assert guest.get(f"organizations/{person.org['id']}/").status_code == 404
    registered = Api(site.base).post("auth/register/", {"email": address(), "password": PASSWORD, "invite": invite_token(made)})
    assert registered.status_code == 400 and registered.json()["code"] == "invite_" + how


def test_signed_out_it_is_401_with_a_hint(site, person):
    guest, nobody = site.newcomer(), site.nobody()
    known, unknown = invite(person, guest.email), invite(person, "unknown.guest@example.test")
    reply = nobody.post("invites/accept/", {"token": invite_token(known)})
    assert reply.status_code == 401 and reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.json()["code"] == "not_authenticated" and reply.json()["hint"] == f"log in as {guest.email[0]}***@example.test"
    assert nobody.post("invites/accept/", {"token": invite_token(unknown)}).json()["hint"] == "register with this invite as u***@example.test"
    person.ok("DELETE", path(person, known))
    for token in (invite_token(known), *tampered(invite_token(unknown))[:3]):
        reply = nobody.post("invites/accept/", {"token": token})
        assert reply.status_code == 401 and "hint" not in reply.json()
    assert nobody.post("invites/accept/", {}).status_code == 401
    assert Api(site.base, token="saas_" + "x" * 43).post("invites/accept/", {"token": invite_token(unknown)}).status_code == 401


def test_a_cookie_from_another_site_accepts_nothing(site, person):
    guest = site.newcomer()
    made = invite(person, guest.email)
    reply = guest.post("invites/accept/", {"token": invite_token(made)}, headers={"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403 and reply.json()["code"] == "csrf_failed"
    assert guest.post("invites/accept/", {"token": invite_token(made)}).status_code == 200


def test_a_bound_token_does_not_accept(site, person):
    guest = site.newcomer()
    made = invite(person, guest.email)
    for api in (guest.as_token(), guest.as_token(organization=None, role="ADMIN")):
        assert api.post("invites/accept/", {"token": invite_token(made)}).status_code == 403
    assert guest.as_token(organization=None).post("invites/accept/", {"token": invite_token(made)}).status_code == 200


def test_registering_with_an_invite(site, person):
    made = invite(person, "New.User@example.test", "MEMBER")
    wrong = Api(site.base).post("auth/register/", {"email": address(), "password": PASSWORD, "invite": invite_token(made)})
    assert wrong.status_code == 400 and wrong.json()["code"] == "invite_email_mismatch"
    guest = Person(site.base, email="new.user@example.test", register=False)
    body = guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": invite_token(made)})
    assert body["organization"]["id"] == person.org["id"] and body["role"] == "MEMBER"
    assert guest.ok("GET", "organizations/")["count"] == 1
    assert guest.post("invites/accept/", {"token": invite_token(made)}).json()["code"] == "invite_used"


def test_accepted_on_eight_connections_at_once(site, person):
    for _ in range(5):
        guest = site.newcomer()
        made = invite(person, guest.email)
        replies = together(*[lambda: guest.post("invites/accept/", {"token": invite_token(made)})] * 8)
        assert sorted(r.status_code for r in replies) == [200] + [400] * 7
        assert {r.json()["code"] for r in replies if r.status_code == 400} == {"invite_used"}
        assert site.database.execute("SELECT count(*) FROM memberships WHERE org_id = ? AND user_id = ?", person.org["id"], guest.user["id"])[0][0] == 1
    assert len(trail(person, action="invite.accepted")) == 5


def test_accepted_against_registered_and_revoked_at_once(site, person):
    """Three ways to end an invite, at the same moment: one of them has it."""
    for _ in range(3):
        guest = site.newcomer()
        made = invite(person, guest.email)
        accepted, revoked, resent = together(
            lambda: guest.post("invites/accept/", {"token": invite_token(made)}).status_code,
            lambda: person.delete(path(person, made)).status_code,
            lambda: person.post(path(person, made, "resend/")).status_code)
        state = [i["state"] for i in person.ok("GET", f"organizations/{person.org['id']}/invites/")["results"] if i["id"] == made["id"]]
        member = guest.get(f"organizations/{person.org['id']}/").status_code == 200
        assert member == (accepted == 200)
        assert (accepted == 200) + (revoked == 204) == 1 and state == ["accepted" if member else "revoked"], (accepted, revoked, resent)


def test_removal_races_acceptance_of_what_the_removed_has_sent(site):
    """Locks in one order: no deadlock is ever answered, and a removed ADMIN's invite joins nobody afterwards."""
    for _ in range(5):
        first = site.newcomer()
        second, guest = join(site, first, "ADMIN"), site.newcomer()
        made = second.ok("POST", f"organizations/{first.org['id']}/invites/", {"email": guest.email, "role": "MEMBER"})
        removed, accepted = together(lambda: first.delete(f"organizations/{first.org['id']}/members/{second.user['id']}/").status_code,
                                     lambda: guest.post("invites/accept/", {"token": invite_token(made)}).status_code)
        assert removed == 204 and accepted in (200, 400)


def test_creating_is_throttled(site):
    admin = site.newcomer()
    url = f"organizations/{admin.org['id']}/invites/"
    statuses = [admin.post(url, {"email": "one@example.test", "role": "VIEWER"}).status_code for _ in range(201)]
    assert statuses == [201] + [409] * 199 + [429]
    reply = admin.post(url, {"email": address(), "role": "VIEWER"})
    assert reply.status_code == 429 and reply.json()["code"] == "throttled" and 1 <= int(reply.headers["Retry-After"]) <= 3600
    assert site.newcomer().get("organizations/").status_code == 200


def test_resending_is_throttled(site, person):
    made = invite(person)
    statuses = [person.post(path(person, made, "resend/")).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_accepting_is_throttled_for_an_address(site):
    guest = site.newcomer()
    statuses = [guest.post("invites/accept/", {"token": "x"}).status_code for _ in range(101)]
    assert statuses == [404] * 100 + [429]
    assert site.newcomer().post("invites/accept/", {"token": "x"}).status_code == 404


@pytest.mark.only_db("sqlite")
def test_without_a_database_nobody_is_taken_for_signed_out(site, quiet_log):
    """The route looks for its caller without a gate: what cannot be looked up is 503, never 401."""
    server = Httpd()
    try:
        server.start('DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n' + MOUNTS)
        known = Api(server.base, token="saas_" + "x" * 43)
        token = "inv_" + MISSING.replace("-", "") + "." + "x" * 43
        for reply in (known.post("invites/accept/", {"token": token}), known.post("invites/accept/", {}),
                      Api(server.base).post("invites/accept/", {"token": token}), Api(server.base).get(f"invites/{token}/")):
            assert reply.status_code == 503 and reply.json()["code"] == "unavailable" and reply.headers["Retry-After"]
        assert Api(server.base).post("invites/accept/", {"token": "x"}).status_code == 401
    finally:
        server.stop()
        server.close()
