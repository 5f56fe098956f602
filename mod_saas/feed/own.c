/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What this node changes itself: marked when it is committed, before the feed can tell, so that whoever made a change
 * and asks this node again sees it.
 *
 * A statement says by its own text whether it writes what principals are made of; which of them, the ids among its
 * arguments say.  In doubt everything is marked.
 */
#include "feed.h"
#include "core/id.h"

#include <apr_strings.h>

#include <stdatomic.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The tables that a principal is made of. */
static const char tables[] = " users tokens sessions memberships organizations ";
static const char *const writes[] = { "INSERT INTO ", "UPDATE ", "DELETE FROM " };

/* Of all that is written there, only this is in no principal: when a token was used. */
static const char use_noted[] = " SET last_used_at = now() WHERE ";

static int is_listed(const char *table)
{
    char word[64];
    apr_size_t len = strspn(table, "abcdefghijklmnopqrstuvwxyz_0123456789");
    if (!strncmp(table + len, use_noted, sizeof(use_noted) - 1)) {
        return 0;
    }
    if (!len || len + 3 > sizeof(word)) {
        return 0;
    }
    apr_snprintf(word, sizeof(word), " %.*s ", (int)len, table);
    return strstr(tables, word) != NULL;
}

/* "UPDATE tokens SET …", at the beginning or inside of a WITH. */
static int writes_principals(const char *sql)
{
    apr_size_t i;
    for (; *sql; sql++) {
        for (i = 0; i < COUNT(writes); i++) {
            apr_size_t len = strlen(writes[i]);
            if (!strncmp(sql, writes[i], len) && is_listed(sql + len)) {
                return 1;
            }
        }
    }
    return 0;
}

void saas_changes_note(saas_pending_t *pending, const saas_statement_t *st, const char *sql, const char *const *args,
                       int nargs)
{
    enum { UNKNOWN, NO, YES };
    static _Atomic unsigned char known[4096]; /* by the statement's number; of this child */
    _Atomic unsigned char *at = &known[(unsigned)st->number % COUNT(known)];
    saas_marks_t *marks = saas_changes_marks();
    int i, kind = (unsigned)st->number < COUNT(known) ? atomic_load_explicit(at, memory_order_relaxed) : UNKNOWN;
    int ids = 0;
    if (!marks) {
        return;
    }
    if (kind == UNKNOWN) {
        kind = writes_principals(sql) ? YES : NO;
        if ((unsigned)st->number < COUNT(known)) {
            atomic_store_explicit(at, (unsigned char)kind, memory_order_relaxed);
        }
    }
    if (kind == NO) {
        return;
    }
    for (i = 0; i < nargs; i++) {
        if (args[i] && saas_uuid_is(args[i])) {
            ids++;
            if (pending->n < SAAS_PENDING_MAX) {
                pending->marks[pending->n++] = saas_marks_of(marks, args[i]);
            }
            else {
                pending->all = 1;
            }
        }
    }
    pending->all |= !ids;
}

void saas_changes_apply(saas_pending_t *pending)
{
    saas_marks_t *marks = saas_changes_marks();
    int i;
    if (marks && pending->all) {
        saas_marks_change_all(marks);
    }
    for (i = 0; marks && i < pending->n; i++) {
        saas_marks_change(marks, pending->marks[i]);
    }
    pending->n = pending->all = 0;
}
