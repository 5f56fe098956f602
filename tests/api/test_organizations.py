"""Organizations: list, create, read, change; choosing one for a request."""

import threading

import pytest

from saastest import Api, Person, seed
from saastest.client import PASSWORD, invite_token

STRIPE = {"stripe_customer_id", "stripe_subscription_id", "stripe_status"}


def test_the_list_holds_mine_with_my_role(site, bob):
    person = site.newcomer(organization="Own One")
    second = person.ok("POST", "organizations/", {"name": "Second"})
    seed.member(site.database, bob.org["id"], person.user["id"], "VIEWER")
    body = person.ok("GET", "organizations/")
    assert body["count"] == 3 and body["next"] is None and body["previous"] is None
    roles = {o["id"]: o["role"] for o in body["results"]}
    assert roles == {person.org["id"]: "ADMIN", second["id"]: "ADMIN", bob.org["id"]: "VIEWER"}


def test_create_makes_the_caller_admin(site, person):
    reply = person.post("organizations/", {"name": "Über Org / 2", "slug": "uber-two"})
    assert reply.status_code == 201
    org = reply.json()
    assert org["name"] == "Über Org / 2" and org["slug"] == "uber-two" and org["role"] == "ADMIN"
    assert org["subscription_status"] == "free" and org["has_active_subscription"] is False
    assert person.ok("GET", f"organizations/{org['id']}/")["id"] == org["id"]


def test_detail_has_the_fields_of_the_contract(person):
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert {"id", "name", "slug", "role", "members", "subscription_status", "has_active_subscription",
            "subscription_started_at", "subscription_ends_at"} | STRIPE <= set(org)
    assert org["members"] == 1 and org["subscription_started_at"] is None and org["subscription_ends_at"] is None


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_stripes_ids_are_for_admins(person, role):
    org = person.as_token(role=role).ok("GET", f"organizations/{person.org['id']}/")
    assert not STRIPE & set(org)


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": "   "}, "name"), ({"name": None}, "name"), ({"name": 5}, "name"),
    ({"name": ["x"]}, "name"), ({"name": "x" * 3000}, "name"), ({"name": "ok", "slug": "No Spaces Allowed"}, "slug"),
    ({"name": "ok", "slug": "-"}, "slug"), ({"name": "ok", "slug": 9}, "slug"), ({"name": "ok", "slug": "x" * 500}, "slug"),
])
def test_create_refuses_bad_input(person, body, field):
    before = person.ok("GET", "organizations/")["count"]
    reply = person.post("organizations/", body)
    assert reply.status_code == 400, reply.text
    assert list(reply.json()) == [field]
    assert person.ok("GET", "organizations/")["count"] == before


def test_a_taken_slug_is_a_field_error_and_names_get_free_slugs(site, person, bob):
    taken = person.ok("GET", f"organizations/{person.org['id']}/")["slug"]
    reply = bob.post("organizations/", {"name": "Copy", "slug": taken})
    assert reply.status_code == 400 and list(reply.json()) == ["slug"]
    a = person.ok("POST", "organizations/", {"name": "Same Name"})
    b = bob.ok("POST", "organizations/", {"name": "Same Name"})
    assert a["slug"] != b["slug"]


def test_eight_at_once_with_one_name_get_eight_slugs(person):
    replies = []

    def go():
        replies.append(person.post("organizations/", {"name": "Racing Team"}))

    threads = [threading.Thread(target=go) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [r.status_code for r in replies] == [201] * 8, [r.text for r in replies]
    assert len({r.json()["slug"] for r in replies}) == 8


def test_patch_is_partial_and_put_replaces(person):
    url = f"organizations/{person.org['id']}/"
    before = person.ok("GET", url)
    assert person.ok("PATCH", url, {"name": "Patched"})["slug"] == before["slug"]
    assert person.ok("GET", url)["name"] == "Patched"
    assert person.ok("PATCH", url, {})["name"] == "Patched"
    missing = person.put(url, {})
    assert missing.status_code == 400 and missing.json()["name"] == ["This field is required."]
    changed = person.ok("PUT", url, {"name": "Put", "slug": "put-" + before["slug"][-8:]})
    assert changed["name"] == "Put" and changed["slug"].startswith("put-")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_read_only_and_unknown_fields_are_ignored(person, method):
    url = f"organizations/{person.org['id']}/"
    before = person.ok("GET", url)
    body = {"name": before["name"], "slug": before["slug"], "id": "01890000-0000-7000-8000-000000000000", "role": "VIEWER", "subscription_status": "active",
            "has_active_subscription": True, "subscription_ends_at": None, "stripe_customer_id": "cus_x", "members": 9, "colour": "blue"}
    assert person.call(method, url, body).status_code == 200
    after = person.ok("GET", url)
    assert {k: v for k, v in after.items() if k != "updated_at"} == {k: v for k, v in before.items() if k != "updated_at"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_only_an_admin_changes_it(person, method, role):
    url = f"organizations/{person.org['id']}/"
    reply = person.as_token(role=role).call(method, url, {"name": "Hijacked"})
    assert reply.status_code == 403
    assert reply.json() == {"detail": "You do not have permission to perform this action.", "code": "permission_denied"}
    assert person.ok("GET", url)["name"] != "Hijacked"


@pytest.mark.parametrize("how", ["header id", "header slug", "query id", "query slug"])
def test_choosing_an_organization(site, person, how):
    second = person.ok("POST", "organizations/", {"name": "Chosen"})
    audit = seed.audit(site.database, second["id"])
    value = second["slug"] if how.endswith("slug") else second["id"]
    if how.startswith("header"):
        body = person.ok("GET", "audits/", headers={"X-Organization-ID": value})
    else:
        body = person.ok("GET", "audits/", params={"organization": value})
    assert [a["id"] for a in body["results"]] == [audit]
    assert person.ok("GET", "audits/", headers={"X-Organization-ID": person.org["id"]})["count"] == 0


def test_a_sole_organization_needs_no_choice(person):
    assert person.ok("GET", "audits/")["count"] == 0


def test_several_and_none_chosen_lists_them(site, bob):
    person = site.newcomer()
    seed.member(site.database, bob.org["id"], person.user["id"], "MEMBER")
    site.database.execute("UPDATE users SET default_org_id = NULL WHERE id = ?", person.user["id"])
    seed.change_counts()
    reply = person.get("audits/")
    assert reply.status_code == 400
    for org in person.ok("GET", "organizations/")["results"]:
        assert org["id"] in reply.text or org["slug"] in reply.text


def test_the_default_organization_is_meant_unless_the_token_has_one_or_it_is_gone(site, person):
    """Each organization has one audit more than the one before, which tells which of them was meant."""
    orgs = [person.org["id"]] + [person.ok("POST", "organizations/", {"name": f"Number {n}"})["id"] for n in (1, 2)]
    for number, org in enumerate(orgs):
        for _ in range(number):
            seed.audit(site.database, org)
    bound, free = person.as_token(organization=orgs[1]), Api(site.base, token=person.new_token()["token"])

    def meant(api):
        reply = api.get("audits/")
        return reply.json()["count"] if reply.status_code == 200 else reply.json()["code"]

    person.ok("PATCH", "auth/me/", {"default_organization": None})
    assert [meant(api) for api in (person, free, bound)] == ["organization_required", "organization_required", 1]
    person.ok("PATCH", "auth/me/", {"default_organization": orgs[2]})
    assert [meant(api) for api in (person, free, bound)] == [2, 2, 1]

    def delete(org):
        site.database.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", seed.now(), org)
        seed.change_counts()

    delete(orgs[2])
    assert [meant(api) for api in (person, free, bound)] == ["organization_required", "organization_required", 1]
    delete(orgs[0])
    assert [meant(api) for api in (person, free, bound)] == [1, 1, 1], "one is left, and is not the default"
    delete(orgs[1])
    assert [meant(api) for api in (person, free)] == ["not_found", "not_found"]


def test_the_first_organization_is_the_default_until_its_user_says_otherwise(site, person, bob):
    """A program of one organization goes on working when its user founds or joins a second one."""
    default = lambda who: who.ok("GET", "auth/me/")["default_organization"]
    assert default(person) == person.org["id"]
    before, token = person.ok("GET", "audits/"), Api(site.base, token=person.new_token()["token"])
    second = person.ok("POST", "organizations/", {"name": "Second"})["id"]
    made = bob.ok("POST", f"organizations/{bob.org['id']}/invites/", {"email": person.email, "role": "MEMBER"})
    person.ok("POST", "invites/accept/", {"token": invite_token(made)})
    assert person.ok("GET", "audits/") == before and token.ok("GET", "audits/") == before and default(person) == person.org["id"]
    person.ok("PATCH", "auth/me/", {"default_organization": second})
    person.ok("POST", "organizations/", {"name": "Third"})
    assert default(person) == second
    person.ok("PATCH", "auth/me/", {"default_organization": None})
    person.ok("POST", "organizations/", {"name": "Fourth"})
    assert default(person) is None and person.get("audits/").json()["code"] == "organization_required"


def test_who_joins_by_an_invite_has_that_one(site, bob):
    guest = Person(site.base, register=False)
    made = bob.ok("POST", f"organizations/{bob.org['id']}/invites/", {"email": guest.email, "role": "VIEWER"})
    guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": invite_token(made)})
    guest.ok("POST", "organizations/", {"name": "My own"})
    assert guest.ok("GET", "auth/me/")["default_organization"] == bob.org["id"]


def test_put_wants_what_post_wants(person):
    url = f"organizations/{person.org['id']}/"
    before = person.ok("GET", url)
    changed = person.ok("PUT", url, {"name": "New name"})
    assert changed["name"] == "New name" and changed == {**before, "name": "New name"}
    assert person.put(url, {"slug": before["slug"]}).json() == {"name": ["This field is required."]}
    assert person.put(url, {"name": "Newer", "slug": None}).status_code == 400
    assert person.ok("GET", url) == changed


@pytest.mark.parametrize("value", ["foreign", "missing", "no such slug", "../../etc", "' OR 1=1 --", "%00", "x" * 3000])
def test_an_organization_that_is_not_mine_looks_missing(person, bob, value):
    chosen = {"foreign": bob.org["id"], "missing": "01890000-0000-7000-8000-000000000000"}.get(value, value)
    reply = person.get("audits/", headers={"X-Organization-ID": chosen})
    assert reply.status_code == 404
    assert reply.json() == {"detail": "Not found.", "code": "not_found"}


def test_a_body_never_chooses_the_organization(site, person):
    other = site.newcomer()
    key = other.org["id"]
    reply = person.post("audits/start/", {"targets": ["http://127.0.0.1:1/"], "organization": key, "org_id": key, "id": key})
    assert reply.status_code == 202
    assert other.ok("GET", "audits/")["count"] == 0
    person.post(f"audits/{reply.json()['id']}/cancel/")


def test_a_tokens_organization_is_its_choice(site, person, bob):
    second = person.ok("POST", "organizations/", {"name": "Token's"})
    audit = seed.audit(site.database, second["id"])
    api = person.as_token(organization=second["id"])
    assert [a["id"] for a in api.ok("GET", "audits/")["results"]] == [audit]
    # Bound to one organization it does not reach another one, its owner's own included.
    assert api.get("audits/", headers={"X-Organization-ID": person.org["id"]}).status_code == 404
    assert api.get(f"organizations/{person.org['id']}/").status_code == 404


def test_a_member_removed_elsewhere_is_out_within_the_feeds_bound(site):
    person, bob = site.newcomer(), site.newcomer()
    seed.member(site.database, bob.org["id"], person.user["id"], "MEMBER")
    assert person.get(f"organizations/{bob.org['id']}/").status_code == 200
    assert bob.ok("GET", f"organizations/{bob.org['id']}/")["members"] == 2
    seed.remove_member(site.database, bob.org["id"], person.user["id"])
    seed.change_counts()
    assert person.get(f"organizations/{bob.org['id']}/").status_code == 404
    assert Api(site.base).get(f"organizations/{bob.org['id']}/").status_code == 401


def test_paging_of_the_list(site):
    person = site.newcomer()
    for n in range(4):
        person.ok("POST", "organizations/", {"name": f"Page {n}"})
    first = person.ok("GET", "organizations/", params={"page_size": 2, "keep": "me & you"})
    assert first["count"] == 5 and len(first["results"]) == 2 and first["previous"] is None
    assert first["next"].startswith(site.base + "/api/v1/organizations/?") and "keep=me" in first["next"]
    second = person.ok("GET", first["next"])
    third = person.ok("GET", second["next"])
    assert third["next"] is None and second["previous"]
    ids = [o["id"] for page in (first, second, third) for o in page["results"]]
    assert len(ids) == len(set(ids)) == 5
    assert person.ok("GET", second["previous"])["results"] == first["results"]
    past = person.get("organizations/", params={"page_size": 2, "page": 4})
    assert past.status_code == 404 and past.json()["detail"] == "Invalid page."


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page_size=0", "page_size=x", "page_size=-5",
                                   "page=99999999999999999999", "page=1.5"])
def test_bad_paging_is_refused(person, query):
    assert person.get(f"organizations/?{query}").status_code in (400, 404)


def test_page_size_is_capped_at_200(person):
    reply = person.get("organizations/?page_size=100000")
    assert reply.status_code in (200, 400)
