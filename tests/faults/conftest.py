"""The fault suite: what breaks, breaks here on purpose, and the service holds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import pytest  # noqa: E402

import nodes as asked  # noqa: E402
from saastest import Places, Site  # noqa: E402
from saastest.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture(scope="module")
def nodes(databases):
    """Two nodes on one PostgreSQL."""
    scratch = Places()
    database = databases.fresh("pgsql", scratch)
    made = [Site(database, conf=asked.CONF + f"SaasNodeName node{n}\n", with_stripe=False) for n in (1, 2)]
    try:
        for site in made:
            asked.pages(site.start())
        for site in made:
            asked.until_live(site)
        yield made
    finally:
        for site in made:
            site.close()
        scratch.close()


@pytest.fixture
def watched(nodes, quiet_log):
    quiet_log.extend(site.httpd.watch() for site in nodes)
    for site in nodes:
        asked.until_live(site)
    return nodes
