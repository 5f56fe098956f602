#ifndef UNIT_H
#define UNIT_H

/*
 * What every file of unit tests needs: Check, APR, a pool of its own for each test and a random source that can be
 * repeated.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <check.h>

/** The running test's pool, made by unit_setup and destroyed by unit_teardown. */
extern apr_pool_t *unit_pool;

/** A suite of one test case that has the pool and the time it may take; tests are added to *tc. */
Suite *unit_suite(const char *name, double seconds, TCase **tc);

/** The next number of a fixed sequence (xorshift64*), seeded by each test: a failure repeats itself. */
uint64_t unit_random(uint64_t *state);

/** For loops of many thousand rounds: Check writes to its pipe at each assertion, here only at one that fails. */
#define UNIT_CHECK(condition)                             \
    do {                                                  \
        if (!(condition)) {                               \
            ck_abort_msg("round failed: %s", #condition); \
        }                                                 \
    } while (0)

#endif
