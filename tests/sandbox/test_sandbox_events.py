"""Tests of what the sandbox does to others: the pages a person clicks on, the signed
webhooks that follow, their retries and shapes, and the events tests make up.
"""

import json
import socket
import threading
import time
from urllib.parse import urlencode, urlsplit

import pytest

from sandbox_harness import SECRET, SUCCESS, checkout, press, subscribed, verify


def test_pay_page(sandbox, receiver):
    session = checkout(sandbox, client_reference_id="<b>42&")
    assert session["url"].endswith("/c/pay/" + session["id"])
    page = sandbox.request("GET", urlsplit(session["url"]).path)
    text = page.body.decode()
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    for name in ("pay", "decline", "cancel"):
        assert text.count('id="%s"' % name) == 1
    assert "&lt;b&gt;42&amp;" in text and "<b>42" not in text
    assert "Premium" in text and "$49.00" in text

    declined = press(sandbox, session, "decline")
    assert 'id="declined"' in declined.body.decode() and 'id="pay"' in declined.body.decode()
    assert sandbox.call("GET", "/v1/checkout/sessions/" + session["id"]).json["status"] == "open"
    assert receiver.deliveries == []

    paid = press(sandbox, session, "pay")
    assert paid.status == 303
    assert paid.headers["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session["id"])
    assert receiver.types == ["customer.subscription.created", "customer.subscription.updated",
                              "invoice.paid", "checkout.session.completed"]
    created, updated, invoice, completed = [event["data"] for event in receiver.events]
    assert created["object"]["status"] == "incomplete"
    assert updated["object"]["status"] == "active"
    assert updated["previous_attributes"] == {"status": "incomplete", "default_payment_method": None}
    assert updated["object"]["metadata"] == {"org_id": "42"}
    assert invoice["object"]["parent"]["subscription_details"]["subscription"] == \
        updated["object"]["id"]
    assert completed["object"]["subscription"] == updated["object"]["id"]
    assert completed["object"]["client_reference_id"] == "<b>42&"
    assert completed["object"]["ui_mode"] == "hosted" and completed["object"]["url"] is None

    assert press(sandbox, session, "pay").status == 409
    assert press(sandbox, session, "decline").status == 409
    assert len(receiver.deliveries) == 4
    assert 'id="pay"' not in sandbox.request("GET", "/c/pay/" + session["id"]).body.decode()


def test_pay_twice_at_once(sandbox):
    session = checkout(sandbox)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(press(sandbox, session, "pay").status))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [409] * 7
    assert len(sandbox.control("GET", "state")["subscriptions"]) == 1


def test_expired_session(sandbox, receiver):
    session = checkout(sandbox)
    expired = sandbox.call("POST", "/v1/checkout/sessions/%s/expire" % session["id"]).json
    assert (expired["status"], expired["url"]) == ("expired", None)
    assert press(sandbox, session, "pay").status == 409
    assert 'id="expired"' in sandbox.request("GET", "/c/pay/" + session["id"]).body.decode()
    assert sandbox.call("POST", "/v1/checkout/sessions/%s/expire" % session["id"]).status == 400
    assert press(sandbox, {"id": "cs_test_none"}, "pay").status == 404
    assert sandbox.control("GET", "state")["subscriptions"] == []


def test_trial(sandbox, receiver):
    sub = subscribed(sandbox, **{"subscription_data[trial_period_days]": "14"})
    assert sub["status"] == "trialing"
    assert sub["trial_end"] == sub["items"]["data"][0]["current_period_end"]
    assert receiver.events[-1]["data"]["object"]["payment_status"] == "no_payment_required"


def test_email_only_session_makes_a_customer(sandbox):
    session = checkout(sandbox, "unused", customer=None, customer_email="new@example.test")
    assert session["customer"] is None
    assert press(sandbox, session, "pay").status == 303
    paid = sandbox.call("GET", "/v1/checkout/sessions/" + session["id"],
                        [("expand[]", "customer")]).json
    assert paid["customer"]["email"] == "new@example.test"


def test_signature(sandbox, receiver):
    sandbox.control("POST", "config", {"webhook_secret": ["whsec_new", SECRET]})
    subscribed(sandbox)
    for at, headers, body in receiver.deliveries:
        assert abs(verify(headers, body, "whsec_new", SECRET) - at) <= 2
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode() == body


def test_retry(sandbox, receiver):
    receiver.statuses = [500, 200, 200, 200, 302, 503]
    session = checkout(sandbox)
    assert press(sandbox, session, "pay").status == 303
    assert receiver.types.count("customer.subscription.created") >= 2
    events = sandbox.control("GET", "state")["events"]
    tried = {row["event"]["type"]: [attempt["status"] for attempt in row["attempts"]]
             for row in events if row["state"] == "delivered"}
    assert len(tried) == 4
    assert sum(len(statuses) for statuses in tried.values()) == 7
    assert all(statuses[-1] == 200 for statuses in tried.values())
    bodies = [body for _, _, body in receiver.deliveries
              if json.loads(body)["type"] == "customer.subscription.created"]
    assert len(set(bodies)) == 1


def test_giving_up_and_the_list_of_missed_events(sandbox, receiver):
    receiver.statuses = [500] * 16
    session = checkout(sandbox)
    assert press(sandbox, session, "pay").status == 303
    missed = sandbox.call("GET", "/v1/events", [("delivery_success", "false"),
                                                ("types[]", "invoice.paid")]).json["data"]
    assert [event["type"] for event in missed] == ["invoice.paid"]
    assert missed[0]["pending_webhooks"] == 1
    assert len(receiver.deliveries) == 16
    again = sandbox.control("POST", "events/%s/resend" % missed[0]["id"])
    assert again["deliveries"][0]["status"] == 200
    first = [body for _, _, body in receiver.deliveries if b'"invoice.paid"' in body]
    assert len(set(first)) == 1


def test_retries_are_signed_anew(sandbox, receiver):
    sandbox.control("POST", "config", {"retry": [1.1]})
    receiver.statuses = [500]
    subscribed(sandbox)
    stamps = [verify(headers, body, SECRET) for _, headers, body in receiver.deliveries
              if json.loads(body)["type"] == "customer.subscription.created"]
    assert len(stamps) == 2 and stamps[1] > stamps[0]


def test_slow_endpoint_does_not_hold_the_redirect_for_ever(sandbox, receiver):
    sandbox.control("POST", "config", {"redirect_wait": 0.3})
    receiver.pause = 3
    started = time.monotonic()
    assert press(sandbox, checkout(sandbox), "pay").status == 303
    assert time.monotonic() - started < 2.5


def test_dead_endpoint(sandbox):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sandbox.control("POST", "config", {
            "webhook_url": "http://127.0.0.1:%d/" % unused.getsockname()[1]})
        assert press(sandbox, checkout(sandbox), "pay").status == 303
    rows = sandbox.control("GET", "state")["events"]
    failed = [row for row in rows if row["state"] == "failed"]
    assert len(failed) == 4 and all(len(row["attempts"]) == 4 for row in failed)
    assert "Connection" in failed[0]["attempts"][0]["error"]


def test_pause_and_order(sandbox, receiver):
    sandbox.control("POST", "config", {"paused": True, "order": "reverse"})
    subscribed(sandbox)
    assert receiver.deliveries == []
    released = sandbox.control("POST", "config", {"paused": False})["released"]
    assert len(released) == 4
    assert receiver.types == ["checkout.session.completed", "invoice.paid",
                              "customer.subscription.updated", "customer.subscription.created"]


@pytest.mark.parametrize("version, top, item", [
    ("mixed", True, True), ("acacia", True, False), ("basil", False, True), ("endive", False, True)])
def test_generations(sandbox, receiver, version, top, item):
    sandbox.control("POST", "config", {"api_version": version})
    sub = subscribed(sandbox)
    event = receiver.events[1]
    shown = event["data"]["object"]
    assert ("current_period_end" in shown) is top
    assert ("current_period_end" in shown["items"]["data"][0]) is item
    invoice = receiver.events[2]["data"]["object"]
    assert ("subscription" in invoice) is top and ("parent" in invoice) is not top
    assert event["api_version"] in sandbox.control("GET", "state")["config"]["api_version"]
    old = sandbox.call("GET", "/v1/subscriptions/" + sub["id"], Stripe_Version="2025-02-24.acacia")
    assert "current_period_end" in old.json
    for stripe_version, old_shape in (("2025-02-24.acacia", True), ("2026-10-28.endive", False)):
        expanded = sandbox.call("GET", "/v1/subscriptions/" + sub["id"], [
            ("expand[]", "latest_invoice"), ("expand[]", "items.data.price.product")],
            Stripe_Version=stripe_version)
        bill = expanded.json["latest_invoice"]
        assert ("parent" in bill) is not old_shape
        assert ("price" in bill["lines"]["data"][0]) is old_shape
        assert bill["customer"] == sub["customer"]
        assert expanded.json["items"]["data"][0]["price"]["product"]["object"] == "product"
        assert b'"_p' not in expanded.body
    assert all(b'"_p' not in body for _, _, body in receiver.deliveries)
    kept = sandbox.call("GET", "/v1/events/" + event["id"], Stripe_Version="2025-02-24.acacia").json
    assert kept["data"] == event["data"]


def test_portal(sandbox, receiver):
    sub = subscribed(sandbox)
    made = sandbox.call("POST", "/v1/billing_portal/sessions", [
        ("customer", sub["customer"]), ("return_url", "https://app.example.test/b")]).json
    path = urlsplit(made["url"]).path
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def do(action, wanted=sub["id"]):
        return sandbox.request("POST", path + "/" + action, urlencode({"subscription": wanted}), form)
    text = sandbox.request("GET", path).body.decode()
    assert 'id="cancel-at-period-end"' in text and 'id="cancel-now"' in text
    assert 'id="resume"' not in text and 'id="return"' in text
    receiver.clear()
    assert do("cancel_at_period_end").status == 303
    shown = receiver.events[0]["data"]
    assert shown["object"]["cancel_at"] == shown["object"]["items"]["data"][0]["current_period_end"]
    assert shown["object"]["cancel_at_period_end"] is False
    assert shown["previous_attributes"]["cancel_at"] is None
    assert 'id="resume"' in sandbox.request("GET", path).body.decode()
    assert do("resume").status == 303
    assert receiver.events[1]["data"]["object"]["cancel_at"] is None
    assert do("cancel").status == 303
    assert receiver.types[2] == "customer.subscription.deleted"
    assert do("cancel").status == 409
    assert do("cancel", "sub_other").status == 404
    assert do("nonsense").status == 404
    assert sandbox.request("GET", "/p/session/test_none").status == 404
    assert sandbox.request("POST", path + "/cancel", b"subscription=%zz", form).status == 400
    assert len(receiver.deliveries) == 3


def test_transitions(sandbox, receiver):
    sub = subscribed(sandbox)
    path = "subscriptions/%s/transition" % sub["id"]
    receiver.clear()

    def go(**wish):
        before = len(receiver.deliveries)
        answer = sandbox.control("POST", path, wish)
        assert answer["answered"] is True
        return answer["subscription"], receiver.types[before:]
    end = sub["items"]["data"][0]["current_period_end"]
    now, types = go(renew=True)
    assert now["items"]["data"][0]["current_period_start"] == end
    assert types == ["invoice.paid", "customer.subscription.updated"]
    now, types = go(status="past_due")
    assert types == ["invoice.payment_failed", "customer.subscription.updated"]
    assert go(status="active")[1] == ["invoice.paid", "customer.subscription.updated"]
    assert go(status="unpaid")[1] == ["customer.subscription.updated"]
    assert go(status="paused")[1] == ["customer.subscription.updated", "customer.subscription.paused"]
    assert go(status="active")[1] == ["customer.subscription.updated",
                                      "customer.subscription.resumed"]
    assert go(trial_will_end=True)[1] == ["customer.subscription.trial_will_end"]
    assert go(status="canceled", created=1234567890)[1] == ["customer.subscription.deleted"]
    assert receiver.events[-1]["created"] == 1234567890
    sandbox.control("POST", path, {"status": "active"}, expect=400)
    assert go(status="active", force=True)[0]["ended_at"] is None
    sandbox.control("POST", path, {"statsu": "active"}, expect=400)
    sandbox.control("POST", path, {"status": "odd"}, expect=400)
    sandbox.control("POST", "subscriptions/sub_none/transition", {}, expect=404)
    silent = len(receiver.deliveries)
    sandbox.control("POST", path, {"status": "unpaid", "send": False})
    assert len(receiver.deliveries) == silent


def test_made_up_events(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    raw = {"id": "evt_raw", "object": "event", "type": "product.updated", "data": {"object": {}}}
    answer = sandbox.control("POST", "events", {"event": raw, "options": {"count": 8}})
    assert [row["status"] for row in answer["deliveries"]] == [200] * 8
    assert receiver.events == [raw] * 8
    for _, headers, body in receiver.deliveries:
        verify(headers, body, SECRET)

    receiver.clear()
    answer = sandbox.control("POST", "events", {
        "type": "customer.subscription.updated", "object": sub["id"], "id": "evt_mine",
        "created": 5, "livemode": True, "account": "acct_1",
        "options": {"secret": "whsec_wrong", "t_offset": -400}})
    at, headers, body = receiver.deliveries[0]
    assert abs(verify(headers, body, "whsec_wrong") + 400 - at) <= 2
    event = receiver.events[0]
    assert (event["id"], event["created"], event["livemode"], event["account"]) == \
        ("evt_mine", 5, True, "acct_1")
    assert event["data"]["object"]["id"] == sub["id"]
    assert sandbox.call("GET", "/v1/events/evt_mine").json["created"] == 5

    receiver.clear()
    odd = {"type": "x.y", "object": {"object": "subscription", "partial": True}}
    sandbox.control("POST", "events", odd)
    assert receiver.events[0]["data"]["object"] == odd["object"]
    sandbox.control("POST", "events", {"options": {"body": "no json", "signature": "t=1,v1=00"}})
    assert receiver.deliveries[1][1]["Stripe-Signature"] == "t=1,v1=00"
    assert receiver.deliveries[1][2] == b"no json"
    sandbox.control("POST", "events", {"options": {"body_b64": "AP8=", "signature": None}})
    assert receiver.deliveries[2][2] == b"\x00\xff"
    assert "Stripe-Signature" not in receiver.deliveries[2][1]
    receiver.statuses = [418]
    assert sandbox.control("POST", "events", {"event": raw})["deliveries"][0]["status"] == 418
    for bad in ({"event": raw, "options": {"coutn": 1}}, {"event": raw, "x": 1}, {"object": {}},
                {"event": raw, "options": {"count": 0}}, {"type": "a", "object": "sub_none"}):
        sandbox.control("POST", "events", bad, expect=400)


@pytest.mark.parametrize("config", [
    {"paused": "yes"}, {"webhook_url": "ftp://x"}, {"retry": ["a"]}, {"order": "odd"}, {"x": 1},
    {"webhook_secret": ""}, {"webhook_secret": []}, {"api_version": "odd"}])
def test_bad_config_is_refused(sandbox, config):
    sandbox.control("POST", "config", config, expect=400)
