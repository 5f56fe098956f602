/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Format ocsf: findings of the Open Cybersecurity Schema Framework, as Prowler and others write them, an array or a
 * line each.  What a check came to is its status_code; status says what people have done about it.
 */

#include "json.h"

#include <stdlib.h>

enum { EVENT_CODE, TITLE, STATUS_CODE, COMPLIANCE, SEVERITY, SEVERITY_ID, DETAIL, MESSAGE, UID, NAME, CREATED,
       CREATED_TEXT, TIME, TIME_TEXT };
enum { RECORD = 1 };

static const json_rule_t rules[] = {
    { "*", JSON_NO_SLOT, RECORD },
    { "*.metadata.event_code", EVENT_CODE, JSON_NO_RECORD },
    { "*.finding_info.title", TITLE, JSON_NO_RECORD },
    { "*.status_code", STATUS_CODE, JSON_NO_RECORD },
    { "*.compliance.status", COMPLIANCE, JSON_NO_RECORD },
    { "*.severity", SEVERITY, JSON_NO_RECORD },
    { "*.severity_id", SEVERITY_ID, JSON_NO_RECORD },
    { "*.status_detail", DETAIL, JSON_NO_RECORD },
    { "*.message", MESSAGE, JSON_NO_RECORD },
    { "*.resources.0.uid", UID, JSON_NO_RECORD },
    { "*.resources.0.name", NAME, JSON_NO_RECORD },
    { "*.finding_info.created_time", CREATED, JSON_NO_RECORD },
    { "*.finding_info.created_time_dt", CREATED_TEXT, JSON_NO_RECORD },
    { "*.time", TIME, JSON_NO_RECORD },
    { "*.time_dt", TIME_TEXT, JSON_NO_RECORD },
    { NULL, JSON_NO_SLOT, JSON_NO_RECORD }
};

/* By severity_id, from 1; 99 is another one, and 0 none that is known. */
static int severity_number(apr_int64_t id, import_severity_e *severity)
{
    static const import_severity_e severities[] = {
        IMPORT_INFORMATIONAL, IMPORT_INFORMATIONAL, IMPORT_LOW, IMPORT_MEDIUM, IMPORT_HIGH, IMPORT_CRITICAL,
        IMPORT_CRITICAL
    };
    *severity = id >= 0 && id <= 6 ? severities[id] : IMPORT_INFORMATIONAL;
    return (id >= 0 && id <= 6) || id == 99;
}

/* The schema says milliseconds; some write seconds. */
static int time_number(const json_walk_t *walk, int slot, apr_time_t *t)
{
    apr_int64_t number = json_number(walk, slot, -1);
    *t = number < APR_INT64_C(100000000000) ? apr_time_from_sec(number) : apr_time_from_msec(number);
    return number >= 0 && number <= APR_INT64_C(253402300799999);
}

/** NULL, or what is wrong; no time at all is the import's. */
static const char *read_time(const json_walk_t *walk, apr_time_t *t)
{
    static const struct {
        int slot, text;
    } times[] = { { CREATED_TEXT, 1 }, { TIME_TEXT, 1 }, { TIME, 0 }, { CREATED, 0 } };
    unsigned i;
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (*json_text(walk, times[i].slot)) {
            return (times[i].text ? import_time_word(json_reader(walk), json_text(walk, times[i].slot), t)
                                  : time_number(walk, times[i].slot, t))
                       ? NULL
                       : "Its time is none.";
        }
    }
    return NULL;
}

static const char *read_finding(const json_walk_t *walk, import_finding_t *finding)
{
    finding->resource = json_either(walk, UID, NAME);
    finding->check = json_either(walk, EVENT_CODE, TITLE);
    finding->comment = json_either(walk, DETAIL, MESSAGE);
    if (json_is_strange(walk)) {
        return "It is not UTF-8, or has a NUL byte in it.";
    }
    if (!*finding->resource) {
        return "Its resources[0] has no uid.";
    }
    if (!*finding->check) {
        return "It has neither metadata.event_code nor finding_info.title.";
    }
    if (!import_status_word(json_either(walk, STATUS_CODE, COMPLIANCE), &finding->status)) {
        return "Its status_code is none of PASS, FAIL, MANUAL.";
    }
    if (!import_severity_word(json_text(walk, SEVERITY), &finding->severity)
        && !severity_number(json_number(walk, SEVERITY_ID, -1), &finding->severity)) {
        return "It has no severity.";
    }
    return read_time(walk, &finding->time);
}

static apr_status_t on_record(json_walk_t *walk, int record, void *state)
{
    import_reader_t *reader = json_reader(walk);
    import_finding_t finding = { .time = 0 };
    const char *wrong = read_finding(walk, &finding);

    (void)record, (void)state;
    if (wrong) {
        json_bad(walk, wrong);
        return APR_SUCCESS;
    }
    return reader->finding(reader->baton, &finding);
}

static const json_format_t format = { .rules = rules, .lines = 1, .record = on_record };

apr_status_t import_read_ocsf(import_reader_t *reader)
{
    return import_walk_json(reader, &format, NULL);
}
