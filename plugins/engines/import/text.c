/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The beginning of a file in UTF-8: a byte order mark is passed over, and what can only be UTF-16 or UTF-32 is refused
 * there, before all of it is a bad record.  The first pieces may be shorter than a mark.
 */

#include "reader.h"

#include <string.h>

static int is_wide(const char *head, apr_size_t len)
{
    return len >= 2 && (!memcmp(head, "\xFF\xFE", 2) || !memcmp(head, "\xFE\xFF", 2) || !head[0] || !head[1]);
}

static apr_status_t give(import_reader_t *reader, import_text_t *text, const char **data, apr_size_t *len)
{
    apr_size_t mark;

    text->begun = 1;
    if (is_wide(*data, *len)) {
        return import_refuse(reader, "The file is UTF-16 or UTF-32: it has to be UTF-8.");
    }
    mark = *len >= IMPORT_MARK && !memcmp(*data, "\xEF\xBB\xBF", IMPORT_MARK) ? IMPORT_MARK : 0;
    *data += mark;
    *len -= mark;
    return APR_SUCCESS;
}

apr_status_t import_next_text(import_reader_t *reader, import_text_t *text, const char **data, apr_size_t *len)
{
    apr_status_t rv;

    if (text->left) {
        *data = text->rest;
        *len = text->left;
        text->left = 0;
        return APR_SUCCESS;
    }
    if (text->begun) {
        return reader->next(reader->baton, data, len);
    }
    while ((rv = reader->next(reader->baton, data, len)) == APR_SUCCESS) {
        apr_size_t n = IMPORT_MARK - text->have;
        if (!text->have && *len >= IMPORT_MARK) {
            return give(reader, text, data, len);
        }
        n = *len < n ? *len : n;
        memcpy(text->head + text->have, *data, n);
        text->have += n;
        if (text->have == IMPORT_MARK) {
            text->rest = *data + n;
            text->left = *len - n;
            break;
        }
    }
    if (rv != APR_SUCCESS && (rv != APR_EOF || !text->have)) {
        return rv;
    }
    *data = text->head;
    *len = text->have;
    return give(reader, text, data, len);
}
