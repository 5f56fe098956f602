"""Imports of findings: rows a second from the upload to the completed audit, against COPY FROM STDIN of the same rows into the
same table; what the readers take of one core, from memory; and what httpd's memory grows by while it reads a large file.
"""

import json
import subprocess
import time

import decide
from measure import Result, Watch, alternate, compare, figure, resident
from saastest import BUILD, ROOT, Site, wait_audit
from saastest.places import clean_environment

MIB = 1 << 20
HEAD = "resource_id,check_name,status,severity,timestamp,comment\n"
ROW = "https://host-{n}.example.test/path/to/resource,hsts_include_subdomains,FAIL,low,2026-01-02T03:04:05.678901Z," + "x" * 60 + "{n}\n"
WORKERS = "StartServers 1\nServerLimit 1\nThreadsPerChild 24\nMaxRequestWorkers 24\nMinSpareThreads 1\nMaxSpareThreads 24"
CONF = "SaasImportMaxBytes 4G\nSaasAuditDeadline 3600\nLimitRequestBody 0\n"
# Of one core, as the readers' target is told: MB a second of CSV and of JSON.
FORMATS = (("generic", 100), ("prowler-csv", 100), ("ocsf", 50), ("sarif", 50), ("trivy", 50))
COLUMNS = "org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment, content_key"


class Importer:
    def __init__(self, database, rows):
        self.database, self.rows = database, rows
        self.site = Site(database, with_stripe=False, conf=CONF, workers=WORKERS)
        try:
            self.site.start()
            self.person = self.site.newcomer()
            self.text = (HEAD + "".join(ROW.format(n=n) for n in range(rows))).encode()
            self.copied = self.site.places.folder("imports") / "rows"
            self.audit()
        except BaseException:
            self.site.close()
            raise

    def upload(self, data, format="generic", patience=1800):
        reply = self.person.post("audits/import/", data=data, params={"format": format}, headers={"Content-Type": "application/octet-stream"}, timeout=patience)
        if reply.status_code != 201:
            raise RuntimeError(f"{reply.status_code}: {reply.text}")
        body = wait_audit(self.person, reply.json()["id"], patience)
        if body["status"] != "completed":
            raise RuntimeError(f"the import ended as {body}")
        return body

    def audit(self):
        """The rows as the table has them, for the peer to write again."""
        key = self.upload(self.text)["id"]
        with self.database.connect() as connection, open(self.copied, "wb") as out:
            connection.cursor().copy_expert(f"COPY (SELECT {COLUMNS} FROM evidence WHERE audit_id = '{key}' ORDER BY number) TO STDOUT", out)
        self.key = key

    def forget(self, key):
        self.database.execute("DELETE FROM audits WHERE id = ?", key)

    def ours(self):
        began = time.monotonic()
        body = self.upload(self.text)
        took = time.monotonic() - began
        if body["evidence_count"] != self.rows:
            raise RuntimeError(f"{body['evidence_count']} of {self.rows} rows")
        self.forget(body["id"])
        return self.rows / took

    def peer(self):
        """As a superuser: nobody else may copy into a table with row-level security."""
        self.database.execute("DELETE FROM evidence WHERE audit_id = ?", self.key)
        began = time.monotonic()
        connection = self.database.cluster.connect(self.database.name, "postgres")
        try:
            with open(self.copied, "rb") as rows:
                connection.cursor().copy_expert(f"COPY evidence ({COLUMNS}) FROM STDIN", rows)
        finally:
            connection.close()
        return self.rows / (time.monotonic() - began)

    def growth(self, size):
        """MiB that the child grows by while so many bytes come and are read; the findings are few, the file is large."""
        line = ROW.format(n=1).encode().replace(b"\n", b"") + b"y" * 100_000 + b"\n"

        def pieces():
            yield HEAD.encode()
            for n in range(size // len(line)):
                yield line.replace(b"host-1", b"host-%d" % (n % 500))
        child, = self.site.httpd.children()
        self.forget(self.upload(self.text[:MIB].rsplit(b"\n", 1)[0] + b"\n")["id"])
        began = resident(child)
        with Watch(child) as watch:
            self.forget(self.upload(pieces())["id"])
        return (watch.most - began) / MIB


def sample(format, size):
    """A file of at least so many bytes, of the records of the samples that tests have."""
    samples = ROOT / "tests" / "data" / "findings"
    if format == "generic":
        return HEAD + "".join(ROW.format(n=n) for n in range(size // len(ROW)))
    if format == "prowler-csv":
        head, records = (samples / "prowler_example_output_aws.csv").read_text().split("\n", 1)
        return head + "\n" + records * (size // len(records))
    name = {"ocsf": "prowler_example_output_aws.ocsf.json", "sarif": "sarif_spotbugs.sarif", "trivy": "trivy_scheme_2_many_vulns.json"}[format]
    text = (samples / name).read_text()
    document, times = json.loads(text), size // len(text)
    if format == "ocsf":
        document *= times
    else:
        where = document["runs"][0]["results"] if format == "sarif" else document["Results"]
        where *= times
    return json.dumps(document, indent=2)


def readers():
    """(format, target, what takes MB a second of one core): its sample, again and again, from memory."""
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / "readers"
    done = subprocess.run(["make", "-s", "-f", "tests/bench/readers.mk", f"OUT={built}"], cwd=ROOT, capture_output=True, text=True, env=clean_environment())
    if done.returncode:
        raise RuntimeError(done.stderr)

    def take(path, format):
        def rates(seconds):
            out = subprocess.run([built, format, path, str(seconds)], check=True, capture_output=True, text=True)
            return [float(rate) for rate in out.stdout.split()]
        return rates
    for format, target in FORMATS:
        path = folder / f"findings.{format}"
        path.write_text(sample(format, 16 * MIB))
        yield format, target, take(path, format)
        path.unlink()


def measure(database, args, say):
    rows = 20_000 if args.quick else 300_000
    for format, target, take in readers():
        name = f"reader of {format}, one core"
        yield from decide.until_decided(take, lambda rates, name=name, target=target: [figure(name, rates, "MB/s", target, at_most=False)], args.patience)
    importer = Importer(database, rows)
    try:
        name = f"import of {rows} rows"
        say(f"{name}, from the upload to the completed audit")
        yield from decide.until_decided(alternate(importer.ours, importer.peer),
                                        lambda pairs: [compare(name, "COPY FROM STDIN", *zip(*pairs), "rows/s", 0.7)], args.patience)
        size = 64 * MIB if args.quick else 1024 * MIB
        grown = importer.growth(size)
        yield Result(f"memory while {size // MIB} MiB are imported", grown, "MiB", target=64, at_most=True)
    finally:
        importer.site.close()
