/* Every check of the engine, as a table: name, severity, what it needs, who
 * judges. Each is asked about every target, in the order of the table, and
 * always has an answer: what could not be looked at is MANUAL or ERROR with
 * the reason, never PASS. Pure: evidence in, verdict out.
 */
#ifndef SAAS_WEB_CHECKS_H
#define SAAS_WEB_CHECKS_H

#include "evidence.h"

typedef enum { SAAS_WEB_PASS, SAAS_WEB_FAIL, SAAS_WEB_MANUAL, SAAS_WEB_ERROR } saas_web_status_e;

typedef enum {
    SAAS_WEB_CRITICAL,
    SAAS_WEB_HIGH,
    SAAS_WEB_MEDIUM,
    SAAS_WEB_LOW,
    SAAS_WEB_INFORMATIONAL
} saas_web_severity_e;

typedef struct {
    saas_web_status_e status;
    saas_web_severity_e severity;
    const char *comment;
} saas_web_verdict_t;

typedef enum {
    SAAS_WEB_NEEDS_NOTHING,     /* the judge handles every case */
    SAAS_WEB_NEEDS_TLS,         /* a TLS service that answered */
    SAAS_WEB_NEEDS_CERTIFICATE, /* and has shown its certificate */
    SAAS_WEB_NEEDS_RESPONSE,    /* an HTTP response */
    SAAS_WEB_NEEDS_DNS,         /* a name of the public DNS, which leads to where one may look */
    SAAS_WEB_NEEDS_OWNER        /* a response, and the host is proven to be the organization's own: active checks */
} saas_web_needs_e;

typedef void (*saas_web_judge_t)(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);

typedef struct {
    const char *name;
    saas_web_severity_e severity;
    saas_web_needs_e needs;
    saas_web_status_e without_tls; /* the answer for a target that has no TLS */
    saas_web_judge_t judge;
    int penalty, bonus;                /* points of a score that FAIL costs, and that PASS earns from 90 on */
    const char *test;                  /* of the score; checks that share one cost what the dearest of them does */
    const char *title;                 /* what is so when the check passes */
    const char *meaning, *remediation; /* sentences */
    const char *reference;             /* URL */
    const char *httpd, *nginx; /* lines of a configuration that mend it; NULL: none does there, or none has to */
    const char *dns;           /* the same of a zone */
} saas_web_check_t;

extern const saas_web_check_t saas_web_checks[];
extern const int saas_web_check_count;

/* The verdict of one check. The comment is clean UTF-8, allocated from p. */
void saas_web_check(apr_pool_t *p, const saas_web_check_t *check, const saas_web_evidence_t *e, saas_web_verdict_t *v);

/* For judges: sets status and comment; the severity stays the check's own. */
void saas_web_say(apr_pool_t *p, saas_web_verdict_t *v, saas_web_status_e status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The judges: of certificates and TLS (checks_tls.c), of how http leads to
 * https and what responses say (checks_http.c), of content (checks_content.c), of names (checks_dns.c, addresses.c). */
void saas_web_judge_trusted(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_hostname_match(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_not_expired(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_expiry_margin(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_lifetime(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_key_strength(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_signature(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_chain(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_transparency(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_legacy_protocols(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_modern_protocols(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_tls13(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_weak_ciphers(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_forward_secrecy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_dh_params(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_hybrid(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_profile(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_compression(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_renegotiation(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_ocsp_staple(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_early_data(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_redirect(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_first_hop(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_hsts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_hsts_max_age(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_hsts_subdomains(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_csp(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_csp_inline(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_csp_eval(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_csp_lock(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_clickjacking(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_nosniff(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_referrer(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_permissions(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cross_origin(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_opener_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_embedder_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_resource_policy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cookies_prefix(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cookies_secure(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cookies_httponly(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cookies_samesite(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_cors(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_scripts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_mixed_content(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_leak(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_trace(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_http3(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_clear_site_data(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_addresses(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_caa(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_caa_account(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_dnssec(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_https_record(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_spf(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_dmarc(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_mta_sts(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_listing(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_maps(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_security_txt(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);
void saas_web_judge_security_txt_valid(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v);

#endif
