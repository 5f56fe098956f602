"""Scripted faults and the journal of requests: what tests arrange and inspect.

A fault waits for requests whose method and path fit and is used up after
`times` of them. The journal notes each request except those of the control
API; the Authorization header never gets into it.
"""

import itertools
import threading
import time

KINDS = ("status", "delay", "drop", "hang", "cut", "garbage")
_FIELDS = {"match", "times", "skip", "do", "status", "headers", "body", "seconds", "execute"}
_MATCH = {"method", "path"}


class Fault:
    """One scripted fault.

    execute: the call is carried out before its reply is spoiled (a `cut` and a
    `delay` always are), so that a test can lose the reply of a call that worked.
    """

    def __init__(self, number, spec):
        unknown = set(spec) - _FIELDS
        match = spec.get("match", {})
        if unknown or not isinstance(match, dict) or set(match) - _MATCH:
            raise ValueError("unknown field in a fault: %s"
                             % ", ".join(sorted(unknown or set(match) - _MATCH)))
        if spec.get("do") not in KINDS:
            raise ValueError("do must be one of " + ", ".join(KINDS))
        self.number = number
        self.method = match.get("method")
        self.path = match.get("path", "/")
        self.kind = spec["do"]
        self.left = spec.get("times", 1)
        self.skip = int(spec.get("skip", 0))
        self.status = int(spec.get("status", 500))
        self.headers = {str(k): str(v) for k, v in spec.get("headers", {}).items()}
        self.body = spec.get("body")
        self.seconds = float(spec.get("seconds", {"hang": 60}.get(self.kind, 1)))
        self.execute = bool(spec.get("execute")) or self.kind in ("cut", "delay")
        self.hits = 0
        if self.left is not None and (not isinstance(self.left, int) or self.left < 1):
            raise ValueError("times must be a positive integer, or null for always")
        if not 200 <= self.status <= 599:
            raise ValueError("status must be between 200 and 599")

    def fits(self, method, path):
        return (self.left is None or self.left > 0) and path.startswith(self.path) and \
            self.method in (None, "*", method)

    def shown(self):
        return {"id": self.number, "match": {"method": self.method, "path": self.path},
                "do": self.kind, "left": self.left, "skip": self.skip, "hits": self.hits}


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults = []

    def add(self, spec):
        with self._lock:
            fault = Fault(next(self._numbers), spec)
            self._faults.append(fault)
            return fault.shown()

    def clear(self):
        with self._lock:
            self._faults = []

    def shown(self):
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def take(self, method, path):
        """The first fault that fits, one of its times used up; or None."""
        with self._lock:
            for fault in self._faults:
                if not fault.fits(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None


class Journal:
    """The newest requests, oldest first."""
    LIMIT = 10000

    def __init__(self):
        self._lock = threading.Lock()
        self._entries = []

    def add(self, method, path, query, headers, params, body):
        entry = {"time": time.time(), "method": method, "path": path, "query": query,
                 "headers": {name.lower(): value for name, value in headers
                             if name.lower() not in ("authorization", "cookie")},
                 "authorized": any(name.lower() == "authorization" for name, _ in headers),
                 "params": params, "body": body, "status": None, "fault": None}
        with self._lock:
            self._entries.append(entry)
            del self._entries[:-self.LIMIT]
        return entry

    def clear(self):
        with self._lock:
            self._entries = []

    def shown(self, method=None, path=None):
        with self._lock:
            return [dict(entry) for entry in self._entries
                    if method in (None, entry["method"])
                    and entry["path"].startswith(path or "/")]
