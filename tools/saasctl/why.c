/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl why: would a gate, or those before a URL, let a user in now, and if not, which fact decided, since when and
 * by whom it is so, and what the way out is.  The rules are the server's own (core/decide.h), and so are the words
 * (core/why.h); nothing is changed.
 *
 * The user is taken as logged in, by a session, or with --token by that API token, whose role and organization count.
 */
#include "commands.h"
#include "statements.h"
#include "why.h"

#include "core/id.h"
#include "core/text.h"
#include "core/timefmt.h"

#include <apr_strings.h>

#include <string.h>

enum { TOKEN_CAP = SAAS_WHY_NOBODY_COLUMNS, TOKEN_ORG };

enum { ORG_ID, ORG_SLUG, ORG_ROLE, ORG_STATUS, ORG_ENDS, ORG_ACTIVE, ORG_DEFAULT, ORG_PRICE, ORG_ENTITLED, ORG_TRIAL };

/* A user of now, for one organization. */
typedef struct caller_t {
    ctl_user_t user;
    saas_facts_t facts;
    apr_time_t ends_at;
    int several;
    saas_why_chosen_e chosen;
    const char *named, *named_id, *slug; /* what was named: as it is, as an id, as a slug */
    const char *org;                     /* the id, as far as it is known */
    const char *table, *object;          /* of a route that is about an object */
    const char *const *token;            /* its row; NULL: a session */
} caller_t;

static int rank_of(const char *role)
{
    static const char *const roles[] = { "VIEWER", "MEMBER", "ADMIN" };
    int rank;
    for (rank = 0; rank < 3 && (!role || strcmp(role, roles[rank])); rank++) {
    }
    return rank;
}

/* What of a token's is set, or NULL. */
static const char *of_token(const caller_t *caller, int column)
{
    return caller->token ? caller->token[column] : NULL;
}

static int read_token(ctl_t *ctl, caller_t *caller)
{
    const char *text = ctl_option(ctl, "token"), *id;
    saas_driver_rows_t *rows;
    int code;
    if (!text) {
        return CTL_OK;
    }
    if ((code = ctl_id(ctl, text, &id)) != CTL_OK
        || (code = ctl_ask(ctl, CTL_WHY_TOKEN, &rows, CTL_ARGS(id))) != CTL_OK) {
        return code;
    }
    if (!rows->count || strcmp(ctl_cell(rows, 0, SAAS_WHY_USER), caller->user.id)) {
        return ctl_say(CTL_REFUSED, "%s has no API token %s: see saasctl token list --user %s", caller->user.email, id,
                       caller->user.email);
    }
    caller->token = rows->cells;
    return CTL_OK;
}

/* Is the caller nobody, by now? */
static int is_nobody(const caller_t *caller)
{
    const char *expired = of_token(caller, SAAS_WHY_EXPIRED);
    return !caller->user.active || of_token(caller, SAAS_WHY_REVOKED)
           || (expired && (*expired == 't' || *expired == '1'));
}

static void take(caller_t *caller, const saas_driver_rows_t *rows, int row)
{
    caller->facts.org_id = ctl_cell(rows, row, ORG_ID);
    caller->facts.org_slug = ctl_cell(rows, row, ORG_SLUG);
    caller->facts.role = ctl_cell(rows, row, ORG_ROLE);
    if (of_token(caller, TOKEN_CAP) && rank_of(of_token(caller, TOKEN_CAP)) < rank_of(caller->facts.role)) {
        caller->facts.role = of_token(caller, TOKEN_CAP);
    }
    caller->facts.subscription = ctl_cell(rows, row, ORG_STATUS);
    caller->facts.has_active_subscription = ctl_cell_true(rows, row, ORG_ACTIVE);
    caller->facts.price = ctl_cell(rows, row, ORG_PRICE);
    caller->facts.entitled = ctl_cell(rows, row, ORG_ENTITLED);
    caller->facts.in_trial = caller->facts.has_active_subscription && ctl_cell_true(rows, row, ORG_TRIAL);
    if (ctl_cell(rows, row, ORG_ENDS)) {
        saas_time_parse(ctl_cell(rows, row, ORG_ENDS), &caller->ends_at);
    }
    caller->org = caller->facts.org_id;
}

/* Reads what was named as the server does. */
static void read_name(ctl_t *ctl, caller_t *caller, const char *name)
{
    char *id = apr_palloc(ctl->p, SAAS_UUID_LEN + 1);
    caller->named = name;
    if (!name) {
        caller->chosen = SAAS_WHY_DEFAULT;
    }
    else if (saas_uuid_canonical(id, name) == APR_SUCCESS) {
        caller->chosen = SAAS_WHY_NAMED;
        caller->org = caller->named_id = id;
    }
    else if (saas_slug_is(name)) {
        caller->chosen = SAAS_WHY_NAMED;
        caller->slug = name;
    }
    else {
        caller->chosen = SAAS_WHY_NONSENSE;
    }
}

/* Of the user's organizations the one that an object belongs to, as the server's own statements find it. */
static int choose_by_object(ctl_t *ctl, caller_t *caller, const saas_driver_rows_t *orgs)
{
    saas_driver_statement_t statement = ctl_statements[CTL_WHY_OBJECT];
    char *id = apr_palloc(ctl->p, SAAS_UUID_LEN + 1);
    saas_driver_rows_t *rows;
    int r;
    caller->chosen = SAAS_WHY_OBJECT;
    caller->named = apr_pstrcat(ctl->p, caller->table, " ", caller->object, NULL);
    if (saas_uuid_canonical(id, caller->object) != APR_SUCCESS) {
        caller->chosen = SAAS_WHY_NONSENSE;
        return CTL_OK;
    }
    if (strspn(caller->table, "abcdefghijklmnopqrstuvwxyz_") != strlen(caller->table)) {
        return ctl_say(CTL_USAGE, "%s is no table of a plugin's", caller->table);
    }
    statement.sql = apr_psprintf(ctl->p, statement.sql, caller->table);
    for (r = 0; r < orgs->count; r++) {
        apr_status_t rv =
            ctl->c->driver->query(ctl->c, ctl->p, &statement, &rows, CTL_ARGS(ctl_cell(orgs, r, ORG_ID), id));
        if (rv != APR_SUCCESS) {
            return ctl_database_failure(ctl, "cannot look up the object", rv);
        }
        if (rows->count
            && (!of_token(caller, TOKEN_ORG) || !strcmp(of_token(caller, TOKEN_ORG), ctl_cell(orgs, r, ORG_ID)))) {
            take(caller, orgs, r);
        }
    }
    return CTL_OK;
}

/* Does a row of the user's organizations, of which there are so many, answer to what was named? */
static int is_meant(const caller_t *caller, const saas_driver_rows_t *rows, int r)
{
    const char *id = ctl_cell(rows, r, ORG_ID), *bound = of_token(caller, TOKEN_ORG);
    if (bound && strcmp(bound, id)) {
        return 0;
    }
    return caller->chosen == SAAS_WHY_NAMED
               ? (caller->named_id && !strcmp(caller->named_id, id))
                     || (caller->slug && !strcmp(caller->slug, ctl_cell(rows, r, ORG_SLUG)))
               : caller->chosen == SAAS_WHY_DEFAULT
                     && (bound || ctl_cell_true(rows, r, ORG_DEFAULT) || rows->count == 1);
}

static int choose(ctl_t *ctl, caller_t *caller, const char *name)
{
    saas_driver_rows_t *rows;
    int r, code = ctl_ask(ctl, CTL_WHY_ORGS, &rows, CTL_ARGS(caller->user.id));
    if (code != CTL_OK) {
        return code;
    }
    caller->facts.email = caller->user.email;
    caller->facts.email_verified = caller->user.verified;
    if (caller->object) {
        return choose_by_object(ctl, caller, rows);
    }
    read_name(ctl, caller, name);
    for (r = 0; r < rows->count; r++) {
        if (is_meant(caller, rows, r)) {
            take(caller, rows, r);
        }
    }
    caller->several =
        caller->chosen == SAAS_WHY_DEFAULT && !caller->facts.org_id && !of_token(caller, TOKEN_ORG) && rows->count > 1;
    return CTL_OK;
}

/* ---------------------------------------------------------------- the answer -- */

static apr_status_t ask(void *baton, saas_why_ask_e what, const char *const *args, int nargs, const char *const **row)
{
    saas_driver_rows_t *rows = NULL;
    apr_status_t rv = ctl_query(baton, CTL_WHY_KNOWN + (int)what, &rows, args, nargs);
    *row = rv == APR_SUCCESS && rows->count ? rows->cells : NULL;
    return rv;
}

static int tell_refusal(ctl_t *ctl, const caller_t *caller, const ctl_why_t *why, json_t *answer)
{
    const char *gate = why->line ? json_string_value(json_object_get(why->line, "require")) : NULL;
    saas_why_t refusal = { .decision = why->decision,
                           .gate = gate,
                           .turned = why->turned,
                           .by = SAAS_WHY_BY_SESSION,
                           .user = caller->user.id,
                           .who = &caller->facts,
                           .ends_at = caller->ends_at,
                           .chosen = caller->chosen,
                           .named = caller->named };
    saas_why_told_t told;
    saas_decision_e shown;
    apr_status_t rv;
    if (caller->token) {
        refusal.by = SAAS_WHY_BY_TOKEN;
        refusal.token = of_token(caller, SAAS_WHY_CREDENTIAL);
    }
    if (why->decision == SAAS_DECIDED_NO_USER && caller->token) {
        refusal.looked = 1;
        refusal.history = caller->token;
        saas_why_tell(ctl->p, &refusal, &told);
    }
    else if (why->decision == SAAS_DECIDED_NO_USER) {
        told.fact = apr_psprintf(ctl->p, "user %s is disabled", caller->user.id);
        told.way_out = apr_psprintf(ctl->p, "saasctl user enable %s", caller->user.id);
    }
    else {
        if (saas_why_has_history(&refusal)
            && (rv = saas_why_look(ctl->p, &refusal, caller->org, caller->slug, ask, ctl)) != APR_SUCCESS) {
            return ctl_database_failure(ctl, "cannot look up the history", rv);
        }
        saas_why_tell(ctl->p, &refusal, &told);
    }
    /* As the server answers there. */
    shown = why->own_words && (why->decision == SAAS_DECIDED_NO_FEATURE || why->decision == SAAS_DECIDED_NO_PLAN)
                ? SAAS_DECIDED_NO_SUBSCRIPTION
                : why->decision;
    json_object_set_new(answer, "status", json_integer(saas_answers[shown].status));
    json_object_set_new(answer, "code", json_string(saas_answers[shown].code));
    json_object_set_new(answer, "fact", json_string(told.fact));
    json_object_set_new(answer, "way_out", json_string(told.way_out));
    return CTL_OK;
}

static json_t *copy(const json_t *line, const char *key)
{
    json_t *value = json_object_get(line, key);
    return value ? json_incref(value) : json_null();
}

/* Prints it, with the same members always. */
static int answer(ctl_t *ctl, const caller_t *caller, const ctl_why_t *why, ctl_why_e verdict, const char *server)
{
    static const char *const words[] = { "granted", "refused", "depends" };
    json_t *told =
        json_pack("{s:s, s:s, s:s?, s:s?, s:o, s:o, s:o, s:n, s:n, s:n, s:n}", "verdict", words[verdict], "user",
                  caller->user.id, "organization", caller->facts.org_slug ? caller->facts.org_slug : caller->named,
                  "server", server, "section", copy(why->line, "section"), "gate", copy(why->line, "require"), "at",
                  copy(why->line, "at"), "status", "code", "fact", "way_out");
    int code = verdict == WHY_REFUSED ? tell_refusal(ctl, caller, why, told) : CTL_OK;
    json_object_set(told, "unknown", why->unknown);
    if (code != CTL_OK) {
        json_decref(told);
        return code;
    }
    ctl_print_object(ctl, told, NULL);
    return verdict == WHY_GRANTED ? CTL_OK : verdict == WHY_REFUSED ? CTL_REFUSED : CTL_DEPENDS;
}

static void do_not_know(ctl_why_t *why, const char *what)
{
    json_array_append_new(why->unknown, json_string(what));
}

/* ------------------------------------------------------------------- a place -- */

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Which organization a request to this place is about, and what of it was taken for granted. */
static const char *organization_of(caller_t *caller, ctl_why_t *why, const json_t *place, const char *given)
{
    const json_t *route = json_object_get(place, "route");
    const char *fixed = member(route, "organization"), *said = member(place, "organization");
    if (json_is_object(route)) {
        caller->table = member(route, "table");
        caller->object = member(route, "object");
        return fixed ? fixed : given;
    }
    if (said && !strstr(said, "%{")) {
        return said;
    }
    if (said && strcmp(said, "%{HTTP:X-Organization-ID}") && !given) {
        do_not_know(why,
                    apr_psprintf(why->p, "SaasOrganization %s depends on the request: the user's own was taken", said));
    }
    return given;
}

static ctl_why_e decide_place(ctl_why_t *why, const json_t *place)
{
    json_t *tree = json_object_get(place, "require"), *route = json_object_get(place, "route");
    const char *auth_type = member(place, "auth_type");
    ctl_why_e verdict = WHY_GRANTED;
    if (auth_type && strcasecmp(auth_type, "Saas")) {
        do_not_know(
            why, apr_psprintf(why->p, "AuthType %s: the user is taken to be the one that it authenticates", auth_type));
    }
    if (json_is_object(tree)) {
        verdict = ctl_why_tree(why, tree);
    }
    if (verdict != WHY_REFUSED && json_is_object(route)) {
        ctl_why_e by_gates;
        why->own_words = json_is_true(json_object_get(route, "own_words"));
        by_gates = ctl_why_route(why, json_object_get(route, "gates"));
        verdict = by_gates == WHY_GRANTED ? verdict : by_gates;
    }
    return verdict;
}

/* ----------------------------------------------------------------- the command -- */

/* The plans of the server's configuration, which it has read without complaint. */
static void read_plans(ctl_t *ctl, caller_t *caller, const json_t *place)
{
    saas_plans_t *plans = apr_palloc(ctl->p, sizeof(*plans));
    const json_t *line;
    size_t i;
    saas_plans_begin(ctl->p, plans);
    json_array_foreach(json_object_get(place, "plans"), i, line) {
        char **words;
        int n = 0;
        if (apr_tokenize_to_argv(json_string_value(line), &words, ctl->p) == APR_SUCCESS) {
            for (; words[n]; n++) {
            }
            saas_plans_add(ctl->p, plans, n, (const char *const *)words);
        }
    }
    caller->facts.plans = plans;
}

static int of_gate(ctl_t *ctl, caller_t *caller, ctl_why_t *why, const char *gate, const char *org)
{
    json_t *line = ctl_why_line(gate), *place = NULL;
    int code = ctl_why_check(ctl, gate);
    /* Which plan has what, only the server's configuration says. */
    if (code == CTL_OK && ctl_why_is_by_plan(gate) && (code = ctl_why_place(ctl, "/", &place)) == CTL_OK) {
        read_plans(ctl, caller, place);
        json_decref(place);
    }
    if (code == CTL_OK && (code = choose(ctl, caller, org)) == CTL_OK) {
        why->several = caller->several;
        if (!caller->user.verified) {
            do_not_know(why, "nobody has proven the user's address: a server with SaasVerifyEmail Required refuses it");
        }
        code = answer(ctl, caller, why, ctl_why_tree(why, line), NULL);
    }
    json_decref(line);
    return code;
}

static int of_place(ctl_t *ctl, caller_t *caller, ctl_why_t *why, const char *url, const char *org)
{
    json_t *place = NULL;
    int code = ctl_why_place(ctl, url, &place);
    if (code == CTL_OK) {
        json_array_extend(why->unknown, json_object_get(place, "unknown"));
        read_plans(ctl, caller, place);
        code = choose(ctl, caller, organization_of(caller, why, place, org));
    }
    if (code == CTL_OK) {
        why->several = caller->several;
        why->proof = json_is_true(json_object_get(place, "proof_required"));
        code = answer(ctl, caller, why, decide_place(why, place), member(place, "server"));
    }
    json_decref(place);
    return code;
}

int ctl_why(ctl_t *ctl)
{
    const char *what = ctl->operands[2] ? ctl->operands[2] : ctl->operands[1];
    const char *org = ctl->operands[2] ? ctl->operands[1] : NULL;
    caller_t caller = { 0 };
    ctl_why_t why = { .p = ctl->p, .who = &caller.facts, .unknown = json_array() };
    int code = ctl_user(ctl, ctl->operands[0], &caller.user);
    if (code == CTL_OK) {
        code = read_token(ctl, &caller);
    }
    if (code == CTL_OK) {
        why.nobody = is_nobody(&caller);
        code = *what == '/' || strstr(what, "://") ? of_place(ctl, &caller, &why, what, org)
                                                   : of_gate(ctl, &caller, &why, what, org);
    }
    json_decref(why.unknown);
    return code;
}
