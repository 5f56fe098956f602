"""Limits are counted in windows of the clock; a test may not cross from one into the next."""

import functools
import time


def in_one_window(test):
    """Counts are of windows of five minutes by the clock, the one before weighted by what is left of it: a test across two of
    them has a few attempts more, and is begun again."""
    @functools.wraps(test)
    def run(*args, **more):
        while True:
            window = time.time() // 300
            try:
                return test(*args, **more)
            except AssertionError:
                if time.time() // 300 == window:
                    raise
    return run
