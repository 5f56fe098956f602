"""Audits as work: how many run at once, whose turn it is, and that each ends once and whole, whatever is killed under it, told
to stop, or takes too long. (tests/faults/test_job_lease.py: whose a job is.)
"""

import collections
import os
import signal
import threading
import time

import pytest

from saastest import TargetServer, hostile, wait_audit
from test_processes import assert_each_once, evidence, start

pytestmark = pytest.mark.long(50)
PER_ORGANIZATION, PER_NODE, DEADLINE = 2, 3, 5
SITE_CONF = f"""
SaasAuditsPerOrganization {PER_ORGANIZATION}
SaasAuditsPerNode {PER_NODE}
SaasAuditDeadline {DEADLINE}
SaasScanTimeout 10s
"""
CHECKS = 40


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def expire(site):
    """What a clock does in ten seconds: whoever renews no more has lost the lease."""
    site.database.execute("UPDATE jobs SET lease_until = '2026-01-02T03:04:05.000000Z' WHERE state = 'running' AND kind = 'audit'")


def ends(site, key):
    """How often the trail says that this audit has ended."""
    return site.database.execute("SELECT count(*) FROM activity WHERE target_id = ? AND action IN ('audit.completed', 'audit.failed', 'audit.canceled')", key)[0][0]


def whole(site, api, key, targets):
    """The audit's body when it is completed, with all that belongs to it, once."""
    body = wait_audit(api, key, 90)
    assert body["status"] == "completed" and body["progress"]["done"] == body["progress"]["total"], body
    rows = evidence(api, key)
    assert_each_once(rows, targets)
    assert body["evidence_count"] == len(rows) == sum(body["counts"]["status"].values())
    until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key))
    assert ends(site, key) == 1
    return body


class Watch:
    """How many audits run at once, of each organization and together, at most; the order in which audits ended."""

    def __init__(self, site):
        self.site, self.most, self.together, self.order, self.running = site, collections.Counter(), 0, [], True
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while self.running:
            rows = self.site.database.execute("SELECT organization_id, count(*) FROM jobs WHERE kind = 'audit' AND state = 'running' GROUP BY organization_id")
            for org, n in rows:
                self.most[str(org)] = max(self.most[str(org)], n)
            self.together = max(self.together, sum(n for _, n in rows))
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.running = False
        self.thread.join(10)


def finished(site, *people):
    """Audits of these in the order in which they ended: [email, …]."""
    rows = []
    for person in people:
        rows += [(str(when), person.email) for (when,) in site.database.execute("SELECT finished_at FROM audits WHERE org_id = ? AND status = 'completed'", person.org["id"])]
    return [email for _, email in sorted(rows)]


def test_caps_hold_and_organizations_take_turns(site):
    """Two with eight audits each, then one with one: two places are never taken by one alone for long, three by nobody."""
    many, more, one = (site.newcomer() for _ in range(3))
    with TargetServer(seconds=0.1) as slow, Watch(site) as watch:
        for person in (many, more):
            for n in range(8):
                start(person, [f"{slow.url}/{n}"])
        last = start(one, [slow.url])
        wait_audit(one, last, 60)
        before = finished(site, many, more)
        until(lambda: len(finished(site, many, more, one)) == 17)
    assert watch.most[many.org["id"]] == watch.most[more.org["id"]] == PER_ORGANIZATION
    assert watch.together == PER_NODE
    assert len(before) <= 9, f"{len(before)} of 16 audits of others were done before the one that came last"


@pytest.mark.parametrize("caps", ["SaasAuditsPerOrganization 0\nSaasAuditsPerNode 1", "SaasAuditsPerOrganization 1\nSaasAuditsPerNode 1"], ids=["no cap", "one each"])
def test_who_has_queued_many_does_not_hold_up_who_has_queued_one(site, caps):
    many, other, one = (site.newcomer() for _ in range(3))
    parts = "\n".join(site.parts)
    site.httpd.restart(parts.replace(f"SaasAuditsPerOrganization {PER_ORGANIZATION}\nSaasAuditsPerNode {PER_NODE}", caps))
    try:
        with TargetServer(seconds=0.06) as slow:
            for person in (many, other):
                for n in range(6):
                    start(person, [f"{slow.url}/{n}"])
            wait_audit(one, start(one, [slow.url]), 60)
            before = finished(site, many, other)
            assert len(before) <= 6, f"{len(before)} of 12 audits of others were done before"
            until(lambda: len(finished(site, many, other)) == 12)
        # Those two came one after the other, with six each, and yet took turns.
        assert finished(site, many, other)[:6].count(other.email) >= 2
    finally:
        site.httpd.restart(parts)


def test_a_canceled_audit_stops_asking_and_keeps_what_it_has(site, person):
    with TargetServer(seconds=0.2) as slow:
        key = start(person, [f"{slow.url}/{n}" for n in range(40)])
        until(lambda: person.ok("GET", f"audits/{key}/")["evidence_count"] > 0)
        body = person.ok("POST", f"audits/{key}/cancel/")
        assert body["status"] == "canceled" and 0 < body["evidence_count"] < 40 * CHECKS
        until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key), 10)
        asked = len(slow.hits)
        time.sleep(0.6)
        assert len(slow.hits) == asked, "a canceled audit goes on asking"
    after = person.ok("GET", f"audits/{key}/")
    assert after == body and len(evidence(person, key)) == body["evidence_count"] and ends(site, key) == 1


def test_an_audit_that_takes_too_long_fails_and_keeps_what_it_has(site, person):
    """Twenty pages that take their two seconds, ten of one host at a time, behind one that takes none."""
    with TargetServer(seconds=2) as slow, TargetServer() as quick:
        key = start(person, [quick.url] + [f"{slow.url}/{n}" for n in range(20)])
        body = wait_audit(person, key, DEADLINE + 30)
    assert body["status"] == "failed" and body["error"] == f"The audit did not finish within {DEADLINE} seconds.", body
    assert body["evidence_count"] == len(evidence(person, key)) >= CHECKS and ends(site, key) == 1
    until(lambda: not site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key))


@pytest.mark.expects("SAAS")
def test_a_graceful_restart_hands_over_without_waiting_for_the_lease(site, person):
    """Handed over is not the same as lost: that would count as a try."""
    with TargetServer(seconds=1) as slow:
        targets = [f"{slow.url}/{n}" for n in range(3)]
        key = start(person, targets)
        until(lambda: slow.hits)
        owner = site.database.execute("SELECT lease_owner FROM jobs WHERE object_id = ?", key)[0][0]
        site.httpd.graceful()
        until(lambda: (site.database.execute("SELECT lease_owner FROM jobs WHERE object_id = ?", key) or [[owner]])[0][0] not in (owner, None), 30)
        assert site.database.execute("SELECT attempts FROM jobs WHERE object_id = ?", key)[0][0] == 1
        slow.seconds = 0.05
        whole(site, person.as_token(), key, len(targets))


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
@pytest.mark.parametrize("what", ["parent", "node"])
def test_kill_9_of_the_parent_or_of_all(site, person, what):
    """A parent that is killed leaves children behind, which end by themselves or with the next start."""
    with TargetServer(seconds=1.5) as slow:
        targets = [f"{slow.url}/{n}" for n in range(6)]
        key = start(person, targets)
        until(lambda: slow.hits)
        parent = site.httpd.process.pid
        if what == "node":
            os.killpg(parent, signal.SIGKILL)
        else:
            os.kill(parent, signal.SIGKILL)
            time.sleep(0.5)
        site.httpd.stop()
        (site.httpd.root / "httpd.pid").unlink(missing_ok=True)
        slow.seconds = 0.05
        site.httpd.start()
        expire(site)
        whole(site, person.as_token(), key, len(targets))


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS", "DBD", "dbd", "AH00632", "AH00633", "AH00634", "AH00629", "AH00630")
def test_kill_9_of_postgresql(site, person):
    """While findings arrive: what was being written then is there once."""
    with TargetServer(seconds=0.2) as slow:
        targets = [f"{slow.url}/{n}" for n in range(25)]
        key = start(person, targets)
        until(lambda: person.ok("GET", f"audits/{key}/")["evidence_count"] > 0)
        site.database.cluster.restart("immediate", down=0.5)
        until(lambda: person.get("auth/me/").status_code == 200)
        whole(site, person, key, len(targets))


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_progress_of_a_second_try_begins_where_the_first_was(site, person):
    """The second try begins anew and says nothing until it is further than the first was."""
    seen = []
    with TargetServer(seconds=0.2) as slow:
        targets = [f"{slow.url}/{n}" for n in range(25)]
        key = start(person, targets)
        until(lambda: person.ok("GET", f"audits/{key}/")["progress"]["done"] > 10)
        site.httpd.kill_children()
        site.httpd.wait_children()
        slow.seconds = 0
        expire(site)
        api = person.as_token()
        while not seen or seen[-1][0] == "running":
            body = api.ok("GET", f"audits/{key}/")
            seen.append((body["status"], body["progress"]["done"]))
            time.sleep(0.02)
        whole(site, api, key, len(targets))
    assert [done for _, done in seen] == sorted(done for _, done in seen) and seen[0][1] > 10


def test_hundreds_of_silent_targets_do_not_hold_up_the_one_of_a_neighbour(site, tmp_path_factory):
    """Two audits full of servers that never answer, of one organization; the other's single target is looked at meanwhile."""
    many, one = site.newcomer(), site.newcomer()
    with hostile.HostileServers(tmp_path_factory.mktemp("silent")) as ill, TargetServer() as quick:
        silent = [f"http://{host}:{port}/" for host, port in ill.more(hostile.says_nothing, [f"127.10.{n // 50}.{n % 50 + 1}" for n in range(200)])]
        keys = [start(many, silent) for _ in range(3)]
        until(lambda: many.ok("GET", f"audits/{keys[1]}/")["status"] == "running")
        body = wait_audit(one, start(one, [quick.url]), 30)
        assert body["status"] == "completed"
        assert [many.ok("GET", f"audits/{key}/")["status"] for key in keys] == ["running", "running", "queued"]
        for key in keys:
            many.ok("POST", f"audits/{key}/cancel/")
