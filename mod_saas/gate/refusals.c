/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a client is told about a verdict: statuses, codes and texts of the HTTP contract, for routes and gated sections
 * alike, in JSON.  How a gated section sends it, and what a browser gets instead, is in refuse.c.
 *
 * A refusal tells nothing of what it protects: an organization that the caller does not belong to is not found, whether
 * it exists or not.
 */
#include "gate.h"

/* Indexed by saas_verdict_e; the texts and codes of the HTTP contract. */
static const saas_refusal_t refusals[] = {
    [SAAS_GRANTED] = { .status = HTTP_OK, .code = "", .detail = "" },
    [SAAS_UNAVAILABLE] = { .status = HTTP_SERVICE_UNAVAILABLE,
                           .code = "unavailable",
                           .detail = "Service temporarily unavailable, try again later." },
    [SAAS_NO_USER] = { .status = HTTP_UNAUTHORIZED,
                       .code = "not_authenticated",
                       .detail = "Authentication credentials were not provided." },
    [SAAS_CHOOSE_ORGANIZATION] = { .status = HTTP_BAD_REQUEST,
                                   .code = "organization_required",
                                   .detail =
                                       "You are a member of several organizations: name one with X-Organization-ID or"
                                       " ?organization=." },
    [SAAS_OUTSIDER] = { .status = HTTP_NOT_FOUND, .code = "not_found", .detail = "Not found." },
    [SAAS_WRONG_ROLE] = { .status = HTTP_FORBIDDEN,
                          .code = "permission_denied",
                          .detail = "You do not have permission to perform this action." },
    [SAAS_NO_SUBSCRIPTION] = { .status = HTTP_FORBIDDEN,
                               .code = "subscription_required",
                               .detail = "Upgrade to Premium to access this feature" },
};

const saas_refusal_t saas_refusal_csrf = { .status = HTTP_FORBIDDEN,
                                           .code = "csrf_failed",
                                           .detail = "CSRF Failed: the request does not come from this site." };

void saas_refusal_get(saas_verdict_e verdict, const saas_context_t *ctx, const char *denied, saas_refusal_t *refusal)
{
    *refusal = refusals[verdict];
    if (verdict == SAAS_NO_USER && ctx && ctx->authentication_failed) {
        refusal->code = "authentication_failed";
        refusal->detail = "Invalid token.";
    }
    else if (verdict == SAAS_NO_SUBSCRIPTION && denied) {
        refusal->detail = denied;
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
    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    copy = text ? apr_pstrdup(p, text) : "{\"detail\":\"Refused.\",\"code\":\"refused\"}";
    free(text);
    json_decref(body);
    return copy;
}
