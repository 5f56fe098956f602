"""What a gate costs: a static file behind AuthType Saas, with and without the cache, against the same file without a
gate and behind httpd's own modules; and a file that no gate guards on a server with mod_saas against one without it.
"""

from measure import compare, rotate
from peers.authn_dbd import AuthnDbd
from saastest import Httpd, Site
from wrk import load, p99s, rates

PAGE = "<!doctype html><title>page</title>" + "x" * 990 + "\n"

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 24\nMaxRequestWorkers 48\nMinSpareThreads 1\nMaxSpareThreads 48"
KEEP = "MaxKeepAliveRequests 0\n"
GATE = KEEP + """
DBDKeep 12
<Location "/gated">
    AuthType Saas
    <RequireAll>
        Require saas-user
        Require saas-member
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
"""
NO_CACHE = "SaasCacheSize 0\n"

# Places of authn_dbd.conf, and the target. The first has the same gates line by line and passwords as htpasswd makes
# them; the others are the least that can be done, with one query for all gates and next to nothing to compute.
HTTPDS_OWN = {"htpasswd": ("line by line, htpasswd's MD5", 8), "sha": ("one line, {SHA}", None),
              "socache": ("one line, {SHA} in socache", None)}


def names(database):
    return "PostgreSQL" if database.kind == "pgsql" else "SQLite"


def make_site(database, conf=""):
    """An installation with the page both behind the gate and open, not started yet."""
    site = Site(database, with_stripe=False, conf=GATE + conf, workers=WORKERS)
    for page in ("gated/page.html", "open/page.html"):
        site.httpd.page(page, PAGE)
    return site


def make_member(site, database):
    """A person whose organization has access: nobody pays for a benchmark, the owner of the database says so."""
    person = site.register(organization="Bench gates")
    database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", person.org["id"])
    return person, "Bearer " + person.new_token(organization=person.org["id"])["token"]


def measure(database, args, say):
    kind = names(database)
    say(f"gated GET, {kind}: {args.rounds} rounds of {args.seconds} s each")
    opened = []
    try:
        site = make_site(database)
        opened.append(site)
        bare = make_site(database, NO_CACHE)
        opened.append(bare)
        site.start(), bare.start()
        person, bearer = make_member(site, database)

        # The same request line and headers on both sides: the token is sent to the open page too.
        def asks(url, authorization=bearer):
            return lambda: load(url, args.seconds, authorization)

        contenders = {"off": asks(bare.base + "/gated/page.html"), "open": asks(site.base + "/open/page.html"),
                      "warm": asks(site.base + "/gated/page.html")}
        if database.kind == "pgsql":
            dbd = AuthnDbd(database, person, site.newcomer(), person.org["id"], PAGE, WORKERS)
            opened.append(dbd)
            contenders.update((place, asks(dbd.url(place), dbd.authorization)) for place in HTTPDS_OWN
                              if not (args.quick and place == "socache"))
        loads = rotate(args.rounds, cold=not args.quick, **contenders)

        def row(name, ours, peer_name, peer, target):
            return compare(name, peer_name, rates(loads[ours]), rates(loads[peer]), "req/s", target)

        yield row(f"gated GET, warm cache, {kind}", "warm", "ungated", "open", 0.95)
        yield compare(f"gated GET, warm cache, {kind}: p99", "ungated", p99s(loads["warm"]), p99s(loads["open"]), "ms", 1.2,
                      at_most=True)
        yield row(f"gated GET, cache off, {kind}", "off", "ungated", "open", 0.6 if database.kind == "pgsql" else None)
        if database.kind == "pgsql":
            for place in [place for place in HTTPDS_OWN if place in loads]:
                password, target = HTTPDS_OWN[place]
                peer = f"mod_authn_dbd + mod_authz_dbd, {password}"
                yield row(f"gated GET, warm cache, to httpd's own: {place}", "warm", peer, place, target)
            yield row("gated GET, cache off, to httpd's own: sha", "off", "mod_authn_dbd + mod_authz_dbd, {SHA}", "sha", None)
    finally:
        for one in reversed(opened):
            one.close()


def measure_ungated(database, args, say):
    """Both servers without a database's work to do; many short rounds, for the difference looked for is a hundredth."""
    rounds = 8 if args.quick else 5 * args.rounds
    say(f"ungated GET with and without mod_saas: {rounds} rounds of 1 s each")
    site, without = make_site(database), Httpd(with_saas=False, workers=WORKERS)
    try:
        without.page("open/page.html", PAGE)
        site.start(), without.start(KEEP)
        loads = rotate(rounds, ours=lambda: load(site.base + "/open/page.html", 1),
                       peer=lambda: load(without.base + "/open/page.html", 1))
        yield compare("ungated GET, mod_saas loaded", "not loaded", rates(loads["ours"]), rates(loads["peer"]), "req/s", 0.99)
    finally:
        without.close()
        site.close()
