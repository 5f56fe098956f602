"""API versions: which generation of shapes an object is rendered in.

Replies follow the request's Stripe-Version header, events follow the version of
the webhook endpoint. Objects are kept in the newest shape; this file turns them
back into an older one.

`acacia` has the billing period on the subscription and `invoice.subscription`;
`basil` and later have the period on the items and `invoice.parent`; `mixed` has
both periods, as versions before acacia are rendered nowadays.
"""

import copy
import re

from .errors import ApiError

NAMES = {
    "mixed": "2024-06-20",
    "acacia": "2025-02-24.acacia",
    "basil": "2025-08-27.basil",
    "clover": "2025-09-30.clover",
    "dahlia": "2026-03-25.dahlia",
    "endive": "2026-10-28.endive",
}
ACACIA = "2024-09-30"
BASIL = "2025-03-31"
DAHLIA = "2026-03-25"
ENDIVE = "2026-09-30"
_FORM = re.compile(r"\A20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(\.[a-z]{2,20})?\Z")


def resolve(text):
    """A name above or a full version -> the full version; ValueError if neither."""
    version = NAMES.get(text, text)
    if not _FORM.match(version):
        raise ValueError("not a Stripe API version: %r" % text)
    return version


def check_header(text):
    if not _FORM.match(text):
        raise ApiError(400, "Invalid Stripe API version: %s" % text)
    return text


def render(obj, version):
    """A deep copy of `obj`, with everything in it, as `version` shows it.

    An event stays as it was made: its shape follows the endpoint's version.
    """
    return _render(copy.deepcopy(obj), version)


def _render(node, version):
    if isinstance(node, list):
        return [_render(item, version) for item in node]
    if not isinstance(node, dict) or node.get("object") == "event":
        return node
    node = {key: _render(value, version) for key, value in node.items()}
    change = _CHANGES.get(node.get("object"))
    return change(node, version[:10]) if change else node


def _subscription(sub, date):
    if date < ENDIVE:
        sub.pop("status_details", None)
    if date >= BASIL:
        return sub
    items = sub["items"]["data"]
    sub["current_period_end"] = max(item["current_period_end"] for item in items)
    sub["current_period_start"] = min(item["current_period_start"] for item in items)
    if date >= ACACIA:
        for item in items:
            del item["current_period_end"], item["current_period_start"]
    sub["discount"] = None
    del sub["billing_mode"]
    return _sorted(sub)


def _invoice(invoice, date):
    if date >= BASIL:
        return invoice
    details = (invoice.pop("parent") or {}).get("subscription_details")
    paid = invoice["status"] == "paid"
    tail = invoice["id"][3:]
    del invoice["amount_overpaid"], invoice["total_taxes"]
    invoice.update(
        subscription=details["subscription"] if details else None,
        subscription_details={"metadata": details["metadata"] if details else None},
        paid=paid, paid_out_of_band=False,
        charge="ch_" + tail if paid and invoice["amount_paid"] else None,
        payment_intent="pi_" + tail if invoice["amount_due"] else None,
        application_fee_amount=None, discount=None, quote=None, tax=None, total_tax_amounts=[],
        transfer_data=None)
    return _sorted(invoice)


def _line(line, date):
    """`_price` and `_plan` are kept with a line for the old shape and never shown."""
    price, plan = line.pop("_price"), line.pop("_plan")
    if date >= BASIL:
        return line
    parent = line.pop("parent")["subscription_item_details"]
    del line["pricing"], line["taxes"]
    line.update(
        price=price, plan=plan, type="subscription", subscription_item=parent["subscription_item"],
        proration=parent["proration"], proration_details=parent["proration_details"],
        invoice_item=None, amount_excluding_tax=line["amount"], tax_amounts=[], tax_rates=[],
        unit_amount_excluding_tax=price["unit_amount_decimal"])
    return _sorted(line)


def _price(price, date):
    if date < BASIL:
        price["recurring"]["aggregate_usage"] = None
    return price


def _plan(plan, date):
    if date < BASIL:
        plan["aggregate_usage"] = None
    return plan


def _sorted(obj):
    """Members in Stripe's order: id and object, then by name."""
    return dict(sorted(obj.items(), key=lambda entry: (
        ("id", "object").index(entry[0]) if entry[0] in ("id", "object") else 2, entry[0])))


def _charge(charge, date):
    if date < BASIL:
        charge["invoice"] = "in_" + charge["id"][3:]
    return charge


def _session(session, date):
    if date < DAHLIA and session["ui_mode"] == "hosted_page":
        session["ui_mode"] = "hosted"
    if date < BASIL:
        for name in ("collected_information", "origin_context", "permissions", "wallet_options"):
            del session[name]
        session["shipping_details"] = None
    return session


_CHANGES = {"subscription": _subscription, "invoice": _invoice, "line_item": _line,
            "charge": _charge, "price": _price, "plan": _plan, "checkout.session": _session}
