/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* The table of formats, and the words that their cells have. */

#include "writer.h"

#include <string.h>

const char *const export_statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR", NULL };
const char *const export_severities[] = { "critical", "high", "medium", "low", "informational", NULL };

int export_word(const char *const *words, const char *text, apr_size_t len)
{
    int i;
    for (i = 0; words[i + 1]; i++) {
        if (!strncmp(words[i], text, len) && !words[i][len]) {
            break;
        }
    }
    return i;
}

const export_format_t export_formats[] = {
    { "csv", "text/csv; charset=utf-8", "csv", 0, 0, NULL, NULL, NULL },
    { "jsonl", "application/jsonl", "jsonl", 0, 0, NULL, export_jsonl_row, NULL },
    { "sarif", "application/sarif+json", "sarif", 0, 0, export_sarif_begin, export_sarif_row, export_sarif_end },
    { "ocsf", "application/json", "ocsf.json", 0, 0, export_ocsf_begin, export_ocsf_row, export_ocsf_end },
    { "html", "text/html; charset=utf-8", "html", 1, 1, export_html_begin, export_html_row, export_html_end },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL }
};
