/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Addresses from before domains had one form.  Users who share a mailbox since then have keys of their own spelling, by which
 * each still logs in (saasctl user duplicates lists them); nobody gets such a key any more, and nobody else that spelling.
 */

#include "accounts.h"

#include <apr_strings.h>

const char *accounts_old_key(apr_pool_t *p, const char *email)
{
    char *key = apr_pstrdup(p, email), *c;

    for (c = key; *c; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    return key;
}

apr_status_t accounts_spelling_taken(saas_db_t *db, apr_pool_t *p, const char *user_id, const char *email,
                                     const char *email_key, int *taken)
{
    const char *spelled = accounts_old_key(p, email);
    saas_rows_t *rows;
    apr_status_t rv;

    *taken = 0;
    if (!strcmp(spelled, email_key)) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(db, &accounts_statements[USER_SPELLED], &rows, SAAS_ARGS(spelled, user_id));
    *taken = rv == APR_SUCCESS && rows->count > 0;
    return rv;
}
