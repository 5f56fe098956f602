"""saasctl stripe: what Stripe has sent and what it has not."""

import json

import pytest

from saastest import stripe


@pytest.fixture(scope="module")
def paid(site):
    """Three organizations that have paid; the one in the middle was canceled, and nobody told."""
    people = [site.newcomer() for _ in range(3)]
    for person in people:
        org = site.pay(person)
        person.sub, person.cus = org["stripe_subscription_id"], org["stripe_customer_id"]
    return people


def run(site, *args, code=0):
    done = site.saasctl("stripe", *args, "--json", check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def cancel_silently(site, sub):
    site.sandbox.config(enabled_events=["nothing"])
    site.sandbox.control("POST", f"subscriptions/{sub}/transition", {"status": "canceled"})
    site.sandbox.config(enabled_events=["*"])


@pytest.fixture(scope="module")
def reconciled(site, paid):
    """What the command said of them."""
    cancel_silently(site, paid[1].sub)
    return run(site, "reconcile")[0]


def test_reconcile_prints_what_differed(site, paid, reconciled):
    said = reconciled
    assert [(d["organization"], d["subscription"]) for d in said["differed"]] == [(paid[1].org["slug"], paid[1].sub)]
    assert "status active -> canceled" in said["differed"][0]["differed"]
    assert said["failed"] == [] and said["unanswered"] == 0 and said["asked"] >= 6
    assert [p.ok("GET", "billing/subscription/")["has_active_subscription"] for p in paid] == [True, False, True]
    assert run(site, "reconcile")[0]["differed"] == []


def test_reconcile_of_one_organization_asks_for_nobody_else(site, paid):
    journal = len(site.sandbox.requests())
    said, _ = run(site, "reconcile", paid[0].org["slug"])
    assert said["asked"] == 2
    calls = [r["path"] + json.dumps(r["query"]) for r in site.sandbox.requests()[journal:] if r["method"] == "GET"]
    assert any(paid[0].sub in call for call in calls) and any(paid[0].cus in call for call in calls)
    assert not any(other.sub in call or other.cus in call for other in paid[1:] for call in calls)


def test_what_could_not_be_asked_for_is_said(site, paid):
    site.sandbox.fault("status", path=f"/v1/subscriptions/{paid[2].sub}", times=None, status=500)
    said, _ = run(site, "reconcile", paid[2].org["slug"], code=1)
    site.sandbox.clear_faults()
    assert [(f["object"], f["organization"]) for f in said["failed"]] == [(paid[2].sub, paid[2].org["slug"])]
    assert "500" in said["failed"][0]["error"] and said["differed"] == []
    assert paid[2].ok("GET", "billing/subscription/")["has_active_subscription"] is True
    assert run(site, "reconcile", paid[2].org["slug"])[0]["failed"] == []


def test_without_a_node_it_says_so_and_stays_asked_for(site, paid):
    site.stop()
    try:
        said, error = run(site, "reconcile", paid[0].org["slug"], "--wait", "1", code=1)
    finally:
        site.start()
    assert said["unanswered"] >= 2 and "SaasStripeSecretKey" in error


def test_a_customer_of_an_import_is_asked_for(site):
    """Its customer was known before there was anything to expect of it."""
    person = site.newcomer()
    org = site.pay(person)
    site.database.execute("DELETE FROM stripe_news WHERE organization_id = ?", person.org["id"])
    assert run(site, "reconcile", person.org["slug"])[0]["asked"] == 1
    assert site.database.execute("SELECT asked_at IS NOT NULL FROM stripe_news WHERE stripe_id = ?", org["stripe_customer_id"])[0][0]


def test_events_are_listed_newest_first(site, paid, reconciled):
    events, _ = run(site, "events", "--org", paid[0].org["slug"])
    assert {e["type"] for e in events} >= {"customer.subscription.created", "invoice.paid", "checkout.session.completed"}
    assert {e["organization"] for e in events} == {paid[0].org["slug"]}
    times = [e["received_at"] for e in events]
    assert times == sorted(times, reverse=True)
    assert [e["type"] for e in run(site, "events", "--type", "invoice.paid", "--limit", "2")[0]] == ["invoice.paid"] * 2
    assert run(site, "events", "--since", "2100-01-01T00:00:00Z")[0] == []
    assert "read_" in run(site, "events", "--verdict", "applied", "--type", "saas.subscription.read")[0][0]["id"]


def test_an_event_is_applied_again(site):
    person = site.newcomer()
    story = stripe.Story(person.org["id"], "price_of_tomorrow")
    event = story.updated("active")
    assert site.deliver(event).status_code == 200
    listed, _ = run(site, "events", "--verdict", "ignored", "--type", "customer.subscription.updated")
    assert [(e["id"], e["verdict"]) for e in listed] == [(event["id"], "ignored:other product")]
    assert run(site, "replay", event["id"])[0]["verdict"] == "ignored:other product"
    site.httpd.restart("\n".join([*site.parts, "SaasStripePrice price_of_tomorrow"]))
    try:
        assert run(site, "replay", event["id"])[0] == {"verdict": "applied", "type": event["type"], "organization": person.org["id"]}
        assert person.ok("GET", "billing/subscription/")["has_active_subscription"] is True
    finally:
        site.httpd.restart("\n".join(site.parts))
    # Once more: nothing new in it, and it counts as delivered once.
    assert run(site, "replay", event["id"])[0]["verdict"] in ("applied", "ignored:superseded")
    assert site.database.execute("SELECT attempts FROM stripe_events WHERE id = ?", event["id"]) == [(1,)]


def test_what_cannot_be_replayed_is_said(site, reconciled):
    assert "no event evt_nowhere" in run(site, "replay", "evt_nowhere", code=1)[1]
    read = site.database.execute("SELECT id FROM stripe_events WHERE id LIKE 'read_%' LIMIT 1")[0][0]
    assert "reconcile" in run(site, "replay", read, code=1)[1]
    for wrong in ("-1", "soon", "86401", ""):
        assert "--wait" in run(site, "reconcile", "--wait", wrong, code=2)[1]
    assert "nobody" in run(site, "reconcile", "nobody-at-all", code=1)[1]
