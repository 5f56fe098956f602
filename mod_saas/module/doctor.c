/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * httpd's part of saasctl doctor:
 *
 *     httpd -t -D DUMP_SAAS_DOCTOR
 *
 * reads the configuration as ever, whose warnings are findings as they are, and then looks at what a configuration alone
 * does not show: the database as httpd's role finds it, whether cookies go over TLS, and whatever the plugins depend on.
 * It prints what it has found as JSON and ends; no child is there, and nothing is changed.
 */
#include "module.h"
#include "db/db.h"

#include <ap_mpm.h>
#include <apr_strings.h>

#include <stdio.h>

#define DUMP "DUMP_SAAS_DOCTOR"

static const char *const words[] = {
    [SAAS_FOUND_WELL] = "well", [SAAS_FOUND_DOUBTFUL] = "doubtful", [SAAS_FOUND_WRONG] = "wrong"
};

static void found(saas_examination_t *e, saas_found_e how, const char *check, const char *fact, const char *way_out)
{
    json_array_append_new(e->baton, json_pack("{s:s, s:s, s:s, s:s?}", "state", words[how], "check", check, "fact", fact,
                                              "way_out", way_out));
}

/* -------------------------------------------------------- cookies and TLS -- */

static int is(const ap_directive_t *node, const char *name)
{
    return !strcasecmp(node->directive, name);
}

static int is_on(const ap_directive_t *node, const char *name)
{
    int on = 0;
    for (; node; node = node->next) {
        on = is(node, name) ? strcasecmp(node->args, "Off") != 0 : on;
    }
    return on;
}

/* Is the API, which sets the cookie, in a section that stands here? */
static int has_api(const ap_directive_t *node)
{
    for (; node; node = node->next) {
        if (is(node, "<Location") && is_on(node->first_child, "SaasAPI")) {
            return 1;
        }
    }
    return 0;
}

static const ap_directive_t *section_of(const server_rec *s)
{
    const ap_directive_t *node;
    for (node = ap_conftree; node; node = node->next) {
        if (is(node, "<VirtualHost") && !strcmp(node->filename, s->defn_name ? s->defn_name : "")
            && node->line_num == (int)s->defn_line_number) {
            return node;
        }
    }
    return NULL;
}

static int is_of_this_machine(const char *name)
{
    return !strcasecmp(name, "localhost") || !strncmp(name, "127.", 4) || !strcmp(name, "::1");
}

static void examine_cookies_of(saas_examination_t *e, server_rec *s, int tls)
{
    const char *name = s->server_hostname ? s->server_hostname : "the main server";
    int secure = tls || saas_config_secure_cookies(s);
    if (!secure && !is_of_this_machine(name)) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "cookies",
                   apr_psprintf(e->p, "%s: sessions go over plain http: whoever is on the way can take them over", name),
                   "serve it over TLS (SSLEngine On), or write SaasSecureCookies On behind a proxy that does");
    }
    else {
        saas_found(e, SAAS_FOUND_WELL, "cookies",
                   apr_psprintf(e->p, secure ? "%s: cookies are Secure" : "%s: plain http, for this machine alone", name),
                   NULL);
    }
}

static void examine_cookies(saas_examination_t *e)
{
    int in_main = has_api(ap_conftree), tls_in_main = is_on(ap_conftree, "SSLEngine");
    server_rec *s;
    for (s = e->s; s; s = s->next) {
        const ap_directive_t *section = section_of(s);
        /* Where there are virtual hosts, they are what answers. */
        if (s->is_virtual ? section && (in_main || has_api(section->first_child)) : in_main && !s->next) {
            examine_cookies_of(e, s, tls_in_main || (section && is_on(section->first_child, "SSLEngine")));
        }
    }
}

/* --------------------------------------------------------------- the whole -- */

/* The connections that this node may have at most: the pool of each child, and the listener for all of them. */
static int connections(apr_pool_t *p)
{
    int children = 0;
    if (ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children) != APR_SUCCESS || children < 1) {
        children = 1;
    }
    return children * saas_db_pool_size(p) + 1;
}

/* httpd runs it for -t alone. */
static void test_config(apr_pool_t *pconf, server_rec *s)
{
    saas_examination_t e = { pconf, s, found, NULL };
    json_t *told;
    if (!ap_exists_config_define(DUMP)) {
        return;
    }
    e.baton = json_array();
    saas_db_examine(&e);
    examine_cookies(&e);
    saas_plugins_examine(&e);
    told = json_pack("{s:s, s:i, s:o}", "node", saas_config_node(s), "connections", connections(pconf), "findings",
                     (json_t *)e.baton);
    json_dumpf(told, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(told);
}

void saas_doctor_hooks(void)
{
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
}
