/* The judges of certificates and of the TLS service. References: Mozilla's
 * server side TLS profiles, the CA/Browser Forum's baseline requirements, RFC
 * 8996 (TLS 1.0 and 1.1), RFC 7465 (RC4), RFC 5746 (renegotiation).
 */
#include "checks.h"

#include <apr_strings.h>
#include <string.h>

#define DAY apr_time_from_sec(86400)

static const char *const hello_names[SAAS_WEB_HELLO_COUNT] = {
    "TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0", "SSL 3.0", "static RSA", "weak suites", "DHE", "X25519MLKEM768", "suites beyond the profile",
};

static const int hello_versions[SAAS_WEB_HELLO_COUNT] = { 0x0304, 0x0303, 0x0302, 0x0301, 0x0300 };

static const char *date(apr_pool_t *p, apr_time_t t)
{
    apr_time_exp_t x;

    apr_time_exp_gmt(&x, t);
    return apr_psprintf(p, "%04d-%02d-%02d", x.tm_year + 1900, x.tm_mon + 1, x.tm_mday);
}

/* What one hello has shown: yes, no, or not known (with the reason). */
typedef enum { NO, YES, UNKNOWN } known_e;

static known_e accepts(const saas_web_evidence_t *e, saas_web_hello_e kind, const char **why)
{
    const saas_web_answer_t *a = &e->hello[kind];

    switch (a->what) {
    case SAAS_WEB_ANSWER_HELLO:
        /* An answer in another version refuses the version that was asked for. */
        return hello_versions[kind] && a->version != hello_versions[kind] ? NO : YES;
    case SAAS_WEB_ANSWER_ALERT:
    case SAAS_WEB_ANSWER_CLOSED:
        return NO;
    case SAAS_WEB_ANSWER_TIMEOUT:
        *why = "the server did not answer in time";
        return UNKNOWN;
    case SAAS_WEB_ANSWER_NOT_TLS:
        *why = "the answer was not TLS";
        return UNKNOWN;
    case SAAS_WEB_ANSWER_GUARDED:
        *why = "the address is not publicly routable";
        return UNKNOWN;
    case SAAS_WEB_ANSWER_NO_CONNECTION:
        *why = "no connection could be made";
        return UNKNOWN;
    case SAAS_WEB_ANSWER_NONE:
    default:
        *why = "it was not asked";
        return UNKNOWN;
    }
}

static void unknown(apr_pool_t *p, saas_web_verdict_t *v, const char *what, const char *why)
{
    saas_web_say(p, v, SAAS_WEB_MANUAL, "Whether the server accepts %s is not known: %s.", what, why);
}

void saas_web_judge_trusted(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    if (e->cert.trusted) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The certificate (%s) is trusted by the system's store.", e->cert.subject);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The certificate (%s, issued by %s) is not trusted: %s.", e->cert.subject,
                     e->cert.issuer, e->cert.trust_problem);
    }
}

void saas_web_judge_hostname_match(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *host = e->tls_hop ? e->tls_hop->at->host : e->target->host;

    saas_web_say(p, v, e->cert.host_matches ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                 "The certificate is %sfor %s; its alternative names: %s.", e->cert.host_matches ? "" : "not ", host,
                 e->cert.names);
}

void saas_web_judge_not_expired(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_cert_t *c = &e->cert;

    if (e->now < c->not_before) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The certificate is not valid before %s.", date(p, c->not_before));
    }
    else if (e->now >= c->not_after) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The certificate expired on %s.", date(p, c->not_after));
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "The certificate is valid until %s.", date(p, c->not_after));
    }
}

void saas_web_judge_expiry_margin(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    apr_time_t left = e->cert.not_after - e->now;
    int days = left > 0 ? (int)(left / DAY) : 0;

    if (days < 7) {
        v->severity = SAAS_WEB_HIGH;
    }
    saas_web_say(p, v, days >= 30 ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                 "%d days are left until the certificate expires (%s); 30 are asked for.", days,
                 date(p, e->cert.not_after));
}

void saas_web_judge_lifetime(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    /* CA/Browser Forum's Baseline Requirements, 6.3.2; from 2026 on ballot SC-081v3. The last row that has begun
     * counts. */
    static const struct {
        const char *from; /* the certificate's first day */
        int days;
    } rules[] = {
        { "2018-03-01", 825 }, { "2020-09-01", 398 }, { "2026-03-15", 200 }, { "2027-03-15", 100 }, { "2029-03-15", 47 }
    };
    apr_time_t life = e->cert.not_after - e->cert.not_before;
    const char *begins = date(p, e->cert.not_before);
    size_t i = sizeof(rules) / sizeof(rules[0]) - 1;

    while (i > 0 && strcmp(begins, rules[i].from) < 0) {
        i--;
    }
    saas_web_say(p, v, life <= rules[i].days * DAY ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                 "The certificate was issued on %s for %d days; %d are the most for certificates from %s on.", begins,
                 (int)(life / DAY), rules[i].days, rules[i].from);
}

void saas_web_judge_key_strength(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    saas_web_say(p, v, e->cert.key_is_strong ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                 "The certificate's key: %s. RSA of 2048 bits or EC of 256 bits is the least.", e->cert.key);
}

void saas_web_judge_signature(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    if (e->cert.weak_signature) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "A broken hash signs a certificate of the chain: %s.",
                     e->cert.weak_signature);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "No MD5 or SHA-1 signature in the chain (length %d).", e->cert.chain_len);
    }
}

void saas_web_judge_chain(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    if (e->cert.chain_problem) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The chain as sent (length %d) has a fault: %s.", e->cert.chain_len,
                     e->cert.chain_problem);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "The chain as sent (length %d) is complete and in order.", e->cert.chain_len);
    }
}

void saas_web_judge_legacy_protocols(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const saas_web_hello_e legacy[] = { SAAS_WEB_HELLO_SSL30, SAAS_WEB_HELLO_TLS10, SAAS_WEB_HELLO_TLS11 };
    const char *accepted = "";
    const char *open = NULL;
    const char *why = NULL;

    for (size_t i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++) {
        known_e k = accepts(e, legacy[i], &why);

        if (k == YES) {
            accepted = apr_pstrcat(p, accepted, *accepted ? ", " : "", hello_names[legacy[i]], NULL);
        }
        else if (k == UNKNOWN) {
            open = hello_names[legacy[i]];
        }
    }
    if (*accepted) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The server still accepts %s.", accepted);
    }
    else if (open) {
        unknown(p, v, open, why);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "SSL 3.0, TLS 1.0 and TLS 1.1 are refused.");
    }
}

void saas_web_judge_modern_protocols(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    known_e k13 = accepts(e, SAAS_WEB_HELLO_TLS13, &why);
    known_e k12 = accepts(e, SAAS_WEB_HELLO_TLS12, &why);

    if (k12 == YES || k13 == YES) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The server accepts %s%s%s.", k13 == YES ? "TLS 1.3" : "",
                     k12 == YES && k13 == YES ? " and " : "", k12 == YES ? "TLS 1.2" : "");
    }
    else if (k12 == UNKNOWN || k13 == UNKNOWN) {
        unknown(p, v, "TLS 1.2 or 1.3", why);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The server accepts neither TLS 1.2 nor TLS 1.3.");
    }
}

void saas_web_judge_tls13(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    known_e k = accepts(e, SAAS_WEB_HELLO_TLS13, &why);

    if (k == UNKNOWN) {
        unknown(p, v, "TLS 1.3", why);
    }
    else {
        saas_web_say(p, v, k == YES ? SAAS_WEB_PASS : SAAS_WEB_FAIL, "The server %s TLS 1.3.",
                     k == YES ? "accepts" : "does not accept");
    }
}

void saas_web_judge_weak_ciphers(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;

    if (e->weak_suites) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The server accepts weak cipher suites: %s.", e->weak_suites);
    }
    else if (accepts(e, SAAS_WEB_HELLO_WEAK, &why) == NO) {
        saas_web_say(p, v, SAAS_WEB_PASS, "NULL, anonymous, export, RC4, DES and 3DES cipher suites are refused.");
    }
    else {
        unknown(p, v, "weak cipher suites", why ? why : "the answer was unexpected");
    }
}

void saas_web_judge_forward_secrecy(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    known_e k = accepts(e, SAAS_WEB_HELLO_STATIC_RSA, &why);

    if (k == YES) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The server accepts a key exchange without forward secrecy: %s.",
                     saas_web_suite_name(p, e->hello[SAAS_WEB_HELLO_STATIC_RSA].suite));
    }
    else if (k == NO) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Key exchanges without forward secrecy are refused.");
    }
    else {
        unknown(p, v, "key exchanges without forward secrecy", why);
    }
}

void saas_web_judge_dh_params(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    int bits = e->hello[SAAS_WEB_HELLO_DHE].dh_bits;
    known_e k = accepts(e, SAAS_WEB_HELLO_DHE, &why);

    if (k == NO) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Finite-field Diffie-Hellman is not used.");
    }
    else if (k == YES && bits) {
        saas_web_say(p, v, bits >= 2048 ? SAAS_WEB_PASS : SAAS_WEB_FAIL,
                     "The Diffie-Hellman group has %d bits; 2048 are the least.", bits);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "The Diffie-Hellman group could not be read%s%s.", why ? ": " : "",
                     why ? why : "");
    }
}

void saas_web_judge_hybrid(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    known_e k = accepts(e, SAAS_WEB_HELLO_HYBRID, &why);

    if (k == UNKNOWN) {
        unknown(p, v, "X25519MLKEM768", why);
    }
    else if (k == YES && e->hello[SAAS_WEB_HELLO_HYBRID].group == SAAS_WEB_GROUP_HYBRID) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The server agrees to X25519MLKEM768.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The server does not know X25519MLKEM768.");
    }
}

/* What a hello of what the profile does not have may be answered with. */
static const struct {
    saas_web_hello_e kind;
    const char *what;
} beyond_profile[] = {
    { SAAS_WEB_HELLO_SSL30, "SSL 3.0" },
    { SAAS_WEB_HELLO_TLS10, "TLS 1.0" },
    { SAAS_WEB_HELLO_TLS11, "TLS 1.1" },
    { SAAS_WEB_HELLO_WEAK, NULL },
    { SAAS_WEB_HELLO_STATIC_RSA, NULL },
    { SAAS_WEB_HELLO_DHE, NULL },
    { SAAS_WEB_HELLO_BEYOND, NULL },
};

/* Does the server keep to the profile? What it lacks of it is told, and is no fault here. */
void saas_web_judge_profile(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *found = NULL, *open = NULL, *why = NULL, *ignored = NULL;
    const char *lacks;

    for (size_t i = 0; i < sizeof(beyond_profile) / sizeof(beyond_profile[0]); i++) {
        saas_web_hello_e kind = beyond_profile[i].kind;
        known_e k = accepts(e, kind, &why);
        const char *what = beyond_profile[i].what ? beyond_profile[i].what : saas_web_suite_name(p, e->hello[kind].suite);

        if (kind == SAAS_WEB_HELLO_WEAK && e->weak_suites) { /* asked again without what was taken: the answer is the last one's */
            k = YES;
            what = e->weak_suites;
        }
        if (k == YES) {
            found = apr_pstrcat(p, found ? found : "", found ? ", " : "", what, NULL);
        }
        else if (k == UNKNOWN) {
            open = hello_names[kind];
        }
    }
    if (e->cert.have && !e->cert.key_is_strong) {
        found = apr_pstrcat(p, found ? found : "", found ? ", " : "", "a key of ", e->cert.key, NULL);
    }
    if (e->cert.have && e->cert.not_after - e->cert.not_before > SAAS_WEB_PROFILE_DAYS * DAY + DAY) {
        found = apr_pstrcat(p, found ? found : "", found ? ", " : "", "a certificate for more than 366 days", NULL);
    }
    lacks = accepts(e, SAAS_WEB_HELLO_TLS13, &ignored) == NO     ? " It lacks TLS 1.3."
            : accepts(e, SAAS_WEB_HELLO_HYBRID, &ignored) == NO ? " It lacks X25519MLKEM768."
                                                                  : "";
    if (found) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "Beyond Mozilla's profile Intermediate (" SAAS_WEB_PROFILE "): %s.%s", found, lacks);
    }
    else if (open) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "Whether the server keeps to Mozilla's profile Intermediate is not known, for %s: %s.",
                     open, why ? why : "there was no answer");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "Nothing beyond Mozilla's profile Intermediate (" SAAS_WEB_PROFILE ", " SAAS_WEB_PROFILE_DATE
                                          ").%s", lacks);
    }
}

void saas_web_judge_transparency(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    int n = e->tls_hop ? e->tls_hop->tls.timestamps : -1;

    if (n >= 2) {
        saas_web_say(p, v, SAAS_WEB_PASS,
                     "%d timestamps of transparency logs come with the certificate. Their signatures were not checked.",
                     n);
    }
    else if (!e->cert.trusted) {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "The certificate is of no public authority, of which alone timestamps are demanded.");
    }
    else if (n < 0) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "There was no response during which the timestamps could be read.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "%d timestamp%s of transparency logs with the certificate; browsers want two of different logs.",
                     n, n == 1 ? " comes" : "s come");
    }
}

void saas_web_judge_compression(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const saas_web_hello_e before13[] = { SAAS_WEB_HELLO_TLS12, SAAS_WEB_HELLO_TLS11, SAAS_WEB_HELLO_TLS10,
                                                 SAAS_WEB_HELLO_SSL30 };
    const char *why = NULL;
    int unsure = 0;

    for (size_t i = 0; i < sizeof(before13) / sizeof(before13[0]); i++) {
        if (e->hello[before13[i]].what == SAAS_WEB_ANSWER_HELLO && e->hello[before13[i]].compression != 0) {
            saas_web_say(p, v, SAAS_WEB_FAIL, "The server agrees to TLS compression (CRIME) in %s.",
                         hello_names[before13[i]]);
            return;
        }
        unsure |= accepts(e, before13[i], &why) == UNKNOWN;
    }
    if (unsure) {
        unknown(p, v, "TLS compression", why);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS, "TLS compression was offered and not taken.");
    }
}

void saas_web_judge_renegotiation(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    static const saas_web_hello_e before13[] = { SAAS_WEB_HELLO_TLS12, SAAS_WEB_HELLO_TLS11, SAAS_WEB_HELLO_TLS10 };
    const char *why = NULL;
    int any = 0;
    int unsure = 0;

    for (size_t i = 0; i < sizeof(before13) / sizeof(before13[0]); i++) {
        known_e k = accepts(e, before13[i], &why);

        if (k == YES && !e->hello[before13[i]].secure_renegotiation) {
            saas_web_say(p, v, SAAS_WEB_FAIL, "%s lacks secure renegotiation (RFC 5746).", hello_names[before13[i]]);
            return;
        }
        any |= k == YES;
        unsure |= k == UNKNOWN;
    }
    if (!any && unsure) {
        unknown(p, v, "only secure renegotiation", why);
    }
    else {
        saas_web_say(p, v, SAAS_WEB_PASS,
                     any ? "Renegotiation is secured by RFC 5746."
                         : "Only TLS 1.3 is spoken, which has no renegotiation.");
    }
}

void saas_web_judge_ocsp_staple(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const saas_web_cert_t *c = &e->cert;

    if (c->must_staple) {
        v->severity = SAAS_WEB_MEDIUM;
    }
    if (c->staple == 1) {
        saas_web_say(p, v, SAAS_WEB_PASS, "A good OCSP response is stapled.");
    }
    else if (c->staple < 0) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The OCSP staple is not good: %s.", c->staple_problem);
    }
    else if (c->must_staple) {
        saas_web_say(p, v, SAAS_WEB_FAIL, "The certificate demands a stapled OCSP response, and none is sent.");
    }
    else if (!c->names_responder) {
        saas_web_say(p, v, SAAS_WEB_MANUAL, "The certificate names no OCSP responder, so there is nothing to staple.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_FAIL, "No OCSP response is stapled.");
    }
}

void saas_web_judge_early_data(apr_pool_t *p, const saas_web_evidence_t *e, saas_web_verdict_t *v)
{
    const char *why = NULL;
    known_e k = accepts(e, SAAS_WEB_HELLO_TLS13, &why);
    int seen = e->tls_hop ? e->tls_hop->tls.early_data : -1;

    if (seen == 1) {
        saas_web_say(p, v, SAAS_WEB_FAIL,
                     "The server's session tickets allow early data, which can "
                     "be replayed.");
    }
    else if (seen == 0) {
        saas_web_say(p, v, SAAS_WEB_PASS, "The server's session tickets do not allow early data.");
    }
    else if (k == NO) {
        saas_web_say(p, v, SAAS_WEB_PASS, "Early data needs TLS 1.3, which is not spoken.");
    }
    else {
        saas_web_say(p, v, SAAS_WEB_MANUAL,
                     "The server sent no session ticket that would tell whether it allows early "
                     "data.");
    }
}
