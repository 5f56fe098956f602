/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * For saasctl doctor: where things are sold, can what Stripe tells of them be believed?
 */
#include "webhooks.h"

#include <apr_strings.h>

void saas_webhooks_examine(saas_examination_t *e)
{
    server_rec *s;
    int secrets = 0;
    for (s = e->s; s; s = s->next) {
        const char *name = s->server_hostname ? s->server_hostname : "the main server";
        int known = saas_webhooks_config_secrets(s)->nelts;
        secrets += known;
        if (!known && saas_webhooks_config_key_mode(s) != SAAS_UNSET) {
            saas_found(e, SAAS_FOUND_WRONG, "secret",
                       apr_psprintf(e->p, "%s sells and has no SaasStripeWebhookSecret: events are refused, and who has paid "
                                    "gets nothing until Stripe is asked", name),
                       "set the endpoint's signing secret: SaasStripeWebhookSecret file:/path");
        }
        else if (known) {
            saas_found(e, SAAS_FOUND_WELL, "secret",
                       apr_psprintf(e->p, "%s: %d signing secret%s", name, known, known == 1 ? "" : "s"), NULL);
        }
    }
    if (!secrets && saas_webhooks_config_key_mode(e->s) == SAAS_UNSET) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "secret", "webhooks are loaded without SaasStripeWebhookSecret: all are refused",
                   "set it, or do not load mod_saas_webhooks");
    }
}
