"""Rights that are taken away, on every node at once: two nodes on one PostgreSQL, asked without pause while roles,
memberships, tokens, organizations and subscriptions change.

No test here fails for a slow machine, only for a grant that is staler than the bound (SaasFeedTimeout, 1 s), for a
grant after a refusal, or for a cache that is not used.
"""

import os
import sys
import threading
import time

import pytest

from nodes import BOUND, SLACK, Asker, cache
from rights import RIGHTS, Round, percentile, report
from saastest import stripe

pytestmark = pytest.mark.long(40)


def test_what_is_taken_away_is_refused_on_both_nodes(watched):
    """Thousands of changes of every kind, all kinds at once."""
    times = int(os.environ.get("SAAS_TEST_CHANGES", "200"))
    rounds = [Round(kind(watched[0]), watched) for kind in RIGHTS]
    before = [cache(site) for site in watched]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        threads = [threading.Thread(target=r.run, args=(times,)) for r in rounds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert not [w for r in rounds for w in r.wrong]
    figures = report("two nodes, feed alive", rounds)
    assert figures["refusals"] == len(RIGHTS) * times * 2
    assert figures["stalest_ms"] < (BOUND + SLACK) * 1000, figures
    for site, old in zip(watched, before):
        now = cache(site)
        assert now["hits"] - old["hits"] > len(RIGHTS) * times / 2, "hardly anything came from the cache: nothing was tested"


def test_own_writes_are_seen_at_once_by_the_node_that_made_them(watched):
    """The answer to a change is sent after the marks are set: not one grant by that node after it."""
    site, other = watched
    late = []
    for n in range(60):
        person = site.newcomer() if n % 20 == 0 else person
        token = person.new_token(organization=person.org["id"])
        here, there = (Asker(s, token["token"], "/member/") for s in (site, other))
        for asker in (here, there):
            assert [asker.ask()[1] for _ in range(3)] == [200] * 3
        person.ok("DELETE", f"auth/tokens/{token['id']}/")
        done = time.monotonic()
        assert here.ask()[1] == 401
        late.append(there.until_refused(done, 401) - done)
        here.close()
        there.close()
    print(f"\nother node, token revoked through the API: p99 {percentile(late, 0.99) * 1000:.1f} ms")


def test_a_log_out_ends_the_session_at_once(watched):
    for _ in range(10):
        person = watched[0].newcomer()
        cookie = person.http.headers, person.http.cookies.get_dict()
        assert [person.get("/user/").status_code for _ in range(3)] == [200] * 3
        assert person.post("auth/logout/").status_code < 300
        assert watched[0].nobody().get("/user/", cookies=cookie[1]).status_code == 401


def test_a_webhook_takes_access_away_at_once(watched):
    site = watched[0]
    person = site.newcomer()
    story = stripe.Story(person.org["id"], site.price)
    assert site.deliver(story.updated("active")).status_code == 200
    token = person.new_token(organization=person.org["id"])["token"]
    askers = [Asker(s, token, "/premium/") for s in watched]
    end = time.monotonic() + 30
    while [a.ask()[1] for a in askers] != [200, 200]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert site.deliver(story.deleted()).status_code == 200
    delivered = time.monotonic()
    assert askers[0].ask()[1] == 403
    askers[1].until_refused(delivered, 403)


def test_one_feed_connection_for_each_node(watched):
    rows = watched[0].database.execute(
        "SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'mod_saas feed%' GROUP BY 1 ORDER BY 1")
    assert rows == [("mod_saas feed node1", 1), ("mod_saas feed node2", 1)]
    for site in watched:
        assert cache(site)["listener"] in site.httpd.children()
