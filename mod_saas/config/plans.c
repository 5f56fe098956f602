/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * SaasPlan: the plans of all servers, read from the configuration anew at each start; and what gates have asked for, so
 * that a feature or plan that nobody can have is found by configtest.
 */
#include "config.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#define WARN_SECONDS 60

static saas_plans_t plans;
static apr_array_header_t *lines; /* const char *: as they are written */

/* A word of a gate, and where it stands. */
typedef struct {
    const char *word;
    const ap_directive_t *line;
    int is_plan;
} asked_t;
static apr_array_header_t *asked;

void saas_config_plans_begin(apr_pool_t *pconf)
{
    saas_plans_begin(pconf, &plans);
    lines = apr_array_make(pconf, 4, sizeof(const char *));
    asked = apr_array_make(pconf, 8, sizeof(asked_t));
}

SAAS_WARM const saas_plans_t *saas_config_plans(void)
{
    return &plans;
}

const char *saas_config_add_plan(cmd_parms *cmd, void *dir, const char *args)
{
    apr_array_header_t *words = apr_array_make(cmd->pool, 8, sizeof(const char *));
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    APR_ARRAY_PUSH(lines, const char *) = args;
    while (!err && *args) {
        APR_ARRAY_PUSH(words, const char *) = ap_getword_conf(cmd->pool, &args);
    }
    if (!err) {
        err = saas_plans_add(cmd->pool, &plans, words->nelts, (const char *const *)words->elts);
    }
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", err, NULL) : NULL;
}

const apr_array_header_t *saas_config_plan_lines(void)
{
    return lines;
}

void saas_config_plan_asked(const char *word, const ap_directive_t *line, int is_plan)
{
    const asked_t it = { word, line, is_plan };
    APR_ARRAY_PUSH(asked, asked_t) = it;
}

const char *saas_config_plans_check(apr_pool_t *p, const server_rec *main_server)
{
    int i;
    for (i = 0; i < asked->nelts; i++) {
        const asked_t *it = &APR_ARRAY_IDX(asked, i, asked_t);
        if (it->is_plan && !saas_plans_find(&plans, it->word)) {
            return apr_psprintf(p, "%s:%d: there is no SaasPlan %s", it->line->filename, it->line->line_num, it->word);
        }
        if (!it->is_plan && plans.list->nelts && saas_config_entitlements(main_server) != 1 && !saas_plans_with(p, &plans, it->word)->nelts) {
            return apr_psprintf(p, "%s:%d: no SaasPlan has the feature %s", it->line->filename, it->line->line_num, it->word);
        }
    }
    return NULL;
}

void saas_config_plans_warn(request_rec *r, const char *org_id, const char *price)
{
    static volatile apr_uint32_t warned;
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(r->request_time), last = apr_atomic_read32(&warned);

    if (plans.list->nelts && !saas_plans_of_price(&plans, price) && now - last >= WARN_SECONDS
        && apr_atomic_cas32(&warned, now, last) == last) {
        SAAS_RLOG(r, APLOG_WARNING, 0, "SAAS1331",
                  "organization %s pays the price %s, which no SaasPlan has: it counts as free; add the price to its plan",
                  org_id, price);
    }
}

static json_t *words_of(const apr_array_header_t *list)
{
    json_t *words = list ? json_array() : json_null();
    int i;
    for (i = 0; list && i < list->nelts; i++) {
        json_array_append_new(words, json_string(APR_ARRAY_IDX(list, i, const char *)));
    }
    return words;
}

json_t *saas_config_plans_json(void)
{
    static const char *const per[] = { [SAAS_PER_ALL] = NULL, [SAAS_PER_DAY] = "day", [SAAS_PER_MONTH] = "month" };
    json_t *all = json_array();
    int i, k;

    for (i = 0; i < plans.list->nelts; i++) {
        const saas_plan_t *plan = APR_ARRAY_IDX(plans.list, i, const saas_plan_t *);
        json_t *limits = json_array();
        for (k = 0; k < plan->limits->nelts; k++) {
            const saas_plan_limit_t *limit = &APR_ARRAY_IDX(plan->limits, k, saas_plan_limit_t);
            json_array_append_new(limits, json_pack("{s:s, s:I, s:s?}", "name", limit->name, "limit", (json_int_t)limit->most,
                                                    "per", per[limit->per]));
        }
        json_array_append_new(all, json_pack("{s:s, s:i, s:o, s:o, s:o, s:b}", "name", plan->name, "rank", plan->rank, "prices",
                                             words_of(plan->prices), "features", words_of(plan->features), "limits", limits,
                                             "seats", plan->seats));
    }
    return all;
}
