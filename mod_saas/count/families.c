/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What is counted: families of counters, the host's own and those that plugins declare.
 *
 * Families are known before the server starts, with every value of every label: nothing that a client sends can make a
 * new series.  What a plugin declares must be fit for OpenMetrics and must not pass for the host's own, or the start is
 * refused.
 */
#include "families.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define NAME_MAX_LENGTH 64

static const char *const verdicts[SAAS_SAID_COUNT] = {
    "granted", "unavailable", "not_authenticated", "authentication_failed", "organization_required", "not_found",
    "permission_denied", "subscription_required", "email_not_verified", "feature_required", "plan_required",
    "csrf_failed", "overruled"
};
/* In the form that OpenMetrics wants, and as durations. */
static const char *const bounds[] = { "0.001", "0.01", "0.1", "1.0", "10.0", "+Inf" };
const apr_interval_time_t saas_counters_durations[] = { 1000, 10000, 100000, 1000000, 10000000, APR_INT64_MAX };
static const char *const db_errors[] = { "unique", "serialization", "unavailable", "other" };
static const char *const hash_outcomes[] = { "computed", "refused" };
static const char *const job_outcomes[] = { "done", "again", "dead", "released", "canceled", "lost" };

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const saas_family_t host_families[SAAS_COUNT_HOST] = {
    [SAAS_COUNT_CACHE_MISSES] = { .name = "cache_misses", .help = "Principals looked for and not found." },
    [SAAS_COUNT_CACHE_BYPASSES] = { .name = "cache_bypasses",
        .help = "Requests that did not ask the cache, the change feed being away." },
    [SAAS_COUNT_CACHE_STORES] = { .name = "cache_stores", .help = "Principals put into the cache." },
    [SAAS_COUNT_CACHE_EVICTIONS] = { .name = "cache_evictions", .help = "Principals that gave way to others." },
    [SAAS_COUNT_CACHE_HITS] = { .name = "cache_hits", .help = "Principals found in the cache." },
    [SAAS_COUNT_REQUESTS] = { .name = "requests", .label = { "gate", "verdict" },
        .values = { NULL, verdicts }, .n = { 0, SAAS_SAID_COUNT },
        .help = "Requests that a gate was asked about, in a route or a Require line, once a request and gate (a"
                " subrequest or internal redirect that is decided anew is one more); overruled: it refused, and the"
                " section let the request in. Requests that no gate stood before are not counted." },
    [SAAS_COUNT_DB_WAITS] = { .name = "database_wait_seconds", .histogram = 1,
        .values = { bounds }, .n = { COUNT(bounds), 1 },
        .help = "How long was waited for a connection that was then had, with the time of making a new one." },
    [SAAS_COUNT_DB_TIMEOUTS] = { .name = "database_wait_timeouts",
        .help = "Waits for a connection that ended without one, all being in use (503)." },
    [SAAS_COUNT_DB_ERRORS] = { .name = "database_errors", .label = { "class" },
        .values = { db_errors }, .n = { COUNT(db_errors) },
        .help = "Transactions and single statements that failed, and connections that could not be had: by a unique"
                " constraint (mostly an ordinary refusal), by a conflict with another transaction (tried again), for"
                " want of an answer, or otherwise." },
    [SAAS_COUNT_DB_OPENED] = { .name = "database_connections_opened",
        .help = "Connections of the pool that were made, anew after a loss too." },
    [SAAS_COUNT_HASHES] = { .name = "password_hashes", .label = { "outcome" }, .values = { hash_outcomes },
        .n = { COUNT(hash_outcomes) },
        .help = "Passwords hashed or verified; refused: for want of room (503)." },
    [SAAS_COUNT_JOBS] = { .name = "job_runs", .label = { "kind", "outcome" }, .values = { NULL, job_outcomes },
        .n = { 0, COUNT(job_outcomes) },
        .help = "Attempts at background work that this node has ended: done, failed and to be tried again, dead (given"
                " up), released to another attempt, canceled, or lost (the end could not be written)." },
};

/* First words of the names above, and of what watch/metrics.c tells besides: not for plugins. */
static const char *const reserved[] = {
    "cache", "database", "feed", "job", "jobs", "password", "requests", "streams", "throttled"
};

static apr_array_header_t *families;
static unsigned cells;

static void add_family(const saas_family_t *from)
{
    saas_family_t *family = apr_array_push(families);
    *family = *from;
    for (int i = 0; i < 2; i++) {
        if (!family->label[i] && !family->histogram) {
            family->n[i] = 1;
        }
    }
    family->cell = cells;
    cells += (unsigned)(family->n[0] * family->n[1] + family->histogram);
}

static int is_word(const char *text, const char *more)
{
    const char *c;
    for (c = text; *c && (apr_islower(*c) || (c > text && (apr_isdigit(*c) || strchr(more, *c)))); c++) {
    }
    return c > text && !*c && c - text <= NAME_MAX_LENGTH;
}

static int ends_in(const char *text, const char *end)
{
    apr_size_t len = strlen(text), n = strlen(end);
    return len >= n && !strcmp(text + len - n, end);
}

/* OpenMetrics makes series of these endings by itself. */
static const char *check_name(apr_pool_t *p, const char *name)
{
    static const char *const endings[] = { "_total", "_created", "_bucket", "_count", "_sum", "_info" };
    if (!is_word(name, "_")) {
        return "is no name ([a-z][a-z0-9_]*)";
    }
    for (int i = 0; i < COUNT(endings); i++) {
        if (ends_in(name, endings[i])) {
            return apr_psprintf(p, "may not end in %s", endings[i]);
        }
    }
    for (int i = 0; i < COUNT(reserved); i++) {
        apr_size_t len = strlen(reserved[i]);
        if (!strncmp(name, reserved[i], len) && (!name[len] || name[len] == '_')) {
            return apr_psprintf(p, "begins with %s, as the host's own do", reserved[i]);
        }
    }
    for (int i = 0; i < families->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(families, i, saas_family_t).name, name)) {
            return "is there already";
        }
    }
    return NULL;
}

static const char *check_values(apr_pool_t *p, const saas_counter_t *counter, int *n)
{
    *n = 1;
    if (!counter->label) {
        return counter->values ? "has values, but no label" : NULL;
    }
    if (!is_word(counter->label, "_")) {
        return "has a label that is no name ([a-z][a-z0-9_]*)";
    }
    for (*n = 0; counter->values && counter->values[*n]; ++*n) {
        const char *value = counter->values[*n];
        if (!is_word(value, "_-.")) {
            return apr_psprintf(p, "has the label value \"%s\", which is not of [a-z][a-z0-9_.-]*", value);
        }
        for (int i = 0; i < *n; i++) {
            if (!strcmp(counter->values[i], value)) {
                return apr_psprintf(p, "has the label value \"%s\" twice", value);
            }
        }
        if (*n == SAAS_COUNTER_VALUES_MAX) {
            return apr_psprintf(p, "has more than %d label values", SAAS_COUNTER_VALUES_MAX);
        }
    }
    return *n ? NULL : "has a label without values";
}

const char *saas_counters_add_list(apr_pool_t *pconf, const char *owner, saas_counter_t *list)
{
    saas_counter_t *counter;
    for (counter = list; counter && counter->name; counter++) {
        saas_family_t family = { .name = counter->name, .help = counter->help, .label = { counter->label },
                                 .values = { counter->values }, .of = counter };
        const char *wrong = check_name(pconf, counter->name);
        if (!wrong) {
            wrong = check_values(pconf, counter, &family.n[0]);
        }
        if (!wrong && (!counter->help || !*counter->help)) {
            wrong = "has no help text";
        }
        if (wrong) {
            return apr_psprintf(pconf, "%s: counter %s %s", owner, counter->name, wrong);
        }
        counter->number = families->nelts;
        add_family(&family);
    }
    return NULL;
}

static apr_array_header_t *gauges;

const char *saas_gauges_add_list(apr_pool_t *pconf, const char *owner, const saas_gauge_t *list)
{
    int i;
    for (; list && list->name; list++) {
        const char *wrong = check_name(pconf, list->name);
        for (i = 0; !wrong && i < gauges->nelts; i++) {
            wrong = strcmp(APR_ARRAY_IDX(gauges, i, const saas_gauge_t *)->name, list->name) ? NULL : "is there already";
        }
        if (!wrong && (!list->help || !*list->help)) {
            wrong = "has no help text";
        }
        if (!wrong && (!list->statement || list->statement->scope != SAAS_SYSTEM)) {
            wrong = "has no statement across organizations (SAAS_SYSTEM)";
        }
        if (wrong) {
            return apr_psprintf(pconf, "%s: gauge %s %s", owner, list->name, wrong);
        }
        APR_ARRAY_PUSH(gauges, const saas_gauge_t *) = list;
    }
    return NULL;
}

const apr_array_header_t *saas_counters_gauges(void)
{
    return gauges;
}

void saas_counters_load(apr_pool_t *pconf, const char *const *gates, int ngates, const char *const *kinds, int nkinds)
{
    saas_counters_stop();
    cells = 0;
    families = apr_array_make(pconf, 32, sizeof(saas_family_t));
    gauges = apr_array_make(pconf, 4, sizeof(const saas_gauge_t *));
    for (int i = 0; i < SAAS_COUNT_HOST; i++) {
        saas_family_t family = host_families[i];
        if (i == SAAS_COUNT_REQUESTS) {
            family.values[0] = gates;
            family.n[0] = ngates;
        }
        else if (i == SAAS_COUNT_JOBS) {
            family.values[0] = kinds;
            family.n[0] = nkinds;
        }
        add_family(&family);
    }
}

const apr_array_header_t *saas_counters_families(void)
{
    return families;
}

SAAS_WARM const saas_family_t *saas_counters_family(saas_count_e family)
{
    return &APR_ARRAY_IDX(families, (int)family, saas_family_t);
}

unsigned saas_counters_cells(void)
{
    return cells;
}
