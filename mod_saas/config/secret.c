/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Secrets of directives: given as they are, or better as file:/path or
 * env:NAME, so that httpd.conf need not hold them.  Messages name the source,
 * never the value.
 */
#include "config.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define SECRET_MAX 4096

/* A newline or blank at either end is an editor's, not the secret's. */
static const char *trim(apr_pool_t *p, const char *text)
{
    apr_size_t len;
    while (apr_isspace(*text)) {
        text++;
    }
    len = strlen(text);
    while (len && apr_isspace(text[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(p, text, len);
}

const char *saas_secret_read_impl(apr_pool_t *p, const char *value, const char **secret)
{
    *secret = NULL;
    if (!strncmp(value, "file:", 5)) {
        const char *path = ap_server_root_relative(p, value + 5);
        char line[SECRET_MAX];
        apr_file_t *file;
        apr_status_t rv = path ? apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, p) : APR_EBADPATH;
        if (rv != APR_SUCCESS) {
            return apr_psprintf(p, "cannot read the secret from %s: %s", value + 5,
                                apr_strerror(rv, line, sizeof(line)));
        }
        rv = apr_file_gets(line, sizeof(line), file);
        apr_file_close(file);
        if (rv != APR_SUCCESS && rv != APR_EOF) {
            return apr_psprintf(p, "cannot read the secret from %s", value + 5);
        }
        *secret = apr_pstrmemdup(p, line, rv == APR_SUCCESS ? strcspn(line, "\r\n") : 0);
    }
    else if (!strncmp(value, "env:", 4)) {
        const char *found = getenv(value + 4);
        if (!found) {
            return apr_psprintf(p, "the environment variable %s is not set", value + 4);
        }
        *secret = apr_pstrdup(p, found);
    }
    else {
        *secret = value;
    }
    *secret = trim(p, *secret);
    if (!**secret) {
        *secret = NULL;
        return "the secret is empty";
    }
    return NULL;
}
