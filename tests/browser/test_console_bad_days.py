"""Bad days: what the API may answer, or not at all, is told in words with the way out, on a page that is loaded and in a form
that is sent; nothing that was typed is lost, and what passes is tried again by itself. Answers that are the API's on neither
database, but made here, are tried on one.
"""

import re

import pytest

from saastest import seed
from saastest.client import PASSWORD, Api
from saastest.console import Console, conf

SITE_STRIPE = False
SITE_CONF = conf()
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
ROWS = [("https://a.example/", "hsts_enabled", "FAIL", "high", "not sent"), ("https://b.example/", "csp_present", "PASS", "medium", "sent")]


def problem(code, detail):
    return {"detail": detail, "code": code}


# status, body, headers, words, by itself again
ANSWERS = {
    "permission": (403, problem("permission_denied", "You do not have permission to perform this action."), {},
                   ("You do not have permission", "one of its administrators can change that"), False),
    "csrf": (403, problem("csrf_failed", "This request comes from another site."), {}, ("from another site", "reload the page"), False),
    "missing": (404, problem("not_found", "Not found."), {}, ("Not found.",), False),
    "conflict": (409, problem("conflict", "The audit is still running."), {}, ("The audit is still running.",), False),
    "throttled": (429, problem("throttled", "Request was throttled. Expected available in 1 second."), {"Retry-After": "1"},
                  ("Expected available in 1 second.",), None),
    "throttled-silent": (429, HTML, {"Retry-After": "1"}, ("a little too often",), None),
    "error": (500, problem("error", "A server error occurred."), {}, ("A server error occurred.",), False),
    "unavailable": (503, problem("unavailable", "The service cannot be reached at the moment."), {"Retry-After": "1"},
                    ("cannot be reached at the moment", "tried again by itself"), True),
    "proxy": (502, HTML, {}, ("cannot be reached at the moment",), None),
    "gateway-503": (503, HTML, {"Retry-After": "1"}, ("cannot be reached at the moment", "tried again by itself"), True),
    "no-json": (200, HTML, {}, ("could not be understood",), None),
    "cut": (0, None, {}, ("the connection may be cut",), None),
}


@pytest.fixture
def console(site, page):
    made = Console(page, site, "bad-days")
    yield made
    said = [line for line in page.problems() if not re.search(r"Failed to load resource: (the server responded with a status of \d+|net::ERR_CONNECTION_RESET)", line)]
    assert not said, "\n".join(said)


def at(person, page=""):
    return f"/o/{person.org['slug']}/{page}"


def targets(console):
    return console.page.evaluate("document.querySelector('[name=targets]').value")


@pytest.mark.only_db("sqlite")
def test_a_form_tells_of_each_and_keeps_what_was_typed(site, console, person):
    console.page.session(person)
    console.goto(at(person, "audits"))
    console.fill(targets="www.example.com", name="Typed")
    pattern = "**/api/v1/audits/start/"
    for name, (status, body, headers, words, _) in ANSWERS.items():
        console.page.answered(pattern, "POST", status, body, headers)
        console.press("Start the audit")
        for text in words:
            console.page.shows("main form [role=alert]", text)
        assert targets(console) == "www.example.com", name
        if name in ("unavailable", "throttled"):
            console.looks(name)
        console.page.unroute(pattern)
        # Its refusal goes with the next one, so that each is seen for itself.
        console.page.answered(pattern, "POST", 400, {"targets": ["nothing"]}, {})
        console.press("Start the audit")
        console.page.until("!document.querySelector('main form [role=alert]') && document.querySelector('[name=targets][aria-invalid=true]')")
        console.page.unroute(pattern)
    assert console.page.evaluate("document.querySelector('main form [name=name]').value") == "Typed"


@pytest.mark.parametrize("name", ["unavailable", "gateway-503"])
def test_a_form_is_sent_again_by_itself_when_the_service_is_back(site, console, person, name):
    status, body, headers, words, _ = ANSWERS[name]
    console.page.session(person)
    console.goto(at(person, "audits"))
    console.page.answered("**/api/v1/audits/start/", "POST", status, body, headers)
    console.fill(targets=site.base)
    console.press("Start the audit")
    console.page.shows("main form [role=alert]", words[-1])
    console.page.unroute("**/api/v1/audits/start/")
    console.page.shows("main .badge", "Completed")
    assert person.ok("GET", "audits/")["count"] == 1


@pytest.mark.only_db("sqlite")
def test_who_has_left_the_page_sends_nothing_later(site, console, person):
    status, body, headers, words, _ = ANSWERS["unavailable"]
    console.page.session(person)
    console.goto(at(person, "audits"))
    console.page.answered("**/api/v1/audits/start/", "POST", status, body, headers)
    console.fill(targets=site.base)
    console.press("Start the audit")
    console.page.shows("main form [role=alert]", words[-1])
    console.follow("Team", "nav")
    console.heading("Team")
    console.page.unroute("**/api/v1/audits/start/")
    console.page.evaluate("new Promise(done => setTimeout(done, 1500))")
    assert person.ok("GET", "audits/")["count"] == 0


@pytest.mark.long(35)
@pytest.mark.only_db("sqlite")
def test_a_page_tells_of_each_and_comes_back(site, console, person):
    console.page.session(person)
    pattern = "**/api/v1/audits/hosts/**"
    for name, (status, body, headers, words, again) in ANSWERS.items():
        console.page.answered(pattern, "GET", status, body, headers)
        console.goto(at(person, "audits/hosts"))
        for text in words:
            console.page.shows("main [role=alert]", text)
        console.page.unroute(pattern)
        if name in ("missing", "permission", "csrf"):
            console.follow("To the start page", "main")
            console.heading(person.org["name"])
        elif again is False or name == "no-json":
            console.press("Try again", "main [role=alert]")
            console.reads("There is none yet.")
        elif name not in ("proxy", "cut"):
            console.reads("There is none yet.")     # by itself
    # What is shown stays while it is asked anew.
    console.goto(at(person, "audits/hosts"))
    console.reads("There is none yet.")


def test_a_session_that_ends_keeps_what_was_typed(site, console, person):
    mine = Api(site.base)
    mine.ok("POST", "auth/login/", {"email": person.email, "password": PASSWORD})
    console.page.cookies([{"name": cookie.name, "value": cookie.value, "url": site.base} for cookie in mine.http.cookies])
    console.goto(at(person, "audits"))
    console.fill(targets=site.base)
    mine.ok("POST", "auth/logout/")
    console.press("Start the audit")
    console.page.shows("main form [role=alert] a", "Log in in another window")
    assert targets(console) == site.base
    # The page asks now and then who it is, and still loses nothing.
    console.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    console.page.shows("main > [role=alert]", "Your session has ended. Nothing that you typed is lost.")
    assert targets(console) == site.base
    console.looks("session-ended")
    # They log in elsewhere, come back, and go on.
    again = Api(site.base)
    again.ok("POST", "auth/login/", {"email": person.email, "password": PASSWORD})
    console.page.cookies([{"name": cookie.name, "value": cookie.value, "url": site.base} for cookie in again.http.cookies])
    console.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    console.page.until("!document.querySelector('main > [role=alert]')")
    assert targets(console) == site.base
    console.press("Start the audit")
    console.page.shows("main .badge", "Completed")
    # Without anything typed it is the log-in page, and back.
    here = console.at()
    again.ok("POST", "auth/logout/")
    console.goto(here)
    console.heading("Log in")
    console.log_in(person.email)
    console.page.shows("main .badge", "Completed")
    assert console.at() == here


LATER = ["triage", "score_details", "imports", "configuration", "meaning", "remediation", "reference", "title"]


@pytest.mark.only_db("sqlite")
def test_an_api_that_is_older_than_the_console(site, console, person):
    """While nodes are updated: calls that it does not have, members that it does not tell."""
    audit = seed.audit(site.database, person.org["id"], ROWS)
    document = person.ok("GET", "openapi.json")
    for path in ("/audits/checks/", "/audits/hosts/", "/audits/trend/", "/audits/{audit}/export/", "/audits/{audit}/diff/{other}/"):
        del document["paths"][path]
    del document["paths"]["/audits/{audit}/evidence/"]["patch"]
    document["paths"] = {path.replace("{audit}", "{audit_id}"): item for path, item in document["paths"].items()}
    console.page.session(person)
    console.page.without("**/api/v1/audits/" + audit + "/**", LATER)
    for pattern in ("**/api/v1/audits/checks/**", "**/api/v1/audits/hosts/**", "**/api/v1/audits/*/diff/**"):
        console.page.answered(pattern, "", 404, problem("not_found", "Not found."), {})
    console.page.answered("**/api/v1/audits/*/evidence/*", "PATCH", 405, problem("method_not_allowed", "Method not allowed."), {})
    console.page.answered("**/api/v1/openapi.json", "", 200, document, {})
    console.goto(at(person, "audits/hosts"))
    console.page.shows("main [role=alert]", "The service is older than this page and cannot do this yet.")
    console.looks("older")
    console.goto(at(person, f"audits/{audit}?severity=high"))
    console.page.shows(".gridbody", "hsts_enabled")
    console.page.click(".gridbody [role=row] button")
    console.page.shows("dialog", "The scanner does not say more about this check.")
    console.page.hit("Escape")
    console.press("Decide about all of these …")
    console.page.fill("dialog [name=reason]", "typed")
    console.press("Do it for all", "dialog")
    console.page.shows("dialog [role=alert]", "older than this page")
    assert console.page.evaluate("document.querySelector('dialog [name=reason]').value") == "typed"
    # The overview goes without the history that it would have asked for.
    seed.audit(site.database, person.org["id"], ROWS)
    console.page.answered("**/api/v1/audits/trend/**", "", 404, problem("not_found", "Not found."), {})
    console.goto(at(person))
    console.reads("Checks by severity", "Last audits")
    console.page.until("performance.getEntriesByType('resource').some(one => one.name.includes('/openapi.json'))")
    assert console.page.evaluate("!document.querySelector('main [role=alert]')")
    # What it has is not found for another reason.
    console.goto(at(person, "audits/01999999-0000-7000-8000-000000000000"))
    console.page.shows("main [role=alert]", "Not found.")
    assert "older" not in console.page.text()
