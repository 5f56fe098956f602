"""Cards, invoices, charges and refunds: how a period is paid for, or is not.

A card is only "good" (every charge works) or "bad" (it can be added, and every charge of it is refused).
What a refused charge makes of a subscription stands here and nowhere else: past_due, the next attempt,
and after the last one what `dunning_end` says. Nothing here sends: functions return the events.
"""

from . import objects
from .errors import ApiError, refused
from .store import LIVE

DAY = 86400
CARDS = {"good": "4242", "bad": "0341"}
TEST_CARDS = {"pm_card_visa": "good", "pm_card_chargeCustomerFail": "bad"}


def add_card(store, customer_id, kind):
    made = objects.payment_method(store.now(), customer_id, CARDS[kind])
    store.payment_methods[made["id"]] = made
    return made


def card_of(store, sub):
    """The card that pays for the subscription: its own, else its customer's; None when there is none."""
    payer = store.customers[sub["customer"]]
    own = sub["default_payment_method"] or \
        payer.get("invoice_settings", {}).get("default_payment_method")
    return store.payment_methods.get(own)


def works(store, sub):
    card = card_of(store, sub)
    return card is not None and card["card"]["last4"] == CARDS["good"]


def invoice(billing, sub, reason, status):
    """A new invoice of the present period, the subscription's latest one from now on."""
    store = billing.store
    payer = store.customers[sub["customer"]]
    number = "%s-%04d" % (payer["invoice_prefix"], payer["next_invoice_sequence"])
    payer["next_invoice_sequence"] += 1
    bill = objects.invoice(store.now(), sub, payer, reason, status, number)
    store.invoices[bill["id"]] = bill
    sub["latest_invoice"] = bill["id"]
    return bill


def settle(billing, bill):
    """The invoice is paid; a charge stands behind it when it is about money."""
    store = billing.store
    bill.update(status="paid", amount_paid=bill["amount_due"], amount_remaining=0,
                auto_advance=False, next_payment_attempt=None)
    bill["status_transitions"]["paid_at"] = store.now()
    if bill["amount_paid"]:
        sub = store.subscriptions[bill["parent"]["subscription_details"]["subscription"]]
        made = objects.charge(store.now(), bill, sub["default_payment_method"])
        store.charges[made["id"]] = made


def attempt(billing, sub, bill, before, request=None, by_hand=False):
    """Charge the subscription's invoice. -> (whether it is paid, the events).

    before: the subscription as its last event showed it. by_hand: a person or the API tries; a failure then
    neither moves the next attempt of dunning nor ends it.
    """
    now = billing.store.now()
    bill["status_transitions"]["finalized_at"] = bill["status_transitions"]["finalized_at"] or now
    bill.update(status="open", effective_at=bill["effective_at"] or now, attempted=True,
                attempt_count=bill["attempt_count"] + 1)
    if bill["amount_due"] == 0 or works(billing.store, sub):
        settle(billing, bill)
        if sub["status"] in ("incomplete", "past_due", "unpaid", "paused"):
            sub["status"] = "active"
            sub.pop("status_details", None)
        return True, [billing.record("invoice.paid", bill, None, request)] + billing.updated(sub, before, request)
    records = []
    last = False
    if not by_hand:
        pauses = billing.settings["dunning"]
        last = bill["attempt_count"] > len(pauses)
        bill["next_payment_attempt"] = None if last else now + int(pauses[bill["attempt_count"] - 1] * DAY)
    records.append(billing.record("invoice.payment_failed", bill, None, request))
    if sub["status"] == "active":
        sub["status"] = "past_due"
    if last and sub["status"] == "past_due":
        bill["auto_advance"] = False
        if billing.settings["dunning_end"] == "canceled":
            return False, records + billing.end(sub, "payment_failed", request)
        sub["status"] = billing.settings["dunning_end"]
    return False, records + billing.updated(sub, before, request)


def pay(billing, bill, request=None):
    """POST /v1/invoices/{id}/pay and the portal's button. -> the events; a refused card is Stripe's 402."""
    if bill["status"] == "paid":
        raise refused("Invoice is already paid", code="invoice_already_paid")
    if bill["status"] not in ("open", "draft", "uncollectible"):
        raise refused("Only open invoices can be paid; this one is %s." % bill["status"])
    sub = billing.store.subscriptions[bill["parent"]["subscription_details"]["subscription"]]
    if sub["status"] not in LIVE:
        raise refused("The subscription of this invoice is %s." % sub["status"])
    paid, records = attempt(billing, sub, bill, billing.shown(sub), request, by_hand=True)
    billing.send(records)
    if not paid:
        raise ApiError(402, "Your card was declined.", "card_declined", type="card_error", executed=True)
    return records


def refund(billing, given, request=None):
    """Money back for a charge, whole or in part. The subscription does not notice, as at Stripe."""
    store = billing.store
    if ("charge" in given) == ("payment_intent" in given):
        raise ApiError(400, "One of the following params should be provided for this request: payment_intent or "
                       "charge.", "parameter_missing", "payment_intent")
    if "charge" in given:
        paid = store.find("charges", "charge", given["charge"], "charge", 400)
    else:
        paid = store.find("charges", "payment_intent", "ch_" + given["payment_intent"].partition("_")[2],
                          "payment_intent", 400)
    left = paid["amount"] - paid["amount_refunded"]
    if not left:
        raise refused("Charge %s has already been refunded." % paid["id"], "charge", "charge_already_refunded")
    amount = given.get("amount", left)
    if amount > left:
        raise refused("Refund amount (%d) is greater than unrefunded amount on charge (%d)" % (amount, left), "amount")
    made = objects.refund(store.now(), paid, amount, given)
    store.refunds[made["id"]] = made
    before = paid["amount_refunded"]
    paid.update(amount_refunded=before + amount, refunded=before + amount == paid["amount"])
    billing.send([billing.record("refund.created", made, None, request),
                  billing.record("charge.refunded", paid, {"amount_refunded": before}, request)])
    return made
