/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See message.h. */
#include "message.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define LINE_MAX_LEN 76    /* with encoded words (RFC 2047, section 2), and of quoted-printable */
#define WORD_BYTES 39      /* of text in one encoded word: 64 columns */
#define SUBJECT_COLUMN 9

/* ------------------------------------------------------------- headers -- */

/* Bytes of the code point at s; 0: not UTF-8, or a control character, line
 * separators included. */
static int header_character(const unsigned char *s)
{
    int len = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    int i;

    if (!len || (len == 1 && (*s < 0x20 || *s == 0x7f))) {
        return 0;
    }
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))) {
        return 0;
    }
    return len;
}

const char *saas_mail_header_text(apr_pool_t *p, const char *text, int column)
{
    const unsigned char *s = (const unsigned char *)text;
    apr_size_t len = strlen(text), at = 0;
    const char *out = "";
    int plain = strstr(text, "=?") == NULL && column + len <= LINE_MAX_LEN;

    for (at = 0; at < len; at += (apr_size_t)header_character(s + at)) {
        if (!header_character(s + at)) {
            return NULL;
        }
        plain = plain && s[at] < 0x80;
    }
    if (plain) {
        return text;
    }
    for (at = 0; at < len;) {
        apr_size_t take = 0;
        char word[WORD_BYTES * 2];
        while (at + take < len && take + (apr_size_t)header_character(s + at + take) <= WORD_BYTES) {
            take += (apr_size_t)header_character(s + at + take);
        }
        apr_base64_encode(word, text + at, (int)take);
        out = apr_pstrcat(p, out, at ? "\r\n " : "", "=?UTF-8?B?", word, "?=", NULL);
        at += take;
    }
    return out;
}

/* A display name: a quoted string, or encoded words. */
static const char *phrase(apr_pool_t *p, const char *name)
{
    const char *text = saas_mail_header_text(p, name, 10);
    char *quoted, *to;

    if (!text || text != name) {
        return text;
    }
    quoted = to = apr_palloc(p, 2 * strlen(name) + 3);
    *to++ = '"';
    for (; *name; name++) {
        if (*name == '"' || *name == '\\') {
            *to++ = '\\';
        }
        *to++ = *name;
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}

/* RFC 5322 wants a numeric zone where apr_rfc822_date() writes GMT. */
static const char *date(apr_pool_t *p, apr_time_t when)
{
    char text[APR_RFC822_DATE_LEN];
    apr_rfc822_date(text, when);
    return apr_psprintf(p, "%.25s +0000", text);
}

/* ---------------------------------------------------------------- body -- */

static void put(apr_array_header_t *out, const char *s)
{
    while (*s) {
        APR_ARRAY_PUSH(out, char) = *s++;
    }
}

const char *saas_mail_quoted_printable(apr_pool_t *p, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    apr_array_header_t *out = apr_array_make(p, (int)strlen(text) + 256, sizeof(char));
    const unsigned char *s;
    int column = 0;

    for (s = (const unsigned char *)text; *s; s++) {
        int last = !s[1] || s[1] == '\n';
        int plain = (*s > 0x20 && *s < 0x7f && *s != '=') || ((*s == ' ' || *s == '\t') && !last);
        int width = plain ? 1 : 3;
        if (*s == '\n') {
            put(out, "\r\n");
            column = 0;
            continue;
        }
        /* The line's last column is the '=' of a soft break. */
        if (column + width > LINE_MAX_LEN - !last) {
            put(out, "=\r\n");
            column = 0;
        }
        if (plain) {
            APR_ARRAY_PUSH(out, char) = (char)*s;
        }
        else {
            APR_ARRAY_PUSH(out, char) = '=';
            APR_ARRAY_PUSH(out, char) = hex[*s >> 4];
            APR_ARRAY_PUSH(out, char) = hex[*s & 15];
        }
        column += width;
    }
    if (column) {
        put(out, "\r\n");
    }
    APR_ARRAY_PUSH(out, char) = '\0';
    return out->elts;
}

static const char *part(apr_pool_t *p, const char *type, const char *text)
{
    return apr_pstrcat(p, "Content-Type: text/", type,
                       "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
                       saas_mail_quoted_printable(p, text), NULL);
}

const char *saas_mail_message_write(apr_pool_t *p, const saas_mail_message_t *m, const char **why)
{
    const char *subject = saas_mail_header_text(p, m->subject, SUBJECT_COLUMN);
    const char *name = phrase(p, m->from_name);
    const char *at = strrchr(m->from, '@');
    const char *head, *boundary;

    *why = NULL;
    if (!subject) {
        *why = "its subject has a control character or is not UTF-8";
    }
    else if (!name) {
        *why = "the sender's name has a control character or is not UTF-8";
    }
    else if (!saas_mail_header_text(p, m->from, 0) || !saas_mail_header_text(p, m->to, 0) || !at) {
        *why = "an address has a control character";
    }
    if (*why) {
        return NULL;
    }
    head = apr_pstrcat(p, "Date: ", date(p, m->date), "\r\nFrom: ", *m->from_name ? name : "",
                       *m->from_name ? " <" : "<", m->from, ">\r\nTo: <", m->to, ">\r\nSubject: ", subject,
                       "\r\nMessage-ID: <", m->id, at, ">\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n",
                       NULL);
    if (!m->html) {
        return apr_pstrcat(p, head, part(p, "plain", m->text), NULL);
    }
    /* "=_" is in no quoted-printable text. */
    boundary = apr_pstrcat(p, "=_", m->id, NULL);
    return apr_pstrcat(p, head, "Content-Type: multipart/alternative;\r\n boundary=\"", boundary, "\"\r\n\r\n--", boundary,
                       "\r\n", part(p, "plain", m->text), "\r\n--", boundary, "\r\n", part(p, "html", m->html), "\r\n--",
                       boundary, "--\r\n", NULL);
}
