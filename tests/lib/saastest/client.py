"""A client of the HTTP contract: one person with a session cookie, or one API token. Each client comes
from a loopback address of its own, so that limits kept per address do not make tests meet each other.
"""

import http.client
import itertools
import os
import re
import requests
import secrets
import time
from requests.adapters import HTTPAdapter

PASSWORD = "correct horse battery 9"
_addresses = itertools.count(int.from_bytes(os.urandom(2), "big"))


def fresh_address():
    n = next(_addresses)
    return f"127.{1 + n // 62500 % 250}.{1 + n // 250 % 250}.{1 + n % 250}"


class _From(HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__(pool_maxsize=32)

    def init_poolmanager(self, *args, **kw):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kw)


class Api:
    """One caller. Relative paths are below /api/v1/, paths with a leading slash are the server's."""

    # Called with (base, method, url, status, headers, body) for each reply, body None where the test itself
    # reads a stream; may fail the test. Set by fixtures.py.
    witness = None

    def __init__(self, base, token=None, organization=None, address=None):
        self.base = base
        self.http = requests.Session()
        self.http.trust_env = False
        self.address = address or fresh_address()
        self.http.mount("http://", _From(self.address))
        self.token = token
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"
        else:
            # What a browser sends from a page of this site.
            self.http.headers["Origin"] = base
            self.http.headers["Sec-Fetch-Site"] = "same-origin"
        if organization:
            self.http.headers["X-Organization-ID"] = organization

    def url(self, path):
        return self.base + path if path.startswith("/") else f"{self.base}/api/v1/{path}"

    def call(self, method, path, json=None, **more):
        more.setdefault("timeout", 60)
        more.setdefault("allow_redirects", False)
        url = path if path.startswith("http") else self.url(path)
        if json is not None:
            more["json"] = json
        reply = self.http.request(method, url, **more)
        if Api.witness:
            streamed = more.get("stream")
            Api.witness(self.base, reply.request.method, reply.url, reply.status_code, reply.headers, None if streamed else reply.content)
        return reply

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, json=None, **more):
        return self.call("POST", path, json, **more)

    def put(self, path, json=None, **more):
        return self.call("PUT", path, json, **more)

    def patch(self, path, json=None, **more):
        return self.call("PATCH", path, json, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)

    def exact(self, path, method="GET"):
        """(status, body) of a path sent byte for byte, which requests would correct."""
        connection = http.client.HTTPConnection(self.base.split("//")[1], timeout=60, source_address=(self.address, 0))
        headers = {k: v for k, v in self.http.headers.items() if k in ("Authorization", "Origin", "Sec-Fetch-Site")}
        cookie = "; ".join(f"{c.name}={c.value}" for c in self.http.cookies)
        if cookie:
            headers["Cookie"] = cookie
        path = path if path.startswith("/") else "/api/v1/" + path
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            if Api.witness:
                Api.witness(self.base, method, self.base + path, reply.status, reply.headers, body)
            return reply.status, body
        finally:
            connection.close()

    def ok(self, method, path, json=None, **more):
        """The parsed body of an answer that must be a success."""
        reply = self.call(method, path, json, **more)
        assert reply.status_code < 300, f"{method} {path}: {reply.status_code} {reply.text[:2000]}"
        return reply.json() if reply.content else None


class Person(Api):
    """Somebody who registered over the API and has an organization of their own as its ADMIN."""

    def __init__(self, base, email=None, password=PASSWORD, organization=None, name="Test Person", register=True, address=None):
        super().__init__(base, address=address)
        self.email = email or f"u{secrets.token_hex(6)}@example.test"
        self.password = password
        if register:
            body = self.ok("POST", "auth/register/", {
                "email": self.email, "password": password, "name": name,
                "organization": organization or f"Org {secrets.token_hex(4)}"})
            self.user, self.org = body["user"], body["organization"]

    def new_token(self, name="test", organization=None, role=None, **more):
        body = {"name": name, **more}
        if organization is not None:
            body["organization"] = organization
        if role is not None:
            body["role"] = role
        return self.ok("POST", "auth/tokens/", body)

    def as_token(self, organization="own", role=None):
        """A second caller that is this person through an API token (of the own organization by default)."""
        chosen = self.org["id"] if organization == "own" else organization
        return Api(self.base, token=self.new_token(organization=chosen, role=role)["token"], address=self.address)


def invite_token(made):
    """The token in the URL that the inviter is shown; the mail has another."""
    return re.search(r"inv_[0-9a-f]{32}\.[A-Za-z0-9]{43}", made["invite_url"]).group()


def wait_audit(api, audit, seconds=120, until=("completed", "failed", "canceled")):
    """The audit's body once its status is one of `until`; progress may never shrink on the way."""
    end, last = time.monotonic() + seconds, -1
    while True:
        body = api.ok("GET", f"audits/{audit}/")
        done = body["progress"]["done"]
        assert done >= last or body["status"] == "queued", f"progress went back from {last} to {done}"
        last = done
        if body["status"] in until:
            return body
        assert time.monotonic() < end, f"audit still {body['status']} after {seconds} s: {body}"
        time.sleep(0.1)
