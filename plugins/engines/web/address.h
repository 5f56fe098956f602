/* The address guard: says whether a scanner that runs inside a web server may
 * open a connection to one socket address. It is asked with the address that
 * the kernel is about to connect to, so a redirect, a second A record or a
 * rebinding name cannot get around it. Pure: no network, no httpd.
 */
#ifndef SAAS_WEB_ADDRESS_H
#define SAAS_WEB_ADDRESS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/socket.h>

typedef struct saas_web_guard_t saas_web_guard_t;

typedef enum {
    SAAS_WEB_ADMITTED,        /* globally routable, on a web port */
    SAAS_WEB_ADMITTED_LISTED, /* opened by the allow list, on any port */
    SAAS_WEB_REFUSED_ADDRESS, /* not globally routable, or this server's own */
    SAAS_WEB_REFUSED_PORT     /* routable, but not 80, 443, 8080 or 8443 */
} saas_web_admission_e;

/* An empty guard: only globally routable addresses. Lives in p. */
saas_web_guard_t *saas_web_guard_create(apr_pool_t *p);

/* A guard with the entries of both; neither argument is changed. */
saas_web_guard_t *saas_web_guard_merge(apr_pool_t *p, const saas_web_guard_t *base, const saas_web_guard_t *add);

/* Opens one range ("127.0.0.0/8", "::1", "fd00::/8") on every port.
 * NULL, or a message for the administrator (allocated from p). */
const char *saas_web_guard_allow(saas_web_guard_t *g, apr_pool_t *p, const char *cidr);

/* Remembers an address of this server: refused unless the allow list opens it. */
void saas_web_guard_own(saas_web_guard_t *g, const struct sockaddr *sa);

/* The verdict on one peer. An unknown address family is refused. */
saas_web_admission_e saas_web_guard_ask(const saas_web_guard_t *g, const struct sockaddr *sa);

/* Non-zero for the ports that are scanned without an allow list. */
int saas_web_guard_is_web_port(int port);

/* Non-zero when nothing is opened by the allow list. */
int saas_web_guard_is_strict(const saas_web_guard_t *g);

/* An IP literal without brackets and a port as a socket address in *ss.
 * Returns its length, 0 when the text is no literal in plain notation. */
socklen_t saas_web_address_parse(const char *text, int port, struct sockaddr_storage *ss);

/* The address as text without the port, from p; "?" for an unknown family. */
const char *saas_web_address_text(apr_pool_t *p, const struct sockaddr *sa);

#endif
