/* Addresses, and the guard of the host that is asked before each connection
 * with the address that the kernel is about to connect to. The engine proper
 * knows it by this table alone, so that it runs without httpd.
 */
#ifndef SAAS_WEB_ADDRESS_H
#define SAAS_WEB_ADDRESS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/socket.h>

typedef enum {
    SAAS_WEB_ADMITTED,        /* globally routable, on one of the guard's ports */
    SAAS_WEB_ADMITTED_LISTED, /* opened by the allow list, on any port */
    SAAS_WEB_REFUSED_ADDRESS, /* not globally routable, or this server's own */
    SAAS_WEB_REFUSED_PORT     /* routable, on another port */
} saas_web_admission_e;

typedef struct saas_web_guard_t {
    saas_web_admission_e (*ask)(const void *rule, const struct sockaddr *sa);
    int (*port)(const void *rule, int port); /* may a name be tried there, before its address is known? */
    const void *rule;
    const char *ports; /* of the guard, as a person reads them: "80, 443, 8080 or 8443" */
} saas_web_guard_t;

/* The verdict on one peer. */
static inline saas_web_admission_e saas_web_guard_ask(const saas_web_guard_t *g, const struct sockaddr *sa)
{
    return g->ask(g->rule, sa);
}

static inline int saas_web_guard_port(const saas_web_guard_t *g, int port)
{
    return g->port(g->rule, port);
}

/* An IP literal without brackets and a port as a socket address in *ss.
 * Returns its length, 0 when the text is no literal in plain notation. */
socklen_t saas_web_address_parse(const char *text, int port, struct sockaddr_storage *ss);

/* The address as text without the port, from p; "?" for an unknown family. */
const char *saas_web_address_text(apr_pool_t *p, const struct sockaddr *sa);

#endif
