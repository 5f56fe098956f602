"""Invites where the operator has lifted the rule on addresses and has a page for them."""

from saastest import Person
from saastest.client import PASSWORD

SITE_CONF = "SaasInviteAnyEmail On\nSaasInviteURL https://app.example.test/join?t={token}&x=1"
SITE_STRIPE = False


def token_of(site, admin):
    made = admin.ok("POST", f"organizations/{admin.org['id']}/invites/", {"email": f"{admin.org['slug']}@example.test", "role": "MEMBER"})
    url = made["invite_url"]
    assert url.startswith("https://app.example.test/join?t=inv_") and url.endswith("&x=1")
    admin.ok("DELETE", f"organizations/{admin.org['id']}/invites/{made['id']}/") if made["state"] != "pending" else None
    return url.split("t=")[1].split("&")[0]


def test_any_address_may_accept(site):
    admin, guest = site.newcomer(), site.newcomer()
    body = guest.ok("POST", "invites/accept/", {"token": token_of(site, admin)})
    assert body["joined"] is True and body["organization"]["id"] == admin.org["id"]


def test_any_address_may_register(site):
    admin = site.newcomer()
    guest = Person(site.base, register=False)
    body = guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": token_of(site, admin)})
    assert body["organization"]["id"] == admin.org["id"] and body["role"] == "MEMBER"
