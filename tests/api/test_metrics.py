"""/saas/metrics: text that Prometheus' parser takes, counters that move by exactly what the requests did, whichever
child served them, label values that no client can add to, and a restart that loses nothing.
"""

import os
import re
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from saastest import ROOT, Api, Places, Site, seed
from saastest.metrics import dashboard, families, moved, named, rules, scrape, wait_for
from saastest.places import give, halt

pytestmark = pytest.mark.expects("AH01617", "AH01618", "AH01630", "AH01631")
SITE_MODULES = ("auth_basic", "authn_file")
SITE_CONF = """
CustomLog "{docs}/../pids.log" "%P %U"
SaasJobThreads 0
<Location "/area">
    AuthType Saas
    Require saas-user
</Location>
<Location "/area/admins">
    Require saas-role ADMIN
</Location>
<Location "/area/premium">
    <RequireAll>
        Require saas-member
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/area/any">
    <RequireAny>
        Require saas-role ADMIN
        Require saas-member
    </RequireAny>
</Location>
<Location "/area/twice">
    <RequireAny>
        Require saas-role ADMIN
        Require saas-role VIEWER
    </RequireAny>
</Location>
<Location "/area/others">
    <RequireAll>
        Require saas-user
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/area/here">
    <RequireAny>
        Require local
        Require saas-user
    </RequireAny>
</Location>
<Location "/area/basic">
    AuthType Basic
    AuthName area
    AuthBasicProvider file
    AuthUserFile "{docs}/../users"
    Require saas-member
</Location>
"""
AREAS = ("", "/admins", "/premium", "/any", "/twice", "/others", "/here", "/basic")


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in AREAS:
        site.httpd.page(f"area{area}/index.html", "inside")
    users = site.httpd.docs / ".." / "users"
    users.write_text("known@example.test:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")   # "password"
    give(users, None)


@pytest.fixture(scope="module")
def callers(site):
    """Somebody of each kind, each with an organization named in every request."""
    admin, viewer, payer = site.newcomer(), site.newcomer(), site.newcomer()
    site.pay(payer)
    seed.member(site.database, admin.org["id"], viewer.user["id"], "VIEWER")
    viewer.http.headers["X-Organization-ID"] = admin.org["id"]
    torn = site.newcomer()
    seed.member(site.database, admin.org["id"], torn.user["id"], "MEMBER")
    torn.ok("PATCH", "auth/me/", {"default_organization": None})
    stranger = site.newcomer()
    stranger.http.headers["X-Organization-ID"] = admin.org["id"]
    return {"admin": admin, "viewer": viewer, "payer": payer, "torn": torn, "stranger": stranger, "nobody": site.nobody(),
            "forger": Api(site.base, token="saas_" + "x" * 43)}


def said(gate, verdict):
    return f'gate="{gate}",verdict="{verdict}"'


# ------------------------------------------------------------------- the text --

KINDS = {"counter", "gauge", "histogram"}


def test_a_scrape_is_open_metrics(site):
    found = families(site)
    assert {family.type for family in found.values()} == KINDS
    assert found["saas_database_up"].samples[0].value == 1
    for name, kind in {"saas_requests": "counter", "saas_database_wait_seconds": "histogram", "saas_database_connections": "gauge",
                       "saas_cache_hits": "counter", "saas_feed_live": "gauge", "saas_jobs": "gauge", "saas_webhooks": "counter"}.items():
        assert found[name].type == kind
    assert not found["saas_throttled"].samples


def test_every_metric_is_in_the_manual_and_no_other(site):
    wait_for(site, "saas_feed_live", 1)
    manual = (ROOT / "docs" / "monitoring.md").read_text()
    rows = set(re.findall(r"^\| `(saas_[a-z_]+)", manual, re.M))
    told = {name + ("_total" if family.type == "counter" else "") for name, family in families(site).items()}
    assert rows == told, rows ^ told


def test_every_label_value_is_in_the_manual(site):
    manual = (ROOT / "docs" / "monitoring.md").read_text()
    for family in families(site).values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label == "le" or f"`{value}`" in manual, f"{family.name}: {label}={value}"


def test_dead_letters_and_unknown_kinds_are_counted(site):
    for kind, state in (("mail", "dead"), ("mail", "dead"), ("audit", "dead"), ('no"such\nkind', "queued")):
        key = str(uuid.uuid4())
        site.database.execute("INSERT INTO jobs (id, kind, state, run_after, created_at) VALUES (?, ?, ?, ?, ?)", key, kind, state,
                              seed.now(), seed.now())
    found = scrape(site)
    assert found['saas_jobs{kind="mail",state="dead"}'] == 2 and found['saas_jobs{kind="audit",state="dead"}'] == 1
    assert found['saas_jobs{kind="other",state="queued"}'] == 1


# ------------------------------------------------------------------ the gates --

@pytest.mark.parametrize("caller, path, status, counted", [
    ("admin", "/area/", 200, {"user": "granted"}),
    ("nobody", "/area/", 401, {"user": "not_authenticated"}),
    ("forger", "/area/", 401, {"user": "authentication_failed"}),
    ("admin", "/area/admins/", 200, {"role": "granted"}),
    ("viewer", "/area/admins/", 403, {"role": "permission_denied"}),
    ("torn", "/area/admins/", 400, {"role": "organization_required"}),
    ("stranger", "/area/admins/", 404, {"role": "not_found"}),
    ("payer", "/area/premium/", 200, {"member": "granted", "subscription": "granted"}),
    ("admin", "/area/premium/", 403, {"member": "granted", "subscription": "subscription_required"}),
    # The tree is refused by its first line, and asks no other.
    ("stranger", "/area/premium/", 404, {"member": "not_found"}),
    # Before anybody is known all lines are asked as far as they matter, and the refusal is each of theirs.
    ("nobody", "/area/any/", 401, {"role": "not_authenticated", "member": "not_authenticated"}),
    ("viewer", "/area/any/", 200, {"role": "overruled", "member": "granted"}),
    ("stranger", "/area/any/", 404, {"role": "not_found", "member": "not_found"}),
    # Two lines of one gate are one gate.
    ("viewer", "/area/twice/", 200, {"role": "granted"}),
    ("stranger", "/area/twice/", 404, {"role": "not_found"}),
    ("admin", "/area/others/", 200, {"user": "granted", "role": "overruled"}),
    ("viewer", "/area/others/", 403, {"user": "granted", "role": "granted"}),
    # Let in before anybody was asked who it is.
    ("nobody", "/area/here/", 200, {}),
    ("nobody", "/area/basic/", 401, {"member": "not_authenticated"}),
    ("nobody", "/index.html", 200, {}),
    ("nobody", "/area/../nowhere", 404, {}),
    # The same gates of routes.
    ("admin", "auth/me/", 200, {"account": "granted"}),
    ("nobody", "auth/me/", 401, {"account": "not_authenticated"}),
    ("forger", "audits/", 401, {"member": "authentication_failed"}),
    ("stranger", "audits/", 404, {"member": "not_found"}),
    ("torn", "audits/", 400, {"member": "organization_required"}),
    ("nobody", "no/such/route/", 404, {}),
])
def test_requests_are_counted_by_gate_and_verdict(site, callers, caller, path, status, counted):
    before = scrape(site)
    with moved(site) as change:
        for _ in range(3):
            assert callers[caller].get(path).status_code == status
        for gate, verdict in counted.items():  # some are counted when the request is logged, after the reply
            series = f"saas_requests_total{{{said(gate, verdict)}}}"
            wait_for(site, series, before.get(series, 0) + 3)
    assert change.of("requests") == {said(gate, verdict): 3 for gate, verdict in counted.items()}


@pytest.mark.parametrize("path, gates", [("/area/admins/", ["role"]), ("audits/start/", ["role"]), ("auth/logout/", ["account"])])
def test_a_cookie_from_another_site_is_csrf_failed(site, callers, path, gates):
    with moved(site) as change:
        reply = callers["admin"].post(path, {}, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
        assert reply.status_code == 403 and "CSRF" in reply.text
    assert change.of("requests") == {said(gate, "csrf_failed"): 1 for gate in gates}


def test_outer_authentication_is_counted_once_too(site):
    known = site.newcomer()
    (site.httpd.docs / ".." / "users").write_text(f"{known.email}:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nx@example.test:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
    api = site.nobody()
    for user, password, status, verdict in ((known.email, "password", 200, "granted"), (known.email, "wrong", 401, "not_authenticated"),
                                            ("x@example.test", "password", 401, "authentication_failed")):
        with moved(site) as change:
            assert api.get("/area/basic/", auth=(user, password)).status_code == status
        assert change.of("requests") == {said("member", verdict): 1}, user


def test_the_verdicts_are_the_words_of_the_refusals(site, callers):
    """What a program is told as "code", and the log as saas-verdict, is what is counted."""
    for caller, path in (("nobody", "/area/"), ("forger", "/area/"), ("torn", "/area/admins/"), ("viewer", "/area/admins/"),
                         ("stranger", "/area/admins/")):
        with moved(site) as change:
            code = callers[caller].get(path).json()["code"]
        (labels, n), = change.of("requests").items()
        assert n == 1 and labels.endswith(f'verdict="{code}"')


def test_all_children_count_into_one(site, callers):
    """Several hundred requests, all on connections of their own: no child's are missing, whichever child tells. The
    child that served the first half, if one served it all, stands still for the second.
    """
    token = callers["payer"].new_token(organization=callers["payer"].org["id"])["token"]
    log = site.httpd.root / "pids.log"
    start = log.stat().st_size

    def ask(n):
        return Api(site.base, token=token).get("/area/premium/", headers={"Connection": "close"}).status_code

    def served():
        with open(log, encoding="ascii") as lines:
            lines.seek(start)
            return [int(line.split()[0]) for line in lines if " /area/premium/" in line]

    with moved(site) as change, ThreadPoolExecutor(24) as pool:
        assert set(pool.map(ask, range(300))) == {200}
        end = time.monotonic() + 15
        while len(served()) < 300:  # the log is written after the answer
            assert time.monotonic() < end, f"{len(served())} of 300 are in the log"
            time.sleep(0.01)
        first = set(served())
        still = first if len(first) == 1 else ()
        for child in still:
            halt(child)
        try:
            assert set(pool.map(ask, range(300))) == {200}
        finally:
            for child in still:
                os.kill(child, signal.SIGCONT)
    assert len(set(served())) >= 2, "one child has served them all"
    assert change.of("requests") == {said("member", "granted"): 600, said("subscription", "granted"): 600}
    assert sum(change.get(f"saas_cache_{what}_total", 0) for what in ("hits", "misses", "bypasses")) == 600
    seen = [scrape(site)[f"saas_requests_total{{{said('member', 'granted')}}}"] for _ in range(12)]
    assert len(set(seen)) == 1, "children tell different things"


def test_no_client_can_make_a_series(site, callers):
    before = set(scrape(site))
    for n in range(40):
        api = Api(site.base, token=f"saas_{n:043}")
        api.get(f"/area/{n}\"}}/")
        api.get(f"no-such-{n}/", headers={"X-Organization-ID": f"{n}", "X-Saas-Role": f"r{n}"})
        api.call(f"METHOD{n}", "auth/me/")
        api.post("auth/login/", {"email": f"{n}\"\n}}@example.test", "password": "wrong-password"})
        callers["admin"].get(f"audits/?engine=e{n}&status=s{n}")
        site.deliver({"id": f"evt_{n}", "type": f"type.{n}"}, secret="whsec_wrong")
    assert set(scrape(site)) == before


# ----------------------------------------------------------------- the database --

def test_connections_and_waits(site):
    """No background work on this server, so a scrape's own connection is the only one that is not the test's."""
    api = site.nobody()
    with moved(site) as change:
        for _ in range(7):
            assert api.get("/saas/ready").status_code == 200
    # The first scrape has read the counters after its own; the second has counted itself.
    assert change["saas_database_wait_seconds_count"] == 8 == change['saas_database_wait_seconds_bucket{le="+Inf"}']
    assert 0 < change["saas_database_wait_seconds_sum"] < 5
    found = scrape(site)
    assert found["saas_database_connections"] == 0 and found["saas_database_waiting"] == 0 and found["saas_streams"] == 0
    assert found["saas_database_connections_max"] == 12 * len(site.httpd.children())
    assert found["saas_database_connections_opened_total"] >= 1
    bounds = [value for series, value in found.items() if series.startswith("saas_database_wait_seconds_bucket")]
    assert bounds == sorted(bounds)


def test_what_a_constraint_refuses_is_an_error_of_its_class(site, person):
    taken = site.newcomer()
    with moved(site) as change:
        reply = person.patch(f"organizations/{person.org['id']}/", {"slug": taken.org["slug"]})
        assert reply.status_code == 400, reply.text
    assert change.of("database_errors") == {'class="unique"': 1}


@pytest.mark.expects("SAAS1105", "SAAS1401", "SAAS1106")
def test_what_the_database_refuses_is_an_error_of_no_class(site, callers):
    audit = seed.audit(site.database, callers["payer"].org["id"], [("r", "c", "FAIL", "low", "")])
    path = f"audits/{audit}/evidence/"
    assert callers["payer"].get(path).status_code == 200
    site.database.execute("ALTER TABLE evidence RENAME TO evidence_away")
    try:
        with moved(site) as change:
            assert callers["payer"].get(path).status_code == 500
    finally:
        site.database.execute("ALTER TABLE evidence_away RENAME TO evidence")
    assert callers["payer"].get(path).status_code == 200
    assert change.of("database_errors") == {'class="other"': 1}


def ask_as_a_stranger(site):
    """The status of a request that needs the database, whatever is cached."""
    return Api(site.base, token="saas_" + uuid.uuid4().hex + uuid.uuid4().hex[:11]).get("auth/me/").status_code


@pytest.mark.only_db("pgsql")
def test_a_pool_that_is_all_in_use(databases, db_kind):
    """One connection, and a statement on it that waits for a lock: seen from server-status, which needs none."""
    places = Places()
    conf = ("DBDMax 1\nDBDKeep 1\nDBDMin 1\nSaasDBWait 400ms\nSaasDBTimeout 20s\nSaasJobThreads 0\n<Location \"/server-status\">\n"
            "SetHandler server-status\nRequire all granted\n</Location>")
    single = Site(databases.fresh("pgsql", places), conf=conf, places=places, with_stripe=False, workers=(
        "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nMinSpareThreads 1\nMaxSpareThreads 8"))
    lock = None
    try:
        person = single.start().register()
        assert person.get("audits/").status_code == 200
        lock = single.database.connect()
        cursor = lock.cursor()
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE audits")

        def told(name):
            return int(re.search(rf"^{name}: (\d+)$", single.nobody().get("/server-status?auto").text, re.M).group(1))

        with moved(single) as change, ThreadPoolExecutor(4) as pool:
            blocked = pool.submit(person.get, "audits/")
            end = time.monotonic() + 10
            while told("SaasConnections") != 1:
                assert time.monotonic() < end
                time.sleep(0.02)
            others = [pool.submit(ask_as_a_stranger, single) for _ in range(3)]
            while told("SaasConnectionsAwaited") == 0:
                assert time.monotonic() < end, "nobody waits"
            assert [other.result() for other in others] == [503] * 3
            assert told("SaasConnectionsAwaited") == 0 and told("SaasConnections") == 1 == told("SaasConnectionsMax")
            cursor.execute("ROLLBACK")
            assert blocked.result().status_code == 200
        assert change.of("database_wait_timeouts") == {"": 3} and change.of("database_errors") == {'class="unavailable"': 3}
        assert "SaasDatabase: up\n" in single.nobody().get("/server-status?auto").text, "a pool in use is no dead database"
    finally:
        if lock:
            lock.close()
        single.close()


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS11", "SAAS17", "AH00632", "AH00633", "dbd", "DBD", "AH00629", "AH00630")
def test_a_scrape_without_a_database(site):
    def gated():
        return api.get("auth/me/").status_code

    api = Api(site.base, token="saas_" + "y" * 43)
    opened = scrape(site)["saas_database_connections_opened_total"]
    site.database.cluster.stop("fast")
    try:
        before = scrape(site)
        assert before["saas_database_up"] == 0 and not [series for series in before if series.startswith("saas_jobs{")]
        for _ in range(4):
            assert gated() == 503
        after = scrape(site)
        assert after["saas_database_up"] == 0 and after["saas_database_connections"] == 0
        unavailable = "saas_requests_total{" + said("account", "unavailable") + "}"
        assert after[unavailable] - before[unavailable] == 4
        # Four requests and the scrape.
        failed = 'saas_database_errors_total{class="unavailable"}'
        assert after[failed] - before[failed] == 5
        wait_for(site, "saas_feed_live", 0)
    finally:
        site.database.cluster.start()
    end = time.monotonic() + 20
    while scrape(site)["saas_database_up"] != 1 or gated() != 401:
        assert time.monotonic() < end
        time.sleep(0.1)
    wait_for(site, "saas_feed_live", 1)
    assert scrape(site)["saas_database_connections_opened_total"] > opened, "a connection that was made anew is counted"


# ------------------------------------------------------------------- processes --

COUNTERS = ("requests", "database_errors", "password_hashes", "webhooks", "exports", "throttled", "database_connections_opened")


def test_a_graceful_restart_loses_nothing(site, callers):
    for _ in range(5):
        callers["admin"].get("/area/admins/")
        callers["viewer"].get("/area/admins/")
    before = {series: value for series, value in scrape(site).items() if series.startswith(tuple(f"saas_{name}_total" for name in COUNTERS))}
    old = set(site.httpd.children())
    site.httpd.graceful()
    after = scrape(site)
    moved_on = {series for series, value in before.items() if after[series] != value}
    assert moved_on <= {"saas_database_connections_opened_total"}, "only new children's connections are new"
    end = time.monotonic() + 20
    while old & set(site.httpd.children()):
        assert time.monotonic() < end, "children of before the restart stay"
        time.sleep(0.05)
    # httpd may be starting or ending children at its own discretion: those that are there count, and no other.
    while scrape(site).get("saas_database_connections_max") != 12 * len(site.httpd.children()):
        assert time.monotonic() < end, (scrape(site).get("saas_database_connections_max"), site.httpd.children())
        time.sleep(0.05)
    with moved(site) as change:
        assert callers["viewer"].get("/area/admins/").status_code == 403
    assert change.of("requests") == {said("role", "permission_denied"): 1}


def test_other_families_begin_anew_at_a_restart(site, callers):
    """A plugin less: what was laid out for all of them is not read as something else."""
    callers["admin"].get("/area/admins/")
    plugins = site.httpd.plugins
    try:
        site.httpd.plugins = tuple(name for name in plugins if name not in ("export",))
        site.httpd.write("\n".join(site.parts))
        site.httpd.graceful()
        found = scrape(site)
        assert "saas_export_bytes_total" not in found
        assert found["saas_requests_total{" + said("role", "granted") + "}"] == 0
        callers["admin"].get("/area/admins/")
        assert scrape(site)["saas_requests_total{" + said("role", "granted") + "}"] == 1
    finally:
        site.httpd.plugins = plugins
        site.httpd.restart("\n".join(site.parts))
    assert "saas_export_bytes_total" in scrape(site)


@pytest.mark.kills
def test_a_killed_child_holds_nothing(site, callers):
    victim = site.httpd.wait_children(2)[0]
    os.kill(victim, signal.SIGKILL)
    end = time.monotonic() + 20
    while victim in site.httpd.children() or len(site.httpd.children()) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    # httpd may be starting or ending children at its own discretion: those that are there count, and no other.
    while scrape(site).get("saas_database_connections_max") != 12 * len(site.httpd.children()):
        assert time.monotonic() < end, (scrape(site).get("saas_database_connections_max"), site.httpd.children())
        time.sleep(0.05)
    wait_for(site, "saas_database_connections", 0)
    with moved(site) as change:
        assert callers["admin"].get("/area/admins/").status_code == 200
    assert change.of("requests") == {said("role", "granted"): 1}


def test_what_rules_and_dashboard_name_is_there(site, person):
    """Every series of conf/monitoring, with its labels and the values that they are compared with."""
    seed.job(site.database, "mail", {})
    seed.give_up_jobs(site.database, "mail")
    guesses = (site.nobody().post("auth/login/", {"email": person.email, "password": "guessed"}).status_code for _ in range(60))
    assert 429 in guesses       # a throttle has a series from then on
    there = {}
    for family in families(site).values():
        for sample in family.samples:
            labels = there.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    wanted = named([*rules(), *dashboard()])
    assert len(wanted) > 30
    for name, labels in wanted.items():
        assert name in there, f"{name} is not in /saas/metrics"
        for label, values in labels.items():
            assert label in there[name], f"{name} has no label {label}"
            assert values <= there[name][label], f"{name} never has {label} {sorted(values - there[name][label])}"
    seed.forget_jobs(site.database, "mail")
