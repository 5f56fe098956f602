/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl token: API tokens.  One is shown by the command that makes it, and by nothing else: only its hash is kept.
 */
#include "commands.h"
#include "statements.h"

#include "core/text.h"
#include "core/timefmt.h"
#include "core/token.h"

#include <apr_strings.h>

#define HINT_LENGTH 12

int ctl_token_list(ctl_t *ctl)
{
    static const char *const names[] = {
        "id", "user", "organization", "role", "name", "hint", "created_at", "expires_at", "last_used_at", "revoked_at"
    };
    const char *user, *org;
    int code;
    if ((code = ctl_user_option(ctl, "user", &user)) == CTL_OK && (code = ctl_org_option(ctl, "org", &org)) == CTL_OK) {
        code = ctl_list(ctl, CTL_TOKEN_LIST, names, "sssssstttt", CTL_ARGS(user, org));
    }
    return code;
}

/* -------------------------------------------------------------- create -- */

typedef struct minting_t {
    const char *id, *name, *role, *expires;
    const char *org; /* id; NULL: all of the user's */
    const char *token, *hash;
    ctl_user_t user;
} minting_t;

/* What a token opens: an organization, a role in it, a time; each may be absent. */
static int read_limits(ctl_t *ctl, minting_t *m)
{
    const char *text = ctl_option(ctl, "org");
    saas_driver_rows_t *rows;
    apr_time_t t;
    ctl_org_t org;
    int code = ctl_role(ctl, "role", &m->role);

    if (code == CTL_OK && ctl_option(ctl, "expires") && (code = ctl_time(ctl, "expires", &m->expires)) == CTL_OK
        && saas_time_parse(m->expires, &t) == APR_SUCCESS && t <= apr_time_now()) {
        return ctl_say(CTL_REFUSED, "--expires: %s is in the past", m->expires);
    }
    if (code != CTL_OK || !text || (code = ctl_org(ctl, text, 0, &org)) != CTL_OK) {
        return code;
    }
    m->org = org.id;
    code = ctl_ask(ctl, CTL_MEMBER_FIND, &rows, CTL_ARGS(org.id, m->user.id));
    return code != CTL_OK || rows->count ? code
           : ctl_say(CTL_REFUSED, "the user is no member of %s: a token for it would open nothing (see saasctl member add)", text);
}

static int mint(ctl_t *ctl, void *baton)
{
    minting_t *m = baton;
    ctl_change_t change = { .action = "token.created", .type = "token", .id = m->id, .label = m->name };
    int code = ctl_ask(ctl, CTL_TOKEN_ADD, NULL, CTL_ARGS(m->id, m->user.id, m->org, m->role, m->name,
                                                          apr_pstrndup(ctl->p, m->token, HINT_LENGTH), m->hash, m->expires));
    if (code != CTL_OK) {
        return code;
    }
    change.after = json_pack("{s:s, s:s?, s:s?}", "user", m->user.id, "role", m->role, "expires_at", m->expires);
    return m->org ? ctl_activity(ctl, m->org, &change) : ctl_activity_of_user(ctl, m->user.id, &change);
}

int ctl_token_create(ctl_t *ctl)
{
    char hash[SAAS_HASH_LEN + 1];
    minting_t m = { .hash = hash };
    const char *user;
    int code;

    if ((code = ctl_need(ctl, "user", &user)) != CTL_OK || (code = ctl_name(ctl, "name", &m.name)) != CTL_OK
        || (code = ctl_user(ctl, user, &m.user)) != CTL_OK || (code = read_limits(ctl, &m)) != CTL_OK
        || (code = ctl_new_id(ctl, &m.id)) != CTL_OK) {
        return code;
    }
    if (saas_token_make(ctl->p, "saas_", &m.token) != APR_SUCCESS || saas_token_hash(hash, m.token) != APR_SUCCESS) {
        return ctl_say(CTL_REFUSED, "there are no random numbers");
    }
    if ((code = ctl_transaction(ctl, mint, &m)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?}", "token", m.token, "id", m.id, "name", m.name,
                                        "organization", m.org, "role", m.role, "expires_at", m.expires), "token");
    }
    return code;
}

/* -------------------------------------------------------------- revoke -- */

typedef struct revocation_t {
    const char *id, *name;
    int changed;
} revocation_t;

static int revoke_token(ctl_t *ctl, void *baton)
{
    enum { USER, ORG, NAME, BEFORE };
    revocation_t *r = baton;
    ctl_change_t change = { .action = "token.revoked", .type = "token", .id = r->id };
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_TOKEN_REVOKE, &rows, CTL_ARGS(r->id));
    if (code != CTL_OK) {
        return code;
    }
    if (!rows->count) {
        return ctl_say(CTL_REFUSED, "there is no token %s: see saasctl token list", r->id);
    }
    change.label = r->name = ctl_cell(rows, 0, NAME);
    if (!(r->changed = !ctl_cell_true(rows, 0, BEFORE))) {
        return CTL_OK;
    }
    return ctl_cell(rows, 0, ORG) ? ctl_activity(ctl, ctl_cell(rows, 0, ORG), &change)
                                  : ctl_activity_of_user(ctl, ctl_cell(rows, 0, USER), &change);
}

int ctl_token_revoke(ctl_t *ctl)
{
    revocation_t r = { NULL };
    int code = ctl_id(ctl, ctl->operands[0], &r.id);
    if (code == CTL_OK && (code = ctl_transaction(ctl, revoke_token, &r)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:b}", "id", r.id, "name", r.name, "changed", r.changed), "id");
    }
    return code;
}
