/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Counters of this node, in memory that all its children share.
 *
 * Counting is one addition at a place that is known (core/tally.h), since the families (families.c) are.  The memory
 * belongs to the process that was started, not to one reading of its configuration, so counters go on across restarts;
 * only where the families have become others they begin anew.
 *
 * What there is at a moment (connections in use) is kept by each child in a place of its own, which the parent clears
 * when the child has ended, however it did: a killed child holds nothing.
 */
#include "families.h"
#include "core/roster.h"
#include "core/tally.h"

#include <ap_mpm.h>
#include <apr_shm.h>
#include <apr_strings.h>

#include <stdatomic.h>

#define LINE 64
#define KEY "saas-counters"
#define CHILDREN_FEWEST 16
#define CHILDREN_MOST 4096

/* Shared. */
typedef struct child_t {
    _Atomic int pid;
    _Atomic int now[SAAS_NOW_COUNT];
    char rest[LINE - (1 + SAAS_NOW_COUNT) * sizeof(int)];
} child_t;

typedef struct board_t {
    _Atomic int database;
    _Atomic apr_int64_t database_since;
    char rest[LINE - 2 * sizeof(apr_int64_t)];
} board_t;

_Static_assert(sizeof(child_t) == LINE && sizeof(board_t) == LINE, "a cache line each");

/* What the process keeps from one configuration to the next. */
typedef struct kept_t {
    apr_shm_t *shm;
    const char *layout;
} kept_t;

static int children;

static saas_tally_t *tally; /* NULL: nothing is counted, as in configtest */
static saas_roster_t *roster;
static board_t *board;
static child_t *places, *mine;

/* ------------------------------------------------------------- counting -- */

/* What is counted together lies together: the same verdict of all gates. */
SAAS_WARM static unsigned cell_of(const saas_family_t *family, int first, int second)
{
    return family->cell + (unsigned)(second * family->n[0] + first);
}

SAAS_WARM static void add(const saas_family_t *family, int first, int second, apr_uint64_t amount)
{
    if (first >= 0 && first < family->n[0] && second >= 0 && second < family->n[1]) {
        saas_tally_add(tally, cell_of(family, first, second), amount);
    }
}

SAAS_WARM void saas_counters_add(saas_count_e family, int first, int second, apr_uint64_t amount)
{
    if (tally) {
        add(saas_counters_family(family), first, second, amount);
    }
}

void saas_counters_count(const saas_counter_t *counter, int value, apr_uint64_t amount)
{
    const apr_array_header_t *families = saas_counters_families();
    if (tally && counter->number >= 0 && counter->number < families->nelts) {
        const saas_family_t *family = &APR_ARRAY_IDX(families, counter->number, saas_family_t);
        if (family->of == counter) {
            add(family, value, 0, amount);
        }
    }
}

void saas_counters_observe(saas_count_e number, apr_interval_time_t duration)
{
    const saas_family_t *family;
    int i = 0;
    if (!tally) {
        return;
    }
    family = saas_counters_family(number);
    while (duration > saas_counters_durations[i]) {
        i++;
    }
    add(family, i, 0, 1);
    if (duration > 0) {
        saas_tally_add(tally, family->cell + (unsigned)family->n[0], (apr_uint64_t)duration);
    }
}

apr_uint64_t saas_counters_get(const saas_family_t *family, int first, int second)
{
    return tally ? saas_tally_total(tally, cell_of(family, first, second)) : 0;
}

apr_uint64_t saas_counters_sum(const saas_family_t *family)
{
    return tally ? saas_tally_total(tally, family->cell + (unsigned)family->n[0]) : 0;
}

void saas_counters_throttled(const char *bucket)
{
    if (tally) {
        saas_roster_add(roster, bucket);
    }
}

void saas_counters_throttled_each(void (*each)(void *baton, const char *bucket, uint64_t count), void *baton)
{
    if (tally) {
        saas_roster_each(roster, each, baton);
    }
}

/* ------------------------------------------------------------------ now -- */

void saas_counters_now_add(saas_now_e what, int change)
{
    if (mine) {
        atomic_fetch_add_explicit(&mine->now[what], change, memory_order_relaxed);
    }
}

apr_int64_t saas_counters_now(saas_now_e what)
{
    apr_int64_t sum = 0;
    for (int i = 0; tally && i < children; i++) {
        if (atomic_load_explicit(&places[i].pid, memory_order_relaxed)) {
            sum += atomic_load_explicit(&places[i].now[what], memory_order_relaxed);
        }
    }
    return sum;
}

/* Written only when it changes: all children read it whenever they borrow a connection. */
void saas_counters_database(saas_db_state_e state)
{
    if (tally && atomic_load_explicit(&board->database, memory_order_relaxed) != (int)state
        && atomic_exchange(&board->database, (int)state) != (int)state) {
        atomic_store(&board->database_since, apr_time_now());
    }
}

saas_db_state_e saas_counters_database_state(apr_time_t *since)
{
    *since = tally ? atomic_load(&board->database_since) : 0;
    return tally ? (saas_db_state_e)atomic_load(&board->database) : SAAS_DB_UNKNOWN;
}

static void clear(child_t *place)
{
    for (int i = 0; i < SAAS_NOW_COUNT; i++) {
        atomic_store(&place->now[i], 0);
    }
    atomic_store(&place->pid, 0);
}

/* In the parent. */
static void on_child_status(server_rec *s, pid_t pid, ap_generation_t gen, int slot, mpm_child_status state)
{
    (void)s, (void)gen, (void)slot;
    for (int i = 0; tally && state == MPM_CHILD_EXITED && i < children; i++) {
        if (atomic_load(&places[i].pid) == (int)pid) {
            clear(&places[i]);
        }
    }
}

void saas_counters_hooks(void)
{
    ap_hook_child_status(on_child_status, NULL, NULL, APR_HOOK_MIDDLE);
}

void saas_counters_child_init(apr_pool_t *pchild, server_rec *s)
{
    (void)pchild, (void)s;
    mine = NULL;
    for (int i = 0; tally && i < children && !mine; i++) {
        int nobody = 0;
        if (atomic_compare_exchange_strong(&places[i].pid, &nobody, (int)getpid())) {
            mine = &places[i];
        }
    }
}

/* --------------------------------------------------------------- memory -- */

/* All that decides what lies where, in words. */
static const char *describe_layout(apr_pool_t *p)
{
    const apr_array_header_t *families = saas_counters_families();
    const char *text = apr_psprintf(p, "%d %d %" APR_SIZE_T_FMT, children, SAAS_NOW_COUNT, saas_roster_size());
    for (int i = 0; i < families->nelts; i++) {
        const saas_family_t *family = &APR_ARRAY_IDX(families, i, saas_family_t);
        text = apr_psprintf(p, "%s\n%s %d", text, family->name, family->histogram);
        for (int k = 0; k < 2; k++) {
            text = apr_pstrcat(p, text, " ", family->label[k] ? family->label[k] : "-", NULL);
            for (int v = 0; family->values[k] && v < family->n[k]; v++) {
                text = apr_pstrcat(p, text, ",", family->values[k][v], NULL);
            }
        }
    }
    return text;
}

static void lay_out(char *memory, int anew)
{
    unsigned cells = saas_counters_cells();
    apr_size_t tally_size = saas_tally_size(cells);
    memory += -(apr_uintptr_t)memory & (LINE - 1);
    board = (board_t *)memory;
    places = (child_t *)(memory + LINE);
    memory += LINE + (apr_size_t)children * sizeof(child_t);
    if (anew) {
        memset(board, 0, LINE + (apr_size_t)children * sizeof(child_t));
        roster = saas_roster_init(memory + tally_size);
        tally = saas_tally_init(memory, cells);
    }
    else {
        roster = (saas_roster_t *)(memory + tally_size);
        tally = (saas_tally_t *)memory;
    }
}

void saas_counters_stop(void)
{
    tally = NULL;
    mine = NULL;
}

int saas_counters_post_config(apr_pool_t *pconf, server_rec *s)
{
    apr_pool_t *process = s->process->pool;
    const char *layout;
    kept_t *kept;
    void *found = NULL;
    apr_status_t rv;

    saas_counters_stop();
    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children) != APR_SUCCESS || children < CHILDREN_FEWEST) {
        children = CHILDREN_FEWEST;
    }
    if (children > CHILDREN_MOST) {
        children = CHILDREN_MOST;
    }
    layout = describe_layout(pconf);
    apr_pool_userdata_get(&found, KEY, process);
    kept = found;
    if (kept && kept->shm && !strcmp(kept->layout, layout)) {
        lay_out(apr_shm_baseaddr_get(kept->shm), 0);
        return OK;
    }
    if (!kept) {
        kept = apr_pcalloc(process, sizeof(*kept));
        apr_pool_userdata_set(kept, KEY, NULL, process); /* copies the key: this module is unloaded between */
    }
    if (kept->shm) {
        apr_shm_destroy(kept->shm);
        kept->shm = NULL;
    }
    rv = apr_shm_create(&kept->shm,
                        2 * LINE + (apr_size_t)children * sizeof(child_t) + saas_tally_size(saas_counters_cells())
                            + saas_roster_size(),
                        NULL, process);
    if (rv != APR_SUCCESS) {
        kept->shm = NULL;
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1009",
                 "no shared memory for the counters of /metrics: free some (anonymous, below 1 MiB) and start again");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    kept->layout = apr_pstrdup(process, layout);
    lay_out(apr_shm_baseaddr_get(kept->shm), 1);
    return OK;
}
