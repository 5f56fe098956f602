/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The database as httpd will find it, for saasctl doctor: one connection with what DBDParams says, beside mod_dbd, which
 * has none before there are children.  Its driver judges the role and the schema as it does for every connection; then
 * each statement of the host and of the plugins is planned, as the role that it will run as, so that a right, a column
 * or a function that is missing is found by name, before a request needs it.  Nothing is run and nothing written.
 */
#include "db.h"
#include "core/schema.h"
#include "drivers/drivers.h"
#include "replica.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <unixd.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHECK "database"
#define REPLICA "replica"
/* Bytes of the write-ahead log that a standby may be behind. */
#define BEHIND (16 << 20)
#define TIMEOUT apr_time_from_sec(10)
/* As many statements are named. */
#define NAMED 3
#define NOBODY "00000000-0000-0000-0000-000000000000"

/* ------------------------------------------------------------- the database -- */

/* What the main server says, and of a virtual host what it says otherwise. */
typedef struct target_t {
    const char *driver, *params;
} target_t;

static void read_target(apr_pool_t *p, const ap_directive_t *at, target_t *target)
{
    for (; at; at = at->next) {
        const char *args = at->args;
        if (!strcasecmp(at->directive, "DBDriver")) {
            target->driver = ap_getword_conf(p, &args);
        }
        else if (!strcasecmp(at->directive, "DBDParams")) {
            target->params = ap_getword_conf(p, &args);
        }
    }
}

/* What the driver said last. */
static char complaint[512];

static void keep_complaint(void *baton, apr_status_t rv, const char *tag, const char *message)
{
    (void)baton;
    (void)rv;
    (void)tag;
    apr_cpystrn(complaint, message, sizeof(complaint));
}

/* "permission denied for table evidence", of "name: SQLSTATE 42501: permission denied …". */
static const char *reason(apr_pool_t *p)
{
    const char *text = ap_strstr_c(complaint, "SQLSTATE ");
    text = text ? ap_strstr_c(text, ": ") : NULL;
    return apr_pstrdup(p, text ? text + 2 : complaint);
}

/* ----------------------------------------------------------- the statements -- */

/* The greatest $n outside of literals. */
static int parameters(const char *sql)
{
    int most = 0, quoted = 0;
    for (; *sql; sql++) {
        quoted ^= *sql == '\'';
        if (!quoted && *sql == '$' && apr_isdigit(sql[1]) && atoi(sql + 1) > most) {
            most = atoi(sql + 1);
        }
    }
    return most;
}

/* What can be planned by itself; the rows of a load come in a table that is made for it. */
static int is_plannable(const char *sql)
{
    static const char *const words[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH" };
    unsigned i;
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strncasecmp(sql, words[i], strlen(words[i]))) {
            return !ap_strstr_c(sql, "saas_rows");
        }
    }
    return 0;
}

/* True when the database has a plan for it. */
static int plan(saas_connection_t *c, apr_pool_t *p, const saas_statement_t *st)
{
    const char *sql = c->driver == &saas_driver_sqlite && st->sqlite ? st->sqlite : st->sql;
    saas_driver_statement_t explain = { st->name, st->number, st->scope == SAAS_TENANT, NULL };
    saas_driver_rows_t *rows;
    const char **args;
    int n = parameters(sql);
    if (!is_plannable(sql)) {
        return 1;
    }
    explain.sql = apr_pstrcat(p, "EXPLAIN ", sql, NULL);
    args = apr_pcalloc(p, sizeof(*args) * ((apr_size_t)n + 1));
    if (explain.tenant) {
        args[0] = NOBODY;
    }
    return c->driver->query(c, p, &explain, &rows, args, n) == APR_SUCCESS;
}

static void plan_all(saas_examination_t *e, saas_connection_t *c)
{
    const char *named = "";
    int i, failed = 0, count = saas_statements_count();
    for (i = 0; i < count; i++) {
        const saas_statement_t *st = saas_statements_at(i);
        if (!plan(c, e->p, st) && failed++ < NAMED) {
            named = apr_pstrcat(e->p, named, *named ? "; " : "", st->name, ": ", reason(e->p), NULL);
        }
    }
    if (failed) {
        saas_found(e, SAAS_FOUND_WRONG, "statements",
                   apr_psprintf(e->p, "the database does not let httpd run %d of %d statements: %s%s", failed, count,
                                named, failed > NAMED ? "; …" : ""),
                   "restore what saasctl migrate has made: rights (GRANT), tables, functions; saasctl migrate --status");
    }
    else {
        saas_found(e, SAAS_FOUND_WELL, "statements",
                   apr_psprintf(e->p, "all %d statements can run as the roles that run them", count), NULL);
    }
}

/* --------------------------------------------------------------- its drivers -- */

/* True: httpd can work with it. */
static int examine_connection(saas_examination_t *e, const char *check, const saas_driver_t *driver, void *native)
{
    const saas_driver_options_t options = { TIMEOUT, SAAS_SCHEMA_VERSION, saas_statements_count(), keep_complaint };
    saas_connection_t *c;
    apr_pool_t *p;
    int fit = 0;
    apr_pool_create(&p, e->p);
    if (driver->attach(&c, p, native, &options) != APR_SUCCESS || driver->ready(c, p) != APR_SUCCESS) {
        saas_found(e, SAAS_FOUND_WRONG, check, apr_pstrcat(e->p, "httpd cannot work with it: ", c->why, NULL),
                   "see the reason; every request that needs the database is answered 503 until then");
    }
    else {
        fit = 1;
        if (!strcmp(check, CHECK)) {
            saas_found(e, SAAS_FOUND_WELL, check, "httpd's role can work with it, and its schema is this build's", NULL);
            plan_all(e, c);
        }
        driver->release(c);
    }
    apr_pool_destroy(p);
    return fit;
}

static const char *one_line(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);
    apr_size_t len;
    for (len = 0; copy[len]; len++) {
        copy[len] = copy[len] == '\n' || copy[len] == '\r' ? ' ' : copy[len];
    }
    while (len && copy[len - 1] == ' ') {
        copy[--len] = '\0';
    }
    return copy;
}

static PGconn *connect_pgsql(const char *params)
{
    static const char *const keywords[] = { "dbname", "connect_timeout", "application_name", NULL };
    const char *const values[] = { params, "5", "mod_saas doctor", NULL };
    return PQconnectdbParams(keywords, values, 1);
}

static void examine_pgsql(saas_examination_t *e, const char *params)
{
    PGconn *conn = connect_pgsql(params);
    if (PQstatus(conn) != CONNECTION_OK) {
        saas_found(e, SAAS_FOUND_WRONG, CHECK,
                   apr_pstrcat(e->p, "httpd cannot connect (DBDParams): ", one_line(e->p, PQerrorMessage(conn)), NULL),
                   "let the database run and take connections from here, or mend DBDParams");
    }
    else {
        examine_connection(e, CHECK, &saas_driver_pgsql, conn);
    }
    PQfinish(conn);
}

/* One row of a statement with at most one argument; NULL: none. */
static PGresult *row_of(PGconn *conn, const char *sql, const char *arg)
{
    PGresult *res = PQexecParams(conn, sql, arg != NULL, NULL, &arg, NULL, NULL, 0);
    if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1) {
        return res;
    }
    PQclear(res);
    return NULL;
}

/* As far as httpd's role is let see it: what a standby has in common with its primary, and how far behind it is. */
static void compare(saas_examination_t *e, PGconn *conn, PGconn *primary)
{
    PGresult *there = row_of(primary, "SELECT " SAAS_REPLICA_IDENTITY ", pg_current_wal_lsn()" SAAS_REPLICA_OF, NULL);
    PGresult *here = there ? row_of(conn, "SELECT " SAAS_REPLICA_IDENTITY ", pg_is_in_recovery(),"
                                          " current_setting('hot_standby_feedback') = 'on',"
                                          " pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn())" SAAS_REPLICA_OF,
                                    PQgetvalue(there, 0, 2))
                           : NULL;
    if (!here) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, REPLICA, "it cannot be compared with the primary, of which exports are read then",
                   "see whether both run, and whether httpd's role may call pg_control_system()");
    }
    else if (*PQgetvalue(here, 0, 2) != 't') {
        saas_found(e, SAAS_FOUND_WRONG, REPLICA, "it is no standby: exports are read of the primary",
                   "have SaasExportDB name a standby, or leave it out");
    }
    else if (strcmp(PQgetvalue(here, 0, 0), PQgetvalue(there, 0, 0)) || strcmp(PQgetvalue(here, 0, 1), PQgetvalue(there, 0, 1))) {
        saas_found(e, SAAS_FOUND_WRONG, REPLICA,
                   "it is a standby of another server, or another database of it, than DBDParams names",
                   "have SaasExportDB name a standby of this one");
    }
    else if (apr_atoi64(PQgetvalue(here, 0, 4)) > BEHIND) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, REPLICA,
                   apr_psprintf(e->p, "it is %" APR_INT64_T_FMT " MiB of changes behind: exports are read of the primary",
                                apr_atoi64(PQgetvalue(here, 0, 4)) >> 20),
                   "see pg_stat_replication on the primary, and what holds up replay on the standby");
    }
    else if (*PQgetvalue(here, 0, 3) != 't') {
        saas_found(e, SAAS_FOUND_DOUBTFUL, REPLICA,
                   "hot_standby_feedback is off: a long export is broken off when the primary has cleaned up behind it",
                   "ALTER SYSTEM SET hot_standby_feedback = on, on the standby");
    }
    else {
        saas_found(e, SAAS_FOUND_WELL, REPLICA, "it is a standby of this database, and up to date", NULL);
    }
    PQclear(here);
    PQclear(there);
}

static void examine_replica(saas_examination_t *e, const char *params, const char *primary_params)
{
    PGconn *conn = connect_pgsql(params), *primary;
    if (PQstatus(conn) != CONNECTION_OK) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, REPLICA,
                   apr_pstrcat(e->p, "httpd cannot connect (SaasExportDB), exports are read of the primary: ",
                               one_line(e->p, PQerrorMessage(conn)), NULL),
                   "let the standby run and take connections from here, or mend SaasExportDB");
    }
    else if (examine_connection(e, REPLICA, &saas_driver_pgsql, conn)) {
        primary = connect_pgsql(primary_params);
        compare(e, conn, primary);
        PQfinish(primary);
    }
    PQfinish(conn);
}

/* May httpd's user write it?  Root, who runs this, may write all. */
static int is_httpds(const struct stat *info)
{
    const uid_t uid = ap_unixd_config.user_id;
    return !uid || (info->st_uid == uid ? info->st_mode & S_IWUSR
                    : info->st_gid == ap_unixd_config.group_id ? info->st_mode & S_IWGRP
                                                               : info->st_mode & S_IWOTH);
}

static void examine_files(saas_examination_t *e, const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    const char *folder = apr_pstrmemdup(e->p, path, (apr_size_t)(strrchr(path, '/') ? strrchr(path, '/') - path : 0));
    const char *name = *folder ? folder : ".";
    struct stat info;
    int wrong = 0, reachable = 0;
    unsigned i;
    for (i = 0; i <= sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (stat(name, &info) == 0) {
            reachable |= !i && info.st_mode & S_IXOTH;
            if (!is_httpds(&info)) {
                wrong = 1;
                saas_found(e, SAAS_FOUND_WRONG, "files",
                           apr_psprintf(e->p, "httpd's user %s cannot write %s", ap_unixd_config.user_name, name),
                           apr_psprintf(e->p, "chown %s %s", ap_unixd_config.user_name, name));
            }
            else if (i && reachable && info.st_mode & (S_IROTH | S_IWOTH)) {
                wrong = 1;
                saas_found(e, SAAS_FOUND_DOUBTFUL, "files",
                           apr_psprintf(e->p, "everybody on this machine can read or write %s", name),
                           apr_psprintf(e->p, "chmod o= %s", name));
            }
        }
        name = i < sizeof(suffixes) / sizeof(suffixes[0]) ? apr_pstrcat(e->p, path, suffixes[i], NULL) : NULL;
    }
    if (!wrong) {
        saas_found(e, SAAS_FOUND_WELL, "files", "the database's files are httpd's, and nobody else's", NULL);
    }
}

static void examine_sqlite(saas_examination_t *e, const char *path)
{
    sqlite3 *db = NULL;
    examine_files(e, path);
    /* What root makes beside the file, SQLite gives to the file's owner. */
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        saas_found(e, SAAS_FOUND_WRONG, CHECK,
                   apr_psprintf(e->p, "httpd cannot open %s (DBDParams): %s", path, db ? sqlite3_errmsg(db) : "out of memory"),
                   "mend DBDParams, or make it: saasctl --db sqlite:FILE migrate");
    }
    else {
        examine_connection(e, CHECK, &saas_driver_sqlite, db);
    }
    sqlite3_close_v2(db);
}

void saas_db_examine(saas_examination_t *e)
{
    const ap_directive_t *node;
    target_t main_target = { NULL, NULL };
    read_target(e->p, ap_conftree, &main_target);
    if (main_target.driver && main_target.params) {
        (!strcmp(main_target.driver, "pgsql") ? examine_pgsql : examine_sqlite)(e, main_target.params);
        if (!strcmp(main_target.driver, "pgsql") && saas_config_export_db(e->s)) {
            examine_replica(e, saas_config_export_db(e->s), main_target.params);
        }
    }
    for (node = ap_conftree; node; node = node->next) {
        target_t target = main_target;
        if (!strcasecmp(node->directive, "<VirtualHost")) {
            read_target(e->p, node->first_child, &target);
        }
        if (target.params && (!main_target.params || strcmp(target.params, main_target.params))) {
            (!strcmp(target.driver ? target.driver : "", "pgsql") ? examine_pgsql : examine_sqlite)(e, target.params);
        }
    }
}
