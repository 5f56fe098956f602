"""Organizations, members, jobs."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import seed

from operators import ADA, BOB, invite


def test_create(ctl):
    ctl.user(ADA)
    one, two = ctl.org(ADA, "Café Zürich"), ctl.org(ADA, "Café Zürich")
    assert one["slug"] == "cafe-zurich" and two["slug"].startswith("cafe-zurich-")
    assert ctl.org(ADA, "会社")["slug"].startswith("organization-")
    assert "choose another" in ctl.fails(1, "org", "create", "--name", "X", "--owner", ADA, "--slug", "cafe-zurich")
    assert "3 to 50" in ctl.fails(2, "org", "create", "--name", "X", "--owner", ADA, "--slug", "ab")
    assert "no user" in ctl.fails(1, "org", "create", "--name", "X", "--owner", "no@example.test")
    assert len(ctl.ok("org", "list")) == 3


def test_show(ctl, acme):
    shown = ctl.ok("org", "show", "ACME")
    assert shown == ctl.ok("org", "show", acme["id"])
    assert shown == {**shown, "id": acme["id"], "slug": "acme", "name": "Acme", "subscription": "free", "members": 2,
                     "pending_invites": 0, "audits": 0, "deleted_at": None, "stripe_customer_id": None}


def test_delete_and_restore(ctl, acme):
    audit = seed.audit(ctl.database, acme["id"], status="running")
    ctl.database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at) VALUES (?, 'audit', ?, ?, ?, ?)",
                         seed.uuid7(), acme["id"], audit, seed.now(), seed.now())
    assert ctl.ok("org", "delete", "acme") == {"id": acme["id"], "slug": "acme", "deleted": True}
    assert ctl.ok("org", "list") == [] and ctl.ok("job", "list") == []
    assert ctl.database.execute("SELECT status FROM audits")[0][0] == "canceled"
    assert ctl.ok("org", "list", "--deleted")[0]["slug"] == "deleted-" + acme["id"]
    assert "restore" in ctl.fails(1, "org", "delete", "acme")
    assert "restore" in ctl.fails(1, "member", "add", "acme", ADA)
    assert ctl.ok("org", "restore", "acme")["deleted"] is False
    assert "is not deleted" in ctl.fails(1, "org", "restore", "acme")
    assert [o["slug"] for o in ctl.ok("org", "list")] == ["acme"] and len(ctl.ok("member", "list", "acme")) == 2
    assert [a for a, _ in ctl.trail("acme")][-2:] == ["organization.deleted", "organization.restored"]


def test_whoever_is_charged_is_not_deleted_in_silence(ctl, acme):
    ctl.database.execute("INSERT INTO subscriptions (org_id, id, customer_id, status, updated_at) VALUES (?, 'sub_1', 'cus_1', 'active', ?)",
                         acme["id"], seed.now())
    assert "sub_1" in ctl.fails(1, "org", "delete", "acme")
    assert ctl.ok("org", "show", "acme")["deleted_at"] is None
    assert ctl.ok("org", "delete", "acme", "--keep-subscription")["deleted"] is True


def test_a_slug_is_free_when_its_organization_is_deleted(ctl, acme):
    ctl.ok("org", "delete", "acme")
    other = ctl.org(BOB)
    assert other["slug"] == "acme" and ctl.ok("org", "show", "acme")["id"] == other["id"]
    assert "another one with --slug" in ctl.fails(1, "org", "restore", acme["id"])
    assert ctl.ok("org", "restore", acme["id"], "--slug", "acme-old")["slug"] == "acme-old"


def test_purge(ctl, acme):
    ctl.database.execute("UPDATE organizations SET stripe_subscription_id = 'sub_1', stripe_status = 'active'")
    assert "--purge has it canceled" in ctl.fails(1, "org", "delete", "acme")
    ctl.fails(2, "org", "delete", "acme", "--purge", "--keep-subscription")
    ctl.ok("org", "delete", "acme", "--purge")
    assert [(j["kind"], j["object_id"], j["state"]) for j in ctl.ok("job", "list")] == [("organization.purge", acme["id"], "queued")]
    ctl.ok("org", "restore", "acme")
    assert ctl.ok("job", "list") == []
    ctl.ok("org", "delete", "acme", "--purge")
    ctl.database.execute("UPDATE jobs SET state = 'running'")
    assert "being purged" in ctl.fails(1, "org", "restore", "acme")


def test_without_an_admin_others_can_still_be_removed(ctl, acme):
    ctl.database.execute("UPDATE memberships SET role = 'VIEWER'")
    assert ctl.ok("member", "remove", "acme", BOB)["old_role"] == "VIEWER"


def roles(ctl):
    return {m["email"]: m["role"] for m in ctl.ok("member", "list", "acme")}


def test_members(ctl, acme):
    assert roles(ctl) == {"Ada@Example.test": "ADMIN", BOB: "MEMBER"}
    assert "already, as MEMBER" in ctl.fails(1, "member", "add", "acme", BOB)
    assert ctl.ok("member", "role", "acme", BOB, "--role", "VIEWER") == {
        "organization": "acme", "user": BOB, "role": "VIEWER", "old_role": "MEMBER"}
    assert ctl.ok("member", "remove", "acme", BOB)["old_role"] == "VIEWER"
    assert "is no member" in ctl.fails(1, "member", "remove", "acme", BOB)
    assert "is no member" in ctl.fails(1, "member", "role", "acme", BOB, "--role", "ADMIN")
    assert "--role is missing" in ctl.fails(2, "member", "role", "acme", ADA)
    assert [a for a, _ in ctl.trail("acme")][-3:] == ["member.added", "member.role_changed", "member.removed"]


def test_the_last_admin_stays(ctl, acme):
    for args in (("remove", "acme", ADA), ("role", "acme", ADA, "--role", "MEMBER")):
        assert "last ADMIN" in ctl.fails(1, "member", *args)
    assert roles(ctl)["Ada@Example.test"] == "ADMIN"
    ctl.ok("member", "role", "acme", ADA, "--role", "ADMIN")
    ctl.ok("member", "role", "acme", BOB, "--role", "ADMIN")
    ctl.ok("member", "role", "acme", ADA, "--role", "VIEWER")
    assert roles(ctl) == {"Ada@Example.test": "VIEWER", BOB: "ADMIN"}


def live_tokens(ctl):
    return {t["name"] for t in ctl.ok("token", "list") if not t["revoked_at"]}


def test_what_a_role_opened_goes_with_it(ctl, acme):
    bob = ctl.ok("user", "show", BOB)["id"]
    ctl.ok("member", "role", "acme", BOB, "--role", "ADMIN")
    for name, more in (("admin", ["--role", "ADMIN"]), ("member", ["--role", "MEMBER"]), ("viewer", ["--role", "VIEWER"]), ("own", [])):
        ctl.ok("token", "create", "--user", BOB, "--org", "acme", "--name", name, *more)
    ctl.ok("token", "create", "--user", BOB, "--name", "elsewhere")
    invite(ctl.database, acme["id"], bob)
    ctl.ok("member", "role", "acme", BOB, "--role", "MEMBER")
    assert live_tokens(ctl) == {"member", "viewer", "own", "elsewhere"}
    assert [i["state"] for i in ctl.ok("invite", "list")] == ["revoked"]
    ctl.ok("member", "role", "acme", BOB, "--role", "VIEWER")
    assert live_tokens(ctl) == {"viewer", "own", "elsewhere"}
    ctl.database.execute("UPDATE users SET default_org_id = ? WHERE id = ?", acme["id"], bob)
    ctl.ok("member", "remove", "acme", BOB)
    assert live_tokens(ctl) == {"elsewhere"}
    assert ctl.ok("user", "show", BOB)["default_organization"] is None


def test_many_at_once_leave_one_admin(ctl, acme):
    """Everybody is ADMIN, and everybody is thrown out or demoted at the same time."""
    people = [f"user{n}@example.test" for n in range(6)]
    for email in people:
        ctl.user(email)
        ctl.ok("member", "add", "acme", email, "--role", "ADMIN")
    ctl.ok("member", "remove", "acme", ADA)
    ctl.ok("member", "remove", "acme", BOB)
    jobs = [("remove", "acme", e) if n % 2 else ("role", "acme", e, "--role", "VIEWER") for n, e in enumerate(people)]
    with ThreadPoolExecutor(6) as pool:
        codes = [done.returncode for done in pool.map(lambda args: ctl.run("member", *args), jobs)]
    assert sorted(codes) == [0] * 5 + [1], codes
    assert list(roles(ctl).values()).count("ADMIN") == 1


# -------------------------------------------------------------------- jobs --

SECRET = "https://app.example.test/reset/secret-of-the-link"


@pytest.fixture
def jobs(ctl, acme):
    """A dead mail, a waiting audit, a running one."""
    made = {}
    for name, kind, state, attempts, payload in (
            ("mail", "mail", "dead", 8, {"template": "invite", "to": "new@example.test", "vars": {"link": SECRET}}),
            ("waits", "audit", "queued", 3, None), ("runs", "audit", "running", 1, None)):
        made[name] = seed.uuid7()
        ctl.database.execute(
            "INSERT INTO jobs (id, kind, organization_id, object_id, payload, state, attempts, run_after, lease_node, lease_until,"
            " error, created_at) VALUES (?, ?, ?, 'x', ?, ?, ?, ?, ?, ?, 'went wrong', ?)", made[name], kind, acme["id"],
            json.dumps(payload) if payload else None, state, attempts, "2099-01-01T00:00:00.000000Z",
            "node1" if state == "running" else None, "2099-01-01T00:00:00.000000Z" if state == "running" else None, seed.now())
    return made


def test_job_lists(ctl, jobs):
    def ids(*args):
        return {j["id"] for j in ctl.ok(*args)}
    assert ids("job", "list") == set(jobs.values())
    assert ids("job", "list", "--kind", "mail") == ids("mail", "queue") == ids("job", "list", "--state", "dead") == {jobs["mail"]}
    assert ids("mail", "queue", "--state", "queued") == set()
    assert ids("job", "list", "--org", "acme", "--state", "running") == {jobs["runs"]}


def test_a_job_is_shown_without_what_a_mail_carries(ctl, jobs):
    shown = ctl.ok("job", "show", jobs["mail"])
    assert shown == {**shown, "kind": "mail", "state": "dead", "attempts": 8, "organization": "acme", "template": "invite",
                     "to": "new@example.test", "error": "went wrong"}
    assert ctl.ok("job", "show", jobs["waits"])["to"] is None
    for args in (("job", "show", jobs["mail"]), ("job", "list"), ("mail", "queue")):
        assert SECRET not in ctl.run(*args).stdout + ctl.run("--json", *args).stdout


def test_retry(ctl, jobs):
    assert ctl.ok("job", "retry", jobs["mail"])["state"] == "queued"
    shown = ctl.ok("job", "show", jobs["mail"])
    assert (shown["state"], shown["attempts"]) == ("queued", 0) and shown["run_after"] < "2090"
    ctl.ok("job", "retry", jobs["waits"])
    shown = ctl.ok("job", "show", jobs["waits"])
    assert shown["attempts"] == 3 and shown["run_after"] < "2090"
    assert "running on node1" in ctl.fails(1, "job", "retry", jobs["runs"])
    assert [a for a, _ in ctl.trail("acme")][-2:] == ["job.retried"] * 2


def test_retry_all_that_are_dead(ctl, jobs):
    assert ctl.ok("job", "retry", "--dead", "--kind", "audit") == {"retried": 0, "jobs": []}
    assert ctl.ok("job", "retry", "--dead") == {"retried": 1, "jobs": [jobs["mail"]]}
    assert ctl.ok("job", "list", "--state", "dead") == []
    ctl.fails(2, "job", "retry", jobs["mail"], "--dead")
    ctl.fails(2, "job", "retry", jobs["mail"], "--kind", "mail")


def test_remove(ctl, jobs):
    assert ctl.ok("job", "remove", jobs["mail"]) == {"id": jobs["mail"], "kind": "mail", "state": "removed"}
    assert ctl.ok("job", "remove", jobs["runs"])["state"] == "stopping"
    assert {j["id"]: j["cancel_requested"] for j in ctl.ok("job", "list")} == {jobs["waits"]: False, jobs["runs"]: True}
    assert ctl.trail("acme")[-1] == ("job.removed", "audit")
