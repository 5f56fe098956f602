"""Another module that has a say once there is a user, here a hook of mod_lua's: it is asked for each request, whoever is
in memory. And a configuration that could let in without a user what a gate stands before.
"""

import pytest

from saastest import Api, Places, Site
from test_gates_first_pass import ALL, ask

pytestmark = pytest.mark.expects("AH01630", "AH01631")

SITE_MODULES = ("lua",)
SITE_CONF = ALL + """
LuaHookAuthChecker "{docs}/../paths.lua" judge
"""
PATHS = """
require 'apache2'
function judge(r)
    if r.user == nil then return 500 end
    if r.uri:find("^/all/closed/") then return 403 end
    return apache2.DECLINED
end
"""


@pytest.fixture(scope="module", autouse=True)
def pages(site):
    (site.httpd.root / "paths.lua").write_text(PATHS)
    for place in ("all", "all/closed"):
        site.httpd.page(f"{place}/page.html", "<p>words</p>")


def test_a_module_that_judges_users_is_always_asked(site, person):
    api = Api(site.base, token=person.new_token(organization=person.org["id"])["token"])
    for _ in range(5):
        shown, once = ask(site, api, "all")
        assert not once and shown[0] == f"{person.email}|Saas|{person.email}|ADMIN"
        assert api.get("/all/closed/page.html").status_code == 403


def test_the_log_names_it(site):
    line = [line for line in site.httpd.error_log.read_text().splitlines() if "SAAS1307" in line]
    assert line and "mod_lua.c" in line[0] and "info" in line[0]


def test_modules_that_have_nothing_to_say(databases, db_kind):
    """Of those that have hooks there, the ones that do nothing for AuthType Saas."""
    places = Places()
    made = Site(databases.fresh(db_kind, places), places=places, with_stripe=False, conf=ALL,
                modules=("auth_basic", "auth_digest", "session", "request", "auth_form", "ssl", "auth_openidc"))
    try:
        made.httpd.page("all/page.html", "<p>words</p>")
        made.start()
        assert "SAAS1307" not in made.httpd.error_log.read_text()
        person = made.register()
        api = Api(made.base, token=person.new_token(organization=person.org["id"])["token"])
        shown = [ask(made, api, "all") for _ in range(10)]
        assert any(once for _, once in shown) and all(what == shown[0][0] for what, _ in shown)
    finally:
        made.close()


@pytest.mark.parametrize("merging, once", [("And", True), ("Or", False)])
def test_sections_that_are_merged(databases, db_kind, merging, once):
    """With Or, an address lets in without a user where, in the section around, a gate stands."""
    places = Places()
    made = Site(databases.fresh(db_kind, places), places=places, with_stripe=False, conf=ALL + f"""
<Location "/all/merged">
    AuthMerging {merging}
    Require ip 127.0.0.0/8
</Location>
""")
    try:
        made.httpd.page("all/merged/page.html", "<p>words</p>")
        made.start()
        person = made.register()
        api = Api(made.base, token=person.new_token(organization=person.org["id"])["token"])
        shown = [ask(made, api, "all/merged") for _ in range(4)]
        assert all(what == shown[0][0] for what, _ in shown)
        assert shown[0][0][0] == (f"{person.email}|Saas|{person.email}|ADMIN" if once else "|||")
        assert made.nobody().get("/all/merged/page.html").status_code == (401 if once else 200)
        assert ("SAAS1307" in made.httpd.error_log.read_text()) == (not once)
    finally:
        made.close()


def test_auth_type_without_its_module(site):
    """The directive is mod_authn_core's, also where mod_saas reads along."""
    lines = site.httpd.module_lines()
    original, site.httpd.module_lines = site.httpd.module_lines, lambda: [line for line in lines if "authn_core" not in line]
    try:
        status, said = site.httpd.configtest("\n".join(site.parts))
    finally:
        site.httpd.module_lines = original
    assert status != 0 and "mod_authn_core" in said
