"""What somebody does in the console day by day: an audit from start to findings, the refused export, paying, exporting; and
what each role sees of it.
"""

import csv
import io
import re

import pytest

from saastest import seed
from saastest.client import wait_audit
from saastest.console import Console, conf
from saastest.places import free_port

SITE_PORT = free_port()
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf() + """
SaasPlan free limit.audits=3/month
SaasPlan premium price_test_pro_monthly features=export
"""
EVIL = "<img src=x onerror='document.title=1'>"


@pytest.fixture
def console(site, page):
    made = Console(page, site, "work")
    yield made
    made.silent()


@pytest.fixture
def as_role(site, person):
    """Somebody of the person's organization in this role."""
    def made(role):
        member = site.newcomer(name=EVIL)
        seed.member(site.database, person.org["id"], member.user["id"], role)
        return member
    return made


def org(person, page=""):
    return f"/o/{person.org['slug']}/{page}"


@pytest.mark.long(30)
def test_from_the_first_audit_to_the_export(site, console, person):
    """With the mouse: audit, refusal, paying at Stripe's, waiting for its webhook, export."""
    console.meets(400, "audits/start/")
    console.page.session(person)
    console.goto("/")
    console.follow("Start your first audit.")
    console.heading("Audits")
    console.fill(targets="ftp://nowhere.example")
    console.reads("Not an address of the web: ftp://nowhere.example")
    console.press("Start the audit")
    assert "ftp://nowhere.example" in console.wrong("targets")
    console.looks("audit-refused")
    console.fill(targets=site.base, name=EVIL)
    console.press("Start the audit")
    console.page.shows("main .badge", "Completed")
    console.heading(EVIL)
    console.page.wait(".gridbody [role=row]")
    console.looks("audit")

    # Refused in the API's words, one click from checkout.
    console.press("Export as CSV")
    console.page.shows("main [role=alert]", "Upgrade to Premium to export data")
    console.looks("export-refused")
    here = console.at()
    console.page.press("main [role=alert] button")
    console.page.wait("#pay")
    console.page.press("#pay")
    console.heading("Your payment")
    console.reads("The payment has arrived.")
    console.looks("paid")
    console.follow("Go on", "main")
    console.page.wait("main .score")
    console.looks("overview")
    assert "Upgrade to export" not in console.page.text()
    console.goto(here)
    name, text = console.page.download("main .export button")
    rows = list(csv.reader(io.StringIO(text)))
    assert re.fullmatch(r"audit_[0-9a-f-]{36}_\d{8}T\d{6}Z\.csv", name) and rows[0][0] == "Resource ID" and len(rows) > 10

    # The plan in words, and its pages at Stripe's and back.
    console.follow("Billing", "nav")
    console.reads("Premium, renews on")
    console.looks("billing-premium")
    console.page.press("main button.primary")
    site.sandbox.config(paused=True)
    console.page.press("#cancel-at-period-end")
    console.page.press("#return")
    console.heading("Billing")
    assert console.at() == org(person, "billing")
    # Stripe's word of it comes later than the person.
    console.reads("Premium, renews on")
    site.sandbox.config(paused=False)
    console.reads("Premium, ends on")


def test_a_limit_is_told_with_the_way_out(site, console, person):
    console.meets(403, "audits/start/")
    console.page.session(person)
    for _ in range(3):
        person.ok("POST", "audits/start/", {"targets": [site.base]})
    console.goto(org(person, "audits"))
    console.fill(targets="example.com")
    console.press("Start the audit")
    console.page.shows("form [role=alert]", "its limit of audits a month is 3")
    assert console.page.evaluate("document.querySelector('[name=targets]').value") == "example.com"
    console.follow("See plans")
    console.heading("Billing")
    console.reads("You are on the free plan.", "3 of 3", "$49.00 a month")
    console.looks("billing-free")


def test_a_viewer_reads(site, console, person, as_role):
    audit = seed.audit(site.database, person.org["id"], [(EVIL, EVIL, "FAIL", "high", EVIL)] * 3)
    console.page.session(as_role("VIEWER"))
    console.goto(org(person, "audits"))
    console.page.wait("table td")
    console.looks("audits-viewer")
    assert "Start the audit" not in console.page.text()
    console.goto(org(person, f"audits/{audit}"))
    console.page.wait(".gridbody [role=row]")
    assert "Delete" not in console.page.text() and console.page.evaluate("document.querySelectorAll('main img').length") == 0
    console.press(EVIL, ".gridbody [role=row][aria-rowindex='2']")
    console.page.shows("dialog h2", EVIL)
    console.looks("finding")
    console.page.hit("Escape")
    console.page.until("!document.querySelector('dialog')")
    console.press("Export as CSV")
    console.page.shows("main [role=alert]", "An administrator of your organization can upgrade.")
    console.goto(org(person, "billing"))
    console.reads("Administrators of the organization change the plan.")
    assert console.page.evaluate("document.querySelectorAll('main button').length") == 0


def asked(console):
    return console.page.evaluate("performance.getEntriesByType('resource').map(one => one.name).filter(name => name.includes('/api/'))")


def test_the_overview_asks_for_little(site, console, person):
    seed.audit(site.database, person.org["id"], [("r", "c", "FAIL", "high", "x")])
    console.page.session(person)
    console.goto(org(person))
    console.page.wait("main .score")
    console.reads("Invite your colleagues.")
    assert 0 < len(asked(console)) <= 3, asked(console)


def test_the_overview_tells_how_a_target_has_fared(site, console, person):
    keys = []
    for _ in range(2):
        keys.append(person.ok("POST", "audits/start/", {"targets": [site.base]})["id"])
        wait_audit(person, keys[-1])
    (newest, oldest) = person.ok("GET", f"audits/trend/?target={site.base}/")["results"]
    assert [newest["audit"], oldest["audit"]] == keys[::-1]
    console.page.session(person)
    console.goto(org(person))
    console.page.wait("main .history")
    assert f": {oldest['score']}, {newest['score']}" in console.page.evaluate("document.querySelector('.history').getAttribute('aria-label')")
    console.reads("Open findings by severity", f"Scores of audits of {site.base}/")
    assert console.page.evaluate("[...document.querySelectorAll('.bars dd')].map(one => Number(one.textContent))") == list(newest["failed"].values())
    assert 0 < len(asked(console)) <= 3, asked(console)
    console.looks("overview-trend")
    console.follow("See what failed")
    console.reads(f"{sum(newest['failed'].values())} findings.")


def test_an_audit_can_be_deleted_by_an_admin(site, console, person):
    console.meets(404, "audits/")
    audit = seed.audit(site.database, person.org["id"], [("r", "c", "FAIL", "high", "x")])
    console.page.session(person)
    console.goto(org(person, f"audits/{audit}"))
    console.press("Delete", "main")
    console.page.wait("dialog")
    console.press("Delete for good", "dialog")
    console.heading("Audits")
    console.reads("There is no such audit.")
    console.goto(org(person, f"audits/{audit}"))
    console.page.shows("main [role=alert]", "Not found.")


def test_a_checkout_that_is_left_comes_back_to_its_organization(site, console, person):
    console.meets(404, "billing/return/")
    other = person.ok("POST", "organizations/", {"name": "Second"})
    console.page.session(person)
    console.goto(f"/o/{other['slug']}/billing")
    console.page.press("main .cards button")
    console.page.wait("#pay")
    console.goto("/billing")
    console.heading("Billing")
    assert console.at() == f"/o/{other['slug']}/billing"
    console.goto("/billing/return?session_id=cs_none")
    console.page.shows("main [role=alert]", "Not found.")


def test_a_demotion_shows_without_a_reload(site, console, person, as_role):
    console.meets(403, "audits/start/")
    console.meets(404, "audits/")
    admin = as_role("ADMIN")
    console.page.session(admin)
    console.goto(org(person, "audits"))
    console.page.wait("[name=targets]")
    person.ok("PATCH", f"organizations/{person.org['id']}/members/{admin.user['id']}/", {"role": "VIEWER"})
    console.fill(targets="example.com")
    console.press("Start the audit")
    console.page.shows("header .badge", "Viewer")
    console.page.until("!document.querySelector('[name=targets]')")
    person.ok("DELETE", f"organizations/{person.org['id']}/members/{admin.user['id']}/")
    console.page.choose(".filters select", "failed")
    console.heading("Not found")
    console.reads("you are not in it")


CSV = "resource_id,check_name,status,severity,timestamp,comment\r\n" + f"{EVIL},{EVIL},FAIL,high,2026-01-02T03:04:05Z,{EVIL}\r\n"


def test_findings_of_another_scanner(site, console, person):
    console.page.session(person)
    console.goto(org(person, "audits"))
    console.page.click("summary")
    console.press("Import")
    assert console.wrong("upload") == "Choose a file."
    console.looks("import")
    console.page.attach("[name=upload]", f"{EVIL}.csv", CSV + ",,,,,\r\n")
    console.press("Import")
    console.page.shows("main .badge", "Completed")
    console.reads("findings added: 1, there already: 0", "that could not be read: 1", "line 3", "1 finding.")
    assert console.page.evaluate("document.querySelectorAll('main img').length") == 0
    console.follow("Audits")
    console.page.click("summary")
    console.page.attach("[name=upload]", "nothing.csv", "these,are,no,findings\r\n")
    console.press("Import")
    console.page.shows("main .badge", "Failed")
    console.page.wait("main .notice.bad")
