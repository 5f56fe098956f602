"""What happens: paying, cancelling, renewing, and the events that tell of it.

Each function changes the store under its lock, records the events in the order
in which Stripe makes them, hands them to the sender and returns their records.
An action that the present state does not allow raises ApiError and changes nothing.
"""

from . import entitlements, items, objects, payments, versions
from .errors import ApiError, no_such, refused
from .schema import merge_metadata
from .store import LIVE, TERMINAL
from .webhooks import Record


# dunning: days between the attempts after the first; dunning_end: what a subscription is after the last one;
# portal_cancel: how the portal says a cancel at the end of the period, see `schedule_cancel`.
SETTINGS = {"dunning": [3, 5, 7], "dunning_end": "canceled", "portal_cancel": "billing_mode"}


class Billing:
    def __init__(self, store, sender, event_version):
        self.store = store
        self.sender = sender
        self.event_version = event_version
        self.settings = dict(SETTINGS)
        self._touched = {}

    def reset(self, event_version):
        self.event_version = event_version
        self.settings = dict(SETTINGS)
        self._touched = {}

    def record(self, kind, obj, previous=None, request=None, created=None):
        """Note an event about the object as it is now; it is not sent yet."""
        snapshot = versions.render(obj, self.event_version)
        event = objects.event(created or self.store.now(), kind, snapshot, self.event_version,
                              previous, request)
        record = Record(event, self.store.now())
        self.store.events[event["id"]] = record
        if kind.startswith("customer.subscription."):
            self._touched[obj["customer"]] = True
        return record

    def updated(self, sub, before, request=None, created=None):
        """A customer.subscription.updated, or none when nothing changed."""
        after = versions.render(sub, self.event_version)
        previous = objects.changed(before, after)
        if not previous:
            return []
        return [self.record("customer.subscription.updated", sub, previous, request, created)]

    def shown(self, sub):
        return versions.render(sub, self.event_version)

    def entitled(self):
        """The events about entitlements that the subscriptions' events so far bring with them."""
        touched, self._touched = self._touched, {}
        return [record for customer_id in touched for record in entitlements.changes(self, customer_id)]

    def send(self, records):
        """Deliver; returns at once. -> the records, with what they brought with them"""
        records = records + self.entitled()
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
            return self.send(self.expire_now(session))

    def expire_now(self, session):
        session.update(status="expired", url=None)
        return [self.record("checkout.session.expired", session)]

    def _payer(self, session):
        """The session's customer; one is made when it was opened with an e-mail only."""
        if session["customer"]:
            return self.store.live_customer(session["customer"])
        payer = objects.customer(self.store.now(), {"email": session["customer_email"]
                                                    or "payer@example.test"})
        self.store.customers[payer["id"]] = payer
        session["customer"] = payer["id"]
        return payer

    def pay(self, session_id, card="good"):
        """The page's Pay. A bad card pays now and is refused at every later charge; "none" is for what is free."""
        store = self.store
        with store.lock:
            session = self.session(session_id)
            if session["status"] != "open":
                raise refused("This Checkout Session is %s." % session["status"])
            if card == "none" and (session["amount_total"] or session["payment_method_collection"] == "always"):
                raise refused("A card is needed.", "card")
            payer = self._payer(session)
            given = store.given[session_id]
            bought = [(store.prices[line["price"]], line.get("quantity"))
                      for line in given["line_items"]]
            sub = objects.subscription(store.now(), payer["id"], bought, given.get("subscription_data", {}))
            store.subscriptions[sub["id"]] = sub
            bill = payments.invoice(self, sub, "subscription_create", "open")
            records = [self.record("customer.subscription.created", sub)]
            before = self.shown(sub)
            if card != "none":
                sub["default_payment_method"] = payments.add_card(store, payer["id"], card)["id"]
            if sub["status"] == "incomplete":
                sub["status"] = "active"
            records += self.updated(sub, before)
            bill.update(attempted=True, attempt_count=1)
            payments.settle(self, bill)
            records.append(self.record("invoice.paid", bill))
            records += self._collected(payer, given)
            session.update(status="complete", subscription=sub["id"], invoice=bill["id"], url=None,
                           payment_status="no_payment_required" if sub["status"] == "trialing"
                           else "paid", customer_details=objects.customer_details(payer))
            payer["currency"] = sub["currency"]
            records.append(self.record("checkout.session.completed", session))
            return session, self.send(records)

    def _collected(self, payer, given):
        """What the page asked for is written to the customer where `customer_update` says so."""
        if given.get("customer_update", {}).get("address") != "auto" or payer["address"]:
            return []
        payer["address"] = objects.address({"country": "US", "postal_code": "94103"})
        return [self.record("customer.updated", payer, {"address": None})]

    def begin(self, given, request):
        """POST /v1/subscriptions: a subscription without a checkout page; an unpaid one stays incomplete."""
        store = self.store
        with store.lock:
            payer = store.live_customer(given["customer"])
            if not given["items"]:
                raise ApiError(400, "Missing required param: items.", "parameter_missing", "items")
            bought = []
            for number, line in enumerate(given["items"]):
                price = items.price_of(store, line["price"], "items[%d]" % number)
                bought.append((price, items.quantity_of(price, line, "items[%d]" % number, 1)))
            items.judge([{"price": price} for price, _ in bought], bought[0][0]["currency"])
            card = given.get("default_payment_method")
            if card is not None and store.payment_methods.get(card, {}).get("customer") != payer["id"]:
                raise no_such("PaymentMethod", card, "default_payment_method", 400)
            sub = objects.subscription(store.now(), payer["id"], bought, {
                **given, "metadata": merge_metadata({}, given.get("metadata", {}))})
            sub["default_payment_method"] = card
            behavior = given.get("payment_behavior", "allow_incomplete")
            owed = sub["status"] == "incomplete"
            if owed and behavior == "error_if_incomplete" and not payments.works(store, sub):
                raise ApiError(402, "Your card was declined.", "card_declined", type="card_error", executed=True)
            store.subscriptions[sub["id"]] = sub
            bill = payments.invoice(self, sub, "subscription_create", "open")
            records = [self.record("customer.subscription.created", sub, None, request)]
            if not owed or behavior != "default_incomplete":
                records += payments.attempt(self, sub, bill, self.shown(sub), request, by_hand=True)[1]
            payer["currency"] = sub["currency"]
            self.send(records)
            return sub

    def change_card(self, customer_id, kind):
        """Another card for the customer and all that runs; what is owed is not tried by that."""
        store = self.store
        with store.lock:
            payer = store.live_customer(customer_id, "id", 404)
            card = payments.add_card(store, customer_id, kind)
            records = [self.record("payment_method.attached", card)]
            old = payer["invoice_settings"]["default_payment_method"]
            payer["invoice_settings"]["default_payment_method"] = card["id"]
            records.append(self.record("customer.updated", payer,
                                       {"invoice_settings": {"default_payment_method": old}}))
            for sub in store.subscriptions_of(customer_id):
                if sub["status"] in LIVE:
                    before = self.shown(sub)
                    sub["default_payment_method"] = card["id"]
                    records += self.updated(sub, before)
            return self.send(records)

    @staticmethod
    def period_end(sub):
        return max(item["current_period_end"] for item in sub["items"]["data"])

    def schedule_cancel(self, sub, request=None):
        """The portal's cancel: flexible billing says it with cancel_at alone, classic billing with both."""
        with self.store.lock:
            self._must_live(sub)
            before = self.shown(sub)
            manner = self.settings["portal_cancel"]
            if manner == "billing_mode":
                manner = sub["billing_mode"]["type"]
            sub.update(cancel_at=self.period_end(sub), cancel_at_period_end=manner == "classic",
                       canceled_at=self.store.now())
            sub["cancellation_details"]["reason"] = "cancellation_requested"
            return self.send(self.updated(sub, before, request))

    def resume(self, sub, request=None):
        """Take back a scheduled cancel."""
        with self.store.lock:
            self._must_live(sub)
            before = self.shown(sub)
            sub.update(cancel_at=None, cancel_at_period_end=False, canceled_at=None)
            sub["cancellation_details"] = {"comment": None, "feedback": None, "reason": None}
            return self.send(self.updated(sub, before, request))

    def cancel(self, sub, details=None, request=None, reason="cancellation_requested"):
        with self.store.lock:
            self._must_live(sub)
            sub["cancellation_details"].update(details or {})
            return self.send(self.end(sub, reason, request))

    def end(self, sub, reason, request=None, created=None):
        """Canceled, for good. -> the event, not sent yet"""
        now = self.store.now()
        sub.update(status="canceled", ended_at=created or now, canceled_at=sub["canceled_at"] or now)
        sub["cancellation_details"]["reason"] = reason
        return [self.record("customer.subscription.deleted", sub, None, request, created)]

    def pause(self, sub, why="pause_requested", request=None):
        """Status paused: no periods and no invoices until `unpause`. -> the events, not sent yet"""
        before = self.shown(sub)
        sub["status"] = "paused"
        sub["status_details"] = {"paused": {"subscription": {"type": why}, "transitioned_at": self.store.now(),
                                            "type": "subscription"}}
        return self.updated(sub, before, request) + \
            [self.record("customer.subscription.paused", sub, None, request)]

    def pause_now(self, sub, request=None):
        with self.store.lock:
            if sub["status"] not in ("active", "trialing", "past_due"):
                raise refused("This subscription is %s and cannot be paused." % sub["status"])
            return self.send(self.pause(sub, request=request))

    def unpause(self, sub, anchor="unchanged", request=None):
        """Run again: in the period that is paid for while it lasts, else in a new one that is charged first."""
        with self.store.lock:
            if sub["status"] != "paused":
                raise refused("This subscription is %s, not paused." % sub["status"])
            now = self.store.now()
            before = self.shown(sub)
            records = []
            if anchor == "now" or self.period_end(sub) <= now:
                recurring = sub["items"]["data"][0]["price"]["recurring"]
                end = objects.add_interval(now, recurring["interval"], recurring["interval_count"])
                for item in sub["items"]["data"] if payments.works(self.store, sub) else []:
                    item.update(current_period_start=now, current_period_end=end)
                bill = payments.invoice(self, sub, "subscription_update", "open")
                paid, records = payments.attempt(self, sub, bill, before, request, by_hand=True)
                if not paid:
                    return self.send(records)
            else:
                sub["status"] = "active"
                sub.pop("status_details", None)
                records += self.updated(sub, before, request)
            records.append(self.record("customer.subscription.resumed", sub, None, request))
            return self.send(records)

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
            self._judge_card_and_trial(sub, params)
            wanted, fresh = items.change(self.store, sub, params.get("items", []))
            before = self.shown(sub)
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
            for key in ("default_payment_method", "trial_settings"):
                sub[key] = params.get(key, sub[key])
            if "trial_end" in params:
                fresh = self._move_trial(sub, params["trial_end"])
            if fresh:
                bill = payments.invoice(self, sub, "subscription_update", "open")
                return self.send(payments.attempt(self, sub, bill, before, request)[1])
            return self.send(self.updated(sub, before, request))

    def _judge_card_and_trial(self, sub, params):
        card = params.get("default_payment_method")
        if card is not None and self.store.payment_methods.get(card, {}).get("customer") != sub["customer"]:
            raise no_such("PaymentMethod", card, "default_payment_method", 400)
        if "trial_end" not in params:
            return
        if sub["status"] != "trialing":
            raise refused("The sandbox models `trial_end` for a subscription in its trial only.", "trial_end")
        if params["trial_end"] != "now" and params["trial_end"] <= self.store.now():
            raise refused("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")

    def _move_trial(self, sub, wanted):
        """-> whether the trial is over and a period to be paid begins"""
        now = self.store.now()
        over = wanted == "now"
        recurring = sub["items"]["data"][0]["price"]["recurring"]
        end = objects.add_interval(now, recurring["interval"], recurring["interval_count"]) if over else wanted
        for item in sub["items"]["data"]:
            item["current_period_end"] = end
            if over:
                item["current_period_start"] = now
        sub.update(trial_end=now if over else wanted, billing_cycle_anchor=now if over else wanted,
                   status="active" if over else "trialing")
        return over

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
                    records += self.end(sub, "cancellation_requested", request)
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
            before = self.shown(sub)
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
                bill = payments.invoice(self, sub, "subscription_cycle", "open")
                bill.update(attempted=True, attempt_count=1)
                if paid:
                    payments.settle(self, bill)
                elif self.settings["dunning"]:
                    bill["next_payment_attempt"] = self.store.now() + int(
                        self.settings["dunning"][0] * payments.DAY)
                records.append(self.record("invoice.paid" if paid else "invoice.payment_failed",
                                           bill, None, None, created))
            elif status == "active" and old in ("incomplete", "past_due", "unpaid"):
                bill = self.store.invoices[sub["latest_invoice"]]
                payments.settle(self, bill)
                records.append(self.record("invoice.paid", bill, None, None, created))
            if status == "canceled":
                records += self.end(sub, wish.get("reason", "cancellation_requested"), None, created)
            else:
                sub["ended_at"] = self.store.now() if status in TERMINAL else None
                records += self.updated(sub, before, None, created)
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
            records += self.entitled()
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
