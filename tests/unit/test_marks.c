/* Marks: what a change voids and what it does not, and the invariant under threads. */

#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/marks.h"

static saas_marks_t *make(size_t marks)
{
    void *memory = aligned_alloc(64, (saas_marks_size(marks) + 63) / 64 * 64);
    memset(memory, 0xff, saas_marks_size(marks));
    return saas_marks_init(memory, marks);
}

START_TEST(a_change_voids_what_was_read_before_it)
{
    saas_marks_t *m = make(1024);
    uint32_t a = saas_marks_of(m, "a"), b = saas_marks_of(m, "b"), both[] = { a, b };
    uint64_t before = saas_marks_now(m), after;
    ck_assert_uint_ne(a, b);
    ck_assert_uint_ge(before, 1);
    ck_assert(saas_marks_good(m, before, both, 2));
    saas_marks_change(m, a);
    after = saas_marks_now(m);
    ck_assert(!saas_marks_good(m, before, both, 2));
    ck_assert(!saas_marks_good(m, before, &a, 1));
    ck_assert(saas_marks_good(m, before, &b, 1));
    ck_assert(saas_marks_good(m, after, both, 2));
    saas_marks_change_all(m);
    ck_assert(!saas_marks_good(m, after, &b, 1));
    ck_assert(!saas_marks_good(m, after, NULL, 0));
    ck_assert(saas_marks_good(m, saas_marks_now(m), both, 2));
    free(m);
}
END_TEST

START_TEST(marks_stay_within_their_memory)
{
    saas_marks_t *m = make(16);
    for (int i = 0; i < 10000; i++) {
        UNIT_CHECK(saas_marks_of(m, apr_psprintf(unit_pool, "%d", i)) < 16);
    }
    saas_marks_change(m, UINT32_MAX);
    ck_assert(!saas_marks_good(m, 1, &(uint32_t){ 15 }, 1));
    free(m);
}
END_TEST

START_TEST(subjects_are_spread)
{
    saas_marks_t *m = make(65536);
    unsigned char *seen = apr_pcalloc(unit_pool, 65536);
    int different = 0;
    for (int i = 0; i < 10000; i++) {
        uint32_t mark = saas_marks_of(m, apr_psprintf(unit_pool, "01890a5d-ac96-774b-bcce-b302099a%04x", i));
        different += !seen[mark];
        seen[mark] = 1;
    }
    /* Thrown at random, 10,000 of 65,536 hit about 9,270 different ones. */
    ck_assert_int_gt(different, 9000);
    free(m);
}
END_TEST

/* A "database" of one number. The writer changes it and then marks; readers copy it, and a copy that is good after a
 * marking was done shows at least that number. */
static saas_marks_t *shared;
static _Atomic uint64_t data, announced;
static atomic_int over;

static void *change(void *mark)
{
    for (uint64_t i = 1; i <= 200000; i++) {
        atomic_store(&data, i);
        saas_marks_change(shared, *(uint32_t *)mark);
        atomic_store(&announced, i);
    }
    atomic_store(&over, 1);
    return NULL;
}

static void *keep_copies(void *mark)
{
    uint64_t stale = 0;
    while (!atomic_load(&over)) {
        uint64_t since = saas_marks_now(shared), copy = atomic_load(&data);
        for (int i = 0; i < 4; i++) {
            uint64_t told = atomic_load(&announced);
            if (saas_marks_good(shared, since, mark, 1) && copy < told) {
                stale++;
            }
        }
    }
    return (void *)(uintptr_t)stale;
}

START_TEST(no_good_copy_is_stale)
{
    uint32_t mark = 5;
    pthread_t writer, readers[2];
    void *stale;
    shared = make(64);
    pthread_create(&readers[0], NULL, keep_copies, &mark);
    pthread_create(&readers[1], NULL, keep_copies, &mark);
    pthread_create(&writer, NULL, change, &mark);
    pthread_join(writer, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(readers[i], &stale);
        ck_assert_ptr_null(stale);
    }
    free(shared);
}
END_TEST

Suite *suite_marks(void)
{
    TCase *tc;
    Suite *s = unit_suite("marks", 60, &tc);
    tcase_add_test(tc, a_change_voids_what_was_read_before_it);
    tcase_add_test(tc, marks_stay_within_their_memory);
    tcase_add_test(tc, subjects_are_spread);
    tcase_add_test(tc, no_good_copy_is_stale);
    return s;
}
