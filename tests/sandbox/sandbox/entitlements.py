"""Stripe's Entitlements: features with lookup keys, attached to products, that a customer has while a
subscription to one of them is trialing, active or past_due.

`changes` compares what a customer has with what was last told and makes one event with the full summary
when it differs; it is asked after everything that may change it, and nothing else keeps a list.
"""

from . import objects

ENTITLED = ("trialing", "active", "past_due")


def active(store, customer_id):
    """The customer's entitlements now, in the order of the features; their ids stay while they last."""
    had = store.entitled.get(customer_id, {})
    features = {}
    for sub in store.subscriptions_of(customer_id):
        if sub["status"] in ENTITLED:
            for item in sub["items"]["data"]:
                for link in store.attached.get(item["price"]["product"], {}).values():
                    features[link["entitlement_feature"]["id"]] = link["entitlement_feature"]
    return {feature_id: had.get(feature_id) or objects.entitlement(feature)
            for feature_id, feature in features.items()}


def changes(billing, customer_id):
    """-> the event about the customer's entitlements, or no event when they are what they were."""
    store = billing.store
    old = store.entitled.get(customer_id, {})
    new = active(store, customer_id)
    if set(old) == set(new):
        return []
    store.entitled[customer_id] = new
    summary = objects.entitlement_summary(customer_id, list(new.values()))
    return [billing.record("entitlements.active_entitlement_summary.updated", summary,
                           {"entitlements": {"data": list(old.values())}})]


def attach(billing, product_id, feature):
    """The product gives the feature from now on, to those who have it already too."""
    made = {"id": objects.ident("prodft_", 14), "object": "product_feature", "entitlement_feature": feature,
            "livemode": False}
    billing.store.attached.setdefault(product_id, {})[made["id"]] = made
    _tell(billing)
    return made


def detach(billing, product_id, link_id):
    del billing.store.attached[product_id][link_id]
    _tell(billing)
    return objects.deleted("product_feature", link_id)


def _tell(billing):
    records = []
    for customer_id in billing.store.customers:
        records += changes(billing, customer_id)
    billing.send(records)
