"""Hosts of an organization's own: who may name them, that a proof is what the host shows and nothing else, and that what is not
asked of strangers is asked of nobody before it was found.
"""

import pytest

from saastest import TargetServer, wait_audit
from test_audits import start

SITE_STRIPE = False
PROOF = "/.well-known/mod-saas.txt"
LISTED = b"<html><head><title>Index of /js/</title></head><body><h1>Index of /js/</h1><a href='a.js'>a.js</a></body></html>"


def name_host(person, host="127.0.0.1"):
    reply = person.post("audits/hosts/", {"host": host})
    assert reply.status_code == 201, reply.text
    return reply.json()


class Host(TargetServer):
    """A target whose answers are chosen by path: (status, body)."""

    def __init__(self, **pages):
        super().__init__()
        owner, handler = self, self.httpd.RequestHandlerClass

        class Handler(handler):
            def do_GET(self):
                owner.hits.append(self.path)
                status, body = owner.pages.get(self.path, (200, b"<title>home</title>") if self.path == "/" else (404, b"none"))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.httpd.RequestHandlerClass, self.pages = Handler, pages


@pytest.fixture
def host():
    with Host() as server:
        yield server


def verdict(person, host):
    """What the check that is marked active says of the host, and whether it was asked what one does not ask a stranger."""
    host.hits.clear()
    body = wait_audit(person, start(person, [host.url + "/"]).json()["id"], 60)
    assert body["status"] == "completed", body
    rows = person.ok("GET", f"audits/{body['id']}/evidence/?page_size=200&check=directory_listing_disabled")["results"]
    assert len(rows) == 1
    return rows[0]["status"], rows[0]["comment"], "/js/" in host.hits


def test_a_stranger_is_not_asked(person, host):
    host.pages["/js/"] = (200, LISTED)
    status, comment, asked = verdict(person, host)
    assert status == "MANUAL" and not asked and PROOF not in host.hits and "not among the organization's hosts" in comment


def test_a_host_that_shows_its_token_is_asked(person, host):
    named = name_host(person)
    assert named["token"].startswith("mod-saas-") and len(named["token"]) > 40 and named["proved_at"] is None
    host.pages[PROOF] = (200, b"mod-saas-of-another\r\n" + named["token"].encode() + b"\r\n")
    assert verdict(person, host) == ("PASS", "None of 8 directories with usual names lists files.", True)
    assert person.ok("GET", "audits/hosts/")["results"][0]["proved_at"]
    host.pages["/js/"] = (200, LISTED)
    assert verdict(person, host) == ("FAIL", "Directories list their files: /js/", True)
    # The proof is of now: a host that shows it no longer is a stranger again.
    del host.pages[PROOF]
    status, comment, asked = verdict(person, host)
    assert status == "MANUAL" and not asked and f"{host.url}{PROOF} does not show the token" in comment


def maps(person, host):
    host.hits.clear()
    body = wait_audit(person, start(person, [host.url + "/"]).json()["id"], 60)
    assert body["status"] == "completed", body
    row = person.ok("GET", f"audits/{body['id']}/evidence/?page_size=200&check=source_maps_not_served")["results"][0]
    return row["status"], row["comment"], [path for path in host.hits if path.endswith((".js", ".map"))]


def test_source_maps_are_looked_for_at_a_host_that_shows_its_token(person, host):
    """Where the script says, else where it usually is; of this host alone."""
    page = ('<base href="/app/"><script src="named.js"></script><script src="/plain.js?v=1"></script><script src="inside.js"></script>'
            '<script src="http://127.0.0.2:1/other.js"></script><script src="away.js"></script>')
    host.pages["/"] = (200, page.encode())
    host.pages |= {"/app/named.js": (200, b"1;\n//# sourceMappingURL=maps/named.map\n"), "/plain.js?v=1": (200, b"1;\n"),
                   "/app/inside.js": (200, b"1;\n//# sourceMappingURL=data:application/json;base64,e30=\n"),
                   "/app/away.js": (200, b"1;\n//# sourceMappingURL=http://127.0.0.2:1/away.map\n")}
    assert maps(person, host)[::2] == ("MANUAL", [])
    host.pages[PROOF] = (200, name_host(person)["token"].encode())
    status, comment, asked = maps(person, host)
    assert status == "FAIL" and comment == f"Source maps are served: {host.url}/app/inside.js (in itself)"
    assert sorted(asked) == ["/app/away.js", "/app/inside.js", "/app/maps/named.map", "/app/named.js", "/plain.js.map"]
    host.pages["/app/inside.js"] = (200, b"1;\n")
    assert maps(person, host)[:2] == ("PASS", "None of the 4 scripts that were looked at comes with a source map.")
    host.pages["/app/maps/named.map"] = (200, b'{"version":3,"sources":["named.ts"],"mappings":"AAAA"}')
    host.pages["/plain.js.map"] = (200, b"<h1>not found</h1>")
    assert maps(person, host)[:2] == ("FAIL", f"Source maps are served: {host.url}/app/maps/named.map")


@pytest.mark.parametrize("shown", [
    (404, "{token}"), (500, "{token}"), (200, ""), (200, "{token}x"), (200, "x{token}"), (200, "<p>{token}</p>"), (200, "mod-saas-"),
    (302, "/moved"), (302, "{url}/moved?{token}"),
])
def test_what_is_no_proof(person, host, shown):
    named = name_host(person)
    status, text = shown
    host.pages["/moved"] = (200, named["token"].encode())
    host.pages[PROOF] = (status, text.format(token=named["token"], url=host.url).encode())
    status, _, asked = verdict(person, host)
    assert status == "MANUAL" and not asked and PROOF in host.hits
    assert person.ok("GET", "audits/hosts/")["results"][0]["proved_at"] is None


def test_the_token_of_another_organization_proves_nothing(person, bob, host):
    """Whoever reads it at the host and names the host too has another one to show."""
    theirs, ours = name_host(bob), name_host(person)
    assert theirs["token"] != ours["token"]
    host.pages[PROOF] = (200, theirs["token"].encode())
    status, _, asked = verdict(person, host)
    assert status == "MANUAL" and not asked
    assert verdict(bob, host)[::2] == ("PASS", True)
    assert [h["proved_at"] is not None for h in person.ok("GET", "audits/hosts/")["results"]] == [False]
    bob.delete(f"audits/hosts/{theirs['id']}/")


def test_hosts_are_made_listed_and_deleted(site, person):
    made = name_host(person, "WWW.Example.com")
    assert made["host"] == "www.example.com" and made["created_by"] == person.user["id"]
    assert person.post("audits/hosts/", {"host": "www.example.com"}).status_code == 409
    other = name_host(person, "bücher.example")
    assert other["host"] == "xn--bcher-kva.example"
    assert name_host(person, "[2606:4700::1111]")["host"] == "[2606:4700::1111]"
    listed = person.ok("GET", "audits/hosts/")
    assert listed["count"] == 3 and {h["id"] for h in listed["results"]} >= {made["id"], other["id"]}
    assert person.delete(f"audits/hosts/{made['id']}/").status_code == 204
    assert person.delete(f"audits/hosts/{made['id']}/").status_code == 404
    assert person.ok("GET", "audits/hosts/")["count"] == 2
    told = site.database.execute("SELECT action, target_label FROM activity WHERE target_id = ? ORDER BY created_at", made["id"])
    assert [tuple(row) for row in told] == [("host.added", "www.example.com"), ("host.removed", "www.example.com")]
    assert person.as_token(role="VIEWER").post("audits/hosts/", {"host": "a.example"}).status_code == 403


@pytest.mark.parametrize("host", ["", "  ", "http://a.example/", "a.example/path", "a.example:8443", "a..example", "a.example.", "user@a.example", "10.0.0.1", "0x7f.1",
                                  "[::1]", "a.example?x", "a.example#x", "a b.example", "a.example\\", "x" * 300, None, 5, [], {}])
def test_what_is_no_host(person, host):
    reply = person.post("audits/hosts/", {"host": host})
    assert reply.status_code == 400 and list(reply.json()) == ["host"], reply.text
    assert person.ok("GET", "audits/hosts/")["count"] == 0
