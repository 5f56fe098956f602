"""Counting again, in the prefork MPM: as many processes as there are requests at once."""

import test_metrics
from test_metrics import (callers, pages, pytestmark, test_a_graceful_restart_loses_nothing, test_a_killed_child_holds_nothing,  # noqa: F401
                          test_all_children_count_into_one, test_requests_are_counted_by_gate_and_verdict)

SITE_MPM = "prefork"
SITE_CONF, SITE_MODULES = test_metrics.SITE_CONF, test_metrics.SITE_MODULES
