/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file refuse.h
 * Refusing a request of a gated section; the API answers by itself.
 */
#ifndef SAAS_GATE_REFUSE_H
#define SAAS_GATE_REFUSE_H

#include "gate.h"

/** Prepares the answer to a refused request, as the section's SaasDenied and
 *  SaasLoginURL want it; returns the status for the hook to return. */
int saas_refuse(request_rec *r, saas_verdict_e verdict, const saas_context_t *ctx);

/** The same for a refusal that is no gate's.  login_url: where a browser is
 *  sent instead; link: what a browser's page leads on to; either may be NULL. */
int saas_refuse_with(request_rec *r, const saas_refusal_t *refusal, const char *login_url, const char *link);

void saas_refuse_hooks(void);

#endif
