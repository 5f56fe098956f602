"""Tests of the sandbox's clock: what falls due by itself, in which order, at which time, with which events."""

import time
from email.utils import parsedate_to_datetime

import pytest

from sandbox_harness import checkout, customer, press, subscribed, verify, SECRET

HOUR, DAY = 3600, 86400
TRIAL = {"subscription_data[trial_period_days]": "14"}
FREE_TRIAL = {**TRIAL, "payment_method_collection": "if_required"}
MISSING = "subscription_data[trial_settings][end_behavior][missing_payment_method]"


def advance(sandbox, by):
    answer = sandbox.control("POST", "clock", {"advance": by})
    assert answer["answered"] is True
    return [row["event"] for row in answer["events"]]


def told(events):
    """The events as one reads them: type, and the status of a subscription."""
    return [(event["type"].removeprefix("customer.subscription."), event["data"]["object"]["status"])
            for event in events]


def read(sandbox, sub):
    return sandbox.call("GET", "/v1/subscriptions/" + sub["id"]).json


def end_of(sub):
    return sub["items"]["data"][0]["current_period_end"]


def test_the_clock_is_read_and_goes_forward_only(sandbox):
    start = sandbox.control("GET", "clock")
    assert abs(start["now"] - time.time()) <= 60 and start["ahead"] == 0
    assert sandbox.control("POST", "clock", {"advance": 90})["ahead"] == 90
    assert sandbox.control("POST", "clock", {"advance": "2h"})["ahead"] == 90 + 2 * HOUR
    there = sandbox.control("GET", "clock")["now"] + DAY
    assert sandbox.control("POST", "clock", {"to": there})["now"] - there <= 60
    made = sandbox.call("GET", "/v1/customers/" + customer(sandbox)).json
    assert 0 <= made["created"] - there <= 60
    said = sandbox.call("GET", "/v1/prices").headers["Date"]
    assert 0 <= parsedate_to_datetime(said).timestamp() - there <= 60
    for bad in ({"to": there - 60}, {"advance": "1 day"}, {"advance": -1}, {"advance": True}, {"to": "x"}, {},
                {"advance": 1, "to": there}, {"advance": "9999d"}, {"set": there}, {"jump": 1}):
        sandbox.control("POST", "clock", bad, expect=400)
    assert sandbox.control("GET", "clock")["now"] - there <= 60
    sandbox.control("POST", "reset")
    assert sandbox.control("GET", "clock")["ahead"] == 0
    long_ago = int(time.time()) - 60 * DAY
    assert sandbox.control("POST", "clock", {"set": long_ago})["ahead"] <= -60 * DAY
    assert abs(end_of(subscribed(sandbox)) - long_ago - 30 * DAY) < 3 * DAY


@pytest.mark.parametrize("card, then", [
    ("good", [("invoice.paid", "paid")]),
    ("bad", [("invoice.payment_failed", "open"), ("updated", "past_due")])])
def test_a_trial_ends(sandbox, receiver, card, then):
    sub = subscribed(sandbox, card, **TRIAL)
    receiver.clear()
    assert told(advance(sandbox, "10d")) == []
    warning, = advance(sandbox, "2d")
    assert warning["type"] == "customer.subscription.trial_will_end"
    assert warning["created"] == sub["trial_end"] - 3 * DAY
    over, *charged = advance(sandbox, "3d")
    assert told([over]) == [("updated", "active")]
    assert over["created"] == sub["trial_end"] and over["data"]["previous_attributes"]["status"] == "trialing"
    assert over["data"]["object"]["items"]["data"][0]["current_period_start"] == sub["trial_end"]
    assert told(charged) == then
    assert {event["created"] for event in charged} == {sub["trial_end"] + HOUR}
    assert charged[0]["data"]["object"]["amount_due"] == 4900
    assert receiver.events == [warning, over, *charged]
    for at, headers, body in receiver.deliveries:
        assert abs(verify(headers, body, SECRET) - at) <= 60


@pytest.mark.parametrize("wanted, then", [
    ("pause", [("updated", "paused"), ("paused", "paused")]),
    ("cancel", [("deleted", "canceled")]),
    ("create_invoice", [("updated", "active"), ("invoice.payment_failed", "open"), ("updated", "past_due")])])
def test_a_trial_ends_without_a_card(sandbox, wanted, then):
    sub = subscribed(sandbox, "none", **FREE_TRIAL, **{MISSING: wanted})
    assert sub["status"] == "trialing" and sub["default_payment_method"] is None
    assert told(advance(sandbox, "15d")) == [("trial_will_end", "trialing"), *then]
    assert read(sandbox, sub)["status"] == then[-1][1]


def test_a_card_can_be_left_out_of_what_is_free_only(sandbox):
    for changes in ({}, TRIAL, {"payment_method_collection": "if_required"}):
        assert press(sandbox, checkout(sandbox, **changes), "pay", card="none").status == 409
    assert press(sandbox, checkout(sandbox), "pay", card="gold").status == 400
    assert sandbox.control("GET", "state")["subscriptions"] == []


def test_a_trial_of_two_days_is_warned_of_at_once(sandbox):
    sub = subscribed(sandbox, **{"subscription_data[trial_period_days]": "2"})
    warning, = advance(sandbox, 0)
    assert (warning["type"], warning["created"] - sub["created"] <= 60) == ("customer.subscription.trial_will_end", True)


def test_several_periods_in_one_step(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    events = advance(sandbox, "95d")
    assert told(events) == [("updated", "active"), ("invoice.paid", "paid")] * 3
    times = [event["created"] for event in events]
    assert times == sorted(times) and times[0] == end_of(sub) and times[1] == end_of(sub) + HOUR
    assert [event["data"]["object"]["items"]["data"][0]["current_period_start"] for event in events[::2]] == times[::2]
    assert [event["id"] for event in receiver.events] == [event["id"] for event in events]
    bills = sandbox.call("GET", "/v1/invoices", [("subscription", sub["id"])]).json["data"]
    assert [(bill["status"], bill["billing_reason"]) for bill in bills] == \
        [("paid", "subscription_cycle")] * 3 + [("paid", "subscription_create")]
    listed = sandbox.call("GET", "/v1/events", [("created[gte]", str(times[4])), ("type", "invoice.*")]).json["data"]
    assert [event["id"] for event in listed] == [events[5]["id"]]


def test_events_are_kept_for_thirty_days(sandbox):
    subscribed(sandbox)
    event = sandbox.call("GET", "/v1/events", [("type", "invoice.paid")]).json["data"][0]
    advance(sandbox, "29d")
    assert sandbox.call("GET", "/v1/events/" + event["id"]).json["id"] == event["id"]
    advance(sandbox, "1d")
    assert sandbox.call("GET", "/v1/events/" + event["id"]).error["code"] == "resource_missing"
    listed = sandbox.call("GET", "/v1/events", [("limit", "100")]).json["data"]
    assert event["id"] not in [row["id"] for row in listed]


def test_an_idempotency_key_is_kept_for_a_day(sandbox):
    def create():
        return sandbox.call("POST", "/v1/customers", [("email", "a@b.test")], Idempotency_Key="day")
    first = create()
    advance(sandbox, "23h")
    assert create().json["id"] == first.json["id"]
    advance(sandbox, "1h")
    later = create()
    assert later.json["id"] != first.json["id"] and "Idempotent-Replayed" not in later.headers
    assert create().json["id"] == later.json["id"]


def test_a_draft_is_charged_an_hour_later(sandbox):
    sub = subscribed(sandbox)
    sandbox.control("POST", "clock", {"to": end_of(sub) + 60})
    bill = sandbox.call("GET", "/v1/invoices/" + read(sandbox, sub)["latest_invoice"]).json
    assert (bill["status"], bill["attempted"], bill["status_transitions"]["finalized_at"]) == ("draft", False, None)
    sandbox.control("POST", "clock", {"to": end_of(sub) + HOUR})
    bill = sandbox.call("GET", "/v1/invoices/" + bill["id"]).json
    assert (bill["status"], bill["attempt_count"], bill["amount_paid"]) == ("paid", 1, 4900)


@pytest.mark.parametrize("end, last", [
    ("canceled", [("deleted", "canceled")]), ("unpaid", [("updated", "unpaid")]), ("past_due", [])])
def test_dunning(sandbox, end, last):
    sandbox.control("POST", "config", {"dunning": [1, 2], "dunning_end": end})
    sub = subscribed(sandbox, "bad")
    due = end_of(sub) + HOUR
    sandbox.control("POST", "clock", {"to": due + 7 * DAY})
    events = [row for row in reversed(sandbox.call("GET", "/v1/events", [
        ("created[gte]", str(end_of(sub))), ("limit", "50")]).json["data"])]
    failed = ("invoice.payment_failed", "open")
    assert told(events) == [("updated", "active"), failed, ("updated", "past_due"), failed, failed, *last]
    tries = [event for event in events if event["type"] == "invoice.payment_failed"]
    assert [event["created"] for event in tries] == [due, due + DAY, due + 3 * DAY]
    assert [event["data"]["object"]["attempt_count"] for event in tries] == [1, 2, 3]
    assert [event["data"]["object"]["next_payment_attempt"] for event in tries] == [due + DAY, due + 3 * DAY, None]
    now = read(sandbox, sub)
    assert now["status"] == end
    assert now["cancellation_details"]["reason"] == ("payment_failed" if end == "canceled" else None)
    for bad in ({"dunning": 3}, {"dunning": [0]}, {"dunning_end": "active"}, {"portal_cancel": "odd"}):
        sandbox.control("POST", "config", bad, expect=400)


def test_dunning_ends_with_another_card(sandbox):
    sub = subscribed(sandbox, "bad")
    sandbox.control("POST", "clock", {"to": end_of(sub) + 2 * HOUR})
    assert read(sandbox, sub)["status"] == "past_due"
    sandbox.control("POST", "customers/%s/card" % sub["customer"], {"card": "good"})
    sandbox.control("POST", "customers/%s/card" % sub["customer"], {"card": "gold"}, expect=400)
    sandbox.control("POST", "customers/cus_none/card", {"card": "good"}, expect=404)
    assert told(advance(sandbox, "4d")) == [("invoice.paid", "paid"), ("updated", "active")]


def test_unpaid_goes_on_with_drafts_that_nobody_charges(sandbox):
    sandbox.control("POST", "config", {"dunning": [], "dunning_end": "unpaid"})
    sub = subscribed(sandbox, "bad")
    sandbox.control("POST", "clock", {"to": end_of(sub) + 2 * HOUR})
    assert read(sandbox, sub)["status"] == "unpaid"
    assert told(advance(sandbox, "32d")) == [("updated", "unpaid")]
    latest = read(sandbox, sub)["latest_invoice"]
    assert sandbox.call("GET", "/v1/invoices/" + latest).json["status"] == "draft"


@pytest.mark.parametrize("wish", [{"cancel_at_period_end": "true"}, {"cancel_at": "min_period_end"}, {"cancel_at": 5}])
def test_a_scheduled_cancel_comes(sandbox, wish):
    sub = subscribed(sandbox)
    if wish.get("cancel_at") == 5:
        wish = {"cancel_at": str(sub["created"] + 5 * DAY)}
    when = int(wish["cancel_at"]) if wish.get("cancel_at", "m").isdigit() else end_of(sub)
    assert sandbox.call("POST", "/v1/subscriptions/" + sub["id"], list(wish.items())).status == 200
    event, = advance(sandbox, "40d")
    assert (event["type"], event["created"]) == ("customer.subscription.deleted", when)
    assert (event["data"]["object"]["ended_at"], event["data"]["object"]["status"]) == (when, "canceled")
    assert advance(sandbox, "100d") == []


def test_a_cancel_taken_back_does_not_come(sandbox):
    sub = subscribed(sandbox)
    for value in ("true", "false"):
        sandbox.call("POST", "/v1/subscriptions/" + sub["id"], [("cancel_at_period_end", value)])
    assert told(advance(sandbox, "32d")) == [("updated", "active"), ("invoice.paid", "paid")]


@pytest.mark.parametrize("by, then", [("22h", []), ("23h", [("updated", "incomplete_expired")])])
def test_a_first_payment_that_never_comes(sandbox, by, then):
    payer = customer(sandbox)
    made = sandbox.call("POST", "/v1/subscriptions", [
        ("customer", payer), ("items[0][price]", "price_test_premium"),
        ("payment_behavior", "default_incomplete")]).json
    assert made["status"] == "incomplete"
    sandbox.control("POST", "config", {"enabled_events": ["*"]})
    assert told(advance(sandbox, by)) == then
    assert read(sandbox, made)["status"] == (then[0][1] if then else "incomplete")
    bill = sandbox.call("GET", "/v1/invoices/" + made["latest_invoice"]).json
    assert bill["status"] == ("void" if then else "open")


def test_a_checkout_expires_after_a_day(sandbox):
    session = checkout(sandbox)
    assert advance(sandbox, "23h") == []
    event, = advance(sandbox, "1h")
    assert (event["type"], event["created"]) == ("checkout.session.expired", session["expires_at"])
    assert press(sandbox, session, "pay").status == 409


@pytest.mark.parametrize("behavior, status", [
    ("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")])
def test_paused_collection(sandbox, behavior, status):
    sub = subscribed(sandbox)
    sandbox.call("POST", "/v1/subscriptions/" + sub["id"], [
        ("pause_collection[behavior]", behavior),
        ("pause_collection[resumes_at]", str(end_of(sub) + 10 * DAY))])
    assert told(advance(sandbox, "33d")) == [("updated", "active")]
    bill = sandbox.call("GET", "/v1/invoices/" + read(sandbox, sub)["latest_invoice"]).json
    assert bill["status"] == status
    resumed, = advance(sandbox, "10d")
    assert resumed["data"]["previous_attributes"]["pause_collection"]["behavior"] == behavior
    assert resumed["data"]["object"]["pause_collection"] is None


def test_nothing_of_a_paused_subscription_falls_due(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    assert sandbox.call("POST", "/v1/subscriptions/%s/pause" % sub["id"]).json["status"] == "paused"
    sandbox.settled()  # events of two calls overtake one another
    assert advance(sandbox, "90d") == []
    again = sandbox.call("POST", "/v1/subscriptions/%s/resume" % sub["id"]).json
    now = sandbox.control("GET", "clock")["now"]
    sandbox.settled()
    assert receiver.types == ["customer.subscription.updated", "customer.subscription.paused", "invoice.paid",
                              "customer.subscription.updated", "customer.subscription.resumed"]
    assert again["status"] == "active" and 0 <= now - again["items"]["data"][0]["current_period_start"] <= 60
    assert sandbox.call("POST", "/v1/subscriptions/%s/resume" % sub["id"]).status == 400


def test_two_subscriptions_in_order_of_time(sandbox):
    first = subscribed(sandbox, **TRIAL)
    second = subscribed(sandbox, **{"subscription_data[trial_period_days]": "13"})
    events = advance(sandbox, "20d")
    assert [event["created"] for event in events] == sorted(event["created"] for event in events)
    whose = [event["data"]["object"]["id"] for event in events if event["type"] == "customer.subscription.updated"]
    assert whose == [second["id"], first["id"]]


def test_events_of_a_clock_step_can_be_lost(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    sandbox.control("POST", "config", {"lose": "all"})
    assert len(advance(sandbox, "32d")) == 2
    assert receiver.deliveries == []
    missed = sandbox.call("GET", "/v1/events", [("delivery_success", "false")]).json["data"]
    assert [event["data"]["object"]["id"] for event in missed[1:]] == [sub["id"]]


@pytest.mark.parametrize("version, top", [("mixed", True), ("acacia", True), ("endive", False)])
def test_shapes_of_what_falls_due(sandbox, version, top):
    sandbox.control("POST", "config", {"api_version": version})
    subscribed(sandbox)
    updated, paid = advance(sandbox, "32d")
    assert ("current_period_end" in updated["data"]["object"]) is top
    assert ("subscription" in paid["data"]["object"]) is top
    old = updated["data"]["previous_attributes"]
    assert ("current_period_end" in old) is top
