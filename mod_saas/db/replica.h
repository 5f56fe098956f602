/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file replica.h
 * Connections to the database that SaasExportDB names, of which long reads are made.
 */
#ifndef SAAS_DB_REPLICA_H
#define SAAS_DB_REPLICA_H

#include "db.h"
#include "drivers/drivers.h"

/** What a standby has in common with its primary and with nobody else, for a SELECT. */
#define SAAS_REPLICA_IDENTITY "s.system_identifier, d.oid"
#define SAAS_REPLICA_OF " FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()"

typedef struct saas_replica_t saas_replica_t;

/** Makes the child's store of connections; options must live as long as the child. */
void saas_replica_child_init(apr_pool_t *pchild, server_rec *s, const saas_driver_options_t *options);

/** A connection that is ready, to a standby of the server behind `from`, which has by now everything that `from` has
 *  committed until this call; NULL: there is none.  Why is in the log, unless as many are in use as exports may run,
 *  or one has failed within the last second.  p: for scratch. */
saas_replica_t *saas_replica_take(apr_pool_t *p, server_rec *s, saas_connection_t *from);

/** The driver's side of it. */
saas_connection_t *saas_replica_connection(const saas_replica_t *replica);

/** Gives it back; the driver has released it. */
void saas_replica_give(saas_replica_t *replica);

#endif
