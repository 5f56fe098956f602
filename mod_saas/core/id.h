#ifndef SAAS_CORE_ID_H
#define SAAS_CORE_ID_H

/*
 * Identifiers: UUID version 7 (RFC 9562, section 5.7). They sort by the time of their making, so primary keys
 * built from them append to an index instead of scattering over it. An id is a name, never a secret: nothing
 * may be granted because somebody knows one.
 */

#include <apr_errno.h>

/** Length of the text form without its NUL. */
#define SAAS_UUID_LEN 36

/**
 * Writes a new UUIDv7 in lower case. Within a process each call's result is greater than the one before it,
 * whatever thread made it and also when the wall clock steps back; between processes order is that of their
 * clocks (12 bits below the millisecond). Lock-free.
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL's random generator fails; out is then the empty string.
 */
apr_status_t saas_uuid7(char out[SAAS_UUID_LEN + 1]);

/**
 * Draws the random bits that this process' ids of saas_uuid7_of_process() share. Called once in a process, after it has
 * been forked and before it has threads.
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL's random generator fails.
 */
apr_status_t saas_uuid7_process_init(void);

/**
 * As saas_uuid7(), but with random bits that are the process' own and not each id's: for what is named once a request and
 * kept nowhere as a key. Such an id tells which others are of the same process.
 * @return As saas_uuid7(); where the process has drawn no bits, each id draws its own.
 */
apr_status_t saas_uuid7_of_process(char out[SAAS_UUID_LEN + 1]);

/**
 * Writes the id that a name has in a space of names: the same on every machine, one of its own for every other name
 * (UUIDv8, RFC 9562, section 5.8, of a SHA-256).
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL's digest fails; out is then the empty string.
 */
apr_status_t saas_uuid_named(char out[SAAS_UUID_LEN + 1], const char *space, const char *name);

/** True for 8-4-4-4-12 hex digits of either case, of any version, with nothing before or after. NULL is false. */
int saas_uuid_is(const char *s);

/**
 * Copies a UUID in its canonical lower-case form; out may be in.
 * @return APR_EINVAL when in is not a UUID; out is then untouched.
 */
apr_status_t saas_uuid_canonical(char out[SAAS_UUID_LEN + 1], const char *in);

#endif
