/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What Stripe's answers become: texts that may go on, and the replies to a client when there is none.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>

#define RETRY_AFTER "5"
#define URL_MAX 5000

const char *saas_billing_text(apr_pool_t *p, const saas_stripe_result_t *result, const char *key, apr_size_t max)
{
    const char *text = json_string_value(json_object_get(result->body, key));
    const char *at;
    for (at = text; at && *at; at++) {
        if (*at <= ' ' || *at >= 0x7f) {
            return NULL;
        }
    }
    return text && *text && (apr_size_t)(at - text) <= max ? apr_pstrdup(p, text) : NULL;
}

const char *saas_billing_url(const saas_request_t *rq, const saas_stripe_result_t *result)
{
    const char *url = saas_billing_text(rq->pool, result, "url", URL_MAX);
    int plain = !strncmp(saas_billing_config_api(rq->r->server), "http://", 7);
    return url && (!strncmp(url, "https://", 8) || (plain && !strncmp(url, "http://", 7))) ? url : NULL;
}

int saas_billing_misses(const saas_stripe_result_t *result, const char *param)
{
    return result->status == 400 && result->code && !strcmp(result->code, "resource_missing") && result->param
           && !strcmp(result->param, param);
}

int saas_billing_reply_not_configured(saas_request_t *rq)
{
    return saas_reply_error(rq, HTTP_SERVICE_UNAVAILABLE, "billing_not_configured",
                            "Billing is not configured on this server.");
}

int saas_billing_reply_stripe(saas_request_t *rq, const saas_stripe_result_t *result)
{
    request_rec *r = rq->r;
    int passing = result->status == 0 || result->status == 409 || result->status == 429 || result->status >= 500;

    SAAS_RLOG(r, passing ? APLOG_WARNING : APLOG_ERR, 0, passing ? "SAAS1503" : "SAAS1504",
              "Stripe %s (organization %s, HTTP %ld, %s, code %s, param %s, request %s, %d attempts): %s",
              result->status ? "refused a call" : "could not be reached", rq->who->org_id, result->status,
              result->type ? result->type : "incomplete answer", result->code ? result->code : "-",
              result->param ? result->param : "-", result->request_id ? result->request_id : "-", result->attempts,
              result->message ? result->message : "-");
    if (passing) {
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    }
    return saas_reply_json(rq, passing ? HTTP_SERVICE_UNAVAILABLE : HTTP_BAD_GATEWAY,
                           json_pack("{s:s, s:s, s:s?}", "detail",
                                     passing ? "The payment service cannot be reached. Please try again."
                                             : "The payment service refused the request.",
                                     "code", passing ? "unavailable" : "stripe_error", "stripe_request_id",
                                     result->request_id));
}
