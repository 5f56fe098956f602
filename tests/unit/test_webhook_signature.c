/* Stripe's webhook signature: every vector of tests/data/stripe/signatures.json, and what a file cannot hold. */

#include "unit.h"

#include <jansson.h>

#include "plugins/webhooks/signature.h"

static const char *const results[] = { "ok", "malformed", "mismatch", "stale" };

static size_t unhex(const char *hex, char *to)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        char two[3] = { hex[0], hex[1], '\0' };
        to[n++] = (char)strtoul(two, NULL, 16);
    }
    return n;
}

START_TEST(vectors)
{
    json_t *all = json_load_file("tests/data/stripe/signatures.json", 0, NULL), *vector;
    size_t i;

    ck_assert_msg(json_array_size(all) > 40, "the vectors are missing: run from the top folder");
    json_array_foreach(all, i, vector) {
        const char *hex = json_string_value(json_object_get(vector, "payload_hex"));
        const json_t *list = json_object_get(vector, "secrets"), *secret;
        const char *secrets[4];
        char *payload = malloc(strlen(hex) / 2 + 1);
        size_t len = unhex(hex, payload), k;
        saas_signature_e result;

        json_array_foreach(list, k, secret) {
            secrets[k] = json_string_value(secret);
        }
        result = saas_signature_verify(json_string_value(json_object_get(vector, "header")), payload, len, secrets,
                                       (int)json_array_size(list),
                                       json_integer_value(json_object_get(vector, "now")), SAAS_SIGNATURE_TOLERANCE);
        ck_assert_msg(!strcmp(results[result], json_string_value(json_object_get(vector, "result"))),
                      "%s: got %s", json_string_value(json_object_get(vector, "name")), results[result]);
        free(payload);
    }
    json_decref(all);
}
END_TEST

START_TEST(absent)
{
    const char *secrets[] = { "whsec_x" };
    ck_assert_int_eq(saas_signature_verify(NULL, "", 0, secrets, 1, 0, 300), SAAS_SIGNATURE_MALFORMED);
}
END_TEST

START_TEST(without_secrets_nothing_is_genuine)
{
    json_t *all = json_load_file("tests/data/stripe/signatures.json", 0, NULL);
    const char *header = json_string_value(json_object_get(json_array_get(all, 0), "header"));
    ck_assert_int_eq(saas_signature_verify(header, "{}", 2, NULL, 0, 1800000000, 300), SAAS_SIGNATURE_MISMATCH);
    json_decref(all);
}
END_TEST

/* Whatever the bytes: no crash, no read past them, and never genuine. */
START_TEST(noise)
{
    static const char alphabet[] = "t=v1,0123456789abcdef \t\r\nAF;x";
    const char *secrets[] = { "whsec_x" };
    uint64_t seed = 20261122;
    int round;

    for (round = 0; round < 20000; round++) {
        size_t len = unit_random(&seed) % 200, i;
        char *header = malloc(len + 1);
        for (i = 0; i < len; i++) {
            header[i] = alphabet[unit_random(&seed) % (sizeof(alphabet) - 1)];
        }
        header[len] = '\0';
        ck_assert_int_ne(saas_signature_verify(header, "{}", 2, secrets, 1, 1, 300), SAAS_SIGNATURE_OK);
        free(header);
    }
}
END_TEST

START_TEST(texts)
{
    int i;
    for (i = SAAS_SIGNATURE_OK; i <= SAAS_SIGNATURE_STALE; i++) {
        ck_assert_uint_gt(strlen(saas_signature_text((saas_signature_e)i)), 5);
    }
}
END_TEST

Suite *suite_webhook_signature(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_signature", 20, &tc);
    tcase_add_test(tc, vectors);
    tcase_add_test(tc, absent);
    tcase_add_test(tc, without_secrets_nothing_is_genuine);
    tcase_add_test(tc, noise);
    tcase_add_test(tc, texts);
    return suite;
}
