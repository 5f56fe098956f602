/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Hashing passwords, so many at once: each one takes 32 MiB and a core for a
 * tenth of a second, and who knocks often enough must not get all of either.
 * A form from elsewhere that takes more memory counts for several. Who waits in
 * vain is told to come back (503), never let in and never told that the
 * password was wrong.
 *
 * A refusal must not tell by its time what is stored, or that anything is. What
 * was hashed here costs the same everywhere. Forms from elsewhere cost less or
 * more: so every refusal goes on working until it has had the processor for as
 * long as the dearest form that this node has met, which users who come with it
 * teach it. It is the thread's own time that counts: a clock on the wall would
 * let somebody tell them apart by keeping the machine busy.
 */
#include "who.h"
#include "core/password.h"
#include "core/token.h"
#include "count/count.h"

#include <apr_atomic.h>
#include <apr_shm.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <time.h>

#define WAIT apr_time_from_sec(10)
#define SAY_EVERY apr_time_from_sec(5)
/* A form that takes longer is told by its time, rather than that every refusal took so long. */
#define PACE_MAX apr_time_from_sec(1)
/* What takes less than this part of one of ours has as good as no time of its own. */
#define CHEAP 16

#define KEPT "saas_hashing_pace"

/* Somebody who waits, on his own stack. */
typedef struct waiter_t {
    struct waiter_t *next;
} waiter_t;

static struct {
    apr_thread_mutex_t *lock; /* NULL: could not be made, nothing is hashed */
    apr_thread_cond_t *freed;
    server_rec *server;
    int total, free; /* each of the memory of one of our hashes */
    waiter_t *first; /* in the order of their coming: else who needs several would never find them free at once */
    apr_time_t said;
} hashers;

/* Microseconds of a processor, for all children; 0: not known yet. */
typedef struct pace_t {
    volatile apr_uint32_t ours;    /* the least that one of ours took */
    volatile apr_uint32_t dearest; /* the most that another form took */
} pace_t;

static pace_t alone, *pace = &alone;

int saas_hashing_post_config(server_rec *s)
{
    apr_pool_t *process = s->process->pool;
    apr_status_t rv = APR_SUCCESS;
    apr_shm_t *shm = NULL;
    void *kept = NULL;

    /* What was learned outlives restarts. */
    apr_pool_userdata_get(&kept, KEPT, process);
    if (!kept && (rv = apr_shm_create(&shm, sizeof(*pace), NULL, process)) == APR_SUCCESS) {
        kept = memset(apr_shm_baseaddr_get(shm), 0, sizeof(*pace));
        rv = apr_pool_userdata_set(kept, KEPT, NULL, process); /* copies the key */
    }
    if (rv != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1010", "no shared memory for the time that refused log-ins take");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    pace = kept;
    return OK;
}

void saas_hashing_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_thread_mutex_t *lock;
    apr_status_t rv = apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild);

    hashers.server = s;
    hashers.total = hashers.free = saas_config_hashes_at_once(s);
    if (rv == APR_SUCCESS && (rv = apr_thread_cond_create(&hashers.freed, pchild)) == APR_SUCCESS) {
        hashers.lock = lock;
    }
    else {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1006",
                 "no lock for the hashing of passwords: this child answers 503 to log-ins");
    }
}

/* True when it shall be said that hashing is short of it; called locked. */
static int shall_say(void)
{
    apr_time_t now = apr_time_now();
    if (now - hashers.said < SAY_EVERY) {
        return 0;
    }
    hashers.said = now;
    return 1;
}

/* How many of our hashes take so much memory. */
static int units_of(apr_size_t memory)
{
    apr_size_t units = (memory + SAAS_PASSWORD_MEMORY - 1) / SAAS_PASSWORD_MEMORY;
    return units < 1 ? 1 : units > (apr_size_t)hashers.total ? hashers.total : (int)units;
}

static void stand_in_line(waiter_t *me)
{
    waiter_t **last = &hashers.first;
    while (*last) {
        last = &(*last)->next;
    }
    *last = me;
}

static void leave_line(const waiter_t *me)
{
    waiter_t **at = &hashers.first;
    while (*at != me) {
        at = &(*at)->next;
    }
    *at = me->next;
    apr_thread_cond_broadcast(hashers.freed);
}

static apr_status_t enter(int units)
{
    apr_time_t end = apr_time_now() + WAIT;
    waiter_t me = { NULL };
    apr_status_t rv = APR_SUCCESS;
    int say = 0;

    if (!hashers.lock || apr_thread_mutex_lock(hashers.lock) != APR_SUCCESS) {
        return SAAS_EUNAVAILABLE;
    }
    stand_in_line(&me);
    while ((hashers.first != &me || hashers.free < units) && rv == APR_SUCCESS) {
        apr_interval_time_t left = end - apr_time_now();
        if (left <= 0) {
            rv = SAAS_EUNAVAILABLE;
            say = shall_say();
        }
        else {
            apr_thread_cond_timedwait(hashers.freed, hashers.lock, left);
        }
    }
    leave_line(&me);
    if (rv == APR_SUCCESS) {
        hashers.free -= units;
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

static void leave(int units)
{
    apr_thread_mutex_lock(hashers.lock);
    hashers.free += units;
    apr_thread_cond_broadcast(hashers.freed);
    apr_thread_mutex_unlock(hashers.lock);
}

apr_status_t saas_hashing_hash(apr_pool_t *p, const char *password, const char **stored)
{
    apr_status_t rv = enter(1);

    *stored = NULL;
    if (rv == APR_SUCCESS) {
        rv = saas_password_hash(p, password, stored);
        leave(1);
    }
    return rv;
}

/* What this thread has had of a processor; -1: not told here. */
static apr_time_t worked(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? apr_time_make(t.tv_sec, t.tv_nsec / 1000) : -1;
}

static void learn(volatile apr_uint32_t *known, apr_time_t took, int least)
{
    apr_uint32_t new = took > 0 && took <= PACE_MAX ? (apr_uint32_t)took : 0, old = apr_atomic_read32(known);
    while (new && (!old || (least ? new < old : new > old))) {
        apr_uint32_t seen = apr_atomic_cas32(known, new, old);
        if (seen == old) {
            break;
        }
        old = seen;
    }
}

/* What a refusal still has to work; form is NULL where there was nothing to compare with. */
static void even_out(apr_pool_t *p, const char *password, const saas_password_form_t *form, apr_time_t began)
{
    apr_time_t before = worked(), ours = apr_atomic_read32(&pace->ours), dearest, end;
    char hex[SAAS_HASH_LEN + 1];
    char block[1024] = "";

    if (!form || (!form->ours && (!ours || before - began < ours / CHEAP))) {
        saas_password_dummy(p, password);
        learn(&pace->ours, worked() - before, 1);
    }
    ours = apr_atomic_read32(&pace->ours);
    dearest = apr_atomic_read32(&pace->dearest);
    end = began + (ours > dearest ? ours : dearest);
    while ((before = worked()) >= 0 && before < end) {
        saas_sha256_hex(hex, block, sizeof(block));
    }
}

apr_status_t saas_hashing_verify(apr_pool_t *p, const char *password, const char *stored, int *rehash)
{
    saas_password_form_t form;
    int readable = saas_password_read(stored, &form) == APR_SUCCESS, units = units_of(form.memory);
    apr_status_t rv = enter(units);
    apr_time_t began;

    *rehash = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    began = worked();
    rv = stored ? saas_password_verify(p, password, stored, rehash) : APR_EMISMATCH;
    if (readable && !form.ours) {
        learn(&pace->dearest, worked() - began, 0);
    }
    if (rv != APR_SUCCESS) {
        even_out(p, password, readable ? &form : NULL, began);
    }
    leave(units);
    return rv;
}
