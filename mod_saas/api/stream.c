/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Replies that are sent while they are made, by a source that must not wait for
 * the client: behind it are a connection and a snapshot of the database.
 *
 * Chunks are passed on while httpd's core filter gets rid of them without
 * waiting; it says so by c->data_in_output_filters.  What it cannot take is
 * queued in memory, up to SaasExportBuffer.  Beyond, the client is waited for,
 * as long as that is a small part of the time: a client that nearly keeps up
 * costs less than a file would.  For one that does not, the rest goes through a
 * temporary file (spool.c): still as fast as the client takes it, but the source runs to
 * its end.  What is left then is passed as a file, and with the event MPM the
 * worker thread is free while that is being sent.
 *
 * A chunk is smaller than what makes the core filter wait (FlushMaxThreshold,
 * 64 KiB unless configured), and so is what it keeps of one.  Other filters may
 * wait all the same: those of a stream of HTTP/2, or a rate limit.  They are
 * known by the time they take.
 *
 * A reply that fails midway must not look complete: an error bucket with
 * status 502 keeps the chunk filter from writing the last chunk (HTTP/1.1) and
 * resets the stream (HTTP/2), and the connection is closed.
 *
 * The number of streams at once is bounded for each child, below what mod_dbd
 * may open and what the MPM has threads, so that other requests find both.
 */
#include "api.h"
#include "spool.h"
#include "db/db.h"

#include <ap_mpm.h>
#include <apr_buckets.h>
#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <netinet/tcp.h>
#include <poll.h>

#define CHUNK 61440
/* Unsent bytes in the socket; see bound_socket(). */
#define UNSENT 131072
/* How long the source waits for one client, in all: this, and a third of the time that the stream has taken. */
#define PATIENCE apr_time_from_msec(200)
#define PATIENCE_SHARE 3
/* A pass that takes longer than this has waited; filters that have waited that long in all are slow. */
#define NOTICEABLE apr_time_from_msec(10)
#define SLOW_FILTERS apr_time_from_msec(500)

struct saas_stream_t {
    request_rec *r;
    conn_rec *c;
    apr_bucket_brigade *bb;      /* on its way; empty between two calls */
    apr_bucket_brigade *queue;   /* heap buckets not passed yet; empty while the spool has something waiting */
    apr_off_t queued, most;      /* bytes of the queue, and its bound */
    char *buffer;                /* CHUNK bytes of the bucket allocator, or NULL */
    apr_size_t used;
    saas_spool_t *spool;         /* NULL until needed */
    apr_time_t began;
    apr_interval_time_t waited, filters; /* for the client's socket; in filters */
    apr_status_t failed;
    int broken;                  /* failed is our own failure, not the client's */
};

/* ----------------------------------------------------------- admission -- */

/* Of this child. */
static apr_thread_mutex_t *lock;
static apr_thread_cond_t *place_free;
static int running, waiting, limit;
static const char *folder;

static int at_most(int n, int most)
{
    return n <= most ? n : most > 0 ? most : 1;
}

/* Half of the connections, and with those that wait half of the threads. */
void saas_stream_child_init(apr_pool_t *pchild, server_rec *s)
{
    const char *temporary = NULL;
    int threads = 0;
    limit = at_most(saas_config_exports_max(s), saas_db_capacity() / 2);
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) == APR_SUCCESS) {
        limit = at_most(limit, threads / 4);
    }
    running = waiting = 0;
    folder = saas_config_spool_dir(s);
    if (!folder) {
        folder = apr_temp_dir_get(&temporary, pchild) == APR_SUCCESS ? temporary : "/tmp";
    }
    if (apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS
        || apr_thread_cond_create(&place_free, pchild) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS1403", "cannot create the locks of exports; this child answers them 503: look for "
                 "exhausted memory");
        lock = NULL;
    }
}

apr_status_t saas_temporary_file_impl(apr_file_t **file, apr_pool_t *p, server_rec *s)
{
    apr_status_t rv = saas_spool_file(file, p, folder, 0);
    if (rv != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_ERR, rv, "SAAS1406", "no temporary file can be made in %s: see SaasSpoolDir", folder);
    }
    return rv;
}

static apr_status_t leave(void *unused)
{
    (void)unused;
    apr_thread_mutex_lock(lock);
    running--;
    saas_counters_now_add(SAAS_NOW_STREAMS, -1);
    apr_thread_cond_signal(place_free);
    apr_thread_mutex_unlock(lock);
    return APR_SUCCESS;
}

/* As many again may wait for a place, so that threads are bounded too. */
static apr_status_t enter(request_rec *r)
{
    apr_time_t until = apr_time_now() + saas_config_db_wait(r->server);
    int entered;
    if (!lock) {
        return SAAS_EUNAVAILABLE;
    }
    apr_thread_mutex_lock(lock);
    if (running >= limit && waiting < limit) {
        apr_interval_time_t rest;
        waiting++;
        while (running >= limit && (rest = until - apr_time_now()) > 0) {
            apr_thread_cond_timedwait(place_free, lock, rest);
        }
        waiting--;
    }
    entered = running < limit;
    running += entered;
    saas_counters_now_add(SAAS_NOW_STREAMS, entered);
    apr_thread_mutex_unlock(lock);
    if (entered) {
        apr_pool_cleanup_register(r->pool, &running, leave, apr_pool_cleanup_null);
    }
    return entered ? APR_SUCCESS : SAAS_EUNAVAILABLE;
}

/* Where the MPM sends the rest without a thread, the place is free now; else with the request. */
static void leave_early(request_rec *r)
{
    int async = 0;
    if (ap_mpm_query(AP_MPMQ_IS_ASYNC, &async) == APR_SUCCESS && async) {
        apr_pool_cleanup_run(r->pool, &running, leave);
    }
}

/* ------------------------------------------------------------- passing -- */

static apr_status_t fail(saas_stream_t *stream, apr_status_t rv)
{
    if (stream->failed == APR_SUCCESS) {
        stream->failed = rv;
    }
    return stream->failed;
}

static apr_status_t pass(saas_stream_t *stream)
{
    apr_time_t began = apr_time_now();
    apr_status_t rv = ap_pass_brigade(stream->r->output_filters, stream->bb);
    apr_interval_time_t took = apr_time_now() - began;
    apr_brigade_cleanup(stream->bb);
    if (took > NOTICEABLE) {
        stream->filters += took;
    }
    if (rv == APR_SUCCESS && stream->c->aborted) {
        rv = APR_ECONNABORTED;
    }
    return rv == APR_SUCCESS ? rv : fail(stream, rv);
}

static int filters_wait(const saas_stream_t *stream)
{
    return stream->filters > SLOW_FILTERS;
}

/* True: a pass would wait, or pile up.  Has the core filter try again first, as the MPM does it. */
static int stalled(saas_stream_t *stream)
{
    conn_rec *c = stream->c;
    if (filters_wait(stream)) {
        return 1;
    }
    if (!c->master && c->data_in_output_filters) {
        ap_filter_t *core = c->output_filters;
        apr_status_t rv;
        while (core->next) {
            core = core->next;
        }
        if ((rv = core->frec->filter_func.out_func(core, NULL)) != APR_SUCCESS) {
            fail(stream, rv);
        }
        return c->data_in_output_filters;
    }
    return 0;
}

/* Passes on what the client takes without a wait. */
static void advance(saas_stream_t *stream)
{
    while ((stream->queued || saas_spool_waiting(stream->spool)) && !stalled(stream) && !stream->failed) {
        if (stream->queued) {
            apr_bucket *b = APR_BRIGADE_FIRST(stream->queue);
            stream->queued -= (apr_off_t)b->length;
            APR_BUCKET_REMOVE(b);
            APR_BRIGADE_INSERT_TAIL(stream->bb, b);
        }
        else {
            saas_spool_take(stream->spool, stream->bb, CHUNK);
        }
        pass(stream);
    }
}

/* Looks at the client's socket, for at most `wait`; false: it is dead. */
static int watch(saas_stream_t *stream, short events, apr_interval_time_t wait)
{
    apr_socket_t *socket = ap_get_conn_socket(stream->c);
    struct pollfd pollfd = { .events = events };
    if (stream->c->aborted || stream->c->master) {
        return !stream->c->aborted && !stream->c->master->aborted;
    }
    if (!socket || apr_os_sock_get(&pollfd.fd, socket) != APR_SUCCESS) {
        return 1;
    }
    return poll(&pollfd, 1, (int)((wait + 999) / 1000)) <= 0 || !(pollfd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* ------------------------------------------------------------ spooling -- */

static apr_interval_time_t patience_left(const saas_stream_t *stream)
{
    return PATIENCE + (apr_time_now() - stream->began) / PATIENCE_SHARE - stream->waited;
}

static void be_patient(saas_stream_t *stream)
{
    apr_interval_time_t left;
    while (stream->queued >= stream->most && (left = patience_left(stream)) > 0 && !filters_wait(stream)
           && !stream->failed) {
        apr_time_t began = apr_time_now();
        if (!watch(stream, POLLOUT, left)) {
            fail(stream, APR_ECONNABORTED);
            return;
        }
        stream->waited += apr_time_now() - began + 1;
        advance(stream);
    }
}

static apr_status_t spool_failed(saas_stream_t *stream, apr_status_t rv)
{
    SAAS_RLOG(stream->r, APLOG_ERR, rv, "SAAS1404",
              "cannot keep what a slow client has not taken yet in %s; the transfer was broken off: make room there, let "
              "the server's user write it, or name another folder with SaasSpoolDir", folder);
    stream->broken = !stream->failed;
    return fail(stream, rv);
}

static apr_status_t spool(saas_stream_t *stream, const char *data, apr_size_t len)
{
    apr_status_t rv = stream->spool ? APR_SUCCESS : saas_spool_open(&stream->spool, stream->r, folder);
    if (rv == APR_SUCCESS) {
        rv = saas_spool_append(stream->spool, data, len);
    }
    return rv == APR_SUCCESS ? rv : spool_failed(stream, rv);
}

/* The whole queue goes to the file. */
static void spill(saas_stream_t *stream)
{
    while (stream->queued && !stream->failed) {
        apr_bucket *b = APR_BRIGADE_FIRST(stream->queue);
        const char *data;
        apr_size_t len;
        apr_bucket_read(b, &data, &len, APR_BLOCK_READ); /* of the heap: cannot fail */
        spool(stream, data, len);
        stream->queued -= (apr_off_t)len;
        apr_bucket_delete(b);
    }
}

/* What is gathered goes to the end of the queue or of the file. */
static void seal(saas_stream_t *stream)
{
    if (!stream->used) {
        return;
    }
    if (saas_spool_waiting(stream->spool)) {
        spool(stream, stream->buffer, stream->used);
    }
    else {
        APR_BRIGADE_INSERT_TAIL(stream->queue,
                                apr_bucket_heap_create(stream->buffer, stream->used, apr_bucket_free,
                                                       stream->bb->bucket_alloc));
        stream->queued += (apr_off_t)stream->used;
        stream->buffer = NULL;
    }
    stream->used = 0;
}

static apr_status_t deliver(saas_stream_t *stream)
{
    seal(stream);
    advance(stream);
    be_patient(stream);
    if (stream->queued >= stream->most) {
        spill(stream);
    }
    if (!stream->failed && saas_spool_waiting(stream->spool) && !watch(stream, 0, 0)) {
        fail(stream, APR_ECONNABORTED);
    }
    return stream->failed;
}

/* ------------------------------------------------------------ services -- */

/* The kernel takes megabytes for a client of loopback or of a wide network, and says that there is room again when a
 * third has gone: a slow client would not get that far within Timeout, and be cut off.  With a bound on what has not
 * been sent yet it takes as much as it can send, and tells often. */
static void bound_socket(conn_rec *c)
{
#ifdef TCP_NOTSENT_LOWAT
    apr_socket_t *socket = c->master ? NULL : ap_get_conn_socket(c);
    apr_os_sock_t fd;
    int most = UNSENT;
    if (socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS) {
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
    }
#endif
}

apr_status_t saas_stream_begin_impl(saas_request_t *rq, const char *content_type, saas_stream_t **streamp)
{
    request_rec *r = rq->r;
    saas_stream_t *stream;
    apr_status_t rv;
    if (!r->header_only && (rv = enter(r)) != APR_SUCCESS) {
        return rv;
    }
    stream = apr_pcalloc(rq->pool, sizeof(*stream));
    stream->r = r;
    stream->c = r->connection;
    stream->bb = apr_brigade_create(rq->pool, r->connection->bucket_alloc);
    stream->queue = apr_brigade_create(rq->pool, r->connection->bucket_alloc);
    stream->most = saas_config_export_buffer(r->server);
    stream->began = apr_time_now();
    bound_socket(r->connection);
    r->status = HTTP_OK;
    ap_set_content_type(r, content_type);
    apr_table_setn(r->headers_out, "Cache-Control", "private, no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    *streamp = stream;
    return APR_SUCCESS;
}

apr_status_t saas_stream_write_impl(saas_stream_t *stream, const char *data, apr_size_t len)
{
    while (len && !stream->failed) {
        apr_size_t n = CHUNK - stream->used;
        if (!stream->buffer) {
            stream->buffer = apr_bucket_alloc(CHUNK, stream->bb->bucket_alloc);
        }
        if (n > len) {
            n = len;
        }
        memcpy(stream->buffer + stream->used, data, n);
        stream->used += n;
        data += n;
        len -= n;
        if (stream->used == CHUNK) {
            deliver(stream);
        }
    }
    return stream->failed;
}

apr_status_t saas_stream_flush_impl(saas_stream_t *stream)
{
    if (deliver(stream) == APR_SUCCESS && !stream->queued && !saas_spool_waiting(stream->spool)) {
        /* Filters may still hold some of it; there is room in the socket, or it would have been queued. */
        APR_BRIGADE_INSERT_TAIL(stream->bb, apr_bucket_flush_create(stream->bb->bucket_alloc));
        pass(stream);
    }
    return stream->failed;
}

/* The rest, then the end: nothing of it in memory when the client is slow. */
static void finish(saas_stream_t *stream)
{
    seal(stream);
    advance(stream);
    spill(stream);
    if (!stream->failed) {
        if (saas_spool_waiting(stream->spool)) {
            saas_spool_take(stream->spool, stream->bb, saas_spool_waiting(stream->spool));
        }
        APR_BRIGADE_INSERT_TAIL(stream->bb, apr_bucket_eos_create(stream->bb->bucket_alloc));
        pass(stream);
    }
}

static void break_off(saas_stream_t *stream)
{
    request_rec *r = stream->r;
    r->connection->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(stream->bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, stream->bb->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(stream->bb, apr_bucket_eos_create(stream->bb->bucket_alloc));
    pass(stream);
}

int saas_stream_end_impl(saas_stream_t *stream, apr_status_t rv)
{
    request_rec *r = stream->r;
    if (rv == APR_SUCCESS && !stream->failed) {
        finish(stream);
    }
    if (stream->broken || (rv != APR_SUCCESS && !stream->failed)) {
        break_off(stream);
    }
    else if (stream->failed) {
        /* The client has gone; nobody is left to tell. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    if (stream->buffer) {
        apr_bucket_free(stream->buffer);
        stream->buffer = NULL;
    }
    apr_brigade_cleanup(stream->queue);
    stream->queued = 0;
    if (!r->header_only) {
        leave_early(r);
    }
    return OK;
}
