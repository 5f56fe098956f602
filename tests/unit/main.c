/*
 * Runs all suites of suites.h, or those whose name contains $K; Check's own CK_RUN_SUITE, CK_RUN_CASE and CK_FORK
 * work as documented. Exits with 1 when a test failed and with 2 when K selects nothing, so that a typing mistake
 * is not taken for success.
 */

#include "unit.h"

#include <stdio.h>

#define SUITE(name) Suite *suite_##name(void);
#include "suites.h"
#undef SUITE

static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define SUITE(name) { #name, suite_##name },
#include "suites.h"
#undef SUITE
};

apr_pool_t *unit_pool;

static void setup(void)
{
    ck_assert_int_eq(apr_pool_create(&unit_pool, NULL), APR_SUCCESS);
}

static void teardown(void)
{
    apr_pool_destroy(unit_pool);
}

Suite *unit_suite(const char *name, double seconds, TCase **tc)
{
    Suite *suite = suite_create(name);
    *tc = tcase_create(name);
    tcase_add_checked_fixture(*tc, setup, teardown);
    tcase_set_timeout(*tc, seconds);
    suite_add_tcase(suite, *tc);
    return suite;
}

uint64_t unit_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

int main(void)
{
    const char *wanted = getenv("K");
    SRunner *runner = srunner_create(NULL);
    int chosen = 0;

    apr_initialize();
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (wanted == NULL || strstr(suites[i].name, wanted) != NULL) {
            srunner_add_suite(runner, suites[i].make());
            chosen++;
        }
    }
    if (chosen == 0) {
        fprintf(stderr, "no suite of unit tests has \"%s\" in its name\n", wanted);
        srunner_free(runner);
        apr_terminate();
        return 2;
    }
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return failed > 0 || run == 0 ? 1 : 0;
}
