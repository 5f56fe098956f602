/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file saasctl.h
 * The operator's command: what its files share.
 *
 * Commands return an exit code.  They say on stderr what went wrong and what to do, and write nothing but their
 * result to stdout.  A password is never echoed; a token is shown once, by the command that makes it.
 */
#ifndef SAASCTL_H
#define SAASCTL_H

#include "db_driver.h"

#include <apr_tables.h>
#include <jansson.h>

/** Exit codes. */
enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_DATABASE = 3 };

typedef struct ctl_t {
    apr_pool_t *p;
    const char *db;             /**< --db */
    const char *sqldir;         /**< --sql: the folder with pgsql/ and sqlite/ */
    int json;                   /**< --json */
    apr_table_t *options;       /**< the command's own, by name without dashes; flags have the value "" */
    saas_connection_t *c;
    void *native;               /**< PGconn or sqlite3 */
    int sqlite;
} ctl_t;

/** A statement of saasctl's, by number; the table is in database.c. */
#define CTL_ARGS(...) ((const char *const[]){ __VA_ARGS__ }), ((int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))
#define CTL_NO_ARGS NULL, 0

/* database.c */

/** Connects; create: a missing SQLite file is made.  Says itself what is wrong. */
int ctl_connect(ctl_t *ctl, int create);
void ctl_disconnect(ctl_t *ctl);
/** Runs one statement of the table in database.c. */
apr_status_t ctl_query(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs);
/** Runs a script of several statements; *error is in the pool. */
apr_status_t ctl_script(ctl_t *ctl, const char *sql, const char **error);
/** Refuses a database whose schema is not this build's. */
int ctl_check_schema(ctl_t *ctl);
/** A failed database call: says so. */
int ctl_database_failure(const ctl_t *ctl, const char *doing, apr_status_t rv);
const char *ctl_cell(const saas_driver_rows_t *rows, int row, int column);

enum {
    CTL_MIGRATIONS_EXIST_PGSQL, CTL_MIGRATIONS_EXIST_SQLITE, CTL_MIGRATIONS, CTL_MIGRATION_RECORD, CTL_OWNER, CTL_LOCK,
    CTL_USER_ADD, CTL_USER_LIST, CTL_USER_BY_EMAIL, CTL_USER_DEFAULT,
    CTL_TOKEN_ADD, CTL_TOKEN_LIST,
    CTL_ORG_ADD, CTL_ORG_MEMBER, CTL_ORG_ACTIVITY, CTL_ORG_LIST, CTL_ORG_FIND, CTL_ORG_ROLE,
    CTL_STATEMENTS
};

/* commands */

int ctl_migrate(ctl_t *ctl);
int ctl_user_create(ctl_t *ctl);
int ctl_user_list(ctl_t *ctl);
int ctl_token_create(ctl_t *ctl);
int ctl_token_list(ctl_t *ctl);
int ctl_org_create(ctl_t *ctl);
int ctl_org_list(ctl_t *ctl);

/* output.c */

/** "saasctl: …" on stderr; returns code. */
int ctl_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Prints rows as JSON objects or as a table; types has a letter a column: s text, t time, b truth, i number. */
void ctl_print_rows(const ctl_t *ctl, const saas_driver_rows_t *rows, const char *const *names, const char *types);
/** Prints one object; as text, only the member plain.  Steals object. */
void ctl_print_object(const ctl_t *ctl, json_t *object, const char *plain);
/** An option's value, or NULL. */
const char *ctl_option(const ctl_t *ctl, const char *name);

#endif
