"""Directives as a real httpd has them in memory, with all modules loaded: each is a line of a list, and the manual, the
reference configuration and the help text say what the list says. What is missing or wrong is named with its file.
"""

import collections
import functools
import json
import re
import subprocess

import pytest

from saastest import ROOT, Httpd, Places
from saastest.places import PLUGINS, clean_environment
from test_manual import DIRECTIVES, REFERENCE, in_code

DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'


@pytest.fixture(scope="module")
def ask(places):
    """ask(conf): every directive of every module of ours, with what this configuration makes of it."""
    so, listing = places.folder("directives") / "mod_directives.so", places.folder("directives") / "list"
    built = subprocess.run(["make", "-f", "tests/guards/directives.mk", f"OUT={so}"], cwd=ROOT, capture_output=True, text=True,
                           env=clean_environment())
    assert built.returncode == 0, built.stdout + built.stderr
    server = Httpd(places=places)

    @functools.cache
    def asked(conf=""):
        path = server.write(f'LoadModule directives_module "{so}"\n{DB}{conf}')
        done = subprocess.run([server.binary, "-f", str(path), "-t"], capture_output=True, text=True,
                              env=clean_environment(DIRECTIVES_FILE=listing))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in listing.read_text().splitlines()]
    yield asked
    server.close()


@pytest.fixture(scope="module")
def commands(ask):
    """What each module that has it says of a directive, by the directive's name and the module's."""
    found = collections.defaultdict(dict)
    for command in ask():
        found[command["name"]]["mod_" + command["module"]] = command
    return found


@pytest.fixture(scope="module")
def lines(commands):
    """(name, module, help, line of the list)"""
    return [(name, module, command["help"], command["line"]) for name, of in commands.items() for module, command in of.items()]


@pytest.fixture(scope="module")
def httpd():
    server = Httpd()
    yield server
    server.close()


def manual():
    """Of each directive the rows of its table in the manual, and all that is said."""
    found = {}
    for name, text in re.findall(r"^#+ (Saas[A-Z]\w*)\s*\n(.*?)(?=^#+ |\Z)", DIRECTIVES.read_text(), re.M | re.S):
        found[name] = dict(re.findall(r"^\| (\w+) \| (.*) \|$", text, re.M)), text
    return found


def reference():
    """Of each directive its value in the reference configuration, and the comment above it."""
    found, comment = {}, ""
    for line in REFERENCE.read_text().splitlines():
        match = re.match(r"#(Saas[A-Z]\w*) +(\S.*)$", line)
        if match:
            found[match.group(1)] = match.group(2), comment
        comment = comment if match else comment + line[1:] if line.startswith("# ") else ""
    return found


def test_each_directive_in_memory_is_a_line_of_a_list(commands, lines):
    assert {module for _, module, _, _ in lines} == {"mod_saas", *(f"mod_saas_{name}" for name in PLUGINS)} - {"mod_saas_export", "mod_saas_engine_import"}
    by_hand = [f"{name} of {module}" for name, module, _, line in lines if not line]
    assert not by_hand, f"made beside the lists: {by_hand}"
    assert set(commands) == set(in_code()), set(commands) ^ set(in_code())


def test_manual_and_reference_have_every_directive(commands):
    contents = re.findall(r"\[(Saas[A-Z]\w*)\]\(#", DIRECTIVES.read_text().split("\n## ")[0])
    for where, told in (("docs/directives.md", manual()), ("the table at the top of docs/directives.md", contents), ("conf/saas.conf", reference())):
        missing, unknown = sorted(set(commands) - set(told)), sorted(set(told) - set(commands))
        assert not missing, f"{where} lacks {', '.join(missing)}"
        assert not unknown, f"{where} has {', '.join(unknown)}, which no module has"


CONTEXTS = {
    "GLOBAL": "main server", "VHOST": "server config, virtual host", "ANYWHERE": "server config, virtual host, directory",
    "HTACCESS": "server config, virtual host, directory, .htaccess",
    "SECTION": "`<Location>` with a plain path, in the main server or a virtual host",
}


def test_the_manual_says_whose_it_is_and_where_it_may_stand(commands, lines):
    wrong = []
    for name, module, _, line in lines:
        rows, wanted = manual()[name][0], {"Module": ", ".join(sorted(commands[name])), "Context": CONTEXTS[line["where"]],
                                           "Override": "AuthConfig" if line["where"] == "HTACCESS" else None}
        wrong += [f"docs/directives.md: {name}: {row} is {rows.get(row)}, and should be {text}" for row, text in wanted.items() if rows.get(row) != text]
    assert not wrong, "\n".join(wrong)


def test_the_manual_says_what_may_be_written(lines):
    forms = {"FLAG": r"On\|Off", "INTERVAL": "time", "EXPRESSION": "expression", "SIZE": r"bytes[K\|M\|G]"}
    wrong, told = [], 0
    for name, _, _, line in lines:
        form = r"\|".join(line["words"]) or forms.get(line["kind"])
        told += bool(form)
        if form and manual()[name][0]["Syntax"] != f"`{name} {form}`":
            wrong.append(f"docs/directives.md: {name}: Syntax is {manual()[name][0]['Syntax']}, and should be {name} {form}")
    assert not wrong, "\n".join(wrong)
    assert told > 15


UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "ms": 10**3, "s": 10**6, "days": 24 * 3600 * 10**6}
ONE = r"(\d+) ?(ms|s|days|K|M|G)?(?!\w)"
RANGE = re.compile(rf"(?<![\w.]){ONE}(?: \([^)]*\))? to {ONE}")


def worth(number, unit, kind):
    return int(number) * UNITS[unit or ("s" if kind == "INTERVAL" else "")] if unit or kind == "INTERVAL" else int(number)


def test_manual_reference_and_help_have_the_range(lines):
    wrong, told = [], 0
    for name, module, help_text, line in lines:
        if line["kind"] not in ("NUMBER", "SIZE", "INTERVAL"):
            continue
        for where, text, must in (("docs/directives.md", manual()[name][1], True), ("conf/saas.conf", reference()[name][1], False),
                                  ("its help text", help_text, False)):
            found = RANGE.search(text)
            told += bool(found)
            if found and [worth(*found.group(1, 2), line["kind"]), worth(*found.group(3, 4), line["kind"])] != [line["least"], line["most"]] or must and not found:
                wrong.append(f"{where}: {name} is {found.group() if found else 'without a range'}; the list of {module} has {line['least']} to {line['most']}")
    assert not wrong, "\n".join(wrong)
    assert told > 20


def test_zero_besides_the_range_is_told(lines):
    assert [name for name, _, _, line in lines if line["or_0"]] == ["SaasCacheSize"] and "; 0: " in manual()["SaasCacheSize"][1]


# What the list says is also what httpd does. ------------------------------------------------

def test_the_main_servers_directives_are_refused_in_a_virtual_host(httpd, lines):
    names = [name for name, _, _, line in lines if line["where"] == "GLOBAL"]
    assert len(names) > 15
    for name in names:
        status, said = httpd.configtest(f"{DB}<VirtualHost *:1>\n{name} {reference()[name][0]}\n</VirtualHost>\n")
        assert status != 0 and name in said and "VirtualHost" in said, f"{name}: {said}"


def test_the_sections_directives_are_refused_outside_of_one(httpd, lines):
    for name in [name for name, _, _, line in lines if line["where"] == "SECTION"]:
        status, said = httpd.configtest(f"{DB}{name} {reference()[name][0]}\n")
        assert status != 0 and name in said, f"{name}: {said}"


def test_what_is_beside_the_range_is_refused_and_its_ends_are_not(httpd, lines):
    for name, _, _, line in lines:
        if line["kind"] not in ("NUMBER", "SIZE", "INTERVAL"):
            continue
        scale, unit = (1000, "ms") if line["kind"] == "INTERVAL" else (1, "")
        ends = [line["least"] // scale, line["most"] // scale]
        for number, good in [(ends[0], True), (ends[1], True), (ends[0] - 1, False), (ends[1] + 1, False)]:
            if not good and number == 0 and line["or_0"]:
                continue
            status, said = httpd.configtest(f"{DB}{name} {number}{unit}\n")
            assert (status == 0) == good, f"{name} {number}{unit}: {said}"
            assert good or f'{name}: "{number}{unit}" is ' in said, said


def samples(name, line):
    """Two values of a directive, the second is the default where there is one."""
    value = reference()[name][0]
    first, second = {
        "FLAG": ("On", "Off"), "NUMBER": (line["most"], line["least"]), "SIZE": (line["most"], line["least"]),
        "INTERVAL": (f"{line['most'] // 1000}ms", f"{line['least'] // 1000}ms"), "WORD": (line["words"] + ["", ""])[:2],
    }.get(line["kind"], ("sk_live_one", "sk_test_two") if value.startswith("file:") else (value + "x", value))
    if name == "SaasStripeWebhookSecret":
        first, second = "whsec_one", "whsec_two"
    if name == "SaasStripeMode":
        first, second = "live", "test"  # as the keys are
    if name == "SaasFrontendURL":
        first, second = "https://one.example.com", "https://two.example.com"
    if line["default"]:
        second = line["default"]
        first = "1-9" if name == "SaasStripeQuantity" else line["words"][-1] if line["words"] else first if str(first) != second else second + "x"
    return first, second


def test_a_virtual_hosts_value_wins_and_else_it_inherits(ask, lines):
    """Also a value that is the default: for every directive of virtual hosts, whatever it takes."""
    ours = {name: line for name, _, _, line in lines if line["where"] == "VHOST"}
    assert len(ours) > 12 and {"FLAG", "NUMBER", "INTERVAL", "WORD", "TEXT", "LIST"} <= {line["kind"] for line in ours.values()}
    first, second = ("\n".join(f"{name} {samples(name, line)[i]}" for name, line in ours.items()) for i in (0, 1))
    # What SaasVerifyEmail Required wants.
    first = "SaasMailRelay smtp://127.0.0.1\nSaasMailFrom noreply@example.com\n" + first
    hosts = f"<VirtualHost *:1>\nServerName own.test\n{second}\n</VirtualHost>\n<VirtualHost *:1>\nServerName heir.test\n</VirtualHost>\n"
    asked = ask(f"ServerName main.test\n{first}\n{hosts}")
    alone = {(command["module"], command["name"]): command["servers"] for command in ask(f"ServerName main.test\n{second}\n")}
    unset = {(command["module"], command["name"]): command["servers"] for command in ask("ServerName main.test\n")}
    for command in asked:
        if command["name"] in ours:
            key, kept = (command["module"], command["name"]), command["servers"]
            assert kept["heir.test"] == kept["main.test"] != kept["own.test"] == alone[key]["main.test"], f"{key}: {kept}, {alone[key]}"
            assert unset[key]["main.test"] in (-1, None, []), f"{key} is {unset[key]} unset"


def test_this_guard_reads_ranges():
    assert [worth(*RANGE.search(text).group(1, 2), kind) for text, kind in (("From 1 ms to 60 s.", "INTERVAL"), ("5 to 6", "INTERVAL"), ("256K to 4G", "SIZE"),
                                                                         ("From 0 (none) to 365", "NUMBER"))] == [1000, 5 * 10**6, 262144, 0]
    assert not RANGE.search("one to 5") and not RANGE.search("2.5 to 6x")
