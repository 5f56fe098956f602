"""The end of an organization and of an account: gone at once, cleared away in the background, paid for no longer."""

import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from saastest import Api, TargetServer, seed
from saastest.client import invite_token
from test_members import join, together, trail

pytestmark = pytest.mark.long(40)
PLACES = ("memberships", "invites", "activity", "audits", "evidence", "subscriptions", "checkout_sessions", "notify_endpoints", "notify_deliveries")


def until(condition, seconds=60):
    """Waits for what a background job does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come to pass"
        time.sleep(0.05)


def left(site, org):
    """Rows that are left of an organization, by table."""
    found = {t: site.database.execute(f"SELECT count(*) FROM {t} WHERE org_id = ?", org)[0][0] for t in PLACES}
    found["organizations"] = site.database.execute("SELECT count(*) FROM organizations WHERE id = ?", org)[0][0]
    found["tokens"] = site.database.execute("SELECT count(*) FROM tokens WHERE organization_id = ?", org)[0][0]
    return {t: n for t, n in found.items() if n}


def jobs(site):
    return site.database.execute("SELECT kind, state, error FROM jobs WHERE kind IN ('organization.purge', 'stripe.cancel')")


def settled(site, org):
    return not left(site, org) and not jobs(site)


def test_gone_at_once_for_everybody(site, person):
    org, slug = person.org["id"], person.ok("GET", f"organizations/{person.org['id']}/")["slug"]
    member, token = join(site, person), person.as_token()
    made = person.ok("POST", f"organizations/{org}/invites/", {"email": "guest@example.test", "role": "VIEWER"})
    person.ok("PATCH", "auth/me/", {"default_organization": org})
    assert person.delete(f"organizations/{org}/").status_code == 204
    for api in (person, member):
        for path in (f"organizations/{org}/", f"organizations/{slug}/", f"organizations/{org}/members/"):
            reply = api.get(path)
            assert reply.status_code == 404 and reply.json() == {"detail": "Not found.", "code": "not_found"}
        assert org not in str(api.ok("GET", "organizations/")) and org not in str(api.ok("GET", "auth/me/"))
    assert token.get(f"organizations/{org}/").status_code in (401, 404)
    assert site.nobody().get("invites/" + invite_token(made) + "/").status_code == 404
    assert person.delete(f"organizations/{org}/").status_code == 404
    assert person.ok("POST", "organizations/", {"name": "Again", "slug": slug})["slug"] == slug
    until(lambda: settled(site, org))
    assert token.get("auth/me/").status_code == 401
    assert org not in str(site.database.execute("SELECT default_org_id FROM users WHERE id = ?", person.user["id"]))


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_only_an_admin_deletes_it(site, person, role):
    other = join(site, person, role)
    assert other.delete(f"organizations/{person.org['id']}/").status_code == 403
    assert site.newcomer().delete(f"organizations/{person.org['id']}/").status_code == 404
    assert person.get(f"organizations/{person.org['id']}/").status_code == 200


def test_all_of_it_is_purged_and_nothing_of_others(site, person, bob):
    org = person.org["id"]
    for n in range(3):
        seed.large_audit(site.database, org, 3000)
    kept = seed.audit(site.database, bob.org["id"], [("r", "c", "PASS", "low", "x")])
    for its, count in ((org, 2500), (bob.org["id"], 1)):
        seed.endpoint(site.database, its, "https://example.com/", quiet_until="2036-01-01T00:00:00.000000Z")
        seed.activity(site.database, its, count=count)
    before = left(site, bob.org["id"])
    join(site, person), person.as_token(), person.ok("POST", f"organizations/{org}/invites/", {"email": "a@example.test", "role": "VIEWER"})
    assert left(site, org)["evidence"] == 9000 and left(site, org)["notify_deliveries"] >= 2500
    assert person.delete(f"organizations/{org}/").status_code == 204
    until(lambda: settled(site, org))
    assert left(site, bob.org["id"]) == before and bob.get(f"audits/{kept}/").status_code == 200
    assert site.database.execute("SELECT count(*) FROM user_organizations WHERE org_id = ?", org) == [(0,)]


def test_a_running_audit_ends(site, person):
    with TargetServer(seconds=2) as target:
        audit = person.ok("POST", "audits/start/", {"targets": [target.url]})["id"]
        until(lambda: person.ok("GET", f"audits/{audit}/")["status"] == "running")
        assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
        until(lambda: settled(site, person.org["id"]))
    until(lambda: site.database.execute("SELECT count(*) FROM jobs WHERE object_id = ?", audit) == [(0,)])
    assert left(site, person.org["id"]) == {}


def deletes(site, since):
    return [r["path"] for r in site.sandbox.requests()[since:] if r["method"] == "DELETE" or r["path"].endswith("/expire")]


def test_its_subscription_is_canceled_at_stripe(site, person):
    org = site.pay(person)
    since = len(site.sandbox.requests())
    assert person.delete(f"organizations/{org['id']}/").status_code == 204
    until(lambda: settled(site, org["id"]))
    assert deletes(site, since) == [f"/v1/subscriptions/{org['stripe_subscription_id']}"]


def test_an_open_checkout_is_expired_and_one_that_was_paid_is_undone(site):
    for paid in (False, True):
        person = site.newcomer()
        session = person.ok("POST", "billing/checkout-session/", {})
        since = len(site.sandbox.requests())
        if paid:
            # The news of it does not arrive before the organization is gone.
            site.httpd.stop()
            assert site.sandbox.pay(session["checkout_url"]).status_code == 303
            site.httpd.start("\n".join(site.parts))
        assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
        until(lambda: settled(site, person.org["id"]))
        done = deletes(site, since)
        assert done[0] == f"/v1/checkout/sessions/{session['session_id']}/expire" or paid
        assert [p for p in done if p.startswith("/v1/subscriptions/")] != [] if paid else len(done) == 1


@pytest.mark.expects("SAAS1506", "SAAS1204")
def test_stripe_that_does_not_answer_is_asked_again(site, person):
    org = site.pay(person)
    path = f"/v1/subscriptions/{org['stripe_subscription_id']}"
    site.sandbox.fault("status", times=3, method="DELETE", path=path, status=500)
    since = len(site.sandbox.requests())
    try:
        assert person.delete(f"organizations/{org['id']}/").status_code == 204
        until(lambda: not left(site, org["id"]))
        until(lambda: jobs(site) == [], 60)
        assert len(deletes(site, since)) >= 4
    finally:
        site.sandbox.clear_faults()


@pytest.mark.expects("SAAS1506", "SAAS1204")
def test_an_open_checkout_is_expired_although_stripe_fails_at_first(site, person):
    session = person.ok("POST", "billing/checkout-session/", {})["session_id"]
    site.sandbox.fault("status", times=3, method="POST", path=f"/v1/checkout/sessions/{session}/expire", status=500)
    try:
        assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
        # Its next attempt is not waited for.
        again = "UPDATE jobs SET run_after = '2026-01-02T03:04:05.000000Z' WHERE kind = 'stripe.cancel' AND state = 'queued' AND attempts > 0"
        until(lambda: site.database.execute(again) is None or jobs(site) == [], 60)
        assert [s["status"] for s in site.sandbox.control("GET", "state")["sessions"] if s["id"] == session] == ["expired"]
    finally:
        site.sandbox.clear_faults()


def test_what_stripe_does_not_have_is_no_failure(site, person):
    org = site.pay(person)
    since = len(site.sandbox.requests())
    site.sandbox.fault("status", method="DELETE", path=f"/v1/subscriptions/{org['stripe_subscription_id']}", status=404,
                       body='{"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such subscription"}}')
    try:
        assert person.delete(f"organizations/{org['id']}/").status_code == 204
        until(lambda: settled(site, org["id"]))
        assert len(deletes(site, since)) == 1
    finally:
        site.sandbox.clear_faults()


def test_deleted_on_eight_connections_at_once(site, person):
    statuses = together(*[lambda: person.delete(f"organizations/{person.org['id']}/").status_code] * 8)
    assert sorted(statuses) == [204] + [404] * 7
    until(lambda: settled(site, person.org["id"]))


def test_deletion_races_work(site, person):
    """Members go on working while it is deleted: every answer is a success or 404, and nothing stays behind."""
    org, others = person.org["id"], [join(site, person, "ADMIN") for _ in range(5)]
    stop, seen = threading.Event(), set()

    def work(api, n):
        while not stop.is_set():
            seen.add(api.post(f"organizations/{org}/invites/", {"email": f"g{n}-{time.time_ns()}@example.test", "role": "VIEWER"}).status_code)
            seen.add(api.patch(f"organizations/{org}/", {"name": "Busy"}).status_code)

    threads = [threading.Thread(target=work, args=(api, n)) for n, api in enumerate(others)]
    [t.start() for t in threads]
    time.sleep(0.3)
    assert person.delete(f"organizations/{org}/").status_code == 204
    time.sleep(0.2)
    stop.set()
    [t.join() for t in threads]
    assert seen <= {200, 201, 404, 429}, seen
    until(lambda: settled(site, org))


# ------------------------------------------------------------------- accounts --

def forget(person, password=None):
    return person.delete("auth/me/", json={"password": password or person.password})


def test_an_account_and_its_own_organization_go(site):
    person = site.register()
    org, token = person.org["id"], Api(site.base, token=person.new_token()["token"])
    reply = forget(person)
    assert reply.status_code == 204 and "saas_session=;" in reply.headers["Set-Cookie"]
    assert person.get("auth/me/").status_code == 401 and token.get("auth/me/").status_code == 401
    login = Api(site.base).post("auth/login/", {"email": person.email, "password": person.password})
    assert login.status_code == 401
    until(lambda: settled(site, org))
    for table, column in (("users", "id"), ("sessions", "user_id"), ("tokens", "user_id"), ("user_organizations", "user_id")):
        assert site.database.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", person.user["id"]) == [(0,)], table
    assert site.register(email=person.email).user["id"] != person.user["id"]


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": "wrong"}, {"password": 5}])
def test_the_password_is_asked_for(site, person, body):
    reply = person.delete("auth/me/", json=body)
    assert reply.status_code == 400 and list(reply.json()) == ["password"]
    assert person.get("auth/me/").status_code == 200


def test_guessing_the_password_is_throttled(site):
    person = site.newcomer()
    statuses = [person.delete("auth/me/", json={"password": f"wrong {n}"}).status_code for n in range(11)]
    assert statuses == [400] * 10 + [429] and forget(person).status_code == 429


def test_the_last_admin_of_others_stays(site, person):
    member = join(site, person, "MEMBER")
    reply = forget(person)
    assert reply.status_code == 409 and reply.json()["code"] == "last_admin"
    assert [o["id"] for o in reply.json()["organizations"]] == [person.org["id"]]
    assert person.get(f"organizations/{person.org['id']}/").status_code == 200
    person.ok("PATCH", f"organizations/{person.org['id']}/members/{member.user['id']}/", {"role": "ADMIN"})
    assert forget(person).status_code == 204
    assert member.ok("GET", f"organizations/{person.org['id']}/")["members"] == 1
    entry = trail_of(member, person.org["id"], "member.left")
    assert entry["actor"]["email"] == person.email and entry["old"] == {"role": "ADMIN"} and entry["new"]["account_deleted"] is True


def trail_of(api, org, action):
    return api.ok("GET", f"organizations/{org}/activity/", params={"action": action})["results"][0]


def test_the_invites_they_sent_are_revoked(site, person):
    other = join(site, person, "ADMIN")
    made = other.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": "guest@example.test", "role": "VIEWER"})
    assert forget(other).status_code == 204
    invites = person.ok("GET", f"organizations/{person.org['id']}/invites/")["results"]
    assert [(i["id"], i["state"], i["invited_by"]["email"]) for i in invites] == [(made["id"], "revoked", None)]


def test_deleting_races_removal_and_acceptance(site, person):
    """Each takes the other's locks: whatever comes first, no answer is a failure and nothing is left half done."""
    for n in range(4):
        other, host = join(site, person, "ADMIN"), site.newcomer()
        made = host.ok("POST", f"organizations/{host.org['id']}/invites/", {"email": other.email, "role": "MEMBER"})
        other.ok("PATCH", "auth/me/", {"default_organization": person.org["id"]})
        token = invite_token(made)
        gone, removed, accepted = together(
            lambda: forget(other).status_code,
            lambda: person.delete(f"organizations/{person.org['id']}/members/{other.user['id']}/").status_code,
            lambda: other.post("invites/accept/", {"token": token}).status_code)
        assert gone == 204 and removed in (204, 404) and accepted in (200, 401), (gone, removed, accepted)
        for org in (person.org["id"], host.org["id"]):
            assert site.database.execute("SELECT count(*) FROM memberships WHERE org_id = ?", org) == [(1,)]


def test_admins_who_delete_their_accounts_at_once_leave_one(site):
    for _ in range(3):
        first = site.newcomer()
        crowd = [first] + [join(site, first, "ADMIN") for _ in range(3)]
        member = join(site, first, "MEMBER")
        statuses = together(*[lambda person=person: forget(person).status_code for person in crowd])
        assert sorted(statuses) == [204] * 3 + [409], statuses
        assert member.ok("GET", f"organizations/{first.org['id']}/")["members"] == 2


@pytest.mark.only_db("pgsql")
def test_the_trail_of_a_living_organization_cannot_be_purged(site):
    """The application may purge, but only what is deleted; and not with the role it has for tenants."""
    alice = site.register()
    connection = site.database.cluster.connect(site.database.name, site.database.cluster.APP)
    connection.autocommit = True
    count = len(trail(alice))
    assert count
    with connection.cursor() as cursor:
        for call in ("saas_purge_activity(%s, 1000)", "saas_purge_organization(%s)"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT {call}", (alice.org["id"],))
        cursor.execute("SET ROLE saas_system")
        for call in ("saas_purge_activity(%s, 1000)", "saas_purge_organization(%s)"):
            cursor.execute(f"SELECT {call}", (alice.org["id"],))
            assert cursor.fetchone() == (0,)
        for sql in ("DELETE FROM activity", "UPDATE activity SET action = 'x'", "DELETE FROM organizations"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(sql)
    connection.close()
    assert len(trail(alice)) == count
