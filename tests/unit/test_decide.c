/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* What gates decide, on facts alone. */
#include "unit.h"

#include "core/decide.h"

#define ID "0196f0c2-7f3a-7c51-8b7e-2f1d4c6a9b10"

static const saas_facts_t nowhere = { .email = "Ada@Example.test" };
static const saas_facts_t viewer = { "ada@example.test", ID, "acme", "VIEWER", "free", 0, 0 };
static const saas_facts_t paying = { "ada@example.test", ID, "acme", "ADMIN", "active", 1, 1 };
static const saas_facts_t lapsed = { "ada@example.test", ID, "acme", "MEMBER", "expired", 0, 1 };
static const saas_facts_t capped = { "ada@example.test", ID, "acme", "", NULL, 0, 1 };

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
    tcase_add_test(tc, arguments);
    tcase_add_test(tc, answers);
    return suite;
}
