"""Pages asked for in turns of a few milliseconds (turns.c), all on one processor: for differences that are smaller than
those of wrk's rounds, since the machine's other work weighs on all pages alike, and nothing depends on what is
scheduled where.
"""

import contextlib
import os
import subprocess
from pathlib import Path

from saastest import BUILD
from saastest.places import program

REQUESTS = 200


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


def take(urls, seconds, header="Accept: */*"):
    """For each round, how often a second each of the URLs was answered."""
    pages = [url.split("//", 1)[1].split(":", 1)[1] for url in urls]
    out = subprocess.run([build(), str(seconds), str(REQUESTS), header, *pages], capture_output=True, text=True, check=True).stdout
    return [tuple(1e6 / float(word) for word in line.split()) for line in out.splitlines()]
