"""wrk: so many connections that ask for one thing again and again."""

import dataclasses
import re
import subprocess

from saastest.places import program

UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}


@dataclasses.dataclass
class Load:
    """Answered requests a second, and the milliseconds within which 99 of 100 were answered."""

    rate: float
    p99: float


def load(url, seconds, authorization=None, connections=16):
    """Asks for the URL all the time; every answer must be a success."""
    headers = ["-H", f"Authorization: {authorization}"] if authorization else []
    out = subprocess.run([program("wrk"), "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", *headers, url],
                         capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", out)
    if "Non-2xx" in out or "Socket errors" in out or not rate or not p99:
        raise RuntimeError(f"wrk on {url}:\n{out}")
    return Load(float(rate.group(1)), float(p99.group(1)) * UNITS[p99.group(2)])


def rates(loads):
    return [one.rate for one in loads]


def p99s(loads):
    return [one.p99 for one in loads]
