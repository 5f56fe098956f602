/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Addresses from before domains had one form.  A user whose domain was written with other letters than ASCII has a key that
 * nobody looks up first any more: migrate gives it the new one, unless that is somebody else's or two of them would share
 * it.  Those are one mailbox with several users: nothing of them is changed, each logs in as before by their own spelling,
 * and user duplicates lists them for somebody to decide.
 */
#include "commands.h"
#include "statements.h"

#include "core/text.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <stdio.h>

enum { ID, EMAIL, KEY, COLUMNS = 8 };

/* Of users with a key of before, those of one mailbox: the new key, and their rows. */
typedef struct mailbox_t {
    const char *key;
    apr_array_header_t *rows; /* const char *const *: cells */
} mailbox_t;

/* All of them, in the order of their first user. */
static int find_mailboxes(ctl_t *ctl, apr_array_header_t **mailboxes)
{
    apr_hash_t *by_key = apr_hash_make(ctl->p);
    saas_driver_rows_t *rows, *other;
    int r, code = ctl_ask(ctl, ctl->sqlite ? CTL_SPELLED_USERS_SQLITE : CTL_SPELLED_USERS_PGSQL, &rows, CTL_NO_ARGS);

    *mailboxes = apr_array_make(ctl->p, 8, sizeof(mailbox_t *));
    for (r = 0; code == CTL_OK && r < rows->count; r++) {
        const char *key = saas_email_fold(ctl->p, ctl_cell(rows, r, EMAIL));
        mailbox_t *mailbox = apr_hash_get(by_key, key, APR_HASH_KEY_STRING);
        if (!strcmp(key, ctl_cell(rows, r, KEY))) {
            continue; /* the local part alone is beyond ASCII, or the domain is none by now */
        }
        if (!mailbox) {
            mailbox = apr_pcalloc(ctl->p, sizeof(*mailbox));
            mailbox->key = key;
            mailbox->rows = apr_array_make(ctl->p, 2, sizeof(const char *const *));
            apr_hash_set(by_key, key, APR_HASH_KEY_STRING, mailbox);
            APR_ARRAY_PUSH(*mailboxes, mailbox_t *) = mailbox;
            code = ctl_ask(ctl, CTL_USER_OF_KEY, &other, CTL_ARGS(key));
            if (code == CTL_OK && other->count) {
                APR_ARRAY_PUSH(mailbox->rows, const char *const *) = other->cells;
            }
        }
        APR_ARRAY_PUSH(mailbox->rows, const char *const *) = rows->cells + r * rows->columns;
    }
    return code;
}

static int rekey_invites(ctl_t *ctl)
{
    saas_driver_rows_t *rows;
    int r, code = ctl_ask(ctl, ctl->sqlite ? CTL_SPELLED_INVITES_SQLITE : CTL_SPELLED_INVITES_PGSQL, &rows, CTL_NO_ARGS);

    for (r = 0; code == CTL_OK && r < rows->count; r++) {
        const char *key = saas_email_fold(ctl->p, ctl_cell(rows, r, 2));
        if (strcmp(key, ctl_cell(rows, r, 3))) {
            code = ctl_ask(ctl, CTL_INVITE_REKEY, NULL, CTL_ARGS(ctl_cell(rows, r, 0), ctl_cell(rows, r, 1), key));
        }
    }
    return code;
}

typedef struct settling_t {
    int rekeyed, shared;
} settling_t;

static int settle(ctl_t *ctl, void *baton)
{
    settling_t *it = baton;
    apr_array_header_t *mailboxes;
    int i, code = find_mailboxes(ctl, &mailboxes);

    it->rekeyed = it->shared = 0;
    for (i = 0; code == CTL_OK && i < mailboxes->nelts; i++) {
        const mailbox_t *mailbox = APR_ARRAY_IDX(mailboxes, i, const mailbox_t *);
        const char *const *cells = APR_ARRAY_IDX(mailbox->rows, 0, const char *const *);
        if (mailbox->rows->nelts > 1) {
            it->shared++;
        }
        else if ((code = ctl_ask(ctl, CTL_USER_REKEY, NULL, CTL_ARGS(cells[ID], mailbox->key, cells[KEY]))) == CTL_OK) {
            it->rekeyed++;
        }
    }
    return code == CTL_OK ? rekey_invites(ctl) : code;
}

int ctl_settle_addresses(ctl_t *ctl)
{
    settling_t it = { 0, 0 };
    int code = ctl_transaction(ctl, settle, &it);

    if (code == CTL_OK && it.rekeyed && !ctl->json) {
        printf("%d addresses have the key that their domain has in every spelling\n", it.rekeyed);
    }
    if (code == CTL_OK && it.shared) {
        fprintf(stderr, "saasctl: %d mailboxes have several users, of which nothing was changed: see saasctl user duplicates\n",
                it.shared);
    }
    return code;
}

int ctl_user_duplicates(ctl_t *ctl)
{
    static const char *const names[] = { "mailbox", "id", "email", "name", "active", "created_at", "last_login_at",
                                         "organizations" };
    apr_array_header_t *mailboxes, *cells = apr_array_make(ctl->p, 32, sizeof(const char *));
    saas_driver_rows_t table = { .columns = COLUMNS };
    int i, r, c, code = find_mailboxes(ctl, &mailboxes);

    for (i = 0; code == CTL_OK && i < mailboxes->nelts; i++) {
        const mailbox_t *mailbox = APR_ARRAY_IDX(mailboxes, i, const mailbox_t *);
        for (r = 0; mailbox->rows->nelts > 1 && r < mailbox->rows->nelts; r++, table.count++) {
            const char *const *row = APR_ARRAY_IDX(mailbox->rows, r, const char *const *);
            APR_ARRAY_PUSH(cells, const char *) = mailbox->key;
            for (c = 0; c < COLUMNS; c++) {
                if (c != KEY) {
                    APR_ARRAY_PUSH(cells, const char *) = row[c];
                }
            }
        }
    }
    if (code != CTL_OK) {
        return code;
    }
    table.cells = (const char *const *)cells->elts;
    ctl_print_rows(ctl, &table, names, "ssssbtti");
    return table.count ? CTL_REFUSED : CTL_OK;
}
