"""Whether a server that goes on for long grows: a million requests, gated ones out of the cache and a few of every other
kind, and two graceful restarts. Children are measured after a warm-up and at the end, the parent after each restart.
"""

import time

import prepared
from gated import GATE
from measure import Result, resident
from saastest import Site, seed

MIB = 1 << 20
THREADS = 2
# Two children, always, for ever: one that another took over from would be measured as new.
WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 24\nMaxRequestWorkers 48\nMinSpareThreads 48\nMaxSpareThreads 72"
CONF = GATE + "MaxConnectionsPerChild 0\nLogLevel authz_core:crit\n"
# Beside the gated page, once in so many requests.
OTHERS = 50


class Server:
    def __init__(self, database):
        self.site = Site(database, with_stripe=False, conf=CONF, workers=WORKERS)
        try:
            self.site.httpd.page("gated/page.html", "gated" * 200)
            self.site.start()
            self.requests(database)
        except BaseException:
            self.site.close()
            raise

    def requests(self, database):
        person = self.site.register(organization="Bench memory")
        org = person.org["id"]
        database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", org)
        token = person.new_token(organization=org)["token"]
        audit = seed.large_audit(database, org, 20)
        seed.change_counts()
        port = self.site.httpd.port
        gated = prepared.get(port, "/gated/page.html", token)
        others = [prepared.get(port, path, token) for path in (
            "/api/v1/audits/", f"/api/v1/audits/{audit}/", f"/api/v1/audits/{audit}/evidence/",
            f"/api/v1/audits/{audit}/export/csv/", "/api/v1/organizations/", "/api/v1/nothing/")]
        others += [prepared.get(port, "/gated/page.html"), prepared.get(port, "/gated/page.html", "saas_" + "f" * 43), prepared.get(port, "/index.html")]
        mixed = []
        for other in others:
            # Both of wrk's threads get each kind.
            mixed += [gated] * (OTHERS - 1) * THREADS + [other] * THREADS
        self.prefix = prepared.write(self.site.places.folder("requests"), mixed, THREADS)
        self.refusals = 3 / (OTHERS * len(others))

    def load(self, count, connections):
        """At least so many requests; a new set of connections, and with it another share of the children, in each run."""
        done = 0
        while done < count:
            load = prepared.run(self.site.base, self.prefix, 1 if count <= 100_000 else 10, connections, THREADS)
            if load.refused > load.requests * self.refusals * 1.1 + 2 * connections:
                raise RuntimeError(f"{load.refused} of {load.requests} requests were refused\n{self.site.httpd.said()}")
            done += load.requests
        return done

    def children(self):
        """MiB by process id."""
        return {pid: resident(pid) / MIB for pid in self.site.httpd.wait_children(2)}

    def parent(self):
        return resident(self.site.httpd.process.pid) / MIB

    def restart(self):
        """MiB of the parent, once none but the new children are left."""
        old = set(self.site.httpd.children())
        self.site.httpd.graceful()
        end = time.monotonic() + 60
        while old & set(self.site.httpd.children()) or len(self.site.httpd.children()) < 2:
            if time.monotonic() > end:
                raise RuntimeError("the old children do not end: " + self.site.httpd.said())
            time.sleep(0.1)
        return self.parent()


def measure(database, args, say):
    count = 60_000 if args.quick else 1_000_000
    warm = 30_000 if args.quick else 100_000
    say(f"memory: {count:,} requests after {warm:,}, two graceful restarts")
    server = Server(database)
    try:
        # Wider than what is measured; more connections than a child has threads, and it closes idle ones.
        server.load(warm, 24)
        before, began = server.children(), server.parent()
        done = server.load(count, 16)
        after = server.children()
        if before.keys() != after.keys():
            raise RuntimeError("httpd has replaced a child: " + server.site.httpd.said())
        yield Result(f"memory, {count:,} requests: child grows by", max(after[pid] - before[pid] for pid in before), "MiB", 1,
                     at_most=True, spread=f"{done:,} requests, from " + ", ".join(f"{x:.1f}" for x in before.values())
                     + " to " + ", ".join(f"{x:.1f}" for x in after.values()) + " MiB")
        first = server.restart()
        server.load(warm // 10, 16)
        second = server.restart()
        server.load(warm // 10, 16)
        yield Result("memory, second graceful restart: parent grows by", second - first, "MiB", 1, at_most=True,
                     spread=f"{began:.1f}, {first:.1f}, {second:.1f} MiB")
    finally:
        server.site.close()
