"""Schedules on two nodes of one PostgreSQL: what is due is started once, by whichever node, also when one dies over it."""

import time

import pytest

from saastest import seed

pytestmark = [pytest.mark.only_db("pgsql"), pytest.mark.long(20)]
PAST = "2026-01-02T03:04:00.000000Z"
MANY = 60


def until(done, seconds=90):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def planned(site, count):
    """So many schedules of ten organizations, all of them due at once; their ids."""
    people = [site.newcomer() for _ in range(10)]
    keys = [seed.audit_schedule(site.database, people[n % 10].org["id"], next_run_at="2036-01-02T03:04:00.000000Z", targets='["http://127.0.0.1:9/"]') for n in range(count)]
    site.database.execute(f"UPDATE audit_schedules SET next_run_at = ? WHERE id IN ({', '.join('?' * count)})", PAST, *keys)
    return keys


def started(site, keys):
    """How many audits each has started."""
    rows = site.database.execute(f"SELECT schedule_id, count(*) FROM audits WHERE schedule_id IN ({', '.join('?' * len(keys))}) GROUP BY schedule_id", *keys)
    return {str(key): count for key, count in rows}


def waiting(site, keys):
    return site.database.execute(f"SELECT count(*) FROM audit_schedules_due WHERE due_at <= now() AND schedule_id IN ({', '.join('?' * len(keys))})", *keys)[0][0]


def test_two_nodes_start_each_once(watched):
    """The job has one row, so one node has it at a time; here it has two, as if the one that has it had lost its lease unseen."""
    site = watched[0]
    keys = planned(site, MANY)
    second = seed.job(site.database, "audit.schedule", None)
    until(lambda: site.database.execute("SELECT count(*) FROM jobs WHERE kind = 'audit.schedule'")[0][0] == 2)
    seed.hurry(site.database, "audit.schedule")
    until(lambda: waiting(site, keys) == 0)
    site.database.execute("DELETE FROM jobs WHERE id = ?", second)
    assert started(site, keys) == dict.fromkeys(keys, 1)
    rows = site.database.execute(f"SELECT DISTINCT last_slot_at, last_error FROM audit_schedules WHERE id IN ({', '.join('?' * MANY)})", *keys)
    assert len(rows) == 1 and rows[0][1] is None


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_a_node_that_dies_over_it_leaves_none_out_and_none_twice(watched):
    site, other = watched
    keys = planned(site, MANY)
    seed.hurry(site.database, "audit.schedule")
    until(lambda: site.database.execute("SELECT 1 FROM jobs WHERE kind = 'audit.schedule' AND state = 'running'") or waiting(site, keys) < MANY)
    site.httpd.kill_children()
    site.httpd.wait_children()
    site.database.execute("UPDATE jobs SET lease_until = ? WHERE state = 'running' AND kind = 'audit.schedule'", PAST)
    until(lambda: waiting(site, keys) == 0)
    assert started(site, keys) == dict.fromkeys(keys, 1)
