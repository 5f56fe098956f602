/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file trigrams.h
 * In which blocks of an audit's rows a text may be: an index of trigrams, of three bytes each, that is kept outside of
 * the database's own ones, for those that could find a text are of no use behind row-level security, and large.
 *
 * Rows are numbered; TRIGRAMS_ROWS numbers are a block, TRIGRAMS_BLOCKS blocks a segment.  A trigram is hashed to one
 * of TRIGRAMS_BUCKETS buckets, and for each of these the index has the blocks in whose rows one of its trigrams is.  A
 * block that has all trigrams of a text may have the text, and has to be read; one that lacks one of them has it not.
 * What strangers write makes an index larger by no more than their text is, and memory not at all.
 *
 * Pure: texts come in the letter case in which they are compared.
 */
#ifndef AUDITS_TRIGRAMS_H
#define AUDITS_TRIGRAMS_H

#include <apr.h>
#include <apr_pools.h>

#define TRIGRAMS_ROWS 128
#define TRIGRAMS_BLOCKS 512
#define TRIGRAMS_SEGMENT ((apr_int64_t)TRIGRAMS_ROWS * TRIGRAMS_BLOCKS)
#define TRIGRAMS_BUCKETS 65536
/** The index of a segment is kept in so many pieces, of as many buckets each. */
#define TRIGRAMS_SLICES 1024
#define TRIGRAMS_IN_SLICE (TRIGRAMS_BUCKETS / TRIGRAMS_SLICES)
#define TRIGRAMS_SLICE_OF(bucket) ((bucket) / TRIGRAMS_IN_SLICE)

/** Blocks of a segment, a bit for each. */
typedef struct trigrams_blocks_t {
    apr_uint64_t words[TRIGRAMS_BLOCKS / 64];
} trigrams_blocks_t;

/** An index of a segment that is being made: 4 MiB. */
typedef struct trigrams_t trigrams_t;

/** An empty one, in p. */
trigrams_t *trigrams_make(apr_pool_t *p);

/** Empties it for the next segment. */
void trigrams_clear(trigrams_t *t);

/** Adds a text of a row in a block (0 to TRIGRAMS_BLOCKS - 1).  Blocks come in order: one that has been left is closed.
 */
void trigrams_add(trigrams_t *t, int block, const char *text, apr_size_t len);

/** A slice as it is stored, in base64, in p; NULL: it has nothing. */
const char *trigrams_slice(trigrams_t *t, int slice, apr_pool_t *p);

/** Different buckets of a text, at most max of them, from all over it; how many.  0: it has less than three bytes. */
int trigrams_of(const char *text, int *buckets, int max);

/** Takes the blocks away that have nothing in a bucket.  stored: its slice; NULL: there is none, so no block has
 * anything. A slice that cannot be read takes nothing away: more is read then, and nothing is missed. */
void trigrams_narrow(trigrams_blocks_t *blocks, const char *stored, int bucket);

static inline int trigrams_has(const trigrams_blocks_t *blocks, int block)
{
    return (int)(blocks->words[block / 64] >> (block % 64) & 1);
}

#endif
