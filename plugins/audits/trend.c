/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * How a target has fared over time: a point for each completed audit of it, with the score that the audit ended with and
 * what failed of this target, by severity.  A target is in an audit when it was asked for there; its evidence has it as
 * resource.  No score is reckoned here: rules of scores change, and what an audit was told to be worth stays.
 */

#include "audits.h"

enum { T_AUDIT, T_NAME, T_ENGINE, T_FINISHED, T_TARGETS, T_SCORE, T_GRADE, T_CRITICAL, T_HIGH, T_MEDIUM, T_LOW, T_INFORMATIONAL };

static const saas_json_member_t members[] = {
    { "audit", SAAS_JSON_TEXT, .column = T_AUDIT },
    { "name", SAAS_JSON_TEXT, .column = T_NAME },
    { "engine", SAAS_JSON_TEXT, .column = T_ENGINE },
    { "finished_at", SAAS_JSON_TIME, .column = T_FINISHED },
    { "targets", SAAS_JSON_INTEGER, .column = T_TARGETS },
    { "score", SAAS_JSON_INTEGER, .column = T_SCORE },
    { "grade", SAAS_JSON_TEXT, .column = T_GRADE },
    { "failed", .kind = SAAS_JSON_OBJECT },
    { "critical", SAAS_JSON_INTEGER, .column = T_CRITICAL },
    { "high", SAAS_JSON_INTEGER, .column = T_HIGH },
    { "medium", SAAS_JSON_INTEGER, .column = T_MEDIUM },
    { "low", SAAS_JSON_INTEGER, .column = T_LOW },
    { "informational", SAAS_JSON_INTEGER, .column = T_INFORMATIONAL },
    { .kind = SAAS_JSON_END },
    { 0 }
};

int audits_trend(saas_request_t *rq)
{
    const char *target = saas_request_filter(rq, "target");
    const char *engine = saas_request_filter(rq, "engine");

    if (!target || !*target) {
        saas_request_error(rq, "target", "This parameter is required.");
    }
    return saas_reply_list(rq, members, &audits_statements[TREND_LIST], SAAS_ARGS(target, engine));
}
