/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file spool.h
 * What a slow client has not taken yet, in a temporary file without a name.
 */
#ifndef SAAS_SPOOL_H
#define SAAS_SPOOL_H

#include <httpd.h>
#include <apr_buckets.h>
#include <apr_file_io.h>

/** A file in folder (mode 0600) that has no name any more, in p; flags: of apr_file_open(), beside those to read and write. */
apr_status_t saas_spool_file(apr_file_t **file, apr_pool_t *p, const char *folder, apr_int32_t flags);

typedef struct saas_spool_t saas_spool_t;

/** Makes an empty file in folder (mode 0600, unlinked at once) that is closed with the request. */
apr_status_t saas_spool_open(saas_spool_t **spool, request_rec *r, const char *folder);
/** Adds bytes at the end; any failure leaves the file unusable (no space, limit on its size). */
apr_status_t saas_spool_append(saas_spool_t *spool, const char *data, apr_size_t len);
/** Bytes that have not been taken; 0 for NULL. */
apr_off_t saas_spool_waiting(const saas_spool_t *spool);
/** Puts the next bytes, at most `most`, into the brigade as buckets of the file. */
void saas_spool_take(saas_spool_t *spool, apr_bucket_brigade *bb, apr_off_t most);

#endif
