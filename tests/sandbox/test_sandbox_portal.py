"""Tests of the portal's and the checkout's pages as a person and a screen reader meet them: what each button does,
which events follow, what a flow offers, and that nothing from outside gets into the page as markup.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

import pytest

from sandbox_harness import SUCCESS, checkout, customer, subscribed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BACK = "https://app.example.test/billing"


class Page(HTMLParser):
    """The ids, labels, forms and options of a page."""

    def __init__(self, answer):
        super().__init__()
        self.status, self.text = answer.status, answer.body.decode()
        self.ids, self.labels, self.fields, self.tags, self.sources = [], set(), {}, [], []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "label":
            self.labels.add(attrs["for"])
        if tag in ("select", "input") and attrs.get("type") != "hidden":
            self.fields[attrs["id"]] = attrs
        self.sources += [attrs[name] for name in ("src", "style", "onclick", "data") if name in attrs]


class Portal:
    def __init__(self, sandbox, sub, **flow):
        self.sandbox, self.sub = sandbox, sub
        made = sandbox.call("POST", "/v1/billing_portal/sessions", [
            ("customer", sub["customer"]), ("return_url", BACK), *flow.items()])
        assert made.status == 200, made.body
        self.session = made.json
        self.path = urlsplit(made.json["url"]).path

    def page(self):
        return Page(self.sandbox.request("GET", self.path))

    def press(self, action, **form):
        return self.sandbox.request("POST", self.path + "/" + action,
                                    urlencode({"subscription": self.sub["id"], **form}), FORM)

    def now(self):
        return self.sandbox.call("GET", "/v1/subscriptions/" + self.sub["id"]).json


def told(receiver):
    return [(event["type"].removeprefix("customer.subscription."), event["data"]["object"].get("status"))
            for event in receiver.events]


def whole(page):
    """A page that can be used without seeing it: one of each id, each field with its label, nothing from elsewhere."""
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.fields) == page.labels
    assert "lang=" in page.text and "<title>" in page.text and page.tags.count("main") == 1
    assert not {"script", "img", "iframe", "link"} & set(page.tags) and not page.sources
    assert not re.search(r"url\(|@import|https?://(?!app\.example\.test)", page.text)
    return page


def test_the_page_offers_what_can_be_done(sandbox):
    portal = Portal(sandbox, subscribed(sandbox))
    page = whole(portal.page())
    assert {"pause", "cancel-at-period-end", "cancel-now", "change-card", "change-plan", "card", "price", "quantity",
            "return"} <= set(page.ids)
    assert not {"resume", "unpause", "pay-invoice", "confirm"} & set(page.ids)
    assert portal.press("cancel").status == 303
    page = whole(portal.page())
    assert "return" in page.ids and not {"pause", "cancel-now", "change-card", "change-plan"} & set(page.ids)


def test_two_subscriptions_on_one_page(sandbox):
    sub = subscribed(sandbox)
    sandbox.call("POST", "/v1/subscriptions", [("customer", sub["customer"]), ("items[0][price]", "price_test_premium"),
                                               ("payment_behavior", "default_incomplete")])
    page = whole(Portal(sandbox, sub).page())
    assert {"cancel-now", "cancel-now-2", "card-2", "price-2", "pay-invoice-2"} <= set(page.ids)


def test_somebody_elses_subscription_is_out_of_reach(sandbox):
    portal, other = Portal(sandbox, subscribed(sandbox)), subscribed(sandbox)
    assert other["id"] not in portal.page().text
    for action in ("cancel", "pause", "plan", "card", "cancel_at_period_end"):
        assert portal.press(action, subscription=other["id"], card="bad").status == 404
    assert sandbox.call("GET", "/v1/subscriptions/" + other["id"]).json == other
    answer = sandbox.call("POST", "/v1/billing_portal/sessions", [
        ("customer", portal.sub["customer"]), *flow_of("subscription_cancel", other).items()])
    assert (answer.status, answer.error["code"]) == (400, "resource_missing")


@pytest.mark.parametrize("manner, mode, flag", [
    (None, "flexible", False), (None, "classic", True), ("classic", "flexible", True), ("flexible", "classic", False)])
def test_cancel_at_the_end_in_both_manners(sandbox, receiver, manner, mode, flag):
    if manner:
        sandbox.control("POST", "config", {"portal_cancel": manner})
    sub = subscribed(sandbox, **{"subscription_data[billing_mode][type]": mode})
    portal = Portal(sandbox, sub)
    receiver.clear()
    assert portal.press("cancel_at_period_end").status == 303
    shown = receiver.events[0]["data"]["object"]
    assert (shown["cancel_at_period_end"], shown["cancel_at"]) == (flag, sub["items"]["data"][0]["current_period_end"])
    page = portal.page()
    assert "resume" in page.ids and "cancel-at-period-end" not in page.ids
    assert portal.press("resume").status == 303
    assert portal.now()["cancel_at"] is None and portal.now()["cancel_at_period_end"] is False
    assert told(receiver) == [("updated", "active")] * 2


def test_change_of_plan_and_quantity(sandbox, receiver):
    sandbox.control("POST", "prices", {"id": "price_big", "amount": 9900, "product": "Big"})
    sandbox.control("POST", "prices", {"id": "price_old", "product": "Old", "active": False})
    sandbox.control("POST", "prices", {"id": "price_euro", "product": "Euro", "currency": "eur"})
    portal = Portal(sandbox, subscribed(sandbox))
    text = portal.page().text
    assert 'value="price_big"' in text and "Big, $99.00 per month" in text
    assert "price_old" not in text and "price_euro" not in text
    receiver.clear()
    assert portal.press("plan", price="price_big", quantity="4").status == 303
    item = portal.now()["items"]["data"][0]
    assert (item["price"]["id"], item["quantity"]) == ("price_big", 4)
    assert told(receiver) == [("updated", "active")]
    for bad in ({"price": "price_none"}, {"price": "price_old"}, {"quantity": "many"}, {"quantity": "-1"},
                {"quantity": "1234567"}, {"quantity": "²"}):
        assert portal.press("plan", **bad).status in (400, 409), bad
    assert portal.now()["items"]["data"][0]["quantity"] == 4 and len(receiver.events) == 1


def test_a_card_that_fails_and_one_that_pays(sandbox, receiver):
    sub = subscribed(sandbox)
    portal = Portal(sandbox, sub)
    receiver.clear()
    assert portal.press("card", card="bad").status == 303
    assert told(receiver) == [("updated", "active")]
    assert receiver.events[0]["data"]["previous_attributes"] == {
        "default_payment_method": sub["default_payment_method"]}
    assert "Visa ending 0341" in portal.page().text
    sandbox.control("POST", "clock", {"advance": "32d"})
    portal = Portal(sandbox, sub)
    assert "pay-invoice" in portal.page().ids
    sandbox.settled()
    receiver.clear()
    refused = portal.press("pay")
    assert refused.status == 402 and "declined" in Page(refused).ids
    sandbox.settled()
    assert portal.press("card", card="good").status == 303
    assert portal.press("pay").status == 303
    sandbox.settled()
    assert told(receiver) == [("invoice.payment_failed", "open"), ("updated", "past_due"), ("invoice.paid", "paid"),
                              ("updated", "active")]
    assert "pay-invoice" not in portal.page().ids
    assert portal.press("card", card="gold").status == 400
    assert portal.press("pay").status == 409


def test_pause_and_go_on(sandbox, receiver):
    portal = Portal(sandbox, subscribed(sandbox))
    receiver.clear()
    assert portal.press("pause").status == 303
    page = portal.page()
    assert "unpause" in page.ids and "pause" not in page.ids
    assert portal.press("pause").status == 409
    assert portal.press("unpause").status == 303
    assert told(receiver) == [("updated", "paused"), ("paused", "paused"), ("updated", "active"),
                              ("resumed", "active")]


def flow_of(kind, sub):
    if kind == "payment_method_update":
        return {"flow_data[type]": kind}
    return {"flow_data[type]": kind, "flow_data[%s][subscription]" % kind: sub["id"]}


@pytest.mark.parametrize("kind, offers", [
    ("subscription_cancel", {"cancel-at-period-end", "cancel-now"}), ("subscription_pause", {"pause"}),
    ("subscription_update", {"change-plan"}), ("payment_method_update", {"change-card"})])
def test_a_flow_offers_its_own_only(sandbox, kind, offers):
    sub = subscribed(sandbox)
    portal = Portal(sandbox, sub, **flow_of(kind, sub))
    assert portal.session["flow"]["type"] == kind
    buttons = {"cancel-at-period-end", "cancel-now", "pause", "change-plan", "change-card", "confirm"}
    assert buttons & set(whole(portal.page()).ids) == offers
    other = "card" if kind != "payment_method_update" else "cancel"
    assert portal.press(other, card="bad").status == 404
    assert portal.now() == sub


def test_a_confirmation_flow_and_where_it_leads(sandbox):
    sandbox.control("POST", "prices", {"id": "price_big", "amount": 9900, "product": "Big"})
    sub = subscribed(sandbox)
    name = "flow_data[subscription_update_confirm]"
    flow = {**flow_of("subscription_update_confirm", sub), name + "[items][0][id]": sub["items"]["data"][0]["id"],
            name + "[items][0][price]": "price_big", name + "[items][0][quantity]": "2",
            "flow_data[after_completion][type]": "redirect",
            "flow_data[after_completion][redirect][return_url]": BACK + "?done=1"}
    portal = Portal(sandbox, sub, **flow)
    assert "Change to Big, $99.00 per month" in whole(portal.page()).text
    done = portal.press("confirm")
    assert (done.status, done.headers["Location"]) == (303, BACK + "?done=1")
    item = portal.now()["items"]["data"][0]
    assert (item["price"]["id"], item["quantity"]) == ("price_big", 2)


@pytest.mark.parametrize("flow, param", [
    ({"flow_data[type]": "subscription_cancel"}, "flow_data[subscription_cancel]"),
    ({"flow_data[type]": "subscription_pause", "flow_data[subscription_pause][subscription]": "sub_none"},
     "flow_data[subscription_pause][subscription]"),
    ({"flow_data[type]": "subscription_update_confirm", "flow_data[subscription_update_confirm][subscription]": "SUB",
      "flow_data[subscription_update_confirm][items][0][id]": "si_none"}, "items[0][id]"),
    ({"flow_data[type]": "subscription_delete"}, "flow_data[type]"), ({"return_url": "nowhere"}, "return_url")])
def test_bad_portal_sessions(sandbox, flow, param):
    sub = subscribed(sandbox)
    answer = sandbox.call("POST", "/v1/billing_portal/sessions", [
        ("customer", sub["customer"]), *[(name, value.replace("SUB", sub["id"])) for name, value in flow.items()]])
    assert (answer.status, answer.error["param"]) == (400, param), answer.body


def test_the_hour_of_a_portal_session(sandbox):
    portal = Portal(sandbox, subscribed(sandbox))
    sandbox.control("POST", "clock", {"advance": "61m"})
    assert portal.page().status == 404
    assert portal.press("cancel").status == 404 and portal.now()["status"] == "active"


HOSTILE = "\"><script>alert(1)</script><b id='pay'>&amp;"


def test_hostile_strings_stay_text(sandbox):
    sandbox.control("POST", "prices", {"id": "price_evil", "amount": 1, "product": HOSTILE, "lookup_key": HOSTILE})
    payer = customer(sandbox, name=HOSTILE)
    session = checkout(sandbox, payer, **{"line_items[0][price]": "price_evil", "client_reference_id": HOSTILE,
                                          "cancel_url": "https://app.example.test/?a=%22&b=<b>'"})
    page = whole(Page(sandbox.request("GET", "/c/pay/" + session["id"])))
    assert page.ids.count("pay") == 1 and "b" not in page.tags and {"card"} == set(page.fields)
    assert sandbox.request("POST", "/c/pay/%s/pay" % session["id"], "", FORM).status == 303
    sub, = sandbox.call("GET", "/v1/subscriptions", [("customer", payer)]).json["data"]
    page = whole(Portal(sandbox, sub).page())
    assert "b" not in page.tags and "&lt;script&gt;" in page.text


def test_checkout_asks_for_a_card(sandbox):
    session = checkout(sandbox, **{"subscription_data[trial_period_days]": "14"})
    page = whole(Page(sandbox.request("GET", "/c/pay/" + session["id"])))
    assert 'value="none"' not in page.text
    free = checkout(sandbox, **{"subscription_data[trial_period_days]": "14",
                                "payment_method_collection": "if_required"})
    assert 'value="none"' in whole(Page(sandbox.request("GET", "/c/pay/" + free["id"]))).text
    done = sandbox.request("POST", "/c/pay/%s/pay" % free["id"], "card=none", FORM)
    assert done.headers["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", free["id"])


def test_checkout_writes_the_address_where_it_may(sandbox, receiver):
    sandbox.control("POST", "config", {"enabled_events": ["*"]})
    payer = customer(sandbox)
    session = checkout(sandbox, payer, **{"customer_update[address]": "auto", "automatic_tax[enabled]": "true"})
    assert sandbox.request("POST", "/c/pay/%s/pay" % session["id"], "", FORM).status == 303
    assert sandbox.call("GET", "/v1/customers/" + payer).json["address"]["country"] == "US"
    sandbox.settled()
    assert "customer.updated" in receiver.types
