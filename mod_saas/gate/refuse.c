/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a client that a gated section refuses is sent.
 *
 * A program gets JSON.  A browser that navigates is sent to SaasLoginURL when
 * it is nobody, and gets a page with the upgrade link where SaasDenied names
 * one.  A program is never redirected.  Where the administrator has set an
 * ErrorDocument for the status, that wins over all of it; `Header always`
 * applies, since nothing here bypasses httpd's own error path.
 *
 * httpd labels a custom response text/html; a filter on the error path says
 * what it is.
 */
#include "refuse.h"
#include "cacheable.h"
#include "verify.h"

#include <mod_core.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define TYPE_NOTE "saas-refusal-type"
#define FILTER "SAAS_REFUSAL_TYPE"
#define RETRY_AFTER "5"

/* Quality of a media type in an Accept header, in thousandths; -1 when it is
 * not named (RFC 9110, section 12.5.1).  Ranges such as text/<any> do not count:
 * browsers name text/html. */
static int quality(request_rec *r, const char *accept, const char *type)
{
    apr_size_t len = strlen(type);
    char *rest = apr_pstrdup(r->pool, accept), *last, *entry;
    for (entry = apr_strtok(rest, ",", &last); entry; entry = apr_strtok(NULL, ",", &last)) {
        const char *q;
        while (apr_isspace(*entry)) {
            entry++;
        }
        if (strncasecmp(entry, type, len) || (entry[len] && entry[len] != ';' && !apr_isspace(entry[len]))) {
            continue;
        }
        q = ap_strcasestr(entry, "q=");
        return q ? (int)(atof(q + 2) * 1000) : 1000;
    }
    return -1;
}

int saas_refuse_is_browser(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    int html;
    if (r->method_number != M_GET || !accept || (mode && strcmp(mode, "navigate"))
        || apr_table_get(r->headers_in, "Authorization") || apr_table_get(r->headers_in, "X-Requested-With")) {
        return 0;
    }
    html = quality(r, accept, "text/html");
    return html > 0 && html > quality(r, accept, "application/json");
}

/* ErrorDocument, or an earlier custom response. */
static int has_error_document(request_rec *r, int status)
{
    return ap_response_code_string(r, ap_index_of_response(status)) != NULL;
}

static void respond(request_rec *r, int status, const char *type, const char *body)
{
    if (!has_error_document(r, status)) {
        ap_custom_response(r, status, body);
        apr_table_setn(r->notes, TYPE_NOTE, type);
    }
}

/* The login page, told where to come back to. */
static int to_login(request_rec *r, const char *url)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    const char *here = saas_config_verifies(conf) ? saas_verify_original_url(r) : apr_pstrcat(r->pool, saas_site_url(r), r->unparsed_uri, NULL);
    const char *next = ap_escape_urlencoded(r->pool, here);
    const char *login = apr_pstrcat(r->pool, url, ap_strchr_c(url, '?') ? "&" : "?", "next=", next, NULL);
    if (saas_verify_takes(r, HTTP_MOVED_TEMPORARILY)) {
        apr_table_setn(r->err_headers_out, "Location", login);
        return HTTP_MOVED_TEMPORARILY;
    }
    apr_table_setn(r->err_headers_out, SAAS_LOCATION_HEADER, login);
    return HTTP_UNAUTHORIZED;
}

static const char *page(request_rec *r, const saas_refusal_t *refusal, const char *link)
{
    const char *text = ap_escape_html(r->pool, refusal->detail);
    return apr_pstrcat(r->pool,
                       "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>", text,
                       "</title>\n<p>", text, "</p>\n<p><a href=\"", ap_escape_html(r->pool, link),
                       "\">Continue</a></p>\n</html>\n", NULL);
}

int saas_refuse(request_rec *r, saas_verdict_e verdict, const saas_context_t *ctx)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    const saas_denied_t *denied = saas_config_denied(conf, verdict);
    saas_refusal_t refusal;
    saas_refusal_get(r->pool, verdict, ctx, NULL, &refusal);
    if (ctx->loaded == SAAS_GRANTED) {
        saas_identity_export(r, &ctx->who);
    }
    else if (ctx->authentication_failed && ctx->credential.by == SAAS_BY_SESSION && saas_cacheable_is_navigation(r)) {
        /* The browser learns that the session is no more: what it still shows by "Back" goes with it. */
        apr_table_setn(r->err_headers_out, "Clear-Site-Data", "\"cache\"");
    }
    if (denied) {
        refusal.detail = denied->text;
    }
    return saas_refuse_with(r, &refusal, verdict == SAAS_NO_USER ? conf->login_url : NULL,
                            denied ? denied->url : NULL);
}

int saas_refuse_with(request_rec *r, const saas_refusal_t *refusal, const char *login_url, const char *link)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    int negotiated = login_url || link;
    int status = saas_verify_takes(r, refusal->status) ? refusal->status : HTTP_FORBIDDEN;
    saas_cacheable_refused(r);
    apr_table_setn(r->notes, SAAS_VERDICT_NOTE, refusal->code);
    if (saas_config_verifies(conf)) {
        apr_table_setn(r->err_headers_out, SAAS_VERDICT_HEADER, refusal->code);
    }
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    if (negotiated) {
        apr_table_mergen(r->err_headers_out, "Vary", "Accept");
    }
    if (login_url && saas_refuse_is_browser(r) && !has_error_document(r, status)) {
        return to_login(r, login_url);
    }
    if (refusal->status == HTTP_UNAUTHORIZED) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate", "Bearer");
    }
    else if (refusal->status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    }
    if (link && saas_refuse_is_browser(r)) {
        respond(r, status, "text/html; charset=utf-8", page(r, refusal, link));
    }
    else {
        respond(r, status, "application/json", saas_refusal_json(r->pool, refusal));
    }
    return status;
}

/* Labels a refusal as what it is, then gets out of the way. */
static apr_status_t label(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_set_content_type(f->r, apr_table_get(f->r->notes, TYPE_NOTE));
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

static void insert_error_filter(request_rec *r)
{
    if (apr_table_get(r->notes, TYPE_NOTE)) {
        ap_add_output_filter(FILTER, NULL, r, r->connection);
    }
}

void saas_refuse_hooks(void)
{
    ap_hook_insert_error_filter(insert_error_filter, NULL, NULL, APR_HOOK_LAST);
    ap_register_output_filter(FILTER, label, NULL, AP_FTYPE_CONTENT_SET);
}
