"""What the module costs a request that is none of its business: a file that no gate guards, on a server with mod_saas
and on two without it, which tell how far equal servers differ.

The difference looked for is less than a hundredth. So the servers take turns, and are started anew in every round, since
where a server's memory happens to lie is worth half a hundredth for as long as it runs.
"""

import dataclasses
import statistics

import decide
import turns
from gated import COPY, GATES, KEEP, PAGE, WORKERS, make_site
from measure import compare
from saastest import Httpd

# Every request is held against every section: a server without mod_saas has as many of them, with the same names.
SECTIONS = "".join(f'<Location "{place}">\n    {line}\n</Location>\n' for place, line in (
    ("/copied", COPY), ("/api/v1", "Options None"), ("/saas", "Options None"), ("/gated", "Options None"),
    ("/copied/gated", "Options None")))
PAGES = {"open/page.html": "", "copied/open/page.html": ", EnableMMAP Off"}


STARTS = 4


def rows(taken, page):
    """Of all rounds so far: the module's row, and how far equal servers differ."""
    ours, first, second = turns.series(taken, "rate")
    return [compare(f"ungated GET, mod_saas loaded{PAGES[page]}", "not loaded", ours,
                    list(map(statistics.mean, zip(first, second))), "req/s", 0.99),
            compare(f"ungated GET, mod_saas loaded on neither{PAGES[page]}", "an equal server", first, second, "req/s", None)]


def measure(database, args, say):
    """Patience counts in starts: some, and more of them while a row is undecided."""
    seconds, most = (1.5, 2 * STARTS) if args.quick else (5, 6 * STARTS)
    say(f"ungated GET with and without mod_saas: {len(PAGES)} pages, {seconds:g} s of turns for each start of the servers")
    site = make_site(database, GATES)
    without = [Httpd(with_saas=False, workers=WORKERS, conf=KEEP + SECTIONS) for _ in range(2)]
    servers, taken = [site.httpd, *without], {page: [] for page in PAGES}
    try:
        for page in PAGES:
            for server in without:
                server.page(page, PAGE)
        site.start()

        def take(starts):
            """All pages, each start."""
            for number in range(int(starts)):
                turns.start_anew(*servers[number % 3:], *servers[:number % 3])
                for page in PAGES:
                    taken[page] += turns.take([turns.get(f"{server.base}/{page}") for server in servers], seconds, 6, 1)
            return []

        with turns.one_processor():
            yield from decide.until_decided(take, lambda unused: [row for page in PAGES for row in rows(taken[page], page)],
                                            dataclasses.replace(args.patience, least=STARTS, most=most))
    finally:
        for server in (*without, site):
            server.close()
