/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The change feed on SQLite: a connection of its own that asks PRAGMA data_version, which differs as soon as any
 * other connection of any process has committed, and then reads what the triggers of 0006_changes.sql have written
 * into principal_changes.  An answer to the question that was put at t is the heartbeat of t.
 *
 * The connection only reads, and each look ends what it has begun: it never keeps a write-ahead log from its
 * checkpoint.
 */
#include "listener.h"
#include "drivers/drivers.h"

#include <apr_strings.h>

#include <sqlite3.h>

#define POLL_MS 20
#define BUSY_MS 200

typedef struct reader_t {
    saas_feed_t *feed;
    sqlite3 *db;
    sqlite3_stmt *version, *changes;
    apr_int64_t seen;   /* data_version of the last look; -1: none */
    apr_int64_t number; /* of the last change that is marked; -1: not known */
} reader_t;

static int open_file(reader_t *rd, const char **why)
{
    static const char changes[] = "SELECT number, subject FROM principal_changes WHERE number >= ?1 ORDER BY number";
    if (sqlite3_open_v2(rd->feed->params, &rd->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        return 0;
    }
    if (saas_sqlite_file_readonly(rd->db)) {
        *why = "is read-only" SAAS_SQLITE_OWNER;
        return 0;
    }
    sqlite3_busy_timeout(rd->db, BUSY_MS);
    return sqlite3_exec(rd->db, "PRAGMA query_only = ON", NULL, NULL, NULL) == SQLITE_OK
           && sqlite3_prepare_v2(rd->db, "PRAGMA data_version", -1, &rd->version, NULL) == SQLITE_OK
           && sqlite3_prepare_v2(rd->db, changes, -1, &rd->changes, NULL) == SQLITE_OK;
}

/* SQLITE_ROW, or why there is none. */
static int ask_version(reader_t *rd, apr_int64_t *version)
{
    int rc = sqlite3_step(rd->version);
    *version = rc == SQLITE_ROW ? sqlite3_column_int64(rd->version, 0) : 0;
    sqlite3_reset(rd->version);
    return rc;
}

/* Marks what is new.  The change that was read last must come first again: if it does not, the table has been
 * trimmed past it, or the file is another one now, and nobody knows what has changed. */
static int read_changes(reader_t *rd)
{
    apr_int64_t last = rd->number;
    int rc, repeated = last <= 0, all = last < 0;
    sqlite3_bind_int64(rd->changes, 1, last < 0 ? 0 : last);
    while ((rc = sqlite3_step(rd->changes)) == SQLITE_ROW) {
        apr_int64_t at = sqlite3_column_int64(rd->changes, 0);
        const char *subject = (const char *)sqlite3_column_text(rd->changes, 1);
        all |= at != (repeated ? last + 1 : last) || !subject;
        if (repeated && !all) {
            saas_feed_change(rd->feed, subject);
        }
        repeated = 1;
        last = at;
    }
    sqlite3_reset(rd->changes);
    if (rc == SQLITE_DONE) {
        if (all || !repeated) {
            saas_feed_change(rd->feed, "*");
        }
        rd->number = repeated && last > 0 ? last : 0;
    }
    return rc;
}

/* One look; its heartbeat counts from before the question.  A busy file costs a heartbeat, no more. */
static int look(reader_t *rd)
{
    apr_int64_t began = saas_changes_clock(), version;
    int rc = ask_version(rd, &version);
    if (rc == SQLITE_ROW && version != rd->seen) {
        int first = rd->seen < 0;
        if ((rc = read_changes(rd)) == SQLITE_DONE) {
            rd->seen = version;
            if (first) {
                saas_feed_up(rd->feed);
            }
        }
    }
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        saas_feed_beat(rd->feed, began);
        return 1;
    }
    return (rc & 255) == SQLITE_BUSY;
}

void saas_feed_sqlite(saas_feed_t *feed)
{
    reader_t rd = { .feed = feed, .seen = -1, .number = -1 };
    const char *why = NULL;
    if (!open_file(&rd, &why)) {
        why = why ? why : rd.db ? sqlite3_errmsg(rd.db) : "out of memory";
    }
    while (!why && !(why = saas_sqlite_file_lost(rd.db, 1)) && !saas_feed_stops()) {
        if (!look(&rd)) {
            why = sqlite3_errmsg(rd.db);
            break;
        }
        apr_sleep(apr_time_from_msec(POLL_MS));
    }
    saas_feed_down(feed, why);
    sqlite3_finalize(rd.version);
    sqlite3_finalize(rd.changes);
    sqlite3_close(rd.db);
}
