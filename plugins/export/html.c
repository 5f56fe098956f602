/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A report to be read and printed: one page of HTML without a script, an image or anything else from elsewhere, and a
 * policy that would stop one.  Findings come as they are stored, under the resource that they are of; the chart before
 * them is of counts that come before them.
 */

#include "writer.h"

#include <apr_strings.h>
#include <jansson.h>

#include <string.h>

const char export_html_style[] =
    ":root{color-scheme:light}"
    "body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:2rem auto;max-width:66rem;padding:0 "
    "1rem}"
    "h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}dt{color:#57606a}dd{margin:0}"
    "table{border-collapse:collapse;width:100%}caption{text-align:left;color:#57606a}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid "
    "#d0d7de;overflow-wrap:anywhere}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}"
    ".f{table-layout:fixed}.f thead th{width:24%}.f .r{width:9%}.f .s{width:15%}.f .w{width:38%}.f .d{width:14%}"
    "tbody th{background:#f6f8fa;font-weight:600}.c{white-space:pre-wrap}"
    ".FAIL{font-weight:600;color:#9a1c1c}.PASS{color:#1a6b34}.MANUAL,.ERROR{color:#7a4f00}"
    ".score{font-size:2.6rem;font-weight:600;margin:0}svg{max-width:100%;height:auto}footer{color:#57606a;margin:2rem "
    "0}"
    "@page{margin:15mm}"
    "@media "
    "print{body{margin:0;max-width:none;padding:0;font-size:9.5pt}h2{break-after:avoid}thead{display:table-header-"
    "group}"
    "tr,svg{break-inside:avoid}tbody th{break-after:avoid}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

#define EXPLANATION \
    "Each resource begins with 100 points. A failed check costs points, of the checks of one test only the dearest; what" \
    " is done beyond them earns some, which count from 90 points on. The score is the mean over all resources, rounded" \
    " down. Checks that nobody could decide (MANUAL, ERROR) neither cost nor earn."

static const char *const colours[SEVERITIES] = { "#7b1028", "#c2410c", "#b7860b", "#2f6f9f", "#6e7781" };

/** The resource of the rows before, for its heading. */
typedef struct group_t {
    char *resource;
    apr_size_t len, size;
} group_t;

static void fact(export_out_t *out, const char *name, const char *value)
{
    if (value) {
        EXPORT_PUT(out, "<dt>");
        export_put_text(out, name);
        EXPORT_PUT(out, "</dt><dd>");
        export_put_html_text(out, value);
        EXPORT_PUT(out, "</dd>");
    }
}

static void head(export_out_t *out, const export_audit_t *audit)
{
    EXPORT_PUT(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    export_put_html_text(out, audit->style_source);
    EXPORT_PUT(out, "; base-uri 'none'; form-action 'none'\"><meta name=\"viewport\" content=\"width=device-width\">"
                    "<meta name=\"referrer\" content=\"no-referrer\"><title>Audit ");
    export_put_html_text(out, *audit->name ? audit->name : audit->id);
    EXPORT_PUT(out, "</title><style>");
    export_put_text(out, export_html_style);
    EXPORT_PUT(out, "</style></head>\n<body><header><h1>");
    export_put_html_text(out, *audit->name ? audit->name : "Audit");
    EXPORT_PUT(out, "</h1><dl>");
    fact(out, "Organization", audit->organization);
    fact(out, "Audit", audit->id);
    fact(out, "Engine", audit->engine);
    fact(out, "Status", audit->status);
    fact(out, "Started", audit->started);
    fact(out, "Finished", audit->finished);
    fact(out, "Report of", audit->made);
    fact(out, "Only findings with", audit->filters);
    EXPORT_PUT(out, "</dl></header>\n");
}

static void bar(export_out_t *out, int severity, apr_int64_t count, apr_int64_t most)
{
    const int top = severity * 30;
    const char *word = export_severities[severity];
    EXPORT_PUT(out, "<text x=\"0\" y=\"");
    export_put_int(out, top + 19);
    EXPORT_PUT(out, "\">");
    export_put_text(out, word);
    EXPORT_PUT(out, "</text><rect x=\"110\" y=\"");
    export_put_int(out, top + 4);
    EXPORT_PUT(out, "\" height=\"20\" width=\"");
    export_put_int(out, count ? 1 + count * 400 / most : 0);
    EXPORT_PUT(out, "\" fill=\"");
    export_put_text(out, colours[severity]);
    EXPORT_PUT(out, "\"/><text y=\"");
    export_put_int(out, top + 19);
    EXPORT_PUT(out, "\" x=\"");
    export_put_int(out, 118 + (count ? 1 + count * 400 / most : 0));
    EXPORT_PUT(out, "\">");
    export_put_int(out, count);
    EXPORT_PUT(out, "</text>");
}

static void chart(export_out_t *out, const export_audit_t *audit)
{
    apr_int64_t most = 1;
    int i;
    for (i = 0; i < SEVERITIES; i++) {
        most = audit->tally[FAIL][i] > most ? audit->tally[FAIL][i] : most;
    }
    EXPORT_PUT(
        out, "<h2>Failed checks by severity</h2>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 150\" "
             "width=\"620\""
             " height=\"150\" role=\"img\" aria-label=\"Failed checks by severity; the numbers are in the table below\""
             " font-size=\"14\" font-family=\"system-ui,sans-serif\">");
    for (i = 0; i < SEVERITIES; i++) {
        bar(out, i, audit->tally[FAIL][i], most);
    }
    EXPORT_PUT(out, "</svg>\n");
}

static void counts(export_out_t *out, const export_audit_t *audit)
{
    int s, v;
    EXPORT_PUT(out,
               "<table><caption>Checks by severity and result</caption><thead><tr><th scope=\"col\">Severity</th>");
    for (s = 0; s < STATUSES; s++) {
        EXPORT_PUT(out, "<th scope=\"col\" class=\"n\">");
        export_put_text(out, export_statuses[s]);
        EXPORT_PUT(out, "</th>");
    }
    EXPORT_PUT(out, "</tr></thead><tbody>");
    for (v = 0; v < SEVERITIES; v++) {
        EXPORT_PUT(out, "<tr><td>");
        export_put_text(out, export_severities[v]);
        EXPORT_PUT(out, "</td>");
        for (s = 0; s < STATUSES; s++) {
            EXPORT_PUT(out, "<td class=\"n\">");
            export_put_int(out, audit->tally[s][v]);
            EXPORT_PUT(out, "</td>");
        }
        EXPORT_PUT(out, "</tr>");
    }
    EXPORT_PUT(out, "</tbody></table>\n");
}

/* What each test, or each severity, has come to: rows of a table. */
static void points(export_out_t *out, const json_t *list, const char *key)
{
    const json_t *row;
    size_t i;

    json_array_foreach(list, i, row) {
        const char *what = json_string_value(json_object_get(row, key));
        EXPORT_PUT(out, "<tr><td>");
        export_put_html_text(out, what ? what : "");
        EXPORT_PUT(out, "</td><td class=\"n\">");
        export_put_int(out, (apr_int64_t)json_integer_value(json_object_get(row, "points")));
        EXPORT_PUT(out, "</td><td class=\"n\">");
        export_put_int(out, (apr_int64_t)json_integer_value(json_object_get(row, "resources")));
        EXPORT_PUT(out, "</td></tr>");
    }
}

/* The score, its grade, and where its points went. */
static void score(export_out_t *out, const export_audit_t *audit)
{
    json_t *details = audit->score && audit->score_details ? json_loads(audit->score_details, 0, NULL) : NULL;
    const char *grade = json_string_value(json_object_get(details, "grade"));

    EXPORT_PUT(out, "<section><h2>Score</h2><p class=\"score\">");
    export_put_text(out, audit->score ? audit->score : "none");
    if (!audit->score) {
        EXPORT_PUT(out, "</p><p>Nothing could be tested, so there is no score.</p></section>\n");
        return;
    }
    EXPORT_PUT(out, " / 100");
    if (grade) {
        EXPORT_PUT(out, " \xc2\xb7 ");
        export_put_html_text(out, grade);
    }
    EXPORT_PUT(out, "</p><p>" EXPLANATION "</p>");
    if (json_array_size(json_object_get(details, "tests")) || json_array_size(json_object_get(details, "severities"))) {
        EXPORT_PUT(out, "<table><thead><tr><th scope=\"col\">Test</th><th scope=\"col\" class=\"n\">Points</th>"
                        "<th scope=\"col\" class=\"n\">Resources</th></tr></thead><tbody>");
        points(out, json_object_get(details, "tests"), "test");
        points(out, json_object_get(details, "severities"), "severity");
        EXPORT_PUT(out, "</tbody></table>");
    }
    EXPORT_PUT(out, "</section>\n");
    json_decref(details);
}

void export_html_begin(export_writer_t *writer)
{
    const export_audit_t *audit = writer->audit;
    export_out_t *out = &writer->out;

    writer->state = apr_pcalloc(out->pool, sizeof(group_t));
    head(out, audit);
    score(out, audit);
    chart(out, audit);
    counts(out, audit);
    EXPORT_PUT(out, "<h2>Findings</h2>\n<table class=\"f\"><thead><tr><th scope=\"col\">Check</th><th scope=\"col\" "
                    "class=\"r\">Result</th>"
                    "<th scope=\"col\" class=\"s\">Severity</th><th scope=\"col\" class=\"w\">Comment</th><th "
                    "scope=\"col\" class=\"d\">Time</th></tr></thead>\n");
}

/** Remembers a resource; true when it is another one. */
static int turned(group_t *group, apr_pool_t *p, const char *resource, apr_size_t len)
{
    if (group->resource && group->len == len && !memcmp(group->resource, resource, len)) {
        return 0;
    }
    if (!group->resource || len > group->size) {
        group->size = 2 * len + 64;
        group->resource = apr_palloc(p, group->size);
    }
    memcpy(group->resource, resource, len);
    group->len = len;
    return 1;
}

void export_html_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths)
{
    export_out_t *out = &writer->out;
    const char *status = export_statuses[export_word(export_statuses, cells[CELL_STATUS], lengths[CELL_STATUS])];

    if (turned(writer->state, out->pool, cells[CELL_RESOURCE], lengths[CELL_RESOURCE])) {
        export_put_text(out, writer->rows ? "</tbody>\n<tbody>" : "<tbody>");
        EXPORT_PUT(out, "<tr><th colspan=\"5\" scope=\"rowgroup\">");
        export_put_html(out, cells[CELL_RESOURCE], lengths[CELL_RESOURCE]);
        EXPORT_PUT(out, "</th></tr>\n");
    }
    EXPORT_PUT(out, "<tr><td>");
    export_put_html(out, cells[CELL_CHECK], lengths[CELL_CHECK]);
    EXPORT_PUT(out, "</td><td class=\"");
    export_put_text(out, status);
    EXPORT_PUT(out, "\">");
    export_put_text(out, status);
    EXPORT_PUT(out, "</td><td>");
    export_put_html(out, cells[CELL_SEVERITY], lengths[CELL_SEVERITY]);
    EXPORT_PUT(out, "</td><td class=\"c\">");
    export_put_html(out, cells[CELL_COMMENT], lengths[CELL_COMMENT]);
    EXPORT_PUT(out, "</td><td>");
    if (lengths[CELL_TIME] > 19) {
        export_put_html(out, cells[CELL_TIME], 10);
        EXPORT_PUT(out, " ");
        export_put_html(out, cells[CELL_TIME] + 11, 8);
    }
    EXPORT_PUT(out, "</td></tr>\n");
}

void export_html_end(export_writer_t *writer)
{
    export_out_t *out = &writer->out;
    export_put_text(out, writer->rows ? "</tbody></table>\n"
                                      : "<tbody><tr><td colspan=\"5\">There are none.</td></tr></tbody></table>\n");
    EXPORT_PUT(out, "<footer>");
    export_put_int(out, (apr_int64_t)writer->rows);
    export_put_text(out, writer->rows == 1 ? " finding. Times are UTC.</footer></body></html>\n"
                                           : " findings. Times are UTC.</footer></body></html>\n");
}
