"""What is sold: products and prices with ids that a test or a demo chose.

A price comes from the command line (`--price price_pro,amount=2900,product=Pro`) or from the control
call `POST /_sandbox/prices`; both name the same fields, and both are refused with a message when a
field is unknown or its value impossible. Prices with one product's name are prices of one product.
"""

import re

from . import objects

INTERVALS = ("day", "week", "month", "year")


def _id(value):
    if not re.fullmatch(r"[A-Za-z0-9_]{1,255}", value):
        raise ValueError("a price's id has letters, digits and underscores only: %r" % value)
    return value


def _amount(value):
    number = int(value)
    if isinstance(value, bool) or not 0 <= number <= 99999999 or str(number) != str(value):
        raise ValueError("amount is a number of cents between 0 and 99999999")
    return number


def _currency(value):
    if not re.fullmatch(r"[a-z]{3}", value):
        raise ValueError("currency has three lower-case letters")
    return value


def _interval(value):
    if value not in INTERVALS:
        raise ValueError("interval is one of " + ", ".join(INTERVALS))
    return value


def _usage(value):
    if value not in ("licensed", "metered"):
        raise ValueError("usage is licensed or metered")
    return value


def _text(value):
    if not isinstance(value, str) or not 1 <= len(value) <= 250:
        raise ValueError("a name has between 1 and 250 characters")
    return value


def _flag(value):
    if value not in (True, False, "true", "false"):
        raise ValueError("active is true or false")
    return value in (True, "true")


FIELDS = {"id": _id, "amount": _amount, "currency": _currency, "interval": _interval, "product": _text,
          "usage": _usage, "lookup_key": _text, "active": _flag}


def parse(text):
    """A --price option -> its fields; ValueError tells what is wrong with it."""
    first, *rest = text.split(",")
    fields = {"id": first}
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals or name in fields:
            raise ValueError("expected id,name=value,…, each name once: %r" % text)
        fields[name] = value
    return checked(fields)


def checked(fields):
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise ValueError("unknown field: %s" % ", ".join(sorted(unknown)))
    if "id" not in fields:
        raise ValueError("a price needs an id")
    return {name: FIELDS[name](value) for name, value in fields.items()}


def add_price(store, fields):
    """A price made, or one of this id changed in what is given; `fields` were checked. -> the price"""
    found = store.prices.get(fields["id"])
    if found is None:
        number = len(store.prices)
        fields = {"product": "Premium" if number == 0 else "Premium %d" % (number + 1),
                  "amount": 4900 * (number + 1), "currency": "usd", "interval": "month", "usage": "licensed",
                  **fields}
        found = store.prices[fields["id"]] = objects.price(
            fields["id"], store.now(), None, fields["amount"], fields["currency"], fields["interval"], fields["usage"])
    elif {"amount", "currency", "interval", "usage"} & set(fields):
        raise ValueError("amount, currency, interval and usage of a price cannot change; make another price")
    if "product" in fields:
        found["product"] = _product(store, fields["product"])["id"]
    for name in ("lookup_key", "active"):
        if name in fields:
            found[name] = fields[name]
    return found


def _product(store, name):
    for known in store.products.values():
        if known["name"] == name:
            return known
    made = objects.product(store.now(), name)
    store.products[made["id"]] = made
    return made
