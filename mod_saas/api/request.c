/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a routed request brings: query, path parameters, body, fields.  Input
 * that is wrong is answered here, once and in one way, before a handler sees
 * it; nothing is ever cut or guessed.
 */
#include "api.h"
#include "core/text.h"
#include "core/urlenc.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define PAGE_SIZE 50
#define PAGE_SIZE_MAX 200
#define PAGE_MAX 100000000

int saas_request_parse_query(saas_call_t *call)
{
    request_rec *r = call->pub.r;
    if (saas_query_parse(r->pool, r->args, &call->query) != APR_SUCCESS) {
        saas_reply_error_impl(&call->pub, HTTP_BAD_REQUEST, "bad_query",
                              "The query string is malformed: percent-encoded UTF-8 is expected.");
        return DONE;
    }
    return OK;
}

/* ---------------------------------------------------------------- body -- */

static int refuse_body(saas_call_t *call, int status, const char *code, const char *detail)
{
    call->pub.r->connection->keepalive = AP_CONN_CLOSE;
    saas_reply_error_impl(&call->pub, status, code, detail);
    return DONE;
}

static int too_large(saas_call_t *call, apr_off_t cap)
{
    return refuse_body(call, HTTP_REQUEST_ENTITY_TOO_LARGE, "request_too_large",
                       apr_psprintf(call->pub.pool, "The request body is larger than %" APR_OFF_T_FMT " bytes.", cap));
}

/* Reads all of the body into one buffer, or answers. */
static int slurp(saas_call_t *call, const char **data, apr_size_t *len)
{
    request_rec *r = call->pub.r;
    apr_off_t cap = saas_config_max_body(r->server);
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    const char *announced = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t expected;
    char *buffer;
    apr_size_t room, have = 0;
    int seen_eos = 0;

    if (!announced || apr_strtoff(&expected, announced, NULL, 10) != APR_SUCCESS || expected < 0) {
        expected = 8192;
    }
    else if (expected > cap) {
        return too_large(call, cap);
    }
    room = (apr_size_t)(expected < cap ? expected : cap) + 1;
    buffer = apr_palloc(r->pool, room + 1);
    while (!seen_eos) {
        apr_bucket *b;
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, 16384);
        if (rv != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
            const char *part;
            apr_size_t n;
            if (APR_BUCKET_IS_EOS(b)) {
                seen_eos = 1;
                break;
            }
            if (APR_BUCKET_IS_METADATA(b)) {
                continue;
            }
            if ((rv = apr_bucket_read(b, &part, &n, APR_BLOCK_READ)) != APR_SUCCESS) {
                return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
            }
            if ((apr_off_t)(have + n) > cap) {
                return too_large(call, cap);
            }
            if (have + n > room) {
                char *larger;
                while (have + n > room) {
                    room *= 2;
                }
                larger = apr_palloc(r->pool, room + 1);
                memcpy(larger, buffer, have);
                buffer = larger;
            }
            memcpy(buffer + have, part, n);
            have += n;
        }
        apr_brigade_cleanup(bb);
    }
    buffer[have] = '\0';
    *data = buffer;
    *len = have;
    return OK;
}

/* application/json, alone or with charset=utf-8 (RFC 8259, section 11). */
static int is_json(const char *type)
{
    static const char name[] = "application/json";
    const char *charset;
    if (!type || strncasecmp(type, name, sizeof(name) - 1)) {
        return 0;
    }
    type += sizeof(name) - 1;
    while (*type == ' ') {
        type++;
    }
    if (!*type) {
        return 1;
    }
    if (*type != ';') {
        return 0;
    }
    charset = ap_strcasestr(type, "charset=");
    if (!charset) {
        return 1;
    }
    charset += 8;
    charset += *charset == '"';
    return !strncasecmp(charset, "utf-8", 5) && !apr_isalnum(charset[5]) && charset[5] != '-';
}

static int read_json(saas_call_t *call)
{
    saas_request_t *rq = &call->pub;
    const char *data, *why = NULL;
    apr_size_t len;
    int status = slurp(call, &data, &len);
    if (status != OK) {
        return status;
    }
    if (!len) {
        rq->body = saas_json_own(rq->pool, json_object());
        saas_fields_init(&call->fields, rq->pool, rq->body, 0);
        return OK;
    }
    if (!is_json(apr_table_get(rq->r->headers_in, "Content-Type"))) {
        saas_reply_error_impl(rq, HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                              "The request body must be application/json in UTF-8.");
        return DONE;
    }
    if (saas_json_load(rq->pool, data, len, SAAS_JSON_DEPTH, &rq->body, &why) != APR_SUCCESS) {
        saas_reply_error_impl(rq, HTTP_BAD_REQUEST, "parse_error", why ? why : "JSON parse error.");
        return DONE;
    }
    saas_fields_init(&call->fields, rq->pool, rq->body, 0);
    if (!json_is_object(rq->body)) {
        rq->errors = call->fields.errors;
        saas_reply_errors_impl(rq);
        return DONE;
    }
    return OK;
}

int saas_request_read_body(saas_call_t *call)
{
    saas_request_t *rq = &call->pub;
    if (rq->route->body == SAAS_BODY_JSON) {
        return read_json(call);
    }
    if (rq->route->body == SAAS_BODY_RAW) {
        return slurp(call, &rq->raw, &rq->raw_len);
    }
    saas_fields_init(&call->fields, rq->pool, NULL, 0);
    if (rq->route->body == SAAS_BODY_UNREAD) {
        /* Until it has been read to its end: a refused one may be large, and would be read to be thrown away. */
        call->unread = apr_brigade_create(rq->pool, rq->r->connection->bucket_alloc);
        rq->r->connection->keepalive = AP_CONN_CLOSE;
        return OK;
    }
    return ap_discard_request_body(rq->r);
}

int saas_request_read_impl(saas_request_t *rq, char *to, apr_size_t room, apr_size_t *len)
{
    saas_call_t *call = (saas_call_t *)rq;
    apr_status_t rv;

    *len = 0;
    while (!call->read && !*len) {
        if ((rv = ap_get_brigade(rq->r->input_filters, call->unread, AP_MODE_READBYTES, APR_BLOCK_READ, (apr_off_t)room))
            != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        if (!APR_BRIGADE_EMPTY(call->unread) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(call->unread))) {
            call->read = 1;
            rq->r->connection->keepalive = AP_CONN_UNKNOWN;
        }
        *len = room;
        if ((rv = apr_brigade_flatten(call->unread, to, len)) != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        apr_brigade_cleanup(call->unread);
    }
    return OK;
}

/* ---------------------------------------------------------- parameters -- */

const char *saas_request_parameter_impl(saas_request_t *rq, const char *name)
{
    const saas_call_t *call = (const saas_call_t *)rq;
    int i;
    for (i = 0; i < call->mounted->nsegments; i++) {
        if (call->mounted->segments[i][0] == '{' && !strcmp(call->mounted->segments[i] + 1, name)) {
            return call->values[i];
        }
    }
    return "";
}

const char *saas_request_query_impl(saas_request_t *rq, const char *name)
{
    return saas_query_get(((saas_call_t *)rq)->query, name);
}

void saas_request_error_impl(saas_request_t *rq, const char *field, const char *message)
{
    json_t *list;
    if (!field) {
        field = "non_field_errors";
    }
    if (!rq->errors) {
        rq->errors = saas_json_own(rq->pool, json_object());
    }
    list = json_object_get(rq->errors, field);
    if (!list) {
        list = json_array();
        json_object_set_new(rq->errors, field, list);
    }
    json_array_append_new(list, json_string(message));
}

const char *saas_request_choice_impl(saas_request_t *rq, const char *name, const char *const *choices)
{
    const char *value = saas_request_query_impl(rq, name);
    const char *const *choice;
    if (!value || !*value) {
        return NULL;
    }
    for (choice = choices; *choice; choice++) {
        if (!strcmp(*choice, value)) {
            return *choice;
        }
    }
    saas_request_error_impl(rq, name, apr_psprintf(rq->pool, "\"%s\" is not a valid choice.", value));
    return NULL;
}

/* Host's flags are those of core/jsonio.h: one table says so. */
static unsigned core_flags(unsigned flags)
{
    return (flags & SAAS_FIELD_REQUIRED ? SAAS_REQUIRED : 0u) | (flags & SAAS_FIELD_NULLABLE ? SAAS_NULLABLE : 0u)
           | (flags & SAAS_FIELD_BLANK ? SAAS_BLANK : 0u) | (flags & SAAS_FIELD_RAW ? SAAS_VERBATIM : 0u);
}

const char *saas_request_field_impl(saas_request_t *rq, const char *name, unsigned flags, int max)
{
    saas_call_t *call = (saas_call_t *)rq;
    const char *value = NULL, *why = NULL;
    saas_field_e found = saas_field_string(&call->fields, name, core_flags(flags), (size_t)max, &value);
    if (found == SAAS_FIELD_BAD || (found == SAAS_FIELD_ABSENT && (flags & SAAS_FIELD_REQUIRED))) {
        json_t *list = json_object_get(call->fields.errors, name);
        size_t i;
        json_t *message;
        json_array_foreach(list, i, message) {
            saas_request_error_impl(rq, name, json_string_value(message));
        }
        json_object_del(call->fields.errors, name);
        return NULL;
    }
    if (found != SAAS_FIELD_OK) {
        return NULL;
    }
    if (!(flags & SAAS_FIELD_RAW) && *value
        && saas_name_clean(rq->pool, value, (size_t)max, &value, &why) != APR_SUCCESS) {
        saas_request_error_impl(rq, name, why ? why : "Not a valid string.");
        return NULL;
    }
    return value;
}

/* A positive number of at most max; 0 when it is none. */
static int parse_number(const char *text, int max)
{
    int n = 0;
    if (!*text) {
        return 0;
    }
    for (; *text; text++) {
        if (!apr_isdigit(*text) || n > max) {
            return 0;
        }
        n = n * 10 + (*text - '0');
    }
    return n > max ? 0 : n;
}

int saas_request_page_impl(saas_request_t *rq, saas_page_t *page)
{
    const char *number = saas_request_query_impl(rq, "page");
    const char *size = saas_request_query_impl(rq, "page_size");
    page->page = number && *number ? parse_number(number, PAGE_MAX) : 1;
    page->size = size && *size ? parse_number(size, PAGE_SIZE_MAX) : PAGE_SIZE;
    if (!page->page) {
        saas_request_error_impl(rq, "page", "A page is a number from 1.");
    }
    if (!page->size) {
        saas_request_error_impl(rq, "page_size", apr_psprintf(rq->pool, "A page has from 1 to %d entries.",
                                                              PAGE_SIZE_MAX));
    }
    if (!page->page || !page->size) {
        return 0;
    }
    page->limit = apr_itoa(rq->pool, page->size);
    page->offset = apr_psprintf(rq->pool, "%" APR_INT64_T_FMT, (apr_int64_t)(page->page - 1) * page->size);
    return 1;
}

const char *saas_request_base_url_impl(saas_request_t *rq)
{
    return apr_pstrcat(rq->pool, saas_site_url(rq->r), ((saas_call_t *)rq)->mount, NULL);
}

const char *saas_request_canonical_url_impl(saas_request_t *rq)
{
    return apr_pstrcat(rq->pool, saas_site_canonical(rq->r), ((saas_call_t *)rq)->mount, NULL);
}
