/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file metrics.h
 * The page metrics of a SaasStatus section.
 */
#ifndef SAAS_WATCH_METRICS_H
#define SAAS_WATCH_METRICS_H

#include "watch.h"

int saas_metrics_page(request_rec *r);

#endif
