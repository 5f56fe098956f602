"""The mail on new critical findings: who gets one, of what, and that there is one of an audit."""

import json
import time

import pytest

from saastest import seed, wait_audit
from saastest.places import free_port
from saastest.smtp import SmtpServer
from test_invite_mail import mail_for
from test_members import join

PORT = free_port()
SITE_CONF = f"SaasMailRelay smtp://127.0.0.1:{PORT}\nSaasMailFrom \"Acme <noreply@example.test>\""
SITE_STRIPE = False
FRONTEND = "https://app.example.test"


@pytest.fixture(scope="module")
def smtp():
    server = SmtpServer(PORT).start()
    yield server
    server.stop()


def want(api, wanted=True, **more):
    assert api.ok("PATCH", "audits/alerts/", {"new_critical": wanted}, **more) == {"new_critical": wanted}


def found(person, *findings, name=None, file="scan.csv"):
    """An audit with these findings, (resource, check[, status[, severity]]), that has been looked at, too."""
    rows = ["resource_id,check_name,status,severity,timestamp,comment"]
    for resource, check, *more in findings:
        status, severity = (*more, *("FAIL", "critical")[len(more):])
        quoted = resource.replace('"', '""')
        rows.append(f'"{quoted}",{check},{status},{severity},2026-01-02T03:04:05Z,x')
    params = {"format": "generic", "file": file} | ({"name": name} if name else {})
    reply = person.post("audits/import/", data="\n".join(rows).encode(), params=params)
    assert reply.status_code == 201, reply.text
    return wait_audit(person, reply.json()["id"], 60)


def settled(site, key):
    end = time.monotonic() + 60
    while site.database.execute("SELECT 1 FROM jobs WHERE object_id = ?", key):
        assert time.monotonic() < end
        time.sleep(0.05)


def mails(site, smtp, person, audit):
    """Texts of the mails to somebody, once all work of this audit is done."""
    settled(site, audit["id"])
    return [message.part("plain").replace("\r\n", "\n") for message in smtp.messages if person.email in message.recipients]


@pytest.mark.smoke
def test_who_wants_to_is_told_of_what_is_new(site, smtp):
    person = site.newcomer("Äcme & Söhne")
    assert person.ok("GET", "audits/alerts/") == {"new_critical": False}
    want(person)
    assert person.ok("GET", "audits/alerts/") == {"new_critical": True}
    first = found(person, ("bucket-1", "public"), ("bucket-2", "public", "PASS"), ("bucket-3", "public", "FAIL", "high"), name="Weekly")
    message = mail_for(smtp, person.email)
    assert message.parsed["Subject"] == "New critical findings: Weekly"
    for kind in ("plain", "html"):
        text = message.part(kind)
        assert "public: bucket-1" in text and "bucket-2" not in text and "bucket-3" not in text and f"{FRONTEND}/o/{person.org['slug']}/audits/{first['id']}" in text
    assert "Äcme & Söhne" in message.part("plain") and "Äcme &amp; Söhne" in message.part("html") and "more" not in message.part("plain")
    # The same again is nothing new, and neither is less; what was something else before, is.
    assert len(mails(site, smtp, person, found(person, ("bucket-1", "public")))) == 1
    now = found(person, ("bucket-1", "public"), ("bucket-2", "public"), ("bucket-3", "public"))
    told = mails(site, smtp, person, now)
    assert len(told) == 2 and "public: bucket-2\npublic: bucket-3\n" in told[1] and "bucket-1" not in told[1] and "2 in all" in told[1]
    # Of other targets nothing is known.
    assert "public: bucket-1" in mails(site, smtp, person, found(person, ("bucket-1", "public"), file="other.csv"))[2]


def test_it_is_off_until_somebody_asks_for_themselves(site, smtp, person):
    viewer, other = join(site, person, "VIEWER"), join(site, person)
    here = {"X-Organization-ID": person.org["id"]}
    want(viewer, headers=here)
    assert person.ok("GET", "audits/alerts/") == {"new_critical": False} and viewer.ok("GET", "audits/alerts/", headers=here) == {"new_critical": True}
    assert viewer.ok("GET", "audits/alerts/", headers={"X-Organization-ID": viewer.org["id"]}) == {"new_critical": False}
    audit = found(person, ("a", "b"))
    assert [len(mails(site, smtp, somebody, audit)) for somebody in (person, viewer, other)] == [0, 1, 0]
    want(viewer, headers=here)
    want(viewer, False, headers=here)
    want(viewer, False, headers=here)
    audit = found(person, ("c", "b"))
    assert len(mails(site, smtp, viewer, audit)) == 1


@pytest.mark.parametrize("how", ["unverified", "inactive", "left", "removed"])
def test_who_gets_none_any_more(site, smtp, person, how):
    member = join(site, person)
    here = {"X-Organization-ID": person.org["id"]}
    for somebody in (person, member):
        want(somebody, headers=here)
    if how == "unverified":
        site.database.execute("UPDATE users SET email_verified_at = NULL WHERE id = ?", member.user["id"])
    elif how == "inactive":
        site.database.execute("UPDATE users SET is_active = FALSE WHERE id = ?", member.user["id"])
    elif how == "removed":
        site.database.execute("DELETE FROM users WHERE id = ?", member.user["id"])
    else:
        assert person.delete(f"organizations/{person.org['id']}/members/{member.user['id']}/").status_code == 204
        seed.member(site.database, person.org["id"], member.user["id"], "MEMBER")
        assert member.ok("GET", "audits/alerts/", headers=here) == {"new_critical": False}
    audit = found(person, ("a", "b"))
    assert [len(mails(site, smtp, somebody, audit)) for somebody in (person, member)] == [1, 0]


def test_an_address_that_is_not_verified_is_refused(site, person):
    site.database.execute("UPDATE users SET email_verified_at = NULL WHERE id = ?", person.user["id"])
    reply = person.patch("audits/alerts/", {"new_critical": True})
    assert reply.status_code == 403 and reply.json()["code"] == "email_not_verified"
    assert person.ok("GET", "audits/alerts/") == {"new_critical": False}
    want(person, False)


@pytest.mark.parametrize("body", [{}, {"new_critical": None}, {"new_critical": "yes"}, {"new_critical": 1}, {"new_critical": []}])
def test_bad_input_changes_nothing(person, body):
    want(person)
    reply = person.patch("audits/alerts/", body)
    assert reply.status_code == 400 and list(reply.json()) == ["new_critical"]
    assert person.ok("GET", "audits/alerts/") == {"new_critical": True}


def test_what_is_muted_is_no_news(site, smtp, person):
    want(person)
    quiet = found(person, ("a", "b", "FAIL", "high"), ("c", "b", "FAIL", "high"))
    person.ok("PATCH", f"audits/{quiet['id']}/evidence/?resource_id=a", {"muted": True, "reason": "known"})
    told = mails(site, smtp, person, found(person, ("a", "b"), ("c", "b")))
    assert len(told) == 1 and "b: c\n" in told[0] and "b: a" not in told[0]
    person.ok("PATCH", f"audits/{quiet['id']}/evidence/?resource_id=c", {"muted": True, "reason": "known"})
    assert len(mails(site, smtp, person, found(person, ("a", "b"), ("c", "b"), file="again.csv"))) == 1
    # A mute that has ended is none.
    site.database.execute("UPDATE triage SET muted_until = '2026-01-02T03:04:05.000000Z' WHERE org_id = ?", person.org["id"])
    assert len(mails(site, smtp, person, found(person, ("a", "b"), file="third.csv"))) == 2


def test_many_are_ten_and_how_many_more(site, smtp, person):
    want(person)
    told, = mails(site, smtp, person, found(person, *[(f"r{n:03}", "c") for n in range(123)], ("r000", "c")))
    assert told.count("c: r") == 10 and "c: r009\nand 113 more\n" in told and "123 in all" in told


def test_hostile_words_do_no_harm(site, smtp, person):
    """Of a name, a resource and an organization: no line, header, recipient, mark-up or template of their own."""
    hostile = "x\r\n\r\nBcc: other@example.test\n<script>alert(1)</script> {{url}} {{#name}} \u202eevil\u2028line " + "y" * 400
    want(person)
    site.database.execute("UPDATE organizations SET name = ? WHERE id = ?", "Evil\u2028<b>{{product}}", person.org["id"])
    audit = found(person, (hostile, "chk\u202e"), name="<img src=x> {{count}} \u2066z")
    told, = mails(site, smtp, person, audit)
    message = mail_for(smtp, person.email)
    assert message.recipients == [person.email] and message.parsed["Bcc"] is None
    assert message.parsed["Subject"] == "New critical findings: <img src=x> {{count}}  z"
    line, = [line for line in told.splitlines() if "Bcc:" in line]
    assert line.startswith("chk : x") and "{{url}} {{#name}}" in line and len(line) < 200 and line.endswith("...") and not set("\u202e\u2028") & set(told)
    html = message.part("html")
    assert "<script" not in html and "&lt;script&gt;" in html and "<img" not in html and "<b>" not in html and "\u202e" not in html


def test_an_audit_of_the_web_tells_too_and_the_order_of_targets_does_not_matter(site, smtp, person):
    """Nothing listens there: without TLS the certificate is critical."""
    want(person)
    one, other = site.base, site.base + "/x"
    first = person.post("audits/start/", {"targets": [one, other]}).json()
    body = wait_audit(person, first["id"], 60)
    told = mails(site, smtp, person, body)
    assert len(told) == 1 and f"tls_certificate_trusted: {one}" in told[0]
    again = person.post("audits/start/", {"targets": [other, one]}).json()
    assert len(mails(site, smtp, person, wait_audit(person, again["id"], 60))) == 1


def test_there_is_one_mail_of_an_audit(site, smtp, person):
    """Also when it is looked at twice, as after a crash at the wrong moment, or gets another file."""
    want(person)
    audit = found(person, ("a", "b"))
    assert len(mails(site, smtp, person, audit)) == 1
    seed.job(site.database, "audit.alert", None, audit["id"])
    site.database.execute("UPDATE jobs SET organization_id = ? WHERE object_id = ?", person.org["id"], audit["id"])
    assert len(mails(site, smtp, person, audit)) == 1


def test_an_audit_that_failed_tells_nothing(site, smtp, person):
    want(person)
    reply = person.post("audits/import/", data=b"no;such;file\n1;2;3\n", params={"format": "generic"})
    body = wait_audit(person, reply.json()["id"], 60)
    assert body["status"] == "failed" and not mails(site, smtp, person, body)


def test_one_that_was_muted_or_gone_before_the_look_and_no_organization(site, smtp, person):
    """The audit is deleted, or its organization: the job ends, and nothing is sent."""
    want(person)
    audit = found(person, ("a", "b", "PASS"))
    settled(site, audit["id"])
    for change in ("DELETE FROM audits WHERE id = ?", None):
        seed.job(site.database, "audit.alert", None, audit["id"])
        if change:
            site.database.execute(change, audit["id"])
        site.database.execute("UPDATE jobs SET organization_id = ? WHERE object_id = ?", person.org["id"], audit["id"])
        assert not mails(site, smtp, person, audit)


def test_the_trail_and_the_counts_know_nothing_of_it(site, person):
    """A wish is one's own."""
    want(person)
    rows = site.database.execute("SELECT action FROM activity WHERE org_id = ?", person.org["id"])
    assert not [action for action, in rows if "alert" in action] and json.dumps(person.ok("GET", "audits/alerts/")) == '{"new_critical": true}'
