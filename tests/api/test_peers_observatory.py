"""Verdicts on headers and pages compared with those of MDN's HTTP Observatory: its own suite's answers, served by a real server
and audited. tests/api/observatory/record.mjs has its analyzers judge them.
"""

import json
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from saastest import Places, wait_audit
from saastest.places import BUILD, ROOT, program
from saastest.tls import Authority
from test_audits import start

PACKAGE = BUILD / "observatory" / "node_modules" / "@mdn" / "mdn-http-observatory"
pytestmark = [pytest.mark.only_db("sqlite"), pytest.mark.long(20)]

# What each of its results is for our checks. One that is not here is compared with nothing.
MEANS = {
    "x-frame-options-sameorigin-or-deny": {"clickjacking_protected": "PASS"},
    "x-frame-options-allow-from-origin": {"clickjacking_protected": "PASS"},
    "x-frame-options-implemented-via-csp": {"clickjacking_protected": "PASS"},
    "x-frame-options-not-implemented": {"clickjacking_protected": "FAIL"},
    "x-frame-options-header-invalid": {"clickjacking_protected": "FAIL"},
    "x-content-type-options-nosniff": {"content_type_nosniff": "PASS"},
    "x-content-type-options-not-implemented": {"content_type_nosniff": "FAIL"},
    "x-content-type-options-header-invalid": {"content_type_nosniff": "FAIL"},
    "referrer-policy-private": {"referrer_policy_safe": "PASS"},
    "referrer-policy-unsafe": {"referrer_policy_safe": "FAIL"},
    "referrer-policy-not-implemented": {"referrer_policy_safe": "FAIL"},
    "referrer-policy-header-invalid": {"referrer_policy_safe": "FAIL"},
    "corp-implemented-with-same-origin": {"cross_origin_resource_policy": "PASS"},
    "corp-implemented-with-same-site": {"cross_origin_resource_policy": "PASS"},
    "corp-implemented-with-cross-origin": {"cross_origin_resource_policy": "FAIL"},
    "corp-not-implemented": {"cross_origin_resource_policy": "FAIL"},
    "corp-header-invalid": {"cross_origin_resource_policy": "FAIL"},
    "hsts-implemented-max-age-at-least-six-months": {"hsts_enabled": "PASS", "hsts_max_age": "PASS"},
    "hsts-implemented-max-age-less-than-six-months": {"hsts_enabled": "PASS", "hsts_max_age": "FAIL"},
    "hsts-not-implemented": {"hsts_enabled": "FAIL"},
    "hsts-header-invalid": {"hsts_enabled": "FAIL"},
    "csp-not-implemented": {"csp_present": "FAIL"},
    "csp-not-implemented-but-reporting-enabled": {"csp_present": "FAIL"},
    "csp-header-invalid": {"csp_present": "FAIL"},
    "csp-implemented-with-no-unsafe": {"csp_script_no_unsafe_inline": "PASS", "csp_no_unsafe_eval": "PASS"},
    "csp-implemented-with-no-unsafe-default-src-none": {"csp_script_no_unsafe_inline": "PASS", "csp_no_unsafe_eval": "PASS"},
    "csp-implemented-with-unsafe-inline-in-style-src-only": {"csp_script_no_unsafe_inline": "PASS", "csp_no_unsafe_eval": "PASS"},
    "csp-implemented-with-insecure-scheme-in-passive-content-only": {"csp_script_no_unsafe_inline": "PASS", "csp_no_unsafe_eval": "PASS"},
    "csp-implemented-with-unsafe-eval": {"csp_no_unsafe_eval": "FAIL"},
    "csp-implemented-with-unsafe-inline": {("csp_script_no_unsafe_inline", "csp_base_object_form_locked"): "FAIL"},  # it counts object-src, too
    "cookies-not-found": {"cookies_secure": "PASS", "cookies_httponly": "PASS", "cookies_samesite": "PASS"},
    "cookies-secure-with-httponly-sessions-and-samesite": {"cookies_secure": "PASS", "cookies_httponly": "PASS", "cookies_samesite": "PASS"},
    "cookies-secure-with-httponly-sessions": {"cookies_secure": "PASS", "cookies_httponly": "PASS"},
    "cookies-without-secure-flag": {"cookies_secure": "FAIL"},
    "cookies-without-secure-flag-but-protected-by-hsts": {"cookies_secure": "FAIL"},
    "cookies-session-without-secure-flag": {"cookies_secure": "FAIL"},
    "cookies-session-without-secure-flag-but-protected-by-hsts": {"cookies_secure": "FAIL"},
    "cookies-session-without-httponly-flag": {"cookies_httponly": "FAIL"},
    "cookies-samesite-flag-invalid": {"cookies_samesite": "FAIL"},
    "cookies-anticsrf-without-samesite-flag": {"cookies_samesite": "FAIL"},
    "sri-implemented-and-all-scripts-loaded-securely": {"scripts_loaded_securely": "PASS"},
    "sri-implemented-and-external-scripts-loaded-securely": {"scripts_loaded_securely": "PASS"},
    "sri-implemented-but-external-scripts-not-loaded-securely": {"scripts_loaded_securely": "FAIL"},
    "sri-not-implemented-and-external-scripts-not-loaded-securely": {"scripts_loaded_securely": "FAIL"},
    "sri-not-implemented-but-all-scripts-loaded-from-secure-origin": {"scripts_loaded_securely": "PASS"},
    "sri-not-implemented-but-external-scripts-loaded-securely": {"scripts_loaded_securely": "FAIL"},
    "sri-not-implemented-but-no-scripts-loaded": {"scripts_loaded_securely": "PASS"},
    "sri-not-implemented-response-not-html": {"scripts_loaded_securely": "PASS"},
    "cross-origin-resource-sharing-not-implemented": {"cors_no_credentialed_reflection": "PASS"},
    "cross-origin-resource-sharing-implemented-with-public-access": {"cors_no_credentialed_reflection": "PASS"},
    "cross-origin-resource-sharing-implemented-with-restricted-access": {"cors_no_credentialed_reflection": "PASS"},
    "cross-origin-resource-sharing-implemented-with-universal-access": {"cors_no_credentialed_reflection": "FAIL"},
}
NOT_COMPARED = {
    "csp-implemented-with-insecure-scheme": "a page over https cannot load from http sources, whatever its policy lets in",
    "hsts-invalid-cert": "the server's certificate is good",
    "hsts-not-implemented-no-https": "the server speaks https",
    "html-not-parseable": "every text is parseable as HTML",
}
# (check, a piece of the answer's headers or page): why ours is another verdict.
DIFFER = {
    ("clickjacking_protected", "SAMEORIGIN, SAMEORIGIN"): "HTML has values compared as a set: one value said twice is one",
    ("clickjacking_protected", "ALLOW-FROM https://mozilla.org"): "browsers have dropped ALLOW-FROM, and let everybody frame the page",
    ("content_type_nosniff", "nosniff, nosniff"): "Fetch has the first value count",
    ("referrer_policy_safe", 'content=\\"no-referrer, same-origin\\"'): "HTML has the element take one word; a list is for headers",
    ("csp_present", "default-src 'none'; default-src 'none'"): "of a repeated directive the first counts; nothing of the policy is lost",
    ("csp_present", "default-src 'none'; img-src 'self'; default-src 'none'"): "the same",
    ("csp_present", "script-src 'strict-dynamic'"): "without a nonce or hash no script runs at all, which is strict enough",
    ("csp_script_no_unsafe_inline", "default-src http:"): "what http: and https: both let in is every host over https",
    ("scripts_loaded_securely", "//fb.me/react"): "without a scheme it is loaded as the page is, over https",
    ("scripts_loaded_securely", 'src=\\"//www.mozilla.org/static/js/foo.js'): "the same",
    ("cookies_secure", "heroku-session-affinity"): "it excuses cookies that platforms set; whoever reads them has them all the same",
    ("cookies_httponly", "heroku-session-affinity"): "the same",
    ("cors_no_credentialed_reflection", '"access-control-allow-credentials", "TRUE"'): "Fetch has the value be true, letter by letter",
    ("cors_no_credentialed_reflection", '"access-control-allow-credentials", "True"'): "the same",
}


def recorded():
    """Every case that its analyzers have judged."""
    done = subprocess.run([program("node"), ROOT / "tests" / "api" / "observatory" / "record.mjs", PACKAGE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 150
    return found


@pytest.fixture(scope="module")
def cases():
    """Those of one answer; tests/api/test_peers_redirects.py has the routes."""
    return [case for case in recorded() if case["analyzer"] != "redirection"]


@pytest.fixture(scope="module", autouse=True)
def authority():
    places = Places()
    folder = places.folder("lab")
    folder.chmod(0o755)
    made = Authority(folder)
    os.environ["SSL_CERT_FILE"] = str(made.pem)
    yield made
    del os.environ["SSL_CERT_FILE"]
    places.close()


@pytest.fixture(scope="module")
def server(authority, cases):
    class Handler(BaseHTTPRequestHandler):
        protocol_version, server_version, sys_version = "HTTP/1.1", "peer", ""

        def do_GET(self):
            number = self.path[1:]
            case = cases[int(number)] if number.isdigit() else None
            page = (case["page"] if case else "").replace("mozilla.org", "127.0.0.1").encode()
            self.send_response(200 if case else 404)
            fields = (case["https"] if case["analyzer"] == "strict-transport-security" else case["headers"]) if case else []
            if case and case["analyzer"] == "cross-origin-resource-sharing":
                fields = [(name, value.replace(case["origin"], self.headers["Origin"]) if case["origin"] else value)
                          for name, value in case["cors"]] if self.headers["Origin"] else []
                if case["origin"]:
                    fields = [(name, value.replace(case["origin"].upper(), self.headers["Origin"].upper())) for name, value in fields]
            for name, value in fields or []:
                self.send_header(name, value.encode().decode("latin-1"))
            for cookie in case["cookies"] if case and case["analyzer"] == "cookies" else []:
                self.send_header("Set-Cookie", cookie.replace("Domain=mozilla.org; ", ""))
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def do_TRACE(self):
            self.send_error(405)

        def log_message(self, format, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads, httpd.handle_error = True, lambda *unused: None
    pem, key = authority.issue("peer", "localhost", "DNS:localhost,IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"https://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(scope="module")
def rows(alice, server, cases):
    """The evidence of audits of all of them, by number and check."""
    found, most = {}, 200
    for first in range(0, len(cases), most):
        audit = wait_audit(alice, start(alice, [f"{server}/{n}" for n in range(first, min(first + most, len(cases)))]).json()["id"], 90)
        assert audit["status"] == "completed", audit
        url = f"audits/{audit['id']}/evidence/?cursor=&page_size=200"
        while url:
            page = alice.ok("GET", url)
            found.update({(int(r["resource_id"].rsplit("/", 1)[1]), r["check_name"]): r for r in page["results"]})
            url = page["next"]
    return found


def test_its_analyzers_say_the_same(rows, cases):
    wrong, used = [], set()
    for number, case in enumerate(cases):
        answer = json.dumps([case["headers"], case["https"], case["page"], case["cookies"], case["cors"]], ensure_ascii=False)
        for check, want in MEANS.get(case["result"], {}).items():
            checks = check if isinstance(check, tuple) else (check,)
            row, check = rows[number, checks[0]], checks[0]
            if any(rows[number, one]["status"] == want for one in checks):
                continue
            excuse = next((key for key in DIFFER if key[0] == check and key[1] in answer), None)
            if excuse:
                used.add(excuse)
            else:
                wrong.append(f"{case['test']}: {check}: {row['status']} ({row['comment']}), its {case['result']}\n    {answer[:600]}")
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong)
    assert used == set(DIFFER), f"no difference any more: {set(DIFFER) - used}"


def test_every_result_of_its_suite_is_known(cases):
    assert {case["result"] for case in cases} <= MEANS.keys() | NOT_COMPARED.keys()
