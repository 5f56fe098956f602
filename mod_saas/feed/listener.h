/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file listener.h
 * The running feed: what its thread (feed.c) and the two ways of hearing of changes (pgsql.c, sqlite.c) share.
 */
#ifndef SAAS_FEED_LISTENER_H
#define SAAS_FEED_LISTENER_H

#include "feed.h"

/** The running feed, in the one thread of the node that has it. */
typedef struct saas_feed_t {
    server_rec *s;
    const char *params;              /**< DBDParams */
    saas_marks_t *marks;
    apr_interval_time_t timeout;     /**< SaasFeedTimeout */
    apr_interval_time_t beat;        /**< between two heartbeats */
} saas_feed_t;

/** True when the thread has to leave: to be asked at least every 50 ms. */
int saas_feed_stops(void);
/** Changes can be heard from now on.  Voids all that is cached: nobody knows what was missed before. */
void saas_feed_up(saas_feed_t *feed);
/** A heartbeat that was sent at `sent` has come back, and everything before it is in the marks. */
void saas_feed_beat(saas_feed_t *feed, apr_int64_t sent);
/** No more heartbeats, and why: the cache is bypassed from here on.  why is NULL when the child ends. */
void saas_feed_down(saas_feed_t *feed, const char *why);
/** A change as the database names it: "u:<id>", "o:<id>" or "*". */
void saas_feed_change(saas_feed_t *feed, const char *what);

/** One connection's life, from its making to its loss or saas_feed_stops(). */
void saas_feed_pgsql(saas_feed_t *feed);
void saas_feed_sqlite(saas_feed_t *feed);

#endif
