/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file credential.h
 * The session cookie: what is read (credential.c) is what was set (session.c).
 */
#ifndef SAAS_WHO_CREDENTIAL_H
#define SAAS_WHO_CREDENTIAL_H

#include "who.h"

/** Does the cookie travel under TLS alone?  Then its name says so too (RFC 6265bis, section 4.1.3.2). */
int saas_cookie_secure(request_rec *r);
const char *saas_cookie_name(request_rec *r);
/** The name of another cookie that travels by the same rules. */
const char *saas_cookie_of(request_rec *r, const char *name);
/** The value of the first cookie of that name, or NULL. */
const char *saas_cookie_find(request_rec *r, const char *name);

#endif
