"""Audits of several nodes with one queue: all take part, each audit ends once and whole, whichever node is killed, told to stop
or has its clock set. (tests/faults/test_audit_jobs.py: one node.)
"""

import os
import signal
import threading
import time

import pytest

import nodes as asked
from clocks import Clock
from saastest import Site, TargetServer
from test_audit_jobs import until, whole
from test_processes import start

pytestmark = [pytest.mark.only_db("pgsql"), pytest.mark.long(40)]


class Leases:
    """Which nodes were seen with audits, and every lease that was seen: (audit, node, owner)."""

    def __init__(self, site):
        self.site, self.running, self.seen = site, True, set()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while self.running:
            for row in self.site.database.execute("SELECT object_id, lease_node, lease_owner FROM jobs WHERE kind = 'audit' AND state = 'running'"):
                self.seen.add(tuple(row))
            time.sleep(0.005)

    def nodes(self, keys=None):
        return {node for key, node, _ in self.seen if keys is None or key in keys}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.running = False
        self.thread.join(10)


def queue(people, url, each):
    """So many audits of each: {id: person}."""
    return {start(person, [f"{url}/{n}"]): person for n in range(each) for person in people}


def held(site, node):
    return [str(key) for (key,) in site.database.execute("SELECT object_id FROM jobs WHERE kind = 'audit' AND state = 'running' AND lease_node = ?", node)]


def as_seen_by(site, person):
    """The same person's API of another node."""
    api = person.as_token()
    return type(api)(site.base, token=api.token)


def test_both_nodes_take_part_and_each_audit_ends_once(watched):
    site, other = watched
    people = [site.newcomer() for _ in range(6)]
    with TargetServer(seconds=0.05) as slow, Leases(site) as leases:
        keys = queue(people, slow.url, 5)
        for key, person in keys.items():
            whole(site, as_seen_by(other, person) if int(key[-1], 16) % 2 else person, key, 1)
    assert leases.nodes(keys) == {"node1", "node2"}
    assert len({key for key, _, _ in leases.seen}) == len({(key, owner) for key, _, owner in leases.seen}), "an audit was begun twice"


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_a_node_that_is_killed_loses_its_audits_to_the_other_and_not_before_its_lease_ends(watched):
    site, other = watched
    people = [other.newcomer() for _ in range(6)]
    with TargetServer(seconds=0.4) as slow:
        keys = queue(people, slow.url, 3)
        until(lambda: held(site, "node1") and held(site, "node2"))
        lost = {str(row[0]): row[1:] for row in site.database.execute("SELECT object_id, lease_owner, lease_until FROM jobs WHERE kind = 'audit' AND state = 'running' AND lease_node = 'node1'")}
        os.killpg(site.httpd.process.pid, signal.SIGKILL)
        site.httpd.stop()
        # What it had renewed or begun at the last moment counts too.
        lost = {str(row[0]): row[1:] for row in site.database.execute("SELECT object_id, lease_owner, lease_until FROM jobs WHERE kind = 'audit' AND state = 'running' AND lease_node = 'node1'")}
        taken = {}
        try:
            while set(taken) != set(lost):
                for key, owner, now in site.database.execute("SELECT object_id, lease_owner, clock_timestamp() FROM jobs WHERE kind = 'audit'"):
                    if str(key) in lost and str(key) not in taken and owner not in (None, lost[str(key)][0]):
                        taken[str(key)] = now
                assert site.database.execute("SELECT clock_timestamp() < ?::timestamptz + interval '60 s'", max(until for _, until in lost.values()))[0][0], "nobody takes over"
                time.sleep(0.02)
            slow.seconds = 0.05
            for key, (_, lease) in lost.items():
                assert taken[key] >= lease, f"audit {key} was taken over while its lease lasted"
            for key, person in keys.items():
                whole(other, as_seen_by(other, person), key, 1)
        finally:
            (site.httpd.root / "httpd.pid").unlink(missing_ok=True)
            site.httpd.start()
    assert {row[0] for row in other.database.execute(f"SELECT DISTINCT status FROM audits WHERE id IN ({', '.join('?' * len(keys))})", *keys)} == {"completed"}


@pytest.mark.expects("SAAS", "AH00")
def test_a_node_that_is_told_to_stop_hands_over_at_once(watched):
    """Nothing waits for the end of a lease, and what was handed over is no try that failed."""
    site, other = watched
    people = [other.newcomer() for _ in range(2)]
    with TargetServer(seconds=1.5) as slow:
        keys = queue(people, slow.url, 1)
        # Whatever it has, it is to have something.
        until(lambda: len(held(site, "node1") + held(site, "node2")) == len(keys))
        end = time.monotonic() + 90
        while not held(site, "node1"):
            assert time.monotonic() < end, "the first node takes no part"
            keys |= queue([other.newcomer()], slow.url, 1)
            time.sleep(0.3)
        lost = {str(row[0]): row[1:] for row in site.database.execute("SELECT object_id, lease_owner, lease_until FROM jobs WHERE kind = 'audit' AND state = 'running' AND lease_node = 'node1'")}
        told = time.monotonic()
        site.httpd.process.send_signal(signal.SIGWINCH)     # as apachectl graceful-stop does
        try:
            for key, (owner, lease) in lost.items():
                until(lambda key=key, owner=owner: (other.database.execute("SELECT lease_owner FROM jobs WHERE object_id = ?", key) or [[None]])[0][0] != owner)
                now, = other.database.execute("SELECT clock_timestamp()")[0]
                assert now < lease, f"audit {key} was let go only after its lease"
                rows = other.database.execute("SELECT attempts, lease_node FROM jobs WHERE object_id = ?", key)
                assert not rows or rows[0][0] <= 1, rows
            print(f"\n{len(lost)} audits let go {time.monotonic() - told:.2f} s after the word")
            slow.seconds = 0.05
            for key, person in keys.items():
                whole(other, as_seen_by(other, person), key, 1)
        finally:
            site.httpd.process.wait(60)
            site.httpd.restart()


@pytest.fixture(scope="module")
def third(nodes):
    """Another node of the same database, with a clock of its own."""
    site = Site(nodes[0].database, conf=asked.CONF + "SaasNodeName node3\nSaasAuditDeadline 60\n", with_stripe=False)
    clock = Clock(site)
    site.start()
    site.clock = clock
    yield site
    os.killpg(site.httpd.process.pid, signal.SIGKILL)    # to stop in order it would wait by that clock
    site.httpd.close()


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("steps", [(3600,), (-3600,), (3600, -7200, 86400)], ids=["ahead", "behind", "set again and again"])
def test_leases_go_by_the_databases_clock(watched, third, steps):
    """Whatever a node's own clock says, or is set to while audits run: neither does it take what others have, nor lose its own."""
    site = watched[0]
    people = [site.newcomer() for _ in range(4)]
    third.clock.set(0 if len(steps) > 1 else steps[0])
    until(lambda: third.clock.shows(0 if len(steps) > 1 else steps[0]))
    before = site.database.execute("SELECT clock_timestamp()")[0][0]
    with TargetServer(seconds=1) as slow, Leases(site) as leases:
        keys = queue(people, slow.url, 2)
        end = time.monotonic() + 90
        while "node3" not in leases.nodes(keys):     # the others may be quicker
            assert time.monotonic() < end, "the third node takes no part"
            keys |= queue([site.newcomer()], slow.url, 1)
            time.sleep(0.3)
        for step in steps:
            third.clock.set(step)
            time.sleep(0.5)
        slow.seconds = 0.05
        for key, person in keys.items():
            body = whole(site, person, key, 1)
            assert str(before) < str(site.database.execute("SELECT started_at FROM audits WHERE id = ?", key)[0][0]) <= str(site.database.execute("SELECT clock_timestamp()")[0][0]), body
    assert "node3" in leases.nodes(keys)
    assert len({key for key, _, _ in leases.seen} & set(keys)) == len({(key, owner) for key, _, owner in leases.seen if key in keys}), "a lease was taken from who had it"
    third.clock.set(0)
