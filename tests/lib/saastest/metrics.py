"""What a monitoring system sees: /saas/metrics, read by Prometheus' own parser for OpenMetrics."""

import contextlib
import json
import re
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from .places import ROOT

TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def families(site):
    """{name: family} of one scrape; fails on whatever the parser does not take, and on series that are there twice."""
    reply = site.nobody().get("/saas/metrics")
    assert reply.status_code == 200 and reply.headers["Content-Type"] == TYPE, (reply.status_code, reply.text[:500])
    assert reply.text.endswith("\n# EOF\n")
    found = {}
    for family in text_string_to_metric_families(reply.text):
        assert family.name not in found and family.documentation, family.name
        assert family.name.startswith("saas_"), family.name
        found[family.name] = family
        series = [(s.name, *sorted(s.labels.items())) for s in family.samples]
        assert len(series) == len(set(series)), family.name
    return found


def scrape(site):
    """{'saas_x_total{a="b",c="d"}': value}, labels in the order of their names."""
    found = {}
    for family in families(site).values():
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name + ("{" + labels + "}" if labels else "")] = sample.value
    return found


class Moved(dict):
    """{series: by how much}, of those that have moved."""

    def of(self, *families):
        """Only the counters of these families, by what is between their braces (a family without labels: "")."""
        picked = {}
        for series, change in self.items():
            name, _, labels = series.partition("{")
            if name in [f"saas_{family}_total" for family in families]:
                picked[labels.rstrip("}")] = change
        return picked


@contextlib.contextmanager
def moved(site):
    """A dictionary that holds, when the block is left, by how much each series has moved in it."""
    change = Moved()
    before = scrape(site)
    yield change
    # A request is counted when its answer has gone out, which may be a moment after it was read. (To look until nothing moves any
    # more would be counted, too.)
    time.sleep(0.1)
    after = scrape(site)
    change.update({series: value - before.get(series, 0) for series, value in after.items() if value != before.get(series, 0)})


def wait_for(site, series, value, seconds=15):
    """Waits until a series has a value; some things end a little after the client has its answer."""
    end = time.monotonic() + seconds
    while scrape(site).get(series) != value:
        assert time.monotonic() < end, f"{series} is {scrape(site).get(series)}, not {value}"
        time.sleep(0.05)


def dashboard():
    """What Grafana's dashboard asks Prometheus, with values for its variables."""
    panels = json.loads((ROOT / "conf" / "monitoring" / "saas.dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [expr.replace("$__rate_interval", "5m").replace("$instance", ".*") for expr in asked]


def rules():
    """The expressions of Prometheus' rules, as they stand in the file."""
    text = (ROOT / "conf" / "monitoring" / "saas.rules.yml").read_text()
    return re.findall(r"^        expr: (.*(?:\n {10,}.*)*)", text, re.M)


def named(expressions):
    """{series: labels} that expressions name, with the values that a label is compared with: {"x_total": {"a": {"b", "c"}}}.
    What a scrape gives a series besides is not among them, nor a rule's own name."""
    found = {}
    for expr in expressions:
        for name, selector in re.findall(r"\b(saas_\w+)(?:\{([^}]*)\})?", expr):
            labels = found.setdefault(name, {})
            for label, _, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selector):
                labels.setdefault(label, set()).update(value.split("|"))
        for label in (label for words in re.findall(r"\bby \(([^)]*)\)", expr) for label in words.split(",")):
            for name in re.findall(r"\bsaas_\w+", expr):
                found[name].setdefault(label.strip(), set())
    for labels in found.values():
        labels.pop("instance", None)
        labels.pop("le", None)
    return found
