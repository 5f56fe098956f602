/* The pure parts of outgoing webhooks: names, signatures, times, URLs, bodies, what is kept of answers. */

#include "unit.h"

#include "plugins/notify/events.h"
#include "plugins/notify/message.h"
#include "plugins/notify/schedule.h"
#include "plugins/notify/sign.h"
#include "plugins/notify/url.h"

START_TEST(events)
{
    static const char *const good[] = { "*", "member.*", "audit.*", "export.*", "audit.failed", "subscription.changed" };
    static const char *const bad[] = { "", ".", ".*", "*.*", "member", "member.", "member.**", "mem.*", "membe.*", "members.*",
                                       "audit.started", "organization.deleted", "endpoint.test", "MEMBER.*", " *" };

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ck_assert_msg(saas_notify_event_known(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_msg(!saas_notify_event_known(bad[i]), "%s", bad[i]);
    }
}
END_TEST

/* The example of the specification's own libraries. */
START_TEST(signature)
{
    const char *secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", *body = "{\"test\": 2432232314}";
    const char *made = saas_notify_sign(unit_pool, secret, NULL, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body,
                                        strlen(body));
    ck_assert_str_eq(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
END_TEST

START_TEST(two_signatures)
{
    const char *one = saas_notify_secret(unit_pool), *two = saas_notify_secret(unit_pool), *both;

    ck_assert_str_ne(one, two);
    ck_assert_uint_eq(strlen(one), 6 + 44);
    both = saas_notify_sign(unit_pool, one, two, "id", 1, "{}", 2);
    ck_assert_str_eq(both, apr_pstrcat(unit_pool, saas_notify_sign(unit_pool, one, NULL, "id", 1, "{}", 2), " ",
                                       saas_notify_sign(unit_pool, two, NULL, "id", 1, "{}", 2), NULL));
    ck_assert_str_ne(saas_notify_sign(unit_pool, one, NULL, "id", 1, "{}", 2),
                     saas_notify_sign(unit_pool, one, NULL, "id", 2, "{}", 2));
}
END_TEST

START_TEST(no_secret)
{
    static const char *const bad[] = { "", "whsec_", "whsec_a", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!" };
    char longer[200] = "whsec_";

    memset(longer + 6, 'A', 160);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_msg(!saas_notify_sign(unit_pool, bad[i], NULL, "id", 1, "{}", 2), "%s", bad[i]);
        ck_assert_ptr_null(saas_notify_sign(unit_pool, saas_notify_secret(unit_pool), bad[i], "id", 1, "{}", 2));
    }
    ck_assert_ptr_null(saas_notify_sign(unit_pool, longer, NULL, "id", 1, "{}", 2));
}
END_TEST

START_TEST(backoff)
{
    int tries, total = 0, before = 0;

    for (tries = 1; total < 3 * 86400; tries++) {
        int low = saas_notify_backoff(tries, 0, 0), high = saas_notify_backoff(tries, 0, 1);

        ck_assert_int_lt(low, high);
        ck_assert_int_ge(low, before * 8 / 10);
        ck_assert_int_le(high, 5 * 3600);
        before = low;
        total += saas_notify_backoff(tries, 0, 0.5);
    }
    ck_assert_int_ge(tries, 15);
    ck_assert_int_le(tries, 40);
    ck_assert_int_ge(saas_notify_backoff(1000000, 0, 0), 3600);
    ck_assert_int_gt(saas_notify_backoff(0, 0, 0), 0);
    /* Never sooner than asked, never later than a bound. */
    ck_assert_int_eq(saas_notify_backoff(1, 1000, 0.5), 1000);
    ck_assert_int_eq(saas_notify_backoff(1, 100000000, 0.5), SAAS_NOTIFY_RETRY_AFTER_MAX);
    ck_assert_int_ge(saas_notify_backoff(8, 1, 0), 3600);
}
END_TEST

START_TEST(quiet)
{
    int streak;

    ck_assert_int_eq(saas_notify_quiet(1, 0, 1), 0);
    ck_assert_int_eq(saas_notify_quiet(2, 0, 1), 0);
    for (streak = 3; streak < 100; streak++) {
        ck_assert_int_gt(saas_notify_quiet(streak, 0, 0), 0);
        ck_assert_int_le(saas_notify_quiet(streak, 0, 1), 1200);
        ck_assert_int_ge(saas_notify_quiet(streak + 1, 0, 0.5), saas_notify_quiet(streak, 0, 0.5));
    }
    ck_assert_int_eq(saas_notify_quiet(1, 60, 0), 60);
    ck_assert_int_eq(saas_notify_quiet(1, 100000000, 0), SAAS_NOTIFY_RETRY_AFTER_MAX);
}
END_TEST

START_TEST(urls)
{
    static const struct {
        const char *text, *host;
        int tls, port, literal;
    } good[] = {
        { "https://example.com/", "example.com", 1, 443, 0 },
        { "https://Example.com:8443/hook?a=b", "Example.com", 1, 8443, 0 },
        { "http://example.com", "example.com", 0, 80, 0 },
        { "https://8.8.8.8/x", "8.8.8.8", 1, 443, 1 },
        { "https://[2606:4700::1111]:8443/", "2606:4700::1111", 1, 8443, 1 },
        { "http://127.0.0.1:9/", "127.0.0.1", 0, 9, 1 },
    };
    static const char *const bad[] = {
        "", "example.com", "/hook", "ftp://example.com/", "file:///etc/passwd", "gopher://x/", "https://", "https:///x",
        "https://user@example.com/", "https://user:pw@example.com/", "https://example.com/#x", "https://exa mple.com/",
        "https://example.com/\n", "https://0x7f.1/", "https://2130706433/", "https://017700000001/", "https://127.1/",
        "https://example.com:0/", "https://example.com:99999/", "https://[fe80::1%25eth0]/", "https://[::1/", "https://a..b/",
        "https://example.com./", "https://.example.com/", "https://b\xc3\xbc" "cher.example/", "https://ex%61mple.com/",
        "https:\\\\example.com\\", "https://example.com@8.8.8.8/", "javascript:alert(1)",
    };
    char longer[SAAS_NOTIFY_URL_MAX + 32] = "https://example.com/";
    saas_notify_url_t url;

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const char *wrong = saas_notify_url_read(unit_pool, good[i].text, &url);

        ck_assert_msg(!wrong, "%s: %s", good[i].text, wrong);
        ck_assert_str_eq(url.host, good[i].host);
        ck_assert_int_eq(url.tls, good[i].tls);
        ck_assert_int_eq(url.port, good[i].port);
        ck_assert_int_eq(url.literal_len != 0, good[i].literal);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_msg(saas_notify_url_read(unit_pool, bad[i], &url) != NULL, "\"%s\" was accepted", bad[i]);
    }
    memset(longer + 20, 'a', SAAS_NOTIFY_URL_MAX - 20);
    ck_assert_ptr_null(saas_notify_url_read(unit_pool, longer, &url));
    longer[SAAS_NOTIFY_URL_MAX] = 'a';
    ck_assert_ptr_nonnull(saas_notify_url_read(unit_pool, longer, &url));
}
END_TEST

static const char *text_of(const saas_notify_message_t *m)
{
    json_t *body = saas_notify_body(m);
    char *text = json_dumps(body, JSON_COMPACT);
    const char *copy = apr_pstrdup(unit_pool, text);

    free(text);
    json_decref(body);
    return copy;
}

START_TEST(bodies)
{
    saas_notify_message_t m = { .type = "member.removed", .time = "2031-01-31T12:00:00.000000Z", .endpoint_id = "e",
                                .org_id = "o", .org_slug = "acme", .actor_type = "user", .actor_id = "u",
                                .target_type = "user", .target_id = "v", .old_value = "{\"role\":\"ADMIN\"}" };

    ck_assert_str_eq(text_of(&m),
                     "{\"type\":\"member.removed\",\"timestamp\":\"2031-01-31T12:00:00.000000Z\",\"data\":{\"organization\":"
                     "{\"id\":\"o\",\"slug\":\"acme\"},\"actor\":{\"type\":\"user\",\"id\":\"u\",\"email\":null},\"target\":"
                     "{\"type\":\"user\",\"id\":\"v\",\"label\":null},\"old\":{\"role\":\"ADMIN\"},\"new\":null}}");
    m.actor_type = NULL;
    m.type = SAAS_NOTIFY_TEST;
    ck_assert_str_eq(text_of(&m),
                     "{\"type\":\"endpoint.test\",\"timestamp\":\"2031-01-31T12:00:00.000000Z\",\"data\":{\"organization\":"
                     "{\"id\":\"o\",\"slug\":\"acme\"},\"endpoint\":{\"id\":\"e\"}}}");
}
END_TEST

#define UNKNOWN "\xEF\xBF\xBD"

START_TEST(excerpts)
{
    static const struct {
        const char *bytes, *text;
        size_t len;
    } cases[] = {
        { "", "", 0 },
        { "ok\r\n\tfine", "ok\n\tfine", 9 },
        { "a\0b", "a" UNKNOWN "b", 3 },
        { "\x1b[31m", UNKNOWN "[31m", 5 },
        { "b\xc3\xbc", "b\xc3\xbc", 3 },
        { "\xff\xc3", UNKNOWN UNKNOWN, 2 },
        { "\xc0\x80", UNKNOWN UNKNOWN, 2 },
        { "\xed\xa0\x80", UNKNOWN UNKNOWN UNKNOWN, 3 },
        { "\xc2\x80", UNKNOWN UNKNOWN, 2 },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 4 },
    };
    char longer[SAAS_NOTIFY_EXCERPT + 10];
    const char *text;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_str_eq(saas_notify_excerpt(unit_pool, cases[i].bytes, cases[i].len), cases[i].text);
    }
    memset(longer, 'x', sizeof(longer));
    memcpy(longer + SAAS_NOTIFY_EXCERPT - 1, "\xc3\xbc", 2);
    text = saas_notify_excerpt(unit_pool, longer, sizeof(longer));
    ck_assert_uint_eq(strlen(text), SAAS_NOTIFY_EXCERPT - 1);
}
END_TEST

Suite *suite_notify(void);
Suite *suite_notify(void)
{
    TCase *tc;
    Suite *s = unit_suite("notify", 10, &tc);

    tcase_add_test(tc, events);
    tcase_add_test(tc, signature);
    tcase_add_test(tc, two_signatures);
    tcase_add_test(tc, no_secret);
    tcase_add_test(tc, backoff);
    tcase_add_test(tc, quiet);
    tcase_add_test(tc, urls);
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, excerpts);
    return s;
}
