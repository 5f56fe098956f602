/* See headers.h. Values come from hostile servers: everything that ends up in
 * a comment goes through saas_web_clean.
 */
#include "headers.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <string.h>

static const char *const referrer_policies[] = {
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "origin",
    "unsafe-url",
    "origin-when-cross-origin",
    "no-referrer-when-downgrade",
};
#define REFERRER_SAFE 4 /* the first ones of the list */

/* After the list of headers to remove of OWASP's Secure Headers Project. */
static const char *const leaking[] = {
    "x-powered-by",
    "x-powered-cms",
    "x-powered-by-plesk",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-generator",
    "x-generated-by",
    "x-drupal-cache",
    "x-drupal-dynamic-cache",
    "x-php-version",
    "x-php-response-code",
    "x-server-name",
    "x-server-powered-by",
    "x-servername",
    "x-server",
    "x-backend-server",
    "x-backend",
    "x-application-version",
    "x-app-version",
    "x-version",
    "x-api-version",
    "x-runtime-version",
    "x-cms",
    "x-cmsversion",
    "x-content-encoded-by",
    "x-cocoon-version",
    "x-confluence-request-time",
    "x-mod-pagespeed",
    "x-page-speed",
    "x-owa-version",
    "x-feserver",
    "x-beserver",
    "x-calculatedbetarget",
    "x-diaginfo",
    "x-jitsi-release",
    "x-joomla-version",
    "x-kubernetes-pf-flowschema-uid",
    "x-kubernetes-pf-prioritylevel-uid",
    "x-litespeed-cache",
    "x-litespeed-purge",
    "x-litespeed-tag",
    "x-litespeed-vary",
    "x-litespeed-cache-control",
    "x-envoy-attempt-count",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-dst-host",
    "x-envoy-upstream-service-time",
    "x-nextjs-cache",
    "x-nextjs-page",
    "x-nextjs-matched-path",
    "x-nginx-cache",
    "x-nginx-cache-status",
    "x-old-content-length",
    "x-redirect-by",
    "x-turbo-charged-by",
    "x-umbraco-version",
    "x-varnish-backend",
    "x-varnish-server",
    "x-woodpecker-version",
    "x-dtagentid",
    "x-dthealthcheck",
    "x-dtinjectedservlet",
    "x-ruxit-js-agent",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-cf-powered-by",
    "x-atmosphere-error",
    "x-atmosphere-first-request",
    "x-atmosphere-tracking-id",
    "x-sourcefiles",
    "sourcemap",
    "x-sourcemap",
    "k-proxy-request",
    "liferay-portal",
    "oracle-mobile-runtime-version",
    "pega-host",
    "pegarules-version",
    "product",
    "microsoftofficewebserver",
    "microsoftsharepointteamservices",
    "ms-author-via",
    "powered-by",
    "server-timing-version",
    "wpe-backend",
    "$wsep",
    "akamai-cache-status",
    "fly-request-id",
    "host-header",
    "hummingbird-cache",
    "php-version",
    "sitecore-version",
    "swift-performance",
    "via-version",
};

const char *saas_web_header_get(const saas_web_hop_t *hop, const char *name, int *count)
{
    const char *first = NULL;
    int n = 0;

    for (int i = 0; i < hop->headers->nelts; i++) {
        const saas_web_header_t *h = &APR_ARRAY_IDX(hop->headers, i, saas_web_header_t);

        if (strcmp(h->name, name) == 0) {
            first = n++ ? first : h->value;
        }
    }
    if (count) {
        *count = n;
    }
    return first;
}

const char *saas_web_header_joined(apr_pool_t *p, const saas_web_hop_t *hop, const char *name)
{
    apr_array_header_t *values = apr_array_make(p, 2, sizeof(const char *));

    for (int i = 0; i < hop->headers->nelts; i++) {
        const saas_web_header_t *h = &APR_ARRAY_IDX(hop->headers, i, saas_web_header_t);

        if (strcmp(h->name, name) == 0) {
            if (values->nelts) {
                APR_ARRAY_PUSH(values, const char *) = ", ";
            }
            APR_ARRAY_PUSH(values, const char *) = h->value;
        }
    }
    return values->nelts ? apr_array_pstrcat(p, values, 0) : NULL;
}

static char *trim(char *text)
{
    char *end;

    while (apr_isspace(*text)) {
        text++;
    }
    end = text + strlen(text);
    while (end > text && apr_isspace(end[-1])) {
        *--end = '\0';
    }
    return text;
}

static int is_token(const char *text)
{
    return *text
           && text[strspn(text, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")]
                  == '\0';
}

void saas_web_hsts_read(apr_pool_t *p, const saas_web_hop_t *hop, saas_web_hsts_t *out)
{
    const char *value = saas_web_header_get(hop, "strict-transport-security", &out->count);
    char *state = NULL;
    int ages = 0;

    out->valid = out->include_subdomains = out->preload = 0;
    out->max_age = 0;
    if (!value) {
        return;
    }
    out->valid = 1;
    for (char *part = apr_strtok(apr_pstrdup(p, value), ";", &state); part; part = apr_strtok(NULL, ";", &state)) {
        char *equals = strchr(part, '=');
        char *argument = NULL;

        if (equals) {
            *equals = '\0';
            argument = trim(equals + 1);
        }
        part = trim(part);
        if (!is_token(part) && *part) {
            out->valid =
                0; /* RFC 6797 6.1: what is not of the grammar is ignored as a whole, like two joined by a comma */
        }
        if (strcasecmp(part, "max-age") == 0) {
            size_t len = argument ? strlen(argument) : 0;

            if (len >= 2 && argument[0] == '"' && argument[len - 1] == '"') {
                argument[len - 1] = '\0';
                argument++;
                len -= 2;
            }
            ages++;
            if (len == 0 || strspn(argument, "0123456789") != len) {
                out->valid = 0;
            }
            else {
                out->max_age = len > 15 ? APR_INT64_MAX : apr_atoi64(argument);
            }
        }
        else if (strcasecmp(part, "includesubdomains") == 0) {
            out->include_subdomains = 1;
        }
        else if (strcasecmp(part, "preload") == 0) {
            out->preload = 1;
        }
    }
    if (ages != 1) {
        out->valid = 0;
    }
}

const char *saas_web_referrer_policy(apr_pool_t *p, const char *value)
{
    const char *found = NULL;
    char *state = NULL;

    for (char *part = apr_strtok(apr_pstrdup(p, value), ",", &state); part; part = apr_strtok(NULL, ",", &state)) {
        part = trim(part);
        for (size_t i = 0; i < sizeof(referrer_policies) / sizeof(referrer_policies[0]); i++) {
            if (strcasecmp(part, referrer_policies[i]) == 0) {
                found = referrer_policies[i];
            }
        }
    }
    return found;
}

const char *saas_web_referrer_meta(const char *content)
{
    static const struct {
        const char *word, *policy;
    } older[] = {
        { "never", "no-referrer" },
        { "default", "strict-origin-when-cross-origin" },
        { "always", "unsafe-url" },
        { "origin-when-crossorigin", "origin-when-cross-origin" },
    };

    for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++) {
        if (strcasecmp(content, older[i].word) == 0) {
            return older[i].policy;
        }
    }
    for (size_t i = 0; i < sizeof(referrer_policies) / sizeof(referrer_policies[0]); i++) {
        if (strcasecmp(content, referrer_policies[i]) == 0) {
            return referrer_policies[i];
        }
    }
    return NULL;
}

apr_array_header_t *saas_web_header_split(apr_pool_t *p, const char *joined)
{
    apr_array_header_t *values = apr_array_make(p, 4, sizeof(const char *));

    for (;;) {
        size_t len = strcspn(joined, ",");

        APR_ARRAY_PUSH(values, const char *) = trim(apr_pstrmemdup(p, joined, len));
        if (joined[len] == '\0') {
            return values;
        }
        joined += len + 1;
    }
}

int saas_web_permissions_count(const char *joined)
{
    const char *c = joined;
    int n = 0;

    for (;;) {
        c += strspn(c, " \t");
        if (*c == '\0') {
            return n;
        }
        if (!(apr_islower(*c) || *c == '*')) {
            return 0;
        }
        c += strspn(c, "abcdefghijklmnopqrstuvwxyz0123456789_-.*");
        if (*c++ != '=') {
            return 0;
        }
        if (*c == '(') {
            c += strcspn(c, ")");
            if (*c++ != ')') {
                return 0;
            }
        }
        else if (*c == '*' || apr_isalpha(*c) || *c == '"') {
            c += 1 + strcspn(c + 1, ", \t;");
        }
        else {
            return 0;
        }
        n++;
        c += strcspn(c, ","); /* parameters */
        c += *c == ',';
    }
}

saas_web_framing_e saas_web_header_framing(apr_pool_t *p, const char *joined)
{
    const apr_array_header_t *values = saas_web_header_split(p, joined);
    const char *first = APR_ARRAY_IDX(values, 0, const char *);
    int differ = 0, known = 0;

    for (int i = 0; i < values->nelts; i++) {
        const char *value = APR_ARRAY_IDX(values, i, const char *);

        differ |= strcasecmp(value, first) != 0;
        known |= strcasecmp(value, "DENY") == 0 || strcasecmp(value, "SAMEORIGIN") == 0
                 || strcasecmp(value, "ALLOWALL") == 0;
    }
    if (differ) {
        return known ? SAAS_WEB_FRAMING_CONTRADICTS : SAAS_WEB_FRAMING_FREE;
    }
    return strcasecmp(first, "DENY") == 0         ? SAAS_WEB_FRAMING_DENIED
           : strcasecmp(first, "SAMEORIGIN") == 0 ? SAAS_WEB_FRAMING_SAMEORIGIN
                                                  : SAAS_WEB_FRAMING_FREE;
}

int saas_web_referrer_is_safe(const char *policy)
{
    for (size_t i = 0; i < REFERRER_SAFE; i++) {
        if (strcmp(policy, referrer_policies[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *saas_web_header_leaks(apr_pool_t *p, const saas_web_hop_t *hop)
{
    const char *line = NULL;

    for (int i = 0; i < hop->headers->nelts; i++) {
        const saas_web_header_t *h = &APR_ARRAY_IDX(hop->headers, i, saas_web_header_t);
        int leaks = strcmp(h->name, "server") == 0 && strpbrk(h->value, "0123456789") != NULL;

        for (size_t k = 0; !leaks && k < sizeof(leaking) / sizeof(leaking[0]); k++) {
            leaks = strcmp(h->name, leaking[k]) == 0;
        }
        if (leaks) {
            line =
                apr_pstrcat(p, line ? line : "", line ? "; " : "", h->name, ": ", apr_pstrndup(p, h->value, 128), NULL);
            if (strlen(line) > SAAS_WEB_SHOWN_MAX) {
                break;
            }
        }
    }
    return line;
}

/* Length of the well-formed UTF-8 sequence at c, 0 when there is none. */
static size_t utf8_length(const unsigned char *c)
{
    size_t n = c[0] < 0x80                   ? 1
               : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
               : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
               : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                             : 0;

    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((n == 3 && ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0)))
        || (n == 4 && ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90)))) {
        return 0; /* overlong, surrogate or out of range */
    }
    return n;
}

static const char *clean(apr_pool_t *p, const char *text, size_t max)
{
    size_t len = strlen(text);
    int cut = len > max;
    char *out = apr_palloc(p, (cut ? max : len) + 4);
    char *w = out;
    const unsigned char *c = (const unsigned char *)text;

    while (*c) {
        size_t n = utf8_length(c);

        if ((size_t)(w - out) + (n ? n : 1) > max) {
            break;
        }
        if (n <= 1) {
            *w++ = n == 0 ? '?' : *c < ' ' || *c == 0x7f ? ' ' : *c;
            c++;
        }
        else {
            memcpy(w, c, n);
            w += n;
            c += n;
        }
    }
    memcpy(w, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

const char *saas_web_shown(apr_pool_t *p, const char *text)
{
    return clean(p, text, SAAS_WEB_SHOWN_MAX);
}

const char *saas_web_clean(apr_pool_t *p, const char *text)
{
    return clean(p, text, strlen(text));
}
