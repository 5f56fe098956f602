#!/usr/bin/python3
"""Makes the Stripe events, histories and signatures that the unit tests read.

    tests/data/stripe/make_vectors.py      writes events.json and signatures.json beside itself

Shapes follow the objects that Stripe documents, in three generations of its API:
`acacia` (period end on the subscription), `basil` (on its items) and `mixed`
(both, as endpoints of an old version render it). Ids, times and secrets are made up.
"""

import hashlib
import hmac
import json
import pathlib

HERE = pathlib.Path(__file__).parent
DAY = 86400
START = 1800000000
MONTH = 30 * DAY
ORG = "0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50"
CUSTOMER, OTHER_CUSTOMER = "cus_UnitAlpha01", "cus_UnitBeta02"
SUB, SECOND = "sub_1UnitAlphaFirst", "sub_1UnitAlphaSecond"
SESSION, SECOND_SESSION = "cs_test_a1UnitSessionOfAlpha", "cs_test_a1UnitSecondOfAlpha"
PRICE, YEARLY = "price_1UnitMonthly", "price_1UnitYearly"
VERSIONS = {"acacia": "2025-02-24.acacia", "basil": "2025-08-27.basil", "mixed": "2024-06-20"}


def item(generation, end, price=PRICE, n=1):
    made = {"id": "si_Unit%d" % n, "object": "subscription_item", "quantity": 1, "metadata": {},
            "price": {"id": price, "object": "price", "active": True, "currency": "eur", "type": "recurring"}}
    if generation != "acacia":
        made.update(current_period_start=end - MONTH, current_period_end=end)
    return made


def subscription(generation, status, end=START + MONTH, id=SUB, price=PRICE, customer=CUSTOMER, **more):
    obj = {"id": id, "object": "subscription", "status": status, "customer": customer, "created": START,
           "start_date": START, "cancel_at": None, "cancel_at_period_end": False, "canceled_at": None,
           "ended_at": None, "livemode": False, "metadata": {"org_id": ORG}, "pause_collection": None,
           "items": {"object": "list", "data": [item(generation, end, price)], "has_more": False, "total_count": 1}}
    if generation != "basil":
        obj.update(current_period_start=end - MONTH, current_period_end=end)
    obj.update(more)
    return obj


def session(payment_status, status="complete", **more):
    obj = {"id": SESSION, "object": "checkout.session", "mode": "subscription", "status": status,
           "payment_status": payment_status, "customer": CUSTOMER, "subscription": SUB,
           "client_reference_id": ORG, "metadata": {"org_id": ORG}, "livemode": False, "url": None,
           "expires_at": START + DAY}
    obj.update(more)
    return obj


def invoice(generation, status, reason, end, number, id=SUB):
    line = {"id": "il_Unit%d" % number, "object": "line_item", "amount": 1500,
            "period": {"start": end - MONTH, "end": end}}
    obj = {"id": "in_Unit%d" % number, "object": "invoice", "status": status, "billing_reason": reason,
           "customer": CUSTOMER, "livemode": False, "metadata": {}, "attempt_count": 1,
           "period_start": end - 2 * MONTH, "period_end": end - MONTH,
           "lines": {"object": "list", "data": [line], "has_more": False}}
    if generation == "acacia":
        line["price"] = {"id": PRICE, "object": "price"}
        obj.update(subscription=id, subscription_details={"metadata": {"org_id": ORG}})
    else:
        line["pricing"] = {"type": "price_details", "price_details": {"price": PRICE, "product": "prod_Unit"}}
        obj["parent"] = {"type": "subscription_details", "quote_details": None,
                         "subscription_details": {"subscription": id, "metadata": {"org_id": ORG}}}
    return obj


def events(generation):
    """name -> event."""
    made = {}

    def add(name, kind, at, obj, previous=None, **more):
        data = {"object": obj}
        if previous is not None:
            data["previous_attributes"] = previous
        made[name] = {"id": "evt_%s_%s" % (generation, name), "object": "event",
                      "api_version": VERSIONS[generation], "created": START + at, "data": data,
                      "livemode": False, "pending_webhooks": 1,
                      "request": {"id": None, "idempotency_key": None}, "type": kind, **more}

    def sub(name, at, status, kind="updated", before=None, **more):
        previous = {"status": before} if before else {} if kind == "updated" else None
        add(name, "customer.subscription." + kind, at, subscription(generation, status, **more), previous)

    sub("incomplete", 0, "incomplete", "created")
    sub("activated", 3, "active", before="incomplete")
    add("first_failed", "invoice.payment_failed", 1, invoice(generation, "open", "subscription_create", START + MONTH, 1))
    add("first_paid", "invoice.paid", 3, invoice(generation, "paid", "subscription_create", START + MONTH, 1))
    add("checkout_paid", "checkout.session.completed", 4, session("paid"))
    add("checkout_unpaid", "checkout.session.completed", 4, session("unpaid"))
    add("checkout_free", "checkout.session.completed", 4, session("no_payment_required"))
    add("async_paid", "checkout.session.async_payment_succeeded", 3 * DAY, session("paid"))
    add("async_failed", "checkout.session.async_payment_failed", 3 * DAY, session("unpaid"))
    add("checkout_expired", "checkout.session.expired", DAY,
        session("unpaid", "expired", subscription=None))
    add("checkout_once", "checkout.session.completed", 5, session("paid", mode="payment", subscription=None))
    sub("cancel_later", 5 * DAY, "active", cancel_at_period_end=True, cancel_at=START + MONTH)
    sub("cancel_flag_only", 5 * DAY, "active", cancel_at_period_end=True)
    sub("cancel_flexible", 5 * DAY, "active", cancel_at=START + MONTH)
    sub("uncanceled", 6 * DAY, "active")
    sub("yearly", 7 * DAY, "active", price=YEARLY, end=START + 365 * DAY)
    sub("renewed", MONTH, "active", end=START + 2 * MONTH)
    add("renewal_paid", "invoice.paid", MONTH + 3600,
        invoice(generation, "paid", "subscription_cycle", START + 2 * MONTH, 2))
    add("renewal_failed", "invoice.payment_failed", MONTH + 3600,
        invoice(generation, "open", "subscription_cycle", START + 2 * MONTH, 2))
    sub("past_due", MONTH + 3601, "past_due", before="active", end=START + 2 * MONTH)
    sub("past_due_at_once", MONTH, "past_due", before="active", end=START + 2 * MONTH)
    sub("past_due_still", MONTH + 4 * DAY, "past_due", end=START + 2 * MONTH)
    sub("recovered", MONTH + 5 * DAY, "active", before="past_due", end=START + 2 * MONTH)
    add("paid_late", "invoice.paid", MONTH + 5 * DAY,
        invoice(generation, "paid", "subscription_cycle", START + 2 * MONTH, 2))
    sub("renewed_again", 2 * MONTH, "active", end=START + 3 * MONTH)
    sub("past_due_again", 2 * MONTH + 3601, "past_due", before="active", end=START + 3 * MONTH)
    sub("past_due_again_still", 2 * MONTH + 2 * DAY, "past_due", end=START + 3 * MONTH)
    sub("unpaid", MONTH + 21 * DAY, "unpaid", before="past_due", end=START + 2 * MONTH)
    sub("deleted", MONTH + 25 * DAY, "canceled", "deleted", end=START + 2 * MONTH,
        ended_at=START + MONTH + 25 * DAY, canceled_at=START + MONTH + 25 * DAY)
    sub("unpaid_paid", MONTH + 23 * DAY, "active", before="unpaid", end=START + 2 * MONTH)
    sub("ended", MONTH, "canceled", "deleted", ended_at=START + MONTH, canceled_at=START + 5 * DAY, cancel_at=START + MONTH)
    sub("ended_at_once", 12 * DAY, "canceled", "deleted", ended_at=START + 12 * DAY, canceled_at=START + 12 * DAY)
    sub("never_paid", 23 * 3600, "incomplete_expired", before="incomplete", ended_at=START + 23 * 3600)
    sub("trialing", 0, "trialing", "created", end=START + 14 * DAY)
    sub("trial_ends_soon", 11 * DAY, "trialing", "trial_will_end", end=START + 14 * DAY)
    add("trial_invoice", "invoice.paid", 0, invoice(generation, "paid", "subscription_create", START + 14 * DAY, 1))
    sub("trial_over", 14 * DAY, "active", before="trialing", end=START + 14 * DAY + MONTH)
    add("trial_paid", "invoice.paid", 14 * DAY + 3600,
        invoice(generation, "paid", "subscription_cycle", START + 14 * DAY + MONTH, 2))
    sub("paused", 14 * DAY, "paused", "paused", end=START + 14 * DAY)
    sub("resumed", 16 * DAY, "active", "resumed", end=START + 46 * DAY)
    add("resumed_paid", "invoice.paid", 16 * DAY,
        invoice(generation, "paid", "subscription_cycle", START + 46 * DAY, 2))
    sub("collection_paused", 6 * DAY, "active", pause_collection={"behavior": "void", "resumes_at": None})
    sub("collection_resumed", 8 * DAY, "active")
    sub("from_the_future", 8 * DAY, "hibernating")
    second = {"id": SECOND, "start_date": START + 9 * DAY, "end": START + 9 * DAY + MONTH}
    sub("second_incomplete", 9 * DAY, "incomplete", "created", **second)
    sub("second_activated", 9 * DAY + 3, "active", before="incomplete", **second)
    add("second_paid", "invoice.paid", 9 * DAY + 3,
        invoice(generation, "paid", "subscription_create", START + 9 * DAY + MONTH, 3, SECOND))
    add("second_checkout", "checkout.session.completed", 9 * DAY + 4, session("paid", subscription=SECOND, id=SECOND_SESSION))
    sub("second_cancel_later", 11 * DAY, "active", cancel_at=START + 9 * DAY + MONTH, **second)
    sub("second_taken_back", 10 * DAY, "canceled", "deleted", ended_at=START + 10 * DAY, **second)
    sub("second_active", 9 * DAY, "active", "created", id=SECOND)
    sub("second_deleted", 10 * DAY, "canceled", "deleted", id=SECOND, ended_at=START + 10 * DAY)
    add("customer_deleted", "customer.deleted", MONTH + 26 * DAY,
        {"id": CUSTOMER, "object": "customer", "livemode": False, "metadata": {"org_id": ORG}})
    add("unrelated", "product.updated", 1, {"id": "prod_Unit", "object": "product", "metadata": {}})
    add("manual_invoice", "invoice.paid", 2, {"id": "in_UnitManual", "object": "invoice", "status": "paid",
        "customer": CUSTOMER, "subscription": None, "parent": None, "lines": {"data": []}, "metadata": {}})
    add("expanded", "customer.subscription.updated", 8 * DAY,
        subscription(generation, "active", customer={"id": CUSTOMER, "object": "customer"}), {})
    two = subscription(generation, "active", end=START + MONTH)
    two["items"]["data"].append(item(generation, START + 2 * MONTH, YEARLY, 2))
    add("two_items", "customer.subscription.updated", 8 * DAY, two, {})
    add("of_an_account", "customer.subscription.updated", 8 * DAY, subscription(generation, "active"), {},
        account="acct_Unit")
    return made


# What is known of a subscription in the end. Times are seconds after START; since: of its arrears.
def row(status, period_end, id=SUB, price=PRICE, cancel_at=None, flag=False, started=0, ended=None, since=None):
    return {"id": id, "customer": CUSTOMER, "status": status, "price": price, "period_end": period_end,
            "cancel_at": cancel_at, "cancel_at_period_end": flag, "started_at": started, "ended_at": ended,
            "past_due_since": since}


def second(status, period_end=9 * DAY + MONTH, started=9 * DAY, **more):
    return row(status, period_end, id=SECOND, started=started, **more)


TOMBSTONE = row("canceled", None, id=CUSTOMER, price=None, started=None, ended=MONTH + 26 * DAY)
GRACE = 14 * DAY
ARREARS = MONTH + 3601
BEGUN = ["incomplete", "activated", "first_paid", "checkout_paid"]

# name, events, our status, Stripe's, the end of access (seconds after START, null: open), every row; which of them is the
# organization's subscription is said where there are several, and the generations where a shape is not of all.
HISTORIES = [
    ("nothing yet", ["incomplete"], "free", "incomplete", None, [row("incomplete", MONTH)]),
    ("first payment", BEGUN, "active", "active", None, [row("active", MONTH)]),
    ("first payment, at the second try", BEGUN + ["first_failed"], "active", "active", None, [row("active", MONTH)]),
    ("only the invoice", ["first_paid"], "active", "active", None, [row("active", MONTH, started=None)]),
    ("only the checkout", ["checkout_paid"], "active", "active", None, [row("active", None, price=None, started=None)]),
    ("checkout before its snapshot", ["incomplete", "checkout_paid"], "active", "active", None, [row("active", MONTH)]),
    ("delayed payment", ["incomplete", "checkout_unpaid"], "free", "incomplete", None, [row("incomplete", MONTH)]),
    ("delayed payment came", ["incomplete", "checkout_unpaid", "async_paid"], "active", "active", None, [row("active", MONTH)]),
    ("delayed payment failed", ["incomplete", "checkout_unpaid", "async_failed"], "free", "incomplete", None,
     [row("incomplete", MONTH)]),
    ("never paid", ["incomplete", "first_failed", "checkout_expired", "never_paid"], "free", "incomplete_expired", None,
     [row("incomplete_expired", MONTH, ended=23 * 3600)]),
    ("trial", ["trialing", "trial_invoice", "checkout_free", "trial_ends_soon"], "active", "trialing", None,
     [row("trialing", 14 * DAY)]),
    ("trial, paid", ["trialing", "trial_invoice", "checkout_free", "trial_ends_soon", "trial_over", "trial_paid"], "active",
     "active", None, [row("active", 14 * DAY + MONTH)]),
    ("trial, paused", ["trialing", "trial_ends_soon", "paused"], "expired", "paused", None, [row("paused", 14 * DAY)]),
    ("trial, paused, resumed", ["trialing", "trial_invoice", "checkout_free", "trial_ends_soon", "paused", "resumed",
                                "resumed_paid"], "active", "active", None, [row("active", 46 * DAY)]),
    ("collection paused", BEGUN + ["collection_paused"], "active", "active", None, [row("active", MONTH)]),
    ("collection paused and resumed", BEGUN + ["collection_paused", "collection_resumed"], "active", "active", None,
     [row("active", MONTH)]),
    ("cancel scheduled", BEGUN + ["cancel_later"], "active", "active", MONTH,
     [row("active", MONTH, cancel_at=MONTH, flag=True)]),
    ("cancel scheduled, flag only", BEGUN + ["cancel_flag_only"], "active", "active", MONTH, [row("active", MONTH, flag=True)]),
    ("cancel scheduled, flexible", BEGUN + ["cancel_flexible"], "active", "active", MONTH,
     [row("active", MONTH, cancel_at=MONTH)]),
    ("cancel, flexible, taken back", BEGUN + ["cancel_flexible", "uncanceled"], "active", "active", None,
     [row("active", MONTH)]),
    ("cancel taken back, renewed", BEGUN + ["cancel_later", "uncanceled", "renewed"], "active", "active", None,
     [row("active", 2 * MONTH)]),
    ("canceled at the period's end", BEGUN + ["cancel_later", "ended"], "canceled", "canceled", MONTH,
     [row("canceled", MONTH, cancel_at=MONTH, ended=MONTH)]),
    ("canceled at the period's end, flexible", BEGUN + ["cancel_flexible", "ended"], "canceled", "canceled", MONTH,
     [row("canceled", MONTH, cancel_at=MONTH, ended=MONTH)]),
    ("canceled at once", BEGUN + ["ended_at_once"], "canceled", "canceled", 12 * DAY,
     [row("canceled", MONTH, ended=12 * DAY)]),
    ("price changed", BEGUN + ["yearly"], "active", "active", None, [row("active", 365 * DAY, price=YEARLY)]),
    ("renewed", BEGUN + ["renewed", "renewal_paid", "renewed_again"], "active", "active", None, [row("active", 3 * MONTH)]),
    ("renewal failed", ["activated", "renewed", "renewal_failed"], "active", "active", None, [row("active", 2 * MONTH)]),
    ("past due", ["activated", "first_paid", "renewed", "renewal_failed", "past_due"], "active", "past_due", ARREARS + GRACE,
     [row("past_due", 2 * MONTH, since=ARREARS)]),
    ("past due in the second of its renewal", ["activated", "first_paid", "renewed", "past_due_at_once"], "active", "past_due",
     MONTH + GRACE, [row("past_due", 2 * MONTH, since=MONTH)]),
    ("past due, told twice", ["activated", "first_paid", "renewed", "renewal_failed", "past_due", "past_due_still"], "active",
     "past_due", ARREARS + GRACE, [row("past_due", 2 * MONTH, since=ARREARS)]),
    ("past due, recovered", ["activated", "first_paid", "renewed", "past_due", "past_due_still", "recovered", "paid_late"],
     "active", "active", None, [row("active", 2 * MONTH)]),
    ("past due a second time", ["activated", "renewed", "past_due", "recovered", "renewed_again", "past_due_again",
                                "past_due_again_still"],
     "active", "past_due", 2 * MONTH + 3601 + GRACE, [row("past_due", 3 * MONTH, since=2 * MONTH + 3601)]),
    ("past due a second time, its start lost", ["activated", "past_due", "recovered", "past_due_again_still"],
     "active", "past_due", 2 * MONTH + 2 * DAY + GRACE, [row("past_due", 3 * MONTH, since=2 * MONTH + 2 * DAY)]),
    ("dunning, unpaid", ["activated", "first_paid", "renewed", "renewal_failed", "past_due", "past_due_still", "unpaid"],
     "expired", "unpaid", None, [row("unpaid", 2 * MONTH)]),
    ("dunning, unpaid, paid after all", ["activated", "renewed", "renewal_failed", "past_due", "unpaid", "unpaid_paid",
                                         "paid_late"], "active", "active", None, [row("active", 2 * MONTH)]),
    ("dunning, canceled", ["activated", "first_paid", "renewed", "renewal_failed", "past_due", "past_due_still", "deleted"],
     "canceled", "canceled", MONTH + 25 * DAY, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY)]),
    ("dunning, unpaid, canceled", ["incomplete", "activated", "renewed", "renewal_failed", "past_due", "unpaid", "deleted"],
     "canceled", "canceled", MONTH + 25 * DAY, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY)]),
    ("a status of the future", BEGUN + ["from_the_future"], "active", "active", None, [row("active", MONTH)]),
    ("two checkouts", ["activated", "first_paid", "checkout_paid", "second_incomplete", "second_activated", "second_paid",
                       "second_checkout"],
     "active", "active", None, [row("active", MONTH), second("active")], SECOND),
    ("two checkouts, one taken back", ["incomplete", "activated", "checkout_paid", "second_incomplete", "second_activated",
                                       "second_checkout", "second_taken_back"],
     "active", "active", None, [row("active", MONTH), second("canceled", ended=10 * DAY)], SUB),
    ("comes back while the old one's end is late", ["activated", "cancel_later", "ended", "second_incomplete", "second_activated",
                                                    "second_paid", "second_checkout"],
     "active", "active", None, [row("canceled", MONTH, cancel_at=MONTH, ended=MONTH), second("active")], SECOND),
    ("comes back after dunning", ["activated", "past_due", "deleted", "second_incomplete", "second_activated", "second_paid"],
     "active", "active", None, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY), second("active")], SECOND),
    ("comes back after dunning, and cancels", ["activated", "past_due", "deleted", "second_incomplete", "second_activated",
                                               "second_cancel_later"],
     "active", "active", 9 * DAY + MONTH,
     [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY), second("active", cancel_at=9 * DAY + MONTH)], SECOND),
    ("one unpaid, another one canceled", ["activated", "past_due", "unpaid", "second_incomplete", "second_taken_back"],
     "expired", "unpaid", None, [row("unpaid", 2 * MONTH), second("canceled", ended=10 * DAY)], SUB),
    ("another one deleted", ["activated", "uncanceled", "second_active", "second_deleted"], "active", "active", None,
     [row("active", MONTH), second("canceled", MONTH, started=0, ended=10 * DAY)], SUB),
    ("both deleted", ["activated", "deleted", "second_active", "second_deleted"], "canceled", "canceled",
     MONTH + 25 * DAY, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY),
                        second("canceled", MONTH, started=0, ended=10 * DAY)], SUB),
    ("customer deleted", BEGUN + ["customer_deleted"], "canceled", "canceled", MONTH + 26 * DAY,
     [row("active", MONTH), TOMBSTONE], SUB),
    ("customer deleted, his subscription before", BEGUN + ["deleted", "customer_deleted"], "canceled", "canceled",
     MONTH + 25 * DAY, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY), TOMBSTONE], SUB),
    ("items with different ends", ["activated", "two_items"], "active", "active", None, [row("active", 2 * MONTH)], SUB,
     ["basil", "mixed"]),
    ("what concerns no subscription", BEGUN + ["checkout_once", "manual_invoice", "unrelated"], "active", "active", None,
     [row("active", MONTH)]),
    ("a whole life", BEGUN + ["first_failed", "expanded", "cancel_later", "uncanceled", "yearly", "renewed", "renewal_failed",
                              "past_due", "past_due_still", "recovered", "paid_late", "renewed_again", "past_due_again",
                              "past_due_again_still"],
     "active", "past_due", 2 * MONTH + 3601 + GRACE, [row("past_due", 3 * MONTH, since=2 * MONTH + 3601)]),
    ("a whole life and its end", BEGUN + ["cancel_flexible", "uncanceled", "collection_paused", "collection_resumed", "renewed",
                                          "renewal_failed", "past_due", "past_due_still", "unpaid", "deleted"],
     "canceled", "canceled", MONTH + 25 * DAY, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY)]),
    ("two lives", BEGUN + ["cancel_later", "renewed", "past_due", "unpaid", "deleted", "second_incomplete", "second_activated",
                           "second_paid", "second_checkout"],
     "active", "active", None, [row("canceled", 2 * MONTH, ended=MONTH + 25 * DAY), second("active")], SECOND),
    ("trial, resumed, another one ended, customer deleted", ["trialing", "trial_invoice", "checkout_free", "trial_ends_soon", "paused", "resumed",
                                       "resumed_paid", "second_active", "second_deleted", "customer_deleted"],
     "canceled", "canceled", MONTH + 26 * DAY,
     [row("active", 46 * DAY), second("canceled", MONTH, started=0, ended=10 * DAY), TOMBSTONE], SUB),
]


def history(name, events, status, stripe_status, ends_after, rows, of=SUB, generations=None):
    return {"name": name, "events": events, "status": status, "stripe_status": stripe_status, "ends_after": ends_after,
            "subscription": of, "rows": rows, "generations": generations or list(VERSIONS)}


def signature(secret, t, payload):
    return hmac.new(secret.encode(), str(t).encode() + b"." + payload, hashlib.sha256).hexdigest()


def signatures():
    now, secret, other = START, "whsec_unit_vectors_one", "whsec_unit_vectors_two"
    body = b'{\n  "id": "evt_unit",\n  "object": "event"\n}'
    good = signature(secret, now, body)
    made = []

    def add(name, header, result, payload=body, with_secrets=(secret,)):
        made.append({"name": name, "header": header, "payload_hex": payload.hex(), "secrets": list(with_secrets),
                     "now": now, "result": result})

    def at(t, payload=body):
        return "t=%s,v1=%s" % (t, signature(secret, t, payload))

    add("valid", "t=%d,v1=%s" % (now, good), "ok")
    add("any order", "v1=%s,t=%d" % (good, now), "ok")
    add("300 s old", at(now - 300), "ok")
    add("301 s old", at(now - 301), "stale")
    add("300 s ahead", at(now + 300), "ok")
    add("301 s ahead", at(now + 301), "stale")
    add("stale and forged", "t=%d,v1=%s" % (now - 9999, "0" * 64), "mismatch")
    add("second v1 is good", "t=%d,v1=%s,v1=%s" % (now, "0" * 64, good), "ok")
    add("v1 of the second secret", "t=%d,v1=%s" % (now, signature(other, now, body)), "ok",
        with_secrets=(secret, other))
    add("v1 of an unknown secret", "t=%d,v1=%s" % (now, signature(other, now, body)), "mismatch")
    add("empty secret", "t=%d,v1=%s" % (now, signature("", now, body)), "mismatch", with_secrets=("",))
    add("other schemes beside", "t=%d,v1=%s,v0=%s,kid=a" % (now, good, good), "ok")
    add("only v0", "t=%d,v0=%s" % (now, good), "malformed")
    add("only v2", "t=%d,v2=%s" % (now, good), "malformed")
    add("V1", "t=%d,V1=%s" % (now, good), "malformed")
    add("empty v1 before a good one", "t=%d,v1=,v1=%s" % (now, good), "ok")
    add("garbage v1 after a good one", "t=%d,v1=%s,v1=potato" % (now, good), "ok")
    add("only an empty v1", "t=%d,v1=" % now, "malformed")
    add("63 digits", "t=%d,v1=%s" % (now, good[:-1]), "malformed")
    add("65 digits", "t=%d,v1=%s0" % (now, good), "malformed")
    add("upper case", "t=%d,v1=%s" % (now, good.upper()), "malformed")
    add("last digit flipped", "t=%d,v1=%s%x" % (now, good[:-1], int(good[-1], 16) ^ 1), "mismatch")
    add("t twice", "t=%d,t=%d,v1=%s" % (now, now, good), "malformed")
    add("no t", "v1=%s" % good, "malformed")
    for bad in ("", "-1", "0", "0%d" % now, "+%d" % now, "%dx" % now, "%d.0" % now, "1234567890123"):
        add("t is '%s'" % bad, "t=%s,v1=%s" % (bad, signature(secret, bad, body)), "malformed")
    add("space after comma", "t=%d, v1=%s" % (now, good), "malformed")
    add("space at the end", "t=%d,v1=%s " % (now, good), "malformed")
    add("trailing comma", "t=%d,v1=%s," % (now, good), "ok")
    add("no equals sign", "t=%d,v1=%s,junk" % (now, good), "malformed")
    add("empty", "", "malformed")
    add("prose", "a signature, honestly", "malformed")
    add("16 signatures", "t=%d,%s" % (now, ",".join(["v1=" + "0" * 64] * 15 + ["v1=" + good])), "ok")
    add("17 signatures", "t=%d,%s" % (now, ",".join(["v1=" + good] * 17)), "malformed")
    add("4097 bytes", "t=%d,v1=%s,%s" % (now, good, "k=" + "x" * (4097 - len("t=%d,v1=%s,k=" % (now, good)))),
        "malformed")
    add("4096 bytes", "t=%d,v1=%s,%s" % (now, good, "k=" + "x" * (4096 - len("t=%d,v1=%s,k=" % (now, good)))), "ok")
    add("a byte more", "t=%d,v1=%s" % (now, good), "mismatch", body + b"\n")
    add("a byte less", "t=%d,v1=%s" % (now, good), "mismatch", body[:-1])
    add("other line ends", "t=%d,v1=%s" % (now, good), "mismatch", body.replace(b"\n", b"\r\n"))
    add("empty body", at(now, b""), "malformed", b"")
    add("NUL in the body", at(now, b"a\0b"), "ok", b"a\0b")
    add("cut at the NUL", at(now, b"a\0b"), "mismatch", b"a\0c")
    add("no UTF-8", at(now, b"\xff\xfe"), "ok", b"\xff\xfe")
    return made


def main():
    everything = {"start": START, "organization": ORG, "customer": CUSTOMER, "subscription": SUB,
                  "generations": {g: events(g) for g in VERSIONS},
                  "histories": [history(*of) for of in HISTORIES]}
    for name, content in (("events.json", everything), ("signatures.json", signatures())):
        (HERE / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
