"""A subscription's items: what `items[]` of an update means, judged whole before anything changes.

Proration is not computed: a change of quantity or price within an interval makes no invoice and no
invoice item, whatever `proration_behavior` says. A price of another interval starts a new period at
once, which is billed in full, as at Stripe.
"""

from . import objects
from .errors import ApiError, missing_parameter, no_such, refused
from .schema import merge_metadata


def change(store, sub, wishes):
    """-> (the items as they will be, whether a new period begins now). Refuses without having changed anything."""
    now = store.now()
    kept = {item["id"]: dict(item) for item in sub["items"]["data"]}
    for number, wish in enumerate(wishes):
        where = "items[%d]" % number
        if "id" not in wish:
            if "price" not in wish:
                raise missing_parameter(where + "[price]")
            wanted = price_of(store, wish["price"], where)
            count = quantity_of(wanted, wish, where, 1)
            made = objects.subscription_item(now, sub["id"], wanted, count, *_period(sub))
            kept[made["id"]] = made
            continue
        item = kept.get(wish["id"])
        if item is None:
            raise no_such("subscription_item", wish["id"], where + "[id]", 400)
        if wish.get("deleted"):
            if set(wish) - {"id", "deleted"}:
                raise refused("You cannot change an item and delete it at once.", where)
            del kept[wish["id"]]
            continue
        if "price" in wish:
            item["price"] = price_of(store, wish["price"], where)
            item["plan"] = objects.plan(item["price"])
        count = quantity_of(item["price"], wish, where, item.get("quantity", 1))
        if count is None:
            item.pop("quantity", None)
        else:
            item["quantity"] = count
        if "metadata" in wish:
            item["metadata"] = merge_metadata(item["metadata"], wish["metadata"])
    items = list(kept.values())
    judge(items, sub["currency"])
    fresh = _interval(items[0]) != _interval(sub["items"]["data"][0])
    if fresh:
        recurring = items[0]["price"]["recurring"]
        end = objects.add_interval(now, recurring["interval"], recurring["interval_count"])
        for item in items:
            item.update(current_period_start=now, current_period_end=end)
    return items, fresh and sub["status"] != "trialing"


def price_of(store, price_id, where):
    """The price, if it exists and can be sold; `where` is the parameter that names it."""
    found = store.find("prices", "price", price_id, where + "[price]", 400)
    if not found["active"]:
        raise refused("The price specified is inactive. This field only accepts active prices.", where + "[price]")
    return found


def put(sub, items):
    """The items, and what the subscription repeats of them."""
    sub["items"]["data"] = items
    sub["items"]["total_count"] = len(items)
    only = items[0] if len(items) == 1 else None
    sub["plan"] = only and only["plan"]
    sub["quantity"] = only and only.get("quantity")


def quantity_of(price, wish, where, usual):
    """How many of the price; None for a metered one, of which nobody says how many. usual: unless it is said."""
    if not objects.is_metered(price):
        return wish.get("quantity", usual)
    if "quantity" in wish:
        raise refused("Quantity should not be specified where usage_type is `metered`. Remove quantity from `%s`"
                      % where, where + "[quantity]")
    return None


def judge(items, currency, param="items"):
    """Whether prices can be sold together; the items need no more than their price."""
    if not items:
        raise refused("A subscription must have at least one active plan. To delete the last one, cancel the "
                      "subscription.", param)
    if len({item["price"]["id"] for item in items}) < len(items):
        raise refused("Cannot add multiple subscription items with the same plan.", param)
    if any(item["price"]["currency"] != currency for item in items):
        raise refused("The price specified is in another currency than the others (%s)." % currency, param)
    if len({_interval(item) for item in items}) > 1:
        raise ApiError(400, "All prices on a subscription must have the same `recurring.interval` and "
                       "`recurring.interval_count`.", param=param, executed=True)


def _interval(item):
    return item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"]


def _period(sub):
    first = sub["items"]["data"][0]
    return first["current_period_start"], first["current_period_end"]
