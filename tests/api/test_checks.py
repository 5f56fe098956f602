"""GET audits/checks/: every check that leaves evidence is explained, with what mends it."""

import re

from test_audits import FIELDS, finished, target, tls_target  # noqa: F401 (fixtures)

MEMBERS = ["name", "engine", "title", "severity", "meaning", "remediation", "reference", "configuration", "penalty", "bonus"]


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
        assert set(check["configuration"]) == {"httpd", "nginx"}
        assert check["penalty"] >= 0 and check["bonus"] >= 0


def test_engines_without_a_table_and_unknown_ones_have_none(alice):
    assert alice.ok("GET", "audits/checks/?engine=import") == {"count": 0, "next": None, "previous": None, "results": []}
    assert alice.ok("GET", "audits/checks/?engine=nessus")["count"] == 0
    assert alice.get("audits/checks/?engine=%00").status_code == 400


def test_strangers_see_no_checks(alice, bob):
    assert bob.get("audits/checks/", headers={"X-Organization-ID": alice.org["id"]}).status_code == 404
