/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file families.h
 * What the files of the counters share: families.c (what is counted) and count.c (where, and how much).
 */
#ifndef SAAS_COUNT_FAMILIES_H
#define SAAS_COUNT_FAMILIES_H

#include "count.h"

/** Cells that all families take together. */
unsigned saas_counters_cells(void);
/** The bounds of histograms; the last is above every duration. */
extern const apr_interval_time_t saas_counters_durations[];
/** Ends counting, until saas_counters_post_config(): the families are about to become others. */
void saas_counters_stop(void);

#endif
