"""A server whose clock is a day off: what it goes by the database's clock, or by no clock, goes on; what must fail says why."""

import pytest

from clocks import Clock
from saastest import Api, Places, Site, TargetServer, stripe, wait_audit
from test_audit_jobs import until
from test_processes import start

# The step itself may end a wait for a connection, which is measured by the clock.
pytestmark = [pytest.mark.long(30), pytest.mark.expects("SAAS1101")]
DAY = 86400
GATE = """
<Location "/gated">
    AuthType Saas
    Require saas-subscription active
</Location>
"""


@pytest.fixture(scope="module")
def house(databases, db_kind):
    places = Places()
    site = Site(databases.fresh(db_kind, places), conf=GATE, places=places, with_stripe=False)
    site.httpd.page("gated/index.html", "<p>words</p>")
    site.clock = Clock(site)
    site.start()
    yield site
    site.close()


@pytest.fixture(params=[DAY, -DAY], ids=["ahead", "behind"])
def off(house, request, quiet_log):
    """The server, with somebody who was there before its clock was set, and a token of hers."""
    house.clock.set(0)
    until(lambda: house.clock.shows(0))
    person = house.newcomer()
    person.story = stripe.Story(person.org["id"], house.price)
    assert house.deliver(person.story.updated("active")).status_code == 200
    person.token = person.new_token(organization=person.org["id"])["token"]
    quiet_log.append(house.httpd.watch())
    house.clock.set(request.param)
    until(lambda: house.clock.shows(request.param))
    yield house, person
    house.clock.set(0)
    until(lambda: house.clock.shows(0))


def test_who_is_in_stays_in_and_who_comes_gets_in(off):
    site, person = off
    page = site.httpd.base + "/gated/"
    assert person.http.get(page).status_code == 200 == Api(site.base, token=person.token).http.get(page).status_code
    assert site.nobody().get("/gated/").status_code == 401
    again = Api(site.base)
    assert again.post("auth/login/", {"email": person.email, "password": person.password}).status_code == 200
    assert again.http.get(page).status_code == 200
    assert person.new_token(organization=person.org["id"])["token"]


def test_who_is_out_is_out(off):
    site, person = off
    other, page = Api(site.base), site.httpd.base + "/gated/"
    assert other.post("auth/login/", {"email": person.email, "password": person.password}).status_code == 200
    assert other.http.get(page).status_code == 200
    assert other.post("auth/logout/").status_code == 204
    assert other.http.get(page).status_code == 401
    made = person.new_token(organization=person.org["id"])
    bearer = Api(site.base, token=made["token"])
    assert bearer.http.get(page).status_code == 200
    assert person.delete(f"auth/tokens/{made['id']}/").status_code == 204
    assert bearer.http.get(page).status_code == 401


def test_an_audit_is_done_and_taken_out(off):
    site, person = off
    with TargetServer() as target:
        audit = wait_audit(person, start(person, [target.url]))
    assert audit["status"] == "completed"
    assert person.get(f"audits/{audit['id']}/export/csv/").text.count("\r\n") == audit["evidence_count"] + 1


@pytest.mark.expects("SAAS1602")
def test_webhooks_are_refused_and_the_log_says_that_it_may_be_the_clock(off):
    site, person = off
    event = person.story.updated("canceled")
    mark = site.httpd.watch()
    refused = site.deliver(event)
    assert refused.status_code == 400 and refused.json()["code"] == "invalid_signature"
    assert "SAAS1602" in mark.text() and "clock" in mark.text(), mark.text()
    # Stripe sends it again, by when somebody has set the clock.
    site.clock.set(0)
    until(lambda: site.clock.shows(0))
    assert site.deliver(event).status_code == 200
    assert person.ok("GET", f"organizations/{person.org['id']}/")["subscription_status"] == "canceled"
