/* UTF-8, names, addresses, slugs. */

#include "unit.h"

#include "core/text.h"

START_TEST(utf8)
{
    static const struct {
        const char *bytes;
        size_t len, points;
    } good[] = {
        { "", 0, 0 },
        { "ascii of more than eight bytes", 30, 30 },
        { "\x7f", 1, 1 },
        { "\xc2\x80", 2, 1 },
        { "\xdf\xbf", 2, 1 },
        { "\xe0\xa0\x80", 3, 1 },
        { "\xed\x9f\xbf", 3, 1 },
        { "\xee\x80\x80", 3, 1 },
        { "\xef\xbf\xbf", 3, 1 },
        { "\xf0\x90\x80\x80", 4, 1 },
        { "\xf4\x8f\xbf\xbf", 4, 1 },
        { "a\0b", 3, 3 },
        { "12345678\xc3\xa9" "1234567", 17, 16 },
    };
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\x80", 1 },          { "\xbf", 1 },             { "\xc0\x80", 2 },          { "\xc1\xbf", 2 },
        { "\xc2", 1 },          { "\xc2\x41", 2 },         { "\xe0\x80\x80", 3 },      { "\xe0\x9f\xbf", 3 },
        { "\xe2\x82", 2 },      { "\xed\xa0\x80", 3 },     { "\xed\xbf\xbf", 3 },      { "\xf0\x80\x80\x80", 4 },
        { "\xf0\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 4 }, { "\xf5\x80\x80\x80", 4 }, { "\xf8\x88\x80\x80\x80", 5 },
        { "\xff", 1 },          { "\xfe", 1 },             { "\xf0\x9f\x90", 3 },      { "12345678\xff", 9 },
        { "\xe2\x28\xa1", 3 },  { "\xe2\x82\x28", 3 },     { "\xf0\x9f\x28\x98", 4 },
    };
    size_t n;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert(saas_utf8_valid(good[i].bytes, good[i].len));
        ck_assert_int_eq(saas_utf8_length(good[i].bytes, good[i].len, &n), APR_SUCCESS);
        ck_assert_uint_eq(n, good[i].points);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *exact = malloc(bad[i].len);
        memcpy(exact, bad[i].bytes, bad[i].len);
        ck_assert_msg(!saas_utf8_valid(exact, bad[i].len), "case %zu", i);
        ck_assert_int_eq(saas_utf8_length(exact, bad[i].len, &n), APR_EINVAL);
        free(exact);
    }
    ck_assert(saas_utf8_valid(NULL, 0));
}
END_TEST

START_TEST(utf8_random)
{
    /* Every code point is one, written by a plain encoder; random bytes never read past their end (ASan). */
    for (uint32_t cp = 0; cp < 0x110800; cp++) {
        unsigned char b[4];
        size_t len, n;
        if (cp < 0x80) {
            b[0] = (unsigned char)cp, len = 1;
        }
        else if (cp < 0x800) {
            b[0] = (unsigned char)(0xc0 | cp >> 6), b[1] = (unsigned char)(0x80 | (cp & 63)), len = 2;
        }
        else if (cp < 0x10000) {
            b[0] = (unsigned char)(0xe0 | cp >> 12), b[1] = (unsigned char)(0x80 | (cp >> 6 & 63));
            b[2] = (unsigned char)(0x80 | (cp & 63)), len = 3;
        }
        else {
            b[0] = (unsigned char)(0xf0 | cp >> 18), b[1] = (unsigned char)(0x80 | (cp >> 12 & 63));
            b[2] = (unsigned char)(0x80 | (cp >> 6 & 63)), b[3] = (unsigned char)(0x80 | (cp & 63)), len = 4;
        }
        int valid = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
        UNIT_CHECK(saas_utf8_valid((char *)b, len) == valid);
        UNIT_CHECK(!valid || (saas_utf8_length((char *)b, len, &n) == APR_SUCCESS && n == 1));
    }
    uint64_t state = 3;
    for (int i = 0; i < 100000; i++) {
        size_t len = 1 + unit_random(&state) % 20;
        char *bytes = malloc(len);
        for (size_t j = 0; j < len; j++) {
            bytes[j] = (char)(unit_random(&state) >> 24 | 0x80);
        }
        saas_utf8_valid(bytes, len);
        free(bytes);
    }
}
END_TEST

START_TEST(names)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        { "Acme", "Acme" },
        { "  Acme  GmbH\t\n", "Acme  GmbH" },
        { "\xc2\xa0\xe3\x80\x80M\xc3\xbcller & S\xc3\xb6hne\xe2\x80\x83", "M\xc3\xbcller & S\xc3\xb6hne" },
        { "\xe6\xa0\xaa\xe5\xbc\x8f\xe4\xbc\x9a\xe7\xa4\xbe", "\xe6\xa0\xaa\xe5\xbc\x8f\xe4\xbc\x9a\xe7\xa4\xbe" },
        { "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb" }, /* joined emoji */
        { "=1+1 <script>", "=1+1 <script>" }, /* escaping is the output's business */
        { "0123456789012345678\xc3\xa9", "0123456789012345678\xc3\xa9" }, /* 20 code points */
    };
    static const char *const bad[] = {
        NULL, "", "   ", "\t\r\n", "\xc2\xa0", "a\nb", "a\x01" "b", "a\x7f" "b", "a\xc2\x85" "b", "a\xc2\x9f" "b",
        "a\xe2\x80\x8b" "b",         /* zero width space */
        "a\xe2\x80\xae" "b",         /* right-to-left override */
        "a\xe2\x81\xa6" "b",         /* isolate */
        "a\xe2\x80\xa8" "b",         /* line separator */
        "\xef\xbb\xbf" "ab",         /* byte order mark */
        "a\xef\xbf\xbf",             /* noncharacter */
        "a\xf3\xa0\x81\x81",         /* tag letter */
        "\xe2\x80\x8d\xe2\x80\x8d",  /* joiners only */
        "bad \xff", "\xed\xa0\x80", "0123456789012345678901",
    };
    const char *out, *why;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(saas_name_clean(unit_pool, good[i].in, 20, &out, &why) == APR_SUCCESS, "%s", good[i].in);
        ck_assert_str_eq(out, good[i].out);
        ck_assert_ptr_null(why);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_name_clean(unit_pool, bad[i], 20, &out, &why) == APR_EINVAL, "%s", bad[i]);
        ck_assert_ptr_null(out);
        ck_assert_ptr_nonnull(why);
    }
    saas_name_clean(unit_pool, "", 20, &out, &why);
    ck_assert_str_eq(why, "This field may not be blank.");
    saas_name_clean(unit_pool, "0123456789012345678901", 20, &out, &why);
    ck_assert_str_eq(why, "Ensure this field has no more than 20 characters.");
    ck_assert_int_eq(saas_name_clean(unit_pool, "", 20, &out, NULL), APR_EINVAL);
}
END_TEST

START_TEST(emails)
{
    static const char *const good[] = {
        "a@b.c", "root@localhost", "First.Last+tag@sub.example.co.uk", "o'brien@example.com", "x_y-z=1@example.com",
        "j\xc3\xb6rg@example.com", "user@b\xc3\xbc" "cher.example", "1@2.3", "a@xn--bcher-kva.example",
        "user@ex-ample.com", "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a",
    };
    static const char *const bad[] = {
        NULL, "", " ", "@", "a@", "@b", "a", "a@b@c", "a@@b", "a b@c.d", "a@b c", "a@b..c", "a@.b", "a@b.", "a@-b.c",
        "a@b-.c", ".a@b.c", "a.@b.c", "a..b@c.d", "a@b.c\nBcc: x@y.z", "a\r\n@b.c", "a@b,c", "a,b@c.d", "<a@b.c>",
        "A <a@b.c>", "\"a\"@b.c", "a(c)@b.c", "a;b@c.d", "a:b@c.d", "a\\b@c.d", "a@[127.0.0.1]", "a@b_c.d", "a\t@b.c",
        "a\x01@b.c", "a\x7f@b.c", "a\xff@b.c", "a\xc2\xa0@b.c", "a@b\xe3\x80\x80.c", "a\xe2\x80\xae@b.c", "a@b/c",
        "a@b?c", "a@b#c", "a@b:25", "a@b%c", "mailto:a@b.c,d@e.f",
    };
    const char *email;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(saas_email_parse(unit_pool, good[i], &email) == APR_SUCCESS, "%s", good[i]);
        ck_assert_str_eq(email, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_email_parse(unit_pool, bad[i], &email) == APR_EINVAL, "%s", bad[i]);
        ck_assert_ptr_null(email);
    }
    ck_assert_int_eq(saas_email_parse(unit_pool, " \tMe@Example.COM\n", &email), APR_SUCCESS);
    ck_assert_str_eq(email, "Me@Example.COM");

    char local[66], label[65];
    memset(local, 'a', 65), local[65] = '\0';
    memset(label, 'b', 64), label[64] = '\0';
    ck_assert_int_eq(saas_email_parse(unit_pool, apr_pstrcat(unit_pool, local, "@b.c", NULL), &email), APR_EINVAL);
    ck_assert_int_eq(saas_email_parse(unit_pool, apr_pstrcat(unit_pool, local + 1, "@b.c", NULL), &email), APR_SUCCESS);
    ck_assert_int_eq(saas_email_parse(unit_pool, apr_pstrcat(unit_pool, "a@", label, NULL), &email), APR_EINVAL);
    ck_assert_int_eq(saas_email_parse(unit_pool, apr_pstrcat(unit_pool, "a@", label + 1, NULL), &email), APR_SUCCESS);
    /* 64 + @ + 3 * 63 with dots = 256 bytes, two too many */
    const char *domain = apr_pstrcat(unit_pool, label + 1, ".", label + 1, ".", label + 1, NULL);
    const char *whole = apr_pstrcat(unit_pool, local + 1, "@", domain, NULL);
    ck_assert_uint_eq(strlen(whole), 256);
    ck_assert_int_eq(saas_email_parse(unit_pool, whole, &email), APR_EINVAL);
    ck_assert_int_eq(saas_email_parse(unit_pool, whole + 2, &email), APR_SUCCESS);
}
END_TEST

START_TEST(folding)
{
    ck_assert_str_eq(saas_email_fold(unit_pool, "Me.You@Example.COM"), "me.you@example.com");
    ck_assert_str_eq(saas_email_fold(unit_pool, "J\xc3\x96RG@[Z`"), "j\xc3\x96rg@[z`");
    ck_assert_str_eq(saas_email_fold(unit_pool, ""), "");
}
END_TEST

START_TEST(slugs)
{
    static const struct {
        const char *name, *slug;
    } cases[] = {
        { "Acme", "acme" },
        { "  Acme -- Corp.  (Berlin) ", "acme-corp-berlin" },
        { "M\xc3\xbcller & S\xc3\xb6hne GmbH", "muller-sohne-gmbh" },
        { "Stra\xc3\x9f" "e \xc3\x86ther \xc5\x81\xc3\xb3" "d\xc5\xba", "strasse-aether-lodz" },
        { "Cafe\xcc\x81 d'Or", "cafe-dor" },
        { "O\xe2\x80\x99Neil", "oneil" },
        { "\xe6\xa0\xaa\xe5\xbc\x8f", "" },
        { "\xe6\xa0\xaa 42", "42" },
        { "", "" },
        { "---", "" },
        { "a_b/c\\d", "a-b-c-d" },
        { "bad \xff\xfe bytes", "bad-bytes" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *slug = saas_slugify(unit_pool, cases[i].name, 0);
        ck_assert_str_eq(slug, cases[i].slug);
        ck_assert_int_eq(saas_slug_is(slug), *slug != '\0');
    }
    ck_assert_str_eq(saas_slugify(unit_pool, "one two three", 8), "one-two");
    ck_assert_str_eq(saas_slugify(unit_pool, "one two three", 4), "one");
    ck_assert_str_eq(saas_slugify(unit_pool, "abcdef", 3), "abc");

    static const char *const bad[] = { "", "-a", "a-", "a--b", "A", "a b", "a_b", "a.b", "\xc3\xbc", "a\n",
                                       "019379a0-3d7e-7b3c-8e2f-0123456789ab" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!saas_slug_is(bad[i]), "%s", bad[i]);
    }
    ck_assert(!saas_slug_is(NULL));
    ck_assert(saas_slug_is("a"));
    ck_assert(saas_slug_is("0-a-1"));
    char longest[SAAS_SLUG_MAX + 2];
    memset(longest, 'a', sizeof(longest)), longest[SAAS_SLUG_MAX + 1] = '\0';
    ck_assert(!saas_slug_is(longest));
    ck_assert(saas_slug_is(longest + 1));
}
END_TEST

START_TEST(random_text)
{
    uint64_t state = 5;
    for (int i = 0; i < 30000; i++) {
        char *text = apr_pcalloc(unit_pool, 40);
        const char *out, *why;
        size_t len = unit_random(&state) % 39, n;
        for (size_t j = 0; j < len; j++) {
            uint64_t r = unit_random(&state);
            text[j] = r & 1 ? "@.- a\xc3\xa9\xe2\x80\x8bZ"[(r >> 8) % 11] : (char)(r >> 16);
        }
        UNIT_CHECK(saas_slug_is(saas_slugify(unit_pool, text, 12)) || *saas_slugify(unit_pool, text, 12) == '\0');
        if (saas_name_clean(unit_pool, text, 12, &out, &why) == APR_SUCCESS) {
            ck_assert_int_eq(saas_utf8_length(out, strlen(out), &n), APR_SUCCESS);
            ck_assert(n >= 1 && n <= 12);
        }
        if (saas_email_parse(unit_pool, text, &out) == APR_SUCCESS) {
            ck_assert_ptr_null(strpbrk(out, " \t\r\n<>,;:\\\"()[]"));
            ck_assert_ptr_eq(strchr(out, '@'), strrchr(out, '@'));
        }
        apr_pool_clear(unit_pool);
    }
}
END_TEST

Suite *suite_text(void)
{
    TCase *tc;
    Suite *suite = unit_suite("text", 60, &tc);
    tcase_add_test(tc, utf8);
    tcase_add_test(tc, utf8_random);
    tcase_add_test(tc, names);
    tcase_add_test(tc, emails);
    tcase_add_test(tc, folding);
    tcase_add_test(tc, slugs);
    tcase_add_test(tc, random_text);
    return suite;
}
