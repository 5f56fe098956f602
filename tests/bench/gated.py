"""What a gate costs: a static file behind AuthType Saas against the same file without a gate, and a file that no
gate guards on a server with mod_saas against one without it.
"""

import re
import shutil
import subprocess
import sys

from measure import alternate, compare
from saastest import Httpd, Site
from saastest.places import AS_ROOT, program

PAGE = "<!doctype html><title>page</title>" + "x" * 990 + "\n"

WORKERS = "StartServers 2\nServerLimit 2\nThreadsPerChild 24\nMaxRequestWorkers 48\nMinSpareThreads 1\nMaxSpareThreads 48"
KEEP = "MaxKeepAliveRequests 0\n"
CONF = KEEP + """
DBDKeep 12
<Location "/gated">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-role ADMIN MEMBER
        Require saas-subscription active
    </RequireAll>
</Location>
"""


def find_wrk():
    """Installs wrk where that is possible; ends with what to do where it is not."""
    if shutil.which("wrk"):
        return shutil.which("wrk")
    sudo = [] if AS_ROOT else [shutil.which("sudo")]
    if shutil.which("apt-get") and None not in sudo:
        print("Installing: wrk", flush=True)
        subprocess.run([*sudo, "apt-get", "update", "-q"], stdout=subprocess.DEVNULL)
        subprocess.run([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "install",
                        "-y", "-q", "--no-install-recommends", "wrk"], stdout=subprocess.DEVNULL)
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is missing; install it (Debian: apt-get install wrk) and run this again")
    return shutil.which("wrk")


def load(url, seconds, token=None):
    """Answered requests a second; every answer must be a success."""
    headers = ["-H", f"Authorization: Bearer {token}"] if token else []
    out = subprocess.run([program("wrk"), "-t2", "-c16", f"-d{seconds}s", *headers, url], capture_output=True, text=True,
                         check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"wrk on {url}:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def measure(database, rounds, seconds, say):
    name = "PostgreSQL" if database.kind == "pgsql" else "SQLite"
    say(f"gated GET, {name}: {rounds} rounds of {seconds} s")
    site = Site(database, with_stripe=False, conf=CONF, workers=WORKERS)
    bare = Httpd(places=None, with_saas=False, workers=WORKERS)
    try:
        for page in ("gated/page.html", "open/page.html"):
            site.httpd.page(page, PAGE)
        bare.page("open/page.html", PAGE)
        site.start()
        person = site.register(organization="Bench gates")
        database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", person.org["id"])
        token = person.new_token(organization=person.org["id"])["token"]
        gated, ungated = site.base + "/gated/page.html", site.base + "/open/page.html"
        # The same request line and headers on both sides: the token is sent to the open page too.
        rates = alternate(lambda: load(gated, seconds, token), lambda: load(ungated, seconds, token), rounds)
        yield compare(f"gated GET, no cache, {name}", "the same, ungated", *rates, "req/s",
                      0.6 if database.kind == "pgsql" else None)
        if database.kind == "sqlite":
            bare.start(KEEP)
            say(f"ungated GET with and without mod_saas: {2 * rounds} rounds of {seconds} s")
            rates = alternate(lambda: load(ungated, seconds), lambda: load(bare.base + "/open/page.html", seconds),
                              2 * rounds)
            yield compare("ungated GET, mod_saas loaded", "not loaded", *rates, "req/s", 0.99)
    finally:
        bare.close()
        site.close()
