"""Plans: features and plans as gates, in httpd.conf and in route tables; what is told to whom; Stripe's entitlements."""

import time

import pytest

from saastest import Httpd, seed, stripe
from saastest.site import MOUNTS

# What mod_authz_core says of each refusal.
pytestmark = pytest.mark.expects("AH01630", "AH01631")
PRICES = {"basic": "price_basic", "pro": "price_pro", "business": "price_business"}
SITE_STRIPE = False
SITE_CONF = """
SaasStripeEntitlements On
SaasStripePrice price_basic price_pro price_business price_old
SaasPlan free     features=look
SaasPlan basic    price_basic features=look,api
SaasPlan pro      price_pro price_pro_yearly features=look,api,export
SaasPlan business price_business
<Location "/export">
    AuthType Saas
    Require saas-feature export
</Location>
<Location "/look">
    AuthType Saas
    Require saas-feature look
</Location>
<Location "/any">
    AuthType Saas
    Require saas-feature export api
</Location>
<Location "/sso">
    AuthType Saas
    Require saas-feature sso
</Location>
<Location "/plan">
    AuthType Saas
    Require saas-plan pro business
</Location>
<Location "/not-free">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require not saas-plan free
    </RequireAll>
</Location>
<Location "/words">
    AuthType Saas
    SaasDenied subscription "Buy the better one" https://app.example.test/plans
    Require saas-feature export
</Location>
"""
AREAS = ("export", "look", "any", "sso", "plan", "not-free", "words")


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in AREAS:
        site.httpd.page(f"{area}/index.html", f"<p>{area}</p>")


def subscribe(site, person, price, status="active", **more):
    story = stripe.Story(person.org["id"], price)
    assert site.deliver(story.updated(status, **more)).status_code == 200
    return story


@pytest.fixture(scope="module")
def people(site):
    """Somebody on each plan, by the name of the plan."""
    found = {"free": site.newcomer("Free Inc")}
    for plan, price in PRICES.items():
        found[plan] = site.newcomer(f"{plan} Inc")
        subscribe(site, found[plan], price)
    return found


def seen(person):
    return {area for area in AREAS if person.get(f"/{area}/").status_code == 200}


def test_a_trial_of_ours_has_the_lowest_that_is_for_sale(site):
    person = site.newcomer()
    site.saasctl("org", "trial", person.org["id"], "14d")
    assert person.ok("GET", "billing/usage/")["plan"] == "basic"
    assert seen(person) == {"look", "any", "not-free"}
    # What was paid for before is over, and not the trial's.
    gone = site.newcomer()
    story = subscribe(site, gone, PRICES["business"])
    assert site.deliver(story.deleted()).status_code == 200
    site.saasctl("org", "trial", gone.org["id"], "14d")
    assert seen(gone) == {"look", "any", "not-free"}
    assert site.deliver(story.updated("canceled", at=70)).status_code == 200
    assert seen(gone) == {"look", "any", "not-free"}
    # What is paid for during a trial counts.
    subscribe(site, person, PRICES["business"])
    assert seen(person) == set(AREAS)



@pytest.mark.smoke
def test_what_each_plan_opens(people):
    assert seen(people["free"]) == {"look"}
    assert seen(people["basic"]) == {"look", "any", "not-free"}
    assert seen(people["pro"]) == {"look", "any", "export", "words", "plan", "not-free"}
    assert seen(people["business"]) == {"look", "any", "export", "words", "plan", "not-free", "sso"}, "a plan without features= has all"


def test_who_lacks_a_feature_is_told_which_plans_have_it(people):
    reply = people["basic"].get("/export/")
    assert reply.status_code == 403 and reply.headers["Cache-Control"] == "no-store"
    assert reply.json() == {"detail": "Upgrade your plan to access this feature", "code": "feature_required", "feature": "export",
                            "plans": ["pro", "business"]}
    assert people["free"].get("/sso/").json()["plans"] == ["business"]
    reply = people["basic"].get("/plan/")
    assert reply.json() == {"detail": "Upgrade your plan to access this feature", "code": "plan_required", "plans": ["pro", "business"]}
    # Whoever has words for who must buy something, has them for this as well.
    assert people["basic"].get("/words/").json()["detail"] == "Buy the better one"
    page = people["basic"].get("/words/", headers={"Accept": "text/html", "Origin": None})
    assert 'href="https://app.example.test/plans"' in page.text


def test_outsiders_and_strangers_learn_nothing(site, people):
    assert site.nobody().get("/export/").status_code == 401
    stranger = site.newcomer().get("/export/", headers={"X-Organization-ID": people["pro"].org["id"]})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")


def test_the_export_keeps_its_words(site, people):
    """And asks for the feature export."""
    for plan, status in (("free", 403), ("basic", 403), ("pro", 200), ("business", 200)):
        audit = seed.audit(site.database, people[plan].org["id"])
        reply = people[plan].get(f"audits/{audit}/export/csv/")
        assert reply.status_code == status, plan
        if status == 403:
            assert reply.json() == {"detail": "Upgrade to Premium to export data", "code": "subscription_required"}


def test_another_price_of_the_plan_is_the_plan(site):
    person = site.newcomer()
    subscribe(site, person, "price_pro_yearly")
    assert person.get("/plan/").status_code == 403, "it is not sold here, and came from nowhere"
    site.database.execute("UPDATE organizations SET subscription_status = 'active', subscription_price = 'price_pro_yearly' WHERE id = ?", person.org["id"])
    seed.change_counts()
    assert person.get("/plan/").status_code == 200


def test_a_plan_ends_with_its_subscription_and_changes_with_its_price(site):
    person = site.newcomer()
    story = subscribe(site, person, "price_pro")
    assert person.get("/export/").status_code == 200
    story.price = "price_basic"
    assert site.deliver(story.updated("active", at=10, previous={"items": {}})).status_code == 200
    assert person.get("/export/").json()["code"] == "feature_required" and person.get("/any/").status_code == 200
    story.price = "price_pro"
    site.deliver(story.updated("active", at=11, previous={"items": {}}))
    assert person.get("/export/").status_code == 200
    site.deliver(story.deleted(at=20))
    assert person.get("/export/").status_code == 403 and person.get("/look/").status_code == 200


@pytest.mark.expects("SAAS1331")
def test_a_price_that_no_plan_has_counts_as_free(site):
    """It is sold here, so it was bought; but nobody said what it is."""
    person = site.newcomer()
    subscribe(site, person, "price_old")
    assert person.ok("GET", f"organizations/{person.org['id']}/")["has_active_subscription"] is True
    assert seen(person) == {"look"}
    assert "price_old" in site.httpd.error_log.read_text()


def test_a_price_that_is_not_known_yet_is_the_least_that_is_sold(site):
    person = site.newcomer()
    site.database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", person.org["id"])
    seed.change_counts()
    assert seen(person) == {"look", "any", "not-free"}


# ------------------------------------------------------------------ entitlements --

def summary(story, *keys, at=50, has_more=False):
    return stripe.event("entitlements.active_entitlement_summary.updated", {
        "object": "entitlements.active_entitlement_summary", "customer": story.customer, "livemode": False,
        "entitlements": {"object": "list", "has_more": has_more, "url": "/v1/customer/entitlements",
                         "data": [{"id": stripe.new_id("ent"), "object": "entitlements.active_entitlement", "feature": "feat_1", "livemode": False,
                                   "lookup_key": key} for key in keys]}}, story.start + at)


def test_stripes_entitlements_are_features(site):
    person = site.newcomer()
    story = subscribe(site, person, "price_basic")
    assert person.get("/sso/").status_code == 403
    assert site.deliver(summary(story, "sso", "exporting")).status_code == 200
    assert person.get("/sso/").status_code == 200
    assert person.get("/export/").status_code == 403, "a part of a key is no key"
    # The later summary is all there is; an earlier one that is late is nothing.
    site.deliver(summary(story, "export", at=60))
    site.deliver(summary(story, "sso", at=55))
    assert person.get("/sso/").status_code == 403 and person.get("/export/").status_code == 200
    # They are worth what access is.
    site.deliver(story.deleted(at=70))
    assert person.get("/export/").status_code == 403


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_summaries_of_one_second_end_the_same_in_every_order(site, order):
    person = site.newcomer()
    story = subscribe(site, person, "price_basic")
    both = summary(story, "sso"), summary(story, "export")
    for i in order:
        site.deliver(both[i])
    assert person.get("/sso/").status_code == 200 and person.get("/export/").status_code == 403


def test_entitlements_of_nobody_change_nothing(site):
    story = stripe.Story(site.newcomer().org["id"], "price_basic")
    assert site.deliver(summary(story, "sso")).status_code == 200


# ----------------------------------------------------------------- configuration --

@pytest.mark.parametrize("lines, words", [
    ("SaasPlan", "name of a plan"),
    ("SaasPlan Pro price_a", '"Pro" is no name'),
    ("SaasPlan pro", "has no price"),
    ("SaasPlan free price_a", "the plan free has no price"),
    ("SaasPlan free seats", "the plan free has no price and no seats"),
    ("SaasPlan pro price_a\nSaasPlan pro price_b", "there is a plan pro already"),
    ("SaasPlan pro price_a\nSaasPlan plus price_a", "the price price_a belongs to the plan pro already"),
    ("SaasPlan pro price_a price_a", "the price price_a belongs to the plan pro already"),
    ("SaasPlan pro price_a features=a,b,a", "the feature a stands twice"),
    ("SaasPlan pro price_a features=A", '"A" is no name'),
    ("SaasPlan pro price_a features=a features=b", "features= stands twice"),
    ("SaasPlan pro price_a feature=a", '"feature=a" is none of'),
    ('<VirtualHost *>\nSaasPlan pro price_a\n</VirtualHost>', "VirtualHost"),
    ('SaasPlan pro price_a features=api\n<Location "/x">\nAuthType Saas\nRequire saas-feature exprot\n</Location>', "no SaasPlan has the feature exprot"),
    ('SaasPlan pro price_a\n<Location "/x">\nAuthType Saas\nRequire saas-plan por\n</Location>', "there is no SaasPlan por"),
    ('<Location "/x">\nAuthType Saas\nRequire saas-plan pro\n</Location>', "there is no SaasPlan pro"),
    ('<Location "/x">\nAuthType Saas\nRequire saas-feature\n</Location>', "at least 1 argument"),
    ('<Location "/x">\nAuthType Saas\nRequire saas-feature Ex\n</Location>', '"Ex" is no name'),
], ids=lambda value: "".join(c if c.isalnum() else "-" for c in value)[:60])
def test_what_configtest_says(lines, words):
    server = Httpd()
    try:
        status, said = server.configtest("DBDriver sqlite3\nDBDParams /nowhere/x.db\n" + MOUNTS + lines)
        assert status != 0 and words in said, said
    finally:
        server.close()


@pytest.mark.parametrize("lines", [
    'SaasPlan pro price_a features=api\nSaasStripeEntitlements On\n<Location "/x">\nAuthType Saas\nRequire saas-feature sso\n</Location>',
    '<Location "/x">\nAuthType Saas\nRequire saas-feature whatever\n</Location>',
    'SaasPlan pro price_a features=api\n<Location "/x">\nAuthType Saas\nRequire saas-feature "%{HTTP:X-Feature}"\n</Location>',
])
def test_what_it_takes(lines):
    server = Httpd()
    try:
        status, said = server.configtest("DBDriver sqlite3\nDBDParams /nowhere/x.db\n" + MOUNTS + lines)
        assert status == 0, said
    finally:
        server.close()


# --------------------------------------------------------------------------- why --

def test_the_log_says_which_plan_an_organization_has(site, people):
    site.httpd.restart("\n".join([*site.parts, "LogLevel saas:info"]))
    try:
        people["basic"].get("/export/")
        people["free"].get("/export/")
        for words in (f"{people['basic'].org['slug']} has the plan basic, which has not the feature",
                      f"the subscription of {people['free'].org['slug']} is free"):
            end = time.monotonic() + 20
            while words not in site.httpd.error_log.read_text():
                assert time.monotonic() < end, words
                time.sleep(0.05)
    finally:
        site.httpd.restart("\n".join(site.parts))


def test_saasctl_says_it_without_a_request(site, people):
    said = site.saasctl("why", people["basic"].email, "saas-feature export", "--httpd", site.httpd.binary, "--config", str(site.httpd.root / "httpd.conf"), check=False)
    assert said.returncode == 1 and "has the plan basic" in said.stdout + said.stderr
    assert site.saasctl("why", people["pro"].email, "saas-feature export", "--httpd", site.httpd.binary, "--config", str(site.httpd.root / "httpd.conf"), check=False).returncode == 0
    assert site.saasctl("why", people["basic"].email, "/plan/", "--httpd", site.httpd.binary, "--config", str(site.httpd.root / "httpd.conf"), check=False).returncode == 1
