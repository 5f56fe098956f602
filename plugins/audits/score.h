/* Licensed under the Apache License, Version 2.0: see LICENSE. */

#ifndef AUDITS_SCORE_H
#define AUDITS_SCORE_H

#include <apr_pools.h>
#include <jansson.h>

/** Counts and score of an audit, kept while its evidence arrives: memory grows
 *  with the number of resources, not of findings. */
typedef struct saas_score_t saas_score_t;

/** Words as stored, most severe first; NULL-terminated. */
extern const char *const saas_finding_statuses[];
extern const char *const saas_finding_severities[];

/** An empty score in the pool. */
saas_score_t *saas_score_make(apr_pool_t *p);

/** Tells, before the first finding, what a check costs and earns, of which severity it usually is, and to which test of the
 *  score it belongs. */
void saas_score_weigh(saas_score_t *score, const char *check, const char *test, const char *severity, int penalty, int bonus);

/** Counts one finding.  Words that are not in the lists are not counted. */
void saas_score_add(saas_score_t *score, const char *resource, const char *check, const char *status, const char *severity);

/** 0 to 100; -1 when nothing could be tested. */
int saas_score_value(const saas_score_t *score);

/** "A+" to "F". */
const char *saas_score_grade(int value);

/** Why the score is what it is: {"grade", "resources": how many have one, "tests": [{"test", "points", "resources"}, …],
 *  "severities": [{"severity", "points", "resources"}, …]}, points lost (below 0) or earned by all resources together, before
 *  what is below 0 or above 100 is cut off; a new reference, null without a score. */
json_t *saas_score_details(const saas_score_t *score);

/** {"status": {"PASS": n, …}, "severity": {"critical": n, …}}, over all
 *  findings; a new reference. */
json_t *saas_score_counts(const saas_score_t *score);

/** What a failed check costs, as the branches of a CASE of SQL: for audits that are counted in the database.  The numbers
 *  are those of score.c; tests/api/test_import.py compares what comes of them. */
#define SAAS_SCORE_COSTS \
    "WHEN severity = 'critical' THEN 40 WHEN severity = 'high' THEN 25 WHEN severity = 'medium' THEN 15" \
    " WHEN severity = 'low' THEN 5"

/** The same without findings, as text. */
#define SAAS_SCORE_NO_COUNTS \
    "{\"status\":{\"PASS\":0,\"FAIL\":0,\"MANUAL\":0,\"ERROR\":0}," \
    "\"severity\":{\"critical\":0,\"high\":0,\"medium\":0,\"low\":0,\"informational\":0}}"

#endif
