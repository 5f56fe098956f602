"""Rows that no call of the contract can make in a test's time, or at all: a membership without an invite,
a million pieces of evidence. This is the only file of the tests that knows tables; what it writes is read
back through the API alone.
"""

import datetime
import hashlib
import json
import secrets
import time
import uuid


_last_key = 0


def uuid7():
    """Later ones are greater, in one millisecond as well (RFC 9562, section 6.2): lists are in this order."""
    global _last_key
    ms, rest = divmod(time.time_ns(), 1000000)
    _last_key = max(ms << 12 | rest * 4096 // 1000000, _last_key + 1)
    value = (_last_key >> 12 << 80) | (0x7 << 76) | ((_last_key & 0xFFF) << 64) | (0x2 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def person(database, hashed, email, name, organization):
    """A user with a password that is hashed already, an organization of their own and a session; (user's id,
    organization's id, its slug, session cookie)."""
    user, org, cookie = uuid7(), uuid7(), secrets.token_urlsafe(32)
    slug = "org-" + secrets.token_hex(8)
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    database.execute("INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at, email_verified_at)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", user, email, email.lower(), name, hashed, now(), now(), now())
    database.execute("INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", org, organization, slug, now(), now())
    member(database, org, user, "ADMIN")
    database.execute("INSERT INTO sessions (id, user_id, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                     uuid7(), user, hashlib.sha256(cookie.encode()).hexdigest(), now(), later)
    return user, org, slug, cookie


def member(database, org_id, user_id, role):
    """Make somebody a member of an organization."""
    database.execute("INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
                     org_id, user_id, role, now(), now())


def role(database, org_id, user_id, role):
    database.execute("UPDATE memberships SET role = ?, updated_at = ? WHERE org_id = ? AND user_id = ?",
                     role, now(), org_id, user_id)


def change_counts():
    """Waits until a change that was made behind the server's back counts: within the change feed's bound, a second."""
    time.sleep(1.05)


def remove_member(database, org_id, user_id):
    database.execute("DELETE FROM memberships WHERE org_id = ? AND user_id = ?", org_id, user_id)


# Of PostgreSQL's and ISO 8601's forms of a time, those that differ: with, without, with a short fraction.
TIMES = ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:05.120000Z")


def audit(database, org_id, rows=(), status="completed"):
    """An audit with these evidence rows (resource_id, check_name, status, severity, comment); its id."""
    key = uuid7()
    rows = list(rows)
    _audit_row(database, org_id, key, status, len(rows))
    connection = database.connect()
    try:
        mark = "?" if database.kind == "sqlite" else "%s"
        cursor = connection.cursor()
        for number, row in enumerate(rows, 1):
            cursor.execute(
                "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, comment,"
                " observed_at) VALUES (" + ", ".join([mark] * 9) + ")", (org_id, key, number, *row, TIMES[number % len(TIMES)]))
    finally:
        connection.close()
    return key


def _audit_row(database, org_id, key, status, count):
    database.execute(
        "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_done, progress_total, evidence_count,"
        " counts, created_at, started_at, finished_at) VALUES (?, ?, 'seeded', 'web', '[\"https://example.test/\"]', ?,"
        " 1, 1, ?, '{}', ?, ?, ?)", org_id, key, status, count, now(), now(), now())


COMMENT = "Header Strict-Transport-Security was not sent and this is row number "


def large_audit(database, org_id, count):
    """A completed audit of `count` generated rows (about 180 bytes each in CSV); its id."""
    key = uuid7()
    _audit_row(database, org_id, key, "completed", count)
    connection = database.connect()
    try:
        cursor = connection.cursor()
        columns = "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment) "
        if database.kind == "pgsql":
            cursor.execute(columns + "SELECT %s::uuid, %s::uuid, n, 'https://host-' || n || '.example.test/path/to/resource',"
                           " 'hsts_include_subdomains', 'FAIL', 'low', '2026-01-02T03:04:05.678901Z'::timestamptz, %s || n"
                           " FROM generate_series(1, %s) n", (org_id, key, COMMENT, count))
        else:
            # A portion each: meanwhile nobody else writes.
            for first in range(1, count + 1, 20000):
                cursor.execute(columns + "WITH RECURSIVE s(n) AS (SELECT ?5 UNION ALL SELECT n + 1 FROM s WHERE n < ?4)"
                               " SELECT ?1, ?2, n, 'https://host-' || n || '.example.test/path/to/resource',"
                               " 'hsts_include_subdomains', 'FAIL', 'low', '2026-01-02T03:04:05.678901Z', ?3 || n FROM s",
                               (org_id, key, COMMENT, min(first + 19999, count), first))
    finally:
        connection.close()
    return key


VARIED = """SELECT '{org}'{uuid}, '{audit}'{uuid}, n, 'https://host-' || (n % 750) || '.example.test/', 'check_' || (n * 7 % 97),
 CASE WHEN n % 10 < 6 THEN 'PASS' WHEN n % 10 < 9 THEN 'FAIL' WHEN n % 20 = 9 THEN 'MANUAL' ELSE 'ERROR' END,
 CASE n * 13 % 17 % 5 WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'medium' WHEN 3 THEN 'low' ELSE 'informational' END,
 {time}, 'what was seen, in some more words, of number ' || n"""


def varied_audit(database, org_id, count):
    """A completed audit of `count` rows: of 750 resources, 97 checks, all statuses and severities, 10,000 rows of a time, in
    no order but that of their numbers; its id."""
    key = uuid7()
    _audit_row(database, org_id, key, "completed", count)
    into = "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment) "
    connection = database.connect()
    try:
        if database.kind == "pgsql":
            time = "'2026-01-01T00:00:00Z'::timestamptz + n * 7 % 50021 / 10000 * interval '1 second'"
            row = VARIED.format(org=org_id, audit=key, uuid="::uuid", time=time)
            connection.cursor().execute(f"{into}{row} FROM generate_series(1, {count}) n")
        else:
            time = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + n * 7 % 50021 / 10000, 'unixepoch')"
            row = VARIED.format(org=org_id, audit=key, uuid="", time=time)
            for first in range(1, count + 1, 20000):
                last = min(first + 19999, count)
                connection.execute(f"WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) {into}{row} FROM s")
    finally:
        connection.close()
    return key


def audits(database, org_id, count):
    """So many completed audits of three targets each, without their evidence."""
    targets = json.dumps([f"https://{host}.example.test/" for host in ("www", "shop", "api")])
    counts = json.dumps({"status": {"PASS": 72, "FAIL": 27, "MANUAL": 18, "ERROR": 3},
                         "severity": {"critical": 12, "high": 30, "medium": 39, "low": 27, "informational": 12}})
    connection = database.connect()
    try:
        mark = "?" if database.kind == "sqlite" else "%s"
        cursor = connection.cursor()
        for number in range(count):
            cursor.execute(
                "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_done, progress_total, evidence_count,"
                f" counts, score, created_at, started_at, finished_at) VALUES ({mark}, {mark}, {mark}, 'web', {mark},"
                f" 'completed', 3, 3, 120, {mark}, 35, {mark}, {mark}, {mark})",
                (org_id, uuid7(), f"Weekly audit {number}", targets, counts, now(), now(), now()))
    finally:
        connection.close()


def newer_schema(database):
    """As a later release would leave this database."""
    database.execute("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, '9999_later', 'x', ?)", now())


def job(database, kind, payload, object_id=None):
    """Background work as a plugin writes it, due at once; its id."""
    key = uuid7()
    database.execute("INSERT INTO jobs (id, kind, object_id, payload, run_after, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                     key, kind, object_id, json.dumps(payload), now(), now())
    return key


def jobs(database, kind):
    """{id: (state, attempts, error)} of the rows there are."""
    rows = database.execute("SELECT id, state, attempts, error FROM jobs WHERE kind = ?", kind)
    return {str(row[0]): tuple(row[1:]) for row in rows}


def hurry(database, kind, attempts=None):
    """What waits for its next attempt is due now; attempts: as if so many had been made."""
    database.execute("UPDATE jobs SET run_after = ?, attempts = coalesce(?, attempts) WHERE kind = ? AND state = 'queued'",
                     "2026-01-01T00:00:00.000000Z", attempts, kind)


def give_up_jobs(database, kind):
    """As after the last attempt at each."""
    database.execute("UPDATE jobs SET state = 'dead' WHERE kind = ?", kind)


def forget_jobs(database, kind):
    database.execute("DELETE FROM jobs WHERE kind = ?", kind)


def password(database, user_id, stored):
    """The stored form of a user's password."""
    database.execute("UPDATE users SET password_hash = ? WHERE id = ?", stored, user_id)


def stored_password(database, user_id):
    return database.execute("SELECT password_hash FROM users WHERE id = ?", user_id)[0][0]


def audit_host(database, org_id, host="www.example.com"):
    """A host that the organization has named as its own; its id."""
    key = uuid7()
    database.execute("INSERT INTO audit_hosts (org_id, id, host, token, created_at) VALUES (?, ?, ?, ?, ?)", org_id, key, f"{key[-12:]}.{host}",
                     "mod-saas-" + key, now())
    return key


def audit_schedule(database, org_id, **more):
    """A schedule that is not due for years, unless told otherwise; its id."""
    key = uuid7()
    row = {"org_id": org_id, "id": key, "engine": "web", "targets": json.dumps(["https://www.example.com/"]), "cron": "0 6 * * 1",
           "time_zone": "UTC", "next_run_at": "2036-01-07T06:00:00.000000Z", "created_at": now(), "updated_at": now(), **more}
    database.execute(f"INSERT INTO audit_schedules ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
    return key


def endpoint(database, org_id, url, events=("*",), secret="whsec_" + "A" * 43 + "=", **more):
    """An endpoint of outgoing webhooks that has shown that it works; its id."""
    key = uuid7()
    row = {"org_id": org_id, "id": key, "url": url, "events": json.dumps(list(events)), "secret": secret, "streak": 0,
           "created_at": now(), "updated_at": now(), **more}
    database.execute(f"INSERT INTO notify_endpoints ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
    return key


def activity(database, org_id, action="member.removed", count=1, **more):
    """Entries of the trail, as the server writes them, in one transaction; their ids."""
    keys = [uuid7() for _ in range(count)]
    row = {"org_id": org_id, "created_at": now(), "actor_type": "user", "actor_id": "somebody", "action": action, "target_type": "user",
           "target_id": "somebody", **more}
    row = {**row, "id": None}
    insert = f"INSERT INTO activity ({', '.join(row)}) VALUES "
    for first in range(0, count, 500):
        part = keys[first:first + 500]
        values = [value for key in part for value in {**row, "id": key}.values()]
        database.execute(insert + ", ".join([f"({', '.join('?' * len(row))})"] * len(part)), *values)
    return keys


def more_evidence(database, org_id, audit_id, first, count, comment):
    """So many rows more of an audit, from a number on."""
    database.execute("INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment) VALUES "
                     + ", ".join(["(?, ?, ?, 'https://later.example.test/', 'check_5', 'FAIL', 'high', '2026-01-01T00:00:02.000000Z', ?)"] * count),
                     *(value for number in range(first, first + count) for value in (org_id, audit_id, number, comment)))
    database.execute("UPDATE audits SET evidence_count = evidence_count + ? WHERE id = ?", count, audit_id)


def make_searchable(database, org_id, audit_id, patience=60):
    """Has a server make an audit's index of texts, as at the audit's end."""
    key, end = uuid7(), time.monotonic() + patience
    database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at) VALUES (?, 'audit.search', ?, ?, ?, ?)",
                     key, org_id, audit_id, now(), now())
    while database.execute("SELECT count(*) FROM jobs WHERE id = ?", key)[0][0]:
        assert time.monotonic() < end, database.execute("SELECT state, attempts, error FROM jobs WHERE id = ?", key)
        time.sleep(0.05)
    return searchable_to(database, audit_id)


def searchable_to(database, audit_id):
    return database.execute("SELECT searchable_to FROM audits WHERE id = ?", audit_id)[0][0]
