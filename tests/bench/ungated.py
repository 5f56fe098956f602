"""What the module costs a request that is none of its business: a file that no gate guards, on a server with mod_saas
and on two without it, which tell how far equal servers differ.

The difference looked for is less than a hundredth, and that is less than wrk's rounds differ from each other. So the
servers take turns of a few milliseconds (turns.c), all on one processor, where nothing depends on what is scheduled
where; and are started anew in every round, since where a server's memory happens to lie is worth half a hundredth.
"""

import os
import statistics
import subprocess
import time
from pathlib import Path

from gated import GATES, KEEP, PAGE, WORKERS, make_site
from measure import compare
from saastest import BUILD, Httpd
from saastest.places import program

# Every request is held against every section: a server without mod_saas has as many of them, with the same names.
SECTIONS = "".join(f'<Location "{place}">\n    {line}\n</Location>\n' for place, line in (
    ("/copied", "EnableMMAP Off"), ("/api/v1", "Options None"), ("/saas", "Options None"), ("/gated", "Options None"),
    ("/copied/gated", "Options None")))
PAGES = {"/open/page.html": ("ungated GET, mod_saas loaded", 0.99),
         "/copied/open/page.html": ("ungated GET, mod_saas loaded, EnableMMAP Off", 0.99)}
REQUESTS = 200


def build():
    """turns.c, compiled."""
    binary = BUILD / "bench" / "turns"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program("cc"), "-O2", "-o", binary, Path(__file__).with_name("turns.c")], check=True)
    return binary


def take_turns(binary, page, servers, seconds):
    """For each turn, what a request took each of the servers, in microseconds."""
    out = subprocess.run([binary, str(seconds), str(REQUESTS), page, *(str(server.port) for server in servers)],
                         capture_output=True, text=True, check=True).stdout
    return [tuple(map(float, line.split())) for line in out.splitlines()]


def rates(times):
    return [1e6 / t for t in times]


def measure(database, args, say):
    rounds, seconds = (2, 3) if args.quick else (2 * args.rounds, 8)
    say(f"ungated GET with and without mod_saas: {rounds} rounds of {seconds} s for each of {len(PAGES)} pages")
    binary, processors = build(), os.sched_getaffinity(0)
    site = make_site(database, GATES)
    without = [Httpd(with_saas=False, workers=WORKERS, conf=KEEP + SECTIONS) for _ in range(2)]
    servers, turns = [site.httpd, *without], {page: [] for page in PAGES}
    try:
        for page in PAGES:
            for server in without:
                server.page(page[1:], PAGE)
        site.start()
        for number in range(rounds):
            os.sched_setaffinity(0, {max(processors)})
            for server in servers[number % 3:] + servers[:number % 3]:
                server.stop()
                server.start()
            time.sleep(2)  # whatever they do when they have just started
            for page in PAGES:
                turns[page] += take_turns(binary, page, servers, seconds)
    finally:
        os.sched_setaffinity(0, processors)
        for server in (*without, site):
            server.close()
    for page, (name, target) in PAGES.items():
        ours, first, second = zip(*turns[page])
        yield compare(name, "not loaded", rates(ours), rates(map(statistics.mean, zip(first, second))), "req/s", target)
        yield compare(name.replace("loaded", "loaded on neither"), "an equal server", rates(first), rates(second), "req/s", None)
