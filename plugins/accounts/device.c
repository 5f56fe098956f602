/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Devices from which somebody has logged in (OWASP, "Device cookies"): a cookie with a secret of its own, of which the
 * database keeps the hash.  It opens nothing.  Its bearer's attempts at that account are counted apart from those of
 * everybody else, so that strangers who guess cannot lock the owner out, and a thief of it has a few guesses as anybody has.
 * It is dead with the password that it was earned by.
 */

#include "accounts.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define COOKIE "saas_device"
#define LIFETIME (365 * 24 * 3600)
#define TOKEN_PREFIX "dev_"
#define TOKEN_LEN 47
#define MOST "20"

const char *accounts_device_hash(saas_request_t *rq)
{
    const char *token = saas_cookie_get(rq, COOKIE), *c;

    if (!token || strlen(token) != TOKEN_LEN || strncmp(token, TOKEN_PREFIX, 4)) {
        return NULL;
    }
    for (c = token + 4; apr_isalnum(*c); c++) {
    }
    return *c ? NULL : saas_token_hash(rq->pool, token);
}

apr_status_t accounts_device_start(saas_request_t *rq, saas_db_t *db, const char *user_id, accounts_device_t *device)
{
    apr_status_t rv = saas_token_make(rq->pool, TOKEN_PREFIX, &device->token);

    if (rv != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[DEVICE_INSERT],
                               SAAS_ARGS(saas_token_hash(rq->pool, device->token), user_id))) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_queue(db, &accounts_statements[DEVICES_TRIM], SAAS_ARGS(user_id, MOST));
}

apr_status_t accounts_device_used(saas_request_t *rq, saas_db_t *db, const char *hash, accounts_device_t *device)
{
    device->token = saas_cookie_get(rq, COOKIE);
    return saas_db_queue(db, &accounts_statements[DEVICE_USED], SAAS_ARGS(hash));
}

void accounts_device_cookie(saas_request_t *rq, const accounts_device_t *device)
{
    saas_cookie_set(rq, COOKIE, device->token, LIFETIME);
}
