"""Audits in the console, beyond starting one: exported in every format, compared, made of other scanners' files."""

import csv
import io
import json

import pytest

from saastest import seed
from saastest.console import Console, conf
from saastest.places import ROOT, free_port

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
        # What the larger plan gives and costs, and one click to its checkout.
        console.page.shows(".export [role=alert] li", "Premium: Export of findings – $49.00 a month")
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


def test_two_are_compared(site, console, person):
    console.meets(409, "audits/")
    before = seed.audit(site.database, person.org["id"], [("r1", "fixed", "FAIL", "high", ""), ("r1", "stays", "FAIL", "low", ""), ("r1", "fog", "FAIL", "low", "")])
    after = seed.audit(site.database, person.org["id"], [("r1", "fixed", "PASS", "high", ""), ("r1", "stays", "FAIL", "low", ""),
                                                        ("r1", "fog", "MANUAL", "low", ""), (EVIL, EVIL, "FAIL", "critical", EVIL)])
    running = seed.audit(site.database, person.org["id"], status="running")
    person.ok("PATCH", f"audits/{after}/evidence/2/", {"muted": True, "reason": "known"})
    console.page.session(person)
    console.goto(at(person))
    console.page.wait("table td")
    # What runs cannot be chosen, and a third neither. The later one is chosen first.
    assert console.page.evaluate("[...document.querySelectorAll('tbody input')].map(one => one.disabled)") == [True, False, False]
    console.page.click("tbody tr:nth-child(2) input")
    console.reads("Choose one more")
    console.page.click("tbody tr:nth-child(3) input")
    console.looks("chosen")
    console.follow("Compare these two")
    console.heading("What has changed")
    assert console.at() == at(person, f"/{before}/diff/{after}")
    console.reads("4 findings.", "New (1)", "Fixed (1)", "No longer clear (1)", "Unchanged (1)", "Failed → Passed", "not reported → Failed")
    console.looks("diff")
    console.press("Fixed (1)")
    console.reads("1 finding.")
    assert "change=fixed" in console.at()
    console.press("All")
    console.page.choose("[name=muted]", "true")
    console.reads("1 finding.", "stays", "Unchanged (1)", "New (0)")
    console.page.choose("[name=muted]", "")
    console.follow(EVIL)
    console.heading("seeded")
    console.reads("1 finding.", f"Only {EVIL}")     # the resource; the check stands in its field
    assert console.page.evaluate("document.querySelector('[name=check]').value") == EVIL
    assert console.page.evaluate("document.querySelectorAll('main img').length") == 0
    # One that runs again: the API's words.
    console.goto(at(person, f"/{before}/diff/{running}"))
    refusal = person.get(f"audits/{before}/diff/{running}/")
    assert refusal.status_code == 409
    console.page.shows("main [role=alert]", refusal.json()["detail"])


FILES = {
    "prowler-csv": "prowler_example_output_aws.csv", "ocsf": "prowler_example_output_aws.ocsf.json", "sarif": "sarif_spotbugs.sarif",
    "trivy": "trivy_scheme_2_many_vulns.json",
}


@pytest.mark.long(45)
def test_every_format_is_imported(site, console, payer):
    """What a file is is seen by its head; how many findings it has, the API counts."""
    console.page.session(payer)
    generic = "resource_id,check_name,status,severity,timestamp,comment\r\nr,c,FAIL,high,,x\r\n"
    for format, text in [(key, (ROOT / "tests/data/findings" / name).read_text()) for key, name in FILES.items()] + [("generic", generic)]:
        console.goto(at(payer))
        console.page.click("main details:has([name=upload]) > summary")
        console.page.attach("[name=upload]", FILES.get(format, "findings.csv"), text)
        console.page.until(f"document.querySelector('[name=format]').value === '{format}'")
        console.press("Import")
        console.page.until("/[0-9a-f-]{36}$/.test(location.pathname)")  # the list, where it begins, has completed ones too
        console.page.shows("main .badge", "Completed")
        audit = payer.ok("GET", f"audits/{console.at().rpartition('/')[2]}/")
        assert audit["imports"][0]["format"] == format and audit["imports"][0]["added"] == audit["evidence_count"] > 0
        console.reads(f"findings added: {audit['imports'][0]['added']},")
    # Another file into the same audit, with records that cannot be read.
    console.page.click("main details:has([name=upload]) > summary")
    console.page.attach("[name=upload]", f"{EVIL}.csv", generic + "r2,c,FAIL,high,,y\r\n" + ",,,,,\r\n" * 25)
    console.press("Import")
    console.reads("findings added: 1, there already: 1", "What could not be read (the first 20 of 25)", "line 4")
    console.page.click("main .notice summary")
    console.looks("imported")
    assert console.page.evaluate("document.querySelectorAll('main img').length") == 0
    assert payer.ok("GET", f"audits/{audit['id']}/")["evidence_count"] == 2


def test_the_score_is_explained(site, console, person):
    key = person.ok("POST", "audits/start/", {"targets": [site.base]})["id"]
    console.page.session(person)
    console.goto(at(person, f"/{key}"))
    console.page.shows("main .badge", "Completed")
    details = person.ok("GET", f"audits/{key}/")["score_details"]
    console.page.shows(".grade", details["grade"])
    console.page.click(".why summary")
    worst = min(details["tests"], key=lambda one: one["points"])
    console.page.shows(".why tbody tr", str(worst["points"]))
    rows = console.page.evaluate("[...document.querySelectorAll('.why tbody tr')].map(row => [row.cells[0].textContent, Number(row.cells[3].textContent)])")
    assert sorted(map(tuple, rows)) == sorted((one["test"], one["points"]) for one in details["tests"])
    check = next(check["name"] for check in person.ok("GET", "audits/checks/?engine=web")["results"] if check["test"] == worst["test"])
    console.page.shows(".why tbody tr", check)
    console.looks("score")
    console.press(check, ".why tbody tr:first-child")
    console.page.until(f"document.querySelector('[name=check]').value === '{check}'")
    assert f"check={check}" in console.at() and "status=FAIL" in console.at()


def test_hosts_of_ones_own(site, console, person):
    console.meets(400, "audits/hosts/")
    console.meets(409, "audits/hosts/")
    console.page.session(person)
    console.goto(at(person))
    console.follow("Your hosts")
    console.heading("Your hosts")
    console.reads("There is none yet.")
    console.fill(host="https://www.example.com/")
    console.press("Add the host")
    assert console.wrong("host") and console.page.evaluate("document.querySelector('[name=host]').value") == "https://www.example.com/"
    console.fill(host="www.example.com")
    console.press("Add the host")
    console.reads("www.example.com", "Not proved yet", "https://www.example.com/.well-known/mod-saas.txt", "_mod-saas.www.example.com")
    (host,) = person.ok("GET", "audits/hosts/")["results"]
    assert console.page.evaluate("document.querySelector('main .secret').value") == host["token"]
    # Twice: the API's words, and what was typed stays.
    console.fill(host="www.example.com")
    console.press("Add the host")
    console.page.wait("main form [role=alert]")
    assert console.page.evaluate("document.querySelector('[name=host]').value") == "www.example.com"
    console.looks("hosts")
    console.follow("Start an audit of the host: every audit looks for the proof anew.")
    console.heading("Audits")
    assert console.page.evaluate("document.querySelector('[name=targets]').value") == "www.example.com"
    console.goto(at(person, "/hosts"))
    console.press("Remove the host: www.example.com")
    console.page.wait("dialog")
    console.press("Remove the host", "dialog")
    console.reads("There is none yet.")
    assert person.ok("GET", "audits/hosts/")["count"] == 0
    viewer = site.newcomer()
    seed.member(site.database, person.org["id"], viewer.user["id"], "VIEWER")
    person.ok("POST", "audits/hosts/", {"host": "www.example.com"})
    console.page.session(viewer)
    console.goto(at(person, "/hosts"))
    console.reads("Not proved yet")
    assert console.page.evaluate("document.querySelectorAll('main form').length") == 0 and "Remove" not in console.page.text()


def test_schedules(site, console, person):
    console.meets(400, "audits/schedules/")
    console.page.session(person)
    console.goto(at(person))
    console.follow("Schedules")
    console.heading("Schedules")
    console.reads("There is none yet.")
    console.page.click("summary")
    console.choose("[name=time_zone]", "Europe/Berlin")
    console.fill(targets="ftp://nowhere.example", name=EVIL, time="06:05")
    console.press("Create the schedule")
    assert "ftp://nowhere.example" in console.wrong("targets")
    assert console.page.evaluate("document.querySelector('[name=time]').value") == "06:05"
    console.looks("schedule-refused")
    console.fill(targets=site.base)
    console.press("Create the schedule")
    console.page.shows("main h2", EVIL)
    (schedule,) = person.ok("GET", "audits/schedules/")["results"]
    assert (schedule["cron"], schedule["time_zone"], schedule["name"]) == ("5 6 * * 1-5", "Europe/Berlin", EVIL)
    console.reads("Monday to Friday at 06:05", "(Europe/Berlin)")
    # The next run is told by the clock of who reads.
    shown = console.page.evaluate(f"new Intl.DateTimeFormat('en-US', {{dateStyle: 'medium', timeStyle: 'short'}}).format(new Date('{schedule['next_run_at']}'))")
    console.reads(shown)
    assert console.page.evaluate("document.querySelectorAll('main img').length") == 0

    # Each of what people mean, and an expression of one's own, which the API judges.
    def change(wanted, **fields):
        console.press(f"Change: {EVIL}")
        console.page.wait("dialog")
        for name, value in fields.items():
            (console.page.choose if name in ("preset", "weekday") else console.page.fill)(f"dialog [name={name}]", value)
        console.press("Save", "dialog")
        if wanted:
            console.page.until("!document.querySelector('dialog')")
            assert person.ok("GET", f"audits/schedules/{schedule['id']}/")["cron"] == wanted

    change("5 6 * * 0", preset="weekly", weekday="0")
    console.reads("Sundays at 06:05")
    change("0 23 28 * *", preset="monthly", day="28", time="23:00")
    change("7 * * * *", preset="hourly", minute="7")
    change("0 4 * * *", preset="daily", time="04:00")
    # The list that is loaded again after a change comes late: who is quicker sees already what was saved, and what they choose
    # and type meanwhile stays, whatever it brings of others.
    def chosen(*names):
        return console.page.evaluate(f"{list(names)}.map(name => document.querySelector(`dialog [name=${{name}}]`).value).join()")

    lists = "performance.getEntriesByType('resource').filter(one => one.name.includes('/audits/schedules/?')).length"
    console.page.hold("**/audits/schedules/?*")
    change("30 5 * * 2", preset="weekly", weekday="2", time="05:30")
    console.press(f"Change: {EVIL}")
    console.page.wait("dialog")
    assert chosen("preset", "weekday", "time") == "weekly,2,05:30"
    console.page.choose("dialog [name=preset]", "hourly")
    console.page.fill("dialog [name=minute]", "9")
    person.ok("PATCH", f"audits/schedules/{schedule['id']}/", json={"cron": "45 22 3 * *"})
    known = console.page.evaluate(lists)
    console.page.release("**/audits/schedules/?*")
    console.page.until(f"{lists} > {known}")
    console.page.evaluate("new Promise(go => requestAnimationFrame(() => setTimeout(go, 50)))")
    assert chosen("preset", "minute") == "hourly,9"
    console.press("Save", "dialog")
    console.reads("Every hour at minute 9")
    assert person.ok("GET", f"audits/schedules/{schedule['id']}/")["cron"] == "9 * * * *"

    change("*/15 9-17 * * mon,fri", preset="own", cron="*/15 9-17 * * mon,fri")
    console.reads("*/15 9-17 * * mon,fri")
    change(None, preset="own", cron="61 * * * *")
    console.page.wait("dialog [name=cron][aria-invalid=true]")
    console.page.choose("dialog [name=preset]", "monthly")
    console.page.fill("dialog [name=day]", "31")
    console.press("Save", "dialog")
    console.page.shows("dialog small.wrong", "A number from 1 to 28.")
    console.looks("schedule-change")
    console.page.hit("Escape")

    console.press(f"Pause: {EVIL}")
    console.reads("Paused")
    assert not person.ok("GET", f"audits/schedules/{schedule['id']}/")["enabled"]
    console.press(f"Go on: {EVIL}")
    console.page.until("!document.querySelector('main section.card').textContent.includes('Paused')")
    assert person.ok("GET", f"audits/schedules/{schedule['id']}/")["enabled"]
    console.page.click("[name=new_critical]")
    console.page.until("document.querySelector('[name=new_critical]').checked")
    assert person.ok("GET", "audits/alerts/") == {"new_critical": True}
    console.looks("schedules")
    seed.audit(site.database, person.org["id"], ROWS)
    console.goto(at(person, f"?schedule={schedule['id']}"))
    console.reads("There is no such audit.")
    console.press("Only of one schedule ×")
    console.reads("seeded")

    # Who reads sees it, and changes nothing but their own mail.
    viewer = site.newcomer()
    seed.member(site.database, person.org["id"], viewer.user["id"], "VIEWER")
    console.page.session(viewer)
    console.goto(at(person, "/schedules"))
    console.reads("*/15 9-17 * * mon,fri")
    assert console.page.evaluate("document.querySelectorAll('main button, main form').length") == 0
    console.page.session(person)
    console.page.reload()
    console.press(f"Delete the schedule: {EVIL}")
    console.page.wait("dialog")
    console.press("Delete the schedule", "dialog")
    console.reads("There is none yet.")
    assert person.ok("GET", "audits/schedules/")["count"] == 0


@pytest.mark.only_db("sqlite")
def test_in_german(site, browser, person):
    """Forms that are closed when a page comes; the pages themselves are looked at in test_console_hostile.py."""
    before, after = (seed.audit(site.database, person.org["id"], ROWS) for _ in range(2))
    page = browser.page(locale="de-DE")
    try:
        console = Console(page, site, "audits-de")
        page.session(person)
        console.goto(at(person))
        console.reads("Wählen Sie zwei Audits")
        page.click("summary")
        console.looks("list")
        console.goto(at(person, f"/{before}/diff/{after}"))
        console.reads("Unverändert (2)", "2 Befunde.")
        person.ok("POST", "audits/hosts/", {"host": "www.example.com"})
        console.goto(at(person, "/hosts"))
        console.reads("Noch nicht nachgewiesen")
        person.ok("POST", "audits/schedules/", {"targets": ["example.com"], "cron": "30 6 * * 1"})
        console.goto(at(person, "/schedules"))
        console.reads("Jeden Montag um 06:30")
        page.click("summary")
        console.looks("schedules")
        console.silent()
    finally:
        page.close()
