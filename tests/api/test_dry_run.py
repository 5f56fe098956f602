"""`Prefer: dry-run`: whether a call would be allowed, told without making it; and the question who is logged in, if anybody."""

import pytest

from saastest import seed

DRY = {"Prefer": "dry-run"}


@pytest.fixture(scope="module")
def viewer(site, alice):
    somebody = site.newcomer()
    seed.member(site.database, alice.org["id"], somebody.user["id"], "VIEWER")
    return somebody


def asked(api, path, method="GET", **more):
    reply = api.call(method, path, headers={**DRY, **more.pop("headers", {})}, **more)
    assert reply.status_code == 200 and reply.headers["Preference-Applied"] == "dry-run", reply.text
    assert "Prefer" in reply.headers["Vary"]
    return reply.json()


def made(api, path, method="GET", **more):
    reply = api.call(method, path, **more)
    return {"allowed": False, "status": reply.status_code, **reply.json()}


def test_what_would_be_refused_is_told_as_the_refusal(site, alice, viewer):
    audit = seed.audit(site.database, alice.org["id"])
    other = seed.audit(site.database, site.newcomer().org["id"])
    invites = f"organizations/{alice.org['id']}/invites/"
    for api, path, method, status in ((site.nobody(), "auth/me/", "GET", 401), (alice, f"audits/{audit}/export/csv/", "GET", 403),
                                      (viewer, f"audits/{audit}/export/csv/", "GET", 403), (viewer, invites, "GET", 403),
                                      (alice, f"audits/{other}/", "GET", 404), (alice, f"audits/{seed.uuid7()}/", "GET", 404),
                                      (site.nobody(), f"audits/{audit}/", "GET", 401)):
        said = asked(api, path, method)
        assert said == made(api, path, method) and said["status"] == status, (path, said)


def test_a_feature_names_the_plans_that_have_it_or_the_route_s_words(alice, site):
    audit = seed.audit(site.database, alice.org["id"])
    assert asked(alice, f"audits/{audit}/export/csv/")["detail"] == "Upgrade to Premium to export data"


def test_what_would_be_done_is_not(site, alice):
    path = f"organizations/{alice.org['id']}/"
    assert asked(alice, path, "DELETE") == {"allowed": True}
    assert asked(alice, path, "PATCH", json={"name": "never"}) == {"allowed": True}
    assert asked(alice, "auth/tokens/", "POST", data=b"{ no json", headers={"Content-Type": "application/json"}) == {"allowed": True}
    assert asked(site.nobody(), "auth/login/", "POST", json={}) == {"allowed": True}
    assert alice.ok("GET", path)["name"] == alice.org["name"]
    assert alice.ok("GET", "auth/tokens/")["count"] == 0


def test_paths_and_methods_that_there_are_not_stay_what_they_are(alice):
    assert alice.get("no/such/", headers=DRY).status_code == 404
    assert alice.put("auth/me/", headers=DRY).status_code == 405
    assert alice.get("auth/me", headers=DRY).status_code == 308


def test_a_cookie_from_another_site_is_refused(alice):
    reply = alice.delete("auth/me/", headers={**DRY, "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"})
    assert (reply.status_code, reply.json()["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("prefer, applied", [("respond-async, dry-run", True), ("dry-run; wait=3", True), ("dry-runs", False), ("return=minimal", False)])
def test_it_is_one_preference_of_a_list(alice, prefer, applied):
    reply = alice.get("auth/me/", headers={"Prefer": prefer})
    assert reply.status_code == 200 and (reply.headers.get("Preference-Applied") == "dry-run") is applied
    assert ("allowed" in reply.json()) is applied


def test_who_is_logged_in(site, alice):
    assert alice.ok("GET", "auth/session/") == {"profile": alice.ok("GET", "auth/me/")}
    assert site.nobody().ok("GET", "auth/session/") == {"profile": None}


def test_a_credential_that_does_not_count_is_nobody(site):
    person = site.newcomer()
    token = person.new_token()
    api = person.as_token()
    assert api.ok("GET", "auth/session/")["profile"]["id"] == person.user["id"]
    assert type(api)(site.base, token=token["token"]).ok("GET", "auth/session/")["profile"]["id"] == person.user["id"]
    person.ok("DELETE", f"auth/tokens/{token['id']}/")
    assert type(api)(site.base, token=token["token"]).ok("GET", "auth/session/") == {"profile": None}
    person.post("auth/logout/")
    assert person.ok("GET", "auth/session/") == {"profile": None}
