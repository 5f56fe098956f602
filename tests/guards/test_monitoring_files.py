"""Prometheus' rules and Grafana's dashboard of conf/monitoring: promtool takes every expression, each alert fires for its
reason and for no other's, and stands in the manual. That the series exist is looked at in tests/api/test_metrics.py.
"""

import json
import re
import subprocess

from saastest import ROOT
from saastest.metrics import dashboard
from saastest.places import program

RULES = ROOT / "conf" / "monitoring" / "saas.rules.yml"
TESTS = ROOT / "tests" / "data" / "monitoring" / "saas.rules.test.yml"
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), re.M)


def promtool(*words):
    done = subprocess.run([program("promtool"), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules():
    assert f"{len(ALERTS) + 2} rules found" in promtool("check", "rules", RULES)


def test_each_alert_fires_for_its_reason_alone():
    assert "SUCCESS" in promtool("test", "rules", TESTS)
    assert set(re.findall(r'exp_samples:\n +- \{ labels: \'ALERTS\{alertname="(\w+)"', TESTS.read_text())) == set(ALERTS)


def test_promtool_takes_what_the_dashboard_asks(tmp_path):
    asked = dashboard()
    assert len(asked) > 30
    rules = [{"record": f"asked:{n}", "expr": expr} for n, expr in enumerate(asked)]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))     # JSON is YAML
    promtool("check", "rules", file)


def test_each_alert_is_in_the_manual_and_no_other():
    part = (ROOT / "docs" / "monitoring.md").read_text().split("\n## Alerts\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(Saas\w+)` \|", part, re.M) == ALERTS


def test_an_alert_says_how_urgent_it_is_and_the_way_out():
    for text in re.split(r"\n +- (?:alert|record): ", RULES.read_text())[1:]:
        name = text.split()[0]
        if name in ALERTS:
            assert re.search(r"severity: (page|ticket) ", text) and "summary: " in text and "description: " in text, name
