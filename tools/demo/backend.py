"""The demo's proxied application: knows nothing of accounts or subscriptions and shows the identity that
the gate in front of it has put into the request's headers. Run as: backend.py PORT
"""

import html
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAMES = ("X-Saas-User", "X-Saas-Email", "X-Saas-Organization", "X-Saas-Role", "X-Saas-Subscription")


class Reports(BaseHTTPRequestHandler):
    server_version, sys_version = "reports", ""

    def do_GET(self):
        seen = [(name, self.headers.get(name, "(not sent)")) for name in NAMES]
        if "text/html" in self.headers.get("Accept", ""):
            rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in seen)
            kind, text = "text/html", ("<!doctype html><html lang=en><meta name=color-scheme content='light dark'><title>Reports</title><h1>Quarterly reports</h1>"
                                       "<p>A proxied application. It did no log-in of its own; this is what arrived:</p>"
                                       f"<table>{rows}</table><p><a href=/>back</a></p></html>")
        else:
            kind, text = "text/plain", "Quarterly reports, for whoever the gate let in:\n" + "".join(f"  {k}: {v}\n" for k, v in seen)
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Reports).serve_forever()
