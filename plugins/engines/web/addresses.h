/* A name may have several addresses, and a visitor gets any of them: each is
 * looked at as if it was the only one, and the worst verdict is the name's.
 * Pure: evidence in, verdict out; run.c has the evidence gathered.
 */
#ifndef SAAS_WEB_ADDRESSES_H
#define SAAS_WEB_ADDRESSES_H

#include "checks.h"

/* As saas_web_check(), of all addresses together. The comment names those that
 * have the verdict where others have a better one. */
void saas_web_check_everywhere(apr_pool_t *p, const saas_web_check_t *check, const saas_web_evidence_t *e,
                               saas_web_verdict_t *v);

#endif
