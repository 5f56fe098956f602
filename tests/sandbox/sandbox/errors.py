"""Stripe's error replies.

One exception class carries everything Stripe puts into the `error` object; the
helpers below are the only places where the wording and the codes are chosen.
A message never contains a key: only the masked form that Stripe itself prints.
"""


class ApiError(Exception):
    """An error reply.

    `executed` tells whether the call had begun to run when it failed: Stripe
    keeps the reply for its idempotency key only then.
    """

    def __init__(self, status, message, code=None, param=None,
                 type="invalid_request_error", headers=None, executed=False):
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.type = type
        self.headers = headers or {}
        self.executed = executed

    def body(self):
        error = {"message": self.message, "type": self.type}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = "https://stripe.com/docs/error-codes/" + self.code.replace("_", "-")
        if self.param:
            error["param"] = self.param
        return {"error": error}


def missing_parameter(param):
    return ApiError(400, "Missing required param: %s." % param, "parameter_missing", param)


def unknown_parameters(params):
    if len(params) == 1:
        message = "Received unknown parameter: %s" % params[0]
    else:
        message = "Received unknown parameters: %s" % ", ".join(params)
    return ApiError(400, message, "parameter_unknown", params[0])


def no_such(kind, ident, param="id", status=404):
    return ApiError(status, "No such %s: '%s'" % (kind, ident), "resource_missing", param,
                    executed=True)


def refused(message, param=None, code=None):
    """A call that is well formed but not possible in the object's present state."""
    return ApiError(400, message, code, param, executed=True)


def unknown_url(method, path):
    return ApiError(404, "Unrecognized request URL (%s: %s). Please see https://stripe.com/docs "
                    "or we can help at https://support.stripe.com/." % (method, path))


def no_key():
    return ApiError(401, "You did not provide an API key. You need to provide your API key in the "
                    "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                    "YOUR_SECRET_KEY').", headers={"WWW-Authenticate": 'Basic realm="Stripe"'})


def bad_key(key):
    shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 16 else "*" * len(key)
    return ApiError(401, "Invalid API Key provided: %s" % shown,
                    headers={"WWW-Authenticate": 'Basic realm="Stripe"'})


# What Stripe says with a bare status: the default body of a scripted fault.
BY_STATUS = {
    400: ("invalid_request_error", None, "The request was unacceptable."),
    401: ("invalid_request_error", None, "Invalid API Key provided: sk_test_********"),
    402: ("card_error", "card_declined", "Your card was declined."),
    403: ("invalid_request_error", None, "The provided key does not have the required permissions "
                                         "for this endpoint."),
    404: ("invalid_request_error", "resource_missing", "No such object."),
    409: ("invalid_request_error", "lock_timeout", "This object cannot be accessed right now because "
                                                   "another API request is currently accessing it."),
    424: ("api_error", "external_dependency_failed", "An external dependency failed."),
    429: ("invalid_request_error", "rate_limit", "Too many requests."),
}


def by_status(status):
    kind, code, message = BY_STATUS.get(
        status, ("api_error", None, "An unknown error occurred."))
    return ApiError(status, message, code, type=kind)
