"""wrk with requests that were made beforehand: peers/requests.lua sends them."""

import dataclasses
import re
import subprocess
from pathlib import Path

from saastest.places import program

UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
SCRIPT = Path(__file__).resolve().parent / "peers" / "requests.lua"


@dataclasses.dataclass
class Load:
    requests: int
    rate: float             # requests a second
    refused: int            # answers that were no success
    median: float           # milliseconds


def write(folder, requests, threads):
    """Files for run(): each request goes to the next thread in turn. requests: bytes, of which there may be many."""
    prefix = folder / "requests"
    files = [open(f"{prefix}.{n}", "wb") for n in range(threads)]
    for n, request in enumerate(requests):
        files[n % threads].write(b"%d\n%s" % (len(request), request))
    for file in files:
        file.close()
    return prefix


def get(port, path, token=None):
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}\r\n".encode()


def run(url, prefix, seconds, connections, threads, again=True, refusals=False):
    """refusals: False: any answer that is no success is an error of the run."""
    out = subprocess.run([program("wrk"), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT), url, "--",
                          str(prefix), *(["again"] if again else [])], capture_output=True, text=True, check=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if "Socket errors" in out or (refused and not refusals):
        raise RuntimeError(f"wrk on {url}:\n{out}")
    median = re.search(r"50%\s+([\d.]+)(us|ms|s|m)", out)
    return Load(int(re.search(r"(\d+) requests in", out).group(1)), float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
                int(refused.group(1)) if refused else 0, float(median.group(1)) * UNITS[median.group(2)])
