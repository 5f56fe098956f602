/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * GET audits/checks/: what the loaded engines look at, in their own words. Findings name their check; what it means and
 * how it is mended stands here once, not in every row.
 */

#include "audits.h"
#include "score.h"

const saas_check_t *audits_check(const saas_engine_t *engine, int n)
{
    /* One of an older minor has a shorter table. */
    return engine->size >= sizeof(*engine) && engine->check ? engine->check(n) : NULL;
}

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *check_json(const saas_engine_t *engine, const saas_check_t *check)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:{s:o, s:o, s:o}, s:s, s:i, s:i}", "name", check->name, "engine",
                     engine->name, "title", text(check->title), "severity", saas_finding_severities[check->severity],
                     "meaning", text(check->meaning), "remediation", text(check->remediation), "reference",
                     text(check->reference), "configuration", "httpd", text(check->httpd), "nginx", text(check->nginx),
                     "dns", text(check->size >= sizeof(*check) ? check->dns : NULL), "test",
                     check->test ? check->test : check->name, "penalty", check->penalty, "bonus", check->bonus);
}

int audits_checks(saas_request_t *rq)
{
    const apr_array_header_t *engines = ap_list_provider_names(rq->pool, SAAS_ENGINE_GROUP, SAAS_PLUGIN_ABI);
    const char *wanted = saas_request_filter(rq, "engine");
    const saas_check_t *check;
    json_t *results;
    int i, n;

    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    results = json_array();
    for (i = 0; i < engines->nelts; i++) {
        const char *name = APR_ARRAY_IDX(engines, i, ap_list_provider_names_t).provider_name;
        const saas_engine_t *engine = ap_lookup_provider(SAAS_ENGINE_GROUP, name, SAAS_PLUGIN_ABI);

        for (n = 0; (!wanted || !strcmp(wanted, name)) && (check = audits_check(engine, n)) != NULL; n++) {
            json_array_append_new(results, check_json(engine, check));
        }
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:i, s:n, s:n, s:o}", "count", (int)json_array_size(results), "next", "previous",
                                     "results", results));
}
