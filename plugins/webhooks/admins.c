/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* The mail that an organization's ADMINs get of an event; the mail plugin's, if there is one. */
#include "work.h"

#include <apr_strings.h>

apr_status_t saas_work_tell_admins(saas_work_t *w, const char *template)
{
    const char *frontend = saas_webhooks_config_frontend(w->server);
    saas_rows_t *rows;
    apr_status_t rv;
    int row;

    if (!saas_job_known("mail")) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(w->db, statement(SAAS_WEBHOOKS_ADMINS), &rows, SAAS_NO_ARGS);
    for (row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        json_t *payload = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s*}}", "template", template,
                                    "to", saas_cell(rows, row, 0), "vars", "name", saas_cell(rows, row, 1),
                                    "organization", saas_cell(rows, row, 2), "url",
                                    frontend ? apr_pstrcat(w->pool, frontend, "/billing", NULL) : "",
                                    "buyer", w->buyer);
        rv = saas_job_enqueue(w->db, "mail", w->org, w->event->id, payload, 0);
        json_decref(payload);
        w->wake = 1;
    }
    return rv;
}
