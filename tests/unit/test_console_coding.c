/* Which form of a file a client is sent, by its Accept-Encoding (RFC 9110, 12.5.3). */

#include "unit.h"

#include "plugins/console/coding.h"

static const int all[CONSOLE_CODINGS] = { 1, 1, 1 };
static const int gzip[CONSOLE_CODINGS] = { 0, 1, 1 };
static const int plain[CONSOLE_CODINGS] = { 0, 0, 1 };

START_TEST(chosen)
{
    static const struct {
        const char *accept;
        console_coding_e coding;
    } cases[] = {
        { NULL, CONSOLE_IDENTITY },
        { "", CONSOLE_IDENTITY },
        { "gzip, deflate, br, zstd", CONSOLE_BROTLI },
        { "gzip", CONSOLE_GZIP },
        { "x-gzip", CONSOLE_GZIP },
        { "GZip,BR", CONSOLE_BROTLI },
        { "br;q=0.5, gzip", CONSOLE_GZIP },
        { "br;q=0.5, gzip;q=0.9", CONSOLE_GZIP },
        { "br;q=0.9, gzip;q=0.9", CONSOLE_BROTLI },
        { "br;q=0, gzip;q=0", CONSOLE_IDENTITY },
        { "br;q=0.000, gzip;q=0.001", CONSOLE_GZIP },
        { "*", CONSOLE_BROTLI },
        { "*;q=0.5, br;q=0", CONSOLE_GZIP },
        { "identity, br;q=0.5", CONSOLE_IDENTITY },
        { "identity;q=0, *;q=0", CONSOLE_IDENTITY },
        { "identity;q=0, gzip;q=0.1", CONSOLE_GZIP },
        { " \tbr \t; \tq = 0.3 ,gzip ; Q=0.2", CONSOLE_BROTLI },
        { "brotli, gzipped, brr", CONSOLE_IDENTITY },
        /* What is no quality value is not wanted. */
        { "br;q=2, gzip;q=1.5", CONSOLE_IDENTITY },
        { "br;q, gzip", CONSOLE_GZIP },
        { "br;level=9, gzip", CONSOLE_GZIP },
        { "br;q=0.5x, gzip;q=0.1", CONSOLE_GZIP },
        { ",,;,br;;,", CONSOLE_IDENTITY },
        { "br;q=0.99999, gzip;q=1.000", CONSOLE_GZIP },
        { "br;q=1.1", CONSOLE_IDENTITY },
    };
    size_t i;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(console_coding_choose(cases[i].accept, all) == cases[i].coding, "\"%s\"", cases[i].accept);
    }
}
END_TEST

START_TEST(of_what_there_is)
{
    ck_assert_int_eq(console_coding_choose("br, gzip;q=0.1", gzip), CONSOLE_GZIP);
    ck_assert_int_eq(console_coding_choose("br", gzip), CONSOLE_IDENTITY);
    ck_assert_int_eq(console_coding_choose("br, gzip", plain), CONSOLE_IDENTITY);
    ck_assert_int_eq(console_coding_choose("*", plain), CONSOLE_IDENTITY);
}
END_TEST

Suite *suite_console_coding(void)
{
    Suite *s = suite_create("console_coding");
    TCase *tc = tcase_create("choice");
    tcase_add_test(tc, chosen);
    tcase_add_test(tc, of_what_there_is);
    suite_add_tcase(s, tc);
    return s;
}
