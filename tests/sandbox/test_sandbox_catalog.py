"""Tests of what is sold: prices of one's own choice, their lists, the items and quantities of a subscription,
and what a checkout may ask of a customer who is there already.
"""

import subprocess

import pytest

from sandbox_harness import HERE, KEY, PRICE, Sandbox, checkout_params, customer, subscribed


def price(sandbox, **fields):
    return sandbox.control("POST", "prices", fields)


def change(sandbox, sub, params, **headers):
    return sandbox.call("POST", "/v1/subscriptions/" + sub["id"], params, **headers)


def test_prices_are_listed_and_filtered(sandbox):
    price(sandbox, id="price_pro", amount=2900, currency="eur", product="Pro", lookup_key="pro")
    price(sandbox, id="price_pro_year", amount=29000, currency="eur", interval="year", product="Pro")
    price(sandbox, id="price_pro_year", active=False)

    def listed(*params):
        answer = sandbox.call("GET", "/v1/prices", params)
        assert answer.status == 200, answer.body
        return [row["id"] for row in answer.json["data"]]
    pro = sandbox.call("GET", "/v1/prices/price_pro", [("expand[0]", "product")]).json
    assert (pro["unit_amount"], pro["currency"], pro["product"]["name"]) == (2900, "eur", "Pro")
    assert listed() == ["price_pro_year", "price_pro", PRICE]
    assert listed(("active", "true")) == ["price_pro", PRICE]
    assert listed(("currency", "eur"), ("recurring[interval]", "year")) == ["price_pro_year"]
    assert listed(("lookup_keys[0]", "pro"), ("lookup_keys[1]", "other")) == ["price_pro"]
    assert listed(("product", pro["product"]["id"])) == ["price_pro_year", "price_pro"]
    assert listed(("type", "one_time")) == []
    first = sandbox.call("GET", "/v1/prices", [("limit", "2"), ("expand[]", "data.product")]).json
    assert first["has_more"] and first["data"][0]["product"]["id"] == pro["product"]["id"]
    assert sandbox.call("GET", "/v1/prices", [("colour", "red")]).error["code"] == "parameter_unknown"
    assert sandbox.call("GET", "/v1/prices", [("type", "free")]).status == 400
    names = [row["name"] for row in sandbox.call("GET", "/v1/products").json["data"]]
    assert names == ["Pro", "Premium"]
    assert sandbox.call("GET", "/v1/products/" + pro["product"]["id"]).json["name"] == "Pro"
    assert sandbox.call("GET", "/v1/products/prod_none").status == 404


def test_a_metered_price_has_no_quantity(sandbox, receiver):
    price(sandbox, id="price_used", amount=5, product="Used", usage="metered")
    payer = customer(sandbox)
    used = {"line_items[0][price]": "price_used"}
    refused = sandbox.call("POST", "/v1/checkout/sessions", checkout_params(payer, **used))
    assert (refused.status, refused.error["param"]) == (400, "line_items[0][quantity]")
    sub = subscribed(sandbox, customer=payer, **used, **{"line_items[0][quantity]": None})
    item = sub["items"]["data"][0]
    assert "quantity" not in item and sub["quantity"] is None
    assert item["price"]["recurring"]["usage_type"] == item["plan"]["usage_type"] == "metered"
    assert receiver.events[2]["data"]["object"]["amount_paid"] == 0
    many = change(sandbox, sub, [("items[0][id]", item["id"]), ("items[0][quantity]", "2")])
    assert (many.status, many.error["param"]) == (400, "items[0][quantity]")
    licensed = change(sandbox, sub, [("items[0][id]", item["id"]), ("items[0][price]", PRICE)]).json
    assert licensed["items"]["data"][0]["quantity"] == 1
    again = change(sandbox, sub, [("items[0][id]", item["id"]), ("items[0][price]", "price_used")]).json
    assert "quantity" not in again["items"]["data"][0]


@pytest.mark.parametrize("second, param", [
    ("price_euro", "line_items"), ("price_yearly", "line_items"), (PRICE, "line_items"),
    ("price_none", "line_items[1][price]")])
def test_prices_that_cannot_be_sold_together(sandbox, second, param):
    price(sandbox, id="price_euro", currency="eur")
    price(sandbox, id="price_yearly", interval="year")
    answer = sandbox.call("POST", "/v1/checkout/sessions", checkout_params(
        customer(sandbox), **{"line_items[1][price]": second, "line_items[1][quantity]": "1"}))
    assert (answer.status, answer.error["param"]) == (400, param)
    answer = sandbox.call("POST", "/v1/subscriptions", [("customer", customer(sandbox)), ("items[0][price]", PRICE),
                                                        ("items[1][price]", second)])
    assert answer.status == 400 and answer.error["param"] == param.replace("line_items", "items")


@pytest.mark.parametrize("fields", [
    {}, {"id": "price pro"}, {"id": "price_x", "amount": -1}, {"id": "price_x", "amount": 1.5},
    {"id": "price_x", "currency": "EUR"}, {"id": "price_x", "interval": "decade"}, {"id": "price_x", "colour": "red"},
    {"id": "price_x", "product": ""}, {"id": "price_x", "usage": "heavy"}, {"id": "price_x", "active": 2}, {"id": PRICE, "amount": 1}])
def test_bad_prices_are_refused(sandbox, fields):
    before = sandbox.control("GET", "state")["prices"]
    sandbox.control("POST", "prices", fields, expect=400)
    assert sandbox.control("GET", "state")["prices"] == before


def test_prices_of_the_command_line(tmp_path):
    other = Sandbox(tmp_path, "--price", "price_team,amount=900,currency=gbp,interval=year,product=Team")
    try:
        team = other.call("GET", "/v1/prices/price_team").json
        assert (team["unit_amount"], team["currency"], team["recurring"]["interval"]) == (900, "gbp", "year")
    finally:
        other.stop()
    for text in ("price_x,amount", "price_x,amount=1,amount=2", "price x", "price_x,interval=decade"):
        refused = subprocess.run(["/usr/bin/python3", str(HERE / "stripe_sandbox.py"), "--secret-key", KEY,
                                  "--price", text], capture_output=True)
        assert refused.returncode == 2 and b"--price" in refused.stderr, text


def test_a_quantity_follows(sandbox, receiver):
    sub = subscribed(sandbox)
    item = sub["items"]["data"][0]
    receiver.clear()
    params = [("items[0][id]", item["id"]), ("items[0][quantity]", "7"), ("proration_behavior", "create_prorations")]
    once = change(sandbox, sub, params, Idempotency_Key="seats-7")
    assert once.json["items"]["data"][0]["quantity"] == once.json["quantity"] == 7
    assert once.json["items"]["data"][0]["current_period_end"] == item["current_period_end"]
    again = change(sandbox, sub, params, Idempotency_Key="seats-7")
    assert again.body == once.body and again.headers["Idempotent-Replayed"] == "true"
    other = change(sandbox, sub, [*params[:1], ("items[0][quantity]", "8")], Idempotency_Key="seats-7")
    assert other.error["type"] == "idempotency_error"
    assert change(sandbox, sub, params).json["quantity"] == 7
    sandbox.settled()
    assert receiver.types == ["customer.subscription.updated"]
    data = receiver.events[0]["data"]
    assert data["previous_attributes"]["quantity"] == 1
    assert data["previous_attributes"]["items"]["data"][0]["quantity"] == 1
    read = sandbox.call("GET", "/v1/subscriptions/" + sub["id"]).json
    assert read["items"]["data"][0]["quantity"] == 7


def test_another_price(sandbox, receiver):
    price(sandbox, id="price_big", amount=9900, product="Big")
    price(sandbox, id="price_year", amount=99000, interval="year", product="Big")
    sub = subscribed(sandbox)
    item = sub["items"]["data"][0]
    receiver.clear()
    same = change(sandbox, sub, [("items[0][id]", item["id"]), ("items[0][price]", "price_big")]).json
    shown = same["items"]["data"][0]
    assert (shown["id"], shown["price"]["id"], shown["plan"]["id"]) == (item["id"], "price_big", "price_big")
    assert shown["current_period_end"] == item["current_period_end"] and same["plan"]["id"] == "price_big"
    sandbox.settled()
    assert receiver.types == ["customer.subscription.updated"]
    year = change(sandbox, sub, [("items[0][id]", item["id"]), ("items[0][price]", "price_year")]).json
    assert year["items"]["data"][0]["current_period_end"] - year["items"]["data"][0]["current_period_start"] \
        > 360 * 86400
    sandbox.settled()
    assert receiver.types[1:] == ["invoice.paid", "customer.subscription.updated"]
    bill = receiver.events[1]["data"]["object"]
    assert (bill["billing_reason"], bill["amount_paid"]) == ("subscription_update", 99000)


def test_items_come_and_go(sandbox):
    price(sandbox, id="price_extra", amount=500, product="Extra")
    sub = subscribed(sandbox)
    old = sub["items"]["data"][0]["id"]
    two = change(sandbox, sub, [("items[0][price]", "price_extra"), ("items[0][quantity]", "3")]).json
    assert [row["quantity"] for row in two["items"]["data"]] == [1, 3]
    assert two["plan"] is None and two["quantity"] is None and two["items"]["total_count"] == 2
    one = change(sandbox, sub, [("items[0][id]", old), ("items[0][deleted]", "true")]).json
    assert one["plan"]["id"] == "price_extra" and one["quantity"] == 3


@pytest.mark.parametrize("params, code, param", [
    ([("items[0][id]", "si_none"), ("items[0][quantity]", "2")], "resource_missing", "items[0][id]"),
    ([("items[0][id]", "ITEM"), ("items[0][price]", "price_none")], "resource_missing", "items[0][price]"),
    ([("items[0][id]", "ITEM"), ("items[0][price]", "price_old")], None, "items[0][price]"),
    ([("items[0][id]", "ITEM"), ("items[0][price]", "price_euro")], None, "items"),
    ([("items[0][id]", "ITEM"), ("items[0][quantity]", "many")], "parameter_invalid_integer", "items[0][quantity]"),
    ([("items[0][id]", "ITEM"), ("items[0][quantity]", "-1")], "parameter_invalid_integer", "items[0][quantity]"),
    ([("items[0][id]", "ITEM"), ("items[0][seats]", "2")], "parameter_unknown", "items[0][seats]"),
    ([("items[0][id]", "ITEM"), ("items[0][deleted]", "true")], None, "items"),
    ([("items[0][quantity]", "2")], "parameter_missing", "items[0][price]"),
    ([("items[0][price]", PRICE)], None, "items"),
    ([("items[0][price]", "price_yearly")], None, "items"),
    ([("proration_behavior", "maybe")], None, "proration_behavior")])
def test_bad_items_change_nothing(sandbox, receiver, params, code, param):
    price(sandbox, id="price_old", active=False)
    price(sandbox, id="price_euro", currency="eur")
    price(sandbox, id="price_yearly", interval="year")
    sub = subscribed(sandbox)
    receiver.clear()
    answer = change(sandbox, sub, [(name, value.replace("ITEM", sub["items"]["data"][0]["id"]))
                                   for name, value in params] + [("metadata[k]", "v")])
    assert answer.status == 400, answer.body
    assert (answer.error.get("code"), answer.error.get("param")) == (code, param)
    assert sandbox.call("GET", "/v1/subscriptions/" + sub["id"]).json == sub
    sandbox.settled()
    assert receiver.deliveries == []


TAX = {"automatic_tax[enabled]": "true"}
TAX_ID = {"tax_id_collection[enabled]": "true"}


@pytest.mark.parametrize("changes, code", [
    (TAX, "customer_tax_location_invalid"), ({**TAX, "customer_update[address]": "never"},
                                             "customer_tax_location_invalid"),
    ({**TAX, "customer_update[address]": "auto"}, "fine"),
    (TAX_ID, None), ({**TAX_ID, "customer_update[address]": "auto"}, None),
    ({**TAX_ID, "customer_update[name]": "auto"}, "fine"),
    ({"allow_promotion_codes": "true", "billing_address_collection": "required",
      "payment_method_collection": "if_required", "line_items[0][quantity]": "3",
      "subscription_data[trial_period_days]": "14",
      "subscription_data[trial_settings][end_behavior][missing_payment_method]": "pause"}, "fine")])
def test_what_checkout_may_ask(sandbox, changes, code):
    payer = customer(sandbox)
    answer = sandbox.call("POST", "/v1/checkout/sessions", checkout_params(payer, **changes))
    if code == "fine":
        assert answer.status == 200, answer.body
        read = sandbox.call("GET", "/v1/checkout/sessions/" + answer.json["id"], [("expand[]", "line_items")]).json
        assert read["tax_id_collection"]["enabled"] is ("tax_id_collection[enabled]" in changes)
        assert read["automatic_tax"]["enabled"] is ("automatic_tax[enabled]" in changes)
        assert str(read["line_items"]["data"][0]["quantity"]) == changes.get("line_items[0][quantity]", "1")
        return
    assert (answer.status, answer.error.get("code")) == (400, code)
    assert sandbox.control("GET", "state")["sessions"] == []


def test_a_known_address_is_enough_for_tax(sandbox):
    payer = customer(sandbox, **{"address[country]": "DE", "address[postal_code]": "10115"})
    assert sandbox.call("POST", "/v1/checkout/sessions", checkout_params(payer, **TAX)).status == 200
    assert sandbox.call("POST", "/v1/customers/" + payer, [("address", "")]).json["address"] is None
    assert sandbox.call("POST", "/v1/checkout/sessions", checkout_params(payer, **TAX)).status == 400


def test_lost_webhooks(sandbox, receiver):
    sandbox.control("POST", "config", {"lose": 2})
    sub = subscribed(sandbox)
    assert receiver.types == ["invoice.paid", "checkout.session.completed"]
    missed = sandbox.call("GET", "/v1/events", [("delivery_success", "false"), ("type", "customer.subscription.*")]).json["data"]
    assert [event["type"] for event in missed] == ["customer.subscription.updated", "customer.subscription.created"]
    assert sandbox.control("GET", "state")["config"]["lose"] == 0
    sandbox.control("POST", "config", {"lose": "all"})
    for quantity in "234":
        change(sandbox, sub, [("items[0][id]", sub["items"]["data"][0]["id"]), ("items[0][quantity]", quantity)])
    assert len(receiver.deliveries) == 2
    sandbox.control("POST", "config", {"lose": 0})
    change(sandbox, sub, [("metadata[a]", "b")])
    sandbox.settled()
    assert receiver.types[2:] == ["customer.subscription.updated"]
    sandbox.control("POST", "config", {"lose": -1}, expect=400)
    sandbox.control("POST", "config", {"lose": True}, expect=400)


@pytest.mark.parametrize("status, code", [(404, "resource_missing"), (429, "rate_limit")])
def test_a_read_that_fails_on_purpose(sandbox, status, code):
    sub = subscribed(sandbox)
    sandbox.fault(match={"method": "GET", "path": "/v1/subscriptions"}, do="status", status=status,
                  headers={"Retry-After": "2"})
    answer = sandbox.call("GET", "/v1/subscriptions/" + sub["id"])
    assert (answer.status, answer.error["code"], answer.headers["Retry-After"]) == (status, code, "2")
    assert sandbox.call("GET", "/v1/subscriptions/" + sub["id"]).json == sub
