/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The activity trail: one row per change that matters, written in the
 * transaction of the change.  The actor's e-mail is a snapshot, so that the
 * trail outlives the user.  Rows are never changed; the application role has
 * no right to.
 */
#include "who.h"
#include "core/id.h"
#include "core/jsonio.h"
#include "db/db.h"

saas_statement_t saas_activity_statements[] = {
    { .name = "activity_insert", .scope = SAAS_TENANT,
      .sql = "INSERT INTO activity (org_id, id, created_at, actor_type, actor_id, actor_email, action, target_type,"
             " target_id, target_label, old_value, new_value, address, request_id)"
             " VALUES ($1, $2, now(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)" },
    { 0 }
};

static const char *text_of(apr_pool_t *p, json_t *value)
{
    size_t len;
    return value ? saas_json_dump(p, value, &len) : NULL;
}

apr_status_t saas_activity_impl(saas_db_t *db, saas_request_t *rq, const saas_activity_t *what)
{
    apr_pool_t *p = rq ? rq->pool : NULL;
    apr_pool_t *own = NULL;
    const char *type = what->actor_type, *actor = what->actor_id, *email = NULL;
    char id[SAAS_UUID_LEN + 1];
    apr_status_t rv = saas_uuid7(id);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!p) {
        if ((rv = apr_pool_create(&own, NULL)) != APR_SUCCESS) {
            return rv;
        }
        p = own;
    }
    if (!type && rq) {
        int by_token = rq->who->by == SAAS_BY_TOKEN;
        type = by_token ? "token" : "user";
        actor = by_token ? rq->who->credential_id : actor ? actor : rq->who->user_id;
        email = rq->who->email;
    }
    rv = saas_db_queue_impl(db, &saas_activity_statements[0],
                            SAAS_ARGS(id, type ? type : "system", actor, email, what->action, what->target_type,
                                      what->target_id, what->target_label, text_of(p, what->old_value),
                                      text_of(p, what->new_value), rq ? rq->r->useragent_ip : NULL,
                                      rq ? saas_request_id(rq->r) : NULL));
    if (own) {
        apr_pool_destroy(own);
    }
    return rv;
}
