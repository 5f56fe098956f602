"""An outside author's audit engine, tests/plugins/engine-hello: built against the installed header, run on both databases,
watched, canceled; and what the host says at configtest of one that is wrong.
"""

import shutil
import time
from pathlib import Path

import pytest

from saastest import Httpd, Places, Site, wait_audit
from saastest.places import give
from saastest.site import MOUNTS
from test_hello import DB, Installed, exported, make, refused

SAMPLE = Path(__file__).resolve().parent / "engine-hello"


@pytest.fixture(scope="module")
def installed(places):
    return Installed(places)


@pytest.fixture()
def httpd():
    server = Httpd()
    yield server
    server.close()


def build(places, name, include, *changes):
    folder = places.folder("engines") / name
    shutil.copytree(SAMPLE, folder)
    text = (folder / "hello.c").read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "hello.c").write_text(text)
    make(folder, f"MOD_SAAS={include}")
    return folder / "mod_saas_engine_hello.so"


def load(so):
    return f'LoadModule saas_engine_hello_module "{so}"\n'


@pytest.fixture(scope="module")
def so(places, installed):
    return build(places, "plain", installed.include)


@pytest.fixture(scope="module")
def served(databases, db_kind, so):
    scratch = Places()
    made = Site(databases.fresh(db_kind, scratch), conf=load(so), places=scratch, with_stripe=False)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def person(served):
    return served.newcomer()


def start(person, *targets):
    return person.post("audits/start/", json={"engine": "hello", "targets": list(targets)})


def test_it_is_small_and_exports_its_record_alone(so):
    assert len((SAMPLE / "hello.c").read_text().splitlines()) < 100
    assert exported(so) == {"saas_engine_hello_module"}


def test_targets_are_looked_at_by_the_engine(person):
    reply = start(person, "hello:0", "https://example.com/", "hello:5")
    assert reply.status_code == 400
    assert reply.json()["targets"] == [f"{target}: A target is hello:N, with N from 1 to 1000." for target in ("hello:0", "https://example.com/")]
    reply = person.post("audits/start/", json={"engine": "hullo", "targets": ["hello:1"]})
    assert reply.status_code == 400 and "hello" in reply.text and "web" in reply.text


def test_it_runs_and_leaves_its_evidence(person):
    reply = start(person, "hello:007", "hello:13")
    assert reply.status_code == 202 and reply.json()["targets"] == ["hello:7", "hello:13"]
    seen, body = set(), reply.json()
    while body["status"] in ("queued", "running"):
        body = person.ok("GET", f"audits/{body['id']}/")
        seen.add(body["progress"]["done"])
        time.sleep(0.05)
    assert body["status"] == "completed" and body["progress"] == {"done": 20, "total": 20}
    assert len(seen) > 2, f"no progress was to be seen on the way: {seen}"
    rows = person.ok("GET", f"audits/{body['id']}/evidence/?page_size=50")["results"]
    assert [row["resource_id"] for row in rows] == ["hello:7"] * 7 + ["hello:13"] * 13
    assert [row["id"] for row in rows if row["status"] == "FAIL"] == [20] and rows[19]["comment"] == "Greeting 13 was omitted."
    assert {row["check_name"] for row in rows} == {"greeting_polite"} and {row["severity"] for row in rows} == {"low"}
    # Two resources, one of them with a failure that is low: (100 + 95) / 2.
    assert body["score"] == 97 and body["counts"]["status"]["FAIL"] == 1


def test_it_ends_soon_when_it_is_canceled(person):
    audit = start(person, "hello:1000").json()["id"]
    wait_audit(person, audit, 20, until=("running",))
    end = time.monotonic() + 20
    while not person.ok("GET", f"audits/{audit}/")["progress"]["done"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert person.post(f"audits/{audit}/cancel/").status_code == 200
    # The engine's thread is free again: another audit of it runs to its end.
    assert wait_audit(person, start(person, "hello:2").json()["id"], 30)["status"] == "completed"
    body = person.ok("GET", f"audits/{audit}/")
    assert body["status"] == "canceled" and body["progress"]["done"] < 1000


@pytest.mark.parametrize("old, new, words", [
    ('SAAS_ENGINE_INIT("hello")', 'SAAS_ENGINE_INIT("Hello there")', ['"Hello there"', "is no name"]),
    ('SAAS_ENGINE_INIT("hello"), .validate = validate', 'SAAS_ENGINE_INIT("hello")', ['"hello"', "validate"]),
    (", .run = run_audit };", ", .run = NULL };", ['"hello"', "run"]),
    (", .run = run_audit };", ", .run = run_audit, .minor = 99 };", ['"hello"', "newer mod_saas"]),
    ('SAAS_ENGINE_INIT("hello"),', ".name = \"hello\",", ['"hello"', "SAAS_ENGINE_INIT"]),
])
def test_an_engine_that_is_wrong_is_refused(httpd, places, installed, old, new, words):
    unused = [(f"static {kind}", f"__attribute__((unused)) static {kind}") for kind in ("const char *validate", "apr_status_t run_audit")]
    quiet = ('#include "mod_saas.h"\n', '#include "mod_saas.h"\n#pragma GCC diagnostic ignored "-Woverride-init"\n')
    so = build(places, f"wrong-{abs(hash(new))}", installed.include, (old, new), quiet, *unused)
    refused(httpd, load(so) + DB + MOUNTS, "engine", *words)


def test_one_for_another_abi_is_refused(httpd, places, installed):
    include = places.folder("another-abi")
    shutil.copy(installed.include / "apxs.mk", include)
    text = (installed.include / "mod_saas.h").read_text()
    assert '#define SAAS_PLUGIN_ABI "1"' in text
    (include / "mod_saas.h").write_text(text.replace('#define SAAS_PLUGIN_ABI "1"', '#define SAAS_PLUGIN_ABI "0"'))
    so = build(places, "another-abi", include)
    refused(httpd, load(so) + DB + MOUNTS, "hello", "ABI 0", "rebuild")


def test_without_the_host_the_start_is_refused(so):
    server = Httpd(with_saas=False)
    try:
        refused(server, load(so), "mod_saas")
    finally:
        server.close()
