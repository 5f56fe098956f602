"""The whole life of a customer who has never seen it, with nothing but a mouse, nothing but a keyboard, and on a phone: signs up,
audits a server, is refused the export, pays, exports, invites a colleague who accepts in a browser of their own and is demoted and
removed there, changes the organization's name and deletes it. Then what becomes of a subscription, as the console tells it. Nothing in
the browser's console but silence.
"""

import csv
import io

import pytest

from saastest.client import PASSWORD, fresh_address
from saastest.console import conf
from saastest.hands import Keyboard, Mouse
from saastest.places import free_port

SITE_PORT = free_port()
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf() + """
SaasPlan free
SaasPlan premium price_test_pro_monthly features=export
"""
PHONE = {"viewport": {"width": 360, "height": 740}, "isMobile": True, "hasTouch": True}
# Somebody comes back to their window: then it asks what has changed.
COMES_BACK = "document.dispatchEvent(new Event('visibilitychange'))"


def fits(hand, name):
    """Nothing is wider than the window, and a picture is kept."""
    assert hand.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, name
    hand.picture(name)


def signs_up(hand, **values):
    hand.goto("/")
    hand.follow("Sign up", "main")
    hand.heading("Sign up")
    hand.fill(**values)
    fits(hand, "sign-up")
    hand.press("Sign up", "form")
    hand.heading(values["organization"])
    hand.reads("Start your first audit.")
    fits(hand, "overview-first")


def audits(hand, target):
    hand.follow("Start your first audit.")
    hand.heading("Audits")
    hand.fill(targets=target)
    hand.press("Start the audit")
    hand.page.shows("main .badge", "Completed")
    hand.page.wait(".gridbody [role=row]")
    fits(hand, "audit")
    return hand.at()


def is_refused_and_pays(hand):
    hand.press("Export as CSV")
    hand.page.shows("main [role=alert]", "Upgrade to Premium to export data")
    fits(hand, "refused")
    hand.press("Upgrade", "main [role=alert]")
    hand.click("#pay")
    hand.heading("Your payment")
    hand.reads("The payment has arrived.")
    fits(hand, "paid")
    hand.follow("Go on", "main")
    hand.page.wait("main .score")


def exports(hand, audit):
    hand.follow("Audits", "nav")
    hand.heading("Audits")
    hand.click(f'main a[href$="{audit}"]')
    hand.page.wait(".gridbody [role=row]")
    name, text = hand.take("Export as CSV")
    rows = list(csv.reader(io.StringIO(text)))
    assert name.endswith(".csv") and rows[0][0] == "Resource ID" and len(rows) > 10


def invites(hand, other):
    email = f"colleague-{fresh_address()}@example.test"
    hand.follow("Team", "nav")
    hand.heading("Team")
    hand.fill(email=email)
    hand.press("Invite", "form")
    hand.page.wait("input.secret")
    fits(hand, "invited")
    other.page.goto(hand.page.evaluate("document.querySelector('input.secret').value"))
    other.heading("Join Acme")
    other.reads("Ada", "Member")
    fits(other, "invite")
    other.fill(email=email, password=PASSWORD, name="Cleo")
    other.press("Sign up and accept", "form")
    other.heading("Acme")
    other.page.shows("header .badge", "Member")
    other.follow("Audits", "nav")
    other.page.wait("[name=targets]")


def demotes_and_removes(hand, other):
    hand.page.reload()
    hand.choose_word("select[aria-label='Role of Cleo']", "Viewer")
    hand.page.until("document.querySelector(\"select[aria-label='Role of Cleo']\").value === 'VIEWER'")
    # The colleague has touched nothing.
    other.page.until(f"{COMES_BACK}, document.querySelector('header .badge').textContent === 'Viewer'")
    other.page.until("!document.querySelector('[name=targets]')")
    hand.press("Remove: Cleo")
    hand.press("Remove", "dialog")
    hand.page.until("document.querySelectorAll('main table')[0].tBodies[0].rows.length === 1")
    other.page.until(f"{COMES_BACK}, document.querySelector('main h1').textContent === 'Not found'")
    other.reads("you are not in it")
    fits(other, "removed")


def renames_and_deletes(hand):
    hand.follow("Settings", "nav")
    hand.heading("Settings")
    hand.fill(name="Acme and daughters")
    hand.press("Save", "form")
    hand.reads("Saved.")
    hand.page.shows("header", "Acme and daughters")
    hand.press("Delete the organization")
    hand.fill(typed="Acme and daughters")
    fits(hand, "delete")
    hand.press("Delete for good", "dialog")
    hand.heading("You are in no organization")
    hand.press("Log out", "header")
    hand.heading("You are logged out")
    fits(hand, "logged-out")


def live(site, browser, kind, name, **window):
    """Two people, each in a browser of their own."""
    pages = browser.page(**window), browser.page(**window)
    hand, other = (kind(page, site, "life-" + name) for page in pages)
    try:
        signs_up(hand, email=f"ada-{fresh_address()}@example.test", password=PASSWORD, name="Ada", organization="Acme")
        audit = audits(hand, site.base)
        is_refused_and_pays(hand)
        exports(hand, audit)
        invites(hand, other)
        demotes_and_removes(hand, other)
        renames_and_deletes(hand)
        hand.silent()
        other.silent()
    finally:
        for page in pages:
            page.close()


@pytest.mark.long(30)
def test_a_life_with_the_mouse(site, browser):
    live(site, browser, Mouse, "mouse")


# What the database is makes no difference to hands: each of these on one of them.
@pytest.mark.only_db("sqlite")
def test_a_life_with_the_keyboard(site, browser):
    live(site, browser, Keyboard, "keyboard")


@pytest.mark.only_db("pgsql")
def test_a_life_on_a_phone(site, browser):
    live(site, browser, Mouse, "phone", **PHONE)


def at_the_portal(hand, *steps):
    """From the billing page to Stripe's portal, there through the steps, and back: buttons, or (field, value, button)."""
    hand.follow("Billing", "nav")
    hand.page.press("main button.primary")
    for step in steps:
        if isinstance(step, tuple):
            field, value, step = step
            hand.page.choose(field, value)
        hand.page.press(step)
        hand.site.sandbox.advance("1m")   # people take their time, and Stripe's seconds tell what was first
    hand.page.press("#return")
    hand.heading("Billing")


def reads_anew(hand, *words):
    hand.page.reload()
    hand.reads(*words)


@pytest.mark.long(20)
def test_a_payment_that_fails_grace_and_the_end(site, page, payer):
    stripe, hand = site.sandbox, Mouse(page, site, "life-mouse")
    stripe.config(dunning_end="unpaid")
    page.session(payer)
    hand.goto(f"/o/{payer.org['slug']}/billing")
    hand.reads("Premium, renews on")
    at_the_portal(hand, ("#card", "bad", "#change-card"))
    stripe.advance("32d")
    reads_anew(hand, "The last payment failed. You have access until")
    page.wait("main .notice.bad")
    fits(hand, "grace")
    stripe.advance("16d")
    reads_anew(hand, "Your subscription has expired: a payment failed or is missing.")
    fits(hand, "expired")
    at_the_portal(hand, ("#card", "good", "#change-card"), "#pay-invoice")
    reads_anew(hand, "Premium, renews on")
    at_the_portal(hand, "#cancel-at-period-end")
    reads_anew(hand, "Premium, ends on")
    stripe.advance("32d")
    reads_anew(hand, "Your subscription ended on")
    fits(hand, "ended")
    # And again from the beginning.
    hand.press("Upgrade")
    hand.click("#pay")
    hand.reads("The payment has arrived.")
    hand.silent()
