/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file borrow.h
 * What the files of the gateway share: borrow.c (whose connection it is, and for how long) and db.c (what runs on it).
 */
#ifndef SAAS_DB_BORROW_H
#define SAAS_DB_BORROW_H

#include "db.h"
#include "drivers/drivers.h"
#include "feed/feed.h"
#include "replica.h"

#include <apr_dbd.h>
#include <mod_dbd.h>

/** Rows of a statement that was queued: where they go once they are there. */
typedef struct saas_db_promise_t {
    struct saas_db_promise_t *next;
    saas_rows_t **rows;
    saas_driver_rows_t *found;
} saas_db_promise_t;

/** A unit of work. */
struct saas_db_t {
    apr_pool_t *p;       /* of the caller; results go here */
    apr_pool_t *scratch; /* ends with the unit of work */
    server_rec *s;
    ap_dbd_t *rec; /* NULL: given back, or there is a replica */
    saas_replica_t *replica; /* in the place of rec; NULL: there is none */
    saas_connection_t *c; /* NULL: the unit of work is over */
    const char *organization;
    saas_db_t *beside; /* the thread's other one, whose transaction stays open meanwhile; NULL: none */
    int transaction;
    int failed;             /* the transaction has, and was counted */
    saas_db_promise_t *promises; /* of the transaction */
    saas_pending_t changes; /* that the other requests of this node are to be told of */
};

/** Logs a mistake of the program, not of the database. */
apr_status_t saas_db_misuse(const saas_db_t *db, const char *tag, const char *statement, const char *what);
/** True at the first call for a tag (SAAS11nn) and then once in five seconds, in each child. */
int saas_db_may_log(const char *tag);
/** Counts a failure by its class. */
void saas_db_count_failure(apr_status_t rv);
/** Makes what a child keeps about the statements; before its first unit of work. */
void saas_db_statements_child_init(apr_pool_t *pchild);

#endif
