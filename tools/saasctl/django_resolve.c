/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What only shows when all rows but the evidence are known: ids, who is meant by a reference, what must not be there
 * twice.
 */
#include "django.h"

#include "core/text.h"

#include <apr_strings.h>

#include <string.h>

#define INVITE_LIFE apr_time_from_sec(7 * 24 * 3600)

/* The thing of a key; a problem when the dump does not have it. */
static void *referred(django_dump_t *dump, const django_thing_t *from, const char *field, django_kind_e kind, const char *key)
{
    void *thing = key ? apr_hash_get(dump->keys[kind], key, APR_HASH_KEY_STRING) : NULL;
    if (key && !thing) {
        django_problem_of(dump, from, field, "refers to %s, which is not among the %s of the dump", key, django_tables[kind]);
    }
    return thing;
}

/* The same for a user; NULL for one who is left out. */
static django_user_t *referred_user(django_dump_t *dump, const django_thing_t *from, const char *field, const char *key)
{
    django_user_t *user = referred(dump, from, field, DJANGO_USER, key);
    return user && !user->skipped ? user : NULL;
}

static void set_aside_users(django_dump_t *dump)
{
    apr_array_header_t *users = dump->things[DJANGO_USER];
    int i;
    dump->things[DJANGO_USER] = apr_array_make(dump->p, users->nelts + 1, sizeof(void *));
    for (i = 0; i < users->nelts; i++) {
        django_user_t *user = APR_ARRAY_IDX(users, i, django_user_t *);
        APR_ARRAY_PUSH(user->skipped ? dump->skipped : dump->things[DJANGO_USER], void *) = user;
    }
}

/* --------------------------------------------------------------- slugs -- */

/* The slug of its name (or of the slug that does not fit), with a number when it is taken. */
static void make_slug(django_dump_t *dump, apr_hash_t *slugs, django_org_t *org)
{
    const char *stem = saas_slugify(dump->p, org->slug ? org->slug : org->name, CTL_SLUG_MAX - 8), *slug;
    int n;
    if (!ctl_slug_fits(stem)) {
        stem = *stem ? apr_pstrcat(dump->p, "organization-", stem, NULL) : "organization";
        stem = ctl_slug_fits(stem) ? stem : "organization";
    }
    slug = stem;
    for (n = 2; apr_hash_get(slugs, slug, APR_HASH_KEY_STRING); n++) {
        slug = apr_psprintf(dump->p, "%s-%d", stem, n);
    }
    if (org->slug) {
        dump->slugs_changed++;
        ctl_say(CTL_OK, "note: %s %s: slug: \"%.100s\" becomes %s", org->thing.model, org->thing.pk, org->slug, slug);
    }
    org->slug = slug;
    apr_hash_set(slugs, slug, APR_HASH_KEY_STRING, org);
}

static void resolve_slugs(django_dump_t *dump)
{
    apr_hash_t *slugs = apr_hash_make(dump->p);
    apr_array_header_t *orgs = dump->things[DJANGO_ORG];
    django_org_t *other;
    int i;
    for (i = 0; i < orgs->nelts; i++) {
        django_org_t *org = APR_ARRAY_IDX(orgs, i, django_org_t *);
        if (!org->slug || !ctl_slug_fits(org->slug)) {
            continue;
        }
        if ((other = apr_hash_get(slugs, org->slug, APR_HASH_KEY_STRING))) {
            django_problem_of(dump, &org->thing, "slug", "%s is also that of %s %s", org->slug, other->thing.model, other->thing.pk);
        }
        apr_hash_set(slugs, org->slug, APR_HASH_KEY_STRING, org);
    }
    for (i = 0; i < orgs->nelts; i++) {
        django_org_t *org = APR_ARRAY_IDX(orgs, i, django_org_t *);
        if (!org->slug || !ctl_slug_fits(org->slug)) {
            make_slug(dump, slugs, org);
        }
    }
}

static void resolve_stripe(django_dump_t *dump)
{
    apr_hash_t *bound = apr_hash_make(dump->p);
    apr_array_header_t *orgs = dump->things[DJANGO_ORG];
    int i, n;
    for (i = 0; i < orgs->nelts; i++) {
        django_org_t *org = APR_ARRAY_IDX(orgs, i, django_org_t *), *other;
        const char *const ids[] = { org->customer, org->subscription };
        static const char *const fields[] = { "stripe_customer_id", "stripe_subscription_id" };
        for (n = 0; n < 2; n++) {
            if (ids[n] && (other = apr_hash_get(bound, ids[n], APR_HASH_KEY_STRING))) {
                django_problem_of(dump, &org->thing, fields[n], "%s is also that of %s %s", ids[n], other->thing.model, other->thing.pk);
            }
            else if (ids[n]) {
                apr_hash_set(bound, ids[n], APR_HASH_KEY_STRING, org);
            }
        }
    }
}

/* --------------------------------------------------------- memberships -- */

static const char *pair(apr_pool_t *p, const django_org_t *org, const char *with)
{
    return apr_pstrcat(p, org->thing.id, " ", with, NULL);
}

static void join(django_member_t *member)
{
    if (!member->user->organization) {
        member->user->organization = member->org->thing.id;
    }
    if (!member->org->admin && member->role && !strcmp(member->role, "ADMIN")) {
        member->org->admin = member->user;
    }
}

/* An owner without a membership is an ADMIN, too. */
static void add_owners(django_dump_t *dump, apr_hash_t *pairs)
{
    apr_array_header_t *orgs = dump->things[DJANGO_ORG];
    int i;
    for (i = 0; i < orgs->nelts; i++) {
        django_org_t *org = APR_ARRAY_IDX(orgs, i, django_org_t *);
        django_user_t *owner = referred_user(dump, &org->thing, "owner", org->owner);
        if (owner && !apr_hash_get(pairs, pair(dump->p, org, owner->thing.id), APR_HASH_KEY_STRING)) {
            django_member_t *member = apr_pcalloc(dump->p, sizeof(*member));
            member->thing = org->thing;
            member->org = org;
            member->user = owner;
            member->role = "ADMIN";
            APR_ARRAY_PUSH(dump->things[DJANGO_MEMBER], void *) = member;
            join(member);
        }
        if (!org->admin && !org->deleted) {
            ctl_say(CTL_OK, "note: %s %s: %s has no ADMIN: see saasctl member add", org->thing.model, org->thing.pk, org->slug);
        }
    }
}

static void resolve_members(django_dump_t *dump)
{
    apr_hash_t *pairs = apr_hash_make(dump->p);
    apr_array_header_t *members = dump->things[DJANGO_MEMBER];
    int i;
    dump->things[DJANGO_MEMBER] = apr_array_make(dump->p, members->nelts + 1, sizeof(void *));
    for (i = 0; i < members->nelts; i++) {
        django_member_t *member = APR_ARRAY_IDX(members, i, django_member_t *), *other;
        const char *both;
        member->org = referred(dump, &member->thing, "organization", DJANGO_ORG, member->org_key);
        member->user = referred(dump, &member->thing, "user", DJANGO_USER, member->user_key);
        if (!member->org || !member->user) {
            continue;
        }
        if (member->user->skipped) {
            dump->memberships_skipped++;
            continue;
        }
        APR_ARRAY_PUSH(dump->things[DJANGO_MEMBER], void *) = member;
        if (!member->thing.created) {
            member->thing.created = member->org->thing.created;
        }
        both = pair(dump->p, member->org, member->user->thing.id);
        if ((other = apr_hash_get(pairs, both, APR_HASH_KEY_STRING))) {
            django_problem_of(dump, &member->thing, "user", "%s is in %s by %s %s already", member->user->email ? member->user->email
                              : member->user_key, member->org->name, other->thing.model, other->thing.pk);
        }
        apr_hash_set(pairs, both, APR_HASH_KEY_STRING, member);
        join(member);
    }
    add_owners(dump, pairs);
}

/* ------------------------------------------------------ invites, audits -- */

/* Of several pending invites to one address the latest stays; they come in the order of their making. */
static void one_pending(django_dump_t *dump, apr_hash_t *pending, django_invite_t *invite)
{
    const char *both = pair(dump->p, invite->org, invite->email_key);
    django_invite_t *older = apr_hash_get(pending, both, APR_HASH_KEY_STRING);
    if (older) {
        older->state = "revoked";
    }
    apr_hash_set(pending, both, APR_HASH_KEY_STRING, invite);
}

/* Who has invited, or an ADMIN in place of nobody and of one who is left out.  0: there is none, now that users are left
 * out, and the invite goes with them. */
static int resolve_inviter(django_dump_t *dump, django_invite_t *invite)
{
    const django_user_t *user = referred(dump, &invite->thing, "invited_by", DJANGO_USER, invite->inviter_key);
    invite->inviter = user && !user->skipped ? user : NULL;
    if (invite->inviter || !invite->org || (invite->inviter_key && !user)) {
        return 1;
    }
    invite->inviter = invite->org->admin;
    if (!invite->inviter && !dump->skip_users) {
        django_problem_of(dump, &invite->thing, "invited_by", "is missing, and %s has no ADMIN to stand in", invite->org->name);
    }
    return invite->inviter || !dump->skip_users;
}

static void resolve_invites(django_dump_t *dump)
{
    apr_hash_t *pending = apr_hash_make(dump->p);
    apr_array_header_t *invites = dump->things[DJANGO_INVITE];
    int i;
    dump->things[DJANGO_INVITE] = apr_array_make(dump->p, invites->nelts + 1, sizeof(void *));
    for (i = 0; i < invites->nelts; i++) {
        django_invite_t *invite = APR_ARRAY_IDX(invites, i, django_invite_t *);
        invite->org = referred(dump, &invite->thing, "organization", DJANGO_ORG, invite->org_key);
        invite->accepter = referred_user(dump, &invite->thing, "accepted_by", invite->accepter_key);
        invite->expires = invite->expires ? invite->expires : invite->thing.created + INVITE_LIFE;
        if (!resolve_inviter(dump, invite)) {
            dump->invites_skipped++;
            continue;
        }
        APR_ARRAY_PUSH(dump->things[DJANGO_INVITE], void *) = invite;
        if (invite->org && invite->state && !strcmp(invite->state, "pending")) {
            one_pending(dump, pending, invite);
        }
    }
}

static void resolve_audits(django_dump_t *dump)
{
    apr_array_header_t *audits = dump->things[DJANGO_AUDIT];
    int i;
    for (i = 0; i < audits->nelts; i++) {
        django_audit_t *audit = APR_ARRAY_IDX(audits, i, django_audit_t *);
        audit->org = referred(dump, &audit->thing, "organization", DJANGO_ORG, audit->org_key);
        audit->user = referred_user(dump, &audit->thing, "created_by", audit->user_key);
    }
}

void django_resolve(django_dump_t *dump)
{
    int kind;
    set_aside_users(dump);
    for (kind = 0; kind < DJANGO_EVIDENCE; kind++) {
        django_assign_ids(dump, (django_kind_e)kind);
    }
    resolve_slugs(dump);
    resolve_stripe(dump);
    resolve_members(dump);
    resolve_invites(dump);
    resolve_audits(dump);
}
