/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Looks a text up in the index of trigrams.  The index is asked for a portion of segments at a time, and only for those
 * that a page comes to; what it says is kept as a bit for each block of the audit.
 */

#include "search.h"

#include <apr_strings.h>

#define PORTION 64 /* segments that are asked for together: some four million rows */

void audits_search_begin(audits_search_t *search, apr_pool_t *p, const char *audit, const saas_rows_t *row)
{
    const char *text = row ? saas_cell(row, 0, SEARCH_TEXT) : NULL;

    memset(search, 0, sizeof(*search));
    search->pool = p;
    search->audit = audit;
    if (!text || !(search->nbuckets = trigrams_of(text, search->buckets, SEARCH_BUCKETS))) {
        return;
    }
    search->to = saas_cell_int(row, 0, SEARCH_TO);
    search->last = saas_cell_int(row, 0, SEARCH_LAST);
    if (search->to > 0) {
        search->segments = (int)(search->to / TRIGRAMS_SEGMENT) + 1;
        search->blocks = apr_pcalloc(p, (apr_size_t)search->segments * sizeof(*search->blocks));
        search->known = apr_pcalloc(p, (apr_size_t)search->segments / PORTION + 1);
    }
}

static const char *slices_json(const audits_search_t *search)
{
    const char *json = "";
    int i;

    for (i = 0; i < search->nbuckets; i++) {
        int slice = TRIGRAMS_SLICE_OF(search->buckets[i]), j;
        for (j = 0; j < i && TRIGRAMS_SLICE_OF(search->buckets[j]) != slice; j++) {
        }
        if (j == i) {
            json = apr_psprintf(search->pool, "%s%s%d", json, i ? "," : "[", slice);
        }
    }
    return apr_pstrcat(search->pool, json, "]", NULL);
}

/** Looks up the blocks of the portion that a segment is in. */
static apr_status_t look_up(audits_search_t *search, saas_db_t *db, int segment)
{
    const int first = segment / PORTION * PORTION;
    const int last = first + PORTION < search->segments ? first + PORTION - 1 : search->segments - 1;
    const char *stored[PORTION][SEARCH_BUCKETS] = { { NULL } };
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(
        db, &audits_statements[EVIDENCE_TRIGRAMS], &rows,
        SAAS_ARGS(search->audit, slices_json(search), apr_itoa(search->pool, first), apr_itoa(search->pool, last)));
    int i, j;

    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        const int slice = (int)saas_cell_int(rows, i, 1);
        for (j = 0; j < search->nbuckets; j++) {
            if (TRIGRAMS_SLICE_OF(search->buckets[j]) == slice) {
                stored[saas_cell_int(rows, i, 0) - first][j] = saas_cell(rows, i, 2);
            }
        }
    }
    for (i = first; rv == APR_SUCCESS && i <= last; i++) {
        memset(&search->blocks[i], 0xff, sizeof(search->blocks[i]));
        for (j = 0; j < search->nbuckets; j++) {
            trigrams_narrow(&search->blocks[i], stored[i - first][j], search->buckets[j]);
        }
    }
    if (rv == APR_SUCCESS) {
        search->known[segment / PORTION] = 1;
    }
    return rv;
}

/** Whether the text may be in a block, which numbers from number * TRIGRAMS_ROWS on are. */
static apr_status_t may_be(audits_search_t *search, saas_db_t *db, apr_int64_t block, int *maybe)
{
    const int segment = (int)(block / TRIGRAMS_BLOCKS);
    apr_status_t rv = search->known[segment / PORTION] ? APR_SUCCESS : look_up(search, db, segment);

    if (rv == APR_SUCCESS) {
        *maybe = trigrams_has(&search->blocks[segment], (int)(block % TRIGRAMS_BLOCKS));
    }
    return rv;
}

apr_status_t audits_search_next(audits_search_t *search, saas_db_t *db, apr_pool_t *p, int down, apr_int64_t most,
                                apr_int64_t *at, const char **blocks, apr_int64_t *numbers)
{
    apr_array_header_t *found = apr_array_make(p, 16, sizeof(const char *));
    int maybe = 0;

    *numbers = 0;
    if (down && *at > search->to) {
        *at = search->to + 1;
    }
    while (*numbers < most && (down ? *at > 1 : *at < search->to)) {
        const apr_int64_t block = (*at + (down ? -1 : 1)) / TRIGRAMS_ROWS;
        apr_int64_t low = block * TRIGRAMS_ROWS, high = low + TRIGRAMS_ROWS - 1;
        apr_status_t rv = may_be(search, db, block, &maybe);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        low = down || low > *at ? low : *at + 1;
        high = down && high >= *at ? *at - 1 : high > search->to ? search->to : high;
        *at = down ? low : high;
        if (maybe) {
            APR_ARRAY_PUSH(found, const char *) =
                apr_psprintf(p, "[%" APR_INT64_T_FMT ",%" APR_INT64_T_FMT "]", low, high);
            *numbers += high - low + 1;
        }
    }
    *blocks = found->nelts ? apr_pstrcat(p, "[", apr_array_pstrcat(p, found, ','), "]", NULL) : NULL;
    return APR_SUCCESS;
}

apr_status_t audits_search_all(audits_search_t *search, saas_db_t *db, apr_pool_t *p, apr_int64_t most,
                               const char **blocks)
{
    apr_int64_t at = 0, numbers;
    apr_status_t rv;

    *blocks = NULL;
    if (!search->to || search->last > search->to) {
        return APR_SUCCESS;
    }
    rv = audits_search_next(search, db, p, 0, most, &at, blocks, &numbers);
    if (rv == APR_SUCCESS) {
        *blocks = at < search->to ? NULL : *blocks ? *blocks : "[]";
    }
    return rv;
}
