"""What a gate costs, counted: the instructions of a page behind it and the cache lines that it fetches, against the same
page without it. httpd runs under valgrind's callgrind, whose model of a cache is the same on every machine, as one
process that is asked by one connection. The kernel's part, and what a database does, are not seen; the principal comes
out of the cache.
"""

import contextlib
import http.client
import statistics
import subprocess
import time

from gated import GATES, make_member, make_site
from measure import Result
from saastest.httpd import httpd_environment
from saastest.places import command_as, end_process, port_is_open, program

# 32 KiB in 8 ways of lines of 64 bytes, for instructions and for data; the last level is as good as endless.
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=67108864,16,64")
# Called once for each request, before anything of it is read: callgrind begins a file of counts anew there.
BETWEEN = "ap_read_request"
# Few threads, all of which have served when the counting begins: a stack and pools that were not there yet would count.
WORKERS = "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4"
WARM_UP, REQUESTS, TOKENS = 20, 30, 8
SECONDS = 60


class Callgrind:
    """A server that has been set up, run by callgrind for as long as the block lasts."""

    def __init__(self, httpd):
        self.httpd, self.prefix = httpd, httpd.state / "callgrind"

    def __enter__(self):
        path = self.httpd.write()
        argv = [program("valgrind"), "--tool=callgrind", *CACHES, f"--dump-before={BETWEEN}", "--vgdb=no",
                f"--callgrind-out-file={self.prefix}", self.httpd.binary, "-f", path, "-X"]
        with open(self.httpd.root / "console.log", "ab") as out:
            self.process = subprocess.Popen(command_as(None, argv, True), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=httpd_environment(), cwd="/", start_new_session=True)
        end = time.monotonic() + SECONDS
        while not port_is_open(self.httpd.port):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RuntimeError("httpd did not start under valgrind: " + self.httpd.said())
            time.sleep(0.05)
        return self

    def __exit__(self, *exc):
        end_process(self.process, 20)

    def files(self):
        return sorted(self.prefix.parent.glob(self.prefix.name + ".*"), key=lambda path: int(path.suffix[1:]))

    def ask(self, page, authorization, times):
        connection = http.client.HTTPConnection("127.0.0.1", self.httpd.port, timeout=SECONDS)
        with contextlib.closing(connection):
            for _ in range(times):
                connection.request("GET", page, headers={"Authorization": authorization})
                reply = connection.getresponse()
                if reply.status != 200 or not reply.read():
                    raise RuntimeError(f"{page}: {reply.status} under valgrind")

    def count(self, page, authorization):
        """(instructions, cache lines) of a request: the lower quartiles, since in some of them another thread, or a clock
        that has moved on, adds work of its own."""
        self.ask(page, authorization, WARM_UP)
        before = len(self.files())
        self.ask(page, authorization, REQUESTS)
        # The first has the end of what came before it, and how the connection was opened.
        counts = [counted(path.read_text(errors="replace")) for path in self.files()[before + 2:]]
        if len(counts) < REQUESTS - 5:
            raise RuntimeError(f"{len(counts)} counts of {REQUESTS} requests")
        return [sorted(column)[len(counts) // 4] for column in zip(*counts)]


def counted(text):
    """(instructions, cache lines) of a file of callgrind's."""
    lines = dict(line.split(": ", 1) for line in text.splitlines() if line.startswith(("events: ", "summary: ")))
    numbers = dict(zip(lines["events"].split(), map(int, lines["summary"].split())))
    return numbers["Ir"], sum(numbers.get(name, 0) for name in ("I1mr", "D1mr", "D1mw"))


def measure(database, args, say):
    say("the gate's instructions and cache lines: a server under callgrind")
    with contextlib.closing(make_site(database, GATES)) as site:
        site.start()
        person, bearer = make_member(site, database)
        # Where a principal lies in the cache is worth some instructions: each token has its own place.
        bearers = [bearer] + ["Bearer " + person.new_token(organization=person.org["id"])["token"] for _ in range(TOKENS - 1)]
        site.stop()
        site.httpd.workers = WORKERS
        with Callgrind(site.httpd) as server:
            gated, ungated = ([statistics.mean(column) for column in zip(*(
                server.count(f"/copied/{page}/page.html", one) for one in bearers))] for page in ("gated", "open"))
    for unit, ours, peer in zip(("instructions", "cache lines"), gated, ungated):
        yield Result(f"the gate's {unit}", ours - peer, unit, None, peer, (ours - peer) / peer, True, f"{REQUESTS} requests with each of {TOKENS} tokens",
                     "those of the ungated file")
