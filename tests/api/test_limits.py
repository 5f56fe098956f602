"""Limits of plans: decided by the database in the transaction of the write, whoever else writes; what is used of them is
told, and what is rolled back, or was there already, is not used."""

import datetime
import secrets
import threading
import time

import pytest

from saastest import Api, Httpd, Places, Site, seed, stripe
from saastest.client import PASSWORD, invite_token
from saastest.site import MOUNTS
from test_invites import address, expire, invite
from test_invites import path as invite_path
from test_members import join, members, together

# Nothing is to run, so that audits stay as they were started; and plans are changed behind the server's back.
SITE_STRIPE = False
SITE_CONF = """
SaasStripePrice price_pro price_open
SaasJobThreads 0
SaasCacheSize 0
SaasPlan free limit.members=3 limit.audits=2/day limit.targets=2
SaasPlan pro price_pro limit.members=5 limit.audits=6/month limit.targets=3
SaasPlan none price_none limit.members=0 limit.audits=0/month limit.targets=0
SaasPlan most price_most limit.members=1000000000000000000 limit.audits=1000000000000000000/month
SaasPlan open price_open
"""
TARGET = "http://127.0.0.1:9/"
UTC = datetime.timezone.utc


def subscribe(site, person, plan, status="active"):
    """The organization pays for a plan, or has the free one."""
    site.database.execute("UPDATE organizations SET subscription_status = ?, subscription_price = ? WHERE id = ?",
                          *(("free", None) if plan == "free" else (status, f"price_{plan}")), person.org["id"])
    return person


def start(person, targets=1, key=None, base=None):
    headers = {"Idempotency-Key": key} if key else {}
    return (base or person).post("audits/start/", {"targets": [f"{TARGET}{n}" for n in range(targets)]}, headers=headers)


def usage(person):
    body = person.ok("GET", "billing/usage/")
    return body["plan"], {limit["name"]: limit for limit in body["limits"]}


def used(person, name):
    return usage(person)[1][name]["used"]


def ends(per):
    """The first moment of the next day or month, as the API writes it."""
    today = datetime.datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    next = today + datetime.timedelta(days=1) if per == "day" else (today.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    return next.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def period(days_ago=0, length=10):
    return (datetime.datetime.now(UTC) - datetime.timedelta(days=days_ago)).strftime("%Y-%m-%d")[:length]


def last_month():
    return (datetime.datetime.now(UTC).replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m")


def reached(reply, name, limit, used, per=None):
    assert reply.status_code == 403, reply.text
    # A test that runs over midnight sees the end of either day.
    resets = ends(per) if per else None
    assert reply.json() == {"detail": f"The plan allows no more: its limit of {name}{f' a {per}' if per else ''} is {limit}.", "code": "limit_reached",
                            "name": name, "limit": limit, "used": used, "resets_at": resets}


def count(site, table, person):
    return site.database.execute(f"SELECT count(*) FROM {table} WHERE org_id = ?", person.org["id"])[0][0]


def rows(site, person, name="audits"):
    return dict(site.database.execute("SELECT period, used FROM usage WHERE org_id = ? AND name = ?", person.org["id"], name))


# ---------------------------------------------------------------- races --

def test_of_audits_that_are_started_at_once_as_many_as_the_plan_has_are(site, person):
    subscribe(site, person, "pro")
    callers = [Api(site.base, token=person.new_token(organization=person.org["id"])["token"]) for _ in range(16)]
    replies = together(*[lambda api=api: start(api) for api in callers])
    assert sorted(r.status_code for r in replies) == [202] * 6 + [403] * 10
    for reply in replies:
        if reply.status_code == 403:
            reached(reply, "audits", 6, 6, "month")
    assert person.ok("GET", "audits/")["count"] == 6 and count(site, "audits", person) == 6
    assert rows(site, person)[period(length=7)] == 6
    assert len(site.database.execute("SELECT 1 FROM jobs WHERE kind = 'audit' AND organization_id = ?", person.org["id"])) == 6


@pytest.mark.long(30)
def test_of_guests_that_come_at_once_as_many_as_the_plan_has_room_for_come_in(site, person):
    """By both ways in: signed in, and by registering."""
    subscribe(site, person, "open")
    made = [invite(person, (guest := address())) | {"for": guest} for _ in range(4)]
    guests = [site.newcomer() for _ in range(8)]
    tokens = [invite_token(invite(person, guest.email)) for guest in guests]
    subscribe(site, person, "pro")
    replies = together(
        *[lambda guest=guest, token=token: guest.post("invites/accept/", {"token": token}) for guest, token in zip(guests, tokens, strict=True)],
        *[lambda one=one: Api(site.base).post("auth/register/", {"email": one["for"], "password": PASSWORD, "invite": invite_token(one)}) for one in made])
    came, stayed = [r for r in replies if r.status_code < 300], [r for r in replies if r.status_code >= 300]
    assert len(came) == 4 and len(stayed) == 8
    for reply in stayed:
        reached(reply, "members", 5, 5)
    assert members(person)["count"] == 5 == used(person, "members")
    # Who was turned away has no account, no membership, and an invite that is as good as before.
    for one, reply in zip(made, replies[8:], strict=True):
        there = site.database.execute("SELECT count(*) FROM users WHERE email = ?", one["for"])[0][0]
        assert there == (reply.status_code == 201)
    pending = person.ok("GET", f"organizations/{person.org['id']}/invites/", params={"state": "pending"})["count"]
    assert pending == 8


def waiting(connection):
    """How many sessions wait for another one's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


@pytest.mark.only_db("pgsql")
def test_who_waits_for_another_sees_what_the_other_has_done(site, person):
    """One place, two guests, and both have begun before either may decide."""
    subscribe(site, person, "open")
    guests = [site.newcomer() for _ in range(2)]
    tokens = [invite_token(invite(person, guest.email)) for guest in guests]
    [join(site, person) for _ in range(3)]
    subscribe(site, person, "pro")
    site.database.execute("INSERT INTO usage (org_id, name, period, used) VALUES (?, 'members', 'all', 0)", person.org["id"])
    lock, watch, got = site.database.connect(), site.database.connect(), []
    watch.autocommit = True
    try:
        lock.autocommit = False
        lock.cursor().execute("SELECT 1 FROM usage WHERE org_id = %s FOR UPDATE", (person.org["id"],))
        threads = [threading.Thread(target=lambda guest=guest, token=token: got.append(guest.post("invites/accept/", {"token": token})))
                   for guest, token in zip(guests, tokens, strict=True)]
        [thread.start() for thread in threads]
        for _ in range(600):
            if waiting(watch) == 2:
                break
            time.sleep(0.01)
        else:
            raise AssertionError("the two never waited")
        lock.rollback()
        [thread.join() for thread in threads]
    finally:
        lock.close()
        watch.close()
    assert sorted(reply.status_code for reply in got) == [200, 403]
    assert members(person)["count"] == 5


def test_of_invites_that_are_made_at_once_as_many_as_there_is_room_for_are(site, person):
    subscribe(site, person, "pro")
    where = f"organizations/{person.org['id']}/invites/"
    callers = [Api(site.base, token=person.new_token(organization=person.org["id"])["token"]) for _ in range(9)]
    replies = together(*[lambda api=api: api.post(where, {"email": address(), "role": "MEMBER"}) for api in callers])
    assert sorted(r.status_code for r in replies) == [201] * 4 + [403] * 5
    for reply in replies:
        if reply.status_code == 403:
            reached(reply, "members", 5, 5)
    assert person.ok("GET", where)["count"] == 4


# -------------------------------------------------------------- members --

def test_an_invite_takes_the_place_that_it_was_promised(site, person):
    subscribe(site, person, "pro")
    guests = [site.newcomer() for _ in range(4)]
    tokens = [invite_token(invite(person, guest.email)) for guest in guests]
    assert person.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "VIEWER"}).status_code == 403
    for guest, token in zip(guests, tokens, strict=True):
        assert guest.ok("POST", "invites/accept/", {"token": token})["joined"]
    reached(person.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "VIEWER"}), "members", 5, 5)
    # Somebody leaves, and there is room for one.
    person.ok("DELETE", f"organizations/{person.org['id']}/members/{guests[0].user['id']}/")
    made = invite(person)
    assert person.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "VIEWER"}).status_code == 403
    # Nor does an invite that is taken back, or has expired, keep its place; sent again, it needs one.
    expire(site, made)
    other = invite(person)
    reached(person.post(invite_path(person, made, "resend/"), {}), "members", 5, 5)
    person.ok("DELETE", invite_path(person, other))
    person.ok("POST", invite_path(person, made, "resend/"), {})
    person.ok("POST", invite_path(person, made, "resend/"), {})


def test_who_is_a_member_already_needs_no_place(site, person):
    subscribe(site, person, "open")
    guest = site.newcomer()
    made = invite(person, guest.email)
    seed.member(site.database, person.org["id"], guest.user["id"], "VIEWER")
    subscribe(site, person, "none")
    assert guest.ok("POST", "invites/accept/", {"token": invite_token(made)})["joined"] is False


def test_less_of_a_plan_takes_nobody_away_and_lets_nobody_in(site, person):
    subscribe(site, person, "open")
    others = [join(site, person) for _ in range(3)]
    guest, late = site.newcomer(), site.newcomer()
    tokens = [invite_token(invite(person, somebody.email)) for somebody in (guest, late)]
    subscribe(site, person, "free")
    assert members(person)["count"] == 4 and used(person, "members") == 4
    for _ in range(2):
        reached(guest.post("invites/accept/", {"token": tokens[0]}), "members", 3, 4)
    reached(person.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "MEMBER"}), "members", 3, 6)
    assert others[0].ok("GET", f"organizations/{person.org['id']}/")["id"] == person.org["id"]
    for other in others[:2]:
        person.ok("DELETE", f"organizations/{person.org['id']}/members/{other.user['id']}/")
    # Two of three: one may come, whatever is promised besides.
    assert guest.ok("POST", "invites/accept/", {"token": tokens[0]})["joined"]
    reached(late.post("invites/accept/", {"token": tokens[1]}), "members", 3, 3)
    subscribe(site, person, "pro")
    assert late.ok("POST", "invites/accept/", {"token": tokens[1]})["joined"]


def test_none_at_all(site, person):
    subscribe(site, person, "none")
    reached(person.post(f"organizations/{person.org['id']}/invites/", {"email": address(), "role": "MEMBER"}), "members", 0, 1)
    reached(start(person), "targets", 0, 1)
    assert count(site, "audits", person) == 0 and rows(site, person) == {}
    # Nobody needs room in an organization of their own.
    assert Api(site.base).post("auth/register/", {"email": address(), "password": PASSWORD}).status_code == 201
    assert person.ok("POST", "organizations/", {"name": "Another"})["role"] == "ADMIN"


def test_the_plan_is_that_of_the_organization_that_is_joined(site, person):
    guest = subscribe(site, site.newcomer(), "none")
    subscribe(site, person, "pro")
    made = invite(person, guest.email)
    assert guest.ok("POST", "invites/accept/", {"token": invite_token(made)})["joined"]


@pytest.mark.parametrize("status, ends_at", [("expired", None), ("canceled", None), ("active", "2026-01-01T00:00:00.000000Z")])
def test_who_has_no_access_any_more_has_the_free_plan(site, person, status, ends_at):
    subscribe(site, person, "open", status)
    site.database.execute("UPDATE organizations SET subscription_ends_at = ? WHERE id = ?", ends_at, person.org["id"])
    assert usage(person)[0] == "free"
    [join(site, person) for _ in range(2)]
    guest = site.newcomer()
    reached(person.post(f"organizations/{person.org['id']}/invites/", {"email": guest.email, "role": "MEMBER"}), "members", 3, 3)
    key = seed.uuid7()
    site.database.execute("INSERT INTO invites (org_id, id, email, email_key, role, hash, invited_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          person.org["id"], key, guest.email, guest.email, "MEMBER", "0" * 64, person.user["id"], seed.now(), "2099-01-01T00:00:00Z")
    token = invite_token(person.ok("POST", f"organizations/{person.org['id']}/invites/{key}/resend/", {}))
    reached(guest.post("invites/accept/", {"token": token}), "members", 3, 3)


# --------------------------------------------------------------- audits --

def test_each_day_anew(site, person):
    assert [start(person).status_code for _ in range(3)] == [202, 202, 403]
    reached(start(person), "audits", 2, 2, "day")
    site.database.execute("UPDATE usage SET period = ? WHERE org_id = ? AND period = ?", period(1), person.org["id"], period())
    assert [start(person).status_code for _ in range(3)] == [202, 202, 403]
    # The day that is over is forgotten, the month is not.
    assert rows(site, person) == {period(): 2, period(length=7): 4}


def test_each_month_anew(site, person):
    subscribe(site, person, "pro")
    site.database.execute("INSERT INTO usage (org_id, name, period, used, most) VALUES (?, 'audits', ?, 6, 6)", person.org["id"], last_month())
    assert used(person, "audits") == 0
    assert [start(person).status_code for _ in range(7)] == [202] * 6 + [403]
    assert rows(site, person)[last_month()] == 6
    site.database.execute("UPDATE usage SET period = '2020-01' WHERE org_id = ? AND period = ?", person.org["id"], period(length=7))
    assert used(person, "audits") == 0 and start(person).status_code == 202 and used(person, "audits") == 1


def test_another_plan_in_the_middle_of_a_month_finds_what_was_used(site, person):
    assert [start(person).status_code for _ in range(2)] == [202, 202]
    subscribe(site, person, "open")
    assert start(person).status_code == 202 and used(person, "audits") == 3
    subscribe(site, person, "pro")
    assert [start(person).status_code for _ in range(4)] == [202] * 3 + [403]
    # Less: nothing is taken away, nothing more is let in, and the plan before lets in again.
    subscribe(site, person, "free")
    reached(start(person), "audits", 2, 6, "day")
    assert person.ok("GET", "audits/")["count"] == 6
    subscribe(site, person, "open")
    assert start(person).status_code == 202 and used(person, "audits") == 7
    subscribe(site, person, "pro")
    reached(start(person), "audits", 6, 7, "month")
    assert usage(person)[1]["audits"] == {"name": "audits", "limit": 6, "used": 7, "per": "month", "resets_at": ends("month")}


def test_what_was_there_already_takes_nothing(site, person):
    key = secrets.token_hex(8)
    first = start(person, key=key).json()
    assert start(person).status_code == 202
    again = start(person, key=key)
    assert again.status_code == 202 and again.json()["id"] == first["id"]
    assert used(person, "audits") == 2
    # Nor is it asked whether the plan would allow it.
    subscribe(site, person, "none")
    assert start(person, key=key).json()["id"] == first["id"]
    reached(start(person, key=secrets.token_hex(8)), "targets", 0, 1)
    subscribe(site, person, "pro")
    callers = [Api(site.base, token=person.new_token(organization=person.org["id"])["token"]) for _ in range(8)]
    key = secrets.token_hex(8)
    replies = together(*[lambda api=api: start(api, key=key) for api in callers])
    assert {r.status_code for r in replies} == {202} and len({r.json()["id"] for r in replies}) == 1
    assert used(person, "audits") == 3


def test_what_is_rolled_back_is_not_taken(site, person):
    subscribe(site, person, "pro")
    assert start(person).status_code == 202
    before = rows(site, person)
    reached(start(person, targets=4), "targets", 3, 4)
    assert rows(site, person) == before and count(site, "audits", person) == 1
    site.database.execute("UPDATE usage SET used = 6 WHERE org_id = ? AND period = ?", person.org["id"], period(length=7))
    reached(start(person, key="refused"), "audits", 6, 6, "month")
    assert rows(site, person) == {**before, period(length=7): 6} and count(site, "audits", person) == 1
    # Nothing of it is left in the trail or the queue, and the key is free.
    assert len(person.ok("GET", f"organizations/{person.org['id']}/activity/", params={"action": "audit.started"})["results"]) == 1
    subscribe(site, person, "open")
    assert start(person, key="refused").status_code == 202


def test_what_has_ended_was_begun(site, person):
    first, second = start(person).json(), start(person).json()
    person.ok("POST", f"audits/{first['id']}/cancel/", {})
    site.database.execute("UPDATE audits SET status = 'failed' WHERE id = ?", second["id"])
    person.ok("DELETE", f"audits/{first['id']}/")
    person.ok("DELETE", f"audits/{second['id']}/")
    reached(start(person), "audits", 2, 2, "day")


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS1105", "SAAS1401")
def test_another_check_than_the_limits_is_a_failure_as_ever(site, person):
    site.database.execute("ALTER TABLE audits ADD CONSTRAINT others CHECK (name <> 'refused') NOT VALID")
    try:
        reply = person.post("audits/start/", {"targets": [TARGET], "name": "refused"})
    finally:
        site.database.execute("ALTER TABLE audits DROP CONSTRAINT others")
    assert reply.status_code == 500 and reply.json()["code"] == "error"


def test_the_largest_limit_is_a_limit_like_any_other(site, person):
    subscribe(site, person, "most")
    assert start(person, targets=20).status_code == 202
    site.database.execute("UPDATE usage SET used = ? WHERE org_id = ? AND period = ?", 10**18 - 1, person.org["id"], period(length=7))
    assert start(person).status_code == 202
    reached(start(person), "audits", 10**18, 10**18, "month")
    assert invite(person)["state"] == "pending"


def test_a_plan_that_is_bought_changed_and_lost_at_stripe_is_the_limit_that_counts(site, person):
    assert [start(person).status_code for _ in range(3)] == [202, 202, 403]
    story = stripe.Story(person.org["id"], "price_pro")
    assert site.deliver(story.updated("active", at=1)).status_code == 200
    assert usage(person)[0] == "pro"
    assert [start(person).status_code for _ in range(5)] == [202] * 4 + [403]
    story.price = "price_open"
    assert site.deliver(story.updated("active", at=2)).status_code == 200
    assert start(person, targets=9).status_code == 202
    assert site.deliver(story.deleted(at=3)).status_code == 200
    reached(start(person), "audits", 2, 7, "day")


def test_who_has_no_plan_has_not_more_than_the_lowest_that_is_sold(site, person):
    """Another node's configuration, without a plan that is free."""
    places = Places()
    other = Site(site.database, places=places, conf="SaasJobThreads 0\nSaasCacheSize 0\nSaasPlan pro price_pro limit.audits=1/month\n"
                 "SaasPlan more price_more limit.audits=9/month limit.members=2\n", with_stripe=False)
    try:
        other.start()
        api = Api(other.base, token=person.new_token(organization=person.org["id"])["token"])
        assert [start(api).status_code for _ in range(2)] == [202, 403]
        plan, limits = usage(api)
        assert plan is None and (limits["audits"]["limit"], limits["members"]["limit"], limits["targets"]["limit"]) == (1, 2, None)
        subscribe(site, person, "pro")
        assert usage(api)[1]["members"]["limit"] is None
    finally:
        other.httpd.stop()
        places.close()


# ---------------------------------------------------------------- usage --

def test_usage_is_what_was_done(site, person):
    empty = {"audits": {"name": "audits", "limit": 2, "used": 0, "per": "day", "resets_at": ends("day")},
             "members": {"name": "members", "limit": 3, "used": 1, "per": None, "resets_at": None},
             "schedules": {"name": "schedules", "limit": None, "used": 0, "per": None, "resets_at": None},
             "targets": {"name": "targets", "limit": 2, "used": None, "per": None, "resets_at": None}}
    assert usage(person) == ("free", empty)
    subscribe(site, person, "open")
    viewer = join(site, person, "VIEWER")
    invite(person)
    assert [start(person, targets=n).status_code for n in (1, 9)] == [202, 202]
    plan, limits = usage(Api(site.base, token=viewer.new_token(organization=person.org["id"])["token"]))
    assert plan == "open" and limits == {
        "audits": {"name": "audits", "limit": None, "used": 2, "per": "month", "resets_at": ends("month")},
        "members": {"name": "members", "limit": None, "used": 2, "per": None, "resets_at": None},
        "schedules": {"name": "schedules", "limit": None, "used": 0, "per": None, "resets_at": None},
        "targets": {"name": "targets", "limit": None, "used": None, "per": None, "resets_at": None}}
    subscribe(site, person, "pro")
    plan, limits = usage(person)
    assert plan == "pro" and limits["audits"]["limit"] == 6 and limits["members"]["limit"] == 5 and limits["targets"]["limit"] == 3
    assert usage(site.newcomer()) == ("free", empty), "another organization's is its own"
    assert site.newcomer().get("billing/usage/", headers={"X-Organization-ID": person.org["id"]}).status_code == 404


# --------------------------------------------------------- configuration --

@pytest.mark.parametrize("lines, words", [
    ("SaasPlan pro price_a limit.seats=25", ["SaasPlan pro", "limit.seats", "audits, targets, schedules, members"]),
    ("SaasPlan pro price_a limit.members=25/month", ["limit.members", "/month"]),
    ("SaasPlan pro price_a limit.targets=25/day", ["limit.targets", "/day"]),
    ("SaasPlan pro price_a limit.audits=25", ["limit.audits", "/day or /month"]),
    ("SaasPlan pro price_a limit.audits=25/week", ["limit.audits", "/day or /month"]),
    ("SaasPlan free limit.audits=1/day\nSaasPlan pro price_a limit.audits=25", ["SaasPlan pro", "limit.audits"]),
    ("SaasPlan pro price_a limit.members=1000000000000000001", ["limit.members", "1000000000000000000"]),
    ("SaasPlan pro price_a limit.members=-1", ["limit.members"]),
    ("SaasPlan pro price_a limit.members=", ["limit.members"]),
    ("SaasPlan pro price_a limit.members", ["limit.members"]),
    ("SaasPlan pro price_a limit.=5", ["is no name"]),
    ("SaasPlan pro price_a limit.members=5 limit.members=5", ["limit.members", "twice"]),
])
@pytest.mark.only_db("sqlite")
def test_limits_that_nobody_can_keep_are_refused_at_configtest(places, lines, words):
    server = Httpd(places=places)
    status, said = server.configtest(f'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n{MOUNTS}{lines}\n')
    server.close()
    assert status != 0, said
    for word in words:
        assert word in said, said
