"""Trials: an organization's own, which Stripe knows nothing of, beside what Stripe says, and Stripe's; the gate of both."""

import datetime
import itertools
import time

import pytest

from saastest import seed, stripe
from test_billing import calls, checkout, params, since  # noqa: F401
from test_members import join, together
from test_webhooks import give, status, until

DAY = 86400
PAST = "2026-01-02T03:04:05.000000Z"
SITE_CONF = """
LogLevel saas:info
SaasTrial 14d
SaasStripeTrialDays 7
<Location "/trial">
    AuthType Saas
    Require saas-trial
</Location>
<Location "/settled">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require not saas-trial
    </RequireAll>
</Location>
<Location "/paid">
    AuthType Saas
    Require saas-subscription active
</Location>
<VirtualHost *:*>
ServerName 127.0.0.1
</VirtualHost>
<VirtualHost *:*>
ServerName none.example.test
SaasTrial 0
</VirtualHost>
"""
# What refuses is told in the log, which is what is asked for here.
pytestmark = pytest.mark.expects("AH01630", "AH01631")


@pytest.fixture(scope="module", autouse=True)
def pages(site, databases):
    for area in ("trial", "settled", "paid"):
        site.httpd.page(f"{area}/index.html", f"<p>this is {area}</p>")


def org_of(person, org=None):
    return person.ok("GET", f"organizations/{(org or person.org)['id']}/")


def gates(person):
    return tuple(person.get(f"/{area}/", headers={"X-Organization-ID": person.org["id"]}).status_code for area in ("trial", "settled"))


def trail(person, org=None):
    entries = person.ok("GET", f"organizations/{(org or person.org)['id']}/activity/")["results"]
    return [(e["action"], e["actor"]["type"], e["new"]) for e in reversed(entries)]


def seconds_from_now(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()


def has_ended(site, person):
    """The clock is what ends a trial: what is written is that it ended then."""
    site.database.execute("UPDATE organizations SET trial_ends_at = ?, subscription_ends_at = CASE WHEN subscription_ends_at = trial_ends_at"
                          " THEN ? ELSE subscription_ends_at END WHERE id = ?", PAST, PAST, person.org["id"])


@pytest.fixture
def trying(site, person):
    """An organization that was given a trial by its operator."""
    site.saasctl("org", "trial", person.org["id"], "14d")
    return person


def test_what_is_paid_for_is_open_in_a_trial(site, trying):
    assert trying.get("/paid/").status_code == 200
    has_ended(site, trying)
    until(lambda: trying.get("/paid/").status_code == 403)
    assert trying.get("/paid/").json()["code"] == "subscription_required"


@pytest.mark.smoke
def test_who_registers_is_in_a_trial(site):
    person = site.register()
    org = org_of(person)
    assert (org["subscription_status"], org["has_active_subscription"]) == ("active", True)
    assert org["trial"] == {"ends_at": org["subscription_ends_at"], "running": True} and org["stripe_subscription_id"] is None
    assert abs(seconds_from_now(org["trial"]["ends_at"]) - 14 * DAY) < 600
    shown = person.ok("GET", "billing/subscription/")
    assert shown["trial"] == org["trial"] and shown["status"] == "active" and shown["stripe_status"] is None
    assert gates(person) == (200, 403)
    assert trail(person) == [("organization.created", "user", {"name": org["name"], "slug": org["slug"]}),
                             ("trial.started", "user", {"status": "active", "ends_at": org["trial"]["ends_at"]})]


def test_a_virtual_host_has_none(site):
    reply = site.nobody().post("auth/register/", {"email": f"v{seed.uuid7()}@example.test", "password": "correct horse battery"},
                               headers={"Host": "none.example.test", "Origin": "http://none.example.test"})
    assert reply.status_code == 201, reply.text
    rows = site.database.execute("SELECT subscription_status, trial_ends_at FROM organizations WHERE id = ?", reply.json()["organization"]["id"])
    assert rows == [("free", None)]


def found(person, n):
    return person.ok("POST", "organizations/", {"name": f"Another {n}"})


def test_nobody_has_trials_without_end_by_founding_organizations(site, person):
    first = found(person, 1)
    assert first["trial"]["running"] is True and first["subscription_status"] == "active"
    second = found(person, 2)
    assert second["trial"] is None and second["subscription_status"] == "free"
    assert [a for a, _, _ in trail(person, first)] == ["organization.created", "trial.started"]
    assert [a for a, _, _ in trail(person, second)] == ["organization.created"]
    registered = site.register()
    assert found(registered, 3)["trial"] is None
    # Being a member of somebody's trial uses up nobody's own.
    guest = join(site, person)
    assert found(guest, 4)["trial"]["running"] is True


def test_founding_many_at_once_gives_one_trial(site, person):
    made = together(*[lambda n=n: found(person, n) for n in range(6)])
    assert sorted(o["trial"] is not None for o in made) == [False] * 5 + [True]


def test_an_organization_that_could_not_be_made_uses_up_no_trial(site, person):
    assert person.post("organizations/", {"name": "Taken", "slug": person.org["slug"]}).status_code == 400
    assert found(person, 1)["trial"]["running"] is True


def test_access_ends_by_the_clock(site, person):
    """By nothing else, and also where the principal is in memory."""
    site.saasctl("org", "trial", person.org["id"], "1h")
    assert gates(person) == (200, 403) and gates(person) == (200, 403)
    end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    site.database.execute("UPDATE organizations SET trial_ends_at = ?, subscription_ends_at = ? WHERE id = ?", end, end, person.org["id"])
    until(lambda: gates(person) == (403, 200))
    assert seconds_from_now(org_of(person)["trial"]["ends_at"]) <= 0
    assert status(person) == ("expired", False) and org_of(person)["trial"]["running"] is False
    assert person.ok("GET", "billing/subscription/")["trial"]["running"] is False


def test_the_end_by_hand(site, trying):
    assert gates(trying) == (200, 403)
    site.saasctl("org", "trial", trying.org["id"], "--end")
    until(lambda: gates(trying) == (403, 200))
    assert status(trying) == ("expired", False)
    assert [a for a, who, _ in trail(trying) if who == "system"] == ["trial.started", "subscription.changed", "trial.ended", "subscription.changed"]


def test_the_refusal(site, person):
    reply = person.get("/trial/")
    assert (reply.status_code, reply.json()["code"]) == (403, "subscription_required")
    stranger = site.newcomer()
    assert stranger.get("/trial/", headers={"X-Organization-ID": person.org["id"]}).status_code == 404
    assert site.nobody().get("/trial/").status_code == 401


def why(site, who, expected, wanted):
    """Asks until the log says it: the history is looked up only so often."""
    watch = site.httpd.watch()

    def says():
        assert gates(who) == expected
        time.sleep(0.2)
        return any("SAAS1330" in line and wanted in line for line in watch.text().splitlines())
    until(says, 10)


def test_the_log_says_why(site, person, trying):
    other = site.newcomer()
    why(site, other, (403, 200), f"is in no trial; its subscription is free: the organization has never had another. Way out: saasctl org trial {other.org['slug']} 14d")
    why(site, trying, (200, 403), f"{trying.org['slug']} is in a trial until ")
    has_ended(site, trying)
    until(lambda: gates(trying) == (403, 200))
    why(site, trying, (403, 200), "is in no trial; its subscription is expired: it ended 2026-01-02T03:04:05Z by the clock; the last event was of ")


def test_the_end_of_an_old_subscription_ends_no_trial(site, person):
    old = stripe.Story(person.org["id"], site.price)
    give(site, old.updated("active"), old.deleted())
    assert status(person) == ("canceled", False)
    site.saasctl("org", "trial", person.org["id"], "14d")
    late = stripe.Story(person.org["id"], site.price, customer=old.customer)
    give(site, old.updated("canceled", at=60), late.created("incomplete"), late.updated("incomplete_expired", at=90))
    org = org_of(person)
    assert status(person) == ("active", True) and org["trial"]["running"] is True and gates(person) == (200, 403)
    has_ended(site, person)
    assert status(person) == ("expired", False)
    # Any news settles what is so without it.
    give(site, late.updated("incomplete_expired", at=95))
    assert status(person) == ("canceled", False)


def test_who_is_in_a_trial_can_subscribe(site, trying, since):  # noqa: F811
    """And has no other trial by it; whoever has had none has Stripe's."""
    site.pay(trying)
    org = org_of(trying)
    assert status(trying) == ("active", True) and org["subscription_ends_at"] is None and org["stripe_status"] == "active"
    assert org["trial"]["running"] is False and seconds_from_now(org["trial"]["ends_at"]) > 13 * DAY
    assert gates(trying) == (403, 200)
    assert ("subscription.changed", "stripe") in [(a, who) for a, who, _ in trail(trying)]
    assert "subscription_data[trial_period_days]" not in params(calls(site, since, "/v1/checkout/sessions")[0])
    reply = checkout(trying)
    assert (reply.status_code, reply.json()["code"]) == (409, "already_subscribed")
    other = site.newcomer()
    assert checkout(other).status_code == 200
    assert params(calls(site, since, "/v1/checkout/sessions")[-1])["subscription_data[trial_period_days]"] == "7"


@pytest.mark.parametrize("theirs", ["past_due", "unpaid", "paused"])
def test_a_trial_hides_no_debt(site, person, theirs):
    """Access goes on, and another subscription beside the one that is owed for is not sold."""
    story = stripe.Story(person.org["id"], site.price)
    site.saasctl("org", "trial", person.org["id"], "300d")
    give(site, story.updated("active"), story.updated(theirs, at=60))
    org = org_of(person)
    assert status(person) == ("active", True) and org["stripe_status"] == theirs and org["subscription_ends_at"] == org["trial"]["ends_at"]
    assert checkout(person).status_code == 409
    give(site, story.deleted(at=90))
    assert status(person) == ("active", True) and gates(person) == (200, 403)


def test_a_trial_that_is_over_does_not_hide_what_came_after(site, trying):
    story = stripe.Story(trying.org["id"], site.price)
    has_ended(site, trying)
    give(site, story.updated("active"))
    assert status(trying) == ("active", True) and org_of(trying)["subscription_ends_at"] is None
    assert [new["status"] for a, who, new in trail(trying) if a == "subscription.changed" and who == "stripe"] == ["active"]
    give(site, story.updated("unpaid", at=60))
    assert status(trying) == ("expired", False)
    give(site, story.deleted(at=90))
    assert status(trying) == ("canceled", False)


def test_every_order_of_events_beside_a_trial_ends_the_same(site, person):
    for wanted, running, make in (
            (("active", True), False, lambda s: [s.created("incomplete"), s.updated("active"), s.invoice()]),
            (("active", True), True, lambda s: [s.created("incomplete"), s.updated("active"), s.deleted()])):
        for order in range(6):
            org = found(person, order)
            site.saasctl("org", "trial", org["id"], "60d", *(["--again"] if org.get("trial") else []))
            give(site, *list(itertools.permutations(make(stripe.Story(org["id"], site.price))))[order])
            got = org_of(person, org)
            assert (got["subscription_status"], got["has_active_subscription"]) == wanted and got["trial"]["running"] is running


def test_stripes_trial_is_one_too(site, person):
    story = stripe.Story(person.org["id"], site.price)
    assert gates(person) == (403, 200)
    give(site, story.updated("trialing", period_end=story.start + 7 * DAY))
    org = org_of(person)
    assert org["trial"] == {"ends_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(story.start + 7 * DAY)), "running": True}
    assert person.ok("GET", "billing/subscription/")["trial"] == org["trial"] and gates(person) == (200, 403)
    give(site, story.updated("active", at=60))
    assert gates(person) == (403, 200) and org_of(person)["trial"] is None
    assert person.ok("GET", "billing/subscription/")["trial"] is None


def test_a_member_without_rights_sees_the_trial(site, trying):
    guest = join(site, trying, "VIEWER")
    assert org_of(guest, trying.org)["trial"]["running"] is True
