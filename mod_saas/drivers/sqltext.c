/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * One scanner that walks over a statement and copies it, leaving literals, quoted names and comments as they are;
 * the two rewrites are what it does with the rest.  The result is never longer than what room() allows for.
 */
#include "sqltext.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PARAMETER_ROOM 64

static apr_size_t room(const char *sql)
{
    apr_size_t n = strlen(sql) + 1;
    for (; *sql; sql++) {
        n += *sql == '$' ? PARAMETER_ROOM : 0;
    }
    return n;
}

static int is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_space(const char *s)
{
    while (isspace((unsigned char)*s)) {
        s++;
    }
    return s;
}

/* The end of word at s, or NULL when another one stands there. */
static const char *take_word(const char *s, const char *word)
{
    apr_size_t n = strlen(word);
    s = skip_space(s);
    return !strncasecmp(s, word, n) && !is_word(s[n]) ? s + n : NULL;
}

/* The end of the literal, quoted name or comment that begins at s; s when none does. */
static const char *skip_opaque(const char *s)
{
    const char *end;
    if (*s == '\'' || *s == '"') {
        end = s + 1;
        while (*end && (*end != *s || end[1] == *s)) {
            end += *end == *s ? 2 : 1;
        }
        return *end ? end + 1 : end;
    }
    if (s[0] == '-' && s[1] == '-') {
        return s + strcspn(s, "\n");
    }
    if (s[0] == '/' && s[1] == '*') {
        end = strstr(s + 2, "*/");
        return end ? end + 2 : s + strlen(s);
    }
    return s;
}

/* The end of a cast's type at s, just behind its "::". */
static const char *skip_type(const char *s)
{
    const char *end = take_word(s, "double");
    if (end && (end = take_word(end, "precision"))) {
        return end;
    }
    while (is_word(*s)) {
        s++;
    }
    if (*s == '(') {
        s += strcspn(s, ")");
        s += *s ? 1 : 0;
    }
    while (s[0] == '[' && s[1] == ']') {
        s += 2;
    }
    return s;
}

/* The end of a row lock at s; NULL when none stands there. */
static const char *skip_lock(const char *s)
{
    static const char *const strengths[][3] = {
        { "update" }, { "share" }, { "no", "key", "update" }, { "key", "share" }
    };
    const char *end = NULL, *next;
    int i, w;
    if (!(s = take_word(s, "for"))) {
        return NULL;
    }
    for (i = 0; i < 4 && !end; i++) {
        for (end = s, w = 0; end && w < 3 && strengths[i][w]; w++) {
            end = take_word(end, strengths[i][w]);
        }
    }
    if (end && (next = take_word(end, "of"))) {
        do {
            next = skip_space(*next == ',' ? next + 1 : next);
            while (is_word(*next)) {
                next++;
            }
            end = next;
            next = skip_space(next);
        } while (*next == ',');
    }
    if (end && (next = take_word(end, "nowait"))) {
        return next;
    }
    if (end && (next = take_word(end, "skip")) && (next = take_word(next, "locked"))) {
        return next;
    }
    return end;
}

static const char *rewrite(apr_pool_t *p, const char *sql, int for_sqlite)
{
    char *text = apr_palloc(p, room(sql)), *out = text;
    const char *s = sql, *end;
    while (*s) {
        if ((end = skip_opaque(s)) != s) {
            memcpy(out, s, (apr_size_t)(end - s));
            out += end - s;
            s = end;
        }
        else if (*s == '$' && isdigit((unsigned char)s[1])) {
            int n = 0;
            for (s++; isdigit((unsigned char)*s) && n < 10000; s++) {
                n = n * 10 + (*s - '0');
            }
            if (for_sqlite) {
                out += snprintf(out, PARAMETER_ROOM, "?%d", n);
                continue;
            }
            if (n == 1) {
                out += snprintf(out, PARAMETER_ROOM, "saas_organization()");
                continue;
            }
            /* In a subquery, cast included, it is evaluated once and can be looked up in an index. */
            out += snprintf(out, PARAMETER_ROOM, "(SELECT nullif(current_setting('saas.p%d', true), '')", n);
            if (s[0] == ':' && s[1] == ':') {
                end = skip_type(s + 2);
                memcpy(out, s, (apr_size_t)(end - s));
                out += end - s;
                s = end;
            }
            *out++ = ')';
        }
        else if (for_sqlite && s[0] == ':' && s[1] == ':') {
            s = skip_type(s + 2);
        }
        else if (is_word(*s)) {
            if (for_sqlite && (end = skip_lock(s))) {
                s = end;
                continue;
            }
            while (is_word(*s)) {
                *out++ = *s++;
            }
        }
        else {
            *out++ = *s++;
        }
    }
    *out = '\0';
    return text;
}

const char *saas_sqltext_for_sqlite(apr_pool_t *p, const char *sql)
{
    return rewrite(p, sql, 1);
}

const char *saas_sqltext_for_copy(apr_pool_t *p, const char *sql)
{
    return rewrite(p, sql, 0);
}
