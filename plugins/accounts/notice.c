/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Mail to users about their accounts: a row of the job kind "mail", written in
 * the transaction of its cause, so that neither is without the other.  Where
 * no plugin sends mail, nothing is written.
 */

#include "accounts.h"

#include <apr_strings.h>

apr_status_t accounts_notice(saas_db_t *db, apr_pool_t *p, const saas_notice_t *notice, json_t *vars)
{
    json_t *payload = json_pack("{s:s, s:s, s:o}", "template", notice->template, "to", notice->to, "vars", vars);
    apr_status_t rv = APR_SUCCESS;
    char time[40];
    apr_size_t len;
    apr_time_exp_t now;

    if (!payload) {
        return APR_EINVAL;
    }
    if (notice->link) {
        json_object_set_new(payload, "link", json_pack("{s:s, s:s, s:s}", "name", notice->link, "object", notice->user_id,
                                                       "url", notice->link_url));
    }
    if (notice->lifetime) {
        json_object_set_new(payload, "expires_at",
                            json_string(saas_time_text(p, apr_time_now() + apr_time_from_sec(notice->lifetime))));
    }
    apr_time_exp_gmt(&now, apr_time_now());
    apr_strftime(time, &len, sizeof(time), "%d %b %Y %H:%M UTC", &now);
    json_object_set_new(vars, "time", json_string(time));
    if (saas_job_known("mail")) {
        rv = saas_job_enqueue(db, "mail", NULL, notice->user_id, payload, 0);
    }
    json_decref(payload);
    return rv;
}
