/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See why.h.  Pure: what is not in the facts or in the row of the history is not said. */
#include "why.h"

#include "timefmt.h"

#include <apr_lib.h>
#include <apr_strings.h>

/* What is at most between a membership and its entry in the trail, which SQLite's clock gives times of their own. */
#define SAME_CHANGE apr_time_from_sec(2)

/* ---------------------------------------------------------------- pieces -- */

static const char *time_text(apr_pool_t *p, apr_time_t t)
{
    char iso[SAAS_TIME_ISO_SIZE];
    /* To the second: 2026-01-02T03:04:05 of 2026-01-02T03:04:05.678901Z. */
    return saas_time_iso(iso, t) == APR_SUCCESS ? apr_psprintf(p, "%.19sZ", iso) : "";
}

const char *saas_why_time(apr_pool_t *p, const char *text)
{
    apr_time_t t;
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? time_text(p, t) : "";
}

static const char *cell(const saas_why_t *why, int column)
{
    return why->history ? why->history[column] : NULL;
}

static int is_true(const char *cell_text)
{
    return cell_text && (*cell_text == 't' || *cell_text == '1');
}

/* Who did it, as the trail has it. */
static const char *actor(apr_pool_t *p, const char *type, const char *id)
{
    static const struct {
        const char *type, *before;
    } kinds[] = { { "user", "user " }, { "token", "API token " }, { "stripe", "event " }, { "system", "" } };
    size_t i;
    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (type && id && !strcmp(type, kinds[i].type)) {
            return apr_pstrcat(p, kinds[i].before, id, NULL);
        }
    }
    return type && !strcmp(type, "system") ? "the system" : "somebody";
}

/* The organization that was meant, by the best name that there is. */
static const char *organization(apr_pool_t *p, const saas_why_t *why)
{
    const char *slug = cell(why, SAAS_WHY_SLUG);
    return why->who && why->who->org_slug                ? why->who->org_slug
           : slug                                        ? apr_pstrdup(p, slug)
           : why->named && why->chosen == SAAS_WHY_NAMED ? why->named
                                                         : "ORG";
}

/* "" , or " since ..., by ...". */
static const char *since(apr_pool_t *p, const saas_why_t *why)
{
    const char *at = cell(why, SAAS_WHY_AT), *changed = cell(why, SAAS_WHY_ROLE_SINCE);
    apr_time_t told, is;
    if (!changed || saas_time_parse(changed, &is) != APR_SUCCESS) {
        return why->looked ? "" : " (since when and by whom was not looked up)";
    }
    if (!at || saas_time_parse(at, &told) != APR_SUCCESS || is > told + SAME_CHANGE) {
        return apr_psprintf(p, " since %s, by whom the trail does not say", time_text(p, is));
    }
    return apr_psprintf(p, " since %s, set by %s (%s)", time_text(p, told),
                        actor(p, cell(why, SAAS_WHY_ACTOR), cell(why, SAAS_WHY_ACTOR_ID)), cell(why, SAAS_WHY_ACTION));
}

static int is_gate(const saas_why_t *why, const char *name)
{
    const char *gate = why->gate ? why->gate : "";
    size_t len = strlen(name);
    if (!strncasecmp(gate, "not ", 4)) {
        gate += 4;
    }
    return !strncmp(gate, name, len) && (!gate[len] || gate[len] == ' ');
}

/* ----------------------------------------------------------- each refusal -- */

static void unavailable(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    (void)p, (void)why;
    told->fact = "who calls, and with which rights, could not be decided: the database did not answer";
    told->way_out = "see the lines SAAS11.. before this one, and ready below SaasStatus";
}

/* A token or session that was found nevertheless, or a user. */
static void nobody_found(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    const char *what =
        why->by == SAAS_WHY_BY_TOKEN
            ? apr_pstrcat(p, "API token ", cell(why, SAAS_WHY_CREDENTIAL), " of user ", cell(why, SAAS_WHY_USER), NULL)
            : apr_pstrcat(p, "session of user ", cell(why, SAAS_WHY_USER), NULL);
    if (cell(why, SAAS_WHY_REVOKED)) {
        told->fact = apr_psprintf(p, "%s was revoked %s", what, saas_why_time(p, cell(why, SAAS_WHY_REVOKED)));
    }
    else if (is_true(cell(why, SAAS_WHY_EXPIRED))) {
        told->fact = apr_psprintf(p, "%s expired %s", what, saas_why_time(p, cell(why, SAAS_WHY_EXPIRES)));
    }
    else if (!is_true(cell(why, SAAS_WHY_ACTIVE))) {
        told->fact = apr_psprintf(p, "user %s is disabled", cell(why, SAAS_WHY_USER));
        told->way_out = apr_psprintf(p, "saasctl user enable %s", cell(why, SAAS_WHY_USER));
    }
    else {
        told->fact = "the credential was not valid then, and is by now";
    }
}

static void no_user(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    static const struct {
        const char *unknown, *unlooked, *way_out;
    } with[] = {
        [SAAS_WHY_BY_NOTHING] = { "no credential came with the request", "no credential came with the request",
                                  "log in, or send an API token as Authorization: Bearer" },
        [SAAS_WHY_BY_TOKEN] = { "the API token is not known",
                                "the API token is unknown, revoked or expired, or its user disabled",
                                "make another token (saasctl token create)" },
        [SAAS_WHY_BY_SESSION] = { "the session is not known: it was ended, or has long expired",
                                  "the session is unknown, ended or expired, or its user disabled", "log in again" },
        [SAAS_WHY_BY_SERVER] = { "the user whom another module of this server has authenticated is none of ours",
                                 "the user whom another module of this server has authenticated is none of ours, or "
                                 "disabled",
                                 "saasctl user create, or SaasUserCreate On" },
    };
    told->way_out = with[why->by].way_out;
    if (why->malformed) {
        told->fact = "what stands behind Authorization: Bearer can be no API token";
    }
    else if (why->history) {
        nobody_found(p, why, told);
    }
    else {
        told->fact = why->looked ? with[why->by].unknown : with[why->by].unlooked;
    }
}

static void choose(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    (void)p, (void)why;
    told->fact = "the user is in several organizations, none of them is the default, and the request names none";
    told->way_out = "name one with X-Organization-ID (or ?organization= to the API), or choose a default for the user";
}

/* Of an organization that was named: what its rows and its trail say of this user. */
static void outside_named(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    const char *org = organization(p, why), *bound = cell(why, SAAS_WHY_BOUND), *action = cell(why, SAAS_WHY_ACTION);
    told->way_out = apr_psprintf(p, "saasctl member add %s %s, or an invite", org, why->user);
    if (!why->looked) {
        told->fact =
            apr_psprintf(p, "the user is no member of %s, or there is none (which of them was not looked up)", org);
    }
    else if (!cell(why, SAAS_WHY_ORG)) {
        told->fact = apr_psprintf(p, "there is no organization %s", org);
        told->way_out = "name one that there is (saasctl org list)";
    }
    else if (cell(why, SAAS_WHY_DELETED)) {
        told->fact =
            apr_psprintf(p, "the organization %s was deleted %s", org, saas_why_time(p, cell(why, SAAS_WHY_DELETED)));
        told->way_out = apr_psprintf(p, "saasctl org restore %s", cell(why, SAAS_WHY_ORG));
    }
    else if (bound && strcmp(bound, cell(why, SAAS_WHY_ORG))) {
        told->fact = apr_psprintf(p, "the API token is bound to another organization, %s", bound);
        told->way_out = "a token that is bound to none, or to this one";
    }
    else if (cell(why, SAAS_WHY_ROLE)) {
        told->fact = apr_psprintf(p, "the user was no member of %s then, and is by now, as %s%s", org,
                                  cell(why, SAAS_WHY_ROLE), since(p, why));
    }
    else if (action && (!strcmp(action, "member.removed") || !strcmp(action, "member.left"))) {
        told->fact = apr_psprintf(
            p, "the user is no member of %s: %s %s%s%s", org, !strcmp(action, "member.left") ? "left" : "removed",
            saas_why_time(p, cell(why, SAAS_WHY_AT)), !strcmp(action, "member.left") ? "" : " by ",
            !strcmp(action, "member.left") ? "" : actor(p, cell(why, SAAS_WHY_ACTOR), cell(why, SAAS_WHY_ACTOR_ID)));
    }
    else {
        told->fact = apr_psprintf(
            p,
            "the user is no member of %s, and never was, as far as the trail's newest " SAAS_WHY_TRAIL " entries tell",
            org);
    }
}

static void outsider(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    if (why->who && why->who->org_id) {
        told->fact =
            apr_psprintf(p, "the request is for the organization %s, which the gate does not name", why->who->org_slug);
        told->way_out = "name it in the gate, or have the request name one that the gate does";
        return;
    }
    switch (why->chosen) {
    case SAAS_WHY_NAMED:
        outside_named(p, why, told);
        return;
    case SAAS_WHY_OBJECT:
        told->fact =
            apr_psprintf(p, "the object is in no organization of the user's, or there is none (%s)", why->named);
        told->way_out = "see whose it is, and who is a member there (saasctl member list)";
        return;
    case SAAS_WHY_NONSENSE:
        told->fact = "what the request names is neither the id nor the slug of an organization";
        told->way_out = "an id or a slug in X-Organization-ID, or another SaasOrganization";
        return;
    default:
        told->fact = cell(why, SAAS_WHY_BOUND)
                         ? apr_psprintf(p, "the API token is bound to the organization %s, which the user is not in",
                                        cell(why, SAAS_WHY_BOUND))
                         : "the user is in no organization";
        told->way_out = apr_psprintf(p, "saasctl member add ORG %s, or an invite", why->user);
    }
}

/* Since when the subscription is what it is, by which event or by the clock. */
static const char *ended(apr_pool_t *p, const saas_why_t *why)
{
    const char *stored = cell(why, SAAS_WHY_STATUS), *event = cell(why, SAAS_WHY_EVENT);
    const char *by = event ? apr_psprintf(p, "%s, by %s", saas_why_time(p, cell(why, SAAS_WHY_PAID_AT)),
                                          actor(p, cell(why, SAAS_WHY_PAID_ACTOR), event))
                           : NULL;
    if (why->who->subscription && !strcmp(why->who->subscription, "expired") && why->ends_at
        && (!stored || !strcmp(stored, "active"))) {
        return apr_psprintf(p, ": it ended %s by the clock%s%s", time_text(p, why->ends_at),
                            by ? "; the last event was of " : "", by ? by : "");
    }
    return by             ? apr_pstrcat(p, " since ", by, NULL)
           : !why->looked ? " (since when and by which event was not looked up)"
           : why->who->subscription && !strcmp(why->who->subscription, "free")
               ? ": the organization has never had another"
               : "; no event in the trail says since when";
}

static void no_trial(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    told->fact = apr_psprintf(p, "%s is in no trial; its subscription is %s%s", organization(p, why),
                              why->who->subscription ? why->who->subscription : "none", ended(p, why));
    told->way_out = apr_psprintf(p, "saasctl org trial %s 14d, unless it has a subscription", organization(p, why));
}

static void no_subscription(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    if (why->plugin || !why->who) {
        told->fact = "the plugin's gate has refused for want of a subscription";
        told->way_out = "see the plugin's manual";
        return;
    }
    if (is_gate(why, "saas-trial")) {
        no_trial(p, why, told);
        return;
    }
    told->fact = apr_psprintf(p, "the subscription of %s is %s%s", organization(p, why),
                              why->who->subscription ? why->who->subscription : "none", ended(p, why));
    told->way_out =
        apr_psprintf(p, "%s (saasctl activity list --org %s --action subscription.changed)",
                     why->turned ? "have the gate not name what it is"
                     : why->who->has_active_subscription ? "have the gate name what it is"
                                                         : "an ADMIN subscribes",
                     organization(p, why));
}

static void in_trial(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    told->fact = why->ends_at ? apr_psprintf(p, "%s is in a trial until %s", organization(p, why), time_text(p, why->ends_at))
                              : apr_psprintf(p, "%s is in a trial", organization(p, why));
    told->way_out = apr_psprintf(p, "an ADMIN subscribes, or saasctl org trial %s --end", organization(p, why));
}

static void wrong_role(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    const char *role = why->who && why->who->role ? why->who->role : "", *own = cell(why, SAAS_WHY_ROLE);
    if (!why->gate) {
        told->fact = "a Require line of another module has refused a user whom we know";
        told->way_out = "see its own line (AH01631) beside this one";
    }
    else if (is_gate(why, "saas-user")) {
        told->fact = why->turned ? "the user is one of those whom the gate names, under \"not\""
                                 : "the user is not one of those whom the gate names";
        told->way_out = "change the Require line";
    }
    else if (why->turned && is_gate(why, "saas-subscription")) {
        no_subscription(p, why, told);
    }
    else if (why->turned && is_gate(why, "saas-trial")) {
        in_trial(p, why, told);
    }
    else if (why->turned && is_gate(why, "saas-member")) {
        told->fact = apr_psprintf(p, "the request is for the organization %s, which the gate names under \"not\"",
                                  organization(p, why));
        told->way_out = "another organization, or have the gate not name this one";
    }
    else if (why->plugin) {
        told->fact = apr_psprintf(p, "the plugin's gate has refused%s%s%s", *role ? "; the role is " : "", role,
                                  *role ? since(p, why) : "");
        told->way_out = "see the plugin's manual";
    }
    else if (own && strcmp(own, role) && cell(why, SAAS_WHY_CAP)) {
        told->fact = apr_psprintf(p, "the role is %s by API token %s; the user's own is %s%s", role, why->token, own,
                                  since(p, why));
        told->way_out = "use a token that may do more";
    }
    else {
        told->fact = apr_psprintf(p, "the role is %s%s", role, since(p, why));
        told->way_out = apr_psprintf(p, "another role (saasctl member role %s %s --role ROLE), or have the gate %s %s",
                                     organization(p, why), why->user, why->turned ? "not name" : "name", role);
    }
}

static void unverified(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    told->fact = is_gate(why, "saas-verified")
                     ? "nobody has proven that the user's address is theirs"
                     : "nobody has proven that the user's address is theirs, and SaasVerifyEmail is Required";
    told->way_out = apr_psprintf(p, "the link in the mail (auth/verify/resend/ sends another), or saasctl user verify %s",
                                 why->user ? why->user : "USER");
}

/* What an organization has, in the words of SaasPlan. */
static const char *its_plan(apr_pool_t *p, const saas_why_t *why)
{
    const saas_facts_t *who = why->who;
    const saas_plan_t *plan = who && who->plans ? saas_plans_of(who->plans, who->has_active_subscription, who->price) : NULL;
    const char *org = organization(p, why);

    if (who && who->has_active_subscription && who->price && who->plans && who->plans->list->nelts
        && !saas_plans_of_price(who->plans, who->price)) {
        return apr_psprintf(p, "%s pays the price %s, which no SaasPlan has, so that it counts as free", org, who->price);
    }
    return plan ? apr_psprintf(p, "%s has the plan %s", org, plan->name)
           : who && who->has_active_subscription ? apr_psprintf(p, "%s has no plan", org)
                                                 : apr_psprintf(p, "%s has no active subscription, and there is no plan free", org);
}

static int pays(const saas_why_t *why)
{
    return why->who && why->who->has_active_subscription;
}

static void no_feature(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    if (!pays(why)) {
        no_subscription(p, why, told);
        return;
    }
    told->fact = apr_pstrcat(p, its_plan(p, why), ", which has not the feature", NULL);
    told->way_out = "a plan that has it (SaasPlan, features=), or another subscription";
}

static void no_plan(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    if (!pays(why)) {
        no_subscription(p, why, told);
        return;
    }
    told->fact = its_plan(p, why);
    told->way_out = "a subscription to one of the plans that the gate names (SaasPlan)";
}

static void cross_site(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    told->fact = apr_pstrcat(p, "a browser's credential on a request that may be another site's doing: ",
                             why->elsewhere ? why->elsewhere : "it does not say where it is from", NULL);
    told->way_out = "an API token; or SaasAllowOrigin for an origin that may, SaasTrustForwarded behind a proxy";
}

/* ------------------------------------------------------------------ table -- */

static int was_somebody(const saas_why_t *why)
{
    return why->by != SAAS_WHY_BY_NOTHING && !why->malformed;
}

static int named_one(const saas_why_t *why)
{
    return (!why->who || !why->who->org_id) && (why->chosen == SAAS_WHY_NAMED || why->token);
}

static int is_by_role(const saas_why_t *why)
{
    return why->gate && !is_gate(why, "saas-user");
}

static int is_by_ours(const saas_why_t *why)
{
    return !why->plugin;
}

static int does_not_pay(const saas_why_t *why)
{
    return !pays(why);
}

static const struct {
    void (*tell)(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told);
    int (*history)(const saas_why_t *why); /* can the database say more? NULL: no */
} refusals[SAAS_DECISIONS] = {
    [SAAS_DECIDED_UNAVAILABLE] = { unavailable, NULL },
    [SAAS_DECIDED_NO_USER] = { no_user, was_somebody },
    [SAAS_DECIDED_CHOOSE_ORGANIZATION] = { choose, NULL },
    [SAAS_DECIDED_OUTSIDER] = { outsider, named_one },
    [SAAS_DECIDED_WRONG_ROLE] = { wrong_role, is_by_role },
    [SAAS_DECIDED_NO_SUBSCRIPTION] = { no_subscription, is_by_ours },
    [SAAS_DECIDED_UNVERIFIED] = { unverified, NULL },
    [SAAS_DECIDED_NO_FEATURE] = { no_feature, does_not_pay },
    [SAAS_DECIDED_NO_PLAN] = { no_plan, does_not_pay },
    [SAAS_DECIDED_CROSS_SITE] = { cross_site, NULL },
};

void saas_why_tell(apr_pool_t *p, const saas_why_t *why, saas_why_told_t *told)
{
    told->fact = "the gate has refused";
    told->way_out = "see docs/gates.md";
    if (refusals[why->decision].tell) {
        refusals[why->decision].tell(p, why, told);
    }
}

int saas_why_has_history(const saas_why_t *why)
{
    return refusals[why->decision].history && refusals[why->decision].history(why);
}

apr_status_t saas_why_look(apr_pool_t *p, saas_why_t *why, const char *org_id, const char *slug, saas_why_ask_fn *ask,
                           void *baton)
{
    const char **history = apr_pcalloc(p, sizeof(*history) * SAAS_WHY_KNOWN_COLUMNS);
    const char *const known[] = { why->user, org_id, slug, why->token }, *const *row;
    int paid = why->decision == SAAS_DECIDED_NO_SUBSCRIPTION || why->decision == SAAS_DECIDED_NO_FEATURE
               || why->decision == SAAS_DECIDED_NO_PLAN
               || (why->turned && (is_gate(why, "saas-subscription") || is_gate(why, "saas-trial")));
    apr_status_t rv = ask(baton, SAAS_WHY_ASK_KNOWN, known, 4, &row);
    if (rv == APR_SUCCESS && row) {
        memcpy(history, row, sizeof(*history) * SAAS_WHY_AT);
        why->history = history;
    }
    if (rv == APR_SUCCESS && row && row[SAAS_WHY_ORG]) {
        const char *const of[] = { row[SAAS_WHY_ORG], why->user };
        const int at = paid ? SAAS_WHY_PAID_AT : SAAS_WHY_AT, end = paid ? SAAS_WHY_KNOWN_COLUMNS : SAAS_WHY_PAID_AT;
        rv = ask(baton, paid ? SAAS_WHY_ASK_PAID : SAAS_WHY_ASK_MEMBER, of, paid ? 1 : 2, &row);
        if (rv == APR_SUCCESS && row) {
            memcpy(history + at, row, sizeof(*history) * (size_t)(end - at));
        }
    }
    why->looked = rv == APR_SUCCESS;
    why->history = why->looked ? why->history : NULL;
    return rv;
}

const char *saas_why_mask(apr_pool_t *p, const char *text)
{
    char *masked = apr_palloc(p, strlen(text) * 3 + 1), *to = masked;
    const char *c = text, *word, *at;
    while (*c) {
        for (; apr_isspace(*c) || *c == '"'; c++) {
            *to++ = *c;
        }
        for (word = c; *c && !apr_isspace(*c) && *c != '"'; c++) {
        }
        at = memchr(word, '@', (size_t)(c - word));
        if (at && at > word) {
            *to++ = *word;
            memcpy(to, "...", 3);
            to += 3;
            word = at;
        }
        memcpy(to, word, (size_t)(c - word));
        to += c - word;
    }
    *to = '\0';
    return masked;
}
