"""Rights that are taken away in the database itself and given back, again and again, while every node is asked, and how
long each went on granting: printed, and written to build/test/changes.json.
"""

import contextlib
import fcntl
import json
import threading
import time

from nodes import Asker
from saastest import BUILD, seed


class Right:
    """Something that a person may do until it is taken away, in the database itself."""

    area, refusal, take, give = None, None, None, None

    def __init__(self, site):
        self.database = site.database
        self.person = site.newcomer()
        self.org, self.user = self.person.org["id"], self.person.user["id"]
        self.token = self.person.new_token(organization=self.org)
        self.prepare()

    def prepare(self):
        pass

    def execute(self, sql, *args):
        self.database.execute(sql, *args)


class Role(Right):
    area, refusal = "admin", 403

    def take(self):
        seed.role(self.database, self.org, self.user, "VIEWER")

    def give(self):
        seed.role(self.database, self.org, self.user, "ADMIN")


class Membership(Right):
    area, refusal = "member", 404

    def take(self):
        seed.remove_member(self.database, self.org, self.user)

    def give(self):
        seed.member(self.database, self.org, self.user, "ADMIN")


class Token(Right):
    area, refusal = "user", 401

    def take(self):
        self.execute("UPDATE tokens SET revoked_at = ? WHERE id = ?", seed.now(), self.token["id"])

    def give(self):
        self.execute("UPDATE tokens SET revoked_at = NULL WHERE id = ?", self.token["id"])


class Organization(Right):
    area, refusal = "member", 404

    def take(self):
        self.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", seed.now(), self.org)

    def give(self):
        self.execute("UPDATE organizations SET deleted_at = NULL WHERE id = ?", self.org)


class Subscription(Right):
    area, refusal = "premium", 403

    def prepare(self):
        self.give()

    def take(self):
        self.execute("UPDATE organizations SET subscription_status = 'canceled' WHERE id = ?", self.org)

    def give(self):
        self.execute("UPDATE organizations SET subscription_status = 'active' WHERE id = ?", self.org)


class User(Right):
    area, refusal = "user", 401

    def take(self):
        self.execute("UPDATE users SET is_active = ? WHERE id = ?", 0 if self.database.kind == "sqlite" else False, self.user)

    def give(self):
        self.execute("UPDATE users SET is_active = ? WHERE id = ?", 1 if self.database.kind == "sqlite" else True, self.user)


RIGHTS = (Role, Membership, Token, Organization, Subscription, User)


class Round:
    """Takes a right away and gives it back, again and again, and asks every node all the time."""

    def __init__(self, right, sites):
        self.right = right
        self.askers = [Asker(s, right.token["token"], f"/{right.area}/") for s in sites]
        self.refused, self.granted, self.wrong = [], [], []
        self.stalest = 0.0  # how long after it was taken away something was asked for and still granted

    def until(self, asker, status, since, what):
        """Asks until this is the answer: how long after `since` the request was sent that got it."""
        while True:
            asked, got = asker.ask()
            if status != 200 and got == 200:
                self.stalest = max(self.stalest, asked - since)
            if got == status:
                return max(0.0, asked - since)
            if got not in (200, self.right.refusal):
                self.wrong.append(f"{what}: status {got}")
                return 0.0
            if asked - since > 15:
                self.wrong.append(f"{what}: still {got} after 15 s")
                return asked - since

    def once(self):
        """One right taken and given back; every node is to follow, and not to waver."""
        for asker in self.askers:
            self.until(asker, 200, time.monotonic(), "before")
            asker.ask()
        self.right.take()
        committed = time.monotonic()
        late = [0.0] * len(self.askers)
        threads = [threading.Thread(target=self._follow, args=(n, committed, late)) for n in range(1, len(self.askers))]
        for thread in threads:
            thread.start()
        self._follow(0, committed, late)
        for thread in threads:
            thread.join()
        self.refused += late
        self.right.give()
        committed = time.monotonic()
        for asker in self.askers:
            self.granted.append(self.until(asker, 200, committed, "after it was given back"))

    def _follow(self, n, committed, late):
        asker = self.askers[n]
        late[n] = self.until(asker, self.right.refusal, committed, f"{type(self.right).__name__} taken away, node {n + 1}")
        for _ in range(3):
            status = asker.ask()[1]
            if status != self.right.refusal:
                self.wrong.append(f"{type(self.right).__name__}: {status} after a refusal, node {n + 1}")

    def run(self, times):
        try:
            for _ in range(times):
                self.once()
        except Exception as failure:  # in a thread: to be told by the test
            self.wrong.append(f"{type(self.right).__name__}: {failure!r}")
            raise


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def report(name, rounds):
    """Prints and keeps how long refusals took."""
    late = [x for r in rounds for x in r.refused]
    figures = {"changes": sum(len(r.refused) for r in rounds) // max(1, len(rounds[0].askers)) * 2, "refusals": len(late),
               "p50_ms": round(percentile(late, 0.5) * 1000, 2), "p99_ms": round(percentile(late, 0.99) * 1000, 2),
               "max_ms": round(max(late) * 1000, 2), "stalest_ms": round(max(r.stalest for r in rounds) * 1000, 2),
               "granted_again_p99_ms": round(percentile([x for r in rounds for x in r.granted], 0.99) * 1000, 2)}
    path = BUILD / "test" / "changes.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)  # other workers keep theirs
        kept.seek(0)
        known = {}
        with contextlib.suppress(ValueError):
            known = json.loads(kept.read())
        known[name] = figures
        kept.truncate(0)
        kept.write(json.dumps(known, indent=1) + "\n")
    print(f"\n{name}: {json.dumps(figures)}")
    return figures
