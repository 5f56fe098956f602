/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Templates of messages: text with {{name}} for the value of a variable, and
 * {{#name}}…{{/name}} for what is there only when the variable has one
 * ({{^name}}…{{/name}}: only when it has none).  Pure: APR and jansson only.
 * Values are data: nothing in one is ever read as a template.
 */
#ifndef SAAS_MAIL_TEMPLATE_H
#define SAAS_MAIL_TEMPLATE_H

#include <apr_pools.h>
#include <jansson.h>

/** A checked template. */
typedef struct saas_mail_template_t {
    const char *name;
    const char *subject;
    const char *text;
    const char *html; /**< NULL: a message of text alone */
} saas_mail_template_t;

/** How values are put in. */
typedef enum {
    SAAS_MAIL_AS_TEXT,
    SAAS_MAIL_AS_HTML,  /**< & < > " ' as entities */
    SAAS_MAIL_AS_HEADER /**< as they are: the message's writer refuses what is no header text */
} saas_mail_form_e;

/**
 * Reads a template: `text` is "Subject: …", an empty line, the text part.
 * @param html may be NULL
 * @return NULL, or what is wrong with it: no subject, not UTF-8, an unclosed
 *         section or brace
 */
const char *saas_mail_template_read(apr_pool_t *p, const char *name, const char *text, const char *html,
                                    saas_mail_template_t *template);

/** Puts the values in; what is no string or number in vars counts as not
 *  given.  Other control characters than line ends and tabs become spaces in
 *  the text and HTML forms. */
const char *saas_mail_template_render(apr_pool_t *p, const char *template, const json_t *vars, saas_mail_form_e form);

#endif
