/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The mail on new critical findings: each member decides for themselves, and it is off until they do.
 *
 * New is what failed as critical and did not in the completed audit before of the same engine and targets, by resource and
 * check; without such an audit, all of it.  What is muted is no news.  An audit is looked at once, in a job of its own
 * behind its end, so that neither a long comparison nor anything that is wrong with it holds up or breaks an audit; the mark
 * that it was looked at and the mails are one transaction.
 *
 * What goes into the mail was written by strangers: it is cut, and stands on a line of its own that it cannot leave.
 */

#include "audits.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define SHOWN_FINDINGS "10"       /* the mail names so many; how many there are is said */
#define SHOWN_BYTES 160           /* of one of the texts */

/* --------------------------------------------------------------- wishes -- */

static int answer(saas_request_t *rq, int wanted)
{
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:b}", "new_critical", wanted));
}

int audits_alerts(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &audits_statements[ALERT_GET], &rows, SAAS_ARGS(rq->who->user_id));

    return rv == APR_SUCCESS ? answer(rq, rows->count > 0) : saas_reply_failure(rq, rv);
}

int audits_alerts_change(saas_request_t *rq)
{
    const json_t *wanted = json_object_get(rq->body, "new_critical");
    saas_rows_t *rows;
    apr_status_t rv;

    if (!json_is_boolean(wanted)) {
        saas_request_error(rq, "new_critical", wanted ? "Must be a valid boolean." : "This field is required.");
        return saas_reply_errors(rq);
    }
    /* No mail goes to an address that nobody has proven to be theirs: whoever asks for one is told now. */
    if (json_is_true(wanted) && !rq->who->email_verified) {
        return saas_reply_verdict(rq, SAAS_UNVERIFIED);
    }
    rv = saas_query(rq, &audits_statements[json_is_true(wanted) ? ALERT_ON : ALERT_OFF], &rows, SAAS_ARGS(rq->who->user_id));
    return rv == APR_SUCCESS ? answer(rq, json_is_true(wanted)) : saas_reply_failure(rq, rv);
}

/* ------------------------------------------------------------------ end -- */

static int has_critical(const saas_rows_t *rows)
{
    const char *text = saas_cell(rows, 0, COLUMN_COUNTS);
    json_t *counts = text ? json_loads(text, 0, NULL) : NULL;
    int has = json_integer_value(json_object_get(json_object_get(counts, "severity"), "critical")) > 0;

    json_decref(counts);
    return has;
}

apr_status_t audits_alert(saas_db_t *db, saas_job_t *job, const saas_rows_t *rows)
{
    saas_rows_t *wanted;
    apr_status_t rv;

    if (strcmp(saas_cell(rows, 0, COLUMN_STATUS), "completed") || !has_critical(rows) || !saas_job_known("mail")) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(db, &audits_statements[ALERT_WANTED], &wanted, SAAS_NO_ARGS);
    return rv == APR_SUCCESS && wanted->count ? saas_job_enqueue(db, ALERT_JOB, job->org_id, job->object_id, NULL, 0) : rv;
}

/* ----------------------------------------------------------------- mail -- */

/** A code point that is none to be seen, or that turns the text around it: U+200B to U+200F, U+2028 to U+202E, U+2066 to
 *  U+2069, U+FEFF, and the controls.  Its bytes, 0 for none. */
static int unseen(const unsigned char *s)
{
    if (*s < 0x20 || *s == 0x7f) {
        return 1;
    }
    if (*s == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f) {
        return 2;
    }
    if (*s == 0xe2 && s[1] == 0x80 && ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae))) {
        return 3;
    }
    return (*s == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9) || (*s == 0xef && s[1] == 0xbb && s[2] == 0xbf) ? 3 : 0;
}

/** A text as one line of a mail may show it. */
static const char *line(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, audits_clean(p, text, SHOWN_BYTES)), *to = copy;
    const char *from = copy;
    int skip;

    while (*from) {
        if ((skip = unseen((const unsigned char *)from)) != 0) {
            from += skip;
            *to++ = ' ';
        }
        else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return strlen(text) > SHOWN_BYTES ? apr_pstrcat(p, copy, "...", NULL) : copy;
}

/** What a person calls the audit: its name, else its first target. */
static const char *label(apr_pool_t *p, const char *name, const char *targets)
{
    json_t *list = targets ? json_loads(targets, 0, NULL) : NULL;
    const char *first = json_string_value(json_array_get(list, 0));
    const char *text = line(p, name && *name ? name : first ? first : "");

    json_decref(list);
    return text;
}

typedef struct alert_t {
    saas_job_t *job;
    const char *audit;             /**< as people call it */
    int told;
} alert_t;

static json_t *message(const alert_t *alert, const saas_rows_t *people, int person, const saas_rows_t *findings)
{
    const char *frontend = audits_config_frontend(alert->job->server), *url = "", *list = "";
    apr_pool_t *p = alert->job->pool;
    apr_int64_t count = saas_cell_int(findings, 0, 2);
    int i;

    for (i = 0; i < findings->count; i++) {
        list = apr_pstrcat(p, list, i ? "\n" : "", line(p, saas_cell(findings, i, 1)), ": ", line(p, saas_cell(findings, i, 0)),
                           NULL);
    }
    if (frontend) {
        url = apr_pstrcat(p, frontend, "/o/", saas_cell(people, person, 3), "/audits/", alert->job->object_id, NULL);
    }
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "template", "critical_findings", "to",
                     saas_cell(people, person, 0), "vars", "name", line(p, saas_cell(people, person, 1)), "organization",
                     line(p, saas_cell(people, person, 2)), "audit", alert->audit, "count",
                     apr_psprintf(p, "%" APR_INT64_T_FMT, count), "findings", list, "more",
                     count > findings->count ? apr_psprintf(p, "%" APR_INT64_T_FMT, count - findings->count) : "", "url", url);
}

static apr_status_t alert_body(saas_db_t *db, void *baton)
{
    alert_t *alert = baton;
    saas_job_t *job = alert->job;
    saas_rows_t *audit, *before, *findings, *people;
    json_t *payload;
    apr_status_t rv;
    int i;

    alert->told = 0;
    if ((rv = saas_job_fence(job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[ALERT_TAKE], &audit, SAAS_ARGS(job->object_id))) != APR_SUCCESS
        || !audit->count) {
        return rv;
    }
    alert->audit = label(job->pool, saas_cell(audit, 0, 0), saas_cell(audit, 0, 2));
    if ((rv = saas_db_query(db, &audits_statements[ALERT_BEFORE], &before,
                            SAAS_ARGS(job->object_id, saas_cell(audit, 0, 1), saas_cell(audit, 0, 2)))) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[ALERT_FINDINGS], &findings,
                               SAAS_ARGS(job->object_id, saas_cell(before, 0, 0), SHOWN_FINDINGS))) != APR_SUCCESS
        || !findings->count
        || (rv = saas_db_query(db, &audits_statements[ALERT_PEOPLE], &people, SAAS_ARGS(job->org_id))) != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < people->count && rv == APR_SUCCESS; i++) {
        payload = message(alert, people, i, findings);
        rv = payload ? saas_job_enqueue(db, "mail", job->org_id, job->object_id, payload, 0) : APR_ENOMEM;
        json_decref(payload);
        alert->told = 1;
    }
    return rv;
}

apr_status_t audits_job_alert(saas_job_t *job)
{
    alert_t alert = { .job = job };
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, job->pool, job->server, job->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, alert_body, &alert);
        saas_db_close(db);
    }
    if (rv == APR_SUCCESS && alert.told) {
        saas_jobs_wake();
    }
    return rv;
}
