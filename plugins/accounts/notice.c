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
        json_object_set_new(payload, "link", json_pack("{s:s, s:s, s:s}", "name", notice->link, "object",
                                                       accounts_object(p, notice->user_id, notice->link_state), "url",
                                                       notice->link_url));
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

/* "<user id> <digest>" */

#define ID_LEN 36
#define DIGEST_LEN 32

const char *accounts_object(apr_pool_t *p, const char *user_id, const char *state)
{
    return apr_psprintf(p, "%s %.*s", user_id, DIGEST_LEN, saas_token_hash(p, state));
}

const char *accounts_object_user(apr_pool_t *p, const char *object, const char **digest)
{
    if (strlen(object) != ID_LEN + 1 + DIGEST_LEN || object[ID_LEN] != ' ') {
        return NULL;
    }
    *digest = object + ID_LEN + 1;
    return saas_uuid_parse(p, apr_pstrmemdup(p, object, ID_LEN));
}

int accounts_object_holds(apr_pool_t *p, const char *digest, const char *state)
{
    return !strncmp(digest, saas_token_hash(p, state), DIGEST_LEN);
}
