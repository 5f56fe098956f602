/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The evidence of an audit, page by page: by page number in any order, where all that the filter finds is counted,
 * or by cursor, where each page is a range of an index and so costs the same wherever it lies (walk.h).  Which index
 * that is says the table below.  By severity and by status the walk is one after the other of those of all words.  A
 * cursor is base64url of the order and the row before the page; clients may not rely on that.
 */

#include "audits.h"
#include "score.h"
#include "search.h"
#include "walk.h"

#include <apr_encode.h>
#include <apr_strings.h>

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

static const char *const orders[] = {
    "id", "-id", "severity", "-severity", "timestamp", "-timestamp", "status", "-status", "check_name", "-check_name",
    "resource_id", "-resource_id", NULL
};
/* Each of these is two of them, up and down. */
typedef enum { BY_NUMBER, BY_SEVERITY, BY_TIME, BY_STATUS, BY_CHECK, BY_RESOURCE, ORDERS } by_e;

/* What comes after what, by a word. */
static const char *const statuses[] = { "ERROR", "FAIL", "MANUAL", "PASS", NULL };

/* Numbers in which a text is rather looked for than among the rows of a check or a resource. */
#define FEW 2048

/* ------------------------------------------------------------ by number -- */

/** Where the text that is asked for may be; NULL: anywhere, as far as can be told. */
static apr_status_t find_text(saas_request_t *rq, const char *audit, const char *text, const char **blocks)
{
    audits_search_t search;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((rv = saas_db_begin(db, SAAS_READ)) == APR_SUCCESS
        && (rv = saas_db_query(db, &audits_statements[EVIDENCE_SEARCH], &rows, SAAS_ARGS(audit, text))) == APR_SUCCESS) {
        audits_search_begin(&search, rq->pool, audit, rows->count ? rows : NULL);
        if ((rv = audits_search_all(&search, db, rq->pool, WALK_MOST, blocks)) == APR_SUCCESS) {
            rv = saas_db_commit(db);
        }
    }
    saas_db_close(db);
    return rv;
}

static int reply_numbered(saas_request_t *rq, const saas_finding_filter_t *filter, int order)
{
    const char *audit = saas_request_parameter(rq, "audit"), *blocks = NULL;
    int part = filter->resource                         ? PART_OF_RESOURCE
               : filter->check                          ? PART_OF_CHECK
               : filter->muted && *filter->muted == 't' ? PART_OF_MUTED
               : filter->status                         ? PART_OF_STATUS
                                                        : PART_OF_ALL;

    if (order <= 1 && saas_finding_filter_is_empty(filter)) {
        return saas_reply_list(rq, evidence_members, &audits_statements[order ? EVIDENCE_ALL_DESC : EVIDENCE_ALL],
                               SAAS_ARGS(audit));
    }
    if (filter->search && !rq->errors) {
        apr_status_t rv = find_text(rq, audit, filter->search, &blocks);
        if (rv != APR_SUCCESS) {
            return saas_reply_failure(rq, rv);
        }
    }
    if (blocks) {
        return saas_reply_list(rq, evidence_members, &audits_statements[EVIDENCE_LIST + PART_OF_FOUND],
                               SAAS_ARGS(audit, SAAS_FINDING_FILTER_ARGS(filter), orders[order], blocks));
    }
    return saas_reply_list(rq, evidence_members, &audits_statements[EVIDENCE_LIST + part],
                           SAAS_ARGS(audit, SAAS_FINDING_FILTER_ARGS(filter), orders[order]));
}

/* ---------------------------------------------------------------- walks -- */

/* What a filter asks for. */
enum { STATUS = 1, SEVERITY = 2, CHECK = 4, RESOURCE = 8, MUTED = 16, NOT_MUTED = 32, SEARCH = 64, ALL = 127 };

/* The ends of ranges, in the order of the statements from EVIDENCE_END on. */
typedef enum { END_RESOURCE, END_CHECK, END_NUMBER, END_BY_TIME, END_BY_CHECK, END_BY_RESOURCE, NO_END } end_e;

/* The walks, in the order of the statements from EVIDENCE_WALK on: the first one that fits is taken. */
static const struct {
    by_e by;                   /* a number, or another column */
    unsigned found;            /* by the index: all of it is asked for */
    unsigned tried;            /* on each row, when it is asked for besides */
    end_e end;                 /* of a range in which rows are tried */
} walks[] = {
    /* What is muted has been decided by people: it is not much. */
    { BY_NUMBER, MUTED, ALL, NO_END },
    { BY_NUMBER, RESOURCE, ALL, END_RESOURCE },
    { BY_NUMBER, CHECK, ALL, END_CHECK },
    /* What is not muted is nearly all: tried without an end. */
    { BY_NUMBER, STATUS | SEVERITY, NOT_MUTED, NO_END },
    { BY_NUMBER, SEVERITY, NOT_MUTED, NO_END },
    { BY_NUMBER, STATUS, NOT_MUTED, NO_END },
    { BY_NUMBER, 0, ALL, END_NUMBER },
    { BY_TIME, MUTED, ALL, NO_END },
    { BY_TIME, 0, ALL, END_BY_TIME },
    { BY_CHECK, MUTED, ALL, NO_END },
    { BY_CHECK, 0, ALL, END_BY_CHECK },
    { BY_RESOURCE, MUTED, ALL, NO_END },
    { BY_RESOURCE, 0, ALL, END_BY_RESOURCE },
};
/* Behind them: of what the index of texts has found. */
enum { WALK_FOUND_NUMBER = sizeof(walks) / sizeof(walks[0]), WALK_FOUND_TIME, WALK_FOUND_CHECK, WALK_FOUND_RESOURCE };

/** A row that a range begins after or ends with. */
typedef struct place_t {
    const char *number;
    const char *value;         /**< of the column that it goes by; NULL: before the first, behind the last */
} place_t;

/** A page that is asked for. */
typedef struct walk_t {
    saas_request_t *rq;
    const char *audit;
    saas_finding_filter_t filter;
    by_e by;
    int down;
    int size;
    const char *const *words;  /* by severity, by status: one after the other; else NULL */
    int word;                  /* the page begins in this one */
    place_t after;
    audits_search_t search;
    saas_rows_t rows;          /* found: one more than wanted, where there is one */
    const char **cells;
    const char *next;          /* the place of the next page, as cursors have it; NULL: there is none */
} walk_t;

static unsigned asked(const saas_finding_filter_t *f)
{
    return (f->status ? STATUS : 0u) | (f->severity ? SEVERITY : 0u) | (f->check ? CHECK : 0u)
           | (f->resource ? RESOURCE : 0u) | (!f->muted ? 0u : *f->muted == 't' ? MUTED : NOT_MUTED)
           | (f->search ? SEARCH : 0u);
}

/** What the walk's ranges go by: a number, or another column. */
static by_e range_of(const walk_t *walk)
{
    return walk->by == BY_TIME || walk->by == BY_CHECK || walk->by == BY_RESOURCE ? walk->by : BY_NUMBER;
}

/** The number of the walk, and where its range ends. */
static int choose_walk(const walk_t *walk, end_e *end)
{
    const unsigned wanted = asked(&walk->filter);
    unsigned rest;
    int i;

    for (i = 0;; i++) {
        rest = wanted & ~walks[i].found;
        if (walks[i].by == range_of(walk) && (wanted & walks[i].found) == walks[i].found
            && !(rest & ~walks[i].tried)) {
            break;             /* at the latest at what tries everything */
        }
    }
    *end = rest ? walks[i].end : NO_END;
    return i;
}

/* --------------------------------------------------------------- cursor -- */

static const char letters[ORDERS][3] = { "ad", "sS", "tT", "uU", "cC", "rR" };

/** The number of a word, the last one's for what is none and for NULL. */
static int rank_of(const char *const *words, const char *word)
{
    int i;
    for (i = 0; words[i + 1] && (!word || strcmp(words[i], word)); i++) {
    }
    return i;
}

/** The place behind a row. */
static const char *place_text(const walk_t *walk, int rank, const char *number)
{
    return walk->words ? apr_psprintf(walk->rq->pool, "%d%s", rank, number) : number;
}

static const char *cursor_make(const walk_t *walk)
{
    const char *plain = apr_psprintf(walk->rq->pool, "%c%s", letters[walk->by][walk->down], walk->next);
    return apr_pencode_base64(walk->rq->pool, plain, APR_ENCODE_STRING, APR_ENCODE_BASE64URL, NULL);
}

/** Begins where a cursor says; the empty one, before all.  0: it is none of this order. */
static int cursor_read(walk_t *walk, const char *cursor)
{
    const char *plain;
    apr_size_t len;

    walk->after.number = walk->down ? NUMBER_LAST : "0";
    walk->word = walk->words && walk->down ? rank_of(walk->words, NULL) : 0;
    if (!*cursor) {
        return 1;
    }
    if (strlen(cursor) > 40
        || strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(cursor)) {
        return 0;
    }
    plain = apr_pdecode_base64(walk->rq->pool, cursor, APR_ENCODE_STRING, APR_ENCODE_NONE, &len);
    if (!plain || len < 2 || len > 20 || *plain++ != letters[walk->by][walk->down]
        || strspn(plain, "0123456789") != len - 1) {
        return 0;
    }
    if (walk->words) {
        walk->word = *plain++ - '0';
    }
    walk->after.number = plain;
    return *plain && strlen(plain) <= 18 && (!walk->words || walk->word <= rank_of(walk->words, NULL));
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

/* ---------------------------------------------------------------- pages -- */

/** Of the row that the page comes after the value that the walk goes by.  APR_NOTFOUND: there is no such row. */
static apr_status_t find_value(walk_t *walk, saas_db_t *db)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &audits_statements[EVIDENCE_PLACE], &rows,
                                    SAAS_ARGS(walk->audit, walk->after.number));
    if (rv == APR_SUCCESS) {
        walk->after.value = saas_cell(rows, 0, walk->by == BY_TIME ? 0 : walk->by == BY_CHECK ? 1 : 2);
    }
    return rv == APR_SUCCESS && !rows->count ? APR_NOTFOUND : rv;
}

static apr_status_t find_end(walk_t *walk, saas_db_t *db, end_e end, place_t *until)
{
    saas_statement_t *st = &audits_statements[EVIDENCE_END + 2 * (int)end + walk->down];
    const char *more = end == END_RESOURCE ? walk->filter.resource
                       : end == END_CHECK  ? walk->filter.check
                                           : walk->after.value;
    const char *args[] = { walk->audit, walk->after.number, more };
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, st, &rows, args, end == END_NUMBER ? 2 : 3);

    if (rv == APR_SUCCESS && rows->count) {
        until->number = saas_cell(rows, 0, 0);
        until->value = saas_cell(rows, 0, 1);
        walk->next = place_text(walk, walk->word, until->number);
    }
    return rv;
}

static apr_status_t find_rows(const walk_t *walk, saas_db_t *db, int number, const place_t *until, const char *blocks,
                              saas_rows_t **rows)
{
    saas_statement_t *st = &audits_statements[EVIDENCE_WALK + 2 * number + walk->down];
    const saas_finding_filter_t *f = &walk->filter;
    const place_t *after = &walk->after;
    const char *missing = apr_itoa(walk->rq->pool, walk->size + 1 - walk->rows.count);

    const char *args[14] = { walk->audit, SAAS_FINDING_FILTER_ARGS(f), after->number };
    int n = 8;

    if (range_of(walk) != BY_NUMBER) {
        args[n++] = after->value;
    }
    args[n++] = until->number;
    if (range_of(walk) != BY_NUMBER) {
        args[n++] = until->value;
    }
    args[n++] = missing;
    if (blocks) {
        args[n++] = blocks;
    }
    return saas_db_query(db, st, rows, args, n);
}

static void add_rows(walk_t *walk, const saas_rows_t *rows)
{
    if (!walk->cells) {
        walk->rows.columns = rows->columns;
        walk->cells = apr_palloc(walk->rq->pool, sizeof(*walk->cells) * (apr_size_t)((walk->size + 1) * rows->columns));
        walk->rows.cells = walk->cells;
    }
    memcpy(walk->cells + walk->rows.count * rows->columns, rows->cells,
           sizeof(*walk->cells) * (apr_size_t)(rows->count * rows->columns));
    walk->rows.count += rows->count;
}

/** Where there is more than the page holds, the next one begins behind its last row. */
static int is_full(walk_t *walk)
{
    if (walk->rows.count > walk->size) {
        const int last = walk->size - 1;
        const char *word = saas_cell(&walk->rows, last, walk->by == BY_STATUS ? E_STATUS : E_SEVERITY);
        walk->next = place_text(walk, walk->words ? rank_of(walk->words, word) : 0, saas_cell(&walk->rows, last, E_NUMBER));
    }
    return walk->rows.count > walk->size;
}

/** Goes on where the index of texts says that the text may be, in more and more of it, for where it often is the page is
 *  full soon.  Behind what is indexed goes the next page on. */
static apr_status_t go_found(walk_t *walk, saas_db_t *db)
{
    const place_t until = { walk->down ? "0" : NUMBER_LAST, NULL };
    apr_int64_t at = apr_atoi64(walk->after.number), read = 0, most = 4 * TRIGRAMS_ROWS, numbers;
    const char *blocks;
    saas_rows_t *rows;
    apr_status_t rv;

    walk->next = NULL;
    do {
        rv = audits_search_next(&walk->search, db, walk->rq->pool, walk->down,
                                most < WALK_MOST - read ? most : WALK_MOST - read, &at, &blocks, &numbers);
        if (rv != APR_SUCCESS
            || (blocks && (rv = find_rows(walk, db, WALK_FOUND_NUMBER, &until, blocks, &rows)) != APR_SUCCESS)) {
            return rv;
        }
        if (!blocks) {
            if (!walk->down && walk->search.last > walk->search.to) {
                walk->next = place_text(walk, walk->word, apr_psprintf(walk->rq->pool, "%" APR_INT64_T_FMT, walk->search.to));
            }
            return APR_SUCCESS;
        }
        add_rows(walk, rows);
        read += numbers;
        most *= 8;
    } while (!is_full(walk) && read < WALK_MOST);
    if (walk->rows.count <= walk->size) {
        walk->next = place_text(walk, walk->word, apr_psprintf(walk->rq->pool, "%" APR_INT64_T_FMT, at));
    }
    return APR_SUCCESS;
}

/** Whether the index of texts has anything to say about what comes after the place. */
static int is_indexed(const walk_t *walk)
{
    const audits_search_t *search = &walk->search;
    apr_int64_t after = apr_atoi64(walk->after.number);

    return search->to && (walk->down ? search->last <= search->to || after <= search->to + 1 : after < search->to);
}

/** Goes on from walk->after until the page is full, or the range ends, which is told in walk->next. */
static apr_status_t go(walk_t *walk, saas_db_t *db)
{
    place_t until = { walk->down ? "0" : NUMBER_LAST, NULL };
    const char *blocks = NULL;
    saas_rows_t *rows;
    end_e end;
    const by_e by = range_of(walk);
    int number = choose_walk(walk, &end);
    apr_status_t rv = APR_SUCCESS;

    if (end == END_NUMBER && is_indexed(walk)) {
        return go_found(walk, db);
    }
    if (end != NO_END) {
        rv = audits_search_all(&walk->search, db, walk->rq->pool, by == BY_NUMBER ? FEW : WALK_MOST, &blocks);
        if (rv == APR_SUCCESS && blocks) {
            number = by == BY_TIME ? WALK_FOUND_TIME : by == BY_CHECK ? WALK_FOUND_CHECK : by == BY_RESOURCE ? WALK_FOUND_RESOURCE
                                                                                            : WALK_FOUND_NUMBER;
        }
        else if (rv == APR_SUCCESS) {
            rv = find_end(walk, db, end, &until);
        }
    }
    if (rv == APR_SUCCESS && walk->next && (end == END_RESOURCE || end == END_CHECK) && is_indexed(walk)) {
        return go_found(walk, db);
    }
    if (rv != APR_SUCCESS || (rv = find_rows(walk, db, number, &until, blocks, &rows)) != APR_SUCCESS) {
        return rv;
    }
    add_rows(walk, rows);
    is_full(walk);
    return APR_SUCCESS;
}

static apr_status_t go_by_word(walk_t *walk, saas_db_t *db)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && !walk->next && walk->word >= 0 && walk->words[walk->word]) {
        *(walk->by == BY_STATUS ? &walk->filter.status : &walk->filter.severity) = walk->words[walk->word];
        rv = go(walk, db);
        walk->word += walk->down ? -1 : 1;
        walk->after.number = walk->down ? NUMBER_LAST : "0";
    }
    return rv;
}

/** All of it from one state of the database: rows of an audit that runs must not come between a range and its end. */
static apr_status_t find_page(walk_t *walk, saas_db_t *db, int first, apr_int64_t *count)
{
    saas_rows_t *audit;
    apr_status_t rv = saas_db_begin(db, SAAS_READ);

    if (rv == APR_SUCCESS && walk->filter.search) {
        rv = saas_db_query(db, &audits_statements[EVIDENCE_SEARCH], &audit, SAAS_ARGS(walk->audit, walk->filter.search));
        audits_search_begin(&walk->search, walk->rq->pool, walk->audit, rv == APR_SUCCESS && audit->count ? audit : NULL);
    }
    else if (rv == APR_SUCCESS) {
        rv = saas_db_queue_rows(db, &audits_statements[EVIDENCE_SETTINGS], &audit, SAAS_ARGS(walk->audit));
    }
    if (rv == APR_SUCCESS && range_of(walk) != BY_NUMBER && !first) {
        rv = find_value(walk, db);
    }
    if (rv == APR_SUCCESS) {
        rv = walk->words ? go_by_word(walk, db) : go(walk, db);
    }
    if (rv == APR_SUCCESS && (rv = saas_db_commit(db)) == APR_SUCCESS) {
        *count = saas_cell_int(audit, 0, 0);
    }
    return rv;
}

static int reply_walked(walk_t *walk, const char *cursor)
{
    saas_request_t *rq = walk->rq;
    apr_int64_t count = 0;
    apr_status_t rv = APR_NOTFOUND;
    saas_db_t *db;

    if (cursor_read(walk, cursor) && (rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = find_page(walk, db, !*cursor, &count);
        saas_db_close(db);
    }
    if (rv == APR_NOTFOUND) {
        saas_request_error(rq, "cursor", "Invalid cursor.");
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_rows(rq, evidence_members, &walk->rows,
                           walk->rows.count > walk->size ? walk->size : walk->rows.count, count,
                           walk->next ? cursor_url(rq, cursor_make(walk)) : NULL, NULL);
}

static int order_of(const char *name)
{
    int i;
    for (i = 0; name && orders[i]; i++) {
        if (!strcmp(orders[i], name)) {
            return i;
        }
    }
    return 0;
}

int audits_evidence(saas_request_t *rq)
{
    walk_t walk = { .rq = rq, .audit = saas_request_parameter(rq, "audit"), .filter = saas_finding_filter(rq) };
    const int order = order_of(saas_request_choice(rq, "ordering", orders));
    const char *cursor = saas_request_query(rq, "cursor");
    saas_page_t page;

    if (!cursor) {
        return reply_numbered(rq, &walk.filter, order);
    }
    saas_request_page(rq, &page);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    walk.size = page.size;
    walk.by = (by_e)(order / 2);
    walk.down = order % 2;
    if ((walk.by == BY_SEVERITY && walk.filter.severity) || (walk.by == BY_STATUS && walk.filter.status)
        || (walk.by == BY_CHECK && walk.filter.check) || (walk.by == BY_RESOURCE && walk.filter.resource)) {
        walk.by = BY_NUMBER;   /* of one value, they are in this order */
    }
    walk.words = walk.by == BY_SEVERITY ? saas_finding_severities : walk.by == BY_STATUS ? statuses : NULL;
    return reply_walked(&walk, cursor);
}
