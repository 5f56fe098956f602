/* What a scan has learned about one target, as plain data: the fetcher and the
 * prober fill it in, the checks only read it. No function here touches the
 * network, so every verdict can be tested on evidence made by hand.
 */
#ifndef SAAS_WEB_EVIDENCE_H
#define SAAS_WEB_EVIDENCE_H

#include "dns.h"
#include "hello.h"
#include "mail.h"
#include "target.h"

#include <apr_tables.h>
#include <apr_time.h>
#include <openssl/x509.h>

#define SAAS_WEB_MAX_REDIRECTS 10
#define SAAS_WEB_PROOF "/.well-known/mod-saas.txt"
#define SAAS_WEB_PROOF_NAME "_mod-saas" /* label of the TXT record that does as well */
#define SAAS_WEB_SCRIPTS_MAX 8 /* of a page that are looked at for source maps */
#define SAAS_WEB_OTHERS_MAX 7 /* addresses of a name that are looked at besides the first */
#define SAAS_WEB_OTHERS_PER_HOST 28 /* the same of all targets of a run on one host together */

/* How a fetch ended. */
typedef enum {
    SAAS_WEB_FETCH_NOT_MADE,     /* the scan had no reason to make it */
    SAAS_WEB_FETCH_OK,           /* a response with headers, whatever its status */
    SAAS_WEB_FETCH_GUARDED,      /* the address guard refused the peer */
    SAAS_WEB_FETCH_NO_NAME,      /* the host name does not resolve */
    SAAS_WEB_FETCH_CLOSED,       /* connection refused: nothing listens on the port */
    SAAS_WEB_FETCH_UNREACHABLE,  /* no route, or no answer to the connection */
    SAAS_WEB_FETCH_NO_TLS,       /* connected, but no TLS handshake came about */
    SAAS_WEB_FETCH_NO_HTTP,      /* connected, but the answer is no HTTP response */
    SAAS_WEB_FETCH_SLOW,         /* connected, but no response within the time limit */
    SAAS_WEB_FETCH_TOO_BIG,      /* headers over the limit */
    SAAS_WEB_FETCH_LOOP,         /* more than SAAS_WEB_MAX_REDIRECTS redirects */
    SAAS_WEB_FETCH_BAD_REDIRECT, /* a redirect to a URL that is not fetched */
    SAAS_WEB_FETCH_FAILED        /* anything else; see the reason */
} saas_web_fetch_e;

typedef struct {
    const char *name; /* lower case */
    const char *value;
} saas_web_header_t;

/* What the TLS handshake of one hop has shown. */
typedef struct {
    apr_array_header_t *chain;   /* X509 *, as sent, leaf first; empty when no handshake */
    const unsigned char *staple; /* OCSP response, NULL when none was stapled */
    apr_size_t staple_len;
    int early_data; /* a ticket allows early data: 1 yes, 0 no, -1 no ticket */
    int timestamps; /* of certificate transparency, in the certificate, the handshake or the staple; -1: not looked at */
} saas_web_handshake_t;

typedef struct {
    const saas_web_target_t *at;
    int status;                  /* HTTP status, 0 when there was no response */
    apr_array_header_t *headers; /* saas_web_header_t, in order of arrival */
    saas_web_handshake_t tls;
    struct sockaddr_storage peer;
    socklen_t peer_len; /* 0 when no address was reached for */
} saas_web_hop_t;

typedef struct {
    saas_web_fetch_e how;
    const char *reason;       /* plain English when how is not SAAS_WEB_FETCH_OK */
    apr_array_header_t *hops; /* saas_web_hop_t *, the first is the URL asked for */
    int truncated;            /* the body was longer, or slower, than the limits */
} saas_web_reply_t;

/* What of the document the checks need; the body itself is never kept. */
typedef struct {
    int is_html;
    apr_array_header_t *meta_csp; /* const char *, contents of http-equiv metas of the head */
    const char *meta_referrer;    /* the policy of the last referrer meta with a valid one, as headers name it; NULL: none */
    int scripts;                  /* external scripts seen */
    const char *insecure_script;  /* first loaded over http:// */
    const char *unpinned_script;  /* first from another site without integrity */
    const char *insecure_content; /* first image, style, frame or the like over http:// of a page over https */
    const char *base;             /* of relative references, by a base element; NULL: the page's own URL */
    apr_array_header_t *sources;  /* const char *, references of the first SAAS_WEB_SCRIPTS_MAX external scripts; NULL: none */
    int body_len;
    int echoes_trace;   /* the body repeats the request line of a TRACE */
    int has_contact;    /* security.txt: a Contact field */
    apr_time_t expires; /* security.txt: Expires, 0 when absent or malformed */
    int expires_count, languages_count; /* security.txt: fields of that name */
    const char *bad_contact;            /* security.txt: the first Contact that is no URI */
} saas_web_document_t;

/* What certificate verification says about a chain. See cert.h. */
typedef struct {
    int have; /* zero: no certificate was seen */
    int trusted;
    const char *trust_problem;
    int host_matches;
    const char *names; /* subject alternative names, for the comment */
    apr_time_t not_before, not_after;
    const char *key; /* "RSA 2048" */
    int key_is_strong;
    const char *weak_signature; /* "sha1WithRSAEncryption on …", NULL when none */
    int chain_len;
    const char *chain_problem; /* NULL when ordered and complete */
    int must_staple;
    int names_responder; /* the certificate names an OCSP responder */
    int staple;          /* 1 good, 0 none, -1 present but not good */
    const char *staple_problem;
    const char *subject, *issuer;
} saas_web_cert_t;

/* What is known of a target's addresses. */
typedef struct {
    const char *unknown; /* why they are not; NULL: they are */
    int all;             /* different ones, the one that answered among them */
    int refused;         /* by the address guard */
    int left_out;        /* over SAAS_WEB_OTHERS_MAX, or of a host over SAAS_WEB_OTHERS_PER_HOST */
} saas_web_addresses_t;

typedef struct saas_web_evidence_t {
    const saas_web_target_t *target;
    apr_time_t now;
    saas_web_reply_t *https;       /* chain that began at https://, or how is NOT_MADE */
    saas_web_reply_t *http;        /* chain that began at http:// */
    saas_web_reply_t *main;        /* the one whose last hop the header checks read; NULL: none */
    saas_web_document_t document;  /* of main */
    const saas_web_hop_t *tls_hop; /* first hop over https on the target's host; NULL: none */
    saas_web_cert_t cert;          /* of tls_hop */
    int probed;                    /* the hellos below were sent */
    saas_web_answer_t hello[SAAS_WEB_HELLO_COUNT];
    unsigned weak_families;  /* that the server accepted */
    const char *weak_suites; /* their names */
    saas_web_reply_t *cors, *trace, *security_txt;
    const char *address;           /* the one that alone was looked at; NULL: whichever answers first */
    const char *at;                /* the one that was connected to; NULL: none was */
    saas_web_addresses_t addresses;
    apr_array_header_t *others;    /* const struct saas_web_evidence_t *, of the name's other addresses; NULL: none */
    saas_web_dns_t dns;
    saas_web_reply_t *sts_reply;   /* the file of MTA-STS; NULL: not asked for */
    saas_web_sts_policy_t sts_policy;
    saas_web_cert_t sts_cert;
    /* Whether the target's host is the organization's own: what is asked of it below, and the active checks, wait
     * for this. */
    int claimed, owned;
    apr_array_header_t *listings; /* const char *, directories that list their files, of SAAS_WEB_DIRECTORIES that were asked */
    int directories;              /* that answered */
    int scripts, scripts_answered; /* of the host that were asked for a source map, and that answered */
    apr_array_header_t *maps;      /* const char *, source maps that are served */
    const char *cors_origin; /* the Origin that the cors request carried */
    saas_web_document_t trace_document, security_document;
} saas_web_evidence_t;

/* The last hop of a reply, NULL when there is none. */
static inline const saas_web_hop_t *saas_web_reply_last(const saas_web_reply_t *r)
{
    return r && r->hops && r->hops->nelts ? APR_ARRAY_IDX(r->hops, r->hops->nelts - 1, saas_web_hop_t *) : NULL;
}

static inline const saas_web_hop_t *saas_web_reply_first(const saas_web_reply_t *r)
{
    return r && r->hops && r->hops->nelts ? APR_ARRAY_IDX(r->hops, 0, saas_web_hop_t *) : NULL;
}

#endif
