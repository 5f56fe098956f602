/* The throttle's table: limits, sliding, eviction, races. */

#include "unit.h"

#include <pthread.h>

#include "core/slots.h"

#define SEC APR_USEC_PER_SEC
#define WINDOW (60 * SEC)
/* The beginning of a window. */
#define START (INT64_C(29922141) * WINDOW)

static saas_slots_t *make(size_t keys, apr_interval_time_t window)
{
    saas_slots_t *slots;
    void *memory = aligned_alloc(64, saas_slots_size(keys));
    memset(memory, 0xff, saas_slots_size(keys));
    ck_assert_int_eq(saas_slots_init(memory, keys, window, &slots), APR_SUCCESS);
    ck_assert_ptr_eq(slots, memory);
    return slots;
}

START_TEST(fixed_window)
{
    saas_slots_t *s = make(100, WINDOW);
    uint64_t key = saas_slots_key(s, "login", "a"), other = saas_slots_key(s, "login", "b");

    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(saas_slots_peek(s, key, 5, START), 0);
        ck_assert_uint_eq(saas_slots_hit(s, key, 5, START), 0);
    }
    ck_assert_uint_gt(saas_slots_peek(s, key, 5, START), 0);
    unsigned wait = saas_slots_hit(s, key, 5, START);
    /* In the next window these five weigh 5 * (60 - t) / 60; four must be left: t = 12. */
    ck_assert_uint_eq(wait, 72);
    ck_assert_uint_gt(saas_slots_hit(s, key, 5, START + 71 * SEC), 0);
    ck_assert_uint_eq(saas_slots_hit(s, key, 5, START + 72 * SEC), 0);
    ck_assert_uint_gt(saas_slots_hit(s, key, 5, START + 72 * SEC), 0);
    ck_assert_uint_eq(saas_slots_hit(s, other, 5, START), 0);

    saas_slots_clear(s, key);
    ck_assert_uint_eq(saas_slots_peek(s, key, 1, START + 72 * SEC), 0);
    ck_assert_uint_gt(saas_slots_peek(s, other, 1, START), 0);
    saas_slots_clear(s, key);
    free(s);
}
END_TEST

START_TEST(edges)
{
    saas_slots_t *s = make(1, WINDOW);
    uint64_t key = saas_slots_key(s, "login", "a");

    ck_assert_uint_eq(saas_slots_hit(s, key, 0, START), 60);
    ck_assert_uint_eq(saas_slots_hit(s, key, 1, START + WINDOW - 1), 0);
    /* One attempt a window: the next when the one before has wholly faded. */
    ck_assert_uint_eq(saas_slots_hit(s, key, 1, START + WINDOW - 1), 61);
    ck_assert_uint_gt(saas_slots_hit(s, key, 1, START + 2 * WINDOW - 1), 0);
    ck_assert_uint_eq(saas_slots_hit(s, key, 1, START + 2 * WINDOW), 0);
    /* Long ago is nothing. */
    ck_assert_uint_eq(saas_slots_hit(s, key, 1, START + 100 * WINDOW), 0);

    /* More than can be counted is cut, not wrapped. */
    uint64_t busy = saas_slots_key(s, "login", "busy");
    for (int i = 0; i < SAAS_SLOTS_LIMIT_MAX; i++) {
        ck_assert_uint_eq(saas_slots_hit(s, busy, UINT32_MAX, START), 0);
    }
    ck_assert_uint_gt(saas_slots_hit(s, busy, UINT32_MAX, START), 0);
    ck_assert_uint_gt(saas_slots_hit(s, busy, SAAS_SLOTS_LIMIT_MAX, START), 0);

    /* Key 0 and keys that differ in the bucket's bits only. */
    ck_assert_uint_eq(saas_slots_hit(s, 0, 1, START), 0);
    ck_assert_uint_gt(saas_slots_hit(s, 0, 1, START), 0);
    free(s);
}
END_TEST

START_TEST(clock_steps)
{
    saas_slots_t *s = make(64, WINDOW);
    uint64_t key = saas_slots_key(s, "login", "a");

    /* Two callers on both sides of a boundary are in one window. */
    ck_assert_uint_eq(saas_slots_hit(s, key, 2, START), 0);
    ck_assert_uint_eq(saas_slots_hit(s, key, 2, START - 1), 0);
    ck_assert_uint_gt(saas_slots_hit(s, key, 2, START - 1), 0);
    ck_assert_uint_gt(saas_slots_hit(s, key, 2, START), 0);
    /* A clock set back by hours does not lock anybody out until it is back. */
    ck_assert_uint_eq(saas_slots_hit(s, key, 2, START - 100 * WINDOW), 0);
    free(s);
}
END_TEST

START_TEST(bad_tables)
{
    saas_slots_t *s;
    char *memory = aligned_alloc(64, saas_slots_size(64) + 64);
    ck_assert_int_eq(saas_slots_init(memory + 8, 64, WINDOW, &s), APR_EINVAL);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(saas_slots_init(memory, 64, SEC - 1, &s), APR_EINVAL);
    ck_assert_int_eq(saas_slots_init(memory, 64, 0, &s), APR_EINVAL);
    ck_assert_int_eq(saas_slots_init(memory, 64, 86401 * SEC, &s), APR_EINVAL);
    ck_assert_int_eq(saas_slots_init(memory, 64, 86400 * SEC, &s), APR_SUCCESS);
    ck_assert_uint_eq(saas_slots_size(0), saas_slots_size(64));
    ck_assert_uint_eq(saas_slots_size(64), 64 + 64 * 8);
    ck_assert_uint_eq(saas_slots_size(65), 64 + 128 * 8);
    free(memory);
}
END_TEST

START_TEST(keys)
{
    saas_slots_t *s = make(64, WINDOW), *t = make(64, WINDOW);
    ck_assert_uint_eq(saas_slots_key(s, "r", "x"), saas_slots_key(s, "r", "x"));
    ck_assert_uint_ne(saas_slots_key(s, "r", "x"), saas_slots_key(t, "r", "x"));
    ck_assert_uint_ne(saas_slots_key(s, "r", "xy"), saas_slots_key(s, "rx", "y"));
    ck_assert_uint_ne(saas_slots_key(s, "", "x"), saas_slots_key(s, "x", ""));
    free(s);
    free(t);
}
END_TEST

START_TEST(eviction)
{
    /* One key under attack keeps its count while ten thousand others pass through. */
    saas_slots_t *s = make(64, WINDOW);
    uint64_t hot = saas_slots_key(s, "login", "victim@example.com");
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(saas_slots_hit(s, hot, 10, START), 0);
    }
    for (int i = 0; i < 10000; i++) {
        saas_slots_hit(s, saas_slots_key(s, "login", apr_itoa(unit_pool, i)), 10, START + i);
    }
    ck_assert_uint_gt(saas_slots_hit(s, hot, 10, START + SEC), 0);

    /* Later, the oldest goes first: after two windows eight new keys of its bucket take its place. */
    for (uint64_t i = 1; i <= 8; i++) {
        ck_assert_uint_eq(saas_slots_hit(s, hot ^ i << 40, 1, START + 2 * WINDOW), 0);
    }
    for (uint64_t i = 1; i <= 8; i++) {
        ck_assert_uint_gt(saas_slots_hit(s, hot ^ i << 40, 1, START + 2 * WINDOW), 0);
    }
    free(s);
}
END_TEST

typedef struct {
    saas_slots_t *slots;
    uint64_t key;
    unsigned allowed;
} racer_t;

static void *race(void *data)
{
    racer_t *racer = data;
    for (int i = 0; i < 20000; i++) {
        racer->allowed += saas_slots_hit(racer->slots, racer->key, 1000, START + i) == 0;
    }
    return NULL;
}

START_TEST(races)
{
    enum { RACERS = 8 };
    saas_slots_t *s = make(64, WINDOW);
    racer_t racers[RACERS];
    pthread_t threads[RACERS];
    unsigned allowed = 0;

    uint64_t key = saas_slots_key(s, "login", "a");
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer_t){ s, key, 0 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        allowed += racers[i].allowed;
    }
    ck_assert_uint_eq(allowed, 1000);
    free(s);
}
END_TEST

/* The true rule, kept in full: at most the limit, and after the promised wait one attempt is let through. */
START_TEST(promises)
{
    uint64_t state = 17;
    for (int round = 0; round < 300; round++) {
        saas_slots_t *s = make(64, WINDOW);
        unsigned limit = 1 + (unsigned)(unit_random(&state) % 12);
        apr_time_t now = START + (apr_time_t)(unit_random(&state) % WINDOW);
        for (int i = 0; i < 200; i++) {
            now += (apr_time_t)(unit_random(&state) % (10 * SEC));
            unsigned wait = saas_slots_peek(s, 42, limit, now);
            ck_assert_uint_eq(saas_slots_hit(s, 42, limit, now), wait);
            if (wait > 0) {
                ck_assert_uint_le(wait, 121);
                ck_assert_uint_gt(saas_slots_peek(s, 42, limit, now + (wait - 1) * SEC), 0);
                ck_assert_uint_eq(saas_slots_peek(s, 42, limit, now + wait * SEC), 0);
            }
        }
        free(s);
    }
}
END_TEST

Suite *suite_slots(void)
{
    TCase *tc;
    Suite *suite = unit_suite("slots", 60, &tc);
    tcase_add_test(tc, fixed_window);
    tcase_add_test(tc, edges);
    tcase_add_test(tc, clock_steps);
    tcase_add_test(tc, bad_tables);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, eviction);
    tcase_add_test(tc, races);
    tcase_add_test(tc, promises);
    return suite;
}
