/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file guard.h
 * The address guard: says whether a server that calls addresses which strangers have named may open a connection to one of
 * them. It has to be asked with the address that the kernel is about to connect to: so a redirect, a second A record or a
 * rebinding name cannot get around it. The rule of all who call: audits and outgoing webhooks. No network, no httpd.
 */
#ifndef SAAS_GUARD_H
#define SAAS_GUARD_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/socket.h>

typedef struct saas_guard_t saas_guard_t;

typedef enum {
    SAAS_GUARD_ADMITTED,        /**< globally routable, on one of the guard's ports */
    SAAS_GUARD_LISTED,          /**< opened by the allow list, on any port */
    SAAS_GUARD_REFUSED_ADDRESS, /**< not globally routable, or this machine's own */
    SAAS_GUARD_REFUSED_PORT     /**< routable, on another port */
} saas_guard_e;

/** An empty guard, in p: only globally routable addresses, on the web's ports 80, 443, 8080 and 8443. */
saas_guard_t *saas_guard_create(apr_pool_t *p);

/** Opens one range ("127.0.0.0/8", "::1", "fd00::/8") on every port. NULL, or a message for the administrator, in p. */
const char *saas_guard_allow(saas_guard_t *g, apr_pool_t *p, const char *cidr);

/** Opens one more port, "9443", of globally routable addresses. NULL, or a message for the administrator, in p. */
const char *saas_guard_open(saas_guard_t *g, apr_pool_t *p, const char *port);

/** The ports as a person reads them, "80, 443, 8080 or 8443", in p. */
const char *saas_guard_ports(apr_pool_t *p, const saas_guard_t *g);

/** Remembers an address of this machine: refused unless the allow list opens it. */
void saas_guard_own(saas_guard_t *g, const struct sockaddr *sa);

/** A guard as base, in p, that also refuses the addresses that this machine has now. */
saas_guard_t *saas_guard_here(apr_pool_t *p, const saas_guard_t *base);

/** The verdict on one peer. An unknown address family is refused. */
saas_guard_e saas_guard_ask(const saas_guard_t *g, const struct sockaddr *sa);

/** May a name be tried at this port? Without an allow list the guard's ports alone; with one that is seen when the address is. */
int saas_guard_port(const saas_guard_t *g, int port);

#endif
