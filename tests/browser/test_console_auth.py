"""The console's way in: signing up, logging in and out, a forgotten password, proving an address, accepting an invite."""

import re
import time

import pytest

from saastest.client import PASSWORD, fresh_address, invite_token
from saastest.console import Console, brand, conf
from saastest.places import free_port
from saastest.smtp import SmtpServer

SMTP_PORT, SITE_PORT = free_port(), free_port()
SITE_STRIPE = False
SITE_FRONTEND = f"http://127.0.0.1:{SITE_PORT}/app"
SITE_CONF = conf() + conf(at="/brand", more=brand()) + f"""
SaasMailRelay smtp://127.0.0.1:{SMTP_PORT}
SaasMailFrom noreply@example.test
SaasProductName "Example Audits"
SaasVerifyEmail Notice
"""
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module", autouse=True)
def smtp():
    server = SmtpServer(SMTP_PORT).start()
    yield server
    server.stop()


@pytest.fixture
def console(site, page):
    made = Console(page, site, "auth")
    yield made
    made.silent()


def somebody():
    return f"u-{fresh_address()}@example.test"


def link(smtp, email, kind):
    """The path of the link of this kind in the newest mail to somebody."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for message in reversed(smtp.messages):
            found = re.search(rf"{re.escape(SITE_FRONTEND)}(/{kind}\?token=\S+)", message.part("plain") or "")
            if email in message.recipients and found:
                return found.group(1)
        time.sleep(0.05)
    raise AssertionError(f"no mail with a link to {kind} for {email}")


def test_signing_up_and_in_and_out(site, console):
    console.meets(400, "auth/register/")
    console.meets(401, "auth/login/")
    email = somebody()
    assert console.goto("/") == 200
    console.heading("Example Audits")
    console.reads("Find out what is wrong with your web servers")
    assert console.at() == "/" and console.page.evaluate("document.title") == "Example Audits"
    console.looks("welcome")
    console.follow("Log in")
    console.heading("Log in")
    assert console.at() == "/login"
    console.looks("log-in")
    console.follow("Sign up")
    console.heading("Sign up")
    console.fill(email=email, password="short", name=EVIL, organization=EVIL)
    console.press("Sign up", "form")
    assert "at least 10 characters" in console.wrong("password")
    console.page.until("document.activeElement.name === 'password'")
    console.looks("sign-up")
    console.fill(password=PASSWORD)
    console.press("Sign up", "form")
    console.heading(EVIL)
    assert re.fullmatch(r"/o/[a-z0-9-]+/", console.at())
    console.reads("Start your first audit.", "Administrator")
    assert console.page.evaluate("document.querySelectorAll('img').length") == 0
    console.looks("first-overview")

    # Logging out has the browser forget, and going back shows nothing.
    here = console.at()
    console.page.evaluate("localStorage.setItem('kept', '1')")
    console.press("Log out")
    console.heading("You are logged out")
    assert console.page.evaluate("localStorage.getItem('kept')") is None
    console.goto(here)
    console.heading("Log in")
    assert console.at().startswith("/login?next=")
    console.log_in(email, "wrong " + PASSWORD)
    console.reads("Invalid email or password.")
    console.log_in(email)
    console.heading(EVIL)
    assert console.at() == here


def test_a_forgotten_password(site, console, smtp, person):
    console.meets(400, "auth/password/reset/")
    console.goto("/login")
    console.follow("Forgot your password?")
    console.fill(email="nothing")
    console.press("Send the link")
    assert console.wrong("email")
    console.fill(email=person.email)
    console.press("Send the link")
    console.page.shows("main .good", "")
    path = link(smtp, person.email, "reset-password")
    console.goto(path)
    console.heading("Set a new password")
    assert console.at() == "/reset-password"
    console.fill(password="password12")
    console.press("Set the password")
    assert console.wrong("password")
    console.looks("reset-password")
    # The secret of the link is not in the address, and still there after a reload.
    console.page.reload()
    new = "a quite different password"
    console.fill(password=new)
    console.press("Set the password")
    console.reads("Your password is set.")
    console.follow("Log in")
    console.log_in(person.email, new)
    console.heading(person.org["name"])
    console.goto(path)
    console.fill(password=new)
    console.press("Set the password")
    console.reads("This link is unknown, has been used already or has expired.")


def test_proving_an_address(site, console, smtp):
    email = somebody()
    console.goto("/signup")
    console.fill(email=email, password=PASSWORD, organization="Proven")
    console.press("Sign up", "form")
    console.heading("Proven")
    path = link(smtp, email, "verify-email")
    console.goto(path)
    console.heading("Verify your address")
    assert console.at() == "/verify-email"
    console.press("Confirm the address")
    console.reads(f"{email} is confirmed.")
    console.looks("verified")
    console.follow("Go on")
    console.heading("Proven")


def test_a_brand(site, browser, person, smtp):
    """An operator's name, picture, colours, links and first page, in both languages; and no barrier in it."""
    for language, words, more in (("en-GB", "looks at your servers as strangers do.", ["<b>Markup</b> is text here.", "Sign up", "Imprint", "Privacy", "Status"]),
                                  ("de-DE", "sieht Ihre Server, wie Fremde sie sehen.", ["Größe und Währung inbegriffen.", "Registrieren", "Impressum", "Datenschutz", "Status"])):
        window = Console(browser.page(locale=language), site, "auth", "/brand")
        try:
            assert window.goto("/") == 200
            window.heading("Example Audits")
            window.reads(words, *more)
            assert window.page.evaluate("document.querySelector('header img').alt") == "Example Audits"
            assert window.page.evaluate("document.querySelector('header img').naturalWidth") > 0
            assert window.page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Georgia")
            assert window.page.evaluate("[...document.querySelectorAll('footer a')].map(one => one.getAttribute('href'))") == [
                "/brand/api", "https://www.example.test/imprint", "/privacy.html", "https://status.example.test/?a=b&c=d"]
            window.looks("brand-" + language[:2])
            window.page.session(person)
            window.goto("/")
            window.heading(person.org["name"])
            assert window.at() == f"/o/{person.org['slug']}/"
            window.silent()
        finally:
            window.page.close()
    # The same name in mail.
    person.ok("POST", "auth/password/reset/", {"email": person.email})
    link(smtp, person.email, "reset-password")
    message = next(one for one in reversed(smtp.messages) if person.email in one.recipients)
    assert "Example Audits" in str(message.parsed["From"]) and "your account at Example Audits" in " ".join(message.part("plain").split())


def test_invites(site, console, browser, person):
    """Somebody new, somebody known, somebody else, and a link that is none."""
    console.meets(400, "auth/register/")
    def invited(email, role="MEMBER"):
        return "/invite?token=" + invite_token(person.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": email, "role": role}))

    site.database.execute("UPDATE organizations SET name = ? WHERE id = ?", EVIL, person.org["id"])
    email = somebody()
    console.goto(invited(email, "VIEWER"))
    console.heading("Join " + EVIL)
    assert console.at() == "/invite"
    console.reads(person.email, "Viewer: reads")
    console.looks("invite")
    console.fill(email=somebody(), password=PASSWORD)
    console.press("Sign up and accept")
    console.page.shows("main [role=alert]", "address")
    console.fill(email=email)
    console.press("Sign up and accept")
    console.reads("There is no audit yet.", "Viewer")

    known, other = site.newcomer(), site.newcomer()
    path = invited(known.email)
    window = Console(browser.page(), site, "auth")
    try:
        window.meets(400, "invites/")
        window.meets(404, "invites/")
        window.page.session(other)
        window.goto(path)
        window.press("Accept the invite")
        window.page.shows("main [role=alert]", "address")
        window.press("Log out", "main")
        window.heading("You are logged out")
        window.goto(path)
        window.press("I have an account")
        window.fill(email=known.email, password=PASSWORD)
        window.press("Log in and accept")
        window.reads("Start your first audit.", "Member")
        window.goto(path)
        window.heading("This invite does not work")
        window.goto("/invite?token=inv_none")
        window.heading("This invite does not work")
        window.looks("no-invite")
        window.silent()
    finally:
        window.page.close()
    assert console.page.evaluate("document.querySelectorAll('img').length") == 0


def test_somebody_elses_organization_is_none(site, console, person, bob):
    console.page.session(person)
    console.goto(f"/o/{bob.org['slug']}/")
    console.heading("Not found")
    console.reads("you are not in it")
    console.looks("no-organization")
    console.follow("To the start page")
    console.heading(person.org["name"])
    console.goto("/nothing/here")
    console.heading("Not found")


def test_german(site, browser, person):
    window = Console(browser.page(locale="de-DE"), site, "auth")
    try:
        window.goto("/login")
        window.heading("Anmelden")
        assert window.page.evaluate("document.documentElement.lang") == "de"
        window.looks("log-in-de")
        window.page.choose("footer select", "en")
        window.heading("Log in")
        window.page.reload()
        window.heading("Log in")
        window.silent()
    finally:
        window.page.close()


def test_a_service_that_is_away_comes_back_by_itself(site, console, person):
    """What was typed stays; a page asks again by itself."""
    console.meets(503, "")    # any that is asked meanwhile
    console.goto("/login")
    console.page.route("**/api/v1/**", 503)
    console.fill(email=person.email, password=PASSWORD)
    console.press("Log in", "form")
    console.reads("cannot be reached at the moment")
    assert console.page.evaluate("document.querySelector('[name=password]').value") == PASSWORD
    console.page.unroute("**/api/v1/**")
    console.press("Log in", "form")
    console.heading(person.org["name"])
    console.page.route("**/api/v1/**", 503)
    console.page.reload()
    console.reads("cannot be reached at the moment")
    console.page.unroute("**/api/v1/**")
    console.heading(person.org["name"])


def test_what_is_injected_does_not_run(site, console):
    """The policy is in force: neither markup from text nor an inline script."""
    console.goto("/login")
    console.heading("Log in")
    assert console.page.evaluate("(() => { try { document.body.innerHTML = '<b>x</b>'; return 'made'; } catch (error) { return error.name; } })()") == "TypeError"
    assert console.page.evaluate("""(() => { const script = document.createElement('script'); try { script.text = 'window.ran = 1'; } catch { }
        document.body.append(script); return window.ran ?? null; })()""") is None
    console.page.problems()
