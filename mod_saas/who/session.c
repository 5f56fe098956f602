/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Sessions: begun by a log-in, with a token that the client keeps in a cookie
 * and the database as a hash; ended by a log-out.  A log-in always makes a new
 * one (OWASP Session Management).
 */
#include "credential.h"
#include "core/id.h"
#include "core/text.h"
#include "core/token.h"
#include "db/db.h"

#include <apr_strings.h>

enum { SESSION_INSERT, SESSION_DELETE, SESSION_REPLACE };

saas_statement_t saas_session_statements[] = {
    [SESSION_INSERT] = { .name = "session_insert", .scope = SAAS_SYSTEM,
        .sql = "INSERT INTO sessions (id, user_id, hash, created_at, expires_at, address, user_agent)"
               " VALUES ($1, $2, $3, now(), saas_now_plus($4), $5, $6)" },
    [SESSION_DELETE] = { .name = "session_delete", .scope = SAAS_SYSTEM,
        .sql = "DELETE FROM sessions WHERE id = $1" },
    [SESSION_REPLACE] = { .name = "session_replace", .scope = SAAS_SYSTEM,
        .sql = "DELETE FROM sessions WHERE hash = $1" },
    { 0 }
};

apr_status_t saas_session_start_impl(saas_request_t *rq, saas_db_t *db, const char *user_id)
{
    request_rec *r = rq->r;
    saas_context_t *ctx = saas_context_get(r);
    const char *agent = apr_table_get(r->headers_in, "User-Agent");
    char id[SAAS_UUID_LEN + 1], hash[SAAS_HASH_LEN + 1];
    const char *token;
    saas_credential_t former;
    apr_status_t rv;
    if (!ctx) {
        ctx = apr_pcalloc(r->pool, sizeof(*ctx));
        ctx->loaded = SAAS_NO_USER;
        saas_state_get(r)->ctx = ctx;
    }
    if ((rv = saas_uuid7(id)) != APR_SUCCESS || (rv = saas_token_make(rq->pool, "", &token)) != APR_SUCCESS
        || (rv = saas_token_hash(hash, token)) != APR_SUCCESS) {
        return rv;
    }
    /* Only valid UTF-8 may travel to the database. */
    if (agent && (!saas_utf8_valid(agent, strlen(agent)) || strlen(agent) > 512)) {
        agent = NULL;
    }
    /* A session is never carried over a log-in (OWASP Session Management). */
    saas_credential_find(r, &former);
    if (former.by == SAAS_BY_SESSION
        && (rv = saas_db_queue_impl(db, &saas_session_statements[SESSION_REPLACE], SAAS_ARGS(former.hash)))
               != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_queue_impl(db, &saas_session_statements[SESSION_INSERT],
                            SAAS_ARGS(id, user_id, hash,
                                      apr_itoa(rq->pool, (int)apr_time_sec(saas_config_session_lifetime(r->server))),
                                      r->useragent_ip, agent));
    if (rv == APR_SUCCESS) {
        ctx->session_token = token;
    }
    return rv;
}

static void set_cookie(request_rec *r, const char *name, const char *value, int lifetime)
{
    static const char *const same_site[] = { [SAAS_SAME_SITE_LAX] = "Lax", [SAAS_SAME_SITE_STRICT] = "Strict",
                                             [SAAS_SAME_SITE_NONE] = "None" };
    const char *domain = saas_config_cookie_domain(r->server);
    apr_table_add(r->err_headers_out, "Set-Cookie",
                  apr_psprintf(r->pool, "%s=%s; Path=/; Max-Age=%d%s%s; HttpOnly; SameSite=%s%s", name, value,
                               lifetime, domain ? "; Domain=" : "", domain ? domain : "",
                               same_site[saas_config_cookie_same_site(r->server)], saas_cookie_secure(r) ? "; Secure" : ""));
}

void saas_session_cookie_impl(saas_request_t *rq)
{
    saas_context_t *ctx = saas_context_get(rq->r);
    if (ctx && ctx->session_token) {
        set_cookie(rq->r, saas_cookie_name(rq->r), ctx->session_token, (int)apr_time_sec(saas_config_session_lifetime(rq->r->server)));
    }
}

apr_status_t saas_session_end_impl(saas_request_t *rq, saas_db_t *db)
{
    saas_rows_t *rows;
    apr_status_t rv = APR_SUCCESS;
    if (rq->who->by == SAAS_BY_SESSION) {
        rv = saas_db_query_impl(db, &saas_session_statements[SESSION_DELETE], &rows,
                                SAAS_ARGS(rq->who->credential_id));
    }
    if (rv == APR_SUCCESS) {
        set_cookie(rq->r, saas_cookie_name(rq->r), "", 0);
    }
    return rv;
}

/* ------------------------------------------------------- other cookies -- */

const char *saas_cookie_get_impl(saas_request_t *rq, const char *name)
{
    return saas_cookie_find(rq->r, saas_cookie_of(rq->r, name));
}

void saas_cookie_set_impl(saas_request_t *rq, const char *name, const char *value, int seconds)
{
    set_cookie(rq->r, saas_cookie_of(rq->r, name), value, seconds);
}
