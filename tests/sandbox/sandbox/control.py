"""/_sandbox/: what tests use to script faults, make events and look inside.

JSON in and out, no key. A wrong field is a 400 with a message, never ignored:
a test whose instruction was misspelt must not pass by accident.
"""

import base64
import json
import re
import time

from . import catalog, clock, payments, versions, webhooks
from .billing import SETTINGS
from .errors import ApiError
from .webhooks import wait


class Control:
    def __init__(self, store, billing, sender, faults, journal, idempotency, settings):
        self.store = store
        self.billing = billing
        self.sender = sender
        self.faults = faults
        self.journal = journal
        self.idempotency = idempotency
        self.settings = settings
        self.defaults = dict(settings)

    def answer(self, method, path, query, body):
        """-> (status, JSON-able object)."""
        try:
            for want, pattern, function in _ROUTES:
                match = pattern.match(path)
                if match and want == method:
                    given = json.loads(body) if body.strip() else {}
                    if not isinstance(given, dict):
                        raise ValueError("the body must be a JSON object")
                    return 200, function(self, given, query, *match.groups())
            return 404, {"error": "no such control call: %s %s" % (method, path)}
        except ApiError as error:
            return error.status, {"error": error.message}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return 400, {"error": "%s: %s" % (type(error).__name__, error)}

    def _fault_add(self, given, query):
        return self.faults.add(given)

    def _fault_list(self, given, query):
        return {"faults": self.faults.shown()}

    def _fault_clear(self, given, query):
        self.faults.clear()
        return {"faults": []}

    def _requests(self, given, query):
        return {"requests": self.journal.shown(query.get("method"), query.get("path"))}

    def _requests_clear(self, given, query):
        self.journal.clear()
        return {"requests": []}

    def _event(self, given, query):
        """Sign and deliver now: {"event": raw} or {"type", "object", …}, and "options"."""
        options = _only(given.pop("options", {}), {"secret", "t_offset", "count", "signature", "url",
                                                   "timeout", "body", "body_b64"})
        count = options.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= 64:
            raise ValueError("count must be between 1 and 64")
        record = None
        if "body" in options or "body_b64" in options:
            body = options["body"].encode() if "body" in options else \
                base64.b64decode(options["body_b64"], validate=True)
        elif "event" in given:
            _only(given, {"event"})
            body = webhooks.encode(given["event"])
        else:
            record = self._make(given)
            body = record.body
        answers = self.sender.deliver_now(body, options)
        if record:
            record.attempts += answers
            record.settle("delivered" if any(map(webhooks.accepted, answers)) else "failed")
        event = record.event if record else given.get("event")
        return {"event": event, "event_id": event.get("id") if isinstance(event, dict) else None,
                "deliveries": answers}

    def _make(self, given):
        """An event from its parts; `object` may be the id of something the sandbox has."""
        envelope = {"id", "created", "livemode", "account", "api_version", "request"}
        _only(given, envelope | {"type", "object", "previous_attributes"})
        obj = given["object"]
        with self.store.lock:
            known = self._stored(obj) if isinstance(obj, str) else None
            record = self.billing.record(given["type"], known, given.get("previous_attributes"))
            if known is None:
                record.event["data"]["object"] = obj
            del self.store.events[record.event["id"]]
            record.event.update({key: given[key] for key in envelope if key in given})
            record.body = webhooks.encode(record.event)
            self.store.events[record.event["id"]] = record
        return record

    def _stored(self, object_id):
        for table in ("customers", "sessions", "subscriptions", "invoices", "prices", "products"):
            if object_id in getattr(self.store, table):
                return getattr(self.store, table)[object_id]
        raise ValueError("the sandbox has no object '%s'" % object_id)

    def _resend(self, given, query, event_id):
        """Deliver a recorded event again, byte for byte."""
        record = self.store.find("events", "event", event_id)
        answers = self.sender.deliver_now(record.body, _only(
            given, {"secret", "t_offset", "count", "signature", "url", "timeout"}))
        record.attempts += answers
        return {"event_id": event_id, "deliveries": answers}

    def _transition(self, given, query, sub_id):
        seconds = given.pop("wait", 5)
        wish = _only(given, {"status", "renew", "trial_will_end", "cancel_at",
                             "cancel_at_period_end", "current_period_end", "created", "reason",
                             "force", "send"})
        sub = self.store.find("subscriptions", "subscription", sub_id)
        records = self.billing.transition(sub, wish)
        answered = wish.get("send", True) and self._await(records, seconds)
        return {"subscription": versions.render(sub, self.billing.event_version),
                "answered": answered, "events": [_record(record) for record in records]}

    def _price(self, given, query):
        """A price made, or what is not fixed of one changed."""
        with self.store.lock:
            return versions.render(catalog.add_price(self.store, catalog.checked(given)),
                                   self.billing.event_version)

    def _card(self, given, query, customer_id):
        """Another card for a customer, as if given on the portal: {"card": "good" or "bad"}."""
        if _only(given, {"card"}).get("card") not in payments.CARDS:
            raise ValueError("card is one of " + ", ".join(payments.CARDS))
        records = self.billing.change_card(customer_id, given["card"])
        return {"answered": self._await(records, 5), "events": [_record(record) for record in records]}

    def _await(self, records, seconds):
        """Whether all were answered in time; false while deliveries are held back."""
        return not self.sender.config["paused"] and wait(records, seconds)

    def _clock(self, given, query):
        now = self.store.now()
        return {"now": now, "ahead": now - int(time.time())}

    def _advance(self, given, query):
        """{"advance": seconds or "3d"}, {"to": time}, or, while there is nobody yet, {"set": time}."""
        seconds = given.pop("wait", 30)
        _only(given, {"advance", "to", "set"})
        if len(given) != 1:
            raise ValueError("give one of advance, to, set")
        (word, value), = given.items()
        if word == "advance":
            value = self.store.now() + _duration(value)
        elif not isinstance(value, int) or isinstance(value, bool):
            raise ValueError("%s is a Unix time in seconds" % word)
        records = []
        with self.store.lock:
            if word != "set":
                records = clock.advance(self.billing, value)
            elif self.store.customers or self.store.sessions:
                raise ValueError("the clock can be set only while there are no customers and sessions")
            else:
                self.store.set_clock(value)
        return {**self._clock({}, {}), "answered": self._await(records, seconds),
                "events": [_record(record) for record in records]}

    def _config(self, given, query):
        wish = _only(given, {"webhook_url", "webhook_secret", "retry", "webhook_timeout", "order",
                             "paused", "lose", "enabled_events", "redirect_wait", "api_version", *SETTINGS})
        changes = {}
        for key, value in wish.items():
            check = _CONFIG[key]
            if not check(value):
                raise ValueError("bad value for %s" % key)
            changes[key] = value
        if isinstance(changes.get("webhook_secret"), str):
            changes["webhook_secret"] = [changes["webhook_secret"]]
        for name in SETTINGS:
            if name in changes:
                self.billing.settings[name] = changes.pop(name)
        if "redirect_wait" in changes:
            self.settings["redirect_wait"] = changes.pop("redirect_wait")
        if "api_version" in changes:
            self.billing.event_version = versions.resolve(changes.pop("api_version"))
        released = self.sender.configure(changes)
        if released:
            wait(released, 5)
        return {"config": self._shown_config(), "released": [_record(item) for item in released]}

    def _shown_config(self):
        config = dict(self.sender.config)
        config["webhook_secret"] = len(config["webhook_secret"])
        return {**config, **self.billing.settings, "redirect_wait": self.settings["redirect_wait"],
                "api_version": self.billing.event_version}

    def _state(self, given, query):
        store = self.store
        with store.lock:
            tables = {name: list(getattr(store, name).values()) for name in (
                "customers", "sessions", "subscriptions", "invoices", "products", "prices", "charges", "refunds",
                "features", "payment_methods")}
            return {**{name: versions.render(rows, versions.NAMES["endive"])
                       for name, rows in tables.items()},
                    "clock": self._clock({}, {}),
                    "events": [_record(record) for record in store.events.values()],
                    "faults": self.faults.shown(), "config": self._shown_config()}

    def _reset(self, given, query):
        self.sender.reset()
        self.faults.clear()
        self.journal.clear()
        self.idempotency.reset()
        self.store.reset()
        self.settings.update(self.defaults)
        self.billing.reset(self.defaults["event_version"])
        return {"reset": True}


def _duration(value):
    """Seconds, or a text such as 90s, 15m, 23h, 30d, 2w."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError("advance is a number of seconds or a text such as 23h or 30d")
    return int(match.group(1)) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[match.group(2)]


def _only(given, names):
    unknown = set(given) - names
    if unknown:
        raise ValueError("unknown field: %s" % ", ".join(sorted(unknown)))
    return given


def _record(record):
    return {"event": record.event, "state": record.state, "attempts": list(record.attempts)}


def _texts(value):
    return isinstance(value, list) and bool(value) and \
        all(isinstance(item, str) and item for item in value)


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


_CONFIG = {
    "webhook_url": lambda v: v is None or isinstance(v, str) and v.startswith(("http://", "https://")),
    "webhook_secret": lambda v: isinstance(v, str) and bool(v) or _texts(v),
    "retry": lambda v: isinstance(v, list) and all(map(_number, v)),
    "webhook_timeout": lambda v: _number(v) and v > 0,
    "dunning": lambda v: isinstance(v, list) and len(v) <= 20 and all(_number(day) and day > 0 for day in v),
    "dunning_end": lambda v: v in ("canceled", "unpaid", "past_due"),
    "portal_cancel": lambda v: v in ("billing_mode", "flexible", "classic"),
    "order": lambda v: v in webhooks.ORDERS,
    "lose": lambda v: v == "all" or isinstance(v, int) and not isinstance(v, bool) and v >= 0,
    "paused": lambda v: isinstance(v, bool),
    "enabled_events": _texts,
    "redirect_wait": _number,
    "api_version": lambda v: isinstance(v, str),
}

_TABLE = [
    ("POST", "faults", Control._fault_add),
    ("GET", "faults", Control._fault_list),
    ("DELETE", "faults", Control._fault_clear),
    ("GET", "requests", Control._requests),
    ("DELETE", "requests", Control._requests_clear),
    ("POST", "events", Control._event),
    ("POST", r"events/(\w+)/resend", Control._resend),
    ("POST", r"subscriptions/(\w+)/transition", Control._transition),
    ("POST", "prices", Control._price),
    ("POST", r"customers/(\w+)/card", Control._card),
    ("GET", "clock", Control._clock),
    ("POST", "clock", Control._advance),
    ("POST", "config", Control._config),
    ("GET", "state", Control._state),
    ("POST", "reset", Control._reset),
]
CALLS = [(method, path) for method, path, _ in _TABLE]
CONFIG = tuple(_CONFIG)
_ROUTES = [(method, re.compile("\\A/_sandbox/" + path + "\\Z"), function) for method, path, function in _TABLE]
