"""An audit of two hundred https targets by the web engine, against sslscan and one curl for each of them, one after the
other. The targets are addresses of this machine, served by a second httpd.
"""

import itertools
import subprocess
import time

import decide
from measure import alternate, compare
from saastest import Httpd, Site, wait_audit
from saastest.places import clean_environment, free_port, program
from saastest.tls import Authority

# More than the engine has connections at once: each target is to answer as a server of its own would.
WORKERS = "StartServers 4\nServerLimit 4\nThreadLimit 128\nThreadsPerChild 128\nMaxRequestWorkers 512\nMinSpareThreads 1\nMaxSpareThreads 512"
TARGETS = """
Protocols http/1.1
SSLSessionCache none
<VirtualHost *:{port}>
    SSLEngine on
    SSLCertificateFile "{certificate}"
    SSLCertificateKeyFile "{key}"
    Header always set Strict-Transport-Security "max-age=31536000"
    Header always set X-Content-Type-Options nosniff
</VirtualHost>
"""
# Checks that pass for all of them.
FOUND = ("tls_legacy_protocols_disabled", "tls_1_3_supported", "tls_weak_ciphers_refused", "tls_dh_params", "hsts_max_age",
         "content_type_nosniff")


class Targets:
    """https on so many addresses 127.1.x.y, all on one port."""

    def __init__(self, count):
        self.httpd = Httpd(with_saas=False, modules=("ssl",), workers=WORKERS)
        try:
            certificate, key = Authority(self.httpd.root).issue("target", "target", "IP:127.1.0.1")
            port = free_port()
            self.named = [f"127.1.{n // 250}.{1 + n % 250}:{port}" for n in range(count)]
            listen = "".join(f"Listen {name} https\n" for name in self.named)
            self.httpd.start(listen + TARGETS.format(port=port, certificate=certificate, key=key))
        except BaseException:
            self.httpd.close()
            raise
        self.urls = [f"https://{name}/" for name in self.named]

    def close(self):
        self.httpd.close()


class Auditor:
    def __init__(self, database, targets):
        self.targets = targets
        self.site = Site(database, with_stripe=False)
        try:
            self.site.start()
            self.person = self.site.register(organization="Bench audit")
            org = self.person.org["id"]
            database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", org)
            self.person.http.headers["X-Organization-ID"] = org
        except BaseException:
            self.site.close()
            raise

    def ours(self):
        """Targets a second, from the request to the completed audit; what was not wholly looked at does not count."""
        began = time.monotonic()
        audit = self.person.ok("POST", "audits/start/", {"engine": "web", "targets": self.targets.urls})["id"]
        body = wait_audit(self.person, audit, 300)
        took = time.monotonic() - began
        return self.whole(body) / took

    def whole(self, body):
        """How many targets' TLS and headers were found as they are: on a busy machine some answer too late."""
        count = len(self.targets.urls)
        if body["status"] != "completed":
            raise RuntimeError(f"the audit ended as {body}")
        found = {check: self.person.ok("GET", f"audits/{body['id']}/evidence/?check={check}&status=PASS&page_size=1")["count"]
                 for check in FOUND}
        if not count / 2 < min(found.values()) <= max(found.values()) <= count:
            raise RuntimeError(f"of {count} targets, checks hold for {found}")
        return min(found.values())

    def peer(self, share):
        """Targets a second of the two programs, for some of the targets."""
        script = 'for target; do "$SSLSCAN" --no-colour "$target" && "$CURL" -sfk "https://$target/" || exit 1; done'
        began = time.monotonic()
        subprocess.run(["sh", "-c", script, "sh", *share], check=True, stdout=subprocess.DEVNULL,
                       env=clean_environment(SSLSCAN=program("sslscan"), CURL=program("curl")))
        return len(share) / (time.monotonic() - began)


def measure(database, args, say):
    """The peer takes other targets in each round, a few: all of them would take it minutes."""
    count, share = (20, 1) if args.quick else (200, 10)
    name = f"web audit of {count} targets"
    say(f"{name}: {share} of them in a round of the peer")
    targets = Targets(count)
    try:
        auditor = Auditor(database, targets)
        try:
            rounds = itertools.count()
            yield from decide.until_decided(
                alternate(auditor.ours, lambda: auditor.peer(targets.named[next(rounds) * share % count:][:share])),
                lambda pairs: [compare(name, "sslscan and curl, each", *zip(*pairs), "targets/s", 10)], args.patience)
        finally:
            auditor.site.close()
    finally:
        targets.close()
