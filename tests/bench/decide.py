"""What a row of the table says about its target: yes, NO, or that it cannot tell. Nothing is measured here.

A verdict rests on an interval for the median of what was measured (or for another quantile), and holds only where all
of the interval is on one side of the target. Its ends are two of the measured values, chosen by the binomial
distribution of how many lie below the true one: no shape of the noise is assumed, and a few wild values move nothing.
"""

import dataclasses
import math
import time

# That the interval holds the true value. A row is looked at four or five times at most before it is left: even one
# whose true value is the target itself is then wrongly decided in one run of fifty.
CONFIDENCE = 0.995

# Fewer values have no interval for their median: it could be that all of them lie on the same side of it.
FEWEST = 9


def _at_most(n, part):
    """For k = 0 ... n the probability that of n values no more than k lie below the quantile."""
    total, chances = 0.0, []
    for k in range(n + 1):
        total += math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(part)
                          + (n - k) * math.log1p(-part))
        chances.append(total)
    return chances


def interval(values, part=0.5, confidence=CONFIDENCE):
    """(low, high) that hold the quantile `part` of what the values are drawn from; an end that so few values cannot
    give is infinite."""
    values, n, outside = sorted(values), len(values), (1 - confidence) / 2
    if not n:
        return -math.inf, math.inf
    chances = _at_most(n, part)
    # The largest rank that has too few values below it only by such a chance; the smallest that has too many.
    low = max((k for k in range(n) if chances[k] <= outside), default=None)
    high = min((k for k in range(n) if 1 - chances[k] <= outside), default=None)
    return -math.inf if low is None else values[low], math.inf if high is None else values[high]


def verdict(low, high, target, at_most=False):
    """True: the target is met; False: it is missed; None: the interval has values on both sides."""
    if at_most:
        low, high, target = -high, -low, -target
    return True if low >= target else False if high < target else None


@dataclasses.dataclass
class Patience:
    """How long a row may take until it is decided, seconds: first `least`, then as long again as it has taken so far,
    up to `most`; after the deadline (time.monotonic) only `least`."""

    least: float
    most: float
    deadline: float = math.inf

    def portions(self):
        taken = self.least
        yield self.least
        while taken < self.most and time.monotonic() < self.deadline:
            portion = min(taken, self.most - taken)
            taken += portion
            yield portion


def until_decided(take, rows, patience):
    """take(seconds): a list of more rounds. rows(rounds): the Results of all so far; returned once none of them is
    undecided, or when patience is at an end."""
    rounds, results = [], []
    for portion in patience.portions():
        rounds += take(portion)
        results = rows(rounds)
        if all(result.decided for result in results):
            break
    return results
