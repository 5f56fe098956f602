/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a gate has let in is for whom it was let in: caches between are told so.
 *
 * A request is unshared when a gate stands before its section, when it comes of an unshared one (an internal redirect,
 * an ErrorDocument, a part of a page), or when a part of its page is unshared. That a gate stands there is seen in the
 * configuration, not in what it was asked: a line beside it may have let the request in before, and does not make the
 * page one for everybody.
 *
 * 1. In fixups the request, and the pages that it is a part of, are marked. The mark keeps mod_cache from storing, by
 *    the variable that it knows for it (no-cache), wherever its filter stands and whatever the headers come to say.
 * 2. A filter behind those of mod_headers and mod_expires, and before httpd writes the header, says it to all other
 *    caches. Requests without a gate have no such filter.
 * 3. A page of mod_include may learn of an unshared part when its beginning is on its way. So what mod_include makes is
 *    held back, to some size, until that is known. Whatever comes later than that, or as part of a page that another
 *    module puts together, is refused where the page has left as one for everybody.
 */
#include "cacheable.h"
#include "core/cachecontrol.h"

#include <apr_date.h>
#include <apr_strings.h>
#include <http_log.h>

#define FILTER "SAAS_UNSHARED"
#define HOLD "SAAS_HOLD"
#define HOLD_PART "SAAS_HOLD_PART"

/* Of a page that mod_include makes, so much is held back: nearly all fit into it whole. */
#define HELD_MOST (64 * 1024)

/* The context of the filter that holds. */
typedef struct held_t {
    apr_bucket_brigade *bb; /* NULL once it has been let go */
    apr_size_t size;
} held_t;

static ap_filter_rec_t *unshared_filter, *hold_filter, *hold_part_filter, *includes_filter;

static const char *const value_default = SAAS_CACHECONTROL_DEFAULT;

/* ---------------------------------------------------------------- mark -- */

/* Does a gate stand before it, and is what it lets in not left to the administrator? */
SAAS_WARM static int is_gated(request_rec *r)
{
    const saas_dir_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_module);
    const saas_state_t *state = saas_state_find(r);
    return ((conf->gated > 0 && conf->gated & saas_config_method_bit(r->method_number)) || (state && state->asked))
           && conf->cache_control != saas_cache_control_off;
}

SAAS_WARM static const char *unshared(request_rec *r)
{
    const saas_state_t *state = saas_state_find(r);
    return state ? state->unshared : NULL;
}

SAAS_WARM static void mark(request_rec *r, const char *value)
{
    saas_state_t *state = saas_state_get(r);
    if (!state->unshared) {
        state->unshared = value;
        apr_table_setn(r->subprocess_env, "no-cache", "1");
    }
    else if (state->unshared != value) {
        state->unshared = saas_cachecontrol_stricter(state->unshared, value);
    }
}

SAAS_WARM static void mark_with_filter(request_rec *r, const char *value)
{
    if (!unshared(r)) {
        ap_add_output_filter_handle(unshared_filter, NULL, r, r->connection);
    }
    mark(r, value);
}

static request_rec *page_of(request_rec *r)
{
    while (r->main) {
        r = r->main;
    }
    return r;
}

/* Is that filter mod_include's, or one of mod_filter's that may turn out to be it? */
static int may_include(const ap_filter_rec_t *filter)
{
    return filter == includes_filter
           || (filter->providers && (strncmp(filter->name, "bytype:", 7) || !strcmp(filter->name + 7, "includes")));
}

static int is_held(request_rec *r)
{
    const ap_filter_t *f;
    for (f = r->output_filters; f && f->r == r; f = f->next) {
        if (f->frec == hold_filter) {
            return !f->ctx || ((const held_t *)f->ctx)->bb != NULL;
        }
    }
    return 0;
}

/* Has mod_cache's filter been moved (SetOutputFilter) to where it stores what mod_include makes, before it is held? */
static int is_stored_early(request_rec *r)
{
    const ap_filter_t *f, *include = NULL, *store = NULL;
    for (f = r->output_filters; f && f->r == r; f = f->next) {
        if (may_include(f->frec)) {
            include = f;
        }
        else if (include && !strncmp(f->frec->name, "cache_save", 10)) {
            store = f;
        }
        else if (store && f->frec->ftype < store->frec->ftype) {
            return 1;
        }
    }
    return 0;
}

/* Has it begun to leave as a page for everybody? */
static int has_left(request_rec *r)
{
    return !unshared(r) && ((r->sent_bodyct && !is_held(r)) || is_stored_early(r))
           && !saas_cachecontrol_is_private(apr_table_getm(r->pool, r->headers_out, "Cache-Control"));
}

/* The pages that it is a part of are as little for others as it is. */
SAAS_COLD static int mark_page(request_rec *r, const char *value)
{
    request_rec *at;
    for (at = r->main; at; at = at->main) {
        if (has_left(at)) {
            SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1308",
                      "%s is left out of %s, which has begun to leave as a page that caches may share: gate the page "
                      "too, or say Header set Cache-Control \"private, no-cache\" there",
                      r->uri, at->uri);
            return HTTP_FORBIDDEN;
        }
    }
    for (at = r->main; at; at = at->main) {
        mark_with_filter(at, value);
    }
    return DECLINED;
}

void saas_cacheable_refused(request_rec *r)
{
    for (r = r->main; r; r = r->main) {
        if (!has_left(r)) {
            mark_with_filter(r, value_default);
        }
    }
}

/* Of the request that it comes of. */
static const char *inherited(request_rec *r)
{
    const char *value = r->prev ? unshared(r->prev) : NULL;
    return value || !r->main ? value : unshared(r->main);
}

SAAS_WARM int saas_cacheable_fixups(request_rec *r)
{
    const saas_dir_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_module);
    const char *value;
    int status;
    if (is_gated(r)) {
        value = conf->cache_control ? conf->cache_control : value_default;
        if (r->main && (status = mark_page(r, value)) != DECLINED) {
            return status;
        }
        mark_with_filter(r, value);
    }
    else if ((r->prev || r->main) && (value = inherited(r))) {
        mark_with_filter(r, value);
    }
    return DECLINED;
}

/* Before mod_cache's, which may have the page that a request is redirected to: then it passes nothing else of ours. */
static int quick_handler(request_rec *r, int lookup)
{
    const char *value = r->prev && !lookup ? inherited(r) : NULL;
    if (value) {
        mark_with_filter(r, value);
    }
    return DECLINED;
}

/* -------------------------------------------------------------- header -- */

int saas_cacheable_is_navigation(request_rec *r)
{
    const char *accept, *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    if (mode) {
        return !strcmp(mode, "navigate");
    }
    accept = apr_table_get(r->headers_in, "Accept");
    return accept && ap_strstr_c(accept, "text/html");
}

/* A cache of HTTP/1.0 knows no other field; and of a browser it would be leave to keep. */
static int is_future(request_rec *r, const char *expires)
{
    apr_time_t at = apr_date_parse_http(expires);
    return at != APR_DATE_BAD && at >= r->request_time - apr_time_from_sec(60);
}

/* Is that its name? Most are another by their first letter. */
static int is_field(const apr_table_entry_t *field, const char *name)
{
    return (field->key[0] | 0x20) == (name[0] | 0x20) && !strcasecmp(field->key, name);
}

/* Drops what lets a cache store beside Cache-Control; and all freshness of an application that does not know. */
static void drop_leave(request_rec *r, apr_table_t *headers, int knows)
{
    const apr_array_header_t *fields = apr_table_elts(headers);
    int i = 0;
    while (i < fields->nelts) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(fields, i, apr_table_entry_t);
        if (saas_cachecontrol_is_leave(field->key, field->val)
            || (is_field(field, "Expires") && is_future(r, field->val))
            || (!knows && is_field(field, "Pragma") && !ap_strcasestr(field->val, "no-cache"))) {
            apr_table_unset(headers, field->key);
            i = 0;
        }
        else {
            i++;
        }
    }
}

static const char *said(request_rec *r)
{
    const char *a = apr_table_getm(r->pool, r->headers_out, "Cache-Control");
    const char *b = apr_table_getm(r->pool, r->err_headers_out, "Cache-Control");
    return a && b ? apr_pstrcat(r->pool, a, ", ", b, NULL) : a ? a : b;
}

static void say(request_rec *r, const char *value)
{
    const char *application = said(r);
    const char *out = saas_cachecontrol_private(r->pool, application, value);
    /* By "Back" a browser shows what it has kept, and asks nobody, whatever no-cache says: so of the page itself it keeps
     * nothing. What the page is made of is asked for again as ever, and may be 304. */
    if (out == value_default && saas_cacheable_is_navigation(r)) {
        out = SAAS_CACHECONTROL_STRICT;
    }
    if (out != application) {
        apr_table_unset(r->err_headers_out, "Cache-Control");
        apr_table_setn(r->headers_out, "Cache-Control", out);
    }
    drop_leave(r, r->headers_out, out == application);
    drop_leave(r, r->err_headers_out, out == application);
}

/* Stays where it is: others may hold a pointer to it as the next one. */
static apr_status_t say_first(ap_filter_t *f, apr_bucket_brigade *bb)
{
    if (!f->ctx) {
        request_rec *page = page_of(f->r);
        const char *value = unshared(page);
        f->ctx = f;
        saas_request_id_once(page);
        if (value) {
            say(page, value);
        }
    }
    return ap_pass_brigade(f->next, bb);
}

/* A request that was let in and then failed; or another module's refusal, in a section that has a gate. */
static void insert_error_filter(request_rec *r)
{
    if (!unshared(r) && is_gated(r)) {
        mark(r, value_default);
    }
    if (unshared(r)) {
        ap_add_output_filter_handle(unshared_filter, NULL, r, r->connection);
    }
}

/* ---------------------------------------------------------------- hold -- */

/* Does what was held, with what is there now, say whose page it is? */
typedef enum { HOLD_ON, ALL_SEEN, NO_LONGER } held_e;

static held_e look(const apr_bucket_brigade *bb, apr_size_t *size)
{
    apr_bucket *b;
    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            return ALL_SEEN;
        }
        if (b->length == (apr_size_t)-1) {
            /* Of a program: what it has written, as it comes. */
            const char *data;
            apr_size_t len;
            if (apr_bucket_read(b, &data, &len, APR_NONBLOCK_READ) != APR_SUCCESS) {
                return NO_LONGER;
            }
        }
        *size += b->length;
        if (APR_BUCKET_IS_FLUSH(b) || AP_BUCKET_IS_ERROR(b) || AP_BUCKET_IS_EOR(b) || *size > HELD_MOST) {
            return NO_LONGER;
        }
    }
    return HOLD_ON;
}

static apr_status_t hold(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    held_t *held = f->ctx;
    held_e seen;
    if (!held) {
        held = f->ctx = apr_pcalloc(r->pool, sizeof(*held));
        held->bb = apr_brigade_create(r->pool, f->c->bucket_alloc);
    }
    else if (!held->bb) {
        return ap_pass_brigade(f->next, bb);
    }
    seen = unshared(r) ? ALL_SEEN : look(bb, &held->size);
    if (seen == HOLD_ON) {
        return ap_save_brigade(f, &held->bb, &bb, r->pool);
    }
    APR_BRIGADE_PREPEND(bb, held->bb);
    held->bb = NULL;
    if (seen == NO_LONGER && r->main) {
        apr_table_setn(r->subprocess_env, "no-cache", "1");
    }
    else if (seen == NO_LONGER
             && (apr_table_get(r->headers_in, "Cookie") || apr_table_get(r->headers_in, "Authorization"))) {
        /* Somebody whom a gate may let in to what is still to come. */
        mark_with_filter(r, value_default);
    }
    return ap_pass_brigade(f->next, bb);
}

/* Other modules have put in theirs. */
SAAS_WARM static void insert_filter(request_rec *r)
{
    const ap_filter_t *f;
    for (f = r->output_filters; f != r->proto_output_filters && f->r == r; f = f->next) {
        if (may_include(f->frec)) {
            if (!unshared(r)) {
                ap_add_output_filter_handle(r->main ? hold_part_filter : hold_filter, NULL, r, r->connection);
            }
            break;
        }
    }
}

/* --------------------------------------------------------------- start -- */

void saas_cacheable_pre_config(void)
{
    /* Of a server without these modules no page passes one function more. */
    if (ap_find_linked_module("mod_cache.c")) {
        ap_hook_quick_handler(quick_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    }
    includes_filter = ap_get_output_filter_handle("INCLUDES");
    if (includes_filter) {
        ap_hook_insert_filter(insert_filter, NULL, NULL, APR_HOOK_REALLY_LAST);
    }
}

void saas_cacheable_hooks(void)
{
    ap_hook_insert_error_filter(insert_error_filter, NULL, NULL, APR_HOOK_LAST);
    unshared_filter = ap_register_output_filter(FILTER, say_first, NULL, AP_FTYPE_PROTOCOL - 1);
    hold_filter = ap_register_output_filter(HOLD, hold, NULL, AP_FTYPE_CONTENT_SET);
    /* mod_cache stores a part before what other modules do to the page. */
    hold_part_filter = ap_register_output_filter(HOLD_PART, hold, NULL, AP_FTYPE_CONTENT_SET - 2);
}
