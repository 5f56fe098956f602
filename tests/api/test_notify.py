"""Outgoing webhooks: endpoints, what they are sent and when, and what becomes of those that fail, hang, lie or go away."""

import concurrent.futures
import datetime
import json
import re
import time
import uuid

import pytest

from saastest import seed
from saastest.metrics import moved, scrape
from saastest.places import ROOT, free_port
from saastest.receiver import Receiver, certificate, dead_port, standard_webhooks
from saastest.smtp import SmtpServer

pytestmark = pytest.mark.long(60)
SMTP = free_port()
# Names that a resolver knows are of 127.0.0.1, which is not in the list: what is there must never be called.
SITE_CONF = f"""
SaasNotifyAllow 127.0.0.2
SaasNotifyHTTP On
SaasNotifyTimeout 5s
SaasNotifyConcurrency 16
SaasNotifyPerOrganization 6
SaasNotifyPerEndpoint 4
SaasMailRelay smtp://127.0.0.1:{SMTP}
SaasMailFrom noreply@example.test
"""
DISABLED = pytest.mark.expects("SAAS2603")
ENDPOINTS = "notify/endpoints/"
LONG_AGO = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def relay():
    server = SmtpServer(SMTP).start()
    yield server
    server.stop()


paths = (f"/{n}" for n in range(1, 100000))


@pytest.fixture
def path():
    return next(paths)


def make(person, url, events=("*",), **more):
    return person.ok("POST", ENDPOINTS, {"url": url, "events": list(events), **more})


def one(person, endpoint):
    return person.ok("GET", f"{ENDPOINTS}{endpoint}/")


def deliveries(person, endpoint, **query):
    return person.ok("GET", f"{ENDPOINTS}{endpoint}/deliveries/", params=query)["results"]


def wait(what, seconds=30):
    """The first true value of a function."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.03)


def wait_delivery(person, endpoint, key, until=lambda d: d["attempts"]):
    """A delivery, once it is as wanted."""
    where = f"{ENDPOINTS}{endpoint}/deliveries/{key}/"
    return wait(lambda: (lambda d: d if until(d) else None)(person.ok("GET", where)))


def hurry(site, endpoint, **columns):
    """What waits for an endpoint is due now."""
    site.database.execute("UPDATE notify_endpoints SET quiet_until = NULL WHERE id = ?", endpoint)
    more = "".join(f", {name} = ?" for name in columns)
    site.database.execute(f"UPDATE notify_deliveries SET run_after = ?{more} WHERE endpoint_id = ? AND state = 'queued'", LONG_AGO,
                          *columns.values(), endpoint)


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


# --------------------------------------------------------------------- endpoints --

@pytest.mark.smoke
def test_the_secret_is_shown_once(site, person, receiver):
    reply = person.post(ENDPOINTS, {"url": receiver.url("/once"), "events": ["member.*", "member.*"], "description": "our hub"})
    made = reply.json()
    assert reply.status_code == 201 and reply.headers["Location"].endswith(f"/{ENDPOINTS}{made['id']}/")
    assert "no-store" in reply.headers["Cache-Control"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    assert made["events"] == ["member.*"] and made["enabled"] and made["description"] == "our hub"
    assert made["disabled_reason"] is made["failing_since"] is made["previous_secret_until"] is None
    shown = one(person, made["id"])
    assert shown == {k: v for k, v in made.items() if k != "secret"}
    assert person.ok("GET", ENDPOINTS)["results"] == [shown]
    trail = person.ok("GET", f"organizations/{person.org['id']}/activity/", params={"action": "endpoint.created"})
    assert trail["count"] == 1 and made["secret"] not in json.dumps(trail)


def test_a_change_and_the_end(person, receiver):
    made = make(person, receiver.url("/a"))
    where = f"{ENDPOINTS}{made['id']}/"
    changed = person.ok("PATCH", where, {"url": receiver.url("/b"), "events": ["audit.failed"], "description": "", "enabled": False})
    assert (changed["url"], changed["events"], changed["enabled"]) == (receiver.url("/b"), ["audit.failed"], False)
    assert person.ok("PATCH", where, {}) == {**changed, "updated_at": one(person, made["id"])["updated_at"]}
    assert person.delete(where).status_code == 204
    assert person.get(where).status_code == person.delete(where).status_code == person.patch(where, {}).status_code == 404
    assert person.post(where + "rotate/").status_code == person.post(where + "test/").status_code == 404
    assert person.get(where + "deliveries/").status_code == 404
    assert person.ok("GET", ENDPOINTS)["count"] == 0
    actions = [entry["action"] for entry in person.ok("GET", f"organizations/{person.org['id']}/activity/")["results"]]
    assert actions[:2] == ["endpoint.deleted", "endpoint.changed"]


@pytest.mark.parametrize("wrong, field", [
    ({}, "url"), ({"url": 1}, "url"), ({"url": "example.com"}, "url"), ({"url": "ftp://example.com/"}, "url"),
    ({"url": "https://user:pw@example.com/"}, "url"), ({"url": "https://exa mple.com/"}, "url"), ({"url": "https://example.com/#x"}, "url"),
    ({"url": "https://example.com/" + "a" * 2048}, "url"), ({"url": "https://example.com:22/"}, None), ({"url": "https://10.0.0.1/"}, "url"),
    ({"url": "https://127.0.0.1/"}, "url"), ({"url": "https://169.254.169.254/latest/"}, "url"), ({"url": "https://[::1]/"}, "url"),
    ({"url": "https://[::ffff:10.0.0.1]/"}, "url"), ({"url": "https://8.8.8.8:22/"}, "url"), ({"url": "https://0x7f.1/"}, "url"),
    ({"url": "https://2130706433/"}, "url"), ({"url": "javascript:alert(1)"}, "url"), ({"url": ""}, "url"), ({"url": None}, "url"),
    ({"events": []}, "events"), ({"events": None}, "events"), ({"events": "member.*"}, "events"), ({"events": ["member"]}, "events"),
    ({"events": ["nothing.*"]}, "events"), ({"events": [1]}, "events"), ({"events": ["*"] * 51}, "events"), ({"events": ["x" * 5000]}, "events"),
    ({"events": {}}, "events"), ({"enabled": "yes"}, "enabled"), ({"enabled": None}, "enabled"), ({"description": "x" * 201}, "description"),
    ({"description": 5}, "description")])
def test_bad_input_changes_nothing(site, person, wrong, field):
    good = {"url": "https://example.com/hook", "events": ["*"]}
    reply = person.post(ENDPOINTS, {**good, **wrong} if wrong else {"events": ["*"]})
    if field is None:
        # A name may lead into the list: what port it is asked at is seen then.
        assert reply.status_code == 201
        return
    assert reply.status_code == 400 and list(reply.json()) == [field], reply.text
    assert person.ok("GET", ENDPOINTS)["count"] == 0
    if wrong:
        key = seed.endpoint(site.database, person.org["id"], "https://example.com/", streak=1)
        before = one(person, key)
        assert person.patch(f"{ENDPOINTS}{key}/", wrong).status_code == 400
        assert one(person, key) == before


def test_an_organization_has_so_many(site, person):
    """Also when two are made at once."""
    for n in range(19):
        seed.endpoint(site.database, person.org["id"], f"https://example.com/{n}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        body = {"url": "https://example.com/last", "events": ["*"]}
        replies = list(pool.map(lambda _: person.post(ENDPOINTS, body), range(4)))
    assert sorted(r.status_code for r in replies) == [201, 409, 409, 409]
    assert person.ok("GET", ENDPOINTS)["count"] == 20
    assert {r.json()["code"] for r in replies if r.status_code == 409} == {"conflict"}


def test_another_organizations_are_not_there(site, person, bob, receiver):
    made = make(person, receiver.url("/mine"))
    delivery = seed.activity(site.database, person.org["id"])[0]
    for method, rest in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "rotate/"), ("POST", "test/"), ("GET", "deliveries/"),
                         ("GET", f"deliveries/{delivery}/"), ("POST", f"deliveries/{delivery}/replay/")):
        reply = bob.call(method, f"{ENDPOINTS}{made['id']}/{rest}", {} if method in ("PATCH", "POST") else None)
        assert reply.status_code == 404, (method, rest)
    other = make(bob, receiver.url("/his"))
    assert bob.get(f"{ENDPOINTS}{other['id']}/deliveries/{delivery}/").status_code == 404
    assert bob.post(f"{ENDPOINTS}{other['id']}/deliveries/{delivery}/replay/").status_code == 404
    assert one(person, made["id"])["enabled"]


def test_what_can_be_asked_for(alice):
    listed = alice.ok("GET", "notify/events/")
    assert listed["count"] == len(listed["results"]) == len({e["type"] for e in listed["results"]})
    assert alice.ok("GET", "notify/events/", params={"page_size": 5, "page": 2})["results"] == listed["results"][5:10]


def test_every_entry_of_the_trail_is_an_event_or_is_not(alice):
    """What the sources write into the trail, of the groups that become messages, is what endpoints can ask for."""
    groups = ("subscription", "member", "invite", "export")
    written = {"audit.completed", "audit.failed"}
    for path in [*(ROOT / "plugins").rglob("*.c"), *(ROOT / "tools" / "saasctl").glob("*.c")]:
        if path.parent.name != "notify":
            written |= {name for name in re.findall(r'"([a-z]+\.[a-z_]+)"', path.read_text()) if name.split(".")[0] in groups}
    assert written == {e["type"] for e in alice.ok("GET", "notify/events/")["results"]}


def test_tenants_statements_cannot_read_a_secret(site):
    if site.database.kind != "pgsql":
        pytest.skip("SQLite has no roles")
    connection = site.database.cluster.connect(site.database.name, site.database.cluster.APP)
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM notify_endpoints")
        for column in ("secret", "previous_secret", "*"):
            with pytest.raises(Exception, match="permission denied"):
                cursor.execute(f"SELECT {column} FROM notify_endpoints")
    connection.close()


# ---------------------------------------------------------------------- messages --

@pytest.mark.smoke
def test_a_change_is_told_and_signed(site, person, receiver, path):
    made = make(person, receiver.url(path), ["invite.*"])
    invite = person.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": "new@example.test", "role": "MEMBER"})
    hit = receiver.wait(path)[0]
    assert hit.headers["content-type"] == "application/json" and hit.headers["user-agent"].startswith("mod_saas-notify/")
    assert abs(int(hit.headers["webhook-timestamp"]) - time.time()) < 60
    assert standard_webhooks([(made["secret"], hit)]) == [{"body": hit.json}]
    entry = person.ok("GET", f"organizations/{person.org['id']}/activity/", params={"action": "invite.created"})["results"][0]
    assert hit.id == entry["id"]
    assert hit.json == {"type": "invite.created", "timestamp": entry["created_at"],
                        "data": {"organization": {"id": person.org["id"], "slug": person.org["slug"]}, "actor": entry["actor"],
                                 "target": entry["target"], "old": None, "new": entry["new"]}}
    assert invite["id"] == hit.json["data"]["target"]["id"] and "inv_" not in hit.body.decode()
    told = wait_delivery(person, made["id"], hit.id)
    assert (told["state"], told["tries"], told["status"], told["error"], told["next_attempt_at"]) == ("succeeded", 1, 204, None, None)
    assert told["body"] == hit.json and told["duration_ms"] >= 0
    assert [(a["status"], a["error"]) for a in told["attempts"]] == [(204, None)]
    assert receiver.seen(path) == [hit]


def test_a_forgery_is_refused_by_the_library(site, person, receiver, path):
    """The verification above can fail."""
    made = make(person, receiver.url(path))
    seed.activity(site.database, person.org["id"])
    hit = receiver.wait(path)[0]
    hit.body = hit.body.replace(b"somebody", b"nobody")
    assert list(standard_webhooks([(made["secret"], hit)])[0]) == ["refused"]


def test_each_endpoint_is_told_of_what_it_wants(site, person, receiver):
    wants = {"/want/all": ["*"], "/want/members": ["member.*"], "/want/one": ["member.left", "audit.failed"], "/want/other": ["subscription.*"]}
    for where, events in wants.items():
        make(person, receiver.url(where), events)
    make(person, receiver.url("/want/disabled"), enabled=False)
    for action in ("member.left", "member.removed", "audit.failed", "audit.started", "organization.deleted", "endpoint.created", "token.created"):
        seed.activity(site.database, person.org["id"], action)
    receiver.wait("/want/all", 3)
    receiver.wait("/want/members", 2)
    receiver.wait("/want/one", 2)
    types = {where: sorted(hit.json["type"] for hit in receiver.seen(where)) for where in [*wants, "/want/disabled"]}
    assert types == {"/want/all": ["audit.failed", "member.left", "member.removed"], "/want/members": ["member.left", "member.removed"],
                     "/want/one": ["audit.failed", "member.left"], "/want/other": [], "/want/disabled": []}


def test_what_was_rolled_back_is_told_to_nobody(site, person, receiver, path):
    made = make(person, receiver.url(path))
    # Its only ADMIN cannot leave: nothing has happened.
    assert person.delete(f"organizations/{person.org['id']}/members/{person.user['id']}/").status_code == 409
    connection = site.database.connect()
    try:
        if site.database.kind == "sqlite":
            connection.execute("BEGIN IMMEDIATE")
        else:
            connection.autocommit = False

        class Inside:
            def execute(self, sql, *args):
                cursor = connection.cursor()
                cursor.execute(sql if site.database.kind == "sqlite" else sql.replace("?", "%s"), args)
        seed.activity(Inside(), person.org["id"], target_label="rolled back")
        connection.rollback()
    finally:
        connection.close()
    seed.activity(site.database, person.org["id"], target_label="committed")
    receiver.wait(path)
    assert [d["type"] for d in deliveries(person, made["id"])] == ["member.removed"]
    assert [hit.json["data"]["target"]["label"] for hit in receiver.seen(path)] == ["committed"]


def test_what_an_operator_does_is_told_too(site, person, receiver, path):
    other = site.newcomer()
    make(person, receiver.url(path), ["member.*"])
    site.saasctl("member", "add", person.org["slug"], other.email, "--role", "VIEWER")
    site.saasctl("member", "remove", person.org["slug"], other.email)
    bodies = [hit.json for hit in receiver.wait(path, 2)]
    assert sorted(b["type"] for b in bodies) == ["member.added", "member.removed"]
    assert {b["data"]["actor"]["type"] for b in bodies} == {"system"}


def test_an_audit_and_its_export_are_told(site, payer, receiver, path):
    make(payer, receiver.url(path), ["audit.*", "export.*"])
    started = payer.ok("POST", "audits/start/", {"targets": [f"http://127.0.0.1:{dead_port()}/"]})
    first = receiver.wait(path)[0].json
    assert first["type"] == "audit.completed" and first["data"]["target"]["id"] == started["id"]
    reply = payer.get(f"audits/{started['id']}/export/csv/")
    told = receiver.wait(path, 2)[1].json
    assert told["type"] == "export.finished" and told["data"]["target"]["id"] == started["id"]
    assert told["data"]["new"] == {"format": "csv", "bytes": len(reply.content)}
    assert payer.ok("GET", f"organizations/{payer.org['id']}/activity/", params={"action": "export.finished"})["count"] == 1


def test_a_subscription_is_told(site, person, receiver, path):
    make(person, receiver.url(path), ["subscription.changed"])
    site.pay(person)
    body = receiver.wait(path)[0].json
    assert (body["data"]["old"]["status"], body["data"]["new"]["status"]) == ("free", "active")


def test_connections_are_kept(site, person, receiver, path):
    seed.endpoint(site.database, person.org["id"], receiver.url(path))
    seed.activity(site.database, person.org["id"], count=50)
    hits = receiver.wait(path, 50)
    assert len({hit.id for hit in hits}) == 50 and len({hit.connection for hit in hits}) <= 10


# ------------------------------------------------------------------- what fails --

def test_what_failed_is_tried_again_with_the_same_id(site, person, receiver, path):
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: handler.answer(500 if len(receiver.seen(path)) == 1 else 200, b"no\x00\xff luck")
    key = seed.activity(site.database, person.org["id"])[0]
    told = wait_delivery(person, made["id"], key)
    assert (told["state"], told["status"], told["error"], told["answer"]) == ("queued", 500, "the answer was 500", "no�� luck")
    assert one(person, made["id"])["failing_since"]
    seconds = (time_of(told["next_attempt_at"]) - time_of(told["attempted_at"])).total_seconds()
    assert 4 <= seconds <= 6
    hurry(site, made["id"])
    first, second = receiver.wait(path, 2)
    assert first.id == second.id == key and first.body == second.body
    assert standard_webhooks([(made["secret"], first), (made["secret"], second)]) == [{"body": first.json}] * 2
    told = wait_delivery(person, made["id"], key, lambda d: d["state"] == "succeeded")
    assert [a["status"] for a in told["attempts"]] == [500, 200] and told["tries"] == 2
    assert one(person, made["id"])["failing_since"] is None


def drip(handler, hit):
    """A byte now and then: nothing ever stalls, and nothing ever ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def garbage(handler, hit):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def headers(handler, hit):
    handler.send_response(200)
    for n in range(100):
        handler.send_header(f"X-{n}", "x" * 1000)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def cut(handler, hit):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
    handler.close_connection = True


@pytest.mark.parametrize("answer, status, error", [
    (404, 404, "the answer was 404"), (drip, 200, "there was no whole answer in time"), ("hang", None, "there was no whole answer in time"),
    (garbage, None, "the answer is no HTTP"), (headers, 200, "the answer has too many headers"), (cut, 200, "the connection broke"),
    (lambda handler, hit: handler.answer(302, Location="/elsewhere"), 302, "the answer was 302: redirects are not followed"),
    (lambda handler, hit: handler.answer(304), 304, "the answer was 304: redirects are not followed")])
def test_what_is_no_success(site, person, receiver, path, answer, status, error):
    made = make(person, receiver.url(path))
    receiver.answers[path] = receiver.hang if answer == "hang" else answer
    key = seed.activity(site.database, person.org["id"])[0]
    told = wait_delivery(person, made["id"], key)
    assert (told["state"], told["status"], told["error"]) == ("queued", status, error)
    assert not receiver.seen("/elsewhere")


def test_a_long_answer_is_not_read_to_its_end(site, person, receiver, path):
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: handler.answer(200, b"y" * 5000000)
    key = seed.activity(site.database, person.org["id"])[0]
    told = wait_delivery(person, made["id"], key)
    assert told["state"] == "succeeded" and told["answer"] == "y" * 1024


def test_nobody_there(site, person):
    made = make(person, f"http://127.0.0.2:{dead_port()}/")
    key = seed.activity(site.database, person.org["id"])[0]
    assert wait_delivery(person, made["id"], key)["error"] == "no connection could be made"
    made = make(person, "http://nobody.invalid/")
    key = seed.activity(site.database, person.org["id"])[0]
    assert wait_delivery(person, made["id"], key)["error"] == "the host name does not resolve"


def test_who_lies_about_an_address_is_not_called(site, person):
    """A name that leads to where nobody may be called, and an address that has got behind the check of the API."""
    victim = Receiver(address="127.0.0.1")
    try:
        made = [make(person, victim.url("/x", host="hook.localhost"))["id"],
                seed.endpoint(site.database, person.org["id"], victim.url("/x")),
                seed.endpoint(site.database, person.org["id"], victim.url("/x", host="[::ffff:127.0.0.1]")),
                seed.endpoint(site.database, person.org["id"], victim.url("/x", host="0.0.0.0"))]
        key = seed.activity(site.database, person.org["id"])[0]
        for endpoint in made:
            told = wait_delivery(person, endpoint, key)
            assert (told["state"], told["status"], told["error"]) == ("queued", None, "the address is not publicly routable"), endpoint
        assert not victim.seen("/x")
    finally:
        victim.close()


def test_tls_is_verified(site, person, receiver, path):
    pair = certificate(site.places.folder("tls"), "127.0.0.2")
    other = Receiver(certificate=pair)
    try:
        made = make(person, other.url(path))
        key = seed.activity(site.database, person.org["id"])[0]
        assert wait_delivery(person, made["id"], key)["error"].startswith("TLS: the certificate is not valid")
        assert not other.seen(path)
        # Who is vouched for is sent it; under another name, again not.
        site.httpd.restart("\n".join([*site.parts, f"SaasNotifyCA {pair[0]}", "SaasNotifyAllow 127.0.0.1", "SaasNotifyHTTP Off"]))
        hurry(site, made["id"])
        assert other.wait(path)[0].id == key
        made = make(person, other.url(path + "/name", host="localhost"))
        key = seed.activity(site.database, person.org["id"])[0]
        assert wait_delivery(person, made["id"], key)["error"]
        assert not other.seen(path + "/name")
        # Plain http is refused now, also to an endpoint that was made while it was allowed.
        assert person.post(ENDPOINTS, {"url": receiver.url(path), "events": ["*"]}).status_code == 400
        plain = seed.endpoint(site.database, person.org["id"], receiver.url(path))
        key = seed.activity(site.database, person.org["id"])[0]
        assert wait_delivery(person, plain, key)["error"] == "plain http is not allowed by this server" and not receiver.seen(path)
        hurry(site, plain, queued_at=days_ago(3))
        assert len(wait_delivery(person, plain, key, lambda d: d["state"] == "failed")["attempts"]) == 2
    finally:
        other.close()
        site.httpd.restart("\n".join(site.parts))


@pytest.mark.parametrize("status, given, least, most", [(429, "3600", 3590, 3610), (503, "3600", 3590, 3610), (503, "99999999", 21590, 21610),
                                                        (500, "3600", 4, 6), (429, "1", 4, 6), (429, "soon", 4, 6)])
def test_an_endpoint_may_say_when(site, person, receiver, path, status, given, least, most):
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: handler.answer(status, Retry_After=given)
    key = seed.activity(site.database, person.org["id"])[0]
    told = wait_delivery(person, made["id"], key)
    assert least <= (time_of(told["next_attempt_at"]) - time_of(told["attempted_at"])).total_seconds() <= most
    quiet = site.database.execute("SELECT quiet_until > updated_at FROM notify_endpoints WHERE id = ?", made["id"])[0][0]
    if most > 1000:
        # Nothing else is sent either.
        assert quiet
        seed.activity(site.database, person.org["id"])
        witness = make(person, receiver.url(path + "/witness"))
        seed.activity(site.database, person.org["id"])
        wait_delivery(person, witness["id"], receiver.wait(path + "/witness")[0].id)
        assert len(receiver.seen(path)) == 1


def test_one_that_goes_on_failing_is_left_alone(site, person, receiver, path):
    key = seed.endpoint(site.database, person.org["id"], receiver.url(path), streak=1)
    receiver.answers[path] = 500
    seed.activity(site.database, person.org["id"], count=40)
    wait(lambda: site.database.execute("SELECT streak FROM notify_endpoints WHERE id = ?", key)[0][0] >= 3)
    # One at a time, until it was enough.
    assert len(receiver.seen(path)) == 2


@DISABLED
def test_one_that_is_gone_is_disabled(site, person, receiver, relay, path):
    made = make(person, receiver.url(path))
    receiver.answers[path] = 410
    key = seed.activity(site.database, person.org["id"])[0]
    told = wait_delivery(person, made["id"], key)
    assert (told["state"], told["status"]) == ("failed", 410)
    shown = one(person, made["id"])
    assert not shown["enabled"] and shown["disabled_reason"] == "gone"
    message = relay.wait(person.email)[0]
    assert "410 Gone" in message.part("plain") and receiver.url(path) in message.part("plain")
    trail = person.ok("GET", f"organizations/{person.org['id']}/activity/", params={"action": "endpoint.disabled"})["results"]
    assert [(e["actor"]["type"], e["new"]) for e in trail] == [("system", {"reason": "gone"})]
    for rest in ("test/", f"deliveries/{key}/replay/"):
        reply = person.post(f"{ENDPOINTS}{made['id']}/{rest}")
        assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    seed.activity(site.database, person.org["id"])
    assert len(deliveries(person, made["id"])) == 1
    # Mended.
    receiver.answers[path] = 204
    shown = person.ok("PATCH", f"{ENDPOINTS}{made['id']}/", {"enabled": True})
    assert shown["enabled"] and shown["disabled_reason"] is None
    person.ok("POST", f"{ENDPOINTS}{made['id']}/deliveries/{key}/replay/")
    assert wait_delivery(person, made["id"], key, lambda d: d["state"] != "queued")["state"] == "succeeded"
    assert {hit.id for hit in receiver.wait(path, 2)} == {key}


def days_ago(days):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@DISABLED
def test_what_has_failed_for_days_is_given_up_and_then_disabled(site, person, receiver, relay, path):
    receiver.answers[path] = 500
    key = seed.endpoint(site.database, person.org["id"], receiver.url(path))
    message = seed.activity(site.database, person.org["id"])[0]
    wait_delivery(person, key, message)
    # The message after three days: given up; the endpoint has failed for four, which is not long enough.
    site.database.execute("UPDATE notify_endpoints SET failing_since = ? WHERE id = ?", days_ago(4), key)
    hurry(site, key, queued_at=days_ago(3))
    told = wait_delivery(person, key, message, lambda d: d["state"] == "failed")
    assert told["next_attempt_at"] is None and len(told["attempts"]) == 2
    assert one(person, key)["enabled"]
    # Another one, and by now it is five days.
    message = seed.activity(site.database, person.org["id"])[0]
    wait_delivery(person, key, message)
    assert one(person, key)["enabled"]
    site.database.execute("UPDATE notify_endpoints SET failing_since = ? WHERE id = ?", days_ago(5.1), key)
    hurry(site, key, queued_at=days_ago(3))
    wait(lambda: one(person, key)["disabled_reason"] == "failing")
    assert not one(person, key)["enabled"]
    assert "for days" in relay.wait(person.email)[0].part("plain")


# ---------------------------------------------------------------- secrets, replays --

def test_a_rotated_secret_signs_for_a_while(site, person, receiver, path):
    made = make(person, receiver.url(path))
    reply = person.post(f"{ENDPOINTS}{made['id']}/rotate/")
    rotated = reply.json()
    assert reply.status_code == 200 and "no-store" in reply.headers["Cache-Control"] and rotated["secret"] != made["secret"]
    hours = (time_of(rotated["previous_secret_until"]) - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 3600
    assert 23.9 < hours < 24.1
    seed.activity(site.database, person.org["id"])
    both = receiver.wait(path)[0]
    site.database.execute("UPDATE notify_endpoints SET previous_until = ? WHERE id = ?", LONG_AGO, made["id"])
    seed.activity(site.database, person.org["id"])
    alone = receiver.wait(path, 2)[1]
    verdicts = standard_webhooks([(made["secret"], both), (rotated["secret"], both), (made["secret"], alone), (rotated["secret"], alone)])
    assert [list(v)[0] for v in verdicts] == ["body", "body", "refused", "body"]
    assert both.headers["webhook-signature"].count("v1,") == 2 and alone.headers["webhook-signature"].count("v1,") == 1


def test_a_test(person, receiver, path):
    made = make(person, receiver.url(path), ["subscription.*"])
    reply = person.post(f"{ENDPOINTS}{made['id']}/test/")
    assert reply.status_code == 202 and reply.json()["state"] == "queued"
    hit = receiver.wait(path)[0]
    assert hit.id == reply.json()["id"] and hit.json["type"] == "endpoint.test"
    assert hit.json["data"] == {"organization": {"id": person.org["id"], "slug": person.org["slug"]}, "endpoint": {"id": made["id"]}}
    assert standard_webhooks([(made["secret"], hit)]) == [{"body": hit.json}]


def test_a_replay(site, person, receiver, path):
    made = make(person, receiver.url(path))
    key = seed.activity(site.database, person.org["id"])[0]
    wait_delivery(person, made["id"], key)
    where = f"{ENDPOINTS}{made['id']}/deliveries/{key}/replay/"
    assert person.post(where).status_code == 202
    first, second = receiver.wait(path, 2)
    assert first.id == second.id and first.body == second.body
    told = wait_delivery(person, made["id"], key, lambda d: len(d["attempts"]) == 2)
    assert told["state"] == "succeeded" and told["tries"] == 1
    for key in (str(uuid.uuid4()), "x", made["id"]):
        assert person.post(f"{ENDPOINTS}{made['id']}/deliveries/{key}/replay/").status_code == 404
        assert person.get(f"{ENDPOINTS}{made['id']}/deliveries/{key}/").status_code == 404


def test_attempts_are_kept_up_to_a_number(site, person, receiver, path):
    made = make(person, receiver.url(path))
    key = seed.activity(site.database, person.org["id"])[0]
    wait_delivery(person, made["id"], key)
    attempts = json.dumps([{"at": LONG_AGO, "status": n, "duration_ms": 1, "error": None} for n in range(30)])
    site.database.execute("UPDATE notify_deliveries SET attempts = ? WHERE message_id = ?", attempts, key)
    person.ok("POST", f"{ENDPOINTS}{made['id']}/deliveries/{key}/replay/")
    told = wait_delivery(person, made["id"], key, lambda d: d["attempts"][-1]["status"] == 204)
    assert [a["status"] for a in told["attempts"]] == [*range(1, 30), 204]


def test_the_list(site, person, receiver, path):
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: handler.answer(204 if hit.json["type"] == "member.left" else 500)
    keys = [seed.activity(site.database, person.org["id"], action)[0] for action in ("member.left", "member.removed", "member.left")]
    wait(lambda: all(d["status"] for d in deliveries(person, made["id"])))
    assert [d["id"] for d in deliveries(person, made["id"])] == keys[::-1]
    assert [d["id"] for d in deliveries(person, made["id"], state="succeeded")] == [keys[2], keys[0]]
    assert [d["id"] for d in deliveries(person, made["id"], type="member.removed", state="queued")] == [keys[1]]
    assert [d["id"] for d in deliveries(person, made["id"], page=2, page_size=1)] == [keys[1]]
    assert person.get(f"{ENDPOINTS}{made['id']}/deliveries/?state=lost").status_code == 400


# ------------------------------------------------------------------- neighbours --

def test_neighbours_that_hang_delay_nobody(site, receiver, bob):
    """As many messages as are sent at once are on their way to endpoints that never answer, and more wait for them: another
    organization's come through before one of those is over."""
    hanging = {}
    for person in (site.newcomer() for _ in range(3)):
        for n in range(3):
            path = next(paths)
            receiver.answers[path] = receiver.hang
            hanging[seed.endpoint(site.database, person.org["id"], receiver.url(path))] = (person.org["id"], path)
        seed.activity(site.database, person.org["id"], count=20)

    def sent(org=None):
        return [len(receiver.seen(path)) for its, path in hanging.values() if org in (None, its)]

    wait(lambda: sum(sent()) >= 16)
    good = seed.endpoint(site.database, bob.org["id"], receiver.url("/good"))
    seed.activity(site.database, bob.org["id"], count=20)
    receiver.wait("/good", 20)
    marks = ", ".join("?" * len(hanging))
    over = site.database.execute(f"SELECT count(*) FROM notify_deliveries WHERE attempted_at IS NOT NULL AND endpoint_id IN ({marks})", *hanging)
    now, by_organization = sent(), [sum(sent(org)) for org in {org for org, _ in hanging.values()}]
    site.database.execute(f"UPDATE notify_endpoints SET enabled = ? WHERE id IN ({marks})", False, *hanging)
    assert over[0][0] == 0 and one(bob, good)["failing_since"] is None
    assert max(now) <= 4 and max(by_organization) <= 6


def test_who_has_lost_the_claim_writes_nothing(site, person, receiver, path):
    """Another node has taken a message over while this one still waits for the answer."""
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: (takeover(), handler.answer(200))

    def takeover():
        site.database.execute("UPDATE notify_deliveries SET lease_owner = 'another', run_after = ? WHERE endpoint_id = ?",
                              "2036-01-01T00:00:00.000000Z", made["id"])

    key = seed.activity(site.database, person.org["id"])[0]
    receiver.wait(path)
    # What is sent after it is written after it.
    witness = make(person, receiver.url(path + "/witness"))
    other = person.ok("POST", f"{ENDPOINTS}{witness['id']}/test/")["id"]
    wait_delivery(person, witness["id"], other)
    rows = site.database.execute("SELECT state, lease_owner, status, attempts FROM notify_deliveries WHERE message_id = ?", key)
    assert [(r[0], r[1], r[2], r[3] if isinstance(r[3], list) else json.loads(r[3])) for r in rows] == [("queued", "another", None, [])]


def test_what_a_dead_node_had_claimed_is_due_when_its_lease_is_over(site, person, receiver, path):
    made = make(person, receiver.url(path), enabled=False)
    key = seed.endpoint(site.database, person.org["id"], receiver.url(path))
    site.database.execute("UPDATE notify_endpoints SET quiet_until = ? WHERE id = ?", "2036-01-01T00:00:00.000000Z", key)
    message = seed.activity(site.database, person.org["id"])[0]
    site.database.execute("UPDATE notify_deliveries SET lease_owner = 'dead', tries = 1, run_after = ? WHERE endpoint_id = ?", LONG_AGO, key)
    site.database.execute("UPDATE notify_endpoints SET quiet_until = NULL WHERE id = ?", key)
    assert receiver.wait(path)[0].id == message and made["id"] != key
    assert wait_delivery(person, key, message)["tries"] == 2


def test_a_message_that_is_being_sent_is_not_sent_twice(site, person, receiver, path):
    made = make(person, receiver.url(path))
    replies = []
    where = f"{ENDPOINTS}{made['id']}/deliveries/"
    receiver.answers[path] = lambda handler, hit: (replies.append(person.post(f"{where}{hit.id}/replay/")), handler.answer(200))
    key = seed.activity(site.database, person.org["id"])[0]
    wait_delivery(person, made["id"], key)
    assert [r.status_code for r in replies] == [409] and len(receiver.seen(path)) == 1


def test_a_deleted_organization_is_told_nothing(site, receiver, path):
    person = site.newcomer()
    seed.endpoint(site.database, person.org["id"], receiver.url(path), quiet_until="2036-01-01T00:00:00.000000Z")
    seed.activity(site.database, person.org["id"])
    assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
    site.database.execute("UPDATE notify_endpoints SET quiet_until = NULL WHERE org_id = ?", person.org["id"])
    wait(lambda: not site.database.execute("SELECT 1 FROM notify_endpoints WHERE org_id = ?", person.org["id"]))
    assert not receiver.seen(path)
    assert not site.database.execute("SELECT 1 FROM notify_deliveries WHERE org_id = ?", person.org["id"])


# ------------------------------------------------------------------------- purge --

def test_what_is_old_goes(site, person, receiver):
    org = person.org["id"]
    keep, gone, off = (seed.endpoint(site.database, org, receiver.url(f"/purge/{n}"), enabled=False) for n in range(3))

    def row(endpoint, key, state="succeeded", run_after=None):
        site.database.execute("INSERT INTO notify_deliveries (org_id, endpoint_id, message_id, type, state, created_at, queued_at, run_after)"
                              " VALUES (?, ?, ?, 'member.left', ?, ?, ?, ?)", org, endpoint, key, state, seed.now(), seed.now(), run_after or seed.now())
        return key

    def key_of(days):
        ms = int((time.time() - days * 86400) * 1000)
        return str(uuid.UUID(int=ms << 80 | 0x7 << 76 | 0x2 << 62 | uuid.uuid4().int & (1 << 62) - 1))

    old, young = row(keep, key_of(30.1)), row(keep, key_of(29.9))
    row(gone, key_of(1))
    late, waits = row(off, key_of(4), "queued", days_ago(3.1)), row(off, key_of(2), "queued", days_ago(2.9))
    site.database.execute("UPDATE notify_endpoints SET deleted_at = ? WHERE id = ?", seed.now(), gone)
    seed.hurry(site.database, "notify.purge")
    wait(lambda: not site.database.execute("SELECT 1 FROM notify_endpoints WHERE id = ?", gone))

    def states():
        rows = site.database.execute("SELECT message_id, state FROM notify_deliveries WHERE org_id = ?", org)
        return {str(key): state for key, state in rows}

    wait(lambda: old not in states() and states()[late] == "failed")
    assert states() == {young: "succeeded", late: "failed", waits: "queued"}


# ----------------------------------------------------------------------- metrics --

def test_what_is_counted(site, person, receiver, path):
    made = make(person, receiver.url(path))
    receiver.answers[path] = lambda handler, hit: handler.answer(500 if len(receiver.seen(path)) == 1 else 204)
    with moved(site) as change:
        key = seed.activity(site.database, person.org["id"])[0]
        wait_delivery(person, made["id"], key)
        hurry(site, made["id"])
        wait_delivery(person, made["id"], key, lambda d: d["state"] == "succeeded")
    # Other tests' messages may be tried again meanwhile.
    counted = change.of("notify_attempts")
    assert counted['outcome="failed"'] >= 1 and counted['outcome="succeeded"'] >= 1 and set(counted) <= {'outcome="failed"', 'outcome="succeeded"'}
    waiting = site.database.execute("SELECT count(*) FROM notify_deliveries WHERE state = 'queued'")[0][0]
    assert scrape(site)["saas_notify_waiting"] == waiting


# ----------------------------------------------------------------------- secrets --

def test_nothing_secret_is_logged(site, person, receiver, path):
    made = make(person, receiver.url(path))
    seed.activity(site.database, person.org["id"], target_label="a label that nobody logs")
    hit = receiver.wait(path)[0]
    logs = site.httpd.error_log.read_text(errors="replace")
    for secret in (made["secret"], hit.headers["webhook-signature"], "a label that nobody logs"):
        assert secret not in logs
