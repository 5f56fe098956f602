"""Somebody at the command line, and rows that only the API makes."""

import hashlib
import json

from saastest import saasctl, seed

PASSWORD = "correct horse battery 9"
ADA, BOB = "ada@example.test", "bob@example.test"


class Operator:
    """Somebody at the command line of one database."""

    def __init__(self, database):
        self.database = database

    def run(self, *args, **more):
        try:
            return saasctl(self.database.url, *args, check=False, **more)
        finally:
            self.database.claim()

    def ok(self, *args, **more):
        """The parsed result of a command that must succeed, which has nothing to say besides."""
        done = self.run("--json", *args, **more)
        assert done.returncode == 0 and not done.stderr, f"{args}: {done.returncode} {done.stderr}"
        return json.loads(done.stdout)

    def fails(self, code, *args, **more):
        """What a command that must fail says; it prints no result."""
        done = self.run(*args, **more)
        assert done.returncode == code, f"{args}: {done.returncode} {done.stdout} {done.stderr}"
        assert not done.stdout
        assert done.stderr.startswith("saasctl: ")
        return done.stderr

    def user(self, email, **more):
        return self.ok("user", "create", "--email", email, **more)["id"]

    def org(self, owner, name="Acme"):
        return self.ok("org", "create", "--name", name, "--owner", owner)

    def trail(self, org, **filters):
        """(action, target_label) of an organization's trail, oldest first."""
        options = [text for key, value in filters.items() for text in (f"--{key}", value)]
        return [(row["action"], row["target_label"]) for row in reversed(self.ok("activity", "list", "--org", org, *options))]


def session(database, user):
    key = seed.uuid7()
    database.execute("INSERT INTO sessions (id, user_id, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                     key, user, hashlib.sha256(key.encode()).hexdigest(), seed.now(), "2099-01-01T00:00:00.000000Z")
    return key


def invite(database, org, by, email="new@example.test", state="pending", expires="2099-01-01T00:00:00.000000Z"):
    key = seed.uuid7()
    database.execute("INSERT INTO invites (org_id, id, email, email_key, role, hash, state, invited_by, created_at, expires_at)"
                     " VALUES (?, ?, ?, ?, 'MEMBER', ?, ?, ?, ?, ?)", org, key, email, email.lower(),
                     hashlib.sha256(key.encode()).hexdigest(), state, by, seed.now(), expires)
    return key
