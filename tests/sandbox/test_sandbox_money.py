"""Tests of cards, invoices, refunds, features and entitlements, and of subscriptions without a page."""

import pytest

from sandbox_harness import PRICE, customer, subscribed


def good(answer):
    assert answer.status == 200, answer.body
    return answer.json


def post(sandbox, path, *params, **headers):
    return sandbox.call("POST", "/v1/" + path, params, **headers)


def listed(sandbox, path, *params):
    return good(sandbox.call("GET", "/v1/" + path, params))["data"]


def card(sandbox, payer, name="pm_card_visa"):
    made = good(post(sandbox, "payment_methods/%s/attach" % name, ("customer", payer)))["id"]
    good(post(sandbox, "customers/" + payer, ("invoice_settings[default_payment_method]", made)))
    return made


def create(sandbox, payer, *more):
    return post(sandbox, "subscriptions", ("customer", payer), ("items[0][price]", PRICE), *more)


# Subscriptions and invoices

@pytest.mark.parametrize("name, status, types", [
    ("pm_card_visa", "active", ["customer.subscription.created", "invoice.paid", "customer.subscription.updated"]),
    ("pm_card_chargeCustomerFail", "incomplete", ["customer.subscription.created", "invoice.payment_failed"])])
def test_a_subscription_without_a_page(sandbox, receiver, name, status, types):
    payer = customer(sandbox)
    card(sandbox, payer, name)
    made = good(create(sandbox, payer, ("items[0][quantity]", "3"), ("metadata[org_id]", "42")))
    assert (made["status"], made["quantity"], made["metadata"]) == (status, 3, {"org_id": "42"})
    sandbox.settled()
    assert receiver.types == types
    bill = good(sandbox.call("GET", "/v1/invoices/" + made["latest_invoice"]))
    assert (bill["amount_due"], bill["attempt_count"]) == (14700, 1)
    assert bill["status"] == ("paid" if status == "active" else "open")


def test_an_incomplete_subscription_is_paid_in_the_end(sandbox, receiver):
    payer = customer(sandbox)
    made = good(create(sandbox, payer))
    assert made["status"] == "incomplete"
    path = "invoices/%s/pay" % made["latest_invoice"]
    refused = post(sandbox, path)
    assert (refused.status, refused.error["type"], refused.error["code"]) == (402, "card_error", "card_declined")
    card(sandbox, payer)
    sandbox.settled()
    receiver.clear()
    once = post(sandbox, path, Idempotency_Key="pay")
    assert good(once)["status"] == "paid"
    assert post(sandbox, path, Idempotency_Key="pay").headers["Idempotent-Replayed"] == "true"
    assert post(sandbox, path).error["code"] == "invoice_already_paid"
    sandbox.settled()
    assert receiver.types == ["invoice.paid", "customer.subscription.updated"]
    assert receiver.events[1]["data"]["object"]["status"] == "active"


@pytest.mark.parametrize("params, status, param", [
    ([("customer", "cus_none")], 400, "customer"), ([("items[0][price]", "price_none")], 400, "items[0][price]"),
    ([("default_payment_method", "pm_none")], 400, "default_payment_method"), ([("items", "x")], 400, "items"),
    ([("trial_end", "5")], 400, "trial_end"), ([("trial_period_days", "0")], 400, "trial_period_days"),
    ([("payment_behavior", "hope")], 400, "payment_behavior"), ([("colour", "red")], 400, "colour"),
    ([("payment_behavior", "error_if_incomplete")], 402, None)])
def test_bad_subscriptions(sandbox, params, status, param):
    given = {"customer": customer(sandbox), "items[0][price]": PRICE, **dict(params)}
    if "items" in given:
        del given["items[0][price]"]
    answer = post(sandbox, "subscriptions", *given.items())
    assert (answer.status, answer.error.get("param")) == (status, param)
    assert sandbox.control("GET", "state")["subscriptions"] == []


def test_somebody_elses_card_is_refused(sandbox):
    other = card(sandbox, customer(sandbox))
    sub = subscribed(sandbox)
    for path, name in (("customers/" + sub["customer"], "invoice_settings[default_payment_method]"),
                       ("subscriptions/" + sub["id"], "default_payment_method")):
        answer = post(sandbox, path, (name, other))
        assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "resource_missing", name)
    assert post(sandbox, "payment_methods/pm_card_gold/attach", ("customer", sub["customer"])).status == 404
    own, = listed(sandbox, "payment_methods", ("customer", sub["customer"]))
    assert own["id"] == sub["default_payment_method"] and own["card"]["last4"] == "4242"


def test_a_trial_is_ended_or_moved(sandbox, receiver):
    sub = subscribed(sandbox, **{"subscription_data[trial_period_days]": "14"})
    receiver.clear()
    later = sub["trial_end"] + 86400
    assert good(post(sandbox, "subscriptions/" + sub["id"], ("trial_end", str(later))))["trial_end"] == later
    sandbox.settled()  # events of two calls overtake one another
    over = good(post(sandbox, "subscriptions/" + sub["id"], ("trial_end", "now")))
    assert over["status"] == "active"
    assert post(sandbox, "subscriptions/" + sub["id"], ("trial_end", "now")).error["param"] == "trial_end"
    sandbox.settled()
    assert receiver.types == ["customer.subscription.updated", "invoice.paid", "customer.subscription.updated"]
    assert receiver.events[1]["data"]["object"]["amount_paid"] == 4900


def test_pause_and_resume(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    paused = good(post(sandbox, "subscriptions/%s/pause" % sub["id"], Stripe_Version="2026-10-28.endive"))
    assert paused["status_details"]["paused"]["subscription"]["type"] == "pause_requested"
    sandbox.settled()
    assert post(sandbox, "subscriptions/%s/pause" % sub["id"]).status == 400
    again = good(post(sandbox, "subscriptions/%s/resume" % sub["id"], ("billing_cycle_anchor[type]", "unchanged")))
    assert again["items"]["data"][0]["current_period_end"] == sub["items"]["data"][0]["current_period_end"]
    sandbox.settled()
    assert receiver.types == ["customer.subscription.updated", "customer.subscription.paused",
                              "customer.subscription.updated", "customer.subscription.resumed"]
    assert "status_details" not in receiver.events[0]["data"]["object"]  # of an endpoint before endive


def test_resuming_with_a_bad_card_stays_paused(sandbox, receiver):
    sub = subscribed(sandbox, "bad")
    good(post(sandbox, "subscriptions/%s/pause" % sub["id"]))
    sandbox.settled()
    receiver.clear()
    still = good(post(sandbox, "subscriptions/%s/resume" % sub["id"]))
    assert still["status"] == "paused"
    assert still["items"]["data"][0]["current_period_end"] == sub["items"]["data"][0]["current_period_end"]
    sandbox.settled()
    assert receiver.types[0] == "invoice.payment_failed" and "customer.subscription.resumed" not in receiver.types


# Refunds

def test_a_refund_leaves_the_subscription_alone(sandbox, receiver):
    sub = subscribed(sandbox)
    bill = good(sandbox.call("GET", "/v1/invoices/" + sub["latest_invoice"], [("expand[]", "payments")]))
    intent = bill["payments"]["data"][0]["payment"]["payment_intent"]
    paid, = listed(sandbox, "charges", ("payment_intent", intent))
    old = good(sandbox.call("GET", "/v1/invoices/" + bill["id"], Stripe_Version="2025-02-24.acacia"))
    assert old["charge"] == paid["id"] and old["payment_intent"] == intent
    sandbox.control("POST", "config", {"enabled_events": ["*"]})
    receiver.clear()
    part = good(post(sandbox, "refunds", ("payment_intent", intent), ("amount", "1000"), ("metadata[why]", "kind")))
    assert (part["amount"], part["charge"], part["status"], part["metadata"]) == \
        (1000, paid["id"], "succeeded", {"why": "kind"})
    sandbox.settled()  # events of two calls overtake one another
    rest = good(post(sandbox, "refunds", ("charge", paid["id"]), ("reason", "requested_by_customer"),
                     Idempotency_Key="r"))
    assert rest["amount"] == 3900
    assert post(sandbox, "refunds", ("charge", paid["id"]), ("reason", "requested_by_customer"),
                Idempotency_Key="r").headers["Idempotent-Replayed"] == "true"
    assert post(sandbox, "refunds", ("charge", paid["id"])).error["code"] == "charge_already_refunded"
    sandbox.settled()
    assert receiver.types == ["refund.created", "charge.refunded"] * 2
    assert [event["data"]["object"].get("refunded") for event in receiver.events[1::2]] == [False, True]
    assert receiver.events[3]["data"]["previous_attributes"] == {"amount_refunded": 1000}
    assert good(sandbox.call("GET", "/v1/subscriptions/" + sub["id"])) == sub
    assert [row["amount"] for row in listed(sandbox, "refunds", ("charge", paid["id"]))] == [3900, 1000]
    assert good(sandbox.call("GET", "/v1/refunds/" + rest["id"], [("expand[]", "charge")]))["charge"]["refunded"] is True


@pytest.mark.parametrize("params, param", [
    ([], "payment_intent"), ([("charge", "ch_none")], "charge"), ([("payment_intent", "pi_none")], "payment_intent"),
    ([("charge", "CHARGE"), ("payment_intent", "pi_x")], "payment_intent"),
    ([("charge", "CHARGE"), ("amount", "4901")], "amount"), ([("charge", "CHARGE"), ("amount", "0")], "amount"),
    ([("charge", "CHARGE"), ("reason", "mood")], "reason"), ([("charge", "CHARGE"), ("colour", "red")], "colour")])
def test_bad_refunds(sandbox, params, param):
    sub = subscribed(sandbox)
    paid, = listed(sandbox, "charges", ("customer", sub["customer"]))
    answer = post(sandbox, "refunds", *[(name, value.replace("CHARGE", paid["id"])) for name, value in params])
    assert (answer.status, answer.error["param"]) == (400, param)
    assert listed(sandbox, "refunds") == []


# Entitlements

def feature(sandbox, key, product=None):
    made = good(post(sandbox, "entitlements/features", ("lookup_key", key), ("name", key.title())))
    if product:
        good(post(sandbox, "products/%s/features" % product, ("entitlement_feature", made["id"])))
    return made


def keys(rows):
    return sorted(row["lookup_key"] for row in rows)


def test_entitlements_follow_the_subscription(sandbox, receiver):
    sandbox.control("POST", "prices", {"id": "price_big", "product": "Big"})
    small = good(sandbox.call("GET", "/v1/prices/" + PRICE))["product"]
    big = good(sandbox.call("GET", "/v1/prices/price_big"))["product"]
    export = feature(sandbox, "export", small)
    good(post(sandbox, "products/%s/features" % big, ("entitlement_feature", export["id"])))
    feature(sandbox, "import", big)
    sandbox.control("POST", "config", {"enabled_events": ["entitlements.active_entitlement_summary.updated"]})

    sub = subscribed(sandbox)
    sandbox.settled()
    summary = receiver.events[0]["data"]["object"]
    assert summary["object"] == "entitlements.active_entitlement_summary" and summary["customer"] == sub["customer"]
    assert keys(summary["entitlements"]["data"]) == ["export"]
    assert receiver.events[0]["data"]["previous_attributes"] == {"entitlements": {"data": []}}
    has = listed(sandbox, "entitlements/active_entitlements", ("customer", sub["customer"]))
    assert has == summary["entitlements"]["data"] and has[0]["feature"] == export["id"]

    good(post(sandbox, "subscriptions/" + sub["id"], ("items[0][id]", sub["items"]["data"][0]["id"]),
              ("items[0][price]", "price_big")))
    good(post(sandbox, "subscriptions/" + sub["id"], ("metadata[a]", "b")))
    sandbox.settled()
    assert len(receiver.events) == 2
    assert keys(receiver.events[1]["data"]["object"]["entitlements"]["data"]) == ["export", "import"]
    kept = [row for row in receiver.events[1]["data"]["object"]["entitlements"]["data"]
            if row["lookup_key"] == "export"]
    assert kept == has

    late = feature(sandbox, "late", big)
    link, = [row for row in listed(sandbox, "products/%s/features" % big)
             if row["entitlement_feature"]["id"] == late["id"]]
    gone = good(sandbox.call("DELETE", "/v1/products/%s/features/%s" % (big, link["id"])))
    assert gone == {"id": link["id"], "object": "product_feature", "deleted": True}
    assert sandbox.call("DELETE", "/v1/products/%s/features/%s" % (big, link["id"])).status == 404
    good(sandbox.call("DELETE", "/v1/subscriptions/" + sub["id"]))
    sandbox.settled()
    assert [keys(event["data"]["object"]["entitlements"]["data"]) for event in receiver.events[2:]] == \
        [["export", "import", "late"], ["export", "import"], []]
    assert listed(sandbox, "entitlements/active_entitlements", ("customer", sub["customer"])) == []


def test_entitlements_page_by_page(sandbox):
    product = good(sandbox.call("GET", "/v1/prices/" + PRICE))["product"]
    for number in range(5):
        feature(sandbox, "f%d" % number, product)
    sub = subscribed(sandbox)
    path, who = "/v1/entitlements/active_entitlements", ("customer", sub["customer"])
    first = good(sandbox.call("GET", path, [who, ("limit", "3")]))
    rest = good(sandbox.call("GET", path, [who, ("limit", "3"), ("starting_after", first["data"][-1]["id"])]))
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert keys(first["data"] + rest["data"]) == ["f%d" % number for number in range(5)]


def test_bad_features(sandbox):
    product = good(sandbox.call("GET", "/v1/prices/" + PRICE))["product"]
    made = feature(sandbox, "export", product)
    again = post(sandbox, "entitlements/features", ("lookup_key", "export"), ("name", "x"))
    assert again.error["code"] == "resource_already_exists"
    assert post(sandbox, "entitlements/features", ("name", "x")).error["param"] == "lookup_key"
    assert post(sandbox, "products/%s/features" % product, ("entitlement_feature", made["id"])).status == 400
    assert post(sandbox, "products/%s/features" % product, ("entitlement_feature", "feat_x")).status == 400
    assert post(sandbox, "products/prod_x/features", ("entitlement_feature", made["id"])).status == 404
    assert sandbox.call("GET", "/v1/entitlements/active_entitlements").error["param"] == "customer"
    assert sandbox.call("GET", "/v1/entitlements/active_entitlements", [("customer", "cus_x")]).status == 400
    good(post(sandbox, "entitlements/features/" + made["id"], ("active", "false")))
    assert listed(sandbox, "entitlements/features", ("archived", "false")) == []
    assert keys(listed(sandbox, "entitlements/features", ("lookup_key", "export"))) == ["export"]
