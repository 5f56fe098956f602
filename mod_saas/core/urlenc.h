#ifndef SAAS_CORE_URLENC_H
#define SAAS_CORE_URLENC_H

/*
 * URL encoding in its three uses: form bodies as Stripe's own client libraries send them, query strings as
 * clients send them to us, and links that change one parameter of a query.
 */

#include <stddef.h>

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_tables.h>

/** Most parameters that a query string may have. */
#define SAAS_QUERY_MAX 256

typedef struct {
    const char *name;
    const char *value; /* "" when there was no = */
} saas_param_t;

/** Percent-encodes all but the unreserved characters of RFC 3986 (A-Z a-z 0-9 - . _ ~), into the pool. */
const char *saas_url_encode(apr_pool_t *p, const char *s);

/** An application/x-www-form-urlencoded body that grows in its pool. */
typedef struct saas_form_t saas_form_t;

saas_form_t *saas_form_create(apr_pool_t *p);

/**
 * Appends name=value. Values are encoded as by saas_url_encode (a space is %20); in names [ and ] stay readable
 * ("metadata[org_id]"), which is how Stripe's libraries write nested parameters. A NULL value appends nothing;
 * "" appends "name=", by which Stripe unsets a parameter.
 */
void saas_form_add(saas_form_t *form, const char *name, const char *value);

/** The body so far, NUL-terminated, valid until the next saas_form_add. @param len its length, or NULL */
const char *saas_form_body(const saas_form_t *form, size_t *len);

/**
 * Splits a query string (without its ?; NULL is empty) into an array of saas_param_t, in order. + is a space.
 * @return APR_EINVAL for a broken escape, a NUL, bytes that are not UTF-8 or more than SAAS_QUERY_MAX parameters.
 */
apr_status_t saas_query_parse(apr_pool_t *p, const char *query, apr_array_header_t **params);

/** The last value of that name, as Django reads a repeated parameter, or NULL. */
const char *saas_query_get(const apr_array_header_t *params, const char *name);

/**
 * Builds "url?query" with one parameter set: replaced where it first stood (repetitions are dropped), else
 * appended; NULL removes it. All others keep their order and spelling; bytes outside of ASCII and control
 * characters come out percent-encoded, so the link is always printable ASCII when url is.
 * @param url without query and fragment, taken as it is
 * @param query the query as received, or NULL
 */
const char *saas_link_set(apr_pool_t *p, const char *url, const char *query, const char *name, const char *value);

#endif
