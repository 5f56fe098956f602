"""Debian's Chromium, driven by playwright-core in a node process (tests/browser/driver.js): what a person does there, and
what they see. SAAS_LATE=400 make test-browser: each call of the API comes so many milliseconds later, to find tests that do not wait.
"""

import itertools
import json
import os
import subprocess

from .places import BUILD, ROOT, clean_environment, program

MODULES = BUILD / "browser" / "node_modules"


class Failed(AssertionError):
    """A step that the browser could not do."""


class Browser:
    def __init__(self, *args):
        """args: more of the command line of Chromium."""
        if not (MODULES / "playwright-core").exists():
            raise RuntimeError(f"{MODULES}/playwright-core is missing: make deps")
        self.numbers = itertools.count(1)
        self.process = subprocess.Popen(
            [program("setpriv"), "--pdeathsig", "TERM", "--", program("node"), str(ROOT / "tests" / "browser" / "driver.js")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=clean_environment(NODE_PATH=MODULES, SAAS_CHROMIUM=program("chromium"), SAAS_CHROMIUM_ARGS=json.dumps(args), SAAS_LATE=os.environ.get("SAAS_LATE", "")))

    def step(self, do, page, *args):
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"id": number, "do": do, "page": page, "args": args}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the browser ended at {do} {args}")
        answer = json.loads(line)
        assert answer["id"] == number
        if "error" in answer:
            raise Failed(f"{do} {args}: {answer['error']}")
        return answer["value"]

    def page(self, **options):
        """A window with cookies, cache and history of its own; options of playwright's newContext."""
        key = next(self.numbers)
        self.step("open", key, options)
        return Page(self, key)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


class Page:
    """goto(url) and reload() return the status; text() is what is shown; evaluate(code) runs in the page; fill(selector,
    value), click(selector), press(selector) for what leads to another page, wait(selector); problems() are errors of scripts and of the console since they were asked
    for last; screenshot(path)."""

    def __init__(self, browser, key):
        self.browser, self.key = browser, key

    def __getattr__(self, do):
        return lambda *args: self.browser.step(do, self.key, *args)

    def session(self, person):
        """The session of a person who is logged in elsewhere."""
        self.cookies([{"name": cookie.name, "value": cookie.value, "url": person.base} for cookie in person.http.cookies])

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.browser.step("screenshot", self.key, str(path))
