"""mod_saas's section of mod_status: a table for people, lines for machines, and never a wait for the database."""

import re
import time
from html.parser import HTMLParser

import pytest
import requests

from saastest import Httpd, Places
from saastest.metrics import scrape, wait_for
from saastest.site import MOUNTS

SITE_CONF = """
<Location "/server-status">
    SetHandler server-status
    Require all granted
</Location>
SaasJobThreads 0
"""
SITE_STRIPE = False


def lines(site):
    reply = site.nobody().get("/server-status?auto")
    assert reply.status_code == 200
    found = re.findall(r"^(Saas\w+): (.*)$", reply.text, re.M)
    assert len(found) == len(dict(found)), "a line twice"
    return dict(found)


class Tables(HTMLParser):
    """Rows of cells of all tables below a heading, and whether every element was closed by its own end."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.void = [], [], ("hr", "br", "meta", "img")
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def section(site, query=""):
    text = site.nobody().get("/server-status" + query).text
    assert text.count("<h1>mod_saas</h1>") == 1
    return text.split("<h1>mod_saas</h1>")[1].split("</body>")[0].split("<hr")[0]


def test_the_lines_say_what_the_metrics_say(site):
    person = site.register()
    wait_for(site, "saas_feed_live", 1)
    before = lines(site)
    for _ in range(6):
        person.get("auth/me/")
        person.get("audits/")
    site.nobody().get("audits/")
    site.nobody().get("auth/me/")
    told, found = scrape(site), lines(site)
    assert found["SaasDatabase"] == "up" and found["SaasFeed"] == "live" and int(found["SaasDatabaseSeconds"]) < 600
    assert int(found["SaasConnections"]) == 0 and int(found["SaasConnectionsMax"]) == told["saas_database_connections_max"] > 0
    assert int(found["SaasConnectionsOpened"]) == told["saas_database_connections_opened_total"] > 0
    assert int(found["SaasCacheHits"]) == told["saas_cache_hits_total"] > 0
    hits, misses, bypasses = (told[f"saas_cache_{what}_total"] for what in ("hits", "misses", "bypasses"))
    assert float(found["SaasCacheHitRatio"]) == pytest.approx(hits / (hits + misses + bypasses), abs=1e-4)
    requests_of = {verdict: sum(n for series, n in told.items() if series.startswith("saas_requests_total{") and f'verdict="{verdict}"' in series)
                   for verdict in ("granted", "not_authenticated")}
    assert int(found["SaasGranted"]) == requests_of["granted"] == int(before["SaasGranted"]) + 12
    assert int(found["SaasRefused"]) == requests_of["not_authenticated"] == int(before["SaasRefused"]) + 2
    assert int(found["SaasStreams"]) == int(found["SaasWaitTimeouts"]) == int(found["SaasDatabaseErrors"]) == 0
    assert int(found["SaasUndecided"]) == sum(n for series, n in told.items() if 'verdict="unavailable"' in series)


def test_the_table_says_the_same(site):
    wait_for(site, "saas_feed_live", 1)
    found = lines(site)
    html = Tables(section(site))
    assert not html.open
    cells = {row[0].replace("\xa0", " ").strip(): row[1] for row in html.rows if len(row) == 2}
    assert cells["Database, when last wanted"] == "up" and cells["Change feed"] == "live"
    assert cells["Granted by gates"] == found["SaasGranted"] and cells["Refused by gates"] == found["SaasRefused"]
    gates = [row for row in html.rows if len(row) > 2]
    assert [row[0] for row in gates] == ["Gate", "saas-user", "saas-member", "saas-role", "saas-subscription", "saas-account", "saas-verified", "saas-feature", "saas-plan", "saas-trial"]
    assert {len(row) for row in gates} == {14} and gates[0][1] == "granted"
    assert sum(int(row[1]) for row in gates[1:]) == int(found["SaasGranted"])


def test_without_tables(site):
    site.register()  # the database has been wanted
    text = section(site, "?notable")
    assert "<table" not in text and text.count("<dt>") == text.count("</dt>") == len(lines(site)) and "Database, when last wanted: up" in text


def test_it_shows_no_secret(site):
    person = site.register()
    token = person.new_token()["token"]
    person.get("auth/me/", headers={"Authorization": f"Bearer {token}"})
    for query in ("", "?auto", "?notable"):
        text = site.nobody().get("/server-status" + query).text
        for secret in (token, person.http.cookies["saas_session"], person.email, site.webhook_secret, site.database.conf().split('"')[1]):
            assert secret not in text


def test_the_host_does_without_mod_status(databases, db_kind):
    places = Places()
    database = databases.fresh(db_kind, places)
    server = Httpd(places=places)
    original = server.module_lines
    server.module_lines = lambda: [line for line in original() if " status_module " not in line]
    try:
        server.start(database.conf() + MOUNTS)
        assert requests.get(server.base + "/saas/metrics", timeout=10).status_code == 200
        assert not server.watch().problems()
    finally:
        server.close()
        database.close()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS11", "SAAS17", "AH00632", "AH00633", "dbd", "DBD", "AH00629", "AH00630")
@pytest.mark.parametrize("how", ["stop", "freeze"])
def test_a_dead_database_does_not_hold_it_up(site, how):
    cluster = site.database.cluster
    person = site.register()
    token = {"Authorization": f"Bearer {person.new_token()['token']}"}
    cluster.stop("immediate") if how == "stop" else cluster.freeze()
    try:
        # Somebody has to have wanted the database for it to be known; and the threads of those wait for it.
        assert site.nobody().get("auth/me/", headers=token).status_code == 503
        assert site.nobody().get("auth/me/", headers=token).status_code == 503
        for query in ("", "?auto"):
            began = time.monotonic()
            text = site.nobody().get("/server-status" + query).text
            assert time.monotonic() - began < 1.5, "server-status has waited"
        assert "SaasUndecided: 2\n" in text or int(lines(site)["SaasUndecided"]) >= 2
        if how == "stop":
            assert lines(site)["SaasDatabase"] == "down"
    finally:
        cluster.start() if how == "stop" else cluster.thaw()
    end = time.monotonic() + 30
    while site.nobody().get("auth/me/", headers=token).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert lines(site)["SaasDatabase"] == "up"
