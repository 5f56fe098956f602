"""The console in a browser, as somebody uses it: fields by their labels, buttons and links by their names."""

import re

from .browser import MODULES
from .client import PASSWORD
from .places import BUILD, ROOT

# What an operator may make the console theirs with.
BRAND = ROOT / "tests" / "data" / "brand"

# What Chromium says itself of a call that was refused: status, address.
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+) .* \S+?/api/v1/(\S*)")


def conf(api="/api/v1", at="/app", more=""):
    """Configuration of a console at /app."""
    return f'<Location "{at}">\nSaasConsole On\nSaasConsoleFiles "{BUILD}/console"\nSaasConsoleAPI {api}\n{more}\n</Location>\n'


def brand():
    """Lines of a section with a brand."""
    return f"""SaasConsoleLogo "{BRAND}/logo.svg"
SaasConsoleIcon "{BRAND}/icon.png"
SaasConsoleStyle "{BRAND}/brand.css"
SaasConsoleWelcome "{BRAND}/welcome.txt" "{BRAND}/welcome.de.txt"
SaasConsoleLink imprint https://www.example.test/imprint
SaasConsoleLink privacy /privacy.html
SaasConsoleLink other https://status.example.test/?a=b&c=d Status
"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Console:
    """page: a window of the browser. at: where the console is."""

    def __init__(self, page, site, folder="console", at="/app"):
        self.page, self.site, self.base, self.folder = page, site, site.base + at, folder
        self.met = []

    def goto(self, path="/"):
        return self.page.goto(self.base + path)

    def at(self):
        return self.page.url().removeprefix(self.base)

    def heading(self, text):
        self.page.shows("main h1", text)

    def reads(self, *texts):
        for text in texts:
            self.page.shows("body", text)

    def fill(self, **values):
        for name, value in values.items():
            self.page.fill(f"main [name={name}]", value)

    def press(self, name, inside="body"):
        self.page.click(f"{inside} >> role=button[name={quoted(name)}]")

    def follow(self, name, inside="body"):
        self.page.click(f"{inside} >> role=link[name={quoted(name)}]")

    def choose(self, selector, value):
        self.page.choose(selector, value)

    def log_in(self, email, password=PASSWORD):
        self.fill(email=email, password=password)
        self.press("Log in", "form")

    def wrong(self, name):
        """What stands beside a field."""
        self.page.wait(f"main [name={name}][aria-invalid=true]")
        return self.page.evaluate(f"document.getElementById(document.querySelector('main [name={name}]').id + '-wrong').textContent")

    def barriers(self):
        """What axe finds, in words; and what does not fit into the window's width."""
        self.page.script(str(MODULES / "axe-core" / "axe.min.js"))
        found = self.page.evaluate("""axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
            .then(found => found.violations.map(one => `${one.id}: ${one.help}: ${one.nodes.map(node => node.target + " " + node.failureSummary).join("; ")}`))""")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found + ([f"{wide} px wider than the window"] if wide > 0 else [])

    def picture(self, name):
        self.page.screenshot(BUILD / "screenshots" / self.folder / f"{name}.png")

    def looks(self, name):
        """On a phone and on a desk, in light and in dark: no barrier, and a picture in build/screenshots. On one database:
        they look the same."""
        if self.site.database.kind != "sqlite":
            return
        for width, scheme in ((360, "dark"), (1280, "light")):
            self.page.resize(width, 800)
            self.page.scheme(scheme)
            found = self.barriers()
            self.picture(f"{name}-{width}")
            assert found == [], f"{name} at {width}, {scheme}:\n" + "\n".join(found)

    def meets(self, status, path):
        """A call that the test has refused: of this is told in the browser's console. path: the beginning of it."""
        self.met.append((str(status), path))

    def silent(self):
        """Nothing in the browser's console but what the test has had refused, and nothing that the page's policy has kept from
        happening."""
        said = [line for line in self.page.problems() if not self._was_meant(REFUSED.search(line))]
        assert not said, "\n".join(said)

    def _was_meant(self, told):
        return told and any(told[1] == status and told[2].startswith(path) for status, path in self.met)
