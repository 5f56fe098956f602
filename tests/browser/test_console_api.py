"""The API's reference in the console: made of what the server has loaded, for everybody, with commands that work as they stand."""

import subprocess

import pytest

from saastest.client import Api
from saastest.console import Console, conf
from saastest.openapi import METHODS, composed
from saastest.places import clean_environment, free_port

SITE_PORT = free_port()
SITE_STRIPE = False
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf()


@pytest.fixture
def console(site, page):
    made = Console(page, site, "api")
    yield made
    made.silent()


def commands(console):
    """The command of every call that is shown, by method and path."""
    console.page.evaluate("document.querySelectorAll('details.call').forEach(one => { one.open = true; })")
    console.page.until("[...document.querySelectorAll('details.call')].every(one => one.querySelector('pre'))")
    return dict(console.page.evaluate("""[...document.querySelectorAll('details.call')].map(one =>
        [[...one.querySelectorAll('summary')[0].querySelectorAll('code')].map(code => code.textContent).join(' '), one.querySelector('pre').textContent])"""))


def run(command, token):
    """A command as it stands, in a shell; (status, body)."""
    done = subprocess.run(["sh", "-c", command.replace("curl", "curl -s -w '\\n%{http_code}'", 1)], capture_output=True, text=True, timeout=20,
                          env=clean_environment(SAAS_TOKEN=token))
    assert done.returncode == 0 and not done.stderr, f"{command}\n{done.stderr}"
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


@pytest.mark.only_db("sqlite")
def test_the_reference_is_there_for_everybody(console, browser, site):
    console.goto("/")
    console.follow("API", "footer")
    console.heading("API")
    assert console.at() == "/api"
    described = {f"{method.upper()} {path}" for path, item in composed()["paths"].items() for method in item if method in METHODS}
    console.page.wait("details.call")
    found = commands(console)
    # What is described and loaded here: no Stripe, but its routes are there.
    assert set(found) == described
    for command in found.values():
        assert subprocess.run(["sh", "-n", "-c", command], capture_output=True).returncode == 0, command
    console.reads("Programs authenticate with a token", "authentication_failed", "X-Organization-ID", "saas-role ADMIN")
    console.page.fill("[type=search]", "post invites")
    console.reads("3 calls", "/invites/accept/")
    console.looks("reference")
    window = Console(browser.page(locale="de-DE"), site, "api")
    try:
        window.goto("/api#startAudit")
        window.page.wait("#startAudit[open] pre")
        window.reads("Start an audit", "Ausprobieren", "nötig")
        window.page.fill("[type=search]", "audits/start")
        window.reads("1 Aufruf")
        window.looks("reference-de")
        window.silent()
    finally:
        window.page.close()


def test_the_commands_work(console, person):
    console.page.session(person)
    console.goto(f"/o/{person.org['slug']}/")
    console.follow("API", "footer")
    console.heading("API")
    assert console.at() == f"/o/{person.org['slug']}/api"
    console.page.wait("details.call")
    found = commands(console)
    token = person.ok("POST", "auth/tokens/", {"name": "reference"})["token"]
    tried = 0
    for name, command in found.items():
        rest = command.replace("$SAAS_TOKEN", "")
        if name.startswith("GET ") and "$" not in rest and "SESSION_ID" not in rest:
            status, body = run(command, token)
            assert status == 200, f"{name}: {command}: {status} {body}"
            tried += 1
    assert tried > 12
    status, body = run(found["POST /organizations/{org}/invites/"], token)
    assert status == 201 and '"name@example.com"' in body, body
    assert run(found["GET /auth/me/"].replace("$SAAS_TOKEN", "saas_none"), "")[0] == 401
    assert Api(console.site.base, token=token).ok("GET", f"organizations/{person.org['id']}/invites/")["count"] == 1


@pytest.mark.only_db("sqlite")
def test_a_document_that_does_not_come_is_asked_for_again(console):
    console.meets(503, "openapi.json")
    console.page.route("**/openapi.json", 503)
    console.goto("/api")
    console.page.wait("main [role=alert]")
    console.page.unroute("**/openapi.json")
    console.press("Try again")
    console.page.wait("details.call")
