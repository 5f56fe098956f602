"""Sales that did not begin here: payment links and pricing tables, whose sessions name an organization (SaasStripeClientReference)."""

import concurrent.futures
import itertools

import pytest
import requests

from saastest import Places, Site, stripe
from saastest.places import free_port
from saastest.smtp import SmtpServer
from test_members import join, together
from test_news import until as soon_asked
from test_webhooks import give, status, until

PORT = free_port()
SITE_STRIPE = False
ON = "SaasStripeClientReference On\n"
SITE_CONF = f"""{ON}
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom noreply@example.test
<VirtualHost *:*>
ServerName 127.0.0.1
</VirtualHost>
<VirtualHost *:*>
ServerName off.example.test
SaasStripeClientReference Off
</VirtualHost>
"""
WAITS = "ignored:waits for its subscription"
BUYER = "buyer@example.test"


@pytest.fixture(scope="module", autouse=True)
def relay():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


class Sale(stripe.Story):
    """A subscription that somebody bought on a page of Stripe's that this server has not made: nothing in it names an
    organization but the session, which says what the page's address says."""

    def subscription(self, status, **more):
        return super().subscription(status, **{"metadata": {}, **more})

    def session(self, reference=None, **more):
        return self.checkout(metadata={}, client_reference_id=reference or self.org_id,
                             **{"customer_details": {"email": BUYER, "name": "Buyer"}, **more})

    def invoice(self, *args, **more):
        event = super().invoice(*args, **more)
        invoice = event["data"]["object"]
        for place in (invoice.get("parent", {}).get("subscription_details"), invoice.get("subscription_details"), *invoice["lines"]["data"]):
            if place:
                place["metadata"] = {}
        return event


def founded(person, name="Sold"):
    return person.ok("POST", "organizations/", {"name": name})


def verdicts(site, *events):
    return [site.database.execute("SELECT verdict FROM stripe_events WHERE id = ?", e["id"])[0][0] for e in events]


def quiet(site):
    """Nothing of what events have caused is left to be done."""
    until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE kind LIKE 'stripe.%' AND kind <> 'stripe.due' AND state <> 'dead'"))


def state(site, org, sale):
    """All that is known of an organization's subscription, times as distances from its start; and of its events."""
    rows = site.database.execute(
        "SELECT o.subscription_status, o.stripe_status, o.stripe_customer_id, o.stripe_subscription_id, o.subscription_ends_at, s.customer_id,"
        " s.status, s.price_id, s.period_end, s.ended_at, s.last_event_created, s.last_event_rank FROM organizations o"
        " LEFT JOIN subscriptions s ON s.org_id = o.id WHERE o.id = ?", org["id"])
    names = {sale.customer: "customer", sale.id: "subscription", sale.start: "start"}
    bound = {names[row[0]] for row in site.database.execute(
        "SELECT stripe_id FROM stripe_bindings WHERE stripe_id IN (?, ?) AND organization_id = ?", sale.customer, sale.id, org["id"])}
    claims = site.database.execute("SELECT 1 FROM stripe_claims WHERE subscription_id = ?", sale.id)
    mails = len(site.database.execute("SELECT 1 FROM activity WHERE org_id = ? AND action = 'checkout.bound'", org["id"]))

    def plain(value):
        return value - sale.start if isinstance(value, int) and value > 10**6 and abs(value - sale.start) < 10**7 else names.get(value, value and "some time" if
               not isinstance(value, (int, str)) or str(value)[:2] == "20" else value)
    return [tuple(plain(cell) for cell in row) for row in rows], bound, claims, mails


HISTORIES = {
    "paid": (lambda s: [s.created("incomplete"), s.updated("active"), s.invoice(), s.session()], "active"),
    "ended": (lambda s: [s.updated("active"), s.deleted(), s.invoice(), s.session()], "canceled"),
    "late": (lambda s: [s.created("incomplete"), s.updated("active", at=60), s.session(payment_status="unpaid"),
                        {**s.session(at=50), "type": "checkout.session.async_payment_succeeded"}], "active"),
    "over": (lambda s: [s.created("incomplete"), s.updated("incomplete_expired", at=9), s.session(payment_status="unpaid")], "free"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("which", HISTORIES)
def test_every_order_ends_in_one_state(site, person, which):
    made, wanted = HISTORIES[which]
    sales = []
    for order in itertools.permutations(range(len(made(Sale("x", site.price))))):
        org = founded(person)
        sale = Sale(org["id"], site.price)
        events = made(sale)
        give(site, *[events[n] for n in order])
        sales.append((org, sale, events, order))
    quiet(site)
    first = None
    for org, sale, events, order in sales:
        got = state(site, org, sale)
        first = first or got
        assert got == first, f"order {order}"
        assert set(verdicts(site, *events)) <= {"applied", "ignored:superseded"}, f"order {order}"
        assert person.ok("GET", f"organizations/{org['id']}/")["subscription_status"] == wanted
    assert len(first[0]) == 1 and first[1:] == ({"customer", "subscription"}, [], 1)


def test_both_at_once(site, person):
    """The session and the subscription's event each see nothing of the other while neither is committed."""
    sales = [Sale(founded(person)["id"], site.price) for _ in range(12)]
    for sale in sales:
        together(*[lambda e=e: give(site, e) for e in (sale.session(), sale.updated("active"), sale.invoice())])
    quiet(site)
    assert [s.id for s in sales if not site.database.execute("SELECT 1 FROM organizations WHERE id = ? AND stripe_subscription_id = ?"
                                                             " AND subscription_status = 'active'", s.org_id, s.id)] == []


def waiting(site, count, or_done):
    """So many transactions wait for a lock, or it turns out that none has to."""
    connection = site.database.cluster.connect(site.database.name, "postgres")
    cursor = connection.cursor()

    def do_wait():
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone()[0] >= count or or_done()
    until(do_wait)
    connection.close()


def one_behind_the_other(site, org, *events):
    """Each event comes while the one before has its claim and is not committed: its organization is locked meanwhile."""
    connection = site.database.connect()
    connection.autocommit = False
    connection.cursor().execute("SELECT 1 FROM organizations WHERE id = %s FOR UPDATE", (org["id"],))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sent = []
        for event in events:
            sent.append(pool.submit(give, site, event))
            waiting(site, len(sent), sent[-1].done)
        connection.rollback()
        connection.close()
        for each in sent:
            each.result()


@pytest.mark.only_db("pgsql")
def test_a_subscription_event_waits_for_the_session_before_it(site, person):
    """On SQLite there is one writer."""
    org = founded(person)
    sale = Sale(org["id"], site.price)
    session, active = sale.session(), sale.updated("active")
    one_behind_the_other(site, org, session, active)
    assert verdicts(site, active) == ["applied"]
    assert person.ok("GET", f"organizations/{org['id']}/")["subscription_status"] == "active"


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS1606")
def test_of_two_sales_at_once_one_is_refused(site, person):
    """Both are judged while the organization has no customer: it is looked at again under the organization's lock."""
    org = founded(person)
    one, two = (Sale(org["id"], site.price) for _ in range(2))
    give(site, one.session(), two.session())
    first, second = one.updated("active"), two.updated("active")
    one_behind_the_other(site, org, first, second)
    quiet(site)
    assert verdicts(site, first) == ["applied"]
    assert verdicts(site, second)[0].startswith("refused:its client_reference_id names an organization that has another customer")
    assert site.database.execute("SELECT stripe_id FROM stripe_bindings WHERE stripe_id IN (?, ?)", one.customer, two.customer) == [(one.customer,)]
    assert not site.database.execute("SELECT 1 FROM stripe_claims WHERE subscription_id IN (?, ?)", one.id, two.id)


@pytest.mark.only_db("pgsql")
@pytest.mark.parametrize("last", ["deleted", "session"])
def test_what_comes_while_it_is_bound_finds_it_bound(site, person, last):
    org = founded(person)
    sale = Sale(org["id"], site.price)
    give(site, sale.session())
    active, late = sale.updated("active"), sale.deleted() if last == "deleted" else sale.session(payment_status="paid")
    one_behind_the_other(site, org, active, late)
    quiet(site)
    assert verdicts(site, active) == ["applied"] and verdicts(site, late)[0] in ("applied", "ignored:superseded")
    assert person.ok("GET", f"organizations/{org['id']}/")["subscription_status"] == ("canceled" if last == "deleted" else "active")
    assert state(site, org, sale)[1:] == ({"customer", "subscription"}, [], 1)


def test_access_opens_without_waiting_for_another_event(site, person):
    sale = Sale(person.org["id"], site.price)
    before = [sale.created("incomplete"), sale.updated("active")]
    give(site, *before)
    assert verdicts(site, *before) == ["ignored:unbound"] * 2 and status(person) == ("free", False)
    give(site, sale.session())
    until(lambda: status(person) == ("active", True))


def test_the_admins_are_told_who_paid(site, relay):
    admin = site.newcomer(organization="Ämter & Söhne")
    second, member = join(site, admin, "ADMIN"), join(site, admin)
    sale = Sale(admin.org["id"], site.price)
    give(site, sale.session(), sale.updated("active"))
    for person in (admin, second):
        until(lambda: [m for m in relay.messages if person.email in m.recipients])
        (message,) = [m for m in relay.messages if person.email in m.recipients]
        assert message.parsed["Subject"] == "Ämter & Söhne has a subscription"
        for kind in ("plain", "html"):
            assert BUYER in message.part(kind) and "https://app.example.test/billing" in message.part(kind)
    quiet(site)
    assert not [m for m in relay.messages if member.email in m.recipients]
    entries = admin.ok("GET", f"organizations/{admin.org['id']}/activity/", params={"action": "checkout.bound"})["results"]
    assert [(e["actor"]["type"], e["new"]) for e in entries] == [
        ("stripe", {"customer": sale.customer, "subscription": sale.id, "buyer": BUYER})]


def test_who_paid_need_not_be_known(site, relay):
    admin = site.newcomer()
    sale = Sale(admin.org["id"], site.price)
    give(site, sale.session(customer_details={"email": "x@y.test\nBcc: all@example.test"}), sale.updated("active"))
    until(lambda: [m for m in relay.messages if admin.email in m.recipients])
    (message,) = [m for m in relay.messages if admin.email in m.recipients]
    assert "somebody has bought" in message.part("plain") and "all@example.test" not in str(message.parsed)


def test_without_the_directive_nobody_is_bound(site, person):
    sale = Sale(person.org["id"], site.price)
    events = [sale.updated("active"), sale.session(), sale.invoice()]
    for event in events:
        assert site.deliver(event, headers={"Host": "off.example.test"}).status_code == 200
    quiet(site)
    assert verdicts(site, *events) == ["ignored:unbound"] * 3
    assert status(person) == ("free", False)
    assert not site.database.execute("SELECT 1 FROM stripe_claims WHERE subscription_id = ?", sale.id)


@pytest.mark.expects("SAAS1606")
def test_an_organization_with_a_customer_is_not_bound_to_another(site, person):
    own = stripe.Story(person.org["id"], site.price)
    give(site, own.updated("active"), own.deleted())
    sale = Sale(person.org["id"], site.price)
    events = [sale.updated("active"), sale.session(), sale.invoice()]
    give(site, *events)
    quiet(site)
    assert verdicts(site, events[1])[0].startswith("refused:its client_reference_id names an organization that has another customer")
    assert verdicts(site, events[0], events[2]) == ["ignored:unbound"] * 2
    assert status(person) == ("canceled", False)
    assert person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"] == own.customer


@pytest.mark.expects("SAAS1606")
def test_of_two_sales_the_second_is_refused(site, person):
    """Both sessions have come before anything was bound."""
    one, two = (Sale(person.org["id"], site.price) for _ in range(2))
    give(site, one.session(), two.session())
    late = two.updated("active")
    give(site, one.updated("active"), late, two.deleted())
    quiet(site)
    assert status(person) == ("active", True)
    assert person.ok("GET", f"organizations/{person.org['id']}/")["stripe_subscription_id"] == one.id
    assert verdicts(site, late)[0].startswith("refused:")
    assert not site.database.execute("SELECT 1 FROM stripe_bindings WHERE stripe_id IN (?, ?)", two.id, two.customer)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_another_product_opens_nothing_and_takes_no_place(site, person, order):
    """Whoever buys the cheapest thing that the account sells may write any organization into the page's address."""
    sale = Sale(person.org["id"], "price_of_a_sticker")
    events = [sale.session(), sale.updated("active"), sale.invoice()]
    give(site, *[events[n] for n in order])
    quiet(site)
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert status(person) == ("free", False) and org["stripe_customer_id"] is None
    assert "ignored:other product" in verdicts(site, *events) and verdicts(site, events[0]) == [WAITS]
    assert not site.database.execute("SELECT 1 FROM stripe_claims WHERE subscription_id = ?", sale.id)
    # The organization can still be paid for.
    right = Sale(person.org["id"], site.price)
    give(site, right.session(), right.updated("active"))
    assert status(person) == ("active", True)


@pytest.mark.parametrize("reference", ["42", "nonsense", "'; --", "0196f0c2-7f3a-7c51-8b7e-2f1d4c6a9b10", "0" * 36, None])
def test_what_names_no_organization_binds_nobody(site, reference):
    sale = Sale("x", site.price)
    events = [sale.updated("active"), sale.checkout(metadata={}, client_reference_id=reference)]
    give(site, *events)
    assert verdicts(site, *events) == ["ignored:unbound"] * 2


def test_a_deleted_organization_is_not_bound(site, person):
    org = founded(person)
    sale = Sale(org["id"], site.price)
    give(site, sale.session())
    assert person.delete(f"organizations/{org['id']}/").status_code < 300
    late, other = sale.updated("active"), Sale(org["id"], site.price).session()
    give(site, late, other)
    assert verdicts(site, late, other) == ["ignored:unbound"] * 2
    assert not site.database.execute("SELECT 1 FROM stripe_bindings WHERE stripe_id = ?", sale.customer)


def test_a_reference_in_capitals(site, person):
    sale = Sale(person.org["id"], site.price)
    give(site, sale.session(person.org["id"].upper()), sale.updated("active"))
    assert status(person) == ("active", True)


def test_only_subscriptions_are_bound(site, person):
    sale = Sale(person.org["id"], site.price)
    event = sale.session(mode="payment", subscription=None)
    give(site, event)
    assert verdicts(site, event) == ["ignored:no subscription"] and status(person) == ("free", False)


@pytest.mark.expects("SAAS1606")
def test_a_reference_against_what_is_bound_is_refused(site, person, bob):
    """The account's owner has named the organization in the subscription's metadata; the buyer names another."""
    sale = stripe.Story(person.org["id"], site.price)
    session = Sale.session(sale, bob.org["id"])
    give(site, sale.updated("active"), session)
    assert verdicts(site, session) == ["refused:its client_reference_id names another organization"]
    assert status(person) == ("active", True) and status(bob) == ("free", False)


# --------------------------------------------------- without a list of prices --

class Unlisted(Site):
    def stripe_conf(self, frontend):
        return "\n".join(line for line in super().stripe_conf(frontend).splitlines() if "SaasStripePrice" not in line)


@pytest.fixture(scope="module")
def unlisted(databases, db_kind):
    places = Places()
    made = Unlisted(databases.fresh(db_kind, places), conf=ON, places=places, with_stripe=False)
    try:
        yield made.start()
    finally:
        made.close()


def test_where_any_price_is_sold_the_session_is_enough(unlisted):
    person = unlisted.register()
    for order in itertools.permutations(range(3)):
        org = founded(person)
        sale = Sale(org["id"], "price_whatever")
        events = [sale.session(), sale.updated("active"), sale.invoice()]
        give(unlisted, events[order[0]])
        if order[0] == 0:
            assert person.ok("GET", f"organizations/{org['id']}/")["has_active_subscription"] is True
        give(unlisted, *[events[n] for n in order[1:]])
        quiet(unlisted)
        assert set(verdicts(unlisted, *events)) <= {"applied", "ignored:superseded"}
        assert state(unlisted, org, sale)[1:] == ({"customer", "subscription"}, [], 1)
        assert person.ok("GET", f"organizations/{org['id']}/")["has_active_subscription"] is True


# ------------------------------------------------------------------ with a key --

@pytest.fixture(scope="module")
def keyed(databases, db_kind):
    places = Places()
    made = Site(databases.fresh(db_kind, places), conf=ON, places=places)
    try:
        yield made.start()
    finally:
        made.close()


def bought(site, org_id):
    """Somebody pays on a page that this server has not made."""
    reply = requests.post(f"{site.sandbox.url}/v1/checkout/sessions", headers={"Authorization": f"Bearer {site.secret_key}"}, timeout=60, data={
        "mode": "subscription", "line_items[0][price]": site.price, "line_items[0][quantity]": "1", "client_reference_id": org_id,
        "success_url": "https://app.example.test/"})
    assert reply.status_code == 200, reply.text
    assert site.sandbox.pay(reply.json()["url"]).status_code == 303


def test_a_whole_sale(keyed):
    person = keyed.register()
    bought(keyed, person.org["id"])
    until(lambda: status(person) == ("active", True))
    # From now on it is the organization's as any other.
    assert person.post("billing/portal-session/", {}).status_code == 200
    assert person.post("billing/checkout-session/", {}).json()["code"] == "already_subscribed"


def test_stripe_is_asked_for_a_subscription_of_which_nothing_was_heard(keyed):
    person = keyed.register()
    keyed.sandbox.config(enabled_events=["checkout.session.completed"])
    try:
        bought(keyed, person.org["id"])
        soon_asked(keyed, lambda: status(person) == ("active", True))
    finally:
        keyed.sandbox.config(enabled_events=["*"])
    assert not keyed.database.execute("SELECT 1 FROM stripe_claims")
