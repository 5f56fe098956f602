"""The same endpoints as a Django REST Framework application has them, on the same tables of the same PostgreSQL: the
gate, the list of audits, evidence, the CSV export. And evidence far down against evidence at the top.
"""

import http.client
import json
import urllib.parse

import decide
import turns
from exports import MIB, records
from gated import GATE, PAGE, WORKERS, make_member
from measure import alternate, compare, seconds_of
from peers.drf import Twin
from saastest import Site, seed
from saastest.places import program

AUDITS = 200
TURN = 200      # milliseconds
DJANGO = "Django REST Framework"


class Reader:
    """Reads JSON over one connection."""

    def __init__(self, base, bearer):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=60)
        self.bearer = bearer

    def get(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""),
                                headers={"Authorization": self.bearer})
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"GET {url}: {reply.status} {body[:500]!r}")
        return body

    def status(self, path, bearer):
        self.connection.request("GET", path, headers={"Authorization": bearer})
        reply = self.connection.getresponse()
        reply.read()
        return reply.status


class Both:
    """An installation and its twin on one database, with one organization and its audits."""

    def __init__(self, database, rows):
        self.database, self.twin = database, None
        self.site = Site(database, with_stripe=False, conf=GATE, workers=WORKERS)
        try:
            self.site.httpd.page("gated/page.html", PAGE)
            self.site.start()
            self.person, self.bearer = make_member(self.site, database)
            org = self.person.org["id"]
            self.audit = seed.large_audit(database, org, rows)
            # The export's: short enough for many turns.
            self.few = min(rows, 100_000)
            self.exported = seed.large_audit(database, org, self.few)
            seed.audits(database, org, AUDITS)
            database.execute("VACUUM ANALYZE")
            self.twin = Twin(database)
            self.bases = {"ours": self.site.base, "twin": self.twin.base}
            self.same_answers()
        except BaseException:
            self.close()
            raise

    def same_answers(self):
        """Both answer the same, and both refuse: a fast answer that is another one would prove nothing."""
        poor = self.site.newcomer()
        refused = {"nobody": (f"{self.bearer}x", 401),
                   "without subscription": ("Bearer " + poor.new_token(organization=poor.org["id"])["token"], 403)}
        found = {}
        for name, base in self.bases.items():
            reader = Reader(base, self.bearer)
            reader.get(base + "/gated/page.html")
            for who, (bearer, status) in refused.items():
                got = reader.status("/gated/page.html", bearer)
                if got != status:
                    raise RuntimeError(f"{base}/gated/page.html answers {who} with {got}, not {status}")
            pages = [reader.get(base + path).decode().replace(base, "") for path in
                     ("/api/v1/audits/", "/api/v1/audits/?page=2", self.evidence(), self.evidence(20))]
            found[name] = [json.loads(page) for page in pages]
            for page in found[name]:
                if len(page["results"]) != 50:
                    raise RuntimeError(f"{base}: a page of {len(page['results'])} rows")
            self.size, *exported = records(self.export(base))
            found[name].append(exported)
        for ours, twin in zip(*found.values()):
            if ours != twin:
                raise RuntimeError(f"mod_saas and its twin answer differently:\n{str(ours)[:1500]}\n{str(twin)[:1500]}")

    def evidence(self, page=1):
        """The path of a page of 50 rows that the walk along `next` leads to, 200 rows at a time as long as it can."""
        path = f"/api/v1/audits/{self.audit}/evidence/?cursor="
        if page == 1:
            return path
        reader, before, size = Reader(self.site.base, self.bearer), 50 * (page - 1), 200
        while before:
            size = min(size, before)
            url = urllib.parse.urlsplit(json.loads(reader.get(f"{path}&page_size={size}"))["next"])
            path = f"{url.path}?cursor=" + urllib.parse.parse_qs(url.query)["cursor"][0]
            before -= size
        first = json.loads(reader.get(path))["results"][0]["id"]
        if first != 50 * (page - 1) + 1:
            raise RuntimeError(f"page {page} of the evidence begins with row {first}")
        return path

    def export(self, base):
        return [program("curl"), "-sSf", "-H", f"Authorization: {self.bearer}",
                f"{base}/api/v1/audits/{self.exported}/export/csv/"]

    def exporter(self, name):
        return lambda: seconds_of(self.export(self.bases[name]) + ["-o", "/dev/null"])

    def page(self, name, path):
        return turns.get(self.bases[name] + path, self.bearer)

    def close(self):
        if self.twin:
            self.twin.close()
        self.site.close()


def measure(database, args, say):
    say(f"against {DJANGO}: loading {args.rows:,} rows, comparing the answers")
    both = Both(database, args.rows)
    try:
        def against(name, peer_name, ours, peer, what, unit, target, **more):
            return decide.until_decided(turns.taker(ours, peer, **more), lambda rounds: [
                compare(name, peer_name, *turns.series(rounds, what), unit, target, at_most=unit == "ms")], args.patience)

        # Long enough that the slower one answers each connection several times.
        say(f"against {DJANGO}: the same answers; turns of {TURN} ms")
        for name, path, target in (("gated GET, warm cache", "/gated/page.html", 15), ("GET audits/, 50 rows", "/api/v1/audits/", 15),
                                   ("GET evidence/, 50 rows", both.evidence(), None)):
            yield from against(f"{name}, to Django", DJANGO, both.page("ours", path), both.page("twin", path), "rate", "req/s", target,
                               milliseconds=TURN)

        last = args.rows // 50
        say(f"evidence page {last:,}: walking there")
        yield from against(f"GET evidence/, page {last:,}: time", "page 1", both.page("ours", both.evidence(last)),
                           both.page("ours", both.evidence()), "median", "ms", 1.2)

        say(f"CSV export against {DJANGO}")
        yield from decide.until_decided(alternate(both.exporter("ours"), both.exporter("twin")), lambda pairs: [
            compare(f"export, {both.few:,} rows, to Django", DJANGO, *zip(*pairs), "MiB/s", 15, both.size / MIB)], args.patience)
        problems = both.site.httpd.watch()
        problems.offset = 0
        # What same_answers() was refused is announced.
        if problems.problems(expected=("AH01631",)):
            raise RuntimeError("httpd complained:\n" + "\n".join(problems.problems(expected=("AH01631",))[:5]))
    finally:
        both.close()
