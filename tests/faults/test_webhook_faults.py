"""Stripe's view of a webhook and ours agree, whatever breaks between them. An event that was answered 2xx is recorded and
has its effect, once. One that was not is either absent or recorded with its effect (the answer got lost); then Stripe sends
it again, and that is answered 200 and has no second effect.

Here the test is Stripe: `Stripe` sends, notes what it was told, and sends again.
"""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from saastest import Places, Site, stripe
from saastest.places import AS_ROOT, clean_environment, give, halt, postgres_user

pytestmark = pytest.mark.long(15)
SITE_STRIPE = False
SITE_MODULES = ("ext_filter",)
# A delivery that says so gets its answer only after the transaction, held back by a filter that never passes it on.
SITE_CONF = """
SetEnvIf X-Test-Hold 1 hold
ExtFilterDefine held mode=output enableenv=hold cmd="/bin/sleep 20"
<Location "/api/v1/billing/webhooks/stripe/">
    SetOutputFilter held
</Location>
"""
NOISE = ("SAAS", "AH00629", "AH00630", "AH00632", "AH00633", "AH00634", "AH02653", "AH00647", "AH00628", "DBD", "dbd")
LOST = None   # no answer came


@pytest.fixture(scope="module", autouse=True)
def kept_open(site, db_kind):
    """A reader of SQLite's that stays: when every child is killed, the log and its index go on being httpd's, and are not made
    anew by whichever of root's look-ups below comes first."""
    if db_kind == "pgsql":
        yield
        return
    assert site.nobody().get("/saas/ready").status_code == 200
    reader = site.database.connect()
    reader.execute("SELECT count(*) FROM organizations").fetchall()
    yield
    reader.close()


class Stripe:
    """Sends events and remembers what it was told of each."""

    def __init__(self, site):
        self.site, self.told, self.events = site, {}, {}
        self.lock = threading.Lock()

    def send(self, event, **more):
        try:
            code = self.site.deliver(event, **more).status_code
        except requests.ConnectionError:
            code = LOST
        with self.lock:
            self.events[event["id"]] = event
            self.told.setdefault(event["id"], []).append(code)
        return code

    def was_taken(self, event_id):
        return any(code is not LOST and 200 <= code < 300 for code in self.told[event_id])

    def assert_agrees(self):
        """Every event's own effect here is that it gives its organization access: a row of the trail names the event."""
        for event_id, codes in self.told.items():
            assert all(code is LOST or code == 200 or code >= 500 for code in codes), (event_id, codes)
            recorded, effects = effect_of(self.site, event_id)
            assert effects == recorded, f"{event_id} was answered {codes}: recorded {recorded} times, {effects} effects"
            if self.was_taken(event_id):
                assert recorded == 1, f"{event_id} was answered {codes}, but is not recorded"

    def try_again(self):
        """As Stripe does with what was not taken."""
        for event_id in list(self.told):
            if not self.was_taken(event_id):
                assert self.send(self.events[event_id]) == 200, event_id
        self.assert_agrees()
        assert all(effect_of(self.site, event_id) == (1, 1) for event_id in self.told)


def effect_of(site, event_id):
    return (site.database.execute("SELECT count(*) FROM stripe_events WHERE id = ? AND verdict = 'applied'", event_id)[0][0],
            site.database.execute("SELECT count(*) FROM activity WHERE actor_id = ?", event_id)[0][0])


def paid(site, person=None):
    """An event that opens access for an organization of its own."""
    return stripe.Story((person or site.newcomer()).org["id"], site.price).updated("active")


def access(site, org):
    return site.database.execute("SELECT subscription_status FROM organizations WHERE id = ?", org)[0][0]


def until(done, seconds=30):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def until_taken(theirs, event, seconds=60):
    end = time.monotonic() + seconds
    while theirs.send(event) != 200:
        assert time.monotonic() < end, theirs.told[event["id"]]
        time.sleep(0.1)


# ------------------------------------------------------------------ races --

def test_one_event_on_eight_connections_has_one_effect(site):
    theirs = Stripe(site)
    start = threading.Barrier(8)

    def at_once(event):
        start.wait(30)
        return theirs.send(event)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(6):
            event = paid(site)
            assert set(pool.map(at_once, [event] * 8)) == {200}
            assert site.database.execute("SELECT attempts FROM stripe_events WHERE id = ?", event["id"]) == [(8,)]
            assert effect_of(site, event["id"]) == (1, 1)
    theirs.assert_agrees()


def test_distinct_events_of_one_subscription_at_once_end_alike(site):
    """A whole life told at once on eight connections, several times over: every organization's row is the same."""
    chance = random.Random(11)
    start = int(time.time()) - 40 * 86400
    kept = "status, price_id, period_end, cancel_at, cancel_at_period_end, started_at, ended_at, past_due_since, last_event_created"
    ends, stories = set(), []
    with ThreadPoolExecutor(8) as pool:
        for _ in range(12):
            story = stripe.Story(site.newcomer().org["id"], site.price, start=start, generation=chance.choice(["acacia", "basil"]))
            month, second = start + stripe.MONTH, start + 2 * stripe.MONTH
            life = [story.created("incomplete"), story.updated("active"), story.invoice(), story.checkout(),
                    story.updated("active", at=86400, previous={}, cancel_at_period_end=True, cancel_at=month),
                    story.updated("active", at=90000, previous={}),
                    story.updated("active", at=stripe.MONTH, previous={}, period_end=second),
                    story.updated("past_due", at=stripe.MONTH + 3601, previous={"status": "active"}, period_end=second),
                    story.updated("past_due", at=stripe.MONTH + 86400, previous={}, period_end=second),
                    story.updated("unpaid", at=stripe.MONTH + 5 * 86400, previous={"status": "past_due"}, period_end=second),
                    story.deleted(at=stripe.MONTH + 6 * 86400, period_end=second)]
            sent = life + chance.sample(life, 5)
            chance.shuffle(sent)
            assert set(pool.map(lambda event: site.deliver(event).status_code, sent)) == {200}
            assert site.database.execute("SELECT count(*), sum(attempts) FROM stripe_events WHERE id IN (%s)" % ",".join("?" * len(life)),
                                         *(event["id"] for event in life)) == [(len(life), len(sent))]
            ends.add(site.database.execute(f"SELECT {kept} FROM subscriptions WHERE id = ?", story.id)[0])
            stories.append(story)
    assert len(ends) == 1 and next(iter(ends))[0] == "canceled", ends
    assert {access(site, story.org_id) for story in stories} == {"canceled"}


# ---------------------------------------------------------------- killed --

@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052", "AH01458", "AH01459", "AH01460", "AH01461", "ext_filter")
def test_a_child_killed_between_commit_and_answer(site):
    theirs = Stripe(site)
    person = site.newcomer()
    event = paid(site, person)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(theirs.send, event, headers={"X-Test-Hold": "1"})
        until(lambda: effect_of(site, event["id"]) == (1, 1))
        assert not sending.done(), "the answer was not held back"
        site.httpd.kill_children()
        assert sending.result(60) is LOST
    site.httpd.wait_children()
    theirs.assert_agrees()
    assert access(site, person.org["id"]) == "active", "what was committed holds"
    before = site.database.execute("SELECT * FROM organizations WHERE id = ?", person.org["id"])
    theirs.try_again()
    assert site.database.execute("SELECT * FROM organizations WHERE id = ?", person.org["id"]) == before
    assert site.database.execute("SELECT attempts FROM stripe_events WHERE id = ?", event["id"]) == [(2,)]


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052", *NOISE)
def test_children_killed_while_events_come_in(site):
    theirs = Stripe(site)
    events = [paid(site) for _ in range(30)]
    with ThreadPoolExecutor(6) as pool:
        sending = [pool.submit(theirs.send, event) for event in events]
        until(lambda: len(theirs.told) > 5)
        site.httpd.kill_children()
        for each in sending:
            each.result(60)
    site.httpd.wait_children()
    until(lambda: site.nobody().get("/saas/live").status_code == 200)
    theirs.assert_agrees()
    theirs.try_again()


def somebody_waits(site, event, kind="wait_event"):
    """A transaction that has written an event waits there; only a superuser sees what others wait for."""
    connection = site.database.cluster.connect(site.database.name, "postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
                           f" WHERE a.{kind} = %s AND l.relation = 'stripe_events'::regclass", (event,))
            return cursor.fetchone()[0] > 0
    finally:
        connection.close()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_killed_between_request_and_answer(site, mode):
    theirs = Stripe(site)
    person = site.newcomer()
    event = paid(site, person)
    lock = site.database.connect()
    lock.autocommit = False
    lock.cursor().execute("SELECT 1 FROM organizations WHERE id = %s FOR UPDATE", (person.org["id"],))
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(theirs.send, event)
        until(lambda: somebody_waits(site, "Lock", "wait_event_type"))
        # Whoever has the lock ends last, or httpd's backend might get it, and commit, before it hears that all is over.
        halt(lock.info.backend_pid)
        try:
            stopping = pool.submit(site.database.cluster.stop, mode)
            code = sending.result(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(lock.info.backend_pid, signal.SIGCONT)
        stopping.result(90)
    site.database.cluster.start()
    assert code is not LOST and code >= 500, code
    assert effect_of(site, event["id"]) == (0, 0) and access(site, person.org["id"]) == "free"
    theirs.assert_agrees()
    until_taken(theirs, event)
    theirs.try_again()
    assert access(site, person.org["id"]) == "active"


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_postgresql_killed_between_commit_and_its_confirmation(site):
    """The commit waits for a standby that there is not: it is in the log, but nobody has been told when the server dies."""
    theirs = Stripe(site)
    person = site.newcomer()
    event = paid(site, person)
    cluster = site.database.cluster
    cluster.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    try:
        until(lambda: site.database.execute("SHOW synchronous_standby_names") == [("nobody",)])
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(theirs.send, event)
            until(lambda: somebody_waits(site, "SyncRep"))
            cluster.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
            cluster.stop("immediate")
            code = sending.result(60)
    finally:
        cluster.start()
        cluster.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    assert code is not LOST and code >= 500, code
    assert effect_of(site, event["id"]) == (1, 1), "it was committed"
    theirs.assert_agrees()
    until_taken(theirs, event)
    theirs.try_again()
    assert site.database.execute("SELECT attempts FROM stripe_events WHERE id = ?", event["id"])[0][0] >= 2


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
def test_postgresql_restarted_while_events_come_in(site):
    theirs = Stripe(site)
    events = [paid(site) for _ in range(40)]
    with ThreadPoolExecutor(6) as pool:
        sending = [pool.submit(theirs.send, event) for event in events]
        until(lambda: len(theirs.told) > 5)
        site.database.cluster.restart("immediate", down=0.2)
        for each in sending:
            each.result(60)
    until_taken(theirs, paid(site))
    theirs.assert_agrees()
    theirs.try_again()


# ------------------------------------------------------------ no room, busy --

class SmallDisk:
    """A file system of few megabytes, and a file that takes what is left of it."""

    def __init__(self, folder, size, user=None):
        self.folder = folder
        self.filler = folder / "filler"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", str(folder)], check=True, env=clean_environment())
        give(folder, user)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as filler:
            for block in (65536, 4096):
                try:
                    while filler.write(b"x" * block) == block:
                        pass
                except OSError:
                    pass

    def free(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True, env=clean_environment())


def fill_up(theirs, events, disk):
    """Some are taken, then there is no room, then there is again."""
    for event in events[:3]:
        assert theirs.send(event) == 200
    disk.fill()
    codes = [theirs.send(event) for event in events[3:]]
    assert all(code is not LOST and (code == 200 or code >= 500) for code in codes), codes
    assert [code for code in codes if code >= 500], "the disk never was full"
    theirs.assert_agrees()
    disk.free()
    until_taken(theirs, events[-1])
    theirs.try_again()


def padded(event, size=60000):
    """An event's payload is stored: one that takes room."""
    event["data"]["object"]["description"] = "".join(random.Random(event["id"]).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))
    return event


@pytest.mark.only_db("sqlite")
@pytest.mark.skipif(not AS_ROOT, reason="mounts a file system")
def test_a_full_disk_of_sqlite(databases, db_kind):
    scratch = Places()
    folder = scratch.folder("db")
    disk = SmallDisk(folder, "8m")
    try:
        site = Site(databases.fresh(db_kind, scratch), places=scratch, with_stripe=False)
        try:
            site.start()
            theirs = Stripe(site)
            fill_up(theirs, [padded(paid(site)) for _ in range(12)], disk)
            assert "exit signal" not in site.httpd.error_log.read_text()
        finally:
            site.httpd.stop()
    finally:
        disk.close()
        scratch.close()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects(*NOISE)
@pytest.mark.skipif(not AS_ROOT, reason="mounts a file system")
def test_a_full_disk_of_postgresql(site):
    """The table of events is moved to a disk of its own, which fills up."""
    places = Places()
    folder = places.folder("space", postgres_user(), 0o700)
    disk = SmallDisk(folder, "4m", postgres_user())
    folder.chmod(0o700)
    try:
        site.database.cluster.sql(site.database.name, f"CREATE TABLESPACE small LOCATION '{folder}'",
                                  "ALTER TABLE stripe_events SET TABLESPACE small")
        theirs = Stripe(site)
        events = [padded(paid(site)) for _ in range(12)]
        fill_up(theirs, events, disk)
    finally:
        site.database.cluster.sql(site.database.name, "ALTER TABLE stripe_events SET TABLESPACE pg_default", "DROP TABLESPACE IF EXISTS small")
        disk.close()
        places.close()


@pytest.mark.only_db("sqlite")
@pytest.mark.expects(*NOISE)
def test_a_writer_that_holds_sqlite(site):
    theirs = Stripe(site)
    person = site.newcomer()
    event = paid(site, person)
    connection = site.database.connect()
    connection.execute("BEGIN EXCLUSIVE")
    try:
        began = time.monotonic()
        code = theirs.send(event)
        assert code is not LOST and code >= 500, code
        assert time.monotonic() - began < 20
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    theirs.assert_agrees()
    assert effect_of(site, event["id"]) == (0, 0) and access(site, person.org["id"]) == "free"
    theirs.try_again()
    assert access(site, person.org["id"]) == "active"


@pytest.mark.only_db("sqlite")
@pytest.mark.expects("SAAS1202")
def test_a_writer_that_lets_go_is_waited_for(site):
    theirs = Stripe(site)
    event = paid(site)
    connection = site.database.connect()
    connection.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(theirs.send, event)
        time.sleep(0.5)
        assert not sending.done(), "nothing was waited for"
        connection.execute("ROLLBACK")
        connection.close()
        assert sending.result(60) == 200
    theirs.assert_agrees()
