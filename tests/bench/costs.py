"""What each thing takes of the processors, in httpd and in PostgreSQL, of whichever there are: the figures that docs/scaling.md
multiplies. No ratio, and of this machine; the share of the two and the order of magnitude are what one takes home.
"""

import contextlib
import dataclasses
import functools

import growth
import turns
from audit import Auditor, Targets
from exports import Exporter
from gated import NO_CACHE
from growth import Installation, Kind, Side
from imports import Importer
from measure import Result, spent
from notify import BATCH, RECEIVER, Deliveries
from notify import WORKERS as RECEIVERS
from saastest import Httpd
from saastest.client import PASSWORD
from saastest.places import free_port
from saastest.site import Pgsql
from webhooks import Webhooks

ORGANIZATIONS = 5000
# Requests under way at once: without the cache they are asked for together.
CONNECTIONS = 16
REQUESTS = {"gated GET, warm cache": Kind(growth.gate, 60_000, CONNECTIONS), "list of 20 audits": Kind(growth.audits, 10_000, CONNECTIONS),
            "page of 50 findings": Kind(functools.partial(growth.findings, looked_at=1), 10_000, CONNECTIONS)}
OFF = {"gated GET, cache off": Kind(growth.gate, 30_000, CONNECTIONS), "gated GET, cache off, one at a time": Kind(growth.gate, 10_000, 1)}
NOTED = "gated GET, cache off, first use of a token in a minute"
LOGINS, EVENTS, ROWS, IMPORTED, TARGETS = 20, 10_000, 1_000_000, 100_000, 50


@dataclasses.dataclass
class Meter:
    """Of one server and the cluster it asks."""

    site: object
    cluster: object

    def of(self, name, work):
        """Rows for what work() does; it returns how often, of what is told by the name."""
        servers = {"httpd": self.site.httpd.process.pid, "PostgreSQL": self.cluster.pid()}
        before = {server: spent(pid) for server, pid in servers.items()}
        count = work()
        for server, pid in servers.items():
            yield Result(f"costs: {name}, {server}", (spent(pid) - before[server]) / count * 1e6, "us", spread=f"{count:,}")


def of_requests(database, args):
    growth.fill(database, ORGANIZATIONS, 1)
    for cache, kinds in ((growth.CACHE, REQUESTS), (NO_CACHE, OFF)):
        with contextlib.closing(Installation(Side(database, ORGANIZATIONS, cache), max(kind.count for kind in kinds.values()))) as one:
            meter = Meter(one.site, database.cluster)
            for name, kind in kinds.items():
                one.once(dataclasses.replace(kind, count=ORGANIZATIONS))
                yield from meter.of(name, lambda: one.once(kind) or kind.count)
            if cache == NO_CACHE:
                database.execute("UPDATE tokens SET last_used_at = NULL")
                yield from meter.of(NOTED, lambda: one.once(dataclasses.replace(OFF["gated GET, cache off"], count=ORGANIZATIONS)) or ORGANIZATIONS)
                continue
            person = one.site.register(organization="Bench costs")
            yield from meter.of("log-in", lambda: sum(bool(one.site.nobody().ok("POST", "auth/login/", {"email": person.email, "password": PASSWORD}))
                                                      for _ in range(LOGINS)))


def of_events(database, args):
    with contextlib.closing(Webhooks(database)) as webhooks:
        def work():
            turns.take([turns.requests(webhooks.site.httpd.port, webhooks.events.more(EVENTS), once=True)], 600, 600_000, 8)
            return EVENTS
        yield from Meter(webhooks.site, database.cluster).of("webhook of Stripe's", work)


def of_deliveries(database, args):
    receiver, port = Httpd(with_saas=False, modules=("alias",), workers=RECEIVERS), free_port()
    with contextlib.closing(receiver):
        receiver.start(RECEIVER.format(port=port))
        deliveries = Deliveries(database, f"http://127.0.0.2:{port}/in")
        with contextlib.closing(deliveries.site):
            deliveries.deliver(BATCH)
            yield from Meter(deliveries.site, database.cluster).of("outgoing webhook", lambda: deliveries.deliver(BATCH) and BATCH)


def of_exports(database, args):
    with contextlib.closing(Exporter(database, ROWS)) as exporter:
        exporter.ours()
        yield from Meter(exporter.site, database.cluster).of("export of a million findings", lambda: exporter.ours() and 1)


def of_imports(database, args):
    importer = Importer(database, IMPORTED)
    with contextlib.closing(importer.site):
        yield from Meter(importer.site, database.cluster).of(f"import of {IMPORTED:,} findings", lambda: importer.ours() and 1)


def of_audits(database, args):
    with contextlib.closing(Targets(TARGETS)) as targets:
        auditor = Auditor(database, targets)
        with contextlib.closing(auditor.site):
            yield from Meter(auditor.site, database.cluster).of("audit, of one target", lambda: auditor.ours() and TARGETS)


def measure(database, args, say):
    for part in (of_requests, of_events, of_deliveries, of_exports, of_imports, of_audits):
        say(f"costs: {part.__name__.replace('_', ' ')}")
        yield from part(Pgsql(database.cluster, f"{database.name}_{part.__name__}"), args)
