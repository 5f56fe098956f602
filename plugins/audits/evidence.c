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

const saas_json_member_t evidence_members[] = {
    { "id", SAAS_JSON_INTEGER, .column = E_NUMBER },
    { "resource_id", SAAS_JSON_TEXT, .column = E_RESOURCE },
    { "check_name", SAAS_JSON_TEXT, .column = E_CHECK },
    { "status", SAAS_JSON_TEXT, .column = E_STATUS },
    { "severity", SAAS_JSON_TEXT, .column = E_SEVERITY },
    { "timestamp", SAAS_JSON_TIME, .column = E_TIME },
    { "comment", SAAS_JSON_TEXT, .column = E_COMMENT },
    TRIAGE_MEMBERS(E_MUTED),
    { 0 }
};

evidence_filter_t evidence_filter(saas_request_t *rq)
{
    static const char *const truths[] = { "true", "false", NULL };
    evidence_filter_t filter = {
        .status = saas_request_choice(rq, "status", saas_finding_statuses),
        .severity = saas_request_choice(rq, "severity", saas_finding_severities),
        .check = saas_request_filter(rq, "check"),
        .search = pattern(rq->pool, saas_request_filter(rq, "search")),
        .resource = saas_request_filter(rq, "resource_id"),
        .muted = saas_request_choice(rq, "muted", truths),
    };
    if (!filter.check) {
        filter.check = saas_request_filter(rq, "check_name");
    }
    return filter;
}

int evidence_filter_is_empty(const evidence_filter_t *filter)
{
    return !filter->status && !filter->severity && !filter->check && !filter->search && !filter->resource
           && !filter->muted;
}

static int reply_numbered(saas_request_t *rq, const evidence_filter_t *filter, int order)
{
    const char *audit = saas_request_parameter(rq, "audit");
    int all = order <= 1 && evidence_filter_is_empty(filter);

    return all ? saas_reply_list(rq, evidence_members, &audits_statements[order ? EVIDENCE_ALL_DESC : EVIDENCE_ALL],
                                 SAAS_ARGS(audit))
               : saas_reply_list(rq, evidence_members, &audits_statements[EVIDENCE_LIST + order],
                                 SAAS_ARGS(audit, EVIDENCE_FILTER_ARGS(filter)));
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

static int reply_after(saas_request_t *rq, const evidence_filter_t *filter, const saas_page_t *page, int descending,
                       const char *number)
{
    const char *audit = saas_request_parameter(rq, "audit");
    const char *one_more = apr_itoa(rq->pool, page->size + 1);
    const char *next = NULL;
    apr_int64_t count = 0;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);
    int shown;

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    rv = saas_db_query(db, &audits_statements[descending ? EVIDENCE_BEFORE : EVIDENCE_AFTER], &rows,
                       SAAS_ARGS(audit, EVIDENCE_FILTER_ARGS(filter), number, one_more));
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
        next = cursor_url(rq, cursor_make(rq->pool, descending, saas_cell(rows, shown - 1, E_NUMBER)));
    }
    return saas_reply_rows(rq, evidence_members, rows, shown, count, next, NULL);
}

int audits_evidence(saas_request_t *rq)
{
    evidence_filter_t filter = evidence_filter(rq);
    int order = audits_order(evidence_orders, saas_request_choice(rq, "ordering", evidence_orders));
    const char *cursor = saas_request_query(rq, "cursor");
    const char *number = NULL;
    saas_page_t page;

    if (!cursor) {
        return reply_numbered(rq, &filter, order);
    }
    saas_request_page(rq, &page);
    if (order > 1) {
        saas_request_error(rq, "ordering", "With a cursor, only id and -id.");
    }
    else if (!(number = cursor_read(rq->pool, order, cursor))) {
        saas_request_error(rq, "cursor", "Invalid cursor.");
    }
    return rq->errors ? saas_reply_errors(rq) : reply_after(rq, &filter, &page, order, number);
}
