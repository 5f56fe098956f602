/* Cookies that a site sets, with their attributes and without their values:
 * a value never leaves the parser. RFC 6265bis.
 */
#ifndef SAAS_WEB_COOKIES_H
#define SAAS_WEB_COOKIES_H

#include "evidence.h"

typedef enum {
    SAAS_WEB_SAMESITE_ABSENT,
    SAAS_WEB_SAMESITE_INVALID,
    SAAS_WEB_SAMESITE_NONE,
    SAAS_WEB_SAMESITE_LAX,
    SAAS_WEB_SAMESITE_STRICT
} saas_web_samesite_e;

typedef struct {
    const char *name;
    int secure, httponly;
    saas_web_samesite_e samesite;
    const char *broken; /* the rule of its name's prefix that it breaks, for which browsers drop it; NULL: none */
    int is_session; /* the name looks like that of a login or session cookie */
    int is_csrf;    /* the name looks like that of an anti-forgery token */
} saas_web_cookie_t;

/* One Set-Cookie value that came at now. Zero when it sets nothing (no name, or a deletion). */
int saas_web_cookie_read(apr_pool_t *p, const char *value, apr_time_t now, saas_web_cookie_t *out);

/* The cookies (saas_web_cookie_t) of all hops of a reply that came at now. */
apr_array_header_t *saas_web_cookies(apr_pool_t *p, const saas_web_reply_t *reply, apr_time_t now);

#endif
