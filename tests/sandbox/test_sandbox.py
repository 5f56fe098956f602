"""Tests of the sandbox as an API: its strictness, idempotency, faults and manners.

The last test runs Stripe's official npm client against it (npm/test.js).
"""

import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox_harness import (HERE, KEY, PRICE, SECRET, Sandbox, checkout, checkout_params, customer,
                             subscribed)

ROOT = HERE.parent.parent


def test_key(sandbox):
    good = base64.b64encode(KEY.encode() + b":").decode()
    assert sandbox.call("GET", "/v1/customers", Authorization="Basic " + good).status == 200
    for header in ("", "Bearer", "Bearer ", "Basic !!", "Digest x", "Bearer sk_test_other_987654321",
                   "Bearer " + KEY + "x", "Basic " + base64.b64encode(b"x:").decode()):
        answer = sandbox.call("GET", "/v1/customers", Authorization=header)
        assert answer.status == 401, header
        assert answer.error["type"] == "invalid_request_error"
        assert answer.headers["Request-Id"].startswith("req_")
    assert b"sk_test_other" not in sandbox.call(
        "GET", "/v1/customers", Authorization="Bearer sk_test_other_987654321").body


def test_request_headers(sandbox):
    answer = sandbox.call("POST", "/v1/customers", Stripe_Version="2026-10-28.endive",
                          Idempotency_Key="k1")
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"
    assert answer.headers["Idempotency-Key"] == "k1"
    assert sandbox.call("GET", "/v1/customers", Stripe_Version="yesterday").status == 400
    ids = {sandbox.call("GET", "/v1/customers").headers["Request-Id"] for _ in range(5)}
    assert len(ids) == 5


def test_json_body_is_refused(sandbox):
    answer = sandbox.request("POST", "/v1/customers", '{"email": "a@b.c"}', {
        "Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    assert answer.status == 400 and "x-www-form-urlencoded" in answer.error["message"]


@pytest.mark.parametrize("body", [
    "email=%zz", "email=%4", "email=%ff", "email=a%00b", "email=a@b.c&email=c@d.e", "a]b=1", "[x]=1",
    "metadata[a=1", "metadata[a][b=1", "metadata=x&metadata[a]=1", "metadata[a]=1&metadata[a][b]=2",
    "metadata[][x]=1", "a" + "[b]" * 20 + "=1", "&".join("k%d=1" % n for n in range(1500)),
    "metadata[a][b]=1", "preferred_locales[x]=de", "email=", "email=nothing", "name=" + "x" * 257,
    "metadata[" + "k" * 41 + "]=v", "metadata[k]=" + "v" * 501, "metadata[weird [key]]=v",
    "&".join("metadata[k%d]=1" % n for n in range(51)), "email[a]=b", "unknown=1", "name[0]=x",
])
def test_malformed_forms(sandbox, body):
    answer = sandbox.request("POST", "/v1/customers", body, {
        "Authorization": "Bearer " + KEY, "Content-Type": "application/x-www-form-urlencoded"})
    if body == "email=":
        assert answer.json["email"] is None
        return
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert sandbox.call("GET", "/v1/customers").json["data"] == []


@pytest.mark.parametrize("changes, code, param", [
    ({"mode": None}, "parameter_missing", "mode"),
    ({"mode": "sub"}, None, "mode"),
    ({"success_url": None}, "parameter_missing", "success_url"),
    ({"success_url": "ftp://x/"}, "url_invalid", "success_url"),
    ({"success_url": "https://x.test/a b"}, "url_invalid", "success_url"),
    ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
    ({"cancel_url": "/relative"}, "url_invalid", "cancel_url"),
    ({"line_items[0][price]": None}, "parameter_missing", "line_items[0][price]"),
    ({"line_items[0][quantity]": None}, None, "line_items[0][quantity]"),
    ({"line_items[0][quantity]": "0"}, "parameter_invalid_integer", "line_items[0][quantity]"),
    ({"line_items[0][quantity]": "1.5"}, "parameter_invalid_integer", "line_items[0][quantity]"),
    ({"line_items[0][price]": "price_no"}, "resource_missing", "line_items[0][price]"),
    ({"line_items[0][colour]": "red"}, "parameter_unknown", "line_items[0][colour]"),
    ({"client_reference_id": "x" * 201}, "parameter_invalid_string", "client_reference_id"),
    ({"customer": "cus_none"}, "resource_missing", "customer"),
    ({"customer_email": "a@b.test"}, "parameters_exclusive", "customer"),
    ({"payment_method_types[0]": "card"}, "parameter_unknown", "payment_method_types"),
    ({"ui_mode": "hosted"}, None, "ui_mode"),
    ({"allow_promotion_codes": "yes"}, None, "allow_promotion_codes"),
    ({"expires_at": str(int(time.time()) + 60)}, None, "expires_at"),
    ({"subscription_data[items][0][price]": "x"}, "parameter_unknown", "subscription_data[items]"),
    ({"subscription_data[trial_period_days]": "0"}, "parameter_invalid_integer",
     "subscription_data[trial_period_days]"),
    ({"org_id": "42"}, "parameter_unknown", "org_id"),
    ({"expand[0]": "mode"}, "property_expansion_invalid", "expand"),
    ({"expand[0]": "a.b.c.d.e"}, "property_expansion_max_depth", "expand"),
])
def test_checkout_is_strict(sandbox, changes, code, param):
    answer = sandbox.call("POST", "/v1/checkout/sessions",
                          checkout_params(customer(sandbox), **changes))
    assert answer.status == 400, answer.body
    assert (answer.error.get("code"), answer.error.get("param")) == (code, param)
    assert answer.error["type"] == "invalid_request_error"


def test_unknown_calls(sandbox):
    for method, path in (("GET", "/v1/nothing"), ("PUT", "/v1/customers"), ("GET", "/v1/customers/"),
                         ("GET", "/v1/customers/a%2Fb"), ("DELETE", "/v1/customers")):
        answer = sandbox.call(method, path)
        assert answer.status == 404 and "Unrecognized request URL" in answer.error["message"]
    for path in ("customers/cus_x", "subscriptions/sub_x", "checkout/sessions/cs_x", "events/evt_x",
                 "prices/price_x"):
        answer = sandbox.call("GET", "/v1/" + path)
        assert answer.status == 404 and answer.error["code"] == "resource_missing"


sys.path.insert(0, str(HERE))
from sandbox import api, control  # noqa: E402

ROUTES = [(method, path) for method, path, *_ in api.ROUTES]


@pytest.mark.parametrize("method, path", ROUTES, ids=lambda part: part)
def test_every_call_is_as_strict(sandbox, method, path):
    path = path.replace("{}", "id_none")
    strange = sandbox.call(method, path, [("colour", "red")])
    assert (strange.status, strange.error["code"], strange.error["param"]) == (400, "parameter_unknown", "colour")
    assert strange.error["type"] == "invalid_request_error" and strange.headers["Request-Id"].startswith("req_")
    assert sandbox.call(method, path, Authorization="Bearer sk_test_other_987654321").status == 401
    other = sandbox.request(method, path, '{"colour": "red"}', {"Authorization": "Bearer " + KEY,
                                                                "Content-Type": "application/json"})
    assert other.status == 400 and "error" in other.json
    if method == "POST":
        for _ in range(2):  # refused for its parameters: the key is free for another call
            again = sandbox.call(method, path, [("colour", "red")], Idempotency_Key="strict")
            assert again.status == 400 and "Idempotent-Replayed" not in again.headers
    if "id_none" in path and not sandbox.call(method, path).status == 400:
        gone = sandbox.call(method, path)
        assert (gone.status, gone.error["code"]) == (404, "resource_missing")
    state = sandbox.control("GET", "state")
    assert [state[name] for name in ("customers", "sessions", "subscriptions", "events", "features", "refunds")] == [[]] * 6


def test_the_readme_names_every_call():
    text = (HERE / "README.md").read_text()
    told = set()
    for cells, methods in re.findall(r"^\| (`/v1/.*?) \| (.*?) \|$", text, re.M):
        paths, start = [], ""
        for path in re.findall(r"`([^`]*)`", cells):
            start = path if path.startswith("/") else start
            paths.append(path.replace("…", start).replace("{id}", "{}"))
        groups = re.sub(r"\(.*?\)| with .*$", "", methods).split(";")
        assert len(groups) == len(paths), cells
        told |= {(method.strip(), path) for path, group in zip(paths, groups) for method in group.split(",")}
    assert told == set(ROUTES)
    rows = "\n".join(re.findall(r"^\| `(?:GET|POST|DELETE).*$", text, re.M))
    for method, path in control.CALLS:
        shown = "/_sandbox/" + path.replace(r"(\w+)", "{id}")
        assert any(shown in row and method in row for row in rows.split("\n")), shown
    for name in control.CONFIG:
        assert "`%s`" % name in rows, name


def test_deleted_customer(sandbox, receiver):
    sub = subscribed(sandbox)
    receiver.clear()
    gone = sub["customer"]
    answer = sandbox.call("DELETE", "/v1/customers/" + gone)
    assert answer.json == {"id": gone, "object": "customer", "deleted": True}
    assert sandbox.call("GET", "/v1/customers/" + gone).json["deleted"] is True
    for path, params in (("checkout/sessions", checkout_params(gone)),
                         ("billing_portal/sessions", [("customer", gone)])):
        refusal = sandbox.call("POST", "/v1/" + path, params)
        assert (refusal.status, refusal.error["code"], refusal.error["param"]) == \
            (400, "resource_missing", "customer")
    end = time.monotonic() + 30
    while len(receiver.types) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert receiver.types == ["customer.subscription.deleted", "customer.deleted"]


def test_idempotency(sandbox):
    first = sandbox.call("POST", "/v1/customers", [("email", "a@b.c")], Idempotency_Key="one")
    again = sandbox.call("POST", "/v1/customers", [("email", "a@b.c")], Idempotency_Key="one")
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    for path, params in (("/v1/customers", [("email", "x@b.c")]),
                         ("/v1/customers/" + first.json["id"], [("email", "a@b.c")])):
        other = sandbox.call("POST", path, params, Idempotency_Key="one")
        assert (other.status, other.error["type"]) == (400, "idempotency_error")
    assert sandbox.call("POST", "/v1/customers", Idempotency_Key="k" * 256).status == 400

    # Refused for its parameters: nothing kept. Refused while running: kept.
    assert sandbox.call("POST", "/v1/customers", [("bad", "1")], Idempotency_Key="two").status == 400
    assert sandbox.call("POST", "/v1/customers", [], Idempotency_Key="two").status == 200
    stale = checkout_params("cus_none")
    assert sandbox.call("POST", "/v1/checkout/sessions", stale, Idempotency_Key="three").status == 400
    kept = sandbox.call("POST", "/v1/checkout/sessions", stale, Idempotency_Key="three")
    assert kept.status == 400 and kept.error["code"] == "resource_missing"


def test_idempotency_while_running(sandbox):
    sandbox.fault(match={"method": "POST", "path": "/v1/customers"}, do="delay", seconds=2)
    answers = []
    slow = threading.Thread(target=lambda: answers.append(
        sandbox.call("POST", "/v1/customers", [], Idempotency_Key="same")))
    slow.start()
    end = time.monotonic() + 30
    while not sandbox.control("GET", "faults")["faults"][0]["hits"] and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    early = sandbox.call("POST", "/v1/customers", [], Idempotency_Key="same")
    slow.join()
    assert (early.status, early.error["code"]) == (409, "idempotency_key_in_use")
    late = sandbox.call("POST", "/v1/customers", [], Idempotency_Key="same")
    assert late.body == answers[0].body
    assert len(sandbox.control("GET", "state")["customers"]) == 1


def test_lists(sandbox):
    ids = [customer(sandbox) for _ in range(5)]
    newest = ids[::-1]

    def listed(**params):
        answer = sandbox.call("GET", "/v1/customers", list(params.items())).json
        return [row["id"] for row in answer["data"]], answer["has_more"]
    assert listed(limit=2) == (newest[:2], True)
    assert listed(limit=3, starting_after=newest[1]) == (newest[2:], False)
    assert listed(limit=1, ending_before=newest[2]) == ([newest[1]], True)
    for bad in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"starting_after": "cus_none"},
                {"page": 2}):
        assert sandbox.call("GET", "/v1/customers", list(bad.items())).status == 400


def test_subscription_update_and_cancel(sandbox, receiver):
    sub = subscribed(sandbox)
    path = "/v1/subscriptions/" + sub["id"]
    receiver.clear()
    both = sandbox.call("POST", path, [("cancel_at_period_end", "true"), ("cancel_at", "9999999999")])
    assert both.error["code"] == "parameters_exclusive"
    assert sandbox.call("POST", path, [("cancel_at", "5")]).status == 400
    assert sandbox.call("POST", path, [("status", "active")]).error["code"] == "parameter_unknown"
    changed = sandbox.call("POST", path, [("cancel_at_period_end", "true"),
                                          ("metadata[plan]", "x"), ("metadata[org_id]", "")]).json
    assert changed["metadata"] == {"plan": "x"} and changed["cancel_at_period_end"] is True
    gone = sandbox.call("DELETE", path, [("cancellation_details[feedback]", "too_expensive")]).json
    assert gone["status"] == "canceled"
    assert gone["cancellation_details"]["feedback"] == "too_expensive"
    assert sandbox.call("DELETE", path).status == 404
    assert sandbox.call("POST", path, [("cancel_at_period_end", "false")]).status == 400
    listed = {status: len(sandbox.call("GET", "/v1/subscriptions", [
        ("customer", sub["customer"]), *([("status", status)] if status else [])]).json["data"])
        for status in ("all", "canceled", "ended", "active", "")}
    assert listed == {"all": 1, "canceled": 1, "ended": 1, "active": 0, "": 0}


def test_journal_hides_the_key(sandbox):
    sandbox.call("POST", "/v1/customers", [("email", "a@b.c"), ("metadata[k]", "ü&=")],
                 Idempotency_Key="j")
    rows = sandbox.control("GET", "requests?method=POST&path=/v1/customers")["requests"]
    assert len(rows) == 1
    assert rows[0]["params"] == [["email", "a@b.c"], ["metadata[k]", "ü&="]]
    assert rows[0]["headers"]["idempotency-key"] == "j"
    assert rows[0]["status"] == 200 and rows[0]["authorized"] is True
    assert KEY not in json.dumps(rows)
    assert KEY not in json.dumps(sandbox.control("GET", "state"))
    assert sandbox.control("DELETE", "requests")["requests"] == []


def test_fault_status(sandbox):
    sandbox.fault(match={"method": "POST", "path": "/v1/customers"}, do="status", status=503, times=2,
                  skip=1, headers={"Retry-After": "3"})
    statuses = [sandbox.call("POST", "/v1/customers") for _ in range(4)]
    assert [answer.status for answer in statuses] == [200, 503, 503, 200]
    assert statuses[1].headers["Retry-After"] == "3"
    assert statuses[1].error["type"] == "api_error"
    sandbox.fault(match={"path": "/v1/"}, do="status", status=502, body="<html>", times=None)
    for _ in range(3):
        assert sandbox.call("GET", "/v1/customers").body == b"<html>"
    sandbox.control("DELETE", "faults")
    assert sandbox.call("GET", "/v1/customers").status == 200
    assert len(sandbox.control("GET", "state")["customers"]) == 2


@pytest.mark.parametrize("kind", ["drop", "hang", "cut", "garbage"])
@pytest.mark.parametrize("execute", [False, True])
def test_fault_without_a_reply(sandbox, kind, execute):
    sandbox.fault(match={"path": "/v1/customers"}, do=kind, execute=execute, seconds=0.2)
    with pytest.raises((http.client.HTTPException, OSError)):
        sandbox.call("POST", "/v1/customers", [], Idempotency_Key="f")
    made = len(sandbox.control("GET", "state")["customers"])
    assert made == (1 if execute or kind == "cut" else 0)
    again = sandbox.call("POST", "/v1/customers", [], Idempotency_Key="f")
    assert again.status == 200
    assert ("Idempotent-Replayed" in again.headers) is bool(made)
    assert len(sandbox.control("GET", "state")["customers"]) == 1


def test_fault_delay(sandbox):
    sandbox.fault(match={"path": "/v1/prices"}, do="delay", seconds=0.4)
    started = time.monotonic()
    assert sandbox.call("GET", "/v1/prices/" + PRICE).status == 200
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("spec", [
    {}, {"do": "explode"}, {"do": "drop", "tims": 1}, {"do": "drop", "match": {"pth": "/"}},
    {"do": "drop", "times": 0}, {"do": "status", "status": 99}, {"do": "drop", "match": []},
    {"do": "delay", "seconds": "x"}])
def test_bad_faults_are_refused(sandbox, spec):
    sandbox.control("POST", "faults", spec, expect=400)
    assert sandbox.control("GET", "faults")["faults"] == []


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    b"GET /v1/customers HTTP/9.9\r\n\r\n", b"POST /v1/customers HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/customers HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n",
    b"POST /v1/customers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET //[x HTTP/1.1\r\n\r\n", b"POST /_sandbox/faults HTTP/1.1\r\nContent-Length: 3\r\n\r\n{x}",
    b"POST /_sandbox/events HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
    b"GET /c/pay/%00 HTTP/1.1\r\n\r\n", b"GET " + b"/a" * 40000 + b" HTTP/1.1\r\n\r\n",
    b"POST /v1/customers HTTP/1.1\r\nContent-Length: 50\r\n\r\nshort"],
    ids=lambda raw: repr(raw[:24]))
def test_malformed_http(sandbox, raw):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as connection:
        said = b""
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                said += chunk
        except TimeoutError:
            raise
        except OSError:
            pass  # the server may hang up before it has read everything
    assert not said or re.match(rb"HTTP/1\.[01] 4\d\d|<!DOCTYPE|Error", said)
    assert sandbox.call("GET", "/v1/customers").status == 200


def test_starts_and_stops(tmp_path):
    other = Sandbox(tmp_path, "--base-url", "https://pay.example.test/", "--api-version", "acacia",
                    "--verbose")
    session = checkout(other)
    assert session["url"] == "https://pay.example.test/c/pay/" + session["id"]
    log = other.stop()
    assert "POST /v1/checkout/sessions" in log and KEY not in log
    refused = subprocess.run(["/usr/bin/python3", str(HERE / "stripe_sandbox.py"), "--secret-key",
                              KEY, "--webhook-url", "http://127.0.0.1:1/"], capture_output=True)
    assert refused.returncode == 2 and b"--webhook-secret" in refused.stderr


def npm_modules():
    """The folder with Stripe's npm package; installed when missing."""
    given = os.environ.get("STRIPE_NODE_MODULES")
    if given:
        return Path(given)
    folder = ROOT / "build" / "npm"
    if not (folder / "node_modules" / "stripe" / "package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "npm" / name, folder / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder,
                       check=True, timeout=300)
    return folder / "node_modules"


def test_official_client(sandbox):
    done = subprocess.run(
        ["node", "--test", str(HERE / "npm" / "test.js")], capture_output=True, text=True, timeout=300,
        env={**os.environ, "NODE_PATH": str(npm_modules()), "SECRET_KEY": KEY,
             "WEBHOOK_SECRET": SECRET, "SANDBOX_URL": "http://127.0.0.1:%d" % sandbox.port})
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^(?:#|ℹ) pass (\d+)", done.stdout, re.M).group(1)) >= 25
