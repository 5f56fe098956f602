/* A target as a person writes it ("example.com", "https://example.com/shop")
 * becomes one canonical URL, or a message that says what is wrong with it.
 * Redirect locations go through the same function. One parser, CURLU, reads
 * every URL here, so that what is checked is what is fetched.
 */
#ifndef SAAS_WEB_TARGET_H
#define SAAS_WEB_TARGET_H

#include "address.h"

#define SAAS_WEB_URL_MAX 4096

typedef struct saas_web_target_t {
    const char *url;    /* scheme://host[:port]/path[?query], the resource_id of the evidence */
    const char *origin; /* scheme://host[:port], no trailing slash */
    const char *host;   /* lower case, A-labels, an IPv6 literal without brackets */
    const char *path;   /* path and query, begins with a slash */
    int port;
    int is_tls; /* scheme is https */
    int is_default_port;
    int is_ip;
} saas_web_target_t;

/* Parses text into *out (allocated from p). NULL, or a message for the person.
 * The guard decides about IP literals and unusual ports; a name is looked up
 * by nobody here: its address is checked when it is connected to. */
const char *saas_web_target_parse(apr_pool_t *p, const saas_web_guard_t *g, const char *text,
                                  const saas_web_target_t **out);

/* The same host on the default port of http (tls 0) or https (tls 1), with path. */
const saas_web_target_t *saas_web_target_twin(apr_pool_t *p, const saas_web_target_t *t, int tls, const char *path);

/* The same scheme, host and port with another path. */
const saas_web_target_t *saas_web_target_at(apr_pool_t *p, const saas_web_target_t *t, const char *path);

/* Where a reference leads that stands in a document at base (a URL): a target,
 * or NULL when it is none that may be asked. */
const saas_web_target_t *saas_web_target_reference(apr_pool_t *p, const saas_web_guard_t *g, const char *base,
                                                   const char *reference);

/* The URL for a comment: without its query, which may hold secrets. */
const char *saas_web_target_shown(apr_pool_t *p, const saas_web_target_t *t);

#endif
