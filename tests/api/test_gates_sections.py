"""Where gates may stand and how they combine: merging, .htaccess, If, Files, virtual hosts, not, expressions."""

import socket

import pytest

from saastest import EchoServer, seed
from saastest.client import Api

# The last is httpd's own line beside ours.
pytestmark = pytest.mark.expects("AH01630", "AH01631", "Cannot open file /nonexistent/")
BACKEND = EchoServer()
ORG = 'SaasOrganization "%{HTTP:X-Organization-ID}"'

SITE_CONF = f"""
<Directory "{{docs}}/dir">
    AuthType Saas
    {ORG}
    Require saas-role ADMIN MEMBER
</Directory>
<Directory "{{docs}}/dir/inner">
    Require saas-member
</Directory>
<Directory "{{docs}}/dir/and">
    AuthMerging And
    Require saas-subscription active
</Directory>
<Directory "{{docs}}/dir/or">
    AuthMerging Or
    Require saas-subscription active
</Directory>
<Directory "{{docs}}/dir/public">
    Require all granted
</Directory>
<Directory "{{docs}}/files">
    <Files "secret.*">
        AuthType Saas
        Require saas-user
    </Files>
</Directory>
<Directory "{{docs}}/if">
    <If "%{{QUERY_STRING}} =~ /gated/">
        AuthType Saas
        Require saas-user
    </If>
</Directory>
<Directory "{{docs}}/ht">
    AllowOverride AuthConfig
</Directory>
<Directory "{{docs}}/ht-none">
    AllowOverride None
</Directory>
<Directory "{{docs}}/ht-limit">
    AllowOverride Limit
</Directory>
<Location "/proxied">
    AuthType Saas
    SaasIdentityHeaders On
    SaasOrganization "%{{HTTP:X-Organization-ID}}"
    SaasDenied role "outer words"
    Require saas-user
    ProxyPass "{BACKEND.url}/p"
</Location>
<Location "/proxied/without">
    SaasIdentityHeaders Off
</Location>
<Location "/proxied/without/again">
    SaasIdentityHeaders On
</Location>
<Location "/proxied/role">
    Require saas-role ADMIN
</Location>
<Location "/proxied/role/default">
    SaasDenied role "You do not have permission to perform this action."
</Location>
<Location "/not/viewer">
    AuthType Saas
    {ORG}
    <RequireAll>
        Require saas-user
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/not/viewer-from-here">
    AuthType Saas
    {ORG}
    <RequireAll>
        Require ip 127.0.0.0/8
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/not/none">
    AuthType Saas
    {ORG}
    <RequireAll>
        Require ip 127.0.0.0/8
        <RequireNone>
            Require saas-role VIEWER
            Require saas-subscription expired
        </RequireNone>
    </RequireAll>
</Location>
<Location "/not/banned">
    AuthType Saas
    {ORG}
    <RequireAll>
        Require saas-user
        Require not saas-member banned-org
    </RequireAll>
</Location>
<Location "/not/failing">
    AuthType Saas
    <RequireAll>
        Require saas-user
        Require not saas-user "%{{file:/nonexistent/list}}"
    </RequireAll>
</Location>
<Location "/not/senseless">
    AuthType Saas
    {ORG}
    <RequireAll>
        Require saas-member
        Require not saas-role "%{{HTTP:X-Test-Role}}"
    </RequireAll>
</Location>
<Location "/nested">
    AuthType Saas
    {ORG}
    <RequireAny>
        Require ip 10.9.9.9
        <RequireAll>
            Require saas-member
            <RequireAny>
                Require saas-role ADMIN
                <RequireAll>
                    Require saas-role VIEWER
                    Require saas-subscription active
                </RequireAll>
            </RequireAny>
        </RequireAll>
    </RequireAny>
</Location>
<Location "/office">
    AuthType Saas
    <RequireAny>
        Require ip 127.0.0.0/8
        Require saas-user
    </RequireAny>
</Location>
<Location "/expr/role">
    AuthType Saas
    {ORG}
    Require saas-role "%{{HTTP:X-Test-Role}}"
</Location>
<Location "/expr/status">
    AuthType Saas
    {ORG}
    Require saas-subscription "%{{HTTP:X-Test-Status}}"
</Location>
<Location "/expr/user">
    AuthType Saas
    Require saas-user "%{{HTTP:X-Test-User}}"
</Location>
<Location "/expr/member">
    AuthType Saas
    {ORG}
    Require saas-member "%{{HTTP:X-Test-Org}}"
</Location>
<Location "/expr/failing">
    AuthType Saas
    {ORG}
    Require saas-member "%{{file:/nonexistent/list}}"
</Location>
<Location "/expr/organization-failing">
    AuthType Saas
    SaasOrganization "%{{file:/nonexistent/organization}}"
    Require saas-member
</Location>
<Location "/expr/user-failing">
    AuthType Saas
    SaasUser "%{{file:/nonexistent/user}}"
    Require saas-user
</Location>
<Location "/no-type">
    Require saas-user
</Location>
<Location "/foreign">
    AuthType Saas
    Require user somebody-else
</Location>
<VirtualHost *:*>
    ServerName first.example.test
    DocumentRoot "{{docs}}"
</VirtualHost>
<VirtualHost *:*>
    ServerName second.example.test
    DocumentRoot "{{docs}}"
    <Location "/dir/public">
        AuthType Saas
        Require saas-user
    </Location>
</VirtualHost>
"""

PAGES = ("dir", "dir/inner", "dir/and", "dir/or", "dir/public", "if", "ht", "ht-none", "ht-limit", "not/viewer", "not/viewer-from-here", "not/none",
         "not/banned", "not/failing", "not/senseless", "nested", "office", "expr/role", "expr/status", "expr/user", "expr/member", "expr/failing",
         "expr/organization-failing", "expr/user-failing", "no-type", "foreign")
HTACCESS = f"AuthType Saas\n{ORG}\nSaasDenied role \"htaccess words\"\nRequire saas-role ADMIN\n"


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in PAGES:
        site.httpd.page(f"{area}/index.html", f"<p>{area} words</p>")
    for name in ("secret.html", "open.html"):
        site.httpd.page(f"files/{name}", "<p>files words</p>")
    for area in ("ht", "ht-none", "ht-limit"):
        site.httpd.page(f"{area}/.htaccess", HTACCESS)


@pytest.fixture(scope="module")
def viewer(payer):
    return payer.as_token(role="VIEWER")


def status(api, path, org=None, **headers):
    more = {k.replace("_", "-"): v for k, v in headers.items()}
    if org is not None:
        more["X-Organization-ID"] = org["id"] if isinstance(org, dict) else org
    reply = api.get(path, headers=more)
    assert (reply.status_code == 200) == ("words" in reply.text and "detail" not in reply.text), (path, reply.status_code, reply.text)
    return reply.status_code


def test_sections_of_directories_merge_as_httpd_merges(site, alice, payer, viewer):
    nobody = site.nobody()
    assert [status(nobody, f"/dir/{p}") for p in ("", "inner/", "and/", "or/", "public/")] == [401, 401, 401, 401, 200]
    assert status(viewer, "/dir/", payer.org) == 403
    assert status(viewer, "/dir/inner/", payer.org) == 200, "the inner Require stands in the outer one's place"
    assert status(alice, "/dir/", alice.org) == 200
    assert status(alice, "/dir/and/", alice.org) == 403, "And: role and subscription"
    assert status(payer, "/dir/and/", payer.org) == 200 and status(viewer, "/dir/and/", payer.org) == 403
    assert status(alice, "/dir/or/", alice.org) == 200 and status(viewer, "/dir/or/", payer.org) == 200, "Or: one of the two"
    free_viewer = alice.as_token(role="VIEWER")
    assert status(free_viewer, "/dir/or/", alice.org) == 403
    assert status(alice, "/dir/", payer.org) == 404


def test_files_and_if(site, alice):
    assert status(site.nobody(), "/files/open.html") == 200
    assert status(site.nobody(), "/files/secret.html") == 401 and status(alice, "/files/secret.html") == 200
    assert status(site.nobody(), "/if/") == 200
    assert status(site.nobody(), "/if/?gated") == 401 and status(alice, "/if/?gated") == 200


def test_htaccess_where_it_is_allowed(site, alice, payer, viewer):
    assert status(site.nobody(), "/ht/") == 401
    assert status(payer, "/ht/", payer.org) == 200
    reply = viewer.get("/ht/", headers={"X-Organization-ID": payer.org["id"]})
    assert reply.status_code == 403 and reply.json()["detail"] == "htaccess words"
    assert status(alice, "/ht/", payer.org) == 404


@pytest.mark.expects("not allowed here")
def test_htaccess_where_it_is_not(site, alice):
    assert status(site.nobody(), "/ht-none/") == 200, "AllowOverride None: httpd reads no .htaccess"
    reply = alice.get("/ht-limit/")
    assert reply.status_code == 500 and "words" not in reply.text


@pytest.mark.expects("AH00526", "SaasUserCreate", "not allowed here", "no role", "saas-role", "is no expression")
@pytest.mark.parametrize("line", ["Require saas-role ADMINN", "SaasUserCreate On", "SaasAPI On", "SaasStatus On", 'SaasOrganization "%{HTTP:"', "SaasMaxBody 9999"])
def test_a_bad_htaccess_opens_nothing(site, alice, line):
    site.httpd.page("ht/.htaccess", HTACCESS + line + "\n")
    try:
        reply = alice.get("/ht/")
        assert reply.status_code == 500 and "words" not in reply.text
    finally:
        site.httpd.page("ht/.htaccess", HTACCESS)


def test_an_explicit_value_wins_also_when_it_is_the_default(payer):
    def seen(path):
        return {k.lower() for k, _ in payer.get(path, headers={"X-Organization-ID": payer.org["id"]}).json()["headers"] if k.lower().startswith("x-saas-")}
    assert len(seen("/proxied/")) == 5
    assert seen("/proxied/without/") == set()
    assert len(seen("/proxied/without/again/")) == 5


def test_an_explicit_text_wins_also_when_it_is_the_default(payer, viewer):
    headers = {"X-Organization-ID": payer.org["id"]}
    assert viewer.get("/proxied/role/", headers=headers).json()["detail"] == "outer words"
    assert viewer.get("/proxied/role/default/", headers=headers).json()["detail"] == "You do not have permission to perform this action."


def test_virtual_hosts_have_gates_of_their_own(site, alice):
    assert status(site.nobody(), "/dir/public/", Host="first.example.test") == 200
    assert status(site.nobody(), "/dir/public/", Host="second.example.test") == 401
    assert status(alice.as_token(), "/dir/public/", Host="second.example.test") == 200, "users are shared"
    assert status(site.nobody(), "/dir/", Host="second.example.test") == 401


NOT = ("/not/viewer/", "/not/viewer-from-here/", "/not/none/")


@pytest.mark.parametrize("path", NOT)
def test_not_refuses_whom_it_names_and_lets_members_in(site, payer, viewer, path):
    assert status(payer, path, payer.org) == 200
    assert status(viewer, path, payer.org) == 403
    assert status(payer.as_token(role="MEMBER"), path, payer.org) == 200


@pytest.mark.parametrize("path", NOT)
def test_not_is_no_grant_to_whoever_hides_the_organization(site, alice, payer, viewer, path):
    """mod_authz_core makes neutral of a refusal under not, and grants what stands beside it."""
    for named in ("no id at all", seed.uuid7(), "no-such-org", f"{payer.org['id']}, {payer.org['id']}", alice.org["id"]):
        assert status(viewer, path, named) == 404, named
    assert status(site.nobody(), path, payer.org) == 401, "nobody is let in by his address before the gate has seen him"
    assert status(Api(site.base, token="saas_" + "A" * 43), path, payer.org) == 401


def test_not_a_member_of_one_organization(site, alice, payer):
    banned = site.newcomer()
    site.database.execute("UPDATE organizations SET slug = ? WHERE id = ?", "banned-org", banned.org["id"])
    seed.change_counts()
    assert status(banned, "/not/banned/", banned.org) == 403
    assert status(banned, "/not/banned/", "garbage!") == 404 and status(banned, "/not/banned/", payer.org) == 404
    assert status(alice, "/not/banned/", alice.org) == 200
    assert status(site.nobody(), "/not/banned/") == 401


@pytest.mark.expects("SAAS1301")
def test_a_failing_expression_under_not_is_no_grant(site, alice):
    assert status(alice, "/not/failing/") == 403
    assert "SAAS1301" in site.httpd.error_log.read_text()


def test_a_senseless_argument_under_not_is_no_grant(payer, viewer):
    assert status(viewer, "/not/senseless/", payer.org, X_Test_Role="VIEWER") == 403
    assert status(payer, "/not/senseless/", payer.org, X_Test_Role="VIEWER") == 200
    for wrong in ("viewer", "VIEWERR", "", "VIEWER ADMIN"):
        assert status(viewer, "/not/senseless/", payer.org, X_Test_Role=wrong) == 403, wrong


def test_nested_containers(site, alice, payer, viewer):
    assert status(site.nobody(), "/nested/") == 401
    assert status(alice, "/nested/", alice.org) == 200 and status(viewer, "/nested/", payer.org) == 200
    assert status(alice.as_token(role="VIEWER"), "/nested/", alice.org) == 403
    assert status(payer.as_token(role="MEMBER"), "/nested/", payer.org) == 403
    assert status(alice, "/nested/", payer.org) == 404


def test_an_alternative_that_needs_no_log_in(site, alice):
    assert status(site.nobody(), "/office/") == 200 and status(alice, "/office/") == 200


def test_arguments_that_are_expressions(site, alice, payer, viewer):
    assert status(viewer, "/expr/role/", payer.org, X_Test_Role="VIEWER") == 200
    for wrong in ("ADMIN", "viewer", "VIEWER ADMIN", "", "ADMIN\tVIEWER", "%{HTTP:X}"):
        assert status(viewer, "/expr/role/", payer.org, X_Test_Role=wrong) == 403, wrong
    assert status(payer, "/expr/status/", payer.org, X_Test_Status="active") == 200
    for wrong in ("free", "Active", "active free", "", "paid"):
        assert status(payer, "/expr/status/", payer.org, X_Test_Status=wrong) == 403, wrong
    assert status(alice, "/expr/user/", X_Test_User=alice.email.upper()) == 200
    assert status(alice, "/expr/user/", X_Test_User="") == 403 and status(alice, "/expr/user/") == 403
    assert status(alice, "/expr/member/", alice.org, X_Test_Org=alice.org["id"]) == 200
    assert status(alice, "/expr/member/", alice.org, X_Test_Org=payer.org["id"]) == 404
    assert status(alice, "/expr/member/", payer.org, X_Test_Org=payer.org["id"]) == 404
    assert status(alice, "/expr/member/", alice.org) == 404


@pytest.mark.parametrize("path, tag, code", [("/expr/failing/", "SAAS1301", 403), ("/expr/organization-failing/", "SAAS1302", 404), ("/expr/user-failing/", "SAAS1303", 401)])
@pytest.mark.expects("SAAS1301", "SAAS1302", "SAAS1303")
def test_expressions_that_fail_refuse_and_say_so(site, payer, path, tag, code):
    log = site.httpd.watch()
    caller = payer if code != 401 else site.nobody()
    assert status(caller, path, payer.org) == code
    assert tag in log.text() and "/nonexistent/" in log.text()


@pytest.mark.expects("AH00027")
def test_a_gate_without_authtype_never_opens(site, payer):
    for api in (site.nobody(), payer):
        assert status(api, "/no-type/") == 500


def test_another_modules_line_refuses_our_user(site, alice):
    assert status(site.nobody(), "/foreign/") == 401
    reply = alice.get("/foreign/")
    assert reply.status_code == 403 and reply.json()["code"] == "permission_denied" and "WWW-Authenticate" not in reply.headers


def raw(site, path, *lines):
    """Status of a request whose header lines are sent as they are."""
    with socket.create_connection(("127.0.0.1", site.httpd.port), 10) as s:
        s.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]).encode())
        data = b""
        while part := s.recv(65536):
            data += part
    return int(data.split()[1])


def test_headers_that_come_twice_grant_nothing(site, alice, payer):
    mine, token = payer.org["id"], f"Authorization: Bearer {payer.new_token()['token']}"
    other = f"Authorization: Bearer {alice.new_token()['token']}"
    cookie = f"Cookie: saas_session={payer.http.cookies['saas_session']}"
    assert raw(site, "/dir/", token, f"X-Organization-ID: {mine}") == 200
    assert raw(site, "/dir/", token, f"X-Organization-ID: {mine}", f"X-Organization-ID: {alice.org['id']}") == 404
    assert raw(site, "/dir/", token, f"X-Organization-ID: {alice.org['id']}", f"X-Organization-ID: {mine}") == 404
    assert raw(site, "/dir/", token, f"X-Organization-ID: {mine}", f"X-Organization-ID: {mine}") == 404
    for first, second in ((token, other), (other, token), (token, token), (token, "Authorization: Bearer"), ("Authorization: Bearer", token),
                          ("Authorization: Basic dTpw", token)):
        assert raw(site, "/dir/", first, second, f"X-Organization-ID: {mine}") == 401, (first[:25], second[:25])
    assert raw(site, "/dir/", "Cookie: a=b", cookie, f"X-Organization-ID: {mine}") in (200, 401)
    assert raw(site, "/dir/", "Cookie: saas_session=" + "A" * 43, cookie, f"X-Organization-ID: {mine}") == 401
    assert raw(site, "/dir/", token.replace("Bearer ", "Bearer\t"), f"X-Organization-ID: {mine}") == 401
