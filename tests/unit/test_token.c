/* Tokens and hashes: NIST's SHA-256 examples, alphabet, comparison. */

#include "unit.h"

#include "core/token.h"

START_TEST(sha256_vectors)
{
    /* FIPS 180-4 examples (NIST, "Cryptographic Standards and Guidelines: Example Values"). */
    static const struct {
        const char *text, *hash;
    } vectors[] = {
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    char out[SAAS_HASH_LEN + 1];
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        ck_assert_int_eq(saas_token_hash(out, vectors[i].text), APR_SUCCESS);
        ck_assert_str_eq(out, vectors[i].hash);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    ck_assert_int_eq(saas_sha256_hex(out, million, 1000000), APR_SUCCESS);
    ck_assert_str_eq(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);

    ck_assert_int_eq(saas_token_hash(out, NULL), APR_EINVAL);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(making)
{
    unsigned seen[256] = { 0 };
    const char *first, *token;

    ck_assert_int_eq(saas_token_make(unit_pool, "saas_", &first), APR_SUCCESS);
    for (int i = 0; i < 2000; i++) {
        ck_assert_int_eq(saas_token_make(unit_pool, "saas_", &token), APR_SUCCESS);
        ck_assert_uint_eq(strlen(token), 5 + SAAS_TOKEN_LEN);
        ck_assert_int_eq(strncmp(token, "saas_", 5), 0);
        ck_assert_str_ne(token, first);
        for (const char *c = token + 5; *c; c++) {
            seen[(unsigned char)*c]++;
        }
    }
    /* 86,000 draws of 62: 1387 each on average, 37 a standard deviation; six of them on either side. */
    for (int c = 0; c < 256; c++) {
        int letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        ck_assert_msg(letter ? seen[c] > 1160 && seen[c] < 1610 : seen[c] == 0, "%c: %u times", c, seen[c]);
    }
    ck_assert_int_eq(saas_token_make(unit_pool, NULL, &token), APR_SUCCESS);
    ck_assert_uint_eq(strlen(token), SAAS_TOKEN_LEN);
}
END_TEST

START_TEST(hex)
{
    char out[9];
    saas_hex_encode(out, "\x00\x7f\x80\xff", 4);
    ck_assert_str_eq(out, "007f80ff");
    saas_hex_encode(out, "", 0);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(comparison)
{
    ck_assert(saas_equal_ct("", ""));
    ck_assert(saas_equal_ct("secret", "secret"));
    ck_assert(!saas_equal_ct("secret", "secreT"));
    ck_assert(!saas_equal_ct("Secret", "secret"));
    ck_assert(!saas_equal_ct("secret", "secret1"));
    ck_assert(!saas_equal_ct("secret1", "secret"));
    ck_assert(!saas_equal_ct("secret", ""));
    ck_assert(!saas_equal_ct(NULL, "secret"));
    ck_assert(!saas_equal_ct("secret", NULL));
    ck_assert(!saas_equal_ct(NULL, NULL));
}
END_TEST

Suite *suite_token(void)
{
    TCase *tc;
    Suite *suite = unit_suite("token", 20, &tc);
    tcase_add_test(tc, sha256_vectors);
    tcase_add_test(tc, making);
    tcase_add_test(tc, hex);
    tcase_add_test(tc, comparison);
    return suite;
}
