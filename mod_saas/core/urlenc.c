/*
 * Percent-encoding: form bodies, query strings, links. Must never pass a decoded NUL or broken UTF-8 on: what
 * leaves saas_query_parse may be used as a C string and sent to a database.
 */

#include "urlenc.h"

#include "text.h"

#include <string.h>

#include <apr_strings.h>

struct saas_form_t {
    apr_pool_t *pool;
    char *body;
    size_t len, size;
};

static int is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'
        || c == '_' || c == '~';
}

/* Writes the encoded text, at most three times its length and no NUL, and returns its end. */
static char *encode(char *out, const char *s, int brackets)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (is_unreserved(c) || (brackets && (c == '[' || c == ']'))) {
            *out++ = (char)c;
        }
        else {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[c >> 4];
            *out++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

const char *saas_url_encode(apr_pool_t *p, const char *s)
{
    char *out = apr_palloc(p, 3 * strlen(s) + 1);
    *encode(out, s, 0) = '\0';
    return out;
}

saas_form_t *saas_form_create(apr_pool_t *p)
{
    saas_form_t *form = apr_palloc(p, sizeof(*form));
    form->pool = p;
    form->len = 0;
    form->size = 512;
    form->body = apr_palloc(p, form->size);
    form->body[0] = '\0';
    return form;
}

void saas_form_add(saas_form_t *form, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    size_t need = form->len + 3 * (strlen(name) + strlen(value)) + 3;
    if (need > form->size) {
        char *grown = apr_palloc(form->pool, 2 * need);
        memcpy(grown, form->body, form->len);
        form->body = grown;
        form->size = 2 * need;
    }
    char *out = form->body + form->len;
    if (form->len > 0) {
        *out++ = '&';
    }
    out = encode(out, name, 1);
    *out++ = '=';
    out = encode(out, value, 0);
    *out = '\0';
    form->len = (size_t)(out - form->body);
}

const char *saas_form_body(const saas_form_t *form, size_t *len)
{
    if (len != NULL) {
        *len = form->len;
    }
    return form->body;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static apr_status_t decode(apr_pool_t *p, const char *s, size_t len, const char **result)
{
    const char *end = s + len;
    char *start = apr_palloc(p, len + 1);
    char *out = start;

    while (s < end) {
        if (*s == '%') {
            int high = end - s > 2 ? hex_value(s[1]) : -1;
            int low = high >= 0 ? hex_value(s[2]) : -1;
            if (low < 0 || (high | low) == 0) {
                return APR_EINVAL;
            }
            *out++ = (char)(high << 4 | low);
            s += 3;
        }
        else {
            *out++ = *s == '+' ? ' ' : *s;
            s++;
        }
    }
    *out = '\0';
    if (!saas_utf8_valid(start, (size_t)(out - start))) {
        return APR_EINVAL;
    }
    *result = start;
    return APR_SUCCESS;
}

/* Takes the next non-empty piece between & off the query; NULL at its end. */
static const char *next_piece(const char **query, size_t *len)
{
    const char *piece;
    do {
        piece = *query;
        if (*piece == '\0') {
            return NULL;
        }
        *len = strcspn(piece, "&");
        *query = piece + *len + (piece[*len] == '&');
    } while (*len == 0);
    return piece;
}

static size_t name_length(const char *piece, size_t len)
{
    const char *equals = memchr(piece, '=', len);
    return equals ? (size_t)(equals - piece) : len;
}

apr_status_t saas_query_parse(apr_pool_t *p, const char *query, apr_array_header_t **params)
{
    apr_array_header_t *list = apr_array_make(p, 8, sizeof(saas_param_t));
    const char *piece;
    size_t len;

    *params = NULL;
    query = query ? query : "";
    while ((piece = next_piece(&query, &len)) != NULL) {
        saas_param_t param = { "", "" };
        size_t name = name_length(piece, len);
        if (list->nelts >= SAAS_QUERY_MAX || decode(p, piece, name, &param.name) != APR_SUCCESS
            || (name < len && decode(p, piece + name + 1, len - name - 1, &param.value) != APR_SUCCESS)) {
            return APR_EINVAL;
        }
        APR_ARRAY_PUSH(list, saas_param_t) = param;
    }
    *params = list;
    return APR_SUCCESS;
}

const char *saas_query_get(const apr_array_header_t *params, const char *name)
{
    for (int i = params->nelts; i-- > 0;) {
        const saas_param_t *param = &APR_ARRAY_IDX(params, i, saas_param_t);
        if (strcmp(param->name, name) == 0) {
            return param->value;
        }
    }
    return NULL;
}

/* Copies a piece of a query; bytes that may not stand in a URL (RFC 3986 knows only ASCII) are escaped. */
static char *put_piece(char *out, const char *piece, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)piece[i];
        if (c <= ' ' || c >= 0x7f) {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[c >> 4];
            *out++ = "0123456789ABCDEF"[c & 15];
        }
        else {
            *out++ = (char)c;
        }
    }
    return out;
}

static char *put_param(char *out, const char *name, const char *value)
{
    out = encode(out, name, 1);
    *out++ = '=';
    return encode(out, value, 0);
}

const char *saas_link_set(apr_pool_t *p, const char *url, const char *query, const char *name, const char *value)
{
    query = query ? query : "";
    size_t base = strlen(url);
    char *link = apr_palloc(p, base + 3 * (strlen(query) + strlen(name) + (value ? strlen(value) : 0)) + 4);
    char *out = link + base;
    char separator = '?';
    const char *piece, *decoded;
    size_t len;

    memcpy(link, url, base);
    while ((piece = next_piece(&query, &len)) != NULL) {
        int same = decode(p, piece, name_length(piece, len), &decoded) == APR_SUCCESS && strcmp(decoded, name) == 0;
        if (same && value == NULL) {
            continue;
        }
        *out++ = separator;
        separator = '&';
        if (same) {
            out = put_param(out, name, value);
            value = NULL;
        }
        else {
            out = put_piece(out, piece, len);
        }
    }
    if (value != NULL) {
        *out++ = separator;
        out = put_param(out, name, value);
    }
    *out = '\0';
    return link;
}
