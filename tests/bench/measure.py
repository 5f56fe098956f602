"""Two things measured in alternation, and what is said about them. An absolute figure of a shared machine means little,
so a result is a ratio: the median of the ratios of turns that were next to one another, with the interval that the
verdict rests on (decide.py).
"""

import dataclasses
import os
import statistics
import subprocess
import threading
import time

import decide


@dataclasses.dataclass
class Result:
    """One row of the table. ratio, or ours where there is no peer, is held against target. low, high: the interval of
    what is held; None where it was counted, and is what it is."""

    name: str
    ours: float
    unit: str
    target: float = None
    peer: float = None
    ratio: float = None
    at_most: bool = False       # the target is an upper bound
    spread: str = ""
    peer_name: str = ""
    low: float = None
    high: float = None

    @property
    def value(self):
        return self.ours if self.ratio is None else self.ratio

    @property
    def met(self):
        """None where there is no target, and where the interval does not tell."""
        if self.target is None:
            return None
        low, high = (self.value, self.value) if self.low is None else (self.low, self.high)
        return decide.verdict(low, high, self.target, self.at_most)

    @property
    def decided(self):
        return self.target is None or self.met is not None

    @property
    def word(self):
        return "" if self.target is None else {True: "yes", False: "NO", None: "cannot tell"}[self.met]

    def said(self):
        """The figure that is judged, and against what."""
        what = f"{self.value:.3g} {self.unit}" if self.ratio is None else f"{self.ratio:.3g} x {self.peer_name}"
        if self.low is not None:
            what += f" ({self.low:.3g} to {self.high:.3g})"
        if self.target is None:
            return what
        return f"{what}, target {self.goal()}, " + {True: "met", False: "NOT met", None: "cannot tell"}[self.met]

    def goal(self):
        if self.target is None:
            return ""
        return f"{'<=' if self.at_most else '>='} {self.target:g}" + (f" {self.unit}" if self.ratio is None else "")


def rotate(rounds, cold=True, **contenders):
    """One warm-up of each where they are cold, then all of them in turn, every other round backwards, so that none is
    always the one that comes after another; {name: its figures}."""
    for contender in contenders.values() if cold else ():
        contender()
    series = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders)[::-1 if number % 2 else 1]:
            series[name].append(contenders[name]())
    return series


def alternate(ours, peer):
    """take() for decide.until_decided(): pairs of figures of two that are measured whole, in turn, both warm; enough
    of them that they can tell anything."""
    ours(), peer()

    def take(seconds):
        pairs, end = [], time.monotonic() + seconds
        while time.monotonic() < end or len(pairs) < decide.FEWEST:
            series = rotate(2, cold=False, ours=ours, peer=peer)
            pairs += zip(series["ours"], series["peer"])
        return pairs
    return take


def compare(name, peer_name, ours, peer, unit, target, amount=None, at_most=False):
    """A Result from two series, whose figures of the same number were measured next to one another, so that load which
    comes and goes weighs on both. amount: the series are seconds in which that amount was done; without it they are
    what is compared already."""
    figures = [[amount / x for x in series] if amount else series for series in (ours, peer)]
    a, b = (statistics.median(series) for series in figures)
    ratios = [x / y for x, y in zip(*figures)]
    return Result(name, a, unit, target, b, statistics.median(ratios), at_most, f"{len(ratios)} pairs", peer_name,
                  *decide.interval(ratios))


def figure(name, values, unit, target, part=0.5, at_most=True):
    """A Result from the values of something that has no peer: their median, or another quantile."""
    ordered = sorted(values)
    value = ordered[min(len(ordered) - 1, int(len(ordered) * part))]
    return Result(name, value, unit, target, at_most=at_most, spread=f"{len(ordered)} values, {ordered[0]:.3g}-{ordered[-1]:.3g}",
                  **dict(zip(("low", "high"), decide.interval(ordered, part))))


def seconds_of(argv, into_pipe=False, **more):
    """Wall-clock time of a command whose output is thrown away, by itself or through a pipe."""
    began = time.perf_counter()
    if into_pipe:
        sink = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        status = subprocess.run(argv, stdout=sink.stdin, **more).returncode
        sink.stdin.close()
        sink.wait()
    else:
        status = subprocess.run(argv, stdout=subprocess.DEVNULL, **more).returncode
    took = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{argv[0]} ended with {status}")
    return took


def resident(pid):
    """Resident memory of a process, bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def spent(pid):
    """Seconds of the processors' time that a server has taken: a process and those that it has started, ended ones too."""
    def times(one):
        with open(f"/proc/{one}/stat", encoding="ascii", errors="replace") as stat:
            return [int(word) / os.sysconf("SC_CLK_TCK") for word in stat.read().rsplit(") ", 1)[1].split()[11:15]]
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return sum(times(pid)) + sum(sum(times(child)[:2]) for child in children.read().split())


class Watch:
    """Samples a process's resident memory for as long as the block runs; `most` is the largest figure."""

    def __init__(self, pid):
        self.pid, self.most, self.going = pid, 0, True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while self.going:
            self.most = max(self.most, resident(self.pid))
            time.sleep(0.004)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.going = False
        self.thread.join()
        self.most = max(self.most, resident(self.pid))
