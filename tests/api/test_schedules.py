"""Audits that start by themselves: who may have them, what is refused, when they are due, and that each time which was due is
dealt with once. (tests/unit/test_audits_cron.c: what an expression names; tests/faults/test_schedule_nodes.py: several nodes.)
"""

import datetime
import json
import threading
import time
from zoneinfo import ZoneInfo

import pytest

from saastest import TargetServer, seed, wait_audit
from test_members import join

SITE_STRIPE = False
SITE_CONF = """
SaasPlan free limit.audits=3/month limit.targets=2 limit.schedules=3
SaasPlan open price_open
"""
PAST = "2026-01-02T03:04:00.000000Z"
FUTURE = "2036-01-02T03:04:00.000000Z"
KEYS = ["id", "name", "engine", "targets", "cron", "time_zone", "enabled", "next_run_at", "last_due_at", "last_audit", "last_error", "created_by",
        "created_at", "updated_at"]
BODY = {"targets": ["https://www.example.com/"], "cron": "30 6 * * 1-5"}
UTC = datetime.timezone.utc


def make(person, status=201, **more):
    reply = person.post("audits/schedules/", BODY | more)
    assert reply.status_code == status, reply.text
    return reply.json()


def change(person, key, status=200, **body):
    reply = person.patch(f"audits/schedules/{key}/", body)
    assert reply.status_code == status, reply.text
    return reply.json()


def view(person, key):
    return person.ok("GET", f"audits/schedules/{key}/")


def when(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def due(site, key, at=PAST):
    site.database.execute("UPDATE audit_schedules SET next_run_at = ? WHERE id = ?", at, key)


def looked(site):
    """The job has looked at what is due, from now on, once: a mark in its row is gone when it comes back."""
    end, mark, marked = time.monotonic() + 60, seed.uuid7(), False
    while True:
        if not marked:
            site.database.execute("UPDATE jobs SET run_after = ?, error = ? WHERE kind = 'audit.schedule' AND state = 'queued'", PAST, mark)
        rows = site.database.execute("SELECT error FROM jobs WHERE kind = 'audit.schedule'")
        if marked and rows[0][0] is None:
            return
        marked = marked or bool(rows) and rows[0][0] == mark
        assert time.monotonic() < end, "nobody looks"
        time.sleep(0.03)


def started(person, key):
    return person.ok("GET", f"audits/?schedule={key}")["results"]


def actions(site, key):
    return [tuple(row) for row in site.database.execute("SELECT action, actor_type FROM activity WHERE target_id = ? ORDER BY created_at, id", key)]


# ----------------------------------------------------------------------- the API --

def test_schedules_are_made_listed_changed_and_deleted(site, person):
    made = make(person, name="Weekdays", time_zone="Europe/Berlin")
    assert list(made) == KEYS and made["engine"] == "web" and made["enabled"] is True and made["created_by"] == person.user["id"]
    assert made["last_due_at"] is made["last_audit"] is made["last_error"] is None
    assert person.ok("GET", "audits/schedules/") == {"count": 1, "next": None, "previous": None, "results": [made]} and view(person, made["id"]) == made
    named = change(person, made["id"], name="Others")
    assert named == made | {"name": "Others", "updated_at": named["updated_at"]}
    moved = change(person, made["id"], cron="0 3 1 * *", time_zone="Asia/Tokyo", targets=["a.example", "https://a.example/"])
    assert moved["targets"] == ["https://a.example/"] and when(moved["next_run_at"]).astimezone(ZoneInfo("Asia/Tokyo")).strftime("%d %H:%M") == "01 03:00"
    off = change(person, made["id"], enabled=False)
    assert off["enabled"] is False and off["next_run_at"] is None
    assert change(person, made["id"], enabled=True)["next_run_at"] == moved["next_run_at"]
    assert person.delete(f"audits/schedules/{made['id']}/").status_code == 204
    assert person.delete(f"audits/schedules/{made['id']}/").status_code == 404 and person.ok("GET", "audits/schedules/")["count"] == 0
    assert [action for action, _ in actions(site, made["id"])] == ["schedule.created"] + ["schedule.changed"] * 4 + ["schedule.deleted"]
    entry = site.database.execute("SELECT old_value, new_value, target_label FROM activity WHERE target_id = ? AND action = 'schedule.changed' ORDER BY created_at, id", made["id"])[0]
    old, new = (value if isinstance(value, dict) else json.loads(value) for value in entry[:2])
    assert old == new | {"name": "Weekdays"} and new == {"name": "Others", "cron": "30 6 * * 1-5", "time_zone": "Europe/Berlin", "enabled": True, "engine": "web", "targets": 1}
    assert not site.database.execute("SELECT 1 FROM audit_schedules_due WHERE schedule_id = ?", made["id"])


def test_who_may(site, person, bob):
    made = make(person)
    viewer, member = person.as_token(role="VIEWER"), person.as_token(role="MEMBER")
    assert viewer.ok("GET", "audits/schedules/")["count"] == 1 and viewer.ok("GET", f"audits/schedules/{made['id']}/") == made
    assert viewer.post("audits/schedules/", BODY).status_code == 403
    for call in (viewer.patch(f"audits/schedules/{made['id']}/", {"enabled": False}), viewer.delete(f"audits/schedules/{made['id']}/")):
        assert call.status_code == 403
    assert member.patch(f"audits/schedules/{made['id']}/", {"name": "theirs"}).status_code == 200
    for call in (bob.get(f"audits/schedules/{made['id']}/"), bob.patch(f"audits/schedules/{made['id']}/", {"enabled": False}), bob.delete(f"audits/schedules/{made['id']}/")):
        assert call.status_code == 404
    assert bob.ok("GET", "audits/schedules/")["count"] == 0 and view(person, made["id"])["enabled"] is True


@pytest.mark.parametrize("cron, zone", [("30 6 * * 1-5", "Europe/Berlin"), ("*/20 * * * *", "UTC"), ("15 0 1,15 * *", "America/New_York"), ("45 12 * * SUN", "Asia/Kathmandu"),
                                        ("0 5 29 2 *", "Pacific/Auckland")])
def test_the_next_time_is_what_the_clocks_there_will_show(person, cron, zone):
    """As Python's own time zones say it."""
    made = make(person, cron=cron, time_zone=zone)
    minute, hour, day, month, weekday = cron.split()
    at = when(made["created_at"]).replace(second=0, microsecond=0)
    step = datetime.timedelta(minutes=5)
    at += step - (at - at.replace(minute=0)) % step
    while True:
        there = at.astimezone(ZoneInfo(zone))
        if (there.minute % 20 == 0 if minute == "*/20" else there.minute == int(minute)) and hour in ("*", str(there.hour)) and (day == "*" or str(there.day) in day.split(",")) \
                and month in ("*", str(there.month)) and {"*": True, "1-5": there.weekday() < 5, "SUN": there.weekday() == 6}[weekday]:
            break
        at += step
    assert when(made["next_run_at"]) == at


@pytest.mark.parametrize("field, value", [
    ("cron", ""), ("cron", None), ("cron", "* * * *"), ("cron", "@daily"), ("cron", "60 * * * *"), ("cron", "0 0 30 2 *"), ("cron", 5), ("cron", ["* * * * *"]), ("cron", "* " * 60),
    ("cron", "0 0 * * \u0660"), ("time_zone", ""), ("time_zone", None), ("time_zone", "Europe/Atlantis"), ("time_zone", "../../etc/passwd"), ("time_zone", "+01:00"), ("time_zone", "ABC5"),
    ("time_zone", "posix/UTC"), ("time_zone", "x" * 300), ("time_zone", 1), ("targets", []), ("targets", None), ("targets", "https://a.example/"), ("targets", ["ftp://a.example/"]),
    ("targets", ["https://10.0.0.1/"]), ("targets", [5]), ("targets", ["https://a.example/"] * 201), ("enabled", "yes"), ("enabled", None), ("enabled", 1), ("name", "x" * 201), ("name", 7),
    ("engine", "nothing"), ("engine", 5), ("engine", "")])
def test_bad_input_is_named_and_makes_nothing(person, field, value):
    reply = person.post("audits/schedules/", BODY | {field: value})
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text
    assert person.ok("GET", "audits/schedules/")["count"] == 0
    made = make(person)
    reply = person.patch(f"audits/schedules/{made['id']}/", {field: value})
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text
    assert view(person, made["id"]) == made


def test_what_is_missing_or_fixed(person):
    for field in BODY:
        reply = person.post("audits/schedules/", {name: value for name, value in BODY.items() if name != field})
        assert reply.status_code == 400 and reply.json() == {field: ["This field is required."]}
    made = make(person)
    assert change(person, made["id"], 400) == {"non_field_errors": ["Nothing to change: name, targets, cron, time_zone or enabled."]}
    assert list(change(person, made["id"], 400, engine="web")) == ["engine"]
    assert person.get("audits/?schedule=x").json() == {"schedule": ["Enter the id of a schedule."]}


# ---------------------------------------------------------------------- being due --

@pytest.mark.smoke
def test_what_is_due_is_started_once_and_what_was_missed_is_one_run(site, person):
    """It was due every minute for months, while no server ran."""
    with TargetServer() as target:
        made = make(person, name="Each minute", cron="* * * * *", targets=[target.url])
        due(site, made["id"])
        looked(site)
        after = view(person, made["id"])
        audit, = started(person, made["id"])
        assert after["last_audit"] == audit["id"] and after["last_error"] is None and after["last_due_at"] == PAST
        # The look may have come back meanwhile: a minute is short.
        site.database.execute("UPDATE audit_schedules SET next_run_at = ? WHERE id = ?", FUTURE, made["id"])
        assert when(after["next_run_at"]) > when(audit["created_at"])
        assert (audit["name"], audit["engine"], audit["targets"], audit["schedule"], audit["created_by"]) == ("Each minute", "web", [target.url + "/"], made["id"], None)
        body = wait_audit(person, audit["id"], 60)
    assert body["status"] == "completed" and actions(site, audit["id"]) == [("audit.started", "system"), ("audit.completed", "system")]
    values = [row[0] for row in site.database.execute("SELECT new_value FROM activity WHERE target_id = ?", audit["id"])]
    assert {(value if isinstance(value, dict) else json.loads(value))["schedule"] for value in values} == {made["id"]}
    looked(site)
    assert len(started(person, made["id"])) == 1
    usage = {limit["name"]: limit["used"] for limit in person.ok("GET", "billing/usage/")["limits"]}
    assert usage["audits"] == 1 and usage["schedules"] == 1


def test_an_audit_by_hand_has_no_schedule(person):
    with TargetServer() as target:
        audit = person.post("audits/start/", {"targets": [target.url]}).json()
    assert audit["schedule"] is None and audit["created_by"] == person.user["id"]
    assert person.ok("GET", "audits/?schedule=00000000-0000-7000-8000-000000000000")["count"] == 0


def test_a_run_is_left_out_while_the_one_before_goes_on(site, person):
    with TargetServer(seconds=0.5) as slow:
        made = make(person, targets=[slow.url])
        due(site, made["id"])
        looked(site)
        first = view(person, made["id"])["last_audit"]
        due(site, made["id"], "2026-01-02T03:05:00.000000Z")
        looked(site)
        after = view(person, made["id"])
        assert after["last_error"] == "Left out: the audit before was not done yet." and after["last_audit"] == first
        assert after["last_due_at"] == "2026-01-02T03:05:00.000000Z" and when(after["next_run_at"]) > when(after["updated_at"])
        assert len(started(person, made["id"])) == 1
        slow.seconds = 0
        wait_audit(person, first, 60)
        due(site, made["id"], "2026-01-02T03:06:00.000000Z")
        looked(site)
    after = view(person, made["id"])
    assert after["last_error"] is None and after["last_audit"] != first and len(started(person, made["id"])) == 2


def test_a_time_that_was_dealt_with_starts_nothing_again(site, person):
    """Also when its row is as it was before, as after a restored backup."""
    made = make(person)
    for _ in range(2):
        due(site, made["id"])
        looked(site)
    audit, = started(person, made["id"])
    assert view(person, made["id"])["last_audit"] == audit["id"]


def test_a_clock_that_is_put_back_repeats_nothing(site, person):
    """What was due is later than now says: a change does not plan it anew."""
    made = make(person, cron="4 3 * * *")
    site.database.execute("UPDATE audit_schedules SET last_slot_at = ?, next_run_at = NULL WHERE id = ?", FUTURE, made["id"])
    assert change(person, made["id"], name="x")["next_run_at"] == "2036-01-03T03:04:00.000000Z"
    assert change(person, made["id"], cron="5 3 * * *")["next_run_at"] == "2036-01-02T03:05:00.000000Z"


def test_a_disabled_one_rests_and_begins_anew(site, person):
    made = make(person, enabled=False)
    assert made["next_run_at"] is None
    looked(site)
    assert not started(person, made["id"])
    on = change(person, made["id"], enabled=True)
    assert when(on["next_run_at"]) > when(on["updated_at"])


@pytest.mark.expects("SAAS1405")
def test_limits_of_the_plan_hold_for_schedules_too(site, person):
    assert person.post("audits/schedules/", BODY | {"targets": [f"https://a.example/{n}" for n in range(3)]}).json()["name"] == "targets"
    made = make(person, targets=["https://a.example/1", "https://a.example/2"])
    make(person)
    make(person)
    reply = person.post("audits/schedules/", BODY)
    assert reply.status_code == 403 and (reply.json()["code"], reply.json()["name"], reply.json()["used"]) == ("limit_reached", "schedules", 3)
    assert person.patch(f"audits/schedules/{made['id']}/", {"targets": [f"https://a.example/{n}" for n in range(3)]}).status_code == 403
    assert view(person, made["id"]) == made and person.ok("GET", "audits/schedules/")["count"] == 3
    # What was allowed when it was made need not be when it is due.
    site.database.execute("UPDATE audit_schedules SET targets = ? WHERE id = ?", json.dumps([f"https://a.example/{n}" for n in range(3)]), made["id"])
    due(site, made["id"])
    looked(site)
    after = view(person, made["id"])
    assert after["last_error"] == "The plan allows no more: its limit of targets is reached." and after["last_due_at"] == PAST and after["last_audit"] is None
    assert not started(person, made["id"]) and when(after["next_run_at"]) > when(after["updated_at"])
    change(person, made["id"], targets=["https://a.example/"])
    for _ in range(3):
        person.ok("POST", "audits/start/", {"targets": ["https://a.example/"]})
    due(site, made["id"], "2026-01-02T03:05:00.000000Z")
    looked(site)
    after = view(person, made["id"])
    assert after["last_error"] == "The plan allows no more: its limit of audits is reached." and not started(person, made["id"])
    # With another plan it goes on.
    site.database.execute("UPDATE organizations SET subscription_status = 'active', subscription_price = 'price_open' WHERE id = ?", person.org["id"])
    due(site, made["id"], "2026-01-02T03:06:00.000000Z")
    looked(site)
    assert view(person, made["id"])["last_error"] is None and len(started(person, made["id"])) == 1


def test_targets_are_looked_at_again(site, person):
    made = make(person)
    site.database.execute("UPDATE audit_schedules SET targets = ? WHERE id = ?", json.dumps(["https://10.0.0.1/"]), made["id"])
    due(site, made["id"])
    looked(site)
    assert view(person, made["id"])["last_error"].startswith("https://10.0.0.1/: ") and not started(person, made["id"])
    site.database.execute("UPDATE audit_schedules SET engine = 'gone' WHERE id = ?", made["id"])
    due(site, made["id"])
    looked(site)
    assert view(person, made["id"])["last_error"] == "The engine gone is not loaded on this server."


@pytest.mark.expects("SAAS2208")
def test_a_zone_that_is_gone_is_told_and_waited_for(site, person):
    made, other = make(person), make(person)
    site.database.execute("UPDATE audit_schedules SET time_zone = 'Gone/Gone' WHERE id = ?", made["id"])
    for key in (made["id"], other["id"]):
        due(site, key)
    looked(site)
    after = view(person, made["id"])
    assert after["last_error"] == "The time zone Gone/Gone is not known on this server any more." and after["next_run_at"] == PAST and after["last_due_at"] is None
    assert len(started(person, other["id"])) == 1, "it holds up another"
    change(person, made["id"], time_zone="UTC")
    due(site, made["id"])
    looked(site)
    assert view(person, made["id"])["last_error"] is None and len(started(person, made["id"])) == 1


def test_it_goes_on_when_who_made_it_has_left(site, person):
    member = join(site, person)
    made = member.post("audits/schedules/", BODY, headers={"X-Organization-ID": person.org["id"]}).json()
    assert person.delete(f"organizations/{person.org['id']}/members/{member.user['id']}/").status_code == 204
    site.database.execute("DELETE FROM users WHERE id = ?", member.user["id"])
    due(site, made["id"])
    looked(site)
    assert len(started(person, made["id"])) == 1 and view(person, made["id"])["created_by"] == member.user["id"]


def test_of_an_organization_that_is_deleted_nothing_is_started(site, person):
    made = make(person)
    site.database.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", PAST, person.org["id"])
    due(site, made["id"])
    looked(site)
    assert not site.database.execute("SELECT 1 FROM audits WHERE org_id = ?", person.org["id"])
    site.database.execute("UPDATE organizations SET deleted_at = NULL WHERE id = ?", person.org["id"])
    assert person.delete(f"organizations/{person.org['id']}/").status_code in (202, 204)
    end = time.monotonic() + 60
    while site.database.execute("SELECT 1 FROM audit_schedules_due WHERE organization_id = ?", person.org["id"]):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_there_are_no_more_than_a_hundred(site):
    person = site.newcomer()
    site.database.execute("UPDATE organizations SET subscription_status = 'active', subscription_price = 'price_open' WHERE id = ?", person.org["id"])
    for _ in range(99):
        seed.audit_schedule(site.database, person.org["id"])
    make(person)
    assert make(person, 409)["code"] == "conflict"
    assert person.ok("GET", "audits/schedules/?page_size=7")["count"] == 100


def test_a_change_and_a_run_at_once(site, person):
    """Whichever comes first: the audit is there once, and the change is in it or not, never half."""
    made = make(person, name="before")
    due(site, made["id"])
    threads = [threading.Thread(target=change, args=(person.as_token(), made["id"]), kwargs={"name": f"after {n}", "targets": [f"https://{n}.example/"]}) for n in range(4)]
    for thread in threads:
        thread.start()
    looked(site)
    for thread in threads:
        thread.join(30)
    audit, = started(person, made["id"])
    assert (audit["name"], audit["targets"]) in [("before", BODY["targets"])] + [(f"after {n}", [f"https://{n}.example/"]) for n in range(4)]
