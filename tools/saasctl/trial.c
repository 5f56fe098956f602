/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl org trial: access for a while, without Stripe. It never touches what Stripe says, and adds to it only where it
 * lasts longer, which is also how the webhooks plugin takes it from the next event on (plugins/webhooks/state.h).
 */
#include "commands.h"
#include "statements.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAYS_MAX 730

/* Columns of CTL_ORG_TRIAL_LOOK. */
enum { STATUS, ENDS_AT, TRIAL_ENDS_AT, HAS_HAD, BY_TRIAL, RUNNING, OTHERS_LONGER, NEW_END, NOW, STRIPE_STATUS };

typedef struct trial_t {
    ctl_org_t org;
    const char *seconds;   /* that it lasts; "0": it ends now */
    const char *ends_at;
} trial_t;

/* "14d" or "36h". */
static int read_length(ctl_t *ctl, const char *text, trial_t *trial)
{
    char *end;
    long n = strtol(text, &end, 10), hours = *end == 'd' ? n * 24 : n;

    if (end == text || (strcmp(end, "d") && strcmp(end, "h")) || n < 1 || n > DAYS_MAX * 24 || hours > DAYS_MAX * 24) {
        return ctl_say(CTL_USAGE, "\"%s\" is no time: write 14d or 36h, up to %dd", text, DAYS_MAX);
    }
    trial->seconds = apr_psprintf(ctl->p, "%ld", hours * HOUR);
    return CTL_OK;
}

static json_t *picture(const char *status, const char *ends_at)
{
    return json_pack("{s:s, s:s?}", "status", status, "ends_at", ends_at);
}

/* What was done, and what it changes of the access; of the latter others are told (subscription.*). */
static int leave_trail(ctl_t *ctl, const trial_t *trial, const char *action, const saas_driver_rows_t *was, const char *status,
                       const char *ends_at)
{
    ctl_change_t act = { .action = action, .type = "organization", .id = trial->org.id, .label = trial->org.name };
    ctl_change_t change = { .action = "subscription.changed", .type = "organization", .id = trial->org.id, .label = trial->org.name };
    int code;

    act.after = json_pack("{s:s}", "ends_at", trial->ends_at);
    if ((code = ctl_activity(ctl, trial->org.id, &act)) != CTL_OK || !status) {
        return code;
    }
    change.before = picture(ctl_cell(was, 0, STATUS), ctl_cell(was, 0, ENDS_AT));
    change.after = picture(status, ends_at);
    return ctl_activity(ctl, trial->org.id, &change);
}

static int look(ctl_t *ctl, const trial_t *trial, saas_driver_rows_t **rows)
{
    int code = ctl_org_lock(ctl, trial->org.id);
    return code == CTL_OK ? ctl_ask(ctl, CTL_ORG_TRIAL_LOOK, rows, CTL_ARGS(trial->org.id, trial->seconds)) : code;
}

static int start(ctl_t *ctl, void *baton)
{
    trial_t *trial = baton;
    saas_driver_rows_t *was;
    int code = look(ctl, trial, &was);

    if (code != CTL_OK) {
        return code;
    }
    if (ctl_cell_true(was, 0, HAS_HAD) && !ctl_option(ctl, "again")) {
        return ctl_say(CTL_REFUSED, "%s has had a trial, until %s: --again gives it another one", trial->org.slug,
                       ctl_cell(was, 0, TRIAL_ENDS_AT));
    }
    if (ctl_cell_true(was, 0, OTHERS_LONGER)) {
        return ctl_say(CTL_REFUSED, "%s has a subscription, which a trial adds nothing to", trial->org.slug);
    }
    trial->ends_at = apr_pstrdup(ctl->p, ctl_cell(was, 0, NEW_END));
    code = ctl_ask(ctl, CTL_ORG_TRIAL_START, NULL, CTL_ARGS(trial->org.id, ctl_cell(was, 0, NOW), trial->ends_at));
    return code == CTL_OK ? leave_trail(ctl, trial, "trial.started", was, "active", trial->ends_at) : code;
}

static int end(ctl_t *ctl, void *baton)
{
    trial_t *trial = baton;
    saas_driver_rows_t *was;
    int code = look(ctl, trial, &was), by_trial;

    if (code != CTL_OK) {
        return code;
    }
    if (!ctl_cell_true(was, 0, RUNNING)) {
        return ctl_say(CTL_REFUSED, "%s is in no trial of ours", trial->org.slug);
    }
    by_trial = ctl_cell_true(was, 0, BY_TRIAL);
    trial->ends_at = apr_pstrdup(ctl->p, ctl_cell(was, 0, NOW));
    code = ctl_ask(ctl, CTL_ORG_TRIAL_END, NULL, CTL_ARGS(trial->org.id, trial->ends_at));
    if (code == CTL_OK && by_trial && ctl_cell(was, 0, STRIPE_STATUS)) {
        /* Under the trial there may be access by Stripe, until a grace ends, say: its answer says so. */
        code = ctl_ask(ctl, CTL_STRIPE_ASK, NULL, CTL_ARGS(trial->org.id));
    }
    return code != CTL_OK ? code
           : leave_trail(ctl, trial, "trial.ended", was, by_trial ? "expired" : NULL, trial->ends_at);
}

int ctl_org_trial(ctl_t *ctl)
{
    trial_t trial = { .seconds = "0" };
    const char *length = ctl->operands[1];
    int ending = ctl_option(ctl, "end") != NULL, code;

    if (ending == (length != NULL) || (ending && ctl_option(ctl, "again"))) {
        return ctl_say(CTL_USAGE, "give how long the trial is (14d, 36h), or --end");
    }
    if ((code = length ? read_length(ctl, length, &trial) : CTL_OK) == CTL_OK
        && (code = ctl_org(ctl, ctl->operands[0], 0, &trial.org)) == CTL_OK
        && (code = ctl_transaction(ctl, ending ? end : start, &trial)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", trial.org.id, "slug", trial.org.slug, "trial_ends_at",
                                        trial.ends_at), "trial_ends_at");
    }
    return code;
}
