/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Who calls: reads the credential off a request, keeps the context that the
 * gates and handlers read, and starts and ends sessions.
 *
 * Order of credentials: API token, session cookie, the user that another
 * module authenticated.  A token that is wrong is never made good by a cookie
 * beside it.  A cookie on an unsafe method counts only when the browser says
 * that the request comes from this very origin (OWASP CSRF cheat sheet: fetch
 * metadata, then Origin); a bearer token needs no such proof, since no browser
 * sends it by itself.
 */
#include "identity.h"
#include "config.h"
#include "verdicts.h"
#include "core/id.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "core/token.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <openssl/crypto.h>

#define TOKEN_PREFIX "saas_"
#define COOKIE "saas_session"
#define COOKIE_SECURE "__Host-" COOKIE
#define CREDENTIAL_MAX 200

/* ----------------------------------------------------------- reading -- */

static int under_tls(request_rec *r)
{
    return saas_config_secure_cookies(r->server) || !strcmp(ap_http_scheme(r), "https");
}

static const char *cookie_name(request_rec *r)
{
    return under_tls(r) ? COOKIE_SECURE : COOKIE;
}

/* The first cookie of that name; RFC 6265, section 4.2. */
static const char *find_cookie(request_rec *r, const char *name)
{
    const char *header = apr_table_get(r->headers_in, "Cookie");
    apr_size_t len = strlen(name);
    while (header && *header) {
        const char *end;
        while (*header == ' ' || *header == ';') {
            header++;
        }
        end = header + strcspn(header, ";");
        if (!strncmp(header, name, len) && header[len] == '=') {
            header += len + 1;
            while (end > header && end[-1] == ' ') {
                end--;
            }
            return apr_pstrmemdup(r->pool, header, (apr_size_t)(end - header));
        }
        header = end;
    }
    return NULL;
}

/* The token of "Authorization: Bearer …": NULL without such a header. */
SAAS_WARM static const char *find_bearer(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");
    if (!header || strncasecmp(header, "Bearer", 6) || (header[6] && header[6] != ' ')) {
        return NULL;
    }
    header += 6;
    while (*header == ' ') {
        header++;
    }
    return header;
}

/* Can this be a token at all?  Keeps hashing away from arbitrary input. */
static int looks_like_token(const char *token)
{
    apr_size_t len = strlen(token);
    const char *c;
    for (c = token; *c && (apr_isalnum(*c) || *c == '_' || *c == '-'); c++) {
    }
    return !*c && len >= 32 && len <= CREDENTIAL_MAX;
}

/* scheme://host[:port] of Origin names the host this request was sent to. */
static int same_origin(request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *scheme = ap_http_scheme(r);
    apr_size_t len = strlen(scheme);
    if (!host) {
        host = r->hostname;
    }
    if (saas_config_trust_forwarded(r->server)) {
        const char *forwarded = apr_table_get(r->headers_in, "X-Forwarded-Host");
        const char *proto = apr_table_get(r->headers_in, "X-Forwarded-Proto");
        host = forwarded ? forwarded : host;
        scheme = proto ? proto : scheme;
        len = strlen(scheme);
    }
    return host && !strncasecmp(origin, scheme, len) && !strncmp(origin + len, "://", 3)
           && !strcasecmp(origin + len + 3, host);
}

/* Can this request change something?  A WebSocket begins as a GET, can be opened
 * from any site and then does whatever it likes (RFC 6455, section 10.2). */
static int is_unsafe(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");
    return (r->method_number != M_GET || (upgrade && ap_strcasestr(upgrade, "websocket")))
           && r->method_number != M_OPTIONS;
}

/* A request that may be another site's doing; one that does not say where it is
 * from counts as such when a cookie came with it, since only browsers have one.
 * A client certificate is what programs have too. */
static int is_cross_site(request_rec *r, int by_cookie)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");
    if (!is_unsafe(r)) {
        return 0;
    }
    if (site) {
        return strcmp(site, "same-origin") != 0;
    }
    return origin ? !same_origin(r, origin) : by_cookie;
}

void saas_credential_outer(request_rec *r, saas_credential_t *credential)
{
    const saas_dir_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_module);
    const char *user = r->user, *err = NULL, *email;
    memset(credential, 0, sizeof(*credential));
    if (conf->user) {
        user = ap_expr_str_exec(r, conf->user, &err);
        if (err) {
            SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1303", "SaasUser for %s failed: %s; the request is nobody's", r->uri, err);
            return;
        }
    }
    if (user && *user && saas_email_parse(r->pool, user, &email) == APR_SUCCESS) {
        credential->by = SAAS_BY_SERVER;
        credential->email = email;
        credential->hash = saas_email_fold(r->pool, email);
    }
}

/* The credential that came last on a connection, and its hash: most clients send one and the same again and again,
 * and the hash is what costs most on the way of a cached request. */
typedef struct last_credential_t {
    apr_size_t len;
    char secret[CREDENTIAL_MAX];
    char hash[SAAS_HASH_LEN + 1];
} last_credential_t;

/* hash has room for SAAS_HASH_LEN + 1.  APR_EINVAL: the secret can be no token. */
SAAS_WARM static apr_status_t hash_credential(request_rec *r, char *hash, const char *secret)
{
    conn_rec *c = r->connection;
    last_credential_t *last = ap_get_module_config(c->conn_config, &saas_module);
    apr_size_t len = strlen(secret);
    apr_status_t rv;
    /* A proxy has many users on a connection: how long it takes may not tell one about another's. */
    if (last && last->len == len && !CRYPTO_memcmp(last->secret, secret, len)) {
        memcpy(hash, last->hash, sizeof(last->hash));
        return APR_SUCCESS;
    }
    if (!looks_like_token(secret)) {
        return APR_EINVAL;
    }
    if ((rv = saas_token_hash(hash, secret)) != APR_SUCCESS || c->master) {
        return rv; /* the streams of an HTTP/2 connection have one each, for one request */
    }
    if (!last) {
        last = apr_palloc(c->pool, sizeof(*last));
        ap_set_module_config(c->conn_config, &saas_module, last);
    }
    last->len = len;
    memcpy(last->secret, secret, len);
    memcpy(last->hash, hash, sizeof(last->hash));
    return APR_SUCCESS;
}

SAAS_WARM void saas_credential_find(request_rec *r, saas_credential_t *credential)
{
    const char *secret = find_bearer(r);
    char *hash = apr_pcalloc(r->pool, SAAS_HASH_LEN + 1);
    memset(credential, 0, sizeof(*credential));
    if (secret) {
        credential->by = SAAS_BY_TOKEN;
        if (strncmp(secret, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1)
            || hash_credential(r, hash, secret) != APR_SUCCESS) {
            credential->malformed = 1;
        }
        credential->hash = hash;
    }
    else if ((secret = find_cookie(r, cookie_name(r))) && hash_credential(r, hash, secret) == APR_SUCCESS) {
        credential->by = SAAS_BY_SESSION;
        credential->hash = hash;
        credential->cross_site = is_cross_site(r, 1);
    }
    else {
        saas_credential_outer(r, credential);
        credential->cross_site = credential->by == SAAS_BY_SERVER && is_cross_site(r, 0);
    }
}

SAAS_WARM void saas_selector_find(request_rec *r, saas_selector_t *selector)
{
    const saas_dir_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_module);
    const char *text = NULL, *err = NULL;
    memset(selector, 0, sizeof(*selector));
    if (conf->organization) {
        text = ap_expr_str_exec(r, conf->organization, &err);
        if (err) {
            SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1302", "SaasOrganization for %s failed: %s; no organization is chosen",
                      r->uri, err);
            selector->choice = SAAS_CHOOSE_NONE;
            return;
        }
    }
    else {
        text = apr_table_get(r->headers_in, "X-Organization-ID");
    }
    saas_selector_from_text(r->pool, text, selector);
}

SAAS_WARM void saas_selector_from_text(apr_pool_t *p, const char *text, saas_selector_t *selector)
{
    char id[SAAS_UUID_LEN + 1];
    if (!text || !*text) {
        selector->choice = SAAS_CHOOSE_DEFAULT;
    }
    else if (saas_uuid_canonical(id, text) == APR_SUCCESS) {
        selector->choice = SAAS_CHOOSE_ID;
        selector->value = apr_pstrmemdup(p, id, SAAS_UUID_LEN);
    }
    else if (saas_slug_is(text)) {
        selector->choice = SAAS_CHOOSE_SLUG;
        selector->value = apr_pstrdup(p, text);
    }
    else {
        selector->choice = SAAS_CHOOSE_NONE;
    }
}

/* ----------------------------------------------------------- context -- */

SAAS_WARM saas_state_t *saas_state_get(request_rec *r)
{
    saas_state_t *state = saas_state_find(r);
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state) + (apr_size_t)saas_gates_count());
        ap_set_module_config(r->request_config, &saas_module, state);
    }
    return state;
}

SAAS_WARM saas_context_t *saas_context_own(request_rec *r)
{
    const saas_state_t *state = saas_state_find(r);
    return state ? state->ctx : NULL;
}

SAAS_WARM saas_context_t *saas_context_get(request_rec *r)
{
    for (; r; r = r->prev ? r->prev : r->main) {
        saas_context_t *ctx = saas_context_own(r);
        if (ctx) {
            return ctx;
        }
    }
    return NULL;
}

static int same_credential(const saas_credential_t *a, const saas_credential_t *b)
{
    return a->by == b->by && a->hash && b->hash && !strcmp(a->hash, b->hash);
}

static int same_selector(const saas_selector_t *a, const saas_selector_t *b)
{
    return a->choice == b->choice && a->object == b->object
           && (a->value == b->value || (a->value && b->value && !strcmp(a->value, b->value)));
}

int saas_context_same(const saas_context_t *ctx, const saas_credential_t *credential, const saas_selector_t *selector)
{
    return same_selector(&ctx->selector, selector) && same_credential(&ctx->credential, credential);
}

int saas_context_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);
    return type && !strcasecmp(type, SAAS_AUTH_TYPE);
}

SAAS_WARM saas_context_t *saas_context_begin(request_rec *r)
{
    saas_state_t *state = saas_state_get(r);
    if (!state->begun) {
        saas_context_t *ctx = apr_pcalloc(r->pool, sizeof(*ctx));
        saas_credential_find(r, &ctx->credential);
        saas_selector_find(r, &ctx->selector);
        ctx->cross_site = ctx->credential.cross_site;
        ctx->loaded = SAAS_NO_USER;
        state->begun = ctx;
    }
    return state->begun;
}

SAAS_WARM int saas_context_recall(request_rec *r, saas_context_t *ctx)
{
    if (ctx->credential.by == SAAS_BY_NOTHING || ctx->credential.malformed
        || !saas_tenant_recall(r, &ctx->credential, &ctx->selector, ctx)) {
        return 0;
    }
    if (ctx->touch_token) {
        saas_tenant_touch(r, ctx->who.credential_id);
    }
    return 1;
}

saas_context_t *saas_context_load(request_rec *r, const saas_credential_t *credential,
                                  const saas_selector_t *selector)
{
    const saas_dir_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_module);
    saas_context_t *ctx = saas_context_get(r);
    if (ctx && ctx->loaded == SAAS_GRANTED && saas_context_same(ctx, credential, selector)) {
        saas_state_get(r)->ctx = ctx;
        return ctx;
    }
    ctx = apr_pcalloc(r->pool, sizeof(*ctx));
    ctx->selector = *selector;
    ctx->credential = *credential;
    ctx->cross_site = credential->cross_site;
    if (credential->by == SAAS_BY_NOTHING || credential->malformed) {
        ctx->loaded = SAAS_NO_USER;
        ctx->authentication_failed = credential->malformed;
    }
    else {
        saas_tenant_load(r, credential, selector, ctx);
        /* A user who is locked is there already, and stays nobody. */
        if (ctx->loaded == SAAS_NO_USER && credential->by == SAAS_BY_SERVER && conf->user_create == 1) {
            if (saas_tenant_create_user(r, credential) == APR_SUCCESS) {
                ctx->authentication_failed = 0;
                saas_tenant_load(r, credential, selector, ctx);
            }
            else {
                ctx->loaded = SAAS_UNAVAILABLE;
            }
        }
    }
    if (ctx->touch_token) {
        saas_tenant_touch(r, ctx->who.credential_id);
    }
    saas_state_get(r)->ctx = ctx;
    return ctx;
}

/* ----------------------------------------------------------- exports -- */

/* How a principal is told to others: by variable, by header. */
static const struct {
    const char *variable, *header;
} exports[] = {
    { "SAAS_USER", "X-Saas-User" },
    { "SAAS_EMAIL", "X-Saas-Email" },
    { "SAAS_ORG", "X-Saas-Organization" },
    { "SAAS_ROLE", "X-Saas-Role" },
    { "SAAS_SUBSCRIPTION", "X-Saas-Subscription" },
};
#define N_EXPORTS (sizeof(exports) / sizeof(*exports))

/* Is there a key that begins so?  A table is short, and setting a key compares it with each of its like. */
SAAS_WARM static int has_like(const apr_table_t *table, const char *prefix)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)elts->elts;
    int i;
    for (i = 0; i < elts->nelts && strncasecmp(entry[i].key, prefix, strlen(prefix)); i++) {
    }
    return i < elts->nelts;
}

/* What is not known is taken away: a subrequest or redirect may be about
 * another organization than the request it came from, or about none. */
SAAS_WARM static void export_to(apr_table_t *table, const saas_principal_t *who, int as_headers)
{
    const char *values[N_EXPORTS] = { who->user_id, who->email };
    int taken = has_like(table, as_headers ? "X-Saas-" : "SAAS_");
    size_t i;
    if (who->org_id) {
        values[2] = who->org_id;
        values[3] = saas_role_text(who->role);
        values[4] = who->subscription;
    }
    for (i = 0; i < N_EXPORTS; i++) {
        const char *key = as_headers ? exports[i].header : exports[i].variable;
        if (taken) {
            apr_table_unset(table, key);
        }
        if (values[i]) {
            apr_table_addn(table, key, values[i]);
        }
    }
}

SAAS_WARM void saas_identity_export(request_rec *r, const saas_principal_t *who)
{
    export_to(r->subprocess_env, who, 0);
}

SAAS_WARM static void write_log_notes(request_rec *r, const saas_context_t *ctx)
{
    if (ctx->loaded == SAAS_GRANTED) {
        if (!apr_table_get(r->subprocess_env, exports[0].variable)) {
            saas_identity_export(r, &ctx->who);
        }
        /* Nobody else sets them. */
        apr_table_addn(r->notes, "saas-user", ctx->who.user_id);
        if (ctx->who.org_id) {
            apr_table_addn(r->notes, "saas-org", ctx->who.org_id);
        }
    }
    if (!apr_table_get(r->notes, SAAS_VERDICT_NOTE)) {
        const char *before = r->prev ? apr_table_get(r->prev->notes, SAAS_VERDICT_NOTE) : NULL;
        apr_table_addn(r->notes, SAAS_VERDICT_NOTE, before ? before : "granted");
    }
}

SAAS_WARM void saas_identity_log(request_rec *r)
{
    /* Most of LogFormat looks at the last request of a chain of redirects. */
    for (; r; r = r->next) {
        const saas_context_t *ctx = saas_context_get(r);
        saas_verdicts_log(r);
        if (ctx) {
            write_log_notes(r, ctx);
        }
    }
}

/* CGI turns '-' and '_' of a header's name into the same variable. */
static int is_identity_header(const char *name)
{
    static const char prefix[] = "x-saas-";
    apr_size_t i;
    for (i = 0; prefix[i]; i++) {
        char c = name[i] == '_' ? '-' : (char)apr_tolower(name[i]);
        if (c != prefix[i]) {
            return 0;
        }
    }
    return 1;
}

/* "Connection: X-Saas-Role" would have mod_proxy drop a header that we set. */
static void scrub_connection(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Connection");
    const char *kept = "";
    char *rest, *last, *word;
    int found = 0;
    if (!header || !ap_strcasestr(header, "saas")) {
        return;
    }
    rest = apr_pstrdup(r->pool, header);
    for (word = apr_strtok(rest, ", \t", &last); word; word = apr_strtok(NULL, ", \t", &last)) {
        if (is_identity_header(word)) {
            found = 1;
        }
        else {
            kept = apr_pstrcat(r->pool, kept, *kept ? ", " : "", word, NULL);
        }
    }
    if (found && *kept) {
        apr_table_setn(r->headers_in, "Connection", kept);
    }
    else if (found) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

static void scrub(request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)headers->elts;
    int i, found = 0;
    for (i = 0; i < headers->nelts && !found; i++) {
        found = is_identity_header(entry[i].key);
    }
    if (found) {
        apr_table_t *kept = apr_table_make(r->pool, headers->nelts);
        for (i = 0; i < headers->nelts; i++) {
            if (!is_identity_header(entry[i].key)) {
                apr_table_addn(kept, entry[i].key, entry[i].val);
            }
        }
        r->headers_in = kept;
    }
}

void saas_identity_scrub(request_rec *r)
{
    scrub(r);
    scrub_connection(r);
}

void saas_identity_headers(request_rec *r, const saas_principal_t *who)
{
    scrub(r);
    export_to(r->headers_in, who, 1);
}

/* ---------------------------------------------------------- sessions -- */

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
                                      apr_itoa(rq->pool, saas_config_session_lifetime(r->server)),
                                      r->useragent_ip, agent));
    if (rv == APR_SUCCESS) {
        ctx->session_token = token;
    }
    return rv;
}

static void set_cookie(request_rec *r, const char *value, int lifetime)
{
    apr_table_add(r->err_headers_out, "Set-Cookie",
                  apr_psprintf(r->pool, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", cookie_name(r), value,
                               lifetime, under_tls(r) ? "; Secure" : ""));
}

void saas_session_cookie_impl(saas_request_t *rq)
{
    saas_context_t *ctx = saas_context_get(rq->r);
    if (ctx && ctx->session_token) {
        set_cookie(rq->r, ctx->session_token, saas_config_session_lifetime(rq->r->server));
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
        set_cookie(rq->r, "", 0);
    }
    return rv;
}
