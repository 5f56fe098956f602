"""Addresses: one mailbox is one user however its domain is spelled, and an address is a claim until somebody has proven it."""

import json
import re
import secrets
import time

import pytest

from saastest import Api, Httpd, Person, saasctl, seed
from saastest.client import PASSWORD, invite_token
from saastest.places import free_port
from saastest.site import MOUNTS
from saastest.smtp import SmtpServer

PORT = free_port()
SITE_STRIPE = False
# The same database, asked in three ways: by the port's virtual host, and by name.
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom noreply@example.test
LogLevel authz_core:crit
<Location "/verified">
    AuthType Saas
    Require saas-verified
    SaasDenied verified "Prove it" https://app.example.test/prove
</Location>
<Location "/members">
    AuthType Saas
    Require saas-member
</Location>
<Location "/account">
    AuthType Saas
    Require saas-account
</Location>
<Location "/others">
    AuthType Saas
    <RequireAll>
        Require saas-account
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<VirtualHost *:*>
    ServerName 127.0.0.1
    SaasVerifyEmail Notice
</VirtualHost>
<VirtualHost *:*>
    ServerName required.test
    SaasVerifyEmail Required
    SaasVerifyEmailURL https://app.example.test/prove?it={{token}}
</VirtualHost>
<VirtualHost *:*>
    ServerName off.test
</VirtualHost>
"""
REQUIRED, OFF = {"Host": "required.test"}, {"Host": "off.test"}
REFUSED = {"detail": "Verify your email address first: follow the link that was sent to it.", "code": "email_not_verified"}
GONE = {"token": ["This link is unknown, has been used already or has expired."]}


@pytest.fixture(scope="module", autouse=True)
def smtp(site):
    for folder in ("verified", "members", "account", "others"):
        site.httpd.page(f"{folder}/index.html", "behind the gate")
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


def at(person, method, path, host, body=None, **headers):
    """As somebody's browser, at another name of the server."""
    cookie = "; ".join(f"{c.name}={c.value}" for c in person.http.cookies)
    return person.call(method, path, body, headers={**host, "Cookie": cookie, **headers})


def letters(smtp, email, subject="Verify your email address"):
    return [m for m in smtp.to(email) if m.parsed["Subject"] == subject]


def wait_letter(smtp, email, count=1, subject="Verify your email address"):
    end = time.monotonic() + 15
    while len(letters(smtp, email, subject)) < count:
        assert time.monotonic() < end, f"no mail for {email}"
        time.sleep(0.05)
    return letters(smtp, email, subject)[count - 1]


def token_in(message):
    found = {re.search(r"vfy_[0-9A-Za-z]{43}", message.part(kind)).group() for kind in ("plain", "html")}
    assert len(found) == 1
    return found.pop()


def confirm(site, token, **more):
    return Api(site.base).post("auth/verify/confirm/", {"token": token}, **more)


def settled(site):
    end = time.monotonic() + 15
    while seed.jobs(site.database, "mail") or seed.jobs(site.database, "password-reset"):
        assert time.monotonic() < end, seed.jobs(site.database, "mail")
        time.sleep(0.05)


# ------------------------------------------------------------- one mailbox --

@pytest.mark.parametrize("spelled", ["u@xn--bcher-kva.example", "U@BÜCHER.example", "u@bu\u0308cher.example", "u@bücher\uff0eexample", "u@bücher\u3002example",
                                     "u@XN--BCHER-KVA.Example", "u@\uff42ücher.example"])
def test_a_mailbox_is_one_user_however_its_domain_is_spelled(site, spelled):
    local = f"u{secrets.token_hex(4)}"
    first = Person(site.base, email=f"{local}@bücher.example")
    other = spelled.replace("u@", local + "@").replace("U@", local.upper() + "@")
    reply = site.nobody().post("auth/register/", {"email": other, "password": PASSWORD})
    assert reply.status_code == 400 and reply.json() == {"email": ["A user with this email already exists."]}
    assert site.nobody().post("auth/login/", {"email": other, "password": PASSWORD}).status_code == 200
    # An invite for one spelling is for all of them.
    admin = site.newcomer()
    url = f"organizations/{admin.org['id']}/invites/"
    made = admin.ok("POST", url, {"email": other, "role": "MEMBER"})
    assert admin.post(url, {"email": first.email, "role": "MEMBER"}).status_code == 409
    assert first.ok("POST", "invites/accept/", {"token": invite_token(made)})["joined"] is True
    assert saasctl(site.database.url, "user", "show", other)
    site.database.claim()


@pytest.mark.parametrize("email", ["u@bücher..example", "u@-ü.example", "u@\U0001f4a9.example", "u@שa.example", "u@xn--zzzzzzzz999.example"])
def test_what_is_no_domain_is_no_address(site, email):
    for path, body in (("auth/register/", {"email": email, "password": PASSWORD}), ("auth/password/reset/", {"email": email})):
        assert site.nobody().post(path, body).json() == {"email": ["Enter a valid email address."]}


def test_mail_goes_to_the_domain_that_relays_know(site, smtp):
    local = f"u{secrets.token_hex(4)}"
    Person(site.base, email=f"{local}@bücher.example")
    assert token_in(wait_letter(smtp, f"{local}@xn--bcher-kva.example"))


def old_spelling(site, person, key):
    """The row as it was written before domains had one form."""
    site.database.execute("UPDATE users SET email_key = ? WHERE id = ?", key, person.user["id"])
    seed.change_counts()


def test_who_shares_a_mailbox_since_before_logs_in_as_before_and_is_listed(site):
    local = f"u{secrets.token_hex(4)}"
    first, second = Person(site.base, email=f"x{local}@bücher.example"), Person(site.base, email=f"{local}@xn--bcher-kva.example", password="another password 8")
    site.database.execute("UPDATE users SET email = ? WHERE id = ?", f"{local}@bücher.example", first.user["id"])
    old_spelling(site, first, f"{local}@bücher.example")
    alone = Person(site.base, email=f"alone{local}@bücher.example")
    old_spelling(site, alone, f"alone{local}@bücher.example")

    def login(email, password):
        reply = site.nobody().post("auth/login/", {"email": email, "password": password})
        return reply.json()["id"] if reply.status_code == 200 else reply.status_code

    ids = [first.user["id"], second.user["id"], alone.user["id"]]
    tries = [(f"{local.upper()}@bücher.example", PASSWORD), (f"{local}@xn--bcher-kva.example", "another password 8"), (f"alone{local}@bücher.example", PASSWORD)]
    assert [login(*one) for one in tries] == ids
    told = saasctl(site.database.url, "migrate", check=False)
    site.database.claim()
    keys = dict(site.database.execute("SELECT email, email_key FROM users WHERE email LIKE ?", f"%{local}%"))
    assert keys == {f"{local}@bücher.example": f"{local}@bücher.example", f"{local}@xn--bcher-kva.example": f"{local}@xn--bcher-kva.example",
                    f"alone{local}@bücher.example": f"alone{local}@xn--bcher-kva.example"}
    assert told.returncode == 0 and "user duplicates" in told.stderr
    assert [login(*one) for one in tries] == ids
    told = saasctl(site.database.url, "--json", "user", "duplicates", check=False)
    assert told.returncode == 1
    listed = [row for row in json.loads(told.stdout) if local in row["mailbox"]]
    assert sorted(row["id"] for row in listed) == sorted(ids[:2]) and {row["mailbox"] for row in listed} == {f"{local}@xn--bcher-kva.example"}
    # Decided, the other one has the mailbox.
    saasctl(site.database.url, "user", "delete", second.user["id"], "--with-organizations")
    saasctl(site.database.url, "migrate")
    site.database.claim()
    seed.change_counts()
    assert login(f"{local}@xn--bcher-kva.example", PASSWORD) == first.user["id"]


def test_a_spelling_that_a_user_has_since_before_is_taken(site):
    """Also while two share the mailbox and its own key is nobody's."""
    local = f"u{secrets.token_hex(4)}"
    first = Person(site.base, email=f"x{local}@bücher.example")
    spelled = f"{local}@bücher.example"
    site.database.execute("UPDATE users SET email = ? WHERE id = ?", spelled, first.user["id"])
    old_spelling(site, first, spelled)
    taken = {"email": ["A user with this email already exists."]}
    reply = site.nobody().post("auth/register/", {"email": spelled, "password": PASSWORD})
    assert reply.status_code == 400 and reply.json() == taken
    other = site.register()
    reply = other.patch("auth/me/", {"email": spelled, "password": other.password})
    assert reply.status_code == 400 and reply.json() == taken
    assert saasctl(site.database.url, "user", "create", "--email", spelled, "--password", PASSWORD, check=False).returncode == 1
    site.database.claim()
    # One's own, in another spelling, is no other.
    assert change(first, f"{local.upper()}@bücher.example")["email"] == f"{local.upper()}@bücher.example"
    old_spelling(site, first, spelled)
    assert change(first, f"{local}@xn--bcher-kva.example")["email"] == f"{local}@xn--bcher-kva.example"


# ------------------------------------------------------------------- proof --

def test_a_link_proves_the_address_once(site, smtp):
    person = site.register()
    assert person.ok("GET", "auth/me/")["email_verified"] is False
    token = token_in(wait_letter(smtp, person.email))
    assert f"https://app.example.test/verify-email?token={token}" in letters(smtp, person.email)[0].part("plain")
    reply = confirm(site, token)
    assert reply.status_code == 200 and reply.json() == {"email": person.email, "email_verified": True}
    assert person.ok("GET", "auth/me/")["email_verified"] is True
    assert confirm(site, token).json() == GONE
    assert person.post("auth/verify/resend/").json() == {"detail": "This email address has been verified."}
    settled(site)
    assert len(letters(smtp, person.email)) == 1


def test_required_refuses_everything_but_what_one_needs_to_prove_it(site, smtp):
    person = Person(site.base, register=False)
    assert at(person, "POST", "auth/register/", REQUIRED, {"email": person.email, "password": PASSWORD}).json()["user"]["email_verified"] is False
    for path in ("organizations/", "audits/", "auth/tokens/", "billing/subscription/"):
        reply = at(person, "GET", path, REQUIRED)
        assert reply.status_code == 403 and reply.json() == REFUSED, path
    assert at(person, "POST", "organizations/", REQUIRED, {"name": "x"}).json() == REFUSED
    for path in ("auth/me/", "auth/sessions/"):
        assert at(person, "GET", path, REQUIRED).status_code == 200
    for path, status in (("/members/", 403), ("/verified/", 403), ("/account/", 200), ("/others/", 403)):
        assert at(person, "GET", path, REQUIRED).status_code == status, path
    # Elsewhere it is worth what it was.
    assert at(person, "GET", "organizations/", OFF).status_code == at(person, "GET", "/members/", OFF).status_code == 200
    assert at(person, "GET", "/verified/", OFF).json() == {"detail": "Prove it", "code": "email_not_verified"}
    message = wait_letter(smtp, person.email)
    assert f"https://app.example.test/prove?it={token_in(message)}" in message.part("plain")
    assert confirm(site, token_in(message), headers=REQUIRED).status_code == 200
    for path in ("organizations/", "audits/", "/members/", "/verified/", "/others/"):
        assert at(person, "GET", path, REQUIRED).status_code == 200, path


def test_a_browser_is_led_on(site):
    person = site.register()
    page = person.get("/verified/", headers={"Accept": "text/html"})
    assert page.status_code == 403 and "Prove it" in page.text and "https://app.example.test/prove" in page.text


def test_resending_is_throttled_and_each_link_is_good(site, smtp):
    person = site.register()
    seen = [person.post("auth/verify/resend/").status_code for _ in range(6)]
    assert seen == [202] * 5 + [429]
    tokens = [token_in(wait_letter(smtp, person.email, n)) for n in range(1, 7)]
    assert len(set(tokens)) == 6
    assert confirm(site, tokens[2]).status_code == 200
    assert [confirm(site, token).status_code for token in tokens] == [400] * 6, "all of them are void"


def test_where_nothing_is_sent_it_is_said(site):
    person = Person(site.base, register=False)
    person.ok("POST", "auth/register/", {"email": person.email, "password": PASSWORD}, headers=OFF)
    reply = at(person, "POST", "auth/verify/resend/", OFF)
    assert reply.status_code == 409 and reply.json()["code"] == "conflict"


@pytest.mark.parametrize("token", ["x", "vfy_" + "A" * 43, "", None, 7, "x" * 300])
def test_unknown_links(site, token):
    assert confirm(site, token).status_code == 400


def test_guessing_is_throttled(site):
    api = Api(site.base)
    seen = [api.post("auth/verify/confirm/", {"token": f"vfy_{n}"}).status_code for n in range(55)]
    assert seen[:50] == [400] * 50 and set(seen[51:]) == {429}


def test_it_expires(site, smtp):
    person = site.register()
    token = token_in(wait_letter(smtp, person.email))
    site.database.execute("UPDATE email_proofs SET expires_at = ? WHERE user_id = ?", "2026-01-01T00:00:00.000000Z", person.user["id"])
    assert confirm(site, token).json() == GONE and person.ok("GET", "auth/me/")["email_verified"] is False
    stored = str(site.database.execute("SELECT * FROM email_proofs WHERE user_id = ?", person.user["id"]))
    assert token not in stored and re.search("[0-9a-f]{64}", stored)


def change(person, email):
    return person.ok("PATCH", "auth/me/", {"email": email, "password": person.password})


def test_another_address_is_a_claim_again_and_another_spelling_is_not(site, smtp):
    local = f"u{secrets.token_hex(4)}"
    person = Person(site.base, email=f"{local}@bücher.example")
    old = token_in(wait_letter(smtp, f"{local}@xn--bcher-kva.example"))
    assert confirm(site, old).status_code == 200
    assert change(person, f"{local.upper()}@xn--bcher-kva.example")["email_verified"] is True
    other = f"new-{local}@example.test"
    assert change(person, other)["email_verified"] is False
    assert confirm(site, token_in(wait_letter(smtp, other))).status_code == 200
    assert person.ok("GET", "auth/me/")["email_verified"] is True


@pytest.mark.expects("SAAS1204")
def test_a_link_proves_the_address_it_was_sent_to_alone(site, smtp):
    """Neither one that was sent before, nor one that is sent late."""
    person = site.register()
    before = token_in(wait_letter(smtp, person.email))
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    try:
        person.ok("POST", "auth/verify/resend/")
        end = time.monotonic() + 15
        while [row[:2] for row in seed.jobs(site.database, "mail").values()] != [("queued", 1)]:
            assert time.monotonic() < end
            time.sleep(0.05)
        old = person.email
        change(person, "elsewhere-" + old)
    finally:
        smtp.refuse.clear()
    seed.hurry(site.database, "mail")
    settled(site)
    assert confirm(site, before).json() == GONE
    assert len(letters(smtp, old)) == 1 and len(letters(smtp, "elsewhere-" + old)) == 1
    assert person.ok("GET", "auth/me/")["email_verified"] is False


@pytest.mark.expects("SAAS1204")
@pytest.mark.parametrize("what", ["password", "address"])
def test_a_reset_that_is_sent_late_is_worth_nothing_after_a_change(site, smtp, what):
    person = site.register()
    wait_letter(smtp, person.email)
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    try:
        assert site.nobody().post("auth/password/reset/", {"email": person.email}).status_code == 202
        end = time.monotonic() + 15
        while [row[:2] for row in seed.jobs(site.database, "mail").values()] != [("queued", 1)]:
            assert time.monotonic() < end
            time.sleep(0.05)
        if what == "password":
            assert person.post("auth/password/", {"old": PASSWORD, "new": "another good password 2"}).status_code == 204
        else:
            change(person, "moved-" + person.email)
    finally:
        smtp.refuse.clear()
    seed.hurry(site.database, "mail")
    settled(site)
    assert not letters(smtp, person.email, "Set a new password")


def test_a_new_password_by_mail_proves_the_address(site, smtp):
    person = site.register()
    assert site.nobody().post("auth/password/reset/", {"email": person.email}).status_code == 202
    token = re.search(r"pwr_[0-9A-Za-z]{43}", wait_letter(smtp, person.email, 1, "Set a new password").part("plain")).group()
    assert Api(site.base).post("auth/password/reset/confirm/", {"token": token, "password": "another good password 2"}).status_code == 204
    again = site.nobody()
    assert again.ok("POST", "auth/login/", {"email": person.email, "password": "another good password 2"})["email_verified"] is True


@pytest.mark.parametrize("before", ["claim", "proven", "off"])
def test_who_takes_an_account_by_a_new_password_takes_no_tokens_of_a_claimant(site, smtp, before):
    """What somebody has set up under the address before its owner had a word is void; what its owner has set up stays."""
    host = OFF if before == "off" else {}
    person = site.register()
    if before == "proven":
        assert confirm(site, token_in(wait_letter(smtp, person.email))).status_code == 200
    everywhere, bound = person.new_token(), person.new_token(organization=person.org["id"])
    assert site.nobody().post("auth/password/reset/", {"email": person.email}).status_code == 202
    token = re.search(r"pwr_[0-9A-Za-z]{43}", wait_letter(smtp, person.email, 1, "Set a new password").part("plain")).group()
    body = {"token": token, "password": "another good password 2"}
    assert Api(site.base).post("auth/password/reset/confirm/", body, headers=host).status_code == 204
    status = 401 if before == "claim" else 200
    assert [Api(site.base, token=t["token"]).get("auth/me/").status_code for t in (everywhere, bound)] == [status] * 2
    owner = site.nobody()
    owner.ok("POST", "auth/login/", {"email": person.email, "password": "another good password 2"})
    trail = owner.ok("GET", f"organizations/{person.org['id']}/activity/?action=token.revoked")["results"]
    ids = sorted(t["id"] for t in (everywhere, bound)) if before == "claim" else []
    assert sorted(row["target"]["id"] for row in trail) == ids and {row["actor"]["type"] for row in trail} <= {"system"}


def test_links_that_have_expired_are_cleared_away(site, smtp):
    person = site.register()
    wait_letter(smtp, person.email)
    site.database.execute("UPDATE email_proofs SET expires_at = ? WHERE user_id = ?", "2026-01-01T00:00:00.000000Z", person.user["id"])
    person.ok("POST", "auth/verify/resend/")
    token = token_in(wait_letter(smtp, person.email, 2))
    assert site.database.execute("SELECT count(*) FROM email_proofs WHERE user_id = ?", person.user["id"]) == [(1,)]
    assert confirm(site, token).status_code == 200


# ----------------------------------------------------------------- invites --

def invited(site, smtp, email):
    """(the token that the inviter sees, the one that was mailed)"""
    admin = site.newcomer()
    made = admin.ok("POST", f"organizations/{admin.org['id']}/invites/", {"email": email, "role": "MEMBER"})
    end = time.monotonic() + 15
    while not (found := [m for m in smtp.to(email) if "inv_" in m.part("plain")]):
        assert time.monotonic() < end
        time.sleep(0.05)
    return invite_token(made), invite_token({"invite_url": found[-1].part("plain")})


@pytest.mark.parametrize("by_mail", [True, False])
def test_registering_by_a_mailed_invite_proves_the_address(site, smtp, by_mail):
    guest = Person(site.base, register=False)
    shown, mailed = invited(site, smtp, guest.email)
    body = guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": mailed if by_mail else shown})
    assert body["user"]["email_verified"] is by_mail
    assert at(guest, "GET", "organizations/", REQUIRED).status_code == (200 if by_mail else 403)
    settled(site)
    assert len(letters(smtp, guest.email)) == (0 if by_mail else 1)


def test_accepting_by_a_mailed_invite_proves_the_address_and_by_another_token_it_is_refused(site, smtp):
    guest = site.register()
    shown, mailed = invited(site, smtp, guest.email)
    assert at(guest, "POST", "invites/accept/", REQUIRED, {"token": shown}).json() == REFUSED
    assert at(guest, "POST", "invites/accept/", REQUIRED, {"token": mailed}).json()["joined"] is True
    assert guest.ok("GET", "auth/me/")["email_verified"] is True
    other = site.register()
    shown, _ = invited(site, smtp, other.email)
    assert other.ok("POST", "invites/accept/", {"token": shown})["joined"] is True, "not required here"
    assert other.ok("GET", "auth/me/")["email_verified"] is False


# ---------------------------------------------------------------- operators --

def test_operators_vouch_and_take_back(site):
    person = site.register()
    assert at(person, "GET", "organizations/", REQUIRED).status_code == 403
    for verb, status in (("verify", 200), ("unverify", 403)):
        assert json.loads(saasctl(site.database.url, "--json", "user", verb, person.email))["changed"] is True
        assert json.loads(saasctl(site.database.url, "--json", "user", verb, person.email))["changed"] is False
        site.database.claim()
        seed.change_counts()
        end = time.monotonic() + 10
        while at(person, "GET", "organizations/", REQUIRED).status_code != status:
            assert time.monotonic() < end, verb
            time.sleep(0.05)
    made = f"made-{secrets.token_hex(4)}@example.test"
    saasctl(site.database.url, "user", "create", "--email", made, "--password", PASSWORD)
    site.database.claim()
    assert site.nobody().ok("POST", "auth/login/", {"email": made, "password": PASSWORD})["email_verified"] is True


def test_required_without_a_way_to_prove_it_does_not_start(places):
    httpd = Httpd(places=places)
    base = "DBDriver sqlite3\nDBDParams /nowhere/x.db\n" + MOUNTS + "SaasVerifyEmail Required\n"
    mail, page = "SaasMailRelay smtp://127.0.0.1\nSaasMailFrom noreply@example.test\n", "SaasFrontendURL https://app.example.test\n"
    for conf, good in ((base, False), (base + mail, False), (base + page, False), (base + mail + page, True),
                       (base + mail + "SaasVerifyEmailURL https://app.example.test/p?t={token}\n", True)):
        status, said = httpd.configtest(conf)
        assert (status == 0) is good and (good or "SaasVerifyEmail Required" in said), said
    assert httpd.configtest(base.replace("Required", "Perhaps"))[0] != 0
    assert httpd.configtest(base.replace("Required", "Notice") + "SaasVerifyEmailURL https://app.example.test/p\n")[0] != 0
