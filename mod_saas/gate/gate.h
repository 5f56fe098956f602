/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file gate.h
 * The room of gates, deciding and refusing: one set for route tables and Require lines.
 */
#ifndef SAAS_GATE_H
#define SAAS_GATE_H

#include "count/count.h"
#include "who/who.h"

/** A gate with its arguments, as a Require line or a route names it. */
typedef struct saas_gate_use_t {
    const saas_gate_t *gate;
    int number;                     /**< of the gate */
    const char *text;
    int argc;
    const char *const *argv;        /**< words; NULL where expressions has one */
    ap_expr_info_t *const *expressions;  /**< NULL: all arguments are words */
    int negated;                    /**< stands under "not" or in <RequireNone> */
    int needs_user;                 /**< nothing beside it in its section lets anybody in who is not known */
    const ap_directive_t *line;     /**< the Require line; NULL: a route's */
} saas_gate_use_t;

/** Begins with the gates that the host itself offers; adds a plugin's list, which ends with a zero element, or NULL: a
 *  message refuses the start. */
void saas_gates_begin(apr_pool_t *p);
const char *saas_gates_add(apr_pool_t *p, const char *owner, const saas_gate_t *list);
/** Finds a gate by its name without "saas-"; NULL if there is none. */
const saas_gate_t *saas_gate_find(const char *name);
/** Gates have numbers from 0 on, the host's own first. */
int saas_gates_count(void);
const saas_gate_t *saas_gate_at(int number);
int saas_gate_number(const saas_gate_t *gate);
/** Is it one of the host's own? */
int saas_gate_is_host(const saas_gate_t *gate);

/** Parses "saas-role ADMIN MEMBER" into a use; NULL or what is wrong.  cmd is
 *  NULL for route tables, where expressions are not allowed. */
const char *saas_gate_parse(apr_pool_t *p, cmd_parms *cmd, const char *text, saas_gate_use_t *use);

/** All names, by number, in p. */
const char *const *saas_gates_names(apr_pool_t *p);

/** Decides one gate for a context; r is for expressions in its arguments.
 *  certain, unless NULL, is set to 0 when a refusal means "cannot tell", which
 *  "not" must never turn into a grant: no such user, no organization, an
 *  argument that failed or that makes no sense. */
saas_verdict_e saas_gate_decide(request_rec *r, const saas_context_t *ctx, const saas_gate_use_t *use, int *certain);

/** What a client is told about a verdict. */
typedef struct saas_refusal_t {
    int status;
    const char *code;
    const char *detail;
    const apr_array_header_t *choices;  /**< organizations to choose from, or NULL */
    const char *feature;                /**< that is wanted, or NULL */
    const apr_array_header_t *plans;    /**< const char *: any of these would do, or NULL */
} saas_refusal_t;

/** The refusal of a verdict; ctx may be NULL; denied, if given, is the text of
 *  a refusal of who has to buy something.  Lists are in p. */
void saas_refusal_get(apr_pool_t *p, saas_verdict_e verdict, const saas_context_t *ctx, const char *denied,
                      saas_refusal_t *refusal);

/** JSON text of a refusal. */
const char *saas_refusal_json(apr_pool_t *p, const saas_refusal_t *refusal);

/** The refusal of a cookie that came from another site. */
extern const saas_refusal_t saas_refusal_csrf;

/** Registers every gate as a Require provider, when all are known; in pre_config. */
void saas_gates_register(apr_pool_t *pconf);
/** Hooks of the gated sections. */
void saas_gates_hooks(void);
/** In fixups, before other modules': decides for a subrequest or redirect that httpd did not ask about, tells the
 *  environment, and a backend that wants it, who has been let in, and sees to it that no cache gives it to others. */
int saas_gates_fixups(request_rec *r);

/** At the start: is it safe with these modules and this configuration? */
void saas_first_pass_post_config(server_rec *s);
/** force_authn, of a request that has a state: OK has httpd authenticate and ask again. */
int saas_first_pass_ends(request_rec *r);

/** In check_config: NULL, or which section asks for verdicts without a gate. */
const char *saas_sections_refused(apr_pool_t *p);
/** At the start: warns of saas gates in an implicit RequireAny, and of what caches may do with what a gate lets in. */
void saas_sections_check(apr_pool_t *p, server_rec *s);

/** True for a person's browser that navigates, false for a program. */
int saas_refuse_is_browser(request_rec *r);

/* ----------------------------------- sections, in the tree of directives -- */

/** Does a directive open a section that has Require lines of its own? */
int saas_sections_is(const char *directive);
/** How a section is written, with its file and line: <Location "/reports"> (sites/app.conf:12). */
const char *saas_sections_name(apr_pool_t *p, const ap_directive_t *section);
/** Is anything required in a section, at any depth?  Is a gate asked?  node: the first of what stands in it. */
int saas_sections_require(const ap_directive_t *node);
int saas_sections_have_gate(const ap_directive_t *node);

/* ------------------------------------------------------------ origins -- */

/** Before anybody is asked who they are: tells the browser that a page of an allowed origin may read the reply; false:
 *  there is none, or its origin is not allowed. */
int saas_cors_begin(request_rec *r);
/** Does a browser ask what it may send? */
int saas_cors_is_preflight(request_rec *r);
/** Answers that for an allowed origin: the status.  methods: those that there are; NULL: the one asked for. */
int saas_cors_preflight(request_rec *r, const char *methods);

/* ---------------------------------------------------- for other proxies -- */

/** translate_name, in a SaasVerify section: makes the request the one that is asked about; a status refuses to. */
int saas_verify_translate(request_rec *r);
/** The handler there: the gates have granted. */
int saas_verify_serve(request_rec *r);

/* ------------------------------------------------------------------ why -- */

/** Registers the statements that ask for the history of a refusal. */
const char *saas_why_prepare(apr_pool_t *pconf);
/** A request to a gated section is refused, for all that the gates say, or because nobody is known: the log is going to say
 *  why, if the operator wants to know. */
void saas_why_section(request_rec *r, const saas_context_t *ctx, saas_verdict_e verdict);
/** One to a route, by one of its gates; use NULL: there is none. */
void saas_why_route(request_rec *r, const saas_context_t *ctx, saas_verdict_e verdict, const char *plugin,
                    const saas_route_t *route, const saas_gate_use_t *use);
/** One whose cookie came from elsewhere, to a section, or to a route. */
void saas_why_cross_site(request_rec *r, const saas_context_t *ctx, const char *plugin, const saas_route_t *route);

/* ------------------------------------------------------------ counting -- */

/** Counts the gates of a route, each with its verdict. */
void saas_verdicts_route(const saas_gate_use_t *gates, int n, const saas_context_t *ctx, const saas_verdict_e *verdicts);
/** The same where the request was refused before they were asked. */
void saas_verdicts_route_refused(const saas_gate_use_t *gates, int n, saas_said_e said);

/** At the end of a chain of redirects: the gates that were asked about somebody whom another module then sent away. */
void saas_verdicts_log(request_rec *r);

#endif
