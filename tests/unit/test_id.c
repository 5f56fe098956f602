/* UUIDv7: layout, order under threads, strict reading. */

#include "unit.h"

#include <pthread.h>
#include <time.h>

#include "core/id.h"

#define THREADS 8
#define EACH 12500 /* 100,000 in all */

static uint64_t hex(const char *s, int digits)
{
    char part[17];
    memcpy(part, s, (size_t)digits);
    part[digits] = '\0';
    return strtoull(part, NULL, 16);
}

START_TEST(layout)
{
    char id[SAAS_UUID_LEN + 1];
    struct timespec before, after;

    clock_gettime(CLOCK_REALTIME, &before);
    ck_assert_int_eq(saas_uuid7(id), APR_SUCCESS);
    clock_gettime(CLOCK_REALTIME, &after);

    ck_assert_uint_eq(strlen(id), SAAS_UUID_LEN);
    ck_assert(saas_uuid_is(id));
    ck_assert_int_eq(id[14], '7');
    ck_assert_ptr_nonnull(strchr("89ab", id[19]));
    for (const char *c = id; *c; c++) {
        ck_assert(*c < 'A' || *c > 'Z');
    }
    uint64_t ms = hex(id, 8) << 16 | hex(id + 9, 4);
    ck_assert_uint_ge(ms, (uint64_t)before.tv_sec * 1000 + (uint64_t)before.tv_nsec / 1000000);
    ck_assert_uint_le(ms, (uint64_t)after.tv_sec * 1000 + (uint64_t)after.tv_nsec / 1000000);
}
END_TEST

START_TEST(random_part)
{
    /* Every one of the 62 random bits is seen as 0 and as 1. */
    uint64_t zeros = 0, ones = 0;
    char id[SAAS_UUID_LEN + 1];
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(saas_uuid7(id), APR_SUCCESS);
        uint64_t bits = (hex(id + 19, 4) & 0x3fff) << 48 | hex(id + 24, 12);
        ones |= bits;
        zeros |= ~bits;
    }
    ck_assert_uint_eq(ones, (UINT64_C(1) << 62) - 1);
    ck_assert_uint_eq(zeros & ones, ones);
}
END_TEST

/* What a process has drawn is in each of its ids, and none of them is another's; before, each draws its own. */
START_TEST(of_process)
{
    char ids[3][SAAS_UUID_LEN + 1], own[2][SAAS_UUID_LEN + 1];
    ck_assert_int_eq(saas_uuid7_of_process(own[0]), APR_SUCCESS);
    ck_assert_int_eq(saas_uuid7_of_process(own[1]), APR_SUCCESS);
    ck_assert_str_ne(own[0] + 19, own[1] + 19);

    ck_assert_int_eq(saas_uuid7_process_init(), APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(saas_uuid7_of_process(ids[i]), APR_SUCCESS);
        ck_assert(saas_uuid_is(ids[i]));
        ck_assert_int_eq(ids[i][14], '7');
        ck_assert_str_eq(ids[i] + 19, ids[0] + 19);
        ck_assert(i == 0 || strncmp(ids[i - 1], ids[i], 18) < 0);
    }
    ck_assert_int_eq(saas_uuid7_process_init(), APR_SUCCESS);
    ck_assert_int_eq(saas_uuid7_of_process(own[0]), APR_SUCCESS);
    ck_assert_str_ne(own[0] + 19, ids[0] + 19);
    ck_assert_int_eq(saas_uuid7(own[0]), APR_SUCCESS);
    ck_assert_int_eq(saas_uuid7(own[1]), APR_SUCCESS);
    ck_assert_str_ne(own[0] + 19, own[1] + 19);
}
END_TEST

static void *make_ids(void *out)
{
    char(*ids)[SAAS_UUID_LEN + 1] = out;
    for (int i = 0; i < EACH; i++) {
        if (saas_uuid7(ids[i]) != APR_SUCCESS) {
            ids[i][0] = '\0';
        }
    }
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

START_TEST(order_in_threads)
{
    const size_t total = (size_t)THREADS * EACH;
    char(*ids)[SAAS_UUID_LEN + 1] = malloc(total * sizeof(*ids));
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_ids, ids + (size_t)i * EACH), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < total; i++) {
        UNIT_CHECK(strlen(ids[i]) == SAAS_UUID_LEN);
        if (i % EACH > 0) {
            UNIT_CHECK(strncmp(ids[i - 1], ids[i], 18) < 0);
        }
    }
    /* The timed part alone (18 characters) is unique in the process. */
    qsort(ids, total, sizeof(*ids), by_text);
    for (size_t i = 1; i < total; i++) {
        UNIT_CHECK(strncmp(ids[i - 1], ids[i], 18) < 0);
    }
    free(ids);
}
END_TEST

START_TEST(reading)
{
    static const char *const good[] = { "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                                        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "019379a0-3D7e-7b3c-8e2f-0123456789aB" };
    static const char *const bad[] = { "", "-", "0", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
                                       "00000000-0000-0000-0000-00000000000g", "{0000000-0000-0000-0000-000000000000}",
                                       "00000000000000000000000000000000", "0000000000000-0000-0000-000000000000",
                                       "00000000-0000-0000-00000-00000000000", " 0000000-0000-0000-0000-000000000000",
                                       "00000000-0000-0000-0000-00000000000\n", "00000000-0000-0000-0000-00000000000:",
                                       "00000000-0000-0000-0000-0000000000@0", "0000000/-0000-0000-0000-000000000000",
                                       "0000000`-0000-0000-0000-000000000000" };
    char out[SAAS_UUID_LEN + 1] = "untouched";

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(saas_uuid_is(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!saas_uuid_is(bad[i]), "%s", bad[i]);
        ck_assert_int_eq(saas_uuid_canonical(out, bad[i]), APR_EINVAL);
    }
    ck_assert(!saas_uuid_is(NULL));
    ck_assert_int_eq(saas_uuid_canonical(out, NULL), APR_EINVAL);
    ck_assert_str_eq(out, "untouched");
    ck_assert_int_eq(saas_uuid_canonical(out, good[3]), APR_SUCCESS);
    ck_assert_str_eq(out, "019379a0-3d7e-7b3c-8e2f-0123456789ab");
    ck_assert_int_eq(saas_uuid_canonical(out, out), APR_SUCCESS);
    ck_assert_str_eq(out, "019379a0-3d7e-7b3c-8e2f-0123456789ab");
}
END_TEST

START_TEST(named)
{
    char one[SAAS_UUID_LEN + 1], again[SAAS_UUID_LEN + 1], other[SAAS_UUID_LEN + 1];
    ck_assert_int_eq(saas_uuid_named(one, "saas job", "stripe.overdue"), APR_SUCCESS);
    ck_assert_int_eq(saas_uuid_named(again, "saas job", "stripe.overdue"), APR_SUCCESS);
    /* python3: hashlib.sha256(b"saas job\0stripe.overdue").hexdigest(), with version and variant put in. */
    ck_assert_str_eq(one, "a41a7810-3a41-83d0-b5a7-22cfb0ac0e66");
    ck_assert_str_eq(one, again);
    ck_assert(saas_uuid_is(one));
    ck_assert_int_eq(one[14], '8');
    ck_assert_ptr_nonnull(strchr("89ab", one[19]));
    ck_assert_int_eq(saas_uuid_named(other, "saas job", "stripe.weekly"), APR_SUCCESS);
    ck_assert_str_ne(one, other);
    ck_assert_int_eq(saas_uuid_named(other, "saas jobs", "tripe.overdue"), APR_SUCCESS);
    ck_assert_str_ne(one, other);
}
END_TEST

Suite *suite_id(void)
{
    TCase *tc;
    Suite *suite = unit_suite("id", 30, &tc);
    tcase_add_test(tc, layout);
    tcase_add_test(tc, random_part);
    tcase_add_test(tc, of_process);
    tcase_add_test(tc, order_in_threads);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, named);
    return suite;
}
