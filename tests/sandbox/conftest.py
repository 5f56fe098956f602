"""One sandbox and one receiver per module, both emptied before each test."""

import pytest

from sandbox_harness import Receiver, Sandbox


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def running(tmp_path_factory, receiver):
    made = Sandbox(tmp_path_factory.mktemp("sandbox"), "--webhook-url", receiver.url)
    yield made
    assert made.stop() == ""


@pytest.fixture
def sandbox(running, receiver):
    running.control("POST", "reset")
    receiver.clear()
    return running
