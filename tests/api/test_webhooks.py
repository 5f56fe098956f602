"""Stripe's webhook: signature, deduplication, order, shapes, what each status means for an organization."""

import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import seed, stripe

SITE_STRIPE = False   # no key: the event itself decides (the offline rule), and nothing is fetched


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def status(person):
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    return org["subscription_status"], org["has_active_subscription"]


@pytest.fixture
def story(site, person):
    return stripe.Story(person.org["id"], site.price)


def give(site, *events):
    for event in events:
        reply = site.deliver(event)
        assert reply.status_code == 200, reply.text


@pytest.mark.smoke
@pytest.mark.parametrize("generation", ["acacia", "basil"])
def test_the_first_payment_unlocks(site, person, generation):
    story = stripe.Story(person.org["id"], site.price, generation=generation)
    give(site, story.created("incomplete"))
    assert status(person) == ("free", False)
    give(site, story.updated("active"), story.invoice(), story.checkout())
    assert status(person) == ("active", True)
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert org["stripe_subscription_id"] == story.id and org["stripe_customer_id"] == story.customer and org["stripe_status"] == "active"


@pytest.mark.parametrize("theirs, ours, access", [
    ("incomplete", "free", False), ("incomplete_expired", "free", False), ("trialing", "active", True), ("active", "active", True),
    ("past_due", "active", True), ("unpaid", "expired", False), ("paused", "expired", False), ("canceled", "canceled", False),
])
@pytest.mark.parametrize("generation", ["acacia", "basil"])
def test_the_status_table(site, person, theirs, ours, access, generation):
    story = stripe.Story(person.org["id"], site.price, generation=generation)
    give(site, story.updated(theirs))
    assert status(person) == (ours, access)


@pytest.mark.expects("SAAS")
def test_an_unknown_status_changes_nothing(site, person, story):
    give(site, story.updated("active"), story.updated("hibernating", at=9))
    assert status(person) == ("active", True)


def test_a_scheduled_cancel_keeps_access_until_the_end(site, person, story):
    end = int(time.time()) + 5
    give(site, story.updated("active"))
    give(site, story.updated("active", at=9, cancel_at_period_end=True, cancel_at=end, period_end=end))
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert org["has_active_subscription"] is True and org["subscription_ends_at"] is not None
    time.sleep(max(0.0, end + 0.5 - time.time()))
    assert person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"] is False
    assert person.get("billing/subscription/").status_code == 200


def test_taking_the_cancel_back(site, person, story):
    end = story.start + stripe.MONTH
    give(site, story.updated("active"), story.updated("active", at=9, cancel_at_period_end=True, cancel_at=end),
         story.updated("active", at=12))
    assert person.ok("GET", f"organizations/{person.org['id']}/")["subscription_ends_at"] is None


@pytest.mark.smoke
def test_deletion_ends_access_at_once(site, person, story):
    give(site, story.updated("active"), story.deleted())
    assert status(person) == ("canceled", False)


def test_nothing_wakes_a_dead_subscription(site, person, story):
    give(site, story.updated("active"), story.deleted(at=30), story.updated("active", at=60), story.updated("active", at=30))
    assert status(person) == ("canceled", False)


def test_deletion_of_another_subscription_does_not_downgrade(site, person, story):
    other = stripe.Story(person.org["id"], site.price, customer=story.customer)
    give(site, other.updated("active"), story.updated("active", at=5), other.deleted(at=40))
    assert status(person) == ("active", True)


def test_a_new_subscription_after_an_old_one(site, person, story):
    give(site, story.updated("active"), story.deleted())
    again = stripe.Story(person.org["id"], site.price, customer=story.customer)
    give(site, again.created("incomplete", at=100), again.updated("active", at=103))
    assert status(person) == ("active", True)


def histories(story):
    yield "paid", ("active", True), [story.created("incomplete"), story.updated("active"), story.invoice(), story.checkout()]
    yield "ended", ("canceled", False), [story.created("incomplete"), story.updated("active"), story.deleted(), story.checkout()]
    yield "tie", ("active", True), [story.created("incomplete", at=3), story.updated("active", at=3), story.invoice(at=3)]


@pytest.mark.parametrize("generation", ["acacia", "basil"])
@pytest.mark.parametrize("which", ["paid", "ended", "tie"])
def test_every_order_ends_the_same(site, which, generation):
    person = site.newcomer()
    orgs = 24
    for order in range(orgs):
        org = person.ok("POST", "organizations/", {"name": f"Order {which} {order}"})
        story = stripe.Story(org["id"], site.price, generation=generation)
        _, wanted, events = next(h for h in histories(story) if h[0] == which)
        permutations = list(itertools.permutations(events))
        chosen = list(permutations[order % len(permutations)])
        chosen += random.Random(order).sample(events, 2)  # late duplicates
        give(site, *chosen)
        got = person.ok("GET", f"organizations/{org['id']}/")
        assert (got["subscription_status"], got["has_active_subscription"]) == wanted, [e["type"] for e in chosen]


def test_a_duplicate_changes_nothing(site, person, story):
    paid = story.updated("active")
    give(site, paid, story.deleted(), paid, paid)
    assert status(person) == ("canceled", False)


def test_the_same_event_on_eight_connections_is_applied_once(site, person, story):
    paid = story.updated("active")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: site.deliver(paid).status_code, range(8)))
    assert set(replies) == {200}
    assert status(person) == ("active", True)
    rows = site.database.execute("SELECT verdict, attempts FROM stripe_events WHERE id = ?", paid["id"])
    assert rows == [("applied", 8)]


def test_different_events_of_one_subscription_at_once(site, person, story):
    events = [story.created("incomplete"), story.updated("active"), story.invoice(), story.checkout()] + [
        story.updated("active", at=10 + n, previous={}) for n in range(12)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda e: site.deliver(e).status_code, events)) == {200}
    assert status(person) == ("active", True)


def now():
    return int(time.time())


# Each makes a header that must be refused; sign(secret, t) is (t, the right signature).
BAD_HEADERS = {
    "none": lambda s, sign: "",
    "words": lambda s, sign: "I'm not even a real signature header",
    "no t": lambda s, sign: "v1=" + sign(s)[1],
    "no v1": lambda s, sign: f"t={now()}",
    "only v0": lambda s, sign: "t=%d,v0=%s" % sign(s),
    "only v2": lambda s, sign: "t=%d,v2=%s" % sign(s),
    "wrong secret": lambda s, sign: "t=%d,v1=%s" % sign(s + "x"),
    "empty secret": lambda s, sign: "t=%d,v1=%s" % sign(""),
    "secret without its prefix": lambda s, sign: "t=%d,v1=%s" % sign(s.removeprefix("whsec_")),
    "stale": lambda s, sign: "t=%d,v1=%s" % sign(s, now() - 301 - 5),
    "from the future": lambda s, sign: "t=%d,v1=%s" % sign(s, now() + 301 + 5),
    "other t": lambda s, sign: "t=%d,v1=%s" % (now() - 1, sign(s, now())[1]),
    "upper case": lambda s, sign: "t=%d,v1=%s" % (now(), sign(s)[1].upper()),
    "truncated": lambda s, sign: "t=%d,v1=%s" % (now(), sign(s)[1][:63]),
    "too long": lambda s, sign: "t=%d,v1=%s" % (now(), sign(s)[1] + "0"),
    "flipped": lambda s, sign: "t=%d,v1=%s" % (now(), sign(s)[1][:-1] + ("0" if sign(s)[1][-1] != "0" else "1")),
    "two t": lambda s, sign: "t=%d,t=%d,v1=%s" % (now(), now(), sign(s)[1]),
    "space": lambda s, sign: "t=%d, v1=%s" % sign(s),
    "t with letters": lambda s, sign: "t=%sx,v1=%s" % sign(s),
    "t with zero in front": lambda s, sign: "t=0%d,v1=%s" % sign(s),
    "negative t": lambda s, sign: "t=-%d,v1=%s" % sign(s),
    "huge t": lambda s, sign: "t=99999999999999999999,v1=%s" % sign(s)[1],
    "empty t": lambda s, sign: "t=,v1=%s" % sign(s)[1],
    "seventeen": lambda s, sign: "t=%d,%s,v1=%s" % (now(), ",".join(["v1=" + "0" * 64] * 16), sign(s)[1]),
    "very long": lambda s, sign: "t=%d,%s,v1=%s" % (now(), "v0=" + "a" * 5000, sign(s)[1]),
}


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_signatures_are_400_and_change_nothing(site, person, story, name):
    payload = stripe.dump(story.updated("active"))

    def sign(secret, t=None):
        t = now() if t is None else t
        return t, stripe.signature(payload, secret, t)

    reply = site.deliver(None, raw=payload, header=BAD_HEADERS[name](site.webhook_secret, sign))
    assert reply.status_code == 400, reply.text
    assert stripe.signature(payload, site.webhook_secret)[:16] not in reply.text
    assert status(person) == ("free", False)


@pytest.mark.parametrize("form", ["two v1, second good", "two v1, first good", "empty v1 first", "with v0", "v1 before t"])
def test_good_signatures_in_every_form(site, person, story, form):
    payload = stripe.dump(story.updated("active"))
    t = now()
    good = stripe.signature(payload, site.webhook_secret, t)
    header = {"two v1, second good": f"t={t},v1={'0' * 64},v1={good}", "two v1, first good": f"t={t},v1={good},v1=potato",
              "empty v1 first": f"t={t},v1=,v1={good}", "with v0": f"t={t},v1={good},v0={'a' * 64}", "v1 before t": f"v1={good},t={t}"}[form]
    assert site.deliver(None, raw=payload, header=header).status_code == 200
    assert status(person) == ("active", True)


@pytest.mark.parametrize("seconds", [-290, 290])
def test_five_minutes_of_clock_are_allowed(site, person, story, seconds):
    assert site.deliver(story.updated("active"), t=now() + seconds).status_code == 200
    assert status(person) == ("active", True)


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("change", [lambda b: b + b"\n", lambda b: b.replace(b"\n", b"\r\n"), lambda b: json.dumps(json.loads(b)).encode(),
                                    lambda b: b.replace(b"active", b"trialing", 1)], ids=["newline", "crlf", "minified", "changed"])
def test_the_raw_bytes_are_what_is_signed(site, person, story, change):
    payload = stripe.dump(story.updated("active"))
    reply = site.deliver(None, raw=change(payload), header=stripe.header(payload, site.webhook_secret))
    assert reply.status_code == 400
    assert status(person) == ("free", False)


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("raw", [b"", b"} I am not valid JSON; 123][", b"[]", b"null", b'"x"', b"{}", b'{"id": 5, "type": [], "data": null}',
                                 b'{"id": "evt_1", "object": "event", "type": "customer.subscription.updated"}', b'{"id":"evt_2","object":"event","type":"invoice.paid","created":"x","data":{"object":[]}}',
                                 b'{"id": "evt_nul\\u0000", "object": "event", "type": "x", "created": 1, "data": {"object": {}}}', b"\xff\xfe{}",
                                 json.dumps({"id": "evt_v2", "object": "v2.core.event", "type": "v1.billing.meter", "created": "2026-01-01T00:00:00Z"}).encode(),
                                 b"[" * 100000])
def test_signed_nonsense_is_400(site, raw):
    assert site.deliver(None, raw=raw).status_code == 400


@pytest.mark.parametrize("change", [
    {"type": "product.updated"}, {"type": "invoice.upcoming"}, {"account": "acct_somebody"},
], ids=str)
@pytest.mark.expects("SAAS")
def test_what_is_not_for_us_is_200_and_ignored(site, person, story, change):
    event = {**story.updated("active"), **change}
    if "type" in change:
        event["data"]["object"] = {"id": "prod_x", "object": "product"}
    assert site.deliver(event).status_code == 200
    assert status(person) == ("free", False)
    assert site.database.execute("SELECT count(*) FROM stripe_events WHERE id = ?", event["id"])[0][0] == 1


@pytest.mark.expects("SAAS")
def test_an_unknown_customer_without_organization_is_200(site):
    story = stripe.Story("nobody", site.price)
    assert site.deliver(story.updated("active", metadata={})).status_code == 200
    assert site.deliver(story.updated("active", metadata={"org_id": "42"})).status_code == 200
    assert site.deliver(story.updated("active", metadata={"org_id": seed.uuid7()})).status_code == 200
    assert site.deliver(stripe.Story("'; DROP TABLE organizations; --", site.price).updated("active")).status_code == 200


@pytest.mark.expects("SAAS")
def test_a_customer_of_one_organization_cannot_pay_for_another(site, person, bob, story):
    give(site, story.updated("active"))
    thief = stripe.Story(bob.org["id"], site.price, customer=story.customer)
    assert site.deliver(thief.updated("active")).status_code == 200
    assert status(bob) == ("free", False)
    assert status(person) == ("active", True)


@pytest.mark.parametrize("metadata", [{}, {"org_id": seed.uuid7()}], ids=["none", "of nobody"])
def test_whom_a_customer_is_bound_to_counts_whatever_its_metadata_lacks(site, person, story, metadata):
    give(site, story.updated("active"), story.updated("canceled", at=9, metadata=metadata))
    assert status(person) == ("canceled", False)


@pytest.mark.expects("SAAS")
def test_a_checkout_that_we_did_not_create_binds_nobody(site, bob):
    story = stripe.Story(bob.org["id"], site.price)
    session = story.checkout(metadata={})
    assert site.deliver(session).status_code == 200
    assert site.deliver(story.updated("active", metadata={})).status_code == 200
    assert status(bob) == ("free", False)


@pytest.mark.parametrize("generation", ["acacia", "basil"])
def test_both_payload_generations_give_the_period_end(site, person, generation):
    story = stripe.Story(person.org["id"], site.price, generation=generation)
    give(site, story.updated("active"))
    wanted = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(story.start + stripe.MONTH))
    assert wanted in person.get("billing/subscription/").text


def test_ids_may_be_expanded_objects(site, person, story):
    event = story.updated("active")
    event["data"]["object"]["customer"] = {"id": story.customer, "object": "customer", "metadata": {}}
    give(site, event)
    assert status(person) == ("active", True)


def test_only_post_is_a_webhook(site):
    api = site.nobody()
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        reply = api.call(method, "billing/webhooks/stripe/")
        assert reply.status_code == 405 and "POST" in reply.headers["Allow"]


def padded(event, size):
    """The bytes of an event, so many of them."""
    bare = len(stripe.dump({**event, "pad": ""}))
    return stripe.dump({**event, "pad": "x" * (size - bare)})


def test_a_body_of_a_mebibyte_is_taken_and_a_byte_more_is_413(site, person, story):
    event = story.updated("active")
    assert len(padded(event, (1 << 20) + 1)) == (1 << 20) + 1
    before = everything(site, person)
    assert site.deliver(None, raw=padded(event, (1 << 20) + 1)).status_code == 413
    assert everything(site, person) == before and recorded(site, event) == []
    assert site.deliver(None, raw=padded(event, 1 << 20)).status_code == 200
    assert recorded(site, event) == [("applied",)] and status(person) == ("active", True)


def recorded(site, event):
    return site.database.execute("SELECT verdict FROM stripe_events WHERE id = ?", event["id"])


def everything(site, person):
    """All that an event can change of an organization."""
    org = person.org["id"]
    return (site.database.execute("SELECT * FROM organizations WHERE id = ?", org),
            site.database.execute("SELECT * FROM subscriptions WHERE org_id = ? ORDER BY id", org),
            site.database.execute("SELECT stripe_id FROM stripe_bindings WHERE organization_id = ? ORDER BY 1", org),
            site.database.execute("SELECT count(*) FROM activity WHERE org_id = ?", org))


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


def text_of(event):
    return stripe.dump(event).decode()


# What is wrong with the bytes of an otherwise good event: 400, and nothing is kept of it.
BAD_BYTES = {
    "cut in half": lambda e: text_of(e)[:len(text_of(e)) // 2],
    "cut by a byte": lambda e: text_of(e)[:-1],
    "two events": lambda e: text_of(e) + text_of(e),
    "words behind it": lambda e: text_of(e) + "x",
    "nested deeply": lambda e: text_of(e).replace('"cancel_at": null', '"deep": ' + "[" * 50000 + "]" * 50000 + ', "cancel_at": null'),
    "objects nested deeply": lambda e: text_of(e).replace('"cancel_at": null', '"deep": ' + '{"a":' * 50000 + "1" + "}" * 50000 + ', "cancel_at": null'),
    "its id twice": lambda e: text_of(e).replace('"livemode"', '"id": "evt_other",\n  "livemode"'),
    "a status twice": lambda e: text_of(e).replace('"status": "active"', '"status": "canceled", "status": "active"'),
    "a NUL": lambda e: text_of(e).replace("active", "active\\u0000", 1),
    "half a surrogate": lambda e: text_of(e).replace("active", "active\\ud800", 1),
    "a number too large": lambda e: text_of(e).replace(f'"created": {e["created"]},\n  "data"', '"created": 99999999999999999999,\n  "data"'),
    "NaN": lambda e: text_of(e).replace('"quantity": 1', '"quantity": NaN'),
    "single quotes": lambda e: text_of(e).replace('"', "'"),
    "a comma too many": lambda e: text_of(e)[:-2] + ",}",
    "UTF-16": lambda e: text_of(e).encode("utf-16"),
    "Latin-1": lambda e: text_of({**e, "note": "\u00e9"}).encode("latin-1"),
    "a byte order mark": lambda e: b"\xef\xbb\xbf" + stripe.dump(e),
}


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("name", BAD_BYTES)
def test_bad_bytes_are_400_and_change_nothing(site, person, story, name):
    event = story.updated("active")
    raw = BAD_BYTES[name](event)
    raw = raw if isinstance(raw, bytes) else raw.encode()
    assert raw != stripe.dump(event)
    before = everything(site, person)
    reply = site.deliver(None, raw=raw)
    assert reply.status_code == 400 and reply.json()["code"] == "invalid_payload", reply.text
    assert recorded(site, event) == [] and everything(site, person) == before


# The envelope is not an event's: the same answer.
BAD_ENVELOPES = {
    "created in words": {"created": "1800000000"}, "created in halves": {"created": 1800000000.5}, "created as a float": {"created": 1.8e9},
    "created before 1970": {"created": -1}, "created at 0": {"created": 0}, "created after 9999": {"created": 253402300800},
    "no created": {"created": None}, "id is a number": {"id": 5}, "id is an object without id": {"id": {}}, "id is empty": {"id": ""},
    "id with a blank": {"id": "evt_ 1"}, "id of 256": {"id": "evt_" + "1" * 252}, "id not of ASCII": {"id": "evt_\u00e9"},
    "no type": {"type": None}, "type is a list": {"type": ["customer.subscription.updated"]}, "data is a list": {"data": []},
    "no object": {"data": {}}, "object is a list": {"data": {"object": []}}, "object is its id": {"data": {"object": "sub_1"}},
    "another object": {"object": "subscription"}, "a thin event": {"object": "v2.core.event"},
}


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("name", BAD_ENVELOPES)
def test_what_is_no_event_is_400_and_changes_nothing(site, person, story, name):
    event = story.updated("active")
    before = everything(site, person)
    number = site.database.execute("SELECT count(*) FROM stripe_events")
    reply = site.deliver({**event, **BAD_ENVELOPES[name]})
    assert reply.status_code == 400 and reply.json()["code"] == "invalid_payload", reply.text
    assert recorded(site, event) == [] and everything(site, person) == before
    assert site.database.execute("SELECT count(*) FROM stripe_events") == number


# A good event of something else, or of an odd form inside: 200, recorded, and this is the verdict; nothing is changed.
NOT_OURS = {
    "another type": (lambda e: e.update(type="product.updated"), "ignored:type"),
    "a type of the future": (lambda e: e.update(type="customer.subscription.hibernated"), "ignored:type"),
    "a connected account's": (lambda e: e.update(account="acct_somebody"), "ignored:connected account"),
    "an account that is none": (lambda e: e.update(account={"odd": 1}), "ignored:connected account"),
    "the other mode": (lambda e: e.update(livemode=True), "ignored:mode of the account"),
    "no id": (lambda e: e["data"]["object"].pop("id"), "ignored:no subscription"),
    "id is a number": (lambda e: e["data"]["object"].update(id=7), "ignored:no subscription"),
    "no status": (lambda e: e["data"]["object"].pop("status"), "ignored:unknown status none"),
    "status is a number": (lambda e: e["data"]["object"].update(status=1), "ignored:unknown status none"),
    "status in upper case": (lambda e: e["data"]["object"].update(status="ACTIVE"), "ignored:unknown status ACTIVE"),
    "another product": (lambda e: e["data"]["object"].update(id=stripe.new_id("sub"), customer=stripe.new_id("cus"), items={
        "data": [{"price": {"id": "price_of_another_product"}, "current_period_end": 1900000000}]}), "ignored:other product"),
    "unknown customer, no metadata": (lambda e: e["data"]["object"].update(id=stripe.new_id("sub"), customer=stripe.new_id("cus"), metadata={}),
                                      "ignored:unbound"),
    "metadata of 42": (lambda e: e["data"]["object"].update(id=stripe.new_id("sub"), customer=stripe.new_id("cus"), metadata={"org_id": "42"}),
                       "ignored:unbound"),
    "metadata is a list": (lambda e: e["data"]["object"].update(id=stripe.new_id("sub"), customer=stripe.new_id("cus"), metadata=["org_id"]),
                           "ignored:unbound"),
}


@pytest.mark.expects("SAAS1605", "SAAS1608")
@pytest.mark.parametrize("name", NOT_OURS)
def test_what_is_not_ours_is_200_and_recorded_and_changes_nothing(site, person, story, name):
    change, verdict = NOT_OURS[name]
    give(site, story.updated("trialing"))
    before = everything(site, person)
    event = story.updated("active", at=60)
    change(event)
    for _ in range(2):
        assert site.deliver(event).status_code == 200
        assert recorded(site, event) == [(verdict,)] and everything(site, person) == before


# Odd where it does not matter, or expanded where ids are usual: applied.
ODD = {
    "period end in words": lambda o: o["items"]["data"][0].update(current_period_end="1900000000"),
    "cancel_at in words": lambda o: o.update(cancel_at="1900000000"),
    "cancel_at_period_end in words": lambda o: o.update(cancel_at_period_end="true"),
    "items that are none": lambda o: o["items"]["data"].extend([None, 5, [], {}]),
    "no items": lambda o: o.update(items=None),
    "a thousand items": lambda o: o["items"]["data"].extend([{"price": {"id": f"price_{n}"}} for n in range(1000)]),
    "price as an id": lambda o: o["items"]["data"][0].update(price=o["items"]["data"][0]["price"]["id"]),
    "price expanded with its product": lambda o: o["items"]["data"][0]["price"].update(product={"id": "prod_test", "object": "product"}),
    "customer expanded": lambda o: o.update(customer={"id": o["customer"], "object": "customer", "metadata": {"org_id": "42"}}),
    "latest invoice expanded": lambda o: o.update(latest_invoice={"id": "in_1", "object": "invoice", "customer": "cus_of_somebody_else", "subscription": "sub_other"}),
    "a member of the future": lambda o: o.update(flux={"capacitor": [1, 2, 3]}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_members_do_not_matter(site, person, story, name):
    event = story.updated("active")
    ODD[name](event["data"]["object"])
    give(site, event)
    assert recorded(site, event) == [("applied",)] and status(person) == ("active", True)
    org = person.ok("GET", f"organizations/{person.org['id']}/")
    assert org["stripe_customer_id"] == story.customer and org["stripe_subscription_id"] == story.id and org["subscription_ends_at"] is None


def test_a_period_in_words_keeps_the_one_that_was(site, person, story):
    give(site, story.updated("active"))
    kept = site.database.execute("SELECT period_end FROM subscriptions WHERE id = ?", story.id)
    event = story.updated("active", at=60)
    event["data"]["object"]["items"]["data"][0]["current_period_end"] = "1900000000"
    give(site, event)
    assert site.database.execute("SELECT period_end FROM subscriptions WHERE id = ?", story.id) == kept and kept[0][0] is not None


@pytest.mark.parametrize("generation", ["acacia", "basil"])
def test_expanded_objects_in_invoices_and_sessions(site, person, generation):
    story = stripe.Story(person.org["id"], site.price, generation=generation)
    invoice = story.invoice()
    obj, expanded = invoice["data"]["object"], {"id": story.id, "object": "subscription", "status": "canceled"}
    obj["customer"] = {"id": story.customer, "object": "customer"}
    if generation == "basil":
        obj["parent"]["subscription_details"]["subscription"] = expanded
    else:
        obj["subscription"] = expanded
    give(site, invoice)
    assert recorded(site, invoice) == [("applied",)] and status(person) == ("active", True)
    session = story.checkout()
    session["data"]["object"].update(customer={"id": story.customer}, subscription=expanded)
    give(site, session)
    assert status(person) == ("active", True)


def test_webhooks_need_no_organization_and_no_login_and_set_no_cookie(site, story):
    reply = site.deliver(story.created("incomplete"), headers={"Cookie": "saas_session=nonsense", "Authorization": "Bearer nonsense"})
    assert reply.status_code == 200 and "Set-Cookie" not in reply.headers


def test_a_webhook_is_seen_by_every_child_at_once(site, person, story):
    url = f"organizations/{person.org['id']}/"
    for _ in range(8):
        assert person.ok("GET", url)["has_active_subscription"] is False
    give(site, story.updated("active"))
    assert all(person.ok("GET", url, headers={"Connection": "close"})["has_active_subscription"] for _ in range(16))


def test_customer_deletion_ends_access(site, person, story):
    give(site, story.updated("active"))
    give(site, stripe.event("customer.deleted", {"id": story.customer, "object": "customer", "deleted": True, "metadata": {}, "livemode": False}, story.start + 60))
    assert status(person)[1] is False


def news_of(site, stripe_id):
    return site.database.execute("SELECT count(*) FROM stripe_news WHERE stripe_id = ?", stripe_id)[0][0]


def test_of_what_has_ended_nothing_is_to_be_asked(site, person, story):
    """The customer's row goes with the customer, a session's with the session, however that ends."""
    give(site, story.updated("active"))
    assert news_of(site, story.customer) == 1
    for event in (story.checkout(), story.checkout(status="expired")):
        session = event["data"]["object"]
        event["type"] = "checkout.session.completed" if session["status"] == "complete" else "checkout.session.expired"
        site.database.execute("INSERT INTO stripe_news (stripe_id, organization_id, ask_at) VALUES (?, ?, ?)", session["id"], person.org["id"],
                              "2999-01-01T00:00:00.000000Z")
        give(site, event)
        assert recorded(site, event)[0][0] in ("applied", "ignored:superseded") and news_of(site, session["id"]) == 0
    assert news_of(site, story.customer) == 1
    give(site, stripe.event("customer.deleted", {"id": story.customer, "object": "customer", "deleted": True, "livemode": False}, story.start + 60))
    assert news_of(site, story.customer) == 0


@pytest.mark.expects("SAAS1606")
def test_a_subscription_stays_its_customers(site, person, story):
    """Another customer's event of the same subscription is refused, and binds that customer to nobody."""
    give(site, story.updated("active"))
    before = everything(site, person)
    event = story.updated("canceled", at=9, customer=stripe.new_id("cus"))
    give(site, event)
    assert recorded(site, event) == [("refused:the subscription belongs to another customer",)]
    assert everything(site, person) == before and status(person) == ("active", True)


@pytest.mark.parametrize("bound, metadata, counts", [
    ("subscription", False, True), ("customer", True, True), ("customer", False, False), (None, True, False)])
def test_a_price_that_is_not_sold_here(site, person, story, bound, metadata, counts):
    """It counts for a subscription that is bound, and for one that our own checkout made: our metadata on our customer."""
    if bound:
        give(site, story.updated("active"))
    other = story if bound == "subscription" else stripe.Story(person.org["id"], site.price, customer=story.customer if bound else None)
    other.price = "price_of_another_product"
    event = other.updated("active" if other is not story else "unpaid", at=9, metadata={"org_id": person.org["id"]} if metadata else {})
    give(site, event)
    assert recorded(site, event) == [("applied" if counts else "ignored:other product",)]
    known = site.database.execute("SELECT price_id FROM subscriptions WHERE id = ?", other.id)
    assert known == ([("price_of_another_product",)] if counts else [])
