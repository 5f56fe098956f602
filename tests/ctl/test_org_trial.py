"""saasctl org trial: access for a while, once, and never against what Stripe says."""

import datetime

import pytest

from saastest import seed

from operators import ADA


def near(text, seconds):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return abs((at - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - seconds) < 300


def shown(ctl):
    org = ctl.ok("org", "show", "acme")
    return org["subscription"], org["trial_started_at"], org["trial_ends_at"], org["subscription_ends_at"]


def test_a_trial(ctl, acme):
    assert shown(ctl) == ("free", None, None, None)
    given = ctl.ok("org", "trial", "ACME", "14d")
    assert given == {"id": acme["id"], "slug": "acme", "trial_ends_at": given["trial_ends_at"]}
    status, started, ends, access = shown(ctl)
    assert status == "active" and near(started, 0) and near(ends, 14 * 86400) and access == ends
    entries = [e for e in ctl.ok("activity", "list", "--org", "acme") if e["action"] in ("trial.started", "subscription.changed")]
    changed, act = entries
    assert act["actor_id"].startswith("saasctl:") and act["action"] == "trial.started"
    assert changed["old_value"] == {"status": "free", "ends_at": None} and changed["new_value"]["status"] == "active"
    assert "granted" in ctl.run("why", ADA, "acme", "saas-trial").stdout


def test_it_is_given_once(ctl, acme):
    ctl.ok("org", "trial", "acme", "36h")
    assert near(shown(ctl)[2], 36 * 3600)
    before = shown(ctl)
    said = ctl.fails(1, "org", "trial", "acme", "14d")
    assert "has had a trial" in said and "--again" in said and shown(ctl) == before
    ctl.ok("org", "trial", "acme", "2d", "--again")
    assert near(shown(ctl)[2], 2 * 86400)
    # Also when it was over long ago.
    ctl.database.execute("UPDATE organizations SET trial_ends_at = ?, subscription_ends_at = ?", "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:05.000000Z")
    assert shown(ctl)[0] == "expired"
    ctl.fails(1, "org", "trial", "acme", "14d")
    ctl.ok("org", "trial", "acme", "14d", "--again")
    assert shown(ctl)[0] == "active"


def test_its_end(ctl, acme):
    assert "in no trial" in ctl.fails(1, "org", "trial", "acme", "--end")
    ctl.ok("org", "trial", "acme", "14d")
    ctl.ok("org", "trial", "acme", "--end")
    status, _, ends, access = shown(ctl)
    assert status == "expired" and near(ends, 0) and access == ends
    assert "in no trial" in ctl.fails(1, "org", "trial", "acme", "--end")
    assert [a for a, _ in ctl.trail("acme")][-4:] == ["trial.started", "subscription.changed", "trial.ended", "subscription.changed"]
    told = ctl.run("why", ADA, "acme", "saas-trial")
    assert told.returncode == 1 and "is in no trial; its subscription is expired: it ended" in told.stdout + told.stderr


@pytest.mark.parametrize("args", [["14"], ["0d"], ["-1d"], ["14 d"], ["731d"], ["99999999999999999999d"], ["14w"], ["d"], [""], [], ["14d", "--end"],
                                  ["--end", "--again"], ["17521h"]])
def test_what_is_no_time_changes_nothing(ctl, acme, args):
    ctl.fails(2, "org", "trial", "acme", *args)
    assert shown(ctl) == ("free", None, None, None)


def test_the_longest(ctl, acme):
    ctl.ok("org", "trial", "acme", "730d")
    ctl.ok("org", "trial", "acme", "17520h", "--again")
    assert near(shown(ctl)[2], 730 * 86400)


def subscribe(ctl, org, status, ends=None):
    ctl.database.execute("UPDATE organizations SET subscription_status = 'active', stripe_status = ?, stripe_subscription_id = 'sub_1', subscription_ends_at = ?"
                         " WHERE id = ?", status, ends, org["id"])


def test_who_has_a_subscription_needs_none(ctl, acme):
    subscribe(ctl, acme, "active")
    assert "has a subscription" in ctl.fails(1, "org", "trial", "acme", "14d")
    assert shown(ctl)[1:3] == (None, None)
    subscribe(ctl, acme, "active", "2999-01-01T00:00:00.000000Z")
    ctl.fails(1, "org", "trial", "acme", "14d")


def test_a_trial_is_longer_than_a_grace(ctl, acme):
    """And its end by hand has Stripe asked what there is without it."""
    subscribe(ctl, acme, "past_due", "2999-01-01T00:00:00.000000Z")
    ctl.fails(1, "org", "trial", "acme", "14d")
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    subscribe(ctl, acme, "past_due", soon)
    ctl.database.execute("INSERT INTO stripe_news (stripe_id, organization_id, ask_at) VALUES ('sub_1', ?, '2999-01-01T00:00:00.000000Z')", acme["id"])
    ctl.ok("org", "trial", "acme", "14d")
    assert near(shown(ctl)[3], 14 * 86400)
    ctl.ok("org", "trial", "acme", "--end")
    assert ctl.database.execute("SELECT ask_at < ? FROM stripe_news", "2998-01-01T00:00:00.000000Z") == [(True,)]


def test_the_end_of_a_trial_that_was_paid_for_leaves_what_is_paid(ctl, acme):
    ctl.ok("org", "trial", "acme", "14d")
    subscribe(ctl, acme, "active")
    ctl.ok("org", "trial", "acme", "--end")
    status, _, ends, access = shown(ctl)
    assert status == "active" and near(ends, 0) and access is None
    assert [a for a, _ in ctl.trail("acme")][-1] == "trial.ended"


def test_nobody_has_one_that_is_not_there(ctl, acme):
    assert "no organization" in ctl.fails(1, "org", "trial", "nowhere", "14d")
    ctl.ok("org", "delete", "acme")
    assert "deleted" in ctl.fails(1, "org", "trial", "acme", "14d")
    assert "no organization" in ctl.fails(1, "org", "trial", seed.uuid7(), "14d")
