"""What a gate costs: a static file behind AuthType Saas, with and without the cache, against the same file without a
gate and behind httpd's own modules.
"""

import contextlib

import decide
import turns
from measure import compare
from peers.authn_dbd import AuthnDbd
from saastest import Site

PAGE = "<!doctype html><title>page</title>" + "x" * 990 + "\n"

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 24\nMaxRequestWorkers 48\nMinSpareThreads 1\nMaxSpareThreads 48"
KEEP = "MaxKeepAliveRequests 0\n"
# As it comes httpd maps a file into memory to send it, and unmaps it again, which interrupts every processor that its
# threads run on; here that is half of the cost of a page of 1 KiB.  So pages are measured as they come, and copied.
COPY = "EnableMMAP Off\n"
AREA = """
<Location "{place}">
    AuthType Saas
    <RequireAll>
        Require saas-user
        Require saas-member
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
"""
PLACES = {"": "", "/copied": ", EnableMMAP Off"}
GATE = KEEP + "DBDKeep 12\n" + AREA.format(place="/gated")
GATES = GATE + f'<Location "/copied">\n    {COPY}</Location>' + AREA.format(place="/copied/gated")
NO_CACHE = "SaasCacheSize 0\n"

# Places of authn_dbd.conf. The first has the same gates line by line and passwords as htpasswd makes them; the others are
# the least that can be done, with one query for all gates and next to nothing to compute.
HTTPDS_OWN = {"htpasswd": "line by line, htpasswd's MD5", "sha": "one line, {SHA}", "socache": "one line, {SHA} in socache"}


def names(database):
    return "PostgreSQL" if database.kind == "pgsql" else "SQLite"


def make_site(database, conf=GATE):
    """An installation with the page both behind the gate and open, not started yet."""
    site = Site(database, with_stripe=False, conf=conf, workers=WORKERS)
    for page in ("gated/page.html", "open/page.html", "copied/gated/page.html", "copied/open/page.html"):
        site.httpd.page(page, PAGE)
    return site


def make_member(site, database):
    """A person whose organization has access: nobody pays for a benchmark, the owner of the database says so."""
    person = site.register(organization="Bench gates")
    database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", person.org["id"])
    return person, "Bearer " + person.new_token(organization=person.org["id"])["token"]


class Gates:
    """The pages on two servers, with the cache and without."""

    def __init__(self, database, patience, opened):
        self.database, self.patience = database, patience
        self.site = opened.enter_context(contextlib.closing(make_site(database, GATES)))
        self.bare = opened.enter_context(contextlib.closing(make_site(database, GATES + NO_CACHE)))
        self.site.start(), self.bare.start()
        self.person, self.bearer = make_member(self.site, database)

    def page(self, which, place=""):
        """The same request line and headers for all of them: the token is sent to the open page too."""
        server = self.bare if which == "off" else self.site
        return turns.get(f"{server.base}{place}/{'open' if which == 'open' else 'gated'}/page.html", self.bearer)

    def against(self, peer_name, ours, peer, rows, **more):
        """Rows of two pages. rows: (name, what of a turn, unit, target) of each; of seconds the target is the upper bound."""
        def results(rounds):
            for name, what, unit, target in rows:
                yield compare(name, peer_name, *turns.series(rounds, what), unit, target, at_most=unit == "ms")
        return decide.until_decided(turns.taker(ours, peer, **more), lambda rounds: list(results(rounds)), self.patience)

    def warm(self, label, place="", target=0.95, latest=1.2):
        name = f"gated GET, warm cache, {label}"
        return self.against("ungated", self.page("warm", place), self.page("open", place),
                            [(name, "rate", "req/s", target), (f"{name}: p99", "p99", "ms", latest)])

    def off(self, label, place="", target=None):
        return self.against("ungated", self.page("off", place), self.page("open", place),
                            [(f"gated GET, cache off, {label}", "rate", "req/s", target)])

    def one_by_one(self, label, place=""):
        """A single connection, which nothing has to wait for: the gate's part of a request's time."""
        return self.against("ungated", self.page("warm", place), self.page("open", place),
                            [(f"gated GET, warm cache, {label}, one connection", "rate", "req/s", None)], connections=1,
                            milliseconds=6)

    def httpds_own(self):
        with contextlib.closing(AuthnDbd(self.database, self.person, self.site.newcomer(), self.person.org["id"], PAGE,
                                         WORKERS)) as dbd:
            for which, place in [("warm", place) for place in HTTPDS_OWN] + [("off", "sha")]:
                cache = "warm cache" if which == "warm" else "cache off"
                yield from self.against(
                    f"mod_authn_dbd + mod_authz_dbd, {HTTPDS_OWN[place]}", self.page(which, "/copied"),
                    turns.get(dbd.url(place), dbd.authorization),
                    [(f"gated GET, {cache}, EnableMMAP Off, to httpd's own: {place}", "rate", "req/s", None)])


def measure(database, args, say):
    kind, on_pgsql = names(database), database.kind == "pgsql"
    say(f"gated GET, {kind}: {turns.CONNECTIONS} connections in turns of {turns.MILLISECONDS} ms")
    with contextlib.ExitStack() as opened:
        with turns.one_processor(database.cluster if on_pgsql else None):
            gates = Gates(database, args.patience, opened)
            yield from gates.warm(kind)
            if on_pgsql:
                yield from gates.off(kind, target=0.6)
                yield from gates.warm("EnableMMAP Off", "/copied")
            if args.quick:
                return
            if not on_pgsql:
                yield from gates.off(kind)
            yield from gates.off(f"{kind}, EnableMMAP Off", "/copied")
            for place, how in PLACES.items():
                yield from gates.one_by_one(kind + how, place)
            if on_pgsql:
                yield from gates.httpds_own()
        turns.start_anew(gates.site.httpd, gates.bare.httpd)
        yield from gates.off(f"{kind}, on all processors")
