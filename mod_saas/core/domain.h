/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file domain.h
 * Names of hosts that may be written in any script: one form for all spellings of one name.
 */
#ifndef SAAS_CORE_DOMAIN_H
#define SAAS_CORE_DOMAIN_H

#include <apr_pools.h>

/** Longest name in its ASCII form, in bytes (RFC 1035, section 2.3.4). */
#define SAAS_DOMAIN_MAX 253

/**
 * The ASCII form of a domain name, in lower case: what DNS is asked, and what two spellings have in common.  Mapped by
 * UTS 46, not transitional (a full-width dot is a dot, capitals are small, composed and decomposed letters are the same),
 * then by IDNA 2008 (RFC 5891); labels of letters, digits and hyphens stay what they are but for their case.  One label is
 * enough.
 * @param len  of domain, in bytes of well-formed UTF-8
 * @return in the pool; NULL: it is no domain name
 */
const char *saas_domain_ascii(apr_pool_t *p, const char *domain, apr_size_t len);

#endif
