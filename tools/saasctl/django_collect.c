/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What an entry says, kind by kind, in the words of this schema.  References are kept as keys: the rows of a dump
 * stand in any order.
 */
#include "django.h"

#include "core/password.h"
#include "core/text.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

static const django_word_t roles[] = {
    { "admin", "ADMIN" }, { "administrator", "ADMIN" }, { "owner", "ADMIN" }, { "superuser", "ADMIN" },
    { "member", "MEMBER" }, { "user", "MEMBER" }, { "editor", "MEMBER" }, { "staff", "MEMBER" }, { "analyst", "MEMBER" },
    { "viewer", "VIEWER" }, { "guest", "VIEWER" }, { "read_only", "VIEWER" }, { "readonly", "VIEWER" },
    { "auditor", "VIEWER" }, { "reader", "VIEWER" }, { NULL, NULL }
};

/* The product's own words and Stripe's. */
static const django_word_t subscriptions[] = {
    { "free", "free" }, { "none", "free" }, { "incomplete", "free" }, { "incomplete_expired", "free" },
    { "active", "active" }, { "trialing", "active" }, { "trial", "active" }, { "past_due", "active" }, { "premium", "active" },
    { "expired", "expired" }, { "unpaid", "expired" }, { "paused", "expired" }, { "inactive", "expired" },
    { "canceled", "canceled" }, { "cancelled", "canceled" }, { NULL, NULL }
};
static const char *const stripe_words[] = {
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused", NULL
};

static const django_word_t invite_states[] = {
    { "pending", "pending" }, { "sent", "pending" }, { "expired", "pending" }, { "accepted", "accepted" },
    { "revoked", "revoked" }, { "canceled", "revoked" }, { "cancelled", "revoked" }, { "declined", "revoked" },
    { "rejected", "revoked" }, { NULL, NULL }
};

/* Whoever was still at work does not come along. */
static const django_word_t audit_states[] = {
    { "completed", "completed" }, { "complete", "completed" }, { "done", "completed" }, { "finished", "completed" },
    { "success", "completed" }, { "failed", "failed" }, { "failure", "failed" }, { "error", "failed" },
    { "canceled", "canceled" }, { "cancelled", "canceled" },
    { "queued", "unfinished" }, { "pending", "unfinished" }, { "scheduled", "unfinished" }, { "running", "unfinished" },
    { "in_progress", "unfinished" }, { NULL, NULL }
};

#define CREATED "created_at", "created", "date_created", "created_on"
#define ORGANIZATION "organization", "organisation", "org", "team", "tenant", "company"

/* ---------------------------------------------------------------- keep -- */

/* Room for a thing, known under its key. */
static void *keep(django_row_t *row, django_kind_e kind, int place, apr_size_t size)
{
    django_dump_t *dump = row->dump;
    django_thing_t *thing = apr_pcalloc(dump->p, size);
    thing->model = row->model;
    thing->pk = apr_pstrdup(dump->p, row->pk);
    thing->key = row->key ? thing->pk : NULL;
    thing->place = place;
    APR_ARRAY_PUSH(dump->things[kind], void *) = thing;
    if (thing->key && apr_hash_get(dump->keys[kind], thing->key, APR_HASH_KEY_STRING)) {
        django_problem(row, "pk", "is there twice among the rows that are %s", django_tables[kind]);
    }
    else if (thing->key) {
        apr_hash_set(dump->keys[kind], thing->key, APR_HASH_KEY_STRING, thing);
    }
    return thing;
}

static void also_known_as(django_dump_t *dump, django_kind_e kind, const char *natural, void *thing)
{
    const char *key = natural ? apr_pstrcat(dump->p, "natural key ", natural, NULL) : NULL;
    if (key && !apr_hash_get(dump->keys[kind], key, APR_HASH_KEY_STRING)) {
        apr_hash_set(dump->keys[kind], key, APR_HASH_KEY_STRING, thing);
    }
}

static const char *copy(django_row_t *row, const char *text)
{
    return text ? apr_pstrdup(row->dump->p, text) : NULL;
}

static const char *reference(django_row_t *row, const char *const *names, int required)
{
    return copy(row, django_reference(row, names, required));
}

/* A display name; "" when the entry has no text in these. */
static const char *clean_name(django_row_t *row, const char *const *names, int required)
{
    const char *text = django_text(row, names, required), *name = "", *why = NULL;
    if (text && strspn(text, " ") != strlen(text)
        && saas_name_clean(row->dump->p, text, CTL_NAME_MAX, &name, &why) != APR_SUCCESS) {
        django_problem(row, row->field, "%s", why);
        return "";
    }
    return name;
}

static const char *email_of(django_row_t *row, const char *text)
{
    const char *email = NULL;
    if (text && saas_email_parse(row->dump->p, text, &email) != APR_SUCCESS) {
        return NULL;
    }
    return email;
}

/* ---------------------------------------------------------------- user -- */

/* The stored form, if log-ins can verify it. */
static const char *usable_hash(django_row_t *row)
{
    const char *stored = django_text(row, NAMES("password"), DJANGO_OPTIONAL);
    saas_password_form_t form;
    apr_status_t rv = saas_password_read(stored, &form);

    if (rv == APR_SUCCESS) {
        return copy(row, stored);
    }
    if (rv != APR_EMISMATCH) { /* that is none, or one that is switched off */
        row->dump->passwords_dropped++;
    }
    return NULL;
}

static const char *user_name(django_row_t *row)
{
    const char *first, *last, *name = clean_name(row, NAMES("name", "full_name", "display_name"), DJANGO_OPTIONAL);
    if (*name) {
        return name;
    }
    first = clean_name(row, NAMES("first_name"), DJANGO_OPTIONAL);
    last = clean_name(row, NAMES("last_name"), DJANGO_OPTIONAL);
    return apr_pstrcat(row->dump->p, first, *first && *last ? " " : "", last, NULL);
}

static void collect_user(django_row_t *row, int place)
{
    django_user_t *user = keep(row, DJANGO_USER, place, sizeof(*user)), *other;
    const char *username = django_text(row, NAMES("username"), DJANGO_OPTIONAL);
    const char *text = django_text(row, NAMES("email", "email_address"), DJANGO_OPTIONAL);

    user->username = copy(row, username);
    also_known_as(row->dump, DJANGO_USER, user->username, user);
    also_known_as(row->dump, DJANGO_USER, copy(row, text), user);
    /* Where people log in with their address, it can stand in the one or the other. */
    user->email = email_of(row, text ? text : username);
    if (!user->email && !text && row->dump->skip_users) {
        user->skipped = 1;
        return;
    }
    user->thing.created = django_time(row, NAMES("date_joined", CREATED), DJANGO_REQUIRED);
    user->last_login = django_time(row, NAMES("last_login", "last_login_at"), DJANGO_OPTIONAL);
    user->active = django_flag(row, NAMES("is_active", "active"), 1);
    user->name = user_name(row);
    user->hash = usable_hash(row);
    if (!user->email && text) {
        django_problem(row, "email", "\"%.100s\" is no e-mail address", text);
    }
    else if (!user->email) {
        django_problem(row, "email", "is missing: --skip-users-without-email leaves out users without an address");
    }
    if (!user->email) {
        return;
    }
    user->email_key = saas_email_fold(row->dump->p, user->email);
    other = apr_hash_get(row->dump->emails, user->email_key, APR_HASH_KEY_STRING);
    if (other) {
        django_problem(row, "email", "%s is also that of %s %s (%s)", user->email, other->thing.model, other->thing.pk, other->email);
        return;
    }
    apr_hash_set(row->dump->emails, user->email_key, APR_HASH_KEY_STRING, user);
}

/* -------------------------------------------------------- organization -- */

static void collect_subscription(django_row_t *row, django_org_t *org)
{
    static const char *const status_names[] = { "subscription_status", "plan_status", NULL };
    const char *said = django_text(row, status_names, DJANGO_OPTIONAL);
    int i;

    org->status = said ? django_word(row, status_names, subscriptions, DJANGO_OPTIONAL) : NULL;
    if (!said && django_flag(row, NAMES("has_active_subscription", "is_premium", "is_paid"), 0)) {
        org->status = "active";
    }
    org->status = org->status ? org->status : "free";
    org->started = django_time(row, NAMES("subscription_started_at", "subscription_start", "subscribed_at"), DJANGO_OPTIONAL);
    org->ends = django_time(row, NAMES("subscription_ends_at", "ends_at", "subscription_end", "subscription_expires_at"), DJANGO_OPTIONAL);
    org->customer = copy(row, django_text(row, NAMES("stripe_customer_id", "stripe_customer"), DJANGO_OPTIONAL));
    org->subscription = copy(row, django_text(row, NAMES("stripe_subscription_id", "stripe_subscription"), DJANGO_OPTIONAL));
    org->stripe_status = copy(row, django_text(row, NAMES("stripe_status", "stripe_subscription_status"), DJANGO_OPTIONAL));
    for (i = 0; said && !org->stripe_status && stripe_words[i]; i++) {
        if (!strcmp(said, stripe_words[i])) {
            org->stripe_status = stripe_words[i];
        }
    }
}

static void collect_org(django_row_t *row, int place)
{
    django_org_t *org = keep(row, DJANGO_ORG, place, sizeof(*org));
    org->thing.created = django_time(row, NAMES(CREATED), DJANGO_REQUIRED);
    org->deleted = django_time(row, NAMES("deleted_at", "deleted"), DJANGO_OPTIONAL);
    org->slug = copy(row, django_text(row, NAMES("slug"), DJANGO_OPTIONAL));
    org->owner = reference(row, NAMES("owner"), DJANGO_OPTIONAL);
    org->name = clean_name(row, NAMES("name", "title", "company_name"), DJANGO_REQUIRED);
    also_known_as(row->dump, DJANGO_ORG, org->slug, org);
    also_known_as(row->dump, DJANGO_ORG, org->name, org);
    collect_subscription(row, org);
}

/* -------------------------------------------------- membership, invite -- */

static void collect_member(django_row_t *row, int place)
{
    static const char *const role_names[] = { "role", "role_name", "permission", NULL };
    django_member_t *member = keep(row, DJANGO_MEMBER, place, sizeof(*member));
    member->thing.created = django_time(row, NAMES(CREATED, "joined_at", "date_joined"), DJANGO_OPTIONAL);
    member->org_key = reference(row, NAMES(ORGANIZATION), DJANGO_REQUIRED);
    member->user_key = reference(row, NAMES("user", "member", "account"), DJANGO_REQUIRED);
    if (django_field(row, role_names) || !django_field(row, NAMES("is_admin", "is_owner"))) {
        member->role = django_word(row, role_names, roles, DJANGO_REQUIRED);
    }
    else {
        member->role = django_flag(row, NAMES("is_admin", "is_owner"), 0) ? "ADMIN" : "MEMBER";
    }
}

static void collect_invite(django_row_t *row, int place)
{
    static const char *const state_names[] = { "status", "state", NULL };
    django_invite_t *invite = keep(row, DJANGO_INVITE, place, sizeof(*invite));
    const char *text = django_text(row, NAMES("email", "invitee_email", "email_address"), DJANGO_REQUIRED);

    invite->thing.created = django_time(row, NAMES(CREATED, "sent", "sent_at"), DJANGO_REQUIRED);
    invite->expires = django_time(row, NAMES("expires_at", "expires", "expiry"), DJANGO_OPTIONAL);
    invite->accepted = django_time(row, NAMES("accepted_at", "accepted_on"), DJANGO_OPTIONAL);
    invite->org_key = reference(row, NAMES(ORGANIZATION), DJANGO_REQUIRED);
    invite->inviter_key = reference(row, NAMES("invited_by", "inviter", "created_by", "sender", "user"), DJANGO_OPTIONAL);
    invite->accepter_key = reference(row, NAMES("accepted_by", "invitee"), DJANGO_OPTIONAL);
    invite->role = django_word(row, NAMES("role"), roles, DJANGO_OPTIONAL);
    invite->role = invite->role ? invite->role : "MEMBER";
    if (django_field(row, state_names)) {
        invite->state = django_word(row, state_names, invite_states, DJANGO_REQUIRED);
    }
    else if (django_flag(row, NAMES("revoked", "is_revoked"), 0)) {
        invite->state = "revoked";
    }
    else {
        int accepted = json_is_boolean(django_field(row, NAMES("accepted", "is_accepted")))
                           ? django_flag(row, NAMES("accepted", "is_accepted"), 0) : invite->accepted != 0;
        invite->state = accepted ? "accepted" : "pending";
    }
    if (text && !(invite->email = email_of(row, text))) {
        django_problem(row, "email", "\"%.100s\" is no e-mail address", text);
    }
    invite->email_key = invite->email ? saas_email_fold(row->dump->p, invite->email) : "";
}

/* --------------------------------------------------------------- audit -- */

/* Targets as a JSON list: a list of texts, or the one that a text is. */
static void collect_targets(django_row_t *row, django_audit_t *audit)
{
    const json_t *value = django_field(row, NAMES("targets", "target", "target_url", "url", "domain", "resource"));
    json_t *list = json_array();
    char *text;
    size_t i;

    if (json_is_string(value)) {
        json_array_append_new(list, json_string(json_string_value(value)));
    }
    for (i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i))) {
            django_problem(row, row->field, "is no list of texts");
            break;
        }
        json_array_append(list, json_array_get(value, i));
    }
    if (value && !json_is_string(value) && !json_is_array(value)) {
        django_problem(row, row->field, "is neither a text nor a list of texts");
    }
    audit->target_count = (int)json_array_size(list);
    text = json_dumps(list, JSON_COMPACT);
    audit->targets = copy(row, text ? text : "[]");
    free(text);
    json_decref(list);
}

static int score_of(django_row_t *row)
{
    const json_t *value = django_field(row, NAMES("score", "compliance_score"));
    double score;
    if (!value) {
        return -1;
    }
    score = json_number_value(value);
    if (!json_is_number(value) || score < 0 || score > 100) {
        django_problem(row, row->field, "is no number from 0 to 100");
        return -1;
    }
    return (int)score;
}

static void collect_audit(django_row_t *row, int place)
{
    django_audit_t *audit = keep(row, DJANGO_AUDIT, place, sizeof(*audit));
    audit->thing.created = django_time(row, NAMES(CREATED), DJANGO_REQUIRED);
    audit->started = django_time(row, NAMES("started_at", "started", "start_time"), DJANGO_OPTIONAL);
    audit->finished = django_time(row, NAMES("finished_at", "completed_at", "finished", "ended_at", "end_time"), DJANGO_OPTIONAL);
    audit->org_key = reference(row, NAMES(ORGANIZATION), DJANGO_REQUIRED);
    audit->user_key = reference(row, NAMES("created_by", "started_by", "requested_by", "user", "owner"), DJANGO_OPTIONAL);
    audit->name = clean_name(row, NAMES("name", "title"), DJANGO_OPTIONAL);
    audit->engine = copy(row, django_text(row, NAMES("engine", "provider", "scanner", "audit_type", "type"), DJANGO_OPTIONAL));
    audit->engine = audit->engine ? audit->engine : "imported";
    audit->status = django_word(row, NAMES("status", "state"), audit_states, DJANGO_REQUIRED);
    audit->error = copy(row, django_text(row, NAMES("error", "error_message"), DJANGO_OPTIONAL));
    audit->score = score_of(row);
    collect_targets(row, audit);
    if (audit->status && !strcmp(audit->status, "unfinished")) {
        audit->status = "failed";
        audit->error = "The audit was not finished when it was imported.";
    }
    if (!audit->finished) {
        audit->finished = audit->started ? audit->started : audit->thing.created;
    }
}

int django_collect(django_row_t *row, django_kind_e kind, int place)
{
    static void (*const collect[DJANGO_KINDS])(django_row_t *row, int place) = {
        [DJANGO_USER] = collect_user, [DJANGO_ORG] = collect_org, [DJANGO_MEMBER] = collect_member,
        [DJANGO_INVITE] = collect_invite, [DJANGO_AUDIT] = collect_audit
    };
    django_model(row->dump, row->model)->count++;
    if (kind < DJANGO_KINDS && collect[kind]) {
        collect[kind](row, place);
    }
    return CTL_OK;
}
