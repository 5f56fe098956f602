/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl session: who is logged in, and the end of that.
 */
#include "commands.h"
#include "statements.h"

int ctl_session_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "user", "created_at", "expires_at", "expired", "address", "user_agent" };
    const char *user;
    int code = ctl_user_option(ctl, "user", &user);
    return code == CTL_OK ? ctl_list(ctl, CTL_SESSION_LIST, names, "ssttbss", CTL_ARGS(user)) : code;
}

typedef struct ending_t {
    const char *id;   /* NULL: all of the user's */
    const char *user; /* id */
    apr_int64_t count;
} ending_t;

static int end_sessions(ctl_t *ctl, void *baton)
{
    ending_t *ending = baton;
    ctl_change_t change = { .action = "session.revoked", .type = ending->id ? "session" : "user" };
    saas_driver_rows_t *rows;
    int code = CTL_OK;

    if (ending->id && (code = ctl_ask(ctl, CTL_SESSION_FIND, &rows, CTL_ARGS(ending->id))) == CTL_OK) {
        if (!rows->count) {
            return ctl_say(CTL_REFUSED, "there is no session %s: see saasctl session list", ending->id);
        }
        ending->user = ctl_cell(rows, 0, 0);
    }
    if (code == CTL_OK) {
        code = ending->id ? ctl_ask(ctl, CTL_SESSION_DELETE, &rows, CTL_ARGS(ending->id))
                          : ctl_ask(ctl, CTL_SESSIONS_DELETE, &rows, CTL_ARGS(ending->user));
    }
    if (code != CTL_OK || !(ending->count = rows->affected)) {
        return code;
    }
    change.id = ending->id ? ending->id : ending->user;
    return ctl_activity_of_user(ctl, ending->user, &change);
}

int ctl_session_revoke(ctl_t *ctl)
{
    ending_t ending = { NULL };
    int code = ctl_user_option(ctl, "user", &ending.user);
    if (code != CTL_OK) {
        return code;
    }
    if (!ctl->operands[0] == !ending.user) {
        return ctl_say(CTL_USAGE, "give either the id of a session or --user: see saasctl session list");
    }
    if (ctl->operands[0] && (code = ctl_id(ctl, ctl->operands[0], &ending.id)) != CTL_OK) {
        return code;
    }
    if ((code = ctl_transaction(ctl, end_sessions, &ending)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:I}", "user", ending.user, "revoked", (json_int_t)ending.count), "revoked");
    }
    return code;
}
