"""What the sandbox's tests share: a running sandbox with a plain client, a tiny
webhook receiver, and the few calls that lead to a subscription.

Signatures are checked here from their definition, not with the sandbox's code.
"""

import hashlib
import hmac
import http.client
import json
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
KEY = "sk_test_sandbox_0123456789"
SECRET = "whsec_sandbox_test"
PRICE = "price_test_premium"
SUCCESS = "https://app.example.test/return?session_id={CHECKOUT_SESSION_ID}"


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Sandbox:
    """A running sandbox and a plain client for it."""

    def __init__(self, folder, *options):
        port_file = Path(folder) / "port"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(HERE / "stripe_sandbox.py"), "--port", "0",
             "--port-file", str(port_file), "--secret-key", KEY, "--webhook-secret", SECRET,
             "--price", PRICE, "--retry", "0.1,0.1,0.1", "--webhook-timeout", "2", *options],
            stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the sandbox did not start: %s" % self.process.stderr.read())
            time.sleep(0.02)
        text = port_file.read_text()
        assert text.isdigit()
        self.port = int(text)

    def stop(self):
        """SIGTERM; what it wrote to stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return said.decode()

    def request(self, method, path, body=None, headers=None, timeout=15):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def call(self, method, path, params=None, **headers):
        """A /v1 call with the key; underscores in header names become hyphens."""
        sent = {"Authorization": "Bearer " + KEY,
                "Content-Type": "application/x-www-form-urlencoded",
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = urlencode(params or [])
        if method == "POST":
            return self.request(method, path, data, sent)
        return self.request(method, path + ("?" + data if data else ""), None, sent)

    def control(self, method, path, body=None, expect=200):
        answer = self.request(method, "/_sandbox/" + path,
                              None if body is None else json.dumps(body))
        assert answer.status == expect, answer.body
        return answer.json

    def settled(self):
        """Wait until no event is on its way any more."""
        end = time.monotonic() + 30
        while any(row["state"] == "pending" for row in self.control("GET", "state")["events"]):
            assert time.monotonic() < end, "an event is still on its way"
            time.sleep(0.01)

    def fault(self, **spec):
        return self.control("POST", "faults", spec)


class Receiver:
    """A webhook endpoint; `statuses` is the script of its answers, then 200."""

    def __init__(self):
        self.deliveries = []
        self.statuses = []
        self.pause = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.deliveries.append((time.time(), dict(self.headers), body))
                    status = outer.statuses.pop(0) if outer.statuses else 200
                time.sleep(outer.pause)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def clear(self):
        self.deliveries, self.statuses, self.pause = [], [], 0

    @property
    def events(self):
        return [json.loads(body) for _, _, body in self.deliveries]

    @property
    def types(self):
        return [event["type"] for event in self.events]


def customer(sandbox, **more):
    return sandbox.call("POST", "/v1/customers",
                        [("email", "owner@example.test"), ("metadata[org_id]", "42"),
                         *more.items()]).json["id"]


def checkout_params(customer_id, **changes):
    params = {"mode": "subscription", "customer": customer_id, "client_reference_id": "42",
              "line_items[0][price]": PRICE, "line_items[0][quantity]": "1",
              "success_url": SUCCESS, "cancel_url": "https://app.example.test/billing",
              "metadata[org_id]": "42", "subscription_data[metadata][org_id]": "42", **changes}
    return [(name, value) for name, value in params.items() if value is not None]


def checkout(sandbox, customer_id=None, **changes):
    answer = sandbox.call("POST", "/v1/checkout/sessions",
                          checkout_params(customer_id or customer(sandbox), **changes))
    assert answer.status == 200, answer.body
    return answer.json


def press(sandbox, session, button, **fields):
    return sandbox.request("POST", "/c/pay/%s/%s" % (session["id"], button), urlencode(fields),
                           {"Content-Type": "application/x-www-form-urlencoded"})


def subscribed(sandbox, card="good", **changes):
    """-> the subscription after Pay."""
    session = checkout(sandbox, **changes)
    assert press(sandbox, session, "pay", card=card).status == 303
    session = sandbox.call("GET", "/v1/checkout/sessions/" + session["id"]).json
    return sandbox.call("GET", "/v1/subscriptions/" + session["subscription"]).json


def verify(headers, body, *secrets):
    """Check a Stripe-Signature by its definition; -> t."""
    parts = [part.split("=", 1) for part in headers["Stripe-Signature"].split(",")]
    stamp = dict(parts)["t"]
    expected = [hmac.new(secret.encode(), stamp.encode() + b"." + body,
                         hashlib.sha256).hexdigest() for secret in secrets]
    assert [value for name, value in parts if name == "v1"] == expected
    assert [name for name, _ in parts].count("v0") == 1
    return int(stamp)
