/* Events of Stripe's, in every generation of payloads, and odd ones. */

#include "unit.h"

#include <jansson.h>

#include "plugins/webhooks/event.h"

#define START 1800000000
#define DAY 86400
#define MONTH (30 * DAY)

static const char *const generations[] = { "acacia", "basil", "mixed" };

static json_t *file;

static const char *read_one(const char *generation, const char *name, saas_event_t *event)
{
    if (!file) {
        file = json_load_file("tests/data/stripe/events.json", 0, NULL);
        ck_assert_msg(file != NULL, "the events are missing: run from the top folder");
    }
    json_t *root = json_object_get(json_object_get(json_object_get(file, "generations"), generation), name);
    ck_assert_msg(root != NULL, "no event %s", name);
    return saas_event_read(unit_pool, root, event);
}

static const char *read_text(const char *text, saas_event_t *event)
{
    json_t *root = json_loads(text, 0, NULL);
    const char *wrong = saas_event_read(unit_pool, root, event);
    json_decref(root);
    return wrong;
}

START_TEST(subscription)
{
    saas_event_t e;
    ck_assert_ptr_null(read_one(generations[_i], "cancel_later", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_SUBSCRIPTION_CHANGED);
    ck_assert_str_eq(e.customer, "cus_UnitAlpha01");
    ck_assert_str_eq(e.subscription, "sub_1UnitAlphaFirst");
    ck_assert_str_eq(e.metadata_org, "0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50");
    ck_assert_str_eq(e.status, "active");
    ck_assert_int_eq(e.created, START + 5 * DAY);
    ck_assert_int_eq(e.period_end, START + MONTH);
    ck_assert_int_eq(e.cancel_at, START + MONTH);
    ck_assert_int_eq(e.cancel_at_period_end, 1);
    ck_assert_int_eq(e.started_at, START);
    ck_assert_int_eq(e.ended_at, 0);
    ck_assert_int_eq(e.prices->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(e.prices, 0, const char *), "price_1UnitMonthly");
    ck_assert_int_eq(e.livemode, 0);
    ck_assert_ptr_null(e.account);
}
END_TEST

START_TEST(invoice)
{
    saas_event_t e;
    ck_assert_ptr_null(read_one(generations[_i], "renewal_paid", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_INVOICE_PAID);
    ck_assert_str_eq(e.subscription, "sub_1UnitAlphaFirst");
    ck_assert_str_eq(e.metadata_org, "0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50");
    /* What was paid for, not the invoice's own period. */
    ck_assert_int_eq(e.period_end, START + 2 * MONTH);
    ck_assert_str_eq(APR_ARRAY_IDX(e.prices, 0, const char *), "price_1UnitMonthly");
    ck_assert_ptr_null(read_one(generations[_i], "manual_invoice", &e));
    ck_assert_ptr_null(e.subscription);
}
END_TEST

START_TEST(session)
{
    saas_event_t e;
    ck_assert_ptr_null(read_one(generations[_i], "checkout_paid", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_SESSION_COMPLETED);
    ck_assert_str_eq(e.session, "cs_test_a1UnitSessionOfAlpha");
    ck_assert_str_eq(e.mode, "subscription");
    ck_assert_str_eq(e.payment_status, "paid");
    ck_assert_str_eq(e.client_reference, "0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50");
    /* Only a subscription's own metadata binds. */
    ck_assert_ptr_null(e.metadata_org);
    ck_assert_ptr_null(read_one(generations[_i], "checkout_expired", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_SESSION_EXPIRED);
    ck_assert_ptr_null(e.subscription);
}
END_TEST

/* What a session says that was not made here: of whom it is, and who paid. */
START_TEST(buyers)
{
    static const struct {
        const char *session, *org, *buyer;
    } cases[] = {
        { "{\"client_reference_id\":\"0197F3A0-5c1e-7d2b-9a44-8f1c2d3e4f50\",\"customer_details\":{\"email\":\"eve@example.test\"}}",
          "0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50", "eve@example.test" },
        { "{\"client_reference_id\":\"0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f5\"}", NULL, NULL },
        { "{\"client_reference_id\":\"0197f3a0-5c1e-7d2b-9a44-8f1c2d3e4f50x\"}", NULL, NULL },
        { "{\"client_reference_id\":\"0197f3a0x5c1e-7d2b-9a44-8f1c2d3e4f50\"}", NULL, NULL },
        { "{\"client_reference_id\":42,\"customer_details\":\"eve@example.test\"}", NULL, NULL },
        { "{\"client_reference_id\":null,\"customer_details\":{\"email\":null}}", NULL, NULL },
        { "{\"customer_details\":{\"email\":\"eve\"}}", NULL, NULL },
        { "{\"customer_details\":{\"email\":\"eve@x.test\\nBcc: all@x.test\"}}", NULL, NULL },
        { "{\"customer_details\":{\"email\":\"<a@x.test>\"}}", NULL, NULL },
        { "{\"customer_email\":\"eve@example.test\"}", NULL, NULL },
        { "{\"customer_details\":{\"email\":\"ev\\u00e9@example.test\"}}", NULL, "ev\xc3\xa9@example.test" },
    };
    saas_event_t e;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *wrong = read_text(apr_psprintf(unit_pool, "{\"object\":\"event\",\"id\":\"evt_1\",\"created\":1,"
                                                   "\"type\":\"checkout.session.completed\",\"data\":{\"object\":%s}}",
                                                   cases[i].session), &e);
        ck_assert_ptr_null(wrong);
        ck_assert_pstr_eq(e.reference_org, cases[i].org);
        ck_assert_pstr_eq(e.buyer, cases[i].buyer);
        ck_assert_ptr_null(e.metadata_org);
    }
}
END_TEST

START_TEST(too_long_a_buyer)
{
    char *address = apr_palloc(unit_pool, SAAS_EVENT_BUYER_MAX + 2);
    saas_event_t e;
    for (int more = 0; more < 2; more++) {
        memset(address, 'e', SAAS_EVENT_BUYER_MAX + 1);
        address[1] = '@';
        address[SAAS_EVENT_BUYER_MAX + more] = '\0';
        ck_assert_ptr_null(read_text(apr_psprintf(unit_pool, "{\"object\":\"event\",\"id\":\"evt_1\",\"created\":1,"
                                                  "\"type\":\"checkout.session.completed\",\"data\":{\"object\":"
                                                  "{\"customer_details\":{\"email\":\"%s\"}}}}", address), &e));
        ck_assert_int_eq(e.buyer == NULL, more);
    }
}
END_TEST

START_TEST(others)
{
    saas_event_t e;
    ck_assert_ptr_null(read_one(generations[_i], "expanded", &e));
    ck_assert_str_eq(e.customer, "cus_UnitAlpha01");
    ck_assert_ptr_null(read_one(generations[_i], "past_due", &e));
    ck_assert_str_eq(e.previous_status, "active");
    ck_assert_ptr_null(read_one(generations[_i], "past_due_still", &e));
    ck_assert_ptr_null(e.previous_status);
    ck_assert_ptr_null(read_one(generations[_i], "unrelated", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_OTHER);
    ck_assert_ptr_null(read_one(generations[_i], "of_an_account", &e));
    ck_assert_str_eq(e.account, "acct_Unit");
    ck_assert_ptr_null(read_one(generations[_i], "customer_deleted", &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_CUSTOMER_DELETED);
    ck_assert_str_eq(e.customer, "cus_UnitAlpha01");
    ck_assert_ptr_null(read_one(generations[_i], "two_items", &e));
    ck_assert_int_eq(e.prices->nelts, 2);
    ck_assert_int_eq(e.period_end, _i == 0 ? START + MONTH : START + 2 * MONTH);
}
END_TEST

START_TEST(no_events)
{
    static const char *const wrong[] = {
        "[]", "{}", "{\"object\":\"list\"}",
        "{\"object\":\"v2.core.event\",\"id\":\"evt_1\",\"type\":\"v1.customer.deleted\"}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":1}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":1,\"data\":{\"object\":[]}}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":\"1\",\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":-1,\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":9223372036854775807,\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":\"\",\"type\":\"x\",\"created\":1,\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":\"evt 1\",\"type\":\"x\",\"created\":1,\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":7,\"type\":\"x\",\"created\":1,\"data\":{\"object\":{}}}",
        "{\"object\":\"event\",\"id\":\"evt_1\",\"created\":1,\"data\":{\"object\":{}}}",
    };
    saas_event_t e;
    size_t i;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(read_text(wrong[i], &e) != NULL, "%s", wrong[i]);
    }
}
END_TEST

/* Wrong types inside of a genuine event are "not said", never a crash. */
START_TEST(odd_members)
{
    saas_event_t e;
    ck_assert_ptr_null(read_text(
        "{\"object\":\"event\",\"id\":\"evt_1\",\"type\":\"customer.subscription.updated\",\"created\":1,\"livemode\":\"yes\","
        "\"account\":{\"id\":5},\"data\":{\"previous_attributes\":[1],\"object\":{\"id\":{\"id\":null},\"customer\":[],"
        "\"status\":7,\"metadata\":{\"org_id\":\"42\"},\"cancel_at\":1.5,\"cancel_at_period_end\":\"true\","
        "\"items\":{\"data\":[null,{\"current_period_end\":\"x\",\"price\":9},{\"current_period_end\":-3}]}}}}", &e));
    ck_assert_ptr_null(e.subscription);
    ck_assert_ptr_null(e.customer);
    ck_assert_ptr_null(e.status);
    ck_assert_ptr_null(e.metadata_org);
    ck_assert_ptr_nonnull(e.account);
    ck_assert_int_eq(e.livemode, 0);
    ck_assert_int_eq(e.cancel_at, 0);
    ck_assert_int_eq(e.cancel_at_period_end, 0);
    ck_assert_int_eq(e.period_end, 0);
    ck_assert_int_eq(e.prices->nelts, 0);
}
END_TEST

Suite *suite_webhook_event(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_event", 10, &tc);
    tcase_add_loop_test(tc, subscription, 0, 3);
    tcase_add_loop_test(tc, invoice, 0, 3);
    tcase_add_loop_test(tc, session, 0, 3);
    tcase_add_test(tc, buyers);
    tcase_add_test(tc, too_long_a_buyer);
    tcase_add_loop_test(tc, others, 0, 3);
    tcase_add_test(tc, no_events);
    tcase_add_test(tc, odd_members);
    return suite;
}
