"""Rows by the version of the schema that they are written in, which is how a filled database comes by them: what a later
migration makes of them is its own doing. Every table needs rows, and every column a value in one of them, from the version
on that makes it; an old table that gets a column gets a row more. What a migration changes is told in CHANGED, what it takes
away in GONE.
"""

import hashlib
import json

ORGS = ["0199a000-0000-7000-8000-00000000000a", "0199a000-0000-7000-8000-00000000000b"]
USERS = ["0199a000-0000-7000-8000-000000000001", "0199a000-0000-7000-8000-000000000002", "0199a000-0000-7000-8000-000000000003"]
# An organization that is deleted, and not removed yet.
DELETED = "0199a000-0000-7000-8000-00000000000c"
# One with all that plans want.
PLANNED = "0199a000-0000-7000-8000-00000000000d"
THEN, LATER = "2026-01-02T03:04:05.678901Z", "2036-01-02T03:04:05.000000Z"
# The session's cookie, and its hash as the server stores it.
COOKIE = "migrated-migrated-migrated-migrated-migrated"
COOKIE_HASH = hashlib.sha256(COOKIE.encode()).hexdigest()
COUNTS = json.dumps({"status": {"PASS": 1, "FAIL": 1, "MANUAL": 0, "ERROR": 0},
                     "severity": {"critical": 0, "high": 2, "medium": 0, "low": 0, "informational": 0}})


def key(kind, n):
    return f"0199a000-0000-7000-8{kind:03x}-{n:012x}"


def both(rows):
    """One row of each organization."""
    return [row for n, org in enumerate(ORGS) for row in rows(n, org)]


def without_links(payload):
    """A message that was given up keeps no link, and is not sent by a retry."""
    message = json.loads(payload)
    if message["template"] != "invite":
        return payload
    spaced = (", ", ": ") if '": ' in payload else (",", ":")
    return json.dumps({**message, "vars": {"role": "MEMBER"}, "expires_at": "1970-01-01T00:00:00.000000Z"}, separators=spaced)


ROWS = {
    2: [
        ("users", [dict(id=user, email=f"Person{n}@example.test", email_key=f"person{n}@example.test", name=f"Pérson {n}",
                        password_hash=None if n else "$scrypt$ln=15,r=8,p=3$c2FsdA$aGFzaA", is_active=n < 2, default_org_id=ORGS[1] if n == 1 else None,
                        created_at=THEN, updated_at=THEN, last_login_at=None if n else THEN) for n, user in enumerate(USERS)]),
        ("sessions", [dict(id=key(1, n), user_id=USERS[n], hash=(COOKIE_HASH, "b" * 64)[n], created_at=THEN, expires_at=LATER, address="192.0.2.7",
                           user_agent="Browser/1.0 “quoted”") for n in range(2)]),
        ("organizations", [dict(id=org, name=f"Organization {n} & Söhne", slug=f"organization-{n}", created_at=THEN, updated_at=THEN, deleted_at=None,
                                subscription_status=("active", "free")[n], subscription_started_at=(THEN, None)[n], subscription_ends_at=None,
                                stripe_customer_id=("cus_1", None)[n], stripe_subscription_id=("sub_1", None)[n], stripe_status=("active", None)[n])
                           for n, org in enumerate(ORGS)]
         + [dict(id=DELETED, name="Gone", slug="gone", created_at=THEN, updated_at=THEN, deleted_at=THEN, subscription_status="canceled",
                 subscription_started_at=THEN, subscription_ends_at=THEN, stripe_customer_id="cus_0", stripe_subscription_id="sub_0",
                 stripe_status="canceled")]),
        ("memberships", both(lambda n, org: [dict(org_id=org, user_id=USERS[n], role="ADMIN", created_at=THEN, updated_at=THEN),
                                             dict(org_id=org, user_id=USERS[2], role="VIEWER", created_at=THEN, updated_at=THEN)])),
        ("user_organizations", None),  # written by triggers
        ("tokens", [dict(id=key(2, n), user_id=USERS[0], organization_id=(ORGS[0], None)[n], role=("MEMBER", None)[n], name=f"token {n}", hint="saas_ab",
                         hash=str(n) * 64, created_at=THEN, expires_at=(LATER, None)[n], last_used_at=(None, THEN)[n], revoked_at=(None, THEN)[n]) for n in range(2)]),
        ("password_resets", [dict(hash="ce"[n] * 64, user_id=USERS[0], created_at=THEN, expires_at=LATER, used_at=(None, THEN)[n]) for n in range(2)]),
        ("invites", both(lambda n, org: [dict(org_id=org, id=key(3, n), email="New@example.test", email_key="new@example.test", role="MEMBER", hash="d" * 64,
                                              state="pending", invited_by=USERS[n], created_at=THEN, expires_at=LATER, accepted_at=None, accepted_by=None),
                                         dict(org_id=org, id=key(3, n + 2), email="Person2@example.test", email_key="person2@example.test", role="VIEWER",
                                              hash="f" * 64, state="accepted", invited_by=USERS[n], created_at=THEN, expires_at=LATER, accepted_at=THEN,
                                              accepted_by=USERS[2])])),
        ("activity", both(lambda n, org: [dict(org_id=org, id=key(4, n), created_at=THEN, actor_type="user", actor_id=USERS[n], actor_email="person@example.test",
                                               action="member.role", target_type="user", target_id=USERS[2], target_label="somebody",
                                               old_value=json.dumps({"role": "MEMBER"}), new_value=json.dumps({"role": "VIEWER"}), address="192.0.2.7",
                                               request_id="r1")])),
    ],
    3: [
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(5, n), name="weekly", engine="web", targets=json.dumps(["https://example.test/"]),
                                             status=("completed", "failed")[n], progress_done=1, progress_total=1, evidence_count=2,
                                             counts=COUNTS, score=45, error=(None, "the engine ended")[n], idempotency_key="again",
                                             created_by=USERS[n], created_at=THEN, started_at=THEN, finished_at=THEN)])),
        ("evidence", both(lambda n, org: [dict(org_id=org, audit_id=key(5, n), number=i, resource_id="https://example.test/", check_name="hsts_enabled",
                                               status=status, severity="high", observed_at=THEN, comment='=cmd|"quoted", and a line\nbelow')
                                          for i, status in enumerate(("PASS", "FAIL"), 1)])),
    ],
    4: [
        ("subscriptions", [dict(org_id=ORGS[0], id="sub_1", customer_id="cus_1", status="active", price_id="price_1", period_end=LATER, cancel_at=None,
                                cancel_at_period_end=True, started_at=THEN, ended_at=None, past_due_since=None, last_event_created=1767322800,
                                last_event_rank=3, updated_at=THEN),
                           dict(org_id=DELETED, id="sub_0", customer_id="cus_0", status="canceled", price_id="price_1", period_end=THEN, cancel_at=THEN,
                                cancel_at_period_end=False, started_at=THEN, ended_at=THEN, past_due_since=THEN, last_event_created=1767322800,
                                last_event_rank=4, updated_at=THEN)]),
        ("checkout_sessions", [dict(org_id=ORGS[0], id="cs_1", price_id="price_1", url="https://checkout.example.test/", status="complete",
                                    created_by=USERS[0], created_at=THEN, expires_at=LATER)]),
        ("stripe_bindings", [dict(stripe_id="cus_1", organization_id=ORGS[0], created_at=THEN)]),
        ("stripe_events", [dict(id="evt_1", type="customer.subscription.updated", api_version="2025-03-31.basil", livemode=False, created=1767322800,
                                organization_id=ORGS[0], verdict="applied", error=None, attempts=2, payload='{"id": "evt_1"}', received_at=THEN),
                           dict(id="evt_2", type="invoice.paid", api_version=None, livemode=True, created=1767322801, organization_id=None,
                                verdict="refused:unbound", error="cus_9 is nobody's", attempts=1, payload='{"id": "evt_2"}', received_at=THEN)]),
    ],
    5: [
        # The one that runs is leased for longer than any test.
        ("jobs", [dict(id=key(6, n), kind="mail", organization_id=(*ORGS, DELETED)[n], object_id="o1", payload=json.dumps({"template": "notice"}),
                       state=("queued", "dead", "running")[n], attempts=n, cancel_requested=n == 2, run_after=LATER, lease_node=(None, None, "node1")[n],
                       lease_owner=(None, None, "claim1")[n], lease_until=(None, None, LATER)[n], error=(None, "refused", None)[n], created_at=THEN)
                  for n in range(3)]
         + [dict(id=key(6, 3), kind="mail", organization_id=ORGS[0], object_id="o2", state="dead", attempts=8, cancel_requested=False, run_after=LATER,
                 lease_node=None, lease_owner=None, lease_until=None, error="refused", created_at=THEN,
                 payload=json.dumps({"template": "invite", "to": "new@example.test", "vars": {"url": "https://app.example.test/?t=inv_secret", "role": "MEMBER"}}, separators=(",", ":")))]),
    ],
    6: [
        # SQLite's triggers tell of it in principal_changes.
        ("memberships", [dict(org_id=ORGS[0], user_id=USERS[1], role="MEMBER", created_at=THEN, updated_at=LATER)]),
    ],
    8: [
        ("invites", [dict(org_id=ORGS[0], id=key(3, 8), email="Mailed@example.test", email_key="mailed@example.test", role="MEMBER", hash="8" * 64,
                          mail_hash="9" * 64, state="pending", invited_by=USERS[0], created_at=THEN, expires_at=LATER, accepted_at=None, accepted_by=None)]),
    ],
    10: [
        ("users", [dict(id=key(0, 10), email="Claimed@example.test", email_key="claimed@example.test", name="", password_hash=None, is_active=True,
                        default_org_id=None, created_at=THEN, updated_at=THEN, last_login_at=None, email_verified_at=THEN)]),
        ("email_proofs", [dict(hash="e" * 64, user_id=USERS[0], email_key="person0@example.test", created_at=THEN, expires_at=LATER)]),
    ],
    11: [
        ("devices", [dict(hash="1" * 64, user_id=USERS[0], created_at=THEN, used_at=THEN)]),
    ],
    12: [
        ("stripe_news", [dict(stripe_id="cs_2", organization_id=ORGS[1], due_at=LATER, ask_at=LATER, told_at=THEN, asked_at=THEN, failures=1,
                              error="HTTP 500")]),
        ("stripe_events", [dict(id="read_1", type="saas.subscription.read", api_version=None, livemode=False, created=1767322802,
                                organization_id=ORGS[0], verdict="applied", error=None, attempts=1, payload='{"id": "sub_1"}', received_at=THEN,
                                detail="status active -> canceled")]),
    ],
    13: [
        ("checkout_sessions", [dict(org_id=ORGS[0], id="cs_13", price_id="price_1", url="https://checkout.example.test/", status="open",
                                    created_by=USERS[0], created_at=THEN, expires_at=LATER, order_digest="order-13")]),
    ],
    14: [
        ("notify_endpoints", both(lambda n, org: [dict(org_id=org, id=key(7, n), url="https://hub.example.test/in", description="hub", events=json.dumps(["member.*"]),
                                                       enabled=not n, disabled_reason=(None, "failing")[n], secret="whsec_" + "A" * 43 + "=",
                                                       previous_secret=("whsec_" + "B" * 43 + "=", None)[n], previous_until=(LATER, None)[n], streak=n,
                                                       failing_since=(None, THEN)[n], quiet_until=(None, LATER)[n], created_by=USERS[n], created_at=THEN,
                                                       updated_at=THEN, deleted_at=(None, LATER)[n])])),
        ("notify_deliveries", both(lambda n, org: [dict(org_id=org, endpoint_id=key(7, n), message_id=key(4, n), type="member.role", state=("queued", "failed")[n],
                                                        created_at=THEN, queued_at=THEN, run_after=LATER, tries=1, lease_owner=("claim1", None)[n],
                                                        status=500, duration_ms=12, error="the answer was 500", answer="no", attempted_at=THEN,
                                                        attempts=json.dumps([{"at": THEN, "status": 500, "duration_ms": 12, "error": "the answer was 500"}]))])),
    ],
    15: [
        ("organizations", [dict(id=PLANNED, name="Planned", slug="planned", created_at=THEN, updated_at=THEN, deleted_at=None, subscription_status="active",
                                subscription_started_at=THEN, subscription_ends_at=LATER, stripe_customer_id="cus_15", stripe_subscription_id="sub_15",
                                stripe_status="active", subscription_price="price_1", stripe_features=" sso ", stripe_features_at=1767322800)]),
        ("usage", [dict(org_id=ORGS[0], name="audits", period="2026-01", used=3, most=100)]),
    ],
    16: [
        ("organizations", [dict(id=key(7, 14), name="Trying", slug="trying", created_at=THEN, updated_at=THEN, deleted_at=None,
                                subscription_status="active", subscription_started_at=THEN, subscription_ends_at=LATER, stripe_customer_id=None,
                                stripe_subscription_id=None, stripe_status=None, subscription_price=None, stripe_features=None, stripe_features_at=0, trial_started_at=THEN, trial_ends_at=LATER)]),
        ("users", [dict(id=key(0, 14), email="Trying@example.test", email_key="trying@example.test", name="", password_hash=None, is_active=True,
                        default_org_id=None, created_at=THEN, updated_at=THEN, last_login_at=None, email_verified_at=THEN, trial_given_at=THEN)]),
        ("stripe_claims", [dict(subscription_id="sub_14", customer_id="cus_14", organization_id=ORGS[1], buyer="buyer@example.test", created_at=THEN),
                           dict(subscription_id="sub_15", customer_id=None, organization_id=None, buyer=None, created_at=THEN)]),
        ("stripe_events", [dict(id="evt_14", type="customer.subscription.created", api_version=None, livemode=False, created=1767322803,
                                organization_id=None, verdict="ignored:unbound", error=None, attempts=1, payload='{"id": "evt_14"}', received_at=THEN,
                                detail=None, customer_id="cus_14", subscription_id="sub_14")]),
    ],
    17: [
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(8, n), name="scanner", engine="import", targets=json.dumps(["findings.csv"]),
                                             status=("completed", "queued")[n], progress_done=100, progress_total=100, evidence_count=1,
                                             counts=COUNTS, score=75, error=None, idempotency_key=None, created_by=USERS[n], created_at=THEN,
                                             started_at=THEN, finished_at=(THEN, None)[n],
                                             imports=json.dumps([{"file": "findings.csv", "format": "generic", "bytes": 9, "records": 1, "added": 1,
                                                                  "duplicates": 0, "skipped": 0, "bad": 0, "problems": [], "error": None}]))])),
        ("evidence", both(lambda n, org: [dict(org_id=org, audit_id=key(8, n), number=1, resource_id="bucket", check_name="public", status="FAIL",
                                               severity="high", observed_at=THEN, comment="open", content_key=key(9, n))])),
        ("import_parts", both(lambda n, org: [dict(org_id=org, audit_id=key(8, n), number=0, data="eJwDAAAAAAE=")])),
    ],
    18: [
        ("stripe_seats", [dict(organization_id=ORGS[0], due_at=LATER)]),
    ],
    19: [
        ("jobs", [dict(id=key(6, 9), kind="audit", organization_id=ORGS[0], object_id=key(8, 0), payload=None, state="dead", attempts=3,
                       cancel_requested=False, run_after=LATER, lease_node=None, lease_owner=None, lease_until=None, error="refused", created_at=THEN,
                       turn=7)]),
    ],
    20: [
        ("triage", both(lambda n, org: [dict(org_id=org, resource_id="https://example.test/", check_name="hsts_enabled", muted=not n,
                                             muted_reason=("behind a proxy", None)[n], muted_until=(LATER, None)[n], comment=(None, "known")[n],
                                             updated_by=USERS[n], updated_at=THEN)])),
    ],
    21: [
        ("audit_hosts", both(lambda n, org: [dict(org_id=org, id=key(10, n), host="www.example.com", token=f"mod-saas-{n}", created_by=USERS[n],
                                                  created_at=THEN, proved_at=(THEN, None)[n])])),
    ],
    22: [
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(11, n), name="scored", engine="web", targets=json.dumps(["https://example.test/"]),
                                             status="completed", progress_done=1, progress_total=1, evidence_count=0, counts=COUNTS, score=80, error=None,
                                             idempotency_key=None, created_by=USERS[n], created_at=THEN, started_at=THEN, finished_at=THEN,
                                             score_details=json.dumps({"grade": "B+", "resources": 1, "tests": [{"test": "tls", "points": -20, "resources": 1}],
                                                                       "severities": []}))])),
    ],
    23: [
        ("audit_schedules", both(lambda n, org: [dict(org_id=org, id=key(12, n), name=("weekly", "")[n], engine="web",
                                                      targets=json.dumps(["https://example.test/"]), cron="30 6 * * 1", time_zone="Europe/Berlin",
                                                      enabled=not n, next_run_at=(LATER, None)[n], last_slot_at=(None, THEN)[n],
                                                      last_audit_id=(None, key(5, n))[n], last_error=(None, "The plan allows no more.")[n],
                                                      created_by=USERS[n], created_at=THEN, updated_at=THEN)])),
        ("audit_schedules_due", None),  # written by triggers
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(13, n), name="scheduled", engine="web", targets=json.dumps(["https://example.test/"]),
                                             status="completed", progress_done=1, progress_total=1, evidence_count=0, counts=COUNTS, score=None, error=None,
                                             idempotency_key=f"schedule {n}", created_by=None, created_at=THEN, started_at=THEN, finished_at=THEN,
                                             schedule_id=key(12, n))])),
    ],
    24: [
        ("audit_alerts", both(lambda n, org: [dict(org_id=org, user_id=USERS[n], created_at=THEN)])),
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(14, n), name="told of", engine="web", targets=json.dumps(["https://example.test/"]),
                                             status="completed", progress_done=1, progress_total=1, evidence_count=0, counts=COUNTS, score=None, error=None,
                                             idempotency_key=None, created_by=None, created_at=THEN, started_at=THEN, finished_at=THEN, alerted_at=THEN)])),
    ],
    27: [
        ("audit_targets", None),  # written by triggers
        ("evidence_trigrams", both(lambda n, org: [dict(org_id=org, audit_id=key(5, n), slice=7, segment=0, postings="BQEAAA==")])),
        ("audits", both(lambda n, org: [dict(org_id=org, id=key(15, n), name="searched", engine="web", targets=json.dumps(["https://example.test/"]),
                                             status="completed", progress_done=1, progress_total=1, evidence_count=0, counts=COUNTS, score=None, error=None,
                                             idempotency_key=None, created_by=None, created_at=THEN, started_at=THEN, finished_at=THEN, searchable_to=2)])),
    ],
}
# What SQLite has instead of notifications: triggers fill it, and a migration may add to it. By the version that made it.
TRIGGERED = {"sqlite": {"principal_changes": 6}, "pgsql": {}}
# (version, table, column): what a migration makes of each value that was there before; not told: it stays.
CHANGED = {(8, "jobs", "payload"): without_links, (9, "users", "default_org_id"): lambda value: value or ORGS[0]}
# (version, table) and (version, table, column): what a migration takes away.
GONE = set()
