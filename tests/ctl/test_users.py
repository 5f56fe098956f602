"""Users, sessions, tokens, invites: what an operator changes, and the trail of it."""

import getpass

from saastest import seed

from operators import ADA, BOB, PASSWORD, invite, session

def test_create_list_show(ctl):
    key = ctl.user("Ada@Example.test", stdin=None)
    row, = ctl.ok("user", "list")
    assert row == {**row, "id": key, "email": "Ada@Example.test", "name": "", "active": True, "last_login_at": None}
    shown = ctl.ok("user", "show", "ADA@example.TEST")
    assert shown == {**shown, "id": key, "has_password": False, "sessions": 0, "tokens": 0, "organizations": [],
                     "default_organization": None}
    assert ctl.ok("user", "show", key.upper())["email"] == "Ada@Example.test"
    assert "already" in ctl.fails(1, "user", "create", "--email", "ADA@example.test")


def test_show_names_the_organizations(ctl, acme):
    shown = ctl.ok("user", "show", ADA)
    assert shown["organizations"] == [{"id": acme["id"], "slug": "acme", "name": "Acme", "role": "ADMIN", "deleted": False}]
    assert shown["default_organization"] == "acme"


def test_a_password_ends_sessions_and_resets(ctl, acme):
    ada = ctl.ok("user", "show", ADA)["id"]
    session(ctl.database, ada)
    ctl.database.execute("INSERT INTO password_resets (hash, user_id, created_at, expires_at) VALUES ('x', ?, ?, ?)", ada, seed.now(), seed.now())
    assert ctl.ok("user", "password", ADA, "--password-stdin", stdin=PASSWORD + "\n")["changed"] is True
    shown = ctl.ok("user", "show", ADA)
    assert shown["has_password"] and shown["sessions"] == 0
    assert ctl.database.execute("SELECT count(*) FROM password_resets")[0][0] == 0
    assert ("user.password_changed", "Ada@Example.test") in ctl.trail("acme")


def test_the_rules_for_passwords_hold(ctl, acme):
    assert "not accepted" in ctl.fails(1, "user", "password", ADA, "--password-stdin", stdin="password123\n")
    assert "no password given" in ctl.fails(2, "user", "password", ADA)
    assert not ctl.ok("user", "show", ADA)["has_password"]


def test_disable_and_enable(ctl, acme):
    ada = ctl.ok("user", "show", ADA)["id"]
    session(ctl.database, ada)
    assert ctl.ok("user", "disable", ADA)["changed"] is True
    shown = ctl.ok("user", "show", ADA)
    assert not shown["active"] and shown["sessions"] == 0
    assert ctl.ok("user", "disable", ADA)["changed"] is False
    assert ctl.ok("user", "enable", ADA)["changed"] is True
    assert ctl.ok("user", "show", ADA)["active"]
    assert ctl.trail("acme")[-2:] == [("user.disabled", "Ada@Example.test"), ("user.enabled", "Ada@Example.test")]


def test_the_trail_names_the_unix_user(ctl, acme):
    row = ctl.ok("activity", "list", "--org", "acme", "--action", "organization.created")[0]
    assert row["actor_type"] == "system" and row["actor_id"] == f"saasctl:{getpass.getuser()}"
    assert row["new_value"] == {"name": "Acme", "slug": "acme"} and row["target_id"] == acme["id"]


def test_the_trail_is_filtered(ctl, acme):
    assert ctl.trail("acme") == [("organization.created", "Acme"), ("member.added", BOB)]
    assert ctl.trail("acme", action="member.added") == [("member.added", BOB)]
    assert ctl.trail("acme", actor="saasctl:nobody-here") == []
    assert ctl.trail("acme", since="2099-01-01T00:00:00Z") == []
    assert len(ctl.trail("acme", since="2020-01-01T00:00:00+01:00")) == 2


def test_delete_keeps_the_trail(ctl, acme):
    bob = ctl.ok("user", "show", BOB)["id"]
    key = invite(ctl.database, acme["id"], bob)
    ctl.ok("token", "create", "--user", BOB, "--name", "ci", "--org", "acme")
    assert ctl.ok("user", "delete", BOB) == {"id": bob, "email": BOB, "organizations_deleted": []}
    ctl.fails(1, "user", "show", BOB)
    assert [m["email"] for m in ctl.ok("member", "list", "acme")] == ["Ada@Example.test"]
    assert ctl.ok("token", "list") == []
    assert [(i["id"], i["state"], i["invited_by"]) for i in ctl.ok("invite", "list")] == [(key, "revoked", None)]
    assert ctl.database.execute("SELECT count(*) FROM user_organizations WHERE user_id = ?", bob)[0][0] == 0
    last = ctl.ok("activity", "list", "--org", "acme")[0]
    assert (last["action"], last["target_label"], last["old_value"], last["new_value"]) == (
        "member.removed", BOB, {"role": "MEMBER"}, {"account_deleted": True})


def test_the_last_admin_is_not_deleted(ctl, acme):
    assert "last ADMIN of acme" in ctl.fails(1, "user", "delete", ADA)
    assert ctl.ok("user", "show", ADA)["organizations"][0]["role"] == "ADMIN"


def test_whoever_is_alone_takes_the_organization_along_only_when_told(ctl):
    ctl.user(ADA)
    ctl.org(ADA)
    assert "--with-organizations" in ctl.fails(1, "user", "delete", ADA)
    assert ctl.ok("user", "delete", ADA, "--with-organizations")["organizations_deleted"] == ["acme"]
    assert ctl.ok("org", "list") == []
    gone, = ctl.ok("org", "list", "--deleted")
    assert gone["slug"] == "deleted-" + gone["id"] and gone["name"] == "Acme"
    assert [(j["kind"], j["object_id"]) for j in ctl.ok("job", "list")] == [("organization.purge", gone["id"])]


def test_sessions(ctl, acme):
    ada = ctl.ok("user", "show", ADA)["id"]
    one, two, three = (session(ctl.database, ada) for _ in range(3))
    assert {s["id"] for s in ctl.ok("session", "list", "--user", ADA)} == {one, two, three}
    assert ctl.ok("session", "list", "--user", BOB) == []
    assert ctl.ok("session", "revoke", two) == {"user": ada, "revoked": 1}
    assert {s["id"] for s in ctl.ok("session", "list")} == {one, three}
    assert ctl.ok("session", "revoke", "--user", ADA) == {"user": ada, "revoked": 2}
    assert ctl.ok("session", "revoke", "--user", ADA) == {"user": ada, "revoked": 0}
    assert [a for a, _ in ctl.trail("acme", action="session.revoked")] == ["session.revoked"] * 2


def test_tokens(ctl, acme):
    bound = ctl.ok("token", "create", "--user", BOB, "--name", "ci", "--org", "acme", "--role", "VIEWER", "--expires", "2099-01-01T00:00:00Z")
    free = ctl.ok("token", "create", "--user", BOB, "--name", "all")
    assert bound["token"].startswith("saas_") and bound["role"] == "VIEWER" and free["organization"] is None
    assert {t["id"] for t in ctl.ok("token", "list", "--user", BOB)} == {bound["id"], free["id"]}
    assert {t["id"] for t in ctl.ok("token", "list", "--org", "acme")} == {bound["id"]}
    assert ctl.ok("token", "list", "--user", ADA) == []
    assert ctl.ok("token", "revoke", bound["id"])["changed"] is True
    assert ctl.ok("token", "revoke", bound["id"])["changed"] is False
    assert ctl.ok("token", "revoke", free["id"])["changed"] is True
    assert all(t["revoked_at"] for t in ctl.ok("token", "list"))
    assert [a for a, _ in ctl.trail("acme")][-4:] == ["token.created", "token.created", "token.revoked", "token.revoked"]


def test_a_token_opens_no_more_than_its_user(ctl, acme):
    ctl.user("eve@example.test")
    assert "no member" in ctl.fails(1, "token", "create", "--user", "eve@example.test", "--name", "x", "--org", "acme")
    assert "in the past" in ctl.fails(1, "token", "create", "--user", ADA, "--name", "x", "--expires", "2020-01-01T00:00:00Z")
    assert "ADMIN, MEMBER and VIEWER" in ctl.fails(2, "token", "create", "--user", ADA, "--name", "x", "--role", "ROOT")


def test_invites(ctl, acme):
    ada = ctl.ok("user", "show", ADA)["id"]
    new = invite(ctl.database, acme["id"], ada)
    ctl.database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at) VALUES (?, 'mail', ?, ?, ?, ?)",
                         seed.uuid7(), acme["id"], new, seed.now(), seed.now())
    old = invite(ctl.database, acme["id"], ada, "old@example.test", expires="2020-01-01T00:00:00.000000Z")
    used = invite(ctl.database, acme["id"], ada, "used@example.test", state="accepted")
    assert {i["id"]: i["state"] for i in ctl.ok("invite", "list", "--org", "acme")} == {new: "pending", old: "expired", used: "accepted"}
    assert [i["id"] for i in ctl.ok("invite", "list", "--state", "expired")] == [old]
    assert ctl.ok("invite", "revoke", new) == {"id": new, "email": "new@example.test", "state": "revoked"}
    assert ctl.ok("mail", "queue") == [], "its mail is not sent any more"
    assert "nothing to revoke" in ctl.fails(1, "invite", "revoke", new)
    assert "nothing to revoke" in ctl.fails(1, "invite", "revoke", used)
    assert ctl.trail("acme")[-1] == ("invite.revoked", "new@example.test")
