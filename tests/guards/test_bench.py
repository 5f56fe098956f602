"""The benchmarks' own arithmetic, how they decide, who takes turns, and that the manual names every part; what they
measure is not measured here."""

import http.server
import json
import math
import random
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

import pytest

from saastest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench"))

import bench  # noqa: E402
import counted  # noqa: E402
import decide  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
import turns  # noqa: E402
import webhooks  # noqa: E402

SLOWER = measure.compare("gate <one>", "peer & co", [90, 94, 80] * 3, [100] * 9, "req/s", 0.95)
LATER = measure.compare("p99", "peer", [1.1, 1.2, 1.1] * 3, [1] * 9, "ms", 1.2, at_most=True)
FASTER = measure.compare("export", "peer", [2, 2], [4, 8], "MiB/s", None, amount=16)
ALONE = measure.Result("grows by", 9.0, "MiB", 8, at_most=True)
OPEN = measure.compare("gate, near", "peer", [90, 200, 80] * 3, [100] * 9, "req/s", 0.95)
FEW = measure.compare("gate, few", "peer", [90] * 8, [100] * 8, "req/s", 0.5)
ALL = [SLOWER, LATER, FASTER, ALONE, OPEN, FEW]


def test_the_ratio_is_the_median_of_the_rounds():
    assert (SLOWER.ratio, SLOWER.low, SLOWER.high, SLOWER.met) == (0.9, 0.8, 0.94, False)
    assert (LATER.ratio, LATER.met) == (1.1, True)
    assert (FASTER.ours, FASTER.peer, FASTER.ratio, FASTER.met) == (8, 3, 3, None)
    assert ALONE.ratio is None and ALONE.met is False


def test_what_the_interval_does_not_tell_is_not_decided():
    assert (OPEN.ratio, OPEN.low, OPEN.high) == (0.9, 0.8, 2.0)
    assert (FEW.ratio, FEW.low, FEW.high) == (0.9, -math.inf, math.inf)
    for result in (OPEN, FEW):
        assert (result.met, result.decided, result.word) == (None, False, "cannot tell") and "cannot tell" in result.said()
    assert FASTER.decided and FASTER.word == "" and (SLOWER.decided, SLOWER.word) == (True, "NO")


def pairs(true, noise, count, seed=0):
    """Ratios of turns as they are measured: about the true one, now and then a wild one."""
    chance = random.Random(seed)
    return [true * math.exp(chance.gauss(0, noise)) * (chance.choice((0.2, 5)) if chance.random() < 0.1 else 1) for _ in range(count)]


@pytest.mark.parametrize("true, noise, count, target, at_most, expected", [
    (0.98, 0.02, 60, 0.95, False, True), (0.92, 0.02, 60, 0.95, False, False), (0.95, 0.02, 60, 0.95, False, None),
    (1.02, 0.2, 200, 1.2, True, True), (1.50, 0.2, 200, 1.2, True, False), (1.19, 0.2, 200, 1.2, True, None),
    # The same noise, too few turns for it.
    (0.98, 0.2, 9, 0.95, False, None), (0.98, 0.001, 8, 0.95, False, None), (0.98, 0.001, 9, 0.95, False, True)])
def test_a_verdict_is_yes_no_or_that_it_cannot_tell(true, noise, count, target, at_most, expected):
    assert decide.verdict(*decide.interval(pairs(true, noise, count)), target, at_most) is expected


@pytest.mark.parametrize("low, high, target, at_most, expected", [
    (0.95, 0.99, 0.95, False, True), (0.90, 0.9499, 0.95, False, False), (0.90, 0.95, 0.95, False, None),
    (1.1, 1.2, 1.2, True, True), (1.21, 1.3, 1.2, True, False), (1.2, 1.3, 1.2, True, None),
    (-math.inf, math.inf, 1, False, None), (-math.inf, math.inf, 1, True, None), (-math.inf, 0.9, 1, False, False)])
def test_a_verdict_holds_for_all_of_the_interval(low, high, target, at_most, expected):
    assert decide.verdict(low, high, target, at_most) is expected


@pytest.mark.parametrize("part, true, count", [(0.5, math.log(2), 9), (0.5, math.log(2), 80), (0.99, math.log(100), 800)])
def test_the_interval_holds_the_true_value_as_often_as_it_says(part, true, count):
    """2,000 draws from a skewed distribution whose quantile is known; neither missed more often, nor as wide as can be."""
    chance = random.Random(1)
    drawn = [decide.interval([chance.expovariate(1) for _ in range(count)], part) for _ in range(2000)]
    missed = sum(not low <= true <= high for low, high in drawn)
    assert missed <= 2000 * (1 - decide.CONFIDENCE) * 2
    if count > 9:
        assert missed >= 1 and all(math.isfinite(high) for _, high in drawn)


def test_measuring_goes_on_until_it_is_decided_and_no_longer():
    def run(met_after, patience):
        asked = []

        def take(seconds):
            asked.append(seconds)
            return [1.0] * met_after if len(asked) > 2 else [0.5, 1.5]
        results = decide.until_decided(take, lambda rounds: [measure.compare("a", "b", rounds, [1] * len(rounds), "x", 0.9)], patience)
        return asked, results[0].met
    assert run(100, decide.Patience(1, 100)) == ([1, 1, 2], True)
    assert run(1, decide.Patience(1, 10)) == ([1, 1, 2, 4, 2], None)
    # After the deadline only what any row is given.
    assert run(100, decide.Patience(1, 100, 0)) == ([1], None)


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers after 4 ms, in chunks or whole."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.004)
        chunked = self.path == "/chunked"
        self.send_response(200 if self.path != "/refused" else 403)
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "5")))
        self.end_headers()
        for part in (b"2\r\n", b"he\r\n3\r\nll", b"o\r\n0\r\n\r\n") if chunked else (b"he", b"llo"):
            self.wfile.write(part)

    def log_message(self, *unused):
        pass


@pytest.fixture(scope="module")
def slow():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_servers_and_processes_take_turns(slow):
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        began = time.time()
        rounds = turns.take([turns.get(slow + "/whole"), turns.get(slow + "/chunked"), turns.process(sleeper.pid)], 0.5, 50, 2)
        until = time.monotonic() + 5
        while (state := Path(f"/proc/{sleeper.pid}/stat").read_text().rsplit(") ", 1)[1][0]) != "T" and time.monotonic() < until:
            time.sleep(0.01)  # a signal counts when its process is given a processor
    finally:
        sleeper.kill()
        sleeper.wait()
    assert state == "T" and rounds
    for *servers, process in rounds:
        assert process.count == 0 and process.seconds >= 0.05
        for turn in servers:
            assert began <= turn.began and 16 <= turn.count <= 2 * turn.seconds / 0.004 + 2
            assert 4 <= turn.median <= turn.p99 and 4 <= turn.first <= turn.median


def test_each_request_once_and_no_answer_but_a_success(slow):
    port, request = slow.rsplit(":", 1)[1], b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n"
    assert turns.take([turns.requests(port, [request] * 30, once=True)], 30, 1000, 2) == []
    with pytest.raises(subprocess.CalledProcessError):
        turns.take([turns.get(slow + "/refused")], 0.1, 10, 1)


def test_the_counts_of_a_request_are_read_as_callgrind_writes_them():
    text = ("desc: Trigger: x\nevents: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\nfn=(1)\n12 5 1 1 9 9 9\n"
            "summary: 52350 15184 7997 1934 575 208 0 0 23\ntotals: 1 1 1\n")
    assert counted.counted(text) == (52350, 1934 + 575 + 208)


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
    assert [(row["met"], row["verdict"]) for row in rows] == [
        (False, "NO"), (True, "yes"), (None, None), (False, "NO"), (None, "cannot tell"), (None, "cannot tell")]
    assert [row["interval"] for row in rows[3:]] == [None, [0.8, 2.0], [None, None]]


def test_the_plot_puts_good_to_the_right_and_bad_to_the_left():
    root = xml.etree.ElementTree.fromstring(report.svg(ALL))
    bars = [(bar.get("fill"), float(bar.get("x"))) for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")]
    assert len(bars) == len(ALL)
    for color, x in bars:
        assert color == report.OPEN or (x >= report.MIDDLE) == (color != report.BAD), (color, x)


def test_the_table_says_what_was_missed():
    lines = report.table(ALL).splitlines()[2:]
    assert [("NO" in line.split(), "yes" in line.split()) for line in lines] == [
        (True, False), (False, True), (False, False), (True, False), (False, False), (False, False)]
    assert ["cannot tell" in line for line in lines] == [False] * 4 + [True] * 2


@pytest.mark.parametrize("part", bench.PARTS, ids=lambda part: part.name)
def test_every_part_is_there_and_in_the_manual(part):
    module, _, function = part.what.partition(".")
    source = (ROOT / "tests" / "bench" / f"{module}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def {function or 'measure'}\(database, args, say\):", source, re.M)
    assert f"| `{part.name}` |" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_the_peer_of_webhooks_sends_what_the_module_sends():
    template = "-- a comment\n\\set n 1\nBEGIN\nSELECT a | :n | 'x' || :n\nwait\nCOMMIT\n"
    sent = ("BEGIN", "SELECT a FROM b WHERE c = $2::text AND d = $1", "COMMIT")
    middle = "SELECT a FROM b WHERE c = ('x' || :n)::text AND d = (:n);"
    assert webhooks.peer_scripts(template, sent) == [
        f"\\set n 1\nBEGIN;\n{middle}\nCOMMIT;\n",
        f"\\set n 1\n\\startpipeline\nBEGIN;\n{middle}\n\\endpipeline\n\\startpipeline\nCOMMIT;\n\\endpipeline\n"]
    for other in (sent[:2], (*sent, "COMMIT"), ("BEGIN", "SELECT a FROM b WHERE c = $1", "COMMIT"),
                  ("BEGIN", "SELECT z FROM b WHERE c = $1 AND d = $2", "COMMIT"), (sent[1], sent[0], sent[2])):
        with pytest.raises(RuntimeError, match="the module sends"):
            webhooks.peer_scripts(template, other)
