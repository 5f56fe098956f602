"""import-django: what comes along, what is refused, and that nothing is left of what was refused."""

import csv
import io
import json
import re
import subprocess

import pytest

import djangodump as d
from operators import Operator
from saastest import BUILD, Api, Places, seed
from saastest.places import clean_environment
from saastest.site import serving

TABLES = ("users", "organizations", "memberships", "user_organizations", "invites", "audits", "evidence", "subscriptions",
          "stripe_bindings", "activity")


@pytest.fixture
def dump(tmp_path):
    """Writes a dump and gives its path."""
    return lambda entries: d.write(tmp_path / "dump.json", entries)


def rows(ctl, sql, *args):
    return [tuple(str(cell) if cell is not None else None for cell in row) for row in ctl.database.execute(sql, *args)]


def is_empty(ctl):
    return all(ctl.database.execute(f"SELECT count(*) FROM {table}")[0][0] == 0 for table in TABLES)


def refused(ctl, dump, entries, *more):
    """What import-django says to a dump that it refuses, of which nothing may stay."""
    said = ctl.fails(1, "import-django", dump(entries), *more)
    assert is_empty(ctl)
    return said


COUNTS = {"users": 3, "organizations": 2, "memberships": 3, "invites": 3, "audits": 3, "evidence": 5, "passwords_dropped": 1,
          "users_skipped": 0, "memberships_skipped": 0, "invites_skipped": 0, "slugs_changed": 1, "ignored": {}, "imported": True}


def imported(ctl, dump, entries, *more):
    done = ctl.run("--json", "import-django", dump(entries), *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_counts_and_notes(ctl, dump):
    counts, said = imported(ctl, dump, d.small())
    assert counts == COUNTS
    assert 'organizations.organization 2: slug: "Beta Corp" becomes beta-corp' in said
    assert "1 passwords are hashed in a way" in said
    done = ctl.run("org", "list")
    assert "acme" in done.stdout and "beta-corp" in done.stdout


def test_users(ctl, dump):
    imported(ctl, dump, d.small())
    ada = ctl.ok("user", "show", "ada@example.test")
    assert ada == {**ada, "email": "Ada@Example.test", "name": "Ada", "active": True, "has_password": True, "default_organization": "acme",
                   "created_at": "2023-06-01T08:00:00.250000Z", "last_login_at": "2024-04-01T00:00:00.000000Z"}
    bob, off = ctl.ok("user", "show", "bob@example.test"), ctl.ok("user", "show", "off@example.test")
    assert bob["name"] == "Bob Builder" and not bob["has_password"]
    assert not off["active"] and not off["has_password"] and off["organizations"] == []
    assert {o["slug"]: o["role"] for o in bob["organizations"]} == {"acme": "VIEWER", "beta-corp": "ADMIN"}


def test_a_subscription(ctl, dump):
    imported(ctl, dump, d.small())
    shown = ctl.ok("org", "show", "acme")
    assert shown == {**shown, "subscription": "active", "subscription_started_at": "2024-01-05T00:00:00.000000Z",
                     "subscription_ends_at": None, "stripe_customer_id": "cus_acme", "stripe_subscription_id": "sub_acme", "stripe_status": "active"}
    assert sorted(rows(ctl, "SELECT stripe_id, organization_id FROM stripe_bindings")) == [("cus_acme", shown["id"]), ("sub_acme", shown["id"])]
    assert rows(ctl, "SELECT id, customer_id, status FROM subscriptions") == [("sub_acme", "cus_acme", "active")]
    assert ctl.ok("org", "show", "beta-corp")["subscription"] == "free"


@pytest.mark.parametrize("word,status,stripes", [
    ("trialing", "active", "trialing"), ("past_due", "active", "past_due"), ("unpaid", "expired", "unpaid"),
    ("cancelled", "canceled", "canceled"), ("canceled", "canceled", "canceled"), ("Expired", "expired", "unpaid"), ("incomplete", "free", "incomplete"), (None, "free", None)])
def test_words_for_subscriptions(ctl, dump, word, status, stripes):
    imported(ctl, dump, [d.user(1, "a@example.test"), d.member(1, 1, 1),
                         d.org(1, "Acme", subscription_status=word, stripe_customer_id="cus_1", stripe_subscription_id="sub_1")])
    shown = ctl.ok("org", "show", "acme")
    assert (shown["subscription"], shown["stripe_status"]) == (status, stripes)


def test_a_subscription_that_has_ended_opens_nothing(ctl, dump):
    imported(ctl, dump, [d.user(1, "a@example.test"), d.member(1, 1, 1),
                         d.org(1, "Acme", subscription_status="active", subscription_ends_at="2024-06-01T00:00:00Z")])
    assert ctl.ok("org", "show", "acme")["subscription"] == "expired"


def test_invites(ctl, dump):
    imported(ctl, dump, d.small())
    assert [(i["email"], i["state"], i["invited_by"]) for i in ctl.ok("invite", "list", "--org", "acme")] == [
        ("New@Example.test", "revoked", "Ada@Example.test"), ("new@example.test", "pending", "Ada@Example.test")]
    assert [(i["email"], i["state"]) for i in ctl.ok("invite", "list", "--org", "beta-corp")] == [("used@example.test", "accepted")]
    assert "in-the-clear" not in str(rows(ctl, "SELECT hash FROM invites"))


def test_audits_and_evidence(ctl, dump):
    imported(ctl, dump, d.small())
    one, two, three = ctl.database.execute(
        "SELECT name, status, evidence_count, counts, score, targets, engine, error, created_by FROM audits ORDER BY name")
    counts = one[3] if isinstance(one[3], dict) else json.loads(one[3])
    assert one[:3] == ("Audit 11", "completed", 4)
    assert counts == {"status": {"PASS": 1, "FAIL": 2, "MANUAL": 1, "ERROR": 0},
                      "severity": {"critical": 1, "high": 1, "medium": 0, "low": 1, "informational": 1}}
    assert one[4] == (75 + 60) // 2 and two[4] == 97
    targets = one[5] if isinstance(one[5], list) else json.loads(one[5])
    assert targets == ["https://example.test/", "https://example.org/"] and one[6] == "imported"
    assert str(one[8]) == ctl.ok("user", "show", "ada@example.test")["id"] and two[8] is None
    assert three[1] == "failed" and "not finished" in three[7] and three[4] is None
    assert rows(ctl, "SELECT number, resource_id, check_name, status, severity, comment FROM evidence ORDER BY comment")[3] == (
        "4", "=cmd|' /C calc'!A0", "check_4", "FAIL", "critical", "Row 4")
    assert rows(ctl, "SELECT observed_at FROM evidence")[0][0][:26].replace(" ", "T") == "2024-03-01T10:01:00.123456"


def test_ids_sort_by_creation_and_repeat(ctl, dump, databases, db_kind):
    imported(ctl, dump, d.small())
    ids = rows(ctl, "SELECT id FROM users ORDER BY id") + rows(ctl, "SELECT id FROM organizations ORDER BY id")
    emails = rows(ctl, "SELECT email FROM users ORDER BY id")
    assert [e for e, in emails] == ["Ada@Example.test", "bob@example.test", "off@example.test"], "by date_joined, then as in the dump"
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i, in ids)
    assert int(ids[0][0].replace("-", "")[:12], 16) == 1685606400250
    scratch = Places()
    again = Operator(databases.fresh(db_kind, scratch))
    imported(again, dump, list(reversed(d.small()))[:2] + d.small()[:-2])
    assert rows(again, "SELECT id FROM organizations ORDER BY id") == ids[3:]
    scratch.close()


def test_a_uuid_stays(ctl, dump):
    key = "6F1C1E3A-3F5E-4D8E-9B52-0D5B9E4F7C11"
    imported(ctl, dump, [d.user(key, "a@example.test"), d.org(1, "Acme"), d.member(1, 1, key.lower())])
    assert ctl.ok("user", "show", "a@example.test")["id"] == key.lower()


def test_the_trail_begins_with_the_import(ctl, dump):
    imported(ctl, dump, d.small())
    row, = ctl.ok("activity", "list", "--org", "acme")
    assert row["action"] == "organization.imported" and row["actor_id"].startswith("saasctl:")
    assert row["new_value"] == {"model": "organizations.organization", "pk": "1", "slug": "acme", "subscription_status": "active"}


# ---------------------------------------------------------------- variants --

def test_other_names(ctl, dump):
    """Another application's labels and fields, natural keys, an owner in place of a membership."""
    counts, said = imported(ctl, dump, [
        d.entry("accounts.user", 1, username="ada@example.test", email="", full_name="Ada L.", password="", date_joined="2024-01-01 08:00:00+01:00"),
        d.entry("accounts.user", 2, username="bob", email="bob@example.test", password="", date_joined="2024-01-01T08:00:00Z"),
        d.entry("teams.team", "acme", name="Acme", created="2024-01-01T08:00:00Z", owner=1, is_premium=True),
        d.entry("teams.member", 1, team="acme", member=["bob"], is_admin=False),
        d.entry("invitations.invitation", 1, team="acme", email="x@example.test", inviter=None, accepted=False, created="2024-01-01T08:00:00Z"),
        d.entry("scans.scan", 5, team="acme", state="Done", created="2024-01-01T08:00:00Z", url="https://example.test/"),
        d.entry("scans.finding", 1, scan=5, resource="r", title="t", result="Non-Compliant", severity="Moderate", date="2024-01-01T08:00:00Z"),
    ])
    assert counts == {**counts, "users": 2, "organizations": 1, "memberships": 2, "invites": 1, "audits": 1, "evidence": 1}
    assert {m["email"]: m["role"] for m in ctl.ok("member", "list", "acme")} == {"ada@example.test": "ADMIN", "bob@example.test": "MEMBER"}
    assert ctl.ok("invite", "list")[0]["invited_by"] == "ada@example.test"
    assert ctl.ok("org", "show", "acme")["subscription"] == "active" and not said
    assert rows(ctl, "SELECT status, severity, check_name FROM evidence") == [("FAIL", "medium", "t")]


def test_a_model_by_another_name(ctl, dump):
    entries = [d.user(1, "a@example.test"), {**d.org(1, "Acme"), "model": "crm.customer"}, d.member(1, 1, 1)]
    assert "the model crm.customer is not known (1 rows)" in refused(ctl, dump, entries)
    counts, _ = imported(ctl, dump, entries, "--as", "crm.customer=organization")
    assert counts["organizations"] == 1


def test_unknown_models_are_named_all_of_them(ctl, dump):
    more = [d.entry("taggit.tag", n, name="x") for n in range(1, 4)] + [d.entry("authtoken.token", "5f")]
    said = refused(ctl, dump, d.small() + more)
    assert "taggit.tag is not known (3 rows)" in said and "authtoken.token is not known (1 rows)" in said
    assert "taggit" in refused(ctl, dump, d.small() + more, "--ignore", "authtoken.token")
    counts, _ = imported(ctl, dump, d.small() + more, "--ignore", "authtoken.token", "--ignore", "taggit.tag")
    assert counts == {**COUNTS, "ignored": {"authtoken.token": 1, "taggit.tag": 3}}


DJANGOS_OWN = ("contenttypes.contenttype", "auth.permission", "auth.group", "sessions.session", "admin.logentry")


def test_what_django_keeps_for_itself_is_passed_over(ctl, dump):
    own = [d.entry(model, n, x=1) for n, model in enumerate(DJANGOS_OWN)]
    more = own + [d.entry("sessions.session", "abc", x=2)]
    said = refused(ctl, dump, d.small() + more + [d.entry("auth.grouping", 1), d.entry("sessions.sessions", 1)])
    assert "auth.grouping is not known" in said and "sessions.sessions is not known" in said and "2 rows" not in said
    counts, _ = imported(ctl, dump, d.small() + more, "--dry-run")
    assert counts == {**COUNTS, "imported": False, "ignored": {**dict.fromkeys(DJANGOS_OWN, 1), "sessions.session": 2}}
    counts, _ = imported(ctl, dump, d.small() + [d.entry("auth.group", 9, name="Gamma", created_at="2024-01-01T00:00:00Z")],
                         "--as", "auth.group=organization")
    assert counts["organizations"] == 3, "unless it is said to be something"


# ------------------------------------------------- users without an address --

SKIP = "--skip-users-without-email"


def with_root(*more):
    """As manage.py createsuperuser makes one; an organization has nobody else, another has."""
    return [*d.small(), d.user(1, "", username="root", is_superuser=True, is_staff=True),
            d.org(4, "Rootless", slug="rootless"), d.member(34, 4, 1), d.member(35, 1, 1), *more]


def test_a_user_without_an_address_is_refused_with_the_way_out(ctl, dump):
    said = refused(ctl, dump, with_root())
    assert f"auth.user 1: email: is missing: {SKIP} leaves" in said and "1 problems: nothing was imported" in said


def test_users_without_an_address_are_left_out_with_what_is_theirs(ctl, dump):
    more = (d.user(8, "", username=""), d.invite(24, 1, "by-root@example.test", 1), d.invite(25, 4, "nobody-left@example.test", 1),
            d.invite(26, 4, "nor-here@example.test", None), d.invite(27, 2, "joined@example.test", 5, status="accepted", accepted_by=1),
            d.audit(14, 4, 1), d.evidence(6, 14))
    counts, said = imported(ctl, dump, with_root(*more), SKIP)
    assert counts == {**COUNTS, "organizations": 3, "invites": 5, "audits": 4, "evidence": 6, "users_skipped": 2,
                      "memberships_skipped": 2, "invites_skipped": 2}
    assert "auth.user 1: has no address and is left out: root\n" in said and "auth.user 8: has no address" in said
    assert "2 users without an address are left out, with 2 memberships and 2 invites of theirs\n" in said
    assert "organizations.organization 4: rootless has no ADMIN" in said
    assert {m["email"] for m in ctl.ok("member", "list", "acme")} == {"Ada@Example.test", "bob@example.test"}
    assert ctl.ok("member", "list", "rootless") == []
    assert ("by-root@example.test", "Ada@Example.test") in {(i["email"], i["invited_by"]) for i in ctl.ok("invite", "list", "--org", "acme")}
    assert ctl.ok("invite", "list", "--org", "rootless") == []
    assert rows(ctl, "SELECT accepted_by FROM invites WHERE email = 'joined@example.test'") == [(None,)]
    assert rows(ctl, "SELECT created_by, evidence_count FROM audits WHERE name = 'Audit 14'") == [(None, "1")]


def test_an_owner_without_an_address_is_no_admin(ctl, dump):
    counts, said = imported(ctl, dump, [d.user(1, "", username="root"), d.org(1, "Acme", owner=1)], SKIP)
    assert counts["users_skipped"] == counts["organizations"] == 1 and counts["users"] == counts["memberships"] == 0
    assert "acme has no ADMIN" in said


def test_only_users_without_an_address_are_left_out(ctl, dump):
    """What is written there and is no address is a mistake; a username that is an address is one."""
    said = refused(ctl, dump, [d.user(1, "no address"), d.user(2, "", username="x")], SKIP)
    assert 'auth.user 1: email: "no address" is no e-mail address' in said and "1 problems" in said
    said = refused(ctl, dump, with_root(d.member(36, 1, 77)), SKIP)
    assert "refers to 77" in said and "left out" not in said
    counts, said = imported(ctl, dump, [d.user(1, "", username="root@example.test")], SKIP)
    assert counts["users"] == 1 and counts["users_skipped"] == 0 and not said


def test_many_users_without_an_address_are_named_up_to_fifty(ctl, dump):
    _, said = imported(ctl, dump, [d.user(n, "", username=f"root{n}") for n in range(1, 61)], SKIP, "--dry-run")
    assert "60 users without" in said and "out: root50\n" in said and "root51" not in said


def test_standard_input_and_text(ctl):
    done = ctl.run("import-django", "-", stdin=json.dumps(d.small(), indent=2))
    assert done.returncode == 0 and "users\t3\n" in done.stdout and "evidence\t5\n" in done.stdout


def test_dry_run(ctl, dump):
    counts, _ = imported(ctl, dump, d.small(), "--dry-run")
    assert counts == {**COUNTS, "imported": False} and is_empty(ctl)
    assert imported(ctl, dump, d.small())[0] == COUNTS


# ---------------------------------------------------------------- refusals --

def test_only_a_fresh_database(ctl, dump):
    imported(ctl, dump, d.small())
    assert "has 3 users and 2 organizations" in ctl.fails(1, "import-django", dump(d.small()))
    assert len(ctl.ok("user", "list")) == 3


PEOPLE = [d.user(1, "a@example.test"), d.user(2, "b@example.test"), d.org(1, "Acme"), d.member(1, 1, 1)]
BAD = [
    (d.user(9, "A@Example.test"), "auth.user 9: email: A@Example.test is also that of auth.user 1 (a@example.test)"),
    (d.user(9, "no address"), 'auth.user 9: email: "no address" is no e-mail address'),
    (d.user(9, "c@example.test", date_joined="2024-01-01T00:00:00"), "--assume-utc"),
    (d.user(9, "c@example.test", date_joined="soon"), 'auth.user 9: date_joined: "soon" is no time'),
    (d.user(9, "c@example.test", is_active="yes"), "auth.user 9: is_active: is neither"),
    (d.user(9, "c@example.test", first_name="\u202eevil"), "auth.user 9: first_name: "),
    (d.user(1, "c@example.test"), "auth.user 1: pk: is there twice"),
    (d.org(9, "", slug="x-y-z"), "organizations.organization 9: name: is missing"),
    (d.org(9, "Acme"), "organizations.organization 9: slug: acme is also that of organizations.organization 1"),
    (d.org(9, "Beta", subscription_status="gold"), 'organizations.organization 9: subscription_status: "gold" is none'),
    (d.member(9, 1, 77), "organizations.membership 9: user: refers to 77"),
    (d.member(9, 77, 1), "organizations.membership 9: organization: refers to 77"),
    (d.member(9, 1, 1), "organizations.membership 9: user: a@example.test is in Acme by organizations.membership 1 already"),
    (d.member(9, 1, 2, "emperor"), 'organizations.membership 9: role: "emperor" is none'),
    (d.invite(9, 1, "nobody", 1), 'organizations.invite 9: email: "nobody" is no'),
    (d.audit(9, 77, 1), "audits.audit 9: organization: refers to 77"),
    (d.audit(9, 1, 1, score=170), "audits.audit 9: score: "),
    (d.audit(9, 1, 1, targets=[7]), "audits.audit 9: targets: "),
    (d.evidence(9, 77), "audits.evidence 9: audit: refers to 77"),
]


@pytest.mark.parametrize("bad,named", BAD, ids=[n for _, n in BAD])
def test_a_bad_row_is_named_and_nothing_is_imported(ctl, dump, bad, named):
    said = refused(ctl, dump, PEOPLE + [bad])
    assert named in said and "1 problems: nothing was imported" in said, said


def test_all_problems_are_said_at_once(ctl, dump):
    said = refused(ctl, dump, PEOPLE + [d.user(9, "x"), d.member(9, 1, 77), d.org(9, "Acme")])
    assert "auth.user 9" in said and "membership 9" in said and "organization 9" in said and "3 problems" in said


def test_times_without_a_zone_when_told(ctl, dump):
    imported(ctl, dump, [d.user(1, "a@example.test", joined="2024-01-01T00:00:00.5")], "--assume-utc")
    assert ctl.ok("user", "show", "a@example.test")["created_at"] == "2024-01-01T00:00:00.500000Z"


@pytest.mark.parametrize("field,value", [("status", "MAYBE"), ("severity", "epic"), ("timestamp", "never"), ("timestamp", None),
                                         ("resource_id", ""), ("check_name", None), ("audit", 78), ("comment", ["x"])])
def test_a_bad_last_row_rolls_everything_back(ctl, dump, field, value):
    said = refused(ctl, dump, d.small() + [d.evidence(99, 11, **{field: value})] if field not in ("status", "severity", "audit")
                   else d.small() + [{**d.evidence(99, 11), "fields": {**d.evidence(99, 11)["fields"], field: value}}])
    assert f"audits.evidence 99: {field}: " in said and "1 problems: nothing was imported" in said


BROKEN = {
    "nothing": "", "no array": '{"model": "auth.user"}', "not whole": json.dumps(d.small())[:-1], "cut inside": json.dumps(d.small())[:-40],
    "more behind": json.dumps(d.small()) + " x", "a comma too much": json.dumps(d.small())[:-1] + ",]", "no row": '[{"a": 1}]',
    "a NUL": '[{"model": "auth.user", "pk": 1, "fields": {"email": "a\\u0000@b.c"}}]', "no UTF-8": "[\udc80]",
    "a key twice": '[{"model": "auth.user", "pk": 1, "pk": 2, "fields": {}}]', "xml": "<django-objects/>", "a number": "[7]"}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_dump(ctl, tmp_path, text):
    path = tmp_path / "dump.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    said = ctl.fails(1, "import-django", str(path))
    assert ("entry " in said or "this is no JSON array" in said) and is_empty(ctl)


# ------------------------------------------------------------------- large --

ROWS = 50000


def test_fifty_thousand_rows(ctl, tmp_path):
    counts = ctl.ok("import-django", d.write_large(tmp_path / "dump.json", ROWS))
    assert counts["evidence"] == ROWS and counts["audits"] == 20
    assert rows(ctl, "SELECT count(*), sum(evidence_count), min(evidence_count) FROM audits") == [("20", str(ROWS), str(ROWS // 20))]
    assert rows(ctl, "SELECT count(*), min(number), max(number), count(DISTINCT audit_id) FROM evidence") == [(str(ROWS), "1", str(ROWS // 20), "20")]
    assert all(0 <= int(score) <= 100 for score, in rows(ctl, "SELECT score FROM audits"))


def test_fifty_thousand_rows_of_which_the_last_is_bad(ctl, tmp_path):
    path = d.write_large(tmp_path / "dump.json", ROWS, last=d.evidence(ROWS, 1, status="MAYBE"))
    said = ctl.fails(1, "import-django", path)
    assert f'audits.evidence {ROWS}: status: "MAYBE"' in said and is_empty(ctl)


def test_memory_does_not_grow_with_evidence(ctl, tmp_path):
    """The process may hold a third of the dump; one that kept it would need several times its size."""
    path = tmp_path / "dump.json"
    d.write_large(path, ROWS * 2)
    done = subprocess.run(["prlimit", f"--data={path.stat().st_size // 3}", str(BUILD / "bin" / "saasctl"), "--db", ctl.database.url,
                           "import-django", str(path), "--dry-run"], text=True, capture_output=True, env=clean_environment(), timeout=300)
    ctl.database.claim()
    assert done.returncode == 0 and f"evidence\t{ROWS * 2}\n" in done.stdout, done.stderr


# -------------------------------------------------------------------- live --

@pytest.fixture
def site(ctl, dump):
    """httpd on what was imported."""
    entries = d.small()
    imported(ctl, dump, entries)
    with serving(ctl.database) as made:
        yield made


def test_who_was_imported_logs_in_and_exports(site, ctl):
    api = Api(site.base)
    assert api.post("auth/login/", {"email": "ada@example.test", "password": "wrong " + d.PASSWORD}).status_code in (400, 401)
    assert api.post("auth/login/", {"email": "ADA@example.test", "password": d.PASSWORD}).status_code == 200
    me = api.ok("GET", "auth/me/")
    assert me["email"] == "Ada@Example.test" and me["name"] == "Ada"
    audit, = [a for a in api.ok("GET", "audits/")["results"] if a["name"] == "Audit 11"]
    assert audit["status"] == "completed" and audit["score"] == 67
    reply = api.get(f"audits/{audit['id']}/export/csv/")
    assert reply.status_code == 200
    table = list(csv.reader(io.StringIO(reply.text, newline="")))
    assert table[0] == ["Resource ID", "Check Name", "Status", "Severity", "Timestamp", "Comment"] and len(table) == 5
    assert table[4][0].startswith("'=cmd")
    stored = ctl.database.execute("SELECT password_hash FROM users WHERE email_key = 'ada@example.test'")[0][0]
    assert stored.startswith("$scrypt$"), "a log-in brings the hash up to date"


def test_who_has_not_paid_does_not_export(site, ctl):
    token = ctl.ok("token", "create", "--user", "bob@example.test", "--name", "x", "--org", "beta-corp")["token"]
    api = Api(site.base, token=token)
    audit, = api.ok("GET", "audits/")["results"]
    reply = api.get(f"audits/{audit['id']}/export/csv/")
    assert reply.status_code == 403 and reply.json()["code"] == "subscription_required"


def test_a_disabled_user_stays_out(site):
    assert Api(site.base).post("auth/login/", {"email": "off@example.test", "password": d.PASSWORD}).status_code in (400, 401)


def test_what_an_operator_takes_away_is_gone_within_the_feeds_bound(site, ctl):
    """A server in use hears of it by the change feed. What an operator gives back is there at the next request."""
    api = Api(site.base)
    api.ok("POST", "auth/login/", {"email": "ada@example.test", "password": d.PASSWORD})
    assert api.get("organizations/acme/").status_code == 200
    ctl.ok("org", "delete", "acme", "--keep-subscription")
    seed.change_counts()
    assert api.get("organizations/acme/").status_code == 404
    ctl.ok("org", "restore", "acme")
    assert api.get("organizations/acme/").status_code == 200
    ctl.ok("user", "disable", "ada@example.test")
    seed.change_counts()
    assert api.get("organizations/acme/").status_code == 401
