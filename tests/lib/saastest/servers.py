"""Small servers for the other end: a back end that shows the headers it got, and scan targets whose
headers, certificate and slowness a test chooses.
"""

import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .places import program


class _Server:
    """A threaded HTTP server on a free port of 127.0.0.1, ended by close()."""

    def __init__(self, handler):
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.httpd.daemon_threads = True
        self.port = self.httpd.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.hits = []
        self.httpd.owner = self

    def begin(self):
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        self.server.owner.hits.append(self.path)
        data = json.dumps({"method": self.command, "path": self.path, "body": body.decode("latin-1"),
                           "headers": [[k, v] for k, v in self.headers.items()]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def log_message(self, format, *args):
        pass


class EchoServer(_Server):
    """Answers every request with the method, path, body and headers it saw, as JSON."""

    def __init__(self):
        super().__init__(_Echo)
        self.begin()


class _Target(BaseHTTPRequestHandler):
    server_version, sys_version = "target", ""

    def _answer(self):
        owner = self.server.owner
        owner.hits.append(self.path)
        if owner.seconds:
            time.sleep(owner.seconds)
        data = owner.body
        self.send_response(owner.status)
        for name, value in owner.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_OPTIONS = do_TRACE = _answer

    def log_message(self, format, *args):
        pass


class TargetServer(_Server):
    """A web server to scan. headers: pairs; seconds: how long each answer takes; tls: a folder for a
    self-signed certificate, or None for plain HTTP."""

    def __init__(self, headers=(), status=200, body=b"<!doctype html><title>target</title>", seconds=0.0, tls=None):
        super().__init__(_Target)
        self.headers, self.status, self.body, self.seconds = list(headers), status, body, seconds
        self.httpd.handle_error = lambda *unused: None
        if tls is not None:
            certificate = tls / "target.pem"
            subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj",
                            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                            str(tls / "target.key"), "-out", str(certificate)], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, tls / "target.key")
            self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://127.0.0.1:{self.port}"
        self.begin()
