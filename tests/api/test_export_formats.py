"""The other formats of an export: held to their own schemas, read by Chromium, and taken back by the importer."""

import base64
import gzip
import hashlib
import html
import json
import re
import subprocess
import threading
from html.parser import HTMLParser

import pytest
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker

from saastest import ROOT, seed, wait_audit
from saastest.places import clean_environment, program
from test_export import AWKWARD, FORMULAS, NO_TIMES, cells

FORMATS = {"csv": ("text/csv; charset=utf-8", "csv", "attachment"), "jsonl": ("application/jsonl", "jsonl", "attachment"),
           "sarif": ("application/sarif+json", "sarif", "attachment"), "ocsf": ("application/json", "ocsf.json", "attachment"),
           "html": ("text/html; charset=utf-8", "html", "inline")}
OTHERS = [name for name in FORMATS if name != "csv"]
HOSTILE = [("</td></table><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "FAIL", "critical", "</style><script>alert(document.cookie)</script>"),
           ("javascript:alert(1)", "c", "FAIL", "low", "<svg onload=alert(1)>"), ("https://x.example/\" onclick=\"x", "c", "PASS", "low", "&lt;b&gt;"),
           ("\x01\x02\x1f", "c", "ERROR", "low", "\x7f{0} {{}} \\u0000 [a](b)")]
ROWS = AWKWARD + FORMULAS + HOSTILE


@pytest.fixture(scope="module")
def audit(site, payer):
    key = seed.audit(site.database, payer.org["id"], ROWS)
    payer.ok("PATCH", f"audits/{key}/evidence/?status=FAIL&severity=low", {"muted": True, "reason": "known"})
    return key


def export(person, audit, format, **query):
    reply = person.get(f"audits/{audit}/export/", params={"format": format, **query})
    assert reply.status_code == 200, reply.text
    return reply


def evidence(person, audit, **query):
    """What the engine saw; what people decided about it is not in a file."""
    rows = person.ok("GET", f"audits/{audit}/evidence/", params={"page_size": 200, **query})["results"]
    return [{name: value for name, value in row.items() if name != "triage"} for row in rows]


def found(content):
    return [json.loads(line) for line in content.decode().split("\n")[:-1]]


def schema(path, validator):
    return validator(json.loads((ROOT / "tests" / "data" / path).read_text()), format_checker=FormatChecker())


@pytest.mark.parametrize("name", FORMATS)
def test_each_has_its_headers(payer, audit, name):
    kind, extension, shown = FORMATS[name]
    for path in ("export", "export/csv"):
        for method in ("GET", "HEAD"):
            reply = payer.call(method, f"audits/{audit}/{path}/", params={"format": name})
            assert reply.status_code == 200 and reply.headers["Content-Type"] == kind
            assert re.fullmatch(shown + '; filename="audit_' + audit + r'_\d{8}T\d{6}Z\.' + re.escape(extension) + '"', reply.headers["Content-Disposition"])
            assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["Cache-Control"] == "private, no-store"
            assert "ETag" not in reply.headers and bool(reply.content) == (method == "GET")


def test_csv_is_what_comes_unless_asked_otherwise(payer, audit):
    whole = payer.get(f"audits/{audit}/export/csv/").content
    assert whole == payer.get(f"audits/{audit}/export/?format=").content == export(payer, audit, "csv").content


@pytest.mark.parametrize("query, field", [("format=xml", "format"), ("compress=br", "compress"), ("format=jsonl&bom=1", "bom")])
def test_what_is_no_format_is_400_with_those_that_are(payer, audit, query, field):
    reply = payer.get(f"audits/{audit}/export/?{query}")
    assert reply.status_code == 400 and list(k for k in reply.json() if k != "code") == [field]
    if field == "format":
        assert all(name in reply.text for name in FORMATS), reply.text
    assert "Content-Disposition" not in reply.headers


@pytest.mark.parametrize("name", FORMATS)
def test_each_is_behind_the_same_gate(site, alice, payer, audit, name):
    key = seed.audit(site.database, alice.org["id"], AWKWARD)
    query = {"format": name, "compress": "gzip"}
    reply = alice.get(f"audits/{key}/export/", params=query)
    assert reply.status_code == 403 and reply.json() == {"detail": "Upgrade to Premium to export data", "code": "subscription_required"}
    assert alice.get(f"audits/{audit}/export/", params=query).status_code == 404
    assert site.nobody().get(f"audits/{audit}/export/", params=query).status_code == 401
    running = seed.audit(site.database, payer.org["id"], status="running")
    assert payer.get(f"audits/{running}/export/", params=query).status_code == 409


def test_json_lines_are_the_list(payer, audit):
    reply = export(payer, audit, "jsonl")
    assert found(reply.content) == evidence(payer, audit)
    assert [(r["resource_id"], r["check_name"], r["status"], r["severity"], r["comment"]) for r in found(reply.content)] == ROWS


@pytest.mark.parametrize("query", [{"status": "FAIL"}, {"severity": "low"}, {"check": "csp_present"}, {"check_name": "csp_present"}, {"search": "EXAMPLE"},
                                   {"search": "%"}, {"status": "FAIL", "severity": "high"}, {"check": "none"}, {"search": ""}, {"muted": "true"},
                                   {"muted": "false"}, {"muted": "false", "status": "FAIL"}, {"resource_id": ROWS[0][0]}, {"resource_id": "none"},
                                   {"resource_id": "javascript:alert(1)", "muted": "true", "search": "onload", "check": "c", "severity": "low"}])
@pytest.mark.parametrize("name", FORMATS)
def test_filters_are_those_of_the_list(payer, audit, name, query):
    """By page number, by cursor and in each file."""
    expected = evidence(payer, audit, **query)
    assert evidence(payer, audit, cursor="", **query) == expected
    assert len(expected) < len(ROWS) or query == {"search": ""}
    content = export(payer, audit, name, **query).content
    if name == "csv":
        assert [row[5].lstrip("'") for row in cells(content)[1:]] == [e["comment"].lstrip("'") for e in expected]
    elif name == "jsonl":
        assert found(content) == expected
    elif name == "sarif":
        assert len(json.loads(content)["runs"][0]["results"]) == len(expected)
    elif name == "ocsf":
        assert [int(e["finding_info"]["uid"].split("/")[1]) for e in json.loads(content)] == [e["id"] for e in expected]
    else:
        page = content.decode()
        assert f"<footer>{len(expected)} finding" in page
        assert sum(int(n) for n in re.findall(r'<td class="n">(\d+)</td>', page)) == len(expected)
        said = re.search("<dt>Only findings with</dt><dd>(.*?)</dd>", page)
        assert set(said.group(1).replace("check_name", "check").split(", ") if said else []) == {
            html.escape(f"{one.replace('check_name', 'check')}={value}") for one, value in query.items() if value}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("query", ["status=fail", "severity=loud", "muted=yes"])
def test_bad_filters_are_400_in_every_format(payer, audit, name, query):
    reply = payer.get(f"audits/{audit}/export/?format={name}&{query}")
    assert (reply.status_code, list(reply.json())) == (400, [query.split("=")[0]])


SARIF_KINDS = {"PASS": "pass", "FAIL": "fail", "MANUAL": "review", "ERROR": "open"}


def test_sarif_is_valid_and_says_what_the_rows_say(site, payer, audit):
    validator = schema("sarif/sarif-schema-2.1.0.json", Draft4Validator)
    for key in (audit, seed.audit(site.database, payer.org["id"])):
        log = export(payer, key, "sarif").json()
        assert [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(log)] == []
        run, rows = log["runs"][0], evidence(payer, key)
        for result, row in zip(run["results"], rows, strict=True):
            location = result["locations"][0]
            named = location.get("physicalLocation", {}).get("artifactLocation", {}).get("uri") or location["logicalLocations"][0]["fullyQualifiedName"]
            assert (named, result["ruleId"], result["kind"]) == (row["resource_id"], row["check_name"], SARIF_KINDS[row["status"]])
            assert result["message"]["text"] == (row["comment"] or row["check_name"])
            assert (result["level"] == "none") == (row["status"] != "FAIL")
            assert result["provenance"]["lastDetectionTimeUtc"] == row["timestamp"]
        assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {row["check_name"] for row in rows}
        assert run["automationDetails"]["id"] == f"audits/{key}"


def test_ocsf_is_valid_and_says_what_the_rows_say(site, payer, audit):
    validator = schema("ocsf/compliance_finding.schema.json", Draft202012Validator)
    events, rows = export(payer, audit, "ocsf").json(), evidence(payer, audit)
    for event, row in zip(events, rows, strict=True):
        assert [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(event)] == []
        assert event["resources"][0]["uid"] == row["resource_id"] and event["metadata"]["event_code"] == row["check_name"]
        assert (event["status_code"], event["severity"].lower(), event["status_detail"]) == (row["status"], row["severity"], row["comment"])
        assert event["time_dt"] == row["timestamp"] and event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert export(payer, seed.audit(site.database, payer.org["id"]), "ocsf").json() == []


def test_the_schemas_refuse_what_is_wrong(payer, audit):
    """Or the two tests before would show nothing."""
    event = export(payer, audit, "ocsf").json()[0]
    validator = schema("ocsf/compliance_finding.schema.json", Draft202012Validator)
    for wrong in ({"severity_id": 7}, {"class_uid": 2004}, {"finding_info": {"title": "x"}}, {"resources": [{}]}, {"no_such": 1}, {"time": "now"}):
        assert not validator.is_valid({**event, **wrong}), wrong
    log = export(payer, audit, "sarif").json()
    log["runs"][0]["results"][0]["kind"] = "FAIL"
    assert not schema("sarif/sarif-schema-2.1.0.json", Draft4Validator).is_valid(log)


@pytest.mark.expects("SAAS2303")
def test_times_without_a_form_are_nothing(site, payer):
    key = seed.audit(site.database, payer.org["id"], AWKWARD[:2])
    site.database.execute("UPDATE evidence SET observed_at = ? WHERE audit_id = ? AND number = 1", NO_TIMES[site.database.kind][0], key)
    log = site.httpd.watch()
    assert [row["timestamp"] for row in found(export(payer, key, "jsonl").content)] == [None, "2026-01-02T03:04:05.120000Z"]
    assert "provenance" not in export(payer, key, "sarif").json()["runs"][0]["results"][0]
    event = export(payer, key, "ocsf").json()[0]
    assert event["time"] == 0 and "time_dt" not in event
    assert export(payer, key, "html").status_code == 200
    assert log.text().count("SAAS2303") == 4


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails where one is not closed."""

    VOID = {"meta"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.names, self.attributes, self.cells = [], set(), set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def test_the_report_is_a_page_without_a_script(payer, audit):
    reply = export(payer, audit, "html")
    text = reply.content.decode()
    page = Page(text)
    assert page.names == {"html", "head", "meta", "title", "style", "body", "header", "section", "h1", "h2", "p", "dl", "dt", "dd", "table", "caption",
                          "thead", "tbody", "tr", "th", "td", "svg", "text", "rect", "footer"}
    assert not any(name.startswith("on") or name in ("style", "href", "src") for name in page.attributes)
    # What is of strangers is there, as text.
    mended = [[re.sub("[\x00-\x08\x0b-\x1f\x7f]", "\ufffd", cell).replace("\r\n", "\ufffd\n").replace("\r", "\ufffd") for cell in row] for row in ROWS]
    for resource, check, _, _, comment in mended:
        assert resource in page.cells and check in page.cells and comment in page.cells, (resource, check, comment)
    assert payer.org["name"] in text and "<svg" in text and "Each resource begins with 100 points" not in text  # a seeded audit has no score


def test_the_reports_counts_are_of_its_rows(site, payer):
    """Also while somebody writes: an audit that is imported into again, say."""
    key, done = seed.varied_audit(site.database, payer.org["id"], 20000), threading.Event()

    def write():
        number = 20000
        while not done.is_set():
            number += 1
            site.database.execute("INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at)"
                                  " VALUES (?, ?, ?, 'r', 'late', 'FAIL', 'low', ?)", payer.org["id"], key, number, seed.now())
    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = set()
        for _ in range(20):
            page = export(payer, key, "html", check="late").text
            total = int(re.search(r"<footer>(\d+) finding", page).group(1))
            assert sum(int(n) for n in re.findall(r'<td class="n">(\d+)</td>', page)) == total
            seen.add(total)
        assert len(seen) > 5, "nobody wrote"
    finally:
        done.set()
        writer.join()


def test_the_reports_policy_allows_its_style_and_nothing_else(site, payer, audit):
    reply = export(payer, audit, "html")
    style = re.search(r"<style>(.*?)</style>", reply.text, re.S).group(1)
    source = "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
    policy = reply.headers["Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src {source}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    meta = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', reply.text).group(1)
    assert meta.replace("&#39;", "'") + "; frame-ancestors 'none'" == policy
    assert "Content-Security-Policy" not in export(payer, audit, "jsonl").headers


def test_the_report_says_the_score_and_how_it_came(site, payer):
    key = seed.audit(site.database, payer.org["id"], AWKWARD)
    site.database.execute("UPDATE audits SET score = 61, score_details = ?, name = ? WHERE id = ?",
                          '{"grade": "C", "resources": 2, "tests": [{"test": "hsts", "points": -20, "resources": 1}], "severities": []}', "Shop <prod>", key)
    text = export(payer, key, "html").text
    assert "61 / 100 · C" in text and "Each resource begins with 100 points" in text and "<td>hsts</td>" in text and "<h1>Shop &lt;prod&gt;</h1>" in text


def test_the_report_prints_well(site, payer, places):
    """As Chromium prints it: all of it is there, the style is applied, on as many pages as one would expect."""
    rows = [(f"https://host{h}.example.test/", f"check_{c}", "FAIL" if c % 3 else "PASS", severity, f"Comment {c} of host {h}, which is a sentence.")
            for h in range(4) for c, severity in enumerate(["critical", "high", "medium", "low", "informational"] * 6)]
    key = seed.audit(site.database, payer.org["id"], rows + HOSTILE)
    folder = places.folder("report")
    (folder / "report.html").write_bytes(export(payer, key, "html").content)
    subprocess.run([program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile",
                    f"--print-to-pdf={folder}/report.pdf", f"file://{folder}/report.html"], check=True, capture_output=True, timeout=60,
                   env=clean_environment(HOME=str(folder)))
    text, laid_out = (subprocess.run([program("pdftotext"), *how, f"{folder}/report.pdf", "-"], check=True, capture_output=True, text=True).stdout
                      for how in (("-raw",), ("-layout",)))
    pages = text.count("\f")
    flat = re.sub(r"\s+", " ", text)
    assert 3 <= pages <= 12, pages
    assert flat.count("which is a sentence.") == len(rows) and f"{len(rows) + len(HOSTILE)} findings." in flat
    assert all(f"https://host{h}.example.test/" in flat for h in range(4)) and "<script>alert(1)</script>" in flat
    # The head of the table is on every page that has some of it.
    assert len(re.findall(r"Check\s+Result\s+Severity\s+Comment\s+Time", laid_out)) >= pages - 1
    assert "Failed checks by severity" in flat


@pytest.mark.parametrize("name", FORMATS)
def test_gzip_is_the_same_file_smaller(payer, audit, name):
    reply = export(payer, audit, name, compress="gzip")
    assert reply.headers["Content-Type"] == "application/gzip" and "Content-Encoding" not in reply.headers
    assert re.search(r'^attachment; filename="audit_.*\.' + re.escape(FORMATS[name][1]) + r'\.gz"$', reply.headers["Content-Disposition"])
    plain, packed = export(payer, audit, name).content, gzip.decompress(reply.content)
    without = (lambda text: re.sub(rb"<dt>Report of</dt><dd>[^<]*", b"", text)) if name == "html" else (lambda text: text)
    assert without(packed) == without(plain) and len(reply.content) < len(plain)


@pytest.mark.parametrize("name", FORMATS)
def test_a_large_one_is_streamed_whole(site, payer, name):
    key = seed.large_audit(site.database, payer.org["id"], 20000)
    reply = export(payer, key, name, compress="gzip")
    assert reply.headers.get("Transfer-Encoding") == "chunked"
    text = gzip.decompress(reply.content).decode()
    assert re.findall(r"this is row number (\d+)", text) == [str(n) for n in range(1, 20001)]


def test_who_took_what_is_in_the_trail(payer, audit):
    export(payer, audit, "sarif")
    entry = payer.ok("GET", f"organizations/{payer.org['id']}/activity/", params={"action": "export.finished"})["results"][0]
    assert entry["new"]["format"] == "sarif" and entry["new"]["bytes"] > 1000


# What each way loses: blanks at a cell's ends, which the reader of CSV takes away; a message of SARIF is never empty, and no kind of it is for a check that broke down.
LOSSES = {"csv": lambda row: (*row[:4], row[4].strip()), "ocsf": lambda row: row,
          "sarif": lambda row: (*row[:2], {"ERROR": "MANUAL"}.get(row[2], row[2]), row[3], row[4] or row[1])}
READERS = {"csv": "generic", "ocsf": "ocsf", "sarif": "sarif"}


@pytest.mark.parametrize("name", LOSSES)
def test_what_was_exported_can_be_imported(payer, site, name):
    rows = AWKWARD + HOSTILE[:3]
    content = export(payer, seed.audit(site.database, payer.org["id"], rows), name).content
    reply = payer.post("audits/import/", data=content, params={"format": READERS[name]}, headers={"Content-Type": "application/octet-stream"})
    assert reply.status_code == 201, reply.text
    made = wait_audit(payer, reply.json()["id"], 60)
    assert made["status"] == "completed" and made["imports"][0]["bad"] == 0, made
    again = [(r["resource_id"], r["check_name"], r["status"], r["severity"], r["comment"]) for r in evidence(payer, made["id"])]
    assert again == [LOSSES[name](row) for row in rows]
