/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file pump.h
 * What the thread that sends does: looks for what is due, claims as much of it as may be under way, sends it, writes what
 * came of it.
 */
#ifndef SAAS_NOTIFY_PUMP_H
#define SAAS_NOTIFY_PUMP_H

#include "notify.h"

typedef struct saas_notify_pump_t saas_notify_pump_t;

/** NULL: there is no memory for one, or libcurl cannot be used. */
saas_notify_pump_t *saas_notify_pump_make(server_rec *s) HIDDEN;
void saas_notify_pump_end(saas_notify_pump_t *pump) HIDDEN;

/** Works until there is nothing more to do or stops() says so; then what is under way is given a moment to end, and what
 *  has not ended goes back to the queue. look: somebody has called. */
void saas_notify_pump_run(saas_notify_pump_t *pump, int look, int (*called)(void), int (*stops)(void)) HIDDEN;

/** Should another one be made in its place, for this machine's addresses may have changed? */
int saas_notify_pump_is_old(const saas_notify_pump_t *pump) HIDDEN;

#endif
