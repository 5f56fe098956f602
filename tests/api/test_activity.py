"""The trail: who did what, newest first; for ADMINs; nobody rewrites it."""

import pytest

from saastest import seed
from test_members import join


def trail(api, org, **params):
    return api.ok("GET", f"organizations/{org}/activity/", params=params)


@pytest.fixture(scope="module")
def told(site):
    """An organization in which something has happened."""
    admin = site.newcomer()
    org = admin.org["id"]
    other = join(site, admin, "VIEWER")
    admin.ok("PATCH", f"organizations/{org}/", {"name": "First name"})
    admin.ok("PATCH", f"organizations/{org}/members/{other.user['id']}/", {"role": "ADMIN"})
    other.as_token(organization=org).ok("PATCH", f"organizations/{org}/", {"name": "Second name"})
    admin.ok("POST", f"organizations/{org}/invites/", {"email": "guest@example.test", "role": "VIEWER"})
    return admin, other


def test_newest_first_with_old_and_new(told):
    admin, other = told
    entries = trail(admin, admin.org["id"])["results"]
    assert [e["action"] for e in entries] == ["invite.created", "organization.updated", "token.created", "member.role_changed", "organization.updated"]
    assert set(entries[0]) == {"id", "created_at", "actor", "action", "target", "old", "new", "address", "request_id"}
    second = entries[1]
    assert second["old"] == {"name": "First name"} and second["new"] == {"name": "Second name"}
    assert second["actor"]["type"] == "token" and second["actor"]["email"] == other.email
    assert second["address"] == other.address and second["target"]["type"] == "organization"
    times = [e["created_at"] for e in entries]
    assert times == sorted(times, reverse=True)


def test_filters(told):
    admin, other = told
    org = admin.org["id"]
    entries = trail(admin, org)["results"]
    assert {e["action"] for e in trail(admin, org, action="organization.updated")["results"]} == {"organization.updated"}
    assert trail(admin, org, action="no.such")["results"] == []
    assert trail(admin, org, actor=admin.user["id"])["count"] == 3
    assert trail(admin, org, actor=other.email.upper())["count"] == 2
    assert {e["target"]["type"] for e in trail(admin, org, target_type="organization")["results"]} == {"organization"}
    middle = entries[2]["created_at"]
    since, until = trail(admin, org, since=middle)["results"], trail(admin, org, until=middle)["results"]
    assert [e["id"] for e in since + until] == [e["id"] for e in entries]
    assert trail(admin, org, since="2099-01-01T00:00:00Z")["count"] == 0
    assert trail(admin, org, action="organization.updated", actor=other.email)["count"] == 1


@pytest.mark.parametrize("query", ["since=yesterday", "until=x", "since=2026-13-01T00:00:00Z", "page=0"])
def test_bad_filters_are_refused(told, query):
    admin, _ = told
    reply = admin.get(f"organizations/{admin.org['id']}/activity/?{query}")
    assert reply.status_code == 400 and list(reply.json()) == [query.split("=")[0]]


def test_pages(told):
    admin, _ = told
    pages = [trail(admin, admin.org["id"], page=n, page_size=2) for n in (1, 2, 3)]
    assert [len(p["results"]) for p in pages] == [2, 2, 1] and pages[0]["count"] == 5
    assert len({e["id"] for p in pages for e in p["results"]}) == 5
    assert "page_size=2" in pages[0]["next"]


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_for_admins_only(site, told, role):
    admin, _ = told
    reply = admin.as_token(role=role).get(f"organizations/{admin.org['id']}/activity/")
    assert reply.status_code == 403 and reply.json()["code"] == "permission_denied"
    assert site.newcomer().get(f"organizations/{admin.org['id']}/activity/").status_code == 404


def test_nobody_sees_another_organizations(told, bob):
    admin, _ = told
    ids = {e["id"] for e in trail(admin, admin.org["id"])["results"]}
    assert not ids & {e["id"] for e in trail(bob, bob.org["id"])["results"]}


def test_an_actor_who_is_gone_stays_named(site):
    admin = site.newcomer()
    other = join(site, admin, "ADMIN")
    other.ok("PATCH", f"organizations/{admin.org['id']}/", {"name": "By one who leaves"})
    reply = other.delete("auth/me/", json={"password": other.password})
    assert reply.status_code == 204, reply.text
    entry = trail(admin, admin.org["id"], action="organization.updated")["results"][0]
    assert entry["actor"] == {"type": "user", "id": other.user["id"], "email": other.email}
