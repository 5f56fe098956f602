"""wrk with requests that were made beforehand: peers/requests.lua sends them."""

import dataclasses
import re
import subprocess
from pathlib import Path

from saastest.places import program

SCRIPT = Path(__file__).resolve().parent / "peers" / "requests.lua"


@dataclasses.dataclass
class Load:
    requests: int
    refused: int            # answers that were no success


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


def run(url, prefix, seconds, connections, threads):
    """All of them over and over."""
    out = subprocess.run([program("wrk"), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), url, "--",
                          str(prefix)], capture_output=True, text=True, check=True).stdout
    if "Socket errors" in out:
        raise RuntimeError(f"wrk on {url}:\n{out}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return Load(int(re.search(r"(\d+) requests in", out).group(1)), int(refused.group(1)) if refused else 0)
