"""A client certificate is enough, by mod_ssl and SaasUser; and the session cookie's name under TLS."""

import http.client
import ssl

import pytest

from saastest import Places, Site, seed
from saastest.places import free_port
from saastest.tls import Authority

pytestmark = pytest.mark.expects("AH01630", "AH01631", "AH02261", "AH02008", "AH02039", "AH02227", "AH02262", "AH02276", "AH02217", "AH10129", "AH02225",
                                 "SSL Library Error", "re-negotiation", "handshake")
# One asks for a certificate, the other insists.
TLS, STRICT = free_port(), free_port()
CONF = """
Listen 127.0.0.1:%(port)d
<VirtualHost 127.0.0.1:%(port)d>
    ServerName 127.0.0.1
    DocumentRoot "{docs}"
    SSLEngine On
    SSLCertificateFile "%(folder)s/server.pem"
    SSLCertificateKeyFile "%(folder)s/server.key"
    SSLCACertificateFile "%(folder)s/ca.pem"
    SSLVerifyClient optional
    <Location "/api/v1">
        SaasUser "%%{SSL_CLIENT_SAN_Email_0}"
    </Location>
    <Location "/either">
        AuthType Saas
        SaasUser "%%{SSL_CLIENT_SAN_Email_0}"
        Require saas-user
    </Location>
    <Location "/by-name">
        AuthType Saas
        SaasUser "%%{SSL_CLIENT_S_DN_CN}@example.test"
        Require saas-user
    </Location>
</VirtualHost>
Listen 127.0.0.1:%(strict)d
<VirtualHost 127.0.0.1:%(strict)d>
    ServerName 127.0.0.1
    DocumentRoot "{docs}"
    SSLEngine On
    SSLCertificateFile "%(folder)s/server.pem"
    SSLCertificateKeyFile "%(folder)s/server.key"
    SSLCACertificateFile "%(folder)s/ca.pem"
    SSLVerifyClient require
    <Location "/machines">
        AuthType Saas
        SaasUser "%%{SSL_CLIENT_SAN_Email_0}"
        Require saas-member
    </Location>
</VirtualHost>
"""
AREAS = ("machines", "either", "by-name")


@pytest.fixture(scope="module")
def site(databases, db_kind):
    places = Places()
    folder = places.folder("tls")
    authority = Authority(folder)
    authority.issue("server", "127.0.0.1", "IP:127.0.0.1")
    made = Site(databases.fresh(db_kind, places), conf=CONF % {"port": TLS, "strict": STRICT, "folder": folder}, places=places, with_stripe=False, modules=("ssl",))
    made.authority = authority
    try:
        made.start()
        for area in AREAS:
            made.httpd.page(f"{area}/index.html", "<p>words</p>")
        yield made
    finally:
        made.close()


def ask(site, path, certificate=None, method="GET", body=None, **headers):
    """(status, body) over TLS; 0 when the handshake fails."""
    context = ssl.create_default_context(cafile=site.authority.folder / "ca.pem")
    if certificate is not None:
        context.load_cert_chain(*certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", STRICT if path == "/machines/" else TLS, timeout=20, context=context)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        reply = connection.getresponse()
        data = reply.read()
        assert reply.status == 200 or b"words" not in data
        return reply.status, data
    except (ssl.SSLError, ConnectionError):
        return 0, b""
    finally:
        connection.close()


@pytest.fixture(scope="module")
def certificate(site, alice):
    return site.authority.issue("alice", "Alice", f"email:{alice.email}")


def test_a_certificate_is_enough(site, alice, certificate):
    for path in ("/machines/", "/either/"):
        assert ask(site, path, certificate, X_Organization_ID=alice.org["id"])[0] == 200
    status, body = ask(site, "/api/v1/auth/me/", certificate)
    assert status == 200 and alice.email.encode() in body


def test_the_certificates_user_is_no_member_elsewhere(site, bob, certificate):
    assert ask(site, "/machines/", certificate, X_Organization_ID=bob.org["id"])[0] == 404


def test_without_a_certificate(site, alice):
    token = "Bearer " + alice.new_token()["token"]
    assert ask(site, "/machines/")[0] in (0, 401, 403)
    assert ask(site, "/machines/", Authorization=token)[0] in (0, 401, 403), "mod_ssl's own demand stands"
    assert ask(site, "/either/")[0] == 401 and ask(site, "/either/", Authorization=token)[0] == 200


@pytest.mark.parametrize("name", ["email:stranger@example.test", "email:not-an-address", "DNS:host.example.test"])
def test_a_certificate_of_somebody_we_do_not_know(site, name):
    stranger = site.authority.issue("stranger", "Stranger", name)
    assert ask(site, "/machines/", stranger)[0] == 401 and ask(site, "/either/", stranger)[0] == 401


def test_a_certificate_of_another_authority(site, alice, certificate):
    folder = site.authority.folder / "other"
    folder.mkdir(exist_ok=True)
    forged = Authority(folder).issue("alice", "Alice", f"email:{alice.email}")
    assert ask(site, "/machines/", forged)[0] in (0, 401, 403)


def test_a_token_goes_before_the_certificate(site, bob, certificate):
    assert ask(site, "/either/", certificate, Authorization="Bearer saas_" + "A" * 43)[0] == 401
    status, body = ask(site, "/api/v1/auth/me/", certificate, Authorization="Bearer " + bob.new_token()["token"])
    assert status == 200 and bob.email.encode() in body


def test_a_name_is_mapped(site):
    named = site.newcomer(email="device-7@example.test")
    assert ask(site, "/by-name/", site.authority.issue("device", "device-7", "DNS:x.example.test"))[0] == 200
    assert ask(site, "/by-name/", site.authority.issue("device8", "device-8", "DNS:x.example.test"))[0] == 401
    assert named.email == "device-7@example.test"


def test_a_locked_users_certificate(site):
    locked = site.newcomer()
    own = site.authority.issue("locked", "Locked", f"email:{locked.email}")
    assert ask(site, "/either/", own)[0] == 200
    site.database.execute("UPDATE users SET is_active = ? WHERE id = ?", 0 if site.database.kind == "sqlite" else False, locked.user["id"])
    seed.change_counts()
    assert ask(site, "/either/", own)[0] == 401


def test_another_site_cannot_use_a_browsers_certificate(site, alice, certificate):
    """A browser sends its certificate wherever a page makes it go; a program says nothing of an origin."""
    def change(**headers):
        return ask(site, "/api/v1/auth/me/", certificate, "PATCH", '{"name": "Alice"}', Content_Type="application/json", **headers)[0]
    assert change() == 200
    assert change(Origin=f"https://127.0.0.1:{TLS}") == 200
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        assert change(**headers) == 403, headers
        assert ask(site, "/either/", certificate, "POST", "x", **headers)[0] == 403, headers
    assert ask(site, "/either/", certificate, Origin="https://evil.example")[0] == 200, "reading is harmless: no script sees the answer"


def test_the_cookie_of_plain_http_is_none_under_tls(site, alice):
    value = alice.http.cookies["saas_session"]
    assert ask(site, "/either/", Cookie=f"saas_session={value}")[0] == 401
    assert ask(site, "/either/", Cookie=f"__Host-saas_session={value}")[0] == 200
