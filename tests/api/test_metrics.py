"""/saas/metrics: OpenMetrics text that a parser takes, with background work by kind and state."""

import re
import uuid

SAMPLE = re.compile(r'^([a-z_]+)(?:\{([a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*)\})? (\d+)$')
SUFFIX = {"counter": "_total", "gauge": ""}


def families(text):
    """{family: {labels: value}}; every line must be one of OpenMetrics' and belong to the family declared before it."""
    found, kinds, current = {}, {}, None
    lines = text.split("\n")
    assert lines[-1] == "" and lines[-2] == "# EOF" and lines.count("# EOF") == 1
    for line in lines[:-2]:
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in found, f"{current} twice"
            found[current], kinds[current] = {}, kind
        elif line.startswith("# HELP "):
            assert line.split(" ", 3)[2] == current
        else:
            match = SAMPLE.match(line)
            assert match and match.group(1) == current + SUFFIX[kinds[current]], line
            assert match.group(2) not in found[current], line
            found[current][match.group(2)] = int(match.group(3))
    return found


def scrape(site):
    reply = site.nobody().get("/saas/metrics")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return families(reply.text)


def test_a_scrape_is_open_metrics(site):
    found = scrape(site)
    assert found["saas_database_up"] == {None: 1}
    assert found["saas_jobs"]['kind="mail",state="dead"'] == 0
    assert {"saas_cache_hits", "saas_cache_misses", "saas_cache_bypasses"} <= set(found)


def test_dead_letters_and_unknown_kinds_are_counted(site):
    for kind, state in (("mail", "dead"), ("mail", "dead"), ("audit", "dead"), ('no"such\nkind', "queued")):
        site.database.execute("INSERT INTO jobs (id, kind, state, run_after, created_at) VALUES (?, ?, ?, now(), now())"
                              if site.database.kind == "pgsql" else
                              "INSERT INTO jobs (id, kind, state, run_after, created_at) VALUES (?, ?, ?, '2026-01-01T00:00:00.000000Z',"
                              " '2026-01-01T00:00:00.000000Z')", str(uuid.uuid4()), kind, state)
    jobs = scrape(site)["saas_jobs"]
    assert jobs['kind="mail",state="dead"'] == 2 and jobs['kind="audit",state="dead"'] == 1
    assert jobs['kind="other",state="queued"'] == 1


def test_the_caches_hits_are_counted(site, payer):
    before = scrape(site)["saas_cache_hits"][None]
    for _ in range(50):
        assert payer.get("auth/me/").status_code == 200
    assert scrape(site)["saas_cache_hits"][None] > before
