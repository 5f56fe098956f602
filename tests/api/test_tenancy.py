"""Other people's objects: as if they did not exist, byte for byte; and the order in which one is refused."""

import http.client
import json

import pytest

from saastest import seed
from test_export import AWKWARD

MISSING = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def theirs(site, payer):
    """An audit of a paying organization, of which alice is no member."""
    return seed.audit(site.database, payer.org["id"], AWKWARD)


@pytest.mark.parametrize("method, path", [
    ("GET", "audits/{}/"), ("GET", "audits/{}/evidence/"), ("GET", "audits/{}/export/csv/"), ("POST", "audits/{}/cancel/"),
    ("HEAD", "audits/{}/"), ("GET", "audits/{}/evidence/?status=FAIL"),
])
def test_a_foreign_audit_is_byte_identical_to_a_missing_one(alice, theirs, method, path):
    foreign = alice.call(method, path.format(theirs))
    missing = alice.call(method, path.format(MISSING))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    volatile = {"date", "connection", "keep-alive", "x-request-id"}
    assert {k: v for k, v in foreign.headers.items() if k.lower() not in volatile} == {k: v for k, v in missing.headers.items() if k.lower() not in volatile}


@pytest.mark.parametrize("method, body", [("GET", None), ("PUT", {"name": "x"}), ("PATCH", {"name": "x"}), ("PATCH", {"name": 5})])
def test_a_foreign_organization_is_byte_identical_to_a_missing_one(alice, payer, method, body):
    foreign = alice.call(method, f"organizations/{payer.org['id']}/", body)
    missing = alice.call(method, f"organizations/{MISSING}/", body)
    assert foreign.status_code == missing.status_code == 404 and foreign.content == missing.content


@pytest.mark.parametrize("header", ["own", "theirs", "missing"])
def test_a_header_does_not_open_a_foreign_object(alice, payer, theirs, header):
    value = {"own": alice.org["id"], "theirs": payer.org["id"], "missing": MISSING}[header]
    for path in (f"audits/{theirs}/", f"audits/{theirs}/evidence/", f"audits/{theirs}/export/csv/"):
        assert alice.get(path, headers={"X-Organization-ID": value}).status_code == 404
        assert alice.get(path, params={"organization": value}).status_code == 404


def test_an_objects_own_organization_wins_over_the_header(site, payer, theirs):
    second = payer.ok("POST", "organizations/", {"name": "Not this one"})
    reply = payer.get(f"audits/{theirs}/", headers={"X-Organization-ID": second["id"]})
    assert reply.status_code == 200 and reply.json()["id"] == theirs


def test_lists_hold_nothing_foreign(alice, theirs):
    body = alice.ok("GET", "audits/?page_size=200")
    assert theirs not in [a["id"] for a in body["results"]]


@pytest.mark.parametrize("path", ["audits/{}/", "audits/{}/export/csv/", "audits/{}/evidence/"])
def test_401_comes_before_404(site, theirs, path):
    for key in (theirs, MISSING, "nonsense"):
        reply = site.nobody().get(path.format(key))
        assert reply.status_code == 401 or (key == "nonsense" and reply.status_code == 404)


def test_404_comes_before_403(alice, theirs, payer):
    viewer = alice.as_token(role="VIEWER")
    assert viewer.post(f"audits/{theirs}/cancel/").status_code == 404
    assert viewer.patch(f"organizations/{payer.org['id']}/", {"name": "x"}).status_code == 404


def test_403_role_comes_before_403_subscription_and_before_400(alice):
    viewer = alice.as_token(role="VIEWER")
    assert viewer.post("audits/start/", {"targets": 5}).status_code == 403
    assert viewer.post("billing/checkout-session/", {"price": 5}).json()["code"] == "permission_denied"


def test_403_subscription_comes_before_409_and_400(site, alice):
    key = seed.audit(site.database, alice.org["id"], status="running")
    for query in ("", "?status=nonsense"):
        reply = alice.get(f"audits/{key}/export/csv/{query}")
        assert reply.status_code == 403 and reply.json()["code"] == "subscription_required"


def test_upper_case_ids_name_the_same_object(payer, theirs):
    assert payer.get(f"audits/{theirs.upper()}/").status_code == 200


@pytest.mark.parametrize("key", ["' OR '1'='1", "%27%20OR%201=1--", "01890000-0000-7000-8000-00000000000", "01890000000070008000000000000000",
                                 "{01890000-0000-7000-8000-000000000000}", "..", "*", "null"])
def test_strange_ids_are_404(alice, key):
    reply = alice.get(f"audits/{key}/evidence/")
    assert reply.status_code in (400, 404)


def test_a_viewer_elsewhere_keeps_the_roles_apart(site, alice, bob):
    """ADMIN at home, VIEWER there: the role is the object's organization's."""
    person = site.newcomer()
    seed.member(site.database, bob.org["id"], person.user["id"], "VIEWER")
    there = seed.audit(site.database, bob.org["id"])
    assert person.get(f"audits/{there}/").status_code == 200
    headers = {"X-Organization-ID": person.org["id"]}
    assert person.post(f"audits/{there}/cancel/", headers=headers).status_code == 403
    assert person.patch(f"organizations/{bob.org['id']}/", {"name": "x"}, headers=headers).status_code == 403
    assert person.patch(f"organizations/{person.org['id']}/", {"name": "Home"}, headers={"X-Organization-ID": bob.org["id"]}).status_code == 200


def test_users_who_share_a_connection_are_told_apart(site, alice, bob):
    """As behind a reverse proxy, which sends everybody's requests over the connections that it has open."""
    tokens = {person.ok("GET", "auth/me/")["email"]: person.new_token(organization=person.org["id"])["token"] for person in (alice, bob)}
    connection = http.client.HTTPConnection("127.0.0.1", site.httpd.port, timeout=30)

    def me(headers):
        connection.request("GET", "/api/v1/auth/me/", headers=headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read()).get("email")

    me({})
    address = connection.sock.getsockname()
    for _ in range(3):
        for email, token in tokens.items():
            assert me({"Authorization": "Bearer " + token}) == (200, email)
            assert me({"Authorization": "Bearer " + token}) == (200, email)
            forged = token[:-1] + ("A" if token[-1] != "A" else "B")
            assert me({"Authorization": "Bearer " + forged}) == (401, None)
            assert me({"Authorization": "Bearer " + token + "A"}) == (401, None)
            assert me({"Authorization": "Bearer " + token[:-1]}) == (401, None)
            assert me({"Cookie": "saas_session=" + token}) == (401, None)
            assert me({}) == (401, None)
    assert connection.sock.getsockname() == address
