"""An outside author's plugin: the project is installed into a folder, tests/plugins/hello is copied away and built
there against what was installed, and loaded beside the host. Also what the ABI promises at configtest.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

from saastest import BUILD, ROOT, Api, Httpd, Places, Site, seed
from saastest.httpd import apxs
from saastest.metrics import families, moved
from saastest.places import PLUGINS, clean_environment
from saastest.site import MOUNTS

HELLO = Path(__file__).resolve().parent / "hello"
DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'
ALL = ("mod_saas.so", *(f"mod_saas_{name}.so" for name in PLUGINS))

GATED = """
<Location "/vowel">
    AuthType Saas
    Require saas-has-vowel
</Location>
<Location "/ou">
    AuthType Saas
    Require saas-has-vowel ou
</Location>
<Location "/not">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require not saas-has-vowel
    </RequireAll>
</Location>
"""


def make(folder, *args):
    done = subprocess.run(["make", "-C", str(folder), *args], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def snapshot(folder):
    return {str(p): (s.st_mtime_ns, s.st_size, s.st_ino) for p in sorted(Path(folder).rglob("*")) for s in [p.lstat()]}


class Installed:
    """What `make install` put below a folder, and what it did outside of it."""

    def __init__(self, places):
        self.root = places.folder("installed")
        self.system = [apxs("SYSCONFDIR"), apxs("LIBEXECDIR")]
        before = [snapshot(folder) for folder in self.system]
        make(ROOT, "install", f"DESTDIR={self.root}")
        self.unchanged = before == [snapshot(folder) for folder in self.system]
        self.files = sorted("/" + str(p.relative_to(self.root)) for p in self.root.rglob("*") if not p.is_dir())
        self.include = Path(f"{self.root}{apxs('INCLUDEDIR')}/mod_saas")


@pytest.fixture(scope="module")
def installed(places):
    return Installed(places)


def build(places, name, include, openapi=None, edit=None):
    """Copies the plugin's folder to a place of its own and builds it there, with an openapi.json if one is given and with
    hello.c as edit() has changed it; the .so."""
    folder = places.folder("plugins") / name
    shutil.copytree(HELLO, folder)
    if openapi is not None:
        (folder / "openapi.json").write_text(openapi)
        source = (folder / "hello.c").read_text()
        assert source.count(".routes = routes") == 1
        (folder / "hello.c").write_text(source.replace(".routes = routes", ".routes = routes, .openapi = saas_openapi_text"))
    if edit:
        source = (folder / "hello.c").read_text()
        changed = edit(source)
        assert changed != source
        (folder / "hello.c").write_text(changed)
    make(folder, f"MOD_SAAS={include}")
    return folder / "mod_saas_hello.so"


@pytest.fixture(scope="module")
def hello(places, installed):
    return build(places, "hello", installed.include)


def load(so):
    return f'LoadModule saas_hello_module "{so}"\n'


# ------------------------------------------------------------------ install --

def test_install_puts_everything_in_its_place(installed):
    wanted = {f"{apxs('LIBEXECDIR')}/{so}" for so in ALL}
    wanted |= {f"{apxs('INCLUDEDIR')}/mod_saas/{name}" for name in ("mod_saas.h", "apxs.mk")}
    wanted |= {f"/usr/share/mod_saas/sql/{p.parent.name}/{p.name}" for p in ROOT.glob("sql/*/*.sql")}
    wanted |= {"/usr/bin/saasctl", "/usr/bin/saaslog"}
    if Path(apxs("SYSCONFDIR"), "mods-available").is_dir():
        wanted |= {f"{apxs('SYSCONFDIR')}/mods-available/{name}" for name in ("saas.load", "saas.conf", "saas_console.load")}
    missing = wanted - set(installed.files)
    assert not missing, f"not installed: {sorted(missing)}"
    elsewhere = [f for f in installed.files if f not in wanted and not f.startswith("/usr/share/")]
    assert not elsewhere, f"installed where nobody expects it: {elsewhere}"
    assert os.access(f"{installed.root}/usr/bin/saasctl", os.X_OK)


def test_install_edits_no_configuration(installed):
    assert installed.unchanged, f"`make install DESTDIR=…` has changed {installed.system}"
    assert not [f for f in installed.files if "mods-enabled" in f or f.endswith(("/httpd.conf", "/apache2.conf"))]


def test_every_module_of_the_load_files_is_installed(installed):
    load_files = [f for f in installed.files if f.endswith(("/saas.load", "/saas_console.load"))]
    text = "".join(Path(f"{installed.root}{name}").read_text() for name in load_files)
    named = re.findall(r"^LoadModule\s+(\S+)\s+(\S+)$", text, re.M)
    assert len(load_files) == 2 and sorted(os.path.basename(path) for _, path in named) == sorted(ALL)
    assert {symbol for symbol, _ in named} == {"saas_module", *(f"saas_{name}_module" for name in PLUGINS)}


def test_installing_again_changes_nothing(installed):
    before = {name: (installed.root / name.lstrip("/")).read_bytes() for name in installed.files}
    make(ROOT, "install", f"DESTDIR={installed.root}")
    assert before == {name: (installed.root / name.lstrip("/")).read_bytes() for name in installed.files}


# -------------------------------------------------------------------- build --

def exported(so):
    out = subprocess.check_output(["nm", "-D", "--defined-only", str(so)], text=True)
    return {line.split()[-1] for line in out.splitlines() if line.strip()}


@pytest.mark.parametrize("so", ALL)
def test_a_module_exports_its_record_only(so):
    symbol = so.removeprefix("mod_").removesuffix(".so") + "_module"
    assert exported(BUILD / "modules" / so) == {symbol}


def test_the_outside_plugin_exports_its_record_only(hello):
    assert exported(hello) == {"saas_hello_module"}


def test_it_was_built_from_what_is_installed_alone(places, installed):
    """Every header of the project's that the compiler opened is the one installed."""
    folder = places.folder("plugins") / "depends"
    shutil.copytree(HELLO, folder)
    make(folder, f"MOD_SAAS={installed.include}", "PLUGIN_CFLAGS=-MMD -MF depends.d")
    opened = re.findall(r"\S+", (folder / "depends.d").read_text().replace("\\\n", " "))
    assert str(installed.include / "mod_saas.h") in opened
    assert not [path for path in opened if path.startswith(str(ROOT) + "/")], opened


# ---------------------------------------------------------------------- run --

@pytest.fixture(scope="module")
def db_kind():
    return "sqlite"


@pytest.fixture(scope="module")
def site(databases, hello):
    scratch = Places()
    made = Site(databases.fresh("sqlite", scratch), conf=load(hello) + GATED + "SaasPlan free limit.greetings=1000/month\n", places=scratch, with_stripe=False)
    for folder in ("vowel", "ou", "not"):
        made.httpd.page(f"{folder}/index.html", "behind the gate")
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def vowels(site):
    return site.register(organization="Area")


@pytest.fixture(scope="module")
def consonants(site):
    return site.register(organization="Brrr Grmpf")


def test_its_route_is_mounted(site):
    routes = [r for r in site.nobody().ok("GET", "/saas/routes") if r["plugin"] == "hello"]
    assert routes == [{"plugin": "hello", "method": "GET", "path": "/hello/", "gates": ["saas-member", "saas-has-vowel"]}]


def test_its_route_answers_through_its_gate(site, vowels, consonants):
    assert vowels.ok("GET", "hello/") == {"hello": vowels.email, "organization": "Area", "members": 1}
    refused = consonants.get("hello/")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert site.nobody().get("hello/").status_code == 401
    assert vowels.get("hello/", headers={"X-Organization-ID": consonants.org["id"]}).status_code == 404


@pytest.mark.expects("AH01631")   # what mod_authz_core says of every user it refuses
def test_its_gate_works_in_httpd_conf(site, vowels, consonants):
    for path, who, status in [("/vowel/", vowels, 200), ("/vowel/", consonants, 403), ("/vowel/", site.nobody(), 401),
                              ("/ou/", vowels, 403), ("/not/", vowels, 403), ("/not/", consonants, 200)]:
        reply = who.get(path)
        assert reply.status_code == status, f"{path}: {reply.status_code} {reply.text[:300]}"
        assert (reply.text == "behind the gate") == (status == 200)


def counted(site):
    return sum(sample.value for sample in families(site)["saas_hello_ticks"].samples)


def rows(site):
    return site.database.execute("SELECT state, attempts, error FROM jobs WHERE kind = 'hello.tick'")


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_its_work_comes_back_once_for_all(databases, hello):
    """Two nodes, one row; about once a second, together."""
    scratch = Places()
    database = databases.fresh("sqlite", scratch)
    sites = [Site(database, conf=load(hello), with_stripe=False) for _ in range(2)]
    try:
        for one in sites:
            one.start()
        until(lambda: len(rows(sites[0])) == 1)
        before = sum(counted(one) for one in sites)
        began = time.monotonic()
        until(lambda: sum(counted(one) for one in sites) >= before + 4)
        assert time.monotonic() - began > 2.5, "more often than it says"
        assert len(rows(sites[0])) == 1
        # Somebody has removed it: it is made again, though not at once.
        database.execute("DELETE FROM jobs WHERE kind = 'hello.tick'")
        sites[0].stop()
        sites[0].start()
        until(lambda: len(rows(sites[0])) == 1)
    finally:
        for one in sites:
            one.close()
        scratch.close()


@pytest.mark.expects("SAAS1205")
def test_its_work_comes_back_after_it_was_given_up(databases, hello):
    scratch = Places()
    one = Site(databases.fresh("sqlite", scratch), conf=load(hello) + "SaasHelloWord failing\n", places=scratch, with_stripe=False)
    try:
        one.start()
        until(lambda: counted(one) >= 3)
        assert [row[0] for row in rows(one)] != ["dead"] and len(rows(one)) == 1
    finally:
        one.close()


def test_its_directives_have_their_defaults(site, vowels):
    assert vowels.get("hello/").headers["X-Hello"] == "hello"


def test_a_value_wins_over_an_inherited_one_also_when_it_is_the_default(places, hello, databases):
    scratch = Places()
    hosts = {"inherits": "", "default": "SaasHelloTimes 1\nSaasHelloWord hello", "own": "SaasHelloTimes 2", "word": "SaasHelloWord hi"}
    conf = load(hello) + "SaasHelloTimes 3\nSaasHelloWord good-day\n" + "".join(
        f"<VirtualHost *:{{port}}>\nServerName {name}.example.test\n{lines}\n</VirtualHost>\n" for name, lines in hosts.items())
    site = Site(databases.fresh("sqlite", scratch), places=scratch, with_stripe=False)
    site.parts.append(conf.replace("{port}", str(site.httpd.port)))
    try:
        api = Api(site.base, token=site.start().register(organization="Area").new_token()["token"])
        replies = {name: api.get("hello/", headers={"Host": f"{name}.example.test"}) for name in hosts}
        said = {name: reply.headers.get("X-Hello", reply.text) for name, reply in replies.items()}
    finally:
        site.close()
    assert said == {"inherits": "good-day good-day good-day", "default": "hello", "own": "good-day good-day", "word": "hi hi hi"}


def test_its_gauge_is_in_the_metrics(site):
    family = families(site)["saas_hello_users"]
    assert family.type == "gauge" and family.documentation == "Users who might be greeted."
    site.register()
    assert families(site)["saas_hello_users"].samples[0].value == family.samples[0].value + 1


def test_its_limit_is_taken_and_told(site):
    person = site.register(organization="Ouagadougou")
    person.ok("GET", "hello/")
    found = {limit["name"]: limit for limit in person.ok("GET", "billing/usage/")["limits"]}
    assert (found["greetings"]["limit"], found["greetings"]["used"], found["greetings"]["per"]) == (1000, 1, "month")
    site.database.execute("UPDATE usage SET used = 999 WHERE org_id = ? AND name = 'greetings'", person.org["id"])
    person.ok("GET", "hello/")
    refused = person.get("hello/")
    assert refused.status_code == 403 and refused.json()["code"] == "limit_reached" and refused.json()["used"] == 1000


def test_its_counter_is_in_the_metrics(site, consonants):
    family = families(site)["saas_hello_greetings"]
    assert family.type == "counter" and family.documentation == "Members greeted, by whether their organization has others."
    assert [sample.labels for sample in family.samples] == [{"company": "alone"}, {"company": "among-others"}]
    crowd = site.register(organization="Crowd")
    seed.member(site.database, crowd.org["id"], site.register().user["id"], "VIEWER")
    alone = site.register(organization="Alone")
    with moved(site) as change:
        for _ in range(3):
            alone.ok("GET", "hello/")
            assert consonants.get("hello/").status_code == 403
        crowd.ok("GET", "hello/")
    assert change.of("hello_greetings") == {'company="alone"': 3, 'company="among-others"': 1}
    assert change.of("requests") == {'gate="member",verdict="granted"': 7, 'gate="has-vowel",verdict="granted"': 4,
                                     'gate="has-vowel",verdict="permission_denied"': 3}


def test_its_gate_in_httpd_conf_is_counted(site, vowels):
    with moved(site) as change:
        assert vowels.get("/vowel/").status_code == 200
    assert change.of("requests") == {'gate="has-vowel",verdict="granted"': 1}


def test_a_strange_name_of_a_gate_is_escaped(places, installed, databases):
    scratch = Places()
    so = build(places, "hello-strange", installed.include, edit=lambda source: source.replace(
        '.name = "has-vowel"', '.name = "a<b>\\"\\\\c"').replace('SAAS_GATES(saas_is_member, "saas-has-vowel")', "SAAS_GATES(saas_is_member)"))
    status = '<Location "/server-status">\nSetHandler server-status\nRequire all granted\n</Location>\n'
    made = Site(databases.fresh("sqlite", scratch), conf=load(so) + status, places=scratch, with_stripe=False)
    try:
        gates = {sample.labels["gate"] for sample in families(made.start())["saas_requests"].samples}
        assert gates == {"user", "member", "role", "subscription", "account", "verified", "feature", "plan", "trial", 'a<b>"\\c'}
        text = made.nobody().get("/server-status").text
        assert "saas-a&lt;b&gt;" in text and "saas-a<b>" not in text
    finally:
        made.close()


def test_a_route_for_who_is_in_a_trial(places, installed, databases):
    scratch = Places()
    so = build(places, "hello-trial", installed.include,
               edit=lambda source: source.replace('SAAS_GATES(saas_is_member, "saas-has-vowel")', "SAAS_GATES(saas_in_trial)"))
    made = Site(databases.fresh("sqlite", scratch), conf=load(so), places=scratch, with_stripe=False)
    try:
        alone = made.start().newcomer()
        refused = alone.get("hello/")
        assert (refused.status_code, refused.json()["code"]) == (403, "subscription_required")
        made.saasctl("org", "trial", alone.org["id"], "14d")
        assert alone.get("hello/").status_code == 200
        made.saasctl("org", "trial", alone.org["id"], "--end")
        end = time.monotonic() + 5      # the server hears of it, by its change feed
        while alone.get("hello/").status_code != 403:
            assert time.monotonic() < end
    finally:
        made.close()


def test_a_value_that_is_not_declared_counts_nothing(places, installed, databases):
    """Out of range, or a counter of no table: what is told does not change, and nothing else is overwritten."""
    def astray(source):
        return source.replace("    saas_count(", "    static const saas_counter_t other = { .name = \"other\", .number = 9 };\n"
                              "    saas_count(&counters[0], 2, 1);\n    saas_count(&counters[0], -1, 1);\n"
                              "    saas_count(&counters[0], 1 << 30, 1);\n    saas_count(&other, 0, 1);\n    if (0) saas_count(")
    scratch = Places()
    made = Site(databases.fresh("sqlite", scratch), conf=load(build(places, "hello-astray", installed.include, edit=astray)), places=scratch,
                with_stripe=False)
    try:
        person = made.start().register(organization="Area")
        with moved(made) as change:
            assert person.get("hello/").status_code == 200
        assert {series for series in change if series.endswith("_total") and "database" not in series and "cache" not in series} == set()
        assert set(change.of("hello_greetings", "exports", "mail", "audits", "webhooks", "password_hashes")) == set()
    finally:
        made.close()


LIST_STATEMENT = r"""
    { .name = "hello_list", .scope = SAAS_TENANT, .sql =
        "SELECT m.user_id, u.email, 't', '{\"b\": [1, \"x y\"], \"a\": {}}', '[ ]', 'broken', NULL, m.created_at, count(*) OVER ()"
        " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1 ORDER BY u.email"
        " LIMIT CAST($2 AS bigint) OFFSET CAST($3 AS bigint)" },
    { 0 }
"""

LIST = r"""
static const char *me(saas_request_t *rq, const saas_rows_t *rows, int row)
{
    return strcmp(rq->who->user_id, saas_cell(rows, row, 0)) ? "0" : "1";
}

static const saas_json_member_t members[] = {
    { "person", .kind = SAAS_JSON_OBJECT },
    { "email", SAAS_JSON_TEXT, .column = 1 },
    { "deeper", .kind = SAAS_JSON_OBJECT },
    { "\"id\"", SAAS_JSON_TEXT, .column = 0 },
    { .kind = SAAS_JSON_END },
    { "me", SAAS_JSON_BOOL, .cell = me },
    { .kind = SAAS_JSON_END },
    { "yes", SAAS_JSON_BOOL, .column = 2 },
    { "no", SAAS_JSON_BOOL, .column = 6 },
    { "raw", SAAS_JSON_RAW, .column = 3, .otherwise = "0" },
    { "empty", SAAS_JSON_RAW, .column = 4 },
    { "filled", SAAS_JSON_RAW, .column = 4, .otherwise = "[7]" },
    { "broken", SAAS_JSON_RAW, .column = 5, .otherwise = "{}" },
    { "broken_null", SAAS_JSON_RAW, .column = 5 },
    { "none", SAAS_JSON_OBJECT_OR_NULL, .column = 6 },
    { "email", SAAS_JSON_TEXT, .column = 1 },
    { "inner", .kind = SAAS_JSON_OBJECT },
    { .kind = SAAS_JSON_END },
    { .kind = SAAS_JSON_END },
    { "some", SAAS_JSON_OBJECT_OR_NULL, .column = 1 },
    { "nothing", SAAS_JSON_TEXT, .column = 6 },
    { .kind = SAAS_JSON_END },
    { "since", SAAS_JSON_TIME, .column = 7 },
    { "never", SAAS_JSON_TIME, .column = 6 },
    { "no_time", SAAS_JSON_TIME, .column = 5 },
    { "no_number", SAAS_JSON_INTEGER, .column = 6 },
    { "all", SAAS_JSON_INTEGER, .column = 8 },
    { 0 }
};

/* The same page of trees, or by the host. */
static int hello(saas_request_t *rq)
{
    saas_page_t page;
    saas_rows_t *rows;
    json_t *results;
    apr_status_t rv;
    int row;

    if (!saas_request_query(rq, "trees")) {
        return saas_reply_list(rq, members, &statements[2], SAAS_NO_ARGS);
    }
    if (!saas_request_page(rq, &page)) {
        return saas_reply_errors(rq);
    }
    if ((rv = saas_query(rq, &statements[2], &rows, SAAS_ARGS(page.limit, page.offset))) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    for (row = 0, results = json_array(); row < rows->count; row++) {
        json_array_append_new(results, saas_row_json(rq, members, rows, row));
    }
    return saas_reply_page(rq, &page, saas_cell_int(rows, 0, 8), results);
}

"""


def lists(source):
    """hello.c with a list in place of its greeting."""
    source = re.sub(r"typedef struct greeting_t .*?(?=static const saas_route_t)", lambda found: LIST, source, flags=re.S)
    before, found, behind = source.partition('FROM users" },\n')
    return before + found + LIST_STATEMENT + behind.replace("    { 0 }\n", "", 1)


@pytest.fixture(scope="module", params=["sqlite", "pgsql"])
def listing(request, places, installed, databases):
    scratch = Places()
    so = build(places, f"hello-list-{request.param}", installed.include, edit=lists)
    made = Site(databases.fresh(request.param, scratch), conf=load(so), places=scratch, with_stripe=False)
    try:
        yield made.start()
    finally:
        made.close()


def test_a_list_has_the_members_that_its_table_says(listing):
    person = listing.register(organization="Area")
    answer = person.get("hello/")
    entry, = answer.json()["results"]
    since = entry.pop("since")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", since)
    wanted = {
        "person": {"email": person.email, "deeper": {'"id"': person.user["id"]}, "me": True}, "yes": True, "no": False,
        "raw": {"b": [1, "x y"], "a": {}}, "empty": [], "filled": [7], "broken": {}, "broken_null": None, "none": None,
        "some": {"nothing": None}, "never": None, "no_time": None, "no_number": None, "all": 1}
    assert json.dumps(entry) == json.dumps(wanted)   # also in this order
    assert answer.text.startswith('{"count":1,"next":null,"previous":null,"results":[{"person":{"email":"')
    assert '"raw":{"b":[1,"x y"],"a":{}},"empty":[],' in answer.text
    assert answer.headers["Content-Type"] == "application/json" and int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_list_is_the_same_by_the_host_and_of_trees(listing):
    person = listing.register(organization="Crowd")
    for _ in range(4):
        seed.member(listing.database, person.org["id"], listing.register().user["id"], "VIEWER")
    seen = []
    for page, count, links in [(1, 2, (2, None)), (2, 2, (3, 1)), (3, 1, (None, 2))]:
        query = f"page_size=2&page={page}&other=%26"
        ours, trees = person.get(f"hello/?{query}"), person.get(f"hello/?{query}&trees=1")
        assert ours.status_code == 200 and ours.text == trees.text.replace("&trees=1", "").replace("trees=1&", "")
        body = ours.json()
        assert body["count"] == 5 and len(body["results"]) == count
        assert [link and re.search(r"[?&]page=(\d+)", link).group(1) for link in (body["next"], body["previous"])] \
            == [link and str(link) for link in links]
        seen += [entry["person"]["email"] for entry in body["results"]]
    assert seen == sorted(seen) and len(set(seen)) == 5


@pytest.mark.parametrize("trees", ["", "&trees=1"])
def test_a_list_refuses_what_is_no_page(listing, trees):
    person = listing.register(organization="Area")
    assert person.get(f"hello/?page=2{trees}").json() == {"detail": "Invalid page.", "code": "not_found"}
    wrong = person.get(f"hello/?page=0&page_size=201{trees}")
    assert (wrong.status_code, set(wrong.json())) == (400, {"page", "page_size"})


def test_its_route_is_in_the_openapi_document(site):
    """Although the plugin says nothing of it: what the route table says."""
    document = site.nobody().ok("GET", "openapi.json")
    operation = document["paths"]["/hello/"]["get"]
    assert operation["x-saas-gates"] == ["saas-member", "saas-has-vowel"]
    assert operation["security"] == [{"bearer": []}, {"session": []}] and operation["tags"] == ["hello"]


# --------------------------------------------------------------- configtest --

@pytest.fixture(scope="module")
def httpd():
    server = Httpd()
    yield server
    server.close()


def refused(server, conf, *words):
    status, said = server.configtest(conf)
    assert status != 0, "configtest let this pass:\n" + conf
    for word in words:
        assert word in said, f"{word!r} is not in:\n{said}"


def gated(line):
    return f'<Location "/x">\nAuthType Saas\n{line}\n</Location>\n'


def test_a_good_configuration_passes(httpd, hello):
    status, said = httpd.configtest(load(hello) + DB + MOUNTS + GATED)
    assert status == 0, said


@pytest.mark.parametrize("line, words", [
    ("Require saas-has-vowel xyz", ["saas-has-vowel", '"xyz"', "are not all vowels", "line"]),
    ("Require saas-has-vowel a e", ["saas-has-vowel", "at most 1"]),
])
def test_a_bad_argument_of_its_gate_is_refused(httpd, hello, line, words):
    refused(httpd, load(hello) + DB + MOUNTS + gated(line), *words)


@pytest.mark.parametrize("line, words", [
    ("SaasHelloTimes 0", ["SaasHelloTimes", '"0"', "1 to 10"]), ("SaasHelloTimes 11", ['"11"', "1 to 10"]), ("SaasHelloTimes many", ['"many"']),
    ("SaasHelloTimes -1", ['"-1"']), ("SaasHelloTimes 2x", ['"2x"']), ('SaasHelloWord "two words"', ["SaasHelloWord"]), ('SaasHelloWord ""', ["SaasHelloWord"]),
])
def test_a_bad_value_of_its_directives_is_refused(httpd, hello, line, words):
    refused(httpd, load(hello) + DB + MOUNTS + line + "\n", *words)


def test_its_gate_is_unknown_without_it(httpd):
    refused(httpd, DB + MOUNTS + gated("Require saas-has-vowel"), "has-vowel")


def test_a_misspelt_role_names_what_is_allowed(httpd):
    refused(httpd, DB + MOUNTS + gated("Require saas-role ADMNI"), '"ADMNI"', "ADMIN", "MEMBER", "VIEWER")


@pytest.mark.parametrize("old, new, words", [
    ('#define SAAS_PLUGIN_ABI "1"', '#define SAAS_PLUGIN_ABI "999"', ['"hello"', "999", "rebuild"]),
    ("#define SAAS_PLUGIN_MINOR 6", "#define SAAS_PLUGIN_MINOR 8", ['"hello"', "8", "update mod_saas"]),
])
def test_a_plugin_for_another_host_is_refused(httpd, places, installed, old, new, words):
    """Built against a header of another version: configtest names the plugin and what to do."""
    header = (installed.include / "mod_saas.h").read_text()
    assert header.count(old) == 1, f"mod_saas.h has no single line {old}"
    name = "other-" + re.sub(r"\W+", "", new.split()[1]).lower()
    include = places.folder(name)
    shutil.copy(installed.include / "apxs.mk", include)
    (include / "mod_saas.h").write_text(header.replace(old, new))
    refused(httpd, load(build(places, f"hello-{name}", include)) + DB + MOUNTS, *words)


# What has been appended to a plugin's table, by the minor that did.
APPENDED = {1: ["    const char *openapi;\n"], 2: ["    saas_counter_t *counters;\n"],
            3: ["    const saas_link_t *links;\n", "    const saas_periodic_t *periodic;\n"],
            4: ["    const saas_gauge_t *gauges;\n", "    const saas_limit_t *limits;\n"],
            5: [], 6: []}
# How hello.c is without it.
GAUGES = """static const saas_gauge_t gauges[] = {
    { .name = "hello_users", .statement = &statements[1], .help = "Users who might be greeted." },
    { 0 }
};
"""
LIMITS = """static const saas_limit_t limits[] = {
    { .name = "greetings", .kind = SAAS_LIMIT_COUNTED },
    { 0 }
};
"""
WITHOUT = {2: [(" .counters = counters,", ""), ("    saas_count(", "    if (0) saas_count(")],
           3: [(", .periodic = periodic", ""), ('static const saas_periodic_t periodic[] = { { "hello.tick", 1 }, { NULL, 0 } };\n', "")],
           4: [(", .gauges = gauges,\n    .limits = limits", ""), (GAUGES, ""), (LIMITS, "")]}


@pytest.mark.parametrize("minor", range(max(APPENDED)))
def test_a_plugin_for_an_older_minor_keeps_working(httpd, places, installed, minor):
    """Its table ends before what was appended since."""
    def edited(text, changes):
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return text

    include = places.folder(f"older-{minor}")
    shutil.copy(installed.include / "apxs.mk", include)
    (include / "mod_saas.h").write_text(edited((installed.include / "mod_saas.h").read_text(), [
        (f"#define SAAS_PLUGIN_MINOR {max(APPENDED)}", f"#define SAAS_PLUGIN_MINOR {minor}"),
        *((member, "") for since, members in APPENDED.items() if since > minor for member in members)]))
    without = [change for since, changes in WITHOUT.items() if since > minor for change in changes]
    so = build(places, f"hello-older-{minor}", include, **({"edit": lambda source: edited(source, without)} if without else {}))
    status, said = httpd.configtest(load(so) + DB + MOUNTS + GATED)
    assert status == 0, said


@pytest.mark.parametrize("old, new, words", [
    ('"hello_greetings"', '"hello greetings"', ["hello greetings", "is no name"]),
    ('"hello_greetings"', '"Hello"', ["Hello", "is no name"]),
    ('"hello_greetings"', '"hello_total"', ["hello_total", "_total"]),
    ('"hello_greetings"', '"exports"', ["exports", "is there already"]),
    ('"hello_greetings"', '"requests"', ["requests", "the host's own"]),
    ('"hello_greetings"', '"cache_greetings"', ["cache_greetings", "the host's own"]),
    ('"alone"', '"a lone"', ['"a lone"', "hello_greetings"]),
    ('"alone"', '"a\\"b"', ["hello_greetings", "label value"]),
    ('"alone"', '""', ["hello_greetings", "label value"]),
    ('"alone"', '"among-others"', ['"among-others"', "twice"]),
    ('.label = "company"', '.label = "le company"', ["hello_greetings", "label"]),
    ('.label = "company", ', "", ["hello_greetings", "no label"]),
    (".values = companies,", ".values = &companies[2],", ["hello_greetings", "without values"]),
    ('.help = "Members greeted, by whether their organization has others."', '.help = ""', ["hello_greetings", "help"]),
])
def test_a_counter_that_is_wrong_is_refused(httpd, places, installed, old, new, words):
    name = "hello-counter-" + re.sub(r"\W+", "", old + new).lower()[:60]
    refused(httpd, load(build(places, name, installed.include, edit=lambda source: source.replace(old, new))) + DB + MOUNTS, "hello: counter", *words)


@pytest.mark.parametrize("old, new, words", [
    ('.name = "hello_users", .statement', '.name = "hello users", .statement', ["hello users", "is no name"]),
    ('.name = "hello_users", .statement', '.name = "hello_ticks", .statement', ["hello_ticks", "is there already"]),
    ('.help = "Users who might be greeted."', '.help = ""', ["hello_users", "help"]),
    (".statement = &statements[1]", ".statement = &statements[0]", ["hello_users", "SAAS_SYSTEM"]),
    (".statement = &statements[1]", ".statement = NULL", ["hello_users", "SAAS_SYSTEM"]),
])
def test_a_gauge_that_is_wrong_is_refused(httpd, places, installed, old, new, words):
    name = "hello-gauge-" + re.sub(r"\W+", "", old + new).lower()[:60]
    refused(httpd, load(build(places, name, installed.include, edit=lambda source: source.replace(old, new, 1))) + DB + MOUNTS, "hello: gauge", *words)


@pytest.mark.parametrize("old, new, words", [
    ('"greetings", .kind', '"Greetings", .kind', ["Greetings", "is no name"]),
    ('"greetings", .kind', '"greet\'ings", .kind', ["greet'ings", "is no name"]),
    ('"greetings", .kind', '"audits", .kind', ["audits is audits's already"]),
    (".kind = SAAS_LIMIT_COUNTED", ".kind = 0", ["greetings", "no kind"]),
    (".kind = SAAS_LIMIT_COUNTED", ".kind = SAAS_LIMIT_HELD", ["greetings", "no text that counts"]),
    (".kind = SAAS_LIMIT_COUNTED", '.kind = SAAS_LIMIT_COUNTED, .held = "SELECT 1"', ["greetings", "no text that counts"]),
    (".kind = SAAS_LIMIT_COUNTED", '.kind = SAAS_LIMIT_EACH, .promised = "SELECT 1"', ["greetings", "no text that counts"]),
])
def test_a_limit_that_is_wrong_is_refused(httpd, places, installed, old, new, words):
    name = "hello-limit-" + re.sub(r"\W+", "", old + new)[:80]
    refused(httpd, load(build(places, name, installed.include, edit=lambda source: source.replace(old, new, 1))) + DB + MOUNTS, *words)


def test_its_limit_is_one_of_plans_with_it_alone(httpd, hello):
    plan = "SaasPlan pro price_a limit.greetings=2/day\n"
    status, said = httpd.configtest(load(hello) + DB + MOUNTS + plan)
    assert status == 0, said
    refused(httpd, DB + MOUNTS + plan, "SaasPlan pro", "limit.greetings")


OPERATION = {"operationId": "hello", "tags": ["Greetings"], "summary": "Says \"hello\" – in UTF-8", "responses": {"200": {"description": "Hello."}},
             "security": [{"bearer": []}, {"session": []}]}


def described(**more):
    return json.dumps({"tags": [{"name": "Greetings"}], "paths": {"/hello/": {"get": OPERATION}}, **more}, ensure_ascii=False)


def test_its_openapi_json_is_part_of_the_document(places, installed):
    so = build(places, "hello-described", installed.include, described(components={"schemas": {"Hello": {"type": "object"}}}))
    assert exported(so) == {"saas_hello_module"}
    server = Httpd()
    try:
        server.start(load(so) + DB + MOUNTS)
        document = requests.get(server.base + "/api/v1/openapi.json", timeout=10).json()
        assert document["paths"]["/hello/"]["get"] == {**OPERATION, "x-saas-gates": ["saas-member", "saas-has-vowel"]}
        assert {"name": "Greetings"} in document["tags"] and document["components"]["schemas"]["Hello"] == {"type": "object"}
    finally:
        server.close()


@pytest.mark.parametrize("name, text, words", [
    ("no-json", '{"paths": {', ["no JSON", "line 1"]),
    ("no-object", "[]", ["no JSON object"]),
    ("no-paths", "{}", ['no "paths"']),
    ("paths-list", '{"paths": []}', ['"paths"', "object"]),
    ("twice", '{"paths": {}, "paths": {}}', ["no JSON"]),
    ("no-route", '{"paths": {"/hello/": {"post": {}}}}', ["post /hello/", "no route"]),
    ("others-route", '{"paths": {"/auth/me/": {"get": {}}}}', ["get /auth/me/", "no route"]),
    ("operation-list", '{"paths": {"/hello/": {"get": []}}}', ["get /hello/", "object"]),
    ("item-list", '{"paths": {"/hello/": []}}', ["/hello/", "object"]),
    ("hosts-schema", described(components={"schemas": {"Problem": {}}}), ["components/schemas", '"Problem"', "there already"]),
    ("schemas-list", described(components={"schemas": []}), ["components/schemas", "object"]),
    ("components-list", described(components=[]), ["components", "object"]),
    ("tags-object", described(tags={}), ["tags", "array"]),
])
def test_an_openapi_json_that_is_wrong_is_refused(httpd, places, installed, name, text, words):
    refused(httpd, load(build(places, f"hello-{name}", installed.include, text)) + DB + MOUNTS, "hello: OpenAPI", *words)


@pytest.mark.parametrize("order", ["host first", "host last", "plugins first of all"])
def test_modules_load_in_any_order(hello, order):
    server = Httpd()
    try:
        original = server.module_lines

        def reordered():
            lines = original()
            host = [line for line in lines if " saas_module " in line]
            plugins = [line for line in lines if " saas_" in line and line not in host] + [load(hello).strip()]
            others = [line for line in lines if " saas_" not in line]
            return {"host first": host + plugins + others, "host last": others + plugins + host,
                    "plugins first of all": plugins[::-1] + others + host}[order]

        server.module_lines = reordered
        status, said = server.configtest(DB + MOUNTS + GATED)
        assert status == 0, said
    finally:
        server.close()


def test_without_mod_dbd_the_start_is_refused(httpd):
    original = httpd.module_lines
    try:
        httpd.module_lines = lambda: [line for line in original() if " dbd_module " not in line]
        refused(httpd, MOUNTS, "mod_dbd")
    finally:
        httpd.module_lines = original


def test_the_plugin_without_the_host_is_refused(hello):
    """A plugin alone must not start as if all were well."""
    server = Httpd(with_saas=False)
    try:
        refused(server, load(hello), "mod_saas")
        refused(server, load(hello) + gated("Require saas-has-vowel"), "has-vowel")
    finally:
        server.close()


def test_the_host_works_without_plugins(databases):
    scratch = Places()
    database = databases.fresh("sqlite", scratch)
    server = Httpd(places=scratch, plugins=())
    server.page("gated/index.html", "behind the gate")
    mounts = "\n".join(line for line in MOUNTS.splitlines() if "SaasScanAllow" not in line)
    try:
        server.start(database.conf() + "\n" + mounts + "\n" + gated("Require saas-member").replace("/x", "/gated"))
        log = server.watch()
        assert requests.get(server.base + "/saas/routes", timeout=10).json() == []
        assert requests.get(server.base + "/saas/ready", timeout=10).status_code == 200
        reply = requests.get(server.base + "/api/v1/auth/me/", timeout=10)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
        reply = requests.get(server.base + "/gated/", timeout=10)
        assert reply.status_code == 401 and "behind" not in reply.text
        assert not log.problems()
    finally:
        server.close()
