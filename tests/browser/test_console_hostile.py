"""Text that means ill, in every field that anybody can write, on every page, for every role: it is shown as text, and nothing
comes of it. And what could lead a browser astray: secrets of links in addresses and referrers, ?next=.
"""

import re
from urllib.parse import quote

import pytest

from saastest import seed
from saastest.client import PASSWORD, Person, invite_token, wait_audit
from saastest.console import BRAND, Console, conf
from saastest.openapi import METHODS, Document, composed
from saastest.places import ROOT, free_port
from saastest.receiver import Receiver

SITE_PORT, FOREIGN_PORT = free_port(), free_port()
SITE_STRIPE = False
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf(more=f"SaasConsoleLink other http://127.0.0.2:{FOREIGN_PORT}/elsewhere Elsewhere") + f"""
SaasNotifyAllow 127.0.0.2
SaasNotifyHTTP On
Listen 127.0.0.2:{FOREIGN_PORT}
LogFormat "%U%q <%{{Referer}}i>" referrers
CustomLog "referrers" referrers
"""
MAIN = ROOT / "plugins" / "console" / "web" / "src" / "main.tsx"


def evil(mark):
    return f"""<img src=x onerror="alert('{mark}')"><svg onload=alert(1)>'&lt;{{{{7*7}}}}{mark}"""


# Where each text is written, by the operation and field of the API's document, or of a file, and whether a page shows it.
WRITTEN = {
    "register.name": "guest-name", "register.organization": "org-registered", "updateProfile.name": "user-name", "createToken.name": "token-name",
    "startAudit.targets": "audit-target", "startAudit.name": "audit-name", "importAudit.?file": "file-name", "importAudit.?name": "import-name",
    "importIntoAudit.?file": "file-again", "triageEvidence.reason": "mute-reason", "triageEvidence.comment": "triage-comment",
    "triageManyEvidence.reason": "mute-many", "triageManyEvidence.comment": "comment-many", "createEndpoint.url": "endpoint-url",
    "createEndpoint.description": "endpoint-words", "changeEndpoint.url": "endpoint-url", "changeEndpoint.description": "endpoint-words",
    "createOrganization.name": "org-second", "replaceOrganization.name": "org-name", "updateOrganization.name": "org-name",
    "addAuditSchedule.targets": "audit-target", "addAuditSchedule.name": "schedule-name", "changeAuditSchedule.targets": "audit-target",
    "changeAuditSchedule.name": "schedule-name", "invite.email": "invited", "register.email": "guest-mail", "updateProfile.email": "guest-mail",
}
MARKS = {*WRITTEN.values(), *(f"{file}-{what}-{severity}" for file in ("import", "again") for what in ("resource", "check", "comment") for severity in ("high", "low"))}
# What the API takes only when it is one of a kind; and what it compares, hashes or looks up, and never shows.
JUDGED = {"createToken": ["expires_at", "organization", "role"], "updateProfile": ["default_organization"], "startAudit": ["engine"], "addAuditHost": ["host"],
          "createEndpoint": ["events"], "changeEndpoint": ["events"], "createOrganization": ["slug"], "replaceOrganization": ["slug"],
          "updateOrganization": ["slug"], "createCheckoutSession": ["price"], "addAuditSchedule": ["cron", "engine", "time_zone"], "changeAuditSchedule": ["cron", "time_zone"], "triageEvidence": ["until"], "triageManyEvidence": ["until", "?check", "?check_name",
          "?resource_id", "?muted", "?search"]}
COMPARED = {"password", "old", "new", "token", "invite", "logIn.email", "requestPasswordReset.email", "?Idempotency-Key", "?Stripe-Signature"}


def fields(document):
    """Of each operation that changes something the fields that are free text."""
    whole = Document(document)
    for item in document["paths"].values():
        for method in METHODS:
            operation = item.get(method)
            if not operation or method == "get":
                continue
            name = operation["operationId"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for field, schema in whole.follow(content["schema"]).get("properties", {}).items():
                    schema = whole.follow(schema)
                    ways = [whole.follow(one) for one in (schema, schema.get("items", {}), *schema.get("anyOf", []))]
                    if any("string" in str(one.get("type")) and "enum" not in one for one in ways):
                        yield name, field
            for parameter in map(whole.follow, operation.get("parameters", [])):
                if parameter["in"] != "path" and "enum" not in parameter["schema"] and parameter["name"] not in ("X-Organization-ID", "organization"):
                    yield name, "?" + parameter["name"]


def test_every_field_that_can_be_written_is_written_here():
    unknown = [f"{name}.{field}" for name, field in fields(composed())
               if f"{name}.{field}" not in WRITTEN and field not in JUDGED.get(name, []) and field not in COMPARED and f"{name}.{field}" not in COMPARED]
    assert not unknown, f"new in the API: write {', '.join(unknown)} in the fixture house, and say so in WRITTEN, or in JUDGED or COMPARED why not"


class House:
    """An organization in which everything that can be written means ill."""

    def __init__(self, site, receiver):
        self.site = site
        self.admin = Person(site.base, organization=evil("org-registered"), name=evil("user-name"))
        self.org = self.admin.org["id"]
        call = self.admin.ok
        call("PATCH", f"organizations/{self.org}/", {"name": evil("org-name")})
        self.admin.org = call("GET", f"organizations/{self.org}/")
        self.members = {"ADMIN": self.admin}
        for role in ("MEMBER", "VIEWER"):
            self.members[role] = Person(site.base, email=f"o'{{{{7*7}}}}&lt&guest-mail{role}@example.test".lower(), name=evil("guest-name"))
            seed.member(site.database, self.org, self.members[role].user["id"], role)
        call("POST", "auth/tokens/", {"name": evil("token-name")})
        self.invited = call("POST", f"organizations/{self.org}/invites/", {"email": "o'{{7*7}}&invited@example.test", "role": "VIEWER"})
        target = f"{site.base}/{evil('audit-target')}".replace(" ", "%20")
        started = call("POST", "audits/start/", {"targets": [target], "name": evil("audit-name")})
        self.started = wait_audit(self.admin, started["id"])["id"]
        self.imported = self.bring("audits/import/", "import", {"name": evil("import-name"), "file": evil("file-name") + ".csv"})
        self.bring(f"audits/{self.imported}/import/", "again", {"file": evil("file-again") + ".csv"})
        rows = call("GET", f"audits/{self.imported}/evidence/")["results"]
        call("PATCH", f"audits/{self.imported}/evidence/{rows[0]['id']}/", {"muted": True, "reason": evil("mute-reason"), "comment": evil("triage-comment")})
        call("PATCH", f"audits/{self.imported}/evidence/?severity=low", {"muted": True, "reason": evil("mute-many"), "comment": evil("comment-many")})
        if "/audits/schedules/" in composed()["paths"]:
            call("POST", "audits/schedules/", {"targets": [target], "cron": "0 3 * * *", "name": evil("schedule-name")})
        self.endpoint = call("POST", "notify/endpoints/", {"url": receiver.url("/in?<img/src=x/onerror=alert(1)>endpoint-url".replace("<", "%3C").replace(">", "%3E")),
                                                           "events": ["*"], "description": evil("endpoint-words")})
        call("POST", f"notify/endpoints/{self.endpoint['id']}/test/")
        self.second = call("POST", "organizations/", {"name": evil("org-second")})

    def bring(self, path, mark, query):
        text = "resource_id,check_name,status,severity,timestamp,comment\r\n"
        for severity in ("high", "low"):
            text += ",".join('"' + evil(f"{mark}-{what}-{severity}").replace('"', '""') + '"' for what in ("resource", "check")) + f",FAIL,{severity},2026-01-02T03:04:05Z,"
            text += '"' + evil(f"{mark}-comment-{severity}").replace('"', '""') + '"\r\n'
        text += f"r,c,{evil('bad-status').replace(',', '')},high,2026-01-02T03:04:05Z,x\r\n".replace('"', "")
        reply = self.admin.call("POST", path, params={"format": "generic", **query}, data=text.encode(), headers={"Content-Type": "application/octet-stream"})
        assert reply.status_code in (200, 201, 202), reply.text
        return wait_audit(self.admin, reply.json()["id"])["id"]


@pytest.fixture(scope="module")
def house(site):
    receiver = Receiver()
    yield House(site, receiver)
    receiver.close()


def addresses(house):
    """A path for every route of the console."""
    org = f"/o/{house.admin.org['slug']}/"
    found = ["/", "/login", "/signup", "/forgot", "/reset-password", "/verify-email", "/invite?token=" + invite_token(house.invited), "/logged-out", "/api", "/billing/return?session_id=<img>",
             "/organizations/new", "/account", org, org + f"audits/{house.imported}", org + f"audits/{house.imported}/diff/{house.started}"]
    routes = [pattern.replace("\\/", "/") for pattern in re.findall(r"pattern: /\^(.*?)\$/", MAIN.read_text())]
    found += [org + rest for rest in re.findall(r"^/o/\(\[\^/\]\+\)/([a-z/]+)$", "\n".join(routes), re.M)]
    found += [org + f"audits/{house.imported}/" + rest for rest in re.findall(r"^/o/\(\[\^/\]\+\)/audits/\(\[\^/\]\+\)/([a-z]+)$", "\n".join(routes), re.M)]
    lost = [route for route in routes if not any(re.fullmatch(route, path.split("?")[0]) for path in found)]
    assert not lost, f"no address for {lost}: add one"
    return found


# Where only somebody who is in comes to, or sees something else.
FRAMED = ("/o/", "/account", "/organizations/", "/billing/", "/invite")
INJECTED = ("[...document.querySelectorAll('body img, body script, body iframe, body svg[onload], [onerror], a[href^=\"javascript:\" i], a[href^=\"data:\" i]')].map(one => one.outerHTML)")
SEEN = "document.body.textContent + [...document.querySelectorAll('input, textarea')].map(one => one.value).join(' ')"


# What comes after the heading, and is waited for.
LATE = {"/account": "token-name", "team": "&invited", "webhooks": "endpoint-url", "audits": "audit-name"}


def look(window, path, seen, role=None):
    """Goes there without loading the console anew."""
    if window.page.url() == "about:blank":
        window.goto(path)
    else:
        window.page.evaluate("document.querySelectorAll('main h1').forEach(one => one.setAttribute('data-left', '')), "
                             f"history.pushState({{}}, '', '/app{path}'), dispatchEvent(new PopStateEvent('popstate'))")
    late = LATE.get(path) or LATE.get(path.rsplit("/", 1)[-1] if path.startswith("/o/") else "")
    window.page.until("document.querySelector('main h1:not([data-left])') && !document.querySelector('main .loading')")
    if role == "ADMIN" and late:
        window.page.shows("main", late)
    look_here(window, path, seen)


def look_here(window, path, seen):
    assert window.page.evaluate(INJECTED) == [], path
    text = window.page.evaluate(SEEN)
    seen.update(mark for mark in MARKS if evil(mark) in text or f"&{mark}" in text)


@pytest.mark.long(60)
def test_hostile_text_is_text(site, browser, house):
    paths, seen = addresses(house), set()
    for role, locale in (("ADMIN", "de-DE"), ("MEMBER", "en-GB"), ("VIEWER", "en-GB"), (None, "de-DE")):
        window = Console(browser.page(userAgent=evil("browser"), locale=locale), site, "hostile")
        window.meets(404, "billing/return/")
        window.meets(403, "organizations/")   # a page of an ADMIN, by its address
        window.meets(403, "notify/")
        try:
            if role:
                window.page.session(house.members[role])
            for path in paths:
                if path != "/logged-out":
                    look(window, path, seen, role)
                    # No barrier in any page in German, in light and dark, with the longest words that there are: those for anyone once.
                    if not role and window.at().split("?")[0] == path.split("?")[0] or role == "ADMIN" and path.startswith(FRAMED):
                        words = re.sub(r"[0-9a-f-]{36}", "one", path.split("?")[0].replace(house.admin.org["slug"], "org"))
                        window.looks(f"{role or 'guest'}{words.replace('/', '-')}")
            if role == "ADMIN":
                org = f"/o/{house.admin.org['slug']}/"
                look(window, org + f"audits/{house.imported}", seen)
                window.page.wait(".gridbody [role=row]")
                for row in (1, 2):
                    window.page.click(f".gridbody [role=row]:nth-child({row}) button")
                    window.page.wait("dialog")
                    look_here(window, "a finding", seen)
                    window.page.hit("Escape")
                    window.page.until("!document.querySelector('dialog')")
                look(window, org + "webhooks", seen)
                window.press("Zustellungen")
                window.page.until("!document.querySelector('main .loading')")
                look_here(window, "deliveries", seen)
                look(window, org + "team", seen)
                window.page.click("main tbody tr:nth-child(2) button")
                window.page.wait("dialog")
                look_here(window, "removing", seen)
            window.silent()
        finally:
            window.page.close()
    if "/audits/schedules/" in composed()["paths"] and "schedules" in MAIN.read_text():
        assert "schedule-name" in seen
    shown = {"invited", "org-name", "org-second", "user-name", "guest-name", "token-name", "audit-name", "import-name", "import-resource-high", "import-check-high",
             "import-comment-high", "file-name", "mute-reason", "triage-comment"}
    assert shown <= seen, f"not seen anywhere: {shown - seen}"


def test_what_the_api_judges_is_refused(house):
    """What is told as judged is."""
    for path, body in (("organizations/", {"name": "x", "slug": evil("x")}), ("notify/endpoints/", {"url": "https://example.com/", "events": [evil("x")]}),
                       ("audits/start/", {"targets": ["https://127.0.0.1/"], "engine": "<img>"}), ("audits/hosts/", {"host": evil("x")}),
                       ("auth/tokens/", {"name": "x", "role": "<img>"})):
        assert house.admin.post(path, body).status_code == 400, path


# ------------------------------------------------------------------------- secrets of links --

def log(site):
    return (site.httpd.root / "referrers").read_text().splitlines()


@pytest.mark.only_db("sqlite")
def test_a_links_secret_leaves_the_address_at_once_and_is_in_no_referrer(site, browser, house):
    secrets = {"/invite": invite_token(house.admin.ok("POST", f"organizations/{house.org}/invites/", {"email": "another@example.test", "role": "VIEWER"})),
               "/reset-password": "rst_secret0123456789", "/verify-email": "vrf_secret0123456789"}
    for path, secret in secrets.items():
        window = Console(browser.page(), site, "hostile")
        try:
            before = len(log(site))
            window.goto(f"{path}?token={secret}")
            window.page.wait("main h1")
            assert window.at() == path
            assert secret not in window.page.evaluate("location.href + document.referrer + document.title + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
            # Gone from the window's history too: back and forth does not bring it back.
            window.follow("API", "footer")
            window.heading("API")
            window.page.evaluate("history.back()")
            window.page.until(f"location.pathname === '/app{path}'")
            assert window.at() == path
            window.page.press("footer a[href*=elsewhere]")
            assert window.page.url() == f"http://127.0.0.2:{FOREIGN_PORT}/elsewhere"
            assert window.page.evaluate("document.referrer") == ""
            lines = log(site)[before:]
            assert any(line.startswith("/elsewhere") for line in lines)
            assert [line for line in lines if f"<{site.base}" in line] == []
            named = sorted({line.split()[0] for line in lines if secret in line}, reverse=True)
            # The page itself, and for an invite what it shows of it.
            assert len(named) <= 2 and named[0].startswith(f"/app{path}"), named
            window.page.problems()
        finally:
            window.page.close()


@pytest.mark.only_db("sqlite")
@pytest.mark.parametrize("next, where", [*[(wrong, None) for wrong in (
    "//evil.example/", "https://evil.example/", "\\\\evil.example", "/\\evil.example", "javascript:alert(1)", "data:text/html,x", "/\t/evil.example",
    "https:evil.example", "http://127.0.0.1@evil.example/", "///evil.example", "%2F%2Fevil.example")], ("/app/o/nowhere/", "/o/nowhere/")])
def test_next_leads_to_this_origin_alone(site, page, person, next, where):
    console = Console(page, site, "hostile")
    console.goto("/login?next=" + quote(next, safe=""))
    console.log_in(person.email)
    page.until("!location.pathname.endsWith('/login')")
    assert page.url().startswith(site.base + "/"), page.url()
    assert not where or console.at() == where
    page.problems()


@pytest.mark.only_db("sqlite")
def test_next_leads_to_what_else_this_host_has(site, page, person):
    site.httpd.page("elsewhere/index.html", "<!doctype html><title>elsewhere</title>")
    console = Console(page, site, "hostile")
    console.goto("/login?next=" + quote(site.base + "/elsewhere/", safe=""))
    console.fill(email=person.email, password=PASSWORD)
    page.press("main form button")
    assert page.url() == site.base + "/elsewhere/"
    page.problems()
