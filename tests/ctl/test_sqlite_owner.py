"""Whose a SQLite database is that root has made: httpd's children, who are not root, have to write it."""

import os
import shutil
import stat
import subprocess
import time

import pytest

from operators import Operator
from saastest import Places, Site
from saastest.places import BUILD, ROOT, clean_environment, command_as, httpd_user, program
from saastest.site import Sqlite

pytestmark = [pytest.mark.only_db("sqlite"), pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")]
NAMES = ("saas.db", "saas.db-wal", "saas.db-shm")


@pytest.fixture
def places(db_kind):
    made = Places()
    yield made
    made.close()


def owners(folder):
    return {name: (info.st_uid, info.st_gid) for name in NAMES if (folder / name).exists()
            for info in [os.lstat(folder / name)]}


@pytest.fixture
def anybodys(places):
    """The command and its migrations where other users may read them, wherever the checkout is."""
    folder = places.folder("anybodys")
    folder.chmod(0o755)
    shutil.copy2(BUILD / "bin" / "saasctl", folder)
    shutil.copytree(ROOT / "sql", folder / "sql", copy_function=shutil.copy)
    for path in (folder / "saasctl", *(folder / "sql").rglob("*"), folder / "sql"):
        path.chmod(0o755 if path.is_dir() or path.name == "saasctl" else 0o644)
    return folder


def migrate(path, user=None, prefix=(), where=None):
    program_at, sql = (where / "saasctl", where / "sql") if where else (BUILD / "bin" / "saasctl", ROOT / "sql")
    argv = command_as(user, [*prefix, program_at, "--db", f"sqlite:{path}", "migrate"], False)
    return subprocess.run([str(word) for word in argv], env=clean_environment(SAASCTL_SQL=sql), cwd="/",
                          capture_output=True, text=True, timeout=60)


def test_what_root_makes_belongs_to_the_owner_of_the_folder(places, quiet_log):
    """Migrated, used by httpd, and used by root meanwhile, afterwards and before the next start: it stays httpd's."""
    database = Sqlite(places, by_root=True)
    own = (database.user.pw_uid, database.user.pw_gid)
    assert owners(database.folder)["saas.db"] == own
    assert stat.S_IMODE(os.lstat(database.path).st_mode) == 0o644
    ctl = Operator(database)
    site = Site(database, places=places, with_stripe=False)
    try:
        for n in range(2):
            site.start()
            quiet_log.append(site.httpd.watch())
            site.register()
            ctl.user(f"while{n}@example.test")
            assert owners(database.folder) == dict.fromkeys(NAMES, own)
            site.register()
            site.httpd.stop()
            ctl.user(f"after{n}@example.test")
            # What root leaves open is what the next start finds.
            held = database.connect()
            held.execute("UPDATE users SET name = name")
            assert owners(database.folder) == dict.fromkeys(NAMES, own)
            site.start()
            site.register()
            held.close()
            site.httpd.stop()
    finally:
        site.close()


def test_root_makes_nothing_through_a_link(places):
    """Whoever owns the folder could have put it there, to be given a file of root's or have one made."""
    folder = places.folder("db", httpd_user(), 0o750)
    away = places.folder("away") / "file"
    (folder / "saas.db").symlink_to(away)
    done = migrate(folder / "saas.db")
    assert done.returncode == 3 and "unable to open" in done.stderr, (done.returncode, done.stderr)
    assert not away.exists() and not list(away.parent.iterdir())
    away.touch()
    migrate(folder / "saas.db")
    assert os.lstat(away).st_uid == os.lstat(folder / "saas.db").st_uid == 0, "somebody was given what root did not make"


def test_what_was_there_keeps_its_owner(places):
    folder = places.folder("db", httpd_user(), 0o750)
    (folder / "saas.db").touch()
    assert migrate(folder / "saas.db").returncode == 0
    assert owners(folder)["saas.db"] == (0, 0)


def test_root_who_may_not_give_away_says_so_and_leaves_nothing(places):
    folder = places.folder("db", httpd_user(), 0o750)
    done = migrate(folder / "saas.db", prefix=(program("setpriv"), "--bounding-set", "-chown", "--inh-caps", "-chown", "--"))
    assert done.returncode == 3 and not done.stdout
    assert f"user {httpd_user().pw_uid}, Operation not permitted" in done.stderr and "run this as that user" in done.stderr, done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("folder_of", ["root", "user", "somebody"])
def test_nobody_else_is_given_anything(places, anybodys, folder_of):
    """In root's own folder the file is root's; what httpd's user makes is his, also in a folder that he may only write."""
    user = None if folder_of == "root" else httpd_user()
    folder = places.folder("db", user if folder_of == "user" else None, 0o777)
    if folder_of == "somebody":
        os.chown(folder, user.pw_uid + 1, user.pw_gid)
    done = migrate(folder / "saas.db", user, where=anybodys)
    assert done.returncode == 0, done.stderr
    assert owners(folder)["saas.db"] == ((user.pw_uid, user.pw_gid) if user else (0, 0))


@pytest.mark.expects("SAAS11")
@pytest.mark.parametrize("which", NAMES)
def test_a_file_of_roots_is_named_with_the_way_out(places, quiet_log, which):
    database = Sqlite(places)
    held = database.connect()
    held.execute("UPDATE users SET name = name")
    os.chown(database.folder / which, 0, 0)
    site = Site(database, places=places, with_stripe=False)
    try:
        site.start()
        assert_named(site)
        # The way out is one: of the files beside it nothing was opened meanwhile, and for its own the log says the rest.
        os.chown(database.folder / which, database.user.pw_uid, database.user.pw_gid)
        end = time.monotonic() + 30
        if which == "saas.db":
            while "restart httpd" not in site.httpd.error_log.read_text():
                site.nobody().get("/saas/ready")
                assert time.monotonic() < end
                time.sleep(0.2)
            site.httpd.restart()
        while site.nobody().post("auth/register/", {"email": f"a{time.monotonic()}@example.test", "password": "whatever it is 1"}).status_code != 201:
            assert time.monotonic() < end, site.httpd.error_log.read_text()[-2000:]
            time.sleep(0.2)
        assert all(site.nobody().post("auth/register/", {"email": f"b{n}@example.test", "password": "whatever it is 1"}).status_code == 201
                   for n in range(6))
    finally:
        site.close()
        held.close()


@pytest.mark.expects("SAAS11")
def test_a_file_that_becomes_roots_under_httpd_is_named_too(places, quiet_log):
    database = Sqlite(places)
    site = Site(database, places=places, with_stripe=False).start()
    try:
        site.register()
        os.chown(database.path, 0, 0)
        assert_named(site)
    finally:
        site.close()


def assert_named(site):
    reply = site.nobody().post("auth/register/", {"email": "a@example.test", "password": "whatever it is 1"})
    assert reply.status_code == 503, reply.text
    assert site.nobody().get("/saas/ready").status_code == 503
    log = site.httpd.error_log.read_text()
    assert "let httpd's user own it, its -wal, its -shm and their folder (chown)" in log, log
