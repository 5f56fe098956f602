"""Exports to clients slower than the database: they keep no connection, no snapshot and no thread, and get every byte."""

import contextlib
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from saastest import Site, seed
from saastest.places import AS_ROOT, Places, clean_environment, httpd_user, program
from test_exports import body_of, open_export, read_all

pytestmark = pytest.mark.long(100)
ROWS = 32000            # more than 5 MiB
CLIENTS = 200
RATE = 10240
SMALL = ("StartServers 2\nServerLimit 2\nThreadsPerChild 8\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n"
         "AsyncRequestWorkerFactor 64")
CONF = """DBDMax 8
SaasSpoolDir "{spool}"
<Location "/server-status">
    SetHandler server-status
    Require all granted
</Location>
Protocols h2c http/1.1
"""


@pytest.fixture(scope="module")
def site(databases, db_kind):
    places = Places()
    spool = places.folder("spool", httpd_user(), 0o700)
    made = Site(databases.fresh(db_kind, places), places=places, workers=SMALL, modules=("http2", "ratelimit"),
                conf=CONF.replace("{spool}", str(spool)))
    made.spool = spool
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def large(site, payer):
    return seed.large_audit(site.database, payer.org["id"], ROWS)


@pytest.fixture(scope="module")
def reference(site, payer, large):
    reply = payer.get(f"audits/{large}/export/csv/")
    assert reply.status_code == 200 and len(reply.content) > 5 << 20
    return reply.content


@pytest.fixture
def configured(site):
    """Another configuration for one test."""
    def restart(more):
        site.httpd.restart("\n".join([*site.parts, more]))
    yield restart
    site.httpd.restart("\n".join(site.parts))


def spools(site):
    """Descriptors of spool files that the children have open; the files have no name any more."""
    found = 0
    for pid in site.httpd.children():
        with contextlib.suppress(FileNotFoundError):  # the child has ended
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # it has been closed
                    found += os.readlink(f"/proc/{pid}/fd/{fd}").startswith(str(site.spool))
    return found


def busy(site):
    text = site.nobody().get("/server-status?auto").text
    return int(re.search(r"^BusyWorkers: (\d+)", text, re.M).group(1))


def backends(site):
    """Backends that have been in a transaction for more than a moment."""
    if site.database.kind != "pgsql":
        return []
    return site.database.execute("SELECT state, query FROM pg_stat_activity WHERE usename = 'saas_app' AND state <> 'idle'"
                                 " AND xact_start < clock_timestamp() - interval '2 seconds'")


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.05)


class Others(threading.Thread):
    """What other requests see meanwhile: seconds of each, and whoever keeps a snapshot."""

    def __init__(self, site, person):
        super().__init__(daemon=True)
        self.site, self.person = site, person
        self.took, self.statuses, self.held = [], set(), []
        self.going = True

    def run(self):
        while self.going:
            for path in ("audits/", "/index.html"):
                began = time.monotonic()
                self.statuses.add(self.person.get(path, headers={"Connection": "close"}).status_code)
                self.took.append(time.monotonic() - began)
            self.held += backends(self.site)
            time.sleep(0.05)


# The server is meant to be small.
@pytest.mark.expects("AH00484", "AH10159")
def test_two_hundred_slow_clients_starve_nobody(site, payer, large, reference):
    others = Others(site, payer)
    crowd = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("slow_readers.py")), str(site.httpd.port),
         f"/api/v1/audits/{large}/export/csv/", payer.http.cookies["saas_session"], str(CLIENTS), str(RATE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        others.start()
        said = crowd.stdout.readline().split()
        assert said and said[0] == "all", f"not every client was admitted: {said}"
        # Each would need some nine minutes for the rest: what they keep, they keep for longer than this.
        wait_until(lambda: spools(site) == CLIENTS and busy(site) <= 4, 60)
        time.sleep(3)
        assert spools(site) == CLIENTS and busy(site) <= 4, "slow clients keep threads"
        others.going = False
        others.join(30)
        crowd.stdin.write("fast\n")
        crowd.stdin.flush()
        results = [line.rsplit(None, 1) for line in crowd.stdout]
    finally:
        others.going = False
        crowd.kill()
        crowd.wait()
    whole = ["whole", hashlib.sha256(reference).hexdigest()]
    assert len(results) == CLIENTS and all(r == whole for r in results), [r for r in results if r != whole][:5]
    assert others.statuses == {200}, others.statuses
    took = sorted(others.took)
    print(f"others: median {took[len(took) // 2] * 1000:.1f} ms, worst {took[-1] * 1000:.0f} ms of {len(took)}")
    assert len(took) > 40 and took[len(took) // 2] < 0.5 and took[-1] < 5, (took[len(took) // 2], took[-1])
    assert not others.held, others.held[:3]
    wait_until(lambda: spools(site) == 0)
    assert not list(site.spool.iterdir())


def test_a_slow_client_holds_neither_connection_nor_thread(site, payer, large, reference):
    s = open_export(site, payer, large, 4096)
    first = s.recv(1000)
    wait_until(lambda: spools(site) == 1 and busy(site) == 1)
    if site.database.kind == "pgsql":
        wait_until(lambda: not site.database.execute(
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'saas_app' AND state <> 'idle'"), 30)
    assert body_of(first + read_all(s)) == reference
    s.close()
    wait_until(lambda: spools(site) == 0)


def test_the_connection_serves_the_next_request_after_a_spooled_one(site, payer, large, reference):
    """Two exports and another request, pipelined: the second begins while the first has not been taken."""
    cookie = f"Cookie: saas_session={payer.http.cookies['saas_session']}\r\n"
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.connect(("127.0.0.1", site.httpd.port))
    path = f"/api/v1/audits/{large}/export/csv/"
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n".encode() * 2
              + f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{cookie}\r\n".encode())
    time.sleep(1)
    data = read_all(s)
    s.close()
    parts = re.split(rb"(?=HTTP/1\.1 200 OK\r\n)", data)[1:]
    assert len(parts) == 3 and all(body_of(part) == reference for part in parts)


def test_a_client_that_goes_away_ends_the_spooling(site, payer):
    key = seed.large_audit(site.database, payer.org["id"], 300000)
    s = open_export(site, payer, key, 4096)
    s.recv(1000)
    wait_until(lambda: spools(site) == 1)
    s.close()
    wait_until(lambda: spools(site) == 0, 30)
    if site.database.kind == "pgsql":
        wait_until(lambda: not site.database.execute(
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'saas_app' AND state <> 'idle'"), 30)


def test_a_slow_stream_of_http2_gets_every_row(site, payer, large, reference):
    done = subprocess.run([program("curl"), "-s", "--http2-prior-knowledge", "--max-time", "60", "--limit-rate", "2M",
                           "-b", f"saas_session={payer.http.cookies['saas_session']}",
                           f"{site.base}/api/v1/audits/{large}/export/csv/"], capture_output=True, check=True)
    assert done.stdout == reference
    wait_until(lambda: spools(site) == 0)


def test_more_exports_than_allowed_are_refused(site, payer, large, configured):
    configured("SaasExportsMax 1\nSaasDBWait 300ms\nStartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\n"
               "<Location /api/v1/audits>\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 200\n</Location>\n")
    s = open_export(site, payer, large)
    assert s.recv(1000).startswith(b"HTTP/1.1 200")
    reply = payer.get(f"audits/{large}/export/csv/")
    assert reply.status_code == 503 and reply.json()["code"] == "unavailable" and "exports" in reply.json()["detail"]
    assert int(reply.headers["Retry-After"]) >= 1 and "Content-Disposition" not in reply.headers
    assert payer.get("audits/").status_code == 200
    s.close()
    wait_until(lambda: payer.get(f"audits/{large}/export/csv/", stream=True).status_code == 200)


def broken_transfer(site, payer, audit):
    """Reads slowly, then all there is; true if the transfer was broken off."""
    s = open_export(site, payer, audit, 4096)
    try:
        data = s.recv(1000)
        assert data.startswith(b"HTTP/1.1 200")
        time.sleep(1)
        data += read_all(s)
    except ConnectionResetError:
        return True
    finally:
        s.close()
    return not data.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.expects("SAAS1404", "SAAS2301")
@pytest.mark.skipif(not AS_ROOT, reason="mounts a file system")
def test_a_full_disk_breaks_the_transfer(site, payer, large, configured, quiet_log):
    small = site.places.folder("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "none", str(small)], check=True, env=clean_environment())
    try:
        configured(f'SaasSpoolDir "{small}"')
        assert broken_transfer(site, payer, large), "a short file ended as if it were whole"
        assert "SAAS1404" in quiet_log[0].text() and str(small) in quiet_log[0].text()
        assert payer.get("audits/").status_code == 200
        wait_until(lambda: os.statvfs(small).f_bfree == os.statvfs(small).f_blocks)
    finally:
        site.httpd.stop()
        subprocess.run(["umount", str(small)], check=True, env=clean_environment())


@pytest.mark.expects("SAAS1404", "SAAS2301")
def test_a_folder_that_cannot_be_written_breaks_the_transfer(site, payer, large, configured, quiet_log):
    closed = site.places.folder("closed", None, 0o555)
    configured(f'SaasSpoolDir "{closed}"')
    assert broken_transfer(site, payer, large)
    assert "SAAS1404" in quiet_log[0].text()
    small = seed.audit(site.database, payer.org["id"], [("host", "check", "FAIL", "low", "x" * 200)] * 1000)
    reply = payer.get(f"audits/{small}/export/csv/")
    assert reply.status_code == 200 and reply.content.count(b"x" * 200) == 1000, "what fits into memory needs no file"


@pytest.mark.parametrize("line", ["SaasExportBuffer 1k", "SaasExportBuffer 2048M", "SaasExportBuffer much", "SaasExportBuffer 1MB",
                                  "SaasExportsMax 0", "SaasExportsMax x", "SaasSpoolDir /nonexistent/folder", "SaasSpoolDir /etc/passwd"])
def test_wrong_settings_are_refused(site, line):
    path = site.httpd.root / "wrong.conf"
    path.write_text((site.httpd.root / "httpd.conf").read_text() + line + "\n")
    done = subprocess.run([site.httpd.binary, "-f", str(path), "-t"], capture_output=True, text=True, env=clean_environment())
    assert done.returncode != 0 and line.split()[0] in done.stderr, done.stderr
