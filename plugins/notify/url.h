/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file url.h
 * Where an endpoint is: the URL that somebody has typed, read by the parser that also fetches it. What is refused here is
 * refused for the sake of a clear message; who may be connected to is decided by the address guard, at each connection.
 * Pure.
 */
#ifndef SAAS_NOTIFY_URL_H
#define SAAS_NOTIFY_URL_H

#include <apr_pools.h>
#include <sys/socket.h>

#define SAAS_NOTIFY_URL_MAX 2048

typedef struct saas_notify_url_t {
    int tls;
    const char *host;              /**< without brackets */
    int port;
    socklen_t literal_len;         /**< not 0: the host is an address, */
    struct sockaddr_storage literal; /**< this one */
} saas_notify_url_t;

/** Reads text into *url, in p. NULL, or what is wrong with it. */
const char *saas_notify_url_read(apr_pool_t *p, const char *text, saas_notify_url_t *url) __attribute__((visibility("hidden")));

#endif
