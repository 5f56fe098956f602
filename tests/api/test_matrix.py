"""Every route of the running server × every caller × own, foreign and missing objects. The table comes from
the server itself, so that a new route is in here the day it exists. What is expected is derived from the
route's gates and the order of refusal alone: 401, 404, 403 for the role, 403 for the subscription.
"""

import re

import pytest

from saastest import Api, seed
from test_tenancy import MISSING

CALLERS = ("nobody", "outsider", "viewer", "member", "admin", "token of another organization")
RANK = {"VIEWER": 1, "MEMBER": 2, "ADMIN": 3}
OK = "past the gates"
# A parameter that is an object of the organization, and how to have one.
OBJECTS = {"org": lambda site, org: org["id"], "audit": lambda site, org: seed.audit(site.database, org["id"]),
           "audit_host": lambda site, org: seed.audit_host(site.database, org["id"]),
           "audit_schedule": lambda site, org: seed.audit_schedule(site.database, org["id"]),
           "endpoint": lambda site, org: seed.endpoint(site.database, org["id"], "https://example.com/")}


def method_of(route):
    return route["method"].upper()


def gates_of(route):
    return [gate if isinstance(gate, str) else " ".join(gate) for gate in route["gates"]]


def parameters(route):
    return re.findall(r"\{(\w+)\}", route["path"])


def expected(route, caller, which):
    """(status, code) by the contract, or OK."""
    gates = gates_of(route)
    if not gates:
        return OK
    if caller == "nobody":
        return 401, "not_authenticated"
    tenant = any(not gate.startswith(("saas-user", "saas-account")) for gate in gates)
    if not tenant:
        return OK
    if any(p in OBJECTS for p in parameters(route)):
        if which == "missing" or caller in ("outsider", "token of another organization"):
            return 404, "not_found"
        if which == "foreign":
            return 404, "not_found"
    elif caller in ("outsider", "token of another organization"):
        return 404, "not_found"  # the organization comes by header, and is not theirs
    role = {"viewer": "VIEWER", "member": "MEMBER", "admin": "ADMIN"}[caller]
    for gate in gates:
        if gate.startswith("saas-role") and role not in gate.split()[1:]:
            return 403, "permission_denied"
    for gate in gates:
        # Without any SaasPlan an active subscription has every feature.
        if gate.startswith("saas-feature") or gate.startswith("saas-subscription") and "free" not in gate.split()[1:]:
            return 403, "subscription_required"
    return OK


@pytest.fixture(scope="module")
def world(site):
    """An organization on the free tier with a caller of each kind, and a foreign one."""
    admin, outsider, foreign = site.newcomer(), site.newcomer(), site.newcomer()
    callers = {"nobody": site.nobody(), "outsider": outsider, "viewer": admin.as_token(role="VIEWER"), "member": admin.as_token(role="MEMBER"),
               "admin": admin.as_token(role="ADMIN")}
    elsewhere = admin.ok("POST", "organizations/", {"name": "Elsewhere"})
    callers["token of another organization"] = Api(site.base, token=admin.new_token(organization=elsewhere["id"])["token"])
    return admin, callers, foreign


@pytest.fixture(scope="module")
def routes(site):
    return site.nobody().ok("GET", "/saas/routes")


def test_the_table_is_the_contracts(routes):
    have = {(method_of(r), re.sub(r"\{\w+\}", "{}", r["path"]).strip("/")) for r in routes}
    wanted = {("POST", "auth/register"), ("POST", "auth/login"), ("POST", "auth/logout"), ("GET", "auth/me"), ("PATCH", "auth/me"),
              ("POST", "auth/password"), ("POST", "auth/password/reset"), ("POST", "auth/password/reset/confirm"), ("GET", "auth/sessions"),
              ("DELETE", "auth/sessions/{}"), ("GET", "auth/tokens"), ("POST", "auth/tokens"), ("DELETE", "auth/tokens/{}"), ("GET", "organizations"), ("POST", "organizations"),
              ("GET", "organizations/{}"), ("PUT", "organizations/{}"), ("PATCH", "organizations/{}"), ("GET", "audits"), ("POST", "audits/start"),
              ("GET", "audits/{}"), ("POST", "audits/{}/cancel"), ("GET", "audits/{}/evidence"), ("GET", "audits/{}/export/csv"), ("GET", "audits/{}/export"),
              ("DELETE", "auth/me"), ("DELETE", "organizations/{}"), ("GET", "organizations/{}/members"), ("PATCH", "organizations/{}/members/{}"),
              ("DELETE", "organizations/{}/members/{}"), ("GET", "organizations/{}/invites"), ("POST", "organizations/{}/invites"),
              ("POST", "organizations/{}/invites/{}/resend"), ("DELETE", "organizations/{}/invites/{}"), ("GET", "invites/{}"), ("POST", "invites/accept"),
              ("GET", "organizations/{}/activity"),
              ("POST", "billing/checkout-session"), ("POST", "billing/portal-session"), ("GET", "billing/return"),
              ("GET", "billing/subscription"), ("POST", "billing/webhooks/stripe")}
    assert wanted <= have, wanted - have


PUBLIC = {"auth/register", "auth/login", "auth/session", "billing/plans", "billing/webhooks/stripe", "auth/password/reset", "auth/password/reset/confirm", "auth/verify/confirm", "openapi.json", "invites/{token}",
          "invites/accept"}  # asks for the caller itself: its 401 has a hint


def test_only_these_routes_are_public(routes):
    assert {r["path"].strip("/") for r in routes if not gates_of(r)} <= PUBLIC


@pytest.mark.expects("SAAS")
@pytest.mark.parametrize("which", ["own", "foreign", "missing"])
@pytest.mark.parametrize("caller", CALLERS)
def test_every_route_refuses_in_order(site, world, routes, caller, which):
    admin, callers, foreign = world
    wrong, tried = [], 0
    for route in routes:
        names = parameters(route)
        if which != "own" and not names:
            continue
        path = route["path"].lstrip("/")
        for name in names:
            if name in OBJECTS:
                value = MISSING if which == "missing" else OBJECTS[name](site, (foreign if which == "foreign" else admin).org)
            else:
                value = MISSING
            path = path.replace("{" + name + "}", value)
        api, method = callers[caller], method_of(route)
        if method == "POST" and path.startswith("auth/logout"):
            api = api if caller == "nobody" else Api(site.base, token=api.token) if api.token else site.newcomer()
        if (method, route["path"]) == ("DELETE", "/organizations/{org}/") and expected(route, caller, which) == OK:
            # This one ends what the others need.
            api, path = admin, f"organizations/{admin.ok('POST', 'organizations/', {'name': 'To be deleted'})['id']}/"
        reply = api.call(method, path, {} if method not in ("GET", "DELETE") else None, headers={"X-Organization-ID": admin.org["id"]})
        tried += 1
        want = expected(route, caller, which)
        if want == OK:
            # Past the gates the route's own answers begin: success, or what it says of an empty body or a missing object.
            good = reply.status_code < 500 and reply.status_code != 401 or not gates_of(route) or reply.status_code in (502, 503)
            good = good and not (reply.status_code == 403 and reply.json().get("code") in ("permission_denied", "subscription_required"))
        else:
            good = reply.status_code == want[0] and (not reply.content or reply.json().get("code") == want[1])
        if not good:
            wrong.append(f"{method} {path} {gates_of(route)}: wanted {want}, got {reply.status_code} {reply.text[:120]}")
    assert not wrong, "\n".join(wrong)
    assert tried


def test_refusals_of_foreign_and_missing_are_the_same_bytes(site, world, routes):
    admin, callers, foreign = world
    for route in routes:
        names = [n for n in parameters(route) if n in OBJECTS]
        if not names or not gates_of(route):
            continue
        answers = set()
        for which in ("foreign", "missing"):
            path = route["path"].lstrip("/")
            for name in parameters(route):
                path = path.replace("{" + name + "}", OBJECTS[name](site, foreign.org) if which == "foreign" and name in OBJECTS else MISSING)
            reply = callers["admin"].call(method_of(route), path, {} if method_of(route) not in ("GET", "DELETE") else None)
            answers.add((reply.status_code, reply.content))
        assert len(answers) == 1 and next(iter(answers))[0] == 404, (route["path"], answers)
