/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* See template.h. */
#include "template.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define NAME_MAX_LEN 40
#define DEPTH_MAX 4

/* A tag: {{name}}, {{#name}}, {{^name}} or {{/name}}. */
typedef struct {
    char kind; /* 0, '#', '^' or '/' */
    char name[NAME_MAX_LEN + 1];
    const char *end;
} tag_t;

/* Reads the tag that begins at s ("{{"); NULL, or what is wrong. */
static const char *read_tag(apr_pool_t *p, const char *s, tag_t *tag)
{
    const char *c = s + 2;
    apr_size_t len;

    tag->kind = strchr("#^/", *c) && *c ? *c++ : '\0';
    for (len = 0; apr_islower(c[len]) || apr_isdigit(c[len]) || c[len] == '_'; len++) {
    }
    if (!len || len > NAME_MAX_LEN || strncmp(c + len, "}}", 2)) {
        return apr_psprintf(p, "\"%.20s…\" is no tag: write {{name}}, {{#name}}, {{^name}} or {{/name}}", s);
    }
    memcpy(tag->name, c, len);
    tag->name[len] = '\0';
    tag->end = c + len + 2;
    return NULL;
}

/* Checks tags and their nesting. */
static const char *check(apr_pool_t *p, const char *s)
{
    char open[DEPTH_MAX][NAME_MAX_LEN + 1];
    const char *wrong;
    int depth = 0;
    tag_t tag;

    while ((s = strstr(s, "{{")) != NULL) {
        if ((wrong = read_tag(p, s, &tag)) != NULL) {
            return wrong;
        }
        if (tag.kind == '/') {
            if (!depth || strcmp(open[depth - 1], tag.name)) {
                return apr_psprintf(p, "{{/%s}} closes what is not open", tag.name);
            }
            depth--;
        }
        else if (tag.kind) {
            if (depth == DEPTH_MAX) {
                return apr_psprintf(p, "{{%c%s}} is nested deeper than %d", tag.kind, tag.name, DEPTH_MAX);
            }
            memcpy(open[depth++], tag.name, sizeof(tag.name));
        }
        s = tag.end;
    }
    return depth ? apr_psprintf(p, "the section of %s is not closed", open[depth - 1]) : NULL;
}

static int is_utf8(const char *s)
{
    json_t *value = json_string(s);
    json_decref(value);
    return value != NULL;
}

/* Lines end in LF inside; an editor's CRLF is as good. */
static const char *unix_lines(apr_pool_t *p, const char *s)
{
    char *copy = apr_pstrdup(p, s), *to = copy;
    for (; *s; s++) {
        if (*s != '\r' || s[1] != '\n') {
            *to++ = *s;
        }
    }
    *to = '\0';
    return copy;
}

const char *saas_mail_template_read(apr_pool_t *p, const char *name, const char *text, const char *html,
                                    saas_mail_template_t *template)
{
    static const char head[] = "Subject:";
    const char *line_end, *wrong;

    if (!is_utf8(text) || (html && !is_utf8(html))) {
        return "it is not UTF-8";
    }
    text = unix_lines(p, text);
    line_end = strchr(text, '\n');
    if (strncmp(text, head, sizeof(head) - 1) || !line_end || line_end[1] != '\n') {
        return "the text part does not begin with \"Subject: …\" and an empty line";
    }
    text += sizeof(head) - 1;
    text += strspn(text, " ");
    template->name = name;
    template->subject = apr_pstrmemdup(p, text, (apr_size_t)(line_end - text));
    template->text = line_end + 2;
    template->html = html ? unix_lines(p, html) : NULL;
    if (!*template->subject) {
        return "its subject is empty";
    }
    if ((wrong = check(p, template->subject)) || (wrong = check(p, template->text))) {
        return wrong;
    }
    return template->html ? check(p, template->html) : NULL;
}

static const char *value_of(apr_pool_t *p, const json_t *vars, const char *name)
{
    const json_t *value = json_object_get(vars, name);
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (json_is_integer(value)) {
        return apr_psprintf(p, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    return "";
}

static void put(apr_array_header_t *out, const char *s, apr_size_t len)
{
    while (len--) {
        APR_ARRAY_PUSH(out, char) = *s++;
    }
}

static void put_value(apr_array_header_t *out, const char *s, saas_mail_form_e form)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" } };
    apr_size_t i;

    for (; *s; s++) {
        const char *entity = NULL;
        char c = *s;
        if (form != SAAS_MAIL_AS_HEADER && apr_iscntrl(c) && c != '\n' && c != '\t') {
            c = ' ';
        }
        for (i = 0; form == SAAS_MAIL_AS_HTML && i < sizeof(entities) / sizeof(*entities); i++) {
            entity = entities[i].c == c ? entities[i].entity : entity;
        }
        put(out, entity ? entity : &c, entity ? strlen(entity) : 1);
    }
}

const char *saas_mail_template_render(apr_pool_t *p, const char *template, const json_t *vars, saas_mail_form_e form)
{
    apr_array_header_t *out = apr_array_make(p, 1024, sizeof(char));
    const char *s = template, *next;
    int hidden = 0; /* open sections from the first one that is not shown */
    tag_t tag;

    for (; (next = strstr(s, "{{")) != NULL && !read_tag(p, next, &tag); s = tag.end) {
        if (!hidden) {
            put(out, s, (apr_size_t)(next - s));
        }
        if (tag.kind == '/') {
            hidden -= hidden > 0;
        }
        else if (tag.kind) {
            int has = *value_of(p, vars, tag.name) != '\0';
            hidden += hidden || has != (tag.kind == '#');
        }
        else if (!hidden) {
            put_value(out, value_of(p, vars, tag.name), form);
        }
    }
    put(out, s, strlen(s));
    APR_ARRAY_PUSH(out, char) = '\0';
    return out->elts;
}
