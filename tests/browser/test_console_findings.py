"""Findings in the console: what one means and what mends it, what people decide about it, of one or of all that a filter
finds, and what who only reads sees of that.
"""

import datetime
import json

import pytest

from saastest import seed
from saastest.console import Console, conf

SITE_STRIPE = False
SITE_CONF = conf()
EVIL = "<img src=x onerror='document.title=1'>"
ROWS = [("https://a.example/", "hsts_enabled", "FAIL", "high", "not sent"), ("https://b.example/", "hsts_enabled", "FAIL", "high", "not sent"),
        ("https://a.example/", "csp_present", "PASS", "medium", "sent"), (EVIL, EVIL, "FAIL", "low", EVIL)]


@pytest.fixture
def console(site, page):
    made = Console(page, site, "findings")
    yield made
    made.silent()


@pytest.fixture
def audit(site, person):
    return seed.audit(site.database, person.org["id"], ROWS)


def at(person, audit, query=""):
    return f"/o/{person.org['slug']}/audits/{audit}{query}"


def viewer_of(site, person):
    made = site.newcomer(name=EVIL)
    seed.member(site.database, person.org["id"], made.user["id"], "VIEWER")
    return made


def triage(person, audit, number=1):
    return next(row for row in person.ok("GET", f"audits/{audit}/evidence/")["results"] if row["id"] == number)["triage"]


def opened(console, number):
    console.page.click(f".gridbody [role=row][aria-rowindex='{number + 1}'] button")
    console.page.wait("dialog")


def test_a_finding_is_explained(site, console, person, audit):
    check = next(check for check in person.ok("GET", "audits/checks/")["results"] if check["name"] == "hsts_enabled")
    console.page.session(person)
    console.goto(at(person, audit))
    opened(console, 1)
    for words in (check["meaning"], check["remediation"], check["configuration"]["httpd"], check["configuration"]["nginx"]):
        console.page.shows("dialog", words.splitlines()[0])
    assert console.page.evaluate("document.querySelector('dialog a[target=_blank]').href") == check["reference"]
    assert "noreferrer" in console.page.evaluate("document.querySelector('dialog a[target=_blank]').rel")
    console.looks("explained")
    console.page.hit("Escape")
    opened(console, 4)
    console.page.shows("dialog", "The scanner does not say more about this check.")
    assert console.page.evaluate("document.querySelectorAll('main img, dialog img').length") == 0


def test_one_is_decided(site, console, person, audit):
    console.meets(400, "audits/")
    console.page.session(person)
    console.goto(at(person, audit))
    opened(console, 1)
    console.page.fill("dialog [name=comment]", EVIL)
    console.press("Save the comment", "dialog")
    console.page.shows("dialog .good", "Saved.")
    assert triage(person, audit)["comment"] == EVIL and not triage(person, audit)["muted"]
    console.page.click("dialog summary")
    console.press("Mute", "dialog")
    console.page.wait("dialog [name=reason][aria-invalid=true]")
    console.page.fill("dialog [name=reason]", EVIL)
    console.page.fill("dialog [name=until]", "2001-02-03")
    console.press("Mute", "dialog")
    console.page.wait("dialog [name=until][aria-invalid=true]")
    console.page.shows("dialog small.wrong", "This time is over.")
    assert console.page.evaluate("document.querySelector('dialog [name=reason]').value") == EVIL
    console.looks("mute-refused")
    day = datetime.date.today() + datetime.timedelta(days=30)
    console.page.fill("dialog [name=until]", day.isoformat())
    console.press("Mute", "dialog")
    console.page.shows("dialog .good", "It is muted.")
    now = triage(person, audit)
    assert now["muted"] and now["reason"] == EVIL and now["comment"] == EVIL
    # The whole day, wherever somebody is.
    assert abs(datetime.datetime.fromisoformat(now["until"]).date() - day) <= datetime.timedelta(days=1)
    console.page.until("document.querySelector('dialog .facts:last-of-type').textContent.includes('you')")
    console.looks("muted")
    console.page.hit("Escape")
    console.page.shows(".gridbody [role=row][aria-rowindex='2']", "Muted")
    console.page.until("!document.querySelector('.gridbody [role=row][aria-rowindex=\"3\"]').textContent.includes('Muted')")
    console.page.choose("[name=muted]", "false")
    console.reads("3 findings.")
    console.page.choose("[name=muted]", "true")
    console.reads("1 finding.")
    assert "muted=true" in console.at()
    opened(console, 1)
    console.press("End the mute", "dialog")
    console.page.shows("dialog .good", "It is not muted any more.")
    assert not triage(person, audit)["muted"] and triage(person, audit)["comment"] == EVIL


def test_all_that_a_filter_finds_are_decided(site, console, person, audit):
    console.meets(400, "audits/")
    console.page.session(person)
    console.goto(at(person, audit))
    console.page.wait(".gridbody [role=row]")
    assert "Decide about all" not in console.page.text()
    opened(console, 1)
    console.press("All findings of this check", "dialog")
    console.reads("2 findings.")
    assert console.page.evaluate("document.querySelector('[name=check]').value") == "hsts_enabled"
    console.press("Decide about all of these …")
    console.page.shows("dialog", "all 2 findings")
    console.press("Do it for all", "dialog")
    console.page.wait("dialog [name=reason][aria-invalid=true]")
    console.looks("many")
    console.page.fill("dialog [name=reason]", "behind the proxy")
    console.press("Do it for all", "dialog")
    console.page.shows("main .good", "2 findings are changed.")
    assert [triage(person, audit, number)["muted"] for number in (1, 2, 3, 4)] == [True, True, False, False]
    console.page.shows(".gridbody", "Muted")
    console.press("Decide about all of these …")
    console.page.choose("dialog [name=what]", "comment")
    console.page.fill("dialog [name=comment]", EVIL)
    console.press("Do it for all", "dialog")
    console.page.until("!document.querySelector('dialog')")
    assert triage(person, audit, 2)["comment"] == EVIL and triage(person, audit, 2)["reason"] == "behind the proxy"
    console.press("Decide about all of these …")
    console.page.choose("dialog [name=what]", "unmute")
    console.press("Do it for all", "dialog")
    console.page.until("!document.querySelector('dialog') && !document.querySelector('.gridbody').textContent.includes('Muted')")
    assert not triage(person, audit, 2)["muted"]
    console.page.fill("[name=check]", "")
    console.reads("4 findings.")
    # The checks that there are stand behind the field; one of them is taken at once, any other name when it is finished.
    console.page.click("[name=check]")
    console.page.until("document.querySelector('datalist option[value=csp_present]')")
    console.page.click("[name=check]")
    console.page.type("csp_present")
    console.reads("1 finding.")
    assert "check=csp_present" in console.at()
    console.page.fill("[name=check]", "")
    console.page.click("[name=check]")
    console.page.type("nobodys")
    console.page.hit("Enter")
    console.reads("No findings.")


def test_who_reads_decides_nothing(site, console, person, audit):
    person.ok("PATCH", f"audits/{audit}/evidence/1/", {"muted": True, "reason": "behind the proxy", "comment": EVIL})
    console.page.session(viewer_of(site, person))
    console.goto(at(person, audit, "?muted=true"))
    opened(console, 1)
    console.page.shows("dialog", "behind the proxy")
    console.page.until("document.querySelector('dialog .facts:last-of-type').textContent.includes('Test Person')")
    assert console.page.evaluate("document.querySelectorAll('dialog form, dialog textarea').length") == 0
    assert "Decide about all" not in console.page.text()
    console.looks("viewer")


SIGHT = """(() => { const box = document.querySelector('.grid'), head = document.querySelector('.gridbody').getBoundingClientRect();
    return [...document.querySelectorAll('.gridbody [role=row]')].filter(row => { const at = row.getBoundingClientRect(), seen = box.getBoundingClientRect();
        return at.top >= seen.top - 64 && at.bottom <= seen.bottom + 64; }).map(row => Number(row.getAttribute('aria-rowindex')) - 1).sort((a, b) => a - b); })()"""
TEXTS = "[...document.querySelectorAll('.gridbody [role=row]')].every(row => row.textContent.includes('number ' + (row.getAttribute('aria-rowindex') - 1)))"


def scroll(console, to):
    console.page.evaluate(f"document.querySelector('.grid').scrollTo(0, {to})")


@pytest.mark.long(30)
def test_a_large_audit_is_read_forward_and_backward(site, console, person):
    """What is in sight is in the document, in memory is what lies around it, and the rest is asked for, in both directions."""
    count = 12345
    audit = seed.large_audit(site.database, person.org["id"], count)
    console.page.session(person)
    console.goto(at(person, audit))
    console.page.wait(".gridbody [role=row]")
    console.reads("12,345 findings.", "of 12,345")
    before = 0
    while (now := max(console.page.evaluate(SIGHT))) < count:
        assert now > before, "scrolling to the end of what is there brings no more"
        before = now
        scroll(console, "1e9")
        console.page.until(f"Math.max(...{SIGHT}) > {now} && {TEXTS}")
    assert console.page.evaluate("document.querySelectorAll('.gridbody [role=row]').length") < 60
    # No browser scrolls through the height of a million rows.
    assert console.page.evaluate("document.querySelector('.gridbody').offsetHeight") <= 10000 * 64
    before, asked = count, console.page.evaluate("performance.getEntriesByType('resource').length")
    while (now := min(console.page.evaluate(SIGHT))) > 1:
        assert now < before, "scrolling to the beginning of what is there brings no more"
        before = now
        scroll(console, 0)
        console.page.until(f"Math.min(...{SIGHT}) < {now} && {TEXTS}")
    assert console.page.evaluate("performance.getEntriesByType('resource').length") > asked, "the first rows were in memory all the time"
    # From the other end: the last rows at once, then those before them.
    console.page.evaluate("performance.clearResourceTimings()")
    console.press("To the last")
    console.page.until(f"Math.max(...{SIGHT}) === {count} && {TEXTS}")
    assert console.page.evaluate("performance.getEntriesByType('resource').length") <= 2
    for _ in range(4):
        now = min(console.page.evaluate(SIGHT))
        scroll(console, 0)
        console.page.until(f"Math.min(...{SIGHT}) < {now} && {TEXTS}")
    console.press("To the first")
    console.page.until(f"Math.min(...{SIGHT}) === 1 && {TEXTS}")
    # Filters are asked of the API, and in the address.
    console.page.choose("[name=severity]", "high")
    console.reads("No findings.")
    console.page.choose("[name=severity]", "low")
    console.page.fill("[name=search]", "row number 432")
    console.reads("11 findings.", "host-432.example.test")
    console.press("To the last")
    console.reads("host-4329.example.test")
    console.page.reload()
    console.reads("11 findings.", "host-432.example.test")
    assert "severity=low" in console.at() and "search=row" in console.at()


def test_the_table_by_keyboard(site, console, person):
    audit = seed.large_audit(site.database, person.org["id"], 1000)
    console.page.session(person)
    console.goto(at(person, audit))
    console.page.wait(".gridbody [role=row]")
    focused = "document.activeElement.getAttribute('aria-rowindex') - 1"
    console.page.evaluate("document.querySelector('[name=muted]').focus()")

    def hit(key, row):
        console.page.hit(key)
        console.page.until(f"{focused} === {row} && document.activeElement.textContent.includes('number {row}')")
        assert console.page.evaluate("""(() => { const row = document.activeElement.getBoundingClientRect(), box = document.querySelector('.grid').getBoundingClientRect();
            return row.top >= box.top && row.bottom <= box.bottom + 1; })()"""), f"{key} leads out of sight"

    for _ in range(10):
        console.page.hit("Tab")
        if console.page.evaluate("document.activeElement.role") == "row":
            break
    hit("ArrowDown", 2)
    hit("ArrowDown", 3)
    hit("ArrowUp", 2)
    console.page.hit("PageDown")
    console.page.until(f"{focused} > 4")
    below = console.page.evaluate(focused)
    hit("ArrowDown", below + 1)
    hit("End", 1000)
    hit("ArrowUp", 999)
    hit("ArrowDown", 1000)
    hit("ArrowDown", 1000)
    hit("Home", 1)
    hit("ArrowUp", 1)
    # One stop of Tab: the next one leaves the table.
    console.page.hit("Enter")
    console.page.shows("dialog", "row number 1")
    console.page.hit("Escape")
    console.page.until(f"!document.querySelector('dialog') && {focused} === 1")
    console.page.hit("Tab")
    assert not console.page.evaluate("document.querySelector('.grid').contains(document.activeElement)")


@pytest.mark.only_db("sqlite")
def test_in_german(site, browser, person, audit):
    page = browser.page(locale="de-DE")
    try:
        console = Console(page, site, "findings-de")
        page.session(person)
        console.goto(at(person, audit, "?severity=high"))
        page.shows(".gridbody", "hsts_enabled")
        console.press("Über alle diese entscheiden …")
        page.shows("dialog", "alle 2 Befunde")
        console.looks("many")
        page.hit("Escape")
        opened(console, 1)
        page.shows("dialog", "Was hilft")
        page.click("dialog summary")
        console.looks("finding")
        console.silent()
    finally:
        page.close()


def test_the_table_is_sorted(site, console, person):
    """By whatever the API sorts by, from both ends; the address keeps it, and a filter takes nothing of it away."""
    audit = seed.large_audit(site.database, person.org["id"], 1000)
    console.page.session(person)
    console.goto(at(person, audit))
    console.page.wait(".gridbody [role=row]")
    found = "[...document.querySelectorAll('.gridbody [role=row]')].map(row => [...row.children].slice(2).map(cell => cell.textContent))"

    def first_of(ordering, **filters):
        rows = person.ok("GET", f"audits/{audit}/evidence/", params={"ordering": ordering, "page_size": 5, "cursor": "", **filters})["results"]
        return [[row["check_name"], row["resource_id"], row["comment"]] for row in rows]

    def shows(rows):
        told = json.dumps(rows)
        console.page.until(f"JSON.stringify({found}.slice(0, 5)) === JSON.stringify({told})")

    shows(first_of("id"))
    assert "ordering" not in console.at()
    offered = console.page.evaluate("[...document.querySelectorAll('[name=ordering] option')].map(one => one.value)")
    assert len(offered) >= 6 and offered[0] == ""
    for ordering in offered[1:]:
        console.page.choose("[name=ordering]", ordering)
        shows(first_of(ordering))
        assert f"ordering={ordering}" in console.at()
        console.press("To the last")
        last = first_of(ordering.removeprefix("-") if ordering.startswith("-") else f"-{ordering}")[::-1]
        console.page.until(f"JSON.stringify({found}.slice(-5)) === JSON.stringify({json.dumps(last)})")
    console.page.choose("[name=ordering]", "severity")
    console.page.choose("[name=status]", "FAIL")
    shows(first_of("severity", status="FAIL"))
    console.page.reload()
    shows(first_of("severity", status="FAIL"))
    assert console.page.evaluate("document.querySelector('[name=ordering]').value") == "severity"
    console.looks("sorted")
    console.page.choose("[name=ordering]", "")
    shows(first_of("id", status="FAIL"))
    assert "ordering" not in console.at()
