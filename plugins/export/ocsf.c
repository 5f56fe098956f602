/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The Open Cybersecurity Schema Framework, 1.5.0: a row is an event of the class Compliance Finding (2003), all of them
 * an array, as Prowler writes them.  What the check came to is status_code; status_id says what people have done about
 * it, which is nothing yet.  Times stand there twice: in milliseconds, and, by the profile datetime, as they are.
 */

#include "writer.h"

#include <string.h>

static const struct {
    const char *id, *caption;
} severities[SEVERITIES] = {
    { "5", "Critical" }, { "4", "High" }, { "3", "Medium" }, { "2", "Low" }, { "1", "Informational" }
};

/* Warning: there was no result, for want of information. */
static const struct {
    const char *id, *caption;
} compliance[STATUSES] = { { "1", "Pass" }, { "3", "Fail" }, { "2", "Warning" }, { "2", "Warning" } };

static apr_int64_t digits(const char *text, int count)
{
    apr_int64_t n = 0;
    while (count--) {
        n = n * 10 + (*text++ - '0');
    }
    return n;
}

/** Milliseconds since 1970 of YYYY-MM-DDTHH:MM:SS.ffffffZ; 0 for what is no time. */
static apr_int64_t millis(const char *text, apr_size_t len)
{
    apr_int64_t y, m, d, days;
    if (len != 27 || text[26] != 'Z' || text[10] != 'T' || text[19] != '.') {
        return 0;
    }
    y = digits(text, 4);
    m = digits(text + 5, 2);
    d = digits(text + 8, 2);
    /* Of the proleptic Gregorian calendar, with years that begin in March. */
    y -= m <= 2;
    m += m <= 2 ? 9 : -3;
    days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
    return ((days * 24 + digits(text + 11, 2)) * 60 + digits(text + 14, 2)) * 60000 + digits(text + 17, 2) * 1000
           + digits(text + 20, 3);
}

void export_ocsf_begin(export_writer_t *writer)
{
    EXPORT_PUT(&writer->out, "[");
}

void export_ocsf_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths)
{
    export_out_t *out = &writer->out;
    int status = export_word(export_statuses, cells[CELL_STATUS], lengths[CELL_STATUS]);
    int severity = export_word(export_severities, cells[CELL_SEVERITY], lengths[CELL_SEVERITY]);
    apr_int64_t ms = millis(cells[CELL_TIME], lengths[CELL_TIME]);

    export_put_text(out, writer->rows ? ",\n" : "\n");
    EXPORT_PUT(out,
               "{\"activity_id\":1,\"activity_name\":\"Create\",\"category_name\":\"Findings\",\"category_uid\":2,"
               "\"class_name\":\"Compliance Finding\",\"class_uid\":2003,\"type_name\":\"Compliance Finding: Create\","
               "\"type_uid\":200301,\"time\":");
    export_put_int(out, ms);
    if (lengths[CELL_TIME]) {
        EXPORT_PUT(out, ",\"time_dt\":");
        export_put_json(out, cells[CELL_TIME], lengths[CELL_TIME]);
    }
    EXPORT_PUT(out, ",\"severity_id\":");
    export_put_text(out, severities[severity].id);
    EXPORT_PUT(out, ",\"severity\":\"");
    export_put_text(out, severities[severity].caption);
    EXPORT_PUT(out, "\",\"status_id\":1,\"status\":\"New\",\"status_code\":\"");
    export_put_text(out, export_statuses[status]);
    EXPORT_PUT(out, "\",\"status_detail\":");
    export_put_json(out, cells[CELL_COMMENT], lengths[CELL_COMMENT]);
    EXPORT_PUT(out, ",\"metadata\":{\"version\":\"1.5.0\",\"profiles\":[\"datetime\"],\"event_code\":");
    export_put_json(out, cells[CELL_CHECK], lengths[CELL_CHECK]);
    EXPORT_PUT(out, ",\"product\":{\"name\":\"mod_saas\",\"vendor_name\":\"mod_saas\"}},\"finding_info\":{\"uid\":\"");
    export_put_text(out, writer->audit->id);
    EXPORT_PUT(out, "/");
    export_put(out, cells[CELL_NUMBER], lengths[CELL_NUMBER]);
    EXPORT_PUT(out, "\",\"title\":");
    export_put_json(out, cells[CELL_CHECK], lengths[CELL_CHECK]);
    EXPORT_PUT(out, ",\"created_time\":");
    export_put_int(out, ms);
    if (lengths[CELL_TIME]) {
        EXPORT_PUT(out, ",\"created_time_dt\":");
        export_put_json(out, cells[CELL_TIME], lengths[CELL_TIME]);
    }
    EXPORT_PUT(out, "},\"compliance\":{\"control\":");
    export_put_json(out, cells[CELL_CHECK], lengths[CELL_CHECK]);
    EXPORT_PUT(out, ",\"status_id\":");
    export_put_text(out, compliance[status].id);
    EXPORT_PUT(out, ",\"status\":\"");
    export_put_text(out, compliance[status].caption);
    EXPORT_PUT(out, "\"},\"resources\":[{\"uid\":");
    export_put_json(out, cells[CELL_RESOURCE], lengths[CELL_RESOURCE]);
    EXPORT_PUT(out, "}]}");
}

void export_ocsf_end(export_writer_t *writer)
{
    EXPORT_PUT(&writer->out, "\n]\n");
}
