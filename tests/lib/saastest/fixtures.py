"""Fixtures and rules shared by tests/api and tests/faults: every test module gets an httpd of its own on
each database, and after every test the error log holds nothing that the test has not announced.

A module may set SITE_CONF (more configuration), SITE_MPM, SITE_STRIPE = False, SITE_MODULES, SITE_FRONTEND = None,
SITE_PORT.
Markers: expects("SAAS1234", …) announces words of log lines; kills announces that the test kills a child;
only_db("pgsql") binds a test to one database.

For runs with several workers (-n 2 --dist loadgroup): a worker takes all tests of a module on one database at once, or
one test if the module says SHARES_NOTHING = True; the marker long(seconds), for a test or a module, starts it early.
"""

import itertools
import os
import signal
import threading

import pytest

from . import openapi
from . import places as where
from .client import Api
from .places import Places
from .postgres import Postgres
from .site import Pgsql, Site, Sqlite

_numbers = itertools.count(1)

# Every reply that a test sees is held against the OpenAPI document.
Api.witness = staticmethod(openapi.witness)


def pytest_addoption(parser):
    try:
        parser.addoption("--db", choices=("sqlite", "pgsql", "both"), default=os.environ.get("SAAS_TEST_DB", "both"),
                         help="the database(s) to run on")
    except ValueError:
        pass  # the other folder's conftest has added it already


def pytest_configure(config):
    # A run that is told to end still ends its servers and removes its folders, as with Ctrl-C.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What a thread of a test has met with is the test's.
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")
    config.addinivalue_line("markers", "expects(*words): log lines at warn or above with one of these words are expected")
    config.addinivalue_line("markers", "kills: the test kills a child of httpd")
    config.addinivalue_line("markers", "long(seconds): about how long it takes, if that is long")
    config.addinivalue_line("markers", "smoke: one of the few that `make check` runs")
    config.addinivalue_line("markers", "only_db(kind): the test is about one database")


def pytest_generate_tests(metafunc):
    if "db_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--db", default="both")
        kinds = ["sqlite", "pgsql"] if chosen == "both" else [chosen]
        only = metafunc.definition.get_closest_marker("only_db")
        if only:
            kinds = [k for k in kinds if k in only.args]
        metafunc.parametrize("db_kind", kinds, indirect=True, scope="module")


def shares_nothing(item):
    return getattr(item.module, "SHARES_NOTHING", False)


def unit(item):
    """What one worker runs as a whole."""
    if shares_nothing(item):
        return item.nodeid
    kind = item.callspec.params.get("db_kind", "") if hasattr(item, "callspec") else ""
    return f"{item.path.parent.name}/{item.path.stem}:{kind}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """The longest first, so that no worker is left alone with one at the end."""
    if not hasattr(config, "workerinput"):
        return
    seconds = {}
    for item in items:
        mark = item.get_closest_marker("long")
        seconds[unit(item)] = max(seconds.get(unit(item), 0), mark.args[0] if mark else 0)
    items.sort(key=lambda item: -seconds[unit(item)])
    for item in items:
        if not shares_nothing(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(unit(item)))


@pytest.fixture(scope="module")
def db_kind(request):
    """sqlite or pgsql; a fixture of its own so that pytest runs all of a module on one, then on the other."""
    return request.param


@pytest.fixture(scope="module")
def places():
    """Scratch folders of a module."""
    made = Places()
    yield made
    made.close()


@pytest.fixture(scope="session")
def cluster():
    pg = Postgres().create()
    yield pg
    pg.close()


class Databases:
    """Migrated once a session and kind; every module works on a copy."""

    def __init__(self, get_cluster):
        self.get_cluster = get_cluster
        self.places = Places()
        self.templates = {}

    def fresh(self, kind, places):
        n = next(_numbers)
        if kind == "pgsql":
            cluster = self.get_cluster()
            if kind not in self.templates:
                self.templates[kind] = Pgsql(cluster, "saas_template").name
            return Pgsql(cluster, f"saas_{os.getpid()}_{n}", self.templates[kind])
        if kind not in self.templates:
            self.templates[kind] = Sqlite(self.places, "template.db").path
        return Sqlite(places, f"saas_{n}.db", self.templates[kind])


@pytest.fixture(scope="session")
def databases(request):
    if not (where.BUILD / "modules" / "mod_saas.so").exists():
        pytest.exit(f"{where.BUILD}/modules/mod_saas.so is missing: build first", returncode=2)
    made = Databases(lambda: request.getfixturevalue("cluster"))
    yield made
    made.places.close()


@pytest.fixture(scope="module")
def site(request, databases, db_kind):
    """The installation of this test module, running."""
    scratch = Places()
    module = request.module
    made = Site(databases.fresh(db_kind, scratch), conf=getattr(module, "SITE_CONF", ""),
                mpm=getattr(module, "SITE_MPM", "event"), places=scratch, port=getattr(module, "SITE_PORT", None),
                with_stripe=getattr(module, "SITE_STRIPE", True),
                frontend=getattr(module, "SITE_FRONTEND", "https://app.example.test"), modules=getattr(module, "SITE_MODULES", ()))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def quiet_log(request):
    """Fails a test that has made httpd complain, or crash, without announcing it."""
    logs = []
    if "site" in request.fixturenames:
        logs.append(request.getfixturevalue("site").httpd.watch())
    request.node.quiet_logs = logs
    yield logs
    expected = [word for marker in request.node.iter_markers("expects") for word in marker.args]
    kills = request.node.get_closest_marker("kills") is not None
    found = [line for log in logs for line in log.problems(expected, kills)]
    assert not found, "the error log holds what the test has not announced:\n" + "\n".join(found)


@pytest.fixture
def person(site):
    """Somebody new with an organization of their own, free tier."""
    return site.newcomer()


@pytest.fixture(scope="module")
def alice(site):
    """ADMIN of an organization on the free tier; shared by the tests of a module that only read her."""
    return site.newcomer("Alice & Co")


@pytest.fixture(scope="module")
def bob(site):
    """ADMIN of another organization."""
    return site.newcomer("Bob Ltd")


@pytest.fixture(scope="module")
def payer(site):
    """ADMIN of an organization that has paid."""
    somebody = site.newcomer("Premium Inc")
    site.pay(somebody)
    return somebody
