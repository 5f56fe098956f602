#ifndef SAAS_CORE_TOKEN_H
#define SAAS_CORE_TOKEN_H

/*
 * Bearer secrets: API tokens, session ids, invite and reset tokens. A token carries 256 random bits, so a plain
 * SHA-256 of it is a safe thing to store and to look up by; the token itself is never stored and never logged.
 */

#include <stddef.h>

#include <apr_errno.h>
#include <apr_pools.h>

/** Random characters after the prefix: 43 of 62 letters and digits are 256.03 bits. */
#define SAAS_TOKEN_LEN 43

/** Length of a token's hash in hex, without its NUL. */
#define SAAS_HASH_LEN 64

/**
 * Makes a token "<prefix><43 letters and digits>" in the pool; prefix may be "" or NULL.
 * @return APR_EGENERAL when OpenSSL's random generator fails; *token is then NULL.
 */
apr_status_t saas_token_make(apr_pool_t *p, const char *prefix, const char **token);

/**
 * Lower-case hex SHA-256 of a token (prefix included), as stored and looked up.
 * @return APR_EINVAL for NULL, APR_EGENERAL when OpenSSL fails; out is then the empty string, which matches no
 *         stored hash.
 */
apr_status_t saas_token_hash(char out[SAAS_HASH_LEN + 1], const char *token);

/** The same for any bytes. */
apr_status_t saas_sha256_hex(char out[SAAS_HASH_LEN + 1], const void *data, size_t len);

/** Writes 2 * len lower-case hex digits and a NUL. */
void saas_hex_encode(char *out, const void *data, size_t len);

/**
 * Compares two strings in a time that depends on their lengths only. NULL equals nothing, not even NULL.
 * @return 1 when equal, else 0.
 */
int saas_equal_ct(const char *a, const char *b);

#endif
