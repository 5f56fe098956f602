/* What a certificate chain is worth: trust, host, dates, key, signatures,
 * order, stapled status. Works on the chain as the server sent it; no network.
 */
#ifndef SAAS_WEB_CERT_H
#define SAAS_WEB_CERT_H

#include "evidence.h"

/* Judges a chain against the trust store. host is a name or
 * an IP literal. Text in *out is allocated from p. An empty chain gives
 * out->have == 0. */
void saas_web_cert_judge(apr_pool_t *p, const saas_web_handshake_t *tls, const char *host, int host_is_ip,
                         X509_STORE *store, saas_web_cert_t *out);

/* The store of the system (OpenSSL's default paths), freed with p. Loading is
 * slow: once per run. */
apr_status_t saas_web_cert_store(X509_STORE **out, apr_pool_t *p);

#endif
