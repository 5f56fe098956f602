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

/* Whether a live key stands in the configuration itself: httpd's copies of it are out of reach. */
static int live_in_conf;

static apr_status_t clear_flag(void *flag)
{
    *(int *)flag = 0;
    return APR_SUCCESS;
}

static int is_live_key(const char *key)
{
    return strstr(key, "_live_") != NULL;
}

static const char *check_key(apr_pool_t *p, const char *arg, const char **value)
{
    static const struct {
        const char *prefix, *is;
    } others[] = {
        { "pk_", "this is a publishable key (pk_...), a secret or restricted one is needed" },
        { "whsec_", "this is a webhook's signing secret (whsec_...), which SaasStripeWebhookSecret wants" },
        { "price_", "this is a price; the key begins with sk_ or rk_" },
    };
    const char *wrong = saas_check_key(p, arg, value);
    apr_size_t i;

    for (i = 0; !wrong && i < sizeof(others) / sizeof(*others); i++) {
        wrong = strncmp(*value, others[i].prefix, strlen(others[i].prefix)) ? NULL : others[i].is;
    }
    if (!wrong && is_live_key(*value) && strncmp(arg, "file:", 5) && strncmp(arg, "env:", 4) && !live_in_conf) {
        live_in_conf = 1;
        apr_pool_cleanup_register(p, &live_in_conf, clear_flag, apr_pool_cleanup_null);
    }
    return wrong;
}

SAAS_DIRECTIVES_DEFINE(saas_billing_config, saas_billing_module, SAAS_BILLING_DIRECTIVES)

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
    const server_rec *live = NULL, *test = NULL;
    server_rec *s;

    if (live_in_conf) {
        SAAS_LOG(main_server, APLOG_WARNING, 0, "SAAS1510",
                 "SaasStripeSecretKey: a live key stands in the configuration itself, which more people and more programs "
                 "read than should know it: write file:/path, and roll the key at Stripe");
    }
    for (s = main_server; s; s = s->next) {
        const char *key = saas_billing_config_key(s), *api = saas_billing_config_api(s);
        const char *frontend = saas_billing_config_frontend(s);
        if (!key || !is_live_key(key)) {
            test = key ? s : test;
            continue;
        }
        live = s;
        if (!strncmp(api, "http://", 7) && !is_loopback(ptemp, api)) {
            return apr_psprintf(pconf, "SaasStripeAPI %s would send a live key in the clear: use https://", api);
        }
        if (frontend && !strncmp(frontend, "http://", 7)) {
            SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1501",
                     "SaasFrontendURL %s is plain http and the Stripe key is a live one: use https://", frontend);
        }
    }
    if (live && test) {
        SAAS_LOG(main_server, APLOG_WARNING, 0, "SAAS1511",
                 "the server %s has a live key of Stripe's and %s a test key: an organization that both reach would lose its "
                 "customer at Stripe to the other mode at its next checkout; give each a database of its own (DBDParams)",
                 live->server_hostname ? live->server_hostname : "main", test->server_hostname ? test->server_hostname : "main");
    }
    return NULL;
}

/* ---------------------------------------------------------- statements -- */

/* The organization, whether it has subscribed or had a trial before, whose the access is, and its checkouts that have not ended as far as is known. */
#define LOOK_COLUMNS \
    "SELECT o.name, o.subscription_status, o.stripe_status, o.stripe_customer_id," \
    " CASE WHEN o.subscription_ends_at IS NULL OR o.subscription_ends_at > now() THEN TRUE ELSE FALSE END," \
    " (SELECT count(*) FROM checkout_sessions n WHERE n.org_id = $1)," \
    " CASE WHEN o.trial_started_at IS NOT NULL OR EXISTS (SELECT 1 FROM subscriptions b WHERE b.org_id = $1" \
    " AND b.status NOT IN ('incomplete', 'incomplete_expired')) THEN TRUE ELSE FALSE END," \
    " s.id, s.url, s.order_digest, CASE WHEN o.trial_ends_at = o.subscription_ends_at THEN TRUE ELSE FALSE END," \
    " (SELECT count(*) FROM memberships m WHERE m.org_id = $1)" \
    " FROM organizations o LEFT JOIN checkout_sessions s ON s.org_id = o.id AND s.status = 'open'" \
    " WHERE o.id = $1 AND o.deleted_at IS NULL ORDER BY s.created_at DESC LIMIT 20"

saas_statement_t saas_billing_statements[] = {
    [SAAS_BILLING_LOOK] = { "billing_look", SAAS_TENANT, LOOK_COLUMNS, NULL, 0 },
    [SAAS_BILLING_LOCK] = { "billing_lock", SAAS_TENANT,
        "SELECT id FROM organizations WHERE id = $1 FOR UPDATE", NULL, 0 },
    [SAAS_BILLING_KEEP_CUSTOMER] = { "billing_keep_customer", SAAS_TENANT,
        "UPDATE organizations SET updated_at = now(), stripe_customer_id = CASE"
        " WHEN stripe_customer_id IS NULL OR stripe_customer_id = $3::text THEN $2::text ELSE stripe_customer_id END"
        " WHERE id = $1 RETURNING stripe_customer_id", NULL, 0 },
    [SAAS_BILLING_KEEP_SESSION] = { "billing_keep_session", SAAS_TENANT,
        "INSERT INTO checkout_sessions (org_id, id, price_id, url, created_by, created_at, expires_at, order_digest)"
        " VALUES ($1, $2, $3, $4, $5::uuid, now(), $6::timestamptz, $7) ON CONFLICT (org_id, id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_BIND] = { "billing_bind", SAAS_SYSTEM,
        "INSERT INTO stripe_bindings (stripe_id, organization_id, created_at) VALUES ($1, $2::uuid, now())"
        " ON CONFLICT (stripe_id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_SUBSCRIPTION] = { "billing_subscription", SAAS_TENANT,
        "SELECT CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'"
        " ELSE o.subscription_status END, o.stripe_status, s.price_id, s.period_end,"
        " CASE WHEN s.cancel_at IS NOT NULL THEN TRUE ELSE s.cancel_at_period_end END, o.subscription_ends_at,"
        " o.subscription_started_at,"
        " CASE WHEN o.subscription_status = 'active'"
        " AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now()) THEN TRUE ELSE FALSE END,"
        " CASE WHEN o.stripe_status = 'trialing' THEN coalesce(o.subscription_ends_at, s.period_end) ELSE o.trial_ends_at END,"
        " CASE WHEN o.stripe_status = 'trialing' OR o.trial_ends_at = o.subscription_ends_at THEN TRUE ELSE FALSE END"
        " FROM organizations o LEFT JOIN subscriptions s ON s.org_id = o.id AND s.id = o.stripe_subscription_id"
        " WHERE o.id = $1", NULL, 0 },
    [SAAS_BILLING_CUSTOMER] = { "billing_customer", SAAS_TENANT,
        "SELECT stripe_customer_id FROM organizations WHERE id = $1", NULL, 0 },
    [SAAS_BILLING_NEWS_EXPECT] = { "billing_news_expect", SAAS_SYSTEM,
        "INSERT INTO stripe_news (stripe_id, organization_id, ask_at)"
        " VALUES ($1, $2::uuid, saas_now_plus(CAST($3 AS double precision))) ON CONFLICT (stripe_id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_NEWS_QUEUED] = { "billing_news_queued", SAAS_SYSTEM,
        "SELECT count(*) FROM jobs WHERE kind = $1 AND state = 'queued'", NULL, 0 },
    [SAAS_BILLING_NEWS_DUE] = { "billing_news_due", SAAS_SYSTEM,
        "SELECT stripe_id, organization_id FROM stripe_news WHERE ask_at <= now() ORDER BY ask_at LIMIT 100", NULL, 0 },
    /* Should the job get lost, it is handed on again. */
    [SAAS_BILLING_NEWS_HANDED] = { "billing_news_handed", SAAS_SYSTEM,
        "UPDATE stripe_news SET ask_at = saas_now_plus(3600) WHERE stripe_id = $1", NULL, 0 },
    [SAAS_BILLING_NEWS_ASKED] = { "billing_news_asked", SAAS_SYSTEM,
        "UPDATE stripe_news SET asked_at = $2::timestamptz, failures = 0, error = NULL,"
        " ask_at = CASE WHEN told_at > $2::timestamptz THEN ask_at"
        " ELSE saas_now_plus(CAST($3 AS double precision)) END WHERE stripe_id = $1", NULL, 0 },
    /* After a minute, four, sixteen and so on; once a day at least. */
    [SAAS_BILLING_NEWS_FAILED] = { "billing_news_failed", SAAS_SYSTEM,
        "UPDATE stripe_news SET failures = failures + 1, error = $2,"
        " ask_at = saas_now_plus(CASE WHEN failures < 6 THEN 60 * (1 << (2 * failures)) ELSE 86400 END)"
        " WHERE stripe_id = $1", NULL, 0 },
    [SAAS_BILLING_NEWS_OVER] = { "billing_news_over", SAAS_SYSTEM,
        "DELETE FROM stripe_news WHERE stripe_id = $1", NULL, 0 },
    /* An event that is on its way has the time to come. */
    [SAAS_BILLING_NEWS_SOON] = { "billing_news_soon", SAAS_SYSTEM,
        "UPDATE stripe_news SET ask_at = saas_now_plus(5) WHERE stripe_id = $1 AND ask_at > saas_now_plus(5)", NULL, 0 },
    [SAAS_BILLING_SESSION_OVER] = { "billing_session_over", SAAS_TENANT,
        "UPDATE checkout_sessions SET status = $3 WHERE org_id = $1 AND id = $2 AND status = 'open'", NULL, 0 },
    /* By the user's own list of organizations, and no further than the token ($3). */
    [SAAS_BILLING_WHOSE_SESSION] = { "billing_whose_session", SAAS_SYSTEM,
        "SELECT b.organization_id FROM stripe_bindings b"
        " JOIN user_organizations d ON d.org_id = b.organization_id AND d.user_id = $2::uuid"
        " LEFT JOIN tokens t ON t.id = $3::uuid"
        " WHERE b.stripe_id = $1 AND (t.organization_id IS NULL OR t.organization_id = d.org_id)", NULL, 0 },
    [SAAS_BILLING_SESSION] = { "billing_session", SAAS_TENANT,
        "SELECT o.id, o.name, o.slug, s.status, CASE WHEN o.subscription_status = 'active'"
        " AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now()) THEN TRUE ELSE FALSE END"
        " FROM organizations o JOIN checkout_sessions s ON s.org_id = o.id AND s.id = $2"
        " WHERE o.id = $1 AND o.deleted_at IS NULL", NULL, 0 },
    [SAAS_BILLING_SEATS_NONE] = { "billing_seats_none", SAAS_SYSTEM,
        "DELETE FROM stripe_seats WHERE due_at <= now()", NULL, 0 },
    [SAAS_BILLING_SEATS_DUE] = { "billing_seats_due", SAAS_SYSTEM,
        "SELECT s.organization_id, o.stripe_subscription_id FROM stripe_seats s JOIN organizations o ON o.id = s.organization_id"
        " WHERE s.due_at <= now() ORDER BY s.due_at LIMIT 100", NULL, 0 },
    [SAAS_BILLING_SEATS_HANDED] = { "billing_seats_handed", SAAS_SYSTEM,
        "DELETE FROM stripe_seats WHERE organization_id = $1", NULL, 0 },
    [SAAS_BILLING_SEATS_AGAIN] = { "billing_seats_again", SAAS_SYSTEM,
        "INSERT INTO stripe_seats (organization_id, due_at) SELECT id, saas_now_plus(600) FROM organizations WHERE id = $1::uuid"
        " ON CONFLICT (organization_id) DO NOTHING", NULL, 0 },
    [SAAS_BILLING_MEMBERS] = { "billing_members", SAAS_TENANT,
        "SELECT count(*) FROM memberships WHERE org_id = $1", NULL, 0 },
    { NULL, 0, NULL, NULL, 0 }
};

/* -------------------------------------------------------------- plugin -- */

static const saas_route_t routes[] = {
    { .method = SAAS_POST, .path = "/billing/checkout-session/", .handler = saas_billing_checkout,
      SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { .method = SAAS_POST, .path = "/billing/portal-session/", .handler = saas_billing_portal, SAAS_GATES(saas_is_admin),
      .body = SAAS_BODY_JSON },
    { .method = SAAS_GET, .path = "/billing/return/", .handler = saas_billing_return, SAAS_GATES(saas_is_user) },
    { .method = SAAS_GET, .path = "/billing/plans/", .handler = saas_billing_plans },
    { .method = SAAS_GET, .path = "/billing/subscription/", .handler = saas_billing_subscription,
      SAAS_GATES(saas_is_member) },
    { .method = SAAS_GET, .path = "/billing/usage/", .handler = saas_billing_usage, SAAS_GATES(saas_is_member) },
    { 0 }
};

static const saas_job_kind_t jobs[] = {
    { .kind = SAAS_BILLING_CANCEL_JOB, .run = saas_billing_cancel, .gave_up = saas_billing_cancel_gave_up,
      .max_attempts = SAAS_BILLING_CANCEL_ATTEMPTS, .per_node = 1 },
    { .kind = SAAS_BILLING_DUE_JOB, .run = saas_billing_due, .max_attempts = 1, .per_node = 1 },
    /* One after the other on a node keeps below Stripe's limits, one at a time of an organization its answers in order. */
    { .kind = SAAS_BILLING_ASK_JOB, .run = saas_billing_ask, .max_attempts = SAAS_BILLING_ASK_ATTEMPTS,
      .per_organization = 1, .per_node = 1 },
    { .kind = NULL }
};

static const saas_periodic_t periodic[] = { { SAAS_BILLING_DUE_JOB, SAAS_BILLING_DUE_SECONDS }, { NULL, 0 } };

static const char *const outcomes[] = { "answered", "missing", "failed", NULL };

static saas_counter_t counters[] = {
    { .name = "billing_asked", .label = "outcome", .values = outcomes,
      .help = "Subscriptions, customers and checkouts that Stripe was asked for because news of them may have got lost; "
              "failed: there was no answer, it is asked again." },
    { 0 }
};

void saas_billing_count_asked(saas_billing_asked_e what)
{
    saas_count(&counters[0], (int)what, 1);
}

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("billing"),
    .openapi = saas_openapi_text,
    .statements = saas_billing_statements,
    .routes = routes,
    .jobs = jobs,
    .periodic = periodic,
    .counters = counters,
    .check_config = check_config,
    .examine = saas_billing_examine,
};

static apr_status_t release_curl(void *nothing)
{
    (void)nothing;
    curl_global_cleanup();
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    if (saas_billing_plans_begin(p) != APR_SUCCESS || !saas_stripe_global_init()) {
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS1502", "libcurl could not be initialized: calls to Stripe will fail");
        return;
    }
    apr_pool_cleanup_register(p, NULL, release_curl, apr_pool_cleanup_null);
}

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
    /* Before others that use libcurl: see memory.c. */
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_FIRST);
}

module AP_MODULE_DECLARE_DATA saas_billing_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, saas_billing_config_create, saas_billing_config_merge,
    saas_billing_config_commands, register_hooks, 0
};
