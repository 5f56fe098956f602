/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The smallest useful audit engine.  Its targets are "hello:N"; of each it greets 1 to N, a tenth of a second at a time,
 * and finds that a greeting is polite - but not the thirteenth.  It shows all that an engine has to do: look at targets,
 * report evidence, tell how far it is, and end soon when it is told to.
 */
#include "mod_saas.h"

#include <apr_strings.h>

extern module AP_MODULE_DECLARE_DATA saas_engine_hello_module;
SAAS_PLUGIN_DEFINE;

#define MOST 1000

/* On a request's thread: quick, and never a look at the network. */
static const char *validate(apr_pool_t *p, server_rec *s, const char *target, const char **canonical)
{
    apr_int64_t n = strncmp(target, "hello:", 6) ? 0 : apr_atoi64(target + 6);

    (void)s;
    if (n < 1 || n > MOST) {
        return apr_psprintf(p, "A target is hello:N, with N from 1 to %d.", MOST);
    }
    *canonical = apr_psprintf(p, "hello:%" APR_INT64_T_FMT, n); /* "hello:007" is the same target as "hello:7" */
    return NULL;
}

static apr_status_t greet(saas_audit_run_t *run, const char *target, int n)
{
    const saas_finding_t finding = {
        .resource_id = target,
        .check_name = "greeting_polite",
        .status = n == 13 ? SAAS_FAIL : SAAS_PASS,
        .severity = SAAS_LOW,
        .comment = apr_psprintf(run->pool, "Greeting %d was %s.", n, n == 13 ? "omitted" : "returned"),
    };
    return run->report(run, &finding);
}

/* On a thread of its own.  What a callback returns is returned: it says why to end. */
static apr_status_t run_audit(saas_audit_run_t *run)
{
    int total = 0, done = 0, i, n;
    apr_status_t rv;

    for (i = 0; i < run->ntargets; i++) {
        total += atoi(run->targets[i] + 6);
    }
    for (i = 0; i < run->ntargets; i++) {
        for (n = 1; n <= atoi(run->targets[i] + 6); n++) {
            if (run->stopped(run)) {
                return APR_EINTR;
            }
            apr_sleep(apr_time_from_msec(100));
            if ((rv = greet(run, run->targets[i], n)) != APR_SUCCESS
                || (rv = run->progress(run, ++done, total)) != APR_SUCCESS) {
                return rv;
            }
        }
    }
    return APR_SUCCESS;
}

static const saas_engine_t engine = { SAAS_ENGINE_INIT("hello"), .validate = validate, .run = run_audit };

static void register_hooks(apr_pool_t *p)
{
    saas_engine_register(p, &engine);
}

AP_DECLARE_MODULE(saas_engine_hello) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE
};
