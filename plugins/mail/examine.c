/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * For saasctl doctor: does the relay answer, with the encryption and the password that are set?
 */
#include "mail.h"

#include <apr_strings.h>
#include <curl/curl.h>

void saas_mail_examine(saas_examination_t *e)
{
    const saas_mail_config_t *conf = saas_mail_config_of(e->s);
    const char *why = "libcurl could not be initialized";
    if (!conf->relay) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "relay",
                   "there is no SaasMailRelay: invites, resets and confirmations are dropped",
                   "SaasMailRelay smtp://host:port, or do not load mod_saas_mail");
    }
    else if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (why = saas_mail_greet(conf, e->p))) {
        saas_found(e, SAAS_FOUND_WRONG, "relay", apr_psprintf(e->p, "the relay %s does not take mail: %s", conf->relay, why),
                   "let it run and take connections from here; SaasMailTLS, SaasMailCA, SaasMailUser and SaasMailPassword "
                   "say how; mail waits in the queue meanwhile");
    }
    else {
        saas_found(e, SAAS_FOUND_WELL, "relay", apr_psprintf(e->p, "%s answers as it should", conf->relay), NULL);
    }
}
