/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Writes a message as it travels: RFC 5322 headers with RFC 2047 encoded words,
 * text and HTML as multipart/alternative (RFC 2046) in quoted-printable, lines
 * ending in CRLF.  Pure: APR only.  No value can add a header: one with a
 * control character refuses the message.
 */
#ifndef SAAS_MAIL_MESSAGE_H
#define SAAS_MAIL_MESSAGE_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct saas_mail_message_t {
    const char *id;        /**< of letters, digits and '-': makes Message-ID and boundary */
    apr_time_t date;
    const char *from_name; /**< may be empty */
    const char *from;      /**< an address that has been parsed */
    const char *to;        /**< likewise */
    const char *subject;
    const char *text;
    const char *html;      /**< NULL: text alone */
} saas_mail_message_t;

/** A header's text: as it is where it is plain ASCII, else in encoded words,
 *  folded; column is how much of the line is used.  NULL: not UTF-8, or it has
 *  a control character. */
const char *saas_mail_header_text(apr_pool_t *p, const char *text, int column);

/** Quoted-printable (RFC 2045 section 6.7) of text whose lines end in LF. */
const char *saas_mail_quoted_printable(apr_pool_t *p, const char *text);

/** The whole message; NULL: *why says which part cannot be in one. */
const char *saas_mail_message_write(apr_pool_t *p, const saas_mail_message_t *message, const char **why);

#endif
