"""import-django on what a real Django has written, and log-ins with the passwords that it has hashed."""

import json
from pathlib import Path

import pytest

from djangosite import HASHERS, PASSWORD, Django
from saastest import Api, seed
from saastest.site import serving

SKIP = "--skip-users-without-email"
DUMPS = {"plain": (), "indented": ("--indent", "2"), "natural": ("--natural-foreign", "--natural-primary")}
OWN = {"contenttypes.contenttype", "auth.permission", "auth.group", "sessions.session", "admin.logentry"}


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """By name: paths of dumps of one database."""
    django = Django(tmp_path_factory.mktemp("django"))
    return {name: django.dump(name, *options) for name, options in DUMPS.items()}


def imported(ctl, path):
    done = ctl.run("--json", "import-django", path, SKIP)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_dump_is_one_that_django_writes(dumps):
    """What the tests below lean on: all that Django keeps for itself, every hasher, a user without an address."""
    entries = json.loads(Path(dumps["plain"]).read_text(encoding="utf-8"))
    assert OWN <= {entry["model"] for entry in entries}
    users = {entry["fields"]["username"]: entry["fields"] for entry in entries if entry["model"] == "auth.user"}
    assert {users[name]["password"].split("$")[0] for name in HASHERS} == set(HASHERS)
    assert users["root"]["email"] == "" and users["off"]["password"].startswith("!")


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_as_it_comes(ctl, dumps, name):
    said = ctl.fails(1, "import-django", dumps[name])
    assert "email: is missing: " + SKIP in said and "1 problems: nothing was imported" in said and "not known" not in said
    assert ctl.ok("user", "list") == []

    counts, said = imported(ctl, dumps[name])
    assert set(counts["ignored"]) == OWN and all(counts["ignored"].values())
    people = len(HASHERS)
    assert counts == {**counts, "users": people + 1, "organizations": 2, "memberships": people + 1, "invites": 2, "audits": 3, "evidence": 120,
                      "users_skipped": 1, "memberships_skipped": 2, "invites_skipped": 1, "passwords_dropped": 0, "slugs_changed": 0}
    assert "left out: root" in said and "beta has no ADMIN" in said
    assert {m["email"]: m["role"] for m in ctl.ok("member", "list", "acme")} == {
        f"{h}@example.test": "ADMIN" if h == HASHERS[0] else "MEMBER" for h in HASHERS}
    shown = ctl.ok("org", "show", "acme")
    assert (shown["subscription"], shown["stripe_customer_id"], shown["stripe_subscription_id"]) == ("active", "cus_acme", "sub_acme")
    assert {i["email"]: i["invited_by"] for i in ctl.ok("invite", "list")} == dict.fromkeys(
        ("new@example.test", "by-root@example.test"), f"{HASHERS[0]}@example.test")
    audits = ctl.database.execute("SELECT a.name, a.evidence_count, u.email FROM audits a LEFT JOIN users u ON u.id = a.created_by ORDER BY a.name")
    assert audits == [("Acme by " + HASHERS[0], 40, HASHERS[0] + "@example.test"), ("Acme by root", 40, None), ("Beta by root", 40, None)]
    assert ctl.database.execute("SELECT comment FROM evidence ORDER BY comment")[0][0] == "Zeile 0, größer"


@pytest.fixture
def site(ctl, dumps):
    """httpd on what was imported."""
    imported(ctl, dumps["plain"])
    with serving(ctl.database) as made:
        yield made


def status(site, email, password):
    return Api(site.base).post("auth/login/", {"email": email, "password": password}).status_code


def test_old_passwords_open_and_are_brought_up_to_date(site, ctl):
    for hasher in HASHERS:
        email = f"{hasher}@example.test"
        user = ctl.ok("user", "show", email)["id"]
        old = seed.stored_password(ctl.database, user)
        assert old.startswith(hasher + "$")
        assert status(site, email, PASSWORD + "x") == 401 and status(site, email, PASSWORD.replace("ä", "a")) == 401
        assert seed.stored_password(ctl.database, user) == old, "only the right password upgrades"
        assert status(site, email, PASSWORD) == 200, hasher
        new = seed.stored_password(ctl.database, user)
        assert new.startswith("$scrypt$ln=15,r=8,p=3$"), hasher
        assert status(site, email, PASSWORD) == 200 and status(site, email, PASSWORD + "x") == 401, hasher
        assert seed.stored_password(ctl.database, user) == new, "once"


def test_a_password_that_is_switched_off_opens_nothing(site, ctl):
    user = ctl.ok("user", "show", "off@example.test")
    assert not user["has_password"] and user["active"]
    for password in (PASSWORD, "!", "!" + "x" * 40):
        assert status(site, "off@example.test", password) == 401
    # Also where somebody has put it into the table as it was.
    seed.password(ctl.database, user["id"], "!" + "x" * 40)
    assert status(site, "off@example.test", "!" + "x" * 40) == 401
    assert status(site, "root", PASSWORD) == status(site, "root@example.test", PASSWORD) == 401, "who is left out is nobody"
