"""mod_authn_dbd and mod_authz_dbd before a static file, on the PostgreSQL database of an installation of mod_saas."""

import base64
import hashlib
import secrets
from pathlib import Path

from saastest import Httpd

MODULES = ("auth_basic", "authn_dbd", "authz_dbd", "authn_socache", "socache_shmcb")

PASSWORD = ("SELECT b.password FROM bench_passwords b JOIN users u ON u.id = b.user_id"
            " WHERE u.email_key = %s AND u.is_active")
GROUPS = ("SELECT m.role FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = '@ORG@'"
          " JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL WHERE u.email_key = %s"
          " AND o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now())")


class AuthnDbd:
    """database: a Pgsql. person: a member of the organization, who gets a password for Basic."""

    def __init__(self, database, person, org, page, workers):
        self.password = secrets.token_urlsafe(12)
        stored = "{SHA}" + base64.b64encode(hashlib.sha1(self.password.encode()).digest()).decode()
        database.execute("CREATE TABLE IF NOT EXISTS bench_passwords (user_id uuid PRIMARY KEY, password text NOT NULL)")
        database.execute("INSERT INTO bench_passwords VALUES (?, ?)", person.user["id"], stored)
        database.execute("ANALYZE bench_passwords")
        # The owner's policies show it every tenant's rows: it has nothing to set for each request.
        conf = (Path(__file__).parent / "authn_dbd.conf").read_text()
        for name, value in (("PASSWORD", PASSWORD), ("GROUPS", GROUPS), ("ORG", org),
                            ("DSN", database.cluster.dsn(database.name, database.cluster.OWNER))):
            conf = conf.replace(f"@{name}@", value)
        self.httpd = Httpd(with_saas=False, modules=MODULES, workers=workers)
        for folder in ("dbd", "socache"):
            self.httpd.page(f"{folder}/page.html", page)
        self.httpd.start(conf)
        self.authorization = "Basic " + base64.b64encode(f"{person.email}:{self.password}".encode()).decode()

    def url(self, folder):
        return f"{self.httpd.base}/{folder}/page.html"

    def close(self):
        self.httpd.close()
