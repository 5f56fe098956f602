"""What goes with the packages is taken by those who read it: the shell, rpmlint, systemd, AppArmor; and RPMs have what Debian's
packages have.
"""

import re
import subprocess

import pytest

from saastest import BUILD, ROOT
from saastest.places import clean_environment, program

PACKAGES = ROOT / "tools" / "packages"
HARDENING = ROOT / "conf" / "examples" / "hardening"


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=clean_environment(), **more)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["deb.sh", "rpm.sh", "container/entrypoint.sh", "debian/libapache2-mod-saas.preinst",
                                    "debian/libapache2-mod-saas.postinst", "debian/libapache2-mod-saas-console.postinst"])
def test_shellcheck_takes_the_scripts(script):
    code, said = run(program("shellcheck"), "-x", "-s", "sh", "-e", "SC1091", PACKAGES / script, cwd=ROOT)
    assert code == 0, said


def test_rpmlint_takes_the_spec():
    code, said = run(program("rpmlint"), "--strict", "--rpmlintrc", PACKAGES / "mod_saas.rpmlintrc", PACKAGES / "mod_saas.spec")
    assert code == 0 and "0 errors, 0 warnings" in said, said


def test_apparmor_takes_the_profile():
    code, said = run(program("apparmor_parser"), "-Q", "-K", HARDENING / "apparmor.apache2")
    assert code == 0, said
    broken = (HARDENING / "apparmor.apache2").read_text().replace("capability kill,", "capability fly,")
    done = subprocess.run([program("apparmor_parser"), "-Q", "-K"], input=broken, capture_output=True, text=True)
    assert done.returncode != 0


def test_systemd_takes_the_drop_in(tmp_path):
    unit = tmp_path / "hardened.service"
    text = (HARDENING / "apache2.service.conf").read_text()
    for content, right in ((text, True), (text.replace("ProtectClock=yes", "ProtectClocks=yes"), False)):
        unit.write_text("[Unit]\nDescription=httpd\n" + content.replace("[Service]\n", "[Service]\nType=oneshot\nExecStart=/bin/true\n"))
        _, said = run(program("systemd-analyze"), "verify", "--man=no", unit)
        assert (str(unit) not in said) == right, said


def test_rpms_have_what_debians_packages_have():
    code, said = run("sh", PACKAGES / "rpm.sh", BUILD, cwd="/")
    assert code == 0, said
    names = {}
    for rpm in (BUILD / "rpm" / "RPMS").rglob("*.rpm"):
        _, listed = run("rpm", "-qpl", rpm)
        names[re.match(r"mod_saas(-[a-z]+)?-\d", rpm.name).group(1) or ""] = set(listed.split())
    assert set(names) >= {"", "-console", "-devel"}
    modules = {name.rsplit("/", 1)[1] for name in names[""] | names["-console"] if name.endswith(".so")}
    assert modules == {path.name for path in (BUILD / "modules").glob("*.so")}
    assert [name for name in names["-console"] if name.endswith("index.html")] and [name for name in names["-devel"] if name.endswith("/apxs.mk")]
    migrations = {path.name for path in (ROOT / "sql" / "pgsql").glob("*.sql")}
    assert migrations <= {name.rsplit("/", 1)[1] for name in names[""] if "/sql/pgsql/" in name}
    assert {"/usr/bin/saasctl", "/usr/bin/saaslog", "/usr/share/mod_saas/conf/saas.load"} <= names[""]
