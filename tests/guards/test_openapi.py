"""The OpenAPI document: valid by the rules of OpenAPI 3.1, the same as the route tables in both directions, served
as it is written, and able to fail a reply.
"""

import copy
import json
import re

import pytest

from saastest import Api, Places, Site, openapi
from saastest.httpd import Httpd
from saastest.site import MOUNTS, Sqlite

MOUNT = "/api/v1"
DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'
PARTS = openapi.sources()
DOCUMENT = openapi.composed()


def operations(document):
    return [(path, method, item[method]) for path, item in document["paths"].items() for method in openapi.METHODS if method in item]


OPERATIONS = operations(DOCUMENT)
each_operation = pytest.mark.parametrize("path, method, operation", OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])


def follow(thing):
    return openapi.project().follow(thing)


def walk(node, at=()):
    """Every object of the document with the keys that lead to it."""
    if isinstance(node, dict):
        yield at, node
        for key, value in node.items():
            yield from walk(value, at + (key,))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from walk(value, at + (i,))


def schemas():
    """Every schema that stands by itself: media types', parameters', headers', components'."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        yield f"components/schemas/{name}", schema
    for at, node in walk(DOCUMENT):
        if "schema" in node and "schemas" not in at and "properties" not in at:
            yield "/".join(map(str, at)), node["schema"]


# ---------------------------------------------------------------- structure --

def test_it_is_an_openapi_3_1_document():
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert set(DOCUMENT) == {"openapi", "info", "tags", "paths", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT["info"]) <= {"title", "summary", "description", "termsOfService", "contact", "license", "version"}
    assert set(DOCUMENT["info"]["license"]) == {"name", "identifier"}
    assert set(DOCUMENT["components"]) <= {"schemas", "responses", "parameters", "securitySchemes"}
    for kind, members in DOCUMENT["components"].items():
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in members), kind


def test_the_parts_have_nothing_twice():
    for name, part in PARTS.items():
        if name == "common":
            continue
        assert set(part) <= {"tags", "paths", "components"}, name
        for other, its in PARTS.items():
            if other >= name:
                continue
            for kind, members in part.get("components", {}).items():
                assert not set(members) & set(its.get("components", {}).get(kind, {})), f"{name} and {other}: {kind}"
            for path in set(part["paths"]) & set(its["paths"]):
                assert not set(part["paths"][path]) & set(its["paths"][path]), f"{name} and {other}: {path}"


def test_every_reference_leads_somewhere_and_everything_is_referred_to():
    used = set()
    for at, node in walk(DOCUMENT):
        if "$ref" in node:
            match = re.fullmatch(r"#/components/(\w+)/(\w+)", node["$ref"])
            assert match and match[2] in DOCUMENT["components"].get(match[1], {}), f"{'/'.join(map(str, at))}: {node['$ref']}"
            used.add(match.groups())
    there = {(kind, name) for kind, members in DOCUMENT["components"].items() if kind != "securitySchemes" for name in members}
    assert there == used, f"nobody refers to {sorted(there - used)}"


def test_every_part_can_be_served_without_the_others():
    """A plugin may refer to its own part and to the host's: nothing else is sure to be loaded."""
    for name, part in PARTS.items():
        have = {(kind, member) for its in (part, PARTS["common"]) for kind, members in its.get("components", {}).items() for member in members}
        for at, node in walk(part):
            if "$ref" in node:
                assert tuple(node["$ref"].split("/")[2:]) in have, f"{name}: {'/'.join(map(str, at))}: {node['$ref']}"


def test_schemas_are_schemas():
    from jsonschema import Draft202012Validator
    found = list(schemas())
    assert len(found) > 50
    for name, schema in found:
        try:
            Draft202012Validator.check_schema(schema)
        except Exception as wrong:
            pytest.fail(f"{name}: {wrong}")
    # A word that is no keyword checks nothing.
    known = set(Draft202012Validator.VALIDATORS) | {"$ref", "description", "default", "examples", "format", "title", "deprecated"}
    for name, schema in found:
        for at, node in walk(schema):
            if at and at[-1] in ("properties", "dependentRequired", "example") or "examples" in at or "const" in at:
                continue
            assert set(node) <= known, f"{name} {at}: {set(node) - known}"


def test_examples_are_examples():
    document = openapi.Document(DOCUMENT)
    shown = 0
    for at, node in walk(document.document):
        values = node.get("examples", []) if "examples" in node and "properties" not in at[-1:] else []
        for value in values:
            assert not document.errors(node, value), f"{at}: {value}"
            shown += 1
        if "example" in node and "schema" in node:
            assert not document.errors(node["schema"], node["example"]), at
            shown += 1
    assert shown >= 3


def test_names_and_tags():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[a-z][A-Za-z]+", i) for i in ids)
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert len(tags) == len(set(tags))
    assert {tag for _, _, operation in OPERATIONS for tag in operation["tags"]} == set(tags)


@each_operation
def test_an_operation_is_whole(path, method, operation):
    assert set(operation) <= {"operationId", "tags", "summary", "description", "parameters", "requestBody", "responses", "security", "x-saas-page"}
    assert {"operationId", "tags", "summary", "responses", "security"} <= set(operation)
    parameters = [follow(p) for p in operation.get("parameters", [])]
    names = [(p["in"], p["name"]) for p in parameters]
    assert len(names) == len(set(names)), "a parameter twice"
    assert {n for where, n in names if where == "path"} == set(re.findall(r"\{(\w+)\}", path))
    for parameter in parameters:
        assert parameter["in"] in ("path", "query", "header") and "schema" in parameter
        assert set(parameter) <= {"name", "in", "required", "description", "schema", "allowEmptyValue"}
        assert parameter["in"] != "path" or parameter.get("required") is True
        assert parameter["name"].lower() not in ("accept", "content-type", "authorization")
    assert method != "get" or "requestBody" not in operation
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        if is_file(operation):
            assert content["application/octet-stream"]["schema"] == {"type": "string", "format": "binary"}
        else:
            assert content["application/json"]["schema"]["type"] == "object"
    assert any(status.startswith("2") for status in operation["responses"])
    for status, response in operation["responses"].items():
        response = follow(response)
        assert re.fullmatch(r"[2-5]\d\d", status) and response["description"]
        assert set(response) <= {"description", "headers", "content"}
        assert (status in ("204", "304")) == ("content" not in response), f"{status}: a body or none"
        for header in response.get("headers", {}).values():
            assert set(header) <= {"description", "required", "schema"} and "schema" in header


def is_file(operation):
    """The body is a file, whose type nobody asks for."""
    return "application/octet-stream" in operation.get("requestBody", {}).get("content", {})


def codes(schema):
    """Codes of the problems that a schema lets through."""
    found = set()
    for _, node in walk(schema):
        if "code" in node.get("properties", {}):
            code = node["properties"]["code"]
            found |= set(code.get("enum", [])) | ({code["const"]} if "const" in code else set())
        if "$ref" in node:
            target = openapi.project().follow(node)
            code = target.get("properties", {}).get("code", {})
            found |= {code["const"]} if "const" in code else set()
    return found


@each_operation
def test_every_refusal_has_a_code(path, method, operation):
    for status, response in operation["responses"].items():
        content = follow(response).get("content", {})
        if status >= "400":
            assert codes(content["application/json"]["schema"]), f"{status} has no code"
            assert status != "400" or "bad_query" in codes(content["application/json"]["schema"])


# ------------------------------------------------------------------- served --

@pytest.fixture(scope="module")
def site():
    places = Places()
    made = Site(Sqlite(places, "openapi.db"), places=places, with_stripe=False,
                conf="<VirtualHost *:*>\nServerName 127.0.0.1\nServerAlias api.example.test\n</VirtualHost>\n")
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def routes(site):
    found = {(r["method"].lower(), r["path"]): r for r in site.nobody().ok("GET", "/saas/routes")}
    assert len(found) > 20
    return found


def test_every_route_is_described_and_everything_described_is_a_route(routes):
    described = {(method, path) for path, method, _ in OPERATIONS} - {("get", "/openapi.json")}
    assert described == set(routes), f"not described: {sorted(set(routes) - described)}; no route: {sorted(described - set(routes))}"


def test_a_route_is_described_in_its_plugins_part(routes):
    for (method, path), route in routes.items():
        assert method in PARTS[route["plugin"]]["paths"][path], f"{method} {path} belongs into {route['plugin']}.json"


def test_who_may_call_is_what_the_gates_say(routes):
    for path, method, operation in OPERATIONS:
        gates = routes[method, path]["gates"] if (method, path) in routes else []
        named, answers = " ".join(gates), operation["responses"]
        where = f"{method} {path}"
        # Without gates: nobody is asked, or who comes with a credential is known by it.
        known = [{"bearer": []}, {"session": []}]
        assert operation["security"] == known if gates else operation["security"] in ([], known + [{}]), where
        assert not gates or "401" in answers and "503" in answers and "500" in answers, where
        refused = codes(follow(answers.get("403", {})))
        assert ("permission_denied" in refused) >= ("saas-role" in named), where
        assert ("subscription_required" in refused) == ("saas-subscription" in named or "saas-feature" in named), where
        assert ("csrf_failed" in refused) == (bool(operation["security"]) and method != "get"), where
        names = {follow(p)["name"] for p in operation.get("parameters", [])}
        assert ("email_not_verified" in refused) == (bool(set(gates) - {"saas-account"}) or path == "/invites/accept/"), where
        wants = bool(set(gates) - {"saas-user", "saas-account", "saas-verified"})
        by_object = bool({"org", "audit", "audit_host", "audit_schedule", "endpoint"} & names)
        assert {"X-Organization-ID", "organization"} <= names if wants and not by_object else "X-Organization-ID" not in names, where
        assert ("organization_required" in codes(follow(answers.get("400", {})))) == (wants and not by_object), where
        assert not wants or "404" in answers, where


def test_a_body_that_is_json_can_be_refused(site, routes):
    """A route that reads JSON says so, and only such a one: asked of the server with a body that is none."""
    somebody = site.register()
    for path, method, operation in OPERATIONS:
        gates = routes[method, path]["gates"] if (method, path) in routes else []
        if method == "get" or path == "/auth/logout/" or "{" in path.replace("{org}", "") or is_file(operation):
            continue
        # What deletes shall delete what nobody needs.
        caller = site.register() if method == "delete" else somebody if gates else site.nobody()
        url = path.replace("{org}", caller.org["id"] if gates else "none").lstrip("/")
        reply = caller.call(method.upper(), url, data=b"<no/>", headers={"Content-Type": "text/xml"})
        reads = "parse_error" in codes(follow(operation["responses"]["400"]))
        assert (reply.status_code == 415) == reads == ("415" in operation["responses"]), f"{method} {path}: {reply.status_code}"


def fetch(site, method="GET", **headers):
    return site.nobody().call(method, "openapi.json", headers=headers)


def test_it_is_served_as_it_is_written(site, routes):
    reply = fetch(site)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    document = reply.json()
    assert document.pop("servers") == [{"url": site.base + MOUNT}]
    for path, method, operation in operations(document):
        gates = operation.pop("x-saas-gates", None)
        assert gates == (routes[method, path]["gates"] if (method, path) in routes else None)
    tags = document.pop("tags")
    wanted = copy.deepcopy(DOCUMENT)
    assert sorted(tags, key=str) == sorted(wanted.pop("tags"), key=str)
    assert document == wanted


def test_it_is_not_sent_twice(site):
    first = fetch(site)
    assert fetch(site).headers["ETag"] == first.headers["ETag"]
    again = fetch(site, **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.content and again.headers["ETag"] == first.headers["ETag"]
    assert fetch(site, **{"If-None-Match": '"0"'}).status_code == 200


def test_servers_is_where_it_was_asked_for(site):
    other = fetch(site, Host="api.example.test")
    assert other.json()["servers"] == [{"url": f"http://api.example.test{MOUNT}"}]
    assert other.headers["ETag"] != fetch(site).headers["ETag"]
    assert fetch(site, Host="elsewhere.example.test").json()["servers"] == [{"url": site.base + MOUNT}]


def test_its_methods(site):
    head = fetch(site, "HEAD")
    assert head.status_code == 200 and not head.content and head.headers["Content-Length"] == str(len(fetch(site).content))
    assert fetch(site, "OPTIONS").headers["Allow"] == "GET, HEAD, OPTIONS"
    refused = fetch(site, "POST")
    assert refused.status_code == 405 and refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert site.nobody().get("openapi.json/").status_code == 404
    assert site.nobody().get("/saas/openapi.json").status_code == 404


def test_it_has_the_plugins_that_are_loaded(places):
    httpd = Httpd(plugins=("accounts", "audits"))
    try:
        httpd.start(DB + MOUNTS.split("SaasScanAllow")[0])
        document = Api(httpd.base).get("openapi.json").json()
        wanted = openapi.composed(("accounts", "audits"))
        assert set(document["paths"]) == set(wanted["paths"])
        assert document["components"] == wanted["components"]
        assert [tag["name"] for tag in document["tags"]] == ["Description", "Accounts", "Audits"]
    finally:
        httpd.close()


# -------------------------------------------------- a reply that is not so --

ME = {"id": "01980000-0000-7000-8000-000000000000", "email": "a@example.test", "email_verified": True, "name": "", "created_at": "2026-01-01T00:00:00.000000Z",
      "default_organization": None, "memberships": []}
JSON = {"Content-Type": "application/json"}


def judge(method, path, status, body=None, headers=JSON):
    return openapi.project().judge(method, path, status, headers, json.dumps(body).encode() if body is not None else b"")


def test_a_right_reply_is_right():
    assert judge("GET", "/auth/me/", 200, ME) == []
    assert judge("HEAD", "/auth/me/", 200) == []
    assert judge("GET", "/nowhere/", 404, {"detail": "Not found.", "code": "not_found"}) == []
    assert judge("POST", "/auth/logout/", 204) == []


@pytest.mark.parametrize("method, path, status, body", [
    ("GET", "/auth/me/", 200, {**ME, "password_hash": "x"}),
    ("GET", "/auth/me/", 200, {k: v for k, v in ME.items() if k != "memberships"}),
    ("GET", "/auth/me/", 200, {**ME, "created_at": "2026-01-01 00:00:00"}),
    ("GET", "/auth/me/", 200, {**ME, "memberships": [{"role": "OWNER"}]}),
    ("GET", "/auth/me/", 202, ME),
    ("GET", "/auth/me/", 404, {"detail": "Not found.", "code": "not_found"}),
    ("GET", "/nowhere/", 200, ME),
    ("GET", "/nowhere/", 404, {"detail": "Not found.", "code": "gone"}),
    ("POST", "/auth/logout/", 204, {}),
    ("PATCH", "/auth/me/", 400, {"subject": ["This is no field of it."]}),
    ("PATCH", "/auth/me/", 400, {"name": []}),
    ("POST", "/auth/login/", 429, {"detail": "Later.", "code": "throttled"}),
    ("DELETE", "/audits/01980000-0000-7000-8000-000000000000/", 409, {"detail": "No.", "code": "not_found"}),
    ("GET", "/audits/", 400, {"detail": "Which?", "code": "organization_required", "choices": []}),
])
def test_a_wrong_reply_is_found(method, path, status, body):
    assert judge(method, path, status, body) != []


def test_a_wrong_content_type_is_found():
    assert judge("GET", "/auth/me/", 200, ME, {"Content-Type": "text/plain"}) != []


def test_a_test_that_sees_a_wrong_reply_fails(site):
    """The hook itself: what the client was given is what is judged."""
    url = site.base + MOUNT + "/auth/me/"
    with pytest.raises(AssertionError, match="'more' was unexpected"):
        openapi.witness(site.base, "GET", url, 200, JSON, json.dumps({**ME, "more": 1}).encode())
    with pytest.raises(AssertionError, match="no X-Request-ID"):
        openapi.witness(site.base, "GET", url, 200, JSON, json.dumps(ME).encode())
    openapi.witness(site.base, "GET", url, 200, {**JSON, "X-Request-ID": "named"}, json.dumps(ME).encode())


def test_the_client_shows_every_reply(site, monkeypatch):
    seen = []
    monkeypatch.setattr(Api, "witness", staticmethod(lambda *reply: seen.append(reply)))
    somebody = site.nobody()
    somebody.get("auth/me/")
    somebody.exact("auth/me/?a=b", "HEAD")
    assert [(method, url, status) for _, method, url, status, _, _ in seen] == [
        ("GET", site.base + MOUNT + "/auth/me/", 401), ("HEAD", site.base + MOUNT + "/auth/me/?a=b", 401)]
    assert json.loads(seen[0][5])["code"] == "not_authenticated"
