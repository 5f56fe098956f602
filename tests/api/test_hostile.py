"""Audits of servers that mean ill, together with hundreds that never answer: every target has every check answered, no fetch takes
longer than it may, and memory stays what it is. What each server does is told in saastest/hostile.py.
"""

import re
import time

import pytest

from saastest import TargetServer, hostile, wait_audit
from test_audits import start

SITE_STRIPE = False
SITE_CONF = "SaasScanTimeout 4s\nSaasAuditsPerOrganization 4\n"
pytestmark = pytest.mark.long(20)
MIB = 1 << 20


@pytest.fixture(scope="module")
def ill(tmp_path_factory):
    with hostile.HostileServers(tmp_path_factory.mktemp("hostile")) as servers:
        yield servers


def evidence(person, key):
    """{target: {check: row}}"""
    rows, url = {}, f"audits/{key}/evidence/?page_size=200"
    while url:
        body = person.ok("GET", url)
        for row in body["results"]:
            assert row["check_name"] not in rows.setdefault(row["resource_id"], {}), "evidence is doubled"
            rows[row["resource_id"]][row["check_name"]] = row
        url = body["next"]
    return rows


def peak(site):
    """Bytes that each child has had resident at most."""
    return {pid: int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status", encoding="ascii").read())[1]) << 10
            for pid in site.httpd.children()}


@pytest.fixture(scope="module")
def looked_at(site, ill):
    """One audit of all of them: (audit, evidence, seconds, bytes that memory has grown by at most)."""
    person = site.newcomer()
    silent = ill.more(hostile.says_nothing, [f"127.9.{n // 50}.{n % 50 + 1}" for n in range(150)])
    with TargetServer([("X-Frame-Options", "DENY")]) as good:
        before, began = peak(site), time.monotonic()
        targets = ill.urls() + [f"http://{host}:{port}/" for host, port in silent] + [good.url + "/"]
        reply = start(person, targets)
        assert reply.status_code == 202, reply.text
        body = wait_audit(person, reply.json()["id"], 120)
        seconds, after = time.monotonic() - began, peak(site)
        assert set(after) == set(before), "a child has died"
        return body, evidence(person, body["id"]), seconds, max(after[pid] - before[pid] for pid in after), targets


def test_every_check_of_every_target_is_answered(looked_at):
    body, rows, _, _, targets = looked_at
    assert body["status"] == "completed", body
    assert set(rows) == set(targets)
    checks = set(rows[targets[-1]])
    assert len(checks) >= 40 and all(set(of) == checks for of in rows.values())
    assert all(len(row["comment"]) > 10 for of in rows.values() for row in of.values())


def test_nothing_is_said_to_be_good_that_was_not_seen(looked_at, ill):
    _, rows, _, _, _ = looked_at
    for name in ("says_nothing", "hangs_up", "resets", "speaks_noise", "drips_headers", "redirects_for_ever", "redirects_with_fat_headers",
                 "hundred_thousand_headers", "tiny_headers", "one_long_header", "continues_for_ever"):
        of = rows[f"http://127.0.0.1:{ill.ports[name]}/"]
        for check in ("csp_present", "clickjacking_protected", "cookies_secure", "scripts_loaded_securely"):
            assert of[check]["status"] == "ERROR", (name, of[check])


@pytest.mark.parametrize("name, reason", [
    ("says_nothing", "in time"), ("drips_headers", "in time"), ("redirects_for_ever", "more than 10 times"), ("one_long_header", "headers"),
    ("hundred_thousand_headers", "500 fields of headers"), ("redirects_with_fat_headers", "64 KiB"), ("hangs_up", "HTTP response"),
])
def test_the_reason_is_told(looked_at, ill, name, reason):
    assert reason in looked_at[1][f"http://127.0.0.1:{ill.ports[name]}/"]["csp_present"]["comment"]


@pytest.mark.parametrize("name", ["ten_gibibytes", "chunks_without_end", "gzip_bomb", "brotli_bomb", "gzip_in_gzip_that_unpacks_to_nothing",
                                  "drips_a_body", "folds_a_header", "many_cookies", "many_scripts"])
def test_headers_that_came_are_judged_whatever_the_body_is(looked_at, ill, name):
    of = looked_at[1][f"http://127.0.0.1:{ill.ports[name]}/"]
    assert of["content_type_nosniff"]["status"] == "FAIL"
    assert of["clickjacking_protected"]["status"] == ("PASS" if name == "drips_a_body" else "FAIL")


@pytest.mark.parametrize("name", hostile.TLS_TARGETS)
def test_no_tls_check_is_passed_by_who_never_shakes_hands(looked_at, ill, name):
    if name == "drips_behind_tls":
        return
    of = looked_at[1][f"https://127.0.0.1:{ill.ports[name]}/"]
    for check in ("tls_certificate_trusted", "tls_1_2_or_1_3_supported", "tls_legacy_protocols_disabled", "tls_weak_ciphers_refused"):
        assert of[check]["status"] != "PASS", of[check]


def test_they_are_looked_at_together_and_in_time(looked_at):
    """One after the other they would take six minutes."""
    assert looked_at[2] < 40, looked_at[2]


def test_memory_is_bounded(looked_at):
    assert looked_at[3] < 100 * MIB, looked_at[3] / MIB


def test_many_targets_on_one_host_are_no_attack_on_it(person, ill):
    """Thirty pages of one host, behind which another does not wait."""
    slow, other = ill.more(hostile.takes_its_time, ["127.9.9.1", "127.9.9.2"])
    before = ill.asks.get("127.9.9.1", 0)
    targets = [f"http://{slow[0]}:{slow[1]}/{n}" for n in range(30)] + [f"http://{other[0]}:{other[1]}/"]
    body = wait_audit(person, start(person, targets).json()["id"], 60)
    rows = evidence(person, body["id"])
    assert set(rows) == set(targets) and all(of["content_type_nosniff"]["status"] == "FAIL" for of in rows.values())
    assert ill.asks["127.9.9.1"] - before >= 30 and 5 <= ill.most["127.9.9.1"] <= 10
    assert list(rows)[-1] != targets[-1], "another host waited for the last of the many"


def test_a_silent_host_is_not_asked_again_and_again(person, ill):
    host, port = ill.more(hostile.says_nothing, ["127.9.9.3"])[0]
    before = ill.asks.get(host, 0)     # on the other database
    targets = [f"http://{host}:{port}/{n}" for n in range(40)]
    body = wait_audit(person, start(person, targets).json()["id"], 60)
    rows = evidence(person, body["id"])
    assert set(rows) == set(targets) and all(of["content_type_nosniff"]["status"] == "ERROR" for of in rows.values())
    assert 3 <= ill.asks[host] - before <= 10
    assert any("asked no more" in of["content_type_nosniff"]["comment"] for of in rows.values())


def test_hellos_to_one_address_are_few_at_a_time_too(person, ill):
    host, port = ill.more(hostile.half_open_tls, ["127.9.9.4"])[0]
    before = ill.asks.get(host, 0)
    targets = [f"https://{host}:{port}/{n}" for n in range(20)]
    body = wait_audit(person, start(person, targets).json()["id"], 60)
    assert set(evidence(person, body["id"])) == set(targets)
    assert 10 <= ill.asks[host] - before <= 10 + 10   # requests, then hellos; without these bounds 180
