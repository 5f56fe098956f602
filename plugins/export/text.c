/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Text that grows, and what may stand in JSON and in HTML.  Must never let a cell be more than text there. */

#include "writer.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/** Room for so many bytes more; where they go. */
static char *reserve(export_out_t *out, apr_size_t more)
{
    if (out->size - out->len < more) {
        apr_size_t size = out->size;
        char *data;
        while (size - out->len < more) {
            size *= 2;
        }
        data = apr_palloc(out->pool, size);
        memcpy(data, out->data, out->len);
        out->data = data;
        out->size = size;
    }
    return out->data + out->len;
}

void export_writer_init(export_writer_t *writer, apr_pool_t *p, const export_audit_t *audit,
                        apr_size_t (*quote)(char *to, const char *text, apr_size_t len))
{
    memset(writer, 0, sizeof(*writer));
    writer->audit = audit;
    writer->out.pool = p;
    writer->out.quote = quote;
    writer->out.size = 8192;
    writer->out.data = apr_palloc(p, writer->out.size);
}

void export_put(export_out_t *out, const char *bytes, apr_size_t len)
{
    memcpy(reserve(out, len), bytes, len);
    out->len += len;
}

void export_put_text(export_out_t *out, const char *text)
{
    export_put(out, text, strlen(text));
}

void export_put_int(export_out_t *out, apr_int64_t n)
{
    char digits[20], *first = digits + sizeof(digits);
    apr_uint64_t rest = n < 0 ? 0 - (apr_uint64_t)n : (apr_uint64_t)n;
    do {
        *--first = (char)('0' + rest % 10);
    } while (rest /= 10);
    if (n < 0) {
        *--first = '-';
    }
    export_put(out, first, (apr_size_t)(digits + sizeof(digits) - first));
}

void export_put_json(export_out_t *out, const char *text, apr_size_t len)
{
    if (!text) {
        EXPORT_PUT(out, "null");
        return;
    }
    out->len += out->quote(reserve(out, 6 * len + 2), text, len);
}

void export_put_json_text(export_out_t *out, const char *text)
{
    export_put_json(out, text, text ? strlen(text) : 0);
}

/** What stands for a byte in HTML; NULL: itself. */
static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
        return NULL;
    default:
        return c < 0x20 || c == 0x7f ? REPLACEMENT : NULL;
    }
}

void export_put_html(export_out_t *out, const char *text, apr_size_t len)
{
    apr_size_t from = 0, i;
    for (i = 0; i < len; i++) {
        const char *instead = entity((unsigned char)text[i]);
        if (instead) {
            export_put(out, text + from, i - from);
            export_put_text(out, instead);
            from = i + 1;
        }
    }
    if (len > from) {
        export_put(out, text + from, len - from);
    }
}

void export_put_html_text(export_out_t *out, const char *text)
{
    export_put_html(out, text, strlen(text));
}
