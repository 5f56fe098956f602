"""A receiver of outgoing webhooks on this machine that keeps what it is sent, and answers by path as a test wants it: with a
status, slowly, never, in drips, elsewhere; and the library of Standard Webhooks, which says whether a message is genuine.
"""

import json
import os
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .places import BUILD, ROOT, program


class Hit:
    """One request: headers by lower-case name, the body's bytes, when it came, over which connection."""

    def __init__(self, handler, body):
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body, self.at, self.connection = body, time.monotonic(), handler.client_address

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def json(self):
        return json.loads(self.body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        owner = self.server.owner
        hit = Hit(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        with owner.change:
            owner.hits.setdefault(self.path, []).append(hit)
            owner.change.notify_all()
        answer = owner.answers.get(self.path, 204)
        if callable(answer):
            answer(self, hit)
        else:
            self.answer(answer)

    do_GET = do_POST

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever is answered badly goes away


class Receiver:
    """answers: {path: status, or function of the handler and the hit}; 204 for any other. certificate: (file, key) for TLS."""

    def __init__(self, certificate=None, address="127.0.0.2"):
        self.hits, self.answers, self.change = {}, {}, threading.Condition()
        self.server = _Server((address, 0), _Handler)
        self.server.owner = self
        self.address = address
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if certificate else "http"
        self.released = threading.Event()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path, host=None):
        return f"{self.scheme}://{host or self.address}:{self.port}{path}"

    def seen(self, path):
        with self.change:
            return list(self.hits.get(path, ()))

    def wait(self, path, n=1, seconds=30):
        """The hits of a path, once there are n of them."""
        with self.change:
            assert self.change.wait_for(lambda: len(self.hits.get(path, ())) >= n, seconds), \
                f"{path} was sent {len(self.hits.get(path, ()))} messages, not {n}"
            return list(self.hits[path])

    def hang(self, handler, hit):
        """An answer that does not come until the test is over."""
        self.released.wait(60)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def standard_webhooks(messages):
    """What the library says to each of (secret, hit): {"body": …} or {"refused": why}."""
    given = [{"secret": secret, "headers": hit.headers, "body": hit.body.decode()} for secret, hit in messages]
    done = subprocess.run(["node", str(ROOT / "tests" / "api" / "npm" / "verify.js")], input=json.dumps(given), text=True,
                          capture_output=True, timeout=60, env={**os.environ, "NODE_PATH": str(BUILD / "npm-webhooks" / "node_modules")})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def dead_port():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificate(folder, address):
    """(certificate, key) of a self-signed pair for one address."""
    paths = str(folder / f"{address}.pem"), str(folder / f"{address}.key")
    subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", f"/CN={address}",
                    "-addext", f"subjectAltName=IP:{address}", "-keyout", paths[1], "-out", paths[0]], check=True, capture_output=True)
    return paths
