/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file sender.h
 * Sends messages, many at once on one thread, with libcurl: each POST in bounded time, over verified TLS, without redirects,
 * to addresses that the guard has admitted. Connections are kept. Knows nothing of a database.
 */
#ifndef SAAS_NOTIFY_SENDER_H
#define SAAS_NOTIFY_SENDER_H

#include "notify.h"

/** A message on its way. The caller's until it is sent, and again when it is done. */
typedef struct saas_notify_parcel_t {
    apr_pool_t *pool;
    const char *org_id, *endpoint_id, *message_id, *claim;
    int streak;                   /**< of the endpoint, when it was claimed */
    int tries;
    apr_int64_t age;              /**< seconds for which it has been tried */
    const char *url, *signature, *timestamp;
    char *body;
    apr_size_t len;
    /* Set by the sender. */
    apr_int64_t began;            /**< ms, of a clock that nobody sets */
    long status;                  /**< 0: no answer */
    int ms;
    int retry_after;              /**< seconds; 0: not asked for */
    const char *error;            /**< NULL: a success */
    const char *answer;           /**< its first bytes as text, or NULL */
    /* Set by who decides what becomes of it. */
    const char *state;
    int delay;
} saas_notify_parcel_t;

typedef struct saas_notify_sender_t saas_notify_sender_t;

/** Milliseconds of a clock that nobody sets. */
apr_int64_t saas_notify_clock(void) HIDDEN;

/** A sender with at most so many at once; its cleanup with p breaks off what is under way. NULL: libcurl cannot. */
saas_notify_sender_t *saas_notify_sender_make(apr_pool_t *p, server_rec *s, int most) HIDDEN;

/** Begins. Non-success: it was not begun. */
apr_status_t saas_notify_send(saas_notify_sender_t *sender, saas_notify_parcel_t *parcel) HIDDEN;

/** Moves all on, and calls done for each that has ended. */
void saas_notify_sender_step(saas_notify_sender_t *sender, void (*done)(saas_notify_parcel_t *parcel, void *baton),
                             void *baton) HIDDEN;
/** Waits until one can be moved on, at most so long. */
void saas_notify_sender_wait(saas_notify_sender_t *sender, int ms) HIDDEN;

/** What is under way: how many in all, of which so many for longer than a moment; by organization, by endpoint. */
int saas_notify_under_way(const saas_notify_sender_t *sender, int *slow) HIDDEN;
int saas_notify_under_way_of(const saas_notify_sender_t *sender, const char *org_id, const char *endpoint_id) HIDDEN;
/** Of those to endpoints that fail. */
int saas_notify_under_way_failing(const saas_notify_sender_t *sender) HIDDEN;

/** Breaks one off, which is the caller's again; NULL: there is none. */
saas_notify_parcel_t *saas_notify_break_off(saas_notify_sender_t *sender) HIDDEN;

#endif
