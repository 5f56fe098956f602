"""compile_commands.json: every C file of the project is in it, as it is compiled."""

import json
import subprocess
import sys

import pytest

import source
from saastest import ROOT
from saastest.places import clean_environment, program


@pytest.fixture(scope="module")
def compilations():
    told = subprocess.run([program("make"), "-nB", "V=1", "all", "build/unit/run-unit"], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=clean_environment()).stdout
    done = subprocess.run([sys.executable, ROOT / "tools" / "compile_commands.py"], cwd=ROOT, input=told, capture_output=True, text=True, check=True)
    return {entry["file"]: entry for entry in json.loads(done.stdout)}


def test_every_file_is_there(compilations):
    wanted = source.files("mod_saas/*/*.c", "plugins/*/*.c", "plugins/engines/*/*.c", "tools/*/*.c", "tests/unit/*.c")
    assert len(wanted) > 150
    assert {source.shown(path) for path in wanted} == {name for name in compilations if not name.startswith("build/")}


@pytest.mark.parametrize("name", ["mod_saas/core/id.c", "mod_saas/drivers/pgsql.c", "mod_saas/gate/authz.c", "plugins/mail/smtp.c", "plugins/engines/web/tls.c",
                                  "tools/saasctl/main.c", "tests/unit/test_id.c"])
def test_an_entry_compiles(compilations, name):
    entry = compilations[name]
    assert entry["arguments"][-2:] == ["-c", name]
    subprocess.run([*entry["arguments"], "-fsyntax-only"], cwd=entry["directory"], check=True, capture_output=True)


def test_without_compilations_it_says_so():
    done = subprocess.run([sys.executable, ROOT / "tools" / "compile_commands.py"], input="make: nothing to be done\n", capture_output=True, text=True)
    assert done.returncode != 0 and "make" in done.stderr and not done.stdout
