"""Starts and talks to the Stripe stand-in of tests/sandbox as a process of its own: what httpd calls is
a server on a socket, never a patched client.
"""

import subprocess
import sys
import time

import requests

from .places import ROOT, Places, clean_environment, command_as, end_process

SCRIPT = ROOT / "tests" / "sandbox" / "stripe_sandbox.py"


class Sandbox:
    def __init__(self, webhook_url, webhook_secret, secret_key, price, places=None, detached=False, port=0, more=()):
        self.places = places or Places()
        self.webhook_secret, self.secret_key, self.price = webhook_secret, secret_key, price
        port_file = self.places.path / "sandbox.port"
        port_file.unlink(missing_ok=True)
        self.log = self.places.path / "sandbox.log"
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                command_as(None, [sys.executable, "-u", SCRIPT, "--port", port, "--port-file", port_file,
                                  "--webhook-url", webhook_url, "--webhook-secret", webhook_secret,
                                  "--secret-key", secret_key, "--price", price, *more], not detached),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=clean_environment(), cwd="/",
                start_new_session=True)
        until = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip().isdigit()):
            if self.process.poll() is not None or time.monotonic() > until:
                self.close()
                raise RuntimeError("the Stripe sandbox did not start: " + self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.http.trust_env = False

    def control(self, method, path, json=None, **params):
        reply = self.http.request(method, f"{self.url}/_sandbox/{path}", json=json, params=params, timeout=60)
        assert reply.status_code < 400, f"sandbox {method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json() if reply.text.strip() else None

    def fault(self, do, times=1, method=None, path=None, **more):
        match = {k: v for k, v in (("method", method), ("path", path)) if v}
        return self.control("POST", "faults", {"match": match, "times": times, "do": do, **more})

    def clear_faults(self):
        self.control("DELETE", "faults")

    def requests(self):
        """The journal of calls httpd made to Stripe's API."""
        journal = self.control("GET", "requests")
        return journal["requests"] if isinstance(journal, dict) else journal

    def config(self, **settings):
        return self.control("POST", "config", settings)

    def pay(self, checkout_url, action="pay", card="good"):
        """Press the button on Stripe's page; returns the reply without following it. A card that is "bad" pays this
        once and is refused later."""
        return self.http.post(f"{checkout_url}/{action}", data={"card": card}, allow_redirects=False, timeout=60)

    def advance(self, by):
        """Let time pass at Stripe: seconds, or "3d". The events of what fell due, answered by httpd when this returns."""
        answer = self.control("POST", "clock", {"advance": by})
        assert answer["answered"], f"webhooks of {by} were not answered: {answer['events']}"
        return [row["event"] for row in answer["events"]]

    def card(self, customer, kind):
        """Another card for the customer, "good" or "bad", as if changed on Stripe's portal."""
        return self.control("POST", f"customers/{customer}/card", {"card": kind})

    def close(self):
        end_process(self.process)
        self.places.close()
