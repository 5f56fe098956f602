"""The gates again, in the prefork MPM."""

from test_gates import *  # noqa: F401,F403

SITE_MPM = "prefork"
