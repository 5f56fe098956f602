/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Cache-Control of what a gate has let in.
 *
 * An application that knows that its page is for one person says so, and its word stays: it has "private", or
 * "no-store".  One that says anything else does not know, and what it allows - to share, but also to keep for an hour -
 * it would not allow if it did: all of it is replaced.
 *
 * Caches read these fields each in its own way, some by looking for a word anywhere in them.  So a value counts as
 * private only when it is well-formed and leaves no other reading:
 *  - private="set-cookie" is about that field alone, and lets the rest be stored;
 *  - no-store beside must-understand is void for a cache that knows the status (RFC 9111, section 5.2.2.3);
 *  - public and s-maxage beside private are taken out: which of them wins is the cache's guess.
 * And for some caches Cache-Control is not the last word: they have fields of their own, which have to go with it.
 */
#include "cachecontrol.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

typedef struct directive_t {
    const char *name, *end; /* from its name to the end of its value */
    size_t name_len;
    int has_value;
} directive_t;

/* RFC 9110, section 5.6.2. */
static int is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_token(const char *c)
{
    while (is_token_char(*c)) {
        c++;
    }
    return c;
}

static const char *skip_blanks(const char *c)
{
    while (*c == ' ' || *c == '\t') {
        c++;
    }
    return c;
}

/* Behind the closing quote, or NULL. */
static const char *skip_quoted(const char *c)
{
    for (c++; *c && *c != '"'; c++) {
        if (*c == '\\' && !*++c) {
            return NULL;
        }
    }
    return *c ? c + 1 : NULL;
}

/* The next directive of a list, 1; 0 at its end; -1 where it is malformed. */
static int next(const char **list, directive_t *directive)
{
    const char *c = *list;
    while (*c == ' ' || *c == '\t' || *c == ',') {
        c++;
    }
    if (!*c) {
        return 0;
    }
    directive->name = c;
    c = skip_token(c);
    directive->name_len = (size_t)(c - directive->name);
    directive->has_value = *c == '=';
    if (directive->has_value) {
        const char *value = c + 1;
        c = *value == '"' ? skip_quoted(value) : skip_token(value);
        if (!c || c == value) {
            return -1;
        }
    }
    directive->end = c;
    c = skip_blanks(c);
    if (!directive->name_len || (*c && *c != ',')) {
        return -1;
    }
    *list = c;
    return 1;
}

static int is(const directive_t *directive, const char *name)
{
    return !strncasecmp(directive->name, name, directive->name_len) && !name[directive->name_len];
}

static int shares(const directive_t *directive)
{
    return is(directive, "public") || is(directive, "s-maxage");
}

typedef struct summary_t {
    int is_private, no_store, must_understand, shares, malformed;
} summary_t;

static summary_t read_value(const char *value)
{
    summary_t summary = { 0 };
    directive_t directive;
    int status;
    while ((status = next(&value, &directive)) > 0) {
        summary.is_private |= is(&directive, "private") && !directive.has_value;
        summary.no_store |= is(&directive, "no-store") && !directive.has_value;
        summary.must_understand |= is(&directive, "must-understand");
        summary.shares |= shares(&directive);
    }
    summary.malformed = status < 0;
    return summary;
}

static int is_private(const summary_t *summary)
{
    return !summary->malformed && (summary->is_private || (summary->no_store && !summary->must_understand));
}

int saas_cachecontrol_is_private(const char *value)
{
    summary_t summary;
    if (!value) {
        return 0;
    }
    summary = read_value(value);
    return is_private(&summary);
}

const char *saas_cachecontrol_private(apr_pool_t *p, const char *value, const char *fallback)
{
    const char *rest = value;
    directive_t directive;
    summary_t summary;
    char *kept, *end;
    if (!value) {
        return fallback;
    }
    summary = read_value(value);
    if (!is_private(&summary)) {
        return fallback;
    }
    if (!summary.shares) {
        return value;
    }
    kept = end = apr_palloc(p, 2 * strlen(value) + 1);
    while (next(&rest, &directive) > 0) {
        size_t len = (size_t)(directive.end - directive.name);
        if (!shares(&directive)) {
            if (end > kept) {
                *end++ = ',';
                *end++ = ' ';
            }
            memcpy(end, directive.name, len);
            end += len;
        }
    }
    *end = '\0';
    return kept;
}

const char *saas_cachecontrol_stricter(const char *a, const char *b)
{
    summary_t sa, sb;
    if (!strcmp(a, b)) {
        return a;
    }
    sa = read_value(a);
    sb = read_value(b);
    return sa.no_store || sb.no_store ? SAAS_CACHECONTROL_STRICT : SAAS_CACHECONTROL_DEFAULT;
}

const char *saas_cachecontrol_check(const char *value)
{
    summary_t summary = read_value(value);
    const char *c;
    for (c = value; *c >= ' ' && *c <= '~'; c++) {
    }
    if (*c || summary.malformed) {
        return "is no list of cache directives";
    }
    if (summary.shares || !is_private(&summary)) {
        return "lets shared caches keep what a gate has let in: it needs private or no-store, and neither public nor "
               "s-maxage; Off says that they may";
    }
    return NULL;
}

int saas_cachecontrol_is_leave(const char *name, const char *value)
{
    static const char targeted[] = "-Cache-Control";
    size_t len = strlen(name), tail = sizeof(targeted) - 1;
    /* Every field of every gated page is asked about: all but "...Expires" and "...Control" are told by a letter. */
    if (!len || ((name[len - 1] | 0x20) != 'l' && (name[len - 1] | 0x20) != 's')) {
        return 0;
    }
    if (!strcasecmp(name, "X-Accel-Expires")) {
        /* nginx: seconds, or @ and a time; it goes before all others. */
        return strcmp(value, "0") != 0;
    }
    /* RFC 9213, and what Varnish, Fastly, Akamai and other networks knew before it. */
    if ((len > tail && !strcasecmp(name + len - tail, targeted)) || !strcasecmp(name, "Surrogate-Control")
        || !strcasecmp(name, "Edge-Control")) {
        summary_t summary = read_value(value);
        return summary.malformed || !summary.no_store || summary.must_understand;
    }
    return 0;
}
