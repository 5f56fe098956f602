"""A forgotten password: the same answer for everybody, one mail, a link that works once."""

import re
import threading
import time

import pytest

from saastest import Api, Person, seed
from saastest.places import free_port
from saastest.smtp import SmtpServer

PORT = free_port()
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom "Product <noreply@example.test>"
SaasPasswordResetURL "https://app.example.test/new-password?t={{token}}&from=mail"
"""
NEW = "another good password 2"
GONE = {"token": ["This link is unknown, has been used already or has expired."]}


@pytest.fixture(scope="module")
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


def ask(site, email, address=None, **more):
    return Api(site.base, address=address).post("auth/password/reset/", {"email": email}, **more)


def link(message):
    found = re.search(r"https://app\.example\.test/new-password\?t=(pwr_[0-9A-Za-z]{43})&from=mail", message.part("plain"))
    assert found, message.part("plain")
    return found.group(1)


def token_of(site, smtp, person, nth=1):
    assert ask(site, person.email).status_code == 202
    resets = lambda: [m for m in smtp.to(person.email) if m.parsed["Subject"] == "Set a new password"]
    until = time.monotonic() + 60
    while len(resets()) < nth:
        assert time.monotonic() < until, "no mail"
        time.sleep(0.05)
    return link(resets()[-1])


def confirm(site, token, password=NEW):
    return Api(site.base).post("auth/password/reset/confirm/", {"token": token, "password": password})


def login(site, email, password):
    return Api(site.base).post("auth/login/", {"email": email, "password": password}).status_code


def test_the_whole_way(site, smtp):
    person = site.register(name="Ada")
    other = Person(site.base, email=person.email, password=person.password, register=False)
    other.ok("POST", "auth/login/", {"email": person.email, "password": person.password})
    api_token = person.as_token()
    token = token_of(site, smtp, person)
    message = smtp.to(person.email)[0]
    assert "Ada" in message.part("plain") and "60 minutes" in message.part("plain")
    assert token in message.part("html")
    # Nothing has changed yet.
    assert person.get("auth/me/").status_code == 200 and login(site, person.email, person.password) == 200
    reply = confirm(site, token)
    assert reply.status_code == 204 and reply.content == b"" and "Set-Cookie" not in reply.headers
    # Every session is over, tokens stay, the old password is no more.
    assert person.get("auth/me/").status_code == 401 and other.get("auth/me/").status_code == 401
    assert api_token.get("auth/me/").status_code == 200
    assert login(site, person.email, person.password) == 401
    assert login(site, person.email, NEW) == 200
    messages = smtp.wait(person.email, 2)
    assert [m.parsed["Subject"] for m in messages] == ["Set a new password", "Your password was changed"]
    # Once.
    again = confirm(site, token, "yet another password 3")
    assert again.status_code == 400 and again.json() == GONE


def test_everybody_gets_the_same_answer(site, smtp, person):
    replies = [ask(site, email) for email in (person.email, person.email.upper(), "nobody-here@example.test")]
    assert {r.status_code for r in replies} == {202} and len({r.content for r in replies}) == 1
    assert all("Set-Cookie" not in r.headers for r in replies)
    smtp.wait(person.email, 2)
    time.sleep(1)
    assert not smtp.to("nobody-here@example.test")


def test_the_answer_takes_the_same_time(site, smtp):
    """The quickest of each: what else the machine does only adds to a time."""
    quickest = {"known": float("inf"), "unknown": float("inf")}
    for n in range(60):
        for kind, email in (("known", site.newcomer().email), ("unknown", f"ghost{n}@example.test")):
            started = time.monotonic()
            assert ask(site, email).status_code == 202
            quickest[kind] = min(quickest[kind], time.monotonic() - started)
        if n >= 11 and abs(quickest["known"] - quickest["unknown"]) < 0.002:
            break
    assert abs(quickest["known"] - quickest["unknown"]) < 0.004, quickest


@pytest.mark.parametrize("email", ["", "plain", None, 7, [], "a@b@c.test", "a\r\nBcc: x@example.test@example.test", "x" * 300 + "@example.test"])
def test_what_is_no_address_is_refused(site, email):
    reply = Api(site.base).post("auth/password/reset/", {"email": email})
    assert reply.status_code == 400 and list(reply.json()) == ["email"]


def test_the_link_is_the_configurations_whatever_the_client_says(site, smtp):
    person = site.newcomer()
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example", "Referer": "https://evil.example/"}
    assert ask(site, person.email, headers=headers).status_code == 202
    message = smtp.wait(person.email)[0]
    assert "evil" not in message.raw.decode()
    link(message)


def test_tokens_are_hashed_at_rest_and_not_logged(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    rows = str(site.database.execute("SELECT * FROM password_resets WHERE user_id = ?", person.user["id"]))
    assert token not in rows and re.search(r"[0-9a-f]{64}", rows)
    until = time.monotonic() + 60
    while seed.jobs(site.database, "mail") or seed.jobs(site.database, "password-reset"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert token not in site.httpd.error_log.read_text(errors="replace") + site.httpd.access_log.read_text(errors="replace")


@pytest.mark.parametrize("token", ["x", "pwr_" + "A" * 43, "pwr_", "' OR 1=1 --", "pwr_" + "a" * 190])
def test_unknown_tokens(site, token):
    reply = confirm(site, token)
    assert reply.status_code == 400 and reply.json() == GONE


@pytest.mark.parametrize("body, field", [({}, "token"), ({"token": "x"}, "password"), ({"password": NEW}, "token"), ({"token": 7, "password": NEW}, "token"),
                                         ({"token": "x" * 300, "password": NEW}, "token"), ({"token": None, "password": NEW}, "token")])
def test_bad_bodies(site, body, field):
    reply = Api(site.base).post("auth/password/reset/confirm/", body)
    assert reply.status_code == 400 and field in reply.json()


def test_a_weak_password_does_not_use_the_link_up(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    for weak in ("short", "password123", person.email, "x" * 129):
        reply = confirm(site, token, weak)
        assert reply.status_code == 400 and list(reply.json()) == ["password"]
    assert confirm(site, token).status_code == 204


def test_it_expires(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    expires, created = site.database.execute("SELECT expires_at, created_at FROM password_resets WHERE user_id = ?", person.user["id"])[0]
    if site.database.kind == "pgsql":
        assert (expires - created).total_seconds() == 3600
    site.database.execute("UPDATE password_resets SET expires_at = ? WHERE user_id = ?", "2026-01-01T00:00:00.000000Z", person.user["id"])
    assert confirm(site, token).json() == GONE
    assert login(site, person.email, person.password) == 200


# On a slow machine the last of them may be told to come back.
@pytest.mark.expects("SAAS1005")
def test_used_by_eight_at_once_it_works_once(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    replies, barrier = [], threading.Barrier(8)

    def one(n):
        barrier.wait()
        replies.append((confirm(site, token, f"password number {n}").status_code, n))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [n for status, n in replies if status == 204]
    assert len(won) == 1 and {s for s, n in replies} <= {204, 400, 503}, replies
    assert login(site, person.email, f"password number {won[0]}") == 200


def test_a_used_link_takes_the_others_along(site, smtp):
    person = site.newcomer()
    first, second = token_of(site, smtp, person), token_of(site, smtp, person, 2)
    assert first != second
    assert confirm(site, second).status_code == 204
    assert confirm(site, first).json() == GONE


def test_a_changed_password_or_address_voids_links(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    assert person.post("auth/password/", {"old": person.password, "new": NEW}).status_code == 204
    assert confirm(site, token, "yet another password 3").json() == GONE
    token = token_of(site, smtp, person, 2)
    person.ok("PATCH", "auth/me/", {"email": "moved-" + person.email, "password": NEW})
    assert confirm(site, token, "yet another password 3").json() == GONE


def test_who_may_not_log_in_with_a_password_gets_no_link(site, smtp):
    locked, external = site.newcomer(), site.newcomer()
    site.database.execute("UPDATE users SET is_active = " + ("0" if site.database.kind == "sqlite" else "FALSE") + " WHERE id = ?", locked.user["id"])
    seed.change_counts()
    seed.password(site.database, external.user["id"], None)
    unusable = site.newcomer()
    seed.password(site.database, unusable.user["id"], "!unusable")
    for person in (locked, external, unusable):
        assert ask(site, person.email).status_code == 202
    # Somebody who does, asked last, has theirs.
    smtp.wait((lambda p: (ask(site, p.email), p.email)[1])(site.newcomer()))
    assert not [m for p in (locked, external, unusable) for m in smtp.to(p.email)]


def test_a_link_of_somebody_locked_meanwhile(site, smtp):
    person = site.newcomer()
    token = token_of(site, smtp, person)
    site.database.execute("UPDATE users SET is_active = " + ("0" if site.database.kind == "sqlite" else "FALSE") + " WHERE id = ?", person.user["id"])
    seed.change_counts()
    assert confirm(site, token).json() == GONE


def test_asking_is_throttled_for_the_account_whether_there_is_one_or_not(site, smtp, person):
    for email in (person.email, "no-one-at-all@example.test"):
        seen = []
        for _ in range(8):
            reply = ask(site, email)
            seen.append(reply.status_code)
            if reply.status_code == 429:
                break
        assert seen == [202] * 5 + [429]
        assert int(reply.headers["Retry-After"]) >= 1 and reply.json()["code"] == "throttled"
    smtp.wait(person.email, 5)
    time.sleep(0.5)
    assert len(smtp.to(person.email)) == 5


def test_asking_is_throttled_for_the_address(site):
    address = Api(site.base).address
    seen = []
    for n in range(25):
        seen.append(ask(site, f"many{n}@example.test", address).status_code)
    assert seen == [202] * 20 + [429] * 5
    assert ask(site, "elsewhere@example.test").status_code == 202


def test_guessing_tokens_is_throttled(site):
    api = Api(site.base)
    seen = [api.post("auth/password/reset/confirm/", {"token": f"pwr_{n:043d}", "password": NEW}).status_code for n in range(60)]
    assert seen == [400] * 50 + [429] * 10


@pytest.mark.expects("SAAS2002")
def test_without_a_page_for_it_no_mail_goes_out_and_the_operator_is_told(site, smtp, person):
    conf = "\n".join(line for line in "\n".join(site.parts).splitlines() if not line.startswith(("SaasPasswordResetURL", "SaasFrontendURL")))
    until = time.monotonic() + 30
    while seed.jobs(site.database, "password-reset") and time.monotonic() < until:
        time.sleep(0.1)  # those of the tests before
    site.httpd.restart(conf)
    try:
        assert ask(site, person.email).status_code == 202
        assert not seed.jobs(site.database, "password-reset")
        # The product's own pages are the default.
        site.httpd.restart(conf + "\nSaasFrontendURL https://product.example.test/\n")
        assert ask(site, person.email).status_code == 202
        message = smtp.wait(person.email)[-1]
        assert re.search(r"https://product\.example\.test/reset-password\?token=pwr_\w{43}\s", message.part("plain"))
    finally:
        site.httpd.restart("\n".join(site.parts))
