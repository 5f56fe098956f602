"""Keys and signing secrets: where they come from, how they are changed, and where they are not to be found - logs, pages,
dumps of the configuration, core dumps. The server of this module has its secrets in files and logs all that can be logged.
"""

import os
import re
import subprocess
import threading
import time

import pytest
import requests

from saastest import Httpd, Places, Site, stripe
from saastest.httpd import httpd_environment
from saastest.site import MOUNTS
from test_webhooks import until

DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'
CONF = """
LogLevel trace8
ExtendedStatus On
<Location "/server-info">
    SetHandler server-info
</Location>
<Location "/server-status">
    SetHandler server-status
</Location>
"""


def put(path, text, mode=0o600):
    """As an editor does: another file takes the place."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.chmod(mode)
    os.replace(fresh, path)
    return path


@pytest.fixture(scope="module")
def site(databases, db_kind):
    places = Places()
    made = Site(databases.fresh(db_kind, places), places=places, modules=("info",), conf=CONF)
    folder = places.folder("secrets")
    made.files = {name: put(folder / name, text) for name, text in (("key", f"\n{made.secret_key}\n".lstrip()), ("current", made.webhook_secret + " \r\n"),
                                                                    ("previous", made.webhook_secret))}
    made.parts[2] = made.parts[2].replace(made.secret_key, f"file:{made.files['key']}").replace(
        made.webhook_secret, f"\"file:{made.files['current']}\" \"file:{made.files['previous']}\"")
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def httpd():
    server = Httpd(modules=("info",))
    yield server
    server.close()


@pytest.fixture
def folder(places):
    return places.folder("secret")


def test_keys_from_files_work(site):
    assert site.pay(site.newcomer())["has_active_subscription"] is True


# --------------------------------------------------------------- rotation --

def test_secrets_are_rotated_by_graceful_restarts_and_no_request_is_lost(site):
    """The old and the new secret, then the new one alone; events and other requests all the while."""
    old, new = site.webhook_secret, "whsec_rotated_" + "5" * 32
    person = site.newcomer()
    sent, stop, good = [], threading.Event(), [old]

    def event(secret):
        return site.deliver(stripe.event("product.updated", {"id": "prod_1", "object": "product"}), secret=secret).status_code

    def send():
        while not stop.is_set():
            sent.append(event(good[0]))

    def ask():
        while not stop.is_set():
            # A connection of its own: one that was kept open may be closed just as it is used again, whoever serves.
            sent.append(person.get("billing/subscription/", headers={"Connection": "close"}).status_code)

    threads = [threading.Thread(target=work) for work in (send, send, ask)]
    [t.start() for t in threads]
    try:
        until(lambda: len(sent) > 20)
        assert event(new) == 400
        put(site.files["current"], new + "\n")
        assert event(new) == 400, "it is read at a restart"
        site.httpd.graceful()
        until(lambda: event(new) == 200)
        assert event(old) == 200
        good[0] = new
        site.sandbox.config(webhook_secret=new)
        put(site.files["previous"], new + "\n")
        site.httpd.graceful()
        until(lambda: event(old) == 400)
        assert [event(new) for _ in range(20)] == [200] * 20 and [event(old) for _ in range(20)] == [400] * 20
    finally:
        stop.set()
        [t.join() for t in threads]
    assert len(sent) > 100 and set(sent) == {200}, {status: sent.count(status) for status in set(sent)}
    site.webhook_secret = new


@pytest.mark.expects("SAAS1504")
def test_a_key_is_replaced_by_a_graceful_restart(site, person):
    put(site.files["key"], "rk_test_" + "7" * 24)
    site.httpd.graceful()
    reply = person.post("billing/checkout-session/", {})
    assert reply.status_code == 502, "the sandbox has another key"
    put(site.files["key"], site.secret_key)
    site.httpd.graceful()
    until(lambda: person.post("billing/checkout-session/", {}).status_code == 200)


# ------------------------------------------------- where they do not show --

def test_nothing_secret_is_in_logs_and_pages(site, person):
    site.pay(person)
    assert person.post("billing/portal-session/").status_code == 200
    site.deliver(stripe.event("product.updated", {"id": "prod_1", "object": "product"}), secret="whsec_another")
    pages = [requests.get(site.base + path, timeout=30) for path in ("/server-info", "/server-info?config", "/server-status", "/saas/metrics", "/saas/ready",
                                                                     "/saas/routes", "/api/v1/openapi.json")]
    assert [page.status_code for page in pages] == [200] * len(pages)
    assert f"file:{site.files['key']}" in pages[0].text, "the configuration is not on that page: it proves nothing"
    logs = [site.httpd.error_log.read_text(), site.httpd.access_log.read_text(), (site.httpd.root / "console.log").read_text()]
    assert re.search(r":trace[4-8]\]", logs[0]), "the log is not as talkative as that"
    for text in [page.text for page in pages] + logs:
        assert site.secret_key not in text and site.webhook_secret not in text


MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ")


def memory(pid, words):
    """(words in what a core dump may hold, words in what the kernel leaves out of one): by each mapping's flags. More than a
    dump has by default, for pages of files are looked at, too."""
    dumped, left_out, mappings = set(), set(), []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            found = MAPPING.match(line)
            if found:
                mappings.append([int(found[1], 16), int(found[2], 16), found[3], ""])
            elif line.startswith("VmFlags:"):
                mappings[-1][3] = line.split(":")[1].split()
    with open(f"/proc/{pid}/mem", "rb") as mem:
        for begin, end, rights, flags in mappings:
            # The shadow that AddressSanitizer has of all memory is left out of dumps, and is terabytes.
            if rights[0] != "r" or "io" in flags or "pf" in flags or ("dd" in flags and end - begin > 1 << 30):
                continue
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue  # [vvar] and the like
            for word in words:
                if word.encode() in data:
                    (left_out if "dd" in flags else dumped).add(word)
    return dumped, left_out


def test_no_secret_is_in_what_a_core_dump_of_the_server_would_hold(site, person):
    """After checkouts, portal and events on every child; while a call to Stripe is under way it is otherwise, see the manual."""
    secrets = {site.secret_key, site.webhook_secret}
    plain = "https://app.example.test"
    for _ in range(12):
        somebody = site.newcomer()
        assert somebody.post("billing/checkout-session/", {}).status_code == 200
        assert somebody.post("billing/portal-session/").status_code == 200
        assert site.deliver(stripe.event("product.updated", {"id": "prod_1", "object": "product"})).status_code == 200
    end = time.monotonic() + 30
    while True:
        found = {pid: memory(pid, secrets | {plain}) for pid in [site.httpd.process.pid, *site.httpd.children()]}
        assert all(plain in dumped and left_out == secrets for dumped, left_out in found.values()), "the memory was not read: it proves nothing"
        leaks = {pid: dumped & secrets for pid, (dumped, _) in found.items() if dumped & secrets}
        if not leaks:
            break
        # A job may have asked Stripe just now.
        assert time.monotonic() < end, leaks
        time.sleep(0.5)


LITERAL = f"""{DB}{MOUNTS}
SaasStripeSecretKey sk_test_written_down
SaasStripeWebhookSecret "whsec_written one" whsec_written_two file:{{file}}
"""


def test_what_is_written_in_the_configuration_is_not_shown_of_it(httpd, folder):
    """mod_info's page, and httpd's own dumps."""
    file = put(folder / "one", "whsec_in_a_file")
    conf = LITERAL.replace('"whsec_written one"', "whsec_written_one").format(file=file) + (
        "<VirtualHost *:*>\nServerName a.test\nSaasStripeSecretKey   'rk_test_of_a_host'\nSaasStripePrice price_shown\n</VirtualHost>\n"
        '<Location "/server-info">\nSetHandler server-info\n</Location>\n')
    path = httpd.write(conf)
    words = ("written_down", "written_one", "written_two", "of_a_host", "in_a_file")
    for dump in ("DUMP_CONFIG", "DUMP_SAAS_GATES", "DUMP_VHOSTS", "DUMP_RUN_CFG", "DUMP_MODULES", "DUMP_INCLUDES"):
        done = subprocess.run([httpd.binary, "-f", str(path), "-t", "-D", dump], capture_output=True, text=True, env=httpd_environment())
        assert done.returncode == 0, done.stderr
        assert not [word for word in words if word in done.stdout + done.stderr], done.stdout
        if dump == "DUMP_CONFIG":
            assert "SaasStripeSecretKey (hidden)" in done.stdout and f"SaasStripeWebhookSecret (hidden) (hidden) file:{file}" in done.stdout
            assert "SaasStripePrice price_shown" in done.stdout
    httpd.start(conf)
    try:
        for _ in range(2):
            page = requests.get(httpd.base + "/server-info", timeout=30, headers={"Host": "a.test"}).text
            assert "price_shown" in page and "(hidden)" in page and not [word for word in words if word in page]
            httpd.graceful()
    finally:
        httpd.stop()


# ------------------------------------------------------------- configtest --

def configtest(httpd, conf, **environment):
    path = httpd.write(DB + MOUNTS + conf)
    done = subprocess.run([httpd.binary, "-f", str(path), "-t"], capture_output=True, text=True, env={**httpd_environment(), **environment})
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("directive", ["SaasStripeSecretKey", "SaasStripeWebhookSecret"])
@pytest.mark.parametrize("text, words", [
    (None, ["No such file"]), ("", ["is empty"]), ("\n\n", ["is empty"]), ("  \t \n secret_below\n", ["is empty"]), ("x" * 4097, ["longer", "4096"]),
    ("sk_test_with a_blank\n", ["white space"]), ("folder", ["it is no file"]),
])
def test_a_file_that_gives_no_secret_is_named(httpd, folder, directive, text, words):
    path = folder / "given"
    path.unlink(missing_ok=True)
    if text == "folder":
        path = folder
    elif text is not None:
        put(path, text)
    status, said = configtest(httpd, f"{directive} file:{path}\n")
    assert status != 0 and directive in said, said
    assert all(word in said for word in words), said
    assert str(path) in said or "white space" in words
    assert "a_blank" not in said and "secret_below" not in said and "xxxxx" not in said


def test_a_pipe_is_not_waited_for(httpd, folder):
    os.mkfifo(folder / "pipe")
    status, said = configtest(httpd, f"SaasStripeSecretKey file:{folder / 'pipe'}\n")
    assert status != 0 and "it is no file" in said


def test_the_first_line_of_a_file_is_the_secret(httpd, folder):
    put(folder / "key", "  sk_test_good \r\na comment, or last year's key\n")
    assert configtest(httpd, f"SaasStripeSecretKey file:{folder / 'key'}\n")[0] == 0
    put(folder / "key", "k" * 255)
    assert configtest(httpd, f"SaasStripeSecretKey file:{folder / 'key'}\n")[0] == 0


def test_a_secret_of_the_environment(httpd):
    conf = "SaasStripeSecretKey env:STRIPE_KEY\nSaasStripeWebhookSecret env:STRIPE_HOOK whsec_second\n"
    assert configtest(httpd, conf, STRIPE_KEY="sk_test_env", STRIPE_HOOK="whsec_env")[0] == 0
    status, said = configtest(httpd, conf, STRIPE_KEY="sk_test_env")
    assert status != 0 and "STRIPE_HOOK is not set" in said
    status, said = configtest(httpd, conf, STRIPE_KEY="sk_test_env", STRIPE_HOOK=" ")
    assert status != 0 and "env:STRIPE_HOOK is empty" in said


@pytest.mark.parametrize("mode, warned", [(0o600, False), (0o640, False), (0o644, True), (0o602, True), (0o444, True)])
def test_a_file_that_everybody_may_read_is_warned_of(httpd, folder, mode, warned):
    put(folder / "key", "sk_test_key", mode)
    status, said = configtest(httpd, f"SaasStripeSecretKey file:{folder / 'key'}\n")
    assert status == 0 and ("SAAS1011" in said) == warned, said
    assert not warned or (said.count("SAAS1011") == 1 and str(folder / "key") in said and "chmod" in said)


@pytest.mark.parametrize("line, words", [
    ("SaasStripeSecretKey pk_test_x", "publishable"), ("SaasStripeSecretKey whsec_x", "SaasStripeWebhookSecret"), ("SaasStripeSecretKey price_x", "price"),
    ("SaasStripeWebhookSecret sk_test_x", "whsec_"), ("SaasStripeWebhookSecret whsec_good rk_live_x", "whsec_"),
    ("SaasStripeSecretKey sk_test_x\nSaasStripeMode live", "test key"), ("SaasStripeSecretKey rk_live_x\nSaasStripeMode test", "live key"),
])
def test_what_cannot_be_meant_is_refused(httpd, line, words):
    status, said = configtest(httpd, line + "\n")
    assert status != 0 and words in said, said
    assert "pk_test_x" not in said and "sk_test_x" not in said and "rk_live_x" not in said


@pytest.mark.parametrize("lines, warned", [
    ("SaasStripeSecretKey rk_test_x\nSaasStripeMode test", None), ("SaasStripeSecretKey rk_test_x\nSaasStripeMode any", None),
    ("SaasStripeSecretKey rk_live_x", "SAAS1510"), ("SaasStripeSecretKey file:{live}", None), ("SaasStripeSecretKey file:{live}\nSaasStripeMode live", None),
    ("SaasStripeSecretKey file:{live}\n<VirtualHost *:1>\nServerName stage.test\nSaasStripeSecretKey sk_test_x\n</VirtualHost>", "SAAS1511"),
    ("SaasStripeSecretKey sk_test_y\n<VirtualHost *:1>\nServerName stage.test\nSaasStripeSecretKey sk_test_x\n</VirtualHost>", None),
    ("SaasStripeSecretKey file:{live}\nSaasStripeAPI http://127.0.0.1:1", None),
])
def test_live_and_test_keys(httpd, folder, lines, warned):
    live = put(folder / "live", "rk_live_" + "1" * 20)
    status, said = configtest(httpd, lines.format(live=live) + "\n")
    assert status == 0, said
    assert re.findall(r"SAAS\d{4}", said) == ([warned] if warned else []), said
    assert warned != "SAAS1511" or "stage.test" in said


def test_live_events_are_not_for_the_virtual_host_of_the_test_key(databases, db_kind, folder):
    """Two modes on one server: each host takes its own events."""
    places = Places()
    live = put(folder / "live", "rk_live_" + "1" * 20)
    made = Site(databases.fresh(db_kind, places), places=places, with_stripe=False,
                conf="SaasStripeSecretKey sk_test_x\n<VirtualHost *:*>\nServerName 127.0.0.1\n</VirtualHost>\n"
                     f"<VirtualHost *:*>\nServerName live.example.test\nSaasStripeSecretKey file:{live}\nSaasStripeWebhookSecret whsec_of_live\n</VirtualHost>\n")
    try:
        made.start()
        told = []
        for host, secret in ((None, made.webhook_secret), ("live.example.test", "whsec_of_live")):
            for livemode in (False, True):
                event = stripe.event("customer.subscription.updated", stripe.Story("nobody", made.price).subscription("active"), livemode=livemode)
                assert made.deliver(event, secret=secret, headers={"Host": host} if host else {}).status_code == 200
                told.append(made.database.execute("SELECT verdict FROM stripe_events WHERE id = ?", event["id"])[0][0] == "ignored:mode of the account")
        assert told == [False, True, True, False]
        assert made.deliver(event, headers={"Host": "live.example.test"}).status_code == 400, "the other host's secret"
    finally:
        made.close()
