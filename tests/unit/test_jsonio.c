/* Strict JSON and the field readers. */

#include "unit.h"

#include "core/jsonio.h"

static json_t *load(const char *text)
{
    json_t *json;
    const char *why;
    apr_status_t status = saas_json_load(unit_pool, text, strlen(text), SAAS_JSON_DEPTH, &json, &why);
    ck_assert_msg(status == APR_SUCCESS, "%s: %s", text, why);
    return json;
}

static const char *nested(int depth, char open, char close)
{
    char *text = apr_pcalloc(unit_pool, (apr_size_t)depth * 2 + 1);
    memset(text, open, (size_t)depth);
    memset(text + depth, close, (size_t)depth);
    return text;
}

START_TEST(loading)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "", "unexpected end" },
        { "   ", "unexpected end" },
        { "{", "unexpected end" },
        { "{\"a\":", "unexpected end" },
        { "\"string\"", "invalid syntax" },
        { "1", "invalid syntax" },
        { "null", "invalid syntax" },
        { "{} {}", "more after the end" },
        { "{}x", "more after the end" },
        { "{'a':1}", "invalid syntax" },
        { "{a:1}", "invalid syntax" },
        { "{\"a\":1,}", "invalid syntax" },
        { "[1,]", "invalid syntax" },
        { "[01]", "invalid syntax" },
        { "[+1]", "invalid syntax" },
        { "[.5]", "invalid syntax" },
        { "[NaN]", "invalid syntax" },
        { "[Infinity]", "invalid syntax" },
        { "[1e999]", "number out of range" },
        { "[99999999999999999999]", "number out of range" },
        { "{\"a\":1,\"a\":2}", "duplicate key" },
        { "{\"x\":{\"a\":1,\"\\u0061\":2}}", "duplicate key" },
        { "{\"a\":\"x\\u0000y\"}", "null characters" },
        { "{\"a\\u0000\":1}", "null characters" },
        { "[\"\xff\"]", "not valid UTF-8" },
        { "[\"\xed\xa0\x80\"]", "not valid UTF-8" },
        { "[\"\xc0\x80\"]", "not valid UTF-8" },
        { "[\"\\ud800\"]", "invalid syntax" },
        { "[\"a\nb\"]", "invalid syntax" },
        { "[\"\\x41\"]", "invalid syntax" },
        { "// comment\n{}", "invalid syntax" },
        { "\xef\xbb\xbf{}", "invalid syntax" },
    };
    json_t *json;
    const char *why;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_json_load(unit_pool, bad[i].text, strlen(bad[i].text), 32, &json, &why) == APR_EINVAL, "%s", bad[i].text);
        ck_assert_ptr_null(json);
        ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].text, why);
        ck_assert_int_eq(strncmp(why, "JSON parse error - ", 19), 0);
    }
    ck_assert_int_eq(saas_json_load(unit_pool, "{}\0", 3, 32, &json, NULL), APR_EINVAL);
    ck_assert_int_eq(saas_json_load(unit_pool, "[\"a\0b\"]", 7, 32, &json, NULL), APR_EINVAL);
    ck_assert_int_eq(saas_json_load(unit_pool, NULL, 0, 32, &json, NULL), APR_EINVAL);

    ck_assert_int_eq(json_integer_value(json_object_get(load(" {\"a\" : 1}\r\n"), "a")), 1);
    ck_assert_str_eq(json_string_value(json_array_get(load("[\"\\\\\\\"]}[{\"]"), 0)), "\\\"]}[{");
}
END_TEST

START_TEST(limits)
{
    json_t *json;
    const char *why, *deep = nested(33, '[', ']');

    load(nested(32, '[', ']'));
    ck_assert_int_eq(saas_json_load(unit_pool, deep, strlen(deep), 32, &json, &why), APR_EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "nested too deeply"));
    deep = nested(500000, '[', ' ');
    ck_assert_int_eq(saas_json_load(unit_pool, deep, strlen(deep), 32, &json, &why), APR_EINVAL);
    load("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[\", [], []]");

    char *many = apr_pcalloc(unit_pool, 2 * SAAS_JSON_VALUES + 8);
    many[0] = '[';
    for (size_t i = 0; i < SAAS_JSON_VALUES; i++) {
        memcpy(many + 1 + 2 * i, "1,", 2);
    }
    memcpy(many + 1 + 2 * SAAS_JSON_VALUES, "1]", 3);
    ck_assert_int_eq(saas_json_load(unit_pool, many, strlen(many), 32, &json, &why), APR_EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "too many values"));
    memcpy(many + 1 + 2 * (SAAS_JSON_VALUES - 1), "1]", 3);
    ck_assert_uint_eq(json_array_size(load(many)), SAAS_JSON_VALUES);
}
END_TEST

START_TEST(dumping)
{
    size_t len;
    json_t *json = load("{\"b\": [1, 2.5, true, null], \"a\": \"\xc3\xa9\\n\\u2028\"}");
    ck_assert_str_eq(saas_json_dump(unit_pool, json, &len), "{\"b\":[1,2.5,true,null],\"a\":\"\xc3\xa9\\n\xe2\x80\xa8\"}");
    ck_assert_uint_eq(len, strlen(saas_json_dump(unit_pool, json, NULL)));
    ck_assert_str_eq(saas_json_dump(unit_pool, saas_json_own(unit_pool, json_string("x")), NULL), "\"x\"");
    ck_assert_ptr_null(saas_json_dump(unit_pool, NULL, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(saas_json_own(unit_pool, NULL));

    /* Around the size of the first buffer, and far beyond. */
    static const size_t sizes[] = { 4091, 4092, 4093, 4094, 4095, 4096, 4097, 100000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = apr_pcalloc(unit_pool, sizes[i] + 1);
        memset(text, 'x', sizes[i]);
        json = saas_json_own(unit_pool, json_pack("[s]", text));
        const char *out = saas_json_dump(unit_pool, json, &len);
        ck_assert_uint_eq(len, sizes[i] + 4);
        ck_assert_uint_eq(strlen(out), len);
        ck_assert_str_eq(json_string_value(json_array_get(load(out), 0)), text);
    }
}
END_TEST

static saas_fields_t fields;

static void open_body(const char *text, int partial)
{
    saas_fields_init(&fields, unit_pool, load(text), partial);
}

static const char *errors(void)
{
    return saas_json_dump(unit_pool, fields.errors, NULL);
}

START_TEST(strings)
{
    const char *value = "untouched";
    open_body("{\"s\":\" \\t two words\\n \",\"n\":null,\"e\":\"\",\"w\":\"  \",\"i\":1,\"b\":true,\"l\":[],"
              "\"u\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}", 0);

    ck_assert_int_eq(saas_field_string(&fields, "s", SAAS_REQUIRED, 9, &value), SAAS_FIELD_OK);
    ck_assert_str_eq(value, "two words");
    ck_assert_int_eq(saas_field_string(&fields, "s", SAAS_VERBATIM, 0, &value), SAAS_FIELD_OK);
    ck_assert_str_eq(value, " \t two words\n ");
    ck_assert_int_eq(saas_field_string(&fields, "u", 0, 5, &value), SAAS_FIELD_OK);
    ck_assert_int_eq(saas_field_string(&fields, "w", SAAS_BLANK, 5, &value), SAAS_FIELD_OK);
    ck_assert_str_eq(value, "");
    ck_assert_int_eq(saas_field_string(&fields, "w", SAAS_VERBATIM, 5, &value), SAAS_FIELD_OK);
    ck_assert_str_eq(value, "  ");
    ck_assert_int_eq(saas_field_string(&fields, "n", SAAS_NULLABLE, 5, &value), SAAS_FIELD_NULL);
    ck_assert_int_eq(saas_field_string(&fields, "absent", 0, 5, &value), SAAS_FIELD_ABSENT);
    ck_assert(saas_fields_ok(&fields));

    value = "untouched";
    ck_assert_int_eq(saas_field_string(&fields, "absent", SAAS_REQUIRED, 5, &value), SAAS_FIELD_ABSENT);
    ck_assert_int_eq(saas_field_string(&fields, "n", SAAS_REQUIRED, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "e", 0, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "w", 0, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "i", 0, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "b", 0, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "l", 0, 5, &value), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_string(&fields, "u", 0, 4, &value), SAAS_FIELD_BAD);
    ck_assert_str_eq(value, "untouched");
    ck_assert(!saas_fields_ok(&fields));
    ck_assert_str_eq(errors(), "{\"absent\":[\"This field is required.\"],\"n\":[\"This field may not be null.\"],"
                               "\"e\":[\"This field may not be blank.\"],\"w\":[\"This field may not be blank.\"],"
                               "\"i\":[\"Not a valid string.\"],\"b\":[\"Not a valid string.\"],\"l\":[\"Not a valid string.\"],"
                               "\"u\":[\"Ensure this field has no more than 4 characters.\"]}");

    open_body("{}", 1);
    ck_assert_int_eq(saas_field_string(&fields, "absent", SAAS_REQUIRED, 5, &value), SAAS_FIELD_ABSENT);
    ck_assert(saas_fields_ok(&fields));
}
END_TEST

START_TEST(bodies)
{
    const char *value;
    open_body("[1]", 0);
    ck_assert(!saas_fields_ok(&fields));
    ck_assert_int_eq(saas_field_string(&fields, "a", SAAS_REQUIRED, 0, &value), SAAS_FIELD_BAD);
    ck_assert_str_eq(errors(), "{\"non_field_errors\":[\"Invalid data. Expected a dictionary, but got list.\"]}");
    saas_fields_init(&fields, unit_pool, NULL, 0);
    ck_assert(!saas_fields_ok(&fields));

    open_body("{}", 0);
    saas_field_error(&fields, NULL, "%s %d", "one", 1);
    saas_field_error(&fields, NULL, "two");
    saas_field_error(&fields, "f", "bad \xff text");
    ck_assert_str_eq(errors(), "{\"non_field_errors\":[\"one 1\",\"two\"],\"f\":[\"Invalid value.\"]}");
}
END_TEST

START_TEST(kinds)
{
    static const char *const roles[] = { "ADMIN", "MEMBER", "VIEWER", NULL };
    const char *text = NULL;
    int flag = 7;
    json_int_t number = 7;
    apr_time_t time = 7;

    open_body("{\"role\":\"MEMBER\",\"t\":true,\"f\":false,\"n\":5,\"time\":\"1970-01-01T00:00:01Z\","
              "\"id\":\"019379A0-3D7E-7B3C-8E2F-0123456789AB\"}", 0);
    ck_assert_int_eq(saas_field_choice(&fields, "role", SAAS_REQUIRED, roles, &text), SAAS_FIELD_OK);
    ck_assert_ptr_eq(text, roles[1]);
    ck_assert_int_eq(saas_field_bool(&fields, "t", 0, &flag), SAAS_FIELD_OK);
    ck_assert_int_eq(flag, 1);
    ck_assert_int_eq(saas_field_bool(&fields, "f", 0, &flag), SAAS_FIELD_OK);
    ck_assert_int_eq(flag, 0);
    ck_assert_int_eq(saas_field_int(&fields, "n", 0, 5, 5, &number), SAAS_FIELD_OK);
    ck_assert_int_eq(number, 5);
    ck_assert_int_eq(saas_field_time(&fields, "time", 0, &time), SAAS_FIELD_OK);
    ck_assert_int_eq(time, 1000000);
    ck_assert_int_eq(saas_field_uuid(&fields, "id", 0, &text), SAAS_FIELD_OK);
    ck_assert_str_eq(text, "019379a0-3d7e-7b3c-8e2f-0123456789ab");
    ck_assert(saas_fields_ok(&fields));

    open_body("{\"r1\":\"member\",\"r2\":1,\"r3\":\"\",\"t\":\"true\",\"n1\":4,\"n2\":6,\"n3\":5.0,\"n4\":\"5\",\"n5\":true,"
              "\"time\":\"yesterday\",\"time2\":1,\"id\":\"x\",\"id2\":{}}", 0);
    ck_assert_int_eq(saas_field_choice(&fields, "r1", 0, roles, &text), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_choice(&fields, "r2", 0, roles, &text), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_choice(&fields, "r3", 0, roles, &text), SAAS_FIELD_BAD);
    ck_assert_str_eq(errors(), "{\"r1\":[\"\\\"member\\\" is not a valid choice.\"],\"r2\":[\"\\\"1\\\" is not a valid choice.\"],"
                               "\"r3\":[\"\\\"\\\" is not a valid choice.\"]}");
    ck_assert_int_eq(saas_field_bool(&fields, "t", 0, &flag), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_int(&fields, "n1", 0, 5, 5, &number), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_int(&fields, "n2", 0, 5, 5, &number), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_int(&fields, "n3", 0, 5, 5, &number), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_int(&fields, "n4", 0, 5, 5, &number), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_int(&fields, "n5", 0, 0, 5, &number), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_time(&fields, "time", 0, &time), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_time(&fields, "time2", 0, &time), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_uuid(&fields, "id", 0, &text), SAAS_FIELD_BAD);
    ck_assert_int_eq(saas_field_uuid(&fields, "id2", 0, &text), SAAS_FIELD_BAD);
    ck_assert_int_eq((int)json_object_size(fields.errors), 13);

    /* A long value is cut between code points. */
    open_body(apr_psprintf(unit_pool, "{\"r\":\"%0200d\",\"s\":\"%s\"}", 0, apr_pstrcat(unit_pool,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\xc3\xa9\xc3\xa9\xc3\xa9", NULL)), 0);
    saas_field_choice(&fields, "r", 0, roles, &text);
    saas_field_choice(&fields, "s", 0, roles, &text);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(fields.errors, "s"), 0)),
                     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9...\" is not a valid choice.");
    ck_assert_uint_lt(strlen(errors()), 300);
}
END_TEST

START_TEST(lists)
{
    const char *const *values = NULL;
    size_t count = 9;

    open_body("{\"ok\":[\" a \",\"b\"],\"empty\":[],\"s\":\"a\",\"many\":[\"a\",\"b\",\"c\"],\"mixed\":[\"a\",1],"
              "\"blank\":[\"a\",\" \"],\"long\":[\"abcd\"]}", 0);
    ck_assert_int_eq(saas_field_strings(&fields, "ok", SAAS_REQUIRED, 2, 3, &values, &count), SAAS_FIELD_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(values[0], "a");
    ck_assert_str_eq(values[1], "b");
    ck_assert_ptr_null(values[2]);
    ck_assert_int_eq(saas_field_strings(&fields, "empty", SAAS_BLANK, 2, 3, &values, NULL), SAAS_FIELD_OK);
    ck_assert_ptr_null(values[0]);
    ck_assert(saas_fields_ok(&fields));

    static const char *const bad[] = { "empty", "s", "many", "mixed", "blank", "long" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(saas_field_strings(&fields, bad[i], 0, 2, 3, &values, &count), SAAS_FIELD_BAD);
    }
    ck_assert_str_eq(errors(), "{\"empty\":[\"This list may not be empty.\"],"
                               "\"s\":[\"Expected a list of items but got type \\\"str\\\".\"],"
                               "\"many\":[\"Ensure this field has no more than 2 elements.\"],"
                               "\"mixed\":[\"Item 2: Not a valid string.\"],\"blank\":[\"Item 2: This field may not be blank.\"],"
                               "\"long\":[\"Item 1: Ensure this field has no more than 3 characters.\"]}");
}
END_TEST

START_TEST(mutations)
{
    static const char seed[] = "{\"name\":\"A\xc3\xa9\\u00e9\",\"list\":[1,-2.5e3,true,null,{\"x\":\"\\\\\"}],\"t\":\"]\"}";
    uint64_t state = 13;
    for (int i = 0; i < 50000; i++) {
        size_t len = sizeof(seed) - 1;
        char *text = malloc(len);
        json_t *json;
        const char *why;
        memcpy(text, seed, len);
        for (uint64_t k = unit_random(&state) % 3; k < 3; k++) {
            uint64_t r = unit_random(&state);
            text[r % len] = (r >> 20) & 1 ? "{}[]\",:\\u0"[(r >> 32) % 10] : (char)(r >> 40);
        }
        len -= unit_random(&state) % 4 == 0 ? unit_random(&state) % len : 0;
        char *exact = malloc(len);
        memcpy(exact, text, len);
        if (saas_json_load(unit_pool, exact, len, 4, &json, &why) == APR_SUCCESS) {
            /* What was read can be written and read again, the same. */
            size_t size;
            const char *out = saas_json_dump(unit_pool, json, &size);
            json_t *again;
            ck_assert_int_eq(saas_json_load(unit_pool, out, size, 4, &again, &why), APR_SUCCESS);
            ck_assert(json_equal(json, again));
        }
        else {
            ck_assert_ptr_nonnull(why);
        }
        free(exact);
        free(text);
        apr_pool_clear(unit_pool);
    }
}
END_TEST

Suite *suite_jsonio(void)
{
    TCase *tc;
    Suite *suite = unit_suite("jsonio", 60, &tc);
    tcase_add_test(tc, loading);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, dumping);
    tcase_add_test(tc, strings);
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, kinds);
    tcase_add_test(tc, lists);
    tcase_add_test(tc, mutations);
    return suite;
}
