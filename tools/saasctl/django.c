/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl import-django: a Django database's users, organizations, memberships, invites, audits and evidence, out of
 * what manage.py dumpdata has written, into a database that has no users yet.  One transaction: a row that is wrong,
 * be it the last, leaves nothing behind.
 */
#include "commands.h"
#include "django.h"
#include "statements.h"

#include <string.h>

#define DRY_RUN 100 /* all is well, and nothing is kept */
#define NAMES_SAID 50

static int refuse_used(ctl_t *ctl)
{
    saas_driver_rows_t *rows;
    int code = ctl_ask(ctl, CTL_IMPORT_FRESH, &rows, CTL_NO_ARGS);
    if (code == CTL_OK && (strcmp(ctl_cell(rows, 0, 0), "0") || strcmp(ctl_cell(rows, 0, 1), "0"))) {
        code = ctl_say(CTL_REFUSED, "the database has %s users and %s organizations: import into a fresh one (saasctl migrate)",
                       ctl_cell(rows, 0, 0), ctl_cell(rows, 0, 1));
    }
    return code;
}

static int import(ctl_t *ctl, void *baton)
{
    django_dump_t *dump = baton;
    int code;
    if ((!ctl->sqlite && (code = ctl_ask(ctl, CTL_IMPORT_LOCK, NULL, CTL_NO_ARGS)) != CTL_OK)
        || (code = refuse_used(ctl)) != CTL_OK || (code = django_write(dump)) != CTL_OK
        || (code = django_evidence(dump)) != CTL_OK) {
        return code;
    }
    return ctl_option(ctl, "dry-run") ? DRY_RUN : CTL_OK;
}

/* Models that are neither known nor to be ignored: all of them at once. */
static int refuse_unknown(django_dump_t *dump)
{
    apr_hash_index_t *hi;
    int code = CTL_OK;
    for (hi = apr_hash_first(dump->p, dump->models); hi; hi = apr_hash_next(hi)) {
        const django_model_t *model = apr_hash_this_val(hi);
        if (model->kind == DJANGO_UNKNOWN) {
            code = ctl_say(CTL_REFUSED, "the model %s is not known (%" APR_INT64_T_FMT " rows): leave it out with --ignore %s, or say"
                           " what it is with --as %s=KIND", model->name, model->count, model->name, model->name);
        }
    }
    return code;
}

static int refuse_problems(const django_dump_t *dump, int code)
{
    if (dump->problems) {
        code = ctl_say(CTL_REFUSED, "%s%" APR_INT64_T_FMT " problems: nothing was imported", dump->problems >= 50 ? "at least " : "",
                       dump->problems);
    }
    return code;
}

/* Who is left out for want of an address. */
static void say_skipped(django_dump_t *dump)
{
    int i;
    for (i = 0; i < dump->skipped->nelts && i < NAMES_SAID; i++) {
        const django_user_t *user = APR_ARRAY_IDX(dump->skipped, i, const django_user_t *);
        ctl_say(CTL_OK, "note: %s %s: has no address and is left out: %.150s", user->thing.model, user->thing.pk,
                user->username ? user->username : "a user without a name, too");
    }
    if (i) {
        ctl_say(CTL_OK, "note: %d users without an address are left out, with %" APR_INT64_T_FMT " memberships and %" APR_INT64_T_FMT
                " invites of theirs", dump->skipped->nelts, dump->memberships_skipped, dump->invites_skipped);
    }
}

static void print_counts(django_dump_t *dump)
{
    json_t *object = json_object(), *ignored = json_object();
    apr_hash_index_t *hi;
    int kind;
    for (kind = 0; kind < DJANGO_KINDS; kind++) {
        json_object_set_new(object, django_tables[kind], json_integer(dump->counts[kind]));
    }
    for (hi = apr_hash_first(dump->p, dump->models); hi; hi = apr_hash_next(hi)) {
        const django_model_t *model = apr_hash_this_val(hi);
        if (model->kind == DJANGO_IGNORED) {
            json_object_set_new(ignored, model->name, json_integer(model->count));
        }
    }
    json_object_set_new(object, "passwords_dropped", json_integer(dump->passwords_dropped));
    json_object_set_new(object, "users_skipped", json_integer(dump->skipped->nelts));
    json_object_set_new(object, "memberships_skipped", json_integer(dump->memberships_skipped));
    json_object_set_new(object, "invites_skipped", json_integer(dump->invites_skipped));
    json_object_set_new(object, "slugs_changed", json_integer(dump->slugs_changed));
    json_object_set_new(object, "ignored", ignored);
    json_object_set_new(object, "imported", json_boolean(!ctl_option(dump->ctl, "dry-run")));
    ctl_print_object(dump->ctl, object, NULL);
}

static int run(django_dump_t *dump)
{
    int code;
    if ((code = refuse_used(dump->ctl)) != CTL_OK || (code = django_open(dump, dump->ctl->operands[0])) != CTL_OK
        || (code = django_each(dump, django_collect)) != CTL_OK || (code = refuse_unknown(dump)) != CTL_OK) {
        return code;
    }
    django_resolve(dump);
    if ((code = refuse_problems(dump, CTL_OK)) != CTL_OK) {
        return code;
    }
    code = refuse_problems(dump, ctl_transaction(dump->ctl, import, dump));
    if (code != CTL_OK && code != DRY_RUN) {
        return code;
    }
    say_skipped(dump);
    if (dump->passwords_dropped) {
        ctl_say(CTL_OK, "note: %" APR_INT64_T_FMT " passwords are hashed in a way that cannot be verified here, or at too high a"
                " cost: these users need a new one (saasctl user password, or a reset)", dump->passwords_dropped);
    }
    print_counts(dump);
    return CTL_OK;
}

int ctl_import_django(ctl_t *ctl)
{
    django_dump_t dump = { .ctl = ctl, .p = ctl->p };
    int kind, code;

    dump.assume_utc = ctl_option(ctl, "assume-utc") != NULL;
    dump.skip_users = ctl_option(ctl, "skip-users-without-email") != NULL;
    dump.skipped = apr_array_make(ctl->p, 4, sizeof(void *));
    dump.emails = apr_hash_make(ctl->p);
    for (kind = 0; kind < DJANGO_KINDS; kind++) {
        dump.keys[kind] = apr_hash_make(ctl->p);
        dump.things[kind] = apr_array_make(ctl->p, 64, sizeof(void *));
    }
    if ((code = django_models_init(&dump)) == CTL_OK) {
        code = run(&dump);
    }
    if (dump.file && dump.file != stdin) {
        fclose(dump.file);
    }
    return code;
}
