"""What a hundred times as many organizations cost the ones that are there: 10,000 with 10 million evidence rows against
100 with as many rows each, the same requests for organizations in random order. And an export of 10 million rows, for
its memory.
"""

import random
import statistics
import subprocess

import prepared
from exports import Exporter
from gated import GATE
from measure import Result, alternate
from saastest import Site, seed
from saastest.places import program
from saastest.site import Pgsql

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32"
CONF = GATE + "SaasJobThreads 0\n"
# As many principals as there are organizations have room in it.
CACHES = {"warm cache": "SaasCacheSize 64M\n", "cache off": "SaasCacheSize 0\n"}
SMALL, LARGE = 100, 10_000
AUDITS, EVIDENCE = 20, 50
EXPORTS = 200
EXPORT_ROWS = 10_000_000
CONNECTIONS = 2

KEY = "('00000000-0000-7000-8000-' || 100000000000 + n)::uuid"
AUDIT = "('00000000-0000-7' || lpad(a::text, 3, '0') || '-8000-' || 100000000000 + n)::uuid"
FILL = (
    "INSERT INTO users (id, email, email_key, name, created_at, updated_at) SELECT {key}, 'u' || n || '@example.test',"
    " 'u' || n || '@example.test', 'User ' || n, now(), now() FROM generate_series(1, {organizations}) n",
    "INSERT INTO organizations (id, name, slug, created_at, updated_at, subscription_status) SELECT {key},"
    " 'Organization ' || n, 'bench-' || n, now(), now(), 'active' FROM generate_series(1, {organizations}) n",
    "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) SELECT {key}, {key}, 'ADMIN', now(), now()"
    " FROM generate_series(1, {organizations}) n",
    "INSERT INTO tokens (id, user_id, organization_id, name, hint, hash, created_at) SELECT {key}, {key}, {key}, 'bench',"
    " 'bench', encode(sha256(convert_to('saas_bench_token_of_organization_' || lpad(n::text, 12, '0'), 'UTF8')), 'hex'), now()"
    " FROM generate_series(1, {organizations}) n",
    "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_done, progress_total, evidence_count, counts,"
    " created_at, started_at, finished_at) SELECT {key}, {audit}, 'Audit ' || a, 'web', '[\"https://example.test/\"]',"
    " 'completed', 1, 1, {evidence}, '{{}}', now(), now(), now()"
    " FROM generate_series(1, {audits}) a, generate_series(1, {organizations}) n",
    # Audit after audit, as they come in: an organization's are far apart.
    "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment)"
    " SELECT {key}, {audit}, e, 'https://host-' || e || '.example.test/path/to/resource', 'hsts_include_subdomains', 'FAIL',"
    " 'low', '2026-01-02T03:04:05.678901Z'::timestamptz, '{comment}' || e"
    " FROM generate_series(1, {audits}) a, generate_series(1, {organizations}) n, generate_series(1, {evidence}) e",
)


# Around the rows of evidence: without the foreign key's look at each of them, and with the index made at once.
BEFORE = ("SET session_replication_role = replica", "SET maintenance_work_mem = '256MB'",
          "ALTER TABLE evidence DROP CONSTRAINT evidence_pkey")
AFTER = ("ALTER TABLE evidence ADD PRIMARY KEY (org_id, audit_id, number)",)


def fill(database, organizations):
    for statement in FILL:
        sql = statement.format(key=KEY, audit=AUDIT, organizations=organizations, audits=AUDITS, evidence=EVIDENCE,
                               comment=seed.COMMENT)
        if statement.startswith("INSERT INTO evidence"):
            database.cluster.sql(database.name, *BEFORE, sql, *AFTER)
        else:
            database.execute(sql)
    database.execute("VACUUM ANALYZE")
    rows = database.execute("SELECT count(*) FROM evidence")[0][0]
    if rows != organizations * AUDITS * EVIDENCE:
        raise RuntimeError(f"{rows} rows of evidence")


def token(n):
    return f"saas_bench_token_of_organization_{n:012d}"


class Installation:
    """A server on one of the two databases."""

    def __init__(self, database, organizations, cache):
        self.organizations = organizations
        self.site = Site(database, with_stripe=False, conf=CONF + cache, workers=WORKERS)
        try:
            self.site.httpd.page("gated/page.html", "gated" * 200)
            self.site.start()
            shuffled = random.Random(1)
            self.order = [1 + n % organizations for n in range(LARGE)]
            shuffled.shuffle(self.order)
            self.prefix = {name: self.requests(name, path) for name, path in (
                ("gate", "/gated/page.html"), ("list", "/api/v1/audits/"))}
        except BaseException:
            self.close()
            raise

    def requests(self, name, path):
        port = self.site.httpd.port
        return prepared.write(self.site.places.folder(name), (prepared.get(port, path, token(n)) for n in self.order), 1)

    def warm(self):
        """Every organization has asked once at least."""
        asked = 0
        while asked < 1.2 * LARGE:
            asked += prepared.run(self.site.base, self.prefix["gate"], 2, 8, 1).requests

    def latency(self, name, seconds):
        """Median, milliseconds."""
        return prepared.run(self.site.base, self.prefix[name], seconds, CONNECTIONS, 1).median

    def first_byte(self):
        """Median over exports of as many organizations' audits, on one connection, milliseconds."""
        lines = []
        for i, n in enumerate(self.order[:EXPORTS]):
            audit = f"00000000-0000-7{1 + i % AUDITS:03d}-8000-{100000000000 + n}"
            lines += [f'url = "{self.site.base}/api/v1/audits/{audit}/export/csv/"', f'header = "Authorization: Bearer {token(n)}"',
                      'output = "/dev/null"', 'write-out = "%{time_starttransfer} %{size_download}\\n"', "silent", "fail", "next"]
        out = subprocess.run([program("curl"), "-q", "-K", "-"], input="\n".join(lines[:-1]) + "\n", capture_output=True, text=True,
                             check=True).stdout.split("\n")
        times = [line.split() for line in out if line]
        if len(times) != EXPORTS or any(int(size) < 100 * EVIDENCE for _, size in times):
            raise RuntimeError(f"{len(times)} exports of {EXPORTS}, or not all whole")
        return statistics.median(float(time) for time, _ in times) * 1000

    def close(self):
        self.site.close()


def row(name, large, small):
    """A Result from two series of milliseconds."""
    return Result(f"growth, {LARGE:,} organizations: {name}", statistics.median(large), "ms", 1.2, statistics.median(small),
                  statistics.median(a / b for a, b in zip(large, small)), at_most=True, peer_name=f"{SMALL} organizations",
                  spread=" / ".join(f"{min(series):.3g}-{max(series):.3g}" for series in (large, small)))


def measure_growth(database, args, say):
    say(f"growth: loading {LARGE * AUDITS * EVIDENCE:,} rows")
    small = Pgsql(database.cluster, database.name + "_small")
    fill(small, SMALL)
    fill(database, LARGE)
    # Short rounds, and many: what comes and goes on the machine then weighs on both.
    rounds = 3 * args.rounds
    say(f"growth: {rounds} rounds of a second for each row")
    for cache, conf in CACHES.items():
        pair = []
        try:
            for one, organizations in ((database, LARGE), (small, SMALL)):
                pair.append(Installation(one, organizations, conf))
                pair[-1].warm()
            kinds = {f"gate, {cache}": lambda one: one.latency("gate", 1)}
            if cache == "warm cache":
                kinds["list of audits"] = lambda one: one.latency("list", 1)
                kinds["first export byte"] = Installation.first_byte
            for name, take in kinds.items():
                yield row(name, *alternate(lambda: take(pair[0]), lambda: take(pair[1]), rounds))
        finally:
            for one in pair:
                one.close()


def measure_export(database, say):
    kind = "PostgreSQL" if database.kind == "pgsql" else "SQLite"
    say(f"export, {EXPORT_ROWS:,} rows, {kind}: loading")
    exporter = Exporter(database, EXPORT_ROWS)
    try:
        yield Result(f"export, {EXPORT_ROWS:,} rows, {kind}: child grows by", exporter.growth(), "MiB", 8, at_most=True)
    finally:
        exporter.close()


def measure(database, args, say):
    if args.quick:
        return
    if database.kind == "pgsql":
        yield from measure_growth(database, args, say)
        database = Pgsql(database.cluster, database.name)
    yield from measure_export(database, say)
