/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What has gone wrong on a PostgreSQL connection: SQLSTATEs become our statuses, and a connection that is of no use any
 * more is given up so that nothing of it is believed again.  Messages go to the log without a value of anybody's.
 */
#include "pgsql.h"

#include <apr_strings.h>

#include <string.h>
#include <sys/socket.h>

/* SQLSTATEs by prefix, after PostgreSQL's appendix A; the first match counts. */
static const struct {
    const char *prefix;
    apr_status_t rv;
    int gone; /* this connection is of no use any more */
} sqlstates[] = {
    { "23505", SAAS_EUNIQUE, 0 },
    { "40001", SAAS_ESERIALIZATION, 0 },
    { "40P01", SAAS_ESERIALIZATION, 0 },
    { "57014", SAAS_EUNAVAILABLE, 0 },
    { "53", SAAS_EUNAVAILABLE, 0 },
    { "25006", SAAS_EUNAVAILABLE, 1 }, /* read-only: another node is primary now */
    { "25P03", SAAS_EUNAVAILABLE, 1 },
    { "57P", SAAS_EUNAVAILABLE, 1 },
    { "08P01", SAAS_EDATABASE, 0 }, /* not as many arguments as parameters */
    { "08", SAAS_EUNAVAILABLE, 1 },
};

void saas_pgsql_report(pgsql_t *c, apr_status_t rv, const char *tag, const char *message)
{
    if (c->base.options->log) {
        c->base.options->log(c->base.baton, rv, tag, message);
    }
}

/* First line of a message of libpq. */
void saas_pgsql_first_line(char *to, apr_size_t size, const char *message)
{
    apr_cpystrn(to, message && *message ? message : "no answer", size);
    to[strcspn(to, "\r\n")] = '\0';
}

void saas_pgsql_forget(pgsql_t *c)
{
    memset(c->prepared, PGSQL_UNKNOWN, (apr_size_t)c->base.options->statements);
    c->initialized = c->equipped = c->purge = c->again = 0;
    c->nsent = c->transaction = c->tenant = 0;
    c->failed = APR_SUCCESS;
}

/* libpq has no call that closes what mod_dbd owns.  It does so itself once it reads the end, in front of which nothing
 * may be left: what has arrived is thrown away here, what TLS has of it by reading on.  A reset is what ends a backend at
 * once that waits for room to send more (SO_LINGER): to a socket that was shut nobody says that there is room again. */
void saas_pgsql_cut(pgsql_t *c)
{
    int transaction = c->transaction, tries = 4;
    if (PQstatus(c->conn) == CONNECTION_OK) {
        const struct linger at_once = { 1, 0 };
        char arrived[16384];
        setsockopt(PQsocket(c->conn), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        shutdown(PQsocket(c->conn), SHUT_RDWR);
        while (recv(PQsocket(c->conn), arrived, sizeof(arrived), MSG_DONTWAIT) > 0) {
        }
        while (PQstatus(c->conn) == CONNECTION_OK && tries--) {
            PQconsumeInput(c->conn);
        }
    }
    saas_pgsql_forget(c);
    if (transaction) {
        c->transaction = 1;
        c->failed = SAAS_EUNAVAILABLE;
    }
}

apr_status_t saas_pgsql_lost(pgsql_t *c, const char *doing, const char *why)
{
    char line[256], message[512];
    saas_pgsql_first_line(line, sizeof(line), why);
    saas_pgsql_cut(c);
    apr_snprintf(message, sizeof(message), "%s: connection to PostgreSQL given up: %s", doing ? doing : "idle", line);
    apr_cpystrn(c->base.why, message, sizeof(c->base.why));
    saas_pgsql_report(c, SAAS_EUNAVAILABLE, "SAAS1104", message);
    return SAAS_EUNAVAILABLE;
}

apr_status_t saas_pgsql_failure(pgsql_t *c, const pgsql_command_t *command, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    char text[256], message[512];
    apr_status_t rv = SAAS_EDATABASE;
    unsigned i;
    int gone = 0;

    if (!state) {
        state = PQstatus(c->conn) == CONNECTION_OK ? "XX000" : "08006";
    }
    for (i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++) {
        if (!strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix))) {
            rv = sqlstates[i].rv;
            gone = sqlstates[i].gone;
            break;
        }
    }
    if (!strcmp(state, "23514")) { /* a check: ours, or anybody's */
        const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
        if (constraint && !strcmp(constraint, SAAS_LIMIT_CONSTRAINT)) {
            return SAAS_ELIMIT;
        }
    }
    if (gone && c->reading && !strcmp(state, "25006")) { /* no failover: a write in a SAAS_READ transaction */
        rv = SAAS_EDATABASE;
        gone = 0;
    }
    saas_pgsql_first_line(text, sizeof(text), PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    if (!strncmp(state, "22", 2)) {
        text[strcspn(text, ":\"")] = '\0'; /* data exceptions quote the value */
    }
    if (command->kind == PGSQL_SCHEMA) {
        /* Version 5 was found at set-up and is not there now: look again before anything else runs. */
        c->initialized = 0;
        apr_snprintf(c->base.why, sizeof(c->base.why), "the database schema has changed under the running server");
        saas_pgsql_report(c, SAAS_EUNAVAILABLE, "SAAS1103", c->base.why);
        return SAAS_EUNAVAILABLE;
    }
    if (command->kind == PGSQL_SETUP) {
        int missing = !strcmp(state, "42P01") || !strcmp(state, "22023");
        apr_snprintf(c->base.why, sizeof(c->base.why), "%s (%s, SQLSTATE %s)%s", command->name, text, state,
                     missing ? ": run saasctl migrate" : "");
        return SAAS_EUNAVAILABLE;
    }
    if (!strcmp(state, "26000")) { /* DISCARD or DEALLOCATE by somebody else */
        c->initialized = 0;
        c->purge = c->again = 1;
        return SAAS_ESERIALIZATION;
    }
    if (!strcmp(state, "0A000") && command->kind == PGSQL_EXECUTE && command->number >= 0
        && c->prepared[command->number] == PGSQL_PREPARED) { /* cached plan must not change result type */
        c->prepared[command->number] = PGSQL_STALE;
        c->again = 1;
        return SAAS_ESERIALIZATION;
    }
    if (gone) {
        return saas_pgsql_lost(c, command->name, text);
    }
    if (rv == SAAS_EDATABASE || rv == SAAS_EUNAVAILABLE) {
        apr_snprintf(message, sizeof(message), "%s: SQLSTATE %s: %s", command->name, state, text);
        saas_pgsql_report(c, rv, rv == SAAS_EDATABASE ? "SAAS1105" : "SAAS1106", message);
    }
    return rv;
}
