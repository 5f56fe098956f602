/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file cache.h
 * Principals in memory: what the database said of a credential and a selector, as long as it is still so.
 */
#ifndef SAAS_WHO_CACHE_H
#define SAAS_WHO_CACHE_H

#include "who.h"

/** What has to be known of a principal besides itself, to keep it. */
typedef struct saas_cache_ticket_t {
    apr_uint64_t since;    /**< changes up to this one are in what is read from now on; 0: not to be kept */
    apr_int64_t began;     /**< when the question was put: saas_changes_clock() */
    apr_int64_t until;     /**< out by clock from then on; APR_INT64_MAX: never */
    apr_int64_t touch;     /**< when a token's use is to be noted next */
} saas_cache_ticket_t;

/** Fills ctx->who, ctx->loaded and ctx->touch_token, and returns true; else fills the ticket, with which what is
 *  now read from the database may be kept.  The selector's choice must be resolved (no SAAS_CHOOSE_NONE).
 *  ticket NULL: nothing is going to be read, and a miss is not counted as one. */
int saas_cache_find(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                    saas_context_t *ctx, saas_cache_ticket_t *ticket);

/** Keeps ctx->who.  Only what grants may be kept: a user, and the organization where one was asked for. */
void saas_cache_keep(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                     const saas_context_t *ctx, const saas_cache_ticket_t *ticket);

#endif
