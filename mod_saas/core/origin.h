/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file origin.h
 * Origins of web pages, as browsers serialize them (RFC 6454, section 6.2; the Fetch standard's Origin header).
 */
#ifndef SAAS_CORE_ORIGIN_H
#define SAAS_CORE_ORIGIN_H

#include <apr_pools.h>

/** Is this an origin as a browser would send it, or such a pattern: scheme://host[:port], where the host may begin with "*."?
 *  NULL, or what is wrong and how to write it; in p. */
const char *saas_origin_check(apr_pool_t *p, const char *pattern);

/** Does an Origin header name what a pattern names?  Exact; "*." stands for one label or several, never for none.  Nothing
 *  but the pattern's own origins is ever matched: neither "null" nor what is no origin. */
int saas_origin_matches(const char *pattern, const char *origin);

/** The origin of an http(s) URL in the form of a browser's: lower case, no default port, no path; NULL: it has none. */
const char *saas_origin_of(apr_pool_t *p, const char *url);

#endif
