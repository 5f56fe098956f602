"""The CSV export of a large audit through httpd, against the database's own command-line program running the
same query: throughput, time to the first byte, memory of the child that serves it.
"""

import csv
import hashlib
import json
import subprocess

import decide
from measure import Result, Watch, alternate, compare, figure, resident, seconds_of
from saastest import Site, seed
from saastest.places import clean_environment, program
from saastest.postgres import bindir

# One child, so that the process that serves is known.
ONE_CHILD = "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16"
MIB = 1 << 20

# What export.c asks the database, its parameters filled in.
QUERY = ("SELECT resource_id, check_name, status, severity, observed_at, comment FROM evidence"
         " WHERE org_id = '{org}' AND audit_id = '{audit}' ORDER BY number")
PEERS = {"pgsql": "psql \\copy", "sqlite": "sqlite3 -csv"}
TARGETS = {"pgsql": 0.95, "sqlite": 0.9}
# The other formats, against the database's own program writing a JSON object a row: each by the length of what it writes itself, which
# of sarif and ocsf is several times the peer's. html has no target: it reads its rows twice, to count them before it shows them.
FORMATS = ("jsonl", "sarif", "ocsf", "html")
OBJECT = {"pgsql": "SELECT row_to_json(r) FROM (SELECT number AS id, resource_id, check_name, status, severity, observed_at AS timestamp, comment {}) r",
          "sqlite": "SELECT json_object('id', number, 'resource_id', resource_id, 'check_name', check_name, 'status', status,"
                    " 'severity', severity, 'timestamp', observed_at, 'comment', comment) {}"}
OBJECT_PEERS = {"pgsql": "psql \\copy row_to_json", "sqlite": "sqlite3 json_object"}


def as_exported(record):
    """A record of the peer's with what the export does to its cells: the peer is spared that work."""
    when = record[4].replace(" ", "T").replace("+00", "Z")
    whole, dot, fraction = when.rstrip("Z").partition(".")
    record[4] = f"{whole}.{fraction:0<6}Z"
    return ["'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in record]


def records(argv, tidy=lambda record: record):
    """(bytes, records, digest) of a command's CSV, however it quotes, each record passed through tidy(); the header is
    not in the digest."""
    size, digest, count = [0], hashlib.sha256(), 0

    def lines(stream):
        for line in stream:
            size[0] += len(line)
            yield line.decode()

    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=clean_environment(), bufsize=MIB) as process:
        for count, record in enumerate(csv.reader(lines(process.stdout)), 1):
            if count > 1 or record[0] != "Resource ID":
                digest.update("\0".join(tidy(record)).encode() + b"\n")
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}")
    return size[0], count, digest.hexdigest()


def length(argv):
    """Bytes that a command writes."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=clean_environment(), bufsize=MIB) as process:
        size = sum(len(piece) for piece in iter(lambda: process.stdout.read(MIB), b""))
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}")
    return size


class Exporter:
    """An installation on one database with one paying organization and its audits."""

    def __init__(self, database, rows):
        self.database = database
        self.site = Site(database, with_stripe=False, workers=ONE_CHILD)
        try:
            self.site.start()
            self.load(rows)
        except BaseException:
            self.close()
            raise

    def load(self, rows):
        person = self.site.register(organization="Bench")
        org = person.org["id"]
        # Nobody pays for a benchmark: the owner of the database says so.
        self.database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", org)
        self.org, self.token = org, person.new_token(organization=org)["token"]
        self.small = seed.large_audit(self.database, org, 10)
        self.audit = seed.large_audit(self.database, org, rows)
        tidy = {"pgsql": ["VACUUM ANALYZE"], "sqlite": ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"]}
        for statement in tidy[self.database.kind]:
            self.database.execute(statement)
        self.database.claim()

    def url(self, audit, format="csv"):
        return f"{self.site.base}/api/v1/audits/{audit}/export/?format={format}"

    def curl(self, *more):
        return [program("curl"), "-sSf", "-H", f"Authorization: Bearer {self.token}", *more]

    def ours(self, format="csv"):
        return seconds_of(self.curl("-o", "/dev/null", self.url(self.audit, format)))

    def objects_command(self, audit):
        query = OBJECT[self.database.kind].format(f"FROM evidence WHERE org_id = '{self.org}' AND audit_id = '{audit}' ORDER BY number")
        return [program("sqlite3"), str(self.database.path), query] if self.database.kind == "sqlite" else self.psql(f"\\copy ({query}) TO STDOUT")

    def objects(self):
        return seconds_of(self.objects_command(self.audit), into_pipe=self.database.kind == "pgsql", env=clean_environment())

    def same_objects(self):
        """json lines are what the peer writes; times are told in another form."""
        ours, peers = ([json.loads(line) for line in subprocess.run(argv, check=True, capture_output=True, text=True, env=clean_environment()).stdout.splitlines()]
                       for argv in (self.curl(self.url(self.small, "jsonl")), self.objects_command(self.small)))
        for row in ours + peers:
            row["timestamp"] = row["timestamp"][:19].replace(" ", "T")
        if ours != peers or len(ours) != 10:
            raise RuntimeError("json lines are not what the peer writes")

    def psql(self, command):
        dsn = self.database.cluster.dsn(self.database.name, "saas_owner")
        # Without these it may sort before its first row; it runs the plan that ours runs.
        settings = "SET enable_sort = off; SET enable_bitmapscan = off; SET enable_seqscan = off; SET jit = off"
        return [str(bindir() / "psql"), "-X", "-q", dsn, "-c", settings, "-c", command]

    def peer_command(self):
        query = QUERY.format(org=self.org, audit=self.audit)
        if self.database.kind == "sqlite":
            return [program("sqlite3"), "-csv", str(self.database.path), query]
        return self.psql(f"\\copy ({query}) TO STDOUT CSV")

    def peer(self):
        return seconds_of(self.peer_command(), into_pipe=self.database.kind == "pgsql", env=clean_environment())

    def first_byte(self):
        """Milliseconds on a connection that has carried a small export already."""
        out = subprocess.run(self.curl("-w", "%{time_starttransfer}\n", self.url(self.small), "-o", "/dev/null",
                                       self.url(self.audit), "-o", "/dev/null"),
                             capture_output=True, text=True, check=True).stdout
        return float(out.split()[1]) * 1000

    def growth(self):
        """MiB that the one child of a fresh server grows by in a whole export, small ones done before."""
        self.site.stop()
        self.site.start()
        child, = self.site.httpd.wait_children(1)
        for _ in range(24):
            subprocess.run(self.curl("-o", "/dev/null", self.url(self.small)), check=True)
        before = resident(child)
        with Watch(child) as watch:
            self.ours()
        return (watch.most - before) / MIB

    def size(self):
        """Bytes of the export; both sides must give the same records, ours with a header before them."""
        size, count, digest = records(self.curl(self.url(self.audit)))
        _, peers, same = records(self.peer_command(), as_exported)
        if (count - 1, digest) != (peers, same):
            raise RuntimeError(f"{PEERS[self.database.kind]} gave {peers} records, the export {count - 1}, or others")
        return size

    def close(self):
        self.site.close()


def measure(database, args, say):
    kind, rows = database.kind, args.rows
    label = f"export, {rows:,} rows, {'PostgreSQL' if kind == 'pgsql' else 'SQLite'}"
    say(f"{label}: loading")
    exporter = Exporter(database, rows)
    try:
        size = exporter.size() / MIB
        say(f"{label}: {size:.0f} MiB, the same records as {PEERS[kind]}")
        yield from decide.until_decided(alternate(exporter.ours, exporter.peer), lambda pairs: [
            compare(label, PEERS[kind], *zip(*pairs), "MiB/s", TARGETS[kind], size)], args.patience)
        exporter.same_objects()
        theirs = length(exporter.objects_command(exporter.audit)) / MIB
        for format in FORMATS[:1] if args.quick else FORMATS:
            own = length(exporter.curl(exporter.url(exporter.audit, format))) / MIB
            yield from decide.until_decided(alternate(lambda format=format, own=own: own / exporter.ours(format), lambda: theirs / exporter.objects()), lambda pairs, format=format: [
                compare(f"{label}, {format}", OBJECT_PEERS[kind], *zip(*pairs), "MiB/s", None if format == "html" else TARGETS[kind])], args.patience)
        yield figure(f"{label}: first byte", [exporter.first_byte() for _ in range(decide.FEWEST)], "ms", 20)
        yield Result(f"{label}: child grows by", exporter.growth(), "MiB", 8, at_most=True)
        problems = exporter.site.httpd.watch()
        problems.offset = 0
        if problems.problems():
            raise RuntimeError("httpd complained:\n" + "\n".join(problems.problems()[:5]))
    finally:
        exporter.close()
