/* CSV cells: the rules one by one, then random cells through a reader written after RFC 4180. */

#include "unit.h"

#include "core/csv.h"

#define GUARD 0x5a

/* Puts a cell into memory of exactly the promised room, so that ASan sees a byte too many. */
static char *put(const char *src, size_t len, size_t *written)
{
    char *dst = malloc(SAAS_CSV_ROOM(len));
    char *copy = malloc(len ? len : 1);
    memset(dst, GUARD, SAAS_CSV_ROOM(len));
    memcpy(copy, src, len);
    *written = saas_csv_put(dst, copy, len);
    ck_assert_uint_le(*written, SAAS_CSV_ROOM(len));
    free(copy);
    char *result = apr_pstrmemdup(unit_pool, dst, *written);
    free(dst);
    return result;
}

START_TEST(rules)
{
    static const struct {
        const char *in, *out;
    } cells[] = {
        { "", "" },
        { "plain", "plain" },
        { "exactly8", "exactly8" },
        { "two words and ' and ; and |", "two words and ' and ; and |" },
        { "a,b", "\"a,b\"" },
        { ",", "\",\"" },
        { "\"", "\"\"\"\"" },
        { "\"\"", "\"\"\"\"\"\"" },
        { "say \"hi\"", "\"say \"\"hi\"\"\"" },
        { "line\nbreak", "\"line\nbreak\"" },
        { "carriage\rreturn", "\"carriage\rreturn\"" },
        { "0123456789abcdef,", "\"0123456789abcdef,\"" },
        { "0123456789abcde\"", "\"0123456789abcde\"\"\"" },
        { "=1+1", "'=1+1" },
        { "+1", "'+1" },
        { "-1", "'-1" },
        { "@SUM(A1)", "'@SUM(A1)" },
        { "\tx", "'\tx" },
        { "\rx", "\"'\rx\"" },
        { "\nx", "\"\nx\"" },
        { "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0" },
        { "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
        { "=", "'=" },
        { "a=b", "a=b" },
        { "'quoted", "'quoted" },
        { "caf\xc3\xa9, cr\xc3\xa8me", "\"caf\xc3\xa9, cr\xc3\xa8me\"" },
        { "https://example.com:443/path", "https://example.com:443/path" },
    };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        size_t n;
        const char *got = put(cells[i].in, strlen(cells[i].in), &n);
        ck_assert_str_eq(got, cells[i].out);
        ck_assert_uint_eq(n, strlen(cells[i].out));
    }
    char nothing = 'x';
    ck_assert_uint_eq(saas_csv_put(&nothing, NULL, 0), 0);
    ck_assert_int_eq(nothing, 'x');
}
END_TEST

START_TEST(special_anywhere)
{
    /* A special byte at every place of every length is found; its neighbours in the alphabet are not. */
    static const char specials[] = ",\"\r\n";
    static const char plains[] = "+-!#\x0b\x0c\x09\x0e\x2b\x2d\xac\xa2\x8a\x8d\x7f\xff";
    for (size_t len = 2; len < 40; len++) {
        for (size_t at = 1; at < len; at++) {
            char cell[40];
            size_t n;
            memset(cell, 'x', len);
            for (const char *c = specials; *c; c++) {
                cell[at] = *c;
                put(cell, len, &n);
                ck_assert_uint_eq(n, len + 2 + (*c == '"'));
            }
            for (const char *c = plains; *c; c++) {
                cell[at] = *c;
                const char *got = put(cell, len, &n);
                ck_assert_uint_eq(n, len);
                ck_assert_mem_eq(got, cell, len);
            }
        }
    }
}
END_TEST

START_TEST(worst_case)
{
    /* A formula cannot begin with a quote, so all quotes need two bytes less than promised by one. */
    char cell[1000];
    size_t n;
    memset(cell, '"', sizeof(cell));
    put(cell, sizeof(cell), &n);
    ck_assert_uint_eq(n, 2 * sizeof(cell) + 2);
    cell[0] = '=';
    put(cell, sizeof(cell), &n);
    ck_assert_uint_eq(n, 2 * sizeof(cell) + 2);
}
END_TEST

/* Reads one cell after RFC 4180 and takes the apostrophe off. */
static size_t read_cell(const char *in, size_t len, char *out)
{
    size_t n = 0;
    if (len > 0 && in[0] == '"') {
        ck_assert_int_eq(in[len - 1], '"');
        for (size_t i = 1; i < len - 1; i++) {
            if (in[i] == '"') {
                ck_assert_msg(i + 1 < len - 1 && in[i + 1] == '"', "a quote inside is not doubled");
                i++;
            }
            out[n++] = in[i];
        }
        return n;
    }
    for (size_t i = 0; i < len; i++) {
        UNIT_CHECK(strchr(",\"\r\n", in[i]) == NULL || in[i] == '\0');
        out[n++] = in[i];
    }
    return n;
}

START_TEST(random_cells)
{
    static const char letters[] = "abcdefgh=+-@\t\r\n,\"' \0xyz";
    uint64_t state = 11;
    for (int i = 0; i < 50000; i++) {
        char cell[64], back[200];
        size_t len = unit_random(&state) % sizeof(cell), n;
        for (size_t j = 0; j < len; j++) {
            cell[j] = letters[unit_random(&state) % (sizeof(letters) - 1)];
        }
        const char *got = put(cell, len, &n);
        size_t m = read_cell(got, n, back);
        int guarded = len > 0 && cell[0] != '\0' && strchr("=+-@\t\r", cell[0]) != NULL;
        ck_assert_uint_eq(m, len + (size_t)guarded);
        ck_assert(!guarded || back[0] == '\'');
        ck_assert_mem_eq(back + guarded, cell, len);
        apr_pool_clear(unit_pool);
    }
}
END_TEST

Suite *suite_csv(void)
{
    TCase *tc;
    Suite *suite = unit_suite("csv", 60, &tc);
    tcase_add_test(tc, rules);
    tcase_add_test(tc, special_anywhere);
    tcase_add_test(tc, worst_case);
    tcase_add_test(tc, random_cells);
    return suite;
}
