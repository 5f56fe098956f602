/* What the web engine takes from a response body. */

#include "unit.h"

#include "plugins/engines/web/document.h"

static saas_web_document_t read_type(const char *type, const char *body, size_t len)
{
    static const saas_web_target_t at = { .url = "https://www.example.com/",
                                          .origin = "https://www.example.com",
                                          .host = "www.example.com",
                                          .path = "/",
                                          .port = 443,
                                          .is_tls = 1,
                                          .is_default_port = 1 };
    saas_web_document_t d;

    saas_web_document_read(unit_pool, &at, type, body, len, &d);
    return d;
}

static saas_web_document_t html(const char *body)
{
    return read_type("text/html; charset=utf-8", body, strlen(body));
}

START_TEST(scripts)
{
    static const struct {
        const char *body;
        int scripts;
        const char *insecure, *unpinned;
    } cases[] = {
        { "", 0, NULL, NULL },
        { "<script>src='http://x/'</script>", 0, NULL, NULL },
        { "<script src=/a.js></script><SCRIPT SRC='b.js'></SCRIPT>", 2, NULL, NULL },
        { "<script src=\"http://a.example/x.js\"></script>", 1, "http://a.example/x.js", "http://a.example/x.js" },
        { "<script async src=//cdn.example.net/x.js>", 1, NULL, "//cdn.example.net/x.js" },
        { "<script src=https://cdn.example.net/x.js integrity=sha384-abc>", 1, NULL, NULL },
        { "<script src=https://cdn.example.net/x.js integrity=''>", 1, NULL, "https://cdn.example.net/x.js" },
        { "<script src=https://static.example.com/x.js>", 1, NULL, NULL },
        { "<script src=https://example.com:8443/x.js>", 1, NULL, NULL },
        { "<script src=https://badexample.com/x.js>", 1, NULL, "https://badexample.com/x.js" },
        { "<script src=https://example.com@evil.example/x.js>", 1, NULL, "https://example.com@evil.example/x.js" },
        { "<!-- <script src=http://a.example/x.js></script> --><p>", 0, NULL, NULL },
        { "<!-- unclosed <script src=http://a.example/x.js></script>", 0, NULL, NULL },
        { "<textarea><script src=http://a.example/x.js></script></textarea><script src=a>", 1, NULL, NULL },
        { "<script>'<script src=http://a.example/x.js>'</script>", 0, NULL, NULL },
        { "<noscript><script src=http://a.example/x.js></noscript>", 0, NULL, NULL },
        { "<base href=http://a.example/><script src=x.js>", 1, "x.js", "x.js" },
        { "<p title='<script src=http://a.example/x.js>'>", 0, NULL, NULL },
        { "<script data-x=1 src = 'http:&#47;/a'>", 1, "http:&#47;/a", NULL },
        { "< script src=http://a/>", 0, NULL, NULL },
        { "</script src=http://a/>", 0, NULL, NULL },
        { "<script src", 0, NULL, NULL },
        { "<script src=", 0, NULL, NULL },
        { "<script src='", 0, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_web_document_t d = html(cases[i].body);

        if (strncmp(cases[i].body, "<script src", 11) == 0 && strlen(cases[i].body) < 14) {
            ck_assert_ptr_null(d.insecure_script); /* cut off in a tag */
            continue;
        }
        ck_assert_msg(d.scripts == cases[i].scripts, "%s: %d", cases[i].body, d.scripts);
        ck_assert_msg((d.insecure_script != NULL) == (cases[i].insecure != NULL), "%s", cases[i].body);
        if (cases[i].insecure) {
            ck_assert_str_eq(d.insecure_script, cases[i].insecure);
        }
        if (cases[i].unpinned) {
            ck_assert_msg(d.unpinned_script != NULL, "%s", cases[i].body);
            ck_assert_str_eq(d.unpinned_script, cases[i].unpinned);
        }
        else if (!cases[i].insecure) {
            ck_assert_msg(!d.unpinned_script, "%s", cases[i].body);
        }
    }
}
END_TEST

START_TEST(meta)
{
    saas_web_document_t d = html("<meta charset=utf-8><META HTTP-EQUIV='Content-Security-Policy' "
                                 "content='default-src &#39;self&#39;; img-src *'><meta http-equiv=refresh content=5>");

    ck_assert_int_eq(d.meta_csp->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(d.meta_csp, 0, const char *), "default-src 'self'; img-src *");
    d = html("<!-- <meta http-equiv=content-security-policy content=x> -->");
    ck_assert_int_eq(d.meta_csp->nelts, 0);
}
END_TEST

START_TEST(mixed)
{
    static const struct {
        const char *body, *what;
    } cases[] = {
        { "<img src=http://a.example/x.png>", "http://a.example/x.png" },
        { "<IMG alt=x SRC='HTTP://a.example/x.png'>", "HTTP://a.example/x.png" },
        { "<img src=//a.example/x.png><img src=/x.png><img src=https://a.example/>", NULL },
        { "<base href=http://a.example/><img src=x.png>", "x.png" },
        { "<link rel='alternate stylesheet' href=http://a.example/x.css>", "http://a.example/x.css" },
        { "<link rel=canonical href=http://a.example/>", NULL },
        { "<a href=http://a.example/>", NULL },
        { "<form action=http://a.example/in>", "http://a.example/in" },
        { "<iframe src=http://a.example/></iframe>", "http://a.example/" },
        { "<object data=http://a.example/x>", "http://a.example/x" },
        { "<script src=http://a.example/x.js></script>", NULL }, /* has a check of its own */
        { "<!-- <img src=http://a.example/x.png> -->", NULL },
        { "<p title='<img src=http://a.example/x.png>'>", NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *what = html(cases[i].body).insecure_content;

        ck_assert_msg(cases[i].what ? what && strcmp(what, cases[i].what) == 0 : !what, "%s: %s", cases[i].body, what ? what : "none");
    }
}
END_TEST

START_TEST(types)
{
    static const char body[] = "<script src=http://a/>";

    ck_assert(read_type("text/html", body, strlen(body)).is_html);
    ck_assert(read_type(NULL, body, strlen(body)).is_html);
    ck_assert(!read_type("text/plain", body, strlen(body)).is_html);
    ck_assert(!read_type("application/json", body, strlen(body)).insecure_script);
    ck_assert(read_type("message/http", "TRACE / HTTP/1.1\r\n", 18).echoes_trace);
    ck_assert(!read_type("text/plain", "TRAC", 4).echoes_trace);
    ck_assert(!read_type("text/html", NULL, 0).is_html);
}
END_TEST

START_TEST(security_txt)
{
    static const char good[] = "# hello\r\nContact: mailto:a@example.com\r\nexpires: 2030-01-02T03:04:05Z\r\n";
    saas_web_document_t d = read_type("text/plain", good, strlen(good));

    ck_assert(d.has_contact);
    ck_assert_int_eq(apr_time_sec(d.expires), 1893553445);
    d = read_type("text/plain", "Contact: x\nExpires: soon\n", 25);
    ck_assert(d.has_contact && d.expires == 0 && d.expires_count == 1);
    ck_assert_str_eq(d.bad_contact, "x");
    d = read_type("text/plain", "Contact: mailto:a@b\nContact: tel:+1-2\nPreferred-Languages: en\npreferred-languages: de\n", 86);
    ck_assert(d.has_contact && !d.bad_contact && d.languages_count == 2 && d.expires_count == 0);
    d = read_type("text/plain", "Contact: see below\n", 19);
    ck_assert_str_eq(d.bad_contact, "see below");
    d = read_type("text/html", good, strlen(good));
    ck_assert(!d.has_contact);
}
END_TEST

START_TEST(hostile)
{
    static const char *const pieces[] = { "<",        ">",        "script",  " src=",
                                          "'",        "\"",       "<!--",    "-->",
                                          "=",        "/",        "<meta ",  "http-equiv=content-security-policy ",
                                          "content=", "http://a", "<title>", "</",
                                          "&#39;",    "&",        " ",       "<base href=" };
    uint64_t seed = 99;

    for (int round = 0; round < 3000; round++) {
        size_t n = 0;
        char b[1024];
        char *exact;

        for (int i = 0; i < 30; i++) {
            const char *piece = pieces[unit_random(&seed) % (sizeof(pieces) / sizeof(pieces[0]))];

            memcpy(b + n, piece, strlen(piece));
            n += strlen(piece);
            if (unit_random(&seed) % 10 == 0) {
                b[n++] = (char)unit_random(&seed);
            }
        }
        n = unit_random(&seed) % (n + 1);
        exact = malloc(n ? n : 1);
        memcpy(exact, b, n);
        ck_assert_int_le(read_type("text/html", exact, n).scripts, 30);
        ck_assert_int_eq(read_type("text/plain", exact, n).scripts, 0);
        free(exact);
    }
}
END_TEST

/* Two megabytes of what could be quadratic. */
START_TEST(linear)
{
    static const char *const units[] = { "<", "<script ", "<!--", "<title>", "<a ", "<p '", "</title", "</", "<!" };
    size_t size = 2 * 1024 * 1024;
    char *b = malloc(size);

    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        size_t len = strlen(units[u]);

        for (size_t i = 0; i < size; i++) {
            b[i] = units[u][i % len];
        }
        ck_assert_int_eq(read_type("text/html", b, size).body_len, (int)size);
    }
    free(b);
}
END_TEST

Suite *suite_web_document(void);
Suite *suite_web_document(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_document", 20, &tc);

    tcase_add_test(tc, scripts);
    tcase_add_test(tc, meta);
    tcase_add_test(tc, mixed);
    tcase_add_test(tc, types);
    tcase_add_test(tc, security_txt);
    tcase_add_test(tc, hostile);
    tcase_add_test(tc, linear);
    return s;
}
