"""What happens: paying, cancelling, renewing, and the events that tell of it.

Each function changes the store under its lock, records the events in the order
in which Stripe makes them, hands them to the sender and returns their records.
An action that the present state does not allow raises ApiError and changes nothing.
"""

from . import items, objects, versions
from .errors import ApiError, refused
from .schema import merge_metadata
from .store import LIVE, TERMINAL
from .webhooks import Record


class Billing:
    def __init__(self, store, sender, event_version):
        self.store = store
        self.sender = sender
        self.event_version = event_version

    def record(self, kind, obj, previous=None, request=None, created=None):
        """Note an event about the object as it is now; it is not sent yet."""
        snapshot = versions.render(obj, self.event_version)
        event = objects.event(created or self.store.now(), kind, snapshot, self.event_version,
                              previous, request)
        record = Record(event)
        self.store.events[event["id"]] = record
        return record

    def _updated(self, sub, before, request=None, created=None):
        """A customer.subscription.updated, or none when nothing changed."""
        after = versions.render(sub, self.event_version)
        previous = objects.changed(before, after)
        if not previous:
            return []
        return [self.record("customer.subscription.updated", sub, previous, request, created)]

    def _shown(self, sub):
        return versions.render(sub, self.event_version)

    def send(self, records):
        self.sender.send(records)
        return records

    def session(self, session_id, param="session"):
        """The session, expired first if its time is over."""
        with self.store.lock:
            found = self.store.find("sessions", "checkout.session", session_id, param)
            if found["status"] == "open" and found["expires_at"] <= self.store.now():
                self.expire(found)
            return found

    def expire(self, session):
        with self.store.lock:
            if session["status"] != "open":
                raise refused('Only Checkout Sessions with a status in ["open"] can be expired. '
                              "This Checkout Session has a status of `%s`." % session["status"])
            session["status"] = "expired"
            session["url"] = None
            return self.send([self.record("checkout.session.expired", session)])

    def _payer(self, session):
        """The session's customer; one is made when it was opened with an e-mail only."""
        if session["customer"]:
            return self.store.live_customer(session["customer"])
        payer = objects.customer(self.store.now(), {"email": session["customer_email"]
                                                    or "payer@example.test"})
        self.store.customers[payer["id"]] = payer
        session["customer"] = payer["id"]
        return payer

    def pay(self, session_id):
        store = self.store
        with store.lock:
            session = self.session(session_id)
            if session["status"] != "open":
                raise refused("This Checkout Session is %s." % session["status"])
            payer = self._payer(session)
            given = store.given[session_id]
            bought = [(store.prices[line["price"]], line.get("quantity", 1))
                      for line in given["line_items"]]
            now = store.now()
            sub = objects.subscription(now, payer["id"], bought, given.get("subscription_data", {}))
            store.subscriptions[sub["id"]] = sub
            bill = self._invoice(sub, "subscription_create", "open")
            sub["latest_invoice"] = bill["id"]
            records = [self.record("customer.subscription.created", sub)]
            before = self._shown(sub)
            sub["default_payment_method"] = objects.ident("pm_1")
            if sub["status"] == "incomplete":
                sub["status"] = "active"
            records += self._updated(sub, before)
            self._settle(bill)
            records.append(self.record("invoice.paid", bill))
            session.update(status="complete", subscription=sub["id"], invoice=bill["id"], url=None,
                           payment_status="no_payment_required" if sub["status"] == "trialing"
                           else "paid", customer_details=objects.customer_details(payer))
            payer["currency"] = sub["currency"]
            records.append(self.record("checkout.session.completed", session))
            return session, self.send(records)

    def _invoice(self, sub, reason, status):
        payer = self.store.customers[sub["customer"]]
        number = "%s-%04d" % (payer["invoice_prefix"], payer["next_invoice_sequence"])
        payer["next_invoice_sequence"] += 1
        bill = objects.invoice(self.store.now(), sub, payer, reason, status, number)
        self.store.invoices[bill["id"]] = bill
        return bill

    def _bill(self, sub, before, reason, request=None):
        """An invoice of the period that has begun, charged at once; -> the events of that and of the subscription."""
        bill = self._invoice(sub, reason, "open")
        sub["latest_invoice"] = bill["id"]
        self._settle(bill)
        return [self.record("invoice.paid", bill, None, request)] + self._updated(sub, before, request)

    def _settle(self, bill):
        now = self.store.now()
        bill.update(status="paid", amount_paid=bill["amount_due"], amount_remaining=0,
                    auto_advance=False, next_payment_attempt=None)
        bill["status_transitions"]["paid_at"] = now

    @staticmethod
    def period_end(sub):
        return max(item["current_period_end"] for item in sub["items"]["data"])

    def schedule_cancel(self, sub, request=None):
        """The portal's cancel: flexible billing says it with cancel_at alone."""
        with self.store.lock:
            self._must_live(sub)
            before = self._shown(sub)
            flexible = sub["billing_mode"]["type"] == "flexible"
            sub.update(cancel_at=self.period_end(sub), cancel_at_period_end=not flexible,
                       canceled_at=self.store.now())
            sub["cancellation_details"]["reason"] = "cancellation_requested"
            return self.send(self._updated(sub, before, request))

    def resume(self, sub, request=None):
        """Take back a scheduled cancel."""
        with self.store.lock:
            self._must_live(sub)
            before = self._shown(sub)
            sub.update(cancel_at=None, cancel_at_period_end=False, canceled_at=None)
            sub["cancellation_details"] = {"comment": None, "feedback": None, "reason": None}
            return self.send(self._updated(sub, before, request))

    def cancel(self, sub, details=None, request=None, reason="cancellation_requested"):
        with self.store.lock:
            self._must_live(sub)
            self._end(sub, reason)
            sub["cancellation_details"].update(details or {})
            return self.send([self.record("customer.subscription.deleted", sub, None, request)])

    def _end(self, sub, reason):
        now = self.store.now()
        sub.update(status="canceled", ended_at=now, canceled_at=sub["canceled_at"] or now)
        sub["cancellation_details"]["reason"] = reason

    @staticmethod
    def _must_live(sub):
        if sub["status"] in TERMINAL:
            raise refused("This subscription is %s." % sub["status"])

    def update(self, sub, params, request):
        """POST /v1/subscriptions/{id}."""
        with self.store.lock:
            if sub["status"] in TERMINAL and set(params) - {"metadata", "cancellation_details"}:
                raise refused("A canceled subscription can only update its cancellation_details "
                              "and metadata.")
            if "cancel_at" in params and params.get("cancel_at_period_end"):
                raise ApiError(400, "You may only specify one of these parameters: cancel_at, "
                               "cancel_at_period_end.", "parameters_exclusive", "cancel_at")
            when = self._cancel_at(sub, params)
            wanted, fresh = items.change(self.store, sub, params.get("items", []))
            before = self._shown(sub)
            if "items" in params:
                items.put(sub, wanted)
            if when is not _KEEP:
                sub.update(cancel_at=when, cancel_at_period_end=bool(
                    params.get("cancel_at_period_end")),
                    canceled_at=self.store.now() if when else None)
                sub["cancellation_details"]["reason"] = "cancellation_requested" if when else None
            for key, value in params.get("cancellation_details", {}).items():
                sub["cancellation_details"][key] = value or None
            if "metadata" in params:
                sub["metadata"] = merge_metadata(sub["metadata"], params["metadata"])
            for key in ("description", "pause_collection"):
                if key in params:
                    sub[key] = params[key] or None
            if fresh:
                return self.send(self._bill(sub, before, "subscription_update", request))
            return self.send(self._updated(sub, before, request))

    def _cancel_at(self, sub, params):
        if "cancel_at_period_end" in params and "cancel_at" not in params:
            return self.period_end(sub) if params["cancel_at_period_end"] else None
        when = params.get("cancel_at", _KEEP)
        if when in ("min_period_end", "max_period_end"):
            return self.period_end(sub)
        if isinstance(when, int) and when <= self.store.now():
            raise refused("The `cancel_at` timestamp must be in the future.", "cancel_at")
        return None if when == "" else when

    def delete_customer(self, customer_id, request):
        with self.store.lock:
            found = self.store.live_customer(customer_id, "id", 404)
            records = []
            for sub in self.store.subscriptions_of(customer_id):
                if sub["status"] in LIVE:
                    self._end(sub, "cancellation_requested")
                    records.append(self.record("customer.subscription.deleted", sub, None, request))
            records.append(self.record("customer.deleted", found, None, request))
            self.store.customers[customer_id] = objects.deleted("customer", customer_id)
            self.send(records)
            return self.store.customers[customer_id]

    def transition(self, sub, wish):
        """Control API: put a subscription into a state, with the events Stripe sends.

        wish: status, renew, trial_will_end, cancel_at, cancel_at_period_end,
        current_period_end, created (the events' time), reason, force.
        """
        with self.store.lock:
            status = wish.get("status", sub["status"])
            if status not in LIVE + TERMINAL:
                raise refused("unknown status '%s'" % status, "status")
            if sub["status"] in TERMINAL and not wish.get("force"):
                self._must_live(sub)
            created = wish.get("created")
            old = sub["status"]
            before = self._shown(sub)
            records = []
            renewing = wish.get("renew") or (status == "past_due" and old in ("active", "trialing"))
            if renewing:
                self._next_period(sub)
            for item in sub["items"]["data"]:
                item["current_period_end"] = wish.get("current_period_end",
                                                      item["current_period_end"])
            for key in ("cancel_at", "cancel_at_period_end"):
                sub[key] = wish.get(key, sub[key])
            sub["status"] = status
            if renewing:
                paid = status == "active"
                bill = self._invoice(sub, "subscription_cycle", "paid" if paid else "open")
                sub["latest_invoice"] = bill["id"]
                records.append(self.record("invoice.paid" if paid else "invoice.payment_failed",
                                           bill, None, None, created))
            elif status == "active" and old in ("incomplete", "past_due", "unpaid"):
                bill = self.store.invoices[sub["latest_invoice"]]
                self._settle(bill)
                records.append(self.record("invoice.paid", bill, None, None, created))
            if status == "canceled":
                self._end(sub, wish.get("reason", "cancellation_requested"))
                if created:
                    sub["ended_at"] = created
                records.append(self.record("customer.subscription.deleted", sub, None, None,
                                           created))
            else:
                sub["ended_at"] = self.store.now() if status in TERMINAL else None
                records += self._updated(sub, before, None, created)
            extra = {("paused", True): "customer.subscription.paused",
                     ("active", old == "paused"): "customer.subscription.resumed"}
            word = extra.get((status, True))
            if word and status != old:
                records.append(self.record(word, sub, None, None, created))
            if wish.get("trial_will_end"):
                records.append(self.record("customer.subscription.trial_will_end", sub, None, None,
                                           created))
            if wish.get("send", True):
                return self.send(records)
            for record in records:
                record.settle("unsent")
            return records

    @staticmethod
    def _next_period(sub):
        for item in sub["items"]["data"]:
            recurring = item["price"]["recurring"]
            item["current_period_start"] = item["current_period_end"]
            item["current_period_end"] = objects.add_interval(
                item["current_period_end"], recurring["interval"], recurring["interval_count"])


_KEEP = object()
