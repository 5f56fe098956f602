/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * An organization is founded: by who registers, or by somebody who is there already.  Its row, the founder's membership, the
 * trail and, where there are any, the founder's one trial are written together, here and nowhere else.
 */
#include "who.h"
#include "core/id.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "db/db.h"

#include <apr_strings.h>

#define SLUG_DIGITS 6
#define SLUGS 5               /* variants of a name's slug that are tried */

enum { TRIAL, ORGANIZATION, MEMBERSHIP };

saas_statement_t saas_found_statements[] = {
    /* One trial for each user, whatever they found. */
    [TRIAL] = { .name = "found_trial", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET trial_given_at = now() WHERE id = $1::uuid AND trial_given_at IS NULL" },
    /* A taken slug gives no row instead of an error, so that the transaction can try another one.  With a trial from $4 to
     * $5, or without one: NULL. */
    [ORGANIZATION] = { .name = "found_organization", .scope = SAAS_TENANT, .sql =
        "INSERT INTO organizations (id, name, slug, created_at, updated_at, subscription_status, subscription_started_at,"
        " subscription_ends_at, trial_started_at, trial_ends_at) VALUES ($1, $2, $3, now(), now(),"
        " CASE WHEN $5::timestamptz IS NULL THEN 'free' ELSE 'active' END, $4::timestamptz, $5::timestamptz,"
        " $4::timestamptz, $5::timestamptz) ON CONFLICT (slug) DO NOTHING" },
    [MEMBERSHIP] = { .name = "found_membership", .scope = SAAS_TENANT, .sql =
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES ($1, $2, 'ADMIN', now(), now())" },
    { .name = NULL }
};

int saas_slug_is_impl(const char *text)
{
    apr_size_t len = strlen(text);
    return len >= SAAS_SLUG_SHORTEST && len <= SAAS_SLUG_LONGEST && saas_slug_is(text);
}

const char *saas_slug_make_impl(apr_pool_t *p, const char *name, int attempt)
{
    const char *slug = saas_slugify(p, name, SAAS_SLUG_LONGEST - SLUG_DIGITS - 1);
    char id[SAAS_UUID_LEN + 1];
    apr_size_t len = strlen(slug);

    if ((!attempt && saas_slug_is_impl(slug)) || saas_uuid7(id) != APR_SUCCESS) {
        return slug;
    }
    while (len && slug[len - 1] == '-') {
        len--;
    }
    return apr_pstrcat(p, len ? apr_pstrmemdup(p, slug, len) : "organization", "-", id + SAAS_UUID_LEN - SLUG_DIGITS, NULL);
}

static const char *text(apr_pool_t *p, apr_time_t t)
{
    char *iso = apr_palloc(p, SAAS_TIME_ISO_SIZE);
    return saas_time_iso(iso, t) == APR_SUCCESS ? iso : NULL;
}

/* From and to are NULL where the founder has none to come. */
static apr_status_t give_trial(saas_request_t *rq, saas_db_t *db, const char *user_id, const char **from, const char **to)
{
    apr_interval_time_t length = saas_config_trial(rq->r->server);
    apr_time_t now = apr_time_now();
    saas_rows_t *rows;
    apr_status_t rv;

    *from = *to = NULL;
    if (!length) {
        return APR_SUCCESS;
    }
    rv = saas_db_query_impl(db, &saas_found_statements[TRIAL], &rows, SAAS_ARGS(user_id));
    if (rv == APR_SUCCESS && rows->affected == 1) {
        *from = text(rq->pool, now);
        *to = text(rq->pool, now + length);
    }
    return rv;
}

static apr_status_t insert(saas_request_t *rq, saas_db_t *db, saas_founding_t *founding, const char *from, const char *to)
{
    saas_rows_t *rows;
    apr_status_t rv;
    int attempt;

    for (attempt = 0; attempt < (founding->asked_slug ? 1 : SLUGS); attempt++) {
        founding->slug = founding->asked_slug ? founding->asked_slug : saas_slug_make_impl(rq->pool, founding->name, attempt);
        rv = saas_db_query_impl(db, &saas_found_statements[ORGANIZATION], &rows, SAAS_ARGS(founding->name, founding->slug, from, to));
        if (rv != APR_SUCCESS || rows->affected == 1) {
            return rv;
        }
    }
    return SAAS_EUNIQUE;
}

static apr_status_t note(saas_request_t *rq, saas_db_t *db, const saas_founding_t *founding, const char *action, json_t *value)
{
    const saas_activity_t activity = { .action = action, .target_type = "organization", .target_id = founding->id,
                                       .target_label = founding->name, .new_value = value };
    apr_status_t rv = saas_activity_impl(db, rq, &activity);

    json_decref(value);
    return rv;
}

apr_status_t saas_organization_found_impl(saas_request_t *rq, saas_db_t *db, saas_founding_t *founding)
{
    const char *from, *to;
    apr_status_t rv;

    if ((rv = give_trial(rq, db, founding->user_id, &from, &to)) != APR_SUCCESS
        || (rv = saas_db_set_organization_impl(db, founding->id)) != APR_SUCCESS
        || (rv = insert(rq, db, founding, from, to)) != APR_SUCCESS
        || (rv = saas_db_queue_impl(db, &saas_found_statements[MEMBERSHIP], SAAS_ARGS(founding->user_id))) != APR_SUCCESS
        || (rv = note(rq, db, founding, "organization.created",
                      json_pack("{s:s, s:s}", "name", founding->name, "slug", founding->slug))) != APR_SUCCESS
        || !to) {
        return rv;
    }
    return note(rq, db, founding, "trial.started", json_pack("{s:s, s:s}", "status", "active", "ends_at", to));
}
