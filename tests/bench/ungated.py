"""What the module costs a request that is none of its business: a file that no gate guards, on a server with mod_saas
and on two without it, which tell how far equal servers differ.

The difference looked for is less than a hundredth. So the servers take turns, and are started anew in every round, since
where a server's memory happens to lie is worth half a hundredth for as long as it runs.
"""

import statistics

import turns
from gated import COPY, GATES, KEEP, PAGE, WORKERS, make_site
from measure import compare
from saastest import Httpd

# Every request is held against every section: a server without mod_saas has as many of them, with the same names.
SECTIONS = "".join(f'<Location "{place}">\n    {line}\n</Location>\n' for place, line in (
    ("/copied", COPY), ("/api/v1", "Options None"), ("/saas", "Options None"), ("/gated", "Options None"),
    ("/copied/gated", "Options None")))
PAGES = {"open/page.html": "", "copied/open/page.html": ", EnableMMAP Off"}


def measure(database, args, say):
    rounds, seconds = (2, 3) if args.quick else (2 * args.rounds, 8)
    say(f"ungated GET with and without mod_saas: {rounds} rounds of {seconds} s for each of {len(PAGES)} pages")
    site = make_site(database, GATES)
    without = [Httpd(with_saas=False, workers=WORKERS, conf=KEEP + SECTIONS) for _ in range(2)]
    servers, taken = [site.httpd, *without], {page: [] for page in PAGES}
    try:
        for page in PAGES:
            for server in without:
                server.page(page, PAGE)
        site.start()
        with turns.one_processor():
            for number in range(rounds):
                turns.start_anew(*servers[number % 3:], *servers[:number % 3])
                for page in PAGES:
                    taken[page] += turns.take([f"{server.base}/{page}" for server in servers], seconds)
    finally:
        for server in (*without, site):
            server.close()
    for page, how in PAGES.items():
        ours, first, second = zip(*taken[page])
        yield compare(f"ungated GET, mod_saas loaded{how}", "not loaded", ours, list(map(statistics.mean, zip(first, second))), "req/s", 0.99)
        yield compare(f"ungated GET, mod_saas loaded on neither{how}", "an equal server", first, second, "req/s", None)
