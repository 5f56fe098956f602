"""Stripe's webhooks over eight connections, each a distinct signed event that changes an organization's subscription,
against pgbench with eight clients that runs the same statements in the same transactions on a copy of the database.
"""

import re
import subprocess
import time
from pathlib import Path

import prepared
from measure import alternate, compare
from saastest import Site, stripe
from saastest.places import clean_environment
from saastest.postgres import bindir
from saastest.site import WEBHOOK, Pgsql

PEERS = Path(__file__).resolve().parent / "peers"
WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32"
CONF = "MaxKeepAliveRequests 0\nDBDKeep 12\n"
CONNECTIONS, THREADS = 8, 2
ORGANIZATIONS = 2000
NAME = "webhooks, 8 connections, PostgreSQL"

# What these stand for is put in for each event: the same number of characters, so that its length stays.
BLANKS = {"event": "evt_" + "e" * 24, "org": "0" * 36, "customer": "cus_bench_cccc", "subscription": "sub_bench_ssss",
          "created": 1111111111, "end": 2222222222}

# Odd, so that no two events have the same id, and neighbours' ids are far apart as Stripe's are.
SCATTER = 0x9E3779B97F4A7C15


def org_id(n):
    return f"00000000-0000-7000-8000-{100000000000 + n}"


def fill(database):
    """Paying organizations that Stripe's objects are bound to; their ids follow from their numbers."""
    key = "('00000000-0000-7000-8000-' || 100000000000 + n)::uuid"
    database.execute(
        "INSERT INTO organizations (id, name, slug, created_at, updated_at, subscription_status, subscription_started_at,"
        f" stripe_customer_id, stripe_subscription_id, stripe_status) SELECT {key}, 'Organization ' || n, 'bench-' || n, now(),"
        " now(), 'active', to_timestamp(1700000000), 'cus_bench_' || n, 'sub_bench_' || n, 'active'"
        " FROM generate_series(1000, ? + 999) n", ORGANIZATIONS)
    database.execute(
        "INSERT INTO subscriptions (org_id, id, customer_id, status, price_id, period_end, started_at, updated_at)"
        f" SELECT {key}, 'sub_bench_' || n, 'cus_bench_' || n, 'active', 'price_test_pro_monthly', to_timestamp(1900000000),"
        " to_timestamp(1700000000), now() FROM generate_series(1000, ? + 999) n", ORGANIZATIONS)
    for kind in ("cus", "sub"):
        database.execute("INSERT INTO stripe_bindings (stripe_id, organization_id, created_at)"
                         f" SELECT '{kind}_bench_' || n, {key}, now() FROM generate_series(1000, ? + 999) n", ORGANIZATIONS)
    database.execute("VACUUM ANALYZE")


class Events:
    """An endless supply of signed requests; an organization's are all sent by the same thread of wrk, in their order."""

    def __init__(self, site, folder):
        self.secret, self.folder, self.made = site.webhook_secret, folder, 0
        story = stripe.Story(BLANKS["org"], site.price, BLANKS["customer"], BLANKS["subscription"], start=1700000000)
        event = story.updated("active", period_end=BLANKS["end"], cancel_at=BLANKS["end"], previous={"cancel_at": None})
        event.update(id=BLANKS["event"], created=BLANKS["created"])
        self.template = stripe.dump(event).decode()
        self.head = (f"POST {WEBHOOK} HTTP/1.1\r\nHost: 127.0.0.1:{site.httpd.port}\r\n"
                     "Content-Type: application/json; charset=utf-8\r\n")

    def one(self, n, now):
        """The request of event n: it moves the day an organization's subscription ends."""
        number = 1000 + n % ORGANIZATIONS
        body = self.template
        for name, value in (("event", f"evt_{(n + 1) * SCATTER % 2**64:024x}"), ("org", org_id(number)), ("customer", f"cus_bench_{number}"),
                            ("subscription", f"sub_bench_{number}"), ("created", 1700000000 + n), ("end", 2000000000 + n)):
            body = body.replace(str(BLANKS[name]), str(value))
        body = body.encode()
        return (f"{self.head}Stripe-Signature: {stripe.header(body, self.secret, now)}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def write(self, count):
        """Files for wrk: their common prefix."""
        now, first = int(time.time()), self.made
        self.made += count
        return prepared.write(self.folder, (self.one(n, now) for n in range(first, self.made)), THREADS)


class Webhooks:
    def __init__(self, database, seconds):
        self.database, self.seconds, self.runs = database, seconds, 0
        fill(database)
        self.copy = Pgsql(database.cluster, database.name + "_peer", database.name)
        self.site = Site(database, with_stripe=False, conf=CONF, workers=WORKERS)
        try:
            self.site.start()
            self.events = Events(self.site, self.site.places.folder("events"))
            self.payload = self.events.one(0, 0).split(b"\r\n\r\n", 1)[1].decode()
        except BaseException:
            self.site.close()
            raise
        self.rate = 4000.0      # a guess until the first run

    def tidy(self, database):
        database.execute("TRUNCATE stripe_events")
        database.execute("VACUUM organizations, subscriptions")

    def ours(self):
        """Events a second; all of them must have been taken and applied, each once."""
        self.tidy(self.database)
        prefix = self.events.write(int(self.rate * self.seconds * 1.6) + 1000)
        load = prepared.run(self.site.base + WEBHOOK, prefix, self.seconds, CONNECTIONS, THREADS, again=False)
        self.applied(load.requests)
        self.rate = load.rate
        return load.rate

    def applied(self, answered):
        """What the database says of them: wrk ends with up to a request a connection unanswered."""
        stored, applied, attempts = self.database.execute(
            "SELECT count(*), count(*) FILTER (WHERE verdict = 'applied' AND organization_id IS NOT NULL),"
            " sum(attempts) FROM stripe_events")[0]
        if not answered <= stored <= answered + CONNECTIONS or applied != stored or attempts != stored:
            raise RuntimeError(f"{answered} events were answered, {stored} stored, {applied} applied, {attempts} attempts")
        behind = self.database.execute(
            "SELECT count(*) FROM (SELECT organization_id, max(created) AS latest FROM stripe_events GROUP BY 1) e"
            " LEFT JOIN subscriptions s ON s.org_id = e.organization_id LEFT JOIN organizations o ON o.id = s.org_id"
            " WHERE s.last_event_created IS DISTINCT FROM e.latest"
            " OR o.subscription_ends_at IS DISTINCT FROM to_timestamp(e.latest + 300000000)")[0][0]
        if behind:
            raise RuntimeError(f"{behind} organizations are not where their last event has put them")

    def peer(self):
        """The same statements' transactions a second."""
        self.tidy(self.copy)
        self.runs += 1
        variables = {"organizations": ORGANIZATIONS, "run": self.runs, "payload": self.payload}
        out = subprocess.run([str(bindir() / "pgbench"), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", str(THREADS),
                              "-T", str(self.seconds), "-f", str(PEERS / "webhook.pgbench.sql"),
                              *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")),
                              self.database.cluster.dsn(self.copy.name, self.database.cluster.APP)],
                             capture_output=True, text=True, env=clean_environment(PGOPTIONS="-c role=saas_system"))
        if out.returncode:
            raise RuntimeError(f"pgbench:\n{out.stdout}\n{out.stderr}")
        done = int(re.search(r"transactions actually processed: (\d+)", out.stdout).group(1))
        found = self.copy.execute("SELECT count(*) FROM stripe_events e JOIN subscriptions s ON s.org_id = e.organization_id")[0][0]
        if found != done:
            raise RuntimeError(f"pgbench says {done} transactions, the database holds {found}")
        return float(re.search(r"tps = ([\d.]+)", out.stdout).group(1))

    def close(self):
        self.site.close()
        self.copy.close()


def measure(database, args, say):
    if database.kind != "pgsql":
        return
    say(f"{NAME}: {args.rounds} rounds of {args.seconds} s")
    webhooks = Webhooks(database, args.seconds)
    try:
        rates = alternate(webhooks.ours, webhooks.peer, args.rounds)
        yield compare(NAME, "pgbench, same statements", *rates, "events/s", 0.7)
        problems = webhooks.site.httpd.watch()
        problems.offset = 0
        if problems.problems():
            raise RuntimeError("httpd complained:\n" + "\n".join(problems.problems()[:5]))
    finally:
        webhooks.close()
