/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file skim.h
 * The JSON of an event, without what nobody here reads.  Pure.
 *
 * An event has some hundred members, of which event.c asks for a few by their names; to make a tree of all of them was
 * two thirds of what a webhook cost httpd.
 */
#ifndef SAAS_WEBHOOKS_SKIM_H
#define SAAS_WEBHOOKS_SKIM_H

#include <jansson.h>

/** Does event.c ask for members of this name? */
int saas_skim_knows(const char *name, size_t len);

/**
 * As json_loadb() with JSON_REJECT_DUPLICATES: takes and refuses the same texts, the same way.  Of objects' members those
 * of a name that event.c does not ask for may be missing in the result, the same ones at any depth; all else is there.
 * @return the caller's to json_decref(), or NULL: it is no JSON, error says why
 */
json_t *saas_skim(const char *text, size_t len, json_error_t *error);

#endif
