/* Content Security Policy, as far as verdicts need it: CSP Level 3. Several
 * policies hold at once, and what one of them forbids is forbidden.
 */
#ifndef SAAS_WEB_CSP_H
#define SAAS_WEB_CSP_H

#include <apr_tables.h>

typedef struct saas_web_csp_t saas_web_csp_t;

/* An empty set of policies. */
saas_web_csp_t *saas_web_csp_create(apr_pool_t *p);

/* Adds the policies of one header value (comma-separated) or one meta element.
 * A meta policy cannot restrict framing, report, or sandbox (3.3). */
void saas_web_csp_add(saas_web_csp_t *csp, apr_pool_t *p, const char *value, int is_meta);

/* Number of policies that restrict anything. */
int saas_web_csp_count(const saas_web_csp_t *csp);

/* Non-zero when a policy of a header says who may frame the page; X-Frame-Options has no effect then. */
int saas_web_csp_decides_framing(const saas_web_csp_t *csp);

/* Non-zero when a policy has a directive, whatever its sources. */
int saas_web_csp_has(const saas_web_csp_t *csp, const char *name);

/* Non-zero when a meta element says so, which has none. */
int saas_web_csp_frames_in_vain(const saas_web_csp_t *csp);

/* Each answers NULL when the policies protect, else the reason (from p). */
const char *saas_web_csp_inline_problem(const saas_web_csp_t *csp, apr_pool_t *p);
const char *saas_web_csp_eval_problem(const saas_web_csp_t *csp, apr_pool_t *p);
const char *saas_web_csp_lock_problem(const saas_web_csp_t *csp, apr_pool_t *p);
const char *saas_web_csp_framing_problem(const saas_web_csp_t *csp, apr_pool_t *p);

#endif
