/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file httpd.h
 * Asking httpd for what it makes of its configuration.
 */
#ifndef SAASCTL_HTTPD_H
#define SAASCTL_HTTPD_H

#include "saasctl.h"

/** Most words of ctl_httpd_ask(). */
#define CTL_HTTPD_WORDS 6

typedef struct ctl_httpd_t {
    json_t *json;                   /**< what it said, the caller's; NULL: it refuses its configuration, or has no mod_saas */
    apr_array_header_t *complaints; /**< const char *: the lines on its stderr, its warnings among them */
} ctl_httpd_t;

/** Runs httpd -t (--httpd or SAASCTL_HTTPD, with --config as its -f) with a -D for each of the words, which end with
 *  NULL.  Fails, and says so, only when there is no httpd to run. */
int ctl_httpd_ask(ctl_t *ctl, const char *const *words, ctl_httpd_t *said);

#endif
