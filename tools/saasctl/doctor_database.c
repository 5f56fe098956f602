/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What saasctl doctor asks the database as its owner: schema, roles, row-level security, room for the nodes, clock,
 * listeners, background work, Stripe's news.  A table of questions; each is one statement and a judge of its one row.
 */
#include "doctor.h"
#include "statements.h"

#include "core/schema.h"
#include "core/timefmt.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/* Clocks so far apart, in seconds, are worth a word; and so far, sessions and signatures end at the wrong time. */
#define CLOCK_DOUBTFUL 2.0
#define CLOCK_WRONG 60.0
/* Whoever pays by the month is heard of once in it. */
#define SILENCE apr_time_from_sec(35 * 24 * 3600)

typedef struct judged_t {
    ctl_doctor_t *doctor;
    apr_pool_t *p;
    const saas_driver_rows_t *rows;
    const char *check;
    apr_time_t asked, answered; /* our clock before and after */
} judged_t;

static const char *cell(const judged_t *j, int column)
{
    const char *text = ctl_cell(j->rows, 0, column);
    return text ? text : "";
}

static long number(const judged_t *j, int column)
{
    return strtol(cell(j, column), NULL, 10);
}

static void well(const judged_t *j, const char *fact)
{
    ctl_doctor_found(j->doctor, CTL_FOUND_WELL, j->check, fact, NULL);
}

static void doubtful(const judged_t *j, const char *fact, const char *way_out)
{
    ctl_doctor_found(j->doctor, CTL_FOUND_DOUBTFUL, j->check, fact, way_out);
}

static void wrong(const judged_t *j, const char *fact, const char *way_out)
{
    ctl_doctor_found(j->doctor, CTL_FOUND_WRONG, j->check, fact, way_out);
}

/* ------------------------------------------------------------------- judges -- */

static void judge_roles(const judged_t *j)
{
    if (number(j, 0) != 2) {
        wrong(j, "the roles saas_app and saas_system are not both there", "saasctl migrate makes them; restore them as it does");
    }
    else if (*cell(j, 1)) {
        wrong(j, apr_psprintf(j->p, "row-level security does not hold %s (superuser or BYPASSRLS)", cell(j, 1)),
              apr_psprintf(j->p, "ALTER ROLE %s NOSUPERUSER NOBYPASSRLS", cell(j, 1)));
    }
    else if (number(j, 2)) {
        wrong(j, "saas_app inherits: it would see every organization's rows", "ALTER ROLE saas_app NOINHERIT");
    }
    else {
        well(j, "saas_app and saas_system are there, and row-level security holds them");
    }
}

static void judge_policies(const judged_t *j)
{
    if (*cell(j, 0)) {
        wrong(j, apr_psprintf(j->p, "row-level security is not forced, or has no policy, on %s", cell(j, 0)),
              "stop httpd and restore what saasctl migrate has made: ENABLE and FORCE ROW LEVEL SECURITY, its policies");
    }
    else {
        well(j, "row-level security is forced on every organization's rows");
    }
}

static void judge_indexes(const judged_t *j)
{
    if (*cell(j, 0)) {
        doubtful(j, apr_psprintf(j->p, "PostgreSQL does not use the indexes %s: they were not made to the end", cell(j, 0)),
                 "REINDEX INDEX CONCURRENTLY, each");
    }
    else {
        well(j, "all indexes are valid");
    }
}

static void judge_room(const judged_t *j)
{
    long room = number(j, 0), nodes = number(j, 1) > 1 ? number(j, 1) : 1;
    long need = j->doctor->connections * nodes;
    const char *fact = apr_psprintf(j->p, "%ld node%s may want %ld connections (DBDMax for each child, and a listener), "
                                          "PostgreSQL has room for %ld", nodes, nodes > 1 ? "s" : "", need, room);
    if (!j->doctor->connections) {
        return;
    }
    if (need > room) {
        wrong(j, fact, "lower DBDMax or the number of children (MaxRequestWorkers / ThreadsPerChild), raise "
                       "max_connections, or put a pooler between");
    }
    else {
        well(j, fact);
    }
}

static void judge_clock(const judged_t *j)
{
    /* It was asked at some moment between: what that leaves open is not held against anybody. */
    double theirs = strtod(cell(j, 0), NULL), before = (double)j->asked / 1e6, after = (double)j->answered / 1e6;
    double apart = theirs < before ? before - theirs : theirs > after ? theirs - after : 0;
    const char *fact = apr_psprintf(j->p, "this machine's clock and the database's are %.1f s apart", apart);
    const char *way_out = "have NTP (chrony, systemd-timesyncd) keep both";
    if (apart >= CLOCK_WRONG) {
        wrong(j, fact, way_out);
    }
    else if (apart >= CLOCK_DOUBTFUL) {
        doubtful(j, fact, way_out);
    }
    else {
        well(j, fact);
    }
}

static void judge_feed(const judged_t *j)
{
    if (number(j, 0)) {
        well(j, apr_psprintf(j->p, "%ld node%s for changes", number(j, 0), number(j, 0) > 1 ? "s listen" : " listens"));
    }
    else if (number(j, 1)) {
        doubtful(j, "httpd is connected, but no node listens for changes: nothing is cached, every request asks the database",
                 "SaasCacheSize 0 means that; otherwise see SAAS1701 and SAAS1703 in the error log");
    }
    else {
        doubtful(j, "no httpd is connected to this database", "start httpd, or look where its DBDParams lead");
    }
}

static void judge_jobs(const judged_t *j)
{
    if (number(j, 1)) {
        wrong(j, apr_psprintf(j->p, "%ld jobs have been due for more than ten minutes, the first of kind %s: nobody does them",
                              number(j, 1), cell(j, 2)),
              "let a node run that loads the plugin of that kind, with SaasJobThreads above 0; saasctl job list --state queued");
    }
    if (number(j, 0)) {
        doubtful(j, apr_psprintf(j->p, "%ld jobs have been given up", number(j, 0)),
                 "saasctl job list --state dead says why; saasctl job retry ID, or saasctl job remove ID");
    }
    if (!number(j, 0) && !number(j, 1)) {
        well(j, "background work is done in time");
    }
}

static void judge_webhooks(const judged_t *j)
{
    apr_time_t last = 0;
    char iso[SAAS_TIME_ISO_SIZE] = "";
    int any = *cell(j, 0) && saas_time_parse(cell(j, 0), &last) == APR_SUCCESS && saas_time_iso(iso, last) == APR_SUCCESS;
    if (number(j, 1)) {
        doubtful(j, apr_psprintf(j->p, "%ld events of Stripe's were refused in the last day", number(j, 1)),
                 "saasctl stripe events --verdict refused says why");
    }
    if (number(j, 2) && (!any || apr_time_now() - last > SILENCE)) {
        wrong(j, apr_psprintf(j->p, "%ld subscriptions run, and Stripe has told nothing %s%s", number(j, 2),
                              any ? "since " : "yet", iso),
              "look at the endpoint in Stripe's dashboard: its URL, whether it is on, and its last answers");
    }
    else if (!number(j, 1)) {
        well(j, any ? apr_psprintf(j->p, "the last event of Stripe's came at %s", iso)
                    : "no event of Stripe's has come, and no subscription runs");
    }
}

static void judge_file(const judged_t *j)
{
    if (strcmp(cell(j, 0), "ok")) {
        wrong(j, apr_psprintf(j->p, "the database file is damaged: %s", cell(j, 0)),
              "stop httpd and bring back a copy (saasctl restore)");
    }
    else {
        well(j, "the database file is sound");
    }
}

/* ---------------------------------------------------------------- questions -- */

static const struct {
    const char *check;
    enum { BOTH, PGSQL, SQLITE } where;
    int statement;
    void (*judge)(const judged_t *j);
} questions[] = {
    { "roles", PGSQL, CTL_DOCTOR_ROLES, judge_roles },
    { "policies", PGSQL, CTL_DOCTOR_POLICIES, judge_policies },
    { "file", SQLITE, CTL_DOCTOR_FILE, judge_file },
    { "indexes", PGSQL, CTL_DOCTOR_INDEXES, judge_indexes },
    { "connections", PGSQL, CTL_DOCTOR_ROOM, judge_room },
    { "clock", PGSQL, CTL_DOCTOR_CLOCK, judge_clock },
    { "feed", PGSQL, CTL_DOCTOR_FEED, judge_feed },
    { "jobs", BOTH, CTL_DOCTOR_JOBS, judge_jobs },
    { "webhooks", BOTH, CTL_DOCTOR_WEBHOOKS, judge_webhooks },
};

static void ask_all(ctl_doctor_t *doctor)
{
    unsigned i;
    for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        judged_t j = { .doctor = doctor, .p = doctor->ctl->p, .check = questions[i].check };
        saas_driver_rows_t *rows = NULL;
        char said[512] = "";
        int code;
        if (questions[i].where == (doctor->ctl->sqlite ? PGSQL : SQLITE)) {
            continue;
        }
        ctl_keep_said(said, sizeof(said));
        j.asked = apr_time_now();
        code = ctl_ask(doctor->ctl, questions[i].statement, &rows, CTL_NO_ARGS);
        j.answered = apr_time_now();
        ctl_keep_said(NULL, 0);
        j.rows = rows;
        if (code == CTL_OK && rows->count) {
            questions[i].judge(&j);
        }
        else {
            wrong(&j, apr_pstrcat(j.p, "it could not be looked at: ", *said ? said : "there was no answer", NULL),
                  "connect as the owner of the schema (--db)");
        }
    }
}

void ctl_doctor_database(ctl_doctor_t *doctor)
{
    char said[512] = "";
    int code;
    ctl_keep_said(said, sizeof(said));
    code = ctl_connect(doctor->ctl, 0);
    ctl_keep_said(NULL, 0);
    if (code != CTL_OK) {
        ctl_doctor_found(doctor, CTL_FOUND_WRONG, "owner", apr_pstrdup(doctor->ctl->p, said),
                         "let the database run and take the owner's connection, or mend --db");
        return;
    }
    ctl_keep_said(said, sizeof(said));
    code = ctl_check_schema(doctor->ctl);
    ctl_keep_said(NULL, 0);
    if (code != CTL_OK) {
        ctl_doctor_found(doctor, CTL_FOUND_WRONG, "schema", apr_pstrdup(doctor->ctl->p, said),
                         "as it says; until then nothing else of the database can be judged");
        return;
    }
    ctl_doctor_found(doctor, CTL_FOUND_WELL, "schema",
                     apr_psprintf(doctor->ctl->p, doctor->ctl->schema > SAAS_SCHEMA_VERSION
                                                      ? "version %d, newer than this build, which still works with it"
                                                      : "version %d, as this build needs it", doctor->ctl->schema), NULL);
    ask_all(doctor);
}
