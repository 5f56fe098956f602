"""Killed children and graceful restarts: nothing is lost, doubled or stuck."""

import os
import time

import pytest

from load import Load
from saastest import TargetServer, wait_audit

pytestmark = pytest.mark.long(40)
SITE_CONF = """
<Location "/gated">
    AuthType Saas
    Require saas-user
</Location>
"""


def start(person, targets):
    reply = person.post("audits/start/", {"targets": targets})
    assert reply.status_code == 202, reply.text
    return reply.json()["id"]


def evidence(person, key):
    rows, url = [], f"audits/{key}/evidence/?page_size=200"
    while url:
        body = person.ok("GET", url)
        rows += body["results"]
        url = body["next"]
    assert body["count"] == len(rows)
    return rows


def assert_each_once(rows, targets):
    pairs = [(r["resource_id"], r["check_name"]) for r in rows]
    assert len(pairs) == len(set(pairs)), "evidence is doubled"
    checks = {c for _, c in pairs}
    assert len(pairs) == len(checks) * targets, "evidence is missing"


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
@pytest.mark.parametrize("times", [1, 2])
def test_kill_9_of_every_child_during_an_audit(site, person, times):
    with TargetServer(seconds=3) as slow:
        targets = [f"{slow.url}/{n}" for n in range(5)]
        key = start(person, targets)
        wait_audit(person, key, 30, until=("running",))
        for _ in range(times):
            time.sleep(1)
            site.httpd.kill_children()
            site.httpd.wait_children()
        slow.seconds = 0.05
        body = wait_audit(person.as_token(), key, 150)
    assert body["status"] == "completed", body
    assert_each_once(evidence(person, key), len(targets))


@pytest.mark.expects("SAAS")
def test_a_graceful_restart_hands_a_running_audit_over(site, person):
    with TargetServer(seconds=2) as slow:
        targets = [f"{slow.url}/{n}" for n in range(4)]
        key = start(person, targets)
        wait_audit(person, key, 30, until=("running",))
        site.httpd.graceful()
        began = time.monotonic()
        slow.seconds = 0.05
        body = wait_audit(person.as_token(), key, 60)
        assert time.monotonic() - began < 45
    assert body["status"] == "completed", body
    assert_each_once(evidence(person, key), len(targets))


@pytest.mark.expects("SAAS")
def test_a_stop_and_start_finishes_the_audit_too(site, person):
    with TargetServer(seconds=2) as slow:
        targets = [f"{slow.url}/{n}" for n in range(4)]
        key = start(person, targets)
        wait_audit(person, key, 30, until=("running",))
        began = time.monotonic()
        site.httpd.stop()
        assert time.monotonic() - began < 15, "the audit kept the server from stopping"
        slow.seconds = 0.05
        site.httpd.start()
        body = wait_audit(person.as_token(), key, 150)
    assert body["status"] == "completed", body
    assert_each_once(evidence(person, key), len(targets))


def test_graceful_restarts_under_load_fail_no_request(site, person):
    site.httpd.page("gated/index.html", "gated")
    token = person.new_token(organization=person.org["id"])["token"]
    with Load(site.httpd.port, ["/gated/", "/api/v1/auth/me/", "/api/v1/audits/"], {"Authorization": f"Bearer {token}"}) as load:
        time.sleep(0.5)
        for _ in range(3):
            site.httpd.graceful()
            time.sleep(1)
        end = time.monotonic() + 30
        while load.outcomes()[200] <= 100 and time.monotonic() < end:
            time.sleep(0.1)
    assert set(load.outcomes()) == {200}, load.outcomes()
    assert load.outcomes()[200] > 100


@pytest.mark.kills
@pytest.mark.expects("SAAS", "AH00052")
def test_killing_children_under_load_costs_only_their_own_requests(site, person):
    token = person.new_token(organization=person.org["id"])["token"]
    with Load(site.httpd.port, ["/api/v1/auth/me/"], {"Authorization": f"Bearer {token}"}) as load:
        time.sleep(0.5)
        site.httpd.kill_children(1)
        time.sleep(2)
        since = time.monotonic()
        time.sleep(0.5)
    assert set(k for k in load.outcomes() if isinstance(k, int)) == {200}, load.outcomes()
    assert set(load.outcomes(since)) == {200}


def test_memory_of_the_parent_does_not_grow_with_restarts(site):
    def resident():
        with open(f"/proc/{site.httpd.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    site.httpd.graceful()
    site.httpd.graceful()
    before = resident()
    for _ in range(6):
        site.httpd.graceful()
    assert resident() - before < 6 * (1 << 20)
