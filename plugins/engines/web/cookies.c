/* See cookies.h. This file must never copy a cookie's value.
 */
#include "cookies.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_date.h>
#include <string.h>

#define NAME_MAX_SHOWN 64

static const char *const session_words[] = { "sess", "login", "auth", "token", "jwt", "remember" };
static const char *const csrf_words[] = { "csrf", "xsrf", "antiforgery", "requestverification" };

static int has_word(const char *name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(words[i]);

        for (const char *c = name; *c; c++) {
            if (strncasecmp(c, words[i], len) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* "sid" only as a whole word at the end: it occurs inside of too many others. */
static int ends_with_sid(const char *name)
{
    size_t len = strlen(name);

    return len >= 3 && strcasecmp(name + len - 3, "sid") == 0 && (len == 3 || !apr_isalnum(name[len - 4]));
}

static int is_word(const char *from, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(from, word, len) == 0;
}

static void trim(const char **from, const char **to)
{
    while (*from < *to && apr_isspace(**from)) {
        (*from)++;
    }
    while (*to > *from && apr_isspace((*to)[-1])) {
        (*to)--;
    }
}

/* What only the reading of one cookie needs. */
typedef struct {
    int has_max_age, is_over; /* of Max-Age, which goes before Expires */
    int has_expired;
    int has_domain, is_root; /* the last Path is "/" */
} attributes_t;

static void read_attribute(apr_pool_t *p, const char *from, const char *to, apr_time_t now, saas_web_cookie_t *out,
                           attributes_t *a)
{
    static const struct {
        const char *word;
        saas_web_samesite_e value;
    } sites[] = { { "strict", SAAS_WEB_SAMESITE_STRICT },
                  { "lax", SAAS_WEB_SAMESITE_LAX },
                  { "none", SAAS_WEB_SAMESITE_NONE } };
    const char *equals = memchr(from, '=', to - from);
    const char *name_end = equals ? equals : to;
    const char *value = equals ? equals + 1 : to;

    trim(&from, &name_end);
    trim(&value, &to);
    if (is_word(from, name_end - from, "secure")) {
        out->secure = 1;
    }
    else if (is_word(from, name_end - from, "httponly")) {
        out->httponly = 1;
    }
    else if (is_word(from, name_end - from, "samesite")) {
        out->samesite = SAAS_WEB_SAMESITE_INVALID;
        for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
            if (is_word(value, to - value, sites[i].word)) {
                out->samesite = sites[i].value;
            }
        }
    }
    else if (is_word(from, name_end - from, "max-age")) {
        a->has_max_age = value < to;
        a->is_over = value < to && (*value == '-' || is_word(value, to - value, "0"));
    }
    else if (is_word(from, name_end - from, "expires")) {
        const char *text = apr_pstrmemdup(p, value, to - value);
        apr_time_t t = apr_date_parse_rfc(text);

        /* The parser's word for a bad date is the beginning of 1970, which is how cookies are deleted. */
        a->has_expired = t == APR_DATE_BAD ? strstr(text, "1970") != NULL : t < now;
    }
    else if (is_word(from, name_end - from, "domain")) {
        a->has_domain = value < to;
    }
    else if (is_word(from, name_end - from, "path")) {
        a->is_root = is_word(value, to - value, "/");
    }
}

/* RFC 6265bis 4.1.3: what a name that begins like this demands, written in whichever case. */
static const char *broken_rule(const saas_web_cookie_t *c, const attributes_t *a)
{
    static const struct {
        const char *prefix;
        int httponly, host;
    } rules[] = { { "__Host-Http-", 1, 1 }, { "__Http-", 1, 0 }, { "__Host-", 0, 1 }, { "__Secure-", 0, 0 } };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strncasecmp(c->name, rules[i].prefix, strlen(rules[i].prefix)) != 0) {
            continue;
        }
        return !c->secure                          ? "without Secure"
               : rules[i].httponly && !c->httponly ? "without HttpOnly"
               : rules[i].host && a->has_domain    ? "with Domain"
               : rules[i].host && !a->is_root      ? "without Path=/"
                                                   : NULL;
    }
    return NULL;
}

int saas_web_cookie_read(apr_pool_t *p, const char *value, apr_time_t now, saas_web_cookie_t *out)
{
    const char *end = value + strcspn(value, ";");
    const char *equals = memchr(value, '=', end - value);
    const char *name = value;
    const char *name_end = equals;
    attributes_t a = { 0 };
    size_t len;

    memset(out, 0, sizeof(*out));
    if (!equals) {
        return 0;
    }
    trim(&name, &name_end);
    len = name_end - name;
    if (len == 0) {
        return 0;
    }
    out->name = apr_pstrmemdup(p, name, len > NAME_MAX_SHOWN ? NAME_MAX_SHOWN : len);
    out->is_csrf = has_word(out->name, csrf_words, sizeof(csrf_words) / sizeof(csrf_words[0]));
    out->is_session = !out->is_csrf
                      && (has_word(out->name, session_words, sizeof(session_words) / sizeof(session_words[0]))
                          || ends_with_sid(out->name));
    while (*end) {
        const char *from = end + 1;

        end = from + strcspn(from, ";");
        read_attribute(p, from, end, now, out, &a);
    }
    out->broken = broken_rule(out, &a);
    return !(a.has_max_age ? a.is_over : a.has_expired);
}

apr_array_header_t *saas_web_cookies(apr_pool_t *p, const saas_web_reply_t *reply, apr_time_t now)
{
    apr_array_header_t *cookies = apr_array_make(p, 4, sizeof(saas_web_cookie_t));

    for (int i = 0; i < reply->hops->nelts; i++) {
        const saas_web_hop_t *hop = APR_ARRAY_IDX(reply->hops, i, saas_web_hop_t *);

        for (int k = 0; k < hop->headers->nelts; k++) {
            const saas_web_header_t *h = &APR_ARRAY_IDX(hop->headers, k, saas_web_header_t);
            saas_web_cookie_t cookie;

            if (strcmp(h->name, "set-cookie") == 0 && saas_web_cookie_read(p, h->value, now, &cookie)) {
                APR_ARRAY_PUSH(cookies, saas_web_cookie_t) = cookie;
            }
        }
    }
    return cookies;
}
