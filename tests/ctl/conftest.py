"""The operator's command against real databases: what it prints, how it exits, what it leaves behind."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import pytest  # noqa: E402

from operators import ADA, BOB, Operator  # noqa: E402
from saastest import Places  # noqa: E402
from saastest.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture
def ctl(databases, db_kind):
    """A database of the test's own."""
    scratch = Places()
    database = databases.fresh(db_kind, scratch)
    yield Operator(database)
    database.close()
    scratch.close()


@pytest.fixture
def acme(ctl):
    """An organization with Ada as its ADMIN and Bob as MEMBER."""
    ctl.user("Ada@Example.test")
    ctl.user(BOB)
    org = ctl.org(ADA)
    ctl.ok("member", "add", "acme", BOB)
    return org
