"""Audits: start, run for real against local web servers, read the evidence, cancel."""

import pytest

from saastest import TargetServer, seed, wait_audit
from test_accounts import TIME, UUID7

FIELDS = {"id", "resource_id", "check_name", "status", "severity", "timestamp", "comment", "triage"}
ROWS = [
    ("https://a.example/", "hsts_enabled", "FAIL", "high", "not sent"),
    ("https://a.example/", "csp_present", "PASS", "medium", "enforced"),
    ("https://b.example/", "hsts_enabled", "PASS", "high", "max-age=31536000"),
    ("https://b.example/", "tls_weak_ciphers_refused", "MANUAL", "high", "cannot be tested here"),
    ("https://c.example/", "hsts_enabled", "ERROR", "high", "Could not resolve host"),
    ("https://c.example/", "security_txt_present", "FAIL", "informational", "100% absent_\\"),
]


def start(person, targets, **more):
    return person.post("audits/start/", {"targets": targets, **more})


@pytest.fixture(scope="module")
def target():
    with TargetServer([("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff"), ("Server", "Leaky/1.2.3"),
                       ("Set-Cookie", "sessionid=topsecretvalue; Path=/")]) as server:
        yield server


@pytest.fixture(scope="module")
def tls_target(tmp_path_factory):
    with TargetServer([("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
                       ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; object-src 'none'")],
                      tls=tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture(scope="module")
def finished(alice, target, tls_target):
    """A completed audit of both targets: (its body, its evidence)."""
    reply = start(alice, [target.url, tls_target.url], name="First look")
    assert reply.status_code == 202
    body = wait_audit(alice, reply.json()["id"], 90)
    evidence = alice.ok("GET", f"audits/{body['id']}/evidence/", params={"page_size": 200})
    assert evidence["next"] is None
    return body, evidence


@pytest.fixture(scope="module")
def seeded(site, alice):
    return seed.audit(site.database, alice.org["id"], ROWS)


def test_start_answers_202_with_the_location(person, target):
    reply = start(person, [target.url], name="Named")
    assert reply.status_code == 202
    body = reply.json()
    assert UUID7.match(body["id"]) and body["status"] == "queued" and body["engine"] == "web" and body["name"] == "Named"
    assert reply.headers["Location"].endswith(f"/api/v1/audits/{body['id']}/")
    done = wait_audit(person, body["id"], 90)
    assert done["status"] == "completed", done


@pytest.mark.smoke
def test_a_finished_audit_says_what_it_found(alice, finished):
    body, evidence = finished
    assert body["status"] == "completed" and body["error"] in (None, "")
    assert body["progress"]["done"] == body["progress"]["total"] > 0
    assert evidence["count"] == len(evidence["results"]) >= 30
    for row in evidence["results"]:
        assert set(row) == FIELDS
        assert row["status"] in ("PASS", "FAIL", "MANUAL", "ERROR")
        assert row["severity"] in ("critical", "high", "medium", "low", "informational")
        assert TIME.match(row["timestamp"])
    for status in ("PASS", "FAIL", "MANUAL", "ERROR"):
        assert str(sum(r["status"] == status for r in evidence["results"])) in str(body["counts"])


def test_every_target_has_the_same_checks_once(finished):
    per_target = {}
    for row in finished[1]["results"]:
        per_target.setdefault(row["resource_id"], []).append(row["check_name"])
    assert len(per_target) == 2
    first, second = per_target.values()
    assert first == second and len(first) == len(set(first)) >= 15


def test_the_verdicts_are_true(finished, target, tls_target):
    verdict = {(r["resource_id"].rstrip("/"), r["check_name"]): r for r in finished[1]["results"]}
    plain, secure = target.url, tls_target.url

    def status(url, check):
        return verdict[url, check]["status"]

    assert status(plain, "clickjacking_protected") == "PASS"
    assert status(plain, "content_type_nosniff") == "PASS"
    assert status(plain, "csp_present") == "FAIL"
    assert status(plain, "headers_no_technology_leak") == "FAIL"
    assert status(plain, "cookies_httponly") == "FAIL"
    assert status(plain, "hsts_enabled") != "PASS"
    assert status(secure, "tls_certificate_trusted") == "FAIL"
    assert status(secure, "tls_1_2_or_1_3_supported") == "PASS"
    assert status(secure, "csp_present") == "PASS"
    assert status(secure, "clickjacking_protected") == "FAIL"
    assert status(secure, "content_type_nosniff") == "FAIL"


def test_cookie_values_never_reach_the_evidence(finished):
    assert "topsecretvalue" not in str(finished[1])


def test_a_dead_target_ends_completed_with_errors(person):
    body = wait_audit(person, start(person, ["http://127.0.0.1:1/"]).json()["id"], 60)
    assert body["status"] == "completed"
    rows = person.ok("GET", f"audits/{body['id']}/evidence/?page_size=200")["results"]
    assert len(rows) >= 15 and not any(r["status"] == "PASS" and r["check_name"] == "csp_present" for r in rows)


@pytest.mark.parametrize("target", [
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "http://", "", "   ", "http://user:pw@example.com/",
    "http://exa mple.com/", "http://example.com:99999/", "http://93.184.216.34:22/", "javascript:alert(1)", "http://a..b/", "http://example.com\r\nX: y/",
    "http://\u0000/", "x" * 5000, "http://" + "a" * 300 + ".example/", 5, None, [], {},
])
def test_a_bad_target_is_refused_and_named(person, target):
    reply = start(person, ["https://good.example/", target])
    assert reply.status_code == 400, reply.text
    body = reply.json()
    assert "targets" in body or body.get("code") in ("parse_error", "invalid"), body
    if isinstance(target, str) and 0 < len(target.strip()) < 60 and target.isprintable():
        assert target in reply.json()["targets"][0] or target in str(body)
    assert person.ok("GET", "audits/")["count"] == 0


@pytest.mark.parametrize("body, field", [
    ({}, "targets"), ({"targets": []}, "targets"), ({"targets": "http://example.com/"}, "targets"), ({"targets": None}, "targets"),
    ({"targets": {"0": "http://example.com/"}}, "targets"), ({"targets": ["https://a.example/"], "engine": "nessus"}, "engine"),
    ({"targets": ["https://a.example/"], "engine": 4}, "engine"), ({"targets": ["https://a.example/"], "name": 4}, "name"),
    ({"targets": ["https://a.example/"], "name": "x" * 5000}, "name"),
])
def test_bad_bodies_are_refused_by_field(person, body, field):
    reply = person.post("audits/start/", body)
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text


def test_ten_thousand_targets_are_refused_with_the_cap(person):
    reply = start(person, [f"https://n{n}.example/" for n in range(10000)])
    assert reply.status_code == 400, reply.text
    assert reply.json() == {"targets": ["Ensure this field has no more than 200 elements."]}
    assert person.ok("GET", "audits/")["count"] == 0


@pytest.mark.parametrize("address", ["http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/",
                                     "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "http://100.64.0.1/", "http://[fd00::1]/", "http://2130706433.example:25/"])
def test_private_addresses_are_never_asked(person, address):
    reply = start(person, [address])
    if reply.status_code == 400:
        return
    assert reply.status_code == 202
    body = wait_audit(person, reply.json()["id"], 60)
    rows = person.ok("GET", f"audits/{body['id']}/evidence/?page_size=200")["results"]
    assert not any(r["status"] == "PASS" for r in rows if not r["check_name"].startswith(("tls_legacy", "http_redirect", "tls_weak"))), rows


@pytest.mark.parametrize("role, status", [("VIEWER", 403), ("MEMBER", 202), ("ADMIN", 202)])
def test_viewers_only_look(person, target, role, status):
    api = person.as_token(role=role)
    reply = start(api, [target.url])
    assert reply.status_code == status
    assert api.get("audits/").status_code == 200
    if status == 202:
        wait_audit(api, reply.json()["id"], 60)


def test_an_idempotency_key_starts_once(person, target):
    headers = {"Idempotency-Key": "one-click"}
    first = person.post("audits/start/", {"targets": [target.url]}, headers=headers)
    second = person.post("audits/start/", {"targets": [target.url]}, headers=headers)
    assert first.status_code == 202 and second.status_code in (200, 202)
    assert first.json()["id"] == second.json()["id"]
    other = person.post("audits/start/", {"targets": [target.url]}, headers={"Idempotency-Key": "another-click"})
    assert other.json()["id"] != first.json()["id"]
    assert person.ok("GET", "audits/")["count"] == 2
    for key in (first.json()["id"], other.json()["id"]):
        wait_audit(person, key, 60)


def test_idempotency_keys_of_two_organizations_do_not_meet(person, bob, target):
    headers = {"Idempotency-Key": "shared-word"}
    a = person.post("audits/start/", {"targets": [target.url]}, headers=headers).json()
    b = bob.post("audits/start/", {"targets": [target.url]}, headers=headers).json()
    assert a["id"] != b["id"]
    wait_audit(person, a["id"], 60), wait_audit(bob, b["id"], 60)


def test_a_running_audit_is_canceled(person):
    with TargetServer(seconds=9) as slow:
        key = start(person, [slow.url + f"/{n}" for n in range(3)]).json()["id"]
        wait_audit(person, key, 30, until=("running",))
        assert person.get(f"audits/{key}/export/csv/").status_code == 403  # free tier is told first
        reply = person.post(f"audits/{key}/cancel/")
        assert reply.status_code in (200, 202), reply.text
        body = wait_audit(person, key, 10)
        assert body["status"] == "canceled"


def test_a_finished_audit_cannot_be_canceled(alice, seeded):
    reply = alice.post(f"audits/{seeded}/cancel/")
    assert reply.status_code == 409 and reply.json()["code"] == "conflict"
    assert alice.ok("GET", f"audits/{seeded}/")["status"] == "completed"


def test_viewers_do_not_cancel(site, person):
    key = seed.audit(site.database, person.org["id"], status="completed")
    assert person.as_token(role="VIEWER").post(f"audits/{key}/cancel/").status_code == 403


def test_the_list_filters_and_orders(site):
    person = site.newcomer()
    keys = [seed.audit(site.database, person.org["id"], status=s) for s in ("completed", "failed", "completed", "canceled")]
    listed = [a["id"] for a in person.ok("GET", "audits/")["results"]]
    assert sorted(listed) == sorted(keys)
    assert [a["id"] for a in person.ok("GET", "audits/?ordering=created_at")["results"]] == keys
    assert [a["id"] for a in person.ok("GET", "audits/?ordering=-created_at")["results"]] == keys[::-1]
    assert {a["id"] for a in person.ok("GET", "audits/?status=completed")["results"]} == {keys[0], keys[2]}
    assert person.ok("GET", "audits/?engine=web")["count"] == 4
    assert person.ok("GET", "audits/?unknown=parameter")["count"] == 4


KEYS = ["id", "name", "engine", "targets", "status", "progress", "counts", "evidence_count", "score", "score_details", "error", "created_by", "schedule",
        "created_at", "started_at", "finished_at", "imports"]
NO_COUNTS = {"status": dict.fromkeys(("PASS", "FAIL", "MANUAL", "ERROR"), 0),
             "severity": dict.fromkeys(("critical", "high", "medium", "low", "informational"), 0)}


def test_the_list_shows_audits_as_their_own_pages_do(site, bob):
    person = site.newcomer()
    seed.audits(site.database, person.org["id"], 2)
    key = seed.audit(site.database, person.org["id"], status="queued")
    name = '"quoted" \\ \n\x1f é € 😀 </script>'
    site.database.execute("UPDATE audits SET name = ? WHERE id = ?", name, key)
    seed.audit(site.database, bob.org["id"])
    # Made in one millisecond, ids are in no order.
    results = sorted(person.ok("GET", "audits/")["results"], key=lambda audit: audit["id"] != key)
    assert len(results) == 3 and results[0]["id"] == key
    for audit in results:
        assert list(audit) == KEYS and list(audit["progress"]) == ["done", "total"]
        assert audit == person.ok("GET", f"audits/{audit['id']}/")
    assert results[0]["name"] == name and results[0]["counts"] == NO_COUNTS
    assert results[1]["counts"]["status"] == {"PASS": 72, "FAIL": 27, "MANUAL": 18, "ERROR": 3} and results[1]["score"] == 35


@pytest.mark.parametrize("query", ["", "ordering=created_at&", "status=completed&", "engine=web&", "ordering=name&"])
def test_every_page_of_the_list_tells_how_many_there_are(site, bob, query):
    person = site.newcomer()
    seed.audits(site.database, person.org["id"], 5)
    seed.audit(site.database, bob.org["id"])
    seen = []
    for page, size in [(1, 2), (2, 2), (3, 1)]:
        body = person.ok("GET", f"audits/?{query}page_size=2&page={page}")
        assert body["count"] == 5 and len(body["results"]) == size
        assert (body["next"] is None, body["previous"] is None) == (page == 3, page == 1)
        seen += [audit["id"] for audit in body["results"]]
    assert len(set(seen)) == 5
    assert person.get(f"audits/?{query}page_size=2&page=4").status_code == 404


@pytest.mark.parametrize("query", ["status=done", "ordering=secret", "ordering=--created_at", "engine=%00", "status=completed%27--"])
def test_bad_filters_of_the_list_are_400(alice, query):
    assert alice.get("audits/?" + query).status_code == 400


@pytest.mark.parametrize("query, numbers", [
    ("", [0, 1, 2, 3, 4, 5]), ("status=FAIL", [0, 5]), ("severity=high", [0, 2, 3, 4]), ("check=hsts_enabled", [0, 2, 4]),
    ("status=PASS&severity=high", [2]), ("search=resolve", [4]), ("search=b.example", [2, 3]), ("search=100%25", [5]), ("search=_%5C", [5]),
    ("search=nothing-like-that", []), ("search=%25", [5]), ("search=RESOLVE", [4]), ("check=no_such_check", []),
])
def test_evidence_filters(alice, seeded, query, numbers):
    body = alice.ok("GET", f"audits/{seeded}/evidence/?{query}")
    got = [(r["resource_id"], r["check_name"], r["status"], r["severity"], r["comment"]) for r in body["results"]]
    assert got == [ROWS[n] for n in numbers]
    assert body["count"] == len(numbers)


@pytest.mark.parametrize("query", ["status=fail", "status=WHAT", "severity=HIGH", "severity=none", "ordering=password", "page_size=0", "search=%FF", "search=%00", "search=%zz", "search=%", "search=%C3"])
def test_bad_evidence_filters_are_400(alice, seeded, query):
    status, body = alice.exact(f"audits/{seeded}/evidence/?{query}")
    assert status == 400 and body.startswith(b"{"), body


def test_evidence_pages_hold_every_row_once(site, alice):
    key = seed.audit(site.database, alice.org["id"], [(f"https://{n}.example/", "c", "PASS", "low", str(n)) for n in range(23)])
    url, seen = f"audits/{key}/evidence/?page_size=5", []
    while url:
        body = alice.ok("GET", url)
        assert body["count"] == 23
        seen += [r["comment"] for r in body["results"]]
        url = body["next"]
    assert seen == [str(n) for n in range(23)]
    past = alice.get(f"audits/{key}/evidence/?page_size=5&page=6")
    assert past.status_code == 404 and past.json()["detail"] == "Invalid page."


def test_an_audit_without_evidence_has_an_empty_first_page(site, alice):
    key = seed.audit(site.database, alice.org["id"])
    body = alice.ok("GET", f"audits/{key}/evidence/")
    assert body["count"] == 0 and body["results"] == [] and body["next"] is None


def test_the_scanner_tells_who_it_is(person):
    with TargetServer() as server:
        seen = []
        handler = server.httpd.RequestHandlerClass
        original = handler.do_GET

        def note(self):
            seen.append(dict(self.headers.items()))
            original(self)

        handler.do_GET = note
        try:
            wait_audit(person, start(person, [server.url]).json()["id"], 60)
        finally:
            handler.do_GET = original
    assert seen and all("mod_saas" in h.get("User-Agent", "") for h in seen)
    assert not any("Cookie" in h or "Authorization" in h for h in seen)
