/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * SaasStatus sections: what operators and their machines ask.
 *   live    the process answers
 *   ready   the database answers and has the schema that this build needs;
 *           whether principals are cached does not matter for it, but is told
 *   routes  every mounted route with its gates, for tests and documentation
 */
#include "metrics.h"
#include "api/api.h"
#include "db/db.h"
#include "feed/feed.h"

#include <apr_strings.h>

static int answer(request_rec *r, int status, json_t *body)
{
    size_t len;
    const char *text = saas_json_dump(r->pool, body, &len);
    json_decref(body);
    return text ? saas_reply_text(r, status, text, len) : HTTP_INTERNAL_SERVER_ERROR;
}

static int live(request_rec *r)
{
    return answer(r, HTTP_OK, json_pack("{s:s}", "status", "live"));
}

static json_t *cache_json(void)
{
    saas_cache_counters_t n;
    apr_int64_t age;
    int listener;
    json_t *json = json_pack("{s:s}", "state", saas_changes_state(&age, &listener));
    if (json && age >= 0) {
        json_object_set_new(json, "heartbeat_ms", json_integer(age));
        json_object_set_new(json, "listener", json_integer(listener));
    }
    if (json && saas_cache_count(&n) == APR_SUCCESS) {
        json_object_set_new(json, "hits", json_integer((json_int_t)n.hits));
        json_object_set_new(json, "misses", json_integer((json_int_t)n.misses));
        json_object_set_new(json, "bypasses", json_integer((json_int_t)n.bypasses));
        json_object_set_new(json, "stores", json_integer((json_int_t)n.stores));
        json_object_set_new(json, "evictions", json_integer((json_int_t)n.evictions));
    }
    return json;
}

static int ready(request_rec *r)
{
    const char *why = NULL;
    if (saas_db_ready(r->pool, r->server, &why) == APR_SUCCESS) {
        return answer(r, HTTP_OK, json_pack("{s:s, s:o}", "status", "ready", "cache", cache_json()));
    }
    apr_table_setn(r->headers_out, "Retry-After", "5");
    return answer(r, HTTP_SERVICE_UNAVAILABLE,
                  json_pack("{s:s, s:s, s:o}", "status", "unavailable", "detail", why ? why : "database unavailable",
                            "cache", cache_json()));
}

static int routes(request_rec *r)
{
    static const char *const methods[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE" };
    const apr_array_header_t *all = saas_routes();
    json_t *list = json_array();
    int i, j;
    for (i = 0; i < all->nelts; i++) {
        const saas_mounted_route_t *mounted = APR_ARRAY_IDX(all, i, saas_mounted_route_t *);
        json_t *gates = json_array();
        for (j = 0; j < mounted->ngates; j++) {
            json_array_append_new(gates, json_string(mounted->gates[j].text));
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "plugin", mounted->plugin, "method",
                                              methods[mounted->route->method], "path", mounted->route->path, "gates",
                                              gates));
    }
    return answer(r, HTTP_OK, list);
}

static const struct {
    const char *path;
    int (*handler)(request_rec *r);
} pages[] = { { "/live", live }, { "/ready", ready }, { "/routes", routes }, { "/metrics", saas_metrics_page } };

int saas_status_serve(request_rec *r)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    const char *rest = r->uri + strlen(conf->mount);
    size_t i;
    r->allowed |= (apr_int64_t)1 << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        apr_size_t len = strlen(pages[i].path);
        if (!strncmp(rest, pages[i].path, len) && (!rest[len] || !strcmp(rest + len, "/"))) {
            return pages[i].handler(r);
        }
    }
    return HTTP_NOT_FOUND;
}
