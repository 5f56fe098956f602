"""The address guard of audits, from outside: an audit of every way into the network behind the server that we know, and what
listens there is never connected to. Names are asked from a name server of the test's own, which changes its mind.

One address is open to audits (OPEN), the others are the machine's own and are not; the same port is listened on by all.
"""

import errno
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from saastest import Places, Site, wait_audit
from saastest import nameserver as dns
from saastest.site import MOUNTS
from test_audits import start
from test_hostile import evidence

pytestmark = [pytest.mark.long(10),
              pytest.mark.skipif(not dns.can_be_asked(), reason="a name server of our own needs root and mount namespaces")]
OPEN, INSIDE = "127.7.0.1", "127.8.0.1"
OUTSIDE, OPENED, SHUT = "8.8.8.8", 9443, 9444   # never connected to: on one port nothing tries, the other is refused
HOST_HEX, HOST_NUMBER, HOST_OCTAL = "0x7f080001", str(0x7f080001), "0177.010.0.01"


class Inside:
    """Listens at an address that must not be asked, and counts who comes."""

    def __init__(self, family, address, port):
        self.came = 0
        self.socket = socket.create_server((address, port), family=family, backlog=64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            self.came += 1
            peer.close()


def locations(port):
    """Where the open server redirects to, by the number in the path."""
    return [
        f"http://{INSIDE}:{port}/", f"https://{INSIDE}:{port}/", f"//{INSIDE}:{port}/", f"http://{HOST_HEX}:{port}/", f"http://{HOST_NUMBER}:{port}/",
        f"http://{HOST_OCTAL}:{port}/", f"http://127.524289:{port}/", f"http://0x7f.8.1:{port}/", f"http://{INSIDE}.:{port}/", f"http://[::ffff:{INSIDE}]:{port}/",
        f"http://[::ffff:7f08:1]:{port}/", f"http://[0:0:0:0:0:ffff:7f08:0001]:{port}/", f"http://[64:ff9b::{INSIDE}]:{port}/", f"http://[2002:7f08:1::1]:{port}/",
        f"http://[2001:0:7f08:1::80f7:fffe]:{port}/", f"http://[::1]:{port}/", f"http://[::]:{port}/", f"http://0.0.0.0:{port}/", f"http://0:{port}/",
        f"http://user@{INSIDE}:{port}/", f"http://{OPEN}:{port}@{INSIDE}:{port}/", f"http://{OPEN}%3a{port}@{INSIDE}:{port}/", f"http://{INSIDE}:{port}#@{OPEN}/",
        f"http://{INSIDE}:{port}\\@{OPEN}/", f"http:\\\\{INSIDE}:{port}\\", f"http:/{INSIDE}:{port}/", f"http:{INSIDE}:{port}/", f"http://%31%32%37.8.0.1:{port}/",
        f"http://127.8.0.%31:{port}/", f"http://inside.example:{port}/", f"http://INSIDE.EXAMPLE:{port}/", f"http://inside.example.:{port}/", f"http://localhost:{port}/",
        f"http://１２７.８.０.１:{port}/", f"http://127。8。0。1:{port}/", f"http://①②⑦.8.0.1:{port}/", f"http://[fe80::1%25lo]:{port}/", f"http://[fe80::1%lo]:{port}/",
        f"ftp://{INSIDE}:{port}/", f"gopher://{INSIDE}:{port}/_x", f"dict://{INSIDE}:{port}/x", f"telnet://{INSIDE}:{port}/", f"http://{INSIDE}\t:{port}/",
        f"http://alias.example:{port}/", f"http://{INSIDE}:{port}/?http://{OPEN}/", f"http://{INSIDE}:0{port}/", f"http://both.example:{port}/",
        f"http://{OUTSIDE}:{SHUT}/", f"http://outside.example:{SHUT}/",
    ]


class _Open(BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version = "HTTP/1.1", "open", ""

    def _answer(self):
        self.server.came += 1
        number = re.match(r"/r/(\d+)$", self.path)
        self.send_response(302 if number else 200)
        if number:
            self.wfile.flush()
            self._headers_buffer.append(f"Location: {self.server.locations[int(number[1])]}\r\n".encode())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_TRACE = _answer

    def log_message(self, format, *args):
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    came = 0


# name: what its address is when asked the first time, the second, …; the last holds from then on.
NAMES = {
    "open.example": [OPEN], "inside.example": [INSIDE], "both.example": [(INSIDE, OPEN)], "both-too.example": [(OPEN, INSIDE)],
    "many.example": [("0.0.0.0", INSIDE, "127.0.0.1", "10.0.0.1", OPEN)], "rebinds.example": [OPEN, INSIDE], "rebinds-back.example": [INSIDE, OPEN],
    "rebinds-to-both.example": [OPEN, (INSIDE, "0.0.0.0", "127.0.0.1")], "nothing.example": ["0.0.0.0"], "here.example": ["127.0.0.1"],
    "alias.example": [("CNAME", "inside.example", INSIDE)],
    "outside.example": [OUTSIDE],
}
NAMES6 = {
    "mapped.example": [f"::ffff:{INSIDE}"], "nat64.example": [f"64:ff9b::{INSIDE}"], "six-to-four.example": ["2002:7f08:1::1"], "loop.example": ["::1"],
    "teredo.example": ["2001:0:7f08:1::80f7:fffe"], "none.example": ["::"], "mapped-both.example": [f"::ffff:{INSIDE}"], "local.example": ["fe80::1"],
}
NAMES["mapped-both.example"] = [OPEN]
# Those that lead to OPEN, at least at first, and must have been found there.
REACHED = {"open.example", "both.example", "both-too.example", "many.example", "rebinds.example", "rebinds-to-both.example", "mapped-both.example"}


REBINDING = ("rebinds.example", "rebinds-to-both.example", "rebinds-back.example")


def answer(name, kind, nth):
    known = NAMES if kind == dns.A else NAMES6 if kind == dns.AAAA else {}
    if name not in NAMES and name not in NAMES6:
        return None
    texts = known.get(name, [()])[min(nth, len(known.get(name, [()]))) - 1]
    return [texts] if isinstance(texts, str) else list(texts)


def listen_everywhere():
    """(server at OPEN, listeners inside), all on one port."""
    while True:
        server = _Server((OPEN, 0), _Open)
        port, inside = server.server_address[1], []
        try:
            inside += [Inside(socket.AF_INET, INSIDE, port), Inside(socket.AF_INET, "127.0.0.1", port), Inside(socket.AF_INET6, "::1", port)]
            return server, inside
        except OSError as error:
            server.server_close()
            for one in inside:
                one.socket.close()
            if error.errno != errno.EADDRINUSE:
                raise


@pytest.fixture(scope="module")
def site(databases, db_kind):
    """httpd that asks the test's name server, and may scan OPEN alone."""
    scratch = Places()
    with dns.NameServer(answer) as server:
        made = Site(databases.fresh(db_kind, scratch), conf=f"SaasScanTimeout 4s\nSaasScanPorts {OPENED}\n", places=scratch, with_stripe=False,
                    mounts=MOUNTS.replace("127.0.0.0/8", OPEN))
        made.names = server
        made.httpd.binary = server.wrapped(made.httpd.binary, scratch.folder("names"))
        try:
            yield made.start()
        finally:
            made.close()


@pytest.fixture(scope="module")
def looked_at(site):
    """(evidence, open server, listeners inside, port) of one audit of all of it, then the evidence of a second audit of what
    leads elsewhere by then (libcurl keeps what it has looked up as long as an audit runs), and how often the open server had been
    asked before that."""
    server, inside = listen_everywhere()
    server.locations = locations(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    person, port = site.newcomer(), server.server_address[1]
    try:
        targets = [f"{scheme}://{name}:{port}/" for name in dict.fromkeys([*NAMES, *NAMES6]) for scheme in ("http", "https")
                   if scheme == "http" or name not in REBINDING]   # two look-ups at once would both be the first
        targets += [f"http://{OPEN}:{port}/r/{n}" for n in range(len(server.locations))]
        reply = start(person, targets)
        assert reply.status_code == 202, reply.text
        first = wait_audit(person, reply.json()["id"], 90)
        came = server.came
        again = start(person, [f"{scheme}://{name}:{port}/" for name in REBINDING for scheme in ("http", "https")]).json()
        second = wait_audit(person, again["id"], 90)
        assert first["status"] == second["status"] == "completed", (first, second)
        yield evidence(person, first["id"]), server, inside, port, evidence(person, second["id"]), came
    finally:
        server.shutdown()
        server.server_close()
        for one in inside:
            one.socket.close()


def test_nothing_inside_was_connected_to(looked_at):
    _, server, inside, _, _, _ = looked_at
    assert [one.came for one in inside] == [0, 0, 0]
    assert server.came > len(server.locations), "the open server was not looked at either"
    # They do count.
    for one in inside:
        socket.create_connection(one.socket.getsockname()[:2], 5).recv(1)
    assert [one.came for one in inside] == [1, 1, 1]


def test_names_that_lead_elsewhere_the_second_time(site, looked_at):
    _, server, _, port, rows, came = looked_at
    asked = [name for name, kind in site.names.asked if kind == dns.A]
    assert set(NAMES) <= set(asked) and all(asked.count(name) > 1 for name in REBINDING)
    for name in ("rebinds.example", "rebinds-to-both.example"):
        row = rows[f"http://{name}:{port}/"]["content_type_nosniff"]
        assert row["status"] == "ERROR" and "does not resolve to a publicly routable address" in row["comment"], row
    assert rows[f"http://rebinds-back.example:{port}/"]["content_type_nosniff"]["status"] == "PASS"
    assert server.came > came


@pytest.mark.parametrize("name", sorted({*NAMES, *NAMES6}))
def test_a_name_is_looked_at_where_it_may_be(looked_at, name):
    rows, _, _, port, _, _ = looked_at
    row = rows[f"http://{name}:{port}/"]["content_type_nosniff"]
    if name in REACHED:
        assert row["status"] == "PASS", row
    elif name == "outside.example":
        assert row["status"] == "ERROR" and f"port {port} of {name} is not scanned" in row["comment"], row
    else:
        assert row["status"] == "ERROR" and "does not resolve to a publicly routable address" in row["comment"], row


def test_what_a_name_hides_behind_is_not_told(looked_at):
    """An audit is no way to read the names of the network that the server stands in."""
    rows, _, _, port, _, _ = looked_at
    for name in {*NAMES, *NAMES6} - REACHED:
        told = " ".join(row["comment"] for row in rows[f"http://{name}:{port}/"].values())
        assert not re.search(r"127\.8|127\.0\.0\.1|7f08|::1", told), told


@pytest.mark.parametrize("n", range(len(locations(1))))
def test_a_redirect_to_inside_is_refused_with_the_reason(looked_at, n):
    rows, server, _, port, _, _ = looked_at
    row = rows[f"http://{OPEN}:{port}/r/{n}"]["content_type_nosniff"]
    if server.locations[n].startswith("http://both.example"):
        assert row["status"] == "PASS", row
    else:
        assert row["status"] == "ERROR", row


def test_another_port_is_refused_until_it_is_opened(site, looked_at):
    """At once where the target tells it, with all ports that there are; else at the socket, as above, and on the way there."""
    rows, server, _, port, _, _ = looked_at
    reply = start(site.newcomer(), [f"http://{OUTSIDE}:{at}/" for at in (80, 443, 8080, 8443, OPENED, SHUT)])
    assert reply.status_code == 400, reply.text
    said = " ".join(reply.json()["targets"])
    assert said.count("is not scanned") == 1 and f"port {SHUT} is not scanned; use 80, 443, 8080, 8443 or {OPENED}" in said, said
    for n, location in enumerate(server.locations):
        if f":{SHUT}/" in location:
            row = rows[f"http://{OPEN}:{port}/r/{n}"]["content_type_nosniff"]
            assert f"port {SHUT}" in row["comment"] and "is not scanned" in row["comment"], row


@pytest.mark.parametrize("target", [location for location in locations(8080) if "example" not in location.lower() and "//localhost" not in location
                                    and not location.startswith("//")])
def test_what_is_inside_is_no_target(site, looked_at, target):
    person = site.newcomer()
    reply = start(person, [target])
    assert reply.status_code == 400 and "targets" in reply.json(), reply.text
