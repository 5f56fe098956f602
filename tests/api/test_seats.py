"""Plans that are paid for each member: the quantity at Stripe follows the members, whoever changes either."""

import datetime

import pytest

from saastest.site import PRICE
from test_members import join, together
from test_news import PAST
from test_news import until as looked_for
from test_webhooks import until as soon

BY_SEAT = "price_test_by_seat"
SITE_CONF = f"""
SaasStripePrice {PRICE} {BY_SEAT}
SaasPlan pro {PRICE}
SaasPlan team {BY_SEAT} seats
"""


@pytest.fixture(scope="module", autouse=True)
def price(site):
    site.sandbox.control("POST", "prices", {"id": BY_SEAT, "amount": 900, "product": "Team"})


@pytest.fixture
def team(site, person):
    """Somebody alone, who pays for each member; whatever came of that has been looked at."""
    session = person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT})
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    soon(lambda: person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "active")
    person.sub = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_subscription_id"]
    settled(site, person)
    assert quantity(site, person) == 1 and changes(site, person) == []
    return person


def until(site, done):
    """What waits for a moment, so that several changes are one, is due now."""
    soon_enough = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def look():
        site.database.execute("UPDATE stripe_seats SET due_at = ? WHERE due_at < ?", PAST, soon_enough)
        site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE ask_at > ? AND ask_at < ? AND (asked_at IS NULL OR told_at > asked_at)",
                              PAST, PAST, soon_enough)
        return done()
    looked_for(site, look)


def quantity(site, who):
    return next(sub for sub in site.sandbox.control("GET", "state")["subscriptions"] if sub["id"] == who.sub)["items"]["data"][0]["quantity"]


def changes(site, who):
    """The numbers that this server has sent."""
    return [dict(request["params"])["items[0][quantity]"] for request in site.sandbox.requests()
            if request["method"] == "POST" and request["path"] == f"/v1/subscriptions/{who.sub}"]


def settled(site, who):
    """Nothing is left to be asked or set, nor on its way."""
    soon(lambda: not any(row["state"] == "pending" for row in site.sandbox.control("GET", "state")["events"]))
    until(site, lambda: not site.database.execute("SELECT 1 FROM stripe_seats WHERE organization_id = ?", who.org["id"])
          and not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", who.sub)
          and site.database.execute("SELECT 1 FROM stripe_news WHERE stripe_id = ? AND asked_at IS NOT NULL", who.sub)
          and not site.database.execute("SELECT 1 FROM stripe_news WHERE stripe_id = ? AND told_at > asked_at", who.sub))


def becomes(site, who, number):
    until(site, lambda: quantity(site, who) == number)


def test_it_follows_the_members(site, team):
    colleague = join(site, team, "MEMBER")
    becomes(site, team, 2)
    viewer = join(site, team, "VIEWER")
    becomes(site, team, 3)
    team.ok("DELETE", f"organizations/{team.org['id']}/members/{colleague.user['id']}/")
    becomes(site, team, 2)
    viewer.ok("DELETE", f"organizations/{team.org['id']}/members/{viewer.user['id']}/")
    becomes(site, team, 1)
    # Stripe's own news of it is no reason for another.
    settled(site, team)
    assert changes(site, team) == ["2", "3", "2", "1"]
    assert team.ok("GET", f"organizations/{team.org['id']}/")["subscription_status"] == "active"


def test_also_of_those_whom_the_operator_adds_and_of_users_who_are_deleted(site, team):
    guest = site.newcomer()
    site.saasctl("member", "add", team.org["id"], guest.email)
    becomes(site, team, 2)
    site.saasctl("user", "delete", guest.email, "--with-organizations")
    becomes(site, team, 1)


def test_several_at_once_end_in_their_number(site, team):
    guests = [site.newcomer() for _ in range(6)]
    together(*[lambda g=g: site.saasctl("member", "add", team.org["id"], g.email) for g in guests])
    becomes(site, team, 7)
    settled(site, team)
    sent = changes(site, team)
    assert len(sent) <= 3 and sent[-1] == "7", sent


def test_what_is_changed_at_stripe_is_put_right(site, team):
    item = next(sub for sub in site.sandbox.control("GET", "state")["subscriptions"] if sub["id"] == team.sub)["items"]["data"][0]["id"]
    reply = site.sandbox.http.post(f"{site.sandbox.url}/v1/subscriptions/{team.sub}", auth=(site.secret_key, ""),
                                   data={"items[0][id]": item, "items[0][quantity]": "40"})
    assert reply.json()["quantity"] == 40
    becomes(site, team, 1)


@pytest.mark.expects("SAAS1513")
def test_where_stripe_does_not_take_it_it_is_tried_again(site, team):
    site.sandbox.fault("status", method="POST", path=f"/v1/subscriptions/{team.sub}", status=400)
    join(site, team, "MEMBER")
    soon_after = "SELECT 1 FROM stripe_seats WHERE organization_id = ? AND due_at > ?"
    in_minutes = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    until(site, lambda: site.database.execute(soon_after, team.org["id"], in_minutes))
    assert quantity(site, team) == 1 and team.ok("GET", f"organizations/{team.org['id']}/")["has_active_subscription"]
    site.database.execute("UPDATE stripe_seats SET due_at = ? WHERE organization_id = ?", PAST, team.org["id"])
    becomes(site, team, 2)


def test_stripe_is_away(site, team):
    """The asking is repeated, and the number with it."""
    site.sandbox.fault("status", times=3, method="GET", path=f"/v1/subscriptions/{team.sub}", status=500)
    join(site, team, "MEMBER")
    until(site, lambda: site.database.execute("SELECT 1 FROM stripe_news WHERE stripe_id = ? AND failures > 0", team.sub))
    site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE stripe_id = ?", PAST, team.sub)
    becomes(site, team, 2)


def test_nothing_is_set_of_another_plan(site, person):
    site.pay(person)
    person.sub = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_subscription_id"]
    join(site, person, "MEMBER")
    settled(site, person)
    assert quantity(site, person) == 1 and changes(site, person) == []


def test_nothing_is_set_of_what_is_over(site, team):
    site.sandbox.http.delete(f"{site.sandbox.url}/v1/subscriptions/{team.sub}", auth=(site.secret_key, ""))
    soon(lambda: team.ok("GET", f"organizations/{team.org['id']}/")["subscription_status"] == "canceled")
    join(site, team, "MEMBER")
    until(site, lambda: not site.database.execute("SELECT 1 FROM stripe_seats WHERE organization_id = ?", team.org["id"])
          and not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", team.sub))
    assert changes(site, team) == []


def test_who_has_no_subscription_leaves_nothing(site, person):
    join(site, person, "MEMBER")
    assert not site.database.execute("SELECT 1 FROM stripe_seats WHERE organization_id = ?", person.org["id"])


def test_a_deleted_organization_leaves_nothing(site, team):
    join(site, team, "MEMBER")
    site.saasctl("org", "delete", team.org["id"], "--purge")
    soon(lambda: not site.database.execute("SELECT 1 FROM organizations WHERE id = ?", team.org["id"]))
    assert not site.database.execute("SELECT 1 FROM stripe_seats WHERE organization_id = ?", team.org["id"])


def test_checkout_sells_as_many_as_there_are(site, person):
    join(site, person, "MEMBER"), join(site, person, "VIEWER")
    for wrong in (1, 2, 4, "3", 3.0, True):
        reply = person.post("billing/checkout-session/", {"price": BY_SEAT, "quantity": wrong})
        assert reply.status_code == 400 and reply.json() == {"quantity": ["This price is paid for each member, of whom there are 3."]}, reply.text
    first = person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT, "quantity": 3})
    assert person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT}) == first
    # One more, and it is another order.
    join(site, person, "MEMBER")
    second = person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT})
    assert second["session_id"] != first["session_id"]
    assert site.sandbox.pay(first["checkout_url"]).status_code != 303
    assert site.sandbox.pay(second["checkout_url"]).status_code == 303
    soon(lambda: person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "active")
    person.sub = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_subscription_id"]
    assert quantity(site, person) == 4


def test_who_joins_between_checkout_and_payment_is_paid_for(site, person):
    session = person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT})
    join(site, person, "MEMBER")
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    soon(lambda: person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "active")
    person.sub = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_subscription_id"]
    becomes(site, person, 2)
