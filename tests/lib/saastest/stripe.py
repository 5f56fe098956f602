"""Stripe's side of a webhook, written independently of the server: event payloads in both generations
(`acacia`: the period end on the subscription; `basil`: on its items) and their signature.
Source of the shapes: Stripe's published API fixtures. Source of the signature: docs.stripe.com/webhooks.
"""

import hashlib
import hmac
import json
import secrets
import time

GENERATIONS = {"acacia": "2024-12-18.acacia", "basil": "2025-08-27.basil"}
MONTH = 30 * 86400


def new_id(prefix):
    return f"{prefix}_{secrets.token_hex(12)}"


def signature(payload, secret, t=None, scheme="v1"):
    t = int(time.time()) if t is None else t
    return hmac.new(secret.encode(), str(t).encode() + b"." + payload, hashlib.sha256).hexdigest()


def header(payload, secret, t=None):
    t = int(time.time()) if t is None else t
    return f"t={t},v1={signature(payload, secret, t)}"


def dump(event):
    """Bytes as Stripe sends them: pretty-printed, UTF-8."""
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


def event(type, obj, created=None, previous=None, generation="basil", id=None, **more):
    data = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    return {"id": id or new_id("evt"), "object": "event", "api_version": GENERATIONS[generation],
            "created": int(time.time()) if created is None else created, "data": data, "livemode": False,
            "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": type, **more}


class Story:
    """One subscription of one customer of one organization, and the events of its life."""

    def __init__(self, org_id, price, customer=None, subscription=None, generation="basil", start=None):
        self.org_id, self.price, self.generation = org_id, price, generation
        self.customer = customer or new_id("cus")
        self.id = subscription or new_id("sub")
        self.start = int(time.time()) - 60 if start is None else start
        self.item = new_id("si")

    def subscription(self, status, period_end=None, **more):
        end = self.start + MONTH if period_end is None else period_end
        period = {"current_period_start": self.start, "current_period_end": end}
        price = {"id": self.price, "object": "price", "active": True, "currency": "usd", "product": "prod_test",
                 "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}, "type": "recurring",
                 "unit_amount": 2000}
        item = {"id": self.item, "object": "subscription_item", "created": self.start, "metadata": {}, "price": price,
                "quantity": 1, "subscription": self.id}
        obj = {"id": self.id, "object": "subscription", "cancel_at": None, "cancel_at_period_end": False,
               "canceled_at": None, "collection_method": "charge_automatically", "created": self.start,
               "currency": "usd", "customer": self.customer, "ended_at": None,
               "items": {"object": "list", "data": [item], "has_more": False, "total_count": 1,
                         "url": f"/v1/subscription_items?subscription={self.id}"},
               "latest_invoice": new_id("in"), "livemode": False, "metadata": {"org_id": self.org_id},
               "pause_collection": None, "start_date": self.start, "status": status, "trial_end": None,
               "trial_start": None}
        (item if self.generation == "basil" else obj).update(period)
        obj.update(more)
        return obj

    def created(self, status="incomplete", at=0, **more):
        return event("customer.subscription.created", self.subscription(status, **more), self.start + at,
                     generation=self.generation)

    def updated(self, status, at=3, previous=None, **more):
        return event("customer.subscription.updated", self.subscription(status, **more), self.start + at,
                     previous if previous is not None else {"status": "incomplete"}, self.generation)

    def deleted(self, at=30, **more):
        when = self.start + at
        return event("customer.subscription.deleted",
                     self.subscription("canceled", canceled_at=when, ended_at=when, **more), when,
                     generation=self.generation)

    def checkout(self, session=None, at=4, **more):
        obj = {"id": session or "cs_test_" + secrets.token_hex(24), "object": "checkout.session",
               "client_reference_id": self.org_id, "customer": self.customer, "customer_email": None,
               "created": self.start, "expires_at": self.start + 86400, "livemode": False,
               "metadata": {"org_id": self.org_id}, "mode": "subscription", "payment_status": "paid",
               "status": "complete", "subscription": self.id, "url": None}
        obj.update(more)
        return event("checkout.session.completed", obj, self.start + at, generation=self.generation)

    def invoice(self, type="invoice.paid", at=3, reason="subscription_create", **more):
        line = {"id": new_id("il"), "object": "line_item", "amount": 2000, "currency": "usd", "livemode": False,
                "period": {"start": self.start, "end": self.start + MONTH}, "quantity": 1,
                "metadata": {"org_id": self.org_id}}
        obj = {"id": new_id("in"), "object": "invoice", "amount_due": 2000, "amount_paid": 2000, "attempt_count": 1,
               "billing_reason": reason, "collection_method": "charge_automatically", "created": self.start,
               "currency": "usd", "customer": self.customer, "livemode": False, "metadata": {},
               "next_payment_attempt": None, "period_start": self.start, "period_end": self.start,
               "status": "paid" if type == "invoice.paid" else "open",
               "lines": {"object": "list", "data": [line], "has_more": False, "total_count": 1, "url": "/v1/invoices"}}
        details = {"metadata": {"org_id": self.org_id}, "subscription": self.id}
        if self.generation == "basil":
            obj["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
            line["pricing"] = {"type": "price_details", "price_details": {"price": self.price, "product": "prod_test"}}
        else:
            obj["subscription"] = self.id
            obj["subscription_details"] = {"metadata": details["metadata"]}
            line["price"] = {"id": self.price, "object": "price"}
        obj.update(more)
        return event(type, obj, self.start + at, generation=self.generation)
