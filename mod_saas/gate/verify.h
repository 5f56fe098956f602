/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file verify.h
 * What a refusal of a SaasVerify section has to know of the proxy that asks.
 */
#ifndef SAAS_GATE_VERIFY_H
#define SAAS_GATE_VERIFY_H

#include "gate.h"

/** Tells the verdict, as the codes of refusals, whatever the status has to be. */
#define SAAS_VERDICT_HEADER "X-Saas-Verdict"
/** For a proxy that takes no redirect: where a browser is to be sent instead. */
#define SAAS_LOCATION_HEADER "X-Saas-Location"

/** Can the proxy, if one asks, do something with this status?  Always true elsewhere. */
int saas_verify_takes(request_rec *r, int status);

/** The address that the proxy's client has asked for; of a request that was taken over. */
const char *saas_verify_original_url(request_rec *r);

#endif
