"""Who is in an organization and what becomes of them, and what is somebody's own: team, activity, settings, account."""

import pytest

from saastest import seed
from saastest.client import PASSWORD, Api, fresh_address
from saastest.console import Console, conf
from saastest.places import free_port
from saastest.receiver import Receiver

SITE_PORT = free_port()
SITE_STRIPE = False
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf() + "SaasNotifyAllow 127.0.0.2\nSaasNotifyHTTP On\n"
EVIL = "<img src=x onerror='document.title=1'>"


@pytest.fixture
def console(site, page):
    made = Console(page, site, "people")
    yield made
    made.silent()


@pytest.fixture
def other(site, browser):
    made = Console(browser.page(), site, "people")
    yield made
    made.silent()
    made.page.close()


def org(person, page=""):
    return f"/o/{person.org['slug']}/{page}"


def colleague(site, person, role, name=EVIL):
    member = site.newcomer(name=name)
    seed.member(site.database, person.org["id"], member.user["id"], role)
    return member


@pytest.mark.long(20)
def test_a_colleague_comes_and_goes(site, console, other, person):
    """Invited, in by the link in a second browser, demoted, removed, and each shows without a reload."""
    console.meets(400, "organizations/")
    console.meets(409, "organizations/")
    other.meets(403, "organizations/")
    other.meets(404, "audits/")
    site.database.execute("UPDATE organizations SET name = ? WHERE id = ?", EVIL, person.org["id"])
    console.page.session(person)
    console.goto(org(person, "team"))
    email = f"guest-{fresh_address()}@example.test"
    console.fill(email="nothing")
    console.press("Invite")
    assert "valid" in console.wrong("email").lower()
    console.fill(email=email)
    console.press("Invite")
    console.page.wait("input.secret")
    link = console.page.evaluate("document.querySelector('input.secret').value")
    console.reads(email, "Open")
    # The next one is not an administrator by accident.
    assert console.page.evaluate("document.querySelector('main form [name=role]').value") == "MEMBER"
    console.looks("team")
    console.fill(email=email)
    console.press("Invite")
    console.page.shows("form [role=alert]", "pending")

    assert other.page.goto(link) == 200
    other.heading("Join " + EVIL)
    other.fill(email=email, password=PASSWORD, name=EVIL)
    other.press("Sign up and accept")
    other.reads("Start your first audit.", "Member")
    other.follow("Team")
    other.page.wait("main table")
    assert "Invite" not in other.page.evaluate("document.querySelector('main').innerText")
    assert other.page.evaluate("document.querySelectorAll('main select, main img').length") == 0
    other.goto(org(person, "activity"))
    other.page.shows("main [role=alert]", "You do not have permission")

    console.page.reload()
    console.page.wait("main tbody tr:nth-child(2) select")
    console.page.choose("main tbody tr:nth-child(2) select", "VIEWER")
    console.page.until("document.querySelector('main tbody tr:nth-child(2) select').value === 'VIEWER'")
    other.goto(org(person, "audits"))
    other.page.shows("header .badge", "Viewer")
    # The last administrator stays, in the API's words.
    console.page.choose("main tbody tr:nth-child(1) select", "MEMBER")
    console.page.shows("main table [role=alert]", "ADMIN")
    console.page.until("document.querySelector('main tbody tr:nth-child(1) select').value === 'ADMIN'")
    console.page.click("main tbody tr:nth-child(2) button")
    console.page.wait("dialog")
    console.looks("remove")
    console.press("Remove", "dialog")
    console.page.until("document.querySelectorAll('main table')[0].tBodies[0].rows.length === 1")
    other.page.choose(".filters select", "failed")
    other.heading("Not found")


def test_invites_are_sent_again_and_revoked(site, console, person):
    person.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": "guest@example.test", "role": "VIEWER"})
    console.page.session(person)
    console.goto(org(person, "team"))
    console.press("Send again: guest@example.test")
    console.page.wait("input.secret")
    console.press("Revoke: guest@example.test")
    console.reads("Revoked")


def test_somebody_leaves(site, console, person):
    member = colleague(site, person, "MEMBER")
    console.page.session(member)
    console.goto(org(person, "team"))
    console.press(f"Leave: {EVIL}")
    console.press("Leave", "dialog")
    console.heading(member.org["name"])
    assert console.at() == org(member)


def test_activity(site, console, person):
    member = colleague(site, person, "MEMBER")
    person.ok("PATCH", f"organizations/{person.org['id']}/members/{member.user['id']}/", {"role": "VIEWER"})
    seed.activity(site.database, person.org["id"], count=60)
    console.page.session(person)
    console.goto(org(person, "activity"))
    console.page.wait("main tbody tr:nth-child(50)")
    console.press("Show more")
    console.page.wait("main tbody tr:nth-child(60)")
    console.page.fill("[name=action]", "member.role_changed")
    console.press("Search")
    console.reads("role: MEMBER → role: VIEWER")
    console.page.until("document.querySelectorAll('main tbody tr').length === 1")
    console.looks("activity")
    console.page.fill("[name=actor]", "nobody@example.test")
    console.press("Search")
    console.reads("Nothing like that has happened.")
    assert "action=member.role_changed" in console.at()


def test_settings(site, console, person):
    console.meets(400, "organizations/")
    console.page.session(person)
    console.goto(org(person, "settings"))
    console.fill(slug="a")
    console.press("Save")
    assert console.wrong("slug")
    slug = "renamed-" + person.org["id"][-12:]
    console.fill(name=EVIL, slug=slug)
    console.press("Save")
    console.reads("Saved.")
    assert console.at() == f"/o/{slug}/settings"
    console.looks("settings")
    console.press("Delete the organization")
    console.fill(typed="something")
    console.press("Delete for good")
    assert console.wrong("typed") == "This is not its name."
    console.fill(typed=EVIL)
    console.press("Delete for good")
    console.heading("You are in no organization")
    console.looks("no-organization")
    console.follow("New organization")
    console.fill(name="Another")
    console.press("Create")
    console.heading("Another")
    assert console.at() == "/o/another/"


def test_the_switcher_goes_from_one_to_the_other(site, console, person):
    second = person.ok("POST", "organizations/", {"name": "Second " + person.org["slug"]})
    seed.audit(site.database, second["id"], [("r", "c", "FAIL", "high", "x")])
    console.page.session(person)
    console.goto(org(person, "audits"))
    console.reads("There is no such audit.")
    console.page.choose("header select", second["slug"])
    console.heading(second["name"])
    console.follow("Audits")
    console.reads("seeded")
    console.page.choose("header select", "+")
    console.heading("New organization")


def test_account(site, console, person):
    console.meets(400, "auth/password/")
    console.page.session(person)
    console.goto(org(person))
    console.follow("Test Person")
    console.heading("Your account")
    assert console.page.evaluate("document.querySelectorAll('nav [aria-current]').length") == 0
    console.page.fill("main [name=name]", EVIL)
    console.press("Save")
    console.reads("Saved.")
    console.page.shows("header .who", EVIL)
    console.page.fill("main [name=old]", "wrong password 1")
    console.page.fill("main [name=new]", "another good password")
    console.press("Set the password")
    assert console.wrong("old") == "Invalid password."
    console.page.fill("main [name=old]", PASSWORD)
    console.press("Set the password")
    console.reads("Your password is set.")

    console.page.fill("main form.card [name=name]", EVIL)
    console.page.choose("main form.card [name=role]", "VIEWER")
    console.press("Create a token")
    console.page.wait("input.secret")
    token = console.page.evaluate("document.querySelector('input.secret').value")
    assert Api(site.base, token=token).ok("GET", "auth/me/")["memberships"][0]["role"] == "VIEWER"
    console.reads("Copy it now")
    console.looks("account")
    console.press(f"Revoke: {EVIL}")
    console.reads("There is no token.")
    assert Api(site.base, token=token).get("auth/me/").status_code == 401
    assert console.page.evaluate("document.querySelectorAll('img').length") == 0


def test_an_account_ends(site, console):
    console.meets(400, "auth/me/")
    person = site.newcomer()
    console.page.session(person)
    console.goto("/account")
    console.press("Delete your account")
    console.page.fill("dialog [name=password]", "wrong password 1")
    console.press("Delete for good")
    console.page.shows("dialog small.wrong", "Invalid password.")
    console.page.fill("dialog [name=password]", PASSWORD)
    console.press("Delete for good")
    console.heading("You are logged out")
    assert person.get("auth/me/").status_code == 401


def test_with_the_keyboard_alone(site, console, person):
    """From log-in to a new organization's page, no mouse: everything is reached by Tab, shown where the focus is, and pressed."""
    def tab_to(test, most=40):
        for _ in range(most):
            if console.page.evaluate(f"(() => {{ const now = document.activeElement; return {test}; }})()"):
                break
            console.page.hit("Tab")
        else:
            pytest.fail(f"not reached by Tab: {test}")
        assert console.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"

    console.goto("/login")
    tab_to("now.name === 'email'")
    console.page.type(person.email)
    console.page.hit("Tab")
    console.page.type(PASSWORD)
    console.page.hit("Enter")
    console.heading(person.org["name"])
    # The heading has the focus: who listens hears where they are.
    assert console.page.evaluate("document.activeElement.tagName") == "H1"
    console.page.evaluate("document.activeElement.blur()")
    tab_to("now.className === 'skip'")
    tab_to("now.textContent === 'Audits' && now.tagName === 'A'")
    console.page.hit("Enter")
    console.heading("Audits")
    tab_to("now.name === 'targets'")
    console.page.type(site.base)
    tab_to("now.textContent === 'Start the audit'")
    console.page.hit("Enter")
    console.page.shows("main .badge", "Completed")
    console.page.wait(".gridbody [tabindex]")
    tab_to("now.closest('.gridbody')")
    console.page.hit("Enter")
    console.page.wait("dialog")
    assert console.page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    console.page.hit("Escape")
    console.page.until("!document.querySelector('dialog') && document.activeElement.closest('.gridbody')")


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def test_outgoing_webhooks(site, console, person, receiver):
    console.meets(400, "notify/endpoints/")
    console.meets(409, "notify/endpoints/")
    console.page.session(person)
    console.goto(org(person, "webhooks"))
    console.fill(url="ftp://nowhere.example")
    console.press("Add a server")
    assert console.wrong("url")
    console.fill(url=receiver.url("/in"), events="member.*, audit.failed")
    console.press("Add a server")
    console.page.wait("input.secret")
    assert console.page.evaluate("document.querySelector('input.secret').value").startswith("whsec_")
    console.press("Deliveries")
    console.reads("Nothing has been sent yet.")
    console.press("Send a test")
    console.reads("endpoint.test", "Delivered")
    console.looks("webhooks")
    console.press("Switch off")
    console.page.wait("role=button[name='Switch on']")
    console.press("Send a test")
    console.page.wait("main section.card [role=alert]")
    console.press("Delete", "main")
    console.press("Delete for good")
    console.page.until("!document.querySelector('main section.card')")
