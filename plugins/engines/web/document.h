/* Reads of a response body the few facts that checks need, so that the body
 * can be dropped at once: policies and scripts of an HTML page, the fields of a
 * security.txt, the echo of a TRACE.
 */
#ifndef SAAS_WEB_DOCUMENT_H
#define SAAS_WEB_DOCUMENT_H

#include "evidence.h"

/* Fills *out from a body that came from at. Hostile input of any bytes is
 * fine; strings in *out are allocated from p. content_type may be NULL. */
void saas_web_document_read(apr_pool_t *p, const saas_web_target_t *at, const char *content_type, const char *body,
                            apr_size_t len, saas_web_document_t *out);

#endif
