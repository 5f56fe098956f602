"""An ordinary frontend on an origin of its own, from sign-up to export: on http://localhost:3000, and on another name of the
API's site. Its calls are typed by a client that is generated from the API's own document (tests/browser/frontend/app.ts), so
what an ordinary program cannot do with it fails to compile.
"""

import csv
import io
import re

import pytest

from saastest.browser import Browser
from saastest.client import PASSWORD, fresh_address
from saastest.frontend import Frontend
from saastest.places import free_port

# A refused call is told in the console, and meant.
SHOWN = re.compile(r"Failed to load resource: the server responded with a status of (400|401|403)")
API_PORT = free_port()
FRONTEND = Frontend()
SITE_PORT = API_PORT
SITE_CONF = f"""
<VirtualHost *:*>
    ServerName localhost
    SaasFrontendURL http://localhost:{FRONTEND.port}
</VirtualHost>
<VirtualHost *:*>
    ServerName api.example.test
    SaasFrontendURL http://app.example.test:{FRONTEND.port}
</VirtualHost>
"""


@pytest.fixture(scope="module", autouse=True)
def frontend(places):
    yield FRONTEND.build(places.folder("frontend"), API_PORT)
    FRONTEND.close()


@pytest.fixture(scope="module")
def named():
    """A browser for which the names of example.test are this machine's."""
    started = Browser("--host-resolver-rules=MAP *.example.test 127.0.0.1")
    yield started
    started.close()


def silent(page):
    assert [line for line in page.problems() if not SHOWN.search(line)] == []


def fill(page, form, **values):
    for name, value in values.items():
        page.fill(f"{form} [name={name}]", value)
    page.click(f"{form} button")


@pytest.mark.long(25)
@pytest.mark.parametrize("host", ["localhost", "app.example.test"])
def test_from_sign_up_to_export(site, named, host):
    home = f"http://{host}:{FRONTEND.port}/"
    page, other = named.page(), named.page()
    email, guest = (f"{who}-{fresh_address()}@example.test" for who in ("owner", "guest"))
    try:
        assert page.goto(home) == 200
        page.wait("#register")
        fill(page, "#register", email=email, password="short", organization="Acme")
        page.shows("#said", "at least 10 characters")
        fill(page, "#register", email=email, password=PASSWORD, organization="Acme")
        page.shows("#organization", "Acme")
        page.shows("#who", f"{email} (ADMIN)")
        page.shows("#subscription", "free")

        # What the first organization was asked is still its own once there is a second.
        fill(page, "#audit", target=f"http://127.0.0.1:{API_PORT}/")
        page.shows("#audits", f"http://127.0.0.1:{API_PORT}/ completed")
        page.shows("#evidence", " of ")
        total = int(page.evaluate("document.querySelector('#evidence').textContent").split(" of ")[1])
        assert total > 10, "more than one page of it"
        page.shows("#evidence", f"{total} of {total}")
        page.click("#found")
        page.shows("#organizations", "member of 2")
        page.shows("#evidence", f"{total} of {total}")
        page.shows("#organization", "Acme")
        page.shows("#who", email)
        fill(page, "#rename", name="Acme renamed")
        page.shows("#organization", "Acme renamed")

        # Refused in the API's own words, paid, exported.
        page.click("#export")
        page.shows("#said", "Upgrade to Premium to export data")
        page.click("#upgrade")
        page.wait("#pay")
        page.click("#pay")
        page.shows("#subscription", "active")
        assert page.url() == home
        page.shows("#evidence", f"{total} of {total}")
        name, text = page.download("#export")
        assert re.fullmatch(r"audit_[0-9a-f-]{36}_\d{8}T\d{6}Z\.csv", name)
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[0] == ["Resource ID", "Check Name", "Status", "Severity", "Timestamp", "Comment"] and len(rows) == total + 1

        # A colleague comes by the link, and sees what there is.
        fill(page, "#invite", email=guest)
        page.shows("#invited", f"{home}invite?token=inv_")
        assert other.goto(page.evaluate("document.querySelector('#invited').textContent")) == 200
        other.shows("#said", "invites you to Acme renamed as MEMBER")
        fill(other, "#register", email=guest, password=PASSWORD)
        other.shows("#who", f"{guest} (MEMBER)")
        other.shows("#evidence", f"{total} of {total}")
        page.reload()
        page.shows("#team", f"{guest} MEMBER")

        page.click("#logout")
        page.wait("#login")
        page.reload()
        page.wait("#login")
        fill(page, "#login", email=email, password="wrong " + PASSWORD)
        page.shows("#said", "Invalid email or password.")
        fill(page, "#login", email=email, password=PASSWORD)
        page.shows("#organization", "Acme renamed")
        silent(page)
        silent(other)
    finally:
        page.close()
        other.close()
