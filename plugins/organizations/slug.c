/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Slugs that people choose.  A slug stands where an id could stand (header,
 * query, path), so it must have the one form that the host recognizes there
 * and must never look like an id.
 */

#include "organizations.h"

const char *organizations_slug_field(saas_request_t *rq, unsigned flags)
{
    const char *slug = saas_request_field(rq, "slug", flags, SAAS_SLUG_LONGEST);

    if (slug && saas_uuid_parse(rq->pool, slug)) {
        saas_request_error(rq, "slug", "A slug may not look like an id.");
    }
    else if (slug && !saas_slug_is(slug)) {
        saas_request_error(rq, "slug", "Enter 3 to 50 lower-case letters, digits or single hyphens between them.");
    }
    return slug;
}
