/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Two audits compared: what failed in one of them, and what became of it in the other.
 *
 * {audit} is the earlier one, {other} the later, as in diff(1).  A finding is known by resource and check; of several
 * rows about the same, what failed decides.  new: it fails, and did not before.  unchanged: it fails in both.
 * fixed: it failed, and now passes or is reported no more - scanners that tell only failures know no other way to say
 * so.  unclear: it failed, and now could not be tested, which is no repair.
 */

#include "audits.h"
#include "score.h"

#include <apr_strings.h>

enum { D_CHANGE, D_RESOURCE, D_CHECK, D_SEVERITY, D_BEFORE, D_BEFORE_STATUS, D_AFTER, D_AFTER_STATUS, D_TRIAGE };

static const saas_json_member_t members[] = {
    { "change", SAAS_JSON_TEXT, .column = D_CHANGE },
    { "resource_id", SAAS_JSON_TEXT, .column = D_RESOURCE },
    { "check_name", SAAS_JSON_TEXT, .column = D_CHECK },
    { "severity", SAAS_JSON_TEXT, .column = D_SEVERITY },
    { "before", SAAS_JSON_OBJECT_OR_NULL, .column = D_BEFORE },
    { "id", SAAS_JSON_INTEGER, .column = D_BEFORE },
    { "status", SAAS_JSON_TEXT, .column = D_BEFORE_STATUS },
    { .kind = SAAS_JSON_END },
    { "after", SAAS_JSON_OBJECT_OR_NULL, .column = D_AFTER },
    { "id", SAAS_JSON_INTEGER, .column = D_AFTER },
    { "status", SAAS_JSON_TEXT, .column = D_AFTER_STATUS },
    { .kind = SAAS_JSON_END },
    TRIAGE_MEMBERS(D_TRIAGE),
    { 0 }
};

/** Refuses what cannot be compared; 1: answered. */
static int refused(saas_request_t *rq, const char *audit, const char *other, int *answer)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &audits_statements[DIFF_STATES], &rows, SAAS_ARGS(audit, other));
    int i;

    if (rv != APR_SUCCESS) {
        *answer = saas_reply_failure(rq, rv);
        return 1;
    }
    if (rows->count < 1 + (strcmp(audit, other) != 0)) {
        *answer = saas_reply_not_found(rq);
        return 1;
    }
    for (i = 0; i < rows->count; i++) {
        const char *status = saas_cell(rows, i, 0);
        if (!strcmp(status, "queued") || !strcmp(status, "running")) {
            *answer = saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                       apr_psprintf(rq->pool, "One of the audits is %s; compare when both have ended.",
                                                    status));
            return 1;
        }
    }
    return 0;
}

static const char *severity_rank(saas_request_t *rq)
{
    const char *severity = saas_request_choice(rq, "severity", saas_finding_severities);
    int i;

    for (i = 0; severity && saas_finding_severities[i]; i++) {
        if (!strcmp(saas_finding_severities[i], severity)) {
            return apr_itoa(rq->pool, i);
        }
    }
    return NULL;
}

int audits_diff(saas_request_t *rq)
{
    static const char *const changes[] = { "new", "fixed", "unclear", "unchanged", NULL };
    static const char *const truths[] = { "true", "false", NULL };
    const char *audit = saas_uuid_parse(rq->pool, saas_request_parameter(rq, "audit"));
    const char *other = saas_uuid_parse(rq->pool, saas_request_parameter(rq, "other"));
    const char *change, *severity, *muted;
    int answer;

    if (!audit || !other) {
        return saas_reply_not_found(rq);
    }
    change = saas_request_choice(rq, "change", changes);
    severity = severity_rank(rq);
    muted = saas_request_choice(rq, "muted", truths);
    if (refused(rq, audit, other, &answer)) {
        return answer;
    }
    return saas_reply_list(rq, members, &audits_statements[DIFF_LIST], SAAS_ARGS(audit, other, change, severity, muted));
}
