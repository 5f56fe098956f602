/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The OpenAPI document of what is mounted, at <mount>/openapi.json.
 *
 * It is put together once, at the start: the host's part (docs/openapi/
 * common.json) and each loaded plugin's own.  It must never say what is not so:
 * an operation without a route refuses the start, a route without an operation
 * is described from the route table, and who may call it is always taken from
 * there.  Public, and it has nothing of an installation but the address at
 * which it was asked for.
 */
#include "openapi.h"
#include "core/token.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define PATH "/openapi.json"
#define GATES "x-saas-gates"

static const struct {
    saas_method_e method;
    const char *key;
} methods[] = {
    { SAAS_GET, "get" },     { SAAS_POST, "post" },     { SAAS_PUT, "put" },
    { SAAS_PATCH, "patch" }, { SAAS_DELETE, "delete" },
};
#define N_METHODS ((int)(sizeof(methods) / sizeof(*methods)))

/* What a plugin has said of its routes. */
typedef struct part_t {
    const char *owner, *text;
} part_t;

static apr_array_header_t *parts;
static const char *document;  /* JSON without its opening brace and without "servers" */
static char hash[SAAS_HASH_LEN + 1];

void saas_openapi_begin(apr_pool_t *p)
{
    parts = apr_array_make(p, 8, sizeof(part_t));
}

void saas_openapi_add(const char *owner, const char *text)
{
    if (text) {
        part_t *part = apr_array_push(parts);
        part->owner = owner;
        part->text = text;
    }
}

static const char *method_key(saas_method_e method)
{
    int i;
    for (i = 0; methods[i].method != method; i++) {
    }
    return methods[i].key;
}

static int is_method(const char *key)
{
    int i;
    for (i = 0; i < N_METHODS; i++) {
        if (!strcmp(methods[i].key, key)) {
            return 1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------- merging -- */

/* Adds the members of an object to another one, which may have none of them. */
static const char *add_members(apr_pool_t *p, json_t *to, json_t *from, const char *what)
{
    const char *key;
    json_t *value;
    if (from && !json_is_object(from)) {
        return apr_psprintf(p, "%s must be an object", what);
    }
    json_object_foreach(from, key, value) {
        if (json_object_get(to, key)) {
            return apr_psprintf(p, "%s has \"%s\", which is there already", what, key);
        }
        json_object_set(to, key, value);
    }
    return NULL;
}

/* The member that is an object, made when it is not there. */
static json_t *member(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value) {
        value = json_object();
        json_object_set_new(object, key, value);
    }
    return value;
}

static const char *add_components(apr_pool_t *p, json_t *doc, json_t *components)
{
    const char *kind, *err = NULL;
    json_t *list;
    if (components && !json_is_object(components)) {
        return "components must be an object";
    }
    json_object_foreach(components, kind, list) {
        err = add_members(p, member(member(doc, "components"), kind), list, apr_pstrcat(p, "components/", kind, NULL));
        if (err) {
            break;
        }
    }
    return err;
}

static int has_route(const char *plugin, const char *path, const char *key)
{
    const apr_array_header_t *routes = saas_routes();
    int i;
    for (i = 0; i < routes->nelts; i++) {
        const saas_mounted_route_t *mounted = APR_ARRAY_IDX(routes, i, saas_mounted_route_t *);
        if (!strcmp(mounted->plugin, plugin) && !strcmp(mounted->route->path, path)
            && !strcmp(method_key(mounted->route->method), key)) {
            return 1;
        }
    }
    return 0;
}

static const char *add_paths(apr_pool_t *p, json_t *doc, const char *plugin, json_t *paths)
{
    const char *path, *key, *err = NULL;
    json_t *item, *value;
    if (!json_is_object(paths)) {
        return "\"paths\" must be an object";
    }
    json_object_foreach(paths, path, item) {
        json_object_foreach(item, key, value) {
            if (is_method(key) && !has_route(plugin, path, key)) {
                return apr_psprintf(p, "it describes %s %s, which is no route of the plugin", key, path);
            }
            if (is_method(key) && !json_is_object(value)) {
                return apr_psprintf(p, "%s %s must be an object", key, path);
            }
        }
        if ((err = add_members(p, member(member(doc, "paths"), path), item, path))) {
            return err;
        }
    }
    return NULL;
}

/* One plugin's part; NULL, or what is wrong with it. */
static const char *add_part(apr_pool_t *p, apr_pool_t *scratch, json_t *doc, const part_t *from)
{
    const char *err;
    json_error_t error;
    json_t *part, *tags;
    part = saas_json_own(scratch, json_loads(from->text, JSON_REJECT_DUPLICATES, &error));
    if (!json_is_object(part)) {
        return part ? "it is no JSON object"
                    : apr_psprintf(p, "it is no JSON: line %d: %s", error.line, error.text);
    }
    if (!json_object_get(part, "paths")) {
        return "it has no \"paths\"";
    }
    if ((err = add_paths(p, doc, from->owner, json_object_get(part, "paths")))
        || (err = add_components(p, doc, json_object_get(part, "components")))) {
        return err;
    }
    tags = json_object_get(part, "tags");
    if (tags && !json_is_array(tags)) {
        return "tags must be an array";
    }
    json_array_extend(json_object_get(doc, "tags"), tags);
    return NULL;
}

/* ----------------------------------------------- from the route table -- */

static json_t *path_parameters(const saas_mounted_route_t *mounted)
{
    json_t *list = json_array();
    int i;
    for (i = 0; i < mounted->nsegments; i++) {
        if (mounted->segments[i][0] == '{') {
            json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", mounted->segments[i] + 1, "in",
                                                  "path", "required", 1, "schema", "type", "string"));
        }
    }
    return list;
}

/* A name that no other route has: its path and method, in letters. */
static const char *operation_id(apr_pool_t *p, const saas_mounted_route_t *mounted)
{
    char *id = apr_pstrcat(p, method_key(mounted->route->method), mounted->route->path, NULL), *c;
    for (c = id; *c; c++) {
        if (!apr_isalnum(*c)) {
            *c = '_';
        }
    }
    return id;
}

/* What can be said of a route that its plugin does not describe. */
static json_t *describe(apr_pool_t *p, const saas_mounted_route_t *mounted)
{
    json_t *operation = json_pack("{s:s, s:[s], s:s, s:o, s:{s:{s:s}}, s:o}",
                                  "operationId", operation_id(p, mounted), "tags", mounted->plugin,
                                  "summary", apr_psprintf(p, "A route of the plugin %s", mounted->plugin),
                                  "parameters", path_parameters(mounted),
                                  "responses", "default", "description", "What the plugin answers.",
                                  "security", json_array());
    if (mounted->ngates) {
        json_object_set_new(operation, "security", json_pack("[{s:[]}, {s:[]}]", "bearer", "session"));
    }
    if (mounted->route->body == SAAS_BODY_JSON) {
        json_object_set_new(operation, "requestBody", json_pack("{s:{s:{s:{s:s}}}}", "content", "application/json",
                                                                "schema", "type", "object"));
    }
    return operation;
}

/* Every route has an operation, and every operation its route's gates. */
static void add_routes(apr_pool_t *scratch, json_t *doc)
{
    const apr_array_header_t *routes = saas_routes();
    int i, j;
    for (i = 0; i < routes->nelts; i++) {
        const saas_mounted_route_t *mounted = APR_ARRAY_IDX(routes, i, saas_mounted_route_t *);
        json_t *item = member(member(doc, "paths"), mounted->route->path), *gates = json_array();
        const char *key = method_key(mounted->route->method);
        if (!json_object_get(item, key)) {
            json_object_set_new(item, key, describe(scratch, mounted));
        }
        for (j = 0; j < mounted->ngates; j++) {
            json_array_append_new(gates, json_string(mounted->gates[j].text));
        }
        json_object_set_new(json_object_get(item, key), GATES, gates);
    }
}

const char *saas_openapi_compose(apr_pool_t *pconf)
{
    const char *err = NULL, *name = "mod_saas";
    apr_pool_t *scratch;
    json_error_t error;
    json_t *doc;
    size_t len = 0;
    int i;
    apr_pool_create(&scratch, pconf);
    doc = saas_json_own(scratch, json_loads(saas_openapi_text, JSON_REJECT_DUPLICATES, &error));
    if (!doc) {
        err = apr_psprintf(pconf, "it is no JSON: line %d: %s", error.line, error.text);
    }
    for (i = 0; !err && i < parts->nelts; i++) {
        const part_t *part = &APR_ARRAY_IDX(parts, i, part_t);
        name = part->owner;
        err = add_part(pconf, scratch, doc, part);
    }
    if (!err) {
        add_routes(scratch, doc);
        document = saas_json_dump(pconf, doc, &len);
        err = document && len > 1 && saas_sha256_hex(hash, document, len) == APR_SUCCESS ? NULL : "it cannot be written";
        document = document ? document + 1 : NULL;
    }
    apr_pool_destroy(scratch);
    return err ? apr_psprintf(pconf, "%s: OpenAPI: %s", name, err) : NULL;
}

/* ------------------------------------------------------------- serving -- */

int saas_openapi_is(const char *path)
{
    return !strcmp(path, PATH);
}

/* The opening of the document: where it is served. */
static const char *opening(apr_pool_t *p, const char *url)
{
    json_t *servers = saas_json_own(p, json_pack("[{s:s}]", "url", url));
    size_t len;
    const char *text = servers ? saas_json_dump(p, servers, &len) : NULL;
    return text ? apr_pstrcat(p, "{\"servers\":", text, ",", NULL) : "{";
}

int saas_openapi_serve(saas_call_t *call)
{
    request_rec *r = call->pub.r;
    char etag[SAAS_HASH_LEN + 1];
    const char *first;
    int status;
    if (r->method_number == M_OPTIONS) {
        apr_table_setn(r->headers_out, "Allow", SAAS_OPENAPI_METHODS);
        return saas_reply_text(r, HTTP_NO_CONTENT, NULL, 0);
    }
    if (r->method_number != M_GET) {
        apr_table_setn(r->headers_out, "Allow", SAAS_OPENAPI_METHODS);
        return saas_reply_error_impl(&call->pub, HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
                                     apr_psprintf(r->pool, "Method \"%s\" not allowed.", r->method));
    }
    first = opening(r->pool, saas_request_base_url_impl(&call->pub));
    if (saas_token_hash(etag, apr_pstrcat(r->pool, hash, first, NULL)) == APR_SUCCESS) {
        apr_table_setn(r->headers_out, "ETag", apr_psprintf(r->pool, "\"%.32s\"", etag));
    }
    /* Kept, but asked for anew: a restart may have changed it. */
    apr_table_setn(r->headers_out, "Cache-Control", "no-cache");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    if ((status = ap_meets_conditions(r)) != OK) {
        return status;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)(strlen(first) + strlen(document)));
    if (!r->header_only) {
        ap_rputs(first, r);
        ap_rputs(document, r);
    }
    return OK;
}
