/* Hand-made ClientHellos and the reading of hostile answers. */

#include "unit.h"

#include "plugins/engines/web/hello.h"

static unsigned char scratch[65536];

static size_t find_suite(const unsigned char *hello, size_t len, int suite)
{
    /* Record 5, handshake 4, version 2, random 32, session id, suites. */
    size_t at = 43 + 1 + hello[43];
    size_t n = hello[at] << 8 | hello[at + 1];

    ck_assert_uint_le(at + 2 + n, len);
    for (size_t i = 0; i + 1 < n; i += 2) {
        if ((hello[at + 2 + i] << 8 | hello[at + 3 + i]) == suite) {
            return 1;
        }
    }
    return 0;
}

START_TEST(shape)
{
    unsigned char random[SAAS_WEB_HELLO_RANDOM], buf[SAAS_WEB_HELLO_MAX];
    char name[254];
    static const int versions[SAAS_WEB_HELLO_COUNT] = {
        0x0303, 0x0303, 0x0302, 0x0301, 0x0300, 0x0303, 0x0303, 0x0303, 0x0303, 0x0303
    };

    memset(random, 0xab, sizeof(random));
    memset(name, 'n', 253);
    name[253] = '\0';
    for (int k = 0; k < SAAS_WEB_HELLO_COUNT; k++) {
        const char *const names[] = { NULL, "example.com", name };

        for (int i = 0; i < 3; i++) {
            size_t n = saas_web_hello_write(buf, k, names[i], random, 0);

            ck_assert_uint_gt(n, 50);
            ck_assert_int_eq(buf[0], 22);
            ck_assert_uint_eq((size_t)(buf[3] << 8 | buf[4]) + 5, n);
            ck_assert_int_eq(buf[5], 1);
            ck_assert_uint_eq((size_t)(buf[7] << 8 | buf[8]) + 9, n);
            ck_assert_int_eq(buf[9] << 8 | buf[10], versions[k]);
            ck_assert_int_eq(memmem(buf, n, "example.com", 11) != NULL, i == 1 && k != SAAS_WEB_HELLO_SSL30);
        }
    }
}
END_TEST

START_TEST(offers)
{
    static const int not_beyond[] = { 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0x002f, 0x009e, 0xc011, 0xc015, 0xc004 };
    unsigned char random[SAAS_WEB_HELLO_RANDOM] = { 0 }, buf[SAAS_WEB_HELLO_MAX];
    size_t n = saas_web_hello_write(buf, SAAS_WEB_HELLO_WEAK, NULL, random, 0);

    ck_assert(find_suite(buf, n, 0x0005) && find_suite(buf, n, 0x000a) && find_suite(buf, n, 0x0003)
              && find_suite(buf, n, 0x0034) && find_suite(buf, n, 0x003b));
    ck_assert(!find_suite(buf, n, 0x002f) && !find_suite(buf, n, 0xc02f));
    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_WEAK, NULL, random, SAAS_WEB_SUITE_RC4);
    ck_assert(!find_suite(buf, n, 0x0005) && !find_suite(buf, n, 0x0018) && find_suite(buf, n, 0x000a));
    ck_assert_uint_eq(saas_web_hello_write(buf, SAAS_WEB_HELLO_WEAK, NULL, random, SAAS_WEB_SUITE_WEAK), 0);

    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_STATIC_RSA, NULL, random, 0);
    ck_assert(find_suite(buf, n, 0x002f) && find_suite(buf, n, 0x009c));
    ck_assert(!find_suite(buf, n, 0xc02f) && !find_suite(buf, n, 0x0033));
    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_DHE, NULL, random, 0);
    ck_assert(find_suite(buf, n, 0x0033) && !find_suite(buf, n, 0xc02f) && !find_suite(buf, n, 0x002f));
    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_BEYOND, NULL, random, 0);
    ck_assert(find_suite(buf, n, 0xc013) && find_suite(buf, n, 0xc023) && find_suite(buf, n, 0xc060) && find_suite(buf, n, 0xc0ac));
    for (size_t i = 0; i < sizeof(not_beyond) / sizeof(not_beyond[0]); i++) {
        ck_assert_msg(!find_suite(buf, n, not_beyond[i]), "%04x", not_beyond[i]);
    }
    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_TLS10, NULL, random, 0);
    ck_assert(find_suite(buf, n, 0x002f) && !find_suite(buf, n, 0xc02f));
    n = saas_web_hello_write(buf, SAAS_WEB_HELLO_TLS13, NULL, random, 0);
    ck_assert(find_suite(buf, n, 0x1301) && !find_suite(buf, n, 0xc02f));

    ck_assert_uint_eq(saas_web_suite_families(0x0005), SAAS_WEB_SUITE_RC4);
    ck_assert_uint_eq(saas_web_suite_families(0x0017),
                      SAAS_WEB_SUITE_RC4 | SAAS_WEB_SUITE_ANON | SAAS_WEB_SUITE_EXPORT);
    ck_assert_uint_eq(saas_web_suite_families(0xc02f), 0);
    ck_assert_str_eq(saas_web_suite_name(unit_pool, 0x000a), "RSA_WITH_3DES_EDE_CBC_SHA");
    ck_assert_str_eq(saas_web_suite_name(unit_pool, 0xabcd), "cipher suite 0xabcd");
}
END_TEST

/* A ServerHello of TLS 1.2 with a renegotiation extension, in one record. */
static size_t server_hello(unsigned char *b, int version, int suite, int compression)
{
    size_t n = 0;
    static const unsigned char reneg[] = { 0x00, 0x05, 0xff, 0x01, 0x00, 0x01, 0x00 };

    b[n++] = 22;
    b[n++] = 3;
    b[n++] = 3;
    b[n++] = 0;
    b[n++] = 4 + 38 + 7;
    b[n++] = 2;
    b[n++] = 0;
    b[n++] = 0;
    b[n++] = 38 + 7;
    b[n++] = version >> 8;
    b[n++] = version & 255;
    memset(b + n, 7, 32);
    n += 32;
    b[n++] = 0;
    b[n++] = suite >> 8;
    b[n++] = suite & 255;
    b[n++] = compression;
    memcpy(b + n, reneg, sizeof(reneg));
    return n + sizeof(reneg);
}

START_TEST(answers)
{
    unsigned char b[256];
    size_t n = server_hello(b, 0x0303, 0x002f, 1);
    saas_web_answer_t a;

    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(!saas_web_hello_read(b, i, scratch, 0, &a), "final after %zu of %zu", i, n);
    }
    ck_assert(saas_web_hello_read(b, n, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_HELLO);
    ck_assert_int_eq(a.version, 0x0303);
    ck_assert_int_eq(a.suite, 0x002f);
    ck_assert_int_eq(a.compression, 1);
    ck_assert(a.secure_renegotiation);

    /* One handshake message in two records, a warning before. */
    {
        unsigned char split[300] = { 21, 3, 3, 0, 2, 1, 112, 22, 3, 3, 0, 10 };
        size_t m = 12;

        memcpy(split + m, b + 5, 10);
        m += 10;
        memcpy(split + m, "\x16\x03\x03\x00", 4);
        split[m + 4] = (unsigned char)(n - 15);
        memcpy(split + m + 5, b + 15, n - 15);
        m += 5 + n - 15;
        ck_assert(saas_web_hello_read(split, m, scratch, 0, &a));
        ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_HELLO);
        ck_assert_int_eq(a.suite, 0x002f);
    }
    ck_assert(saas_web_hello_read((const unsigned char *)"\x15\x03\x01\x00\x02\x02\x46", 7, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_ALERT);
    ck_assert_int_eq(a.alert, 70);
    ck_assert(saas_web_hello_read((const unsigned char *)"HTTP/1.1 400", 12, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_NOT_TLS);
    ck_assert(saas_web_hello_read((const unsigned char *)"S", 1, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_NOT_TLS);
    ck_assert(!saas_web_hello_read((const unsigned char *)"", 0, scratch, 0, &a));
    /* A ServerHello shorter than it says. */
    ck_assert(
        saas_web_hello_read((const unsigned char *)"\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03", 11, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_NOT_TLS);
}
END_TEST

/* A HelloRetryRequest of TLS 1.3 (RFC 8446 4.1.3) that asks for a key of the group offered without one. */
START_TEST(retry)
{
    static const unsigned char parts[] = { 0x00, 0x0c, 0x00, 0x2b, 0x00, 0x02, 0x03, 0x04, 0x00, 0x33, 0x00, 0x02, 0x11, 0xec };
    unsigned char random[SAAS_WEB_HELLO_RANDOM] = { 0 }, b[SAAS_WEB_HELLO_MAX];
    size_t n = server_hello(b, 0x0303, 0x1301, 0) - 7;
    saas_web_answer_t a;

    memcpy(b + n, parts, sizeof(parts));
    n += sizeof(parts);
    b[4] = (unsigned char)(n - 5);
    b[8] = (unsigned char)(n - 9);
    ck_assert(saas_web_hello_read(b, n, scratch, 0, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_HELLO);
    ck_assert_int_eq(a.version, 0x0304);
    ck_assert_int_eq(a.group, SAAS_WEB_GROUP_HYBRID);
    n = saas_web_hello_write(b, SAAS_WEB_HELLO_HYBRID, NULL, random, 0);
    ck_assert_ptr_nonnull(memmem(b, n, "\x00\x0a\x00\x04\x00\x02\x11\xec", 8));
    ck_assert_ptr_nonnull(memmem(b, n, "\x00\x33\x00\x02\x00\x00", 6));
}
END_TEST

START_TEST(dh_group)
{
    unsigned char b[1024];
    size_t n = server_hello(b, 0x0303, 0x0033, 0);
    saas_web_answer_t a;

    /* ServerKeyExchange: a prime of 1023 bits behind a zero byte. */
    b[n++] = 22;
    b[n++] = 3;
    b[n++] = 3;
    b[n++] = 0;
    b[n++] = 4 + 2 + 129;
    b[n++] = 12;
    b[n++] = 0;
    b[n++] = 0;
    b[n++] = 2 + 129;
    b[n++] = 0;
    b[n++] = 129;
    b[n++] = 0;
    b[n++] = 0x7f;
    memset(b + n, 0xff, 127);
    ck_assert(!saas_web_hello_read(b, n, scratch, 1, &a));
    n += 127;
    ck_assert(saas_web_hello_read(b, n, scratch, 1, &a));
    ck_assert_int_eq(a.what, SAAS_WEB_ANSWER_HELLO);
    ck_assert_int_eq(a.dh_bits, 1023);
}
END_TEST

/* Nothing to assert but what the sanitizers see, and that it ends. */
START_TEST(hostile)
{
    uint64_t seed = 42;
    saas_web_answer_t a;

    for (int round = 0; round < 20000; round++) {
        unsigned char b[512];
        size_t n = server_hello(b, 0x0303, 0x0033, 0);
        unsigned char *exact;
        int changes = 1 + (int)(unit_random(&seed) % 6);

        for (int i = 0; i < changes; i++) {
            b[unit_random(&seed) % n] = (unsigned char)unit_random(&seed);
        }
        n = unit_random(&seed) % (n + 1);
        exact = malloc(n ? n : 1);
        memcpy(exact, b, n);
        saas_web_hello_read(exact, n, scratch, (int)(round & 1), &a);
        ck_assert_int_le(a.what, SAAS_WEB_ANSWER_NOT_TLS);
        free(exact);
    }
}
END_TEST

Suite *suite_web_hello(void);
Suite *suite_web_hello(void)
{
    TCase *tc;
    Suite *s = unit_suite("web_hello", 20, &tc);

    tcase_add_test(tc, shape);
    tcase_add_test(tc, offers);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, retry);
    tcase_add_test(tc, dh_group);
    tcase_add_test(tc, hostile);
    return s;
}
