/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The smallest useful plugin: one route, one gate, two counters, a gauge, a limit of
 * plans, two directives, and work that comes back.  It greets the members of an organization whose name has a vowel,
 * which is what the gate "saas-has-vowel" decides, in its own route table and in
 * httpd.conf alike, as often as SaasHelloTimes says, and counts how many it has
 * greeted.
 */
#include "mod_saas.h"

#include <apr_strings.h>

extern module AP_MODULE_DECLARE_DATA saas_hello_module;
SAAS_PLUGIN_DEFINE;

#define HELLO_DIRECTIVES(X, of) \
    X(of, NUMBER, times, "SaasHelloTimes", SAAS_VHOST, "1", SAAS_RANGE(1, 10), "how often hello is said") \
    X(of, TEXT, word, "SaasHelloWord", SAAS_VHOST, "hello", SAAS_CHECKED(saas_check_plain), "what is said")

SAAS_DIRECTIVES_DECLARE(hello_config, saas_hello_module, HELLO_DIRECTIVES)
SAAS_DIRECTIVES_DEFINE(hello_config, saas_hello_module, HELLO_DIRECTIVES)

static saas_verdict_e decide_vowel(const saas_principal_t *who, int argc, const char *const *argv)
{
    const char *vowels = argc ? argv[0] : "aeiouAEIOU";
    if (!who->org_id) {
        return SAAS_OUTSIDER;
    }
    return strpbrk(who->org_name, vowels) ? SAAS_GRANTED : SAAS_WRONG_ROLE;
}

static const char *check_vowels(apr_pool_t *p, const char *arg)
{
    return strspn(arg, "aeiouAEIOU") == strlen(arg) ? NULL : apr_psprintf(p, "\"%s\" are not all vowels", arg);
}

static const saas_gate_t gates[] = {
    { .name = "has-vowel", .check_arg = check_vowels, .min_args = 0, .max_args = 1, .decide = decide_vowel },
    { 0 }
};

static saas_statement_t statements[] = {
    { .name = "hello_members", .scope = SAAS_TENANT, .sql = "SELECT count(*) FROM memberships WHERE org_id = $1" },
    { .name = "hello_users", .scope = SAAS_SYSTEM, .sql = "SELECT count(*) FROM users" },
    { 0 }
};

enum { ALONE, AMONG_OTHERS };

static const char *const companies[] = { [ALONE] = "alone", [AMONG_OTHERS] = "among-others", NULL };

static saas_counter_t counters[] = {
    { .name = "hello_greetings", .label = "company", .values = companies,
      .help = "Members greeted, by whether their organization has others." },
    { .name = "hello_ticks", .help = "How often the work that comes back was done." },
    { 0 }
};

static const saas_gauge_t gauges[] = {
    { .name = "hello_users", .statement = &statements[1], .help = "Users who might be greeted." },
    { 0 }
};

static const saas_limit_t limits[] = {
    { .name = "greetings", .kind = SAAS_LIMIT_COUNTED },
    { 0 }
};

/* Once a second on one of the nodes. */
static apr_status_t tick(saas_job_t *job)
{
    saas_count(&counters[1], 0, 1);
    return strcmp(hello_config_word(job->server), "failing") ? APR_SUCCESS : APR_EGENERAL;
}

static const saas_job_kind_t jobs[] = {
    { .kind = "hello.tick", .run = tick, .max_attempts = 1 },
    { .kind = NULL }
};

static const saas_periodic_t periodic[] = { { "hello.tick", 1 }, { NULL, 0 } };

typedef struct greeting_t {
    saas_request_t *rq;
    saas_rows_t *rows;
} greeting_t;

static apr_status_t greet(saas_db_t *db, void *baton)
{
    greeting_t *greeting = baton;
    apr_status_t rv = saas_db_query(db, &statements[0], &greeting->rows, SAAS_NO_ARGS);
    return rv == APR_SUCCESS ? saas_limit_take(greeting->rq, db, "greetings", 1) : rv;
}

static int hello(saas_request_t *rq)
{
    const char *word = hello_config_word(rq->r->server), *said = word;
    int times = hello_config_times(rq->r->server);
    greeting_t greeting = { .rq = rq };
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);
    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, greet, &greeting);
        saas_db_close(db);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    rows = greeting.rows;
    saas_count(&counters[0], saas_cell_int(rows, 0, 0) > 1 ? AMONG_OTHERS : ALONE, 1);
    while (--times > 0) {
        said = apr_pstrcat(rq->pool, said, " ", word, NULL);
    }
    apr_table_setn(rq->r->headers_out, "X-Hello", said);
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:s, s:s, s:I}", "hello", rq->who->email, "organization",
                                                  rq->who->org_name, "members", (json_int_t)saas_cell_int(rows, 0, 0)));
}

static const saas_route_t routes[] = {
    { SAAS_GET, "/hello/", hello, SAAS_GATES(saas_is_member, "saas-has-vowel") },
    { 0 }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("hello"), .statements = statements, .routes = routes, .gates = gates,
    .counters = counters, .jobs = jobs, .periodic = periodic, .gauges = gauges,
    .limits = limits
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

AP_DECLARE_MODULE(saas_hello) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, hello_config_create, hello_config_merge, hello_config_commands, register_hooks,
    AP_MODULE_FLAG_NONE
};
