"""Webhooks that got lost: Stripe is asked what is so. Nothing is taken away because Stripe is silent or cannot be asked."""

import time

import pytest

from saastest import stripe
from saastest.metrics import scrape

DAY = 86400
PAST = "2026-01-02T03:04:05.000000Z"


def until(site, done, seconds=60):
    """The work that looks for what is due every few seconds is made to look now."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        site.database.execute("UPDATE jobs SET run_after = ? WHERE kind = 'stripe.due' AND state = 'queued'", PAST)
        time.sleep(0.2)


def status(person):
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    return org["subscription_status"], org["has_active_subscription"]


def news(site, stripe_id, columns="due_at, ask_at, asked_at, failures, error"):
    rows = site.database.execute(f"SELECT {columns} FROM stripe_news WHERE stripe_id = ?", stripe_id)
    return rows[0] if rows else None


def ask_now(site, stripe_id, due=False):
    site.database.execute("UPDATE stripe_news SET ask_at = ?" + (", due_at = ask_at" if due else "") + " WHERE stripe_id = ?", PAST, stripe_id)


def asked(site, path):
    return [r for r in site.sandbox.requests() if r["method"] == "GET" and r["path"].startswith(path)]


def settled(site, stripe_id):
    """It was asked for, answered, and the answer was applied."""
    until(site, lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", stripe_id)
          and (news(site, stripe_id) is None or str(news(site, stripe_id)[1]) > str(PAST)))


@pytest.fixture
def silence(site):
    """Stripe sends nothing; what it would have sent is lost."""
    site.sandbox.config(enabled_events=["nothing"])
    yield
    site.sandbox.config(enabled_events=["*"])
    site.sandbox.clear_faults()


@pytest.fixture
def paid(site, person):
    """Somebody who has paid, and whose hints are over."""
    org = site.pay(person)
    person.sub, person.cus = org["stripe_subscription_id"], org["stripe_customer_id"]
    ask_now(site, person.sub)
    until(site, lambda: news(site, person.sub)[2] is not None)
    settled(site, person.sub)
    return person


def transition(site, sub, **how):
    site.sandbox.control("POST", f"subscriptions/{sub}/transition", how)


def test_an_event_is_a_hint_and_several_are_one(site, person):
    org = site.pay(person)
    sub = org["stripe_subscription_id"]
    until(site, lambda: news(site, sub)[2] is not None)
    settled(site, sub)
    assert len(asked(site, f"/v1/subscriptions/{sub}")) == 1, "four events came with the payment"
    assert status(person) == ("active", True)
    due, ask, *_ = news(site, sub)
    assert str(due) > str(PAST) and str(ask) >= str(due)


def test_a_renewal_nobody_told_of_ends_access_when_stripe_says_so(site, paid, silence):
    transition(site, paid.sub, status="canceled")
    assert status(paid) == ("active", True)
    ask_now(site, paid.sub)
    until(site, lambda: status(paid) == ("canceled", False))
    trail = paid.ok("GET", f"organizations/{paid.org['id']}/activity/?action=subscription.changed")["results"][0]
    assert trail["actor"]["type"] == "stripe" and trail["actor"]["id"].startswith("read_")
    # It is recorded, with what differed; and what is over is not asked for any more.
    event = site.database.execute("SELECT type, verdict, detail, organization_id FROM stripe_events WHERE id = ?", trail["actor"]["id"])[0]
    assert event[:2] == ("saas.subscription.read", "applied") and "status active -> canceled" in event[2] and str(event[3]) == paid.org["id"]
    assert news(site, paid.sub) is None


def test_what_is_known_already_is_not_recorded(site, paid):
    before = site.database.execute("SELECT count(*) FROM stripe_events WHERE id LIKE 'read_%' AND organization_id = ?", paid.org["id"])
    asked_before = news(site, paid.sub)[2]
    ask_now(site, paid.sub)
    until(site, lambda: news(site, paid.sub)[2] != asked_before)
    settled(site, paid.sub)
    assert site.database.execute("SELECT count(*) FROM stripe_events WHERE id LIKE 'read_%' AND organization_id = ?", paid.org["id"]) == before


@pytest.mark.parametrize("fault", [dict(do="status", status=500), dict(do="drop"), dict(do="status", status=401), dict(do="garbage"),
                                   dict(do="status", status=429, headers={"Retry-After": "1"}), dict(do="cut")],
                         ids=["500", "drop", "401", "garbage", "429", "cut"])
def test_while_stripe_cannot_be_asked_access_stays_and_is_counted(site, paid, silence, fault):
    transition(site, paid.sub, status="canceled")
    site.sandbox.fault(path=f"/v1/subscriptions/{paid.sub}", times=None, **fault)
    overdue = scrape(site)["saas_webhooks_overdue"]
    site.database.execute("UPDATE stripe_news SET ask_at = ?, due_at = ?, asked_at = NULL WHERE stripe_id = ?", PAST, PAST, paid.sub)
    until(site, lambda: news(site, paid.sub)[3] == 1)
    assert status(paid) == ("active", True)
    assert scrape(site)["saas_webhooks_overdue"] == overdue + 1
    assert "HTTP" in news(site, paid.sub)[4] and site.secret_key not in news(site, paid.sub)[4]
    # Asked again by itself, later and later; then it is over.
    site.sandbox.clear_faults()
    ask_now(site, paid.sub)
    until(site, lambda: status(paid) == ("canceled", False))
    assert scrape(site)["saas_webhooks_overdue"] == overdue


def test_a_lost_period_of_a_subscription_that_stripe_does_not_have_ends_access(site, person):
    """An event that says active, of a period that ended a month ago; after it nothing."""
    story = stripe.Story(person.org["id"], site.price, start=int(time.time()) - 60 * DAY)
    event = story.updated("active", period_end=int(time.time()) - 30 * DAY)
    event["created"] = int(time.time())
    assert site.deliver(event).status_code == 200
    ask_now(site, story.id)
    until(site, lambda: status(person) == ("canceled", False))
    assert news(site, story.id) is None


def test_before_news_is_due_a_subscription_that_stripe_does_not_have_stays(site, person):
    """A key of another account than the one that sends the events takes nothing away."""
    story = stripe.Story(person.org["id"], site.price)
    assert site.deliver(story.updated("active")).status_code == 200
    ask_now(site, story.id)
    until(site, lambda: news(site, story.id)[2] is not None)
    settled(site, story.id)
    assert status(person) == ("active", True)
    assert "SAAS1610" in site.httpd.error_log.read_text()


def test_missing_is_not_for_ever(site, person):
    story = stripe.Story(person.org["id"], site.price, start=int(time.time()) - 60 * DAY)
    event = story.updated("active", period_end=int(time.time()) - 30 * DAY)
    event["created"] = int(time.time())
    site.deliver(event)
    ask_now(site, story.id)
    until(site, lambda: status(person) == ("canceled", False))
    event = story.updated("active", period_end=int(time.time()) + 30 * DAY)
    event["created"] = int(time.time()) + 60
    assert site.deliver(event).status_code == 200
    assert status(person) == ("active", True)


def test_a_payment_nobody_told_of_is_found_by_its_checkout(site, person, silence):
    session = person.ok("POST", "billing/checkout-session/", {})
    site.sandbox.pay(session["checkout_url"])
    assert status(person) == ("free", False)
    ask_now(site, session["session_id"])
    until(site, lambda: status(person) == ("active", True))
    assert news(site, session["session_id"]) is None
    assert site.database.execute("SELECT status FROM checkout_sessions WHERE id = ?", session["session_id"]) == [("complete",)]


def test_an_open_checkout_is_asked_for_again_after_its_end(site, person):
    session = person.ok("POST", "billing/checkout-session/", {})
    ask_now(site, session["session_id"])
    until(site, lambda: news(site, session["session_id"])[2] is not None)
    assert site.database.execute("SELECT status FROM checkout_sessions WHERE id = ?", session["session_id"]) == [("open",)]
    assert str(news(site, session["session_id"])[1]) > str(PAST)


def test_a_customers_subscriptions_are_all_found(site, paid, silence):
    """The event that began another one was lost as well."""
    transition(site, paid.sub, status="canceled")
    ask_now(site, paid.cus)
    until(site, lambda: status(paid) == ("canceled", False))


def test_arrears_that_were_learned_by_asking_end_by_themselves(site, paid, silence):
    transition(site, paid.sub, status="past_due")
    ask_now(site, paid.sub)
    until(site, lambda: paid.ok("GET", "billing/subscription/")["grace"] is not None)
    first = paid.ok("GET", "billing/subscription/")["grace"]["ends_at"]
    before = news(site, paid.sub)[2]
    time.sleep(1.1)
    ask_now(site, paid.sub)
    until(site, lambda: news(site, paid.sub)[2] != before)
    settled(site, paid.sub)
    assert paid.ok("GET", "billing/subscription/")["grace"]["ends_at"] == first, "asking must not give more time"


def test_an_event_that_comes_while_stripe_is_asked_keeps_its_own_asking(site, paid):
    site.sandbox.fault("delay", path=f"/v1/subscriptions/{paid.sub}", seconds=2)
    begun = len(asked(site, f"/v1/subscriptions/{paid.sub}"))
    ask_now(site, paid.sub)
    until(site, lambda: site.database.execute("SELECT 1 FROM jobs WHERE kind = 'stripe.ask' AND state = 'running' AND object_id = ?", paid.sub))
    transition(site, paid.sub, cancel_at_period_end=True, wait=True)
    until(site, lambda: len(asked(site, f"/v1/subscriptions/{paid.sub}")) >= begun + 2)
    settled(site, paid.sub)
    assert paid.ok("GET", "billing/subscription/")["cancel_scheduled"] is True


@pytest.mark.expects("SAAS1611")
def test_an_answer_is_not_applied_to_another_organization(site, paid):
    other = site.newcomer()
    site.database.execute("UPDATE stripe_news SET organization_id = ? WHERE stripe_id = ?", other.org["id"], paid.sub)
    site.sandbox.config(enabled_events=["nothing"])
    transition(site, paid.sub, status="canceled")
    site.sandbox.config(enabled_events=["*"])
    before = news(site, paid.sub)[2]
    ask_now(site, paid.sub)
    until(site, lambda: news(site, paid.sub)[2] != before)
    settled(site, paid.sub)
    assert status(paid) == ("active", True) and status(other) == ("free", False)
    assert "SAAS1611" in site.httpd.error_log.read_text()


@pytest.mark.parametrize("wrong", ["sub_1/../../v1/customers", "in_1", "sub_ü", "sub_1?expand[]=x"])
def test_what_is_no_id_of_stripes_is_not_asked_for(site, person, wrong):
    calls = len(site.sandbox.requests())
    site.database.execute("INSERT INTO stripe_news (stripe_id, organization_id, ask_at) VALUES (?, ?, ?)", wrong, person.org["id"], PAST)
    until(site, lambda: news(site, wrong) is None)
    assert not [r for r in site.sandbox.requests()[calls:] if "in_1" in r["path"] or "customers" in r["path"] or r["path"].endswith(("/", "x"))]


def test_a_429_stops_the_others_too(site, paid):
    """Whoever wants to be left alone is left alone, by the whole node."""
    other = site.pay(site.newcomer())["stripe_subscription_id"]
    ask_now(site, other)
    until(site, lambda: news(site, other)[2] is not None)
    settled(site, other)
    site.sandbox.fault("status", path=f"/v1/subscriptions/{paid.sub}", times=1, status=429, headers={"Retry-After": "3"})
    counts = [len(asked(site, f"/v1/subscriptions/{sub}")) for sub in (paid.sub, other)]
    ask_now(site, paid.sub)
    until(site, lambda: len(asked(site, f"/v1/subscriptions/{paid.sub}")) > counts[0])
    began = time.monotonic()
    ask_now(site, other)
    until(site, lambda: len(asked(site, f"/v1/subscriptions/{other}")) > counts[1])
    assert time.monotonic() - began > 2
    site.sandbox.clear_faults()
