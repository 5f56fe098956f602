"""Exports of a standby (SaasExportDB): nobody can tell by what he gets; whatever is wrong with it, the primary does it."""

import contextlib
import json
import re
import time

import pytest

from feed import Relay
from saastest import Postgres, Site, metrics, seed
from saastest.site import Pgsql
from test_exports import ROWS, body_of, open_export, read_all

pytestmark = [pytest.mark.only_db("pgsql"), pytest.mark.long(60)]
CONF = ('SaasExportDB "host={host} port={port} dbname={name} user={user}"\nSaasDBTimeout 2s\nSaasJobThreads 0\n'
        "DBDMin 1\nDBDKeep 1\nSaasExportBuffer 64K\n")
NAME = "saas_replica"
FEW = 2000


class Pair:
    """A primary, its standby, and between the standby and httpd a cable."""

    def __init__(self, opened):
        self.opened = opened
        self.primary = Postgres().create()
        opened.callback(self.primary.close)
        # A second base backup ends a segment, which the first standby may not have read to its end by then.
        self.primary.sql("postgres", "ALTER SYSTEM SET wal_keep_size = '1GB'", "SELECT pg_reload_conf()")
        self.database = Pgsql(self.primary, NAME)
        self.standby = self.primary.standby()
        opened.callback(self.standby.close)
        self.cable = opened.enter_context(Relay(self.door(self.standby), "127.0.0.1"))
        self.site = self.serving(host=self.cable.host, port=self.cable.port)
        self.payer = self.site.newcomer()
        self.database.execute("UPDATE organizations SET subscription_status = 'active'")
        self.headers = {"Authorization": f"Bearer {self.payer.new_token(organization=self.payer.org['id'])['token']}"}
        self.few, self.many = (seed.large_audit(self.database, self.payer.org["id"], rows) for rows in (FEW, ROWS))
        self.caught_up()

    @staticmethod
    def door(server):
        return server.socket / ".s.PGSQL.5432"

    def told(self, **where):
        """A server on the primary whose exports come of there, once it runs."""
        site = Site(self.database, with_stripe=False, conf=CONF.format(**{"port": 5432, "name": NAME, "user": self.primary.APP, **where}))
        self.opened.callback(site.close)
        site.httpd.write("\n".join(site.parts))
        return site

    def serving(self, **where):
        return self.told(**where).start()

    def caught_up(self):
        """The standby has all that the primary has."""
        at = self.primary.sql("postgres", "SELECT pg_current_wal_lsn()")[0][0]
        end = time.monotonic() + 30
        while not self.standby.sql("postgres", f"SELECT pg_last_wal_replay_lsn() >= '{at}'")[0][0]:
            assert time.monotonic() < end, self.standby.log.read_text()[-3000:]
            time.sleep(0.02)

    def export(self, path="export/csv/", site=None):
        reply = (site or self.site).nobody().get(f"audits/{self.few}/{path}", headers=self.headers)
        assert reply.status_code == 200, reply.text[:500]
        return reply.content

    @contextlib.contextmanager
    def reads(self, site=None, **expected):
        """What exports are read of in this block, by name and number."""
        with metrics.moved(site or self.site) as change:
            yield
        assert change.of("exports_read") == {f'from="{name}"': n for name, n in expected.items()}

    def of_the_primary_alone(self, site, why):
        with self.reads(site, primary=1):
            assert self.export(site=site).count(b"\r\n") == FEW + 1
        assert why in site.httpd.error_log.read_text()

    def export_of_the_standby(self, path="export/csv/"):
        """One whose rows came of there: on a busy machine it may be too far behind for some."""
        end = time.monotonic() + 30
        while True:
            with metrics.moved(self.site) as change:
                content = self.export(path)
            if change.of("exports_read") == {'from="replica"': 1}:
                return content
            assert time.monotonic() < end, change

    def long_export_of_the_standby(self):
        """(its connection, what has come so far) of one that goes on there."""
        end = time.monotonic() + 30
        while True:
            s = open_export(self.site, self.payer, self.many, 4096)
            head = s.recv(100)
            assert head.startswith(b"HTTP/1.1 200")
            if self.at_work(self.standby):
                return s, head
            s.close()
            assert time.monotonic() < end

    def mute(self, number, muted=True):
        self.payer.ok("PATCH", f"audits/{self.few}/evidence/{number}/", {"muted": muted, **({"reason": "known"} if muted else {})})

    def muted(self):
        return self.export("export/csv/?muted=true").count(b"\r\n") - 1

    def at_work(self, server):
        return server.sql(NAME, "SELECT application_name FROM pg_stat_activity WHERE query LIKE 'COPY %' AND state = 'active'")


@pytest.fixture(scope="module")
def made(db_kind):
    with contextlib.ExitStack() as opened:
        yield Pair(opened)


@pytest.fixture
def pair(made, quiet_log):
    """With a standby that is read of by every child: what an earlier test has broken is forgotten."""
    made.caught_up()
    end = time.monotonic() + 20
    while True:
        with metrics.moved(made.site) as change:
            for _ in range(6):
                made.export()
        if change.of("exports_read") == {'from="replica"': 6}:
            break
        assert time.monotonic() < end, made.site.httpd.error_log.read_text()[-2000:]
        time.sleep(0.1)
    quiet_log.append(made.site.httpd.watch())
    return made


@pytest.mark.expects("SAAS1115", "SAAS1104")
@pytest.mark.parametrize("path", ["export/csv/", "export/?format=jsonl", "export/?format=html", "export/?format=sarif&status=FAIL"])
def test_what_comes_of_the_standby_is_what_the_primary_has(pair, path):
    there = pair.export_of_the_standby(path)
    pair.cable.cut()
    try:
        with pair.reads(primary=1):
            here = pair.export(path)
    finally:
        pair.cable.mend()
    when = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)"     # the report was made
    assert re.sub(when, b"", there) == re.sub(when, b"", here) and len(there) > 1000 * FEW // 20


def test_it_is_the_standby_that_works(pair):
    s, head = pair.long_export_of_the_standby()
    assert (pair.at_work(pair.standby), pair.at_work(pair.primary)) == ([("mod_saas export",)], [])
    assert body_of(head + read_all(s)).count(b"\r\n") == ROWS + 1
    assert pair.database.execute("SELECT action FROM activity ORDER BY created_at DESC LIMIT 1") == [("export.finished",)]


def test_one_that_is_behind_is_not_read_of(pair):
    """What was changed a moment ago is in the export."""
    pair.standby.sql("postgres", "SELECT pg_wal_replay_pause()")
    try:
        pair.mute(1)
        with pair.reads(primary=1):
            assert pair.muted() == 1
    finally:
        pair.standby.sql("postgres", "SELECT pg_wal_replay_resume()")
    pair.caught_up()
    assert pair.export_of_the_standby("export/csv/?muted=true").count(b"\r\n") == 2
    pair.mute(1, False)


def test_one_that_is_a_moment_behind_is_waited_for(pair):
    with metrics.moved(pair.site) as change:
        for n in range(1, 21):
            pair.mute(n)
            assert pair.muted() == n
    assert change.of("exports_read").get('from="replica"', 0) > 5


@pytest.mark.expects("SAAS1115", "SAAS1104")
def test_one_that_is_away_is_tried_again_after_a_while(pair):
    pair.cable.refuse()
    pair.standby.stop()
    try:
        with pair.reads(primary=3):
            for _ in range(3):
                pair.export()
    finally:
        pair.standby.start()
        pair.cable.listen(pair.door(pair.standby))


def test_one_that_was_restarted_meanwhile(pair):
    pair.standby.restart()
    assert pair.export_of_the_standby().count(b"\r\n") == FEW + 1


@pytest.mark.expects("SAAS1104", "SAAS2301", "SAAS1115")
def test_one_that_dies_midway_breaks_the_transfer(pair):
    s, head = pair.long_export_of_the_standby()
    pair.standby.stop("immediate")
    try:
        data = head + read_all(s)
        assert not data.endswith(b"0\r\n\r\n") and data.count(b"\r\n") < ROWS, "a part of an export looks whole"
    finally:
        pair.standby.start()


@pytest.mark.expects("SAAS1105", "SAAS1104", "SAAS1115")
@pytest.mark.parametrize("path", ["export/csv/", "export/?format=html"])
def test_one_that_cannot_run_the_statement(pair, path):
    """Nothing was sent by then: the primary does it from the beginning."""
    whole = pair.export_of_the_standby(path)
    pair.standby.sql("postgres", "ALTER SYSTEM SET row_security = off")
    pair.standby.restart()
    try:
        end, change = time.monotonic() + 30, {}
        while not change or change.of("exports_read") != {'from="replica"': 1, 'from="primary"': 1}:
            assert time.monotonic() < end, change
            with metrics.moved(pair.site) as change:
                again = pair.export(path)
    finally:
        pair.standby.sql("postgres", "ALTER SYSTEM RESET row_security")
        pair.standby.restart()
    assert len(again) == len(whole)


def test_the_primary_itself_is_no_standby(pair):
    pair.of_the_primary_alone(pair.serving(host=pair.primary.socket), "it is no standby")


def test_one_that_was_promoted_is_none_any_more(pair):
    promoted = pair.primary.standby()
    pair.opened.callback(promoted.close)
    site = pair.serving(host=promoted.socket)
    pair.export(site=site)
    promoted.promote()
    pair.of_the_primary_alone(site, "it is no standby")


def test_a_standby_of_another_server(pair):
    stranger = Postgres().create()
    pair.opened.callback(stranger.close)
    Pgsql(stranger, NAME)
    theirs = stranger.standby()
    pair.opened.callback(theirs.close)
    pair.of_the_primary_alone(pair.serving(host=theirs.socket), "a standby of another server")


def test_another_database_of_the_same_standby(pair):
    Pgsql(pair.primary, NAME + "_2")
    pair.caught_up()
    pair.of_the_primary_alone(pair.serving(host=pair.standby.socket, name=NAME + "_2"), "another database of it")


def test_a_role_that_row_level_security_cannot_hold(pair):
    pair.of_the_primary_alone(pair.serving(host=pair.standby.socket, user="postgres"), "superuser")


# --------------------------------------------------------------- doctor --

def doctor(pair, site):
    """What saasctl doctor says of the standby."""
    done = pair.site.saasctl("--json", "doctor", "--config", str(site.httpd.root / "httpd.conf"), "--httpd", site.httpd.binary, check=False)
    return [(row["state"], row["fact"]) for row in json.loads(done.stdout) if row["check"] == "replica"]


def test_the_doctor_knows_it(pair):
    pair.standby.sql("postgres", "ALTER SYSTEM SET hot_standby_feedback = on", "SELECT pg_reload_conf()")
    end = time.monotonic() + 10
    while doctor(pair, pair.site) != [("well", "it is a standby of this database, and up to date")]:
        assert time.monotonic() < end, doctor(pair, pair.site)
    pair.standby.sql("postgres", "SELECT pg_wal_replay_pause()")
    try:
        pair.primary.sql(NAME, "CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)", "DROP TABLE filler")
        (state, fact), = doctor(pair, pair.site)
        assert state == "doubtful" and fact.endswith("MiB of changes behind: exports are read of the primary")
    finally:
        pair.standby.sql("postgres", "SELECT pg_wal_replay_resume()", "ALTER SYSTEM RESET hot_standby_feedback", "SELECT pg_reload_conf()")
    pair.caught_up()
    end = time.monotonic() + 10
    while "hot_standby_feedback is off" not in doctor(pair, pair.site)[0][1]:
        assert time.monotonic() < end, doctor(pair, pair.site)
    assert doctor(pair, pair.site)[0][0] == "doubtful"


@pytest.mark.parametrize("conf, state, words", [
    (lambda pair: {"host": pair.primary.socket}, "wrong", "it is no standby"),
    (lambda pair: {"host": pair.standby.socket, "name": "postgres"}, "wrong", "httpd cannot work with it"),
    (lambda pair: {"host": pair.standby.socket, "user": "postgres"}, "wrong", "superuser"),
    (lambda pair: {"host": pair.standby.socket, "port": 1}, "doubtful", "httpd cannot connect"),
], ids=["the primary", "no schema", "a superuser", "away"])
def test_the_doctor_says_what_is_wrong_with_it(pair, conf, state, words):
    site = pair.told(**conf(pair))
    (found, fact), = doctor(pair, site)
    assert found == state and words in fact
