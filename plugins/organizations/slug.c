/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Slugs that people choose.  A slug stands where an id could stand (header,
 * query, path), so it must have the one form that the host recognizes there
 * and must never look like an id.
 */

#include "organizations.h"

#include <apr_lib.h>
#include <apr_strings.h>

/* Words of lower-case letters and digits, joined by single dashes. */
static int is_slug(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if (*c == '-' ? c == text || c[-1] == '-' || !c[1] : !apr_isdigit(*c) && !(*c >= 'a' && *c <= 'z')) {
            return 0;
        }
    }
    return c - text >= ORGANIZATIONS_SLUG_MIN && c - text <= ORGANIZATIONS_SLUG_MAX;
}

/* Hex digits in groups of 8-4-4-4-12; text is a slug already. */
static int is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36
           && strcspn(text, "-") == 8 && strcspn(text + 9, "-") == 4 && strcspn(text + 14, "-") == 4
           && strcspn(text + 19, "-") == 4 && strcspn(text + 24, "-") == 12;
}

int organizations_slug_usable(const char *slug)
{
    return is_slug(slug) && !is_uuid(slug);
}

const char *organizations_slug_field(saas_request_t *rq, unsigned flags)
{
    const char *slug = saas_request_field(rq, "slug", flags, ORGANIZATIONS_SLUG_MAX);

    if (slug && !is_slug(slug)) {
        saas_request_error(rq, "slug", "Enter 3 to 50 lower-case letters, digits or single hyphens between them.");
    }
    else if (slug && is_uuid(slug)) {
        saas_request_error(rq, "slug", "A slug may not look like an id.");
    }
    return slug;
}

const char *organizations_slug_variant(apr_pool_t *p, const char *slug)
{
    const char *id = saas_uuid(p);
    char *base = apr_pstrndup(p, slug, ORGANIZATIONS_SLUG_MAX - 7);
    apr_size_t len = strlen(base);

    while (len && base[len - 1] == '-') {
        base[--len] = '\0';
    }
    return apr_pstrcat(p, base, "-", id + strlen(id) - 6, NULL);
}
