/* Cache-Control of what is for one person alone. */

#include "unit.h"

#include "core/cachecontrol.h"

#define DEFAULT SAAS_CACHECONTROL_DEFAULT

static const struct {
    const char *said, *out;
} cases[] = {
    /* Nothing, or nothing that would do. */
    { NULL, DEFAULT },
    { "", DEFAULT },
    { " , ,\t", DEFAULT },
    { "public", DEFAULT },
    { "max-age=60", DEFAULT },
    { "public, max-age=60, s-maxage=60", DEFAULT },
    { "no-cache", DEFAULT },
    { "no-cache, max-age=0, must-revalidate, proxy-revalidate", DEFAULT },
    { "immutable, stale-while-revalidate=60", DEFAULT },
    { "no-transform", DEFAULT },
    { "privates", DEFAULT },
    { "x-private, not-no-store", DEFAULT },
    { "max-age=private", DEFAULT },
    { "x=\"private\"", DEFAULT },
    { "x=\"a, private, b\"", DEFAULT },
    { "x=\"a\\\", private, \\\"b\"", DEFAULT },
    /* About some fields alone. */
    { "private=\"set-cookie\"", DEFAULT },
    { "private=set-cookie, max-age=60", DEFAULT },
    { "private=\"\"", DEFAULT },
    { "no-store=x", DEFAULT },
    /* Void for a cache that understands. */
    { "no-store, must-understand, max-age=60", DEFAULT },
    { "must-understand, no-store, public", DEFAULT },
    { "must-understand, no-store, private", "must-understand, no-store, private" },
    /* Malformed: who knows how a cache reads it. */
    { "private;max-age=60", DEFAULT },
    { "private max-age=60", DEFAULT },
    { "private, max-age = 60", DEFAULT },
    { "private, x=\"open", DEFAULT },
    { "private, x=\"open\\", DEFAULT },
    { "private, x=\"a\"b", DEFAULT },
    { "private, =60", DEFAULT },
    { "private, max-age=", DEFAULT },
    { "private, \"no-store\"", DEFAULT },
    { "private, (max-age=60)", DEFAULT },
    { "private, \xc3\xa9", DEFAULT },
    { "private,\nmax-age=60", DEFAULT },
    /* It knows. */
    { "private", "private" },
    { "PRIVATE", "PRIVATE" },
    { "no-store", "no-store" },
    { "private, max-age=3600", "private, max-age=3600" },
    { "max-age=3600 ,  Private", "max-age=3600 ,  Private" },
    { "no-store, no-cache, must-revalidate", "no-store, no-cache, must-revalidate" },
    { ",private,,", ",private,," },
    { "private, private=\"set-cookie\"", "private, private=\"set-cookie\"" },
    { "private, community=\"UCI, public\"", "private, community=\"UCI, public\"" },
    /* And contradicts itself. */
    { "private, public", "private" },
    { "public, private", "private" },
    { "public,s-maxage=5,private,max-age=60,S-MaxAge=\"7\",Public", "private, max-age=60" },
    { "no-store,public", "no-store" },
    { "s-maxage=0,x=\"a, b\\\"\" , private", "x=\"a, b\\\"\", private" },
    { "private, public, x=\"open", DEFAULT },
};

START_TEST(what_goes_out)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_str_eq(saas_cachecontrol_private(unit_pool, cases[i].said, DEFAULT), cases[i].out);
        ck_assert_str_eq(saas_cachecontrol_private(unit_pool, cases[i].said, "no-store"),
                         strcmp(cases[i].out, DEFAULT) ? cases[i].out : "no-store");
    }
}
END_TEST

/* Whatever is said, what goes out is private, and says so again. */
START_TEST(anything)
{
    static const char *const parts[] = { "private", "public", "no-store", "s-maxage", "max-age", "must-understand", "=", "\"", "\\", ",",
                                         ", ", " ", "60", "x", ";", "\t", "\x80", "private=\"a\"", "PUBLIC", "no-cache" };
    uint64_t state = 10;
    for (int round = 0; round < 100000; round++) {
        char said[256] = "";
        for (uint64_t n = unit_random(&state) % 12; n; n--) {
            strcat(said, parts[unit_random(&state) % (sizeof(parts) / sizeof(*parts))]);
        }
        const char *out = saas_cachecontrol_private(unit_pool, said, DEFAULT);
        UNIT_CHECK(saas_cachecontrol_is_private(out));
        UNIT_CHECK(saas_cachecontrol_check(out) == NULL || strchr(out, '\t') || strchr(out, '\x80'));
        UNIT_CHECK(!strcmp(saas_cachecontrol_private(unit_pool, out, "x"), out));
        if (round % 100 == 0) {
            apr_pool_clear(unit_pool);
        }
    }
}
END_TEST

START_TEST(two_of_them)
{
    ck_assert_str_eq(saas_cachecontrol_stricter("private, max-age=60", "private, max-age=60"), "private, max-age=60");
    ck_assert_str_eq(saas_cachecontrol_stricter("private, max-age=60", "private, max-age=5"), DEFAULT);
    ck_assert_str_eq(saas_cachecontrol_stricter(DEFAULT, "private, max-age=5"), DEFAULT);
    ck_assert_str_eq(saas_cachecontrol_stricter("no-store", "private, max-age=5"), SAAS_CACHECONTROL_STRICT);
    ck_assert_str_eq(saas_cachecontrol_stricter(DEFAULT, SAAS_CACHECONTROL_STRICT), SAAS_CACHECONTROL_STRICT);
}
END_TEST

START_TEST(directives)
{
    static const char *const right[] = { DEFAULT, "no-store", "private", "private, max-age=300", "max-age=5, private" };
    static const char *const wrong[] = { "", "public", "max-age=60", "private, s-maxage=5", "public, no-store", "no-cache", "private; x",
                                         "private, x=\"", "private, \xc3\xa9", "private,\nx", "private=\"a\"", "On" };
    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        ck_assert_ptr_null(saas_cachecontrol_check(right[i]));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ck_assert_ptr_nonnull(saas_cachecontrol_check(wrong[i]));
    }
}
END_TEST

START_TEST(other_fields)
{
    static const struct {
        const char *name, *value;
        int leave;
    } fields[] = {
        { "X-Accel-Expires", "60", 1 }, { "x-accel-expires", "@4102444800", 1 }, { "X-Accel-Expires", "0", 0 }, { "X-Accel-Expires", "off", 1 },
        { "Surrogate-Control", "max-age=60", 1 }, { "Surrogate-Control", "no-store", 0 }, { "surrogate-control", "private", 1 },
        { "Surrogate-Control", "max-age=60, content=\"ESI/1.0\"", 1 }, { "CDN-Cache-Control", "max-age=60", 1 },
        { "CDN-Cache-Control", "no-store", 0 }, { "Cloudflare-CDN-Cache-Control", "public", 1 }, { "Any-Cache-Control", "", 1 },
        { "CDN-Cache-Control", "no-store, must-understand, max-age=60", 1 }, { "CDN-Cache-Control", "no-store, x=\"", 1 },
        { "Edge-Control", "cache-maxage=1h", 1 }, { "Edge-Control", "no-store", 0 }, { "Cache-Control", "public", 0 },
        { "-Cache-Control", "public", 0 }, { "ETag", "\"x\"", 0 }, { "Surrogate-Key", "a b", 0 }, { "Expires", "0", 0 },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        ck_assert_msg(saas_cachecontrol_is_leave(fields[i].name, fields[i].value) == fields[i].leave, "%s: %s", fields[i].name,
                      fields[i].value);
    }
}
END_TEST

Suite *suite_cachecontrol(void)
{
    TCase *tc;
    Suite *s = unit_suite("cachecontrol", 20, &tc);
    tcase_add_test(tc, what_goes_out);
    tcase_add_test(tc, anything);
    tcase_add_test(tc, two_of_them);
    tcase_add_test(tc, directives);
    tcase_add_test(tc, other_fields);
    return s;
}
