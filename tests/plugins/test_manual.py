"""The manual's own words: the two files and the commands of docs/plugins.md, run as they stand there by somebody who has
the project installed on Debian, and nothing else of it. In a mount namespace of its own the installed tree lies over the
system's /usr, so that no other run sees it and nothing of it stays.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from saastest import ROOT
from saastest.places import AS_ROOT, account, clean_environment, give, program

MANUAL = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8").split("## hello", 1)[1].split("\n## ", 1)[0]


def block(language):
    """The first of the manual's examples in a language."""
    return re.search(rf"^```{language}\n(.*?)^```$", MANUAL, re.M | re.S).group(1)


COMMANDS = [line.split("#")[0].strip() for line in block("sh").splitlines()]

# $1 the installed tree, $2 a folder for what is written, $3 where to be; the rest is the command.
NAMESPACE = """
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work"
mount -t overlay none -o "lowerdir=$1/usr:/usr,upperdir=$2/upper,workdir=$2/work" /usr
cd "$3"
shift 3
exec "$@"
"""


@pytest.fixture(scope="module")
def installed(places):
    root = places.folder("installed")
    subprocess.run([program("make"), "-s", "-C", str(ROOT), "install", f"DESTDIR={root}"], check=True, capture_output=True, env=clean_environment())
    return root


class Author:
    """Somebody with a folder of their own, as root or as nobody in particular."""

    def __init__(self, places, installed, name, user):
        self.installed, self.user = installed, user
        self.folder = places.folder(name, user)
        self.scratch = places.folder(name + "-scratch", user)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        give(self.folder, self.user)

    def run(self, *command):
        # Another user maps to root in a namespace of users, which is the only way to mount for them.
        prefix = [program("setpriv"), "--reuid", self.user.pw_name, "--regid", str(self.user.pw_gid), "--clear-groups", "--"] if self.user else []
        alone = [program("unshare"), "-m"] if AS_ROOT and not self.user else [program("unshare"), "-U", "-r", "-m"]
        return subprocess.run([*prefix, *alone, "sh", "-c", NAMESPACE, "sh", self.installed, self.scratch, self.folder, *command],
                              capture_output=True, text=True, env=clean_environment(HOME=str(self.folder)), timeout=120)


@pytest.fixture(scope="module", params=["hello", "a folder with spaces", "somebody's"] if AS_ROOT else ["hello", "a folder with spaces"])
def author(request, places, installed):
    made = Author(places, installed, request.param, account("nobody") if request.param == "somebody's" else None)
    if made.run("true").returncode != 0:
        pytest.skip("no mount namespace to be had: " + made.run("true").stderr.strip())
    made.write("Makefile", block("make"))
    made.write("hello.c", block("c"))
    return made


def test_the_manual_has_these_commands():
    assert COMMANDS == ["make", "make check", "make install"]


def test_the_commands_of_the_manual_work(author):
    """In their order, unchanged; nothing has been prepared but the two files."""
    for command in COMMANDS if AS_ROOT and not author.user else COMMANDS[:-1]:  # to install is root's
        done = author.run("sh", "-c", command)
        if command == "make install":
            # What is installed goes with the namespace: looked at inside of it.
            line = block("apache").strip()
            module = line.split()[-1]
            done = author.run("sh", "-c", f"{command} && ls -l {module} && sed 's|^LoadModule saas_hello_module .*|{line}|' hello-check.conf >installed.conf"
                              " && grep -qxF '" + line + "' installed.conf && $(apxs -q sbindir)/$(apxs -q progname) -t -f \"$PWD/installed.conf\"")
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert command != "make check" or "Syntax OK" in done.stdout + done.stderr, done.stderr


def test_a_check_says_what_is_wrong(author):
    """A plugin for another host, and one that is wrong, are refused in the words of the manual."""
    header = (author.installed / "usr/include/apache2/mod_saas/mod_saas.h").read_text()
    author.write("mod_saas.h", header.replace('#define SAAS_PLUGIN_ABI "1"', '#define SAAS_PLUGIN_ABI "2"'))
    try:
        done = author.run("sh", "-c", "rm -f *.so && make SAAS_INCLUDE=. && make check")
        assert done.returncode != 0 and "rebuild it against this mod_saas.h" in done.stdout + done.stderr
    finally:
        (author.folder / "mod_saas.h").unlink()
        author.run("sh", "-c", "make clean")


def test_clean_leaves_what_the_author_wrote(author):
    author.run("sh", "-c", "rm -f installed.conf; make && make check && make clean")
    assert sorted(os.listdir(author.folder)) == ["Makefile", "hello.c"]


def test_the_machine_is_as_before():
    assert not Path("/usr/include/apache2/mod_saas/hello").exists() and not list(Path("/usr/lib/apache2/modules").glob("mod_saas_hello*"))
