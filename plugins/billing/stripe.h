/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A client of Stripe's API over libcurl.  Pure of httpd.  TLS is verified,
 * redirects are not followed, the key is never logged and never part of a
 * result.
 */
#ifndef SAAS_BILLING_STRIPE_H
#define SAAS_BILLING_STRIPE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

/** The version whose parameters and answers this plugin was written for. */
#define SAAS_STRIPE_VERSION "2026-10-28.endive"
/** Attempts in all: the first and two more (as Stripe's own libraries). */
#define SAAS_STRIPE_ATTEMPTS 3
/** How long an attempt takes at most that somebody waits for. */
#define SAAS_STRIPE_HURRY_MS 5000
/** Longest answer that is read, in bytes. */
#define SAAS_STRIPE_BODY_MAX (1024 * 1024)

/** Whom to call, and as whom.  Texts are borrowed. */
typedef struct saas_stripe_account_t {
    const char *base;    /**< "https://api.stripe.com", no slash at the end */
    const char *key;
    const char *version;
} saas_stripe_account_t;

/** One user of the API for one unit of work; reuses its connection.  Not to be
 *  shared between threads. */
typedef struct saas_stripe_t saas_stripe_t;

/** Form parameters in order: "line_items[0][price]", "price_…". */
typedef struct saas_stripe_pair_t {
    const char *name;
    const char *value;
} saas_stripe_pair_t;

typedef enum { SAAS_STRIPE_GET, SAAS_STRIPE_POST, SAAS_STRIPE_DELETE } saas_stripe_method_e;

/** What a call came to.  Texts live in the client's pool. */
typedef struct saas_stripe_result_t {
    long status;              /**< HTTP status; 0: no answer, see message */
    json_t *body;             /**< the object of a 2xx answer, released with the pool; else NULL */
    const char *type;         /**< of the error: "invalid_request_error", …; NULL for success */
    const char *code;         /**< of the error; may be NULL */
    const char *param;        /**< of the error; may be NULL */
    const char *message;      /**< for the log; Stripe's words */
    const char *request_id;   /**< Stripe's Request-Id; may be NULL */
    apr_int64_t date;         /**< Stripe's clock when it answered, seconds since 1970; 0: not said */
    int retry_after;          /**< seconds that Stripe asks to wait; 0: not said */
    int attempts;
} saas_stripe_result_t;

/** Once in a process, before all other use of libcurl in it, and before threads; true: done.  Then
 *  curl_global_cleanup(). */
int saas_stripe_global_init(void);

/** A client; everything it holds is released with the pool. */
saas_stripe_t *saas_stripe_create(apr_pool_t *p, const saas_stripe_account_t *account);

/** For a person who waits for more than this answer: from now on one attempt a call, of SAAS_STRIPE_HURRY_MS at most. */
void saas_stripe_hurry(saas_stripe_t *stripe);

/**
 * Calls the API: at most SAAS_STRIPE_ATTEMPTS times with the same idempotency
 * key, after 0.5 s, then 1 s (with jitter), 5 s to connect, 15 s an attempt and
 * 20 s in all.
 * @param path             "/v1/customers"
 * @param pairs            ends with a NULL name; may be NULL; a pair whose value is NULL is left out
 * @param idempotency_key  for POST; at most 255 characters
 */
void saas_stripe_call(saas_stripe_t *stripe, saas_stripe_method_e method, const char *path,
                      const saas_stripe_pair_t *pairs, const char *idempotency_key, saas_stripe_result_t *result);

/** Whether an answer is worth another attempt.  should_retry is the value of
 *  Stripe-Should-Retry or NULL; status 0: no answer came.  (The rule of
 *  Stripe's own libraries.) */
int saas_stripe_is_retryable(long status, const char *should_retry);

/** Milliseconds to wait after the n-th attempt (from 1); random is any number. */
int saas_stripe_backoff_ms(int attempt, unsigned random);

/** The pairs as application/x-www-form-urlencoded, as Stripe's own libraries
 *  write them: brackets in names stay readable. */
const char *saas_stripe_form(apr_pool_t *p, const saas_stripe_pair_t *pairs);

/** Reads an answer's body into the result: a JSON object for 2xx, else Stripe's
 *  error; what is neither is an "api_error". */
void saas_stripe_read(apr_pool_t *p, long status, const char *body, apr_size_t len, saas_stripe_result_t *result);

/** A key of at most 255 characters: prefix, '-', and a digest of the path and the pairs. */
const char *saas_stripe_digest_key(apr_pool_t *p, const char *prefix, const saas_stripe_pair_t *pairs);

#endif
