/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a browser is shown that follows the link of an invite where the product has no page for it (SaasInviteURL,
 * SaasFrontendURL): who invites whom to what, and how to go on.  It has no script and loads nothing; the address of the
 * page is a secret and goes to nobody.
 */

#include "organizations.h"

#include <http_protocol.h>

#include <apr_strings.h>

#define HEAD \
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n" \
    "<meta name=\"robots\" content=\"noindex\">\n<title>Invite</title>\n" \
    "<main style=\"max-width:36em;margin:10vh auto;padding:0 1em;font:16px/1.5 sans-serif\">\n"
#define TAIL "</main>\n</html>\n"

static const char *body(apr_pool_t *p, const organizations_invitation_t *invitation)
{
    apr_time_exp_t parts;
    apr_time_t t;
    char until[40] = "";
    apr_size_t len;

    if (saas_time_parse(invitation->expires_at, &t) == APR_SUCCESS && apr_time_exp_gmt(&parts, t) == APR_SUCCESS) {
        apr_strftime(until, &len, sizeof(until), "%d %b %Y %H:%M UTC", &parts);
    }
    return apr_pstrcat(p, "<h1>Join ", ap_escape_html(p, invitation->organization), "</h1>\n<p>",
                       ap_escape_html(p, invitation->inviter), " invites ", ap_escape_html(p, invitation->email),
                       " to join as ", invitation->role, ".</p>\n"
                       "<p>To accept, log in or register with that address, and give the product the address of this page "
                       "or the token in it. The invite works once, until ", until, ".</p>\n", NULL);
}

int organizations_invite_page(saas_request_t *rq, const organizations_invitation_t *invitation,
                              const organizations_refusal_t *refusal)
{
    request_rec *r = rq->r;
    const char *why = !refusal ? NULL : refusal->detail ? refusal->detail : "This invite is not known.";
    const char *page = why ? apr_pstrcat(rq->pool, HEAD "<h1>No invite</h1>\n<p>", ap_escape_html(rq->pool, why),
                                         "</p>\n<p>Ask whoever has invited you for a new one.</p>\n" TAIL, NULL)
                           : apr_pstrcat(rq->pool, HEAD, body(rq->pool, invitation), TAIL, NULL);

    r->status = !refusal ? HTTP_OK : refusal->status ? refusal->status : HTTP_NOT_FOUND;
    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    ap_set_content_length(r, (apr_off_t)strlen(page));
    ap_rputs(page, r);
    return OK;
}
