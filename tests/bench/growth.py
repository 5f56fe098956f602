"""What a hundred times as many organizations cost the ones that are there: 10,000 with 10 million evidence rows against
100 with as many rows each, the same requests for organizations in random order. And an export of 10 million rows, for
its memory.
"""

import contextlib
import dataclasses
import random

import decide
import prepared
import turns
from exports import Exporter
from gated import GATE, NO_CACHE
from measure import Result, compare
from saastest import Site, seed
from saastest.site import Pgsql

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32"
CONF = GATE + "SaasJobThreads 0\n"
# As many principals as there are organizations have room in it.
CACHE = "SaasCacheSize 64M\n"
SMALL, LARGE = 100, 10_000
AUDITS, EVIDENCE = 20, 50
# Of so many organizations: their rows lie in memory on both sides.
EXPORTS = 200
EXPORT_ROWS = 10_000_000
CONNECTIONS = 2

KEY = "('00000000-0000-7000-8000-' || 100000000000 + n)::uuid"
AUDIT = "('00000000-0000-7' || lpad(a::text, 3, '0') || '-8000-' || 100000000000 + n)::uuid"
PEOPLE = (
    "INSERT INTO users (id, email, email_key, name, created_at, updated_at) SELECT {key}, 'u' || n || '@example.test',"
    " 'u' || n || '@example.test', 'User ' || n, now(), now() FROM generate_series(1, {organizations}) n",
    "INSERT INTO organizations (id, name, slug, created_at, updated_at, subscription_status) SELECT {key},"
    " 'Organization ' || n, 'bench-' || n, now(), now(), 'active' FROM generate_series(1, {organizations}) n",
    "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) SELECT {key}, {key}, 'ADMIN', now(), now()"
    " FROM generate_series(1, {organizations}) n",
    # Used in the future: it is not noted anew, which would be done the more often the more tokens there are.
    "INSERT INTO tokens (id, user_id, organization_id, name, hint, hash, created_at, last_used_at) SELECT {key}, {key}, {key}, 'bench',"
    " 'bench', encode(sha256(convert_to('saas_bench_token_of_organization_' || lpad(n::text, 12, '0'), 'UTF8')), 'hex'), now(),"
    " now() + interval '1 day'"
    " FROM generate_series(1, {organizations}) n",
)
WORK = {
    "audits":
    "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_done, progress_total, evidence_count, counts,"
    " created_at, started_at, finished_at) SELECT {key}, {audit}, 'Audit ' || a, 'web', '[\"https://example.test/\"]',"
    " 'completed', 1, 1, {evidence}, '{{}}', now(), now(), now()"
    " FROM generate_series(1, {audits}) a, generate_series(1, {organizations}) n",
    "audit_targets":
    "INSERT INTO audit_targets (org_id, target, audit_id) SELECT org_id, 'https://example.test/', id FROM audits",
    # Audit after audit, as they come in: an organization's are far apart.
    "evidence":
    "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment)"
    " SELECT {key}, {audit}, e, 'https://host-' || e || '.example.test/path/to/resource', 'hsts_include_subdomains', 'FAIL',"
    " 'low', '2026-01-02T03:04:05.678901Z'::timestamptz, '{comment}' || e"
    " FROM generate_series(1, {looked_at}) a, generate_series(1, {organizations}) n, generate_series(1, {evidence}) e",
}


def fill_people(database, organizations):
    """A user, a membership and a token for each organization."""
    for statement in PEOPLE:
        database.execute(statement.format(key=KEY, organizations=organizations))


INDEXES = ("SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = ?::regclass"
           " AND indexrelid NOT IN (SELECT conindid FROM pg_constraint) ORDER BY indexrelid")
KEYS = ("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ?::regclass AND contype = 'p'"
        " AND conrelid NOT IN (SELECT confrelid FROM pg_constraint)")


def load(database, table, sql):
    """Without a look at each row by triggers and foreign keys, and with the indexes made at once, in the order they had."""
    indexes, keys = database.execute(INDEXES, table), database.execute(KEYS, table)
    database.cluster.sql(
        database.name, "SET session_replication_role = replica", "SET maintenance_work_mem = '512MB'", f"SET ROLE {database.cluster.OWNER}",
        *(f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name, _ in keys), *(f"DROP INDEX {name}" for name, _ in indexes),
        sql, *(f"ALTER TABLE {table} ADD {definition}" for _, definition in keys), *(definition for _, definition in indexes))


def fill(database, organizations, looked_at=AUDITS):
    """looked_at: how many of an organization's audits have rows of evidence."""
    fill_people(database, organizations)
    for table, statement in WORK.items():
        load(database, table, statement.format(key=KEY, audit=AUDIT, organizations=organizations, audits=AUDITS, looked_at=looked_at,
                                               evidence=EVIDENCE, comment=seed.COMMENT))
    database.execute("VACUUM ANALYZE")
    rows = database.execute("SELECT count(*) FROM evidence")[0][0]
    if rows != organizations * looked_at * EVIDENCE:
        raise RuntimeError(f"{rows} rows of evidence")


def token(n):
    return f"saas_bench_token_of_organization_{n:012d}"


@dataclasses.dataclass(frozen=True)
class Side:
    """A database, how many organizations are in it, and the memory for their principals."""

    database: object
    organizations: int
    cache: str


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is asked for: path(i, n), i-th of all, by the n-th organization; by how many of them in turn; on how many connections;
    which of a turn's figures is the row's; the target."""

    path: object
    count: int = LARGE
    connections: int = CONNECTIONS
    what: str = "median"
    target: float = 1.2


class Installation:
    """A server on one of the two databases, that has been asked by all organizations. asked: how many lists have, of which the
    smaller database has fewer."""

    def __init__(self, side, asked=LARGE):
        self.site = Site(side.database, with_stripe=False, conf=CONF + side.cache, workers=WORKERS)
        try:
            self.site.httpd.page("gated/page.html", "gated" * 200)
            self.site.start()
            shuffled = random.Random(1)
            self.order = [1 + n % side.organizations for n in range(asked)]
            shuffled.shuffle(self.order)
            turns.take([self.asks(Kind(gate))], 2, 2000, CONNECTIONS)
            self.once(Kind(gate, asked))
        except BaseException:
            self.close()
            raise

    def requests(self, kind):
        return [prepared.get(self.site.httpd.port, kind.path(i, n), token(n)) for i, n in enumerate(self.order[:kind.count])]

    def asks(self, kind):
        """This server, asked by so many organizations in turn; another of them is the first each time."""
        requests, cut = self.requests(kind), random.randrange(kind.count)
        return turns.requests(self.site.httpd.port, requests[cut:] + requests[:cut])

    def once(self, kind):
        """Each of them has asked."""
        turns.take([turns.requests(self.site.httpd.port, self.requests(kind), once=True)], 600, 600_000, kind.connections)

    def close(self):
        self.site.close()


def gate(i, n):
    return "/gated/page.html"


def audits(i, n):
    return "/api/v1/audits/"


def audit(i, n, looked_at=AUDITS):
    return f"/api/v1/audits/00000000-0000-7{1 + i % looked_at:03d}-8000-{100000000000 + n}/"


def findings(i, n, looked_at=AUDITS):
    return audit(i, n, looked_at) + "evidence/?status=FAIL"


def export(i, n, looked_at=AUDITS):
    return audit(i, n, looked_at) + "export/csv/"


def grown(name, large, small, kinds, asked, patience):
    """Rows of each kind, by its name: what is asked of the one against what is asked of the other, whose size is told."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(turns.one_processor(large.database.cluster))
        pair = [opened.enter_context(contextlib.closing(Installation(side, asked))) for side in (large, small)]
        for what, kind in kinds.items():
            for one in pair:
                one.once(kind)  # what it reads is in memory
            yield from decide.until_decided(
                lambda seconds: turns.take([one.asks(kind) for one in pair], seconds, connections=kind.connections),
                lambda rounds: [compare(f"{name}: {what}", f"{small.organizations:,} organizations", *turns.series(rounds, kind.what),
                                        "ms", kind.target, at_most=True)], patience)


WARM = {"gate, warm cache": Kind(gate), "list of audits": Kind(audits),
        "first export byte": Kind(export, EXPORTS, 1, "first")}
OFF = {"gate, cache off": Kind(gate)}


def measure_growth(database, args, say):
    say(f"growth: loading {LARGE * AUDITS * EVIDENCE:,} rows")
    small = Pgsql(database.cluster, database.name + "_small")
    fill(small, SMALL)
    fill(database, LARGE)
    for cache, kinds in ((CACHE, WARM), (NO_CACHE, OFF)):
        yield from grown(f"growth, {LARGE:,} organizations", Side(database, LARGE, cache), Side(small, SMALL, cache), kinds, LARGE, args.patience)


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
