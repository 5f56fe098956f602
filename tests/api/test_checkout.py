"""Checkout, when everything comes at once or not at all: many clicks, two browsers, two nodes, sessions and customers that
Stripe knows more of than this server, news that are late. And what checkout offers, by directive. The directives are those
of virtual hosts of one server, which tokens of a person's ask.
"""

import datetime
import threading
import time

import pytest

from saastest import Api, Places, Site, seed, stripe
from test_billing import calls, checkout, params, since  # noqa: F401
from test_members import join, together
from test_news import PAST
from test_news import until as soon_asked
from test_webhooks import until

METERED = "price_test_metered"
HOSTS = {
    "seats": "SaasStripeQuantity 2-100",
    "five": "SaasStripeQuantity 5",
    "metered": f"SaasStripePrice {METERED}\nSaasStripeQuantity 0",
    "trial": "SaasStripeTrialDays 14",
    "cardless": "SaasStripeTrialDays 30\nSaasStripeTrialWithoutCard pause",
    "canceled": "SaasStripeTrialDays 7\nSaasStripeTrialWithoutCard Cancel",
    "untried": "SaasStripeTrialWithoutCard cancel",
    "codes": "SaasStripePromotionCodes On",
    "tax": "SaasStripeTax On",
    "ids": "SaasStripeTaxIDs On",
    "address": "SaasStripeBillingAddress required",
}
SITE_CONF = '<VirtualHost *:*>\nServerName 127.0.0.1\n</VirtualHost>\n' + "".join(
    f"<VirtualHost *:*>\nServerName {name}.example.test\n{lines}\n</VirtualHost>\n" for name, lines in HOSTS.items())


@pytest.fixture(scope="module")
def second(site):
    """Another node on the same database, with the same Stripe."""
    places = Places()
    made = Site(site.database, places=places, with_stripe=False,
                conf=f"SaasNodeName second\nSaasStripeAPI {site.sandbox.url}\nSaasStripeSecretKey {site.secret_key}\n{SITE_CONF}")
    try:
        yield made.start()
    finally:
        made.httpd.stop()
        places.close()


@pytest.fixture
def late(site):
    """Stripe's events are held back."""
    site.sandbox.config(paused=True)
    yield
    site.sandbox.config(paused=False)


def asks(person, host, body=None, base=None):
    """The checkout of a virtual host, by a token that is made for it."""
    api = Api(base or person.base, token=person.new_token(organization=person.org["id"])["token"])
    return api.post("billing/checkout-session/", body or {}, headers={"Host": f"{host}.example.test"})


def offer(site, person, host, body=None):
    """What Stripe was asked for."""
    before = len(site.sandbox.requests())
    reply = asks(person, host, body)
    assert reply.status_code == 200, reply.text
    return params(calls(site, before, "/v1/checkout/sessions")[0])


def at_stripe(site, what, since):
    """(method, path) of the calls about checkout sessions that are there already."""
    return [(r["method"], r["path"].rsplit("/", 1)[-1] if r["method"] == "POST" else "") for r in site.sandbox.requests()[since:]
            if r["path"].startswith(f"/v1/checkout/sessions/{what}")]


def open_sessions(site, org):
    """Of an organization, at Stripe."""
    return [s["id"] for s in site.sandbox.control("GET", "state")["sessions"] if s["client_reference_id"] == org["id"] and s["status"] == "open"]


def rows(site, org):
    return dict(site.database.execute("SELECT id, status FROM checkout_sessions WHERE org_id = ?", org["id"]))


def soon(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def back(person, session, **more):
    return person.get("billing/return/", params={"session_id": session}, **more)


# ------------------------------------------------------------------- at once --

def test_clicks_of_two_admins_on_two_nodes_are_one_customer_and_one_session(site, second, person, since):
    other = join(site, person, "ADMIN")
    tokens = [somebody.new_token(organization=person.org["id"])["token"] for somebody in (person, other)]
    clicks = [Api(node.base, token=token) for node in (site, second) for token in tokens for _ in range(2)]
    replies = together(*[lambda api=api: api.post("billing/checkout-session/", {}) for api in clicks])
    assert {r.status_code for r in replies} <= {200, 503}, [(r.status_code, r.text) for r in replies]
    good = {(r.json()["session_id"], r.json()["checkout_url"]) for r in replies if r.status_code == 200}
    assert len(good) == 1 and open_sessions(site, person.org) == [next(iter(good))[0]]
    assert rows(site, person.org) == {next(iter(good))[0]: "open"}
    customers = [c for c in site.sandbox.control("GET", "state")["customers"] if c["metadata"].get("org_id") == person.org["id"]]
    assert [c["id"] for c in customers] == [person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]]


def test_two_clicks_to_which_stripe_gives_two_sessions_are_answered_one(site, person, since):
    """The key that would make them one changes with time, and with the organization's sessions."""
    assert checkout(person).status_code == 200
    expire(site, next(iter(rows(site, person.org))))
    until(lambda: "open" not in rows(site, person.org).values())
    site.sandbox.fault("delay", method="POST", path="/v1/checkout/sessions", seconds=2)
    slow = []
    first = threading.Thread(target=lambda: slow.append(checkout(person).json()))
    first.start()
    until(lambda: calls(site, since, "/v1/checkout/sessions")[1:])
    site.database.execute("INSERT INTO checkout_sessions (org_id, id, price_id, url, status, created_at, expires_at) VALUES (?, ?, 'p', 'u', 'expired', ?, ?)",
                          person.org["id"], "cs_test_" + person.org["id"][-12:], seed.now(), seed.now())
    quick = checkout(person).json()
    first.join()
    assert slow == [quick] and len(calls(site, since, "/v1/checkout/sessions")) == 3
    assert open_sessions(site, person.org) == [quick["session_id"]]
    assert [id for id, status in rows(site, person.org).items() if status == "open"] == [quick["session_id"]]


@pytest.mark.parametrize("meanwhile, status", [("deleted", 404), ("subscribed", 409)])
def test_what_happens_while_stripe_makes_the_page_counts(site, person, since, meanwhile, status):
    """The organization is deleted, or subscribes elsewhere: nobody is sent to the page, and it is ended."""
    other = join(site, person, "ADMIN")
    site.sandbox.fault("delay", method="POST", path="/v1/checkout/sessions", seconds=2)
    late = []
    click = threading.Thread(target=lambda: late.append(other.post("billing/checkout-session/", {}, headers={"X-Organization-ID": person.org["id"]})))
    click.start()
    until(lambda: calls(site, since, "/v1/checkout/sessions"))
    if meanwhile == "deleted":
        # Its rows are still there: the job that removes them has not begun.
        site.database.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", seed.now(), person.org["id"])
    else:
        assert site.deliver(stripe.Story(person.org["id"], site.price).updated("active")).status_code == 200
    click.join()
    assert late[0].status_code == status, late[0].text
    assert len(calls(site, since, "/v1/checkout/sessions")) == 1 and open_sessions(site, person.org) == []


def test_clicks_for_different_orders_leave_one_page_to_pay_on(site, second, person):
    """Whoever pays twice would have two subscriptions."""
    api = [Api(base, token=person.new_token(organization=person.org["id"])["token"]) for base in (site.base, second.base)]
    assert checkout(person).status_code == 200
    for _ in range(3):
        replies = together(*[lambda n=n: api[n % 2].post("billing/checkout-session/", {"quantity": 2 + n}, headers={"Host": "seats.example.test"})
                             for n in range(4)])
        assert {r.status_code for r in replies} <= {200, 502, 503}, [(r.status_code, r.text) for r in replies]
        given = {r.json()["session_id"] for r in replies if r.status_code == 200}
        left = open_sessions(site, person.org)
        assert len(left) == 1 and set(left) <= given
        assert [id for id, status in rows(site, person.org).items() if status == "open"] == left


def test_who_changes_their_mind_cannot_pay_twice(site, person, since):
    first = asks(person, "seats", {"quantity": 3}).json()
    second = asks(person, "seats", {"quantity": 4}).json()
    assert first["session_id"] != second["session_id"]
    assert open_sessions(site, person.org) == [second["session_id"]]
    assert rows(site, person.org) == {first["session_id"]: "expired", second["session_id"]: "open"}
    assert asks(person, "seats", {"quantity": 4}).json() == second
    third = asks(person, "seats", {"quantity": 3}).json()
    assert third["session_id"] not in (first["session_id"], second["session_id"])
    assert open_sessions(site, person.org) == [third["session_id"]]


@pytest.mark.expects("SAAS1503")
def test_while_the_other_page_cannot_be_ended_there_is_no_second_one(site, person, since):
    first = checkout(person).json()
    site.sandbox.fault("status", times=9, method="POST", path=f"/v1/checkout/sessions/{first['session_id']}", status=500)
    assert asks(person, "five").status_code == 503
    assert open_sessions(site, person.org) == [first["session_id"]]
    site.sandbox.clear_faults()
    assert asks(person, "five").status_code == 200 and len(open_sessions(site, person.org)) == 1


# -------------------------------------------------------------------- stale --

def expire(site, session):
    reply = site.sandbox.http.post(f"{site.sandbox.url}/v1/checkout/sessions/{session}/expire", headers={"Authorization": f"Bearer {site.secret_key}"})
    assert reply.status_code == 200


def test_a_page_that_expired_at_stripe_is_replaced_before_the_news_of_it(site, person, late):
    first = checkout(person).json()["session_id"]
    expire(site, first)
    second = checkout(person).json()["session_id"]
    assert second != first and rows(site, person.org) == {first: "expired", second: "open"}


def test_who_has_paid_is_not_sent_to_pay_again_before_the_news_of_it(site, person, late):
    session = checkout(person).json()
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    assert rows(site, person.org) == {session["session_id"]: "open"}, "the event has come, nothing is tried here"
    for again in (checkout(person), asks(person, "five")):
        assert again.status_code == 409 and again.json()["code"] == "checkout_completed", again.text
    assert person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"] is False, "only an event grants"
    site.sandbox.config(paused=False)
    until(lambda: checkout(person).json().get("code") == "already_subscribed")


def test_who_waits_for_an_event_that_is_lost_does_not_wait_long(site, person):
    """The job that asks Stripe is brought forward, by the page that people come back to or by another click."""
    for waits in (lambda: back(person, session["session_id"]), lambda: checkout(person)):
        person = site.newcomer()
        site.sandbox.config(enabled_events=["nothing"])
        try:
            session = checkout(person).json()
            assert site.sandbox.pay(session["checkout_url"]).status_code == 303
            until(lambda: waits().json().get("status") == "complete" or waits().json().get("code") == "checkout_completed")
            # Its five seconds pass at once.
            asked = "UPDATE stripe_news SET ask_at = ? WHERE stripe_id = ? AND ask_at < ?"
            site.database.execute(asked, PAST, session["session_id"], soon(60))
            soon_asked(site, lambda: person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"])
            soon_asked(site, lambda: rows(site, person.org) == {session["session_id"]: "complete"})
        finally:
            site.sandbox.config(enabled_events=["*"])
        assert back(person, session["session_id"]).json()["webhook_received"] is True


@pytest.mark.only_db("pgsql")
def test_what_stripe_was_asked_for_bars_another_checkout_until_it_counts(site, person):
    session = checkout(person).json()
    site.sandbox.config(enabled_events=["nothing"])
    holder = site.database.connect()
    try:
        assert site.sandbox.pay(session["checkout_url"]).status_code == 303
        holder.autocommit = False
        with holder.cursor() as cursor:
            cursor.execute("SELECT 1 FROM organizations WHERE id = %s FOR NO KEY UPDATE", (person.org["id"],))
            site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE stripe_id = ?", PAST, session["session_id"])
            soon_asked(site, lambda: site.database.execute("SELECT 1 FROM jobs WHERE kind = 'stripe.told' AND object_id = ?", session["session_id"]))
            assert checkout(person).json()["code"] == "checkout_completed"
        holder.rollback()
        soon_asked(site, lambda: checkout(person).json()["code"] == "already_subscribed")
    finally:
        holder.close()
        site.sandbox.config(enabled_events=["*"])


def test_a_page_that_stays_open_in_our_rows_for_ever_is_looked_at(site, person, late):
    """Neither its event came nor anybody: it was paid in the last minute."""
    session = checkout(person).json()
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    site.database.execute("UPDATE checkout_sessions SET expires_at = ? WHERE id = ?", "2026-01-01T00:00:00.000000Z", session["session_id"])
    assert checkout(person).json()["code"] == "checkout_completed"


def test_a_subscription_that_came_and_went_unheard_does_not_bar_the_next(site, person, late):
    session = checkout(person).json()
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    subscription = next(s["subscription"] for s in site.sandbox.control("GET", "state")["sessions"] if s["id"] == session["session_id"])
    site.sandbox.control("POST", f"subscriptions/{subscription}/transition", {"status": "canceled", "wait": False})
    again = checkout(person)
    assert again.status_code == 200 and again.json()["session_id"] != session["session_id"]
    assert rows(site, person.org)[session["session_id"]] == "complete"


def test_a_session_that_stripe_does_not_have_is_replaced(site, person):
    first = checkout(person).json()["session_id"]
    site.database.execute("UPDATE checkout_sessions SET id = ? WHERE id = ?", first + "gone", first)
    second = checkout(person)
    assert second.status_code == 200 and rows(site, person.org)[first + "gone"] == "expired"


def test_while_stripe_is_away_the_open_page_is_still_the_answer(site, person, since):
    first = checkout(person).json()
    site.sandbox.fault("status", times=9, method="GET", path="/v1/checkout/sessions/", status=503)
    assert checkout(person).json() == first


@pytest.mark.expects("SAAS1505")
def test_two_clicks_with_a_customer_that_stripe_no_longer_has_make_one(site, person, since):
    site.database.execute("UPDATE organizations SET stripe_customer_id = 'cus_gone' WHERE id = ?", person.org["id"])
    replies = together(*[lambda: checkout(person)] * 4)
    assert {r.status_code for r in replies} <= {200, 503}, [r.text for r in replies]
    assert len({r.json()["session_id"] for r in replies if r.status_code == 200}) == 1
    made = [c for c in site.sandbox.control("GET", "state")["customers"] if c["metadata"].get("org_id") == person.org["id"]]
    assert [c["id"] for c in made] == [person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]]


def test_a_session_that_was_opened_before_orders_were_kept_is_ended(site, person):
    first = checkout(person).json()["session_id"]
    site.database.execute("UPDATE checkout_sessions SET order_digest = NULL WHERE id = ?", first)
    second = checkout(person).json()["session_id"]
    assert second != first and open_sessions(site, person.org) == [second]


# -------------------------------------------------------------------- offer --

PLAIN = {"mode", "customer", "client_reference_id", "line_items[0][price]", "line_items[0][quantity]", "success_url", "cancel_url", "metadata[org_id]",
         "subscription_data[metadata][org_id]"}


@pytest.mark.parametrize("host, more", [
    ("codes", {"allow_promotion_codes": "true"}),
    ("tax", {"automatic_tax[enabled]": "true", "customer_update[address]": "auto"}),
    ("ids", {"tax_id_collection[enabled]": "true", "customer_update[address]": "auto", "customer_update[name]": "auto"}),
    ("address", {"billing_address_collection": "required"}),
    ("five", {"line_items[0][quantity]": "5"}),
    ("untried", {}),
    ("trial", {"subscription_data[trial_period_days]": "14"}),
    ("cardless", {"subscription_data[trial_period_days]": "30", "payment_method_collection": "if_required",
                  "subscription_data[trial_settings][end_behavior][missing_payment_method]": "pause"}),
    ("canceled", {"subscription_data[trial_period_days]": "7", "payment_method_collection": "if_required",
                  "subscription_data[trial_settings][end_behavior][missing_payment_method]": "cancel"}),
])
def test_each_directive_is_said_to_stripe(site, person, since, host, more):
    sent = offer(site, person, host)
    assert set(sent) == PLAIN | set(more)
    assert {name: sent[name] for name in more} == more


def test_a_metered_price_has_no_quantity(site, person, since):
    site.sandbox.control("POST", "prices", {"id": METERED, "usage": "metered"})
    assert set(offer(site, person, "metered")) == PLAIN - {"line_items[0][quantity]"}
    assert asks(person, "metered", {"quantity": 1}).json() == {"quantity": ["Ensure this value is less than or equal to 0."]}


def test_the_request_names_a_quantity_within_bounds(site, person, since):
    assert offer(site, person, "seats")["line_items[0][quantity]"] == "2"
    assert offer(site, person, "seats", {"quantity": 100})["line_items[0][quantity]"] == "100"
    assert asks(person, "five", {"quantity": 5}).status_code == 200


@pytest.mark.parametrize("quantity", [1, 101, 0, -3, 2.5, "5", True, [5], 10 ** 30])
def test_another_quantity_is_refused_here(site, person, since, quantity):
    reply = asks(person, "seats", {"quantity": quantity})
    assert reply.status_code == 400 and (list(reply.json()) == ["quantity"] or reply.json()["code"] == "parse_error"), reply.text
    assert not calls(site, since, "/v1/checkout/sessions") and not calls(site, since, "/v1/customers")


def test_without_the_directive_one_is_sold_and_no_more(site, person):
    assert checkout(person, {"quantity": 1}).status_code == 200
    assert checkout(person, {"quantity": 2}).json() == {"quantity": ["Ensure this value is less than or equal to 1."]}


def test_a_trial_is_given_once(site, person, since):
    session = asks(person, "trial").json()
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert org["stripe_status"] == "trialing" and org["has_active_subscription"] is True
    site.sandbox.control("POST", f"subscriptions/{org['stripe_subscription_id']}/transition", {"status": "canceled"})
    until(lambda: person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "canceled")
    assert set(offer(site, person, "trial")) == PLAIN


# ------------------------------------------------------------------- return --

def test_the_return_page_says_for_whom_and_what_has_arrived(site, person, late):
    session = checkout(person).json()
    said = {"organization": {key: person.org[key] for key in ("id", "name", "slug")}, "session_id": session["session_id"], "status": "open",
            "payment_status": "unpaid", "webhook_received": False, "has_active_subscription": False}
    assert back(person, session["session_id"]).json() == said
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    until(lambda: back(person, session["session_id"]).json()["status"] == "complete")
    assert rows(site, person.org) == {session["session_id"]: "open"}, "to be told changes nothing"
    assert person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"] is False
    site.sandbox.config(paused=False)
    until(lambda: back(person, session["session_id"]).json()["webhook_received"])
    assert back(person, session["session_id"]).json() == {**said, "status": "complete", "payment_status": None, "webhook_received": True,
                                                          "has_active_subscription": True}


def test_stripe_is_asked_for_the_return_page_now_and_then_only(site, person, late):
    session = checkout(person).json()["session_id"]
    before = len(site.sandbox.requests())
    for _ in range(3):
        replies = together(*[lambda: back(person, session)] * 8)
        assert [r.status_code for r in replies] == [200] * 8
    asked = at_stripe(site, session, before)
    # Each of the children once, and once more where three seconds pass just then.
    assert 1 <= len(asked) <= 4 and set(asked) == {("GET", "")}


def test_once_the_news_is_there_stripe_is_not_asked(site, person):
    site.pay(person)
    session = next(iter(rows(site, person.org)))
    before = len(site.sandbox.requests())
    assert back(person, session).json()["webhook_received"] is True and at_stripe(site, session, before) == []


@pytest.mark.parametrize("fault", [{"do": "status", "status": 500}, {"do": "drop"}, {"do": "garbage"}, {"do": "status", "status": 404},
                                   {"do": "status", "status": 200, "body": {"status": "strange", "payment_status": 5}}])
def test_the_return_page_without_stripe_tells_the_rows(site, person, since, late, fault):
    session = checkout(person).json()["session_id"]
    before = len(site.sandbox.requests())
    site.sandbox.fault(times=9, method="GET", path="/v1/checkout/sessions/", **fault)
    said = back(person, session).json()
    assert said["status"] == "open" and said["payment_status"] is None and said["webhook_received"] is False
    assert len(at_stripe(site, session, before)) == 1, "one attempt"


def test_the_return_page_is_for_members_of_the_session_s_organization(site, person, bob):
    session = checkout(person).json()["session_id"]
    unknown = back(bob, "cs_test_nobodys")
    assert unknown.status_code == 404
    assert (back(bob, session).status_code, back(bob, session).content) == (404, unknown.content)
    assert back(join(site, person, "VIEWER"), session).json()["organization"]["id"] == person.org["id"]
    assert back(site.nobody(), session).status_code == 401
    # By the session, whichever organization is the user's default or is named, but no further than a token goes.
    elsewhere = person.ok("POST", "organizations/", {"name": "Elsewhere"})
    assert back(person, session, headers={"X-Organization-ID": elsewhere["id"]}).json()["organization"]["id"] == person.org["id"]
    assert back(Api(site.base, token=person.new_token(organization=elsewhere["id"])["token"]), session).status_code == 404
    assert back(Api(site.base, token=person.new_token(organization=person.org["id"])["token"]), session).status_code == 200
    assert back(Api(site.base, token=person.new_token()["token"]), session).status_code == 200


@pytest.mark.parametrize("id, status", [("", 400), (None, 400), ("cs_", 404), ("sub_1", 404), ("cs_../v1/customers", 404), ("cs_%2e%2e", 404),
                                        ("cs_a?expand[]=x", 404), ("cs_" + "a" * 300, 404), ("cs_é", 404)])
def test_what_is_no_session_is_asked_of_nobody(site, person, since, id, status):
    reply = person.get("billing/return/", params={"session_id": id})
    assert reply.status_code == status
    assert status == 404 or reply.json() == {"session_id": ["This field is required."]}
    assert not [r for r in site.sandbox.requests()[since:] if "sessions/" in r["path"]]


def test_a_deleted_organization_s_session_is_nobody_s(site, person):
    session = checkout(person).json()["session_id"]
    person.ok("POST", "organizations/", {"name": "Another"})
    assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
    assert back(person, session).status_code == 404
