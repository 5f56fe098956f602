"""Outgoing webhooks when processes and the database die: nothing is lost, what is sent again has the same webhook-id, and what
nobody has seen fail is sent once."""

import collections
import os
import signal
import threading
import time

import pytest

from saastest import Places, Site, seed
from saastest.receiver import Receiver

pytestmark = pytest.mark.long(40)
SITE_CONF = """
SaasNotifyAllow 127.0.0.2
SaasNotifyHTTP On
SaasNotifyTimeout 30s
"""
LONG_AGO = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


paths = (f"/{n}" for n in range(1, 10000))


class Held:
    """A path of a receiver whose first message is answered when it is let go, all others at once."""

    def __init__(self, receiver):
        self.path, self.receiver, self.gate = next(paths), receiver, threading.Event()
        receiver.answers[self.path] = self.answer

    def answer(self, handler, hit):
        if self.receiver.seen(self.path)[0] is hit:
            self.gate.wait(60)
        handler.answer(200)

    @property
    def url(self):
        return self.receiver.url(self.path)


def delivery(site, key):
    """(state, tries, attempts) of a message that has one endpoint."""
    state, tries, attempts = site.database.execute("SELECT state, tries, attempts FROM notify_deliveries WHERE message_id = ?", key)[0]
    return state, tries, attempts


def wait_state(site, key, state="succeeded", seconds=60):
    until = time.monotonic() + seconds
    while delivery(site, key)[0] != state:
        assert time.monotonic() < until, f"the delivery is {delivery(site, key)}"
        time.sleep(0.05)
    return delivery(site, key)


def end_lease(site, key):
    """As when the minute of the claim is over."""
    site.database.execute("UPDATE notify_deliveries SET run_after = ? WHERE message_id = ?", LONG_AGO, key)


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_kill_9_while_a_message_is_sent(site, person, receiver):
    held = Held(receiver)
    seed.endpoint(site.database, person.org["id"], held.url)
    key = seed.activity(site.database, person.org["id"])[0]
    receiver.wait(held.path)
    site.httpd.kill_children()
    site.httpd.wait_children()
    end_lease(site, key)
    first, second = receiver.wait(held.path, 2)
    assert first.id == second.id == key and first.body == second.body
    assert wait_state(site, key)[1] == 2
    held.gate.set()
    assert len(receiver.seen(held.path)) == 2


@pytest.mark.expects("SAAS")
def test_a_graceful_restart_hands_over_what_is_under_way(site, person, receiver):
    """At once: nobody waits for the end of a lease, and the attempt that was broken off does not count."""
    held = Held(receiver)
    seed.endpoint(site.database, person.org["id"], held.url)
    key = seed.activity(site.database, person.org["id"])[0]
    receiver.wait(held.path)
    site.httpd.graceful()
    assert {hit.id for hit in receiver.wait(held.path, 2)} == {key}
    assert wait_state(site, key)[1] == 1
    held.gate.set()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS", "AH00629", "AH00630", "AH00632", "AH00633", "AH00634", "AH02653", "AH00647", "AH00628", "DBD", "dbd")
def test_a_result_waits_for_a_database_that_is_away(site, person, receiver):
    held = Held(receiver)
    seed.endpoint(site.database, person.org["id"], held.url)
    key = seed.activity(site.database, person.org["id"])[0]
    receiver.wait(held.path)
    site.database.cluster.stop()
    held.gate.set()
    time.sleep(1)
    site.database.cluster.start()
    assert wait_state(site, key)[1] == 1 and len(receiver.seen(held.path)) == 1


# ------------------------------------------------------------------- two nodes --

@pytest.fixture(scope="module")
def pair(databases):
    """Two nodes on one PostgreSQL, the second of which has not been started."""
    scratch = Places()
    database = databases.fresh("pgsql", scratch)
    made = [Site(database, conf=SITE_CONF + f"SaasNodeName node{n}\n", with_stripe=False) for n in (1, 2)]
    try:
        made[0].start()
        yield made
    finally:
        for site in made:
            site.close()
        scratch.close()


def test_another_node_takes_over_what_a_killed_one_was_sending(pair, receiver):
    one, two = pair
    person, held = one.newcomer(), Held(receiver)
    seed.endpoint(one.database, person.org["id"], held.url)
    key = seed.activity(one.database, person.org["id"])[0]
    receiver.wait(held.path)
    os.killpg(one.httpd.process.pid, signal.SIGKILL)
    one.httpd.process.wait(10)
    two.start()
    end_lease(two, key)
    first, second = receiver.wait(held.path, 2)
    assert first.id == second.id == key and first.body == second.body
    assert wait_state(two, key)[1] == 2
    held.gate.set()
    one.httpd.stop()
    one.start()


def test_two_nodes_send_each_message_once(pair, receiver):
    one = pair[0]
    keys = []
    for _ in range(10):
        person, path = one.newcomer(), next(paths)
        seed.endpoint(one.database, person.org["id"], receiver.url(path))
        keys += [(path, key) for key in seed.activity(one.database, person.org["id"], count=60)]
    for key in keys[-1], keys[0]:
        wait_state(one, key[1])
    until = time.monotonic() + 60
    while one.database.execute("SELECT count(*) FROM notify_deliveries WHERE state = 'queued'")[0][0]:
        assert time.monotonic() < until
        time.sleep(0.05)
    sent = collections.Counter(hit.id for path in {path for path, _ in keys} for hit in receiver.seen(path))
    assert sent == collections.Counter(key for _, key in keys)
    assert one.database.execute("SELECT DISTINCT tries, state FROM notify_deliveries WHERE created_at > now() - interval '1 minute'"
                                " AND tries <> 2") == [(1, "succeeded")]
