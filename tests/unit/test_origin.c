/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Origins: what may be named, and what matches. */
#include "unit.h"

#include "core/origin.h"

START_TEST(good_patterns)
{
    static const char *const good[] = {
        "https://app.example.com", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:3000", "https://*.example.com",
        "https://*.example.com:8443", "https://xn--bcher-kva.example", "https://a_b.example", "http://localhost",
        "https://app.example.com:80", "http://app.example.com:443"
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const char *wrong = saas_origin_check(unit_pool, good[i]);
        ck_assert_msg(!wrong, "%s: %s", good[i], wrong);
    }
}
END_TEST

START_TEST(bad_patterns)
{
    static const char *const bad[] = {
        "*", "null", "", "app.example.com", "https://", "https://app.example.com/", "https://app.example.com/path",
        "https://App.example.com", "HTTPS://app.example.com", "https://app.example.com:443", "http://app.example.com:80",
        "https://user@app.example.com", "https://app.example.com?x", "https://app.example.com#x", "ftp://app.example.com",
        "https://*", "https://*.com", "https://*.", "https://app.*.com", "https://*app.example.com", "https://a b.example",
        "https://app..example", "https://app.example.", "https://app.example.com:", "https://app.example.com:0",
        "https://app.example.com:99999", "https://app.example.com:8443/", "https://bücher.example", "https://[::1", "https://[]",
        "file://", "https://.example.com", "https://*.*.example.com"
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *wrong = saas_origin_check(unit_pool, bad[i]);
        ck_assert_msg(wrong != NULL, "%s was taken", bad[i]);
        ck_assert_msg(strstr(wrong, bad[i]) != NULL, "%s is not named: %s", bad[i], wrong);
    }
}
END_TEST

static const struct {
    const char *pattern, *origin;
    int matches;
} cases[] = {
    { "https://app.example.com", "https://app.example.com", 1 },
    { "https://app.example.com", "http://app.example.com", 0 },
    { "https://app.example.com", "https://app.example.com:8443", 0 },
    { "https://app.example.com", "https://app.example.com.evil.example", 0 },
    { "https://app.example.com", "https://evil-app.example.com", 0 },
    { "https://app.example.com", "https://app.example.com/", 0 },
    { "https://app.example.com", "https://APP.example.com", 0 },
    { "https://app.example.com", "null", 0 },
    { "https://app.example.com", "", 0 },
    { "https://*.example.com", "https://app.example.com", 1 },
    { "https://*.example.com", "https://a.b.example.com", 1 },
    { "https://*.example.com", "https://example.com", 0 },
    { "https://*.example.com", "https://.example.com", 0 },
    { "https://*.example.com", "https://evilexample.com", 0 },
    { "https://*.example.com", "https://app.example.com:8443", 0 },
    { "https://*.example.com:8443", "https://app.example.com:8443", 1 },
    { "https://*.example.com:8443", "https://app.example.com", 0 },
    { "https://*.example.com", "http://app.example.com", 0 },
    { "https://*.example.com", "https://evil.example/.example.com", 0 },
    { "https://*.example.com", "https://evil.example:1@.example.com", 0 },
    { "https://*.example.com", "https://evil.example#.example.com", 0 },
    { "https://*.example.com", "https://evil.example?.example.com", 0 },
    { "https://*.example.com", "https://a..example.com", 0 },
    { "https://*.example.com", "null", 0 },
    { "http://[::1]:3000", "http://[::1]:3000", 1 },
};

START_TEST(matching)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_msg(saas_origin_matches(cases[i].pattern, cases[i].origin) == cases[i].matches, "%s, %s", cases[i].pattern,
                      cases[i].origin);
    }
}
END_TEST

START_TEST(of_a_url)
{
    static const char *const urls[][2] = {
        { "https://app.example.com/path?x#y", "https://app.example.com" }, { "https://App.Example.COM", "https://app.example.com" },
        { "https://app.example.com:443/x", "https://app.example.com" }, { "http://localhost:3000/", "http://localhost:3000" },
        { "http://h:80", "http://h" }, { "HTTP://h:80/", "http://h" }, { "http://[::1]:3000/x", "http://[::1]:3000" },
        { "/path", NULL }, { "ftp://h/", NULL }, { "https://user@h/", NULL }, { "https://", NULL }, { "https://*.example.com", NULL }
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        const char *origin = saas_origin_of(unit_pool, urls[i][0]);
        if (urls[i][1]) {
            ck_assert_msg(origin && !strcmp(origin, urls[i][1]), "%s: %s", urls[i][0], origin);
        }
        else {
            ck_assert_msg(!origin, "%s: %s", urls[i][0], origin);
        }
    }
}
END_TEST

Suite *suite_origin(void)
{
    TCase *tc;
    Suite *s = unit_suite("origin", 4, &tc);

    tcase_add_test(tc, good_patterns);
    tcase_add_test(tc, bad_patterns);
    tcase_add_test(tc, matching);
    tcase_add_test(tc, of_a_url);
    return s;
}
