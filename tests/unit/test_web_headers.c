/* Header fields, cookies and policies as the web engine reads them. */

#include "unit.h"

#include "plugins/engines/web/cookies.h"
#include "plugins/engines/web/csp.h"
#include "plugins/engines/web/headers.h"

static saas_web_hop_t *hop(void)
{
    saas_web_hop_t *h = apr_pcalloc(unit_pool, sizeof(*h));

    h->headers = apr_array_make(unit_pool, 4, sizeof(saas_web_header_t));
    return h;
}

static void add(saas_web_hop_t *h, const char *name, const char *value)
{
    saas_web_header_t *f = apr_array_push(h->headers);

    f->name = name;
    f->value = value;
}

START_TEST(hsts)
{
    static const struct {
        const char *value;
        int valid;
        long long max_age;
        int sub, preload;
    } cases[] = {
        { "max-age=31536000", 1, 31536000, 0, 0 },
        { "max-age=31536000; includeSubDomains; preload", 1, 31536000, 1, 1 },
        { "MAX-AGE = 5 ;INCLUDESUBDOMAINS", 1, 5, 1, 0 },
        { "max-age=\"600\"", 1, 600, 0, 0 },
        { "includeSubDomains", 0, 0, 1, 0 },
        { "max-age=", 0, 0, 0, 0 },
        { "max-age", 0, 0, 0, 0 },
        { "max-age=-1", 0, 0, 0, 0 },
        { "max-age=1y", 0, 0, 0, 0 },
        { "max-age=1; max-age=2", 0, 2, 0, 0 },
        { "max-age=99999999999999999999999", 1, APR_INT64_MAX, 0, 0 },
        { "", 0, 0, 0, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_hop_t *h = hop();
        saas_web_hsts_t s;

        add(h, "strict-transport-security", cases[i].value);
        saas_web_hsts_read(unit_pool, h, &s);
        ck_assert_msg(s.valid == cases[i].valid, "\"%s\"", cases[i].value);
        ck_assert_int_eq(s.max_age, cases[i].max_age);
        ck_assert_int_eq(s.include_subdomains, cases[i].sub);
        ck_assert_int_eq(s.preload, cases[i].preload);
    }
}
END_TEST

START_TEST(fields)
{
    saas_web_hop_t *h = hop();
    int n;

    add(h, "a", "1");
    add(h, "b", "2");
    add(h, "a", "3");
    ck_assert_str_eq(saas_web_header_get(h, "a", &n), "1");
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(saas_web_header_joined(unit_pool, h, "a"), "1, 3");
    ck_assert_ptr_null(saas_web_header_get(h, "c", &n));
    ck_assert_int_eq(n, 0);
    ck_assert_ptr_null(saas_web_header_joined(unit_pool, h, "c"));
}
END_TEST

START_TEST(referrer)
{
    ck_assert_str_eq(saas_web_referrer_policy(unit_pool, "no-referrer"), "no-referrer");
    ck_assert_str_eq(saas_web_referrer_policy(unit_pool, "no-referrer, Strict-Origin"), "strict-origin");
    ck_assert_str_eq(saas_web_referrer_policy(unit_pool, "unsafe-url, new-thing"), "unsafe-url");
    ck_assert_ptr_null(saas_web_referrer_policy(unit_pool, "new-thing"));
    ck_assert_ptr_null(saas_web_referrer_policy(unit_pool, ""));
    ck_assert(saas_web_referrer_is_safe("strict-origin-when-cross-origin"));
    ck_assert(saas_web_referrer_is_safe("same-origin"));
    ck_assert(!saas_web_referrer_is_safe("origin"));
    ck_assert(!saas_web_referrer_is_safe("unsafe-url"));
    ck_assert(!saas_web_referrer_is_safe("no-referrer-when-downgrade"));
}
END_TEST

START_TEST(leaks)
{
    saas_web_hop_t *h = hop();

    add(h, "server", "Apache");
    add(h, "content-type", "text/html");
    ck_assert_ptr_null(saas_web_header_leaks(unit_pool, h));
    add(h, "server", "Apache/2.4.62");
    add(h, "x-powered-by", "PHP/8.2");
    ck_assert_str_eq(saas_web_header_leaks(unit_pool, h), "server: Apache/2.4.62; x-powered-by: PHP/8.2");
}
END_TEST

START_TEST(cleaning)
{
    char *big = apr_palloc(unit_pool, 5001);

    ck_assert_str_eq(saas_web_clean(unit_pool, "a\r\n\tb\x01\x7f"), "a   b  ");
    ck_assert_str_eq(saas_web_clean(unit_pool, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    ck_assert_str_eq(saas_web_clean(unit_pool, "\xff\xc3+\xed\xa0\x80\xc0\xaf\xf5"), "??+??????");
    ck_assert_str_eq(saas_web_clean(unit_pool, "x\xe2\x82"), "x??");
    memset(big, 'a', 5000);
    big[5000] = '\0';
    ck_assert_uint_eq(strlen(saas_web_shown(unit_pool, big)), SAAS_WEB_SHOWN_MAX + 3);
    /* A character is never cut in two. */
    for (int i = 0; i < 5000; i += 2) {
        memcpy(big + i, "\xc3\xa9", 2);
    }
    big[0] = 'a';
    big[1] = 'b';
    big[2] = 'c';
    big[3] = 'd';
    big[4] = 'e';
    memmove(big + 5, "\xc3\xa9", 2);
    ck_assert_ptr_nonnull(strstr(saas_web_shown(unit_pool, big), "..."));
    ck_assert_uint_le(strlen(saas_web_shown(unit_pool, big)), SAAS_WEB_SHOWN_MAX + 3);
}
END_TEST

START_TEST(cookies)
{
    static const struct {
        const char *value, *name;
        int secure, httponly;
        saas_web_samesite_e samesite;
        int session, csrf;
    } cases[] = {
        { "sessionid=x; Secure; HttpOnly; SameSite=Lax", "sessionid", 1, 1, SAAS_WEB_SAMESITE_LAX, 1, 0 },
        { "connect.sid=x;secure;httponly;samesite=STRICT", "connect.sid", 1, 1, SAAS_WEB_SAMESITE_STRICT, 1, 0 },
        { " lang = de ; Path=/", "lang", 0, 0, SAAS_WEB_SAMESITE_ABSENT, 0, 0 },
        { "csrftoken=x; SameSite=None", "csrftoken", 0, 0, SAAS_WEB_SAMESITE_NONE, 0, 1 },
        { "a=b; SameSite=Nope; Secure=yes", "a", 1, 0, SAAS_WEB_SAMESITE_INVALID, 0, 0 },
        { "inside=1", "inside", 0, 0, SAAS_WEB_SAMESITE_ABSENT, 0, 0 },
        { "a=Secure; HttpOnlyX", "a", 0, 0, SAAS_WEB_SAMESITE_ABSENT, 0, 0 },
        { "PHPSESSID=Secure", "PHPSESSID", 0, 0, SAAS_WEB_SAMESITE_ABSENT, 1, 0 },
    };
    static const char *const none[] = { "", "=", "=x", "x", "; Secure", "gone=; Max-Age=0", "gone=1; max-age=-5" };
    saas_web_cookie_t c;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(saas_web_cookie_read(unit_pool, cases[i].value, 0, &c), "%s", cases[i].value);
        ck_assert_str_eq(c.name, cases[i].name);
        ck_assert_msg(c.secure == cases[i].secure && c.httponly == cases[i].httponly && c.samesite == cases[i].samesite
                          && c.is_session == cases[i].session && c.is_csrf == cases[i].csrf,
                      "%s", cases[i].value);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ck_assert_msg(!saas_web_cookie_read(unit_pool, none[i], 0, &c), "\"%s\"", none[i]);
    }
}
END_TEST

static saas_web_csp_t *csp(const char *header, const char *meta)
{
    saas_web_csp_t *c = saas_web_csp_create(unit_pool);

    if (header) {
        saas_web_csp_add(c, unit_pool, header, 0);
    }
    if (meta) {
        saas_web_csp_add(c, unit_pool, meta, 1);
    }
    return c;
}

START_TEST(csp_scripts)
{
    static const struct {
        const char *policy;
        int inline_safe, eval_safe;
    } cases[] = {
        { "", 0, 0 },
        { ";;,;", 0, 0 },
        { "default-src 'self'", 1, 1 },
        { "default-src 'none'", 1, 1 },
        { "DEFAULT-SRC 'SELF'", 1, 1 },
        { "img-src 'self'", 0, 0 },
        { "script-src 'self' 'unsafe-inline'", 0, 1 },
        { "script-src 'self' 'unsafe-inline' 'nonce-abc'", 1, 1 },
        { "script-src 'unsafe-inline' 'sha256-abc='", 1, 1 },
        { "script-src 'nonce-abc' 'strict-dynamic' https: 'unsafe-inline'", 1, 1 },
        { "script-src 'nonce-abc' https:", 0, 1 },
        { "script-src data:", 0, 1 },
        { "script-src *", 0, 1 },
        { "script-src https://cdn.example", 1, 1 },
        { "script-src 'self' 'unsafe-eval'", 1, 0 },
        { "default-src 'self' 'unsafe-eval'; script-src 'self'", 1, 1 },
        { "default-src *; script-src 'self'", 1, 1 },
        { "script-src 'self'; script-src *", 1, 1 },
        { "script-src *; script-src 'self'", 0, 1 },
        { "script-src 'self'; script-src-elem 'unsafe-inline'", 0, 1 },
        { "script-src 'self'; script-src-attr 'unsafe-inline'", 0, 1 },
        { "script-src * 'unsafe-inline' 'unsafe-eval', script-src 'self'", 1, 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_csp_t *c = csp(cases[i].policy, NULL);

        ck_assert_msg((saas_web_csp_inline_problem(c, unit_pool) == NULL) == cases[i].inline_safe, "inline: %s",
                      cases[i].policy);
        ck_assert_msg((saas_web_csp_eval_problem(c, unit_pool) == NULL) == cases[i].eval_safe, "eval: %s",
                      cases[i].policy);
    }
    ck_assert_int_eq(saas_web_csp_count(csp("", NULL)), 0);
    ck_assert_int_eq(saas_web_csp_count(csp("img-src b, font-src d", "media-src f")), 3);
}
END_TEST

START_TEST(csp_rest)
{
    ck_assert_ptr_null(
        saas_web_csp_lock_problem(csp("base-uri 'none'; object-src 'none'; form-action 'self'", NULL), unit_pool));
    ck_assert_ptr_null(
        saas_web_csp_lock_problem(csp("default-src 'self'; base-uri 'self'; form-action 'self'", NULL), unit_pool));
    ck_assert_str_eq(saas_web_csp_lock_problem(csp("default-src 'self'", NULL), unit_pool),
                     "not restricted: base-uri, form-action");
    ck_assert_str_eq(
        saas_web_csp_lock_problem(csp("object-src *; base-uri 'self'; form-action 'self'", NULL), unit_pool),
        "not restricted: object-src");
    ck_assert_ptr_nonnull(saas_web_csp_lock_problem(csp(NULL, NULL), unit_pool));

    ck_assert_ptr_null(saas_web_csp_framing_problem(csp("frame-ancestors 'none'", NULL), unit_pool));
    ck_assert_ptr_null(saas_web_csp_framing_problem(csp("frame-ancestors 'self' https://a.example", NULL), unit_pool));
    ck_assert_ptr_nonnull(saas_web_csp_framing_problem(csp("frame-ancestors *", NULL), unit_pool));
    ck_assert_ptr_nonnull(saas_web_csp_framing_problem(csp("frame-ancestors https:", NULL), unit_pool));
    ck_assert_ptr_nonnull(saas_web_csp_framing_problem(csp("default-src 'none'", NULL), unit_pool));
    /* A meta element cannot restrict framing. */
    ck_assert_ptr_nonnull(saas_web_csp_framing_problem(csp(NULL, "frame-ancestors 'none'"), unit_pool));
}
END_TEST

Suite *suite_web_headers(void);
Suite *suite_web_headers(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_headers", 10, &tc);

    tcase_add_test(tc, hsts);
    tcase_add_test(tc, fields);
    tcase_add_test(tc, referrer);
    tcase_add_test(tc, leaks);
    tcase_add_test(tc, cleaning);
    tcase_add_test(tc, cookies);
    tcase_add_test(tc, csp_scripts);
    tcase_add_test(tc, csp_rest);
    return s;
}
