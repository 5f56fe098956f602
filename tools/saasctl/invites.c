/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl invite: what is still to be accepted.  Invites are sent by the API, by somebody whose role they cannot
 * exceed; here they are looked at and revoked.
 */
#include "commands.h"
#include "statements.h"

#include <string.h>

int ctl_invite_list(ctl_t *ctl)
{
    static const char *const states[] = { "pending", "accepted", "revoked", "expired", NULL };
    static const char *const names[] = {
        "id", "organization", "email", "role", "state", "invited_by", "created_at", "expires_at", "accepted_at"
    };
    const char *org, *state;
    int code;
    if ((code = ctl_word(ctl, "state", states, &state)) == CTL_OK && (code = ctl_org_option(ctl, "org", &org)) == CTL_OK) {
        code = ctl_list(ctl, CTL_INVITE_LIST, names, "ssssssttt", CTL_ARGS(org, state));
    }
    return code;
}

typedef struct invite_t {
    const char *id, *email;
} invite_t;

static int revoke_invite(ctl_t *ctl, void *baton)
{
    invite_t *invite = baton;
    ctl_change_t change = { .action = "invite.revoked", .type = "invite", .id = invite->id };
    saas_driver_rows_t *rows;
    const char *org;
    int code = ctl_ask(ctl, CTL_INVITE_FIND, &rows, CTL_ARGS(invite->id));
    if (code != CTL_OK) {
        return code;
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no invite %s: see saasctl invite list", invite->id);
    }
    if (strcmp(ctl_cell(rows, 0, 2), "pending")) {
        return ctl_say(CTL_REFUSED, "the invite is %s: there is nothing to revoke", ctl_cell(rows, 0, 2));
    }
    org = ctl_cell(rows, 0, 0);
    change.label = invite->email = ctl_cell(rows, 0, 1);
    code = ctl_ask(ctl, CTL_INVITE_REVOKE, NULL, CTL_ARGS(org, invite->id));
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_INVITE_MAIL_STOP, NULL, CTL_ARGS(invite->id))) == CTL_OK
        && (code = ctl_ask(ctl, CTL_INVITE_MAIL_END, NULL, CTL_ARGS(invite->id))) == CTL_OK) {
        code = ctl_activity(ctl, org, &change);
    }
    return code;
}

int ctl_invite_revoke(ctl_t *ctl)
{
    invite_t invite = { NULL };
    int code = ctl_id(ctl, ctl->operands[0], &invite.id);
    if (code == CTL_OK && (code = ctl_transaction(ctl, revoke_invite, &invite)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", invite.id, "email", invite.email, "state", "revoked"), "id");
    }
    return code;
}
