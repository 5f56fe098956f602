"""saasctl audit import: a file of another scanner's findings, read by the node."""

import json

import pytest

from saastest import ROOT

FINDINGS = ROOT / "tests" / "data" / "findings"
SITE_STRIPE = False
HEAD = "resource_id,check_name,status,severity,timestamp,comment\n"


def run(site, *args, code=0, **more):
    done = site.saasctl("audit", "import", *map(str, args), "--json", check=False, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def test_a_file_becomes_an_audit(site):
    person = site.newcomer()
    said, _ = run(site, FINDINGS / "sarif_spotbugs.sarif", "--org", person.org["slug"], "--format", "sarif", "--name", "By hand")
    audit = person.ok("GET", f"audits/{said['audit']}/")
    assert (audit["status"], audit["name"], audit["engine"], audit["created_by"]) == ("completed", "By hand", "import", None)
    assert audit["imports"] == [said["import"]] and said["evidence_count"] == audit["evidence_count"] == said["import"]["added"] > 10
    assert said["import"]["file"] == "sarif_spotbugs.sarif" == audit["targets"][0] and said["error"] is None
    trail = person.ok("GET", f"organizations/{person.org['id']}/activity/")["results"]
    assert [a["action"] for a in trail[:2]] == ["audit.completed", "audit.started"] and trail[1]["actor"]["id"].startswith("saasctl:")


def test_and_is_added_to(site):
    person = site.newcomer()
    first, _ = run(site, "-", "--org", person.org["id"], "--format", "generic", stdin=HEAD + "r,c,PASS,low,,x\n")
    second, _ = run(site, "-", "--org", person.org["id"], "--format", "generic", "--audit", first["audit"], stdin=HEAD + "r,c,PASS,low,,x\ns,c,PASS,low,,x\nbad\n")
    assert second["audit"] == first["audit"] and second["evidence_count"] == 2
    assert (second["import"]["added"], second["import"]["duplicates"], second["import"]["bad"]) == (1, 1, 1)
    assert len(person.ok("GET", f"audits/{first['audit']}/")["imports"]) == 2


def test_what_became_of_it_is_told_in_words(site):
    person = site.newcomer()
    said = site.saasctl("audit", "import", "-", "--org", person.org["slug"], "--format", "generic", stdin=HEAD + "r,c,PASS,low,,x\nr,c,NO,low,,x\n")
    assert "completed" in said and "2 records: 1 added, 0 there already, 0 skipped, 1 bad" in said and "line 3: Its status is none" in said


def test_a_file_of_many_parts(site):
    person = site.newcomer()
    text = HEAD + "".join(f"resource-{n},check,FAIL,low,,{'x' * 200}\n" for n in range(20000))
    said, _ = run(site, "-", "--org", person.org["slug"], "--format", "generic", stdin=text)
    assert said["evidence_count"] == 20000 and said["import"]["bytes"] == len(text)


@pytest.mark.parametrize("args, text, words", [
    (("--format", "sarif"), "{}", "no SARIF log"), (("--format", "generic"), HEAD + 'r,c,PASS,low,,"', "not all there"),
])
def test_a_wrong_file_is_no_success(site, args, text, words):
    person = site.newcomer()
    said, err = run(site, "-", "--org", person.org["slug"], *args, code=1, stdin=text)
    assert words in err and said["status"] == "failed" and said["evidence_count"] == 0


@pytest.mark.parametrize("args, code, words", [
    (("-", "--format", "generic"), 2, "--org"), (("-", "--org", "{org}"), 2, "--format"), (("-", "--org", "{org}", "--format", "xml"), 2, "generic"),
    (("-", "--org", "nobody-has-it", "--format", "generic"), 1, "nobody-has-it"), (("/nowhere/it.csv", "--org", "{org}", "--format", "generic"), 1, "it.csv"),
    (("-", "--org", "{org}", "--format", "generic", "--audit", "00000000-0000-7000-8000-000000000000"), 1, "no audit of the organization"),
    (("-", "--org", "{org}", "--format", "generic", "--wait", "soon"), 2, "--wait"),
])
def test_what_is_wrong_is_said(site, args, code, words):
    person = site.newcomer()
    _, err = run(site, *[a.replace("{org}", person.org["slug"]) for a in args], code=code, stdin=HEAD)
    assert words in err
    assert person.ok("GET", "audits/")["count"] == 0


def test_an_empty_file_is_refused(site):
    person = site.newcomer()
    _, err = run(site, "-", "--org", person.org["slug"], "--format", "generic", code=1, stdin="")
    assert "is empty" in err and person.ok("GET", "audits/")["count"] == 0
