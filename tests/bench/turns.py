"""Pages asked for in turns of a few milliseconds (turns.c), all on one processor: for differences that are smaller than
those of wrk's rounds, since the machine's other work weighs on all pages alike, and nothing depends on what is
scheduled where.
"""

import contextlib
import functools
import os
import subprocess
import time
from pathlib import Path

from saastest import BUILD
from saastest.places import program

REQUESTS = 200


@functools.lru_cache(maxsize=None)
def build():
    """turns.c, compiled."""
    binary = BUILD / "bench" / "turns"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program("cc"), "-O2", "-o", binary, Path(__file__).with_name("turns.c")], check=True)
    return binary


@contextlib.contextmanager
def one_processor():
    """For this process and those it starts."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(processors)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


def start_anew(*servers):
    """On the processors of this process; returns when what they do at their start is over."""
    for server in servers:
        server.stop()
        server.start()
    time.sleep(2)


def take(urls, seconds, header="Accept: */*"):
    """For each round, how often a second each of the URLs was answered."""
    pages = [url.split("//", 1)[1].split(":", 1)[1] for url in urls]
    out = subprocess.run([build(), str(seconds), str(REQUESTS), header, *pages], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    return [tuple(1e6 / float(word) for word in line.split()) for line in out.splitlines()]
