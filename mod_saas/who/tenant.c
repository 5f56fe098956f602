/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * For which organization: turns a credential and a selector into a principal,
 * with one statement, or none when the cache has the answer.  A second one
 * lists all organizations of a caller who names none and has several, or whose
 * default is gone.
 *
 * The statements are composed once at start from three parts: whose credential
 * (token, session, an outer module's user), how the organization is chosen
 * (by id, slug, object, not at all), and the columns, which are the same for
 * all.  The organization is always reached through the user's own directory
 * (user_organizations), so an organization that the user is not a member of
 * looks exactly like one that does not exist.
 *
 * A failure of the database is a verdict of its own here; it must never be
 * read as "no such user" or "not a member".
 */
#include "tenant.h"
#include "cache.h"
#include "gather.h"
#include "core/id.h"
#include "core/timefmt.h"
#include "db/db.h"

#include <apr_strings.h>

/* More organizations than this are not listed in the "choose one" answer. */
#define CHOICES_MAX 50

/* A token's use is noted when it was last noted this long ago. */
#define TOUCH_EVERY apr_time_from_sec(60)

enum { C_USER, C_EMAIL, C_NAME, C_DEFAULT, C_NOW, C_VERIFIED, C_CREDENTIAL, C_CAP, C_USED, C_EXPIRES, C_ORG, C_SLUG, C_ORG_NAME,
       C_ROLE, C_SUBSCRIPTION, C_ENDS, C_ACTIVE, C_PRICE, C_ENTITLED, C_TRIAL };

#define COLUMNS_ORG \
    ", o.id, o.slug, o.name, m.role," \
    " CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'" \
    " ELSE o.subscription_status END, o.subscription_ends_at," \
    " o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now())," \
    " o.subscription_price, o.stripe_features, o.stripe_status = 'trialing' OR o.trial_ends_at = o.subscription_ends_at"

/* The default one first. */
#define IN_ORDER \
    " ORDER BY CASE WHEN d.org_id = u.default_org_id THEN 0 ELSE 1 END, d.org_id LIMIT 1 + " APR_STRINGIFY(CHOICES_MAX)

/* Indexed by saas_credential_e. */
static const struct {
    const char *name, *columns, *from, *where, *restriction;
    const char *meant; /* the organization when none is named; d.org_id: any */
} by[] = {
    [SAAS_BY_TOKEN] = {
        "token",
        "t.id, t.role, t.last_used_at, t.expires_at",
        "tokens t JOIN users u ON u.id = t.user_id",
        "t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())",
        " AND (t.organization_id IS NULL OR d.org_id = t.organization_id)",
        "coalesce(t.organization_id, u.default_org_id, d.org_id)" },
    [SAAS_BY_SESSION] = {
        "session",
        "t.id, NULL, NULL, t.expires_at",
        "sessions t JOIN users u ON u.id = t.user_id",
        "t.hash = $1 AND t.expires_at > now()",
        "",
        "coalesce(u.default_org_id, d.org_id)" },
    [SAAS_BY_SERVER] = {
        "server",
        "NULL, NULL, NULL, NULL",
        "users u",
        "u.email_key = $1",
        "",
        "coalesce(u.default_org_id, d.org_id)" },
};
#define N_BY 4

/* Indexed by saas_choice_e, and one more; objects come after. */
#define LISTED (SAAS_CHOOSE_SLUG + 1)
static const struct {
    const char *name, *condition, *end;
} ways[] = {
    [SAAS_CHOOSE_NOT] = { "user", NULL, "" },
    /* Whose condition is the credential's.  A second row says that there are several; a sort would cost as much as
     * another table. */
    [SAAS_CHOOSE_DEFAULT] = { "default", "", " LIMIT 2" },
    [SAAS_CHOOSE_ID] = { "id", " AND d.org_id = $2", "" },
    [SAAS_CHOOSE_SLUG] = { "slug", " AND d.org_id = (SELECT s.id FROM organizations s WHERE s.slug = $2)", "" },
    [LISTED] = { "listed", "", IN_ORDER },
};
#define N_CHOOSE (LISTED + 1)

/* By credential, then by choice or object; for one lookup, and for several in one statement. */
static saas_statement_t *statements, *together;
static int per_credential;

/* Users who are there already, locked or not, stay as they are. */
static saas_statement_t create[] = {
    { .name = "outer_user_create", .scope = SAAS_SYSTEM,
      .sql = "INSERT INTO users (id, email, email_key, name, created_at, updated_at, email_verified_at)"
             " SELECT $1::uuid, $2::text, $3::text, '', now(), now(), now()"
             " WHERE NOT EXISTS (SELECT 1 FROM users o WHERE o.email_key = $4::text) ON CONFLICT (email_key) DO NOTHING" },
    { 0 }
};

static saas_statement_t touch[] = {
    { .name = "token_touch", .scope = SAAS_SYSTEM,
      .sql = "UPDATE tokens SET last_used_at = now() WHERE id = $1"
             " AND (last_used_at IS NULL OR last_used_at < saas_now_plus(-60))" },
    { 0 }
};

/* The statement with its parameters read from the row of a lookup. */
static const char *for_many(apr_pool_t *p, const char *sql, const char *value)
{
    const char *text = "", *at;
    for (; (at = ap_strchr_c(sql, '$')); sql = at + 2) {
        text = apr_pstrcat(p, text, apr_pstrmemdup(p, sql, (apr_size_t)(at - sql)), at[1] == '1' ? "q.key" : value, NULL);
    }
    return saas_gather_sql(p, apr_pstrcat(p, text, sql, NULL));
}

static const char *compose(apr_pool_t *p, int credential, const char *condition, const char *end)
{
    if (!condition) {
        return apr_psprintf(p, "SELECT u.id, u.email, u.name, u.default_org_id, now(), u.email_verified_at IS NOT NULL, %s FROM %s WHERE %s AND u.is_active",
                            by[credential].columns, by[credential].from, by[credential].where);
    }
    return apr_psprintf(
        p,
        "SELECT u.id, u.email, u.name, u.default_org_id, now(), u.email_verified_at IS NOT NULL, %s" COLUMNS_ORG " FROM %s"
        " LEFT JOIN user_organizations d ON d.user_id = u.id%s%s"
        " LEFT JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " LEFT JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL"
        " WHERE %s AND u.is_active%s",
        by[credential].columns, by[credential].from, by[credential].restriction, condition, by[credential].where, end);
}

/* The statement of a credential for a way to choose, or for an object. */
static void describe(apr_pool_t *p, saas_statement_t *st, int credential, int i)
{
    const char *condition, *end = IN_ORDER, *name;
    if (i >= N_CHOOSE) {
        name = APR_ARRAY_IDX(saas_objects(), i - N_CHOOSE, const saas_object_t *)->table;
        condition = apr_psprintf(p, " AND EXISTS (SELECT 1 FROM %s x WHERE x.org_id = d.org_id AND x.id = $2)", name);
    }
    else {
        name = ways[i].name;
        condition = i == SAAS_CHOOSE_DEFAULT ? apr_pstrcat(p, " AND d.org_id = ", by[credential].meant, NULL)
                                             : ways[i].condition;
        end = ways[i].end;
    }
    st->scope = SAAS_SYSTEM;
    st->name = apr_psprintf(p, "principal_%s_%s", by[credential].name, name);
    st->sql = compose(p, credential, condition, end);
}

const char *saas_tenant_prepare(apr_pool_t *p)
{
    int credential, i;
    apr_size_t size;
    saas_statement_t *st, *many;
    const char *err;
    per_credential = N_CHOOSE + saas_objects()->nelts;
    size = sizeof(*statements) * (apr_size_t)(N_BY * per_credential + 1);
    st = statements = apr_pcalloc(p, size);
    many = together = apr_pcalloc(p, size);
    for (credential = SAAS_BY_TOKEN; credential < N_BY; credential++) {
        for (i = 0; i < per_credential; i++, st++, many++) {
            describe(p, st, credential, i);
            *many = *st;
            many->name = apr_pstrcat(p, st->name, "_together", NULL);
            many->sql = for_many(p, st->sql, i == SAAS_CHOOSE_SLUG ? "q.value" : "q.value::uuid");
            many->sqlite = st->sql; /* which has no round trip to share: never asked */
        }
    }
    err = saas_statements_register(p, "mod_saas", statements);
    if (!err) {
        err = saas_statements_register(p, "mod_saas", together);
    }
    if (!err) {
        err = saas_statements_register(p, "mod_saas", create);
    }
    return err ? err : saas_statements_register(p, "mod_saas", touch);
}

/* Takes the organization of a row. */
static void take_organization(const saas_rows_t *rows, int row, saas_principal_t *who)
{
    saas_role_e cap = saas_role_parse(saas_cell(rows, row, C_CAP));
    who->org_id = saas_cell(rows, row, C_ORG);
    who->org_slug = saas_cell(rows, row, C_SLUG);
    who->org_name = saas_cell(rows, row, C_ORG_NAME);
    who->role = saas_role_parse(saas_cell(rows, row, C_ROLE));
    if (saas_cell(rows, row, C_CAP) && cap < who->role) {
        who->role = cap;
    }
    who->subscription = saas_cell(rows, row, C_SUBSCRIPTION);
    who->has_active_subscription = saas_cell_bool(rows, row, C_ACTIVE);
    who->price = saas_cell(rows, row, C_PRICE);
    who->entitled = saas_cell(rows, row, C_ENTITLED);
    who->in_trial = who->has_active_subscription && saas_cell_bool(rows, row, C_TRIAL);
    if (saas_cell(rows, row, C_ENDS)) {
        saas_time_parse(saas_cell(rows, row, C_ENDS), &who->subscription_ends_at);
    }
}

/* None was named: the default one, or the only one; else the caller must say.  rows: all, in order. */
static void choose_listed(apr_pool_t *p, const saas_rows_t *rows, saas_context_t *ctx)
{
    const char *preferred = saas_cell(rows, 0, C_DEFAULT);
    apr_array_header_t *choices = apr_array_make(p, 4, sizeof(saas_choice_t));
    int row, found = -1;
    for (row = 0; row < rows->count; row++) {
        const char *id = saas_cell(rows, row, C_ORG);
        if (!id) {
            continue;
        }
        if (preferred && !strcmp(preferred, id)) {
            take_organization(rows, row, &ctx->who);
            return;
        }
        found = row;
        if (choices->nelts < CHOICES_MAX) {
            saas_choice_t *choice_of = apr_array_push(choices);
            choice_of->id = id;
            choice_of->slug = saas_cell(rows, row, C_SLUG);
            choice_of->name = saas_cell(rows, row, C_ORG_NAME);
        }
    }
    if (choices->nelts == 1) {
        take_organization(rows, found, &ctx->who);
    }
    else if (choices->nelts > 1) {
        ctx->several = 1;
        ctx->choices = choices;
    }
}

/* The moment of a time cell on this host's steady clock, seen from the database's now(); fallback for NULL, and
 * 0 for what is no time. */
static apr_int64_t moment(const saas_rows_t *rows, int column, apr_int64_t began, apr_int64_t fallback)
{
    const char *text = saas_cell(rows, 0, column), *now_text = saas_cell(rows, 0, C_NOW);
    apr_time_t t, now;
    if (!text) {
        return fallback;
    }
    return saas_time_parse(text, &t) == APR_SUCCESS && now_text && saas_time_parse(now_text, &now) == APR_SUCCESS
               ? began + (t - now)
               : 0;
}

/* How long what was read holds by clock alone, and when the token's use is to be noted. */
static void set_moments(const saas_rows_t *rows, saas_context_t *ctx, saas_cache_ticket_t *ticket)
{
    ticket->until = moment(rows, C_EXPIRES, ticket->began, APR_INT64_MAX);
    if (ctx->who.has_active_subscription && ctx->who.subscription_ends_at) {
        /* In every row that may be taken: the statement's own now() has judged it. */
        apr_time_t now;
        apr_int64_t ends = saas_time_parse(saas_cell(rows, 0, C_NOW), &now) == APR_SUCCESS
                               ? ticket->began + (ctx->who.subscription_ends_at - now)
                               : 0;
        ticket->until = ends < ticket->until ? ends : ticket->until;
    }
    ticket->touch = APR_INT64_MAX;
    if (ctx->who.by == SAAS_BY_TOKEN) {
        ticket->touch = moment(rows, C_USED, ticket->began, 0) + TOUCH_EVERY;
        ctx->touch_token = ticket->began >= ticket->touch;
        /* By this request; the second is for the two clocks in it. */
        ticket->touch = (ctx->touch_token ? ticket->began + TOUCH_EVERY : ticket->touch) + apr_time_from_sec(1);
    }
}

/* Asks for the rows of the credential's kind and a key; index: of the way to choose, or N_CHOOSE and up for an object.
 * SAAS_GRANTED, or why there are none. */
static saas_verdict_e look_up(request_rec *r, const saas_credential_t *credential, const char *key, int index,
                              const char *value, saas_rows_t **rows)
{
    int number = ((int)credential->by - SAAS_BY_TOKEN) * per_credential + index;
    int nargs = index <= SAAS_CHOOSE_DEFAULT || index == LISTED ? 1 : 2;
    saas_lookup_t lookup = { &statements[number], &together[number], key, value, nargs };
    if (saas_gather_query(r, &lookup, rows) != APR_SUCCESS) {
        return SAAS_UNAVAILABLE;
    }
    return (*rows)->count ? SAAS_GRANTED : SAAS_NO_USER;
}

/* What is asked of the cache and the database. */
SAAS_WARM static saas_selector_t resolve(const saas_selector_t *wanted)
{
    saas_selector_t chosen = *wanted;
    if (chosen.choice == SAAS_CHOOSE_NONE) {
        chosen.choice = SAAS_CHOOSE_NOT;
    }
    if (chosen.choice == SAAS_CHOOSE_NOT || chosen.choice == SAAS_CHOOSE_DEFAULT) {
        chosen.value = NULL;
    }
    return chosen;
}

SAAS_WARM int saas_tenant_recall(request_rec *r, const saas_credential_t *credential, const saas_selector_t *wanted,
                                 saas_context_t *ctx)
{
    const saas_selector_t selector = resolve(wanted);
    return saas_cache_find(r, credential, &selector, ctx, NULL);
}

void saas_tenant_load(request_rec *r, const saas_credential_t *credential, const saas_selector_t *wanted,
                      saas_context_t *ctx)
{
    const saas_selector_t chosen = resolve(wanted), *selector = &chosen;
    const saas_choice_e choice = chosen.choice;
    saas_cache_ticket_t ticket;
    const int index = choice == SAAS_CHOOSE_OBJECT ? N_CHOOSE + selector->object : (int)choice;
    const char *key = saas_credential_key(credential);
    saas_rows_t *rows = NULL;
    int listed = 0;
    if (saas_cache_find(r, credential, selector, ctx, &ticket)) {
        return;
    }
    ctx->loaded = look_up(r, credential, key, index, selector->value, &rows);
    if (ctx->loaded == SAAS_NO_USER && credential->spelled) {
        /* Nobody has a key of the spelling since before, and nobody will: the user of the mailbox may be kept for it. */
        key = credential->hash;
        ctx->loaded = look_up(r, credential, key, index, selector->value, &rows);
    }
    if (ctx->loaded == SAAS_GRANTED && choice == SAAS_CHOOSE_DEFAULT && (rows->count > 1 || !saas_cell(rows, 0, C_ORG))) {
        /* Several, or one that is gone. */
        ctx->loaded = look_up(r, credential, key, LISTED, NULL, &rows);
        listed = 1;
    }
    if (ctx->loaded != SAAS_GRANTED) {
        ctx->authentication_failed = ctx->loaded == SAAS_NO_USER;
        return;
    }
    ctx->who.by = credential->by;
    ctx->who.user_id = saas_cell(rows, 0, C_USER);
    ctx->who.email = saas_cell(rows, 0, C_EMAIL);
    ctx->who.name = saas_cell(rows, 0, C_NAME);
    ctx->who.email_verified = saas_cell_bool(rows, 0, C_VERIFIED);
    ctx->who.credential_id = saas_cell(rows, 0, C_CREDENTIAL);
    if (listed) {
        choose_listed(r->pool, rows, ctx);
    }
    else if (choice != SAAS_CHOOSE_NOT && saas_cell(rows, 0, C_ORG)) {
        take_organization(rows, 0, &ctx->who);
    }
    if (ctx->who.has_active_subscription && ctx->who.price) {
        saas_config_plans_warn(r, ctx->who.org_id, ctx->who.price);
    }
    set_moments(rows, ctx, &ticket);
    saas_cache_keep(r, credential, selector, ctx, &ticket);
}

apr_status_t saas_tenant_create_user(request_rec *r, const saas_credential_t *credential)
{
    char *id = apr_palloc(r->pool, SAAS_UUID_LEN + 1);
    saas_rows_t *rows = NULL;
    saas_db_t *db;
    apr_status_t rv = saas_uuid7(id);
    if (rv == APR_SUCCESS && (rv = saas_db_open_impl(&db, r->pool, r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_query_impl(db, create, &rows, SAAS_ARGS(id, credential->email, credential->hash, saas_credential_key(credential)));
        saas_db_close_impl(db);
    }
    if (rv == APR_SUCCESS && rows->affected == 1) {
        SAAS_RLOG(r, APLOG_NOTICE, 0, "SAAS1306", "user %s was created for somebody whom this server has authenticated",
                  id);
    }
    return rv;
}

typedef struct used_token_t {
    request_rec *r;
    const char *id;
} used_token_t;

static apr_status_t record_use(void *data)
{
    const used_token_t *used = data;
    saas_db_t *db;
    saas_rows_t *rows;
    if (saas_db_open_impl(&db, used->r->pool, used->r->server, NULL) == APR_SUCCESS) {
        (void)saas_db_query_impl(db, touch, &rows, SAAS_ARGS(used->id));
        saas_db_close_impl(db);
    }
    return APR_SUCCESS;
}

void saas_tenant_touch(request_rec *r, const char *token_id)
{
    used_token_t *used = apr_palloc(r->pool, sizeof(*used));
    used->r = r;
    used->id = token_id;
    /* Runs when the request has been logged: httpd logs in a cleanup of the same kind, registered later and so run
     * before this one. */
    apr_pool_pre_cleanup_register(r->pool, used, record_use);
}
