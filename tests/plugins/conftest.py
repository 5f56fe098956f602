"""The plugin suite: what an outside author has, and no more: an installed header, apxs.mk, Debian's httpd."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from saastest.fixtures import *  # noqa: E402,F401,F403
