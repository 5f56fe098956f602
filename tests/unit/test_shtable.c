/* The shared table: what is read is what was written, eviction, killed and late writers, races. */

#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/shtable.h"

#define ENTRY 1536
#define HEAD 64

static uint64_t buffer[SAAS_SHTABLE_ROOM / sizeof(uint64_t)];

/* Room in a buffer of SAAS_SHTABLE_ROOM bytes.  Called by threads and by children that are killed, too, which have no voice of
 * their own: what they say at once, or half, Check cannot read. */
static void *in_buffer(void *to, size_t bytes)
{
    UNIT_CHECK(bytes <= SAAS_SHTABLE_ROOM);
    return to;
}

static saas_shtable_bytes_t text(const char *s)
{
    return (saas_shtable_bytes_t){ s, strlen(s) };
}

static saas_shtable_t *make_in(void *memory, size_t bytes)
{
    saas_shtable_t *t;
    memset(memory, 0xff, bytes);
    ck_assert_int_eq(saas_shtable_init(memory, bytes, &t), APR_SUCCESS);
    return t;
}

static saas_shtable_t *make(size_t sets)
{
    size_t bytes = HEAD + sets * 8 * ENTRY;
    return make_in(aligned_alloc(64, bytes), bytes);
}

static void put(saas_shtable_t *t, const char *key, const char *value, uint32_t now)
{
    int evicted;
    ck_assert_int_eq(saas_shtable_put(t, text(key), text(value), now, &evicted), APR_SUCCESS);
}

/* The value, or NULL. */
static const char *get(saas_shtable_t *t, const char *key, uint32_t now)
{
    saas_shtable_bytes_t value;
    saas_shtable_handle_t handle;
    return saas_shtable_get(t, text(key), now, in_buffer, buffer, &value, &handle) == APR_SUCCESS
               ? apr_pstrmemdup(unit_pool, value.data, value.len)
               : NULL;
}

START_TEST(what_is_put_is_got)
{
    saas_shtable_t *t = make(64);
    char key[SAAS_SHTABLE_ROOM], value[SAAS_SHTABLE_ROOM];
    ck_assert_ptr_null(get(t, "a", 1));
    put(t, "a", "first", 1);
    put(t, "ab", "", 1);
    put(t, "a", "second, longer than a word", 2);
    ck_assert_str_eq(get(t, "a", 2), "second, longer than a word");
    ck_assert_str_eq(get(t, "ab", 2), "");
    ck_assert_ptr_null(get(t, "abc", 2));
    /* Every length of key and value around the word. */
    for (size_t k = 1; k < 40; k++) {
        for (size_t v = 0; v < 40; v++) {
            memset(key, 'k', k);
            memset(value, 'v', v);
            key[k] = value[v] = 0;
            put(t, key, value, 3);
            const char *got = get(t, key, 3);
            UNIT_CHECK(got && !strcmp(got, value));
        }
    }
    free(t);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    saas_shtable_t *t = make(1);
    char big[SAAS_SHTABLE_ROOM + 1];
    int evicted;
    memset(big, 'x', sizeof(big));
    saas_shtable_bytes_t most = { big, SAAS_SHTABLE_ROOM - 8 }, more = { big, SAAS_SHTABLE_ROOM - 7 };
    ck_assert_int_eq(saas_shtable_put(t, text("k"), most, 1, &evicted), APR_SUCCESS);
    ck_assert_int_eq(saas_shtable_put(t, text("k"), more, 1, &evicted), APR_ENOSPC);
    ck_assert_int_eq(saas_shtable_put(t, text(""), text("v"), 1, &evicted), APR_ENOSPC);
    ck_assert_int_eq(saas_shtable_put(t, most, text("v"), 1, &evicted), APR_SUCCESS);
    ck_assert_int_eq(saas_shtable_put(t, most, text("123456789"), 1, &evicted), APR_ENOSPC);
    ck_assert_int_eq(saas_shtable_put(t, (saas_shtable_bytes_t){ big, SIZE_MAX }, text("v"), 1, &evicted), APR_ENOSPC);
    free(t);

    saas_shtable_t *none;
    void *memory = aligned_alloc(64, 65536);
    ck_assert_int_eq(saas_shtable_init(memory, saas_shtable_least() - 1, &none), APR_ENOMEM);
    ck_assert_int_eq(saas_shtable_init((char *)memory + 8, 60000, &none), APR_EINVAL);
    ck_assert_int_eq(saas_shtable_init(memory, saas_shtable_least(), &none), APR_SUCCESS);
    ck_assert_uint_eq(saas_shtable_entries(none), 8);
    free(memory);
}
END_TEST

START_TEST(the_longest_unused_goes)
{
    saas_shtable_t *t = make(1);
    int evicted;
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(saas_shtable_put(t, text(apr_itoa(unit_pool, i)), text("v"), 10 + (uint32_t)i, &evicted), APR_SUCCESS);
        ck_assert_int_eq(evicted, 0);
    }
    ck_assert_str_eq(get(t, "0", 30), "v"); /* used: now 1 is the oldest */
    ck_assert_int_eq(saas_shtable_put(t, text("new"), text("v"), 31, &evicted), APR_SUCCESS);
    ck_assert_int_eq(evicted, 1);
    ck_assert_ptr_null(get(t, "1", 31));
    ck_assert_str_eq(get(t, "0", 31), "v");
    ck_assert_str_eq(get(t, "new", 31), "v");
    ck_assert_int_eq(saas_shtable_put(t, text("new"), text("w"), 32, &evicted), APR_SUCCESS);
    ck_assert_int_eq(evicted, 0);
    free(t);
}
END_TEST

START_TEST(one_of_two_replaces)
{
    saas_shtable_t *t = make(4);
    saas_shtable_bytes_t value;
    saas_shtable_handle_t one, two;
    put(t, "k", "v", 1);
    ck_assert_int_eq(saas_shtable_get(t, text("k"), 1, in_buffer, buffer, &value, &one), APR_SUCCESS);
    ck_assert_int_eq(saas_shtable_get(t, text("k"), 1, in_buffer, buffer, &value, &two), APR_SUCCESS);
    ck_assert_int_eq(saas_shtable_replace(t, &one, text("k"), text("1"), 1), APR_SUCCESS);
    ck_assert_int_eq(saas_shtable_replace(t, &two, text("k"), text("2"), 1), APR_EBUSY);
    ck_assert_str_eq(get(t, "k", 1), "1");
    free(t);
}
END_TEST

START_TEST(a_flipped_bit_is_found_out)
{
    saas_shtable_t *t = make(1);
    unsigned char *bytes = (unsigned char *)t;
    put(t, "key", "value that counts", 1);
    ck_assert_ptr_nonnull(get(t, "key", 1));
    for (size_t i = HEAD; i < HEAD + 8 * ENTRY; i++) {
        if (bytes[i] == 'u') { /* of the value */
            bytes[i] ^= 1;
        }
    }
    ck_assert_ptr_null(get(t, "key", 1));
    free(t);
}
END_TEST

/* The version word of the only entry in use. */
static _Atomic uint64_t *version_of_used(saas_shtable_t *t)
{
    for (int i = 0; i < 8; i++) {
        _Atomic uint64_t *entry = (_Atomic uint64_t *)((char *)t + HEAD + i * ENTRY);
        if (entry[1]) {
            return entry;
        }
    }
    return NULL;
}

START_TEST(an_abandoned_entry_is_taken_over)
{
    saas_shtable_t *t = make(1);
    int evicted;
    put(t, "k", "v", 100);
    _Atomic uint64_t *version = version_of_used(t);
    atomic_fetch_or(version, 1); /* as a writer that was killed leaves it */
    ck_assert_ptr_null(get(t, "k", 100));
    ck_assert_int_eq(saas_shtable_put(t, text("k"), text("w"), 100, &evicted), APR_EBUSY);
    ck_assert_int_eq(saas_shtable_put(t, text("k"), text("w"), 101, &evicted), APR_EBUSY);
    ck_assert_int_eq(saas_shtable_put(t, text("k"), text("w"), 102, &evicted), APR_SUCCESS);
    ck_assert_str_eq(get(t, "k", 102), "w");
    free(t);
}
END_TEST

/* Values that say of which key they are, again and again. */
static void fill(char *to, size_t len, unsigned key, unsigned n)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        memcpy(to + i, &key, 4);
        memcpy(to + i + 4, &n, 4);
    }
}

static int whole(const unsigned char *value, size_t len, unsigned key)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        if (memcmp(value + i, value, 8)) {
            return 0;
        }
    }
    return !memcmp(value, &key, 4);
}

/* Somebody has read a value that nobody wrote. */
static atomic_int torn;

static unsigned work(saas_shtable_t *t, uint64_t seed, int rounds)
{
    uint64_t own[SAAS_SHTABLE_ROOM / sizeof(uint64_t)], random = seed;
    unsigned hits = 0;
    for (int i = 0; i < rounds && !torn; i++) {
        unsigned key = (unsigned)(unit_random(&random) % 40);
        saas_shtable_bytes_t k = { &key, sizeof(key) }, v;
        saas_shtable_handle_t handle;
        if (unit_random(&random) % 3) {
            if (saas_shtable_get(t, k, (uint32_t)i / 1000, in_buffer, own, &v, &handle) == APR_SUCCESS) {
                torn |= !whole(v.data, v.len, key);
                hits++;
            }
        }
        else {
            char value[1024];
            size_t len = 8 + unit_random(&random) % 120 * 8;
            int evicted;
            fill(value, len, key, (unsigned)i);
            saas_shtable_put(t, k, (saas_shtable_bytes_t){ value, len }, (uint32_t)i / 1000, &evicted);
        }
    }
    return hits;
}

static void *worker(void *t)
{
    static atomic_int number;
    return (void *)(uintptr_t)work(t, 77 + (uint64_t)atomic_fetch_add(&number, 1), 60000);
}

START_TEST(no_torn_value_is_ever_read)
{
    saas_shtable_t *t = make(2);
    pthread_t threads[4];
    void *hits;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, worker, t);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &hits);
        ck_assert_ptr_nonnull(hits);
    }
    ck_assert(!torn);
    free(t);
}
END_TEST

START_TEST(killed_processes_leave_a_table_that_works)
{
    size_t bytes = HEAD + 2 * 8 * ENTRY;
    saas_shtable_t *t = make_in(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), bytes);
    for (int i = 0; i < 60; i++) {
        int status;
        pid_t child = fork();
        if (!child) {
            work(t, (uint64_t)i + 1, 1 << 30);
            _exit(1);
        }
        usleep(3000);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert_msg(WIFSIGNALED(status), "a child has read a torn value");
        ck_assert_uint_gt(work(t, 1000 + (uint64_t)i, 1000), 0);
        ck_assert(!torn);
    }
    for (unsigned key = 0; key < 4; key++) {
        int evicted;
        saas_shtable_bytes_t k = { &key, sizeof(key) };
        ck_assert_int_eq(saas_shtable_put(t, k, text("value"), UINT32_C(2000000000), &evicted), APR_SUCCESS);
    }
    munmap(t, bytes);
}
END_TEST

Suite *suite_shtable(void)
{
    TCase *tc;
    Suite *s = unit_suite("shtable", 60, &tc);
    tcase_add_test(tc, what_is_put_is_got);
    tcase_add_test(tc, what_does_not_fit_is_refused);
    tcase_add_test(tc, the_longest_unused_goes);
    tcase_add_test(tc, one_of_two_replaces);
    tcase_add_test(tc, a_flipped_bit_is_found_out);
    tcase_add_test(tc, an_abandoned_entry_is_taken_over);
    tcase_add_test(tc, no_torn_value_is_ever_read);
    tcase_add_test(tc, killed_processes_leave_a_table_that_works);
    return s;
}
