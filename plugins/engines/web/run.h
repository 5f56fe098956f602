/* One run of the engine over many targets, independent of httpd: callbacks in,
 * findings out. The httpd module, the tests and a command line can all use it.
 */
#ifndef SAAS_WEB_RUN_H
#define SAAS_WEB_RUN_H

#include "checks.h"

#define SAAS_WEB_TIMEOUT apr_time_from_sec(10)

/* A host that somebody claims, and what it has to show at SAAS_WEB_PROOF to prove it. */
typedef struct {
    const char *host, *token;
} saas_web_claim_t;

typedef struct saas_web_run_t {
    apr_pool_t *pool;              /* nothing of the run outlives the call but what lies here */
    const saas_web_guard_t *guard; /* of this run: what the configuration allows, and where this machine is */
    const char *user_agent;
    apr_interval_time_t timeout; /* of a request with its redirects; a hello has half of it. 0: SAAS_WEB_TIMEOUT */
    const char *const *targets;
    int ntargets;
    const char *anchors; /* file with the keys that DNSSEC begins with; NULL: nothing is validated */
    /* One verdict; strings are valid during the call. Non-success ends the run. */
    apr_status_t (*report)(void *baton, const char *resource_id, const saas_web_check_t *check,
                           const saas_web_verdict_t *v);
    /* done of total steps; never goes back. Non-success ends the run. */
    apr_status_t (*progress)(void *baton, int done, int total);
    const saas_web_claim_t *claims; /* by whoever wants the run */
    int nclaims;
    void (*proved)(void *baton, const char *host); /* called for a host when its proof is found; may be NULL */
    /* Asked at least every 100 ms; non-zero ends the run with APR_EINTR. */
    int (*stopped)(void *baton);
    void *baton;
} saas_web_run_t;

/* Scans all targets, many at a time. Each gets one verdict of every check, in
 * the order of the table and without another target's in between. */
apr_status_t saas_web_run(saas_web_run_t *run);

#endif
