"""saasctl why: the same verdict as a real request's, of a gate and of what stands before a URL."""

import json
import subprocess

import pytest

from saastest import Api, seed
from saastest.httpd import httpd_environment

pytestmark = pytest.mark.expects("AH01630", "AH01631")
GATES = ("saas-user", "saas-user nobody@example.test", "saas-member", "saas-member some-other", "saas-role ADMIN", "saas-role MEMBER VIEWER",
         "saas-subscription active", "saas-subscription free canceled")
SITE_CONF = """
<Directory "{docs}/dir">
    AuthType Saas
    Require saas-role ADMIN MEMBER
</Directory>
<Directory "{docs}/dir/and">
    AuthMerging And
    Require saas-subscription active
</Directory>
<Directory "{docs}/dir/or">
    AuthMerging Or
    Require saas-subscription active
</Directory>
<Directory "{docs}/dir/open">
    Require all granted
</Directory>
<DirectoryMatch "/dir/m[a-z]+/">
    Require saas-user
</DirectoryMatch>
<Directory "{docs}/w*d">
    Require saas-role VIEWER
    AuthType Saas
</Directory>
AliasMatch "^/rewritten/(.*)" "{docs}/dir/$1"
<Directory "{docs}/ht">
    AllowOverride AuthConfig
</Directory>
<Location "/user">
    AuthType Saas
    Require saas-user
</Location>
<Location "/member">
    AuthType Saas
    Require saas-member
</Location>
<Location "/role">
    AuthType Saas
    Require saas-role ADMIN
</Location>
<Location "/role/inner">
    Require saas-role VIEWER
</Location>
<Location "/paid">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/any">
    AuthType Saas
    Require saas-subscription active
    Require saas-role ADMIN
</Location>
<Location "/not">
    AuthType Saas
    <RequireAll>
        Require saas-user
        Require not saas-role VIEWER
    </RequireAll>
</Location>
<Location "/none">
    AuthType Saas
    <RequireAll>
        Require saas-member
        <RequireNone>
            Require saas-role VIEWER
            Require saas-subscription active
        </RequireNone>
    </RequireAll>
</Location>
<LocationMatch "^/match/(?<slug>[a-z0-9-]+)/">
    AuthType Saas
    SaasOrganization "%{reqenv:MATCH_SLUG}"
    Require saas-member
</LocationMatch>
<Location "/fixed">
    AuthType Saas
    SaasOrganization "nobody-has-it"
    Require saas-member
</Location>
<Location "/here">
    AuthType Saas
    <RequireAll>
        Require ip 127.0.0.0/8
        Require saas-role ADMIN
    </RequireAll>
</Location>
<Location "/expression">
    AuthType Saas
    Require saas-role "%{HTTP:X-Role}"
</Location>
<Location "/if">
    AuthType Saas
    Require saas-user
    <If "%{QUERY_STRING} == 'gated'">
        Require saas-role ADMIN
    </If>
</Location>
Alias "/elsewhere" "{docs}/dir"
<VirtualHost *:*>
    ServerName first.example.test
    DocumentRoot "{docs}"
</VirtualHost>
<VirtualHost *:*>
    ServerName second.example.test
    ServerAlias *.second.example.test
    DocumentRoot "{docs}"
    <Location "/dir/open">
        AuthType Saas
        Require saas-role VIEWER
    </Location>
</VirtualHost>
""" + "".join(f'<Location "/gate/{i}">\nAuthType Saas\nRequire {gate}\n</Location>\n' for i, gate in enumerate(GATES))
CERTAIN = ("user", "member", "role", "role/inner", "role-not", "paid", "any", "not", "none", "dir", "dir/and", "dir/or", "dir/open", "dir/more", "fixed", "wild", "wild/deep",
           "elsewhere/and")


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    for area in CERTAIN + ("match/x", "here", "expression", "if", "ht", "rewritten", *(f"gate/{i}" for i in range(len(GATES)))):
        site.httpd.page(f"{area}/index.html", "<p>words</p>")
    site.httpd.page("ht/.htaccess", "AuthType Saas\nRequire saas-role ADMIN\n")


def why(site, *args, exits=None):
    """(exit status, answer)."""
    done = site.saasctl("--json", "why", *args, check=False)
    assert done.returncode in (0, 1, 4) if exits is None else done.returncode == exits, (args, done.returncode, done.stderr)
    answer = json.loads(done.stdout)
    assert {0: "granted", 1: "refused", 4: "depends"}[done.returncode] == answer["verdict"]
    return done.returncode, answer


def program(site):
    """httpd, with the environment of the tests' own, which saasctl knows nothing of."""
    script = site.places.folder("program") / "httpd"
    if not script.exists():
        script.write_text("#!/bin/sh\n" + "".join(f"export {name}='{value}'\n" for name, value in httpd_environment().items()
                                                  if name == "LD_PRELOAD") + f'exec {site.httpd.binary} "$@"\n')
        script.chmod(0o755)
    return str(script)


def of_url(site, *args, **more):
    return why(site, *args, "--httpd", program(site), "--config", str(site.httpd.root / "httpd.conf"), **more)


@pytest.fixture(scope="module")
def callers(site, alice, bob, payer):
    """(person, the organization they name): each role, with and without a subscription, outsiders, one who has to choose."""
    def member(org, role):
        somebody = site.newcomer()
        seed.member(site.database, org["id"], somebody.user["id"], role)
        return somebody

    chooser = member(alice.org, "MEMBER")
    for without_default in (chooser, alice):  # she has one organization alone
        site.database.execute("UPDATE users SET default_org_id = NULL WHERE id = ?", without_default.user["id"])
    removed = member(payer.org, "MEMBER")
    payer.ok("DELETE", f"organizations/{payer.org['id']}/members/{removed.user['id']}/")
    made = {"admin": (alice, None), "paying admin": (payer, payer.org), "member": (member(alice.org, "MEMBER"), alice.org),
            "viewer": (member(alice.org, "VIEWER"), alice.org), "paying viewer": (member(payer.org, "VIEWER"), payer.org),
            "outsider": (bob, alice.org), "removed": (removed, payer.org), "chooser": (chooser, None), "stray": (alice, {"id": seed.uuid7()})}
    seed.change_counts()
    return made


def answered(person, org, path):
    reply = person.get(path, headers={"X-Organization-ID": org["id"]} if org else {})
    return reply.status_code, (reply.json()["code"] if reply.status_code != 200 else None)


def matches(verdict, real):
    code, answer = verdict
    return (0 if real[0] == 200 else 1, real[0] if real[0] != 200 else None, real[1]) == (code, answer["status"], answer["code"])


@pytest.mark.parametrize("name", ["admin", "paying admin", "member", "viewer", "paying viewer", "outsider", "removed", "chooser", "stray"])
def test_a_urls_verdict_is_the_requests(site, callers, name):
    person, org = callers[name]
    wrong = []
    for area in CERTAIN:
        named = [org["id"]] if org else []
        said, real = of_url(site, person.email, *named, f"/{area}/"), answered(person, org, f"/{area}/")
        if not matches(said, real):
            wrong.append((area, said, real))
    assert not wrong, "\n".join(map(str, wrong))


def test_a_gates_verdict_is_the_requests(site, callers):
    """Each gate alone in a section, for everybody."""
    wrong = []
    for name, (person, org) in callers.items():
        for i, gate in enumerate(GATES):
            said, real = why(site, person.user["id"], *([org["id"]] if org else []), gate), answered(person, org, f"/gate/{i}/")
            if not matches(said, real):
                wrong.append((name, gate, said, real))
    assert not wrong, "\n".join(map(str, wrong))


def test_tokens(site, alice, payer):
    """A token's role and organization, and what ends it."""
    seed.member(site.database, alice.org["id"], payer.user["id"], "ADMIN")
    seed.change_counts()
    wrong, tokens = [], {name: payer.new_token(organization=org, role=role) for name, org, role in (
        ("plain", None, None), ("viewer", None, "VIEWER"), ("bound", payer.org["id"], None), ("bound elsewhere", alice.org["id"], "MEMBER"))}
    for name, token in tokens.items():
        caller = Api(site.base, token=token["token"])
        for org in (None, payer.org, alice.org):
            for i, gate in enumerate(GATES):
                said = why(site, payer.email, *([org["id"]] if org else []), gate, "--token", token["id"])
                real = answered(caller, org, f"/gate/{i}/")
                if not matches(said, real):
                    wrong.append((name, org, gate, said, real))
    assert not wrong, "\n".join(map(str, wrong))
    fact = why(site, payer.email, "saas-role ADMIN", "--token", tokens["viewer"]["id"], exits=1)[1]["fact"]
    assert f"the role is VIEWER by API token {tokens['viewer']['id']}; the user's own is ADMIN" in fact
    payer.delete(f"auth/tokens/{tokens['plain']['id']}/")
    answer = why(site, payer.email, "saas-user", "--token", tokens["plain"]["id"], exits=1)[1]
    assert answer["status"] == 401 and "was revoked" in answer["fact"]
    assert "has no API token" in site.saasctl("why", alice.email, "saas-user", "--token", tokens["plain"]["id"], check=False).stderr
    seed.remove_member(site.database, alice.org["id"], payer.user["id"])
    seed.change_counts()


def test_routes(site, callers, alice, payer):
    audit = seed.audit(site.database, alice.org["id"])
    paths = ("/api/v1/audits/", "/api/v1/auth/me/", f"/api/v1/audits/{audit}/export/csv/", f"/api/v1/audits/{audit}/",
             f"/api/v1/audits/{seed.uuid7()}/", "/api/v1/audits/no-id/", "/api/v1/billing/subscription/")
    wrong = []
    for name in ("admin", "viewer", "outsider", "chooser"):
        person, org = callers[name]
        for path in paths:
            real = answered(person, org, path)
            said = of_url(site, person.email, *([org["id"]] if org else []), path)
            if not matches(said, real):
                wrong.append((name, path, said, real))
    assert not wrong, "\n".join(map(str, wrong))
    answer = of_url(site, alice.email, f"/api/v1/audits/{audit}/export/csv/", exits=1)[1]
    assert answer["section"] == "route GET /audits/{audit}/export/csv/ of export" and answer["gate"] == "saas-feature export"
    assert answer["organization"] == alice.org["slug"] and not any(audit in what for what in answer["unknown"]), "the one that the audit belongs to"
    answer = of_url(site, callers["outsider"][0].email, alice.org["slug"], f"/api/v1/audits/{audit}/", exits=1)[1]
    assert f"audits {audit}" in answer["fact"] and "in no organization of the user's" in answer["fact"]
    members = f"/api/v1/organizations/{payer.org['id']}/"
    assert of_url(site, alice.email, members, exits=1)[1]["status"] == 404, "the organization of the path"
    answer = of_url(site, callers["viewer"][0].email, alice.org["slug"], "/api/v1/audits/start/", "--method", "POST", exits=1)[1]
    assert answer["gate"] == "saas-role MEMBER ADMIN" and "the role is VIEWER" in answer["fact"]
    assert any("no route" in what for what in of_url(site, alice.email, "/api/v1/nothing/")[1]["unknown"])


def test_what_only_a_request_can_tell(site, alice, callers):
    viewer = callers["viewer"][0]
    code, answer = of_url(site, alice.email, "/here/", exits=4)
    assert any("Require ip 127.0.0.0/8" in what and "depends on the request" in what for what in answer["unknown"])
    assert of_url(site, viewer.email, alice.org["id"], "/here/", exits=1)[1]["gate"] == "saas-role ADMIN", "whatever the address is"
    assert any("depends on an expression" in what for what in of_url(site, alice.email, "/expression/", exits=4)[1]["unknown"])
    assert any("<If" in what for what in of_url(site, alice.email, "/if/", exits=0)[1]["unknown"])
    assert any(".htaccess" in what for what in of_url(site, alice.email, "/ht/", exits=0)[1]["unknown"])
    assert any("AliasMatch" in what for what in of_url(site, alice.email, "/rewritten/x")[1]["unknown"])
    assert any("%{reqenv:MATCH_SLUG}" in what for what in of_url(site, alice.email, "/match/x/", exits=0)[1]["unknown"])


def test_fact_history_and_way_out(site, alice, payer, callers):
    answer = of_url(site, callers["removed"][0].email, payer.org["slug"], "/paid/", exits=1)[1]
    assert "removed" in answer["fact"] and f"by user {payer.user['id']}" in answer["fact"] and "saasctl member add" in answer["way_out"]
    assert answer["at"].startswith(str(site.httpd.root)) and answer["section"].startswith('<Location "/paid">')
    site.saasctl("member", "role", alice.org["slug"], callers["member"][0].email, "--role", "VIEWER")
    answer = why(site, callers["member"][0].email, alice.org["slug"], "saas-role ADMIN MEMBER", exits=1)[1]
    assert "the role is VIEWER since" in answer["fact"] and "set by saasctl:" in answer["fact"] and "--role ROLE" in answer["way_out"]
    site.saasctl("member", "role", alice.org["slug"], callers["member"][0].email, "--role", "MEMBER")
    assert "never had another" in why(site, alice.email, "saas-subscription active", exits=1)[1]["fact"]


def test_virtual_hosts(site, alice):
    token = alice.as_token()
    for host, status in (("first.example.test", 200), ("second.example.test", 403), ("www.second.example.test", 403)):
        assert token.get("/dir/open/", headers={"Host": host}).status_code == status
        code, answer = of_url(site, alice.email, f"http://{host}/dir/open/")
        assert (code == 0) == (status == 200) and answer["server"] in host and not answer["unknown"]
    assert any("no virtual host" in what for what in of_url(site, alice.email, "http://third.example.test/dir/open/", exits=0)[1]["unknown"])


def test_all_sections_with_a_gate(site):
    done = subprocess.run([site.httpd.binary, "-f", str(site.httpd.root / "httpd.conf"), "-t", "-D", "DUMP_SAAS_GATES"], text=True,
                          capture_output=True, env=httpd_environment())
    assert done.returncode == 0
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert all(len(row) == 3 for row in rows) and len(rows) == len({row[1] for row in rows})
    trees = {section.split(" (")[0]: (server, tree) for server, section, tree in rows}
    assert trees['<Location "/paid">'] == ("main server", "all(saas-role ADMIN MEMBER, saas-subscription active)")
    assert trees['<Location "/any">'][1] == "any(saas-subscription active, saas-role ADMIN)"
    assert trees['<Location "/none">'][1] == "all(saas-member, none(saas-role VIEWER, saas-subscription active))"
    assert trees['<Location "/dir/open">'][0].startswith("<VirtualHost *:*>")
    assert not any("/dir/open\"" in section and section.startswith("<Directory") for section in trees), "it has no gate"


def test_a_disabled_user(site):
    somebody = site.newcomer()
    site.saasctl("user", "disable", somebody.email)
    answer = why(site, somebody.email, "saas-user", exits=1)[1]
    assert answer["status"] == 401 and "disabled" in answer["fact"] and "saasctl user enable" in answer["way_out"]
    assert of_url(site, somebody.email, "/user/", exits=1)[1]["status"] == 401
    assert of_url(site, somebody.email, "/dir/open/", exits=0)


def test_wrong_use(site, alice, tmp_path):
    def fails(code, *args):
        done = site.saasctl("why", *args, check=False)
        assert done.returncode == code and not done.stdout, (args, done)
        return done.stderr

    assert "no role" in fails(2, alice.email, "saas-role ADMINN")
    assert "at least 1" in fails(2, alice.email, "saas-role")
    assert "neither a path or URL nor a gate" in fails(2, alice.email, "saas-nothing")
    assert "there is no user" in fails(1, "nobody@example.test", "saas-user")
    assert "there is no /nonexistent/httpd" in fails(2, alice.email, "/user/", "--httpd", "/nonexistent/httpd")
    broken = tmp_path / "broken.conf"
    broken.write_text((site.httpd.root / "httpd.conf").read_text() + "NoSuchDirective\n")
    assert "NoSuchDirective" in fails(2, alice.email, "/user/", "--httpd", program(site), "--config", str(broken))


def test_text_for_people(site, alice):
    done = site.saasctl("why", alice.email, "saas-subscription active", check=False)
    assert done.returncode == 1 and "verdict\trefused\n" in done.stdout and "fact\tthe subscription of" in done.stdout
