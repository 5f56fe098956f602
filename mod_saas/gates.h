/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file gates.h
 * Deciding and refusing: one set of gates for route tables and Require lines.
 */
#ifndef SAAS_GATES_H
#define SAAS_GATES_H

#include "identity.h"
#include "plugins.h"

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
} saas_refusal_t;

/** The refusal of a verdict; ctx may be NULL; denied, if given, is the text of
 *  a subscription refusal. */
void saas_refusal_get(saas_verdict_e verdict, const saas_context_t *ctx, const char *denied,
                      saas_refusal_t *refusal);

/** JSON text of a refusal. */
const char *saas_refusal_json(apr_pool_t *p, const saas_refusal_t *refusal);

/** The refusal of a cookie that came from another site. */
extern const saas_refusal_t saas_refusal_csrf;

/** Does a section let nobody in who is not known?  line: its Require line of a gate, not negated.  False where that
 *  cannot be seen, as in .htaccess. */
int saas_sections_need_user(const ap_directive_t *line);

/** Registers every gate as a Require provider; in pre_config. */
void saas_gates_register(apr_pool_t *pconf);
/** Hooks of the gated sections. */
void saas_gates_hooks(void);
/** In fixups, before other modules': decides for a subrequest or redirect that httpd did not ask about, and tells
 *  the environment, and a backend that wants it, who has been let in. */
int saas_gates_fixups(request_rec *r);

#endif
