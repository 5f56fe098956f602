/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * One name for a request, wherever it is told of: the error log and LogFormat (%L), the trail of activity, the reply and
 * the back end that it is passed on to (X-Request-ID).
 *
 * Of requests to the API and to sections with a gate.  It is what the client or a proxy in front has named it, if that is
 * harmless in a log and in a header; else what mod_unique_id or the log has named it already; else a new UUIDv7.  It is
 * a name, and never a reason to let anything in.
 */
#include "who.h"
#include "core/id.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_log.h>

#define HEADER "X-Request-ID"
#define LONGEST 128

/* No quote, separator or control character of any log's format. */
static int is_harmless(const char *id)
{
    const char *c;
    for (c = id; apr_isalnum(*c) || (*c && strchr("-._~:/+=@", *c)); c++) {
    }
    return c > id && !*c && c - id <= LONGEST;
}

static const char *made(request_rec *r)
{
    char *id = apr_palloc(r->pool, SAAS_UUID_LEN + 1);
    return saas_uuid7_of_process(id) == APR_SUCCESS ? id : NULL;
}

static const char *chosen(request_rec *r, const char *named)
{
    if (named && is_harmless(named)) {
        return named;
    }
    const char *id = apr_table_get(r->subprocess_env, "UNIQUE_ID");
    if (id && is_harmless(id)) {
        return id;
    }
    return r->log_id && is_harmless(r->log_id) ? r->log_id : made(r);
}

/* A child that has drawn no bits draws them for each name. */
void saas_request_id_child_init(void)
{
    (void)saas_uuid7_process_init();
}

void saas_request_id_begin(request_rec *r)
{
    const char *named = apr_table_get(r->headers_in, HEADER);
    const char *id = chosen(r, named);
    if (!id) {
        apr_table_unset(r->headers_in, HEADER);
        return;
    }
    r->log_id = id;
    if (!named) {
        apr_table_addn(r->headers_in, HEADER, id);
    }
    else if (id != named) {
        apr_table_setn(r->headers_in, HEADER, id);
    }
    apr_table_setn(r->err_headers_out, HEADER, id);
}

const char *saas_request_id(request_rec *r)
{
    return apr_table_get(r->err_headers_out, HEADER);
}

void saas_request_id_once(request_rec *r)
{
    if (apr_table_get(r->err_headers_out, HEADER)) {
        apr_table_unset(r->headers_out, HEADER);
    }
}
