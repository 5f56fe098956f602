/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The one table through which plugins reach the host.  It has no logic of its
 * own: small adapters give the pure core pool-friendly signatures.
 */
#include "module.h"
#include "api/api.h"
#include "core/csv.h"
#include "core/guard.h"
#include "core/id.h"
#include "core/jsontext.h"
#include "core/password.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "core/token.h"
#include "count/count.h"
#include "db/db.h"
#include "gate/gate.h"
#include "who/who.h"
#include "work/work.h"

#include <apr_strings.h>

static const char *uuid(apr_pool_t *p)
{
    char *id = apr_palloc(p, SAAS_UUID_LEN + 1);
    /* Without random numbers there is no key and no secret: nothing can be served. */
    ap_assert(saas_uuid7(id) == APR_SUCCESS);
    return id;
}

static const char *token_hash(apr_pool_t *p, const char *token)
{
    char *hash = apr_palloc(p, SAAS_HASH_LEN + 1);
    ap_assert(saas_token_hash(hash, token) == APR_SUCCESS);
    return hash;
}


static const char *password_check(apr_pool_t *p, const char *password, const char *email)
{
    const char *why = NULL;
    (void)p;
    return saas_password_check(password, email, &why) == APR_SUCCESS ? NULL : why;
}

static const char *email_parse(apr_pool_t *p, const char *text, const char **folded)
{
    const char *email;
    if (saas_email_parse(p, text, &email) != APR_SUCCESS) {
        return NULL;
    }
    if (folded) {
        *folded = saas_email_fold(p, email);
    }
    return email;
}

static const char *uuid_parse(apr_pool_t *p, const char *text)
{
    char *id = apr_palloc(p, SAAS_UUID_LEN + 1);
    return saas_uuid_canonical(id, text) == APR_SUCCESS ? id : NULL;
}

static const char *time_text(apr_pool_t *p, apr_time_t t)
{
    char *text = apr_palloc(p, SAAS_TIME_ISO_SIZE);
    return saas_time_iso(text, t) == APR_SUCCESS ? text : "";
}

static apr_status_t time_parse(const char *text, apr_time_t *t)
{
    return saas_time_parse(text, t);
}

static apr_size_t csv_put(char *to, const char *text, apr_size_t len)
{
    return saas_csv_put(to, text, len);
}

static int request_is_browser(saas_request_t *rq)
{
    return saas_refuse_is_browser(rq->r);
}

static const char *guard_check(apr_pool_t *p, const char *range)
{
    return saas_guard_allow(saas_guard_create(p), p, range);
}

static saas_guard_t *make_guard(apr_pool_t *p, const apr_array_header_t *ranges)
{
    saas_guard_t *guard = saas_guard_create(p);
    int i;
    for (i = 0; i < ranges->nelts; i++) {
        /* A range that was not checked opens nothing. */
        (void)saas_guard_allow(guard, p, APR_ARRAY_IDX(ranges, i, const char *));
    }
    return guard;
}

static const saas_guard_t *guard_make(apr_pool_t *p, const apr_array_header_t *ranges)
{
    return make_guard(p, ranges);
}

static const char *guard_check_port(apr_pool_t *p, const char *port)
{
    return saas_guard_open(saas_guard_create(p), p, port);
}

static const saas_guard_t *guard_make_ports(apr_pool_t *p, const apr_array_header_t *ranges,
                                            const apr_array_header_t *ports)
{
    saas_guard_t *guard = make_guard(p, ranges);
    int i;
    for (i = 0; i < ports->nelts; i++) {
        (void)saas_guard_open(guard, p, APR_ARRAY_IDX(ports, i, const char *));
    }
    return guard;
}

static const saas_guard_t *guard_here(apr_pool_t *p, const saas_guard_t *guard)
{
    return saas_guard_here(p, guard);
}

static saas_admission_e guard_ask(const saas_guard_t *guard, const struct sockaddr *peer)
{
    static const saas_admission_e admissions[] = {
        [SAAS_GUARD_ADMITTED] = SAAS_ADMITTED, [SAAS_GUARD_LISTED] = SAAS_ADMITTED_LISTED,
        [SAAS_GUARD_REFUSED_ADDRESS] = SAAS_REFUSED_ADDRESS, [SAAS_GUARD_REFUSED_PORT] = SAAS_REFUSED_PORT,
    };
    return admissions[saas_guard_ask(guard, peer)];
}

static const saas_host_t services = {
    .size = sizeof(saas_host_t),
    .minor = SAAS_PLUGIN_MINOR,
    .db_open = saas_db_open_impl,
    .db_close = saas_db_close_impl,
    .db_begin = saas_db_begin_impl,
    .db_query = saas_db_query_impl,
    .db_queue = saas_db_queue_impl,
    .db_commit = saas_db_commit_impl,
    .db_rollback = saas_db_rollback_impl,
    .db_stream = saas_db_stream_impl,
    .db_stream_blanks = saas_db_stream_blanks_impl,
    .db_stream_cells = saas_db_stream_cells_impl,
    .json_quote = saas_jsontext_quote,
    .plans = saas_config_plans_json,
    .db_transaction = saas_db_transaction_impl,
    .db_set_organization = saas_db_set_organization_impl,
    .request_parameter = saas_request_parameter_impl,
    .request_query = saas_request_query_impl,
    .request_field = saas_request_field_impl,
    .request_error = saas_request_error_impl,
    .request_page = saas_request_page_impl,
    .request_base_url = saas_request_base_url_impl,
    .request_choice = saas_request_choice_impl,
    .reply_json = saas_reply_json_impl,
    .reply_error = saas_reply_error_impl,
    .reply_errors = saas_reply_errors_impl,
    .reply_failure = saas_reply_failure_impl,
    .reply_page = saas_reply_page_impl,
    .reply_throttled = saas_reply_throttled_impl,
    .reply_verdict = saas_reply_verdict_impl,
    .stream_begin = saas_stream_begin_impl,
    .stream_write = saas_stream_write_impl,
    .stream_flush = saas_stream_flush_impl,
    .stream_end = saas_stream_end_impl,
    .activity = saas_activity_impl,
    .session_start = saas_session_start_impl,
    .session_cookie = saas_session_cookie_impl,
    .session_end = saas_session_end_impl,
    .throttle = saas_throttle_impl,
    .job_enqueue = saas_job_enqueue_impl,
    .job_cancel = saas_job_cancel_impl,
    .job_stopped = saas_job_stopped_impl,
    .job_canceled = saas_job_canceled_impl,
    .job_fence = saas_job_fence_impl,
    .jobs_wake = saas_jobs_wake_impl,
    .uuid = uuid,
    .token_make = saas_token_make,
    .token_hash = token_hash,
    .password_hash = saas_hashing_hash,
    .password_verify = saas_hashing_verify,
    .password_check = password_check,
    .email_parse = email_parse,
    .slug_make = saas_slug_make_impl,
    .slug_is = saas_slug_is_impl,
    .uuid_parse = uuid_parse,
    .time_text = time_text,
    .time_parse = time_parse,
    .csv_put = csv_put,
    .secret_read = saas_secret_read_impl,
    .throttle_peek = saas_throttle_peek_impl,
    .job_known = saas_job_known_impl,
    .job_fail = saas_job_fail_impl,
    .count = saas_counters_count,
    .reply_list = saas_reply_list_impl,
    .reply_rows = saas_reply_rows_impl,
    .row_json = saas_row_json_impl,
    .request_canonical_url = saas_request_canonical_url_impl,
    .request_is_browser = request_is_browser,
    .link_make = saas_link_make_impl,
    .cookie_get = saas_cookie_get_impl,
    .cookie_set = saas_cookie_set_impl,
    .guard_check = guard_check,
    .guard_make = guard_make,
    .guard_here = guard_here,
    .guard_ask = guard_ask,
    .guard_port = saas_guard_port,
    .guard_check_port = guard_check_port,
    .guard_make_ports = guard_make_ports,
    .guard_ports = saas_guard_ports,
    .limit_take = saas_limit_take_impl,
    .limits_usage = saas_limits_usage_impl,
    .db_load = saas_db_load_impl,
    .job_beside = saas_job_beside_impl,
    .request_read = saas_request_read_impl,
    .temporary_file = saas_temporary_file_impl,
    .db_queue_rows = saas_db_queue_rows_impl,
    .organization_found = saas_organization_found_impl,
    .db_to_replica = saas_db_to_replica_impl,
};

static const saas_host_t *saas_host_services(const char *abi, unsigned minor)
{
    return !strcmp(abi, SAAS_PLUGIN_ABI) && minor <= SAAS_PLUGIN_MINOR ? &services : NULL;
}

void saas_services_register(void)
{
    APR_REGISTER_OPTIONAL_FN(saas_host_services);
}
