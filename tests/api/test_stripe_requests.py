"""What this server really sends to Stripe, held against what Stripe's own client sends for the same calls: method, path,
query, the headers that matter, and the body's pairs (data/stripe_requests.json). A recorder stands between server and
sandbox, for the sandbox's journal does not have the key.
"""

import http.client
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest

from saastest import Api
from saastest.places import free_port
from saastest.site import PRICE
from test_members import join
from test_news import PAST
from test_news import until

GOLDEN = json.loads((Path(__file__).parent / "data" / "stripe_requests.json").read_text())["requests"]
PORT = free_port()
BY_SEAT = "price_test_by_seat"
SITE_CONF = f"""
SaasStripePrice {PRICE} {BY_SEAT}
SaasPlan pro {PRICE}
SaasPlan team {BY_SEAT} seats
SaasStripeAPI http://127.0.0.1:{PORT}
<VirtualHost *:*>
    ServerName 127.0.0.1
</VirtualHost>
<VirtualHost *:*>
    ServerName all.example.test
    SaasStripeQuantity 1-10
    SaasStripeTrialDays 14
    SaasStripeTrialWithoutCard pause
    SaasStripePromotionCodes On
    SaasStripeTax On
    SaasStripeTaxIDs On
    SaasStripeBillingAddress required
</VirtualHost>
"""
# Said by the client alone, or about the connection.
OTHERS = {"host", "connection", "content-length", "user-agent", "x-stripe-client-user-agent", "accept-encoding"}


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen, sandbox = [], None

    def _pass(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        Recorder.seen.append({"method": self.command, "path": self.path, "body": body.decode(),
                              "headers": {name.lower(): value for name, value in self.headers.items() if name.lower() not in OTHERS}})
        there = http.client.HTTPConnection("127.0.0.1", urlsplit(Recorder.sandbox).port, timeout=60)
        there.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name.lower() != "host"})
        reply = there.getresponse()
        data = reply.read()
        there.close()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("content-length", "connection", "server", "date", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _pass

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module", autouse=True)
def recorder(site):
    Recorder.sandbox = site.sandbox.url
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Recorder)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def said():
    """What was sent since the test began."""
    Recorder.seen.clear()
    return Recorder.seen


def pairs(text):
    return sorted(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


def decoded(request, names):
    """Comparable: the names of this test's objects are the client's, and a key of idempotency is only there or not."""
    headers = dict(request["headers"])
    if "idempotency-key" in headers:
        assert 1 <= len(headers["idempotency-key"]) <= 255
        headers["idempotency-key"] = "k"
    where = urlsplit(request["path"])
    text = json.dumps({"method": request["method"], "path": where.path, "query": pairs(where.query), "headers": headers,
                       "body": pairs(request["body"])})
    for ours, theirs in names:
        text = re.sub(re.escape(ours) + r"(?![0-9A-Za-z_])", theirs, text)
    return json.loads(text)


def compare(site, said, **calls):
    """calls: a name of the client's calls -> the names that stand for each other in it."""
    for name, names in calls.items():
        golden = decoded(GOLDEN[name], [])
        path = golden["path"].split("/")
        usual = [(site.price, "price_1"), (site.secret_key, "sk_test_123"), *names]
        found = [decoded(r, usual) for r in said if r["method"] == golden["method"]]
        found = [r for r in found if r["path"].split("/") == path]
        assert found, f"{name}: nothing of the kind was sent: {[(r['method'], r['path']) for r in said]}"
        assert found[-1] == golden, name


def test_customer_checkout_and_the_look_at_it(site, said):
    person = site.newcomer("Zoë Müller & Söhne")
    session = person.ok("POST", "billing/checkout-session/", {})["session_id"]
    assert person.ok("POST", "billing/checkout-session/", {})["session_id"] == session
    customer = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]
    names = [(person.org["id"], "42"), (customer, "cus_123"), (session, "cs_test_1")]
    compare(site, said, customer_create=names, checkout_plain=names, checkout_retrieve=names)
    assert len(said) == 3


def test_a_checkout_with_everything_that_there_is(site, said, person):
    first = person.ok("POST", "billing/checkout-session/", {})["session_id"]
    api = Api(site.base, token=person.new_token(organization=person.org["id"])["token"])
    assert api.post("billing/checkout-session/", {"quantity": 7}, headers={"Host": "all.example.test"}).status_code == 200
    customer = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]
    compare(site, said, checkout_all=[(person.org["id"], "42"), (customer, "cus_123")], checkout_expire=[(first, "cs_test_1")])


def test_the_portal(site, said, person):
    person.ok("POST", "billing/checkout-session/", {})
    customer = person.ok("GET", f"organizations/{person.org['id']}/")["stripe_customer_id"]
    assert person.post("billing/portal-session/").status_code == 200
    compare(site, said, portal_session=[(customer, "cus_123")])


def test_what_the_jobs_ask(site, said, person):
    """The subscription is asked for after its events, all of the customer's when it is their turn, and it is canceled with the organization."""
    org = site.pay(person)
    names = [(org["stripe_customer_id"], "cus_123"), (org["stripe_subscription_id"], "sub_1")]
    site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE organization_id = ?", PAST, org["id"])
    for path in (f"/v1/subscriptions/{org['stripe_subscription_id']}", "/v1/subscriptions?"):
        until(site, lambda: [r for r in said if r["path"].startswith(path)])
    assert person.delete(f"organizations/{org['id']}/").status_code == 204
    until(site, lambda: [r for r in said if r["method"] == "DELETE"])
    compare(site, said, subscription_retrieve=names, subscription_list=names, subscription_cancel=names)


def test_a_plan_that_is_paid_for_each_member(site, said, person):
    site.sandbox.control("POST", "prices", {"id": BY_SEAT, "amount": 900, "product": "Team"})
    session = person.ok("POST", "billing/checkout-session/", {"price": BY_SEAT})
    assert site.sandbox.pay(session["checkout_url"]).status_code == 303
    join(site, person, "MEMBER")
    until(site, lambda: site.database.execute("UPDATE stripe_news SET ask_at = ? WHERE organization_id = ? AND stripe_id LIKE 'sub%'", PAST, person.org["id"])
          or [r for r in said if r["method"] == "POST" and r["path"].startswith("/v1/subscriptions/")])
    sub = next(sub for sub in site.sandbox.control("GET", "state")["subscriptions"] if sub["metadata"].get("org_id") == person.org["id"])
    compare(site, said, subscription_seats=[(sub["id"], "sub_1"), (sub["items"]["data"][0]["id"], "si_1")])


def test_an_open_checkout_of_a_deleted_organization(site, said, person):
    session = person.ok("POST", "billing/checkout-session/", {})["session_id"]
    assert person.delete(f"organizations/{person.org['id']}/").status_code == 204
    until(site, lambda: [r for r in said if r["path"].endswith("/expire")])
    compare(site, said, checkout_expire=[(session, "cs_test_1")])
