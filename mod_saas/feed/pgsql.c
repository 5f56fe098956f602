/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The change feed on PostgreSQL: one connection of its own that listens to the channel saas_changes, to which the
 * triggers of 0006_changes.sql notify what has changed, and to which the listener itself notifies its heartbeats.
 *
 * Notifications of one database are delivered in the order of their commits, and none before its transaction can be
 * seen by others (PostgreSQL's documentation of NOTIFY).  So when the heartbeat that was sent at t has come back, all
 * that was committed before t has been delivered, and marked, before it.
 *
 * That holds for a session of our own.  A pooler that lends one to each transaction (PgBouncer's transaction mode) hands a
 * notification to whoever has the session just then, or to nobody, while our own heartbeats come back to us: so behind a
 * pooler it is tried first whether what another connection notifies arrives while we ask for nothing.
 *
 * Everything has a deadline here, and nothing blocks: a backend that is frozen, or cut off, must neither keep the
 * child from ending nor look alive.  The connection needs no right but to connect.
 */
#include "listener.h"
#include "core/id.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHANNEL "saas_changes"
#define CONNECT_MS 3000
#define KNOCK_MS 1000
#define LOOK_MS 50   /* between two looks at whether to stop */
#define UNDER_WAY 64 /* heartbeats that may be on their way */
#define KNOCK ":knock" /* in the place of a heartbeat's number */

typedef struct wire_t {
    saas_feed_t *feed;
    PGconn *conn;
    char id[SAAS_UUID_LEN + 1];       /* of this connection: other nodes' heartbeats are not ours */
    apr_uint32_t number;              /* of the last heartbeat sent */
    apr_int64_t sent[UNDER_WAY];      /* when */
    apr_int64_t heard;                /* when the last that came back was sent */
    int backend;                      /* the backend's process, as it says itself */
    int knocked;                      /* what another connection has notified has arrived */
    char why[256];
} wire_t;

static void say(wire_t *w, const char *text)
{
    apr_cpystrn(w->why, text && *text ? text : "the connection was closed", sizeof(w->why));
    w->why[strcspn(w->why, "\r\n")] = '\0';
}

/* Waits for the socket until a moment, or until it is time to look around. */
static void wait_for(wire_t *w, short events, apr_int64_t until)
{
    struct pollfd fd = { PQsocket(w->conn), events, 0 };
    apr_int64_t left = until - saas_changes_clock();
    int ms = left <= 0 ? 0 : left / 1000 >= LOOK_MS ? LOOK_MS : (int)(left / 1000) + 1;
    poll(&fd, fd.fd >= 0 ? 1 : 0, ms);
}

/* Connects with what DBDParams says, under a name by which an administrator can tell the connection. */
static int dial(wire_t *w)
{
    static const char *const keywords[] = { "dbname", "application_name", NULL };
    char name[64];
    const char *const values[] = { w->feed->params, name, NULL };
    apr_int64_t until = saas_changes_clock() + apr_time_from_msec(CONNECT_MS);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    apr_snprintf(name, sizeof(name), "mod_saas feed %s", saas_config_node(w->feed->s));
    w->conn = PQconnectStartParams(keywords, values, 1);
    if (!w->conn || PQstatus(w->conn) == CONNECTION_BAD) {
        say(w, w->conn ? PQerrorMessage(w->conn) : "out of memory");
        return 0;
    }
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
        if (saas_feed_stops() || saas_changes_clock() >= until) {
            say(w, "no connection to PostgreSQL in time");
            return 0;
        }
        wait_for(w, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until);
        state = PQconnectPoll(w->conn);
    }
    if (state != PGRES_POLLING_OK || PQsetnonblocking(w->conn, 1)) {
        say(w, PQerrorMessage(w->conn));
        return 0;
    }
    return 1;
}

/* Our own heartbeat, "<id>:<number>": what was committed before it was sent has been heard. */
static void take_heartbeat(wire_t *w, const char *text)
{
    apr_size_t len = strlen(w->id);
    apr_uint32_t number;
    if (strncmp(text, w->id, len) || text[len] != ':') {
        return;
    }
    if (!strcmp(text + len, KNOCK)) {
        w->knocked = 1;
        return;
    }
    number = (apr_uint32_t)apr_atoi64(text + len + 1);
    if (w->number - number < UNDER_WAY && w->sent[number % UNDER_WAY] >= w->heard) {
        w->heard = w->sent[number % UNDER_WAY];
        saas_feed_beat(w->feed, w->heard);
    }
}

static void take_notification(wire_t *w, const PGnotify *notify)
{
    if (!strncmp(notify->extra, "h:", 2)) {
        take_heartbeat(w, notify->extra + 2);
    }
    else {
        saas_feed_change(w->feed, notify->extra);
    }
}

/* Reads what has arrived, in its order; 0: the connection is of no more use.  A result in front of notifications
 * hides them, so both are taken until there is neither. */
static int take_in(wire_t *w)
{
    int more = 1, good = PQflush(w->conn) >= 0 && PQconsumeInput(w->conn);
    while (good && more) {
        PGnotify *notify;
        PGresult *res;
        more = 0;
        while ((notify = PQnotifies(w->conn))) {
            take_notification(w, notify);
            PQfreemem(notify);
            more = 1;
        }
        if (PQtransactionStatus(w->conn) == PQTRANS_ACTIVE && !PQisBusy(w->conn) && (res = PQgetResult(w->conn))) {
            good = PQresultStatus(res) == PGRES_COMMAND_OK || PQresultStatus(res) == PGRES_TUPLES_OK;
            w->backend = PQntuples(res) ? atoi(PQgetvalue(res, 0, 0)) : w->backend;
            PQclear(res);
            more = 1;
        }
    }
    good = good && PQstatus(w->conn) == CONNECTION_OK;
    if (!good) {
        say(w, PQerrorMessage(w->conn));
    }
    return good;
}

/* Sends a command that gives no rows, or the backend's process, and waits for its end. */
static int command(wire_t *w, const char *sql)
{
    apr_int64_t until = saas_changes_clock() + apr_time_from_msec(CONNECT_MS);
    if (!PQsendQuery(w->conn, sql)) {
        say(w, PQerrorMessage(w->conn));
        return 0;
    }
    for (;;) {
        if (!take_in(w)) {
            return 0;
        }
        if (PQtransactionStatus(w->conn) == PQTRANS_IDLE) {
            return 1;
        }
        if (saas_feed_stops() || saas_changes_clock() >= until) {
            say(w, "PostgreSQL does not answer");
            return 0;
        }
        wait_for(w, POLLIN, until);
    }
}

/* Without a word to a backend that may not listen: closing must not wait. */
static void hang_up(wire_t *w)
{
    if (w->conn) {
        if (PQsocket(w->conn) >= 0) {
            shutdown(PQsocket(w->conn), SHUT_RDWR);
        }
        PQfinish(w->conn);
    }
}

/* Whether the session that listens is ours for as long as we are connected.  Who is told the backend's own process has no
 * pooler in between; else another connection knocks, while this one is idle. */
static int is_our_session(wire_t *w)
{
    wire_t other = { .feed = w->feed };
    apr_int64_t until;
    char sql[128];
    int sent;
    if (!command(w, "SELECT pg_backend_pid()")) {
        return 0;
    }
    if (w->backend == PQbackendPID(w->conn)) {
        return 1;
    }
    apr_snprintf(sql, sizeof(sql), "NOTIFY " CHANNEL ", 'h:%s" KNOCK "'", w->id);
    sent = dial(&other) && command(&other, sql);
    hang_up(&other);
    if (!sent) {
        say(w, other.why);
        return 0;
    }
    for (until = saas_changes_clock() + apr_time_from_msec(KNOCK_MS); !w->knocked; wait_for(w, POLLIN, until)) {
        if (saas_feed_stops() || !take_in(w)) {
            return 0;
        }
        if (!w->knocked && saas_changes_clock() >= until) {
            say(w, "a connection pooler in front of PostgreSQL lends sessions to transactions: have it lend them to "
                   "connections (PgBouncer: pool_mode = session), or connect without it");
            return 0;
        }
    }
    return 1;
}

static int send_heartbeat(wire_t *w, apr_int64_t now)
{
    char sql[128];
    w->number++;
    w->sent[w->number % UNDER_WAY] = now;
    apr_snprintf(sql, sizeof(sql), "NOTIFY " CHANNEL ", 'h:%s:%u'", w->id, (unsigned)w->number);
    if (!PQsendQuery(w->conn, sql)) {
        say(w, PQerrorMessage(w->conn));
        return 0;
    }
    return 1;
}

/* Until the connection is lost, or silent for too long. */
static void listen_on(wire_t *w)
{
    apr_int64_t now = saas_changes_clock(), next = now;
    apr_interval_time_t patience = w->feed->timeout + apr_time_from_sec(1);
    w->heard = now;
    while (!saas_feed_stops()) {
        now = saas_changes_clock();
        if (now - w->heard >= patience) {
            say(w, "no heartbeat has come back in time: PostgreSQL hangs, is cut off, or a connection pooler in front "
                   "of it drops notifications");
            return;
        }
        if (now >= next && PQtransactionStatus(w->conn) == PQTRANS_IDLE) {
            if (!send_heartbeat(w, now)) {
                return;
            }
            next = now + w->feed->beat;
        }
        if (!take_in(w)) {
            return;
        }
        wait_for(w, POLLIN, now >= next ? now + apr_time_from_msec(LOOK_MS) : next);
    }
    w->why[0] = '\0';
}

void saas_feed_pgsql(saas_feed_t *feed)
{
    wire_t w = { .feed = feed };
    /* A heartbeat is worth no write to a disk. */
    if (saas_uuid7(w.id) == APR_SUCCESS && dial(&w) && command(&w, "SET synchronous_commit TO off")
        && command(&w, "LISTEN " CHANNEL) && is_our_session(&w)) {
        saas_feed_up(feed);
        listen_on(&w);
    }
    saas_feed_down(feed, *w.why ? w.why : NULL);
    hang_up(&w);
}
