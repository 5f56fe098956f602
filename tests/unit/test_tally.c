/* Tallies and rosters: nothing counted is lost, whatever threads and processes count, and nothing lies elsewhere. */

#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/roster.h"
#include "core/tally.h"

#define THREADS 8
#define ROUNDS 20000

/* Shared with children, and full of rubbish. */
static void *shared(size_t size)
{
    void *memory = mmap(NULL, size + 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    memset(memory, 0xa5, size + 64);
    return memory;
}

START_TEST(cells_are_apart)
{
    for (unsigned cells = 1; cells <= 40; cells++) {
        size_t size = saas_tally_size(cells);
        unsigned char *memory = shared(size);
        saas_tally_t *tally = saas_tally_init(memory, cells);
        ck_assert_uint_eq(size % 64, 0);
        for (unsigned i = 0; i < cells; i++) {
            UNIT_CHECK(saas_tally_total(tally, i) == 0);
        }
        for (unsigned i = 0; i < cells; i++) {
            saas_tally_add(tally, i, i + 1);
            saas_tally_add(tally, i, 0);
        }
        saas_tally_add(tally, cells, 7);
        saas_tally_add(tally, UINT32_MAX, 7);
        for (unsigned i = 0; i < cells; i++) {
            UNIT_CHECK(saas_tally_total(tally, i) == i + 1);
        }
        UNIT_CHECK(saas_tally_total(tally, cells) == 0 && saas_tally_total(tally, UINT32_MAX) == 0);
        for (size_t i = 0; i < 64; i++) {
            UNIT_CHECK(memory[size + i] == 0xa5);
        }
        munmap(memory, size + 64);
    }
}
END_TEST

START_TEST(large_amounts)
{
    saas_tally_t *tally = saas_tally_init(shared(saas_tally_size(1)), 1);
    saas_tally_add(tally, 0, UINT64_C(1) << 40);
    saas_tally_add(tally, 0, UINT64_C(1) << 40);
    ck_assert_uint_eq(saas_tally_total(tally, 0), UINT64_C(1) << 41);
}
END_TEST

typedef struct {
    saas_tally_t *tally;
    saas_roster_t *roster;
    int number;
} worker_t;

static void *work(void *baton)
{
    const worker_t *worker = baton;
    for (int i = 0; i < ROUNDS; i++) {
        char name[16];
        saas_tally_add(worker->tally, (unsigned)i % 10, 1);
        if (worker->roster && i % 10 == 0) {
            snprintf(name, sizeof(name), "name-%d", (i / 10 + worker->number) % 5);
            saas_roster_add(worker->roster, name);
        }
    }
    return NULL;
}

static void work_in_threads(saas_tally_t *tally, saas_roster_t *roster)
{
    pthread_t threads[THREADS];
    worker_t workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){ tally, roster, i };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

typedef struct {
    int names;
    uint64_t sum, other;
    char seen[64][SAAS_ROSTER_NAME_MAX + 1];
} listing_t;

static void list(void *baton, const char *name, uint64_t count)
{
    listing_t *listing = baton;
    for (int i = 0; i < listing->names; i++) {
        UNIT_CHECK(strcmp(listing->seen[i], name) != 0);
    }
    strcpy(listing->seen[listing->names++], name);
    listing->sum += count;
    if (!strcmp(name, SAAS_ROSTER_OTHER)) {
        listing->other = count;
    }
}

static listing_t listing_of(const saas_roster_t *roster)
{
    listing_t listing;
    memset(&listing, 0, sizeof(listing));
    saas_roster_each(roster, list, &listing);
    return listing;
}

START_TEST(threads_of_processes)
{
    saas_tally_t *tally = saas_tally_init(shared(saas_tally_size(10)), 10);
    saas_roster_t *roster = saas_roster_init(shared(saas_roster_size()));
    listing_t listing;
    for (int i = 0; i < 3; i++) {
        if (!fork()) {
            work_in_threads(tally, roster);
            _exit(0);
        }
    }
    work_in_threads(tally, roster);
    for (int i = 0; i < 3; i++) {
        int status;
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_eq(saas_tally_total(tally, i), 4 * THREADS * ROUNDS / 10);
    }
    listing = listing_of(roster);
    ck_assert_int_eq(listing.names, 5);
    ck_assert_uint_eq(listing.sum, 4 * THREADS * ROUNDS / 10);
}
END_TEST

START_TEST(a_child_that_dies_leaves_what_it_counted)
{
    saas_tally_t *tally = saas_tally_init(shared(saas_tally_size(2)), 2);
    int status;
    if (!fork()) {
        saas_tally_add(tally, 1, 3);
        raise(SIGKILL);
    }
    wait(&status);
    ck_assert(WIFSIGNALED(status));
    saas_tally_add(tally, 1, 1);
    ck_assert_uint_eq(saas_tally_total(tally, 1), 4);
}
END_TEST

START_TEST(names_are_bounded)
{
    unsigned char *memory = shared(saas_roster_size());
    saas_roster_t *roster = saas_roster_init(memory);
    listing_t listing = listing_of(roster);
    ck_assert_int_eq(listing.names, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++) {
            saas_roster_add(roster, apr_psprintf(unit_pool, "name_%d", i));
        }
    }
    listing = listing_of(roster);
    ck_assert_int_eq(listing.names, SAAS_ROSTER_NAMES + 1);
    ck_assert_uint_eq(listing.sum, 200);
    ck_assert_uint_eq(listing.other, 2 * (100 - SAAS_ROSTER_NAMES));
    for (size_t i = 0; i < 64; i++) {
        UNIT_CHECK(memory[saas_roster_size() + i] == 0xa5);
    }
}
END_TEST

START_TEST(what_is_no_name_is_other)
{
    static const char *const none[] = { "", "A", "a b", "a\"", "a\n", "ü", "a{b}", "other",
                                        "a23456789012345678901234567890123456789012345678" };
    saas_roster_t *roster = saas_roster_init(shared(saas_roster_size()));
    listing_t listing;
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        saas_roster_add(roster, none[i]);
    }
    saas_roster_add(roster, "a2345678901234567890123456789012345678901234567");
    listing = listing_of(roster);
    ck_assert_int_eq(listing.names, 2);
    ck_assert_uint_eq(listing.other, sizeof(none) / sizeof(*none));
    ck_assert_uint_eq(listing.sum, listing.other + 1);
}
END_TEST

Suite *suite_tally(void)
{
    TCase *tc;
    Suite *suite = unit_suite("tally", 60, &tc);
    tcase_add_test(tc, cells_are_apart);
    tcase_add_test(tc, large_amounts);
    tcase_add_test(tc, threads_of_processes);
    tcase_add_test(tc, a_child_that_dies_leaves_what_it_counted);
    tcase_add_test(tc, names_are_bounded);
    tcase_add_test(tc, what_is_no_name_is_other);
    return suite;
}
