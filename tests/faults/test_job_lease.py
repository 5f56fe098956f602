"""Whose a job is. A worker that lost its lease - it was stopped, cut off, slow - writes, renews, releases and finishes nothing:
for each kind of work, and for each way in which an attempt ends.

The lease is gone when the worker begins: a trigger gives the row to somebody else behind the very statement that claims it.
"""

import base64
import contextlib
import datetime
import json
import time
import uuid
import zlib

import pytest

from saastest import TargetServer, seed, stripe
from saastest.metrics import scrape
from saastest.places import free_port
from saastest.smtp import SmtpServer

pytestmark = pytest.mark.long(40)
PORT = free_port()
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom noreply@example.test
SaasPasswordResetURL https://app.example.test/reset?token={{token}}
"""
LATER = "2036-01-02T03:04:05.000000Z"
STOLEN = ("running", "elsewhere", "thief", 7, None)
GIVEN_AWAY = "state = 'running', lease_node = 'elsewhere', lease_owner = 'thief', lease_until = '{lease}', attempts = 7, error = NULL"
LEASE = 240     # seconds that the thief has it for, in which no test is still about it
CLAIMED = "NEW.kind = '{kind}' AND NEW.state = 'running' AND NEW.lease_owner <> 'thief'"


@pytest.fixture(scope="module")
def relay():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def ahead(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ended(site, kind):
    """Attempts at this kind of work that the node has ended, in whatever way."""
    return sum(value for name, value in scrape(site).items() if name.startswith("saas_job_runs_total{") and f'kind="{kind}"' in name)


@contextlib.contextmanager
def theft(site, kind):
    """Whoever claims work of this kind loses it at once."""
    when = CLAIMED.format(kind=kind)
    given = GIVEN_AWAY.format(lease=ahead(LEASE))
    if site.database.kind == "pgsql":
        site.database.execute(f"CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN UPDATE jobs SET {given} WHERE id = NEW.id; RETURN NULL; END$$")
        site.database.execute("CREATE CONSTRAINT TRIGGER steal AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                              f" WHEN ({when}) EXECUTE FUNCTION steal()")
    else:
        site.database.execute(f"CREATE TRIGGER steal AFTER UPDATE ON jobs WHEN {when} BEGIN UPDATE jobs SET {given} WHERE id = NEW.id; END")
    try:
        yield
    finally:
        site.database.execute("DROP TRIGGER steal" + (" ON jobs" if site.database.kind == "pgsql" else ""))
        if site.database.kind == "pgsql":
            site.database.execute("DROP FUNCTION steal")


def enqueue(site, kind, object_id, org=None, payload=None):
    job = str(uuid.uuid4())
    site.database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, payload, run_after, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                          job, kind, org, object_id, json.dumps(payload) if payload else None, seed.now(), seed.now())
    return job


def job_of(site, kind):
    """Of work that comes back, which is planned anew when its row is gone."""
    until(lambda: site.database.execute("SELECT 1 FROM jobs WHERE kind = ?", kind))
    (job,), = site.database.execute("SELECT id FROM jobs WHERE kind = ?", kind)
    return str(job)


def is_theirs(site, job):
    """The new owner finds its work as it has taken it over, and is done with it."""
    rows = site.database.execute("SELECT state, lease_node, lease_owner, attempts, error, lease_until FROM jobs WHERE id = ?", job)
    site.database.execute("DELETE FROM jobs WHERE id = ? AND object_id IS NOT NULL", job)
    site.database.execute("UPDATE jobs SET state = 'queued', lease_node = NULL, lease_owner = NULL, lease_until = NULL, attempts = 0 WHERE id = ?", job)
    assert [tuple(r[:5]) for r in rows] == [STOLEN]
    lease = rows[0][5] if site.database.kind == "pgsql" else datetime.datetime.fromisoformat(rows[0][5].replace("Z", "+00:00"))
    assert lease > datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30), "it was renewed"


# ------------------------------------------------------------------- each kind of work --
# A function makes the work, and gives its kind, its object, its payload, and what tells that nothing was done.

def subscription(site, person):
    return [tuple(row) for row in site.database.execute(
        "SELECT subscription_status, stripe_subscription_id, stripe_customer_id, deleted_at IS NULL FROM organizations WHERE id = ?", person.org["id"])]


def told(site, person):
    story = stripe.Story(person.org["id"], site.price)
    payload = {"asked": int(time.time() * 1e6), "at": int(time.time()), "subscriptions": [story.subscription("active")]}
    return "stripe.told", story.id, payload, lambda: (subscription(site, person), site.database.execute("SELECT count(*) FROM stripe_news"))


def replay(site, person):
    event = stripe.Story(person.org["id"], site.price).updated("active")
    site.database.execute("INSERT INTO stripe_events (id, type, created, verdict, payload, received_at) VALUES (?, ?, ?, 'ignored:unbound', ?, ?)",
                          event["id"], event["type"], event["created"], json.dumps(event), seed.now())
    return "stripe.replay", event["id"], None, lambda: (
        subscription(site, person), site.database.execute("SELECT verdict FROM stripe_events WHERE id = ?", event["id"]))


def ask(site, person):
    org = site.pay(person)
    sub = org["stripe_subscription_id"]
    site.sandbox.config(enabled_events=["nothing"])
    site.sandbox.control("POST", f"subscriptions/{sub}/transition", {"status": "canceled"})
    site.sandbox.config(enabled_events=["*"])
    site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE stripe_id = ?", LATER, sub)
    return "stripe.ask", sub, None, lambda: (
        subscription(site, person), site.database.execute("SELECT asked_at FROM stripe_news WHERE stripe_id = ?", sub),
        site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'stripe.told' AND object_id = ?", sub))


def due(site, person):
    """The row is there for good, and comes due every few seconds."""
    site.database.execute("INSERT INTO stripe_news (stripe_id, organization_id, ask_at) VALUES (?, ?, ?)", "sub_" + person.email[1:9], person.org["id"], seed.now())
    return "stripe.due", None, None, lambda: site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'stripe.ask'")


def cancel(site, person):
    return "stripe.cancel", site.pay(person)["stripe_subscription_id"], None, lambda: None


def purge(site, person):
    site.database.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", "2026-01-02T03:04:05.000000Z", person.org["id"])
    return "organization.purge", person.org["id"], None, lambda: (
        subscription(site, person), site.database.execute("SELECT count(*) FROM memberships WHERE org_id = ?", person.org["id"]))


def audit(site, person):
    with TargetServer() as target:
        key = person.post("audits/start/", {"targets": [target.url]}).json()["id"]
        until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key))
    site.database.execute("DELETE FROM evidence WHERE audit_id = ?", key)
    site.database.execute("UPDATE audits SET status = 'queued', finished_at = NULL, progress_done = 0 WHERE id = ?", key)
    return "audit", key, None, lambda: (site.database.execute("SELECT status, progress_done FROM audits WHERE id = ?", key),
                                        site.database.execute("SELECT count(*) FROM evidence WHERE audit_id = ?", key),
                                        site.database.execute("SELECT count(*) FROM activity WHERE target_id = ?", key))


def file(site, person):
    """An audit whose findings come from a file: the same kind of work, with a payload."""
    data = b"resource_id,check_name,status,severity,timestamp,comment\nr,c,FAIL,high,,x\n"
    key = person.post("audits/import/", data=data, params={"format": "generic"}).json()["id"]
    until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key))
    site.database.execute("DELETE FROM evidence WHERE audit_id = ?", key)
    site.database.execute("UPDATE audits SET status = 'queued', finished_at = NULL, progress_done = 0, imports = '[]' WHERE id = ?", key)
    site.database.execute("INSERT INTO import_parts (org_id, audit_id, number, data) VALUES (?, ?, 0, ?)", person.org["id"], key,
                          base64.b64encode(zlib.compress(data)).decode())
    return "audit", key, {"format": "generic", "file": None, "bytes": len(data), "parts": 1}, lambda: (
        site.database.execute("SELECT status, progress_done, imports FROM audits WHERE id = ?", key),
        site.database.execute("SELECT count(*) FROM evidence WHERE audit_id = ?", key),
        site.database.execute("SELECT count(*) FROM import_parts WHERE audit_id = ?", key),
        site.database.execute("SELECT count(*) FROM activity WHERE target_id = ?", key))


def reset(site, person):
    return "password-reset", person.user["id"], None, lambda: (
        site.database.execute("SELECT count(*) FROM password_resets WHERE user_id = ?", person.user["id"]),
        site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'mail'"))


def mail(site, person):
    return "mail", person.user["id"], {"template": "invite", "to": person.email, "vars": {}}, lambda: None


def deliveries(site, person):
    """An old delivery, and the hourly job that removes it due in a moment: when somebody else has it."""
    endpoint = seed.endpoint(site.database, person.org["id"], "https://example.com/", enabled=False)
    site.database.execute("INSERT INTO notify_deliveries (org_id, endpoint_id, message_id, type, state, created_at, queued_at, run_after)"
                          " VALUES (?, ?, '00000000-0000-7000-8000-000000000000', 'member.left', 'failed', ?, ?, ?)",
                          person.org["id"], endpoint, seed.now(), seed.now(), seed.now())
    site.database.execute("UPDATE jobs SET run_after = ? WHERE id = ?", ahead(2), job_of(site, "notify.purge"))
    return "notify.purge", None, None, lambda: site.database.execute("SELECT count(*) FROM notify_deliveries WHERE endpoint_id = ?", endpoint)


def schedule(site, person):
    """One that is due, and the job that looks for such in a moment: when somebody else has it."""
    key = seed.audit_schedule(site.database, person.org["id"], next_run_at=LATER)
    until(lambda: site.database.execute("SELECT 1 FROM jobs WHERE kind = 'audit.schedule' AND state = 'queued'"))
    site.database.execute("UPDATE jobs SET run_after = ? WHERE id = ?", ahead(2), job_of(site, "audit.schedule"))
    site.database.execute("UPDATE audit_schedules SET next_run_at = '2026-01-02T03:04:00.000000Z' WHERE id = ?", key)
    return "audit.schedule", None, None, lambda: (
        site.database.execute("SELECT next_run_at, last_slot_at, last_error FROM audit_schedules WHERE id = ?", key),
        site.database.execute("SELECT count(*) FROM audits WHERE schedule_id = ?", key))


def alert(site, person):
    """An audit that has found something critical, and somebody who wants to be told."""
    kind, key, payload, _ = file(site, person)
    until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key))
    site.database.execute("UPDATE audits SET status = 'completed', finished_at = ? WHERE id = ?", seed.now(), key)
    site.database.execute("INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at) VALUES (?, ?, 1, 'r', 'c', 'FAIL', 'critical', ?)",
                          person.org["id"], key, seed.now())
    site.database.execute("INSERT INTO audit_alerts (org_id, user_id, created_at) VALUES (?, ?, ?)", person.org["id"], person.user["id"], seed.now())
    return "audit.alert", key, None, lambda: (site.database.execute("SELECT alerted_at FROM audits WHERE id = ?", key),
                                              site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'mail' AND object_id = ?", key))


def search(site, person):
    """An audit whose rows are to be indexed."""
    key = seed.varied_audit(site.database, person.org["id"], 100)
    return "audit.search", key, None, lambda: (seed.searchable_to(site.database, key),
                                               site.database.execute("SELECT count(*) FROM evidence_trigrams WHERE audit_id = ?", key))


KINDS = (told, replay, ask, due, cancel, purge, audit, file, reset, mail, deliveries, schedule, alert, search)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
@pytest.mark.expects("SAAS12", "SAAS24")
def test_work_that_is_anothers_changes_nothing(site, person, relay, make):
    kind, object_id, payload, state = make(site, person)
    before, runs = state(), ended(site, kind)
    with theft(site, kind):
        job = enqueue(site, kind, object_id, person.org["id"], payload) if object_id else job_of(site, kind)
        until(lambda: ended(site, kind) > runs)
        assert state() == before
        is_theirs(site, job)
    site.database.execute("DELETE FROM stripe_news WHERE stripe_id = ?", "sub_" + person.email[1:9])


# ------------------------------------------------------------------ each way to end --

MESSAGE = {"template": "payment_failed", "vars": {"name": "Somebody", "organization": "An organization", "url": "https://app.example.test/"}}


def stolen(site):
    rows = site.database.execute("SELECT id FROM jobs WHERE lease_owner = 'thief'")
    return str(rows[0][0]) if rows else None


@pytest.mark.parametrize("answer", [None, "451 later", "554 never"], ids=["done", "again", "dead"])
@pytest.mark.expects("SAAS12", "SAAS24")
def test_an_end_is_written_by_the_owner_alone(site, person, relay, answer):
    if answer:
        relay.refuse["DATA"] = answer
    try:
        runs, sent = ended(site, "mail"), len(relay.messages)
        with theft(site, "mail"):
            job = enqueue(site, "mail", "1", person.org["id"], MESSAGE | {"to": person.email})
            until(lambda: ended(site, "mail") > runs)
        assert len(relay.messages) == sent + (answer is None)
        is_theirs(site, job)
    finally:
        relay.refuse.clear()


@pytest.mark.parametrize("canceled", [False, True])
def test_work_is_let_go_by_its_owner_alone(site, person, canceled):
    """What finds its lease gone lets go of the row; and of one that was canceled meanwhile, by removing it."""
    kind, object_id, payload, _ = told(site, person)
    runs = ended(site, kind)
    with theft(site, kind):
        job = enqueue(site, kind, object_id, person.org["id"], payload)
        if canceled:
            site.database.execute("UPDATE jobs SET cancel_requested = TRUE WHERE id = ?", job)
        until(lambda: ended(site, kind) > runs)
        is_theirs(site, job)


def test_a_lease_is_renewed_by_its_owner_alone(site, person):
    """Stripe wants to be left alone for longer than a lease goes without being renewed."""
    sub = site.pay(person)["stripe_subscription_id"]
    site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE stripe_id = ?", LATER, sub)
    site.sandbox.fault("status", path=f"/v1/subscriptions/{sub}", times=None, status=429, headers={"Retry-After": "4"})
    runs = ended(site, "stripe.ask")
    try:
        with theft(site, "stripe.ask"):
            job = enqueue(site, "stripe.ask", sub, person.org["id"])
            until(lambda: ended(site, "stripe.ask") > runs)
            is_theirs(site, job)
    finally:
        site.sandbox.clear_faults()


def test_work_that_comes_back_is_planned_by_its_owner_alone(site):
    """Without a key there is nothing to ask Stripe for, and nothing that would look at the lease before the end."""
    parts = "\n".join(site.parts)
    site.httpd.restart("\n".join(line for line in parts.splitlines() if not line.startswith("SaasStripeSecretKey")))
    try:
        runs = ended(site, "stripe.due")
        with theft(site, "stripe.due"):
            until(lambda: stolen(site) and ended(site, "stripe.due") > runs)
            is_theirs(site, stolen(site))
    finally:
        site.httpd.restart(parts)


def test_no_kind_of_work_is_left_out(site, person):
    """Of the plugins that are loaded; a new one belongs into KINDS."""
    known = {line.split('kind="')[1].split('"')[0] for line in scrape(site) if line.startswith("saas_jobs{")} - {"other"}
    made = {"told": "stripe.told", "replay": "stripe.replay", "ask": "stripe.ask", "due": "stripe.due", "cancel": "stripe.cancel",
            "purge": "organization.purge", "audit": "audit", "file": "audit", "reset": "password-reset", "mail": "mail", "deliveries": "notify.purge", "schedule": "audit.schedule", "alert": "audit.alert",
            "search": "audit.search"}
    assert known == {made[make.__name__] for make in KINDS}
