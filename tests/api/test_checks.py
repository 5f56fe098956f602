"""GET audits/checks/: every check that leaves evidence is explained, with what mends it."""

import re

from test_audits import FIELDS, finished, target, tls_target  # noqa: F401 (fixtures)

MEMBERS = ["name", "engine", "title", "severity", "meaning", "remediation", "reference", "configuration", "test", "penalty", "bonus"]


def test_every_check_of_the_evidence_is_explained_in_its_order(alice, finished):
    body = alice.ok("GET", "audits/checks/?engine=web")
    assert body["next"] is None and body["previous"] is None and body["count"] == len(body["results"]) >= 45
    first = finished[1]["results"][0]["resource_id"]
    assert [c["name"] for c in body["results"]] == [r["check_name"] for r in finished[1]["results"] if r["resource_id"] == first]
    for check in body["results"]:
        assert list(check) == MEMBERS and check["engine"] == "web"
        assert check["severity"] in ("critical", "high", "medium", "low", "informational")
        assert check["title"] and check["meaning"].endswith(".") and check["remediation"].endswith(".")
        assert re.match(r"https://[a-z.-]+/", check["reference"])
        assert set(check["configuration"]) == {"httpd", "nginx", "dns"}
        assert check["penalty"] >= 0 and check["bonus"] >= 0


def test_a_score_is_explained_by_the_table(alice, finished):
    body, evidence = finished
    table = {c["name"]: c for c in alice.ok("GET", "audits/checks/?engine=web")["results"]}
    costs = {"critical": 40, "high": 25, "medium": 15, "low": 5, "informational": 0}
    lost, failed, passed = {}, set(), {}
    for row in evidence["results"]:
        check = table[row["check_name"]]
        key = row["resource_id"], check["test"]
        if row["status"] == "FAIL":
            failed.add(key)
            points = check["penalty"] if row["severity"] == check["severity"] else costs[row["severity"]]
            lost[key] = max(lost.get(key, 0), points)
        elif row["status"] == "PASS":
            passed[key] = passed.get(key, 0) + check["bonus"]
    resources = {row["resource_id"] for row in evidence["results"]}
    left = {r: max(0, 100 - sum(p for (name, _), p in lost.items() if name == r)) for r in resources}
    gained = {(r, t): p for (r, t), p in passed.items() if left[r] >= 90 and (r, t) not in failed and p}
    final = {r: min(100, left[r] + sum(p for (name, _), p in gained.items() if name == r)) for r in resources}
    assert body["score"] == sum(final.values()) // len(final)
    details = body["score_details"]
    assert details["resources"] == len(resources) and details["severities"] == []
    said = {row["test"]: row["points"] for row in details["tests"] if row["points"] < 0}
    tests = {test for _, test in lost}
    assert said == {t: -sum(p for (_, name), p in lost.items() if name == t) for t in tests if any(p for (_, name), p in lost.items() if name == t)}
    assert details["grade"] in ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F")


def test_engines_without_a_table_and_unknown_ones_have_none(alice):
    assert alice.ok("GET", "audits/checks/?engine=import") == {"count": 0, "next": None, "previous": None, "results": []}
    assert alice.ok("GET", "audits/checks/?engine=nessus")["count"] == 0
    assert alice.get("audits/checks/?engine=%00").status_code == 400


def test_strangers_see_no_checks(alice, bob):
    assert bob.get("audits/checks/", headers={"X-Organization-ID": alice.org["id"]}).status_code == 404
