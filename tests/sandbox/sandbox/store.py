"""Everything the sandbox knows, in memory: objects by id, lists, expansion.

All changes happen under `lock`. What is handed out is the stored dict itself;
`versions.render` copies before anything leaves the process, so a reply or an
event is a snapshot that later changes do not touch.
"""

import threading
import time

from . import catalog, objects
from .errors import ApiError, no_such
from .versions import render

LIVE = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused")
TERMINAL = ("canceled", "incomplete_expired")

# Field name -> the table that an id in it points into.
_EXPANDABLE = {"customer": "customers", "subscription": "subscriptions", "invoice": "invoices",
               "latest_invoice": "invoices", "product": "products", "charge": "charges",
               "default_payment_method": "payment_methods", "payment_method": "payment_methods",
               "feature": "features"}


class Store:
    def __init__(self, price_fields, base_url):
        """price_fields: of the prices that exist from the start, as `catalog.parse` makes them."""
        self.lock = threading.RLock()
        self.price_fields = price_fields
        self.base_url = base_url
        self.reset()

    def reset(self):
        with self.lock:
            self.customers = {}
            self.sessions = {}
            self.lines = {}
            self.given = {}
            self.subscriptions = {}
            self.invoices = {}
            self.portals = {}
            self.payment_methods = {}
            self.charges = {}
            self.refunds = {}
            self.features = {}
            self.attached = {}
            self.entitled = {}
            self.warned = set()
            self._offset = 0
            self._frozen = None
            self.events = {}
            self.products = {}
            self.prices = {}
            for fields in self.price_fields:
                catalog.add_price(self, fields)

    def now(self):
        """The sandbox's clock: the real one and how far it was advanced, or the moment of what is being done."""
        frozen = self._frozen
        return int(time.time()) + self._offset if frozen is None else frozen

    def freeze(self, moment):
        """The clock stands at a moment while what is due then is done; None lets it go."""
        self._frozen = moment

    def set_clock(self, moment):
        self._offset = moment - int(time.time())
        self._frozen = None

    def find(self, table, kind, object_id, param="id", status=404):
        found = getattr(self, table).get(object_id)
        if found is None:
            raise no_such(kind, object_id, param, status)
        return found

    def live_customer(self, customer_id, param="customer", status=400):
        """A customer that can still be used; a deleted one counts as missing."""
        found = self.find("customers", "customer", customer_id, param, status)
        if found.get("deleted"):
            raise no_such("customer", customer_id, param, status)
        return found

    def subscriptions_of(self, customer_id):
        return [sub for sub in self.subscriptions.values() if sub["customer"] == customer_id]


def page(url, rows, params, keep=lambda row: True):
    """A list reply, newest first, with Stripe's cursors. rows: oldest first."""
    created = params.get("created")
    newest = [row for row in reversed(list(rows)) if keep(row) and _in_range(row, created)]
    ids = [row["id"] for row in newest]
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise ApiError(400, "You may only specify one of these parameters: starting_after, "
                       "ending_before.", "parameters_exclusive", "starting_after")
    limit = params.get("limit", 10)
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in ids:
            raise no_such("object", cursor, name, 400)
    if before:
        rest = newest[:ids.index(before)]
        return objects.listing(url, rest[-limit:], len(rest) > limit)
    rest = newest[ids.index(after) + 1:] if after else newest
    return objects.listing(url, rest[:limit], len(rest) > limit)


_COMPARE = {"gt": lambda a, b: a > b, "gte": lambda a, b: a >= b,
            "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b}


def _in_range(row, created):
    if created is None:
        return True
    if isinstance(created, int):
        return row["created"] == created
    return all(_COMPARE[word](row["created"], bound) for word, bound in created.items())


def expand(store, obj, paths, version):
    """Replace ids by objects along each path of expand[]. `obj` must be rendered already."""
    for path in paths:
        keys = path.split(".")
        if len(keys) > 4:
            raise ApiError(400, "You cannot expand more than 4 levels of a property (%s)." % path,
                           "property_expansion_max_depth", "expand")
        _expand(store, obj, keys, path, version)
    return obj


def _expand(store, node, keys, path, version):
    if isinstance(node, list):
        for item in node:
            _expand(store, item, keys, path, version)
        return
    if not keys or node is None:
        return
    key = keys[0]
    if not isinstance(node, dict):
        raise _not_expandable(path)
    if key == "line_items" and node.get("object") == "checkout.session":
        node[key] = objects.listing("/v1/checkout/sessions/%s/line_items" % node["id"],
                                    render(store.lines[node["id"]], version))
    if key == "payments" and node.get("object") == "invoice":
        node[key] = objects.listing("/v1/invoice_payments?invoice=" + node["id"],
                                    [objects.invoice_payment(store.invoices[node["id"]])])
    if key not in node:
        raise _not_expandable(path)
    value = node[key]
    if isinstance(value, str):
        if key not in _EXPANDABLE:
            raise _not_expandable(path)
        value = node[key] = render(getattr(store, _EXPANDABLE[key])[value], version)
    elif len(keys) == 1 and not isinstance(value, dict) and value is not None:
        raise _not_expandable(path)
    _expand(store, value, keys[1:], path, version)


def _not_expandable(path):
    return ApiError(400, "This property cannot be expanded (%s)." % path,
                    "property_expansion_invalid", "expand")
