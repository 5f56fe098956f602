"""Misconfiguration: refused at configtest with the object and the way out, never served ungated."""

import pytest

from saastest import Httpd
from saastest.site import MOUNTS


@pytest.fixture(scope="module")
def httpd(databases):
    server = Httpd()
    yield server
    server.close()


def refused(httpd, conf, *words):
    status, said = httpd.configtest(conf)
    assert status != 0, "configtest let this pass: " + said
    for word in words:
        assert word in said, said
    return said


DB = 'DBDriver sqlite3\nDBDParams "/nonexistent/saas.db"\n'


def test_the_plain_configuration_is_fine(httpd):
    status, said = httpd.configtest(DB + MOUNTS)
    assert status == 0, said


@pytest.mark.parametrize("line, words", [
    ("Require saas-role ADMINN", ["ADMINN", "ADMIN", "MEMBER", "VIEWER"]), ("Require saas-role", ["saas-role"]), ("Require saas-role admin", ["admin"]),
    ("Require saas-subscription paid", ["paid", "active"]), ("Require saas-subscription", ["saas-subscription"]), ("Require saas-premium", ["saas-premium"]),
    ("SaasAPI Maybe", ["SaasAPI"]), ("SaasIdentityHeaders Yes", ["SaasIdentityHeaders"]), ('SaasOrganization "%{HTTP:"', ["SaasOrganization"]),
    ("SaasUnknownDirective On", ["SaasUnknownDirective"]), ("SaasLoginURL nowhere", ["SaasLoginURL", "nowhere"]),
    ("SaasDenied nobody text", ["SaasDenied", "subscription"]), ('SaasUser "%{HTTP:"', ["SaasUser"]),
])
def test_bad_lines_are_refused_with_what_is_allowed(httpd, line, words):
    refused(httpd, DB + MOUNTS + f'<Location "/x">\nAuthType Saas\n{line}\n</Location>\n', *words, "line")


@pytest.mark.parametrize("line", ["SaasStripeWebhookSecret \"\"", "SaasStripeWebhookSecret \"   \"", "SaasScanAllow 300.0.0.0/8", "SaasScanAllow 127.0.0.0/99",
                                  "SaasScanAllow nonsense", "SaasScanPorts 0", "SaasScanPorts 443 65536", "SaasScanPorts https", "SaasScanTrustAnchor /nonexistent/root.key", "SaasStripeSecretKey \"\"", "SaasDBWait never", "SaasMaxBody -1", "SaasJobThreads 99",
                                  "SaasFrontendURL not-a-url", "SaasStripeAPI ftp://x/", "SaasStripeTrialDays 731", "SaasStripeTrialWithoutCard never",
                                  "SaasStripeBillingAddress Off", "SaasStripeTax maybe",
                                  *(f"SaasStripeQuantity {bad}" for bad in ("-1", "01", "1-", "-5", "0-5", "5-1", "1000000", "1-1000000", "1-2-3", "two", '""',
                                                                            "99999999999999999999", "1-99999999999999999999"))])
def test_bad_values_are_refused(httpd, line):
    said = refused(httpd, DB + MOUNTS + line + "\n")
    assert line.split()[0] in said


@pytest.mark.parametrize("said, fault", [
    ("hots=a dbname=b", 'invalid connection option "hots"'), ("verysecretvalue", "it is not what libpq takes"), ("dbname=b", "it names no host"),
    ("host=db2 dbname=saas password=verysecretvalue", "no DBDriver is pgsql")])
def test_a_standby_that_is_none(httpd, said, fault):
    status, told = httpd.configtest(DB + MOUNTS + f'SaasExportDB "{said}"\n')
    assert status != 0 and fault in told and "verysecretvalue" not in told.replace(f'"{said}"', ""), told


def test_a_standby_of_postgresql(httpd):
    refused(httpd, DB + MOUNTS + '<VirtualHost *:1>\nSaasExportDB "host=a"\n</VirtualHost>\n', "SaasExportDB")
    conf = 'DBDriver pgsql\nDBDParams "host=a dbname=b connect_timeout=2"\n' + MOUNTS
    for said in ("host=db2 dbname=saas user=saas_app passfile=/etc/mod_saas/pgpass", "postgresql://saas_app@db2,db3/saas?sslmode=require"):
        assert httpd.configtest(conf + f'SaasExportDB "{said}"\n')[0] == 0


def test_a_secret_is_never_shown(httpd):
    said = httpd.configtest(DB + MOUNTS + "SaasStripeWebhookSecret whsec_verysecretvalue extra_argument_9931 x y z\n")[1]
    assert "verysecretvalue" not in said


def test_a_missing_secret_file_is_named(httpd):
    refused(httpd, DB + MOUNTS + "SaasStripeSecretKey file:/nonexistent/key\n", "/nonexistent/key")


@pytest.mark.parametrize("order", ["host last", "host first"])
def test_plugins_load_in_any_order(databases, order):
    server = Httpd()
    try:
        original = server.module_lines

        def reordered():
            lines = original()
            others = [line for line in lines if " saas_" not in line]
            own = [line for line in lines if " saas_" in line]
            assert " saas_module " in own[0]
            return others + (own[::-1] if order == "host last" else own)

        server.module_lines = reordered
        status, said = server.configtest(DB + MOUNTS)
        assert status == 0, said
    finally:
        server.close()


def test_a_plugin_without_the_host_is_refused(httpd):
    original = httpd.module_lines
    try:
        httpd.module_lines = lambda: [line for line in original() if " saas_module " not in line]
        status, said = httpd.configtest("")
        assert status != 0 and "mod_saas" in said
    finally:
        httpd.module_lines = original


def test_without_mod_dbd_it_says_so(httpd):
    original = httpd.module_lines
    try:
        httpd.module_lines = lambda: [line for line in original() if " dbd_module " not in line]
        refused(httpd, MOUNTS, "mod_dbd")
    finally:
        httpd.module_lines = original


def test_a_gate_without_authtype_never_opens(httpd, databases):
    """Require saas-user in a section whose AuthType is not set must not let anybody in."""
    httpd.page("closed/index.html", "secret words")
    conf = DB + MOUNTS + '<Location "/closed">\nRequire saas-user\n</Location>\n'
    if httpd.configtest(conf)[0] != 0:
        return
    httpd.start(conf)
    try:
        import requests
        reply = requests.get(httpd.base + "/closed/", timeout=10)
        assert reply.status_code in (401, 403, 500, 503) and "secret words" not in reply.text
    finally:
        httpd.stop()


OPEN_BY_MISTAKE = '<Location "/premium">\nAuthType Saas\nRequire saas-role ADMIN\nRequire saas-subscription active\n</Location>\n'


def test_gates_in_an_implicit_require_any_are_warned_of(httpd):
    status, said = httpd.configtest(DB + MOUNTS + OPEN_BY_MISTAKE)
    assert status == 0 and "SAAS1304" in said and "/premium" in said and "RequireAll" in said


def test_gates_in_a_container_are_not_warned_of(httpd):
    conf = OPEN_BY_MISTAKE.replace("Require saas-role", "<RequireAny>\nRequire saas-role").replace("active\n", "active\n</RequireAny>\n")
    status, said = httpd.configtest(DB + MOUNTS + conf + '<Location "/one">\nAuthType Saas\nRequire saas-user\n</Location>\n')
    assert status == 0 and "SAAS1304" not in said, said


# Directives that several plugins have: httpd shows a line to each of them, and whichever are loaded, the same is refused.
SHARED = {
    "SaasFrontendURL": (("accounts", "billing", "webhooks"), ["https://app.example.test", "http://app.example.test/shop/"],
                        ["app.example.test", "ftp://app.example.test", "https://", "https://u@app.example.test", "https://app.example.test/?a=1",
                         "https://app.example.test/#a", '"https://app.example.test/a b"', "https://app.example.test/<a>", '""', "https://app.example.test/" + "a" * 250]),
    "SaasStripePrice": (("billing", "webhooks"), ["price_1", "price_1 price_2"], ['"price 1"', '""', "price_\u00e9", "a" * 256]),
    "SaasStripeSecretKey": (("billing", "webhooks"), ["sk_test_1", "rk_live_1", '" sk_test_1 "'],
                            ['""', '" "', '"sk_test 1"', "sk_test_\u00e9", "s" * 256, "file:/nonexistent/key", "env:SAAS_NO_SUCH_NAME"]),
    "SaasInviteAnyEmail": (("accounts", "organizations"), ["On", "Off"], ["Maybe", "1"]),
}


@pytest.mark.parametrize("name", SHARED)
def test_plugins_that_share_a_directive_refuse_the_same(name):
    plugins, good, bad = SHARED[name]
    for loaded in (*((plugin,) for plugin in plugins), plugins):
        server = Httpd(plugins=loaded)
        try:
            for value in good:
                status, said = server.configtest(f"{DB}{name} {value}\n")
                assert status == 0, f"{loaded}: {name} {value}: {said}"
            for value in bad:
                said = refused(server, f"{DB}{name} {value}\n", name)
                assert not name.endswith("SecretKey") or "sk_test" not in said, said
        finally:
            server.close()
