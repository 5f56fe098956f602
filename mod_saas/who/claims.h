/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file claims.h
 * Ending what was set up under an address that nobody had proven.
 */
#ifndef SAAS_WHO_CLAIMS_H
#define SAAS_WHO_CLAIMS_H

#include "who.h"

/** Ends a user of whom it is a claim that the address is theirs, in favour of the owner; there is another user of that
 *  address afterwards.  Anything but APR_SUCCESS: nothing was changed, and the owner may not be let in as the user. */
apr_status_t saas_claims_end(request_rec *r, const char *user_id, const saas_credential_t *credential);

#endif
