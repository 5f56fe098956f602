"""The command line itself: help, hints, exit codes, what is never echoed."""

import os
import re
import shutil
import subprocess

import pytest

from saastest import BUILD, ROOT, saasctl
from saastest.places import clean_environment

from operators import PASSWORD

SAASCTL = str(BUILD / "bin" / "saasctl")


def bare(*args, **env):
    return subprocess.run([SAASCTL, *args], text=True, capture_output=True, env=clean_environment(**env), timeout=60)


def commands():
    """Every command of the help, in words."""
    text = bare("--help").stdout
    return [" ".join(re.match(r"  ([a-z-]+(?: [a-z]+)?)(?= |$)", line).group().split())
            for line in text.splitlines() if re.match(r"  [a-z]", line)]


def test_help_names_everything_and_needs_no_database():
    done = bare("--help")
    assert done.returncode == 0 and not done.stderr
    objects = {name.split()[0] for name in commands()}
    assert objects == {"migrate", "backup", "restore", "import-django", "user", "org", "member", "token", "invite", "session", "job", "mail", "stripe", "audit", "activity", "doctor", "why"}
    assert "Exit codes" in done.stdout


def test_each_command_explains_itself():
    assert len(commands()) > 30
    for name in commands():
        done = bare(*name.split(), "--help")
        shown = [line for line in done.stdout.splitlines() if line.startswith("  ") and not line.startswith("   ")]
        assert done.returncode == 0 and len(shown) == 1 and shown[0].startswith(f"  {name} "), (name, done.stdout)
        assert re.search(r"^      \S.*\.$", done.stdout, re.M), name


def test_an_object_lists_its_commands():
    shown = bare("member", "--help").stdout
    assert all(f"  member {verb} " in shown for verb in ("list", "add", "role", "remove")) and "token" not in shown.replace("tokens", "")


WRONG = [
    ((), "no command given"),
    (("usr", "list"), "there is no command usr"),
    (("user",), "user what? It takes list, show, create"),
    (("user", "remove", "x"), "user takes list, show, create"),
    (("user", "list", "--foo"), "--foo is no option of this command: saasctl user list"),
    (("user", "list", "-x"), "no option"),
    (("user", "list", "surplus"), "is too much"),
    (("user", "show"), "USER is missing: saasctl user show USER"),
    (("member", "add", "acme"), "USER is missing"),
    (("user", "create", "--email"), "--email needs a value"),
    (("user", "create", "--email", "a@b.c", "--email", "a@b.c"), "given twice"),
    (("org", "list", "--deleted=yes"), "takes no value"),
    (("user", "list"), "no database given"),
    (("user", "list", "--db", "mysql:x"), "--db must be"),
]


@pytest.mark.parametrize("args,hint", WRONG, ids=[" ".join(a) or "nothing" for a, _ in WRONG])
def test_wrong_use_is_2_with_a_hint(args, hint):
    done = bare(*args)
    assert done.returncode == 2 and not done.stdout
    assert hint in done.stderr


WRONG_VALUES = [
    (("user", "create"), "--email is missing"),
    (("user", "create", "--email", "nobody"), "no e-mail address"),
    (("user", "list", "--limit", "many"), "--limit"),
    (("token", "revoke", "7"), "is no id"),
    (("job", "list", "--state", "late"), "queued, running and dead"),
    (("job", "retry"), "either the id"),
    (("session", "revoke"), "either the id"),
    (("activity", "list", "--since", "yesterday"), "--since: give a time"),
    (("import-django", "x.json", "--ignore", "nodot"), "is no APP.MODEL"),
    (("import-django", "x.json", "--as", "crm.company=firm"), "kinds are user"),
]


@pytest.mark.parametrize("args,hint", WRONG_VALUES, ids=[" ".join(a) for a, _ in WRONG_VALUES])
def test_wrong_values_are_2(ctl, args, hint):
    assert hint in ctl.fails(2, *args)


NOBODY = "01a20248-72f8-7b9f-8d4a-80ff94e8d34a"
MISSING = [
    ("user", "show", "nobody@example.test"), ("user", "disable", NOBODY), ("user", "delete", "nobody@example.test"),
    ("org", "show", "nowhere"), ("org", "restore", "nowhere"), ("member", "list", "nowhere"), ("token", "revoke", NOBODY),
    ("invite", "revoke", NOBODY), ("session", "revoke", NOBODY), ("session", "revoke", "--user", "nobody@example.test"),
    ("job", "show", NOBODY), ("job", "retry", NOBODY), ("job", "remove", NOBODY), ("activity", "list", "--org", "nowhere"),
    ("import-django", "/nonexistent/dump.json"),
]


@pytest.mark.parametrize("args", MISSING, ids=" ".join)
def test_what_is_not_there_is_1_with_a_way_out(ctl, args):
    said = ctl.fails(1, *args)
    assert "see saasctl " in said or "give the file" in said


LISTS = [("user", "list"), ("org", "list"), ("token", "list"), ("invite", "list"), ("session", "list"), ("job", "list"),
         ("mail", "queue"), ("activity", "list")]


@pytest.mark.parametrize("args", LISTS, ids=" ".join)
def test_an_empty_list_is_a_heading_or_an_empty_array(ctl, args):
    assert ctl.ok(*args) == []
    done = ctl.run(*args)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1


def test_a_database_that_is_not_there_is_3(ctl):
    for url in ("sqlite:/nonexistent/saas.db", "pgsql:host=/nonexistent dbname=x connect_timeout=2"):
        done = saasctl(url, "user", "list", check=False)
        assert done.returncode == 3 and done.stderr.startswith("saasctl: ")


@pytest.mark.only_db("pgsql")
def test_only_the_owner_may(ctl):
    """Row-level security would show anybody else empty tables."""
    url = "pgsql:" + ctl.database.cluster.dsn(ctl.database.name, ctl.database.cluster.APP)
    done = saasctl(url, "user", "list", check=False)
    assert done.returncode == 3 and "does not own the schema" in done.stderr


def test_long_lists_say_that_they_are_cut(ctl):
    for n in range(4):
        ctl.user(f"user{n}@example.test")
    done = ctl.run("--json", "user", "list", "--limit", "3")
    assert done.returncode == 0 and done.stdout.count('"email"') == 3 and "more than these 3" in done.stderr
    assert len(ctl.ok("user", "list", "--limit", "4")) == len(ctl.ok("user", "list", "--limit", "0")) == 4


def test_no_secret_is_echoed(ctl):
    said = ctl.run("user", "create", "--email", "ada@example.test", "--password-stdin", stdin="short\n")
    assert said.returncode == 1 and "short\n" not in said.stderr and "short" not in said.stderr.replace("too short", "")
    ctl.user("ada@example.test", stdin=None)
    done = ctl.run("user", "password", "ada@example.test", "--password-stdin", stdin=PASSWORD + "\n")
    assert done.returncode == 0 and PASSWORD not in done.stdout + done.stderr
    token = ctl.ok("token", "create", "--user", "ada@example.test", "--name", "ci")["token"]
    everything = "".join(ctl.run("--json", *args).stdout for args in
                         (*LISTS, ("user", "show", "ada@example.test"))) + ctl.run("token", "list").stdout
    assert token not in everything and "scrypt" not in everything and "hash" not in everything.replace('"hash"', "hash")
    assert token[:12] in everything


# ------------------------------------------------------------------ manual --

MAN = ROOT / "docs" / "man" / "saasctl.8"


def manual():
    return MAN.read_text().replace("\\-", "-")


def test_the_manual_page_is_well_formed():
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", str(MAN)], text=True, capture_output=True)
        assert not done.stdout + done.stderr
        return
    if not shutil.which("groff"):
        pytest.skip("neither mandoc nor groff is installed")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-c", str(MAN)], text=True, capture_output=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, done.stderr
    shown = re.sub(r".\x08", "", done.stdout)
    assert "NAME" in shown and "EXIT STATUS" in shown and "SAASCTL_DB" in shown


def test_the_manual_page_and_the_help_agree():
    named = set(re.findall(r"^\.B saasctl ([a-z-]+(?: [a-z]+)?)$", manual(), re.M))
    assert named == set(commands()), named ^ set(commands())


def test_manual_and_help_know_the_same_options():
    helped = set(re.findall(r"--[a-z-]+", bare("--help").stdout))
    assert helped <= set(re.findall(r"--[a-z-]+", manual())), helped
    manuals = "".join((ROOT / "docs" / name).read_text() for name in ("saasctl.md", "django.md"))
    assert helped <= set(re.findall(r"--[a-z-]+", manuals)), helped
