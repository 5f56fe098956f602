/* Percent-encoding, query strings, links. */

#include "unit.h"

#include "core/urlenc.h"

START_TEST(encoding)
{
    ck_assert_str_eq(saas_url_encode(unit_pool, ""), "");
    ck_assert_str_eq(saas_url_encode(unit_pool, "AZaz09-._~"), "AZaz09-._~");
    ck_assert_str_eq(saas_url_encode(unit_pool, "a b+c&d=e/f?g#h%"), "a%20b%2Bc%26d%3De%2Ff%3Fg%23h%25");
    ck_assert_str_eq(saas_url_encode(unit_pool, "[]{}!*'()"), "%5B%5D%7B%7D%21%2A%27%28%29");
    ck_assert_str_eq(saas_url_encode(unit_pool, "\xc3\xa9\x01\xff"), "%C3%A9%01%FF");
}
END_TEST

START_TEST(forms)
{
    size_t len;
    saas_form_t *form = saas_form_create(unit_pool);
    ck_assert_str_eq(saas_form_body(form, &len), "");
    ck_assert_uint_eq(len, 0);

    saas_form_add(form, "mode", "subscription");
    saas_form_add(form, "absent", NULL);
    saas_form_add(form, "line_items[0][price]", "price_1");
    saas_form_add(form, "metadata[org id]", "A & B");
    saas_form_add(form, "unset", "");
    saas_form_add(form, "success_url", "https://x.example/?s={CHECKOUT_SESSION_ID}");
    static const char want[] = "mode=subscription&line_items[0][price]=price_1&metadata[org%20id]=A%20%26%20B&unset="
                               "&success_url=https%3A%2F%2Fx.example%2F%3Fs%3D%7BCHECKOUT_SESSION_ID%7D";
    ck_assert_str_eq(saas_form_body(form, &len), want);
    ck_assert_uint_eq(len, strlen(want));

    /* Growth: what was written before stays. */
    char value[301];
    memset(value, '&', 300), value[300] = '\0';
    for (int i = 0; i < 50; i++) {
        saas_form_add(form, "k", value);
    }
    const char *body = saas_form_body(form, &len);
    ck_assert_uint_eq(len, strlen(want) + 50 * (3 + 900));
    ck_assert_uint_eq(strlen(body), len);
    ck_assert_int_eq(strncmp(body, want, strlen(want)), 0);
}
END_TEST

START_TEST(queries)
{
    apr_array_header_t *params;

    ck_assert_int_eq(saas_query_parse(unit_pool, "a=1&b=two+words&c=%C3%A9%26&d&e=&&a=2&%5Bx%5D=y=z&=v", &params), APR_SUCCESS);
    ck_assert_int_eq(params->nelts, 8);
    ck_assert_str_eq(saas_query_get(params, "a"), "2");
    ck_assert_str_eq(saas_query_get(params, "b"), "two words");
    ck_assert_str_eq(saas_query_get(params, "c"), "\xc3\xa9&");
    ck_assert_str_eq(saas_query_get(params, "d"), "");
    ck_assert_str_eq(saas_query_get(params, "e"), "");
    ck_assert_str_eq(saas_query_get(params, "[x]"), "y=z");
    ck_assert_str_eq(saas_query_get(params, ""), "v");
    ck_assert_ptr_null(saas_query_get(params, "A"));
    ck_assert_str_eq(APR_ARRAY_IDX(params, 0, saas_param_t).value, "1");

    ck_assert_int_eq(saas_query_parse(unit_pool, NULL, &params), APR_SUCCESS);
    ck_assert_int_eq(params->nelts, 0);
    ck_assert_int_eq(saas_query_parse(unit_pool, "&&&", &params), APR_SUCCESS);
    ck_assert_int_eq(params->nelts, 0);

    static const char *const bad[] = { "%", "a=%", "a=%4", "a=%4&b=1", "a=%zz", "a=%4g", "a=%g4", "a=%00", "%00=1", "a=%%41",
                                       "a=%ff", "a=\xff", "a=%C3", "a=%ED%A0%80", "a=%+1", "a=% 1", "a=%-1", "a=%0x" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_query_parse(unit_pool, bad[i], &params) == APR_EINVAL, "%s", bad[i]);
        ck_assert_ptr_null(params);
    }
    char many[2 * (SAAS_QUERY_MAX + 1) + 1];
    for (size_t i = 0; i <= SAAS_QUERY_MAX; i++) {
        memcpy(many + 2 * i, "a&", 2);
    }
    many[2 * (SAAS_QUERY_MAX + 1)] = '\0';
    ck_assert_int_eq(saas_query_parse(unit_pool, many, &params), APR_EINVAL);
    ck_assert_int_eq(saas_query_parse(unit_pool, many + 2, &params), APR_SUCCESS);
    ck_assert_int_eq(params->nelts, SAAS_QUERY_MAX);
}
END_TEST

START_TEST(links)
{
    static const struct {
        const char *query, *value, *link;
    } cases[] = {
        { NULL, "2", "/l/?page=2" },
        { "", "2", "/l/?page=2" },
        { "status=FAIL", "2", "/l/?status=FAIL&page=2" },
        { "page=1", "2", "/l/?page=2" },
        { "a=1&page=1&b=2", "2", "/l/?a=1&page=2&b=2" },
        { "page=1&a=1&page=7&b", "2", "/l/?page=2&a=1&b" },
        { "%70age=1&a=%2f+x", "2", "/l/?page=2&a=%2f+x" },
        { "Page=1&pages=2&pag=3", "2", "/l/?Page=1&pages=2&pag=3&page=2" },
        { "page", "2", "/l/?page=2" },
        { "a=1&page=3", NULL, "/l/?a=1" },
        { "page=3&a=1", NULL, "/l/?a=1" },
        { "page=3", NULL, "/l/" },
        { NULL, NULL, "/l/" },
        { "&&a=1&", "2", "/l/?a=1&page=2" },
        { "a=1", "x&y=z", "/l/?a=1&page=x%26y%3Dz" },
        { "q=\xc3\xa9\r\n", "2", "/l/?q=%C3%A9%0D%0A&page=2" },
        { "q=%zz", "2", "/l/?q=%zz&page=2" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_str_eq(saas_link_set(unit_pool, "/l/", cases[i].query, "page", cases[i].value), cases[i].link);
    }
}
END_TEST

START_TEST(round_trips)
{
    uint64_t state = 9;
    for (int i = 0; i < 20000; i++) {
        char text[33] = "", raw[33] = "";
        size_t len = unit_random(&state) % 32;
        apr_array_header_t *params;
        for (size_t j = 0; j < len; j++) {
            text[j] = (char)(1 + unit_random(&state) % 127);
            raw[j] = "%a4&=+\xc3\xa9[z"[unit_random(&state) % 10];
        }
        const char *query = apr_pstrcat(unit_pool, "v=", saas_url_encode(unit_pool, text), NULL);
        ck_assert_int_eq(saas_query_parse(unit_pool, query, &params), APR_SUCCESS);
        ck_assert_str_eq(saas_query_get(params, "v"), text);

        /* Whatever the query was, the link's can be read again when it could, and has the parameter once. */
        const char *link = saas_link_set(unit_pool, "", raw, "a", text);
        for (const char *c = link; *c; c++) {
            UNIT_CHECK(*c > ' ' && *c < 0x7f);
        }
        if (saas_query_parse(unit_pool, raw, &params) == APR_SUCCESS) {
            ck_assert_int_eq(saas_query_parse(unit_pool, link + 1, &params), APR_SUCCESS);
            ck_assert_str_eq(saas_query_get(params, "a"), text);
        }
        apr_pool_clear(unit_pool);
    }
}
END_TEST

Suite *suite_urlenc(void)
{
    TCase *tc;
    Suite *suite = unit_suite("urlenc", 60, &tc);
    tcase_add_test(tc, encoding);
    tcase_add_test(tc, forms);
    tcase_add_test(tc, queries);
    tcase_add_test(tc, links);
    tcase_add_test(tc, round_trips);
    return suite;
}
