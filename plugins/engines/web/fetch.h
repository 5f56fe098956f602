/* Fetches many URLs at once with libcurl's multi interface, within the limits
 * that a scanner inside a web server owes its host: the address guard on every
 * socket, http and https only, no proxy, no netrc, no cookies, no credentials,
 * its own redirect loop. Certificates are recorded, not enforced: a bad one is
 * a finding, and the headers behind it are still worth reading. One thread.
 */
#ifndef SAAS_WEB_FETCH_H
#define SAAS_WEB_FETCH_H

#include "evidence.h"

#include <curl/multi.h>

#define SAAS_WEB_BODY_MAX (2 * 1024 * 1024)
#define SAAS_WEB_BODIES_MAX (64 * 1024 * 1024) /* of all fetches of a fetcher together */
#define SAAS_WEB_HEADERS_MAX (64 * 1024)       /* of one fetch, its redirects included */
#define SAAS_WEB_FIELDS_MAX 500                /* the same */
#define SAAS_WEB_PER_HOST 10                   /* requests to one host at a time */
#define SAAS_WEB_SILENT_MAX 3                  /* an origin that has answered none of so many is asked no more */

typedef struct saas_web_fetcher_t saas_web_fetcher_t;
typedef struct saas_web_fetch_t saas_web_fetch_t;

struct saas_web_fetch_t {
    apr_pool_t *pool; /* the reply is allocated here; outlives the fetch */
    const saas_web_target_t *at;
    const char *method;      /* "GET", "TRACE" */
    const char *origin;      /* Origin header, NULL for none */
    int follow;              /* follow redirects */
    const char *address;     /* connect to this one for the host that is asked, whatever its name leads to; NULL: do not */
    int keep_chain;          /* keep the certificates of the first TLS hop on the host that is asked */
    saas_web_reply_t *reply; /* made by saas_web_fetcher_add */
    /* The body (NULL when empty) is valid only during the call, unlike the reply. */
    void (*done)(saas_web_fetch_t *f, const char *body, apr_size_t len, void *baton);
    void *baton;
};

/* A fetcher with at most max_open transfers at a time, each of which may take
 * timeout; user_agent identifies it. stopped is asked between the transfers of a step, which can take long
 * when hundreds shake hands at once; non-zero aborts them. The pool's cleanup
 * aborts what is under way without calling done. APR_ENOTIMPL when libcurl is
 * not built with OpenSSL. */
apr_status_t saas_web_fetcher_create(saas_web_fetcher_t **out, apr_pool_t *p, const saas_web_guard_t *g,
                                     const char *user_agent, int max_open, apr_interval_time_t timeout,
                                     int (*stopped)(void *baton), void *baton);

/* Queues a fetch. It must live until done is called; done may queue others.
 * One whose host is busy lets others pass; its time begins when it does. */
void saas_web_fetcher_add(saas_web_fetcher_t *fr, saas_web_fetch_t *f);

/* Moves every transfer on and calls done for those that have ended. */
apr_status_t saas_web_fetcher_step(saas_web_fetcher_t *fr, apr_time_t now);

/* Waits until a transfer or one of the extra descriptors is ready. */
apr_status_t saas_web_fetcher_wait(saas_web_fetcher_t *fr, struct curl_waitfd *fds, int nfds, int milliseconds);

#endif
