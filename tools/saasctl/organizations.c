/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl org: organizations.  Whether one has paid is shown here and never changed: only Stripe's events do that
 * (trial.c has what needs no payment).
 */
#include "commands.h"
#include "statements.h"

#include "core/id.h"
#include "core/text.h"

#include <apr_strings.h>

#include <string.h>

#define SLUG_TRIES 5
#define SLUG_DIGITS 6

int ctl_org_list(ctl_t *ctl)
{
    static const char *const names[] = { "id", "slug", "name", "subscription", "created_at", "members", "deleted_at" };
    return ctl_list(ctl, CTL_ORG_LIST, names, "sssstit", CTL_ARGS(ctl_option(ctl, "deleted") ? "1" : "0"));
}

int ctl_org_show(ctl_t *ctl)
{
    static const char *const names[] = {
        "id", "slug", "name", "subscription", "subscription_started_at", "subscription_ends_at", "stripe_customer_id",
        "stripe_subscription_id", "stripe_status", "trial_started_at", "trial_ends_at", "members", "pending_invites", "audits", "created_at", "updated_at", "deleted_at"
    };
    saas_driver_rows_t *rows;
    ctl_org_t org;
    int code = ctl_org(ctl, ctl->operands[0], 1, &org);
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_ORG_SHOW, &rows, CTL_ARGS(org.id))) == CTL_OK) {
        ctl_print_object(ctl, ctl_row_json(rows, 0, names, "ssssttsssttiiittt"), NULL);
    }
    return code;
}

/* -------------------------------------------------------------- create -- */

typedef struct creation_t {
    const char *id, *name, *slug;
    ctl_user_t owner;
    int taken;
} creation_t;

/* The organization, its ADMIN and the entry in its trail. */
static int create(ctl_t *ctl, void *baton)
{
    creation_t *new = baton;
    ctl_change_t change = { .action = "organization.created", .type = "organization", .id = new->id, .label = new->name };
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_ORG_ADD, &rows, CTL_ARGS(new->id, new->name, new->slug));

    if (code == CTL_OK && (new->taken = !rows->affected)) {
        return CTL_REFUSED;
    }
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_MEMBER_ADD, NULL, CTL_ARGS(new->id, new->owner.id, "ADMIN"))) == CTL_OK
        && (code = ctl_ask(ctl, CTL_USER_DEFAULT, NULL, CTL_ARGS(new->owner.id, new->id))) == CTL_OK) {
        change.after = json_pack("{s:s, s:s}", "name", new->name, "slug", new->slug);
        code = ctl_activity(ctl, new->id, &change);
    }
    return code;
}

/* The name's slug; from the second try on, or when there is none, with the end of the id behind it. */
static const char *make_slug(ctl_t *ctl, const creation_t *new, int attempt)
{
    const char *slug = saas_slugify(ctl->p, new->name, CTL_SLUG_MAX - SLUG_DIGITS - 1);
    if (!attempt && ctl_slug_fits(slug)) {
        return slug;
    }
    return apr_pstrcat(ctl->p, *slug ? slug : "organization", "-", new->id + SAAS_UUID_LEN - SLUG_DIGITS, NULL);
}

int ctl_org_create(ctl_t *ctl)
{
    const char *owner, *given = ctl_option(ctl, "slug");
    creation_t new = { .taken = 1 };
    int code, attempt;

    if ((code = ctl_name(ctl, "name", &new.name)) != CTL_OK || (code = ctl_need(ctl, "owner", &owner)) != CTL_OK) {
        return code;
    }
    if (given && !ctl_slug_fits(given)) {
        return ctl_say(CTL_USAGE, "--slug: %d to %d lower-case letters and digits, in words joined by dashes", CTL_SLUG_MIN,
                       CTL_SLUG_MAX);
    }
    if ((code = ctl_user(ctl, owner, &new.owner)) != CTL_OK) {
        return code;
    }
    for (attempt = 0; new.taken && attempt < (given ? 1 : SLUG_TRIES); attempt++) {
        if ((code = ctl_new_id(ctl, &new.id)) != CTL_OK) {
            return code;
        }
        new.slug = given ? given : make_slug(ctl, &new, attempt);
        new.taken = 0;
        code = ctl_transaction(ctl, create, &new);
    }
    if (new.taken) {
        return ctl_say(CTL_REFUSED, "there is an organization %s already: choose another --slug", new.slug);
    }
    if (code == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:s}", "id", new.id, "slug", new.slug, "name", new.name), "id");
    }
    return code;
}

/* --------------------------------------------------- delete and restore -- */

static int refuse_live(ctl_t *ctl, const ctl_org_t *org)
{
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_ORG_LIVE, &rows, CTL_ARGS(org->id));
    if (code == CTL_OK && rows->count) {
        code = ctl_say(CTL_REFUSED, "%s has the subscription %s, which would go on being charged: --purge has it canceled,"
                       " --keep-subscription leaves it", org->slug, ctl_cell(rows, 0, 0));
    }
    return code;
}

static int enqueue_purge(ctl_t *ctl, const ctl_org_t *org)
{
    const char *id;
    int code = ctl_new_id(ctl, &id);
    return code == CTL_OK ? ctl_ask(ctl, CTL_ORG_PURGE, NULL, CTL_ARGS(id, org->id, org->id)) : code;
}

int ctl_org_soft_delete(ctl_t *ctl, const ctl_org_t *org, int purge)
{
    ctl_change_t change = { .action = "organization.deleted", .type = "organization", .id = org->id, .label = org->name };
    int code;
    if ((code = ctl_ask(ctl, CTL_ORG_DELETE, NULL, CTL_ARGS(org->id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_ORG_JOBS_STOP, NULL, CTL_ARGS(org->id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_ORG_JOBS_END, NULL, CTL_ARGS(org->id))) != CTL_OK
        || (code = ctl_ask(ctl, CTL_ORG_AUDITS_END, NULL, CTL_ARGS(org->id))) != CTL_OK
        || (purge && (code = enqueue_purge(ctl, org)) != CTL_OK)) {
        return code;
    }
    change.before = json_pack("{s:s, s:s}", "name", org->name, "slug", org->slug);
    return ctl_activity(ctl, org->id, &change);
}

static int delete_body(ctl_t *ctl, void *baton)
{
    const ctl_org_t *org = baton;
    int purge = ctl_option(ctl, "purge") != NULL, code = ctl_org_lock(ctl, org->id);
    if (code == CTL_OK && !purge && !ctl_option(ctl, "keep-subscription")) {
        code = refuse_live(ctl, org);
    }
    return code == CTL_OK ? ctl_org_soft_delete(ctl, org, purge) : code;
}

int ctl_org_delete(ctl_t *ctl)
{
    ctl_org_t org;
    int code = ctl_org(ctl, ctl->operands[0], 0, &org);
    if (code == CTL_OK && ctl_option(ctl, "purge") && ctl_option(ctl, "keep-subscription")) {
        return ctl_say(CTL_USAGE, "--purge cancels the subscription: give one of --purge and --keep-subscription");
    }
    if (code == CTL_OK && (code = ctl_transaction(ctl, delete_body, &org)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:b}", "id", org.id, "slug", org.slug, "deleted", 1), "id");
    }
    return code;
}

/* What has begun to disappear cannot be brought back. */
static int stop_purge(ctl_t *ctl, const ctl_org_t *org)
{
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_ORG_PURGE_FIND, &rows, CTL_ARGS(org->id));
    if (code == CTL_OK && rows->count && !strcmp(ctl_cell(rows, 0, 1), "running")) {
        return ctl_say(CTL_REFUSED, "%s is being purged: restore it from a backup", org->name);
    }
    return code == CTL_OK ? ctl_ask(ctl, CTL_ORG_PURGE_END, NULL, CTL_ARGS(org->id)) : code;
}

/* --slug, or the one that it had. */
static int choose_slug(ctl_t *ctl, ctl_org_t *org)
{
    const char *slug = ctl_option(ctl, "slug");
    saas_driver_rows_t *rows;
    int code = CTL_OK;
    if (!slug && (code = ctl_ask(ctl, CTL_ORG_OLD_SLUG, &rows, CTL_ARGS(org->id))) == CTL_OK) {
        slug = ctl_cell(rows, 0, 0);
    }
    if (code == CTL_OK && (!slug || !ctl_slug_fits(slug))) {
        code = ctl_say(CTL_REFUSED, "the slug that %s had is not known: give one with --slug", org->name);
    }
    if (code == CTL_OK && (code = ctl_ask(ctl, CTL_ORG_SLUG_TAKEN, &rows, CTL_ARGS(slug, org->id))) == CTL_OK && rows->count) {
        code = ctl_say(CTL_REFUSED, "the slug %s belongs to another organization now: give another one with --slug", slug);
    }
    org->slug = slug;
    return code;
}

static int restore_body(ctl_t *ctl, void *baton)
{
    ctl_org_t *org = baton;
    ctl_change_t change = { .action = "organization.restored", .type = "organization", .id = org->id, .label = org->name };
    saas_driver_rows_t *rows;
    int code = ctl_org_lock(ctl, org->id);
    if (code != CTL_OK || (code = stop_purge(ctl, org)) != CTL_OK || (code = choose_slug(ctl, org)) != CTL_OK
        || (code = ctl_ask(ctl, CTL_ORG_RESTORE, &rows, CTL_ARGS(org->id, org->slug))) != CTL_OK) {
        return code;
    }
    if (!rows->affected) {
        return ctl_say(CTL_REFUSED, "%s is not deleted", org->name);
    }
    change.after = json_pack("{s:s}", "slug", org->slug);
    return ctl_activity(ctl, org->id, &change);
}

int ctl_org_restore(ctl_t *ctl)
{
    ctl_org_t org;
    int code = ctl_org(ctl, ctl->operands[0], 1, &org);
    if (code == CTL_OK && !org.deleted) {
        return ctl_say(CTL_REFUSED, "%s is not deleted", org.slug);
    }
    if (code == CTL_OK && (code = ctl_transaction(ctl, restore_body, &org)) == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:s, s:b}", "id", org.id, "slug", org.slug, "deleted", 0), "id");
    }
    return code;
}
