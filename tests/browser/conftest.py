"""What a person sees in a browser: Debian's Chromium before a real httpd, on SQLite and on PostgreSQL."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from saastest.browser import Browser  # noqa: E402
from saastest.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture(scope="session")
def browser():
    started = Browser()
    yield started
    started.close()


@pytest.fixture
def page(browser):
    """A window of somebody's, closed after the test."""
    opened = browser.page()
    yield opened
    opened.close()
