"""Verdicts on redirects compared with those of MDN's HTTP Observatory: its suite's routes, and every one of up to two redirects
among three hosts by http and https. Each route is walked on hosts of its own, which a name server of the test's own leads to
servers on the ports of the web.
"""

import random
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from saastest import Places, Site, wait_audit
from saastest import nameserver as dns
from saastest.site import MOUNTS
from saastest.tls import Authority
from test_audits import start
from test_hostile import evidence
from test_peers_observatory import recorded

pytestmark = [pytest.mark.only_db("sqlite"), pytest.mark.long(15),
              pytest.mark.skipif(not dns.can_be_asked(), reason="a name server of our own needs root and mount namespaces")]

# What each of its results is for our checks.
MEANS = {
    "redirection-to-https": {"http_redirect_to_https": "PASS", "http_redirect_first_hop_same_host": "PASS"},
    "redirection-not-needed-no-http": {"http_redirect_to_https": "PASS", "http_redirect_first_hop_same_host": "PASS"},
    "redirection-off-host-from-http": {"http_redirect_first_hop_same_host": "FAIL"},
    "redirection-not-to-https-on-initial-redirection": {"http_redirect_first_hop_same_host": "FAIL"},
    "redirection-not-to-https": {"http_redirect_to_https": "FAIL"},
    "redirection-missing": {"http_redirect_to_https": "FAIL", "http_redirect_first_hop_same_host": "FAIL"},
}


def of_case(number, host):
    """The host of a route, as this route's own."""
    name = host.removesuffix(".").replace(".", "-")
    return f"{name}.c{number}.example"


class Handler(BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version = "HTTP/1.1", "peer", ""

    def do_GET(self):
        to = self.server.steps.get((self.server.scheme, self.headers["Host"], self.path))
        self.send_response(301 if to else 200)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256

    def handle_error(self, request, client_address):
        """A scanner breaks off as it likes."""


@pytest.fixture(scope="module")
def walked(databases, db_kind):
    """[(case, its target's checks)] of one audit of all routes."""
    cases = [case for case in recorded() if case["analyzer"] == "redirection"]
    scratch, steps, starts = Places(), {}, []
    for number, case in enumerate(cases):
        route = [urlsplit(url) for url in case["route"] or ["http://mozilla.org/"]]
        named = [url._replace(netloc=of_case(number, url.hostname) + (f":{url.port}" if url.port else "")) for url in route]
        starts.append(f"http://{named[0].netloc}/")
        for here, there in zip(named, named[1:]):
            # Two hops may be at one place, which its analyzer does not mind and a server could not lead away from.
            steps.setdefault((here.scheme, here.netloc, here.path or "/"), there.geturl())
    closed = {of_case(number, "mozilla.org") for number, case in enumerate(cases) if case["route"] is None}
    pair = Authority(scratch.folder("authority")).issue("peer", "peer", "DNS:peer.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    servers = []
    while not servers:
        net = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}"
        try:
            servers = [(scheme, Server((f"{net}.{host}", port), Handler)) for scheme, host, port in
                       (("http", 1, 80), ("https", 1, 443), ("https", 1, 8443), ("https", 2, 443))]
        except OSError:
            continue
    for scheme, server in servers:
        server.scheme, server.steps = scheme, steps
        if scheme == "https":
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(name, kind, nth):
        return [f"{net}.{2 if name in closed else 1}"] if kind == dns.A else []

    with dns.NameServer(answer) as names:
        site = Site(databases.fresh(db_kind, scratch), places=scratch, with_stripe=False, mounts=MOUNTS.replace("127.0.0.0/8", f"{net}.0/24"))
        site.httpd.binary = names.wrapped(site.httpd.binary, scratch.folder("names"))
        try:
            person = site.start().newcomer()
            audit = wait_audit(person, start(person, starts).json()["id"], 90)
            assert audit["status"] == "completed", audit
            rows = evidence(person, audit["id"])
            yield [(case, rows[target]) for case, target in zip(cases, starts)]
        finally:
            site.close()
            for _, server in servers:
                server.shutdown()
                server.server_close()


def test_its_analyzer_says_the_same_of_every_route(walked):
    assert len(walked) > 45 and set(MEANS) == {case["result"] for case, _ in walked}
    wrong = []
    for case, rows in walked:
        for check, want in MEANS[case["result"]].items():
            if rows[check]["status"] != want:
                wrong.append(f"{case['route']}: {check}: {rows[check]['status']} ({rows[check]['comment']}), its {case['result']}")
    assert not wrong, "\n".join(wrong)
