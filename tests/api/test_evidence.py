"""Evidence: what people decide about findings, and what became of them from one audit to the next."""

import datetime
import json

import pytest

from saastest import seed

A, B, C = "https://a.example/", "https://b.example/", "https://c.example/"
EARLIER = [
    (A, "hsts_enabled", "FAIL", "high", "not sent"),
    (A, "csp_present", "FAIL", "medium", "not sent"),
    (A, "tls_1_3_supported", "PASS", "medium", "works"),
    (B, "hsts_enabled", "FAIL", "high", "not sent"),
    (B, "csp_present", "FAIL", "medium", "100% absent"),
    (C, "security_txt_present", "FAIL", "informational", "404"),
]
LATER = [
    (A, "hsts_enabled", "PASS", "high", "max-age=31536000"),
    (A, "csp_present", "FAIL", "medium", "still not sent"),
    (A, "tls_1_3_supported", "FAIL", "medium", "refused"),
    (B, "hsts_enabled", "MANUAL", "high", "cannot be told"),
    (A, "tls_certificate_trusted", "FAIL", "critical", "self-signed"),
    (C, "security_txt_present", "FAIL", "informational", "404"),
    (C, "security_txt_present", "PASS", "informational", "of another port"),
]
NOTHING = {"muted": False, "reason": None, "until": None, "comment": None, "updated_by": None, "updated_at": None}


def later(**more):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**more)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


@pytest.fixture(scope="module")
def owner(site):
    return site.newcomer()


@pytest.fixture
def two(site):
    """(person, earlier audit, later audit), of an organization of its own."""
    person = site.newcomer()
    return person, seed.audit(site.database, person.org["id"], EARLIER), seed.audit(site.database, person.org["id"], LATER)


@pytest.fixture(scope="module")
def audit(site, owner):
    return seed.audit(site.database, owner.org["id"], EARLIER)


def evidence(person, audit, query=""):
    return person.ok("GET", f"audits/{audit}/evidence/?{query}")["results"]


def trail(person):
    entries = person.ok("GET", f"organizations/{person.org['id']}/activity/")["results"]
    return [e for e in entries if e["action"] == "evidence.triaged"]


@pytest.mark.parametrize("order, key", [
    ("timestamp", lambda r: r["timestamp"]), ("status", lambda r: r["status"]), ("check_name", lambda r: r["check_name"]),
    ("resource_id", lambda r: r["resource_id"]), ("id", lambda r: r["id"]),
    ("severity", lambda r: ["critical", "high", "medium", "low", "informational"].index(r["severity"])),
])
@pytest.mark.parametrize("query", ["", "&status=FAIL", "&muted=false"])
def test_every_order_is_kept_on_every_page(owner, audit, order, key, query):
    for name, reverse in ((order, False), ("-" + order, True)):
        url, seen = f"audits/{audit}/evidence/?ordering={name}{query}&page_size=2", []
        while url:
            body = owner.ok("GET", url)
            seen += body["results"]
            url = body["next"]
        wanted = [r for r in evidence(owner, audit) if "FAIL" not in query or r["status"] == "FAIL"]
        assert seen == sorted(wanted, key=lambda r: (key(r), r["id"]), reverse=reverse)


# ---------------------------------------------------------------------------------------------------------- one

def test_a_mute_shows_in_the_row_the_trail_and_the_next_audit(two):
    person, first, second = two
    until = later(days=30)
    assert all(row["triage"] == NOTHING for row in evidence(person, first))
    row = person.ok("PATCH", f"audits/{first}/evidence/2/", {"muted": True, "reason": "behind the proxy", "until": until})
    assert row["id"] == 2 and row["status"] == "FAIL" and row["comment"] == "not sent"
    triage = row["triage"]
    assert (triage["muted"], triage["reason"], triage["until"], triage["comment"]) == (True, "behind the proxy", until, None)
    assert triage["updated_by"] == person.ok("GET", "auth/me/")["id"] and triage["updated_at"]
    assert evidence(person, first)[1] == row
    # In the audit after it, of which it is another row that says something else.
    assert [r["triage"] for r in evidence(person, second)] == [NOTHING, triage] + [NOTHING] * 5
    entry, = trail(person)
    assert entry["target"] == {"type": "audit", "id": first, "label": f"csp_present {A}"}
    assert entry["old"] == {"muted": False, "reason": None, "until": None, "comment": None}
    assert entry["new"] == {"muted": True, "reason": "behind the proxy", "until": until, "comment": None}


def test_what_is_not_named_stays(two):
    person, first, _ = two
    url = f"audits/{first}/evidence/1/"
    person.ok("PATCH", url, {"comment": "known since spring"})
    person.ok("PATCH", url, {"muted": True, "reason": "accepted"})
    triage = person.ok("GET", f"audits/{first}/evidence/")["results"][0]["triage"]
    assert (triage["comment"], triage["muted"], triage["reason"], triage["until"]) == ("known since spring", True, "accepted", None)
    triage = person.ok("PATCH", url, {"comment": "  "})["triage"]
    assert (triage["comment"], triage["muted"], triage["reason"]) == (None, True, "accepted")
    triage = person.ok("PATCH", url, {"muted": False, "comment": "fixed on Monday"})["triage"]
    assert (triage["comment"], triage["muted"], triage["reason"], triage["until"]) == ("fixed on Monday", False, None, None)
    assert [entry["new"]["muted"] for entry in trail(person)] == [False, True, True, False]


def test_a_mute_that_has_ended_is_none(site, two):
    person, first, second = two
    person.ok("PATCH", f"audits/{first}/evidence/2/", {"muted": True, "reason": "for now", "until": later(days=1)})
    assert [r["id"] for r in evidence(person, first, "muted=true")] == [2]
    site.database.execute("UPDATE triage SET muted_until = ? WHERE org_id = ?", "2026-01-02T03:04:05.000000Z", person.org["id"])
    assert evidence(person, first, "muted=true") == []
    triage = evidence(person, first)[1]["triage"]
    assert (triage["muted"], triage["reason"], triage["until"]) == (False, "for now", "2026-01-02T03:04:05.000000Z")
    assert person.ok("GET", f"audits/{first}/diff/{second}/?muted=true")["count"] == 0


@pytest.mark.parametrize("body, field", [
    ({}, "non_field_errors"), ({"other": 1}, "non_field_errors"), ({"muted": "yes"}, "muted"), ({"muted": None}, "muted"),
    ({"muted": True}, "reason"), ({"muted": True, "reason": "  "}, "reason"), ({"muted": True, "reason": 5}, "reason"),
    ({"muted": True, "reason": "x" * 501}, "reason"), ({"muted": True, "reason": "r", "until": "tomorrow"}, "until"),
    ({"muted": True, "reason": "r", "until": "2020-01-01T00:00:00Z"}, "until"), ({"muted": True, "reason": "r", "until": 5}, "until"),
    ({"muted": False, "reason": "r"}, "reason"), ({"reason": "r"}, "reason"), ({"until": "2040-01-01T00:00:00Z"}, "until"),
    ({"comment": 5}, "comment"), ({"comment": "x" * 2001}, "comment"), ({"comment": "a\u0007b"}, "comment"),
])
@pytest.mark.parametrize("where", ["evidence/3/", "evidence/?status=PASS"])
def test_bad_bodies_change_nothing(owner, audit, body, field, where):
    reply = owner.patch(f"audits/{audit}/{where}", body)
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text
    assert evidence(owner, audit, "status=PASS")[0]["triage"] == NOTHING


@pytest.mark.parametrize("number", ["0", "7", "-1", "x", "99999999999999999999", "1.0"])
def test_a_row_that_is_not_there_is_not_found(owner, audit, number):
    assert owner.patch(f"audits/{audit}/evidence/{number}/", {"comment": "c"}).status_code == 404


def test_viewers_decide_nothing_and_members_do(two):
    person, first, second = two
    for role, status in (("VIEWER", 403), ("MEMBER", 200), ("ADMIN", 200)):
        api = person.as_token(role=role)
        assert api.patch(f"audits/{first}/evidence/1/", {"comment": role}).status_code == status
        assert api.patch(f"audits/{first}/evidence/?status=PASS", {"comment": role}).status_code == status
        assert api.get(f"audits/{first}/diff/{second}/").status_code == 200
    assert evidence(person, first)[0]["triage"]["comment"] == "ADMIN"


def test_another_organization_has_its_own_decisions(site, two):
    person, first, _ = two
    other = site.newcomer()
    theirs = seed.audit(site.database, other.org["id"], EARLIER)
    person.ok("PATCH", f"audits/{first}/evidence/1/", {"muted": True, "reason": "ours"})
    assert other.patch(f"audits/{first}/evidence/1/", {"comment": "not mine"}).status_code == 404
    assert evidence(other, theirs)[0]["triage"] == NOTHING


# --------------------------------------------------------------------------------------------------------- many

@pytest.mark.parametrize("query, numbers", [
    ("status=FAIL&severity=high", {1, 4}), ("check=csp_present", {2, 5}), ("check_name=csp_present", {2, 5}), (f"resource_id={B}", {4, 5}),
    ("search=100%25", {5}), ("search=nothing-like-that", set()), ("muted=false", {1, 2, 3, 4, 5, 6}), ("muted=true", set()),
])
def test_a_filter_mutes_what_it_finds(two, query, numbers):
    person, first, _ = two
    assert person.ok("PATCH", f"audits/{first}/evidence/?{query}", {"muted": True, "reason": "accepted"}) == {"changed": len(numbers)}
    assert {r["id"] for r in evidence(person, first) if r["triage"]["muted"]} == numbers
    assert {r["id"] for r in evidence(person, first, "muted=true")} == numbers
    assert {r["id"] for r in evidence(person, first, "muted=false&cursor=")} == {1, 2, 3, 4, 5, 6} - numbers
    entries = trail(person)
    assert len(entries) == (1 if numbers else 0)
    if numbers:
        assert entries[0]["new"]["findings"] == len(numbers) and entries[0]["new"]["reason"] == "accepted"
        assert len(entries[0]["new"]["filter"]) == query.count("&") + 1


def test_many_rows_about_the_same_are_one_finding(two):
    person, _, second = two
    assert person.ok("PATCH", f"audits/{second}/evidence/?check=security_txt_present", {"comment": "c"}) == {"changed": 1}
    assert [r["triage"]["comment"] for r in evidence(person, second)] == [None] * 5 + ["c"] * 2


def test_a_filter_that_was_forgotten_decides_nothing(owner, audit):
    reply = owner.patch(f"audits/{audit}/evidence/", {"comment": "all"})
    assert reply.status_code == 400 and list(reply.json()) == ["non_field_errors"]
    assert owner.patch(f"audits/{audit}/evidence/?status=bad", {"comment": "all"}).status_code == 400
    assert not any(row["triage"]["comment"] for row in evidence(owner, audit))


def test_more_than_ten_thousand_at_once_change_nothing(site):
    person = site.newcomer()
    key = seed.large_audit(site.database, person.org["id"], 10001)
    reply = person.patch(f"audits/{key}/evidence/?status=FAIL", {"comment": "c"})
    assert reply.status_code == 400 and "10000" in str(reply.json())
    assert person.ok("GET", f"audits/{key}/evidence/")["results"][0]["triage"] == NOTHING and trail(person) == []
    assert person.ok("PATCH", f"audits/{key}/evidence/?search=host-9", {"comment": "c"}) == {"changed": 1111}


# --------------------------------------------------------------------------------------------------------- diff

def test_what_became_of_each_finding(two):
    person, first, second = two
    body = person.ok("GET", f"audits/{first}/diff/{second}/")
    got = [(r["change"], r["resource_id"], r["check_name"], r["severity"], r["before"], r["after"]) for r in body["results"]]
    assert got == [
        ("new", A, "tls_certificate_trusted", "critical", None, {"id": 5, "status": "FAIL"}),
        ("fixed", A, "hsts_enabled", "high", {"id": 1, "status": "FAIL"}, {"id": 1, "status": "PASS"}),
        ("unclear", B, "hsts_enabled", "high", {"id": 4, "status": "FAIL"}, {"id": 4, "status": "MANUAL"}),
        ("unchanged", A, "csp_present", "medium", {"id": 2, "status": "FAIL"}, {"id": 2, "status": "FAIL"}),
        ("new", A, "tls_1_3_supported", "medium", {"id": 3, "status": "PASS"}, {"id": 3, "status": "FAIL"}),
        ("fixed", B, "csp_present", "medium", {"id": 5, "status": "FAIL"}, None),
        ("unchanged", C, "security_txt_present", "informational", {"id": 6, "status": "FAIL"}, {"id": 6, "status": "FAIL"}),
    ]
    assert body["count"] == 7 and all(r["triage"] == NOTHING for r in body["results"])


@pytest.mark.parametrize("query, checks", [
    ("change=new", ["tls_certificate_trusted", "tls_1_3_supported"]), ("change=fixed", ["hsts_enabled", "csp_present"]),
    ("change=unclear", ["hsts_enabled"]), ("change=unchanged&severity=medium", ["csp_present"]), ("severity=low", []),
])
def test_changes_are_filtered(two, query, checks):
    person, first, second = two
    body = person.ok("GET", f"audits/{first}/diff/{second}/?{query}")
    assert [r["check_name"] for r in body["results"]] == checks and body["count"] == len(checks)


def test_muted_findings_can_be_left_out_of_what_is_new(two):
    person, first, second = two
    person.ok("PATCH", f"audits/{second}/evidence/5/", {"muted": True, "reason": "a lab"})
    new = person.ok("GET", f"audits/{first}/diff/{second}/?change=new")["results"]
    assert [r["triage"]["muted"] for r in new] == [True, False]
    assert [r["check_name"] for r in person.ok("GET", f"audits/{first}/diff/{second}/?change=new&muted=false")["results"]] == ["tls_1_3_supported"]
    assert [r["check_name"] for r in person.ok("GET", f"audits/{first}/diff/{second}/?muted=true")["results"]] == ["tls_certificate_trusted"]


def test_pages_of_changes_hold_each_once(two):
    person, first, second = two
    url, seen = f"audits/{first}/diff/{second}/?page_size=3", []
    while url:
        body = person.ok("GET", url)
        assert body["count"] == 7
        seen += [(r["resource_id"], r["check_name"]) for r in body["results"]]
        url = body["next"]
    assert len(seen) == len(set(seen)) == 7
    assert person.get(f"audits/{first}/diff/{second}/?page_size=3&page=4").status_code == 404


def test_an_audit_compared_with_itself_has_not_changed(two):
    person, first, _ = two
    assert {r["change"] for r in person.ok("GET", f"audits/{first}/diff/{first}/")["results"]} == {"unchanged"}


@pytest.mark.parametrize("status", ["queued", "running"])
def test_what_has_not_ended_is_not_compared(site, two, status):
    person, first, _ = two
    other = seed.audit(site.database, person.org["id"], status=status)
    for url in (f"audits/{first}/diff/{other}/", f"audits/{other}/diff/{first}/"):
        reply = person.get(url)
        assert reply.status_code == 409 and reply.json()["code"] == "conflict" and status in reply.json()["detail"]


def test_other_organizations_audits_are_not_found(site, two, bob):
    person, first, second = two
    foreign = seed.audit(site.database, bob.org["id"], LATER)
    answers = {person.get(f"audits/{a}/diff/{b}/").text for a, b in (
        (first, foreign), (foreign, first), (first, seed.uuid7()), (first, "x"), (first, foreign.upper()))}
    assert answers == {person.get(f"audits/{seed.uuid7()}/").text}


@pytest.mark.parametrize("query", ["change=removed", "severity=HIGH", "muted=1", "page=0"])
def test_bad_filters_of_a_comparison_are_400(two, query):
    person, first, second = two
    assert person.get(f"audits/{first}/diff/{second}/?{query}").status_code == 400


@pytest.mark.parametrize("query", ["muted=1", "muted=yes", "muted=%00"])
def test_bad_filters_of_evidence_are_400(owner, audit, query):
    assert owner.get(f"audits/{audit}/evidence/?{query}").status_code == 400


# -------------------------------------------------------------------------------------------------------- trend

def aim(site, audit, targets, score=None, grade=None):
    details = json.dumps({"grade": grade, "resources": len(targets), "tests": [], "severities": []}) if grade else None
    site.database.execute("UPDATE audits SET targets = ?, score = ?, score_details = ? WHERE id = ?", json.dumps(targets), score, details, audit)


def test_a_target_has_a_point_for_each_audit_of_it(site, two, bob):
    person, first, second = two
    aim(site, first, [A, B], 71, "B"), aim(site, second, [B, A, C], 8)
    for status, targets, org in (("failed", [A], person.org["id"]), ("completed", [B], person.org["id"]), ("completed", [A], bob.org["id"])):
        aim(site, seed.audit(site.database, org, EARLIER, status=status), targets)
    body = person.ok("GET", "audits/trend/", params={"target": A})
    nothing = dict.fromkeys(("critical", "high", "medium", "low", "informational"), 0)
    points = [(p["audit"], p["targets"], p["score"], p["grade"], p["failed"]) for p in body["results"]]
    assert points == [(second, 3, 8, None, {**nothing, "critical": 1, "medium": 2}),
                      (first, 2, 71, "B", {**nothing, "high": 1, "medium": 1})]
    assert body["count"] == 2 and all(p["finished_at"] and p["engine"] == "web" for p in body["results"])
    pages = [person.ok("GET", "audits/trend/", params={"target": A, "page_size": 1, "page": n}) for n in (1, 2)]
    assert [page["results"][0] for page in pages] == body["results"] and pages[0]["count"] == 2
    assert person.ok("GET", "audits/trend/", params={"target": A, "engine": "other"})["count"] == 0


def test_a_target_that_nothing_tells_of_has_a_point_without_failures(site, two):
    person, first, _ = two
    aim(site, first, ["https://silent.example/"])
    point, = person.ok("GET", "audits/trend/?target=https://silent.example/")["results"]
    assert (point["score"], point["grade"]) == (None, None) and set(point["failed"].values()) == {0}


@pytest.mark.parametrize("query, field", [("", "target"), ("?target=", "target"), (f"?target={A}&page=x", "page")])
def test_a_trend_is_of_a_target(owner, query, field):
    reply = owner.get("audits/trend/" + query)
    assert reply.status_code == 400 and list(reply.json()) == [field]
