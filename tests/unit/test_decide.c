/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* What gates decide, on facts alone. */
#include "unit.h"

#include "core/decide.h"

#define ID "0196f0c2-7f3a-7c51-8b7e-2f1d4c6a9b10"

static const saas_facts_t nowhere = { .email = "Ada@Example.test" };
static const saas_facts_t viewer = { .email = "ada@example.test", .org_id = ID, .org_slug = "acme", .role = "VIEWER", .subscription = "free",
    .has_active_subscription = 0, .email_verified = 0 };
static const saas_facts_t paying = { .email = "ada@example.test", .org_id = ID, .org_slug = "acme", .role = "ADMIN", .subscription = "active",
    .has_active_subscription = 1, .email_verified = 1 };
static const saas_facts_t lapsed = { .email = "ada@example.test", .org_id = ID, .org_slug = "acme", .role = "MEMBER", .subscription = "expired",
    .has_active_subscription = 0, .email_verified = 1 };
static const saas_facts_t trying = { .email = "ada@example.test", .org_id = ID, .org_slug = "acme", .role = "VIEWER", .subscription = "active",
    .has_active_subscription = 1, .email_verified = 1, .in_trial = 1 };
static const saas_facts_t capped = { .email = "ada@example.test", .org_id = ID, .org_slug = "acme", .role = "", .subscription = NULL,
    .has_active_subscription = 0, .email_verified = 1 };

START_TEST(decisions)
{
    static const struct {
        const char *gate;
        const saas_facts_t *who;
        int argc;
        const char *argv[2];
        saas_decision_e decision;
    } cases[] = {
        { "user", &nowhere, 0, { NULL }, SAAS_DECIDED_GRANTED },
        { "user", &nowhere, 2, { "bob@example.test", "ada@example.test" }, SAAS_DECIDED_GRANTED },
        { "user", &nowhere, 1, { "bob@example.test" }, SAAS_DECIDED_WRONG_ROLE },
        { "member", &nowhere, 0, { NULL }, SAAS_DECIDED_OUTSIDER },
        { "member", &viewer, 0, { NULL }, SAAS_DECIDED_GRANTED },
        { "member", &viewer, 2, { "other", "acme" }, SAAS_DECIDED_GRANTED },
        { "member", &viewer, 1, { "0196F0C2-7F3A-7C51-8B7E-2F1D4C6A9B10" }, SAAS_DECIDED_GRANTED },
        { "member", &viewer, 1, { "Acme" }, SAAS_DECIDED_OUTSIDER },
        { "role", &nowhere, 1, { "ADMIN" }, SAAS_DECIDED_OUTSIDER },
        { "role", &viewer, 2, { "ADMIN", "VIEWER" }, SAAS_DECIDED_GRANTED },
        { "role", &viewer, 2, { "ADMIN", "MEMBER" }, SAAS_DECIDED_WRONG_ROLE },
        { "role", &paying, 1, { "MEMBER" }, SAAS_DECIDED_WRONG_ROLE },
        { "role", &capped, 1, { "" }, SAAS_DECIDED_WRONG_ROLE },
        { "account", &nowhere, 0, { NULL }, SAAS_DECIDED_GRANTED },
        { "verified", &nowhere, 0, { NULL }, SAAS_DECIDED_UNVERIFIED },
        { "verified", &viewer, 0, { NULL }, SAAS_DECIDED_UNVERIFIED },
        { "verified", &paying, 0, { NULL }, SAAS_DECIDED_GRANTED },
        { "trial", &nowhere, 0, { NULL }, SAAS_DECIDED_OUTSIDER },
        { "trial", &trying, 0, { NULL }, SAAS_DECIDED_GRANTED },
        { "trial", &paying, 0, { NULL }, SAAS_DECIDED_NO_SUBSCRIPTION },
        { "trial", &lapsed, 0, { NULL }, SAAS_DECIDED_NO_SUBSCRIPTION },
        { "subscription", &trying, 1, { "active" }, SAAS_DECIDED_GRANTED },
        { "subscription", &nowhere, 1, { "free" }, SAAS_DECIDED_OUTSIDER },
        { "subscription", &viewer, 1, { "active" }, SAAS_DECIDED_NO_SUBSCRIPTION },
        { "subscription", &viewer, 2, { "canceled", "free" }, SAAS_DECIDED_GRANTED },
        { "subscription", &paying, 1, { "active" }, SAAS_DECIDED_GRANTED },
        { "subscription", &lapsed, 1, { "active" }, SAAS_DECIDED_NO_SUBSCRIPTION },
        { "subscription", &lapsed, 1, { "expired" }, SAAS_DECIDED_GRANTED },
        { "subscription", &capped, 1, { "free" }, SAAS_DECIDED_NO_SUBSCRIPTION },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const saas_decider_t *gate = saas_deciders;
        while (gate->name && strcmp(gate->name, cases[i].gate)) {
            gate++;
        }
        ck_assert_msg(gate->name && gate->decide(cases[i].who, cases[i].argc, cases[i].argv) == cases[i].decision, "case %d: %s",
                      (int)i, cases[i].gate);
    }
    ck_assert_int_eq(saas_decide_unchosen(1), SAAS_DECIDED_CHOOSE_ORGANIZATION);
    ck_assert_int_eq(saas_decide_unchosen(0), SAAS_DECIDED_OUTSIDER);
}
END_TEST

static saas_decision_e ask(const char *name, const saas_facts_t *who, int argc, const char *const *argv)
{
    const saas_decider_t *gate = saas_deciders;
    while (strcmp(gate->name, name)) {
        gate++;
    }
    return gate->decide(who, argc, argv);
}

static void add(saas_plans_t *plans, const char *a, const char *b, const char *c)
{
    const char *const words[] = { a, b, c };
    ck_assert_ptr_null(saas_plans_add(unit_pool, plans, c ? 3 : b ? 2 : 1, words));
}

/* Each plan and none, each price and none: what is let in. */
START_TEST(plans_decide)
{
    static const struct {
        int active;
        const char *price, *entitled, *feature;
        saas_decision_e feature_decision;
        const char *plan;
        saas_decision_e plan_decision;
    } cases[] = {
        { 0, NULL, NULL, "look", SAAS_DECIDED_GRANTED, "free", SAAS_DECIDED_GRANTED },
        { 0, "price_pro", NULL, "api", SAAS_DECIDED_NO_FEATURE, "pro", SAAS_DECIDED_NO_PLAN },
        { 1, "price_basic", NULL, "api", SAAS_DECIDED_GRANTED, "basic", SAAS_DECIDED_GRANTED },
        { 1, "price_basic", NULL, "look", SAAS_DECIDED_NO_FEATURE, "free", SAAS_DECIDED_NO_PLAN },
        { 1, "price_pro", NULL, "anything", SAAS_DECIDED_GRANTED, "pro", SAAS_DECIDED_GRANTED },
        { 1, "price_of_nobody", NULL, "api", SAAS_DECIDED_NO_FEATURE, "free", SAAS_DECIDED_GRANTED },
        { 1, NULL, NULL, "api", SAAS_DECIDED_GRANTED, "basic", SAAS_DECIDED_GRANTED },
        { 1, "price_basic", " sso ", "sso", SAAS_DECIDED_GRANTED, "pro", SAAS_DECIDED_NO_PLAN },
        { 0, NULL, " sso ", "sso", SAAS_DECIDED_NO_FEATURE, "pro", SAAS_DECIDED_NO_PLAN },
        { 1, "price_basic", " xsso sso2 ", "sso", SAAS_DECIDED_NO_FEATURE, "pro", SAAS_DECIDED_NO_PLAN },
        { 1, "price_basic", " xsso sso ", "sso", SAAS_DECIDED_GRANTED, "pro", SAAS_DECIDED_NO_PLAN },
        { 1, "price_basic", " ", "sso", SAAS_DECIDED_NO_FEATURE, "pro", SAAS_DECIDED_NO_PLAN },
    };
    saas_plans_t plans, none;
    saas_facts_t who = paying;
    saas_plans_begin(unit_pool, &plans);
    saas_plans_begin(unit_pool, &none);
    add(&plans, "free", "features=look", NULL);
    add(&plans, "basic", "price_basic", "features=api");
    add(&plans, "pro", "price_pro", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        who.plans = &plans;
        who.has_active_subscription = cases[i].active;
        who.price = cases[i].price;
        who.entitled = cases[i].entitled;
        ck_assert_msg(ask("feature", &who, 1, &cases[i].feature) == cases[i].feature_decision, "feature, case %d", (int)i);
        ck_assert_msg(ask("plan", &who, 1, &cases[i].plan) == cases[i].plan_decision, "plan, case %d", (int)i);
        /* Without any plan an active subscription has everything. */
        who.plans = &none;
        ck_assert_int_eq(ask("feature", &who, 1, &cases[i].feature), cases[i].active ? SAAS_DECIDED_GRANTED : SAAS_DECIDED_NO_FEATURE);
        ck_assert_int_eq(ask("plan", &who, 1, &cases[i].plan), SAAS_DECIDED_NO_PLAN);
    }
    who.plans = &plans;
    who.org_id = NULL;
    ck_assert_int_eq(ask("feature", &who, 1, &cases[0].feature), SAAS_DECIDED_OUTSIDER);
    ck_assert_int_eq(ask("plan", &who, 1, &cases[0].plan), SAAS_DECIDED_OUTSIDER);
}
END_TEST

START_TEST(arguments)
{
    ck_assert_ptr_null(saas_decide_check_role(unit_pool, "VIEWER"));
    ck_assert_ptr_nonnull(strstr(saas_decide_check_role(unit_pool, "viewer"), "ADMIN, MEMBER, VIEWER"));
    ck_assert_ptr_null(saas_decide_check_subscription(unit_pool, "canceled"));
    ck_assert_ptr_nonnull(saas_decide_check_subscription(unit_pool, ""));
    ck_assert_ptr_null(saas_decide_check_organization(unit_pool, ID));
    ck_assert_ptr_null(saas_decide_check_organization(unit_pool, "acme"));
    ck_assert_ptr_nonnull(saas_decide_check_organization(unit_pool, "A c m e"));
}
END_TEST

START_TEST(answers)
{
    for (int i = 0; i < SAAS_DECISIONS; i++) {
        ck_assert_msg(saas_answers[i].status && saas_answers[i].code, "decision %d is answered with nothing", i);
    }
}
END_TEST

Suite *suite_decide(void)
{
    TCase *tc;
    Suite *suite = unit_suite("decide", 10, &tc);
    tcase_add_test(tc, decisions);
    tcase_add_test(tc, plans_decide);
    tcase_add_test(tc, arguments);
    tcase_add_test(tc, answers);
    return suite;
}
