/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The activity trail of an organization, newest first.  It is only read here;
 * rows are written in the transactions of what they tell.
 */

#include "organizations.h"

enum { COLUMN_ID, COLUMN_TIME, COLUMN_ACTOR_TYPE, COLUMN_ACTOR, COLUMN_ACTOR_EMAIL, COLUMN_ACTION, COLUMN_TARGET_TYPE,
       COLUMN_TARGET, COLUMN_TARGET_LABEL, COLUMN_OLD, COLUMN_NEW, COLUMN_ADDRESS, COLUMN_REQUEST };

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ID },
    { "created_at", SAAS_JSON_TIME, .column = COLUMN_TIME },
    { "actor", .kind = SAAS_JSON_OBJECT },
    { "type", SAAS_JSON_TEXT, .column = COLUMN_ACTOR_TYPE },
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ACTOR },
    { "email", SAAS_JSON_TEXT, .column = COLUMN_ACTOR_EMAIL },
    { .kind = SAAS_JSON_END },
    { "action", SAAS_JSON_TEXT, .column = COLUMN_ACTION },
    { "target", SAAS_JSON_OBJECT_OR_NULL, .column = COLUMN_TARGET_TYPE },
    { "type", SAAS_JSON_TEXT, .column = COLUMN_TARGET_TYPE },
    { "id", SAAS_JSON_TEXT, .column = COLUMN_TARGET },
    { "label", SAAS_JSON_TEXT, .column = COLUMN_TARGET_LABEL },
    { .kind = SAAS_JSON_END },
    { "old", SAAS_JSON_RAW, .column = COLUMN_OLD },
    { "new", SAAS_JSON_RAW, .column = COLUMN_NEW },
    { "address", SAAS_JSON_TEXT, .column = COLUMN_ADDRESS },
    { "request_id", SAAS_JSON_TEXT, .column = COLUMN_REQUEST },
    { 0 }
};

/* A time of the query in the form that compares; NULL: absent, or wrong and noted. */
static const char *time_parameter(saas_request_t *rq, const char *name)
{
    const char *text = saas_request_filter(rq, name);
    apr_time_t t;

    if (!text) {
        return NULL;
    }
    if (saas_time_parse(text, &t) != APR_SUCCESS) {
        saas_request_error(rq, name, "Enter a date and time in ISO 8601, like 2031-01-31T12:00:00Z.");
        return NULL;
    }
    return saas_time_text(rq->pool, t);
}

int organizations_activity(saas_request_t *rq)
{
    const char *since = time_parameter(rq, "since"), *until = time_parameter(rq, "until");

    return saas_reply_list(rq, members, &organizations_statements[ACTIVITY_LIST],
                           SAAS_ARGS(saas_request_filter(rq, "action"), saas_request_filter(rq, "actor"),
                                     saas_request_filter(rq, "target_type"), since, until));
}
