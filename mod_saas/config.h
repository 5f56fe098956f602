/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file config.h
 * Settings that only one or two files of the host read.
 */
#ifndef SAAS_CONFIG_H
#define SAAS_CONFIG_H

#include <httpd.h>

/** Cookies as under TLS although this server speaks plain HTTP. */
int saas_config_secure_cookies(server_rec *s);
/** A trusted proxy's X-Forwarded-* headers make links. */
int saas_config_trust_forwarded(server_rec *s);
/** Bytes of shared memory for principals; 0: they are not cached. */
apr_off_t saas_config_cache_size(server_rec *s);
/** How stale a cached principal may be at worst. */
apr_interval_time_t saas_config_feed_timeout(server_rec *s);

/** Most bytes of a streamed reply in memory for a client that is slow. */
apr_off_t saas_config_export_buffer(server_rec *s);
/** Most streamed replies at once in a child. */
int saas_config_exports_max(server_rec *s);
/** Where the rest is kept; NULL: the system's folder for temporary files. */
const char *saas_config_spool_dir(server_rec *s);

#endif
