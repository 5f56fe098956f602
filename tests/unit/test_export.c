/* The formats of an export, without a server: each of them with what strangers write, read back by jansson and zlib; and the
 * report's account of the score against what computes it. */

#include "unit.h"

#include <jansson.h>
#include <zlib.h>

#include "core/jsontext.h"
#include "plugins/audits/score.h"
#include "plugins/export/writer.h"

#define HOSTILE "</td><script>alert(1)</script>\" onload='x' &amp; \x01 \xff {0} \xe2\x82\xac\r\n"

static export_audit_t audit = {
    .id = "01a2b3c4-0000-7000-8000-000000000001", .name = "<b>Web</b>", .engine = "web", .status = "completed",
    .organization = "\"Org\" & Söhne", .started = "2026-11-22T07:14:02.000000Z", .finished = "2026-11-22T07:15:02.000000Z",
    .score = "73", .made = "2026-11-23T00:00:00.000000Z", .style_source = "'sha256-abc='",
};
static const char *const rows[][CELLS] = {
    { "1", "https://example.com/a?b=1", "hsts_enabled", "FAIL", "high", "2026-11-22T07:14:02.736631Z", "It says \"max-age=0\"" },
    { "2", "https://example.com/a?b=1", "csp_present", "PASS", "medium", "2024-02-29T23:59:59.999999Z", "" },
    { "3", HOSTILE, HOSTILE, "MANUAL", "critical", "1969-12-31T23:59:59.500000Z", HOSTILE },
    { "4", "arn:aws:s3:::bucket with blank", "csp_present", "FAIL", "informational", NULL, "=1+1" },
    { "5", "http://x/", "csp_present", "ERROR", "low", "2026-11-22T07:14:02.736631Z", "Timeout" },
};
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static const export_format_t *format(const char *name)
{
    const export_format_t *f = export_formats;
    while (strcmp(f->name, name)) {
        f++;
    }
    return f;
}

/* The first count rows as a format writes them; each cell from memory of exactly its size. */
static const char *written(const char *name, int count)
{
    const export_format_t *f = format(name);
    export_writer_t writer;
    export_writer_init(&writer, unit_pool, &audit, saas_jsontext_quote);
    if (f->begin) {
        f->begin(&writer);
    }
    for (int i = 0; i < count; i++) {
        char *cells[CELLS];
        apr_size_t lengths[CELLS];
        for (int c = 0; c < CELLS; c++) {
            lengths[c] = rows[i][c] ? strlen(rows[i][c]) : 0;
            cells[c] = rows[i][c] ? memcpy(malloc(lengths[c] + 1), rows[i][c], lengths[c]) : NULL;
            if (cells[c]) {
                cells[c] = realloc(cells[c], lengths[c] ? lengths[c] : 1);
            }
        }
        f->row(&writer, (const char *const *)cells, lengths);
        writer.rows++;
        for (int c = 0; c < CELLS; c++) {
            free(cells[c]);
        }
    }
    if (f->end) {
        f->end(&writer);
    }
    return apr_pstrmemdup(unit_pool, writer.out.data, writer.out.len);
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);
    ck_assert_msg(json != NULL, "%s at %d: %s", error.text, error.position, text);
    return json;
}

/* A member by its path: "a.0.b". */
static json_t *at(json_t *json, const char *path)
{
    char *state, *copy = apr_pstrdup(unit_pool, path);
    for (char *key = apr_strtok(copy, ".", &state); json && key; key = apr_strtok(NULL, ".", &state)) {
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(key)) : json_object_get(json, key);
    }
    ck_assert_msg(json != NULL, "no %s", path);
    return json;
}

#define text_at(json, path) json_string_value(at(json, path))

/* The hostile text as JSON has it. */
static const char *mended(void)
{
    static char text[sizeof(HOSTILE) + 8];
    const char *bad = strchr(HOSTILE, '\xff');
    snprintf(text, sizeof(text), "%.*s\xef\xbf\xbd%s", (int)(bad - HOSTILE), HOSTILE, bad + 1);
    return text;
}

START_TEST(jsonl)
{
    char *state, *text = apr_pstrdup(unit_pool, written("jsonl", ROWS));
    int n = 0;
    for (char *line = apr_strtok(text, "\n", &state); line; line = apr_strtok(NULL, "\n", &state), n++) {
        json_t *json = parsed(line);
        ck_assert_int_eq(json_integer_value(at(json, "id")), n + 1);
        ck_assert_str_eq(text_at(json, "resource_id"), n == 2 ? mended() : rows[n][CELL_RESOURCE]);
        ck_assert_str_eq(text_at(json, "comment"), n == 2 ? mended() : rows[n][CELL_COMMENT]);
        ck_assert_str_eq(text_at(json, "status"), rows[n][CELL_STATUS]);
        ck_assert_str_eq(text_at(json, "severity"), rows[n][CELL_SEVERITY]);
        if (rows[n][CELL_TIME]) {
            ck_assert_str_eq(text_at(json, "timestamp"), rows[n][CELL_TIME]);
        }
        else {
            ck_assert(json_is_null(at(json, "timestamp")));
        }
        ck_assert_uint_eq(json_object_size(json), 7);
        json_decref(json);
    }
    ck_assert_int_eq(n, ROWS);
    ck_assert_str_eq(written("jsonl", 0), "");
}
END_TEST

START_TEST(sarif)
{
    json_t *log = parsed(written("sarif", ROWS)), *run = at(log, "runs.0"), *results = at(run, "results");
    static const char *const kinds[] = { "fail", "pass", "review", "fail", "open" };
    static const char *const levels[] = { "error", "none", "none", "note", "none" };
    static const char *const numbers[] = { "8.0", "5.5", "9.5", "0.0", "2.0" };
    ck_assert_uint_eq(json_array_size(results), ROWS);
    for (int i = 0; i < ROWS; i++) {
        json_t *result = json_array_get(results, (size_t)i);
        ck_assert_str_eq(text_at(result, "kind"), kinds[i]);
        ck_assert_str_eq(text_at(result, "level"), levels[i]);
        ck_assert_str_eq(text_at(result, "properties.security-severity"), numbers[i]);
        ck_assert_str_eq(text_at(result, "properties.status"), rows[i][CELL_STATUS]);
        ck_assert_int_eq(json_object_get(result, "provenance") != NULL, rows[i][CELL_TIME] != NULL);
    }
    ck_assert_str_eq(text_at(results, "0.locations.0.physicalLocation.artifactLocation.uri"), rows[0][CELL_RESOURCE]);
    ck_assert_str_eq(text_at(results, "3.locations.0.logicalLocations.0.fullyQualifiedName"), rows[3][CELL_RESOURCE]);
    ck_assert_str_eq(text_at(results, "2.locations.0.logicalLocations.0.fullyQualifiedName"), mended());
    /* A message is never empty. */
    ck_assert_str_eq(text_at(results, "1.message.text"), "csp_present");
    ck_assert_uint_eq(json_array_size(at(run, "tool.driver.rules")), 3);
    ck_assert_str_eq(text_at(run, "tool.driver.rules.1.id"), "csp_present");
    ck_assert_str_eq(text_at(run, "tool.driver.rules.1.properties.security-severity"), "5.5");
    ck_assert(json_is_true(at(run, "invocations.0.executionSuccessful")));
    json_decref(log);
    log = parsed(written("sarif", 0));
    ck_assert_uint_eq(json_array_size(at(log, "runs.0.results")), 0);
    json_decref(log);
}
END_TEST

/* However many checks there are, memory does not grow with them. */
START_TEST(sarif_keeps_only_so_many_rules)
{
    export_writer_t writer;
    char check[24];
    const char *cells[CELLS] = { "1", "http://x/", check, "FAIL", "low", "2026-11-22T07:14:02.736631Z", "" };
    apr_size_t lengths[CELLS];
    json_t *log;
    export_writer_init(&writer, unit_pool, &audit, saas_jsontext_quote);
    export_sarif_begin(&writer);
    for (int i = 0; i < 1500; i++) {
        snprintf(check, sizeof(check), "check_%d", i);
        for (int c = 0; c < CELLS; c++) {
            lengths[c] = strlen(cells[c]);
        }
        export_sarif_row(&writer, cells, lengths);
        writer.rows++;
    }
    export_sarif_end(&writer);
    log = parsed(apr_pstrmemdup(unit_pool, writer.out.data, writer.out.len));
    ck_assert_uint_eq(json_array_size(at(log, "runs.0.results")), 1500);
    ck_assert_uint_eq(json_array_size(at(log, "runs.0.tool.driver.rules")), 1000);
    json_decref(log);
}
END_TEST

START_TEST(ocsf)
{
    json_t *events = parsed(written("ocsf", ROWS));
    static const json_int_t times[] = { 1795331642736, 1709251199999, -500, 0, 1795331642736 };
    static const int severities[] = { 4, 3, 5, 1, 2 }, compliance[] = { 3, 1, 2, 3, 2 };
    ck_assert_uint_eq(json_array_size(events), ROWS);
    for (int i = 0; i < ROWS; i++) {
        json_t *event = json_array_get(events, (size_t)i);
        ck_assert_int_eq(json_integer_value(at(event, "time")), times[i]);
        ck_assert_int_eq(json_integer_value(at(event, "severity_id")), severities[i]);
        ck_assert_int_eq(json_integer_value(at(event, "compliance.status_id")), compliance[i]);
        ck_assert_str_eq(text_at(event, "status_code"), rows[i][CELL_STATUS]);
        ck_assert_str_eq(text_at(event, "status_detail"), i == 2 ? mended() : rows[i][CELL_COMMENT]);
        ck_assert_str_eq(text_at(event, "resources.0.uid"), i == 2 ? mended() : rows[i][CELL_RESOURCE]);
        ck_assert_int_eq(json_object_get(event, "time_dt") != NULL, rows[i][CELL_TIME] != NULL);
    }
    ck_assert_str_eq(text_at(events, "3.finding_info.uid"), "01a2b3c4-0000-7000-8000-000000000001/4");
    json_decref(events);
    events = parsed(written("ocsf", 0));
    ck_assert_uint_eq(json_array_size(events), 0);
    json_decref(events);
}
END_TEST

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) {
        n++;
    }
    return n;
}

START_TEST(html_lets_nothing_out_of_its_cells)
{
    const char *page = written("html", ROWS);
    ck_assert_ptr_null(strstr(page, "<script"));
    ck_assert_ptr_null(strstr(page, "<em>"));
    ck_assert_ptr_null(strchr(page, '\x01'));
    ck_assert_ptr_null(strstr(page, "' onload"));
    ck_assert_int_eq(count_of(page, "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp;"), 3);
    ck_assert_ptr_nonnull(strstr(page, "<h1>&lt;b&gt;Web&lt;/b&gt;</h1>"));
    ck_assert_ptr_nonnull(strstr(page, "&quot;Org&quot; &amp; Söhne"));
    ck_assert_ptr_nonnull(strstr(page, "style-src &#39;sha256-abc=&#39;"));
    ck_assert_int_eq(count_of(page, "scope=\"rowgroup\""), 4);
    ck_assert_int_eq(count_of(page, "<tbody>"), 5);
    ck_assert_int_eq(count_of(page, "</tbody>"), 5);
    ck_assert_int_eq(count_of(page, "<tr>"), count_of(page, "</tr>"));
    ck_assert_ptr_nonnull(strstr(page, "5 findings."));
    ck_assert_ptr_nonnull(strstr(written("html", 0), "There are none."));
}
END_TEST

START_TEST(html_charts_what_failed)
{
    const char *page;
    audit.tally[FAIL][HIGH] = 200;
    audit.tally[FAIL][LOW] = 1;
    audit.tally[PASS][CRITICAL] = 7777;
    page = written("html", 0);
    ck_assert_ptr_nonnull(strstr(page, "height=\"20\" width=\"401\" fill=\"#c2410c\"/>"));
    ck_assert_ptr_nonnull(strstr(page, "height=\"20\" width=\"3\" fill=\"#2f6f9f\"/>"));
    ck_assert_int_eq(count_of(page, "width=\"0\""), 3);
    ck_assert_ptr_nonnull(strstr(page, "<td>critical</td><td class=\"n\">7777</td>"));
    memset(audit.tally, 0, sizeof(audit.tally));
}
END_TEST

/* What the report says of the score is what the plugin that computes it has kept. */
START_TEST(html_explains_the_score_that_there_is)
{
    saas_score_t *score = saas_score_make(unit_pool);
    json_t *details;
    const char *page;
    char *text;
    saas_score_weigh(score, "hsts_enabled", "hsts", "high", 20, 0);
    saas_score_add(score, "x", "hsts_enabled", "FAIL", "high");
    saas_score_add(score, "y", "hsts_enabled", "FAIL", "high");
    details = saas_score_details(score);
    text = json_dumps(details, 0);
    audit.score_details = text;
    page = written("html", 0);
    ck_assert_ptr_nonnull(strstr(page, "73 / 100 \xc2\xb7 B"));
    ck_assert_ptr_nonnull(strstr(page, "<tr><td>hsts</td><td class=\"n\">-40</td><td class=\"n\">2</td></tr>"));
    audit.score_details = "{\"grade\": \"<em>\", \"tests\": [{\"test\": \"<u>\"}]}";
    page = written("html", 0);
    ck_assert_ptr_null(strstr(page, "<em>"));
    ck_assert_ptr_null(strstr(page, "<u>"));
    audit.score_details = NULL;
    free(text);
    json_decref(details);
    page = written("html", 0);
    ck_assert_ptr_nonnull(strstr(page, "73 / 100"));
    audit.score = NULL;
    ck_assert_ptr_nonnull(strstr(written("html", 0), "there is no score"));
    audit.score = "73";
}
END_TEST

/* ---------------------------------------------------------------- gzip -- */

typedef struct {
    char data[1 << 20];
    size_t len, most;
} sunk_t;

static apr_status_t sink(void *baton, const char *data, apr_size_t len)
{
    sunk_t *sunk = baton;
    if (sunk->len + len > sunk->most) {
        return APR_ENOSPC;
    }
    memcpy(sunk->data + sunk->len, data, len);
    sunk->len += len;
    return APR_SUCCESS;
}

/* How much of it zlib can read; *whole: with the end and its sum. */
static size_t inflated(const sunk_t *sunk, char *to, size_t room, int *whole)
{
    z_stream z = { .next_in = (Bytef *)sunk->data, .avail_in = (uInt)sunk->len, .next_out = (Bytef *)to, .avail_out = (uInt)room };
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    *whole = inflate(&z, Z_FINISH) == Z_STREAM_END;
    inflateEnd(&z);
    return z.total_out;
}

START_TEST(gzip)
{
    static sunk_t sunk;
    static char text[300000], back[400000];
    uint64_t state = 4711;
    int whole;
    export_gzip_t *made;
    sunk.most = sizeof(sunk.data);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)unit_random(&state);
    }
    made = export_gzip_make(unit_pool, sink, &sunk);
    ck_assert_int_eq(export_gzip_write(made, text, 1000), APR_SUCCESS);
    ck_assert_int_eq(export_gzip_flush(made), APR_SUCCESS);
    ck_assert_uint_eq(inflated(&sunk, back, sizeof(back), &whole), 1000);
    ck_assert(!whole);
    for (size_t i = 1000; i < sizeof(text); i += 1300) {
        ck_assert_int_eq(export_gzip_write(made, text + i, 1300), APR_SUCCESS);
    }
    ck_assert_int_eq(export_gzip_end(made), APR_SUCCESS);
    ck_assert_uint_eq(inflated(&sunk, back, sizeof(back), &whole), sizeof(text));
    ck_assert(whole && !memcmp(back, text, sizeof(text)));
    /* What its sink says is told. */
    sunk.len = 0;
    sunk.most = 100;
    made = export_gzip_make(unit_pool, sink, &sunk);
    ck_assert_int_eq(export_gzip_write(made, text, sizeof(text)), APR_ENOSPC);
}
END_TEST

START_TEST(words)
{
    ck_assert_int_eq(export_word(export_statuses, "PASSED", 4), PASS);
    ck_assert_int_eq(export_word(export_statuses, "PASSED", 6), ERROR);
    ck_assert_int_eq(export_word(export_severities, "", 0), INFORMATIONAL);
}
END_TEST

Suite *suite_export(void)
{
    TCase *tc;
    Suite *suite = unit_suite("export", 20, &tc);
    tcase_add_test(tc, jsonl);
    tcase_add_test(tc, sarif);
    tcase_add_test(tc, sarif_keeps_only_so_many_rules);
    tcase_add_test(tc, ocsf);
    tcase_add_test(tc, html_lets_nothing_out_of_its_cells);
    tcase_add_test(tc, html_charts_what_failed);
    tcase_add_test(tc, html_explains_the_score_that_there_is);
    tcase_add_test(tc, gzip);
    tcase_add_test(tc, words);
    return suite;
}
