"""mod_authn_dbd and mod_authz_dbd before a static file, on the PostgreSQL database of an installation of mod_saas."""

import base64
import secrets
import subprocess
from pathlib import Path

import requests

from saastest import Httpd
from saastest.places import program

MODULES = ("auth_basic", "authn_dbd", "authz_dbd", "authn_socache", "socache_shmcb")
PLACES = ("htpasswd", "sha", "socache")

PASSWORD = "SELECT b.{0} FROM bench_passwords b JOIN users u ON u.id = b.user_id WHERE u.email_key = %s AND u.is_active"
GROUPS = ("SELECT m.role FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = '@ORG@'"
          " JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL WHERE u.email_key = %s"
          " AND o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now())")
# One row for each gate that lets the user in.
GATES = ("SELECT g.name FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = '@ORG@'"
         " JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL CROSS JOIN LATERAL (VALUES ('member'), (m.role),"
         " (CASE WHEN o.subscription_ends_at IS NULL OR o.subscription_ends_at > now() THEN o.subscription_status END)) g(name)"
         " WHERE u.email_key = %s AND g.name IS NOT NULL")


def _stored(password, *option):
    """What htpasswd makes of a password."""
    line = subprocess.check_output([program("htpasswd"), "-nb", *option, "user", password], text=True).strip()
    return line.partition(":")[2]


class AuthnDbd:
    """database: a Pgsql. person: a member of the organization, who gets a password for Basic; outsider: somebody who
    is none and gets one too, to be refused."""

    def __init__(self, database, person, outsider, org, page, workers):
        password = secrets.token_urlsafe(12)
        database.execute("CREATE TABLE bench_passwords (user_id uuid PRIMARY KEY, htpasswd text NOT NULL, sha text NOT NULL)")
        for one in (person, outsider):
            database.execute("INSERT INTO bench_passwords VALUES (?, ?, ?)", one.user["id"], _stored(password),
                             _stored(password, "-s"))
        database.execute("ANALYZE bench_passwords")
        # The owner's policies show it every tenant's rows: it has nothing to set for each request.
        conf = (Path(__file__).parent / "authn_dbd.conf").read_text()
        for name, value in (("HTPASSWD", PASSWORD.format("htpasswd")), ("SHA", PASSWORD.format("sha")), ("GROUPS", GROUPS),
                            ("GATES", GATES), ("ORG", org), ("DSN", database.cluster.dsn(database.name, database.cluster.OWNER))):
            conf = conf.replace(f"@{name}@", value)
        self.httpd = Httpd(with_saas=False, modules=MODULES, workers=workers)
        try:
            for place in PLACES:
                self.httpd.page(f"{place}/page.html", page)
            self.httpd.start(conf)
            self.authorization = self._basic(person, password)
            self._check(page, self._basic(person, password + "x"), self._basic(outsider, password))
        except BaseException:
            self.close()
            raise

    def _basic(self, person, password):
        return "Basic " + base64.b64encode(f"{person.email}:{password}".encode()).decode()

    def _check(self, page, *refused):
        """It lets the member in and nobody else."""
        for place in PLACES:
            for authorization, status in ((self.authorization, 200), *((one, 401) for one in refused)):
                reply = requests.get(self.url(place), headers={"Authorization": authorization}, timeout=30)
                if reply.status_code != status or (status == 200 and reply.text != page):
                    raise RuntimeError(f"{self.url(place)} answers {reply.status_code} instead of {status}")

    def url(self, place):
        return f"{self.httpd.base}/{place}/page.html"

    def close(self):
        self.httpd.close()
