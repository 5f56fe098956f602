"""Guessing at passwords holds up those who guess, not the owner of the account: by account and network, and apart for a device
that has logged in before (OWASP's device cookies). Each client here has an address of its choice.
"""

import hashlib
import itertools
import re
import secrets
import time

import pytest

from saastest import Api, Person
from saastest.client import PASSWORD
from saastest.smtp import SmtpServer
from saastest.places import free_port
from saastest.windows import in_one_window

PORT = free_port()
SITE_STRIPE = False
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom noreply@example.test
LoadModule remoteip_module "{{remoteip}}"
RemoteIPHeader X-Client
RemoteIPTrustedProxy 127.0.0.0/8
<VirtualHost *:*>
    ServerName 127.0.0.1
</VirtualHost>
<VirtualHost *:*>
    ServerName tls.test
    SaasSecureCookies On
</VirtualHost>
""".replace('LoadModule remoteip_module "{remoteip}"\n', "")
SITE_MODULES = ("remoteip",)
_nets = itertools.count(1)
WRONG = "wrong password 77"


@pytest.fixture(scope="module", autouse=True)
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


pytestmark = pytest.mark.long(60)


def net():
    """A /24 that nobody else is in."""
    n = next(_nets)
    return f"198.{18 + n // 250}.{n % 250}."


def attempt(site, email, password, address, device=None):
    """(status, the device cookie that was set)"""
    headers = {"X-Client": address}
    if device:
        headers["Cookie"] = f"saas_device={device}"
    api = Api(site.base)
    reply = api.post("auth/login/", {"email": email, "password": password}, headers=headers)
    return reply.status_code, api.http.cookies.get("saas_device")


def guess(site, email, address, times, device=None):
    return [attempt(site, email, WRONG, address, device)[0] for _ in range(times)]


def known_device(site, person):
    status, device = attempt(site, person.email, person.password, net() + "1")
    assert status == 200 and re.fullmatch(r"dev_[0-9A-Za-z]{43}", device)
    return device


@in_one_window
def test_a_stranger_locks_out_the_stranger_alone(site):
    person = site.newcomer()
    device, there, home = known_device(site, person), net(), net()
    assert guess(site, person.email, there + "1", 12) == [401] * 10 + [429] * 2
    # Not even with the right password, from nowhere in that network.
    for host in ("1", "77", "254"):
        assert attempt(site, person.email, person.password, there + host)[0] == 429
    # The owner: from the device that has been there, from another one elsewhere, and from that device also where the stranger is.
    assert attempt(site, person.email, person.password, home + "1", device)[0] == 200
    assert attempt(site, person.email, person.password, net() + "1")[0] == 200
    assert attempt(site, person.email, person.password, there + "9", device)[0] == 200


@in_one_window
def test_many_networks_together_hold_up_who_has_not_been_there_and_no_device_that_has(site):
    person = site.newcomer()
    device = known_device(site, person)
    seen = [status for _ in range(12) for status in guess(site, person.email, net() + "1", 10)]
    assert seen[:100] == [401] * 100 and set(seen[101:]) == {429}
    assert attempt(site, person.email, person.password, net() + "1")[0] == 429
    assert attempt(site, person.email, person.password, net() + "1", device)[0] == 200
    other = site.newcomer()
    assert attempt(site, other.email, other.password, net() + "1")[0] == 200


@in_one_window
def test_a_thief_of_a_device_has_a_few_guesses(site):
    person = site.newcomer()
    device = known_device(site, person)
    assert attempt(site, person.email, WRONG, net() + "1", device) == (401, None), "it opens nothing"
    assert guess(site, person.email, net() + "1", 11, device) == [401] * 9 + [429] * 2
    assert attempt(site, person.email, person.password, net() + "2", device)[0] == 429
    # Elsewhere it is a stranger's attempt like any other.
    assert attempt(site, person.email, person.password, net() + "3")[0] == 200


@pytest.mark.parametrize("which", ["another account's", "made up", "its hash"])
def test_no_other_cookie_helps(site, which):
    person, other = site.newcomer(), site.newcomer()
    device = known_device(site, person)
    stored = site.database.execute("SELECT hash FROM devices WHERE user_id = ?", person.user["id"])[0][0]
    cookie = {"another account's": lambda: known_device(site, other), "made up": lambda: "dev_" + secrets.token_hex(22)[:43],
              "its hash": lambda: stored}[which]()
    there = net()
    assert guess(site, person.email, there + "1", 11, cookie) == [401] * 10 + [429]
    assert attempt(site, person.email, person.password, there + "1", cookie)[0] == 429


def test_it_is_bound_to_the_account_and_kept_as_a_hash(site):
    person, other = site.newcomer(), site.newcomer()
    device = known_device(site, person)
    rows = str(site.database.execute("SELECT * FROM devices"))
    assert device not in rows and re.search("[0-9a-f]{64}", rows)
    # Who logs in to another account from there gets another one; who comes back keeps theirs.
    status, second = attempt(site, other.email, other.password, net() + "1", device)
    assert status == 200 and second and second != device
    assert attempt(site, person.email, person.password, net() + "1", device) == (200, device)


def is_known(site, person, device):
    """As test_a_stranger_locks_out_the_stranger_alone shows what it is worth."""
    digest = hashlib.sha256(device.encode()).hexdigest()
    return [str(row[0]) for row in site.database.execute("SELECT user_id FROM devices WHERE hash = ?", digest)] == [person.user["id"]]


def test_it_is_dead_with_the_password(site, smtp):
    new = "another good password 2"
    person = site.register()
    device = known_device(site, person)
    assert is_known(site, person, device)
    assert person.post("auth/password/", {"old": PASSWORD, "new": new}).status_code == 204
    assert not is_known(site, person, device)
    # The session that has changed it goes on, and its device too.
    assert is_known(site, person, person.http.cookies["saas_device"])
    device = person.http.cookies["saas_device"]
    assert site.nobody().post("auth/password/reset/", {"email": person.email}).status_code == 202
    token = re.search(r"pwr_[0-9A-Za-z]{43}", smtp_wait(smtp, person.email)).group()
    assert Api(site.base).post("auth/password/reset/confirm/", {"token": token, "password": PASSWORD}).status_code == 204
    assert not is_known(site, person, device)


def smtp_wait(smtp, email):
    smtp.wait(email, 1)
    end = time.monotonic() + 30
    while True:
        found = [m.part("plain") for m in smtp.to(email) if "pwr_" in m.part("plain")]
        if found:
            return found[-1]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_registering_makes_a_device_and_twenty_are_kept(site):
    person = site.register()
    first = person.http.cookies["saas_device"]
    assert is_known(site, person, first)
    digests = [hashlib.sha256(secrets.token_bytes(8)).hexdigest() for _ in range(25)]
    for n, digest in enumerate(digests):
        site.database.execute("INSERT INTO devices (hash, user_id, created_at, used_at) VALUES (?, ?, ?, ?)", digest, person.user["id"],
                              "2036-01-01T00:00:00.000000Z", f"2036-01-01T00:00:{n:02}.000000Z")
    known_device(site, person)
    assert site.database.execute("SELECT count(*) FROM devices WHERE user_id = ?", person.user["id"]) == [(20,)]
    assert not is_known(site, person, first)


def test_the_cookie_travels_as_the_sessions_does(site):
    for host, name, secure in ((site.base.split("//")[1], "saas_device", False), ("tls.test", "__Host-saas_device", True)):
        email = f"u{secrets.token_hex(5)}@example.test"
        reply = Api(site.base).post("auth/register/", {"email": email, "password": PASSWORD}, headers={"Host": host})
        assert reply.status_code == 201
        cookie = next(value for key, value in reply.raw.headers.items() if key == "Set-Cookie" and "saas_device=" in value)
        assert cookie.startswith(name + "=dev_") and "; HttpOnly" in cookie and "; SameSite=Lax" in cookie and "; Path=/" in cookie
        assert ("; Secure" in cookie) is secure and "; Max-Age=31536000" in cookie


def test_unknown_accounts_are_held_up_alike(site):
    """With a cookie and without: neither tells whether there is an account."""
    person = site.newcomer()
    for device, email in (("dev_" + "A" * 43, person.email), ("dev_" + "A" * 43, f"nobody-{secrets.token_hex(4)}@example.test"),
                          (None, f"nobody-{secrets.token_hex(4)}@example.test")):
        assert guess(site, email, net() + "1", 12, device) == [401] * 10 + [429] * 2


@pytest.mark.parametrize("one, other, together", [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True), ("2001:db8:1:2::1", "2001:db8:1:3::1", False), ("203.0.113.5", "203.0.113.200", True),
    ("203.0.113.5", "203.0.114.5", False)])
def test_a_network_is_what_one_subscriber_has(site, one, other, together):
    person = site.newcomer()
    guess(site, person.email, one, 10)
    assert attempt(site, person.email, person.password, other)[0] == (429 if together else 200)
