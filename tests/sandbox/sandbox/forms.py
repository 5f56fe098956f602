"""application/x-www-form-urlencoded, as Stripe's servers read it.

Decoding is strict: bad percent escapes, bad UTF-8, malformed brackets, a name
given twice or used both as a value and as a hash are errors, never guesses.
"""

import re

from .errors import ApiError

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|%|\+")
_NAME = re.compile(r"\A([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_SUB = re.compile(r"\[([^\[\]]*)\]")
MAX_DEPTH = 8
MAX_PAIRS = 1000


def _malformed(why, param=None):
    return ApiError(400, "Invalid request: %s" % why, param=param)


def _unescape(raw):
    def one(match):
        if match.group(1):
            return bytes([int(match.group(1), 16)])
        if match.group(0) == b"+":
            return b" "
        raise _malformed("bad percent escape in the form data")
    try:
        text = _ESCAPE.sub(one, raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("the form data is not UTF-8")
    if "\0" in text:
        raise _malformed("NUL in the form data")
    return text


def decode_pairs(raw):
    """bytes -> [(name, value)] in the order sent."""
    pairs = []
    for part in raw.split(b"&"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        pairs.append((_unescape(name), _unescape(value)))
        if len(pairs) > MAX_PAIRS:
            raise _malformed("more than %d parameters" % MAX_PAIRS)
    return pairs


def split_name(name):
    """'a[b][0]' -> ['a', 'b', '0']; an empty subscript stays ''."""
    match = _NAME.match(name)
    if not match:
        if name.startswith("metadata["):
            raise ApiError(400, "Metadata keys cannot contain square brackets", param="metadata")
        raise _malformed("malformed parameter name '%s'" % name, name)
    keys = [match.group(1)] + _SUB.findall(match.group(2))
    if len(keys) > MAX_DEPTH:
        raise _malformed("parameter nested too deeply", name)
    return keys


def nest(pairs):
    """Pairs -> dict of strings and dicts. 'a[]' counts up as a[0], a[1], …"""
    tree = {}
    for name, value in pairs:
        keys = split_name(name)
        node = tree
        for key in keys[:-1]:
            if key == "":
                raise _malformed("empty subscript inside a name", name)
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise _malformed("'%s' is given both as a value and as a hash" % name, name)
        last = keys[-1]
        if last == "":
            last = str(len(node))
        if last in node:
            raise _malformed("'%s' is given twice" % name, name)
        node[last] = value
    return tree
