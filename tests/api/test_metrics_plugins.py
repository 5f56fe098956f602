"""What plugins count: exports and their bytes, webhooks by verdict, audits and evidence, mail, jobs; and the host's
throttles and hashes. Each moves by exactly what was done.
"""

import socket
import time

import pytest

from saastest import Places, Site, TargetServer, seed, stripe, wait_audit
from saastest.metrics import moved, scrape, wait_for
from saastest.places import free_port
from saastest.smtp import SmtpServer

SMTP = free_port()
# One child, so that a place for exports is known to be taken; worker: it is taken until the client has all.
WORKERS = "StartServers 1\nServerLimit 1\nThreadsPerChild 24\nMaxRequestWorkers 24\nMinSpareThreads 1\nMaxSpareThreads 24"
CONF = f"""
SaasExportsMax 1
SaasDBWait 300ms
SaasMailRelay smtp://127.0.0.1:{SMTP}
SaasMailFrom noreply@example.test
"""
ROWS = [(f"https://{n}.example/", "check", "FAIL", "high", "x" * n) for n in range(40)]


@pytest.fixture(scope="module")
def site(databases, db_kind):
    places = Places()
    made = Site(databases.fresh(db_kind, places), places=places, conf=CONF, mpm="worker", workers=WORKERS, with_stripe=False)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def payer(site):
    somebody = site.register(organization="Premium Inc")
    assert site.deliver(stripe.Story(somebody.org["id"], site.price).updated("active")).status_code == 200
    return somebody


@pytest.fixture(scope="module")
def relay():
    server = SmtpServer(SMTP).start()
    yield server
    server.stop()


def outcomes(**counted):
    return {f'outcome="{outcome}"': n for outcome, n in counted.items()}


# ------------------------------------------------------------------------ exports --

def test_an_export_and_its_bytes(site, payer):
    audit = seed.audit(site.database, payer.org["id"], ROWS)
    empty = seed.audit(site.database, payer.org["id"], [])
    length = 0
    with moved(site) as change:
        for query in ("", "?severity=high", "?bom=1", "?status=PASS"):
            length += len(payer.get(f"audits/{audit}/export/csv/{query}").content)
        length += len(payer.get(f"audits/{empty}/export/csv/").content)
    assert length > 5000
    assert change.of("exports") == outcomes(started=5, finished=5) and change.of("export_bytes") == {"": length}


def test_what_is_no_export_is_none(site, payer, person):
    audit = seed.audit(site.database, payer.org["id"], ROWS)
    running = seed.audit(site.database, payer.org["id"], [], status="running")
    with moved(site) as change:
        assert payer.call("HEAD", f"audits/{audit}/export/csv/").status_code == 200
        assert payer.get(f"audits/{audit}/export/csv/?status=NO").status_code == 400
        assert payer.get(f"audits/{running}/export/csv/").status_code == 409
        assert person.get(f"audits/{audit}/export/csv/").status_code == 404
    assert change.of("exports", "export_bytes") == {}
    site.database.execute("DELETE FROM audits WHERE id = ?", running)


def open_export(site, person, audit):
    """A client that reads nothing."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.connect(("127.0.0.1", site.httpd.port))
    s.sendall((f"GET /api/v1/audits/{audit}/export/csv/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
               f"Cookie: saas_session={person.http.cookies['saas_session']}\r\n\r\n").encode())
    assert s.recv(100).startswith(b"HTTP/1.1 200")
    return s


def test_running_refused_and_aborted_exports(site, payer):
    audit = seed.large_audit(site.database, payer.org["id"], 60000)
    before = scrape(site)
    s = open_export(site, payer, audit)
    try:
        wait_for(site, "saas_streams", 1)
        reply = payer.get(f"audits/{audit}/export/csv/")
        assert reply.status_code == 503 and "exports" in reply.json()["detail"]
    finally:
        s.close()
    wait_for(site, "saas_streams", 0)
    after = scrape(site)

    def change(outcome):
        series = f'saas_exports_total{{outcome="{outcome}"}}'
        return after[series] - before[series]

    assert change("started") == change("refused") == 1
    # The rest was in a file when the client went away, or it was not; a count for one of them and no other.
    assert change("aborted") + change("finished") == 1 and change("failed") == 0
    assert after["saas_export_bytes_total"] - before["saas_export_bytes_total"] > 4096


def test_a_client_that_goes_away_at_once_is_aborted(site, payer):
    """With no room to put the rest, the transfer waits for its client, and ends with it."""
    audit = seed.large_audit(site.database, payer.org["id"], 120000)
    aborted = 'saas_exports_total{outcome="aborted"}'
    before = scrape(site)[aborted]
    s = open_export(site, payer, audit)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
    wait_for(site, aborted, before + 1)


# ----------------------------------------------------------------------- webhooks --

@pytest.mark.expects("SAAS160")
def test_webhooks_by_verdict(site, person):
    story = stripe.Story(person.org["id"], site.price)
    other = stripe.Story(person.org["id"], site.price, customer=story.customer, subscription=story.id)
    other.customer = stripe.new_id("cus")
    first = story.updated("active", at=10)
    live = story.updated("active", at=11)
    live["livemode"] = True
    unbound = stripe.Story(seed.uuid7(), site.price).updated("active")
    with moved(site) as change:
        assert site.deliver(first).status_code == 200
        assert site.deliver(first).status_code == 200
        assert site.deliver(story.updated("active", at=2)).status_code == 200
        assert site.deliver(unbound).status_code == 200
        assert site.deliver(live).status_code == 200
        assert site.deliver(story.updated("hibernating", at=20)).status_code == 200
        assert site.deliver(stripe.event("charge.succeeded", {"id": "ch_1", "object": "charge"})).status_code == 200
        assert site.deliver(other.updated("active", at=30)).status_code == 200
        assert site.deliver(first, secret="whsec_of_somebody_else").status_code == 400
        assert site.deliver(first, header="").status_code == 400
        assert site.deliver(first, t=int(time.time()) - 4000).status_code == 400
        assert site.deliver(None, raw=b"{").status_code == 400
        assert site.deliver({"object": "nothing"}).status_code == 400
    stored = {row[0] for row in site.database.execute("SELECT verdict FROM stripe_events")}
    assert {"applied", "ignored:superseded", "ignored:unbound", "ignored:mode of the account", "ignored:type"} <= stored
    assert change.of("webhooks") == {f'verdict="{verdict}"': n for verdict, n in {
        "applied": 1, "duplicate": 1, "superseded": 1, "unbound": 1, "other_mode": 1, "unknown_status": 1, "ignored": 1,
        "refused": 1, "invalid_signature": 2, "stale_signature": 1, "invalid_payload": 2}.items()}


# ------------------------------------------------------------------ audits and jobs --

def test_audits_evidence_and_the_jobs_that_run_them(site, person):
    with TargetServer([("Server", "x")]) as target, moved(site) as change:
        done = [wait_audit(person, person.ok("POST", "audits/start/", {"targets": [target.url]})["id"], 90) for _ in range(2)]
        again = person.post("audits/start/", {"targets": [target.url]}, headers={"Idempotency-Key": "k1"}).json()["id"]
        assert person.post("audits/start/", {"targets": [target.url]}, headers={"Idempotency-Key": "k1"}).json()["id"] == again
        done.append(wait_audit(person, again, 90))
        wait_for(site, 'saas_jobs{kind="audit",state="running"}', 0)
    assert {body["status"] for body in done} == {"completed"}
    rows = sum(person.ok("GET", f"audits/{body['id']}/evidence/")["count"] for body in done)
    assert rows > 30
    assert change.of("audits") == {'event="started"': 3, 'event="completed"': 3}
    assert change.of("audits_evidence_rows") == {"": rows}
    assert {labels: n for labels, n in change.of("job_runs").items() if '"audit"' in labels} == {'kind="audit",outcome="done"': 3}


@pytest.mark.expects("SAAS2202")
def test_an_audit_that_fails_and_one_that_is_canceled(site, person):
    with TargetServer(seconds=20) as slow, moved(site) as change:
        audit = person.ok("POST", "audits/start/", {"targets": [slow.url]})["id"]
        wait_audit(person, audit, until=("running",))
        assert person.post(f"audits/{audit}/cancel/", {}).status_code == 200
        assert person.post(f"audits/{audit}/cancel/", {}).status_code == 409
        lost = seed.audit(site.database, person.org["id"], status="queued")
        site.database.execute("UPDATE audits SET engine = 'none', finished_at = NULL WHERE id = ?", lost)
        site.database.execute("INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at) VALUES (?, 'audit', ?, ?, ?, ?)",
                              seed.uuid7(), person.org["id"], lost, seed.now(), seed.now())
        assert wait_audit(person, lost)["status"] == "failed"
        wait_for(site, 'saas_jobs{kind="audit",state="running"}', 0)
    assert change.of("audits") == {'event="started"': 1, 'event="canceled"': 1, 'event="failed"': 1}


@pytest.mark.expects("AH00288")
def test_a_restart_releases_what_runs(site, person):
    """The child that ends counts it, into memory that the next one reads. Its place is the only one, and while a client
    keeps its connection alive, httpd says each second that there is none for the next child."""
    released = 'saas_job_runs_total{kind="audit",outcome="released"}'
    before = scrape(site)[released]
    with TargetServer(seconds=20) as slow:
        audit = person.ok("POST", "audits/start/", {"targets": [slow.url]})["id"]
        wait_audit(person, audit, until=("running",))
        site.httpd.graceful()
        wait_for(site, released, before + 1, 30)
        assert person.post(f"audits/{audit}/cancel/", {}).status_code == 200
        wait_for(site, 'saas_jobs{kind="audit",state="running"}', 0)


# --------------------------------------------------------------------------- mail --

def wait_mail(site, outcome, n):
    wait_for(site, f'saas_mail_total{{outcome="{outcome}"}}', n)


@pytest.mark.expects("SAAS1204", "SAAS1205", "SAAS2402", "SAAS2403")
def test_mail_by_outcome(site, relay):
    def send(**more):
        return seed.job(site.database, "mail", {"template": "invite", "to": "friend@example.test", "vars": {"url": "https://x.test/"}, **more})

    start = scrape(site)

    def now(outcome):
        return start[f'saas_mail_total{{outcome="{outcome}"}}']

    with moved(site) as change:
        send()
        wait_mail(site, "sent", now("sent") + 1)
        send(expires_at="2020-01-01T00:00:00.000000Z")
        wait_mail(site, "dropped", now("dropped") + 1)
        send(template="no-such-template")
        wait_mail(site, "dead", now("dead") + 1)
        relay.refuse["RCPT"] = "450 try later"
        try:
            later = send()
            wait_mail(site, "failed", now("failed") + 2)
            end = time.monotonic() + 10
            while seed.jobs(site.database, "mail")[later][0] != "queued":
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            relay.refuse.clear()
        seed.hurry(site.database, "mail")
        wait_mail(site, "sent", now("sent") + 2)
        wait_for(site, 'saas_jobs{kind="mail",state="running"}', 0)
        wait_for(site, 'saas_jobs{kind="mail",state="queued"}', 0)
    assert change.of("mail") == outcomes(sent=2, dropped=1, failed=2, dead=1)
    assert {labels: n for labels, n in change.of("job_runs").items() if "mail" in labels} == {
        'kind="mail",outcome="done"': 3, 'kind="mail",outcome="again"': 1, 'kind="mail",outcome="dead"': 1}
    seed.forget_jobs(site.database, "mail")


# ------------------------------------------------------------- throttles and hashes --

@pytest.mark.expects("SAAS1204")  # nobody takes the invite's mail
def test_attempts_held_back_are_counted_by_what_was_counted(site, person):
    made = person.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": "guest@example.test", "role": "VIEWER"})
    with moved(site) as change:
        answers = [person.post(f"organizations/{person.org['id']}/invites/{made['id']}/resend/").status_code for _ in range(9)]
    assert answers == [200] * 5 + [429] * 4
    assert change.of("throttled") == {'throttle="invite-resend"': 4}


def test_hashes_are_counted(site):
    with moved(site) as change:
        somebody = site.register()
        assert site.nobody().post("auth/login/", {"email": somebody.email, "password": somebody.password}).status_code == 200
        assert site.nobody().post("auth/login/", {"email": "nobody@example.test", "password": "whatever 1"}).status_code == 401
    assert change.of("password_hashes") == outcomes(computed=3) and change.of("throttled") == {}
