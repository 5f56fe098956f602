"""What a gate costs: a static file behind AuthType Saas, with and without the cache, against the same file without a
gate and behind httpd's own modules.
"""

import turns
from measure import compare, rotate
from peers.authn_dbd import AuthnDbd
from saastest import Site
from wrk import load, p99s, rates

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
GATE = KEEP + "DBDKeep 12\n" + AREA.format(place="/gated")
GATES = GATE + f'<Location "/copied">\n    {COPY}</Location>' + AREA.format(place="/copied/gated")
NO_CACHE = "SaasCacheSize 0\n"

# Places of authn_dbd.conf, and the target. The first has the same gates line by line and passwords as htpasswd makes
# them; the others are the least that can be done, with one query for all gates and next to nothing to compute.
HTTPDS_OWN = {"htpasswd": ("line by line, htpasswd's MD5", 8), "sha": ("one line, {SHA}", None),
              "socache": ("one line, {SHA} in socache", None)}


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


def measure(database, args, say):
    kind, rounds = names(database), args.rounds if args.quick else 5 * args.rounds
    say(f"gated GET, {kind}: {rounds} rounds of 1 s each")
    opened = []
    try:
        site = make_site(database, GATES)
        opened.append(site)
        bare = make_site(database, GATES + NO_CACHE)
        opened.append(bare)
        site.start(), bare.start()
        person, bearer = make_member(site, database)

        # The same request line and headers on both sides: the token is sent to the open page too.
        def asks(url, authorization=bearer):
            return lambda: load(url, 1, authorization)

        def pages(place):
            return {"off": asks(f"{bare.base}{place}/gated/page.html"), "open": asks(f"{site.base}{place}/open/page.html"),
                    "warm": asks(f"{site.base}{place}/gated/page.html")}

        def rows(loads, page, off):
            for cache, ours, target in (("warm cache", "warm", 0.95), ("cache off", "off", off)):
                yield compare(f"gated GET, {cache}, {page}", "ungated", rates(loads[ours]), rates(loads["open"]), "req/s", target)
            yield compare(f"gated GET, warm cache, {page}: p99", "ungated", p99s(loads["warm"]), p99s(loads["open"]), "ms", 1.2,
                          at_most=True)

        def in_turns():
            """The warm page once more, one request after the other on one processor: what the gate adds to the processor's
            time, which wrk's many connections on all processors hide a part of, and tell far less exactly."""
            places = {"": "", ", EnableMMAP Off": "/copied"}
            with turns.one_processor():
                turns.start_anew(site.httpd)
                for how, place in places.items():
                    ours, peer = zip(*turns.take([f"{site.base}{place}/{page}/page.html" for page in ("gated", "open")],
                                                 3 if args.quick else 20, "Authorization: " + bearer))
                    yield compare(f"gated GET, warm cache, {kind}{how}, in turns", "ungated", ours, peer, "req/s", None)
            turns.start_anew(site.httpd)

        on_pgsql = database.kind == "pgsql"
        yield from rows(rotate(rounds, cold=not args.quick, **pages("")), kind, 0.6 if on_pgsql else None)
        yield from in_turns()
        if not on_pgsql:
            return
        dbd = AuthnDbd(database, person, site.newcomer(), person.org["id"], PAGE, WORKERS)
        opened.append(dbd)
        places = [place for place in HTTPDS_OWN if not (args.quick and place == "socache")]
        loads = rotate(rounds, cold=not args.quick, **pages("/copied"),
                       **{place: asks(dbd.url(place), dbd.authorization) for place in places})
        yield from rows(loads, "EnableMMAP Off", None)
        for ours, place in [("warm", place) for place in places] + [("off", "sha")]:
            password, target = HTTPDS_OWN[place]
            cache = "warm cache" if ours == "warm" else "cache off"
            yield compare(f"gated GET, {cache}, EnableMMAP Off, to httpd's own: {place}",
                          f"mod_authn_dbd + mod_authz_dbd, {password}", rates(loads[ours]), rates(loads[place]), "req/s",
                          target if ours == "warm" else None)
    finally:
        for one in reversed(opened):
            one.close()
