#ifndef SAAS_CORE_DECIDE_H
#define SAAS_CORE_DECIDE_H

/*
 * What the host's gates decide, on facts about a caller alone: the server links it, which has the facts of a request,
 * and so does saasctl, which has those of a user of now.  Each rule is written here, once; they are inline because they
 * lie on the way of every request that a gate lets in.
 */

#include "plan.h"

#include <apr_pools.h>

#include <string.h>
#include <strings.h>

/** Why somebody is refused, in the order in which it is told: up to the last but one the values of saas_verdict_e of
 *  mod_saas.h (the compiler compares them). */
typedef enum {
    SAAS_DECIDED_GRANTED = 0,
    SAAS_DECIDED_UNAVAILABLE,
    SAAS_DECIDED_NO_USER,
    SAAS_DECIDED_CHOOSE_ORGANIZATION,
    SAAS_DECIDED_OUTSIDER,
    SAAS_DECIDED_WRONG_ROLE,
    SAAS_DECIDED_NO_SUBSCRIPTION,
    SAAS_DECIDED_UNVERIFIED,
    SAAS_DECIDED_NO_FEATURE,
    SAAS_DECIDED_NO_PLAN,
    SAAS_DECIDED_CROSS_SITE, /**< before any gate was asked: the cookie came from elsewhere */
    SAAS_DECISIONS
} saas_decision_e;

/** What each is answered with: status, and code of the reply. */
#define SAAS_ANSWER_GRANTED 200, ""
#define SAAS_ANSWER_UNAVAILABLE 503, "unavailable"
#define SAAS_ANSWER_NO_USER 401, "not_authenticated"
#define SAAS_ANSWER_CHOOSE_ORGANIZATION 400, "organization_required"
#define SAAS_ANSWER_OUTSIDER 404, "not_found"
#define SAAS_ANSWER_WRONG_ROLE 403, "permission_denied"
#define SAAS_ANSWER_NO_SUBSCRIPTION 403, "subscription_required"
#define SAAS_ANSWER_UNVERIFIED 403, "email_not_verified"
#define SAAS_ANSWER_NO_FEATURE 403, "feature_required"
#define SAAS_ANSWER_NO_PLAN 403, "plan_required"
#define SAAS_ANSWER_CROSS_SITE 403, "csrf_failed"

/** The same by number. */
typedef struct saas_answer_t {
    int status;
    const char *code;
} saas_answer_t;
extern const saas_answer_t saas_answers[SAAS_DECISIONS];

/** What gates look at. */
typedef struct saas_facts_t {
    const char *email;
    const char *org_id; /**< NULL: none was chosen, or the caller is no member of it */
    const char *org_slug;
    const char *role;         /**< "" or NULL: none */
    const char *subscription; /**< the status; may be NULL */
    int has_active_subscription;
    int email_verified;
    const char *price;           /**< of what gives access; may be NULL */
    const char *entitled;        /**< " key key ": Stripe's entitlements; may be NULL */
    const saas_plans_t *plans;   /**< never NULL */
    int in_trial;             /**< what gives access is a trial */
} saas_facts_t;

typedef saas_decision_e saas_decide_fn(const saas_facts_t *who, int argc, const char *const *argv);

static inline saas_decision_e saas_decide_user(const saas_facts_t *who, int argc, const char *const *argv)
{
    int i;
    for (i = 0; i < argc; i++) {
        if (!strcasecmp(argv[i], who->email)) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return argc ? SAAS_DECIDED_WRONG_ROLE : SAAS_DECIDED_GRANTED;
}

static inline saas_decision_e saas_decide_member(const saas_facts_t *who, int argc, const char *const *argv)
{
    int i;
    if (!who->org_id) {
        return SAAS_DECIDED_OUTSIDER;
    }
    for (i = 0; i < argc; i++) {
        if (!strcasecmp(argv[i], who->org_id) || !strcmp(argv[i], who->org_slug)) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return argc ? SAAS_DECIDED_OUTSIDER : SAAS_DECIDED_GRANTED;
}

static inline saas_decision_e saas_decide_role(const saas_facts_t *who, int argc, const char *const *argv)
{
    int i;
    if (!who->org_id) {
        return SAAS_DECIDED_OUTSIDER;
    }
    for (i = 0; i < argc; i++) {
        if (who->role && *who->role && !strcmp(argv[i], who->role)) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return SAAS_DECIDED_WRONG_ROLE;
}

static inline saas_decision_e saas_decide_subscription(const saas_facts_t *who, int argc, const char *const *argv)
{
    int i;
    if (!who->org_id) {
        return SAAS_DECIDED_OUTSIDER;
    }
    for (i = 0; i < argc; i++) {
        /* "active" means access now, not a word in the database. */
        if (!strcmp(argv[i], "active") ? who->has_active_subscription
                                       : who->subscription && !strcmp(argv[i], who->subscription)) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return SAAS_DECIDED_NO_SUBSCRIPTION;
}

/** True when Stripe's entitlements have the key: they are worth what access is. */
static inline int saas_is_entitled(const saas_facts_t *who, const char *key)
{
    const char *at = who->has_active_subscription ? who->entitled : NULL;
    size_t len = strlen(key);
    while (at && (at = strstr(at, key)) && !(at > who->entitled && at[-1] == ' ' && at[len] == ' ')) {
        at++;
    }
    return at != NULL;
}

/** Any of the features: of the organization's plan, or entitled by Stripe.  Without any plan an active subscription has
 *  all of them. */
static inline saas_decision_e saas_decide_feature(const saas_facts_t *who, int argc, const char *const *argv)
{
    const saas_plan_t *plan = saas_plans_of(who->plans, who->has_active_subscription, who->price);
    int i, all = !who->plans->list->nelts && who->has_active_subscription;
    if (!who->org_id) {
        return SAAS_DECIDED_OUTSIDER;
    }
    for (i = 0; i < argc; i++) {
        if (all || saas_plan_has(plan, argv[i]) || saas_is_entitled(who, argv[i])) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return SAAS_DECIDED_NO_FEATURE;
}

/** One of the plans. */
static inline saas_decision_e saas_decide_plan(const saas_facts_t *who, int argc, const char *const *argv)
{
    const saas_plan_t *plan = saas_plans_of(who->plans, who->has_active_subscription, who->price);
    int i;
    if (!who->org_id) {
        return SAAS_DECIDED_OUTSIDER;
    }
    for (i = 0; plan && i < argc; i++) {
        if (!strcmp(plan->name, argv[i])) {
            return SAAS_DECIDED_GRANTED;
        }
    }
    return SAAS_DECIDED_NO_PLAN;
}

/** While a trial runs, ours or Stripe's; whoever has paid is in none. */
static inline saas_decision_e saas_decide_trial(const saas_facts_t *who, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return !who->org_id ? SAAS_DECIDED_OUTSIDER : who->in_trial ? SAAS_DECIDED_GRANTED : SAAS_DECIDED_NO_SUBSCRIPTION;
}

/** The user, proven or not: what one needs to prove it, and to be rid of the account. */
static inline saas_decision_e saas_decide_account(const saas_facts_t *who, int argc, const char *const *argv)
{
    (void)who, (void)argc, (void)argv;
    return SAAS_DECIDED_GRANTED;
}

static inline saas_decision_e saas_decide_verified(const saas_facts_t *who, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return who->email_verified ? SAAS_DECIDED_GRANTED : SAAS_DECIDED_UNVERIFIED;
}

/** Where proof is required (SaasVerifyEmail) every gate but this one wants it. */
#define SAAS_DECIDE_WITHOUT_PROOF "account"

/** What is decided when no organization is chosen, and the gate wants one: may the caller choose among several? */
static inline saas_decision_e saas_decide_unchosen(int several)
{
    return several ? SAAS_DECIDED_CHOOSE_ORGANIZATION : SAAS_DECIDED_OUTSIDER;
}

/** Check one argument of a gate: NULL, or what is wrong with it. */
const char *saas_decide_check_organization(apr_pool_t *p, const char *arg);
const char *saas_decide_check_role(apr_pool_t *p, const char *arg);
const char *saas_decide_check_subscription(apr_pool_t *p, const char *arg);

/** A gate of the host, as whoever is no httpd sees it; the list ends with name NULL. */
typedef struct saas_decider_t {
    const char *name; /**< without "saas-" */
    const char *(*check_arg)(apr_pool_t *p, const char *arg);
    int min_args;
    saas_decide_fn *decide;
} saas_decider_t;
extern const saas_decider_t saas_deciders[];

#endif
