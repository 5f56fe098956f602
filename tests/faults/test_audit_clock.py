"""A clock that is set while audits run, where the database's clock is the server's own: SQLite. Every audit ends, once and whole.
(tests/faults/test_audit_nodes.py: the clock of a node, with PostgreSQL.)
"""

import datetime
import time

import pytest

from clocks import Clock
from saastest import Places, Site, TargetServer, seed
from test_audit_jobs import until, whole
from test_processes import start

pytestmark = [pytest.mark.only_db("sqlite"), pytest.mark.long(30)]
HOUR = 3600


@pytest.fixture(scope="module")
def house(databases):
    places = Places()
    made = Site(databases.fresh("sqlite", places), places=places, with_stripe=False)
    made.clock = Clock(made)
    made.start()
    yield made
    made.close()


@pytest.fixture
def watched(house, quiet_log):
    quiet_log.append(house.httpd.watch())
    house.clock.set(0)
    until(lambda: house.clock.shows(0))
    yield house
    house.clock.set(0)


def running(site, key):
    until(lambda: site.database.execute("SELECT 1 FROM jobs WHERE object_id = ? AND state = 'running'", key))


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("steps", [(HOUR,), (-HOUR,), (20, -20, 20)], ids=["ahead", "behind", "to and fro"])
def test_a_clock_that_is_set_while_an_audit_runs(watched, steps):
    """A step may cost a try, and no more."""
    person = watched.newcomer()
    with TargetServer(seconds=0.3) as slow:
        key = start(person, [f"{slow.url}/{n}" for n in range(3)])
        running(watched, key)
        for step in steps:
            watched.clock.set(step)
            time.sleep(0.7)
        slow.seconds = 0
        whole(watched, person.as_token(), key, 3)


def test_what_was_queued_before_the_clock_was_put_back_is_run(watched):
    """Not when the clock shows again what it showed. What was to wait, waits."""
    person = watched.newcomer()
    with TargetServer() as target:
        key = start(person, [target.url])
        whole(watched, person, key, 1)
        watched.database.execute("UPDATE audits SET status = 'queued', finished_at = NULL WHERE id = ?", key)
        watched.database.execute("DELETE FROM activity WHERE target_id = ? AND action = 'audit.completed'", key)
        then, later = ((datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for n in (1, 2))
        for due, about in ((later, "waits"), (then, key)):
            watched.database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at) VALUES (?, 'audit', ?, ?, ?, ?)",
                                     seed.uuid7(), person.org["id"], about, due, then)
        whole(watched, person, key, 1)
    assert watched.database.execute("SELECT state, attempts FROM jobs WHERE object_id = 'waits'") == [("queued", 0)]
    watched.database.execute("DELETE FROM jobs WHERE object_id = 'waits'")


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_a_lease_of_before_the_clock_was_put_back_holds_nothing(watched):
    """Its owner is dead, and by the new clock it would last for an hour."""
    person = watched.newcomer()
    with TargetServer(seconds=0.5) as slow:
        watched.clock.set(HOUR)
        until(lambda: watched.clock.shows(HOUR))
        key = start(person, [f"{slow.url}/{n}" for n in range(3)])
        running(watched, key)
        watched.httpd.kill_children()
        watched.clock.set(0)
        watched.httpd.wait_children()
        slow.seconds = 0
        whole(watched, person.as_token(), key, 3)
