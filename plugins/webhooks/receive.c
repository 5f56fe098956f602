/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * POST billing/webhooks/stripe/: verify the bytes, read the event, have it
 * applied.  What Stripe sent is never reflected in an answer, and nothing looks
 * at the body before its signature is known to be good.
 */
#include "webhooks.h"

#include "signature.h"
#include "skim.h"

static int refuse(saas_request_t *rq, const char *code, const char *detail)
{
    return saas_reply_error(rq, HTTP_BAD_REQUEST, code, detail);
}

int saas_webhooks_receive(saas_request_t *rq)
{
    const apr_array_header_t *secrets = saas_webhooks_config_secrets(rq->r->server);
    saas_signature_e signature;
    saas_event_t event;
    const char *wrong;
    apr_status_t rv;
    json_error_t error;
    json_t *root;

    if (!secrets->nelts) {
        saas_webhooks_count(SAAS_WEBHOOK_NOT_CONFIGURED);
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1601",
                  "a Stripe event was not taken: no SaasStripeWebhookSecret is set for this server");
        return saas_reply_error(rq, HTTP_SERVICE_UNAVAILABLE, "billing_not_configured",
                                "Billing is not configured on this server.");
    }
    signature = saas_signature_verify(apr_table_get(rq->r->headers_in, "Stripe-Signature"), rq->raw, rq->raw_len,
                                      (const char *const *)secrets->elts, secrets->nelts,
                                      apr_time_sec(apr_time_now()), SAAS_SIGNATURE_TOLERANCE);
    if (signature != SAAS_SIGNATURE_OK) {
        saas_webhooks_count(signature == SAAS_SIGNATURE_STALE ? SAAS_WEBHOOK_STALE_SIGNATURE
                                                              : SAAS_WEBHOOK_INVALID_SIGNATURE);
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1602",
                  "a webhook was refused: %s; if it came from Stripe, compare SaasStripeWebhookSecret with the "
                  "endpoint's signing secret",
                  saas_signature_text(signature));
        return refuse(rq, "invalid_signature", "The signature could not be verified.");
    }
    root = saas_skim(rq->raw, rq->raw_len, &error);
    if (!root) {
        saas_webhooks_count(SAAS_WEBHOOK_INVALID_PAYLOAD);
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1603", "a signed webhook was refused: its body is no JSON (line %d)",
                  error.line);
        return refuse(rq, "invalid_payload", "The payload is not valid JSON.");
    }
    wrong = saas_event_read(rq->pool, root, &event);
    json_decref(root);
    if (wrong) {
        saas_webhooks_count(SAAS_WEBHOOK_INVALID_PAYLOAD);
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1604", "a signed webhook was refused: %s", wrong);
        return refuse(rq, "invalid_payload", "The payload is not a snapshot event.");
    }
    rv = saas_webhooks_deliver(rq, &event, rq->raw);
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:b}", "received", 1));
}
