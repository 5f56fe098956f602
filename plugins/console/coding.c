/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Which of a file's forms a client is sent, by its Accept-Encoding.  Pure: what is no list of codings is read as far as it
 * is one, and never more than that is wanted of it.
 */
#include "coding.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const char *const console_coding_name[CONSOLE_CODINGS] = { "br", "gzip", NULL };
const char *const console_coding_suffix[CONSOLE_CODINGS] = { ".br", ".gz", "" };

#define UNSAID (-1)
#define FULL 1000

static const char *skip(const char *c)
{
    return c + strspn(c, " \t");
}

/* ";q=0.5" behind a coding, in thousandths; what is no quality value is none at all, 0. */
static int quality(const char *c)
{
    int value, unit = FULL / 10;

    c = skip(c);
    if (*c != ';') {
        return FULL;
    }
    c = skip(c + 1);
    if ((*c != 'q' && *c != 'Q') || *(c = skip(c + 1)) != '=' || ((c = skip(c + 1)), *c != '0' && *c != '1')) {
        return 0;
    }
    value = (*c++ - '0') * FULL;
    if (*c == '.') {
        for (c++; *c >= '0' && *c <= '9' && unit; c++, unit /= 10) {
            value += (*c - '0') * unit;
        }
    }
    c = skip(c);
    return (*c && *c != ',') || value > FULL ? 0 : value;
}

static int is(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && !strncasecmp(name, word, len);
}

/* The place of a name among what has been said, the last one being "*"; UNSAID for one that we do not have. */
static int place(const char *name, size_t len)
{
    return is(name, len, "br")         ? CONSOLE_BROTLI
           : is(name, len, "gzip")     ? CONSOLE_GZIP
           : is(name, len, "x-gzip")   ? CONSOLE_GZIP
           : is(name, len, "identity") ? CONSOLE_IDENTITY
           : is(name, len, "*")        ? CONSOLE_CODINGS
                                       : UNSAID;
}

console_coding_e console_coding_choose(const char *accept, const int there[CONSOLE_CODINGS])
{
    int said[CONSOLE_CODINGS + 1] = { UNSAID, UNSAID, UNSAID, UNSAID }, best = 0, c;
    console_coding_e chosen = CONSOLE_IDENTITY;

    while (accept && *accept) {
        const char *name = skip(accept);
        size_t len = strcspn(name, " \t;,");
        if ((c = place(name, len)) != UNSAID) {
            said[c] = quality(name + len);
        }
        accept = name + strcspn(name, ",");
        accept += *accept == ',';
    }
    for (c = 0; c < CONSOLE_CODINGS; c++) {
        int wanted = said[c] != UNSAID ? said[c] : said[CONSOLE_CODINGS] != UNSAID ? said[CONSOLE_CODINGS] : 0;
        if ((there[c] || c == CONSOLE_IDENTITY) && wanted > best) {
            best = wanted;
            chosen = (console_coding_e)c;
        }
    }
    return chosen;
}
