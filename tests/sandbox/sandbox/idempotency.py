"""Idempotency keys, as Stripe's v1 API treats them.

The first reply to a key is kept, errors and 500s included, once the call had
begun to run; a call refused for its parameters or its key leaves no trace. The
same key with another path or other parameters is an error, and so is a second
call while the first is still running. A reply is kept for a day of the sandbox's clock.
"""

import threading

from .errors import ApiError

_RUNNING = object()
MAX_LENGTH = 255
KEPT_SECONDS = 86400


class Idempotency:
    def __init__(self, now):
        self._now = now
        self._lock = threading.Lock()
        self._kept = {}

    def reset(self):
        with self._lock:
            self._kept = {}

    def begin(self, key, path, params):
        """The reply to replay, or None: then `end` must be called."""
        if len(key) > MAX_LENGTH or not key:
            raise ApiError(400, "Idempotency keys must be between 1 and 255 characters long.",
                           type="idempotency_error")
        with self._lock:
            known = self._kept.get(key)
            if known is None or known[2] is not _RUNNING and known[3] + KEPT_SECONDS <= self._now():
                self._kept[key] = (path, params, _RUNNING, self._now())
                return None
        old_path, old_params, reply, _ = known
        if old_path != path:
            raise ApiError(400, "Keys for idempotent requests can only be used for the same endpoint "
                           "they were first used for ('%s' vs '%s'). Try using a key other than '%s' "
                           "if you meant to execute a different request." % (path, old_path, key),
                           type="idempotency_error")
        if old_params != params:
            raise ApiError(400, "Keys for idempotent requests can only be used with the same "
                           "parameters they were first used with. Try using a key other than '%s' if "
                           "you meant to execute a different request." % key,
                           type="idempotency_error")
        if reply is _RUNNING:
            raise ApiError(409, "There is currently another in-progress request using this "
                           "Idempotent Key (that probably means you submitted twice, and the other "
                           "request is still going through): %s" % key, "idempotency_key_in_use")
        return reply

    def end(self, key, path, params, reply):
        """reply: (status, body bytes) to keep, or None to forget the key."""
        with self._lock:
            if reply is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = (path, params, reply, self._now())
