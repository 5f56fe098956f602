"""Checkout through the Stripe sandbox: what is asked of Stripe, and what is told to people when it fails."""

import threading

import pytest
import requests

from saastest import seed, stripe


def checkout(person, body=None):
    return person.post("billing/checkout-session/", {} if body is None else body)


def calls(site, since, path):
    return [r for r in site.sandbox.requests()[since:] if r["method"] == "POST" and r["path"] == path]


def params(call):
    return {k: v for k, v in call["params"]}


@pytest.fixture
def since(site):
    site.sandbox.clear_faults()
    yield len(site.sandbox.requests())
    site.sandbox.clear_faults()


def test_checkout_asks_stripe_what_the_contract_says(site, person, since):
    reply = checkout(person)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert set(body) == {"checkout_url", "session_id"} and body["session_id"].startswith("cs_")
    customers, sessions = calls(site, since, "/v1/customers"), calls(site, since, "/v1/checkout/sessions")
    assert len(customers) == 1 and len(sessions) == 1
    assert params(customers[0])["metadata[org_id]"] == person.org["id"]
    sent = params(sessions[0])
    assert sent["mode"] == "subscription" and sent["client_reference_id"] == person.org["id"]
    assert sent["customer"].startswith("cus_")
    assert sent["line_items[0][price]"] == site.price and sent["line_items[0][quantity]"] == "1"
    assert sent["metadata[org_id]"] == sent["subscription_data[metadata][org_id]"] == person.org["id"]
    assert "{CHECKOUT_SESSION_ID}" in sent["success_url"] and sent["success_url"].startswith("https://app.example.test/")
    assert sent["cancel_url"].startswith("https://app.example.test/")
    assert not {"ui_mode", "payment_method_types", "customer_email"} & set(sent)
    for call in (customers[0], sessions[0]):
        headers = {k.lower(): v for k, v in dict(call["headers"]).items()}
        assert headers["idempotency-key"] and headers["stripe-version"] and headers["user-agent"]
        assert headers["content-type"].startswith("application/x-www-form-urlencoded")


def test_two_clicks_are_one_session(site, person, since):
    first, second = checkout(person).json(), checkout(person).json()
    assert first == second
    assert len(calls(site, since, "/v1/checkout/sessions")) == 1


def test_eight_clicks_at_once_make_one_customer(site, person, since):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(checkout(person))) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    good = [r.json()["session_id"] for r in replies if r.status_code == 200]
    assert good and {r.status_code for r in replies} <= {200, 409, 503}, [(r.status_code, r.text) for r in replies]
    assert len(set(good)) == 1
    assert len({params(c)["metadata[org_id]"] for c in calls(site, since, "/v1/customers")}) == 1
    assert len({dict((k.lower(), v) for k, v in dict(c["headers"]).items())["idempotency-key"] for c in calls(site, since, "/v1/customers")}) == 1


def test_paying_makes_it_active_and_a_second_checkout_is_409(site):
    person = site.newcomer()
    org = site.pay(person)
    assert org["has_active_subscription"] is True and org["subscription_started_at"] is not None
    assert org["stripe_status"] == "active"
    assert org["stripe_customer_id"].startswith("cus_") and org["stripe_subscription_id"].startswith("sub_")
    reply = checkout(person)
    assert reply.status_code == 409 and reply.json()["code"] == "already_subscribed"
    assert "portal" in reply.text
    subscription = person.ok("GET", "billing/subscription/")
    assert subscription["status"] == "active" and site.price in str(subscription)


def test_declining_leaves_it_free(site, person):
    session = checkout(person).json()
    reply = site.sandbox.pay(session["checkout_url"], "decline")
    assert reply.status_code < 400
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert org["subscription_status"] == "free" and org["has_active_subscription"] is False


def test_the_subscription_of_a_free_organization(person):
    body = person.ok("GET", "billing/subscription/")
    assert body["status"] == "free"


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER"])
def test_only_admins_spend_money(person, role):
    reply = checkout(person.as_token(role=role))
    assert reply.status_code == 403 and reply.json()["code"] == "permission_denied"
    assert person.as_token(role=role).get("billing/subscription/").status_code == 200


@pytest.mark.parametrize("body", [{"price": 5}, {"price": ""}, {"price": "price_somebody_elses"}, {"price": ["x"]}])
def test_a_bad_price_is_refused_here_and_not_by_stripe(site, person, since, body):
    reply = checkout(person, body)
    assert reply.status_code == 400 and list(reply.json()) == ["price"]
    assert calls(site, since, "/v1/checkout/sessions") == []


def test_our_own_price_may_be_named(site, person):
    assert checkout(person, {"price": site.price}).status_code == 200


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("fault", [
    {"do": "status", "status": 500}, {"do": "status", "status": 503}, {"do": "status", "status": 409}, {"do": "drop"}, {"do": "cut"},
    {"do": "status", "status": 400, "headers": {"Stripe-Should-Retry": "true"}},
])
def test_what_may_be_retried_is_retried_with_the_same_key(site, person, since, fault):
    site.sandbox.fault(method="POST", path="/v1/checkout/sessions", times=1, **fault)
    assert checkout(person).status_code == 200
    keys = [dict((k.lower(), v) for k, v in dict(c["headers"]).items())["idempotency-key"] for c in calls(site, since, "/v1/checkout/sessions")]
    assert len(keys) == 2 and len(set(keys)) == 1


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("status, headers", [(400, {}), (401, {}), (402, {}), (403, {}), (404, {}), (429, {}), (500, {"Stripe-Should-Retry": "false"})])
def test_what_must_not_be_retried_is_told(site, person, since, status, headers):
    site.sandbox.fault("status", times=5, method="POST", path="/v1/checkout/sessions", status=status,
                       headers={"Request-Id": "req_shown_to_people", **headers},
                       body='{"error": {"type": "invalid_request_error", "message": "no such thing"}}')
    reply = checkout(person)
    assert reply.status_code in (502, 503), reply.text
    assert len(calls(site, since, "/v1/checkout/sessions")) == 1
    if reply.status_code == 502:
        assert "req_shown_to_people" in reply.text
    assert site.secret_key not in reply.text and site.secret_key not in site.httpd.error_log.read_text()


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("fault", [{"do": "drop"}, {"do": "status", "status": 503}])
def test_a_dead_stripe_is_503_with_retry_after(site, person, since, fault):
    site.sandbox.fault(times=10, path="/v1/", **fault)
    reply = checkout(person)
    assert reply.status_code in (502, 503)
    if reply.status_code == 503:
        assert int(reply.headers["Retry-After"]) >= 1 and reply.json()["code"] == "unavailable"
    site.sandbox.clear_faults()
    assert checkout(person).status_code == 200


@pytest.mark.expects("SAAS")
def test_garbage_from_stripe_is_not_a_500(site, person, since):
    site.sandbox.fault("garbage", times=5, method="POST", path="/v1/checkout/sessions")
    assert checkout(person).status_code in (502, 503)


@pytest.mark.expects("SAAS")
def test_a_customer_stripe_no_longer_has_is_made_anew(site, since):
    person = site.newcomer()
    session = checkout(person).json()
    customer = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]
    auth = {"Authorization": f"Bearer {site.secret_key}"}
    assert site.sandbox.http.delete(f"{site.sandbox.url}/v1/customers/{customer}", headers=auth).status_code == 200
    assert site.sandbox.http.post(f"{site.sandbox.url}/v1/checkout/sessions/{session['session_id']}/expire", headers=auth).status_code == 200
    site.deliver(stripe.event("checkout.session.expired", {"id": session["session_id"], "object": "checkout.session", "customer": customer,
                                                           "client_reference_id": person.org["id"], "mode": "subscription", "status": "expired",
                                                           "metadata": {"org_id": person.org["id"]}, "subscription": None, "payment_status": "unpaid"}))
    reply = checkout(person)
    assert reply.status_code == 200, reply.text
    assert reply.json()["session_id"] != session["session_id"]
    assert person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"] != customer


def test_an_ended_subscription_can_be_bought_again(site):
    person = site.newcomer()
    org = site.pay(person)
    site.sandbox.control("POST", f"subscriptions/{org['stripe_subscription_id']}/transition", {"status": "canceled"})
    from test_webhooks import until
    until(lambda: person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "canceled")
    assert checkout(person).status_code == 200


@pytest.mark.expects("SAAS")
def test_an_event_of_live_mode_is_not_for_a_test_key(site, person):
    story = stripe.Story(person.org["id"], site.price)
    event = {**story.updated("active"), "livemode": True}
    event["data"]["object"]["livemode"] = True
    assert site.deliver(event).status_code == 200
    assert person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "free"
    assert site.database.execute("SELECT count(*) FROM stripe_events WHERE id = ?", event["id"])[0][0] == 1


def test_stripes_key_is_in_no_log(site):
    text = site.httpd.error_log.read_text() + site.httpd.access_log.read_text()
    assert site.secret_key not in text and site.webhook_secret not in text


def portal(person):
    return person.post("billing/portal-session/")


def test_the_portal_is_stripes_page_and_another_one_each_time(site, payer, since):
    first, second = portal(payer), portal(payer)
    assert first.status_code == second.status_code == 200 and set(first.json()) == {"portal_url"}
    assert first.json()["portal_url"] != second.json()["portal_url"]
    page = requests.get(first.json()["portal_url"], timeout=30)
    assert page.status_code == 200 and "https://app.example.test/billing" in page.text
    asked = calls(site, since, "/v1/billing_portal/sessions")
    customer = payer.ok("GET", f"organizations/{payer.org['id']}/")["stripe_customer_id"]
    assert [params(call) for call in asked] == 2 * [{"customer": customer, "return_url": "https://app.example.test/billing"}]
    assert len({{k.lower(): v for k, v in dict(call["headers"]).items()}["idempotency-key"] for call in asked}) == 2


def test_the_portal_of_who_was_never_at_checkout(site, person, since):
    reply = portal(person)
    assert reply.status_code == 409 and reply.json()["code"] == "no_customer"
    assert not calls(site, since, "/v1/billing_portal/sessions")


def test_the_409_of_checkout_names_the_portal(site, payer):
    refused = checkout(payer)
    assert refused.status_code == 409
    assert payer.call("POST", refused.json()["portal"], {}).json()["portal_url"].startswith("http")


@pytest.mark.expects("SAAS1508")
def test_the_portal_of_a_customer_that_stripe_does_not_have(site, person, since):
    site.database.execute("UPDATE organizations SET stripe_customer_id = ? WHERE id = ?", "cus_gone", person.org["id"])
    reply = portal(person)
    assert reply.status_code == 409 and reply.json()["code"] == "no_customer"


@pytest.mark.expects("SAAS1503")
def test_the_portal_while_stripe_fails(site, payer, since):
    site.sandbox.fault("status", times=9, path="/v1/billing_portal/sessions", status=500)
    reply = portal(payer)
    assert reply.status_code == 503 and reply.json()["code"] == "unavailable" and reply.headers["Retry-After"]


def test_the_portal_is_for_admins(site, payer, since):
    viewer = site.newcomer()
    seed.member(site.database, payer.org["id"], viewer.user["id"], "MEMBER")
    reply = viewer.post("billing/portal-session/", headers={"X-Organization-ID": payer.org["id"]})
    assert reply.status_code == 403 and not calls(site, since, "/v1/billing_portal/sessions")
