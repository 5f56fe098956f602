/* Response header fields as verdicts need them. Pure.
 */
#ifndef SAAS_WEB_HEADERS_H
#define SAAS_WEB_HEADERS_H

#include "evidence.h"

#define SAAS_WEB_SHOWN_MAX 1024

typedef struct {
    int count;           /* fields of that name; browsers use the first */
    int valid;           /* exactly one max-age with a number, RFC 6797 6.1 */
    apr_int64_t max_age; /* seconds */
    int include_subdomains;
    int preload;
} saas_web_hsts_t;

/* The first field of a name (lower case), NULL when absent; *count, when not
 * NULL, becomes the number of such fields. */
const char *saas_web_header_get(const saas_web_hop_t *hop, const char *name, int *count);

/* All fields of a name joined with ", ", NULL when absent. */
const char *saas_web_header_joined(apr_pool_t *p, const saas_web_hop_t *hop, const char *name);

/* Strict-Transport-Security of one response. */
void saas_web_hsts_read(apr_pool_t *p, const saas_web_hop_t *hop, saas_web_hsts_t *out);

/* The policy in force by Referrer-Policy: the last token that is known. NULL
 * when there is none. */
const char *saas_web_referrer_policy(apr_pool_t *p, const char *value);

/* Non-zero for policies that never send a path to another site or over http. */
int saas_web_referrer_is_safe(const char *policy);

/* The policy that <meta name="referrer"> sets by its content, which is one word and may be one of an older draft: HTML,
 * 4.2.5.1. NULL when browsers leave it alone. */
const char *saas_web_referrer_meta(const char *content);

/* The values of a field whose lines were joined: split at commas, without the space around them (Fetch, "get, decode, and
 * split"). const char *, never empty. */
apr_array_header_t *saas_web_header_split(apr_pool_t *p, const char *joined);

typedef enum {
    SAAS_WEB_FRAMING_FREE,       /* no value that browsers know */
    SAAS_WEB_FRAMING_SAMEORIGIN,
    SAAS_WEB_FRAMING_DENIED,
    SAAS_WEB_FRAMING_CONTRADICTS /* several different values, one of them known: denied, too */
} saas_web_framing_e;

/* What X-Frame-Options does, its lines joined: HTML, "the X-Frame-Options header". */
saas_web_framing_e saas_web_header_framing(apr_pool_t *p, const char *joined);

/* Directives of Permissions-Policy, a dictionary of structured fields (RFC 9651) whose members are "*", a word, or a list in
 * parentheses; 0 when browsers could not read it, like one in the notation of Feature-Policy. */
int saas_web_permissions_count(const char *joined);

/* Names of fields that tell what the server is made of, with their values,
 * as one line; NULL when there are none. */
const char *saas_web_header_leaks(apr_pool_t *p, const saas_web_hop_t *hop);

/* Text fit for a comment: valid UTF-8, no control characters, cut to
 * SAAS_WEB_SHOWN_MAX bytes. */
const char *saas_web_shown(apr_pool_t *p, const char *text);

/* The same without a cut. */
const char *saas_web_clean(apr_pool_t *p, const char *text);

#endif
