"""The console in headless Chromium: how soon somebody can do something on the first page they come to, with nothing of it in the
browser and a processor four times slower, and how soon a filter of a million findings shows its first rows. Times are the page's own:
from the start of its navigation, or from the change of the filter's field, to the first frame behind what was waited for.
"""

import json

import decide
from measure import figure
from saastest import Site, seed
from saastest.browser import Browser
from saastest.console import conf

SLOWER = 4
# What has to be there before somebody can begin.
FIRST = {"what it is, for guests": ("/", "main a.button"), "log-in": ("/login", "main [name=email]"), "overview": ("/o/{slug}/", "main .score")}
# Seen by a frame after it is in the document, and no script is running.
READY = """addEventListener("DOMContentLoaded", () => {
    const look = () => document.querySelector(%s) && (watch.disconnect(), requestAnimationFrame(() => setTimeout(() => { window.ready = performance.now(); })));
    const watch = new MutationObserver(look);
    watch.observe(document, { childList: true, subtree: true });
    look();
});"""
# A filter is changed, and its first rows are waited for: field, value, and what the first of them has to read. A text is asked for
# when nothing has been typed for a moment, which counts.
FILTERS = {"severity": ("severity", "critical", "Critical"), "status": ("status", "PASS", "Passed"), "a text of many": ("search", "number 7", "number 7"),
           "a text of one": ("search", "needle", "needle")}
FILTER = """new Promise(done => {
    const [name, value, first] = %s, field = document.querySelector(`[name=${name}]`);
    const seen = () => document.querySelector(".gridbody [role=row][aria-busy=false], .gridbody [role=row]:not([aria-busy=true])")?.textContent.includes(first)
        && new URLSearchParams(location.search).get(name) === value;
    const watch = new MutationObserver(() => seen() && (watch.disconnect(), requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)))));
    watch.observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true });
    const began = performance.now();
    field.value = value;
    field.dispatchEvent(new Event(name === "search" ? "input" : "change", { bubbles: true }));
})"""
# Of a million findings these are the others, in the middle and at the end.
RARE = ("UPDATE evidence SET severity = 'critical', status = 'PASS' WHERE org_id = ? AND audit_id = ? AND number % 5000 = 4999",
        "UPDATE evidence SET comment = 'a needle' WHERE org_id = ? AND audit_id = ? AND number = ?")


class Console:
    def __init__(self, database, rows):
        self.browser = None
        self.site = Site(database, conf=conf(), with_stripe=False)
        try:
            self.site.start()
            self.person = self.site.register(organization="Bench console")
            org = self.person.org["id"]
            self.audit = seed.large_audit(database, org, rows)
            database.execute(RARE[0], org, self.audit)
            database.execute(RARE[1], org, self.audit, rows - 1)
            seed.make_searchable(database, org, self.audit)
            database.execute("ANALYZE evidence")
            self.slug = self.person.org["slug"]
            self.browser = Browser()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.browser:
            self.browser.close()
        self.site.close()

    def window(self, path):
        page = self.browser.page()
        if path.startswith("/o/"):
            page.session(self.person)
        return page

    def first(self, path, selector):
        """ms until the page is there, in a browser that has nothing of it."""
        page = self.window(path)
        try:
            page.before(READY % json.dumps(selector))
            page.slow(SLOWER)
            page.goto(self.site.base + "/app" + path.format(slug=self.slug))
            page.until("window.ready")
            return page.evaluate("window.ready")
        finally:
            page.close()

    def filters(self, rounds):
        """{filter: ms of each round}, each from the table without one."""
        times = {name: [] for name in FILTERS}
        page = self.window("/o/")
        try:
            page.goto(f"{self.site.base}/app/o/{self.slug}/audits/{self.audit}")
            for _ in range(rounds):
                for name, (field, value, first) in FILTERS.items():
                    page.wait(".gridbody [role=row] .badge")
                    times[name].append(page.evaluate(FILTER % json.dumps([field, value, first])))
                    if field == "search":
                        page.fill(f"[name={field}]", "")
                    else:
                        page.choose(f"[name={field}]", "")
                    page.until(f"!new URLSearchParams(location.search).get({json.dumps(field)}) && document.querySelector('.gridbody [role=row] .badge.low')")
        finally:
            page.close()
        return times


def measure(database, args, say):
    rows = 100_000 if args.quick else 1_000_000
    rounds = decide.FEWEST
    say(f"console, {database.kind}: {rows:,} findings")
    console = Console(database, rows)
    try:
        for name, (path, selector) in FIRST.items():
            yield figure(f"console, {database.kind}: {name}, interactive at a processor {SLOWER} times slower",
                         [console.first(path, selector) for _ in range(rounds)], "ms", 1000)
        for name, times in console.filters(rounds).items():
            yield figure(f"console, {database.kind}: filter of {rows:,} findings by {name}, first rows", times, "ms", 300)
    finally:
        console.close()
