/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Replies that are sent while they are made.  Bytes are gathered into heap
 * buckets of 64 KiB; ap_pass_brigade() blocks while the client is slower than
 * the source, which is the backpressure.  Memory does not grow with the reply.
 *
 * A reply that fails midway must not look complete: an error bucket with
 * status 502 keeps the chunk filter from writing the last chunk (HTTP/1.1) and
 * resets the stream (HTTP/2), and the connection is closed.
 */
#include "request.h"

#include <apr_buckets.h>
#include <apr_strings.h>

#define CHUNK 65536

struct saas_stream_t {
    request_rec *r;
    apr_bucket_brigade *bb;
    char *buffer;              /* CHUNK bytes of the bucket allocator, or NULL */
    apr_size_t used;
    apr_status_t failed;
};

apr_status_t saas_stream_begin_impl(saas_request_t *rq, const char *content_type, saas_stream_t **streamp)
{
    request_rec *r = rq->r;
    saas_stream_t *stream = apr_pcalloc(rq->pool, sizeof(*stream));
    stream->r = r;
    stream->bb = apr_brigade_create(rq->pool, r->connection->bucket_alloc);
    r->status = HTTP_OK;
    ap_set_content_type(r, content_type);
    apr_table_setn(r->headers_out, "Cache-Control", "private, no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    *streamp = stream;
    return APR_SUCCESS;
}

static apr_status_t pass(saas_stream_t *stream)
{
    apr_status_t rv = ap_pass_brigade(stream->r->output_filters, stream->bb);
    apr_brigade_cleanup(stream->bb);
    if (rv == APR_SUCCESS && stream->r->connection->aborted) {
        rv = APR_ECONNABORTED;
    }
    if (rv != APR_SUCCESS) {
        stream->failed = rv;
    }
    return rv;
}

/* Moves what is gathered into the brigade, without copying it. */
static void seal(saas_stream_t *stream)
{
    if (stream->used) {
        APR_BRIGADE_INSERT_TAIL(stream->bb,
                                apr_bucket_heap_create(stream->buffer, stream->used, apr_bucket_free,
                                                       stream->bb->bucket_alloc));
        stream->buffer = NULL;
        stream->used = 0;
    }
}

apr_status_t saas_stream_write_impl(saas_stream_t *stream, const char *data, apr_size_t len)
{
    if (stream->failed) {
        return stream->failed;
    }
    while (len) {
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
            apr_status_t rv;
            seal(stream);
            if ((rv = pass(stream)) != APR_SUCCESS) {
                return rv;
            }
        }
    }
    return APR_SUCCESS;
}

apr_status_t saas_stream_flush_impl(saas_stream_t *stream)
{
    if (stream->failed) {
        return stream->failed;
    }
    seal(stream);
    APR_BRIGADE_INSERT_TAIL(stream->bb, apr_bucket_flush_create(stream->bb->bucket_alloc));
    return pass(stream);
}

int saas_stream_end_impl(saas_stream_t *stream, apr_status_t rv)
{
    request_rec *r = stream->r;
    if (stream->failed) {
        /* The client has gone; nobody is left to tell. */
        r->connection->keepalive = AP_CONN_CLOSE;
        if (stream->buffer) {
            apr_bucket_free(stream->buffer);
            stream->buffer = NULL;
        }
        return OK;
    }
    seal(stream);
    if (rv != APR_SUCCESS) {
        r->connection->keepalive = AP_CONN_CLOSE;
        APR_BRIGADE_INSERT_TAIL(stream->bb,
                                ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, stream->bb->bucket_alloc));
    }
    APR_BRIGADE_INSERT_TAIL(stream->bb, apr_bucket_eos_create(stream->bb->bucket_alloc));
    pass(stream);
    return OK;
}
