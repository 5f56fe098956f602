/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The score of an audit, and its counts.  Pure: APR and jansson only.
 *
 * Each resource begins with 100 points, as in MDN's HTTP Observatory, and loses
 * for every check that failed:
 *
 *     critical 40, high 25, medium 15, low 5, informational 0
 *
 * but never falls below 0.  The audit's score is the mean over its resources,
 * rounded down so that 100 means that nothing failed at all.  MANUAL and ERROR
 * neither cost nor earn: a resource of which nothing could be tested has no
 * score and is left out, and an audit of only such resources has none.
 */

#include "score.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>

enum { STATUSES = 4, SEVERITIES = 5 };
enum { PASS, FAIL };

const char *const saas_finding_statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR", NULL };
const char *const saas_finding_severities[] = { "critical", "high", "medium", "low", "informational", NULL };
static const int cost[SEVERITIES] = { 40, 25, 15, 5, 0 };

typedef struct resource_t {
    int points;
} resource_t;

struct saas_score_t {
    apr_pool_t *pool;
    apr_hash_t *resources;
    json_int_t by_status[STATUSES];
    json_int_t by_severity[SEVERITIES];
};

static int word_index(const char *const *words, const char *word)
{
    int i;
    for (i = 0; words[i]; i++) {
        if (!strcmp(words[i], word)) {
            return i;
        }
    }
    return -1;
}

saas_score_t *saas_score_make(apr_pool_t *p)
{
    saas_score_t *score = apr_pcalloc(p, sizeof(*score));
    score->pool = p;
    score->resources = apr_hash_make(p);
    return score;
}

void saas_score_add(saas_score_t *score, const char *resource, const char *status, const char *severity)
{
    int s = word_index(saas_finding_statuses, status);
    int v = word_index(saas_finding_severities, severity);
    resource_t *r;

    if (s < 0 || v < 0) {
        return;
    }
    score->by_status[s]++;
    score->by_severity[v]++;
    if (s != PASS && s != FAIL) {
        return;
    }
    r = apr_hash_get(score->resources, resource, APR_HASH_KEY_STRING);
    if (!r) {
        r = apr_pcalloc(score->pool, sizeof(*r));
        r->points = 100;
        apr_hash_set(score->resources, apr_pstrdup(score->pool, resource), APR_HASH_KEY_STRING, r);
    }
    if (s == FAIL) {
        r->points = r->points > cost[v] ? r->points - cost[v] : 0;
    }
}

int saas_score_value(const saas_score_t *score)
{
    apr_int64_t points = 0;
    apr_int64_t resources = 0;
    apr_hash_index_t *hi;

    /* Without a pool the index is the table's own: one iteration at a time. */
    for (hi = apr_hash_first(NULL, score->resources); hi; hi = apr_hash_next(hi)) {
        points += ((const resource_t *)apr_hash_this_val(hi))->points;
        resources++;
    }
    return resources ? (int)(points / resources) : -1;
}

static json_t *count_object(const char *const *words, const json_int_t *counts)
{
    json_t *object = json_object();
    int i;
    for (i = 0; words[i]; i++) {
        json_object_set_new(object, words[i], json_integer(counts[i]));
    }
    return object;
}

json_t *saas_score_counts(const saas_score_t *score)
{
    return json_pack("{s:o, s:o}", "status", count_object(saas_finding_statuses, score->by_status),
                     "severity", count_object(saas_finding_severities, score->by_severity));
}
