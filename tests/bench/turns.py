"""Servers and programs that take turns of a few milliseconds (turns.c): what else the machine does then weighs on all of
them alike. And the processors that they take them on.
"""

import contextlib
import dataclasses
import functools
import itertools
import os
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from saastest import BUILD
from saastest.places import program

CONNECTIONS = 16
MILLISECONDS = 20
_numbers = itertools.count()


@dataclasses.dataclass
class Turn:
    """One turn of one contender. Times of an answer in milliseconds: the median to its first byte, the median and the
    99th percentile to its last."""

    began: float
    seconds: float
    count: int
    first: float
    median: float
    p99: float

    @property
    def rate(self):
        return self.count / self.seconds


@functools.lru_cache(maxsize=None)
def build():
    """turns.c, compiled."""
    binary = BUILD / "bench" / "turns"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program("cc"), "-O2", "-o", binary, Path(__file__).with_name("turns.c")], check=True)
    return binary


@functools.lru_cache(maxsize=None)
def _folder():
    return tempfile.TemporaryDirectory(prefix="saas_bench_")


def requests(port, several, once=False):
    """A server that is asked for these requests (bytes) over and over, or once each."""
    path = Path(_folder().name) / f"requests.{next(_numbers)}"
    with open(path, "wb") as file:
        file.writelines(b"%d\n%s" % (len(one), one) for one in several)
    return f"{port}{'=' if once else '+'}{path}"


def get(url, authorization=None):
    """A server that is asked for one page."""
    parts = urllib.parse.urlsplit(url)
    lines = [f"GET {parts.path}{'?' * bool(parts.query)}{parts.query} HTTP/1.1", "Host: 127.0.0.1"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    return requests(parts.port, ["\r\n".join([*lines, "", ""]).encode()])


def process(pid):
    """A process that is stopped while it is not its turn."""
    return f"@{pid}"


def take(contenders, seconds, milliseconds=MILLISECONDS, connections=CONNECTIONS):
    """For each round a tuple of the contenders' Turns."""
    out = subprocess.run([build(), str(seconds), str(milliseconds), str(connections), *contenders], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    rounds = []
    for line in out.splitlines():
        words = [float(word) for word in line.split()]
        rounds.append(tuple(Turn(began, took, int(count), first / 1e3, median / 1e3, p99 / 1e3) for began, took, count, first, median, p99
                            in zip(*(words[n::6] for n in range(6)))))
    return rounds


def taker(*contenders, **more):
    """take() for decide.until_decided()."""
    return lambda seconds: take(contenders, seconds, **more)


def series(rounds, what):
    """One figure of the Turns, by its name: a list for each contender."""
    return [[getattr(turn, what) for turn in column] for column in zip(*rounds)]


# -------------------------------------------------------------- processors --

@contextlib.contextmanager
def one_processor(cluster=None):
    """For this process and those it starts, what they serve and who asks for it: how the scheduler spreads them over
    several is worth more than what is to be measured, and hangs on the machine's other work. A PostgreSQL cluster has
    the other processors, if there are any, for connections that are opened from now on."""
    processors = os.sched_getaffinity(0)
    one = {max(processors)}
    os.sched_setaffinity(0, one)
    try:
        if cluster:
            os.sched_setaffinity(cluster.pid(), processors - one or one)
        yield
    finally:
        os.sched_setaffinity(0, processors)
        if cluster:
            os.sched_setaffinity(cluster.pid(), processors)


def first_of_all():
    """This process, and what it starts from now on, runs before the machine's other work, where it may: whether it does.
    A lower niceness is not enough: what sleeps often, as a server that waits for its database, would still wait for others
    at each awakening."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
        return True
    return False


def start_anew(*servers):
    """On the processors of this process; returns when what they do at their start is over."""
    for server in servers:
        server.stop()
        server.start()
    time.sleep(1)
