/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file feed.h
 * The room of changes: what has changed, on whichever node - the marks that cached principals are checked against, and
 * the feed that keeps them.
 */
#ifndef SAAS_FEED_H
#define SAAS_FEED_H

#include "config/config.h"
#include "core/marks.h"

/* ------------------------------------------------------- for the cache -- */

/** Makes `marks` marks (a power of two) in memory shared by the children, and the feed's watchdog.  Leaves the feed
 *  off, with a word in the log, where this configuration can have none. */
int saas_changes_post_config(apr_pool_t *pconf, server_rec *s, apr_size_t marks);
void saas_changes_child_init(apr_pool_t *pchild, server_rec *s);

/** The marks; NULL when there is no feed in this configuration. */
saas_marks_t *saas_changes_marks(void);

/** Microseconds of a clock that all processes of this host share, that nobody sets, and that goes on while the
 *  machine sleeps. */
apr_int64_t saas_changes_clock(void);

/** True when every change that was committed up to SaasFeedTimeout before `now` is in the marks. */
int saas_changes_live(apr_int64_t now);

/** For SaasStatus: off, live or bypassed, the age of the last heartbeat in ms (-1: none), and which child listens. */
const char *saas_changes_state(apr_int64_t *age_ms, int *pid);

/* ------------------------------------------------------ for the gateway -- */

#define SAAS_PENDING_MAX 24

/** What a unit of work has changed and not yet committed. */
typedef struct saas_pending_t {
    int n;
    int all; /* it cannot be told what */
    uint32_t marks[SAAS_PENDING_MAX];
} saas_pending_t;

/** Notes a statement: when it writes a table that principals are made of, each id among its arguments. */
void saas_changes_note(saas_pending_t *pending, const saas_statement_t *st, const char *sql, const char *const *args,
                       int nargs);
/** Marks what was noted: after the commit, even one that seems to have failed.  Whoever made the change, and asks
 *  this node again, sees it; everybody else hears of it from the feed. */
void saas_changes_apply(saas_pending_t *pending);

#endif
