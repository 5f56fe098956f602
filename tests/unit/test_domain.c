/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Domain names: one form for all spellings of a name, none for what is no name. */

#include "unit.h"

#include "core/domain.h"
#include "core/text.h"

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"

static const struct {
    const char *spelled, *ascii;
} names[] = {
    { "example.com", "example.com" },
    { "EXAMPLE.Com", "example.com" },
    { "localhost", "localhost" },
    { "a-b.c--d.example", "a-b.c--d.example" },
    { "192.0.2.7", "192.0.2.7" },
    { LABEL_63 ".example", LABEL_63 ".example" },
    /* One mailbox in many spellings. */
    { "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
    { "B\xc3\x9c" "CHER.EXAMPLE", "xn--bcher-kva.example" },
    { "bu\xcc\x88" "cher.example", "xn--bcher-kva.example" },                       /* u and a combining diaeresis */
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
    { "b\xc3\xbc" "cher\xef\xbc\x8e" "example", "xn--bcher-kva.example" },          /* U+FF0E, a full-width dot */
    { "b\xc3\xbc" "cher\xe3\x80\x82" "example", "xn--bcher-kva.example" },          /* U+3002, an ideographic one */
    { "b\xc3\xbc" "cher\xef\xbd\xa1" "example", "xn--bcher-kva.example" },          /* U+FF61 */
    { "\xef\xbd\x85\xef\xbd\x98" "ample.com", "example.com" },                      /* full-width letters */
    /* Not transitional: the sharp s and the final sigma are letters of their own. */
    { "stra\xc3\x9f" "e.example", "xn--strae-oqa.example" },
    { "strasse.example", "strasse.example" },
    { "\xce\xb2\xcf\x8c\xce\xbb\xce\xbf\xcf\x82.example", "xn--nxasmm1c.example" },
    /* A capital I with a dot is not an i. */
    { "\xc4\xb0stanbul.example", "xn--istanbul-o0e.example" },
    { "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d.example", "xn--9dbne9b.example" },
    { "\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah" },
};

static const char *const none[] = {
    "", ".", "a.", ".a", "a..b", "-a.example", "a-.example", "a_b.example", "a b.example", "a@b", LABEL_63 "x.example",
    "a\xe3\x80\x82\xe3\x80\x82" "b", "b\xc3\xbc" "cher.", "xn--.example", "xn--a-\xc3\xbc.example", "xn--zzzzzzzz999.example",
    "a\xe2\x80\xae" "b.example",          /* a right-to-left override */
    "\xf0\x9f\x92\xa9.example",           /* a pile of poo: IDNA 2008 has no symbols */
    "\xcc\x88" "a.example",               /* begins with a combining mark */
    "\xd7\xa9" "a.example",               /* both directions in one label (RFC 5893) */
    "a\xe2\x80\x8b" "b.example@",         /* a zero-width space, and more */
};

START_TEST(spellings)
{
    size_t i;
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *ascii = saas_domain_ascii(unit_pool, names[i].spelled, strlen(names[i].spelled));
        ck_assert_msg(ascii && !strcmp(ascii, names[i].ascii), "%s: %s", names[i].spelled, ascii ? ascii : "none");
        /* Done again it stays. */
        ck_assert_str_eq(saas_domain_ascii(unit_pool, ascii, strlen(ascii)), ascii);
    }
}
END_TEST

START_TEST(no_names)
{
    char longest[260];
    size_t i;
    for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
        const char *ascii = saas_domain_ascii(unit_pool, none[i], strlen(none[i]));
        ck_assert_msg(!ascii, "%s: %s", none[i], ascii);
    }
    for (i = 0; i < sizeof(longest); i++) {
        longest[i] = i % 2 ? '.' : 'a';
    }
    ck_assert_ptr_nonnull(saas_domain_ascii(unit_pool, longest, SAAS_DOMAIN_MAX));
    ck_assert_ptr_null(saas_domain_ascii(unit_pool, longest, SAAS_DOMAIN_MAX + 2));
}
END_TEST

START_TEST(addresses)
{
    const char *email, *key = "u@xn--bcher-kva.example";
    ck_assert_int_eq(saas_email_parse(unit_pool, " U@B\xc3\xbc" "cher\xef\xbc\x8e" "example ", &email), APR_SUCCESS);
    ck_assert_str_eq(email, "U@B\xc3\xbc" "cher\xef\xbc\x8e" "example");
    ck_assert_str_eq(saas_email_fold(unit_pool, email), key);
    ck_assert_str_eq(saas_email_fold(unit_pool, "u@xn--bcher-kva.EXAMPLE"), key);
    /* The local part is the mail system's own. */
    ck_assert_str_eq(saas_email_fold(unit_pool, "\xc3\x9c@example.com"), "\xc3\x9c@example.com");
    ck_assert_int_eq(saas_email_parse(unit_pool, "u@\xf0\x9f\x92\xa9.example", &email), APR_EINVAL);
    /* A row of before that is no address by now has the key it had. */
    ck_assert_str_eq(saas_email_fold(unit_pool, "U@\xf0\x9f\x92\xa9.Example"), "u@\xf0\x9f\x92\xa9.example");
    ck_assert_str_eq(saas_email_fold(unit_pool, "Nobody"), "nobody");
}
END_TEST

Suite *suite_domain(void)
{
    TCase *tc;
    Suite *suite = unit_suite("domain", 30, &tc);
    tcase_add_test(tc, spellings);
    tcase_add_test(tc, no_names);
    tcase_add_test(tc, addresses);
    return suite;
}
