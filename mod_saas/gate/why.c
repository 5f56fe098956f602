/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Why a request was refused, one line in the log (SAAS1330), for operators who want to know: LogLevel saas:info.
 * Whoever knocks can have as many lines written as requests are served, hence not at notice; the access log has every
 * verdict's code anyway.
 *
 * The client gets nothing of it, and does not wait for it: what is known is noted, and when the reply has been sent and
 * the request logged, the database is asked since when and by whom it is so.  It is asked little: by one thread of a
 * child at a time, LOOKS times a second at most, and not at all for a while after it has failed.  Then the line says
 * what the principal tells.  Nothing here may change an answer, and nothing may be asked of whom a gate lets in.
 */
#include "gate.h"
#include "sections.h"
#include "core/why.h"
#include "db/db.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_strings.h>

#define LOOKS 10
#define PAUSE 5

/* Of a credential, by its kind, and of a known user. */
static saas_statement_t statements[] = {
    [SAAS_WHY_ASK_KNOWN] = { .name = "why_known", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_KNOWN_SQL },
    [SAAS_WHY_ASK_MEMBER] = { .name = "why_member", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_MEMBER_SQL },
    [SAAS_WHY_ASK_PAID] = { .name = "why_paid", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_PAID_SQL },
    { 0 }
};
static saas_statement_t credentials[] = {
    { .name = "why_token", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_TOKEN_SQL },
    { .name = "why_session", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_SESSION_SQL },
    { .name = "why_server", .scope = SAAS_SYSTEM, .sql = SAAS_WHY_SERVER_SQL },
    { 0 }
};

const char *saas_why_prepare(apr_pool_t *pconf)
{
    const char *err = saas_statements_register(pconf, "mod_saas", statements);
    return err ? err : saas_statements_register(pconf, "mod_saas", credentials);
}

/* A refused request, until it is told. */
typedef struct refused_t {
    request_rec *r; /* or the one that it is a subrequest of */
    saas_why_t why;
    saas_facts_t facts;
    const char *where; /* section or route, and the gate */
    const char *org, *slug;
    const char *hash; /* of the credential; is never told */
    const char *code;
    int status;
} refused_t;

/* ------------------------------------------------------------- in numbers -- */

static volatile apr_uint32_t second, looks, looking, paused;

/* May the database be asked now?  Then it has to be ended by end_look().  A child that ends has given up its
 * connections when its last requests' memory goes. */
static int begin_look(void)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    int state = AP_MPMQ_STOPPING;
    if (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS || state == AP_MPMQ_STOPPING) {
        return 0;
    }
    if (apr_atomic_xchg32(&second, now) != now) {
        apr_atomic_set32(&looks, 0);
    }
    return now >= apr_atomic_read32(&paused) && apr_atomic_read32(&looks) < LOOKS && !apr_atomic_cas32(&looking, 1, 0);
}

static void end_look(apr_status_t rv)
{
    apr_atomic_inc32(&looks);
    if (rv != APR_SUCCESS) {
        apr_atomic_set32(&paused, (apr_uint32_t)apr_time_sec(apr_time_now()) + PAUSE);
    }
    apr_atomic_set32(&looking, 0);
}

static apr_status_t first_row(apr_status_t rv, const saas_rows_t *rows, const char *const **row)
{
    *row = rv == APR_SUCCESS && rows->count ? rows->cells : NULL;
    return rv;
}

static apr_status_t ask(void *db, saas_why_ask_e what, const char *const *args, int nargs, const char *const **row)
{
    saas_rows_t *rows = NULL;
    apr_status_t rv = saas_db_query_impl(db, &statements[what], &rows, args, nargs);
    return first_row(rv, rows, row);
}

static apr_status_t ask_credential(saas_db_t *db, saas_why_t *why, const char *hash)
{
    saas_rows_t *rows = NULL;
    apr_status_t rv = saas_db_query_impl(db, &credentials[why->by - SAAS_WHY_BY_TOKEN], &rows, SAAS_ARGS(hash));
    why->looked = rv == APR_SUCCESS;
    return first_row(rv, rows, &why->history);
}

static void look_up(refused_t *refused)
{
    saas_why_t *why = &refused->why;
    apr_pool_t *p = refused->r->pool;
    saas_db_t *db;
    apr_status_t rv;
    if (!saas_why_has_history(why) || (!why->user && !refused->hash) || !begin_look()) {
        return;
    }
    if ((rv = saas_db_open_impl(&db, p, refused->r->server, NULL)) == APR_SUCCESS) {
        rv = why->user ? saas_why_look(p, why, refused->org, refused->slug, ask, db)
                       : ask_credential(db, why, refused->hash);
        saas_db_close_impl(db);
    }
    end_look(rv);
}

/* ----------------------------------------------------------------- telling -- */

static apr_status_t tell(void *data)
{
    refused_t *refused = data;
    const saas_why_t *why = &refused->why;
    apr_pool_t *p = refused->r->pool;
    const char *org = refused->org ? refused->org : refused->slug;
    saas_why_told_t told;
    look_up(refused);
    saas_why_tell(p, why, &told);
    SAAS_RLOG(refused->r, APLOG_INFO, 0, "SAAS1330", "%d %s: %s%s%s%s, %s: %s. Way out: %s", refused->status,
              refused->code, why->user ? "user " : "nobody", why->user ? why->user : "", org ? ", organization " : "",
              !org                             ? ""
              : why->who && why->who->org_slug ? apr_psprintf(p, "%s (%s)", org, why->who->org_slug)
                                               : org,
              refused->where, told.fact, told.way_out);
    return APR_SUCCESS;
}

/* The section that a Require line stands in, and the line. */
static const char *where(apr_pool_t *p, const saas_gate_use_t *use)
{
    const ap_directive_t *line = use ? use->line : NULL, *section;
    if (!line) {
        return use ? apr_psprintf(p, "gate \"%s\"", saas_why_mask(p, use->text)) : "a section without a gate of ours";
    }
    for (section = line->parent; section && !saas_sections_is(section->directive); section = section->parent) {
    }
    return apr_psprintf(p, "%s, \"Require %s\" (%s:%d)",
                        section ? saas_sections_name(p, section) : "outside of sections", saas_why_mask(p, line->args),
                        line->filename, line->line_num);
}

/* ---------------------------------------------------------------- noticing -- */

/* Redirects that come of a refusal, to an ErrorDocument, are part of it. */
static int is_told(request_rec *r)
{
    for (; r; r = r->prev) {
        if (saas_state_find(r) && saas_state_find(r)->told) {
            return 1;
        }
    }
    return 0;
}

static void take_choice(apr_pool_t *p, refused_t *refused, const saas_selector_t *selector)
{
    static const saas_why_chosen_e chosen[] = {
        [SAAS_CHOOSE_NOT] = SAAS_WHY_DEFAULT,   [SAAS_CHOOSE_DEFAULT] = SAAS_WHY_DEFAULT,
        [SAAS_CHOOSE_ID] = SAAS_WHY_NAMED,      [SAAS_CHOOSE_SLUG] = SAAS_WHY_NAMED,
        [SAAS_CHOOSE_OBJECT] = SAAS_WHY_OBJECT, [SAAS_CHOOSE_NONE] = SAAS_WHY_NONSENSE,
    };
    const char *value = selector->value ? apr_pstrdup(p, selector->value) : NULL;
    refused->why.chosen = chosen[selector->choice];
    refused->why.named = value;
    if (selector->choice == SAAS_CHOOSE_ID) {
        refused->org = value;
    }
    else if (selector->choice == SAAS_CHOOSE_SLUG) {
        refused->slug = value;
    }
    else if (selector->choice == SAAS_CHOOSE_OBJECT) {
        refused->why.named = apr_pstrcat(
            p, APR_ARRAY_IDX(saas_objects(), selector->object, const saas_object_t *)->table, " ", value, NULL);
    }
}

/* A subrequest's memory ends before its line is written. */
static void take_principal(apr_pool_t *p, refused_t *refused, const saas_principal_t *who)
{
    refused->why.user = apr_pstrdup(p, who->user_id);
    refused->why.ends_at = who->subscription_ends_at;
    if (who->by == SAAS_BY_TOKEN) {
        refused->why.token = apr_pstrdup(p, who->credential_id);
    }
    if (who->org_id) {
        refused->org = apr_pstrdup(p, who->org_id);
        refused->slug = NULL;
    }
    refused->facts.org_id = refused->why.user && who->org_id ? refused->org : NULL;
    refused->facts.org_slug = who->org_slug ? apr_pstrdup(p, who->org_slug) : NULL;
    refused->facts.role = saas_role_text(who->role);
    refused->facts.subscription = who->subscription ? apr_pstrdup(p, who->subscription) : NULL;
    refused->facts.has_active_subscription = who->has_active_subscription;
    refused->facts.email_verified = who->email_verified;
    refused->facts.price = who->price ? apr_pstrdup(p, who->price) : NULL;
    refused->facts.entitled = who->entitled ? apr_pstrdup(p, who->entitled) : NULL;
    refused->facts.plans = saas_config_plans();
    refused->facts.in_trial = who->in_trial;
    refused->why.who = &refused->facts;
}

/* What tells that a request may be another site's doing; the client has written it. */
static const char *elsewhere(apr_pool_t *p, request_rec *r)
{
    const char *origin = apr_table_get(r->headers_in, "Origin"), *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    return site     ? apr_psprintf(p, "Sec-Fetch-Site is \"%.20s\"%s%.100s", site, origin ? ", Origin " : "",
                               origin ? origin : "")
           : origin ? apr_psprintf(p, "Origin is \"%.100s\"", origin)
                    : NULL;
}

/* What is known now, in a pool that lasts until the reply has been sent. */
static void note(request_rec *r, const saas_context_t *ctx, const saas_refusal_t *refusal, saas_decision_e decision,
                 const saas_gate_use_t *use, int turned, const char *place)
{
    request_rec *top = r;
    refused_t *refused;
    apr_pool_t *p;
    if (is_told(r)) {
        return;
    }
    saas_state_get(r)->told = 1;
    while (top->main) {
        top = top->main;
    }
    p = top->pool;
    refused = apr_pcalloc(p, sizeof(*refused));
    refused->r = top;
    refused->status = refusal->status;
    refused->code = refusal->code;
    refused->where = place ? place : where(p, use);
    refused->why.decision = decision;
    refused->why.gate = use ? saas_why_mask(p, use->line ? use->line->args : use->text) : NULL;
    refused->why.turned = turned;
    refused->why.plugin = use && !saas_gate_is_host(use->gate);
    refused->why.by = (saas_why_by_e)ctx->credential.by;
    refused->why.malformed = ctx->credential.malformed;
    refused->why.elsewhere = elsewhere(p, r);
    take_choice(p, refused, &ctx->selector);
    if (ctx->loaded == SAAS_GRANTED && ctx->who.user_id) {
        take_principal(p, refused, &ctx->who);
    }
    else if (ctx->credential.hash && !ctx->credential.malformed) {
        refused->hash = apr_pstrdup(p, ctx->credential.hash);
    }
    /* As a token's use is recorded: after the request has been logged. */
    apr_pool_pre_cleanup_register(p, refused, tell);
}

_Static_assert((int)SAAS_BY_TOKEN == SAAS_WHY_BY_TOKEN && (int)SAAS_BY_SESSION == SAAS_WHY_BY_SESSION
                   && (int)SAAS_BY_SERVER == SAAS_WHY_BY_SERVER,
               "credentials have the same numbers, also of statements");

/* A verdict that has no row in core/why.c is a warning of the compiler's here. */
static saas_decision_e decision_of(saas_verdict_e verdict)
{
    switch (verdict) {
    case SAAS_GRANTED:
    case SAAS_UNAVAILABLE:
    case SAAS_NO_USER:
    case SAAS_CHOOSE_ORGANIZATION:
    case SAAS_OUTSIDER:
    case SAAS_WRONG_ROLE:
    case SAAS_NO_SUBSCRIPTION:
    case SAAS_UNVERIFIED:
    case SAAS_NO_FEATURE:
    case SAAS_NO_PLAN:
        break;
    }
    return (saas_decision_e)verdict;
}

static int is_wanted(request_rec *r)
{
    return APLOG_R_IS_LEVEL(r, APLOG_INFO);
}

void saas_why_section(request_rec *r, const saas_context_t *ctx, saas_verdict_e verdict)
{
    const saas_state_t *state = saas_state_find(r);
    const saas_gate_use_t *use = ctx->refused_by ? ctx->refused_by : ctx->turned_by;
    saas_refusal_t refusal;
    if (!is_wanted(r)) {
        return;
    }
    if (ctx->loaded != SAAS_GRANTED) {
        use = state ? state->first : NULL;
    }
    saas_refusal_get(r->pool, verdict, ctx, NULL, &refusal);
    note(r, ctx, &refusal, decision_of(verdict), use, use && use == ctx->turned_by && !ctx->refused_by, NULL);
}

void saas_why_route(request_rec *r, const saas_context_t *ctx, saas_verdict_e verdict, const char *plugin,
                    const saas_route_t *route, const saas_gate_use_t *use)
{
    saas_refusal_t refusal;
    if (is_wanted(r)) {
        saas_refusal_get(r->pool, verdict, ctx, NULL, &refusal);
        note(r, ctx, &refusal, decision_of(verdict), use, 0,
             apr_psprintf(r->pool, "route %s %s of %s%s%s%s", r->method, route->path, plugin, use ? ", \"" : "",
                          use ? use->text : "", use ? "\"" : ""));
    }
}

void saas_why_cross_site(request_rec *r, const saas_context_t *ctx, const char *plugin, const saas_route_t *route)
{
    const saas_state_t *state = saas_state_find(r);
    if (is_wanted(r)) {
        note(r, ctx, &saas_refusal_csrf, SAAS_DECIDED_CROSS_SITE, state && !route ? state->first : NULL, 0,
             route ? apr_psprintf(r->pool, "route %s %s of %s", r->method, route->path, plugin) : NULL);
    }
}
