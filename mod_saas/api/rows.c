/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Rows of a result as JSON objects, written straight from the cells: a page of
 * a list has hundreds of them, and a tree of values would cost more than all
 * the rest of the request.  What comes before a member, comma and key, is the
 * same in every row and is made once.
 */
#include "rows.h"
#include "core/timefmt.h"

/* A member of the plugin's table, made ready. */
typedef struct part_t {
    const saas_json_member_t *member;
    const char *before;
    apr_size_t before_len;
    const struct part_t *end; /* of an object: its SAAS_JSON_END */
} part_t;

#define NESTING_MAX 8

static int is_object(const saas_json_member_t *member)
{
    return member->kind == SAAS_JSON_OBJECT || member->kind == SAAS_JSON_OBJECT_OR_NULL;
}

static void make_before(part_t *part, apr_pool_t *p, int first)
{
    saas_jsontext_t text;

    saas_jsontext_init(&text, p, strlen(part->member->key) + 8);
    if (!first) {
        SAAS_JSONTEXT_PUT(&text, ",");
    }
    saas_jsontext_string(&text, part->member->key);
    SAAS_JSONTEXT_PUT(&text, ":");
    part->before = text.data;
    part->before_len = text.len;
}

/* The table made ready; *end is behind the last part. */
static const part_t *prepare(apr_pool_t *p, const saas_json_member_t *members, const part_t **end)
{
    part_t *parts, *open[NESTING_MAX];
    int count = 0, depth = 0, first = 1, i;

    while (members[count].kind) {
        count++;
    }
    parts = apr_pcalloc(p, sizeof(part_t) * (apr_size_t)(count + 1));
    for (i = 0; i < count; i++) {
        parts[i].member = &members[i];
        if (members[i].kind == SAAS_JSON_END) {
            ap_assert(depth > 0);
            open[--depth]->end = &parts[i];
            first = 0;
            continue;
        }
        make_before(&parts[i], p, first);
        first = is_object(&members[i]);
        if (first) {
            ap_assert(depth < NESTING_MAX);
            open[depth++] = &parts[i];
        }
    }
    ap_assert(depth == 0);
    *end = parts + count;
    return parts;
}

static void put_time(saas_jsontext_t *out, const char *cell)
{
    char iso[SAAS_TIME_ISO_SIZE];
    apr_time_t t;

    if (saas_time_parse(cell, &t) == APR_SUCCESS && saas_time_iso(iso, t) == APR_SUCCESS) {
        SAAS_JSONTEXT_PUT(out, "\"");
        saas_jsontext_put(out, iso, SAAS_TIME_ISO_SIZE - 1);
        SAAS_JSONTEXT_PUT(out, "\"");
    }
    else {
        SAAS_JSONTEXT_PUT(out, "null");
    }
}

/* JSON that the database keeps as text; an empty object or array is not longer than two bytes. */
static void put_raw(saas_jsontext_t *out, const saas_json_member_t *member, const char *cell)
{
    apr_size_t before = out->len;
    int kept = cell && saas_jsontext_json(out, cell);

    if (kept && member->otherwise
        && (out->len - before == 2 && (out->data[before] == '{' || out->data[before] == '['))) {
        out->len = before;
        kept = 0;
    }
    if (!kept) {
        const char *otherwise = member->otherwise ? member->otherwise : "null";
        saas_jsontext_put(out, otherwise, strlen(otherwise));
    }
}

static void put_cell(saas_jsontext_t *out, const saas_json_member_t *member, const char *cell)
{
    if (member->kind == SAAS_JSON_RAW) {
        put_raw(out, member, cell);
    }
    else if (member->kind == SAAS_JSON_BOOL) {
        int is_true = cell && (*cell == 't' || *cell == '1');
        saas_jsontext_put(out, is_true ? "true" : "false", is_true ? 4 : 5);
    }
    else if (!cell) {
        SAAS_JSONTEXT_PUT(out, "null");
    }
    else if (member->kind == SAAS_JSON_INTEGER) {
        saas_jsontext_int(out, apr_atoi64(cell));
    }
    else if (member->kind == SAAS_JSON_TIME) {
        put_time(out, cell);
    }
    else {
        saas_jsontext_string(out, cell);
    }
}

static void put_row(saas_jsontext_t *out, saas_request_t *rq, const part_t *part, const part_t *end,
                    const saas_rows_t *rows, int row)
{
    SAAS_JSONTEXT_PUT(out, "{");
    for (; part < end; part++) {
        const saas_json_member_t *member = part->member;
        const char *cell;

        if (member->kind == SAAS_JSON_END) {
            SAAS_JSONTEXT_PUT(out, "}");
            continue;
        }
        saas_jsontext_put(out, part->before, part->before_len);
        if (member->kind == SAAS_JSON_OBJECT) {
            SAAS_JSONTEXT_PUT(out, "{");
            continue;
        }
        cell = member->cell ? member->cell(rq, rows, row) : saas_cell(rows, row, member->column);
        if (member->kind != SAAS_JSON_OBJECT_OR_NULL) {
            put_cell(out, member, cell);
        }
        else if (cell) {
            SAAS_JSONTEXT_PUT(out, "{");
        }
        else {
            SAAS_JSONTEXT_PUT(out, "null");
            part = part->end;
        }
    }
    SAAS_JSONTEXT_PUT(out, "}");
}

void saas_rows_put(saas_jsontext_t *out, saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows,
                   int first, int count)
{
    const part_t *end, *parts = prepare(rq->pool, members, &end);
    int row;

    for (row = first; row < first + count; row++) {
        if (row > first) {
            SAAS_JSONTEXT_PUT(out, ",");
        }
        put_row(out, rq, parts, end, rows, row);
    }
}

json_t *saas_row_json_impl(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int row)
{
    saas_jsontext_t text;

    saas_jsontext_init(&text, rq->pool, 1024);
    saas_rows_put(&text, rq, members, rows, row, 1);
    return json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
}
