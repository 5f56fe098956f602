"""The calls around money and rights: subscriptions made and paused by the API, invoices, charges, refunds,
cards, features and entitlements. Functions and table have the form that `api` tells.
"""

from . import entitlements, objects, params, payments, schema
from .errors import ApiError, no_such, refused
from .store import page


# Subscriptions without a page

def _subscription_create(api, call):
    if "trial_end" in call.params and "trial_period_days" in call.params:
        raise ApiError(400, "You may only specify one of these parameters: trial_end, trial_period_days.",
                       "parameters_exclusive", "trial_end")
    if call.params.get("trial_end", api.store.now() + 1) <= api.store.now():
        raise refused("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    sub = api.billing.begin(call.params, call.origin)
    if call.params.get("cancel_at_period_end"):
        api.billing.update(sub, {"cancel_at_period_end": True}, call.origin)
    return sub


def _subscription_pause(api, call, sub_id):
    sub = api.store.find("subscriptions", "subscription", sub_id)
    api.billing.pause_now(sub, call.origin)
    return sub


def _subscription_resume(api, call, sub_id):
    sub = api.store.find("subscriptions", "subscription", sub_id)
    api.billing.unpause(sub, call.params.get("billing_cycle_anchor", {}).get("type", "now"), call.origin)
    return sub


# Invoices, charges, refunds, cards

def _filtered(table, url, names):
    """A list call that filters by equality of the named members."""
    def listed(api, call):
        wanted = {name: call.params[name] for name in names if name in call.params}
        return page(url, getattr(api.store, table).values(), call.params,
                    lambda row: all(row[name] == value for name, value in wanted.items()))
    return listed


def _read(table, kind):
    def read(api, call, object_id):
        return api.store.find(table, kind, object_id)
    return read


def _invoice_list(api, call):
    wanted = call.params

    def keep(row):
        return wanted.get("customer") in (None, row["customer"]) and wanted.get("status") in (None, row["status"]) \
            and wanted.get("subscription") in (None, row["parent"]["subscription_details"]["subscription"])
    return page("/v1/invoices", api.store.invoices.values(), wanted, keep)


def _invoice_pay(api, call, invoice_id):
    bill = api.store.find("invoices", "invoice", invoice_id)
    payments.pay(api.billing, bill, call.origin)
    return bill


def _refund_create(api, call):
    given = dict(call.params)
    if "metadata" in given:
        given["metadata"] = schema.merge_metadata({}, given["metadata"])
    return payments.refund(api.billing, given, call.origin)


def _card_attach(api, call, card_id):
    """Stripe's test cards by their names; each attachment makes a card of its own."""
    payer = api.store.live_customer(call.params["customer"])
    kind = payments.TEST_CARDS.get(card_id)
    if kind is None:
        raise no_such("PaymentMethod", card_id, "payment_method")
    card = payments.add_card(api.store, payer["id"], kind)
    api.billing.send([api.billing.record("payment_method.attached", card, None, call.origin)])
    return card


# Features and entitlements

def _feature_create(api, call):
    given = dict(call.params)
    if any(row["lookup_key"] == given["lookup_key"] for row in api.store.features.values()):
        raise refused("A feature with the lookup key `%s` already exists." % given["lookup_key"], "lookup_key",
                      "resource_already_exists")
    given["metadata"] = schema.merge_metadata({}, given.get("metadata", {}))
    made = objects.feature(given)
    api.store.features[made["id"]] = made
    return made


def _feature_update(api, call, feature_id):
    found = api.store.find("features", "feature", feature_id)
    for name, value in call.params.items():
        if name == "metadata":
            found[name] = schema.merge_metadata(found[name], value)
        elif name != "expand":
            found[name] = value
    return found


def _feature_list(api, call):
    wanted = call.params
    return page("/v1/entitlements/features", api.store.features.values(), wanted,
                lambda row: wanted.get("lookup_key") in (None, row["lookup_key"])
                and wanted.get("archived") in (None, not row["active"]))


def _product_feature_create(api, call, product_id):
    api.store.find("products", "product", product_id)
    wanted = call.params["entitlement_feature"]
    found = api.store.find("features", "feature", wanted, "entitlement_feature", 400)
    links = api.store.attached.get(product_id, {}).values()
    if any(link["entitlement_feature"] is found for link in links):
        raise refused("This feature is already attached to the product.", "entitlement_feature",
                      "resource_already_exists")
    return entitlements.attach(api.billing, product_id, found)


def _product_feature_list(api, call, product_id):
    api.store.find("products", "product", product_id)
    return page("/v1/products/%s/features" % product_id, api.store.attached.get(product_id, {}).values(), call.params)


def _product_feature_delete(api, call, product_id, link_id):
    if link_id not in api.store.attached.get(product_id, {}):
        raise no_such("product feature", link_id)
    return entitlements.detach(api.billing, product_id, link_id)


def _entitlement_list(api, call):
    wanted = call.params["customer"]
    api.store.find("customers", "customer", wanted, "customer", 400)
    return page("/v1/entitlements/active_entitlements", entitlements.active(api.store, wanted).values(), call.params)


ROUTES = [
    ("POST", "/v1/subscriptions", params.SUBSCRIPTION_CREATE, _subscription_create),
    ("POST", "/v1/subscriptions/{}/pause", params.SUBSCRIPTION_PAUSE, _subscription_pause),
    ("POST", "/v1/subscriptions/{}/resume", params.SUBSCRIPTION_RESUME, _subscription_resume),
    ("GET", "/v1/invoices", params.INVOICE_LIST, _invoice_list),
    ("GET", "/v1/invoices/{}", params.NOTHING, _read("invoices", "invoice")),
    ("POST", "/v1/invoices/{}/pay", params.INVOICE_PAY, _invoice_pay),
    ("GET", "/v1/charges", params.CHARGE_LIST, _filtered("charges", "/v1/charges", ("customer", "payment_intent"))),
    ("GET", "/v1/charges/{}", params.NOTHING, _read("charges", "charge")),
    ("POST", "/v1/refunds", params.REFUND_CREATE, _refund_create),
    ("GET", "/v1/refunds", params.REFUND_LIST, _filtered("refunds", "/v1/refunds", ("charge", "payment_intent"))),
    ("GET", "/v1/refunds/{}", params.NOTHING, _read("refunds", "refund")),
    ("GET", "/v1/payment_methods", params.CARD_LIST,
     _filtered("payment_methods", "/v1/payment_methods", ("customer", "type"))),
    ("GET", "/v1/payment_methods/{}", params.NOTHING, _read("payment_methods", "PaymentMethod")),
    ("POST", "/v1/payment_methods/{}/attach", params.CARD_ATTACH, _card_attach),
    ("POST", "/v1/entitlements/features", params.FEATURE_CREATE, _feature_create),
    ("GET", "/v1/entitlements/features", params.FEATURE_LIST, _feature_list),
    ("GET", "/v1/entitlements/features/{}", params.NOTHING, _read("features", "feature")),
    ("POST", "/v1/entitlements/features/{}", params.FEATURE_UPDATE, _feature_update),
    ("GET", "/v1/entitlements/active_entitlements", params.ENTITLEMENT_LIST, _entitlement_list),
    ("POST", "/v1/products/{}/features", params.PRODUCT_FEATURE_CREATE, _product_feature_create),
    ("GET", "/v1/products/{}/features", params.PRODUCT_FEATURE_LIST, _product_feature_list),
    ("DELETE", "/v1/products/{}/features/{}", params.NOTHING, _product_feature_delete),
]
