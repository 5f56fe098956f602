/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The dump into the database: rows that were checked before, then the evidence, which is checked and written as it is
 * read.  All of it is in one transaction, which belongs to the caller.
 */
#include "django.h"
#include "statements.h"

#include "core/timefmt.h"
#include "core/token.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define BATCH_ROWS 1000
#define BATCH_BYTES (1 << 20)
#define PROBLEMS_MOST 50

/* ------------------------------------------------- what was collected -- */

static apr_status_t write_user(django_dump_t *dump, apr_pool_t *p, const void *thing)
{
    const django_user_t *user = thing;
    return ctl_queue(dump->ctl, CTL_IMPORT_USER,
                     CTL_ARGS(user->thing.id, user->email, user->email_key, user->name, user->hash, user->active ? "1" : "0",
                              user->organization, django_iso(p, user->thing.created), django_iso(p, user->last_login)));
}

/* Stripe's word for what is known, where the dump has none. */
static const char *stripe_status(const django_org_t *org)
{
    static const struct { const char *ours, *stripes; } words[] = {
        { "active", "active" }, { "expired", "unpaid" }, { "canceled", "canceled" }
    };
    unsigned i;
    for (i = 0; !org->stripe_status && i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcmp(words[i].ours, org->status)) {
            return org->subscription ? words[i].stripes : NULL;
        }
    }
    return org->stripe_status;
}

static apr_status_t bind_stripe(django_dump_t *dump, const char *stripe_id, const django_org_t *org)
{
    return stripe_id ? ctl_queue(dump->ctl, CTL_IMPORT_BINDING, CTL_ARGS(stripe_id, org->thing.id, django_iso(dump->p, org->thing.created)))
                     : APR_SUCCESS;
}

static apr_status_t write_org(django_dump_t *dump, apr_pool_t *p, const void *thing)
{
    const django_org_t *org = thing;
    const char *stripes = stripe_status(org), *ends = django_iso(p, org->ends), *id = org->thing.id;
    int active = !strcmp(org->status, "active");
    apr_status_t rv = ctl_queue(dump->ctl, CTL_IMPORT_ORG,
                                CTL_ARGS(id, org->name, org->slug, django_iso(p, org->thing.created),
                                         django_iso(p, org->thing.created), django_iso(p, org->deleted), org->status,
                                         django_iso(p, org->started), ends, org->customer, org->subscription, stripes));
    /* The row that the next event of the subscription is joined to. */
    if (rv == APR_SUCCESS && org->subscription && org->customer && stripes) {
        rv = ctl_queue(dump->ctl, CTL_IMPORT_SUBSCRIPTION,
                       CTL_ARGS(id, org->subscription, org->customer, stripes, active ? ends : NULL,
                                django_iso(p, org->started), active ? NULL : ends));
    }
    if (rv == APR_SUCCESS && (rv = bind_stripe(dump, org->customer, org)) == APR_SUCCESS) {
        rv = bind_stripe(dump, org->subscription, org);
    }
    return rv;
}

static apr_status_t write_member(django_dump_t *dump, apr_pool_t *p, const void *thing)
{
    const django_member_t *member = thing;
    return ctl_queue(dump->ctl, CTL_IMPORT_MEMBER, CTL_ARGS(member->org->thing.id, member->user->thing.id, member->role,
                                                            django_iso(p, member->thing.created)));
}

/* A link that Django has mailed cannot be known here: the hash is that of a token that nobody has. */
static apr_status_t write_invite(django_dump_t *dump, apr_pool_t *p, const void *thing)
{
    const django_invite_t *invite = thing;
    char hash[SAAS_HASH_LEN + 1];
    const char *token;
    apr_status_t rv = saas_token_make(p, NULL, &token);
    if (rv == APR_SUCCESS && (rv = saas_token_hash(hash, token)) == APR_SUCCESS) {
        rv = ctl_queue(dump->ctl, CTL_IMPORT_INVITE,
                       CTL_ARGS(invite->org->thing.id, invite->thing.id, invite->email, invite->email_key, invite->role, hash,
                                invite->state, invite->inviter->thing.id, django_iso(p, invite->thing.created),
                                django_iso(p, invite->expires), django_iso(p, invite->accepted),
                                invite->accepter ? invite->accepter->thing.id : NULL));
    }
    return rv;
}

static apr_status_t write_audit(django_dump_t *dump, apr_pool_t *p, const void *thing)
{
    const django_audit_t *audit = thing;
    return ctl_queue(dump->ctl, CTL_IMPORT_AUDIT,
                     CTL_ARGS(audit->org->thing.id, audit->thing.id, audit->name, audit->engine, audit->targets, audit->status,
                              apr_itoa(p, audit->target_count), audit->score < 0 ? NULL : apr_itoa(p, audit->score), audit->error,
                              audit->user ? audit->user->thing.id : NULL, django_iso(p, audit->thing.created),
                              django_iso(p, audit->started), django_iso(p, audit->finished)));
}

static int note_orgs(django_dump_t *dump)
{
    apr_array_header_t *orgs = dump->things[DJANGO_ORG];
    int i, code = CTL_OK;
    for (i = 0; code == CTL_OK && i < orgs->nelts; i++) {
        const django_org_t *org = APR_ARRAY_IDX(orgs, i, const django_org_t *);
        ctl_change_t change = { .action = "organization.imported", .type = "organization", .id = org->thing.id, .label = org->name };
        change.after = json_pack("{s:s, s:s, s:s, s:s}", "model", org->thing.model, "pk", org->thing.pk, "slug", org->slug,
                                 "subscription_status", org->status);
        code = ctl_activity(dump->ctl, org->thing.id, &change);
    }
    return code;
}

int django_write(django_dump_t *dump)
{
    /* In the order of the foreign keys. */
    static apr_status_t (*const write[DJANGO_EVIDENCE])(django_dump_t *, apr_pool_t *, const void *) = {
        [DJANGO_USER] = write_user, [DJANGO_ORG] = write_org, [DJANGO_MEMBER] = write_member,
        [DJANGO_INVITE] = write_invite, [DJANGO_AUDIT] = write_audit
    };
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *p;
    int kind, i;

    apr_pool_create(&p, dump->p);
    for (kind = 0; rv == APR_SUCCESS && kind < DJANGO_EVIDENCE; kind++) {
        apr_array_header_t *things = dump->things[kind];
        for (i = 0; rv == APR_SUCCESS && i < things->nelts; i++) {
            rv = write[kind](dump, p, APR_ARRAY_IDX(things, i, const void *));
            apr_pool_clear(p);
        }
        dump->counts[kind] = things->nelts;
    }
    apr_pool_destroy(p);
    return rv == APR_SUCCESS ? note_orgs(dump) : ctl_database_failure(dump->ctl, "nothing was imported", rv);
}

/* ------------------------------------------------------------ evidence -- */

static const char *const statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR" };
static const char *const severities[] = { "critical", "high", "medium", "low", "informational" };

static const django_word_t status_words[] = {
    { "pass", "PASS" }, { "passed", "PASS" }, { "ok", "PASS" }, { "compliant", "PASS" },
    { "fail", "FAIL" }, { "failed", "FAIL" }, { "non_compliant", "FAIL" },
    { "manual", "MANUAL" }, { "review", "MANUAL" }, { "error", "ERROR" }, { NULL, NULL }
};
static const django_word_t severity_words[] = {
    { "critical", "critical" }, { "high", "high" }, { "medium", "medium" }, { "moderate", "medium" }, { "low", "low" },
    { "informational", "informational" }, { "info", "informational" }, { "none", "informational" }, { NULL, NULL }
};

typedef struct evidence_t {
    json_t *rows;               /* PostgreSQL: what is not sent yet */
    apr_size_t bytes;
    apr_pool_t *p;
} evidence_t;

static evidence_t batch;

static int flush_batch(django_dump_t *dump)
{
    char *text = json_array_size(batch.rows) ? json_dumps(batch.rows, JSON_COMPACT) : NULL;
    apr_status_t rv = text ? ctl_query_in(dump->ctl, batch.p, CTL_IMPORT_EVIDENCE_PGSQL, NULL, CTL_ARGS(text)) : APR_SUCCESS;
    free(text);
    json_array_clear(batch.rows);
    batch.bytes = 0;
    apr_pool_clear(batch.p);
    return rv == APR_SUCCESS ? CTL_OK : ctl_database_failure(dump->ctl, "nothing was imported", rv);
}

static int store(django_dump_t *dump, const django_audit_t *audit, const char *const cells[6])
{
    char number[24];
    apr_status_t rv;
    apr_snprintf(number, sizeof(number), "%" APR_INT64_T_FMT, audit->number);
    if (dump->ctl->sqlite) {
        rv = ctl_query_in(dump->ctl, batch.p, CTL_IMPORT_EVIDENCE_SQLITE, NULL,
                          CTL_ARGS(audit->org->thing.id, audit->thing.id, number, cells[0], cells[1], cells[2], cells[3], cells[4],
                                   cells[5]));
        return rv == APR_SUCCESS ? CTL_OK : ctl_database_failure(dump->ctl, "nothing was imported", rv);
    }
    json_array_append_new(batch.rows, json_pack("[s, s, s, s, s, s, s, s, s]", audit->org->thing.id, audit->thing.id, number,
                                                cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]));
    batch.bytes += strlen(cells[0]) + strlen(cells[5]);
    return json_array_size(batch.rows) >= BATCH_ROWS || batch.bytes >= BATCH_BYTES ? flush_batch(dump) : CTL_OK;
}

static void count(apr_int64_t *counts, const char *const *words, const char *word)
{
    int i;
    for (i = 0; strcmp(words[i], word); i++) {
        ;
    }
    counts[i]++;
}

static int each_evidence(django_row_t *row, django_kind_e kind, int place)
{
    django_dump_t *dump = row->dump;
    char observed[SAAS_TIME_ISO_SIZE];
    const char *cells[6], *key;
    django_audit_t *audit = NULL;

    (void)place;
    if (kind != DJANGO_EVIDENCE) {
        return CTL_OK;
    }
    if ((key = django_reference(row, NAMES("audit", "scan", "audit_run", "security_audit"), DJANGO_REQUIRED))
        && !(audit = apr_hash_get(dump->keys[DJANGO_AUDIT], key, APR_HASH_KEY_STRING))) {
        django_problem(row, row->field, "refers to %s, which is not among the audits of the dump", key);
    }
    cells[0] = django_text(row, NAMES("resource_id", "resource", "resource_uid", "resource_name", "target"), DJANGO_REQUIRED);
    cells[1] = django_text(row, NAMES("check_name", "check_id", "check", "check_title", "title", "name"), DJANGO_REQUIRED);
    cells[2] = django_word(row, NAMES("status", "result", "outcome"), status_words, DJANGO_REQUIRED);
    cells[3] = django_word(row, NAMES("severity", "severity_level", "risk"), severity_words, DJANGO_REQUIRED);
    cells[4] = observed;
    django_time_text(row, NAMES("timestamp", "observed_at", "created_at", "created", "collected_at", "date"), observed);
    cells[5] = django_text(row, NAMES("comment", "comments", "message", "description", "status_extended", "details", "notes"),
                           DJANGO_OPTIONAL);
    cells[5] = cells[5] ? cells[5] : "";
    if (dump->problems) {
        return dump->problems < PROBLEMS_MOST ? CTL_OK : CTL_REFUSED;
    }
    audit->number++;
    count(audit->by_status, statuses, cells[2]);
    count(audit->by_severity, severities, cells[3]);
    dump->counts[DJANGO_EVIDENCE]++;
    return store(dump, audit, cells);
}

static json_t *counts_json(const char *const *words, const apr_int64_t *counts, int n)
{
    json_t *object = json_object();
    int i;
    for (i = 0; i < n; i++) {
        json_object_set_new(object, words[i], json_integer(counts[i]));
    }
    return object;
}

/* What the server counts when an audit ends; and the score, if the dump has none. */
static apr_status_t finish_audit(django_dump_t *dump, apr_pool_t *p, const django_audit_t *audit)
{
    json_t *counts = json_pack("{s:o, s:o}", "status", counts_json(statuses, audit->by_status, 4), "severity",
                               counts_json(severities, audit->by_severity, 5));
    char *text = json_dumps(counts, JSON_COMPACT);
    apr_status_t rv = ctl_queue(dump->ctl, CTL_IMPORT_COUNTS,
                                CTL_ARGS(audit->org->thing.id, audit->thing.id,
                                         apr_psprintf(p, "%" APR_INT64_T_FMT, audit->number), text));
    if (rv == APR_SUCCESS && audit->score < 0 && !strcmp(audit->status, "completed")) {
        rv = ctl_queue(dump->ctl, CTL_IMPORT_SCORE, CTL_ARGS(audit->org->thing.id, audit->thing.id));
    }
    free(text);
    json_decref(counts);
    return rv;
}

static int finish_audits(django_dump_t *dump)
{
    apr_array_header_t *audits = dump->things[DJANGO_AUDIT];
    apr_status_t rv = APR_SUCCESS;
    int i;
    for (i = 0; rv == APR_SUCCESS && i < audits->nelts; i++) {
        rv = finish_audit(dump, batch.p, APR_ARRAY_IDX(audits, i, const django_audit_t *));
        apr_pool_clear(batch.p);
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_database_failure(dump->ctl, "nothing was imported", rv);
}

int django_evidence(django_dump_t *dump)
{
    apr_array_header_t *audits = dump->things[DJANGO_AUDIT];
    int i, code;

    for (i = 0; i < audits->nelts; i++) { /* also when the transaction is tried again */
        django_audit_t *audit = APR_ARRAY_IDX(audits, i, django_audit_t *);
        audit->number = 0;
        memset(audit->by_status, 0, sizeof(audit->by_status));
        memset(audit->by_severity, 0, sizeof(audit->by_severity));
    }
    dump->counts[DJANGO_EVIDENCE] = 0;
    batch.rows = json_array();
    apr_pool_create(&batch.p, dump->p);
    code = django_each(dump, each_evidence);
    if (code == CTL_OK && dump->problems) {
        code = CTL_REFUSED;
    }
    if (code == CTL_OK && (code = flush_batch(dump)) == CTL_OK) {
        code = finish_audits(dump);
    }
    json_decref(batch.rows);
    apr_pool_destroy(batch.p);
    return code;
}
