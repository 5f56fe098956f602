/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Replies of the API: JSON, problem replies in the manner of Django REST
 * Framework, pages of lists.  The error shapes live here and in gate/refusals.c
 * and nowhere else.  A reply is complete: status, headers, body; the handler
 * returns what these functions return.
 */
#include "rows.h"
#include "core/urlenc.h"
#include "db/db.h"

#include <apr_strings.h>

/* Bytes that a list mostly fits into: what is around the rows, and each of them. */
#define ENVELOPE_ROOM 512
#define ROW_ROOM 640

int saas_reply_text(request_rec *r, int status, const char *json, apr_size_t len)
{
    r->status = status;
    r->status_line = NULL;
    apr_table_setn(r->headers_out, "Cache-Control", "private, no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    if (!json) {
        if (status != HTTP_NO_CONTENT) {
            ap_set_content_length(r, 0);
        }
        return OK;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(json, (int)len, r);
    }
    return OK;
}

int saas_reply_json_impl(saas_request_t *rq, int status, json_t *body)
{
    size_t len = 0;
    const char *text = body ? saas_json_dump(rq->pool, body, &len) : NULL;
    if (body && !text) {
        json_decref(body);
        return saas_reply_failure_impl(rq, APR_EGENERAL);
    }
    json_decref(body);
    return saas_reply_text(rq->r, status, text, len);
}

int saas_reply_refusal(request_rec *r, const saas_refusal_t *refusal)
{
    const char *text = saas_refusal_json(r->pool, refusal);
    if (refusal->status == HTTP_UNAUTHORIZED) {
        apr_table_setn(r->headers_out, "WWW-Authenticate", "Bearer");
    }
    else if (refusal->status == HTTP_SERVICE_UNAVAILABLE && !apr_table_get(r->headers_out, "Retry-After")) {
        apr_table_setn(r->headers_out, "Retry-After", "5");
    }
    return saas_reply_text(r, refusal->status, text, strlen(text));
}

int saas_reply_error_impl(saas_request_t *rq, int status, const char *code, const char *detail)
{
    saas_refusal_t refusal = { .status = status, .code = code, .detail = detail };
    return saas_reply_refusal(rq->r, &refusal);
}

int saas_reply_verdict_impl(saas_request_t *rq, saas_verdict_e verdict)
{
    saas_call_t *call = (saas_call_t *)rq;
    saas_refusal_t refusal;
    saas_refusal_get(rq->pool, verdict, call->ctx, rq->route ? rq->route->denied : NULL, &refusal);
    if (call->ctx) {
        apr_table_setn(rq->r->notes, SAAS_VERDICT_NOTE, refusal.code);
    }
    return saas_reply_refusal(rq->r, &refusal);
}

int saas_reply_errors_impl(saas_request_t *rq)
{
    return saas_reply_json_impl(rq, HTTP_BAD_REQUEST, rq->errors ? json_incref(rq->errors) : json_object());
}

int saas_reply_failure_impl(saas_request_t *rq, apr_status_t rv)
{
    if (rv == SAAS_EUNAVAILABLE || rv == SAAS_ESERIALIZATION) {
        return saas_reply_verdict_impl(rq, SAAS_UNAVAILABLE);
    }
    if (rv == SAAS_ELIMIT) {
        return saas_limits_reply(rq);
    }
    SAAS_RLOG(rq->r, APLOG_ERR, rv < APR_OS_START_USERERR ? rv : 0, "SAAS1401",
              "%s %s failed (status %d): the client was told 500; an earlier line says why", rq->r->method,
              rq->route ? rq->route->path : rq->r->uri, rv);
    return saas_reply_error_impl(rq, HTTP_INTERNAL_SERVER_ERROR, "error", "A server error occurred.");
}

int saas_reply_throttled_impl(saas_request_t *rq, int seconds)
{
    apr_table_setn(rq->r->headers_out, "Retry-After", apr_itoa(rq->pool, seconds));
    return saas_reply_error_impl(rq, HTTP_TOO_MANY_REQUESTS, "throttled",
                                 apr_psprintf(rq->pool, "Request was throttled. Expected available in %d second%s.",
                                              seconds, seconds == 1 ? "" : "s"));
}

/* ---------------------------------------------------------------- lists -- */

/* This list's URL with another page. */
static const char *link_to(saas_request_t *rq, apr_int64_t page)
{
    const char *url = apr_pstrcat(rq->pool, saas_request_base_url_impl(rq),
                                  rq->r->uri + strlen(((saas_call_t *)rq)->mount), NULL);
    return saas_link_set(rq->pool, url, rq->r->args, "page", apr_psprintf(rq->pool, "%" APR_INT64_T_FMT, page));
}

/* What comes before the results. */
static void begin_list(saas_jsontext_t *out, apr_pool_t *p, apr_size_t room, apr_int64_t count, const char *next,
                       const char *previous)
{
    saas_jsontext_init(out, p, room);
    SAAS_JSONTEXT_PUT(out, "{\"count\":");
    saas_jsontext_int(out, count);
    SAAS_JSONTEXT_PUT(out, ",\"next\":");
    saas_jsontext_string(out, next);
    SAAS_JSONTEXT_PUT(out, ",\"previous\":");
    saas_jsontext_string(out, previous);
    SAAS_JSONTEXT_PUT(out, ",\"results\":");
}

static int reply_list(saas_request_t *rq, saas_jsontext_t *out)
{
    SAAS_JSONTEXT_PUT(out, "}");
    return saas_reply_text(rq->r, HTTP_OK, out->data, out->len);
}

/* The links of a page; 0: there is none of this number. */
static int find_links(saas_request_t *rq, const saas_page_t *page, apr_int64_t count, const char **next,
                      const char **previous)
{
    apr_int64_t last = (count + page->size - 1) / page->size;

    *next = page->page < last ? link_to(rq, page->page + 1) : NULL;
    *previous = page->page > 1 ? link_to(rq, page->page - 1) : NULL;
    return page->page == 1 || page->page <= last;
}

static int reply_no_page(saas_request_t *rq)
{
    return saas_reply_error_impl(rq, HTTP_NOT_FOUND, "not_found", "Invalid page.");
}

int saas_reply_page_impl(saas_request_t *rq, const saas_page_t *page, apr_int64_t count, json_t *results)
{
    size_t len = 0;
    const char *text = saas_json_dump(rq->pool, results, &len), *next, *previous;
    saas_jsontext_t out;

    json_decref(results);
    if (!text) {
        return saas_reply_failure_impl(rq, APR_EGENERAL);
    }
    if (!find_links(rq, page, count, &next, &previous)) {
        return reply_no_page(rq);
    }
    begin_list(&out, rq->pool, len + ENVELOPE_ROOM, count, next, previous);
    saas_jsontext_put(&out, text, len);
    return reply_list(rq, &out);
}

int saas_reply_rows_impl(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int shown,
                         apr_int64_t count, const char *next, const char *previous)
{
    saas_jsontext_t out;

    begin_list(&out, rq->pool, (apr_size_t)shown * ROW_ROOM + ENVELOPE_ROOM, count, next, previous);
    SAAS_JSONTEXT_PUT(&out, "[");
    saas_rows_put(&out, rq, members, rows, 0, shown);
    SAAS_JSONTEXT_PUT(&out, "]");
    return reply_list(rq, &out);
}

int saas_reply_list_impl(saas_request_t *rq, const saas_json_member_t *members, saas_statement_t *st,
                         const char *const *args, int nargs)
{
    const char **all = apr_palloc(rq->pool, sizeof(*all) * (apr_size_t)(nargs + 2)), *next, *previous;
    apr_int64_t count;
    saas_page_t page;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;

    saas_request_page_impl(rq, &page);
    if (rq->errors) {
        return saas_reply_errors_impl(rq);
    }
    if (nargs) {
        memcpy(all, args, sizeof(*all) * (apr_size_t)nargs);
    }
    all[nargs] = page.limit;
    all[nargs + 1] = page.offset;
    if ((rv = saas_db_open_impl(&db, rq->pool, rq->r->server, rq->who->org_id)) == APR_SUCCESS) {
        rv = saas_db_query_impl(db, st, &rows, all, nargs + 2);
        saas_db_close_impl(db);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure_impl(rq, rv);
    }
    /* No row: page 1 of nothing, or past the end, where the count is not told. */
    count = saas_cell_int(rows, 0, rows->columns - 1);
    return find_links(rq, &page, count, &next, &previous)
               ? saas_reply_rows_impl(rq, members, rows, rows->count, count, next, previous)
               : reply_no_page(rq);
}
