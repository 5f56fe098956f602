"""An application behind a proxy that knows nothing of gates: it answers as its query says.

/anything?status=200&body=words&header=Name:%20value&header=…
"""

import urllib.parse
from http.server import BaseHTTPRequestHandler

from .servers import _Server


class _Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        said = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        tag = said.get("etag", [None])[0]
        body = (said.get("body", ["secret words"])[0] + f" {len(self.server.owner.hits)}\n").encode()
        self.server.owner.hits.append(self.path)
        status = int(said.get("status", ["200"])[0])
        if tag and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        self.send_response(status)
        for header in said.get("header", ()):
            name, value = header.split(":", 1)
            self.send_header(name, value.strip())
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = _answer

    def log_message(self, format, *args):
        pass


class Application(_Server):
    def __init__(self):
        super().__init__(_Application)
        self.httpd.handle_error = lambda *unused: None  # a connection that httpd drops as it ends
        self.begin()


def query(*headers, **said):
    """The query that makes it answer so."""
    return urllib.parse.urlencode([("header", header) for header in headers] + list(said.items()))
