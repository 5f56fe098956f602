/* What the DNS says of a target's name, as plain data, and the reading of its
 * answers: libldns takes them apart, so that no byte of a message is parsed
 * here. Pure: the asking is in ask.h.
 */
#ifndef SAAS_WEB_DNS_H
#define SAAS_WEB_DNS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/socket.h>

/* Types of records, by their number at IANA. */
#define SAAS_WEB_DNS_A 1
#define SAAS_WEB_DNS_SOA 6
#define SAAS_WEB_DNS_MX 15
#define SAAS_WEB_DNS_TXT 16
#define SAAS_WEB_DNS_AAAA 28
#define SAAS_WEB_DNS_HTTPS 65
#define SAAS_WEB_DNS_CAA 257

#define SAAS_WEB_DNS_RECORDS_MAX 64 /* of an answer; more are not looked at */
#define SAAS_WEB_DNS_PARENTS_MAX 8  /* names that are asked for CAA: the host and those above it */

/* How a question ended. */
typedef enum {
    SAAS_WEB_DNS_NOT_ASKED,
    SAAS_WEB_DNS_FOUND,  /* there are records of the type */
    SAAS_WEB_DNS_NONE,   /* there are none, or there is no such name */
    SAAS_WEB_DNS_FAILED, /* the name server says that it cannot tell */
    SAAS_WEB_DNS_SILENT  /* no answer in time */
} saas_web_dns_e;

typedef struct {
    saas_web_dns_e how;
    const char *name;                  /* that was asked for */
    const apr_array_header_t *records; /* of the type's struct below; NULL but for FOUND */
} saas_web_dns_answer_t;

typedef struct {
    int critical;
    const char *tag, *value;
} saas_web_caa_t;

typedef struct {
    int preference;
    const char *host; /* lower case, without the last dot; "" is the root: no mail is taken (RFC 7505) */
} saas_web_mx_t;

typedef struct {
    int priority;       /* 0: an alias */
    const char *target; /* "" is the name itself, or for an alias nothing */
    const char *params; /* as in a zone file: "alpn=h2,h3 ech=…"; "" when there are none */
} saas_web_https_t;

/* TXT records are const char *, their strings joined; addresses are struct sockaddr_storage with port 0. */

typedef enum {
    SAAS_WEB_DNSSEC_UNKNOWN, /* could not be told: see why */
    SAAS_WEB_DNSSEC_SECURE,
    SAAS_WEB_DNSSEC_UNSIGNED, /* proven: the parent says so */
    SAAS_WEB_DNSSEC_BOGUS     /* signed, and the signatures are wrong: see why */
} saas_web_dnssec_e;

/* All that was asked about a target. */
typedef struct {
    const char *unasked; /* why nothing was; NULL: the rest is there */
    const char *host;
    const char *domain; /* the organization's: one label more than a public suffix (RFC 7489, 3.2) */
    saas_web_dns_answer_t caa[SAAS_WEB_DNS_PARENTS_MAX]; /* of the host, then of each name above it */
    int ncaa;
    saas_web_dns_answer_t https;
    saas_web_dns_answer_t mx, spf, dmarc, mta_sts; /* of the domain; the last two below their labels */
    saas_web_dns_answer_t a, aaaa;
    saas_web_dnssec_e dnssec;
    const char *dnssec_why;
} saas_web_dns_t;

/* Reads the records of a type from the answer section of a whole message,
 * whatever name they are of (an alias has been followed). Broken ones are left
 * out. An array of the type's struct, allocated from p, or NULL when it is no
 * message. */
apr_array_header_t *saas_web_dns_read(apr_pool_t *p, int type, const void *message, apr_size_t len);

/* The organization's domain of a host by the public suffix list of the system
 * (libpsl), from p; NULL: the host is a public suffix itself, or no name of
 * the public DNS. list: from saas_web_suffixes(). */
const char *saas_web_dns_domain(apr_pool_t *p, const void *list, const char *host);

/* The newest public suffix list that is installed, else the one that was built
 * into libpsl; freed with p. NULL: there is neither. */
const void *saas_web_suffixes(apr_pool_t *p);

/* Non-zero for names that the public DNS does not have: of one label, or of a
 * special use (RFC 6761, 6762, 7686, 8375, ICANN's "internal"). */
int saas_web_dns_is_special(const char *host);

#endif
