"""What every route does alike: methods, slashes, bodies, error shapes."""

import http.client
import json
import socket

import pytest

from saastest import seed

UNKNOWN = {"detail": "Not found.", "code": "not_found"}


def raw(site, text, read=True):
    """Send bytes, return what came back."""
    with socket.create_connection(("127.0.0.1", site.httpd.port), 10) as s:
        s.sendall(text)
        s.settimeout(10)
        data = b""
        while read:
            try:
                got = s.recv(65536)
            except (ConnectionResetError, socket.timeout):
                break
            if not got:
                break
            data += got
        return data


def error(reply, status, code=None):
    assert reply.status_code == status, (reply.status_code, reply.text)
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    body = reply.json()
    if code:
        assert set(body) == {"detail", "code"} and body["code"] == code, body
    return body


@pytest.mark.parametrize("path", ["nothing/", "audits/x/y/z/", "", "auth/", "organizations/not-an-id/", "audits/123/", "audits/%2e%2e/",
                                  "audits/01890000-0000-7000-8000-00000000000g/", "nothing/at/all", "organizations/%00/", "organizations/%ff/"])
def test_unknown_paths_are_json_404(alice, path):
    reply = alice.get(path)
    if reply.status_code == 308:
        reply = alice.get(reply.headers["Location"])
    if reply.status_code == 400:  # httpd itself refuses such an encoding
        return
    if "%00" in path or "%2e%2e" in path:
        assert reply.status_code in (400, 403, 404, 308)
        return
    assert error(reply, 404) == UNKNOWN


@pytest.mark.parametrize("path", ["auth/me", "audits", "organizations"])
def test_get_without_the_slash_is_308_with_its_query(alice, path):
    for method in ("GET", "HEAD"):
        reply = alice.call(method, f"{path}?a=1&b=%20x")
        assert reply.status_code == 308
        location = reply.headers["Location"]
        assert location.endswith(f"/api/v1/{path}/?a=1&b=%20x"), location


def test_other_methods_work_without_the_slash(site, person):
    assert person.patch("auth/me", {"name": "Slashless"}).status_code == 200
    assert person.post("organizations", {"name": "Slashless"}).status_code == 201
    assert site.nobody().post("auth/login", {"email": person.email, "password": person.password}).status_code == 200


@pytest.mark.parametrize("path, allowed", [
    ("auth/me/", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}), ("auth/login/", {"POST", "OPTIONS"}), ("auth/logout/", {"POST", "OPTIONS"}),
    ("organizations/", {"GET", "HEAD", "POST", "OPTIONS"}), ("audits/", {"GET", "HEAD", "OPTIONS"}), ("audits/start/", {"POST", "OPTIONS"}),
])
def test_options_and_405_name_the_methods(alice, path, allowed):
    reply = alice.call("OPTIONS", path)
    assert reply.status_code in (200, 204)
    assert {m.strip() for m in reply.headers["Allow"].split(",")} >= allowed
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        refused = alice.call(method, path, {} if method != "GET" else None)
        if path == "audits/start/" and method in ("GET", "DELETE"):
            assert refused.status_code in (404, 405)  # also reads as the audit named "start"
            continue
        error(refused, 405)
        assert {m.strip() for m in refused.headers["Allow"].split(",")} >= allowed


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "BREW", "PROPFIND", "get"])
def test_odd_methods_are_refused(site, method):
    data = raw(site, f"{method} /api/v1/auth/me/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    status = int(data.split(b" ", 2)[1])
    assert status in (400, 401, 405, 501), data[:200]


@pytest.mark.parametrize("path, names", [
    ("audits/", "status engine ordering page page_size"), ("organizations/", "page page_size"), ("auth/tokens/", "page page_size"),
    ("organizations/{org}/members/", "role page page_size"), ("organizations/{org}/invites/", "state page page_size"),
    ("organizations/{org}/activity/", "action actor target_type since until page page_size"),
    ("audits/{audit}/evidence/", "status severity check search ordering page page_size")])
def test_a_filter_that_nobody_has_filled_in_filters_nothing(site, person, path, names):
    """A form sends it all the same."""
    audit = seed.audit(site.database, person.org["id"], [("https://x.test/", "hsts_enabled", "FAIL", "high", "words")])
    path = path.format(org=person.org["id"], audit=audit)
    person.ok("PUT", f"organizations/{person.org['id']}/", {"name": "Another name"})
    body = person.ok("GET", path)
    assert body["results"] or "tokens" in path or "invites" in path
    assert person.ok("GET", path + "?" + "&".join(f"{name}=" for name in names.split())) == body


@pytest.mark.parametrize("path", ["auth/me/", "organizations/", "audits/"])
def test_head_is_get_without_the_body(alice, path):
    get, head = alice.get(path), alice.call("HEAD", path)
    assert head.status_code == get.status_code == 200 and head.content == b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    if "Content-Length" in head.headers:
        assert int(head.headers["Content-Length"]) == len(get.content)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
                                          "application/jsonp", "text/json", "application/json; charset=iso-8859-1"])
def test_other_content_types_are_415(alice, content_type):
    reply = alice.post("organizations/", data=b'{"name": "x"}', headers={"Content-Type": content_type})
    error(reply, 415)
    assert "unsupported" in reply.json()["code"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON"])
def test_json_in_every_spelling(alice, content_type):
    assert alice.post("organizations/", data=b'{"name": "Spelled"}', headers={"Content-Type": content_type}).status_code == 201


MALFORMED = {
    "open": b"{", "trailing comma": b'{"name": "x",}', "single quotes": b"{'name': 'x'}", "two values": b'{"name": "x"} {}', "comment": b'{"name": "x"} // y',
    "bad utf-8": b'{"name": "\xff\xfe"}', "overlong utf-8": b'{"name": "\xc0\xaf"}', "surrogate": b'{"name": "\\ud800"}', "utf-8 surrogate": b'{"name": "\xed\xa0\x80"}',
    "raw nul": b'{"name": "a\x00b"}', "escaped nul": b'{"name": "a\\u0000b"}', "NaN": b'{"name": NaN}', "duplicate key": b'{"name": "a", "name": "b"}',
    "array": b"[]", "string": b'"x"', "number": b"5", "null": b"null", "true": b"true", "deep": b'{"name": ' + b"[" * 20000 + b"]" * 20000 + b"}",
    "utf-16": '{"name": "x"}'.encode("utf-16"), "just text": b"name=x", "control": b'{"name": "a\nb"}', "huge number": b'{"name": 1e999999}', "bom": b'\xef\xbb\xbf{"name": 5}',
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("method, path", [("POST", "organizations/"), ("POST", "auth/login/"), ("PATCH", "auth/me/"), ("POST", "audits/start/")])
def test_malformed_bodies_are_400(alice, name, method, path):
    before = alice.ok("GET", "organizations/")["count"]
    reply = alice.call(method, path, data=MALFORMED[name], headers={"Content-Type": "application/json"})
    error(reply, 400)
    assert alice.ok("GET", "organizations/")["count"] == before


def test_an_empty_body_is_an_empty_object(alice):
    reply = alice.post("organizations/", data=b"", headers={"Content-Type": "application/json"})
    assert error(reply, 400) == {"name": ["This field is required."]}


@pytest.mark.parametrize("size, chunked", [((1 << 20) + 100, False), ((1 << 20) + 100, True), (5 << 20, True)])
def test_bodies_over_the_cap_are_413(alice, size, chunked):
    body = b'{"name": "' + b"x" * size + b'"}'
    data = (body[i:i + 65536] for i in range(0, len(body), 65536)) if chunked else body
    import requests
    try:
        reply = alice.post("organizations/", data=data, headers={"Content-Type": "application/json"})
    except requests.ConnectionError:
        pytest.skip("the connection was closed before the answer could be read")
    error(reply, 413)
    assert alice.get("auth/me/").status_code == 200


def test_a_body_just_under_the_cap_is_read(alice):
    body = json.dumps({"name": "Fits", "padding": "x" * ((1 << 20) - 100)}).encode()
    assert len(body) <= 1 << 20
    assert alice.post("organizations/", data=body, headers={"Content-Type": "application/json"}).status_code == 201


def test_a_chunked_body_is_as_good_as_any(alice):
    reply = alice.post("organizations/", data=iter([b'{"na', b'me": "Chu', b'nked"}']), headers={"Content-Type": "application/json"})
    assert reply.status_code == 201 and reply.json()["name"] == "Chunked"


def test_a_body_that_ends_early_changes_nothing(site, alice):
    cookie = alice.http.cookies["saas_session"]
    before = alice.ok("GET", "organizations/")["count"]
    raw(site, (f"POST /api/v1/organizations/ HTTP/1.1\r\nHost: 127.0.0.1:{site.httpd.port}\r\nOrigin: {site.base}\r\nCookie: saas_session={cookie}\r\n"
               'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"name": "Cut"}').encode(), read=False)
    assert alice.ok("GET", "organizations/")["count"] == before


def test_garbage_chunks_are_400(site, alice):
    cookie = alice.http.cookies["saas_session"]
    data = raw(site, (f"POST /api/v1/organizations/ HTTP/1.1\r\nHost: 127.0.0.1:{site.httpd.port}\r\nOrigin: {site.base}\r\nCookie: saas_session={cookie}\r\n"
                      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZZ\r\nnot a chunk\r\n").encode())
    assert int(data.split(b" ", 2)[1]) == 400


def test_keepalive_survives_every_kind_of_refusal(site, alice):
    """A refused request with a body must not leave that body to be read as the next request."""
    connection = http.client.HTTPConnection("127.0.0.1", site.httpd.port, timeout=10)
    smuggled = b"GET /api/v1/nothing-smuggled/ HTTP/1.1\r\nHost: x\r\n\r\n"
    for path, content_type in (("auth/me/", "application/json"), ("organizations/", "text/plain"), ("nothing/", "application/json"),
                               ("auth/login/", "application/json"), ("audits/start/", "application/json")):
        connection.request("POST", f"/api/v1/{path}", body=smuggled, headers={"Content-Type": content_type})
        reply = connection.getresponse()
        reply.read()
        assert 400 <= reply.status < 500
        if reply.headers.get("Connection", "").lower() == "close":
            connection.close()
    connection.request("GET", "/api/v1/auth/me/")
    assert connection.getresponse().status == 401
    assert "nothing-smuggled" not in site.httpd.access_log.read_text()


def test_replies_are_utf8_json_and_not_stored_in_caches(alice):
    reply = alice.get("auth/me/")
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert reply.headers.get("X-Content-Type-Options") == "nosniff"
    assert "no-store" in reply.headers.get("Cache-Control", "")


def test_unknown_query_parameters_are_ignored(alice):
    assert alice.get("auth/me/?x=1&y[]=2&=3&&&").status_code == 200


@pytest.mark.parametrize("query", ["page=%zz", "page=%", "page=%F", "organization=%zz", "page=1%00", "page=%FF"])
def test_bad_escapes_in_known_parameters_are_400_or_404(alice, query):
    assert alice.exact("audits/?" + query)[0] in (400, 404)


def test_head_of_a_mount_is_json(alice):
    reply = alice.get("")
    assert reply.status_code in (200, 404) and reply.headers["Content-Type"].startswith("application/json")


def test_server_status_routes(site):
    assert site.nobody().get("/saas/live").status_code == 200
    ready = site.nobody().get("/saas/ready")
    assert ready.status_code == 200, ready.text
    routes = site.nobody().ok("GET", "/saas/routes")
    assert {"plugin", "method", "path", "gates"} <= set(routes[0])
