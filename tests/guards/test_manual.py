"""Code and manual say the same: every directive and every log tag that is in one is in the other."""

import collections
import json
import re

import pytest

import source
from saastest import ROOT
from saastest.httpd import Httpd

DIRECTIVES = ROOT / "docs" / "directives.md"
TROUBLE = ROOT / "docs" / "troubleshooting.md"
REFERENCE = ROOT / "conf" / "saas.conf"
NAME = re.compile(r"\bSaas[A-Z]\w*")


TEXT = r'"(?:\\.|[^"\\])*"'
# kind, member, name, where, default; what is allowed may have parentheses; help.
LINE = re.compile(rf'\bX\(of, (\w+), (\w+),\s*({TEXT}), (\w+),\s*(NULL|\w+|{TEXT}),(.*?),\s*({TEXT}|\w+(?:\s*{TEXT})*)\)(?=\s|$)', re.S)
PUBLIC = ROOT / "mod_saas" / "mod_saas.h"  # tells of the columns by an example


def lines():
    """(path, kind, name, default, help) of each line of the lists of directives."""
    found = []
    for path in source.host() + source.plugins():
        if path == PUBLIC:
            continue
        code = source.code(path).replace("\\\n", "  ")
        for match in LINE.finditer(code):
            name, default, told = match.group(3)[1:-1], match.group(5), match.group(7)
            if name not in ("AuthType", "AuthMerging", "Require"):  # httpd's own, which the host reads too
                found.append((path, match.group(1), name, default, told))
        assert len(LINE.findall(code)) == len(re.findall(r"\bX\(of, (?!KEPT)", code)), f"{source.shown(path)} has a line that this test cannot read"
    return found


def in_code():
    """Directives by name, with the components that have them."""
    found = collections.defaultdict(set)
    for path, _, name, _, _ in lines():
        found[name].add(path.parent.name)
    assert {"SaasAPI", "SaasScanAllow"} <= set(found)
    return found


def test_a_directive_is_in_a_list():
    """What comes of a list (default, merge, range, getter) is not written by hand beside it."""
    by_hand = [source.shown(path) for path in source.host() + source.plugins() if path != PUBLIC and re.search(r"\bAP_INIT_\w+\(", source.code(path))]
    assert not by_hand


def constants():
    """Texts that a macro stands for, by its name."""
    found = {}
    for path in source.host() + source.plugins():
        found |= {name: text for name, text in re.findall(rf"^#define (\w+) ({TEXT})$", source.code(path), re.M)}
    return found


def test_the_manual_and_the_reference_have_the_default():
    known, wrong = constants(), []
    for path, kind, name, default, _ in lines():
        default = known.get(default, default)
        part = re.search(rf"^#+ {name}\s*\n(.*?)(?=^#+ |\Z)", DIRECTIVES.read_text(), re.M | re.S).group(1)
        told = re.search(r"^\| Default \| (.*?) \|$", part, re.M).group(1)
        if default == "NULL":
            if re.search(rf"`{name} [^%`]+`", told):
                wrong.append(f"{name}: the manual has {told}, {source.shown(path)} none")
            continue
        if f"`{name} {default[1:-1]}`" not in told:
            wrong.append(f"{name}: the manual has {told}, {source.shown(path)} has {default}")
        # The reference shows sections with their mount switched on.
        if kind != "OWN_FLAG" and f"#{name} {default[1:-1]}" not in REFERENCE.read_text():
            wrong.append(f"{name}: {default} is not in {source.shown(REFERENCE)}")
    assert not wrong, "\n".join(wrong)


# Names of the directives of the manual's example of a plugin, and of alerts.
HELLO = set(re.findall(r'"(Saas\w+)", SAAS_', (ROOT / "tests" / "plugins" / "hello" / "hello.c").read_text()))
ALERTS = set(re.findall(r"- alert: (Saas\w+)", (ROOT / "conf" / "monitoring" / "saas.rules.yml").read_text()))


def status_lines():
    """What server-status?auto has lines of."""
    found = {text for text in source.literals(ROOT / "mod_saas" / "watch" / "server_status.c") if NAME.fullmatch(text)}
    assert len(found) > 15 and not found & set(in_code())
    return found


def test_the_lines_of_server_status_are_the_manuals():
    rows = re.findall(r"^\| (`Saas\w+`.*?) \|", (ROOT / "docs" / "monitoring.md").read_text(), re.M)
    told = [name for row in rows for name in re.findall(r"`(Saas\w+)`", row) if name not in ALERTS]
    assert set(told) == status_lines() and len(told) == len(set(told)), set(told) ^ status_lines()


def test_directives_are_the_reference_configurations():
    lines = re.findall(r"^\s*#?(Saas[A-Z]\w*)", REFERENCE.read_text(), re.M)
    assert set(lines) == set(in_code()), set(lines) ^ set(in_code())


def test_directives_are_the_manuals():
    headings = re.findall(r"^#+ (Saas[A-Z]\w*)\s*$", DIRECTIVES.read_text(), re.M)
    assert set(headings) == set(in_code()), set(headings) ^ set(in_code())
    assert len(headings) == len(set(headings)), "described twice"


def test_each_directive_is_described_whole():
    text = DIRECTIVES.read_text()
    for name in in_code():
        part = re.search(rf"^#+ {name}\s*\n(.*?)(?=^#+ |\Z)", text, re.M | re.S).group(1)
        for word in ("Syntax", "Default", "Context", "Module"):
            assert word in part, f"{name} has no {word}"


@pytest.mark.parametrize("path", source.files("docs/*.md", "README.md", "CHANGELOG.md", "conf/*", "conf/examples/*"), ids=source.shown)
def test_no_text_names_a_directive_that_is_not(path):
    unknown = set(NAME.findall(path.read_text(encoding="utf-8"))) - set(in_code()) - status_lines()
    assert not unknown - ALERTS - HELLO, unknown


def test_every_directive_has_a_help_text():
    for path, _, name, _, told in lines():
        assert len(told) > 10, f"{source.shown(path)}: {name}"


# --------------------------------------------------------------------- tags --

TAG = re.compile(r"SAAS\d{4}")


def component(path):
    """The host is one component, every plugin is one."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:-1]) if parts[0] == "plugins" else parts[0]


def tags():
    found = collections.defaultdict(set)
    for path in source.host() + source.plugins():
        for tag in TAG.findall(source.code(path)):
            found[tag].add(component(path))
    assert len(found) > 20
    return found


def test_a_tag_has_one_meaning():
    shared = {tag: sorted(where) for tag, where in tags().items() if len(where) > 1}
    assert not shared, f"tags that several components use, each for something else: {shared}"


def test_tags_are_the_manuals():
    text = TROUBLE.read_text()
    # An entry begins a heading, a row or an item.
    entries = re.findall(r"^(?:#+ |\| *|[-*] *)[`*]*(SAAS\d{4})", text, re.M)
    assert not set(tags()) - set(entries), f"not explained: {sorted(set(tags()) - set(entries))}"
    assert not set(TAG.findall(text)) - set(tags()), f"explained, but never said: {sorted(set(TAG.findall(text)) - set(tags()))}"
    twice = [tag for tag, n in collections.Counter(entries).items() if n > 1]
    assert not twice, f"explained twice: {twice}"


def test_every_line_at_warn_or_above_has_a_tag():
    untagged = []
    for path in source.host() + source.plugins():
        text = source.code(path)
        for match in re.finditer(r"\bap_log_r?p?error\s*\(", text):
            call = text[match.start():match.start() + 400].split(";")[0]
            if re.search(r"APLOG_(WARNING|ERR|CRIT|ALERT|EMERG)\b", call) and not TAG.search(call) and '"%s: ' not in call:
                untagged.append(f"{source.shown(path)}:{text.count(chr(10), 0, match.start()) + 1}")
    assert not untagged, untagged


# ----------------------------------------------------------- configurations --

DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'


@pytest.fixture(scope="module")
def httpd():
    server = Httpd(modules=("auth_basic", "authn_file", "rewrite", "ssl"))
    yield server
    server.close()


def test_the_reference_configuration_passes_as_it_is(httpd):
    """All commented out: it must say nothing of its own."""
    assert not [line for line in REFERENCE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]


# Lines that are good only together with another one, or with a file that is there: the api suite has them.
NEED_MORE = {"SaasMailRelay", "SaasMailUser", "SaasMailCA", "SaasMailTemplates", "SaasNotifyCA", "SaasConsole",
             "SaasConsoleLogo", "SaasConsoleIcon", "SaasConsoleStyle", "SaasConsoleWelcome", "SaasExportDB"}


def test_the_defaults_of_the_reference_are_accepted(httpd):
    """Every line that shows a default, put into force one at a time; sections and secrets need more than that."""
    tried = 0
    for name, value in re.findall(r"^#(Saas[A-Z]\w*) +(\S.*)$", REFERENCE.read_text(), re.M):
        if re.search(r"file:|env:|whsec_|sk_", value) or name in NEED_MORE:
            continue
        line = f"{name} {value}"
        if name in ("SaasAPI", "SaasStatus", "SaasOrganization", "SaasIdentityHeaders", "SaasVerify", "SaasVerifyFrom", "SaasConsoleFiles", "SaasConsoleAPI",
                    "SaasConsoleTitle", "SaasConsoleLink"):
            line = f'<Location "/x">\n{line}\nRequire saas-user\n</Location>'
        status, said = httpd.configtest(DB + line + "\n")
        assert status == 0, f"{line}: {said}"
        tried += 1
    assert tried >= 8


def test_the_manual_lists_the_properties_of_the_consoles_style():
    style = "".join(path.read_text() for path in (ROOT / "plugins" / "console" / "web" / "src").rglob("*.css"))
    told = (ROOT / "docs" / "console.md").read_text().split("\n## Brand\n")[1].split("\n## ")[0]
    assert set(re.findall(r"(--[a-z-]+):", style)) == set(re.findall(r"`(--[a-z-]+)`", told))


# ------------------------------------------------------- routes, gates, checks --

def test_routes_are_the_manuals():
    # A row has one path, or several, each behind its methods.
    rows = [line for line in (ROOT / "docs" / "api.md").read_text().splitlines() if line.startswith(("| ", "### "))]
    described = [(method.upper(), path.lstrip("/")) for part in source.files("docs/openapi/*.json") for path, item in json.loads(part.read_text()).get("paths", {}).items()
                 for method in item if method in ("get", "post", "put", "patch", "delete")]
    missing = [f"{method} {path}" for method, path in described
               if path != "openapi.json"  # the document itself
               and not any(re.search(rf"\b{method}\b[^`|]*?\b{re.escape(path)}(?![\w{{])", row) for row in rows)]
    assert len(described) > 30 and not missing, f"not in docs/api.md: {missing}"


def test_gates_are_the_manuals():
    text = source.code(ROOT / "mod_saas" / "gate" / "gates.c")
    table = re.search(r"saas_host_gates\[\] = \{(.*?)^\};", text, re.M | re.S).group(1)
    names = set(re.findall(r'\{ "([\w-]+)"', table))
    told = set(re.findall(r"^\| `saas-([\w-]+)", (ROOT / "docs" / "gates.md").read_text(), re.M))
    assert names and names == told, names ^ told


def test_checks_are_the_manuals():
    text = source.code(ROOT / "plugins" / "engines" / "web" / "table.c")
    names = re.findall(r'^ +\.name = "(\w+)"', text, re.M)
    told = re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`\w+`[^|]*)\|", (ROOT / "docs" / "audits.md").read_text(), re.M)))
    assert len(names) > 30 and sorted(names) == sorted(set(told) & set(names)), f"not in docs/audits.md: {sorted(set(names) - set(told))}"
