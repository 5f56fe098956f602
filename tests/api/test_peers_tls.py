"""Verdicts on TLS compared with those of others on the same servers: sslscan of each of many servers (openssl's s_server,
httpd, nginx; weak ones and strong ones), testssl.sh of two, since it takes half a minute for one.

s_server serves one connection at a time; with -rev, which is no HTTP, it is not kept busy by requests it does not understand.
"""

import json
import os
import subprocess
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import Httpd, Places, wait_audit
from saastest.places import clean_environment, command_as, end_process, free_port, httpd_user, port_is_open, program
from saastest.tls import Authority
from test_audits import start
from test_mending import GROUP

pytestmark = [pytest.mark.only_db("sqlite"), pytest.mark.long(45)]

ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
STRONG = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
# Arguments of openssl's s_server by name.
S_SERVERS = {
    "default": [],
    "only 1.3": ["-tls1_3"],
    "only 1.2, strong": ["-tls1_2", "-cipher", STRONG],
    "only 1.2, everything": ["-tls1_2", "-cipher", ALL],
    "only 1.1": ["-tls1_1", "-cipher", ALL],
    "only 1.0": ["-tls1", "-cipher", ALL],
    "from 1.0 on": ["-min_protocol", "TLSv1", "-cipher", "DEFAULT:@SECLEVEL=0"],
    "1.1 and 1.2": ["-min_protocol", "TLSv1.1", "-max_protocol", "TLSv1.2", "-cipher", "DEFAULT:@SECLEVEL=0"],
    "static RSA": ["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"],
    "static RSA, CCM8 only": ["-tls1_2", "-cipher", "AES128-CCM8:@SECLEVEL=0"],
    "static RSA, ARIA only": ["-tls1_2", "-cipher", "ARIA128-GCM-SHA256"],
    "static RSA, Camellia only": ["-tls1_2", "-cipher", "CAMELLIA256-SHA256"],
    "NULL only": ["-tls1_2", "-cipher", "ECDHE-RSA-NULL-SHA:NULL-SHA256:@SECLEVEL=0"],
    "anonymous beside strong": ["-tls1_2", "-cipher", f"{STRONG}:ADH-AES128-GCM-SHA256:@SECLEVEL=0"],
    "DHE of 1024 bits": ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "-dhparam", "{dh}"],
    "DHE of 2048 bits": ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-CHACHA20-POLY1305"],
    "DHE, CCM8 only": ["-tls1_2", "-cipher", "DHE-RSA-AES256-CCM8:@SECLEVEL=0", "-dhparam", "{dh}"],
}
# Lines of a virtual host of httpd, of a server of nginx.
HTTPD = {
    "httpd, strong": f"SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLCipherSuite {STRONG}",
    "httpd, old": f"SSLProtocol all\nSSLCipherSuite {ALL}",
    "httpd, as installed": "",
}
NGINX = {
    "nginx, strong": f"ssl_protocols TLSv1.2 TLSv1.3;\nssl_ciphers {STRONG};",
    "nginx, old": f"ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\nssl_ciphers {ALL};",
    "nginx, as installed": "",
}
# Of https://ssl-config.mozilla.org/guidelines/5.8.json.
INTERMEDIATE = {f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}
OF_TESTSSL = ("httpd, strong", "nginx, old")

# Where a peer says something else than we do, and why: (server or None for all, check): reason.
DIFFER = {
    ("NULL only", "tls_1_2_or_1_3_supported"): "TLS 1.2 without encryption is spoken with no browser, so it is not what the check asks for",
}


@pytest.fixture(scope="module")
def servers():
    """{name: port}, all running."""
    places, running, ports = Places(), [], {}
    folder = places.folder("lab")
    folder.chmod(0o755)
    pem, key = Authority(folder).issue("server", "localhost", "IP:127.0.0.1")
    (folder / "dh.pem").write_text(subprocess.run([program("openssl"), "dhparam", "-inform", "DER", "-outform", "PEM"], check=True, capture_output=True,
                                                  input=bytes.fromhex("30818702818100" + GROUP + "020102")).stdout.decode())
    for name, more in S_SERVERS.items():
        ports[name] = free_port()
        argv = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{ports[name]}", "-cert", pem, "-key", key, "-rev",
                *(a.replace("{dh}", str(folder / "dh.pem")) for a in more)]
        running.append(subprocess.Popen(command_as(None, argv, True), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    ports |= {name: free_port() for name in (*HTTPD, *NGINX)}
    httpd = Httpd(places=Places(), with_saas=False, modules=("ssl", "socache_shmcb"))
    httpd.start("\n".join(f"Listen 127.0.0.1:{ports[name]} https\n<VirtualHost 127.0.0.1:{ports[name]}>\nServerName localhost\nSSLEngine On\n"
                          f'SSLCertificateFile "{pem}"\nSSLCertificateKeyFile "{key}"\n{lines}\n</VirtualHost>' for name, lines in HTTPD.items()))
    root = places.folder("nginx", httpd_user())
    folders = "\n".join(f"{what}_temp_path {root}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    hosts = "\n".join(f"server {{ listen 127.0.0.1:{ports[name]} ssl; ssl_certificate {pem}; ssl_certificate_key {key};\n{lines}\nreturn 204; }}"
                      for name, lines in NGINX.items())
    (root / "nginx.conf").write_text((f"user {httpd_user().pw_name};\n" if httpd_user() else "") + f"daemon off;\nworker_processes 1;\npid {root}/nginx.pid;\n"
                                     f"error_log {root}/error.log;\nevents {{ }}\nhttp {{\naccess_log off;\n{folders}\n{hosts}\n}}\n")
    running.append(subprocess.Popen(command_as(None, [program("nginx"), "-c", root / "nginx.conf", "-p", root, "-e", root / "error.log"], True),
                                    stdin=subprocess.DEVNULL, env=clean_environment()))
    for name, port in ports.items():
        for _ in range(200):
            if port_is_open(port):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"{name} did not start")
    yield ports
    for process in running:
        end_process(process)
    httpd.close()
    places.close()


def by_sslscan(port):
    """What sslscan has found, as our checks would say it."""
    found = xml.fromstring(subprocess.run([program("sslscan"), "--no-colour", "--no-heartbleed", "--no-groups", "--no-fallback", "--iana-names", "--xml=-",
                                           f"127.0.0.1:{port}"], check=True, capture_output=True, timeout=120).stdout).find("ssltest")
    versions = {p.get("type") + p.get("version") for p in found.iter("protocol") if p.get("enabled") == "1"}
    ciphers = [c for c in found.iter("cipher")]
    names = [c.get("cipher").upper() for c in ciphers if c.get("sslversion") != "TLSv1.3"]
    groups = [int(c.get("dhebits")) for c in ciphers if c.get("dhebits") and "ANON" not in c.get("cipher").upper() and "ADH" not in c.get("cipher")]
    renegotiation, compression = found.find("renegotiation"), found.find("compression")
    return {
        "tls_legacy_protocols_disabled": not versions & {"ssl2", "ssl3", "tls1.0", "tls1.1"},
        "tls_1_2_or_1_3_supported": bool(versions & {"tls1.2", "tls1.3"}),
        "tls_1_3_supported": "tls1.3" in versions,
        "tls_weak_ciphers_refused": not any(word in name for name in names for word in ("NULL", "ADH", "AECDH", "ANON", "EXP", "RC4", "DES")),
        "tls_forward_secrecy_only": all(any(word in name for word in ("DHE", "ADH", "AECDH", "ANON")) for name in names),
        "tls_profile_intermediate": not versions & {"ssl2", "ssl3", "tls1.0", "tls1.1"} and set(names) <= INTERMEDIATE,
        "tls_dh_params": all(bits >= 2048 for bits in groups),
        "tls_compression_disabled": compression is None or compression.get("supported") != "1",
        "tls_certificate_key_strength": int(found.find("certificates").find(".//pk").get("bits")) >= 2048 if found.find(".//pk") is not None else None,
    }


def by_testssl(port, folder):
    file = folder / f"{port}.json"
    subprocess.run([program("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", file, "-p", "-s", f"127.0.0.1:{port}"],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=240, env=os.environ | {"TERM": "dumb"})
    found = {row["id"]: row["finding"] for row in json.loads(file.read_text())}

    def offered(name):
        return found[name].startswith("offered")

    return {
        "tls_legacy_protocols_disabled": not any(map(offered, ("SSLv2", "SSLv3", "TLS1", "TLS1_1"))),
        "tls_1_2_or_1_3_supported": offered("TLS1_2") or offered("TLS1_3"),
        "tls_1_3_supported": offered("TLS1_3"),
        "tls_weak_ciphers_refused": not any(map(offered, ("cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA"))),
    }


@pytest.fixture(scope="module")
def compared(alice, servers, tmp_path_factory):
    """{server: {check: row}} of ours, and by peer {server: {check: passes}}."""
    folder = tmp_path_factory.mktemp("testssl")
    with ThreadPoolExecutor(4) as pool:
        slow = {name: pool.submit(by_testssl, servers[name], folder) for name in OF_TESTSSL}
        audit = wait_audit(alice, start(alice, [f"https://127.0.0.1:{port}/" for port in servers.values()]).json()["id"], 60)
        scans = dict(zip(servers, pool.map(by_sslscan, servers.values())))
        peers = {"sslscan": scans, "testssl": {name: done.result() for name, done in slow.items()}}
    assert audit["status"] == "completed", audit
    ours, url = {name: {} for name in servers}, f"audits/{audit['id']}/evidence/?page_size=200"
    names = {str(port): name for name, port in servers.items()}
    while url:
        page = alice.ok("GET", url)
        for row in page["results"]:
            ours[names[row["resource_id"].rstrip("/").rsplit(":", 1)[1]]][row["check_name"]] = row
        url = page["next"]
    return ours, peers


@pytest.mark.parametrize("peer", ["sslscan", "testssl"])
def test_a_peer_says_the_same_of_every_server(compared, peer):
    ours, peers = compared
    assert len(peers[peer]) == (len(ours) if peer == "sslscan" else len(OF_TESTSSL))
    wrong = []
    for server, said in peers[peer].items():
        for check, passes in said.items():
            row = ours[server][check]
            if passes is None or row["status"] == ("PASS" if passes else "FAIL"):
                continue
            if (server, check) in DIFFER or (None, check) in DIFFER:
                continue
            wrong.append(f"{server}: {check}: {peer} {'passes' if passes else 'fails'} it, ours: {row['status']} {row['comment']}")
    assert not wrong, "\n".join(wrong)


def test_servers_are_told_apart(compared):
    """Each verdict that is compared is both given and refused somewhere."""
    ours, peers = compared
    for check in ("tls_legacy_protocols_disabled", "tls_1_2_or_1_3_supported", "tls_1_3_supported", "tls_weak_ciphers_refused", "tls_forward_secrecy_only", "tls_dh_params",
                  "tls_profile_intermediate"):
        assert {"PASS", "FAIL"} <= {rows[check]["status"] for rows in ours.values()}, check
