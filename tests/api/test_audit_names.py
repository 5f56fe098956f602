"""Names in audits: every address of one is looked at and the weakest counts, what its zone says of certificates, signatures and
mail is judged, and a TXT record proves who owns a host. A name server of the test's own answers, with zones that are signed by a
root of its own; servers listen on the ports of the web at addresses of this machine that are open to audits.
"""

import os
import random
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from saastest import Places, Site, wait_audit
from saastest import nameserver as dns
from saastest.site import MOUNTS
from saastest.tls import Authority
from test_audits import start
from test_hostile import evidence

pytestmark = [pytest.mark.long(10),
              pytest.mark.skipif(not dns.can_be_asked(), reason="a name server of our own needs root and mount namespaces")]

NAMES = ["www.signed.example", "mta-sts.signed.example", "many.example", "wrong.example", "inside.example", "silent.example", "bare.insecure"]
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.signed.example\r\nmax_age: 604800\r\n"
HEADERS = [("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
           ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"), ("X-Content-Type-Options", "nosniff")]


class Handler(BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version = "HTTP/1.1", "server", ""

    def do_GET(self):
        self.server.paths.append((self.headers["Host"], self.path))
        policy = self.headers["Host"].startswith("mta-sts.") and self.path == "/.well-known/mta-sts.txt"
        body = POLICY if policy else b"<title>page</title>"
        self.send_response(200 if policy or self.path == "/" else 404)
        for name, value in self.server.fields:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256

    def handle_error(self, request, client_address):
        """A scanner breaks off as it likes."""


class Servers:
    """Two servers of one site at addresses of a network of their own: one without a fault, one that was forgotten."""

    def __init__(self, authority):
        while True:
            self.net = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}"
            self.strong, self.weak, self.closed = f"{self.net}.1", f"{self.net}.2", [f"{self.net}.{n}" for n in range(11, 20)]
            try:
                self.all = {address: Server((address, 443), Handler) for address in (self.strong, self.weak)}
                break
            except OSError:
                continue
        pair = authority.issue("site", "site", ",".join([*(f"DNS:{name}" for name in NAMES), f"IP:{self.strong}"]))
        for address, server in self.all.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            if address == self.weak:
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            server.fields, server.paths = HEADERS if address == self.strong else [], []
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        for server in self.all.values():
            server.shutdown()
            server.server_close()


def zone(servers):
    """{(name, kind): texts}; what is not in it is not there."""
    strong, weak, closed = servers.strong, servers.weak, servers.closed
    return {
        ("www.signed.example", dns.A): [strong, weak],
        ("www.signed.example", dns.HTTPS): ["1 . alpn=h2"],
        ("signed.example", dns.CAA): ['0 issue "ca.example; accounturi=https://ca.example/acct/7"', '0 iodef "mailto:security@signed.example"'],
        ("signed.example", dns.MX): ["10 mx1.signed.example.", "20 mx2.signed.example."],
        ("signed.example", dns.TXT): ["site-verification=abc", "v=spf1 mx -all " + "x=" + 300 * "y"],
        ("_dmarc.signed.example", dns.TXT): ["v=DMARC1; p=reject"],
        ("_mta-sts.signed.example", dns.TXT): ["v=STSv1; id=20260101T000000;"],
        ("mta-sts.signed.example", dns.A): [strong],
        ("many.example", dns.A): [strong, *closed],
        ("many.example", dns.MX): ["0 ."],
        ("wrong.example", dns.A): [strong],
        ("wrong.example", dns.CAA): ['0 issue "ca.example"'],
        ("wrong.example", dns.MX): ["10 mx.wrong.example."],
        ("wrong.example", dns.TXT): ["v=spf1 +all"],
        ("_dmarc.wrong.example", dns.TXT): ["v=DMARC1; p=none"],
        ("_mta-sts.wrong.example", dns.TXT): ["v=STSv1; id=1;"],
        ("mta-sts.wrong.example", dns.A): ["127.0.0.1"],
        ("inside.example", dns.A): ["10.11.12.13", strong],
        ("silent.example", dns.A): [strong],
        ("bare.insecure", dns.A): [strong],
        ("secret.example", dns.A): ["10.11.12.13"],
        ("secret.example", dns.TXT): ["v=spf1 ip4:10.11.12.13 -all"],
    }


@pytest.fixture(scope="module")
def site(databases, db_kind):
    """httpd that asks the test's name server, trusts its root and its authority, and may scan the servers' network."""
    scratch = Places()
    authority = Authority(scratch.folder("authority"))
    servers = Servers(authority)
    known = zone(servers)
    signatures = dns.Signatures(signed=("example",), wrong=("wrong.example",))

    def answer(name, kind, nth):
        if name.endswith("silent.example") and kind not in (dns.A, dns.AAAA):
            return dns.SILENCE
        return known.get((name, kind), [] if any(name == other for other, _ in known) else None)

    anchor = scratch.folder("anchor") / "root.key"
    anchor.write_text(signatures.anchor())
    for path in (anchor, authority.pem):
        path.chmod(0o644)
    os.environ["SSL_CERT_FILE"] = str(authority.pem)
    with dns.NameServer(answer, signatures) as server:
        made = Site(databases.fresh(db_kind, scratch), conf=f"SaasScanTimeout 4s\nSaasScanTrustAnchor {anchor}\n", places=scratch, with_stripe=False,
                    mounts=MOUNTS.replace("127.0.0.0/8", f"{servers.net}.0/24"))
        made.names, made.servers, made.zone, made.signatures = server, servers, known, signatures
        made.httpd.binary = server.wrapped(made.httpd.binary, scratch.folder("names"))
        try:
            yield made.start()
        finally:
            made.close()
            servers.close()
            del os.environ["SSL_CERT_FILE"]


def audit(person, *targets):
    body = wait_audit(person, start(person, list(targets)).json()["id"], 60)
    assert body["status"] == "completed", body
    return evidence(person, body["id"])


@pytest.fixture(scope="module")
def rows(site):
    """{host: {check: row}} of one audit."""
    hosts = ["www.signed.example", "many.example", "wrong.example", "inside.example", "silent.example", "bare.insecure", "secret.example",
             site.servers.strong]
    found = audit(site.newcomer(), *(f"https://{host}/" for host in hosts))
    return {host: found[f"https://{host}/"] for host in hosts}


OF_DNS = ["dns_caa_present", "dns_caa_account", "dns_dnssec_signed", "dns_https_record", "mail_spf_strict", "mail_dmarc_enforced",
          "mail_mta_sts_enforced"]
WANT = {
    "www.signed.example": ["PASS", "PASS", "PASS", "PASS", "PASS", "PASS", "PASS"],
    "many.example": ["FAIL", "FAIL", "PASS", "FAIL", "FAIL", "FAIL", "PASS"],
    "wrong.example": ["PASS", "FAIL", "FAIL", "FAIL", "FAIL", "FAIL", "FAIL"],
    "silent.example": ["MANUAL", "MANUAL", "PASS", "MANUAL", "MANUAL", "MANUAL", "MANUAL"],
    "bare.insecure": ["FAIL", "FAIL", "FAIL", "FAIL", "FAIL", "FAIL", "MANUAL"],
    "secret.example": ["ERROR"] * 7,
}


@pytest.mark.parametrize("host", sorted(WANT))
def test_what_a_zone_says_is_judged(rows, host):
    got = [rows[host][check]["status"] for check in OF_DNS]
    assert got == WANT[host], [(check, rows[host][check]["comment"]) for check in OF_DNS]


def test_comments_say_what_was_seen(site, rows):
    said = {(host, check): row["comment"] for host, of in rows.items() for check, row in of.items()}
    assert "CAA of signed.example" in said["www.signed.example", "dns_caa_present"] and "acct/7" in said["www.signed.example", "dns_caa_present"]
    assert "alpn=h2" in said["www.signed.example", "dns_https_record"]
    assert said["www.signed.example", "mail_spf_strict"].startswith("SPF of signed.example: v=spf1 mx -all x=yyy")
    assert "for 604800 seconds" in said["www.signed.example", "mail_mta_sts_enforced"]
    assert "takes no mail" in said["many.example", "mail_mta_sts_enforced"]
    assert "does not resolve to a publicly routable address" in said["wrong.example", "mail_mta_sts_enforced"]
    assert rows["wrong.example"]["dns_dnssec_signed"]["severity"] == "medium" and rows["bare.insecure"]["dns_dnssec_signed"]["severity"] == "low"
    assert "no answer in time" in said["silent.example", "mail_spf_strict"]
    for check in OF_DNS:
        assert "the target is an address" in said[site.servers.strong, check], said[site.servers.strong, check]
    assert ("mta-sts.signed.example", "/.well-known/mta-sts.txt") in site.servers.all[site.servers.strong].paths


def test_the_zone_of_what_is_inside_is_not_told(rows):
    told = " ".join(row["comment"] for row in rows["secret.example"].values())
    assert "10.11.12.13" not in told and "v=spf1" not in told


def test_the_weakest_address_counts_and_is_named(site, rows):
    of, weak = rows["www.signed.example"], f"[at {site.servers.weak}]"
    for check in ("tls_legacy_protocols_disabled", "csp_present", "hsts_enabled", "content_type_nosniff"):
        assert of[check]["status"] == "FAIL" and of[check]["comment"].endswith(weak), of[check]
    for check in ("tls_certificate_trusted", "tls_1_2_or_1_3_supported", "http_redirect_to_https"):
        assert of[check]["status"] == "PASS" and "[at" not in of[check]["comment"], of[check]
    assert of["addresses_all_answer"]["status"] == "PASS" and "1 more" in of["addresses_all_answer"]["comment"]
    # One address alone of the same site has none of these faults.
    assert all(rows["bare.insecure"][check]["status"] == "PASS" for check in ("tls_legacy_protocols_disabled", "csp_present", "hsts_enabled"))


def test_what_was_not_looked_at_is_said(site, rows):
    row = rows["many.example"]["addresses_all_answer"]
    assert row["status"] == "FAIL" and "Nothing listens on port 443" in row["comment"], row
    named = [address for address in site.servers.closed if address in row["comment"]]
    assert len(named) == 7, "more addresses were looked at than may be, or fewer"
    assert rows["many.example"]["tls_1_2_or_1_3_supported"]["status"] == "PASS"
    row = rows["inside.example"]["addresses_all_answer"]
    assert row["status"] == "MANUAL" and "1 may not be looked at" in row["comment"] and "10.11" not in row["comment"], row
    assert rows["inside.example"]["csp_present"]["status"] == "PASS"
    assert rows[site.servers.strong]["addresses_all_answer"]["status"] == "PASS"


def test_many_targets_on_one_host_are_no_attack_on_its_addresses(site):
    """28 look-ups of other addresses are made of 40 targets that would each want one."""
    targets = [f"https://www.signed.example/{n}" for n in range(40)]
    found = audit(site.newcomer(), *targets)
    said = [found[target]["addresses_all_answer"]["status"] for target in targets]
    assert sorted(said) == 12 * ["MANUAL"] + 28 * ["PASS"]


def test_a_domain_that_never_answers_is_not_asked_again_and_again(site):
    """Of 40 of its names; the questions of the first ones were under way when the first had gone unanswered."""
    for n in range(40):
        site.zone[f"h{n}.silent.example", dns.A] = [site.servers.strong]
    before = len(site.names.asked)
    found = audit(site.newcomer(), *(f"https://h{n}.silent.example/" for n in range(40)))
    asked = {(name, kind) for name, kind in site.names.asked[before:] if kind not in (dns.A, dns.AAAA) and name.endswith("silent.example")}
    assert len(found) == 40 and 1 <= len(asked) <= 60, len(asked)
    for of in found.values():
        assert of["mail_spf_strict"]["status"] == of["dns_caa_present"]["status"] == "MANUAL" and of["csp_present"]["status"] == "PASS"


def test_name_servers_without_signatures_are_no_verdict(site):
    site.names.signatures = None
    try:
        found = audit(site.newcomer(), "https://bare.insecure/", "https://www.signed.example/")
    finally:
        site.names.signatures = site.signatures
    for row in (found["https://bare.insecure/"]["dns_dnssec_signed"], found["https://www.signed.example/"]["dns_dnssec_signed"]):
        assert row["status"] == "MANUAL" and "hand on no signatures" in row["comment"], row
    assert found["https://www.signed.example/"]["dns_caa_present"]["status"] == "PASS"


def test_a_txt_record_proves_who_owns_a_host(site):
    person, host, check = site.newcomer(), "www.signed.example", "directory_listing_disabled"
    named = person.post("audits/hosts/", {"host": host}).json()
    row = audit(person, f"https://{host}/")[f"https://{host}/"][check]
    assert row["status"] == "MANUAL" and f"_mod-saas.{host}" in row["comment"], row
    strong = site.servers.all[site.servers.strong].paths
    assert (host, "/js/") not in strong and person.ok("GET", "audits/hosts/")["results"][0]["proved_at"] is None
    for texts in (["x" + named["token"]], [named["token"] + "x"], ["token=" + named["token"]]):
        site.zone[f"_mod-saas.{host}", dns.TXT] = texts
        assert audit(person, f"https://{host}/")[f"https://{host}/"][check]["status"] == "MANUAL", texts
    site.zone[f"_mod-saas.{host}", dns.TXT] = ["of another organization", named["token"]]
    try:
        row = audit(person, f"https://{host}/")[f"https://{host}/"][check]
        assert row["status"] == "PASS" and row["comment"].startswith("None of"), row
        assert person.ok("GET", "audits/hosts/")["results"][0]["proved_at"]
    finally:
        del site.zone[f"_mod-saas.{host}", dns.TXT]
