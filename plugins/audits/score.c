/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The score of an audit, its grade, why it is what it is, and its counts.  Pure: APR and jansson only.
 *
 * The scale is that of MDN's HTTP Observatory: each resource begins with 100 points and loses those of each test that it
 * failed, down to 0; a resource that still has 90 earns those of the tests that it passed, up to 100.  A test of the score is
 * one check or several (the engine's table says which); of its failed checks the dearest counts, and whoever failed one of
 * them earns nothing by the others.  A finding that is graver or lighter than its check usually is, and one of a check that no
 * table tells, costs by severity, each by itself where there is no table:
 *
 *     critical 40, high 25, medium 15, low 5, informational 0
 *
 * The audit's score is the mean over its resources, rounded down so that 100 means that nothing failed that costs.  MANUAL and
 * ERROR neither cost nor earn: a resource of which nothing could be tested has no score and is left out, and an audit of only
 * such resources has none.
 */

#include "score.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <string.h>

enum { STATUSES = 4, SEVERITIES = 5 };
enum { PASS, FAIL };
enum { FULL = 100, EARNS_FROM = 90 };

const char *const saas_finding_statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR", NULL };
const char *const saas_finding_severities[] = { "critical", "high", "medium", "low", "informational", NULL };
static const int cost[SEVERITIES] = { 40, 25, 15, 5, 0 };

typedef struct rule_t {
    int test;                     /* index */
    int severity;
    int penalty, bonus;
} rule_t;

typedef struct resource_t {
    int *lost, *earned;           /* by test */
    unsigned char *failed;        /* by test */
    int by_severity[SEVERITIES];  /* lost by findings that no table tells of */
} resource_t;

struct saas_score_t {
    apr_pool_t *pool;
    apr_hash_t *rules;            /* rule_t by check */
    apr_array_header_t *tests;    /* const char * */
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
    score->rules = apr_hash_make(p);
    score->tests = apr_array_make(p, 32, sizeof(const char *));
    score->resources = apr_hash_make(p);
    return score;
}

static int test_index(saas_score_t *score, const char *test)
{
    int i;
    for (i = 0; i < score->tests->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(score->tests, i, const char *), test)) {
            return i;
        }
    }
    APR_ARRAY_PUSH(score->tests, const char *) = apr_pstrdup(score->pool, test);
    return i;
}

void saas_score_weigh(saas_score_t *score, const char *check, const char *test, const char *severity, int penalty, int bonus)
{
    rule_t *rule = apr_palloc(score->pool, sizeof(*rule));

    rule->test = test_index(score, test);
    rule->severity = word_index(saas_finding_severities, severity);
    rule->penalty = penalty;
    rule->bonus = bonus;
    apr_hash_set(score->rules, apr_pstrdup(score->pool, check), APR_HASH_KEY_STRING, rule);
}

static resource_t *resource_of(saas_score_t *score, const char *name)
{
    resource_t *r = apr_hash_get(score->resources, name, APR_HASH_KEY_STRING);

    if (!r) {
        r = apr_pcalloc(score->pool, sizeof(*r));
        r->lost = apr_pcalloc(score->pool, sizeof(int) * (score->tests->nelts + 1));
        r->earned = apr_pcalloc(score->pool, sizeof(int) * (score->tests->nelts + 1));
        r->failed = apr_pcalloc(score->pool, score->tests->nelts + 1);
        apr_hash_set(score->resources, apr_pstrdup(score->pool, name), APR_HASH_KEY_STRING, r);
    }
    return r;
}

void saas_score_add(saas_score_t *score, const char *resource, const char *check, const char *status, const char *severity)
{
    const rule_t *rule = apr_hash_get(score->rules, check, APR_HASH_KEY_STRING);
    int s = word_index(saas_finding_statuses, status);
    int v = word_index(saas_finding_severities, severity);
    resource_t *r;
    int points;

    if (s < 0 || v < 0) {
        return;
    }
    score->by_status[s]++;
    score->by_severity[v]++;
    if (s != PASS && s != FAIL) {
        return;
    }
    r = resource_of(score, resource);
    if (!rule) {
        r->by_severity[v] += s == FAIL ? cost[v] : 0;
        return;
    }
    if (s == PASS) {
        r->earned[rule->test] += rule->bonus;
        return;
    }
    points = v == rule->severity ? rule->penalty : cost[v];
    r->failed[rule->test] = 1;
    if (points > r->lost[rule->test]) {
        r->lost[rule->test] = points;
    }
}

/* Without what is earned. */
static int points_left(const saas_score_t *score, const resource_t *r)
{
    int points = FULL;
    int i;

    for (i = 0; i < score->tests->nelts; i++) {
        points -= r->lost[i];
    }
    for (i = 0; i < SEVERITIES; i++) {
        points -= r->by_severity[i];
    }
    return points > 0 ? points : 0;
}

/* What a test earns for a resource that has so many points. */
static int earned(const resource_t *r, int test, int points)
{
    return points >= EARNS_FROM && !r->failed[test] ? r->earned[test] : 0;
}

int saas_score_value(const saas_score_t *score)
{
    apr_int64_t sum = 0;
    apr_int64_t resources = 0;
    apr_hash_index_t *hi;

    /* Without a pool the index is the table's own: one iteration at a time. */
    for (hi = apr_hash_first(NULL, score->resources); hi; hi = apr_hash_next(hi)) {
        const resource_t *r = apr_hash_this_val(hi);
        int left = points_left(score, r);
        int points = left;
        int i;

        for (i = 0; i < score->tests->nelts; i++) {
            points += earned(r, i, left);
        }
        sum += points < FULL ? points : FULL;
        resources++;
    }
    return resources ? (int)(sum / resources) : -1;
}

const char *saas_score_grade(int value)
{
    /* The Observatory's: by the last of its steps of five that has been reached. */
    static const struct {
        int from;
        const char *grade;
    } grades[] = { { 100, "A+" }, { 90, "A" }, { 85, "A-" }, { 80, "B+" }, { 70, "B" }, { 65, "B-" }, { 60, "C+" },
                   { 50, "C" }, { 45, "C-" }, { 40, "D+" }, { 30, "D" }, { 25, "D-" }, { 0, "F" } };
    size_t i = 0;

    while (value < grades[i].from && i < sizeof(grades) / sizeof(grades[0]) - 1) {
        i++;
    }
    return grades[i].grade;
}

/* Adds a row unless nobody was touched. */
static void tell(json_t *rows, const char *what, const char *name, int points, int resources)
{
    if (resources) {
        json_array_append_new(rows, json_pack("{s:s, s:i, s:i}", what, name, "points", points, "resources", resources));
    }
}

json_t *saas_score_details(const saas_score_t *score)
{
    int value = saas_score_value(score);
    json_t *tests = json_array(), *severities = json_array();
    int i;

    if (value < 0) {
        json_decref(tests);
        json_decref(severities);
        return json_null();
    }
    for (i = 0; i < score->tests->nelts + SEVERITIES; i++) {
        int lost = 0, losers = 0, gained = 0, gainers = 0;
        int v = i - score->tests->nelts;
        apr_hash_index_t *hi;

        for (hi = apr_hash_first(NULL, score->resources); hi; hi = apr_hash_next(hi)) {
            const resource_t *r = apr_hash_this_val(hi);
            int less = v >= 0 ? r->by_severity[v] : r->lost[i];
            int more = v >= 0 ? 0 : earned(r, i, points_left(score, r));

            lost += less;
            losers += less > 0;
            gained += more;
            gainers += more > 0;
        }
        if (v >= 0) {
            tell(severities, "severity", saas_finding_severities[v], -lost, losers);
        }
        else {
            tell(tests, "test", APR_ARRAY_IDX(score->tests, i, const char *), -lost, losers);
            tell(tests, "test", APR_ARRAY_IDX(score->tests, i, const char *), gained, gainers);
        }
    }
    return json_pack("{s:s, s:i, s:o, s:o}", "grade", saas_score_grade(value), "resources",
                     (int)apr_hash_count(score->resources), "tests", tests, "severities", severities);
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
