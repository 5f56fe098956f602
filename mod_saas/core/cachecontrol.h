/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file cachecontrol.h
 * What a reply that is for one person alone says to caches (RFC 9111, RFC 9213).
 */
#ifndef SAAS_CORE_CACHECONTROL_H
#define SAAS_CORE_CACHECONTROL_H

#include <apr_pools.h>

/** What is said for an application that says nothing, or nothing that would do. */
#define SAAS_CACHECONTROL_DEFAULT "private, no-cache"
/** The same, and a browser keeps nothing of it either. */
#define SAAS_CACHECONTROL_STRICT "private, no-store"

/** Does a Cache-Control, all fields of the name in one and NULL for none, keep every shared cache from storing? */
int saas_cachecontrol_is_private(const char *value);

/** The Cache-Control of a reply for one person: value itself where it is private, without what could still be read as
 *  leave to share; else fallback.  Returns value, fallback, or a text in p. */
const char *saas_cachecontrol_private(apr_pool_t *p, const char *value, const char *fallback);

/** Of two values that are private, one that is as strict as both. */
const char *saas_cachecontrol_stricter(const char *a, const char *b);

/** May somebody write that in place of SAAS_CACHECONTROL_DEFAULT?  NULL, or what is wrong. */
const char *saas_cachecontrol_check(const char *value);

/** Is that the name of a field by which some shared cache is told more than Cache-Control says, and does its value
 * leave it free to store?  Such a field has to go. */
int saas_cachecontrol_is_leave(const char *name, const char *value);

#endif
