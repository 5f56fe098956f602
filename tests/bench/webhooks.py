"""Stripe's webhooks over eight connections, each a distinct signed event that changes an organization's subscription,
against pgbench with eight clients that runs the same statements in the same transactions on a copy of the database.
"""

import contextlib
import functools
import re
import statistics
import time
from pathlib import Path

import decide
import turns
from measure import compare
from pgbench import Pgbench
from saastest import Site, stripe
from saastest.site import WEBHOOK, Pgsql

PEERS = Path(__file__).resolve().parent / "peers"
WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32"
CONF = "MaxKeepAliveRequests 0\nDBDKeep 12\n"
CONNECTIONS, THREADS = 8, 2
TURN = 50       # milliseconds
ORGANIZATIONS = 2000
SCRIPT, BATCHED, WAIT = "webhook.pgbench.sql", "webhook.batched.sql", "wait"
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
    """An endless supply of signed requests; an organization's next is far behind its last one."""

    def __init__(self, site):
        self.secret, self.made = site.webhook_secret, 0
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

    def more(self, count):
        """So many requests that have not been sent yet."""
        now, first = int(time.time()), self.made
        self.made += count
        return [self.one(n, now) for n in range(first, self.made)]


@contextlib.contextmanager
def logged(cluster):
    """The statements of each backend's transactions within the block, by way of the extended protocol."""
    def log(what):
        cluster.sql("postgres", f"ALTER SYSTEM SET log_statement = '{what}'", "SELECT pg_reload_conf()")
        time.sleep(0.5)
    log("all")
    before, transactions, going = cluster.log.stat().st_size, [], {}
    try:
        yield transactions
    finally:
        log("none")
    with open(cluster.log, encoding="utf-8") as file:
        file.seek(before)
        for pid, sql in re.findall(r"\[(\d+)\] LOG:  execute \S+: (.*)", file.read()):
            if sql == "BEGIN":
                going[pid] = []
            going.setdefault(pid, []).append(sql)
            if sql == "COMMIT":
                transactions.append(tuple(going.pop(pid)))


def peer_scripts(template, sent):
    """pgbench's scripts: what was sent with the template's arguments in it, a statement at a time and in the module's batches;
    an error when they are not each other's."""
    lines = [line for line in template.splitlines() if line and not line.startswith("--")]
    variables = [line for line in lines if line.startswith("\\")]
    statements = [line.split(" | ") for line in lines if line not in (*variables, WAIT)]
    waits = [number - len(variables) for number, line in enumerate(lines) if line == WAIT]
    if len(statements) != len(sent):
        raise RuntimeError(f"the module sends {len(sent)} statements, the peer has {len(statements)}:\n" + "\n".join(sent))
    script = []
    for (begins, *arguments), sql in zip(statements, sent):
        places = {int(number) for number in re.findall(r"\$(\d+)", sql)}
        if not sql.startswith(begins) or places != set(range(1, len(arguments) + 1)):
            raise RuntimeError(f"the peer has {len(arguments)} arguments of {begins}, the module sends: {sql}")
        script.append(re.sub(r"\$(\d+)", lambda place: f"({arguments[int(place.group(1)) - 1]})", sql) + ";")
    batches = [script[begin:end] for begin, end in zip([0, *waits], [*waits, None])]
    batched = [line for batch in batches for line in ("\\startpipeline", *batch, "\\endpipeline")]
    return ["\n".join([*variables, *some, ""]) for some in (script, batched)]


class Webhooks:
    def __init__(self, database):
        self.database, self.runs = database, 0
        fill(database)
        self.copy = Pgsql(database.cluster, database.name + "_peer", database.name)
        self.site = Site(database, with_stripe=False, conf=CONF, workers=WORKERS)
        try:
            self.site.start()
            self.folder = self.site.places.folder("pgbench")
            self.events = Events(self.site)
            for name, script in zip((SCRIPT, BATCHED), peer_scripts((PEERS / SCRIPT).read_text(), self.sent())):
                (self.folder / name).write_text(script)
            self.payload = self.events.one(0, 0).split(b"\r\n\r\n", 1)[1].decode()
        except BaseException:
            self.close()
            raise
        self.rate = 5000.0      # a guess until the first turns

    def sent(self):
        """What the module sends for an event on connections that have sent it before: now and then it looks at the schema,
        too."""
        with logged(self.database.cluster) as transactions:
            turns.take([turns.requests(self.site.httpd.port, self.events.more(100), once=True)], 0.2, TURN, 1)
        return statistics.mode(one for one in transactions if any(sql.startswith("INSERT INTO stripe_events") for sql in one))

    def peer(self, script):
        """It has begun when each client has applied some events."""
        variables = {"organizations": ORGANIZATIONS, "run": self.runs, "payload": self.payload}
        return Pgbench(self.copy, self.folder / script, self.folder / f"pgbench.{self.runs}", CONNECTIONS, THREADS, variables,
                       lambda: self.copy.execute("SELECT count(*) FROM stripe_events")[0][0] >= 20 * CONNECTIONS)

    def tidy(self, database):
        database.execute("TRUNCATE stripe_events")
        database.execute("VACUUM organizations, subscriptions")

    def take(self, seconds, script=SCRIPT):
        """Pairs of events and transactions a second; all of them must have been taken and applied, each once."""
        self.tidy(self.database), self.tidy(self.copy)
        self.runs += 1
        # For half of the time, and some more.
        ours = turns.requests(self.site.httpd.port, self.events.more(int(self.rate * seconds * 0.7) + 1000), once=True)
        with self.peer(script) as pgbench:
            rounds = turns.take([ours, turns.process(pgbench.process.pid)], seconds, TURN, CONNECTIONS)
        self.applied(sum(turn.count for turn, _ in rounds))
        found = self.copy.execute("SELECT count(*) FROM stripe_events e JOIN subscriptions s ON s.org_id = e.organization_id")[0][0]
        if found != pgbench.done():
            raise RuntimeError(f"pgbench says {pgbench.done()} transactions, the database holds {found}")
        pairs = list(zip([turn.rate for turn, _ in rounds], pgbench.rates([turn for _, turn in rounds])))
        self.rate = statistics.median(rate for rate, _ in pairs)
        return pairs

    def applied(self, answered):
        """What the database says of them: those that were measured, and some before and after, without a gap."""
        stored, applied, attempts, span = self.database.execute(
            "SELECT count(*), count(*) FILTER (WHERE verdict = 'applied' AND organization_id IS NOT NULL),"
            " sum(attempts), max(created) - min(created) + 1 FROM stripe_events")[0]
        if not answered <= stored or applied != stored or attempts != stored or span != stored:
            raise RuntimeError(f"{answered} events were answered, {stored} of {span} stored, {applied} applied, {attempts} attempts")
        behind = self.database.execute(
            "SELECT count(*) FROM (SELECT organization_id, max(created) AS latest FROM stripe_events GROUP BY 1) e"
            " LEFT JOIN subscriptions s ON s.org_id = e.organization_id LEFT JOIN organizations o ON o.id = s.org_id"
            " WHERE s.last_event_created IS DISTINCT FROM e.latest"
            " OR o.subscription_ends_at IS DISTINCT FROM to_timestamp(e.latest + 300000000)")[0][0]
        if behind:
            raise RuntimeError(f"{behind} organizations are not where their last event has put them")

    def close(self):
        self.site.close()
        self.copy.close()


def measure(database, args, say):
    if database.kind != "pgsql":
        return
    say(f"{NAME}: turns of {TURN} ms")
    with contextlib.closing(Webhooks(database)) as webhooks:
        yield from decide.until_decided(webhooks.take, lambda pairs: [
            compare(NAME, "pgbench, same statements", *zip(*pairs), "events/s", 0.9)], args.patience)
        yield from decide.until_decided(functools.partial(webhooks.take, script=BATCHED), lambda pairs: [
            compare(f"{NAME}, batched", "the same in the module's batches", *zip(*pairs), "events/s", None)], args.patience)
        problems = webhooks.site.httpd.watch()
        problems.offset = 0
        if problems.problems():
            raise RuntimeError("httpd complained:\n" + "\n".join(problems.problems()[:5]))
