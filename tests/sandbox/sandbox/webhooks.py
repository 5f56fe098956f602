"""Sends events to the webhook endpoint, signed and retried as Stripe does.

Signature: HMAC-SHA256 over `t.body` with the whole secret string; every attempt
has a fresh `t`. Anything but 2xx within the timeout is a failure and is tried
again on the retry schedule. Bodies are JSON with two spaces of indentation.
Nothing here may change objects: it reads event records and notes the attempts.
"""

import hashlib
import hmac
import http.client
import json
import random
import secrets
import ssl
import threading
import time
from urllib.parse import urlsplit

DEFAULT_EVENTS = (
    "checkout.session.completed", "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed", "checkout.session.expired",
    "customer.subscription.created", "customer.subscription.updated",
    "customer.subscription.deleted", "customer.subscription.paused",
    "customer.subscription.resumed", "customer.subscription.trial_will_end",
    "invoice.paid", "invoice.payment_failed", "customer.deleted",
    "entitlements.active_entitlement_summary.updated",
)
ORDERS = ("sequential", "reverse", "shuffle", "parallel")


def encode(event):
    return json.dumps(event, indent=2, ensure_ascii=False).encode("utf-8")


def sign(body, secret_list, t):
    """The Stripe-Signature value; a v1 per secret, and test mode's useless v0."""
    parts = ["t=%d" % t]
    for secret in secret_list:
        mac = hmac.new(secret.encode(), b"%d." % t + body, hashlib.sha256)
        parts.append("v1=" + mac.hexdigest())
    parts.append("v0=" + secrets.token_hex(32))
    return ",".join(parts)


def post(url, body, signature, timeout):
    """One attempt -> {"at", "status", "error", "seconds", "body"}; never raises."""
    started = time.time()
    answer = {"at": started, "status": None, "error": None, "body": ""}
    connection = None
    try:
        parts = urlsplit(url)
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        headers = {
            "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml", "Connection": "close"}
        if signature is not None:
            headers["Stripe-Signature"] = signature
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        connection.request("POST", target, body, headers)
        reply = connection.getresponse()
        answer["body"] = reply.read(65536).decode("utf-8", "replace")
        answer["status"] = reply.status
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
    finally:
        if connection:
            connection.close()
    answer["seconds"] = round(time.time() - started, 3)
    return answer


def accepted(answer):
    return answer["status"] is not None and 200 <= answer["status"] < 300


class Record:
    """An event and what became of it: unsent, held, pending, delivered, failed, or lost (never tried, by order).

    made: when, by the sandbox's clock; the event's own `created` may be another.
    """

    def __init__(self, event, made):
        self.event = event
        self.made = made
        self.body = encode(event)
        self.state = "pending"
        self.attempts = []
        self.settled = threading.Event()

    def settle(self, state):
        self.state = state
        self.settled.set()

    def shown(self):
        """The event as the API lists it."""
        waiting = self.state in ("held", "pending", "failed", "lost")
        return {**self.event, "pending_webhooks": 1 if waiting else 0}


class Sender:
    def __init__(self, url, secret_list, retry, timeout):
        self.defaults = {"webhook_url": url, "webhook_secret": list(secret_list),
                         "retry": list(retry), "webhook_timeout": timeout, "order": "sequential",
                         "paused": False, "lose": 0, "enabled_events": list(DEFAULT_EVENTS)}
        self._lock = threading.Lock()
        self._epoch = threading.Event()
        self._held = []
        self.config = dict(self.defaults)

    def reset(self):
        """Back to the configuration of the start; pending retries are forgotten."""
        with self._lock:
            self._epoch.set()
            self._epoch = threading.Event()
            for record in self._held:
                record.settle("unsent")
            self._held = []
            self.config = dict(self.defaults)

    def stop(self):
        self._epoch.set()

    def configure(self, changes):
        with self._lock:
            self.config = {**self.config, **changes}
            released = [] if self.config["paused"] else self._held
            if released:
                self._held = []
        self._start(released)
        return released

    def send(self, records):
        """Start delivering; returns at once. The records tell how it went."""
        ready = []
        with self._lock:
            config = self.config
            for record in records:
                wanted = config["enabled_events"]
                if not config["webhook_url"] or \
                        (wanted != ["*"] and record.event["type"] not in wanted):
                    record.settle("unsent")
                elif config["lose"]:
                    record.settle("lost")
                    if config["lose"] != "all":
                        config["lose"] -= 1
                elif config["paused"]:
                    record.state = "held"
                    self._held.append(record)
                else:
                    ready.append(record)
        self._start(ready)

    def _start(self, records):
        if records:
            threading.Thread(target=self._batch, args=(records, self._epoch), daemon=True).start()

    def _batch(self, records, epoch):
        order = self.config["order"]
        records = list(records)
        if order == "reverse":
            records.reverse()
        elif order == "shuffle":
            random.shuffle(records)
        for record in records:
            record.state = "pending"
            if order == "parallel":
                threading.Thread(target=self._first, args=(record, epoch), daemon=True).start()
            else:
                self._first(record, epoch)

    def _first(self, record, epoch):
        if not self._attempt(record, epoch):
            threading.Thread(target=self._again, args=(record, epoch), daemon=True).start()

    def _attempt(self, record, epoch):
        """True when the record is settled, one way or the other."""
        config = self.config
        if epoch.is_set() or not config["webhook_url"]:
            record.settle("unsent")
            return True
        signature = sign(record.body, config["webhook_secret"], int(time.time()))
        answer = post(config["webhook_url"], record.body, signature, config["webhook_timeout"])
        record.attempts.append(answer)
        if accepted(answer):
            record.settle("delivered")
            return True
        return False

    def _again(self, record, epoch):
        for pause in self.config["retry"]:
            epoch.wait(pause)
            if self._attempt(record, epoch):
                return
        record.settle("failed")

    def deliver_now(self, body, options):
        """Control API: `count` deliveries at the same moment, no retries."""
        config = self.config
        count = options.get("count", 1)
        secret = options.get("secret", config["webhook_secret"])
        secret_list = secret if isinstance(secret, list) else [secret]
        url = options.get("url", config["webhook_url"])
        if not url:
            raise ValueError("no webhook_url is configured")
        signature = options["signature"] if "signature" in options else \
            sign(body, secret_list, int(time.time()) + options.get("t_offset", 0))
        barrier = threading.Barrier(count)
        answers = [None] * count

        def one(index):
            barrier.wait()
            answers[index] = post(url, body, signature,
                                  options.get("timeout", config["webhook_timeout"]))
        threads = [threading.Thread(target=one, args=(index,), daemon=True)
                   for index in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


def wait(records, seconds):
    """True when all are settled before the time is over."""
    end = time.monotonic() + seconds
    return all(record.settled.wait(max(0, end - time.monotonic())) for record in records)
