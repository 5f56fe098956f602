/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See origin.h.  A pattern that has been checked and an Origin header are compared as bytes: a browser writes an origin in
 * one way only, and whatever is written in another is none that was allowed. */
#include "origin.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define HTTPS "https://"
#define HTTP "http://"

/* Behind the scheme; NULL: of another one. */
static const char *authority(const char *url)
{
    return !strncmp(url, HTTPS, sizeof(HTTPS) - 1) ? url + sizeof(HTTPS) - 1
           : !strncmp(url, HTTP, sizeof(HTTP) - 1) ? url + sizeof(HTTP) - 1
                                                    : NULL;
}

static int is_default_port(const char *url, const char *port)
{
    return !strcmp(port, !strncmp(url, HTTPS, sizeof(HTTPS) - 1) ? "443" : "80");
}

/* Labels of letters, digits, '-' and '_', or an IPv6 address in brackets; up to the colon of a port, or the end. */
static const char *skip_host(const char *host)
{
    const char *c = host;
    if (*c == '[') {
        c += 1 + strspn(c + 1, "0123456789abcdef:.");
        return *c == ']' && c > host + 2 ? c + 1 : host;
    }
    while (apr_islower(*c) || apr_isdigit(*c) || *c == '-' || *c == '_' || (*c == '.' && c > host && c[-1] != '.')) {
        c++;
    }
    return c > host && c[-1] != '.' ? c : host;
}

const char *saas_origin_check(apr_pool_t *p, const char *pattern)
{
    const char *host = authority(pattern), *end, *port;
    if (!strcmp(pattern, "*") || !strcmp(pattern, "null")) {
        return apr_psprintf(p, "\"%s\" would let every page in the world act for its visitor: name the origins", pattern);
    }
    if (!host) {
        return apr_psprintf(p, "\"%s\" is no origin: write https://app.example.com, in lower case", pattern);
    }
    if (!strncmp(host, "*.", 2)) {
        host += 2;
        if (!strchr(host, '.')) {
            return apr_psprintf(p, "\"%s\" has a wildcard in place of somebody's whole name: write at least *.example.com",
                                pattern);
        }
    }
    end = skip_host(host);
    if (end == host || (*end && *end != ':')) {
        return apr_psprintf(p, "\"%s\" is no origin: it has no path, no user, no upper case and no wildcard but \"*.\" before the "
                            "host, as in https://app.example.com", pattern);
    }
    if (!*end) {
        return NULL;
    }
    port = end + 1;
    if (!*port || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5 || *port == '0' || atoi(port) > 65535) {
        return apr_psprintf(p, "\"%s\" has no port that there is, or a path", pattern);
    }
    return is_default_port(pattern, port)
               ? apr_psprintf(p, "\"%s\" has the default port, which browsers leave out: write %.*s", pattern,
                              (int)(end - pattern), pattern)
               : NULL;
}

int saas_origin_matches(const char *pattern, const char *origin)
{
    const char *host = authority(pattern), *end;
    size_t scheme, rest, len = strlen(origin);
    if (!host || strncmp(host, "*.", 2)) {
        return !strcmp(pattern, origin);
    }
    /* "https://" + labels + ".example.com:port" */
    scheme = (size_t)(host - pattern);
    rest = strlen(host + 1);
    if (len <= scheme + rest || strncmp(pattern, origin, scheme) || strcmp(origin + len - rest, host + 1)) {
        return 0;
    }
    end = skip_host(origin + scheme);
    return end >= origin + len - rest && (!*end || *end == ':');
}

const char *saas_origin_of(apr_pool_t *p, const char *url)
{
    char *origin = apr_pstrdup(p, url), *c, *port;
    const char *host;
    for (c = origin; *c && *c != ':'; c++) {
        *c = (char)apr_tolower(*c);
    }
    if (!(host = authority(origin))) {
        return NULL;
    }
    for (c = origin + (host - origin); *c && *c != '/' && *c != '?' && *c != '#'; c++) {
        *c = (char)apr_tolower(*c);
    }
    *c = '\0';
    port = strrchr(origin + (host - origin), ':');
    if (port && !strchr(port, ']') && is_default_port(origin, port + 1)) {
        *port = '\0';
    }
    return saas_origin_check(p, origin) || strchr(origin, '*') ? NULL : origin;
}
