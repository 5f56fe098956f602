/* What a domain says about its mail: SPF (RFC 7208) and DMARC (RFC 7489) in
 * TXT records, the policy of MTA-STS (RFC 8461) in a file. Pure: text in,
 * facts out.
 */
#ifndef SAAS_WEB_MAIL_H
#define SAAS_WEB_MAIL_H

#include <apr_pools.h>
#include <apr_tables.h>

#define SAAS_WEB_SPF_LOOKUPS 10 /* look-ups that a receiver makes at most, RFC 7208, 4.6.4 */
#define SAAS_WEB_STS_MAX_AGE 31557600

typedef struct {
    int records;          /* that begin with v=spf1; one is right */
    const char *text;     /* of the first */
    char all;             /* qualifier of "all": '-' '~' '?' '+', 0 when there is none */
    const char *redirect; /* counts only without "all" */
    int lookups;          /* that its own terms cost; those of what they include are not known */
    const char *unknown;  /* first term that is none, which voids the record */
} saas_web_spf_t;

typedef struct {
    int records;      /* that begin with v=DMARC1; one is right */
    const char *text; /* of the first */
    const char *policy, *subdomains; /* p and sp in lower case; NULL: not there */
    int percent;
} saas_web_dmarc_t;

typedef struct {
    int records;     /* TXT records that begin with v=STSv1; one is right */
    const char *id;  /* NULL: none that is valid */
} saas_web_sts_record_t;

typedef struct {
    const char *problem; /* NULL: a policy that receivers take */
    const char *mode;    /* enforce, testing, none */
    long max_age;        /* seconds */
    apr_array_header_t *mx; /* const char *, patterns in lower case */
} saas_web_sts_policy_t;

/* Of TXT records (const char *). */
void saas_web_spf_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_spf_t *out);
void saas_web_dmarc_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_dmarc_t *out);
void saas_web_sts_record_read(apr_pool_t *p, const apr_array_header_t *texts, saas_web_sts_record_t *out);

/* The file mta-sts.txt. */
void saas_web_sts_policy_read(apr_pool_t *p, const char *body, apr_size_t len, saas_web_sts_policy_t *out);

/* Does one of the patterns name the mail server? "*.example.com" is any one label. */
int saas_web_sts_names(const saas_web_sts_policy_t *policy, const char *host);

#endif
