"""Who may know whom: the core knows no httpd, the drivers know no httpd, a plugin knows mod_saas.h and its own
folder, the host knows no plugin.
"""

import re
from pathlib import Path

import pytest

import source
from saastest import ROOT
from saastest.httpd import apxs

# Linked into saasctl as well.
DRIVERS = source.files("mod_saas/drivers/*.[ch]")
FOLDERS = source.plugin_folders()


@pytest.fixture(scope="module")
def httpds():
    """Names of httpd's own headers."""
    names = {path.name for path in Path(apxs("INCLUDEDIR")).glob("*.h")}
    assert {"httpd.h", "http_config.h", "ap_provider.h", "mod_dbd.h"} <= names
    return names


def test_there_is_something_to_guard():
    assert len(source.files("mod_saas/core/*.c")) > 5 and len(DRIVERS) > 3 and len(FOLDERS) >= 7


@pytest.mark.parametrize("path", source.files("mod_saas/core/*.[ch]"), ids=source.shown)
def test_the_core_knows_neither_httpd_nor_the_host(path, httpds):
    quoted, angled = source.includes(path)
    assert not httpds & set(angled + quoted), "a header of httpd"
    for name in quoted:
        assert (path.parent / name).is_file() and (path.parent / name).resolve().parent == path.parent, f"{name} is not the core's"


@pytest.mark.parametrize("path", DRIVERS, ids=source.shown)
def test_a_driver_knows_no_httpd(path, httpds):
    quoted, angled = source.includes(path)
    assert not httpds & set(angled + quoted), "a header of httpd"
    for name in quoted:
        assert name.startswith("core/") or (path.parent / name).is_file(), f"{name} belongs to the host"


def _plugin_of(path):
    return next(name for name, folder in FOLDERS.items() if path.parent == folder)


@pytest.mark.parametrize("path", source.plugins(), ids=source.shown)
def test_a_plugin_knows_only_the_public_header_and_itself(path):
    own = {p.name for p in path.parent.glob("*.h")}
    project = {p.name for p in source.files("mod_saas/**/*.h", "plugins/**/*.h")} - own - {"mod_saas.h"}
    # libcsv's header has the name of one of the core's, which no plugin has on its path.
    project -= {"csv.h"} if "columns.h" in own else set()
    database = {"libpq-fe.h", "sqlite3.h", "mod_dbd.h", "apr_dbd.h", "apr_dbd_internal.h"}
    quoted, angled = source.includes(path)
    for name in quoted:
        assert name == "mod_saas.h" or name in own, f"{name} is neither mod_saas.h nor the plugin's own"
    assert not project & set(angled), "a header of the project's in angle brackets"
    assert not database & set(angled), "a plugin has no way to the database but the host's"


@pytest.mark.parametrize("path", source.plugins(), ids=source.shown)
def test_a_plugin_names_no_other(path):
    text = source.code(path)
    for other in FOLDERS.keys() - {_plugin_of(path)}:
        assert not re.search(rf"\b(saas_{other}_module|mod_saas_{other}|plugins/{other})\b", text), f"it names {other}"


@pytest.mark.parametrize("path", source.host(), ids=source.shown)
def test_the_host_names_no_plugin(path):
    text, quoted = source.code(path), source.includes(path)[0]
    assert not [name for name in quoted if "plugins/" in name]
    for name in FOLDERS:
        assert not re.search(rf"\b(saas_{name}_module|mod_saas_{name}|plugins/{name})\b", text), f"it names {name}"
        assert name not in source.literals(path), f'it has "{name}": what depends on one plugin belongs into that plugin'


def test_the_public_header_needs_only_httpd_and_jansson(httpds):
    quoted, angled = source.includes(ROOT / "mod_saas" / "mod_saas.h")
    assert not quoted
    assert not [n for n in angled if n not in httpds and not n.startswith("apr_") and n != "jansson.h"], angled


# Put together here, so that this file does not name them itself.
MACHINE = re.compile("|".join([r"(?<![\w.:/-])/" + r"work/", r"(?<![\w.:/-])/" + r"home/\w", r"(?<![\w.:/-])/" + r"Users/\w",
                               r"(?<![\w.:/*-])/" + r"root/", r"\.\./" + r"shared"]))
SCRATCH = re.compile("/tmp/" + r"[\w-]")


def test_no_file_names_a_path_of_a_machine():
    found = []
    for path in source.committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            # An example in prose may stage into the folder that every machine has.
            if MACHINE.search(line) or str(ROOT) in line or (path.suffix != ".md" and SCRATCH.search(line)):
                found.append(f"{source.shown(path)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


def test_nothing_that_a_build_makes_is_committed():
    made = [source.shown(p) for p in source.committed()
            if p.suffix in (".so", ".o", ".a", ".pyc", ".la", ".lo", ".slo", ".db") or "node_modules" in p.parts]
    assert not made
