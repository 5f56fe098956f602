/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file drivers.h
 * The room of the databases: what a driver does, and no more: statements, transactions and row streams on one native connection.
 *
 * Drivers know libpq or sqlite3 and APR, never httpd, so that saasctl links them too.  They do not own the
 * connection: mod_dbd (or saasctl) opens and closes it; a driver attaches its state to it once and finds out by
 * itself when the connection behind it has been replaced.  A connection is used by one thread at a time.
 *
 * Statuses are those of mod_saas.h, repeated here word for word (the compiler compares them).
 */
#ifndef SAAS_DRIVERS_H
#define SAAS_DRIVERS_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

#define SAAS_EUNIQUE (APR_OS_START_USERERR + 4201)
#define SAAS_ESERIALIZATION (APR_OS_START_USERERR + 4202)
#define SAAS_EUNAVAILABLE (APR_OS_START_USERERR + 4203)
#define SAAS_EDATABASE (APR_OS_START_USERERR + 4204)
#define SAAS_ELIMIT (APR_OS_START_USERERR + 4205)

/** The constraint that says SAAS_ELIMIT: of the table usage. */
#define SAAS_LIMIT_CONSTRAINT "usage_within_plan"

/** A statement as a driver sees it: its number says where its prepared form is kept. */
typedef struct saas_driver_statement_t {
    const char *name;   /**< for messages; must live as long as the unit of work */
    int number;         /**< 0 … saas_driver_options_t.statements - 1 */
    int tenant;         /**< $1, the first argument, is the organization it is confined to */
    const char *sql;    /**< constant: prepared once a connection */
} saas_driver_statement_t;

/** A result in the pool of the call; NULL cells are SQL NULL. */
typedef struct saas_driver_rows_t {
    int count;
    int columns;
    apr_int64_t affected;
    const char *const *cells;
} saas_driver_rows_t;

typedef struct saas_driver_options_t {
    apr_interval_time_t timeout; /**< longest wait for one answer; 0: any time */
    int schema;                  /**< version the database must have; 0: the caller is its owner, no check and
                                      no change of role */
    int statements;              /**< how many statements there are */
    /** Told of every failure that is not the caller's business: SAAS_EDATABASE or SAAS_EUNAVAILABLE, a tag, and a
     *  text that never holds a parameter's value. */
    void (*log)(void *baton, apr_status_t rv, const char *tag, const char *message);
} saas_driver_options_t;

typedef struct saas_driver_t saas_driver_t;

/** State on a native connection; drivers put their own behind it. */
typedef struct saas_connection_t {
    const saas_driver_t *driver;
    const saas_driver_options_t *options;
    void *baton;      /**< for options->log; set by the caller for each unit of work */
    unsigned made;    /**< how often it was made: the caller counts the first time, the driver each new one */
    unsigned counted; /**< the caller's: of them told */
    apr_uint64_t blanks; /**< times of the last stream that have no form and became empty cells */
    char why[512];    /**< after ready() failed: what is wrong, and the way out */
} saas_connection_t;

/** Where the rows of a stream go: as CSV records, or, where that is set, as their cells. */
typedef struct saas_driver_sink_t {
    apr_status_t (*record)(void *baton, const char *data, apr_size_t len);
    apr_status_t (*cells)(void *baton, const char *const *cells, const apr_size_t *lengths);
    void *baton;
} saas_driver_sink_t;

struct saas_driver_t {
    const char *name; /**< as DBDriver names it */

    /** Makes the state for a native connection, in its pool p, which must be destroyed before the connection is
     *  closed (or have a cleanup that closes it and was registered before).  options must live as long. */
    apr_status_t (*attach)(saas_connection_t **c, apr_pool_t *p, void *native, const saas_driver_options_t *options);

    /** Begins a unit of work: repairs a connection that was lost while idle, sets it up once and checks the
     *  schema.  SAAS_EUNAVAILABLE: c->why says what is wrong. */
    apr_status_t (*ready)(saas_connection_t *c, apr_pool_t *p);

    /** Ends it: rolls back what is open and leaves the connection usable for others that share it. */
    void (*release)(saas_connection_t *c);

    apr_status_t (*begin)(saas_connection_t *c, int write);
    /** rows may be NULL. */
    apr_status_t (*query)(saas_connection_t *c, apr_pool_t *p, const saas_driver_statement_t *st,
                          saas_driver_rows_t **rows, const char *const *args, int nargs);
    /** Inside a transaction only.  rows may be NULL, else they are there when the next query() has succeeded; the pointer must
     *  be good until the transaction ends. */
    apr_status_t (*queue)(saas_connection_t *c, apr_pool_t *p, const saas_driver_statement_t *st,
                          saas_driver_rows_t **rows, const char *const *args, int nargs);
    apr_status_t (*commit)(saas_connection_t *c);
    void (*rollback)(saas_connection_t *c);
    /** See saas_db_stream() and saas_db_stream_cells() in mod_saas.h; p is for scratch. */
    apr_status_t (*stream)(saas_connection_t *c, apr_pool_t *p, const saas_driver_statement_t *st,
                           const char *const *args, int nargs, const saas_driver_sink_t *sink);
    /** See saas_db_load() in mod_saas.h: inside a transaction only; sets rows->affected; p is for scratch. */
    apr_status_t (*load)(saas_connection_t *c, apr_pool_t *p, const saas_driver_statement_t *st,
                         saas_driver_rows_t *rows, const char *const *args, int nargs);
};

/** The native handle is a PGconn. */
extern const saas_driver_t saas_driver_pgsql;
/** What is wrong with parameters for libpq, in p: never a value of theirs.  NULL: it understands them. */
const char *saas_pgsql_params_fault(apr_pool_t *p, const char *params);
/** The native handle is a sqlite3. */
extern const saas_driver_t saas_driver_sqlite;

/** Is the file behind a SQLite connection still the database that was opened?  NULL, or what has become of it, with the
 *  way out.  in_use: the connection has read it before, so that an empty file is a loss as well.  Costs three system
 *  calls and no lock. */
struct sqlite3;
const char *saas_sqlite_file_lost(struct sqlite3 *db, int in_use);

/** Has the file beside a SQLite connection's, -wal or -shm, an owner who does not let this process write it?  SQLite
 *  would read all the same, and find out at the first write; and once it has opened them so, this connection (by its
 *  -shm every one of the process) stays a reader, whoever owns them later.  So it is asked before the first read. */
int saas_sqlite_file_readonly(struct sqlite3 *db);

/** Before a database is made at path: what root makes in somebody else's folder becomes that somebody's, or httpd, who
 *  is not root, could not write it; the files beside it SQLite gives to the owner of the first.  *made: the name is
 *  taken, by the new empty file or what was there, and SQLite is not to create anything.
 *  @return NULL, or what cannot be done, with the way out; nothing is left behind then. */
const char *saas_sqlite_file_make(apr_pool_t *p, const char *path, int *made);

/** What to do about files that cannot be written. */
#define SAAS_SQLITE_OWNER ": let httpd's user own it, its -wal, its -shm and their folder (chown)"

#endif
