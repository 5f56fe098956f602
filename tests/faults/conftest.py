"""The fault suite: what breaks, breaks here on purpose, and the service holds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from saastest.fixtures import *  # noqa: E402,F401,F403
