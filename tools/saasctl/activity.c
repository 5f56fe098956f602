/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The activity trail: what saasctl changes is written to it in the transaction of the change, under the name of the
 * unix user, as the real user id says it: an environment variable could say anything.
 */
#include "saasctl.h"
#include "commands.h"
#include "statements.h"

#include <apr_strings.h>

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

const char *ctl_actor(ctl_t *ctl)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry ? apr_pstrcat(ctl->p, "saasctl:", entry->pw_name, NULL)
                 : apr_psprintf(ctl->p, "saasctl:%lu", (unsigned long)getuid());
}

static const char *text_of(ctl_t *ctl, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    const char *copy = text ? apr_pstrdup(ctl->p, text) : NULL;
    free(text);
    return copy;
}

static int write_row(ctl_t *ctl, const char *org_id, const ctl_change_t *change)
{
    const char *id;
    int code = ctl_new_id(ctl, &id);
    return code == CTL_OK
               ? ctl_ask(ctl, CTL_ACTIVITY_ADD, NULL,
                         CTL_ARGS(org_id, id, ctl_actor(ctl), change->action, change->type, change->id, change->label,
                                  text_of(ctl, change->before), text_of(ctl, change->after)))
               : code;
}

static int done(const ctl_change_t *change, int code)
{
    json_decref(change->before);
    json_decref(change->after);
    return code;
}

int ctl_activity(ctl_t *ctl, const char *org_id, const ctl_change_t *change)
{
    return done(change, write_row(ctl, org_id, change));
}

int ctl_activity_of_user(ctl_t *ctl, const char *user_id, const ctl_change_t *change)
{
    saas_driver_rows_t *rows;
    int r, code = ctl_ask(ctl, CTL_USER_ORGS, &rows, CTL_ARGS(user_id));
    for (r = 0; code == CTL_OK && r < rows->count; r++) {
        code = write_row(ctl, ctl_cell(rows, r, 0), change);
    }
    return done(change, code);
}

int ctl_activity_list(ctl_t *ctl)
{
    static const char *const names[] = {
        "created_at", "organization", "actor_type", "actor_id", "actor_email", "action", "target_type", "target_id",
        "target_label", "old_value", "new_value", "address", "request_id", "id"
    };
    const char *org, *since = ctl_option(ctl, "since");
    int code = ctl_org_option(ctl, "org", &org);
    if (code == CTL_OK && since) {
        code = ctl_time(ctl, "since", &since);
    }
    return code == CTL_OK ? ctl_list(ctl, CTL_ACTIVITY_LIST, names, "tssssssssjjsss",
                                     CTL_ARGS(org, ctl_option(ctl, "action"), ctl_option(ctl, "actor"), since))
                          : code;
}
