/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file pgsql.h
 * What the files of the PostgreSQL driver share.
 */
#ifndef SAAS_DRIVERS_PGSQL_H
#define SAAS_DRIVERS_PGSQL_H

#include "drivers.h"

#include <libpq-fe.h>

/** Commands that may be under way before their results are read. */
#define SAAS_PGSQL_PENDING 256

typedef enum {
    PGSQL_CONTROL,  /* BEGIN, scope, ROLLBACK: only its failure matters */
    PGSQL_COMMIT,
    PGSQL_PREPARE,
    PGSQL_EXECUTE,
    PGSQL_DESCRIBE, /* of the unnamed statement: the types of its columns go to c->types */
    PGSQL_SETUP,    /* its failure goes to why, not to the log */
    PGSQL_SCHEMA    /* fails when the schema is not ours */
} pgsql_kind_e;

/** A command that was sent and whose result is awaited. */
typedef struct pgsql_command_t {
    pgsql_kind_e kind;
    int number;                /* of the statement; -1: none */
    const char *name;
    saas_driver_rows_t **rows; /* where its result goes, or NULL */
} pgsql_command_t;

/** What we know of a prepared statement. */
enum { PGSQL_UNKNOWN = 0, PGSQL_SENT, PGSQL_PREPARED, PGSQL_STALE };

typedef struct pgsql_t {
    saas_connection_t base;
    PGconn *conn;
    apr_pool_t *scratch;       /* of the running call: results go here */
    int initialized;           /* settings, role and schema check are done on this backend */
    int equipped;              /* the driver's own statements are prepared */
    int purge;                 /* somebody has dropped our prepared statements */
    int looked;                /* an idle connection was found alive a moment ago */
    int again;                 /* the failure was a stale prepared statement's: worth another try */
    apr_time_t checked;        /* when the schema was last looked at */
    saas_driver_rows_t *role, *version; /* what set-up has read */
    unsigned char *prepared;   /* by statement number */
    pgsql_command_t sent[SAAS_PGSQL_PENDING];
    int nsent;
    int transaction;
    int reading;               /* it is a read-only one */
    apr_status_t failed;       /* of the transaction: what every call returns until it is rolled back */
    Oid *types;                /* of the columns that were described last, in scratch */
    int columns;
    int loads;                 /* columns of the table saas_rows of this transaction; 0: there is none */
    int tenant;                /* scope that the transaction is in */
    char organization[64];
} pgsql_t;

/* ---------------------------------------------------- pgsql_pipeline.c -- */

/** Takes down what was sent, for its result. */
void saas_pgsql_note(pgsql_t *c, pgsql_kind_e kind, int number, const char *name, saas_driver_rows_t **rows);
/** Executes one of the statements that set-up has prepared; value: its only argument, or NULL. */
apr_status_t saas_pgsql_send_own(pgsql_t *c, pgsql_kind_e kind, const char *name, const char *value);
/** Executes a declared statement, prepared first where it is not. */
apr_status_t saas_pgsql_send_statement(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                                       const char *const *args, int nargs);
/** The schema is looked at again now and then, in front of what is sent anyway. */
apr_status_t saas_pgsql_send_guard(pgsql_t *c);
/** Role and organization of the transaction, where they are not set yet. */
apr_status_t saas_pgsql_send_scope(pgsql_t *c, int tenant, const char *organization);
/** Sends a command of our own; values may be NULL. */
apr_status_t saas_pgsql_send(pgsql_t *c, pgsql_kind_e kind, const char *name, const char *sql, int nvalues,
                             const char *const *values);
/** Asks for the types of a SELECT's columns, which finish() then leaves in c->types; runs nothing. */
apr_status_t saas_pgsql_describe(pgsql_t *c, const char *name, const char *sql);
/** Waits for all that was sent; the first failure is returned. */
apr_status_t saas_pgsql_finish(pgsql_t *c);
/** Waits until a result (or, for a stream, bytes) can be read.  APR_TIMEUP: not within the deadline. */
apr_status_t saas_pgsql_wait(pgsql_t *c, int for_result);

/* ----------------------------------------------------- pgsql_failure.c -- */

void saas_pgsql_report(pgsql_t *c, apr_status_t rv, const char *tag, const char *message);
/** First line of a message of libpq. */
void saas_pgsql_first_line(char *to, apr_size_t size, const char *message);
/** Nothing is known of the backend any more. */
void saas_pgsql_forget(pgsql_t *c);
/** Maps and logs a failed result; closes nothing. */
apr_status_t saas_pgsql_failure(pgsql_t *c, const pgsql_command_t *command, const PGresult *res);
/** Closes the connection without a word: the server learns of it at once, the next unit of work makes a new one.
 *  Never waits. */
void saas_pgsql_cut(pgsql_t *c);
/** Gives the connection up, and says why. */
apr_status_t saas_pgsql_lost(pgsql_t *c, const char *doing, const char *why);

/* ------------------------------------------------------------- pgsql.c -- */

apr_status_t saas_pgsql_begin(pgsql_t *c, int write);
void saas_pgsql_rollback(pgsql_t *c);

/* -------------------------------------------------------- pgsql_load.c -- */

apr_status_t saas_pgsql_load(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                             saas_driver_rows_t *rows, const char *const *args, int nargs);

/* ------------------------------------------------------- pgsql_setup.c -- */

/** Looks whether an idle connection is still alive, and sets it up when it is new. */
apr_status_t saas_pgsql_awake(pgsql_t *c);

/* -------------------------------------------------------- pgsql_copy.c -- */

/** A deadline that was missed, or a connection that was lost. */
apr_status_t saas_pgsql_missed(pgsql_t *c, const char *name, apr_status_t rv);
/** Results outside pipeline mode, up to the NULL that ends the command; the first failure is returned.  *copying: it has
 *  come to a COPY instead. */
apr_status_t saas_pgsql_results(pgsql_t *c, const pgsql_command_t *command, int *copying);
apr_status_t saas_pgsql_stream(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                               const char *const *args, int nargs, const saas_driver_sink_t *sink);

#endif
