"""Large exports: clients that go away or read slowly, a database that dies midway, memory."""

import os
import random
import socket
import time

import pytest

from feed import Relay
from saastest import Site, seed
from saastest.places import give
from saastest.postgres import Postgres
from saastest.site import Pgsql
from saastest.tls import Authority

pytestmark = pytest.mark.long(60)
SITE_CONF = "DBDMax 3\nDBDKeep 1\nDBDMin 1\n"
NOISE = ("SAAS", "AH00629", "AH00630", "AH00632", "AH00633", "dbd", "DBD")
ROWS = 300000


@pytest.fixture(scope="module")
def large(site, payer):
    return seed.large_audit(site.database, payer.org["id"], ROWS)


def open_export(site, payer, audit, receive=65536, query=""):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(30)
    s.connect(("127.0.0.1", site.httpd.port))
    s.sendall((f"GET /api/v1/audits/{audit}/export/csv/{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
               f"Cookie: saas_session={payer.http.cookies['saas_session']}\r\n\r\n").encode())
    return s


def body_of(data):
    """The chunked body of a whole reply, without its frames; fails unless it ended as it should."""
    data = bytes(data)
    at = data.index(b"\r\n\r\n") + 4
    assert b"chunked" in data[:at], data[:at]
    parts = []
    while True:
        line = data.index(b"\r\n", at)
        length, at = int(data[at:line], 16), line + 2
        assert data[at + length:at + length + 2] == b"\r\n"
        if length == 0:
            assert at + 2 == len(data)
            return b"".join(parts)
        parts.append(data[at:at + length])
        at += length + 2


def read_all(s):
    data = bytearray()
    while True:
        got = s.recv(1 << 16)
        if not got:
            return bytes(data)
        data += got


@pytest.mark.expects("SAAS")
def test_clients_that_go_away_free_the_connection_at_once(site, payer, large):
    for n in range(12):
        s = open_export(site, payer, large)
        head = s.recv(4096)
        assert head.startswith(b"HTTP/1.1 200"), (n, head, site.httpd.error_log.read_text()[-4000:])
        s.close()
        began = time.monotonic()
        assert payer.get("audits/").status_code == 200
        assert time.monotonic() - began < 10, "an abandoned export still holds its connection"
    if site.database.kind == "pgsql":
        end = time.monotonic() + 30
        while copies(site.database):
            assert time.monotonic() < end, "PostgreSQL still works for clients that went away"
            time.sleep(0.1)


class Far:
    """A database by way of TCP."""

    kind = "pgsql"

    def __init__(self, database, where):
        self.database, self.where = database, where

    def conf(self):
        return (f'DBDriver pgsql\nDBDMin 1\nDBDKeep 1\nDBDMax 2\nDBDParams "{self.where} dbname={self.database.name} '
                f'user={self.database.cluster.APP} connect_timeout=2"')

    def close(self):
        pass


def leave_exports(database, where, payer, large, quiet_log):
    """Who goes away frees thread, backend and connection at once; and what had arrived of the export is nobody's answer
    afterwards."""
    far = Site(Far(database, where), with_stripe=False)
    try:
        far.start()
        quiet_log.append(far.httpd.watch())
        api = far.nobody()
        headers = {"Authorization": f"Bearer {payer.new_token(organization=payer.org['id'])['token']}"}
        for n in range(1, 6):
            s = open_export(far, payer, large)
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
            pid, = copies(database)
            s.close()
            gone = time.monotonic()
            while metric(api, 'saas_exports_total{outcome="aborted"}') < n:
                assert time.monotonic() - gone < 2, "the thread of an abandoned export is not free"
                time.sleep(0.02)
            while pid in copies(database):
                assert time.monotonic() - gone < 4, "PostgreSQL still works for a client that went away"
                time.sleep(0.02)
            for _ in range(4):
                reply = api.get("audits/", headers=headers)
                assert reply.status_code == 200 and reply.json()["count"] >= 1, reply.text
    finally:
        far.close()


@pytest.mark.only_db("pgsql")
def test_a_network_that_swallows_cancels_keeps_no_thread(site, payer, large, quiet_log):
    with Relay(site.database.cluster.socket / ".s.PGSQL.5432", "127.0.0.1", cancels=False) as relay:
        leave_exports(site.database, f"host=127.0.0.1 port={relay.port}", payer, large, quiet_log)


@pytest.mark.only_db("pgsql")
def test_an_export_over_tcp_is_cut_as_well(db_kind, quiet_log):
    """The backend waits for room to send; with TLS what has arrived is partly TLS's own. It ends at once all the same."""
    address = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
    cluster = Postgres().create()
    try:
        pem, key = Authority(cluster.data).issue("server", "PostgreSQL", f"IP:{address}")
        for path in (pem, key):
            os.chmod(path, 0o600)
            give(path, cluster.user)
        with open(cluster.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = '{address}'\nssl = on\nssl_cert_file = '{pem}'\nssl_key_file = '{key}'\n")
        cluster.restart()
        near = Site(Pgsql(cluster, "tls"), with_stripe=True)
        try:
            payer = near.start().newcomer()
            near.pay(payer)
            # Files of root's home are not httpd's to read, and libpq looks for them there.
            files = " ".join(f"{name}=/nonexistent" for name in ("sslcert", "sslkey", "sslrootcert", "sslcrl"))
            large = seed.large_audit(near.database, payer.org["id"], ROWS)
            for mode in ("disable", "require"):
                leave_exports(near.database, f"host={address} sslmode={mode} {files}", payer, large, quiet_log)
        finally:
            near.close()
    finally:
        cluster.close()


def backends(database, more=""):
    """Process ids of httpd's backends; asked as a superuser, whom nothing of theirs is hidden from."""
    connection = database.cluster.connect(database.name, "postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'saas_app' AND datname = %s " + more, (database.name,))
            return [pid for pid, in cursor.fetchall()]
    finally:
        connection.close()


def copies(database):
    return backends(database, "AND state = 'active' AND query LIKE 'COPY %%'")


def metric(api, line):
    return next(float(text.rsplit(" ", 1)[1]) for text in api.get("/saas/metrics").text.splitlines() if text.startswith(line))


@pytest.mark.expects("SAAS")
def test_slow_readers_cost_the_others_a_bounded_wait_at_most(site, payer, large):
    slow = [open_export(site, payer, large, 4096) for _ in range(6)]
    try:
        for s in slow:
            s.recv(1000)
        time.sleep(1)
        for _ in range(5):
            began = time.monotonic()
            reply = payer.get("audits/")
            assert time.monotonic() - began < 15
            assert reply.status_code == 200 or (reply.status_code == 503 and int(reply.headers["Retry-After"]) >= 1)
        assert site.nobody().get("/").status_code == 200
    finally:
        for s in slow:
            s.close()
    end = time.monotonic() + 60
    while payer.get("audits/").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_slow_reader_gets_every_row(site, payer):
    key = seed.large_audit(site.database, payer.org["id"], 5000)
    s = open_export(site, payer, key, 4096)
    data = bytearray()
    while True:
        got = s.recv(16384)
        if not got:
            break
        data += got
        if len(data) < 300000:
            time.sleep(0.02)
    s.close()
    assert body_of(data).count(b"row number") == 5000


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
@pytest.mark.parametrize("query", ["", "?format=sarif", "?format=html&compress=gzip"])
def test_a_database_that_dies_midway_breaks_the_transfer(site, payer, large, query):
    s = open_export(site, payer, large, 16384, query)
    head = s.recv(4096)
    assert head.startswith(b"HTTP/1.1 200")
    site.database.end_backends()
    try:
        data = head + read_all(s)
    except ConnectionResetError:
        return
    finally:
        s.close()
    assert not data.endswith(b"\r\n0\r\n\r\n"), "a short file ended as if it were whole"


def test_deleted_while_reading_is_still_one_snapshot(site, payer):
    key = seed.large_audit(site.database, payer.org["id"], 50000)
    s = open_export(site, payer, key, 8192)
    first = s.recv(2000)
    connection = site.database.connect()
    mark = "?" if site.database.kind == "sqlite" else "%s"
    connection.cursor().execute(f"DELETE FROM evidence WHERE audit_id = {mark} AND number > 100", (key,))
    connection.close()
    data = first + read_all(s)
    s.close()
    assert body_of(data).count(b"row number") == 50000


def test_a_million_rows_in_constant_memory(site, payer):
    site.httpd.stop()   # so many rows in one transaction are longer than its background work waits for SQLite's one writer
    key = seed.large_audit(site.database, payer.org["id"], 1000000)
    site.httpd.start()
    warm = payer.as_token()
    small = seed.audit(site.database, payer.org["id"])
    for _ in range(8):
        assert warm.get(f"audits/{small}/export/csv/").status_code == 200
    before = {pid: peak(pid) for pid in site.httpd.children()}
    s = open_export(site, payer, key, 1 << 18)
    rows = size = 0
    tail = b""
    while True:
        got = s.recv(1 << 18)
        if not got:
            break
        rows += got.count(b"\n") + 0
        size += len(got)
        tail = (tail + got)[-16:]
    s.close()
    assert tail.endswith(b"\r\n0\r\n\r\n") and rows > 1000000 and size > 150 << 20
    grown = max(peak(pid) - was for pid, was in before.items() if pid in site.httpd.children())
    assert grown <= 8 << 20, f"a child grew by {grown >> 10} KiB"


def peak(pid):
    """The most memory the process ever had resident, bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
