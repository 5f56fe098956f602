"""Requests within requests again, in the prefork MPM."""

from test_gates_inner import *  # noqa: F401,F403

SITE_MPM = "prefork"
