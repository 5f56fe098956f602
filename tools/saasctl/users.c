/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl user: accounts, under the rules of the API.  A password is read, checked and hashed, and never said again.
 */
#include "commands.h"
#include "statements.h"

#include "core/password.h"
#include "core/text.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

int ctl_user_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "email", "name", "active", "created_at", "last_login_at" };
    return ctl_list(ctl, CTL_USER_LIST, names, "sssbtt", CTL_NO_ARGS);
}

int ctl_user_show(ctl_t *ctl)
{
    static const char *const names[] = { "id", "email", "name", "active", "has_password", "created_at", "updated_at",
                                         "last_login_at", "default_organization", "sessions", "tokens" };
    static const char *const places[] = { "id", "slug", "name", "role", "deleted" };
    saas_driver_rows_t *rows, *orgs;
    ctl_user_t user;
    json_t *object;
    int code;

    if ((code = ctl_user(ctl, ctl->operands[0], &user)) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_SHOW, &rows, CTL_ARGS(user.id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_ORGS, &orgs, CTL_ARGS(user.id))) != CTL_OK) {
        return code;
    }
    object = ctl_row_json(rows, 0, names, "sssbbtttsii");
    json_object_set_new(object, "organizations", ctl_rows_json(orgs, places, "ssssb"));
    ctl_print_object(ctl, object, NULL);
    return CTL_OK;
}

/* The password from --password or the first line of stdin, hashed; NULL when none is given. */
static int read_password(ctl_t *ctl, const char *email, const char **hash)
{
    const char *password = ctl_option(ctl, "password"), *why;
    char line[1024];
    *hash = NULL;
    if (ctl_option(ctl, "password-stdin")) {
        if (password) {
            return ctl_say(CTL_USAGE, "give either --password or --password-stdin");
        }
        if (!fgets(line, sizeof(line), stdin)) {
            return ctl_say(CTL_USAGE, "--password-stdin: there is no line on standard input");
        }
        line[strcspn(line, "\r\n")] = '\0';
        password = line;
    }
    if (!password) {
        return CTL_OK;
    }
    if (saas_password_check(password, email, &why) != APR_SUCCESS) {
        return ctl_say(CTL_REFUSED, "this password is not accepted: %s", why);
    }
    return saas_password_hash(ctl->p, password, hash) == APR_SUCCESS
               ? CTL_OK : ctl_say(CTL_REFUSED, "cannot hash the password: look for exhausted memory");
}

int ctl_user_create(ctl_t *ctl)
{
    const char *text, *email, *name = "", *hash, *id;
    saas_driver_rows_t *rows;
    int code = ctl_need(ctl, "email", &text);

    if (code != CTL_OK) {
        return code;
    }
    if (saas_email_parse(ctl->p, text, &email) != APR_SUCCESS) {
        return ctl_say(CTL_USAGE, "--email: \"%s\" is no e-mail address", text);
    }
    if ((ctl_option(ctl, "name") && (code = ctl_name(ctl, "name", &name)) != CTL_OK)
        || (code = read_password(ctl, email, &hash)) != CTL_OK || (code = ctl_new_id(ctl, &id)) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_ADD, &rows, CTL_ARGS(id, email, saas_email_fold(ctl->p, email), name, hash,
                                                              saas_email_spelled(ctl->p, email)))) != CTL_OK) {
        return code;
    }
    if (!rows->affected) {
        return ctl_say(CTL_REFUSED, "there is a user %s already: see saasctl user show %s", email, email);
    }
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", id, "email", email, "name", name), "id");
    return CTL_OK;
}

/* ------------------------------------------------------------- changes -- */

typedef struct change_t {
    ctl_user_t user;
    const char *hash;        /* of the new password */
    const char *active;      /* "1" or "0" */
    int changed;
    json_t *organizations;   /* that went with the user */
} change_t;

static int note(ctl_t *ctl, const change_t *change, const char *action)
{
    ctl_change_t row = { .action = action, .type = "user", .id = change->user.id, .label = change->user.email };
    return ctl_activity_of_user(ctl, change->user.id, &row);
}

static int print_change(ctl_t *ctl, const change_t *change)
{
    ctl_print_object(ctl, json_pack("{s:s, s:s, s:b}", "id", change->user.id, "email", change->user.email,
                                    "changed", change->changed), "id");
    return CTL_OK;
}

static int set_password(ctl_t *ctl, void *baton)
{
    change_t *change = baton;
    const char *id = change->user.id;
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_USER_PASSWORD, &rows, CTL_ARGS(id, change->hash));
    if (code == CTL_OK && !rows->affected) {
        return ctl_say(CTL_REFUSED, "the user is gone");
    }
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_SESSIONS_DELETE, NULL, CTL_ARGS(id))) == CTL_OK
        && (code = ctl_ask(ctl, CTL_USER_RESETS_END, NULL, CTL_ARGS(id))) == CTL_OK
        && (code = ctl_ask(ctl, CTL_USER_DEVICES_END, NULL, CTL_ARGS(id))) == CTL_OK) {
        code = note(ctl, change, "user.password_changed");
    }
    return code;
}

int ctl_user_password(ctl_t *ctl)
{
    change_t change = { .changed = 1 };
    int code = ctl_user(ctl, ctl->operands[0], &change.user);
    if (code != CTL_OK || (code = read_password(ctl, change.user.email, &change.hash)) != CTL_OK) {
        return code;
    }
    if (!change.hash) {
        return ctl_say(CTL_USAGE, "no password given: use --password-stdin");
    }
    return (code = ctl_transaction(ctl, set_password, &change)) == CTL_OK ? print_change(ctl, &change) : code;
}

static int set_active(ctl_t *ctl, void *baton)
{
    change_t *change = baton;
    int off = *change->active == '0';
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_USER_ACTIVE, &rows, CTL_ARGS(change->user.id, change->active));
    if (code != CTL_OK || !(change->changed = rows->affected > 0)) {
        return code;
    }
    if (off && (code = ctl_ask(ctl, CTL_SESSIONS_DELETE, NULL, CTL_ARGS(change->user.id))) != CTL_OK) {
        return code;
    }
    return note(ctl, change, off ? "user.disabled" : "user.enabled");
}

static int switch_user(ctl_t *ctl, const char *active)
{
    change_t change = { .active = active };
    int code = ctl_user(ctl, ctl->operands[0], &change.user);
    if (code == CTL_OK && (code = ctl_transaction(ctl, set_active, &change)) == CTL_OK) {
        code = print_change(ctl, &change);
    }
    return code;
}

int ctl_user_disable(ctl_t *ctl)
{
    return switch_user(ctl, "0");
}

int ctl_user_enable(ctl_t *ctl)
{
    return switch_user(ctl, "1");
}

static int set_verified(ctl_t *ctl, void *baton)
{
    change_t *change = baton;
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_USER_VERIFY, &rows, CTL_ARGS(change->user.id, change->active));
    if (code != CTL_OK || !(change->changed = rows->affected > 0)) {
        return code;
    }
    return note(ctl, change, *change->active == '1' ? "user.verified" : "user.unverified");
}

static int mark_user(ctl_t *ctl, const char *verified)
{
    change_t change = { .active = verified };
    int code = ctl_user(ctl, ctl->operands[0], &change.user);
    if (code == CTL_OK && (code = ctl_transaction(ctl, set_verified, &change)) == CTL_OK) {
        code = print_change(ctl, &change);
    }
    return code;
}

int ctl_user_verify(ctl_t *ctl)
{
    return mark_user(ctl, "1");
}

int ctl_user_unverify(ctl_t *ctl)
{
    return mark_user(ctl, "0");
}

/* -------------------------------------------------------------- delete -- */

/* One of the user's organizations: it keeps an ADMIN, or goes with the user when nobody else is in it. */
static int leave(ctl_t *ctl, change_t *change, const ctl_org_t *org, const char *role)
{
    ctl_change_t row = { .action = "member.removed", .type = "user", .id = change->user.id, .label = change->user.email };
    saas_driver_rows_t *rows;
    int code = ctl_org_lock(ctl, org->id), alone;

    if (code != CTL_OK || (code = ctl_ask(ctl, CTL_MEMBER_COUNT, &rows, CTL_ARGS(org->id, change->user.id))) != CTL_OK) {
        return code;
    }
    alone = !strcmp(ctl_cell(rows, 0, 0), "1");
    if (alone && !org->deleted && !ctl_option(ctl, "with-organizations")) {
        return ctl_say(CTL_REFUSED, "nobody else is in %s: delete it first (saasctl org delete %s), or with the user by"
                       " --with-organizations", org->slug, org->slug);
    }
    if (alone && !org->deleted) {
        json_array_append_new(change->organizations, json_string(org->slug));
        code = ctl_org_soft_delete(ctl, org, 1);
    }
    else if (!org->deleted && !strcmp(role, "ADMIN")) {
        code = ctl_member_keeps_admin(ctl, org, &change->user, "deleted");
    }
    if (code == CTL_OK) {
        row.before = json_pack("{s:s}", "role", role);
        row.after = json_pack("{s:b}", "account_deleted", 1);
        code = ctl_activity(ctl, org->id, &row);
    }
    return code;
}

/* The user's row is locked first, then the organizations in the order of their ids, as the server does it. */
static int delete_user(ctl_t *ctl, void *baton)
{
    enum { ID, SLUG, NAME, ROLE, DELETED };
    change_t *change = baton;
    const char *id = change->user.id;
    saas_driver_rows_t *orgs, *rows;
    int r, code;

    json_array_clear(change->organizations);
    if ((code = ctl_ask(ctl, CTL_USER_LOCK, &rows, CTL_ARGS(id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_ORGS, &orgs, CTL_ARGS(id))) != CTL_OK) {
        return code;
    }
    for (r = 0; code == CTL_OK && r < orgs->count; r++) {
        ctl_org_t org = { ctl_cell(orgs, r, ID), ctl_cell(orgs, r, SLUG), ctl_cell(orgs, r, NAME), ctl_cell_true(orgs, r, DELETED) };
        code = leave(ctl, change, &org, ctl_cell(orgs, r, ROLE));
    }
    if (code != CTL_OK || (code = ctl_ask(ctl, CTL_USER_INVITES_END, NULL, CTL_ARGS(id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_LEAVE, NULL, CTL_ARGS(id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_USER_DELETE, &rows, CTL_ARGS(id))) != CTL_OK) {
        return code;
    }
    return rows->affected ? CTL_OK : ctl_say(CTL_REFUSED, "the user is gone");
}

int ctl_user_delete(ctl_t *ctl)
{
    change_t change = { .organizations = json_array() };
    int code = ctl_user(ctl, ctl->operands[0], &change.user);
    if (code == CTL_OK && (code = ctl_transaction(ctl, delete_user, &change)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:O}", "id", change.user.id, "email", change.user.email,
                                        "organizations_deleted", change.organizations), "id");
    }
    json_decref(change.organizations);
    return code;
}
