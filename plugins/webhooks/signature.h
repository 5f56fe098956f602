/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Verification of Stripe's webhook signature over the bytes as they came.
 * Pure: no httpd, no clock of its own.  It must run before anything else looks
 * at the body.
 */
#ifndef SAAS_WEBHOOKS_SIGNATURE_H
#define SAAS_WEBHOOKS_SIGNATURE_H

#include <apr.h>
#include <stddef.h>

/** Longest header that is read, in bytes. */
#define SAAS_SIGNATURE_HEADER_MAX 4096
/** Most signatures of scheme v1 in one header. */
#define SAAS_SIGNATURE_MAX 16
/** How far Stripe's clock and ours may be apart, in seconds (Stripe's default). */
#define SAAS_SIGNATURE_TOLERANCE 300

typedef enum {
    SAAS_SIGNATURE_OK = 0,
    SAAS_SIGNATURE_MALFORMED, /**< not of the grammar, without a v1, or over nothing */
    SAAS_SIGNATURE_MISMATCH,  /**< no v1 belongs to these bytes and a known secret */
    SAAS_SIGNATURE_STALE      /**< genuine, but of another time: a replay or a wrong clock */
} saas_signature_e;

/**
 * Verifies a Stripe-Signature header: "t=<seconds>,v1=<hex>[,v1=<hex>…]", in
 * any order, other schemes ignored (Stripe's documentation, "Verify webhook
 * signatures").  The grammar is stricter than Stripe's libraries: t once and
 * without leading zeros, v1 lower-case, no white space.  Any v1 may match any
 * secret; the time is looked at only after a match, so that the answer tells
 * nothing to whoever cannot sign.
 *
 * @param header     the header's value; NULL is malformed
 * @param body       len bytes, which may hold NULs; an empty body is malformed
 * @param secrets    whole secret strings, "whsec_" included; empty ones never match
 * @param now        seconds since 1970
 * @param tolerance  seconds
 */
saas_signature_e saas_signature_verify(const char *header, const char *body, size_t len, const char *const *secrets,
                                       int nsecrets, apr_int64_t now, apr_int64_t tolerance);

/** What a result means, for the log. */
const char *saas_signature_text(saas_signature_e result);

#endif
