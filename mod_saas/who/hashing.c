/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Hashing passwords, so many at once: each one takes 32 MiB and a core for a
 * tenth of a second, and who knocks often enough must not get all of either.
 * Who waits in vain is told to come back (503), never let in and never told
 * that the password was wrong.
 */
#include "who.h"
#include "core/password.h"
#include "count/count.h"

#include <apr_atomic.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#define WAIT apr_time_from_sec(10)
#define SAY_EVERY apr_time_from_sec(5)

static struct {
    apr_thread_mutex_t *lock; /* NULL: could not be made, nothing is hashed */
    apr_thread_cond_t *freed;
    server_rec *server;
    int free; /* of them */
    apr_time_t said;
} hashers;

void saas_hashing_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_thread_mutex_t *lock;
    apr_status_t rv = apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild);

    hashers.server = s;
    hashers.free = saas_config_hashes_at_once(s);
    if (rv == APR_SUCCESS && (rv = apr_thread_cond_create(&hashers.freed, pchild)) == APR_SUCCESS) {
        hashers.lock = lock;
    }
    else {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1006",
                 "no lock for the hashing of passwords: this child answers 503 to log-ins");
    }
}

/* True when it shall be said that hashing is short of hashers; called locked. */
static int shall_say(void)
{
    apr_time_t now = apr_time_now();
    if (now - hashers.said < SAY_EVERY) {
        return 0;
    }
    hashers.said = now;
    return 1;
}

static apr_status_t enter(void)
{
    apr_time_t end = apr_time_now() + WAIT;
    apr_status_t rv = APR_SUCCESS;
    int say = 0;

    if (!hashers.lock || apr_thread_mutex_lock(hashers.lock) != APR_SUCCESS) {
        return SAAS_EUNAVAILABLE;
    }
    while (hashers.free <= 0 && rv == APR_SUCCESS) {
        apr_interval_time_t left = end - apr_time_now();
        if (left <= 0) {
            rv = SAAS_EUNAVAILABLE;
            say = shall_say();
        }
        else {
            apr_thread_cond_timedwait(hashers.freed, hashers.lock, left);
        }
    }
    if (rv == APR_SUCCESS) {
        hashers.free--;
    }
    apr_thread_mutex_unlock(hashers.lock);
    saas_counters_add(SAAS_COUNT_HASHES, rv != APR_SUCCESS, 0, 1);
    if (say) {
        SAAS_LOG(hashers.server, APLOG_WARNING, 0, "SAAS1005",
                 "a password could not be hashed for want of room: more log-ins at once than SaasHashConcurrency "
                 "(%d) can serve; the client was told 503",
                 saas_config_hashes_at_once(hashers.server));
    }
    return rv;
}

static void leave(void)
{
    apr_thread_mutex_lock(hashers.lock);
    hashers.free++;
    apr_thread_cond_signal(hashers.freed);
    apr_thread_mutex_unlock(hashers.lock);
}

apr_status_t saas_hashing_hash(apr_pool_t *p, const char *password, const char **stored)
{
    apr_status_t rv = enter();

    *stored = NULL;
    if (rv == APR_SUCCESS) {
        rv = saas_password_hash(p, password, stored);
        leave();
    }
    return rv;
}

/* Forms whose verification costs about as much as one of ours, or more. */
static int is_costly(const char *stored)
{
    static const char *const forms[] = { "$scrypt$", "pbkdf2_sha256$", "$2a$", "$2b$", "$2y$" };
    apr_size_t i;
    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (!strncmp(stored, forms[i], strlen(forms[i]))) {
            return 1;
        }
    }
    return 0;
}

apr_status_t saas_hashing_verify(apr_pool_t *p, const char *password, const char *stored, int *rehash)
{
    apr_status_t rv = enter();

    *rehash = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = stored ? saas_password_verify(p, password, stored, rehash) : APR_EMISMATCH;
    /* A refusal takes the time of one of our hashes, also where there was
     * nothing to compare or a cheap form to compare with. */
    if (rv != APR_SUCCESS && (!stored || !is_costly(stored))) {
        saas_password_dummy(p, password);
    }
    leave();
    return rv;
}
