"""How soon a right that is taken away is refused: two nodes on one PostgreSQL, both asked without pause while tokens,
roles, memberships, organizations, subscriptions and users change. From the commit, as the one who commits sees it, to
the arrival of the first refusal, at each node.
"""

import contextlib
import json
import socket
import sys
import threading
import time
import urllib.request

from measure import figure
from saastest import Site, seed

NAME = "revocation on two nodes"
CONF = """
LogLevel authz_core:crit
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<Location "/gated">
    AuthType Saas
    <RequireAll>
        Require saas-member
        Require saas-role ADMIN
        Require saas-subscription active
    </RequireAll>
</Location>
"""
REFUSED = (401, 403, 404)
PATIENCE = 15.0


class Right:
    """Statements that take it away and give it back; arguments: whose ids they have, in their order."""

    def __init__(self, what, takes, gives, *arguments):
        self.what, self.takes, self.gives, self.arguments = what, takes, gives, arguments


RIGHTS = (
    Right("token", "UPDATE tokens SET revoked_at = now() WHERE id = %s",
          "UPDATE tokens SET revoked_at = NULL WHERE id = %s", "token"),
    Right("role", "UPDATE memberships SET role = 'VIEWER' WHERE org_id = %s AND user_id = %s",
          "UPDATE memberships SET role = 'ADMIN' WHERE org_id = %s AND user_id = %s", "org", "user"),
    Right("membership", "DELETE FROM memberships WHERE org_id = %s AND user_id = %s",
          "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES (%s, %s, 'ADMIN', now(), now())",
          "org", "user"),
    Right("organization", "UPDATE organizations SET deleted_at = now() WHERE id = %s",
          "UPDATE organizations SET deleted_at = NULL WHERE id = %s", "org"),
    Right("subscription", "UPDATE organizations SET subscription_status = 'canceled' WHERE id = %s",
          "UPDATE organizations SET subscription_status = 'active' WHERE id = %s", "org"),
    Right("user", "UPDATE users SET is_active = false WHERE id = %s",
          "UPDATE users SET is_active = true WHERE id = %s", "user"),
)


class Asker:
    """One connection to one node, or to who stands before it, that asks all the time, on a thread of its own, and notes every change of answer."""

    def __init__(self, port, path, token):
        self.request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                        f"Authorization: Bearer {token}\r\n\r\n").encode()
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = 0
        self.changes = []           # (status, when it was asked, when the answer was there)
        self.failure = None
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def ask(self):
        asked = time.monotonic()
        self.socket.sendall(self.request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), asked, time.monotonic()

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the node has closed the connection")
        return data

    def _run(self):
        try:
            last = None
            while self.going:
                answer = self.ask()
                if answer[0] != last:
                    self.changes.append(answer)
                    last = answer[0]
                self.answers += 1
        except Exception as failure:  # told by the thread that waits
            self.failure = failure

    def close(self):
        self.going = False
        self.thread.join(30)
        self.socket.close()


def wait(askers, condition, what):
    end = time.monotonic() + PATIENCE
    while not all(map(condition, askers)):
        for asker in askers:
            if asker.failure:
                raise asker.failure
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {PATIENCE:.0f} s: {[a.changes[-3:] for a in askers]}")
        time.sleep(0.0005)


def more_answers(askers, what):
    marks = {asker: asker.answers for asker in askers}
    wait(askers, lambda asker: asker.answers >= marks[asker] + 3, what)


def granted(askers, what):
    """Until every node has granted, and has had the time to do so out of its cache."""
    wait(askers, lambda asker: asker.changes and asker.changes[-1][0] == 200, what)
    more_answers(askers, what)


def once(cursor, right, arguments, askers):
    """Takes a right away and gives it back; seconds from the commit to the refusal, a node each."""
    granted(askers, f"{right.what} before")
    marks = {asker: len(asker.changes) for asker in askers}
    cursor.execute(right.takes, arguments)
    committed = time.monotonic()
    wait(askers, lambda asker: asker.changes[-1][0] != 200, f"{right.what} taken away")
    more_answers(askers, f"{right.what} taken away")
    late = []
    for asker in askers:
        changes = asker.changes[marks[asker]:]
        if len(changes) != 1 or changes[0][0] not in REFUSED:
            raise RuntimeError(f"{right.what} taken away, and the answers were {changes}")
        late.append(max(0.0, changes[0][2] - committed))
    cursor.execute(right.gives, arguments)
    return late


def cache(site):
    with urllib.request.urlopen(site.base + "/saas/ready", timeout=10) as reply:
        return json.loads(reply.read())["cache"]


def until_live(site):
    end = time.monotonic() + 20
    while cache(site)["state"] != "live":
        if time.monotonic() > end:
            raise RuntimeError(f"the change feed does not live: {cache(site)}")
        time.sleep(0.05)


def refusals(name, database, sites, ports, path, times, say):
    """A row: how late the refusals are that come out of each port, with the cache of the site of that place behind it."""
    say(f"{name}: {times} changes of each of {len(RIGHTS)} kinds")
    with contextlib.ExitStack() as stack:
        person = sites[0].register(organization="Bench revocation")
        ids = {"org": person.org["id"], "user": person.user["id"]}
        database.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", ids["org"])
        token = person.new_token(organization=ids["org"])
        ids["token"] = token["id"]
        seed.change_counts()
        for site in sites:
            until_live(site)
        before = [cache(site)["hits"] for site in sites]
        connection = database.connect()
        stack.callback(connection.close)
        askers = [Asker(port, path, token["token"]) for port in ports]
        for asker in askers:
            stack.callback(asker.close)
        # Threads that are ready do not wait long for one another.
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0005)
        late = []
        with connection.cursor() as cursor:
            for _ in range(times):
                for right in RIGHTS:
                    late += once(cursor, right, [ids[name] for name in right.arguments], askers)
        for site, asker, hits in zip(sites, askers, before):
            if cache(site)["hits"] - hits < asker.answers / 4:
                raise RuntimeError("hardly anything came from the cache: nothing was measured")
        yield figure(f"{name}, p99", [x * 1000 for x in late], "ms", 100, 0.99)


def measure(database, args, say):
    if database.kind != "pgsql":
        return
    # Twelve refusals each: as many as an interval for the 99th percentile takes.
    times = 55 if args.quick else 200
    with contextlib.ExitStack() as stack:
        sites = [Site(database, conf=CONF + f"SaasNodeName node{n}\n", with_stripe=False) for n in (1, 2)]
        for site in sites:
            stack.callback(site.close)
            site.httpd.page("gated/index.html", "gated")
            site.start()
        yield from refusals(NAME, database, sites, [site.httpd.port for site in sites], "/gated/", times, say)
