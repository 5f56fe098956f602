/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Whether a call would be let in, asked without making it: `Prefer: dry-run` (a preference of our own in the sense of RFC
 * 7240).  The gates of the route decide as they would, and the answer is 200 either way, so that a page can ask for a reason
 * without a refusal in the browser's console.  Neither the body is read nor the handler called.  A server that does not know
 * the preference makes the call; one that does says so with Preference-Applied.
 *
 * Not converted are an answer that the database owes (503), since nobody knows, and a cookie from another site.
 */
#include "api.h"

#include <http_protocol.h>
#include <httpd.h>

#define PREFERENCE "dry-run"

int saas_dry_run_is(request_rec *r)
{
    const char *preferences = apr_table_get(r->headers_in, "Prefer");
    return preferences && ap_find_token(r->pool, preferences, PREFERENCE);
}

int saas_dry_run_reply(saas_call_t *call, saas_verdict_e verdict)
{
    request_rec *r = call->pub.r;
    saas_refusal_t refusal;
    json_t *body;

    apr_table_setn(r->headers_out, "Preference-Applied", PREFERENCE);
    apr_table_mergen(r->headers_out, "Vary", "Prefer");
    if (verdict == SAAS_GRANTED) {
        return saas_reply_json_impl(&call->pub, HTTP_OK, json_pack("{s:b}", "allowed", 1));
    }
    saas_refusal_get(call->pub.pool, verdict, call->ctx, call->pub.route->denied, &refusal);
    body = json_loads(saas_refusal_json(call->pub.pool, &refusal), 0, NULL);
    if (body) {
        json_object_set_new(body, "allowed", json_false());
        json_object_set_new(body, "status", json_integer(refusal.status));
    }
    return saas_reply_json_impl(&call->pub, HTTP_OK, body);
}
