/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl job and mail queue: background work, above all what has given up.
 *
 * A running job belongs to the node that has its lease: it is asked to stop, never touched.  A payload is not shown,
 * since a mail is nobody's business but whose it is.
 */
#include "commands.h"
#include "statements.h"

#include <string.h>

static const char *const names[] = {
    "id", "kind", "state", "attempts", "organization", "object_id", "run_after", "lease_until", "lease_node", "cancel_requested",
    "error", "created_at", "template", "to"
};
enum { KIND = 1, STATE = 2, ORG = 14 };

static int list_jobs(ctl_t *ctl, const char *kind)
{
    static const char *const states[] = { "queued", "running", "dead", NULL };
    const char *state, *org;
    int code;
    if ((code = ctl_word(ctl, "state", states, &state)) == CTL_OK && (code = ctl_org_option(ctl, "org", &org)) == CTL_OK) {
        code = ctl_list(ctl, CTL_JOB_LIST, names, "sssissttsbst", CTL_ARGS(kind, state, org));
    }
    return code;
}

int ctl_job_list(ctl_t *ctl)
{
    return list_jobs(ctl, ctl_option(ctl, "kind"));
}

int ctl_mail_queue(ctl_t *ctl)
{
    return list_jobs(ctl, "mail");
}

static int find_job(ctl_t *ctl, const char *id, saas_driver_rows_t **rows)
{
    int code = ctl_ask(ctl, CTL_JOB_FIND, rows, CTL_ARGS(id));
    return code == CTL_OK && !(*rows)->count
               ? ctl_say(CTL_REFUSED, "there is no job %s: it may have been done; see saasctl job list", id) : code;
}

int ctl_job_show(ctl_t *ctl)
{
    saas_driver_rows_t *rows;
    const char *id;
    int code = ctl_id(ctl, ctl->operands[0], &id);
    if (code == CTL_OK && (code = find_job(ctl, id, &rows)) == CTL_OK) {
        rows->columns--; /* the organization's id is for the trail */
        ctl_print_object(ctl, ctl_row_json(rows, 0, names, "sssissttsbstss"), NULL);
    }
    return code;
}

typedef struct job_t {
    const char *id, *kind, *state;
    json_t *list; /* ids of those that were retried */
} job_t;

/* Only what belongs to an organization has a trail. */
static int note(ctl_t *ctl, const job_t *job, const char *org, const char *action)
{
    ctl_change_t change = { .action = action, .type = "job", .id = job->id, .label = job->kind };
    return org ? ctl_activity(ctl, org, &change) : CTL_OK;
}

static int retry(ctl_t *ctl, void *baton)
{
    job_t *job = baton;
    saas_driver_rows_t *rows;
    int code = find_job(ctl, job->id, &rows);
    if (code != CTL_OK) {
        return code;
    }
    job->kind = ctl_cell(rows, 0, KIND);
    job->state = "queued";
    if (!strcmp(ctl_cell(rows, 0, STATE), "running")) {
        return ctl_say(CTL_REFUSED, "the job is running on %s until %s: there is nothing to retry yet", ctl_cell(rows, 0, 8),
                       ctl_cell(rows, 0, 7));
    }
    code = ctl_ask(ctl, CTL_JOB_RETRY, NULL, CTL_ARGS(job->id));
    return code == CTL_OK ? note(ctl, job, ctl_cell(rows, 0, ORG), "job.retried") : code;
}

static int retry_dead(ctl_t *ctl, void *baton)
{
    job_t *job = baton;
    saas_driver_rows_t *rows, *found;
    int r, code = ctl_ask(ctl, CTL_JOB_RETRY_DEAD, &rows, CTL_ARGS(ctl_option(ctl, "kind")));
    json_array_clear(job->list);
    for (r = 0; code == CTL_OK && r < rows->count; r++) {
        job->id = ctl_cell(rows, r, 0);
        job->kind = ctl_cell(rows, r, 1);
        json_array_append_new(job->list, json_string(job->id));
        /* The organization may be purged by now. */
        if ((code = find_job(ctl, job->id, &found)) == CTL_OK) {
            code = note(ctl, job, ctl_cell(found, 0, ORG), "job.retried");
        }
    }
    return code;
}

static int print_job(ctl_t *ctl, const job_t *job)
{
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", job->id, "kind", job->kind, "state", job->state), "state");
    return CTL_OK;
}

int ctl_job_retry(ctl_t *ctl)
{
    job_t job = { .list = json_array() };
    int code, dead = ctl_option(ctl, "dead") != NULL;

    if (!ctl->operands[0] == !dead || (ctl_option(ctl, "kind") && !dead)) {
        code = ctl_say(CTL_USAGE, "give either the id of a job, or --dead and perhaps --kind: see saasctl job list --state dead");
    }
    else if (dead) {
        if ((code = ctl_transaction(ctl, retry_dead, &job)) == CTL_OK) {
            ctl_print_object(ctl, json_pack("{s:I, s:O}", "retried", (json_int_t)json_array_size(job.list), "jobs", job.list), "retried");
        }
    }
    else if ((code = ctl_id(ctl, ctl->operands[0], &job.id)) == CTL_OK && (code = ctl_transaction(ctl, retry, &job)) == CTL_OK) {
        code = print_job(ctl, &job);
    }
    json_decref(job.list);
    return code;
}

static int take_out(ctl_t *ctl, void *baton)
{
    job_t *job = baton;
    saas_driver_rows_t *rows;
    int running, code = find_job(ctl, job->id, &rows);
    if (code != CTL_OK) {
        return code;
    }
    running = !strcmp(ctl_cell(rows, 0, STATE), "running");
    job->kind = ctl_cell(rows, 0, KIND);
    job->state = running ? "stopping" : "removed";
    code = ctl_ask(ctl, running ? CTL_JOB_STOP : CTL_JOB_REMOVE, NULL, CTL_ARGS(job->id));
    return code == CTL_OK ? note(ctl, job, ctl_cell(rows, 0, ORG), "job.removed") : code;
}

int ctl_job_remove(ctl_t *ctl)
{
    job_t job = { NULL };
    int code = ctl_id(ctl, ctl->operands[0], &job.id);
    return code == CTL_OK && (code = ctl_transaction(ctl, take_out, &job)) == CTL_OK ? print_job(ctl, &job) : code;
}
