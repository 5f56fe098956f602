/* See target.h. A host is accepted only when the text names it the way the
 * parser understood it: an address in octal, hex, as one number, with percent
 * signs or with foreign digits reads differently after parsing, and is refused
 * rather than interpreted. This file must never resolve a name.
 */
#include "target.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* The part between "//" and the path, or NULL when the slashes are odd. */
static const char *find_authority(const char *text)
{
    const char *c = text;

    while (apr_isalnum(*c) || *c == '+' || *c == '-' || *c == '.') {
        c++;
    }
    if (c > text && c[0] == ':' && c[1] == '/') {
        if (c[2] != '/') {
            return NULL;
        }
        text = c + 3;
    }
    return *text == '/' || *text == '\0' ? NULL : text;
}

static const char *check_characters(apr_pool_t *p, const char *text)
{
    size_t len = strlen(text);

    if (len == 0) {
        return "the target is empty";
    }
    if (len > SAAS_WEB_URL_MAX) {
        return apr_psprintf(p, "the target is longer than %d characters", SAAS_WEB_URL_MAX);
    }
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c <= ' ' || *c == 0x7f) {
            return "the target contains a space or a control character";
        }
        if (*c == '\\') {
            return "the target contains a backslash";
        }
    }
    return NULL;
}

static int is_number(const char *label, size_t len)
{
    if (len > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
        return strspn(label + 2, "0123456789abcdefABCDEF") >= len - 2;
    }
    return strspn(label, "0123456789") >= len;
}

/* A DNS name by RFC 1123 (and underscores, which exist): no empty labels, no
 * trailing dot, nothing that a resolver could take for a number. */
static const char *check_name(apr_pool_t *p, const char *host)
{
    const char *label = host;

    if (strlen(host) > 253) {
        return "the host name is longer than 253 characters";
    }
    for (;;) {
        size_t len = strcspn(label, ".");

        if (len == 0) {
            return apr_psprintf(p, "\"%s\" has an empty label or a trailing dot", host);
        }
        if (len > 63) {
            return apr_psprintf(p, "\"%s\" has a label longer than 63 characters", host);
        }
        for (size_t i = 0; i < len; i++) {
            if (!apr_isalnum(label[i]) && label[i] != '-' && label[i] != '_') {
                return apr_psprintf(p, "\"%s\" is not a host name", host);
            }
        }
        if (label[0] == '-' || label[len - 1] == '-') {
            return apr_psprintf(p, "\"%s\" has a label that begins or ends with a hyphen", host);
        }
        if (label[len] == '\0') {
            return is_number(label, len) ? apr_psprintf(p, "\"%s\" is neither a host name nor a plain IP address", host)
                                         : NULL;
        }
        label += len + 1;
    }
}

static const char *check_peer(apr_pool_t *p, const saas_web_guard_t *g, const saas_web_target_t *t)
{
    struct sockaddr_storage ss;

    if (t->is_ip) {
        saas_web_address_parse(t->host, t->port, &ss);
        switch (saas_web_guard_ask(g, (struct sockaddr *)&ss)) {
        case SAAS_WEB_ADMITTED:
        case SAAS_WEB_ADMITTED_LISTED:
            return NULL;
        case SAAS_WEB_REFUSED_PORT:
            break;
        case SAAS_WEB_REFUSED_ADDRESS:
        default:
            return apr_psprintf(p, "%s is not publicly routable", t->host);
        }
    }
    else if (saas_web_guard_port(g, t->port)) {
        return NULL; /* with a list, the port is judged with the address, on connect */
    }
    return apr_psprintf(p, "port %d is not scanned; use %s", t->port, g->ports);
}

static void set_urls(apr_pool_t *p, saas_web_target_t *t)
{
    int bracket = t->is_ip && strchr(t->host, ':') != NULL;

    t->is_default_port = t->port == (t->is_tls ? 443 : 80);
    t->origin = apr_pstrcat(p, t->is_tls ? "https://" : "http://", bracket ? "[" : "", t->host, bracket ? "]" : "",
                            t->is_default_port ? "" : apr_psprintf(p, ":%d", t->port), NULL);
    t->url = apr_pstrcat(p, t->origin, t->path, NULL);
}

/* The host in A-labels, to be freed with curl_free; NULL when that is not
 * possible. libcurl reads the name in the thread's locale, and a server runs
 * in the C locale, so UTF-8 is set for the moment of the call. */
static char *take_ascii(CURLU *u)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
    char *ascii = NULL;

    if (curl_url_get(u, CURLUPART_HOST, &ascii, CURLU_PUNYCODE) != CURLUE_OK) {
        curl_free(ascii); /* libcurl 7.88 leaves its copy here when it fails */
        ascii = NULL;
    }
    if (utf8) {
        uselocale(old);
        freelocale(utf8);
    }
    return ascii;
}

/* The host as the parser understood it, without brackets, in lower case. */
static const char *take_host(apr_pool_t *p, CURLU *u, const char *authority, saas_web_target_t *t)
{
    char *raw = NULL;
    char *ascii = NULL;
    const char *message = NULL;
    struct sockaddr_storage ss;
    size_t len;

    if (curl_url_get(u, CURLUPART_HOST, &raw, 0) != CURLUE_OK || !raw || !*raw) {
        message = "the target has no host";
        goto done;
    }
    len = strlen(raw);
    if (raw[0] == '[') {
        char *zone = NULL;
        int has_zone = curl_url_get(u, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK && zone;

        curl_free(zone);
        t->host = apr_pstrmemdup(p, raw + 1, len - 2);
        t->is_ip = saas_web_address_parse(t->host, 0, &ss) != 0;
        if (has_zone || !t->is_ip) {
            message = apr_psprintf(p, "\"%s\" is not a plain IPv6 address", raw);
        }
        goto done;
    }
    if (strncasecmp(authority, raw, len) != 0 || !strchr(":/?#", authority[len])) {
        message = apr_psprintf(p, "the host is written in an odd way; did you mean \"%s\"?", raw);
        goto done;
    }
    ascii = take_ascii(u);
    if (!ascii) {
        message = apr_psprintf(p, "\"%s\" is not a valid international host name", raw);
        goto done;
    }
    t->host = apr_pstrdup(p, ascii);
    for (char *c = (char *)t->host; *c; c++) {
        *c = apr_tolower(*c);
    }
    t->is_ip = saas_web_address_parse(t->host, 0, &ss) != 0;
    if (!t->is_ip) {
        message = check_name(p, t->host);
    }
    else if (strcasecmp(raw, t->host) != 0) {
        message = apr_psprintf(p, "the host is written in an odd way; did you mean \"%s\"?", t->host);
    }
done:
    curl_free(raw);
    curl_free(ascii);
    return message;
}

static const char *take_rest(apr_pool_t *p, CURLU *u, saas_web_target_t *t)
{
    char *scheme = NULL;
    char *port = NULL;
    char *path = NULL;
    char *query = NULL;
    const char *message = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK || !scheme
        || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)) {
        message = "only http and https can be scanned";
        goto done;
    }
    t->is_tls = strcmp(scheme, "https") == 0;
    if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK || !port
        || curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK || !path) {
        message = "the target is not a URL";
        goto done;
    }
    t->port = atoi(port);
    if (t->port < 1 || t->port > 65535) {
        message = "the port must be 1 to 65535";
        goto done;
    }
    t->path = apr_pstrdup(p, path);
    if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK && query) {
        t->path = apr_pstrcat(p, t->path, "?", query, NULL);
    }
done:
    curl_free(scheme);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    return message;
}

const char *saas_web_target_parse(apr_pool_t *p, const saas_web_guard_t *g, const char *text,
                                  const saas_web_target_t **out)
{
    saas_web_target_t *t = apr_pcalloc(p, sizeof(*t));
    const char *message = check_characters(p, text);
    const char *authority;
    size_t len;
    CURLU *u;

    *out = NULL;
    if (message) {
        return message;
    }
    authority = find_authority(text);
    if (!authority) {
        return "the target is not a URL: two slashes and a host are expected";
    }
    len = strcspn(authority, "/?#");
    if (memchr(authority, '@', len)) {
        return "a user name or password in the target is not accepted";
    }
    if (memchr(authority, '%', len)) {
        return "a percent sign in the host is not accepted";
    }

    u = curl_url();
    if (!u) {
        return "out of memory";
    }
    switch (curl_url_set(u, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME | CURLU_URLENCODE)) {
    case CURLUE_OK:
        message = take_rest(p, u, t);
        if (!message) {
            message = take_host(p, u, authority, t);
        }
        break;
    case CURLUE_UNSUPPORTED_SCHEME:
        message = "only http and https can be scanned";
        break;
    case CURLUE_BAD_PORT_NUMBER:
        message = "the port must be 1 to 65535";
        break;
    default:
        message = "the target is not a URL";
        break;
    }
    curl_url_cleanup(u);
    if (message) {
        return message;
    }
    set_urls(p, t);
    message = check_peer(p, g, t);
    if (!message) {
        *out = t;
    }
    return message;
}

const saas_web_target_t *saas_web_target_twin(apr_pool_t *p, const saas_web_target_t *t, int tls, const char *path)
{
    saas_web_target_t *twin = apr_pmemdup(p, t, sizeof(*t));

    twin->is_tls = tls;
    twin->port = tls ? 443 : 80;
    twin->path = path;
    set_urls(p, twin);
    return twin;
}

const saas_web_target_t *saas_web_target_at(apr_pool_t *p, const saas_web_target_t *t, const char *path)
{
    saas_web_target_t *other = apr_pmemdup(p, t, sizeof(*t));

    other->path = path;
    set_urls(p, other);
    return other;
}

const saas_web_target_t *saas_web_target_reference(apr_pool_t *p, const saas_web_guard_t *g, const char *base,
                                                   const char *reference)
{
    const saas_web_target_t *found = NULL;
    CURLU *u = curl_url();
    char *url = NULL;

    if (u && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK
        && curl_url_set(u, CURLUPART_URL, reference, CURLU_URLENCODE) == CURLUE_OK
        && curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK) {
        (void)saas_web_target_parse(p, g, url, &found);
    }
    curl_free(url);
    curl_url_cleanup(u);
    return found;
}

const char *saas_web_target_shown(apr_pool_t *p, const saas_web_target_t *t)
{
    size_t len = strcspn(t->path, "?");

    return apr_psprintf(p, "%.512s%.*s%s", t->origin, len > 512 ? 512 : (int)len, t->path, t->path[len] ? "?..." : "");
}
