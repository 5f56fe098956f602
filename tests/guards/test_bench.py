"""The benchmarks' own arithmetic, and that the manual names every part; what they measure is not measured here."""

import json
import re
import sys
import xml.etree.ElementTree

import pytest

from saastest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench"))

import bench  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402

SLOWER = measure.compare("gate <one>", "peer & co", [90, 200, 80], [100, 100, 100], "req/s", 0.95)
LATER = measure.compare("p99", "peer", [1.1, 1.3, 1.2], [1, 1, 1], "ms", 1.2, at_most=True)
FASTER = measure.compare("export", "peer", [2, 2], [4, 8], "MiB/s", None, amount=16)
ALONE = measure.Result("grows by", 9.0, "MiB", 8, at_most=True)
ALL = [SLOWER, LATER, FASTER, ALONE]


def test_the_ratio_is_the_median_of_the_rounds():
    assert (SLOWER.ratio, SLOWER.low, SLOWER.high, SLOWER.met) == (0.9, 0.8, 2.0, False)
    assert (LATER.ratio, LATER.met) == (1.2, True)
    assert (FASTER.ours, FASTER.peer, FASTER.ratio, FASTER.met) == (8, 3, 3, None)
    assert ALONE.ratio is None and ALONE.met is False


def test_contenders_take_turns_and_the_order_turns_too():
    order = []
    series = measure.rotate(2, a=lambda: order.append("a") or len(order), b=lambda: order.append("b") or len(order))
    assert "".join(order) == "ab" "ab" "ba" and series == {"a": [3, 6], "b": [4, 5]}


def test_json_has_the_promised_fields():
    rows = json.loads(report.as_json(ALL))
    assert [row["name"] for row in rows] == [r.name for r in ALL]
    for row in rows:
        assert {"name", "ours", "peer", "ratio", "target", "met"} <= set(row)
    assert rows[3]["peer"] is None and rows[3]["ratio"] is None and rows[2]["met"] is None


def test_the_plot_puts_good_to_the_right_and_bad_to_the_left():
    root = xml.etree.ElementTree.fromstring(report.svg(ALL))
    bars = [(bar.get("fill"), float(bar.get("x"))) for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")]
    assert len(bars) == len(ALL)
    for color, x in bars:
        assert (x >= report.MIDDLE) == (color != report.BAD), (color, x)


def test_the_table_says_what_was_missed():
    lines = report.table(ALL).splitlines()[2:]
    assert [("NO" in line.split(), "yes" in line.split()) for line in lines] == [
        (True, False), (False, True), (False, False), (True, False)]


@pytest.mark.parametrize("part", bench.PARTS, ids=lambda part: part.name)
def test_every_part_is_there_and_in_the_manual(part):
    module, _, function = part.what.partition(".")
    source = (ROOT / "tests" / "bench" / f"{module}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def {function or 'measure'}\(database, args, say\):", source, re.M)
    assert f"| `{part.name}` |" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
