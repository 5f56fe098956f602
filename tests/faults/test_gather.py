"""Without the cache, lookups that come at the same moment are asked together: nobody may get another's answer."""

import contextlib
import random
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from urllib3.util.retry import Retry

from saastest import seed
from saastest.places import program

pytestmark = pytest.mark.only_db("pgsql")
SITE_CONF = """
SaasCacheSize 0
<Location "/mail">
    AuthType Saas
    SaasUser "%{HTTP:X-Mail}"
    Require saas-user
</Location>
<Location "/mail/member">
    SaasOrganization "%{HTTP:X-Organization-ID}"
    Require saas-member
</Location>
"""
PEOPLE, THREADS, ROUNDS = 12, 8, 30
# A busy server closes idle connections; a 503 is an answer.
RETRY = Retry(5, status=0, respect_retry_after_header=False)


@pytest.fixture(scope="module")
def people(site, alice):
    """(e-mail, organization's id, slug, session cookie); the first is a member of everybody's organization too."""
    site.httpd.page("mail/page.html", "x")
    site.httpd.page("mail/member/page.html", "x")
    made, like = [], alice.ok("GET", "auth/me/")["id"]
    for number in range(PEOPLE):
        email = f"o'{number}+a%{{b}}@gather.test"
        made.append((email, *seed.person(site.database, like, email, f"Person {number}", f"Gathered {number}")[1:]))
    first = site.database.execute("SELECT user_id FROM memberships WHERE org_id = ?", made[0][1])[0][0]
    for _, org, *_ in made[1:]:
        seed.member(site.database, org, first, "VIEWER")
    return made


def at_once(work, rounds=ROUNDS):
    """work(random, session) in many threads that begin together; what they raise is raised."""
    gate = threading.Barrier(THREADS)

    def run(number):
        dice, http = random.Random(number), requests.Session()
        http.mount("http://", requests.adapters.HTTPAdapter(max_retries=RETRY))
        gate.wait()
        for _ in range(rounds):
            work(dice, http)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def borrowed(site):
    """How often a connection was asked for."""
    page = requests.get(site.base + "/saas/metrics").text
    return float(re.search(r"^saas_database_wait_seconds_count(?:{.*})? (\S+)$", page, re.M).group(1))


@contextlib.contextmanager
def crowd(site, people):
    """Requests of others, many at once, for as long as the block runs; yields their counts, there at its end."""
    running = [subprocess.Popen(
        [program("ab"), "-q", "-k", "-c", "12", "-n", "8000", "-H", f"X-Mail: {person[0]}", site.base + "/mail/page.html"],
        stdout=subprocess.PIPE, text=True) for person in people[1:3]]
    counts = []
    try:
        yield counts
        for process in running:
            said = process.communicate(timeout=240)[0]
            # A connection that was closed while idle counts as failed, and is no answer.
            assert "Non-2xx" not in said, said
            counts.append(int(re.search(r"Complete requests: +(\d+)", said).group(1)))
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.mark.expects("AH01631")
def test_everybody_gets_their_own_answer(site, people):
    api = site.base + "/api/v1/"

    def work(dice, http):
        email, org, slug, cookie = dice.choice(people)
        other = dice.choice(people)
        mine = {"Cookie": f"saas_session={cookie}"}
        assert http.get(api + "auth/me/", headers=mine).json()["email"] == email
        reply = http.get(f"{api}organizations/{other[2]}/", headers=mine)
        if other[2] == slug or email == people[0][0]:
            assert reply.status_code == 200 and reply.json()["slug"] == other[2]
            assert reply.json()["role"] == ("ADMIN" if other[2] == slug else "VIEWER")
        else:
            assert reply.status_code == 404
        by_id = http.get(api + "audits/", headers={**mine, "X-Organization-ID": other[1]})
        assert by_id.status_code == (200 if other[2] == slug or email == people[0][0] else 404)
        assert http.get(api + "auth/me/", headers={"Cookie": f"saas_session={cookie[::-1]}"}).status_code == 401
        assert http.get(site.base + "/mail/page.html", headers={"X-Mail": email.upper()}).status_code == 200
        assert http.get(site.base + "/mail/page.html", headers={"X-Mail": "x" + email}).status_code == 401
        assert http.get(site.base + "/mail/member/page.html", headers={"X-Mail": email, "X-Organization-ID": other[1]}
                        ).status_code == by_id.status_code

    before = borrowed(site)
    with crowd(site, people) as counts:
        at_once(work)
    asked, requested = borrowed(site) - before, sum(counts) + 7 * THREADS * ROUNDS
    assert asked < 0.9 * requested, f"{asked} lookups for {requested} requests: this has tested nothing"


@pytest.mark.expects("SAAS11", "SAAS1202", "SAAS2601", "AH00639", "AH00629", "AH02655")
def test_a_database_that_is_gone_refuses_them_all(site, people):
    codes, deadline = [], time.time() + 60

    def work(dice, http):
        refused = 0
        while refused < 2:
            cookie = dice.choice(people)[3]
            code = http.get(site.base + "/api/v1/auth/me/", headers={"Cookie": f"saas_session={cookie}"}, timeout=60).status_code
            refused += code == 503
            codes.append(code)
            assert time.time() < deadline

    cluster = site.database.cluster
    killer = threading.Timer(1, lambda: cluster.stop("immediate"))
    killer.start()
    try:
        at_once(work, rounds=1)
    finally:
        killer.join()
        cluster.start()
    assert set(codes) == {200, 503}
    deadline = time.time() + 30
    while requests.get(site.base + "/api/v1/auth/me/", headers={"Cookie": f"saas_session={people[0][3]}"}).status_code != 200:
        assert time.time() < deadline
        time.sleep(0.2)
