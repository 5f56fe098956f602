/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The fields of an entry, under whatever name an application has given them, and the words for what is wrong with one:
 * model, primary key, field.  A value is never repeated when it could be a secret, which only passwords are.
 */
#include "django.h"

#include "core/id.h"
#include "core/timefmt.h"

#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define PROBLEMS_SAID 50

static void say(django_dump_t *dump, const char *model, const char *pk, const char *field, const char *format, va_list args)
{
    char text[512];
    if (++dump->problems > PROBLEMS_SAID) {
        return;
    }
    vsnprintf(text, sizeof(text), format, args);
    ctl_say(CTL_REFUSED, "%s %s: %s: %s", model, pk, field, text);
}

void django_problem(django_row_t *row, const char *field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(row->dump, row->model, row->pk, field, format, args);
    va_end(args);
}

void django_problem_of(django_dump_t *dump, const django_thing_t *thing, const char *field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(dump, thing->model, thing->pk, field, format, args);
    va_end(args);
}

const json_t *django_field(django_row_t *row, const char *const *names)
{
    int i;
    row->field = names[0];
    for (i = 0; names[i]; i++) {
        const json_t *value = json_object_get(row->fields, names[i]);
        if (value) {
            row->field = names[i];
            if (!json_is_null(value)) {
                return value;
            }
        }
    }
    return NULL;
}

static const void *missing(django_row_t *row, int required)
{
    if (required) {
        django_problem(row, row->field, "is missing");
    }
    return NULL;
}

const char *django_text(django_row_t *row, const char *const *names, int required)
{
    const json_t *value = django_field(row, names);
    if (!value || (json_is_string(value) && !json_string_length(value))) {
        return missing(row, required);
    }
    if (json_is_integer(value)) {
        return apr_psprintf(row->p, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    if (!json_is_string(value)) {
        django_problem(row, row->field, "is no text");
        return NULL;
    }
    return json_string_value(value);
}

/* The time in microseconds; DateTimeField without USE_TZ has no zone. */
static int parse_time(django_row_t *row, const char *text, apr_time_t *t)
{
    char zoned[64];
    if (saas_time_parse(text, t) == APR_SUCCESS) {
        return 1;
    }
    if (strlen(text) < sizeof(zoned) - 1) {
        strcpy(zoned, text);
        strcat(zoned, "Z");
        if (saas_time_parse(zoned, t) == APR_SUCCESS) {
            if (row->dump->assume_utc) {
                return 1;
            }
            django_problem(row, row->field, "\"%s\" has no time zone: --assume-utc takes it for UTC", text);
            return 0;
        }
    }
    django_problem(row, row->field, "\"%.64s\" is no time", text);
    return 0;
}

apr_time_t django_time(django_row_t *row, const char *const *names, int required)
{
    const char *text = django_text(row, names, required);
    apr_time_t t;
    return text && parse_time(row, text, &t) ? t : 0;
}

int django_time_text(django_row_t *row, const char *const *names, char *iso)
{
    const char *text = django_text(row, names, DJANGO_REQUIRED);
    apr_time_t t;
    return text && parse_time(row, text, &t) && saas_time_iso(iso, t) == APR_SUCCESS;
}

int django_flag(django_row_t *row, const char *const *names, int otherwise)
{
    const json_t *value = django_field(row, names);
    if (value && !json_is_boolean(value)) {
        django_problem(row, row->field, "is neither true nor false");
    }
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* Equal but for case, and for - _ and spaces, which are one. */
static int same_word(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '-' || *a == ' ' ? '_' : *a;
        if (strncasecmp(&x, b, 1)) {
            return 0;
        }
    }
    return *a == *b;
}

const char *django_word(django_row_t *row, const char *const *names, const django_word_t *words, int required)
{
    const char *text = django_text(row, names, required);
    if (!text) {
        return NULL;
    }
    for (; words->word; words++) {
        if (same_word(text, words->word)) {
            return words->value;
        }
    }
    django_problem(row, row->field, "\"%.64s\" is none of the values that are known (see the manual)", text);
    return NULL;
}

const char *django_key(apr_pool_t *p, const json_t *value)
{
    char id[SAAS_UUID_LEN + 1];
    const char *text;
    if (json_is_integer(value)) {
        return apr_psprintf(p, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    if (json_is_string(value) && *(text = json_string_value(value))) {
        return apr_pstrdup(p, saas_uuid_canonical(id, text) == APR_SUCCESS ? id : text);
    }
    /* A natural key (dumpdata --natural-foreign). */
    if (json_array_size(value) == 1 && (text = json_string_value(json_array_get(value, 0)))) {
        return apr_pstrcat(p, "natural key ", text, NULL);
    }
    return NULL;
}

const char *django_reference(django_row_t *row, const char *const *names, int required)
{
    const json_t *value = django_field(row, names);
    const char *key;
    if (!value) {
        return missing(row, required);
    }
    if (!(key = django_key(row->p, value))) {
        django_problem(row, row->field, "is neither a primary key nor a natural key of one part");
    }
    return key;
}

const char *django_iso(apr_pool_t *p, apr_time_t t)
{
    char *iso = apr_palloc(p, SAAS_TIME_ISO_SIZE);
    return t && saas_time_iso(iso, t) == APR_SUCCESS ? iso : NULL;
}
