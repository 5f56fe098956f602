/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What every change of an organization begins with: its lock, and the caller's
 * role as it is under that lock.  The gate has seen the role at the beginning of
 * the request; an ADMIN who was demoted since then must not go on as one.
 */

#include "organizations.h"

const organizations_refusal_t organizations_not_found = { .verdict = SAAS_OUTSIDER };
const organizations_refusal_t organizations_wrong_role = { .verdict = SAAS_WRONG_ROLE };

int organizations_reply_refusal(saas_request_t *rq, const organizations_refusal_t *refusal)
{
    return refusal->verdict != SAAS_GRANTED
               ? saas_reply_verdict(rq, refusal->verdict)
               : saas_reply_error(rq, refusal->status, refusal->code, refusal->detail);
}

apr_status_t organizations_enter(saas_request_t *rq, saas_db_t *db, saas_role_e *role)
{
    saas_rows_t *rows;
    apr_status_t rv;

    *role = SAAS_ROLE_NONE;
    if ((rv = saas_db_queue(db, &organizations_statements[ORGANIZATION_LOCK], SAAS_NO_ARGS)) == APR_SUCCESS
        && (rv = saas_db_query(db, &organizations_statements[CALLER_ROLE], &rows, SAAS_ARGS(rq->who->user_id)))
               == APR_SUCCESS) {
        *role = saas_role_parse(saas_cell(rows, 0, 0));
        if (rq->who->role < *role) {
            *role = rq->who->role;
        }
    }
    return rv;
}

apr_status_t organizations_transact(saas_request_t *rq, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, baton);
        saas_db_close(db);
    }
    return rv;
}

saas_role_e organizations_role_field(saas_request_t *rq)
{
    const char *text = saas_request_field(rq, "role", SAAS_FIELD_REQUIRED, 100);
    saas_role_e role = saas_role_parse(text);

    if (text && !role) {
        saas_request_error(rq, "role", apr_psprintf(rq->pool, "\"%s\" is not a valid choice.", text));
    }
    return role;
}

const char *organizations_id_parameter(saas_request_t *rq, const char *name)
{
    return saas_uuid_parse(rq->pool, saas_request_parameter(rq, name));
}
