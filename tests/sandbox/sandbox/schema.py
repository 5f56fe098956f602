"""Parameter validators: strings from a form in, typed values out.

A validator is a function (value, name) -> typed value that raises ApiError with
the words, code and `param` that Stripe uses. A hash schema is a dict of name ->
validator; names ending in '!' are required. Whatever a schema does not name is
refused, so a typing error in a caller cannot pass unnoticed.
"""

import re
from urllib.parse import urlsplit

from .errors import ApiError, missing_parameter, unknown_parameters

UNSET = ""


def _child(name, key):
    return "%s[%s]" % (name, key) if name else key


def _scalar(value, name):
    if isinstance(value, dict):
        raise ApiError(400, "Invalid string: %s" % name, param=name)
    return value


def string(max=5000, unset=False):
    def check(value, name):
        _scalar(value, name)
        if value == "":
            if unset:
                return UNSET
            raise ApiError(400, "You passed an empty string for '%s'. We assume empty values are an "
                           "attempt to unset a parameter; however '%s' cannot be unset. You should "
                           "remove '%s' from your request or supply a non-empty value."
                           % (name, name, name), "parameter_invalid_empty", name)
        if len(value) > max:
            raise ApiError(400, "Invalid string: %s…; must be at most %d characters"
                           % (value[:10], max), "parameter_invalid_string", name)
        return value
    return check


def enum(*words):
    def check(value, name):
        _scalar(value, name)
        if value not in words:
            listed = " or ".join(words) if len(words) < 3 else \
                ", ".join(words[:-1]) + ", or " + words[-1]
            raise ApiError(400, "Invalid %s: must be one of %s" % (name, listed), param=name)
        return value
    return check


def integer(min=None, max=None, unset=False):
    def check(value, name):
        _scalar(value, name)
        if value == "" and unset:
            return UNSET
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise ApiError(400, "Invalid integer: %s" % value, "parameter_invalid_integer", name)
        number = int(value)
        if min is not None and number < min:
            raise ApiError(400, "This value must be greater than or equal to %d." % min,
                           "parameter_invalid_integer", name)
        if max is not None and number > max:
            raise ApiError(400, "This value must be less than or equal to %d." % max,
                           "parameter_invalid_integer", name)
        return number
    return check


def boolean(value, name):
    _scalar(value, name)
    if value not in ("true", "false"):
        raise ApiError(400, "Invalid boolean: %s" % value, param=name)
    return value == "true"


def url(value, name):
    string()(value, name)
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        parts.port
    except ValueError:
        good = False
    if not good or re.search(r"[\x00-\x20\x7f]", value):
        raise ApiError(400, "Not a valid URL", "url_invalid", name)
    return value


def email(value, name):
    string(512)(value, name)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise ApiError(400, "Invalid email address: %s" % value, "email_invalid", name)
    return value


def either(word, other):
    """The one word as it is, anything else through the other validator."""
    def check(value, name):
        return value if value == word else other(value, name)
    return check


def metadata(value, name):
    """'' unsets all; an empty value unsets that key."""
    if value == "":
        return UNSET
    if not isinstance(value, dict):
        raise ApiError(400, "Invalid object", "parameter_invalid_string", name)
    if len(value) > 50:
        raise ApiError(400, "You can specify at most 50 metadata keys.", param=name)
    for key, item in value.items():
        where = _child(name, key)
        if isinstance(item, dict):
            raise ApiError(400, "Metadata values must be strings.", param=where)
        if len(key) > 40:
            raise ApiError(400, "Metadata keys can have up to 40 characters.", param=where)
        if len(item) > 500:
            raise ApiError(400, "Metadata values can have up to 500 characters.", param=where)
    return dict(value)


def array(of, max=100):
    def check(value, name):
        if not isinstance(value, dict) or not all(re.fullmatch("[0-9]{1,4}", k) for k in value):
            raise ApiError(400, "Invalid array", param=name)
        if len(value) > max:
            raise ApiError(400, "Array must contain at most %d elements." % max, param=name)
        ordered = sorted(value.items(), key=lambda item: int(item[0]))
        return [of(item, _child(name, key)) for key, item in ordered]
    return check


def fields(schema):
    names = {key.rstrip("!"): check for key, check in schema.items()}
    required = [key[:-1] for key in schema if key.endswith("!")]

    def check(value, name):
        if not isinstance(value, dict):
            raise ApiError(400, "Invalid object", param=name)
        unknown = [_child(name, key) for key in value if key not in names]
        if unknown:
            raise unknown_parameters(unknown)
        for key in required:
            if key not in value:
                raise missing_parameter(_child(name, key))
        return {key: names[key](item, _child(name, key)) for key, item in value.items()}
    return check


def parse(schema, tree):
    """The whole request: every call also takes expand[]."""
    return fields({**schema, "expand": array(string(), max=20)})(tree, "")


def merge_metadata(old, new):
    """What an update leaves: keys set, keys unset by '', everything unset by ''."""
    if new == UNSET:
        return {}
    merged = {**old, **new}
    return {key: value for key, value in merged.items() if value != ""}
