/* Events of Stripe's, skimmed: the same as jansson reads them but for what nobody asks for, and the same texts refused. */

#include "unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/webhooks/skim.h"

#define MUTATIONS 150 /* of each event */

static uint64_t state;

static size_t chance(size_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(state >> 33) % below;
}

/* A tree without the members that nobody asks for. */
static json_t *pruned(const json_t *from)
{
    const char *name;
    json_t *to, *value;
    size_t i;

    if (json_is_array(from)) {
        to = json_array();
        json_array_foreach(from, i, value) {
            json_array_append_new(to, pruned(value));
        }
        return to;
    }
    if (!json_is_object(from)) {
        return json_deep_copy(from);
    }
    to = json_object();
    json_object_foreach((json_t *)from, name, value) {
        if (saas_skim_knows(name, strlen(name))) {
            json_object_set_new(to, name, pruned(value));
        }
    }
    return to;
}

/* Skims a text and holds it against jansson; whether it was taken, *less: without what nobody asks for. */
static int same(const char *text, size_t len, int *less)
{
    json_error_t error, wrong;
    json_t *skimmed = saas_skim(text, len, &error), *whole = json_loadb(text, len, JSON_REJECT_DUPLICATES, &wrong);

    ck_assert_msg(!skimmed == !whole, "%s by jansson alone: %.*s", whole ? "taken" : "refused", (int)len, text);
    if (!whole) {
        ck_assert_str_eq(error.text, wrong.text);
        ck_assert_int_eq(error.line, wrong.line);
        return 0;
    }
    json_t *a = pruned(skimmed), *b = pruned(whole);
    ck_assert_msg(json_equal(a, b), "read otherwise: %.*s", (int)len, text);
    *less = json_equal(skimmed, b) && !json_equal(skimmed, whole);
    ck_assert_msg(*less || json_equal(skimmed, whole), "some of what nobody asks for: %.*s", (int)len, text);
    json_decref(a);
    json_decref(b);
    json_decref(skimmed);
    json_decref(whole);
    return 1;
}

/* One change of some bytes. */
static size_t change(char *text, size_t len)
{
    static const char bytes[] = "{}[]\",:\\ \n\t0123456789.-+eEtrufalsn/b\x01\x7f\x80\xc3\xa4";
    size_t at = chance(len), n = 1 + chance(12);

    n = n < len - at ? n : len - at;
    switch (chance(4)) {
    case 0:
        text[at] = bytes[chance(sizeof(bytes))];
        return len;
    case 1: /* out with them */
        memmove(text + at, text + at + n, len - at - n);
        return len - n;
    case 2: /* twice */
        memmove(text + at + n, text + at, len - at);
        return len + n;
    default: /* one more */
        memmove(text + at + 1, text + at, len - at);
        text[at] = bytes[chance(sizeof(bytes))];
        return len + 1;
    }
}

static json_t *generations(void)
{
    json_t *file = json_load_file("tests/data/stripe/events.json", 0, NULL);
    ck_assert_msg(file != NULL, "the events are missing: run from the top folder");
    return file;
}

START_TEST(fixtures)
{
    json_t *file = generations(), *events, *event;
    const char *generation, *name;
    int less, count = 0;

    json_object_foreach(json_object_get(file, "generations"), generation, events) {
        json_object_foreach(events, name, event) {
            static const size_t forms[] = { JSON_COMPACT, JSON_INDENT(2), 0 };
            size_t i;
            for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
                char *text = json_dumps(event, forms[i]);
                ck_assert_int_eq(same(text, strlen(text), &less), 1);
                count += less;
                free(text);
            }
        }
    }
    ck_assert_int_gt(count, 30);
    json_decref(file);
}
END_TEST

START_TEST(changed)
{
    json_t *file = generations(), *events, *event;
    const char *generation, *name;
    int less, taken = 0, refused = 0, skimmed = 0;

    state = 1;
    json_object_foreach(json_object_get(file, "generations"), generation, events) {
        json_object_foreach(events, name, event) {
            char *text = json_dumps(event, JSON_COMPACT);
            size_t len = strlen(text);
            int i;
            for (i = 0; i < MUTATIONS; i++) {
                char *other = malloc(len + 64);
                size_t k, more = 1 + chance(2), length = len;
                memcpy(other, text, len);
                for (k = 0; k < more; k++) {
                    length = change(other, length);
                }
                less = 0;
                if (same(other, length, &less)) {
                    taken++;
                } else {
                    refused++;
                }
                skimmed += less;
                free(other);
            }
            free(text);
        }
    }
    ck_assert_int_gt(taken, 500);
    ck_assert_int_gt(refused, 500);
    ck_assert_int_gt(skimmed, 500);
    json_decref(file);
}
END_TEST

/* Each in a place that is passed over, and in one that is kept. */
static const struct {
    const char *value;
    int skimmed; /* where it is passed over; -1: refused */
} values[] = {
    { "1", 1 }, { "-1", 1 }, { "0", 1 }, { "-0", 1 }, { "01", -1 }, { "-", -1 }, { "1.5", 0 }, { "1e3", 0 }, { "1.", -1 },
    { "999999999999999999", 1 }, { "9223372036854775807", 0 }, { "9223372036854775808", -1 }, { "1e999", -1 },
    { "\"\"", 1 }, { "\"a\\\"b\\\\\"", 1 }, { "\"\\n\\/\"", 1 }, { "\"\\x\"", -1 }, { "\"\\u00e4\"", 0 }, { "\"\\u0000\"", -1 },
    { "\"\\ud800\"", -1 }, { "\"\xc3\xa4\"", 0 }, { "\"\xc3\"", -1 }, { "\"\x01\"", -1 }, { "\"\n\"", -1 }, { "\"", -1 },
    { "true", 1 }, { "false", 1 }, { "null", 1 }, { "truex", -1 }, { "tru", -1 }, { "True", -1 }, { "", -1 },
    { "[]", 1 }, { "[1,2]", 1 }, { "[1,]", -1 }, { "[,1]", -1 }, { "[1 2]", -1 }, { "[", -1 }, { "]", -1 },
    { "{}", 1 }, { "{\"a\":1,\"b\":2}", 1 }, { "{\"a\":1,\"a\":2}", -1 }, { "{\"a\":1,}", -1 }, { "{\"a\"}", -1 }, { "{a:1}", -1 },
    { "{\"a\":{\"b\":[{\"c\":1},{\"c\":1}]}}", 1 }, { "{\"a\":[{\"c\":1,\"c\":1}]}", -1 }, { "{\"\":1,\"\":1}", -1 },
    { "{\"\\u0061\":1,\"a\":1}", -1 }, { "{\"\\u0061\":1,\"b\":1}", 0 }, { "1,\"id\":2", 1 }, { "1,\"other\":2", -1 }, { "1}", -1 },
    { "{\"abc\":1,\"bac\":2,\"aac\":3,\"abc\":4}", -1 },
};

START_TEST(places)
{
    static const char *const forms[] = { "{\"other\":%s}", " { \"type\" : \"t\" , \"other\" : %s } \n", "{\"data\":{\"object\":{\"other\":[%s]}}}" };
    const char *value = values[_i].value;
    char text[256];
    size_t i;

    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        int less = 0, wants = values[_i].skimmed;
        if (i == 2 && strchr(value, ':') && *value != '{') {
            continue;
        }
        snprintf(text, sizeof(text), forms[i], value);
        if (i == 2 && !*value) {
            wants = 1; /* an empty array */
        }
        ck_assert_msg(same(text, strlen(text), &less) == (wants >= 0), "%s", text);
        ck_assert_msg(less == (wants == 1), "%s", text);
    }
    snprintf(text, sizeof(text), "{\"other\":1,\"status\":%s}", value);
    int less = 0;
    same(text, strlen(text), &less);
}
END_TEST

START_TEST(limits)
{
    char text[8192], *at = text;
    int i, less = 0;

    at += sprintf(at, "{\"other\":0");
    for (i = 0; i < 100; i++) {
        at += sprintf(at, ",\"m%d\":%d", i, i);
    }
    sprintf(at, "}");
    ck_assert_int_eq(same(text, strlen(text), &less), 1);
    ck_assert_int_eq(less, 0);
    for (i = 1; i < 100; i += 7) {
        snprintf(text, sizeof(text), "{\"other\":%.*s0%.*s}", i,
                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", i,
                 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        less = 0;
        ck_assert_int_eq(same(text, strlen(text), &less), 1);
        ck_assert_int_eq(less, i < 23);
    }
    ck_assert_int_eq(same("{\"id\":1} x", 10, &less), 0);
    ck_assert_int_eq(same("{\"id\":1}\0", 9, &less), 0);
    ck_assert_int_eq(same("", 0, &less), 0);
    ck_assert_int_eq(same("[1]", 3, &less), 1);
    ck_assert_int_eq(same("7", 1, &less), 0);
}
END_TEST

/* A text ends where it is said to, not at a byte behind it. */
START_TEST(ends)
{
    static const char text[] = "{\"id\":\"evt_1\",\"other\":[true,{\"a\":\"\\\\\"}],\"created\":123}";
    size_t i;
    int less;

    for (i = 0; i < sizeof(text) - 1; i++) {
        char *copy = malloc(i + 1);
        memcpy(copy, text, i);
        ck_assert_int_eq(same(copy, i, &less), 0);
        free(copy);
    }
    ck_assert_int_eq(same(text, sizeof(text) - 1, &less), 1);
}
END_TEST

START_TEST(names)
{
    ck_assert_int_eq(saas_skim_knows("account", 7), 1);
    ck_assert_int_eq(saas_skim_knows("type", 4), 1);
    ck_assert_int_eq(saas_skim_knows("typ", 3), 0);
    ck_assert_int_eq(saas_skim_knows("types", 5), 0);
    ck_assert_int_eq(saas_skim_knows("", 0), 0);
    ck_assert_int_eq(saas_skim_knows("cancel_at", 9), 1);
    ck_assert_int_eq(saas_skim_knows("cancel_at_period_end", 20), 1);
}
END_TEST

Suite *suite_webhook_skim(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_skim", 30, &tc);
    tcase_add_test(tc, fixtures);
    tcase_add_test(tc, changed);
    tcase_add_loop_test(tc, places, 0, sizeof(values) / sizeof(*values));
    tcase_add_test(tc, limits);
    tcase_add_test(tc, ends);
    tcase_add_test(tc, names);
    return suite;
}
