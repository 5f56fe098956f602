/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * An address that nobody has proven is a claim.  When its owner comes by another module of httpd (OpenID Connect, LDAP, a
 * certificate), whatever was set up under it before - password, sessions, tokens, organizations - is somebody else's, and
 * must be worth nothing: it is removed before the owner is let in, by the plugins that keep it.
 */
#include "claims.h"
#include "db/db.h"

#include <apr_strings.h>

static apr_array_header_t *claims;

void saas_claims_begin(apr_pool_t *p)
{
    claims = apr_array_make(p, 2, sizeof(saas_claimed_fn *));
}

void saas_claims_add(saas_claimed_fn *claimed)
{
    if (claimed) {
        APR_ARRAY_PUSH(claims, saas_claimed_fn *) = claimed;
    }
}

typedef struct ending_t {
    request_rec *r;
    const char *user_id, *email, *email_key;
} ending_t;

static apr_status_t end(saas_db_t *db, void *baton)
{
    const ending_t *it = baton;
    apr_status_t rv = APR_SUCCESS;
    int i;
    for (i = 0; i < claims->nelts && rv == APR_SUCCESS; i++) {
        rv = APR_ARRAY_IDX(claims, i, saas_claimed_fn *)(it->r, db, it->user_id, it->email, it->email_key);
    }
    return rv;
}

apr_status_t saas_claims_end(request_rec *r, const char *user_id, const saas_credential_t *credential)
{
    ending_t it = { r, user_id, credential->email, credential->hash };
    saas_db_t *db;
    apr_status_t rv;

    if (!claims->nelts) {
        SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1450",
                  "user %s has come by another module, and nobody has proven the address before; no plugin that is loaded "
                  "can end what was set up under it: load the plugin that keeps accounts, or saasctl user verify", user_id);
        return SAAS_EUNAVAILABLE;
    }
    if ((rv = saas_db_open_impl(&db, r->pool, r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction_impl(db, end, &it);
        saas_db_close_impl(db);
    }
    return rv;
}
