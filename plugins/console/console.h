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
const char *console_add_link(cmd_parms *cmd, void *dir, const char *kind, const char *url, const char *text);

/** SaasProductName is the mail plugin's too: httpd asks every module that knows a directive. */
#define CONSOLE_SERVER_DIRECTIVES(X, of) \
    X(of, TEXT, product, "SaasProductName", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_label), \
      "what the product is called, in the console and in mail")

SAAS_DIRECTIVES_DECLARE(console_server, saas_console_module, CONSOLE_SERVER_DIRECTIVES)

#define CONSOLE_DIRECTIVES(X, of) \
    X(of, OWN_FLAG, on, "SaasConsole", SAAS_SECTION, "Off", console_set_on, \
      "On: the console is served below this <Location>") \
    X(of, KEPT, site, NULL, 0, NULL, NULL, NULL) /* console_site_t *: of the section that said so */ \
    X(of, TEXT, files, "SaasConsoleFiles", SAAS_SECTION, CONSOLE_FILES, SAAS_ANY, \
      "folder of the console's built files; relative to ServerRoot") \
    X(of, TEXT, api, "SaasConsoleAPI", SAAS_SECTION, CONSOLE_API, SAAS_CHECKED(console_check_path), \
      "path of the API that the console calls, on the same host") \
    X(of, TEXT, title, "SaasConsoleTitle", SAAS_SECTION, NULL, SAAS_CHECKED(saas_check_label), \
      "name of this console, where it is not that of the product (default: SaasProductName)") \
    X(of, TEXT, logo, "SaasConsoleLogo", SAAS_SECTION, NULL, SAAS_CHECKED(saas_check_file), \
      "picture in place of the name in the console's head: SVG, PNG or WebP") \
    X(of, TEXT, icon, "SaasConsoleIcon", SAAS_SECTION, NULL, SAAS_CHECKED(saas_check_file), \
      "picture of the window: SVG, PNG or WebP") \
    X(of, TEXT, style, "SaasConsoleStyle", SAAS_SECTION, NULL, SAAS_CHECKED(saas_check_file), \
      "style sheet behind the console's own, for its colours") \
    X(of, LIST, welcome, "SaasConsoleWelcome", SAAS_SECTION, NULL, SAAS_CHECKED(saas_check_file), \
      "texts of the first page: name.txt, and name.de.txt for a language") \
    X(of, OWN_2_OR_3, links, "SaasConsoleLink", SAAS_SECTION, NULL, console_add_link, \
      "imprint|privacy|terms|support|other, a URL, and a text of one's own: a link at the foot of every page")

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

/** A line of SaasConsoleLink; text NULL: the console's own for this kind. */
typedef struct console_link_t {
    const char *kind, *url, *text;
} console_link_t;

/** A console: a mount point and what is served there. */
typedef struct console_site_t {
    const char *path;   /**< of the section, without a slash at its end */
    const char *where;  /**< "file:line" of SaasConsole On */
    const console_config_t *conf;
    apr_hash_t *assets; /**< name below assets/ -> console_file_t * */
    console_file_t page;
} console_site_t;

/** Reads a console's folder and its operator's files into p: the assets with their compressed forms, and the page, in which
 *  {{name}} becomes what the section says.  product: what it is called without a title of its own, may be NULL.  NULL, or
 *  what is wrong and the way out; p is the configuration's. */
const char *console_read(apr_pool_t *p, console_site_t *site, const char *folder, const char *product);

/** What a file is to a browser, by the end of its name; NULL: nothing that a console has. */
const char *console_type_of(const char *name);

/** Reads a regular file of at most so many bytes; a NUL is behind the last. */
apr_status_t console_slurp(apr_pool_t *p, const char *path, apr_off_t largest, console_form_t *form);

/** Gives a form its ETag, of its bytes: 20 hex digits between quotes. */
void console_tag(apr_pool_t *p, console_form_t *form);

/** What an operator has made the console theirs with, as the page names it: paths of this host, "" where there is none, and
 *  JSON texts. */
typedef struct console_brand_t {
    const char *logo, *icon, *style;
    const char *links;   /**< [{"kind", "url", "text"?}] */
    const char *welcome; /**< {language or "": path} */
} console_brand_t;

/** Reads the operator's files of a site into its assets.  NULL, or the directive and what is wrong with it. */
const char *console_brand_read(apr_pool_t *p, console_site_t *site, console_brand_t *brand);

/** True for what a person may have in the address bar, name being what is behind the mount point: neither an asset nor
 *  anything with a dot in it. */
int console_is_page(const char *name);

/** Answers a request for what lies below the mount point, name being the path behind it, with a slash in front or empty. */
int console_serve(request_rec *r, const console_site_t *site, const char *name);

#endif
