/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The evidence of an audit, page by page: by page number in any order, or by
 * cursor in the order of the rows, where each page is one range of the primary
 * key and so costs the same wherever it lies.  A cursor is base64url of the
 * direction and the number of the row before the page; clients may not rely on
 * that.
 */

#include "audits.h"
#include "score.h"

#include <apr_encode.h>
#include <apr_strings.h>

enum { E_NUMBER, E_RESOURCE, E_CHECK, E_STATUS, E_SEVERITY, E_TIME, E_COMMENT, E_COUNT };

typedef struct filter_t {
    const char *status;
    const char *severity;
    const char *check;
    const char *search;    /**< LIKE pattern */
} filter_t;

/** A LIKE pattern that finds the text anywhere. */
static const char *pattern(apr_pool_t *p, const char *text)
{
    char *out, *to;

    if (!text || !*text) {
        return NULL;
    }
    out = to = apr_palloc(p, 2 * strlen(text) + 3);
    *to++ = '%';
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '%';
    *to = '\0';
    return out;
}

static json_t *evidence_json(apr_pool_t *p, const saas_rows_t *rows, int count)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < count; i++) {
        json_array_append_new(list, json_pack(
            "{s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
            "id", (json_int_t)saas_cell_int(rows, i, E_NUMBER),
            "resource_id", saas_cell_json(rows, i, E_RESOURCE),
            "check_name", saas_cell_json(rows, i, E_CHECK),
            "status", saas_cell_json(rows, i, E_STATUS),
            "severity", saas_cell_json(rows, i, E_SEVERITY),
            "timestamp", saas_cell_json_time(p, rows, i, E_TIME),
            "comment", saas_cell_json(rows, i, E_COMMENT)));
    }
    return list;
}

static int reply_numbered(saas_request_t *rq, const filter_t *filter, const saas_page_t *page, int order)
{
    const char *audit = saas_request_parameter(rq, "audit");
    int all = order <= 1 && !filter->status && !filter->severity && !filter->check && !filter->search;
    saas_rows_t *rows;
    apr_status_t rv =
        all ? saas_query(rq, &audits_statements[order ? EVIDENCE_ALL_DESC : EVIDENCE_ALL], &rows,
                         SAAS_ARGS(audit, page->limit, page->offset))
            : saas_query(rq, &audits_statements[EVIDENCE_LIST + order], &rows,
                         SAAS_ARGS(audit, filter->status, filter->severity, filter->check, filter->search,
                                   page->limit, page->offset));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_page(rq, page, saas_cell_int(rows, 0, E_COUNT), evidence_json(rq->pool, rows, rows->count));
}

/* ---------------------------------------------------------------- cursor -- */

static const char *cursor_make(apr_pool_t *p, int descending, const char *number)
{
    const char *plain = apr_pstrcat(p, descending ? "d" : "a", number, NULL);
    return apr_pencode_base64(p, plain, APR_ENCODE_STRING, APR_ENCODE_BASE64URL, NULL);
}

/** Reads a cursor of the given direction; the empty one is the first page's.
 *  NULL: it is none. */
static const char *cursor_read(apr_pool_t *p, int descending, const char *cursor)
{
    const char *plain;
    apr_size_t len;

    if (!*cursor) {
        return descending ? "9223372036854775807" : "0";
    }
    if (strlen(cursor) > 40 || strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
                                   != strlen(cursor)) {
        return NULL;
    }
    plain = apr_pdecode_base64(p, cursor, APR_ENCODE_STRING, APR_ENCODE_NONE, &len);
    if (!plain || len < 2 || len > 19 || plain[0] != (descending ? 'd' : 'a')
        || strspn(plain + 1, "0123456789") != len - 1) {
        return NULL;
    }
    return plain + 1;
}

/** The request's URL with another cursor; all other parameters stay. */
static const char *cursor_url(saas_request_t *rq, const char *cursor)
{
    const char *url = apr_pstrcat(rq->pool, saas_request_base_url(rq), "/audits/",
                                  saas_request_parameter(rq, "audit"), "/evidence/?cursor=", cursor, NULL);
    char *last, *pair;
    char *args = apr_pstrdup(rq->pool, rq->r->args ? rq->r->args : "");

    for (pair = apr_strtok(args, "&", &last); pair; pair = apr_strtok(NULL, "&", &last)) {
        apr_size_t name = strcspn(pair, "=");
        if (!(name == 6 && !strncmp(pair, "cursor", 6)) && !(name == 4 && !strncmp(pair, "page", 4))) {
            url = apr_pstrcat(rq->pool, url, "&", pair, NULL);
        }
    }
    return url;
}

static int reply_after(saas_request_t *rq, const filter_t *filter, const saas_page_t *page, int descending,
                       const char *number)
{
    const char *audit = saas_request_parameter(rq, "audit");
    const char *one_more = apr_itoa(rq->pool, page->size + 1);
    json_t *next = NULL;
    json_int_t count = 0;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);
    int shown;

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    rv = saas_db_query(db, &audits_statements[descending ? EVIDENCE_BEFORE : EVIDENCE_AFTER], &rows,
                       SAAS_ARGS(audit, filter->status, filter->severity, filter->check, filter->search, number,
                                 one_more));
    shown = rv == APR_SUCCESS && rows->count > page->size ? page->size : rv == APR_SUCCESS ? rows->count : 0;
    if (rv == APR_SUCCESS && rows->count) {
        count = saas_cell_int(rows, 0, E_COUNT);
    }
    else if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &audits_statements[EVIDENCE_COUNT], &rows, SAAS_ARGS(audit));
        count = rv == APR_SUCCESS ? saas_cell_int(rows, 0, 0) : 0;
    }
    saas_db_close(db);
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (shown && rows->count > shown) {
        next = json_string(cursor_url(rq, cursor_make(rq->pool, descending,
                                                      saas_cell(rows, shown - 1, E_NUMBER))));
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:I, s:o, s:n, s:o}", "count", count, "next", next ? next : json_null(),
                                     "previous", "results", evidence_json(rq->pool, rows, shown)));
}

int audits_evidence(saas_request_t *rq)
{
    filter_t filter = {
        .status = saas_request_choice(rq, "status", saas_finding_statuses),
        .severity = saas_request_choice(rq, "severity", saas_finding_severities),
        .check = saas_request_query(rq, "check"),
        .search = pattern(rq->pool, saas_request_query(rq, "search")),
    };
    int order = audits_order(evidence_orders, saas_request_choice(rq, "ordering", evidence_orders));
    const char *cursor = saas_request_query(rq, "cursor");
    const char *number = NULL;
    saas_page_t page;

    saas_request_page(rq, &page);
    if (cursor && order > 1) {
        saas_request_error(rq, "ordering", "With a cursor, only id and -id.");
    }
    else if (cursor && !(number = cursor_read(rq->pool, order, cursor))) {
        saas_request_error(rq, "cursor", "Invalid cursor.");
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    return cursor ? reply_after(rq, &filter, &page, order, number) : reply_numbered(rq, &filter, &page, order);
}
