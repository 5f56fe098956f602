"""The lines that a failed check offers mend it: a httpd and a nginx that are wrong in everything are audited, their lines of
GET audits/checks/ are put into them, and every check that has lines passes then.

Redirects are only looked at between ports 80 and 443, so the servers are on loopback addresses of this test's own.
"""

import base64
import os
import re
import subprocess
import time

import pytest

from saastest import Httpd, Places, wait_audit
from saastest.places import AS_ROOT, clean_environment, command_as, end_process, free_port, httpd_user, port_is_open, program
from saastest.tls import Authority
from test_audits import start

pytestmark = [pytest.mark.long(8), pytest.mark.skipif(not AS_ROOT, reason="ports 80 and 443 are root's")]

# Why no audit here can show that the lines of a server mend a check.
NOT_SHOWN = {
    ("httpd", "tls_hybrid_key_exchange"): "this OpenSSL has no X25519MLKEM768",
    ("nginx", "tls_hybrid_key_exchange"): "this OpenSSL has no X25519MLKEM768",
    ("httpd", "tls_weak_ciphers_refused"): "mod_ssl never offers NULL and anonymous suites, Debian's OpenSSL has no other weak ones",
    ("httpd", "tls_compression_disabled"): "Debian's OpenSSL compresses nothing, so it never fails",
    ("httpd", "tls_secure_renegotiation"): "OpenSSL always speaks RFC 5746, so it never fails",
    ("httpd", "directory_listing_disabled"): "asked of proven hosts only, which tests/api/test_audit_hosts.py does",
    ("httpd", "source_maps_not_served"): "asked of proven hosts only, which tests/api/test_audit_hosts.py does",
    ("nginx", "source_maps_not_served"): "asked of proven hosts only, which tests/api/test_audit_hosts.py does",
    ("nginx", "directory_listing_disabled"): "asked of proven hosts only, which tests/api/test_audit_hosts.py does",
    ("httpd", "tls_ocsp_staple"): "the authority has no responder",
    ("nginx", "tls_ocsp_staple"): "the authority has no responder",
    ("nginx", "http3_offered"): "Debian's nginx is older than QUIC in nginx",
    ("httpd", "clear_site_data_on_logout"): "MANUAL whatever is sent",
    ("nginx", "clear_site_data_on_logout"): "MANUAL whatever is sent",
    ("httpd", "mail_mta_sts_enforced"): "the targets are addresses, which take no mail; tests/api/test_audit_names.py has a policy",
    ("nginx", "mail_mta_sts_enforced"): "the targets are addresses, which take no mail; tests/api/test_audit_names.py has a policy",
    ("nginx", "http_trace_disabled"): "it has no lines: nginx never answers TRACE",
}
PAGE = "<!doctype html><html><head><title>wrong</title></head><body><img src='http://images.example/x.png'></body></html>"
WRONG = """
TraceEnable On
ServerTokens Full
SetEnvIf Origin "(.+)" reflected=$1
Header set Access-Control-Allow-Origin "expr=%{env:reflected}" env=reflected
Header set Access-Control-Allow-Credentials true env=reflected
Header set Strict-Transport-Security "max-age=0"
Header set Content-Security-Policy-Report-Only "default-src 'self'"
Header set X-Content-Type-Options none
Header set Referrer-Policy unsafe-url
Header set Permissions-Policy "camera 'none'"
Header set Cross-Origin-Opener-Policy unsafe-none
Header set Cross-Origin-Embedder-Policy unsafe-none
Header set Cross-Origin-Resource-Policy cross-origin
Header set X-Powered-By Gears/1.0
Header add Set-Cookie "sessionid=1; Path=/"
Header always add Set-Cookie "theme=dark"
SSLProtocol -all +TLSv1 +TLSv1.1
SSLCipherSuite ALL:@SECLEVEL=0
SSLHonorCipherOrder Off
"""
# 1024 bits: RFC 2409 6.2.
GROUP = ("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
         "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff")
GLOBAL = ("ServerTokens", "SSLStaplingCache")


@pytest.fixture(scope="module", autouse=True)
def lab(request):
    """The authority that audits here trust, and what the servers show."""
    places = Places()
    folder = places.folder("lab")
    folder.chmod(0o755)
    os.environ["SSL_CERT_FILE"] = str(Authority(folder).pem)
    yield places, folder
    del os.environ["SSL_CERT_FILE"]
    places.close()


@pytest.fixture(scope="module")
def addresses(db_kind):
    """Two of our own: of this process and database."""
    n = os.getpid() % 250 + 1
    return [f"127.{30 + 10 * (db_kind == 'pgsql') + i}.{n}.1" for i in range(3)]


@pytest.fixture(scope="module")
def shown(lab, addresses):
    """Certificates with keys by address, and a group of 1024 bits."""
    folder = lab[1]
    authority = Authority.__new__(Authority)
    authority.folder, authority.name, authority.pem = folder, "ca", folder / "ca.pem"
    group = bytes.fromhex("30818702818100" + GROUP + "020102")
    (folder / "dh.pem").write_text(f"-----BEGIN DH PARAMETERS-----\n{base64.b64encode(group).decode()}\n-----END DH PARAMETERS-----\n")
    pairs = [authority.issue(f"server-{address}", address, f"IP:{address}") for address in addresses]
    return pairs, folder / "dh.pem"


def httpd_conf(address, pair, dh, lines):
    """Wrong as a whole; the lines stand in the virtual hosts, where they have the last word."""
    inside = [line for line in lines.splitlines() if not line.startswith(("#", *GLOBAL))]
    outside = [line for line in lines.splitlines() if line.startswith(GLOBAL)]
    shown = pair[0]
    if not lines:  # OpenSSL takes so small a group only beside suites of level 0, mod_ssl from behind the certificate
        shown = pair[0].with_suffix(".wrong.pem")
        shown.write_text(pair[0].read_text() + dh.read_text())
    tls = f'SSLEngine On\nSSLCertificateFile "{shown}"\nSSLCertificateKeyFile "{pair[1]}"'
    hosts = "".join(f"<VirtualHost {address}:{port}>\nServerName {address}\n{more}\n" + "\n".join(inside) + "\n</VirtualHost>\n" for port, more in ((80, ""), (443, tls)))
    return "\n".join([f"Listen {address}:80\nListen {address}:443 https", WRONG, *outside, hosts])


class Nginx:
    """In front of the wrong httpd; early data on where it speaks TLS 1.3."""

    def __init__(self, places, name):
        self.root = places.folder(name, httpd_user())
        self.process = None

    def run(self, servers, address, backend, dh):
        self.stop()
        folders = "\n".join(f"{what}_temp_path {self.root}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        blocks = "\n".join(f"server {{\nlisten {at}:80;\nlisten {at}:443 ssl;\nssl_certificate {pair[0]};\nssl_certificate_key {pair[1]};\n{lines}\n"
                           f"location / {{ proxy_pass http://127.0.0.1:{backend}; proxy_set_header Origin $http_origin; }}\n}}" for at, pair, lines in servers)
        conf = self.root / "nginx.conf"
        conf.write_text(f"user {httpd_user().pw_name};\ndaemon off;\nworker_processes 1;\npid {self.root}/nginx.pid;\nerror_log {self.root}/error.log;\n"
                        f"events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\nserver_tokens on;\n{folders}\nssl_protocols TLSv1 TLSv1.1;\n"
                        f"ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0;\n{f'ssl_dhparam {dh};' if dh else ''}\n{blocks}\n}}\n")
        with open(self.root / "console.log", "ab") as out:
            self.process = subprocess.Popen(command_as(None, [program("nginx"), "-c", conf, "-p", self.root, "-e", self.root / "error.log"], True),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=clean_environment())
        until = time.monotonic() + 30
        while not port_is_open(443, address):
            assert self.process.poll() is None and time.monotonic() < until, (self.root / "console.log").read_text()
            time.sleep(0.02)

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None


def once(blocks):
    """One after another, each once: two of httpd's may differ in a value only. Of what has no sections, each line once."""
    found = []
    for block in dict.fromkeys(blocks):
        found += [block] if re.search(r"[<{]", block) else [line for line in block.splitlines() if line not in "\n".join(found).splitlines()]
    return "\n".join(found)


@pytest.fixture(scope="module")
def audited(alice, lab, addresses, shown):
    """{(server, check): (row before, row after)} and the table of checks."""
    (pairs, dh), places = shown, lab[0]
    checks = alice.ok("GET", "audits/checks/?engine=web")["results"]
    lines = {server: once(c["configuration"][server] for c in checks if c["configuration"][server] and (server, c["name"]) not in NOT_SHOWN)
             for server in ("httpd", "nginx")}
    httpd = Httpd(places=Places(), with_saas=False, modules=("ssl", "rewrite", "socache_shmcb"))
    httpd.page("index.html", PAGE)
    nginx = Nginx(places, "nginx")
    early = "ssl_protocols TLSv1.3;\nssl_early_data on;"
    found = []
    try:
        for mend in (False, True):
            httpd.restart(httpd_conf(addresses[0], pairs[0], dh, lines["httpd"] if mend else ""))
            nginx.run([(addresses[1], pairs[1], lines["nginx"] if mend else ""),
                       (addresses[2], pairs[2], lines["nginx"] if mend else early)], addresses[2], httpd.port, None if mend else dh)
            audit = wait_audit(alice, start(alice, [f"https://{address}/" for address in addresses]).json()["id"], 60)
            assert audit["status"] == "completed", audit
            rows = alice.ok("GET", f"audits/{audit['id']}/evidence/?page_size=200")["results"]
            found.append({(r["resource_id"].split("/")[2], r["check_name"]): r for r in rows})
    finally:
        nginx.stop()
        httpd.close()
    return found, checks


def test_the_lines_of_httpd_mend_what_fails(audited, addresses):
    check_lines(audited, "httpd", lambda check: addresses[0])


def test_the_lines_of_nginx_mend_what_fails(audited, addresses):
    check_lines(audited, "nginx", lambda check: addresses[2] if check == "tls_early_data_disabled" else addresses[1])


def check_lines(audited, server, address):
    (before, after), checks = audited
    wrong = []
    for check in checks:
        name = check["name"]
        if check["configuration"][server] and (server, name) not in NOT_SHOWN:
            rows = before[address(name), name], after[address(name), name]
            if [row["status"] for row in rows] != ["FAIL", "PASS"]:
                wrong.append((name, [(row["status"], row["comment"]) for row in rows]))
    assert not wrong, "\n".join(map(str, wrong))


def test_every_excuse_is_one_of_a_check(audited):
    names = {check["name"] for check in audited[1]}
    assert {name for _, name in NOT_SHOWN} <= names
