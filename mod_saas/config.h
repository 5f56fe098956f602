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

/** Most bytes of a streamed reply in memory for a client that is slow. */
apr_off_t saas_config_export_buffer(server_rec *s);
/** Most streamed replies at once in a child. */
int saas_config_exports_max(server_rec *s);
/** Where the rest is kept; NULL: the system's folder for temporary files. */
const char *saas_config_spool_dir(server_rec *s);

#endif
