/* Binary rows of PostgreSQL as CSV: rows as the server sends them, each type, and every way a message can be cut. */

#include "unit.h"

#include "core/pgcopy.h"

/* A message in memory of exactly its size, and a record in exactly the promised room, so that ASan sees a byte too many. */
static apr_uint64_t blanks;

static apr_status_t record(const char *data, size_t len, const saas_pgcopy_type_e *types, int columns, const char **text)
{
    char *message = malloc(len ? len : 1), *dst = malloc(SAAS_PGCOPY_ROOM(len));
    size_t written = 0;
    memcpy(message, data, len);
    apr_status_t rv = saas_pgcopy_record(dst, &written, message, len, types, columns, &blanks);
    if (rv == APR_SUCCESS) {
        ck_assert_uint_le(written, SAAS_PGCOPY_ROOM(len));
        *text = apr_pstrmemdup(unit_pool, dst, written);
    }
    free(message);
    free(dst);
    return rv;
}

/* String literals with NULs in them. */
#define ROW(literal) (literal), sizeof(literal) - 1

static void expect(const char *data, size_t len, saas_pgcopy_type_e type, const char *cell)
{
    const char *text;
    ck_assert_int_eq(record(data, len, &type, 1, &text), APR_SUCCESS);
    ck_assert_str_eq(text, apr_pstrcat(unit_pool, cell, "\r\n", NULL));
}

START_TEST(cells)
{
    expect(ROW("\0\1\0\0\0\2hi"), SAAS_PGCOPY_TEXT, "hi");
    expect(ROW("\0\1\0\0\0\0"), SAAS_PGCOPY_TEXT, "");
    expect(ROW("\0\1\377\377\377\377"), SAAS_PGCOPY_TEXT, "");
    expect(ROW("\0\1\377\377\377\377"), SAAS_PGCOPY_TIME, "");
    expect(ROW("\0\1\0\0\0\4=1+1"), SAAS_PGCOPY_TEXT, "'=1+1");
    expect(ROW("\0\1\0\0\0\3a,\""), SAAS_PGCOPY_TEXT, "\"a,\"\"\"");
    expect(ROW("\0\1\0\0\0\1\""), SAAS_PGCOPY_TEXT, "\"\"\"\"");
    expect(ROW("\0\1\0\0\0\2\0\7"), SAAS_PGCOPY_INTEGER, "7");
    expect(ROW("\0\1\0\0\0\2\377\377"), SAAS_PGCOPY_INTEGER, "'-1");
    expect(ROW("\0\1\0\0\0\2\200\0"), SAAS_PGCOPY_INTEGER, "'-32768");
    expect(ROW("\0\1\0\0\0\4\177\377\377\377"), SAAS_PGCOPY_INTEGER, "2147483647");
    expect(ROW("\0\1\0\0\0\10\177\377\377\377\377\377\377\377"), SAAS_PGCOPY_INTEGER, "9223372036854775807");
    expect(ROW("\0\1\0\0\0\10\200\0\0\0\0\0\0\0"), SAAS_PGCOPY_INTEGER, "'-9223372036854775808");
    expect(ROW("\0\1\0\0\0\10\0\0\0\0\0\0\0\0"), SAAS_PGCOPY_TIME, "2000-01-01T00:00:00.000000Z");
    expect(ROW("\0\1\0\0\0\10\377\377\377\377\377\377\377\377"), SAAS_PGCOPY_TIME, "1999-12-31T23:59:59.999999Z");
    expect(ROW("\0\1\0\0\0\20\1\242\2\233\225\160\165\52\225\356\306\237\376\1\2\3"), SAAS_PGCOPY_UUID,
           "01a2029b-9570-752a-95ee-c69ffe010203");
}
END_TEST

START_TEST(a_row)
{
    static const saas_pgcopy_type_e types[] = { SAAS_PGCOPY_TEXT, SAAS_PGCOPY_INTEGER, SAAS_PGCOPY_TEXT };
    static const char row[] = "\0\3\0\0\0\3a b\0\0\0\4\0\0\1\0\377\377\377\377";
    const char *text;
    ck_assert_int_eq(record(row, sizeof(row) - 1, types, 3, &text), APR_SUCCESS);
    ck_assert_str_eq(text, "a b,256,\r\n");
    for (size_t len = 0; len < sizeof(row) - 1; len++) {
        ck_assert_int_eq(record(row, len, types, 3, &text), APR_EINVAL);
    }
    ck_assert_int_eq(record(row, sizeof(row), types, 3, &text), APR_EINVAL);
    ck_assert_int_eq(record(row, sizeof(row) - 1, types, 2, &text), APR_EINVAL);
}
END_TEST

/* The same rows, cell by cell, from memory of exactly their size. */
static apr_status_t cells_of(const char *data, size_t len, const saas_pgcopy_type_e *types, int columns, const char **texts,
                             apr_uint64_t *odd)
{
    char *message = memcpy(malloc(len ? len : 1), data, len), *scratch = malloc(SAAS_PGCOPY_SCRATCH * (size_t)columns);
    const char *found[4];
    size_t lengths[4];
    apr_status_t rv = saas_pgcopy_cells(found, lengths, scratch, message, len, types, columns, odd);
    for (int i = 0; rv == APR_SUCCESS && i < columns; i++) {
        texts[i] = found[i] ? apr_pstrmemdup(unit_pool, found[i], lengths[i]) : NULL;
    }
    free(scratch);
    free(message);
    return rv;
}

START_TEST(a_row_as_cells)
{
    static const saas_pgcopy_type_e types[] = { SAAS_PGCOPY_TEXT, SAAS_PGCOPY_INTEGER, SAAS_PGCOPY_TEXT };
    static const saas_pgcopy_type_e others[] = { SAAS_PGCOPY_TIME, SAAS_PGCOPY_UUID, SAAS_PGCOPY_TIME };
    static const char row[] = "\0\3\0\0\0\3=,\"\0\0\0\10\200\0\0\0\0\0\0\0\377\377\377\377";
    static const char rest[] = "\0\3\0\0\0\10\0\0\0\0\0\0\0\0\0\0\0\20\1\242\2\233\225\160\165\52\225\356\306\237\376\1\2\3"
                               "\0\0\0\10\177\377\377\377\377\377\377\377";
    const char *texts[3];
    apr_uint64_t odd = 0;
    ck_assert_int_eq(cells_of(row, sizeof(row) - 1, types, 3, texts, &odd), APR_SUCCESS);
    ck_assert_str_eq(texts[0], "=,\"");
    ck_assert_str_eq(texts[1], "-9223372036854775808");
    ck_assert_ptr_null(texts[2]);
    ck_assert_uint_eq(odd, 0);
    for (size_t len = 0; len < sizeof(row) - 1; len++) {
        ck_assert_int_eq(cells_of(row, len, types, 3, texts, &odd), APR_EINVAL);
    }
    ck_assert_int_eq(cells_of(row, sizeof(row), types, 3, texts, &odd), APR_EINVAL);
    ck_assert_int_eq(cells_of(row, sizeof(row) - 1, types, 2, texts, &odd), APR_EINVAL);
    ck_assert_int_eq(cells_of(ROW("\377\377"), types, 3, texts, &odd), APR_EOF);
    odd = 0;
    ck_assert_int_eq(cells_of(rest, sizeof(rest) - 1, others, 3, texts, &odd), APR_SUCCESS);
    ck_assert_str_eq(texts[0], "2000-01-01T00:00:00.000000Z");
    ck_assert_str_eq(texts[1], "01a2029b-9570-752a-95ee-c69ffe010203");
    ck_assert_ptr_null(texts[2]); /* infinity */
    ck_assert_uint_eq(odd, 1);
}
END_TEST

START_TEST(what_is_no_row)
{
    static const saas_pgcopy_type_e time = SAAS_PGCOPY_TIME, text_type = SAAS_PGCOPY_TEXT, integer = SAAS_PGCOPY_INTEGER;
    const char *text;
    ck_assert_int_eq(record(ROW("\377\377"), &text_type, 1, &text), APR_EOF);
    ck_assert_int_eq(record(ROW("\377\377x"), &text_type, 1, &text), APR_EINVAL);
    ck_assert_int_eq(record(ROW("\0\1\377\377\377\376"), &text_type, 1, &text), APR_EINVAL);
    ck_assert_int_eq(record(ROW("\0\1\177\377\377\377x"), &text_type, 1, &text), APR_EINVAL);
    ck_assert_int_eq(record(ROW("\0\1\0\0\0\3abc"), &integer, 1, &text), APR_EINVAL);
    ck_assert_int_eq(record(ROW("\0\1\0\0\0\4abcd"), &time, 1, &text), APR_EINVAL);
}
END_TEST

START_TEST(times_without_a_form)
{
    static const struct {
        const char *row, *cell;
    } rows[] = {
        { "\0\1\0\0\0\10\177\377\377\377\377\377\377\377", "" }, /* infinity */
        { "\0\1\0\0\0\10\200\0\0\0\0\0\0\0", "" },                 /* -infinity */
        { "\0\1\0\0\0\10\177\0\0\0\0\0\0\0", "" },                 /* the year 294276 */
        { "\0\1\0\0\0\10\3\200\347\13\221\73\200\0", "" },       /* 10000-01-01 */
        { "\0\1\0\0\0\10\3\200\347\13\221\73\177\377", "9999-12-31T23:59:59.999999Z" },
        { "\0\1\0\0\0\10\377\37\342\377\305\234\140\0", "0001-01-01T00:00:00.000000Z" },
        { "\0\1\0\0\0\10\377\37\342\377\305\234\137\377", "" },          /* a microsecond before */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        blanks = 0;
        expect(rows[i].row, 14, SAAS_PGCOPY_TIME, rows[i].cell);
        ck_assert_uint_eq(blanks, !*rows[i].cell);
    }
    blanks = 0;
    expect(ROW("\0\1\377\377\377\377"), SAAS_PGCOPY_TIME, ""); /* NULL is none of them */
    expect(ROW("\0\1\0\0\0\0"), SAAS_PGCOPY_TEXT, "");
    ck_assert_uint_eq(blanks, 0);
}
END_TEST

START_TEST(headers)
{
    static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\2xxrest";
    ck_assert_uint_eq(saas_pgcopy_header(header, sizeof(header) - 1), 21);
    for (size_t len = 0; len < 21; len++) {
        ck_assert_uint_eq(saas_pgcopy_header(header, len), 0);
    }
    ck_assert_uint_eq(saas_pgcopy_header(ROW("PGCOPY\n\377\r\n\0\0\0\0\0\377\377\377\377")), 0);
    ck_assert_uint_eq(saas_pgcopy_header(ROW("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0")), 0);
    ck_assert_uint_eq(saas_pgcopy_header(ROW("pgcopy\n\377\r\n\0\0\0\0\0\0\0\0\0")), 0);
}
END_TEST

START_TEST(types)
{
    saas_pgcopy_type_e type;
    ck_assert_int_eq(saas_pgcopy_type(25, &type), APR_SUCCESS);
    ck_assert_int_eq(type, SAAS_PGCOPY_TEXT);
    ck_assert_int_eq(saas_pgcopy_type(1184, &type), APR_SUCCESS);
    ck_assert_int_eq(type, SAAS_PGCOPY_TIME);
    ck_assert_int_eq(saas_pgcopy_type(1700, &type), APR_ENOTIMPL);
}
END_TEST

Suite *suite_pgcopy(void)
{
    TCase *tc;
    Suite *suite = unit_suite("pgcopy", 20, &tc);
    tcase_add_test(tc, cells);
    tcase_add_test(tc, a_row);
    tcase_add_test(tc, a_row_as_cells);
    tcase_add_test(tc, what_is_no_row);
    tcase_add_test(tc, times_without_a_form);
    tcase_add_test(tc, headers);
    tcase_add_test(tc, types);
    return suite;
}
