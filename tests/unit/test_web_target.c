/* Targets of the web engine: what is accepted, in which canonical form, and what is not. */

#include "unit.h"

#include "web_guard.h"

#include "plugins/engines/web/target.h"

START_TEST(canonical)
{
    static const struct {
        const char *text, *url, *host;
        int port;
    } good[] = {
        { "example.com", "https://example.com/", "example.com", 443 },
        { "Example.COM", "https://example.com/", "example.com", 443 },
        { "https://example.com", "https://example.com/", "example.com", 443 },
        { "HTTPS://example.com:443/", "https://example.com/", "example.com", 443 },
        { "http://example.com", "http://example.com/", "example.com", 80 },
        { "http://example.com:80/a?b=c#d", "http://example.com/a?b=c", "example.com", 80 },
        { "example.com:8443/x/../y", "https://example.com:8443/y", "example.com", 8443 },
        { "http://example.com:443/", "http://example.com:443/", "example.com", 443 },
        { "example.com/?u=http://x.example/@", "https://example.com/?u=http://x.example/@", "example.com", 443 },
        { "a_b.example.com", "https://a_b.example.com/", "a_b.example.com", 443 },
        { "8.8.8.8", "https://8.8.8.8/", "8.8.8.8", 443 },
        { "http://[2606:4700::1111]:8080/", "http://[2606:4700::1111]:8080/", "2606:4700::1111", 8080 },
        { "b\xc3\xbc"
          "cher.example",
          "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443 },
        { "xn--bcher-kva.example", "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443 },
        { "https://example.com/\xc3\xa9", "https://example.com/%c3%a9", "example.com", 443 },
        { "localhost", "https://localhost/", "localhost", 443 },
        { "1e100.net", "https://1e100.net/", "1e100.net", 443 },
    };
    const saas_web_guard_t *g = web_guard(NULL);

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const saas_web_target_t *t, *again;
        const char *message = saas_web_target_parse(unit_pool, g, good[i].text, &t);

        ck_assert_msg(!message, "\"%s\": %s", good[i].text, message);
        ck_assert_str_eq(t->url, good[i].url);
        ck_assert_str_eq(t->host, good[i].host);
        ck_assert_int_eq(t->port, good[i].port);
        /* Canonical means that it stays as it is. */
        ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, t->url, &again));
        ck_assert_str_eq(again->url, t->url);
    }
}
END_TEST

START_TEST(refused)
{
    static const char *const bad[] = {
        "",
        " ",
        "/",
        "//",
        "//example.com",
        "https://",
        "https:///",
        "https:example.com/",
        "https:/example.com",
        "https:///example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "javascript:alert(1)",
        "mailto:a@example.com",
        "data:text/html,x",
        "https://user@example.com",
        "https://user:pw@example.com/",
        "https://@example.com/",
        "user:pw@example.com",
        "https://example.com@8.8.8.8/",
        "https://ex ample.com",
        "https://example.com/ x",
        "https://example.com/\t",
        "example.com\r\nX: y",
        "https://example.com\\@8.8.8.8/",
        "https://example.com/\x7f",
        "https://example.com.",
        "https://example..com",
        "https://.example.com",
        "https://.",
        "https://..",
        "https://-a.example",
        "https://a-.example",
        "https://a,b.example",
        "https://a!.example",
        "https://exa%6dple.com",
        "https://%38.8.8.8/",
        "https://[::1%25lo]/",
        "https://[fe80::1%lo]/",
        /* Addresses that do not read like one. */
        "http://134744072/",
        "http://0x08080808/",
        "http://010.8.8.8/",
        "http://8.8.2056/",
        "http://8.8/",
        "http://0x8.8.8.8/",
        "http://08.8.8.8/",
        "http://8.8.8.8.8/",
        "http://8.8.8.256/",
        "http://example.0x7f/",
        "http://example.127/",
        "http://8.8.8.8./",
        "http://\xef\xbc\x98.8.8.8/",
        "http://8\xe3\x80\x82"
        "8\xe3\x80\x82"
        "8\xe3\x80\x82"
        "8/",
        "http://[8.8.8.8]/",
        "http://[::g]/",
        "http://[",
        "http://]/",
        "http://[]/",
        /* Not for everybody. */
        "http://127.0.0.1/",
        "http://10.0.0.1",
        "http://169.254.169.254/latest/meta-data/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fd00::1]/",
        /* Ports. */
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:99999999999/",
        "https://example.com:-1/",
        "https://example.com:22/",
        "https://example.com:8444/",
        "8.8.8.8:22",
        "https://example.com:443x/",
        "https://example.com:4 43/",
        "https://\xff\xfe.example/",
        "https://a\xc3.example/",
    };
    const saas_web_guard_t *g = web_guard(NULL);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const saas_web_target_t *t = (void *)1;
        const char *message = saas_web_target_parse(unit_pool, g, bad[i], &t);

        ck_assert_msg(message != NULL, "\"%s\" was accepted as %s", bad[i], message ? "" : t->url);
        ck_assert_ptr_null(t);
    }
}
END_TEST

START_TEST(lengths)
{
    const saas_web_guard_t *g = web_guard(NULL);
    const saas_web_target_t *t;
    char label[65], host[300], url[SAAS_WEB_URL_MAX + 32];

    memset(label, 'a', 63);
    label[63] = '\0';
    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, label, &t));
    memcpy(label + 63, "a", 2);
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, label, &t));

    host[0] = '\0';
    for (int i = 0; i < 126; i++) {
        strcat(host, "a.");
    }
    strcat(host, "b"); /* 253 */
    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, host, &t));
    strcat(host, "c");
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, host, &t));

    memset(url, 'a', sizeof(url));
    memcpy(url, "https://example.com/", 20);
    url[SAAS_WEB_URL_MAX] = '\0';
    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, url, &t));
    url[SAAS_WEB_URL_MAX] = 'a';
    url[SAAS_WEB_URL_MAX + 1] = '\0';
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, url, &t));
}
END_TEST

START_TEST(allowed_labs)
{
    const saas_web_guard_t *g = web_guard("127.0.0.0/8");
    const saas_web_target_t *t;

    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, "127.0.0.1:12345", &t));
    ck_assert_str_eq(t->url, "https://127.0.0.1:12345/");
    ck_assert(t->is_ip && !t->is_default_port);
    /* Whether a name may be scanned on that port is seen when it is connected to. */
    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, "http://localhost:12345", &t));
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, "http://8.8.8.8:12345", &t));
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, "http://10.0.0.1", &t));
    ck_assert_ptr_nonnull(saas_web_target_parse(unit_pool, g, "http://2130706433/", &t));
}
END_TEST

START_TEST(relatives)
{
    const saas_web_guard_t *g = web_guard(NULL);
    const saas_web_target_t *t, *twin;

    ck_assert_ptr_null(saas_web_target_parse(unit_pool, g, "https://example.com/a?secret=1", &t));
    twin = saas_web_target_twin(unit_pool, t, 0, t->path);
    ck_assert_str_eq(twin->url, "http://example.com/a?secret=1");
    ck_assert_int_eq(twin->port, 80);
    ck_assert_str_eq(saas_web_target_at(unit_pool, t, "/x")->url, "https://example.com/x");
    ck_assert_str_eq(saas_web_target_shown(unit_pool, t), "https://example.com/a?...");
    ck_assert_str_eq(t->origin, "https://example.com");
}
END_TEST

Suite *suite_web_target(void);
Suite *suite_web_target(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_target", 10, &tc);

    tcase_add_test(tc, canonical);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, lengths);
    tcase_add_test(tc, allowed_labs);
    tcase_add_test(tc, relatives);
    return s;
}
