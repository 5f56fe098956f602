/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The webhooks plugin: takes Stripe's events and keeps every organization's
 * subscription.  Here: directives, statements, the route, jobs.  receive.c
 * verifies; an event is applied in one transaction (work.h): delivery.c's for
 * what Stripe has sent, told.c's and replay.c's for what comes by another way.
 * Of it apply.c has the steps in their order, ours.c and whose.c say whom it
 * concerns, fold.c and organization.c what changes, news.c when Stripe is asked
 * next, admins.c who is told; claims.c is about sales that did not begin here;
 * signature.c, event.c and state.c are pure.
 *
 * SaasStripeSecretKey, SaasStripePrice and SaasFrontendURL are the billing
 * plugin's; httpd calls every module that knows a directive, so this one reads
 * them too, the key only for whether it is a live or a test key.  Without a key, and without
 * SaasStripeMode, live events are not expected.
 */
#include "webhooks.h"

#include "claims.h"

#include <apr_strings.h>
#include <stdlib.h>

module AP_MODULE_DECLARE_DATA saas_webhooks_module;
SAAS_PLUGIN_DEFINE;

/* ---------------------------------------------------------- directives -- */

static const char *note_key(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *key, *wrong = saas_check_key(cmd->pool, arg, &key);
    (void)dir;
    if (wrong) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", wrong, NULL);
    }
    saas_webhooks_config_of(cmd->server)->key_mode = strstr(key, "_live_") ? SAAS_STRIPE_LIVE : SAAS_STRIPE_TEST;
    return NULL;
}

/* Whoever knows the secret may sign events: blanks in it, or a key in its place, are somebody's mistake. */
static const char *check_secret(apr_pool_t *p, const char *arg, const char **value)
{
    static const char *const keys[] = { "sk_", "rk_", "pk_" };
    const char *wrong = saas_secret_read(p, arg, value), *c = wrong ? "" : *value;
    apr_size_t i;

    while ((unsigned char)*c > ' ') {
        c++;
    }
    if (wrong || *c) {
        return wrong ? wrong : "the secret contains white space";
    }
    for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (!strncmp(*value, keys[i], strlen(keys[i]))) {
            return "this is a key of the account; the endpoint's signing secret (whsec_...) is needed";
        }
    }
    return NULL;
}

SAAS_DIRECTIVES_DEFINE(saas_webhooks_config, saas_webhooks_module, SAAS_WEBHOOKS_DIRECTIVES)

/* With a key of the one mode and events of the other, people would pay and get nothing. */
static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    static const char *const words[] = { [SAAS_STRIPE_TEST] = "test", [SAAS_STRIPE_LIVE] = "live" };
    const server_rec *s;

    (void)ptemp;
    for (s = main_server; s; s = s->next) {
        int said = saas_webhooks_config_mode(s), by_key = saas_webhooks_config_key_mode(s);
        if (said != SAAS_UNSET && said != SAAS_STRIPE_ANY && by_key != SAAS_UNSET && said != by_key) {
            return apr_psprintf(pconf, "SaasStripeMode %s (%s): the SaasStripeSecretKey is a %s key: its own checkouts' events "
                                "would be ignored", words[said], s->server_hostname ? s->server_hostname : "main server",
                                words[by_key]);
        }
    }
    return NULL;
}

/* ---------------------------------------------------------- statements -- */

saas_statement_t saas_webhooks_statements[] = {
    [SAAS_WEBHOOKS_RECORD] = { "webhooks_record", SAAS_SYSTEM,
        "INSERT INTO stripe_events (id, type, api_version, livemode, created, verdict, payload, received_at)"
        " VALUES ($1::text, $2, $3, CASE WHEN $4::text = 'live' THEN TRUE ELSE FALSE END, $5::bigint, $6, $7, now())"
        " ON CONFLICT (id) DO UPDATE SET attempts = stripe_events.attempts + 1", NULL, 0 },
    /* The first row is the event's, which has been recorded in front of it. */
    [SAAS_WEBHOOKS_RESOLVE] = { "webhooks_resolve", SAAS_SYSTEM,
        "SELECT attempts, NULL AS stripe_id, NULL AS organization_id FROM stripe_events WHERE id = $1"
        " UNION ALL SELECT 0, stripe_id, organization_id FROM stripe_bindings"
        " WHERE stripe_id IN ($2::text, $3::text, $4::text)"
        " UNION ALL SELECT 0, 'metadata', id FROM organizations WHERE id = $5::uuid ORDER BY 1 DESC", NULL, 0 },
    [SAAS_WEBHOOKS_BIND] = { "webhooks_bind", SAAS_SYSTEM,
        "INSERT INTO stripe_bindings (stripe_id, organization_id, created_at) VALUES ($1, $2::uuid, now())"
        " ON CONFLICT (stripe_id) DO NOTHING", NULL, 0 },
    [SAAS_WEBHOOKS_VERDICT] = { "webhooks_verdict", SAAS_SYSTEM,
        "UPDATE stripe_events SET verdict = $2, organization_id = $3::uuid WHERE id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_LOCK] = { "webhooks_lock", SAAS_TENANT,
        "SELECT id FROM organizations WHERE id = $1 FOR UPDATE", NULL, 0 },
    [SAAS_WEBHOOKS_LOAD] = { "webhooks_load", SAAS_TENANT,
        "SELECT o.subscription_status, o.subscription_started_at, o.subscription_ends_at, o.stripe_customer_id,"
        " o.stripe_subscription_id, o.stripe_status, o.subscription_price, s.id, s.customer_id, s.status, s.price_id, s.period_end,"
        " s.cancel_at, s.cancel_at_period_end, s.started_at, s.ended_at, s.past_due_since, s.last_event_created,"
        " s.last_event_rank, o.trial_started_at, o.trial_ends_at"
        " FROM organizations o LEFT JOIN subscriptions s ON s.org_id = o.id WHERE o.id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_STORE] = { "webhooks_store", SAAS_TENANT,
        "INSERT INTO subscriptions (org_id, id, customer_id, status, price_id, period_end, cancel_at,"
        " cancel_at_period_end, started_at, ended_at, past_due_since, last_event_created, last_event_rank, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6::timestamptz, $7::timestamptz,"
        " CASE WHEN $8::text = 'yes' THEN TRUE ELSE FALSE END, $9::timestamptz, $10::timestamptz, $11::timestamptz,"
        " $12::bigint, $13::integer, now())"
        " ON CONFLICT (org_id, id) DO UPDATE SET customer_id = excluded.customer_id, status = excluded.status,"
        " price_id = excluded.price_id, period_end = excluded.period_end, cancel_at = excluded.cancel_at,"
        " cancel_at_period_end = excluded.cancel_at_period_end, started_at = excluded.started_at,"
        " ended_at = excluded.ended_at, past_due_since = excluded.past_due_since,"
        " last_event_created = excluded.last_event_created, last_event_rank = excluded.last_event_rank,"
        " updated_at = excluded.updated_at", NULL, 0 },
    [SAAS_WEBHOOKS_EFFECTIVE] = { "webhooks_effective", SAAS_TENANT,
        "UPDATE organizations SET subscription_status = $2, subscription_started_at = $3::timestamptz,"
        " subscription_ends_at = $4::timestamptz, stripe_subscription_id = $5, stripe_status = $6,"
        " stripe_customer_id = $7, subscription_price = $8, updated_at = now() WHERE id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_ADMINS] = { "webhooks_admins", SAAS_TENANT,
        "SELECT u.email, u.name, o.name FROM memberships m JOIN users u ON u.id = m.user_id"
        " JOIN organizations o ON o.id = m.org_id"
        " WHERE m.org_id = $1 AND m.role = 'ADMIN' AND o.deleted_at IS NULL ORDER BY u.id LIMIT 20", NULL, 0 },
    [SAAS_WEBHOOKS_SESSION] = { "webhooks_session", SAAS_TENANT,
        "UPDATE checkout_sessions SET status = $3::text"
        " WHERE org_id = $1 AND id = $2 AND (status = 'open' OR $3::text = 'complete')", NULL, 0 },
    [SAAS_WEBHOOKS_NEWS_TOLD] = { "webhooks_news_told", SAAS_SYSTEM,
        "INSERT INTO stripe_news (stripe_id, organization_id, due_at, ask_at, told_at)"
        " VALUES ($1, $2::uuid, $3::timestamptz, saas_now_plus(CAST($4 AS double precision)), now())"
        " ON CONFLICT (stripe_id) DO UPDATE SET organization_id = excluded.organization_id, due_at = excluded.due_at,"
        " ask_at = excluded.ask_at, told_at = excluded.told_at", NULL, 0 },
    /* An event that came while Stripe was asked keeps its own asking. */
    [SAAS_WEBHOOKS_NEWS_ANSWERED] = { "webhooks_news_answered", SAAS_SYSTEM,
        "INSERT INTO stripe_news (stripe_id, organization_id, due_at, ask_at, asked_at)"
        " VALUES ($1, $2::uuid, $3::timestamptz, saas_now_plus(CAST($4 AS double precision)), $5::timestamptz)"
        " ON CONFLICT (stripe_id) DO UPDATE SET due_at = excluded.due_at, asked_at = excluded.asked_at, failures = 0,"
        " error = NULL, ask_at = CASE WHEN stripe_news.told_at > excluded.asked_at THEN stripe_news.ask_at"
        " ELSE excluded.ask_at END", NULL, 0 },
    [SAAS_WEBHOOKS_NEWS_CUSTOMER] = { "webhooks_news_customer", SAAS_SYSTEM,
        "INSERT INTO stripe_news (stripe_id, organization_id, ask_at) VALUES ($1, $2::uuid, saas_now_plus(604800))"
        " ON CONFLICT (stripe_id) DO NOTHING", NULL, 0 },
    [SAAS_WEBHOOKS_NEWS_OVER] = { "webhooks_news_over", SAAS_SYSTEM,
        "DELETE FROM stripe_news WHERE stripe_id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_DETAIL] = { "webhooks_detail", SAAS_SYSTEM,
        "UPDATE stripe_events SET organization_id = $2::uuid, detail = $3 WHERE id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_EVENT] = { "webhooks_event", SAAS_SYSTEM,
        "SELECT payload FROM stripe_events WHERE id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_OVERDUE] = { "webhooks_overdue", SAAS_SYSTEM,
        "SELECT count(*) FROM stripe_news WHERE due_at < now() AND (asked_at IS NULL OR asked_at < due_at)", NULL, 0 },
    /* The later summary; of the same second always the same one. */
    [SAAS_WEBHOOKS_ENTITLED] = { "webhooks_entitled", SAAS_TENANT,
        "UPDATE organizations SET stripe_features = $2, stripe_features_at = $3::bigint WHERE id = $1"
        " AND (stripe_features_at < $3::bigint OR (stripe_features_at = $3::bigint AND coalesce(stripe_features, '') < $2))", NULL, 0 },
    /* Why an event is nobody's, and what it was about, so that it is found once that is known. */
    [SAAS_WEBHOOKS_UNBOUND] = { "webhooks_unbound", SAAS_SYSTEM,
        "UPDATE stripe_events SET verdict = $2, customer_id = $3, subscription_id = $4 WHERE id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_STRAYS] = { "webhooks_strays", SAAS_SYSTEM,
        "SELECT id FROM stripe_events WHERE subscription_id = $1 AND organization_id IS NULL"
        " AND verdict IN ('" SAAS_CLAIM_UNBOUND "', $3::text)"
        " UNION SELECT id FROM stripe_events WHERE customer_id = $2 AND organization_id IS NULL"
        " AND verdict IN ('" SAAS_CLAIM_UNBOUND "', $3::text) LIMIT 200", NULL, 0 },
    [SAAS_WEBHOOKS_CLAIM] = { "webhooks_claim", SAAS_SYSTEM,
        "INSERT INTO stripe_claims (subscription_id, customer_id, organization_id, buyer, created_at)"
        " VALUES ($1, $2, $3::uuid, $4, now()) ON CONFLICT (subscription_id) DO UPDATE SET"
        " customer_id = coalesce(stripe_claims.customer_id, excluded.customer_id),"
        " organization_id = coalesce(stripe_claims.organization_id, excluded.organization_id),"
        " buyer = coalesce(stripe_claims.buyer, excluded.buyer) RETURNING organization_id", NULL, 0 },
    [SAAS_WEBHOOKS_CLAIM_MEET] = { "webhooks_claim_meet", SAAS_SYSTEM,
        "INSERT INTO stripe_claims (subscription_id, created_at) VALUES ($1, now()) ON CONFLICT (subscription_id) DO UPDATE"
        " SET subscription_id = excluded.subscription_id RETURNING organization_id, buyer", NULL, 0 },
    [SAAS_WEBHOOKS_CLAIM_OTHER] = { "webhooks_claim_other", SAAS_SYSTEM,
        "DELETE FROM stripe_claims WHERE subscription_id = $1 AND organization_id IS NOT NULL RETURNING subscription_id",
        NULL, 0 },
    [SAAS_WEBHOOKS_CLAIM_END] = { "webhooks_claim_end", SAAS_SYSTEM,
        "DELETE FROM stripe_claims WHERE subscription_id = $1", NULL, 0 },
    [SAAS_WEBHOOKS_CLAIMED] = { "webhooks_claimed", SAAS_SYSTEM,
        "SELECT stripe_customer_id FROM organizations WHERE id = $1::uuid AND deleted_at IS NULL", NULL, 0 },
    [SAAS_WEBHOOKS_BOUND] = { "webhooks_bound", SAAS_SYSTEM,
        "SELECT organization_id FROM stripe_bindings WHERE stripe_id = $1", NULL, 0 },
    { NULL, 0, NULL, NULL, 0 }
};

/* ------------------------------------------------------------ counters -- */

static const char *const verdicts[] = {
    [SAAS_WEBHOOK_APPLIED] = "applied",
    [SAAS_WEBHOOK_DUPLICATE] = "duplicate",
    [SAAS_WEBHOOK_SUPERSEDED] = "superseded",
    [SAAS_WEBHOOK_UNBOUND] = "unbound",
    [SAAS_WEBHOOK_OTHER_MODE] = "other_mode",
    [SAAS_WEBHOOK_UNKNOWN_STATUS] = "unknown_status",
    [SAAS_WEBHOOK_IGNORED] = "ignored",
    [SAAS_WEBHOOK_REFUSED] = "refused",
    [SAAS_WEBHOOK_INVALID_SIGNATURE] = "invalid_signature",
    [SAAS_WEBHOOK_STALE_SIGNATURE] = "stale_signature",
    [SAAS_WEBHOOK_INVALID_PAYLOAD] = "invalid_payload",
    [SAAS_WEBHOOK_NOT_CONFIGURED] = "not_configured",
    [SAAS_WEBHOOK_FAILED] = "failed",
    NULL
};

static const char *const outcomes[] = {
    [SAAS_ANSWER_SAME] = "same",
    [SAAS_ANSWER_DIFFERED] = "differed",
    [SAAS_ANSWER_MISSING] = "missing",
    [SAAS_ANSWER_UNKNOWN_STATUS] = "unknown_status",
    [SAAS_ANSWER_REFUSED] = "refused",
    NULL
};

static saas_counter_t counters[] = {
    { .name = "webhooks", .label = "verdict", .values = verdicts,
      .help = "Deliveries of Stripe's by what became of them; failed: nothing was stored, Stripe sends the event again." },
    { .name = "webhooks_answers", .label = "outcome", .values = outcomes,
      .help = "Subscriptions that Stripe was asked for, by what its answer was to what is known; differed: an event was "
              "lost or late." },
    { 0 }
};

static const saas_gauge_t gauges[] = {
    { .name = "webhooks_overdue", .statement = &saas_webhooks_statements[SAAS_WEBHOOKS_OVERDUE],
      .help = "Subscriptions of whose period's end nothing was heard by the time of SaasStripeOverdue, and of which Stripe "
              "could not be asked since." },
    { 0 }
};

void saas_webhooks_count(saas_webhook_e what)
{
    saas_count(&counters[0], (int)what, 1);
}

void saas_webhooks_count_answer(saas_answer_e what)
{
    saas_count(&counters[1], (int)what, 1);
}

/* -------------------------------------------------------------- plugin -- */

static const saas_route_t routes[] = {
    { .method = SAAS_POST, .path = "/billing/webhooks/stripe/", .handler = saas_webhooks_receive,
      .body = SAAS_BODY_RAW },
    { 0 }
};

/* One at a time for an organization: what it is told comes in order. */
static const saas_job_kind_t jobs[] = {
    { .kind = SAAS_WEBHOOKS_TOLD_JOB, .run = saas_webhooks_told, .max_attempts = 8, .per_organization = 1, .per_node = 2 },
    { .kind = SAAS_WEBHOOKS_REPLAY_JOB, .run = saas_webhooks_replay, .max_attempts = 3, .per_node = 1 },
    { .kind = NULL }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("webhooks"),
    .jobs = jobs,
    .openapi = saas_openapi_text,
    .statements = saas_webhooks_statements,
    .routes = routes,
    .check_config = check_config,
    .counters = counters,
    .gauges = gauges,
    .examine = saas_webhooks_examine,
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

module AP_MODULE_DECLARE_DATA saas_webhooks_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, saas_webhooks_config_create, saas_webhooks_config_merge,
    saas_webhooks_config_commands, register_hooks, 0
};
