"""/v1: keys, versions, idempotency, and what each call does.

The route table at the end names for each method and path its parameter table
and its function; a function gets (api, call, ids…) and returns an object, which
is rendered, expanded and sent by `Api.answer`. Only this file decides which
calls exist.
"""

import base64
import binascii
import hmac
import json
import re

from . import calls, errors, forms, items, objects, params, schema, versions
from .errors import ApiError, no_such, refused
from .store import LIVE, TERMINAL, expand, page


EVENTS_KEPT_SECONDS = 30 * 86400


class Call:
    """A request to /v1 and what has been found out about it."""

    def __init__(self, method, path, query, headers, body):
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.version = None
        self.params = {}
        self.request_id = objects.ident("req_", 14)
        self.key = headers.get("Idempotency-Key") if method == "POST" else None

    @property
    def origin(self):
        """The `request` member of the events that this call causes."""
        return {"id": self.request_id, "idempotency_key": self.key}


class Api:
    def __init__(self, store, billing, idempotency, secret_key, default_version):
        self.store = store
        self.billing = billing
        self.idempotency = idempotency
        self.secret_key = secret_key
        self.default_version = default_version

    def answer(self, call, pause=lambda: None):
        """-> (status, headers, body bytes). `pause` runs while the call holds its key."""
        headers = {"Request-Id": call.request_id, "Content-Type": "application/json",
                   "Cache-Control": "no-cache, no-store"}
        try:
            status, body, replayed = self._guarded(call, headers, pause)
            if replayed:
                headers["Idempotent-Replayed"] = "true"
        except ApiError as error:
            headers.update(error.headers)
            status, body = error.status, _encode(error.body())
        if call.version:
            headers["Stripe-Version"] = call.version
        if call.key:
            headers["Idempotency-Key"] = call.key.encode("ascii", "replace").decode()
        return status, headers, body

    def _guarded(self, call, headers, pause):
        self._authorize(call.headers.get("Authorization"))
        if call.headers.get("Stripe-Account"):
            raise ApiError(403, "The provided key does not have access to account '%s' (or that "
                           "account does not exist)." % call.headers["Stripe-Account"],
                           "account_invalid")
        version = call.headers.get("Stripe-Version")
        call.version = versions.check_header(version) if version else self.default_version
        function, table, ids = _route(call.method, call.path)
        tree = self._tree(call)
        call.params = schema.parse(table, tree)
        if call.key is None:
            pause()
            return self._run(call, function, ids) + (False,)
        kept = self.idempotency.begin(call.key, call.path, tree)
        if kept:
            return kept + (True,)
        reply = None
        try:
            pause()
            reply = self._run(call, function, ids)
        except ApiError as error:
            if error.executed:
                reply = (error.status, _encode(error.body()))
            raise
        finally:
            self.idempotency.end(call.key, call.path, tree, reply)
        return reply + (False,)

    def _authorize(self, header):
        kind, _, value = (header or "").partition(" ")
        key = value.strip()
        if kind.lower() == "basic":
            try:
                key = base64.b64decode(key, validate=True).decode("ascii").partition(":")[0]
            except (binascii.Error, UnicodeDecodeError, ValueError):
                raise errors.no_key()
        elif kind.lower() != "bearer":
            raise errors.no_key()
        if not key:
            raise errors.no_key()
        if not hmac.compare_digest(key.encode("utf-8", "replace"), self.secret_key.encode()):
            raise errors.bad_key(key)

    @staticmethod
    def _tree(call):
        kind = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if call.body and kind != "application/x-www-form-urlencoded":
            raise ApiError(400, "Invalid request (check that your POST content type is "
                           "application/x-www-form-urlencoded). If you have questions, we can help "
                           "at https://support.stripe.com/.")
        if call.body and call.method == "GET":
            raise ApiError(400, "GET requests take their parameters in the query string.")
        pairs = forms.decode_pairs(call.query.encode("latin-1", "replace"))
        return forms.nest(pairs + forms.decode_pairs(call.body))

    def _run(self, call, function, ids):
        with self.store.lock:
            shown = versions.render(function(self, call, *ids), call.version)
            return 200, _encode(expand(self.store, shown, call.params.get("expand", []),
                                       call.version))


def _encode(body):
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()


# Customers

def _customer_create(api, call):
    made = objects.customer(api.store.now(), call.params)
    made["metadata"] = schema.merge_metadata({}, made["metadata"])
    api.store.customers[made["id"]] = made
    api.billing.send([api.billing.record("customer.created", made, None, call.origin)])
    return made


def _customer_list(api, call):
    wanted = call.params.get("email")
    return page("/v1/customers", api.store.customers.values(), call.params,
                lambda row: not row.get("deleted") and wanted in (None, row["email"]))


def _customer_read(api, call, customer_id):
    return api.store.find("customers", "customer", customer_id)


def _customer_update(api, call, customer_id):
    found = api.store.live_customer(customer_id, "id", 404)
    card = call.params.get("invoice_settings", {}).get("default_payment_method")
    if card and api.store.payment_methods.get(card, {}).get("customer") != customer_id:
        raise no_such("PaymentMethod", card, "invoice_settings[default_payment_method]", 400)
    for key, value in call.params.items():
        if key == "metadata":
            found[key] = schema.merge_metadata(found[key], value)
        elif key == "address":
            found[key] = objects.address(value)
        elif key == "invoice_settings":
            found[key]["default_payment_method"] = value.get("default_payment_method") or None
        elif key != "expand":
            found[key] = value if isinstance(value, list) else value or None
    return found


def _customer_delete(api, call, customer_id):
    return api.billing.delete_customer(customer_id, call.origin)


# Checkout

def _checkout_create(api, call):
    given, store = call.params, api.store
    if given["mode"] != "subscription":
        raise refused("The sandbox models mode=subscription only.", "mode")
    if "customer" in given and "customer_email" in given:
        raise ApiError(400, "You may only specify one of these parameters: customer, "
                       "customer_email.", "parameters_exclusive", "customer")
    if "customer_update" in given and "customer" not in given:
        raise ApiError(400, "`customer_update` can only be used with `customer`.",
                       param="customer_update")
    extra = given.get("subscription_data", {})
    if "trial_end" in extra and "trial_period_days" in extra:
        raise ApiError(400, "You may only specify one of these parameters: trial_end, "
                       "trial_period_days.", "parameters_exclusive",
                       "subscription_data[trial_end]")
    if not given["line_items"]:
        raise errors.missing_parameter("line_items")
    now = store.now()
    if extra.get("trial_end", now + 172800) < now + 172800:
        raise refused("The `trial_end` date has to be at least 2 days in the future.",
                      "subscription_data[trial_end]")
    if not now + 1800 - 5 <= given.get("expires_at", now + 86400) <= now + 86400:
        raise refused("The `expires_at` timestamp must be between 30 minutes and 24 hours from "
                      "Checkout Session creation.", "expires_at")
    if "customer" in given:
        _checkout_customer(store.live_customer(given["customer"]), given)
    for number, line in enumerate(given["line_items"]):
        where = "line_items[%d]" % number
        found = items.price_of(store, line["price"], where)
        if items.quantity_of(found, line, where, 0) == 0:
            raise refused("Quantity is required. Add `quantity` to `%s`" % where,
                          where + "[quantity]")
    lines = [(store.prices[line["price"]], line.get("quantity")) for line in given["line_items"]]
    items.judge([{"price": price} for price, _ in lines], lines[0][0]["currency"], "line_items")
    for holder in (given, extra):
        if "metadata" in holder:
            holder["metadata"] = schema.merge_metadata({}, holder["metadata"])
    total = 0 if "trial_end" in extra or "trial_period_days" in extra else \
        sum(price["unit_amount"] * (count or 0) for price, count in lines)
    made = objects.checkout_session(now, given, store.base_url, total, lines[0][0]["currency"])
    store.sessions[made["id"]] = made
    store.given[made["id"]] = given
    store.lines[made["id"]] = [
        objects.session_line(price, store.products[price["product"]], count)
        for price, count in lines]
    return made


def _checkout_customer(payer, given):
    """What the page asks for may have to be written to a customer who is there already: that must be allowed."""
    allowed = given.get("customer_update", {})
    if given.get("automatic_tax", {}).get("enabled") and payer["address"] is None and \
            "auto" not in (allowed.get("address"), allowed.get("shipping")):
        raise refused("Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid "
                      "address to the Customer or set either `customer_update[address]` to 'auto' or "
                      "`customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer.",
                      code="customer_tax_location_invalid")
    if given.get("tax_id_collection", {}).get("enabled") and allowed.get("name") != "auto":
        raise refused("Tax ID collection requires updating business name on the customer. To enable tax ID "
                      "collection for an existing customer, please set `customer_update[name]` to `auto`.")


def _checkout_list(api, call):
    wanted = {key: call.params[key] for key in ("customer", "subscription", "status")
              if key in call.params}
    rows = [api.billing.session(session_id) for session_id in api.store.sessions]
    return page("/v1/checkout/sessions", rows, call.params,
                lambda row: all(row[key] == value for key, value in wanted.items()))


def _checkout_read(api, call, session_id):
    return api.billing.session(session_id)


def _checkout_expire(api, call, session_id):
    session = api.billing.session(session_id)
    api.billing.expire(session)
    return session


# Portal

def _portal_create(api, call):
    given, store = call.params, api.store
    store.live_customer(given["customer"])
    flow = given.get("flow_data", {})
    kind = flow.get("type")
    if kind not in (None, "payment_method_update"):
        where = "flow_data[%s]" % kind
        if kind not in flow:
            raise errors.missing_parameter(where)
        wanted = flow[kind]["subscription"]
        sub = store.find("subscriptions", "subscription", wanted, where + "[subscription]", 400)
        if sub["customer"] != given["customer"]:
            raise no_such("subscription", wanted, where + "[subscription]", 400)
        if kind == "subscription_update_confirm":
            items.change(store, sub, flow[kind]["items"])
    made, token = objects.portal_session(store.now(), given, store.base_url)
    store.portals[token] = made
    return made


# Subscriptions

def _subscription_read(api, call, sub_id):
    return api.store.find("subscriptions", "subscription", sub_id)


def _subscription_list(api, call):
    wanted = call.params
    if "customer" in wanted:
        api.store.find("customers", "customer", wanted["customer"], "customer", 400)
    status = wanted.get("status")
    among = {"all": LIVE + TERMINAL, "ended": TERMINAL,
             None: tuple(word for word in LIVE + TERMINAL if word != "canceled")}
    states = among.get(status, (status,))

    def keep(sub):
        prices = [item["price"]["id"] for item in sub["items"]["data"]]
        return (sub["status"] in states and wanted.get("customer") in (None, sub["customer"])
                and (wanted.get("price") is None or wanted["price"] in prices)
                and wanted.get("collection_method") in (None, sub["collection_method"]))
    return page("/v1/subscriptions", api.store.subscriptions.values(), wanted, keep)


def _subscription_update(api, call, sub_id):
    sub = api.store.find("subscriptions", "subscription", sub_id)
    wish = {key: value for key, value in call.params.items() if key != "expand"}
    api.billing.update(sub, wish, call.origin)
    return sub


def _subscription_cancel(api, call, sub_id):
    sub = api.store.find("subscriptions", "subscription", sub_id)
    if sub["status"] in TERMINAL:
        raise no_such("subscription", sub_id)
    api.billing.cancel(sub, call.params.get("cancellation_details"), call.origin)
    return sub


# Events and prices

def _event_list(api, call):
    wanted = call.params
    if "type" in wanted and "types" in wanted:
        raise ApiError(400, "You may only specify one of these parameters: type, types.",
                       "parameters_exclusive", "type")
    types = wanted.get("types")
    pattern = re.compile(re.escape(wanted.get("type", "*")).replace("\\*", ".*") + "\\Z")
    success = wanted.get("delivery_success")

    def keep(event):
        return pattern.match(event["type"]) and (types is None or event["type"] in types) and \
            (success is None or success == (event["pending_webhooks"] == 0))
    rows = [record.shown() for record in api.store.events.values() if _known_still(api, record)]
    return page("/v1/events", rows, wanted, keep)


def _event_read(api, call, event_id):
    found = api.store.find("events", "event", event_id)
    if not _known_still(api, found):
        raise no_such("event", event_id)
    return found.shown()


def _known_still(api, record):
    """Events can be asked for during 30 days; one that a test made with a time of its own counts from when it was made."""
    return record.made > api.store.now() - EVENTS_KEPT_SECONDS


def _price_read(api, call, price_id):
    return api.store.find("prices", "price", price_id)


def _price_list(api, call):
    wanted = call.params
    recurring = wanted.get("recurring", {})
    keys = wanted.get("lookup_keys")

    def keep(row):
        return all(wanted.get(name) in (None, row[name]) for name in ("active", "currency", "product", "type")) \
            and all(row["recurring"][name] == value for name, value in recurring.items()) \
            and (keys is None or row["lookup_key"] in keys)
    return page("/v1/prices", api.store.prices.values(), wanted, keep)


def _product_read(api, call, product_id):
    return api.store.find("products", "product", product_id)


def _product_list(api, call):
    wanted = call.params
    return page("/v1/products", api.store.products.values(), wanted,
                lambda row: wanted.get("active") in (None, row["active"])
                and ("ids" not in wanted or row["id"] in wanted["ids"]))


ROUTES = [
    ("POST", "/v1/customers", params.CUSTOMER_CREATE, _customer_create),
    ("GET", "/v1/customers", params.CUSTOMER_LIST, _customer_list),
    ("GET", "/v1/customers/{}", params.NOTHING, _customer_read),
    ("POST", "/v1/customers/{}", params.CUSTOMER_UPDATE, _customer_update),
    ("DELETE", "/v1/customers/{}", params.NOTHING, _customer_delete),
    ("POST", "/v1/checkout/sessions", params.CHECKOUT_CREATE, _checkout_create),
    ("GET", "/v1/checkout/sessions", params.CHECKOUT_LIST, _checkout_list),
    ("GET", "/v1/checkout/sessions/{}", params.NOTHING, _checkout_read),
    ("POST", "/v1/checkout/sessions/{}/expire", params.NOTHING, _checkout_expire),
    ("POST", "/v1/billing_portal/sessions", params.PORTAL_CREATE, _portal_create),
    ("GET", "/v1/subscriptions", params.SUBSCRIPTION_LIST, _subscription_list),
    ("GET", "/v1/subscriptions/{}", params.NOTHING, _subscription_read),
    ("POST", "/v1/subscriptions/{}", params.SUBSCRIPTION_UPDATE, _subscription_update),
    ("DELETE", "/v1/subscriptions/{}", params.SUBSCRIPTION_CANCEL, _subscription_cancel),
    ("GET", "/v1/events", params.EVENT_LIST, _event_list),
    ("GET", "/v1/events/{}", params.NOTHING, _event_read),
    ("GET", "/v1/prices", params.PRICE_LIST, _price_list),
    ("GET", "/v1/prices/{}", params.NOTHING, _price_read),
    ("GET", "/v1/products", params.PRODUCT_LIST, _product_list),
    ("GET", "/v1/products/{}", params.NOTHING, _product_read),
] + calls.ROUTES
_COMPILED = [(method, re.compile("\\A" + path.replace("{}", "([A-Za-z0-9_]{1,255})") + "\\Z"),
              table, function) for method, path, table, function in ROUTES]


def _route(method, path):
    for want, pattern, table, function in _COMPILED:
        match = pattern.match(path)
        if match and want == method:
            return function, table, match.groups()
    raise errors.unknown_url(method, path)
