"""The flow as people live it: register, invite by mail, accept from the mail, demote, remove."""

import re
import time

import pytest

from saastest import Person
from saastest.client import PASSWORD
from saastest.places import free_port
from saastest.smtp import SmtpServer

PORT = free_port()
SITE_CONF = f"SaasMailRelay smtp://127.0.0.1:{PORT}\nSaasMailFrom noreply@example.test"
SITE_STRIPE = False


@pytest.fixture(scope="module")
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


def mail_for(smtp, address, count=1):
    """The count-th message to an address, waited for."""
    end = time.monotonic() + 60
    while True:
        found = [m for m in smtp.messages if address in m.recipients]
        if len(found) >= count:
            return found[count - 1]
        assert time.monotonic() < end, f"no mail for {address}: {[m.recipients for m in smtp.messages]}"
        time.sleep(0.05)


def token_in(message):
    found = {re.search(r"inv_[0-9a-f]{32}\.[A-Za-z0-9]{43}", message.part(kind)).group() for kind in ("plain", "html")}
    assert len(found) == 1
    return found.pop()


def test_from_registering_to_removal(site, smtp):
    admin = site.register(organization="Äcme & Söhne", name="Ada")
    org = f"organizations/{admin.org['id']}/"
    guest = Person(site.base, register=False)
    made = admin.ok("POST", org + "invites/", {"email": guest.email, "role": "ADMIN"})
    message = mail_for(smtp, guest.email)
    assert token_in(message) not in made["invite_url"] and "Äcme & Söhne" in message.part("plain") and "Ada" in message.part("plain")
    again = admin.ok("POST", f"{org}invites/{made['id']}/resend/")
    token = token_in(mail_for(smtp, guest.email, 2))
    assert token not in again["invite_url"] and token != token_in(message)
    body = guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": token})
    assert body["role"] == "ADMIN"
    member = f"{org}members/{body['user']['id']}/"
    assert guest.ok("GET", org)["role"] == "ADMIN"
    assert admin.ok("PATCH", member, {"role": "VIEWER"})["role"] == "VIEWER"
    assert guest.patch(org, {"name": "Mine"}).status_code == 403
    assert admin.delete(member).status_code == 204 and guest.get(org).status_code == 404
    actions = [e["action"] for e in admin.ok("GET", org + "activity/")["results"]]
    assert actions == ["member.removed", "member.role_changed", "invite.accepted", "invite.resent", "invite.created", "organization.created"]


@pytest.mark.expects("SAAS1204")
def test_a_revoked_or_refused_invite_sends_nothing(site, smtp):
    """The message is written in the transaction of its invite, or not at all."""
    admin = site.newcomer()
    url = f"organizations/{admin.org['id']}/invites/"
    smtp.refuse["MAIL"] = "451 later"
    try:
        made = admin.ok("POST", url, {"email": "revoked@example.test", "role": "VIEWER"})
        assert admin.post(url, {"email": "revoked@example.test", "role": "VIEWER"}).status_code == 409
        assert site.database.execute("SELECT count(*) FROM jobs WHERE object_id = ?", made["id"]) == [(1,)]
        end = time.monotonic() + 60
        while site.database.execute("SELECT count(*) FROM jobs WHERE object_id = ? AND state = 'running'", made["id"]) != [(0,)]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert admin.delete(f"{url}{made['id']}/").status_code == 204
        while site.database.execute("SELECT count(*) FROM jobs WHERE object_id = ?", made["id"]) != [(0,)]:
            assert time.monotonic() < end + 10
            time.sleep(0.05)
    finally:
        smtp.refuse.clear()
    assert not [m for m in smtp.messages if "revoked@example.test" in m.recipients]
