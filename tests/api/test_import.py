"""Files of other scanners' findings: uploaded, read in the background, all or nothing, nothing twice."""

import csv
import functools
import json
import threading
import time

import pytest
import requests

from saastest import ROOT, seed, wait_audit

SITE_CONF = "SaasImportMaxBytes 64M"
SITE_STRIPE = False

FINDINGS = ROOT / "tests" / "data" / "findings"
HEAD = "resource_id,check_name,status,severity,timestamp,comment\n"
ROW = "bucket-{n},public,FAIL,high,2026-01-02T03:04:05Z,open {n}\n"
SEVERITIES = ("critical", "high", "medium", "low", "informational")


def upload(api, data, format="generic", into=None, headers=None, **query):
    path = f"audits/{into}/import/" if into else "audits/import/"
    data = data.encode() if isinstance(data, str) else data
    return api.post(path, data=data, params={"format": format, **query}, headers={"Content-Type": "application/octet-stream", **(headers or {})})


def imported(api, data, format="generic", **more):
    """(the ended audit, what it says of the file)."""
    reply = upload(api, data, format, **more)
    assert reply.status_code == 201, reply.text
    body = wait_audit(api, reply.json()["id"], 60)
    return body, body["imports"][-1]


def evidence(api, audit):
    rows, url = [], f"audits/{audit}/evidence/?cursor=&page_size=200"
    while url:
        page = api.ok("GET", url)
        rows += page["results"]
        url = page["next"] and page["next"].split("/api/v1/")[1]
    return rows


def rows(count, first=0):
    return "".join(ROW.format(n=n) for n in range(first, first + count))


def score_of(found):
    cost, points = dict(zip(SEVERITIES, (40, 25, 15, 5, 0))), {}
    for row in found:
        if row["status"] in ("PASS", "FAIL"):
            points.setdefault(row["resource_id"], 100)
            points[row["resource_id"]] -= cost[row["severity"]] if row["status"] == "FAIL" else 0
    return sum(max(p, 0) for p in points.values()) // len(points) if points else None


def expected_prowler():
    with open(FINDINGS / "prowler_example_output_aws.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            yield (row["RESOURCE_UID"], row["CHECK_ID"], row["STATUS"], row["SEVERITY"].lower(), row["STATUS_EXTENDED"])


def expected_ocsf():
    for record in json.loads((FINDINGS / "prowler_example_output_aws.ocsf.json").read_text(encoding="utf-8")):
        yield (record["resources"][0]["uid"], record["metadata"]["event_code"], record["status_code"], record["severity"].lower(), record["status_detail"])


def security(number):
    return next(word for word, least in (("critical", 9), ("high", 7), ("medium", 4), ("low", 1e-9), ("informational", 0)) if float(number) >= least)


def expected_sarif(name):
    for run in json.loads((FINDINGS / name).read_text(encoding="utf-8"))["runs"]:
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            rule = rules[result["ruleIndex"]] if "ruleIndex" in result else next((r for r in rules if r["id"] == result["ruleId"]), {})
            message = result["message"].get("text") or rule["messageStrings"][result["message"]["id"]]["text"]
            for n, argument in enumerate(result["message"].get("arguments", [])):
                message = message.replace("{%d}" % n, argument)
            physical = result["locations"][0].get("physicalLocation", {})
            where = physical.get("artifactLocation", {}).get("uri") or result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
            where += f":{physical['region']['startLine']}" if "startLine" in physical.get("region", {}) else ""
            score = rule.get("properties", {}).get("security-severity")
            level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
            yield (where, result["ruleId"], {"fail": "FAIL", "pass": "PASS", "open": "MANUAL", "review": "MANUAL"}[result.get("kind", "fail")],
                   security(score) if score else {"error": "high", "warning": "medium", "note": "low", "none": "informational"}[level],
                   message + (" (suppressed)" if result.get("suppressions") else ""))


def expected_trivy(name):
    for result in json.loads((FINDINGS / name).read_text(encoding="utf-8"))["Results"]:
        word = lambda finding: {"unknown": "informational"}.get(finding["Severity"].lower(), finding["Severity"].lower())
        for v in result.get("Vulnerabilities", []):
            fixed = f"fixed in {v['FixedVersion']}" if v.get("FixedVersion") else "no fixed version is known"
            yield (f"{result['Target']}#{v['PkgName']}@{v['InstalledVersion']}", v["VulnerabilityID"], "FAIL", word(v),
                   f"{v['Title']}; {fixed}" if v.get("Title") else fixed)
        for m in result.get("Misconfigurations", []):
            yield (result["Target"], m["ID"], m["Status"], word(m), f"{m['Title']}: {m['Message']}")
        for s in result.get("Secrets", []):
            yield (result["Target"], s["RuleID"], "FAIL", word(s), f"{s['Title']}, line {s['StartLine']}")


SAMPLES = {"prowler_example_output_aws.csv": ("prowler-csv", expected_prowler), "prowler_example_output_aws.ocsf.json": ("ocsf", expected_ocsf),
           **{name: ("sarif", functools.partial(expected_sarif, name)) for name in ("sarif_SuppressionTestCurrent.sarif", "sarif_spotbugs.sarif")},
           **{name: ("trivy", functools.partial(expected_trivy, name)) for name in ("trivy_misconfigurations_and_secrets.json", "trivy_scheme_2_many_vulns.json")}}


def test_no_sample_is_left_out():
    assert {path.name for path in FINDINGS.iterdir()} - {"README.md"} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_what_another_reader_finds(person, name):
    format, expected = SAMPLES[name]
    expected = list(expected())
    body, note = imported(person, (FINDINGS / name).read_bytes(), format, file=name, name="A sample")
    found = evidence(person, body["id"])
    assert [tuple(row[k] for k in ("resource_id", "check_name", "status", "severity", "comment")) for row in found] == list(dict.fromkeys(expected))
    assert len(found) > 1 and body["status"] == "completed" and body["error"] is None
    assert body["name"] == "A sample" and body["targets"] == [name] and body["engine"] == "import"
    assert body["evidence_count"] == len(found) and body["progress"] == {"done": 100, "total": 100}
    assert body["counts"]["status"] == {s: sum(r["status"] == s for r in found) for s in ("PASS", "FAIL", "MANUAL", "ERROR")}
    assert body["counts"]["severity"] == {s: sum(r["severity"] == s for r in found) for s in SEVERITIES}
    assert body["score"] == score_of(found)
    assert note == {"file": name, "format": format, "bytes": (FINDINGS / name).stat().st_size, "records": len(expected), "added": len(found),
                    "duplicates": len(expected) - len(found), "skipped": note["skipped"], "bad": 0, "problems": [], "error": None}


def test_prowlers_time_is_utc(person):
    body, _ = imported(person, (FINDINGS / "prowler_example_output_aws.csv").read_bytes(), "prowler-csv")
    assert evidence(person, body["id"])[0]["timestamp"] == "2025-02-14T14:27:03.913874Z"


def test_an_upload_is_answered_with_the_audit(person):
    reply = upload(person, HEAD + rows(1), file="my file.csv")
    assert reply.status_code == 201
    body = reply.json()
    assert reply.headers["Location"].endswith(f"/api/v1/audits/{body['id']}/")
    assert body["status"] == "queued" and body["imports"] == [] and body["targets"] == ["my file.csv"] and body["progress"] == {"done": 0, "total": 100}
    assert wait_audit(person, body["id"], 30)["status"] == "completed"
    trail = [a["action"] for a in person.ok("GET", f"organizations/{person.org['id']}/activity/")["results"]]
    assert trail.count("audit.started") == trail.count("audit.completed") == 1


def test_the_same_file_twice_adds_nothing(person):
    body, _ = imported(person, HEAD + rows(10))
    again, note = imported(person, HEAD + rows(10), into=body["id"])
    assert again["id"] == body["id"] and again["evidence_count"] == 10 == len(evidence(person, body["id"]))
    assert (note["added"], note["duplicates"]) == (0, 10) and again["status"] == "completed" and len(again["imports"]) == 2
    more, note = imported(person, HEAD + rows(10, 5), into=body["id"])
    assert (note["added"], note["duplicates"], more["evidence_count"]) == (5, 5, 15)
    assert [r["resource_id"] for r in evidence(person, body["id"])] == [f"bucket-{n}" for n in range(15)]
    assert more["counts"]["status"]["FAIL"] == 15 and more["score"] == 75
    details = more["score_details"]
    assert details["grade"] == "B" and details["tests"] == [] and details["resources"] >= 1
    assert 100 + sum(row["points"] for row in details["severities"]) / details["resources"] >= 75


def test_a_finding_is_one_whatever_its_time(person):
    line = "r,c,FAIL,high,{},said\n"
    other = ["r2,c,FAIL,high,,said\n", "r,c2,FAIL,high,,said\n", "r,c,PASS,high,,said\n", "r,c,FAIL,low,,said\n", "r,c,FAIL,high,,else\n",
             "rc,,FAIL,high,,said\n".replace("rc,,", "r1,c1,"), "r1c,1,FAIL,high,,said\n"]
    body, note = imported(person, HEAD + line.format("2026-01-01T00:00:00Z") + line.format("2026-01-02T00:00:00Z") + "".join(other))
    assert (note["added"], note["duplicates"]) == (8, 1)
    assert evidence(person, body["id"])[0]["timestamp"] == "2026-01-01T00:00:00.000000Z"


def test_what_was_exported_is_read_again(site, person):
    site.database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", person.org["id"])
    nasty = [("=cmd|x", "a,b", "FAIL", "high", '"quoted"\nand a line'), ("'plain", "-1", "PASS", "low", "@at"), ("ünïcode 😀", "t\tab", "MANUAL", "informational", ""),
             ("+", "c", "ERROR", "critical", "'")]
    key = seed.audit(site.database, person.org["id"], nasty)
    exported = person.get(f"audits/{key}/export/csv/").content
    body, note = imported(person, exported)
    assert [tuple(r[k] for k in ("resource_id", "check_name", "status", "severity", "comment")) for r in evidence(person, body["id"])] == nasty
    assert note["bad"] == 0


BAD = [("x,c,GREEN,high,,\n", "status"), ("x,c,PASS,awful,,\n", "severity"), (",c,PASS,high,,\n", "resource_id"), ("x,,PASS,high,,\n", "check_name"),
       ("x,c,PASS,high,yesterday,\n", "timestamp"), ("x,c,PASS,high,2026-13-01T00:00:00Z,\n", "timestamp"), ("x,c,PASS,high\n", "columns"),
       ("x,c,PASS,high,,a,b\n", "columns"), (b"x,c,PASS,high,,\xff\xfe\n", "UTF-8"), (b"x,c,PASS,high,,caf\xe9\n", "UTF-8"), (b"x\0y,c,PASS,high,,\n", "NUL"),
       ("x,c,PASS,high,99999999999999999999-01-01T00:00:00Z,\n", "timestamp"), (b"x,c,PASS,high,,\xed\xa0\x80\n", "UTF-8")]


def test_bad_records_are_counted_and_told_by_their_line(person):
    data = HEAD.encode() + b"first,c,PASS,high,,\"two\nlines\"\n" + b"\n".join(b[0].encode().rstrip() if isinstance(b[0], str) else b[0].rstrip() for b in BAD)
    data += b"\n\nlast,c,PASS,high,,\n"
    body, note = imported(person, data)
    assert body["status"] == "completed" and [r["resource_id"] for r in evidence(person, body["id"])] == ["first", "last"]
    assert note["bad"] == len(BAD) and note["records"] == len(BAD) + 2
    assert [p["where"] for p in note["problems"]] == [f"line {n}" for n in range(4, 4 + len(BAD))]
    for problem, (_, word) in zip(note["problems"], BAD):
        assert word in problem["what"], problem


def test_only_the_first_bad_records_are_told(person):
    _, note = imported(person, HEAD + rows(1) + "x,c,GREEN,high,,\n" * 500)
    assert note["bad"] == 500 and len(note["problems"]) == 20


PROWLER = (FINDINGS / "prowler_example_output_aws.csv").read_bytes()
SARIF, OCSF = ((FINDINGS / name).read_bytes() for name in ("sarif_spotbugs.sarif", "prowler_example_output_aws.ocsf.json"))
WRONG = {
    "another format": ("generic", PROWLER, "does not name these columns: resource_id"),
    "the other one": ("prowler-csv", (HEAD + rows(3)).encode(), "does not name these columns: RESOURCE_UID"),
    "UTF-16 with a mark": ("generic", (HEAD + rows(3)).encode("utf-16"), "UTF-16"),
    "UTF-16 without": ("generic", (HEAD + rows(3)).encode("utf-16-le"), "UTF-16"),
    "UTF-16, big end first": ("generic", (HEAD + rows(3)).encode("utf-16-be"), "UTF-16"),
    "NUL bytes": ("generic", bytes(100000), "UTF-16 or UTF-32"),
    "100,000 columns": ("generic", ",".join(f"c{n}" for n in range(100000)).encode() + b"\n", "has 100000 columns"),
    "one line": ("generic", b"x" * 3_000_000, "longer than 1048576 bytes"),
    "a quote that is not closed": ("generic", (HEAD + rows(3) + 'x,c,PASS,high,,"open\n' + rows(20000)).encode(), "is a quote not closed"),
    "cut within quotes": ("generic", (HEAD + rows(3) + 'x,c,PASS,high,,"op').encode(), "it is not all there"),
    "cut within a record": ("generic", (HEAD + rows(3) + "x,c,PA").encode(), "it is not all there"),
    "a quote in a cell": ("generic", (HEAD + rows(3) + 'x"y,c,PASS,high,,\n').encode(), "a quote stands where none can"),
    "only bad records": ("generic", (HEAD + "x,c,GREEN,high,,\n" * 7).encode(), "None of the 7 records is a finding"),
    "only blank lines": ("generic", b"\n\n\n", "no line of column names"),
    "CSV as JSON": ("ocsf", PROWLER, "is no JSON"),
    "SARIF as Trivy's": ("trivy", SARIF, "no report of Trivy"),
    "Trivy's as SARIF": ("sarif", (FINDINGS / "trivy_scheme_2_many_vulns.json").read_bytes(), "no SARIF log"),
    "SARIF as OCSF": ("ocsf", SARIF, "None of the 1 records is a finding"),
    "OCSF as SARIF": ("sarif", OCSF, "is no JSON object"),
    "SARIF cut off": ("sarif", SARIF[:-40], "not all there"),
    "OCSF cut off": ("ocsf", OCSF.rstrip()[:-1], "not all there"),
    "JSON in UTF-16": ("sarif", SARIF.decode().encode("utf-16"), "UTF-16"),
    "nested like a billion laughs": ("ocsf", b"[" * 1_000_000 + b"]" * 1_000_000, "nested more than 128 deep"),
    "objects in objects": ("trivy", b'{"SchemaVersion":2,"Results":' + b'{"a":' * 500_000, "nested more than 128 deep"),
    "one long string": ("ocsf", b'["' + b"x" * 3_000_000 + b'"]', "does not end within"),
    "two documents": ("trivy", b'{"SchemaVersion":2}{"SchemaVersion":2}', "is no JSON, or damaged"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_leaves_nothing(person, name):
    format, data, message = WRONG[name]
    body, note = imported(person, data, format)
    assert body["status"] == "failed" and message in body["error"], body
    assert note["error"] == body["error"] and note["added"] == 0
    assert body["evidence_count"] == 0 and evidence(person, body["id"]) == [] and body["score"] is None


def test_a_wrong_file_takes_nothing_away(person):
    body, _ = imported(person, HEAD + rows(3))
    failed, note = imported(person, HEAD + rows(5) + 'x,c,PASS,high,,"op', into=body["id"])
    assert failed["status"] == "failed" and "not all there" in failed["error"]
    assert failed["evidence_count"] == 3 == len(evidence(person, body["id"])) and failed["counts"] == body["counts"]
    mended, _ = imported(person, HEAD + rows(5), into=body["id"])
    assert mended["status"] == "completed" and mended["error"] is None and mended["evidence_count"] == 5


def test_bad_records_of_json_are_told_by_their_place(person):
    good = json.loads(OCSF)[0]
    records = [good, 7, {**good, "status_code": "GREEN"}, {**good, "resources": []}, {**good, "status_detail": "a\0b"}, {**good, "status_detail": "other"}]
    body, note = imported(person, json.dumps(records), "ocsf")
    assert body["status"] == "completed" and (note["added"], note["bad"]) == (2, 4)
    assert [p["where"] for p in note["problems"]] == ["record 2", "record 3", "record 4", "record 5"]
    lines = b"\n".join([json.dumps(good).encode(), b"{oops", json.dumps(records[-1]).encode().replace(b"other", b"\xff"), json.dumps(records[-1]).encode()])
    body, note = imported(person, lines, "ocsf")
    assert (note["added"], note["bad"]) == (2, 2) and [p["where"] for p in note["problems"]] == ["line 2", "line 3"]


def test_the_order_of_members_does_not_matter(person):
    """A rule behind its results, a target behind its findings, as a tool that sorts keys leaves them."""
    for name in ("sarif_spotbugs.sarif", "trivy_misconfigurations_and_secrets.json"):
        format = SAMPLES[name][0]
        document = json.loads((FINDINGS / name).read_text())
        turned = json.dumps(reverse(document))
        plain, first = imported(person, json.dumps(document), format)
        body, second = imported(person, turned, format)
        found = evidence(person, body["id"])
        # Of a run nobody has told the end of, the time is that of the import.
        assert [{**row, "timestamp": None} for row in evidence(person, plain["id"])] == [{**row, "timestamp": None} for row in found] and found
        assert {**first, "bytes": 0} == {**second, "bytes": 0}


def reverse(value):
    if isinstance(value, dict):
        return {key: reverse(value[key]) for key in reversed(value)}
    return [reverse(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("change", [lambda d: b"\xef\xbb\xbf" + d, lambda d: d.replace(b"\n", b"\r\n"), lambda d: d.rstrip(b"\n"),
                                    lambda d: d.replace(b"resource_id,check_name", b"Resource ID,CHECK-NAME"), lambda d: d.replace(b"\n", b"\n\n")],
                         ids=["a mark", "CRLF", "no line end", "other names", "empty lines"])
def test_ways_to_write_it(person, change):
    body, note = imported(person, change((HEAD + rows(3)).encode()))
    assert body["status"] == "completed" and note["added"] == 3 and note["bad"] == 0
    assert [r["comment"] for r in evidence(person, body["id"])] == ["open 0", "open 1", "open 2"]


def test_columns_are_found_by_name(person):
    body, _ = imported(person, "comment,owner,status,severity,check_name,timestamp,resource_id\nsaid,me,PASS,low,c,,r\n")
    row, = evidence(person, body["id"])
    assert (row["resource_id"], row["check_name"], row["comment"], row["status"]) == ("r", "c", "said", "PASS")
    assert abs(time.time() - time.mktime(time.strptime(row["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 120


def test_long_texts_are_cut(person):
    body, _ = imported(person, HEAD + f"{'r' * 5000},{'c' * 500},PASS,low,,{'é' * 9000}\n")
    row, = evidence(person, body["id"])
    assert (len(row["resource_id"]), len(row["check_name"]), len(row["comment"])) == (2048, 200, 4096)


@pytest.mark.parametrize("query, field", [({"format": "xml"}, "format"), ({"format": ""}, "format"), ({"name": "n" * 201}, "name"), ({"file": "f" * 256}, "file"),
                                          ({"name": "a\nb"}, "name")])
def test_a_wrong_parameter_is_named(person, query, field):
    reply = upload(person, HEAD, **{"format": "generic", **query})
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text
    if field == "format":
        assert "generic, " in reply.json()["format"][0]
    assert person.ok("GET", "audits/")["count"] == 0


@pytest.mark.parametrize("headers, data, status", [({"Content-Type": "multipart/form-data; boundary=x"}, "x", 415), ({"Content-Encoding": "gzip"}, "x", 415),
                                                   ({}, "", 400), ({"Idempotency-Key": "a b"}, "x", 400)])
def test_what_is_no_upload_is_refused(person, headers, data, status):
    assert upload(person, data, headers=headers).status_code == status
    assert person.ok("GET", "audits/")["count"] == 0


def test_a_larger_file_is_refused_before_it_comes_and_while_it_comes(site, person):
    def endless():
        for _ in range(2000):
            yield b"x" * 65536
    for data in (b"x" * (64 * 1024 * 1024 + 1), endless()):
        try:
            reply = upload(person, data)
            assert reply.status_code == 413 and "67108864" in reply.json()["detail"]
        except requests.ConnectionError:
            pass  # closed while it was sending
    assert person.ok("GET", "audits/")["count"] == 0 and not site.database.execute("SELECT 1 FROM import_parts")


@pytest.mark.parametrize("role, status", [("VIEWER", 403), ("MEMBER", 201), ("ADMIN", 201)])
def test_viewers_do_not_import(person, role, status):
    reply = upload(person.as_token(role=role), HEAD + rows(1))
    assert reply.status_code == status
    if status == 201:
        wait_audit(person, reply.json()["id"], 30)


def test_an_idempotency_key_imports_once(person):
    first = upload(person, HEAD + rows(2), headers={"Idempotency-Key": "one"})
    second = upload(person, HEAD + rows(9), headers={"Idempotency-Key": "one"})
    assert first.status_code == second.status_code == 201 and first.json()["id"] == second.json()["id"]
    assert wait_audit(person, first.json()["id"], 30)["evidence_count"] == 2
    assert person.ok("GET", "audits/")["count"] == 1


def test_files_are_not_added_to_other_audits(site, person, bob):
    scanned = seed.audit(site.database, person.org["id"])
    assert upload(person, HEAD + rows(1), into=scanned).status_code == 409
    assert upload(bob, HEAD + rows(1), into=scanned).status_code == 404
    assert upload(person, HEAD + rows(1), into="00000000-0000-7000-8000-000000000000").status_code == 404
    body, _ = imported(person, HEAD + rows(1))
    site.database.execute("UPDATE audits SET status = 'running' WHERE id = ?", body["id"])
    assert upload(person, HEAD + rows(2), into=body["id"]).status_code == 409
    site.database.execute("UPDATE audits SET status = 'completed' WHERE id = ?", body["id"])


def test_the_engine_is_not_started(person):
    reply = person.post("audits/start/", {"engine": "import", "targets": ["x"]})
    assert reply.status_code == 400 and "audits/import/" in reply.json()["targets"][0]


def test_nothing_of_the_file_stays(site, person):
    body, _ = imported(person, HEAD + rows(5))
    assert not site.database.execute("SELECT 1 FROM import_parts WHERE audit_id = ?", body["id"])
    assert not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", body["id"])
    spooled = list(site.httpd.path.rglob("saas-??????")) if hasattr(site.httpd, "path") else []
    assert not spooled


def test_many_rows(site, person):
    count = 30000
    body, note = imported(person, HEAD + rows(count) + rows(count // 2))
    assert body["evidence_count"] == count and note["added"] == count and note["duplicates"] == count // 2
    stored = site.database.execute("SELECT count(*), count(DISTINCT content_key), min(number) FROM evidence WHERE audit_id = ?", body["id"])[0]
    assert tuple(int(n) for n in stored) == (count, count, 1)


def test_a_canceled_import_leaves_nothing(site, person):
    # The job is held up by a cap that is taken: see the site's SaasAuditsPerOrganization.
    reply = upload(person, HEAD + rows(20))
    key = reply.json()["id"]
    canceled = person.post(f"audits/{key}/cancel/")
    assert canceled.status_code in (200, 409)
    body = wait_audit(person, key, 20)
    time.sleep(0.3)
    assert not site.database.execute("SELECT 1 FROM import_parts WHERE audit_id = ?", key)
    assert len(evidence(person, key)) == (0 if body["status"] == "canceled" else 20)


def test_a_slow_upload_holds_no_connection(site, person):
    """More of them at once than there are connections, and everybody else goes on."""
    release = threading.Event()

    def slowly():
        yield HEAD.encode()
        release.wait(20)
        yield rows(1).encode()
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(upload(person, slowly()))) for _ in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        assert not replies and person.get("audits/").status_code == 200
    finally:
        release.set()
        for thread in threads:
            thread.join()
    assert [r.status_code for r in replies] == [201] * 12
    for reply in replies:
        assert wait_audit(person, reply.json()["id"], 60)["status"] == "completed"
