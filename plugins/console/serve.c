/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What is sent for a path of the console: an asset, whose name changes with its bytes, for ever; the page, which is the
 * same for every address that a person may have in the address bar, always asked for anew; else 404.  Nothing of an
 * organization or a user is in any of it: the page asks the API.
 *
 * The policy lets the page run what comes from here as a file and nothing else: no inline script or style, no text that
 * becomes code or markup (Trusted Types, without any policy that could make it), no frame around it, no other host.
 */
#include "console.h"

#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include <apr_buckets.h>
#include <apr_strings.h>

#define ASSETS "/assets/"
/* Where a person is sent who has logged out: what the browser keeps of them goes. */
#define LOGGED_OUT "/logged-out"

static const char *const always[][2] = {
    { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
      "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
};

int console_is_page(const char *name)
{
    return strncmp(name, ASSETS, sizeof(ASSETS) - 1) && !ap_strchr_c(name, '.');
}

static int send_form(request_rec *r, const console_file_t *file)
{
    int there[CONSOLE_CODINGS], c;
    const console_form_t *form;
    console_coding_e chosen;
    apr_bucket_brigade *bb;

    for (c = 0; c < CONSOLE_CODINGS; c++) {
        there[c] = file->forms[c].data != NULL;
    }
    chosen = console_coding_choose(apr_table_get(r->headers_in, "Accept-Encoding"), there);
    form = &file->forms[chosen];
    ap_set_content_type(r, file->type);
    if (there[CONSOLE_BROTLI] || there[CONSOLE_GZIP]) {
        apr_table_mergen(r->headers_out, "Vary", "Accept-Encoding");
    }
    if (chosen != CONSOLE_IDENTITY) {
        r->content_encoding = console_coding_name[chosen];
        apr_table_setn(r->headers_out, "Content-Encoding", r->content_encoding);
    }
    apr_table_setn(r->headers_out, "ETag", form->etag);
    ap_set_content_length(r, (apr_off_t)form->len);
    if ((c = ap_meets_conditions(r)) != OK) {
        return c;
    }
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create(form->data, form->len, bb->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    return ap_pass_brigade(r->output_filters, bb) == APR_SUCCESS || r->connection->aborted ? OK
                                                                                         : HTTP_INTERNAL_SERVER_ERROR;
}

static int send_asset(request_rec *r, const console_file_t *file)
{
    apr_table_setn(r->headers_out, "Cache-Control", "public, max-age=31536000, immutable");
    return send_form(r, file);
}

static int send_page(request_rec *r, const console_site_t *site, const char *name)
{
    apr_table_setn(r->headers_out, "Cache-Control", "no-cache");
    if (!strcmp(name, LOGGED_OUT)) {
        apr_table_setn(r->headers_out, "Clear-Site-Data", "\"cache\", \"storage\"");
        apr_table_setn(r->headers_out, "Cache-Control", "no-store");
        apr_table_unset(r->headers_in, "If-None-Match");
    }
    return send_form(r, &site->page);
}

/* The section's path without its slash: where the page's addresses begin is one place. */
static int send_on(request_rec *r, const console_site_t *site)
{
    const char *path = apr_pstrcat(r->pool, ap_os_escape_path(r->pool, site->path, 1), "/", r->args ? "?" : NULL, r->args, NULL);
    apr_table_setn(r->headers_out, "Location", path);
    return HTTP_PERMANENT_REDIRECT;
}

int console_serve(request_rec *r, const console_site_t *site, const char *name)
{
    const console_file_t *asset;
    apr_size_t i;
    int rc = ap_discard_request_body(r);

    if (rc != OK) {
        return rc;
    }
    for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        apr_table_setn(r->err_headers_out, always[i][0], always[i][1]);
    }
    if (r->method_number != M_GET) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        if (r->method_number != M_OPTIONS) {
            return HTTP_METHOD_NOT_ALLOWED;
        }
        apr_table_setn(r->headers_out, "Allow", "GET, HEAD, OPTIONS");
        r->status = HTTP_NO_CONTENT;
        return OK;
    }
    if (!*name) {
        return send_on(r, site);
    }
    if (console_is_page(name)) {
        return send_page(r, site, name);
    }
    if (!strncmp(name, ASSETS, sizeof(ASSETS) - 1)
        && (asset = apr_hash_get(site->assets, name + sizeof(ASSETS) - 1, APR_HASH_KEY_STRING))) {
        return send_asset(r, asset);
    }
    return HTTP_NOT_FOUND;
}
