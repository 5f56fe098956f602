"""Dumps as manage.py dumpdata writes them: a small one of every model, and one of any size."""

import base64
import hashlib
import json

PASSWORD = "correct horse battery 9"


def django_hash(password, iterations=1000, salt="pepper"):
    """What django.contrib.auth.hashers makes of a password."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(key).decode()}"


def entry(model, pk, **fields):
    return {"model": model, "pk": pk, "fields": fields}


def user(pk, email, joined="2024-01-01T08:00:00Z", **more):
    return entry("auth.user", pk, **{
        "password": django_hash(PASSWORD), "last_login": None, "is_superuser": False, "username": email.split("@")[0],
        "first_name": "", "last_name": "", "email": email, "is_staff": False, "is_active": True, "date_joined": joined,
        "groups": [], "user_permissions": [], **more})


def org(pk, name, **more):
    return entry("organizations.organization", pk, **{
        "name": name, "slug": name.lower(), "created_at": f"2024-01-02T00:00:0{pk}Z", "updated_at": "2024-05-01T00:00:00Z",
        "subscription_status": "free", "subscription_started_at": None, "subscription_ends_at": None, "stripe_customer_id": None,
        "stripe_subscription_id": None, **more})


def member(pk, org_pk, user_pk, role="ADMIN"):
    return entry("organizations.membership", pk, organization=org_pk, user=user_pk, role=role, created_at="2024-01-03T00:00:00Z")


def invite(pk, org_pk, email, by, created="2024-02-01T00:00:00Z", **more):
    return entry("organizations.invite", pk, **{"organization": org_pk, "email": email, "role": "MEMBER", "invited_by": by,
                                                "token": "in-the-clear", "status": "pending", "created_at": created,
                                                "expires_at": "2099-01-01T00:00:00Z", **more})


def audit(pk, org_pk, by, **more):
    return entry("audits.audit", pk, **{
        "organization": org_pk, "created_by": by, "name": f"Audit {pk}", "target": "https://example.test/", "status": "completed",
        "created_at": "2024-03-01T10:00:00.5Z", "started_at": "2024-03-01T10:00:01Z", "finished_at": "2024-03-01T10:05:00+00:00", **more})


def evidence(pk, audit_pk, status="FAIL", severity="high", resource="https://example.test/", **more):
    return entry("audits.evidence", pk, **{
        "audit": audit_pk, "resource_id": resource, "check_name": f"check_{pk % 40}", "status": status, "severity": severity,
        "timestamp": "2024-03-01T10:01:00.123456Z", "comment": f"Row {pk}", **more})


def small():
    """Two organizations, one of which has paid; evidence stands first, so that order cannot matter."""
    return [
        evidence(1, 11), evidence(2, 11, "PASS", "low"), evidence(3, 11, "MANUAL", "informational"),
        evidence(4, 11, "FAIL", "critical", resource="=cmd|' /C calc'!A0"), evidence(5, 12, "PASS", "low"),
        audit(12, 2, None, score=97), audit(11, 1, 3, targets=["https://example.test/", "https://example.org/"]), audit(13, 1, 3, status="running"),
        invite(21, 1, "New@Example.test", 3), invite(22, 1, "new@example.test", 3, created="2024-02-02T00:00:00Z"),
        invite(23, 2, "used@example.test", 5, status="accepted", accepted_by=3),
        member(31, 1, 3), member(32, 1, 5, "viewer"), member(33, 2, 5, "Owner"),
        org(2, "Beta", slug="Beta Corp"),
        org(1, "Acme", subscription_status="active", subscription_started_at="2024-01-05T00:00:00Z", stripe_customer_id="cus_acme",
            stripe_subscription_id="sub_acme"),
        user(5, "bob@example.test", first_name="Bob", last_name="Builder", password="!" + "x" * 40),
        user(3, "Ada@Example.test", joined="2023-06-01T08:00:00.25Z", last_login="2024-04-01T00:00:00Z", first_name="Ada"),
        user(7, "off@example.test", is_active=False, password="argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA"),
    ]


def write(path, entries):
    path.write_text(json.dumps(list(entries), ensure_ascii=False), encoding="utf-8")
    path.chmod(0o644)
    return str(path)


def write_large(path, rows, audits=20, last=None):
    """A dump of this many rows of evidence, written as it is made; last takes the place of the last row."""
    head = [user(1, "ada@example.test"), org(1, "Acme", subscription_status="active"), member(1, 1, 1)]
    head += [audit(n, 1, 1) for n in range(1, audits + 1)]
    statuses, severities = ("PASS", "FAIL", "MANUAL", "ERROR"), ("critical", "high", "medium", "low", "informational")
    with open(path, "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(e) for e in head))
        for n in range(1, rows + 1):
            row = evidence(n, 1 + n % audits, statuses[n // 7 % 4], severities[n // 3 % 5], resource=f"https://host-{n % 997}.example.test/")
            out.write(",\n" + json.dumps(last if last and n == rows else row))
        out.write("\n]\n")
    path.chmod(0o644)
    return str(path)
