/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The index of trigrams: made block by block, kept slice by slice, asked bucket by bucket.
 *
 * A slice as it is stored has, for each of its buckets that any block is in, a byte with the bucket's place in the
 * slice, and a byte with how many blocks follow: each as two bytes, or, where that byte is 0, all blocks as bits.  The
 * whole in base64, for databases are spoken to in text.
 */

#include "trigrams.h"

#include <apr_encode.h>

#include <string.h>

#define BITMAP (TRIGRAMS_BLOCKS / 8)
#define LISTED (BITMAP / 2 - 1) /* blocks that take less as a list */

struct trigrams_t {
    int block;                                /* the open one, -1: none */
    apr_uint64_t open[TRIGRAMS_BUCKETS / 64]; /* buckets that it is in: small, so that adding stays in the cache */
    unsigned char blocks[TRIGRAMS_BUCKETS][BITMAP];
};

trigrams_t *trigrams_make(apr_pool_t *p)
{
    trigrams_t *t = apr_palloc(p, sizeof(*t));
    trigrams_clear(t);
    return t;
}

void trigrams_clear(trigrams_t *t)
{
    memset(t, 0, sizeof(*t));
    t->block = -1;
}

static int bucket_of(const unsigned char *s)
{
    const apr_uint32_t trigram = (apr_uint32_t)s[0] << 16 | (apr_uint32_t)s[1] << 8 | s[2];
    return (int)(trigram * 0x9E3779B1u >> 16);
}

static void close_block(trigrams_t *t)
{
    int i;

    if (t->block < 0) {
        return;
    }
    for (i = 0; i < TRIGRAMS_BUCKETS / 64; i++) {
        apr_uint64_t word = t->open[i];
        for (; word; word &= word - 1) {
            t->blocks[i * 64 + __builtin_ctzll(word)][t->block / 8] |= (unsigned char)(1 << t->block % 8);
        }
        t->open[i] = 0;
    }
    t->block = -1;
}

void trigrams_add(trigrams_t *t, int block, const char *text, apr_size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    apr_size_t i;

    if (block != t->block) {
        close_block(t);
        t->block = block;
    }
    for (i = 0; i + 2 < len; i++) {
        const int bucket = bucket_of(s + i);
        t->open[bucket / 64] |= (apr_uint64_t)1 << bucket % 64;
    }
}

/** Writes a bucket's blocks; where it ends. */
static unsigned char *put_blocks(unsigned char *to, const unsigned char *bits)
{
    unsigned char *count = to++;
    int block, n = 0;

    for (block = 0; block < BITMAP; block++) {
        n += __builtin_popcount(bits[block]);
    }
    *count = (unsigned char)(n <= LISTED ? n : 0);
    if (n > LISTED) {
        memcpy(to, bits, BITMAP);
        return to + BITMAP;
    }
    for (block = 0; block < TRIGRAMS_BLOCKS; block++) {
        if (bits[block / 8] >> block % 8 & 1) {
            *to++ = (unsigned char)(block >> 8);
            *to++ = (unsigned char)block;
        }
    }
    return to;
}

const char *trigrams_slice(trigrams_t *t, int slice, apr_pool_t *p)
{
    static const unsigned char none[BITMAP];
    unsigned char bytes[TRIGRAMS_IN_SLICE * (2 + BITMAP)], *to = bytes;
    int i;

    close_block(t);
    for (i = 0; i < TRIGRAMS_IN_SLICE; i++) {
        const unsigned char *bits = t->blocks[slice * TRIGRAMS_IN_SLICE + i];
        if (memcmp(bits, none, BITMAP)) {
            *to++ = (unsigned char)i;
            to = put_blocks(to, bits);
        }
    }
    return to == bytes ? NULL : apr_pencode_base64_binary(p, bytes, (apr_size_t)(to - bytes), APR_ENCODE_NONE, NULL);
}

int trigrams_of(const char *text, int *buckets, int max)
{
    const unsigned char *s = (const unsigned char *)text;
    const apr_size_t len = strlen(text), trigrams = len < 3 ? 0 : len - 2;
    const apr_size_t step = trigrams > (apr_size_t)max ? trigrams / (apr_size_t)max : 1;
    apr_size_t i;
    int n = 0, j;

    for (i = 0; i < trigrams && n < max; i += step) {
        const int bucket = bucket_of(s + i);
        for (j = 0; j < n && buckets[j] != bucket; j++) {
        }
        if (j == n) {
            buckets[n++] = bucket;
        }
    }
    return n;
}

/** The blocks of a bucket in a slice: *found, where it has any.  0: that is no slice. */
static int read_blocks(const unsigned char *s, apr_size_t len, int place, trigrams_blocks_t *found)
{
    const unsigned char *end = s + len;
    int i, block;

    while (end - s >= 2) {
        const int bucket = *s++, listed = *s++;
        const int size = listed ? 2 * listed : BITMAP;

        if (end - s < size || bucket >= TRIGRAMS_IN_SLICE) {
            return 0;
        }
        if (bucket == place) {
            for (i = 0; i < (listed ? listed : TRIGRAMS_BLOCKS); i++) {
                block = listed ? s[2 * i] << 8 | s[2 * i + 1] : s[i / 8] >> i % 8 & 1 ? i : -1;
                if (block >= TRIGRAMS_BLOCKS) {
                    return 0;
                }
                if (block >= 0) {
                    found->words[block / 64] |= (apr_uint64_t)1 << block % 64;
                }
            }
            return 1;
        }
        s += size;
    }
    return s == end;
}

void trigrams_narrow(trigrams_blocks_t *blocks, const char *stored, int bucket)
{
    unsigned char bytes[TRIGRAMS_IN_SLICE * (2 + BITMAP) + 2];
    trigrams_blocks_t found = { { 0 } };
    apr_size_t len = 0;
    int i;

    if (stored) {
        const apr_size_t text = strlen(stored);
        if (text > sizeof(bytes) / 3 * 4
            || apr_decode_base64_binary(bytes, stored, (apr_ssize_t)text, APR_ENCODE_NONE, &len) != APR_SUCCESS
            || !read_blocks(bytes, len, bucket % TRIGRAMS_IN_SLICE, &found)) {
            return;
        }
    }
    for (i = 0; i < TRIGRAMS_BLOCKS / 64; i++) {
        blocks->words[i] &= found.words[i];
    }
}
