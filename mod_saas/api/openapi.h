/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file openapi.h
 * The OpenAPI document, as the router serves it.
 */
#ifndef SAAS_API_OPENAPI_H
#define SAAS_API_OPENAPI_H

#include "api.h"

/** The methods of the document, as Allow has them. */
#define SAAS_OPENAPI_METHODS "GET, HEAD, OPTIONS"

/** True when the path below a mount point is the document's. */
int saas_openapi_is(const char *path);
/** Answers a request for the document. */
int saas_openapi_serve(saas_call_t *call);

#endif
