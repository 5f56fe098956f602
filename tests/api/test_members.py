"""Members: list, role, removal, leaving; an organization always has an ADMIN, whoever acts at the same moment."""

import random
import threading

import pytest

from saastest import Api, seed
from saastest.client import invite_token
from test_tenancy import MISSING

pytestmark = pytest.mark.long(20)
LAST = {"detail": "An organization must have an ADMIN: make somebody else one first.", "code": "last_admin"}


def join(site, admin, role="MEMBER"):
    """Somebody else, in admin's organization too."""
    other = site.newcomer()
    seed.member(site.database, admin.org["id"], other.user["id"], role)
    return other


def members(admin, **params):
    return admin.ok("GET", f"organizations/{admin.org['id']}/members/", params=params)


def url(admin, user):
    return f"organizations/{admin.org['id']}/members/{user.user['id']}/"


def trail(admin, **params):
    return admin.ok("GET", f"organizations/{admin.org['id']}/activity/", params=params)["results"]


def together(*calls):
    """Runs all at the same moment; what they gave, in order."""
    barrier, got = threading.Barrier(len(calls)), [None] * len(calls)

    def go(n):
        barrier.wait()
        got[n] = calls[n]()

    threads = [threading.Thread(target=go, args=(n,)) for n in range(len(calls))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return got


def test_the_list_shows_everybody_to_every_member(site, person):
    viewer = join(site, person, "VIEWER")
    body = viewer.ok("GET", f"organizations/{person.org['id']}/members/")
    assert body["count"] == 2 and body["next"] is None
    first, second = body["results"]
    assert set(first) == {"user", "role", "created_at"} and set(first["user"]) == {"id", "email", "name"}
    assert {m["user"]["id"]: m["role"] for m in body["results"]} == {person.user["id"]: "ADMIN", viewer.user["id"]: "VIEWER"}
    assert second["user"]["email"] == viewer.email and second["created_at"].endswith("Z")
    assert [m["user"]["id"] for m in members(person, role="VIEWER")["results"]] == [viewer.user["id"]]
    assert person.get(f"organizations/{person.org['id']}/members/?role=OWNER").status_code == 400


def test_the_list_is_paged(site, person):
    for _ in range(4):
        join(site, person)
    pages = [members(person, page=n, page_size=2) for n in (1, 2, 3)]
    assert [len(p["results"]) for p in pages] == [2, 2, 1] and {p["count"] for p in pages} == {5}
    assert len({m["user"]["id"] for p in pages for m in p["results"]}) == 5
    assert person.get(f"organizations/{person.org['id']}/members/?page=4&page_size=2").status_code == 404


def test_by_slug_too(person):
    slug = person.ok("GET", f"organizations/{person.org['id']}/")["slug"]
    assert person.ok("GET", f"organizations/{slug}/members/")["count"] == 1


def test_a_role_changes_at_the_next_request(site, person):
    other = join(site, person, "VIEWER")
    detail = f"organizations/{person.org['id']}/"
    assert other.patch(detail, {"name": "Mine"}).status_code == 403
    changed = person.ok("PATCH", url(person, other), {"role": "ADMIN"})
    assert changed["role"] == "ADMIN" and changed["user"]["id"] == other.user["id"]
    assert other.patch(detail, {"name": "Mine"}).status_code == 200
    assert person.ok("PATCH", url(person, other), {"role": "MEMBER"})["role"] == "MEMBER"
    assert other.patch(detail, {"name": "Theirs"}).status_code == 403
    entries = trail(person, action="member.role_changed")
    assert [(e["old"]["role"], e["new"]["role"]) for e in entries] == [("ADMIN", "MEMBER"), ("VIEWER", "ADMIN")]
    assert entries[0]["actor"] == {"type": "user", "id": person.user["id"], "email": person.email}
    assert entries[0]["target"] == {"type": "user", "id": other.user["id"], "label": other.email}


def test_the_same_role_is_no_change(site, person):
    other = join(site, person)
    assert person.patch(url(person, other), {"role": "MEMBER"}).status_code == 200
    assert person.patch(url(person, person), {"role": "ADMIN"}).status_code == 200
    assert trail(person, action="member.role_changed") == []


@pytest.mark.parametrize("body", [{}, {"role": None}, {"role": ""}, {"role": "admin"}, {"role": "OWNER"}, {"role": 3}, {"role": ["ADMIN"]}])
def test_a_bad_role_is_refused(site, person, body):
    other = join(site, person)
    reply = person.patch(url(person, other), body)
    assert reply.status_code == 400 and list(reply.json()) == ["role"]


@pytest.mark.parametrize("user", [MISSING, "nobody", "x" * 300])
@pytest.mark.parametrize("method, body", [("PATCH", {"role": "VIEWER"}), ("DELETE", None)])
def test_an_unknown_user_is_404(person, bob, user, method, body):
    for who in (user, bob.user["id"]):
        reply = person.call(method, f"organizations/{person.org['id']}/members/{who}/", body)
        assert reply.status_code == 404 and reply.json() == {"detail": "Not found.", "code": "not_found"}


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_only_an_admin_changes_others(site, person, role):
    other, third = join(site, person, role), join(site, person, "VIEWER")
    assert other.patch(url(person, third), {"role": "ADMIN"}).status_code == 403
    assert other.patch(url(person, other), {"role": "ADMIN"}).status_code == 403
    assert other.delete(url(person, third)).status_code == 403
    assert other.delete(url(person, person)).status_code == 403
    assert members(person)["count"] == 3


def test_the_last_admin_can_neither_be_demoted_nor_removed_nor_leave(site, person):
    join(site, person, "MEMBER")
    for reply in (person.patch(url(person, person), {"role": "MEMBER"}), person.delete(url(person, person))):
        assert reply.status_code == 409 and reply.json() == LAST
    second = join(site, person, "ADMIN")
    assert second.patch(url(person, person), {"role": "VIEWER"}).status_code == 200
    assert second.delete(url(person, second)).json() == LAST
    assert second.patch(url(person, second), {"role": "VIEWER"}).json() == LAST


def test_removal_takes_the_tokens_the_invites_and_the_default_along(site, person):
    org = person.org["id"]
    other = join(site, person, "ADMIN")
    bound, free = other.as_token(organization=org), Api(site.base, token=other.new_token()["token"])
    invite = other.ok("POST", f"organizations/{org}/invites/", {"email": "late@example.test", "role": "ADMIN"})
    other.ok("PATCH", "auth/me/", {"default_organization": org})
    assert bound.get(f"organizations/{org}/").status_code == free.get(f"organizations/{org}/").status_code == 200
    assert person.delete(url(person, other)).status_code == 204
    assert other.get(f"organizations/{org}/").status_code == 404
    assert free.get(f"organizations/{org}/").status_code == 404 and free.get("auth/me/").status_code == 200
    assert bound.get("auth/me/").status_code == 401
    assert other.ok("GET", "auth/me/")["default_organization"] is None
    assert org not in str(other.ok("GET", "auth/tokens/"))
    token = invite_token(invite)
    gone = site.nobody().get(f"invites/{token}/")
    assert gone.status_code == 400 and gone.json()["code"] == "invite_revoked"
    entry = trail(person, action="member.removed")[0]
    assert entry["old"] == {"role": "ADMIN"} and entry["new"] == {"tokens_revoked": 1, "invites_revoked": 1}
    assert person.delete(url(person, other)).status_code == 404


def test_demotion_takes_what_is_above_the_new_role(site, person):
    org = person.org["id"]
    other = join(site, person, "ADMIN")
    tokens = {role: other.as_token(organization=org, role=role) for role in ("ADMIN", "MEMBER", "VIEWER", None)}
    invite = other.ok("POST", f"organizations/{org}/invites/", {"email": "v@example.test", "role": "VIEWER"})
    assert person.patch(url(person, other), {"role": "MEMBER"}).status_code == 200
    assert {role: api.get(f"organizations/{org}/").status_code for role, api in tokens.items()} == {
        "ADMIN": 401, "MEMBER": 200, "VIEWER": 200, None: 200}
    assert tokens[None].ok("GET", f"organizations/{org}/")["role"] == "MEMBER"
    states = {i["id"]: i["state"] for i in person.ok("GET", f"organizations/{org}/invites/")["results"]}
    assert states[invite["id"]] == "revoked"


def test_leaving(site, person):
    other = join(site, person, "VIEWER")
    assert other.delete(url(person, other)).status_code == 204
    assert other.get(f"organizations/{person.org['id']}/").status_code == 404
    entry = trail(person, action="member.left")[0]
    assert entry["actor"]["id"] == other.user["id"] and entry["old"] == {"role": "VIEWER"}


def test_a_lesser_token_does_not_leave_for_its_user(site, person):
    other = join(site, person, "MEMBER")
    lesser, own = other.as_token(organization=person.org["id"], role="VIEWER"), other.as_token(organization=person.org["id"])
    assert lesser.delete(url(person, other)).status_code == 403
    assert own.delete(url(person, other)).status_code == 204


def admins(site, org):
    return site.database.execute("SELECT count(*) FROM memberships WHERE org_id = ? AND role = 'ADMIN'", org)[0][0]


@pytest.mark.parametrize("how", ["demote", "remove", "leave", "demote or remove"])
def test_admins_who_end_each_other_at_once_leave_one(site, how):
    """Rounds of eight ADMINs, each on a connection of their own, in a ring."""
    for seen in range(6):
        first = site.newcomer()
        crowd = [first] + [join(site, first, "ADMIN") for _ in range(7)]
        org, chance = first.org["id"], random.Random(seen)

        def act(n):
            target = crowd[n] if how == "leave" else crowd[(n + 1 + chance.randrange(7)) % 8]
            path = f"organizations/{org}/members/{target.user['id']}/"
            if how == "demote" or (how == "demote or remove" and n % 2):
                return lambda: crowd[n].patch(path, {"role": "MEMBER"}).status_code
            return lambda: crowd[n].delete(path).status_code

        statuses = together(*[act(n) for n in range(8)])
        assert set(statuses) <= {200, 204, 403, 404, 409}, statuses
        assert admins(site, org) >= 1, statuses
        if how == "leave":
            assert sorted(statuses) == [204] * 7 + [409] and admins(site, org) == 1


def test_two_admins_many_rounds(site):
    """The smallest race, often: two who demote each other; exactly one does."""
    one = site.newcomer()
    two = join(site, one, "ADMIN")
    for _ in range(25):
        statuses = together(lambda: one.patch(url(one, two), {"role": "VIEWER"}).status_code,
                            lambda: two.patch(url(one, one), {"role": "VIEWER"}).status_code)
        assert sorted(statuses) in ([200, 403], [200, 409]), statuses
        assert admins(site, one.org["id"]) == 1
        for user in (one, two):
            seed.role(site.database, one.org["id"], user.user["id"], "ADMIN")
