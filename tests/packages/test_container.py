"""The container's recipe, followed step by step in a clean Debian: what is copied, what is run, and then its server as its user,
without any capability, with its health check, its volume and a secret in a file. No runtime of containers is needed, nor its registry.
"""

import json
import re
import shutil
import time

import pytest

from cleanroot import CleanRoot
from saastest import ROOT
from saastest.client import Person
from test_life import built, installable  # noqa: F401

BASE = "http://localhost:8080"


def instructions():
    """[(word, rest)] of the recipe, in order, lines that go on put together."""
    text = (ROOT / "tools" / "packages" / "container" / "Containerfile").read_text()
    lines = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#"))).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


class Container:
    """What a runtime makes of the recipe."""

    def __init__(self, root, debs):
        self.root, self.env, self.said = root, {}, {}
        for word, rest in instructions():
            if word == "COPY":
                *sources, target = rest.split()
                place = root.file(target)
                if target.endswith("/"):
                    place.mkdir(parents=True, exist_ok=True)
                for source in sources:
                    files = [deb for deb in debs if deb.match(source)] if source.endswith(".deb") else [ROOT / source]
                    assert files, source
                    for file in files:
                        shutil.copyfile(file, place / file.name if target.endswith("/") else place)
            elif word == "RUN":
                root.run(rest)
            elif word == "ENV":
                self.env.update(pair.split("=", 1) for pair in rest.split())
            else:
                self.said[word] = rest

    def command(self, argv, **more):
        """argv as its user, without capabilities, in its environment."""
        env = " ".join(f"'{name}={value}'" for name, value in {**self.env, **more, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}.items())
        user = self.said["USER"]
        return (f"cd {self.said['WORKDIR']}; exec setpriv --reuid {user} --regid {user} --init-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
                f" env -i {env} " + " ".join(f"'{word}'" for word in argv))

    def do(self, *words, check=True, **more):
        """What the entrypoint says to words."""
        return self.root.run(self.command([*json.loads(self.said["ENTRYPOINT"]), *words], **more), check=check)

    def healthy(self):
        words = json.loads(self.said["HEALTHCHECK"].split(" CMD ", 1)[1])
        return self.root.run(self.command(words), check=False).returncode == 0


@pytest.fixture(scope="module")
def container(built):  # noqa: F811
    root = CleanRoot(installable(built))
    try:
        yield Container(root, installable(built))
    finally:
        root.close()


def test_a_container(container):
    root = container.root
    assert container.said["FROM"].endswith("debian:12-slim") and container.said["USER"] == "www-data"
    assert "applied" in container.do("migrate")
    secrets = root.file("/run/secrets")
    secrets.mkdir()
    (secrets / "stripe_key").write_text("sk_test_0123456789abcdef\n")
    (secrets / "stripe_key").chmod(0o444)
    root.file("/etc/mod_saas/conf.d/site.conf").write_text(
        "SaasStripeSecretKey file:/run/secrets/stripe_key\n<Location /premium>\nAuthType Saas\nRequire saas-member\n</Location>\n")
    assert not container.healthy()
    serve = container.command([*json.loads(container.said["ENTRYPOINT"]), *json.loads(container.said["CMD"])])
    root.run(f"({serve}) >/srv/output 2>&1 &")
    output = root.file("/srv/output")
    end = time.monotonic() + 30
    while not container.healthy():
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.2)
    with root.network():
        ada = Person(BASE)
        ready = ada.get("/saas/ready")
        assert ready.status_code == 200 and ready.json()["status"] == "ready"
        assert ada.get("/premium/").status_code == 404 and "<title>" in ada.get("/app/login").text
    # Every process is its user's, and none has a capability.
    servers = [text for text in root.run("cat /proc/[0-9]*/status").split("Name:\t") if text.startswith("apache2\n")]
    assert len(servers) > 1
    for text in servers:
        assert re.search(r"^Uid:\s+33\s", text, re.M) and re.search(r"^CapEff:\s+0+$", text, re.M) and re.search(r"^NoNewPrivs:\s+1$", text, re.M)
    assert "GET /saas/ready" in output.read_text() and "sk_test" not in output.read_text()
    root.run("kill -WINCH $(cat /run/apache2/apache2.pid)")
    while container.healthy():
        assert time.monotonic() < end + 30
        time.sleep(0.2)


def test_its_words(container):
    assert "usage" in container.do("no-such", check=False).stdout
    done = container.do("serve", check=False, SAAS_DB_DRIVER="mysql")
    assert done.returncode == 2 and "sqlite3 or pgsql" in done.stdout
    assert "usage: saasctl" in container.do("saasctl", "--help")


def test_a_file_of_passwords_becomes_its_users_alone(container):
    secret = container.root.file("/run/secrets/pgpass")
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("db:5432:saas:saas_app:secret\n")
    secret.chmod(0o444)
    # Twice, as after a restart.
    container.do("migrate", check=False, SAAS_DB_DRIVER="pgsql", SAAS_DB_PARAMS="host=127.0.0.1 port=1 connect_timeout=1")
    said = container.do("migrate", check=False, SAAS_DB_DRIVER="pgsql", SAAS_DB_PARAMS="host=127.0.0.1 port=1 dbname=saas user=saas_app connect_timeout=1").stdout
    assert "secret" not in said and "127.0.0.1" in said
    assert container.root.run("stat -c '%U %a' /run/apache2/pgpass").strip() == "www-data 600"
