"""Servers that are asked without pause, and what they say of their cache of principals."""

import http.client
import json
import time
from urllib.parse import urlsplit

BOUND = 1.0     # SaasFeedTimeout's default
SLACK = 0.25    # for a scheduler that lets the one thread wait that would have answered earlier

CONF = """
LogLevel authz_core:crit
SaasDBTimeout 2s
SaasDBWait 1s
<Location "/user">
    AuthType Saas
    Require saas-user
</Location>
<Location "/member">
    AuthType Saas
    Require saas-member
</Location>
<Location "/admin">
    AuthType Saas
    Require saas-role ADMIN
</Location>
<Location "/premium">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-subscription active
    </RequireAll>
</Location>
"""
AREAS = ("user", "member", "admin", "premium")


class Asker:
    """One keep-alive connection to one node."""

    def __init__(self, site, token, path):
        self.host, self.port, self.path = urlsplit(site.base).hostname, site.httpd.port, path
        self.headers = {"Authorization": f"Bearer {token}"}
        self.connection = None

    def ask(self, timeout=10):
        """(when it was asked, status); a connection that was closed while idle is not an answer."""
        for last in (False, True):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
            asked = time.monotonic()
            try:
                self.connection.request("GET", self.path, headers=self.headers)
                reply = self.connection.getresponse()
                reply.read()
                return asked, reply.status
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if last:
                    raise
        return None

    def until_refused(self, since, refusal):
        """Asks until this is the answer, of what was taken away at `since`. The last grant may have been asked for
        until the bound and no later; when the refusal came says nothing on a machine that is busy."""
        while True:
            asked, status = self.ask()
            if status == refusal:
                return asked
            assert status == 200, status
            assert asked - since < BOUND + SLACK, f"granted {asked - since:.3f} s after it was taken away"

    def close(self):
        if self.connection:
            self.connection.close()


def pages(site):
    for area in AREAS:
        site.httpd.page(f"{area}/index.html", area)
    return site


def cache(site):
    """What the node says of its cache; asked without a source address, which a namespace has no way back to."""
    connection = http.client.HTTPConnection(urlsplit(site.base).hostname, site.httpd.port, timeout=10)
    try:
        connection.request("GET", "/saas/ready")
        return json.loads(connection.getresponse().read())["cache"]
    finally:
        connection.close()


def until_live(site, seconds=30):
    end = time.monotonic() + seconds
    while cache(site)["state"] != "live":
        assert time.monotonic() < end, f"the cache is not in use again: {cache(site)}"
        time.sleep(0.02)


def answered_from(site, asker, seconds=30):
    """Where the answer to one request comes from: "hits" or "misses". A feed that is late for a moment, as on a busy
    machine, has the cache bypassed; that is waited for."""
    end = time.monotonic() + seconds
    while True:
        until_live(site)
        before = cache(site)
        assert asker.ask()[1] == 200
        after = cache(site)
        moved = [word for word in ("hits", "misses") if after[word] > before[word]]
        if moved:
            assert len(moved) == 1 and after[moved[0]] == before[moved[0]] + 1, (before, after)
            return moved[0]
        assert time.monotonic() < end, f"the cache is always bypassed: {after}"


def in_use(site, asker, seconds=30):
    """Whether answers come from the cache, once one has been given a few times."""
    end = time.monotonic() + seconds
    for _ in range(4):
        assert asker.ask()[1] == 200
    while answered_from(site, asker) != "hits":
        if time.monotonic() > end:
            return False
    return True


def backend(database, node):
    """Process id of the PostgreSQL backend that node's listener has."""
    rows = database.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = ?",
                            f"mod_saas feed {node}")
    return rows[0][0] if rows else None
