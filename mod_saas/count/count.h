/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file count.h
 * The room of counters: what this node has counted since it was started: the host's own families and those that plugins declare.
 */
#ifndef SAAS_COUNT_H
#define SAAS_COUNT_H

#include "config/config.h"

/** The host's own families, in the order of families.c. */
typedef enum {
    SAAS_COUNT_CACHE_MISSES,
    SAAS_COUNT_CACHE_BYPASSES,
    SAAS_COUNT_CACHE_STORES,
    SAAS_COUNT_CACHE_EVICTIONS,
    SAAS_COUNT_CACHE_HITS,    /**< beside the gates' grants: a request out of memory counts both */
    SAAS_COUNT_REQUESTS,      /**< gate, verdict */
    SAAS_COUNT_DB_WAITS,      /**< a histogram: saas_counters_observe() */
    SAAS_COUNT_DB_TIMEOUTS,
    SAAS_COUNT_DB_ERRORS,     /**< saas_db_error_e */
    SAAS_COUNT_DB_OPENED,
    SAAS_COUNT_HASHES,        /**< 0 computed, 1 refused */
    SAAS_COUNT_JOBS,          /**< kind, saas_job_outcome_e */
    SAAS_COUNT_HOST
} saas_count_e;

typedef enum { SAAS_DB_UNIQUE, SAAS_DB_SERIALIZATION, SAAS_DB_UNAVAILABLE, SAAS_DB_OTHER } saas_db_error_e;
typedef enum {
    SAAS_JOB_DONE, SAAS_JOB_AGAIN, SAAS_JOB_DEAD, SAAS_JOB_RELEASED, SAAS_JOB_CANCELED, SAAS_JOB_LOST
} saas_job_outcome_e;

/** A family of counters: one for each value of its labels. */
typedef struct saas_family_t {
    const char *name;              /**< without "saas_" and "_total" */
    const char *help;
    const char *label[2];          /**< NULL: none */
    const char *const *values[2];  /**< n[i] of them; of a histogram its bounds, which label[0] does not name */
    int n[2];                      /**< 1 where there is no label */
    int histogram;
    unsigned cell;                 /**< its first */
    const saas_counter_t *of;      /**< the plugin's table entry; NULL: the host's own */
} saas_family_t;

/** Begins the collection of families with the host's own, once all gates and kinds of background work are known: their
 *  names, by number, which live as long as pconf. */
void saas_counters_load(apr_pool_t *pconf, const char *const *gates, int ngates, const char *const *kinds, int nkinds);
/** Adds those of a plugin, a list that ends with a zero element or NULL; a message refuses the start. */
const char *saas_counters_add_list(apr_pool_t *pconf, const char *owner, saas_counter_t *list);
/** The same of a plugin's gauges. */
const char *saas_gauges_add_list(apr_pool_t *pconf, const char *owner, const saas_gauge_t *list);
/** All of them, each a const saas_gauge_t *. */
const apr_array_header_t *saas_counters_gauges(void);
/** All families, each a saas_family_t. */
const apr_array_header_t *saas_counters_families(void);
const saas_family_t *saas_counters_family(saas_count_e family);

/** Makes the memory, or finds that of before a restart again: as long as the families are the same they count on. */
int saas_counters_post_config(apr_pool_t *pconf, server_rec *s);
void saas_counters_child_init(apr_pool_t *pchild, server_rec *s);
/** Notices the end of a child, whose share of what is now is then none. */
void saas_counters_hooks(void);

/** Adds to one counter; label values by their number.  Out of range: nothing. */
void saas_counters_add(saas_count_e family, int first, int second, apr_uint64_t amount);
/** Puts a duration into a histogram. */
void saas_counters_observe(saas_count_e family, apr_interval_time_t duration);
/** saas_count() of mod_saas.h. */
void saas_counters_count(const saas_counter_t *counter, int value, apr_uint64_t amount);

apr_uint64_t saas_counters_get(const saas_family_t *family, int first, int second);
/** Microseconds in all that were put into a histogram. */
apr_uint64_t saas_counters_sum(const saas_family_t *family);

/* ----------------------------------------------------------------- now -- */

/** What there is at this moment, kept by each child for itself. */
typedef enum {
    SAAS_NOW_BORROWED,   /**< connections */
    SAAS_NOW_CAPACITY,   /**< connections that may be borrowed */
    SAAS_NOW_WAITING,    /**< threads, for a connection */
    SAAS_NOW_STREAMS,
    SAAS_NOW_COUNT
} saas_now_e;

void saas_counters_now_add(saas_now_e what, int change);
/** Over all children that live. */
apr_int64_t saas_counters_now(saas_now_e what);

/** Whether the database could be had when it was last wanted by any child. */
typedef enum { SAAS_DB_UNKNOWN, SAAS_DB_UP, SAAS_DB_DOWN } saas_db_state_e;
void saas_counters_database(saas_db_state_e state);
/** since: when that began; 0: never asked. */
saas_db_state_e saas_counters_database_state(apr_time_t *since);

/* ------------------------------------------------------------ throttled -- */

/** Counts an attempt that a throttle has held back, by the name of its bucket. */
void saas_counters_throttled(const char *bucket);
void saas_counters_throttled_each(void (*each)(void *baton, const char *bucket, uint64_t count), void *baton);

/* ---------------------------------------------------- requests by gate -- */

/** What becomes of a request at a gate, as saas_requests counts it: the codes of the gates, and two of its own. */
typedef enum {
    SAAS_SAID_GRANTED, SAAS_SAID_UNAVAILABLE, SAAS_SAID_NOT_AUTHENTICATED, SAAS_SAID_AUTHENTICATION_FAILED,
    SAAS_SAID_ORGANIZATION_REQUIRED, SAAS_SAID_NOT_FOUND, SAAS_SAID_PERMISSION_DENIED, SAAS_SAID_SUBSCRIPTION_REQUIRED,
    SAAS_SAID_EMAIL_NOT_VERIFIED, SAAS_SAID_FEATURE_REQUIRED, SAAS_SAID_PLAN_REQUIRED, SAAS_SAID_CSRF_FAILED,
    SAAS_SAID_OVERRULED, /**< the gate refused, and the section let the request in all the same */
    SAAS_SAID_COUNT
} saas_said_e;

#endif
