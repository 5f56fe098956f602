/* See tls.h. A probe is connect, send one hello, read until the answer is
 * clear, close: no key exchange, no data. This file must never connect to an
 * address that the guard has not admitted, and never wait for a socket.
 */
#include "tls.h"

#include <apr_hash.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 32768 /* a certificate chain fits before the DHE parameters */

/* What a prober knows of one address, whatever the port. */
typedef struct {
    int open;
    int answered, silent;
} peer_t;

typedef struct {
    saas_web_probe_t *probe; /* NULL: the slot is free */
    peer_t *peer;
    apr_pool_t *pool;
    int fd;
    apr_time_t deadline;
    unsigned char *out;
    apr_size_t out_len, out_at;
    unsigned char *in;
    apr_size_t in_len;
} slot_t;

struct saas_web_prober_t {
    apr_pool_t *pool;
    const saas_web_guard_t *guard;
    slot_t *slots;
    int max_open;
    apr_interval_time_t timeout;
    struct curl_waitfd *fds;
    apr_array_header_t *queue; /* saas_web_probe_t *, NULL for one that has been begun */
    int queue_at;
    apr_hash_t *peers; /* peer_t, by the address as text */
    unsigned char *scratch;
};

static apr_status_t close_all(void *data)
{
    saas_web_prober_t *pr = data;

    for (int i = 0; i < pr->max_open; i++) {
        if (pr->slots[i].probe) {
            close(pr->slots[i].fd);
            pr->slots[i].probe = NULL;
        }
    }
    return APR_SUCCESS;
}

saas_web_prober_t *saas_web_prober_create(apr_pool_t *p, const saas_web_guard_t *g, int max_open,
                                          apr_interval_time_t timeout)
{
    saas_web_prober_t *pr = apr_pcalloc(p, sizeof(*pr));

    pr->pool = p;
    pr->guard = g;
    pr->max_open = max_open;
    pr->timeout = timeout;
    pr->peers = apr_hash_make(p);
    pr->slots = apr_pcalloc(p, sizeof(slot_t) * max_open);
    pr->fds = apr_pcalloc(p, sizeof(*pr->fds) * (max_open + SAAS_WEB_PROBER_SPARE));
    pr->queue = apr_array_make(p, max_open, sizeof(saas_web_probe_t *));
    pr->scratch = apr_palloc(p, ANSWER_MAX);
    apr_pool_cleanup_register(p, pr, close_all, apr_pool_cleanup_null);
    return pr;
}

void saas_web_prober_add(saas_web_prober_t *pr, saas_web_probe_t *probe)
{
    if (pr->queue_at == pr->queue->nelts) {
        apr_array_clear(pr->queue);
        pr->queue_at = 0;
    }
    memset(&probe->answer, 0, sizeof(probe->answer));
    probe->answer.alert = -1;
    APR_ARRAY_PUSH(pr->queue, saas_web_probe_t *) = probe;
}

static peer_t *find_peer(saas_web_prober_t *pr, saas_web_probe_t *probe)
{
    if (!probe->state) {
        const char *name = saas_web_address_text(pr->pool, (const struct sockaddr *)&probe->peer);

        probe->state = apr_hash_get(pr->peers, name, APR_HASH_KEY_STRING);
        if (!probe->state) {
            probe->state = apr_pcalloc(pr->pool, sizeof(peer_t));
            apr_hash_set(pr->peers, name, APR_HASH_KEY_STRING, probe->state);
        }
    }
    return probe->state;
}

static void finish(slot_t *s, saas_web_answer_e what)
{
    saas_web_probe_t *probe = s->probe;

    int silent = what == SAAS_WEB_ANSWER_TIMEOUT || what == SAAS_WEB_ANSWER_NO_CONNECTION;

    s->peer->open--;
    s->peer->silent += silent;
    s->peer->answered |= !silent && what != SAAS_WEB_ANSWER_GUARDED;
    if (what != SAAS_WEB_ANSWER_NONE) {
        probe->answer.what = what;
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    if (s->pool) {
        apr_pool_destroy(s->pool);
    }
    memset(s, 0, sizeof(*s));
    s->fd = -1;
    probe->done(probe, probe->baton);
}

static int open_socket(int family)
{
    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    return fd;
}

static void start(saas_web_prober_t *pr, slot_t *s, saas_web_probe_t *probe, apr_time_t now)
{
    unsigned char random[SAAS_WEB_HELLO_RANDOM];
    const struct sockaddr *sa = (const struct sockaddr *)&probe->peer;
    saas_web_admission_e verdict = saas_web_guard_ask(pr->guard, sa);

    memset(s, 0, sizeof(*s));
    s->probe = probe;
    s->peer = find_peer(pr, probe);
    s->peer->open++;
    s->fd = -1;
    s->deadline = now + pr->timeout;
    if (verdict != SAAS_WEB_ADMITTED && verdict != SAAS_WEB_ADMITTED_LISTED) {
        finish(s, SAAS_WEB_ANSWER_GUARDED);
        return;
    }
    if (!s->peer->answered && s->peer->silent >= SAAS_WEB_PROBES_SILENT) {
        finish(s, SAAS_WEB_ANSWER_TIMEOUT);
        return;
    }
    apr_pool_create(&s->pool, pr->pool);
    s->out = apr_palloc(s->pool, SAAS_WEB_HELLO_MAX);
    s->in = apr_palloc(s->pool, ANSWER_MAX);
    if (RAND_bytes(random, sizeof(random)) == 1) {
        s->out_len = saas_web_hello_write(s->out, probe->kind, probe->sni, random, probe->without);
    }
    if (s->out_len > 0) {
        s->fd = open_socket(sa->sa_family);
    }
    if (s->fd < 0) {
        finish(s, SAAS_WEB_ANSWER_NO_CONNECTION);
        return;
    }
    if (connect(s->fd, sa, probe->peer_len) != 0 && errno != EINPROGRESS) {
        finish(s, SAAS_WEB_ANSWER_NO_CONNECTION);
    }
}

/* Zero when the probe has ended. */
static int send_hello(slot_t *s)
{
    while (s->out_at < s->out_len) {
        ssize_t n = send(s->fd, s->out + s->out_at, s->out_len - s->out_at, MSG_NOSIGNAL);

        if (n > 0) {
            s->out_at += n;
        }
        else if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) {
            return 1;
        }
        else {
            finish(s, errno == EPIPE || errno == ECONNRESET ? SAAS_WEB_ANSWER_CLOSED : SAAS_WEB_ANSWER_NO_CONNECTION);
            return 0;
        }
    }
    return 1;
}

static void read_answer(saas_web_prober_t *pr, slot_t *s)
{
    int want_dh = s->probe->kind == SAAS_WEB_HELLO_DHE;

    for (;;) {
        ssize_t n = recv(s->fd, s->in + s->in_len, ANSWER_MAX - s->in_len, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n > 0) {
            s->in_len += n;
            if (saas_web_hello_read(s->in, s->in_len, pr->scratch, want_dh, &s->probe->answer)) {
                finish(s, SAAS_WEB_ANSWER_NONE);
                return;
            }
            if (s->in_len < ANSWER_MAX) {
                continue;
            }
        }
        /* Closed, reset or endless: what was understood so far counts. */
        finish(s, s->probe->answer.what == SAAS_WEB_ANSWER_NONE ? SAAS_WEB_ANSWER_CLOSED : SAAS_WEB_ANSWER_NONE);
        return;
    }
}

int saas_web_prober_fds(saas_web_prober_t *pr, struct curl_waitfd **fds)
{
    int n = 0;

    for (int i = 0; i < pr->max_open; i++) {
        const slot_t *s = &pr->slots[i];

        if (s->probe) {
            pr->fds[n].fd = s->fd;
            pr->fds[n].events = s->out_at < s->out_len ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN;
            pr->fds[n].revents = 0;
            n++;
        }
    }
    *fds = pr->fds;
    return n;
}

/* Takes the first of the queue whose peer has room; NULL: none has. */
static saas_web_probe_t *take(saas_web_prober_t *pr)
{
    for (int i = pr->queue_at; i < pr->queue->nelts; i++) {
        saas_web_probe_t *probe = APR_ARRAY_IDX(pr->queue, i, saas_web_probe_t *);

        if (probe && find_peer(pr, probe)->open < SAAS_WEB_PROBES_PER_PEER) {
            APR_ARRAY_IDX(pr->queue, i, saas_web_probe_t *) = NULL;
            while (pr->queue_at < pr->queue->nelts && !APR_ARRAY_IDX(pr->queue, pr->queue_at, saas_web_probe_t *)) {
                pr->queue_at++;
            }
            return probe;
        }
    }
    return NULL;
}

void saas_web_prober_step(saas_web_prober_t *pr, apr_time_t now)
{
    int more = 1;

    for (int i = 0; i < pr->max_open; i++) {
        slot_t *s = &pr->slots[i];
        saas_web_probe_t *next;

        if (!s->probe && more) {
            next = take(pr);
            more = next != NULL;
            if (next) {
                start(pr, s, next, now);
            }
        }
        if (!s->probe) {
            continue;
        }
        if (send_hello(s) && s->out_at == s->out_len) {
            read_answer(pr, s);
        }
        if (s->probe && now >= s->deadline) {
            int connected = s->out_at == s->out_len;

            finish(s, s->probe->answer.what != SAAS_WEB_ANSWER_NONE ? SAAS_WEB_ANSWER_NONE
                      : connected                                   ? SAAS_WEB_ANSWER_TIMEOUT
                                                                    : SAAS_WEB_ANSWER_NO_CONNECTION);
        }
    }
}
