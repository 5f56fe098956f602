/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the mail plugin. */
#ifndef SAAS_MAIL_H
#define SAAS_MAIL_H

#include "mod_saas.h"

#include "message.h"
#include "template.h"

extern module AP_MODULE_DECLARE_DATA saas_mail_module;
APLOG_USE_MODULE(saas_mail);

/** Whether the connection to the relay is encrypted. */
typedef enum { SAAS_MAIL_TLS_UNSET = 0, SAAS_MAIL_TLS_OFF, SAAS_MAIL_TLS_TRY, SAAS_MAIL_TLS_REQUIRE } saas_mail_tls_e;

/** The main server's settings. */
typedef struct saas_mail_config_t {
    const char *relay;           /**< smtp[s]://host[:port]; NULL: mail is dropped */
    int relay_is_local;          /**< its host is a loopback address */
    saas_mail_tls_e tls;
    const char *ca_file;         /**< NULL: the system's */
    const char *user, *password;
    const char *from_name;       /**< never NULL once from is set */
    const char *from;            /**< address */
    const char *template_folder;
    const saas_mail_template_t *const *templates; /**< NULL-terminated, filled in by check_config */
} saas_mail_config_t;

const saas_mail_config_t *saas_mail_config(const server_rec *s);

/** The encryption that holds, defaults considered. */
saas_mail_tls_e saas_mail_tls(const saas_mail_config_t *conf);

/** Texts of the templates that come with the plugin; ends with a NULL name. */
typedef struct saas_mail_default_t {
    const char *name;
    const char *text; /**< "Subject: …", an empty line, the text part */
    const char *html;
} saas_mail_default_t;
extern const saas_mail_default_t saas_mail_defaults[] __attribute__((visibility("hidden")));

/** How an attempt to hand a message to the relay ended. */
typedef enum {
    SAAS_MAIL_SENT,
    SAAS_MAIL_LATER,   /**< unreachable, refused for now, not let in: worth another attempt */
    SAAS_MAIL_NEVER,   /**< the relay refuses this message for good (5xx, RFC 5321 section 4.2.1) */
    SAAS_MAIL_STOPPED  /**< the job was told to stop */
} saas_mail_result_e;

/**
 * Hands a message to the relay, in at most a minute.
 * @param why unless sent: what went wrong, in the job's pool, printable
 */
saas_mail_result_e saas_mail_send(const saas_mail_config_t *conf, saas_job_t *job, const char *to,
                                  const char *message, apr_size_t len, const char **why)
    __attribute__((visibility("hidden")));

#endif
