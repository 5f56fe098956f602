"""The HTTP server: reads a request, spoils it if a fault says so, and hands it to
the API, the pages or the control calls.

One thread per connection. Malformed input gets a 4xx and closes the connection;
an error of the sandbox itself gets Stripe's 500 and a traceback on stderr. No
key is ever written to the log.
"""

import json
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from . import errors, forms, pages
from .api import Call
from .errors import ApiError
from .webhooks import wait

MAX_BODY = 1 << 20
_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
                               "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, verbose):
        super().__init__(address, Handler)
        self.verbose = verbose
        self.stopping = threading.Event()

    def attach(self, api, billing, control, faults, journal, settings):
        self.api = api
        self.billing = billing
        self.control = control
        self.faults = faults
        self.journal = journal
        self.settings = settings

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError, socket.timeout)):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stripe-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 75

    def _handle(self):
        body = self._read_body()
        if body is None:
            return
        try:
            url = urlsplit(self.path)
        except ValueError:
            self._reply(400, {}, b"bad request target\n", close=True)
            return
        if url.path.startswith("/_sandbox/"):
            status, answer = self.server.control.answer(
                self.command, url.path, dict(parse_qsl(url.query)), body)
            self._reply(status, {"Content-Type": "application/json"},
                        json.dumps(answer, indent=2).encode() + b"\n")
            return
        entry = self._journal(url, body)
        fault = self.server.faults.take(self.command, url.path)
        if fault is None:
            reply = self._answer(url, body, lambda: None)
        else:
            entry["fault"] = fault.number
            reply = self._spoil(fault, url, body)
        if reply:
            entry["status"] = reply[0]
            self._reply(*reply)

    do_GET = do_POST = do_DELETE = do_HEAD = do_PUT = do_PATCH = do_OPTIONS = _handle

    def handle_expect_100(self):
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def _read_body(self):
        """The body, or None after the refusal has been sent."""
        if "Transfer-Encoding" in self.headers:
            self._reply(411, {}, b"a Content-Length is needed\n", close=True)
            return None
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 15:
            self._reply(400, {}, b"bad Content-Length\n", close=True)
            return None
        if int(length) > MAX_BODY:
            self._reply(413, {}, b"the body is too large\n", close=True)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _journal(self, url, body):
        try:
            params = forms.decode_pairs(url.query.encode("latin-1", "replace")) + \
                forms.decode_pairs(body)
        except ApiError:
            params = None
        return self.server.journal.add(self.command, url.path, url.query, self.headers.items(),
                                       params, body.decode("utf-8", "replace"))

    def _answer(self, url, body, pause):
        """-> (status, headers, body)"""
        try:
            if url.path.startswith("/v1/"):
                call = Call(self.command, url.path, url.query, self.headers, body)
                return self.server.api.answer(call, pause)
            pause()
            return _pages(self.server, self.command, url, body)
        except Exception:
            traceback.print_exc()
            return 500, {"Content-Type": "application/json"}, \
                json.dumps(errors.by_status(500).body()).encode()

    def _spoil(self, fault, url, body):
        """Carry out a fault; a reply to send, or None when all is done."""
        reply = None
        if fault.execute:
            slow = fault.kind == "delay"
            reply = self._answer(url, body, lambda: self.server.stopping.wait(fault.seconds)
                                 if slow else None)
        if fault.kind == "delay":
            return reply
        if fault.kind == "status":
            content = fault.body
            if content is None or isinstance(content, dict):
                kind = "application/json"
                content = json.dumps(content or errors.by_status(fault.status).body(), indent=2)
            else:
                kind = "text/html"
            return (fault.status, {"Request-Id": "req_sandboxfault", "Content-Type": kind,
                                   **fault.headers}, str(content).encode())
        self.close_connection = True
        if fault.kind == "hang":
            self.server.stopping.wait(fault.seconds)
        elif fault.kind == "garbage":
            self.wfile.write((fault.body or "\x00\x01 this is no HTTP\r\n\r\n").encode("latin-1",
                                                                                    "replace"))
            self.wfile.flush()
        elif fault.kind == "cut":
            status, headers, content = reply
            self._head(status, headers, len(content))
            self.wfile.write(content[:len(content) // 2])
            self.wfile.flush()
        self._hang_up()
        return None

    def _hang_up(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _head(self, status, headers, length):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, "".join(c for c in value if c not in "\r\n"))
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _reply(self, status, headers, content, close=False):
        if close:
            self.close_connection = True
        self._head(status, headers, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format, *args):
        if self.server.verbose:
            sys.stderr.write("%s %s\n" % (time.strftime("%H:%M:%S"), format % args))


def _html(status, content, **more):
    return status, {**_PAGE_HEADERS, **more}, content


def _gone(status, title, text):
    return _html(status, pages.message(title, text))


def _pages(server, method, url, body):
    parts = url.path.strip("/").split("/")
    shown = method in ("GET", "HEAD")
    if parts[:2] == ["c", "pay"] and len(parts) == 3 and shown:
        return _checkout(server, parts[2])
    if parts[:2] == ["c", "pay"] and len(parts) == 4 and method == "POST":
        act = {"pay": _pay, "decline": _decline}.get(parts[3])
        if act:
            return act(server, parts[2])
    if parts[:2] == ["p", "session"] and len(parts) == 3 and shown:
        return _portal(server, parts[2])
    if parts[:2] == ["p", "session"] and len(parts) == 4 and method == "POST":
        return _portal_act(server, parts[2], parts[3], body)
    return _gone(404, "Not found", "There is no such page in the sandbox.")


def _checkout(server, session_id, status=200, notice=None):
    store = server.billing.store
    with store.lock:
        try:
            session = server.billing.session(session_id)
        except ApiError:
            return _gone(404, "No such checkout", "This checkout session does not exist.")
        payer = store.customers.get(session["customer"]) or {}
        extra = store.given[session_id].get("subscription_data", {})
        days = extra.get("trial_period_days", 0)
        if "trial_end" in extra:
            days = max(1, (extra["trial_end"] - store.now()) // 86400)
        return _html(status, pages.checkout(session, store.lines[session_id], payer, days, notice))


def _pay(server, session_id):
    try:
        session, records = server.billing.pay(session_id)
    except ApiError as error:
        if error.status == 404:
            return _checkout(server, session_id)
        return _checkout(server, session_id, 409, ("refused", error.message))
    _await(server, records)
    target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id)
    return _see_other(target)


def _await(server, records):
    """The page one returns to should know already: wait for the webhooks' answers."""
    if not server.billing.sender.config["paused"]:
        wait(records, server.settings["redirect_wait"])


def _see_other(target):
    """303, as a browser's next step after a form."""
    safe = "".join(c if "!" <= c <= "~" else _percent(c) for c in target)
    return _html(303, pages.message("Done", "Going on to the application."), Location=safe)


def _percent(character):
    return "".join("%%%02X" % byte for byte in character.encode("utf-8"))


def _decline(server, session_id):
    with server.billing.store.lock:
        try:
            open_still = server.billing.session(session_id)["status"] == "open"
        except ApiError:
            return _checkout(server, session_id)
    if not open_still:
        return _checkout(server, session_id, 409)
    return _checkout(server, session_id, 200, (
        "declined", "Your card was declined. Nothing was charged; try again or go back."))


def _portal_of(server, token):
    """The portal session, or None when there is none or its hour is over."""
    store = server.billing.store
    portal = store.portals.get(token)
    return portal if portal and store.now() < portal["created"] + 3600 else None


def _portal(server, token):
    store = server.billing.store
    with store.lock:
        portal = _portal_of(server, token)
        if portal is None:
            return _gone(404, "No such session", "This billing session does not exist or has ended. "
                                                 "Open it again from the application.")
        subscriptions = store.subscriptions_of(portal["customer"])
        flow = (portal["flow"] or {}).get("subscription_cancel")
        if flow:
            subscriptions = [store.subscriptions[flow["subscription"]]]
        return _html(200, pages.portal(token, portal, store.customers[portal["customer"]],
                                       subscriptions, server.billing.period_end))


def _portal_act(server, token, action, body):
    billing = server.billing
    act = {"cancel_at_period_end": billing.schedule_cancel, "resume": billing.resume,
           "cancel": billing.cancel}.get(action)
    with billing.store.lock:
        portal = _portal_of(server, token)
        if portal is None or act is None:
            return _portal(server, token) if act else _gone(404, "Not found", "No such action.")
        try:
            wanted = dict(forms.decode_pairs(body)).get("subscription")
            sub = billing.store.subscriptions.get(wanted)
            if sub is None or sub["customer"] != portal["customer"]:
                return _gone(404, "No such subscription", "This customer has no such subscription.")
            records = act(sub)
        except ApiError as error:
            return _gone(409 if error.executed else 400, "Not possible", error.message)
    _await(server, records)
    return _see_other("/p/session/" + token)
