"""The CSV export: exactly its paragraph of the contract."""

import csv
import io
import re

import pytest
import requests

from saastest import seed

HEADER = b"Resource ID,Check Name,Status,Severity,Timestamp,Comment\r\n"
AWKWARD = [
    ("https://plain.example/", "hsts_enabled", "FAIL", "high", "nothing special"),
    ("https://comma.example/?a=1,2", "csp_present", "PASS", "medium", 'says "default-src", and more'),
    ("https://lines.example/", "c", "MANUAL", "low", "first\r\nsecond\nthird"),
    ("https://unicode.example/ü", "c", "ERROR", "critical", "naïve – 漢字 🔒"),
    ("https://empty.example/", "c", "PASS", "informational", ""),
    ("https://quote.example/", "c", "PASS", "low", '"'),
    ("https://backslash.example/", "c", "PASS", "low", "a\\b\\nc\\.\\N"),
    ("\\.", "c", "PASS", "low", "\\N"),
    ("https://space.example/", "c", "PASS", "low", " leading and trailing "),
]
FORMULAS = [
    ("=cmd|' /C calc'!A0", "c", "FAIL", "high", "=1+1"), ("+1", "c", "FAIL", "high", "+1"), ("-1", "c", "FAIL", "high", "-2+3"),
    ("@SUM(A1)", "c", "FAIL", "high", "@x"), ("\tx", "c", "FAIL", "high", "\ty"), ("\rx", "c", "FAIL", "high", "\ry"),
    ('="a,b"', "=c", "FAIL", "high", '=HYPERLINK("http://x","y")'), ("a=b", "c-d", "PASS", "low", "1-1"),
]


def cells(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def export(person, audit, **more):
    return person.get(f"audits/{audit}/export/csv/", **more)


@pytest.fixture(scope="module")
def awkward(site, payer):
    return seed.audit(site.database, payer.org["id"], AWKWARD)


@pytest.mark.smoke
def test_the_free_tier_is_refused_with_the_seed_text(site, alice):
    key = seed.audit(site.database, alice.org["id"], AWKWARD)
    for method in ("GET", "HEAD"):
        reply = alice.call(method, f"audits/{key}/export/csv/")
        assert reply.status_code == 403
        assert reply.headers["Content-Type"].startswith("application/json")
    assert alice.get(f"audits/{key}/export/csv/").json() == {"detail": "Upgrade to Premium to export data", "code": "subscription_required"}


@pytest.mark.smoke
def test_paying_unlocks_it_at_once(site):
    person = site.newcomer()
    key = seed.audit(site.database, person.org["id"], AWKWARD)
    assert export(person, key).status_code == 403
    site.pay(person)
    assert export(person, key).status_code == 200


def test_the_reply_is_a_download(payer, awkward):
    reply = export(payer, awkward)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="audit_' + awkward + r'_\d{8}T\d{6}Z\.csv"', reply.headers["Content-Disposition"])
    assert {p.strip() for p in reply.headers["Cache-Control"].split(",")} == {"private", "no-store"}
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.smoke
def test_every_cell_survives(payer, awkward):
    content = export(payer, awkward).content
    assert content.startswith(HEADER) and content.endswith(b"\r\n")
    rows = cells(content)
    assert len(rows) == len(AWKWARD) + 1
    assert [(r[0], r[1], r[2], r[3], r[5]) for r in rows[1:]] == AWKWARD
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", r[4]) for r in rows[1:])


def test_it_is_the_evidence_in_its_order(payer, awkward):
    evidence = payer.ok("GET", f"audits/{awkward}/evidence/")["results"]
    rows = cells(export(payer, awkward).content)[1:]
    assert [[e["resource_id"], e["check_name"], e["status"], e["severity"], e["timestamp"], e["comment"]] for e in evidence] == rows


def test_only_needed_cells_are_quoted(site, payer):
    key = seed.audit(site.database, payer.org["id"], [("r", "c", "PASS", "low", "plain"), ("r", "c", "PASS", "low", "a,b")])
    lines = export(payer, key).content.split(b"\r\n")
    assert b'"' not in lines[1] and lines[2].endswith(b',"a,b"')


def test_formulas_are_disarmed(site, payer):
    key = seed.audit(site.database, payer.org["id"], FORMULAS)
    rows = cells(export(payer, key).content)[1:]
    for row, (resource, check, _, _, comment) in zip(rows, FORMULAS):
        for cell, original in ((row[0], resource), (row[1], check), (row[5], comment)):
            assert cell == ("'" + original if original[:1] in "=+-@\t\r" else original)


def test_an_audit_without_evidence_is_its_header_row(site, payer):
    key = seed.audit(site.database, payer.org["id"])
    assert export(payer, key).content == HEADER
    assert export(payer, key, params={"bom": "1"}).content == b"\xef\xbb\xbf" + HEADER


@pytest.mark.parametrize("bom, starts", [("1", b"\xef\xbb\xbfResource"), ("0", b"Resource"), (None, b"Resource")])
def test_the_byte_order_mark_is_opt_in(payer, awkward, bom, starts):
    reply = export(payer, awkward, params={} if bom is None else {"bom": bom})
    assert reply.content.startswith(starts)


@pytest.mark.parametrize("query", ["status=FAIL", "severity=low", "check=csp_present", "search=example", "status=PASS&severity=low",
                                   "search=%E6%BC%A2", "check=none", "search=%5C"])
def test_the_evidence_filters_apply(payer, awkward, query):
    evidence = payer.ok("GET", f"audits/{awkward}/evidence/?{query}")["results"]
    rows = cells(payer.get(f"audits/{awkward}/export/csv/?{query}").content)[1:]
    assert [r[5] for r in rows] == [e["comment"] for e in evidence]


@pytest.mark.parametrize("query", ["status=none", "severity=loud", "search=%FF", "bom=2"])
def test_bad_filters_are_400(payer, awkward, query):
    status, body = payer.exact(f"audits/{awkward}/export/csv/?{query}")
    assert status == 400 and body.startswith(b"{"), body


def test_head_has_the_headers_and_no_body(payer, awkward):
    reply = payer.call("HEAD", f"audits/{awkward}/export/csv/")
    assert reply.status_code == 200 and reply.content == b""
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8" and "attachment" in reply.headers["Content-Disposition"]


@pytest.mark.parametrize("status", ["queued", "running"])
def test_an_unfinished_audit_is_409(site, payer, status):
    key = seed.audit(site.database, payer.org["id"], AWKWARD[:1], status=status)
    reply = export(payer, key)
    assert reply.status_code == 409 and reply.json()["code"] == "conflict"
    assert "Content-Disposition" not in reply.headers


@pytest.mark.parametrize("role", ["VIEWER", "MEMBER", "ADMIN"])
def test_every_member_of_a_paying_organization_may(payer, awkward, role):
    assert export(payer.as_token(role=role), awkward).status_code == 200


def test_outsiders_see_nothing(site, payer, awkward, alice):
    foreign = export(alice, awkward)
    missing = export(alice, "01890000-0000-7000-8000-000000000000")
    assert foreign.status_code == missing.status_code == 404 and foreign.content == missing.content
    assert export(site.nobody(), awkward).status_code == 401


def test_a_large_export_is_streamed_whole(site, payer):
    count = 60000
    key = seed.large_audit(site.database, payer.org["id"], count)
    reply = export(payer, key, stream=True)
    assert reply.headers.get("Transfer-Encoding") == "chunked" and "Content-Length" not in reply.headers
    content = b"".join(reply.iter_content(1 << 16))
    lines = content.split(b"\r\n")
    assert len(lines) == count + 2 and lines[-1] == b""
    assert [line.rsplit(b" ", 1)[1] for line in lines[1:-1]] == [str(n).encode() for n in range(1, count + 1)]


def test_old_clients_get_it_whole_too(site, payer, awkward):
    """HTTP/1.0 knows no chunks: the end of the connection is the end of the body."""
    import socket
    cookie = payer.http.cookies["saas_session"]
    with socket.create_connection(("127.0.0.1", site.httpd.port), 10) as s:
        s.sendall(f"GET /api/v1/audits/{awkward}/export/csv/ HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: saas_session={cookie}\r\n\r\n".encode())
        data = b"".join(iter(lambda: s.recv(65536), b""))
    head, body = data.split(b"\r\n\r\n", 1)
    assert b" 200 " in head.split(b"\r\n")[0] and body == export(payer, awkward).content


def test_eight_exports_at_once_are_all_whole(site, payer):
    from concurrent.futures import ThreadPoolExecutor
    key = seed.large_audit(site.database, payer.org["id"], 20000)
    token = payer.new_token(organization=payer.org["id"])["token"]
    url = f"{site.base}/api/v1/audits/{key}/export/csv/"
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=120).content, range(8)))
    assert len(set(bodies)) == 1 and bodies[0].count(b"\r\n") == 20001


NO_TIMES = {"pgsql": ["infinity", "-infinity", "12000-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "294276-12-31 23:59:59.999999+00"],
            "sqlite": ["infinity", "-infinity", "12000-01-01T00:00:00.000000Z", "-0044-03-15T12:00:00.000000Z", ""]}


@pytest.mark.expects("SAAS2303")
def test_times_that_have_no_form_are_empty_cells_of_a_whole_file(site, payer):
    """Only direct SQL puts such a time there; the file is whole all the same, and the log names the audit."""
    key = seed.large_audit(site.database, payer.org["id"], 5000)
    before = cells(export(payer, key).content)
    for number, time in enumerate(NO_TIMES[site.database.kind], 1):
        site.database.execute("UPDATE evidence SET observed_at = ? WHERE audit_id = ? AND number = ?", time, key, number * 900)
    log = site.httpd.watch()
    after = cells(export(payer, key).content)
    odd = [number * 900 for number in range(1, 6)]
    assert [row[4] for row in before].count("") == 0
    assert [n for n, row in enumerate(after) if row[4] == ""] == odd
    assert [row[:4] + row[5:] for row in after] == [row[:4] + row[5:] for row in before]
    assert [row for n, row in enumerate(after) if n not in odd] == [row for n, row in enumerate(before) if n not in odd]
    said = [line for line in log.text().splitlines() if "SAAS2303" in line]
    assert len(said) == 1 and key in said[0] and ": 5 rows" in said[0], said
    filtered = cells(export(payer, key, params={"search": "row number 2700"}).content)
    assert [row[4] for row in filtered[1:]] == [""], filtered
    listed = payer.ok("GET", f"audits/{key}/evidence/?page_size=1&page=900")["results"]
    assert [row["timestamp"] for row in listed] == [None] and listed[0]["id"] == 900


def test_the_last_moments_that_have_a_form_are_written(site, payer):
    key = seed.audit(site.database, payer.org["id"], AWKWARD[:2])
    for number, time in enumerate(["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"], 1):
        site.database.execute("UPDATE evidence SET observed_at = ? WHERE audit_id = ? AND number = ?", time, key, number)
    assert [row[4] for row in cells(export(payer, key).content)[1:]] == ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"]


@pytest.mark.only_db("sqlite")
def test_a_time_in_another_spelling_is_written_as_every_time(site, payer):
    key = seed.audit(site.database, payer.org["id"], AWKWARD[:1])
    site.database.execute("UPDATE evidence SET observed_at = '2026-11-22 08:14:02.5+01' WHERE audit_id = ?", key)
    assert cells(export(payer, key).content)[1][4] == "2026-11-22T07:14:02.500000Z"
