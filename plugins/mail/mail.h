/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the mail plugin. */
#ifndef SAAS_MAIL_H
#define SAAS_MAIL_H

#include "mod_saas.h"

#include "message.h"
#include "template.h"

extern module AP_MODULE_DECLARE_DATA saas_mail_module;
APLOG_USE_MODULE(saas_mail);

/** Whether the connection to the relay is encrypted, as SaasMailTLS has their words. */
typedef enum { SAAS_MAIL_TLS_OFF, SAAS_MAIL_TLS_TRY, SAAS_MAIL_TLS_REQUIRE } saas_mail_tls_e;

/** Who a message is from. */
typedef struct saas_mail_sender_t {
    const char *name;    /**< may be empty: the product's is taken where there is one */
    const char *address;
} saas_mail_sender_t;

/** Without a relay mail is dropped.  SaasProductName is the console plugin's too: httpd asks every module that knows a
 *  directive. */
#define SAAS_MAIL_DIRECTIVES(X, of) \
    X(of, TEXT, relay, "SaasMailRelay", SAAS_GLOBAL, NULL, SAAS_CHECKED(check_relay), \
      "where mail is handed over: smtp://host[:port] or smtps://host[:port]") \
    X(of, WORD, tls, "SaasMailTLS", SAAS_GLOBAL, NULL, SAAS_WORDS("off", "try", "require"), \
      "STARTTLS with an smtp:// relay: off, try or require") \
    X(of, TEXT, ca_file, "SaasMailCA", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_file), \
      "certificates (PEM) that the relay's is checked against (default: the system's)") \
    X(of, TEXT, user, "SaasMailUser", SAAS_GLOBAL, NULL, SAAS_CHECKED(check_user), "user name at the relay") \
    X(of, TEXT, password, "SaasMailPassword", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_secret), \
      "password at the relay, or file:/path or env:NAME") \
    X(of, OWN, from, "SaasMailFrom", SAAS_GLOBAL, NULL, set_from, "sender of all mail: \"Name <address>\"") \
    X(of, TEXT, product, "SaasProductName", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_label), \
      "what the product is called, in the console and in mail") \
    X(of, TEXT, template_folder, "SaasMailTemplates", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_folder), \
      "folder with templates that replace those of the plugin") \
    X(of, KEPT, templates, NULL, 0, NULL, NULL, NULL) /* const saas_mail_template_t **, NULL-terminated, by check_config */

SAAS_DIRECTIVES_DECLARE(saas_mail_config, saas_mail_module, SAAS_MAIL_DIRECTIVES)

/** The encryption that holds with a relay, defaults considered. */
saas_mail_tls_e saas_mail_tls(const saas_mail_config_t *conf, apr_pool_t *p);

/** Texts of the templates that come with the plugin; ends with a NULL name. */
typedef struct saas_mail_default_t {
    const char *name;
    const char *text; /**< "Subject: …", an empty line, the text part */
    const char *html;
} saas_mail_default_t;
extern const saas_mail_default_t saas_mail_defaults[] __attribute__((visibility("hidden")));

/** What saasctl doctor asks. */
void saas_mail_examine(saas_examination_t *e) __attribute__((visibility("hidden")));
/** Talks to the relay up to where a message would begin, in seconds.  NULL, or what went wrong, in p, printable. */
const char *saas_mail_greet(const saas_mail_config_t *conf, apr_pool_t *p) __attribute__((visibility("hidden")));

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
