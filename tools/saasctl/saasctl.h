/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file saasctl.h
 * The operator's command: what its files share.
 *
 * Commands return an exit code.  They say on stderr what went wrong and what to do, and write nothing but their
 * result to stdout.  A password is never echoed; a token is shown once, by the command that makes it; a hash, and
 * what a mail carries, never.
 */
#ifndef SAASCTL_H
#define SAASCTL_H

#include "drivers/drivers.h"

#include <apr_tables.h>
#include <jansson.h>

/** Exit codes.  CTL_AGAIN never leaves ctl_transaction(). */
enum { CTL_AGAIN = -1, CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_DATABASE = 3, CTL_DEPENDS = 4 };

#define CTL_OPERANDS 3

typedef struct ctl_t {
    apr_pool_t *p;
    const char *db;             /**< --db */
    const char *sqldir;         /**< --sql: the folder with pgsql/ and sqlite/ */
    int json;                   /**< --json */
    apr_table_t *options;       /**< the command's own, by name without dashes; flags have the value "" */
    const char *operands[CTL_OPERANDS]; /**< what stands behind the command's words; NULL: not given */
    saas_connection_t *c;
    void *native;               /**< PGconn or sqlite3 */
    int sqlite;
    int schema;                 /**< the schema's version, once ctl_check_schema() has looked */
    int again;                  /**< a transaction that is in another one's way can be tried again */
} ctl_t;

/* commands.c */

#define CTL_OPTIONS 6

typedef struct ctl_command_t {
    const char *object, *verb;  /**< verb NULL: the command is one word */
    int (*run)(ctl_t *ctl);
    const char *operands[CTL_OPERANDS]; /**< "?" in front: may be left out */
    const char *options[CTL_OPTIONS];   /**< "!" in front: a flag without a value; "*": may be given again */
    const char *synopsis;
    const char *help;
    enum {
        CTL_MIGRATED = 0,       /**< works on a database whose schema is this build's */
        CTL_CREATES,            /**< may make a new SQLite file; needs no schema */
        CTL_BY_ITSELF           /**< connects when it knows that there is something to do; needs no schema */
    } connects;
} ctl_command_t;

extern const ctl_command_t ctl_commands[]; /**< ends with object NULL */

/** The command of these words, or NULL; verb may be NULL. */
const ctl_command_t *ctl_command_find(const char *object, const char *verb);
/** Prints the help of all commands, of those of an object, or of one. */
void ctl_command_help(const char *object, const char *verb);
/** Refuses words that are no command and says which are. */
int ctl_command_unknown(const char *object, const char *verb);

/* database.c */

#define CTL_ARGS(...) ((const char *const[]){ __VA_ARGS__ }), ((int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))
#define CTL_NO_ARGS NULL, 0

/** Connects; create: a missing SQLite file is made.  Says itself what is wrong. */
int ctl_connect(ctl_t *ctl, int create);
void ctl_disconnect(ctl_t *ctl);
/** Runs one statement of statements.h; results are in ctl->p. */
apr_status_t ctl_query(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs);
/** The same with another pool. */
apr_status_t ctl_query_in(ctl_t *ctl, apr_pool_t *p, int statement, saas_driver_rows_t **rows, const char *const *args,
                          int nargs);
/** Runs one of a transaction's whose result nobody waits for; a failure can show at the next call. */
apr_status_t ctl_queue(ctl_t *ctl, int statement, const char *const *args, int nargs);
/** ctl_query() with an exit code: a failure is said, or left to ctl_transaction() when it is worth another try. */
int ctl_ask(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs);
/** Runs body in a transaction, which ends well only when it returns CTL_OK; again when another one was in the way. */
int ctl_transaction(ctl_t *ctl, int (*body)(ctl_t *ctl, void *baton), void *baton);
/** Runs a script of several statements; *error is in the pool.  SAAS_ESERIALIZATION: a lock was not to be had within
 *  lock_timeout. */
apr_status_t ctl_script(ctl_t *ctl, const char *sql, const char **error);
/** Refuses a database whose schema is not this build's. */
int ctl_check_schema(ctl_t *ctl);
/** A failed database call: says so. */
int ctl_database_failure(const ctl_t *ctl, const char *doing, apr_status_t rv);
const char *ctl_cell(const saas_driver_rows_t *rows, int row, int column);
/** True for what either database calls true. */
int ctl_cell_true(const saas_driver_rows_t *rows, int row, int column);

/* lookup.c: from what an operator types to rows.  All of them say what is wrong. */

#define CTL_NAME_MAX 200
#define CTL_SLUG_MIN 3
#define CTL_SLUG_MAX 50

typedef struct ctl_user_t {
    const char *id, *email, *name;
    int active;
    int verified; /* the address has been proven */
} ctl_user_t;

typedef struct ctl_org_t {
    const char *id, *slug, *name;
    int deleted;
} ctl_org_t;

/** An option's value, or NULL. */
const char *ctl_option(const ctl_t *ctl, const char *name);
/** An option that must be there. */
int ctl_need(const ctl_t *ctl, const char *name, const char **value);
/** An option that is a display name. */
int ctl_name(ctl_t *ctl, const char *option, const char **name);
/** An option that is a role; *role NULL when it is not given. */
int ctl_role(ctl_t *ctl, const char *option, const char **role);
/** An option that is one of the words; *word NULL when it is not given. */
int ctl_word(ctl_t *ctl, const char *option, const char *const *words, const char **word);
/** An option that is there and a time, in the form that both databases take. */
int ctl_time(ctl_t *ctl, const char *option, const char **iso);
/** A user by e-mail address or id. */
int ctl_user(ctl_t *ctl, const char *text, ctl_user_t *user);
/** An organization by slug or id; deleted ones only when asked for. */
int ctl_org(ctl_t *ctl, const char *text, int deleted_too, ctl_org_t *org);
/** An id in canonical form. */
int ctl_id(ctl_t *ctl, const char *text, const char **id);
/** The id of the user, or organization, that an option names; NULL when it is not given. */
int ctl_user_option(ctl_t *ctl, const char *option, const char **id);
int ctl_org_option(ctl_t *ctl, const char *option, const char **id);
/** True for a slug that the server would take. */
int ctl_slug_fits(const char *slug);
/** A new UUIDv7. */
int ctl_new_id(ctl_t *ctl, const char **id);
/** Locks an organization against everybody else's decisions about its members, as the server does. */
int ctl_org_lock(ctl_t *ctl, const char *org_id);

/* activity.c */

typedef struct ctl_change_t {
    const char *action, *type, *id, *label;
    json_t *before, *after; /**< stolen; NULL: none */
} ctl_change_t;

/** A row in the trail of an organization, in the transaction of its cause. */
int ctl_activity(ctl_t *ctl, const char *org_id, const ctl_change_t *change);
/** The same in each organization of a user. */
int ctl_activity_of_user(ctl_t *ctl, const char *user_id, const ctl_change_t *change);
/** "saasctl:" and the name of the unix user. */
const char *ctl_actor(ctl_t *ctl);

/* output.c */

/** "saasctl: …" on stderr; returns code. */
int ctl_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** From now on what is said goes there and not to stderr, the last word stays; NULL: to stderr again. */
void ctl_keep_said(char *to, apr_size_t size);
/** Prints rows as JSON objects or as a table; types has a letter a column: s text, t time, b truth, i number. */
void ctl_print_rows(const ctl_t *ctl, const saas_driver_rows_t *rows, const char *const *names, const char *types);
/** One row as an object. */
json_t *ctl_row_json(const saas_driver_rows_t *rows, int row, const char *const *names, const char *types);
/** All rows as a list of objects. */
json_t *ctl_rows_json(const saas_driver_rows_t *rows, const char *const *names, const char *types);
/** Prints one object; as text, only the member plain, or with NULL a line a member.  Steals object. */
void ctl_print_object(const ctl_t *ctl, json_t *object, const char *plain);
/** Runs a list command: the statement's last parameter, added here, is --limit; says when there is more. */
int ctl_list(ctl_t *ctl, int statement, const char *const *names, const char *types, const char *const *args, int nargs);

#endif
