/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file console.h
 * The console plugin: what its files share.
 */
#ifndef SAAS_CONSOLE_H
#define SAAS_CONSOLE_H

#include "mod_saas.h"

#include <apr_hash.h>

#include "coding.h"

/** Where `make install` puts what the build has made of web/. */
#ifndef CONSOLE_FILES
#define CONSOLE_FILES "/usr/share/mod_saas/console"
#endif
#define CONSOLE_API "/api/v1"
#define CONSOLE_TITLE "Console"

const char *console_set_on(cmd_parms *cmd, void *dir, int on);
const char *console_check_path(apr_pool_t *p, const char *arg, const char **value);
const char *console_check_title(apr_pool_t *p, const char *arg, const char **value);

#define CONSOLE_DIRECTIVES(X, of) \
    X(of, OWN_FLAG, on, "SaasConsole", SAAS_SECTION, "Off", console_set_on, \
      "On: the console is served below this <Location>") \
    X(of, KEPT, site, NULL, 0, NULL, NULL, NULL) /* console_site_t *: of the section that said so */ \
    X(of, TEXT, files, "SaasConsoleFiles", SAAS_SECTION, CONSOLE_FILES, SAAS_ANY, \
      "folder of the console's built files; relative to ServerRoot") \
    X(of, TEXT, api, "SaasConsoleAPI", SAAS_SECTION, CONSOLE_API, SAAS_CHECKED(console_check_path), \
      "path of the API that the console calls, on the same host") \
    X(of, TEXT, title, "SaasConsoleTitle", SAAS_SECTION, CONSOLE_TITLE, SAAS_CHECKED(console_check_title), \
      "name of the product, in the console's head and in windows' titles")

SAAS_SECTION_DECLARE(console_config, CONSOLE_DIRECTIVES)

/** Bytes that are sent as they are; they live as long as the configuration.  data NULL: this form is not there. */
typedef struct console_form_t {
    const char *data;
    apr_size_t len;
    const char *etag; /**< strong, with its quotes */
} console_form_t;

/** A file in the forms that the build has made of it. */
typedef struct console_file_t {
    const char *type; /**< Content-Type */
    console_form_t forms[CONSOLE_CODINGS];
} console_file_t;

/** A console: a mount point and what is served there. */
typedef struct console_site_t {
    const char *path;   /**< of the section, without a slash at its end */
    const char *where;  /**< "file:line" of SaasConsole On */
    const console_config_t *conf;
    apr_hash_t *assets; /**< name below assets/ -> console_file_t * */
    console_file_t page;
} console_site_t;

/** Reads a console's folder into p: the assets with their compressed forms, and the page, in which {{base}}, {{api}} and
 *  {{title}} become the section's.  NULL, or what is wrong and the way out; p is the configuration's. */
const char *console_read(apr_pool_t *p, console_site_t *site, const char *folder);

/** True for what a person may have in the address bar, name being what is behind the mount point: neither an asset nor
 *  anything with a dot in it. */
int console_is_page(const char *name);

/** Answers a request for what lies below the mount point, name being the path behind it, with a slash in front or empty. */
int console_serve(request_rec *r, const console_site_t *site, const char *name);

#endif
