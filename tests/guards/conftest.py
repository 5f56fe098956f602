"""The guard suite: rules of the house that a compiler does not keep, read off the sources, the manual and the
catalogs of both databases. A new file, directive, tag, statement or table is under them by being there.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import pytest  # noqa: E402

from saastest.fixtures import *  # noqa: E402,F401,F403
from saastest.site import Pgsql, Sqlite  # noqa: E402


@pytest.fixture(scope="module")
def migrated(request, db_kind, places):
    """A database that has seen the migrations and nothing else."""
    if db_kind == "pgsql":
        return Pgsql(request.getfixturevalue("cluster"), f"saas_guard_{request.module.__name__}")
    return Sqlite(places, "guard.db")
