"""Gates, API and export over HTTP/2, where every request is a stream of a shared connection."""

import subprocess
import time

import pytest

from saastest import seed
from saastest.places import program
from test_export import AWKWARD, cells

pytestmark = pytest.mark.expects("AH01630", "AH01631")
SITE_MODULES = ("http2",)
SITE_CONF = """
Protocols h2c http/1.1
LogLevel saas:info
<Location "/premium">
    AuthType Saas
    SaasOrganization "%{HTTP:X-Organization-ID}"
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
"""


def curl(site, path, *more, person=None):
    """(status, protocol version, body) of one request with prior knowledge of HTTP/2."""
    argv = [program("curl"), "-s", "--http2-prior-knowledge", "--max-time", "60", "-w", "\n%{http_code} %{http_version}", *more]
    if person is not None:
        argv += ["-b", f"saas_session={person.http.cookies['saas_session']}", "-H", f"Origin: {site.base}"]
    done = subprocess.run([*argv, site.base + path], capture_output=True, check=True)
    body, status, version = done.stdout.rpartition(b"\n")[0], *done.stdout.rpartition(b"\n")[2].decode().split()
    return int(status), version, body


def test_gates_over_http2(site, alice, payer):
    site.httpd.page("premium/index.html", "<p>this is premium</p>")
    assert curl(site, "/premium/")[:2] == (401, "2")
    status, version, body = curl(site, "/premium/", "-H", f"X-Organization-ID: {alice.org['id']}", person=alice)
    assert (status, version) == (403, "2") and b"subscription_required" in body
    assert curl(site, "/premium/", "-H", f"X-Organization-ID: {payer.org['id']}", person=alice)[0] == 404
    status, version, body = curl(site, "/premium/", "-H", f"X-Organization-ID: {payer.org['id']}", person=payer)
    assert (status, version) == (200, "2") and b"this is premium" in body


def test_why_it_was_refused_over_http2(site, alice, payer):
    """The line comes after a stream has ended, whose connection goes on."""
    time.sleep(1.05)  # more look-ups a second are not made
    watch = site.httpd.watch()
    assert curl(site, "/premium/", "-H", f"X-Organization-ID: {payer.org['id']}", person=alice)[0] == 404
    end = time.monotonic() + 5
    while "SAAS1330" not in watch.text() and time.monotonic() < end:
        time.sleep(0.02)
    assert watch.text().count("SAAS1330") == 1 and f"no member of {payer.org['slug']}, and never was" in watch.text()


def test_the_api_over_http2(site, alice):
    assert curl(site, "/api/v1/auth/me/")[:2] == (401, "2")
    status, version, body = curl(site, "/api/v1/organizations/", "-d", '{"name": "Over h2"}', "-H", "Content-Type: application/json", person=alice)
    assert (status, version) == (201, "2") and b"Over h2" in body
    assert curl(site, "/api/v1/organizations/", "-d", '{"name": ', "-H", "Content-Type: application/json", person=alice)[0] == 400


def test_the_export_over_http2(site, payer):
    key = seed.audit(site.database, payer.org["id"], AWKWARD)
    status, version, body = curl(site, f"/api/v1/audits/{key}/export/csv/", person=payer)
    assert (status, version) == (200, "2")
    assert [(r[0], r[1], r[2], r[3], r[5]) for r in cells(body)[1:]] == AWKWARD
    key = seed.large_audit(site.database, payer.org["id"], 50000)
    status, version, body = curl(site, f"/api/v1/audits/{key}/export/csv/", person=payer)
    assert (status, version) == (200, "2") and body.count(b"\r\n") == 50001


def test_an_aborted_stream_leaves_the_server_well(site, payer):
    key = seed.large_audit(site.database, payer.org["id"], 200000)
    for _ in range(6):
        with subprocess.Popen([program("curl"), "-s", "--http2-prior-knowledge", "--limit-rate", "20k", "-b",
                               f"saas_session={payer.http.cookies['saas_session']}", f"{site.base}/api/v1/audits/{key}/export/csv/"],
                              stdout=subprocess.PIPE) as transfer:
            assert transfer.stdout.read(1000)
            transfer.kill()
        assert payer.get("audits/").status_code == 200
