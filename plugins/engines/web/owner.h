/* What is asked of a host only when it is proven to be the organization's own:
 * whether the proof is there, whether directories list their files, whether
 * scripts come with their sources. Pure:
 * bodies in, findings out; run.c makes the requests.
 */
#ifndef SAAS_WEB_OWNER_H
#define SAAS_WEB_OWNER_H

#include "evidence.h"

/* Directories that are asked for, NULL-terminated; usual names of what holds static files. */
extern const char *const saas_web_directories[];
#define SAAS_WEB_DIRECTORIES 8

/* Does a line of the file that a host shows hold the token, and nothing else? */
int saas_web_proof_shown(const char *body, apr_size_t len, const char *token);

/* Is this page the list of a directory's files, as httpd, nginx, IIS, lighttpd, Jetty, Tomcat and Python's server make it? */
int saas_web_is_listing(const char *body, apr_size_t len);

/* Where a script says that its source map is, by its last comment of that kind (ECMA-426): from p; NULL: nowhere. */
const char *saas_web_map_of(apr_pool_t *p, const char *body, apr_size_t len);

/* Is this body a source map? */
int saas_web_is_map(const char *body, apr_size_t len);

#endif
