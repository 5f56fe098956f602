"""One whole installation: database, Stripe sandbox, httpd with every plugin. Tests get one per module,
the demo keeps one running.
"""

import contextlib
import os
import shutil
import sqlite3

from . import seed, stripe
from .client import Api, Person
from .httpd import Httpd
from .places import Places, free_port, give, httpd_user, saasctl
from .sandbox import Sandbox

WEBHOOK_SECRET = "whsec_test_0123456789abcdef0123456789abcdef"
SECRET_KEY = "sk_test_0123456789abcdef0123456789abcdef"
PRICE = "price_test_pro_monthly"
WEBHOOK = "/api/v1/billing/webhooks/stripe/"

MOUNTS = """
<Location "/api/v1">
    SaasAPI On
</Location>
<Location "/saas">
    SaasStatus On
</Location>
SaasScanAllow 127.0.0.0/8
"""


class Sqlite:
    """A SQLite database file that httpd's children may write. to: not migrated beyond that version. by_root: what commands
    of root's leave behind is left as it is."""

    kind = "sqlite"

    def __init__(self, places, name="saas.db", template=None, durable=False, to=None, by_root=False):
        self.user, self.by_root = httpd_user(), by_root
        self.folder = places.folder("db", self.user, 0o750)
        self.path = self.folder / name
        self.url = f"sqlite:{self.path}"
        if template:
            shutil.copyfile(template, self.path)
        else:
            saasctl(self.url, "migrate", *(("--to", str(to)) if to else ()))
        self.claim()

    def claim(self):
        """What a command of root's has created belongs to httpd's user."""
        if not self.by_root:
            give(self.folder, self.user)

    def conf(self):
        return f'DBDriver sqlite3\nDBDParams "{self.path}"\nDBDMax 12'

    def connect(self):
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def execute(self, sql, *args):
        """Rows of one statement with ? parameters, as the database's owner."""
        connection = self.connect()
        try:
            return connection.execute(sql, args).fetchall()
        finally:
            connection.close()

    def close(self):
        pass


class Pgsql:
    """A database in a private cluster."""

    kind = "pgsql"

    def __init__(self, cluster, name, template=None, to=None):
        self.cluster, self.name = cluster, name
        cluster.database(name, template)
        self.url = cluster.url(name)
        if not template:
            saasctl(self.url, "migrate", *(("--to", str(to)) if to else ()))

    def claim(self):
        pass

    def conf(self):
        return f'DBDriver pgsql\nDBDParams "{self.cluster.dsn(self.name, self.cluster.APP)}"\nDBDMax 12'

    def connect(self):
        return self.cluster.connect(self.name)

    def execute(self, sql, *args):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.replace("%", "%%").replace("?", "%s"), args or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def end_backends(self):
        """Ends httpd's connections and waits until each is gone: one that is about to end takes a request with it (503)."""
        connection = self.cluster.connect("postgres", "postgres")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pid, pg_terminate_backend(pid, 20000) FROM pg_stat_activity"
                               " WHERE usename = %s AND datname = %s", (self.cluster.APP, self.name))
                left = [pid for pid, gone in cursor.fetchall() if not gone]
        finally:
            connection.close()
        assert not left, f"backends {left} do not end"

    def close(self):
        pass


@contextlib.contextmanager
def serving(database):
    """httpd on a database that is filled already."""
    site = Site(database, with_stripe=False)
    try:
        yield site.start()
    finally:
        site.close()


class Site:
    """database: a Sqlite or Pgsql. conf: more httpd configuration; `{docs}` in it is the document root,
    `{base}` the server's own URL. with_stripe: False runs
    no sandbox and gives no secret key, so that webhooks alone decide. sandbox: another node's, which is not this one's to end.
    front: the port by which everybody comes, of what stands before this node."""

    hashed = None   # the usual password as a server has hashed it once: a third of a second for each who registers

    def __init__(self, database, conf="", mpm="event", places=None, with_stripe=True, mounts=MOUNTS, modules=(), port=None,
                 detached=False, sandbox_port=0, frontend="https://app.example.test", workers=None, webhook_secret=WEBHOOK_SECRET,
                 secret_key=SECRET_KEY, price=PRICE, sandbox_more=("--retry", "0.5,1,2,4"), sandbox=None, front=None):
        self.places = places or Places()
        self.database = database
        port = port or free_port()
        self.webhook_secret, self.secret_key, self.price = webhook_secret, secret_key, price
        self.httpd = Httpd(places=self.places, mpm=mpm, port=port, modules=modules, detached=detached, workers=workers)
        self.base = f"http://127.0.0.1:{front}" if front else self.httpd.base
        self.opened = False
        self.sandbox, self.shared = sandbox, sandbox is not None
        if with_stripe and not sandbox:
            self.sandbox = Sandbox(self.base + WEBHOOK, webhook_secret, secret_key, price, self.places, detached,
                                   sandbox_port, sandbox_more)
        self.parts = [database.conf(), mounts, self.stripe_conf(frontend),
                      conf.replace("{docs}", str(self.httpd.docs)).replace("{base}", self.base)]

    def stripe_conf(self, frontend):
        lines = [f"SaasStripeWebhookSecret {self.webhook_secret}", f"SaasStripePrice {self.price}"]
        if frontend:
            lines.append(f"SaasFrontendURL {frontend}")
        if self.sandbox:
            lines += [f"SaasStripeAPI {self.sandbox.url}", f"SaasStripeSecretKey {self.secret_key}"]
        return "\n".join(lines)

    def start(self):
        self.httpd.start("\n".join(self.parts))
        return self

    def stop(self):
        self.httpd.stop()

    def close(self):
        self.httpd.stop()
        if self.sandbox and not self.shared:
            self.sandbox.close()
        self.database.close()
        if not os.environ.get("SAAS_KEEP"):
            self.places.close()

    def nobody(self):
        return Api(self.base)

    def register(self, **more):
        return Person(self.base, **more)

    def newcomer(self, organization=None, name="Test Person", email=None):
        """As register(), but by way of the database, and with a proven address: for the many tests that only need somebody
        to be there."""
        if not self.opened:
            # A SQLite file's log and index are to be made by httpd's user, not by us.
            Api(self.base, token="saas_" + "x" * 43).get("auth/me/")
            self.opened = True
        if Site.hashed is None:
            Site.hashed = seed.stored_password(self.database, self.register().user["id"])
        somebody = Person(self.base, email=email, register=False)
        chosen = organization or "Org " + somebody.email[1:9]
        user, org, slug, cookie = seed.person(self.database, Site.hashed, somebody.email, name, chosen)
        somebody.user = {"id": user, "email": somebody.email, "name": name}
        somebody.org = {"id": org, "name": chosen, "slug": slug}
        somebody.http.cookies.set("saas_session", cookie)
        return somebody

    def saasctl(self, *args, **more):
        try:
            return saasctl(self.database.url, *args, **more)
        finally:
            self.database.claim()

    def deliver(self, event, secret=None, t=None, header=None, raw=None, **more):
        """POST a webhook as Stripe does; returns the reply."""
        payload = raw if raw is not None else stripe.dump(event)
        value = header if header is not None else stripe.header(payload, secret or self.webhook_secret, t)
        headers = {"Content-Type": "application/json; charset=utf-8", **more.pop("headers", {})}
        if value != "":
            headers["Stripe-Signature"] = value
        api = Api(self.base)
        api.http.headers.pop("Origin")
        api.http.headers.pop("Sec-Fetch-Site")
        return api.post(WEBHOOK, data=payload, headers=headers, **more)

    def pay(self, person):
        """Take an organization through checkout to an active subscription; returns its Stripe ids."""
        session = person.ok("POST", "billing/checkout-session/", {}, headers={"X-Organization-ID": person.org["id"]})
        reply = self.sandbox.pay(session["checkout_url"])
        assert reply.status_code == 303, f"the pay page answered {reply.status_code}: {reply.text[:500]}"
        org = person.ok("GET", f"organizations/{person.org['id']}/")
        assert org["subscription_status"] == "active", f"paid, but {org}"
        return org
