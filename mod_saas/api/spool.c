/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A temporary file between a fast database and a slow client.  It loses its
 * name as soon as it has one, so that nothing is left behind whatever happens
 * to the process, and nobody else can open it.
 *
 * It is written and sent at the same time.  Writing has an offset of its own
 * (pwrite), since buckets that are read rather than sent move the descriptor's.
 * And the file belongs to the connection's pool: httpd's core filter gives a
 * file of a shorter-lived pool to a pool that it clears whenever all output is
 * out, which would close the file between two of its parts.
 */
#include "spool.h"

#include <http_core.h>

#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include <errno.h>
#include <unistd.h>

struct saas_spool_t {
    apr_pool_t *pool;     /* of the connection */
    apr_file_t *file;
    int fd;
    apr_off_t written, taken;
};

static apr_status_t close_file(void *baton)
{
    saas_spool_t *spool = baton;
    apr_os_file_t fd;
    /* HTTP/2 takes the descriptor over with the first bucket of the file. */
    return apr_os_file_get(&fd, spool->file) == APR_SUCCESS && fd >= 0 ? apr_file_close(spool->file) : APR_SUCCESS;
}

/* sendfile() as the section is configured; unset, which means off for files
 * of unknown file systems, is on here: the folder is a local one. */
static int sendfile_flag(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    return core->enable_sendfile != ENABLE_SENDFILE_OFF ? APR_FOPEN_SENDFILE_ENABLED : 0;
}

apr_status_t saas_spool_file(apr_file_t **file, apr_pool_t *p, const char *folder, apr_int32_t flags)
{
    char *name = apr_pstrcat(p, folder, "/saas-XXXXXX", NULL);
    apr_status_t rv = apr_file_mktemp(file, name,
                                      APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL
                                          | APR_FOPEN_BINARY | flags, p);
    return rv == APR_SUCCESS ? apr_file_remove(name, p) : rv;
}

apr_status_t saas_spool_open(saas_spool_t **out, request_rec *r, const char *folder)
{
    saas_spool_t *spool = apr_pcalloc(r->pool, sizeof(*spool));
    apr_status_t rv;
    spool->pool = r->connection->pool;
    if ((rv = saas_spool_file(&spool->file, spool->pool, folder, sendfile_flag(r))) != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(r->pool, spool, close_file, apr_pool_cleanup_null);
    if ((rv = apr_os_file_get(&spool->fd, spool->file)) == APR_SUCCESS) {
        *out = spool;
    }
    return rv;
}

apr_status_t saas_spool_append(saas_spool_t *spool, const char *data, apr_size_t len)
{
    while (len) {
        ssize_t n = pwrite(spool->fd, data, len, spool->written);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n ? errno : APR_ENOSPC;
        }
        spool->written += n;
        data += n;
        len -= (apr_size_t)n;
    }
    return APR_SUCCESS;
}

apr_off_t saas_spool_waiting(const saas_spool_t *spool)
{
    return spool ? spool->written - spool->taken : 0;
}

void saas_spool_take(saas_spool_t *spool, apr_bucket_brigade *bb, apr_off_t most)
{
    apr_off_t len = saas_spool_waiting(spool);
    apr_bucket *b;
    if (len > most) {
        len = most;
    }
    if (len) {
        b = apr_brigade_insert_file(bb, spool->file, spool->taken, len, spool->pool);
        /* Mapped, what the client has not taken would count as memory, and httpd would wait for it. */
        apr_bucket_file_enable_mmap(b, 0);
        spool->taken += len;
    }
}
