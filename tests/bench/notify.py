"""Outgoing webhooks: how many messages a second a node delivers to receivers of this machine, from the row that the trigger has
written to the result that is stored, and what its memory grows by while it works off many. The receiver is a second httpd.
"""

import time

import decide
from measure import Result, figure
from saastest import Httpd, Site, seed
from saastest.places import free_port

ORGANIZATIONS = 25
BATCH, BACKLOG = 2000, 20000
RECEIVER = """
Listen 127.0.0.2:{port}
MaxKeepAliveRequests 0
KeepAliveTimeout 30
Redirect 204 /in
"""
WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 64\nMaxRequestWorkers 128\nMinSpareThreads 1\nMaxSpareThreads 128"
CONF = "SaasNotifyAllow 127.0.0.2\nSaasNotifyHTTP On\n"
TARGET, GROWTH = 500, 32


class Deliveries:
    def __init__(self, database, url):
        self.database = database
        self.site = Site(database, conf=CONF, with_stripe=False)
        try:
            self.site.start()
            self.organizations = [self.site.newcomer().org["id"] for _ in range(ORGANIZATIONS)]
            for org in self.organizations:
                seed.endpoint(database, org, url)
        except BaseException:
            self.site.close()
            raise

    def waiting(self):
        return self.database.execute("SELECT count(*) FROM notify_deliveries WHERE state = 'queued'")[0][0]

    def write(self, count):
        for org in self.organizations:
            seed.activity(self.database, org, count=count // ORGANIZATIONS)

    def deliver(self, count, patience=120):
        """Messages a second; a failed attempt would be seen in what is left."""
        began = time.monotonic()
        self.write(count)
        while self.waiting():
            if time.monotonic() - began > patience:
                raise RuntimeError(f"{self.waiting()} of {count} messages are not delivered after {patience} s")
            time.sleep(0.02)
        took = time.monotonic() - began
        bad = self.database.execute("SELECT count(*) FROM notify_deliveries WHERE state <> 'succeeded' OR status <> 204 OR tries <> 1")
        if bad[0][0]:
            raise RuntimeError(f"{bad[0][0]} messages were not delivered at the first attempt")
        return count / took


def take_rates(deliveries):
    def take(seconds):
        rates, end = [], time.monotonic() + seconds
        while time.monotonic() < end or len(rates) < decide.FEWEST:
            rates.append(deliveries.deliver(BATCH))
        return rates
    return take


def measure(database, args, say):
    name = {"pgsql": "PostgreSQL", "sqlite": "SQLite"}[database.kind]
    say(f"outgoing webhooks, {name}: {BATCH} messages of {ORGANIZATIONS} organizations at a time")
    receiver = Httpd(with_saas=False, modules=("alias",), workers=WORKERS)
    try:
        port = free_port()
        receiver.start(RECEIVER.format(port=port))
        deliveries = Deliveries(database, f"http://127.0.0.2:{port}/in")
        try:
            deliveries.deliver(BATCH)
            yield from decide.until_decided(
                take_rates(deliveries),
                lambda rates: [figure(f"outgoing webhooks, {name}", rates, "deliveries/s", TARGET, at_most=False)], args.patience)
            if not args.quick:
                before = deliveries.site.httpd.resident()
                rate = deliveries.deliver(BACKLOG)
                grown = (deliveries.site.httpd.resident() - before) / 2**20
                yield Result(f"memory, {BACKLOG} webhooks, {name}", grown, "MiB", GROWTH, at_most=True, spread=f"{rate:.0f} deliveries/s")
        finally:
            deliveries.site.close()
    finally:
        receiver.close()
