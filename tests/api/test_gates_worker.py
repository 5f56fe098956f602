"""The gates again, in the worker MPM."""

from test_gates import *  # noqa: F401,F403

SITE_MPM = "worker"
