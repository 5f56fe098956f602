/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What proves who calls, read off a request, and which organization it names.
 *
 * Order of credentials: API token, session cookie, the user that another
 * module authenticated.  A token that is wrong is never made good by a cookie
 * beside it.  A cookie on an unsafe method counts only when the browser says
 * that the request comes from this very origin, or from one that the operator
 * has named (OWASP CSRF cheat sheet: fetch metadata, then Origin); a bearer
 * token needs no such proof, since no browser sends it by itself.
 */
#include "credential.h"
#include "core/id.h"
#include "core/text.h"
#include "core/token.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <openssl/crypto.h>

#define TOKEN_PREFIX "saas_"
#define COOKIE "saas_session"
#define COOKIE_SECURE "__Host-" COOKIE
#define CREDENTIAL_MAX 200

int saas_cookie_secure(request_rec *r)
{
    return saas_config_secure_cookies(r->server) || !strcmp(ap_http_scheme(r), "https");
}

/* A __Host- cookie has no Domain (RFC 6265bis, section 4.1.3.2). */
static int is_of_host(request_rec *r)
{
    return saas_cookie_secure(r) && !saas_config_cookie_domain(r->server);
}

const char *saas_cookie_name(request_rec *r)
{
    return is_of_host(r) ? COOKIE_SECURE : COOKIE;
}

const char *saas_cookie_of(request_rec *r, const char *name)
{
    return is_of_host(r) ? apr_pstrcat(r->pool, "__Host-", name, NULL) : name;
}

/* The first cookie of that name; RFC 6265, section 4.2. */
const char *saas_cookie_find(request_rec *r, const char *name)
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
    const saas_dir_config_t *conf = saas_dir_config(r);
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *scheme = ap_http_scheme(r);
    apr_size_t len = strlen(scheme);
    if (!host) {
        host = r->hostname;
    }
    /* A proxy that asks for a verdict tells where its client has asked, and is believed by then (gate/verify.c). */
    if (saas_config_verifies(conf) || saas_config_trust_forwarded(r->server)) {
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
    if (origin && saas_origin_allowed(r, origin)) {
        return 0; /* the operator has named it */
    }
    if (site) {
        return strcmp(site, "same-origin") != 0;
    }
    return origin ? !same_origin(r, origin) : by_cookie;
}

void saas_credential_outer(request_rec *r, saas_credential_t *credential)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
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
        credential->spelled = saas_email_spelled(r->pool, email);
        if (!strcmp(credential->spelled, credential->hash)) {
            credential->spelled = NULL;
        }
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
    else if ((secret = saas_cookie_find(r, saas_cookie_name(r))) && hash_credential(r, hash, secret) == APR_SUCCESS) {
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
    const saas_dir_config_t *conf = saas_dir_config(r);
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
