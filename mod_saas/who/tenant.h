/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file tenant.h
 * From a credential and a way of choosing an organization to a principal.
 */
#ifndef SAAS_WHO_TENANT_H
#define SAAS_WHO_TENANT_H

#include "who.h"

/** Loads the principal into ctx: sets who, loaded, several, choices. */
void saas_tenant_load(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                      saas_context_t *ctx);

/** The same, from memory alone: false, and ctx as it was, when it is not there. */
int saas_tenant_recall(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                       saas_context_t *ctx);

/** Creates the user of a SAAS_BY_SERVER credential, who may exist by now; a
 *  failure is logged. */
apr_status_t saas_tenant_create_user(request_rec *r, const saas_credential_t *credential);

/** Has a token's use recorded when the request has been answered and logged. */
void saas_tenant_touch(request_rec *r, const char *token_id);

#endif
