"""Mail: from a row of the queue to a real SMTP server, and what happens when that does not take it."""

import email.utils
import re
import socket
import time

import pytest

from saastest import Api, Httpd, seed
from saastest.places import free_port
from saastest.site import MOUNTS
from saastest.smtp import SmtpServer, certificate

pytestmark = pytest.mark.long(60)
PORT = free_port()
SENDER = "noreply@example.test"
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom "Tëst Product <{SENDER}>"
LogLevel saas_mail:info
"""
LATER = pytest.mark.expects("SAAS1204")
DEAD = pytest.mark.expects("SAAS1205", "SAAS2403")


@pytest.fixture(scope="module")
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


@pytest.fixture
def relay(smtp, site):
    """The server, with nothing of an earlier test's in it or in the queue."""
    seed.forget_jobs(site.database, "mail")
    smtp.refuse.clear()
    smtp.messages.clear()
    yield smtp
    smtp.refuse.clear()
    if smtp.controller is None:
        smtp.start()
    seed.forget_jobs(site.database, "mail")


@pytest.fixture
def configured(site):
    """A function that restarts the server with more directives; afterwards they are gone."""
    def configure(*lines):
        site.httpd.restart("\n".join([*site.parts, *lines]))
    yield configure
    site.httpd.restart("\n".join(site.parts))


numbers = iter(range(1, 10000))


def send(site, template="invite", to=None, until=None, **variables):
    """A message in the queue; (id of its job, address)."""
    to = to if to is not None else f"friend{next(numbers)}@example.test"
    payload = {"template": template, "to": to, "vars": {"organization": "Acme", "inviter": "Ada", "role": "MEMBER",
                                                        "url": "https://app.example.test/i/abc", **variables}}
    if until:
        payload["expires_at"] = until
    return seed.job(site.database, "mail", payload), to


def wait_job(site, key, wanted, seconds=60):
    """Waits until the job's state is the wanted one (None: it is gone); its (state, attempts, error)."""
    until = time.monotonic() + seconds
    while True:
        row = seed.jobs(site.database, "mail").get(key)
        if (row is None) == (wanted is None) and (row is None or (row[0] == wanted and (wanted == "dead" or row[2]))):
            return row
        assert time.monotonic() < until, f"the job is {row}, not {wanted}"
        time.sleep(0.05)


# ------------------------------------------------------------------ the message --

def test_a_message_arrives_as_the_rules_of_mail_want_it(site, relay):
    key, to = send(site)
    message = relay.wait(to)[0]
    wait_job(site, key, None)
    parsed = message.parsed
    assert message.sender == SENDER and message.recipients == [to]
    assert email.utils.parseaddr(str(parsed["From"])) == ("Tëst Product", SENDER)
    assert parsed["To"].addresses[0].addr_spec == to
    assert parsed["Subject"] == "Join Acme on Tëst Product"
    assert parsed["Message-ID"] == f"<{key}@example.test>"
    assert parsed["MIME-Version"] == "1.0" and parsed["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", parsed["Date"])
    assert abs(email.utils.parsedate_to_datetime(parsed["Date"]).timestamp() - time.time()) < 60
    assert parsed.get_content_type() == "multipart/alternative" and not parsed.defects
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    for part in ("plain", "html"):
        assert "https://app.example.test/i/abc" in message.part(part) and "Acme" in message.part(part)
    assert len(relay.messages) == 1


def test_what_travels_is_short_lines_of_ascii(site, relay):
    to = send(site, organization="株式会社" * 12, inviter="Ünïcødé " * 9)[1]
    raw = relay.wait(to)[0].raw
    raw.decode("ascii")
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0 == raw.replace(b"\r\n", b"").count(b"\r")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78


@pytest.mark.parametrize("name", ["Ünïcødé GmbH", "株式会社" * 12, "🚀" * 30, "=?UTF-8?B?SGk=?=", "a" * 200, "Dot . and = and _", "Quotes \" and \\"])
def test_names_arrive_as_they_are(site, relay, name):
    message = relay.wait(send(site, organization=name)[1])[0]
    assert message.parsed["Subject"] == f"Join {name} on Tëst Product"
    assert name in message.part("plain")


def test_values_cannot_become_html(site, relay):
    evil = "<script>alert('x')</script>&amp;\"{{url}}{{#role}}"
    message = relay.wait(send(site, organization=evil)[1])[0]
    assert evil in message.part("plain")
    html = message.part("html")
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;&quot;{{url}}{{#role}}" in html


def test_lines_of_dots_stay(site, relay):
    text = "before\n.\n..\n.after\n\nend"
    assert text in relay.wait(send(site, role=text)[1])[0].part("plain").replace("\r\n", "\n")


def test_an_address_beyond_ascii(site, relay):
    key, to = send(site, to="jürgen@example.test")
    assert relay.wait(to)[0].recipients == [to]


# ---------------------------------------------------------------- no injection --

@DEAD
@pytest.mark.parametrize("value", ["x\r\nBcc: evil@example.test", "x\nBcc: evil@example.test", "x\rBcc: evil@example.test", "a\u0085b", "a\u2028b", "a\x7fb", "\t"])
def test_a_control_character_in_a_header_refuses_the_message(site, relay, value):
    key, to = send(site, organization=value)
    state, attempts, error = wait_job(site, key, "dead")
    assert attempts == 1 and "control character" in error
    assert not relay.messages


@DEAD
@pytest.mark.parametrize("to", ["a@example.test\r\nBcc: evil@example.test", "a@example.test\nRCPT TO:<evil@example.test>", "a@example.test>,<evil@example.test",
                                "a@example.test, evil@example.test", "a b@example.test", "", "nobody", "a@example.test\r\nDATA"])
def test_a_recipient_is_one_address(site, relay, to):
    key = send(site, to=to)[0]
    assert "address" in wait_job(site, key, "dead")[2]
    assert not relay.messages


@DEAD
@pytest.mark.parametrize("payload", [{}, {"template": "invite"}, {"template": "no_such", "to": "a@example.test"}, {"template": "../../x", "to": "a@example.test"},
                                     {"template": 7, "to": "a@example.test"}, {"template": "invite", "to": 7}, [], "text"])
def test_a_payload_that_is_none_is_dead(site, relay, payload):
    key = seed.job(site.database, "mail", payload)
    wait_job(site, key, "dead")
    assert not relay.messages


def test_times_are_put_as_people_do(site, relay):
    message = relay.wait(send(site, expires_at="2031-11-29T07:14:02.736631Z")[1])[0]
    assert "until 29 Nov 2031 07:14 UTC." in message.part("plain") and "2031-11-29" not in message.part("html")


def test_variables_of_other_types_are_nothing(site, relay):
    message = relay.wait(send(site, inviter=None, role=["x"])[1])[0]
    assert "you are invited to join Acme." in message.part("plain").replace("\r\n", " ")


# --------------------------------------------------------------------- failure --

@LATER
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_4xx_is_tried_again(site, relay, command):
    relay.refuse[command] = "451 4.7.1 Greylisted, come back"
    key, to = send(site)
    state, attempts, error = wait_job(site, key, "queued")
    assert attempts == 1 and "451 4.7.1 Greylisted" in error and not relay.messages
    relay.refuse.clear()
    seed.hurry(site.database, "mail")
    message = relay.wait(to)[0]
    wait_job(site, key, None)
    assert message.parsed["Message-ID"] == f"<{key}@example.test>" and len(relay.messages) == 1


@LATER
def test_a_relay_that_is_away_is_waited_for(site, relay):
    relay.stop()
    key, to = send(site)
    state, attempts, error = wait_job(site, key, "queued")
    assert attempts == 1 and "connect" in error.lower()
    relay.start()
    seed.hurry(site.database, "mail")
    relay.wait(to)
    wait_job(site, key, None)


@DEAD
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_5xx_is_for_good(site, relay, command):
    relay.refuse[command] = "550 5.1.1 No such user here"
    key, to = send(site)
    state, attempts, error = wait_job(site, key, "dead")
    assert attempts == 1 and "550 5.1.1 No such user here" in error
    relay.refuse.clear()
    seed.hurry(site.database, "mail")
    time.sleep(1.5)
    assert not relay.messages and seed.jobs(site.database, "mail")[key][0] == "dead"


@LATER
@DEAD
def test_the_last_attempt_is_the_last(site, relay):
    relay.refuse["RCPT"] = "451 Not now"
    key, to = send(site)
    wait_job(site, key, "queued")
    seed.hurry(site.database, "mail", attempts=7)
    state, attempts, error = wait_job(site, key, "dead")
    assert attempts == 8 and "451 Not now" in error


@DEAD
def test_the_log_names_neither_person_nor_link(site, relay):
    relay.refuse["RCPT"] = "550 No"
    log = site.httpd.watch()
    key = send(site, to="very.private@example.test", url="https://app.example.test/i/secret-token-1")[0]
    wait_job(site, key, "dead")
    said = log.text()
    assert "SAAS2403" in said and key in said
    assert "very.private" not in said and "secret-token-1" not in said


@pytest.mark.expects("SAAS2402")
def test_what_has_expired_is_not_sent(site, relay):
    key = send(site, until="2026-01-01T00:00:00Z")[0]
    wait_job(site, key, None)
    assert not relay.messages


def test_a_relay_that_falls_silent_keeps_nobody(site, relay):
    """A stop of the server ends the conversation at once; the message stays, and the attempt does not count."""
    relay.stop()
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", PORT))
        silent.listen()
        silent.settimeout(20)
        key, to = send(site)
        connection = silent.accept()[0]
        for said in (b"220 hello\r\n", b"250 hello\r\n"):
            connection.sendall(said)
            assert connection.recv(1000)
        # Longer than a lease lasts: it is renewed meanwhile, and nobody else takes the job.
        silent.settimeout(12)
        with pytest.raises(TimeoutError):
            silent.accept()
        assert seed.jobs(site.database, "mail")[key][:2] == ("running", 1)
        started = time.monotonic()
        site.httpd.stop()
        assert time.monotonic() - started < 8
        connection.close()
    assert seed.jobs(site.database, "mail")[key][:2] == ("queued", 0)
    relay.start()
    site.httpd.start()
    relay.wait(to)
    wait_job(site, key, None)


def test_a_burst_arrives_once_each(site, relay):
    sent = [send(site)[1] for _ in range(30)]
    for to in sent:
        relay.wait(to)
    until = time.monotonic() + 60
    while seed.jobs(site.database, "mail"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert sorted(m.recipients[0] for m in relay.messages) == sorted(sent)


# ----------------------------------------------------------------- TLS, password --

@LATER
def test_starttls(site, relay, configured):
    folder = site.places.folder("tls")
    pair, other = certificate(folder), certificate(folder, "elsewhere.test")
    relay.restart(tls=pair)
    configured("SaasMailTLS require", f"SaasMailCA {pair[0]}")
    key, to = send(site)
    assert relay.wait(to)[0].tls
    wait_job(site, key, None)
    # Nobody vouches for this certificate: the message waits instead of going to whoever this is.
    relay.restart(tls=other)
    key = send(site)[0]
    assert "certificate" in wait_job(site, key, "queued")[2].lower()
    # No TLS is offered.
    relay.restart()
    relay.messages.clear()
    seed.hurry(site.database, "mail")
    until = time.monotonic() + 60
    while seed.jobs(site.database, "mail")[key][1] < 2 or seed.jobs(site.database, "mail")[key][0] != "queued":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not relay.messages
    # "try" takes what there is.
    configured("SaasMailTLS try", f"SaasMailCA {pair[0]}")
    seed.hurry(site.database, "mail")
    wait_job(site, key, None)
    assert len(relay.messages) == 1 and not relay.messages[0].tls
    relay.restart(tls=pair)
    assert relay.wait(send(site)[1])[0].tls
    relay.restart()


@LATER
def test_user_and_password(site, relay, configured):
    folder = site.places.folder("tls")
    pair = certificate(folder)
    secret = folder / "relay.password"
    secret.write_text("s3cret pass phrase\n")
    secret.chmod(0o600)
    relay.restart(tls=pair, user="mailer", password="s3cret pass phrase")
    configured("SaasMailTLS require", f"SaasMailCA {pair[0]}", "SaasMailUser mailer", f"SaasMailPassword file:{secret}")
    message = relay.wait(send(site)[1])[0]
    assert message.tls and message.user == "mailer"
    # A password that is wrong is the operator's to mend: no message is lost over it.
    configured("SaasMailTLS require", f"SaasMailCA {pair[0]}", "SaasMailUser mailer", "SaasMailPassword wrong")
    key, to = send(site)
    assert wait_job(site, key, "queued")[1] == 1
    configured("SaasMailTLS require", f"SaasMailCA {pair[0]}", "SaasMailUser mailer", f"SaasMailPassword file:{secret}")
    seed.hurry(site.database, "mail")
    relay.wait(to)
    wait_job(site, key, None)
    relay.restart()


def test_without_a_relay_mail_is_dropped_and_said_to_be(site, relay):
    conf = "\n".join(site.parts).replace(f"SaasMailRelay smtp://127.0.0.1:{PORT}", "")
    site.httpd.restart(conf)
    try:
        log = site.httpd.watch()
        key = send(site)[0]
        wait_job(site, key, None)
        assert "SAAS2401" in log.text() and not relay.messages
    finally:
        site.httpd.restart("\n".join(site.parts))


# ------------------------------------------------------------------- templates --

def test_an_operators_templates_replace_ours(site, relay, configured):
    folder = site.places.folder("templates")
    (folder / "invite.txt").write_text("Subject: {{organization}} ruft{{#role}} ({{role}}){{/role}}\r\n\r\nGrüße: {{url}}{{^nothing}} nichts{{/nothing}}\r\n")
    (folder / "password_changed.txt").write_text("Subject: Neu\n\nText {{name}}\n")
    (folder / "password_changed.html").write_text("<p>HTML {{name}}</p>\n")
    configured(f"SaasMailTemplates {folder}")
    message = relay.wait(send(site, organization="Größe")[1])[0]
    assert message.parsed["Subject"] == "Größe ruft (MEMBER)"
    assert message.parsed.get_content_type() == "text/plain"
    assert message.part("plain").strip() == "Grüße: https://app.example.test/i/abc nichts"
    message = relay.wait(send(site, "password_changed", name="<Ada>")[1])[0]
    assert message.part("plain").strip() == "Text <Ada>" and message.part("html").strip() == "<p>HTML &lt;Ada&gt;</p>"
    message = relay.wait(send(site, "payment_failed")[1])[0]
    assert message.parsed["Subject"] == "A payment for Acme failed", "those that are not replaced stay"


def test_the_products_name_is_the_senders_where_that_has_none(site, relay, configured):
    """The console's tests have the rest of it: one name in pages and in mail."""
    configured('SaasProductName "Größer & Söhne"')
    message = relay.wait(send(site)[1])[0].parsed
    assert email.utils.parseaddr(str(message["From"]))[0] == "Tëst Product" and message["Subject"] == "Join Acme on Tëst Product"
    configured('SaasProductName "Größer & Söhne"', f"SaasMailFrom {SENDER}")
    message = relay.wait(send(site)[1])[0]
    assert email.utils.parseaddr(str(message.parsed["From"])) == ("Größer & Söhne", SENDER)
    assert message.parsed["Subject"] == "Join Acme on Größer & Söhne" and "<title>Größer &amp; Söhne</title>" in message.part("html")


@pytest.fixture(scope="module")
def httpd(databases):
    server = Httpd()
    yield server
    server.close()


DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'
GOOD = 'SaasMailRelay smtp://127.0.0.1\nSaasMailFrom "A <a@example.test>"\n'


@pytest.mark.parametrize("text", ["no subject", "Subject:\n\nx", "Subject: x\nno empty line", "Subject: {{x\n\ny", "Subject: x\n\n{{#a}}", "Subject: x\n\n{{/a}}",
                                  "Subject: x\n\n{{#a}}{{#b}}{{/a}}{{/b}}", "Subject: x\n\n{{A}}", "Subject: x\n\n{{}}", b"Subject: x\n\n\xff", b"Subject: x\n\n\0"])
def test_bad_templates_are_refused_at_configtest(httpd, text):
    folder = httpd.places.folder("bad")
    (folder / "invite.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    status, said = httpd.configtest(DB + MOUNTS + GOOD + f"SaasMailTemplates {folder}\n")
    assert status != 0 and "SaasMailTemplates" in said and "invite" in said


@pytest.mark.parametrize("line, word", [
    ("SaasMailRelay http://127.0.0.1", "SaasMailRelay"), ("SaasMailRelay smtp://user@127.0.0.1", "SaasMailRelay"), ("SaasMailRelay 127.0.0.1:25", "SaasMailRelay"),
    ("SaasMailRelay smtp:///", "SaasMailRelay"), ("SaasMailTLS maybe", "SaasMailTLS"), ("SaasMailFrom nobody", "SaasMailFrom"),
    ('SaasMailFrom "A <a@example.test"', "SaasMailFrom"), ('SaasMailFrom "A <>"', "SaasMailFrom"), ('SaasMailFrom "A\x01 <a@example.test>"', "SaasMailFrom"),
    ("SaasProductName " + "a" * 101, "SaasProductName"), ('SaasProductName "a\x01b"', "SaasProductName"), ("SaasProductName a\u2028b", "SaasProductName"),
    ("SaasMailUser mailer", "SaasMailPassword"), ('SaasMailPassword ""', "SaasMailPassword"), ("SaasMailPassword file:/nonexistent", "/nonexistent"),
    ("SaasMailTemplates /nonexistent", "/nonexistent"), ("SaasMailCA /nonexistent.pem", "/nonexistent.pem"), ("SaasPasswordResetURL https://x.test/", "{token}"),
    ("SaasPasswordResetURL javascript:{token}", "SaasPasswordResetURL"), ("SaasHashConcurrency 0", "SaasHashConcurrency"), ("SaasThrottleCache file", "SaasThrottleCache"),
    ("SaasThrottleCache redis:127.0.0.1:6379", "socache_redis"),
])
def test_bad_directives_are_refused_at_configtest(httpd, line, word):
    status, said = httpd.configtest(DB + MOUNTS + GOOD + line + "\n")
    assert status != 0 and word in said, said


def test_a_relay_needs_a_sender(httpd):
    status, said = httpd.configtest(DB + MOUNTS + "SaasMailRelay smtp://127.0.0.1\n")
    assert status != 0 and "SaasMailFrom" in said


def test_all_of_a_relays_directives_together(httpd):
    status, said = httpd.configtest(DB + MOUNTS + GOOD + "SaasMailTLS require\nSaasMailUser u\nSaasMailPassword p\n")
    assert status == 0, said


# ---------------------------------------------------------------------- causes --

def test_a_failed_payment_is_told_to_the_admins(site, relay):
    from saastest import stripe
    owner, second, member = site.newcomer(organization="Payer & Sons"), site.newcomer(), site.newcomer()
    seed.member(site.database, owner.org["id"], second.user["id"], "ADMIN")
    seed.member(site.database, owner.org["id"], member.user["id"], "MEMBER")
    story = stripe.Story(owner.org["id"], site.price)
    for event in (story.created(), story.updated("active")):
        assert site.deliver(event).status_code == 200
    failed = story.invoice("invoice.payment_failed", at=100, reason="subscription_cycle")
    assert site.deliver(failed).status_code == 200
    for admin in (owner, second):
        message = relay.wait(admin.email)[0]
        assert message.parsed["Subject"] == "A payment for Payer & Sons failed"
        assert "https://app.example.test/billing" in message.part("plain")
    # Delivered twice, applied once.
    assert site.deliver(failed).status_code == 200
    time.sleep(1.5)
    assert len(relay.messages) == 2 and not relay.to(member.email)


def test_a_change_of_address_is_told_to_both(site, relay):
    person = site.newcomer(name="Ada")
    new = f"new-{person.email}"
    for body, field in (({"email": new}, "password"), ({"email": new, "password": "wrong password 1"}, "password"),
                        ({"email": "nonsense", "password": person.password}, "email")):
        reply = person.patch("auth/me/", body)
        assert reply.status_code == 400 and field in reply.json(), reply.text
    other = site.newcomer()
    reply = person.patch("auth/me/", {"email": other.email.upper(), "password": person.password})
    assert reply.status_code == 400 and list(reply.json()) == ["email"]
    assert person.ok("GET", "auth/me/")["email"] == person.email and not relay.messages
    # The profile as it is, sent back, is no change.
    assert person.ok("PATCH", "auth/me/", {"email": person.email, "name": "Ada L."})["name"] == "Ada L."
    assert person.ok("PATCH", "auth/me/", {"email": new, "password": person.password})["email"] == new
    for to in (person.email, new):
        message = relay.wait(to)[0]
        assert message.parsed["Subject"] == "Your e-mail address was changed"
        assert person.email in message.part("plain") and new in message.part("plain") and "Ada" in message.part("plain")
    assert Api(site.base).post("auth/login/", {"email": person.email, "password": person.password}).status_code == 401
    assert Api(site.base).post("auth/login/", {"email": new, "password": person.password}).status_code == 200


def test_a_changed_password_is_told(site, relay):
    person = site.newcomer()
    assert person.post("auth/password/", {"old": person.password, "new": "another good password 2"}).status_code == 204
    message = relay.wait(person.email)[0]
    assert message.parsed["Subject"] == "Your password was changed" and person.address in message.part("plain")
