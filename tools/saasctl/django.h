/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file django.h
 * What the files of import-django share.  The dump is read twice: first all but the evidence, into memory, where it is
 * checked as a whole; then the evidence, straight into the database.  Memory grows with users, organizations and
 * audits, never with evidence.
 */
#ifndef SAASCTL_DJANGO_H
#define SAASCTL_DJANGO_H

#include "saasctl.h"

#include <apr_hash.h>

#include <stdio.h>

typedef enum {
    DJANGO_USER, DJANGO_ORG, DJANGO_MEMBER, DJANGO_INVITE, DJANGO_AUDIT, DJANGO_EVIDENCE, DJANGO_KINDS,
    DJANGO_IGNORED = DJANGO_KINDS, DJANGO_UNKNOWN
} django_kind_e;

/** As --as and the counts name them: "user", …; and the tables: "users", …. */
extern const char *const django_kinds[DJANGO_KINDS];
extern const char *const django_tables[DJANGO_KINDS];

typedef struct django_dump_t django_dump_t;

/** An entry of the dump that is being read. */
typedef struct django_row_t {
    django_dump_t *dump;
    const char *model;
    const char *pk;             /**< as text; "entry 12" when it has none */
    const char *key;            /**< as others refer to it; NULL when it has none */
    const json_t *fields;
    apr_pool_t *p;              /**< ends with the row */
    const char *field;          /**< the one that was asked for last, for messages */
} django_row_t;

/** What all that is kept begins with. */
typedef struct django_thing_t {
    const char *model, *pk, *key; /**< for messages, and references */
    const char *id;             /**< the new one */
    apr_time_t created;
    int place;                  /**< in the dump */
} django_thing_t;

typedef struct django_user_t {
    django_thing_t thing;
    const char *username, *email, *email_key, *name, *hash;
    const char *organization;   /**< id of the first one */
    apr_time_t last_login;
    int active;
    int skipped;                /**< has no address, and is left out: others refer to nobody */
} django_user_t;

typedef struct django_org_t {
    django_thing_t thing;
    const char *name, *slug;
    const char *status, *customer, *subscription, *stripe_status;
    const char *owner;          /**< key of a user, or NULL */
    const django_user_t *admin; /**< the first ADMIN */
    apr_time_t started, ends, deleted;
} django_org_t;

typedef struct django_member_t {
    django_thing_t thing;
    const char *org_key, *user_key, *role;
    django_org_t *org;
    django_user_t *user;
} django_member_t;

typedef struct django_invite_t {
    django_thing_t thing;
    const char *org_key, *inviter_key, *accepter_key;
    const char *email, *email_key, *role, *state;
    const django_org_t *org;
    const django_user_t *inviter, *accepter;
    apr_time_t expires, accepted;
} django_invite_t;

typedef struct django_audit_t {
    django_thing_t thing;
    const char *org_key, *user_key;
    const char *name, *engine, *targets, *status, *error;
    int target_count, score;    /**< score -1: to be computed */
    const django_org_t *org;
    const django_user_t *user;
    apr_time_t started, finished;
    apr_int64_t number;         /**< of its last evidence */
    apr_int64_t by_status[4], by_severity[5];
} django_audit_t;

struct django_dump_t {
    ctl_t *ctl;
    apr_pool_t *p;
    FILE *file;
    apr_hash_t *models;         /**< name -> django_model_t */
    apr_hash_t *keys[DJANGO_KINDS]; /**< key -> thing */
    apr_hash_t *emails;         /**< folded -> user */
    apr_array_header_t *things[DJANGO_KINDS]; /**< of pointers; none of evidence */
    apr_array_header_t *skipped; /**< users */
    apr_int64_t counts[DJANGO_KINDS];
    apr_int64_t problems;
    apr_int64_t passwords_dropped, slugs_changed, memberships_skipped, invites_skipped;
    int assume_utc, skip_users;
};

typedef struct django_model_t {
    const char *name;
    django_kind_e kind;
    apr_int64_t count;
} django_model_t;

/* django_read.c */

/** Opens FILE, or keeps standard input in a temporary file, since it is read twice. */
int django_open(django_dump_t *dump, const char *path);
/** Calls each with every entry, by its model's kind; what it returns other than CTL_OK ends the reading. */
int django_each(django_dump_t *dump, int (*each)(django_row_t *row, django_kind_e kind, int place));
/** What a model is: by the options of the command line, else by its name. */
int django_models_init(django_dump_t *dump);
django_model_t *django_model(django_dump_t *dump, const char *name);

/* django_fields.c: a field under any of its names.  What is wrong is a problem of the row. */

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })
enum { DJANGO_OPTIONAL = 0, DJANGO_REQUIRED = 1 };

typedef struct django_word_t {
    const char *word, *value;
} django_word_t;

void django_problem(django_row_t *row, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4)));
void django_problem_of(django_dump_t *dump, const django_thing_t *thing, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The first of the names that the row has and that is not null; NULL: none. */
const json_t *django_field(django_row_t *row, const char *const *names);
/** Text that lives as long as the row; numbers are taken as text.  NULL: none. */
const char *django_text(django_row_t *row, const char *const *names, int required);
/** 0: none. */
apr_time_t django_time(django_row_t *row, const char *const *names, int required);
/** The time in its 27 characters, for evidence; 0: a problem was noted. */
int django_time_text(django_row_t *row, const char *const *names, char *iso);
int django_flag(django_row_t *row, const char *const *names, int otherwise);
/** A word by a table, letters' case and - _ and spaces aside; NULL: none, or a problem. */
const char *django_word(django_row_t *row, const char *const *names, const django_word_t *words, int required);
/** How another row is referred to, as a key that lives as long as the row; NULL: none. */
const char *django_reference(django_row_t *row, const char *const *names, int required);
/** A key out of a primary or foreign key; NULL when it is none. */
const char *django_key(apr_pool_t *p, const json_t *value);
/** A time for a statement; NULL for 0. */
const char *django_iso(apr_pool_t *p, apr_time_t t);

/* django_collect.c */

/** Keeps an entry, whatever stands around it. */
int django_collect(django_row_t *row, django_kind_e kind, int place);

/* django_resolve.c */

/** Once all is collected: order, ids, references.  Problems are noted. */
void django_resolve(django_dump_t *dump);

/* django_ids.c */

/** Puts things in the order of their making and gives them ids that sort the same way. */
void django_assign_ids(django_dump_t *dump, django_kind_e kind);

/* django_write.c, in the transaction */

int django_write(django_dump_t *dump);
int django_evidence(django_dump_t *dump);

#endif
