/* The index of texts: what a block has is found in it, what it lacks mostly not, and what is stored is read again. */

#include "unit.h"

#include "plugins/audits/trigrams.h"

static trigrams_blocks_t all(void)
{
    trigrams_blocks_t blocks;
    memset(&blocks, 0xff, sizeof(blocks));
    return blocks;
}

static void add(trigrams_t *t, int block, const char *text)
{
    trigrams_add(t, block, text, strlen(text));
}

/** Where a text may be. */
static trigrams_blocks_t find(trigrams_t *t, const char *text)
{
    trigrams_blocks_t blocks = all();
    int buckets[8], n = trigrams_of(text, buckets, 8), i;

    for (i = 0; i < n; i++) {
        trigrams_narrow(&blocks, trigrams_slice(t, TRIGRAMS_SLICE_OF(buckets[i]), unit_pool), buckets[i]);
    }
    return blocks;
}

static int count(const trigrams_blocks_t *blocks)
{
    int i, n = 0;
    for (i = 0; i < TRIGRAMS_BLOCKS; i++) {
        n += trigrams_has(blocks, i);
    }
    return n;
}

START_TEST(found)
{
    trigrams_t *t = trigrams_make(unit_pool);
    trigrams_blocks_t blocks;

    add(t, 0, "https://host-1.example.test/");
    add(t, 0, "the header was not sent");
    add(t, 3, "https://host-2.example.test/");
    add(t, 511, "\xc3\xa9t\xc3\xa9");
    blocks = find(t, "example.test");
    ck_assert_int_eq(count(&blocks), 2);
    ck_assert(trigrams_has(&blocks, 0) && trigrams_has(&blocks, 3));
    blocks = find(t, "host-2");
    ck_assert_int_eq(count(&blocks), 1);
    ck_assert(trigrams_has(&blocks, 3));
    blocks = find(t, "t\xc3\xa9");
    ck_assert_int_eq(count(&blocks), 1);
    ck_assert(trigrams_has(&blocks, 511));
    /* Not over the border of two texts, and nowhere what nobody has. */
    blocks = find(t, "test/the");
    ck_assert_int_eq(count(&blocks), 0);
    blocks = find(t, "no such text");
    ck_assert_int_eq(count(&blocks), 0);
    trigrams_clear(t);
    blocks = find(t, "example");
    ck_assert_int_eq(count(&blocks), 0);
}
END_TEST

START_TEST(short_texts)
{
    int buckets[8];

    ck_assert_int_eq(trigrams_of("", buckets, 8), 0);
    ck_assert_int_eq(trigrams_of("ab", buckets, 8), 0);
    ck_assert_int_eq(trigrams_of("abc", buckets, 8), 1);
    ck_assert_int_eq(trigrams_of("aaaaaa", buckets, 8), 1);
    ck_assert_int_eq(trigrams_of("the quick brown fox jumps over the lazy dog", buckets, 8), 8);
}
END_TEST

/* Whatever blocks a bucket has, few or many, as list or as bits: exactly these are read again. */
START_TEST(kept)
{
    uint64_t state = 1;
    int round, i, block;

    for (round = 0; round < 200; round++) {
        trigrams_t *t = trigrams_make(unit_pool);
        unsigned char wanted[TRIGRAMS_BLOCKS] = { 0 };
        trigrams_blocks_t blocks;
        const uint64_t one_in = 1 + unit_random(&state) % (round % 2 ? 4 : 300);

        for (block = 0; block < TRIGRAMS_BLOCKS; block++) {
            wanted[block] = unit_random(&state) % one_in == 0;
            add(t, block, wanted[block] ? "abc" : "");
        }
        blocks = find(t, "abc");
        for (i = 0; i < TRIGRAMS_BLOCKS; i++) {
            UNIT_CHECK(trigrams_has(&blocks, i) == wanted[i]);
        }
        apr_pool_clear(unit_pool);
    }
}
END_TEST

/* All buckets with all blocks: each slice is as long as there is any. */
START_TEST(longest)
{
    trigrams_t *t = trigrams_make(unit_pool);
    static char of[TRIGRAMS_BUCKETS][4];
    uint64_t state = 2;
    int i, block, left = TRIGRAMS_BUCKETS, bucket;

    while (left) {
        char text[4] = { (char)(1 + unit_random(&state) % 255), (char)(1 + unit_random(&state) % 255),
                         (char)(1 + unit_random(&state) % 255), '\0' };
        trigrams_of(text, &bucket, 1);
        left -= !*of[bucket];
        memcpy(of[bucket], text, 4);
    }
    for (block = 0; block < TRIGRAMS_BLOCKS; block++) {
        for (i = 0; i < TRIGRAMS_BUCKETS; i++) {
            trigrams_add(t, block, of[i], 3);
        }
    }
    for (i = 0; i < TRIGRAMS_SLICES; i++) {
        trigrams_blocks_t blocks = all();
        trigrams_narrow(&blocks, trigrams_slice(t, i, unit_pool), i * TRIGRAMS_IN_SLICE + TRIGRAMS_IN_SLICE - 1);
        UNIT_CHECK(count(&blocks) == TRIGRAMS_BLOCKS);
    }
}
END_TEST

/* What cannot be read takes nothing away: a row too many is read, none is missed. */
START_TEST(damaged)
{
    static const char *const texts[] = { "!", "AAE", "AAEA", "QAEAAA==", "AAECAA==", "AAD/", NULL };
    uint64_t state = 3;
    int i, j;

    for (i = 0; texts[i]; i++) {
        trigrams_blocks_t blocks = all();
        trigrams_narrow(&blocks, texts[i], 0);
        ck_assert_msg(count(&blocks) == TRIGRAMS_BLOCKS, "%s", texts[i]);
    }
    for (i = 0; i < 20000; i++) {
        trigrams_blocks_t blocks = all();
        char text[400];
        int len = (int)(unit_random(&state) % 399);
        for (j = 0; j < len; j++) {
            text[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="[unit_random(&state) % 65];
        }
        text[len] = '\0';
        trigrams_narrow(&blocks, text, (int)(unit_random(&state) % TRIGRAMS_BUCKETS));
    }
}
END_TEST

Suite *suite_audits_trigrams(void)
{
    TCase *tc;
    Suite *s = unit_suite("audits_trigrams", 60, &tc);

    tcase_add_test(tc, found);
    tcase_add_test(tc, short_texts);
    tcase_add_test(tc, kept);
    tcase_add_test(tc, longest);
    tcase_add_test(tc, damaged);
    return s;
}
