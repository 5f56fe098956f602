"""Back ends behind a gate: WebSockets, and identity headers that no client can forge, double or take away."""

import json
import socket
import subprocess

import pytest

from saastest import EchoServer, seed
from saastest.places import program
from saastest.websocket import WebSocketServer, upgrade

pytestmark = pytest.mark.expects("AH01630", "AH01631")
SOCKETS = WebSocketServer()
BACKEND = EchoServer()

SITE_MODULES = ("proxy_wstunnel", "http2")
GATE = """    AuthType Saas
    SaasOrganization "%{HTTP:X-Organization-ID}"
    SaasIdentityHeaders On
    Header always set X-Always yes
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>"""
SITE_CONF = f"""
Protocols h2c http/1.1
<Location "/ws-tunnel">
{GATE}
    ProxyPass "ws://127.0.0.1:{SOCKETS.port}/w"
</Location>
<Location "/ws-upgrade">
{GATE}
    ProxyPass "http://127.0.0.1:{SOCKETS.port}/w" upgrade=websocket
</Location>
<Location "/told">
    AuthType Saas
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasIdentityHeaders On
    Require saas-user
    ProxyPass "{BACKEND.url}/told"
</Location>
<Location "/untold">
    ProxyPass "{BACKEND.url}/untold"
</Location>
"""
SOCKET_PATHS = ("/ws-tunnel/chat", "/ws-upgrade/chat")


def with_token(person, org=None, role=None):
    token = person.new_token(organization=person.org["id"] if org is None else None, role=role)["token"]
    return {"Authorization": f"Bearer {token}", "X-Organization-ID": (org or person.org)["id"]}


@pytest.mark.parametrize("path", SOCKET_PATHS)
def test_a_websocket_carries_data_both_ways(site, payer, path):
    status, head, connection = upgrade(site.httpd.port, path, {**with_token(payer), "X-Saas-Role": "forged"})
    assert status == 101 and "upgrade: websocket" in head.lower()
    with connection:
        for n in range(20):
            said = f"message {n} ".encode() * 50
            connection.sendall(said)
            heard = b""
            while len(heard) < len(said):
                part = connection.recv(65536)
                assert part
                heard += part
            assert heard == said.upper()
    told = SOCKETS.heads[-1].lower()
    assert f"x-saas-email: {payer.email}".lower() in told and "x-saas-role: admin" in told and "forged" not in told


@pytest.mark.parametrize("path", SOCKET_PATHS)
def test_a_websocket_is_refused_before_the_back_end_hears_of_it(site, alice, payer, path):
    before = len(SOCKETS.heads)
    cookie = {"Cookie": f"saas_session={payer.http.cookies['saas_session']}", "X-Organization-ID": payer.org["id"]}
    for headers, expected in (({}, 401), ({"Authorization": "Bearer saas_wrong"}, 401), (with_token(alice), 403), (with_token(payer, role="VIEWER"), 403),
                              (with_token(alice, payer.org), 404), ({**with_token(payer), "X-Organization-ID": "garbage!"}, 404)):
        status, head, _ = upgrade(site.httpd.port, path, headers)
        assert status == expected and "x-always: yes" in head.lower(), (headers, head)
    assert len(SOCKETS.heads) == before
    status, _, connection = upgrade(site.httpd.port, path, {**cookie, "Origin": site.base})
    connection.close()
    assert status == 101


@pytest.mark.parametrize("path", SOCKET_PATHS)
def test_a_websocket_of_another_sites_page_is_refused(site, payer, path):
    """A browser sends the cookie with it, and no CORS stands in its way: RFC 6455, section 10.2."""
    cookie = {"Cookie": f"saas_session={payer.http.cookies['saas_session']}", "X-Organization-ID": payer.org["id"]}
    before = len(SOCKETS.heads)
    for more in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {"Origin": "null"}):
        status, _, connection = upgrade(site.httpd.port, path, {**cookie, **more})
        connection.close()
        assert status == 403, more
    assert len(SOCKETS.heads) == before
    assert upgrade(site.httpd.port, path, {**with_token(payer), "Origin": "https://evil.example"})[0] == 101, "a token is no cookie"


def told(body):
    return sorted((k.lower(), v) for k, v in json.loads(body)["headers"] if "saas" in k.lower() and not k.lower().startswith("cookie"))


def raw(site, *lines, path="/told/"):
    with socket.create_connection(("127.0.0.1", site.httpd.port), 10) as s:
        s.sendall("\r\n".join([f"GET {path} HTTP/1.0", "Host: x", *lines, "", ""]).encode("latin-1"))
        data = b""
        while part := s.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def truth(person):
    return sorted([("x-saas-user", person.user["id"]), ("x-saas-email", person.email), ("x-saas-organization", person.org["id"]), ("x-saas-role", "ADMIN"),
                   ("x-saas-subscription", "active")])


FORGED = ("X-Saas-User: f", "x-saas-user: f", "X_Saas_User: f", "X-Saas_Role: f", "X_SAAS-ROLE: f", "x-sAAS-Email: f", "X-Saas-Organization: f", "X-Saas-: f",
          "X-Saas-Anything: f", "X-Saas-Role: f\r\nX-Saas-Role: g\r\nx-saas-role: h", "X-Saas-Role:f")


@pytest.mark.parametrize("line", FORGED)
def test_forged_headers_are_gone(site, payer, line):
    token = payer.new_token(organization=payer.org["id"])["token"]
    status, body = raw(site, f"Authorization: Bearer {token}", line)
    assert status in (200, 400) and (status == 400 or told(body) == truth(payer))
    status, body = raw(site, line, path="/untold/")
    assert status in (200, 400) and (status == 400 or told(body) == [])


@pytest.mark.parametrize("value", ["X-Saas-Role", "close, X-Saas-Role", "x-saas-role, x-saas-user, X-Saas-Organization,keep-alive", "X-Saas-User ,X-Saas-Email",
                                   "X-Saas-Subscription\r\nConnection: X-Saas-Role"])
def test_connection_takes_no_header_of_ours_away(site, payer, value):
    """mod_proxy drops what Connection names (RFC 9110, section 7.6.1); a back end must not miss the role."""
    token = payer.new_token(organization=payer.org["id"])["token"]
    status, body = raw(site, f"Authorization: Bearer {token}", f"Connection: {value}")
    assert status == 200 and told(body) == truth(payer)


def test_connection_still_means_what_it_says(site, payer):
    token = payer.new_token(organization=payer.org["id"])["token"]
    status, body = raw(site, f"Authorization: Bearer {token}", "Connection: close, X-Other, X-Saas-Role", "X-Other: hop")
    assert status == 200 and "hop" not in [v for _, v in json.loads(body)["headers"]]


def test_without_an_organization_there_is_no_header_of_one(site, payer):
    somebody = payer.new_token()["token"]
    status, body = raw(site, f"Authorization: Bearer {somebody}", f"X-Organization-ID: {seed.uuid7()}", "X-Saas-Organization: f", "X-Saas-Role: ADMIN")
    assert status == 200 and [k for k, _ in told(body)] == ["x-saas-email", "x-saas-user"]


def test_forged_headers_over_http2(site, payer):
    token = payer.new_token(organization=payer.org["id"])["token"]
    argv = [program("curl"), "-s", "--http2-prior-knowledge", "--max-time", "30", "-w", "\n%{http_version}", "-H", f"Authorization: Bearer {token}"]
    for line in ("x-saas-role: f", "x_saas_role: f", "x-saas-user: f"):
        argv += ["-H", line]
    body, _, version = subprocess.run([*argv, site.base + "/told/"], capture_output=True, check=True).stdout.rpartition(b"\n")
    assert version == b"2" and told(body) == truth(payer)


def test_doubled_headers_over_http2(site, alice, payer):
    def status(*lines):
        argv = [program("curl"), "-s", "-o", "/dev/null", "--http2-prior-knowledge", "--max-time", "30", "-w", "%{http_code}"]
        for line in lines:
            argv += ["-H", line]
        return int(subprocess.run([*argv, site.base + "/ws-upgrade/"], capture_output=True, check=True, text=True).stdout)
    mine, other = (f"Authorization: Bearer {p.new_token()['token']}" for p in (payer, alice))
    org = f"X-Organization-ID: {payer.org['id']}"
    assert status(mine, org) == 426, "the back end has been asked"
    assert status(mine, other, org) == 401 and status(other, mine, org) == 401
    assert status(mine, org, f"X-Organization-ID: {alice.org['id']}") == 404
    assert status("Cookie: saas_session=" + "A" * 43, f"Cookie: saas_session={payer.http.cookies['saas_session']}", org) == 401
