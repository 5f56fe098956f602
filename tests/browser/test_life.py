"""The whole life of a customer in a browser: trial, upgrade, pay, a limit that is used up, another plan, a payment that
fails, grace, the end of it, paying again, cancelling, coming back - on the frontend's pages, Stripe's checkout and Stripe's portal, both of the
sandbox, whose clock lets the months pass. What each state is worth is asked of the export, which a subscription opens.
"""

import re

import pytest

from saastest.client import PASSWORD, Api, fresh_address
from saastest.frontend import Frontend
from saastest.places import free_port
from saastest.site import PRICE

API_PORT = free_port()
FRONTEND = Frontend()
SITE_PORT = API_PORT
SITE_FRONTEND = f"http://localhost:{FRONTEND.port}"
BUSINESS = "price_test_business_monthly"
SITE_CONF = f"""
SaasStripePrice {BUSINESS}
SaasStripeTrialDays 14
SaasStripeTrialWithoutCard pause
SaasPlan free limit.audits=1/month
SaasPlan premium {PRICE} features=export limit.audits=2/month
SaasPlan business {BUSINESS} features=export
"""
# A refused call is told in the console, and meant.
SHOWN = re.compile(r"Failed to load resource: the server responded with a status of (401|402|403)")


@pytest.fixture(scope="module", autouse=True)
def frontend(places):
    yield FRONTEND.build(places.folder("frontend"), API_PORT)
    FRONTEND.close()


class Customer:
    """Who sits before the browser."""

    def __init__(self, site, page):
        self.site, self.page = site, page

    def fill(self, form, **values):
        for name, value in values.items():
            self.page.fill(f"{form} [name={name}]", value)
        self.page.click(f"{form} button")

    def reads(self, *words):
        """On the application's page, freshly loaded."""
        self.page.reload()
        for word in words:
            self.page.shows("#subscription", word)

    def audits(self, done):
        """Starts one more, with which there are so many."""
        self.fill("#audit", target=f"{self.site.base}/")
        self.page.shows("#audits", f"{done}: {self.site.base}/ completed")

    def is_refused_an_audit(self, words):
        self.fill("#audit", target=f"{self.site.base}/")
        self.page.shows("#said", words)

    def may_export(self, allowed=True):
        if allowed:
            name, text = self.page.download("#export")
            assert name.endswith(".csv") and text.startswith("Resource ID")
        else:
            self.page.click("#export")
            self.page.shows("#said", "Upgrade to Premium to export data")

    def buys(self, price, card="good"):
        """From the application to Stripe's checkout and back."""
        self.page.press("#upgrade")
        self.page.shows("#pay", price)
        self.page.choose("#card", card)
        self.page.press("#pay")
        self.page.shows("#subscription", "active")

    def at_the_portal(self, *steps):
        """From the application to Stripe's portal, there through the steps, and back. A step is a button, or a button
        after something chosen: (field, value, button)."""
        self.page.press("#manage")
        for step in steps:
            if isinstance(step, tuple):
                field, value, step = step
                self.page.choose(field, value)
            self.page.press(step)
            self.site.sandbox.advance("1m")   # people take their time, and Stripe's seconds tell what was first
        self.page.press("#return")
        self.page.wait("#subscription")


@pytest.mark.long(60)
def test_from_trial_to_coming_back(site, page):
    stripe = site.sandbox
    stripe.control("POST", "prices", {"id": BUSINESS, "amount": 9900, "product": "Business"})
    stripe.config(dunning_end="unpaid")
    who = Customer(site, page)
    assert page.goto(SITE_FRONTEND) == 200
    page.wait("#register")
    email = f"owner-{fresh_address()}@example.test"
    who.fill("#register", email=email, password=PASSWORD, organization="Acme")
    page.shows("#subscription", "free")
    who.audits(1)
    page.shows("#evidence", " of ")
    who.may_export(False)
    who.is_refused_an_audit("its limit of audits a month is 1.")

    # Trial: nothing to pay, no card.
    who.buys("Pay $0.00", card="none")
    page.shows("#subscription", "trialing")
    who.may_export()
    stripe.advance("12d")
    who.reads("active", "trialing")
    # It ends without a card: paused, not lost.
    stripe.advance("3d")
    who.reads("expired", "paused")
    who.may_export(False)

    # Upgrade: a card, and the subscription goes on.
    who.at_the_portal(("#card", "good", "#change-card"), "#unpause")
    who.reads("active", PRICE)
    who.may_export()

    # What the plan allows is used up.
    who.audits(2)
    who.is_refused_an_audit("its limit of audits a month is 2.")

    # Another plan, which allows more.
    who.at_the_portal(("#price", BUSINESS, "#change-plan"))
    who.reads("active", BUSINESS)
    who.audits(3)
    stripe.advance("32d")
    who.reads("active", BUSINESS)
    who.may_export()

    # A payment fails: grace, and everything goes on; then the end.
    who.at_the_portal(("#card", "bad", "#change-card"))
    stripe.advance("32d")
    who.reads("active", "past_due", "grace until")
    who.may_export()
    stripe.advance("16d")
    who.reads("expired", "unpaid")
    who.may_export(False)

    # Paying with the card that fails does not help, with another it does.
    page.press("#manage")
    page.press("#pay-invoice")
    page.shows("#declined", "refused")
    stripe.advance("1m")
    page.press("#return")
    who.reads("expired")
    who.at_the_portal(("#card", "good", "#change-card"), "#pay-invoice")
    who.reads("active", "active")
    who.may_export()

    # Cancelled, taken back, cancelled: it lasts as long as it is paid for.
    who.at_the_portal("#cancel-at-period-end", "#resume", "#cancel-at-period-end")
    who.reads("active", "ends")
    who.may_export()
    stripe.advance("32d")
    who.reads("canceled")
    who.may_export(False)

    # Coming back: a new subscription, without a second trial.
    who.buys("Pay $49.00")
    who.reads("active", PRICE)
    who.may_export()
    assert [line for line in page.problems() if not SHOWN.search(line)] == []
    subscriptions = stripe.control("GET", "state")["subscriptions"]
    assert [sub["status"] for sub in subscriptions] == ["canceled", "active"]
    assert {sub["customer"] for sub in subscriptions} == {subscriptions[0]["customer"]}
