/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * gzip while it comes.  At the lowest level, because behind it are a connection and a snapshot of the database: the
 * next levels take several times as long for a file that is hardly smaller.
 */

#include "writer.h"

#include <zlib.h>

#define CHUNK 32768
/* 15 bits of window, and 16 for gzip's header and trailer in place of zlib's. */
#define GZIP_WINDOW (15 + 16)

struct export_gzip_t {
    z_stream z;
    export_sink_fn *sink;
    void *baton;
    Bytef out[CHUNK];
};

static apr_status_t drop(void *baton)
{
    deflateEnd(&((export_gzip_t *)baton)->z);
    return APR_SUCCESS;
}

export_gzip_t *export_gzip_make(apr_pool_t *p, export_sink_fn *sink, void *baton)
{
    export_gzip_t *gzip = apr_pcalloc(p, sizeof(*gzip));
    gzip->sink = sink;
    gzip->baton = baton;
    if (deflateInit2(&gzip->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    apr_pool_cleanup_register(p, gzip, drop, apr_pool_cleanup_null);
    return gzip;
}

/* deflate() has more to give as long as it fills all that it is given. */
static apr_status_t run(export_gzip_t *gzip, const char *data, apr_size_t len, int flush)
{
    apr_status_t rv = APR_SUCCESS;
    gzip->z.next_in = (z_const Bytef *)data;
    gzip->z.avail_in = (uInt)len;
    do {
        gzip->z.next_out = gzip->out;
        gzip->z.avail_out = CHUNK;
        if (deflate(&gzip->z, flush) == Z_STREAM_ERROR) {
            return APR_EGENERAL;
        }
        if (gzip->z.avail_out < CHUNK) {
            rv = gzip->sink(gzip->baton, (const char *)gzip->out, CHUNK - gzip->z.avail_out);
        }
    } while (rv == APR_SUCCESS && !gzip->z.avail_out);
    return rv;
}

apr_status_t export_gzip_write(export_gzip_t *gzip, const char *data, apr_size_t len)
{
    return run(gzip, data, len, Z_NO_FLUSH);
}

apr_status_t export_gzip_flush(export_gzip_t *gzip)
{
    return run(gzip, NULL, 0, Z_SYNC_FLUSH);
}

apr_status_t export_gzip_end(export_gzip_t *gzip)
{
    return run(gzip, NULL, 0, Z_FINISH);
}
