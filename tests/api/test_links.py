"""Links that are given away: made of the configuration where somebody else gets them, of names that are this server's where
the caller does; in mails they lead to a page, and what they open is nowhere but in the mail.
"""

import html
import json
import re
import time

import pytest

from saastest import Api, Httpd, Person, saasctl, seed
from saastest.client import PASSWORD, invite_token
from saastest.places import free_port
from saastest.site import MOUNTS
from saastest.smtp import SmtpServer

PORT = free_port()
NAME = "links.example.test"
SITE_STRIPE = False
SITE_FRONTEND = None
SITE_CONF = f"""
SaasMailRelay smtp://127.0.0.1:{PORT}
SaasMailFrom noreply@example.test
SaasPasswordResetURL https://app.example.test/reset?token={{token}}
<VirtualHost *:*>
    ServerName {NAME}
    ServerAlias www.{NAME} *.wild.example.test
    <Location "/api/v2">
        SaasAPI On
        SaasOrganization "%{{HTTP:X-Organization-ID}}"
    </Location>
    <Location "/gated">
        AuthType Saas
        Require saas-user
        SaasLoginURL https://app.example.test/login
    </Location>
</VirtualHost>
<VirtualHost *:*>
    ServerName behind.example.test
    ServerAlias public.example.test
    SaasTrustForwarded On
    SaasSecureCookies On
</VirtualHost>
"""
EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Origin": "http://evil.example",
        "Referer": "http://evil.example/", "Forwarded": "host=evil.example"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


@pytest.fixture
def canonical(site):
    return f"http://{NAME}:{site.httpd.port}"


def link(message):
    found = {html.unescape(re.search(r"https?://[^\s\"<]*inv_[^\s\"<]*", message.part(kind)).group()) for kind in ("plain", "html")}
    assert len(found) == 1
    return found.pop()


def token_in(url):
    return invite_token({"invite_url": url})


def invite(person, email, **more):
    return person.ok("POST", f"organizations/{person.org['id']}/invites/", {"email": email, "role": "MEMBER"}, **more)


def settled(site):
    end = time.monotonic() + 60
    while seed.jobs(site.database, "mail"):
        assert time.monotonic() < end, seed.jobs(site.database, "mail")
        time.sleep(0.05)


@pytest.mark.parametrize("said", [EVIL, {"Host": "evil.example:8080"}, {"Host": "[::1]"}, {"Host": NAME + ".evil.example"}, {"Host": "evil.example#" + NAME}],
                         ids=lambda said: said["Host"])
def test_an_invite_carries_no_host_of_a_client(site, smtp, said, canonical):
    """The relay would send somebody else's link in the product's name."""
    admin, guest = site.newcomer(), Person(site.base, register=False)
    caller = Api(site.base, token=admin.new_token()["token"])
    reply = caller.post(f"organizations/{admin.org['id']}/invites/", {"email": guest.email, "role": "MEMBER"}, headers=said)
    if reply.status_code == 400 and not reply.headers["Content-Type"].startswith("application/json"):
        return  # httpd takes no such Host at all
    assert reply.status_code == 201, reply.text
    message = smtp.wait(guest.email)[0]
    assert "evil" not in message.raw.decode() and "[::1]" not in message.raw.decode()
    assert link(message).startswith(f"{canonical}/api/v1/invites/inv_")
    assert reply.json()["invite_url"].startswith(f"{canonical}/api/v1/invites/inv_")


def test_an_alias_is_not_in_a_mail_either(site, smtp, canonical):
    admin, guest = site.newcomer(), Person(site.base, register=False)
    caller = Api(site.base, token=admin.new_token()["token"])
    caller.ok("POST", f"organizations/{admin.org['id']}/invites/", {"email": guest.email, "role": "MEMBER"}, headers={"Host": f"www.{NAME}"})
    assert link(smtp.wait(guest.email)[0]).startswith(canonical)


@pytest.mark.parametrize("host, shown", [
    (NAME, NAME), (f"WWW.{NAME}", f"WWW.{NAME}"), ("any.wild.example.test:81", "any.wild.example.test:81"), ("wild.example.test", None), ("evil.example", None),
    ("127.0.0.1:{port}", "127.0.0.1:{port}"), ("127.0.0.2", None), ("localhost:{port}", "localhost:{port}"), ("localhost.evil.example", None), (f"{NAME}:80", NAME), ("evil.example:443", None), (f"x{NAME}", None)])
def test_links_in_replies_are_of_names_that_are_ours(site, canonical, host, shown):
    caller = Api(site.base, token=site.newcomer().new_token()["token"])
    for n in range(2):
        caller.ok("POST", "organizations/", {"name": f"More {n}"})
    base = "http://" + shown.format(port=site.httpd.port) if shown else canonical
    headers = {"Host": host.format(port=site.httpd.port)}
    for mount in ("v1", "v2"):
        reply = caller.get(f"/api/{mount}/organizations/?page_size=1", headers=headers)
        assert reply.json()["next"] == f"{base}/api/{mount}/organizations/?page_size=1&page=2"
        made = caller.post(f"/api/{mount}/organizations/", {"name": "Another"}, headers=headers)
        assert made.headers["Location"] == f"{base}/api/{mount}/organizations/{made.json()['id']}/"
        redirected = caller.get(f"/api/{mount}/organizations", headers=headers)
        assert redirected.status_code == 308 and redirected.headers["Location"] == f"{base}/api/{mount}/organizations/"
        assert caller.get(f"/api/{mount}/openapi.json", headers=headers).json()["servers"][0]["url"] == f"{base}/api/{mount}"


@pytest.mark.parametrize("forwarded, base", [
    ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example.test"}, "https://public.example.test"),
    ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}, None), ({"X-Forwarded-Host": "public.example.test, evil.example"}, None),
    ({"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "public.example.test"}, "http://public.example.test"),
    ({"X-Forwarded-Host": "public.example.test/x?"}, None), ({"X-Forwarded-Host": ""}, None)])
def test_what_a_proxy_says_is_of_names_that_are_ours(site, smtp, forwarded, base):
    caller = Api(site.base, token=(admin := site.newcomer()).new_token()["token"])
    reply = caller.get("organizations", headers={"Host": "behind.example.test", **forwarded})
    # Behind TLS (SaasSecureCookies), the name alone: the port of this server is not the proxy's.
    assert reply.headers["Location"] == (base or "https://behind.example.test") + "/api/v1/organizations/"
    guest = Person(site.base, register=False)
    caller.ok("POST", f"organizations/{admin.org['id']}/invites/", {"email": guest.email, "role": "MEMBER"},
              headers={"Host": "behind.example.test", **forwarded})
    assert link(smtp.wait(guest.email)[0]).startswith("https://behind.example.test/api/v1/invites/inv_")


def test_where_to_come_back_to_after_the_login(site, canonical):
    for host, base in (("evil.example", canonical), (f"www.{NAME}", f"http://www.{NAME}")):
        reply = site.nobody().get("/gated/page?x=1", headers={"Host": host, **BROWSER})
        assert reply.status_code == 302
        assert reply.headers["Location"].lower() == ("https://app.example.test/login?next=" + (base + "/gated/page?x=1").replace(":", "%3a").replace("/", "%2f")
                                                     .replace("?", "%3f").replace("=", "%3d"))


def test_a_mailed_invite_leads_to_a_page(site, smtp):
    admin, guest = site.register(organization="<img src=x onerror=alert(1)> & Söhne", name='"><script>alert(2)</script>'), Person(site.base, register=False)
    made = invite(admin, guest.email)
    path = "/api/v1/" + link(smtp.wait(guest.email)[0]).split("/api/v1/")[1]
    page = site.nobody().get(path, headers=BROWSER)
    assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Join &lt;img src=x onerror=alert(1)&gt; &amp; Söhne" in page.text and "<script" not in page.text and "<img" not in page.text
    assert "MEMBER" in page.text and guest.email not in page.text and guest.email[0] + "***@example.test" in page.text
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'") and "Accept" in page.headers["Vary"]
    program = site.nobody().get(path)
    assert program.headers["Content-Type"] == "application/json" and program.json()["role"] == "MEMBER" and "Accept" in program.headers["Vary"]
    assert site.nobody().get(path, headers={**BROWSER, "Sec-Fetch-Mode": "cors"}).headers["Content-Type"] == "application/json"
    admin.ok("DELETE", f"organizations/{admin.org['id']}/invites/{made['id']}/")
    page = site.nobody().get(path, headers=BROWSER)
    assert page.status_code == 400 and "This invite has been revoked." in page.text
    page = site.nobody().get("/api/v1/invites/inv_unknown/", headers=BROWSER)
    assert page.status_code == 404 and "This invite is not known." in page.text and page.headers["Content-Type"].startswith("text/html")


def test_the_mailed_token_is_another_than_the_inviter_sees_and_both_work_once(site, smtp):
    admin, guest = site.newcomer(), Person(site.base, register=False)
    made = invite(admin, guest.email)
    mailed = token_in(link(smtp.wait(guest.email)[0]))
    assert mailed != invite_token(made) and mailed.split(".")[0] == invite_token(made).split(".")[0]
    for token in (mailed, invite_token(made)):
        assert site.nobody().get(f"invites/{token}/").status_code == 200
    body = guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": mailed})
    assert body["organization"]["id"] == admin.org["id"]
    for token in (mailed, invite_token(made)):
        gone = site.nobody().get(f"invites/{token}/")
        assert gone.status_code == 400 and gone.json()["code"] == "invite_used"


def test_resending_kills_both_tokens(site, smtp):
    admin, guest = site.newcomer(), Person(site.base, register=False)
    made = invite(admin, guest.email)
    old = [token_in(link(smtp.wait(guest.email)[0])), invite_token(made)]
    again = admin.ok("POST", f"organizations/{admin.org['id']}/invites/{made['id']}/resend/")
    new = [token_in(link(smtp.wait(guest.email, 2)[1])), invite_token(again)]
    assert [site.nobody().get(f"invites/{token}/").status_code for token in old + new] == [404, 404, 200, 200]


@pytest.mark.expects("SAAS1204", "SAAS1205", "SAAS2403")
def test_no_row_of_the_queue_holds_a_link(site, smtp):
    """Neither a message that waits nor one that was given up; tried again it has a link that works."""
    admin, guest = site.newcomer(), Person(site.base, register=False)
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    try:
        made = invite(admin, guest.email)
        assert site.nobody().post("auth/password/reset/", {"email": admin.email}).status_code == 202
        end = time.monotonic() + 60
        while True:
            rows = site.database.execute("SELECT id, state, attempts, payload FROM jobs WHERE kind = 'mail'")
            if len(rows) == 2 and all(row[2] >= 1 and row[1] == "queued" for row in rows):
                break
            assert time.monotonic() < end, rows
            time.sleep(0.05)
        assert "inv_" not in str(rows) and "pwr_" not in str(rows) and "{token}" in str(rows)
        smtp.refuse["MAIL"] = "550 never"
        seed.hurry(site.database, "mail")
        while not all(state == "dead" for state, *_ in seed.jobs(site.database, "mail").values()):
            assert time.monotonic() < end
            time.sleep(0.05)
        rows = site.database.execute("SELECT payload FROM jobs WHERE kind = 'mail'")
        assert rows and "inv_" not in str(rows) and "pwr_" not in str(rows)
        hashes = site.database.execute("SELECT hash, mail_hash FROM invites WHERE id = ?", made["id"])
        assert re.fullmatch(r"\[\('[0-9a-f]{64}', '[0-9a-f]{64}'\)\]", str(hashes))
    finally:
        smtp.refuse.clear()
    saasctl(site.database.url, "job", "retry", "--dead", "--kind", "mail")
    site.database.claim()
    mailed = token_in(link(smtp.wait(guest.email)[0]))
    assert site.nobody().get(f"invites/{mailed}/").status_code == 200


@pytest.mark.expects("SAAS1204")
def test_a_link_to_nothing_is_not_sent(site, smtp):
    """What has been accepted or has run out while the relay was away."""
    admin, guest = site.newcomer(), Person(site.base, register=False)
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    try:
        made = invite(admin, guest.email)
        end = time.monotonic() + 60
        while [row[:2] for row in seed.jobs(site.database, "mail").values()] != [("queued", 1)]:
            assert time.monotonic() < end
            time.sleep(0.05)
        guest.ok("POST", "auth/register/", {"email": guest.email, "password": PASSWORD, "invite": invite_token(made)})
    finally:
        smtp.refuse.clear()
    seed.hurry(site.database, "mail")
    settled(site)
    assert not smtp.to(guest.email)


def test_without_a_name_configtest_says_so(places):
    httpd = Httpd(places=places)
    mail = "DBDriver sqlite3\nDBDParams /nowhere/x.db\n" + MOUNTS + "SaasMailRelay smtp://127.0.0.1\nSaasMailFrom noreply@example.test\n"
    nameless = "<VirtualHost *:*>\n</VirtualHost>\n"
    for conf, said in ((mail + nameless, True), (mail, False), (mail + "<VirtualHost *:*>\nServerName a.example.test\n</VirtualHost>\n", False),
                       (mail + "SaasFrontendURL https://app.example.test\n" + nameless, False),
                       (mail + "SaasInviteURL https://app.example.test/i?t={token}\n" + nameless, False), (MOUNTS + nameless, False)):
        status, output = httpd.configtest(conf)
        assert ("SAAS2107" in output) == said, output
        assert status == 0 or conf == MOUNTS + nameless, output


@pytest.mark.expects("SAAS1204")
def test_the_mailed_token_is_dead_from_the_moment_of_resending(site, smtp):
    """Not only when the new mail has left."""
    admin, guest = site.newcomer(), Person(site.base, register=False)
    made = invite(admin, guest.email)
    mailed = token_in(link(smtp.wait(guest.email)[0]))
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    try:
        admin.ok("POST", f"organizations/{admin.org['id']}/invites/{made['id']}/resend/")
        assert site.nobody().get(f"invites/{mailed}/").status_code == 404
    finally:
        smtp.refuse.clear()
    seed.hurry(site.database, "mail")
    settled(site)


@pytest.mark.only_db("pgsql")
@pytest.mark.expects("SAAS1204")
def test_who_has_lost_the_lease_makes_no_link(site, smtp):
    """A worker that was held up while its job went to another one: its token is nobody's, and its mail not sent."""
    admin, guest = site.newcomer(), Person(site.base, register=False)
    settled(site)
    smtp.refuse["MAIL"] = "451 later"
    made = invite(admin, guest.email)
    end = time.monotonic() + 60
    job = "SELECT id, state, attempts FROM jobs WHERE kind = 'mail'"
    while [row[1:] for row in site.database.execute(job)] != [("queued", 1)]:
        assert time.monotonic() < end
        time.sleep(0.05)
    number = site.database.execute(job)[0][0]
    smtp.refuse.clear()
    holder = site.database.connect()
    try:
        holder.autocommit = False
        with holder.cursor() as cursor:
            cursor.execute("SELECT mail_hash FROM invites WHERE id = %s FOR UPDATE", (made["id"],))
            before = cursor.fetchone()[0]
        seed.hurry(site.database, "mail")
        while site.database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            assert time.monotonic() < end
            time.sleep(0.02)
        site.database.execute("UPDATE jobs SET lease_owner = ?, lease_until = now() + interval '2 seconds' WHERE id = ?", "another", number)
        holder.rollback()
        time.sleep(1)
        assert site.database.execute("SELECT mail_hash FROM invites WHERE id = ?", made["id"]) == [(before,)] and not smtp.to(guest.email)
    finally:
        holder.close()
    settled(site)
    assert len(smtp.wait(guest.email)) == 1
    assert site.nobody().get(f"invites/{token_in(link(smtp.to(guest.email)[0]))}/").status_code == 200
