/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a client is told about a verdict: statuses, codes and texts of the HTTP contract, for routes and gated sections
 * alike, in JSON.  How a gated section sends it, and what a browser gets instead, is in refuse.c.
 *
 * A refusal tells nothing of what it protects: an organization that the caller does not belong to is not found, whether
 * it exists or not.
 */
#include "gate.h"
#include "core/decide.h"

/* Indexed by saas_verdict_e; the texts of the HTTP contract, whose statuses and codes are in core/decide.h. */
static const saas_refusal_t refusals[] = {
    [SAAS_GRANTED] = { SAAS_ANSWER_GRANTED, .detail = "" },
    [SAAS_UNAVAILABLE] = { SAAS_ANSWER_UNAVAILABLE, .detail = "Service temporarily unavailable, try again later." },
    [SAAS_NO_USER] = { SAAS_ANSWER_NO_USER, .detail = "Authentication credentials were not provided." },
    [SAAS_CHOOSE_ORGANIZATION] = { SAAS_ANSWER_CHOOSE_ORGANIZATION,
                                   .detail =
                                       "You are a member of several organizations: name one with X-Organization-ID or"
                                       " ?organization=." },
    [SAAS_OUTSIDER] = { SAAS_ANSWER_OUTSIDER, .detail = "Not found." },
    [SAAS_WRONG_ROLE] = { SAAS_ANSWER_WRONG_ROLE, .detail = "You do not have permission to perform this action." },
    [SAAS_UNVERIFIED] = { SAAS_ANSWER_UNVERIFIED,
                          .detail = "Verify your email address first: follow the link that was sent to it." },
    [SAAS_NO_SUBSCRIPTION] = { SAAS_ANSWER_NO_SUBSCRIPTION, .detail = "Upgrade to Premium to access this feature" },
    [SAAS_NO_FEATURE] = { SAAS_ANSWER_NO_FEATURE, .detail = "Upgrade your plan to access this feature" },
    [SAAS_NO_PLAN] = { SAAS_ANSWER_NO_PLAN, .detail = "Upgrade your plan to access this feature" },
};

const saas_refusal_t saas_refusal_csrf = { SAAS_ANSWER_CROSS_SITE,
                                           .detail = "CSRF Failed: the request does not come from this site." };

/* What would let the caller in: the plans that have the feature, or those that the gate names.  A gate that reads its words
 * off the request names none. */
static void tell_plans(apr_pool_t *p, const saas_context_t *ctx, saas_verdict_e verdict, saas_refusal_t *refusal)
{
    const saas_gate_use_t *use = ctx ? ctx->refused_by : NULL;
    apr_array_header_t *names;
    int i;

    if (!use || use->expressions || !use->argc) {
        return;
    }
    if (verdict == SAAS_NO_FEATURE) {
        refusal->feature = use->argv[0];
        refusal->plans = saas_plans_with(p, saas_config_plans(), use->argv[0]);
        return;
    }
    names = apr_array_make(p, use->argc, sizeof(const char *));
    for (i = 0; i < use->argc; i++) {
        APR_ARRAY_PUSH(names, const char *) = use->argv[i];
    }
    refusal->plans = names;
}

void saas_refusal_get(apr_pool_t *p, saas_verdict_e verdict, const saas_context_t *ctx, const char *denied,
                      saas_refusal_t *refusal)
{
    *refusal = refusals[verdict];
    if (verdict == SAAS_NO_USER && ctx && ctx->authentication_failed) {
        refusal->code = "authentication_failed";
        refusal->detail = "Invalid token.";
    }
    else if ((verdict == SAAS_NO_SUBSCRIPTION || verdict == SAAS_NO_FEATURE || verdict == SAAS_NO_PLAN) && denied) {
        /* Words of the route's own are about what one has to buy: whoever shows them knows one code. */
        refusal->code = saas_answers[SAAS_DECIDED_NO_SUBSCRIPTION].code;
        refusal->detail = denied;
    }
    else if (verdict == SAAS_NO_FEATURE || verdict == SAAS_NO_PLAN) {
        tell_plans(p, ctx, verdict, refusal);
    }
    else if (verdict == SAAS_CHOOSE_ORGANIZATION) {
        refusal->choices = ctx ? ctx->choices : NULL;
    }
}

const char *saas_refusal_json(apr_pool_t *p, const saas_refusal_t *refusal)
{
    json_t *body = json_pack("{s:s, s:s}", "detail", refusal->detail, "code", refusal->code);
    json_t *list = refusal->choices ? json_array() : NULL;
    char *text;
    const char *copy;
    int i;
    for (i = 0; list && i < refusal->choices->nelts; i++) {
        const saas_choice_t *choice = &APR_ARRAY_IDX(refusal->choices, i, saas_choice_t);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "id", choice->id, "slug", choice->slug, "name", choice->name));
    }
    if (list) {
        json_object_set_new(body, "choices", list);
    }
    if (refusal->feature) {
        json_object_set_new(body, "feature", json_string(refusal->feature));
    }
    if (refusal->plans) {
        list = json_array();
        for (i = 0; i < refusal->plans->nelts; i++) {
            json_array_append_new(list, json_string(APR_ARRAY_IDX(refusal->plans, i, const char *)));
        }
        json_object_set_new(body, "plans", list);
    }
    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    copy = text ? apr_pstrdup(p, text) : "{\"detail\":\"Refused.\",\"code\":\"refused\"}";
    free(text);
    json_decref(body);
    return copy;
}
