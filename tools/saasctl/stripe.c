/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl stripe: what Stripe has sent, and what it has not.
 *
 * Stripe is asked, and events are applied, by the nodes, which have the key and the rules; this command puts the work into
 * the database and waits for what comes of it.
 */
#include "commands.h"
#include "statements.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_SECONDS 60 /* without any progress */
#define LOOK_AGAIN apr_time_from_msec(500)

int ctl_stripe_events(ctl_t *ctl)
{
    static const char *const names[] = { "id", "type", "created", "organization", "verdict", "attempts", "received_at", "detail" };
    const char *org, *since = NULL;
    int code = ctl_org_option(ctl, "org", &org);
    if (code == CTL_OK && ctl_option(ctl, "since")) {
        code = ctl_time(ctl, "since", &since);
    }
    if (code == CTL_OK) {
        code = ctl_list(ctl, CTL_STRIPE_EVENTS, names, "sssssits",
                        CTL_ARGS(ctl_option(ctl, "verdict"), ctl_option(ctl, "type"), org, since));
    }
    return code;
}

/* Seconds that --wait allows to pass in which nothing moves. */
static int patience(ctl_t *ctl, int *seconds)
{
    const char *text = ctl_option(ctl, "wait");
    char *end;
    long n = text ? strtol(text, &end, 10) : WAIT_SECONDS;

    if (text && (!*text || *end || n < 0 || n > 86400)) {
        return ctl_say(CTL_USAGE, "--wait takes seconds, 0 to 86400");
    }
    *seconds = (int)n;
    return CTL_OK;
}

/* ----------------------------------------------------------- reconcile -- */

typedef struct asking_t {
    const char *org;   /* id; NULL: of all */
    const char *since; /* by the database's clock */
    apr_int64_t asked; /* how many are to be asked for */
} asking_t;

static int ask(ctl_t *ctl, void *baton)
{
    asking_t *asking = baton;
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_STRIPE_NOW, &rows, CTL_NO_ARGS);

    if (code == CTL_OK) {
        asking->since = apr_pstrdup(ctl->p, ctl_cell(rows, 0, 0));
        code = ctl_ask(ctl, CTL_STRIPE_EXPECT, &rows, CTL_ARGS(asking->org));
    }
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_STRIPE_ASK, &rows, CTL_ARGS(asking->org))) == CTL_OK) {
        asking->asked = rows->affected;
    }
    return code;
}

/* Waits until each has been answered or has failed; *left: of how many nothing is known. */
static int wait_for_answers(ctl_t *ctl, const asking_t *asking, int seconds, apr_int64_t *left)
{
    apr_time_t moved = apr_time_now();
    saas_driver_rows_t *rows;
    apr_pool_t *p;
    int code;

    apr_pool_create(&p, ctl->p);
    for (*left = -1;;) {
        apr_int64_t before = *left;
        apr_status_t rv = ctl_query_in(ctl, p, CTL_STRIPE_LEFT, &rows, CTL_ARGS(asking->org, asking->since));
        if (rv != APR_SUCCESS) {
            code = ctl_database_failure(ctl, "look for answers", rv);
            break;
        }
        *left = apr_atoi64(ctl_cell(rows, 0, 0));
        code = CTL_OK;
        if (*left != before) {
            moved = apr_time_now();
        }
        if (!*left || apr_time_now() - moved >= apr_time_from_sec(seconds)) {
            break;
        }
        apr_pool_clear(p);
        apr_sleep(LOOK_AGAIN);
    }
    apr_pool_destroy(p);
    return code;
}

int ctl_stripe_reconcile(ctl_t *ctl)
{
    static const char *const names[] = { "organization", "subscription", "differed", "event", "at" };
    static const char *const failed_names[] = { "organization", "object", "error" };
    saas_driver_rows_t *differed, *failed;
    asking_t asking = { NULL };
    apr_int64_t left;
    ctl_org_t org;
    int seconds, code = patience(ctl, &seconds);

    if (code == CTL_OK && ctl->operands[0] && (code = ctl_org(ctl, ctl->operands[0], 0, &org)) == CTL_OK) {
        asking.org = org.id;
    }
    if (code != CTL_OK || (code = ctl_transaction(ctl, ask, &asking)) != CTL_OK
        || (code = wait_for_answers(ctl, &asking, seconds, &left)) != CTL_OK
        || (code = ctl_ask(ctl, CTL_STRIPE_DIFFERED, &differed, CTL_ARGS(asking.org, asking.since))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_STRIPE_FAILED, &failed, CTL_ARGS(asking.org))) != CTL_OK) {
        return code;
    }
    if (ctl->json) {
        ctl_print_object(ctl, json_pack("{s:I, s:o, s:o, s:I}", "asked", (json_int_t)asking.asked, "differed",
                                        ctl_rows_json(differed, names, "sssst"), "failed",
                                        ctl_rows_json(failed, failed_names, "sss"), "unanswered", (json_int_t)left), NULL);
    }
    else {
        if (differed->count) {
            ctl_print_rows(ctl, differed, names, "sssst");
        }
        if (failed->count) {
            ctl_print_rows(ctl, failed, failed_names, "sss");
        }
        printf("asked for %" APR_INT64_T_FMT ": %d differed, %d could not be asked for\n", asking.asked, differed->count,
               failed->count);
    }
    if (left) {
        return ctl_say(CTL_REFUSED, "%" APR_INT64_T_FMT " of them are not answered yet: is a node running that loads mod_saas_billing and "
                       "mod_saas_webhooks and has SaasStripeSecretKey? They stay asked for", left);
    }
    return failed->count ? CTL_REFUSED : CTL_OK;
}

/* -------------------------------------------------------------- replay -- */

typedef struct replay_t {
    const char *event, *job;
} replay_t;

static int queue_replay(ctl_t *ctl, void *baton)
{
    replay_t *replay = baton;
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_STRIPE_EVENT, &rows, CTL_ARGS(replay->event));

    if (code != CTL_OK) {
        return code;
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no event %s: see saasctl stripe events", replay->event);
    }
    if (!strncmp(ctl_cell(rows, 0, 1), "saas.", 5)) {
        return ctl_say(CTL_REFUSED, "%s is an answer of Stripe's, no event: saasctl stripe reconcile asks anew", replay->event);
    }
    return (code = ctl_new_id(ctl, &replay->job)) == CTL_OK
               ? ctl_ask(ctl, CTL_STRIPE_REPLAY, NULL, CTL_ARGS(replay->job, ctl_cell(rows, 0, 2), replay->event)) : code;
}

int ctl_stripe_replay(ctl_t *ctl)
{
    static const char *const names[] = { "verdict", "type", "organization" };
    replay_t replay = { .event = ctl->operands[0] };
    saas_driver_rows_t *rows;
    apr_time_t until;
    int seconds, code = patience(ctl, &seconds);

    if (code != CTL_OK || (code = ctl_transaction(ctl, queue_replay, &replay)) != CTL_OK) {
        return code;
    }
    for (until = apr_time_now() + apr_time_from_sec(seconds);;) {
        if ((code = ctl_ask(ctl, CTL_STRIPE_REPLAYED, &rows, CTL_ARGS(replay.job))) != CTL_OK) {
            return code;
        }
        if (!rows->count) {
            break;
        }
        if (!strcmp(ctl_cell(rows, 0, 0), "dead")) {
            return ctl_say(CTL_REFUSED, "the event could not be applied: %s", ctl_cell(rows, 0, 1) ? ctl_cell(rows, 0, 1) : "see the error log");
        }
        if (apr_time_now() >= until) {
            return ctl_say(CTL_REFUSED, "the event waits for a node that loads mod_saas_webhooks; see saasctl job show %s", replay.job);
        }
        apr_sleep(LOOK_AGAIN);
    }
    if ((code = ctl_ask(ctl, CTL_STRIPE_EVENT, &rows, CTL_ARGS(replay.event))) == CTL_OK) {
        ctl_print_object(ctl, ctl_row_json(rows, 0, names, "sss"), "verdict");
    }
    return code;
}
