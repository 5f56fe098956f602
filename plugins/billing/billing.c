/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The billing plugin: sends people to Stripe's checkout page and shows what
 * their organization's subscription is.  Here: directives, statements, routes.
 * It never changes a subscription's state: only Stripe's events do.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>
#include <apr_uri.h>
#include <curl/curl.h>

module AP_MODULE_DECLARE_DATA saas_billing_module;
SAAS_PLUGIN_DEFINE;

/* ---------------------------------------------------------- directives -- */

static void *create_config(apr_pool_t *p, server_rec *s)
{
    saas_billing_config_t *conf = apr_pcalloc(p, sizeof(*conf));
    (void)s;
    conf->prices = apr_array_make(p, 2, sizeof(const char *));
    return conf;
}

#define MERGE(member) conf->member = add->member ? add->member : base->member

static void *merge_config(apr_pool_t *p, void *basev, void *addv)
{
    const saas_billing_config_t *base = basev, *add = addv;
    saas_billing_config_t *conf = apr_pcalloc(p, sizeof(*conf));
    MERGE(api);
    MERGE(key);
    MERGE(version);
    MERGE(frontend);
    conf->prices = add->prices->nelts ? add->prices : base->prices;
    return conf;
}

const saas_billing_config_t *saas_billing_config(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_billing_module);
}

static saas_billing_config_t *config_of(const cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &saas_billing_module);
}

/* Visible ASCII, so that it may stand in a header or a form. */
static int is_plain(const char *text)
{
    const char *c;
    for (c = text; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f) {
            return 0;
        }
    }
    return c > text && c - text <= 255;
}

/* An http(s) URL without query, without the slash at its end; NULL: it is none. */
static const char *read_url(apr_pool_t *p, const char *text)
{
    apr_uri_t uri;
    apr_size_t len = strlen(text);
    if (!is_plain(text) || apr_uri_parse(p, text, &uri) != APR_SUCCESS || !uri.scheme || !uri.hostname
        || !*uri.hostname || uri.query || uri.fragment || uri.user
        || (strcmp(uri.scheme, "https") && strcmp(uri.scheme, "http"))) {
        return NULL;
    }
    while (len && text[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(p, text, len);
}

static const char *set_url(cmd_parms *cmd, const char *arg, const char **member)
{
    *member = read_url(cmd->pool, arg);
    return *member ? NULL
                   : apr_psprintf(cmd->pool, "%s: \"%s\" is not an http:// or https:// URL without user, query and fragment",
                                  cmd->cmd->name, arg);
}

static const char *set_api(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return set_url(cmd, arg, &config_of(cmd)->api);
}

static const char *set_frontend(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return set_url(cmd, arg, &config_of(cmd)->frontend);
}

static const char *set_key(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *key;
    const char *wrong = saas_secret_read(cmd->pool, arg, &key);
    (void)dir;
    if (wrong) {
        return apr_pstrcat(cmd->pool, "SaasStripeSecretKey: ", wrong, NULL);
    }
    if (!is_plain(key)) {
        return "SaasStripeSecretKey: the key is empty, too long or contains white space";
    }
    if (!strncmp(key, "pk_", 3)) {
        return "SaasStripeSecretKey: this is a publishable key (pk_...), a secret or restricted one is needed";
    }
    config_of(cmd)->key = key;
    return NULL;
}

static const char *set_price(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (!is_plain(arg)) {
        return "SaasStripePrice: a price is the id of one, price_...";
    }
    APR_ARRAY_PUSH(config_of(cmd)->prices, const char *) = arg;
    return NULL;
}

static const char *set_version(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (!is_plain(arg)) {
        return "SaasStripeVersion: a version is like " SAAS_STRIPE_VERSION;
    }
    config_of(cmd)->version = arg;
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE1("SaasStripeAPI", set_api, NULL, RSRC_CONF,
                  "base URL of Stripe's API (default " SAAS_BILLING_API "); for tests"),
    AP_INIT_TAKE1("SaasStripeSecretKey", set_key, NULL, RSRC_CONF,
                  "secret key of the Stripe account, or file:/path or env:NAME"),
    AP_INIT_ITERATE("SaasStripePrice", set_price, NULL, RSRC_CONF,
                    "prices (price_...) that are sold here, the default one first"),
    AP_INIT_TAKE1("SaasStripeVersion", set_version, NULL, RSRC_CONF,
                  "version of Stripe's API (default " SAAS_STRIPE_VERSION ")"),
    AP_INIT_TAKE1("SaasFrontendURL", set_frontend, NULL, RSRC_CONF, "URL of the product's own pages"),
    { NULL }
};

/* Only what is an address, or "localhost": 127.example.org is somebody's name. */
static int is_loopback(apr_pool_t *p, const char *url)
{
    apr_uri_t uri;
    if (apr_uri_parse(p, url, &uri) != APR_SUCCESS || !uri.hostname) {
        return 0;
    }
    return !strcmp(uri.hostname, "localhost") || !strcmp(uri.hostname, "::1")
           || (!strncmp(uri.hostname, "127.", 4) && !uri.hostname[strspn(uri.hostname, "0123456789.")]);
}

static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    server_rec *s;
    for (s = main_server; s; s = s->next) {
        const saas_billing_config_t *conf = saas_billing_config(s);
        if (!conf->key || !strstr(conf->key, "_live_")) {
            continue;
        }
        if (conf->api && !strncmp(conf->api, "http://", 7) && !is_loopback(ptemp, conf->api)) {
            return apr_psprintf(pconf, "SaasStripeAPI %s would send a live key in the clear: use https://", conf->api);
        }
        if (conf->frontend && !strncmp(conf->frontend, "http://", 7)) {
            SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1501",
                     "SaasFrontendURL %s is plain http and the Stripe key is a live one: use https://", conf->frontend);
        }
    }
    return NULL;
}

/* ---------------------------------------------------------- statements -- */

/* The organization, and the checkout of the price ($2) that is still open. */
#define LOOK_COLUMNS \
    "SELECT o.name, o.subscription_status, o.stripe_status, o.stripe_customer_id," \
    " CASE WHEN o.subscription_ends_at IS NULL OR o.subscription_ends_at > now() THEN TRUE ELSE FALSE END," \
    " (SELECT count(*) FROM checkout_sessions n WHERE n.org_id = $1)," \
    " s.id, s.url" \
    " FROM organizations o LEFT JOIN checkout_sessions s ON s.org_id = o.id AND s.price_id = $2::text" \
    " AND s.status = 'open' AND s.expires_at > saas_now_plus(60)" \
    " WHERE o.id = $1 ORDER BY s.created_at DESC LIMIT 1"

saas_statement_t saas_billing_statements[] = {
    [SAAS_BILLING_LOOK] = { "billing_look", SAAS_TENANT, LOOK_COLUMNS, NULL, 0 },
    [SAAS_BILLING_LOCK] = { "billing_lock", SAAS_TENANT,
        "SELECT id FROM organizations WHERE id = $1 FOR UPDATE", NULL, 0 },
    [SAAS_BILLING_KEEP_CUSTOMER] = { "billing_keep_customer", SAAS_TENANT,
        "UPDATE organizations SET updated_at = now(), stripe_customer_id = CASE"
        " WHEN stripe_customer_id IS NULL OR stripe_customer_id = $3::text THEN $2::text ELSE stripe_customer_id END"
        " WHERE id = $1 RETURNING stripe_customer_id", NULL, 0 },
    [SAAS_BILLING_KEEP_SESSION] = { "billing_keep_session", SAAS_TENANT,
        "INSERT INTO checkout_sessions (org_id, id, price_id, url, created_by, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5::uuid, now(), $6::timestamptz) ON CONFLICT (org_id, id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_BIND] = { "billing_bind", SAAS_SYSTEM,
        "INSERT INTO stripe_bindings (stripe_id, organization_id, created_at) VALUES ($1, $2::uuid, now())"
        " ON CONFLICT (stripe_id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_SUBSCRIPTION] = { "billing_subscription", SAAS_TENANT,
        "SELECT CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'"
        " ELSE o.subscription_status END, o.stripe_status, s.price_id, s.period_end,"
        " CASE WHEN s.cancel_at IS NOT NULL THEN TRUE ELSE s.cancel_at_period_end END, o.subscription_ends_at,"
        " o.subscription_started_at,"
        " CASE WHEN o.subscription_status = 'active'"
        " AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now()) THEN TRUE ELSE FALSE END"
        " FROM organizations o LEFT JOIN subscriptions s ON s.org_id = o.id AND s.id = o.stripe_subscription_id"
        " WHERE o.id = $1", NULL, 0 },
    { NULL, 0, NULL, NULL, 0 }
};

/* -------------------------------------------------------------- plugin -- */

static const saas_route_t routes[] = {
    { .method = SAAS_POST, .path = "/billing/checkout-session/", .handler = saas_billing_checkout,
      SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { .method = SAAS_GET, .path = "/billing/subscription/", .handler = saas_billing_subscription,
      SAAS_GATES(saas_is_member) },
    { 0 }
};

static const saas_job_kind_t jobs[] = {
    { .kind = SAAS_BILLING_CANCEL_JOB, .run = saas_billing_cancel, .gave_up = saas_billing_cancel_gave_up,
      .max_attempts = SAAS_BILLING_CANCEL_ATTEMPTS, .per_node = 1 },
    { .kind = NULL }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("billing"),
    .openapi = saas_openapi_text,
    .statements = saas_billing_statements,
    .routes = routes,
    .jobs = jobs,
    .check_config = check_config,
};

static apr_status_t release_curl(void *nothing)
{
    (void)nothing;
    curl_global_cleanup();
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS1502", "libcurl could not be initialized: calls to Stripe will fail");
        return;
    }
    apr_pool_cleanup_register(p, NULL, release_curl, apr_pool_cleanup_null);
}

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA saas_billing_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, create_config, merge_config, directives, register_hooks, 0
};
