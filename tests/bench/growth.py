"""What a hundred times as many organizations cost the ones that are there: 10,000 with 10 million evidence rows against
100 with as many rows each, the same requests for organizations in random order. And an export of 10 million rows, for
its memory.
"""

import contextlib
import random

import decide
import prepared
import turns
from exports import Exporter
from gated import GATE
from measure import Result, compare
from saastest import Site, seed
from saastest.site import Pgsql

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32"
CONF = GATE + "SaasJobThreads 0\n"
# As many principals as there are organizations have room in it.
CACHES = {"warm cache": "SaasCacheSize 64M\n", "cache off": "SaasCacheSize 0\n"}
SMALL, LARGE = 100, 10_000
AUDITS, EVIDENCE = 20, 50
# Of so many organizations: their rows lie in memory on both sides.
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
        except BaseException:
            self.close()
            raise

    def asks(self, path, count=LARGE):
        """This server, asked by so many organizations in turn; path(i, n): what the n-th asks for, i-th of all. Another of
        them is the first each time."""
        cut, chosen = random.randrange(count), list(enumerate(self.order[:count]))
        return turns.requests(self.site.httpd.port, (prepared.get(self.site.httpd.port, path(i, n), token(n))
                                                     for i, n in chosen[cut:] + chosen[:cut]))

    def warm(self):
        """Every organization has asked once at least."""
        asked = 0
        while asked < 1.2 * LARGE:
            asked += turns.take([self.asks(gate)], 2, 2000, CONNECTIONS)[0][0].count

    def close(self):
        self.site.close()


def gate(i, n):
    return "/gated/page.html"


def audits(i, n):
    return "/api/v1/audits/"


def export(i, n):
    return f"/api/v1/audits/00000000-0000-7{1 + i % AUDITS:03d}-8000-{100000000000 + n}/export/csv/"


def measure_growth(database, args, say):
    say(f"growth: loading {LARGE * AUDITS * EVIDENCE:,} rows")
    small = Pgsql(database.cluster, database.name + "_small")
    fill(small, SMALL)
    fill(database, LARGE)
    for cache, conf in CACHES.items():
        with contextlib.ExitStack() as opened:
            opened.enter_context(turns.one_processor(database.cluster))
            pair = []
            for one, organizations in ((database, LARGE), (small, SMALL)):
                pair.append(opened.enter_context(contextlib.closing(Installation(one, organizations, conf))))
                pair[-1].warm()
            # What is asked for, by how many, on how many connections, and which of a turn's figures is the row's.
            kinds = {f"gate, {cache}": (gate, LARGE, CONNECTIONS, "median")}
            if cache == "warm cache":
                kinds.update({"list of audits": (audits, LARGE, CONNECTIONS, "median"),
                              "first export byte": (export, EXPORTS, 1, "first")})
            for name, (path, count, connections, what) in kinds.items():
                yield from decide.until_decided(
                    lambda seconds: turns.take([one.asks(path, count) for one in pair], seconds, connections=connections),
                    lambda rounds: [compare(f"growth, {LARGE:,} organizations: {name}", f"{SMALL} organizations",
                                            *turns.series(rounds, what), "ms", 1.2, at_most=True)], args.patience)


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
