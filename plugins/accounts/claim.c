/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The owner of an address takes it from somebody who had only claimed it.  Nothing that was set up under the claim may
 * reach the owner, and nothing of the owner's the claimant: the user goes, with sessions, tokens, memberships and what they
 * alone were in, as when an account is deleted, and the owner is another user from the first moment.
 */

#include "accounts.h"

#include <apr_strings.h>

apr_status_t accounts_claimed(request_rec *r, saas_db_t *db, const char *user_id, const char *email, const char *email_key)
{
    saas_rows_t *claim, *rows;
    apr_status_t rv;
    int row, purging = 0;

    /* Whoever is second finds the owner there already. */
    rv = saas_db_query(db, &accounts_statements[CLAIM_LOCK], &claim,
                       SAAS_ARGS(user_id, email_key, accounts_old_key(r->pool, email)));
    if (rv != APR_SUCCESS || claim->count == 0) {
        return rv;
    }
    if ((rv = saas_db_queue(db, &accounts_statements[LEAVING_LOCK], SAAS_ARGS(user_id))) != APR_SUCCESS
        || (rv = saas_db_query(db, &accounts_statements[LEAVING_LIST], &rows, SAAS_ARGS(user_id))) != APR_SUCCESS) {
        return rv;
    }
    for (row = 0; row < rows->count; row++) {
        if (accounts_is_last_admin(rows, row)) {
            SAAS_RLOG(r, APLOG_WARNING, 0, "SAAS2051",
                      "organization %s has no ADMIN any more: it was somebody's whose address belongs to another; make one "
                      "with saasctl member role, or delete it", saas_cell(rows, row, 0));
        }
        if ((rv = accounts_leave(db, NULL, rows, row, user_id, saas_cell(claim, 0, 0), &purging)) != APR_SUCCESS) {
            return rv;
        }
    }
    if ((rv = saas_db_query(db, &accounts_statements[LEAVING_DELETE], &rows, SAAS_ARGS(user_id))) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_query(db, &accounts_statements[CLAIM_OWNER], &rows, SAAS_ARGS(saas_uuid(r->pool), email, email_key));
}
