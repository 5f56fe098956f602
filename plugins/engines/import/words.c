/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The words of tools for statuses, severities and times, and what may be text at all.  A word that is not in the
 * tables is none: nothing is guessed, least of all that a check passed.
 */

#include "reader.h"

#include <string.h>
#include <strings.h>

typedef struct word_t {
    const char *text;              /* NULL: the end */
    int value;
} word_t;

static const word_t statuses[] = {
    { "PASS", IMPORT_PASS },     { "PASSED", IMPORT_PASS }, { "FAIL", IMPORT_FAIL },    { "FAILED", IMPORT_FAIL },
    { "MANUAL", IMPORT_MANUAL }, { "ERROR", IMPORT_ERROR }, { "FAILURE", IMPORT_FAIL }, { NULL, 0 },
};

static const word_t severities[] = {
    { "critical", IMPORT_CRITICAL }, { "fatal", IMPORT_CRITICAL },
    { "high", IMPORT_HIGH },         { "medium", IMPORT_MEDIUM },
    { "moderate", IMPORT_MEDIUM },   { "low", IMPORT_LOW },
    { "informational", IMPORT_INFORMATIONAL }, { "info", IMPORT_INFORMATIONAL },
    { "unknown", IMPORT_INFORMATIONAL },       { "none", IMPORT_INFORMATIONAL },
    { NULL, 0 },
};

/** -1: it is none of them. */
static int value_of(const word_t *word, const char *text)
{
    for (; word->text; word++) {
        if (!strcasecmp(word->text, text)) {
            return word->value;
        }
    }
    return -1;
}

int import_status_word(const char *word, import_status_e *status)
{
    int value = value_of(statuses, word);
    *status = value < 0 ? IMPORT_ERROR : (import_status_e)value;
    return value >= 0;
}

int import_severity_word(const char *word, import_severity_e *severity)
{
    int value = value_of(severities, word);
    *severity = value < 0 ? IMPORT_INFORMATIONAL : (import_severity_e)value;
    return value >= 0;
}

int import_time_word(const import_reader_t *reader, const char *text, apr_time_t *t)
{
    char zoned[48];
    apr_size_t len = strlen(text);

    if (len + 2 > sizeof(zoned)) {
        return 0;
    }
    if (reader->parse_time(text, t) == APR_SUCCESS) {
        return 1;
    }
    memcpy(zoned, text, len);
    memcpy(zoned + len, "Z", 2);
    return reader->parse_time(zoned, t) == APR_SUCCESS;
}

int import_is_text(const char *text, apr_size_t len)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + len;

    while (s < end) {
        /* Bytes that follow; 9: none can. */
        apr_size_t more = s[0] < 0x80   ? 0
                          : s[0] < 0xC2 ? 9
                          : s[0] < 0xE0 ? 1
                          : s[0] < 0xF0 ? 2
                          : s[0] < 0xF5 ? 3
                                        : 9;
        apr_size_t i;
        if (!s[0] || (apr_size_t)(end - s) <= more) {
            return 0;
        }
        for (i = 1; i <= more; i++) {
            if ((s[i] & 0xC0) != 0x80) {
                return 0;
            }
        }
        /* Overlong forms, surrogates, and what lies behind Unicode. */
        if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90)
            || (s[0] == 0xF4 && s[1] > 0x8F)) {
            return 0;
        }
        s += more + 1;
    }
    return 1;
}
