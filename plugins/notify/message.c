/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See message.h. */
#include "message.h"

#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *stored(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static json_t *target_of(const saas_notify_message_t *m)
{
    return m->target_type ? json_pack("{s:s, s:o, s:o}", "type", m->target_type, "id", text_or_null(m->target_id), "label",
                                      text_or_null(m->target_label))
                          : json_null();
}

json_t *saas_notify_body(const saas_notify_message_t *m)
{
    json_t *organization = json_pack("{s:o, s:o}", "id", text_or_null(m->org_id), "slug", text_or_null(m->org_slug));
    json_t *data = m->actor_type
                       ? json_pack("{s:o, s:{s:s, s:o, s:o}, s:o, s:o, s:o}", "organization", organization, "actor", "type",
                                   m->actor_type, "id", text_or_null(m->actor_id), "email", text_or_null(m->actor_email),
                                   "target", target_of(m), "old", stored(m->old_value), "new", stored(m->new_value))
                       : json_pack("{s:o, s:{s:o}}", "organization", organization, "endpoint", "id",
                                   text_or_null(m->endpoint_id));
    return json_pack("{s:o, s:o, s:o}", "type", text_or_null(m->type), "timestamp", text_or_null(m->time), "data", data);
}

/* Length of the well-formed UTF-8 character at s, of at most left bytes (RFC 3629); 0: it is none, or a control character. */
static apr_size_t character(const unsigned char *s, apr_size_t left)
{
    static const struct {
        unsigned char first, last, low, high, len;  /* of the first byte, of the second */
    } forms[] = {
        { 0x09, 0x0A, 0, 0, 1 },       { 0x20, 0x7E, 0, 0, 1 },       { 0xC2, 0xC2, 0xA0, 0xBF, 2 }, { 0xC3, 0xDF, 0x80, 0xBF, 2 },
        { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    apr_size_t i, n;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last || forms[i].len > left) {
            continue;
        }
        if (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high)) {
            return 0;
        }
        for (n = 2; n < forms[i].len && (s[n] & 0xC0) == 0x80; n++) {
        }
        return n >= forms[i].len || forms[i].len == 1 ? forms[i].len : 0;
    }
    return 0;
}

const char *saas_notify_excerpt(apr_pool_t *p, const char *bytes, apr_size_t len)
{
    const unsigned char *s = (const unsigned char *)bytes, *end = s + (len < SAAS_NOTIFY_EXCERPT ? len : SAAS_NOTIFY_EXCERPT);
    char *text = apr_palloc(p, (apr_size_t)(end - s) * 3 + 1), *to = text;

    while (s < end) {
        apr_size_t n = character(s, (apr_size_t)(end - s));
        if (n) {
            memcpy(to, s, n);
            to += n;
        }
        /* A character that the cut goes through is left out. */
        else if (len > SAAS_NOTIFY_EXCERPT && end - s < 4 && *s >= 0xC2) {
            break;
        }
        else if (*s != '\r') {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3;
        }
        s += n ? n : 1;
    }
    *to = '\0';
    return text;
}
