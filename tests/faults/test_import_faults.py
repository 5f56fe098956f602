"""Imports that are killed, restarted, taken over or canceled while they run: all of a file or nothing, and nothing twice."""

import contextlib
import time

import pytest

from saastest import wait_audit
from test_job_lease import LEASE, ahead

pytestmark = pytest.mark.long(60)
SITE_STRIPE = False
# Two children, always: which one takes an upload, and which one reads it, is not known.
SITE_CONF = "MaxConnectionsPerChild 0"
HEAD = "resource_id,check_name,status,severity,timestamp,comment\n"
ROWS = 60000


@pytest.fixture(scope="module")
def file():
    return (HEAD + "".join(f"resource-{n},check,FAIL,low,2026-01-02T03:04:05Z,{'x' * 100}\n" for n in range(ROWS))).encode()


def upload(person, data, into=None):
    reply = person.post(f"audits/{into}/import/" if into else "audits/import/", data=data, params={"format": "generic"})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def stored(site, key):
    row, = site.database.execute("SELECT count(*), count(DISTINCT content_key) FROM evidence WHERE audit_id = ?", key)
    return tuple(int(n) for n in row)


def until_it_writes(site, key):
    """The job runs; on PostgreSQL also until rows are being written, which is the longest of it."""
    end = time.monotonic() + 30
    while True:
        (status, done), = site.database.execute("SELECT status, progress_done FROM audits WHERE id = ?", key)
        if status != "queued" and (site.database.kind == "sqlite" or done >= 30 or status != "running"):
            return status
        assert time.monotonic() < end, (status, done)
        time.sleep(0.005)


@contextlib.contextmanager
def taken_away(site, key):
    """Somebody else has the job as soon as it has begun."""
    gone = (f"UPDATE jobs SET lease_owner = 'thief', lease_node = 'elsewhere', lease_until = '{ahead(LEASE)}' WHERE object_id = '{key}'")
    when = f"NEW.id = '{key}' AND NEW.status = 'running' AND OLD.status = 'queued'"
    if site.database.kind == "pgsql":
        site.database.execute(f"CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN {gone}; RETURN NULL; END$$")
        site.database.execute(f"CREATE TRIGGER take AFTER UPDATE ON audits FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION take()")
    else:
        site.database.execute(f"CREATE TRIGGER take AFTER UPDATE ON audits WHEN {when} BEGIN {gone}; END")
    try:
        yield
    finally:
        site.database.execute("DROP TRIGGER take" + (" ON audits" if site.database.kind == "pgsql" else ""))
        if site.database.kind == "pgsql":
            site.database.execute("DROP FUNCTION take")


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_kill_9_while_rows_are_written(site, person, file):
    key = upload(person, file)
    until_it_writes(site, key)
    site.httpd.kill_children()
    site.httpd.wait_children()
    assert stored(site, key) in ((0, 0), (ROWS, ROWS))
    body = wait_audit(person.as_token(), key, 120)
    assert body["status"] == "completed" and body["evidence_count"] == ROWS and len(body["imports"]) == 1
    assert stored(site, key) == (ROWS, ROWS)
    assert not site.database.execute("SELECT 1 FROM import_parts WHERE audit_id = ?", key)


@pytest.mark.expects("SAAS")
def test_a_graceful_restart_while_rows_are_written(site, person, file):
    key = upload(person, file)
    until_it_writes(site, key)
    site.httpd.graceful()
    body = wait_audit(person.as_token(), key, 120)
    assert body["status"] == "completed" and stored(site, key) == (ROWS, ROWS)


@pytest.mark.expects("SAAS")
def test_whoever_has_lost_the_lease_writes_nothing(site, person):
    """It has read all of the file and is about to be done: what it would write is fenced."""
    key = upload(person, HEAD.encode() + b"r,c,FAIL,high,,x\n")
    wait_audit(person, key, 30)
    with taken_away(site, key):
        upload(person, HEAD.encode() + b"r,c,FAIL,high,,x\ns,c,FAIL,high,,x\n", into=key)
        end = time.monotonic() + 20
        while not site.database.execute("SELECT 1 FROM audits WHERE id = ? AND status = 'running'", key):
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(1)
        assert stored(site, key) == (1, 1)
        (status, done), = site.database.execute("SELECT status, evidence_count FROM audits WHERE id = ?", key)
        assert (status, int(done)) == ("running", 1) and site.database.execute("SELECT 1 FROM import_parts WHERE audit_id = ?", key)
        assert site.database.execute("SELECT lease_owner FROM jobs WHERE object_id = ?", key)[0][0] == "thief"
    # Its owner dies; somebody takes over.
    site.database.execute("UPDATE jobs SET lease_until = '2020-01-01T00:00:00.000000Z' WHERE object_id = ?", key)
    body = wait_audit(person, key, 60)
    assert body["status"] == "completed" and stored(site, key) == (2, 2)


@pytest.mark.expects("SAAS")
def test_a_cancel_while_rows_are_written(site, person, file):
    key = upload(person, file)
    until_it_writes(site, key)
    reply = person.post(f"audits/{key}/cancel/")
    body = wait_audit(person, key, 60)
    # SQLite has one writer: there the cancel waits until the file is in, and comes too late, or gives up.
    assert (reply.status_code, body["status"]) in ((200, "canceled"), (409, "completed"), (503, "completed"))
    assert stored(site, key) == ((0, 0) if body["status"] == "canceled" else (ROWS, ROWS))
    end = time.monotonic() + 30
    while site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key):
        assert time.monotonic() < end, "the job goes on"
        time.sleep(0.05)
    assert stored(site, key) == ((0, 0) if body["status"] == "canceled" else (ROWS, ROWS))
    assert not site.database.execute("SELECT 1 FROM import_parts WHERE audit_id = ?", key)


@pytest.mark.only_db("pgsql")
def test_a_transaction_longer_than_the_lease(site, person, file):
    """The lease is renewed and progress told beside it, other work is found meanwhile, and nobody takes the job over."""
    person = person.as_token()
    site.database.execute("CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.9); RETURN NULL; END$$")
    site.database.execute("CREATE TRIGGER doze AFTER INSERT ON evidence FOR EACH STATEMENT EXECUTE FUNCTION doze()")
    try:
        began = time.monotonic()
        key = upload(person, file)
        until_it_writes(site, key)
        other = upload(person, HEAD.encode() + b"r,c,FAIL,high,,x\n")
        seen, owners, body = set(), set(), None
        while not body or body["status"] == "running":
            rows = stored(site, key)
            body = person.ok("GET", f"audits/{key}/")
            seen.add(body["progress"]["done"])
            assert body["status"] != "running" or rows == (0, 0)
            owners |= {row[0] for row in site.database.execute("SELECT lease_owner FROM jobs WHERE kind = 'audit' AND object_id = ?", key)}
            assert time.monotonic() - began < 60
            time.sleep(0.2)
        assert time.monotonic() - began > 11 and body["status"] == "completed" and stored(site, key) == (ROWS, ROWS)
        assert len(seen) > 5 and len(owners - {None}) == 1
        theirs = person.ok("GET", f"audits/{other}/")
        assert theirs["status"] == "completed" and theirs["finished_at"] < body["finished_at"]
    finally:
        site.database.execute("DROP TRIGGER doze ON evidence")
        site.database.execute("DROP FUNCTION doze")


def large(format, size):
    """A file of so many bytes with next to no findings in it, in pieces."""
    if format == "generic":
        head, row, tail = (HEAD.replace("\n", ",more\n") + "r,c,FAIL,low,,x,\n").encode(), b"r,c,FAIL,low,,x," + b"y" * 50_000 + b"\n", b""
    else:
        result = b'{"ruleId":"R","kind":"notApplicable","message":{"text":"' + b"y" * 500 + b'"},"locations":[],"more":[[[{}]]]},'
        head, row, tail = b'{"version":"2.1.0","runs":[{"results":[', result * 100, b'{"ruleId":"R","kind":"notApplicable"}]}]}'
    yield head
    for _ in range(size // len(row)):
        yield row
    # An empty piece would end the body.
    yield from [tail] if tail else []


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


@pytest.mark.parametrize("format", ["generic", "sarif"])
def test_memory_does_not_grow_with_the_file(site, person, format):
    def imported(mib):
        reply = person.post("audits/import/", data=large(format, mib << 20), params={"format": format}, timeout=120)
        assert reply.status_code == 201, reply.text
        return wait_audit(person, reply.json()["id"], 120)
    for _ in range(3):
        imported(3)
    children = site.httpd.children()
    before = {child: resident(child) for child in children}
    body = imported(100)
    assert body["status"] == "completed" and body["imports"][0]["records"] > 1000 and body["evidence_count"] == (format == "generic")
    assert max(resident(child) - before[child] for child in children) < 24
