/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Under which name a server is reached, for the links that it gives away.  Host and X-Forwarded-Host are what a client says:
 * anybody may write anything there, and a link made of it leads wherever they like, in the product's name.  So a link
 * takes the host of a request only when ServerName or ServerAlias has it too, or it is the very address that the
 * connection came to (or "localhost", where that is this machine's own); and what is sent to somebody else than the caller
 * is made of the configuration alone.
 */
#include "config.h"

#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>

/* A host without its port; what lies behind it goes to *port, 0 without one.  NULL: neither a name nor an address. */
static const char *split(apr_pool_t *p, const char *authority, apr_port_t *port)
{
    char *host, *scope;
    return strspn(authority, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]") == strlen(authority)
                   && apr_parse_addr_port(&host, &scope, port, authority, p) == APR_SUCCESS && host && !scope
               ? host : NULL;
}

/* Is it a name of this server, as httpd tells its virtual hosts apart? */
static int is_ours(const request_rec *r, const char *host)
{
    const server_rec *s = r->server;
    const char *address;
    int i;
    if (s->server_hostname && !strcasecmp(host, s->server_hostname)) {
        return 1;
    }
    for (i = 0; s->names && i < s->names->nelts; i++) {
        if (!strcasecmp(host, APR_ARRAY_IDX(s->names, i, const char *))) {
            return 1;
        }
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; i++) {
        if (!ap_strcasecmp_match(host, APR_ARRAY_IDX(s->wild_names, i, const char *))) {
            return 1;
        }
    }
    address = r->connection->local_ip;
    return address && (!strcasecmp(host, address)
                       || (!strcasecmp(host, "localhost") && (!strncmp(address, "127.", 4) || !strcmp(address, "::1"))));
}

static const char *url(apr_pool_t *p, const char *scheme, const char *host, apr_port_t port)
{
    const char *open = ap_strchr_c(host, ':') ? "[" : "", *close = *open ? "]" : "";
    return !port || port == apr_uri_port_of_scheme(scheme)
               ? apr_pstrcat(p, scheme, "://", open, host, close, NULL)
               : apr_psprintf(p, "%s://%s%s%s:%d", scheme, open, host, close, port);
}

const char *saas_site_canonical(request_rec *r)
{
    const server_rec *s = r->server;
    const char *scheme = s->server_scheme ? s->server_scheme : saas_config_secure_cookies(s) ? "https" : ap_http_scheme(r);
    /* A ServerName without a port is the port's that was connected to, but not behind a proxy that ends TLS. */
    apr_port_t port = s->port ? s->port : strcmp(scheme, ap_http_scheme(r)) ? 0 : r->connection->local_addr->port;
    return url(r->pool, scheme, s->server_hostname ? s->server_hostname : r->connection->local_ip, port);
}

const char *saas_site_url(request_rec *r)
{
    const char *scheme = r->server->server_scheme ? r->server->server_scheme : ap_http_scheme(r);
    const char *authority = apr_table_get(r->headers_in, "Host"), *host;
    apr_port_t port;
    if (saas_config_trust_forwarded(r->server)) {
        const char *proto = apr_table_get(r->headers_in, "X-Forwarded-Proto");
        const char *forwarded = apr_table_get(r->headers_in, "X-Forwarded-Host");
        scheme = proto && (!strcmp(proto, "https") || !strcmp(proto, "http")) ? proto : scheme;
        authority = forwarded ? forwarded : authority;
    }
    host = authority ? split(r->pool, authority, &port) : NULL;
    return host && is_ours(r, host) ? url(r->pool, scheme, host, port) : saas_site_canonical(r);
}
