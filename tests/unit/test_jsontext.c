/* JSON as text: escapes, broken UTF-8, growth; then random strings and values against jansson. */

#include "unit.h"

#include <jansson.h>

#include "core/jsontext.h"
#include "core/text.h"

static const char *text_of(const saas_jsontext_t *out)
{
    return apr_pstrmemdup(unit_pool, out->data, out->len);
}

/* A string alone, read from memory of exactly its size, so that ASan sees a byte too many. */
static const char *string(const char *s)
{
    saas_jsontext_t out;
    char *copy = strdup(s);
    saas_jsontext_init(&out, unit_pool, 0);
    saas_jsontext_string(&out, copy);
    free(copy);
    return text_of(&out);
}

START_TEST(escapes)
{
    static const struct {
        const char *in, *out;
    } strings[] = {
        { "", "\"\"" },
        { "plain", "\"plain\"" },
        { "exactly8", "\"exactly8\"" },
        { "longer than a word, / and ' stay", "\"longer than a word, / and ' stay\"" },
        { "\"", "\"\\\"\"" },
        { "1234567\"", "\"1234567\\\"\"" },
        { "back\\slash", "\"back\\\\slash\"" },
        { "\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"" },
        { "\x01\x0b\x1f", "\"\\u0001\\u000B\\u001F\"" },
        { "12345678\x1e", "\"12345678\\u001E\"" },
        { "del \x7f stays", "\"del \x7f stays\"" },
        { "\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\"" },
        { "\xe2\x82\xac \xf0\x9f\x98\x80\xc3\xa9", "\"\xe2\x82\xac \xf0\x9f\x98\x80\xc3\xa9\"" },
        { "\xff", "\"\xef\xbf\xbd\"" },
        { "cut off \xe2\x82", "\"cut off \xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xc3\xa9\x80\xe2\x82\xac", "\"\xc3\xa9\xef\xbf\xbd\xe2\x82\xac\"" },
        { "overlong \xc0\xaf", "\"overlong \xef\xbf\xbd\xef\xbf\xbd\"" },
        { "surrogate \xed\xa0\x80!", "\"surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!\"" },
        { "\xf0\x9f\x98\x80\xff", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\"" },
    };
    saas_jsontext_t out;

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        ck_assert_str_eq(string(strings[i].in), strings[i].out);
    }
    saas_jsontext_init(&out, unit_pool, 0);
    saas_jsontext_string(&out, NULL);
    ck_assert_str_eq(text_of(&out), "null");
}
END_TEST

/* By length into room of exactly what is promised, so that ASan sees a byte too many; a NUL is a character as others. */
START_TEST(a_quoted_text_fits_its_room)
{
    static const char *const worst[] = { "\x01\x01\x01\x01\x01\x01\x01\x01\x01", "\xff\xff\xff", "\"\"\"\"\"\"\"\"\"", "" };
    for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
        size_t len = strlen(worst[i]);
        char *room = malloc(SAAS_JSONTEXT_ROOM(len));
        size_t n = saas_jsontext_quote(room, worst[i], len);
        ck_assert_uint_le(n, SAAS_JSONTEXT_ROOM(len));
        ck_assert_str_eq(apr_pstrmemdup(unit_pool, room, n), string(worst[i]));
        free(room);
    }
    char room[SAAS_JSONTEXT_ROOM(3)];
    ck_assert_str_eq(apr_pstrmemdup(unit_pool, room, saas_jsontext_quote(room, "a\0b", 3)), "\"a\\u0000b\"");
}
END_TEST

/* Every string of UTF-8 is written byte for byte as jansson writes it. */
START_TEST(against_jansson)
{
    static const char *const pieces[] = { "a", "bcdefghij", "\"", "\\", "\n", "\x02", "\x1f", "\x7f", "\xc3\xa9", "\xe2\x82\xac",
                                          "\xf0\x9f\x98\x80", " ", "/" };
    uint64_t state = 5;

    for (int round = 0; round < 20000; round++) {
        char in[256];
        size_t len = 0, count = unit_random(&state) % 20;
        for (size_t i = 0; i < count; i++) {
            const char *piece = pieces[unit_random(&state) % (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(in + len, piece, strlen(piece));
            len += strlen(piece);
        }
        in[len] = '\0';
        json_t *value = json_string(in);
        char *want = json_dumps(value, JSON_ENCODE_ANY);
        UNIT_CHECK(strcmp(string(in), want) == 0);
        free(want);
        json_decref(value);
        apr_pool_clear(unit_pool);
    }
}
END_TEST

/* Whatever bytes come, a reader can read what goes out. */
START_TEST(random_bytes)
{
    uint64_t state = 6;

    for (int round = 0; round < 20000; round++) {
        char in[64];
        size_t len = unit_random(&state) % 40;
        for (size_t i = 0; i < len; i++) {
            unsigned char byte = (unsigned char)(unit_random(&state) >> 16);
            in[i] = (char)(byte ? byte : 1);
        }
        in[len] = '\0';
        const char *got = string(in);
        json_t *read = json_loads(got, JSON_DECODE_ANY, NULL);
        UNIT_CHECK(json_is_string(read));
        UNIT_CHECK(!saas_utf8_valid(in, len) || strcmp(json_string_value(read), in) == 0);
        json_decref(read);
        apr_pool_clear(unit_pool);
    }
}
END_TEST

START_TEST(integers)
{
    static const struct {
        apr_int64_t n;
        const char *out;
    } numbers[] = {
        { 0, "0" }, { 7, "7" }, { -1, "-1" }, { 1000000, "1000000" },
        { INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" },
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        saas_jsontext_t out;
        saas_jsontext_init(&out, unit_pool, 0);
        saas_jsontext_int(&out, numbers[i].n);
        ck_assert_str_eq(text_of(&out), numbers[i].out);
    }
}
END_TEST

/* A text much longer than the room that was asked for; what was there before stays. */
START_TEST(growth)
{
    enum { LONG = 300000 };
    saas_jsontext_t out;
    char *in = malloc(LONG + 1);

    memset(in, '\x01', LONG);
    in[LONG] = '\0';
    saas_jsontext_init(&out, unit_pool, 1);
    SAAS_JSONTEXT_PUT(&out, "[");
    saas_jsontext_string(&out, in);
    SAAS_JSONTEXT_PUT(&out, ",");
    ck_assert_int_eq(saas_jsontext_json(&out, " [ 1 ] "), 1);
    SAAS_JSONTEXT_PUT(&out, "]");
    ck_assert_uint_eq(out.len, 1 + 2 + 6 * (size_t)LONG + 1 + 3 + 1);
    json_t *read = json_loadb(out.data, out.len, 0, NULL);
    ck_assert_str_eq(json_string_value(json_array_get(read, 0)), in);
    json_decref(read);
    free(in);
}
END_TEST

static int embed(const char *json, const char **text)
{
    saas_jsontext_t out;
    char *copy = strdup(json);
    saas_jsontext_init(&out, unit_pool, 0);
    SAAS_JSONTEXT_PUT(&out, "<");
    int taken = saas_jsontext_json(&out, copy);
    free(copy);
    *text = text_of(&out) + 1;
    return taken;
}

START_TEST(embedded)
{
    static const struct {
        const char *in, *out; /* NULL: no JSON */
    } values[] = {
        { "{}", "{}" }, { " [ ] ", "[]" }, { "null", "null" }, { "true", "true" }, { " false\n", "false" },
        { "{\"a\": 1, \"b\": [1, 2.50, -0, 1e5, 1E-5, 0.1e+3]}", "{\"a\":1,\"b\":[1,2.50,-0,1e5,1E-5,0.1e+3]}" },
        { "\"two  words \\\" \\u00e9 \xc3\xa9\"", "\"two  words \\\" \\u00e9 \xc3\xa9\"" },
        { "{\"b\": {\"a\": []}, \"a\" : \"x\"}", "{\"b\":{\"a\":[]},\"a\":\"x\"}" },
        { "", NULL }, { " ", NULL }, { "{", NULL }, { "[1,]", NULL }, { "[,1]", NULL }, { "{\"a\"}", NULL }, { "{\"a\":}", NULL },
        { "{a:1}", NULL }, { "{\"a\":1,}", NULL }, { "{} {}", NULL }, { "[1 2]", NULL }, { "[1}", NULL }, { "01", NULL },
        { "1.", NULL }, { ".5", NULL }, { "+1", NULL }, { "-", NULL }, { "1e", NULL }, { "nul", NULL }, { "nullx", NULL },
        { "\"open", NULL }, { "\"open\\", NULL }, { "\"\\x\"", NULL }, { "\"\\u12g4\"", NULL }, { "\"\\u12\"", NULL },
        { "\"line\nbreak\"", NULL }, { "\"\xff\"", NULL }, { "\"\xe2\x82\"", NULL }, { "'a'", NULL },
    };
    const char *text;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_int_eq(embed(values[i].in, &text), values[i].out != NULL);
        ck_assert_str_eq(text, values[i].out ? values[i].out : "");
    }
}
END_TEST

START_TEST(nesting)
{
    char in[2 * SAAS_JSONTEXT_DEPTH + 3];
    const char *text;

    for (size_t depth = SAAS_JSONTEXT_DEPTH; depth <= SAAS_JSONTEXT_DEPTH + 1; depth++) {
        memset(in, '[', depth);
        memset(in + depth, ']', depth);
        in[2 * depth] = '\0';
        ck_assert_int_eq(embed(in, &text), depth == SAAS_JSONTEXT_DEPTH);
        ck_assert_str_eq(text, depth == SAAS_JSONTEXT_DEPTH ? in : "");
    }
}
END_TEST

/* Damaged JSON: what is taken is what jansson takes, and it stays what it was. */
START_TEST(damaged)
{
    static const char whole[] = "{\"status\": {\"PASS\": 12, \"FAIL\": -3.5e2}, \"list\": [true, null, \"a\\n\xc3\xa9\"], \"z\": []}";
    uint64_t state = 7;
    int taken = 0;

    for (int round = 0; round < 50000; round++) {
        char in[sizeof(whole)];
        const char *text;
        memcpy(in, whole, sizeof(whole));
        for (uint64_t i = unit_random(&state) % 3; i > 0; i--) {
            in[unit_random(&state) % (sizeof(whole) - 1)] = "{}[]:,\" \\0e-.t\x01\xff"[unit_random(&state) % 16];
        }
        json_t *want = json_loads(in, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        UNIT_CHECK(embed(in, &text) == (want != NULL));
        if (want) {
            json_t *got = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            UNIT_CHECK(json_equal(got, want));
            json_decref(got);
            taken++;
        }
        json_decref(want);
        apr_pool_clear(unit_pool);
    }
    ck_assert_int_gt(taken, 1000);
    ck_assert_int_lt(taken, 49000);
}
END_TEST

Suite *suite_jsontext(void)
{
    TCase *tc;
    Suite *suite = unit_suite("jsontext", 60, &tc);
    tcase_add_test(tc, escapes);
    tcase_add_test(tc, a_quoted_text_fits_its_room);
    tcase_add_test(tc, against_jansson);
    tcase_add_test(tc, random_bytes);
    tcase_add_test(tc, integers);
    tcase_add_test(tc, growth);
    tcase_add_test(tc, embedded);
    tcase_add_test(tc, nesting);
    tcase_add_test(tc, damaged);
    return suite;
}
