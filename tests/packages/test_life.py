"""The life of the packages in a clean Debian, by the commands of docs/packages.md as they stand there: installed, which
enables nothing; enabled; gates and an export; updated from a build before, with its data, and to the next release, which wants
another schema; removed, by the manual and in the wrong order; purged, which leaves data; installed again.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cleanroot import CleanRoot, field
from saastest import BUILD, ROOT, Api, Places
from saastest.client import Person, wait_audit
from saastest.postgres import Postgres
from saastest.places import PLUGINS, clean_environment, program

MANUAL = (ROOT / "docs" / "packages.md").read_text(encoding="utf-8")
BASE = "http://localhost"
VERSION = len(list((ROOT / "sql" / "pgsql").glob("*.sql")))     # of the schema
DB = "sqlite:/var/lib/mod_saas/saas.db"
GATES = """
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
<Location "/app">
    SaasConsole On
</Location>
"""
FINDINGS = "resource_id,check_name,status,severity,timestamp,comment\nhost-1,tls,FAIL,high,,kept\n"
ENABLED = "apache2ctl -M 2>/dev/null | grep -c saas_ || true"


def commands(heading):
    """The manual's blocks of commands below a heading, in order."""
    part = MANUAL.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", part, re.M | re.S)


def debs():
    return sorted(p for p in (BUILD / "packages").glob("*.deb") if "-dbgsym_" not in p.name)


def newest(*folders):
    return max(p.stat().st_mtime for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file())


@pytest.fixture(scope="session")
def built():
    """The packages of this checkout, looked at by lintian."""
    made = debs()
    if not made or min(p.stat().st_mtime for p in made) < newest("mod_saas", "plugins", "conf", "sql", "docs", "tools"):
        # `make deb` without the look for what is missing, which has made this machine what it is.
        done = subprocess.run(["sh", str(ROOT / "tools" / "packages" / "deb.sh"), str(BUILD)], capture_output=True, text=True,
                              env=clean_environment(), cwd="/")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        made = debs()
    return made


@pytest.fixture
def places():
    made = Places()
    yield made
    made.close()


def installable(made):
    """What goes onto a server; the header does not."""
    return [p for p in made if "-dev_" not in p.name]


@pytest.fixture
def root(built):
    made = CleanRoot(installable(built))
    yield made
    made.run("apache2ctl -k stop || true", check=False)
    made.close()


def repacked(deb, folder, version, change):
    """The same package as another build: of another version, and what change() does to its files."""
    tree = folder / field(deb, "Package")
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(field(deb, "Version"), version))
    change(tree)
    made = folder / f"{field(deb, 'Package')}_{version}_{field(deb, 'Architecture')}.deb"
    subprocess.run(["dpkg-deb", "-b", "--root-owner-group", str(tree), str(made)], check=True, capture_output=True)
    return made


def earlier(built, places):
    """An earlier build, with another comment in a conffile."""
    def change(tree):
        for load in tree.glob("etc/apache2/mods-available/saas.load"):
            load.write_text("# Of an earlier build.\n" + load.read_text())
    return [repacked(deb, places.folder("earlier"), "0.0.1", change) for deb in installable(built)]


def next_release(built, places, works_from=None):
    """The release after this one: host and saasctl made for the next version of the schema, and its migration. works_from: the first
    version whose builds go on working with it."""
    made = places.folder("next")
    done = subprocess.run(["make", "-s", "-f", "tests/faults/next.mk", f"OUT={made}", f"BUILD={os.path.relpath(BUILD, ROOT)}",
                           "CFLAGS=-DSAAS_SQLDIR='\"/usr/share/mod_saas/sql\"'"],
                          cwd=ROOT, capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    number = VERSION + 1

    def change(tree):
        if (tree / "usr" / "bin").is_dir():
            shutil.copyfile(made / "saasctl", tree / "usr" / "bin" / "saasctl")
            shutil.copyfile(made / "mod_saas.so", tree / "usr" / "lib" / "apache2" / "modules" / "mod_saas.so")
            for kind in ("pgsql", "sqlite"):
                file = tree / "usr" / "share" / "mod_saas" / "sql" / kind / f"{number:04d}_next.sql"
                says = f"-- works-from: {works_from}\n" if works_from else ""
                file.write_text(f"-- What the next version needs.\n{says}ALTER TABLE audits ADD COLUMN mood text DEFAULT 'calm';\n")
    return [repacked(deb, places.folder("later"), "99.0", change) for deb in installable(built)]


class Operator:
    """Somebody with the manual, and what they have set up."""

    def __init__(self, root, db=DB):
        self.root, self.db = root, db

    def install(self):
        """Everything of the manual's first part; a page and a gate of their own."""
        install, enable = commands("Installing")
        self.root.run(install)
        self.root.run(enable)
        self.gate()

    def gate(self):
        self.root.file("/etc/apache2/conf-available/gates.conf").write_text(GATES)
        folder = self.root.file("/var/www/html/premium")
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text("paid for")
        self.root.run("a2enconf -q gates; apache2ctl configtest; service apache2 reload")
        self.answers()

    def answers(self, path="/saas/ready", seconds=20):
        """Waits for httpd after it was started anew; what it says."""
        end = time.monotonic() + seconds
        while True:
            said = self.root.run(f"curl -s -m 5 -w ' %{{http_code}}' {BASE}{path}", check=False).stdout
            if said.endswith(" 200") or time.monotonic() > end:
                return said
            time.sleep(0.1)

    def pid(self):
        """httpd's, which a restart changes."""
        return self.root.file("/run/apache2/apache2.pid").read_text().strip()

    def ctl(self, *words):
        return self.root.run(f"runuser -u www-data -- saasctl --db '{self.db}' " + " ".join(words))

    def customer(self):
        """Somebody with an organization that may use everything, and an audit."""
        with self.root.network():
            ada = Person(BASE, email="ada@example.test", organization="Acme")
            assert Api(BASE).get("/premium/").status_code == 401 and ada.get("/premium/").status_code == 403
        self.ctl("org", "trial", ada.org["slug"], "14d")
        self.root.file("/srv/findings.csv").write_text(FINDINGS)
        self.ctl("audit", "import", "/srv/findings.csv", "--org", ada.org["slug"], "--format", "generic", "--name", "Kept")
        return ada

    def served(self, ada):
        """The gate lets in who has paid, nobody else; the export is what was imported."""
        with self.root.network():
            somebody = Person(BASE, email=ada.email, register=False)
            somebody.ok("POST", "auth/login/", {"email": ada.email, "password": ada.password})
            organization = {"X-Organization-ID": ada.org["id"]}
            assert somebody.get("/premium/", headers=organization).text == "paid for"
            assert Api(BASE).get("/premium/", headers=organization).status_code == 401
            assert "<title>" in Api(BASE).get("/app/login").text
            audit, = somebody.ok("GET", "audits/", headers=organization)["results"]
            rows = somebody.get(f"audits/{audit['id']}/export/csv/", headers=organization)
            assert rows.status_code == 200 and "host-1,tls,FAIL,high," in rows.text and rows.text.rstrip().endswith("kept")


def test_lintian_has_nothing_to_say(built):
    """Without the project's overrides every complaint is one that an override tells the reason of."""
    changes, = (BUILD / "packages").glob("*.changes")
    said = subprocess.run([program("lintian"), "--allow-root", "--no-override", "--tag-display-limit", "0", str(changes)], capture_output=True, text=True).stdout
    tags = set(re.findall(r"^[EW]: \S+: (\S+)", said, re.M))
    text = "".join(p.read_text() for p in (ROOT / "tools" / "packages" / "debian").glob("*.lintian-overrides"))
    overridden = set(re.findall(r"^[a-z0-9-]+: (\S+)", text, re.M))
    assert tags == overridden, said


def test_the_packages_are_what_make_install_installs(built, places):
    installed = places.folder("installed")
    subprocess.run([program("make"), "-s", "-C", str(ROOT), "install", f"DESTDIR={installed}"], check=True, capture_output=True, env=clean_environment())
    packaged = places.folder("packaged")
    for deb in built:
        subprocess.run(["dpkg-deb", "-x", str(deb), str(packaged)], check=True)

    def files(folder):
        return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}

    def moved(name):
        """Where the package has a file of `make install`; names of the console's have a hash, which depends on where it was built."""
        name = re.sub(r"(assets/\w+)-\w{8}\.", r"\1.", name)
        return name.replace("usr/share/doc/mod_saas/", "usr/share/doc/libapache2-mod-saas/").removesuffix(".8") + (".8.gz" if name.endswith(".8") else "")

    missing = {moved(name) for name in files(installed)} - {moved(name) for name in files(packaged)}
    assert missing == {"usr/share/doc/libapache2-mod-saas/LICENSE"}     # Debian has that licence elsewhere


def test_a_life_by_the_manual(root):
    operator = Operator(root)
    install, enable = commands("Installing")
    root.run("service apache2 start")
    pid = operator.pid()
    root.run(install)
    assert operator.pid() == pid and root.run(ENABLED).strip() == "0" and not list(root.file("/etc/apache2/mods-enabled").glob("saas*"))
    assert root.run("stat -c '%U:%G %a' /var/lib/mod_saas /etc/mod_saas").split("\n")[:2] == ["www-data:www-data 750", "root:www-data 750"]
    assert '"status":"ready"' in root.run(enable)
    assert int(root.run(ENABLED)) == 1 + len(PLUGINS)
    operator.gate()
    ada = operator.customer()
    operator.served(ada)
    root.file("/etc/mod_saas/secret").write_text("kept\n")

    # In the wrong order: httpd refuses to go on without the gates, and what runs goes on with them.
    root.run("apt-get remove -y libapache2-mod-saas")
    assert "Unknown Authz provider: saas-role" in root.run("apache2ctl configtest", check=False).stdout
    assert root.run("apache2ctl graceful", check=False).returncode != 0
    with root.network():
        assert Api(BASE).get("/premium/").status_code == 401
    root.run(install)
    root.run("a2enmod -q saas saas_console; service apache2 restart")
    operator.answers()
    operator.served(ada)

    # By the manual, and for good.
    root.run("a2disconf -q gates")
    root.run(commands("Removing")[0])
    assert root.run(ENABLED).strip() == "0" and root.file("/etc/apache2/mods-available/saas.conf").exists()
    with root.network():
        assert Api(BASE).get("/index.html").status_code == 200
    said = root.run("apt-get purge -y libapache2-mod-saas libapache2-mod-saas-console")
    assert "/var/lib/mod_saas" in said and not root.file("/etc/apache2/mods-available/saas.conf").exists()
    assert not [p for p in root.file("/var/lib/apache2").joinpath("module").rglob("saas*")]
    assert root.file("/var/lib/mod_saas/saas.db").exists() and root.file("/etc/mod_saas/secret").read_text() == "kept\n"

    # Another day.
    operator.install()
    operator.served(ada)


def test_an_update_with_the_same_schema_restarts_once(root, built, places):
    root.put(earlier(built, places))
    operator = Operator(root)
    operator.install()
    ada = operator.customer()
    root.file("/etc/apache2/mods-available/saas.conf").write_text("# Mine.\n")
    root.run("chmod 700 /var/lib/mod_saas")
    pid = operator.pid()
    root.put(installable(built))
    said = root.run(commands("Updating")[0])
    assert "schema" not in said and operator.pid() != pid and not root.file("/run/mod_saas.schema").exists()
    operator.answers()
    operator.served(ada)
    assert root.file("/etc/apache2/mods-available/saas.conf").read_text() == "# Mine.\n"
    assert not root.file("/etc/apache2/mods-available/saas.load").read_text().startswith("# Of an earlier build.")
    assert root.run("stat -c %a /var/lib/mod_saas").strip() == "700"
    # The same again: no change of the schema is made up, and a broken configuration is not started.
    root.file("/etc/apache2/conf-enabled/broken.conf").write_text("Nonsense\n")
    pid = operator.pid()
    said = root.run("apt-get install --reinstall -y ./libapache2-mod-saas_*.deb")
    assert "broken" in said and operator.pid() == pid


def test_an_update_with_another_schema_waits_for_the_operator(root, built, places):
    operator = Operator(root)
    operator.install()
    ada = operator.customer()
    pid = operator.pid()
    root.put(next_release(built, places))
    update, finish = commands("Updating")
    said = root.run(update)
    assert "wants database schema" in said and "saasctl" in said and operator.pid() == pid
    operator.served(ada)
    # Somebody reloads all the same: closed, not open, until the database is what the new modules want.
    root.run("apache2ctl graceful")
    end = time.monotonic() + 20
    with root.network():
        while ada.get("/premium/").status_code != 503:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert "applied" in root.run(finish)
    operator.answers()
    operator.served(ada)


def test_with_postgresql(root, built, places):
    cluster = Postgres().create()
    try:
        cluster.database("packaged")
        root.mount(cluster.socket, "/srv/postgresql")
        operator = Operator(root, "pgsql:host=/srv/postgresql dbname=packaged user=saas_owner")
        root.run(commands("Installing")[0])
        assert "applied" in operator.ctl("migrate")
        example = root.file("/usr/share/doc/libapache2-mod-saas/examples/postgresql.conf").read_text()
        conf, replaced = re.subn(r"^DBDParams .*$", 'DBDParams "host=/srv/postgresql dbname=packaged user=saas_app connect_timeout=3"', example, flags=re.M)
        assert replaced == 1
        root.file("/etc/apache2/conf-available/saas-site.conf").write_text(conf)
        root.run("a2enconf -q saas-site; a2enmod -q saas saas_console; service apache2 restart")
        operator.gate()
        ada = operator.customer()
        operator.served(ada)
        root.put(next_release(built, places))
        said = root.run(commands("Updating")[0])
        assert "wants database schema" in said
        operator.served(ada)
        assert "applied" in operator.ctl("migrate")
        root.run("service apache2 restart")
        operator.answers()
        operator.served(ada)
    finally:
        cluster.close()


def test_the_capabilities_of_the_drop_in_are_enough(root):
    """httpd as systemd would start it by conf/examples/hardening, in what can be had without systemd."""
    operator = Operator(root)
    operator.install()
    ada = operator.customer()
    secret = root.file("/etc/mod_saas/stripe.key")
    secret.write_text("sk_test_0123456789abcdef\n")
    secret.chmod(0o600)
    root.file("/etc/apache2/conf-enabled/secret.conf").write_text("SaasStripeSecretKey file:/etc/mod_saas/stripe.key\n")
    text = (ROOT / "conf" / "examples" / "hardening" / "apache2.service.conf").read_text()
    left = re.search(r"^CapabilityBoundingSet=(.*)$", text, re.M).group(1).lower().replace("cap_", "+").replace(" ", ",")
    root.run(f"service apache2 stop; exec setpriv --no-new-privs --bounding-set=-all,{left} --inh-caps=-all sh -c 'umask 0027; exec service apache2 start'")
    operator.answers()
    operator.served(ada)
    assert re.search(r"^CapBnd:\s+0*4e3$", root.run(f"cat /proc/{operator.pid()}/status"), re.M)
    root.run("apache2ctl graceful")
    operator.answers()
    operator.served(ada)
