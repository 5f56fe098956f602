/* Sends the hellos of hello.h over raw sockets, many at once, without blocking,
 * and through the same address guard as every fetch. The owner polls the
 * descriptors and calls saas_web_prober_step; one thread only.
 */
#ifndef SAAS_WEB_TLS_H
#define SAAS_WEB_TLS_H

#include "address.h"
#include "hello.h"

#include <apr_time.h>
#include <curl/multi.h>

#define SAAS_WEB_PROBES_PER_PEER 10 /* at a time */
#define SAAS_WEB_PROBER_SPARE 4
#define SAAS_WEB_PROBES_SILENT 3   /* a peer that has answered none of so many is asked no more */

typedef struct saas_web_prober_t saas_web_prober_t;
typedef struct saas_web_probe_t saas_web_probe_t;

struct saas_web_probe_t {
    saas_web_hello_e kind;
    const char *sni; /* NULL for an IP address */
    struct sockaddr_storage peer;
    socklen_t peer_len;
    unsigned without;         /* weak families left out of a WEAK hello */
    saas_web_answer_t answer; /* valid when done is called */
    void (*done)(saas_web_probe_t *probe, void *baton);
    void *baton;
    void *state; /* the prober's own */
};

/* At most max_open sockets at a time, each for at most timeout; further probes
 * wait, those of a busy peer let others pass. The pool's cleanup closes every socket; done is not called then. */
saas_web_prober_t *saas_web_prober_create(apr_pool_t *p, const saas_web_guard_t *g, int max_open,
                                          apr_interval_time_t timeout);

/* Queues a probe. It must live until done is called; done may queue others. */
void saas_web_prober_add(saas_web_prober_t *pr, saas_web_probe_t *probe);

/* The open sockets, for curl_multi_poll. *fds is valid until the next step, and has room for SAAS_WEB_PROBER_SPARE more. */
int saas_web_prober_fds(saas_web_prober_t *pr, struct curl_waitfd **fds);

/* Moves every probe on as far as its socket lets it, never waits. */
void saas_web_prober_step(saas_web_prober_t *pr, apr_time_t now);

#endif
