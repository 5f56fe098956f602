/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file queue.h
 * The rows of deliveries as the thread that sends sees them: what is due, claimed; what came of it, written. Each call
 * borrows a connection for itself; none is held while anything is sent.
 */
#ifndef SAAS_NOTIFY_QUEUE_H
#define SAAS_NOTIFY_QUEUE_H

#include "sender.h"

/** How long a claim lasts: longer than an attempt and the writing of its result. */
#define NOTIFY_LEASE_SECONDS 60
/** Endpoints that one look shows, and one claim takes of. */
#define NOTIFY_LOOK_MOST 200
#define NOTIFY_CLAIM_MOST 64

/** An endpoint that something waits for. */
typedef struct saas_notify_waiting_t {
    const char *org_id, *endpoint_id;
    int streak, due, ready;
    int take;                 /**< how many are to be claimed; the caller's decision */
} saas_notify_waiting_t;

/** The next endpoints after this one, in p; *n is less than NOTIFY_LOOK_MOST at the end of all. */
apr_status_t saas_notify_look(apr_pool_t *p, server_rec *s, const char *org_id, const char *endpoint_id,
                              saas_notify_waiting_t **waiting, int *n) HIDDEN;

/** Claims `take` of each endpoint; what was got are saas_notify_parcel_t * with a pool of their own below p. */
apr_status_t saas_notify_claim(apr_pool_t *p, apr_pool_t *scratch, server_rec *s, const saas_notify_waiting_t *waiting, int n,
                               apr_array_header_t *parcels) HIDDEN;

/** Writes what came of them, and how their endpoints do; *written: how many of them were still ours. */
apr_status_t saas_notify_settle(apr_pool_t *scratch, server_rec *s, const apr_array_header_t *parcels, int *written) HIDDEN;

/** Gives them back. */
apr_status_t saas_notify_release(apr_pool_t *scratch, server_rec *s, const apr_array_header_t *parcels) HIDDEN;

/** Disables an endpoint and has its ADMINs told, if it has been failing for long enough or is gone. *disabled: by us. */
apr_status_t saas_notify_disable(apr_pool_t *scratch, server_rec *s, const saas_notify_parcel_t *parcel, int gone,
                                 int *disabled) HIDDEN;

#endif
