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

from . import clicks, errors, forms
from .api import Call
from .errors import ApiError

MAX_BODY = 1 << 20


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

    def date_time_string(self, timestamp=None):
        """The Date of replies is of the sandbox's clock: a client compares it with the events' `created`."""
        return super().date_time_string(self.server.billing.store.now() if timestamp is None else timestamp)

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
            return clicks.answer(self.server, self.command, url, body)
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
