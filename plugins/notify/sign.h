/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file sign.h
 * Secrets and signatures in the form of Standard Webhooks (https://www.standardwebhooks.com/): the secret is "whsec_" and
 * base64, the signature "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body", with what the base64 stands for as
 * the key. Pure.
 */
#ifndef SAAS_NOTIFY_SIGN_H
#define SAAS_NOTIFY_SIGN_H

#include <apr_pools.h>

/** A new secret of 256 random bits, in p; NULL: there are no random numbers to be had. */
const char *saas_notify_secret(apr_pool_t *p) __attribute__((visibility("hidden")));

/**
 * The value of webhook-signature, in p: one signature for each secret, a blank between them.
 * @param second  the secret before the last rotation, or NULL
 * @return NULL: a secret is none
 */
const char *saas_notify_sign(apr_pool_t *p, const char *secret, const char *second, const char *id, apr_int64_t timestamp,
                             const char *body, apr_size_t len) __attribute__((visibility("hidden")));

#endif
