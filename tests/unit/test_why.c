/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Why somebody is refused, in words: what is known is said, what is not known is not. */
#include "unit.h"

#include "core/why.h"

static const saas_facts_t viewer = { .email = "ada@example.test", .org_id = "org", .org_slug = "acme", .role = "VIEWER", .subscription = "expired", .has_active_subscription = 0,
    .email_verified = 0 };
static const saas_facts_t nowhere = { .email = "ada@example.test" };

/* Refusals as the server and saasctl describe them. */
static saas_why_t refused(saas_decision_e decision, const char *gate)
{
    saas_why_t why = { .decision = decision, .gate = gate, .by = SAAS_WHY_BY_SESSION, .user = "u1", .who = &viewer };
    return why;
}

static const char *fact_of(const saas_why_t *why)
{
    saas_why_told_t told = { NULL, NULL };
    saas_why_tell(unit_pool, why, &told);
    ck_assert_msg(told.fact && *told.fact && told.way_out && *told.way_out, "decision %d has no words", why->decision);
    return told.fact;
}

static void says(const saas_why_t *why, const char *words)
{
    const char *fact = fact_of(why);
    ck_assert_msg(strstr(fact, words) != NULL, "\"%s\" is not in: %s", words, fact);
}

START_TEST(every_decision_has_words)
{
    const char *nothing[SAAS_WHY_KNOWN_COLUMNS] = { NULL };
    for (int decision = SAAS_DECIDED_GRANTED + 1; decision < SAAS_DECISIONS; decision++) {
        for (int by = SAAS_WHY_BY_NOTHING; by <= SAAS_WHY_BY_SERVER; by++) {
            for (int chosen = SAAS_WHY_DEFAULT; chosen <= SAAS_WHY_NONSENSE; chosen++) {
                saas_why_t why = { .decision = (saas_decision_e)decision, .by = (saas_why_by_e)by,
                                   .chosen = (saas_why_chosen_e)chosen };
                (void)fact_of(&why); /* of whom nothing is known at all */
                why = refused((saas_decision_e)decision, "saas-role ADMIN");
                why.by = (saas_why_by_e)by;
                why.chosen = (saas_why_chosen_e)chosen;
                why.named = "acme";
                why.who = chosen ? &nowhere : &viewer;
                (void)fact_of(&why);
                why.looked = 1;
                (void)fact_of(&why);
                if (decision != SAAS_DECIDED_NO_USER) {
                    why.history = nothing;
                    (void)fact_of(&why);
                }
            }
        }
    }
}
END_TEST

START_TEST(roles)
{
    const char *row[SAAS_WHY_KNOWN_COLUMNS] = { NULL };
    saas_why_t why = refused(SAAS_DECIDED_WRONG_ROLE, "saas-role ADMIN");
    says(&why, "the role is VIEWER (since when and by whom was not looked up)");
    why.looked = 1;
    why.history = row;
    row[SAAS_WHY_ROLE] = "VIEWER";
    row[SAAS_WHY_ROLE_SINCE] = "2026-01-02T03:04:05.000000Z";
    says(&why, "since 2026-01-02T03:04:05Z, by whom the trail does not say");
    row[SAAS_WHY_AT] = "2026-01-02 03:04:05.678901+00";
    row[SAAS_WHY_ACTION] = "member.role_changed";
    row[SAAS_WHY_ACTOR] = "user";
    row[SAAS_WHY_ACTOR_ID] = "u2";
    says(&why, "since 2026-01-02T03:04:05Z, set by user u2 (member.role_changed)");
    row[SAAS_WHY_ACTOR] = "system";
    row[SAAS_WHY_ACTOR_ID] = "saasctl:root";
    says(&why, "set by saasctl:root");
    row[SAAS_WHY_ROLE_SINCE] = "2026-01-02T04:00:00Z";
    says(&why, "since 2026-01-02T04:00:00Z, by whom the trail does not say");
    row[SAAS_WHY_ROLE] = "ADMIN";
    row[SAAS_WHY_CAP] = "VIEWER";
    why.token = "t1";
    says(&why, "VIEWER by API token t1; the user's own is ADMIN");
    why.gate = "saas-user a@example.test";
    says(&why, "not one of those whom the gate names");
    why.gate = "saas-username x";
    why.plugin = 1;
    says(&why, "the plugin's gate has refused; the role is VIEWER");
    why.gate = NULL;
    says(&why, "another module");
    why.plugin = 0;
    why.turned = 1;
    why.gate = "not saas-user a@example.test";
    says(&why, "one of those whom the gate names, under \"not\"");
    why.gate = "not saas-subscription expired";
    says(&why, "the subscription of acme is expired");
    why.gate = "saas-member acme";
    says(&why, "the organization acme, which the gate names under \"not\"");
}
END_TEST

START_TEST(subscriptions)
{
    const char *row[SAAS_WHY_KNOWN_COLUMNS] = { NULL };
    saas_why_t why = refused(SAAS_DECIDED_NO_SUBSCRIPTION, "saas-subscription active");
    why.looked = 1;
    why.history = row;
    row[SAAS_WHY_STATUS] = "active";
    why.ends_at = apr_time_from_sec(1767323045);
    says(&why, "the subscription of acme is expired: it ended 2026-01-02T03:04:05Z by the clock");
    row[SAAS_WHY_PAID_AT] = "2025-12-01T00:00:00Z";
    row[SAAS_WHY_PAID_ACTOR] = "stripe";
    row[SAAS_WHY_EVENT] = "evt_1";
    says(&why, "by the clock; the last event was of 2025-12-01T00:00:00Z, by event evt_1");
    row[SAAS_WHY_STATUS] = "expired";
    says(&why, "is expired since 2025-12-01T00:00:00Z, by event evt_1");
}
END_TEST

START_TEST(trials)
{
    saas_facts_t trying = viewer, paid = viewer;
    saas_why_t why = refused(SAAS_DECIDED_NO_SUBSCRIPTION, "saas-trial");
    saas_why_told_t told;
    says(&why, "acme is in no trial; its subscription is expired (since when and by which event was not looked up)");
    saas_why_tell(unit_pool, &why, &told);
    ck_assert_str_eq(told.way_out, "saasctl org trial acme 14d, unless it has a subscription");
    paid.subscription = "active";
    why.who = &paid;
    says(&why, "acme is in no trial; its subscription is active");
    ck_assert(saas_why_has_history(&why));
    /* Require not saas-trial */
    why.decision = SAAS_DECIDED_WRONG_ROLE;
    trying.subscription = "active";
    trying.has_active_subscription = trying.in_trial = 1;
    why.who = &trying;
    why.turned = 1;
    says(&why, "acme is in a trial");
    why.ends_at = apr_time_from_sec(1767323045);
    says(&why, "acme is in a trial until 2026-01-02T03:04:05Z");
    saas_why_tell(unit_pool, &why, &told);
    ck_assert_str_eq(told.way_out, "an ADMIN subscribes, or saasctl org trial acme --end");
}
END_TEST

START_TEST(outsiders)
{
    const char *row[SAAS_WHY_KNOWN_COLUMNS] = { NULL };
    saas_why_t why = refused(SAAS_DECIDED_OUTSIDER, "saas-member");
    says(&why, "which the gate does not name");
    why.who = &nowhere;
    why.chosen = SAAS_WHY_NAMED;
    why.named = "acme";
    says(&why, "no member of acme, or there is none");
    why.looked = 1;
    why.history = row;
    says(&why, "there is no organization acme");
    row[SAAS_WHY_ORG] = "o1";
    row[SAAS_WHY_SLUG] = "acme";
    says(&why, "never was");
    row[SAAS_WHY_ACTION] = "member.added";
    says(&why, "never was");
    row[SAAS_WHY_ACTION] = "member.removed";
    row[SAAS_WHY_AT] = "2026-01-02T03:04:05Z";
    row[SAAS_WHY_ACTOR] = "token";
    row[SAAS_WHY_ACTOR_ID] = "t2";
    says(&why, "removed 2026-01-02T03:04:05Z by API token t2");
    row[SAAS_WHY_BOUND] = "o2";
    says(&why, "bound to another organization, o2");
    row[SAAS_WHY_DELETED] = "2026-01-02T03:04:05Z";
    says(&why, "was deleted 2026-01-02T03:04:05Z");
}
END_TEST

START_TEST(what_is_worth_a_look)
{
    saas_why_t why = refused(SAAS_DECIDED_WRONG_ROLE, "saas-role ADMIN");
    ck_assert(saas_why_has_history(&why));
    why.gate = "saas-user a@example.test";
    ck_assert(!saas_why_has_history(&why));
    why = refused(SAAS_DECIDED_UNAVAILABLE, "saas-user");
    ck_assert(!saas_why_has_history(&why));
    why = refused(SAAS_DECIDED_NO_USER, "saas-user");
    ck_assert(saas_why_has_history(&why));
    why.malformed = 1;
    ck_assert(!saas_why_has_history(&why));
}
END_TEST

START_TEST(addresses_are_masked)
{
    static const char *const cases[][2] = {
        { "saas-role ADMIN", "saas-role ADMIN" },
        { "saas-user ada@example.com", "saas-user a...@example.com" },
        { "saas-user \"a@b\" bob@c \"x y\"", "saas-user \"a...@b\" b...@c \"x y\"" },
        { "a@b", "a...@b" }, { "@b", "@b" }, { "", "" }, { "a@ a@", "a...@ a...@" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_str_eq(saas_why_mask(unit_pool, cases[i][0]), cases[i][1]);
    }
}
END_TEST

Suite *suite_why(void)
{
    TCase *tc;
    Suite *suite = unit_suite("why", 10, &tc);
    tcase_add_test(tc, every_decision_has_words);
    tcase_add_test(tc, roles);
    tcase_add_test(tc, subscriptions);
    tcase_add_test(tc, trials);
    tcase_add_test(tc, outsiders);
    tcase_add_test(tc, what_is_worth_a_look);
    tcase_add_test(tc, addresses_are_masked);
    return suite;
}
