/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl member: who is in an organization, and as what.
 *
 * The last ADMIN stays: decided inside the transaction, under the lock on the organization that the server takes for
 * the same decision.
 */
#include "commands.h"
#include "statements.h"

#include <string.h>

int ctl_member_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "email", "name", "role", "active", "since" };
    ctl_org_t org;
    int code = ctl_org(ctl, ctl->operands[0], 1, &org);
    return code == CTL_OK ? ctl_list(ctl, CTL_MEMBER_LIST, names, "ssssbt", CTL_ARGS(org.id)) : code;
}

typedef struct membership_t {
    ctl_org_t org;
    ctl_user_t user;
    const char *role, *old; /* old NULL: was no member */
    const char *action;
} membership_t;

static int read_membership(ctl_t *ctl, membership_t *m)
{
    int code = ctl_org(ctl, ctl->operands[0], 0, &m->org);
    return code == CTL_OK ? ctl_user(ctl, ctl->operands[1], &m->user) : code;
}

/* Locks, and reads the role of now. */
static int look(ctl_t *ctl, membership_t *m)
{
    saas_driver_rows_t *rows;
    int code = ctl_org_lock(ctl, m->org.id);
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_MEMBER_FIND, &rows, CTL_ARGS(m->org.id, m->user.id))) == CTL_OK) {
        m->old = ctl_cell(rows, 0, 0);
    }
    return code;
}

static json_t *role_json(const char *role)
{
    return role ? json_pack("{s:s}", "role", role) : NULL;
}

static int note(ctl_t *ctl, const membership_t *m)
{
    ctl_change_t change = { .action = m->action, .type = "user", .id = m->user.id, .label = m->user.email,
                            .before = role_json(m->old), .after = role_json(m->role) };
    return ctl_activity(ctl, m->org.id, &change);
}

int ctl_member_keeps_admin(ctl_t *ctl, const ctl_org_t *org, const ctl_user_t *user, const char *doing)
{
    saas_driver_rows_t *rows;
    const char *others;
    int code = ctl_ask(ctl, CTL_MEMBER_COUNT, &rows, CTL_ARGS(org->id, user->id));
    if (code != CTL_OK) {
        return code;
    }
    others = ctl_cell(rows, 0, 1);
    return others && strcmp(others, "0") ? CTL_OK
           : ctl_say(CTL_REFUSED, "%s is the last ADMIN of %s and cannot be %s: make somebody else ADMIN first"
                     " (saasctl member role %s USER --role ADMIN)", user->email, org->slug, doing, org->slug);
}

static int not_a_member(const membership_t *m)
{
    return ctl_say(CTL_REFUSED, "%s is no member of %s: see saasctl member list %s", m->user.email, m->org.slug, m->org.slug);
}

static int print_membership(ctl_t *ctl, const membership_t *m)
{
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s?, s:s?}", "organization", m->org.slug, "user", m->user.email,
                                    "role", m->role, "old_role", m->old), m->role ? "role" : "user");
    return CTL_OK;
}

/* ----------------------------------------------------------------- add -- */

static int add(ctl_t *ctl, void *baton)
{
    membership_t *m = baton;
    int code = look(ctl, m);
    if (code == CTL_OK && m->old) {
        return ctl_say(CTL_REFUSED, "%s is in %s already, as %s: see saasctl member role", m->user.email, m->org.slug, m->old);
    }
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_MEMBER_ADD, NULL, CTL_ARGS(m->org.id, m->user.id, m->role))) == CTL_OK) {
        code = note(ctl, m);
    }
    return code;
}

int ctl_member_add(ctl_t *ctl)
{
    membership_t m = { .action = "member.added" };
    int code = ctl_role(ctl, "role", &m.role);
    m.role = m.role ? m.role : "MEMBER";
    if (code == CTL_OK && (code = read_membership(ctl, &m)) == CTL_OK && (code = ctl_transaction(ctl, add, &m)) == CTL_OK) {
        code = print_membership(ctl, &m);
    }
    return code;
}

/* ---------------------------------------------------------------- role -- */

/* What somebody could do with the old role only goes with it. */
static int demote(ctl_t *ctl, const membership_t *m)
{
    int code = ctl_member_keeps_admin(ctl, &m->org, &m->user, "demoted");
    return code == CTL_OK ? ctl_ask(ctl, CTL_MEMBER_INVITES_END, NULL, CTL_ARGS(m->org.id, m->user.id)) : code;
}

static int change_role(ctl_t *ctl, void *baton)
{
    membership_t *m = baton;
    int code = look(ctl, m);
    if (code != CTL_OK || (m->old && !strcmp(m->old, m->role))) {
        return code;
    }
    if (!m->old) {
        return not_a_member(m);
    }
    if (!strcmp(m->old, "ADMIN") && (code = demote(ctl, m)) != CTL_OK) {
        return code;
    }
    if ((code = ctl_ask(ctl, CTL_MEMBER_TOKENS_END, NULL, CTL_ARGS(m->org.id, m->user.id, m->role))) == CTL_OK
        && (code = ctl_ask(ctl, CTL_MEMBER_ROLE, NULL, CTL_ARGS(m->org.id, m->user.id, m->role))) == CTL_OK) {
        code = note(ctl, m);
    }
    return code;
}

int ctl_member_role(ctl_t *ctl)
{
    membership_t m = { .action = "member.role_changed" };
    const char *given;
    int code;
    if ((code = ctl_need(ctl, "role", &given)) == CTL_OK && (code = ctl_role(ctl, "role", &m.role)) == CTL_OK
        && (code = read_membership(ctl, &m)) == CTL_OK && (code = ctl_transaction(ctl, change_role, &m)) == CTL_OK) {
        code = print_membership(ctl, &m);
    }
    return code;
}

/* -------------------------------------------------------------- remove -- */

static int take_out(ctl_t *ctl, void *baton)
{
    membership_t *m = baton;
    const char *org = m->org.id, *user = m->user.id;
    int code = look(ctl, m);
    if (code == CTL_OK && !m->old) {
        return not_a_member(m);
    }
    if (code == CTL_OK && !strcmp(m->old, "ADMIN")) {
        code = ctl_member_keeps_admin(ctl, &m->org, &m->user, "removed");
    }
    if (code != CTL_OK
        || (code = ctl_ask(ctl, CTL_MEMBER_REMOVE, NULL, CTL_ARGS(org, user))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_MEMBER_TOKENS_END, NULL, CTL_ARGS(org, user, NULL))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_MEMBER_INVITES_END, NULL, CTL_ARGS(org, user))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_MEMBER_DEFAULT_END, NULL, CTL_ARGS(org, user))) != CTL_OK) {
        return code;
    }
    return note(ctl, m);
}

int ctl_member_remove(ctl_t *ctl)
{
    membership_t m = { .action = "member.removed" };
    int code = read_membership(ctl, &m);
    return code == CTL_OK && (code = ctl_transaction(ctl, take_out, &m)) == CTL_OK ? print_membership(ctl, &m) : code;
}
