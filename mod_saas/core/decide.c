/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See decide.h. */
#include "decide.h"

#include "id.h"
#include "text.h"

#include <apr_strings.h>

static const char *const roles[] = { "ADMIN", "MEMBER", "VIEWER", NULL };
static const char *const subscriptions[] = { "free", "active", "expired", "canceled", NULL };

static int is_one_of(const char *const *words, const char *arg)
{
    for (; *words && strcmp(*words, arg); words++) {
    }
    return *words != NULL;
}

const char *saas_decide_check_organization(apr_pool_t *p, const char *arg)
{
    return saas_uuid_is(arg) || saas_slug_is(arg) ? NULL : apr_psprintf(p, "\"%s\" is no organization id or slug", arg);
}

const char *saas_decide_check_role(apr_pool_t *p, const char *arg)
{
    return is_one_of(roles, arg) ? NULL
                                 : apr_psprintf(p, "\"%s\" is no role; the roles are ADMIN, MEMBER, VIEWER", arg);
}

const char *saas_decide_check_subscription(apr_pool_t *p, const char *arg)
{
    return is_one_of(subscriptions, arg)
               ? NULL
               : apr_psprintf(p, "\"%s\" is no subscription status; they are active, free, expired, canceled", arg);
}

const saas_answer_t saas_answers[SAAS_DECISIONS] = {
    [SAAS_DECIDED_GRANTED] = { SAAS_ANSWER_GRANTED },
    [SAAS_DECIDED_UNAVAILABLE] = { SAAS_ANSWER_UNAVAILABLE },
    [SAAS_DECIDED_NO_USER] = { SAAS_ANSWER_NO_USER },
    [SAAS_DECIDED_CHOOSE_ORGANIZATION] = { SAAS_ANSWER_CHOOSE_ORGANIZATION },
    [SAAS_DECIDED_OUTSIDER] = { SAAS_ANSWER_OUTSIDER },
    [SAAS_DECIDED_WRONG_ROLE] = { SAAS_ANSWER_WRONG_ROLE },
    [SAAS_DECIDED_NO_SUBSCRIPTION] = { SAAS_ANSWER_NO_SUBSCRIPTION },
    [SAAS_DECIDED_UNVERIFIED] = { SAAS_ANSWER_UNVERIFIED },
    [SAAS_DECIDED_NO_FEATURE] = { SAAS_ANSWER_NO_FEATURE },
    [SAAS_DECIDED_NO_PLAN] = { SAAS_ANSWER_NO_PLAN },
    [SAAS_DECIDED_CROSS_SITE] = { SAAS_ANSWER_CROSS_SITE },
};

const saas_decider_t saas_deciders[] = {
    { "user", NULL, 0, saas_decide_user },
    { "member", saas_decide_check_organization, 0, saas_decide_member },
    { "role", saas_decide_check_role, 1, saas_decide_role },
    { "subscription", saas_decide_check_subscription, 1, saas_decide_subscription },
    { SAAS_DECIDE_WITHOUT_PROOF, NULL, 0, saas_decide_account },
    { "verified", NULL, 0, saas_decide_verified },
    { "feature", saas_plan_check_name, 1, saas_decide_feature },
    { "plan", saas_plan_check_name, 1, saas_decide_plan },
    { "trial", NULL, 0, saas_decide_trial },
    { 0 },
};
