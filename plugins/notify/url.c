/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See url.h. This file must never resolve a name. */
#include "url.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *check_characters(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    if (strlen(text) > SAAS_NOTIFY_URL_MAX) {
        return "The URL is longer than 2048 characters.";
    }
    while (*c > ' ' && *c < 0x7f && !strchr("\\\"<>^`{|}", *c)) {
        c++;
    }
    return *c ? "Enter a URL of visible ASCII characters." : NULL;
}

static socklen_t read_literal(const char *host, int port, struct sockaddr_storage *ss)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

    memset(ss, 0, sizeof(*ss));
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((unsigned short)port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((unsigned short)port);
        return sizeof(*in6);
    }
    return 0;
}

/* A part of the URL in p, or NULL without one. */
static const char *part(apr_pool_t *p, CURLU *u, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    const char *copy = curl_url_get(u, which, &text, flags) == CURLUE_OK && text ? apr_pstrdup(p, text) : NULL;

    curl_free(text);
    return copy;
}

/* The host as it was written: the parser makes 127.0.0.1 of 0x7f.1, which nobody writes who means well. */
static int is_written_so(const char *text, const char *host)
{
    const char *at = strstr(text, "://");
    apr_size_t len = strlen(host);

    return at && !strncasecmp(at + 3, host, len) && (at[3 + len] == '\0' || strchr(":/?#", at[3 + len]));
}

static const char *read_parts(apr_pool_t *p, CURLU *u, const char *text, saas_notify_url_t *url)
{
    const char *scheme = part(p, u, CURLUPART_SCHEME, 0), *host = part(p, u, CURLUPART_HOST, 0);
    const char *port = part(p, u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    apr_size_t len = host ? strlen(host) : 0;

    if (!scheme || (strcmp(scheme, "https") && strcmp(scheme, "http"))) {
        return "Enter a URL that begins with https://.";
    }
    if (part(p, u, CURLUPART_USER, 0) || part(p, u, CURLUPART_PASSWORD, 0)) {
        return "A URL with a user name or a password is not accepted: messages are signed.";
    }
    if (part(p, u, CURLUPART_FRAGMENT, 0)) {
        return "A URL with a fragment (#) is not accepted.";
    }
    if (!len || !port || part(p, u, CURLUPART_ZONEID, 0) || !is_written_so(text, host)) {
        return "Enter a URL with a host name, or a plain address.";
    }
    url->tls = !strcmp(scheme, "https");
    url->port = atoi(port);
    url->host = host[0] == '[' ? apr_pstrmemdup(p, host + 1, len - 2) : host;
    if (url->port < 1 || url->port > 65535) {
        return "The port must be 1 to 65535.";
    }
    url->literal_len = read_literal(url->host, url->port, &url->literal);
    if (!url->literal_len
        && (host[0] == '[' || strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != len
            || host[0] == '.' || host[len - 1] == '.' || strstr(host, "..") || len > 253)) {
        return "Enter a URL with a host name, or a plain address.";
    }
    return NULL;
}

const char *saas_notify_url_read(apr_pool_t *p, const char *text, saas_notify_url_t *url)
{
    const char *wrong = check_characters(text);
    CURLU *u;

    memset(url, 0, sizeof(*url));
    if (wrong) {
        return wrong;
    }
    if (!(u = curl_url())) {
        return "The URL could not be read.";
    }
    wrong = curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK ? read_parts(p, u, text, url) : "Enter a valid URL.";
    curl_url_cleanup(u);
    return wrong;
}
