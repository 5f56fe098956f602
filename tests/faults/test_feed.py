"""The change feed's faults: its backend, its child, the network killed, frozen and cut off under two nodes. Grants end
with the bound (SaasFeedTimeout, 1 s), and the cache comes back empty.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest

from feed import Namespace, Relay, proc_state
from nodes import BOUND, CONF, SLACK, Asker, answered_from, backend, cache, in_use, pages, until_live
from rights import Membership, Role, Round, Subscription, Token, report
from saastest import Site
from saastest.places import halt

pytestmark = pytest.mark.long(60)


def kept_up(watched, seconds, disturb, kinds=(Role, Token, Subscription)):
    """Rounds on both nodes for so long, and at least five of each, with something done to the feed after a moment."""
    rounds = [Round(kind(watched[0]), watched) for kind in kinds]
    going = [True]

    def run(r):
        try:
            while going[0]:
                r.once()
        except Exception as failure:
            r.wrong.append(repr(failure))

    threads = [threading.Thread(target=run, args=(r,)) for r in rounds]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        disturb()
        end = time.monotonic() + seconds
        while time.monotonic() < end or (min(len(r.refused) for r in rounds) < 10 and time.monotonic() < end + 30):
            time.sleep(0.05)
    finally:
        going[0] = False
        for thread in threads:
            thread.join()
    assert not [w for r in rounds for w in r.wrong]
    assert min(len(r.refused) for r in rounds) >= 10
    stalest = max(r.stalest for r in rounds)
    assert stalest < BOUND + SLACK, f"granted {stalest:.3f} s after it was taken away"
    return rounds


@pytest.mark.expects("SAAS1701")
def test_a_killed_listening_backend(watched):
    site = watched[0]
    database = site.database

    def kill():
        for _ in range(3):
            pid = backend(database, "node1")
            assert pid
            database.cluster.sql("postgres", f"SELECT pg_terminate_backend({pid})")
            time.sleep(0.7)
            until_live(site)

    right = Token(site)
    asker = Asker(site, right.token["token"], "/user/")
    assert in_use(site, asker)
    report("listening backend killed", kept_up(watched, 1, kill))
    assert answered_from(site, asker) == "misses", "what was cached before the feed was lost is still in use"


@pytest.mark.expects("SAAS1701")
def test_a_frozen_listening_backend(watched):
    """From its last heartbeat on nothing is heard, and nobody says so."""
    site, other = watched
    rights = [kind(site) for kind in (Token, Role, Membership)]
    askers = [Asker(site, r.token["token"], f"/{r.area}/") for r in rights]
    for _ in range(3):
        assert [a.ask()[1] for a in askers] == [200] * 3
    kept = Token(site)
    keeper = Asker(site, kept.token["token"], "/user/")
    assert in_use(site, keeper)
    stopped = backend(site.database, "node1")
    halt(stopped)
    try:
        froze = time.monotonic()
        for right, asker in zip(rights, askers):
            right.take()
            committed = time.monotonic()
            while True:
                asked, status = asker.ask()
                if status != 200:
                    break
                assert asked - committed < BOUND + SLACK, "granted although the feed was silent for longer than the bound"
                assert asked - froze < BOUND + SLACK
            assert status == right.refusal
            assert [asker.ask()[1] for _ in range(5)] == [right.refusal] * 5
        assert proc_state(stopped) == "T", "the backend was not frozen at all"
        # The other node has not noticed anything.
        until_live(other)
        # Until the feed is back the database is asked, and what it says counts at once.
        for right, asker in zip(rights, askers):
            bypassed = cache(site)["state"] == "bypassed"
            right.give()
            given = asker.ask()[1]
            right.take()
            taken = asker.ask()[1]
            if not bypassed or cache(site)["state"] != "bypassed":
                break
            assert (given, taken) == (200, right.refusal)
        until_live(site)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert answered_from(site, keeper) == "misses", "what was cached before the feed was lost is still in use"
    assert in_use(site, keeper), "the cache is not in use again"


@pytest.mark.expects("SAAS1701", "SAAS11", "AH0", "DBD", "dbd")
@pytest.mark.parametrize("how", ["relay", "namespace"])
def test_a_node_that_is_cut_off_from_the_database(nodes, databases, quiet_log, how, request):
    """Nothing passes any more, and nothing says so: grants end with the bound, then it is 503; afterwards nothing
    that was cached before counts."""
    database = nodes[0].database
    cluster = database.cluster
    with contextlib.ExitStack() as stack:
        if how == "namespace":
            try:
                space = stack.enter_context(Namespace())
            except (OSError, RuntimeError, subprocess.CalledProcessError) as failure:
                pytest.skip(f"no network namespace to be had: {failure}")
            relay = stack.enter_context(Relay(cluster.socket / ".s.PGSQL.5432", space.database_host))
        else:
            space = None
            relay = stack.enter_context(Relay(cluster.socket / ".s.PGSQL.5432", "127.0.0.1"))

        class Remote:
            kind = "pgsql"

            def conf(self):
                return ("DBDriver pgsql\nDBDMax 12\nDBDParams \"host={} port={} dbname={} user={} connect_timeout=2\""
                        .format(relay.host, relay.port, database.name, cluster.APP))

            def close(self):
                pass

        node = Site(Remote(), conf=CONF + "SaasNodeName far\n" + (space.listen if space else ""), with_stripe=False)
        stack.callback(node.close)
        if space:
            node.httpd.port = space.port
            node.base = node.httpd.base = f"http://{space.client_host}:{space.port}"
            node.httpd.binary = space.wrap(node.httpd.binary, node.places)
            node.httpd.start("\n".join(node.parts), wait=False)
            space.wait_open()
        else:
            node.start()
        pages(node)
        quiet_log.append(node.httpd.watch())
        until_live(node)

        right, kept = Token(nodes[0]), Token(nodes[0])
        asker, keeper = (Asker(node, r.token["token"], "/user/") for r in (right, kept))
        for _ in range(5):
            assert asker.ask()[1] == keeper.ask()[1] == 200
        (space or relay).cut()
        cut = time.monotonic()
        right.take()
        committed = time.monotonic()
        seen = set()
        while time.monotonic() - cut < 4:
            asked, status = asker.ask(30)
            seen.add(status)
            assert status in (200, 503), status
            assert status != 200 or asked - committed < BOUND + SLACK, "granted although cut off for longer than the bound"
        assert 503 in seen
        asked, status = keeper.ask(30)
        assert status == 503, "nobody can know any more whether this is still right"
        (space or relay).mend()
        end = time.monotonic() + 60
        while (status := asker.ask(30)[1]) != 401:
            assert status == 503, "granted what was taken away while it was cut off"
            assert time.monotonic() < end
        until_live(node, 60)
        hits = cache(node)["hits"]
        while (status := keeper.ask(30)[1]) != 200:  # connections of the pool find out one by one
            assert status == 503 and time.monotonic() < end + 10
        assert cache(node)["hits"] == hits, "what was cached before is still in use"
        # What was dialled while it was cut off goes on for connect_timeout, and holds up its child as long; each time another one.
        well = time.monotonic()
        while time.monotonic() - well < 3:
            ready = Asker(node, right.token["token"], "/saas/ready")
            well = well if ready.ask(30)[1] == 200 else time.monotonic()
            ready.close()
            assert time.monotonic() < end + 30
        round_ = Round(Role(nodes[0]), [node, nodes[1]])
        round_.run(10)
        assert not round_.wrong
        assert round_.stalest < BOUND + SLACK


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_kill_9_of_the_child_that_listens(watched):
    site = watched[0]
    took = []

    def kill():
        for _ in range(3):
            site.httpd.wait_children(2)
            listener = cache(site)["listener"]
            os.kill(listener, signal.SIGKILL)
            killed = time.monotonic()
            while cache(site)["listener"] == listener or cache(site)["state"] != "live":
                assert time.monotonic() - killed < 30
                time.sleep(0.02)
            took.append(time.monotonic() - killed)
            time.sleep(0.3)

    report("listening child killed", kept_up(watched, 0.5, kill))
    print("taken over after", ", ".join(f"{t:.2f} s" for t in took))


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052", "AH00045")
def test_a_stopped_listening_child_is_no_feed(watched):
    """It holds the lock and marks nothing: the others see that its heartbeat is missing."""
    site = watched[0]
    site.httpd.wait_children(2)
    right = Token(site)
    asker = Asker(site, right.token["token"], "/user/")
    assert in_use(site, asker)
    asker.close()
    listener = cache(site)["listener"]
    halt(listener)
    stopped = time.monotonic()
    try:
        right.take()
        committed = time.monotonic()
        statuses = []
        while time.monotonic() - stopped < 2.5 or statuses[-1:] != [401]:
            assert time.monotonic() - stopped < 20, "nobody answers"
            asker = Asker(site, right.token["token"], "/user/")
            try:
                asked, status = asker.ask(timeout=0.3)
            except OSError:
                continue  # the stopped child had taken this connection
            finally:
                asker.close()
            statuses.append(status)
            assert status == 401 or asked - committed < BOUND + SLACK
    finally:
        os.kill(listener, signal.SIGCONT)
    until_live(site)
    round_ = Round(Role(site), watched)
    round_.run(5)
    assert not round_.wrong


@pytest.mark.expects("SAAS", "DBD", "dbd", "AH0")
def test_a_restart_of_postgresql_voids_everything(watched):
    right, kept = Token(watched[0]), Token(watched[0])
    askers = [Asker(s, right.token["token"], "/user/") for s in watched]
    keepers = [Asker(s, kept.token["token"], "/user/") for s in watched]
    for site, *both in zip(watched, askers, keepers):
        assert [in_use(site, asker) for asker in both] == [True] * 2
    watched[0].database.cluster.restart("fast")
    right.take()
    committed = time.monotonic()
    for asker in askers:
        while True:
            asked, status = asker.ask(30)
            if status == 401:
                break
            assert status == 503 or asked - committed < BOUND + SLACK
            assert asked - committed < 60
    for site, keeper in zip(watched, keepers):
        until_live(site, 60)
        hits = cache(site)["hits"]
        assert keeper.ask(30)[1] in (200, 503)
        assert cache(site)["hits"] == hits, "what was cached before the restart is still in use"


def test_graceful_restarts_keep_a_feed(watched):
    site = watched[0]
    round_ = Round(Role(site), watched)
    for _ in range(3):
        site.httpd.graceful()
        round_.run(3)
        until_live(site)
        round_.run(3)
    assert not round_.wrong
    assert round_.stalest < BOUND + SLACK
