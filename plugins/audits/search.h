/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file search.h
 * Where in an audit a text may be, by the index that search_run.c makes: blocks of numbers, which a statement then
 * reads and tries the text on.
 */
#ifndef AUDITS_SEARCH_H
#define AUDITS_SEARCH_H

#include "audits.h"
#include "trigrams.h"

/** Trigrams of a text that are asked for, at most: where texts are random each of them is in many blocks. */
#define SEARCH_BUCKETS 24

/** A text that is looked for in an audit, in one transaction. */
typedef struct audits_search_t {
    apr_pool_t *pool;
    const char *audit;
    apr_int64_t to;   /**< rows up to this number are in the index; 0: it says nothing about this text */
    apr_int64_t last; /**< the last row's number */
    int buckets[SEARCH_BUCKETS];
    int nbuckets;
    int segments;              /**< that there are, up to `to` */
    trigrams_blocks_t *blocks; /**< of each segment, where the text may be */
    char *known;               /**< by portion of segments: its blocks have been looked up */
} audits_search_t;

/** Begins with a row of EVIDENCE_SEARCH, or with none (NULL): then the index says nothing.  Pool: p, which rows and
 * audit have to live as long as. */
void audits_search_begin(audits_search_t *search, apr_pool_t *p, const char *audit, const saas_rows_t *row);

/** The next blocks in which the text may be, as JSON of their first and last numbers, [[first, last], …], in p; NULL:
 * there are none up to search->to.  *at: the number that they come after, down: before; set to where they end.
 * *numbers: how many numbers they have, less than `most` and a block. */
apr_status_t audits_search_next(audits_search_t *search, saas_db_t *db, apr_pool_t *p, int down, apr_int64_t most,
                                apr_int64_t *at, const char **blocks, apr_int64_t *numbers);

/** All of them, where the index covers the audit and they have no more than about `most` numbers; else NULL.  "[]": the
 * text is nowhere. */
apr_status_t audits_search_all(audits_search_t *search, saas_db_t *db, apr_pool_t *p, apr_int64_t most,
                               const char **blocks);

#endif
