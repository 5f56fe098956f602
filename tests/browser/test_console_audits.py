"""Audits in the console, beyond starting one: exported in every format, compared, made of other scanners' files."""

import csv
import io
import json

import pytest

from saastest import seed
from saastest.console import Console, conf
from saastest.places import free_port

SITE_PORT = free_port()
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf() + """
SaasPlan free
SaasPlan premium price_test_pro_monthly features=export
"""
EVIL = "<img src=x onerror='document.title=1'>"
ROWS = [("https://a.example/", "hsts_enabled", "FAIL", "high", "not sent"), ("https://b.example/", "csp_present", "PASS", "medium", "sent"),
        (EVIL, EVIL, "FAIL", "low", EVIL)]


@pytest.fixture
def console(site, page):
    made = Console(page, site, "audits")
    yield made
    made.silent()


def at(person, page=""):
    return f"/o/{person.org['slug']}/audits{page}"


def export_button(name):
    return f'main .export >> role=button[name="Export as {name}"]'


def test_every_format_is_refused_in_the_words_of_the_api(site, console, person):
    audit = seed.audit(site.database, person.org["id"], ROWS)
    console.page.session(person)
    for name in ("CSV", "JSON lines", "SARIF", "OCSF", "Report to print"):
        console.goto(at(person, f"/{audit}"))
        console.page.click(export_button(name))
        console.page.shows(".export [role=alert]", "Upgrade to Premium to export data")
        console.page.wait(".export [role=alert] button.primary")
    console.looks("export-refused")


def test_every_format_is_exported(site, console, payer):
    audit = seed.audit(site.database, payer.org["id"], ROWS)
    console.page.session(payer)
    console.goto(at(payer, f"/{audit}?status=FAIL"))
    reads = {
        "CSV": ("csv", lambda text: [row[1] for row in csv.reader(io.StringIO(text))][1:]),
        "JSON lines": ("jsonl", lambda text: [json.loads(line)["check_name"] for line in text.splitlines()]),
        "SARIF": ("sarif", lambda text: [one["ruleId"] for one in json.loads(text)["runs"][0]["results"]]),
        "OCSF": ("ocsf.json", lambda text: [one["compliance"]["control"] for one in json.loads(text)]),
    }
    for name, (ending, read) in reads.items():
        file, text = console.page.download(export_button(name))
        assert file.endswith("." + ending) and len(read(text)) == 2, (file, text)
    url, text = console.page.popup(export_button("Report to print"))
    assert "format=html" in url and "status=FAIL" in url and "hsts_enabled" in text and "csp_present" not in text
    console.looks("export")
    console.page.click("[name=some]")
    file, text = console.page.download(export_button("CSV"))
    assert len(reads["CSV"][1](text)) == 3
    console.page.click("[name=gzip]")
    for name in (*reads, "Report to print"):
        file, _ = console.page.download(export_button(name))
        assert file.endswith(".gz")
