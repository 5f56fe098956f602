"""The console's files as a browser gets them: what is cached and how, in which form, under which policy, and what is not there."""

import gzip
import html
import json
import re

import pytest

from saastest import Httpd
from saastest.console import BRAND, brand
from saastest.places import BUILD

SITE_STRIPE = False
SITE_CONF = f"""
<Location "/app">
    SaasConsole On
    SaasConsoleFiles "{BUILD}/console"
    SaasConsoleTitle "Widgets & <Co>"
</Location>
<Location "/app/api/v2">
    SaasAPI On
</Location>
SaasProductName "Größer & Söhne"
<Location "/brand">
    SaasConsole On
    SaasConsoleFiles "{BUILD}/console"
    {brand()}
    SaasConsoleLink support mailto:help@example.test "{{{{title}}}} \\"'<b>"
</Location>
<VirtualHost *:*>
    ServerName 127.0.0.1
</VirtualHost>
<VirtualHost *:*>
    ServerName whole.example.test
    <Location "/">
        SaasConsole On
        SaasConsoleFiles "{BUILD}/console"
    </Location>
    <Location "/pages">
        SaasConsole Off
    </Location>
</VirtualHost>
"""
STRICT = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'",
          "require-trusted-types-for 'script'", "trusted-types 'none'")


@pytest.fixture(scope="module")
def built():
    if not (BUILD / "console" / "index.html").exists():
        pytest.fail("the console is not built: make deps, make")
    return sorted(path.name for path in (BUILD / "console" / "assets").iterdir() if path.suffix not in (".gz", ".br"))


@pytest.fixture
def get(site, built):
    def call(path, method="GET", **headers):
        return site.nobody().call(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return call


def policies(reply):
    return [part.strip() for part in reply.headers["Content-Security-Policy"].split(";")]


@pytest.mark.smoke
@pytest.mark.parametrize("path", ["/app/", "/app/login", "/app/o/acme/audits/0190", "/app/billing/return?session_id=cs_1"])
def test_every_address_is_the_page(get, path):
    reply = get(path)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-cache" and "Clear-Site-Data" not in reply.headers
    assert "<title>Widgets &amp; &lt;Co&gt;</title>" in reply.text and 'content="/app"' in reply.text and 'content="/api/v1"' in reply.text
    assert "{{" not in reply.text and "%" not in reply.text


def test_the_page_is_under_a_strict_policy(get):
    for reply in (get("/app/"), get("/app/assets/none.js"), get("/app/", "POST"), get("/app")):
        assert set(STRICT) <= set(policies(reply)) and "unsafe" not in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_nothing_of_the_page_is_inline(get):
    page = get("/app/").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page)


def test_the_page_is_revalidated(get):
    tag = get("/app/").headers["ETag"]
    again = get("/app/o/acme/", If_None_Match=tag)
    assert again.status_code == 304 and not again.content and again.headers["ETag"] == tag
    assert get("/app/", If_None_Match='"other"').status_code == 200


def test_files_that_the_page_names_are_there_for_ever(get, built):
    page = get("/app/").text
    named = re.findall(r'"/app/assets/([^"]+)"', page)
    assert len(named) >= 3 and set(named) <= set(built)
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    for name in built:
        reply = get(f"/app/assets/{name}")
        assert reply.status_code == 200 and reply.headers["Content-Type"] == types[name.rsplit(".", 1)[1]]
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert reply.headers["Vary"] == "Accept-Encoding"


def test_forms(get, built):
    name = next(name for name in built if name.endswith(".js"))
    path, folder = f"/app/assets/{name}", BUILD / "console" / "assets"
    plain = get(path, Accept_Encoding="identity")
    assert plain.content == (folder / name).read_bytes() and "Content-Encoding" not in plain.headers
    tags = {plain.headers["ETag"]}
    for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
        reply = get(path, "HEAD", Accept_Encoding=f"{coding}, *;q=0.1")
        assert reply.headers["Content-Encoding"] == coding and not reply.content
        assert int(reply.headers["Content-Length"]) == (folder / (name + suffix)).stat().st_size
        tags.add(reply.headers["ETag"])
        assert get(path, Accept_Encoding=coding, If_None_Match=reply.headers["ETag"]).status_code == 304
        assert get(path, Accept_Encoding="identity", If_None_Match=reply.headers["ETag"]).status_code == 200
    assert len(tags) == 3
    assert get(path, "HEAD", Accept_Encoding="gzip, deflate, br, zstd").headers["Content-Encoding"] == "br"
    assert get(path, "HEAD", Accept_Encoding="br;q=0.2, gzip;q=0.8").headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in get(path, "HEAD", Accept_Encoding="br;q=0, gzip;q=0").headers
    assert gzip.decompress((folder / (name + ".gz")).read_bytes()) == plain.content


@pytest.mark.parametrize("path", ["assets/none.js", "assets/", "assets/../index.html", "favicon.ico", "index.html", "assets/%2e%2e/index.html",
                                  "o/acme/x.js", "assets/none.js.gz", ".git/config"])
def test_what_is_no_page_and_no_file_of_the_console_is_not_found(site, built, path):
    assert site.nobody().exact("/app/" + path)[0] == 404


def test_compressed_files_are_no_files_of_their_own(get, built):
    assert get(f"/app/assets/{built[0]}.br").status_code == 404


def test_methods(get):
    for method in ("POST", "PUT", "DELETE"):
        reply = get("/app/login", method)
        assert reply.status_code == 405 and {"GET", "HEAD"} <= set(reply.headers["Allow"].split(","))
    options = get("/app/", "OPTIONS")
    assert options.status_code == 204 and not options.content and "GET" in options.headers["Allow"]
    head = get("/app/", "HEAD")
    assert head.status_code == 200 and not head.content and int(head.headers["Content-Length"]) > 500


def test_the_address_without_a_slash_leads_to_the_one_with_it(get):
    reply = get("/app?a=b")
    assert reply.status_code == 308 and reply.headers["Location"].endswith("/app/?a=b")


def test_logging_out_has_the_browser_forget(get):
    tag = get("/app/").headers["ETag"]
    reply = get("/app/logged-out", If_None_Match=tag)
    assert reply.status_code == 200 and reply.headers["Clear-Site-Data"] == '"cache", "storage"' and reply.headers["Cache-Control"] == "no-store"


def test_what_is_mounted_below_it_is_not_the_consoles(get):
    assert get("/app/api/v2/auth/me/").status_code == 401
    assert get("/application").status_code == 404


def test_a_console_may_be_a_whole_host(site, get):
    site.httpd.page("pages/index.html", "<!doctype html><title>mine</title>")
    whole = {"Host": "whole.example.test"}
    assert 'content="/app"' not in get("/", **whole).text and "<title>Größer &amp; Söhne</title>" in get("/o/acme/", **whole).text
    assert get("/api/v1/auth/me/", **whole).status_code == 401
    assert get("/pages/index.html", **whole).text == "<!doctype html><title>mine</title>"


# The operator's own. -------------------------------------------------------------------------

def page_says(page, name):
    return html.unescape(re.search(rf'name="console-{name}" content="([^"]*)"', page).group(1))


def test_a_brand_is_in_the_page_and_its_files_beside_the_consoles(get):
    page = get("/brand/").text
    assert "<title>Größer &amp; Söhne</title>" in page and "{{style}}" not in page
    styles, icon = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page), re.search(r'<link rel="icon" href="([^"]+)">', page).group(1)
    welcome = json.loads(page_says(page, "welcome"))
    assert len(styles) == 2 and set(welcome) == {"", "de"}
    for path, name, kind in ((styles[1], "brand.css", "text/css; charset=utf-8"), (icon, "icon.png", "image/png"), (page_says(page, "logo"), "logo.svg", "image/svg+xml"),
                             (welcome[""], "welcome.txt", "text/plain; charset=utf-8"), (welcome["de"], "welcome.de.txt", "text/plain; charset=utf-8")):
        assert re.fullmatch(r"/brand/assets/brand-[0-9a-f]{10}\.\w+", path), path
        reply = get(path)
        assert reply.content == (BRAND / name).read_bytes() and reply.headers["Content-Type"] == kind
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable" and set(STRICT) <= set(policies(reply))
    assert json.loads(page_says(page, "links")) == [
        {"kind": "imprint", "url": "https://www.example.test/imprint"}, {"kind": "privacy", "url": "/privacy.html"},
        {"kind": "other", "url": "https://status.example.test/?a=b&c=d", "text": "Status"},
        {"kind": "support", "url": "mailto:help@example.test", "text": "{{title}} \"'<b>"}]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<b>", page)


def test_without_a_brand_the_page_is_the_builds(get, built):
    page = get("/app/").text
    assert len(re.findall(r'<link rel="stylesheet"', page)) == 1 and page_says(page, "logo") == "" and page_says(page, "links") == "[]"
    assert re.search(r'<link rel="icon" href="/app/assets/([^"]+)">', page).group(1) in built and page_says(page, "welcome") == "{}"


# What is wrong is said at start. ------------------------------------------------------------

DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'


@pytest.fixture(scope="module")
def httpd():
    server = Httpd()
    yield server
    server.close()


@pytest.mark.parametrize("inside, said", [
    ('SaasConsole On\nSaasConsoleFiles "nowhere"', ["SaasConsole On (", "httpd.conf:", "/nowhere", "make install", "SaasConsoleFiles"]),
    ("SaasConsole On\nSaasConsoleAPI https://api.example.com/", ["SaasConsoleAPI", "is no path of this host"]),
    ("SaasConsole On\nSaasConsoleAPI //api.example.com/", ["SaasConsoleAPI", "is no path of this host"]),
    ('SaasConsole On\nSaasConsoleTitle "a\tb"', ["SaasConsoleTitle", "1 to 100"]),
    ("SaasConsole On\nSaasConsoleTitle a\u2029b", ["SaasConsoleTitle", "1 to 100"]),
    ("SaasConsole On\nSaasConsoleTitle a\u0085b", ["SaasConsoleTitle", "1 to 100"]),
    ('SaasConsole On\nSaasConsoleLogo "nowhere.svg"', ["SaasConsoleLogo", "there is no file nowhere.svg"]),
    ("SaasConsole On\nSaasConsoleLink about /a", ["SaasConsoleLink", '"about" is none of imprint, privacy, terms, support, other']),
    ("SaasConsole On\nSaasConsoleLink imprint javascript:alert(1)", ["SaasConsoleLink", "javascript:alert(1)"]),
    ("SaasConsole On\nSaasConsoleLink imprint //evil.example/", ["SaasConsoleLink", "no path of this host"]),
    ("SaasConsole On\nSaasConsoleLink imprint /a\\\\b", ["SaasConsoleLink", "no path of this host"]),
    ("SaasConsole On\nSaasConsoleLink other https://status.example/", ["SaasConsoleLink", "needs a text"]),
    ('SaasConsole On\nSaasConsoleLink imprint /a ""', ["SaasConsoleLink", "1 to 100"]),
])
def test_configtest_says_what_is_wrong(httpd, inside, said):
    status, text = httpd.configtest(f'{DB}<Location "/app">\n{inside}\n</Location>\n')
    assert status != 0 and all(word in text for word in said), text


@pytest.mark.parametrize("directive, name, content, said", [
    ("SaasConsoleLogo", "logo.png", b"<svg></svg>", "is no SVG, PNG or WebP picture"),
    ("SaasConsoleLogo", "logo.svg", b"no picture", "is no SVG, PNG or WebP picture"),
    ("SaasConsoleLogo", "logo.svg", b"<svg>%262144d", "has more than 256 KiB"),
    ("SaasConsoleLogo", "logo.gif", b"GIF89a", "is no SVG, PNG or WebP picture"),
    ("SaasConsoleIcon", "icon.webp", b"RIFF0000WAVE", "is no SVG, PNG or WebP picture"),
    ("SaasConsoleStyle", "brand.txt", b":root { --accent: #000; }", "is no style sheet"),
    ("SaasConsoleStyle", "brand.css", b":root { --accent: #000; \xff }", "is no style sheet, of UTF-8"),
    ("SaasConsoleStyle", "brand.css", b"@IMPORT 'https://evil.example/a.css';", "policy"),
    ("SaasConsoleStyle", "brand.css", b"body { background: /* no */ URL( 'https://evil.example/a.png' ); }", "policy"),
    ("SaasConsoleStyle", "brand.css", b":root { --accent: #000; ", "brace"),
    ("SaasConsoleStyle", "brand.css", b":root { --font: 'a\\' }'; } }", "brace"),
    ("SaasConsoleWelcome", "welcome.html", b"<p>Welcome", "is no text"),
    ("SaasConsoleWelcome", "welcome.txt", b"a\0b", "is no text"),
    ("SaasConsoleWelcome", "welcome.txt", b"a\x1bb", "control characters"),
    ("SaasConsoleWelcome", "welcome.txt", b" \n\n", "is empty"),
])
def test_configtest_says_what_is_wrong_with_a_file_of_the_brand(httpd, places, directive, name, content, said):
    path = places.folder("brand") / name
    path.write_bytes(content.replace(b"%262144d", b" " * 262144))
    conf = f'{DB}<Location "/app">\nSaasConsole On\nSaasConsoleFiles "{BUILD}/console"\n{directive} "{path}"\n</Location>\n'
    status, text = httpd.configtest(conf)
    assert status != 0 and said in text and directive in text and str(path) in text, text


def test_two_welcomes_of_a_language_are_one_too_many(httpd):
    conf = f'{DB}<Location "/app">\nSaasConsole On\nSaasConsoleFiles "{BUILD}/console"\n{brand()}\nSaasConsoleWelcome "{BRAND}/welcome.de.txt"\n</Location>\n'
    status, text = httpd.configtest(conf)
    assert status != 0 and "SaasConsoleWelcome" in text and "the same language" in text, text


def test_it_belongs_into_a_location(httpd):
    for section in ("<Directory />\n{}\n</Directory>", '<Location ~ "/a.*">\n{}\n</Location>', '<LocationMatch "/a">\n{}\n</LocationMatch>'):
        status, text = httpd.configtest(DB + section.format("SaasConsole On"))
        assert status != 0 and 'plain <Location "/path">' in text, text


@pytest.mark.parametrize("change, said", [
    (lambda folder: (folder / "assets" / "evil.php").write_text("x"), "is nothing that a console has"),
    (lambda folder: (folder / "assets" / "a.js").mkdir(), "cannot be read"),
    (lambda folder: [(folder / "assets" / f"{n}.js").write_text("x") for n in range(501)], "too many files"),
])
def test_a_folder_that_is_none_of_a_build_is_refused(httpd, places, change, said):
    folder = places.folder(f"console-{abs(hash(said))}")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    conf = f'{DB}<Location "/app">\nSaasConsole On\nSaasConsoleFiles "{folder}"\n</Location>\n'
    assert httpd.configtest(conf)[0] == 0
    change(folder)
    status, text = httpd.configtest(conf)
    assert status != 0 and said in text, text


def test_without_a_console_its_files_are_not_asked_for(httpd):
    assert httpd.configtest(f'{DB}<Location "/app">\nSaasConsole Off\nSaasConsoleFiles "nowhere"\n</Location>\n')[0] == 0
