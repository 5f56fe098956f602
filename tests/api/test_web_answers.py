"""What an audit says of odd answers of a real server: tests/data/web/answers.json, of which the unit tests judge the facts
without a network."""

import json
import pathlib

import pytest

from saastest import TargetServer, wait_audit
from test_audits import start

CASES = json.loads((pathlib.Path(__file__).parents[1] / "data/web/answers.json").read_text())["cases"]


@pytest.fixture(scope="module")
def rows(alice):
    """The evidence of one audit of all answers, by path and check."""
    with TargetServer() as server:
        def answer(self):
            case = CASES[int(self.path[1:])] if self.path[1:].isdigit() else None
            page = f"<!doctype html><html><head>{case['head']}</head><body>{case.get('body', '')}</body></html>".encode() if case else b""
            self.send_response(200 if case else 404)
            for name, value in case["headers"] if case else ():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        server.httpd.RequestHandlerClass = type("Answers", (server.httpd.RequestHandlerClass,), {"do_GET": answer})
        audit = wait_audit(alice, start(alice, [f"{server.url}/{n}" for n in range(len(CASES))]).json()["id"], 60)
        assert audit["status"] == "completed", audit
        found, url = {}, f"audits/{audit['id']}/evidence/?page_size=200"
        while url:
            page = alice.ok("GET", url)
            found.update({(r["resource_id"].removeprefix(server.url), r["check_name"]): r for r in page["results"]})
            url = page["next"]
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_an_odd_answer_is_judged_as_browsers_take_it(rows, number):
    case = CASES[number]
    got = {check: rows[f"/{number}", check]["status"] for check in case["want"]}
    assert got == case["want"], (case["why"], [rows[f"/{number}", check]["comment"] for check in case["want"]])
    for check, words in case.get("says", {}).items():
        assert words in rows[f"/{number}", check]["comment"]
