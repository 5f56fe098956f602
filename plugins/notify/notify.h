/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the notify plugin. */
#ifndef SAAS_NOTIFY_H
#define SAAS_NOTIFY_H

#include "mod_saas.h"

#include "message.h"

#define HIDDEN __attribute__((visibility("hidden")))

extern module AP_MODULE_DECLARE_DATA saas_notify_module;
APLOG_USE_MODULE(saas_notify);

/** All of them are the main server's: what sends is a thread of the node.  SaasJobThreads is the host's and SaasFrontendURL
 *  other plugins' too: httpd asks every module that knows a directive.  A node without background work sends nothing. */
#define SAAS_NOTIFY_DIRECTIVES(X, of) \
    X(of, LIST, allow, "SaasNotifyAllow", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_range), \
      "address ranges (CIDR) that messages may be sent to although they are not publicly routable, on every port") \
    X(of, FLAG, http, "SaasNotifyHTTP", SAAS_GLOBAL, "Off", SAAS_ANY, "On: endpoints may be http:// too") \
    X(of, TEXT, ca_file, "SaasNotifyCA", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_file), \
      "certificates (PEM) that those of endpoints are checked against (default: the system's)") \
    X(of, INTERVAL, timeout, "SaasNotifyTimeout", SAAS_GLOBAL, "15s", SAAS_RANGE(apr_time_from_sec(1), apr_time_from_sec(30)), \
      "how long an endpoint may take for its whole answer") \
    X(of, NUMBER, concurrency, "SaasNotifyConcurrency", SAAS_GLOBAL, "256", SAAS_RANGE(0, 1024), \
      "messages that this node sends at once; 0: it sends none") \
    X(of, NUMBER, per_organization, "SaasNotifyPerOrganization", SAAS_GLOBAL, "32", SAAS_RANGE(1, 1024), \
      "messages that this node sends at once for one organization") \
    X(of, NUMBER, per_endpoint, "SaasNotifyPerEndpoint", SAAS_GLOBAL, "8", SAAS_RANGE(1, 64), \
      "messages that this node sends at once to one endpoint") \
    X(of, INTERVAL, retry, "SaasNotifyRetry", SAAS_GLOBAL, "72h", SAAS_RANGE(apr_time_from_sec(60), apr_time_from_sec(2592000)), \
      "how long a message is tried") \
    X(of, INTERVAL, disable, "SaasNotifyDisable", SAAS_GLOBAL, "120h", \
      SAAS_RANGE(apr_time_from_sec(60), apr_time_from_sec(2592000)), \
      "how long an endpoint may fail without a success before it is disabled") \
    X(of, INTERVAL, rotation, "SaasNotifyRotation", SAAS_GLOBAL, "24h", SAAS_RANGE(0, apr_time_from_sec(2592000)), \
      "how long a rotated secret signs beside the new one") \
    X(of, NUMBER, keep_days, "SaasNotifyKeep", SAAS_GLOBAL, "30", SAAS_RANGE(4, 365), "days for which deliveries are kept") \
    X(of, NUMBER, endpoints, "SaasNotifyEndpoints", SAAS_GLOBAL, "20", SAAS_RANGE(1, 1000), "endpoints of one organization") \
    X(of, NUMBER, job_threads, "SaasJobThreads", SAAS_GLOBAL, "2", SAAS_RANGE(0, 16), \
      "background threads of each child") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages")

SAAS_DIRECTIVES_DECLARE(saas_notify_config, saas_notify_module, SAAS_NOTIFY_DIRECTIVES)

/** Indices into saas_notify_statements. */
enum {
    /* API */
    NOTIFY_ENDPOINTS, NOTIFY_ENDPOINT, NOTIFY_LOCK, NOTIFY_ADD, NOTIFY_CHANGE, NOTIFY_DELETE, NOTIFY_ROTATE,
    NOTIFY_DELIVERIES, NOTIFY_DELIVERY, NOTIFY_TEST, NOTIFY_REPLAY, NOTIFY_AWAKE,
    /* sending */
    NOTIFY_LOOK, NOTIFY_CLAIM, NOTIFY_TAKE, NOTIFY_SETTLE, NOTIFY_RELEASE, NOTIFY_STREAK, NOTIFY_DISABLE, NOTIFY_ADMINS,
    /* purge */
    NOTIFY_WALK, NOTIFY_EXPIRE, NOTIFY_PURGE, NOTIFY_REMOVE,
    /* metrics */
    NOTIFY_WAITING
};
extern saas_statement_t saas_notify_statements[] HIDDEN;

/** Which addresses may be called; made of the directive when the configuration has been read. */
extern const saas_guard_t *saas_notify_guard HIDDEN;

/** What happens to deliveries and endpoints, for the counters; the words are in notify.c. */
typedef enum {
    NOTIFY_SUCCEEDED, NOTIFY_FAILED, NOTIFY_GIVEN_UP, NOTIFY_LOST, NOTIFY_RELEASED
} saas_notify_outcome_e;
void saas_notify_count(saas_notify_outcome_e what, apr_uint64_t amount) HIDDEN;
void saas_notify_count_disabled(int gone) HIDDEN;

/* The API: endpoints.c, deliveries.c. */
int saas_notify_api_events(saas_request_t *rq) HIDDEN;
int saas_notify_api_list(saas_request_t *rq) HIDDEN;
int saas_notify_api_create(saas_request_t *rq) HIDDEN;
int saas_notify_api_view(saas_request_t *rq) HIDDEN;
int saas_notify_api_change(saas_request_t *rq) HIDDEN;
int saas_notify_api_delete(saas_request_t *rq) HIDDEN;
int saas_notify_api_rotate(saas_request_t *rq) HIDDEN;
int saas_notify_api_test(saas_request_t *rq) HIDDEN;
int saas_notify_api_deliveries(saas_request_t *rq) HIDDEN;
int saas_notify_api_delivery(saas_request_t *rq) HIDDEN;
int saas_notify_api_replay(saas_request_t *rq) HIDDEN;

/** A transaction of a request. */
apr_status_t saas_notify_transact(saas_request_t *rq, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton) HIDDEN;

/* purge.c */
#define NOTIFY_PURGE_JOB "notify.purge"
apr_status_t saas_notify_purge(saas_job_t *job) HIDDEN;

/** The thread that sends: registers it, before mod_watchdog's own post_config (thread.c). */
int saas_notify_thread(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s) HIDDEN;
/** Has this node look for what is due now. */
void saas_notify_wake(void) HIDDEN;

#endif
